#!/usr/bin/env bats
# checkpoint.bats - a source goes on where all that came of it was committed, and nowhere else.
# shellcheck disable=SC2154 # bats sets status

load common

setup() {
    cd "${LEAT_TEST_TMP:+$(mktemp -d "$LEAT_TEST_TMP/checkpoint.XXXXXX")}" 2>/dev/null || cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
    local pid dir=$PWD
    for pid in $(jobs -p) ${leat_pid:-}; do
        kill -9 "$pid" 2>/dev/null || true
    done
    ! mountpoint -q small 2>/dev/null || umount small
    [[ $dir != "${LEAT_TEST_TMP:-/nowhere}"/checkpoint.* ]] || rm -rf "$dir"
}

# once - what a run with the checkpoint finds.
once() {
    leat follow --once --checkpoint=ck app.log : write --force out
}

# finds TEXT - the same, and it is this text.
finds() {
    once
    printf '%b' "$1" | cmp out -
}

@test "each run reads what came since the last one" {
    printf '1\n2\n' >app.log
    finds '1\n2\n'
    finds ''
    printf '3\n4' >>app.log
    finds '3\n' # the last line is not whole yet
    printf '4\n' >>app.log
    finds '44\n'
    only app.log ck out
}

@test "a run that fails moves nothing" {
    printf '1\n2\n' >app.log
    run leat follow --once --checkpoint=ck app.log : exec false
    [ "$status" != 0 ]
    [ ! -e ck ]
    finds '1\n2\n'
    printf '3\n' >>app.log
    cp ck before
    run leat follow --once --checkpoint=ck app.log : write nowhere/out
    is 1
    cmp ck before
    leat follow --once --checkpoint=ck app.log : head -n 1 : write --force out
    printf '4\n' >>app.log
    finds '3\n4\n' # the run before did not want all there was
}

@test "what was rotated meanwhile is found, in a chain and by dates" {
    printf '1\n2\n' >app.log
    finds '1\n2\n'
    printf '3\n' >>app.log
    mv app.log app.log.1
    finds '3\n'
    printf '4\n' >app.log
    mv app.log.1 app.log.2
    mv app.log app.log.1
    printf '5\n' >app.log
    finds '4\n5\n'
    printf '6\n' >>app.log
    mv app.log app.log-20261130
    printf '7\n' >app.log
    mv app.log app.log-20261201
    printf '8\n' >app.log
    touch -d '1 hour' app.log-20261130 # the order is that of the last change
    finds '6\n8\n'
}

@test "a copy is found by its content, and a truncated file is read from its start" {
    printf '1\n2\n' >app.log
    finds '1\n2\n'
    printf '3\n' >>app.log
    cp app.log app.log.1
    printf '4\n5\n6\n7\n8\n' >app.log
    finds '3\n4\n5\n6\n7\n8\n'
    cp app.log app.log.1
    finds '' # the copy is not read again
    : >app.log
    finds ''
    printf '9\n' >>app.log
    finds '9\n'
}

@test "a file that cannot be found is told" {
    printf '1\n2\n' >app.log
    finds '1\n2\n'
    rm app.log
    printf 'new\n' >app.log
    run once
    is 0
    has 'was read to byte 4 is not there any more'
    printf 'new\n' | cmp out -
}

@test "a file that was compressed meanwhile is read from where it was, and not twice" {
    log_lines 3000 >app.log
    once
    cmp out app.log
    gzip app.log # nothing was added
    mv app.log.gz app.log.1.gz
    printf 'new\n' >app.log
    finds 'new\n'
    log_lines 3000 >>app.log
    cp app.log app.log.2
    { gzip -c <(head -n 1000 app.log); gzip -c <(tail -n +1001 app.log); } >app.log.1.gz # two members
    cp app.log.1.gz app.log.7.gz
    rm app.log.2
    printf 'newer\n' >app.log
    run once
    is 0
    cmp out <(log_lines 3000; echo newer)
    finds ''
    printf 'more\n' >>app.log
    gzip -c app.log >app.log.1.gz # and the file itself is truncated, as by copytruncate
    printf 'x\n' >app.log
    finds 'more\nx\n'
}

