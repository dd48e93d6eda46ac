#!/usr/bin/env bats
# nohang.bats - jobs that could hang in a careless design end, with any number of threads.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    log_lines 100000 >log
    gzip -1 -k log
}

# each_threads STATUS CMD - run a bash command with $LEAT for 1, 2 and 4 threads ($THREADS is the option).
each_threads() {
    local threads
    for threads in 1 2 4; do
        THREADS=--threads=$threads run -"$1" "$BOUND" bash -c "$2"
    done
}

@test "yes into head" {
    each_threads 0 'yes | "$LEAT" $THREADS head -n 1'
    [ "$output" = y ]
    each_threads 0 'yes | "$LEAT" $THREADS gzip : gunzip : zstd : unzstd : head -n 1'
    [ "$output" = y ]
}

@test "a reader that reads one byte" {
    each_threads 141 '"$LEAT" $THREADS read log.gz : gunzip | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}'
    each_threads 141 '"$LEAT" $THREADS zero : gzip -1 | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}'
}

@test "closed standard input" {
    each_threads 1 '"$LEAT" $THREADS gzip <&- >/dev/null'
    each_threads 1 '"$LEAT" $THREADS read - : write out <&-'
    [ ! -e out ]
}

@test "closed standard output" {
    each_threads 1 '"$LEAT" $THREADS read log >&-'
    each_threads 0 '"$LEAT" $THREADS read log : null >&-'
    each_threads 0 '"$LEAT" $THREADS read log : write --force out >&- 2>&- <&-'
    same log out
}

@test "closed standard streams do not become files of leat" {
    each_threads 6 '"$LEAT" $THREADS read log : exec sh -c "echo noise >&2; exit 1" : write --force out 2>&-'
    [ ! -e out ]
}

@test "exec that never reads, and ends" {
    each_threads 0 '"$LEAT" $THREADS zero : exec true : null'
    each_threads 6 '"$LEAT" $THREADS zero : exec false : null'
    each_threads 0 '"$LEAT" $THREADS zero : exec true'
}

@test "exec that closes its input and continues to write" {
    each_threads 0 '"$LEAT" $THREADS read log : exec sh -c "exec <&-; cat log" : write --force out'
    same log out
}

@test "exec that closes its output and continues to read" {
    each_threads 0 '"$LEAT" $THREADS read log : exec sh -c "exec >&-; cat >copy" : write --force out'
    [ ! -s out ]
    same log copy
}

# The failure comes when the child has closed its pipes, or has read all its input.
@test "exec that has read enough, in a pipeline that fails" {
    each_threads 6 '"$LEAT" $THREADS read log : tee [ exec sh -c "cat >/dev/null; exit 3" ] : exec sh -c "exec <&- >&-; exec sleep 1000" : write out'
    each_threads 6 'rm -f eof; "$LEAT" $THREADS read log : tee [ exec sh -c "cat >/dev/null; until test -e eof; do :; done; exit 3" ] : exec sh -c "cat >/dev/null; : >eof; exec sleep 1000" : write out'
    has 'exec (#3): sh exited with status 3'
    each_threads 3 'head -c 1000 log.gz >cut.gz; "$LEAT" $THREADS concat [ read cut.gz : gunzip ] [ exec sh -c "exec >&-; exec sleep 1000" ] : write out'
    has 'unexpected end of input'
    [ ! -e out ]
}

@test "exec whose child keeps the pipe open" {
    each_threads 0 '"$LEAT" $THREADS read log : exec sh -c "sleep 1000 </dev/null >/dev/null 2>&1 & echo \$! >>pids; cat" : write --force out'
    same log out
    mapfile -t pids <pids && kill "${pids[@]}"
}

@test "exec that waits for all its input before it writes" {
    each_threads 0 '"$LEAT" $THREADS read log : exec sort -r : exec sort : write --force out'
    sort log | cmp - out
}

@test "a chain of many stages" {
    local chain='' _
    for _ in 1 2 3 4 5 6 7 8; do chain+=': gzip -1 : gunzip : zstd -1 : unzstd : exec cat '; done
    CHAIN=$chain each_threads 0 '"$LEAT" $THREADS --memory=1G read log $CHAIN : write --force out'
    same log out
}

@test "an empty input through everything" {
    : >empty
    each_threads 0 '"$LEAT" $THREADS read empty : gzip : gunzip : grep x : exec cat : sha256 --to=- : null'
}

@test "an output that is not read and then closed" {
    mkfifo fifo
    exec 8<>fifo
    "$LEAT" zero : gzip -1 : write fifo 2>err 8>&- &
    local pid=$! code=0
    wait_for settled "$pid"
    # The last reader goes away.
    exec 8>&-
    wait_for gone "$pid"
    wait "$pid" || code=$?
    [ "$code" -ne 0 ]
    [ "$code" -ne 137 ]
}

