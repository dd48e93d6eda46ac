#!/usr/bin/env bats
# inputs.bats - the input files of read: truncation, formats, and the file that an error names.

load common

# --- a file that is truncated while it is read ----------------------------------------------------

# cut_by_reader OPTION... - read a file of 64 MiB; the consumer truncates it after the first byte. With 8 MiB
# of memory most of the file is not read at that time.
cut_by_reader() {
    truncate -s 64M f
    run leat --memory=8M read "$@" f : exec sh -c 'head -c 1 >got; : >f; cat >>got' : null
}

@test "a file that becomes shorter while it is read is an error" {
    cut_by_reader
    is 1
    has 'read (#1): '
    has 'f: became shorter while it was read: from 67108864 bytes to 0'
    has '--shrink-ok'
}

@test "a file that becomes shorter while it is read leaves no output" {
    truncate -s 64M f
    run leat --memory=8M read f : tee [ exec sh -c 'head -c 1 >/dev/null; : >f; cat' : null ] : write out
    is 1
    only f
}

@test "--shrink-ok reads a file up to its new end" {
    cut_by_reader --shrink-ok
    is 0
    [ "$(stat -c %s got)" -gt 0 ]
}

@test "a range that was read before the file became shorter is complete" {
    truncate -s 64M f
    leat --memory=8M read --length=1M f : exec sh -c 'head -c 1048576 >/dev/null; : >f; cat' : null
}

@test "a file that becomes shorter is an error for a copy in the kernel, too" {
    truncate -s 64M f
    mkfifo pipe
    { head -c 1 >/dev/null; : >f; cat >/dev/null; } <pipe &
    run leat read f : write pipe
    is 1
    has 'became shorter'
}

@test "a file that becomes shorter is an error at an offset, as standard input and past the page cache" {
    truncate -s 64M f
    run leat --memory=8M read --offset=1M f : exec sh -c 'head -c 1 >/dev/null; : >f; cat' : null
    is 1
    has "f: became shorter while it was read: from 67108864 bytes to 0"
    truncate -s 64M f
    run leat --memory=8M read - : exec sh -c 'head -c 1 >/dev/null; : >f; cat' : null <f
    is 1
    has 'standard input: became shorter'
    truncate -s 64M f
    run leat --memory=8M read --direct f : exec sh -c 'head -c 1 >/dev/null; : >f; cat' : null
    is 1
    has 'f: '
}

@test "the second of two files that becomes shorter is the one that is named" {
    echo one >a
    truncate -s 64M f
    run leat --memory=8M read a f : exec sh -c 'head -c 5 >/dev/null; : >f; cat' : null
    is 1
    has 'f: became shorter'
}

@test "a file that grows while it is read is read to its end" {
    truncate -s 64M f
    leat --memory=8M read f : exec sh -c 'head -c 1 >/dev/null; truncate -s 65M f; cat' : count -c >n
    [ "$(cat n)" -eq $((65 * 1024 * 1024 - 1)) ]
}

@test "files with a wrong size (proc, sysfs) are read" {
    leat read /proc/self/status : grep -c ^Name: >n
    [ "$(cat n)" = 1 ]
    [ -r /sys/kernel/mm/transparent_hugepage/enabled ] || skip 'no sysfs here'
    leat read /sys/kernel/mm/transparent_hugepage/enabled : write out
    cmp out /sys/kernel/mm/transparent_hugepage/enabled
}

# --- the file that an error names -----------------------------------------------------------------

# three - create a.gz, bad.gz and c.gz; the CRC of bad.gz is wrong.
three() {
    log_lines 3000 | gzip -n >a.gz
    cp a.gz c.gz
    cp a.gz bad.gz
    at=$(($(stat -c %s bad.gz) - 8))
    printf '\0\0\0\0' | dd of=bad.gz bs=1 seek=$at conv=notrunc status=none
}

