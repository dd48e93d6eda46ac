#!/usr/bin/env bats
# serve.bats - leat serve: what is confirmed is whole, what is not leaves nothing (tests/serve/client.py).

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    needs python3
    run leat serve --listen=nowhere --route 'GET /a : zero'
    [[ $output != *"not in this build"* && $output != *"needs libmicrohttpd"* ]] || skip "no leat serve in this build"
    CLIENT=$BATS_TEST_DIRNAME/../serve/client.py
    mkdir in
    log_lines 20000 >big
    gzip -k big
}

# serve WORD... - start a server at a free port; sets server (its process) and at (its address).
serve() {
    rm -f log
    "$LEAT" serve --listen=127.0.0.1:0 "$@" 2>log 3>&- &
    server=$!
    wait_for grep -q 'listening at' log
    at=$(sed -n 's/.*listening at https*:\/\///p' log)
}

# client WORD... - run one; its output is that of `run`.
client() {
    run bounded python3 "$CLIENT" "$at" "$@"
}

# answer STATUS [TEXT]... - the last client was answered so.
answer() {
    [ "${lines[0]}" = "$1" ] || {
        echo "answered ${lines[0]}, expected $1:"
        echo "$output"
        return 1
    }
    shift
    while [ $# -gt 0 ]; do
        has "$1"
        shift
    done
}

# stops - the server ends by SIGTERM, and that is no failure.
stops() {
    local status=0
    kill -TERM "$server" || status=$?
    wait "$server" || status=$?
    [ "$status" = 0 ] || {
        echo "status $status:"
        cut -c1-300 log
        return 1
    }
}

# stored NAME... - the directory of uploads has these files, and nothing else, hidden or not.
stored() {
    [ "$(find in -mindepth 1 -printf '%f\n' | sort | paste -sd' ')" = "$(printf '%s\n' "$@" | sort | paste -sd' ')" ] || {
        find in
        return 1
    }
}

@test "a body is stored by its pipeline, and then confirmed" {
    serve --route 'PUT /in/{name} : gunzip : tee [ sha256 : write in/{name}.sha256 ] : gzip : write in/{name}.gz'
    client request PUT /in/a big.gz
    answer 201 "\"bytes\":$(stat -c %s big.gz)"
    stored a.gz a.sha256
    cmp big <(gzip -dc in/a.gz)
    [ "$(cut -d' ' -f1 in/a.sha256)" = "$(sha256sum <big | cut -d' ' -f1)" ]
    client request PUT /in/b big.gz --chunked
    answer 201
    client request PUT /in/c big.gz --expect
    [ "${lines[0]}" = 'HTTP/1.1 100 Continue' ]
    [ "${lines[1]}" = 201 ]
    cmp big <(gzip -dc in/b.gz)
    cmp big <(gzip -dc in/c.gz)
    wait_for grep -qx "PUT /in/a 201 in=$(stat -c %s big.gz) out=[0-9]* ms=[0-9]*" log
    stops
}

@test "data that is refused is answered with stage, offset and text, and leaves nothing" {
    serve --route 'PUT /in/{name} : gunzip : tee [ sha256 : write in/{name}.sha256 ] : gzip : write in/{name}.gz'
    client request PUT /in/a big
    answer 422 '"code":"ECORRUPT","stage":"gunzip","offset":0,'
    head -c 10000 big.gz >short
    client request PUT /in/a short
    answer 422 '"code":"ETRUNCATED","stage":"gunzip","offset":10000,'
    stored
    client request PUT /in/a big.gz
    answer 201
    client request PUT /in/a big.gz
    answer 409 '"code":"EEXIST"'
    client request PUT /in/a big.gz --expect
    has 409
    stored a.gz a.sha256
    stops
}

@test "a name that a client chooses is one part of a path, and one word" {
    serve --route 'PUT /in/{name} : write in/{name}'
    for name in %2e%2e a%2fb -x %00 a%0ab %zz; do # test_name.c has more
        client request PUT "/in/$name" big
        answer 400 '"code":"EUSAGE"'
    done
    client request PUT "/in/$(printf 'a%.0s' {1..201})" big
    answer 400 'longer than 200 bytes'
    client request PUT /in/ big
    answer 400 'empty'
    client request PUT /in/a/b big
    answer 404
    stored
    client request PUT "/in/a%20:%20b%20%5b%20%5d%20%27%22%24%7bx%7d%7bname%7d%25%3b%23%c3%a9" big
    answer 201
    stored "a : b [ ] '\"\${x}{name}%;#é"
    stops
}

@test "the target of a request may be a URL" {
    mkfifo go
    serve --route 'GET /file/{name} : read in/{name}' --route 'GET /fifo : read go : count'
    cp big in/a
    client raw 'HEAD http://some.example:80/file/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    has 'HTTP/1.1 200 '
    client raw 'HEAD HTTPS://some.example/file/a?query HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    has 'HTTP/1.1 200 '
    client raw 'OPTIONS http://some.example HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    has 'HTTP/1.1 204 '
    client raw 'GET http://some.example HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    has 'HTTP/1.1 404 '
    client raw 'GET http:///file/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    has 'HTTP/1.1 404 '
    client raw 'GET other://some.example/file/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
    has 'HTTP/1.1 404 '
    wait_for grep -q 'HEAD /file/a 200' log
    # The name of this one is that of the route, so it is read.
    python3 "$CLIENT" "$at" request GET /fifo >got 3>&- &
    echo line >go
    wait_for grep -q 'GET /fifo 200' log
    stops
}

@test "a path without a route is 404, and one without the method 405" {
    serve --route 'PUT /in/{name} : write in/{name}'
    client request PUT /other big
    answer 404
    client request POST /in/a big
    answer 405 'Allow: '
    client request DELETE /in/a
    answer 405
    stored
    stops
}

@test "a client that leaves, or sends less than it said, leaves nothing" {
    serve --route 'PUT /in/{name} : tee [ sha256 : write in/{name}.sha256 ] : write in/{name}'
    client leave /in/a 1000000 300000
    client leave /in/b 10 3
    wait_for grep -q '/in/a left in=300000' log
    stored
    stops
    stored
}

# stuck - a server whose pipeline takes nothing until the FIFO `go` was written to.
stuck() {
    mkfifo go
    serve --request-memory=1M --timeout=1h --breaker=1/1h "$@" --route 'PUT /in/{name} : exec sh -c "cat go; cat" : tee [ sha256 : write in/{name}.sha256 ] : write in/{name}'
}

# goes PATH BYTES HOW - a client that has sent so many bytes of a larger body leaves when the server waits.
goes() {
    [ -p leave ] || mkfifo leave
    python3 "$CLIENT" "$at" go "$1" 100000000 "$2" "$3" >sent <leave 3>&- 7>&- &
    exec 8>leave
    wait_for grep -q sent sent
    wait_for settled "$server"
    ! command -v ss >/dev/null || ss -tno "sport = :${at##*:}" | grep -q keepalive
    exec 8>&-
    wait_for grep -q "$1 left" log
}

no_pipeline() {
    client request GET /metrics
    [[ $output == *'leat_serve_pipelines 0'* ]]
}

@test "a client that leaves while its pipeline is stuck ends it, and leaves nothing" {
    stuck
    goes /in/a 1800000 reset
    goes /in/b 1800000 end
    wait_for no_pipeline
    client request GET /metrics
    has 'leat_serve_breaker_state{number="1",route="PUT /in/{name}"} 0'
    stored
    stops
}

@test "a client that leaves while its upload waits for memory is forgotten" {
    stuck --memory=1M
    mkfifo end
    python3 "$CLIENT" "$at" hold /in/a 5 4 >held <end 3>&- &
    exec 7>end
    wait_for grep -q holding held
    goes /in/b 10 reset
    goes /in/c 10 end
    stored
    exec 7>&-
    stops
}

@test "a client that sends chunks and leaves while its pipeline is stuck ends it some time later" {
    mkfifo go
    serve --request-memory=1M --timeout=100ms --route 'PUT /in/{name} : exec sh -c "cat go; cat" : write in/{name}'
    python3 -c '
import socket, sys
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
s.sendall(b"PUT /in/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 27)' "$at"
    wait_for grep -q '/in/a left' log
    stored
    stops
}

@test "a client that only ends its side of the connection is answered" {
    head -c 1800000 <(cat big big) >body
    stuck
    python3 "$CLIENT" "$at" half /in/a body >got 3>&- &
    wait_for grep -q sent got
    wait_for settled "$server"
    echo >go
    wait_for grep -q 'HTTP/1.1 201' got
    cmp <(echo; cat body) in/a
    stops
}

@test "a body larger than --max-body is 413" {
    serve --max-body=1K --route 'PUT /in/{name} : write in/{name}'
    client request PUT /in/a big
    answer 413 '"code":"ELIMIT"'
    client request PUT /in/a big --chunked
    answer 413 '--max-body'
    head -c 1024 big >small
    client request PUT /in/a small
    answer 201
    stored a
    stops
}

@test "1,000 uploads at once share the memory, and all are confirmed" {
    serve --memory=16M --request-memory=4M --route 'PUT /in/{name} : write in/{name}'
    client many '/in/{}' 1000 20000
    [ "$output" = '201 1000' ]
    [ "$(find in -type f -size 20000c | wc -l)" = 1000 ]
    [ "$(head -c 4 in/777)" = 777 ]
    stops
}

@test "a route that cannot run is refused at the start" {
    run leat serve --route 'PUT /in/{name} : gunzip'
    is 2
    has 'needs an output after it'
    run leat serve --route 'PUT /in/{name} : nostage : write x'
    is 2
    run leat serve --route 'PUT /in/{name} : exec sh -c "cat >{name}"'
    is 2
    has 'cannot be in a command of exec'
    run leat serve --route 'PUT in : write x'
    is 2
    has 'does not begin with a slash'
    run leat serve --route 'PUT /in/{name} write x'
    is 2
    has 'a joiner'
    run leat serve
    is 2
    has 'there is no --route'
    run leat serve --stats --route 'PUT /in/{name} : write x'
    is 2
    has 'leat serve has no option --stats'
    run leat serve --listen=x --route 'PUT /in/{name} : write x'
    is 2
    has 'is not HOST:PORT'
}

@test "a route that never fits into --request-memory is refused at the start" {
    run leat serve --route 'PUT /in/{name} : zstd -19 : write in/{name}'
    is 7
    [[ $output =~ 'never fits into --request-memory: zstd: needs '[0-9]+' bytes of memory and '[0-9]+' are left of the limit of 8388608; raise --request-memory to '[0-9]+M$ ]]
    run leat serve --request-memory=200M --route 'PUT /in/{name} : tee [ zstd -19 : write in/{name}.zst ] : exec sh -c "touch ran; cat" : xz -9 : write in/{name}'
    is 7
    has 'xz: needs '
    run leat serve --request-memory=1M --route 'PUT /in/{name} : xz : write in/{name}'
    is 7
    has 'and the limit is 1048576; raise --request-memory'
    [ ! -e ran ]
    stored
    serve --memory=600M --request-memory=200M --route 'PUT /in/{name} : zstd -19 : write in/{name}'
    client request PUT /in/a big
    answer 201
    stops
}

@test "SIGTERM lets requests end, and accepts no others" {
    serve --route 'PUT /in/{name} : write in/{name}'
    mkfifo go
    python3 "$CLIENT" "$at" hold /in/a 5 4 >held <go 3>&- &
    exec 7>go
    wait_for grep -q holding held
    client request PUT /in/b big
    answer 201
    kill -TERM "$server"
    wait_for grep -q 'stopping' log
    client request PUT /in/c big
    is 1
    kill -TERM "$server"
    exec 7>&-
    status=0
    wait "$server" || status=$?
    [ "$status" = 143 ]
    stored b
}

@test "a client that does nothing, or next to nothing, is not waited for" {
    serve --timeout=300ms --route 'PUT /in/{name} : write in/{name}'
    client idle 50 'PUT /in/a HTTP/1.1\r\nHost: x\r\nX: '
    [ "$output" = 'closed 50' ]
    client idle 20 ''
    [ "$output" = 'closed 20' ]
    client idle 20 'PUT /in/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nabc'
    [ "$output" = 'closed 20' ]
    wait_for grep -q 'PUT /in/a 408 in=3' log
    client raw 'PUT /in/b HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc'
    has 'HTTP/1.1 408 '
    has '"code":"ETIMEDOUT"'
    stored
    stops
}

@test "a head with two meanings is refused" {
    serve --max-header=1K --route 'PUT /in/{name} : write in/{name}'
    client raw 'PUT /in/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n'
    has 'HTTP/1.1 400 '
    client raw 'PUT /in/a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd'
    has 'HTTP/1.1 400 '
    client raw 'PUT /in/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n'
    has 'HTTP/1.1 501 '
    client raw 'PUT /in/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n'
    has 'HTTP/1.1 400 '
    client raw 'nonsense\r\n\r\n'
    [ -z "$output" ]
    client request PUT /in/a big --header="X: $(printf 'a%.0s' {1..2000})"
    answer 431 '--max-header'
    stored
    stops
}

@test "a header that a proxy may read in another way is refused, and nothing after it is read" {
    local head
    serve --route 'PUT /in/{name} : write in/{name}'
    for head in 'Content-Length : 3' 'Content-Length:\r\n 3' 'Transfer-Encoding\t: chunked' 'X: a\rContent-Length: 3' 'X y: z' 'Transfer-Encoding:\r\n chunked'; do
        client raw "PUT /in/a HTTP/1.1\r\nHost: x\r\n$head\r\n\r\nPUT /in/b HTTP/1.1\r\nHost: x\r\n\r\n"
        has 'HTTP/1.1 400 '
        [ "$(grep -c HTTP/ <<<"$output")" = 1 ]
    done
    client raw 'PUT /in/a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
    has 'HTTP/1.1 400 '
    stored
    stops
}

@test "a body that no route reads is no reason for another answer" {
    serve --route 'PUT /in/{name} : write in/{name}'
    client request GET /metrics big
    answer 200 'Content-Type: text/plain; version=0.0.4'
    client request OPTIONS /in/a big
    answer 204 'Allow: PUT, OPTIONS'
    client raw 'HEAD /none HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc'
    has 'HTTP/1.1 404 '
    [[ $output != *'"error"'* ]]
    stops
}

@test "OPTIONS tells the methods of a path" {
    serve --route 'PUT /in/{name} : write in/{name}' --route 'POST /in/{name} : write in/{name}'
    client request OPTIONS /in/a
    answer 204 'Allow: PUT, OPTIONS, POST'
    client request OPTIONS '*'
    answer 204
    client request OPTIONS /other
    answer 404
    client request GET /in/a
    answer 405 'Allow: PUT, OPTIONS, POST'
    stops
}

@test "--token-file lets only clients with a token in" {
    printf '# tokens\n0123456789abcdef\n\nsecret-of-the-second-client\n' >tokens
    serve --token-file=tokens --route 'PUT /in/{name} : write in/{name}'
    client request PUT /in/a big
    answer 401 'WWW-Authenticate: Bearer'
    client request PUT /in/a big --header='Authorization: Bearer 0123456789abcdeX'
    answer 401
    client request PUT /in/a big --header='Authorization: Bearer 0123456789abcdef0123456789abcdef'
    answer 401
    client request PUT /in/a big --header='Authorization: Bearer '
    answer 401
    client request PUT /none big
    answer 401
    client request GET /metrics
    answer 401
    client request GET /healthz
    answer 200
    stored
    client request PUT /in/a big --header='Authorization: Bearer secret-of-the-second-client'
    answer 201
    client request PUT /in/b big --header='authorization: bearer 0123456789abcdef'
    answer 201
    stored a b
    stops
    echo short >tokens
    run leat serve --token-file=tokens --route 'PUT /in/{name} : write in/{name}'
    is 2
    has 'fewer than 16 bytes'
    run leat serve --token-file=none --route 'PUT /in/{name} : write in/{name}'
    is 2
}

@test "--rate and --max-inflight refuse requests, with Retry-After" {
    serve --rate=1 --route 'PUT /in/{name} : write in/{name}'
    get='GET /none HTTP/1.1\r\nHost: x\r\n\r\n' # five in one piece
    client raw "$get$get$get$get${get%\\r\\n}Connection: close\r\n\r\n"
    has 'HTTP/1.1 404 '
    has 'HTTP/1.1 429 '
    has 'Retry-After: 1'
    stops
    serve --max-inflight=1 --route 'PUT /in/{name} : write in/{name}'
    mkfifo go
    python3 "$CLIENT" "$at" hold /in/d 5 4 >held <go 3>&- &
    exec 7>go
    wait_for grep -q holding held
    client request PUT /in/e big
    answer 503 'Retry-After: 1'
    exec 7>&-
    wait_for grep -q '/in/d left' log
    client request PUT /in/e big
    answer 201
    stops
}

@test "a route that is stuck does not take the requests of another: --max-per-route" {
    serve --max-per-route=1 --route 'PUT /in/{name} : write in/{name}' --route 'PUT /other/{name} : write in/{name}'
    mkfifo go
    python3 "$CLIENT" "$at" hold /in/d 5 4 >held <go 3>&- &
    exec 7>go
    wait_for grep -q holding held
    client request PUT /in/e big --expect
    has 'HTTP/1.1 503'
    has 'Retry-After: 1'
    has 'too many requests at once for this path'
    client request PUT /other/f big
    answer 201
    client request GET /metrics
    has 'leat_serve_route_requests{number="1",route="PUT /in/{name}"} 1'
    has 'leat_serve_route_refused_total{number="1",route="PUT /in/{name}"} 1'
    has 'leat_serve_route_refused_total{number="2",route="PUT /other/{name}"} 0'
    exec 7>&-
    wait_for grep -q '/in/d left' log
    client request PUT /in/e big
    answer 201
    stored e f
    stops
}

# target N - a process that takes N streams at the Unix socket `target`.
target() {
    local _
    for _ in $(seq "$1"); do
        "$LEAT" listen unix:target : count : write - 2>/dev/null
    done >taken 3>&- &
}

@test "--breaker leaves a target of the network alone after failures in a row" {
    serve --breaker=3/1h --route 'PUT /in/{name} : gunzip : connect unix:target' --route 'PUT /other/{name} : write in/{name}'
    for _ in 1 2; do
        client request PUT /in/a big.gz
        answer 502 '"code":"ENETWORK","stage":"connect"'
    done
    target 1
    wait_for test -S target
    client request PUT /in/a big # says nothing of the target
    answer 422
    wait_for test ! -e target
    client request PUT /in/a big.gz
    answer 502
    wait_for grep -q 'leat: route PUT /in/{name}: the network fails; requests are answered 503 for 3600 s' log
    client request PUT /in/a big.gz --expect
    has 'HTTP/1.1 503'
    [[ $output =~ Retry-After:\ 3[56][0-9][0-9][[:space:]] ]]
    has '"code":"ENETWORK","stage":null'
    client request PUT /other/f big
    answer 201
    client request GET /metrics
    has 'leat_serve_breaker_state{number="1",route="PUT /in/{name}"} 2'
    has 'leat_serve_breaker_opened_total{number="1",route="PUT /in/{name}"} 1'
    has 'leat_serve_breaker_state{number="2",route="PUT /other/{name}"} 0'
    if command -v promtool >/dev/null; then
        page=$(sed -n '/^# HELP/,$p' <<<"$output")
        run promtool check metrics <<<"$page"
        is 0
        [ -z "$output" ]
    fi
    stops
}

@test "a trial of a --breaker decides: a success closes it" {
    "$LEAT" serve --json --listen=unix:socket --breaker=2/1ms --route 'PUT /in/{name} : connect unix:target' 2>log 3>&- &
    server=$!
    wait_for grep -q listening log
    at=unix:socket
    for _ in 1 2; do
        client request PUT /in/a big
        answer 502
    done
    wait_for grep -q '{"type":"breaker","route":"PUT /in/{name}","state":"open"}' log
    target 1
    wait_for test -S target
    stored_there() {
        client request PUT /in/a big
        [ "${lines[0]}" = 201 ]
    }
    wait_for stored_there
    wait_for grep -q '{"type":"breaker","route":"PUT /in/{name}","state":"closed"}' log
    client request GET /metrics
    has 'leat_serve_breaker_state{number="1",route="PUT /in/{name}"} 0'
    stops
}

@test "a client that leaves is no failure for --breaker" {
    serve --breaker=1/1h --route 'PUT /in/{name} : tee [ connect unix:target ] : write in/{name}'
    target 1
    wait_for test -S target
    client leave /in/a 1000000 300000
    wait_for grep -q '/in/a left' log
    client request GET /metrics
    has 'leat_serve_breaker_state{number="1",route="PUT /in/{name}"} 0'
    run leat serve --breaker=0 --route 'PUT /in/{name} : write in/{name}'
    is 2
    has "option --breaker: '0' is not N or N/TIME"
    stops
}

@test "the servers of the examples of leat-serve(1) start" {
    load examples
    local file n=0
    split_manual "$BATS_TEST_DIRNAME/../../man/leat-serve.1" "$PWD"
    for file in ./*.sh; do
        sed -i 's/8080 /0 /; s/^leat serve --\([^l]\)/leat serve --listen=127.0.0.1:0 --\1/; s/^leat /exec "$LEAT" /; /^curl/d' "$file"
        rm -f log
        bash "$file" 2>log 3>&- &
        server=$!
        wait_for grep -q 'listening at' log
        stops
        n=$((n + 1))
    done
    [ "$n" -ge 4 ]
}

@test "clients of IPv4 at a socket of IPv6 have a --rate each" {
    local from
    rm -f log
    "$LEAT" serve --listen='[::]:0' --rate=1 --route 'PUT /in/{name} : write in/{name}' 2>log 3>&- &
    server=$!
    wait_for grep -qE 'listening at|cannot listen' log
    grep -q listening log || skip 'no IPv6 here'
    for from in 127.0.0.2 127.0.0.3; do
        run bounded python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), source_address=(sys.argv[2], 0))
s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
print(s.makefile().readline())' "$(sed -n 's/.*\]://p' log)" "$from"
        has ' 200 '
    done
    stops
}

@test "a download without output ends some time after its client has left" {
    echo line >log.txt
    serve --timeout=200ms --route 'GET /log : follow log.txt' --route 'GET /z : read log.txt : gzip'
    client raw 'HEAD /z HTTP/1.1\r\nHost: x\r\n\r\n'
    has 'Connection: close'
    python3 -c '
import socket, sys
host, port = sys.argv[1].split(":")
s = socket.create_connection((host, int(port)))
s.sendall(b"GET /log HTTP/1.1\r\nHost: x\r\n\r\n")
while b"line" not in s.recv(65536):
    pass' "$at"
    wait_for grep -q 'GET /log' log
    stops
}

@test "connections leave descriptors for pipelines" {
    printf '#!/bin/sh\nulimit -n 60\nexec "%s" "$@"\n' "$LEAT" >few
    chmod +x few
    LEAT=./few serve --route 'PUT /in/{name} : write in/{name}'
    client many '/in/{}' 100 20000
    [ "$output" = '201 100' ]
    stops
}

@test "the server tells of itself at /healthz, /readyz and /metrics" {
    serve --route 'PUT /in/{name} : write in/{name}'
    client request GET /healthz
    answer 200 ok
    client request HEAD /readyz
    answer 200
    client request POST /metrics big
    answer 405
    client request PUT /in/a big
    client request PUT /in/a big
    client leave /in/b 10 5
    wait_for grep -q '/in/b left' log
    client request GET /metrics
    answer 200 'Content-Type: text/plain; version=0.0.4'
    has 'leat_serve_requests_total{status="201"} 1'
    has 'leat_serve_requests_total{status="409"} 1'
    has 'leat_serve_requests_left_total 1'
    has 'leat_serve_pipelines 0'
    if command -v promtool >/dev/null; then
        page=$(sed -n '/^# HELP/,$p' <<<"$output")
        run promtool check metrics <<<"$page"
        is 0
        [ -z "$output" ]
    fi
    stops
}

@test "each file of a form goes through a pipeline" {
    serve --memory=8M --route 'POST /form : gzip : write in/{name}.gz' --route 'POST /plain/{name} : write in/{name}'
    {
        printf -- '--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n'
        printf -- '--b\r\nContent-Disposition: form-data; name=f; filename="one"\r\n\r\n'
        cat big
        printf -- '\r\n--b\r\nContent-Disposition: form-data; name=g; filename="dir/two"\r\n\r\ntwo\r\n--b--\r\n'
    } >form
    client request POST /form form --header='Content-Type: multipart/form-data; boundary=b'
    answer 201 "{\"field\":\"f\",\"name\":\"one\",\"bytes\":$(stat -c %s big)},{\"field\":\"g\",\"name\":\"two\",\"bytes\":3}"
    stored one.gz two.gz
    cmp big <(gzip -dc in/one.gz)
    [ "$(gzip -dc in/two.gz)" = two ]
    rm in/one.gz
    client request POST /form form --header='Content-Type: multipart/form-data; boundary=b' --chunked
    answer 409 '"code":"EEXIST"' '"files":[{"field":"f","name":"one"'
    stored one.gz two.gz
    rm in/*
    head -c 500000 form >cut-form
    client request POST /form cut-form --header='Content-Type: multipart/form-data; boundary=b'
    answer 400 'before its last boundary' '"files":[]'
    client request POST /form form --header='Content-Type: multipart/form-data; boundary=c'
    answer 400
    client request POST /form form --header='Content-Type: text/plain'
    answer 415
    printf -- '--b\r\nContent-Disposition: form-data; name=f; filename=".hidden"\r\n\r\n1\r\n--b--' >form
    client request POST /form form --header='Content-Type: multipart/form-data; boundary=b'
    answer 400 'begins with a dot'
    printf -- '--b\r\nContent-Disposition: form-data; name=f\r\n\r\n1\r\n--b--' >form
    client request POST /form form --header='Content-Type: multipart/form-data; boundary=b'
    answer 400 'the form has no file'
    stored
    client request POST /plain/p big
    answer 201
    stored p
    stops
    run leat serve --route 'PUT /form : write in/{name}'
    is 2
    has 'comes with POST'
}

@test "forms are read as busboy does" {
    local data=${LEAT_TEST_DATA:-$BATS_TEST_DIRNAME/../../../shared/data}
    [ -e "$data/http/busboy-multipart.json" ] || skip '26 forms: there is no LEAT_TEST_DATA'
    serve --timeout=100s --route 'POST /form : write in/{name}'
    run bounded python3 "$BATS_TEST_DIRNAME/../serve/busboy.py" "$data/http/busboy-multipart.json" "$at" in
    is 0
    [ "$output" = '26 cases, 0 wrong' ]
    stops
}

@test "a download is the output of a pipeline" {
    serve --route 'GET /out/{name} : read in/{name}.gz : gunzip' --route 'PUT /out/{name} : gzip : write in/{name}.gz'
    client request GET /out/a
    answer 404 '"code":"ENOENT"'
    client request PUT /out/a big
    answer 201
    client request GET /out/a
    answer 200 'Transfer-Encoding: chunked'
    python3 "$CLIENT" "$at" request GET /out/a | sed '1,/^$/d' | cmp - big
    : >empty
    client request PUT /out/empty empty
    client request GET /out/empty
    answer 200
    client request HEAD /out/a
    answer 200
    [ "$(sed '1,/^$/d' <<<"$output")" = '' ]
    client request HEAD /out/b
    answer 404
    client request GET /out/..
    answer 400
    mkfifo in/fifo.gz
    client request GET /out/fifo
    answer 403 'not a regular file'
    wait_for grep -q "GET /out/a 200 in=0 out=$(stat -c %s big) " log
    echo nonsense >in/bad.gz
    client request GET /out/bad
    answer 500 '"code":"ECORRUPT","stage":"gunzip","offset":0'
    client raw "$(printf 'GET /out/a HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n%.0s' 1 2)HEAD /out/a HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n"
    [ "$(grep -c '^HTTP/1.1 200' <<<"$output")" = 3 ]
    stops
}

@test "a download that fails in the middle is cut" {
    serve --route 'GET /out/{name} : read in/{name}.gz : gunzip'
    { head -c $(($(stat -c %s big.gz) - 100)) big.gz; } >in/a.gz
    client request GET /out/a
    [ "$status" != 0 ]
    client raw 'GET /out/a HTTP/1.0\r\n\r\n'
    [[ $output == *'[reset]' ]] # not all of it is shown if it fails
    wait_for grep -q 'GET /out/a 200 cut ' log
    stops
}

@test "a client that leaves a download ends its pipeline" {
    serve --route 'GET /zeros : zero'
    python3 -c 'import socket, sys
s = socket.create_connection(sys.argv[1].split(":"))
s.sendall(b"GET /zeros HTTP/1.1\r\nHost: x\r\n\r\n")
s.recv(65536)' "$at"
    wait_for grep -q 'GET /zeros 200' log
    client request GET /metrics
    has 'leat_serve_pipelines 0'
    stops
}

@test "a file has ranges" {
    serve --route 'GET /file/{name} : read in/{name}'
    cp big in/a
    : >in/empty
    mkdir in/d
    client request GET /file/a
    answer 200 'Accept-Ranges: bytes' "Content-Length: $(stat -c %s big)" 'Last-Modified: '
    tag=$(sed -n 's/^ETag: //p' <<<"$output")
    python3 "$CLIENT" "$at" request GET /file/a | sed '1,/^$/d' | cmp - big
    client request GET /file/a --header='Range: bytes=100-199'
    answer 206 "Content-Range: bytes 100-199/$(stat -c %s big)" 'Content-Length: 100'
    [ "$(sed '1,/^$/d' <<<"$output" | head -c 99)" = "$(tail -c +101 big | head -c 99)" ]
    client request GET /file/a --header='Range: bytes=100-' --header="If-Range: $tag"
    answer 206
    client request GET /file/a --header='Range: bytes=100-' --header='If-Range: "other"'
    answer 200
    client request GET /file/a --header='Range: bytes=9999999-'
    answer 416 "Content-Range: bytes */$(stat -c %s big)"
    client request GET /file/a --header="If-None-Match: $tag"
    answer 304 "ETag: $tag"
    client request HEAD /file/a
    answer 200 "Content-Length: $(stat -c %s big)"
    client request GET /file/empty
    answer 200 'Content-Length: 0'
    client request GET /file/d
    answer 404
    client request GET /file/none
    answer 404
    mkfifo in/fifo
    client request GET /file/fifo
    answer 403 'not a regular file'
    echo more >>in/a
    client request GET /file/a --header='Range: bytes=100-' --header="If-Range: $tag"
    answer 200
    stops
}

# certificate NAME [SIGNER] - NAME.pem and NAME.key, signed by SIGNER or by itself.
certificate() {
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:%s\n' "$([ $# = 1 ] && echo TRUE || echo FALSE)" >"$1.ext"
    if [ $# = 1 ]; then
        openssl x509 -req -in "$1.csr" -signkey "$1.key" -days 2 -extfile "$1.ext" -out "$1.pem" 2>/dev/null
    else
        openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -CAcreateserial -days 2 -extfile "$1.ext" \
            -out "$1.pem" 2>/dev/null
    fi
}

@test "TLS, with certificates of clients" {
    needs openssl
    certificate ca
    certificate other
    certificate server ca
    certificate client ca
    certificate stranger other
    serve --cert=server.pem --key=server.key --route 'PUT /in/{name} : gunzip : gzip : write in/{name}' --route 'GET /in/{name} : read in/{name}'
    grep -q 'listening at https://' log
    export CLIENT_CA=ca.pem
    client request PUT /in/a big.gz
    answer 201
    client request PUT /in/b big.gz --chunked
    answer 201
    client request PUT /in/c big
    answer 422 '"code":"ECORRUPT"'
    python3 "$CLIENT" "$at" request GET /in/a | sed '1,/^$/d' | gzip -dc | cmp - big
    client leave /in/d 1000000 100000
    wait_for grep -q '/in/d 422\|/in/d left' log
    stored a b
    stops
    serve --cert=server.pem --key=server.key --client-ca=ca.pem --route 'PUT /in/{name} : write in/{name}'
    client request PUT /in/c big
    answer 403 'a certificate of the client is needed'
    export CLIENT_CERT=stranger.pem CLIENT_KEY=stranger.key
    client request PUT /in/c big
    [ "${lines[0]}" != 201 ]
    export CLIENT_CERT=client.pem CLIENT_KEY=client.key
    client request PUT /in/c big
    answer 201
    stored a b c
    stops
    run leat serve --cert=server.pem --route 'PUT /in/{name} : write in/{name}'
    is 2
    has 'both of them'
    run leat serve --cert=server.key --key=server.pem --route 'PUT /in/{name} : write in/{name}'
    is 2
    has 'does not start: '
}

@test "a Unix socket, and sockets of systemd" {
    "$LEAT" serve --listen=unix:socket --route 'PUT /in/{name} : write in/{name}' 2>log 3>&- &
    server=$!
    wait_for grep -q 'listening at unix:socket' log
    at=unix:socket
    client request PUT /in/a big
    answer 201
    kill -9 "$server"
    wait "$server" || true
    rm log
    "$LEAT" serve --listen=unix:socket --route 'PUT /in/{name} : write in/{name}' 2>log 3>&- &
    server=$!
    wait_for grep -q 'listening at unix:socket' log
    client request PUT /in/b big
    answer 201
    run leat serve --listen=unix:socket --route 'PUT /in/{name} : write in/{name}'
    is 1
    has 'cannot listen at unix:socket: Address already in use'
    stops
    rm log
    python3 -c 'import os, socket, sys
s = socket.create_server(("127.0.0.1", 0))
os.dup2(s.fileno(), 3, inheritable=True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[1], sys.argv[1:])' "$LEAT" serve --route 'PUT /in/{name} : write in/{name}' 2>log &
    server=$!
    wait_for grep -q 'listening at http' log
    at=$(sed -n 's/.*listening at http:\/\///p' log)
    client request PUT /in/c big
    answer 201
    stops
    stored a b c
}

@test "mutated requests do no harm" {
    serve --timeout=2s --force --route 'PUT /in/{name} : write in/{name}' --route 'POST /form : write in/{name}' \
        --route 'GET /file/{name} : read in/{name}' --route 'GET /out/{name} : read in/{name} : gzip'
    run bounded python3 "$BATS_TEST_DIRNAME/../serve/mutate.py" "$at" "${MUTATIONS:-300}" 1
    is 0
    [ "$output" = "${MUTATIONS:-300} requests, and the server answers" ]
    stops
}

@test "64 uploads at once share 64 MiB" {
    serve --memory=64M --route 'PUT /in/{name} : zstd -1 : write in/{name}'
    client many '/in/{}' 64 1000000
    [ "$output" = '201 64' ]
    [ "$(zstd -dc in/63 | head -n 1)" = 63 ]
    if ! sanitized; then
        peak=$(sed -n 's/VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$server/status")
        [ "$peak" -lt 100000 ]
    fi
    stops
}

@test "a killed server leaves no half file, and has what it confirmed" {
    serve --route 'PUT /in/{name} : tee [ sha256 : write in/{name}.sha256 ] : write in/{name}'
    client request PUT /in/a big
    answer 201
    mkfifo go
    python3 "$CLIENT" "$at" hold /in/b 1000000 500000 >held <go 3>&- &
    exec 7>go
    wait_for grep -q holding held
    kill -9 "$server"
    wait "$server" || true
    exec 7>&-
    cmp big in/a
    [ ! -e in/b ]
    [ ! -e in/b.sha256 ]
}

@test "a full disk is 507, and leaves nothing" {
    [ "$(id -u)" = 0 ] || skip 'only root can mount a small file system'
    mkdir small
    mount -t tmpfs -o size=400k leat small 2>/dev/null || skip 'no tmpfs can be mounted'
    serve --route 'PUT /in/{name} : tee [ sha256 : write in/{name}.sha256 ] : write small/{name}'
    client request PUT /in/a big
    full=$output
    head -c 100000 big >part
    client request PUT /in/b part
    part=$output
    found=$(ls -A small)
    kill -TERM "$server"
    wait "$server" || true
    umount small
    output=$full
    lines=("${full%%$'\n'*}")
    answer 507 'No space left on device'
    [ "${part%%$'\n'*}" = 201 ]
    [ "$found" = b ]
    stored b.sha256
}

@test "--drain aborts what has not ended, and leaves nothing" {
    serve --drain=200ms --route 'PUT /in/{name} : write in/{name}'
    mkfifo go
    python3 "$CLIENT" "$at" hold /in/a 5 4 >held <go 3>&- &
    exec 7>go
    wait_for grep -q holding held
    kill -TERM "$server"
    status=0
    wait "$server" || status=$?
    exec 7>&-
    [ "$status" = 143 ]
    wait_for grep -q '503 Service Unavailable' held
    grep -q 'PUT /in/a 503' log
    stored
}

@test "routes come from a file, too" {
    printf '# comment\n\n  PUT /in/{name} : gzip \\\n    : write in/{name}.gz\nGET /in/{name} : read in/{name}' >routes
    serve -f routes --route 'PUT /other/{name} : write in/{name}'
    client request PUT /in/a big
    answer 201
    client request PUT /other/b big
    answer 201
    client request GET /in/b
    answer 200
    stored a.gz b
    stops
    echo 'PUT /in/{name} : nostage' >routes
    run leat serve -f routes
    is 2
    has "nostage"
    run leat serve -f none
    is 1
    has 'none: No such file'
    : >routes
    run leat serve -f routes
    is 2
    has 'there is no --route'
}

@test "connections beyond --max-connections wait for their turn" {
    serve --max-connections=2 --timeout=500ms --route 'PUT /in/{name} : write in/{name}'
    mkfifo go
    for name in a b; do
        python3 "$CLIENT" "$at" hold "/in/$name" 5 4 >"held-$name" <go 3>&- &
    done
    exec 7>go
    wait_for grep -q holding held-a
    wait_for grep -q holding held-b
    client request PUT /in/c big
    answer 201
    exec 7>&-
    stored c
    stops
}

@test "the sandbox leaves the server only the directories of its routes" {
    ! sanitized || skip 'a sanitizer opens files of its own'
    mkdir secret
    echo secret >secret/s
    ln -s ../secret/s in/link
    run leat --sandbox=require read big : null
    [ "$status" = 0 ] || skip 'this kernel cannot confine'
    serve --sandbox=require --route 'GET /in/{name} : read in/{name}' --route 'GET /z/{name} : read in/{name}.gz : gunzip : grep -E "{name}|a{2}"' \
        --route 'PUT /in/{name} : write in/{name}'
    client request GET /in/link
    answer 403
    client request GET /z/none
    answer 404
    client request PUT /in/a big
    answer 201
    client request GET /in/a
    answer 200
    stops
}

@test "SIGTERM ends a server whose log nobody reads" {
    local get='GET /none HTTP/1.1\r\nHost: x\r\n\r\n' line
    mkfifo unread
    exec 8<>unread
    "$LEAT" serve --listen=127.0.0.1:0 --route 'GET /a : zero' 2>unread 3>&- 8>&- &
    server=$!
    read -r line <&8
    at=${line##*//}
    printf -v gets '%s' "$(yes "$get" | head -n 2000 | tr -d '\n')"
    client raw "$gets${get%\\r\\n}Connection: close\r\n\r\n"
    has 'HTTP/1.1 404 '
    stops
    exec 8>&-
}
