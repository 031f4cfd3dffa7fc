#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The top level stays as small as it is.
set -eu
cd "$(dirname "$0")/../.."

stray=$(git ls-files | cut -d/ -f1 | sort -u |
    grep -vxE 'ext|sql|tests|bench|Makefile|README\.md|LICENSE|\..*' || true)
if [ -n "$stray" ]; then
    echo "$stray" | sed 's/^/toplevel: does not belong there: /'
    exit 1
fi
echo "toplevel: nothing but what belongs there"
