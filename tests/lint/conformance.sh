#!/usr/bin/env bash
# conformance.sh - each test that tests/CONFORMANCE.md names is in its file, and each row has a test or a reason.
# check: light
. "$(dirname "$0")/tap.bash"

list=tests/CONFORMANCE.md

# shellcheck disable=SC2016 # the backquotes are those of the list
named=$(grep -o '`[a-z_/]*\.c`: `[a-z0-9_]*`' $list | tr -d '`:' | sort -u)

tap 'each test of the list is there' "$(
    [ -n "$named" ] || echo "$list names no test"
    while read -r file name; do
        grep -qs "^TEST($name)" "tests/$file" || echo "$list: no $name in tests/$file"
    done <<<"$named"
)"

# shellcheck disable=SC2016
tap 'each behaviour of the list has a test or a reason' "$(
    grep -n '^|' $list | grep -vE '^[0-9]+:\|( behaviour \| test, or the reason \||---\|---\|)$' |
        grep -vE '^[0-9]+:\| [^|]+ \| (`[a-z_/]+\.c`: `[a-z0-9_]+`|[^`|][^|]+) \|$'
)"
tap_done
