#!/usr/bin/env python3
"""Disks that are full or broken, for real: ext4 in an image.  usage: disk_test.py BUILD_DIR

Prints TAP. Mounting needs root and loop devices; without them what needs an image is skipped. Each
test gets a server and an empty directory of its own."""
import contextlib
import http.client
import json
import os
import re
import subprocess
import tempfile

import spate
from left import verify_what_is_left

MIB = 1 << 20


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=spate.PATIENCE_S)


@contextlib.contextmanager
def mounted(source, target, *options):
    os.makedirs(target, exist_ok=True)
    run("mount", *options, source, target)
    try:
        yield target
    finally:
        run("umount", "--lazy", target)


@contextlib.contextmanager
def image(directory, mib):
    """ext4 in a file: its own path, and where it is mounted."""
    path = os.path.join(directory, "image")
    with open(path, "wb") as file:
        file.truncate(mib * MIB)
    run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", path)
    with mounted(path, os.path.join(directory, "disk"), "-o", "loop") as disk:
        yield path, disk
        verify_what_is_left(spate.PROGRAM, disk)  # before it is not there any more


class Server(spate.Server):
    """One that keeps its data on a disk of its own, and a connection to it: thousands of requests."""

    def __init__(self, disk, directory, *options):
        super().__init__(directory, *options, data=os.path.join(disk, "data"))
        self.connection = http.client.HTTPConnection(self.http, timeout=spate.PATIENCE_S)

    def ask(self, method, path, body=None, headers=()):
        headers = {"Content-Type": "application/json", **dict(headers)}
        self.connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
        answer = self.connection.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None, answer.headers

    def order(self, number):
        return self.ask("POST", "/v1/orders", spate.order(f"o{number}"))

    def receive(self, number):
        return self.ask("POST", "/v1/stock/receive", {"sku": "A", "warehouse": "w1", "ok": 5},
                        {"Idempotency-Key": f"full-{number}"})

    def metric(self, name):
        return int(re.search(rf"^spate_{name} (\d+)$", self.metrics(), re.M)[1])


@contextlib.contextmanager
def serving(disk, directory, *options):
    server = Server(disk, directory, *options)
    try:
        yield server
    finally:
        server.kill()


def fill_up(path):
    """Takes every block there is."""
    with open(path, "wb", buffering=0) as ballast:
        for bytes in (MIB, 4096):
            with contextlib.suppress(OSError):
                while ballast.write(b"\1" * bytes) == bytes:
                    pass
        with contextlib.suppress(OSError):
            os.fsync(ballast.fileno())


def a_full_disk_refuses_orders_lets_the_rest_go_on_and_resumes_by_itself(directory):
    with image(directory, 64) as (_, disk), serving(disk, directory) as server:
        spate.stock_up(server.http)
        spate.until("two segments are ready", lambda: server.metric("log_segments_ready") == 2)
        fill_up(os.path.join(disk, "ballast"))
        placed = 0
        while True:
            status, body, headers = server.order(placed)
            if status != 201:
                break
            placed += 1
            assert placed < 100000, "the disk never fills up"
        assert (status, body["code"], headers["Retry-After"]) == (503, "storage_full", "1"), (status, body)
        assert server.metric("log_full") == 1
        for number in range(100):
            status, body, _ = server.ask("POST", f"/v1/orders/o{number}/cancel", {"reason": "full"})
            assert (status, body["state"]) == (200, "cancelled"), body
        assert server.order(1)[2]["Idempotent-Replayed"] == "true"
        assert server.order(placed)[0] == 503
        received = 0
        while (status := server.receive(received)[0]) == 200:
            received += 1
            assert received < 10000, "the reserve never comes to its end"
        assert status == 503 and received > 100, (status, received)
        for number in range(1500):  # more than would still fit
            assert server.receive(received + number)[1]["code"] == "storage_full"
        assert server.ask("GET", "/v1/orders/o1")[0] == 200
        assert server.metric("log_full") == 1
        os.unlink(os.path.join(disk, "ballast"))
        spate.until("orders are taken again", lambda: server.order(placed)[0] == 201)
        assert server.metric("log_full") == 0
        assert server.stop() == 0, server.said()
        with serving(disk, directory) as again:
            for number in (0, placed - 1, placed):
                assert again.ask("GET", f"/v1/orders/o{number}")[0] == 200
            assert again.stop() == 0
    return f"{placed} orders before the disk was full, then {received} receipts from the reserve"


def extents(path):
    """Where a file's blocks lie on its device: (offset in the file, offset on the device, bytes)."""
    out = subprocess.run(["filefrag", "-e", "-b1", path], check=True, capture_output=True, text=True).stdout
    return [(int(m[1]), int(m[2]), int(m[3]))
            for m in re.finditer(r"^ *\d+: +(\d+)\.\. +\d+: +(\d+)\.\. +\d+: +(\d+):", out, re.M)]


