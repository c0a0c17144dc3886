#!/usr/bin/env python3
"""Every move that HTTP offers, tried in every state: what is legal is done, all else is 409 with the state
and the moves that are allowed, and leaves no trace.  usage: moves_test.py BUILD_DIR

Prints TAP. Everything is on loopback, on free ports."""
import datetime
import http.client
import json

import spate

RULES = """rule wrong on order.create when total >= 9000000 then reject price_mismatch
rule dear  on order.create when total >= 1000000 then review
"""
ORDER = "/v1/orders/{o}"
PAYMENT = ORDER + "/payments/p"
SHIPMENT = ORDER + "/shipments/s"
RETURN = ORDER + "/returns/r"


def scan(code):
    return {"scans": [{"code": code, "at": "2030-01-01T00:00:00Z"}]}


# How an order gets where it is to be tried, each step on what the one before has made.
PLACE = [("POST", "/v1/orders", {"units": 3, "unit_price": 10})]
EXPIRED = list(PLACE)
PAY = [("POST", ORDER + "/payments", {"payment_id": "p", "amount": 30})]
PAID = PLACE + PAY + [("POST", PAYMENT + "/capture", {})]
PARCEL = PAID + [("POST", ORDER + "/shipments", {"shipment_id": "s"})]
HANDED = PARCEL + [("POST", SHIPMENT + "/handover", {})]
DELIVERED = HANDED + [("POST", SHIPMENT + "/deliver", {})]
BACK = DELIVERED + [("POST", ORDER + "/returns", {"return_id": "r", "kind": "return", "lines": [{"line": 1, "units": 1}]})]
REFUND = PAID + [("POST", PAYMENT + "/refunds", {"refund_id": "f", "amount": 10})]


def failed(failure, steps=None):
    return (steps or PARCEL) + [("POST", SHIPMENT + "/fail", {"failure": failure})]


