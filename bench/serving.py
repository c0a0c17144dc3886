"""Servers under load: each on loopback, in a directory of its own that goes away afterwards."""
import contextlib
import mmap
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

BUILD = os.environ.get('SPATE_BUILD', os.path.join(os.path.dirname(os.path.abspath(__file__)), '../build'))
PEER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'peer')
CONNECTIONS = 64
ORDER_BODY = '{"customer":"c778812","currency":"CNY","lines":[[17,1,1999],[42,1,2599]],"total":4598}'


def run(*command, timeout=300, **options):
    """What it says; whatever fails or takes too long ends us."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
                              **options)
    except subprocess.TimeoutExpired:
        sys.exit(f"{' '.join(command)}: not within {timeout} s")
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def arguments_of(usage, flags=(), options=()):
    """Whether the first flag was given, and the options by name; help and wrong usage end us."""
    words, given, values = sys.argv[1:], set(), {}
    while words:
        word = words.pop(0)
        if word in flags:
            given.add(word)
        elif word in options and words:
            values[word] = words.pop(0)
        else:
            asked = word in ('--help', '-h')
            print(usage if asked else f'{os.path.basename(sys.argv[0])}: what is {word}?\n{usage}',
                  file=sys.stdout if asked else sys.stderr)
            sys.exit(0 if asked else 2)
    return bool(flags) and flags[0] in given, values


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def listens(port, process, seconds=60):
    """Waits until somebody answers there; False: the process has ended, or it takes too long."""
    for _ in range(100 * seconds):
        with contextlib.suppress(ConnectionRefusedError):
            socket.create_connection(('127.0.0.1', port)).close()
            return True
        if process.poll() is not None:
            break
        time.sleep(0.01)
    return False


def await_silence(port, seconds=30):
    """The kernel closes what a ring holds a little after its process has ended; until then it seems to listen."""
    with contextlib.suppress(ConnectionRefusedError):
        for _ in range(100 * seconds):
            with contextlib.suppress(ConnectionResetError):
                socket.create_connection(('127.0.0.1', port)).close()
            time.sleep(0.01)


def cpu_split(root):
    """Seconds that a process and its children, gone or not, have used for themselves, and in the kernel."""
    ticks, parents = {}, {}
    for name in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError), open(f'/proc/{name}/stat', encoding='utf-8') as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
            parents[int(name)] = int(fields[1])
            last = 15 if int(name) == root else 13
            ticks[int(name)] = [sum(map(int, fields[first:last:2])) for first in (11, 12)]
    ours = [pid for pid in ticks if pid == root or parents[pid] == root]
    return [sum(ticks[pid][part] for pid in ours) / os.sysconf('SC_CLK_TCK') for part in (0, 1)]


def floor(directory, server, client):
    """What spate-floor says on these two cores, in us: the best of a lone durable answer, an echo, a durable
    write, and its two parts, the write and the flush."""
    said = run(os.path.join(BUILD, 'bench/spate-floor'), directory, 'rounds=1', f'server={server}', f'client={client}')
    by_ring, by_call, *others = (float(us) for us in re.findall(r'([\d.]+) us', said))
    return [min(by_ring, by_call), *others]


def interrupts():
    """Of each core and device since the start."""
    with open('/proc/interrupts', encoding='ascii') as text:
        lines = [line.split() for line in text]
    return {(core, line[0]): int(count) for line in lines[1:] if line[0][:-1].isdigit()
            for core, count in zip(lines[0], line[1:])}


def nearest_the_disk(directory, cores):
    """Of these cores the one that the disk interrupts. A disk of one queue interrupts one alone; where that is not
    the server's, each write waits until the other core has woken up or has time."""
    before = interrupts()
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(200):
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
    after = interrupts()
    grown = lambda core: max(count - before.get(of, 0) for of, count in after.items() if of[0] == f'CPU{core}')
    return max(cores, key=grown)


@contextlib.contextmanager
def apart(*servers):
    """The servers on the core that is nearest their disk, and the load that is begun meanwhile on another; one
    core: as they are. Which two these are."""
    cores = sorted(os.sched_getaffinity(0))
    theirs = nearest_the_disk(servers[0].directory, {cores[0], cores[-1]})
    of_load = cores[-1] if theirs == cores[0] else cores[0]

    def pin(server, to):
        for task in os.listdir(f'/proc/{server.process.pid}/task'):
            os.sched_setaffinity(int(task), to)

    for server in servers:
        pin(server, {theirs})
    os.sched_setaffinity(0, {of_load})
    try:
        yield theirs, of_load
    finally:
        os.sched_setaffinity(0, cores)
        for server in servers:
            pin(server, cores)


def thread_seconds(pid, name):
    """Of processor time that the thread of this name has used, and the kernel's workers with it."""
    ticks = 0
    for thread in os.listdir(f'/proc/{pid}/task'):
        with contextlib.suppress(OSError), open(f'/proc/{pid}/task/{thread}/stat', encoding='utf-8') as stat:
            said, fields = stat.read().split('(', 1)[1].rsplit(')', 1)
            if said == name or said.startswith('iou-wrk'):
                ticks += sum(map(int, fields.split()[11:13]))
    return ticks / os.sysconf('SC_CLK_TCK')


