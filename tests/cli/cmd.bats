#!/usr/bin/env bats
# cmd.bats - the user interface of the command: messages, standard descriptors, pipeline files,
# progress, statistics, help, completion.
#
# cmd/NAME.args has the words of a call, one per line; NAME.stdout, NAME.stderr and NAME.exit have the
# expected result (no file: no output, status 0). `UPDATE=1 bats cmd.bats` rewrites them.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    CASES=$BATS_TEST_DIRNAME/cmd
    unset COLUMNS
}

# expect FILE TEXT-FILE - the files are equal, else show the difference; a missing FILE counts as empty.
expect() {
    if [ "${UPDATE:-}" ]; then
        if [ -s "$2" ]; then cp "$2" "$1"; else rm -f "$1"; fi
    fi
    if [ -e "$1" ]; then diff -u "$1" "$2"; else diff -u /dev/null "$2"; fi
}

@test "every command line in cmd/ prints the expected message" {
    local args name failed=0
    local -a words
    for args in "$CASES"/*.args; do
        name=${args%.args}
        mapfile -t words <"$args"
        status=0
        leat "${words[@]}" >out 2>err </dev/null || status=$?
        if [ "$status" = 0 ]; then : >code; else echo "$status" >code; fi
        expect "$name.stdout" out && expect "$name.stderr" err && expect "$name.exit" code || {
            echo "in $(basename "$name")"
            failed=1
        }
    done
    [ "$failed" = 0 ]
}

# --- pipeline files --------------------------------------------------------------------------------

@test "an error in a pipeline file is reported with line and column" {
    printf 'read x\n\ngzip | gunzp\n' >job.leat
    run -2 leat -f job.leat
    [ "${lines[0]}" = 'leat: job.leat:3:8: gunzp (#3): unknown stage; did you mean gunzip? (byte 15)' ]
    [ "${lines[1]}" = '    gzip | gunzp' ]
    [ "${lines[2]}" = '           ^' ]
}

@test "a long line is cut around the error" {
    { head -c 300 /dev/zero | tr '\0' x; printf ' | gunzp | '; head -c 300 /dev/zero | tr '\0' y; } |
        sed 's/^/read /' >job.leat
    COLUMNS=60 run -2 leat -f job.leat
    [ "${#lines[1]}" -le 60 ]
    [ "${lines[2]% *}" != "${lines[2]}" ]
    [ "${lines[1]:${#lines[2]}-1:5}" = gunzp ]
}

@test "an executable pipeline file can be run as a command" {
    mkdir bin
    ln -s "$LEAT" bin/leat
    awk '/^#!\/usr\/bin\/env/ { on = 1 } /^\.Ed/ { on = 0 } on' \
        "$BATS_TEST_DIRNAME/../../man/leat-syntax.5" | sed 's/\\(dq/"/g; s/\\-/-/g' >nightly.leat
    chmod +x nightly.leat
    log_lines 500 >2026-11-22.log
    PATH=$PWD/bin:$PATH run -0 bounded ./nightly.leat --set day=2026-11-22
    gzip -dc errors-2026-11-22.gz | cmp - <(grep -e ERROR 2026-11-22.log)
    PATH=$PWD/bin:$PATH run -2 bounded ./nightly.leat --set day=2026-11-22 extra
    has "'extra' is one word too many"
}

@test "a file name as a stage suggests read FILE or -f FILE" {
    echo 'read job.leat' >job.leat
    run -2 leat job.leat
    [ "${lines[0]}" = 'leat: job.leat (#1): unknown stage; to read a file: read job.leat; a pipeline that is in a file: leat -f FILE (byte 0)' ]
    run -2 leat job.baet
    [[ $output != *'-f FILE'* ]]
}

@test "with -f - the text comes from standard input, and the data cannot" {
    seq 5 >n
    [ "$(echo 'read n | head -n 1' | leat -f -)" = 1 ]
    run -2 bash -c 'echo gzip | "$LEAT" -f -'
    has 'begin with: read FILE'
    for text in 'read n - | gzip' 'read --drop-cache | gzip' 'read -- - | gzip'; do
        run -2 bash -c 'echo "$1" | "$LEAT" -f -' _ "$text"
        has 'begin with: read FILE'
    done
    for name in 'a - b' "it's - \\ \" -" '-n'; do
        seq 3 >"./$name"
        leat explain read -- "$name" | head -n 1 >text
        [ "$(leat -f - <text | wc -l)" = 3 ]
    done
}

@test "a file that is not pipeline text is refused" {
    printf 'read x\0y' >nul
    run -2 leat -f nul
    has 'NUL'
    head -c 2000000 /dev/zero | tr '\0' '#' >long
    run -7 leat -f long
    run -1 leat -f missing
    has 'missing: No such file'
    run -1 leat -f .
    printf '\357\273\277read nul | count -c\n' >bom
    [ "$(leat -f bom)" -eq 8 ]
}

# --- standard descriptors --------------------------------------------------------------------------

@test "closed standard input is an error, not an empty file" {
    run -1 bash -c '"$LEAT" gzip <&-'
    has 'standard input'
}

@test "closed standard output is an error" {
    seq 9 >n
    run -1 bash -c '"$LEAT" read n >&-'
    run -1 bash -c '"$LEAT" help >&-'
    run -1 bash -c '"$LEAT" help >/dev/full'
    has 'No space left'
}

@test "no output gets the number of a closed standard descriptor" {
    seq 1000 >n
    bash -c '"$LEAT" --stats --progress=plain read n : write a <&- 2>&-'
    cmp n a
    bash -c '"$LEAT" --stats --progress=plain read n : write b <&- >&- 2>&-'
    cmp n b
    for option in --stats --stats=json --log=json --progress=plain --progress=json; do
        leat $option read n : write "of$option" 2>&-
        cmp n "of$option"
    done
}

@test "a full standard error fails --stats and --log but not progress" {
    seq 1000 >n
    for option in --stats --stats=json --log=json; do
        status=0
        leat --force $option read n : write a 2>/dev/full || status=$?
        is 1
    done
    leat --progress=plain read n : write b 2>/dev/full
    cmp n b
}

@test "a program that is not a shell sees the signal" {
    needs python3
    bounded python3 - "$LEAT" <<'EOF'
import signal, subprocess, sys
leat = sys.argv[1]
p = subprocess.Popen([leat, "zero"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
p.stdout.read(1)
p.stdout.close()
assert p.stderr.read() == b"", "it was not quiet"
assert p.wait() == -signal.SIGPIPE, p.returncode
for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(n, signal.SIG_DFL) # a test that runs in the background ignores SIGINT
    p = subprocess.Popen([leat, "zero"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.read(1)
    p.send_signal(n)
    assert n.name.encode() in p.stderr.read()
    assert p.wait() == -n, p.returncode
EOF
}

# --- progress and statistics -----------------------------------------------------------------------

@test "progress is lines or JSON if requested, and nothing otherwise" {
    log_lines 1000 >log
    run -0 --separate-stderr leat read log : null
    [ -z "$stderr" ]
    run -0 --separate-stderr leat --progress=plain read log : null
    [[ $stderr == 'leat: 100 %, '*' elapsed'* ]]
    run -0 --separate-stderr leat --progress=json read log : null
    [[ $stderr == '{"type":"progress",'*'}' ]]
}

@test "on a terminal a bar is drawn, and erased at the end" {
    needs script
    mkfifo feed
    exec 9<>feed
    TERM=xterm script -qfec "'$LEAT' --color=never read feed : null" typescript \
        </dev/null >/dev/null 9>&- &
    pid=$!
    echo hello >&9
    wait_for grep -q '/s' typescript
    exec 9>&-
    wait_for gone "$pid"
    # After the last erasure the line is empty.
    [ -z "$(sed '1d;/^Script done/d' typescript | tr -d '\n' | sed 's/.*\x1b\[K//')" ]
}

@test "progress by stages is lines without a terminal, and JSON on request" {
    log_lines 1000 >log
    run -0 --separate-stderr leat --progress=stages read log : gzip : null
    [[ $stderr == 'leat: 100 %, '*$'\n''leat:   read log: in '*$'\n''leat:   gzip: in '* ]]
    [[ $stderr == *' waits for input '* && $stderr != *$'\x1b'* ]]
    run -0 --separate-stderr leat --progress=stages read log : limit --rate=400K/s --burst=1K : null
    [[ $stderr == *'  limit '*'<- bottleneck'* ]]
    run -0 --separate-stderr leat --json --progress=stages read log : gzip : null
    [[ $stderr == '{"type":"progress",'*'"stages":[{"number":1,"name":"read",'*'}' ]]
    needs jq
    jq -e '.stages | length == 3' <<<"$stderr"
}

@test "on a terminal progress by stages is a table, and erased at the end" {
    needs script
    mkfifo feed
    exec 9<>feed
    TERM=xterm script -qfec "stty rows 20 cols 90; '$LEAT' --progress=stages read feed : gzip : null" \
        typescript </dev/null >/dev/null 9>&- &
    pid=$!
    echo hello >&9
    wait_for grep -q 'wait-in' typescript
    wait_for grep -q '^  3 null' typescript
    exec 9>&-
    wait_for gone "$pid"
    # After the last erasure the line is empty.
    [ -z "$(sed '1d;/^Script done/d' typescript | tr -d '\n' | sed 's/.*\x1b\[J//')" ]
}

@test "no bar on a dumb terminal or on one that the data uses" {
    needs script
    log_lines 100 >log
    TERM=xterm script -qec "'$LEAT' --progress=auto read log" typescript </dev/null >/dev/null
    [ "$(grep -c $'\x1b' typescript)" = 0 ]
    TERM=dumb script -qec "'$LEAT' read log : null" typescript </dev/null >/dev/null
    [ "$(grep -c $'\x1b' typescript)" = 0 ]
}

@test "statistics are a table, or JSON with the same figures" {
    log_lines 1000 >log
    leat --stats read log : gzip : null 2>stats
    mapfile -t lines <stats
    [[ ${lines[0]} == '  # stage '* ]]
    [[ ${lines[1]} == '  1 read log '* ]]
    [[ ${lines[3]} == '  3 null '* ]]
    [[ ${lines[4]} == *' read in '* ]]
    [[ ${lines[5]} == 'bottleneck: '* ]]
    COLUMNS=60 leat --stats read log : gzip : null 2>stats
    [ "$(head -n 4 stats | wc -L)" -le 60 ]
    needs python3
    for form in --stats=json '--json --stats'; do
        # shellcheck disable=SC2086
        leat $form read log : gzip : null 2>stats.json
        python3 - <<'EOF'
import json, os
s = json.load(open("stats.json"))
assert s["type"] == "stats" and s["ok"] is True
size = os.stat("log").st_size
assert s["source_pos"] == s["source_total"] == size
a, b, c = s["stages"]
assert [x["name"] for x in (a, b, c)] == ["read", "gzip", "null"]
assert a["bytes_out"] == b["bytes_in"] == size and b["bytes_out"] == c["bytes_in"]
assert s["memory_peak"] <= s["memory_limit"]
assert s["bottleneck"]["name"] in ("read", "gzip", "null", None)
assert (s["bottleneck"]["name"] or "no stage was the limit; leat got ") in s["bottleneck"]["text"]
for x in s["stages"]:
    total = (x["busy_s"] + x["wait_in_s"] + x["wait_out_s"]) / x["workers"]
    assert abs(total - s["elapsed_s"]) <= 0.02 * s["elapsed_s"], x
assert [(x["from"], x["to"], x["bytes"]) for x in s["links"]] == [(0, 1, size), (1, 2, b["bytes_out"])]
EOF
    done
}

@test "statistics are written after a failure too" {
    log_lines 1000 >log
    run -3 leat --stats read log : gunzip : null
    has 'read in'
    has 'leat: gunzip (#2): '
    run -3 --separate-stderr leat --stats=json read log : gunzip : null
    [[ $stderr == *'"ok":false'* ]]
}

@test "errors as JSON are valid JSON with any content" {
    needs python3
    run -2 --separate-stderr leat --json read x : $'gu\x1bn\xffz"\\ip' : null
    python3 -c 'import json, sys; e = json.loads(sys.argv[1]); assert e["exit"] == 2 and e["stage"] == 2' \
        "$stderr"
    log_lines 10 >log
    run -3 --separate-stderr leat --json read log : gunzip
    python3 -c 'import json, sys; e = json.loads(sys.argv[1]); assert (e["code"], e["offset"], e["name"]) == ("ECORRUPT", 0, "gunzip"), e' \
        "$stderr"
}

# --- help ----------------------------------------------------------------------------------------------

@test "colours are used only if requested" {
    run -0 leat help
    [[ $output != *$'\x1b'* ]]
    run -0 leat --color=always help
    [[ $output == *$'\x1b['* ]]
    run -2 leat --color=always gunzp
    [[ $output == *$'\x1b[1;31mleat:\x1b[0m'* ]]
    needs script
    NO_COLOR='' TERM=xterm script -qec "'$LEAT' gunzp" typescript >/dev/null || true
    grep -q $'\x1b' typescript
    NO_COLOR=1 TERM=xterm script -qec "'$LEAT' gunzp" typescript >/dev/null || true
    [ "$(grep -c $'\x1b' typescript)" = 0 ]
}

@test "help fits the width" {
    local width stage
    for width in 40 60 80 120; do
        for stage in '' $(leat stages | awk '{ print $1 }'); do
            # shellcheck disable=SC2086
            COLUMNS=$width leat help $stage | sed 's/…/./g' >page
            # Synopses and examples are lines to copy, so they are not wrapped.
            awk -v width="$width" -v stage="$stage" '
                /^  (leat |not in this build)/ || NR == 1 { next }
                length($0) > width && match($0, /[^ ] +[^ ]/) { print stage ": " $0; bad = 1 }
                END { exit bad }' page || return 1
        done
    done
}

@test "three forms show the help of a stage" {
    [ "$(leat help gzip)" = "$(leat gzip --help)" ]
    [ "$(leat help gzip)" = "$(leat help -q gzip)" ]
    leat help gzip gunzip | grep -q '^gunzip'
    leat help | grep -q '^Stages:'
    leat -h | cmp - <(leat help)
    leat help split | grep -qxF 'split [options] [NAME] [ [ stages ] ]'
    leat help tee | grep -qxF 'tee [options] [ stages ] …'
}

@test "subcommands have their own help" {
    [ "$(leat help test)" = "$(leat test --help)" ]
    leat help test | grep -q -e '--all'
    leat help explain | grep -q -e '--dot'
    leat gzip --help | cmp - <(leat help gzip)
    run -2 leat help tset
    has "no stage 'tset'"
}

@test "leat stages --json lists all stages" {
    needs python3
    leat stages --json >stages.json
    python3 -c 'import json; print("\n".join(s["name"] for s in json.load(open("stages.json"))))' |
        cmp - <(leat stages | awk '{ print $1 }')
}

@test "explain as JSON has the canonical text" {
    run -0 leat explain --json "read 'a b' : gunzip : null"
    [[ $output == '{"text":"read '"'a b'"' | gunzip | null",'* ]]
    run -2 leat explain
}

# --- completion ----------------------------------------------------------------------------------------

# complete_bash LINE - the completions that bash offers for the line.
complete_bash() {
    bash -c 'compopt() { :; }
        . ./leat.bash
        COMP_LINE=$1 COMP_POINT=${#1}
        _leat
        echo "${COMPREPLY[*]}"' _ "$1"
}

@test "bash completes stages, options, values and files" {
    leat completion bash >leat.bash
    seq 3 >some.file
    [ "$(complete_bash 'leat gunz')" = gunzip ]
    [ "$(complete_bash 'leat --thr')" = --threads= ]
    [ "$(complete_bash 'leat --progress=pl')" = plain ]
    [ "$(complete_bash 'leat -j 2 gunz')" = gunzip ]
    [ "$(complete_bash 'leat --report x.html --seed 3 gunz')" = gunzip ]
    [ "$(complete_bash 'leat --stats gunz')" = gunzip ]
    [ "$(complete_bash 'leat --progress pl')" = plain ]
    [ "$(complete_bash 'leat --report=some')" = some.file ]
    [ "$(complete_bash 'leat read some')" = some.file ]
    [ "$(complete_bash 'leat read x : gunz')" = gunzip ]
    [ "$(complete_bash 'leat read x : head --li')" = --lines= ]
    [ "$(complete_bash 'leat tee [ gunz')" = gunzip ]
    [ "$(complete_bash 'leat tee [ gunzip ] ')" = ': [' ]
    [ "$(complete_bash 'leat help gunz')" = gunzip ]
    [ "$(complete_bash 'leat completion f')" = fish ]
    [ "$(complete_bash 'leat explain gunz')" = gunzip ]
    [ "$(complete_bash 'leat -f some')" = some.file ]
    [ "$(complete_bash 'leat test some')" = some.file ]
    [ "$(complete_bash 'leat test --al')" = --all ]
    [ "$(complete_bash 'leat test --tim')" = --timeout= ]
    [ "$(complete_bash 'leat tee [ gunzip ] : gzip --bl')" = --blocks ]
}

@test "the completion scripts are valid" {
    leat completion bash >leat.bash
    bash -n leat.bash
    if command -v shellcheck; then shellcheck -s bash leat.bash; fi
    leat completion zsh >_leat
    if command -v zsh; then zsh -n _leat; fi
    leat completion fish >leat.fish
    if command -v fish; then
        fish -n leat.fish
        for line in 'leat read x : gunz' 'leat --report x.html gunz'; do
            [ "$(fish -c 'source leat.fish; complete -C $argv' "$line" | cut -f1)" = gunzip ]
        done
        [ "$(fish -c 'source leat.fish; complete -C "leat test --tim"' | cut -f1)" = --timeout ]
    fi
    [ -s _leat ]
    [ -s leat.fish ]
}
