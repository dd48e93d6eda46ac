#!/usr/bin/env bats
# freq.bats - freq and distinct on the command line: more lines than memory, and odd input.

load common

# Lines that do not fit in 4M, each twice.
many() {
    seq 1 80000
    seq 1 80000
}

@test "more different lines than memory come out as from the standard tools" {
    mkdir spill
    export LC_ALL=C
    many | leat --memory=4M distinct --spill=spill >got
    seq 1 80000 | cmp - got
    many | leat --memory=4M freq --spill=spill >got
    seq 1 80000 | sort -r | sed 's/^/      2 /' | cmp - got
    many | leat --memory=4M freq --top=3 >got
    printf '      2 %s\n' 9999 9998 9997 | cmp - got
    [ -z "$(ls -A spill)" ]
}

@test "a spill directory that is missing or full is one error, and no output is left" {
    mkdir spill
    for stage in freq distinct; do
        run -1 bash -c "seq 80000 | '$LEAT' --memory=4M $stage --spill=nowhere : write out"
        has 'cannot make a temporary file in nowhere'
        has '--spill=DIR'
        [ ! -e out ]
    done
    [ "$(id -u)" = 0 ] || return 0
    mount -t tmpfs -o size=64k tmpfs spill 2>/dev/null || return 0
    for stage in freq distinct; do
        run bash -c "seq 80000 | '$LEAT' --memory=4M $stage --spill=spill : write out"
        [ "$status" = 1 ] || { umount spill && false; }
        has 'to a temporary file in spill'
        has 'No space left on device'
    done
    umount spill
    [ ! -e out ]
}

@test "a killed run leaves nothing in the spill directory" {
    mkdir spill
    mkfifo feed
    "$LEAT" --memory=4M read feed : distinct --spill=spill : write out &
    exec 7>feed
    seq 80000 >&7
    wait_for is_spilling $!
    kill -9 $!
    wait $! || true
    exec 7>&-
    [ -z "$(ls -A spill)" ]
    [ ! -e out ]
}

is_spilling() {
    [ -n "$(find "/proc/$1/fd" -lname '*spill/*deleted*')" ]
}

@test "distinct outputs a line before the end of the input" {
    mkfifo feed
    "$LEAT" read feed : distinct >got &
    exec 7>feed
    printf 'a\nb\na\n' >&7
    wait_for has_lines 2
    printf 'b\nc\n' >&7
    wait_for has_lines 3
    exec 7>&-
    wait $!
    printf 'a\nb\nc\n' | cmp - got
}

has_lines() {
    [ "$(wc -l <got)" = "$1" ]
}

@test "odd lines are counted as bytes" {
    printf 'a\0b\na\0c\n\xff\n\r\r\n\n\na\0b' >in
    leat freq <in >got
    LC_ALL=C sort in | LC_ALL=C uniq -c | LC_ALL=C sort -rn | cmp - got
    leat freq -z <in >got
    LC_ALL=C sort -z in | LC_ALL=C uniq -zc | LC_ALL=C sort -zrn | cmp - got
    printf 'a\0b\na\0c\n\xff\n\r\r\n\n' >expected
    leat distinct <in | cmp - expected
    for stage in freq distinct; do
        leat "$stage" </dev/null >got
        [ ! -s got ]
    done
    printf '3\tb\n2\ta\n' >expected
    printf 'b\na\nb\nb\na' | leat freq --tab | cmp - expected
}

@test "a line of many megabytes is right, or one error that says how to raise the limit" {
    head -c 20M /dev/zero | tr '\0' x >in
    for stage in freq distinct; do
        run -7 leat read in : "$stage" : write out
        has 'raise'
        [ ! -e out ]
    done
    head -c 8M in | leat freq --tab | cmp - <(printf '1\t'; head -c 8M in; echo)
    head -c 8M in | leat distinct | cmp - <(head -c 8M in; echo)
}
