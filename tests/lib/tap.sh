# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# TAP for tests in sh: sourced.  ok STATUS TEXT for each check (0 is good),
# same WANT GOT TEXT for two files, done_testing at the end.  A directory $dir
# is made, and removed at every exit after cleanup, if the test defines it.

tap_count=0
tap_failed=0

dir=$(mktemp -d) || exit 1

tap_end()
{
	tap_status=$?
	if command -v cleanup >/dev/null; then
		cleanup
	fi
	rm -rf "$dir"
	exit $tap_status
}
trap tap_end EXIT
trap 'exit 130' INT
trap 'exit 143' HUP TERM

ok()
{
	tap_count=$((tap_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_count - $2"
	else
		echo "not ok $tap_count - $2"
		tap_failed=1
	fi
}

same()
{
	diff -u "$1" "$2" >"$dir/diff"
	ok $? "$3"
	sed 's/^/# /' "$dir/diff"
}

# Show a file as comments.
note()
{
	sed 's/^/# /' "$1"
}

done_testing()
{
	echo "1..$tap_count"
	exit $tap_failed
}

# Our own make, free of what the one that runs the tests left behind.
run_make()
{
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL "${MAKE:-make}" "$@"
}
