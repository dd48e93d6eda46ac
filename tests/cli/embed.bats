#!/usr/bin/env bats
# embed.bats - the programs of tests/examples/programs: built as a user builds them, and run.
#
# EMBED_KINDS chooses how: c11 and c++17, against the shared and the static library. Two kinds are enough for each run
# of the tests; `make embed` has all four, in a plain build and under the sanitizers.

load common

setup_file() {
    local root=$BATS_TEST_DIRNAME/../.. build=${BUILD:-$BATS_TEST_DIRNAME/../../build} make=() kind file
    command -v gcc >/dev/null && command -v g++ >/dev/null && command -v pkg-config >/dev/null || return 0
    case ${LEAT_BUILD_KIND:-build} in
    asan)
        make=('SAN=address,undefined' CFLAGS='-O1 -g1')
        export SAN=-fsanitize=address,undefined
        ;;
    tsan)
        make=(SAN=thread CFLAGS='-O1 -g1')
        export SAN=-fsanitize=thread
        ;;
    esac
    cd "$BATS_FILE_TMPDIR" || return 1
    # Nothing is built anew: the flags and the plugin directory are those of the build.
    ! grep -q -- -Werror "$build/flags" || make+=(WERROR=1)
    make -s -C "$root" install BUILD="$build" DESTDIR="$PWD/dest" PREFIX=/usr PLUGINDIR=/usr/local/lib/leat/plugins \
        "${make[@]}" >/dev/null || return 1
    export KINDS=${EMBED_KINDS:-c11-shared c++17-static}
    export LD_LIBRARY_PATH=$PWD/dest/usr/lib
    for kind in $KINDS; do
        mkdir "$kind"
        for file in "$root"/tests/examples/programs/*.c; do
            program "$kind" "$file" || return 1
        done
    done
    seq 400000 >in
    gzip -k in
}

setup() {
    needs gcc g++ pkg-config zstd gzip python3
    cd "$BATS_TEST_TMPDIR" || return 1
    F=$BATS_FILE_TMPDIR
}

# program KIND FILE.c - build it as KIND/FILE.
program() {
    local language=(-x c -std=c11) static=() libs
    case $1 in c++17-*) language=(-x c++ -std=c++17) ;; esac
    case $1 in *-static) static=(--static) ;; esac
    libs=$(PKG_CONFIG_SYSROOT_DIR=$PWD/dest PKG_CONFIG_PATH=$PWD/dest/usr/lib/pkgconfig PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 \
        PKG_CONFIG_ALLOW_SYSTEM_LIBS=1 pkg-config "${static[@]}" --cflags --libs leat) || return 1
    [ -z "${static[*]}" ] || libs=${libs/-lleat/-l:libleat.a}
    # shellcheck disable=SC2086
    "$([ "${language[1]}" = c ] && echo gcc || echo g++)" "${language[@]}" -D_GNU_SOURCE -O1 -g -Wall -Wextra -Wpedantic \
        -Werror ${SAN:-} -o "$1/$(basename "$2" .c)" "$2" -x none $libs -luv -pthread -lm
}

# each TEST - call the function for each kind, in a directory of its own. P is the directory of its programs.
each() {
    local kind
    for kind in $KINDS; do
        P=$F/$kind
        mkdir "$kind" && cd "$kind" || return 1
        echo "kind: $kind"
        "$1" || return 1
        cd ..
    done
}

# ends PID STATUS - the process ends with this status.
ends() {
    local status=0
    wait "$1" || status=$?
    [ "$status" = "$2" ] || {
        echo "status $status, not $2"
        return 1
    }
}

recompress() {
    bounded "$P/recompress" "$F/in.gz" out.zst || return 1
    zstd -dcq out.zst | cmp - "$F/in" || return 1
    run -1 bounded "$P/recompress" "$F/in.gz" out.zst
    has 'write (#4): out.zst: exists' || return 1
    run -3 bounded "$P/recompress" "$F/in" other.zst
    has 'gunzip (#2)' || return 1
    # SIGINT, when the output has been begun and the input does not end.
    mkfifo fifo
    "$P/recompress" fifo big.zst 2>log &
    local pid=$!
    exec 4>fifo
    head -c 100000 "$F/in.gz" >&4
    kill -INT $pid
    ends $pid 130 || return 1
    exec 4>&-
    grep -q interrupted log || return 1
    only fifo log out.zst
}

@test "recompress with progress, and SIGINT takes the output back" {
    each recompress
}

push_pull() {
    bounded "$P/push_pull" 'gzip -1' <"$F/in" >out.gz || return 1
    gunzip <out.gz | cmp - "$F/in" || return 1
    run -3 bounded "$P/push_pull" gunzip <"$F/in"
    has 'gunzip: not in gzip format' || return 1
    run -2 bounded "$P/push_pull" 'gunzap' </dev/null
    has 'did you mean' || return 1
    [ "$(bounded "$P/push_pull" 'head -n 2' <"$F/in")" = $'1\n2' ] # needs no more, which is no failure
}

@test "push and pull on one thread" {
    each push_pull
}

upload() {
    bounded python3 "$ROOT/tests/examples/programs/upload.py" "$P/upload" "$F/in"
}

@test "an upload server on libuv" {
    ROOT=$BATS_TEST_DIRNAME/../..
    each upload
}

lanes() {
    bounded "$P/lanes" 4 <"$F/in" >out 2>log || return 1
    same out "$F/in" && [ "$(cat log)" = '400000 lines' ] || return 1
    [ "$(echo 'a Bc' | bounded "$P/lanes" 2 2>log)" = 'A BC' ]
}

@test "a stage of lines that runs in lanes" {
    each lanes
}

stdio() {
    [ "$(bounded "$P/stdio" 100000 out.zst)" = 40951 ] || return 1
    zstd -dcq out.zst | cmp - <(seq 100000) || return 1
    run -1 bounded "$P/stdio" 10 out.zst # exists
    has 'stdio: write: ' || return 1
    [ "$(zstd -dcq out.zst | wc -l)" = 100000 ] && only out.zst
}

@test "FILEs" {
    each stdio
}

fifty() {
    local i
    for i in $(seq 50); do head -n $((i * 500)) "$F/in" | gzip -1 >"$i.gz"; done
    bounded "$P/fifty" {1..50}.gz || return 1
    for i in $(seq 50); do
        zstd -dcq "$i.gz.zst" | cmp - <(head -n $((i * 500)) "$F/in") || return 1
    done
    echo no >bad.gz
    run -1 bounded "$P/fifty" bad.gz none.gz
    has 'fifty: bad.gz: not in gzip format' && has 'fifty: none.gz: ' && [ ! -e bad.gz.zst ]
}

@test "fifty jobs on one loop" {
    each fifty
}

follow() {
    printf 'ERROR 1\nok\n' >log
    "$P/tail" log ERROR >out &
    local pid=$!
    wait_for grep -q 'ERROR 1' out || return 1
    printf 'ok\nERROR 2\nERR' >>log
    wait_for grep -q 'ERROR 2' out || return 1
    printf 'OR 3\n' >>log
    wait_for grep -q 'ERROR 3' out || return 1
    kill -INT $pid
    ends $pid 0 && [ "$(wc -l <out)" = 3 ]
}

@test "a log is followed into a callback" {
    each follow
}
