#!/bin/bash
# SPDX-License-Identifier: ISC
#
# The systemd unit and the sysusers file, on an installed tree.  No systemd
# need run here; so secd is also started with what the unit leaves it, and must
# say that it is ready.

if [ "$1" != inside ]; then
	exec unshare --net --mount --pid --fork --kill-child --mount-proc \
	    "$0" inside
fi
cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

secd_pid=
cleanup()
{
	[ -z "$secd_pid" ] || kill -KILL "$secd_pid" || :
}

run_make -s install PREFIX="$dir/usr" SYSCONFDIR="$dir/etc" >"$dir/log" 2>&1
ok $? "installed"
note "$dir/log"
chmod 755 "$dir"
system=$dir/usr/lib/systemd/system
unit=$system/secd.service

SYSTEMD_LOG_TARGET=console systemd-analyze verify --man=no "$unit" \
    >"$dir/log" 2>&1
ok $? "systemd-analyze verify"
same /dev/null "$dir/log" "verify has no remark"
# shellcheck disable=SC2013 # words, not lines
for page in $(sed -n 's/^Documentation=//p' "$unit"); do
	name=${page#man:}
	section=${name#*(}
	section=${section%)}
	[ -f "$dir/usr/share/man/man$section/${name%(*}.$section" ]
	ok $? "the unit's $name is installed"
done

# Debian's openiked with our drop-in: what is installed, whole and believed.
dropin=openiked.service.d/secd.conf
verify()
{
	SYSTEMD_LOG_TARGET=console SYSTEMD_UNIT_PATH=$system: \
	    systemd-analyze verify --man=no openiked.service >"$dir/log" 2>&1
}
verify
ok $? "systemd-analyze verify: openiked with $dropin"
same /dev/null "$dir/log" "verify has no remark"
echo 'Nonsense=yes' >>"$system/$dropin"
verify
grep -q "$dropin:.*Nonsense" "$dir/log"
ok $? "verify looks at it"
lib=$(sed -n 's/^Environment=LD_PRELOAD=//p' "$system/$dropin")
[ "$lib" = "$dir/usr/lib/secd/libsecpfkey.so" ] && [ -f "$lib" ]
ok $? "the library that it names is installed"

systemd-analyze security --offline=yes --threshold=35 --no-pager "$unit" \
    >"$dir/log" 2>&1
ok $? "exposure is at most 3.5: $(sed -n 's/.*: \([0-9.]* [A-Z]*\).*/\1/p' \
    "$dir/log" | tail -n 1)"

mkdir -p "$dir/root/etc"
for try in 1 2; do
	systemd-sysusers --root="$dir/root" \
	    "$dir/usr/lib/sysusers.d/secd.conf" >"$dir/log" 2>&1
	ok $? "systemd-sysusers, run $try"
done
grep -Eq '^_secd:[^:]*:[0-9]+:[0-9]+:[^:]*:/:[^:]*nologin$' \
    "$dir/root/etc/passwd" &&
    grep -q '^_secd-admin:' "$dir/root/etc/group"
ok $? "user _secd without a shell, group _secd-admin"
[ "$(grep -c _secd "$dir/root/etc/passwd")" -eq 1 ]
ok $? "made once"

# --- secd with the unit's capabilities, limits and a notify socket ---

caps=$(sed -n 's/^CapabilityBoundingSet=//p' "$unit" | tr -s ' \n' ',,' |
    sed -e 's/,$//' -e 's/CAP_/+/g' | tr '[:upper:]' '[:lower:]')
cat >"$dir/secd.conf" <<END
state directory "$dir/state"
interface sec0 {
	local 192.0.2.8 peer 198.51.100.14
	inet 169.254.229.42/30 169.254.229.41
}
END
cat >"$dir/listen.py" <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
s.settimeout(10)
try:
    while True:
        got = s.recv(4096).decode()
        print(got, flush=True)
        if "READY=1" in got.split("\n"):
            break
except TimeoutError:
    sys.exit(1)
END

ctl()
{
	"$dir/usr/sbin/secctl" -s "$dir/run/control.sock" "$@"
}

# begin COMMAND ...: secd by way of the command, until it says READY=1.
begin()
{
	rm -f "$dir/notify"
	/usr/bin/python3 "$dir/listen.py" "$dir/notify" >"$dir/said" 2>&1 &
	listener=$!
	i=0
	while [ ! -S "$dir/notify" ] && [ $i -lt 100 ]; do
		sleep 0.05
		i=$((i + 1))
	done
	NOTIFY_SOCKET=$dir/notify "$@" "$dir/usr/sbin/secd" -d \
	    -f "$dir/secd.conf" -r "$dir/run" >"$dir/log" 2>&1 &
	secd_pid=$!
	wait $listener
}

end()
{
	kill "$secd_pid"
	wait "$secd_pid"
	status=$?
	secd_pid=
	return $status
}

held()
{
	sed -n 's/^CapPrm:[[:space:]]*//p' "/proc/$secd_pid/status"
}

umask 077
# the unit's LimitMEMLOCK=, where this machine lets us have it
ulimit -l unlimited 2>/dev/null || :

begin env
ok $? "READY=1 from a secd with every right"
note "$dir/log"
all=$(held)
end
ok $? "SIGTERM: a clean end"

begin setpriv --bounding-set "-all,$caps" --no-new-privs
ok $? "READY=1 from secd with $caps and no new privileges"
note "$dir/log"
[ "$(held)" = "$all" ]
ok $? "the unit leaves the parent what it keeps for itself: $all"
left=$(setpriv --bounding-set "-all,$caps" --no-new-privs \
    sed -n 's/^CapPrm:[[:space:]]*//p' /proc/self/status)
[ "$left" = "$all" ]
ok $? "and nothing that it drops: $left"
! grep -q 'children' "$dir/log" &&
    { [ "$(ulimit -l)" != unlimited ] || ! grep -q memory "$dir/log"; }
ok $? "no protection is lost (locked memory: $(ulimit -l))"
ctl show process >/dev/null
ok $? "secctl talks to it"
ctl reload
ok $? "the unit's reload succeeds"
echo 'nonsense' >>"$dir/secd.conf"
! ctl reload 2>"$dir/err"
ok $? "the unit's reload fails with a bad file"
note "$dir/err"
end
ok $? "SIGTERM: a clean end"

done_testing
