#!/usr/bin/env bats
# children.bats - a pipeline that fails or is stopped ends soon whatever its child processes do, and leaves none.
#
# Each test is one position of a child process in a pipeline. It combines each kind of child with each event.
# The children of a test run in parallel: most of them only wait.

load common

setup_file() {
    export FAIL='until test -e started; do sleep 0.02; done; exit 3'
}

# child KIND - the shell text of a child; only `leader` and `dead` end by themselves.
child() {
    case $1 in
    shell) echo ': >started; sleep 600; true' ;;
    deaf) echo 'trap "" TERM; : >started; while :; do sleep 1; done' ;;
    full) echo ': >started; yes; sleep 600' ;;
    stopped) echo ': >started; kill -STOP $$; sleep 600' ;;
    closes-in) echo 'exec <&-; : >started; exec sleep 600' ;;
    closes-out) echo 'exec >&-; : >started; exec sleep 600' ;;
    # Only the daemon remains, in its own session, and holds the pipes open.
    daemon) echo 'exec 3<&0; setsid sleep 600 <&3 & echo $! >daemon; : >started; exec sleep 600' ;;
    # The child itself ends well; other processes of its group remain and hold the pipes open.
    leader) echo 'exec 3<&0; sleep 600 <&3 & : >started; exit 0' ;;
    dead) echo ': >started; exit 3' ;;
    esac
}

# words PLACE EVENT - set W to the words of the pipeline; C is the shell text of the child.
words() {
    local source=(read feed) sink=(write out) beside=()
    local child=(exec sh -c "$C")

    case $2 in
    upstream) source=(exec sh -c "echo x; echo x; $FAIL") ;;
    downstream) sink=(exec sh -c "$FAIL") ;;
    beside) beside=(tee '[' exec sh -c "$FAIL" ']' :) ;;
    esac
    case $1 in
    first) W=("${child[@]}" : "${beside[@]}" "${sink[@]}") ;;
    middle) W=("${source[@]}" : "${beside[@]}" "${child[@]}" : "${sink[@]}") ;;
    last) W=("${source[@]}" : "${beside[@]}" "${child[@]}") ;;
    tee-middle) W=("${source[@]}" : "${beside[@]}" tee '[' "${child[@]}" : null ']' : "${sink[@]}") ;;
    tee-last) W=("${source[@]}" : "${beside[@]}" tee '[' "${child[@]}" ']' : "${sink[@]}") ;;
    route) W=("${source[@]}" : "${beside[@]}" route '[' -e x : "${child[@]}" ']' : "${sink[@]}") ;;
    concat-first) W=(concat '[' "${child[@]}" ']' '[' "${source[@]}" ']' : "${beside[@]}" "${sink[@]}") ;;
    concat-second) W=(concat '[' "${source[@]}" ']' '[' "${child[@]}" ']' : "${beside[@]}" "${sink[@]}") ;;
    concat-middle) W=(concat '[' "${source[@]}" : "${child[@]}" ']' '[' zero : head -c 9 ']' : "${beside[@]}" "${sink[@]}") ;;
    merge) W=(merge '[' "${child[@]}" ']' '[' "${source[@]}" ']' : "${beside[@]}" "${sink[@]}") ;;
    part-middle) W=("${source[@]}" : "${beside[@]}" split -n 5 'p-{n}' '[' "${child[@]}" ']') ;;
    part-last) W=("${source[@]}" : "${beside[@]}" split -n 5 '[' "${child[@]}" ']') ;;
    esac
}

# expected KIND EVENT - print the accepted exit statuses.
expected() {
    case $1/$2 in
    */signal) echo 143 ;;
    */timeout) echo 124 ;;
    *) echo 6 ;;
    esac
}

# running_or_gone PID - the child runs, or leat has ended.
running_or_gone() {
    test -e started || gone "$1"
}

# alive SESSION - print the processes of a session that nobody has killed. On a busy machine a process that
# was killed lives until it gets a processor.
alive() {
    local pid name pending
    while read -r pid name; do
        pending=$(awk '$1 == "SigPnd:" || $1 == "ShdPnd:" { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
        for pending in $pending; do
            (((16#$pending & 256) == 0)) || continue 2
        done
        [ ! -d "/proc/$pid" ] || echo "$pid $name"
    done < <(pgrep -l -r R,S,D,T -s "$1")
}

# one PLACE KIND EVENT THREADS - run one case, in its own directory and session.
one() {
    local W C pid status=0 want left temporaries options=()
    mkdir "$1.$2.$3" && cd "$1.$2.$3" || return 1
    mkfifo feed
    exec 9<>feed # writes some lines, then is idle
    printf 'x\nx\nx\n' >&9
    C=$(child "$2")
    words "$1" "$3"
    [ "$3" != timeout ] || options=(--timeout=500ms)
    "$BOUND" setsid --wait sh -c 'echo $$ >session; exec "$@"' - \
        "$LEAT" --threads="$4" "${options[@]}" "${W[@]}" </dev/null >/dev/null 2>err 9>&- &
    pid=$!
    if [ "$3" = signal ]; then
        wait_for running_or_gone "$pid" # if it is gone, the status is checked below
        kill -TERM "$(<session)"
    fi
    wait "$pid" || status=$?
    left=$(alive "$(<session)")
    [ ! -s daemon ] || kill -9 "$(<daemon)" 2>/dev/null || true
    [ -z "$left" ] || pkill -9 -s "$(<session)" || true # the others have been killed
    want=$(expected "$2" "$3")
    temporaries=(.*leat-*)
    if [ "$status" != "$want" ] || [ -n "$left" ] || [ -e out ] || [ -e "${temporaries[0]}" ]; then
        echo "$1, $2, $3, --threads=$4: status $status, expected $want; left: $left; files:" * "$(cat err)" >>../wrong
        return 1
    fi
}

# place NAME EVENT... - run every kind of child at this position.
place() {
    local kind event n=0
    for kind in shell deaf full stopped closes-in closes-out daemon leader dead; do
        for event in "${@:2}"; do
            case $kind/$event in
            closes-in/upstream) continue ;; # it wants no more input: the status of upstream does not count
            dead/signal | dead/timeout) continue ;; # either can be first
            esac
            one "$1" "$kind" "$event" $((1 + n++ % 2)) 3>&- &
        done
    done
    wait
    [ ! -e wrong ] || {
        cat wrong
        return 1
    }
}

@test "a child process as the first stage" {
    place first downstream beside signal timeout
}

@test "a child process in the middle" {
    place middle upstream downstream beside signal timeout
}

@test "a child process as the last stage" {
    place last upstream beside signal timeout
}

@test "a child in the middle of a branch of tee" {
    place tee-middle upstream downstream beside signal timeout
}

@test "a child at the end of a branch of tee" {
    place tee-last upstream downstream beside signal timeout
}

@test "a child in a branch of route" {
    place route upstream downstream beside signal timeout
}

@test "a child process in the branch of concat that is being read" {
    place concat-first upstream downstream beside signal timeout
}

@test "a child process in a branch of concat that is not read yet" {
    place concat-second upstream downstream beside signal timeout
}

@test "a child in the middle of a branch of concat" {
    place concat-middle upstream downstream beside signal timeout
}

@test "a child as a branch of merge" {
    place merge upstream downstream beside signal timeout
}

@test "a child in the middle of a part" {
    place part-middle upstream beside signal timeout
}

@test "a child at the end of a part" {
    place part-last upstream beside signal timeout
}
