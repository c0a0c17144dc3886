#!/usr/bin/env python3
"""A data directory from outside: what it tells, when it is refused, whatever server made it.  usage: log_test.py BUILD_DIR

Prints TAP. Each test gets an empty directory."""
import contextlib
import glob
import json
import os
import re
import struct
import subprocess
import sys
import tarfile
import tempfile

import spate


@contextlib.contextmanager
def server(directory, *options):
    one = spate.Server(directory, *options)
    try:
        yield one
    finally:
        one.kill()


def log(*arguments, exit_code=0):
    done = subprocess.run([spate.PROGRAM, "log", *arguments], capture_output=True, text=True, check=False,
                          timeout=spate.PATIENCE_S)
    assert done.returncode == exit_code, (done.returncode, done.stdout, done.stderr)
    return done.stdout if exit_code in (0, 1) else done.stderr


def dump(data, *options):
    return [json.loads(line) for line in log("dump", data, "--format", "json", *options).splitlines()]


def refused(directory, exit_code, *options):
    """What a server says that will not start: one line."""
    done = subprocess.run([spate.PROGRAM, "serve", "--data", f"{directory}/data", "--memory", "64M", "--segment",
                           "4M", "--http", "127.0.0.1:0", "--log-level", "error", *options],
                          capture_output=True, text=True, check=False, timeout=spate.PATIENCE_S)
    assert done.returncode == exit_code, (done.returncode, done.stderr)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("memory: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def do(address, method, path, body, headers=()):
    status, answer, _ = spate.ask(address, method, path, body, headers)
    assert status in (200, 201), answer
    return answer


def shop(address, orders):
    """Some of everything that this version can do and that outlives a restart."""
    spate.stock_up(address)
    spate.stock_up(address, "B", 1000)
    for number in range(orders):
        body = spate.order(number, 1 + number % 3, "AB"[number % 2])
        body["lines"].append({"sku": "BA"[number % 2], "units": 1, "unit_price": 7})
        body["adjustments"] = [{"kind": "shipping", "amount": number}]
        do(address, "POST", "/v1/orders", body)
        if number % 5 == 0:
            do(address, "POST", f"/v1/orders/{number}/cancel", {"reason": 'too late, "sorry" – 对不起'})
        elif number % 5 == 1:
            total = (1 + number % 3) * 1999 + 7 + number
            do(address, "POST", f"/v1/orders/{number}/payments", {"payment_id": "p", "method": "card", "amount": total})
            do(address, "POST", f"/v1/orders/{number}/payments/p/capture", {}, {"Idempotency-Key": f"c{number}"})
        elif number % 5 == 2:
            do(address, "POST", f"/v1/orders/{number}/cancel", {"lines": [{"line": 2, "units": 1}]})


# ---- the tests: each name is a sentence that is true or false ----------------------------------


def a_log_tells_everything_that_has_happened(directory):
    data = f"{directory}/data"
    with server(directory) as one:
        shop(one.http, 20)
        assert one.stop() == 0
    events = dump(data)
    kinds = [event["event"] for event in events]
    assert kinds.count("order_placed") == 20 and kinds.count("order_cancelled") == 4
    assert [(e["seq"], e["index"]) for e in events] == sorted((e["seq"], e["index"]) for e in events)
    placed, cancelled = dump(data, "--order", "5")
    assert (placed["event"], cancelled["event"]) == ("order_placed", "order_cancelled")
    assert cancelled["previous"] == f"{placed['seq']}.{placed['index']}"
    assert cancelled["slices"][0]["reason"] == 'too late, "sorry" – 对不起'
    first = placed["slices"][0]
    assert (first["order"], first["customer"], first["total"], first["state"]) == ("5", "c", 3 * 1999 + 7 + 5,
                                                                                   "pending_payment")
    assert [line["units"] for line in first["lines"]] == [3, 1]
    b_number = next(e for e in events if e["event"] == "sku_put" and e["slices"][0]["code"] == "B")["slices"][0]["sku"]
    of_b = dump(data, "--sku", "B")
    assert len(of_b) > 20 and all(b_number in [s.get("sku") for s in e["slices"]] for e in of_b)
    assert [e["seq"] for e in dump(data, "--from", "3", "--to", "5")] == [e["seq"] for e in events if 3 <= e["seq"] <= 5]
    assert len(log("dump", data).splitlines()) == len(events)
    assert f"last sequence  {events[-1]['seq']}\n" in log("info", data)
    assert "are whole" in log("verify", data)


def two_servers_never_share_a_directory(directory):
    with server(directory) as one:
        line = refused(directory, 69)
        assert line.endswith(f"is in use by process {one.process.pid}: stop it, or choose another --data"), line
        assert one.stop() == 0


def somebody_elses_directory_is_not_touched(directory):
    os.mkdir(f"{directory}/data")
    with open(f"{directory}/data/letter.txt", "w") as file:
        file.write("dear")
    assert "is not a data directory of Spate (it has letter.txt)" in refused(directory, 73)
    assert os.listdir(f"{directory}/data") in (["letter.txt", "lock"], ["lock", "letter.txt"])


def a_newer_format_is_refused(directory):
    with server(directory) as one:
        assert one.stop() == 0
    path = f"{directory}/data/manifest"
    with open(path, "r+b") as file:
        for copy in (0, (os.path.getsize(path) // 2 + 4095) // 4096 * 4096):
            file.seek(copy + 8)
            version = struct.unpack("<I", file.read(4))[0]
            file.seek(copy + 8)
            file.write(struct.pack("<I", version + 1))
    assert "was written by a newer version of Spate" in refused(directory, 65)


def damage_is_told_with_file_offset_and_sequences(directory):
    with server(directory) as one:
        shop(one.http, 5)
        assert one.stop() == 0
    name = sorted(glob.glob(f"{directory}/data/log-*.seg"))[0]
    with open(name, "r+b") as file:
        blocks = file.read()
        begin = next(at for at in range(4096, len(blocks), 4096)  # persist/group.h draws the head
                     if blocks[at:at + 4] == b"SGRP" and blocks[at + 6] == 1 and
                     struct.unpack_from("<Q", blocks, at + 24)[0] == 3)
        file.seek(begin + 100)
        file.write(bytes([blocks[begin + 100] ^ 1]))
    told = re.compile(rf"{name} is damaged at offset (\d+): group 3 is missing or invalid, but everything up to "
                      r"\d+ was acknowledged \(says the manifest, offset 0\)")
    for line in (log("verify", f"{directory}/data", exit_code=65), refused(directory, 65)):
        assert told.search(line), line
        assert begin - 4096 < int(told.search(line)[1]) <= begin, line  # behind what stands before it


def a_torn_tail_is_told_and_hinders_nobody(directory):
    """A write that has never finished: the beginning of a group stands behind the last one that is whole."""
    with server(directory) as one:
        shop(one.http, 5)
        assert one.stop() == 0
    assert "torn" not in log("verify", f"{directory}/data")
    name = sorted(glob.glob(f"{directory}/data/log-*.seg"))[0]
    with open(name, "r+b") as file:
        blocks = file.read()
        last = max((at for at in range(4096, len(blocks), 4096)
                    if blocks[at:at + 4] == b"SGRP" and blocks[at + 6] == 1),
                   key=lambda at: struct.unpack_from("<Q", blocks, at + 24)[0])
        seq = struct.unpack_from("<Q", blocks, last + 24)[0]
        file.seek(next(at for at in range(last + 4096, len(blocks), 4096) if not any(blocks[at:at + 4096])))
        file.write(blocks[last:last + 24] + struct.pack("<Q", seq + 1) + blocks[last + 32:last + 512])
    told = log("verify", f"{directory}/data", exit_code=1)
    assert "bytes of a torn end; nothing in it was acknowledged" in told, told
    with server(directory) as one:
        assert [spate.ask(one.http, "GET", f"/v1/orders/{number}")[0] for number in range(5)] == [200] * 5
        assert one.stop() == 0


def state_of(data):
    """The sequence and the hash that the last clean stop has noted."""
    with open(f"{data}/manifest", "rb") as file:
        head = file.read(96)
    return struct.unpack_from("<QQ", head, 80)


def every_number_of_shards_arrives_at_the_same_state(directory):
    data = f"{directory}/data"
    still = ("--expiry-grace", "0s")  # or a start extends deadlines by what it took
    with server(directory, "--shards", "2", *still) as one:
        shop(one.http, 200)
        assert one.stop() == 0
    seq, state = state_of(data)
    assert seq > 200 and state != 0
    for shards in ("1", "3", "4", "7", "2"):
        with server(directory, "--shards", shards, *still) as one:
            assert spate.ask(one.http, "GET", "/v1/orders/5")[1]["state"] == "cancelled"
            assert one.stop() == 0
        assert state_of(data) == (seq, state), shards
    log("verify", data, "--state")


FORMATS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "formats")


def make_format(path):
    with tempfile.TemporaryDirectory() as directory:
        with server(directory, "--segment", "2M", "--shards", "2") as one:
            shop(one.http, 20)
            assert one.stop() == 0
        with open(f"{directory}/data/events.json", "w") as file:
            file.write(log("dump", f"{directory}/data", "--format", "json"))
        with tarfile.open(path, "w:xz") as archive:
            for name in sorted(os.listdir(f"{directory}/data")):
                archive.add(f"{directory}/data/{name}", name)


def every_format_that_was_ever_released_is_opened(directory):
    archives = sorted(glob.glob(f"{FORMATS}/*.tar.xz"))
    assert archives
    for path in archives:
        home = os.path.join(directory, os.path.basename(path))
        with tarfile.open(path) as archive:
            archive.extractall(f"{home}/data")
        assert "the server stopped with that state" in log("verify", f"{home}/data", "--state")
        with open(f"{home}/data/events.json") as file:
            kept = [json.loads(line) for line in file]
        os.unlink(f"{home}/data/events.json")
        for then, now in zip(kept, dump(f"{home}/data"), strict=True):
            # A later version may tell more of an event, but nothing else.
            assert then.items() <= {**now, "slices": then["slices"]}.items(), (then, now)
            assert all(a.items() <= b.items() for a, b in zip(then["slices"], now["slices"], strict=True)), (then, now)
        with server(home, "--shards", "3") as one:
            for number in range(20):
                assert spate.ask(one.http, "GET", f"/v1/orders/{number}")[0] == 200
            assert one.stop() == 0


if "--make" in sys.argv:
    sys.exit(make_format(sys.argv[sys.argv.index("--make") + 1]))

spate.run([
    every_format_that_was_ever_released_is_opened,
    a_log_tells_everything_that_has_happened,
    two_servers_never_share_a_directory,
    somebody_elses_directory_is_not_touched,
    a_newer_format_is_refused,
    damage_is_told_with_file_offset_and_sequences,
    a_torn_tail_is_told_and_hinders_nobody,
    every_number_of_shards_arrives_at_the_same_state,
], leave_damage={a_newer_format_is_refused: ["data"], damage_is_told_with_file_offset_and_sequences: ["data"]})
