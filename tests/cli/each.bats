#!/usr/bin/env bats
# each.bats - leat each: one pipeline for each of many files: names, refusals, outcomes, the journal, removal.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir -p in/x/y
    for f in a x/b x/y/c; do log_lines 200 | sed "s|^|$f |" >"in/$f.txt"; done
}

gz_files() { # gz_files N - N files of lines, compressed, in gz/
    mkdir -p gz
    for i in $(seq "$1"); do seq "$((i * 100))" | gzip >"gz/f$i.gz"; done
}

@test "a pipeline runs for each file, and its output has a name of the input" {
    mkdir out
    run -0 leat each -r in -- gzip : write 'out/{rel}.gz'
    [ -z "$output" ]
    for f in a x/b x/y/c; do gzip -dc "out/$f.txt.gz" | cmp - "in/$f.txt"; done
    run -0 leat each 'in/**/*.txt' : write '{dir}/{stem}.copy'
    cmp in/x/y/c.txt in/x/y/c.copy
}

@test "the parts of a name" {
    mkdir -p d
    echo x >d/name.tar.gz
    echo x >d/.rc
    run -0 leat each --dry-run d/name.tar.gz -- write 'o-{/}-{//}-{/.}-{base}-{dir}-{stem}-{stem2}-{ext}-{rel}-{n:03}-{{n}}-a{2,3}'
    has 'o-name.tar.gz-d-name.tar-name.tar.gz-d-name.tar-name-gz-name.tar.gz-001-{n}-a{2,3}'
    run -0 leat each --dry-run d/.rc -- write 'o-{stem}-{ext}-{path}'
    has 'o-.rc--d/.rc'
    run -2 leat each in/a.txt -- write '{nam}'
    has '{nam} is no part of'
}

@test "names with blanks, quotes and newlines are one word" {
    mkdir w
    printf one >"w/a b"
    printf two >"w/quote'\"; : write x"
    printf three >"w/"$'new\nline'
    mkdir out
    run -0 leat each -r w -- write 'out/{/}'
    [ "$(find out -type f | wc -l)" -ge 3 ]
    cmp "w/quote'\"; : write x" "out/quote'\"; : write x"
    cmp "w/"$'new\nline' "out/"$'new\nline'
    run -0 bash -c 'find w -type f -print0 | "$LEAT" each --files-from=- -0 -- count -c'
    [ "$output" = $'3\n5\n3' ]
}

