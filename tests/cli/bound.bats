#!/usr/bin/env bats
# bound.bats - the bound of a suite is on its progress, not on its length.

load common

# suite BODY - create a suite with this shell script.
suite() {
    printf '#!/bin/bash\n%s\n' "$1" >"$BATS_TEST_TMPDIR/suite"
    chmod +x "$BATS_TEST_TMPDIR/suite"
}

# run_suite - run it as `make check` does, with small bounds; $output also contains the log.
run_suite() {
    mkdir -p own
    ln -sf "$BOUND" own/bound
    run env SUITE_IDLE_S=2 SUITE_CPU_S=2 SUITE_STALL_S=1000 \
        "$BATS_TEST_DIRNAME/../tools/run.sh" build="$(realpath --relative-to="$BATS_TEST_DIRNAME/../.." own)" -- "$PWD/suite"
    cat own/log/*
}

@test "a suite that hangs fails, says so and shows its processes" {
    suite 'echo ok 1 first; exec sleep 1000'
    run_suite
    is 1
    has 'hung: 2 s without progress'
    has 'sleep 1000'
    has '1 passed, 1 failed'
}

@test "a suite that spins fails, and says so" {
    suite 'echo ok 1 first; while :; do :; done'
    run_suite
    is 1
    has 'livelock: 2 s of processor time'
    has '1 passed, 1 failed'
}

@test "a slow suite that keeps printing is not killed" {
    # Each number takes a part of the bound; all numbers together take far longer.
    suite 'for i in {1..40}; do for ((j = 0; j < 60000; j++)); do :; done; echo "ok $i"; done'
    run_suite
    is 0
    has '40 passed, 0 failed'
}

@test "a suite that ends leaves no process" {
    suite "sleep 1000 & echo \$! >$PWD/pid; echo ok 1 first"
    run_suite
    is 0
    wait_for gone "$(cat pid)"
}

@test "a suite that dies of a signal is a failure" {
    suite 'echo ok 1 first; kill -SEGV $$'
    run_suite
    is 1
    has '1 passed, 1 failed'
}

@test "the longest suites start first, and an unknown one counts as long" {
    mkdir -p own bin
    ln -sf "$BOUND" own/bound
    printf '#!/bin/sh\necho 1\n' >bin/nproc
    for name in short long new; do
        printf '#!/bin/sh\necho %s >>%s/order\necho ok 1\n' "$name" "$PWD" >"$name"
    done
    chmod +x bin/nproc short long new
    printf 'build\tshort\t1.5\t1\nbuild\tlong\t200.1\t1\n' >own/costs
    PATH=$PWD/bin:$PATH run -0 "$BATS_TEST_DIRNAME/../tools/run.sh" \
        build="$(realpath --relative-to="$BATS_TEST_DIRNAME/../.." own)" -- "$PWD"/{short,long,new}
    [ "$(cat order)" = $'long\nnew\nshort' ]
    grep -Eq '^[0-9]+[.][0-9] [0-9]+[.][0-9]$' own/log/build-short.log.cost
}

@test "a command keeps its status, its signal and its streams" {
    run -7 bounded sh -c 'exit 7'
    run -127 bounded ./no-such-command
    run -143 bounded sh -c 'kill -TERM $$'
    [ "$(echo text | bounded cat)" = text ]
    run -0 bounded sh -c 'exec 2>&1; ls /proc/$$/fd | wc -l' <&-
}

@test "a signal is passed on to the command" {
    "$BOUND" bash -c 'trap "echo got it; exit 3" TERM; : >ready; while :; do read -rt 0.05 <> <(:); done' >out &
    local pid=$! code=0
    wait_for test -e ready
    kill -TERM "$pid"
    wait "$pid" || code=$?
    [ "$code" -eq 3 ]
    [ "$(cat out)" = 'got it' ]
}
