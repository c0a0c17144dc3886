#!/bin/sh
# usage: tests/sim/same.sh SPATE-SIM: two runs of the same seeds have the same traces.
set -eu
once=$("$1" --seeds 3 --trace | grep -v ' runs,\|operations\|histories')
again=$("$1" --seeds 3 --trace | grep -v ' runs,\|operations\|histories')
[ "$once" = "$again" ] || { printf '%s\n--- and then ---\n%s\n' "$once" "$again"; exit 1; }
[ "$(printf '%s\n' "$once" | awk '{print $3}' | sort -u | wc -l)" = 33 ] || { echo "$once"; exit 1; }
