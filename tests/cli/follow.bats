#!/usr/bin/env bats
# follow.bats - files that grow and rotate: no line is lost, none comes twice.
#
# The tests read the output as it comes, and write or rotate only when they have read what was written before. None
# waits for a time to pass.
# shellcheck disable=SC2154 # bats sets status

load common

setup() {
    cd "${LEAT_TEST_TMP:+$(mktemp -d "$LEAT_TEST_TMP/follow.XXXXXX")}" 2>/dev/null || cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
    local pid dir=$PWD
    for pid in $(jobs -p) ${leat_pid:-}; do
        kill -9 "$pid" 2>/dev/null || true
    done
    [[ $dir != "${LEAT_TEST_TMP:-/nowhere}"/follow.* ]] || rm -rf "$dir"
}

# follow ARG... - start it; its output is read with `next`.
follow() {
    exec {lines}< <(exec "$BOUND" "$LEAT" follow "$@")
    leat_pid=$!
    wrote=0 got=0
}

# begin FILE - follow a file, and read its first line: the file is open.
begin() {
    printf 'line %08d\n' 1 >"$1"
    follow "$1"
    wrote=1
    next 1
}

# write_lines N [FILE] - append the next N numbered lines.
write_lines() {
    local i
    for ((i = 0; i < $1; i++)); do
        printf 'line %08d\n' $((++wrote))
    done >>"${2:-app.log}"
}

# next N - the next N lines of the output are those with the next numbers.
next() {
    local i line
    for ((i = 0; i < $1; i++)); do
        read -rt "$WAIT_S" line <&"$lines" || { echo "no line $((got + 1))"; return 1; }
        got=$((got + 1))
        [ "$line" = "$(printf 'line %08d' "$got")" ] || { echo "expected line $got: $line"; return 1; }
    done
}

# is_line TEXT - the next line of the output.
is_line() {
    local line
    read -rt "$WAIT_S" line <&"$lines" || { echo "no line: $1"; return 1; }
    [ "$line" = "$1" ] || { echo "expected $1: $line"; return 1; }
}

# ends - the output ends without another line.
ends() {
    local line
    ! read -r line <&"$lines" || { echo "one more line: $line"; return 1; }
}

# stop SIGNAL - it ends by that signal, and there was no other line.
stop() {
    kill -"$1" "$leat_pid"
    ends
}

@test "300 rotations by rename: no line is lost, none comes twice" {
    local i
    begin app.log
    for ((i = 0; i < 300; i++)); do
        write_lines $((i % 4))
        next $((i % 3 == 0 ? i % 4 : 0)) # the others are read after the rotation
        mv app.log app.log.1
        : >app.log
        next $((wrote - got))
    done
    write_lines 5
    next 5
    stop TERM
}

@test "300 rotations by delete and create" {
    local i
    begin app.log
    for ((i = 0; i < 300; i++)); do
        write_lines $((1 + i % 4))
        next $((1 + i % 4))
        rm app.log
        [ $((i % 2)) = 0 ] || : >app.log
    done
    write_lines 5
    next 5
    stop INT
}

@test "300 rotations by copytruncate, with a writer that stands still" {
    local i
    begin app.log
    for ((i = 0; i < 300; i++)); do
        write_lines $((1 + i % 7))
        next $((1 + i % 7))
        cp app.log app.log.1
        : >app.log # the next lines may make it longer than it was before anybody looks
    done
    write_lines 5
    next 5
    stop TERM
}

@test "lines that are written to the old file after the rename come before those of the new one" {
    local i fd
    begin app.log
    for ((i = 0; i < 50; i++)); do
        exec {fd}>>app.log
        write_lines 2 /dev/fd/"$fd"
        mv app.log app.log.1
        wrote=$((wrote + 3))
        write_lines 1 # into the new file, before the old one gets its last lines
        wrote=$((wrote - 4))
        write_lines 3 /dev/fd/"$fd"
        exec {fd}>&-
        wrote=$((wrote + 1))
        next 6
    done
    stop TERM
}

@test "only whole lines go on, also when files are mixed" {
    printf 'a 1\n' >a
    : >b
    follow a b
    is_line 'a 1'
    printf 'a' >>a
    printf 'b 1\n' >>b
    is_line 'b 1'
    printf 'b 2\n' >>b # now the piece in the other file was certainly looked at
    is_line 'b 2'
    printf ' 2\n' >>a
    is_line 'a 2'
    stop TERM
}

@test "a file may come later, and its directory be a sandbox" {
    "$LEAT" --sandbox=require null </dev/null 2>/dev/null || skip 'no sandbox here'
    mkdir logs
    printf 'first\n' >there
    exec {lines}< <(exec "$BOUND" "$LEAT" --sandbox=require follow --wait logs/late there)
    leat_pid=$!
    is_line first
    printf 'late 1\n' >logs/late
    is_line 'late 1'
    mv logs/late logs/late.1
    printf 'late 2\n' >logs/late
    is_line 'late 2'
    stop TERM
}

