# SPDX-License-Identifier: ISC
#
# Tests, lint, demo and benchmark.  Each part's fragment names its programs and
# how they are built; here is what is done with them.  check and demo want
# root; `./setup check' also installs what they need.

include tests/libesp.mk
include tests/conf.mk
include tests/ctl.mk
include tests/sys.mk
include tests/ledger.mk
include tests/core.mk
include tests/bench.mk

UNIT_TESTS = ${UNIT_ESP_TESTS} ${UNIT_CONF_TESTS} ${UNIT_CTL_TESTS} \
	  ${UNIT_SYS_TESTS} ${UNIT_LEDGER_TESTS} ${UNIT_CORE_TESTS}
FUZZERS	= tests/fuzz/fuzz_conf tests/fuzz/fuzz_control tests/fuzz/fuzz_engine \
	  tests/fuzz/fuzz_offload tests/fuzz/fuzz_open tests/fuzz/fuzz_pfkey
HELPERS	= ${LEDGER_HOOK} ${HOSTILES} ${PFKEY_CLIENTS} ${THREADS}

# All that `make check' runs, built.
tests: all ${UNIT_TESTS} ${FUZZERS} ${HELPERS}

check: tests
	MAKE="${MAKE}" sh tests/lib/check.sh ${UNIT_TESTS}

demo: all
	sh tests/demo/demo.sh

bench: all ${BENCH_TOOLS}
	tests/bench/bench.py ${BENCH_ARGS}

# What it found, into README.md.
bench-readme:
	tests/bench/readme.py

deps:
	sh etc/deps.sh all

lint: lint-openbsd
	CC="${CC}" CPPFLAGS="${OS_CPPFLAGS}" sh tests/lint/lint.sh

clean-tests:
	rm -f ${UNIT_TESTS} ${FUZZERS} ${HELPERS} ${BENCH_TOOLS} \
	    tests/bench/null.o
	rm -rf build

.PHONY: tests check demo bench bench-readme deps lint clean-tests
