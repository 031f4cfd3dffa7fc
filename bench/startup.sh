#!/bin/bash
# SPDX-License-Identifier: MIT
#
# startup.sh: what loading the extension adds to starting the shell. Runs in
# turns with and without, 100 times each; wall time, medians; bound 5 ms.
set -euo pipefail
extension=${EE_EXTENSION:?set by make}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

ns() {
    local start=$EPOCHREALTIME end
    sqlite3 "$@" > /dev/null
    end=$EPOCHREALTIME
    echo $(((${end/./} - ${start/./}) * 1000))
}

for _ in $(seq 100); do
    ns :memory: 'SELECT 1' >> "$work/without"
    ns -cmd ".load ${extension%.so}" :memory: 'SELECT 1' >> "$work/with"
done
median() {
    sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
awk -v a="$(median "$work/without")" -v b="$(median "$work/with")" 'BEGIN {
    printf "shell start: %.2f ms, with the extension %.2f ms: %.2f ms more  %s\n",
        a / 1e6, b / 1e6, (b - a) / 1e6, b - a <= 5e6 ? "ok" : "over" }'
