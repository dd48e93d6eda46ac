#!/usr/bin/env bats
# flow.bats - branches and checks on the command line: all outputs or none, wherever a stage fails.
# shellcheck disable=SC2086 # stages with their words are kept in one variable each

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    log_lines 20000 >log
    gzip -k log
    printf '#!/bin/sh\ncat; exit 3\n' >half
    chmod +x half
}

# job STATUS BEFORE ONE TWO THREE AFTER SPLIT PART INPUT - run a job with a concat, a tee, a nested branch,
# a split and a route, with the given stages at eight positions; `pass` at positions that do not fail.
job() {
    run leat concat [ read log : $8 : grep -F nowhere ] [ read log.gz : gunzip ] : $1 : \
        tee --slow=spill [ $2 : sha256 : write sum ] [ tee [ $3 : count -l : write n ] : null ] \
        [ $6 : split -n 9000 'part-{n}.gz' [ $7 : gzip ] ] : \
        route [ -e ERROR : $4 : write err ] [ -F -e WARN : gzip : write warn.gz ] : $5 : write out
}

# none - there is no output of the job, and no temporary.
none() {
    only half log log.gz "$@"
}

# each_place STATUS STAGE... - with the stage at each position in turn, the job ends with STATUS and no output.
each_place() {
    local want=$1 i
    local -a place
    for i in 0 1 2 3 4 5 6 7; do
        place=(pass pass pass pass pass pass pass pass)
        place[i]=$2
        job "${place[@]}"
        is "$want" || { echo "place $i: $2"; return 1; }
        none || { echo "place $i: $2"; return 1; }
    done
}

@test "all outputs of all branches are there" {
    job pass pass pass pass pass pass pass pass
    is 0
    none err n out part-0.gz part-1.gz part-2.gz sum warn.gz
    gzip -dc part-?.gz | cmp log -
    cut -d' ' -f1 sum | cmp - <(sha256sum <log | cut -d' ' -f1)
    [ "$(cat n)" = 20000 ]
    grep ERROR log | cmp - err
    gzip -dc warn.gz | cmp - <(grep WARN log)
    grep -vE 'ERROR|WARN' log | cmp - out
}

@test "corrupt data at any position leaves no output" {
    each_place 3 gunzip
}

@test "a failing child process at any position leaves no output" {
    each_place 6 'exec false'
    each_place 6 'exec ./half'
}

@test "a child process that dies in the middle of a branch ends an endless job" {
    run -6 leat zero : tee [ exec sh -c "head -c 100000 >/dev/null; kill -9 \$\$" : null ] : null
    has 'exec (#3): sh was killed by signal 9'
    run -6 leat zero : split --bytes=1G 'part-{n}' [ exec sh -c 'exec 0<&-; exit 3' ]
    has 'exec (#3): sh exited with status 3'
    none
    run -0 leat zero : tee [ exec sh -c 'exec 0<&-; echo x' : write n ] : head -c 20M : count -c
    [ "$output" = 20971520 ]
    [ "$(cat n)" = x ]
}

@test "a child process that closes its input and stays alive does not block the others" {
    # The last stage sees the end of the stream, and only then does the child of the branch end.
    run -0 leat zero : tee [ exec sh -c 'exec 0<&-; until [ -e end ]; do sleep 0.02; done; echo x >n' ] : \
        head -c 20M : exec sh -c 'wc -c; : >end'
    [ "$output" = 20971520 ]
    [ "$(cat n)" = x ]
    rm n end
    none
}

@test "a stage that fails after its branch wants no more input ends an endless job" {
    local late='exec 0<&-; until [ -s pid ]; do sleep 0.02; done; exit 3'
    for branch in "exec sh -c" "head -n 1 : exec sh -c" "head -n 1 : gzip : gunzip : exec sh -c"; do
        run -6 leat exec yes : tee [ $branch "$late" ] : exec sh -c 'echo $$ >pid; exec cat >/dev/null'
        has 'sh exited with status 3'
        rm pid
    done
    run -6 leat exec yes : tee [ split -n 1G 'part-{n}' [ head -n 1 : exec sh -c "$late" ] ] : \
        exec sh -c 'echo $$ >pid; exec cat >/dev/null'
    rm pid
    run -8 leat exec yes : head -n 1000000 : tee --on-error=detach [ head -n 1 : exec sh -c 'exit 3' ] : count -l
    has 1000000
    none
}

