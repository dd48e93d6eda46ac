#!/usr/bin/env bats
# s3_get.bats - get s3://BUCKET/KEY: the right bytes or the right error (tests/net/s3_server.py).

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    has_stage get
    needs python3
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY "${!AWS_@}"
    mkdir -p s home out
    : >s/requests
    # shellcheck disable=SC2094
    python3 "$BATS_TEST_DIRNAME/../net/s3_server.py" s >s/log 2>&1 3>&- &
    wait_for test -e s/port
    AWS_ENDPOINT_URL=http://127.0.0.1:$(cat s/port)
    export AWS_ENDPOINT_URL HOME=$PWD/home AWS_REGION=here-1
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=s3cret/+
    seq 100000 >f
}

# get WORD... - the content goes to out/f; retries do not wait long.
get() {
    run leat get --retry-wait=1ms "$@" : write out/f
}

# refused STATUS TEXT... - it failed with this status, each text is in its message, and there is no output.
refused() {
    is "$1"
    shift
    while [ $# -gt 0 ]; do
        has "$1"
        shift
    done
    [ -z "$(ls -A out)" ]
}

@test "get reads an object, and read does with an s3:// URL" {
    cp f 's/objects/plain_a b%é'
    get 's3://buck/plain/a b%é'
    is 0
    cmp f out/f
    grep -qxF 'GET /buck/plain/a%20b%25%C3%A9 200' s/requests
    run leat read 's3://buck/plain/a b%é' : sha256
    has "$(sha256sum <f | cut -d' ' -f1)"
    run leat explain read s3://buck/plain/a : null
    has 'get s3://buck/plain/a'
}

@test "the path of an object is not changed" {
    cp f s/objects/plain_._.._a__b
    get s3://buck/plain/./../a//b
    is 0
    cmp f out/f
    run leat read f : s3-put s3://buck/plain/x/../y
    is 0
    cmp f s/objects/plain_x_.._y
}

@test "a connection that is lost is resumed with a signature of its own" {
    cp f s/objects/drop_a
    get --sha256="$(sha256sum <f | cut -d' ' -f1)" s3://buck/drop/a
    is 0
    cmp f out/f
    has '2 tries failed before all was read'
    [ "$(grep -c '^GET /buck/drop/a 206' s/requests)" = 2 ]
}

@test "an object that changes is an error, and there is no output" {
    cp f s/objects/change_a
    get s3://buck/change/a
    refused 5 's3://buck/change/a: the content changed after'
}

@test "a refusal shows the server's reason" {
    get s3://buck/plain/none
    refused 1 's3://buck/plain/none: GET: the server answered 404 NoSuchKey'
    get s3://other/plain/none
    refused 1 'NoSuchBucket' 'make the bucket first'
    AWS_SECRET_ACCESS_KEY=wr0ng get s3://buck/plain/a
    refused 5 '403 SignatureDoesNotMatch' 'check the secret key'
    [[ $output != *wr0ng* ]]
    AWS_REGION=there get s3://buck/plain/a
    refused 5 'the bucket is in here-1' 'set AWS_REGION'
    get s3://buck
    refused 2 's3://BUCKET/KEY'
    get --header='X-A: b' s3://buck/plain/a
    refused 2 '--header is for http'
}

@test "an object is copied through a pipeline" {
    cp f s/objects/plain_a
    run leat read s3://buck/plain/a : gzip : write s3://buck/plain/a.gz
    is 0
    gunzip <s/objects/plain_a.gz | cmp - f
}
