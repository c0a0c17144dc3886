#!/bin/sh
# Whatever is planted, the history that shows it comes down to a few steps.
set -u
script=$(mktemp)
trap 'rm -f "$script"' EXIT
for bug in release-lost cap-overlooked missing-stays; do
    SPATE_BUG=$bug "$1" --steps 100000 --seed 7 >"$script" 2>&1 && echo "$bug was not noticed" && exit 1
    steps=$(sed -n '/with these steps alone/,$p' "$script" | grep -c '^ *[0-9]')
    echo "$bug: $steps steps"
    [ "$steps" -ge 2 ] && [ "$steps" -le 16 ] || { cat "$script"; exit 1; }
done
