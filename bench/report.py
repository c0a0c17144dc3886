"""What every report of a measurement says: when, of what, on which machine."""
import datetime
import json
import os
import platform
import subprocess


def machine():
    with open('/proc/cpuinfo', encoding='utf-8') as cpuinfo:
        model = next((line.split(':')[1].strip() for line in cpuinfo if line.startswith('model name')), '?')
    return f'{os.cpu_count()} x {model}, Linux {platform.release()}'


def revision():
    done = subprocess.run(['git', 'describe', '--always', '--dirty'], cwd=os.path.dirname(__file__),
                          capture_output=True, text=True)
    return done.stdout.strip() or 'unknown'


def write(path, **what):
    report = {'date': datetime.date.today().isoformat(), 'revision': revision(), 'machine': machine(), **what}
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(report, file, indent=1, ensure_ascii=False)
        file.write('\n')
