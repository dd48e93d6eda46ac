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
