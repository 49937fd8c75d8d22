#!/bin/sh
# SPDX-License-Identifier: ISC
exec "$(dirname "$0")/fuzz.sh" offload
