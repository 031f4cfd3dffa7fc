#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Calls that have no place in ext/, and // comments anywhere. A call that is
# right all the same says so beside it, on its line or one of the next two:
#     memcmp(a, b, n) /* lint: memcmp on public bytes */
set -eu
cd "$(dirname "$0")/../.."

# Not in constant time; unbounded; not thread-safe; predictable; leave copies
# of secrets behind; write to a terminal that is the application's; run a
# shell; believe the environment of a set-user-ID program. The heap of layers
# that know SQLite is SQLite's; those below allocate nothing.
calls='memcmp bcmp
strcpy strcat stpcpy strncpy strncat sprintf vsprintf gets strtok scanf sscanf
fscanf atoi atol atoll alloca
localtime gmtime getpwuid getpwnam
rand srand random drand48
malloc calloc realloc reallocarray strdup strndup free bzero
printf fprintf vprintf vfprintf dprintf puts fputs putchar perror
system popen
getenv setenv putenv
setjmp longjmp signal exit abort'

find ext tests bench -name '*.[ch]' | sort | xargs awk -v calls="$calls" '
function report(word, why,    i) {
    for (i = n; i <= n + 2; i++)
        if (index(raw[i], "lint: " word)) return
    printf "banned: %s:%d: %s\n", file, n, why
    found = 1
}
# the code of one line: without comments, and without what strings hold
function code(s,    out, c, two, i) {
    out = ""
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1); two = substr(s, i, 2)
        if (in_comment) {
            if (two == "*/") { in_comment = 0; i++ }
        } else if (quote != "") {
            if (c == "\\") i++
            else if (c == quote) { quote = ""; out = out c }
        } else if (two == "/*") {
            in_comment = 1; i++; out = out " "
        } else {
            if (c == "\"" || c == "\047") quote = c
            out = out c
        }
    }
    quote = ""
    return out
}
function check(    i, text) {
    in_comment = 0
    for (n = 1; n <= lines; n++) {
        text = code(raw[n])
        if (text ~ /\/\//) report("//", "a // comment; use /* */")
        if (file !~ /^ext\//) continue
        for (i = 1; i <= words; i++)
            if (text ~ "(^|[^A-Za-z0-9_])" word[i] "[ ]*\\(")
                report(word[i], word[i] "()")
        if (file != "ext/base/status.c" && \
            text ~ /(^|[^A-Za-z0-9_])vsnprintf[ ]*\(/)
            report("vsnprintf", "vsnprintf(): use ee_fail()")
    }
    for (i in raw) delete raw[i]
    files++
}
BEGIN { words = split(calls, word, "[ \n]+") }
FNR == 1 { if (NR > 1) check(); file = FILENAME; lines = 0 }
{ raw[++lines] = $0 }
END {
    if (NR > 0) check()
    if (!found) printf "banned: %d files, no banned call\n", files
    exit found
}' /dev/null
