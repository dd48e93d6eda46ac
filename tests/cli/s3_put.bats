#!/usr/bin/env bats
# s3_put.bats - s3-put: an object appears whole or not at all (tests/net/s3_server.py).

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    has_stage s3-put
    needs python3
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY "${!AWS_@}"
    mkdir -p s home
    : >s/requests
    serve s
    export HOME=$PWD/home XDG_STATE_HOME=$PWD/state AWS_REGION=here-1
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=s3cret/+
    seq 100000 >f
    yes 'a line of a stream that is longer than two parts' | head -c 18M >big
}

# serve DIR [PORT] - start a server, and set the endpoint.
serve() {
    # shellcheck disable=SC2094
    python3 "$BATS_TEST_DIRNAME/../net/s3_server.py" "$@" >"$1/log" 2>&1 3>&- &
    wait_for test -e "$1/port"
    AWS_ENDPOINT_URL=http://127.0.0.1:$(cat "$1/port")
    export AWS_ENDPOINT_URL
}

# put FILE WORD... - send the file; retries do not wait long.
put() {
    run leat read "$1" : s3-put --retry-wait=1ms "${@:2}"
}

# stored FILE NAME - it succeeded, the object has the content of the file, and no upload is open.
stored() {
    is 0
    cmp "$1" "s/objects/$2"
    closed
}

# closed - no upload is open, and none is noted.
closed() {
    [ ! -s s/open ] || return 1
    [ -z "$(find state -name '*.upload' 2>/dev/null)" ]
}

