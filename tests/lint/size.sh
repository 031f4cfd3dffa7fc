#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A function longer than 60 lines or a C file longer than 600 fails; from 40
# and 400 on they are listed. Reads code as clang-format lays it out: the
# braces of a function, and nothing else, stand alone in the first column.
set -eu
cd "$(dirname "$0")/../.."

find ext tests bench -name '*.[ch]' | sort | xargs awk '
function judge(what, size, warn, limit) {
    if (size > limit) {
        printf "size: %s: %d lines, over %d\n", what, size, limit
        found = 1
    } else if (size > warn) {
        printf "size: %s: %d lines (over %d, allowed)\n", what, size, warn
    }
}
function end_file() { if (file != "") judge(file, lines, 400, 600) }
FNR == 1 { end_file(); file = FILENAME; start = 0; inside = 0 }
{ lines = FNR }
# the first line of a signature, the one that holds the name
/^[A-Za-z_].*\(/ && !inside { start = FNR; name = $0; sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name) }
/^\{$/ { inside = 1 }
/^\}/ && inside {
    judge(file ":" start ": " name "()", FNR - start + 1, 40, 60)
    inside = 0; functions++
}
END {
    end_file()
    if (!found) printf "size: %d functions, none over 60 lines\n", functions
    exit found
}' /dev/null
