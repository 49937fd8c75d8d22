#!/bin/sh
# SPDX-License-Identifier: ISC
#
# One TCP stream through the tunnel beside one over the bare veth below it (whose
# segmentation offloads a tunnel does not have).  Prints a line each; decides
# nothing.  Run by `make bench' at the top of the tree.  SECONDS_EACH (5) is the length.

set -eu
. tests/lib/pair.sh

# rate NAME ADDRESS: Mbit/s as the receiver has it.
rate()
{
	ip netns exec "$right" iperf3 -s -1 -B "$2" >"$dir/iperf3.log" 2>&1 &
	server=$!
	pids="$pids $server"
	pair_wait sh -c "ip netns exec $right ss -Hltn | grep -q :5201" ||
	    pair_fail "iperf3 does not listen"
	ip netns exec "$left" iperf3 -c "$2" -t "${SECONDS_EACH:-5}" -f m \
	    >"$dir/client.log" 2>&1 || pair_fail "$1: iperf3 fails"
	wait "$server" || :
	awk -v name="$1" '/receiver$/ { for (i = 1; i < NF; i++)
	    if ($(i + 1) ~ /bits\/sec/)
		printf "%-36s %8s %s\n", name, $i, $(i + 1) }' "$dir/client.log"
}

pair_begin
pair_tunnel 1400
pair_sa 0x1002 customer provider $left_wan $right_wan
pair_sa 0x1001 provider customer $right_wan $left_wan

uname -srm
rate "veth" $right_wan
rate "secd, aes-256-gcm, mtu 1400" $right_sec
