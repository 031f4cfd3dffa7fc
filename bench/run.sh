#!/bin/bash
# SPDX-License-Identifier: MIT
#
# run.sh: all benchmarks, one after the other. ROWS=N for another table size;
# SCALE=1 adds the comparison of 100,000 and 10,000,000 rows.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

echo '== plain C, against the limit loop and the libraries'
"$EE_BENCH/envelope"
echo
echo '== SQL'
"$EE_BENCH/sql" "${ROWS:-1000000}"
if [ -n "${SCALE:-}" ]; then
    echo
    echo '== SQL, a large table and a small one'
    "$EE_BENCH/scale" 100000 10000000
fi
echo
echo '== a key for each data subject'
"$EE_BENCH/subjects" "${ROWS:-1000000}"
echo
echo '== starting the shell'
bash "$here/startup.sh"
