# azurite.bash - start Azurite, an emulator of Azure Blob Storage, for the tests of azblob-put and get.
# shellcheck shell=bash
#
# The program is AZURITE, or azurite-blob in the PATH (npm install azurite). Its account and key are published.

# shellcheck disable=SC2034 # of the tests
AZURITE_ACCOUNT=devstoreaccount1
# shellcheck disable=SC2034
AZURITE_KEY='Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

# azurite_start DIR - start it on a free port; DIR/pid and DIR/port have the numbers.
azurite_start() {
    local port
    port=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
    "${AZURITE:-azurite-blob}" --silent --blobHost 127.0.0.1 --blobPort "$port" -l "$1" --skipApiVersionCheck \
        --disableTelemetry </dev/null >"$1/log" 2>&1 3>&- &
    echo $! >"$1/pid"
    wait_for azurite_answers "$port" "$(cat "$1/pid")" || return 1
    echo "$port" >"$1/port"
}

# azurite_answers PORT PID - it accepts a connection, or has ended, which is an error later.
azurite_answers() {
    (: <"/dev/tcp/127.0.0.1/$1") || ! kill -0 "$2"
}

# azurite METHOD PATH?QUERY [HEADER...] - a signed request without a body, by code of its own; the status and the body of the answer
# are the output.
azurite() {
    python3 "$BATS_TEST_DIRNAME/../net/azurite.py" "$@"
}
