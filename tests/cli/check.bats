#!/usr/bin/env bats
# check.bats - leat check SUMS: the lines and statuses of sha256sum -c, for every algorithm, with a journal.

load common

@test "results and warnings are those of md5sum, sha1sum, sha256sum, sha512sum and b2sum -c" {
    needs python3 b2sum
    run bounded python3 "$BATS_TEST_DIRNAME/../tools/sums.py" "$LEAT" "${SEED:-1}" 80
    is 0
    has '80 lists, 0 differ'
}

@test "the lines are in the order of the list, whatever ends first" {
    mkdir d
    head -c 20000000 /dev/zero >d/0
    for i in $(seq 400); do echo "$i" >"d/$i"; done
    sha256sum d/0 d/[1-9]* >sums
    sha256sum -c sums >want
    run -0 leat check sums
    printf '%s\n' "$output" | cmp - want
    run -0 leat check sums --memory=8M --threads=1
    printf '%s\n' "$output" | cmp - want
    run -0 leat check -q sums
    [ -z "$output" ]
}

@test "a mismatch has status 4, a file that is not there 1, a list without lines 3" {
    echo a >a
    echo b >b
    sha256sum a b >sums
    echo x >>b
    rm a
    run -4 --separate-stderr leat check sums
    [ "$output" = $'a: FAILED open or read\nb: FAILED' ]
    [[ $stderr == *'leat: a: No such file or directory'* ]]
    [[ $stderr == *'leat: WARNING: 1 listed file could not be read'* ]]
    [[ $stderr == *'leat: WARNING: 1 computed checksum did NOT match'* ]]
    run -4 leat check --ignore-missing --status sums
    [ -z "$output" ]
    run -4 leat check sums nosums
    has 'nosums: No such file or directory'
    sed -i 2d sums
    run -1 leat check sums
    run -1 leat check --ignore-missing sums
    [ "$output" = 'leat: sums: no file was verified' ]
    echo nothing >none
    run -3 leat check none
    has 'none: no properly formatted checksum lines found'
    echo b >b
    { sha256sum b; echo bad; } >sums
    run -0 leat check sums
    has 'WARNING: 1 line is improperly formatted'
    run -3 leat check --strict --warn sums
    has 'sums: line 2 is improperly formatted'
    run -2 leat check
    run -2 leat check --resume sums
    has '--resume needs --journal'
}

@test "one list has lines of all algorithms, and 128 digits are of SHA-512 or BLAKE2b" {
    for f in a b c; do log_lines 100 | sed "s/^/$f/" >$f; done
    for tool in md5sum sha1sum sha256sum sha512sum b2sum; do
        "$tool" a b
        "$tool" --tag c
    done >list
    run -0 leat check list
    [ "$(grep -c ': OK$' <<<"$output")" = 15 ]
    echo x >>a
    run -4 leat check list
    [ "$(grep -c '^a: FAILED$' <<<"$output")" = 5 ]
}

@test "nothing is decoded" {
    echo text | gzip >a.gz
    sha256sum a.gz >sums
    run -0 leat check sums
    [ "$output" = 'a.gz: OK' ]
}

@test "with --json each file is an object" {
    echo a >a
    echo b >b
    { sha256sum a b; md5sum <a | sed 's/-$/gone/'; } >sums
    echo x >b
    run -4 leat check --json sums
    has '{"type":"check","list":"sums","file":"a","algorithm":"sha256","outcome":"ok"}'
    has '"file":"b","algorithm":"sha256","outcome":"failed"}'
    has '"file":"gone","algorithm":"md5","outcome":"unreadable","text":"No such file or directory"}'
}

@test "--resume reads only files that changed since they were OK" {
    for f in a b c d; do echo $f >$f; done
    sha256sum a b c d >sums
    echo x >d
    run -4 leat check --journal=j sums
    run -1 leat check --journal=j sums
    has 'give --resume'
    touch -r a ref
    echo A >a # the same size and time: it is not read
    touch -r ref a
    echo B >b
    touch -d 2001-01-01 b # another time
    rm c
    echo d >d
    run -4 leat check --resume --journal=j sums
    has $'a: OK\n'
    has $'b: FAILED\n'
    has $'c: FAILED open or read\n'
    has $'d: OK\n'
    md5sum a >>sums # another digest of the same file
    sed -i 1,4d sums
    run -0 leat check --resume --json --journal=j sums
    [[ $output != *skipped* ]]
    printf '{"done":"torn' >>j
    run -0 leat check --resume --json --journal=j sums
    has '"skipped":true'
    echo nothing >j
    run -3 leat check --resume --journal=j sums
    has 'line 1 of j is no line of a journal'
}

@test "a list that is a manifest, and options with a manifest and a directory" {
    mkdir d
    echo a >d/a
    leat pack -C d . : manifest : write m
    run -0 leat check m d
    run -2 leat check m
    has 'usage: leat check MANIFEST DIR'
    run -2 leat check --strict m d
    has '--strict is an option for lists of digests'
}
