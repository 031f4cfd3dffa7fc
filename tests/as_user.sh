#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Runs the tests as a user who is not root, in a copy of the tree that is
# theirs: whom permissions bind, who may lock little memory, and who cannot
# mount or give files away.
#
#   tests/as_user.sh envelope.so [part of a test's name] -- PROGRAM...
#
# Called by somebody who is not root, `make test` has done it already.
set -eu
user=nobody

cd "$(dirname "$0")/.."
so=$1
filter=
shift
if [ "$1" != -- ]; then
    filter=$1
    shift
fi
shift

if [ "$(id -u)" -ne 0 ]; then
    echo "as_user: not root; make test is the same"
    exit 0
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/tree" "$copy/tmp"
tar -c --exclude=./.git --exclude=./build . | tar -x -C "$copy/tree"
tar -c --exclude='*.o' "$so" build/release/tests | tar -x -C "$copy/tree"
if [ -d ../shared ]; then
    cp -r ../shared "$copy/shared"
fi
chown -R "$user:" "$copy"
cd "$copy/tree"
setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups \
    env HOME="$copy/tmp" TMPDIR="$copy/tmp" USER="$user" \
    EE_TOOLS="$PWD/build/release/tests/tools" \
    "${PYTHON:-/usr/bin/python3}" tests/run.py --extension "$so" \
    --jobs "${JOBS:-2}" --filter "$filter" "$@"
