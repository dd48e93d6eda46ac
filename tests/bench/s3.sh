#!/usr/bin/env bash
# s3.sh - an upload in parts to S3, in pairs with rclone and s3cmd: s3.sh [MIB [PAIRS]]
#
# The server is OpenStack Swift on this machine (tests/net/swift.sh), which takes most of the time, so the processor time of the
# client is the figure that tells the clients apart. Each of them sends parts of 8 MiB, two at a time where it can.
set -euo pipefail

mib=${1:-1024} pairs=${2:-3}
top=$(cd "$(dirname "$0")/../.." && pwd)
leat=${LEAT:-$top/build/leat}
dir=$(mktemp -d /var/tmp/leat-s3.XXXXXX)
port=${PORT:-27600}

finish() {
    while read -r pid; do
        kill -9 "$pid" 2>/dev/null || true
    done <"$dir/swift/pids"
    rm -rf "$dir"
}
trap finish EXIT

for program in swift-proxy-server memcached curl; do
    command -v "$program" >/dev/null || {
        echo "$program is not installed" >&2
        exit 1
    }
done
mkdir "$dir/swift"
: >"$dir/swift/pids"
bash "$top/tests/net/swift.sh" "$dir/swift" "$port"
token=$(curl -si -H X-Auth-User:test:tester -H X-Auth-Key:testing "http://127.0.0.1:$port/auth/v1.0" |
    tr -d '\r' | sed -n 's/^X-Auth-Token: *//pI')
curl -sS -X PUT -H "X-Auth-Token: $token" "http://127.0.0.1:$port/v1/AUTH_test/bench"
unset "${!AWS_@}" http_proxy HTTP_PROXY
export AWS_ENDPOINT_URL=http://127.0.0.1:$port AWS_ACCESS_KEY_ID=test:tester AWS_SECRET_ACCESS_KEY=testing
export XDG_STATE_HOME=$dir/state
cat >"$dir/rclone" <<C
[sw]
type = s3
provider = Other
access_key_id = test:tester
secret_access_key = testing
endpoint = $AWS_ENDPOINT_URL
region = us-east-1
C
cat >"$dir/s3cmd" <<C
[default]
access_key = test:tester
secret_key = testing
host_base = 127.0.0.1:$port
host_bucket = 127.0.0.1:$port
use_https = False
bucket_location = us-east-1
C
head -c "${mib}M" /dev/urandom >"$dir/f"

# timed NAME CMD... - run it, and append its processor time and its wall time to the figures.
timed() {
    local name=$1
    shift
    command -v "$1" >/dev/null || return 0
    /usr/bin/time -o "$dir/time" -f '%U %S %e' "$@" >/dev/null
    awk -v name="$name" '{ printf "%s %.2f %.2f\n", name, $1 + $2, $3 }' "$dir/time" | tee -a "$dir/figures"
}

echo 'client, seconds of processor time, seconds'
for _ in $(seq "$pairs"); do
    timed leat "$leat" read "$dir/f" : s3-put --force s3://bench/leat
    timed rclone rclone --config "$dir/rclone" --s3-chunk-size 8M --s3-upload-concurrency 2 --s3-upload-cutoff 8M \
        --s3-no-check-bucket copyto --ignore-times "$dir/f" sw:bench/rclone
    timed s3cmd s3cmd -c "$dir/s3cmd" --multipart-chunk-size-mb=8 --no-progress put "$dir/f" s3://bench/s3cmd
done
echo "medians of $pairs:"
for name in leat rclone s3cmd; do
    for column in 2 3; do
        awk -v name="$name" -v c="$column" '$1 == name { print $c }' "$dir/figures" | sort -n |
            awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'
    done | paste -sd' ' | sed "s/^/$name /"
done
