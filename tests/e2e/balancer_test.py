#!/usr/bin/env python3
"""Two servers as two partitions, behind HAProxy and behind nginx, configured as tools/deploy has it.

usage: balancer_test.py BUILD_DIR

Prints TAP; a test whose balancer is not installed is skipped. Everything is on loopback, on free ports."""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import spate

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "deploy")
CUSTOMERS = 8


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Partitions:
    """Servers a and b, each restarted at its own address with its own directory."""

    def __init__(self, directory, *options):
        self.options = options
        self.directories = [os.path.join(directory, name) for name in "ab"]
        for one in self.directories:
            os.mkdir(one)
        self.addresses = [f"127.0.0.1:{free_port()}" for _ in self.directories]
        self.servers = [None, None]
        for number in range(2):
            self.start(number)
            if "--proxy-protocol" not in options:
                spate.stock_up(self.addresses[number])

    def start(self, number):
        self.servers[number] = spate.Server(self.directories[number], "--shards", "2", *self.options,
                                            http=self.addresses[number])

    def restart(self, number, with_signal):
        code = self.servers[number].stop(with_signal)
        assert code == (0 if with_signal == signal.SIGTERM else -with_signal), self.servers[number].said()
        self.start(number)

    def holders(self, order_id):
        return [number for number in range(2)
                if spate.ask(self.addresses[number], "GET", f"/v1/orders/{order_id}")[0] == 200]

    def kill(self):
        for one in self.servers:
            if one is not None:
                one.kill()


@contextlib.contextmanager
def partitions(directory, *options):
    two = Partitions(directory, *options)
    try:
        yield two
    finally:
        two.kill()


def configured(name, two, port):
    """The file of tools/deploy with this test's addresses."""
    with open(os.path.join(DEPLOY, name)) as file:
        text = file.read()
    for place, address in zip(("10.0.0.1:8080", "10.0.0.2:8080"), two.addresses):
        assert text.count(place) == 1, place
        text = text.replace(place, address)
    return re.sub(r"(bind|listen) :?80\b", rf"\1 127.0.0.1:{port}", text)