@test "standard output is in the order of the inputs, never mixed" {
    mkdir many
    for i in $(seq -w 60); do yes "$i" | head -n $((10#$i % 7 * 20000 + 1)) >"many/$i"; done
    cat many/* >want
    leat each -r many : pass >got
    cmp want got
    leat each -r many --jobs=3 --threads=2 : gzip : gunzip >got
    cmp want got
}

@test "two inputs with one output, and an output that is an input, are refused before the first byte" {
    run -2 leat each -r in -- write 'same'
    has 'have the same output'
    run -2 leat each -r in -- write './{ext}'
    has 'in/a.txt and in/x/b.txt have the same output, txt'
    run -2 leat each -r in -- write 'in/.//a.txt' --force
    has 'is itself an input'
    run -2 leat each -r in -- write '{}' --force
    has 'is itself an input'
    run -2 leat each in/a.txt ./in/../in/a.txt in/a.txt -- count
    has 'listed twice'
    run -2 leat each -r in -- read in/a.txt : count
    has 'no word of the pipeline has {}'
    run -1 leat each -r in -- write 'nodir/{rel}'
    has 'nodir/: no such directory'
    [ ! -e same ]
    run -2 leat each -r in -- count :
    has 'a stage is missing'
    run -0 leat each -r in --include='*.none' -- count
    has 'there are no inputs after the filters'
    ln -s a.txt in/link
    run -1 leat each in/link --remove-source -- gzip : write '{}.gz'
    has 'it is a symbolic link'
}

@test "an input that fails leaves no output, and the others go on" {
    gz_files 5
    head -c 30 gz/f3.gz >gz/cut.gz
    run -8 leat each 'gz/*.gz' -- gunzip : write '{.}'
    has 'gz/cut.gz: gunzip (#2): '
    has '1 of 6 inputs failed'
    has '5 done, 1 failed'
    [ ! -e gz/cut ]
    [ -e gz/f5 ]
    run -3 leat each gz/cut.gz -- gunzip : write '{.}'
    run -8 leat each -q --json 'gz/f*.gz' gz/cut.gz --force -- gunzip : write '{.}'
    has '"path":"gz/cut.gz","outcome":"failed"'
    has '"type":"batch","done":5,"skipped":0,"failed":1'
}

@test "a directory that cannot be read is an input that failed, and the others go on" {
    local plain=(bounded)
    if [ "$(id -u)" = 0 ]; then
        needs setpriv
        plain+=(setpriv '--bounding-set=-dac_override,-dac_read_search')
    fi
    mkdir -p in/x/closed out
    echo secret >in/x/closed/file
    chmod 0 in/x/closed
    run -8 "${plain[@]}" "$LEAT" each -r in --journal=j --report=r.html -- write 'out/{base}'
    has 'leat: in/x/closed: Permission denied'
    has '1 of 4 inputs failed:'
    has '3 done, 1 failed'
    cmp in/x/y/c.txt out/c.txt
    grep -q '{"failed":"in/x/closed","exit":1' j
    grep -q 'in/x/closed' r.html
    # an output of its own name is no conflict, and a directory is not made for it
    run -8 "${plain[@]}" "$LEAT" each --json 'in/**/*.txt' --journal=j --resume -- write 'out/{base}'
    has '"path":"in/x/closed","outcome":"failed"'
    has '"skipped":3,"failed":1'
    echo text >in/x/closed.txt
    run -8 "${plain[@]}" "$LEAT" each -r in -- write 'out/{stem}'
    cmp in/x/closed.txt out/closed
    rm in/x/closed.txt
    run -8 "${plain[@]}" "$LEAT" each -r in -- write 'out/{path}/{stem}'
    [ -e out/in/x/y ]
    [ ! -e out/in/x/closed ]
    run -8 "${plain[@]}" "$LEAT" each -r in -- count
    run -1 "${plain[@]}" "$LEAT" each -r in/x/closed -- count # the status of the only input
    run -1 "${plain[@]}" "$LEAT" each 'in/x/closed/*' -- count
    has 'in/x/closed/: Permission denied'
    run -1 "${plain[@]}" "$LEAT" each --dry-run -r in -- write 'out/{base}'
    has 'in/x/closed: Permission denied'
    has "write out/c.txt"
    run -1 "${plain[@]}" "$LEAT" each -r in --shards=2 --plan=RUN.json --force -- write 'out/{base}'
    [ ! -e RUN.json ]
    sanitized || run -8 "${plain[@]}" "$LEAT" each --sandbox=auto -r in --force -- write 'out/{base}'
    chmod 755 in/x/closed
    run -0 leat each -r in --journal=j --resume -- write 'out/{base}'
    cmp in/x/closed/file out/file
}

@test "an option after -- is told from a missing input" {
    run -2 leat each -- -x
    has '-x comes after --'
    run -2 leat each -- --retries=3 in/a.txt -- gzip : write '{}.gz'
    has '--retries=3 comes after --, where the pipeline begins'
    run -2 leat each -- gzip : write '{}.gz'
    has 'there are no inputs'
}

@test "a journal of a newer version is not read" {
    leat each in/a.txt --journal=j -- gzip : write '{}.gz'
    sed -i 's/"version":1/"version":2/' j
    cp j before
    run -2 leat each in/a.txt --journal=j --resume -- gzip : write '{}.gz'
    has 'line 1 of the journal j is of a newer version of leat'
    cmp j before
}

@test "--on-error: stop-new and a percentage begin no more" {
    mkdir bad
    for i in $(seq 50); do echo bad >"bad/$i"; done
    run -8 leat each -r bad --on-error=stop-new --jobs=1 -- gunzip : write '{}.out'
    has '1 failed, 49 not done'
    run -8 leat each -r bad --on-error=10% --jobs=1 -- gunzip : write '{}.out'
    has '6 failed, 44 not done'
    run -8 leat each -r bad --on-error=stop --jobs=1 -- gunzip : write '{}.out'
    has '1 failed, 49 not done'
}

@test "filters choose files" {
    run -0 leat each -r in --include='[ab].txt' -- count -l
    [ "$output" = $'200\n200' ]
    run -0 leat each -r in --exclude=y --include='*.txt' --dry-run -- count
    [ "$output" = $'read -- in/a.txt | count\nread -- in/x/b.txt | count' ]
    : >in/empty.txt
    run -0 leat each -r in --size=0 --dry-run -- count
    [ "$output" = 'read -- in/empty.txt | count' ]
    touch -d 2020-01-01 in/a.txt
    run -0 leat each -r in --newer=2021-06-01 --size=+0 --dry-run -- count
    [ "${#lines[@]}" = 2 ]
}

@test "a manifest names the inputs, and their digests must match" {
    sha256sum in/a.txt in/x/b.txt >sums
    run -0 leat each --manifest=sums -- count -l
    [ "$output" = $'200\n200' ]
    sed -i 's/^./0/' sums
    sed -i '1s/^./1/' sums
    run -8 leat each --manifest=sums -- write '{}.out'
    has 'sha256 (#2)'
    printf '{"path":"in/a.txt","size":1}\n' >m.json
    run -4 leat each --manifest=m.json -- count
    has 'the manifest says 1'
}

@test "what the journal has is skipped, whatever the list" {
    gz_files 4
    run -0 leat each gz/f2.gz gz/f3.gz --journal=j -- gunzip : write '{.}'
    run -1 leat each 'gz/*.gz' --journal=j -- gunzip : write '{.}'
    has 'give --resume'
    run -0 leat each 'gz/*.gz' --journal=j --resume -- gunzip : write '{.}'
    has '2 done, 2 skipped'
    mv gz/f4.gz gz/g4.gz
    rm gz/f1
    printf '{"done":"gz/f2.gz","si' >>j # as a kill leaves it
    run -0 leat each 'gz/*.gz' --journal=j --resume -- gunzip : write '{.}'
    has '2 done, 2 skipped'
    touch gz/f2.gz
    rm gz/f2
    run -0 leat each 'gz/*.gz' --journal=j --resume -- gunzip : write '{.}'
    has '1 done, 3 skipped'
    run -0 leat each 'gz/*.gz' --journal=j --resume --force --json -- gunzip : zstd : write '{.}'
    has '"type":"batch","done":4'
    echo 'no journal' >>j
    run -3 leat each 'gz/*.gz' --journal=j --resume -- gunzip : write '{.}'
    has 'is no line of a journal'
}

@test "a tree that holds its outputs, the journal and temporary files is read again" {
    gz_files 3
    run -0 leat each -r gz --journal=gz/j -- gunzip : write '{.}'
    seq 400 | gzip >gz/f4.gz
    echo x >gz/.f9.leat-0123456789abcdef0123456789abcdef
    run -0 leat each -r gz --journal=gz/j --resume -- gunzip : write '{.}'
    has '1 done, 3 skipped'
    [ "$(wc -l <gz/f4)" = 400 ]
    run -2 leat each -r gz --remove-source -- gunzip : write --no-sync '{.}.x'
    has 'without --no-sync'
}

@test "a file that was there before is not replaced by --resume" {
    gz_files 1
    echo mine >gz/f1
    run -1 leat each gz/f1.gz --journal=j -- gunzip : write '{.}'
    run -1 leat each gz/f1.gz --journal=j --resume -- gunzip : write '{.}'
    has 'exists'
    [ "$(cat gz/f1)" = mine ]
    rm gz/f1 j
    printf '{"leat":"each","version":1,"pipeline":"read -- {} | gunzip | write {.}","same":"size+mtime"}\n{"begin":"gz/f1.gz","out":["gz/f1"]}\n' >j
    echo 'left by a kill' >gz/f1
    run -0 leat each gz/f1.gz --journal=j --resume -- gunzip : write '{.}'
    [ "$(tail -n 1 gz/f1)" = 100 ]
}

@test "two runs with one journal are refused" {
    gz_files 1
    mkfifo held
    exec 9<>held
    "$LEAT" each gz/f1.gz --journal=j -- read '{}' held : write '{.}' &
    wait_for test -s j
    run -1 leat each gz/f1.gz --journal=j --resume -- read '{}' held : write '{.}'
    has 'another run is writing'
    kill "$!"
    wait "$!" || true
}

@test "--remove-source removes a source when its content is in the output" {
    gz_files 3
    for i in 1 2 3; do gzip -dc "gz/f$i.gz" | sha256sum >"want$i"; done
    ln gz/f3.gz other
    run -8 leat each 'gz/*.gz' --remove-source -- gunzip : zstd : write '{.}.zst'
    has 'it has another name'
    [ ! -e gz/f1.gz ]
    [ ! -e gz/f2.gz ]
    [ -e gz/f3.gz ]
    for i in 1 2 3; do zstd -dcq "gz/f$i.zst" | sha256sum | cmp - "want$i"; done
    run -8 leat each 'gz/*.zst' --remove-source -- unzstd : head -n 5 : gzip : write '{.}.gz' --force
    has 'does not have the content of the input'
    [ -e gz/f1.zst ]
    run -2 leat each 'gz/*.zst' --remove-source -- unzstd : null
    has 'needs a pipeline with one output file'
}

@test "--keep-times and --keep-mode" {
    touch -d '2001-02-03 04:05:06.789' in/a.txt
    chmod 640 in/a.txt
    run -0 leat each in/a.txt --keep-times --keep-mode -- gzip : write '{}.gz'
    [ "$(stat -c '%Y %a' in/a.txt)" = "$(stat -c '%Y %a' in/a.txt.gz)" ]
}

@test "a signal leaves no output and no temporary file, and the batch can go on" {
    gz_files 3
    mkfifo held
    exec 9<>held
    "$LEAT" each 'gz/*.gz' --journal=j -- read '{}' held : write '{.}' 2>err &
    wait_for grep -q begin j
    kill -TERM "$!"
    status=0
    wait "$!" || status=$?
    is 143
    [ "$(find gz -type f | wc -l)" = 3 ]
}

@test "a reader that goes away ends the batch" {
    mkdir many
    for i in $(seq 40); do seq 20000 >"many/$i"; done
    run -141 bash -c 'set -o pipefail; "$LEAT" each -r many : pass | head -n 1'
}

@test "--retries tries again after a timeout, never after corrupt data" {
    gz_files 1
    echo bad >gz/bad.gz
    mkfifo held
    exec 9<>held
    run -124 leat each gz/f1.gz --json --timeout=20ms --retries=2 -- read '{}' held : write '{.}'
    has '"outcome":"failed","size":'
    has '"attempts":3,"code":"ETIMEDOUT"'
    run -124 leat each gz/f1.gz --json --timeout=20ms --retries=2 --retry-on=io,net -- read '{}' held : write '{.}'
    has '"attempts":1,'
    run -3 leat each gz/bad.gz --json --retries=2 -- gunzip : write '{.}'
    has '"attempts":1,'
}

@test "a pipeline that needs more than its share of the memory gets all of it" {
    mkdir big
    for i in $(seq 20); do seq 2000 >"big/$i"; done
    leat each -r big --memory=400M --jobs=10 -- zstd -19 : write '{}.zst' # 94M each
    zstd -dcq big/7.zst | cmp - big/7
    run -7 leat each big/1 --memory=40M -- zstd -19 : write '{}.z'
    has 'raise --memory'
}

@test "kill -9 at any point: after --resume all outputs are whole, and no source is lost" {
    needs python3
    run -0 python3 "$BATS_TEST_DIRNAME/../tools/each_kill.py" "$LEAT" "$PWD" "${LEAT_EACH_KILLS:-8}"
    has ' 0 wrong'
}
