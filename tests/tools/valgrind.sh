#!/usr/bin/env bash
# valgrind.sh - the main job under valgrind, with workers and on the loop: valgrind.sh LEAT
set -euo pipefail

leat=$(readlink -f "$1")
dir=$(mktemp -d "${TMPDIR:-/tmp}/leat-valgrind.XXXXXX")
trap 'rm -rf "$dir"' EXIT
seq 300000 | sed 's/5$/5 DEBUG/' >"$dir/log"
gzip -c "$dir/log" >"$dir/log.gz"
for threads in 1 2; do
    valgrind -q --leak-check=full --show-leak-kinds=definite,possible --error-exitcode=99 \
        --errors-for-leak-kinds=definite --child-silent-after-fork=yes \
        "$leat" --threads="$threads" read "$dir/log.gz" : gunzip : grep -v DEBUG : zstd -3 : \
        write --force "$dir/out.zst"
    zstd -dcq "$dir/out.zst" | cmp - <(grep -v DEBUG "$dir/log")
    echo "threads $threads: no leak, no error"
done
