#!/usr/bin/env bats
# memory.bats - the peak memory of the whole process with --memory=32M is at most 64 MiB for any input.

load common

PEAK_KIB=65536
# The edges of a short run are not always as full as those of a long one: up to 3 MiB.
GROWTH_KIB=4096

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    sanitized && skip 'a sanitizer has its own memory'
    [ -x /usr/bin/time ] || skip 'GNU time is not installed'
}

# peak ARG... - run leat with --memory=32M and set kib to its peak in KiB. It must succeed and fit.
peak() {
    "$BOUND" /usr/bin/time -f '%M' -o kib "$LEAT" --memory=32M "$@"
    kib=$(tail -n 1 kib)
    echo "peak $kib KiB: $*"
    [ "$kib" -le "$PEAK_KIB" ]
}

# bomb MIB - create a gzip file of so many MiB of zeros; the file has a thousandth of that size.
bomb() {
    local i
    [ -e member.gz ] || head -c 64M /dev/zero | gzip -9n >member.gz
    for ((i = 0; i < $1; i += 64)); do cat member.gz; done
}

@test "8 GiB of zeros from a gzip bomb need no more memory than a tenth of them" {
    bomb 832 >small.gz
    bomb 8192 >large.gz
    peak read small.gz : gunzip : count -c : write small
    local small=$kib
    peak read large.gz : gunzip : count -c : write large
    grep -qw $((8192 << 20)) large
    [ "$kib" -le $((small + GROWTH_KIB)) ]
}

@test "a bomb of one member through a parallel line stage" {
    head -c 1G /dev/zero | tr '\0' '\n' | gzip -1n >lines.gz
    peak --threads=4 read lines.gz : gunzip : grep -c x : write n
    [ "$(cat n)" = 0 ]
}

@test "10 GiB need no more memory than 1 GiB" {
    peak zero : head -c 1G : pass : null
    local small=$kib
    peak zero : head -c 10G : pass : null
    [ "$kib" -le $((small + GROWTH_KIB)) ]
}

@test "a decoder has memory for its window, however many workers other stages use" {
    log_lines 5000 >log
    cat log | zstd -q -19 -c >log.zst # without a stated length: a window of 8 MiB
    for threads in 2 8 16 64; do
        for stages in 'unzstd : zstd -3' 'decode : zstd -3' 'unzstd : xz -6' 'decode : lzip -6' \
            'unzstd : zstd --seekable -19' 'unzstd : bzip2' 'gzip : pass : gunzip : unzstd : zstd'; do
            # shellcheck disable=SC2086
            run leat -j "$threads" read log.zst : $stages : null
            is 0
        done
    done
}

@test "compressors fit in memory with the requested number of threads" {
    log_lines 200000 >log
    local _
    for _ in 1 2 3 4 5 6 7 8; do cat log; done >big
    local job
    for job in 'gzip -1' 'gzip -6' 'zstd -3' 'zstd -9' 'deflate' 'zlib'; do
        # shellcheck disable=SC2086
        peak --threads=8 read big : $job : null
    done
}

@test "a sink that stalls" {
    mkfifo fifo
    exec 8<>fifo
    "$LEAT" --memory=32M zero : pass : write fifo &
    local pid=$!
    wait_for settled "$pid"
    kib=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
    kill -TERM "$pid"
    wait_for gone "$pid"
    echo "peak $kib KiB"
    [ "$kib" -le "$PEAK_KIB" ]
}

@test "an exec that never reads" {
    "$LEAT" --memory=32M zero : exec sleep 1000 : null &
    local pid=$!
    wait_for settled "$pid"
    kib=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
    kill -TERM "$pid"
    wait_for gone "$pid"
    echo "peak $kib KiB"
    [ "$kib" -le "$PEAK_KIB" ]
}

@test "an exec that writes more than is read" {
    mkfifo fifo
    exec 8<>fifo
    "$LEAT" --memory=32M exec cat /dev/zero : pass : write fifo &
    local pid=$!
    wait_for settled "$pid"
    kib=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
    kill -TERM "$pid"
    wait_for gone "$pid"
    [ "$kib" -le "$PEAK_KIB" ]
}

@test "the large window of a brotli stream counts against the limit" {
    needs brotli
    has_stage unbrotli
    log_lines 400000 >log
    brotli --large_window=25 -q 5 -c log >log.br
    leat unbrotli <log.br | cmp - log
    run leat --memory=16M unbrotli : null <log.br
    is 7
    has 'raise --memory'
}

@test "a limit above the memory of the machine is lowered with a warning" {
    run -0 --separate-stderr leat --memory=999999G --stats zero -n 1 : null
    [[ $stderr == 'leat: warning: --memory: the machine has '*' which is the limit now'* ]]
    [[ $stderr != *' of 976'* ]]
    run -0 leat -q --memory=999999G zero -n 1 : null
    [ "$output" = '' ]
    run -0 leat --memory=64M zero -n 1 : null
    [ "$output" = '' ]
}

@test "the memory of a codec leaves room for the lines before it" {
    awk 'BEGIN { for (i = 0; i < 5000; i++) printf "%0*d\n", 3900 + i * 37 % 400, i }' >lines
    local m
    for m in 64489984 64520000 64600000; do
        run leat --memory=$m read lines : grep 1 : zstd -12 : null
        [ "$status" = 0 ] || { is 7; has 'zstd (#3): needs'; }
    done
    is 0
}

@test "a line too long for the memory limit is an error, not an endless wait" {
    awk 'BEGIN { for (i = 0; i < 40; i++) printf "%0*d\n", 100000 + i * 7000, i }' >lines
    local t
    for t in 1 2 8; do
        run leat --threads=$t --memory=64600000 read lines : grep 1 : zstd -12 : null
        [ "$status" = 0 ] || [ "$status" = 7 ]
    done
}

@test "decoders that allocate late find memory beside encoders with workers" {
    local memory
    has_stage bzip2
    log_lines 20000 >log
    for memory in 16M 24M; do
        leat --threads=16 --memory=$memory read log : bzip2 -1 : bunzip2 : zstd : null
    done
}

@test "the limit that a message about memory names is enough" {
    has_stage bzip2
    local job threads number jobs=('zstd -3 : unzstd') errors=0
    log_lines 20000 >log
    ! "$LEAT" help bunzip2 >/dev/null || jobs+=('bzip2 -9 : bunzip2')
    ! "$LEAT" help unxz >/dev/null || jobs+=('xz -3 : unxz')
    ! "$LEAT" help unbrotli >/dev/null || jobs+=('brotli -2 : unbrotli')
    ! "$LEAT" help unlz4 >/dev/null || jobs+=('lz4 -1 : unlz4')
    for job in "${jobs[@]}"; do
        # shellcheck disable=SC2086 # words, here and below
        leat --memory=1G read log : ${job% : *} : write --force packed
        for threads in 1 16; do
            # shellcheck disable=SC2086
            run leat --threads=$threads --memory=6M read packed : ${job#* : } : head -c 20K : bzip2 -9 : null
            [ "$status" != 0 ] || continue
            is 7
            number=$(sed -n 's/.*raise --memory to \([0-9]*M\).*/\1/p' <<<"$output")
            [ -n "$number" ]
            # shellcheck disable=SC2086
            leat --threads=$threads --memory="$number" read packed : ${job#* : } : head -c 20K : bzip2 -9 : null
            errors=$((errors + 1))
        done
    done
    [ "$errors" -gt 0 ]
}
