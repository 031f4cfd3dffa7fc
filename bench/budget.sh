#!/bin/bash
# SPDX-License-Identifier: MIT
#
# budget.sh: how many instructions our own code spends on one operation,
# compared within 3 % with bench/budget.txt.
#
# Counted by callgrind, which is the same on every run, and only in functions
# of ours: which instructions libsodium and OpenSSL choose depends on the CPU.
# The difference of two counts leaves out what happens once. With --update the
# budget is written anew.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=${EE_BENCH:?set by make}/budget
budget=$here/budget.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# instructions of our functions in $2 operations of $1; ours are the symbols
# of the program's own object file
count() {
    local out=$work/$1.$2
    valgrind --tool=callgrind --callgrind-out-file="$out" --dump-line=no \
        --toggle-collect=budget_operations "$program" "$1" "$2" \
        > "$work/said" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
    grep -q '^aes 1$' "$work/said" || touch "$work/no_aes"
    awk -v program="$program" '
        /^c?ob=/ { # ob=(1) /path or cob=(1) /path first, ob=(1) after that
            called = /^c/
            id = $1; sub(/^c?ob=/, "", id)
            if (NF > 1) { name[id] = $2 }
            if (!called) { ours = name[id] == program }
            next
        }
        /^calls=/ { skip = 1; next } # the next line is the callee, inclusive
        /^[+*0-9-]/ { if (!skip && ours) { sum += $2 } skip = 0 }
        END { print sum + 0 }' "$out"
}

measure() {
    local few many
    few=$(count "$1" 1000)
    many=$(count "$1" 3000)
    echo $(((many - few) / 2000))
}

rc=0
: > "$work/new"
for operation in seal open rewrap; do
    now=$(measure "$operation")
    if [ -e "$work/no_aes" ]; then
        echo "budget: skipped, valgrind offers no AES instructions here"
        exit 0
    fi
    echo "$operation $now" >> "$work/new"
    was=$(awk -v o="$operation" '$1 == o { print $2 }' "$budget" 2> /dev/null || true)
    if [ "${1:-}" = --update ] || [ -z "$was" ]; then
        echo "budget: $operation $now instructions"
    elif [ $((now * 100)) -gt $((was * 103)) ] ||
        [ $((now * 100)) -lt $((was * 97)) ]; then
        echo "budget: $operation takes $now instructions, the budget is $was (3 %);" \
            "if that is meant: make budget-update"
        rc=1
    else
        echo "budget: $operation $now instructions, budget $was"
    fi
done
if [ "${1:-}" = --update ]; then
    cp "$work/new" "$budget"
fi
exit $rc
