#!/usr/bin/env bats
# sandbox.bats - --sandbox: a confined process does all that its pipeline needs, and no more.

load common
load examples

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    log_lines 300 >log
    gzip -k log
    export ROOT
}

# confines - skip the test if this machine or this build cannot confine leat.
confines() {
    sanitized && skip 'sanitizers open files of their own'
    "$LEAT" --sandbox=require read log : null 2>why || skip "$(cat why)"
}

# both OUTPUT... -- ARG... - run `leat ARG...` confined and not: the same status, outputs and messages.
both() {
    local outputs=() kind status
    confines
    while [ "$1" != -- ]; do
        outputs+=("$1")
        shift
    done
    shift
    for kind in off require; do
        status=0
        leat --sandbox=$kind "$@" >"$kind.stdout" 2>"$kind.stderr" </dev/null || status=$?
        echo "status $status" >>"$kind.stderr"
        mkdir -p "$kind"
        [ ${#outputs[@]} = 0 ] || mv "${outputs[@]}" "$kind/"
    done
    diff off.stdout require.stdout
    diff off.stderr require.stderr
    diff -r off require
    rm -rf off require
}

@test "explain says what is allowed" {
    run -0 leat --sandbox=auto explain read log.gz : gunzip : tee [ sha256 --to sum ] : write out/x
    has 'read log.gz'
    has 'make or replace files in the directory of out/x'
    has 'make or replace files in the directory of sum'
    has 'but not start a program or make a connection'
    run -0 leat --sandbox=off explain read log : null
    has 'sandbox: off'
    run -0 leat --sandbox=auto --json explain read log : null
    has '"sandbox":"sandbox: the process may '
    run -0 leat --sandbox=auto explain zero : buffer --spill=dir : split -b 1 'p/{n}'
    has 'make temporary files in dir'
    has 'in the directory of p/{n}'
}

@test "a command of the user is not confined, and explain says so" {
    run -0 leat --sandbox=auto explain read log : exec cat : null
    has 'sandbox: none, because #2 exec may need anything'
    run -0 leat --sandbox=auto read /dev/null : exec cat /etc/passwd : null
    run -2 leat --sandbox=require read /dev/null : exec cat : write x
    has 'sandbox=require: cannot be confined, because #2 exec'
    [ ! -e x ]
}

@test "a wrong kind of sandbox is refused" {
    run -2 leat --sandbox=never read log : null
    has 'none of auto, off, require'
}

@test "a file that takes the place of an input during the run is out of reach" {
    confines
    local kind status
    for kind in off require; do
        mkfifo pipe
        echo old >late
        leat --sandbox=$kind read pipe late : write --force out 2>err 9>&- &
        exec 9>pipe
        echo secret >other
        mv other late
        exec 9>&-
        status=0
        wait $! || status=$?
        if [ $kind = off ]; then
            [ "$status" = 0 ]
            grep -q secret out
            rm out
        fi
        rm pipe
    done
    [ "$status" = 1 ]
    grep -q 'late: .*a confined process cannot open .*: Permission denied' err
    [ ! -e out ]
}

@test "outputs of all kinds" {
    mkdir dir
    mkfifo pipe
    echo old >old
    ln -s dir/target link
    both dir/target -- read log : write link
    mkdir -p dir
    both dir/x -- read log : gzip : write dir/x
    both -- read log : write /dev/null
    both -- read log : write /dev/stdout
    both -- read log : write
    both app -- read log : write --append app
    both -- read log : write old
    both -- read log : write missing/x
    both x -- read log : tee [ write x ] : null
    both x y -- read log : sha256 --to y : write x
    both x sums -- --sums=sums read log : write x
    both x.partial -- read log : tee [ gunzip : null ] : write --keep-partial x
    both p-0 p-1 -- read log : head -n 20 : split -l 10 'p-{n}'
    mkdir -p dir
    both dir/p-0.gz dir/p-1.gz -- read log : head -n 20 : split -l 10 [ gzip : write 'dir/p-{n}.gz' ]
    both x -- zero : head -c 3M : write --sparse x
    both x -- zero : head -c 3M : write --direct x
    only dir log log.gz link off.stderr off.stdout old pipe require.stderr require.stdout why
}

@test "numbered outputs that are links to other places" {
    local kind n
    confines
    mkdir work work/p0 away
    cd work
    ln -s ../away p1
    ln -s ../away/target q-1
    for kind in off require; do
        leat --sandbox=$kind read ../log : split -l 150 [ gzip : write 'p{n}/x' ]
        leat --sandbox=$kind read ../log : split -l 150 'q-{n}'
        for n in p0/x ../away/x q-0 ../away/target; do
            [ -s $n ]
            rm $n
        done
    done
}

@test "a directory of extract that is missing, or is a link" {
    local kind
    confines
    mkdir d away
    cp log d/
    leat pack d : write d.tar
    ln -s away/new link
    for kind in off require; do
        leat --sandbox=$kind read d.tar : extract --in-place missing/
        leat --sandbox=$kind read d.tar : extract --in-place missing
        leat --sandbox=$kind read d.tar : extract link/
        leat --sandbox=$kind read d.tar : extract --in-place link/
        same missing/d/log log
        same away/new/d/log log
        rm -r missing away/new
    done
}

@test "an output that replaces a file, and one that cannot" {
    local kind
    confines
    for kind in off require; do
        echo old >x
        chmod 640 x
        leat --sandbox=$kind read log : write --force x
        same x log
        [ "$(stat -c %a x)" = 640 ]
        echo old >x
        run -3 leat --sandbox=$kind read log : gunzip : write --force x
        [ "$(cat x)" = old ]
    done
    only log log.gz why x
}

@test "inputs of all kinds" {
    mkfifo pipe
    both -- read log log log.gz : sha256
    both -- read missing : null
    both -- read . : null
    both -- read /dev/null : count
    both -- read /dev/stdin : count
    both -- read /proc/self/status : grep -c Name
    both -- read /proc/self/comm : head -n 1
    both -- read --offset=3 --length=5 log : count -c
    sha256sum log >sums
    both -- read log : sha256 --check sums : null
    leat --sandbox=off read log : zstd --seekable : write log.zst
    both -- read --range=100:20 log.zst : unzstd
    both -- concat [ read log ] [ read log.gz : gunzip ] : md5
    both -- test log.gz log.zst
    both -- test --all log.gz log
    echo 'read log : md5' >job
    both -- -f job
}

@test "files of the command itself" {
    confines
    mkdir dir
    local _
    for _ in 1 2; do # the second one replaces the first
        leat --sandbox=require --report=dir/r.html --trace=dir/t.json --log=json:dir/log read log : gzip : null
        [ -s dir/r.html ]
        [ -s dir/t.json ]
        [ -s dir/log ]
    done
    leat --sandbox=require --stats --progress=plain read log : null
}

@test "spilled data and late libraries" {
    confines
    mkdir spill
    leat --sandbox=require zero : head -c 40M : buffer --spill=spill --start-at=30M : sha256 >got
    leat --sandbox=off zero : head -c 40M : sha256 >expected
    same got expected
    mkdir lib
    cp "$(ldconfig -p | awk '/libcrypto.so.3 /{ print $NF; exit }')" lib/
    LD_LIBRARY_PATH=$PWD/lib leat --sandbox=require read log : sha256 >got
    LD_LIBRARY_PATH=$PWD/lib leat --sandbox=off read log : sha256 >expected
    same got expected
}

@test "a temporary file that a killed run has left is removed" {
    confines
    local stale
    echo old >x
    stale=.x.leat-0000000100000001$(printf '%016x' 1) # as a run of another machine has named it
    echo stale >"$stale"
    touch -d '2001-01-01' "$stale"
    leat --sandbox=require read log : write --force x
    only log log.gz why x
}

# each_example FILE - run the examples of a page confined and not, and compare all that they leave.
each_example() {
    local kind file failed=0 n=0
    mkdir examples bin
    split_manual "$1" "$PWD/examples"
    rm -f examples/*.c
    # A pipeline with a command of the user cannot be confined.
    cat >bin/leat <<'EOF'
#!/bin/bash
kind=$SANDBOX
[[ " $* " == *[\ \|]exec\ * || $kind = off ]] || kind=require
[[ " $* " != *[\ \|]exec\ * ]] || kind=auto
exec "$LEAT" --sandbox=$kind "$@"
EOF
    chmod +x bin/leat
    export PATH=$PWD/bin:$PATH
    unset -f leat
    for file in examples/*.sh; do
        for kind in off require; do
            SANDBOX=$kind run_example "$PWD/$file" || failed=1
            rm -rf "$file.$kind"
            mv "$file.dir" "$file.$kind"
        done
        # gzip, tar and journals store the times of the samples, a checkpoint the number of a file; the others have figures of time.
        diff -rq -x big.log.gz -x a.log.gz -x b.log.gz -x place -x '*.tar*' -x '*.html' -x '*.json' -x '*.jsonl' -x '*.json.d' \
            "$file.off" "$file.require" || failed=1
        n=$((n + 1))
    done
    echo "$n examples"
    [ "$n" -gt 0 ] && [ "$failed" = 0 ]
}

@test "the examples of every stage, confined" {
    confines
    needs zstd gzip
    leat man stages >stages.7
    each_example stages.7
}

@test "the examples of leat(1), confined" {
    confines
    needs zstd gzip
    each_example "$ROOT/man/leat.1"
}

@test "the examples of leat-each(1), confined" {
    confines
    needs zstd gzip
    each_example "$ROOT/man/leat-each.1"
}

@test "a kernel that cannot confine is used as it is, unless that is refused" {
    sanitized && skip 'the interposer is not for sanitizers'
    [ -e "$BUILD/tests/kernel.so" ] || skip "no kernel.so: run make tests"
    local kernel
    for kernel in ENOSYS EOPNOTSUPP 1 2 3 4 5 6 7; do
        run -0 env KERNEL_LANDLOCK=$kernel LD_PRELOAD="$BUILD/tests/kernel.so" "$BOUND" "$LEAT" --sandbox=auto \
            read log.gz : gunzip : write --force x
        same x log
    done
    run -2 env KERNEL_LANDLOCK=ENOSYS LD_PRELOAD="$BUILD/tests/kernel.so" "$BOUND" "$LEAT" --sandbox=require \
        read log : write y
    has 'Landlock'
    run -0 env KERNEL_LANDLOCK=ENOSYS KERNEL_SECCOMP=EINVAL LD_PRELOAD="$BUILD/tests/kernel.so" "$BOUND" "$LEAT" \
        --sandbox=auto explain read log : null
    has 'this kernel cannot confine files'
    has 'this kernel cannot filter system calls'
    run -0 env KERNEL_SECCOMP=EINVAL LD_PRELOAD="$BUILD/tests/kernel.so" "$BOUND" "$LEAT" --sandbox=auto \
        read log : write --force x
    run -2 env KERNEL_SECCOMP=EINVAL LD_PRELOAD="$BUILD/tests/kernel.so" "$BOUND" "$LEAT" --sandbox=require \
        read log : write y
    has 'seccomp'
    [ ! -e y ]
}

@test "two runs at a time with the same report and trace" {
    confines
    setfattr -n user.x -v 1 log 2>/dev/null || skip 'no extended attributes here'
    mkfifo fifo
    leat --report=r --trace=t read fifo : count -c : write n 2>err &
    exec 8>fifo # the first one has begun
    leat --report=r --trace=t read log : null
    echo x >&8
    exec 8>&-
    wait $!
    [ ! -s err ]
    grep -q 'count -c' r
    # but a file of another program stays
    rm r
    leat --report=r read fifo : null 2>err &
    exec 8>fifo
    echo mine >r
    exec 8>&-
    status=0
    wait $! || status=$?
    [ "$status" = 1 ]
    grep -q -- '--report=r: Permission denied' err
    [ "$(<r)" = mine ]
}

@test "inputs that are names of open files" {
    confines
    local name
    exec 7<log
    for name in /dev/fd/7 /proc/self/fd/7 /proc/thread-self/fd/7 /dev/stdin; do
        [ "$(leat --sandbox=require -j2 read $name : count -l <log)" = 300 ]
    done
    leat --sandbox=require -j2 read /proc/thread-self/comm : null
}
