#!/usr/bin/env bats
# sockets.bats - connect and listen: both ends of a copy, and each way in which it can fail (tests/net/peer.py).

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir out
    seq 300000 >f
}

# A test that fails leaves ends that wait for each other.
teardown() {
    jobs -p | xargs -r kill 2>/dev/null || true
}

# certificates - a CA, and certificates of it for localhost and for a client.
certificates() {
    needs openssl
    local made=$BATS_FILE_TMPDIR/certificates
    if [ -d "$made" ]; then
        cp "$made"/* .
        return
    fi
    {
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj '/CN=test CA' -keyout ca.key -out ca.pem
        certificate s localhost 'subjectAltName=DNS:localhost,IP:127.0.0.1'
        certificate c client 'extendedKeyUsage=clientAuth'
    } 2>/dev/null
    mkdir "$made"
    cp ./*.key ./*.pem "$made"
}

certificate() {
    echo "$3" >ext
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile ext -out "$1.pem"
}

# receive ADDRESS OPTION... - a process that listens there, and writes out/f; sets receiver and address.
receive() {
    rm -f address
    "$LEAT" listen --address-file=address "$@" : write out/f 2>receiver.err 3>&- &
    receiver=$!
    wait_for test -e address
    address=$(cat address)
}

# received STATUS - the receiver ends with that; its messages are the output.
received() {
    status=0
    wait "$receiver" || status=$?
    output=$(cat receiver.err)
    is "$1"
}

# peer MODE [CERT KEY CA] - the other end is peer.py; sets port.
peer() {
    needs python3
    rm -rf peer
    mkdir peer
    [ ! -e send ] || cp send peer/
    python3 "$BATS_TEST_DIRNAME/../net/peer.py" "$1" peer "${@:2}" >peer.log 2>&1 3>&- &
    wait_for test -e peer/port
    port=$(cat peer/port)
}

# both SCHEME ADDRESS - a copy of f arrives, with and without frames; options are in LISTEN and CONNECT.
both() {
    local scheme=$1 listens=$2 end
    for end in fin frame; do
        # shellcheck disable=SC2086
        receive --end=$end "$listens" $LISTEN
        # shellcheck disable=SC2086
        run leat read f : connect --end=$end $CONNECT "$scheme$address"
        is 0
        received 0
        cmp f out/f
        rm out/f
        [ -z "$(ls out)" ]
    done
}

@test "a copy arrives by TCP, by a Unix socket and by TLS" {
    certificates
    LISTEN='' CONNECT='' both tcp:// tcp://127.0.0.1:0
    LISTEN='' CONNECT='' both unix: unix:socket
    [ ! -e socket ]
    LISTEN='--cert=s.pem --key=s.key' CONNECT=--ca=ca.pem both tls:// tls://127.0.0.1:0
}

@test "a copy arrives with one thread, and in tiny pieces" {
    certificates
    receive --end=frame --cert=s.pem --key=s.key tls://127.0.0.1:0
    run leat --threads=1 read f : connect --end=frame --ca=ca.pem "tls://$address"
    is 0
    received 0
    cmp f out/f
    rm out/f
    receive --end=frame --cert=s.pem --key=s.key tls://127.0.0.1:0
    run leat --seed=7 read f : connect --end=frame --ca=ca.pem "tls://$address"
    is 0
    received 0
    cmp f out/f
}

@test "listen takes one connection, and refuses a second one at once" {
    receive --end=frame tcp://127.0.0.1:0
    mkfifo pipe
    "$LEAT" read pipe : connect --end=frame "tcp://$address" 3>&- &
    sender=$!
    exec 5>pipe
    wait_for settled $sender
    run leat read f : connect --end=frame "tcp://$address"
    is 5
    has 'Connection refused'
    cat f >&5
    exec 5>&-
    wait $sender
    received 0
    cmp f out/f
}

@test "read and write with an address are connect" {
    run leat explain read tcp://h:1 : write --end=frame unix:x
    is 0
    has 'connect tcp://h:1 | connect --end=frame unix:x'
    receive tcp://127.0.0.1:0
    run leat read f : write "tcp://$address"
    is 0
    received 0
    cmp f out/f
}

# killed ADDRESS OPTION... - a sender that is killed in the middle; its options are in CONNECT, and PREFIX is before its address.
killed() {
    receive "$@"
    mkfifo pipe
    exec 5<>pipe
    # shellcheck disable=SC2086
    "$LEAT" read pipe : connect $CONNECT "$PREFIX$address" 3>&- 5>&- &
    head -n 200000 f >&5
    wait_for settled $! # it has sent what it has
    kill -9 $!
    wait $! || true
    exec 5>&-
    rm pipe
}

@test "the receiver of a sender that is killed fails, and leaves no file" {
    certificates
    PREFIX=tcp:// CONNECT=--end=frame killed --end=frame tcp://127.0.0.1:0
    received 5
    has 'before the end of the stream'
    PREFIX=unix: CONNECT=--end=frame killed --end=frame unix:socket
    received 5
    PREFIX=tls:// CONNECT='--end=frame --ca=ca.pem' killed --end=frame --cert=s.pem --key=s.key tls://127.0.0.1:0
    received 5
    PREFIX=tls:// CONNECT=--ca=ca.pem killed --cert=s.pem --key=s.key tls://127.0.0.1:0
    received 5
    has 'did not end its stream'
    [ -z "$(ls out)" ]
}

@test "the receiver of a sender that fails does so, too" {
    gzip -k f
    head -c -9 f.gz >cut.gz
    receive tcp://127.0.0.1:0
    run leat read cut.gz : gunzip : connect "tcp://$address"
    is 3
    received 5
    has 'Connection reset by peer'
    receive --end=frame unix:socket
    run leat read cut.gz : gunzip : connect --end=frame unix:socket
    is 3
    received 5
    [ -z "$(ls out)" ]
}

# late OPTION... - a sender of f, whose other branch fails when all was sent; its options are in CONNECT, and PREFIX is before its address.
late() {
    receive "$@"
    rm -f go seen
    mkfifo go
    # shellcheck disable=SC2086
    "$LEAT" --threads=$threads read f : tee [ exec sh -c 'cat >/dev/null; : >seen; read -r x <go; exit 3' : null ] : connect $CONNECT "$PREFIX$address" \
        2>sender.err 3>&- &
    sender=$!
    wait_for test -e seen
    wait_for settled $sender
    wait_for settled "$receiver"
    [ ! -e out/f ] # it has not seen an end
    echo >go
    status=0
    wait $sender || status=$?
    output=$(cat sender.err)
    is 6
    received 5
    [ -z "$(ls out)" ]
}

@test "a receiver sees no end when another stage of the sender fails after all was sent" {
    certificates
    for threads in 1 2; do
        PREFIX=tcp:// CONNECT=--end=frame late --end=frame tcp://127.0.0.1:0
        PREFIX=unix: CONNECT=--end=frame late --end=frame unix:socket
        PREFIX=tls:// CONNECT='--end=frame --ca=ca.pem' late --end=frame --cert=s.pem --key=s.key tls://127.0.0.1:0
        PREFIX=tcp:// CONNECT='' late tcp://127.0.0.1:0
        PREFIX=tls:// CONNECT=--ca=ca.pem late --cert=s.pem --key=s.key tls://127.0.0.1:0
    done
    # a listener that sends does the same
    rm -f address
    "$LEAT" read f : tee [ exec sh -c 'cat >/dev/null; exit 3' : null ] : listen --address-file=address tcp://127.0.0.1:0 2>sender.err 3>&- &
    wait_for test -e address
    run leat connect "tcp://$(cat address)" : write out/f
    is 5
    [ -z "$(ls out)" ]
}

@test "an output is not kept if the other end fails before it has confirmed all" {
    peer read
    run leat read f : tee [ write out/f ] : connect --end=frame "tcp://127.0.0.1:$port"
    is 5
    [ -z "$(ls out)" ]
    peer read
    run leat read f : tee --on-error=detach [ tee [ write out/none ] : connect --end=frame "tcp://127.0.0.1:$port" ] : write out/f
    is 8
    cmp f out/f
    [ ! -e out/none ]
}

@test "a signal or --timeout ends the wait for the other end, which may have all" {
    for threads in 1 2; do
        for end in fin frame; do
            peer keep
            "$LEAT" --threads=$threads read f : tee [ write out/f ] : connect --end=$end --close-wait=1h "tcp://127.0.0.1:$port" 2>sender.err 3>&- &
            sender=$!
            wait_for test -e peer/ended
            wait_for settled $sender
            kill $sender
            status=0
            wait $sender || status=$?
            output=$(cat sender.err)
            is 143
            has 'the other end may have all of it'
            [ -z "$(ls out)" ]
            : >peer/close
        done
    done
    peer keep
    run leat --timeout=500ms read f : connect --close-wait=1h "tcp://127.0.0.1:$port"
    is 124
    : >peer/close
}

@test "a sender whose receiver fails or needs no more fails" {
    peer half
    run leat read f f f f f f f f : connect "tcp://127.0.0.1:$port"
    is 5
    has "tcp://127.0.0.1:$port (127.0.0.1 port $port)"
    peer early
    "$LEAT" read f : head -c 40000 : connect "tcp://127.0.0.1:$port" 2>sender.err 3>&- &
    sender=$!
    wait_for test -s peer/got
    pause 0.1 # in which the sender, without an error, would end
    : >peer/close
    status=0
    wait $sender || status=$?
    is 5
    receive --end=frame tcp://127.0.0.1:0
    "$LEAT" exec yes : connect --end=frame "tcp://$address" 2>sender.err 3>&- &
    kill -9 "$receiver"
    status=0
    wait $! || status=$?
    is 5
    rm -f address
    "$LEAT" listen --end=frame --address-file=address unix:socket : head -n 1 >one 3>&- &
    receiver=$!
    wait_for test -e address
    run leat exec yes : connect --end=frame unix:socket
    is 5
    wait "$receiver"
    [ "$(cat one)" = y ]
}

@test "a sender without a confirmation fails, and one without a close warns" {
    peer read
    run leat read f : connect --end=frame "tcp://127.0.0.1:$port"
    is 5
    has 'before the stream began'
    peer keep
    run leat read f : connect --close-wait=10ms "tcp://127.0.0.1:$port"
    is 0
    has 'did not close the connection'
    cmp f peer/got
}

@test "what is no stream of frames, or a damaged one, is refused" {
    needs python3
    local begin='\x89leat1\r\n' digest
    digest=$(printf hello | "$LEAT" xxh64 | cut -d' ' -f1 | sed -E 's/(..)(..)(..)(..)(..)(..)(..)(..)/\\x\8\\x\7\\x\6\\x\5\\x\4\\x\3\\x\2\\x\1/')
    frames() {
        printf '%b' "$1" >send
        peer frames
        run leat connect --end=frame "tcp://127.0.0.1:$port" : write out/f
    }
    frames "$begin\x05\x00\x00\x00hello\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00$digest"
    is 0
    [ "$(cat out/f)" = hello ]
    wait
    [ "$(od -An -tx1 peer/got | tr -d ' \n')" = "896c656174310d0a000000000000000000000000$(printf '' | "$LEAT" xxh64 | cut -d' ' -f1 | sed -E 's/(..)(..)(..)(..)(..)(..)(..)(..)/\8\7\6\5\4\3\2\1/')" ]
    rm out/f
    frames 'hello, world'
    is 5
    has 'both ends need --end=frame'
    frames "$begin\x05\x00\x00\x00hellO\x00\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00$digest"
    is 5
    has 'was damaged'
    frames "$begin\x05\x00\x00\x00hello\x00\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00$digest"
    is 5
    frames "$begin\x05\x00\x00\x80hello"
    is 5
    has 'too long'
    frames "$begin\x01\x00\x10\x00hello" # one byte more than the longest
    is 5
    has 'too long'
    frames ''
    is 5
    frames "$begin\x05\x00\x00\x00hello\x00\x00"
    is 5
    has 'before the end of the stream'
    [ -z "$(ls out)" ]
}

@test "in the middle, the input goes to the other end, and what it sends goes on" {
    certificates
    peer echo
    run leat read f f f f : connect "tcp://127.0.0.1:$port" : write out/f
    is 0
    cmp <(cat f f f f) out/f
    rm out/f
    peer echo s.pem s.key
    run leat read f f f f : connect --ca=ca.pem "tls://127.0.0.1:$port" : write out/f
    is 0
    cmp <(cat f f f f) out/f
    peer talk
    run leat read f : connect "tcp://127.0.0.1:$port" : write -
    is 0
    has '220 ready'
    cmp f peer/got
    run leat read f : connect tcp://127.0.0.1:1 : write out/g
    is 5
    [ ! -e out/g ]
}

@test "in the middle, another end that has ended and takes no more is no failure" {
    needs python3
    mkfifo pipe
    python3 -c '
import socket
s = socket.socket(socket.AF_UNIX)
s.bind("peer.sock")
s.listen()
c = s.accept()[0]
c.sendall(b"bye\n")
c.close()' 3>&- &
    wait_for test -S peer.sock
    "$LEAT" read pipe : connect --retry unix:peer.sock : write out/f 2>err 3>&- &
    sender=$!
    exec 5>pipe
    wait_for settled $sender
    echo input >&5
    exec 5>&-
    wait $sender
    [ "$(cat out/f)" = bye ]
}

@test "in the middle, an input that is cut off is no end for the other end" {
    gzip -k f
    head -c -9 f.gz >cut.gz
    receive --end=frame tcp://127.0.0.1:0
    run leat read cut.gz : gunzip : connect --end=frame "tcp://$address" : write out/g
    is 3
    received 5
    [ -z "$(ls out)" ]
}

@test "a sink drops what the other end sends, and says it" {
    peer talk
    run leat read f : tee [ connect "tcp://127.0.0.1:$port" ] : null
    is 0
    has '10 bytes, which were dropped'
    cmp f peer/got
}

@test "addresses that cannot be are errors with status 5, and wrong words with 2" {
    run leat read f : connect tcp://127.0.0.1:1
    is 5
    has 'tcp://127.0.0.1:1: cannot connect (127.0.0.1 port 1): Connection refused; nothing listens there'
    run leat read f : connect unix:none
    is 5
    has 'unix:none: cannot connect'
    run leat listen tcp://192.0.2.1:80
    is 5
    has 'does not belong to this machine'
    receive tcp://127.0.0.1:0
    run leat listen "tcp://$address"
    is 5
    has 'another program has this address'
    kill "$receiver"
    run leat listen --wait=10ms tcp://127.0.0.1:0
    is 5
    has 'no connection after 0.010 s'
    for words in 'connect tcp://h' 'connect h' 'connect udp://h:1' 'connect tcp://h:1/x' 'connect tcp://::1:80' 'connect unix:' \
        'connect tcp://:80' 'connect --ca=x tcp://h:80' 'listen tls://:80' 'connect --cert=x tls://h:80' 'connect --alpn=, tls://h:80' \
        "connect unix:$(printf '%0200d' 1)" 'connect --servername=x unix:y'; do
        # shellcheck disable=SC2086
        run leat $words : null
        is 2
    done
}

@test "with --retry the other end may start later" {
    "$LEAT" read f : connect --retry --wait=1h unix:socket 2>late.err 3>&- &
    sender=$!
    wait_for settled $sender
    receive unix:socket
    wait $sender
    received 0
    cmp f out/f
    run leat read f : connect --retry --wait=150ms tcp://127.0.0.1:1
    is 5
    has 'no connection after 0.150 s: Connection refused'
}

@test "a host that is not known is an error, and localhost is known" {
    [ "${LEAT_BUILD_KIND:-build}" != tsan ] || skip 'TSan does not know the threads of the C library'
    run leat read f : connect tcp://none.invalid:80
    is 5
    has "cannot look up the host 'none.invalid'"
    receive tcp://127.0.0.1:0
    run leat read f : connect "tcp://localhost:${address##*:}"
    is 0
    received 0
    cmp f out/f
}

@test "socat and nc understand us, and we them" {
    needs socat nc
    certificates
    receive tcp://127.0.0.1:0
    nc -N 127.0.0.1 "${address##*:}" <f
    received 0
    cmp f out/f
    rm out/f
    receive --cert=s.pem --key=s.key tls://127.0.0.1:0
    socat -u OPEN:f "OPENSSL:127.0.0.1:${address##*:},cafile=ca.pem"
    received 0
    cmp f out/f
    rm out/f
    socat -u UNIX-LISTEN:theirs CREATE:out/f 3>&- &
    wait_for test -S theirs
    run leat read f : connect unix:theirs
    is 0
    wait $!
    cmp f out/f
}

@test "rsyslog has the lines of a sender, and no others" {
    local rsyslogd
    rsyslogd=$(PATH=$PATH:/usr/sbin command -v rsyslogd) || skip 'rsyslogd is not installed'
    cat >rsyslog.conf <<END
global(workDirectory="$PWD")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="$PWD/port")
template(name="raw" type="string" string="%rawmsg%\n")
*.* action(type="omfile" file="$PWD/out.log" template="raw")
END
    "$rsyslogd" -n -f rsyslog.conf -i "$PWD/pid" 2>rsyslog.err 3>&- &
    server=$!
    started() {
        [ -s port ] || gone "$server"
    }
    wait_for started
    [ -s port ] || skip "rsyslogd does not start: $(cat rsyslog.err)"
    { log_lines 20000 | sed 's/^/<13>/'; echo '<13>the last line: äöü'; } >lines
    run leat read lines : connect "tcp://127.0.0.1:$(cat port)"
    is 0
    run leat read lines : head -n 10 : connect "tcp://127.0.0.1:$(cat port)"
    is 0
    kill "$server" # it writes out what it has
    wait "$server"
    grep -v rsyslogd: out.log | cmp - <(cat lines; head -n 10 lines)
}

@test "what is no TLS is refused" {
    certificates
    receive --cert=s.pem --key=s.key tls://127.0.0.1:0
    exec 6<>"/dev/tcp/127.0.0.1/${address##*:}"
    printf 'GET / HTTP/1.0' >&6
    received 5
    exec 6>&-
    has 'does the other end use TLS?'
    receive --cert=s.pem --key=s.key tls://127.0.0.1:0
    exec 6<>"/dev/tcp/127.0.0.1/${address##*:}"
    exec 6>&-
    received 5
    [ -z "$(ls out)" ]
}

@test "a Unix socket that was left behind is replaced, and another file is not" {
    receive unix:socket
    kill -9 "$receiver"
    wait "$receiver" || true
    [ -S socket ]
    receive unix:socket
    run leat read f : connect unix:socket
    is 0
    received 0
    [ ! -e socket ]
    echo kept >socket
    run leat listen unix:socket
    is 5
    [ "$(cat socket)" = kept ]
}

@test "a certificate that is wrong is refused" {
    certificates
    certificate w elsewhere 'subjectAltName=DNS:elsewhere.example' 2>/dev/null
    receive --cert=w.pem --key=w.key tls://127.0.0.1:0
    run leat read f : connect --ca=ca.pem "tls://$address"
    is 5
    has 'IP address mismatch'
    has --servername
    received 5
    receive --cert=w.pem --key=w.key tls://127.0.0.1:0
    run leat read f : connect --ca=ca.pem --servername=elsewhere.example "tls://$address"
    is 0
    received 0
    rm out/f
    receive --cert=s.pem --key=s.key tls://127.0.0.1:0
    run leat read f : connect "tls://$address"
    is 5
    has 'the file of its CA with --ca'
    received 5
    receive tcp://127.0.0.1:0
    run leat read f : connect --wait=50ms --ca=ca.pem "tls://$address"
    is 5
    has 'no connection after 0.050 s'
    [ -z "$(ls out)" ]
}

@test "a server may want a certificate of the client" {
    certificates
    receive --end=frame --cert=s.pem --key=s.key --ca=ca.pem tls://127.0.0.1:0
    run leat read f : connect --end=frame --ca=ca.pem "tls://$address"
    is 5
    has '--cert and --key' # the server's words, or our guess
    received 5
    has '--cert and --key'
    [ -z "$(ls out)" ]
    openssl ec -in c.key -aes256 -passout pass:secret -out locked.key 2>/dev/null
    receive --end=frame --cert=s.pem --key=s.key --ca=ca.pem --alpn=copy/1,copy/2 tls://127.0.0.1:0
    run leat read f : connect --end=frame --ca=ca.pem --cert=c.pem --key=locked.key "tls://$address"
    is 2
    has --key-password-file
    echo secret >password
    run leat read f : connect --end=frame --ca=ca.pem --cert=c.pem --key=locked.key --key-password-file=password --alpn=copy/2 "tls://$address"
    is 0
    received 0
    cmp f out/f
}

@test "both ends run in the sandbox" {
    [ "${LEAT_BUILD_KIND:-build}" != tsan ] || skip 'TSan does not know the threads of the C library'
    certificates
    "$LEAT" --sandbox=require read f : null 2>/dev/null || skip 'this kernel cannot confine'
    rm -f address
    for words in tcp://127.0.0.1:0 unix:socket '--cert=s.pem --key=s.key tls://127.0.0.1:0'; do
        # shellcheck disable=SC2086
        "$LEAT" --sandbox=require listen --end=frame --address-file=address $words : write out/f 3>&- &
        wait_for test -e address
        case $words in
        *tls*) to="--ca=ca.pem tls://$(sed s/127.0.0.1/localhost/ address)" ;;
        tcp*) to="tcp://$(sed s/127.0.0.1/localhost/ address)" ;;
        *) to=unix:socket ;;
        esac
        # shellcheck disable=SC2086
        run leat --sandbox=require read f : connect --end=frame $to
        is 0
        wait $!
        cmp f out/f
        rm out/f address
    done
    run leat explain connect unix:x : null
    has 'use sockets of Unix'
    run leat explain read f : connect tcp://127.0.0.1:443
    has '  connect to port 443 of TCP'
    [[ $output != *'port 53'* && $output != *'make a connection'* ]]
    run leat explain listen --cert=s.pem --key=s.key tls://localhost:9000 : connect tcp://h:80 : null
    has '  listen at port 9000 of TCP'
    has '  connect to port 80 of TCP'
    has '  connect to port 53 of TCP'
    run leat explain read f : connect tcp://h:http
    has '  use the network'
}

@test "a signal ends a wait for a connection, and the socket goes" {
    receive unix:socket
    wait_for settled "$receiver"
    kill "$receiver"
    received 143
    [ ! -e socket ]
    [ -z "$(ls out)" ]
}

@test "a slow reader holds the sender back, and memory stays flat" {
    sanitized && skip 'figures of memory'
    rm -f address
    mkfifo pipe
    "$LEAT" listen --end=frame --address-file=address tcp://127.0.0.1:0 >pipe 3>&- &
    exec 5<pipe
    wait_for test -e address
    "$LEAT" --memory=8M zero -n 300M : connect --end=frame "tcp://$(cat address)" 3>&- &
    wait_for settled $!
    hwm=$(awk '/^VmHWM/ { print $2 }' "/proc/$!/status")
    [ "$(head -c 314572800 <&5 | tr -d '\0' | wc -c)" = 0 ]
    exec 5<&-
    wait
    [ "$hwm" -lt 40000 ]
}
