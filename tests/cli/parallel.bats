#!/usr/bin/env bats
# parallel.bats - leat each --engine=parallel: GNU parallel on this machine and over ssh to an own sshd, and a killed shard.

load common

setup() {
    needs parallel
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir in out
    for i in 1 2 3 4; do seq $((i * 1000)) | gzip >"in/f$i.gz"; done
}

# two_hosts - an sshd, with two names, in the file hosts.
two_hosts() {
    local port
    [ -x /usr/sbin/sshd ] || skip 'sshd is not installed (openssh-server)'
    needs ssh ssh-keygen python3
    ssh-keygen -q -t ed25519 -N '' -f hostkey
    ssh-keygen -q -t ed25519 -N '' -f key
    port=$(python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])')
    cat >sshd.conf <<C
Port $port
ListenAddress 127.0.0.1
HostKey $PWD/hostkey
AuthorizedKeysFile $PWD/key.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
MaxStartups 100
C
    cat >ssh.conf <<C
Host n1 n2
    HostName 127.0.0.1
    Port $port
    User $(id -un)
    IdentityFile $PWD/key
    IdentitiesOnly yes
    UserKnownHostsFile $PWD/known
    HostKeyAlias leat
    BatchMode yes
C
    printf 'leat %s\n' "$(cut -d' ' -f1,2 hostkey.pub)" >known
    printf 'ssh -F %s n1\nssh -F %s n2\n' "$PWD/ssh.conf" "$PWD/ssh.conf" >hosts
    [ "$(id -u)" != 0 ] || mkdir -p /run/sshd
    /usr/sbin/sshd -D -f "$PWD/sshd.conf" -E "$PWD/sshd.log" 3>&- &
    wait_for grep -q 'Server listening' sshd.log
}

# all_equal - the outputs are those of one machine.
all_equal() {
    mkdir one
    "$LEAT" each 'in/*.gz' -- gunzip : zstd : write 'one/{stem}.zst'
    diff -r one out
}

@test "shards run on two hosts over ssh, and the outputs are those of one machine" {
    two_hosts
    run -0 bounded "$LEAT" each 'in/*.gz' --shards=4 --plan=R.json --engine=parallel --engine-hosts=hosts -- \
        gunzip : zstd : write 'out/{stem}.zst'
    has 'all 4 shards are done'
    all_equal
    [ "$(awk 'NR > 1 { print $2 }' FS='\t' R.json.d/joblog | sort -u | wc -l)" = 2 ]
}

@test "any name is a word, here and over ssh" {
    local dir=$'d \'"$x`{}{.}{#}\n;'
    two_hosts
    mkdir "$dir"
    cp -r in "$dir"
    cd "$dir"
    mkdir out2 out3
    run -0 bounded "$LEAT" each 'in/*.gz' --shards=2 --plan='R {} %.json' --engine=parallel -- gunzip : write 'out2/{stem}'
    has 'all 2 shards are done'
    run -0 bounded "$LEAT" each 'in/*.gz' --shards=2 --plan='S {} %.json' --engine=parallel --engine-hosts=../hosts -- \
        gunzip : write 'out3/{stem}'
    has 'all 2 shards are done'
    seq 4000 | cmp - out2/f4
    seq 4000 | cmp - out3/f4
}

@test "a shard that is killed: the others finish, its status comes through, and the next run has only that one" {
    mkfifo gate
    cat >gated <<'C'
#!/bin/sh
echo $PPID >>attempts
: <gate
exec cat
C
    chmod +x gated
    : >attempts
    "$LEAT" each 'in/*.gz' --shards=4 --plan=R.json --engine=parallel --throttle=4 -- \
        gunzip : exec ./gated : zstd : write 'out/{stem}.zst' >log 2>&1 3>&- &
    pid=$!
    wait_for began 4
    kill -9 "$(head -n 1 attempts)"
    exec 5<>gate
    status=0
    wait "$pid" || status=$?
    is 137
    grep -q '1 of 4 shards are missing' log
    [ "$(find out -type f ! -name '.*' | wc -l)" = 3 ]
    run -0 bounded "$LEAT" each --plan=R.json --engine=parallel
    has 'all 4 shards are done'
    [ "$(wc -l <attempts)" = 5 ]
    exec 5>&-
    all_equal
}

began() {
    [ "$(wc -l <attempts)" -ge "$1" ]
}

@test "without parallel, and with a bad option of it, the plan is kept" {
    mkdir bin
    run -6 env PATH="$PWD/bin" "$LEAT" each 'in/*.gz' --shards=2 --plan=R.json --engine=parallel -- gunzip : write 'out/{stem}'
    has 'GNU parallel is not in the PATH'
    run -6 bounded "$LEAT" each --plan=R.json --engine=parallel --engine-options=--no-such-option
    has 'parallel failed with status'
    run -0 bounded "$LEAT" each --plan=R.json --engine=parallel
    has 'all 2 shards are done'
}
