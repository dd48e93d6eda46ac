#!/usr/bin/env bash
# slurm.sh - a Slurm of four nodes on this machine, for tests: own ports, sockets and state, no systemd. As root.
#
#     slurm.sh up DIR         start it in DIR, and return when all nodes are idle; then export SLURM_CONF=DIR/slurm.conf
#     slurm.sh node DIR NAME  start the slurmd of this node again
#     slurm.sh kill DIR NAME  end it with -9, as if the machine had failed, and say so to slurmctld; its jobs go on
#     slurm.sh down DIR       end all of it, and the jobs
#
# `down` also finds what no daemon knows any more: daemons have DIR/log as their directory, and jobs SLURMD_NODENAME in their
# environment.
set -euo pipefail

verb=$1 dir=$(realpath "$2") nodes="n1 n2 n3 n4"
export SLURM_CONF=$dir/slurm.conf
# The daemons must not keep the descriptors of a test runner open.
for fd in /proc/self/fd/*; do
    fd=${fd##*/}
    [ "$fd" -le 2 ] || [ "$fd" -ge 250 ] || eval "exec $fd>&-"
done

# until_true CMD... - repeat it until it succeeds, for a minute at most.
until_true() {
    local end=$((SECONDS + 60))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || {
            echo "slurm.sh: never happened: $*" >&2
            tail -n 5 "$dir"/log/* >&2
            return 1
        }
        read -rt 0.1 <>"$dir/pause" || true
    done
}

free_ports() {
    python3 -c '
import socket, sys
s = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*[x.getsockname()[1] for x in s])' "$1"
}

settings() {
    local host ports node n=1
    host=$(hostname -s)
    read -ra ports < <(free_ports 5)
    cat <<C
ClusterName=leat
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$dir/munge.sock,cred_expire=10
CredType=cred/munge
SlurmctldPort=${ports[0]}
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool-%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/%n.pid
SlurmctldLogFile=$dir/log/slurmctld
SlurmdLogFile=$dir/log/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0,bf_interval=1
SlurmctldTimeout=30
SlurmdTimeout=30
C
    for node in $nodes; do
        echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=${ports[$n]} CPUs=1 State=UNKNOWN"
        n=$((n + 1))
    done
    echo "PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP"
}

start_node() {
    slurmd -f "$SLURM_CONF" -N "$1" </dev/null >>"$dir/log/$1.out" 2>&1
}

all_idle() {
    [ "$(sinfo -h -N -o %t | grep -cx idle)" = 4 ]
}

up() {
    local node
    mkdir -p "$dir"/{state,log,munge}
    chmod 700 "$dir/munge"
    mkfifo "$dir/pause"
    head -c 1024 /dev/urandom >"$dir/munge/key"
    chmod 400 "$dir/munge/key"
    settings >"$SLURM_CONF"
    munged -f --key-file="$dir/munge/key" --socket="$dir/munge.sock" --pid-file="$dir/munged.pid" \
        --log-file="$dir/log/munged" --seed-file="$dir/munge/seed" --num-threads=2 </dev/null >"$dir/log/munged.out" 2>&1
    slurmctld -f "$SLURM_CONF" </dev/null >"$dir/log/slurmctld.out" 2>&1
    for node in $nodes; do
        start_node "$node"
    done
    until_true all_idle
}

# ours - the ids of slurmstepd, and of processes of jobs.
ours() {
    local process
    for process in /proc/[0-9]*; do
        if [ "$(readlink "$process/cwd" 2>/dev/null)" = "$dir/log" ] ||
            { grep -qzFx "SLURM_CONF=$SLURM_CONF" "$process/environ" &&
                grep -qz '^SLURMD_NODENAME=' "$process/environ"; } 2>/dev/null; then
            echo "${process#/proc/}"
        fi
    done
}

daemons_gone() {
    local pid
    for pid in "${daemons[@]}"; do
        [ ! -e "/proc/$pid/exe" ] || return 1 # one that nobody waits for stays, without it
    done
}

down() {
    local pid
    mapfile -t daemons < <(cat "$dir"/*.pid 2>/dev/null)
    # slurmctld first: it would start jobs again.
    [ ! -s "$dir/slurmctld.pid" ] || kill -9 "$(cat "$dir/slurmctld.pid")" 2>/dev/null || true
    mapfile -t -O "${#daemons[@]}" daemons < <(ours)
    for pid in "${daemons[@]}"; do
        kill -9 "$pid" 2>/dev/null || true
    done
    until_true daemons_gone
}

case $verb in
up) up ;;
node) start_node "$3" ;;
kill)
    kill -9 "$(cat "$dir/$3.pid")"
    scontrol update "nodename=$3" state=down reason=test
    ;;
down) down ;;
*) exit 2 ;;
esac
