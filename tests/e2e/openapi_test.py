#!/usr/bin/env python3
"""/openapi.json, held against what others say a description must be.  usage: openapi_test.py BUILD_DIR

Prints TAP. The linter is npm's @redocly/cli, taken once into BUILD_DIR/redocly; without npm or
without a network the test says that it was skipped."""
import json
import os
import shutil
import subprocess
import sys

import spate

VERSION = "1.25.11"
# Paths that are promised elsewhere: a transfer's is as long as a policy's, but takes other methods. And
# the licence of a program is not its interface's.
KNOWN = {"no-ambiguous-paths", "info-license"}


def redocly():
    found = shutil.which("redocly")
    if found:
        return found
    home = os.path.join(os.path.abspath(sys.argv[1]), "redocly")
    program = os.path.join(home, "node_modules", ".bin", "redocly")
    if not os.path.exists(program):
        if shutil.which("npm") is None:
            raise spate.Skip("there is no npm to take @redocly/cli with")
        os.makedirs(home, exist_ok=True)
        with open(os.path.join(home, "package.json"), "w") as file:
            file.write("{}")
        done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund",
                               f"@redocly/cli@{VERSION}"], cwd=home, capture_output=True, timeout=120, check=False)
        if done.returncode != 0:
            raise spate.Skip("npm could not take @redocly/cli")
    return program


def described(directory):
    one = spate.Server(directory)
    try:
        return spate.ask(one.admin, "GET", "/openapi.json")[1]
    finally:
        one.kill()


def redocly_finds_nothing_in_the_description(directory):
    program = redocly()
    path = os.path.join(directory, "openapi.json")
    document = described(directory)
    with open(path, "w") as file:
        json.dump(document, file)
    done = subprocess.run([program, "lint", "--format=json", path], cwd=directory, capture_output=True, text=True,
                          timeout=100, check=False)
    found = json.loads(done.stdout[done.stdout.index("{"):])["problems"]
    left = [f"{p['ruleId']}: {p['message']}" for p in found if p["ruleId"] not in KNOWN]
    assert not left, "\n".join(left)


if __name__ == "__main__":
    spate.run([redocly_finds_nothing_in_the_description])