@test "a compressed file that has lines that were not read, and is not found by its content, is an error" {
    local name
    printf '1\n2\n' >app.log
    finds '1\n2\n'
    printf '3\n' >>app.log
    for name in app.log.1.zst app.log.1.gz; do
        case $name in
        *.zst) zstd -qc app.log >$name ;;
        *.gz) printf '7\n8\n' | gzip -c >$name ;; # one more rotation
        esac
        touch -d '1 hour' $name
        mv app.log aside
        printf 'new\n' >app.log
        cp ck before
        run once
        is 1
        has "$name: is newer than the checkpoint"
        has 'decompress it'
        cmp ck before
        rm $name
        mv aside app.log
    done
    touch -d '1 hour ago' app.log
    echo 'not gzip' >app.log.9.gz
    touch -d '1 day ago' app.log.9.gz # old ones do not matter
    finds '3\n'
}

@test "a stopped run keeps its place with --on-interrupt=finish, and loses it without" {
    local signal
    printf '1\n' >app.log
    for signal in TERM KILL; do
        exec {lines}< <(exec env --default-signal=TERM "$LEAT" --on-interrupt=finish follow --checkpoint=ck app.log)
        leat_pid=$!
        read -rt "$WAIT_S" line <&"$lines"
        [ "$line" = 1 ]
        kill -"$signal" "$leat_pid"
        wait "$leat_pid" || true
        exec {lines}<&-
        [ "$signal" = KILL ] || rm ck
    done
    [ ! -e ck ]
}

@test "a checkpoint that is none is refused" {
    printf '1\n' >app.log
    echo hello >ck
    run once
    is 3
    has 'ck: is no checkpoint'
    printf 'leat checkpoint 1\n3\nabc\n' >ck
    run once
    is 3
    run leat follow --checkpoint=a app.log : merge [ follow --checkpoint=b app.log ] : null
    [ "$status" != 0 ]
}

@test "an inode that is used again is told by its content" {
    local ino try
    cd "$BATS_TEST_TMPDIR" # tmpfs gives each number once
    printf '1\n2\n' >app.log
    finds '1\n2\n'
    ino=$(stat -c %i app.log)
    rm app.log
    for try in {1..50}; do
        printf '3\n4\n5\n' >app.log
        [ "$(stat -c %i app.log)" != "$ino" ] || break
        mv app.log "other$try"
    done
    [ "$(stat -c %i app.log)" = "$ino" ] || skip 'the file system here gives each inode number once'
    finds '3\n4\n5\n'
    printf '6\n' >>app.log
    finds '6\n'
}

@test "a second run with the same checkpoint is refused, and says who has it" {
    printf '1\n' >app.log
    exec {lines}< <(exec env --default-signal=TERM "$LEAT" --on-interrupt=finish follow --checkpoint=ck app.log)
    leat_pid=$!
    read -rt "$WAIT_S" line <&"$lines"
    run leat follow --once --checkpoint=ck app.log : write out
    is 1
    has "ck: is the checkpoint of another run, process $leat_pid on "
    has 'give another file'
    [ ! -e out ]
    if "$LEAT" --sandbox=require null </dev/null 2>/dev/null; then
        run leat --sandbox=require follow --once --checkpoint=ck app.log : write out
        is 1
        has "process $leat_pid on "
    fi
    run leat follow --once --checkpoint=./ck app.log : null # another name of the same file
    is 1
    leat follow --once --checkpoint=other app.log : null
    kill -TERM "$leat_pid"
    exec {lines}<&-
    wait_for test ! -e "/proc/$leat_pid"
    only app.log ck other
    printf '2\n' >>app.log
    finds '2\n'
}

@test "the lock of a killed run keeps nobody away" {
    printf '1\n' >app.log
    echo 'process 1 on elsewhere' >ck.lock
    finds '1\n'
    only app.log ck out
    mkdir ck.lock
    run once
    is 1
    has 'ck.lock'
}

