#!/usr/bin/env bats
# io.bats - read, write, exec and the standard streams, on files, pipes, FIFOs and devices.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    log_lines 5000 >log
}

# --- read -----------------------------------------------------------------------------------------

@test "read concatenates several files" {
    printf a >a
    printf b >b
    : >empty
    leat read a b empty a : write out
    [ "$(cat out)" = aba ]
    printf c | leat read a - b : write out2
    [ "$(cat out2)" = acb ]
}

@test "read --offset and --length select a range" {
    leat read --offset=1000 --length=5000 log : write part
    cmp part <(tail -c +1001 log | head -c 5000)
    leat read --offset=1000 log : write rest
    cmp rest <(tail -c +1001 log)
    leat read --length=0 log : write none
    [ ! -s none ]
    leat read --offset=1K --length=1K log : write k
    cmp k <(tail -c +1025 log | head -c 1024)
}

@test "read --offset works on a pipe" {
    cat log | leat read --offset=100 --length=1000 - : write part
    cmp part <(tail -c +101 log | head -c 1000)
}

@test "skipped data and many empty files need no stack and can be stopped" {
    : >e
    { printf 'read'; printf ' e%.0s' {1..50000}; printf ' log : count -l'; } >many.leat
    for threads in 1 2; do
        small=(bash -c 'ulimit -s 1024 && exec "$@"' - "$LEAT" "--threads=$threads")
        [ "$(bounded "${small[@]}" -f many.leat)" = 5000 ]
        [ "$(bounded "${small[@]}" --chunk=1 read --offset=50000 --length=5 /dev/zero : count -c)" = 5 ]
        run bounded "${small[@]}" --timeout=100ms read --offset=1P /dev/zero : null
        is 124
    done
}

@test "read beyond the end is empty or an error, and never hangs" {
    run leat read --offset=100M log : write out
    [ "$status" -le 1 ]
    [ ! -s out ]
}

@test "read --offset seeks where possible and skips the rest by reading" {
    truncate -s 4T huge 2>/dev/null || skip 'no file of that size here'
    bounded "$LEAT" read --offset=4398046510000 huge log : head -c 2000 : write end
    cmp end <(head -c 1104 /dev/zero; head -c 896 log)
    [ "$(leat read --offset=3M --length=5 /dev/zero | od -An -tx1)" = ' 00 00 00 00 00' ]
    [ "$(id -u)" = 0 ] || skip 'not root: no block device'
    needs losetup
    local device
    head -c 4096 log >>huge
    device=$(losetup --find --show --read-only huge 2>/dev/null) || skip 'no loop device here'
    exec 9<"$device"
    losetup --detach "$device" # takes effect when the device is closed, however the test ends
    bounded "$LEAT" --force read --offset=4398046510004 --length=3000 "$device" : write part
    bounded "$LEAT" --force read --direct --offset=4398046511005 "$device" : write rest
    bounded "$LEAT" --force read --offset=4398046515200 "$device" log : write after
    bounded "$LEAT" --progress=json read "$device" log : head -c 1 2>progress >one
    exec 9<&-
    cmp part <(head -c 1100 /dev/zero; head -c 1900 log)
    cmp rest <(head -c 99 /dev/zero; head -c 4096 log)
    cmp after log
    grep -q "\"total\":$((4398046515200 + $(stat -c %s log)))," progress
}

@test "read of a directory is an error" {
    mkdir dir
    run -1 leat read dir : write out
    has dir
    only log dir
}

@test "read accepts files without a size, as in /proc" {
    leat read /proc/self/status : write out
    grep -q '^Pid:' out
}

@test "read of a FIFO reads to its end" {
    mkfifo fifo
    cat log >fifo &
    leat read fifo : write out
    same log out
    wait
}

@test "read leaves a shared file position after the bytes that it read" {
    exec 8<log
    leat read --length=100 - : write part <&8
    cmp part <(head -c 100 log)
    exec 8<&-
}

# --- write ----------------------------------------------------------------------------------------

@test "a dictionary from standard input is read once for all lanes and parts" {
    head -c 20000 log >dict
    leat --threads=1 read log : zstd --seekable=10K --dict=dict : write expected
    leat --threads=4 read log : zstd --seekable=10K --dict=- : write out <dict
    cmp out expected
    leat --threads=4 read out : unzstd --dict=- : write back <dict
    cmp back log
    leat read log : split -n 1000 'a-{n}' [ zstd --dict=- ] <dict
    leat read log : split -n 1000 'b-{n}' [ zstd --dict=dict ]
    for part in a-*; do
        cmp "$part" "b-${part#a-}"
        leat read "$part" : unzstd --dict=dict
    done >parts
    cmp parts log
}