@test "a failed job does not wait for a child process that has all of its input" {
    for threads in 1 2; do
        run -6 leat --threads=$threads read log : tee [ exec sh -c 'cat >/dev/null; : >end; exec sleep 1000' ] : \
            exec sh -c 'cat >/dev/null; until [ -e end ]; do sleep 0.02; done; exit 3'
        has 'exec (#4): sh exited with status 3'
        rm end
    done
    none
}

@test "the output of a stage before its failure is delivered" {
    log_lines 200000 | gzip | head -c -100 >../cut.gz
    run -3 bash -c '"$LEAT" read ../cut.gz : gunzip : tee [ sha256 : null ] : write - >../got'
    cmp <(gzip -dc ../cut.gz 2>/dev/null | head -c "$(stat -c %s ../got)") ../got
    [ "$(stat -c %s ../got)" -ge $(($(gzip -dc ../cut.gz 2>/dev/null | wc -c) - 70000)) ]
    none
}

@test "a silent command whose output is not needed any more is ended" {
    run -0 --separate-stderr timeout 60 "$LEAT" exec sh -c 'echo a; exec sleep 1000' : head -n 1
    [ "$output" = a ]
    [[ $stderr == *'exec (#1): the command still ran 2 seconds after its output was no longer needed'* ]]
    run -0 timeout 60 "$LEAT" exec sleep 1000 : head -c 0
    run -0 timeout 60 "$LEAT" zero : exec sleep 1000 : head -n 0
    run -0 --separate-stderr timeout 60 "$LEAT" exec sh -c 'trap "" TERM; echo a; sleep 1000; sleep 1000' : head -n 1
    [ "$output" = a ]
    run -0 timeout 60 "$LEAT" exec sh -c 'echo a; exec 1>&-; : >end' : head -n 1 # it has the time to end
    [ "$output" = a ]
    rm -f end separate-stderr-* # bats leaves them in this directory
    none
}

@test "head that needs nothing does not wait for input" {
    mkfifo pipe
    sleep 1000 >pipe 3>&- &
    run -0 timeout 20 "$LEAT" head -c 0 <pipe
    run -0 timeout 20 "$LEAT" --threads=1 head -n 0 : gzip : null <pipe
    run -0 timeout 20 "$LEAT" tee [ head -c 0 : null ] : head -n 0 : null <pipe
    kill $!
    rm pipe
}

@test "a last command whose reader has gone ends the job without a message" {
    run bash -c '"$LEAT" zero : exec cat | head -c 1 | wc -c; exit ${PIPESTATUS[0]}'
    is 141
    [ "$output" = 1 ]
}

@test "a wrong checksum at any position leaves no output" {
    each_place 4 'crc32 --expect=00000000'
}

@test "a digest that differs from the list leaves no output" {
    printf "%064d  log.gz\n" 0 >../list
    each_place 4 'sha256 --check=../list'
    sha256sum log.gz log >../list
    leat read log.gz : sha256 --check=../list : gunzip : sha256 --check=../list --name=log : write out
    none out
}

