#!/usr/bin/env python3
"""One bit turned over in each kind of thing that a data directory consists of: what a start, verify, salvage and
history make of it.  usage: flips_test.py BUILD_DIR

Prints TAP. The walks below know the layouts of persist/snapshot.h, core/image.h, persist/manifest.h and
persist/group.h. A state is compared by its hash, never by looking."""
import os
import re
import shutil
import struct
import subprocess

import spate
from spate import until

OPTIONS = ("--segment", "2M", "--snapshot-every", "1G", "--snapshot-rate", "0", "--expiry-grace", "0s")
PART_KINDS = {1: "order", 2: "order-stages", 20: "payment", 21: "refund", 40: "shipment", 41: "scans", 50: "return",
              60: "rules", 64: "sku", 65: "cell", 66: "limit", 67: "transfer", 90: "retry", 96: "warehouse",
              97: "region"}
FIRST, LATER = 560, 40  # orders before the older snapshot, so many that a segment is full; and before the newer


def tool(*arguments):
    done = subprocess.run([spate.PROGRAM, *arguments], capture_output=True, text=True, timeout=spate.PATIENCE_S)
    return done.returncode, done.stdout + done.stderr


def do(server, method, path, body, key=None):
    status, answer, _ = spate.ask(server.http, method, "/v1" + path, body, {"Idempotency-Key": key} if key else {})
    assert status in (200, 201), f"{method} {path}: {answer}"


def everything(server):
    """A record of each kind, each with all that may hang from it."""
    for warehouse in ("w1", "w2"):
        do(server, "PUT", f"/warehouses/{warehouse}", {"priority": 1})
    do(server, "PUT", "/regions/sh/costs", {"warehouses": {"w1": [{"distance": 10, "weight": 3}]}})
    do(server, "PUT", "/skus/A", {"currency": "CNY", "list_price": 1999, "max_per_customer": {"units": 1000000, "window_s": 86400}})
    do(server, "POST", "/stock/receive", {"sku": "A", "warehouse": "w1", "ok": 1000000}, "r-1")
    do(server, "POST", "/stock/transfers", {"transfer_id": "x", "sku": "A", "from": "w1", "to": "w2", "units": 5})
    do(server, "POST", "/orders", spate.order(0))
    for step, body in (("payments", {"payment_id": "p", "method": "alipay", "amount": 1999}),
                       ("payments/p/capture", {}), ("shipments", {"shipment_id": "s", "carrier": "sf", "tracking": "SF5"}),
                       ("shipments/s/pick", {}), ("shipments/s/handover", {}),
                       ("shipments/s/scans", {"scans": [{"code": "in_transit", "at": "2020-11-11T00:00:00Z", "place": "sh"}]}),
                       ("shipments/s/deliver", {}),
                       ("returns", {"return_id": "r", "kind": "return", "reason": "small", "lines": [{"line": 1, "units": 1}]}),
                       ("payments/p/refunds", {"refund_id": "f", "amount": 9, "reason": "a scratch"})):
        do(server, "POST", f"/orders/0/{step}", body)


def snapshot(server):
    made = lambda: int(re.search(r"^spate_snapshots_total (\d+)$", server.metrics(), re.M)[1])
    before = made()
    assert spate.ask(server.admin, "POST", "/snapshots")[0] == 200
    until("a snapshot", lambda: made() > before)


