#!/usr/bin/env bash
# abi.sh - symbols, functions, structs and codes are those of tests/abi/table.txt, which changes on purpose only.
# check: light
. "$(dirname "$0")/tap.bash"
tap_needs nm
tap_needs python3

table=tests/abi/table.txt
now=$(python3 tests/abi/table.py "${BUILD:-build}/libleat.so.0" 2>&1)
if [ "$(uname -m)" = x86_64 ]; then
    tap 'the ABI is that of tests/abi/table.txt (else: tests/abi/table.py >tests/abi/table.txt; see CONTRIBUTING)' \
        "$(diff <(echo "$now") "$table" | grep '^[<>]' | sed 's/^</now:/; s/^>/table:/')"
else # sizes and offsets differ, names do not
    names='s/^( *[a-zA-Z_.]+)( [0-9]+)+$/\1/; s/^(struct .*) [0-9]+$/\1/'
    tap 'the names of the ABI are those of tests/abi/table.txt' \
        "$(diff <(sed -E "$names" <<<"$now") <(sed -E "$names" "$table") | grep '^[<>]')"
fi
# Lines that the table must have: without them it would not see a change.
seen() {
    local line
    for line in 'symbol leat_pipeline_run@@LEAT_0.1' 'function int leat_pipeline_run(struct leat_pipeline *pipeline)' \
        '  leat_stage_type.abi 0 4' '  leat_stage_type.size 8 8' '  LEAT_EIO -1' '  LEAT_LINES 1' 'macro LEAT_STAGE_ABI 1' \
        '  leat_lanes.merge 56 8' 'soname libleat.so.0'; do
        grep -qxF -- "$line" <<<"$now" || echo "missing: $line"
    done
}
[ "$(uname -m)" != x86_64 ] || tap 'the table has symbols, functions, members, codes and limits' "$(seen)"
version=$(sed -n 's/^#define LEAT_VERSION "\(.*\)"/\1/p' streams/leat.h)
tap 'LEAT_VERSION_NUMBER is LEAT_VERSION' "$(
    want=$(awk -F. '{ printf "0x%02x%02x%02x", $1, $2, $3 }' <<<"$version")
    grep -q "^#define LEAT_VERSION_NUMBER ${want}u\>" streams/leat.h || echo "LEAT_VERSION is $version: want $want"
)"
tap_done
