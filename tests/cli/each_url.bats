#!/usr/bin/env bats
# each_url.bats - leat each with inputs that are URLs: names, identity by ETag, journal, plan, failures of servers.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    has_stage get
    needs python3
    unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
    mkdir -p s/d out
    for f in a b d/c; do
        seq "$(printf '%d' "'${f: -1}")" | gzip >"s/$f.gz"
        echo "\"$f-1\"" >"s/$f.gz.etag"
    done
    python3 "$BATS_TEST_DIRNAME/../net/files_server.py" s >log 2>&1 3>&- &
    wait_for test -e s/port
    host=127.0.0.1:$(cat s/port)
    url=http://$host
}

# fetch STATUS WORD... - leat each over these options and inputs, decoded to out/
fetch() {
    run "-$1" leat each "${@:2}" -- get --retry-wait=1ms '{}' : gunzip : write 'out/{stem}'
}

asked() { # asked METHOD PATH - how many such requests there were
    grep -c "^$1 $2 " s/requests || true
}

@test "URLs are inputs: on the command line, in lists and manifests, and {} is the URL" {
    fetch 0 "$url/a.gz" "$url/b.gz"
    for f in a b; do gzip -dc "s/$f.gz" | cmp - "out/$f"; done
    # a pipeline without a source reads them, as read {} does
    run -0 leat each "$url/d/c.gz?x=1" --json -- gunzip : write 'out/{stem}'
    gzip -dc s/d/c.gz | cmp - out/c
    has "\"size\":$(stat -c %s s/d/c.gz)"
    rm out/*
    printf '%s\n' "$url/a.gz" "$url/d/c.gz" >list
    fetch 0 --files-from=list
    gzip -dc s/d/c.gz | cmp - out/c
    rm out/*
    digest=$(sha256sum <s/a.gz | cut -c 1-64)
    echo "$digest  $url/a.gz" >sums
    printf '{"path":"%s","size":%d,"sha256":"%s"}\n' "$url/b.gz" "$(stat -c %s s/b.gz)" "$digest" >wrong.jsonl
    fetch 8 --manifest=sums --manifest=wrong.jsonl
    [ -e out/a ]
    [ ! -e out/b ] # its digest is another one
    printf '{"path":"%s","size":5}\n' "$url/b.gz" >short.jsonl
    fetch 4 --manifest=short.jsonl
    has 'the manifest says 5'
    # stdout, in order
    run -0 leat each "$url/b.gz" "$url/a.gz" -- gunzip : count -l
    [ "$output" = $'97\n98' ]
}

@test "the parts of the name of a URL are those of its path" {
    run -0 leat each --dry-run "$url/x/y.tar.gz?q=/z#f" -- get '{}' : write 'o-{/}-{dir}-{.}-{/.}-{base}-{stem2}-{ext}-{rel}-{plain}-{decoder}'
    has "get $url/x/y.tar.gz?q=/z#f"
    has 'o-y.tar.gz-x-x/y.tar-y.tar-y.tar.gz-y-gz-x/y.tar.gz-x/y.tar-gunzip'
    run -0 leat each --dry-run "$url" -- get '{}' : write 'o-{base}-{dir}'
    has "write o--."
    [ ! -e s/requests ] # --dry-run asks nobody
    for bad in "$url/../x" "$url/a/.." "$url/./a" 'http:///a' "$url/.."; do
        run -2 leat each "$bad" -- write 'out/{rel}'
        has 'a URL needs a host'
    done
    run -2 leat each "$url/a.gz" "$url/a.gz" -- write 'out/{rel}'
    has 'listed twice'
    run -2 leat each "$url/a.gz" "$url/d/../a.gz" -- write 'out/{rel}'
    run -2 leat each --dry-run "$url/a.gz" "$url/d/a.gz" -- write 'out/{base}'
    has 'have the same output'
    fetch 0 --include='b*' "$url/a.gz" "$url/b.gz"
    [ ! -e out/a ]
    [ -e out/b ]
}

@test "a strong ETag is the identity: equal is skipped, another one is done again" {
    fetch 0 "$url/a.gz" "$url/b.gz" --journal=j
    grep -qF '"etag":"\"a-1\""' j
    echo new | gzip >s/b.gz
    fetch 0 "$url/a.gz" "$url/b.gz" --journal=j --resume --force --json # the same ETag: the server says that nothing changed
    has '"done":0,"skipped":2'
    echo '"b-2"' >s/b.gz.etag
    fetch 0 "$url/a.gz" "$url/b.gz" --journal=j --resume --force --json
    has '"done":1,"skipped":1'
    [ "$(cat out/b)" = new ]
    [ "$(asked GET /a.gz)" = 1 ]
    # what was asked for to begin with does not count with another identity
    fetch 0 "$url/a.gz" --journal=k --same=size+mtime --force
    run ! grep -q etag k
    fetch 0 "$url/a.gz" --journal=l --same=etag --force
    grep -q '"same":"etag"' l
    fetch 0 "$url/a.gz" --journal=l --same=etag --resume --json
    has '"skipped":1'
}

@test "a weak ETag and none: size and Last-Modified, and without that it is done again" {
    echo 'W/"weak"' >s/a.gz.etag
    echo 'Wed, 01 Jan 2020 00:00:00 GMT' >s/a.gz.modified
    rm s/b.gz.etag
    fetch 5 "$url/a.gz" --same=etag
    has 'no strong ETag; --same=size+mtime'
    fetch 0 "$url/a.gz" "$url/b.gz" --journal=j
    run ! grep -q etag j
    grep -q '"mtime_ns":1577836800000000000' j
    fetch 0 "$url/a.gz" "$url/b.gz" --journal=j --resume --force --json
    has '"done":1,"skipped":1'
    [ "$(asked GET /a.gz)" = 1 ]
    echo 'Wed, 01 Jan 2020 00:00:01 GMT' >s/a.gz.modified
    fetch 0 "$url/a.gz" --journal=j --resume --force --json
    has '"done":1,"skipped":0'
}

@test "errors of servers are of one input; what passes is tried again; redirects are followed" {
    fetch 8 "$url/a.gz" "$url/none.gz" "$url/to/b.gz" --journal=j
    has "leat: $url/none.gz: the server answered 404 Not Found"
    has '1 of 3 inputs failed'
    grep -qF "{\"failed\":\"$url/none.gz\",\"exit\":5" j
    gzip -dc s/b.gz | cmp - out/b
    fetch 5 "$url/none.gz"
    [ "$(asked GET /none.gz)" = 0 ]
    printf '503\n503\n' >s/a.gz.status
    fetch 0 "$url/a.gz" --force
    printf '503\n503\n503\n503\n503\n503\n' >s/a.gz.status
    fetch 5 "$url/a.gz" --force
    has 'given up after 5 retries'
    echo 403 >s/b.gz.status
    fetch 8 "$url/a.gz" "$url/b.gz" --force
    has '403 Forbidden'
    run -5 leat each "http://127.0.0.1:1/x" -- get --retries=0 '{}' : write out/x
}

@test "many servers' answers are taken, some at once" {
    for i in $(seq 60); do
        echo "$i" >"s/f$i"
        echo "$url/f$i"
    done >list
    rm s/f7 s/f60
    run -8 leat each --files-from=list -- write 'out/{base}'
    has '2 of 60 inputs failed'
    [ "$(cat out/f* | sort -n | sha256sum)" = "$(seq 60 | grep -vx -e 7 -e 60 | sha256sum)" ]
}

@test "content that changes while it is read is changed, and done again" {
    mkdir s/a.gz.next
    echo later | gzip >s/a.gz.next/a.gz
    echo '"a-2"' >s/a.gz.next/a.gz.etag
    fetch 1 "$url/a.gz" --journal=j --json
    has '"outcome":"changed"'
    fetch 0 "$url/a.gz" --journal=j --resume --json
    [ "$(cat out/a)" = later ]
    mkdir s/b.gz.next
    echo later | gzip >s/b.gz.next/b.gz
    echo '"b-2"' >s/b.gz.next/b.gz.etag
    run -8 leat each "$url/a.gz" "$url/b.gz" -- gunzip : count -l # to standard output
    has 'the content of the URL changed'
}

@test "a password is used, and is in no journal, plan, report or message" {
    run -8 leat each "http://me:secret@$host/a.gz" "http://me:secret@$host/none" --force --journal=k --report=r.html --json -- \
        gunzip : write 'out/{stem}'
    [[ $output != *secret* ]]
    run ! grep -l secret k r.html
    grep -qF "{\"done\":\"http://me:***@$host/a.gz\"" k
    grep -q "^GET /a.gz Basic $(printf me:secret | base64)" s/requests
    grep -q "^HEAD /a.gz Basic $(printf me:secret | base64)" s/requests
    # another password is the same input
    run -8 leat each "http://me:other@$host/a.gz" "http://me:secret@$host/none" --force --journal=k --resume --json -- \
        gunzip : write 'out/{stem}'
    has '"skipped":1'
    run -0 leat each --dry-run "http://me:secret@$host/a.gz" -- gunzip : write 'out/{stem}'
    [[ $output != *secret* ]]
    run -2 leat each "http://me:secret@$host/a.gz" --shards=1 --plan=RUN.json -- gunzip : write 'out/{stem}'
    has 'a password, which must not be in a plan'
    [[ $output != *secret* ]]
    [ ! -e RUN.json ]
}

@test "a plan has the identity, and a shard finds that it changed" {
    run -0 leat each "$url/a.gz" "$url/b.gz" "$url/d/c.gz" --shards=2 --plan=RUN.json -- get --retry-wait=1ms '{}' : gunzip : write 'out/{stem}'
    grep -qF '"etag":"\"a-1\""' RUN.json
    heads=$(asked HEAD /a.gz)
    [ "$heads" = 1 ]
    for i in 0 1; do leat each -q --plan=RUN.json "--shard=$i"; done
    leat each -q --join=RUN.json --verify
    for f in a b d/c; do gzip -dc "s/$f.gz" | cmp - "out/${f#d/}"; done
    rm -r RUN.json*
    run -0 leat each "$url/a.gz" --shards=1 --plan=RUN.json --force -- gunzip : write 'out/{stem}'
    echo '"a-2"' >s/a.gz.etag
    run -1 leat each --plan=RUN.json --shard=0
    has 'the content of the URL changed'
    run -8 leat each --join=RUN.json
    run -5 leat each "$url/none" --shards=1 --plan=NONE.json -- gunzip : write 'out/{stem}'
    has '404'
    [ ! -e NONE.json ]
}

@test "options for files are refused with URLs" {
    for option in --remove-source --keep-times --keep-mode --newer=2020-01-01 --size=+1 --same=sha256; do
        fetch 2 "$url/a.gz" "$option"
        has "$url/a.gz is a URL, and ${option%%=[2+]*} "
    done
    [ ! -e s/requests ]
    run -2 leat each "$url/a.gz" --split=lines --shards=2 --plan=RUN.json -- read '{}' : write 'out/{n}'
    has 'is a URL, and --split'
    echo x >file
    run -2 leat each file --same=etag -- count
    has 'file is a file'
    run -2 leat each "$url/a.gz" -- get --head --connections=2 --nonsense '{}' : count
}

@test "objects of S3 are inputs" {
    unset "${!AWS_@}"
    mkdir -p s3 home
    # shellcheck disable=SC2094
    python3 "$BATS_TEST_DIRNAME/../net/s3_server.py" s3 >s3/log 2>&1 3>&- &
    wait_for test -e s3/port
    AWS_ENDPOINT_URL=http://127.0.0.1:$(cat s3/port)
    export AWS_ENDPOINT_URL HOME=$PWD/home AWS_REGION=here-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=s3cret/+
    seq 1000 >s3/objects/plain_x
    run -8 leat each s3://buck/plain/x s3://buck/plain/none --journal=j -- get --retry-wait=1ms '{}' : write 'out/{rel}'
    has 's3://buck/plain/none: '
    cmp s3/objects/plain_x out/plain/x
    grep -q '^{"done":"s3://buck/plain/x".*"etag":' j
    run -0 leat each s3://buck/plain/x --journal=j --resume --json -- get --retry-wait=1ms '{}' : write 'out/{rel}'
    has '"skipped":1'
}

@test "URLs in a confined process" {
    sanitized && skip 'the sanitizer reads /proc when it ends'
    run -0 leat each --sandbox=auto "$url/a.gz" "$url/b.gz" -- gunzip : write 'out/{stem}'
    gzip -dc s/b.gz | cmp - out/b
}

@test "get --head tells what a server says" {
    run -0 leat get --head "$url/to/a.gz"
    [ "$output" = "{\"size\":$(stat -c %s s/a.gz),\"etag\":\"\\\"a-1\\\"\"}" ]
    rm s/b.gz.etag
    echo 'Wed, 01 Jan 2020 00:00:00 GMT' >s/b.gz.modified
    run -0 leat get --head --connections=4 "$url/b.gz"
    [ "$output" = "{\"size\":$(stat -c %s s/b.gz),\"modified\":1577836800}" ]
    [ "$(asked GET /b.gz)" = 0 ]
    run -5 leat get --head "$url/none"
    has '404 Not Found'
    run -2 leat get --head sftp://localhost/x
    has '--head is for'
}
