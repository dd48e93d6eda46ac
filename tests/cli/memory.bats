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

# --- archives -------------------------------------------------------------------------------------

# How many entries: ENTRIES=100000 takes minutes on some file systems.
ENTRIES=${ENTRIES:-20000}

# roomy - go to a directory in memory, if there is one: a file system on a disk may be slow to make files again.
roomy() {
    ROOMY=$(mktemp -d "${LEAT_TEST_TMP:-$BATS_TEST_TMPDIR}/memory.XXXXXX")
    cd "$ROOMY" || return 1
}

eval "common_$(declare -f teardown)"
teardown() {
    common_teardown
    [ -z "${ROOMY:-}" ] || rm -rf "$ROOMY"
}

# archives - ENTRIES entries, and one of 300 MiB, as many.tar.gz, many.zip and many.7z.
archives() {
    needs python3
    ENTRIES=$ENTRIES python3 - <<'EOF'
import gzip, io, os, tarfile, zipfile
MIB = 1 << 20
class Zeros(io.RawIOBase):
    def readable(self):
        return True
    def readinto(self, to):
        to[:] = bytes(len(to))
        return len(to)
with gzip.open("many.tar.gz", "wb", 1) as g, tarfile.open(fileobj=g, mode="w|", format=tarfile.USTAR_FORMAT) as t, \
        zipfile.ZipFile("many.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
    for i in range(int(os.environ["ENTRIES"])):
        info = tarfile.TarInfo(f"d{i // 500}/f{i}")
        info.size = 20
        t.addfile(info, io.BytesIO(b"x" * 20))
        z.writestr(info.name, b"x" * 20)
    info = tarfile.TarInfo("big")
    info.size = 300 * MIB
    t.addfile(info, io.BufferedReader(Zeros()))
    with z.open("big", "w") as f:
        for _ in range(300):
            f.write(bytes(MIB))
EOF
    leat read many.tar.gz : gunzip : repack --format=7z : write many.7z
}

@test "what reads archives of many entries, from a file and from a pipe" {
    roomy
    archives
    local archive words job
    for archive in many.tar.gz many.zip many.7z; do
        words="read $archive"
        [ $archive != many.tar.gz ] || words+=' : gunzip'
        for job in list 'entries *' manifest 'repack --format=pax' 'repack --format=cpio'; do
            set -f
            # shellcheck disable=SC2086
            peak $words : $job : null
            set +f
        done
        # shellcheck disable=SC2086
        peak $words : extract --max-ratio=0 --sparse --no-sync x
        rm -rf x
        mkdir x
        # shellcheck disable=SC2086
        peak $words : pass : split-entries --include='d1' --include=big x
        rm -rf x
        cat "$archive" | peak decode : list : null
        cat "$archive" | peak decode : extract --max-ratio=0 --include='d1*' --include=big --sparse --no-sync x
        rm -rf x
        if [ $archive = many.tar.gz ]; then
            peak read many.tar.gz : gunzip : repack --format=zip : null
            continue
        fi
        # the temporary copy is bounded, and so no larger than the archive
        cat "$archive" | peak list --spool="$(stat -c %s "$archive")" : null
        run leat list --spool="$(($(stat -c %s "$archive") - 1))" < <(cat "$archive")
        is 7
        has 'raise --spool'
    done
}

@test "what packs many files" {
    roomy
    mkdir t
    (cd t && seq "$ENTRIES" | xargs -n 1000 touch)
    truncate -s 300M t/big
    local format
    for format in pax ustar gnutar cpio zip; do
        peak pack --no-sparse --format=$format t : null 2>err || { cat err && return 1; }
        tail -n 1 kib
    done
    # 7z needs more, and says how much
    run leat --memory=32M pack --format=7z t : null
    is 7
    has 'needs 100663296 bytes of memory'
}

@test "the dictionaries of zip and 7z are counted" {
    needs 7z
    seq 1300000 >f # of 9 MB, and quick to compress
    local kind
    for kind in '7z -m0=LZMA:d=64m' '7z -m0=LZMA2:d=64m' '7z -m0=PPMd:mem=64m' 'zip -mm=LZMA:d=64m' 'zip -mm=PPMd:mem=64m'; do
        rm -f a
        # shellcheck disable=SC2086
        7z a -mx=1 -bso0 -bsp0 -t$kind a f
        mv a.* a 2>/dev/null || true
        run leat --memory=8M read a : entries f : null
        is 7
        has 'bytes of memory'
        leat --memory=8M read a : list : null
        leat read a : entries f | cmp - f
    done
}
