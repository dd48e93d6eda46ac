#!/usr/bin/env bats
# replace.bats - replace on the command line.
# shellcheck disable=SC2016 # $1 is a group

load common

@test "replace writes the same as sed and Perl, with any number of threads" {
    log_lines 50000 >log
    sed -E 's/worker-([0-9]+)/w\1/' log >expected1
    perl -pe 's/(\d+)/<$1>/g' log >expected2
    sed 's/0/zero/g' log >expected3
    for threads in 1 2 8; do
        leat --threads=$threads read log : replace 'worker-([0-9]+)' 'w$1' | cmp - expected1
        leat --threads=$threads read log : replace -g '(\d+)' '<$1>' | cmp - expected2
        leat --threads=$threads read log : replace -g -F 0 zero | cmp - expected3
    done
}

@test "the first line comes out before the input ends" {
    mkfifo in out
    "$LEAT" replace -g a b <in >out &
    exec 8>in 9<out
    echo banana >&8
    read -r -u 9 line
    [ "$line" = bbnbnb ]
    exec 8>&-
    [ "$(cat <&9)" = "" ]
    wait $!
}

@test "the memory does not grow with the input" {
    run bash -c "yes abcabcabc | head -c 200000000 | '$LEAT' --memory=16M replace -g b xyz : count -c"
    is 0
    [ "$output" = 320000000 ]
}

@test "an ambiguous group is a usage error with the remedy" {
    run leat read none : replace '(a)' '$1_x' : write out
    is 2
    has 'replace (#2)'
    has 'write ${1}_x'
    [ ! -e out ]
}

@test "a pattern that needs too many steps is a limit that tells the line" {
    printf 'x\n%050db\n' 0 >in
    run leat read in : replace '(0|00)+$' x : write out
    is 7
    has 'too many steps on this line'
    has 'byte 2'
    [ ! -e out ]
}

@test "sed writes the same as GNU sed" {
    log_lines 20000 >log
    for script in 's/worker/w/' 's/[0-9][0-9]*/<&>/g' 's/^\([^ ]*\) \([^ ]*\)/\2 \1/' 's/\(INFO\|WARN\)/[\1]/' 's/o/0/2'; do
        LC_ALL=C sed "$script" log >expected
        leat read log : sed "$script" | cmp - expected
    done
    run leat read log : sed 's/a/b/;s/c/d/'
    is 2
    has "only one s command"
}
