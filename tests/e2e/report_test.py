#!/usr/bin/env python3
"""The HTML report of a replay, as a browser shows it.
usage: report_test.py BUILD_DIR          Prints TAP."""
import html.parser
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import zlib

from left import verify_what_is_left

SPATE = os.path.join(os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build"), "spate")
CHROMIUM = shutil.which("chromium")
VOID = {"meta", "br", "link", "img", "path", "rect", "circle"}  # without an end tag of their own


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def make_report(directory, *, profile="double11", options=()):
    """Replays a small day and returns the page."""
    trace, page = os.path.join(directory, "day.trace"), os.path.join(directory, "report.html")
    binary = f"127.0.0.1:{free_port()}"
    subprocess.run([SPATE, "trace", "gen", trace, "--orders", "8000", "--duration", "2s", "--profile", profile, "--orders-only"],
                   check=True, capture_output=True)
    with open(os.path.join(directory, "log.txt"), "w+", encoding="utf-8") as log:
        server = subprocess.Popen([SPATE, "serve", "--data", os.path.join(directory, "data"), "--shards", "2",
                                   "--memory", "128M", "--segment", "16M", "--binary", binary],
                                  stdout=log, stderr=log)
        try:
            end = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(tuple(binary.split(":")), timeout=5).close()
                    break
                except OSError:
                    assert server.poll() is None and time.monotonic() < end, "server did not start"
                    time.sleep(0.01)
            subprocess.run([SPATE, "replay", trace, "--target", binary, "--max-lag", "5s", "--html", page, *options],
                           capture_output=True, timeout=60)
        finally:
            server.kill()
            server.wait()
    with open(page, encoding="utf-8") as file:
        return page, file.read()


class Nesting(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open and self.open[-1] == tag, (tag, self.open, self.getpos())
        self.open.pop()


def the_page_is_whole_and_needs_nothing_else(directory):
    _, text = make_report(directory, options=("--slo", "p99<10s"))
    page = Nesting()
    page.feed(text)
    assert page.open == [], page.open
    for tag, attributes in page.seen:
        assert tag not in ("script", "link", "img", "iframe"), tag
        assert not {"src", "href"} & set(attributes), (tag, attributes)
    assert not re.search(r"https?://|@import|url\(|nan|inf\b", text), re.search(r".*(https?://|url\(|nan|inf\b).*", text)
    for words in ("It held.", "prefers-color-scheme:dark", "@media print", "Offered and answered", "p99.9",
                  "Every answer", "Work for each shard", "SKU-000000", "--slo", "below 10 s", "peak: "):
        assert words in text, words


def a_promise_that_was_missed_is_said_so(directory):
    _, text = make_report(directory, options=("--slo", "p50<1us"), profile="flash")
    assert "too slow" in text and ">missed<" in text, text[:6000]


def pixels(path):
    """Width, height and rows of a PNG of 8-bit RGB or RGBA."""
    with open(path, "rb") as file:
        data = file.read()
    at, packed = 8, b""
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if kind == b"IHDR":
            width, height, _, colour = struct.unpack_from(">IIBB", data, at + 8)
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + size]
        at += size + 12
    raw, each = zlib.decompress(packed), 4 if colour == 6 else 3
    return width, height, raw, each


def browse(page, *options):
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *options, f"file://{page}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


def nothing_sticks_out_at_desktop_and_at_phone_width(directory):
    page, text = make_report(directory)
    measured = os.path.join(directory, "measured.html")
    probe = ("<script>const over=[...document.querySelectorAll('main *')].filter(e=>!e.closest('.scroll')&&"
             "e.getBoundingClientRect().right>innerWidth+1);const shown=[...document.querySelectorAll('svg')]"
             ".filter(e=>e.getBoundingClientRect().width>0);const small=shown.flatMap(s=>[...s.querySelectorAll('text')])"
             ".filter(t=>t.getBoundingClientRect().height<9);document.title=[innerWidth,over.length,shown.length,"
             "small.length].join(' ')</script>")
    with open(measured, "w", encoding="utf-8") as file:
        file.write(text.replace("</body>", probe + "</body>"))
    for width in (1280, 500):
        shown = browse(measured, f"--window-size={width},900", "--dump-dom")
        said = re.search(r"<title>(\d+) (\d+) (\d+) (\d+)</title>", shown)
        assert said, shown[:300]
        inner, over, pictures, small = map(int, said.groups())
        assert abs(inner - width) < 20 and over == 0 and pictures >= 7 and small == 0, said[0]


def a_browser_draws_it(directory):
    page, _ = make_report(directory)
    for width, height in ((1280, 2600), (500, 5000)):
        picture = os.path.join(directory, f"{width}.png")
        browse(page, f"--window-size={width},{height}", f"--screenshot={picture}")
        found_width, found_height, raw, _ = pixels(picture)
        assert (found_width, found_height) == (width, height), (found_width, found_height)
        assert len(set(raw)) > 100 and len(zlib.compress(raw)) > 20000, "an empty page"


TESTS = [the_page_is_whole_and_needs_nothing_else, a_promise_that_was_missed_is_said_so,
         nothing_sticks_out_at_desktop_and_at_phone_width, a_browser_draws_it]
BROWSER = {nothing_sticks_out_at_desktop_and_at_phone_width, a_browser_draws_it}

print(f"1..{len(TESTS)}")
for number, test in enumerate(TESTS, 1):
    if test in BROWSER and CHROMIUM is None:
        print(f"ok {number} - {test.__name__} # SKIP there is no chromium: tools/setup --tests", flush=True)
        continue
    with tempfile.TemporaryDirectory(prefix="spate-report-") as place:
        try:
            test(place)
            verify_what_is_left(SPATE, place)
            print(f"ok {number} - {test.__name__}", flush=True)
        except Exception as fault:  # pylint: disable=broad-except
            print(f"not ok {number} - {test.__name__}", flush=True)
            print("\n".join("# " + line for line in f"{type(fault).__name__}: {fault}".splitlines()))