@test "a branch that nobody reads" {
    has_stage tee
    each_threads 0 '"$LEAT" $THREADS read log : tee [ head -n 1 : write --force one ] : write --force out'
    same log out
    cmp one <(head -n 1 log)
}

# ended_by_term ARG... - leat waits in the background; SIGTERM ends it, and it used hardly any processor time.
ended_by_term() {
    local pid code=0
    "$BOUND" env --default-signal=TERM "$LEAT" "$@" >got 2>err </dev/null 9>&- &
    pid=$!
    wait_for settled "$pid"
    kill -TERM "$pid"
    wait_for gone "$pid"
    wait "$pid" || code=$?
    [ "$code" = 143 ] || {
        echo "status $code: $*"
        cat err
        return 1
    }
}

@test "SIGTERM ends a job that waits for somebody to open a FIFO, or to write to it" {
    local threads
    mkfifo never
    for threads in 1 2; do
        ended_by_term --threads=$threads read never : write out
        ended_by_term --threads=$threads read log : write never
        ended_by_term --threads=$threads read log : write -a never
        ended_by_term --threads=$threads read log : tee [ sha256 --check=never : write out ] : null
        ended_by_term --threads=$threads read log : zstd --dict=never : write out
        ended_by_term --threads=$threads read log : split -l 9 'p-{n}' [ unzstd --dict=never ]
    done
    ended_by_term -f never
    ended_by_term --log=json:never read log : null
    exec 9<>never # a writer that writes nothing
    ended_by_term --threads=1 read never : write out
    ended_by_term --threads=1 read log : sha256 --check=never : write out
    only log log.gz never got err
}

@test "a list or dictionary that never arrives does not delay the timeout" {
    local threads
    mkfifo never
    for threads in 1 2; do
        run -124 leat --threads=$threads --timeout=100ms read log : zstd --dict=never : write out
        run -124 leat --threads=$threads --timeout=100ms read log : sha256 --check=never : write out
    done
    [ ! -e out ]
}

@test "a list or dictionary that arrives slowly is read completely" {
    local threads pid
    head -c 200000 log >dict
    sha256sum log >sum
    mkfifo slow
    for threads in 1 2; do
        { head -c 70000 dict; wait_for test -e go; tail -c +70001 dict; } >slow &
        leat --threads=$threads read log : zstd --dict=slow : write --force with &
        pid=$!
        wait_for settled "$pid"
        : >go
        wait "$pid"
        rm go
        leat read log : zstd --dict=dict | cmp - with
        leat --threads=$threads read log : zstd --dict=- <dict | cmp - with
        cat sum >slow &
        leat --threads=$threads read log : sha256 --check=slow : null
    done
}

@test "SIGTERM ends a job that copies from a pipe to a socket that nobody reads" {
    needs python3
    cat >copy.py <<'PY'
import os, signal, socket, subprocess, sys
def tcp():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return socket.create_connection(server.getsockname()), server.accept()[0]
for pair in tcp, socket.socketpair:
    ours, theirs = pair()
    zeros = subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE)
    leat = subprocess.Popen(sys.argv[1:], stdin=zeros.stdout, stdout=ours)
    zeros.stdout.close()
    ours.close()
    while True: # until both wait and no data moves
        with open("/proc/%d/io" % leat.pid) as io: before = io.read()
        try: leat.wait(0.3)
        except subprocess.TimeoutExpired: pass
        with open("/proc/%d/io" % leat.pid) as io:
            if io.read() == before: break
    leat.send_signal(signal.SIGTERM)
    assert leat.wait() == -signal.SIGTERM, leat.returncode
    zeros.wait()
PY
    each_threads 0 'python3 copy.py "$LEAT" $THREADS read'
}

@test "two stages that write to one socket" {
    needs python3
    each_threads 0 'python3 - "$LEAT" $THREADS zero : head -c 3M : tee [ write - ] : write - <<PY
import socket, subprocess, sys
ours, theirs = socket.socketpair()
leat = subprocess.Popen(sys.argv[1:], stdout=theirs)
theirs.close()
total = 0
while piece := ours.recv(5000):
    total += len(piece)
assert leat.wait() == 0 and total == 6 << 20, total
PY'
}

# --- idle pipelines -----------------------------------------------------------------------------

# The test holds a FIFO open, writes one byte to it, and then nothing more.
idle() {
    mkfifo idle
    exec 9<>idle
    printf a >&9
}

@test "a failure ends the job while a source is idle" {
    idle
    each_threads 3 '"$LEAT" $THREADS concat [ read idle ] [ read log : gunzip ] : write out 9>&-'
    each_threads 6 '"$LEAT" $THREADS read idle : tee [ exec false ] : write out 9>&-'
    each_threads 6 '"$LEAT" $THREADS read idle : tee --on-error=fail [ exec sh -c "exec <&- ; exit 3" : null ] : write out 9>&-'
    each_threads 6 '"$LEAT" $THREADS read idle : exec false 9>&-'
    each_threads 6 '"$LEAT" $THREADS read idle : exec false : write out 9>&-'
    each_threads 6 '"$LEAT" $THREADS exec sleep 1000 : exec false 9>&-'
    each_threads 6 '"$LEAT" $THREADS exec sh -c "exec sleep 1000 2>&1 & exit 3" : write out 9>&-'
    [ ! -e out ]
}

