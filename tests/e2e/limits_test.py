#!/usr/bin/env python3
"""What many, slow, broken and greedy clients do to the others: nothing.  usage: limits_test.py BUILD_DIR

Prints TAP. Each test gets a server of its own on free loopback ports, with an empty directory."""
import http.client
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import frames
from left import verify_what_is_left

SPATE = os.path.join(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build"), "spate")
CONNECTIONS = 60
REQUEST_S = 10  # how long a request may take to arrive
SERVED_S = 2    # what a well-behaved client waits at most, on a machine that others share


class Server:
    def __init__(self, directory, options=()):
        self.log = open(os.path.join(directory, "log.txt"), "w+")
        self.process = subprocess.Popen(
            [SPATE, "serve", "--data", os.path.join(directory, "data"), "--memory", "64M",
             "--segment", "4M", "--connections", str(CONNECTIONS), "--http", "127.0.0.1:0",
             "--binary", "127.0.0.1:0", "--admin", "127.0.0.1:0", *options],
            stdout=self.log, stderr=self.log)
        end = time.monotonic() + 30
        while "admin on " not in self.said():
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"the server did not start:\n{self.said()}")
            time.sleep(0.01)
        self.port, self.binary_port, self.admin_port = (
            int(re.search(rf"^{name} on .*:(\d+)$", self.said(), re.M)[1]) for name in ("http", "binary", "admin"))

    def said(self):
        with open(self.log.name) as text:
            return text.read()

    def connect(self, port=None, source=None):
        s = socket.create_connection(("127.0.0.1", port or self.port), timeout=30,
                                     source_address=source and (source, 0))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def metric(self, name):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        labels = "" if "{" in name else r"(?:\{[^}]*\})?"
        return sum(int(value) for value in re.findall(rf"^spate_{re.escape(name)}{labels} (\d+)$", text, re.M))

    def settles(self, name, wanted):
        end = time.monotonic() + REQUEST_S + 5
        while (value := self.metric(name)) != wanted:
            assert time.monotonic() < end, f"{name} is {value}, not {wanted}"
            time.sleep(0.05)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()