@test "write does not replace a file without --force" {
    echo old >out
    run -1 leat read log : write out
    has out
    has force
    [ "$(cat out)" = old ]
    leat read log : write --force out
    same log out
    only log out
}

@test "a new file has the mode of the umask" {
    umask 027
    leat read log : write out
    [ "$(stat -c %a out)" = 640 ]
}

@test "a replaced file keeps its mode" {
    echo old >out
    chmod 604 out
    leat read log : write --force out
    [ "$(stat -c %a out)" = 604 ]
    same log out
}

@test "a replaced file keeps its owner" {
    [ "$(id -u)" = 0 ] || skip 'not root'
    echo old >out
    chown 12345:23456 out
    leat read log : write --force out
    [ "$(stat -c %u:%g out)" = 12345:23456 ]
}

@test "write through a symbolic link keeps the link" {
    mkdir dir
    echo old >dir/target
    ln -s dir/target link
    leat read log : write --force link
    [ -L link ]
    same log dir/target
    only log dir dir/target link
}

@test "write through dangling symbolic links creates their target" {
    mkdir dir
    ln -s dir/link one
    ln -s target dir/link
    leat read log : write one
    [ -L one ]
    [ -L dir/link ]
    same log dir/target
    rm dir/target
    leat --force read log : write one
    leat read log : write --append one
    cmp dir/target <(cat log log)
    run -2 leat --force read log : tee [ write one ] : write dir/target
    ln -s b a
    ln -s a b
    run -1 leat read log : write a
    has 'write (#2): a: Too many levels of symbolic links'
    only a b dir dir/link dir/target log one
}

@test "an empty file name is a usage error before the run" {
    run -2 leat read log : write ''
    has 'write (#2): the name of the file is empty'
    run -2 leat read '' : null
    has 'read (#1): the name of a file is empty'
    only log
}

# shellcheck disable=SC2094 # the test reads and writes the same file on purpose
@test "data appended by the pipeline itself is not read" {
    local words
    cp log want
    for job in 'write --append log' 'pass : write --append hard' 'write --append soft' \
        'tee [ write --append log ] : null' 'write --direct --append log'; do
        [[ $job != *direct* ]] || (no_direct_io) || continue
        cp want log
        ln -f log hard
        ln -sf log soft
        read -ra words <<<"$job"
        bounded "$LEAT" read log : "${words[@]}"
        cmp log <(cat want want)
        cp want log
        bounded "$LEAT" read --offset=100 log log : "${words[@]}"
        cmp log <(cat want want | tail -c +101 | cat want -)
    done
    cp want log
    bounded "$LEAT" read log >>log
    cmp log <(cat want want)
    cp want log
    bounded "$LEAT" pass <log >>log
    cmp log <(cat want want)
    cp want log
    bounded "$LEAT" read log 1<>log
    cmp log want
}

@test "write --append adds to the existing content" {
    echo first >out
    leat read log : write --append out
    cmp out <(echo first; cat log)
    leat read log : write --append new
    same log new
}

@test "write --append leaves the old contents when the pipeline fails" {
    echo first >out
    run -3 leat read log : gunzip : write --append out
    [ "$(cat out)" = first ]
    (log_lines 50000; echo garbage) | gzip | head -c -100 >bad.gz
    run -3 leat read bad.gz : gunzip : write --append out
    [ "$(cat out)" = first ]
}

@test "write --no-sync writes the same" {
    leat read log : write --no-sync out
    same log out
}

@test "write --keep-partial keeps the partial output after a failure" {
    log_lines 50000 >big
    gzip -c big | head -c 200000 >bad.gz
    [ "$(stat -c %s bad.gz)" = 200000 ]
    run -3 leat read bad.gz : gunzip : write --keep-partial out
    [ "$(find . -name '*out*' -size +0 | wc -l)" = 1 ]
    local part
    part=$(find . -name '*out*')
    cmp "$part" <(head -c "$(stat -c %s "$part")" big)
}