@test "an error in the data names its file and its offset in the file" {
    three
    for j in 1 4; do
        run leat -j$j read a.gz bad.gz c.gz : gunzip : null
        is 3
        has "leat: gunzip (#2): bad.gz: CRC-32 mismatch"
        has "(byte $at)"
        run leat -j$j read a.gz bad.gz c.gz : tee [ null ] : buffer : gunzip : null
        is 3
        has "bad.gz: CRC-32 mismatch"
        has "(byte $at)"
    done
    run leat --json read a.gz bad.gz c.gz : gunzip : null
    has "\"offset\":$at,\"offset_of\":\"file\",\"file\":\"bad.gz\""
    run leat --log=json:log read a.gz bad.gz c.gz : gunzip : null
    grep -q "\"file\":\"bad.gz\",\"offset\":$at,\"offset_of\":\"file\"" log
    run leat --report=page.html read a.gz bad.gz c.gz : gunzip : null
    grep -q "bad.gz: CRC-32 mismatch.*(byte $at)" page.html
}

@test "the offset of an error counts from the beginning of the file, also after skipped bytes" {
    three
    run leat read --offset=1000 bad.gz : gunzip : null
    is 3
    has 'bad.gz: not in gzip format (byte 1000)'
    run leat read --offset="$(stat -c %s a.gz)" a.gz bad.gz : gunzip : null
    has "bad.gz: CRC-32 mismatch"
    has "(byte $at)"
}

@test "truncated data is an error of the file that is truncated" {
    three
    head -c 1000 a.gz >cut.gz
    run leat read a.gz cut.gz : gunzip : null
    is 3
    has 'cut.gz: unexpected end of input'
    has '(byte 1000)'
}

@test "an error in data that belongs to no single file names no file" {
    three
    gzip -n <bad.gz >twice.gz
    run leat read twice.gz : gunzip : gunzip : null
    is 3
    has "leat: gunzip (#3): CRC-32 mismatch"
    run leat gunzip : null <bad.gz
    has "leat: gunzip (#1): CRC-32 mismatch"
    run leat --json gunzip : null <bad.gz
    has "\"offset\":$at,\"offset_of\":\"stream\",\"text\""
    run leat read a.gz - : gunzip : null <bad.gz
    has "gunzip (#2): standard input: CRC-32 mismatch"
    has "(byte $at)"
}

@test "an error in one of many thousand files names that one" {
    three
    printf '' | gzip -n >e.gz
    { printf 'read'; printf ' e.gz%.0s' {1..20000}; printf ' bad.gz a.gz : gunzip : null'; } >many.leat
    run leat -f many.leat
    is 3
    has "bad.gz: CRC-32 mismatch"
    has "(byte $at)"
}

@test "an error of a system call keeps its errno" {
    run leat --json read . : null
    is 1
    has '"errno":"EISDIR"'
    run leat --json read nothing : null
    has '"code":"ENOENT"'
    has '"errno":"ENOENT"'
    run leat --json zero -n 1M : write /dev/full
    is 1
    has '"errno":"ENOSPC"'
}

@test "an offset in the text of the pipeline is marked as one" {
    run leat --json 'read a | nothing'
    is 2
    has '"offset_of":"text"'
}

# --- decode of several files ----------------------------------------------------------------------

