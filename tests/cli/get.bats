#!/usr/bin/env bats
# get.bats - get: the right bytes or the right error of a server that fails (tests/net/server.py).

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    has_stage get
    needs python3
    unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
    SERVER=$BATS_TEST_DIRNAME/../net/server.py
    mkdir s out
    seq 100000 >s/f
    : >s/requests
    serve s
}

# serve DIR [CERTIFICATE KEY] - start a server, and set url.
serve() {
    # shellcheck disable=SC2094
    python3 "$SERVER" "$@" >"$1/log" 2>&1 3>&- &
    wait_for test -e "$1/port"
    url=http://127.0.0.1:$(cat "$1/port")
}

# get WORD... - the content goes to out/f; retries do not wait long.
get() {
    run leat get --retry-wait=1ms "$@" : write out/f
}

# got - it succeeded, and the content is right.
got() {
    is 0
    cmp s/f out/f
}

# refused STATUS TEXT... - it failed with this status, each text is in its message, and there is no output.
refused() {
    is "$1"
    shift
    while [ $# -gt 0 ]; do
        has "$1"
        shift
    done
    [ -z "$(ls -A out)" ]
}

# stopped PID - it ends by SIGTERM, and there is no output.
stopped() {
    kill -TERM "$1"
    status=0
    wait "$1" || status=$?
    output=
    refused 143
}

# requests - how many there were.
requests() {
    wc -l <s/requests
}

@test "get reads the content, and read does with a URL" {
    get "$url/plain/a"
    got
    run leat read "$url/plain/a" : sha256
    has "$(sha256sum <s/f | cut -d' ' -f1)"
    run leat explain read "$url/plain/a" : null
    has "get $url/plain/a"
}

@test "a connection that is lost three times is resumed at its offset" {
    get --sha256="$(sha256sum <s/f | cut -d' ' -f1)" "$url/drop/a"
    got
    has '3 tries failed before all was read'
    [ "$(requests)" = 4 ]
    size=$(stat -c %s s/f)
    grep -qxF "/drop/a|bytes=$((size * 6 / 10))-|\"v1\"|-|-" s/requests
}

@test "an old Last-Modified is a strong validator" {
    get "$url/modified/a"
    got
    grep -qF '|Wed, 01 Jan 2020 00:00:00 GMT|' s/requests
}

@test "content that changed is an error with its offset, and there is no output" {
    size=$(stat -c %s s/f)
    get "$url/change/a"
    refused 5 'get (#1): ' "the content changed after $((size * 6 / 10)) bytes" 'another ETag' "(byte $((size * 6 / 10)))"
    get --resume=verify "$url/change/b"
    refused 5 'the content changed after' 'other bytes came before it'
}

@test "a server that cannot resume is an error, and --resume=verify reads again" {
    get "$url/ignore/a"
    refused 5 'the server cannot go on in the middle' '--resume=verify'
    get "$url/weak/a"
    refused 5 'no strong validator' '--resume=verify'
    get "$url/plainly/a"
    refused 5 'no strong validator'
    for fault in ignore weak plainly drop; do
        rm -f out/f
        get --resume=verify "$url/$fault/b"
        got
    done
}

@test "--resume=verify finds content that changed in the middle" {
    get --resume=verify "$url/stale/a"
    refused 5 'the content changed'
}

@test "an answer that is no rest of the content is refused" {
    get "$url/lie/a"
    refused 5 'another range'
    get "$url/longer/a"
    refused 5 'another length'
}

@test "a part of the rest is followed by the next part" {
    get "$url/partial/a"
    got
    [ "$(requests)" -gt 10 ]
}

@test "a 206 that may be of another version, or is no single range, is refused" {
    get "$url/multi/a"
    refused 5 'another range'
    get "$url/wide/a"
    refused 5 'another range'
    get "$url/nameless/a"
    refused 5 'its rest has no ETag'
    get "$url/more/a"
    refused 5 'more bytes than it said'
}

@test "an ETag with a control character is not sent back" {
    get "$url/inject/a"
    refused 5 'no strong validator'
    [ "$(requests)" = 1 ]
    get --resume=verify "$url/inject/b"
    got
    grep -qv evil s/requests
}

@test "the framing of an answer is that of HTTP" {
    get "$url/both/a"
    got
    rm out/f
    get "$url/excess/a"
    got
    rm out/f
    get "$url/empty/a"
    is 0
    [ ! -s out/f ]
    rm out/f
    get "$url/204-0/a"
    is 0
    [ ! -s out/f ]
    rm out/f
    for code in 206 300 304; do
        get "$url/$code-0/a"
        refused 5 "the server answered $code"
    done
    get --retries=0 "$url/minus/a"
    refused 5
    get --retries=0 "$url/huge/a"
    refused 5
    get --retries=0 "$url/endless/a"
    refused 5
    get --retries=0 "$url/lengths/a"
    refused 5 'two lengths'
    get --retries=0 "$url/trailer/a"
    refused 5 'more than 1 MiB'
    get "$url/line/a"
    refused 5 "a line of the answer's head is longer"
    [ "$(grep -c '^/line/' s/requests)" = 1 ]
}

@test "a server that sends too little is an error after the retries" {
    get --resume=verify --retries=3 "$url/short/a"
    refused 5 'given up after 3 retries that brought less than 64 KiB'
    [ "$(requests)" = 4 ]
    for connections in 1 2; do
        : >s/requests
        get --retries=7 --connections=$connections "$url/trickle/a"
        refused 5 'given up after 7 retries that brought less than 64 KiB'
        [ "$connections" = 2 ] || [ "$(requests)" = 8 ]
    done
    get --retries=0 "$url/cut/a"
    refused 5 'given up after 0 retries'
}

@test "a server that stalls is an error" {
    get --retries=0 --min-speed-time=50ms "$url/stall/a"
    refused 5 '--min-speed=1'
    get --max-time=50ms "$url/stall/a"
    refused 124 '--max-time'
}

@test "a consumer that stalls holds the server back after one MiB and one chunk" {
    mkfifo p
    exec 5<>p
    for threads in 1 2; do
        rm -f s/taken # it counts the head of the answer, too
        "$LEAT" --threads=$threads get "$url/flood/a" : write p 3>&- 5>&- &
        pid=$!
        wait_for test -s s/taken
        echo "$(cat s/taken) bytes with $threads threads"
        [ "$(cat s/taken)" -gt 0 ]
        [ "$(cat s/taken)" -le $(((1 << 20) + (1 << 18) + (1 << 16) + 4096)) ] # the pipe has 64 KiB
        stopped "$pid"
    done
}

@test "answers that ask for another try get one, and others do not" {
    for status in 408 425 429 500 502 503 504; do
        rm -f out/f
        get "$url/$status-2/a"
        got
    done
    rm -f out/f
    get "$url/date/a"
    got
    rm -f out/f
    get --retries=2 "$url/503-0/a"
    refused 5 'the server answered 503; given up after 2 retries'
    : >s/requests
    get "$url/later/a"
    refused 5 'asks to wait 100000 s'
    get "$url/404-0/a"
    refused 5 '404 Not Found'
    get "$url/501-0/a"
    refused 5 'the server answered 501'
    get "$url/auth/a"
    refused 5 '401 Unauthorized' '--netrc'
    [ "$(requests)" = 4 ]
}

@test "redirects are followed, counted, and stay in http" {
    get "$url/back/a"
    got
    rm out/f
    : >s/requests
    get --max-redirects=3 "$url/loop/a"
    refused 5 'more than 3 redirects'
    [ "$(requests)" = 4 ]
    get "$url/file/a"
    refused 5 'redirects to a place that is not http'
}

@test "headers and the password do not go to another host" {
    mkdir t
    cp s/f t/f
    first=$url
    serve t
    cp t/port s/other
    get --header='X-Secret: s3' "$first/hop/a"
    got
    grep -qxF '/hop/a|-|-|s3|-' s/requests
    grep -qxF '/plain/x|-|-|-|-' t/requests
    rm out/f
    get --header='X-Secret: s3' "$first/back/a"
    got
    grep -qxF '/plain/x|-|-|s3|-' s/requests
}

@test "headers come from a file" {
    printf 'X-Other: 1\r\n\nX-Secret: s3 c' >secret
    get --header=@secret "$url/plain/a"
    got
    grep -qxF '/plain/a|-|-|s3 c|-' s/requests
    rm out/f
    printf 'X-Other: 1\nRange: bytes=1-\n' >secret
    get --header=@secret "$url/plain/a"
    refused 2 'secret: line 2 is no header'
    get --header=@none "$url/plain/a"
    refused 1 'none'
}

@test "user and password come from the URL or a netrc file, and no message shows them" {
    get "${url/\/\//\/\/u:p%20w@}/auth/a?token=t0k"
    got
    rm out/f
    printf 'machine 127.0.0.1 login u password "p w"\n' >netrc
    get --netrc-file=netrc "$url/auth/a"
    got
    rm out/f
    HOME=$PWD get --netrc "$url/auth/a"
    refused 5 401
    cp netrc .netrc
    HOME=$PWD get --netrc "$url/auth/a"
    got
    rm out/f
    get "${url/\/\//\/\/u:s3cret@}/auth/a?token=t0k"
    refused 5 '/auth/a?...: the server answered 401'
    [[ $output != *s3cret* && $output != *t0k* ]]
}

@test "the password of a URL is in no output" {
    secret=${url/\/\//\/\/u:s3cret@}
    for words in "explain get $secret/plain/a : null" "explain --json get $secret/plain/a : null" \
        "explain --dot get $secret/plain/a : null" "explain read $secret/plain/a : null" \
        "--json get $secret/404-0/a : null" "get --size=$secret/x : null" "$secret/x : null" \
        "read s/f $secret/x : null" "get $secret/a $secret/b : null" \
        "--progress=json get $secret/plain/a : null" "--stats --log=json:log get $secret/plain/a : null" \
        "--report=report.html --trace=trace.json get $secret/plain/a : null"; do
        # shellcheck disable=SC2086
        run leat $words
        [[ $output != *s3cret* ]]
    done
    run cat report.html trace.json log
    [[ $output == *'u:***@'* && $output != *s3cret* ]]
}

@test "an answer without a length is refused unless it can be checked" {
    get "$url/close/a"
    refused 5 'does not tell the length' '--length-unknown'
    for option in --length-unknown "--size=$(stat -c %s s/f)" "--sha256=$(sha256sum <s/f | cut -d' ' -f1)"; do
        rm -f out/f
        get "$option" "$url/close/a"
        got
    done
    rm out/f
    get "$url/chunked/a"
    got
}

@test "--size and --sha256 are checked" {
    get --size=5 "$url/plain/a"
    refused 5 'and --size expects 5'
    get --size=5 "$url/close/a"
    refused 5 'longer than --size'
    get --size=1G --retries=0 "$url/close/a"
    refused 5 '--size expects 1073741824'
    get --sha256="$(printf '%064d' 0)" "$url/plain/a"
    refused 4 'its SHA-256 is ' '--sha256 expects 0000'
    get --sha256=12 "$url/plain/a"
    refused 2 '64 hexadecimal digits'
}

@test "content that is encoded is passed on as it is" {
    get "$url/encoded/a"
    got
    has '`decode` decodes it'
}

@test "a large body is resumed, cut, reset and compared like a small one" {
    mkdir big
    head -c 4M /dev/urandom >big/f
    serve big
    sum=$(sha256sum <big/f | cut -d' ' -f1)
    for words in "--sha256=$sum $url/plain/a" "$url/drop/a" "$url/reset/a" "--resume=verify $url/ignore/a" \
        "--resume=verify $url/stale/z --retries=0" "$url/partial/a" "$url/excess/a"; do
        rm -f out/f
        # shellcheck disable=SC2086
        get $words
        [[ $words == *stale* ]] || { is 0 && cmp big/f out/f; }
    done
    rm out/f
    get "$url/change/a"
    refused 5 'the content changed after' 'another ETag'
    get --resume=verify "$url/stale/a"
    refused 5 'the content changed'
    get --retries=0 --min-speed-time=50ms "$url/stall/a"
    refused 5 '--min-speed=1' "(byte $((2 * 1024 * 1024)))"
    get --retries=0 "$url/short/a"
    refused 5 'to read'
    get --size=1M "$url/chunked/a"
    refused 5 'longer than --size'
}

@test "several connections read parts, and output them in order" {
    mkdir big
    head -c 9M /dev/urandom >big/f
    serve big
    big() {
        rm -f out/f
        : >big/requests
        get --connections=3 "$@"
    }
    big --sha256="$(sha256sum <big/f | cut -d' ' -f1)" --size=9M "$url/plain/a"
    is 0
    cmp big/f out/f
    [ "$(cut -d'|' -f2,3 big/requests | sort)" = "$(printf '%s\n' 'bytes=0-4194303|-' 'bytes=4194304-8388607|"v1"' 'bytes=8388608-9437183|"v1"')" ]
    for fault in drop reset modified partial 503-2; do
        big "$url/$fault/a"
        is 0
        cmp big/f out/f
    done
    # One connection does it, where there are no ranges, no strong validator, or no content.
    for fault in norange weakly plain; do
        big "$url/$fault/b"
        is 0
        cmp big/f out/f
    done
    cp s/f big/f
    run leat --memory=20M get --connections=8 "$url/plain/c" : write out/g
    is 0
    serve_empty
    get --connections=3 "$url/plain/a"
    is 0
    [ ! -s out/f ]
}

# serve_empty - a server whose content is empty.
serve_empty() {
    mkdir nothing
    : >nothing/f
    serve nothing
    rm -f out/*
}

@test "several connections never mix two versions" {
    mkdir big
    head -c 9M /dev/urandom >big/f
    serve big
    for fault in change nameless longer more lie; do
        get --connections=3 "$url/$fault/a"
        refused 5
    done
    for fault in multi wide; do # the whole content is asked for
        get --connections=3 "$url/$fault/a"
        is 0
        cmp big/f out/f
        rm out/f
    done
    get --connections=3 --size=5 "$url/plain/a"
    refused 5 'and --size expects 5'
    get --connections=3 --sha256="$(printf '%064d' 0)" "$url/plain/a"
    refused 4 '--sha256 expects 0000'
    get --connections=3 "$url/404-0/a"
    refused 5 '404 Not Found'
    get --connections=3 --retries=1 "$url/503-0/a"
    refused 5 'the server answered 503; given up after 1 retries'
    get --connections=3 --retries=0 --min-speed-time=50ms "$url/stall/a"
    refused 5 '--min-speed=1'
    get --connections=3 --max-time=50ms "$url/stall/a"
    refused 124 '--max-time'
    get --connections=3 --resume=verify "$url/plain/a"
    refused 2 '--resume=verify'
}

@test "a slow reader holds several connections back" {
    sanitized && skip 'figures of memory'
    mkdir big
    truncate -s 256M big/f
    serve big
    mkfifo pipe
    "$LEAT" --memory=24M get --connections=4 "$url/plain/a" >pipe &
    exec 5<pipe
    wait_for grep -q plain big/requests
    wait_for settled $!
    hwm=$(awk '/^VmHWM/ { print $2 }' "/proc/$!/status")
    [ "$(wc -l <big/requests)" -lt 20 ]
    cmp -n $((256 * 1024 * 1024)) big/f - <&5
    exec 5<&-
    wait $!
    [ "$hwm" -lt 50000 ]
}

@test "a proxy is the one of the environment" {
    proxy=$url
    http_proxy=$proxy get http://nowhere.invalid/drop/a
    got
    rm out/f
    all_proxy=$proxy NO_PROXY=nowhere.invalid get --retries=0 http://nowhere.invalid/plain/a
    refused 5 'resolve host'
    # As for curl, against a server that sets the variable by a header "Proxy:".
    HTTP_PROXY=$proxy get --retries=0 http://nowhere.invalid/plain/a
    refused 5 'resolve host'
    http_proxy=http://nowhere.invalid get --retries=0 "$url/plain/a"
    refused 5 'resolve proxy'
    http_proxy=${proxy/\/\//\/\/u:s3cret@} get "http://nowhere.invalid/404-0/a"
    refused 5 '404'
    [[ $output != *s3cret* ]]
}

@test "the host may be an address of IPv6" {
    mkdir six
    cp s/f six/f
    : >six/6
    serve six
    url="http://[::1]:${url##*:}"
    get "$url/drop/a"
    got
    rm out/f
    get "$url/404-0/a"
    refused 5 "$url/404-0/a: "
}

@test "a netrc password is for the host of the URL only" {
    mkdir t
    cp s/f t/f
    first=$url
    serve t
    printf 'machine 127.0.0.1 login u password "p w"\nmachine localhost login u password s3cret\n' >netrc
    cp t/port s/other
    get --netrc-file=netrc "$first/hopname/a"
    got
    grep -qxF '/plain/x|-|-|-|-' t/requests
    rm out/f
    get --netrc-file=none "$first/plain/a"
    refused 1 'none'
}

@test "a server that is not there, a bad URL and bad headers are errors" {
    get --retries=1 http://127.0.0.1:1/x
    refused 5 'http://127.0.0.1:1/x: ' 'given up after 1 retries'
    get http://nowhere.invalid/x
    refused 5 'http://nowhere.invalid/x: Could not resolve host'
    get ftp://127.0.0.1/x
    refused 2 'http:// or https://'
    get 'http://[::1/x'
    refused 2 'malformed'
    for header in 'Range: bytes=5-' 'no colon' $'A: b\r\nC: d'; do
        get --header="$header" "$url/plain/a"
        refused 2 '--header number 1'
    done
    run leat read "$url/plain/a" s/f : null
    is 2
}

@test "TLS is verified" {
    needs openssl
    mkdir tls
    cp s/f tls/f
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=leat test CA' \
        -keyout ca.key -out ca.pem 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout key -out csr 2>/dev/null
    printf 'subjectAltName=DNS:localhost\n' >ext
    openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out cert 2>/dev/null
    serve tls cert key
    url=${url/http:\/\/127.0.0.1/https:\/\/localhost}
    get --ca=ca.pem "$url/drop/a"
    got
    rm out/f
    get "$url/plain/a"
    refused 5 'certificate' # not retried, or it would say so
    [[ $output != *retries* ]]
    get --ca=ca.pem "${url/localhost/127.0.0.1}/plain/a"
    refused 5 '127.0.0.1'
    get --ca=none.pem "$url/plain/a"
    refused 5 'none.pem'
}

@test "a confined process reads from the network" {
    sanitized && skip 'sanitizers open files of their own'
    "$LEAT" --sandbox=require read s/f : null 2>why || skip "$(cat why)"
    run leat --sandbox=require get "${url/127.0.0.1/localhost}/drop/a" : write out/f
    got
    run leat --sandbox=auto explain get "$url/plain/a" : null
    has 'use the network'
}

@test "a confined process has the certificates and the names of the system" {
    sanitized && skip 'sanitizers open files of their own'
    needs openssl
    "$LEAT" --sandbox=require read s/f : null 2>why || skip "$(cat why)"
    mkdir tls
    cp s/f tls/f
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=localhost' \
        -keyout key -out cert 2>/dev/null
    serve tls cert key
    url=${url/http:\/\/127.0.0.1/https:\/\/localhost}
    get "$url/plain/a"
    refused 5 'certificate'
    expected=$output
    run leat --sandbox=require get "$url/plain/a" : write out/f
    is 5
    [ "$output" = "$expected" ] # the server's certificate is at fault, and not the store
    run leat --sandbox=require get --ca=cert "$url/plain/a" : write out/f
    got
    rm out/f
    run leat --sandbox=require get --retries=0 http://nowhere.invalid/ : write out/f
    refused 5 'Could not resolve host'
}

@test "a slow reader holds the server back, and memory stays flat" {
    sanitized && skip 'figures of memory'
    mkdir big
    truncate -s 256M big/f
    serve big
    mkfifo pipe
    "$LEAT" --memory=8M get "$url/plain/a" >pipe &
    exec 5<pipe
    wait_for grep -q plain big/requests
    wait_for settled $!
    hwm=$(awk '/^VmHWM/ { print $2 }' "/proc/$!/status")
    cmp -n $((256 * 1024 * 1024)) big/f - <&5
    exec 5<&-
    wait $!
    [ "$hwm" -lt 40000 ]
}

@test "a signal ends the transfer at each point" {
    # A name is looked up, a connection is made, TLS is negotiated, a head, a body, and a retry are waited for.
    silent=$(python3 -c 'import socket, os, time
s = socket.create_server(("127.0.0.1", 0), backlog=0)
pid = os.fork()
if pid:
    print(s.getsockname()[1], pid)
else:
    os.close(1)
    time.sleep(600)' 3>&-)
    for at in "http://127.0.0.1:${silent% *}/a" "https://127.0.0.1:${silent% *}/a" "$url/silent/a" "$url/stall/a" \
        "--retry-wait=1h $url/plainly/a --resume=verify"; do
        # shellcheck disable=SC2086
        "$LEAT" get $at : write out/f &
        wait_for settled $!
        stopped $!
    done
    kill "${silent#* }"
}

@test "head ends the transfer, and a signal ends a wait" {
    run leat get "$url/plain/a" : head -n 1
    is 0
    [ "$output" = 1 ]
    "$LEAT" get "$url/stall/a" : write out/f &
    wait_for grep -q stall s/requests
    stopped $!
    "$LEAT" get --retry-wait=1h "$url/plainly/a" --resume=verify : write out/f &
    wait_for grep -q plainly s/requests
    stopped $!
}

@test "two gets run in one pipeline" {
    run leat concat [ get "$url/drop/a" ] [ get "$url/drop/b" ] : write out/f
    is 0
    cmp out/f <(cat s/f s/f)
}
