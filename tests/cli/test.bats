#!/usr/bin/env bats
# test.bats - leat test: one line per intact or damaged file, in order, and the exit status.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    log_lines 20000 >log
    leat read log : gzip : write log.gz
    leat read log : zstd : write log.zst
    leat read log : gzip : zstd : write log.gz.zst
    leat read log : zlib : write log.zz
    head -c 5000 log.gz >cut.gz
}

@test "an intact file is OK" {
    run -0 --separate-stderr leat test log.gz
    [ "$output" = 'log.gz: OK' ]
    [ -z "$stderr" ]
    run -0 leat test -q log.gz
    [ -z "$output" ]
}

@test "a single damaged file sets the status of its error" {
    run -3 --separate-stderr leat test cut.gz
    [ -z "$output" ]
    [ "$stderr" = 'cut.gz: unexpected end of input in deflate data (byte 5000)' ]
    run -3 leat test -q cut.gz
    has 'cut.gz: unexpected end'
    run -3 leat test log
    has 'log: not in a format'
    run -1 leat test nowhere.gz
    [ "$output" = 'nowhere.gz: No such file or directory' ]
    : >empty.gz
    run -3 leat test empty.gz
}

@test "several files have one line each, in order, and the status is 8" {
    local threads
    for threads in 1 2 8; do
        run -8 leat -j "$threads" test log.zst cut.gz log.gz nowhere.gz log.zz
        [ "${#lines[@]}" = 5 ]
        run -8 --separate-stderr leat -j "$threads" test log.zst cut.gz log.gz nowhere.gz log.zz
        [ "$output" = $'log.zst: OK\nlog.gz: OK\nlog.zz: OK' ]
        [ "${#stderr_lines[@]}" = 2 ]
        run -0 leat -j "$threads" test log.zst log.gz log.zz
    done
}

@test "many files" {
    local i
    for i in {1..200}; do ln log.gz "$i.gz"; done
    run -0 leat test {1..200}.gz
    [ "$output" = "$(printf '%s.gz: OK\n' {1..200})" ]
}

@test "every format is recognised" {
    local stage
    for stage in gzip zstd xz lzma lzip bzip2 lz4 brotli compress zlib deflate; do
        leat stages | grep -q "^$stage " || continue
        case $stage in
        brotli) file=a.br ;;
        *) file=a.$stage ;;
        esac
        leat read log : "$stage" : write "$file"
        run -0 leat test "$file"
        leat read "$file" : head -c 1000 : write "cut.$file"
        [ "$stage" = compress ] || run -3 leat test "cut.$file"
    done
}

@test "one layer is decoded, or all with --all" {
    leat read cut.gz : zstd : write cut.gz.zst
    run -0 leat test cut.gz.zst log.gz.zst
    run -3 leat test --all cut.gz.zst
    has 'in layer 2, gzip'
    run -0 leat test log.gz.zst --all
    run -7 leat test --all=1 log.gz.zst
    run -2 leat test --all=x log.gz.zst log.gz
    [ "$output" = "leat: option --all: 'x' is not a number from 1 to 32" ]
    cp log.gz ./--all
    run -0 leat test -- --all
    [ "$output" = '--all: OK' ]
}

@test "standard input, JSON, and no file" {
    run -0 bash -c '"$LEAT" test - <log.gz'
    [ "$output" = '-: OK' ]
    run -8 --separate-stderr leat test --json log.gz cut.gz
    [ "${lines[0]}" = '{"type":"test","file":"log.gz","ok":true}' ]
    [[ ${lines[1]} == '{"type":"test","file":"cut.gz","ok":false,"code":"ETRUNCATED","exit":3,"offset":5000,'* ]]
    [ -z "$stderr" ]
    run -2 leat test
    has 'leat test FILE'
}

@test "an option that would have no effect is refused" {
    local option
    for option in --sums=s --stats --report=r --trace=t --log=json:l; do
        run -2 leat test "$option" log.gz
        [ "$output" = "leat: leat test has no option ${option%%=*}" ]
        [ ! -e "${option#*[=:]}" ]
    done
    run -0 leat test --timeout=1h --progress=none log.gz log.zst
}

@test "a file that needs more than its share of memory is tested alone" {
    needs zstd
    head -c 3000000 /dev/zero | zstd -q --ultra -22 --long=24 --no-content-size >wide.zst
    run -0 leat -j 2 --memory=24M test wide.zst log.gz
    [ "$output" = $'wide.zst: OK\nlog.gz: OK' ]
    run -8 leat -j 2 --memory=12M test wide.zst log.gz
    has 'wide.zst: a window of'
}

# lets_go PID FILE - the process does not have the file open, or has ended.
lets_go() {
    ! find "/proc/$1/fd" -lname "$PWD/$2" | grep -q .
}

# A FIFO has other data when it is opened again, which shows the second round.
@test "files that are tested in parallel share the memory" {
    local status=0
    needs zstd
    head -c 3000000 /dev/zero | zstd -q --ultra -22 --long=24 --no-content-size >wide.zst
    mkfifo wide other
    exec 9<>other
    "$LEAT" -j 2 --memory=24M test wide other >out 2>&1 9>&- &
    pid=$!
    cat wide.zst >wide # waits until leat has opened it
    wait_for lets_go "$pid" wide
    cat cut.gz 9>&- >wide & # blocks until the second round
    cat log.gz >&9
    exec 9>&-
    wait_for gone "$pid"
    wait "$pid" || status=$?
    echo "status $status: $(cat out)"
    [ "$status" = 8 ]
    [ "$(cat out)" = $'wide: unexpected end of input in deflate data (byte 5000)\nother: OK' ]
}

@test "a reader that goes away ends it without a message" {
    run -0 --separate-stderr bash -c '"$LEAT" test log.gz log.zst | true'
    [ -z "$stderr" ]
}