@test "--sums lists the digests of all outputs in the format of sha256sum, or there is no list" {
    leat --sums=SUMS read log : tee [ gzip : write log2.gz ] [ tee [ head -n 3 : write 'a b' ] : null ] \
        [ count -l : write - ] : write $'odd\nname' >counted
    [ "$(cat counted)" = 20000 ]
    [ "$(sha256sum 'a b' log2.gz $'odd\nname' | sort)" = "$(sort SUMS)" ]
    sha256sum -c --strict SUMS
    none SUMS 'a b' counted log2.gz $'odd\nname'
    rm 'a b' counted log2.gz $'odd\nname'
    echo old >SUMS
    run -1 leat --sums=SUMS read log : write out
    has 'SUMS: exists'
    run -4 leat --force --sums=SUMS read log : tee [ write a ] [ crc32 --expect=00000000 : null ] : write b
    [ "$(cat SUMS)" = old ]
    none SUMS
    run -8 leat --force --sums=SUMS read log : tee --on-error=detach [ gunzip : write a ] : write out
    [ "$(cat SUMS)" = "$(sha256sum out)" ]
    none SUMS out
    run -2 leat --sums=NEW read log : write --append out
    has '--append cannot be used with --sums'
    leat --sums=- read log : tee [ write one ] : write /dev/null >list
    [ "$(cat list)" = "$(sha256sum one)" ]
}

@test "a failed require at any position leaves no output" {
    each_place 3 'require --min-bytes=1G'
    each_place 3 'require --match nowhere'
    each_place 7 'require --max-lines=10'
}

@test "a full device at the end of any branch leaves no output" {
    local full='write /dev/full'
    run -1 leat read log : tee [ $full ] [ write a ] : write b
    none
    run -1 leat read log : tee [ write a ] [ gzip : $full ] : write b
    none
    run -1 leat read log : tee [ write a ] : $full
    none
    run -1 leat read log : route [ -e ERROR : $full ] [ -e WARN : write a ] : write b
    none
    run -1 leat read log : route [ -e ERROR : write a ] : $full
    none
    run -1 leat paste [ read log ] [ read log : tee [ write a ] ] : $full
    none
}

@test "a full disk in any branch leaves no output" {
    [ "$(id -u)" = 0 ] || skip 'not root: cannot mount a small tmpfs'
    mkdir small
    mount -t tmpfs -o size=256k tmpfs small 2>/dev/null || skip 'mount is refused here'
    local codes=()
    run leat read log : tee [ write small/a ] [ write b ] : write c
    codes+=("$status")
    run leat read log : tee [ write a ] [ write b ] : write small/c
    codes+=("$status")
    run leat read log : route [ -e INFO : write small/a ] [ -e ERROR : write b ] : write c
    codes+=("$status")
    run leat read log : split -n 1000 'small/p-{n}'
    codes+=("$status")
    run leat read log : tee [ split -n 1000 'small/p-{n}' [ pass : zstd --fast=9 ] ] [ write small/a ] : write b
    codes+=("$status")
    run leat read log : split -n 1000 [ tee [ write 'p-{n}' ] : write 'small/p-{n}' ]
    codes+=("$status")
    run leat read log : tee --on-error=detach [ split -n 1000 'small/p-{n}' ] : sha256
    codes+=("$status")
    find small -mindepth 1 >left
    umount small
    rmdir small
    [ "${codes[*]}" = '1 1 1 1 1 1 8' ]
    [ ! -s left ]
    rm left
    none
}

@test "a part that does not fit leaves none of those before it" {
    { head -n 500 log; head -c 200K /dev/zero; } >in
    limited() {
        run bash -c 'ulimit -f 64; trap "" XFSZ; exec "$LEAT" "$@"' leat "$@"
    }
    limited read in : split -n 100 'p-{n}'
    is 1
    has 'File too large'
    limited read in : split -n 100 [ tee [ write 'p-{n}' ] : gzip : write 'p-{n}.gz' ]
    is 1
    limited read in : tee --on-error=detach [ split -n 100 'p-{n}' ] : count -c
    is 8
    rm in
    none
}

@test "a pipe without a reader in a branch is reported, and there are no outputs" {
    mkfifo pipe
    head -c 10 pipe >/dev/null &
    run -141 leat zero : tee [ write pipe ] : write out
    has 'leat: write (#3): pipe: Broken pipe'
    run -1 leat --sums=pipe read log : write out
    has 'leat: --sums: pipe: it has no reader'
    rm pipe
    none
}