# samples - create files in all formats, small and of several blocks, plain and empty; NAME.plain has the
# decoded content of each.
samples() {
    local stage name
    seq 1 20000 >one
    seq 5 30000 >two
    : >empty
    for stage in gzip 'gzip --blocks' zstd 'zstd --seekable=20K' bzip2 lz4 xz 'lzip -0' compress; do
        has_stage "${stage%% *}"
        name=${stage//[ =-]/}
        # shellcheck disable=SC2086 # the words of a stage
        leat $stage <one >"$name.1"
        # shellcheck disable=SC2086
        leat $stage <two >"$name.2"
        cp one "$name.1.plain"
        cp two "$name.2.plain"
    done
    for name in one two empty; do
        cp $name $name.plain
    done
}

@test "decode recognises each of several files by itself, in lanes, too" {
    samples
    while read -r -a files; do
        cat "${files[@]/%/.plain}" >expected
        for options in -j1 -j2 -j4 '-j4 --chunk=7' '-j3 --chunk=1000' --seed=3; do
            # shellcheck disable=SC2086
            leat $options read "${files[@]}" : decode >got || { echo "$options ${files[*]}"; return 1; }
            cmp got expected || { echo "$options ${files[*]}"; return 1; }
        done
    done <<'END'
gzip.1 zstd.2
gzipblocks.1 zstd.2 bzip2.1 bzip2.2 gzipblocks.2
one gzip.1 empty bzip2.1 two
empty lz4.1 lz4.2 one lz4.1
compress.2 gzip.1 compress.1
zstdseekable20K.1 zstdseekable20K.2 zstd.2 lz4.1 zstdseekable20K.1 empty
bzip2.1 one bzip2.2 empty empty bzip2.1
xz.2 gzip.1 xz.1 lzip0.1 gzip.2
empty empty one
END
}

@test "a truncated file is an error of decode, whatever file follows" {
    samples
    for name in gzip.1 gzipblocks.1 zstd.1 zstdseekable20K.1 bzip2.1 lz4.1 xz.1; do
        head -c $(($(stat -c %s $name) / 2)) $name >short
        for j in 1 2 4; do
            run leat -j$j read two $name short gzip.2 : decode : null
            is 3
            has 'short: unexpected end of input'
            has "(byte $(stat -c %s short))"
        done
    done
}

@test "garbage after a file is an error of decode, and an intact file is not" {
    samples
    { cat gzip.1; echo garbage; } >bad
    for j in 1 4; do
        run leat -j$j read zstd.1 bad one : decode : null
        is 3
        has "bad: trailing garbage after the gzip member (byte $(stat -c %s gzip.1))"
    done
    run bash -c 'cat gzip.1 zstd.2 | "$LEAT" decode : null'
    is 3
}

@test "decode --strict refuses a file of an unknown format" {
    samples
    for j in 1 4; do
        for file in one empty; do
            run leat -j$j read gzip.1 $file gzip.2 : decode --strict : null
            is 3
            has 'not in a format that decode recognises'
        done
        leat -j$j read gzip.1 zstd.2 : decode --strict : null
    done
}

@test "decode --all unwraps the layers of each of several files" {
    samples
    leat gzip <zstd.1 >layers
    leat read layers two gzip.2 : decode --all >got
    cat one two two | cmp - got
}

@test "the name of a file in an error is quoted, and is whole as JSON" {
    printf 'no gzip data' >$'a\e[2J\n.gz'
    run leat read $'a\e[2J\n.gz' : gunzip : null
    is 3
    [ "${#lines[@]}" = 1 ]
    [[ $output != *$'\e'* ]]
    has 'not in gzip format (byte 0)'
    run leat --json read $'a\e[2J\n.gz' : gunzip : null
    has '"file":"a\u001b[2J\n.gz"'
}

# --- a compressed file that is read as text -------------------------------------------------------

@test "a compressed file that is read as lines of text gets one warning" {
    log_lines 2000 | gzip -n >x.gz
    zstd -q <x.gz >y.zst
    for stages in 'grep ERROR : count -l' 'count -l' 'head -n 1 : null' 'tail -n 1 : null' \
        'tee [ count -l : null ] : null' 'buffer : route [ -e x : null ] : null' \
        'sha256 --to=sum : grep -c x'; do
        # shellcheck disable=SC2086 # the words of a pipeline
        run --separate-stderr leat --force read x.gz y.zst x.gz : $stages
        is 0
        [[ $stderr == *'x.gz: this is gzip data, but it was read as text'* ]]
        [ "$(grep -c warning <<<"$stderr")" = 1 ]
    done
    run --separate-stderr leat grep -c x <y.zst
    [[ $stderr == *'warning: grep (#1): this is zstd data'* || $stderr == *'standard input: this is zstd data'* ]]
    run --separate-stderr leat --json read y.zst : grep -c x
    [[ $stderr == '{"type":"warning","stage":2,"name":"grep","file":"y.zst",'* ]]
}

@test "no warning for decoded data, for other stages, or with --quiet" {
    log_lines 2000 | gzip -n >x.gz
    for words in '-q read x.gz : count -l' 'read x.gz : gunzip : grep -c x' \
        'read x.gz : decode : head -n 1' 'read x.gz : count -c' 'read x.gz : head -c 5 : null' \
        'read x.gz : sha256' 'read --offset=5 x.gz : count -l' 'read x.gz : null'; do
        # shellcheck disable=SC2086
        run --separate-stderr leat $words
        is 0
        [ -z "$stderr" ]
    done
}

# --- a suffix of another format -------------------------------------------------------------------

@test "an output whose suffix does not match its codec gets one warning" {
    log_lines 200 >log
    mkdir -p out.gz
    for words in 'gzip : write x.zst' 'gzip : write out.gz/x.tar.zst' 'zstd : gzip : write x.zst' \
        'tee [ gzip : write x.zst ] : gzip : write x.gz' 'gzip : tee [ write x.zst ] : write x.gz' \
        'gzip : sha256 --to=sum : buffer : write x.zst' 'split -l 200 x-{n}.zst [ gzip ]' \
        'split -l 200 [ tee [ gzip : write x-{n}.zst ] : null ]' 'xz : write x.tgz' 'zlib : write x.br' \
        'brotli : write x.deflate' 'bzip2 : write x.Z' 'compress : write x.lz4' 'lz4 : write x.lzma' \
        'lzip : write x.xz' 'zstd : write x.bz2'; do
        # shellcheck disable=SC2086 # the words of a pipeline
        run --separate-stderr leat --force read log : $words
        is 0
        [ "$(grep -c . <<<"$stderr")" = 1 ]
        [[ $stderr == *'warning: '*' has the suffix of '*', but its content is that of '* ]]
    done
    run --separate-stderr leat --force --json read log : gzip : write x.zst
    [ "$stderr" = '{"type":"warning","stage":3,"name":"write","text":"x.zst has the suffix of zstd, but its content is that of gzip"}' ]
    run --separate-stderr leat -q --force read log : gzip : write x.zst
    is 0
    [ -z "$stderr" ]
}

@test "no warning if the suffix matches the codec, is unknown, or there is no codec" {
    log_lines 200 >log
    mkdir -p x.zst
    for words in 'gzip : write x.gz' 'gzip : write x.tgz' 'gzip : write x.out' 'gzip : write gz' \
        'gzip : write x.zst/y' 'gzip : write x.zst/.zst' 'zstd : gzip : gunzip : write y.gz' 'write z.gz' \
        'tee [ gzip : write x.gz ] : zstd : write x.tar.zst' 'tee [ gzip : write x.gz ] : write y.zst' \
        'split -l 100 x-{n}.gz [ gzip ]' 'deflate : write x.deflate' 'compress : write x.Z' 'lzip : write x.lz'; do
        # shellcheck disable=SC2086
        run --separate-stderr leat --force read log : $words
        is 0
        [ -z "$stderr" ]
    done
    run --separate-stderr leat --force concat [ read log : gzip ] [ read log : gzip ] : write x.gz
    is 0
    [ -z "$stderr" ]
}

# --- names of checksums ---------------------------------------------------------------------------

@test "the checksum line of decoded data has the name from --name" {
    log_lines 2000 >big.log
    gzip -nk big.log
    leat read big.log.gz : gunzip : tee [ sha256 --name=big.log : write big.sha256 ] : null
    sha256sum --strict -c big.sha256
}
