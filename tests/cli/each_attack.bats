#!/usr/bin/env bats
# each_attack.bats - leat each against names, files and moments that are chosen to make it lose or damage something.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir in
    seq 100 >in/a.txt
}

@test "a file that is no journal is never cut, and a pipe is none" {
    printf 'my only copy, without a newline' >precious
    cp precious want
    run -3 leat each in/a.txt --journal=precious --resume -- write '{}.o'
    has 'line 1 of precious is no line of a journal'
    cmp precious want
    printf '{"leat":"plan","version":1}' >precious
    run -3 leat each in/a.txt --journal=precious --resume -- write '{}.o'
    [ -s precious ]
    mkfifo pipe
    run -2 leat each in/a.txt --journal=pipe --resume -- write '{}.o'
    has 'pipe is not a regular file'
    [ ! -e in/a.txt.o ]
    run -0 leat each in/a.txt --journal=j -- write '{}.o'
    printf '\0\0\0\0\0' >>j # as a crash of the system may leave it
    run -0 leat each in/a.txt --journal=j --resume -- write '{}.o'
    has '1 skipped'
}

@test "an output is found by its own word, not by one that is the same for a simple name" {
    gzip -k in/a.txt
    mkdir o
    cd o
    for template in '{/}' '{rel}' '{n}' '{stem}' '{dir}x'; do
        run -0 leat each ../in/a.txt --force --journal=j -- write "$template"
        name=$(sed -n 's/.*"out":\["\(.*\)"\]}$/\1/p' j)
        cmp ../in/a.txt "$name"
        rm -f j "$name"
    done
    run -0 leat each ../in/a.txt.gz --remove-source --force -- gunzip : write '{plain}'
    [ ! -e ../in/a.txt.gz ]
    [ "$(wc -l <../in/a.txt)" = 100 ]
}

@test "outputs that replace files, and meet through a symbolic link, are refused" {
    mkdir x y outy
    ln -s outy outx
    echo 1 >x/f
    echo 2 >y/f
    run -2 leat each -r x y --force --remove-source -- write 'out{dir}/{/}'
    has 'x/f and y/f have the same output, outy/f'
    [ "$(cat x/f y/f)" = $'1\n2' ]
    run -8 leat each -r x y -- write 'out{dir}/{/}' # nothing is replaced: the second fails
    has 'exists'
    run -2 leat each -r x y --force -- write 'out{dir}/{/}' # and now the file is there
    ln -s x again
    run -2 leat each -r again x --force -- write '{}.o'
    has 'have the same output'
}

@test "an output that is an input through a symbolic link is refused, and a hard link is replaced alone" {
    ln -s in/a.txt link
    ln -s in dir
    run -2 leat each in/a.txt --force -- head -n 3 : write link
    run -2 leat each in/a.txt --force -- head -n 3 : write 'dir/{/}'
    has 'the output dir/a.txt of in/a.txt is itself an input'
    ln in/a.txt in/second
    run -2 leat each in/a.txt --force -- head -n 3 : write 'dir/{/}'
    run -0 leat each in/a.txt --force -- head -n 3 : write '{dir}/second'
    [ "$(wc -l <in/a.txt)" = 100 ]
    [ "$(wc -l <in/second)" = 3 ]
}

@test "standard output: --timeout is of each input, and another attempt keeps the place of its input" {
    printf '#!/bin/sh\nread x\n[ "$x" != b ] || [ -e flag ] || { touch flag; exec cat hold; }\necho "$x"\n' >once
    chmod +x once
    mkfifo hold
    exec 9<>hold
    mkdir many
    for f in a b c d e; do echo "$f" >"many/$f"; done
    run -0 leat each -q -r many --timeout=500ms --retries=2 --jobs=2 -- exec ./once
    [ "$output" = $'a\nb\nc\nd\ne' ]
}

@test "an output that is left by a failure is replaced by --resume, and a strange one is not" {
    mkfifo held
    bash -c 'exec "$LEAT" each in/a.txt --journal=j -- read "{}" held : write "{}.o"' 2>err &
    exec 9>held
    wait_for grep -q begin j
    touch -d 2001-01-01 in/a.txt
    exec 9>&-
    status=0
    wait "$!" || status=$?
    is 1
    grep 'changed while it was read' err
    grep '"failed":"in/a.txt".*"left":true' j
    rm held
    : >held
    run -0 leat each in/a.txt --journal=j --resume -- read '{}' held : write '{}.o'
    cmp in/a.txt in/a.txt.o
    echo bad | gzip | head -c 20 >in/b.gz
    run -3 leat each in/b.gz --journal=j2 -- gunzip : write '{.}'
    echo mine >in/b
    seq 5 | gzip >in/b.gz
    run -1 leat each in/b.gz --journal=j2 --resume -- gunzip : write '{.}'
    [ "$(cat in/b)" = mine ]
}

@test "a path that is too long fails by itself" {
    deep=long
    (for _ in $(seq 25); do
        name=$(printf '%0190d' 1)
        mkdir "$name"
        cd "$name"
    done; echo x >f)
    mkdir "$deep"
    mv 0* "$deep"
    echo y >"$deep/g"
    run -8 leat each -r "$deep" -- gzip : write '{}.gz'
    has '1 done, 1 failed'
    [ -e "$deep/g.gz" ]
}