@test "two outputs that are one file are refused" {
    ln -s "$PWD" here
    for force in '' --force; do
        run -2 leat $force read log : tee [ write out ] : write here/out
        has 'out: is the output of another stage, too'
        run -2 leat $force read log : sha256 --to=./out : write out
        run -2 leat $force --sums=out read log : write out
    done
    none here
    leat read log : tee [ write --append out ] : write --append out
    [ "$(wc -c <out)" = $((2 * $(wc -c <log))) ]
    rm out
    for force in '' --force; do
        run -2 leat $force read log : tee [ split -n 9000 'p-{n}' ] : write p-1
        has 'p-1: is the output of another stage, too'
        run -2 leat $force read log : tee [ split -n 9000 'p-{n}' ] : split -n 5000 './p-{n}'
        run -2 leat $force read log : split -n 9000 [ tee [ write 'p-{n}' ] : gzip : write 'p-{n}' ]
    done
    none here
}

@test "an output that is replaced is not also appended to, nor standard output" {
    local job
    cp log want
    ln log hard
    for job in 'tee [ write -a log ] : head -n 1 : write --force log' \
        'tee [ write --force log ] : head -n 1 : write -a hard' \
        'tee [ write -a log ] : head -n 1' 'tee [ write --force log ] : head -n 1' \
        'count --to=log : head -n 1' 'tee [ head -n 1 : write -a hard ]'; do
        run -2 bash -c '"$LEAT" --force read log : '"$job"' >>log'
        cmp log want
    done
    run -2 leat --force read log : tee [ write -a new ] : head -n 1 : write new
    [[ $output == *': is the output of another stage, too' ]]
    run -2 leat --force read log : tee [ write new ] : head -n 1 : write -a new
    [[ $output == *': is the output of another stage, too' ]]
    none hard want
    # Two outputs may share one inherited descriptor.
    leat read log : tee [ head -n 1 : write /dev/stderr ] : head -n 2 >both 2>&1
    [ "$(wc -l <both)" = 3 ]
}

@test "an old output stays as it was when another branch fails" {
    echo old | tee a >b
    run -4 leat --force read log : tee [ write a ] [ crc32 --expect=00000000 : null ] : write b
    [ "$(cat a b)" = $'old\nold' ]
    none a b
}

@test "an interrupt leaves no output of any branch" {
    mkfifo feed
    exec 9<>feed
    mkdir work
    (cd work && exec env --default-signal=INT "$LEAT" read ../feed : \
        tee [ gzip : write a ] [ sha256 : write b ] : route [ -e ERROR : write c ] : write d) 2>err &
    local pid=$! status=0
    head -c 60000 log >feed
    wait_for settled "$pid"
    kill -INT "$pid"
    wait "$pid" || status=$?
    [ "$status" = 130 ]
    [ -z "$(ls -A work)" ]
}

@test "merge and paste write the same as sort -m and paste" {
    local i
    for i in 1 2 3; do
        awk "NR % 3 == $i - 1" log | LC_ALL=C sort -t= -k2,2n >part$i
    done
    leat merge -t= -k2,2n [ read part1 ] [ read part2 : gzip : gunzip ] [ read part3 ] : write merged
    LC_ALL=C sort -m -t= -k2,2n part1 part2 part3 | cmp - merged
    leat paste -d ',;' [ read part1 ] [ read part2 : head -n 5 ] [ read part3 ] : write pasted
    head -n 5 part2 | paste -d ',;' part1 - part3 | cmp - pasted
}

@test "merge reports the line and the branch that are out of order" {
    printf 'a\nb\n' >one
    printf 'a\nc\nb\n' >two
    run -3 leat merge [ read one ] [ read two ] : write out
    has 'merge (#1): branch 2 is not sorted: line 3'
    has "'b'"
    has '(byte 4)'
    [ ! -e out ]
}

@test "the message of require has both figures" {
    run -3 leat read log : require --min-lines=30000 : write out
    has 'has 20000 lines, --min-lines is 30000'
    run -7 leat read log : require --max-bytes=1K : write out
    has 'at least 1025 bytes, --max-bytes is 1024'
    has '(byte 1024)'
    none
}

