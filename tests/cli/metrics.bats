#!/usr/bin/env bats
# metrics.bats - --metrics: the figures of a run for the textfile collector of node_exporter.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    log_lines 20000 >log
}

# metric NAME [LABEL] - its value in m.prom.
metric() {
    grep -E "^$1\{" m.prom | grep -F -- "${2-}" | sed 's/.* //'
}

@test "a FIFO is no file of metrics" {
    seq 10 >in
    mkfifo f.prom
    run leat --metrics=f.prom read in : write out
    is 2
    has '--metrics=f.prom: this is not a regular file'
    [ ! -e out ]
}

@test "the figures of a run that succeeded" {
    leat --metrics=m.prom read log : tee [ sha256 : null ] : gzip : write out.gz
    [ "$(metric leat_run_active)" = 0 ]
    [ "$(metric leat_run_exit_status)" = 0 ]
    [ "$(metric leat_source_bytes_total)" = "$(stat -c %s log)" ]
    [ "$(metric leat_stage_out_bytes_total 'name="gzip"')" = "$(stat -c %s out.gz)" ]
    [ "$(metric leat_stage_in_bytes_total 'name="write"')" = "$(stat -c %s out.gz)" ]
    metric leat_last_success_timestamp_seconds | grep -Eqx '[0-9]{10}[.][0-9]{6}'
    [ "$(grep -v '^#' m.prom | grep -vc 'job_name="m"')" = 0 ]
    [ -z "$(grep -v '^#' m.prom | sed 's/ [^ ]*$//' | sort | uniq -d)" ]
    only log out.gz m.prom
}

@test "a stage with two halves has two metrics, and a wait for room is one" {
    mkfifo go
    "$LEAT" --metrics=m.prom zero -n 3M : exec sh -c 'cat go; cat' : null 3>&- &
    wait_for settled $!
    echo >go
    wait $!
    [ -z "$(grep -v '^#' m.prom | sed 's/ [^ ]*$//' | sort | uniq -d)" ]
    [ "$(metric leat_stage_in_bytes_total 'name="exec"} ')" = 3145728 ]
    [ "$(metric leat_stage_out_bytes_total 'name="exec",half="2"')" = 3145729 ]
    [[ $(metric leat_stage_wait_seconds_total 'name="zero",waits_for="room"') != 0.0[0-9]* ]]
    [[ $(metric leat_stage_wait_seconds_total 'name="zero",waits_for="input"') == 0.0[0-9]* ]]
}

@test "promtool accepts the file" {
    needs promtool
    leat --metrics='a "b\c.prom' read log : gzip : null
    promtool check metrics <'a "b\c.prom'
    grep -F 'leat_run_active{job_name="a \"b' 'a "b\c.prom'
}

@test "a run that fails keeps the time of the last success; a first one has none" {
    run -3 leat --metrics=m.prom read log : gunzip : null
    [ "$(metric leat_run_exit_status)" = 3 ]
    [ -z "$(metric leat_last_success_timestamp_seconds)" ]
    leat --metrics=m.prom read log : null
    local at
    at=$(metric leat_last_success_timestamp_seconds)
    run -3 leat --metrics=m.prom read log : gunzip : null
    [ "$(metric leat_last_success_timestamp_seconds)" = "$at" ]
    run -141 bash -c '"$LEAT" --metrics=m.prom zero | head -c 1; exit "${PIPESTATUS[0]}"'
    [ "$(metric leat_run_exit_status)" = 141 ]
    [ "$(metric leat_last_success_timestamp_seconds)" = "$at" ]
}

moved() {
    [ "$(metric leat_stage_in_bytes_total 'name="count"')" = 7 ]
}

@test "the file is written during the run, and again and again" {
    mkfifo fifo
    "$LEAT" --metrics=m.prom read fifo : count -c : write n &
    exec 8>fifo
    wait_for test -s m.prom
    [ "$(metric leat_run_active)" = 1 ]
    [ -z "$(metric leat_run_exit_status)" ]
    printf 7bytes.. | head -c 7 >&8
    wait_for moved
    kill -TERM "$!"
    status=0
    wait $! || status=$?
    exec 8>&-
    [ "$status" = 143 ]
    [ "$(metric leat_run_active)" = 0 ]
    [ "$(metric leat_run_exit_status)" = 143 ]
    only fifo log m.prom
}

@test "a file of another kind, another name, and a file of the run are refused" {
    echo precious >m.prom
    run -1 leat --metrics=m.prom read log : write out
    has 'leat: --metrics=m.prom: the file exists and has other content; --force replaces it'
    [ "$(cat m.prom)" = precious ]
    run -0 leat --force --metrics=m.prom read log : null
    for name in m .prom dir/.prom m.txt; do
        run -2 leat --metrics=$name read log : write out
        has "leat: --metrics=$name: the name must end in .prom"
    done
    run -2 leat --force --metrics=m.prom read log : write ./m.prom
    has 'is the file of --metrics, too'
    run -1 leat --metrics=no/such/m.prom read log : write out
    has 'leat: --metrics=no/such/m.prom: No such file or directory'
    run -2 leat test --metrics=m.prom log
    has 'leat test has no option --metrics'
    only log m.prom
}

@test "a confined run writes it" {
    sanitized && skip 'sanitizers open files of their own'
    mkdir dir
    leat --sandbox=require --metrics=dir/m.prom read log : null || skip 'the kernel cannot confine'
    leat --sandbox=require --metrics=dir/m.prom read log : gzip : null
    grep -q 'leat_run_exit_status{job_name="m"} 0' dir/m.prom
}

@test "a run that is refused leaves the file as it is" {
    for _ in {1..20}; do # the file was written at the same time as the stages were opened
        echo precious >m.prom
        run -2 leat --force --metrics=m.prom read m.prom : null
        has 'm.prom: is the file of --metrics, too'
        [ "$(cat m.prom)" = precious ]
    done
}

@test "a page of an earlier run, or an empty file, that is an input is not replaced" {
    leat --metrics=m.prom read log : null
    cp m.prom page
    : >empty.prom
    ln -s m.prom link
    for name in m.prom link; do
        run -2 leat --metrics=m.prom read log "$name" : write out
        has 'm.prom: is the file of --metrics, too; give that another name'
        cmp m.prom page
    done
    run -2 leat --metrics=m.prom follow --once m.prom : write out
    cmp m.prom page
    run -2 leat --metrics=empty.prom read log : merge [ read empty.prom ] : write out
    [ ! -s empty.prom ]
    only empty.prom link log m.prom page
}
