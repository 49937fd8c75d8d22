# SPDX-License-Identifier: ISC
#
# The network tests, tests/net/*.t, are Python: what they need built is secd,
# secctl and tests/lib/hook_ledger.so.