@contextlib.contextmanager
def running(command, address, log):
    with open(log, "w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    try:
        def listens():
            assert process.poll() is None, open(log).read()
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", int(address.rsplit(":", 1)[1]))) == 0
        spate.until("the balancer listens", listens)
        yield address
    finally:
        process.terminate()
        process.wait(spate.PATIENCE_S)


@contextlib.contextmanager
def haproxy(directory, two, proxy=False):
    if shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin") is None:
        raise spate.Skip("there is no haproxy")
    port, path = free_port(), f"{directory}/haproxy.cfg"
    with open(path, "w") as file:
        text = configured("haproxy.cfg", two, port)
        assert text.count("retries 10\n") == 1
        text = text.replace("retries 10\n", "retries 4\n")  # seconds of a test's patience
        file.write(re.sub(r"(server [ab] .*)", r"\1 send-proxy-v2", text) if proxy else text)
    with running(["/usr/sbin/haproxy", "-db", "-f", path], f"127.0.0.1:{port}", f"{directory}/haproxy.log") as address:
        yield address


@contextlib.contextmanager
def nginx(directory, two):
    if shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") is None:
        raise spate.Skip("there is no nginx")
    port, path = free_port(), f"{directory}/nginx.conf"
    with open(f"{directory}/spate.conf", "w") as file:
        file.write(configured("nginx.conf", two, port))
    temporary = "".join(f"{name}_temp_path {directory}/{name};\n" for name in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    with open(path, "w") as file:
        file.write(f"daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;\n"
                   f"events {{ worker_connections 512; }}\nhttp {{ access_log off;\n{temporary}"
                   f"include {directory}/spate.conf; }}\n")
    with running(["/usr/sbin/nginx", "-e", f"{directory}/error.log", "-p", directory, "-c", path],
                 f"127.0.0.1:{port}", f"{directory}/nginx.log") as address:
        yield address


class Customer(threading.Thread):
    """Places one order after the other, each again and again until it is acknowledged."""

    def __init__(self, name, address, ended):
        super().__init__()
        self.name, self.address, self.ended = name, address, ended
        self.acknowledged, self.retries, self.wrong = [], 0, None

    def run(self):
        number = 0
        connection = http.client.HTTPConnection(self.address, timeout=spate.PATIENCE_S)
        while not self.ended.is_set() and self.wrong is None:
            number += 1
            order_id = f"{self.name}-{number}"
            body = json.dumps(spate.order(order_id))
            while True:
                try:
                    connection.request("POST", "/v1/orders", body=body, headers={
                        "Content-Type": "application/json", "X-Spate-Key": order_id})
                    answer = connection.getresponse()
                    answer.read()
                except (OSError, http.client.HTTPException):
                    connection.close()
                    self.retries += 1
                    continue
                if answer.status == 201:
                    self.acknowledged.append(order_id)
                    break
                if answer.status not in (502, 503, 504):
                    self.wrong = f"{order_id} was answered {answer.status}"
                    break
                self.retries += 1
                time.sleep(0.02)  # as Retry-After asks, but for a test's patience
        connection.close()


def acknowledged_count(customers):
    return sum(len(customer.acknowledged) for customer in customers)


def loses_nothing(directory, balancer):
    with partitions(directory) as two, balancer(directory, two) as address:
        ended = threading.Event()
        customers = [Customer(f"c{number}", address, ended) for number in range(CUSTOMERS)]
        for customer in customers:
            customer.start()
        try:
            for number, with_signal in ((0, signal.SIGTERM), (1, signal.SIGTERM), (0, signal.SIGKILL)):
                before = acknowledged_count(customers)
                spate.until("customers are served", lambda: acknowledged_count(customers) > before + 200)
                two.restart(number, with_signal)
            before = acknowledged_count(customers)
            spate.until("customers are served again", lambda: acknowledged_count(customers) > before + 200)
        finally:
            ended.set()
            for customer in customers:
                customer.join()
        assert not any(customer.wrong for customer in customers), [customer.wrong for customer in customers]
        per_server = [0, 0]
        ids = [order_id for customer in customers for order_id in customer.acknowledged]
        for order_id in ids:
            holders = two.holders(order_id)
            assert len(holders) == 1, f"{order_id} is held by {len(holders)} of two servers"
            per_server[holders[0]] += 1
        assert min(per_server) > len(ids) / 5, f"the keys are spread badly: {per_server}"
        units = [1000000 - item["items"][0]["free"] for item in
                 (spate.ask(two.addresses[number], "GET", "/v1/stock?sku=A")[1] for number in range(2))]
        assert units == per_server, f"{units} units are reserved for {per_server} orders"
        print(f"# {len(ids)} orders, {per_server} by server, "
              f"{sum(customer.retries for customer in customers)} retries")


def is_503_with_retry_after(directory, balancer):
    with partitions(directory) as two, balancer(directory, two) as address:
        keys = [f"k{number}" for number in range(40)]
        for key in keys:
            assert spate.ask(address, "POST", "/v1/orders", spate.order(key), {"X-Spate-Key": key})[0] == 201
        homes = {key: two.holders(key) for key in keys}
        assert two.servers[1].stop() == 0
        away = next(key for key in keys if homes[key] == [1])
        here = next(key for key in keys if homes[key] == [0])
        status, _, headers = spate.ask(address, "GET", f"/v1/orders/{away}")
        assert status == 503 and headers["Retry-After"], (status, headers)
        status, _, headers = spate.ask(address, "POST", "/v1/orders", spate.order(away), {"X-Spate-Key": away})
        assert status == 503 and headers["Retry-After"], (status, headers)
        assert spate.ask(address, "GET", f"/v1/orders/{here}")[0] == 200
        assert spate.ask(two.addresses[0], "GET", f"/v1/orders/{away}")[0] == 404, "it went to the other one"
        two.start(1)
        spate.until("its keys are served again", lambda: spate.ask(address, "GET", f"/v1/orders/{away}")[0] == 200)
        assert spate.ask(address, "POST", "/v1/orders", spate.order("no-key"))[0] == 400
        for method, path in (("GET", "/v1/stock?sku=A"), ("POST", "/v1/orders:batch"), ("GET", "/v1/ordersx")):
            assert spate.ask(address, method, path, headers={"X-Spate-Key": here})[0] == 404, path


# ---- the tests: each name is a sentence that is true or false ----------------------------------


def behind_haproxy_rolling_restarts_and_a_crash_lose_nothing(directory):
    loses_nothing(directory, haproxy)


def behind_nginx_rolling_restarts_and_a_crash_lose_nothing(directory):
    loses_nothing(directory, nginx)


def haproxy_keeps_the_keys_of_a_server_that_is_away(directory):
    is_503_with_retry_after(directory, haproxy)


def nginx_keeps_the_keys_of_a_server_that_is_away(directory):
    is_503_with_retry_after(directory, nginx)


def haproxy_lets_who_comes_wait_while_a_server_restarts(directory):
    with partitions(directory) as two, haproxy(directory, two) as address:
        key = next(key for key in (f"k{number}" for number in range(100)) if spate.ask(
            address, "POST", "/v1/orders", spate.order(key), {"X-Spate-Key": key})[0] == 201 and two.holders(key) == [1])
        assert two.servers[1].stop() == 0
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(spate.ask(address, "GET", f"/v1/orders/{key}")))
        waiting.start()
        two.start(1)
        waiting.join(spate.PATIENCE_S)
        assert answers and answers[0][0] == 200, answers


def ask_from(source, address, order_id, forwarded=None):
    connection = http.client.HTTPConnection(address, timeout=spate.PATIENCE_S, source_address=(source, 0))
    headers = {"Content-Type": "application/json", "X-Spate-Key": order_id}
    if forwarded is not None:
        headers["X-Forwarded-For"] = forwarded
    connection.request("POST", "/v1/orders", body=json.dumps(spate.order(order_id)), headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def who_placed(two, order_id):
    """As the logs say, which can be read while the servers run."""
    said = [subprocess.run([spate.PROGRAM, "log", "dump", os.path.join(directory, "data"), "--order", order_id,
                            "--format", "json"], capture_output=True, text=True, check=True,
                           timeout=spate.PATIENCE_S).stdout for directory in two.directories]
    return [json.loads(line)["by"] for line in "".join(said).splitlines()]


def split(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


def stock_up_by_proxy(address):
    """One connection that begins like a balancer's."""
    requests = [("PUT", "/v1/warehouses/w1", {"priority": 1}, ""),
                ("PUT", "/v1/skus/A", {"currency": "CNY", "list_price": 1999}, ""),
                ("POST", "/v1/stock/receive", {"sku": "A", "warehouse": "w1", "ok": 1000}, "Idempotency-Key: r\r\n")]
    with socket.create_connection(split(address), spate.PATIENCE_S) as s:
        s.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n")
        for method, path, body, more in requests:
            text = json.dumps(body)
            s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{more}"
                      f"Content-Length: {len(text)}\r\n\r\n{text}".encode())
            assert s.recv(4096).startswith(b"HTTP/1.1 20"), path


def the_log_knows_the_client_behind(directory, balancer):
    with partitions(directory, "--trust", "127.0.0.1") as two, balancer(directory, two) as address:
        assert ask_from("127.0.0.5", address, "o1") == 201
        assert ask_from("127.0.0.5", address, "o2", forwarded="6.6.6.6") == 201
        assert ask_from("127.0.0.7", two.addresses[0], "o3", forwarded="6.6.6.6") == 201
        # A retry through another way is the same order still.
        assert ask_from("127.0.0.8", address, "o1") == 201
        assert [who_placed(two, f"o{number}") for number in (1, 2, 3)] == [["@127.0.0.5"], ["@127.0.0.5"], ["@127.0.0.7"]]


def the_log_knows_the_client_behind_haproxys_header(directory):
    the_log_knows_the_client_behind(directory, haproxy)


def the_log_knows_the_client_behind_nginxs_header(directory):
    the_log_knows_the_client_behind(directory, nginx)


def the_log_knows_the_client_behind_a_proxy_header_and_strangers_are_cut_off(directory):
    with partitions(directory, "--trust", "127.0.0.1", "--proxy-protocol") as two, \
            haproxy(directory, two, proxy=True) as address:
        for number in range(2):
            stock_up_by_proxy(two.addresses[number])
        assert ask_from("127.0.0.5", address, "o1") == 201
        assert ask_from("127.0.0.5", address, "o2", forwarded="6.6.6.6") == 201
        for source, first in (("127.0.0.1", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
                              ("127.0.0.7", b"PROXY TCP4 6.6.6.6 7.7.7.7 1 2\r\n")):
            with socket.create_connection(split(two.addresses[0]), spate.PATIENCE_S, source_address=(source, 0)) as s:
                s.sendall(first)
                assert s.recv(100) == b"", "somebody without a header, or a stranger, is served"
        assert [who_placed(two, f"o{number}") for number in (1, 2)] == [["@127.0.0.5"], ["@127.0.0.5"]]


spate.run([
    behind_haproxy_rolling_restarts_and_a_crash_lose_nothing,
    behind_nginx_rolling_restarts_and_a_crash_lose_nothing,
    haproxy_keeps_the_keys_of_a_server_that_is_away,
    nginx_keeps_the_keys_of_a_server_that_is_away,
    haproxy_lets_who_comes_wait_while_a_server_restarts,
    the_log_knows_the_client_behind_haproxys_header,
    the_log_knows_the_client_behind_nginxs_header,
    the_log_knows_the_client_behind_a_proxy_header_and_strangers_are_cut_off,
])