def touched_bytes(pid):
    """Of memory that this process has."""
    with open(f'/proc/{pid}/statm', encoding='ascii') as statm:
        return int(statm.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def warm(count):
    """Another process touches so many bytes and ends: where a host keeps what a guest has freed, it need not
    find them again."""
    run(sys.executable, '-c', f'import mmap; m = mmap.mmap(-1, {count}, mmap.MAP_PRIVATE); m.madvise(14); m.madvise(23)')


def page_us():
    """What a page costs now that nobody has touched."""
    count = 64 << 20
    with mmap.mmap(-1, count, mmap.MAP_PRIVATE) as memory:
        memory.madvise(14)  # huge pages, as a server has them
        began = time.monotonic()
        memory.madvise(23)  # all of it, for writing
        return (time.monotonic() - began) * 1e6 / (count / 4096)


def cpu_seconds(root):
    return sum(cpu_split(root))


class Server:
    """A process of ours in a directory of its own; `rounds` holds (orders/s, CPU-ns per order)."""

    def __init__(self, stack, name, user=None):
        self.name, self.user, self.rounds = name, user, []
        self.port = self.last_port = free_port()  # the last to listen
        self.directory = stack.enter_context(tempfile.TemporaryDirectory(prefix='spate-peer-', dir='/var/tmp'))
        if user:
            shutil.chown(self.directory, user)
        self.stack, self.process, self.rate = stack, None, 0

    def start(self, *command, stop=signal.SIGTERM):
        log = self.stack.enter_context(open(os.path.join(self.directory, 'log'), 'wb'))
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        cwd=self.directory, user=self.user)
        self.stack.callback(self.end, self.process, stop)
        if not listens(self.last_port, self.process):
            with open(log.name, encoding='utf-8', errors='replace') as said:
                sys.exit(f"{' '.join(command)}\ndoes not listen:\n{said.read()[-2000:]}")

    def end(self, process, stop):
        process.send_signal(stop)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def round(self, seconds):
        cpu, before = cpu_seconds(self.process.pid), self.stored()
        self.load(seconds)
        cpu, orders = cpu_seconds(self.process.pid) - cpu, self.stored() - before
        self.rounds.append((self.rate, cpu / orders * 1e9))


def wrk(port, seconds, script, *arguments):
    """Answers a second, and answers; all of them were 2xx."""
    said = run('wrk', '-t', '1', '-c', str(CONNECTIONS), '-d', f'{max(1, round(seconds))}s',
               '-s', os.path.join(PEER, script), f'http://127.0.0.1:{port}/v1/orders', '--', *arguments)
    if 'Non-2xx' in said or 'Socket errors' in said:
        sys.exit(said)
    return (float(re.search(r'Requests/sec:\s*([\d.]+)', said).group(1)),
            int(re.search(r'(\d+) requests in', said).group(1)))


