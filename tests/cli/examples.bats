#!/usr/bin/env bats
# examples.bats - runs every example of README.md, the manual pages and the stages.

load common
load examples

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    BUILD=${BUILD:-$ROOT/build}
    needs zstd gzip
    mkdir bin examples
    ln -s "$LEAT" bin/leat
    export PATH=$PWD/bin:$PATH ROOT BUILD
    unset -f leat
}

@test "the examples of README.md run" {
    needs gcc
    sanitized && skip 'programs are linked without the sanitizer'
    split_readme "$ROOT/README.md" "$PWD/examples"
    run_examples "$PWD/examples"
}

@test "the examples of leat(1) run" {
    split_manual "$ROOT/man/leat.1" "$PWD/examples"
    run_examples "$PWD/examples"
}

@test "the examples of leat-each(1) run" {
    split_manual "$ROOT/man/leat-each.1" "$PWD/examples"
    run_examples "$PWD/examples"
}

@test "the programs of the pages of section 3 compile and run" {
    needs gcc
    sanitized && skip 'programs are linked without the sanitizer'
    local page
    for page in "$ROOT"/man/*.3; do
        echo "$page"
        mkdir "examples/$(basename "$page")"
        split_manual "$page" "$PWD/examples/$(basename "$page")"
        run_examples "$PWD/examples/$(basename "$page")"
    done
}

@test "libleat(3) fits ten screens of 24 lines" {
    needs man
    [ "$(MANWIDTH=80 man -l "$ROOT/man/libleat.3" | wc -l)" -le 240 ]
}

@test "the pages of section 3 name every function that a program calls" {
    local name missing=0
    for name in $(grep -ohE '\bleat_[a-z_]+\(' "$ROOT/streams/leat.h" | sort -u | tr -d '('); do
        grep -qrE "F[no] $name\\b" "$ROOT"/man/*.3 || { echo "missing: $name"; missing=1; }
    done
    [ "$missing" = 0 ]
}

@test "the examples of leat-syntax(5) run" {
    [ -e "$ROOT/man/leat-syntax.5" ]
    split_manual "$ROOT/man/leat-syntax.5" "$PWD/examples"
    run_examples "$PWD/examples"
}

@test "the examples of every stage run" {
    leat man stages >stages.7
    split_manual stages.7 "$PWD/examples"
    run_examples "$PWD/examples"
}

@test "leat(1) names every global option and every subcommand" {
    local word missing=0
    for word in $(leat --help | grep -oE -e '--[a-z][a-z-]+' | sort -u); do
        grep -qE "Fl Fl ${word#--}( |\$)" "$ROOT/man/leat.1" || { echo "missing: $word"; missing=1; }
    done
    [ "$missing" = 0 ]
}

@test "leat-stages(7) names every stage" {
    local stage
    leat man stages >stages.7
    for stage in $(leat stages | awk '/^ *[a-z0-9]+ / { print $1 }'); do
        grep -qE "(Ss|It|Sh|Cm|Nm).* $stage( |\$)" stages.7 || { echo "missing: $stage"; false; }
    done
}
