#!/usr/bin/env bats
# trace.bats - --trace, --log and explain: output for programs and drawing tools.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    log_lines 20000 >log
}

@test "a trace has the format of Perfetto: runs on named tracks, buffers as counters" {
    needs jq
    leat --trace=t.json read log : tee [ sha256 : null ] : gzip : write out.gz
    jq -e '.otherData.producer == "leat" and .otherData.dropped == 0' t.json
    jq -e '[.traceEvents[] | select(.ph == "X")] | length > 3 and
        all(.name == "run" and .dur >= 0 and .ts >= 0 and .pid == 1)' t.json
    # Every track with a run has a name.
    jq -e '([.traceEvents[] | select(.ph == "X").tid] | unique) -
        [.traceEvents[] | select(.ph == "M" and .name == "thread_name").tid] == []' t.json
    # The runs of a track do not overlap; times are exact to the nanosecond.
    jq -e '[.traceEvents[] | select(.ph == "X")] | group_by(.tid) | all(sort_by(.ts) |
        [.[:-1], .[1:]] | transpose | all(.[0].ts + .[0].dur <= .[1].ts + 0.001))' t.json
    jq -e '[.traceEvents[] | select(.ph == "C")] | length > 3 and
        all((.name | startswith("buffer #")) and .args.bytes >= 0)' t.json
    jq -e '[.traceEvents[] | select(.ph == "M").args.name | strings | select(test("segment .*: .*gzip"))] |
        length > 0' t.json
}

@test "a trace shows how often a buffer was full, and when it had room again" {
    needs jq
    leat --seed=1 --trace=t.json read log : gzip : exec cat : null
    jq -e '[.traceEvents[] | select(.ph == "i").name] | unique - ["full", "drained"] == []' t.json
}

