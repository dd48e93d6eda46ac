#!/usr/bin/env bash
# cppcheck.sh - cppcheck over the library and the command.
. "$(dirname "$0")/tap.bash"
tap_needs cppcheck

read -ra flags <"${BUILD:-build}/flags"
defines=()
for flag in "${flags[@]}"; do
    case $flag in
    -DHAVE_*) defines+=("$flag") ;;
    esac
done
tap 'cppcheck' "$(cppcheck --quiet --std=c11 --enable=warning,performance,portability \
    --inline-suppr --error-exitcode=0 --suppress=missingIncludeSystem -D_GNU_SOURCE \
    "${defines[@]}" -Istreams -j "$(nproc)" cmd streams transforms 2>&1)"
tap_done