class Spate(Server):
    """Ours, loaded by spate-load over its binary protocol or, with http=1, over HTTP. `wish` is what every
    load of it wishes, unless it wishes otherwise; `options` are those of spate serve: segment='4M'."""

    def __init__(self, stack, name=None, shards=1, memory='4G', wish=None, **options):
        super().__init__(stack, name or f'Spate, {shards} shard{"s" * (shards > 1)}')
        self.wish, self.options = wish or {}, {'shards': shards, 'memory': memory, **options}
        self.http_port, self.last_port, self.first = free_port(), free_port(), 0
        self.admin_port = self.last_port
        self.begin()

    def begin(self):
        words = [word for name, value in self.options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        self.start(os.path.join(BUILD, 'spate'), 'serve', '--data', os.path.join(self.directory, 'data'),
                   '--binary', f'127.0.0.1:{self.port}', '--http', f'127.0.0.1:{self.http_port}',
                   '--admin', f'127.0.0.1:{self.admin_port}', *words)

    def kill_and_begin(self):
        """As after a crash: the state is what the log has; the seconds until it listens."""
        self.process.kill()
        self.process.wait()
        await_silence(self.last_port)
        began = time.monotonic()
        self.begin()
        return time.monotonic() - began

    def stop(self):
        """The seconds until it has ended."""
        began = time.monotonic()
        self.process.terminate()
        if self.process.wait() != 0:
            sys.exit(f'{self.name} ended with {self.process.returncode}')
        return time.monotonic() - began

    def begin_again(self):
        """The seconds until it listens."""
        began = time.monotonic()
        self.begin()
        return time.monotonic() - began

    def snapshot(self):
        """The seconds until one is there that was asked for now."""
        began, made = time.monotonic(), self.metrics()['spate_snapshots_total']
        asked = urllib.request.Request(f'http://127.0.0.1:{self.admin_port}/snapshots', method='POST')
        urllib.request.urlopen(asked, timeout=10).close()
        while (now := self.metrics())['spate_snapshots_total'] == made:
            if now['spate_snapshot_failures_total'] > 0:
                sys.exit(f'{self.name}: a snapshot could not be made')
            time.sleep(0.05)
        return time.monotonic() - began

    def said(self, pattern):
        """What it has said last that looks like this: the groups of the match."""
        with open(os.path.join(self.directory, 'log'), encoding='utf-8') as log:
            return re.findall(pattern, log.read())[-1]

    def load(self, seconds=0, **wish):
        """What spate-load says: orders/s, the latencies of a frame in us, CPU-ns of the server per order."""
        wish = {**self.wish, **wish}
        words = {'seconds': max(1, round(seconds)), 'first': self.first, 'pid': self.process.pid, **wish}
        port = self.http_port if wish.get('http') else self.port
        said = run(os.path.join(BUILD, 'bench/spate-load'), f'127.0.0.1:{port}',
                   *(f'{name}={value}' for name, value in words.items()))
        number = lambda before: float((re.search(before + r' +([\d.]+)', said) or [0, 'nan'])[1])
        self.first, self.rate = int(number('next')), float(said.split()[0])
        return {'rate': self.rate, 'cpu_ns': number('server CPU'), 'placed': int(number('placed')),
                'found': number('found'), 'refused': number('refused'),
                'lag_us': number('lag'), 'lag_p50': number('lag-p50'), 'lag_p99': number('lag-p99'),
                'p50': number('p50'), 'p99': number('p99'), 'p99.9': number(r'p99\.9'), 'max': number('max')}

    def round(self, seconds):
        got = self.load(seconds, found=1)
        self.rounds.append((got['rate'], got['cpu_ns']))

    def orders(self):
        """In memory; the gauge is renewed now and then, so until it stands still."""
        before, now = None, 0
        while before != now:
            before, now = now, self.metrics()['spate_orders']
            time.sleep(0.3)
        return int(now)

    def metrics(self):
        """Each metric's sum over the shards."""
        with urllib.request.urlopen(f'http://127.0.0.1:{self.admin_port}/metrics', timeout=10) as page:
            lines = page.read().decode().splitlines()
        sums = {}
        for line in lines:
            if not line.startswith('#'):
                name, value = line.rsplit(' ', 1)
                name = name.split('{')[0]
                sums[name] = sums.get(name, 0) + float(value)
        return sums


REDIS_IDS = 2000000000  # redis-benchmark draws from no more than 2^31


class Redis(Server):
    def __init__(self, stack, fsync, pipeline):
        super().__init__(stack, f'Redis, appendfsync {fsync}, '
                         + (f'pipelined by {pipeline}' if pipeline > 1 else 'one at a time'))
        self.pipeline, self.guess = pipeline, 40000
        self.start('redis-server', '--port', str(self.port), '--bind', '127.0.0.1', '--save', '',
                   '--appendonly', 'yes', '--appendfsync', fsync, '--auto-aof-rewrite-percentage', '0',
                   '--dir', self.directory)
        stock = ''.join(f'SET {kind}{n:04} 1000000000\n' for kind in 'ab' for n in range(10000))
        subprocess.run(['redis-cli', '-p', str(self.port)], input=stock, text=True, check=True,
                       stdout=subprocess.DEVNULL)
        with open(os.path.join(PEER, 'order.lua'), encoding='utf-8') as script:
            self.script = run('redis-cli', '-p', str(self.port), 'SCRIPT', 'LOAD', script.read()).strip()

    def stored(self):
        return int(run('redis-cli', '-p', str(self.port), 'DBSIZE'))

    def load(self, seconds):
        count, before = int(self.guess * seconds), self.stored()
        said = run('redis-benchmark', '-p', str(self.port), '-c', str(CONNECTIONS), '-n', str(count),
                   '-P', str(self.pipeline), '-r', str(REDIS_IDS), '--csv',
                   'EVALSHA', self.script, '0', '__rand_int__', ORDER_BODY)
        rate = float(said.splitlines()[-1].split('","')[-7])
        stored = self.stored() - before
        known = count * (before + count / 2) / REDIS_IDS  # drawn a second time
        if abs(stored + known - count) > 0.001 * count:
            sys.exit(f'{self.name}: {count} orders sent, {stored} stored, {known:.0f} would have been known')
        self.rate = self.guess = rate * stored / count


class Nginx(Server):
    def __init__(self, stack, script='post.lua'):
        super().__init__(stack, 'nginx, one worker, a constant 201 (no work at all)')
        self.script = script
        with open(os.path.join(self.directory, 'nginx.conf'), 'w', encoding='utf-8') as conf:
            conf.write(f'''
daemon off; worker_processes 1; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 1000000000; default_type application/json;
    client_body_temp_path body; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
    server {{ listen 127.0.0.1:{self.port}; location / {{ return 201 '{{"state":"pending_payment"}}'; }} }}
}}''')
        self.answered = 0
        self.start('/usr/sbin/nginx', '-p', self.directory, '-c', 'nginx.conf', '-e', 'stderr')

    def stored(self):
        return self.answered

    def load(self, seconds):
        self.rate, answered = wrk(self.port, seconds, self.script)
        self.answered += answered