# refused STATUS TEXT... - it failed with this status, each text is in its message, and nothing was stored.
refused() {
    is "$1"
    shift
    while [ $# -gt 0 ]; do
        has "$1"
        shift
    done
    [ -z "$(ls -A s/objects)" ] || return 1
    closed
}

@test "a short stream is one PUT, and write does with an s3:// URL" {
    put f s3://buck/plain/a
    stored f plain_a
    [ "$(cat s/requests)" = "HEAD /buck/plain/a 404
PUT /buck/plain/a 200" ]
    run leat read f : write s3://buck/plain/b
    stored f plain_b
    run leat read f : head -c 0 : write s3://buck/plain/c
    is 0
    [ -e s/objects/plain_c ]
    [ ! -s s/objects/plain_c ]
    run leat explain read f : write --force s3://buck/plain/b
    has 's3-put --force s3://buck/plain/b'
}

@test "the names of objects are encoded, and headers are stored with them" {
    printf 'X-Amz-Meta-Note:  two  words\n' >headers
    put f -H 'Content-Type: text/plain' -H @headers "s3://buck/plain/a b+c=é?&%41#~"
    is 0
    grep -qF 'PUT /buck/plain/a%20b%2Bc%3D%C3%A9%3F%26%2541%23~ 200' s/requests
    grep -qxF 'type text/plain' s/requests
}

@test "a longer stream is sent in parts, and appears at the end" {
    put big s3://buck/plain/a
    stored big plain_a
    grep -q '^POST /buck/plain/a?uploads= 200' s/requests
    [ "$(grep -c '^PUT .*partNumber=' s/requests)" = 3 ]
    tail -n 1 s/requests | grep -q '^POST /buck/plain/a?uploadId=id%2B1%2Fs 200'
    run leat read big : head -c 8M : s3-put s3://buck/plain/b
    is 0
    [ "$(stat -c %s s/objects/plain_b)" = $((8 << 20)) ]
    put big --size=18M --part-size=5M --in-flight=4 s3://buck/plain/c
    stored big plain_c
    [ "$(grep -c '^PUT /buck/plain/c?partNumber=' s/requests)" = 4 ]
}

@test "an object is not overwritten without --force" {
    echo old >s/objects/plain_a
    put big s3://buck/plain/a
    is 1
    has 's3://buck/plain/a exists; --force overwrites it'
    [ "$(cat s/objects/plain_a)" = old ]
    [ "$(cat s/requests)" = 'HEAD /buck/plain/a 200' ]
    for file in f big; do
        put "$file" --force s3://buck/plain/a
        stored "$file" plain_a
        echo new >s/objects/race_a
        put "$file" s3://buck/race/a
        is 1
        has 's3://buck/race/a exists'
        [ "$(cat s/objects/race_a)" = new ]
        closed
        put "$file" s3://buck/nocond/a
        stored "$file" nocond_a
        rm s/objects/*
    done
}

@test "tries that fail are repeated" {
    for fault in slow lost error half flip; do
        put big "s3://buck/$fault/a"
        stored big "${fault}_a"
    done
    put big "s3://buck/slow/b"
    has '6 tries failed before all was written'
}

@test "an upload whose last answer was lost is found to be complete" {
    put big s3://buck/gone/a
    stored big gone_a
    grep -q 'uploadId=.* lost$' s/requests
    grep -q '^POST .*uploadId=.* 404$' s/requests
}

@test "what goes on to fail is an error with the server's reason, and the upload is aborted" {
    put big s3://buck/bad/a
    refused 5 's3://buck/bad/a: the end of the upload: the server answered 200 InvalidPart: one is missing'
    put big --retries=1 s3://buck/slow/a
    refused 5 's3://buck/slow/a: part ' ': the server answered 503 SlowDown: Please reduce your request rate'
    put big --retries=2 s3://buck/flipped/a
    refused 5 'XAmzContentSHA256Mismatch'
    put big s3://buck/etag/a
    refused 5 'the server gave part ' ' no ETag'
    put f s3://buck/mute/a
    refused 5 "PUT: the server answered 401: who are you?"
    put f s3://other/plain/a
    refused 1 'the server answered 404 NoSuchBucket: The bucket <x> does not exist' 'make the bucket first'
    AWS_ENDPOINT_URL=http://127.0.0.1:1 put f --retries=1 s3://buck/plain/a
    refused 5 's3://buck/plain/a: given up after --retries: '
}

@test "a pipeline that fails aborts the upload" {
    run leat read big : tee [ exec sh -c 'cat >/dev/null; exit 3' ] : s3-put s3://buck/plain/a
    refused 6 'exited with status 3'
    grep -q '^DELETE /buck/plain/a?uploadId=.* 204' s/requests
    run leat read big : tee [ write out ] : s3-put s3://buck/bad/a
    refused 5 InvalidPart
    [ ! -e out ]
    put big --size=17M s3://buck/plain/a
    refused 7 'longer than --size=17825792'
    put big --size=19M s3://buck/plain/a
    refused 3 'shorter than --size=19922944'
}

@test "SIGINT and SIGTERM abort the upload" {
    for signal in INT TERM; do
        env --default-signal=INT,TERM "$LEAT" read big : s3-put s3://buck/stuck/a 3>&- & # a shell ignores SIGINT there
        wait_for grep -q 'stuck/a 1 2' s/open
        [ -n "$(find state -name '*.upload')" ]
        kill "-$signal" $!
        status=0
        wait $! || status=$?
        [ "$status" -gt 128 ]
        closed
        [ -z "$(ls -A s/objects)" ]
    done
}

@test "the parts of a run that was killed are removed by the next one" {
    "$LEAT" read big : s3-put s3://buck/stuck/a 3>&- &
    killed=$!
    wait_for grep -q 'stuck/a 1 2' s/open
    "$LEAT" read big : s3-put s3://buck/stuck/b 3>&- &
    other=$!
    wait_for grep -q 'stuck/b 1 2 3' s/open
    kill -9 "$killed"
    wait "$killed" || true
    put f s3://buck/plain/a
    is 0
    has 'uploads of killed runs that were aborted now: 1'
    [ "$(cat s/open)" = 'stuck/b 1 2 3' ] # that one runs
    [ "$(find state -name '*.upload' | wc -l)" = 1 ]
    put f s3://buck/plain/b
    is 0
    [[ $output != *killed* ]]
    kill -TERM "$other"
    wait "$other" || true
    closed
}

# held FILE WORD... - start a pipeline that sends the file, and wait until the server has stored it; sets sender.
held() {
    rm -f s/held s/go s/answered s/objects/hold_a out/* 2>/dev/null
    : >s/requests
    "$LEAT" "${@:2}" read "$1" : tee [ write out/copy ] : s3-put s3://buck/hold/a 2>message 3>&- &
    sender=$!
    wait_for test -e s/held
}

@test "a signal or --timeout ends the wait for the last answer, and the server may have stored it" {
    mkdir -p out
    for threads in 1 2; do
        for file in f big; do
            held $file --threads=$threads
            kill $sender
            status=0
            wait $sender || status=$?
            output=$(cat message)
            is 143
            has 'the server may have stored it'
            [ ! -e out/copy ]
            closed
        done
    done
    rm -f s/objects/hold_a
    run leat --timeout=1s read f : tee [ write out/copy ] : s3-put s3://buck/hold/a
    is 124
    [ ! -e out/copy ]
}

@test "a last answer that comes with the signal is honoured" {
    mkdir -p out
    for threads in 1 2; do
        for file in f big; do
            held $file --threads=$threads
            kill -STOP $sender
            kill -TERM $sender
            : >s/go
            wait_for test -e s/answered
            kill -CONT $sender
            wait $sender
            cmp $file s/objects/hold_a
            cmp $file out/copy
        done
    done
}

@test "credentials: the environment, files, a profile, the services of a container and an instance" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    AWS_EC2_METADATA_DISABLED=true put f s3://buck/plain/a
    refused 2 'no credentials: set AWS_ACCESS_KEY_ID'
    AWS_EC2_METADATA_SERVICE_ENDPOINT=$AWS_ENDPOINT_URL put f s3://buck/plain/a
    stored f plain_a
    AWS_CONTAINER_CREDENTIALS_FULL_URI=$AWS_ENDPOINT_URL/keys AWS_CONTAINER_AUTHORIZATION_TOKEN='let me in' \
        put f s3://buck/plain/b
    stored f plain_b
    echo 'let me in' >token
    AWS_CONTAINER_CREDENTIALS_FULL_URI=$AWS_ENDPOINT_URL/keys AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=$PWD/token \
        put f s3://buck/plain/c
    stored f plain_c
    mkdir home/.aws
    printf '[default]\naws_access_key_id = test\naws_secret_access_key=s3cret/+ \n[t]\n%s\n%s\n%s\n' \
        aws_access_key_id=temp 'aws_secret_access_key = other' aws_session_token=tok/en== >home/.aws/credentials
    printf '[profile t]\nregion=here-1\nendpoint_url = %s\n[profile r]\nrole_arn=x\n' "$AWS_ENDPOINT_URL" >home/.aws/config
    put f s3://buck/plain/d
    stored f plain_d
    unset AWS_ENDPOINT_URL AWS_REGION
    AWS_PROFILE=t put f s3://buck/plain/e
    stored f plain_e
    AWS_PROFILE=r put f s3://buck/plain/f
    is 2
    has 'the profile r has role_arn'
    mv home/.aws other
    AWS_PROFILE=t AWS_SHARED_CREDENTIALS_FILE=other/credentials AWS_CONFIG_FILE=$PWD/other/config put f s3://buck/plain/g
    stored f plain_g
}

# sum - the SHA-256 of standard input, as a header has it.
sum() {
    python3 -c 'import base64, hashlib, sys
print(base64.b64encode(hashlib.sha256(sys.stdin.buffer.read()).digest()).decode())'
}

@test "the server verifies the SHA-256 of each part, and of the whole" {
    put f s3://buck/plain/a
    stored f plain_a
    [ "$(cat s/sums)" = "$(sum <f)" ]
    : >s/sums
    put big --part-size=8M s3://buck/plain/b
    stored big plain_b
    head -c 8M big | sum >parts
    tail -c +8388609 big | head -c 8M | sum >>parts
    tail -c +16777217 big | sum >>parts
    sort parts >expected
    sort s/sums | cmp - expected
    for file in f big; do # servers that know nothing of it
        put "$file" "s3://buck/nosum/$file"
        stored "$file" "nosum_$file"
        put "$file" "s3://buck/sumless/$file"
        stored "$file" "sumless_$file"
    done
    put big s3://buck/rot/a
    stored big rot_a
    has '1 tries failed'
    rm s/objects/*
    put big --retries=2 s3://buck/rotten/a
    refused 5 'part 1: the server answered 400 BadDigest: The SHA256 you specified did not match'
}

@test "a profile that needs a login is refused, also if it has keys" {
    unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
    mkdir home/.aws
    printf '[default]\naws_access_key_id = test\naws_secret_access_key=s3cret/+\n' >home/.aws/credentials
    for way in 'sso_session = work' "role_arn = arn:aws:iam::123456789012:role/$(printf 'x%.0s' {1..80})" 'sso_start_url=https://x'; do
        printf '[default]\n%s\n' "$way" >home/.aws/config
        put f s3://buck/plain/a
        refused 2 "the profile default has ${way%%[ =]*}, which leat does not follow" 'aws configure export-credentials'
    done
    printf '[default]\ncredential_process = x\n' >home/.aws/config # the keys come first
    put f s3://buck/plain/a
    stored f plain_a
}

@test "wrong keys, regions and URLs are errors with a remedy" {
    AWS_SECRET_ACCESS_KEY=wr0ng put f s3://buck/plain/a
    refused 5 '403 SignatureDoesNotMatch: The signature is wrong; check the secret key'
    [[ $output != *wr0ng* ]]
    AWS_ACCESS_KEY_ID=nobody put big s3://buck/plain/a
    refused 5 '403 InvalidAccessKeyId'
    AWS_REGION=there put f s3://buck/plain/a
    refused 5 'the bucket is in here-1' 'set AWS_REGION'
    for url in s3://buck s3://buck/ s3:///a s3://BUCK/a s3://ab/c $'s3://buck/a\nb'; do
        put f "$url"
        refused 2 's3-put (#2): s3://'
    done
    AWS_ENDPOINT_URL=ftp://x put f s3://buck/plain/a
    refused 2 AWS_ENDPOINT_URL
}

@test "parts are counted in --memory, and fewer are used if it is short" {
    for memory in 24M 32M 64M; do
        run leat --memory=$memory --threads=1 read big : s3-put --force s3://buck/plain/a
        stored big plain_a
    done
    run leat --memory=8M read big : s3-put s3://buck/plain/b
    is 7
    has '--memory'
}

# quiet PID - it waits, or has ended.
quiet() {
    ! kill -0 "$1" 2>/dev/null || settled "$1"
}

@test "a pipeline that fails while the upload begins aborts it" {
    "$LEAT" read big : tee [ exec sh -c 'cat >/dev/null; exit 3' ] : s3-put s3://buck/late/a 2>err 3>&- &
    pid=$!
    wait_for grep -q '^HEAD' s/requests
    wait_for quiet "$pid"
    : >s/go
    status=0
    wait "$pid" || status=$?
    output=$(cat err)
    wait_for grep -q '^POST /buck/late/a?uploads=.* 200' s/requests
    refused 6 'exited with status 3'
    grep -q '^DELETE /buck/late/a?uploadId=.* 204' s/requests
}

@test "parts go on to be sent while no data comes" {
    mkfifo p
    exec 5<>p
    (cat big >&5) 3>&- &
    "$LEAT" read p : s3-put s3://buck/late/a 3>&- 5>&- &
    pid=$!
    wait_for grep -q '^HEAD' s/requests
    wait_for settled "$pid"
    : >s/go
    wait_for grep -qx 'late/a 1 2' s/open
    kill -TERM "$pid"
    wait "$pid" || true
    closed
}
