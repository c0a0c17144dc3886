#!/usr/bin/env python3
"""spate call, as somebody types it.  usage: call_test.py BUILD_DIR

Prints TAP. Each test gets a server of its own on free loopback ports, with an empty directory."""
import contextlib
import json
import subprocess

import spate


@contextlib.contextmanager
def server(directory, *options):
    one = spate.Server(directory, *options)
    try:
        yield one
        assert one.stop() == 0, one.said()
    finally:
        one.kill()


def call(one, *words, text=None, code=0):
    """What it printed; its stderr if it is to fail."""
    done = subprocess.run([spate.PROGRAM, "call", *words], input=text, capture_output=True, text=True,
                          timeout=spate.PATIENCE_S, check=False,
                          env={"SPATE_HTTP": one.http, "SPATE_ADMIN": one.admin})
    assert done.returncode == code, f"{words} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stderr if code != 0 and "--json" not in words else done.stdout


def set_up(one):
    call(one, "warehouse", "put", "w1", "--priority", "1")
    call(one, "sku", "put", "SKU1", "--list-price", "1999")
    call(one, "stock", "receive", "--sku", "SKU1", "--warehouse", "w1", "--units", "10")


# ---- the tests: each name is a sentence that is true or false ----------------------------------


def an_order_is_placed_found_and_cancelled(directory):
    with server(directory) as one:
        set_up(one)
        said = call(one, "order", "create", "--id", "A1", "--customer", "c9", "--line", "SKU1:2@1999",
                    "--adjustment", "discount:-98", "--ship-to", "7 Oak St, \"Zoë\"")
        assert "order_id: A1\n" in said and "total: 3900\n" in said and "  - line: 1\n    sku: SKU1\n" in said, said
        found = json.loads(call(one, "orders", "get", "A1", "--json"))
        assert found["lines"][0]["units"] == 2 and found["ship_to"] == "7 Oak St, \"Zoë\"", found
        assert "sellable: 8\n" in call(one, "stock", "--sku", "SKU1")
        assert "state: cancelled\n" in call(one, "cancel", "order", "A1", "--reason", "none")


def a_line_may_be_said_in_two_ways(directory):
    with server(directory) as one:
        set_up(one)
        call(one, "sku", "put", "a:b@c", "--list-price", "5")
        call(one, "stock", "receive", "--sku", "a:b@c", "--warehouse", "w1", "--units", "3")
        said = json.loads(call(one, "order", "create", "--id", "A1", "--customer", "c", "--line", "a:b@c:1@5",
                               "--line", "sku=SKU1,units=3,unit_price=7", "--json"))
        assert [(line["sku"], line["units"], line["unit_price"]) for line in said["lines"]] == \
            [("a:b@c", 1, 5), ("SKU1", 3, 7)], said


def the_same_order_twice_is_one_order(directory):
    with server(directory) as one:
        set_up(one)
        words = ("order", "create", "--id", "A1", "--customer", "c", "--line", "SKU1:2@1999")
        call(one, *words)
        assert "first answer again" in call(one, *words)
        assert "sellable: 8\n" in call(one, "stock", "get", "--sku", "SKU1")


def a_refusal_ends_with_1_and_says_why(directory):
    with server(directory) as one:
        set_up(one)
        said = call(one, "order", "create", "--id", "A1", "--customer", "c", "--line", "SKU1:11@1999", code=1)
        assert "409" in said and "code: out_of_stock" in said and "sellable: 10" in said, said
        assert "not_found" in call(one, "order", "get", "A1", code=1)
        assert json.loads(call(one, "order", "get", "A1", "--json", code=1))["status"] == 404


def what_is_typed_wrong_ends_with_2_and_is_named(directory):
    with server(directory) as one:
        for words, wanted in [(("order", "creat"), "did you mean `order create`?"),
                              (("frobnicate",), "no `frobnicate`"),
                              (("order", "get"), "--id is missing"),
                              (("order", "get", "A", "B"), "what is `B`?"),
                              (("order", "create", "--id", "A", "--line", "S:1@1"), "--customer is missing"),
                              (("order", "create", "--id", "A", "--customer", "c", "--line", "S:x@1"), "`x`"),
                              (("order", "create", "--customr", "c"), "did you mean --customer?"),
                              (("order", "get", "A", "--id", "B", "--id", "C"), "once too often"),
                              (("--http", one.http, "order", "get", "A"), "`order` comes too late")]:
            said = call(one, *words, code=2)
            assert wanted in said, (words, said)


