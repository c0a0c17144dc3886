#!/usr/bin/env python3
"""HTTP/JSON as its callers see it, against a real `spate serve`.  usage: http_test.py BUILD_DIR

Prints TAP. Each test gets a server of its own on free loopback ports, with an empty directory."""
import hashlib
import hmac
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from left import verify_what_is_left

SPATE = os.path.join(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build"), "spate")
JSON = {"Content-Type": "application/json"}


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Server:
    def __init__(self, directory, shards=2, options=()):
        self.port, self.admin_port = free_ports(2)
        self.log = open(os.path.join(directory, "log.txt"), "a+")
        self.process = subprocess.Popen(
            [SPATE, "serve", "--data", os.path.join(directory, "data"), "--shards", str(shards),
             "--memory", "128M", "--segment", "4M", "--http", f"127.0.0.1:{self.port}",
             "--admin", f"127.0.0.1:{self.admin_port}", *options],
            stdout=self.log, stderr=self.log)
        self.until(lambda: self.ready() == 200, "ready")

    def until(self, holds, what):
        end = time.monotonic() + 20
        while not holds():
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                raise AssertionError(f"the server never was {what}:\n{self.log.read()}")
            time.sleep(0.01)

    def ready(self):
        try:
            return self.ask("GET", "/readyz", port=self.admin_port)[0]
        except OSError:
            return 0

    def ask(self, method, path, body=None, headers=(), port=None):
        """Status, headers, decoded body; on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=30)
        try:
            return ask(connection, method, path, body, headers)
        finally:
            connection.close()

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def raw(self, data, pieces=None):
        """What comes back for these bytes until the server closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for piece in pieces or [data]:
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
            answer = b""
            while True:
                try:
                    got = s.recv(65536)
                except ConnectionResetError:
                    return answer
                if not got:
                    return answer
                answer += got

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Drains; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()

    def stock(self, sku, warehouse="w1"):
        items = self.ask("GET", f"/v1/stock?sku={sku}")[2]["items"]
        return next((i for i in items if i["warehouse"] == warehouse), None)


def ask(connection, method, path, body=None, headers=()):
    sent = dict(headers)
    if body is not None:
        sent = {**JSON, **sent}
        body = json.dumps(body) if not isinstance(body, (str, bytes)) else body
    connection.request(method, path, body, sent)
    answer = connection.getresponse()
    text = answer.read()
    is_json = "json" in (answer.getheader("Content-Type") or "")
    return answer.status, answer.headers, json.loads(text) if is_json and text else text


def order(order_id=None, customer="c1", lines=(("SKU-1", 1, 1999),), **more):
    body = {"customer": customer, "currency": "CNY", **more,
            "lines": [{"sku": s, "units": u, "unit_price": p} for s, u, p in lines]}
    if order_id:
        body["order_id"] = order_id
    return body


def stock_up(server, skus=1, units=100):
    assert server.ask("PUT", "/v1/warehouses/w1", {"priority": 1})[0] == 200
    for i in range(1, skus + 1):
        put = server.ask("PUT", f"/v1/skus/SKU-{i}", {"currency": "CNY", "list_price": 1999})
        assert put[0] == 200, put
        if units:
            got = server.ask("POST", "/v1/stock/receive",
                             {"sku": f"SKU-{i}", "warehouse": "w1", "units": units},
                             {"Idempotency-Key": f"first-{i}"})
            assert got[0] == 200, got


def equal(got, wanted, what=""):
    assert got == wanted, f"{what}: got {got!r}, wanted {wanted!r}"


# ---- tests: a name is a sentence that is true ---------------------------------------------------

def an_order_is_placed_read_and_counted(server):
    stock_up(server)
    status, headers, body = server.ask("POST", "/v1/orders", order(
        "20201111-1", lines=[("SKU-1", 2, 1999)], channel="online", ship_to="a-77 é",
        adjustments=[{"kind": "discount", "amount": -500}]))
    equal(status, 201)
    seq = int(headers["X-Commit-Seq"])
    assert seq > 0 and headers["Idempotent-Replayed"] is None
    equal(body["state"], "pending_payment")
    equal(body["total"], 3498)
    equal(body["ship_to"], "a-77 é")
    equal(body["lines"], [{"line": 1, "sku": "SKU-1", "units": 2, "unit_price": 1999,
                           "warehouse": "w1", "shipped": 0, "returned": 0, "cancelled": 0}])
    equal(server.ask("GET", "/v1/orders/20201111-1")[2], body)
    cell = server.stock("SKU-1")
    equal((cell["on_hand"], cell["free"], cell["reserved"]), (100, 98, 2))


def a_known_id_gives_the_first_answer_and_another_body_is_refused(server):
    stock_up(server)
    first = server.ask("POST", "/v1/orders", order("o-1"))
    again = server.ask("POST", "/v1/orders", order("o-1"))
    other = server.ask("POST", "/v1/orders", order("o-1", customer="c2"))
    equal((first[0], again[0], other[0]), (201, 201, 422))
    equal(again[2], first[2])
    equal(again[1]["Idempotent-Replayed"], "true")
    equal(other[2]["code"], "key_reused")
    equal(server.stock("SKU-1")["reserved"], 1)


def an_idempotency_key_stands_for_an_id(server):
    stock_up(server)
    key = {"Idempotency-Key": "my key"}
    first = server.ask("POST", "/v1/orders", order(), key)
    again = server.ask("POST", "/v1/orders", order(), key)
    without = server.ask("POST", "/v1/orders", order())
    equal((first[0], again[0], without[0]), (201, 201, 201))
    equal(first[2]["order_id"], again[2]["order_id"])
    assert without[2]["order_id"] != first[2]["order_id"]
    equal(len(without[2]["order_id"]), 26)
    equal(server.stock("SKU-1")["reserved"], 2)


def a_quote_is_an_order_that_is_not_placed(server):
    stock_up(server, skus=2, units=5)
    body = order("o-1", lines=[("SKU-1", 2, 10), ("SKU-2", 5, 100)])
    status, headers, quote = server.ask("POST", "/v1/orders:quote", body)
    equal((status, quote["total"], quote["state"]), (200, 520, "pending_payment"))
    equal([line["warehouse"] for line in quote["lines"]], ["w1", "w1"])
    equal(server.stock("SKU-2")["free"], 5)
    equal(server.ask("GET", "/v1/orders/o-1")[0], 404)
    equal(server.ask("POST", "/v1/orders", body)[0], 201)
    equal(server.ask("POST", "/v1/orders:quote", body)[2]["code"], "out_of_stock")


def the_orders_of_a_batch_are_placed_each_on_its_own(server):
    stock_up(server, units=5)
    orders = [order("b-1", lines=[("SKU-1", 3, 1)]), order("b-2", lines=[("SKU-1", 3, 1)]),
              order("b\"\u00e9"), {**order("b-3"), "nonsense": 1}, {}, order(), order("b-1"),
              order("b-1", lines=[("SKU-1", 3, 1)])]
    headers = {"Idempotency-Key": "k"}
    status, sent, body = server.ask("POST", "/v1/orders:batch", {"orders": orders}, headers)
    equal((status, sent["Transfer-Encoding"]), (200, "chunked"))
    results = body["results"]
    equal([r["status"] for r in results], [201, 409, 422, 400, 422, 201, 422, 201])
    equal(results[0]["order"], server.ask("GET", "/v1/orders/b-1")[2])
    equal(results[1]["problem"]["lines"], [{"sku": "SKU-1", "requested": 3, "sellable": 2}])
    equal(results[3]["problem"]["errors"], [{"pointer": "/nonsense", "code": "unknown"}])
    equal(results[7]["replayed"], True)
    again = server.ask("POST", "/v1/orders:batch", {"orders": orders}, headers)[2]["results"]
    equal(again[5]["order"]["order_id"], results[5]["order"]["order_id"])
    equal(server.stock("SKU-1")["reserved"], 4)
    for bad, wanted in (("{}", 422), ('{"orders":[]}', 422), ('{"orders":[1]}', 422),
                        ('{"orders":[{}', 400), ('{"orders":[{}],"x":1}', 400),
                        ('{"orders":[{}],"orders":[]}', 400), ('{"orders":[{}]}x', 400)):
        equal(server.ask("POST", "/v1/orders:batch", bad)[0], wanted, bad)


def many_skus_are_put_at_once(server):
    skus = [{"sku": f"S{i}", "currency": "CNY", "list_price": i} for i in range(3000)]
    connection = server.connect()
    status, _, body = ask(connection, "POST", "/v1/skus:batch", {"skus": skus})
    equal((status, {r["status"] for r in body["results"]}), (200, {200}))
    equal([r["sku"]["sku"] for r in body["results"]], [s["sku"] for s in skus])
    equal(ask(connection, "GET", "/v1/stock?sku=S2999")[0], 200)
    body = json.dumps({"skus": skus[:2]}).encode()
    answer = server.raw(b"POST /v1/skus:batch HTTP/1.0\r\nContent-Type: application/json\r\n"
                        b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
    assert b"Connection: close" in answer and b"chunked" not in answer, answer
    equal(len(json.loads(answer.split(b"\r\n\r\n")[1])["results"]), 2)


def units_are_received_once_per_key(server):
    stock_up(server, units=0)
    body = {"sku": "SKU-1", "warehouse": "w1", "ok": 10, "damaged": 3}
    for replayed in (None, "true"):
        status, headers, _ = server.ask("POST", "/v1/stock/receive", body,
                                        {"Idempotency-Key": "r-1"})
        equal((status, headers["Idempotent-Replayed"]), (200, replayed))
    cell = server.stock("SKU-1")
    equal((cell["free"], cell["quarantined"], cell["on_hand"]), (10, 3, 13))
    status, _, problem = server.ask("POST", "/v1/stock/receive", {**body, "ok": 11},
                                    {"Idempotency-Key": "r-1"})
    equal((status, problem["code"]), (422, "key_reused"))


def stock_moves_only_where_there_is_some(server):
    stock_up(server)

    def move(what, body, key, **headers):
        return server.ask("POST", f"/v1/stock/{what}", {"sku": "SKU-1", "warehouse": "w1", **body},
                          {"Idempotency-Key": key, **headers})

    equal(move("expect", {"units": 7}, "e")[0], 200)
    equal(move("quarantine", {"units": 10}, "q")[0], 200)
    equal(move("clear", {"units": 4}, "c")[0], 200)
    equal(move("writeoff", {"units": 5}, "w")[2], {"delta": -5, "missing": 0})
    equal(move("writeoff", {"units": 2}, "w2")[2]["code"], "out_of_stock")
    equal(move("adjust", {"delta": -4, "reason": "broken"}, "a")[2], {"delta": -4, "missing": 0})
    equal(move("adjust", {"delta": -999, "reason": "broken"}, "a2")[0], 409)
    cell = server.stock("SKU-1")
    equal([cell[k] for k in ("on_hand", "free", "quarantined", "incoming")], [91, 90, 1, 7])
    version = cell["version"]
    equal(move("stocktake", {"counted": 90}, "s")[0], 428)
    equal(move("stocktake", {"counted": 90}, "s", **{"If-Match": f'"{version - 1}"'})[0], 412)
    equal(move("stocktake", {"counted": 90}, "s", **{"If-Match": f'"{version}"'})[2],
          {"delta": -1, "missing": 0})
    policy = "/v1/stock/SKU-1/w1/policy"
    equal(server.ask("PUT", policy, {"safety": 80, "reorder_point": 20})[0], 200)
    equal(server.stock("SKU-1")["sellable"], 9)
    equal(server.ask("PUT", policy, {"safety": 1}, {"If-Match": f'"{version}"'})[0], 412)


def a_region_is_served_from_where_it_costs_least(server):
    stock_up(server)
    for number in (2, 3):
        server.ask("PUT", f"/v1/warehouses/w{number}", {"priority": 1})
        server.ask("POST", "/v1/stock/receive", {"sku": "SKU-1", "warehouse": f"w{number}", "units": 9},
                   {"Idempotency-Key": f"w{number}"})

    def rows(*pairs):
        return [{"distance": d, "weight": w} for d, w in pairs]

    costs = {"w1": rows((10, 3), (15, 2), (20, 1)), "w2": rows((8, 5), (12, 3), (18, 1)),
             "w3": rows((6, 2), (10, 4), (14, 2))}
    equal(server.ask("PUT", "/v1/regions/sh/costs", {"warehouses": costs})[0], 200)
    body = server.ask("POST", "/v1/orders:quote", order(region="sh"))[2]
    equal(body["lines"][0]["warehouse"], "w1")
    costs["w2"] = rows((79, 1))
    equal(server.ask("PUT", "/v1/regions/sh/costs", {"warehouses": costs})[0], 200)
    body = server.ask("POST", "/v1/orders:quote", order(region="sh"))[2]
    equal(body["lines"][0]["warehouse"], "w2")
    for bad, status in (('{"warehouses":{"w9":[{"distance":1,"weight":1}]}}', 422),
                        ('{"warehouses":{"w1":[]}}', 422),
                        ('{"warehouses":{"w 1":[{"distance":1,"weight":1}]}}', 422),
                        ('{"warehouses":{"w1":[{"distance":1,"weight":1}],'
                         '"w2":[{"distance":1,"weight":1}],"w1":[{"distance":1,"weight":1}]}}', 400)):
        equal(server.ask("PUT", "/v1/regions/sh/costs", bad)[0], status, bad)


def a_sku_is_read_with_its_caps(server):
    stock_up(server)
    put = {"currency": "CNY", "list_price": 5, "flash": True, "max_per_order": 3,
           "max_per_customer": {"units": 2, "window_s": 60}, "channel_caps": {"store": 4, "web": 1}}
    equal(server.ask("PUT", "/v1/skus/SKU-1", put)[0], 200)
    body = server.ask("GET", "/v1/skus/SKU-1")[2]
    equal({k: body[k] for k in put}, put)
    equal(server.ask("GET", "/v1/skus/NONE")[0], 404)
    equal(server.ask("POST", "/v1/orders", order("o-1", channel="web", lines=[("SKU-1", 2, 1)]))[0], 409)
    twice = '{"currency":"CNY","list_price":5,"channel_caps":{"a":1,"b":2,"a":3}}'
    equal(server.ask("PUT", "/v1/skus/SKU-1", twice)[0], 400)


def orders_are_listed_page_by_page(server):
    stock_up(server, skus=2, units=10000)
    placed = []
    for i in range(60):
        body = order(f"l-{i}", customer=f"c{i % 3}", lines=[(f"SKU-{i % 2 + 1}", 1, 1)])
        equal(server.ask("POST", "/v1/orders", body)[0], 201)
        placed.append(body)
    for i in range(0, 60, 6):
        equal(server.ask("POST", f"/v1/orders/l-{i}/cancel", {})[0], 200)

    def pages(query):
        got, cursor, count = [], "", 0
        while True:
            status, _, page = server.ask("GET", f"/v1/orders?{query}{cursor}")
            equal(status, 200, page)
            got += page["items"]
            count += 1
            if "next_cursor" not in page:
                return [o["order_id"] for o in got], count
            cursor = "&cursor=" + urllib.parse.quote(page["next_cursor"])

    newest_first = [f"l-{i}" for i in reversed(range(60)) if i % 3 == 1]
    equal(pages("customer=c1"), (newest_first, 1))
    ids, count = pages("customer=c1&limit=7")
    equal((ids, count), (newest_first, 3))
    ids, count = pages("customer=c0&limit=1&state=cancelled")
    equal(ids, [f"l-{i}" for i in reversed(range(0, 60, 6))])
    equal(pages("customer=nobody"), ([], 1))
    ids, _ = pages("limit=7")
    equal(sorted(ids), sorted(f"l-{i}" for i in range(60)))
    ids, _ = pages("sku=SKU-2&state=pending_payment&limit=100")
    equal(sorted(ids), sorted(f"l-{i}" for i in range(1, 60, 2)))
    first = server.ask("GET", "/v1/orders/l-20")[2]["stages"]["created"]
    ids, _ = pages(f"created_after={first}")
    equal(sorted(ids), sorted(f"l-{i}" for i in range(20, 60)))
    ids, _ = pages(f"customer=c2&created_before={first}")
    equal(ids, [f"l-{i}" for i in reversed(range(20)) if i % 3 == 2])
    for bad, status in (("limit=0", 422), ("limit=101", 422), ("cursor=x", 422), ("sku=NONE", 404),
                        ("state=sold", 422), ("cursor=7.0.1", 422), ("customer=c1&cursor=1.a%20b", 422)):
        equal(server.ask("GET", f"/v1/orders?{bad}")[0], status, bad)


def an_order_is_shipped_in_two_parcels_and_delivered(server):
    stock_up(server)
    server.ask("POST", "/v1/orders", order("O", lines=[("SKU-1", 3, 10), ("SKU-1", 1, 20)]))
    server.ask("POST", "/v1/orders/O/payments", {"payment_id": "p", "amount": 50})
    equal(server.ask("POST", "/v1/orders/O/payments/p/capture")[0], 200)
    base = "/v1/orders/O/shipments"
    status, _, parcel = server.ask("POST", base, {
        "shipment_id": "s-1", "carrier": "sf", "tracking": "SF123", "method": "express",
        "eta": "2030-01-01T00:00:00Z", "lines": [{"line": 2, "units": 1}, {"line": 1, "units": 2}]})
    equal((status, parcel["state"], parcel["warehouse"]), (201, "planned", "w1"))
    equal(parcel["lines"], [{"line": 1, "units": 2}, {"line": 2, "units": 1}])
    equal(server.ask("POST", base + "/s-1/pick")[2]["state"], "picking")
    equal(server.ask("POST", base + "/s-1/handover", {})[2]["state"], "handed_over")
    equal(server.ask("GET", "/v1/orders/O")[2]["state"], "partially_shipped")
    equal(server.ask("POST", base, {"shipment_id": "s-2"})[2]["lines"], [{"line": 1, "units": 1}])
    equal(server.ask("POST", base + "/s-2/handover", {"tracking": "SF124"})[0], 200)
    equal(server.ask("GET", "/v1/orders/O")[2]["state"], "shipped")
    scans = {"scans": [{"code": "in_transit", "at": "2030-01-01T00:00:00Z", "place": "Shanghai"}]}
    for _ in range(2):
        parcel = server.ask("POST", base + "/s-1/scans", scans)[2]
        equal((parcel["state"], parcel["scans"]), ("in_transit", scans["scans"]))
    for s in ("s-1", "s-2"):
        equal(server.ask("POST", f"{base}/{s}/deliver", {})[2]["state"], "delivered")
    body = server.ask("GET", "/v1/orders/O")[2]
    equal((body["state"], [s["shipment_id"] for s in body["shipments"]]), ("delivered", ["s-1", "s-2"]))
    status, _, problem = server.ask("POST", base + "/s-1/cancel", {})
    equal((status, problem["state"]), (409, "delivered"))
    equal(server.ask("POST", "/v1/orders/O/confirm", {})[2]["state"], "completed")
    for tracking, ids in (("SF123", ["O"]), ("SF124", ["O"]), ("SF12", [])):
        found = server.ask("GET", f"/v1/shipments?tracking={tracking}")[2]
        equal([o["order_id"] for o in found["items"]], ids, tracking)
    equal(server.ask("GET", "/v1/shipments")[0], 422)


def what_comes_back_is_judged_and_paid_back(server):
    stock_up(server)
    server.ask("POST", "/v1/orders", order("O", lines=[("SKU-1", 3, 10)]))
    server.ask("POST", "/v1/orders/O/payments", {"payment_id": "p", "amount": 30})
    server.ask("POST", "/v1/orders/O/payments/p/capture")
    server.ask("POST", "/v1/orders/O/shipments", {"shipment_id": "s"})
    server.ask("POST", "/v1/orders/O/shipments/s/handover")
    equal(server.ask("POST", "/v1/orders/O/shipments/s/deliver")[2]["state"], "delivered")
    base = "/v1/orders/O/returns"
    status, _, back = server.ask("POST", base, {"return_id": "r", "kind": "return", "reason": "too small",
                                                "lines": [{"line": 1, "units": 2}]})
    equal((status, back["state"], back["kind"]), (201, "requested", "return"))
    for step, state in (("approve", "approved"), ("ship", "in_transit"), ("receive", "received")):
        equal(server.ask("POST", f"{base}/r/{step}")[2]["state"], state)
    equal(server.stock("SKU-1")["quarantined"], 2)
    status, _, back = server.ask("POST", base + "/r/inspect",
                                 {"lines": [{"line": 1, "accepted": 1, "rejected": 1}]})
    equal(status, 200, back)
    equal([(l["line"], l["accepted"], l["rejected"]) for l in back["lines"]], [(1, 1, 1)])
    equal(server.ask("GET", base + "/r")[2]["reason"], "too small")
    body = server.ask("GET", "/v1/orders/O")[2]
    equal([r["return_id"] for r in body["returns"]], ["r"])
    equal(server.ask("POST", base, {"return_id": "r2", "kind": "return",
                                    "lines": [{"line": 1, "units": 3}]})[0] in (409, 422), True)


def a_parcel_that_cannot_leave_is_sent_from_elsewhere_and_a_lost_one_again(server):
    stock_up(server)
    server.ask("PUT", "/v1/warehouses/w2", {"priority": 2})
    server.ask("POST", "/v1/stock/receive", {"sku": "SKU-1", "warehouse": "w2", "units": 4}, {"Idempotency-Key": "w2"})
    server.ask("POST", "/v1/orders", order("O", lines=[("SKU-1", 3, 10)]))
    server.ask("POST", "/v1/orders/O/payments", {"payment_id": "p", "amount": 30})
    server.ask("POST", "/v1/orders/O/payments/p/capture")
    base = "/v1/orders/O/shipments"
    server.ask("POST", base, {"shipment_id": "s"})
    server.ask("POST", base + "/s/fail", {"failure": "pick_short"})
    equal(server.ask("GET", "/v1/orders/O")[2]["state"], "ship_failed")
    status, _, parcel = server.ask("POST", base + "/s/resolve", {"action": "reship"}, {"Idempotency-Key": "k"})
    equal((status, parcel["state"], parcel["warehouse"]), (200, "planned", "w2"))
    replayed = server.ask("POST", base + "/s/resolve", {"action": "reship"}, {"Idempotency-Key": "k"})
    equal((replayed[0], replayed[1]["Idempotent-Replayed"]), (200, "true"))
    equal(server.ask("GET", "/v1/orders/O")[2]["state"], "paid")
    server.ask("POST", base + "/s/handover")
    server.ask("POST", base + "/s/fail", {"failure": "lost"})
    status, _, problem = server.ask("POST", base + "/s/resolve", {"action": "reship", "warehouse": "w2"})
    equal((status, problem["code"]), (409, "out_of_stock"))
    equal(problem["lines"], [{"sku": "SKU-1", "requested": 3, "sellable": 1}])
    status, _, parcel = server.ask("POST", base + "/s/resolve", {"action": "reship"})
    equal((status, parcel["state"]), (200, "reshipped"))
    server.ask("POST", base, {"shipment_id": "again"})
    server.ask("POST", base + "/again/handover")
    equal(server.ask("POST", base + "/again/deliver")[2]["state"], "delivered")
    returns = "/v1/orders/O/returns"
    equal(server.ask("POST", returns, {"return_id": "r", "kind": "exchange"})[0], 201)
    for step in ("approve", "ship", "receive"):
        equal(server.ask("POST", f"{returns}/r/{step}")[0], 200)
    status, _, back = server.ask("POST", returns + "/r/inspect", {"warehouse": "w1"})
    equal((status, back["state"]), (200, "inspected"))
    parcel = server.ask("GET", "/v1/orders/O")[2]["shipments"][-1]
    equal((parcel["shipment_id"], parcel["state"], parcel["warehouse"]), ("exchange-03", "planned", "w1"))
    equal(server.ask("GET", "/v1/orders/O/payments/p")[2]["refunds"], [])


def units_go_from_one_warehouse_to_another(server):
    stock_up(server)
    server.ask("PUT", "/v1/warehouses/w2", {"priority": 2})
    body = {"transfer_id": "x", "sku": "SKU-1", "from": "w1", "to": "w2", "units": 5}
    status, _, transfer = server.ask("POST", "/v1/stock/transfers", body)
    equal((status, transfer["state"], transfer["units"]), (201, "in_transfer", 5))
    status, headers, _ = server.ask("POST", "/v1/stock/transfers", body)
    equal((status, headers["Idempotent-Replayed"]), (201, "true"))
    base = "/v1/stock/transfers/SKU-1/x"
    equal(server.ask("POST", base + "/receive", {"ok": 4, "damaged": 0, "lost": 1})[2]["state"], "received")
    transfer = server.ask("GET", base)[2]
    equal((transfer["ok"], transfer["lost"], transfer["to"]), (4, 1, "w2"))
    equal((server.stock("SKU-1", "w2")["free"], server.stock("SKU-1")["free"]), (4, 95))
    equal(server.ask("GET", "/v1/stock/transfers/SKU-1/y")[0], 404)
    equal(server.ask("POST", "/v1/stock/transfers", {**body, "transfer_id": "z", "units": 96})[0], 409)


def what_is_missing_is_a_task_and_what_is_short_a_warning(server):
    stock_up(server, skus=3)
    for i in (1, 2, 3):
        server.ask("PUT", f"/v1/stock/SKU-{i}/w1/policy", {"reorder_point": 50})
        server.ask("POST", "/v1/orders", order(f"t-{i}", lines=[(f"SKU-{i}", 60, 1)]))
        version = server.stock(f"SKU-{i}")["version"]
        status, _, change = server.ask(
            "POST", "/v1/stock/stocktake", {"sku": f"SKU-{i}", "warehouse": "w1", "counted": 55 + i},
            {"Idempotency-Key": "s", "If-Match": f'"{version}"'})
        equal((status, change["delta"], change["missing"]), (200, i - 45, 5 - i))
        assert change["task_id"]
    tasks = server.ask("GET", "/v1/tasks")[2]["items"]
    equal(sorted((t["sku"], t["missing"]) for t in tasks), [("SKU-1", 4), ("SKU-2", 3), ("SKU-3", 2)])
    equal([[o["order_id"] for o in t["orders"]] for t in sorted(tasks, key=lambda t: t["sku"])], [["t-1"], ["t-2"], ["t-3"]])
    warnings = server.ask("GET", "/v1/stock/warnings")[2]["items"]
    equal(sorted(w["sku"] for w in warnings), ["SKU-1", "SKU-2", "SKU-3"])


def a_task_names_the_newest_unpaid_orders_first_and_no_more_than_it_hits(server):
    stock_up(server)
    for i in range(10):
        equal(server.ask("POST", "/v1/orders", order(f"o-{i}", lines=[("SKU-1", 2, 1), ("SKU-1", 3, 1)]))[0], 201)
    for i in (3, 8, 9):
        server.ask("POST", f"/v1/orders/o-{i}/payments", {"payment_id": "p", "amount": 5})
        equal(server.ask("POST", f"/v1/orders/o-{i}/payments/p/capture")[0], 200)
    equal(server.ask("POST", "/v1/orders/o-7/cancel")[0], 200)
    equal(server.ask("POST", "/v1/orders/o-6/cancel", {"lines": [{"line": 2, "units": 1}]})[0], 200)

    def hit(counted):
        version = server.stock("SKU-1")["version"]
        equal(server.ask("POST", "/v1/stock/stocktake", {"sku": "SKU-1", "warehouse": "w1", "counted": counted},
                         {"Idempotency-Key": f"s{counted}", "If-Match": f'"{version}"'})[0], 200)
        tasks = server.ask("GET", "/v1/tasks")[2]["items"]
        equal(len(tasks), 1)
        return [(o["order_id"], o["state"], o["units"]) for o in tasks[0]["orders"]]

    unpaid = [("o-6", "pending_payment", 4), ("o-5", "pending_payment", 5), ("o-4", "pending_payment", 5),
              ("o-2", "pending_payment", 5), ("o-1", "pending_payment", 5), ("o-0", "pending_payment", 5)]
    paid = [("o-9", "paid", 5), ("o-8", "paid", 5), ("o-3", "paid", 5)]
    equal(hit(40), unpaid[:1])
    equal(hit(39), unpaid[:2])
    equal(hit(15), unpaid)
    equal(hit(14), unpaid + paid[:1])
    equal(hit(0), unpaid + paid)


def an_order_is_paid_and_refunded(server):
    stock_up(server)
    server.ask("POST", "/v1/orders", order("O", lines=[("SKU-1", 2, 1000)]))
    base = "/v1/orders/O/payments"
    status, _, payment = server.ask("POST", base, {"payment_id": "p-1", "method": "alipay",
                                                   "amount": 2000})
    equal((status, payment["state"], payment["order_id"]), (201, "created", "O"))
    equal(server.ask("POST", base + "/p-1/authorize")[2]["authorized"], 2000)
    equal(server.ask("POST", base + "/p-1/capture", {})[2]["captured"], 2000)
    equal(server.ask("GET", "/v1/orders/O")[2]["state"], "paid")
    equal(server.ask("POST", base + "/p-1/void", {})[2]["allowed"], [])
    status, _, refund = server.ask("POST", base + "/p-1/refunds",
                                   {"refund_id": "f-1", "amount": 500, "reason": "late"})
    equal((status, refund["refund_id"], refund["amount"]), (201, "f-1", 500))
    status, _, refund = server.ask("POST", base + "/p-1/refunds/f-1/succeed", {})
    equal((status, refund["state"]), (200, "succeeded"))
    payment = server.ask("GET", base + "/p-1")[2]
    equal((payment["refunded"], payment["refunds"][0]["refund_id"]), (500, "f-1"))
    equal(server.ask("GET", "/v1/orders/O")[2]["payments"][0]["captured"], 2000)
    equal(server.ask("POST", base + "/p-2/capture", {})[0], 404)
    equal(server.ask("POST", base + "/p-1/refunds", {"refund_id": "f-2", "amount": 1501})[0], 409)


def a_notice_counts_when_its_provider_has_signed_it(server, directory):
    server.stop()
    path = os.path.join(directory, "callers.txt")
    secrets = ["an old secret".replace(" ", "-") + "x" * 60, "a-new-secret-of-theirs"]
    with open(path, "w") as file:
        file.write("shop:0123456789abcdef\n" + "".join(f"alipay:hmac:{s}\n" for s in secrets))
    again = Server(directory, options=["--callers", path])
    token = {"Authorization": "Bearer 0123456789abcdef"}
    try:
        def ask(method, path, body, headers=()):
            return again.ask(method, path, body, {**token, **dict(headers)})

        ask("PUT", "/v1/warehouses/w1", {"priority": 1})
        ask("PUT", "/v1/skus/SKU-1", {"currency": "CNY", "list_price": 1})
        ask("POST", "/v1/stock/receive", {"sku": "SKU-1", "warehouse": "w1", "units": 9},
            {"Idempotency-Key": "k"})
        equal(ask("POST", "/v1/orders", order("O"))[0], 201)

        def note(notice_id, secret=secrets[1], at=None, spoil="", provider="alipay"):
            at = str(int(time.time()) if at is None else at)
            body = json.dumps({"notice_id": notice_id, "order_id": "O", "payment_id": "p-1",
                               "kind": "captured", "amount": 1999, "currency": "CNY"})
            mac = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
            return again.ask("POST", f"/v1/payment-notices/{provider}", body + spoil,
                             {"X-Signature": f"t={at},v1={mac}"})

        now = int(time.time())
        for refused in (note("n", secret="another-secret-of-theirs"), note("n", at=now - 400),
                        note("n", at=now + 400), note("n", spoil=" "), note("n", provider="shop"),
                        again.ask("POST", "/v1/payment-notices/alipay", "{}"),
                        again.ask("POST", "/v1/payment-notices/alipay", "{}",
                                  {"X-Signature": f"t={now},v1=00"})):
            equal((refused[0], refused[2]["code"]), (401, "unauthorized"))
        equal(ask("GET", "/v1/orders/O", None)[2]["state"], "pending_payment")
        for notice_id, secret in (("n-1", secrets[0]), ("n-1", secrets[0]), ("n-2", secrets[1])):
            status, _, payment = note(notice_id, secret)
            equal((status, payment["state"], payment["captured"]), (200, "captured", 1999))
        got = ask("GET", "/v1/orders/O", None)[2]
        equal((got["state"], got["modified_by"]), ("paid", "alipay"))
        with open(path, "w") as file:
            file.write(f"shop:0123456789abcdef\nalipay:hmac:{secrets[1]}\nalipay:hmac:the-next-secret-of-theirs\n")
        again.process.send_signal(signal.SIGHUP)
        again.until(lambda: note("n-3", "the-next-secret-of-theirs")[0] == 200, "the next secret is known")
        equal([note("n-4", secret)[0] for secret in secrets], [401, 200])
        equal(again.stop(), 0)
    finally:
        again.kill()


def an_order_is_cancelled_line_by_line_and_then_no_more(server):
    stock_up(server)
    server.ask("POST", "/v1/orders", order("o-1", lines=[("SKU-1", 5, 1), ("SKU-1", 3, 2)]))
    cancel = "/v1/orders/o-1/cancel"
    status, _, body = server.ask("POST", cancel, {"lines": [{"line": 2, "units": 1}]})
    equal((status, body["state"], body["lines"][1]["cancelled"]), (200, "pending_payment", 1))
    equal(server.ask("POST", cancel, {"lines": [{"line": 2, "units": 3}]})[0], 422)
    status, _, body = server.ask("POST", cancel, {"reason": "no longer"}, {"Idempotency-Key": "k"})
    equal((status, body["state"]), (200, "cancelled"))
    equal(server.ask("POST", cancel, {"reason": "no longer"}, {"Idempotency-Key": "k"})[0], 200)
    status, _, problem = server.ask("POST", cancel)
    equal((status, problem["code"], problem["state"], problem["allowed"]),
          (409, "illegal_transition", "cancelled", []))
    equal(server.stock("SKU-1")["reserved"], 0)


def a_short_order_is_refused_without_a_trace(server):
    stock_up(server, skus=2, units=5)
    status, headers, problem = server.ask(
        "POST", "/v1/orders", order("o-1", lines=[("SKU-1", 2, 1), ("SKU-2", 6, 1)]))
    equal((status, problem["code"]), (409, "out_of_stock"))
    equal(headers["Content-Type"], "application/problem+json")
    equal(problem["lines"], [{"sku": "SKU-2", "requested": 6, "sellable": 5}])
    equal(server.ask("GET", "/v1/orders/o-1")[0], 404)
    equal((server.stock("SKU-1")["free"], server.stock("SKU-2")["free"]), (5, 5))
    equal(server.ask("POST", "/v1/orders", order("o-1", lines=[("SKU-2", 5, 1)]))[0], 201)


def many_buyers_of_few_units_buy_exactly_these(server):
    stock_up(server, skus=2, units=20)
    results = []

    def buy(thread):
        connection = server.connect()
        for i in range(10):
            lines = [("SKU-1", 1, 1), ("SKU-2", 1, 1)]
            body = order(f"o-{thread}-{i}", lines=lines if thread % 2 else lines[::-1])
            results.append(ask(connection, "POST", "/v1/orders", body)[0])
        connection.close()

    threads = [threading.Thread(target=buy, args=(t,)) for t in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    equal(len(results), 80)
    equal(results.count(201), 20)
    assert set(results) <= {201, 409, 503}, set(results)
    for sku in ("SKU-1", "SKU-2"):
        cell = server.stock(sku)
        equal((cell["free"], cell["held"], cell["reserved"]), (0, 0, 20))


def what_is_asked_wrongly_is_a_4xx_with_a_code(server):
    stock_up(server)
    cases = [
        ("GET", "/v1/orders/none", None, {}, 404, "not_found"),
        ("GET", "/v1/nothing", None, {}, 404, "not_found"),
        ("DELETE", "/v1/orders", None, {}, 405, "method_not_allowed"),
        ("GET", "/v1/stock?sku=NONE", None, {}, 404, "not_found"),
        ("POST", "/v1/orders", "{", {}, 400, "malformed"),
        ("POST", "/v1/orders", "{}", {}, 422, "invalid"),
        ("POST", "/v1/orders", "{}", {"Content-Type": "text/plain"}, 415, "media_type"),
        ("POST", "/v1/orders", b"{\"customer\":\"\xff\"}", {}, 400, "malformed"),
        ("POST", "/v1/orders", order(nonsense=1), {}, 400, "malformed"),
        ("POST", "/v1/orders", order(lines=[("NONE", 1, 1)]), {}, 422, "unknown_sku"),
        ("POST", "/v1/orders", {**order(), "currency": "EUR"}, {}, 422, "currency_mismatch"),
        ("POST", "/v1/orders", order(lines=[("SKU-1", 0, 1)]), {}, 422, "invalid"),
        ("POST", "/v1/orders", order(lines=[("SKU-1", 4294967295, 9007199254740992)]), {}, 422,
         "overflow"),
        ("POST", "/v1/orders", " " * 300000, {}, 413, "too_large"),
        ("POST", "/v1/stock/receive", {"sku": "SKU-1", "warehouse": "w1", "units": 1}, {}, 400,
         "idempotency_key_missing"),
        ("POST", "/v1/stock/receive", {"sku": "SKU-1", "warehouse": "none", "units": 1},
         {"Idempotency-Key": "k"}, 422, "unknown_warehouse"),
        ("GET", "/v1/orders/o-1", None, {"X-Big": "x" * 20000}, 431, "head_too_large"),
    ]
    for method, path, body, headers, status, code in cases:
        got, sent, problem = server.ask(method, path, body, headers)
        equal((got, problem["code"], problem["status"]), (status, code, status),
              f"{method} {path} {str(body)[:80]}")
        equal(sent["Content-Type"], "application/problem+json")
    equal(server.stock("SKU-1")["reserved"], 0)


def an_order_of_1200_lines_is_taken(server):
    stock_up(server, skus=3, units=10000)
    lines = [(f"SKU-{i % 3 + 1}", 2, 100 + i) for i in range(1200)]
    status, _, body = server.ask("POST", "/v1/orders", order("big", lines=lines))
    equal(status, 201, body if status != 201 else "")
    equal([(l["sku"], l["units"], l["unit_price"]) for l in body["lines"]], lines)
    equal(server.ask("GET", "/v1/orders/big")[2], body)
    equal(server.stock("SKU-1")["reserved"], 800)


def pipelined_requests_are_answered_in_their_order(server):
    stock_up(server, units=1000)
    requests = b""
    for i in range(100):
        body = json.dumps(order(f"o-{i}")).encode()
        requests += (b"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        requests += b"GET /v1/orders/o-%d HTTP/1.1\r\nHost: a\r\n\r\n" % i
    answer = server.raw(requests)
    ids = [p.split(b'"')[0].decode() for p in answer.split(b'"order_id":"')[1:]]
    equal(ids, [f"o-{i // 2}" for i in range(200)])


def bytes_may_come_one_by_one(server):
    stock_up(server)
    body = json.dumps(order("slow")).encode()
    chunk = b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"
    head = b"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    data = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk
    answer = server.raw(None, [data[i:i + 1] for i in range(len(data))])
    assert answer.startswith(b"HTTP/1.1 201 "), answer
    equal(server.stock("SKU-1")["reserved"], 1)


def who_expects_100_is_told_to_go_on(server):
    stock_up(server)
    body = json.dumps(order("expect")).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as s:
        s.sendall(b"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                  b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        equal(s.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
        s.sendall(body)
        assert s.recv(4096).startswith(b"HTTP/1.1 201 ")


def an_ambiguous_framing_is_refused_and_nothing_behind_it_is_read(server):
    stock_up(server)
    smuggled = json.dumps(order("smuggled")).encode()
    behind = (b"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
              b"Content-Length: %d\r\n\r\n%s" % (len(smuggled), smuggled))
    head = b"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    for framing in (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n",
                    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
                    b"Content-Length: +0\r\n\r\n",
                    b"Content-Length : 0\r\n\r\n",
                    b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
                    b"X: a\rContent-Length: 5\r\n\r\n",
                    b"X: a\n\n",
                    b"X: \0\r\n\r\n",
                    b"Transfer-Encoding: chunked\r\n\r\n0\n\n",
                    b"Transfer-Encoding: chunked\r\n\r\n1\r\n{X0\r\n\r\n"):
        answer = server.raw(head + framing + behind)
        assert answer.startswith(b"HTTP/1.1 400 "), (framing, answer)
        equal(answer.count(b"\r\nContent-Length: "), 1, framing)
    equal(server.ask("GET", "/v1/orders/smuggled")[0], 404)


def what_was_answered_is_there_after_a_kill(server, directory):
    stock_up(server, units=100000)
    answered = {}
    stop = threading.Event()

    def buy(thread):
        connection = server.connect()
        try:
            for i in range(1000000):
                if stop.is_set():
                    return
                status, _, body = ask(connection, "POST", "/v1/orders", order(f"k-{thread}-{i}"))
                if status == 201:
                    answered[body["order_id"]] = body
        except (OSError, http.client.HTTPException):
            pass

    threads = [threading.Thread(target=buy, args=(t,)) for t in range(4)]
    for t in threads:
        t.start()
    server.until(lambda: len(answered) >= 200, "selling")
    server.kill()
    stop.set()
    for t in threads:
        t.join()
    for shards in (1, 3):
        again = Server(directory, shards=shards)
        try:
            for order_id, body in list(answered.items())[::7]:
                equal(again.ask("GET", f"/v1/orders/{order_id}")[2], body)
            cell = again.stock("SKU-1")
            assert cell["reserved"] >= len(answered), (cell, len(answered))
            equal(cell["free"] + cell["reserved"], 100000)
            equal(cell["held"], 0)
        finally:
            equal(again.stop(), 0)


def a_drain_says_so_first_then_finishes_its_work(server, directory):
    server.stop()
    again = Server(directory, options=["--drain-delay", "1s"])
    try:
        stock_up(again)
        begun = time.monotonic()
        again.process.send_signal(signal.SIGTERM)
        again.until(lambda: again.ready() == 503, "draining")
        status, headers, _ = again.ask("POST", "/v1/orders", order("o-1"))
        equal((status, headers["Connection"]), (201, "close"))
        equal(again.process.wait(20), 0)
        assert 1 <= time.monotonic() - begun < 10
    finally:
        again.kill()


def whoever_gets_in_while_a_server_drains_is_answered(server):
    stock_up(server, units=100000)
    answers, broken, stop = [], [], threading.Event()

    def come_and_go(thread):
        for i in range(100000):
            body = json.dumps(order(f"d-{thread}-{i}")).encode()
            try:
                s = socket.create_connection(("127.0.0.1", server.port), timeout=10)
            except (ConnectionRefusedError, ConnectionResetError):
                return
            with s:
                try:
                    s.sendall(b"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                              b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body))
                    s.sendall(body)
                    answers.append(s.recv(65536)[:12])
                except OSError as error:
                    broken.append(str(error))
            if stop.is_set():
                return

    threads = [threading.Thread(target=come_and_go, args=(t,)) for t in range(6)]
    for t in threads:
        t.start()
    server.until(lambda: len(answers) > 100, "busy")
    equal(server.stop(), 0)
    stop.set()
    for t in threads:
        t.join()
    equal(broken, [])
    equal(set(answers), {b"HTTP/1.1 201"})


def min_seq_is_answered_only_when_it_can_be_seen(server):
    stock_up(server)
    seq = int(server.ask("POST", "/v1/orders", order("o-1"))[1]["X-Commit-Seq"])
    equal(server.ask("GET", f"/v1/orders/o-1?min_seq={seq}")[0], 200)
    begun = time.monotonic()
    status, headers, problem = server.ask("GET", f"/v1/orders/o-1?min_seq={seq + 1000}")
    equal((status, problem["code"], headers["Retry-After"]), (503, "behind", "1"))
    assert time.monotonic() - begun >= 1
    reader = server.connect()
    reader.request("GET", f"/v1/orders/o-2?min_seq={seq + 1}")
    status, headers, body = server.ask("POST", "/v1/orders", order("o-2"))
    equal(int(headers["X-Commit-Seq"]), seq + 1)
    got = reader.getresponse()
    equal((got.status, json.loads(got.read()), got.headers["ETag"]), (200, body, '"1"'))
    reader.close()


def a_request_from_too_long_ago_is_never_executed(server):
    stock_up(server)
    old = "2020-11-11T00:00:00+08:00"
    equal(server.ask("POST", "/v1/orders", order("o-1", issued_at=old))[0], 410)
    status, _, problem = server.ask("POST", "/v1/stock/expect",
                                    {"sku": "SKU-1", "warehouse": "w1", "units": 1,
                                     "issued_at": old}, {"Idempotency-Key": "k"})
    equal((status, problem["code"]), (410, "issued_at_too_old"))
    equal(server.ask("POST", "/v1/orders", order("o-1", issued_at="2099-01-01T00:00:00Z"))[0], 201)


def a_drain_says_404_where_that_is_wanted(server, directory):
    server.stop()
    again = Server(directory, options=["--drain-delay", "1s", "--drain-status", "404"])
    try:
        again.process.send_signal(signal.SIGTERM)
        again.until(lambda: again.ready() == 404, "draining")
        equal(again.process.wait(20), 0)
    finally:
        again.kill()


def what_is_too_large_is_refused_and_the_rest_of_it_is_heard_out(server):
    head = b"POST /v1/orders HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
    for bytes_sent, status in ((head + b"Content-Length: 9000000\r\n\r\n", b"413"),
                               (head + b"X: " + b"x" * 20000 + b"\r\n\r\n", b"431"),
                               (head + b"Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n", b"413")):
        answer = server.raw(None, [bytes_sent] + [b"x" * 100000] * 20)
        assert answer.startswith(b"HTTP/1.1 " + status), (status, answer)
        assert answer.endswith(b"}"), answer


def every_answer_says_when_it_was_given(server):
    for path in ("/v1/orders/none", "/v1/nothing"):
        date = server.ask("GET", path)[1]["Date"]
        given = time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
        assert abs(given - time.time()) < 60, date
    assert server.ask("GET", "/livez", port=server.admin_port)[1]["Date"]


def the_admin_pages_are_served_apart(server):
    for path, status in (("/livez", 200), ("/readyz", 200), ("/metrics", 200), ("/latency.hgrm", 200),
                         ("/v1/orders", 404)):
        equal(server.ask("GET", path, port=server.admin_port)[0], status, path)
    for path in ("/livez", "/readyz", "/metrics", "/latency.hgrm"):
        equal(server.ask("GET", path)[0], 404, path)
    page = server.ask("GET", "/metrics", port=server.admin_port)
    assert page[1]["Content-Type"].startswith("text/plain"), page[1]
    assert b"\n# TYPE spate_" in page[2]
    server.ask("GET", "/v1/orders/none")
    spectrum = server.ask("GET", "/latency.hgrm", port=server.admin_port)[2].decode().splitlines()
    equal(spectrum[0].split(), ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"])
    equal(float([line.split() for line in spectrum[1:] if line and line[0] == " "][-1][1]), 1.0)


def who_has_no_token_is_refused_and_who_has_stands_in_the_order(server, directory):
    server.stop()
    path = os.path.join(directory, "callers.txt")
    with open(path, "w") as file:
        file.write("shop:0123456789abcdef\ntill:fedcba9876543210\n")
    again = Server(directory, options=["--callers", path])
    try:
        token = {"Authorization": "Bearer 0123456789abcdef"}
        equal(again.ask("GET", "/v1/orders/o-1")[0], 401)
        equal(again.ask("GET", "/v1/orders/o-1", headers={"Authorization": "Bearer x"})[0], 401)
        equal(again.ask("PUT", "/v1/skus/SKU-1", {"currency": "CNY", "list_price": 1}, token)[0], 200)
        equal(again.ask("PUT", "/v1/warehouses/w1", {"priority": 1}, token)[0], 200)
        equal(again.ask("POST", "/v1/stock/receive", {"sku": "SKU-1", "warehouse": "w1", "units": 9},
                        {**token, "Idempotency-Key": "k"})[0], 200)
        status, _, body = again.ask("POST", "/v1/orders", order("o-1"), token)
        equal((status, body["created_by"], body["modified_by"]), (201, "shop", "shop"))
        equal(again.stop(), 0)
    finally:
        again.kill()
    refused = subprocess.run([SPATE, "serve", "--data", directory, "--http", "0.0.0.0:1"],
                             capture_output=True, text=True)
    equal(refused.returncode, 2)
    assert "--callers" in refused.stderr and "openssl rand" in refused.stderr, refused.stderr


def head_has_no_body(server):
    stock_up(server)
    equal(server.ask("HEAD", "/v1/stock?sku=SKU-1")[2], b"")


# ---- requests drawn from the description --------------------------------------------------------

class Drawer:
    """Requests as /openapi.json describes them, some of them bent."""

    def __init__(self, document, seed):
        self.document = document
        self.random = random.Random(seed)

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.document["components"]["schemas"][schema["$ref"].split("/")[-1]]
        return schema

    def text(self, schema):
        known = {"sku": ["SKU-1", "SKU-2", "NONE"]}
        if schema.get("pattern", "").startswith("^[!"):
            return self.random.choice(known["sku"])
        if schema.get("pattern", "").startswith("^[A-Z]"):
            return self.random.choice(["CNY", "CNY", "EUR", "XXX"])
        if schema.get("format") == "date-time":
            return self.random.choice(["2030-01-01T00:00:00Z", "2020-01-01T00:00:00+08:00"])
        return self.random.choice(["w1", "a", "b-%d" % self.random.randrange(5), "x" * 32])

    def value(self, schema):
        schema = self.resolve(schema)
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        kind = schema["type"]
        if kind == "integer":
            low, high = schema.get("minimum", -9), schema.get("maximum", 9)
            return self.random.choice([low, high, low + 1, max(low, min(high, 5))])
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "array":
            count = self.random.choice([schema["minItems"], 1, 2, 3])
            return [self.value(schema["items"]) for _ in range(count)]
        if kind == "object" and "properties" not in schema and (
                schema["additionalProperties"]["type"] == "integer"):
            return {name: self.value(schema["additionalProperties"])
                    for name in self.random.sample(["store", "online"], self.random.randrange(3))}
        if kind == "object" and "properties" not in schema:
            return {name: [self.value(schema["additionalProperties"]["items"])
                           for _ in range(self.random.randrange(1, 3))]
                    for name in self.random.sample(["w1", "w2", "nowhere"], self.random.randrange(3))}
        if kind == "object":
            required = schema.get("required", [])
            return {name: self.value(field) for name, field in schema["properties"].items()
                    if name in required or self.random.random() < 0.3}
        return self.text(schema)

    def bend(self, value):
        """Something else, somewhere inside."""
        odd = [None, -1, 0, 1.5, 2 ** 53 + 1, True, "", "a b", "é", "x" * 99, [], {}, [[]],
               {"a": 1}, "\x01"]
        if isinstance(value, dict) and value and self.random.random() < 0.8:
            name = self.random.choice(list(value))
            if self.random.random() < 0.2:
                return {n: v for n, v in value.items() if n != name}
            return {**value, name: self.bend(value[name])}
        if isinstance(value, list) and value and self.random.random() < 0.8:
            at = self.random.randrange(len(value))
            return value[:at] + [self.bend(value[at])] + value[at + 1:]
        return self.random.choice(odd)

    def draw(self):
        """Method, path, headers, body, the documented statuses."""
        self.path = path = self.random.choice([p for p in self.document["paths"] if p.startswith("/v1")])
        method = self.random.choice(list(self.document["paths"][path]))
        operation = self.document["paths"][path][method]
        query, headers, bent = [], {}, self.random.random() < 0.5
        target = path
        for parameter in operation["parameters"]:
            if not parameter["required"] and self.random.random() < 0.5:
                continue
            value = str(self.value(parameter["schema"]))
            if bent and self.random.random() < 0.2:
                value = self.random.choice(["", "%ZZ", "a b", "x" * 99, "-1"])
            if parameter["in"] == "path":
                target = target.replace("{%s}" % parameter["name"],
                                        urllib.parse.quote(value, safe="%") or "%20")
            elif parameter["in"] == "query":
                query.append((parameter["name"], value))
            else:
                headers[parameter["name"]] = value.replace("%ZZ", "k")
        if query:
            target += "?" + "&".join(f"{n}={urllib.parse.quote(v, safe='%')}" for n, v in query)
        body = None
        if "requestBody" in operation:
            body = self.value(operation["requestBody"]["content"]["application/json"]["schema"])
            if bent and self.random.random() < 0.8:
                body = self.bend(body)
        return method.upper(), target, headers, body, set(operation["responses"])


def random_requests_meet_no_status_that_is_not_described(server):
    stock_up(server, skus=2, units=1000)
    document = server.ask("GET", "/openapi.json", port=server.admin_port)[2]
    drawer = Drawer(document, seed=1)
    seen = set()
    connection = server.connect()
    for number in range(3000):
        method, target, headers, body, described = drawer.draw()
        try:
            status, _, answer = ask(connection, method, target,
                                    None if body is None else json.dumps(body), headers)
        except TimeoutError as error:
            raise AssertionError(f"request {number}: {error}: {method} {target} {headers}") from error
        seen.add(status)
        content = drawer.document["paths"][drawer.path][method.lower()]["responses"].get(str(status))
        shape = drawer.resolve(next(iter(content["content"].values()))["schema"]) if content else {}
        known = shape.get("properties", {})
        assert set(shape.get("required", [])) <= set(answer) <= set(known), (target, answer)
        assert str(status) in described and status != 500, (
            f"request {number}: {status}\n{method} {target} {headers}\n{body}\n{answer}")
    connection.close()
    assert {200, 201, 400, 404, 409, 422} <= seen, seen


TESTS = [test for name, test in list(globals().items())
         if callable(test) and getattr(test, "__code__", None)
         and test.__code__.co_varnames[:1] == ("server",) and name != "stock_up"]


def run(test):
    with tempfile.TemporaryDirectory() as directory:
        server = Server(directory)
        try:
            wants_directory = test.__code__.co_argcount == 2
            test(*([server, directory] if wants_directory else [server]))
            if server.process.poll() is None:
                equal(server.stop(), 0, "exit code")
        finally:
            server.kill()
            server.log.close()
        verify_what_is_left(SPATE, directory)


def main():
    failed = 0
    print(f"1..{len(TESTS)}", flush=True)
    for number, test in enumerate(TESTS, 1):
        try:
            run(test)
            print(f"ok {number} - {test.__name__}", flush=True)
        except Exception as error:  # whatever it was, the next test shall run
            failed += 1
            print(f"not ok {number} - {test.__name__}", flush=True)
            for line in f"{type(error).__name__}: {error}".splitlines():
                print(f"# {line}", flush=True)
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
