#!/usr/bin/env bats
# sftp.bats - put and get sftp://: a file of another machine appears whole or not at all, and is read whole or not at all (sshd).

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    has_stage put
    [ -x /usr/sbin/sshd ] || skip 'sshd is not installed (openssh-server)'
    needs ssh-keygen
    needs python3
    mkdir -p home/.ssh files
    export HOME=$PWD/home
    seq 200000 >f
    ssh-keygen -q -t ed25519 -N '' -f hostkey
    ssh-keygen -q -t ed25519 -N '' -f home/.ssh/id_ed25519
    cp home/.ssh/id_ed25519.pub authorized
    PORT=$(python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])')
    cat >conf <<C
Port $PORT
ListenAddress 127.0.0.1
HostKey $PWD/hostkey
AuthorizedKeysFile $PWD/authorized
PidFile $PWD/pid
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
C
    [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
    /usr/sbin/sshd -D -f "$PWD/conf" -E "$PWD/log" 3>&- &
    wait_for grep -q 'Server listening' log
    known "$PORT"
    url=sftp://$(id -un)@127.0.0.1:$PORT$PWD/files
}

# known PORT - the host is known at this port.
known() {
    printf '[127.0.0.1]:%s %s\n' "$1" "$(cut -d' ' -f1,2 hostkey.pub)" >home/.ssh/known_hosts
}

# put WORD... - send f.
put() {
    run leat read f : put "$@"
}

# begun - there is a temporary file.
begun() {
    [ -n "$(find files -name '.a.leat-*')" ]
}

