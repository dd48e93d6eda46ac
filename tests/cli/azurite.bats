#!/usr/bin/env bats
# azurite.bats - azblob-put and get against Azurite, an emulator of Azure Blob Storage, where it is installed.

load common
load ../net/azurite

setup_file() {
    command -v "${AZURITE:-azurite-blob}" >/dev/null || return 0
    BLOBS=$(mktemp -d /var/tmp/leat-azurite.XXXXXX)
    export BLOBS
    azurite_start "$BLOBS"
    AZURE_STORAGE_SERVICE_ENDPOINT=http://127.0.0.1:$(cat "$BLOBS/port")/$AZURITE_ACCOUNT
    export AZURE_STORAGE_SERVICE_ENDPOINT AZURE_STORAGE_ACCOUNT=$AZURITE_ACCOUNT AZURE_STORAGE_KEY=$AZURITE_KEY
    azurite PUT '/cont?restype=container' | grep -q '^201'
}

teardown_file() {
    [ -n "$BLOBS" ] || return 0
    kill -9 "$(cat "$BLOBS/pid")" 2>/dev/null || true
    rm -rf "$BLOBS"
}

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    has_stage azblob-put
    [ -n "$BLOBS" ] || skip 'Azurite is not installed (npm install azurite; AZURITE is its azurite-blob)'
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
    mkdir out
    yes 'a line of a stream that is longer than two blocks' | head -c 18M >big
}

# absent NAME - there is no blob of this name.
absent() {
    azurite HEAD "/cont/$1" | grep -q '^404 BlobNotFound'
}

# blocks NAME N - so many blocks of it wait to be committed.
blocks() {
    [ "$(azurite GET "/cont/$1?comp=blocklist&blocklisttype=uncommitted" | grep -o '<Block>' | wc -l)" = "$2" ]
}

@test "Azurite: a short stream and a long one are written and read" {
    run leat read big : head -c 1M : write azblob://cont/short
    is 0
    run leat read azblob://cont/short : write out/short
    is 0
    head -c 1M big | cmp - out/short
    run leat read /dev/null : write azblob://cont/empty
    is 0
    run leat read azblob://cont/empty : count -c
    is 0
    [ "$output" = 0 ]
    run leat read big : write -H 'Content-Type: text/x' -H 'x-ms-meta-k: v  w' 'azblob://cont/dir/long é+%&?#'
    is 0
    run leat get --sha256="$(sha256sum <big | cut -d' ' -f1)" 'azblob://cont/dir/long é+%&?#' : write out/long
    is 0
    cmp big out/long
    run azurite HEAD '/cont/dir/long%20%C3%A9%2B%25%26%3F%23'
    has 'content-type: text/x'
    has 'x-ms-meta-k: v  w'
    run leat get --connections=3 'azblob://cont/dir/long é+%&?#' : write out/parts
    is 0
    cmp big out/parts
}

@test "Azurite: 200 MiB go through in bounded memory" {
    sum=$(yes 'line after line of two hundred MiB' | head -c 200M | sha256sum)
    yes 'line after line of two hundred MiB' | head -c 200M |
        bounded /usr/bin/time -f %M -o rss "$LEAT" --memory=40M write azblob://cont/large
    run leat --memory=40M read azblob://cont/large : sha256
    is 0
    [ "${output%% *}" = "${sum%% *}" ]
    sanitized || [ "$(cat rss)" -lt $((72 << 10)) ]
}

@test "Azurite: a blob is not overwritten without --force" {
    run leat read big : head -c 1K : write azblob://cont/there
    is 0
    for size in 1M 18M; do
        run leat read big : head -c $size : write azblob://cont/there
        is 1
        has 'azblob://cont/there exists; --force overwrites it'
    done
    run leat read azblob://cont/there : count -c
    [ "$output" = 1024 ]
    run leat read big : write --force azblob://cont/there
    is 0
    run leat read azblob://cont/there : count -c
    [ "$output" = $((18 << 20)) ]
}

