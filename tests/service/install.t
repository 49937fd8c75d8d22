#!/bin/sh
# SPDX-License-Identifier: ISC
#
# make install puts everything where it belongs and nowhere else, what is
# installed can be used, and make uninstall leaves nothing.

cd "$(dirname "$0")/../.." || exit 1
. tests/lib/tap.sh

# --- into a package: DESTDIR before every path, in no contents ---

dest=$dir/dest
run_make -s install DESTDIR="$dest" PREFIX=/opt/secd >"$dir/log" 2>&1
ok $? "make install DESTDIR PREFIX"
note "$dir/log"

(cd "$dest" && find . -type f -printf '%m %p\n' | sort -k 2) >"$dir/got"
cat >"$dir/want" <<END
644 ./opt/secd/include/esp.h
644 ./opt/secd/include/esp_offload.h
644 ./opt/secd/include/secd/net/pfkeyv2.h
644 ./opt/secd/include/secd/openbsd/net/pfkeyv2.h
644 ./opt/secd/lib/libesp.a
644 ./opt/secd/lib/pkgconfig/libesp.pc
755 ./opt/secd/lib/secd/libsecpfkey.so
644 ./opt/secd/lib/systemd/system/openiked.service.d/secd.conf
644 ./opt/secd/lib/systemd/system/secd.service
644 ./opt/secd/lib/sysusers.d/secd.conf
755 ./opt/secd/sbin/secctl
755 ./opt/secd/sbin/secd
755 ./opt/secd/sbin/secd-run
644 ./opt/secd/share/examples/secd/secd.conf.sample
644 ./opt/secd/share/man/man3/esp.3
644 ./opt/secd/share/man/man3/esp_offload.3
644 ./opt/secd/share/man/man4/sec.4
644 ./opt/secd/share/man/man5/secd.conf.5
644 ./opt/secd/share/man/man8/secctl.8
644 ./opt/secd/share/man/man8/secd-run.8
644 ./opt/secd/share/man/man8/secd.8
END
same "$dir/want" "$dir/got" "these files, with these modes"

! grep -rl "$dir" "$dest" >"$dir/got"
ok $? "no file mentions DESTDIR"
note "$dir/got"
grep -q '^prefix=/opt/secd$' "$dest/opt/secd/lib/pkgconfig/libesp.pc" &&
    ! grep -q '@' "$dest/opt/secd/lib/pkgconfig/libesp.pc"
ok $? "libesp.pc names this prefix"
grep -q '^ExecStart=/opt/secd/sbin/secd ' \
    "$dest/opt/secd/lib/systemd/system/secd.service" &&
    ! grep -q /usr/local "$dest/opt/secd/lib/systemd/system/secd.service"
ok $? "the unit names this prefix"
grep -q '^Environment=LD_PRELOAD=/opt/secd/lib/secd/libsecpfkey.so$' \
    "$dest/opt/secd/lib/systemd/system/openiked.service.d/secd.conf" &&
    ! grep -rq /usr/local "$dest/opt/secd/lib/systemd"
ok $? "openiked's drop-in names the library under this prefix"

# --- what is installed works ---

"$dest/opt/secd/sbin/secd" -V | grep -q '^secd [0-9]' &&
    "$dest/opt/secd/sbin/secctl" -V | grep -q '^secctl [0-9]'
ok $? "secd -V and secctl -V"
"$dest/opt/secd/sbin/secd-run" -V | grep -q '^secd-run [0-9]'
ok $? "secd-run -V"
/usr/bin/python3 - "$dir/sock" "$dest/opt/secd" >"$dir/log" 2>&1 <<'END'
import socket, subprocess, sys
path, prefix = sys.argv[1:]
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind(path)
s.listen()
r = subprocess.run([prefix + "/sbin/secd-run", "-s", path, "sh", "-c",
    "echo $LD_PRELOAD"], stdout=subprocess.PIPE, text=True)
