#!/usr/bin/env bats
# text.bats - grep, head, tail, count and the digests on the command line.

load common

@test "grep writes the same as GNU grep, with any number of threads" {
    log_lines 50000 >log
    for options in '-v DEBUG' '-c WARN' '-n worker-1[02]' '-i -w error' '-E id=[0-9]*7|took.9' \
        '-o worker-[0-9]*' '-m 100 INFO' '-x -F nothing'; do
        # shellcheck disable=SC2086
        grep -a $options log >expected || true
        for threads in 1 2 8; do
            # shellcheck disable=SC2086
            leat --threads=$threads read log : grep $options >got
            cmp got expected
        done
    done
}

@test "grep that selects nothing succeeds, and its output exists and is empty" {
    log_lines 100 | leat grep nothing : write out
    [ -e out ]
    [ ! -s out ]
}

@test "an invalid pattern is a usage error that names the stage" {
    run leat read none : grep '\(a' : write out
    is 2
    has 'grep (#2)'
    has 'unmatched'
    [ ! -e out ]
}

@test "head ends an endless input with success" {
    run bash -c "yes | $BOUND '$LEAT' head -n 2"
    is 0
    [ "$output" = $'y\ny' ]
}

@test "head and tail read files and accept the old options" {
    log_lines 100 >log
    leat read log : head -5 >got
    head -n 5 log | cmp - got
    leat read log : tail -5 >got
    tail -n 5 log | cmp - got
    leat read log : head -n -90 : tail -n +3 >got
    head -n -90 log | tail -n +3 | cmp - got
}

@test "tail reads only the end of a file, and explain says so" {
    truncate -s 20G huge 2>/dev/null || skip 'no file of that size here'
    seq 1000 >>huge
    seq 5 >small
    [ "$(bounded "$LEAT" read huge : tail -n 2)" = $'999\n1000' ]
    [ "$(bounded "$LEAT" read small huge small : tail -n 6)" = $'1000\n1\n2\n3\n4\n5' ]
    [ "$(bounded "$LEAT" tail -c 5 <huge)" = 1000 ]
    { read -r -n 2; bounded "$LEAT" tail -n 9; } <small >got
    tail -n +2 small | cmp - got
    leat explain read huge : tail -c 5 | grep -q 'read huge (a file is read from the last 5 bytes on)'
    leat explain read huge : pass : tail -c 5 >plan
    leat explain read --offset=1 huge : tail >>plan
    leat explain read huge : tail -n +5 >>plan
    run grep 'from the last' plan
    is 1
    mkfifo pipe
    seq 20 >pipe &
    [ "$(bounded "$LEAT" read small pipe small : tail -n 6)" = $'20\n1\n2\n3\n4\n5' ]
    wait
    leat read /proc/self/status : tail -n 1 | grep -q .
}

@test "count prints the same as wc for a pipe" {
    log_lines 1000 >log
    for options in '' -l -w -c -m -L -lw -clmwL; do
        # shellcheck disable=SC2002,SC2086
        cat log | LC_ALL=C.UTF-8 wc $options >expected
        # shellcheck disable=SC2086
        leat wc $options <log >got
        cmp got expected
    done
}

@test "the digests equal those of the standard tools, which can check the lists" {
    log_lines 1000 >log
    for pair in md5:md5sum sha1:sha1sum sha256:sha256sum sha512:sha512sum blake2b:b2sum; do
        leat read log : "${pair%:*}" >got
        "${pair#*:}" log | cmp - got
        "${pair#*:}" -c --quiet got
        leat read log : "${pair%:*}" --tag >got
        "${pair#*:}" --tag log | cmp - got
    done
}

@test "digest and count in one pass: both files and the output appear together" {
    log_lines 1000 >log
    leat read log : sha256 --to=sum : count -l --to=n : write out
    cmp out log
    sha256sum -c --quiet sum
    [ "$(cat n)" = 1000 ]
}

@test "an unexpected digest is status 4, and no output appears" {
    log_lines 1000 >log
    sum=$(sha256sum <log)
    leat read log : sha256 --expect="${sum%% *}" : write good
    cmp good log
    run leat read log : sha256 --expect="$sum" : write bad
    is 2
    run leat read log : count --to=n : sha256 --expect="$(printf '%064d' 7)" : write bad
    is 4
    has 'sha256 (#3)'
    [ ! -e bad ]
    [ ! -e n ]
}

@test "--record-max treats a line in one chunk like a line in several" {
    local line=123456789012345678901234567890 cut
    printf 'ab\n%s\nc\n' "$line" >lines
    for cut in 64K 7 1; do
        run leat --chunk=$cut --record-max=10 read lines : grep -v x
        is 7
        has "limit of 10 bytes"
        has "(byte 3)"
        [ "${lines[0]}" = ab ]
        run leat --chunk=$cut --record-max=30 read lines : grep -c -v x
        is 0
        [ "$output" = 3 ]
    done
}

@test "a record exactly as long as the limit is accepted" {
    head -c 4194304 /dev/zero | tr '\0' x >longest
    echo >>longest
    for threads in 1 4; do
        run -0 leat --memory=16M --threads="$threads" read longest : grep -c x
        [ "$output" = 1 ]
    done
    echo y | cat longest - | tr -d '\n' >longer
    run -7 leat --memory=16M read longer : grep -c x
    has 'a record (line) is longer than the limit of 4194304 bytes; raise --record-max, and --memory to at least twice as much (byte 0)'
    run -7 leat --memory=4M zero -n 600K : grep 1 : gzip -6 : null
    has 'bytes of memory for a record (line) within the limit of 1048576 bytes; raise --memory'
}
