#!/usr/bin/env bats
# rotate.bats - a stream that goes to files one after another, each of which is finished on its own.
#
# The tests wait for files, not for a time to pass.
# shellcheck disable=SC2154 # bats sets status

load common

setup() {
    cd "${LEAT_TEST_TMP:+$(mktemp -d "$LEAT_TEST_TMP/rotate.XXXXXX")}" 2>/dev/null || cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
    local pid dir=$PWD
    for pid in $(jobs -p) ${leat_pid:-}; do
        kill -9 "$pid" 2>/dev/null || true
    done
    ! mountpoint -q small 2>/dev/null || umount small
    [[ $dir != "${LEAT_TEST_TMP:-/nowhere}"/rotate.* ]] || rm -rf "$dir"
}

# start ARG... - run it in the background, with standard input from the FIFO `in`, which is descriptor 8 here.
start() {
    mkfifo in
    exec 8<>in
    env --default-signal=INT,TERM,HUP "$BOUND" "$LEAT" "$@" <in 8>&- &
    leat_pid=$!
}

# has_file FILE TEXT - it is there, with this text.
has_file() {
    [ -e "$1" ] && [ "$(cat "$1")" = "$2" ]
}

# count_files N PATTERN - so many names fit.
count_files() {
    [ "$(find . -name "$2" | wc -l)" = "$1" ] || { ls -l; return 1; }
}

@test "parts by size: whole lines, in order, through a branch" {
    log_lines 3000 >log
    leat read log : rotate --size=20K 'part-{n:03}.zst' [ zstd ]
    [ -e part-005.zst ]
    [ -e part-000.zst ]
    zstd -dqc part-*.zst | cmp - log
    for f in part-*.zst; do
        [ "$(zstd -dqc "$f" | wc -c)" -le 20480 ]
        zstd -dqc "$f" | tail -c 1 | cmp - <(echo)
    done
    log_lines 60000 >log
    leat read log : rotate --size-compressed=50K 'small-{n:02}' [ grep -v nothing ]
    [ -e small-01 ]
    cat small-?? | cmp - log
}

@test "a number goes on after those that are there, and no file is replaced" {
    echo old >out-007
    echo other >out-x
    seq 3 | leat rotate 'out-{n:03}'
    has_file out-007 old
    has_file out-008 "$(seq 3)"
    seq 4 | leat rotate --utc 'out-{time:%Y}-{n}'
    has_file "out-$(date -u +%Y)-0" "$(seq 4)"
    : | leat rotate 'none-{n}'
    only out-007 out-008 out-x "out-$(date -u +%Y)-0"
}

# child_settled PID - the one child of this process, leat in `bound`, is there and does nothing.
child_settled() {
    local child
    child=$(pgrep -P "$1") && settled "$child"
}

# has_all N... - the parts have these lines, each once.
has_all() {
    cat p-* | sort -n | cmp - <(printf '%s\n' "$@")
}

@test "two runs with one template: the second part gets another name when it is committed" {
    mkfifo other
    start rotate 'p-{n}'
    exec 7<>other
    env --default-signal=INT,TERM,HUP "$BOUND" "$LEAT" rotate 'p-{n}' <other 7>&- 8>&- &
    second=$!
    echo 1 >&8
    echo 2 >&7
    wait_for child_settled "$leat_pid"
    wait_for child_settled "$second"
    exec 8>&- # EOF
    wait "$leat_pid"
    has_file p-0 1
    kill -HUP "$second"
    wait_for has_file p-1 2
    echo 3 >p-2
    echo 4 >&7
    wait_for child_settled "$second"
    echo 5 >p-3
    mkdir p-4
    kill -TERM "$second"
    wait "$second"
    rmdir p-4
    has_file p-5 4 # at the end of the run, past a file and a directory
    has_all 1 2 3 4 5
    only in other p-0 p-1 p-2 p-3 p-5
}

@test "two rotate with one template in one run share the numbers" {
    seq 1000 >in
    leat read in : tee [ rotate --size=1K 'p-{n}' ] : rotate --size=1K 'p-{n}'
    count_files 8 'p-*'
    cat p-* | sort -n | uniq -c | awk '$1 != 2 { exit 1 } END { exit NR != 1000 }'
}

@test "leat --force replaces no part of another run" {
    start --force rotate 'p-{n}'
    echo one >&8
    wait_for child_settled "$leat_pid"
    echo other >p-0
    kill -TERM "$leat_pid"
    wait "$leat_pid"
    has_file p-0 other
    has_file p-1 one
}

@test "--keep and --keep-bytes remove the oldest parts, and nothing else" {
    seq 1000 >in
    echo >p-x
    mkdir p-00
    leat read in : rotate --size=500 --keep=2 'p-{n}'
    rmdir p-00
    count_files 3 'p-*'
    grep -qx 1000 p-*
    leat read in : rotate --size=500 --keep-bytes=1100 'b-{n}'
    [ "$(cat b-* | wc -c)" -le 1100 ]
    count_files 2 'b-*'
}

