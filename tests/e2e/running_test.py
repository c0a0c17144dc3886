#!/usr/bin/env python3
"""What whoever runs a server does with it: configuration, signals, logs, systemd.  usage: running_test.py BUILD_DIR

Prints TAP. Each test gets an empty directory; everything is on loopback, on free ports."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import spate

DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "deploy")
TOKEN, OTHER_TOKEN = "0123456789abcdef0123", "abcdef0123456789abcd"


@contextlib.contextmanager
def server(directory, *options, **more):
    one = spate.Server(directory, *options, **more)
    try:
        yield one
    finally:
        one.kill()


def serve(*options, environment=None, **more):
    return subprocess.run([spate.PROGRAM, "serve", *options], capture_output=True, text=True, check=False,
                          timeout=spate.PATIENCE_S, env={**os.environ, **(environment or {})}, **more)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return path


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


# ---- the tests: each name is a sentence that is true or false ----------------------------------


def every_shard_serves_one_name(directory):
    """Two shards, one unix: address each for the binary protocol and HTTP; the connections are shared out."""
    path = f"{directory}/http"
    with server(directory, "--shards", "2", "--binary", f"unix:{directory}/binary", http=f"unix:{path}") as one:
        def opened():
            return [int(n) for n in re.findall(r"^spate_connections_opened_total\{.*\} (\d+)$", one.metrics(), re.M)]

        while not all(count > 1 for count in opened()):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(path)
                s.sendall(b"GET /v1/stock?sku=A HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert s.recv(100).startswith(b"HTTP/1.1 404 ")


def the_sample_file_says_what_holds_without_it(directory):
    sample = serve("--help=sample").stdout
    path = write(f"{directory}/sample.conf", sample)
    without = serve("--data", "d", "--http", "127.0.0.1:0", "--dump-config").stdout
    assert serve("--data", "d", "--http", "127.0.0.1:0", "--config", path, "--dump-config").stdout == without
    told = re.sub(r"^#([a-z-]+ = [^;\n]*)$", r"\1", sample, flags=re.M)
    assert told != sample
    write(path, told)
    dumped = serve("--data", "d", "--http", "127.0.0.1:0", "--config", path, "--dump-config")
    assert dumped.returncode == 0, dumped.stderr
    assert re.sub("; file$", "; default", dumped.stdout, flags=re.M) == without


def a_file_is_tested_without_starting_anything(directory):
    path = write(f"{directory}/a.conf", f"data = {directory}/data\nhttp = 127.0.0.1:0\nshards = 2\n")
    done = serve("--config", path, "--test-config")
    assert done.returncode == 0 and not os.path.exists(f"{directory}/data"), done
    write(path, f"data = {directory}/data\nhttp = 127.0.0.1:0\nshrads = 2\n")
    done = serve("--config", path, "--test-config")
    assert done.returncode == 2 and f"{path}:3: unknown option shrads; did you mean shards?" in done.stderr, done
    write(path, f"data = {directory}/data\nhttp = 8080\n")
    assert "`8080` is no address" in serve("--config", path, "--test-config").stderr
    write(path, f"data = {directory}/data\nhttp = 0.0.0.0:0\n")
    assert "--callers" in serve("--config", path, "--test-config").stderr


def sizes_that_do_not_fit_together_are_told_and_the_smallest_serve(directory):
    for sizes in (["--group", "100K"], ["--group", "256K", "--write", "256K"], ["--write", "17M"], ["--mailbox", "300K"],
                  ["--segment", "3000001"], ["--write", "2M", "--segment", "2M"]):
        done = serve("--data", f"{directory}/none", "--http", "127.0.0.1:0", *sizes)
        assert done.returncode == 2 and sizes[0] in done.stderr, (sizes, done)
    with server(directory, "--group", "128K", "--write", "136K", "--segment", "2M", "--mailbox", "256K") as one:
        assert spate.ask(one.http, "GET", "/v1/orders/a")[0] == 404


def sighup_takes_new_tokens_and_says_what_it_cannot_take(directory):
    callers = write(f"{directory}/callers", f"shop:{TOKEN}\n")
    config = write(f"{directory}/a.conf", f"callers = {callers}\npayment-deadline = 30m\n")
    with server(directory, "--config", config, "--shards", "2") as one:
        assert spate.ask(one.http, "GET", "/v1/orders/a", headers=bearer(TOKEN))[0] == 404
        assert spate.ask(one.http, "GET", "/v1/orders/a", headers=bearer(OTHER_TOKEN))[0] == 401
        for number in range(3):
            write(callers, f"shop:{OTHER_TOKEN}\n")
            write(config, f"callers = {callers}\npayment-deadline = {10 + number}m\n")
            one.process.send_signal(signal.SIGHUP)
            spate.until("the new token is known", lambda: spate.ask(
                one.http, "GET", "/v1/orders/a", headers=bearer(OTHER_TOKEN))[0] == 404)
            assert spate.ask(one.http, "GET", "/v1/orders/a", headers=bearer(TOKEN))[0] == 401
            one.says("payment-deadline stays 30m until the next start")
            write(callers, f"shop:{TOKEN}\n")
            spate.until("and the old one again", lambda: one.process.send_signal(signal.SIGHUP) or spate.ask(
                one.http, "GET", "/v1/orders/a", headers=bearer(TOKEN))[0] == 404)
        rules = write(f"{directory}/rules", "no rule\n")
        write(config, f"callers = {callers}\nrules = {rules}\n")
        one.process.send_signal(signal.SIGHUP)
        one.says("rules:1:")
        write(callers, "no token\n")
        one.process.send_signal(signal.SIGHUP)
        one.says("callers:1: this is no NAME:TOKEN")
        one.says("not reloaded: everything stays as it was")
        assert spate.ask(one.http, "GET", "/v1/orders/a", headers=bearer(TOKEN))[0] == 404
        assert one.stop() == 0


def sighup_puts_new_rules_in_force_and_a_fault_leaves_the_old_ones(directory):
    rules = write(f"{directory}/rules", "# none yet\n")
    config = write(f"{directory}/a.conf", f"rules = {rules}\n")
    number = iter(range(1000))

    def placed(one):
        status, order, _ = spate.ask(one.http, "POST", "/v1/orders", spate.order(next(number), units=2))
        assert status == 201, order
        return order["state"]

    with server(directory, "--config", config, "--shards", "2") as one:
        spate.stock_up(one.http)
        assert placed(one) == "pending_payment"
        write(rules, "rule big on order.create when total >= 3000 then review\n")
        one.process.send_signal(signal.SIGHUP)
        spate.until("the new rules judge", lambda: placed(one) == "in_review")
        write(rules, "rule big on order.create\n    when totel >= 3000 then review\n")
        one.process.send_signal(signal.SIGHUP)
        one.says("rules:2:10: ")
        one.says("not reloaded: everything stays as it was")
        assert placed(one) == "in_review"
        write(rules, "rule no on order.create when units == 2 then reject limit\n")
        one.process.send_signal(signal.SIGHUP)
        spate.until("and the next ones", lambda: placed(one) == "rejected")
        assert one.stop() == 0
    with server(directory, "--config", config, "--shards", "1") as one:  # they are in the log, and in force
        assert placed(one) == "rejected"
        assert one.stop() == 0


def a_second_sigterm_stops_at_once(directory):
    with server(directory, "--drain-delay", "1h") as one:
        one.process.send_signal(signal.SIGTERM)
        one.says("stopping when all is answered")
        assert spate.ask(one.admin, "GET", "/readyz")[0] == 503
        assert one.process.poll() is None
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(spate.PATIENCE_S) == 0
        assert "stopping at once" in one.said()


def every_line_of_the_log_is_json_or_logfmt(directory):
    for form, reads in (("json", json.loads), ("logfmt", lambda line: re.fullmatch(
            r'ts=\S+ level=(error|warning|info|debug) actor=\S+ msg="([^"\\]|\\.)*"', line)[0])):
        config = write(f"{directory}/a.conf", "payment-deadline = 5m\n")
        with server(tempfile.mkdtemp(dir=directory), "--log-form", form, "--config", config) as one:
            one.process.send_signal(signal.SIGHUP)
            one.says("reloaded")
            write(config, "payment-deadlien = 5m\n")
            one.process.send_signal(signal.SIGHUP)
            one.says("did you mean payment-deadline?")
            one.says("not reloaded")
            assert one.stop() == 0
            lines = one.said().splitlines()
            assert len(lines) > 5
            for line in lines:
                reads(line)


def a_log_that_nobody_reads_stops_nobody(directory):
    reader, writer = os.pipe()
    process = subprocess.Popen([spate.PROGRAM, "serve", "--data", f"{directory}/data", "--memory", "64M", "--segment",
                                "4M", "--http", f"unix:{directory}/http", "--drain-delay", "1h"], stderr=writer)
    try:
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)  # the pipe is full from here on
        os.set_blocking(writer, True)
        spate.until("it serves", lambda: os.path.exists(f"{directory}/http"))
        for _ in range(200):
            process.send_signal(signal.SIGHUP)  # and each time it has something to say
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(spate.PATIENCE_S)
                spate.until("it listens", lambda: s.connect_ex(f"{directory}/http") == 0)
                s.sendall(b"GET /v1/orders/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                assert s.recv(4096).startswith(b"HTTP/1.1 404"), "no answer"
    finally:
        process.kill()
        process.wait()
        os.close(reader)
        os.close(writer)


@contextlib.contextmanager
def systemd(directory):
    """What systemd would listen with: datagrams, until one holds what is waited for."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(f"{directory}/notify")
        s.settimeout(spate.PATIENCE_S)

        def hears(words):
            while words not in (said := s.recv(4096).decode()):
                pass
            return said
        yield hears, f"{directory}/notify"


