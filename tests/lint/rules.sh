#!/bin/sh
# SPDX-License-Identifier: ISC
#
# rooms.py and format.py, each rule broken once: a rule that does not see its
# own breach is worth nothing.

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' HUP INT TERM
failed=0
spdx='/* SPDX-License-Identifier: ISC */'

# breach FILE PATTERN: standard input as FILE must be refused with PATTERN.
# No PATTERN: it must pass.
breach()
{
	rm -rf "$dir/tree"
	mkdir -p "$dir/tree/$(dirname "$1")"
	cat >"$dir/tree/$1"
	/usr/bin/python3 "$here/rooms.py" "$dir/tree" >"$dir/out"
	status=$?
	judge "rooms.py" "$1" "${2-}"
}

# layout PATTERN: the same for format.py and a body of a function.
layout()
{
	mkdir -p "$dir/layout"
	cp "$top/.clang-format" "$dir/layout"
	{
		printf '%s\n\nint\nf(char *p, int a)\n{\n' "$spdx"
		cat
		printf '\treturn a;\n}\n'
	} >"$dir/layout/a.c"
	(cd "$dir/layout" && /usr/bin/python3 "$here/format.py" a.c) >"$dir/out"
	status=$?
	judge "format.py" "$(sed -n 6p "$dir/layout/a.c")" "${1-}"
}

judge()
{
	if [ -z "$3" ]; then
		[ $status -eq 0 ] && return
		echo "$1: refused what is right: $2"
	else
		[ $status -ne 0 ] && grep -q -e "$3" "$dir/out" && return
		echo "$1: did not see: $2 ($3)"
	fi
	sed 's/^/    /' "$dir/out"
	failed=1
}

# --- arrows: the first of each pair is allowed ---

arrow()
{
	printf '%s\n#include "%s"\n' "$spdx" "$2" | breach "$1" "${3-}"
}

arrow libesp/a.c libesp/internal.h
arrow libesp/a.c secd/addr.h 'libesp may not'
arrow libesp/a.c secd/sys/sys.h 'libesp may not'
arrow secd/data/a.c libesp/esp.h
arrow secd/data/a.c libesp/internal.h 'data may not'
arrow secd/data/a.c secd/engine/engine.h 'data may not'
arrow secd/data/a.c secd/ipc.h 'data may not'
arrow secd/data/a.c secd/log.h 'data may not'
arrow secd/engine/a.c secd/data/data.h
arrow secd/engine/a.c secd/conf.h 'engine may not'
arrow secd/engine/a.c secd/ledger.h 'engine may not'
arrow secd/engine/a.c secd/parent.h 'engine may not'
arrow secd/control/a.c secd/ipc.h
arrow secd/control/a.c libesp/esp.h 'control may not'
arrow secd/control/a.c secd/data/data.h 'control may not'
arrow secd/control/a.c secd/conf.h 'control may not'
arrow secd/parent.c secd/ledger.h
arrow secd/parent.c libesp/esp.h
arrow secd/parent.c secd/engine/engine.h 'parent may not'
arrow secd/parent.c secd/data/data.h 'parent may not'
arrow secd/ipc.c secd/addr.h
arrow secd/ipc.c secd/parent.h 'shared may not'
arrow secd/addr.h secd/conf.h 'shared may not'
arrow secd/sys/a.c secd/addr.h
arrow secd/sys/a.c secd/log.h 'sys may not'
arrow secctl/a.c secd/ipc.h
arrow secctl/a.c secd/log.h 'secctl may not'
arrow secctl/a.c secd/conf.h 'secctl may not'
arrow secd/sys/a.c secd/pass.h
arrow secd/data/a.c secd/pass.h 'data may not'
arrow secd/engine/a.c secd/pass.h 'engine may not'
arrow secd/pass.h secd/parent.h 'shared may not'
arrow shim/a.c shim/shim.h
arrow shim/a.c secd/pass.h
arrow shim/a.c secd/secd.h 'shim may not'
arrow shim/a.c libesp/esp.h 'shim may not'
arrow secd/a.c shim/shim.h 'parent may not'

# --- calls ---

call()
{
	printf '%s\nvoid\nf(void)\n{\n\t%s;\n}\n' "$spdx" "$2" |
	    breach "$1" "${3-}"
}

