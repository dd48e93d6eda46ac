#!/usr/bin/env bats
# text_hostile.bats - each stage of text on inputs that are hard on lines: right, or one clear error.

load common

# The stages of text with options; an empty result is right for some.
stages() {
    cat <<'END'
grep a
grep -v -n a
grep -C 1 -F a
replace -g a b
sed s/a/b/g
tr a-z A-Z
tr -cs a-z _
cut -b 1-5
cut -d , -f 2
fields 2,-1
uniq -c
tac
nl
fold -w 7
rev
trim
lines 2:5
sample -n 3 --seed=1
sample --seed=1 50%
base64
unbase64 -i
hex
unhex
url
unurl
iconv -f latin1 -t utf-8
iconv -f utf-8 -t utf-16le
dos2unix
unix2dos
timestamp
sort
sort -n -u
distinct
freq
head -n 2
tail -n 2
count
END
}

# answers NAME INPUT - each stage succeeds on the file, or ends with one line that names it.
answers() {
    local stage bad=0
    while read -r stage; do
        run bash -c "\"\$BOUND\" \"\$LEAT\" read $1 : $stage : null"
        if [ "$status" -eq 0 ] && [ -z "$output" ]; then continue; fi
        if [[ $status =~ ^[37]$ && ${#lines[@]} -eq 1 && $output == "leat: ${stage%% *} (#2)"* ]]; then continue; fi
        echo "$stage of $1: status $status, $output"
        bad=1
    done < <(stages)
    return "$bad"
}

@test "stages of text take an empty input" {
    : >empty
    answers empty
}

@test "stages of text take NUL bytes" {
    head -c 300000 /dev/zero >nul
    answers nul
}

@test "stages of text take lines that end with CR alone" {
    log_lines 5000 | tr '\n' '\r' >cr
    answers cr
}

@test "stages of text take bytes that are not UTF-8, and no newline at the end" {
    log_lines 5000 | sed 's/worker/\xff/; s/took/\xc3/' | head -c 200001 >bytes
    answers bytes
}

@test "a line of 1 GiB is right, or one error that names the stage and the limit" {
    local stage
    truncate -s 1G line
    while read -r stage; do
        run bash -c "\"\$BOUND\" \"\$LEAT\" read line : $stage : null"
        if [ "$status" -eq 0 ] && [ -z "$output" ]; then continue; fi
        is "$([[ $stage =~ ^(unhex|iconv|dos2unix|unix2dos) ]] && echo 3 || echo 7)"
        [ "${#lines[@]}" -eq 1 ]
        [[ $output == "leat: ${stage%% *} (#2)"* ]]
    done < <(stages)
}
