#!/usr/bin/env bats
# put.bats - put: a server has the whole stream or nothing of it (tests/net/put_server.py, nginx).

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    has_stage put
    needs python3
    unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
    mkdir s
    seq 200000 >f
    : >s/requests
    serve s
}

# serve DIR [CERTIFICATE KEY [CA]] - start a server, and set url.
serve() {
    # shellcheck disable=SC2094
    python3 "$BATS_TEST_DIRNAME/../net/put_server.py" "$@" >"$1/log" 2>&1 3>&- &
    wait_for test -e "$1/port"
    url=http://127.0.0.1:$(cat "$1/port")
}

# put WORD... - send f.
put() {
    run leat read f : put "$@"
}

# refused STATUS TEXT... - it failed with this status, each text is in its message, and nothing was stored.
refused() {
    is "$1"
    shift
    while [ $# -gt 0 ]; do
        has "$1"
        shift
    done
    [ -z "$(ls -A s/got)" ]
}

# certificates - make ca.pem, and s.pem with s.key for the loopback.
certificates() {
    needs openssl
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=test CA' \
        -keyout ca.key -out ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout s.key -out s.csr
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >ext
    openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out s.pem
}

@test "put sends the stream in chunks, and write does with a URL" {
    put "$url/store/a"
    is 0
    cmp f s/got/a
    grep -qxF 'PUT|/store/a|chunked|-|-|*|-' s/requests
    run leat read f : write "$url/store/b"
    is 0
    cmp f s/got/b
    run leat explain read f : write --force "$url/store/b"
    has "put --force $url/store/b"
    put --method=POST "$url/store/c"
    is 0
    grep -qxF 'POST|/store/c|chunked|-|-|-|-' s/requests
}

@test "an empty stream is an empty body" {
    run leat read f : head -c 0 : put "$url/store/a"
    is 0
    run leat read f : head -c 0 : put --size=0 "$url/store/b"
    is 0
    [ -e s/got/a ] && [ ! -s s/got/a ] && [ -e s/got/b ] && [ ! -s s/got/b ]
}

@test "what is there is not overwritten without --force" {
    echo old >s/got/a
    put "$url/store/a"
    is 1
    has "$url/store/a exists; --force overwrites it"
    [ "$(cat s/got/a)" = old ]
    put --force "$url/store/a"
    is 0
    cmp f s/got/a
}

@test "with --size the body has a length, which the data must have" {
    size=$(stat -c %s f)
    put --size="$size" "$url/store/a"
    is 0
    cmp f s/got/a
    grep -qxF "PUT|/store/a|-|$size|-|*|-" s/requests
    rm s/got/a
    put --size=$((size - 1)) "$url/store/b"
    refused 7 "longer than --size=$((size - 1))"
    put --size=$((size + 1)) "$url/store/b"
    refused 3 "shorter than --size=$((size + 1))"
    put --size=0 "$url/store/b"
    refused 7 'longer than --size=0'
}

@test "a pipeline that fails cuts the body off, and nothing is stored" {
    for option in '' "--size=$(stat -c %s f)"; do
        # shellcheck disable=SC2086
        run leat read f : tee [ exec sh -c 'cat >/dev/null; exit 3' ] : put $option "$url/store/a"
        refused 6 'exited with status 3'
        wait_for grep -qxF 'cut|/store/a' s/requests
        : >s/requests
    done
}

@test "a signal cuts the body off, and nothing is stored" {
    mkfifo p
    exec 5<>p
    head -c 10000 f >&5
    "$LEAT" read p : put "$url/store/a" 3>&- 5>&- &
    wait_for grep -qF '/store/a|' s/requests
    kill -TERM $!
    status=0
    wait $! || status=$?
    output=
    refused 143
    wait_for grep -qxF 'cut|/store/a' s/requests
}

@test "the end is sent when all other outputs are prepared, and they are taken back if it is refused" {
    run leat read f : tee [ write out ] : put "$url/late/a"
    refused 5 'answered 500'
    [ ! -e out ]
    run leat read f : tee [ write none/out ] : put "$url/store/a"
    refused 1 none/out
    run leat read f : tee [ write out ] : put "$url/store/a"
    is 0
    cmp f out
    cmp f s/got/a
}

@test "of two requests the one that was not refused is told" {
    run leat read f : tee [ put "$url/store/a" ] : put "$url/late/b"
    is 5
    if [ -e s/got/a ]; then
        has 'its output is in place although the run failed'
    fi
    run leat read f : tee [ put "$url/late/b" ] : put "$url/store/c"
    is 5
    [ -e s/got/a ] || [ -e s/got/c ]
}

@test "an answer that is no success is an error with its status and first line" {
    put "$url/late/a"
    refused 5 "$url/late/a: the server answered 500 '500 The disk is full'"
    put "$url/early/a"
    refused 5 "the server answered 413 'more than the quota'"
    put "$url/auth/a"
    refused 5 "the server answered 401 'who are you?'" --netrc
    put "$url/moved/a"
    refused 5 'answered 307 and wants another URL: http://other/x'
    run leat zero : put "$url/fast/a" # it has no end that could come first
    refused 5 'answered 204 before the end of the data was sent'
    put "$url/lost/a"
    refused 5 "$url/lost/a: "
}

@test "an answer that accepts the request, and has a certain text, is a warning" {
    put --method=POST --warn-if=none --warn-if=stored "$url/store/a"
    is 0
    has "/store/a: the server accepted it and answered: it is stored"
    put --method=POST --warn-if=none "$url/store/a"
    is 0
    [ -z "$output" ]
}

@test "an early answer ends the run although no data comes" {
    mkfifo p
    exec 5<>p
    head -c 1000 f >&5
    run leat read p : put "$url/early/a"
    refused 5 'the server answered 413'
    for fault in fast kept; do # as an answer to a part it tells nothing of the whole
        head -c 1000 f >&5
        run leat read p : put "$url/$fault/a"
        refused 5 'the server answered 204 before the end of the data was sent'
    done
}

@test "a server that stalls is an error" {
    put --stall-time=50ms "$url/hang/a"
    refused 5 'accepted no data and gave no answer for' --stall-time
    run leat zero : put --stall-time=50ms "$url/full/a"
    refused 5 'accepted no data and gave no answer for'
    put --stall-time=50ms "$url/drip/a"
    refused 5 'accepted no data and gave no answer for'
}

# stopped SIGNAL FAULT WORD... - start a pipeline, and send it the signal when the server has all of the body; sets status.
stopped() {
    : >s/requests
    "$LEAT" "${@:3}" read f : put "$url/$2/a" 2>message 3>&- &
    wait_for grep -qxF "whole|/$2/a" s/requests
    kill "-$1" $!
    status=0
    wait $! || status=$?
    output=$(cat message)
}

@test "a signal or --timeout ends the wait for the answer to the whole body" {
    for threads in 1 2; do
        stopped TERM hang --threads=$threads
        refused 143 'stopped by SIGTERM' 'the server may have stored it'
        stopped HUP hang --threads=$threads
        refused 129 'stopped by SIGHUP'
        run leat --threads=$threads --timeout=500ms read f : put "$url/hang/b"
        refused 124 'timed out after'
        grep -qxF 'whole|/hang/b' s/requests
    done
    run leat --timeout=500ms read f : tee [ write out ] : put "$url/hang/b"
    refused 124
    [ ! -e out ]
}

@test "an answer that comes with the signal is honoured" {
    for threads in 1 2; do
        rm -f s/got/a s/go
        : >s/requests
        "$LEAT" --threads=$threads read f : tee [ write -f out ] : put "$url/held/a" 3>&- &
        pid=$!
        wait_for grep -qxF 'whole|/held/a' s/requests
        kill -STOP $pid
        kill -TERM $pid
        : >s/go
        wait_for grep -qxF 'answered|/held/a' s/requests
        kill -CONT $pid
        wait $pid
        cmp f s/got/a
        cmp f out
    done
}

@test "a detached branch whose request is refused at its end fails alone" {
    for threads in 1 2; do
        rm -f out s/got/c
        run leat --threads=$threads read f : tee --on-error=detach [ tee [ write none ] : put "$url/late/a" ] [ put "$url/store/c" ] : \
            write out
        is 8
        has "$url/late/a: the server answered 500"
        cmp f out
        cmp f s/got/c
        [ ! -e none ]
    done
}

@test "bytes that leave the connection are progress, however slow" {
    run leat zero : head -c 6M : put --stall-time=500ms "$url/slow/a"
    is 0
    [ "$(stat -c %s s/got/a)" = 6291456 ]
    rm s/got/a
    run leat zero : head -c 2M : put --stall-time=500ms --size=2M "$url/slow/a" # the kernel takes all of it at once
    is 0
}

@test "a timeout ends the wait for a server that does not even answer to TLS" {
    python3 -c 'import signal, socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
signal.pause()' >silent 3>&- &
    wait_for test -s silent
    for threads in 1 2; do
        run leat --threads=$threads --timeout=50ms read f : head -c 0 : put "https://127.0.0.1:$(cat silent)/a"
        refused 124 'timed out after'
    done
}

@test "headers and passwords come from files, and no message shows them" {
    echo 'X-Secret: s3' >secret
    put --header=@secret "$url/store/a"
    is 0
    grep -qxF 'PUT|/store/a|chunked|-|-|*|s3' s/requests
    printf 'machine 127.0.0.1 login u password "p w"\n' >netrc
    put --netrc-file=netrc "$url/auth/b"
    is 0
    cmp f s/got/b
    rm s/got/?
    put "${url/\/\//\/\/u:s3cret@}/auth/a?token=t0k"
    refused 5 '/auth/a?...: the server answered 401'
    [[ $output != *s3cret* && $output != *t0k* ]]
    put --header='Content-Length: 5' "$url/store/a"
    refused 2 'Content-Length belongs to the stage'
    for header in 'Content-Length ;' 'Content-Length;' 'Transfer-Encoding :x' 'expect ;'; do
        put --header="$header" "$url/store/a"
        refused 2 "give 'Name: value'"
        printf '%s\n' "$header" >framing
        put --header=@framing "$url/store/a"
        refused 2 'framing: line 1'
    done
    put --size=8E "$url/store/a"
    refused 2 "'8E' is not a size from 0 to"
    put ftp://127.0.0.1/x
    refused 2 'http://, https:// or sftp://'
    put http://127.0.0.1:1/x
    refused 5 'http://127.0.0.1:1/x: '
}

@test "TLS: the server is verified, and may verify the client" {
    certificates
    mkdir t
    : >t/requests
    serve t s.pem s.key ca.pem
    secure=https${url#http}
    put --ca=ca.pem --cert=s.pem --key=s.key "$secure/store/a"
    is 0
    cmp f t/got/a
    put --ca=ca.pem "$secure/store/b"
    refused 5 "$secure/store/b: "
    put --cert=s.pem --key=s.key "$secure/store/b"
    refused 5 "$secure/store/b: "
    put --key=s.key "$secure/store/b"
    refused 2 '--key needs --cert'
    [ ! -e t/got/b ]
}

@test "memory stays small, and a slow server holds the pipeline back" {
    run leat --memory=16M --threads=1 zero : head -c 200M : put "$url/store/a"
    is 0
    [ "$(stat -c %s s/got/a)" = 209715200 ]
}

# Its command waits until the request has come; the next part then starts a command while the connection is open.
@test "the commands of exec do not inherit the connection" {
    cat >inner.sh <<'C'
cat
wait_for grep -q '/store/a|' s/requests
for fd in /proc/self/fd/*; do
    socket=$(readlink "$fd")
    [[ $socket != socket:* ]] || awk -v inode="${socket//[^0-9]/}" '$10 == inode' /proc/net/tcp >>inherited
done
C
    export -f wait_for pause
    export WAIT_S
    run leat read f : tee [ put "$url/store/a" ] : split -l 50000 [ exec bash inner.sh : write 'part-{n}' ]
    is 0
    [ -e part-3 ] && [ ! -s inherited ]
}

# free_ports N - ports that nobody listens on.
free_ports() {
    python3 -c "
import socket
s = [socket.create_server(('127.0.0.1', 0)) for _ in range($1)]
print(*(x.getsockname()[1] for x in s))"
}

@test "nginx has the whole file or nothing, over HTTP/1.1 and HTTP/2" {
    needs nginx
    certificates
    read -r plain tls <<<"$(free_ports 2)"
    mkdir -p n/www/put
    user=
    [ "$(id -u)" != 0 ] || user='user root;'
    cat >n/conf <<C
$user master_process off; daemon off; pid $PWD/n/pid; error_log $PWD/n/log;
events { worker_connections 64; }
http { access_log $PWD/n/access; client_body_temp_path $PWD/n/b; proxy_temp_path $PWD/n/p; fastcgi_temp_path $PWD/n/f;
 uwsgi_temp_path $PWD/n/u; scgi_temp_path $PWD/n/s;
 server { listen 127.0.0.1:$plain; listen 127.0.0.1:$tls ssl http2; ssl_certificate $PWD/s.pem; ssl_certificate_key $PWD/s.key;
  root $PWD/n/www; location /put/ { dav_methods PUT; create_full_put_path on; client_max_body_size 0; } } }
C
    nginx -c "$PWD/n/conf" -e "$PWD/n/log" 3>&- &
    wait_for test -s n/pid
    for url in "http://127.0.0.1:$plain" "https://127.0.0.1:$tls"; do
        put --ca=ca.pem "$url/put/a/b"
        is 0
        cmp f n/www/put/a/b
        rm n/www/put/a/b
        run leat zero : head -c 5M : tee [ exec sh -c 'cat >/dev/null; exit 3' ] : put --ca=ca.pem "$url/put/a/c"
        is 6
        put --ca=ca.pem "$url/forbidden"
        is 5
        has 'the server answered 405'
    done
    wait_for test -z "$(find n/b -type f)"
    [ -z "$(find n/www -type f)" ]
    grep -q '"PUT /put/a/b HTTP/2.0" 201' n/access
    grep -q '"PUT /put/a/b HTTP/1.1" 201' n/access
}
