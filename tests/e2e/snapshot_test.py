#!/usr/bin/env python3
"""Snapshots, backups and what to do when something is wrong, with a real server and the real tool: every
step of persist/RUNBOOK.md.  usage: snapshot_test.py BUILD_DIR [TEST...]

Prints TAP. Each test gets an empty directory of its own."""
import contextlib
import csv
import filecmp
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

import spate
from spate import until


def tool(*arguments, code=0):
    """What `spate` prints; it must end with that code."""
    done = subprocess.run([spate.PROGRAM, *arguments], capture_output=True, text=True, timeout=spate.PATIENCE_S)
    assert done.returncode == code, f"spate {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def tool_within(mib, *words):
    """With so much address space: how it ends and what it says."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (mib << 20, mib << 20))
    done = subprocess.run([spate.PROGRAM, *words], capture_output=True, text=True, preexec_fn=limit, timeout=spate.PATIENCE_S)
    return done.returncode, done.stdout + done.stderr


class Server(spate.Server):
    """With two SKUs, and orders by their numbers."""

    def __init__(self, data, *options, shards=2):
        super().__init__(os.path.dirname(data), "--shards", str(shards), "--segment", "2M", "--snapshot-rate", "0",
                         *options, data=data)

    def ask(self, method, path, body=None, headers=()):
        return spate.ask(self.http, method, path, body, headers)

    def set_up(self):
        for sku in "AB":
            spate.stock_up(self.http, sku, 10000000)

    def order(self, number, lines=1):
        order = spate.order(f"o{number}", sku="AB"[number % 2])
        return self.ask("POST", "/v1/orders", {**order, "lines": order["lines"] * lines})

    def orders(self, numbers):
        for number in numbers:
            assert self.order(number)[0] == 201, number

    def has(self, numbers):
        return all(self.ask("GET", f"/v1/orders/o{number}")[0] == 200 for number in numbers)

    def metric(self, name):
        return int(re.search(rf"^spate_{name} (\d+)$", self.metrics(), re.M)[1])

    def ask_for_a_snapshot(self):
        status, said, _ = spate.ask(self.admin, "POST", "/snapshots")
        assert status == 200, said
        return said.decode()

    def snapshot(self):
        before = self.metric("snapshots_total")
        self.ask_for_a_snapshot()
        until("a snapshot", lambda: self.metric("snapshots_total") > before)

    def audit(self):
        status, answer, _ = spate.ask(self.admin, "GET", "/audit")
        assert status == 200 and answer["ok"], answer

    def stop(self, with_signal=signal.SIGTERM):
        code = super().stop(with_signal)
        assert code == 0, f"exit code {code}:\n{self.said()}"


def refused(data, code):
    """Why a server does not start there."""
    done = subprocess.run([spate.PROGRAM, "serve", "--data", data, "--memory", "64M", "--http", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=spate.PATIENCE_S)
    assert done.returncode == code, f"{done.returncode}: {done.stderr}"
    return done.stderr


def snapshots(data):
    return sorted(name for name in os.listdir(data) if name.startswith("snapshot-"))


def segments(data):
    return sorted(name for name in os.listdir(data) if name.startswith("log-"))


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 4]))


# ---- snapshots -------------------------------------------------------------------------------------------

def a_retry_from_before_a_snapshot_gets_its_first_answer(directory):
    server = Server(directory + "/data")
    server.set_up()
    server.orders(range(50))
    server.snapshot()
    server.kill()
    for shards in (1, 3):
        server = Server(directory + "/data", shards=shards)
        assert "of a snapshot" in server.said() and "and 0 events" in server.said(), server.said()
        status, _, headers = server.ask("POST", "/v1/stock/receive", *spate.receipt("A", 10000000))
        assert status == 200 and headers["Idempotent-Replayed"] == "true"
        status, _, headers = server.order(7)
        assert status == 201 and headers["Idempotent-Replayed"] == "true"
        server.audit()
        server.kill()
    assert "the same state" not in tool("log", "verify", "--state", directory + "/data")


def state_is_the_same_from_every_snapshot_and_from_the_log(directory):
    server = Server(directory + "/data")
    server.set_up()
    for n in range(3):
        server.orders(range(n * 30, n * 30 + 30))
        server.snapshot()
    server.orders(range(90, 100))
    server.stop()
    said = tool("log", "verify", "--state", directory + "/data")
    hashes = re.findall(r"^state after sequence \d+: (\w+)", said, re.M)
    assert len(hashes) == 2 and len(set(hashes)) == 1, said
    assert "the server stopped with that state" in said, said
    assert len(snapshots(directory + "/data")) == 2


def on_a_terminal(*arguments):
    """What `spate` writes to stderr where that is a terminal; it must end with 0."""
    ours, theirs = pty.openpty()
    with open(ours, "rb", buffering=0) as screen:
        with subprocess.Popen([spate.PROGRAM, *arguments], stdout=subprocess.DEVNULL, stderr=theirs) as process:
            os.close(theirs)
            said = b""
            with contextlib.suppress(OSError):  # so it ends when nobody has the other end any more
                while part := screen.read(4096):
                    said += part
            assert process.wait(spate.PATIENCE_S) == 0, said
    return said.decode()


def a_terminal_sees_progress_over_itself_and_a_pipe_plain_lines_if_any(directory):
    server = Server(directory + "/data")
    server.set_up()
    server.orders(range(30))
    server.kill()
    data = directory + "/data"
    for words in (["verify", "--state", data], ["compact", data], ["export", data, "--csv", directory + "/csv"],
                  ["backup", data, "--to", directory + "/copy"], ["salvage", data, "--to", directory + "/new"]):
        said = on_a_terminal("log", *words)
        assert re.match(rf"spate log {words[0]}: [^\r\n]+: \d+( of \d+)?[^\r\n]*\033\[K\r", said), repr(said)
        assert said.endswith("\033[K"), repr(said)
        assert not re.search(r"spate log [^\r\n]*\r?\n", said), repr(said)  # only over itself
        for line in re.findall(r"([^\r\n]*)\r?\n", said):  # what else is said leaves nothing of it behind
            assert line.endswith("\033[K"), repr(said)
    assert "\r" not in tool("log", "verify", "--state", data)


def snapshot_and_log_the_whole_log_and_the_server_itself_come_to_one_hash(directory):
    server = Server(directory + "/data")
    server.set_up()
    server.orders(range(30))
    server.snapshot()  # the first one: the log still begins at its beginning
    server.orders(range(30, 60))
    a_sale_that_comes_back(server, 5)
    server.stop()
    said = tool("log", "verify", "--state", directory + "/data")
    states = dict(re.findall(r"^state after sequence \d+: (\w+), \d+ records; from (the log alone|the snapshot)", said, re.M))
    assert len(states) == 1 and said.count("\nstate after") == 2, said
    assert "from the log alone" in said and "from the snapshot" in said, said
    assert "the server stopped with that state" in said, said


def a_snapshot_is_made_when_enough_time_has_passed(directory):
    server = Server(directory + "/data", "--snapshot-every", "0", "--snapshot-period", "100ms")
    server.set_up()
    until("the first snapshot", lambda: server.metric("snapshots_total") >= 1)
    made = server.metric("snapshots_total")
    server.orders(range(3))
    until("another one", lambda: server.metric("snapshots_total") > made)
    server.kill()
    server = Server(directory + "/data")
    assert "of a snapshot" in server.said() and server.has(range(3))
    server.stop()


def segments_go_to_the_archive_and_are_whole_there(directory):
    archive = directory + "/archive"
    os.mkdir(archive)
    server = Server(directory + "/data", "--archive", archive, "--snapshot-every", "1M")
    server.set_up()
    number = 0
    while not segments(archive):
        server.orders(range(number, number + 20))
        number += 20
    server.stop()
    assert os.path.getsize(os.path.join(archive, segments(archive)[0])) == 2 << 20
    server = Server(directory + "/data")
    assert server.has(range(0, number, 17))
    server.stop()


def an_archive_is_no_data_directory_and_of_one_log_only(directory):
    """So a new log that begins to count anew, as one that was salvaged does, writes nothing of the old one over."""
    data, archive = directory + "/data", directory + "/archive"
    os.mkdir(archive)
    server = Server(data, "--archive", archive)
    server.set_up()
    for life in range(3):
        server.orders(range(life * 600, life * 600 + 600))
        server.snapshot()
    server.kill()
    kept = {name: open(f"{archive}/{name}", "rb").read() for name in os.listdir(archive)}
    assert kept
    for words in (["log", "compact", data], ["serve", "--data", data, "--memory", "64M", "--http", "127.0.0.1:0"]):
        assert "it is a data directory" in tool(*words, "--archive", data, code=73)
    tool("log", "salvage", data, "--to", directory + "/new")
    server = Server(directory + "/new", "--archive", archive)
    for life in range(3, 6):
        server.orders(range(life * 600, life * 600 + 600))
        server.ask_for_a_snapshot()
    server.says("the archive has a segment of that name from another log")
    server.kill()
    assert kept == {name: open(f"{archive}/{name}", "rb").read() for name in kept}


def who_looks_at_a_directory_touches_nothing_in_it(directory):
    """Not even what the server's own rounds write there meanwhile."""
    data = directory + "/data"
    server = Server(data)
    server.set_up()
    server.orders(range(600))
    server.snapshot()
    server.orders(range(600, 1200))
    server.kill()
    with open(data + "/lanes.tmp", "w") as lanes:
        lanes.write("another's")
    names = sorted(os.listdir(data))
    shutil.copytree(data, directory + "/kept")
    for words in (["info"], ["verify"], ["verify", "--state"], ["dump"], ["export", "--csv", directory + "/e"],
                  ["backup", "--to", directory + "/b"], ["salvage", "--to", directory + "/s"]):
        tool("log", words[0], data, *words[1:])
        assert sorted(os.listdir(data)) == names, words
        assert not filecmp.cmpfiles(data, directory + "/kept", names, shallow=False)[1], words
    assert len(os.listdir(directory + "/s")) == 2  # a manifest and a snapshot


