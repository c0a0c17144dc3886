#!/usr/bin/env python3
"""spate top, in a pipe and on a terminal.  usage: top_test.py BUILD_DIR

Prints TAP. Each test gets a server of its own on free loopback ports, with an empty directory."""
import contextlib
import fcntl
import http.client
import json
import os
import pty
import re
import struct
import subprocess
import termios
import threading

import spate


@contextlib.contextmanager
def busy(directory, *options):
    """A server, and somebody who orders without a pause."""
    one = spate.Server(directory, "--shards", "2", *options)
    spate.stock_up(one.http)
    ended = threading.Event()

    def shop():
        connection = http.client.HTTPConnection(one.http, timeout=spate.PATIENCE_S)
        number = 0
        while not ended.is_set():
            number += 1
            connection.request("POST", "/v1/orders", body=json.dumps(spate.order(number)),
                               headers={"Content-Type": "application/json"})
            connection.getresponse().read()
        connection.close()
    shopping = threading.Thread(target=shop)
    shopping.start()
    try:
        yield one
    finally:
        ended.set()
        shopping.join()
        one.kill()


def top(one, *options):
    return [spate.PROGRAM, "top", "--admin", one.admin, "--interval", "300ms", *options]


def on_terminal(command, columns=100, rows=40, keys=b"", environment=None):
    """Everything that was drawn; sends the keys when the first frame is there."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower,
                               env={**os.environ, **(environment or {})})
    os.close(follower)
    drawn = b""
    try:
        while True:
            with contextlib.suppress(OSError):
                if piece := os.read(leader, 65536):
                    drawn += piece
                    if keys and b"wanted" in drawn:
                        os.write(leader, keys)
                        keys = b""
                    continue
            break
        assert process.wait(spate.PATIENCE_S) == 0
        return drawn.decode()
    finally:
        process.kill()
        process.wait()
        os.close(leader)


# ---- the tests: each name is a sentence that is true or false ----------------------------------


def in_a_pipe_each_look_is_a_line_of_names_and_values(directory):
    with busy(directory) as one:
        done = subprocess.run(top(one, "--times", "3"), capture_output=True, text=True, check=False,
                              timeout=spate.PATIENCE_S)
        assert done.returncode == 0 and not done.stderr, done
        lines = done.stdout.splitlines()
        assert len(lines) == 3 and "\x1b" not in done.stdout, done.stdout
        seen = dict(pair.split("=") for pair in lines[2].split())
        assert float(seen["created_per_s"]) > 0 and float(seen["p99_ms"]) >= float(seen["p50_ms"]) > 0, seen
        assert float(seen["orders"]) > 0 and 0 <= float(seen["busiest_shard"]) < 1.5, seen


def a_terminal_shows_shards_and_hot_skus_and_q_ends_it(directory):
    with busy(directory) as one:
        drawn = on_terminal(top(one), keys=b"q")
        assert "\x1b[1m" in drawn and "SKUs wanted most" in drawn, drawn[-2000:]
        assert drawn.endswith("\x1b[?1049l"), "the terminal is not given back as it was"


def no_color_is_honoured_and_no_line_is_wider_than_the_terminal(directory):
    with busy(directory) as one:
        drawn = on_terminal(top(one, "--times", "3"), columns=60, rows=12, environment={"NO_COLOR": "1"})
        assert not re.search(r"\x1b\[\d*m", drawn), drawn
        for frame in drawn.split("\x1b[H")[1:]:
            lines = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", frame).splitlines()
            assert len(lines) <= 12 and max(map(len, lines)) <= 60, lines


def a_table_that_is_full_is_warned_about(directory):
    with busy(directory, "--orders", "64") as one:
        numbers = iter(range(10000))
        spate.until("the table is full", lambda: spate.ask(
            one.http, "POST", "/v1/orders", spate.order(f"x{next(numbers)}"))[0] == 507)
        done = subprocess.run(top(one, "--times", "2"), capture_output=True, text=True, check=False,
                              timeout=spate.PATIENCE_S)
        assert "! the table of orders is almost full" in done.stdout, done.stdout


def a_server_that_is_away_ends_it_with_69(directory):
    one = spate.Server(directory)
    try:
        assert one.stop() == 0
        done = subprocess.run(top(one), capture_output=True, text=True, check=False, timeout=spate.PATIENCE_S)
        assert done.returncode == 69 and "Connection refused" in done.stderr, done
    finally:
        one.kill()


spate.run([
    in_a_pipe_each_look_is_a_line_of_names_and_values,
    a_terminal_shows_shards_and_hot_skus_and_q_ends_it,
    no_color_is_honoured_and_no_line_is_wider_than_the_terminal,
    a_table_that_is_full_is_warned_about,
    a_server_that_is_away_ends_it_with_69,
])