@test "a trace is bounded, keeps the beginning and the end, and reports the dropped events" {
    needs jq
    run -0 leat --trace=t.json --log=json:ev --chunk=16 read log : gzip : null
    has 'are left out'
    jq -e '.otherData.dropped > 0' t.json
    jq -e '[.traceEvents[] | select(.ph != "M" and .s != "g")] | length == 100000' t.json
    jq -e '[.traceEvents[] | select(.s == "g").name | test("are left out here")] == [true]' t.json
    [ "$(stat -c %s t.json)" -lt 16000000 ]
    # The last event is from the end of the run, not from the time when there was still room.
    jq -e --argjson us "$(jq -s '.[-1].elapsed_s * 1e6' ev)" \
        '[.traceEvents[] | select(.ph == "X") | .ts + .dur] | max > 0.8 * $us' t.json
    jq -e '(.traceEvents | map(.s == "g") | index(true)) as $gap | .traceEvents[$gap].ts as $at |
        .traceEvents[$gap + 1:] | all(.ts + (.dur // 0) >= $at)' t.json
}

@test "a trace is written after a failure, and replaces only a trace" {
    needs jq
    run -3 leat --trace=t.json read log : gunzip : null
    jq -e '.traceEvents | length > 0' t.json
    leat --trace=t.json read log : null
    echo precious >t.json
    run -1 leat --trace=t.json read log : null
    [ "$(cat t.json)" = precious ]
}

@test "the log has the events of each stage in order" {
    needs jq
    leat --log=json read log : gzip : write out.gz 2>events
    jq -es 'all(.type == "event" and (.time | test("^2.*T.*[.][0-9]{3}Z$")))' events
    [ "$(jq -r 'select(.stage == 3).event' events | paste -sd' ')" = 'opened ended committed' ]
    [ "$(jq -r 'select(.stage == 2).event' events | paste -sd' ')" = 'opened ended' ]
    [ "$(jq -r 'select(.stage == null).event' events | paste -sd' ')" = 'started finished' ]
    jq -es --argjson size "$(stat -c %s log)" '(map(select(.event == "ended" and .stage == 2))[0].bytes_in == $size)
        and .[-1].ok == true' events
}

@test "the log of a failure has its cause and the reverted outputs; a log file is appended to" {
    needs jq
    run -3 leat --log=json:events read log : gunzip : write out
    jq -es 'map(select(.event == "failed")) | length == 1 and .[0].stage == 2 and .[0].code == "ECORRUPT"' events
    [ "$(jq -r 'select(.name == "write").event' events | tail -n 1)" = aborted ]
    jq -es '.[-1] | .event == "finished" and .ok == false and .exit == 3' events
    before=$(wc -l <events)
    leat --log=json:events read log : null
    [ "$(wc -l <events)" -gt "$before" ]
    run -1 leat --log=json:/dev/full read log : null
    has 'leat: --log=json:/dev/full: No space left on device'
    run -2 leat --log=xml read log : null
    run -2 leat --log=json: read log : null
}

@test "explain draws branches and inputs with line characters" {
    run -0 leat explain concat [ read a : gunzip ] [ read b : tee [ sha256 : null ] ] : exec sort : tee [ count -l : null ] \
        [ head : tee [ null ] : null ] : write out
    [ "${output#*graph:}" = '
  ,- input 1
  |  read a
  |  gunzip
  |- input 2
  |  read b
  |  tee
  |  |- branch 1
  |  |  sha256
  |  |  null
  concat
  exec sort
  tee
  |- branch 1
  |  count -l
  |  null
  |- branch 2
  |  head
  |  tee
  |  |- branch 1
  |  |  null
  |  null
  write out' ]
    run -0 leat explain read a : gunzip : null
    [[ $output != *graph:* ]]
    LC_ALL=C.UTF-8 run -0 leat explain tee [ null ]
    has $'├─ branch 1\n  │  null\n  standard output'
}

@test "explain --dot is the graph for Graphviz" {
    run -0 leat explain --dot read "a\"b\\" : tee [ exec cat : null ] : gzip : null
    has 'digraph leat {'
    has "[label=\"read 'a\\\"b\\\\'\"]"
    has 's1 -> s2 [label="branch 1'
    has 'style=dashed'
    run -2 leat --dot read a : null
    has explain
    needs dot
    leat explain --dot concat [ read a ] [ read b ] : tee [ null ] : null | dot -Tsvg >graph.svg
    grep -q '</svg>' graph.svg
}

# journal COMMAND... - run leat with --log=journal:socket before a listener; its entries, in order, are in `entries`,
# each a line of JSON.
journal() {
    mkdir -p bin
    cat >bin/listen.py <<'PY'
import json, os, socket, subprocess, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.bind("socket")
status = subprocess.call(sys.argv[1:])
s.setblocking(False)
with open("entries", "w") as out:
    while True:
        try:
            entry = s.recv(1 << 16).decode()
        except BlockingIOError:
            break
        assert entry.endswith("\n")
        fields = [line.split("=", 1) for line in entry[:-1].split("\n")]
        assert all(name.replace("_", "").isalnum() and name.isupper() for name, _ in fields)
        out.write(json.dumps(dict(fields)) + "\n")
os.unlink("socket")
sys.exit(status)
PY
    python3 bin/listen.py "$LEAT" --log=journal:socket "$@"
}

@test "the journal gets an entry for each event" {
    needs python3 jq
    journal read log : gzip : write out.gz
    [ "$(jq -r '.LEAT_EVENT' entries | head -n 1)" = opened ]
    [ "$(jq -r '.MESSAGE' entries | grep started)" = 'started: read log | gzip | write out.gz' ]
    [ "$(jq -r 'select(.LEAT_STAGE == "3").MESSAGE' entries | paste -sd,)" = \
        'write (#3) opened,write (#3) ended,write (#3) committed' ]
    jq -es --arg size "$(stat -c %s log)" 'all(.SYSLOG_IDENTIFIER == "leat" and .PRIORITY == "6") and
        (map(select(.MESSAGE == "gzip (#2) ended"))[0].LEAT_BYTES_IN == $size)' entries
}

@test "an error and a warning have their level in the journal; texts are one line" {
    needs python3 jq
    cp log $'new\nline'
    run -3 journal read $'new\nline' : gunzip : null
    [ "$(jq -r 'select(.LEAT_EVENT == "failed") | "\(.PRIORITY) \(.LEAT_CODE) \(.LEAT_FILE) \(.LEAT_OFFSET) \(.MESSAGE)"' \
        entries)" = '3 ECORRUPT new\nline 0 failed: gunzip (#2): new\nline: not in gzip format (byte 0)' ]
    echo x >file
    tar -b1 -cf - file | head -c 1024 >open.tar # without an end mark
    run -0 journal read open.tar : list --lenient : null
    jq -r 'select(.PRIORITY == "4" and .LEAT_EVENT == "warning").MESSAGE' entries |
        grep -q '^list (#2): .*the tar archive has no end mark after entry 1'

}

@test "a journal that is not there, or that has no room" {
    needs python3
    run -1 leat --log=journal:no/such read log : write out
    [ "$output" = 'leat: --log=journal: no/such: No such file or directory' ]
    run -2 leat --log=journals read log : null
    has "'journals' is not json, json:FILE, journal or journal:SOCKET"
    cat >full.py <<'PY'
import socket, subprocess, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("socket")
c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
c.setblocking(False)
try:
    while True:
        c.sendto(b"x", "socket")
except BlockingIOError:
    sys.exit(subprocess.call(sys.argv[1:]))
PY
    run -0 python3 full.py "$LEAT" --log=journal:socket read log : write out
    has 'warning: --log=journal: the journal did not take 7 entries'
    same log out
}

@test "the program has its static probes" {
    needs readelf
    gcc -E -include sys/sdt.h -x c /dev/null >/dev/null 2>&1 || skip 'systemtap-sdt-dev was not there at build time'
    [ "$(readelf -n "$LEAT" | sed -n 's/^ *Name: //p' | sort -u | paste -sd' ')" = \
        'chunk_alloc commit edge_drained edge_full segment_run' ]
}