print(r.stdout)
sys.exit(r.stdout != "%s/lib/secd/libsecpfkey.so\n" % prefix)
END
ok $? "secd-run finds the library that was installed with it"
note "$dir/log"
"$dest/opt/secd/sbin/secd" -n \
    -f "$dest/opt/secd/share/examples/secd/secd.conf.sample"
ok $? "secd -n accepts the sample"

cat >"$dir/user.c" <<END
#include <esp_offload.h>
#include <stdio.h>
int
main(void)
{
	return esp_sum_fold(0) != 0xffff ||
	    esp_suite_find("aes-256-gcm", NULL) == NULL ||
	    printf("%s\n", esp_status_name(ESP_BAD_ICV)) < 0;
}
END
${CC:-cc} -I"$dest/opt/secd/include" -o "$dir/user" "$dir/user.c" \
    -L"$dest/opt/secd/lib" -lesp -lcrypto >"$dir/log" 2>&1 &&
    [ "$("$dir/user")" = bad-icv ]
ok $? "a stranger's program builds against both headers and libesp.a"
note "$dir/log"

for dialect in secd secd/openbsd; do
	printf '#include <net/pfkeyv2.h>\nint unit = SADB_X_EXT_IFACE;\n' |
	    ${CC:-cc} -I"$dest/opt/secd/include/$dialect" -Wall -Werror \
	    -fsyntax-only -x c - >"$dir/log" 2>&1
	ok $? "<net/pfkeyv2.h> is found in include/$dialect"
	note "$dir/log"
done

# --- and goes again ---

run_make -s uninstall DESTDIR="$dest" PREFIX=/opt/secd >"$dir/log" 2>&1
ok $? "make uninstall"
note "$dir/log"
find "$dest" -mindepth 1 >"$dir/got"
same /dev/null "$dir/got" "uninstall leaves nothing, no directory either"

mkdir -p "$dest/opt/secd/sbin" "$dest/opt/secd/share/man/man8"
: >"$dest/opt/secd/sbin/secd-other"
: >"$dest/opt/secd/share/man/man8/other.8"
(cd "$dest" && find . | sort) >"$dir/want"
run_make -s install DESTDIR="$dest" PREFIX=/opt/secd >"$dir/log" 2>&1 &&
    run_make -s uninstall DESTDIR="$dest" PREFIX=/opt/secd >>"$dir/log" 2>&1
ok $? "install and uninstall among other people's files"
note "$dir/log"
(cd "$dest" && find . | sort) >"$dir/got"
same "$dir/want" "$dir/got" "other people's files are still there"

# --- without DESTDIR only our own directories go ---

mkdir -p "$dir/sys/lib"
run_make -s install PREFIX="$dir/sys" SYSCONFDIR="$dir/sys/etc" \
    >"$dir/log" 2>&1 &&
    run_make -s uninstall PREFIX="$dir/sys" SYSCONFDIR="$dir/sys/etc" \
    >>"$dir/log" 2>&1
ok $? "install and uninstall without DESTDIR"
note "$dir/log"
find "$dir/sys" -type f >"$dir/got"
find "$dir/sys" -name secd >>"$dir/got"
same /dev/null "$dir/got" "no file and no directory of ours is left"
[ -d "$dir/sys/sbin" ] && [ -d "$dir/sys/lib/pkgconfig" ]
ok $? "directories that others may use stay"

# --- OpenBSD's service ---

run_make -s install-OpenBSD OS=OpenBSD DESTDIR="$dest" PREFIX=/opt/secd \
    >"$dir/log" 2>&1 &&
    [ "$(find "$dest/etc" -type f -printf '%m %f')" = "755 secd" ] &&
    grep -q '^daemon="/opt/secd/sbin/secd"$' "$dest/etc/rc.d/secd" &&
    ! grep -q /usr/local "$dest/etc/rc.d/secd"
ok $? "rc.d/secd is installed and names this prefix"
note "$dir/log"
run_make -s uninstall OS=OpenBSD DESTDIR="$dest" PREFIX=/opt/secd \
    >"$dir/log" 2>&1
(cd "$dest" && find . | sort) >"$dir/got"
same "$dir/want" "$dir/got" "rc.d/secd is gone again"

done_testing