@test "Azurite: a blob that appears meanwhile is not overwritten" {
    for size in 1M 18M; do
        mkfifo p
        exec 5<>p
        run azurite DELETE /cont/race
        "$LEAT" read p : azblob-put azblob://cont/race 2>err 3>&- 5>&- &
        pid=$!
        head -c $size big >&5
        wait_for settled "$pid"
        run leat read big : head -c 1K : write azblob://cont/race
        is 0
        exec 5>&-
        status=0
        wait "$pid" || status=$?
        [ "$status" = 1 ]
        grep -q 'azblob://cont/race exists' err
        run leat read azblob://cont/race : count -c
        [ "$output" = 1024 ]
        rm p
    done
}

@test "Azurite: a pipeline that fails leaves no blob" {
    run leat read big : tee [ exec sh -c 'cat >/dev/null; exit 3' ] : write azblob://cont/fails
    is 6
    absent fails
}

@test "Azurite: SIGTERM and kill -9 leave no blob, and the next run writes it" {
    for signal in TERM KILL; do
        size=18M
        [ $signal = TERM ] || size=1M
        mkfifo p
        exec 5<>p
        (cat big >&5) 3>&- &
        "$LEAT" read p : azblob-put "azblob://cont/stopped-$signal" 3>&- 5>&- &
        pid=$!
        wait_for blocks "stopped-$signal" 2
        kill -"$signal" "$pid"
        wait "$pid" || true
        exec 5>&-
        absent "stopped-$signal"
        run leat read big : head -c $size : write "azblob://cont/stopped-$signal"
        is 0
        blocks "stopped-$signal" 0
        run leat read "azblob://cont/stopped-$signal" : sha256
        has "$(head -c $size big | sha256sum | cut -d' ' -f1)"
        rm p
    done
}

@test "Azurite: a wrong key is refused with the service's reason and a remedy" {
    AZURE_STORAGE_KEY=d3JvbmcK
    for words in 'read big : write azblob://cont/x' 'read azblob://cont/short : write out/x' 'read big : head -c 1K : write azblob://cont/x'; do
        # shellcheck disable=SC2086
        run leat $words
        is 5
        has '403 Auth'
        has 'check AZURE_STORAGE_KEY'
        [[ $output != *d3Jvbmc* ]]
    done
    AZURE_STORAGE_KEY=$AZURITE_KEY
    absent x
}

@test "Azurite: a missing blob and a missing container are errors with a remedy" {
    run leat read azblob://cont/none : write out/x
    is 1
    has 'azblob://cont/none: Get Blob: the server answered 404 BlobNotFound'
    for words in 'read big : write azblob://nowhere/x' 'read azblob://nowhere/x : write out/x'; do
        # shellcheck disable=SC2086
        run leat $words
        is 1
        has '404 ContainerNotFound'
        has 'make the container first'
    done
    [ -z "$(ls -A out)" ]
}

@test "Azurite: a token and a connection string do instead of a key" {
    token=$(azurite SAS rwc)
    only_write=$(azurite SAS w)
    text="AccountName=$AZURITE_ACCOUNT;AccountKey=$AZURITE_KEY;BlobEndpoint=$AZURE_STORAGE_SERVICE_ENDPOINT"
    endpoint=$AZURE_STORAGE_SERVICE_ENDPOINT
    unset AZURE_STORAGE_KEY AZURE_STORAGE_ACCOUNT
    for token in "$token" "?$only_write"; do
        AZURE_STORAGE_SAS_TOKEN=$token run leat read big : write --force azblob://cont/token
        is 0
    done
    unset AZURE_STORAGE_SERVICE_ENDPOINT
    AZURE_STORAGE_CONNECTION_STRING=$text run leat read azblob://cont/token : sha256
    has "$(sha256sum <big | cut -d' ' -f1)"
    AZURE_STORAGE_CONNECTION_STRING="BlobEndpoint=$endpoint;SharedAccessSignature=$only_write" run leat read azblob://cont/token : null
    is 5
    has 'azblob://cont/token: Get Blob: the server answered 403'
    [[ $output != *sig=* ]]
}
