# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# Two hosts in network namespaces and a secd on each, for the demo:
# sourced, at the top of the tree, as root.  The addresses are those of
# etc/secd.conf.sample.
#
#        customer ($left)                      provider ($right)
#        sec0 169.254.229.42/30  ==========>   sec0 169.254.229.41/30
#        wan  192.0.2.8          -----------   wan  198.51.100.14
#
# Everything lives below $dir, in the two namespaces, and in the processes whose
# ids are in $pids; pair_end takes all of it away, at every exit.

left=secd-$$-customer
right=secd-$$-provider
left_wan=192.0.2.8
right_wan=198.51.100.14
left_sec=169.254.229.42
right_sec=169.254.229.41
pids=
dir=

pair_end()
{
	pair_status=$?
	trap '' HUP INT TERM
	for pid in $pids; do
		kill "$pid" 2>/dev/null || :
	done
	for pid in $pids; do
		wait "$pid" 2>/dev/null || :
	done
	for ns in "$left" "$right"; do
		ip netns delete "$ns" 2>/dev/null || :
	done
	[ -z "$dir" ] || rm -rf "$dir"
	exit $pair_status
}

pair_fail()
{
	for log in "$dir"/*.log; do
		[ -s "$log" ] && sed "s|^|$(basename "$log"): |" "$log" >&2
	done
	echo "failed: $*" >&2
	exit 1
}

# Until the command succeeds, at most 5 seconds.
pair_wait()
{
	i=0
	until "$@" >/dev/null 2>&1; do
		i=$((i + 1))
		[ $i -lt 100 ] || return 1
		sleep 0.05
	done
}

pair_begin()
{
	if [ "$(id -u)" -ne 0 ]; then
		echo "network namespaces need root" >&2
		exit 1
	fi
	if [ ! -c /dev/net/tun ]; then
		echo "/dev/net/tun is missing: modprobe tun, or give it to the" \
		    "container (--device /dev/net/tun)" >&2
		exit 1
	fi
	trap pair_end EXIT
	trap 'exit 130' INT
	trap 'exit 143' HUP TERM

	# copies in a directory of root's: the parent gives up the right to
	# read what is not its own; /run may be noexec
	for parent in /run /tmp; do
		dir=$(mktemp -d "$parent/secd.XXXXXX") || continue
		install -m 755 secd/secd secctl/secctl "$dir" &&
		    "$dir/secd" -V >/dev/null && break
		rm -rf "$dir"
		dir=
	done
	[ -n "$dir" ] || pair_fail "neither /run nor /tmp takes programs"
	chmod 755 "$dir"

	ip netns add "$left"
	ip netns add "$right"
	ip -n "$left" link add wan type veth peer name wan netns "$right"
	for ns in "$left" "$right"; do
		ip netns exec "$ns" sh -c '
		    echo 1 >/proc/sys/net/ipv6/conf/wan/disable_ipv6' \
		    2>/dev/null || :
		ip -n "$ns" link set lo up
		ip -n "$ns" link set wan up
	done
	ip -n "$left" address add "$left_wan" peer "$right_wan" dev wan
	ip -n "$right" address add "$right_wan" peer "$left_wan" dev wan
}

# pair_secd NAMESPACE NAME LOCAL PEER INNER INNER-PEER MTU
pair_secd()
{
	mkdir -m 755 "$dir/$2"
	cat >"$dir/$2/secd.conf" <<END
state directory "$dir/$2/state"
interface sec0 {
	description "demo, $2"
	local $3 peer $4
	inet $5/30 $6
	mtu $7
}
END
	ip netns exec "$1" "$dir/secd" -d -f "$dir/$2/secd.conf" \
	    -r "$dir/$2/run" 2>"$dir/$2.log" &
	pids="$pids $!"
}

# ctl customer|provider WORD ...
ctl()
{
	pair_name=$1
	shift
	"$dir/secctl" -s "$dir/$pair_name/run/control.sock" "$@"
}

# pair_tunnel MTU: both daemons, with no SA yet.
pair_tunnel()
{
	pair_secd "$left" customer $left_wan $right_wan $left_sec \
	    $right_sec "$1"
	pair_secd "$right" provider $right_wan $left_wan $right_sec \
	    $left_sec "$1"
	for name in customer provider; do
		pair_wait ctl $name show process ||
		    pair_fail "secd of the $name does not answer"
	done
}

# pair_sa SPI FROM TO SOURCE DESTINATION: one direction, one fresh key.
pair_sa()
{
	(umask 077 && "$dir/secctl" genkey aes-256-gcm >"$dir/key.$1")
	ctl "$3" add sa sec0 in spi "$1" src "$4" dst "$5" \
	    enc aes-256-gcm key file "$dir/key.$1"
	ctl "$2" add sa sec0 out spi "$1" src "$4" dst "$5" \
	    enc aes-256-gcm key file "$dir/key.$1"
}