class Customer:
    """Somebody with a connection of their own who minds waiting."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.longest_s = 0.0

    def ask(self, method, path, body=None, headers=()):
        began = time.monotonic()
        headers = {"Content-Type": "application/json", **dict(headers)}
        self.connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
        answer = self.connection.getresponse()
        text = answer.read()
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        return answer.status, text

    def shops(self, times):
        for _ in range(times):
            assert self.ask("GET", "/v1/stock?sku=A")[0] == 200
        assert self.longest_s < SERVED_S, f"waited for {self.longest_s:.2f} s"


def set_up(server):
    customer = Customer(server)
    assert customer.ask("PUT", "/v1/warehouses/w1", {"priority": 1})[0] in (200, 201)
    assert customer.ask("PUT", "/v1/skus/A", {"currency": "CNY", "list_price": 1999})[0] in (200, 201)
    assert customer.ask("POST", "/v1/stock/receive", {"sku": "A", "warehouse": "w1", "ok": 1000000},
                        {"Idempotency-Key": "r"})[0] == 200
    customer.longest_s = 0.0
    return customer


def order(number, lines=1):
    body = {"order_id": f"o{number}", "customer": "c", "currency": "CNY",
            "lines": [{"sku": "A", "units": 1, "unit_price": 1999}] * lines}
    text = json.dumps(body)
    return (f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}").encode()


def read_answer(stream):
    """The status line and the decoded body of the next one."""
    status, length = stream.readline(), 0
    while (line := stream.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return status, json.loads(stream.read(length))


def until_closed(s, seconds):
    """What still comes; fails if the other side has not closed by then."""
    got = b""
    end = time.monotonic() + seconds
    while True:
        s.settimeout(max(0.01, end - time.monotonic()))
        try:
            piece = s.recv(65536)
        except ConnectionResetError:
            return got
        except TimeoutError:
            raise AssertionError(f"still open after {seconds} s") from None
        if not piece:
            return got
        got += piece


# ---- the tests: each name is a sentence that is true or false ----------------------------------


def a_flood_of_connections_leaves_those_that_are_open_served(server):
    customer = set_up(server)
    flood = [server.connect() for _ in range(4 * CONNECTIONS)]
    customer.shops(100)
    for s in flood:
        s.close()
    server.settles("connections", 2)  # the customer's and the one that asks
    Customer(server).shops(10)


def a_connection_too_many_is_told_so(server):
    customer = set_up(server)
    flood = [server.connect() for _ in range(CONNECTIONS + 10)]
    told = 0
    for s in flood:
        if select.select([s], [], [], 0.2)[0]:
            answer = until_closed(s, SERVED_S)
            told += answer.startswith(b"HTTP/1.1 503 ") and b"Retry-After: " in answer
    assert told >= 10, told
    assert server.metric("connections_refused_total") == told
    customer.shops(10)
    for s in flood:
        s.close()


def connections_that_come_and_break_off_cost_nothing_that_stays(server):
    customer = set_up(server)
    for number in range(1000):
        s = server.connect(server.binary_port if number % 3 == 0 else None)
        s.sendall(b"SPT1" if number % 3 == 0 else order(number)[:number % 150 + 1])
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.close()  # with a reset
        if number % 50 == 0:
            customer.shops(1)
    server.settles("connections", 2)
    customer.shops(10)


def one_who_does_not_read_stops_nobody_and_loses_nothing(server):
    customer = set_up(server)
    slow = server.connect()
    slow.sendall(order(1, 500))
    requests = 800000
    wanted = b"GET /v1/orders/o1 HTTP/1.1\r\nHost: x\r\n\r\n" * requests

    def ask_for_all():
        try:
            slow.sendall(wanted)
        except OSError:
            pass  # closed below
    asking = threading.Thread(target=ask_for_all)
    asking.start()
    customer.shops(200)
    assert asking.is_alive(), "what was asked was taken in without bound"
    slow_reader = slow.makefile("rb")
    for number in range(300):  # all of them would be gigabytes
        status, body = read_answer(slow_reader)
        assert status.startswith(b"HTTP/1.1 20") and body["order_id"] == "o1", (number, status)
        assert len(body["lines"]) == 500
    slow.shutdown(socket.SHUT_RDWR)
    asking.join()
    slow_reader.close()
    slow.close()
    customer.shops(10)


def a_request_that_never_ends_is_ended(server):
    customer = set_up(server)
    dripping = [server.connect() for _ in range(20)]
    silent = server.connect(server.binary_port)
    half = server.connect(server.binary_port)
    half.sendall(b"SPT1")
    began = time.monotonic()
    for s in dripping:
        s.sendall(b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Le")
    while time.monotonic() - began < REQUEST_S / 2:
        customer.shops(1)
        for s in dripping:
            s.sendall(b"n")
        time.sleep(0.5)
    for s in dripping:
        assert until_closed(s, REQUEST_S)[:13] in (b"HTTP/1.1 408 ", b"")
    for s in half, silent:
        assert frames.fault(frames.read_frame(s.makefile("rb"))) == frames.LATE
        assert until_closed(s, REQUEST_S) == b""
    server.settles("connections", 2)
    assert server.metric("connections_late_total") == 22


def one_who_sends_without_end_leaves_room_for_the_others(server):
    customer = set_up(server)
    stop = time.monotonic() + 3
    sent = [0]

    def pour():
        greedy = server.connect()
        greedy.settimeout(0.05)
        load = b"".join(order(number) for number in range(2000))
        at = 0
        while time.monotonic() < stop:
            try:
                count = greedy.send(load[at:at + (1 << 20)])
                at = (at + count) % len(load)
                sent[0] += count
            except TimeoutError:
                pass  # nobody reads the answers: the server has stopped listening to us
        greedy.close()
    pouring = [threading.Thread(target=pour) for _ in range(4)]
    for thread in pouring:
        thread.start()
    while time.monotonic() < stop:
        customer.shops(1)
    for thread in pouring:
        thread.join()
    server.settles("connections", 2)


def a_server_with_nothing_to_do_does_nothing(server):
    set_up(server)
    idle = [server.connect() for _ in range(CONNECTIONS // 2)]
    began, turns = time.monotonic(), server.metric("turns_total")
    time.sleep(1)
    turns = server.metric("turns_total") - turns
    rate = turns / (time.monotonic() - began)
    assert rate < 5000, f"{rate:.0f} turns a second"  # a few for each 10 ms; who looks on has a million
    for s in idle:
        s.close()


def one_who_waits_for_the_disk_or_another_shard_does_not_look_on(server):
    set_up(server)
    alone = Speaker(server)
    sku = alone.resolved()
    turns = server.metric("turns_total")
    for i in range(200):
        assert alone.codes(frames.order_create(f"w{i}", sku, i)) == [1]
    turns = (server.metric("turns_total") - turns) / 200
    assert turns < 40, f"{turns:.0f} turns an order"  # the disk alone takes time for hundreds


one_who_waits_for_the_disk_or_another_shard_does_not_look_on.options = ("--shards", "2")


def a_shard_that_serves_asks_for_no_memory(server):
    set_up(server)
    s = server.connect()

    def orders(first, end):
        s.sendall(b"".join(order(number) for number in range(first, end)))
        server.settles("orders", end)  # the gauges are all taken together

    orders(0, 50)
    before = server.metric("allocated_bytes_total")
    orders(50, 2000)
    after = server.metric("allocated_bytes_total")
    assert after == before > 0, f"{before} bytes became {after}"


class Speaker:
    """A connection that speaks the binary protocol, and what it hears."""

    def __init__(self, server, greet=True, source=None):
        self.socket = server.connect(server.binary_port, source)
        self.stream = self.socket.makefile("rb")
        if greet:
            assert self.asks(frames.hello())[0] == frames.WELCOME

    def asks(self, sent):
        self.socket.sendall(sent)
        return frames.read_frame(self.stream)

    def resolved(self, code="A"):
        result = next(frames.results(self.asks(frames.commands(frames.sku_resolve(code)))[3]))
        return struct.unpack_from("<I", result[3], 24)[0]

    def codes(self, *commands):
        """Of the results of commands that are sent in one frame, as they come."""
        self.socket.sendall(frames.commands(*commands))
        codes = []
        while len(codes) < len(commands):
            codes += [code for code, _, _, _ in frames.results(frames.read_frame(self.stream)[3])]
        return codes

    def orders(self, first, end):
        sku = self.resolved()
        return self.codes(*(frames.order_create(f"b{i}", sku, i) for i in range(first, end)))


def an_address_has_as_many_connections_as_it_may_and_no_more(server):
    customer = set_up(server)
    others = [server.connect() for _ in range(2)]
    fourth = server.connect()
    assert until_closed(fourth, SERVED_S).startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    fifth = Speaker(server, greet=False)
    assert frames.fault(frames.read_frame(fifth.stream)) == frames.BUSY_ADDRESS
    Speaker(server, source="127.0.0.2").socket.close()  # another address is served
    customer.shops(1)
    assert server.metric("address_refused_total") == 2
    for s in others:
        s.close()
    server.settles("connections", 2)
    server.connect().close()
    server.settles("connections", 2)
    assert server.metric("address_refused_total") == 2  # there was room again


an_address_has_as_many_connections_as_it_may_and_no_more.options = ["--connections-per-address", "3"]


def who_says_nothing_for_too_long_is_let_go(server):
    quiet, speaker = server.connect(), Speaker(server)
    quiet.sendall(b"GET /v1/stock?sku=A HTTP/1.1\r\nHost: x\r\n\r\n")
    assert until_closed(quiet, REQUEST_S).startswith(b"HTTP/1.1 404 ")
    assert frames.fault(frames.read_frame(speaker.stream)) == frames.IDLE
    assert speaker.stream.read() == b""
    assert server.metric("connections_idle_total") == 2


who_says_nothing_for_too_long_is_let_go.options = ["--idle-timeout", "1s"]


def who_never_reads_is_let_go_however_much_is_still_to_be_said(server):
    customer = set_up(server)
    deaf = Speaker(server)
    deaf.orders(0, 1)
    asked = frames.commands(*(frames.order_get("b0", i) for i in range(8000)))
    deaf.socket.settimeout(0.2)
    try:
        while True:  # until the server has stopped to listen
            deaf.socket.sendall(asked)
    except TimeoutError:
        pass
    assert server.metric("output_full_total") > 0
    while server.metric("connections_idle_total") == 0:
        customer.shops(1)
    server.settles("connections", 2)


who_never_reads_is_let_go_however_much_is_still_to_be_said.options = [
    "--idle-timeout", "2s", "--output", "64K", "--credits", "1000000"]


def more_commands_than_credits_end_the_connection(server):
    customer = set_up(server)
    speaker = Speaker(server)
    assert speaker.orders(0, 16) == [1] * 16  # as many as there are credits, and again once they are answered
    assert speaker.orders(16, 32) == [1] * 16
    asked = [frames.order_create(f"x{i}", 1, i) for i in range(17)]
    assert frames.fault(speaker.asks(frames.commands(*asked))) == frames.NO_CREDIT
    assert speaker.stream.read() == b""
    customer.shops(1)
    assert customer.ask("GET", "/v1/orders/x0")[0] == 404
    counted = server.metric('frame_faults_total{fault="more open commands than credits"}')
    assert counted == 1, counted


more_commands_than_credits_end_the_connection.options = ["--credits", "16"]


def more_pipelined_commands_than_may_be_unanswered_wait_and_lose_nothing(server):
    customer = set_up(server)
    speaker = Speaker(server)
    assert speaker.orders(0, 100) == [1] * 100
    assert server.metric("pipelined_full_total") > 0
    s = server.connect()
    s.sendall(b"".join(order(number) for number in range(100)))
    stream = s.makefile("rb")
    for number in range(100):
        status, body = read_answer(stream)
        assert status.startswith(b"HTTP/1.1 201 ") and body["order_id"] == f"o{number}", (number, status)
    stream.close()
    s.close()
    customer.shops(1)


more_pipelined_commands_than_may_be_unanswered_wait_and_lose_nothing.options = ["--pipelined", "4"]


def a_frame_of_more_than_one_turn_has_room_for_is_executed_in_its_order(server):
    set_up(server)
    speaker = Speaker(server)
    sku = speaker.resolved()
    large = [frames.order_create(f"large{i}", sku, i, lines=1200) for i in range(24)]
    asked = [command for i, create in enumerate(large) for command in (create, frames.order_get(f"large{i}", 100 + i))]
    assert speaker.codes(*asked) == [1, 0] * 24  # each is there when it is asked for


def every_malformed_frame_is_told_why_and_touches_nobody_else(server):
    customer, neighbour = set_up(server), Speaker(server)
    order = frames.order_create("wrong", 1)
    beyond = struct.pack("<I", len(order) + 8) + order[4:]
    wrong = [
        (frames.commands(order, magic=b"SPT2"), frames.BAD_MAGIC),
        (frames.commands(order, length=24), frames.BAD_LENGTH),
        (frames.commands(order, length=33), frames.BAD_LENGTH),
        (frames.commands(beyond), frames.BAD_LENGTH),
        (frames.commands(order + bytes(8), count=1), frames.BAD_LENGTH),
        (frames.commands(length=(2 << 20) + 8), frames.TOO_LARGE),
        (frames.commands(order, checksum=1), frames.BAD_CHECKSUM),
        (frames.commands(order, version=2), frames.BAD_VERSION),
        (frames.frame(99), frames.BAD_KIND),
        (frames.frame(frames.RESULTS, order, 1), frames.BAD_KIND),
        (frames.frame(frames.COMMANDS, b"", 0), frames.BAD_COUNT),
        (frames.commands(order, count=2), frames.BAD_LENGTH),
        (frames.frame(frames.COMMANDS, order, 8191), frames.BAD_COUNT),
        (frames.frame(frames.PING, b"", 1), frames.BAD_COUNT),
        (frames.hello(), frames.NO_HELLO),
    ]
    for sent, fault in wrong:
        speaker = Speaker(server)
        assert frames.fault(speaker.asks(sent)) == fault, (fault, sent[:64])
        assert speaker.stream.read() == b""
    for sent, fault in [(frames.commands(order), frames.NO_HELLO), (frames.frame(frames.PING), frames.NO_HELLO),
                        (frames.hello(first=2, last=3), frames.BAD_VERSION),
                        (b"GET / HTTP/1.1\r\n\r\n", frames.BAD_MAGIC)]:
        stranger = Speaker(server, greet=False)
        assert frames.fault(stranger.asks(sent)) == fault
        assert stranger.stream.read() == b""
    assert server.metric('frame_faults_total{fault="bad length"}') == 5
    assert customer.ask("GET", "/v1/orders/wrong")[0] == 404
    assert neighbour.orders(0, 2) == [1, 1]
    customer.shops(10)


def a_hello_of_other_versions_finds_the_one_that_both_speak(server):
    for first, last in (1, 1), (0, 1), (1, 9):  # older and newer clients that know version 1 too
        speaker = Speaker(server, greet=False)
        kind, _, request, body = speaker.asks(frames.hello(first, last, capabilities=0xffffffff, request=7))
        version, shards, capabilities = struct.unpack_from("<HHI", body)
        assert (kind, request, version, shards) == (frames.WELCOME, 7, 1, 1)
        assert capabilities == 0  # only what this server can do, whatever was asked for
        assert speaker.asks(frames.frame(frames.PING, request=8))[:3] == (frames.PONG, 0, 8)
    for first, last in (0, 0), (2, 2), (2, 65535), (2, 1):
        speaker = Speaker(server, greet=False)
        assert frames.fault(speaker.asks(frames.hello(first, last))) == frames.BAD_VERSION
    # What a newer client knows and this server does not is the answer to that one command.
    newer = struct.pack("<IHHQ", 16, 999, 0, 5)
    kind, count, _, body = Speaker(server).asks(frames.commands(newer, frames.order_get("none", 6)))
    assert (kind, count) == (frames.RESULTS, 2)
    assert [(code, request) for code, _, request, _ in frames.results(body)] == [(16, 5), (20, 6)]


TESTS = [
    a_flood_of_connections_leaves_those_that_are_open_served,
    a_connection_too_many_is_told_so,
    connections_that_come_and_break_off_cost_nothing_that_stays,
    one_who_does_not_read_stops_nobody_and_loses_nothing,
    a_request_that_never_ends_is_ended,
    one_who_sends_without_end_leaves_room_for_the_others,
    a_server_with_nothing_to_do_does_nothing,
    one_who_waits_for_the_disk_or_another_shard_does_not_look_on,
    a_shard_that_serves_asks_for_no_memory,
    an_address_has_as_many_connections_as_it_may_and_no_more,
    who_says_nothing_for_too_long_is_let_go,
    who_never_reads_is_let_go_however_much_is_still_to_be_said,
    more_commands_than_credits_end_the_connection,
    more_pipelined_commands_than_may_be_unanswered_wait_and_lose_nothing,
    a_frame_of_more_than_one_turn_has_room_for_is_executed_in_its_order,
    every_malformed_frame_is_told_why_and_touches_nobody_else,
    a_hello_of_other_versions_finds_the_one_that_both_speak,
]


def main():
    failed = 0
    print(f"1..{len(TESTS)}", flush=True)
    for number, test in enumerate(TESTS, 1):
        with tempfile.TemporaryDirectory(prefix="spate-limits-") as directory:
            server = Server(directory, getattr(test, "options", ()))
            try:
                test(server)
                code = server.stop()
                assert code == 0, f"the server ended with {code}"
                verify_what_is_left(SPATE, directory)
                print(f"ok {number} - {test.__name__}", flush=True)
            except Exception as error:  # whatever it is, the next test is to run
                failed += 1
                print(f"not ok {number} - {test.__name__}\n# {type(error).__name__}: {error}", flush=True)
                print("".join(f"# {line}\n" for line in server.said().splitlines()[-5:]), end="", flush=True)
            finally:
                server.process.kill()
                server.process.wait()
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
