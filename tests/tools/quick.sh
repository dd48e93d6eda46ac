#!/usr/bin/env bash
# quick.sh - run BUILD_DIR/quick, a share of it on each processor: quick.sh BUILD_DIR [NAME-PART ...]
#
# The last line is that of `make check`.
set -uo pipefail

dir=$1
shift
export LEAT_SEEDS=${LEAT_SEEDS:-25} LEAT_SHAPES=${LEAT_SHAPES:-100}
if [ -z "${LEAT_TEST_TMP:-}" ] && [ -d /dev/shm ] && [ -w /dev/shm ]; then
    export LEAT_TEST_TMP=/dev/shm
fi
# More shares than processors, so that none of them is idle at the end.
processors=$(nproc 2>/dev/null || echo 2)
shares=$((processors * 4))
mkdir -p "$dir/log"
rm -f "$dir"/log/quick-*
seq 0 $((shares - 1)) | xargs -P "$processors" -I{} bash -c '
    "$1/quick" -s "$2/$3" "${@:4}" >"$1/log/quick-$2" 2>&1 </dev/null ||
        grep -q "^not ok" "$1/log/quick-$2" || echo "not ok quick, share $2" >>"$1/log/quick-$2"
' quick "$dir" {} "$shares" "$@"
cat "$dir"/log/quick-* | grep -B 20 '^not ok'
passed=$(cat "$dir"/log/quick-* | grep '^ok' | grep -vciE '# *skip')
skipped=$(cat "$dir"/log/quick-* | grep '^ok' | grep -ciE '# *skip')
failed=$(cat "$dir"/log/quick-* | grep -c '^not ok')
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