def systemd_hears_when_it_is_ready_reloads_lives_and_stops(directory):
    with systemd(directory) as (hears, path), \
            server(directory, "--shards", "2", environment={"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "300000"}) as one:
        assert spate.ask(one.admin, "GET", "/readyz")[0] == 200
        hears("READY=1")
        hears("WATCHDOG=1")
        hears("WATCHDOG=1")
        one.process.send_signal(signal.SIGHUP)
        hears("RELOADING=1")
        hears("READY=1")
        one.process.send_signal(signal.SIGTERM)
        hears("STOPPING=1")
        assert one.process.wait(spate.PATIENCE_S) == 0


def a_socket_that_is_passed_is_listened_on(directory):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]

        def begin(name):
            # What systemd does between fork and exec: the socket becomes 3, the variables say whose.
            script = 'import os,sys\nos.dup2(int(sys.argv[1]), 3)\nos.set_inheritable(3, True)\n' \
                     'os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES=sys.argv[2], LISTEN_PID=str(os.getpid()))\n' \
                     'os.execv(sys.argv[3], sys.argv[3:])'
            return subprocess.Popen(
                ["python3", "-c", script, str(listener.fileno()), name, spate.PROGRAM, "serve", "--data",
                 f"{directory}/data", "--memory", "64M", "--segment", "4M", "--shards", "2"],
                pass_fds=[listener.fileno()], stderr=subprocess.PIPE, text=True)
        for _ in range(2):  # the second one finds connections that waited meanwhile
            with socket.create_connection(("127.0.0.1", port), timeout=spate.PATIENCE_S) as early:
                early.sendall(b"GET /v1/orders/a HTTP/1.1\r\nHost: x\r\n\r\n")
                process = begin("http")
                try:
                    assert early.recv(4096).startswith(b"HTTP/1.1 404")
                    for _ in range(20):
                        assert spate.ask(f"127.0.0.1:{port}", "GET", "/v1/orders/a")[0] == 404
                    process.send_signal(signal.SIGTERM)
                    early.close()
                    assert process.wait(spate.PATIENCE_S) == 0
                finally:
                    process.kill()
                    process.communicate()
        process = begin("htpt")
        _, said = process.communicate(timeout=spate.PATIENCE_S)
        assert process.returncode == 2 and "`htpt`" in said, said


def the_unit_files_are_what_systemd_takes(directory):
    if shutil.which("systemd-analyze") is None:
        raise spate.Skip("there is no systemd-analyze")
    for name in ("spate.service", "spate-http.socket"):
        with open(os.path.join(DEPLOY, name)) as file:
            text = file.read().replace("/usr/local/bin/spate", spate.PROGRAM)
        write(os.path.join(directory, name), text)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"{directory}/spate.service",
                           f"{directory}/spate-http.socket"], capture_output=True, text=True, check=False,
                          timeout=spate.PATIENCE_S)
    ours = [line for line in done.stderr.splitlines() if "spate" in line]
    assert done.returncode == 0 and not ours, done.stderr


