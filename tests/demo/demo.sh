#!/bin/sh
# SPDX-License-Identifier: ISC
#
# The main job, for a person to watch: two hosts, a tunnel, ping and TCP through
# it, what an eavesdropper sees and what the hosts see, and secd's own account.
# Run by `make demo' at the top of the tree; leaves nothing behind.

set -eu
. tests/lib/pair.sh

bold=
plain=
if [ -t 1 ]; then
	bold=$(printf '\033[1m')
	plain=$(printf '\033[0m')
fi

title()
{
	printf '\n%s== %s%s\n' "$bold" "$*" "$plain"
}

# Show a command, then run it.
show()
{
	echo "\$ $*"
	"$@"
}

pair_begin
title "Two hosts, in network namespaces"
cat <<END
    customer                                provider
    sec0  $left_sec/30   = tunnel =    sec0  $right_sec/30
    wan   $left_wan           - wire -     wan   $right_wan
END

title "A secd on each: devices are there, closed, as no SA is"
pair_tunnel 1400
sed "s|^|    |" "$dir/customer/secd.conf"
show ip -n "$left" -brief address show
echo "\$ ping $right_sec, before there are SAs"
if ip netns exec "$left" ping -c 1 -W 1 $right_sec; then
	pair_fail "a packet came through a tunnel without SAs"
fi

# Both ends of the capture run to the end; what is counted is all there was.
for place in wan sec0; do
	ip netns exec "$left" tcpdump -Z root -n -s 120 -B 8192 -U -i $place \
	    -w "$dir/$place.pcap" 2>"$dir/tcpdump-$place.log" &
	pids="$pids $!"
	eval "tcpdump_$place=\$!"
	pair_wait grep -q 'listening on' "$dir/tcpdump-$place.log" ||
	    pair_fail "tcpdump does not start"
done

title "One key and one SA for each direction, on both hosts"
echo '$ secctl genkey aes-256-gcm >key.0x1002'
echo "\$ secctl add sa sec0 out spi 0x1002 src $left_wan dst $right_wan \\"
echo '    enc aes-256-gcm key file key.0x1002    # and "in" at the other end'
pair_sa 0x1002 customer provider $left_wan $right_wan
pair_sa 0x1001 provider customer $right_wan $left_wan

title "Ping through the tunnel"
text=$(printf 'cleartext!' | od -An -tx1 | tr -d ' \n')
echo "\$ ping -c 4 -p $text $right_sec    # \"cleartext!\" in each packet"
ip netns exec "$left" ping -c 4 -i 0.2 -p "$text" $right_sec ||
    pair_fail "no answer through the tunnel"

title "TCP through the tunnel, 4 seconds"
ip netns exec "$right" iperf3 -s -1 -B $right_sec >"$dir/iperf3.log" 2>&1 &
pids="$pids $!"
pair_wait sh -c "ip netns exec $right ss -Hltn | grep -q :5201" ||
    pair_fail "iperf3 does not listen"
echo "\$ iperf3 -c $right_sec -t 4"
ip netns exec "$left" iperf3 -c $right_sec -t 4 -i 1 ||
    pair_fail "TCP does not get through the tunnel"

# What tcpdump still has in its buffer is written when it ends.
# shellcheck disable=SC2154 # set by eval
kill "$tcpdump_wan" "$tcpdump_sec0"
# shellcheck disable=SC2154
wait "$tcpdump_wan" "$tcpdump_sec0" || :

title "Inside, on sec0: cleartext"
tcpdump -n -t -r "$dir/sec0.pcap" -A -c 2 icmp 2>/dev/null | cut -c 1-100
title "Outside, on the wire: the same two packets, ESP and nothing else"
tcpdump -n -t -r "$dir/wan.pcap" -A -c 2 esp 2>/dev/null |
    LC_ALL=C tr -c '[:print:]\n' . | cut -c 1-100
count()
{
	tcpdump -n -r "$dir/wan.pcap" "$1" 2>/dev/null | wc -l
}
esp=$(count esp)
arp=$(count arp)
other=$(count 'not esp and not arp')
echo "captured outside: $esp ESP, $arp ARP, $other other"
# Fragments after the first show no ESP header to tcpdump; there are none, as
# 1400 octets and ESP fit into 1500.
if [ "$esp" -le 100 ] || [ "$other" -ne 0 ]; then
	pair_fail "something other than ESP was on the wire"
fi
if LC_ALL=C grep -aq 'cleartext!' "$dir/wan.pcap"; then
	pair_fail "cleartext was on the wire"
fi

title "What secd says (customer)"
for what in interfaces sa drops process; do
	echo "\$ secctl show $what"
	ctl customer show $what
done

title "Stopped: the device stays and lets nothing out"
echo '$ secctl stop'
ctl customer stop
pair_wait sh -c "ip -n $left link show sec0 | grep -q NO-CARRIER" ||
    pair_fail "sec0 still has its carrier"
show ip -n "$left" -brief link show sec0
echo "(removed with the demo's namespaces)"
printf '\n%sThe tunnel carried it all.%s\n' "$bold" "$plain"
