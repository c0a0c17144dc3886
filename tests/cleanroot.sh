#!/usr/bin/env bash
# tests/cleanroot.sh - the promise of the README, kept on a Debian 12 on which nothing was ever
# installed by hand: tools/setup, the build, tools/check --quick.
#
# Makes the system with debootstrap in a temporary directory, from the mirror and through the
# proxies that this machine's own apt uses, and takes it away again. Needs root; takes some minutes.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo 'skipped: making a root needs to be root' && exit 77; }

# In a mount namespace of its own, so that no mount outlives this script however it ends.
[ "${1-}" = inside ] || exec unshare --mount --propagation private -- "$0" inside
cd "$(dirname "$0")/.."

root=$(mktemp -d)
finish() {
    mountpoint -q "$root/dev" && umount --recursive --lazy "$root/dev"
    mountpoint -q "$root/proc" && umount --lazy "$root/proc"
    rm -rf --one-file-system "$root"
}
trap finish EXIT
trap 'exit 130' INT TERM

mirror=$(apt-get indextargets --format '$(SITE)' 'Codename: bookworm' 'Component: main' |
    grep -v security | sort -u | head -n 1)
[ -n "$mirror" ] || { echo 'apt on this machine knows no mirror of Debian 12; apt-get update?' && exit 1; }
eval "$(apt-config shell http_proxy Acquire::http::Proxy https_proxy Acquire::https::Proxy)"
[ -z "${http_proxy-}" ] || export http_proxy
[ -z "${https_proxy-}" ] || export https_proxy

step() {
    local name=$1 began=$SECONDS
    shift
    echo "== $name"
    "$@"
    echo "== $name: $((SECONDS - began)) s"
}

strap() {
    debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
        tail -n 20 "$root.log"
        return 1
    }
    rm -f "$root.log"
    apt-config dump Acquire::http::Proxy >"$root/etc/apt/apt.conf.d/90proxy"
    apt-config dump Acquire::https::Proxy >>"$root/etc/apt/apt.conf.d/90proxy"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    mount --rbind /dev "$root/dev"
    mount -t proc proc "$root/proc"
    mkdir "$root/spate"
    git archive HEAD | tar -x -C "$root/spate"
}

in_root() {
    chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        sh -c 'cd /spate && exec "$@"' sh "$@" </dev/null
}

step 'a minimal Debian 12' strap
step 'tools/setup' in_root tools/setup
step 'configure' in_root meson setup build --buildtype=release
step 'build' in_root ninja -C build
step 'tools/check --quick' in_root tools/check --quick
