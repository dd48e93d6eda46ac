#!/usr/bin/env bats
# atomic.bats - all or nothing: any failure leaves no output, or the old one, and no temporary.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    log_lines 30000 >log
    gzip -k log
}

# fails STATUS STAGE... - `leat STAGE... : write out` with two more outputs ends with STATUS, first
# without old outputs, then with old ones; both times no file changes.
fails() {
    local want=$1 before
    shift
    before=$(find . -mindepth 1 -printf '%P ' | sort)
    run leat "$@" : sha256 --to=sum : count --to=lines : write out
    is "$want"
    [ "$before" = "$(find . -mindepth 1 -printf '%P ' | sort)" ] || { ls -la; return 1; }
    echo old | tee out sum >lines
    run leat --force "$@" : sha256 --to=sum : count --to=lines : write out
    is "$want"
    [ "$(cat out sum lines)" = $'old\nold\nold' ] || { head -c 300 out sum lines; return 1; }
    rm out sum lines
    [ "$before" = "$(find . -mindepth 1 -printf '%P ' | sort)" ] || { ls -la; return 1; }
}

@test "success commits all outputs" {
    leat read log.gz : gunzip : sha256 --to=sum : count -l --to=lines : write out
    same log out
    cut -d' ' -f1 sum | cmp - <(sha256sum <log | cut -d' ' -f1)
    grep -qw 30000 lines
    only log log.gz out sum lines
}

@test "truncated gzip" {
    local size keep
    size=$(stat -c %s log.gz)
    for keep in 1 5 10 18 1000 $((size / 2)) $((size - 9)) $((size - 8)) $((size - 1)); do
        head -c "$keep" log.gz >cut.gz
        fails 3 read cut.gz : gunzip
    done
}

@test "a corrupt byte in the middle" {
    local size
    size=$(stat -c %s log.gz)
    cp log.gz bad.gz
    printf '\377\377\377\377' | dd of=bad.gz bs=1 seek=$((size / 2)) conv=notrunc status=none
    run leat read bad.gz : gunzip : write out
    [ "$status" = 3 ] || [ "$status" = 4 ]
    fails "$status" read bad.gz : gunzip
}

@test "a wrong checksum at the end" {
    local size
    size=$(stat -c %s log.gz)
    cp log.gz bad.gz
    printf '\0\0\0\0' | dd of=bad.gz bs=1 seek=$((size - 8)) conv=notrunc status=none
    fails 3 read bad.gz : gunzip
}

@test "truncated and corrupt zstd" {
    leat read log : zstd : write log.zst
    head -c -5 log.zst >cut.zst
    fails 3 read cut.zst : unzstd
    cp log.zst bad.zst
    printf '\377\377\377\377' | dd of=bad.zst bs=1 seek=20000 conv=notrunc status=none
    run leat read bad.zst : unzstd : null
    [ "$status" = 3 ] || [ "$status" = 4 ]
    fails "$status" read bad.zst : unzstd
}

@test "exec false first, in the middle and last" {
    fails 6 exec false
    fails 6 read log : exec false
    fails 6 read log : exec false : gzip
    fails 6 read log : gzip : exec false : gunzip
    run -6 leat read log : sha256 --to=sum : exec false
    only log log.gz
}

@test "exec that writes all its output and then fails" {
    fails 6 exec sh -c 'cat log; exit 3'
    fails 6 read log : exec sh -c 'cat; exit 3'
    fails 6 read log : exec sh -c 'cat; kill -TERM $$'
    run -6 leat read log : sha256 --to=sum : exec sh -c 'cat >/dev/null; exit 1'
    only log log.gz
}

@test "a full disk" {
    [ "$(id -u)" = 0 ] || skip 'not root: cannot mount a small tmpfs'
    mkdir small
    mount -t tmpfs -o size=256k tmpfs small 2>/dev/null || skip 'mount is refused here'
    run leat read log : write small/out
    local code=$status
    find small -mindepth 1 >left
    echo old >small/out
    run leat read log : write --force small/out
    local second=$status old
    old=$(cat small/out)
    find small -mindepth 1 >>left
    umount small
    [ "$code" = 1 ]
    [ "$second" = 1 ]
    has 'write (#2)'
    [ "$old" = old ]
    [ "$(cat left)" = small/out ]
}

@test "a full device as one output reverts the other outputs" {
    run -1 leat read log : sha256 --to=sum : write /dev/full
    only log log.gz
}

@test "a file size limit" {
    for threads in 1 2; do
        run bash -c 'ulimit -f 64; exec env --default-signal=XFSZ "$LEAT" "$@"' leat \
            --threads=$threads read log : write out
        is 1
        has 'write (#2): out: File too large'
        only log log.gz
    done
}

@test "a read error in the middle" {
    fails 1 read log /proc/self/mem
}

@test "a missing second file" {
    fails 1 read log missing
}

@test "an output that cannot be created" {
    run -1 leat read log : sha256 --to=no/such/sum : write out
    only log log.gz
    run -1 leat read log : sha256 --to=sum : write no/such/out
    only log log.gz
}

@test "an output that exists stops the pipeline before anything is read" {
    echo old >out
    run -1 leat read log : sha256 --to=sum : write out
    [ "$(cat out)" = old ]
    only log log.gz out
}

@test "the input as its own output" {
    cp log.gz same.gz
    leat read same.gz : gunzip : gzip -9 : write --force same.gz
    gzip -dc same.gz | cmp - log
    only log log.gz same.gz
}

# has_open PID FILE - the process has the file open.
has_open() {
    local fd
    for fd in "/proc/$1/fd"/*; do
        [ "$fd" -ef "$2" ] && return 0
    done
    return 1
}

@test "a run that fails does not remove the file that another run appends to" {
    mkfifo fa fb
    "$LEAT" read fa : exec sh -c 'cat; exit 1' : write -a new 2>err &
    local a=$!
    exec 7>fa
    wait_for test -e new
    "$LEAT" read fb : write -a new 7>&- &
    local b=$!
    exec 8>fb
    wait_for has_open "$b" new
    exec 7>&-
    wait "$a" && return 1
    echo important >&8
    exec 8>&-
    wait "$b"
    [ "$(cat new)" = important ]
}

@test "appending to a file that was removed during the run is an error" {
    mkfifo feed
    echo old >log
    "$LEAT" read feed : write -a log 2>err &
    local pid=$! status=0
    exec 8>feed
    wait_for has_open "$pid" log
    rm log
    echo more >&8
    exec 8>&-
    wait "$pid" || status=$?
    [ "$status" -eq 1 ]
    grep -q 'log: has been removed or replaced while it was appended to' err
}
