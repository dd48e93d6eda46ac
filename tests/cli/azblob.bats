#!/usr/bin/env bats
# azblob.bats - azblob-put and get azblob://: a blob appears whole or not at all, also if the service fails (tests/net/azblob_server.py).

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    has_stage azblob-put
    needs python3
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY "${!AZURE_@}"
    mkdir -p s out
    : >s/requests
    # shellcheck disable=SC2094
    python3 "$BATS_TEST_DIRNAME/../net/azblob_server.py" s >s/log 2>&1 3>&- &
    wait_for test -e s/port
    AZURE_STORAGE_SERVICE_ENDPOINT=http://127.0.0.1:$(cat s/port)/acct
    export AZURE_STORAGE_SERVICE_ENDPOINT AZURE_STORAGE_ACCOUNT=acct AZURE_STORAGE_KEY=a2V5
    seq 100000 >f
    yes 'a line of a stream that is longer than two blocks' | head -c 18M >big
}

# put FILE WORD... - send the file; retries do not wait long.
put() {
    run leat read "$1" : azblob-put --retry-wait=1ms "${@:2}"
}

# get WORD... - the content goes to out/f.
get() {
    run leat get --retry-wait=1ms "$@" : write --force out/f
}

# stored FILE NAME - it succeeded, the blob has the content of the file, and no block waits.
stored() {
    is 0
    cmp "$1" "s/blobs/$2"
    [ "$(cat s/open)" = 0 ]
}

