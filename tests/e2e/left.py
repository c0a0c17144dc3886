"""What a test leaves behind: every data directory in it must still come to one state."""
import os
import subprocess


def verify_what_is_left(program, directory, damaged=()):
    """Ends with an assertion that names the directory; a torn end that nobody was promised is no fault. Those
    in `damaged` must be. Returns the paths of all: no server may have any of them still."""
    looked_at = []
    for place, _, files in os.walk(directory):
        if "manifest" not in files:
            continue
        done = subprocess.run([program, "log", "verify", "--state", place], capture_output=True, text=True,
                              timeout=60)
        is_damaged = os.path.relpath(place, directory) in damaged
        assert done.returncode in ((65,) if is_damaged else (0, 1)), \
            f"verify --state of {place} ends with {done.returncode}:\n{done.stdout}{done.stderr}"
        looked_at.append(os.path.realpath(place))
    return looked_at
