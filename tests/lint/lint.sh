#!/bin/sh
# SPDX-License-Identifier: ISC
#
# Everything that can be judged without running secd; called by `make lint' at
# the top of the tree.  Each step runs whatever the others say.

set -u
failed=

# step NAME COMMAND ...: nothing on its output is good, status counts too.
step()
{
	name=$1
	shift
	echo "lint: $name"
	if ! "$@"; then
		echo "lint: $name: FAILED"
		failed="$failed, $name"
	fi
}

each_c()
{
	find libesp secd secctl shim tests -name '*.[ch]' ! -name parse.c \
	    ! -path 'tests/openbsd/*' | sort
}

product_c()
{
	find libesp secd secctl shim -name '*.c' ! -name '*_OpenBSD.c' | sort
}

# All that begins with #! and a shell's name, and what such scripts source.
each_sh()
{
	find . -name .git -prune -o -name build -prune -o -type f -print |
	while read -r file; do
		case $file in
		*.o | *.a | *.so | */corpus/*) continue ;;
		*/tests/lib/*.sh) echo "$file" ;;
		*)
			head -c 20 "$file" | head -n 1 | tr -d '\0' |
			    grep -Eq '^#!(/usr)?/bin/(env )?(ba|k)?sh' &&
			    echo "$file"
			;;
		esac
	done | sort
}

format()
{
	# shellcheck disable=SC2046 # a list
	/usr/bin/python3 tests/lint/format.py $(each_c) secd/parse.y
}

# A header compiles alone: nobody must know what to include before it.
headers()
{
	status=0
	for file in $(find libesp secd secctl shim -name '*.h' | sort); do
		# shellcheck disable=SC2086 # a list
		echo "#include \"$file\"" | ${CC:-cc} -std=gnu11 -Wall -Wextra \
		    -I. ${CPPFLAGS-} -fsyntax-only -x c - || status=1
	done
	return $status
}

cpp()
{
	mkdir -p build/cppcheck || return 1
	# shellcheck disable=SC2046 # a list
	cppcheck --quiet --error-exitcode=1 --std=c11 -j 2 \
	    --cppcheck-build-dir=build/cppcheck \
	    --enable=warning,performance,portability --inline-suppr \
	    --suppressions-list=tests/lint/cppcheck.txt \
	    --library=posix --include=/usr/include/bsd/sys/queue.h \
	    --include=/usr/include/bsd/sys/tree.h -I. \
	    -D_GNU_SOURCE -DSYSCONFDIR='"/etc"' -DLIBDIR='"/lib"' \
	    -DVERSION='""' $(product_c)
}

shells()
{
	# shellcheck disable=SC2046 # a list
	shellcheck -x $(each_sh)
}

pythons()
{
	find . -name .git -prune -o -name build -prune -o -type f -print |
	    sort | /usr/bin/python3 -c '
import ast, sys
bad = 0
for path in sys.stdin.read().split("\n"):
    try:
        with open(path, "rb") as file:
            text = file.read()
        if path.endswith(".py") or text.startswith(b"#!/usr/bin/python3"):
            ast.parse(text, path)
    except FileNotFoundError:
        pass
    except SyntaxError as error:
        bad = 1
        print(error)
sys.exit(bad)'
}

step "the rules themselves" sh tests/lint/rules.sh
step "rooms, first lines, conditionals" /usr/bin/python3 tests/lint/rooms.py
step "layout" format
step "headers alone" headers
step "cppcheck" cpp
step "shellcheck" shells
step "mandoc" sh tests/lint/man.sh man/*.[0-9]
step "python" pythons

if [ -n "$failed" ]; then
	echo "lint: failed: ${failed#, }" >&2
	exit 1
fi
echo "lint: clean"