SUBJECTS = {
    "order": (ORDER, {
        "pending_payment": PLACE,
        "in_review": [("POST", "/v1/orders", {"units": 1, "unit_price": 1000000})],
        "rejected": [("POST", "/v1/orders", {"units": 1, "unit_price": 9000000})],
        "payment_failed": PLACE + PAY + [("POST", PAYMENT + "/fail", {})],
        "paid": PAID,
        "partially_shipped": PAID + [
            ("POST", ORDER + "/shipments", {"shipment_id": "s", "lines": [{"line": 1, "units": 1}]}),
            ("POST", SHIPMENT + "/handover", {})],
        "shipped": HANDED,
        "ship_failed": failed("pick_short"),
        "delivered": DELIVERED,
        "completed": DELIVERED + [("POST", ORDER + "/confirm", {})],
        "cancelled": PLACE + [("POST", ORDER + "/cancel", {})],
        "expired": EXPIRED,
    }, {
        "accept": ("/review", {"decision": "accept"}),
        "reject": ("/review", {"decision": "reject"}),
        "cancel": ("/cancel", {}),
        "cancel a unit": ("/cancel", {"lines": [{"line": 1, "units": 1}]}),
        "confirm": ("/confirm", {}),
        "pay": ("/payments", {"payment_id": "new", "amount": 1}),
        "ship": ("/shipments", {"shipment_id": "new"}),
        "return": ("/returns", {"return_id": "new", "kind": "return"}),
    }),
    "payment": (PAYMENT, {
        "created": PLACE + PAY,
        "authorized": PLACE + PAY + [("POST", PAYMENT + "/authorize", {})],
        "captured": PAID,
        "failed": PLACE + PAY + [("POST", PAYMENT + "/fail", {})],
        "voided": PLACE + PAY + [("POST", PAYMENT + "/authorize", {}), ("POST", PAYMENT + "/void", {})],
    }, {
        "authorize": ("/authorize", {}),
        "capture": ("/capture", {}),
        "fail": ("/fail", {}),
        "void": ("/void", {}),
        "refund": ("/refunds", {"refund_id": "new", "amount": 1}),
    }),
    "refund": (PAYMENT + "/refunds/f", {
        "requested": REFUND,
        "succeeded": REFUND + [("POST", PAYMENT + "/refunds/f/succeed", {})],
        "failed": REFUND + [("POST", PAYMENT + "/refunds/f/fail", {})],
    }, {
        "succeed": ("/succeed", {}),
        "fail": ("/fail", {}),
    }),
    "shipment": (SHIPMENT, {
        "planned": PARCEL,
        "picking": PARCEL + [("POST", SHIPMENT + "/pick", {})],
        "handed_over": HANDED,
        "in_transit": HANDED + [("POST", SHIPMENT + "/scans", scan("in_transit"))],
        "delivered": DELIVERED,
        "cancelled": PARCEL + [("POST", SHIPMENT + "/cancel", {})],
        "pick_short": failed("pick_short"),
        "carrier_rejected": failed("carrier_rejected"),
        "delayed": failed("delayed", HANDED),
        "lost": failed("lost", HANDED),
        "returned_to_sender": failed("returned_to_sender", HANDED),
        "refunded": failed("lost", HANDED) + [("POST", SHIPMENT + "/resolve", {"action": "refund"})],
        "reshipped": failed("lost", HANDED) + [("POST", SHIPMENT + "/resolve", {"action": "reship"})],
    }, {
        "pick": ("/pick", {}),
        "handover": ("/handover", {}),
        "scan": ("/scans", scan("in_transit")),
        "deliver": ("/deliver", {}),
        "cancel": ("/cancel", {}),
        "pick short": ("/fail", {"failure": "pick_short"}),
        "carrier rejects": ("/fail", {"failure": "carrier_rejected"}),
        "delay": ("/fail", {"failure": "delayed"}),
        "lose": ("/fail", {"failure": "lost"}),
        "send back": ("/fail", {"failure": "returned_to_sender"}),
        "refund": ("/resolve", {"action": "refund"}),
        "reship": ("/resolve", {"action": "reship"}),
    }),
    "return": (RETURN, {
        "requested": BACK,
        "refused": BACK + [("POST", RETURN + "/refuse", {})],
        "approved": BACK + [("POST", RETURN + "/approve", {})],
        "in_transit": BACK + [("POST", RETURN + "/approve", {}), ("POST", RETURN + "/ship", {})],
        "received": BACK + [("POST", RETURN + "/approve", {}), ("POST", RETURN + "/receive", {})],
        "refunding": BACK + [("POST", RETURN + "/approve", {}), ("POST", RETURN + "/receive", {}),
                             ("POST", RETURN + "/inspect", {})],
    }, {
        "approve": ("/approve", {}),
        "refuse": ("/refuse", {}),
        "ship": ("/ship", {}),
        "receive": ("/receive", {}),
        "inspect": ("/inspect", {}),
        "close": ("/close", {}),
    }),
}
PARTLY = {"cancel", "cancel a unit"}
LEGAL = {
    "order": {"pending_payment": {*PARTLY, "pay"}, "in_review": {*PARTLY, "accept", "reject"}, "rejected": set(),
              "payment_failed": {*PARTLY, "pay"}, "paid": {*PARTLY, "ship"}, "partially_shipped": {*PARTLY, "ship"},
              "shipped": set(), "ship_failed": {"cancel"}, "delivered": {"confirm", "return"}, "completed": {"return"},
              "cancelled": set(), "expired": set()},
    "payment": {"created": {"authorize", "capture", "fail"}, "authorized": {"capture", "fail", "void"},
                "captured": {"refund"}, "failed": set(), "voided": set()},
    "refund": {"requested": {"succeed", "fail"}, "succeeded": set(), "failed": set()},
    # A scan is kept whenever it comes; it moves nothing back.
    "shipment": {"planned": {"scan", "cancel", "pick", "handover", "pick short", "carrier rejects"},
                 "picking": {"scan", "cancel", "handover", "pick short", "carrier rejects"},
                 "handed_over": {"scan", "deliver", "delay", "lose", "send back"},
                 "in_transit": {"scan", "deliver", "delay", "lose", "send back"},
                 "delayed": {"scan", "deliver", "lose", "send back"},
                 "pick_short": {"scan", "cancel", "refund", "reship"},
                 "carrier_rejected": {"scan", "cancel", "refund", "reship"},
                 "lost": {"scan", "deliver", "send back", "refund", "reship"},
                 "returned_to_sender": {"scan", "refund", "reship"},
                 "delivered": {"scan"}, "cancelled": {"scan"}, "refunded": {"scan"}, "reshipped": {"scan"}},
    "return": {"requested": {"approve", "refuse"}, "refused": set(), "approved": {"close", "receive", "ship"},
               "in_transit": {"receive"}, "received": {"inspect"}, "refunding": set()},
}


