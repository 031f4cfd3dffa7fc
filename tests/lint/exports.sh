#!/bin/sh
# SPDX-License-Identifier: MIT
#
# build/envelope.so exports its entry points only, and does not link SQLite:
# it uses the copy of the application that loads it.
set -eu
cd "$(dirname "$0")/../.."
so=build/envelope.so

rc=0
symbols=$(nm -D --defined-only $so | awk '{ print $NF }')
stray=$(echo "$symbols" | grep -vxE 'sqlite3_[a-z_]*_?init' || true)
if [ -n "$stray" ]; then
    echo "$stray" | sed 's/^/exports: not an entry point: /'
    rc=1
fi
if ! echo "$symbols" | grep -qx sqlite3_envelope_init; then
    echo "exports: sqlite3_envelope_init is missing"
    rc=1
fi
if objdump -p $so | grep -q 'NEEDED.*libsqlite3'; then
    echo "exports: $so links libsqlite3"
    rc=1
fi
[ $rc -ne 0 ] || echo "exports: $(echo "$symbols" | tr '\n' ' ')and no more"
exit $rc
