#!/usr/bin/env python3
"""usage: tests/walls.py includes | symbols LIBSPATE_CORE | anatomy | runbook | protocol

includes: headers are included in one direction only, core <- persist <- io <- tools.
symbols:  core calls nothing from outside but what is named here: no system call, no clock, no
          allocation, no thread, no output. So what it decides follows from what it is told alone.
anatomy:  the functions that the README follows an order through are where it says they are.
runbook:  persist/RUNBOOK.md names, for each of its steps, tests that are run.
protocol: io/PROTOCOL.md has a row for every command, kind of result and fault, and how each is laid out.
"""
import glob
import os
import re
import subprocess
import sys

MAY_INCLUDE = {'core': ['core'], 'persist': ['core', 'persist'], 'io': ['core', 'persist', 'io'],
               'tools': ['core', 'persist', 'io', 'tools']}
MAY_CALL = {'memcpy', 'memmove', 'memset', 'memcmp', 'bcmp', 'strlen',
            'check_failed',      # whoever links core says how a broken CHECK ends
            '__stack_chk_fail', '_GLOBAL_OFFSET_TABLE_'}  # the compiler's


def includes():
    for folder, allowed in MAY_INCLUDE.items():
        for path in sorted(glob.glob(f'{folder}/**/*.[ch]', recursive=True)):
            with open(path, encoding='utf-8') as file:
                for number, line in enumerate(file, 1):
                    found = re.match(r'\s*#\s*include\s*"([^"/]*)', line)
                    if found and found[1] not in allowed:
                        yield f'{path}:{number}: {folder} includes {line.strip()}'


def symbols(library):
    said = subprocess.run(['nm', '--format=posix', library], check=True, capture_output=True, text=True).stdout
    rows = [line.split()[:2] for line in said.splitlines() if line and not line.endswith(':')]
    defined = {name for name, kind in rows if kind not in 'Uw'}
    if not defined:
        yield f'{library} is empty'
    for name in sorted({name for name, kind in rows if kind in 'Uw'} - defined - MAY_CALL):
        yield f'core calls {name}'


def anatomy():
    """A function is looked for in the file named before it, or right behind it: `f` in `x.c`."""
    with open('README.md', encoding='utf-8') as file:
        text = file.read().split('## Anatomy of an order')[1].split('\n## ')[0]
    path = None
    for name, later in re.findall(r'`([\w./]+)`(?:\s+in\s+`([\w./]+\.c)`)?', text):
        if '/' in name:
            path = name
            continue
        path = later or path
        with open(path, encoding='utf-8') as source:
            if not re.search(rf'^[^#\s].*\b{name}\(', source.read(), re.MULTILINE):
                yield f'{path} has no {name}'


def runbook():
    """Each step has its row, and each row names tests that a file really runs."""
    with open('persist/RUNBOOK.md', encoding='utf-8') as file:
        steps, table = file.read().split('## What tries each of these')
    rows = dict(re.findall(r'^\| ([^|`]+) \| (`.*) \|$', table, re.M))
    for step in re.findall(r'^## (.+)$', steps, re.M):
        if step not in rows:
            yield f'nothing is said to try "{step}"'
    for row in rows.values():
        for path, names in re.findall(r'`(\w+\.py)`: ((?:`\w+`(?:, )?)+)', row):
            with open(f'tests/e2e/{path}', encoding='utf-8') as file:
                text = file.read()
            for name in re.findall(r'`(\w+)`', names):
                if not re.search(rf'^    (?:with_image\()?{name}\)?,$', text, re.M):
                    yield f'{path} does not run {name}'


def code_of(path):
    with open(path, encoding='utf-8') as file:
        return re.sub(r'/\*.*?\*/', '', file.read(), flags=re.S)


def numbers(body):
    """The names of an enum, and their numbers where these stand there."""
    number = -1
    for name, said in re.findall(r'(\w+)(?:\s*=\s*(\d+))?\s*(?:,|$)', body.strip()):
        number = int(said) if said else number + 1
        yield name, number


def layouts(text, sizes):
    """Each struct that goes over the wire, as io/PROTOCOL.md writes it: u32 sku, units; 4 zeros."""
    for name, body in re.findall(r'^struct (\w+) {(.*?)^};', text, re.M | re.S):
        said, before = '', None
        for kind, field, many in re.findall(r'([\w ]+?) (\w+)(?:\[(\w*)\])?;', body):
            kind, many = re.sub(r'uint(\d+)_t', r'u\1', kind.strip()), sizes.get(many, many)
            kind = re.sub(r'int(\d+)_t', r'i\1', kind)
            if kind.startswith('struct'):  # the head before it, the arrays behind it
                continue
            if field == 'zero':
                said += f'; {many} zeros' if many else ', 0' if kind == before else f'; {kind} 0'
            else:
                said += (', ' if kind == before else f'; {kind} ') + field + (f'[{many}]' if many else '')
            before = kind
        if said:
            yield name, said[2:]


def protocol():
    with open('io/PROTOCOL.md', encoding='utf-8') as file:
        tables = re.split(r'\n\| (op|result|fault) \|', file.read())
    rows = {name: re.findall(r'^\| (.*?) \|', text.split('\n\n')[0], re.M) for name, text in zip(tables[1::2], tables[2::2])}
    for table, path, enum in (('op', 'core/command.h', 'op'), ('result', 'core/result.h', 'result_kind'),
                              ('fault', 'io/frame.h', 'frame_fault')):
        known = {int(n) for row in rows[table] for n in re.findall(r'\b\d+\b', row)}
        for name, number in numbers(re.search(rf'enum {enum} {{(.*?)}};', code_of(path), re.S)[1]):
            if number not in known and name not in ('FRAME_OK', 'FRAME_FAULTS'):
                yield f'io/PROTOCOL.md has no {name} ({number})'
    headers = code_of('core/values.h') + code_of('core/command.h') + code_of('core/result.h')
    sizes = {name: str(number) for body in re.findall(r'enum(?: \w+)? {(.*?)}', headers, re.S) for name, number in numbers(body)}
    said = re.sub(r' \(.*?\)', '', '\n'.join(tables))
    for name, layout in layouts(code_of('core/command.h') + code_of('core/result.h'), sizes):
        if layout not in said and name not in ('command', 'result') and 'enum ' not in layout:  # the diagram's; no wire's
            yield f'io/PROTOCOL.md does not lay out struct {name}: {layout}'


paths = [os.path.abspath(path) for path in sys.argv[2:]]
os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
faults = list({'includes': includes, 'symbols': symbols, 'anatomy': anatomy,
               'runbook': runbook, 'protocol': protocol}[sys.argv[1]](*paths))
print(*faults, sep='\n')
sys.exit(bool(faults))
