# common.bash - what every .bats file loads: where leat is, bounds, inputs, what must be left.
# shellcheck shell=bash
#
# Nothing here sleeps: what must happen first is waited for in bounded loops (wait_for).

bats_require_minimum_version 1.5.0

LEAT=${LEAT:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/leat}
export LEAT
# A command that hangs or spins is killed by this (tests/tools/bound.c) and then has status 137.
BOUND=${BUILD:-$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/build}/bound
[ -x "$BOUND" ] || {
    echo "no $BOUND: run \`make tests\`" >&2
    exit 1
}
export BOUND
# Each condition comes true at once; the bound of the loops that wait for it is only a net.
WAIT_S=${WAIT_S:-600}
export NO_COLOR=1 LC_ALL=C

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
    local pid
    for pid in $(jobs -p); do
        kill -9 "$pid" 2>/dev/null || true
    done
}

# leat ARG... - the command under test, bounded.
leat() {
    "$BOUND" "$LEAT" "$@"
}

# bounded CMD... - any command, bounded.
bounded() {
    "$BOUND" "$@"
}

# log_lines N - N log-like lines, always the same.
log_lines() {
    awk -v n="$1" 'BEGIN {
        split("DEBUG INFO WARN ERROR INFO", level, " ")
        for (i = 0; i < n; i++)
            printf "2026-11-22T10:%02d:%02d %s worker-%d id=%d took %d us\n",
                i / 60 % 60, i % 60, level[i % 5 + 1], i * 7919 % 13, i * 2654435761 % 100003, i % 997
    }'
}

# is STATUS - the last `run` ended so; shows its output if not.
is() {
    [ "$status" -eq "$1" ] || {
        echo "status $status, expected $1; output:"
        echo "$output"
        return 1
    }
}

# has TEXT - the output of the last `run` contains it.
has() {
    [[ $output == *"$1"* ]] || {
        echo "expected '$1' in: $output"
        return 1
    }
}

# same FILE TEXT-OR-FILE... - two files hold the same bytes.
same() {
    cmp "$1" "$2"
}

# only NAME... - the current directory holds these and nothing else (no temporary, no output).
only() {
    local found
    found=$(find . -mindepth 1 -printf '%P\n' | sort | paste -sd' ')
    [ "$found" = "$(printf '%s\n' "$@" | sort | paste -sd' ')" ] || {
        echo "in the directory: $found; expected: $*"
        return 1
    }
}

# pause - some milliseconds inside a bounded loop; not a sleep that a test's outcome depends on.
pause() {
    read -rt 0.02 <> <(:) || true
}

# wait_for CMD... - until it succeeds, at most WAIT_S seconds.
wait_for() {
    local end=$((SECONDS + WAIT_S))
    until "$@" 2>/dev/null; do
        [ "$SECONDS" -lt "$end" ] || {
            echo "never happened: $*"
            return 1
        }
        pause
    done
}

# gone PID - it has ended.
gone() {
    ! kill -0 "$1"
}

# cpu_ticks PID - processor time that it has used.
cpu_ticks() {
    awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"
}

# settled PID - it used no processor time over five looks: it waits.
settled() {
    local before now _
    before=$(cpu_ticks "$1") || return 1
    for _ in 1 2 3 4 5; do
        read -rt 0.05 <> <(:) || true
        now=$(cpu_ticks "$1") || return 1
        [ "$now" = "$before" ] || return 1
    done
}

# sanitized - leat was built with a sanitizer: figures of memory mean nothing.
sanitized() {
    [ "${LEAT_BUILD_KIND:-build}" != build ]
}

# needs CMD... - skip if one is not installed.
needs() {
    local command
    for command in "$@"; do
        command -v "$command" >/dev/null || skip "$command is not installed"
    done
}

# has_stage NAME - skip if this build has no such stage.
has_stage() {
    "$LEAT" help "$1" >/dev/null 2>&1 || skip "no stage $1 in this build"
}
