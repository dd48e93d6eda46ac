#!/usr/bin/env bash
# sizes.sh - functions of at most 70 lines, files of at most 700; leat.h and stage.h, which are the
# reference, of at most 900. Columns are clang-format's.
# check: light
. "$(dirname "$0")/tap.bash"

mapfile -t files < <(find cmd streams transforms tests -name '*.[ch]')

tap 'functions have at most 70 lines' "$(
    awk 'FNR == 1 { start = 0 }
        /^\{/ && !start { start = FNR; head = prev }
        /^[A-Za-z].*\) *\{$/ && !start { start = FNR; head = $0 }
        /^\}/ && start { if (FNR - start > 70) print FILENAME ":" start ": " FNR - start " lines: " head; start = 0 }
        { prev = $0 }' "${files[@]}"
)"
tap 'files have at most 700 lines' "$(
    for file in "${files[@]}"; do
        n=$(wc -l <"$file")
        most=700
        [[ ! $file =~ ^streams/(leat|stage)\.h$ ]] || most=900
        [ "$n" -le "$most" ] || echo "$file: $n lines"
    done
)"
tap 'every C file says in its first line what it is' "$(
    for file in "${files[@]}"; do
        head -n 1 "$file" | grep -qE "^/\* ($(basename "$file")|[a-z/]*$(basename "$file")) - " || echo "$file"
    done
)"
tap_done
