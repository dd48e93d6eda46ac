#!/usr/bin/env bash
# format.sh - clang-format has nothing to change.
. "$(dirname "$0")/tap.bash"
tap_needs clang-format

mapfile -t files < <(find cmd streams transforms tests -name '*.[ch]')
tap 'clang-format' "$(clang-format --dry-run -Werror "${files[@]}" 2>&1 | grep -E 'error:|warning:')"
tap_done
