#!/usr/bin/env python3
"""usage: tests/members.py BUILD_DIR SPATE SPATE_SIM

The simulator is worth as much as what it runs: it must link the very objects that `spate` links
from core, persist and io, and nothing but the seam's implementation in another's place. Both
programs are linked once more, by the commands that ninja links them with, and the linker is asked
for its map: it names every object it took. (A test that only looks at a list of sources would
believe the list.)
"""
import os
import re
import subprocess
import sys
import tempfile

SHARED = ('core', 'persist', 'io')
# What only the other subcommands of `spate` need and no server does, with the reason.
NOT_FOR_A_SERVER = {}
# Ways to put another definition in the place of an object's own, which a map does not show.
DECEPTION = re.compile(r'--wrap|--defsym|muldefs|--allow-multiple-definition|-Bsymbolic')


def linker_map(build, program):
    target = os.path.relpath(program, build)
    commands = subprocess.run(['ninja', '-C', build, '-t', 'commands', '-s', target], check=True,
                              capture_output=True, text=True).stdout.strip().splitlines()
    if DECEPTION.search(commands[-1]):
        sys.exit(f'{target} is linked with {DECEPTION.search(commands[-1])[0]}')
    with tempfile.TemporaryDirectory() as scratch:
        again = commands[-1].replace(f' -o {target} ', f' -o {scratch}/program ', 1)
        if again == commands[-1]:
            sys.exit(f'this links no {target}: {again}')
        subprocess.run(f'{again} -Wl,-Map={scratch}/map', shell=True, check=True, cwd=build)
        with open(f'{scratch}/map', encoding='utf-8') as file:
            return file.read()


def objects(text, library):
    """Every object of libspate_LIBRARY.a that was taken, thin archive or not."""
    return set(re.findall(rf'libspate_{library}\.a(?:\.p/|\()([\w.-]+\.o)', text))


def main():
    build, spate, sim = sys.argv[1:]
    real, simulated = linker_map(build, spate), linker_map(build, sim)
    faults = []
    for library in SHARED:
        ours, theirs = objects(real, library), objects(simulated, library)
        if not ours:
            faults.append(f'spate takes nothing from {library}')
        faults += [f'spate-sim does without {library}: {name}'
                   for name in sorted(ours - theirs - NOT_FOR_A_SERVER.keys())]
        faults += [f'only spate-sim has {library}: {name}' for name in sorted(theirs - ours)]
    if not objects(real, 'env'):
        faults.append('spate does not take the seam from libspate_env')
    if objects(simulated, 'env'):
        faults.append(f"spate-sim takes {', '.join(objects(simulated, 'env'))} of the real seam")
    if 'liburing' in simulated:
        faults.append('spate-sim loads liburing')
    print(*faults or ['the same objects, another seam'], sep='\n')
    sys.exit(bool(faults))


main()
