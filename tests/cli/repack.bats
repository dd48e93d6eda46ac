#!/usr/bin/env bats
# repack.bats - an archive becomes another one, or one file for each entry.

load common

tree() {
    mkdir -p "$1/sub/deep" "$1/empty"
    log_lines 5000 >"$1/log"
    printf 'x' >"$1/sub/deep/one"
    : >"$1/sub/nothing"
    printf 'utf' >"$1/größe"
    chmod 750 "$1/log"
    touch -d '2001-02-03 04:05:06 UTC' "$1/sub/deep/one" "$1/sub/deep" "$1/sub"
}

# more DIR - what only tar holds.
more() {
    ln "$1/log" "$1/hard"
    ln -s ../log "$1/sub/link"
    ln -s nowhere "$1/dangling"
    truncate -s 3M "$1/holes"
    printf 'end' >>"$1/holes"
    mkfifo "$1/fifo"
    printf 'long' >"$1/$(printf 'n%.0s' {1..200})"
    printf 'bytes' >"$1/"$'caf\xe9'
    touch -d '1965-03-04 05:06:07.123456789 UTC' "$1/sub/deep/one"
}

@test "a tar archive becomes one of each format, and each comes back the same" {
    tree t
    tar -C t -cf t.tar .
    leat read t.tar : manifest >m
    leat read t.tar : list -l >l
    gzip -k t.tar
    for format in pax ustar gnutar cpio zip 7z; do
        leat read t.tar.gz : repack --format=$format : write "t.$format" 2>err
        leat read "t.$format" : manifest --check=m
        leat read "t.$format" : repack : list -l >back
        [ $format = 7z ] || diff <(sed -E 's/ +/ /g; s/^(\S+) \S+/\1/' l) <(sed -E 's/ +/ /g; s/^(\S+) \S+/\1/' back)
    done
    unzip -tq t.zip
    mkdir by-cpio
    (cd by-cpio && cpio -id --quiet <../t.cpio)
    diff -r t by-cpio
}

@test "links, holes, times, special files and odd names stay in the tar formats" {
    tree t
    more t
    tar --format=pax -S -C t -cf t.tar .
    leat read t.tar : list --json >before
    leat read t.tar : repack : write again.tar
    leat read again.tar : list --json >after
    diff before after
    leat read t.tar : manifest >m
    leat read again.tar : manifest --check=m
    leat read t.tar : repack --format=gnutar : write gnu.tar 2>err
    grep -q 'lose the fraction of a second' err
    leat read gnu.tar : manifest --check=m
    mkdir by-tar
    tar -C by-tar -xf again.tar
    leat pack -C by-tar . : manifest --check=m
}

@test "attributes are copied to pax, and a warning counts them for other formats" {
    tree t
    setfattr -n user.note -v text t/log || skip 'no extended attributes here'
    leat pack --xattrs -C t . : write t.tar
    leat read t.tar : repack : write again.tar
    cmp t.tar again.tar
    leat read t.tar : repack --format=zip 2>err >t.zip
    grep -q '1 entries lose extended attributes' err
}

@test "patterns, components and rules choose and rename what is copied, links too" {
    tree t
    ln t/log t/sub/hard
    tar --sort=name -cf t.tar t
    leat read t.tar : repack --exclude=deep --strip-components=1 --rename='^log$=renamed' : list -l >lines
    grep -q 'sub/hard link to renamed$' lines
    [ "$(grep -c . lines)" = 6 ]
    run leat read t.tar : repack --exclude=t/log : null
    is 2
    has 't/sub/hard: is a hard link to t/log, which is left out'
    run leat read t.tar : repack --include=nope : null
    is 1
}