# The test holds a FIFO open that is full, and does not read it.
stalled() {
    mkfifo full
    exec 8<>full
    head -c 3M /dev/zero >big
}

@test "a failure ends the job while the reader of an output reads nothing" {
    local to fifo="write full" way
    stalled
    ln -s full full-1
    for to in "$fifo" 'write /dev/fd/8' "gzip -0 : $fifo" 'limit --rate=1 : null' 'exec sleep 1000'; do
        for way in "read big : tee [ $to ] [ gunzip : null ]" \
            "read big : tee [ $to ] : gunzip : null" \
            "read big : tee [ gunzip : null ] : $to" \
            "read big : tee [ tee [ $to ] : null ] [ tee [ gunzip : null ] : null ] : null" \
            "read big : route [ -v -e x : $to ] [ -e y : null ] : gunzip : null" \
            "concat [ read big : tee [ $to ] ] [ read big : gunzip ] : null" \
            "merge [ read big : tee [ $to ] ] [ read big : gunzip ] : null" \
            "paste [ read big : tee [ $to ] ] [ read big : gunzip ] : null"; do
            each_threads 3 "\"\$LEAT\" \$THREADS $way >/dev/null"
        done
        each_threads 8 "\"\$LEAT\" \$THREADS read big : tee --on-error=detach [ tee [ $to ] : gunzip : null ] : null"
    done
    each_threads 3 '"$LEAT" $THREADS read big : split -n 3 [ tee [ write "full-{n}" ] : gunzip : null ]'
    each_threads 3 '"$LEAT" $THREADS read big : split -n 3 [ tee [ exec sleep 1000 ] : gunzip : null ]'
    each_threads 3 '"$LEAT" $THREADS read big : tee [ gunzip : null ] >&8'
    each_threads 6 '"$LEAT" $THREADS read big : tee [ exec sh -c "head -c 1200000 >/dev/null; exit 3" ] >&8'
}

# The data was produced before the error, and the reader may only be slow.
@test "an output downstream of the failed stage gets all data before the error" {
    local threads pid code
    mkfifo slow
    { gzip -1 <log; echo junk; } >bad.gz
    for threads in 1 2; do
        "$BOUND" "$LEAT" --threads=$threads read bad.gz : gunzip : write slow 2>err &
        pid=$! code=0
        exec 7<slow
        wait_for settled "$pid"
        cmp log - <&7
        wait "$pid" || code=$?
        [ "$code" = 3 ]
        exec 7<&-
    done
}

@test "a command that has read enough ends the stages upstream while a source is idle" {
    idle
    each_threads 0 '"$LEAT" $THREADS read idle : exec true 9>&-'
    each_threads 0 '"$LEAT" $THREADS read idle : exec true : write --force out 9>&-'
}

@test "a reader that leaves is noticed while a source is idle" {
    idle
    each_threads 141 'printf a >idle; "$LEAT" $THREADS read idle 9>&- | head -c 1 >/dev/null; exit ${PIPESTATUS[0]}'
    each_threads 141 '"$LEAT" $THREADS read idle 9>&- | true; exit ${PIPESTATUS[0]}'
    each_threads 141 '"$LEAT" $THREADS read idle : grep -z . 9>&- | true; exit ${PIPESTATUS[0]}'
    each_threads 141 '"$LEAT" $THREADS exec sleep 1000 9>&- | true; exit ${PIPESTATUS[0]}'
}

@test "the output of a command before its failure is not lost" {
    each_threads 6 '"$LEAT" $THREADS exec sh -c "cat log; (exec 1>&-; :) & exec sh -c \"exit 3\"" >out'
    same log out
}

@test "a wait for impossible memory fails without waiting for an alarm" {
    local stage
    for stage in 'limit --time=1d' 'timeout 1d' 'flush --time=1d'; do
        each_threads 7 "\"\$LEAT\" \$THREADS --memory=4M zero -n 600K : $stage : grep 1 : gzip -6 : null"
        # shellcheck disable=SC2154 # of common.bash
        [[ $output == *'grep (#3)'* ]]
    done
    each_threads 7 'head -c 600K /dev/zero | "$LEAT" $THREADS --memory=4M flush --time=1d : grep 1 : gzip -6 : null'
}

@test "a wait for impossible memory lasts while a source is idle, and no longer" {
    each_threads 7 'sleep 0.2 | "$LEAT" $THREADS --memory=4M concat [ zero -n 600K ] [ read ] : grep 1 : gzip -6 : null'
}
