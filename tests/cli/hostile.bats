#!/usr/bin/env bats
# hostile.bats - names and values with terminal control sequences are escaped in all output.

load common

# Escape sequences, a forged line, C1 controls as a byte and as a character, characters that change the
# direction of text, and bytes that are not UTF-8.
HOSTILE=$'e\e]0;pwn\a\nb.gz: OK\r\x9b2J\xc2\x9b2J\xe2\x80\xae\xe2\x81\xa6\xd8\x9c\xef\xbb\xbf\xff\xed\xa0\x80\x7f'
# The most lines of a message: the error, and an excerpt of the pipeline with a caret.
LINES_MAX=3

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    printf 'some text\n' >plain
    gzip -k plain
    printf 'no gzip\n' >"$HOSTILE.gz"
    printf 'some text\n' >"$HOSTILE"
}

# tame FILE - the content is safe for a terminal.
tame() {
    if iconv -f UTF-8 -t UTF-8 "$1" >/dev/null &&
        ! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xd8\x9c|\xef\xbb\xbf' "$1"; then
        return 0
    fi
    cat -v "$1"
    return 1
}

# sees STATUS ARG... - leat ends with STATUS, and its output is tame: few lines, each from leat itself.
sees() {
    local want=$1 got=0
    shift
    leat "$@" >out 2>err </dev/null || got=$?
    { [ "$want" = any ] || [ "$want" = "$got" ]; } && tame out && tame err && [ "$(wc -l <err)" -le "$LINES_MAX" ] &&
        [ -s err ] && ! grep -v '^leat: \|^    ' err && return 0
    echo "status $got, expected $want, of: leat ${*@Q}"
    cat -v out err
    return 1
}

@test "an error shows the words of the user as one line of text" {
    local none=$HOSTILE/none
    sees 1 read "$none"
    sees 1 read plain : write "$none"
    sees 1 read plain : write "$HOSTILE"
    sees 6 read plain : exec "$HOSTILE"
    sees 6 exec "$none"
    sees 6 exec sh -c 'exit 3' "$HOSTILE"
    sees 2 "$HOSTILE"
    sees 2 "read plain | $HOSTILE"
    sees 2 "read plain | '$HOSTILE"
    sees 2 "read plain | write \${$HOSTILE}"
    sees 2 "read plain | write \$'\\q$HOSTILE'"
    sees 2 read plain "$HOSTILE" : "$HOSTILE"
    sees 2 gzip "$HOSTILE"
    sees 2 gzip "--$HOSTILE"
    sees 2 gzip "-$HOSTILE"
    sees 2 gzip "--l$HOSTILE=3"
    sees 2 gzip "--level=$HOSTILE"
    sees 2 head -n "$HOSTILE"
    sees 2 limit --time="$HOSTILE"
    sees 2 limit --rate="$HOSTILE"
    sees 2 timeout "$HOSTILE"
    sees 2 buffer -s "$HOSTILE"
    sees 2 buffer -P "$HOSTILE"
    sees 2 tee --slow="$HOSTILE" [ null ]
    sees 2 merge -k "$HOSTILE" [ read plain ] [ read plain ]
    sees 2 merge -t "$HOSTILE" [ read plain ] [ read plain ]
    sees 2 grep -e a "$HOSTILE"
    sees 2 grep -E "($HOSTILE"
    sees 2 grep -P "($HOSTILE"
    sees 2 split -n 1 "$HOSTILE"
    sees 2 split --csv -n 1 -t "$HOSTILE" 'p-{n}'
    sees 2 read --range="$HOSTILE" plain : unzstd
    sees 1 read plain : split -n 1 "$none-{n}"
    sees any read plain : buffer --spill="$none" : null
    sees 2 sha256 --expect="$HOSTILE"
    sees 1 read plain : sha256 --check="$none"
    sees 3 read plain : sha256 --check="$HOSTILE"
    sees 1 read plain : sha256 --to="$none" : null
    printf '%064d  a\n%064d  b\n' 1 2 >list
    sees 4 read plain : sha256 --check=list --name="$HOSTILE" : null
    sees 4 read "$HOSTILE" : sha256 --check=list : null
    sees 1 read plain : zstd --dict="$none" || sees 2 read plain : zstd --dict="$none"
    sees 3 read "$HOSTILE.gz" : gunzip : null
    sees any read "$HOSTILE.gz" : unzstd : null
    printf 'b\na\n' >"$HOSTILE"
    sees any merge [ read "$HOSTILE" ] [ read plain ]
    sees any read "$HOSTILE" : require --match="$HOSTILE" : null
}

