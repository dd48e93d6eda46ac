#!/usr/bin/env bash
# run.sh - run suites, as many at a time as there are processors, and add up their TAP: the last line of
# `make check`.
#
#   run.sh [--all] KIND=BUILD_DIR ... [-- SUITE ...]
#
# build       C tests, command-line tests, the quick part of lint
# asan, tsan  the C tests of a sanitized build; with --all the command-line tests too
# lint, lint-light   the checks in tests/lint
#
# The longest suites start first, so that no processor waits for them at the end. How long each has
# taken, and its processor time, are in BUILD_DIR/costs after a run; tests/tools/costs is for a first one.
#
# A suite is a program that prints TAP; its output is kept in BUILD_DIR/log. One that fails
# without a "not ok" line (a crash, a hang) counts as a failure of its own. SUITEs, if given, run
# instead of all that the kind has.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

# A suite that hangs, spins or polls without a line of output is killed; see tests/bound.h. No suite
# is bounded by its length: that would be a demand on the machine.
export SUITE_IDLE_S=${SUITE_IDLE_S:-300} SUITE_CPU_S=${SUITE_CPU_S:-3600} SUITE_STALL_S=${SUITE_STALL_S:-7200}
# Thousands of small files are synced by the C tests; memory does as well as a disk.
if [ -z "${LEAT_TEST_TMP:-}" ] && [ -d /dev/shm ] && [ -w /dev/shm ]; then
    export LEAT_TEST_TMP=/dev/shm
fi

# python3 may be a script that looks for the right one, and that costs more than the start of Python. The tests start
# it hundreds of times.
python=$(python3 -c 'import os, sys; print(os.path.dirname(sys.executable))' 2>/dev/null) || python=
if [ -n "$python" ] && [ "$(command -v python3)" != "$python/python3" ]; then
    export PATH=$python:$PATH
fi

# run_suite KIND BUILD SUITE - one suite into its log; its status into LOG.status.
run_suite() {
    local kind=$1 dir=$2 suite=$3 log status
    log=$dir/log/$kind-$(basename "$suite").log
    mkdir -p "$dir/log"
    export LEAT="$PWD/$dir/leat" BUILD="$PWD/$dir" LEAT_BUILD_KIND="$kind"
    # A large quarantine is new pages all the time; our objects are small, and 16 MB of them are many.
    export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:allocator_may_return_null=1:quarantine_size_mb=16:malloc_context_size=12
    export LSAN_OPTIONS=suppressions=$PWD/tests/tools/lsan.supp:print_suppressions=0
    export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    export TSAN_OPTIONS=halt_on_error=1:suppressions=$PWD/tests/tools/tsan.supp
    # Under TSan all takes ten times as long, and a linter says nothing until it ends.
    case $kind in
    tsan) export TEST_CPU_S=${TEST_CPU_S:-7200} TEST_STALL_S=${TEST_STALL_S:-14400} SUITE_CPU_S=14400 SUITE_STALL_S=28800 ;;
    lint) SUITE_CPU_S=0 SUITE_STALL_S=0 ;;
    esac
    set -- "$dir/bound" --all --idle="$SUITE_IDLE_S" --cpu="$SUITE_CPU_S" --stall="$SUITE_STALL_S" --cost="$log.cost"
    case $suite in
    *.bats) "$@" bats --tap "$suite" ;;
    *) "$@" "$suite" ;;
    esac </dev/null >"$log" 2>&1
    status=$?
    echo "$status" >"$log.status"
    if [ "$status" -ne 0 ] && ! grep -q '^not ok' "$log"; then
        echo "not ok $suite # status $status" >>"$log"
    fi
    if grep -q '^not ok' "$log"; then
        printf '%-44s FAILED\n' "$kind $suite"
    else
        printf '%-44s %s\n' "$kind $suite" "$(grep -c '^ok' "$log")"
    fi
}
export -f run_suite

