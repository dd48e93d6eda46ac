#!/usr/bin/env bash
# fuzz.sh - run every libFuzzer binary of BUILD_DIR for some seconds: fuzz.sh BUILD_DIR SECONDS
#
# The corpus of each grows in BUILD_DIR/corpus/NAME; tests/fuzz/seeds/NAME, if it is there, is
# read and not written. What was found is left in BUILD_DIR/found.
#
# libarchive allocates the length that a header states, at most 4 GiB, before it reads the bytes. Only the
# pages that it writes count, so the limit is that of the resident memory.
set -uo pipefail

dir=$1
seconds=$2
passed=0
failed=0
mkdir -p "$dir/found"
export ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
for fuzzer in "$dir"/fuzz/fuzz_*; do
    [ -x "$fuzzer" ] || continue
    name=$(basename "$fuzzer")
    seeds=()
    [ ! -d "tests/fuzz/seeds/$name" ] || seeds=("tests/fuzz/seeds/$name")
    mkdir -p "$dir/corpus/$name"
    if "$fuzzer" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=16384 \
        -max_len=16384 \
        -artifact_prefix="$dir/found/$name-" "$dir/corpus/$name" "${seeds[@]}" \
        >"$dir/$name.log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok %s: %s\n' "$name" "$(grep -aE '^(Done|#.*DONE)' "$dir/$name.log" | tail -n 1)"
    else
        failed=$((failed + 1))
        printf 'not ok %s\n' "$name"
        tail -n 40 "$dir/$name.log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