call secd/data/a.c 'satab_find(1)'
call secd/data/a.c 'q->free(1)'
call secd/data/a.c 'x = malloc(1)' 'malloc()'
call secd/data/a.c 'free (p)' 'free()'
call secd/data/a.c 'log_warn("x")' 'log_warn()'
call secd/data/a.c 'time(NULL)' 'time()'
call secd/data/a.c 'clock_gettime(0, &t)' 'clock_gettime()'
call secd/data/a.c 'pthread_mutex_lock(&m)' 'pthread_mutex_lock()'
call libesp/sa.c 'p = calloc(1, 1)'
call libesp/seal.c 'p = calloc(1, 1)' 'calloc()'
call libesp/open.c 'printf("x")' 'printf()'
call libesp/open.c 'x = "free(p)"'
call secctl/a.c 'strcpy(a, b)' 'strcpy()'
call shim/run.c 'p = malloc(1)'
call shim/shim.c 'p = malloc(1)' 'malloc()'
call shim/shim.c 'pthread_mutex_lock(&m)' 'pthread_mutex_lock()'
call shim/shim.c 'strcpy(a, b)' 'strcpy()'
call shim/udp.c 'p = malloc(1)' 'malloc()'
call shim/udp.c 'pthread_mutex_lock(&m)' 'pthread_mutex_lock()'

# --- conditionals, first lines, words for later ---

printf '%s\n#ifndef A_H\n#define A_H\n#endif\n' "$spdx" | breach secd/a.h
printf '%s\n#ifdef __linux__\n#endif\n' "$spdx" | breach secd/sys/a.c
printf '%s\n#ifdef __linux__\n#endif\n' "$spdx" |
    breach secd/a.c 'a conditional'
printf '%s\n#ifdef __linux__\n#endif\n' "$spdx" |
    breach shim/a.c 'a conditional'
printf '%s\n#if 0\n#endif\n' "$spdx" | breach secd/a.h 'a conditional'
printf 'int a;\n' | breach secd/a.c 'does not begin'
printf '#!/bin/sh\n# SPDX-License-Identifier: ISC\n' | breach tests/a.sh
printf '#!/bin/sh\n\necho\n' | breach tests/a.sh 'does not begin'
printf '.Dd 1\n' | breach man/a.5 'does not begin'
printf '[Unit]\n' | breach etc/a.service.d/b.conf 'does not begin'
printf '%s\n/* %s: later */\n' "$spdx" TO""DO | breach secd/a.c 'left for later'

# --- layout ---

printf '\tif (a)\n\t\treturn 1;\n' | layout
printf '\tif (a &&\n\t    p)\n\t\treturn 1;\n' | layout
printf '\tint b[] = {\n\t\t1, 2\n\t};\n' | layout
printf '\tgoto out;\n out:\n' | layout
printf '\tg("a",\t\t/* b */ a);\n' | layout
printf '\tif(a)\n\t\treturn 1;\n' | layout 'not KNF'
printf '\tif (a) return 1;\n' | layout 'not KNF'
printf '\tif (a)\n\t{\n\t\treturn 1;\n\t}\n' | layout 'not KNF'
printf '\tif (a) {\n\t\ta = 1;\n\t}\n\telse\n\t\ta = 2;\n' | layout 'not KNF'
printf '    a = 1;\n' | layout 'not KNF'
printf '\t\ta = 1;\n' | layout 'not KNF'
printf '\ta=1;\n' | layout 'not KNF'
printf '\tchar* q;\n' | layout 'not KNF'
printf '\tg (a);\n' | layout 'not KNF'
printf '\tswitch (a) {\n\t\tcase 1:\n\t\t\ta = 1;\n\t}\n' | layout 'not KNF'
printf '\ta = 1 +\n\t\t2;\n' | layout 'four spaces'
printf '\ta = g(a,\n\t      2);\n' | layout 'four spaces'
printf '\ta = 1; \n' | layout 'blanks at the end'
printf ' \ta = 1;\n' | layout 'space before a tab'
printf '\ta = 1;\n\n\n' | layout 'two empty lines'
printf '\ta = %070d;\n' 1 | layout '80 columns'
printf '/* */\nint f(int a)\n{\n\treturn a;\n}\n' >"$dir/layout/b.c"
(cd "$dir/layout" && /usr/bin/python3 "$here/format.py" b.c) >"$dir/out"
status=$?
judge "format.py" "type and name on one line" "not KNF"

exit $failed
