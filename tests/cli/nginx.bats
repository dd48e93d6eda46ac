#!/usr/bin/env bats
# nginx.bats - get from a real server: HTTP/2 by ALPN, resumed, held back by a slow reader, and over HTTP/1.1.

load common

setup_file() {
    command -v nginx openssl >/dev/null && command -v openssl >/dev/null || return 0
    cd "$BATS_FILE_TMPDIR" || return 1
    mkdir www tmp
    head -c 48M /dev/urandom >www/f
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=leat test CA' \
        -keyout ca.key -out ca.pem 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout key -out csr 2>/dev/null
    printf 'subjectAltName=DNS:localhost\n' >ext
    openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out cert 2>/dev/null
    choose_ports && start || return 1
}

teardown_file() {
    cd "$BATS_FILE_TMPDIR" || return 0
    [ ! -s pid ] || stop
}

setup() {
    needs nginx openssl
    has_stage get
    unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
    cd "$BATS_FILE_TMPDIR" || return 1
    read -r plain tls <ports
    rm -rf out
    mkdir out
}

choose_ports() {
    python3 -c 'import socket
s = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(x.getsockname()[1] for x in s))' >ports
}

start() {
    local plain tls user=
    read -r plain tls <ports
    [ "$(id -u)" != 0 ] || user='user root;'
    cat >conf <<END
$user worker_processes 1; pid $PWD/pid; error_log $PWD/log;
events { worker_connections 64; }
http {
  log_format form '\$server_protocol \$status \$http_range \$http_if_range'; access_log $PWD/requests form;
  client_body_temp_path $PWD/tmp/b; proxy_temp_path $PWD/tmp/p; fastcgi_temp_path $PWD/tmp/f;
  uwsgi_temp_path $PWD/tmp/u; scgi_temp_path $PWD/tmp/s;
  server { listen 127.0.0.1:$tls ssl http2; listen 127.0.0.1:$plain;
    ssl_certificate $PWD/cert; ssl_certificate_key $PWD/key; root $PWD/www; }
}
END
    nginx -c "$PWD/conf" 3>&-
    wait_for test -s pid
}

stop() {
    local pid
    pid=$(<pid)
    kill -TERM "$pid"
    wait_for gone "$pid"
}

@test "HTTP/2 by ALPN" {
    run leat get --ca=ca.pem "https://localhost:$tls/f" : write out/f
    is 0
    cmp www/f out/f
    wait_for grep -qxF 'HTTP/2.0 200 - -' requests
}

@test "HTTP/1.1 without TLS, and large content" {
    run leat get "http://127.0.0.1:$plain/f" : write out/f
    is 0
    cmp www/f out/f
    wait_for grep -qxF 'HTTP/1.1 200 - -' requests
    run leat --threads=1 get "http://127.0.0.1:$plain/f" : sha256
    has "$(sha256sum <www/f | cut -d' ' -f1)"
}

@test "leat each knows URLs by the ETag of the server, over TLS with the options of get" {
    seq 1000 >www/e
    set -- "https://localhost:$tls/e" "http://127.0.0.1:$plain/e?2" --journal=out/j
    run -0 leat each "$@" -- get --ca=ca.pem '{}' : write 'out/e-{n}'
    cmp www/e out/e-1
    cmp www/e out/e-2
    [ "$(grep -c '^{"done":.*"etag":' out/j)" = 2 ]
    run -0 leat each "$@" --resume --json -- get --ca=ca.pem '{}' : write 'out/e-{n}'
    has '"skipped":2'
    seq 1001 >www/e
    run -0 leat each "$@" --resume --force --json -- get --ca=ca.pem '{}' : write 'out/e-{n}'
    has '"done":2,"skipped":0'
    run -5 leat each "$1" -- get '{}' : null # the certificate of no authority that is known
}

# resumes URL-PREFIX PROTOCOL - the server ends in the middle of the content, and comes back.
resumes() {
    mkfifo "out/pipe"
    "$LEAT" --memory=8M get --ca=ca.pem --retries=100 --retry-wait=10ms "$1/f" >out/pipe 2>out/why &
    exec 5<out/pipe
    head -c 1M <&5 >out/f
    wait_for settled $!
    stop
    start
    cat <&5 >>out/f
    exec 5<&-
    wait $!
    cmp www/f out/f
    wait_for grep -qE "^$2 206 bytes=[0-9]+- .+" requests
}

@test "HTTP/2 is resumed by Range and If-Range" {
    resumes "https://localhost:$tls" HTTP/2.0
}

@test "a large body of HTTP/1.1 is resumed by Range and If-Range" {
    resumes "http://127.0.0.1:$plain" HTTP/1.1
}

@test "a slow reader holds HTTP/2 back, and memory stays flat" {
    sanitized && skip 'figures of memory'
    mkfifo out/pipe
    "$LEAT" --memory=8M get --ca=ca.pem "https://localhost:$tls/f" >out/pipe &
    exec 5<out/pipe
    head -c 1M <&5 >/dev/null
    wait_for settled $!
    hwm=$(awk '/^VmHWM/ { print $2 }' "/proc/$!/status")
    cmp <(tail -c +1048577 www/f) - <&5
    exec 5<&-
    wait $!
    [ "$hwm" -lt 30000 ]
}

@test "a missing page and a directory are errors" {
    run leat get "http://127.0.0.1:$plain/none" : write out/f
    is 5
    has '404'
    run leat get --ca=ca.pem "https://localhost:$tls/none" : write out/f
    is 5
    has '404'
    run leat get "http://127.0.0.1:$plain/" : write out/f
    is 5
    has '403'
}
