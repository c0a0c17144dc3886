#!/usr/bin/env python3
"""A day replayed against a real `spate serve`, and what its report must say.
usage: replay_test.py BUILD_DIR [NAME...]          Prints TAP."""
import csv
import json
import lzma
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from left import verify_what_is_left

SPATE = os.path.join(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build"), "spate")


SERVERS = []  # of the test that runs


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class Server:
    """On ports that stay the same when it is started again."""

    def __init__(self, directory, shards=2):
        self.directory, self.shards = directory, shards
        self.data = os.path.join(directory, "data")
        self.binary, self.http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.start()

    def start(self):
        self.log = open(os.path.join(self.directory, "log.txt"), "a+")
        self.process = subprocess.Popen(
            [SPATE, "serve", "--data", self.data, "--shards", str(self.shards), "--memory", "256M",
             "--segment", "16M", "--binary", self.binary, "--http", self.http],
            stdout=self.log, stderr=self.log)
        host, port = self.http.split(":")
        end = time.monotonic() + 20
        while True:
            try:
                socket.create_connection((host, int(port)), timeout=5).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < end, "server did not start"
                time.sleep(0.01)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def post(self, method, path, body, key=None):
        request = urllib.request.Request(f"http://{self.http}/v1{path}", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"}, method=method)
        if key:
            request.add_header("Idempotency-Key", key)
        return json.load(urllib.request.urlopen(request, timeout=10))


class Case:
    """A directory with a trace, and a server."""

    def __init__(self, directory, whole=False, **options):
        self.trace, self.json = os.path.join(directory, "day.trace"), os.path.join(directory, "report.json")
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        if not whole:
            words.append("--orders-only")
        subprocess.run([SPATE, "trace", "gen", self.trace, *words], check=True, capture_output=True)
        self.server = Server(directory)
        SERVERS.append(self.server)

    def replay(self, *options):
        return subprocess.Popen([SPATE, "replay", self.trace, "--target", self.server.binary,
                                 "--json", self.json, "--max-lag", "5s", *options],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def await_half_a_second(self, replay):
        """Until the first orders have been under way for that long: the live view says so."""
        while "%" not in replay.stderr.readline():
            assert replay.poll() is None

    def finish(self, replay, code):
        out, errors = replay.communicate(timeout=60)
        assert replay.returncode == code, f"exit code {replay.returncode}, not {code}:\n{out}{errors}"
        return out, json.load(open(self.json)) if os.path.exists(self.json) else None


def a_day_is_taken_in_and_every_order_and_unit_found_again(directory):
    case = Case(directory, orders=20000, duration="2s", seed=7, profile="double11")
    out, report = case.finish(case.replay(), 0)
    assert ": OK\n" in out, out
    assert report["valid"] and report["audit"] == "ok", report
    assert report["results"]["created"] + report["results"]["out_of_stock"] > 15000, report
    # The same day again: nothing is sold twice.
    out, report = case.finish(case.replay("--max"), 0)
    assert ": OK\n" in out, out
    assert report["results"]["replayed"] >= report["results"].get("created", 0), report


def a_stall_of_the_server_shows_in_the_response_as_arithmetic_says(directory):
    length, stall, rate = 4.0, 0.2, 2000
    case = Case(directory, orders=int(length * rate), duration="4s", seed=7, profile="steady")
    replay = case.replay("--no-audit")
    case.await_half_a_second(replay)
    began = time.monotonic()
    case.server.process.send_signal(signal.SIGSTOP)
    time.sleep(stall)
    case.server.process.send_signal(signal.SIGCONT)
    stall = time.monotonic() - began
    _, report = case.finish(replay, 0)
    response = {name: value / 1e9 for name, value in report["response_ns"].items()}
    # Orders come evenly, so the share stall/length of them waits between 0 and `stall`, evenly.
    for name, share in (("p99", 0.01), ("p99.9", 0.001)):
        expected = stall * (1 - share * length / stall)
        assert abs(response[name] - expected) < 0.2 * stall, (name, response, expected)
    assert stall * 0.9 < response["max"] < stall * 1.5, (response, stall)
    assert response["p50"] < 0.1 * stall, response


def kill_twice(case, *options):
    replay = case.replay(*options)
    for _ in range(2):
        case.await_half_a_second(replay)
        case.server.kill()
        case.server.shards = 3 - case.server.shards
        case.server.start()
    out, report = case.finish(replay, 0)
    assert ": OK\n" in out and report["never_answered"] == 0, out


def a_server_that_dies_and_comes_back_has_lost_nothing(directory):
    kill_twice(Case(directory, orders=20000, duration="3s", seed=8, profile="steady"))


def over_http_what_became_of_a_request_is_found_out_too(directory):
    case = Case(directory, orders=6000, duration="3s", seed=8, profile="steady")
    case.server.binary = case.server.http
    # Nobody listens for a moment: what a balancer would hold back is asked for again.
    kill_twice(case, "--http", "--connections", "16")


def a_loss_is_reported(directory):
    case = Case(directory, orders=20000, duration="3s", seed=9, profile="steady")
    replay = case.replay()
    time.sleep(1)
    case.server.kill()
    kept = os.path.join(directory, "kept")
    shutil.copytree(case.server.data, kept)
    case.server.start()
    time.sleep(1)
    case.server.kill()
    shutil.rmtree(case.server.data)
    os.rename(kept, case.server.data)
    case.server.start()
    out, report = case.finish(replay, 1)
    assert report["audit"] == "failed" and "FAILED" in out, out
    assert int(out.split(" lost ")[1].split(",")[0]) > 100, out


def an_order_that_was_refused_and_is_there_is_reported(directory):
    case = Case(directory, orders=1000, duration="1s", seed=9, profile="steady")
    case.server.post("PUT", "/warehouses/w-other", {"priority": 9})
    case.server.post("PUT", "/skus/OTHER", {"currency": "CNY", "list_price": 1})
    case.server.post("POST", "/stock/receive", {"sku": "OTHER", "warehouse": "w-other", "units": 9}, "k")
    case.server.post("POST", "/orders", {"order_id": first_id(case.trace), "customer": "thief",
                                         "currency": "CNY", "lines": [
                                             {"sku": "OTHER", "units": 1, "unit_price": 1}]})
    out, report = case.finish(case.replay(), 1)
    assert report["audit"] == "failed", out
    assert "changed 1" in out or "duplicates 1" in out, out


def units_that_somebody_else_took_are_reported(directory):
    case = Case(directory, orders=1000, duration="1s", seed=9, profile="steady")
    case.finish(case.replay(), 0)
    stock = json.load(urllib.request.urlopen(f"http://{case.server.http}/v1/stock?sku={first_sku(case.trace)}"))
    item = max(stock["items"], key=lambda item: item["sellable"])
    case.server.post("POST", "/orders", {"order_id": "thief", "customer": "thief", "currency": "CNY",
                                         "lines": [{"sku": item["sku"], "units": 1, "unit_price": 1}]})
    out, report = case.finish(case.replay("--max"), 1)
    assert "unbalanced 1" in out and report["audit"] == "failed", out


def a_day_goes_over_http_too(directory):
    case = Case(directory, orders=4000, duration="2s", seed=7, profile="double11")
    binary = case.server.binary
    case.server.binary = case.server.http
    out, report = case.finish(case.replay("--http", "--threads", "2", "--connections", "16"), 0)
    assert ": OK\n" in out and report["audit_counts"]["created"] == report["results"]["created"], out
    # Over the other protocol everything is known already.
    case.server.binary = binary
    out, again = case.finish(case.replay("--max", "--threads", "2"), 0)
    assert ": OK\n" in out and "created" not in again["results"], out
    assert again["requests_hash"] == report["requests_hash"], (again, report)


def what_follows_an_order_is_carried_out(directory):
    follow(directory)


def over_http_it_is_too(directory):
    follow(directory, "--http", "--connections", "32")


def follow(directory, *options):
    case = Case(directory, whole=True, orders=4000, duration="3s", seed=7, profile="double11")
    case.server.binary = case.server.http if options else case.server.binary
    out, report = case.finish(case.replay(*options), 0)
    assert ": OK\n" in out and report["audit_counts"]["undone"] == 0, out
    results = {kind: operation["results"] for kind, operation in report["operations"].items()}
    assert results["capture"]["ok"] > 2000 and results["pay"]["created"] > 2000, out
    for kind, answers in results.items():
        # A parcel leaves one warehouse: who has ordered from two cannot confirm with the first.
        expected = {"created", "replayed", "out_of_stock", "ok"} | ({"illegal_transition"} if kind == "confirm" else set())
        assert set(answers) <= expected, (kind, answers)
    for kind in ("pay_fail", "cancel", "refund", "return", "read", "ship", "handover", "deliver", "confirm"):
        assert results[kind], out


def import_and_replay(directory, table):
    case = Case(directory, orders=1, duration="1s")
    with (lzma.open if table.endswith(".xz") else open)(table, "rb") as file:
        subprocess.run([SPATE, "trace", "import", "-", case.trace, "--map", "online-retail"], input=file.read(),
                       check=True, capture_output=True)
    out, report = case.finish(case.replay("--max"), 0)
    assert ": OK\n" in out, out
    totals = {name: report["audit_counts"][name] for name in ("created", "lines", "units", "amount")}
    case.server.process.terminate()
    case.server.process.wait(timeout=20)
    assert exported_totals(case.server.data, os.path.join(directory, "csv")) == totals
    return totals


def exported_totals(data, where):
    """The same, from what is in the log."""
    subprocess.run([SPATE, "log", "export", data, "--csv", where], check=True, capture_output=True)
    with open(os.path.join(where, "orders.csv"), newline="", encoding="utf-8") as file:
        orders = list(csv.DictReader(file))
    with open(os.path.join(where, "lines.csv"), newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    amount = sum(int(line["units"]) * int(line["unit_price"]) for line in lines)
    assert amount == sum(int(order["total"]) for order in orders)
    return {"created": len(orders), "lines": len(lines), "units": sum(int(line["units"]) for line in lines),
            "amount": amount}


def imported_orders_are_found_again_with_the_same_totals(directory):
    table = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shop.csv")
    assert import_and_replay(directory, table) == {"created": 3, "lines": 6, "units": 24, "amount": 3626}


def all_of_online_retail_is_found_again_with_the_same_totals(directory):
    totals = import_and_replay(directory, os.environ["SPATE_ONLINE_RETAIL"])
    assert totals == {"created": 19959, "lines": 530103, "units": 5588375, "amount": 1065562248}, totals


def two_runs_offer_the_same_requests_and_a_dry_one_says_which(directory):
    case = Case(directory, orders=3000, duration="1s", seed=7)
    hashes = []
    for options in (["--speed", "2"], ["--max", "--threads", "3"], ["--rate", "5000", "--threads", "2"]):
        _, report = case.finish(case.replay(*options), 0)
        hashes.append(report["requests_hash"])
    dry = subprocess.run([SPATE, "replay", case.trace, "--dry-run"], check=True, capture_output=True, text=True)
    hashes.append(dry.stdout.split("requests ")[2].split()[0])
    assert len(set(hashes)) == 1, (hashes, dry.stdout)


def a_loop_takes_other_orders_each_time(directory):
    case = Case(directory, orders=1000, duration="1s", seed=9, profile="steady")
    out, report = case.finish(case.replay("--loop", "3", "--max"), 0)
    assert ": OK\n" in out and report["audit_counts"]["orders"] == 3000, out
    assert report["results"]["created"] > 1500 and report["offered"] > 3000, out


def a_window_leaves_out_the_rest_of_the_day(directory):
    case = Case(directory, orders=3000, duration="24h", seed=9, profile="double11")
    out, report = case.finish(case.replay("--window", "23:55-00:30", "--rate", "2000"), 0)
    shown = subprocess.run([SPATE, "trace", "show", case.trace, "--kind", "order", "--limit", "9999"],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    inside = [line for line in shown if "23:55" <= line[11:16] or line[11:16] < "00:30"]
    assert report["offered"] == len(inside) > 100 and ": OK\n" in out, (len(inside), out)


def what_is_due_beyond_the_limit_is_skipped_and_counted(directory):
    case = Case(directory, orders=5000, duration="2s", seed=9, profile="steady")
    replay = case.replay("--max-in-flight", "64", "--connections", "1", "--slo", "errors<1%")
    case.await_half_a_second(replay)
    case.server.process.send_signal(signal.SIGSTOP)
    time.sleep(0.3)
    case.server.process.send_signal(signal.SIGCONT)
    out, report = case.finish(replay, 3)
    skipped = report["results"]["skipped"]
    assert 300 < skipped < 1500 and report["offered"] == report["orders"] + skipped, out


def a_promise_that_is_not_kept_ends_with_3(directory):
    case = Case(directory, orders=1000, duration="1s", seed=9, profile="steady")
    out, _ = case.finish(case.replay("--slo", "p50<10s,max<1ns,errors<0.1%"), 3)
    assert "slo p50<10s: kept" in out and "slo max<1ns: MISSED" in out, out
    assert "slo errors<0.1%: kept" in out, out


def a_run_in_which_much_goes_wrong_has_failed(directory):
    case = Case(directory, orders=1000, duration="1s", seed=9, profile="steady")
    case.finish(case.replay("--max"), 0)
    # The same ids with other contents: every one of them is refused.
    subprocess.run([SPATE, "trace", "gen", case.trace, "--orders", "1000", "--duration", "1s", "--seed", "10",
                    "--orders-only"], check=True, capture_output=True)
    out, report = case.finish(case.replay("--no-audit"), 1)
    assert "went wrong, mostly: key_reused" in out and report["verdict"] == "failed", out


def a_search_finds_where_a_promise_ends(directory):
    case = Case(directory, orders=1000, duration="1s", seed=9, profile="steady", skus=100)
    page = os.path.join(directory, "search.html")
    search = subprocess.Popen(
        [SPATE, "replay", "search", case.trace, "--target", case.server.binary, "--max-lag", "5s", "--json", case.json,
         "--html", page, "--each", "100ms", "--speed", "4", "--max-in-flight", "4000", "--slo", "p50<999s,errors<50%"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first = search.stdout.readline()
    search.send_signal(signal.SIGINT)
    _, errors = search.communicate(timeout=60)
    assert search.returncode == 130 and "speed     4.000" in first and "kept" in first, (first, errors)
    ended = subprocess.run([SPATE, "replay", "search", case.trace, "--target", case.server.binary, "--json", case.json,
                            "--html", page, "--each", "50ms", "--speed", "0.5", "--slo", "p50<1ns"],
                           capture_output=True, text=True, timeout=110)
    assert ended.returncode == 3 and "no speed kept" in ended.stdout, ended
    assert not subprocess.run([SPATE, "replay", "search", case.trace, "--target", "x"], capture_output=True).stdout


def a_diff_tells_a_change_from_noise(directory):
    def report(path, factor, hash_="a"):
        moments = [{"offered": 9, "p50": int(factor * (1000 + 97 * (i * 7 % 13))), "p99": int(5000 + 900 * (i * factor * 5 % 11)),
                    "p99.9": 9000, "max": 10000} for i in range(100)]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"version": 1, "verdict": "passed", "why": "", "audit": "ok", "requests_hash": hash_, "offered": 900,
                       "orders": 900, "seconds": 1.5, "results": {"created": 900},
                       "response_ns": {"p50": int(1500 * factor), "p99": 9000, "p99.9": 9000, "max": 10000},
                       "moments": moments}, file)

    paths = [os.path.join(directory, name) for name in ("a.json", "b.json")]
    for factors, code, words in (((1, 1), 0, "within the noise"), ((1, 1.2), 3, "SLOWER"), ((1.2, 1), 0, "faster")):
        for path, factor in zip(paths, factors):
            report(path, factor)
        ended = subprocess.run([SPATE, "replay", "diff", *paths], capture_output=True, text=True)
        line = [line for line in ended.stdout.splitlines() if line.startswith("p50 ")][0]
        assert ended.returncode == code and words in line, ended
    report(paths[1], 1, "b")
    ended = subprocess.run([SPATE, "replay", "diff", *paths], capture_output=True, text=True)
    assert "did not want the same requests" in ended.stdout, ended
    ended = subprocess.run([SPATE, "replay", "diff", paths[0], __file__], capture_output=True, text=True)
    assert ended.returncode == 1 and "not a report" in ended.stderr, ended


def a_schedule_that_is_not_kept_ends_with_4(directory):
    case = Case(directory, orders=1000, duration="1s", seed=9, profile="steady")
    out, report = case.finish(case.replay("--max-lag", "1ns"), 4)
    assert "RUN INVALID" in out and not report["valid"], out


def an_interrupted_run_reports_what_it_has_and_ends_with_130(directory):
    case = Case(directory, orders=20000, duration="20s", seed=9, profile="steady")
    replay = case.replay()
    time.sleep(1)
    replay.send_signal(signal.SIGINT)
    out, report = case.finish(replay, 130)
    assert 100 < report["orders"] < 19000 and ": OK\n" in out, out


def one_seed_gives_one_day(directory):
    days = []
    for seed in (1, 1, 2):
        path = os.path.join(directory, f"{len(days)}.trace")
        subprocess.run([SPATE, "trace", "gen", path, "--orders", "5000", "--duration", "10s", "--seed", str(seed)],
                       check=True, capture_output=True)
        with open(path, "rb") as file:
            days.append(file.read())
    assert days[0] == days[1] != days[2]


def a_trace_with_a_byte_changed_is_refused(directory):
    path = os.path.join(directory, "day.trace")
    subprocess.run([SPATE, "trace", "gen", path, "--orders", "500", "--duration", "1s", "--seed", "3"],
                   check=True, capture_output=True)
    with open(path, "rb") as file:
        day = bytearray(file.read())
    for place in (0, 9, len(day) // 2, len(day) - 1):
        day[place] ^= 0x40
        with open(path, "wb") as file:
            file.write(day)
        day[place] ^= 0x40
        for words in (["trace", "verify", path], ["replay", path, "--target", "127.0.0.1:1"]):
            ended = subprocess.run([SPATE, *words], capture_output=True, text=True, timeout=10)
            assert ended.returncode == 1 and ended.stderr.startswith("spate "), (place, words, ended)
    with open(path, "wb") as file:
        file.write(day[:-8])
    assert subprocess.run([SPATE, "trace", "verify", path], capture_output=True).returncode == 1


def wrong_words_end_with_2(directory):
    for words in ([], ["--target", "127.0.0.1:1", "t", "--slo", "fast"], ["t", "--taget", "x"],
                  ["t", "--target", "x", "--speed", "0"]):
        ended = subprocess.run([SPATE, "replay", *words], capture_output=True, text=True)
        assert ended.returncode == 2 and ended.stderr.startswith("spate replay: "), (words, ended)


def first_id(trace):
    lines = subprocess.run([SPATE, "trace", "show", trace, "--kind", "order", "--limit", "1"], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    return lines[0].split()[3]


def first_sku(trace):
    lines = subprocess.run([SPATE, "trace", "show", trace, "--kind", "sku", "--limit", "1"], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    return lines[0].split()[3]


ALL = [a_day_is_taken_in_and_every_order_and_unit_found_again,
         a_stall_of_the_server_shows_in_the_response_as_arithmetic_says,
         a_server_that_dies_and_comes_back_has_lost_nothing, over_http_what_became_of_a_request_is_found_out_too,
         a_loss_is_reported,
         an_order_that_was_refused_and_is_there_is_reported, units_that_somebody_else_took_are_reported,
         a_day_goes_over_http_too,
         what_follows_an_order_is_carried_out, over_http_it_is_too, imported_orders_are_found_again_with_the_same_totals,
         all_of_online_retail_is_found_again_with_the_same_totals,
         two_runs_offer_the_same_requests_and_a_dry_one_says_which, a_loop_takes_other_orders_each_time,
         a_window_leaves_out_the_rest_of_the_day, what_is_due_beyond_the_limit_is_skipped_and_counted,
         a_run_in_which_much_goes_wrong_has_failed, a_search_finds_where_a_promise_ends,
         a_diff_tells_a_change_from_noise, a_promise_that_is_not_kept_ends_with_3, a_schedule_that_is_not_kept_ends_with_4,
         an_interrupted_run_reports_what_it_has_and_ends_with_130, one_seed_gives_one_day,
         a_trace_with_a_byte_changed_is_refused, wrong_words_end_with_2]

TESTS = [t for t in ALL if len(sys.argv) < 3 or t.__name__ in sys.argv[2:]]
print(f"1..{len(TESTS)}")
SKIPPED = {} if "SPATE_ONLINE_RETAIL" in os.environ else {
    all_of_online_retail_is_found_again_with_the_same_totals: "SPATE_ONLINE_RETAIL names no file"}
for number, test in enumerate(TESTS, 1):
    if test in SKIPPED:
        print(f"ok {number} - {test.__name__} # SKIP {SKIPPED[test]}", flush=True)
        continue
    with tempfile.TemporaryDirectory(prefix="spate-replay-") as place:
        try:
            test(place)
            while SERVERS:
                SERVERS.pop().kill()
            verify_what_is_left(SPATE, place)
            print(f"ok {number} - {test.__name__}", flush=True)
        except Exception as fault:  # pylint: disable=broad-except
            print(f"not ok {number} - {test.__name__}", flush=True)
            print("\n".join("# " + line for line in f"{type(fault).__name__}: {fault}".splitlines()))
        finally:
            while SERVERS:
                SERVERS.pop().kill()
