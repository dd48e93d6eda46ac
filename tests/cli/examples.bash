# examples.bash - extract the examples from README.md and the manual pages, and run them.
# shellcheck shell=bash
#
# README.md: fences marked sh are scripts, those marked c are programs; others are not run.
# Manual pages: literal displays; one that begins with #include is a program, one with a line
# that has a `leat` command is a script; others (messages, tables) are not run.
# Each example runs in its own directory with the files of `samples`, and with leat in the PATH.

# samples - create the files that the examples read.
samples() {
    log_lines 3000 >big.log
    gzip -k big.log
    zstd -q -k big.log
    head -n 100 big.log >a.log
    tail -n 100 big.log >b.log
    gzip -k a.log
    gzip -k b.log
    zstd -q -k b.log
    printf 'one\ntwo\nthree\n' >words.txt
    printf 'read ${day}.log\ngzip\nwrite ${day}.out.gz\n' >job.leat
    cp job.leat nightly.leat
    cp a.log 2026-11-22.log
    mkdir src
    cp a.log words.txt src
    find src -exec touch -d @1000000000 {} + # two runs give the same archive
    tar -c -C src . | gzip -n >app.tar.gz
}

# split_readme FILE DIR - write each sh or c fence to DIR/NUMBER.sh or .c
split_readme() {
    awk -v dir="$2" '
        /^```/ && on { on = 0; close(file); next }
        /^```(sh|c)$/ { on = 1; n++; file = sprintf("%s/%03d.%s", dir, n, substr($0, 4)); next }
        on { print >file }' "$1"
}

# split_manual FILE DIR - the same for the literal displays of a page in mdoc.
split_manual() {
    awk -v dir="$2" '
        function flush() {
            if (text ~ /^#include/)
                kind = "c"
            else if (text ~ /(^|\n)([^\n]*\| *)?leat [^\n]/)
                kind = "sh"
            else
                return
            n++
            file = sprintf("%s/%03d.%s", dir, n, kind)
            printf "%s", text >file
            close(file)
        }
        /^\.Bd -literal/ { on = 1; text = ""; next }
        /^\.Ed/ && on { on = 0; flush(); next }
        on { gsub(/\\&/, ""); gsub(/\\-/, "-"); gsub(/\\(aq|\(aq|\[aq\])/, "\047")
            gsub(/\\(\(dq|\[dq\])/, "\""); gsub(/\\e/, "\\"); text = text $0 "\n" }' "$1"
}

# run_example FILE - run it in a new directory; show its output if it fails.
run_example() {
    local file=$1 dir=$1.dir status=0
    mkdir "$dir"
    (
        cd "$dir" || exit 1
        samples
        case $file in
        *.sh) bounded bash -euo pipefail "$file" ;;
        *.c)
            # shellcheck disable=SC2086
            mkdir -p include # as the headers are installed
            ln -sfn "$ROOT/streams" include/leat
            gcc -std=c11 -D_GNU_SOURCE -Wall -Werror -Iinclude -o program "$file" \
                "$BUILD/libleat.so" -Wl,-rpath,"$BUILD" -luv
            bounded ./program
            ;;
        esac
    ) >"$file.out" 2>&1 </dev/null || status=$?
    [ "$status" = 0 ] && return
    echo "status $status of the example:"
    cat "$file"
    echo "its output:"
    head -c 2000 "$file.out"
    return 1
}

# run_examples DIR - run all examples; there must be at least one.
run_examples() {
    local file failed=0 n=0
    for file in "$1"/*.sh "$1"/*.c; do
        [ -e "$file" ] || continue
        n=$((n + 1))
        run_example "$file" || failed=1
    done
    echo "$n examples"
    [ "$n" -gt 0 ] && [ "$failed" = 0 ]
}