class Shop:
    """A directory with two snapshots, the log behind them, and an archive; damaged copies are made of it."""

    def __init__(self, directory):
        self.kept, self.left = directory + "/kept", directory + "/left"
        os.makedirs(self.kept + "/archive")
        with open(directory + "/rules", "w") as rules:
            rules.write("rule big on order.create when total >= 5000000 then review\n")
        server = spate.Server(self.kept, *OPTIONS, "--archive", self.kept + "/archive", "--rules", directory + "/rules")
        everything(server)
        for number in range(1, FIRST + 2 * LATER):
            if number in (FIRST, FIRST + LATER):
                snapshot(server)
            do(server, "POST", "/orders", spate.order(number))
            do(server, "POST", f"/orders/{number}/cancel", {}) if number % 20 == 0 else None
        assert server.stop() == 0
        self.state = self.state_of("kept")
        self.snapshots = sorted(name for name in os.listdir(self.kept + "/data") if name.startswith("snapshot-"))
        self.archived = sorted(os.listdir(self.kept + "/archive"))
        assert len(self.snapshots) == 2 and self.archived

    def state_of(self, which):
        """What the last clean stop has noted: the state's sequence and hash."""
        with open(f"{os.path.dirname(self.kept)}/{which}/data/manifest", "rb") as file:
            return struct.unpack_from("<QQ", file.read(96), 80)

    def bytes_of(self, name):
        with open(f"{self.kept}/{name}", "rb") as file:
            return file.read()

    def flip(self, *places):
        """A new copy with a bit of each turned over: (file, offset)."""
        shutil.rmtree(self.left, ignore_errors=True)
        shutil.copytree(self.kept, self.left)
        for name, offset in places:
            with open(f"{self.left}/{name}", "r+b") as file:
                file.seek(offset)
                byte = file.read(1)[0]
                file.seek(offset)
                file.write(bytes([byte ^ 4]))

    def start(self):
        """The server starts there and comes to the same state; what it said."""
        server = spate.Server(self.left, *OPTIONS)
        assert server.stop() == 0
        assert self.state_of("left") == self.state, "another state"
        return server.said()

    def refused(self):
        code, said = tool("serve", "--data", self.left + "/data", "--memory", "64M", "--http", "127.0.0.1:0", "--segment", "2M")
        assert code == 65, f"{code}: {said}"
        return said

    def verify(self, code):
        got, said = tool("log", "verify", self.left + "/data")
        assert got == code, f"verify ends with {got}: {said}"
        return said

    def salvage(self, code):
        """The new directory is whole; what was said, and its state's hash."""
        shutil.rmtree(self.left + "/new", ignore_errors=True)
        got, said = tool("log", "salvage", self.left + "/data", "--to", self.left + "/new")
        assert got == code, f"salvage ends with {got}: {said}"
        verified, state = tool("log", "verify", "--state", self.left + "/new")
        assert verified == 0, state
        return said, int(re.search(r"^state after sequence \d+: (\w+)", state, re.M)[1], 16)


# ---- where what is ------------------------------------------------------------------------------


def snapshot_places(image):
    """One of each kind, by a name for it: the head's fields, a block's, a record's, and of each kind of part its
    head and its last byte."""
    places = {f"head, byte {at}": at for at in range(0, 112, 8)}
    at = 4096
    blocks = []
    while at < len(image):
        bytes_, count = struct.unpack_from("<II", image, at + 8)
        blocks.append((at, bytes_, count))
        at += 1 << 20
    first = blocks[0][0]
    places.update({"block, sum": first, "block, bytes": first + 8, "block, records": first + 12})
    for begin, _, count in blocks:
        record = begin + 16
        for _ in range(count):
            record_bytes, = struct.unpack_from("<I", image, record)
            places.setdefault("record, bytes", record)
            places.setdefault("record, slot", record + 4)
            part = record + 8
            while part < record + record_bytes:
                part_bytes, kind = struct.unpack_from("<IH", image, part)
                name = PART_KINDS[kind]
                places.setdefault(f"{name}, kind", part + 4)
                places.setdefault(f"{name}, last byte", part + part_bytes - 1)
                part += part_bytes
            record += record_bytes
    missing = [name for name in PART_KINDS.values() if f"{name}, kind" not in places]
    assert not missing, f"no record has {missing}"
    return places


