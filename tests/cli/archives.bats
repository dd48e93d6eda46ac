#!/usr/bin/env bats
# archives.bats - archives that are hostile, damaged or made by other programs.

load common

# hostile ARG... - tests/archive/hostile.py
hostile() {
    needs python3
    bounded python3 "$BATS_TEST_DIRNAME/../archive/hostile.py" "$@"
}

@test "hostile archives touch nothing outside of their directory" {
    hostile
}

@test "nor in place" {
    hostile --in-place
}

@test "nor in a confined process" {
    hostile --sandbox=auto
    hostile --sandbox=auto --in-place
}

@test "nor as a user without privileges" {
    [ "$(id -u)" = 0 ] || skip 'it takes root to become nobody'
    hostile --nobody
    hostile --nobody --in-place
}
