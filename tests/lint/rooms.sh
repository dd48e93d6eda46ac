#!/usr/bin/env bash
# rooms.sh - the order of the rooms of streams/ and no circle of files, by the symbols of the objects.
#
# Includes hide calls, and a structure of a lower room may be known without a call into it; symbols do
# neither. rooms.order has the rooms.
# check: light
. "$(dirname "$0")/tap.bash"
tap_needs nm

# uses - "FROM TO SYMBOL" for each symbol that one file of streams/ takes from another.
uses() {
    find streams -name '*.c' | sed "s|^|${BUILD:-build}/obj/|; s|c$|o|" | xargs nm -A -g |
        sed -E 's|^.*/obj/streams/([^:]*)\.o:|\1 |' |
        awk '$2 == "U" || $2 == "w" { used[$1 " " $3]; next } NF == 4 { file[$4] = $1 }
            END { for (use in used) { split(use, u, " "); to = file[u[2]]
                if (to != "" && to != u[1]) print u[1], to, u[2] } }'
}

all=$(uses)
tap 'a file of streams/ uses only rooms above its own' "$(
    awk 'FNR == NR { if ($1 !~ /^#/) at[$1] = ++n; next }
        function room(file) { return file ~ /\// ? substr(file, 1, index(file, "/") - 1) : "." }
        !(room($1) in at) { print $1 ": its room is not in rooms.order"; next }
        at[room($2)] > at[room($1)] { print $1 " uses " $2 ": " $3 }' \
        tests/lint/rooms.order - <<<"$all" | sort
)"
tap 'no files of streams/ use one another in a circle' "$(
    awk '{ print $1, $2 }' <<<"$all" | sort -u | tsort 2>&1 >/dev/null
)"
tap_done