def when(steps):
    """An order that is to expire does so soon."""
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(milliseconds=300)
    return {"pay_by": soon.isoformat()} if steps is EXPIRED else {}


class Shop:
    def __init__(self, one):
        self.connection = http.client.HTTPConnection(one.http, timeout=spate.PATIENCE_S)
        self.orders = 0

    def ask(self, method, path, body=None, key=None):
        headers = {"Content-Type": "application/json", **({"Idempotency-Key": key} if key else {})}
        self.connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def bring(self, steps):
        """A new order, on which these have been done."""
        self.orders += 1
        o = f"o-{self.orders}"
        for method, path, body in steps:
            if path == "/v1/orders":
                body = {"order_id": o, "customer": "c", "currency": "CNY", "lines": [{"sku": "A", **body}], **when(steps)}
            status, said = self.ask(method, path.format(o=o), body)
            assert status in (200, 201), (path, body, said)
        return o


def tried(shop, subject, state, steps, move):
    """Whether it was done; everything else is looked at here."""
    base, _, moves = SUBJECTS[subject]
    path, body = moves[move]
    o = shop.bring(steps)
    if subject != "refund":
        spate.until(f"the {subject} is {state}", lambda: shop.ask("GET", base.format(o=o))[1]["state"] == state)
    before = shop.ask("GET", f"/v1/orders/{o}")[1]
    held = shop.ask("GET", "/v1/stock?sku=A")[1]
    status, said = shop.ask("POST", base.format(o=o) + path, body)
    where = (subject, state, move, status, said)
    if status in (200, 201):
        return True
    assert (status, said["code"]) in ((409, "illegal_transition"), (409, "limit"), (422, "invalid")), where
    assert shop.ask("GET", f"/v1/orders/{o}")[1] == before, where
    assert shop.ask("GET", "/v1/stock?sku=A")[1] == held, where
    if said["code"] == "illegal_transition":
        assert "state" in said and isinstance(said["allowed"], list), where
    return False


def every_move_is_done_where_it_is_legal_and_refused_without_a_trace_elsewhere(directory):
    with open(directory + "/rules", "w") as file:
        file.write(RULES)
    one = spate.Server(directory, "--rules", directory + "/rules")
    try:
        spate.stock_up(one.http)
        shop = Shop(one)
        assert shop.ask("PUT", "/v1/warehouses/w2", {"priority": 2})[0] == 200
        assert shop.ask("POST", "/v1/stock/receive", {"sku": "A", "warehouse": "w2", "ok": 1000}, "r2")[0] == 200
        for subject, (_, states, moves) in SUBJECTS.items():
            done = {state: {move for move in moves if tried(shop, subject, state, steps, move)}
                    for state, steps in states.items()}
            print("#", subject, done)
            assert done == LEGAL[subject], [(state, done[state] ^ LEGAL[subject][state]) for state in done]
    finally:
        one.kill()


spate.run([every_move_is_done_where_it_is_legal_and_refused_without_a_trace_elsewhere])
