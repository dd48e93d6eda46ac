#!/usr/bin/env bash
# demo.sh - make big.log.gz, run the main job on it, and let zstd check the result: demo.sh LEAT
set -euo pipefail

leat=$(readlink -f "${1:-./leat}")
lines=${DEMO_LINES:-2000000}
dir=$(mktemp -d "${TMPDIR:-/tmp}/leat-demo.XXXXXX")
trap 'rm -rf "$dir"' EXIT
cd "$dir"

echo "making big.log.gz: $lines lines"
awk -v n="$lines" 'BEGIN {
    split("DEBUG INFO INFO WARN ERROR DEBUG INFO INFO", level, " ")
    for (i = 0; i < n; i++)
        printf "2026-11-22T%02d:%02d:%02d.%03d %s worker-%d request id=%08x took %d us\n",
            i / 3600000 % 24, i / 60000 % 60, i / 1000 % 60, i % 1000, level[i % 8 + 1],
            i * 7919 % 64, i * 2654435761 % 4294967296, i * 31 % 99991
}' | gzip -1 >big.log.gz

echo 'leat read big.log.gz : gunzip : grep -v DEBUG : zstd -3 : write out.zst'
time "$leat" read big.log.gz : gunzip : grep -v DEBUG : zstd -3 : write out.zst

want=$(gzip -dc big.log.gz | grep -v DEBUG | sha256sum)
got=$(zstd -dc out.zst | sha256sum)
if [ "$want" != "$got" ]; then
    echo "out.zst is not what gzip -dc | grep -v DEBUG gives" >&2
    exit 1
fi
echo "checked: zstd -dc out.zst is byte for byte what gzip -dc big.log.gz | grep -v DEBUG gives"
ls -l big.log.gz out.zst
