#!/bin/sh
# SPDX-License-Identifier: MIT
#
# build/envelope.so exports its entry points only, and does not link SQLite: it
# uses the copy of the application that loads it. A module beside it exports one
# function, and has no use for SQLite at all. What modules link, the core does
# without.
set -eu
cd "$(dirname "$0")/../.."
rc=0

# exported SO PATTERN NEEDED: these symbols and no more, the last of them surely
exported() {
    symbols=$(nm -D --defined-only "$1" | awk '{ print $NF }')
    stray=$(echo "$symbols" | grep -vxE "$2" || true)
    if [ -n "$stray" ]; then
        echo "$stray" | sed "s|^|exports: $1: not an entry point: |"
        rc=1
    fi
    if ! echo "$symbols" | grep -qx "$3"; then
        echo "exports: $1: $3 is missing"
        rc=1
    fi
    echo "exports: $1: $(echo "$symbols" | tr '\n' ' ')"
}

# links SO LIBRARY...: none of these
links_none() {
    so=$1
    shift
    for lib in "$@"; do
        if objdump -p "$so" | grep -q "NEEDED.*lib$lib"; then
            echo "exports: $so links lib$lib"
            rc=1
        fi
    done
}

exported build/envelope.so 'sqlite3_[a-z_]*_?init' sqlite3_envelope_init
links_none build/envelope.so sqlite3 curl jansson p11-kit
for module in build/envelope_*.so; do
    [ -e "$module" ] || continue
    exported "$module" envelope_module_providers envelope_module_providers
    links_none "$module" sqlite3
    if ! readelf -d "$module" | grep -q NODELETE; then
        echo "exports: $module may be unloaded: link it with -z nodelete"
        rc=1
    fi
done
exit $rc