suites() {
    local kind=$1 dir=$2 file
    if [ ${#chosen[@]} -gt 0 ]; then
        printf '%s\n' "${chosen[@]}"
        return
    fi
    case $kind in
    lint) printf '%s\n' tests/lint/*.sh && return ;;
    lint-light) grep -l '^# check: light' tests/lint/*.sh && return ;;
    esac
    for file in tests/*/test_*.c; do
        echo "$dir/tests/$(basename "$file" .c)"
    done
    [ "$kind" != build ] || grep -l '^# check: light' tests/lint/*.sh
    if [ "$kind" = build ] || [ "$all" = 1 ]; then
        for file in tests/fuzz/fuzz_*.c; do
            [ ! -e "$dir/fuzz-smoke" ] || echo "$dir/fuzz-smoke/$(basename "$file" .c)"
        done
        printf '%s\n' tests/cli/*.bats
    fi
}

# by_cost COSTS ... - the plan, a suite a line, with the longest first. Of two costs the last one counts;
# a suite whose cost is not known may be a long one.
by_cost() {
    awk -F '\t' -v unknown=30 '
        FILENAME != "-" { cost[$1 "\t" $2] = $3; next }
        {
            name = $3
            sub(/.*\//, "", name)
            key = $1 "\t" name
            print (key in cost ? cost[key] : unknown) "\t" $0
        }' "$@" - | sort -t $'\t' -k 1,1 -rn -s | cut -f 2-
}

# write_costs KIND BUILD - what each suite has cost, for the next run.
write_costs() {
    local file name
    for file in "$2/log/$1"-*.log.cost; do
        name=$(basename "$file" .log.cost)
        printf '%s\t%s\t%s\n' "$1" "${name#"$1"-}" "$(tr ' ' '\t' <"$file")"
    done | sort >"$2/costs.new"
    [ ! -s "$2/costs.new" ] || cat "$2/costs.new" >"$2/costs"
    rm -f "$2/costs.new"
}

all=0
if [ "${1:-}" = --all ]; then
    all=1
    shift
fi
pairs=() chosen=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    pairs+=("$1")
    shift
done
[ $# -eq 0 ] || chosen=("${@:2}")
set -- "${pairs[@]}"
shopt -s nullglob
plan=$(mktemp)
trap 'rm -f "$plan"' EXIT
known=(tests/tools/costs)
for pair in "$@"; do
    rm -rf "${pair#*=}/log"
    [ ! -s "${pair#*=}/costs" ] || known+=("${pair#*=}/costs")
done
for pair in "$@"; do
    while read -r suite; do
        printf '%s\t%s\t%s\n' "${pair%%=*}" "${pair#*=}" "$suite"
    done < <(suites "${pair%%=*}" "${pair#*=}")
done | by_cost "${known[@]}" | tr '\t' '\n' >"$plan"
xargs -a "$plan" -d '\n' -n 3 -P "$(nproc 2>/dev/null || echo 2)" bash -c 'run_suite "$@"' run_suite

logs=()
for pair in "$@"; do
    [ ${#chosen[@]} -gt 0 ] || write_costs "${pair%%=*}" "${pair#*=}"
    logs+=("${pair#*=}"/log/"${pair%%=*}"-*.log)
done
[ ${#logs[@]} -gt 0 ] || { echo '0 passed, 1 failed'; exit 1; }
for log in "${logs[@]}"; do
    if grep -q '^not ok' "$log"; then
        printf '\n--- %s\n' "$log"
        tail -n 60 "$log"
    fi
done
grep -h '^ok.*# *[Ss][Kk][Ii][Pp]' "${logs[@]}" | sed -E 's/^ok [0-9]+ /skipped: /'
skipped=$(cat "${logs[@]}" | grep -ciE '^ok.*# *skip')
passed=$(($(cat "${logs[@]}" | grep -c '^ok') - skipped))
failed=$(cat "${logs[@]}" | grep -c '^not ok')
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
