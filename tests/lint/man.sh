#!/bin/sh
# SPDX-License-Identifier: ISC
#
# man.sh PAGE ...: mandoc's remarks on the pages, style included, but for one
# kind: whether pages referred to are installed says nothing of these.

status=0
out=$(mandoc -Tlint -W all "$@" 2>&1) || :
out=$(printf '%s\n' "$out" | grep -v \
    -e '^$' -e ': STYLE: referenced manual not found: ' \
    -e ': outdated mandoc.db lacks ')
[ -z "$out" ] || { echo "$out"; status=1; }
exit $status