def break_second_half(image_path, segment):
    """Takes the device's blocks under the second half of a segment away, for good."""
    half = os.path.getsize(segment) // 2
    for logical, physical, length in extents(segment):
        begin = max(logical, half)
        if begin < logical + length:
            run("fallocate", "--punch-hole", "--offset", str(physical + begin - logical),
                "--length", str(logical + length - begin), image_path)


def a_failed_write(directory, sync):
    """An over-committed device: the image has holes, and what it lies on is full."""
    store = os.path.join(directory, "store")
    with mounted("none", store, "-t", "tmpfs", "-o", "size=128m"):
        with image(store, 64) as (image_path, disk):
            with serving(disk, directory, "--sync", sync) as server:
                spate.stock_up(server.http)
                spate.until("two segments are ready", lambda: server.metric("log_segments_ready") == 2)
                segments = sorted(name for name in os.listdir(disk + "/data") if name.startswith("log-"))
                run("sync", "-f", disk)
                break_second_half(image_path, os.path.join(disk, "data", segments[0]))
                fill_up(os.path.join(store, "ballast"))
                placed = 0
                with contextlib.suppress(OSError, http.client.HTTPException):
                    while server.order(placed)[0] == 201:
                        placed += 1
                exit_code = server.process.wait(spate.PATIENCE_S)
                assert exit_code == 74, (exit_code, server.said())
                assert "the log cannot be written: nothing more is acknowledged" in server.said(), server.said()
            os.unlink(os.path.join(store, "ballast"))
            assert placed > 100
            with serving(disk, directory) as again:
                for number in range(placed):
                    assert again.ask("GET", f"/v1/orders/o{number}")[0] == 200, f"o{number} is lost"
                assert again.stop() == 0
    return f"{placed} acknowledged orders are all there"


def a_failed_write_ends_the_server_with_74_and_loses_nothing(directory):
    return a_failed_write(directory, "dsync")


def a_failed_sync_ends_the_server_with_74_and_loses_nothing(directory):
    return a_failed_write(directory, "fdatasync")


def a_server_that_does_not_sync_says_so_everywhere(directory):
    with serving(directory, directory, "--sync", "none") as server:
        assert "sync: none: A POWER CUT LOSES WHAT WAS ACKNOWLEDGED" in server.said()
        assert server.ask("GET", "/v1/orders/o1")[2]["X-Durability"] == "none; a power cut loses this"
        assert server.metric("log_synced") == 0
    with serving(directory, directory, "--sync", "auto") as server:
        assert "X-Durability" not in server.ask("GET", "/v1/orders/o1")[2]
        assert server.metric("log_synced") == 1
        chosen = re.search(r"^sync: .*$", server.said(), re.M)
        assert re.match(r"sync: (dsync|fdatasync); a block takes \d+ us with dsync, \d+ us with fdatasync$",
                        chosen[0]), server.said()
    print(f"# {chosen[0]}")


def flushes(disk):
    """How often the disk's device was asked to empty its cache: what a power cut here does not take away."""
    device = os.stat(disk).st_dev
    with open(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat", encoding="ascii") as counts:
        return int(counts.read().split()[15])


def an_answer_comes_when_the_disks_cache_has_been_emptied(directory):
    """Orders one at a time, each of which is a write of the log: so many are the least."""
    orders, seen = 200, {}
    with image(directory, 64) as (_, disk):
        for sync in ("dsync", "fdatasync", "none"):
            with serving(disk, directory, "--sync", sync) as server:
                if not seen:
                    spate.stock_up(server.http)
                spate.until("two segments are ready", lambda: server.metric("log_segments_ready") == 2)
                before = flushes(disk)
                for number in range(orders):
                    assert server.ask("POST", "/v1/orders", spate.order(f"{sync}-{number}"))[0] == 201
                seen[sync] = flushes(disk) - before
                assert server.stop() == 0, server.said()
    assert seen["dsync"] >= orders and seen["fdatasync"] >= orders > seen["none"], seen
    return f"{orders} orders, each alone; the disk's cache was emptied: {seen}"


def with_image(test):
    def checked(directory):
        if why_not:
            raise spate.Skip(why_not)
        print(f"# {test(directory)}")

    checked.__name__ = test.__name__
    return checked


def reason_not_to():
    if os.geteuid() != 0:
        return "mounting an image needs root"
    with tempfile.TemporaryDirectory() as directory:
        try:
            with image(directory, 8):
                return None
        except (OSError, subprocess.SubprocessError) as error:
            return f"an image cannot be mounted here: {error}"


why_not = reason_not_to()
spate.run([
    a_server_that_does_not_sync_says_so_everywhere,
    with_image(an_answer_comes_when_the_disks_cache_has_been_emptied),
    with_image(a_full_disk_refuses_orders_lets_the_rest_go_on_and_resumes_by_itself),
    with_image(a_failed_write_ends_the_server_with_74_and_loses_nothing),
    with_image(a_failed_sync_ends_the_server_with_74_and_loses_nothing),
])
