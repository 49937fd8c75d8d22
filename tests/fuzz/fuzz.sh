#!/bin/sh
# SPDX-License-Identifier: ISC
#
# fuzz.sh NAME: runs tests/fuzz/fuzz_NAME for FUZZ_SECONDS (20) from a copy of
# its corpus, as TAP.  What makes it fail is kept in build/fuzz.

name=$1
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
keep=$top/build/fuzz
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$keep" "$work/corpus" || exit 1

ok()
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
	fi
}

n=0
echo "1..3"
files=$(find "$here/corpus/$name" -type f | wc -l)
[ "$files" -gt 0 ]
ok $? "$name: a committed corpus of $files files"

# Each file alone first: what was found once must not come back.
"$here/fuzz_$name" -runs=0 -timeout=5 -artifact_prefix="$keep/$name-" \
    "$here/corpus/$name" >"$work/log" 2>&1
status=$?
ok $status "$name: the corpus passes"
[ $status -eq 0 ] || sed 's/^/# /' "$work/log"

"$here/fuzz_$name" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=5 \
    -rss_limit_mb=1024 -print_final_stats=1 -artifact_prefix="$keep/$name-" \
    "$work/corpus" "$here/corpus/$name" >"$work/log" 2>&1
status=$?
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log")
[ $status -eq 0 ] && [ "${runs:-0}" -gt 100 ]
ok $? "$name: ${runs:-0} inputs in ${FUZZ_SECONDS:-20} s, no complaint"
[ $status -eq 0 ] || tail -n 60 "$work/log" | sed 's/^/# /'