@test "a checkpoint waits while its disk is full" {
    [ "$(id -u)" = 0 ] || skip 'not root: cannot mount a small tmpfs'
    mkdir small
    mount -t tmpfs -o size=64k tmpfs small 2>/dev/null || skip 'mount is refused here'
    head -c 64K /dev/zero >small/other 2>/dev/null || true
    log_lines 100 >app.log
    "$LEAT" follow --checkpoint=small/ck app.log : rotate --size=100 'p-{n}' 2>err &
    leat_pid=$!
    wait_for settled "$leat_pid"
    [ ! -e p-0 ]
    rm small/other
    wait_for test -e p-0
    cmp p-0 app.log
    kill -TERM "$leat_pid"
    wait "$leat_pid"
    grep -q 'waited for space' err
    umount small
}

@test "a checkpoint is kept in the sandbox" {
    "$LEAT" --sandbox=require null </dev/null 2>/dev/null || skip 'no sandbox here'
    printf '1\n' >app.log
    leat --sandbox=require follow --once --checkpoint=ck app.log : rotate 'p-{n}' [ gzip ]
    gzip -dc p-0 | cmp - app.log
    finds ''
}

# writes N - append N numbered lines to the log, which is sometimes rotated.
writes() {
    local i
    for ((i = 0; i < $1; i++)); do
        printf 'line %06d with some more text\n' $((++wrote))
    done >>app.log
    if ((wrote % 3 == 0)); then
        mv app.log "app.log.$((++rotated))"
        : >app.log
    fi
}

# parts_are N - there are so many parts.
parts_are() {
    [ "$(find . -name 'p-*' | wc -l)" -ge "$1" ]
}

# kill_often STAGE... - the parts have each line once, though the run is killed again and again.
kill_often() {
    local i n
    wrote=0 rotated=0
    writes 1
    once >/dev/null
    mv out p-000000
    for ((i = 0; i < 12; i++)); do
        "$LEAT" follow --checkpoint=ck app.log : "$@" 2>>err &
        leat_pid=$!
        n=$(find . -name 'p-*' | wc -l)
        writes $((40 + 37 * i))
        wait_for parts_are $((n + 1)) # all that is there may come in one read, and then in one part
        kill -9 "$leat_pid"
        wait "$leat_pid" || true
        writes $((i * 7))
    done
    leat follow --once --checkpoint=ck app.log : "$@"
}

@test "killed again and again: each line comes exactly once" {
    kill_often rotate --size=300 'p-{n:06}'
    cat p-* | cmp - <(for ((i = 1; i <= wrote; i++)); do printf 'line %06d with some more text\n' "$i"; done)
    [ ! -s err ]
}

@test "the same through stages that work line by line" {
    kill_often grep -v '7 ' : rotate --size=300 'p-{n:06}' [ zstd ]
    mv p-000000 first
    { cat first; zstd -dqc p-*; } | cmp - <(for ((i = 1; i <= wrote; i++)); do printf 'line %06d with some more text\n' "$i"; done | grep -v '7 ')
    [ ! -s err ]
}

# renames N - so many calls of rename(2) have begun.
renames() {
    local n
    n=$(tr -d '\0' <counts | awk '$1 == "rename" { print $2 }')
    [ "${n:-0}" -ge "$1" ]
}

@test "killed while a part gets another name: each line comes exactly once" {
    local k faults library
    faults=$(realpath "$BUILD/tests/faults.so") || skip 'tests/faults.so is not built'
    library=$(ldd "$LEAT" | grep -oE '/[^ ]*lib[at]san[^ ]*' || true)
    for k in 1 2 3 4 5; do # the places of the checkpoint, and tries of the part
        rm -f ck p-* counts
        printf '1\n2\n' >app.log
        env --default-signal=HUP FAULT="rename:$k:hang" FAULT_COUNTS=counts LD_PRELOAD="$library $faults" \
            "$LEAT" follow --checkpoint=ck app.log : rotate 'p-{n}' 2>err &
        leat_pid=$!
        wait_for test -s counts
        wait_for settled "$leat_pid"
        echo other >p-0
        kill -HUP "$leat_pid"
        wait_for renames "$k"
        wait_for settled "$leat_pid"
        kill -9 "$leat_pid"
        wait "$leat_pid" || true
        [ ! -s err ]
        leat follow --once --checkpoint=ck app.log : rotate 'p-{n}'
        [ "$(cat p-0)" = other ]
        cat p-[1-9] | cmp app.log -
    done
}
