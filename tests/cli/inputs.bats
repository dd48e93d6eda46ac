#!/usr/bin/env bats
# inputs.bats - what read makes of its files: that they are whole, what they are, and whose an error is.

load common

# --- a file that is cut while it is read ----------------------------------------------------------

# cut_by_reader OPTION... - reads a file of 64 MiB whose reader cuts it when it has the first byte. With
# 8 MiB of memory most of the file is not read by then.
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

@test "--shrink-ok reads a file as far as it goes" {
    cut_by_reader --shrink-ok
    is 0
    [ "$(stat -c %s got)" -gt 0 ]
}

@test "a part that was read before the file became shorter is whole" {
    truncate -s 64M f
    leat --memory=8M read --length=1M f : exec sh -c 'head -c 1 >/dev/null; : >f; cat' : null
}

@test "a file that becomes shorter is an error for what moves in the kernel, too" {
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

@test "files that state a size which they do not have are read" {
    leat read /proc/self/status : grep -c ^Name: >n
    [ "$(cat n)" = 1 ]
    [ -r /sys/kernel/mm/transparent_hugepage/enabled ] || skip 'no sysfs here'
    leat read /sys/kernel/mm/transparent_hugepage/enabled : write out
    cmp out /sys/kernel/mm/transparent_hugepage/enabled
}

# --- whose an error is ----------------------------------------------------------------------------

# three - a.gz, bad.gz and c.gz; the CRC of bad.gz is wrong.
three() {
    log_lines 3000 | gzip -n >a.gz
    cp a.gz c.gz
    cp a.gz bad.gz
    at=$(($(stat -c %s bad.gz) - 8))
    printf '\0\0\0\0' | dd of=bad.gz bs=1 seek=$at conv=notrunc status=none
}

@test "an error in the data names its file, and its place in it" {
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

@test "the place of an error counts from the beginning of the file, whatever was skipped" {
    three
    run leat read --offset=1000 bad.gz : gunzip : null
    is 3
    has 'bad.gz: not in gzip format (byte 1000)'
    run leat read --offset="$(stat -c %s a.gz)" a.gz bad.gz : gunzip : null
    has "bad.gz: CRC-32 mismatch"
    has "(byte $at)"
}

@test "data that ends too early is an error of the file that ends" {
    three
    head -c 1000 a.gz >cut.gz
    run leat read a.gz cut.gz : gunzip : null
    is 3
    has 'cut.gz: unexpected end of input'
    has '(byte 1000)'
}

@test "an error in data that is of no one file names none" {
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
    { printf 'read' && printf ' e.gz%.0s' {1..20000} && printf ' bad.gz a.gz : gunzip : null'; } >many.leat
    run leat -f many.leat
    is 3
    has "bad.gz: CRC-32 mismatch"
    has "(byte $at)"
}

@test "an error of the system keeps its number" {
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

@test "an offset in the pipeline's text is said to be one" {
    run leat --json 'read a | nothing'
    is 2
    has '"offset_of":"text"'
}
