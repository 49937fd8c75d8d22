#!/bin/sh
# SPDX-License-Identifier: ISC
#
# check.sh [PROGRAM ...]: everything that must pass, in one run of prove: these
# unit tests, and every *.t below tests.  Called by `make check' at the top of
# the tree.
#
# The daemon under test is a copy in a directory of root's, since the parent
# drops the right to read what is not its own.

set -u

if [ "$(id -u)" -ne 0 ]; then
	echo "check: makes network namespaces and needs root: sudo make check" >&2
	exit 1
fi
# /run may be mounted noexec, /tmp is what is left then.
for dir in /run /tmp; do
	copies=$(mktemp -d "$dir/secd-check.XXXXXX") || continue
	install -m 755 secd/secd secctl/secctl "$copies" &&
	    "$copies/secd" -V >/dev/null && break
	rm -rf "$copies"
	copies=
done
if [ -z "$copies" ]; then
	echo "check: neither /run nor /tmp takes programs" >&2
	exit 1
fi
trap 'rm -rf "$copies"' EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM
chmod 755 "$copies"
SECD=$copies/secd
SECCTL=$copies/secctl
HOOK_LEDGER=$PWD/tests/lib/hook_ledger.so
export SECD SECCTL HOOK_LEDGER

# The long ones first, so that none of them is left alone at the end.
long="tests/net/reset.t tests/net/rekey.t tests/net/share4500.t"
long="$long tests/net/survive.t tests/net/natt.t tests/net/uml.t"
for file in tests/fuzz/*.t; do
	long="$long $file"
done
short=
for file in tests/net/*.t tests/config/*.t tests/ctl/*.t tests/service/*.t \
    tests/lint/*.t; do
	case " $long " in
	*" $file "*) ;;
	*) [ -e "$file" ] && short="$short $file" ;;
	esac
done

echo "==> prove: each program's own output is kept in build/check"
# shellcheck disable=SC2086 # lists
prove -j "${JOBS:-2}" --timer --failures --exec tests/lib/run \
    $long $short "$@"
