#!/usr/bin/env python3
"""kill -9 and cuts of power at every step of a real round of compaction.  usage: steps_test.py BUILD_DIR

Prints TAP. last_step.c, preloaded, ends the program before a step that is named. The cuts need root and loop
devices: ext4 in an image. Each test gets an empty directory of its own."""
import contextlib
import fcntl
import filecmp
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import spate
from spate import until

LIBRARY = os.path.join(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build"), "tests", "liblast_step.so")
ORDERS = 2200

# What a round of compaction does to files, phase by phase. A run in which one of these does not come about, or
# that does anything else to them, is a failure.
ROUND = [
    "read manifest", "fsync log-.seg", "read log-.seg", "open lanes.tmp", "write lanes.tmp",               # reading the log
    "read lanes.tmp", "read snapshot-.img", "open snapshot.tmp", "write snapshot.tmp",   # slot by slot
    "unlink lanes.tmp", "fsync snapshot.tmp", "read snapshot.tmp",                       # verifying
    "rename snapshot.tmp", "fsync data",                                                 # publishing
    "open manifest.tmp", "write manifest.tmp", "fsync manifest.tmp", "rename manifest.tmp",
    "unlink snapshot-.img",                                                              # removing the oldest
    "open archiving.tmp", "write archiving.tmp", "fsync archiving.tmp", "read archiving.tmp",
    "rename archiving.tmp", "fsync archive", "rename log-.seg",                          # putting segments away
]


def run(data, archive, code, **variables):
    """A round, made by the tool."""
    done = subprocess.run([spate.PROGRAM, "log", "compact", data, "--archive", archive], capture_output=True, text=True,
                          env={**os.environ, "LD_PRELOAD": LIBRARY, **variables}, timeout=spate.PATIENCE_S)
    assert done.returncode == code, f"{variables}: ended with {done.returncode}:\n{done.stdout}{done.stderr}"


def lines_of(path):
    with open(path) as file:
        return file.read().splitlines()


class Server(spate.Server):
    def __init__(self, directory, *options, **named):
        super().__init__(directory, "--segment", "2M", "--shards", "2", "--snapshot-rate", "0",
                         "--archive", os.path.join(directory, "archive"), *options, **named)

    def snapshot(self):
        before = self.snapshots()
        assert spate.ask(self.admin, "POST", "/snapshots")[0] == 200
        until("a snapshot", lambda: self.snapshots() > before)

    def snapshots(self):
        return int(re.search(r"^spate_snapshots_total (\d+)$", self.metrics(), re.M)[1])

    def has(self, numbers):
        return all(spate.ask(self.http, "GET", f"/v1/orders/{number}")[0] == 200 for number in numbers)


def prepare(directory):
    """A directory whose next round has everything to do; its state, as `spate log verify --state` says it."""
    os.makedirs(directory + "/archive")
    server = Server(directory)
    spate.stock_up(server.http)
    for number in range(ORDERS):
        assert spate.ask(server.http, "POST", "/v1/orders", spate.order(number))[0] == 201
        if number in (250, 600):
            server.snapshot()
    server.kill()
    return state_of(directory + "/data")


def state_of(data):
    """The one state that all snapshots, and the log behind them, come to. An assertion if it is not one."""
    done = subprocess.run([spate.PROGRAM, "log", "verify", "--state", data], capture_output=True, text=True,
                          timeout=spate.PATIENCE_S)
    assert done.returncode in (0, 1), f"{done.stdout}{done.stderr}"
    states = set(re.findall(r"^state after sequence (\d+): (\w+)", done.stdout, re.M))
    assert len(states) == 1, done.stdout
    return states.pop()


def check(kept, left, state):
    """What a round that was ended has left is whole."""
    found = state_of(left + "/data")
    assert found == state, f"{found} is not {state}"
    archived = [name for name in os.listdir(left + "/archive") if name != "archiving.tmp"]
    for name in archived:
        assert filecmp.cmp(f"{left}/archive/{name}", f"{kept}/data/{name}", shallow=False), name
    for name in os.listdir(kept + "/data"):  # none is let go that is not in the archive
        if name.startswith("log-"):
            assert name in archived or os.path.exists(f"{left}/data/{name}"), name


def check_and_go_on(kept, left, state):
    """And the next one succeeds."""
    check(kept, left, state)
    run(left + "/data", left + "/archive", 0)
    check(kept, left, state)


def copy(kept, to):
    shutil.rmtree(to, ignore_errors=True)
    os.makedirs(to)
    for name in ("data", "archive"):
        shutil.copytree(f"{kept}/{name}", f"{to}/{name}")


def steps_of_a_round(kept, place):
    """Each step's name with how often it comes."""
    copy(kept, place)
    run(place + "/data", place + "/archive", 0, SPATE_STEPS=place + "/steps")
    lines = [line for line in lines_of(place + "/steps")]
    known = set(ROUND)
    files = ("snapshot", "lanes", "manifest", "archiving", "log-", "data", "archive")
    for line in lines:
        assert line in known or not line.split(" ", 1)[1].startswith(files), f"`{line}` is no step that is known"
    counts = {line: lines.count(line) for line in ROUND}
    assert all(counts.values()), f"these do not come about: {[line for line in ROUND if not counts[line]]}"
    return counts


def which(counts):
    """The first, one in the middle and the last of each."""
    return [(line, number) for line, count in counts.items() for number in sorted({1, (count + 1) // 2, count})]


def end_before(place, line, number):
    """Kills a round before that step."""
    run(place + "/data", place + "/archive", -signal.SIGKILL, SPATE_LAST_STEP=line, SPATE_LAST_COUNT=str(number),
        SPATE_STEPS=place + "/steps")
    said = lines_of(place + "/steps")
    assert said == [line], (line, said)


# ---- the tests: each name is a sentence that is true or false ----------------------------------


def a_round_can_be_killed_before_each_of_its_steps(directory):
    kept, place = directory + "/kept", directory + "/left"
    state = prepare(kept)
    moments = which(steps_of_a_round(kept, place))
    for line, number in moments:
        copy(kept, place)
        end_before(place, line, number)
        check_and_go_on(kept, place, state)
    print(f"# {len(moments)} kills, before each of {len(ROUND)} steps")


def a_server_can_be_killed_before_each_step_of_its_round(directory):
    """Under load; but for reading, and for what a start does as well."""
    steps = [line for line in ROUND if not line.startswith("read ") and "manifest" not in line and
             line not in ("fsync data", "fsync log-.seg", "rename log-.seg")]
    acknowledged, failed, stop = [], [], threading.Event()
    os.mkdir(directory + "/archive")
    server = Server(directory)
    spate.stock_up(server.http)
    server.kill()

    def buy(address, first):
        number = first
        with contextlib.suppress(OSError, ValueError):
            while not stop.is_set():
                status = spate.ask(address, "POST", "/v1/orders", spate.order(number))[0]
                (acknowledged if status == 201 else failed).append(number)
                number += 2

    def wants_a_round(server):
        """Whenever there are orders enough that sorting them wants a file."""
        if len(acknowledged) >= wants_a_round.next:
            wants_a_round.next = len(acknowledged) + 1600
            with contextlib.suppress(OSError):
                spate.ask(server.admin, "POST", "/snapshots")

    wants_a_round.next = 1600
    for life, line in enumerate(steps):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(directory + "/steps")
        server = Server(directory, "--snapshot-every", "0",
                        environment={"LD_PRELOAD": LIBRARY, "SPATE_LAST_STEP": line, "SPATE_STEPS": directory + "/steps"})
        buyers = [threading.Thread(target=buy, args=(server.http, life * 1000000 + i)) for i in range(2)]
        for buyer in buyers:
            buyer.start()
        until(f"it comes to `{line}`", lambda: wants_a_round(server) or server.process.poll() is not None)
        assert server.process.wait() == -signal.SIGKILL, server.said()
        for buyer in buyers:
            buyer.join()
        assert lines_of(directory + "/steps") == [line] and not failed, (line, failed)
        state_of(directory + "/data")
    server = Server(directory)
    assert server.has(acknowledged)
    status, answer, _ = spate.ask(server.admin, "GET", "/audit")
    assert status == 200 and answer["ok"], answer
    assert server.stop() == 0
    print(f"# {len(steps)} kills, {len(acknowledged)} orders")


def a_read_that_fails_is_told_apart_from_damage(directory):
    """With 74, the file, and what the kernel says; but what is there twice is read from elsewhere."""
    state = prepare(directory)
    data = directory + "/data"
    to = directory + "/to"
    export, salvage = ["log", "export", data, "--csv", to], ["log", "salvage", data, "--to", to]
    serve = ["serve", "--data", data, "--memory", "64M", "--http", "127.0.0.1:0", "--segment", "2M"]
    for step, name, commands in (
            ("read manifest", "manifest", [["log", "verify", data], serve, ["log", "backup", data, "--to", to], export]),
            ("read log-.seg", "log", [["log", "verify", data], serve, ["log", "compact", data], ["log", "backup", data, "--to", to],
                                      export]),
            ("read snapshot-.img", "snapshot-", [["log", "verify", data], ["log", "verify", "--state", data], serve,
                                                 ["log", "compact", data], ["log", "backup", data, "--to", to], export,
                                                 salvage])):
        for command in commands:
            shutil.rmtree(to, ignore_errors=True)
            done = subprocess.run([spate.PROGRAM, *command], capture_output=True, text=True, timeout=spate.PATIENCE_S,
                                  env={**os.environ, "LD_PRELOAD": LIBRARY, "SPATE_FAIL_STEP": step})
            said = done.stdout + done.stderr
            assert done.returncode == 74 and name in said and "Input/output error" in said, (command, done.returncode, said)
    assert state_of(data) == state


# ---- cuts of power ------------------------------------------------------------------------------

SHUTDOWN = 2 << 30 | 4 << 16 | ord("X") << 8 | 125  # EXT4_IOC_SHUTDOWN, which no header has
WITH_JOURNAL, WITHOUT_JOURNAL = 1, 2                # whether names and lengths still arrive, but not data


class Disk:
    """ext4 in an image, without the heuristic that writes data before a rename that replaces a file."""

    def __init__(self, directory):
        self.image, self.path = directory + "/image", directory + "/disk"
        with open(self.image, "wb") as file:
            file.truncate(256 << 20)
        os.mkdir(self.path)
        self.do("mkfs.ext4", "-q", "-F", self.image)
        self.mount()

    @staticmethod
    def do(*command):
        subprocess.run(command, check=True, capture_output=True, timeout=spate.PATIENCE_S)

    def mount(self):
        self.do("mount", "-o", "loop,noauto_da_alloc", self.image, self.path)

    def sync(self):
        self.do("sync", "-f", self.path)

    def cut(self, how):
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.ioctl(directory, SHUTDOWN, how.to_bytes(4, sys.byteorder))
        os.close(directory)
        self.do("umount", self.path)
        self.mount()


@contextlib.contextmanager
def disk_in(directory):
    try:
        disk = Disk(directory)
    except (OSError, subprocess.SubprocessError) as error:
        raise spate.Skip(f"an image cannot be mounted here: {error}") from error
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk.path], check=False)


def power_can_be_cut_before_each_step_of_a_round(directory):
    kept = directory + "/kept"
    with disk_in(directory) as disk:
        state = prepare(kept)
        place = disk.path + "/left"
        moments = [(line, 1) for line in steps_of_a_round(kept, place)]
        for line, number in moments:
            for how in (WITH_JOURNAL, WITHOUT_JOURNAL):
                copy(kept, place)
                disk.sync()
                end_before(place, line, number)
                disk.cut(how)
                check_and_go_on(kept, place, state)
    print(f"# {2 * len(moments)} cuts, before each of {len(ROUND)} steps")


def a_cut_of_power_is_felt_if_the_manifest_is_not_synced(directory):
    """So that a cut is known to take something away. What else goes past the page cache, and ext4 brings names
    along with the next file that is synced: tests/unit/persist/interrupted_test.c leaves out each sync."""
    kept = directory + "/kept"
    with disk_in(directory) as disk:
        state = prepare(kept)
        place = disk.path + "/left"
        for skipped in ("nothing", "fsync manifest.tmp"):
            copy(kept, place)
            disk.sync()
            run(place + "/data", place + "/archive", 0, SPATE_SKIP_STEP=skipped)
            disk.cut(WITH_JOURNAL)
            try:
                check(kept, place, state)
                assert skipped == "nothing", "nobody misses the sync"
            except AssertionError as error:
                assert "manifest is damaged" in str(error), error


spate.run([
    a_round_can_be_killed_before_each_of_its_steps,
    a_server_can_be_killed_before_each_step_of_its_round,
    a_read_that_fails_is_told_apart_from_damage,
    power_can_be_cut_before_each_step_of_a_round,
    a_cut_of_power_is_felt_if_the_manifest_is_not_synced,
])
