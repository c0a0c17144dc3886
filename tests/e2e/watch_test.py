#!/usr/bin/env python3
"""The alerts and the dashboard of tools/deploy, held against a server's own metrics.  usage: watch_test.py BUILD_DIR

Prints TAP. Everything is on loopback, on free ports."""
import contextlib
import json
import os
import re
import shutil
import subprocess

import spate

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "deploy")


@contextlib.contextmanager
def metrics(directory):
    """The page of a server that somebody uses."""
    one = spate.Server(directory, "--shards", "2")
    try:
        spate.stock_up(one.http)
        for number in range(100):
            assert spate.ask(one.http, "POST", "/v1/orders", spate.order(number))[0] == 201
        yield one.metrics()
        assert one.stop() == 0
    finally:
        one.kill()


def promtool(*words, text=None):
    program = shutil.which("promtool")
    if program is None:
        raise spate.Skip("there is no promtool")
    return subprocess.run([program, *words], input=text, capture_output=True, text=True, check=False,
                          timeout=spate.PATIENCE_S)


def deployed(name):
    with open(os.path.join(DEPLOY, name)) as file:
        return file.read()


def names_in(text):
    return set(re.findall(r"\bspate_[a-z_]+", text))


def series(page):
    """Each name with its label names."""
    found = {}
    for name, labels in re.findall(r"^(spate_[a-z_]+)(?:\{(.*)\})? \S+$", page, re.M):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


# ---- the tests: each name is a sentence that is true or false ----------------------------------


def alerts_and_dashboard_name_only_metrics_that_exist(directory):
    with metrics(directory) as page:
        there = set(series(page))
        dashboard = json.loads(deployed("dashboard.json"))
        asked = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
        for name, text in (("alerts.yml", deployed("alerts.yml")), ("dashboard.json", "\n".join(asked))):
            assert names_in(text), name
            assert not names_in(text) - there, f"{name} names {sorted(names_in(text) - there)}"
        codes = set(re.findall(r'^spate_results_total\{code="(\w+)"\}', page, re.M))
        wanted = set(re.findall(r'code="(\w+)"', deployed("alerts.yml") + "\n".join(asked).replace('\\"', '"')))
        assert wanted and not wanted - codes, wanted - codes


def every_metric_has_a_help_and_a_type_and_no_series_stands_twice(directory):
    with metrics(directory) as page:
        lines = [line for line in page.splitlines() if not line.startswith("#")]
        keys = [line.rsplit(" ", 1)[0] for line in lines]
        assert len(keys) == len(set(keys)), "a series stands twice"
        for name in series(page):
            base = re.sub("_(bucket|sum|count)$", "", name)
            assert f"# HELP {base} " in page and f"# TYPE {base} " in page, name


def promtool_reads_the_rules_and_the_page(directory):
    done = promtool("check", "rules", os.path.join(DEPLOY, "alerts.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
    with metrics(directory) as page:
        done = promtool("check", "metrics", text=page)
        assert done.returncode == 0 and not done.stderr, done.stderr


def an_alert_goes_off_when_its_hour_comes_and_not_before(directory):
    test = {
        "rule_files": [os.path.abspath(os.path.join(DEPLOY, "alerts.yml"))],
        "evaluation_interval": "5s",
        "tests": [{
            "interval": "5s",
            "input_series": [
                {"series": 'spate_log_lag_groups{instance="a"}', "values": "0x10 7x20"},
                {"series": 'spate_log_watermark{instance="a"}', "values": "0+10x10 100x20"},
                {"series": 'spate_orders{instance="a",shard="0"}', "values": "80x10 90x20"},
                {"series": 'spate_orders_max{instance="a",shard="0"}', "values": "100x30"},
            ],
            "alert_rule_test": [
                {"eval_time": "45s", "alertname": "SpateLogStands", "exp_alerts": []},
                {"eval_time": "45s", "alertname": "SpateOrdersAlmostFull", "exp_alerts": []},
                {"eval_time": "145s", "alertname": "SpateLogStands", "exp_alerts": [{
                    "exp_labels": {"instance": "a", "severity": "page"}, "exp_annotations": {
                        "summary": "Nothing becomes durable on a",
                        "action": "Nobody is answered meanwhile. Look at the disk: dmesg, iostat."}}]},
                {"eval_time": "145s", "alertname": "SpateOrdersAlmostFull", "exp_alerts": [{
                    "exp_labels": {"instance": "a", "severity": "page"}, "exp_annotations": {
                        "summary": "a has room for few more orders",
                        "action": "At 100 % new orders get 507. Start again with a larger --memory; "
                                  "the same directory serves."}}]},
            ],
        }],
    }
    path = os.path.join(directory, "test.yml")
    with open(path, "w") as file:
        json.dump(test, file)  # which is YAML too
    done = promtool("test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr


spate.run([
    alerts_and_dashboard_name_only_metrics_that_exist,
    every_metric_has_a_help_and_a_type_and_no_series_stands_twice,
    promtool_reads_the_rules_and_the_page,
    an_alert_goes_off_when_its_hour_comes_and_not_before,
])
