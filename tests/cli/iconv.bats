#!/usr/bin/env bats
# iconv.bats - iconv on the command line.

load common

@test "iconv writes the same as GNU iconv" {
    needs iconv
    { log_lines 20000; printf 'caf\303\251 \342\202\254\n'; } >log
    for to in UTF-16 UTF-16BE UTF-32 ISO-8859-15 UTF-7; do
        iconv -f UTF-8 -t $to log >expected
        leat read log : iconv -f UTF-8 -t $to | cmp - expected
        leat read expected : iconv -f $to | cmp - log
    done
}

@test "invalid input is an error of corrupt data with its place, and there is no output file" {
    printf 'abc\377def' >in
    run leat read in : iconv -f UTF-8 : write out
    is 3
    has 'not valid UTF-8'
    has 'byte 3'
    [ ! -e out ]
}

@test "what -c leaves out is a warning" {
    printf 'abc\377def' >in
    run leat read in : iconv -c -f UTF-8
    is 0
    has abcdef
    has '-c left out 1 sequence of bytes'
}
