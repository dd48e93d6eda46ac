#!/usr/bin/env bash
# serve.sh - `leat serve` against an upload handler in Node (serve_express.js), in pairs: bytes for a second of processor time, and
# peak memory. BENCH_PAIRS of them (3), each of 8 uploads of BENCH_MB megabytes (100), four at once.
#
# express and busboy are taken from NODE_PATH; without them: npm install --prefix DIR express busboy; NODE_PATH=DIR/node_modules.
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/../.." && pwd)
L=${LEAT:-$ROOT/build/leat}
dir=$(mktemp -d "${BENCH_DIR:-/dev/shm}/serve.XXXXXX")
trap 'rm -rf "$dir"; kill $(jobs -p) 2>/dev/null || true' EXIT
cd "$dir"
mkdir out
node -e "require('express'); require('busboy')" 2>/dev/null || { echo "express and busboy are not in NODE_PATH" >&2; exit 1; }

MB=${BENCH_MB:-100}
awk 'BEGIN { srand(1); for (i = 0; i < '"$MB"' * 20000; i++) printf "%d %08x user-%d requested /a/b/%d\n", i, rand() * 4294967295, i * 7919 % 977, i % 1013 }' |
    head -c "$MB"000000 >plain || true # head closes the pipe
gzip -1 -c plain >packed

# measure JOB HOW - run the server in `command`, send it the uploads, and print: bytes, processor seconds, peak KiB.
measure() {
    local job=$1 how=$2 server bytes status words=(-T "$input" "http://127.0.0.1:$port/in/{}")
    [ "$how" = put ] || words=(-F "file=@$input;filename={}" "http://127.0.0.1:$port/form")
    rm -f log
    "${command[@]}" >log 2>&1 &
    server=$!
    until grep -qs listening log; do read -rt 0.05 <> <(:) || true; done
    rm -f out/*
    bytes=$(($(stat -c %s "$input") * 8))
    status=$(seq 8 | xargs -P 4 -I{} curl -sS -o /dev/null -w '%{http_code}\n' -H 'Expect:' "${words[@]}" |
        sort | uniq -c | tr -s ' ')
    [ "$status" = ' 8 201' ] || { echo "$job, $how: answered $status" >&2; exit 1; }
    awk -v bytes="$bytes" -v ticks="$(getconf CLK_TCK)" '{ print bytes, ($14 + $15) / ticks }' "/proc/$server/stat" | tr '\n' ' '
    awk '/VmHWM/ { print $2 }' "/proc/$server/status"
    kill "$server"
    wait "$server" || true
}

report() {
    local job=$1 how=$2 ours theirs route
    case $job in
    store) input=plain route="write --no-sync out/{name}" ;;
    recode) input=packed route='gunzip : tee [ sha256 : write --no-sync out/{name}.sha256 ] : gzip -1 : write --no-sync out/{name}' ;;
    esac
    for ((i = 0; i < ${BENCH_PAIRS:-3}; i++)); do
        port=18471
        command=("$L" serve "--listen=127.0.0.1:$port" --route="POST /form : $route" --route="PUT /in/{name} : $route")
        ours=$(measure "$job" "$how")
        port=18472
        command=(node "$ROOT/tests/bench/serve_express.js" "$port" out "$job")
        theirs=$(measure "$job" "$how")
        echo "$ours $theirs"
    done | awk -v name="$job, $how" '{ a = $1 / $2 / 1e6; b = $4 / $5 / 1e6; A[NR] = a; B[NR] = b; R[NR] = a / b; m = $3; n = $6 }
        function median(v, n,  i, j, t) { for (i = 2; i <= n; i++) for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t } return v[int((n + 1) / 2)] }
        END { printf "| %s | %.0f | %.0f | %.1f | %.1f | %.1f | %.2f |\n", name, median(A, NR), median(B, NR), median(R, NR), m / 1024, n / 1024, m / n }'
}

echo '| job | leat, MB per CPU second | node | times | leat, MiB | node, MiB | part |'
echo '|---|---|---|---|---|---|---|'
for job in store recode; do
    for how in form put; do
        report "$job" "$how"
    done
done