def a_script_runs_line_by_line_and_stops_where_it_fails(directory):
    with server(directory) as one:
        script = ("# a shop\nwarehouse put w1 --priority 1\nsku put 'S 1' --list-price 5\n\n"
                  "sku put S1 --list-price 5 --json\norder get none --json\nsku put S2 --list-price 5 --json\n")
        said = call(one, text=script, code=1)
        assert "line 3: " in said and "S1" not in said, said
        said = call(one, "--keep-going", text=script, code=1)
        assert "line 3: " in said, said
        assert call(one, text="order create --customer 'c", code=2).startswith("spate call: line 1: a quote")
        orders = "".join(f"order create --id o{n} --customer c --line S1:1@5 --json\n" for n in range(200))
        call(one, text="stock receive --sku S1 --warehouse w1 --units 200\n")
        answers = call(one, text=orders).splitlines()
        assert len(answers) == 200 and json.loads(answers[199])["order_id"] == "o199", answers[:2]


def who_waits_outlives_a_restart(directory):
    one = spate.Server(directory)
    set_up(one)
    assert one.stop() == 0
    away = subprocess.Popen([spate.PROGRAM, "call", "order", "create", "--id", "A1", "--customer", "c", "--line",
                             "SKU1:1@1", "--http", one.http, "--wait", "20s", "--json"], stdout=subprocess.PIPE)
    try:
        assert "Connection refused" in call(one, "order", "get", "A1", code=69)
        again = spate.Server(directory, http=one.http)
        said, _ = away.communicate(timeout=spate.PATIENCE_S)
        assert away.returncode == 0 and json.loads(said)["order_id"] == "A1", said
        assert again.stop() == 0
    finally:
        away.kill()
        away.wait()


def what_no_option_can_say_is_given_as_the_whole_body(directory):
    with server(directory) as one:
        set_up(one)
        order = {"order_id": "B1", "customer": "c", "currency": "CNY",
                 "lines": [{"sku": "SKU1", "units": 1, "unit_price": 5}]}
        with open(f"{directory}/orders.json", "w") as file:
            json.dump({"orders": [order, {**order, "order_id": "B2"}]}, file)
        said = json.loads(call(one, "orders", "create", "--body", f"@{directory}/orders.json", "--json"))
        assert "B1" in str(said) and "B2" in str(said), said
        assert "order_id: B3" in call(one, "order", "create", "--body", json.dumps({**order, "order_id": "B3"}))
        assert "cannot read /none" in call(one, "order", "create", "--body", "@/none", code=2)
        assert "give --body" in call(one, "orders", "create", "--order", "customer=c,lines=x", code=2)


def a_token_is_carried(directory):
    callers = f"{directory}/callers"
    with open(callers, "w") as file:
        file.write("shop:0123456789abcdef0123\n")
    with server(directory, "--callers", callers) as one:
        assert "unauthorized" in call(one, "order", "get", "A1", code=1)
        assert "not_found" in call(one, "order", "get", "A1", "--token", "0123456789abcdef0123", code=1)
        assert "not_found" in call(one, "order", "get", "A1", "--header",
                                   "Authorization: Bearer 0123456789abcdef0123", code=1)


spate.run([
    an_order_is_placed_found_and_cancelled,
    a_line_may_be_said_in_two_ways,
    the_same_order_twice_is_one_order,
    a_refusal_ends_with_1_and_says_why,
    what_is_typed_wrong_ends_with_2_and_is_named,
    a_script_runs_line_by_line_and_stops_where_it_fails,
    who_waits_outlives_a_restart,
    what_no_option_can_say_is_given_as_the_whole_body,
    a_token_is_carried,
])
