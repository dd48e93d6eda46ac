#!/usr/bin/env bash
# symbols.sh - the shared library exports what leat.h and stage.h declare, and nothing else.
# check: light
. "$(dirname "$0")/tap.bash"
tap_needs nm

library=${BUILD:-build}/libleat.so.0
exported=$(nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sed 's/@.*//' | sort -u)
declared=$(cat streams/leat.h streams/stage.h |
    awk '/^LEAT_API/ { text = ""; on = 1 } on { text = text " " $0 } on && /;/ { print text; on = 0 }' |
    grep -oE 'leat_[a-z0-9_]+ *\(' | tr -d ' (' | sort -u)

tap 'every exported symbol begins with leat_' "$(grep -v '^leat_' <<<"$exported")"
tap 'what is exported is declared with LEAT_API' \
    "$(comm -23 <(echo "$exported") <(echo "$declared"))"
tap 'what is declared with LEAT_API is exported' \
    "$(comm -13 <(echo "$exported") <(echo "$declared"))"
soname=$(objdump -p "$library" | awk '/SONAME/ { print $2 }')
tap 'the soname is libleat.so.0' "$([ "$soname" = libleat.so.0 ] || echo "it is $soname")"
tap 'every exported symbol has a version' "$(
    nm -D --defined-only "$library" | awk '$2 != "A" && $3 !~ /@@LEAT_[0-9.]+$/ { print $3 }'
)"
tap 'the static library has no other global names' "$(
    nm -g --defined-only "${BUILD:-build}/libleat.a" 2>/dev/null |
        awk 'NF == 3 { print $3 }' | grep -v -e '^leat_' -e '^_[.]stapsdt[.]base$' | sort -u # of sys/sdt.h
)"
tap 'no writable global data in the library' "$(
    # Constants that point at something are in .data.rel.ro, which is read-only once it is loaded.
    objdump -t "${BUILD:-build}/libleat.a" 2>/dev/null |
        awk '/^[^ ]+\.o:/ { file = $1 } / O \.(data|bss|tdata|tbss)[[:space:]]/ { print file, $NF }'
)"
tap 'every stage type is registered, and every registered stage has its type' "$(
    comm -3 <(grep -oE '^STAGE\([a-z0-9_]+' transforms/stages.def | sed 's/STAGE(//' | sort -u) \
        <(nm -g --defined-only "${BUILD:-build}/libleat.a" 2>/dev/null |
            awk '$2 ~ /^[DR]$/ && $3 ~ /^leat_stage_/ { sub("leat_stage_", "", $3); print $3 }' |
            sort -u)
)"
tap_done
