#!/usr/bin/env bats
# swift.bats - s3-put and get against OpenStack Swift, where its packages are installed.

load common

setup_file() {
    for program in swift-proxy-server swift-object-server swift-container-server swift-account-server memcached curl; do
        command -v "$program" >/dev/null || return 0
    done
    SWIFT=$(mktemp -d /var/tmp/leat-swift.XXXXXX)
    PORT=$(python3 -c '
import random, socket
while True:
    first = random.randrange(20000, 32000)
    try:
        s = [socket.create_server(("127.0.0.1", first + i)) for i in range(5)]
        print(first)
        break
    except OSError:
        pass')
    export SWIFT PORT
    # shellcheck disable=SC2094
    bash "$BATS_TEST_DIRNAME/../net/swift.sh" "$SWIFT" "$PORT" 3>&- || return 1
    AUTH=$(curl -si -H X-Auth-User:test:tester -H X-Auth-Key:testing "http://127.0.0.1:$PORT/auth/v1.0" |
        tr -d '\r' | sed -n 's/^X-Auth-Token: *//pI')
    export AUTH
    native PUT buck
}

teardown_file() {
    local pid
    [ -n "$SWIFT" ] || return 0
    while read -r pid; do
        kill -9 "$pid" 2>/dev/null || true
    done <"$SWIFT/pids"
    rm -rf "$SWIFT"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    has_stage s3-put
    [ -n "$SWIFT" ] || skip 'OpenStack Swift is not installed (swift-proxy swift-account swift-container swift-object memcached curl)'
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY "${!AWS_@}"
    mkdir home out
    export HOME=$PWD/home XDG_STATE_HOME=$PWD/state AWS_ENDPOINT_URL=http://127.0.0.1:$PORT
    export AWS_ACCESS_KEY_ID=test:tester AWS_SECRET_ACCESS_KEY=testing
    yes 'a line of a stream that is longer than two parts' | head -c 18M >big
}

# native METHOD PATH - a request of Swift's own protocol; its answer is the output.
native() {
    curl -sS -X "$1" -H "X-Auth-Token: $AUTH" "http://127.0.0.1:$PORT/v1/AUTH_test/$2"
}

# uploads KEY - the parts and marks of uploads of the key.
uploads() {
    native GET "buck+segments?prefix=$1/" | grep -v '<' || true
}

# noted KEY N - there are so many parts and marks.
noted() {
    [ "$(uploads "$1" | wc -l)" = "$2" ]
}

@test "Swift: a short stream and a long one are written and read" {
    run leat read big : head -c 1M : write s3://buck/short
    is 0
    run leat read s3://buck/short : write out/short
    is 0
    head -c 1M big | cmp - out/short
    run leat read big : write 's3://buck/long é+'
    is 0
    run leat get --sha256="$(sha256sum <big | cut -d' ' -f1)" 's3://buck/long é+' : write out/long
    is 0
    cmp big out/long
    run leat read big : write s3://buck/short
    is 1
    has 's3://buck/short exists; --force overwrites it'
}

@test "Swift: a pipeline that fails leaves no object and no part" {
    run leat read big : tee [ exec sh -c 'cat >/dev/null; exit 3' ] : write s3://buck/fails
    is 6
    [ -z "$(native GET 'buck?prefix=fails')" ]
    wait_for noted fails 0 # a list may be late
}

@test "Swift: a wrong secret is refused with the server's reason" {
    AWS_SECRET_ACCESS_KEY=wrong
    for words in 'read big : write s3://buck/x' 'read s3://buck/x : write out/x' 'read big : head -c 1K : write s3://buck/x'; do
        # shellcheck disable=SC2086
        run leat $words
        is 5
        has '403 SignatureDoesNotMatch: The request signature we calculated does not match'
    done
}

@test "Swift: the parts of a run that was killed are removed by the next one" {
    mkfifo p
    exec 5<>p
    (cat big >&5) 3>&- &
    "$LEAT" read p : s3-put s3://buck/killed 3>&- 5>&- &
    pid=$!
    wait_for noted killed 3 # its mark, and two parts
    kill -9 "$pid"
    wait "$pid" || true
    run leat read big : head -c 1K : write s3://buck/next
    is 0
    has 'uploads of killed runs that were aborted now: 1'
    [ -z "$(uploads killed)" ]
}
