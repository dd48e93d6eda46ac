#!/usr/bin/env bats
# otlp.bats - --otlp: traces, metrics and logs for a collector (tests/net/otlp_server.py checks their form).

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    has_stage put
    needs python3 jq
    unset http_proxy HTTP_PROXY all_proxy ALL_PROXY TRACEPARENT "${!OTEL_@}"
    mkdir c
    log_lines 20000 >log
}

# collect [STATUS...] - start a collector, and set the endpoint.
collect() {
    python3 "$BATS_TEST_DIRNAME/../net/otlp_server.py" c "$@" >c/log 2>&1 3>&- &
    collector=$!
    wait_for test -e c/port
    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$(cat c/port)/
    export OTEL_EXPORTER_OTLP_ENDPOINT
}

teardown() {
    [ -z "${collector-}" ] || kill "$collector"
}

@test "the spans of a run and of its stages, their metrics and their log" {
    collect
    run -0 leat --otlp read log : gzip : write out.gz
    [ -z "$output" ]
    [ ! -s c/log ]
    local spans='.resourceSpans[0].scopeSpans[0].spans'
    [ "$(jq -r "$spans | map(.name) | join(\" \")" c/traces)" = 'leat read gzip write' ]
    jq -e "$spans | (.[1:] | all(.parentSpanId == \"\(\$run)\")) and .[0].status.code == 1 and
        all(.startTimeUnixNano <= .endTimeUnixNano)" --arg run "$(jq -r "${spans}[0].spanId" c/traces)" c/traces
    jq -e '.resourceMetrics[0].scopeMetrics[0].metrics | map({(.name): .}) | add |
        .["leat.source.bytes"].sum.dataPoints[0].asInt == $size and
        (.["leat.stage.bytes_in"].sum.dataPoints | map(.asInt) | . == ["0", $size, $out])' \
        --arg size "$(stat -c %s log)" --arg out "$(stat -c %s out.gz)" c/metrics
    [ "$(jq -r '.resourceLogs[0].scopeLogs[0].logRecords[].body.stringValue' c/logs | grep -c 'opened\|started\|ended\|finished')" = 8 ]
    [ "$(jq -r '.resourceLogs[0].scopeLogs[0].logRecords[-1].body.stringValue' c/logs)" = finished ]
}

@test "the environment names the service, the parent and the headers" {
    export OTEL_SERVICE_NAME=backup OTEL_RESOURCE_ATTRIBUTES='team=a%20b,bad,x=1'
    export OTEL_EXPORTER_OTLP_HEADERS='api-key=se%63ret,X-Other=2'
    export TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
    collect
    run -3 leat --otlp read log : gunzip : null
    jq -e '.headers["api-key"] == "secret" and .headers["X-Other"] == "2"' c/traces
    jq -e '.resourceSpans[0] | (.resource.attributes | map({(.key): .value.stringValue}) | add |
        .["service.name"] == "backup" and .team == "a b" and .x == "1") and
        (.scopeSpans[0].spans[0] | .traceId == "0af7651916cd43dd8448eb211c80319c" and
        .parentSpanId == "b7ad6b7169203331" and .status.code == 2 and (.status.message | test("gunzip")))' c/traces
    jq -e '[.resourceLogs[0].scopeLogs[0].logRecords[] | select(.severityNumber == 17)] | length == 2' c/logs
}

@test "a name of a header that begins with @ is no file" {
    collect
    printf 'X-Leak: 1\n' >'f: x'
    OTEL_EXPORTER_OTLP_HEADERS='ok=1, @f=x' run leat --otlp read log : write out
    is 2
    has "OTEL_EXPORTER_OTLP_HEADERS: '@f' is not the name of a header"
    [ ! -e out ] && [ ! -e c/traces ]
}

@test "what the collector refuses of a request is a warning" {
    export OTLP_REPLY='{"partialSuccess": {}}'
    collect
    run -0 leat --otlp read log : write out
    [ -z "$output" ]
    kill "$collector"
    rm c/port
    OTLP_REPLY='{
  "partialSuccess": {"rejectedSpans": "3", "errorMessage": "the spans are too \"old\""}
}'
    collect
    run -0 leat --otlp read log : write -f out
    has 'leat: warning: --otlp: the collector did not take all of 3 requests; of the last one it refused 3: the spans are too "old"'
    same log out
}

@test "a collector that is busy is asked again; one that is not there costs a warning" {
    collect 503 429
    run -0 leat --otlp read log : null
    [ -z "$output" ]
    [ -s c/traces ]
    run -0 leat --otlp=http://127.0.0.1:9 read log : write out
    has 'leat: warning: --otlp: 3 requests failed, the last one with: '
    same log out
}

@test "a collector that does not answer holds up the end for two seconds at most" {
    collect 0 0 0 0 0 0 0 0
    run -0 timeout -k 1 60 "$LEAT" --otlp read log : write out
    has 'leat: warning: --otlp: 3 requests failed, the last one with: '
    same log out
}

sent_again() {
    [ "$(wc -l <c/metrics)" -ge 3 ]
}

@test "metrics and logs are sent during a long run" {
    collect
    mkfifo fifo
    OTEL_METRIC_EXPORT_INTERVAL=10 "$LEAT" --otlp read fifo : count -c : write n &
    exec 8>fifo
    wait_for sent_again
    [ ! -e c/traces ]
    exec 8>&-
    wait $!
    [ -s c/traces ]
    [ "$(jq -r '.resourceLogs[0].scopeLogs[0].logRecords[].body.stringValue' c/logs | sort | uniq -d)" = '' ]
}

@test "a confined run sends, and a wrong URL is refused before the run" {
    run -2 leat --otlp=ftp://x read log : write out
    has 'leat: --otlp: '
    run -2 leat test --otlp log
    has 'leat test has no option --otlp'
    sanitized && skip 'sanitizers open files of their own'
    leat --sandbox=require read log : null || skip 'the kernel cannot confine'
    collect
    run -0 leat --sandbox=require --otlp read log : null
    [ -z "$output" ]
    [ -s c/traces ]
}
