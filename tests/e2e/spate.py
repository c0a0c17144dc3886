"""What the scripts beside this one share: a server of one's own, and tests that print TAP."""
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

from left import verify_what_is_left

PROGRAM = os.path.join(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build"), "spate")
PATIENCE_S = 30
started = []  # the servers of the test that runs: none outlives it


class Skip(Exception):
    """Why a test cannot run here."""


def until(what, true, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)


class Server:
    """spate serve on loopback ports of its own, in a directory of its own."""

    def __init__(self, directory, *options, http="127.0.0.1:0", admin="127.0.0.1:0", environment=None,
                 data=None):
        self.directory = directory
        self.data = data or os.path.join(directory, "data")
        self.log_path = os.path.join(directory, "log.txt")
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "serve", "--data", self.data, "--memory", "64M", "--segment", "4M",
                 "--http", http, "--admin", admin, *options],
                stdout=log, stderr=log, env={**os.environ, **(environment or {})})
        started.append(self)
        until("the server starts", lambda: "admin on " in self.said() or self.process.poll() is not None)
        assert self.process.poll() is None, f"the server did not start:\n{self.said()}"
        self.http = self.address("http")
        self.admin = self.address("admin")

    def address(self, name):
        return re.search(rf"\b{name} on ([^\s\"]+)", self.said())[1]

    def said(self):
        with open(self.log_path) as text:
            return text.read()

    def says(self, words):
        until(f"it says `{words}`:\n{self.said()}", lambda: words in self.said())

    def metrics(self):
        connection = http.client.HTTPConnection(self.admin, timeout=PATIENCE_S)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def stop(self, with_signal=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(with_signal)
        try:
            return self.process.wait(PATIENCE_S)
        finally:
            self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()


def ask(address, method, path, body=None, headers=()):
    """Status, decoded body, headers."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body=None if body is None else json.dumps(body),
                           headers={"Content-Type": "application/json", **dict(headers)})
        answer = connection.getresponse()
        text = answer.read()
        is_json = "json" in (answer.headers["Content-Type"] or "")
        return answer.status, json.loads(text) if is_json else text, answer.headers
    finally:
        connection.close()


def receipt(sku, units):
    """Body and headers; the same ones for the same SKU."""
    return {"sku": sku, "warehouse": "w1", "ok": units}, {"Idempotency-Key": f"stock-{sku}"}


def stock_up(address, sku="A", units=1000000):
    assert ask(address, "PUT", "/v1/warehouses/w1", {"priority": 1})[0] == 200
    assert ask(address, "PUT", f"/v1/skus/{sku}", {"currency": "CNY", "list_price": 1999})[0] == 200
    assert ask(address, "POST", "/v1/stock/receive", *receipt(sku, units))[0] == 200


def order(number, units=1, sku="A"):
    return {"order_id": str(number), "customer": "c", "currency": "CNY",
            "lines": [{"sku": sku, "units": units, "unit_price": 1999}]}


def end_servers(directory):
    """And what they had there."""
    places = set()
    while started:
        server = started.pop()
        server.kill()
        if os.path.exists(os.path.join(server.data, "manifest")):
            places.add(os.path.realpath(server.data))
    return {place for place in places if place.startswith(os.path.realpath(directory))}


def run(tests, leave_damage=None):
    """Each test is a function of an empty directory; its name is a sentence that is true or false. The
    directories of its servers must verify their state afterwards; but `leave_damage` says, by test, which of
    them must not."""
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        with tempfile.TemporaryDirectory(prefix="spate-test-") as directory:
            try:
                test(directory)
                served = end_servers(directory)
                looked_at = verify_what_is_left(PROGRAM, directory, (leave_damage or {}).get(test, ()))
                assert served <= set(looked_at), f"nobody has verified {served - set(looked_at)}"
                print(f"# verify --state of what is left: {len(looked_at)}", flush=True)
                print(f"ok {number} - {test.__name__}", flush=True)
            except Skip as reason:
                print(f"ok {number} - {test.__name__} # SKIP {reason}", flush=True)
            except Exception as error:  # whatever it is, the next test is to run
                failed += 1
                said = f"{type(error).__name__}: {error}".replace("\n", "\n# ")
                print(f"not ok {number} - {test.__name__}\n# {said}", flush=True)
            end_servers(directory)
    sys.exit(failed > 0)
