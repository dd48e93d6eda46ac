#!/usr/bin/env bats
# nomem.bats - each allocation of the command fails once: the command succeeds, or ends with a status and a
# message, and all or none of its outputs exist. NOMEM_STEP=1 fails every allocation.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    [ "${LEAT_BUILD_KIND:-build}" = build ] || skip "a sanitizer has an allocator of its own"
    log_lines 3000 >log
    gzip -k log
}

# each_fails STEP OUTPUT... -- ARG... - run `leat ARG...` on one thread, for a fixed order of allocations.
each_fails() {
    local step=${NOMEM_STEP:-$1} outputs=() bad=0 n k status output there
    shift
    while [ "$1" != -- ]; do
        outputs+=("$1")
        shift
    done
    shift
    NOMEM_COUNT=n LD_PRELOAD=$BUILD/tests/nomem.so "$LEAT" "$@" >/dev/null 2>&1 </dev/null
    n=$(cat n)
    [ "$n" -gt 20 ]
    for ((k = 1; k <= n; k += step)); do
        rm -rf "${outputs[@]}"
        status=0
        "$BOUND" env NOMEM_AT="$k" LD_PRELOAD="$BUILD/tests/nomem.so" "$LEAT" "$@" \
            >/dev/null 2>err </dev/null || status=$?
        # The loader of a C++ library, which libarchive needs, and libarchive itself end the process.
        if grep -qx -e 'out of memory' -e 'Fatal Internal Error in libarchive: .*' err; then
            rm -rf .*.leat-*
            continue
        fi
        there=0
        for output in "${outputs[@]}"; do
            [ ! -e "$output" ] || there=$((there + 1))
        done
        if [ "$status" -gt 8 ] || { [ "$status" -ne 0 ] && { [ ! -s err ] || [ "$there" -gt 0 ]; }; } ||
            { [ "$status" -eq 0 ] && [ "$there" -ne ${#outputs[@]} ]; }; then
            echo "allocation $k of $n: status $status, $there outputs, says: $(head -n 2 err)"
            bad=1
        fi
    done
    [ -z "$(find . -name '.*leat-*')" ]
    return "$bad"
}

@test "the main job" {
    each_fails 23 s o -- --threads=1 --sums=sums --force read log.gz : gunzip : tee [ sha256 : write s ] : zstd : write o
}

@test "split into parts" {
    each_fails 3 p-0 p-1 p-2 -- --threads=1 read log.gz : gunzip : split -l 1000 'p-{n}'
}

@test "a child process" {
    each_fails 2 o -- --threads=1 read log : exec cat : write o
}

@test "a connection" {
    needs socat openssl
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=localhost \
        -addext subjectAltName=IP:127.0.0.1 -keyout key -out cert 2>/dev/null
    socat -u -lf/dev/null UNIX-LISTEN:s,fork OPEN:/dev/null 3>&- &
    wait_for test -S s
    each_fails 2 -- --threads=1 read log : connect unix:s
    socat -d -d -u -lfserver.log OPENSSL-LISTEN:0,fork,bind=127.0.0.1,cert=cert,key=key,verify=0 OPEN:/dev/null 3>&- &
    wait_for grep -q 'listening on' server.log
    port=$(sed -n 's/.*listening on .*:\([0-9]*\)$/\1/p' server.log)
    each_fails 397 -- --threads=1 read log : connect --ca=cert "tls://127.0.0.1:$port"
}

@test "an archive" {
    mkdir t
    head -n 100 log >t/log
    ln -s log t/link
    ln t/log t/hard
    tar -czf a.tar.gz -C t .
    each_fails 11 out -- --threads=1 read a.tar.gz : extract out
}

@test "text stages" {
    each_fails 5 o -- --threads=1 read log : grep -v DEBUG : head -n 100 : count -l : write o
}

@test "explain, help and test" {
    each_fails 3 -- explain read log.gz : gunzip : null
    each_fails 2 -- help zstd
    each_fails 3 -- test log.gz
}
