#!/usr/bin/env bats
# engine.bats - leat each --engine: options, scripts, the manifest for Kubernetes, kubectl, and shards one after another.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir in out
    for i in 1 2 3 4; do seq $((i * 1000)) | gzip >"in/f$i.gz"; done
}

# planned ENGINE OPTION... - a plan of four shards by this engine.
planned() {
    local engine=$1
    shift
    run bounded "$LEAT" each 'in/*.gz' --shards=4 --plan=R.json --engine="$engine" "$@" -- gunzip : zstd : write 'out/{stem}.zst'
}

# all_equal - the outputs are those of one machine.
all_equal() {
    mkdir one
    "$LEAT" each 'in/*.gz' -- gunzip : zstd : write 'one/{stem}.zst'
    diff -r one out
}

# golden NAME - the output of the last `run` is the file of that name, with id and directory put in.
golden() {
    local id
    id=$(sed -n 's/.*leat-each-\([0-9a-f]\{16\}\)-\{0,1\}$/\1/p' <<<"$output" | head -n 1)
    sed "s|@ID@|$id|g; s|@DIR@|$PWD|g; s|@LEAT@|$(realpath "$LEAT")|g" "$BATS_TEST_DIRNAME/engine/$1" >want
    diff -u want - <<<"$output"
}

@test "local: the shards run one after another, and those that failed run again" {
    cp in/f2.gz whole.gz
    head -c 100 whole.gz >in/f2.gz
    planned local
    is 3
    has '1 of 4 shards are missing'
    [ "$(find out -type f | wc -l)" = 3 ]
    cp R.json saved
    run -3 bounded "$LEAT" each --plan=R.json --engine=local
    cmp R.json saved
    cp whole.gz in/f2.gz
    run -0 bounded "$LEAT" each 'in/*.gz' --force --shards=4 --plan=R.json --engine=local -- \
        gunzip : zstd : write 'out/{stem}.zst'
    all_equal
    rm R.json.d/shard-0001.json R.json.d/shard-0001.*.journal
    run -2 bounded "$LEAT" each --join=R.json --engine=local
    has '--engine with --join needs --resubmit'
    run -0 bounded "$LEAT" each --join=R.json --resubmit --engine=local --reduce=concat:all.zst
    zstd -dc all.zst >all
    for i in 1 2 3 4; do seq $((i * 1000)); done | cmp - all
    [ "$(find R.json.d -name 'shard-0001.*.journal' | wc -l)" = 1 ]
    [ "$(find R.json.d -name 'shard-*.journal' | wc -l)" = 4 ]
}

@test "options of the run go to the shards, and options of another engine are refused" {
    planned local --dry-run --threads=2 --memory=64M --retries=3 --keep-times --on-error=stop
    is 0
    has 'threads=2 --memory=67108864 --retries=3 --keep-times --on-error=stop --shard='
    [ ! -e R.json ]
    planned local --throttle=2
    is 2
    has '--throttle is an option of --engine=slurm, kubernetes and parallel'
    planned slurm --engine-hosts=x
    is 2
    planned kubernetes --engine-image=x --engine-options=x
    is 2
    planned kubernetes
    is 2
    has 'needs --engine-image'
    planned slurm --engine-options=$'a\n#b'
    is 2
    planned other
    is 2
    run -2 leat each 'in/*.gz' --engine=local -- write 'out/{stem}'
    has '--engine needs --plan'
    run -2 leat each 'in/*.gz' --engine=local --plan=R.json -- write 'out/{stem}'
    has '--shards=N is missing'
    run -2 leat each --plan=R.json --engine=local --shard=1
    run -1 leat each --plan=R.json --engine=local
    has 'R.json'
}

@test "the scripts are those of the golden files" {
    planned slurm --dry-run --throttle=2 --engine-options='--time=60'
    is 0
    golden slurm.sh
    planned parallel --dry-run --engine-hosts=hosts --throttle=2
    is 0
    golden parallel.sh
    planned kubernetes --dry-run --engine-image=registry/leat:1 --engine-volume=data --throttle=2 --threads=2
    is 0
    golden all.yaml
    planned local
    is 0
    rm R.json.d/shard-000[13].json
    run -0 --separate-stderr leat each --plan=R.json --engine=kubernetes --dry-run --engine-image=registry/leat:1 --engine-volume="data:/mnt/da\$ta"
    golden some.yaml
    run -0 leat each --plan=R.json --engine=slurm --dry-run
    has '#SBATCH --array=1,3'
}

@test "a name that is not UTF-8, and a mount point that is no path, are no part of a manifest" {
    planned kubernetes --dry-run --engine-image=x --engine-volume=data:rel
    is 2
    has 'begins with a slash'
    run -2 leat each 'in/*.gz' --shards=1 --plan=$'R\xff' --engine=kubernetes --engine-image=x --dry-run -- write 'out/{stem}'
    has 'is not UTF-8'
}

# fake_kubectl SHARDS - a kubectl that runs the shards when the job is created, and tells its end in a watch that goes on.
fake_kubectl() {
    mkdir bin
    mkfifo held
    cat >bin/kubectl <<C
#!/bin/bash
echo "\$*" >>"$PWD/calls"
case "\$1 \$2" in
'create -f')
    cp "\$3" "$PWD/created"
    for i in $1; do
        JOB_COMPLETION_INDEX=\$i "$LEAT" each --plan="$PWD/R.json" --shard=auto || echo \$? >>"$PWD/codes"
    done 2>>"$PWD/log"
    echo job.batch/leat-each-1
    ;;
'get job.batch/leat-each-1')
    echo
    echo 'SuccessCriteriaMet=True '
    echo 'SuccessCriteriaMet=True Complete=True '
    exec cat "$PWD/held"
    ;;
'get pods') printf '0\n%s\n\n' "\$(cat "$PWD/codes" 2>/dev/null)" ;;
*) exit 1 ;;
esac
C
    chmod +x bin/kubectl
    export PATH=$PWD/bin:$PATH
}

@test "kubectl creates the job, and is ended once it tells the job's end" {
    fake_kubectl '0 1 2 3'
    planned kubernetes --engine-image=x
    is 0
    has 'job.batch/leat-each-1 is submitted'
    has 'all 4 shards are done'
    all_equal
    cmp created R.json.d/kubernetes.yaml
    grep -q 'get pods -l job-name=leat-each-1' calls
}

@test "the highest status of the pods comes through; kubectl that fails is an error" {
    head -c 100 in/f2.gz >part.gz
    cat part.gz >in/f2.gz
    fake_kubectl '0 1 2 3'
    planned kubernetes --engine-image=x
    is 3
    has '1 of 4 shards are missing'
    printf '#!/bin/sh\nexit 3\n' >bin/kubectl
    run -6 bounded "$LEAT" each --plan=R.json --engine=kubernetes --engine-image=x
    has 'kubectl create failed with status 3'
}

@test "without kubectl the manifest is left for where it is" {
    mkdir bin
    run -0 env PATH="$PWD/bin" "$LEAT" each 'in/*.gz' --shards=2 --plan=R.json --engine=kubernetes --engine-image=x -- \
        gunzip : write 'out/{stem}'
    has 'kubectl create -f'
    grep -q 'completions: 2' R.json.d/kubernetes.yaml
}
