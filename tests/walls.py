#!/usr/bin/env python3
"""usage: tests/walls.py includes | symbols LIBSPATE_CORE | anatomy | protocol

includes: headers are included in one direction only, core <- persist <- io <- tools.
symbols:  core calls nothing from outside but what is named here: no system call, no clock, no
          allocation, no thread, no output. So what it decides follows from what it is told alone.
anatomy:  the functions that the README follows an order through are where it says they are.
protocol: io/PROTOCOL.md has a row for every command, kind of result and fault.
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


def numbers(path, enum):
    """Names and numbers of an enum, as C counts them."""
    with open(path, encoding='utf-8') as file:
        body = re.sub(r'/\*.*?\*/', '', re.search(rf'enum {enum} {{(.*?)}};', file.read(), re.S)[1], flags=re.S)
    number = -1
    for name, said in re.findall(r'(\w+)(?:\s*=\s*(\d+))?\s*,', body):
        number = int(said) if said else number + 1
        yield name, number


def protocol():
    with open('io/PROTOCOL.md', encoding='utf-8') as file:
        tables = re.split(r'\n\| (op|result|fault) \|', file.read())
    rows = {name: re.findall(r'^\| (.*?) \|', text.split('\n\n')[0], re.M) for name, text in zip(tables[1::2], tables[2::2])}
    for table, path, enum in (('op', 'core/command.h', 'op'), ('result', 'core/result.h', 'result_kind'),
                              ('fault', 'io/frame.h', 'frame_fault')):
        known = {int(n) for row in rows[table] for n in re.findall(r'\b\d+\b', row)}
        for name, number in numbers(path, enum):
            if number not in known and name not in ('FRAME_OK', 'FRAME_FAULTS'):
                yield f'io/PROTOCOL.md has no {name} ({number})'


paths = [os.path.abspath(path) for path in sys.argv[2:]]
os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
faults = list({'includes': includes, 'symbols': symbols, 'anatomy': anatomy,
               'protocol': protocol}[sys.argv[1]](*paths))
print(*faults, sep='\n')
sys.exit(bool(faults))
