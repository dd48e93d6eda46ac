# common.bash - helpers for every .bats file: the path of leat, bounds, inputs, checks.
# shellcheck shell=bash
#
# No helper sleeps for a fixed time: bounded loops wait for conditions (wait_for).

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
# A condition usually comes true at once; the bound of the waiting loops is only a safety net.
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

# leat ARG... - run the command under test, bounded.
leat() {
    "$BOUND" "$LEAT" "$@"
}

# bounded CMD... - run any command, bounded.
bounded() {
    "$BOUND" "$@"
}

# log_lines N - print N log-like lines, always the same.
log_lines() {
    awk -v n="$1" 'BEGIN {
        split("DEBUG INFO WARN ERROR INFO", level, " ")
        for (i = 0; i < n; i++)
            printf "2026-11-22T10:%02d:%02d %s worker-%d id=%d took %d us\n",
                i / 60 % 60, i % 60, level[i % 5 + 1], i * 7919 % 13, i * 2654435761 % 100003, i % 997
    }'
}

# is STATUS - the last `run` ended with STATUS; shows its output if not.
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

# only NAME... - the current directory holds exactly these files (no temporary, no output).
only() {
    local found
    found=$(find . -mindepth 1 -printf '%P\n' | sort | paste -sd' ')
    [ "$found" = "$(printf '%s\n' "$@" | sort | paste -sd' ')" ] || {
        echo "in the directory: $found; expected: $*"
        return 1
    }
}

# pause [SECONDS] - sleep some milliseconds in a bounded loop; the outcome of a test does not depend on it. It
# starts no process: a loop that does so every 20 ms is a load of its own.
pause() {
    local fifo=$BATS_FILE_TMPDIR/pause
    [ -p "$fifo" ] || mkfifo "$fifo" 2>/dev/null || true
    read -rt "${1:-0.02}" <>"$fifo" || true
}

# wait_for CMD... - repeat the command until it succeeds, at most for WAIT_S seconds.
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

# gone PID - the process has ended.
gone() {
    ! kill -0 "$1"
}

# cpu_ticks PID - set ticks to the processor time of the process.
cpu_ticks() {
    local line fields
    read -r line <"/proc/$1/stat" || return 1
    read -ra fields <<<"${line##*) }"
    ticks=$((fields[11] + fields[12]))
}

# settled PID - the process used no processor time during five checks: it waits.
settled() {
    local before ticks _
    cpu_ticks "$1" || return 1
    before=$ticks
    for _ in 1 2 3 4 5; do
        pause 0.05
        cpu_ticks "$1" || return 1
        [ "$ticks" = "$before" ] || return 1
    done
}

# sanitized - leat was built with a sanitizer, so figures of memory are meaningless.
sanitized() {
    [ "${LEAT_BUILD_KIND:-build}" != build ]
}

# needs CMD... - skip the test if a command is not installed.
needs() {
    local command
    for command in "$@"; do
        command -v "$command" >/dev/null || skip "$command is not installed"
    done
}

# has_stage NAME - skip the test if this build does not have the stage.
has_stage() {
    "$LEAT" help "$1" >/dev/null 2>&1 || skip "no stage $1 in this build"
}
