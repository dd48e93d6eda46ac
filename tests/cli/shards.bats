#!/usr/bin/env bats
# shards.bats - leat each over shards: plans, shards, their records, the join.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir -p gz out want
    for i in $(seq 12); do seq "$((i * 100))" | gzip >"gz/f$i.gz"; done
}

plan() { # plan N [OPTION…] - a plan of N shards
    leat each 'gz/*.gz' -q "--shards=$1" --plan=RUN.json "${@:2}" -- gunzip : write 'out/{stem}'
}

shards() { # shards I… - run them
    for i in "$@"; do leat each -q --plan=RUN.json "--shard=$i"; done
}

all_are_right() {
    for i in $(seq 12); do seq "$((i * 100))" | cmp - "out/f$i"; done
}

@test "the shards of a plan do all of it, each its part" {
    plan 3
    [ ! -e out/f1 ]
    shards 0 1/3
    run -0 env SLURM_ARRAY_TASK_ID=2 "$LEAT" each --plan=RUN.json --shard=auto
    all_are_right
    [ "$(ls RUN.json.d/*.json)" = $'RUN.json.d/shard-0000.json\nRUN.json.d/shard-0001.json\nRUN.json.d/shard-0002.json' ]
    [ "$(grep -c '"sha256"' RUN.json.d/*.json | cut -d: -f2 | paste -sd+ | bc)" = 12 ]
}

@test "without a plan, every worker deals the same" {
    for i in 0 1 2 3; do
        leat each 'gz/*.gz' "--shard=$i/4" -- gunzip : write "out/$i-{n}-{stem}"
    done
    for i in $(seq 12); do seq "$((i * 100))" | cmp - "$(echo out/*-f"$i")"; done
    [ -e "$(echo out/?-12-f9)" ] # {n} is the number in the whole list
    leat each 'gz/*.gz' --shard=1/1 -q -- gunzip : null && return 1
    run -0 env SGE_TASK_ID=1 SLURM_ARRAY_TASK_ID= "$LEAT" each --dry-run 'gz/*.gz' --shard=0/12 -- count
    [ "${#lines[@]}" = 1 ]
}

@test "wrong words about shards are refused" {
    run -2 leat each 'gz/*.gz' --plan=RUN.json -- gunzip : write 'out/{stem}'
    has '--plan needs --shards=N and inputs'
    run -2 leat each 'gz/*.gz' --shards=3 -- gunzip : write 'out/{stem}'
    has '--shards needs --plan'
    run -2 leat each 'gz/*.gz' --shards=0 --plan=RUN.json -- gunzip : write 'out/{stem}'
    run -2 leat each 'gz/*.gz' --shards=2 --plan=RUN.json -- gunzip
    has 'cannot write to standard output'
    run -2 leat each 'gz/*.gz' --shards=2 --plan=RUN.json --remove-source -- gunzip : write 'out/{stem}'
    has 'remove the sources after'
    run -2 leat each 'gz/*.gz' --shards=2 --plan=RUN.json --journal=j -- gunzip : write 'out/{stem}'
    has 'journals of their own'
    run -2 leat each 'gz/*.gz' --shard=2 -- gunzip : write 'out/{stem}'
    has '--shard=2/16'
    [ ! -e RUN.json ]
    plan 3
    for bad in 3 x 1/4 -1 1/ 1/3x; do run -2 leat each --plan=RUN.json "--shard=$bad"; done
    run -2 leat each --plan=RUN.json --shard=auto
    has 'give the number of the shard'
    run -2 env SLURM_ARRAY_TASK_ID=x "$LEAT" each --plan=RUN.json --shard=auto
    run -2 leat each 'gz/*.gz' --plan=RUN.json --shard=1
    has 'takes its inputs and its pipeline from the plan'
    run -1 leat each --plan=nothing --shard=1
}

@test "a plan replaces nothing without --force" {
    plan 3
    run -1 plan 3
    has 'the plan RUN.json exists'
    shards 0
    rm RUN.json out/*
    run -1 plan 3
    has 'has records of shards'
    [ ! -e RUN.json ]
    echo mine >out/f3
    run -1 plan 3
    has 'the output out/f3 exists'
    plan 2 --force
    [ "$(find RUN.json.d -type f | wc -l)" = 0 ]
    shards 0 1
    all_are_right
}

@test "a plan that was cut or changed is refused" {
    plan 3
    for n in 100 400 1000; do
        head -c "$n" RUN.json >cut.json
        run -3 leat each --plan=cut.json --shard=0
    done
    head -n 13 RUN.json >cut.json
    run -3 leat each --plan=cut.json --shard=0
    has 'ends too early'
    sed 3d RUN.json >cut.json
    run -3 leat each --plan=cut.json --shard=0
    sed '4s/"shard":/"shard":9/' RUN.json >cut.json
    run -3 leat each --plan=cut.json --shard=0
    has 'line 4 of cut.json'
    sed 's/"version":1/"version":2/' RUN.json >cut.json
    run -2 leat each --plan=cut.json --shard=0
}

@test "a shard with a failed input has no record, and another attempt does only what is left" {
    plan 2
    cp gz/f7.gz f7
    size=$(stat -c %s f7)
    i=$(sed -n 's/.*f7.gz.*"shard":\([01]\).*/\1/p' RUN.json)
    truncate -s 0 gz/f7.gz
    truncate -s "$size" gz/f7.gz
    touch -r f7 gz/f7.gz
    run -8 leat each --plan=RUN.json "--shard=$i"
    [ ! -e "RUN.json.d/shard-000$i.json" ]
    run -0 cat RUN.json.d/shard-*.failed.json
    has '{"path":"gz/f7.gz","exit":3,"text":"'
    cat f7 >gz/f7.gz
    plan 2 --force
    shards 0 1
    all_are_right
}

@test "a second attempt skips what the journal of the first has, and checks the outputs" {
    plan 1
    shards 0
    rm RUN.json.d/shard-0000.json out/f3
    echo x >>out/f4
    run -0 leat each --plan=RUN.json --shard=0
    has '2 done, 10 skipped'
    all_are_right
    [ "$(grep -c '^{"path"' RUN.json.d/shard-0000.json)" = 12 ]
    run -0 leat each --plan=RUN.json --shard=0
    has 'shard 0 is done'
    rm out/f3
    run -0 leat each --plan=RUN.json --shard=0
    has '1 done, 11 skipped'
    all_are_right
    rm RUN.json.d/shard-0000.json out/f3
    printf 'torn' >>"$(echo RUN.json.d/*.journal | cut -d' ' -f1)"
    run -0 leat each --plan=RUN.json --shard=0
    all_are_right
}
