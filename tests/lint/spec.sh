#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Every rule of ext/envelope/FORMAT.md is cited by the code that keeps it
# ("FORMAT R12", "FORMAT R1 to R6", "FORMAT R8, R20 and R22") or has a vector
# ("rule: R12"). A citation of a rule that is not there is an error too.
set -eu
cd "$(dirname "$0")/../.."
format=ext/envelope/FORMAT.md

{
    sed -n 's/^- \*\*\(R[0-9][0-9]*\)\*\*.*/rule \1/p' $format
    find tests/vectors -type f -exec \
        sed -n 's/^rule: *\(R[0-9][0-9]*\).*/vector \1/p' {} + | sort -u
    # a comment can break a citation over two lines, so lines are joined
    find ext -name '*.[ch]' | sort | while read -r file; do
        echo "file $file"
        sed 's|^[[:space:]]*/*\*/*||' "$file" | tr '\n' ' ' | tr -s ' ' |
            grep -oE 'FORMAT R[0-9]+((,| and|, and| to| or) R[0-9]+)*' || true
    done
} | awk '
$1 == "rule" { known[$2] = 1; order[++rules] = $2; next }
$1 == "vector" {
    if (!($2 in known)) bad("a vector is of rule " $2)
    vector[$2] = 1
    next
}
$1 == "file" { file = $2; next }
{
    gsub(/,/, " ")
    for (i = 2; i <= NF; i++) {
        if ($i == "to" && i < NF) {
            first = substr($(i - 1), 2) + 0; last = substr($(i + 1), 2) + 0
            for (r = first; r <= last; r++) cited["R" r] = 1
        } else if ($i ~ /^R/) {
            if (!($i in known)) bad(file " cites " $i)
            cited[$i] = 1
        }
    }
}
function bad(what) {
    printf "spec: %s, which FORMAT.md does not have\n", what
    found = 1
}
END {
    if (rules == 0) { print "spec: found no rules in FORMAT.md"; exit 1 }
    for (i = 1; i <= rules; i++) {
        r = order[i]
        if (r in cited) c++
        if (r in vector) v++
        if (!(r in cited) && !(r in vector)) {
            printf "spec: %s has neither a citation in ext/ nor a vector\n", r
            found = 1
        }
    }
    printf "spec: %d rules, %d cited in ext/, %d with vectors\n", rules, c, v
    exit found
}'