@test "write --keep-partial replaces nothing without --force, and is refused before the run" {
    local longest
    log_lines 50000 | gzip | head -c 200000 >bad.gz
    echo precious >out.partial
    run -1 leat read bad.gz : gunzip : write --keep-partial out
    has 'out.partial: exists; use --force to replace it'
    run -3 leat read bad.gz : gunzip : write --keep-partial --force out
    [ "$(head -n 1 out.partial)" = "$(head -n 1 log)" ]
    rm out.partial
    # A file that appears during the run stays, and there is a warning.
    run -3 leat exec sh -c 'echo precious >out.partial; cat bad.gz' : gunzip : write --keep-partial out
    [ "$(cat out.partial)" = precious ]
    has 'warning: write (#3): out.partial cannot be kept: File exists'
    rm out.partial
    mkdir out.partial
    run -1 leat read log : write --keep-partial --force out
    has 'out.partial: is no regular file'
    rmdir out.partial
    longest=$(printf 'o%.0s' {1..250})
    run -1 leat read log : write --keep-partial "$longest"
    has 'File name too long'
    run -2 leat read log : tee [ write out.partial ] : write --keep-partial out
    has 'is the output of another stage, too'
    only bad.gz log
}

@test "write streams to a FIFO, to a device and to /dev/stdout" {
    mkfifo fifo
    cat fifo >copy &
    leat read log : write fifo
    wait
    same log copy
    leat read log : write /dev/null
    [ -c /dev/null ]
    leat read log : write /dev/stdout | cmp - log
    leat read log : write /dev/stdout >file
    same log file
    leat read log : write - | cmp - log
}

@test "a socket as an output is an error at once" {
    needs python3
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sock")'
    run -1 leat zero : head -c 9 : write sock
    has 'sock: is a socket'
    run -1 leat --report=sock zero : head -c 9 : null
    has '--report=sock'
}

@test "bytes that stay in a file are reported even if the reader of standard output has gone" {
    mkfifo out
    # The reader appends to the same file, so that the run cannot truncate it.
    {
        wait_for test -s added
        echo other >>added
    } <out &
    run -141 bounded sh -c '"$LEAT" zero : tee [ head -c 9 : write -a added ] : write - >out'
    wait
    has 'added: others have written to it meanwhile'
    [ "$(wc -c <added)" = 15 ]
}

@test "write to a full device is an error" {
    run -1 leat read log : write /dev/full
    has 'write (#2)'
    run -1 bash -c '"$LEAT" read log >/dev/full'
}

@test "write into a missing directory is an error" {
    run -1 leat read log : write no/such/out
    has no/such
    mkdir dir
    run -1 leat read log : write --force dir
}

@test "standard output that appends is appended to" {
    echo first >out
    leat read log >>out
    cmp out <(echo first; cat log)
}

@test "standard output continues at its file position" {
    { echo first; leat read log; echo last; } >out
    cmp out <(echo first; cat log; echo last)
}

@test "standard input continues at its file position" {
    { head -c 0; dd bs=100 count=1 status=none of=first; leat write rest; } <log
    cmp rest <(tail -c +101 log)
}

# --- exec -----------------------------------------------------------------------------------------

@test "exec is a readable, a writable and a transform" {
    leat exec cat log : write a
    same log a
    leat read log : exec sh -c 'cat >b'
    same log b
    leat read log : exec tr a-z A-Z : write c
    cmp c <(tr '[:lower:]' '[:upper:]' <log)
}

@test "exec moves both directions at once" {
    local _
    for _ in 1 2 3 4 5 6 7 8; do cat log; done >big
    leat read big : exec cat : exec cat : exec cat : write out
    same big out
}

@test "the words of exec are not split or expanded again" {
    leat exec printf '%s|' 'a b' '$HOME' '*' : write out
    [ "$(cat out)" = 'a b|$HOME|*|' ]
}

@test "the standard error of exec passes through" {
    leat read log : exec sh -c 'echo hello >&2; cat' 2>err >out
    [ "$(cat err)" = hello ]
    same log out
}

@test "exec that stops reading early and succeeds is success" {
    leat read log : exec head -n 1 : write out
    cmp out <(head -n 1 log)
    leat zero : exec head -c 5 : write five
    [ "$(stat -c %s five)" = 5 ]
}

@test "exec inherits no descriptor of leat" {
    sh -c 'ls /proc/self/fd' >want
    leat read log log : exec sh -c 'cat >/dev/null; ls /proc/self/fd' : sha256 --to=sum : write out
    cmp out want
}

# --- descriptors ----------------------------------------------------------------------------------

# flags_of FD - print the octal flags of a descriptor of this shell.
flags_of() {
    awk '/^flags:/ { print $2 }' "/proc/$BASHPID/fdinfo/$1"
}

