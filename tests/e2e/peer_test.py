#!/usr/bin/env python3
"""Who has asked, as the log has it: the caller's name and the client's address.  usage: peer_test.py BUILD_DIR

Prints TAP. Each test gets an empty directory; everything is on loopback, on free ports."""
import contextlib
import hashlib
import hmac
import json
import os
import socket
import subprocess
import threading
import time

import spate

EXAMPLE = os.path.join(os.path.dirname(spate.PROGRAM), "io", "client", "spate-example")
SIGNATURE_V2 = b"\r\n\r\n\0\r\nQUIT\n"


@contextlib.contextmanager
def server(directory, *options):
    one = spate.Server(directory, "--trust", "127.0.0.1,10.0.0.0/8", *options)
    try:
        yield one
    finally:
        one.kill()


def split(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


def who(one, order_id):
    """Who caused each event of an order; the log can be read while the server runs."""
    done = subprocess.run([spate.PROGRAM, "log", "dump", os.path.join(one.directory, "data"), "--order", order_id,
                           "--format", "json"], capture_output=True, text=True, check=True, timeout=spate.PATIENCE_S)
    return [json.loads(line)["by"] for line in done.stdout.splitlines()]


def place(one, order_id, **headers):
    status, body, _ = spate.ask(one.http, "POST", "/v1/orders", spate.order(order_id),
                                {name.replace("_", "-"): value for name, value in headers.items()})
    assert status == 201, body


@contextlib.contextmanager
def relay(to, header, source="127.0.0.1"):
    """A balancer that takes one connection after the other and puts a header in front of each."""
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client, socket.create_connection(split(to), source_address=(source, 0)) as behind:
                    behind.sendall(header)
                    back = threading.Thread(target=copy, args=(behind, client))
                    back.start()
                    copy(client, behind)
                    back.join()
    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield "127.0.0.1:%d" % listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def example(address, order_id):
    return subprocess.run([EXAMPLE, address, "A", order_id], capture_output=True, text=True, check=False,
                          timeout=spate.PATIENCE_S)


# ---- the tests: each name is a sentence that is true or false ----------------------------------


def only_the_header_that_was_named_is_believed(directory):
    for number, (options, client) in enumerate((((), "203.0.113.9"), (("--forwarded", "forwarded"), "2001:db8::9"))):
        home = os.path.join(directory, str(number))
        os.mkdir(home)
        with server(home, *options) as one:
            spate.stock_up(one.http)
            place(one, "o-1", X_Forwarded_For="6.6.6.6, 203.0.113.9, 10.0.0.3",
                  Forwarded='for=6.6.6.6, for="[2001:db8::9]:4711";proto=https, for=10.0.0.3')
            assert who(one, "o-1") == [f"@{client}"], who(one, "o-1")
            place(one, "o-2")
            assert who(one, "o-2") == ["@127.0.0.1"], who(one, "o-2")


def a_notice_has_its_providers_name_and_its_clients_address(directory):
    callers = os.path.join(directory, "callers")
    with open(callers, "w") as file:
        file.write("shop:0123456789abcdef\nalipay:hmac:a-secret-of-theirs-and-ours\n")
    with server(directory, "--callers", callers) as one:
        token = {"Authorization": "Bearer 0123456789abcdef", "X-Forwarded-For": "203.0.113.7"}
        for method, path, body in (("PUT", "/v1/warehouses/w1", {"priority": 1}),
                                   ("PUT", "/v1/skus/A", {"currency": "CNY", "list_price": 1999}),
                                   ("POST", "/v1/stock/receive", {"sku": "A", "warehouse": "w1", "ok": 5}),
                                   ("POST", "/v1/orders", spate.order("o-1"))):
            assert spate.ask(one.http, method, path, body, {**token, "Idempotency-Key": "k"})[0] in (200, 201), path
        notice = {"notice_id": "n", "order_id": "o-1", "payment_id": "p", "kind": "captured", "amount": 1999,
                  "currency": "CNY"}
        at = str(int(time.time()))
        mac = hmac.new(b"a-secret-of-theirs-and-ours", f"{at}.{json.dumps(notice)}".encode(), hashlib.sha256)
        status, body, _ = spate.ask(one.http, "POST", "/v1/payment-notices/alipay", notice,
                                    {"X-Signature": f"t={at},v1={mac.hexdigest()}", "X-Forwarded-For": "203.0.113.9"})
        assert status == 200, body
        assert who(one, "o-1") == ["shop@203.0.113.7", "alipay@203.0.113.9"], who(one, "o-1")


def orders_of_the_binary_protocol_have_their_clients_address(directory):
    headers = ((b"PROXY TCP4 203.0.113.9 192.0.2.1 56324 443\r\n", "@203.0.113.9"),
               (b"PROXY TCP6 2001:db8::9 2001:db8::1 56324 443\r\n", "@2001:db8::9"),
               (SIGNATURE_V2 + bytes([0x21, 0x11, 0, 12, 203, 0, 113, 8, 192, 0, 2, 1, 1, 2, 3, 4]), "@203.0.113.8"),
               (SIGNATURE_V2 + bytes([0x20, 0, 0, 0]), "@127.0.0.1"))
    with server(directory, "--binary", "127.0.0.1:0", "--proxy-protocol-binary") as one:
        spate.stock_up(one.http)
        for number, (header, client) in enumerate(headers):
            with relay(one.address("binary"), header) as address:
                done = example(address, f"o-{number}")
            assert done.returncode == 0, done
            assert who(one, f"o-{number}") == [client], who(one, f"o-{number}")


def the_binary_protocol_asks_for_a_token_and_the_name_stands_in_the_log(directory):
    callers, trace = os.path.join(directory, "callers"), os.path.join(directory, "t.trace")
    with open(callers, "w") as file:
        file.write("shop:0123456789abcdef\n")
    subprocess.run([spate.PROGRAM, "trace", "gen", trace, "--orders", "200", "--duration", "10s", "--skus", "100",
                    "--orders-only"], check=True, capture_output=True, timeout=spate.PATIENCE_S)

    def replay(one, *words):
        return subprocess.run([spate.PROGRAM, "replay", trace, "--target", one.address("binary"), "--max", "--no-audit",
                               "--max-lag", "10s", *words], capture_output=True, text=True, check=False,
                              timeout=spate.PATIENCE_S)
    with server(directory, "--binary", "127.0.0.1:0", "--callers", callers) as one:
        for wrong in ((), ("--token", "0123456789abcdee")):
            done = replay(one, *wrong)
            assert done.returncode != 0 and "token" in done.stdout + done.stderr, done
        done = replay(one, "--token", "0123456789abcdef")
        assert done.returncode == 0, done
        said = subprocess.run([spate.PROGRAM, "log", "dump", os.path.join(directory, "data"), "--format", "json"],
                              capture_output=True, text=True, check=True, timeout=spate.PATIENCE_S).stdout
        placed = [json.loads(line) for line in said.splitlines() if '"order_placed"' in line]
        assert placed and {event["by"] for event in placed} == {"shop@127.0.0.1"}, {event["by"] for event in placed}


def whoever_sends_no_proxy_header_or_is_a_stranger_is_cut_off(directory):
    with server(directory, "--binary", "127.0.0.1:0", "--proxy-protocol-binary") as one:
        spate.stock_up(one.http)
        assert example(one.address("binary"), "o-1").returncode != 0
        with relay(one.address("binary"), b"PROXY TCP4 6.6.6.6 7.7.7.7 1 2\r\n", source="127.0.0.7") as address:
            assert example(address, "o-2").returncode != 0
        for order_id in ("o-1", "o-2"):
            assert spate.ask(one.http, "GET", f"/v1/orders/{order_id}")[0] == 404


def without_a_header_a_connection_speaks_for_itself(directory):
    with server(directory, "--binary", "127.0.0.1:0") as one:
        spate.stock_up(one.http)
        assert example(one.address("binary"), "o-1").returncode == 0
        assert who(one, "o-1") == ["@127.0.0.1"], who(one, "o-1")


spate.run([
    only_the_header_that_was_named_is_believed,
    a_notice_has_its_providers_name_and_its_clients_address,
    orders_of_the_binary_protocol_have_their_clients_address,
    the_binary_protocol_asks_for_a_token_and_the_name_stands_in_the_log,
    whoever_sends_no_proxy_header_or_is_a_stranger_is_cut_off,
    without_a_header_a_connection_speaks_for_itself,
])