def a_log_that_uses_up_its_budget_is_felt_in_steps_and_goes_on_by_itself(directory):
    os.makedirs(directory + "/data/snapshot.tmp")  # no snapshot can be made
    server = Server(directory + "/data", "--log-budget", "8M", "--snapshot-every", "0")
    server.set_up()
    number, steps, began = 0, [], {}
    while server.order(number, lines=30)[0] == 201:
        number += 1
        assert number < 5000
        steps.append(server.metric("log_budget_step"))
        began.setdefault(steps[-1], time.monotonic())
        if steps[-1] == 0:
            assert server.metric("snapshot_failures_total") == 0, "none was wanted yet"
    status, answer, _ = server.order(number)
    assert status == 503 and answer["code"] == "storage_full", answer
    until("orders are refused", lambda: server.metric("log_budget_step") == 3)
    assert steps == sorted(steps) and {0, 1, 2} <= set(steps), steps
    # Without a snapshot the pace is such that a twentieth of the budget, in events, lasts for ten seconds; but
    # for a moment nobody has noticed, and each order is a block of the log however short it is.
    assert time.monotonic() - began[2] > 0.5, "what was left has been taken in at once"
    assert server.metric("snapshot_failures_total") > 0
    assert server.ask("POST", "/v1/orders/o1/cancel", {}, {"Idempotency-Key": "c"})[0] == 200
    os.rmdir(directory + "/data/snapshot.tmp")
    until("a snapshot", lambda: server.metric("snapshots_total") == 1)
    # Whatever else happens moves the log on; and behind the older of two snapshots it may go.
    assert server.ask("POST", "/v1/orders/o2/cancel", {})[0] == 200
    until("another snapshot", lambda: server.metric("snapshots_total") == 2)
    until("orders are taken again", lambda: server.order(number)[0] == 201)
    assert server.metric("log_budget_step") == 0
    server.stop()