@test "limit ends an endless source" {
    leat zero : limit --bytes=3M --rate=1G/s : count -c >n
    [ "$(cat n)" = $((3 << 20)) ]
    leat exec yes : limit --lines=7 >seven
    [ "$(wc -l <seven)" = 7 ]
}

@test "one pass does the same as tee with process substitution" {
    leat read log.gz : gunzip : tee [ sha256 : write s ] [ count -l : write n ] : zstd -3 : write o
    sha256sum <log | cmp - s
    [ "$(cat n)" = "$(wc -l <log)" ]
    needs zstd
    zstd -dcq o | cmp - log
}

@test "lost data of a branch is reported, as text and as JSON" {
    local slow='limit --rate=100K --burst=1000 : null'
    for _ in 1 2 3 4 5 6; do cat log; done >large
    run leat --chunk=1000 read large : tee --slow=drop [ $slow ] : write out
    is 0
    has 'leat: warning: tee (#2): branch 1 was too slow and lost '
    cmp large out
    run leat --force --stats=json --chunk=1000 read large : tee --slow=drop [ $slow ] : write out
    is 0
    has '"bytes_dropped":'
    run leat --force --json --chunk=1000 read large : tee --slow=drop [ $slow ] : write out
    has '{"type":"warning","stage":2,"name":"tee","text":"branch 1 was too slow and lost '
    run leat --force --quiet --chunk=1000 read large : tee --slow=drop [ $slow ] : write out
    [ -z "$output" ]
}

# stalled POLICY - run a job with a branch that never reads; a signal ends it when the whole stream has
# passed. Its messages are in the file `said`.
stalled() {
    rm -f all
    "$LEAT" --chunk=64K zero : head -c 64M : tee "$@" [ exec sleep 1000 ] [ write out ] : \
        exec sh -c 'wc -c >all' 2>said &
    local pid=$! code=0
    wait_for test -s all
    kill -TERM "$pid"
    wait "$pid" || code=$?
    [ "$code" = 143 ]
    [ "$(cat all)" = 67108864 ]
    [ ! -e out ]
}

@test "a branch that never reads does not block the others, and is named" {
    mkdir spill
    stalled --slow=drop
    grep -q 'leat: warning: tee (#3): branch 1 was too slow and lost [0-9]* of 67108864 bytes' said
    stalled --slow=spill --spill=spill
    [[ $(cat said) != *warning* ]]
    [ -z "$(ls -A spill)" ]
    none all said spill
}

@test "lost data is reported when another branch has failed" {
    local last='until [ -s all ]; do sleep 0.02; done'
    run leat --chunk=64K zero : head -c 64M : tee --slow=drop --on-error=detach [ exec sh -c "$last" ] \
        [ gunzip : null ] : exec sh -c 'wc -c >all'
    is 8
    has 'branch 1 was too slow and lost '
    has 'gunzip'
}

@test "flushed data reaches the reader while the input is still open" {
    local codec line
    mkfifo feed lines
    for codec in gzip 'gzip --blocks' zstd; do
        leat read feed : flush --lines=1 : $codec | leat decode >lines &
        exec 8>feed 9<lines
        for line in first second third; do
            echo "$line" >&8
            read -r -t 60 output <&9
            [ "$output" = "$line" ]
        done
        exec 8>&- 9<&-
        wait
    done
}

@test "a spill and a buffer leave no files" {
    mkdir spill
    leat read log : tee --slow=spill --spill=spill [ limit --rate=100M : write a ] : write b
    leat read log : buffer --spill=spill --start-at=100% : write c
    cmp log a
    cmp log b
    cmp log c
    [ -z "$(ls -A spill)" ]
    run -1 leat read log : buffer --spill=nowhere : write d
    has 'cannot make a temporary file in nowhere: No such file'
    [ "$(id -u)" = 0 ] || return 0
    mount -t tmpfs -o size=64k tmpfs spill 2>/dev/null || return 0
    run leat --chunk=4K read log : buffer --spill=spill --start-at=100% : write d
    umount spill
    is 1
    has 'the temporary file in spill: No space left on device'
    [ ! -e d ]
}

