#!/usr/bin/env bats
# bindings.bats - the library from Node and from Python: the examples, built and run.

load common

setup() {
    sanitized && skip 'the interpreters are not sanitized'
    cd "$BATS_TEST_TMPDIR" || return 1
    ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    BUILD=${BUILD:-$ROOT/build}
    [ -e "$BUILD/libleat.so.0" ] || skip 'no shared library in this build'
}

@test "a Duplex for Node" {
    needs gcc node
    local include
    include=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")/include/node
    [ -e "$include/node_api.h" ] || skip "no node_api.h in $include"
    cp "$ROOT"/tests/examples/node/*.js .
    gcc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra -Wpedantic -Werror -shared -fPIC -I"$include" -I"$BUILD/include" \
        -o leat.node "$ROOT/tests/examples/node/leat.c" -L"$BUILD" -lleat -Wl,-rpath,"$BUILD"
    run -0 bounded node test.js
    echo "$output"
    [ "$(grep -c '^ok ' <<<"$output")" = 9 ]
    # The end of the program takes back what still runs, and the addon keeps no program alive that runs nothing.
    run -0 bounded node -e "const p = require('./index.js').pipeline('write out', { readable: false });
        p.write('abc', () => process.exit());"
    only index.js test.js leat.node
    run -0 bounded node -e "require('./index.js')"
}

@test "Python by ctypes" {
    needs python3 gzip zstd
    export LEAT_LIBRARY=$BUILD/libleat.so.0
    log_lines 1000 >"in : put"
    gzip -k "in : put"
    run -0 bounded python3 "$ROOT/tests/examples/leat.py" "in : put.gz" out.zst
    zstd -dcq out.zst | cmp - "in : put"
    run -1 bounded python3 "$ROOT/tests/examples/leat.py" "in : put" other.zst
    has 'leat.py: gunzip (#2): '
    has 'not in gzip format'
    run -1 bounded python3 "$ROOT/tests/examples/leat.py" none.gz other.zst
    has 'leat.py: read (#1): none.gz: '
    [ ! -e other.zst ]
}
