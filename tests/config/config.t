#!/bin/sh
# SPDX-License-Identifier: ISC
#
# secd.conf as secd -n sees it.  X.in with X.ok must be accepted, print X.ok,
# and its print must parse to the same print; X.in with X.err must be refused
# with exactly these complaints.  @DIR@ stands for the directory that holds
# the copies, and the key files that X.in names there.  SECD is the program.

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
secd=${SECD:-$root/secd/secd}
case $secd in
/*)	;;
*)	secd=$PWD/$secd ;;
esac

umask 022
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
chmod 755 "$dir"
cp "$secd" "$dir/secd" || exit 1	# so that any user can run it
cd "$dir" || exit 1

n=0
failed=0

# ok STATUS TEXT: one result; 0 is good.
ok()
{
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=1
	fi
}

# same WANT GOT TEXT: two files are equal; the difference is shown.
same()
{
	diff -u "$1" "$2" >difference
	ok $? "$3"
	sed 's/^/# /' difference
}

# bring FILE: a copy with @DIR@ filled in, and empty key files beside it.
bring()
{
	sed "s|@DIR@|$dir|g" "$here/$1" >"$1"
	sed -n "s|.*$dir/\([a-z]*\.key\).*|\1|p;
	    s|.*\$dir/\([a-z]*\.key\).*|\1|p" "$1" |
	while read -r key; do
		(umask 077; : >"$key")
	done
}

# fails COMMAND ...: it ran and said no; a signal or a missing program is no no.
fails()
{
	"$@"
	[ $? -eq 1 ]
}

# As somebody who is not root, also when root runs the tests.
as_user()
{
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	else
		"$@"
	fi
}

accepted()
{
	name=$1
	bring "$name.in"
	./secd -n -f "$name.in" >out 2>err
	ok $? "$name: accepted"
	cat out err >both
	same /dev/null both "$name: -n alone prints nothing"
	./secd -nvv -f "$name.in" >out 2>err
	sed "s|@DIR@|$dir|g" "$here/$name.ok" >want
	same want out "$name: printed as expected"
	cp out again.in
	./secd -nvv -f again.in >again 2>err
	same out again "$name: the print is read back to the same print"
}

refused()
{
	name=$1
	bring "$name.in"
	fails ./secd -nvv -f "$name.in" >out 2>err
	ok $? "$name: refused"
	sed "s|@DIR@|$dir|g" "$here/$name.err" >want
	same want err "$name: complaints as expected"
	same /dev/null out "$name: nothing printed"
}

# wrong FILE PATTERN TEXT: refused with one complaint that matches.
wrong()
{
	fails ./secd -n -f "$1" >out 2>err && [ "$(wc -l <err)" -eq 1 ] &&
	    grep -q "$2" err
	ok $? "$3"
	sed 's/^/# /' err
}

for file in "$here"/*.inc; do
	bring "$(basename "$file")"
done
for file in "$here"/*.in; do
	name=$(basename "$file" .in)
	if [ -f "$here/$name.ok" ]; then
		accepted "$name"
	else
		refused "$name"
	fi
done

# What one statement does not take, where a second one would be one too many.
while IFS='|' read -r statement complaint; do
	echo "$statement" >one.in
	wrong one.in "^one.in:1: $complaint\$" "$statement: refused"
done <<'END'
workers 0|workers out of range (1 to 16)
workers 257|workers out of range (1 to 16)
workers 4294967297|workers out of range (1 to 16)
workers -1|workers -1: not a number
crypto backend 00112233445566778899aabbccddeeff|crypto backend (hex digits): use auto, libcrypto or ipsec-mb
offload all tso|offload: all and none stand alone
offload tso none|offload: all and none stand alone
offload all all|offload: all and none stand alone
offload tso uso merge gso gro all|offload: all and none stand alone
offload no|offload no: the word after it is missing
offload no tso no|offload no: the word after it is missing
offload no all|offload no all: use all, none, or words of tso, uso, merge, gso and gro
offload no no|offload no no: use all, none, or words of tso, uso, merge, gso and gro
offload tso no gso|offload: words with no and without do not mix
offload no tso gso|offload: words with no and without do not mix
offload tso gro tso|offload tso given twice
offload no tso no tso|offload tso given twice
END

# Macros of the command line win over the file's.
cat >d.in <<'END'
m = 1300
interface sec0 { mtu $m }
END
./secd -nvv -D m=1400 -f d.in | grep -q 'mtu 1400'
ok $? "-D: its macro wins"
fails ./secd -n -D '=1400' -f d.in >/dev/null 2>&1
ok $? "-D: a macro without a name is refused"

# Includes: sixteen files deep and no deeper; from the file's directory.
i=0
while [ $i -le 16 ]; do
	echo "include \"deep$((i + 1))\"" >deep$i
	i=$((i + 1))
done
: >deep16
./secd -n -f deep0
ok $? "include: sixteen deep"
echo 'include "deep17"' >deep16
: >deep17
wrong deep0 '^deep16:1: include deep17: more than 16 files deep$' \
    "include: seventeen deep are refused"
mkdir sub
echo 'include "inner"' >sub/outer
echo 'interface sec7 { }' >sub/inner
echo 'include "sub/outer"' >rel.in
./secd -nvv -f rel.in | grep -q '^interface sec7 {'
ok $? "include: relative to the file that has it"

# Who can write the file decides what it does.
: >mode.in
chmod 664 mode.in
wrong mode.in '^mode.in:0: mode 0664 lets others write it: chmod go-w$' \
    "a file its group can write is refused"
chmod 646 mode.in
wrong mode.in '^mode.in:0: mode 0646 ' "a file others can write is refused"
echo 'include "mode.in"' >top.in
wrong top.in '^top.in:1: include mode.in: mode 0646 ' \
    "an included file others can write is refused"
rm mode.in
wrong mode.in '^mode.in:0: cannot open: No such file' "an absent file"
wrong . '^\.:0: is a directory$' "a directory"

# Key files.
cat >key.in <<END
interface sec0 {
	sa in spi 256 src 10.0.0.2 dst 10.0.0.1 enc aes-256-gcm \\
	    key file "$dir/k.key"
}
END
(umask 077; : >k.key)
chmod 640 k.key
./secd -n -f key.in
ok $? "key file: the group may read it"
for mode in 0620 0610 0604 0602 0601; do
	chmod $mode k.key
	wrong key.in "^key.in:2: key file $dir/k.key: mode $mode " \
	    "key file: mode $mode is refused"
done
rm k.key
mkdir k.key
wrong key.in "^key.in:2: key file $dir/k.key: not a regular file$" \
    "key file: a directory is refused"
rmdir k.key
mkfifo k.key
wrong key.in "^key.in:2: key file $dir/k.key: not a regular file$" \
    "key file: a FIFO is refused"
rm k.key
as_user ./secd -n -f key.in >out 2>err &&
    grep -q "^key.in:2: warning: key file $dir/k.key: No such file" err
ok $? "key file: an absent one is a warning without root"
: >k.key
chmod 604 k.key
fails as_user ./secd -n -f key.in >out 2>err && ! grep -q warning: err
ok $? "key file: a wrong mode is an error without root too"
rm k.key
if [ "$(id -u)" -eq 0 ]; then
	wrong key.in "^key.in:2: key file $dir/k.key: No such file" \
	    "key file: an absent one is an error with root"
	(umask 077; : >k.key)
	as_user ./secd -n -f key.in >out 2>err &&
	    grep -q "warning: key file $dir/k.key: Permission denied" err
	ok $? "key file: an unreadable one is a warning without root"
	chown 65534 k.key
	wrong key.in "^key.in:2: key file $dir/k.key: owned by uid 65534, " \
	    "key file: a stranger's is refused"
	chown 65534 key.in
	wrong key.in '^key.in:0: owned by uid 65534, not root: chown root$' \
	    "a stranger's file is refused"
fi

# The shipped sample: as it is, and with its SAs brought to life.
cp "$root/etc/secd.conf.sample" sample.in
./secd -n -f sample.in
ok $? "sample: accepted"
sed -e 's/^\([[:blank:]]*\)#\(sa .*\)/\1\2/' \
    -e 's/^\([[:blank:]]*\)#\( *key file .*\)/\1\2/' \
    -e "s|/etc/secd/|$dir/|" sample.in >live.in
(umask 077; : >sec0.in; : >sec0.out)
./secd -nvv -f live.in >out
ok $? "sample: accepted with its SAs"
[ "$(grep -c '	sa ' out)" -eq 2 ]
ok $? "sample: they are two"

echo "1..$n"
exit $failed
