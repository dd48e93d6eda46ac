#!/usr/bin/env bash
# shell.sh - shellcheck over every script.
. "$(dirname "$0")/tap.bash"
tap_needs shellcheck

mapfile -t files < <(find .ci tests -name '*.sh' -o -name '*.bats' -o -name '*.bash' -o -path .ci/run)
# Off: what bats sets and runs, and functions called by name, are not seen by shellcheck, single quotes are meant for inner shells,
# and `cat FILE |` is there because a pipe is to be tested.
tap 'shellcheck' "$(shellcheck -x -e SC1091,SC2030,SC2031,SC2314,SC2315,SC2154,SC2016,SC2002,SC2317 \
    -f gcc "${files[@]}" 2>&1)"
tap_done