@test "the target of a symbolic link rotates in its own directory, in a sandbox" {
    "$LEAT" --sandbox=require null </dev/null 2>/dev/null || skip 'no sandbox here'
    mkdir logs links
    printf 'first\n' >logs/0.log
    ln -s ../logs/0.log links/app
    exec {lines}< <(exec "$BOUND" "$LEAT" --sandbox=require follow --grace=1h links/app)
    leat_pid=$!
    is_line first
    mv logs/0.log logs/0.log.1
    printf 'second\n' >logs/0.log
    is_line second
    printf 'third\n' >logs/1.log
    ln -s ../logs/1.log links/new
    mv -T links/new links/app
    is_line third
    stop TERM
}

@test "a pipeline ends when it has its lines" {
    begin app.log
    stop TERM
    run bash -c 'printf "a\nb\nc\n" >in; "$BOUND" "$LEAT" follow in : head -n 2'
    is 0
    [ "$output" = "$(printf 'a\nb')" ]
}

@test "read -F is follow" {
    printf 'one\n' >app.log
    exec {lines}< <(exec "$BOUND" "$LEAT" read -F app.log)
    leat_pid=$!
    is_line one
    mv app.log app.log.1
    echo two >app.log
    is_line two
    stop TERM
    run leat explain read -F --once app.log : null
    is 0
    has follow
    echo file >./-F
    run leat read -- -F
    [ "$output" = file ]
}

@test "a truncation and a file that is none are told" {
    printf 'one\n' >a
    exec {lines}< <(exec "$BOUND" "$LEAT" follow a : head -n 2 2>err)
    leat_pid=$!
    is_line one
    : >a
    printf '2\n' >a
    is_line 2
    ends
    wait_for grep -q 'truncations of followed files: 1' err
    run leat follow nowhere/a
    is 1
    has 'nowhere/a'
    run leat follow .
    is 1
}

# finishing SIGNAL ARG... - at the signal it ends well, and has put its file in place.
finishing() {
    local signal=$1
    shift
    exec {lines}< <(exec env --default-signal=INT,TERM,HUP "$BOUND" "$LEAT" "$@" --on-interrupt=finish \
        follow app.log : tee [ zstd : write out.zst ])
    leat_pid=$!
    next 3
    kill -"$signal" "$leat_pid"
    ends
    wait "$leat_pid"
    zstd -dqc out.zst | cmp - app.log
    rm out.zst
}

@test "--on-interrupt=finish keeps the outputs" {
    local signal
    wrote=0
    write_lines 3
    for signal in INT TERM HUP; do
        got=0
        finishing "$signal"
        got=0
        finishing "$signal" --threads=1
    done
}

@test "--on-interrupt=finish: a second signal takes the outputs back" {
    mkfifo full
    exec 8<>full
    env --default-signal=INT,TERM "$LEAT" --on-interrupt=finish zero : tee [ write out ] >full 8>&- &
    leat_pid=$!
    wait_for settled "$leat_pid"
    kill -TERM "$leat_pid"
    kill -INT "$leat_pid"
    wait "$leat_pid" || status=$?
    [ "$status" = 130 ] || [ "$status" = 143 ]
    only full
}

# has_long - app.log has a line of 200,000 bytes between others, and one without an end after them.
has_long() {
    { echo first; head -c 200000 /dev/zero | tr '\0' x; echo; echo middle; echo 0123456789; echo 01234567890; printf last; } >app.log
}

@test "a line that is too long ends the run, or is cut or left out, and told once" {
    has_long
    run leat follow --once --line-max=10 app.log : write out
    is 7
    has 'app.log: the line at byte 6 is longer than 10 bytes'
    [ ! -e out ]
    run leat follow --once --line-max=10 --long=skip app.log : write out
    is 0
    has 'the line at byte 6 is longer than 10 bytes, and was left out'
    has 'lines that were longer than 10 bytes: 2'
    cmp out <(printf 'first\nmiddle\n0123456789\nlast')
    run leat follow --once --line-max=10 --long=cut app.log : write --force out
    is 0
    cmp out <(printf 'first\nxxxxxxxxxx\nmiddle\n0123456789\n0123456789\nlast')
    leat follow --once --line-max=150K --long=cut app.log : write --force out
    [ "$(wc -c <out)" = $((6 + 150 * 1024 + 1 + 7 + 11 + 12 + 4)) ]
    cmp <(grep -v x out) <(grep -v x app.log)
}

@test "a line that is too long is found in an endless run, whose checkpoint passes it" {
    echo first >app.log
    begin_text=$(printf '%300s' '')
    "$LEAT" follow --checkpoint=ck --line-max=100 --long=skip app.log : rotate --every=10ms 'p-{n}' 2>err &
    leat_pid=$!
    wait_for test -e p-0
    printf '%s' "$begin_text" >>app.log
    wait_for settled "$leat_pid"
    kill -9 "$leat_pid" # in the middle of the line
    wait "$leat_pid" || true
    printf '%s\nsecond\n' "$begin_text" >>app.log
    run leat follow --once --checkpoint=ck --line-max=100 --long=skip app.log : rotate 'p-{n}'
    is 0
    cat p-* | cmp - <(printf 'first\nsecond\n')
    run leat follow --once --checkpoint=ck app.log : rotate 'p-{n}'
    is 0
    [ "$(cat p-* | wc -l)" = 2 ]
}
