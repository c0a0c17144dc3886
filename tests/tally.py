#!/usr/bin/env python3
"""Counts what meson's test logs say: tests/tally.py SKIPS LOG.json...

A test that speaks TAP counts once for each of its cases. Names what failed, and every skip with
its reason; a skip that the list SKIPS does not name has failed. Prints "passed failed skipped".
"""
import json
import re
import sys

CASE = re.compile(r'^(not )?ok\s+\d+\s*(?:-\s*)?(.*?)(#\s*SKIP\b.*)?$', re.IGNORECASE | re.MULTILINE)


def reasons(path):
    lines = [line.strip() for line in open(path, encoding='utf-8')]
    return dict(line.split(' -- ', 1) for line in lines if line and not line.startswith('#'))


def outcomes(test):
    """(name, 'passed' | 'failed' | 'skipped') of each case, then of the program if its end adds to that."""
    test['name'] = test['name'].split(' / ', 1)[-1]
    cases = []
    if re.match(r'(TAP version.*\n)?1\.\.', test['stdout'] or ''):
        for bad, name, skip in CASE.findall(test['stdout']):
            verdict = 'skipped' if skip else 'failed' if bad else 'passed'
            name = name.strip() or skip.partition('SKIP')[2].strip()  # cmocka says `not ok 7 # SKIP name`
            cases.append((test['name'] + ': ' + name, verdict))
    verdict = {'OK': 'passed', 'EXPECTEDFAIL': 'passed', 'SKIP': 'skipped'}.get(test['result'], 'failed')
    if not cases or (verdict == 'failed' and not any(v == 'failed' for _, v in cases)):
        cases.append((test['name'] + (f" ({test['result'].lower()})" if verdict == 'failed' else ''), verdict))
    return cases


def main():
    allowed = reasons(sys.argv[1])
    count = {'passed': 0, 'failed': 0, 'skipped': 0}
    for path in sys.argv[2:]:
        for line in open(path, encoding='utf-8'):
            test = json.loads(line)
            for name, verdict in outcomes(test):
                if verdict == 'skipped' and name not in allowed:
                    print(f'FAILED {name}: skipped, and not on the list', file=sys.stderr)
                    verdict = 'failed'
                elif verdict == 'skipped':
                    print(f'skipped {name}: {allowed[name]}', file=sys.stderr)
                elif verdict == 'failed':
                    print(f'FAILED {name}', file=sys.stderr)
                    said = test['stdout'] if ': ' in name else ''
                    print(*said.splitlines()[-40:], sep='\n', file=sys.stderr)
                count[verdict] += 1
    print(count['passed'], count['failed'], count['skipped'])


main()