# blocking FD - O_NONBLOCK (04000) is not set.
blocking() {
    local flags
    flags=$(flags_of "$1")
    [ $((0$flags & 04000)) -eq 0 ]
}

@test "no O_NONBLOCK is left on inherited pipes" {
    mkfifo in out
    exec 7<>in 8<>out
    blocking 7
    head -c 1000 log >in
    leat read --length=1000 - : head -c 500 : write - <&7 >&8
    blocking 7
    blocking 8
    run leat gunzip <log >&8
    blocking 8
    "$LEAT" gzip <&7 >&8 2>/dev/null &
    local pid=$!
    wait_for settled "$pid"
    kill -9 "$pid"
    wait "$pid" || true
    blocking 7
    blocking 8
    exec 7>&- 8>&-
}

@test "standard input and output can be a socket or a terminal" {
    needs script
    run -0 bash -c 'script -qec "\"$LEAT\" read log : count -l" /dev/null </dev/null'
    has 5000
}

@test "compressed data is not written to a terminal" {
    needs script
    run script -qec "$LEAT read log : gzip" /dev/null </dev/null
    is 2
    has force
}

@test "write --sparse writes the same bytes in less space" {
    { head -c 5000 /dev/urandom; head -c 3M /dev/zero; echo middle; head -c 1M /dev/zero; } >in
    for chunk in 1000 4096 100000 262144; do
        leat --force --chunk=$chunk read in : write --sparse out
        cmp in out
        [ "$(stat -c %s out)" = "$(stat -c %s in)" ]
    done
    [ "$(du -k out | cut -f1)" -lt 200 ]
    leat --force read in : write --sparse out # not copied inside the kernel
    cmp in out
    [ "$(du -k out | cut -f1)" -lt 200 ]
    head -c 1M /dev/zero | leat --force - : write --sparse out
    [ "$(stat -c %s out)" = 1048576 ]
    leat read in : write --sparse - | cmp in -
    leat read in : split --no-sync -b 1M 'p{n}'
    cat p? | cmp in -
    leat read in : split --sparse -b 3M 's{n}'
    cat s? | cmp in -
    [ "$(du -kc s? | tail -n 1 | cut -f1)" -lt 200 ]
}

@test "write --sparse --append leaves holes at the end of a file" {
    { head -c 5000 /dev/urandom; head -c 3M /dev/zero; echo middle; head -c 1M /dev/zero; } >in
    for chunk in 1000 4096 5000 262144; do
        printf abc >out
        leat --chunk=$chunk read in : write --sparse --append out
        cmp out <(printf abc; cat in)
    done
    [ "$(du -k out | cut -f1)" -lt 40 ]
    printf abc >two
    leat read in : tee [ write --sparse --append two ] : write --sparse --append two
    [ "$(stat -c %s two)" = $((3 + 2 * $(stat -c %s in))) ]
}

@test "a sparse file of 20 GiB is copied without reading or writing its holes" {
    truncate -s 20G in 2>/dev/null || skip 'no file of that size here'
    echo end >>in
    bounded "$LEAT" read in : write --sparse out
    [ "$(stat -c %s out)" = "$(stat -c %s in)" ]
    [ "$(du -k out | cut -f1)" -lt 200 ]
    [ "$(tail -c 4 out)" = end ]
    [ "$(bounded "$LEAT" read in : count -c)" = "$(stat -c %s in)" ]
    truncate -s 1G end
    bounded "$LEAT" read end : write --sparse out2
    [ "$(stat -c %s out2)" = 1073741824 ]
    [ "$({ bounded "$LEAT" read --length=1073740824 : null && cat; } <end | wc -c)" = 1000 ]
}

@test "--drop-cache changes nothing but the page cache" {
    head -c 20M /dev/urandom >in
    leat read --drop-cache in : write --drop-cache out
    cmp in out
    leat read --drop-cache --offset=3 in in : write --drop-cache --no-sync out2
    cat in in | tail -c +4 | cmp - out2
    leat read in : split --drop-cache -b 9M 'p{n}'
    cat p? | cmp in -
}

# no_direct_io - skip if the file system has no direct I/O.
no_direct_io() {
    head -c 64K /dev/zero >probe
    dd if=probe of=probe2 bs=64K iflag=direct oflag=direct status=none 2>/dev/null ||
        skip "no direct I/O on this file system"
    rm probe probe2
}

