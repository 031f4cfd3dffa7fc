#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A file in ext/<layer>/ includes only its own and lower layers, and a library
# is reached from the files that are there to reach it. To move a border,
# change the tables below and the map in ext/README.md.
set -eu
cd "$(dirname "$0")/../.."

# layer: the layers it may include besides itself. envelope and provider know
# nothing of each other; keys joins them. kms and pkcs11 are modules, files of
# their own (Makefile), and have no use for SQLite.
below='
base:
crypto: base
envelope: base crypto
db: base
provider: base crypto db
kms: base crypto
pkcs11: base crypto
keys: base crypto envelope provider db
columns: base crypto envelope provider db keys
sqlite: base crypto envelope provider db keys columns
'

# header (a prefix): the files and folders that may include it
reach='
sqlite3ext.h: ext/db/sql.h ext/sqlite/entry.c
sqlite3.h:
openssl/: ext/crypto/ ext/kms/tls.c
sodium: ext/base/ ext/crypto/ ext/provider/keyring_crypto.c
curl/: ext/kms/
jansson: ext/kms/
p11-kit/: ext/pkcs11/
envelope_provider.h: ext/provider/ ext/kms/ ext/pkcs11/
schema_sql.h: ext/keys/
policy_sql.h: ext/keys/
seal_only_sql.h: ext/keys/
subjects_sql.h: ext/keys/
'

find ext -name '*.[ch]' -exec grep -Hn '^[[:space:]]*#[[:space:]]*include' {} + |
    sort -t : -k 1,1 -k 2,2n |
    awk -v below="$below" -v reach="$reach" '
function parse(text, table,    lines, i, n) {
    n = split(text, lines, "\n")
    for (i = 1; i <= n; i++)
        if (match(lines[i], /^[^ ]*:/))
            table[substr(lines[i], 1, RLENGTH - 1)] = \
                substr(lines[i], RLENGTH + 1) " "
}
function bad(why) {
    printf "layers: %s:%s: %s\n", file, line, why
    found = 1
}
BEGIN { parse(below, lower); parse(reach, allowed) }
{
    split($0, at, ":"); file = at[1]; line = at[2]
    count++
    split(file, dir, "/"); layer = dir[2]
    if (file ~ /^ext\/[^\/]*$/) layer = ""     # ext/envelope_provider.h
    header = $0
    sub(/^[^<"]*[<"]/, "", header); sub(/[>"].*/, "", header)

    for (prefix in allowed) {
        if (index(header, prefix) != 1) continue
        n = split(allowed[prefix], who, " "); ok = 0
        for (i = 1; i <= n; i++) if (index(file, who[i]) == 1) ok = 1
        if (!ok)
            bad("includes " header ", which only" \
                (n ? allowed[prefix] : " nothing ") "may")
        next
    }
    if ($0 !~ /include[ \t]*"/) next           # some system header
    if (layer != "" && !(layer in lower)) {
        bad("is in an unknown layer, " layer)
        next
    }
    target = header
    if (!sub(/\/.*/, "", target)) {
        bad("includes \"" header "\" without its layer")
    } else if (target != layer && !index(" " lower[layer], " " target " ")) {
        bad("includes " header ": " (layer == "" ? "a public header" : layer) \
            " may not use " target)
    }
}
END {
    if (!found) printf "layers: %d includes, all downwards\n", count
    exit found
}'
