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

@test "the join tells what is missing and why, and --resubmit prints the commands" {
    plan 5
    run -8 leat each --join=RUN.json
    has '5 of 5 shards are missing: 0-4'
    shards 0 2 4
    run -8 leat each --join=RUN.json --resubmit --reduce=concat:all
    has '2 of 5 shards are missing: 1, 3'
    has 'leat each --plan=RUN.json --shard=3'
    [ ! -e all ]
    run -8 --separate-stderr leat each --join=RUN.json --json
    [ "$stderr" = "$(printf '{"type":"join","shards":5,"inputs":12,"outputs":%d,"bytes_out":%d,"missing":[1,3]}' \
        "$(find out -type f | wc -l)" "$(cat out/* | wc -c)")" ]
    leat each --join=RUN.json --resubmit 2>err | sed "s|^leat |\"\$LEAT\" -q |" | bash
    run -0 leat each --join=RUN.json
    has 'all 5 shards are done: 12 inputs, 12 outputs'
    rm out/f3
    echo x >>out/f4
    run -8 leat each --join=RUN.json
    has 'missing: '
    shards 0 1 2 3 4
    run -0 leat each --join=RUN.json
    all_are_right
}

@test "the join says which inputs failed" {
    cp gz/f7.gz f7
    echo bad >gz/f7.gz
    plan 3
    for i in 0 1 2; do leat each -q --plan=RUN.json "--shard=$i" || [ "$?" = 8 ]; done
    run -8 leat each --join=RUN.json
    has '1 of 3 shards are missing: '
    has ': gz/f7.gz: not in gzip format'
}

@test "outputs are reduced in the order of the inputs, and nothing is replaced" {
    for i in $(seq 12); do seq -w 1 7 "$((i * 1000))" | sort | gzip >"gz/f$i.gz"; done
    plan 4
    shards 3 2 1 0
    leat each -q --join=RUN.json --reduce=concat:all
    (cd out && cat ./*) | cmp - all # the names sort as in C: common.bash
    leat each -q --join=RUN.json --reduce=merge:merged
    LC_ALL=C sort all | cmp - merged
    leat each -q --join=RUN.json --reduce=sums:SUMS --verify
    sha256sum -c --quiet SUMS
    [ "$(wc -l <SUMS)" = 12 ]
    leat each -q --join=RUN.json --reduce=manifest:M.json
    leat each --manifest=M.json -- pass >again
    cmp all again
    for how in concat:all merge:merged sums:SUMS manifest:M.json; do
        run -1 leat each -q --join=RUN.json "--reduce=$how"
        has 'exists'
        run -0 leat each -q --join=RUN.json "--reduce=$how" --force
    done
    cmp all again
    [ -z "$(find . -name '*tmp*')" ]
    printf x | dd of=out/f5 conv=notrunc status=none
    run -4 leat each --join=RUN.json --verify --reduce=concat:more
    has 'out/f5: sha256'
    [ ! -e more ]
    for bad in concat concat: x:y; do run -2 leat each --join=RUN.json "--reduce=$bad"; done
    run -2 leat each gz/f1.gz --reduce=concat:x -- gunzip : null
    has '--reduce needs --join'
    run -2 leat each gz/f1.gz --join=RUN.json -- gunzip : null
}

@test "more outputs than one pipeline has branches are merged in rounds" {
    mkdir in
    for i in $(seq 150); do seq -w "$i" 150 3000 >"in/$i"; done
    leat each -r in -q --shards=7 --plan=RUN.json -- write 'out/{base}'
    shards 0 1 2 3 4 5 6
    leat each -q --join=RUN.json --reduce=merge:merged
    LC_ALL=C sort in/* | cmp - merged
    [ "$(find . -type f | grep -vc -e RUN -e in/ -e out/ -e gz/)" = 1 ]
}

@test "a record that does not have its inputs once is refused" {
    plan 2
    shards 0 1
    cp RUN.json.d/shard-0000.json whole
    sed 2p whole >RUN.json.d/shard-0000.json # twice
    run -3 leat each --join=RUN.json
    has 'does not have each input of its shard once'
    sed 2d whole >RUN.json.d/shard-0000.json # left out
    run -3 leat each --join=RUN.json
    n=$(($(wc -l <whole) - 1))
    sed -e "${n}d" -e "$((n - 1))s/,\$//" whole >RUN.json.d/shard-0000.json # the last one
    run -3 leat each --join=RUN.json
    sed '2s/gz/zg/' whole >RUN.json.d/shard-0000.json # foreign
    run -3 leat each --join=RUN.json
    sed 's/"plan":"./"plan":"x/' whole >RUN.json.d/shard-0000.json
    run -1 leat each --join=RUN.json
    has 'is of another plan'
    run -1 leat each --plan=RUN.json --shard=0
    has 'is of another plan'
    head -n 3 whole >RUN.json.d/shard-0000.json # torn
    run -8 leat each --join=RUN.json
    run -0 leat each --plan=RUN.json --shard=0
    cmp <(sed '1s/attempt.*//' whole) <(sed '1s/attempt.*//' RUN.json.d/shard-0000.json)
    leat each -q --join=RUN.json
}

@test "two attempts of a shard at once make one record" {
    plan 1
    for i in 1 2; do "$LEAT" each -q --plan=RUN.json --shard=0 & done
    wait
    [ "$(ls RUN.json.d/*.json)" = RUN.json.d/shard-0000.json ]
    leat each -q --join=RUN.json --verify
    all_are_right
    [ -z "$(find . -name '*tmp*')" ]
}

ranges() { # ranges FILE N STAGE… - the pipeline over N ranges of FILE, joined to `all`
    rm -rf out RUN.json* all
    mkdir out
    leat each "$1" -q --split=lines "--shards=$2" --plan=RUN.json -- read '{}' : "${@:3}" : write 'out/{shard:04}'
    for ((i = 0; i < $2; i++)); do leat each -q --plan=RUN.json "--shard=$i"; done
    leat each -q --join=RUN.json --reduce=concat:all
}

@test "the lines of one file are dealt to shards, each to that of its first byte" {
    log_lines 3000 >big
    leat read big : zstd --seekable=16K : write big.zst
    for n in 1 3 8; do
        ranges big "$n" grep -v DEBUG
        grep -v DEBUG big | cmp - all
        [ "$(find out -type f | wc -l)" = "$n" ]
        ranges big.zst "$n" unzstd : grep -v DEBUG
        grep -v DEBUG big | cmp - all
    done
    # each output has whole lines
    for f in out/*; do [ "$(tail -c 1 "$f" | od -An -c)" = '  \n' ]; done
    # lines longer than a range, empty lines, and no newline at the end
    { printf '\n\n'; head -c 5000 /dev/zero | tr '\0' x; printf '\nshort\n\n'; printf end; } >odd
    for n in 2 5 40; do
        ranges odd "$n" pass
        cmp odd all
    done
    ! grep -l short out/* | grep -q 0000
}

@test "a BGZF file is dealt by its members: union and ownership of lines, whatever the members hold" {
    python3 - <<'PY'
import random, struct, zlib
random.seed(7)
def member(data):
    z = zlib.compressobj(6, zlib.DEFLATED, -15)
    body = z.compress(data) + z.flush()
    return (b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff\x06\0BC\x02\0" + struct.pack("<H", len(body) + 25) + body
            + struct.pack("<II", zlib.crc32(data), len(data)))
def make(name, pieces, end=member(b"")):
    open(name + ".bgz", "wb").write(b"".join(map(member, pieces)) + end)
    open(name, "wb").write(b"".join(pieces))
def cut(text, most):
    while text:
        n = random.randint(0, most) # 0: an empty member
        yield text[:n]
        text = text[n:]
lines = b"".join(b"%d %d\n" % (i, random.randrange(10**9)) for i in range(3000))
make("small", list(cut(lines, 40)))            # lines that cross members, several members of a line
make("large", list(cut(lines, 65280)))
make("crlf", list(cut(lines.replace(b"\n", b"\r\n"), 90)))
make("lines", [l + b"\n" for l in lines.split(b"\n")[:-1]]) # each ends with its member
make("none", list(cut(bytes(9000), 300)))      # no newline at all
make("open", list(cut(lines + b"end", 200)))   # none at the end
make("long", [b"a\n", b"b" * 60000, b"b" * 60000, b"", b"\n", b"\n\nc\n"])
make("empty", [])
make("padded", list(cut(lines, 500)), member(b"") + bytes(5000))
# the first lines of shards, by the rule alone: the first byte of a line is in a member at or after the shard's part
for name in ["small", "large", "crlf", "lines", "open", "long"]:
    data, text = open(name + ".bgz", "rb").read(), open(name, "rb").read()
    for n in 2, 7:
        starts, at, place = [0] * n, 0, 0
        while at < len(data):
            size = struct.unpack("<H", data[at + 16:at + 18])[0] + 1
            for i in range(1, n):
                if at < len(data) // n * i:
                    starts[i] = place + struct.unpack("<I", data[at + size - 4:at + size])[0]
            place += struct.unpack("<I", data[at + size - 4:at + size])[0]
            at += size
        bounds = []
        for s in starts:
            while 0 < s < len(text) and text[s - 1:s] != b"\n":
                s += 1
            bounds.append(s)
        bounds.append(len(text))
        for i in range(n):
            open("%s.%d.%d" % (name, n, i), "wb").write(text[bounds[i]:bounds[i + 1]])
PY
    for f in small large crlf lines none open long empty padded; do
        gzip -dc "$f.bgz" 2>err | cmp - "$f" # the test's own files are right
        for n in 2 7; do
            ranges "$f.bgz" "$n" gunzip
            cmp "$f" all
            [ -e "$f.$n.0" ] || continue
            for ((i = 0; i < n; i++)); do
                if [ -s "$f.$n.$i" ]; then cmp "$f.$n.$i" "$(printf 'out/%04d' "$i")"; else [ ! -e "$(printf 'out/%04d' "$i")" ]; fi
            done
        done
    done
}

@test "ranges of what gzip --blocks and bgzip make, with an index, a stale one, and none" {
    log_lines 30000 >big
    leat read big : gzip --blocks : write big.bgz
    ranges big.bgz 5 gunzip : grep -v DEBUG
    grep -v DEBUG big | cmp - all
    [ "$(find out -type f | wc -l)" = 5 ]
    command -v bgzip >/dev/null || skip 'needs bgzip'
    bgzip -c -i -I big.gz.gzi big >big.gz
    for index in true stale odd older; do
        case $index in
        true) touch big.gz.gzi; cp big.gz.gzi right ;;
        stale) python3 -c '
import struct
data = open("right", "rb").read()
n = len(data) // 16
entries = [struct.unpack("<QQ", data[8 + 16 * i:24 + 16 * i]) for i in range(n)]
open("big.gz.gzi", "wb").write(struct.pack("<Q", n) + b"".join(struct.pack("<QQ", c + 5, u) for c, u in entries))' ;;
        odd) head -c 1000 right >big.gz.gzi ;;
        older) cp right big.gz.gzi; touch -d '2 days ago' big.gz.gzi ;;
        esac
        ranges big.gz 5 gunzip
        cmp big all
        [ "$(find out -type f | wc -l)" = 5 ]
    done
}

@test "a BGZF file that is truncated or damaged has no plan, and one whose last member is lost is no whole" {
    log_lines 3000 >big
    leat read big : gzip --blocks : write big.bgz
    size=$(stat -c %s big.bgz)
    head -c -28 big.bgz >lost.bgz
    head -c $((size / 2)) big.bgz >half.bgz
    head -c $((size - 3)) big.bgz >three.bgz
    { cat big.bgz; printf 'garbage'; } >after.bgz
    { cat big.bgz; gzip -c big; } >mixed.bgz
    for f in lost half three after mixed; do
        run -3 leat each "$f.bgz" --split=lines --shards=2 --plan=RUN.json -- gunzip : write 'out/{n}'
        has "$f.bgz"
    done
    # the end marker is needed by a whole file, also where frames are read before it
    run -3 leat read lost.bgz : gunzip : null
    has 'the empty member that ends a BGZF file is missing'
    leat read "--frames=0:$((size - 28)):0:0" lost.bgz : gunzip : write whole
    cmp whole big
    run -3 leat read "--frames=0:$((size - 40)):0:0" lost.bgz : gunzip : null
    run -2 leat read "--frames=0:$size:0:0" lost.bgz : gunzip : null
    run -2 leat read --frames=0:10 big.bgz : gunzip : null
    run -2 leat read "--frames=0:$size:0:0" big.bgz : count
    leat read "--frames=0:$size:7:9" big.bgz : gunzip : write part
    tail -c +8 big | head -c -9 | cmp - part
    [ ! -e RUN.json ]
}

@test "what has no ranges is refused, with what to do" {
    log_lines 100 >big
    gzip -k big
    leat read big : gzip --blocks : write big.bgz
    leat read big : xz : write big.xz
    leat read big : zstd : write one.zst
    leat read big : zstd --seekable : write big.zst
    cat big.gz big.gz >two.gz
    for f in big.gz two.gz; do
        run -2 leat each "$f" --split=lines --shards=2 --plan=RUN.json -- gunzip : write 'out/{n}'
        has "leat read $f : gunzip : gzip --blocks : write $f.bgz"
    done
    run -2 leat each big.bgz --split=lines --shards=2 --plan=RUN.json -- write 'out/{n}'
    has 'gunzip must be the first stage'
    run -2 leat each big --split=lines --shards=2 --plan=RUN.json -- gunzip : write 'out/{n}'
    has 'leave out gunzip'
    for f in big.xz:unxz one.zst:unzstd; do
        run -2 leat each "${f%:*}" --split=lines --shards=2 --plan=RUN.json -- "${f#*:}" : write 'out/{n}'
        has "leat read ${f%:*} : ${f#*:} : zstd --seekable : write ${f%:*}.zst"
    done
    run -2 leat each big.zst --split=lines --shards=2 --plan=RUN.json -- write 'out/{n}'
    has 'unzstd must be the first stage'
    run -2 leat each big --split=lines --shards=2 --plan=RUN.json -- unzstd : write 'out/{n}'
    run -2 leat each big --split=lines --shards=2 --plan=RUN.json -- write 'out/x'
    has 'put {shard} or {n:04}'
    run -2 leat each big big.gz --split=lines --shards=2 --plan=RUN.json -- write 'out/{n}'
    has 'for one input'
    run -2 leat each big --split=lines -- write 'out/{n}'
    run -2 leat each big --split=bytes --shards=2 --plan=RUN.json -- write 'out/{n}'
    head -c -3 big.zst >cut.zst
    run -2 leat each cut.zst --split=lines --shards=2 --plan=RUN.json -- unzstd : write 'out/{n}'
    [ ! -e RUN.json ]
}

@test "a file that changed after the plan is not read" {
    log_lines 100 >big
    leat each big -q --split=lines --shards=2 --plan=RUN.json -- write 'out/{n}'
    echo more >>big
    run -1 leat each --plan=RUN.json --shard=0 # the status of the only input
    has 'changed'
    run -8 leat each --join=RUN.json
}
