#!/usr/bin/env bats
# faults.bats - system calls fail (tests/interpose): all outputs are right, or none exists.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    FAULTS=${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/faults.so
    FAULTS=$(realpath "$FAULTS") || skip 'tests/faults.so is not built'
    export FAULTS
    export -f faulty
    log_lines 3000 >log
}

# faulty FAULT STAGE... - run leat with this fault, see faults.c.
faulty() {
    local library
    library=$(ldd "$LEAT" | grep -oE '/[^ ]*lib[at]san[^ ]*' || true) # the library of a sanitizer must be loaded first
    "$BOUND" env FAULT="$1" LD_PRELOAD="$library $FAULTS" "$LEAT" "${@:2}"
}

# all_fail JOB - fail each system call of the job in turn; FAULTS_CASES=0: with every error at every call.
all_fail() {
    needs python3
    python3 "$BATS_TEST_DIRNAME/../interpose/faults.py" --cases="${FAULTS_CASES:-100}" "$1"
}

@test "each system call of the main job fails" {
    all_fail main
}

@test "each system call of tee with --sums fails" {
    all_fail sums
}

@test "each system call of split fails" {
    all_fail split
}

@test "each system call around a child process fails" {
    all_fail exec
}

@test "each system call of a copy fails" {
    all_fail copy
}

@test "each system call of an appending write fails" {
    all_fail append
}

@test "each system call of side outputs fails" {
    all_fail side
}

@test "each system call of a job to standard output fails" {
    all_fail stdout
}

@test "each system call of pack fails" {
    all_fail pack
}

@test "each system call of write --keep-partial fails" {
    all_fail partial
}

@test "each system call of a job with a report and a trace fails" {
    all_fail report
}

@test "each system call of write --drop-cache fails" {
    all_fail drop
}

@test "each system call of an extraction fails" {
    all_fail extract
}

@test "each rename of an extraction fails where names cannot be exchanged" {
    needs python3
    python3 "$BATS_TEST_DIRNAME/../interpose/faults.py" --class=rename --lacks=exchange,noreplace \
        --cases="${FAULTS_CASES:-100}" extract
}

@test "file systems that lack exchange, no-replace, hard links, files without a name" {
    needs python3
    python3 "$BATS_TEST_DIRNAME/../interpose/faults.py" --absent
}

# --- standard output and error ------------------------------------------------------------------

@test "an error of close(2) on standard output is an error: quotas, NFS, FUSE" {
    local error
    for error in 5 28 122; do
        run -1 bash -c "faulty close-out:0:$error read log : zstd >out"
        has 'cannot close standard output'
    done
    run -1 bash -c "faulty close-out:0:122 help >out"
    [ "$output" = 'leat: standard output: Disk quota exceeded' ]
    run -1 bash -c "faulty close-out:0:122 --stats read log : null 2>err"
    run -1 bash -c "faulty close-out:0:122 --log=json:events read log : null"
    has 'leat: --log=json:events: Disk quota exceeded'
}

@test "a full standard output is status 1 for every kind of output" {
    local words
    gzip -k log
    for words in help --version stages 'help zstd' 'explain null' 'completion bash' 'man stages' \
        'test log.gz' 'read log' 'read log : count --to=- : null' '--report=- read log : null'; do
        run -1 bash -c "\$LEAT $words >/dev/full"
        has 'No space left on device'
    done
    for words in '--stats read log : null' '--log=json read log : null'; do
        run -1 bash -c "\$LEAT $words 2>/dev/full"
    done
}

@test "standard output that the program inherits stays open for others" {
    # shellcheck disable=SC2016
    run -0 bash -c '{ "$LEAT" read log; echo more; } >out'
    { cat log; echo more; } | cmp - out
}

@test "side outputs to a stream are written only after all files are in place and synced" {
    local words fault
    for words in 'read log : count --to=- : write out' \
        'read log : sha256 --to=/dev/stdout : write out' \
        '--sums=/dev/stdout read log : write out' \
        'read log : tee [ sha256 --to=/dev/fd/3 : null ] : write out'; do
        for fault in rename:0:28,link:0:28 fsync-dir:1:5; do
            run -1 bash -c "faulty $fault $words >s 3>s"
            [ ! -s s ]
            rm s
            only log
        done
        run -1 bash -c "\$LEAT $words >/dev/full 3>/dev/full" # if that fails, there is no output
        only log
    done
}

# --- the event loop -----------------------------------------------------------------------------

@test "too few descriptors are reported" {
    local n
    [ "$LEAT_BUILD_KIND" != tsan ] || skip 'the runtime of TSan needs descriptors, too'
    export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 # its search needs descriptors, too
    for n in 4 5 6 7 8 9 10 12 14 16; do
        (ulimit -n "$n" && "$LEAT" --version) >/dev/null 2>&1 || continue # too few for the loader
        run bash -c "ulimit -n $n; exec \"\$LEAT\" read log : gzip : exec cat : write out"
        is 1
        [ "${#lines[@]}" = 1 ]
        has 'oo many open files'
        only log
    done
}