def a_round_needs_no_more_memory_than_the_readme_says(directory):
    """Of address space, beside what the program has that only prints what a log holds."""
    data = directory + "/data"
    server = Server(data)
    server.set_up()
    server.orders(range(600))
    server.kill()
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "persist", "README.md")) as file:
        said = int(re.search(r"a round of compaction has (\d+) MiB of address space", file.read())[1])

    fits = lambda mib, *words: tool_within(mib, *words)[0] == 0
    program = next(mib for mib in range(16, 512) if fits(mib, "log", "info", data))
    assert not fits(said // 2, "log", "compact", data)
    assert fits(program + said, "log", "compact", data), (program, said)


def whoever_gets_no_memory_says_so_and_leaves_nothing_half_done(directory):
    data, copy, to = directory + "/data", directory + "/copy", directory + "/to"
    server = Server(data)
    server.set_up()
    server.orders(range(40))
    server.snapshot()
    server.orders(range(40, 80))
    server.kill()
    program = next(mib for mib in range(8, 512) if tool_within(mib, "--help")[0] == 0)
    for words in (["info", copy], ["verify", copy], ["verify", "--state", copy], ["compact", copy], ["dump", copy],
                  ["backup", copy, "--to", to], ["export", copy, "--csv", to], ["salvage", copy, "--to", to]):
        codes = set()
        for mib in (program + more for more in (2, 8, 16, 32, 64, 128, 256, 320, 600, 1200)):
            for place in (copy, to):
                shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(data, copy)
            code, said = tool_within(mib, "log", *words)
            codes.add(code)
            if code == 0:
                continue
            assert code == 71 and "there is no room for" in said and "ulimit -v" in said, (words, mib, code, said)
            same = filecmp.dircmp(data, copy)
            assert not same.left_only and not same.diff_files and set(same.right_only) <= {"lock"}, (words, mib, same.report())
            assert not os.path.exists(to) or not os.listdir(to), (words, mib, os.listdir(to))
        assert codes == {0, 71}, (words, codes)
    code, said = tool_within(program + 32, "serve", "--data", copy, "--memory", "64M", "--http", "127.0.0.1:0")
    assert code == 71 and "not enough memory; lower --memory or --connections" in said, (code, said)


def compaction_from_outside_does_the_same(directory):
    data = directory + "/data"
    server = Server(data)
    server.set_up()
    server.orders(range(40))
    assert "in use by a server" in tool("log", "compact", data, code=69)
    server.kill()
    assert "a snapshot of everything" in tool("log", "compact", data)
    assert "nothing has happened" in tool("log", "compact", data)
    server = Server(data)
    assert server.has(range(40))
    server.stop()


# ---- the past --------------------------------------------------------------------------------------------

def pages(server, path):
    """Every item of all pages, and the last page."""
    items, cursor = [], ""
    while True:
        status, page, _ = server.ask("GET", path + cursor)
        assert status == 200, page
        items += page["items"]
        if "next_cursor" not in page:
            return items, page
        cursor = f"{'&' if '?' in path else '?'}cursor={page['next_cursor']}"


def a_life(server, number):
    """One order from its beginning to its end."""
    assert server.order(number)[0] == 201
    path = f"/v1/orders/o{number}"
    assert server.ask("POST", path + "/payments", {"payment_id": "p", "method": "alipay", "amount": 1999})[0] == 201
    assert server.ask("POST", path + "/payments/p/capture", {})[0] == 200
    assert server.ask("POST", path + "/cancel", {"reason": "not any more"})[0] == 200


LIFE = ["order_cancelled", "payment_captured", "payment_created", "order_placed"]


def an_orders_history_and_a_skus_movements_come_from_the_log_and_its_archive(directory):
    archive = directory + "/archive"
    os.mkdir(archive)
    server = Server(directory + "/data", "--archive", archive, "--snapshot-every", "1M")
    server.set_up()
    a_life(server, 0)
    number = 2
    while not segments(archive):
        server.orders(range(number, number + 20))
        number += 20
    a_life(server, number)
    for path in "/v1/orders/o0/history", f"/v1/orders/o{number}/history":
        items, last = pages(server, path)
        assert [item["event"] for item in items] == LIFE and "truncated_before" not in last, items
        assert pages(server, path + "?limit=1")[0] == items
    assert "not any more" in json.dumps(items[0]) and items[3]["slices"][0]["lines"][0]["sku"] == "A", items
    moved, last = pages(server, "/v1/stock/movements?sku=A")
    assert "truncated_before" not in last
    assert len(moved) == number // 2 + 7, len(moved)  # a put, a receipt, and two more for each of the lives
    assert {item["order_id"] for item in moved if item["event"] == "order_placed"} == \
        {f"o{n}" for n in range(0, number + 1, 2)}
    assert pages(server, "/v1/stock/movements?sku=A&limit=7")[0] == moved
    assert [item["seq"] for item in moved] == sorted((item["seq"] for item in moved), reverse=True)
    server.kill()
    server = Server(directory + "/data", shards=3)  # which knows of no archive
    items, last = pages(server, "/v1/orders/o0/history")
    assert items == [] and last["truncated_before"] > 0, last
    assert pages(server, "/v1/stock/movements?sku=A")[1]["truncated_before"] > 0
    assert [item["event"] for item in pages(server, f"/v1/orders/o{number}/history")[0]] == LIFE
    for path, code in (("/v1/orders/nobody/history", 404), ("/v1/stock/movements?sku=none", 404),
                       ("/v1/orders/o0/history?cursor=999999999.0", 422), ("/v1/orders/o0/history?cursor=x", 422),
                       (f"/v1/orders/o0/history?cursor={moved[0]['seq']}.0", 422),
                       ("/v1/orders/o0/history?limit=101", 422)):
        assert server.ask("GET", path)[0] == code, path
    server.stop()


# ---- backups ---------------------------------------------------------------------------------------------

def a_backup_under_load_has_what_was_acknowledged_before_it_and_starts(directory):
    server = Server(directory + "/data", "--snapshot-every", "256K")
    server.set_up()
    acknowledged, stop = [], threading.Event()

    def buy(first):
        number = first
        while not stop.is_set():
            if server.order(number)[0] == 201:
                acknowledged.append(number)
            number += 4

    buyers = [threading.Thread(target=buy, args=(i,)) for i in range(4)]
    for buyer in buyers:
        buyer.start()
    for n in range(3):
        until("some more orders", lambda: len(acknowledged) >= 150 * (n + 1))
        before = list(acknowledged)
        tool("log", "backup", directory + "/data", "--to", f"{directory}/backup{n}")
        tool("log", "verify", "--state", f"{directory}/backup{n}")
        second = Server(f"{directory}/backup{n}", shards=1)
        assert second.has(before[::7])
        second.audit()
        second.orders(range(1000000, 1000010))
        second.stop()
        tool("log", "verify", "--state", f"{directory}/backup{n}")
    stop.set()
    for buyer in buyers:
        buyer.join()
    tool("log", "export", f"{directory}/backup0", "--csv", directory + "/csv")
    with open(directory + "/csv/orders.csv", newline="") as file:
        assert {f"o{number}" for number in acknowledged[:150]} <= {row["order"] for row in csv.DictReader(file)}
    server.audit()
    server.stop()


def what_is_made_of_a_directory_goes_nowhere_but_into_an_empty_one_outside_it(directory):
    data, full = directory + "/data", directory + "/full"
    Server(data).stop()
    os.mkdir(full)
    open(full + "/something", "w").close()
    for verb, option in (("backup", "--to"), ("salvage", "--to"), ("export", "--csv")):
        for place in (full, data, "/proc/version"):
            assert "must be empty" in tool("log", verb, data, option, place, code=73)
        assert "lies in the data directory" in tool("log", verb, data, option, data + "/inside", code=73)
        assert "cannot be made" in tool("log", verb, data, option, directory + "/no/where", code=73)
        assert not os.path.exists(data + "/inside")
        assert f"{option} DIR is missing" in tool("log", verb, data, code=2)
        tool("log", verb, directory + "/nowhere", option, directory + "/b", code=73)
    assert "no manifest" in tool("log", "backup", full, "--to", directory + "/b", code=73)


def a_sale_that_comes_back(server, number):
    """Paid, shipped, delivered, sent back, refunded."""
    path = f"/v1/orders/o{number}"
    for step, body in ((("payments", {"payment_id": "p-5", "method": "alipay", "amount": 1999})),
                       ("payments/p-5/capture", {}),
                       ("shipments", {"shipment_id": "s-5", "carrier": "sf", "tracking": "SF5"}),
                       ("shipments/s-5/pick", {}), ("shipments/s-5/handover", {}), ("shipments/s-5/deliver", {}),
                       ("returns", {"return_id": "r-5", "kind": "return", "reason": "too small",
                                    "lines": [{"line": 1, "units": 1}]}),
                       ("payments/p-5/refunds", {"refund_id": "f-5", "amount": 999, "reason": "a scratch"})):
        status, text, _ = server.ask("POST", f"{path}/{step}", body)
        assert status in (200, 201), f"{step}: {text}"


def an_export_has_every_order_line_and_movement(directory):
    server = Server(directory + "/data")
    server.set_up()
    server.orders(range(30))
    assert server.ask("POST", "/v1/orders/o3/cancel", {"reason": 'says "no", thanks'})[0] == 200
    assert server.ask("POST", "/v1/orders/o4/payments", {"payment_id": "p-1", "method": "alipay", "amount": 1999})[0] == 201
    a_sale_that_comes_back(server, 5)
    server.stop()
    tool("log", "export", directory + "/data", "--csv", directory + "/csv")

    def rows(name):
        with open(f"{directory}/csv/{name}.csv", newline="") as file:
            return list(csv.DictReader(file))

    orders = {row["order"]: row for row in rows("orders")}
    assert len(orders) == 30 and orders["o3"]["state"] == "cancelled" and orders["o5"]["total"] == "1999", orders["o3"]
    lines = rows("lines")
    assert len(lines) == 30 and {row["sku"] for row in lines} == {"A", "B"}

    assert {(row["order"], row["amount"]) for row in rows("payments")} == {("o4", "1999"), ("o5", "1999")}
    assert [(row["order"], row["shipment"], row["state"]) for row in rows("shipments")] == [("o5", "s-5", "delivered")]
    assert [(row["order"], row["return"], row["state"]) for row in rows("returns")] == [("o5", "r-5", "requested")]
    assert [(row["order"], row["refund"], row["amount"]) for row in rows("refunds")] == [("o5", "f-5", "999")]
    assert len(rows("shipment_lines")) == len(rows("return_lines")) == 1
    assert {row["sku"]: row["reserved"] for row in rows("stock")} == {"A": "15", "B": "13"}
    moved = rows("movements")
    assert sum(int(row["units"]) for row in moved if row["what"] == "stock_reserve") == 30
    assert sum(int(row["units"]) for row in moved if row["what"] == "stock_release") == 1
    assert sum(int(row["received"] or 0) for row in moved) == 20000000
    assert "must be empty" in tool("log", "export", directory + "/data", "--csv", directory + "/csv", code=73)


# ---- the runbook ------------------------------------------------------------------------------------------

def prepared(directory):
    """Two snapshots, and something behind them."""
    server = Server(directory + "/data")
    server.set_up()
    for n in range(2):
        server.orders(range(n * 30, n * 30 + 30))
        server.snapshot()
    server.orders(range(60, 80))
    tool("log", "backup", directory + "/data", "--to", directory + "/backup")
    server.kill()
    return directory + "/data"


def a_lost_snapshot_is_made_up_for_by_the_older_one(directory):
    data = prepared(directory)
    newest = os.path.join(data, snapshots(data)[-1])
    flip(newest, 5000)
    assert "block 0: it is damaged" in tool("log", "verify", data, code=65)
    server = Server(data)
    assert "it is damaged" in server.said()
    assert server.has(range(80))
    server.snapshot()
    server.stop()
    assert not os.path.exists(newest)
    tool("log", "verify", "--state", data)


def without_any_snapshot_everybody_refuses_and_the_server_says_what_to_restore(directory):
    data = prepared(directory)
    for name in snapshots(data):
        os.remove(os.path.join(data, name))
    left = sorted(os.listdir(data))
    for words in (["verify"], ["verify", "--state"], ["compact"], ["export", "--csv", directory + "/csv"],
                  ["backup", "--to", directory + "/new"], ["salvage", "--to", directory + "/new"]):
        said = tool("log", words[0], data, *words[1:], code=65)
        assert "no snapshot" in said and sorted(os.listdir(data)) == left, (words, said)
    said = refused(data, 65)
    wanted = re.search(r"restore (snapshot-\d+\.img)", said)[1]
    shutil.copy(os.path.join(directory, "backup", wanted), data)
    server = Server(data)
    assert server.has(range(80))
    server.stop()


def a_damaged_log_is_refused_and_a_backup_serves(directory):
    data = prepared(directory)
    break_the_log(data)
    said = refused(data, 65)
    assert "is damaged at offset" in said and "restore a backup" in said, said
    server = Server(directory + "/backup")
    assert server.has(range(80))
    server.stop()


def break_the_log(data):
    """An acknowledged group that is not the last one."""
    written = [name for name in segments(data) if b"SGRP" in open(os.path.join(data, name), "rb").read()]
    with open(os.path.join(data, written[-1]), "r+b") as file:
        bytes_ = file.read()
        groups = [m.start() for m in re.finditer(b"SGRP", bytes_) if bytes_[m.start() + 6] == 1]  # no marks
        file.seek(groups[-10] + 80)  # behind the newest snapshot
        file.write(b"\xff" * 64)


def a_server_whose_log_has_rotted_saves_what_it_has_in_memory_when_it_stops(directory):
    data = directory + "/data"
    server = Server(data)
    server.set_up()
    server.orders(range(60))
    break_the_log(data)
    said = server.ask_for_a_snapshot()
    assert "is being made" in said, said
    until("the damage is found", lambda: server.metric("snapshot_damaged") == 1)
    said = server.ask_for_a_snapshot()
    assert "stop the server" in said, said
    server.orders(range(60, 80))
    shutil.copytree(data, directory + "/killed")
    assert server.process.poll() is None
    server.stop()
    assert "a snapshot of what is in memory" in server.said(), server.said()
    tool("log", "verify", "--state", data)
    server = Server(data, shards=3)
    assert server.has(range(80))
    server.audit()
    server.orders(range(80, 90))
    server.snapshot()
    server.stop()
    tool("log", "verify", "--state", data)
    refused(directory + "/killed", 65)  # what it would have been without


def salvage_takes_what_can_be_had_and_lists_the_rest(directory):
    data = prepared(directory)
    break_the_log(data)
    refused(data, 65)
    said = tool("log", "salvage", data, "--to", directory + "/new", code=1)
    listed = set(re.findall(r"^lost \d+\.\d+ .* order_placed +order o(\d+) ", said, re.M))
    assert listed and "were acknowledged" in said, said
    tool("log", "verify", "--state", directory + "/new")
    server = Server(directory + "/new")
    gone = [n for n in range(80) if server.ask("GET", f"/v1/orders/o{n}")[0] == 404]
    assert {str(n) for n in gone} >= listed and len(gone) - len(listed) <= 1, (gone, listed)  # one was in the broken group
    server.audit()
    server.orders(gone)
    server.snapshot()
    server.stop()
    tool("log", "verify", "--state", directory + "/new")


def a_lost_manifest_is_restored_from_a_backup_taken_since_the_last_start(directory):
    data = prepared(directory)
    os.remove(data + "/manifest")
    assert "restore the manifest" in refused(data, 65)
    shutil.copy(directory + "/backup/manifest", data)
    server = Server(data)
    assert server.has(range(80))
    server.audit()
    server.stop()


def salvage_needs_no_manifest(directory):
    data = prepared(directory)
    os.remove(data + "/manifest")
    assert "restore the manifest" in refused(data, 65)
    said = tool("log", "salvage", data, "--to", directory + "/new")
    assert "nothing that was acknowledged is lost" in said, said
    server = Server(directory + "/new")
    assert server.has(range(80))
    server.stop()


def a_data_directory_can_be_moved(directory):
    data = prepared(directory)
    os.rename(data, directory + "/elsewhere")
    server = Server(directory + "/elsewhere", shards=4)
    assert server.has(range(80))
    server.audit()
    server.stop()


TESTS = [
    a_retry_from_before_a_snapshot_gets_its_first_answer,
    state_is_the_same_from_every_snapshot_and_from_the_log,
    a_terminal_sees_progress_over_itself_and_a_pipe_plain_lines_if_any,
    snapshot_and_log_the_whole_log_and_the_server_itself_come_to_one_hash,
    a_snapshot_is_made_when_enough_time_has_passed,
    segments_go_to_the_archive_and_are_whole_there,
    an_archive_is_no_data_directory_and_of_one_log_only,
    who_looks_at_a_directory_touches_nothing_in_it,
    a_log_that_uses_up_its_budget_is_felt_in_steps_and_goes_on_by_itself,
    a_round_needs_no_more_memory_than_the_readme_says,
    whoever_gets_no_memory_says_so_and_leaves_nothing_half_done,
    compaction_from_outside_does_the_same,
    an_orders_history_and_a_skus_movements_come_from_the_log_and_its_archive,
    a_backup_under_load_has_what_was_acknowledged_before_it_and_starts,
    what_is_made_of_a_directory_goes_nowhere_but_into_an_empty_one_outside_it,
    an_export_has_every_order_line_and_movement,
    a_lost_snapshot_is_made_up_for_by_the_older_one,
    without_any_snapshot_everybody_refuses_and_the_server_says_what_to_restore,
    a_damaged_log_is_refused_and_a_backup_serves,
    a_server_whose_log_has_rotted_saves_what_it_has_in_memory_when_it_stops,
    salvage_takes_what_can_be_had_and_lists_the_rest,
    a_lost_manifest_is_restored_from_a_backup_taken_since_the_last_start,
    salvage_needs_no_manifest,
    a_data_directory_can_be_moved,
]
LEAVE_DAMAGE = {
    a_damaged_log_is_refused_and_a_backup_serves: ["data"],
    salvage_takes_what_can_be_had_and_lists_the_rest: ["data"],
    a_server_whose_log_has_rotted_saves_what_it_has_in_memory_when_it_stops: ["killed"],
}
spate.run([test for test in TESTS if not sys.argv[2:] or test.__name__ in sys.argv[2:]], leave_damage=LEAVE_DAMAGE)
