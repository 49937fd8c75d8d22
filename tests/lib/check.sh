#!/bin/sh
# SPDX-License-Identifier: ISC
#
# check.sh [PROGRAM ...]: everything that must pass, in one run of prove: these
# unit tests, and every *.t below tests.  Called by `make check' at the top of
# the tree.
#
# check.sh -n: the network tests alone, for another round with other settings
# (TEST_WORKERS, TEST_OFFLOAD, TEST_CRYPTO; tests/net/daemon.py).  What they do
# not touch, or sets them itself, is left out.
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
if [ "${1:-}" = -n ]; then
	shift
	others=
	without=" tests/net/threads.t tests/net/settings.t tests/net/scale.t"
	without="$without tests/net/shim.t tests/net/hostile.t "
else
	for file in tests/fuzz/*.t; do
		long="$long $file"
	done
	long="$long tests/net/threads.t tests/net/scale.t"
	others="tests/config/*.t tests/ctl/*.t tests/service/*.t tests/lint/*.t"
	without=
fi
short=
# shellcheck disable=SC2086 # patterns
for file in tests/net/*.t $others; do
	case " $long $without" in
	*" $file "*) ;;
	*) [ -e "$file" ] && short="$short $file" ;;
	esac
done

echo "==> prove: each program's own output is kept in build/check"
# shellcheck disable=SC2086 # lists
prove -j "${JOBS:-2}" --timer --failures --exec tests/lib/run \
    $long $short "$@"
