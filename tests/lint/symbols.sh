#!/usr/bin/env bash
# symbols.sh - the shared library exports what leat.h and stage.h declare, and nothing else.
# check: light
. "$(dirname "$0")/tap.bash"
tap_needs nm

library=${BUILD:-build}/libleat.so.0
exported=$(nm -D --defined-only "$library" | awk '{ print $3 }' | sed 's/@.*//' | sort -u)
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
tap 'the static library has no other global names' "$(
    nm -g --defined-only "${BUILD:-build}/libleat.a" 2>/dev/null |
        awk 'NF == 3 { print $3 }' | grep -v '^leat_' | sort -u
)"
tap 'no writable global data in the library' "$(
    objdump -t "${BUILD:-build}/libleat.a" 2>/dev/null |
        awk '/\.o: / { file = $1 }
            /[ \t]\.(data|bss)[.a-z]*\t|\*COM\*/ && !/\.data\.rel\.ro/ && $(NF - 1) !~ /^0+$/ { print file, $NF }'
)"
tap_done
