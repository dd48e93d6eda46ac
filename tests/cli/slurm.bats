#!/usr/bin/env bats
# slurm.bats - leat each --engine=slurm on a Slurm of four nodes: the array, its status, a lost node, requeued and missing tasks.

load common

RIG=$BATS_TEST_DIRNAME/../tools/slurm.sh

setup_file() {
    local command
    for command in slurmctld slurmd sbatch scontrol munged; do
        command -v "$command" || PATH=$PATH:/usr/sbin command -v "$command" || return 0
    done >/dev/null
    [ "$(id -u)" = 0 ] || return 0
    export SLURM_CONF=$BATS_FILE_TMPDIR/slurm/slurm.conf
    "$RIG" up "$BATS_FILE_TMPDIR/slurm"
}

teardown_file() {
    [ ! -d "$BATS_FILE_TMPDIR/slurm" ] || "$RIG" down "$BATS_FILE_TMPDIR/slurm"
}

setup() {
    [ "$(id -u)" = 0 ] || skip 'slurmd needs root'
    needs munged slurmctld slurmd sbatch scontrol
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir in out
    for i in 1 2 3 4 5 6 7 8; do seq $((i * 1000)) | gzip >"in/f$i.gz"; done
}

# What waits for a job is ended by a signal that it can pass on.
teardown() {
    local job
    for job in $(jobs -p); do
        kill "$job" 2>/dev/null || continue
        wait "$job" || true # by the signal
    done
}

# began N - as many attempts have begun.
began() {
    [ "$(wc -l <attempts)" -ge "$1" ]
}

# requeued - the task waits for its next attempt.
requeued() {
    scontrol show job "$task" | grep -q 'JobState=PENDING'
}

# hasnt TEXT - the output of the last `run` does not contain it.
hasnt() {
    [[ $output != *"$1"* ]]
}

# gated - a stage that tells its attempt and then waits until the gate is open.
gated() {
    mkfifo gate
    : >attempts
    cat >gated <<'C'
#!/bin/sh
echo "$SLURMD_NODENAME ${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" >>attempts
: <gate
exec cat
C
    chmod +x gated
}

# all_equal - the outputs are those of one machine.
all_equal() {
    mkdir one
    "$LEAT" each 'in/*.gz' -- gunzip : zstd : write 'one/{stem}.zst'
    diff -r one out
}

@test "an array runs each shard once, and the outputs are those of one machine; any name is a word" {
    local dir=$'d \'"$x`\n;'
    mkdir "$dir"
    run -0 leat each 'in/*.gz' --shards=8 --plan="$dir/R %a.json" --engine=slurm --throttle=4 \
        --engine-options='--partition=p --time=10' -- gunzip : zstd : write 'out/{stem}.zst'
    has 'is submitted'
    has 'all 8 shards are done'
    all_equal
    [ "$(find "$dir/R %a.json.d" -name '*.journal' -printf x)" = xxxxxxxx ]
    grep -qx '#SBATCH --array=0-7%4' "$dir/R %a.json.d/slurm.sh"
    grep -qx '#SBATCH --partition=p --time=10' "$dir/R %a.json.d/slurm.sh"
}

@test "the status of leat comes through, the other shards finish, and the next job has only those that are missing" {
    cp in/f3.gz whole.gz
    head -c 100 whole.gz >in/f3.gz
    run leat each 'in/*.gz' --shards=8 --plan=R.json --engine=slurm -- gunzip : zstd : write 'out/{stem}.zst'
    is 3
    has '1 of 8 shards are missing'
    [ "$(find out -type f | wc -l)" = 7 ]
    [ ! -e out/f3.zst ]
    grep -q f3.gz R.json.d/shard-*.log
    run -3 leat each --join=R.json --resubmit --engine=slurm
    grep -qx '#SBATCH --array=[0-7]' R.json.d/slurm.sh
}

# two_gated - two shards run, and wait at the gate.
two_gated() {
    gated
    "$LEAT" each in/f1.gz in/f2.gz --shards=2 --plan=R.json --engine=slurm -- \
        gunzip : exec ./gated : zstd : write 'out/{stem}.zst' >log 2>&1 3>&- &
    pid=$!
    wait_for began 2
    read -r node task <attempts
}

# two_equal - the gate opens, all is done, and as on one machine.
two_equal() {
    exec 5<>gate
    wait "$pid"
    exec 5>&-
    grep -q 'all 2 shards are done' log
    mkdir one
    "$LEAT" each in/f1.gz in/f2.gz -- gunzip : zstd : write 'one/{stem}.zst'
    diff -r one out
}

@test "a task whose node is lost runs again, while the first attempt goes on: the outputs are the same" {
    two_gated
    "$RIG" kill "$BATS_FILE_TMPDIR/slurm" "$node"
    scontrol update "jobid=$task" starttime=now
    wait_for began 3
    two_equal
    [ "$(grep -c "$task\$" attempts)" = 2 ]
    [ "$(find R.json.d -name '*.journal' | wc -l)" = 3 ]
    [ "$(find R.json.d -name 'shard-000?.json' | wc -l)" = 2 ]
    "$RIG" node "$BATS_FILE_TMPDIR/slurm" "$node"
}

@test "a task that is requeued ends its attempt and begins again" {
    two_gated
    scontrol requeue "$task"
    wait_for requeued
    scontrol update "jobid=$task" starttime=now
    wait_for began 3
    two_equal
    [ "$(grep -c "$task\$" attempts)" = 2 ]
    [ -z "$(find . -name '.*.leat-*')" ]
}

@test "without sbatch, and with a partition that there is not, the plan is kept and the next job has it" {
    mkdir bin
    run -6 env PATH="$PWD/bin" "$LEAT" each in/f1.gz --shards=1 --plan=R.json --engine=slurm -- gunzip : write 'out/{stem}'
    has 'cannot run sbatch'
    run -6 leat each --plan=R.json --engine=slurm --engine-options='--partition=none'
    has 'sbatch did not take the job'
    run -0 leat each --plan=R.json --engine=slurm
    seq 1000 | cmp - out/f1
    run -0 leat each --plan=R.json --engine=slurm
    has 'all 1 shards are done'
    hasnt 'is submitted'
}

@test "a signal ends the wait, and the job goes on" {
    two_gated
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    is 143
    grep -q 'goes on; `scancel' log
    exec 5<>gate
    wait_for test -e R.json.d/shard-0000.json -a -e R.json.d/shard-0001.json
    exec 5>&-
    run -0 leat each --plan=R.json --engine=slurm
    has 'all 2 shards are done'
}