@test "split writes the same parts as split(1)" {
    split -l 3000 -d -a 2 log want-
    leat read log : split -n 3000 'got-{n:02}'
    for f in want-*; do cmp "$f" "got-${f#want-}"; done
    files=(want-* got-*)
    [ "${#files[@]}" = 14 ]
    rm want-* got-*
    split -b 100K -d -a 2 log want-
    leat read log.gz : gunzip : split -b 100K 'got-{n:02}.gz' [ gzip ]
    for f in want-*; do gzip -dc "got-${f#want-}.gz" | cmp "$f" -; done
    rm want-* got-*
    split -C 100K -d -a 2 log want-
    leat --sums=SUMS read log : split -C 100K 'got-{n:02}'
    for f in want-*; do cmp "$f" "got-${f#want-}"; done
    sha256sum -c --strict SUMS
    files=(got-*)
    [ "$(wc -l <SUMS)" = "${#files[@]}" ]
}

@test "split --size-compressed ends a part at that size of the output of its branch" {
    seq 1 2000000 >in
    for threads in 1 2 4; do
        leat --force --threads=$threads read in : split --size-compressed=300K 'p-{n:02}.gz' [ gzip -1 ]
        zcat p-*.gz | cmp - in
        files=(p-*)
        [ "${#files[@]}" -ge 2 ]
        for f in "${files[@]::${#files[@]}-1}"; do
            [ "$(stat -c %s "$f")" -ge 307200 ]
        done
        rm p-*
    done
    leat read in : split --header --size-compressed=300K 'p-{n:02}.gz' [ gzip -1 ]
    [ "$(zcat p-01.gz | head -n 1)" = 1 ]
    zcat p-*.gz | grep -vx 1 | cmp - <(tail -n +2 in)
    rm p-*
    run -2 leat read in : split --size-compressed=1M 'p-{n}'
    has 'without a branch use --line-bytes'
    run -7 leat read in : split --size-compressed=300K 'p-{n}.gz' [ require --max-lines=100 : gzip ]
    none in
}

@test "one failed part leaves no parts" {
    run -3 leat read log : split -n 3000 'p-{n}' [ require --min-lines=3000 : gzip ]
    none
    run -4 leat read log : crc32 --expect=00000000 : split -n 3000 'p-{n}.gz' [ gzip ]
    none
    run -6 leat read log : split -n 3000 'p-{n}' [ exec sh -c 'cat; test $(date +%N) = no' ]
    none
    touch p-2
    run -1 leat --sums=SUMS read log : split -n 3000 'p-{n}'
    has 'p-2: exists'
    none p-2
}

@test "route: branches that have ended early leave every line of the others alone" {
    awk 'BEGIN {
        srand(3)
        split("60 120 4100 4200 4300", length_of, " ")
        for (i = 0; i < 40000; i++)
            if (rand() < 0.5)
                printf "zz %d %*s\n", i, 20 + int(rand() * 280), "x"
            else
                printf "c%02d %d %*s\n", int(rand() * 16), i, length_of[1 + int(rand() * 5)], "x"
    }' >lines
    local branches="" digest t i
    for i in $(seq -w 0 15); do branches+=" [ -e ^c$i : head -n 5 : null ]"; done
    digest=$(grep -v '^c' lines | sha256sum)
    for t in 1 2 16 2 16; do
        run leat --threads=$t read lines : route $branches : sha256
        is 0
        [ "$output" = "$digest" ] || { echo "$t threads: $output"; return 1; }
    done
}

@test "a flush of zstd ends a block, and no frame" {
    for threads in 1 2; do
        printf 'a\nb\nc\n' | leat --threads=$threads flush -n 1 : zstd >flushed.zst
        [ "$(od -An -tx1 -v flushed.zst | tr -d ' \n' | grep -o 28b52ffd | wc -l)" = 1 ]
        [ "$(leat read flushed.zst : unzstd)" = $'a\nb\nc' ]
    done
}
