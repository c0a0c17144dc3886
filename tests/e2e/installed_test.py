#!/usr/bin/env python3
"""libspate as it is installed: found by pkg-config, one header, its soname; its example, built by hand, places an
order.  usage: installed_test.py BUILD_DIR"""
import os
import re
import subprocess
import sys

import spate

BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
EXAMPLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../io/client/example.c")


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def install(directory):
    """The installed tree's root, and what pkg-config says of it."""
    root = os.path.join(directory, "root")
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", env={**os.environ, "DESTDIR": root})
    found = {os.path.basename(name): folder for folder, _, names in os.walk(root) for name in names}
    environment = {**os.environ, "PKG_CONFIG_PATH": found["libspate.pc"], "PKG_CONFIG_SYSROOT_DIR": root}
    flags = run("pkg-config", "--cflags", "--libs", "libspate", env=environment).split()
    return found, flags


def the_example_is_built_with_pkg_config_alone_and_places_an_order(directory):
    found, flags = install(directory)
    program = os.path.join(directory, "example")
    run("cc", "-std=c17", "-Wall", "-Wextra", "-Werror", EXAMPLE, "-o", program, *flags)
    server = spate.Server(directory, "--binary", "127.0.0.1:0")
    try:
        spate.stock_up(server.http)
        asked = [program, server.address("binary"), "A", "first"]
        environment = {**os.environ, "LD_LIBRARY_PATH": found["libspate.so.0"]}
        assert run(*asked, env=environment).startswith("first: created, total 3998")
        assert run(*asked, env=environment).startswith("first: replayed")
        assert spate.ask(server.http, "GET", "/v1/orders/first")[0] == 200
        assert server.stop() == 0
    finally:
        server.kill()


def the_example_has_fewer_than_60_lines(_):
    with open(EXAMPLE, encoding="utf-8") as text:
        assert sum(1 for _ in text) < 60


def one_header_stands_alone_in_c_and_in_cxx_and_the_library_has_its_soname(directory):
    found, flags = install(directory)
    assert [name for name in found if name.endswith(".h")] == ["spate.h"]
    said = run("readelf", "-d", os.path.join(found["libspate.so.0"], "libspate.so.0"))
    assert re.search(r"SONAME.*\[libspate\.so\.0\]", said), said
    exported = run("nm", "-D", "--defined-only", os.path.join(found["libspate.so.0"], "libspate.so.0"))
    names = [line.split()[-1] for line in exported.splitlines()]
    assert names and all(name.startswith("spate_") for name in names), names
    for language in "c", "c++":
        run("cc", "-x", language, "-Wall", "-Werror", "-fsyntax-only", "-", *flags, input="#include <spate.h>\n")


if __name__ == "__main__":
    spate.run([the_example_is_built_with_pkg_config_alone_and_places_an_order,
               the_example_has_fewer_than_60_lines,
               one_header_stands_alone_in_c_and_in_cxx_and_the_library_has_its_soname])