def the_manual_and_the_completion_are_made_for_every_command(directory):
    pages = os.path.join(DEPLOY, "..", "pages")
    subprocess.run([pages, spate.PROGRAM, directory], check=True, timeout=spate.PATIENCE_S)
    made = set(os.listdir(directory))
    assert {"spate.1", "spate-serve.1", "spate-call.1", "spate-trace-gen.1", "spate.conf"} <= made, made
    with open(os.path.join(directory, "spate-serve.1")) as page:
        assert "payment\\-deadline" in page.read()
    script = 'source "$1/spate.bash"; compopt() { :; }; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2)); _spate; ' \
             'echo "${COMPREPLY[@]}"'

    def completed(*words):
        return subprocess.run(["bash", "-c", script, "bash", directory, *words], capture_output=True, text=True,
                              check=True, timeout=spate.PATIENCE_S).stdout.split()
    assert completed("spate", "se") == ["serve"]
    assert completed("spate", "trace", "ge") == ["gen"]
    assert completed("spate", "serve", "--shards", "2", "--mem") == ["--memory="]
    assert "order" in completed("spate", "call", "or")


spate.run([
    the_manual_and_the_completion_are_made_for_every_command,
    every_shard_serves_one_name,
    the_sample_file_says_what_holds_without_it,
    a_file_is_tested_without_starting_anything,
    sizes_that_do_not_fit_together_are_told_and_the_smallest_serve,
    sighup_takes_new_tokens_and_says_what_it_cannot_take,
    sighup_puts_new_rules_in_force_and_a_fault_leaves_the_old_ones,
    a_second_sigterm_stops_at_once,
    every_line_of_the_log_is_json_or_logfmt,
    a_log_that_nobody_reads_stops_nobody,
    systemd_hears_when_it_is_ready_reloads_lives_and_stops,
    a_socket_that_is_passed_is_listened_on,
    the_unit_files_are_what_systemd_takes,
])
