#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The manual pages: clean by mandoc's own judgement, and true to the programs
# where a program can be asked.

cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

for page in man/esp.3 man/esp_offload.3 man/sec.4 man/secctl.8 \
    man/secd-run.8 man/secd.8 man/secd.conf.5; do
	sh tests/lint/man.sh "$page" >"$dir/got" 2>&1
	same /dev/null "$dir/got" "$page: mandoc -Tlint has no remark"
done
n=$(find man -type f | wc -l)
[ "$n" -eq 7 ]
ok $? "all $n pages are looked at"

# Pages refer only to pages that are there, here or in section 0.
known="esp.3 esp_offload.3 sec.4 secctl.8 secd-run.8 secd.8 secd.conf.5"
sed -n 's/^\.Xr \([^ ]*\) \([0-9]\).*/\1.\2/p' man/*.[0-9] | sort -u |
while read -r xr; do
	case " $known " in
	*" $xr "*) continue ;;
	esac
	case $xr in
	secd* | secctl* | esp* | sec.*) echo "$xr" ;;
	esac
done >"$dir/got"
same /dev/null "$dir/got" "no page of ours that is not there is named"

# Each option of usage() has its item.
secd=${SECD:-secd/secd}
"$secd" -? 2>&1 | sed -n "s/^usage: //p" | grep -o -- "-[A-Za-z]*" | tr -d "\n-" |
    fold -w 1 | sort -u >"$dir/usage"
sed -n '/^\.Sh DESCRIPTION/,/^\.Sh/s/^\.It Fl \([A-Za-z]\).*/\1/p' \
    man/secd.8 | sort -u >"$dir/items"
same "$dir/usage" "$dir/items" "secd.8 has the options that secd has"
shim/secd-run -h | grep -o -- "\[-[A-Za-z]*" | tr -d "\n[-" | fold -w 1 |
    sort -u >"$dir/usage"
sed -n '/^\.Sh DESCRIPTION/,/^\.Sh/s/^\.It Fl \([A-Za-z]\).*/\1/p' \
    man/secd-run.8 | sort -u >"$dir/items"
same "$dir/usage" "$dir/items" "secd-run.8 has the options that secd-run has"

done_testing