# refused STATUS TEXT... - it failed with this status, each text is in its message, and there is no file.
refused() {
    is "$1"
    shift
    while [ $# -gt 0 ]; do
        has "$1"
        shift
    done
    [ -z "$(ls -A files)" ]
}

@test "put sends a stream over SFTP, and write does with an sftp:// URL" {
    put "$url/a%20b"
    is 0
    cmp f 'files/a b'
    rm files/*
    run leat read f : write --size="$(stat -c %s f)" "$url/b"
    is 0
    cmp f files/b
    [ "$(ls -A files)" = b ]
    for option in '' --size=0; do
        # shellcheck disable=SC2086
        run leat read f : head -c 0 : put -f $option "$url/empty"
        is 0
        [ -e files/empty ]
        [ ! -s files/empty ]
    done
}

@test "a path below the home directory of the user" {
    here=$(realpath --relative-to="$(getent passwd "$(id -un)" | cut -d: -f6)" "$PWD")
    put "${url%%127*}127.0.0.1:$PORT/~/$here/files/a"
    is 0
    cmp f files/a
}

@test "a file that exists is not overwritten without --force" {
    for old in '' old; do
        printf '%s' "$old" >files/a
        put "$url/a"
        is 1
        has "files/a exists; --force overwrites it"
        [ "$(cat files/a)" = "$old" ]
    done
    put --force "$url/a"
    is 0
    cmp f files/a
    [ "$(ls -A files)" = a ]
}

@test "a pipeline that fails, and a signal, leave nothing" {
    run leat read f : tee [ exec sh -c 'cat >/dev/null; exit 3' ] : put "$url/a"
    refused 6 'exited with status 3'
    mkfifo p
    exec 5<>p
    head -c 10000 f >&5
    "$LEAT" read p : put "$url/a" 3>&- 5>&- &
    pid=$!
    wait_for begun
    kill -TERM "$pid"
    wait "$pid" || true
    [ -z "$(ls -A files)" ]
}

@test "the host and the user are checked" {
    cp home/.ssh/known_hosts good
    : >home/.ssh/known_hosts
    put "$url/a"
    refused 5 'is the host in --known-hosts'
    ssh-keygen -q -t ed25519 -N '' -f other
    printf '[127.0.0.1]:%s %s\n' "$PORT" "$(cut -d' ' -f1,2 other.pub)" >home/.ssh/known_hosts
    put "$url/a"
    refused 5 'is the host in --known-hosts'
    put --known-hosts=good --key=other "$url/a"
    refused 5 'the key accepted'
    put --known-hosts=none "$url/a"
    refused 2 'none cannot be read, so the host cannot be checked'
    put --known-hosts=good --key=home/.ssh/id_ed25519 "$url/a"
    is 0
    cmp f files/a
}

@test "a directory that is not there, and a URL without a name, are errors" {
    put "$url/none/a"
    refused 5 "files/none/a: "
    put "${url%/files}/"
    refused 2 'give sftp://HOST/DIRECTORY/FILE'
    put sftp://127.0.0.1:1/a
    refused 5 'sftp://127.0.0.1:1/a: '
}

# through TIMES BYTES - the connections go through a proxy that cuts the first ones; sets via, the URL there.
through() {
    rm -rf proxy
    mkdir proxy
    python3 "$BATS_TEST_DIRNAME/../net/cut_proxy.py" proxy "$PORT" "$@" >proxy/log 2>&1 3>&- &
    wait_for test -e proxy/port
    known "$(cat proxy/port)"
    via=${url/:$PORT/:$(cat proxy/port)}
}

@test "get reads a file over SFTP, and read does with an sftp:// URL" {
    cp f 'files/a b'
    run leat get "$url/a%20b" : write out
    is 0
    cmp f out
    run leat read --sha256="$(sha256sum <f | cut -d' ' -f1)" --size="$(stat -c %s f)" "$url/a%20b" : write -f out
    is 0
    cmp f out
    : >files/empty
    run leat read "$url/empty" : write -f out
    is 0
    [ ! -s out ]
    run leat read "$url/none" : write none
    is 5
    has 'files/none: '
    run leat get -H 'A: b' "$url/none" : null
    is 2
    run leat get --connections=2 "$url/none" : null
    is 2
    run leat get sftp://127.0.0.1/ : null
    is 2
    has 'give sftp://HOST/DIRECTORY/FILE'
    [ ! -e none ]
}

@test "get checks the host and the user" {
    cp f files/a
    cp home/.ssh/known_hosts good
    : >home/.ssh/known_hosts
    run leat get "$url/a" : write out
    is 5
    has 'is the host in --known-hosts'
    ssh-keygen -q -t ed25519 -N '' -f other
    printf '[127.0.0.1]:%s %s\n' "$PORT" "$(cut -d' ' -f1,2 other.pub)" >home/.ssh/known_hosts
    run leat get "$url/a" : write out
    is 5
    has 'is the host in --known-hosts'
    run leat get --known-hosts=good --key=other "$url/a" : write out
    is 5
    has 'the key accepted'
    run leat get --known-hosts=none "$url/a" : write out
    is 2
    has 'none cannot be read, so the host cannot be checked'
    [ ! -e out ]
    run leat get --known-hosts=good --key=home/.ssh/id_ed25519 "$url/a" : write out
    is 0
    cmp f out
}

@test "a file that is cut off while it is read is resumed, if it is old and still the same" {
    cp f files/a
    touch -d '2 minutes ago' files/a
    through 3 300000
    run leat get --retry-wait=1ms "$via/a" : write out
    is 0
    has '3 tries failed before all was read'
    cmp f out
    touch files/a
    through 1 300000
    run leat get --retry-wait=1ms "$via/a" : write new
    is 5
    has 'the rest cannot be asked for'
    [ ! -e new ]
    through 1 300000
    run leat get --retry-wait=1ms --resume=verify "$via/a" : write new
    is 0
    cmp f new
}

@test "a file that changes while it is read is never mixed with the old one" {
    rev f >other
    [ "$(stat -c %s other)" = "$(stat -c %s f)" ]
    for how in time size short; do
        cp f files/a
        touch -d '5 minutes ago' files/a
        through 1 300000
        : >proxy/wait
        "$LEAT" get --retry-wait=1ms "$via/a" : write out 2>message 3>&- &
        pid=$!
        wait_for test -s proxy/cut
        case $how in
        time) cat other >files/a ;;
        size) cat other f >files/a ;;
        short) head -c 1000 f >files/a ;;
        esac
        touch -d "$([ $how = time ] && echo 4 || echo 5) minutes ago" files/a
        : >proxy/go
        status=0
        wait "$pid" || status=$?
        output=$(cat message)
        is 5
        has 'the content changed after'
        [ ! -e out ]
    done
}