# cached FILE - print how many bytes of the file are in the page cache; none after `evict FILE`.
cached() {
    fincore --bytes --noheadings --output RES "$1"
}

evict() {
    dd of="$1" oflag=nocache conv=notrunc,fdatasync count=0 status=none
}

@test "--direct writes the same bytes at any length and offset" {
    no_direct_io
    head -c 3M /dev/urandom >src
    for n in 0 1 511 4095 4096 4097 524287 524288 524289 1048576 2500001; do
        head -c $n src >in
        leat --force read --direct in : write --direct out
        cmp in out
        leat --force --chunk=1000 read in : write --direct --no-sync out
        cmp in out
        for at in 1 511 4096 4097 524288 600001; do
            leat --force read --direct --offset=$at --length=70000 in src : write out
            cmp out <(cat in src | tail -c +$((at + 1)) | head -c 70000)
        done
    done
    leat read --direct in : split --direct -b 700001 'p{n}'
    cat p? | cmp in -
    leat read in : split -b 700001 [ gzip : tee [ write --direct 'q{n}.gz' ] : gunzip : write --direct 'q{n}' ]
    cat q? | cmp in -
    zcat q?.gz | cmp in -
    cat in | leat read --direct - in : write --direct - | cmp - <(cat in in)
    mkfifo fifo
    cat src >fifo &
    leat --force read --direct fifo : write --direct out
    cmp src out
}

@test "--direct goes with --append and --sparse" {
    no_direct_io
    head -c 2M /dev/urandom >src
    for n in 0 1 4095 4096 5000 1000000; do
        head -c $n src >out
        leat read src : write --direct --append out
        cmp out <(head -c $n src; cat src)
        run -3 leat - : gunzip : write --direct --append out <src
        cmp out <(head -c $n src; cat src)
    done
    { head -c 5000 src; head -c 3M /dev/zero; echo middle; head -c 1000001 /dev/zero; } >in
    leat --force read --direct in : write --direct --sparse out
    cmp in out
    [ "$(du -k out | cut -f1)" -lt 200 ]
    rm out
    head -c 3M /dev/urandom | gzip >cut.gz
    truncate -s -100 cut.gz
    run -3 leat read --direct cut.gz : gunzip : write --direct --keep-partial out
    [ ! -e out ]
    zcat cut.gz 2>/dev/null | head -c "$(stat -c %s out.partial)" | cmp - out.partial
    [ "$(stat -c %s out.partial)" -gt 2900000 ]
}

@test "--direct leaves the page cache alone" {
    no_direct_io
    needs fincore
    head -c 4000001 /dev/urandom >in
    evict in
    [ "$(cached in)" -eq 0 ] || skip "the page cache of this file system is not to be emptied"
    leat read --direct --offset=5 in : count -c
    leat read --direct in : write --direct out
    [ "$(cached in)" -lt 300000 ]
    [ "$(cached out)" -lt 300000 ]
    leat read --direct in : split --direct -b 2M 'p{n}'
    leat read --direct in : split -b 2M [ write --direct 'q{n}' ]
    leat read --direct in : split --drop-cache -b 2M 'd{n}'
    for f in p0 p1 q0 q1 d0 d1; do
        [ "$(cached $f)" -lt 300000 ]
    done
    leat read in : write out2
    [ "$(cached in)" -gt 3000000 ]
}

@test "--direct without support is one clear error" {
    run -1 leat read --direct /proc/version : count -c
    has '--direct: /proc/version: its file system has no direct I/O'
    run -2 leat read --direct - : count -c <log
    has '--direct: standard input is a file that others have open too; give its name'
    run -2 bash -c '"$LEAT" read log : write --direct - >out'
    has '--direct: standard output is a file that others have open too; give its name'
    [ ! -s out ]
}

@test "a path of a closed descriptor does not name a file of leat" {
    local fd
    for fd in 5 6 7 8 9 11 12 13 14 15 16 17 18 19 20; do
        run -1 leat zero : head -c 100 : write "/dev/fd/$fd"
        has "/dev/fd/$fd: "
        run -1 leat read "/proc/self/fd/$fd" : write out
        run -1 leat read log : zstd --dict="/dev/fd/$fd" : write out
        run -1 leat --sums="/dev/fd/$fd" read log : write out
        [ ! -e out ]
    done
    leat read log : write /dev/fd/5 5>copy
    same log copy
    leat read /dev/fd/5 5<log : write back
    same log back
}