# refused STATUS TEXT... - it failed with this status, each text is in its message, and there is no blob.
refused() {
    is "$1"
    shift
    while [ $# -gt 0 ]; do
        has "$1"
        shift
    done
    [ -z "$(ls -A s/blobs)" ]
}

@test "a short stream is one Put Blob, and write does with an azblob:// URL" {
    put f azblob://cont/plain/a
    stored f plain_a
    [ "$(cat s/requests)" = "HEAD /acct/cont/plain/a 404
PUT /acct/cont/plain/a 201" ]
    run leat read f : write azblob://cont/plain/b
    stored f plain_b
    run leat read f : head -c 0 : write azblob://cont/plain/c
    is 0
    [ -e s/blobs/plain_c ]
    [ ! -s s/blobs/plain_c ]
    run leat explain read f : write --force azblob://cont/plain/b
    has 'azblob-put --force azblob://cont/plain/b'
    run leat explain read azblob://cont/plain/b : null
    has 'get azblob://cont/plain/b'
}

@test "a longer stream is sent in blocks, and the list of them makes the blob" {
    put big azblob://cont/plain/a
    stored big plain_a
    [ "$(grep -c '^PUT .*comp=block&blockid=' s/requests)" = 3 ]
    tail -n 1 s/requests | grep -qx 'PUT /acct/cont/plain/a?comp=blocklist 201'
    put big --size=18M --block-size=5M --in-flight=4 azblob://cont/plain/b
    stored big plain_b
    [ "$(grep -c '^PUT /acct/cont/plain/b?comp=block&blockid=' s/requests)" = 4 ]
    run leat read big : head -c 8M : azblob-put azblob://cont/plain/c
    is 0
    [ "$(stat -c %s s/blobs/plain_c)" = $((8 << 20)) ]
}

@test "names of blobs are encoded, and what has no place in a blob is refused" {
    put f "azblob://cont/plain/./../a b+c=é?&%41#~"
    is 0
    grep -qF 'PUT /acct/cont/plain/./../a%20b%2Bc%3D%C3%A9%3F%26%2541%23~ 201' s/requests
    get "azblob://cont/plain/./../a b+c=é?&%41#~"
    is 0
    cmp f out/f
    put f -H 'X-Other: 1' azblob://cont/plain/b
    is 2
    has "'X-Other' cannot be stored with a blob"
    put f -H 'X-Ms-Version: 1' azblob://cont/plain/b
    is 2
}

@test "a blob is not overwritten without --force" {
    echo old >s/blobs/plain_a
    put big azblob://cont/plain/a
    is 1
    has 'azblob://cont/plain/a exists; --force overwrites it'
    [ "$(cat s/blobs/plain_a)" = old ]
    [ "$(cat s/requests)" = 'HEAD /acct/cont/plain/a 200' ]
    for file in f big; do
        put "$file" --force azblob://cont/plain/a
        is 0
        cmp "$file" s/blobs/plain_a
        for fault in race blind; do
            echo new >s/blobs/${fault}_a
            put "$file" "azblob://cont/$fault/a"
            is 1
            has "azblob://cont/$fault/a exists"
            [ "$(cat s/blobs/${fault}_a)" = new ]
        done
        rm s/blobs/*
        put "$file" azblob://cont/blind/b
        is 0
        cmp "$file" s/blobs/blind_b
    done
}

@test "tries that fail are repeated" {
    for fault in slow wait lost error half flip; do
        put big "azblob://cont/$fault/a"
        stored big "${fault}_a"
    done
    put big azblob://cont/slow/b
    has '6 tries failed before all was written'
}

@test "no try comes before the time that the server asked for" {
    put big azblob://cont/wait/a
    stored big wait_a
    has '3 tries failed before all was written'
}

@test "a blob whose answer was lost is found to be there" {
    for file in f big; do
        put "$file" "azblob://cont/gone/$file"
        stored "$file" "gone_$file"
    done
    grep -q '^PUT /acct/cont/gone/big?comp=blocklist 409' s/requests
    grep -q '^PUT /acct/cont/gone/f 409' s/requests
}

@test "what goes on to fail is an error with the server's reason, and there is no blob" {
    put big azblob://cont/bad/a
    refused 5 'azblob://cont/bad/a: Put Block List: the server answered 400 InvalidBlockList: The specified block list is invalid' 'run it again'
    put big --retries=1 azblob://cont/slow/a
    refused 5 'azblob://cont/slow/a: block ' ': the server answered 503 ServerBusy: The server is busy'
    put big --retries=2 azblob://cont/flipped/a
    refused 5 '400 Md5Mismatch'
    put f azblob://cont/mute/a
    refused 5 'Put Blob: the server answered 401: who are you?'
    for file in f big; do
        put "$file" --force azblob://cont/lease/a
        refused 5 '412 LeaseIdMissing: There is currently a lease on the blob; the blob has a lease; give --header='
    done
    put f azblob://other/plain/a
    refused 1 'the server answered 404 ContainerNotFound' 'make the container first'
    AZURE_STORAGE_SERVICE_ENDPOINT=http://127.0.0.1:1/acct put f --retries=1 azblob://cont/plain/a
    refused 5 'azblob://cont/plain/a: given up after --retries: '
}

@test "a pipeline that fails makes no blob, and what was written with it is taken back" {
    run leat read big : tee [ exec sh -c 'cat >/dev/null; exit 3' ] : azblob-put azblob://cont/plain/a
    refused 6 'exited with status 3'
    run leat read big : tee [ write out/x ] : azblob-put azblob://cont/bad/a
    refused 5 InvalidBlockList
    [ -z "$(ls -A out)" ]
    put big --size=17M azblob://cont/plain/a
    refused 7 'longer than --size=17825792'
    put big --size=19M azblob://cont/plain/a
    refused 3 'shorter than --size=19922944'
    [[ $(cat s/requests) != *blocklist\ 201* ]]
}

@test "SIGINT, SIGTERM and SIGKILL leave no blob, and the next run writes it" {
    for signal in INT TERM KILL; do
        env --default-signal=INT,TERM "$LEAT" read big : azblob-put azblob://cont/stuck/a 3>&- & # a shell ignores SIGINT there
        wait_for grep -q 'PUT .*stuck/a?comp=block.* 201' s/requests
        kill "-$signal" $!
        status=0
        wait $! || status=$?
        [ "$status" -gt 128 ]
        [ -z "$(ls -A s/blobs)" ]
        : >s/requests
    done
    [ "$(cat s/open)" -ge 3 ] # one of each run: their names are their own
    run leat read f : azblob-put azblob://cont/stuck/a
    stored f stuck_a
}

# held FILE WORD... - start a pipeline that sends the file, and wait until the server has stored it; sets sender.
held() {
    rm -f s/held s/go s/answered s/blobs/hold_a out/* 2>/dev/null
    : >s/requests
    "$LEAT" "${@:2}" read "$1" : tee [ write out/copy ] : azblob-put azblob://cont/hold/a 2>message 3>&- &
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
        done
    done
    rm -f s/blobs/hold_a
    run leat --timeout=1s read f : tee [ write out/copy ] : azblob-put azblob://cont/hold/a
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
            cmp $file s/blobs/hold_a
            cmp $file out/copy
        done
    done
}

@test "credentials: a key, a token, a connection string; and none is in a message" {
    endpoint=$AZURE_STORAGE_SERVICE_ENDPOINT
    unset "${!AZURE_@}"
    put f azblob://cont/plain/a
    refused 2 'there is no key: set AZURE_STORAGE_CONNECTION_STRING'
    for text in "AccountName=acct;AccountKey=a2V5;BlobEndpoint=$endpoint/" \
        "BlobEndpoint=$endpoint;SharedAccessSignature=sv=1&sig=t0ken%2F"; do
        AZURE_STORAGE_CONNECTION_STRING=$text put big --force azblob://cont/plain/a
        stored big plain_a
        AZURE_STORAGE_CONNECTION_STRING=$text get azblob://cont/plain/a
        is 0
        cmp big out/f
        rm s/blobs/plain_a
    done
    export AZURE_STORAGE_SERVICE_ENDPOINT=$endpoint
    AZURE_STORAGE_SAS_TOKEN='?sv=1&sig=t0ken%2F' put f azblob://cont/plain/a
    stored f plain_a
    for verb in put get; do
        file=f
        [ $verb = put ] || file=
        AZURE_STORAGE_SAS_TOKEN='sv=1&sig=wr0ng' $verb $file azblob://cont/plain/b
        is 5
        has '403 AuthenticationFailed'
        [[ $output != *wr0ng* ]]
        AZURE_STORAGE_ACCOUNT=acct AZURE_STORAGE_KEY=d3IwbmcK $verb $file azblob://cont/plain/b
        is 5
        has AuthenticationFailed
        has 'check AZURE_STORAGE_KEY'
        [[ $output != *d3Iw* ]]
        AZURE_STORAGE_ACCOUNT=acct AZURE_STORAGE_KEY='!!!' $verb $file azblob://cont/plain/b
        is 2
        has 'the account key is no base64'
        AZURE_STORAGE_SERVICE_ENDPOINT=ftp://x AZURE_STORAGE_SAS_TOKEN=a=b $verb $file azblob://cont/plain/b
        is 2
        has AZURE_STORAGE_SERVICE_ENDPOINT
    done
}

@test "a URL that is none is refused" {
    for url in azblob://cont azblob://cont/ azblob:///a azblob://CONT/a azblob://co/c azblob://co--nt/c $'azblob://cont/a\nb'; do
        put f "$url"
        refused 2 'azblob-put (#2): azblob://'
        get "$url"
        is 2
    done
}

@test "blocks are counted in --memory, and fewer are used if it is short" {
    for memory in 24M 32M 64M; do
        run leat --memory=$memory --threads=1 read big : azblob-put --force azblob://cont/plain/a
        stored big plain_a
    done
    run leat --memory=8M read big : azblob-put azblob://cont/plain/b
    is 7
    has '--memory'
}

@test "get resumes a blob with a signature of its own, and never mixes two versions" {
    cp big s/blobs/drop_a
    get azblob://cont/drop/a
    is 0
    cmp big out/f
    has '2 tries failed before all was read'
    [ "$(grep -c '^GET /acct/cont/drop/a 206' s/requests)" = 2 ]
    rm out/f
    cp big s/blobs/change_a
    get azblob://cont/change/a
    is 5
    has 'azblob://cont/change/a: the content changed after '
    [ ! -e out/f ]
    cp big s/blobs/plain_a
    get --connections=3 azblob://cont/plain/a
    is 0
    cmp big out/f
    get azblob://cont/plain/none
    is 1
    has 'azblob://cont/plain/none: Get Blob: the server answered 404 BlobNotFound: The specified blob does not exist; check the name'
    get -H 'X-A: b' azblob://cont/plain/a
    is 2
}

@test "azblob-put and get work in a sandbox" {
    "$LEAT" --sandbox=require read f : null 2>why || skip "$(cat why)"
    run leat --sandbox=require read big : azblob-put azblob://cont/plain/a
    stored big plain_a
    run leat --sandbox=require get azblob://cont/plain/a : write out/f
    is 0
    cmp big out/f
}
