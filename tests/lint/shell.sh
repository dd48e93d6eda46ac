#!/usr/bin/env bash
# shell.sh - shellcheck over every script.
. "$(dirname "$0")/tap.bash"
tap_needs shellcheck

mapfile -t files < <(find .ci tests -name '*.sh' -o -name '*.bats' -o -name '*.bash' -o -path .ci/run)
tap 'shellcheck' "$(shellcheck -x -e SC1091,SC2030,SC2031,SC2314,SC2315 -f gcc "${files[@]}" 2>&1)"
tap_done
