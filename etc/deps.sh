#!/bin/sh
# SPDX-License-Identifier: ISC
#
# What secd is built from and tested with, in this one place.  On Debian the
# missing packages are installed and the user and group made; elsewhere what is
# needed is said.  Called by ./setup and `make deps'.
#
# usage: sh etc/deps.sh [-l] group ...
#	-l	only list the packages of these groups
#	groups	build demo bench test lint all

set -eu

# Group, Debian package, reason: read by packages() and by people.
table()
{
	cat <<'END'
build	make			the build itself (bmake does as well)
build	gcc			C compiler (clang does as well)
build	libc6-dev		C library
build	byacc			grammar of secd.conf
build	libevent-dev		event loop of every process
build	libssl-dev		libcrypto: AES-GCM, SHA-256
build	libbsd-dev		queue.h, freezero, setproctitle
build	libseccomp-dev		system call filters
build	libmnl-dev		addresses and links by netlink
build	libjansson-dev		JSON output of secctl
demo	iproute2		namespaces, links, routes
demo	iputils-ping		the first packets through the tunnel
demo	iperf3			a TCP stream and its rate
demo	procps			pgrep, pkill
demo	tcpdump			shows what is on the wire
bench	python3			the benchmark itself
bench	python3-cryptography	what it shares with the network tests
bench	iproute2		namespaces, links, routes
bench	ethtool			a link without offloads
bench	iperf3			TCP streams and their rates
bench	iputils-ping		round trips
bench	util-linux		unshare
bench	linux-perf		counts system calls
bench	gnuplot-nox		draws the result
bench	strongswan-charon	an IKE daemon with an ESP of its own
bench	strongswan-swanctl	its control
bench	libcharon-extra-plugins	its ESP in userspace, kernel-libipsec
bench	libstrongswan-standard-plugins	its AES and SHA-2
bench	wireguard-go		WireGuard in userspace
bench	wireguard-tools		its control
bench	debian-archive-keyring	for Debian 13's wireguard-go
bench	libipsec-mb-dev		the fast crypto backend
test	perl			prove, which runs the tests
test	diffutils		expected against real output
test	iproute2		namespaces, links, routes
test	iputils-ping		echo requests
test	iperf3			TCP streams
test	kmod			modules of the user-mode kernel
test	procps			pgrep, pkill
test	tcpdump			captures
test	tshark			decrypts what secd sent
test	python3			network tests
test	python3-scapy		an independent ESP peer
test	python3-cryptography	raw AES-GCM for crafted packets
test	python3-cryptography-vectors	NIST's GCM vectors
test	libipsec-mb-dev		the other crypto backend
test	openiked		the IKE daemon that secd is made for
test	strongswan-charon	an IKE daemon with an ESP of its own
test	strongswan-swanctl	its control
test	libcharon-extra-plugins	its ESP in userspace, kernel-libipsec
test	libstrongswan-standard-plugins	its AES and SHA-2
test	nftables		a NAT between two gateways
test	user-mode-linux		a Linux kernel's own ESP as peer
test	clang			fuzzers
test	libclang-rt-14-dev	libFuzzer and sanitizers for clang
test	llvm			readable traces of sanitizers
test	ksh			runs rc.d/secd as OpenBSD does
test	systemd			systemd-analyze checks the unit
test	mandoc			checks the manual pages
test	util-linux		unshare, setpriv
lint	bmake			the other make
lint	clang			the other compiler
lint	clang-format-14		layout of the sources
lint	cppcheck		static analysis
lint	shellcheck		shell scripts
lint	mandoc			manual pages
lint	python3			rules of the house
END
}

say()
{
	echo "==> $*"
}

packages()
{
	table | while read -r group package _; do
		# Intel's is built for amd64 alone
		[ "$package" != libipsec-mb-dev ] ||
		    [ "$(uname -m)" = x86_64 ] || continue
		case " $groups " in
		*" $group "* | *" all "*) echo "$package" ;;
		esac
	done | sort -u
}

has_package()
{
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null |
	    grep -q '^installed$'
}

missing()
{
	for package in $(packages); do
		has_package "$package" || echo "$package"
	done
}

need_root()
{
	[ "$(id -u)" -eq 0 ] && return
	echo "${0##*/}: $1: needs root, try: sudo ./setup" >&2
	exit 1
}

apt()
{
	DEBIAN_FRONTEND=noninteractive apt-get -q -y \
	    -o Dpkg::Use-Pty=0 "$@" </dev/null
}

install_packages()
{
	list=$(missing | tr '\n' ' ')
	if [ -z "$list" ]; then
		say "nothing to install"
		return
	fi
	need_root "installing $list"
	say "installing: $list"
	apt update
	# shellcheck disable=SC2086 # a list
	apt install --no-install-recommends $list
}

# The children of secd run as _secd; members of _secd-admin may use the
# restricted socket.  Neither has a home or a shell.
make_users()
{
	if ! getent group _secd-admin >/dev/null; then
		need_root "making group _secd-admin"
		say "making group _secd-admin"
		groupadd --system _secd-admin
	fi
	if ! getent passwd _secd >/dev/null; then
		need_root "making user _secd"
		say "making user _secd"
		useradd --system --user-group --no-create-home \
		    --home-dir /nonexistent --shell /usr/sbin/nologin _secd
	fi
}

# Not Debian: nobody but the administrator knows the packages' names.
say_needs()
{
	echo "This is not Debian, so nothing is installed.  secd needs:"
	table | while read -r group package reason; do
		case " $groups " in
		*" $group "* | *" all "*)
			printf '    %-8s%-32s%s\n' "$group" "$package" "$reason"
			;;
		esac
	done
	echo "and the user _secd and the group _secd-admin, for example:"
	case $(uname -s) in
	OpenBSD)
		echo "    groupadd _secd-admin"
		echo "    useradd -d /var/empty -s /sbin/nologin _secd"
		echo "(byacc, libcrypto, libbsd, libseccomp and libmnl are in" \
		    "the base system or not used there.)"
		;;
	*)
		echo "    groupadd --system _secd-admin"
		echo "    useradd --system --user-group --home-dir" \
		    "/nonexistent --shell /usr/sbin/nologin _secd"
		;;
	esac
}

list_only=
if [ "${1-}" = -l ]; then
	list_only=1
	shift
fi
groups=$*
for group in $groups; do
	case $group in
	all | build | demo | bench | test | lint) ;;
	*)
		echo "${0##*/}: no group $group: all build demo bench test lint" >&2
		exit 2
		;;
	esac
done
if [ -z "$groups" ]; then
	echo "usage: ${0##*/} [-l] group ..." >&2
	exit 2
fi
if [ -n "$list_only" ]; then
	packages
	exit
fi
if [ ! -e /etc/debian_version ] || ! command -v apt-get >/dev/null; then
	say_needs
	exit
fi
install_packages
make_users