@test "an error about a global option or a file of leat itself is escaped" {
    local none=$HOSTILE/none
    sees 2 "--$HOSTILE" read
    sees 2 --memory="$HOSTILE" read
    sees 2 --threads="$HOSTILE" read
    sees 2 --timeout="$HOSTILE" read
    sees 2 --stats="$HOSTILE" read
    sees 2 --color="$HOSTILE" read
    sees 2 --set "$HOSTILE" read
    sees 2 --log="$HOSTILE" read
    sees 2 --seed="$HOSTILE" read
    sees any --log=json:"$none" read plain : null
    sees any --report="$none" read plain : null
    sees any --report="$HOSTILE" read plain : null
    sees any --trace="$none" read plain : null
    sees any --sums="$none" read plain : write o
    sees any -f "$none"
    printf 'read plain |\n  gunzp %s\n' "$HOSTILE" >"$HOSTILE"
    LINES_MAX=3 sees 2 -f "$HOSTILE"
    sees 2 -f "$HOSTILE" "$HOSTILE"
    printf 'read plain | write ${none}' >job
    sees 2 -f job --set "$HOSTILE=x"
    sees 2 help "$HOSTILE"
    sees 2 man "$HOSTILE"
    sees 2 completion "$HOSTILE"
    sees 2 test --all="$HOSTILE"
    sees any "$HOSTILE" "$HOSTILE"
}

@test "leat test reports each file in one line" {
    gzip <plain >$'a\nb.gz'
    gzip <plain >"$HOSTILE.x.gz"
    run leat test $'a\nb.gz' "$HOSTILE.x.gz" "$HOSTILE.gz" "$HOSTILE/none.gz"
    printf '%s\n' "$output" >got
    tame got
    [ "${#lines[@]}" = 4 ]
    [ "${lines[0]}" = 'a\nb.gz: OK' ]
    [[ ${lines[1]} == 'e\x1b]0;pwn\x07\nb.gz: OK'*'.x.gz: OK' ]]
    [[ $output != *'b.gz: OK'$'\n'* || ${lines[0]} == 'a\nb.gz: OK' ]]
    # The message contains the name only once.
    run leat test "$HOSTILE/none.gz"
    [ "$(grep -o pwn <<<"$output" | wc -l)" = 1 ]
}

@test "statistics, explanations and log lines are escaped" {
    leat --stats --progress=plain read "$HOSTILE" : count -l >out 2>err
    tame err
    leat --stats=json --progress=stages read "$HOSTILE" : count -l >out 2>err
    tame err
    leat --json --log=json read "$HOSTILE" : count -l >out 2>err
    tame err
    run leat --json read "$HOSTILE.gz" : gunzip : null
    printf '%s\n' "$output" >got
    tame got
    leat --report=page.html --trace=trace.json read "$HOSTILE" : write "$HOSTILE.out"
    tame page.html
    tame trace.json
    leat explain --dot read "$HOSTILE" : write x >got || leat --dot explain read "$HOSTILE" : write x >got
    tame got
}

@test "the text of explain can be parsed again, by leat and by a shell" {
    leat explain read "$HOSTILE" : grep $'a\tb\'\\$' : write "$HOSTILE.out" >got
    tame got
    head -n 1 got >first
    # The canonical text parses to itself.
    leat explain "$(cat first)" >again
    cmp got again
    # A shell reads the same words.
    eval "words=($(sed "s/ | / ':' /g" first))"
    [ "${words[1]}" = "$HOSTILE" ]
    [ "${words[4]}" = $'a\tb\'\\$' ]
    [ "${words[7]}" = "$HOSTILE.out" ]
    leat "$(cat first)"
    [ -e "$HOSTILE.out" ]
    cat >job <<'J'
read $'\x70lain' | grep $'\'\\\"\a\b\e\f\n\r\t\v\x1\x7F?' | count -l
J
    leat explain "$(cat job)" | head -n 1 >got
    [ "$(cat got)" = "read plain | grep \$'\\'\\\\\"\\x07\\x08\\x1b\\x0c\\n\\r\\t\\x0b\\x01\\x7f?' | count -l" ]
    # shellcheck disable=SC1003 # a backslash is meant
    for wrong in '\q' '\x' '\x0' '\x00' '\xg1' '\'; do
        run -2 leat explain "read \$'a$wrong"
        run -2 leat explain "read \$'a$wrong'"
    done
}
