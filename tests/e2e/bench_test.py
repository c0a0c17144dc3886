#!/usr/bin/env python3
"""The programs of bench/ that need no peers: what they measure, and what they say of it.  usage: bench_test.py BUILD_DIR

Prints TAP. Each test gets an empty directory."""
import json
import os
import re
import subprocess

import spate

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
BENCH = os.path.join(os.path.dirname(spate.PROGRAM), "bench/spate-bench")


def bench(name, *arguments, exit_code=0):
    done = subprocess.run([os.path.join(ROOT, "bench", name), *arguments], capture_output=True, text=True, check=False,
                          timeout=240, env={**os.environ, "SPATE_BUILD": os.path.dirname(spate.PROGRAM)})
    assert done.returncode == exit_code, f"{name} {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def report(directory, name, **what):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"date": "2026-11-11", "revision": name, "machine": "one", **what}, file)
    return path


def every_counted_order_is_found_and_the_page_stands_alone(directory):
    out, page = os.path.join(directory, "e2e.json"), os.path.join(directory, "e2e.html")
    bench("e2e", "--quick", "--only", "one order at a time", "--json", out, "--html", page)
    with open(out, encoding="utf-8") as file:
        rows = json.load(file)["rows"]
    assert {row["kind"].split(",")[0] for row in rows} == {"connections", "HTTP"}, rows
    for row in rows:
        assert row["orders_s"] > 0 and row["counted"] > 0 and row["log_bytes"] > 100, row
        assert set(row["latency"]) == {"30", "50", "70", "90"}, row
    with open(page, encoding="utf-8") as file:
        text = file.read()
    assert text.count("<svg") == len(rows) and "<table" in text, text[:500]
    assert not re.search(r"(src|href)=|url\(|@import", text), "the page needs something beside itself"


def a_verdict_is_given_outside_the_noise_alone(directory):
    was = report(directory, "was", benchmarks={"a": [100, 101, 102], "b": [100, 101, 102], "c": [100, 101, 102]})
    now = report(directory, "now", benchmarks={"a": [110, 111, 112], "b": [90, 91, 105], "c": [90, 91, 92]})
    said = bench("compare", was, now, exit_code=1)
    assert re.search(r"faster +a$", said, re.MULTILINE) and re.search(r"SLOWER +c$", said, re.MULTILINE), said
    assert not re.search(r"(faster|SLOWER) +b$", said, re.MULTILINE), said
    bench("compare", was, was)


def one_instruction_in_a_hundred_is_a_change(directory):
    was = report(directory, "was", instructions={"a": 1000, "b": 1000})
    bench("compare", was, report(directory, "same", instructions={"a": 1005, "b": 995}))
    said = bench("compare", was, report(directory, "more", instructions={"a": 1015, "b": 980}), exit_code=1)
    assert re.search(r"MORE +a$", said, re.MULTILINE) and re.search(r"fewer +b$", said, re.MULTILINE), said


def whoever_asks_wrongly_is_told_how(_):
    for name in ("run", "e2e", "peers", "http", "scaling", "instructions"):
        assert "usage: bench/" in bench(name, "--help"), name
        bench(name, "--nonsense", exit_code=2)


def every_command_has_a_benchmark(_):
    if not os.access(BENCH, os.X_OK):
        raise spate.Skip("google-benchmark is not installed")
    names = subprocess.run([BENCH, "--benchmark_list_tests"], capture_output=True, text=True, check=True).stdout
    with open(os.path.join(ROOT, "core/command.h"), encoding="utf-8") as header:
        ops = set(re.findall(r"^ +(OP_\w+) =", header.read(), re.MULTILINE))
    with open(os.path.join(ROOT, "bench/commands_bench.c"), encoding="utf-8") as source:
        last = set(re.findall(r"(OP_\w+)\) *\\?$", source.read(), re.MULTILINE))
    elsewhere = {"OP_ORDER_CREATE": "order/place", "OP_ORDER_HISTORY": "past/order history",
                 "OP_STOCK_MOVEMENTS": "past/stock movements"}
    missing = ops - last - set(elsewhere)
    assert not missing, f"no benchmark ends with {sorted(missing)}"
    for what in (*elsewhere.values(), "wire/", "table/", "mailbox/", "log/", "histogram/", "json/", "http/", "group/", "replay/",
                 "image/load", "limit/"):
        assert what in names, what


spate.run([every_counted_order_is_found_and_the_page_stands_alone, a_verdict_is_given_outside_the_noise_alone,
           one_instruction_in_a_hundred_is_a_change, whoever_asks_wrongly_is_told_how, every_command_has_a_benchmark])
