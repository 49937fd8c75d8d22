#!/bin/sh
# SPDX-License-Identifier: ISC
#
# rc.d/secd as make install leaves it, under ksh with a stand-in rc.subr: each
# action, right and wrong.  In network and process namespaces of its own, since
# rc.d finds its daemon by name.

if [ "$1" != inside ]; then
	exec unshare --net --mount --pid --fork --kill-child --mount-proc \
	    "$0" inside
fi
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

cleanup()
{
	pkill -KILL -xf "secd: parent.*" || :
}

run_make -s install PREFIX="$dir/usr" SYSCONFDIR="$dir/etc" >"$dir/log" 2>&1 &&
    run_make -s install-OpenBSD PREFIX="$dir/usr" SYSCONFDIR="$dir/etc" \
    >>"$dir/log" 2>&1
ok $? "installed"
note "$dir/log"
chmod 755 "$dir"
sed "s|/etc/rc.d/rc.subr|$PWD/tests/service/rc.subr|" \
    "$dir/etc/rc.d/secd" >"$dir/rc"
chmod 755 "$dir/rc"
ksh -n "$dir/rc"
ok $? "ksh can read it"

conf=$dir/secd.conf
good()
{
	cat >"$conf" <<END
state directory "$dir/state"
interface sec0 {
	local 192.0.2.8 peer 198.51.100.14
	inet 169.254.229.42/30 169.254.229.41
	mtu $1
}
END
}
good 1300
secd_flags="-f $conf -r $dir/run"
export secd_flags

rc()
{
	ksh "$dir/rc" "$1" >"$dir/log" 2>&1
}

rc check
[ $? -eq 1 ]
ok $? "check: not running"
rc stop
ok $? "stop: nothing to stop"
rc configtest
ok $? "configtest: good"
note "$dir/log"
echo 'interface sec0 { mtu }' >"$conf"
rc configtest
[ $? -eq 1 ] && grep -q "^$conf:1: " "$dir/log"
ok $? "configtest: bad, with file and line"
note "$dir/log"
rc start
[ $? -eq 1 ] && ! pgrep -f '^secd: ' >/dev/null
ok $? "start: refused with a bad file, nothing runs"

good 1300
rc start
ok $? "start"
note "$dir/log"
rc check
ok $? "check: running"
pid=$(pgrep -xf 'secd: parent.*')
[ "$(pgrep -fc '^secd: ')" -eq 3 ]
ok $? "three processes"
[ "$(cat /sys/class/net/sec0/mtu 2>/dev/null || ip -o link show sec0 |
    sed 's/.* mtu \([0-9]*\).*/\1/')" = 1300 ]
ok $? "sec0 is there"
rc start
[ $? -eq 0 ] && [ "$(pgrep -xf 'secd: parent.*')" = "$pid" ]
ok $? "start: again, one secd is enough"

good 1320
rc reload
ok $? "reload"
note "$dir/log"
ip -o link show sec0 | grep -q ' mtu 1320 '
ok $? "reload: taken over before rc.d returns"
[ "$(pgrep -xf 'secd: parent.*')" = "$pid" ]
ok $? "reload: the same process"
echo 'interface sec0 { mtu 12 }' >"$conf"
rc reload
[ $? -eq 1 ] && ip -o link show sec0 | grep -q ' mtu 1320 '
ok $? "reload: refused with a bad file, nothing changed"

good 1340
rc restart
[ $? -eq 0 ] && [ "$(pgrep -xf 'secd: parent.*')" != "$pid" ] &&
    ip -o link show sec0 | grep -q ' mtu 1340 '
ok $? "restart: another process"
rc stop
[ $? -eq 0 ] && ! pgrep -f '^secd: ' >/dev/null
ok $? "stop: nothing runs any more"
ip link show sec0 >/dev/null 2>&1
ok $? "stop: sec0 stays, closed"
rc check
[ $? -eq 1 ]
ok $? "check: not running any more"

done_testing