def manifest_places(manifest):
    """Each field of both copies, and the first epoch of the table."""
    return {f"{copy}, byte {at}": (start, at) for copy, start in (("first copy", 0), ("second copy", (len(manifest) // 2 + 4095) // 4096 * 4096))
            for at in range(0, 112, 8)}


GROUP_FIELDS = {"magic": 0, "version": 4, "kind": 6, "log id": 8, "epoch": 16, "sequence": 24, "bytes": 32, "events": 36,
                "witness": 40, "chain": 48, "body sum": 56, "head sum": 64}
GROUP, WITNESS, END = 1, 2, 3


def heads(segment):
    """All groups and marks of a segment: (offset, kind, sequence, bytes of its events)."""
    at = 4096
    while at + 72 <= len(segment):
        if segment[at:at + 4] != b"SGRP":
            at = (at // 4096 + 1) * 4096
            continue
        sequence, bytes_ = struct.unpack_from("<QI", segment, at + 24)
        yield at, segment[at + 6], sequence, bytes_
        at += 72 + bytes_


# ---- the tests: each name is a sentence that is true or false ----------------------------------


def a_flip_anywhere_in_the_newest_snapshot_is_told_and_the_older_one_serves(directory):
    shop = Shop(directory)
    newest = shop.snapshots[1]
    places = snapshot_places(shop.bytes_of("data/" + newest))
    for what, offset in places.items():
        shop.flip(("data/" + newest, offset))
        said = shop.verify(65)
        assert f"{newest}, block 0: it is damaged" in said, (what, said)
        assert f"{newest} is passed over: it is damaged" in shop.start(), what
        shop.flip(("data/" + newest, offset))
        said, state = shop.salvage(0)
        assert f"{newest} is passed over: it is damaged" in said and state == shop.state[1], (what, said)
    shop.flip(*[("data/" + name, 4096) for name in shop.snapshots])
    said = shop.refused()
    assert f"restore {shop.snapshots[0]}" in said or f"restore {shop.snapshots[1]}" in said, said
    code, said = tool("log", "salvage", shop.left + "/data", "--to", shop.left + "/new")
    assert code == 65 and "no snapshot is whole, and the log begins with sequence" in said, said
    code, said = tool("log", "backup", shop.left + "/data", "--to", shop.left + "/backup")
    assert code == 65 and "no snapshot in" in said, (code, said)
    shop.flip(("data/" + newest, 4096))
    code, said = tool("log", "backup", shop.left + "/data", "--to", shop.left + "/backup")
    assert code == 0 and f"{newest} is damaged: left out" in said, (code, said)
    code, said = tool("log", "verify", "--state", shop.left + "/backup")
    assert code == 0 and "the server stopped with that state" in said, (code, said)
    code, said = tool("log", "export", shop.left + "/data", "--csv", shop.left + "/csv")
    assert code == 0 and f"{newest}: it is damaged" in said, (code, said)
    print(f"# {len(places)} places")


def a_flip_in_one_copy_of_the_manifest_is_healed_and_one_in_both_is_refused(directory):
    shop = Shop(directory)
    places = manifest_places(shop.bytes_of("data/manifest"))
    other = max(start for start, _ in places.values())
    for what, (start, at) in places.items():
        shop.flip(("data/manifest", start + at))
        shop.verify(0)
        shop.start()
        shop.flip(("data/manifest", at), ("data/manifest", other + at))
        for said in (shop.verify(65), shop.refused()):
            assert "manifest is damaged: restore it" in said or at == 8 and "newer version" in said, (what, said)
        said, state = shop.salvage(0)
        assert "made anew from the segments" in said and state == shop.state[1], (what, said)
    print(f"# {len(places)} places")


def events_of(shop, first):
    """From that sequence on, each as salvage lists it."""
    code, said = tool("log", "dump", shop.kept + "/data", "--from", str(first))
    assert code == 0
    return re.findall(r"^(\d+)\.(\d+) ", said, re.M)


def a_flip_in_the_log_is_told_with_its_place_and_salvage_lists_exactly_what_is_lost(directory):
    shop = Shop(directory)
    names = sorted(name for name in os.listdir(shop.kept + "/data") if name.startswith("log-"))
    behind = int(re.search(r"\d+", shop.snapshots[1])[0])
    groups = [(f"data/{name}", *head) for name in names for head in heads(shop.bytes_of(f"data/{name}"))]
    alive = [group for group in groups if group[2] == GROUP and group[3] > behind]
    last = max(group[3] for group in alive)
    name, at, _, sequence, bytes_ = alive[len(alive) // 2]
    rows = {f"group, {field}": at + offset for field, offset in GROUP_FIELDS.items()}
    before = alive[len(alive) // 2 - 1]
    behind_it = before[1] + 72 + before[4]  # there the search for the next one begins
    rows |= {"its events, first byte": at + 72, "its events, last byte": at + 72 + bytes_ - 1}
    for what, offset in rows.items():
        shop.flip((name, offset))
        told = rf"{name[5:]} is damaged at offset (\d+): group {sequence} is missing or invalid, but everything up to {last} was"
        for said in (shop.verify(65), shop.refused()):
            place = re.search(told, said)
            assert place and behind_it <= int(place[1]) <= at, (what, at, said)
        said, _ = shop.salvage(1)
        lost = re.findall(r"^lost (\d+)\.(\d+) ", said, re.M)
        assert lost == events_of(shop, sequence + 1), (what, said)  # the group itself cannot be read
        assert f"has everything up to sequence {sequence - 1}\n" in said, (what, said)
        assert f"lost: sequences {sequence} to {last}, which were acknowledged; {len(lost)} events of them" in said, what
    print(f"# {len(rows)} places of a group")
    # Two that are broken: neither can be listed.
    second = alive[len(alive) // 2 + 3]
    shop.flip((name, at + 72), (second[0], second[1] + 72))
    said, _ = shop.salvage(1)
    lost = re.findall(r"^lost (\d+)\.(\d+) ", said, re.M)
    assert lost == [event for event in events_of(shop, sequence + 1) if int(event[0]) != second[3]], said
    # The last one that was acknowledged: there is nothing behind it to be listed.
    shop.flip((alive[-1][0], alive[-1][1] + 72))
    said, _ = shop.salvage(1)
    assert f"lost: sequences {last} to {last}, which were acknowledged; 0 events" in said, said
    # A segment's head.
    shop.flip((name, 8))
    for said in (shop.verify(65), shop.refused()):
        assert name[5:] in said, said
    # Marks: an end mark leads to the next segment; what a witness block says, others say too.
    ends = [group for group in groups if group[2] == END]
    witnesses = [group for group in groups if group[2] == WITNESS]
    assert witnesses
    shop.flip((witnesses[-1][0], witnesses[-1][1] + 64))
    shop.verify(0)
    shop.start()
    for end in ends[-1:]:
        shop.flip((end[0], end[1] + 64))
        if end[3] >= behind:
            assert f": group {end[3] + 1} is missing" in shop.refused()
        else:
            shop.start()


def a_flip_in_the_archive_cuts_histories_short_and_nothing_else(directory):
    shop = Shop(directory)
    name = "archive/" + shop.archived[0]
    segment = shop.bytes_of(name)
    code, said = tool("log", "verify", shop.kept + "/data")
    assert code == 0, said

    def history(number):
        server = spate.Server(shop.left, *OPTIONS, "--archive", shop.left + "/archive")
        status, page, _ = spate.ask(server.http, "GET", f"/v1/orders/{number}/history")
        assert status == 200 and server.stop() == 0
        assert shop.state_of("left") == shop.state
        return page

    shop.flip()
    whole = history(20)
    assert [item["event"] for item in whole["items"]] == ["order_cancelled", "order_placed"] and "truncated_before" not in whole
    cancelled, placed = (next(head for head in heads(segment) if head[1] == GROUP and head[2] == item["seq"])
                         for item in whole["items"])
    rows = {"segment, magic": (0, 2), "segment, checksum": (40, 2), "order placed, head sum": (placed[0] + 64, 1),
            "order placed, events": (placed[0] + 72, 1), "order cancelled, events": (cancelled[0] + 72, 0),
            "order cancelled, chain": (cancelled[0] + 48, 0)}
    for what, (offset, left) in rows.items():
        shop.flip((name, offset))
        page = history(20)
        assert page["items"] == whole["items"][:left] and ("truncated_before" in page) == (left < 2), (what, page)
    end = next(head for head in heads(segment) if head[1] == END)
    shop.flip((name, end[0] + 64))
    page = history(20)
    assert page["items"] == whole["items"][:len(page["items"])], page


LEAVE_DAMAGE = {
    a_flip_anywhere_in_the_newest_snapshot_is_told_and_the_older_one_serves: ["left/data"],
    a_flip_in_one_copy_of_the_manifest_is_healed_and_one_in_both_is_refused: ["left/data"],
    a_flip_in_the_log_is_told_with_its_place_and_salvage_lists_exactly_what_is_lost: [],
}
spate.run([
    a_flip_anywhere_in_the_newest_snapshot_is_told_and_the_older_one_serves,
    a_flip_in_one_copy_of_the_manifest_is_healed_and_one_in_both_is_refused,
    a_flip_in_the_log_is_told_with_its_place_and_salvage_lists_exactly_what_is_lost,
    a_flip_in_the_archive_cuts_histories_short_and_nothing_else,
], leave_damage=LEAVE_DAMAGE)
