#!/usr/bin/env bash
# tidy.sh - clang-tidy over every C file, with the flags of the build.
. "$(dirname "$0")/tap.bash"
tap_needs clang-tidy

# The first word is the compiler, the rest its flags; gcc's own ones are not clang's.
read -ra flags <"${BUILD:-build}/flags"
compile=()
for flag in "${flags[@]:1}"; do
    case $flag in
    -I* | -D* | -U* | -std=*) compile+=("$flag") ;;
    esac
done
tidy() {
    clang-tidy --quiet "$1" -- "${@:2}" -Itests -I"${BUILD:-build}/include" 2>/dev/null | grep -E 'error:|warning:|note:'
}
export -f tidy
mapfile -t files < <(find cmd streams transforms tests -name '*.c')
tap 'clang-tidy' "$(printf '%s\n' "${files[@]}" |
    xargs -P "$(nproc)" -I{} bash -c 'tidy "$@"' tidy {} "${compile[@]}")"
tap_done
