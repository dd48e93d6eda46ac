#!/usr/bin/env bash
# swift.sh - OpenStack Swift with s3api, which verifies signatures, on the loopback: swift.sh DIR PORT
#
# It uses PORT to PORT+4. The access key is `test:tester`, the secret `testing`, the region us-east-1. DIR must be in a file system with
# extended attributes. The ids of the processes go to DIR/pids, and the command returns when the server answers.
set -euo pipefail

dir=$1 port=$2
mkdir -p "$dir"/etc "$dir"/srv/d1 "$dir"/log
cd "$dir/etc"
cat >swift.conf <<'C'
[swift-hash]
swift_hash_path_suffix = leat
swift_hash_path_prefix = leat
[storage-policy:0]
name = gold
default = yes
C

# rings PORT NAME - the only device, and the server's configuration.
ring() {
    swift-ring-builder "$2.builder" create 4 1 0
    swift-ring-builder "$2.builder" add "r1z1-127.0.0.1:$1/d1" 1
    swift-ring-builder "$2.builder" rebalance
    cat >"$2-server.conf" <<C
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $1
user = $(id -un)
swift_dir = $dir/etc
devices = $dir/srv
mount_check = false
workers = 0
fallocate_reserve = 0
[pipeline:main]
pipeline = $2-server
[app:$2-server]
use = egg:swift#$2
C
}
ring $((port + 1)) container >/dev/null
ring $((port + 2)) account >/dev/null
ring $((port + 3)) object >/dev/null
cat >proxy-server.conf <<C
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
user = $(id -un)
swift_dir = $dir/etc
workers = 0
[pipeline:main]
pipeline = catch_errors cache listing_formats bulk s3api tempauth copy slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((port + 4))
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
s3_acl = false
min_segment_size = 5242880
check_bucket_owner = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
$(for name in catch_errors listing_formats bulk copy slo dlo; do printf '[filter:%s]\nuse = egg:swift#%s\n' $name $name; done)
C
export SWIFT_DIR=$dir/etc
memcached -u "$(id -un)" -l 127.0.0.1 -p $((port + 4)) </dev/null >"$dir/log/memcached" 2>&1 &
echo $! >"$dir/pids"
for name in account container object proxy; do
    "swift-$name-server" "$dir/etc/$name-server.conf" </dev/null >"$dir/log/$name" 2>&1 &
    echo $! >>"$dir/pids"
done
curl -s -o "$dir/info" --retry 120 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/info"