@test "what a format cannot hold is an error that names the entry" {
    tree t
    more t
    touch -d '2001-02-03 04:05:06 UTC' t/sub/deep/one
    tar -C t --exclude=fifo --exclude='caf*' -cf t.tar .
    for format in zip 7z cpio; do
        run leat read t.tar : repack --format=$format : null
        is 2
        has "hard link to"
        has "--format=$format"
    done
    tar -C t -cf f.tar fifo
    run leat read f.tar : repack --format=zip : null
    is 2
    has 'fifo: is a FIFO'
    tar -C t -cf n.tar "$(cd t && echo nnn*)"
    run leat read n.tar : repack --format=ustar : null
    [ "$status" != 0 ]
}

@test "a cut or damaged archive gives no archive" {
    tree t
    tar -C t -cf t.tar .
    head -c 50000 t.tar >cut.tar
    run leat read cut.tar : repack : write new.tar
    is 3
    [ ! -e new.tar ]
    (cd t && zip -qr ../t.zip .)
    python3 -c 'd = bytearray(open("t.zip", "rb").read()); i = d.find(b"log"); d[i + 60] ^= 1; open("bad.zip", "wb").write(d)'
    run leat read bad.zip : repack : write new.tar
    [ "$status" = 3 ] || [ "$status" = 4 ]
    [ ! -e new.tar ]
}

@test "holes stay holes in pax, and access control lists are counted" {
    mkdir t
    truncate -s 5M t/tail
    printf 'data' | dd of=t/tail bs=1 seek=1048576 conv=notrunc status=none
    truncate -s 1M t/middle
    printf 'end' >>t/middle
    truncate -s 2M t/empty
    leat pack -C t . : write t.tar
    leat read t.tar : repack : write again.tar
    cmp t.tar again.tar
    leat read t.tar : repack --format=gnutar : manifest >m
    leat read t.tar : manifest --check=m
    tar -S --format=gnu -C t -cf gnu.tar tail middle
    leat read gnu.tar : repack : write pax.tar
    [ "$(stat -c %s pax.tar)" -lt 100000 ]
    mkdir out
    tar -C out -xf pax.tar
    cmp t/tail out/tail
    cmp t/middle out/middle
    setfacl -m u:12:r t/middle || skip 'no access control lists here'
    leat pack --acls -C t . : repack 2>err >acl.tar
    grep -q '1 entries lose access control lists' err
}

# --- a branch -----------------------------------------------------------------------------------

@test "the content of each file goes through the branch, and its new size is right" {
    tree t
    more t
    rm t/fifo
    tar -C t -czf t.tar.gz .
    for threads in 1 2 5; do
        leat --threads=$threads read t.tar.gz : repack [ gzip -1 ] : write "g$threads.tar"
        rm -rf out
        mkdir out
        tar -C out -xf "g$threads.tar"
        (cd t && find . -type f -links 1 -print0 | sort -z) | while IFS= read -r -d '' f; do
            gzip -dc <"out/$f" | cmp - "t/$f"
        done
        [ "$(readlink out/sub/link)" = ../log ]
        [ out/hard -ef out/log ]
    done
    cmp g1.tar g5.tar
    leat read g1.tar : repack [ gunzip ] : list -l >back
    leat read t.tar.gz : list -l | diff - back
    leat read g1.tar : repack [ gunzip ] : manifest >m
    leat read t.tar.gz : manifest --check=m
}

@test "a branch that ends early, and one with a child" {
    tree t
    tar --sort=name -C t -cf t.tar .
    leat read t.tar : repack [ head -n 3 ] : entries ./log | cmp - <(head -n 3 t/log)
    leat read t.tar : repack [ exec tr '[:lower:]' '[:upper:]' ] : entries ./log | cmp - <(tr '[:lower:]' '[:upper:]' <t/log)
    leat read t.tar : repack [ tee [ null ] : pass ] : entries ./log | cmp - t/log
}

