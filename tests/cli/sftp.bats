#!/usr/bin/env bats
# sftp.bats - put sftp://: a file of another machine appears whole or not at all (sshd).

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
