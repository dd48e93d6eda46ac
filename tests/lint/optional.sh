#!/usr/bin/env bash
# optional.sh - the library builds without its optional libraries: without any, and without each one.
# check: light
. "$(dirname "$0")/tap.bash"
tap_needs nm

# The flags of the build, as far as they are for compiling; they are quoted for a shell.
eval "flags=($(<"${BUILD:-build}/flags"))"
compile=()
# shellcheck disable=SC2154
for flag in "${flags[@]}"; do
    case $flag in
    -l* | -Wl,* | -fsanitize* | -O* | -g) ;;
    *) compile+=("$flag") ;;
    esac
done
mapfile -t all < <(printf '%s\n' "${compile[@]}" | grep -oE 'HAVE_[A-Z0-9]+')
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# without NAMES FILE... - compiles them without these libraries; prints what the compiler says.
without() {
    local names=$1 off=()
    shift
    for name in $names; do
        off+=("-U$name" "-D$name=0")
    done
    # shellcheck disable=SC2016
    printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} sh -c \
        'file=$1 out=$2; shift 2; "$@" -O0 -Werror -c "$file" -o "$out/$(echo "$file" | tr / _).o" 2>&1' \
        sh {} "$out" "${compile[@]}" "${off[@]}"
}

for name in "${all[@]}"; do
    mapfile -t files < <(grep -lE "\b$name\b" transforms/*/*.c transforms/*/*/*.c cmd/*/*.c)
    tap "it compiles without $name" "$(without "$name" "${files[@]}")"
done
tap 'the library compiles without any optional library' "$(without "${all[*]}" transforms/*/*.c transforms/*/*/*.c)"
tap 'no optional library is needed then, and nothing of our own is missing' "$(
    comm -23 <(nm -u "$out"/*.o | awk 'NF == 2 { print $2 }' | sort -u) \
        <({
            printf '%s\n' "$out"/*.o
            find streams -name '*.c' | sed "s|^|${BUILD:-build}/obj/|; s|c$|o|"
        } | xargs nm --defined-only | awk 'NF == 3 { print $3 }' | sort -u) |
        grep -E '^(leat|isal|libdeflate|LZ4|lzma|BZ2|Brotli)_?'
)"
tap_done