@test "a branch that fails names the entry and leaves nothing" {
    tree t
    gzip t/log
    printf 'not gzip' >t/sub/deep/one
    tar --sort=name -C t -cf t.tar ./log.gz ./sub/deep/one
    run leat read t.tar : repack [ gunzip ] : write out.tar
    is 3
    has 'repack (#2)'
    has 'in its branch: gunzip: '
    has 'at the entry ./sub/deep/one'
    run leat read t.tar : repack [ exec sh -c 'exit 3' ] : write out.tar
    is 6
    run leat read t.tar : repack --spool=1K [ gunzip ] : write out.tar
    is 7
    has 'raise --spool'
    run leat --memory=64M read t.tar : repack [ zstd -19 ] : write out.tar
    is 7
    has 'raise --memory to'
    enough=$(grep -o 'raise --memory to [0-9]*M' <<<"$output" | grep -o '[0-9]*M')
    leat --memory="$enough" read t.tar : repack [ zstd -19 ] : null
    head -c 20000 t.tar >cut.tar
    run leat read cut.tar : repack [ pass ] : write out.tar
    is 3
    [ ! -e out.tar ]
    [ -z "$(find . -name '.leat*')" ]
}

@test "a branch of repack writes no files, and is checked before anything is read" {
    run leat read missing.tar : repack [ tee [ write x ] : pass ] : null
    is 2
    has 'write writes a file'
    has 'not allowed in this branch'
    run leat read missing.tar : repack [ sha256 --to=x ] : null
    is 2
    run leat read missing.tar : repack [ gzip --level=77 ] : null
    is 2
    has 'gzip'
    run leat read missing.tar : repack [ gzip ] [ zstd ] : null
    is 2
}

@test "a run whose branch waits can be stopped" {
    tree t
    tar -C t -cf t.tar .
    run timeout -s INT 1 "$LEAT" read t.tar : repack [ exec sleep 1000 ] : write out.tar
    [ "$status" = 124 ] || [ "$status" = 130 ]
    [ ! -e out.tar ]
    run leat --timeout=200ms read t.tar : repack [ exec sleep 1000 ] : write out.tar
    is 124
    [ ! -e out.tar ]
}

# --- split-entries ------------------------------------------------------------------------------

@test "split-entries makes a file of each content, through a branch if there is one" {
    tree t
    tar -C t -czf t.tar.gz .
    mkdir out packed
    leat read t.tar.gz : split-entries out
    (cd t && find . -type f -print0 | sort -z | xargs -0 sha256sum) >expected
    (cd out && find . -type f -print0 | sort -z | xargs -0 sha256sum) | diff expected -
    leat read t.tar.gz : split-entries --rename='$=.gz' packed [ gzip ]
    [ "$(find packed -type f | wc -l)" = 4 ]
    gzip -dc packed/log.gz | cmp - t/log
    gzip -dc packed/sub/nothing.gz | cmp - t/sub/nothing
}

@test "a remedy of repack is an option of repack" {
    touch -d '1960-01-01 UTC' old
    leat pack old : write old.tar
    run leat read old.tar : repack --format=ustar : null
    is 7
    has 'old: its time of -315619200 does not fit in --format=ustar; use --format=pax'
    [[ $output != *--mtime* ]]
}

@test "split-entries makes all files or none" {
    tree t
    tar -C t -cf t.tar .
    mkdir out
    head -c 50000 t.tar >cut.tar
    run leat read cut.tar : split-entries out
    is 3
    [ -z "$(find out -mindepth 1)" ]
    tar -P --transform='s,^one,../one,' -C t/sub/deep -cf up.tar one
    run leat read up.tar : split-entries out
    is 3
    [ ! -e one ]
    ln t/log t/zhard
    tar --sort=name -C t -cf hard.tar .
    run leat read hard.tar : split-entries out
    [ "$status" != 0 ]
    has 'zhard: is a hard link to ./log'
    ln -sf log t/zhard
    tar --sort=name -C t -cf link.tar .
    leat read link.tar : split-entries out 2>err
    grep -q '1 links and special files' err
}