@test "--keep removes the part before, not the new one, when the clock has gone back" {
    local i
    seq 200 >in
    for i in 8 9 10; do
        echo "$i" >"p-$i"
        echo "$i" >"t-20300101-$i"
    done
    touch -d '2 hours' p-8 p-9 p-10 t-*
    leat read in : rotate --size=400 --keep=3 'p-{n}' # two parts
    only in p-10 p-11 p-12 t-20300101-8 t-20300101-9 t-20300101-10
    rm p-*
    leat read in : rotate --utc --size=400 --keep=3 't-{time:%Y%m%d}-{n}'
    only in t-20300101-10 "t-$(date -u +%Y%m%d)-0" "t-$(date -u +%Y%m%d)-1"
}

@test "--keep removes no files of another stream, whose names are longer" {
    seq 200 >in
    echo other >web-api-20261130T070000-1.log
    leat read in : rotate --size=400 --keep=1 'web-{time}-{n}.log'
    count_files 2 'web-*'
    [ -e web-api-20261130T070000-1.log ]
    run leat read in : rotate --keep=1 'web-{time:%Z}-{n}.log'
    is 2
    has 'strptime'
}

@test "SIGHUP ends the part, SIGTERM the last one" {
    start rotate 'p-{n}'
    echo one >&8
    wait_for settled "$leat_pid"
    [ ! -e p-0 ]
    kill -HUP "$leat_pid"
    wait_for has_file p-0 one
    kill -HUP "$leat_pid" # there is no part
    echo two >&8
    wait_for settled "$leat_pid"
    kill -HUP "$leat_pid"
    wait_for has_file p-1 two
    echo three >&8
    wait_for settled "$leat_pid"
    kill -TERM "$leat_pid"
    wait "$leat_pid"
    has_file p-2 three
    only in p-0 p-1 p-2
}

@test "--every ends a part though no line comes" {
    start --threads=1 rotate --every=10ms 'p-{n}' [ gzip ]
    echo one >&8
    wait_for test -e p-0
    gzip -dc p-0 | cmp - <(echo one)
    echo two >&8
    wait_for test -e p-1
    gzip -dc p-1 | cmp - <(echo two)
    kill -TERM "$leat_pid"
    wait "$leat_pid"
    only in p-0 p-1
}

@test "a part is kept when the run fails later, and its last one is not" {
    seq 1000 >in
    run leat read in : rotate --size=1K 'p-{n}' [ limit 3K ]
    run leat read in : tee [ rotate --size=1K 'p-{n}' ] : exec sh -c 'cat; exit 1' : null
    is 6
    count_files 3 'p-*'
    cat p-0 p-1 p-2 | cmp - <(head -c "$(cat p-* | wc -c)" in)
    only in p-0 p-1 p-2
}

@test "a killed run leaves whole parts only" {
    seq 100000 >text
    start rotate --size=8K 'p-{n:04}.gz' [ gzip ]
    cat text >&8
    wait_for test -e p-0010.gz
    kill -9 "$leat_pid" "$(pgrep -P "$leat_pid")"
    wait "$leat_pid" || true
    cat p-*.gz | gzip -dc | cmp - <(head -c "$(cat p-*.gz | gzip -dc | wc -c)" text)
}

@test "a full disk is waited for, and nothing is lost" {
    [ "$(id -u)" = 0 ] || skip 'not root: cannot mount a small tmpfs'
    mkdir small
    mount -t tmpfs -o size=256k tmpfs small 2>/dev/null || skip 'mount is refused here'
    head -c 180000 /dev/zero >small/other
    log_lines 2000 >log
    leat read log : rotate --size=30K 'small/p-{n:03}' 2>err &
    leat_pid=$!
    wait_for settled "$(pgrep -P "$leat_pid")"
    [ ! -e small/p-003 ]
    rm small/other
    wait "$leat_pid"
    cat small/p-* | cmp - log
    grep -q 'waited for space' err
    [ "$(wc -l <err)" = 1 ]
    umount small
}

@test "what cannot be is refused" {
    run leat rotate plain
    is 2
    has 'it needs {n}'
    run leat rotate 'a-{n}-{n}'
    is 2
    run leat rotate '{time:%Y/%m}-{n}'
    is 2
    run leat rotate 'd-{n}/x-{n}'
    is 2
    has 'the directory may have no {'
    run leat rotate '{m}-{n}'
    is 2
    run leat rotate --align 'x-{n}'
    is 2
    run leat rotate --every=never 'x-{n}'
    is 2
    run leat rotate 'nowhere/x-{n}'
    is 1
    only
}
