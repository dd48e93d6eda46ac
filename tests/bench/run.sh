#!/usr/bin/env bash
# run.sh - every figure that leat promises, against the best other tool, in pairs: run.sh [NAME...]
#
#   BENCH_DIR    where the inputs are made and kept (build/bench)
#   BENCH_MB     their size in MB (600)
#   BENCH_PAIRS  pairs of runs (7)
#
# Before a pair is timed, the outputs of both sides are compared. Inputs are in the page cache.
# Prints a table; its rows are kept in BENCH_DIR/results.md, and what was run for each in
# BENCH_DIR/commands.md. Status 1 if a target is missed.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 2

ROOT=$PWD
BENCH_DIR=${BENCH_DIR:-$ROOT/build/bench}
MB=${BENCH_MB:-600}
PAIRS=${BENCH_PAIRS:-7}
BIN=$ROOT/build/bench-bin
L=$ROOT/build/leat
missed=0
mkdir -p "$BENCH_DIR"
cd "$BENCH_DIR" || exit 2

# --- inputs ---------------------------------------------------------------------------------------

# make_input FILE COMMAND - once; complete or not there at all.
make_input() {
    [ -s "$1" ] && return
    echo "making $1" >&2
    bash -o pipefail -c "$2" >"$1.part" && mv "$1.part" "$1"
}

inputs() {
    make_input big.log "'$BIN/generate' $MB"
    make_input big.log.gz 'gzip -6 -n <big.log'
    make_input big.log.zst 'zstd -q -3 -T2 <big.log'
    # Binaries and text of this system: not the same on every machine, but real.
    make_input big.tar "{ tar --sort=name --owner=0 --group=0 -C / -cf - usr/bin usr/lib usr/share \
        2>/dev/null || true; } | head -c ${MB}000000"
    make_input big.tar.gz 'gzip -6 -n <big.tar'
    cat big.log big.log.gz big.log.zst big.tar big.tar.gz >/dev/null
}

# --- rows -----------------------------------------------------------------------------------------

# same_output A B - both commands succeed and print the same bytes.
same_output() {
    local a b
    if ! a=$(bash -e -o pipefail -c "$1" | sha256sum) || ! b=$(bash -e -o pipefail -c "$2" | sha256sum); then
        echo "FAILED: $1 -- $2" >&2
        return 1
    fi
    [ "$a" = "$b" ] || echo "DIFFERENT OUTPUT: $1 -- $2" >&2
    [ "$a" = "$b" ]
}

# pair NAME TARGET OURS PEER [CHECK-OURS CHECK-PEER] - one row; what is checked prints the same
# bytes (by default what is timed does, with /dev/null taken away).
pair() {
    local name=$1 target=$2 ours=$3 peer=$4
    local check_ours=${5-${3%>/dev/null}} check_peer=${6-${4%>/dev/null}}
    if ! same_output "$check_ours" "$check_peer"; then
        missed=1
        return
    fi
    printf '%s\n    %s\n    %s\n' "# $name" "$ours" "$peer" | sed "s:$L:leat:g; s:$ROOT/::g" >>commands.md
    "$BIN/compare" "$name" "$target" "$PAIRS" "$ours" "$peer" | tee -a results.md
    [ "${PIPESTATUS[0]}" = 0 ] || missed=1
}

# pair_files NAME TARGET OURS PEER SHOW - the same where OURS writes the file a and PEER the file b,
# which `SHOW a` and `SHOW b` print.
pair_files() {
    pair "$1" "$2" "$3" "$4" "$3; $5 a" "$4; $5 b"
}

bench_copy() {
    pair_files 'copy file to file: cat' 1.0 "$L read big.log : write --no-sync --force a" \
        'cat big.log >b' cat
    pair_files 'copy file to file: pv' 1.0 "$L read big.log : write --no-sync --force a" \
        'pv -q big.log >b' cat
    pair 'copy file to pipe: cat' 1.0 "$L read big.log | cat >/dev/null" 'cat big.log | cat >/dev/null'
    pair 'copy file to pipe: pv' 1.0 "$L read big.log | cat >/dev/null" 'pv -q big.log | cat >/dev/null'
    pair_files 'copy with sync: dd conv=fsync' 1.0 "$L read big.log : write --force a" \
        'dd if=big.log of=b bs=256K conv=fsync status=none' cat
    rm -f a b
}

# What is shown costs at most 1 % of the processor time of a copy; on a terminal, which script makes.
bench_progress() {
    local files='big.log big.log big.log big.log big.log big.log big.log big.log' kind
    for kind in bar stages; do
        COMPARE=cpu pair "CPU of a copy with --progress=$kind: none" 0.99 \
            "script -qec '$L --progress=$kind read $files : pass : null' /dev/null >/dev/null" \
            "script -qec '$L --progress=none read $files : pass : null' /dev/null >/dev/null" true true
    done
    COMPARE=cpu pair 'CPU of a copy with --report: none' 0.99 \
        "$L --report=report.html read $files : pass : null" "$L read $files : pass : null" true true
    rm -f report.html
}

bench_gunzip() {
    local f
    for f in big.log big.tar; do
        pair "gunzip : null, $f: pigz -dc" 2.0 "$L read $f.gz : gunzip : null" \
            "pigz -dc $f.gz >/dev/null" "$L read $f.gz : gunzip" "pigz -dc $f.gz"
        pair "gunzip : null, $f: igzip -dc" 1.0 "$L read $f.gz : gunzip : null" \
            "igzip -dc $f.gz >/dev/null" "$L read $f.gz : gunzip" "igzip -dc $f.gz"
    done
}

bench_recode() {
    pair_files 'gunzip : zstd -3: pigz -dc | zstd -3 -T2' 1.3 \
        "$L read big.log.gz : gunzip : zstd -3 : write --no-sync --force a" \
        'pigz -dc big.log.gz | zstd -q -3 -T2 >b' 'zstd -dcq'
    rm -f a b
}

# The shell does not wait for what is in >( ): the peer's time is that of its main line.
bench_tee() {
    local f ours
    for f in big.log big.tar; do
        ours="$L --force read $f.gz : gunzip : tee [ sha256 : write --no-sync s ] [ count -l : write --no-sync n ] : zstd -3 : write --no-sync o"
        pair "gunzip : tee [ sha256 ] [ count -l ] : zstd -3, $f: the same by pigz, tee, sha256sum, wc, zstd -T2" \
            1.4 "$ours" "pigz -dc $f.gz | tee >(sha256sum >s2) >(wc -l >n2) | zstd -q -3 -T2 >o2" \
            "$ours; cat s n; zstd -dcq o" "pigz -dc $f.gz | sha256sum; wc -l <$f; cat $f"
        rm -f s n o s2 n2 o2
    done
}

bench_zstd() {
    local f
    for f in big.log big.tar; do
        pair "zstd -3 : write, $f: zstd -3 -T2" 1.0 \
            "$L read $f : zstd -3 : write --no-sync --force a" "zstd -q -3 -T2 -f $f -o b" \
            "$L read $f : zstd -3 : write --no-sync --force a; zstd -dcq a" "cat $f"
        stat -c '  %n: %s bytes' a b
    done
    pair 'unzstd : null: zstd -dc' 1.0 "$L read big.log.zst : unzstd : null" \
        'zstd -dcq -T2 big.log.zst >/dev/null' "$L read big.log.zst : unzstd" 'zstd -dcq big.log.zst'
    rm -f a b
}

# mid_inputs - 200 MB of each, for codecs that are slow.
mid_inputs() {
    make_input mid.log 'head -c 200000000 big.log'
    make_input mid.tar 'head -c 200000000 big.tar'
    cat mid.log mid.tar
} >/dev/null

# codec STAGE UNSTAGE SUFFIX PEER UNPEER [GLOBAL-OPTION...] - both ways, and the sizes.
codec() {
    local stage=$1 unstage=$2 suffix=$3 peer=$4 unpeer=$5 f
    shift 5
    mid_inputs
    for f in mid.log mid.tar; do
        make_input "$f.$suffix" "$peer <$f"
        pair "$stage : write, $f: $peer" 1.0 "$L $* read $f : $stage : write --no-sync --force a" \
            "$peer <$f >b" "$L $* read $f : $stage | $unpeer" "cat $f"
        stat -c '  %n: %s bytes' a b
        pair "$unstage : null, $f.$suffix: $unpeer" 1.0 "$L $* read $f.$suffix : $unstage : null" \
            "$unpeer <$f.$suffix >/dev/null" "$L $* read $f.$suffix : $unstage" "cat $f"
    done
    rm -f a b
}

bench_xz() {
    # Blocks of 24 MiB, as those of xz, want 170 MiB for each of two workers.
    codec 'xz -6' unxz xz 'xz -6 -T2 -c' 'xz -dc -T2' --memory=512M
}

bench_bzip2() {
    codec bzip2 bunzip2 bz2 'lbzip2 -n2 -c' 'lbzip2 -n2 -dc'
}

bench_lz4() {
    codec lz4 unlz4 lz4 'lz4 -q -c' 'lz4 -q -dc'
}

# sizes A B - what both sides made, for rows where that counts.
sizes() {
    stat -c '  %n: %s bytes' "$@"
}

bench_gzip() {
    local f
    for f in big.log big.tar; do
        pair "gzip -6, $f: pigz -6 -p2" 2.0 "$L --threads=2 read $f : gzip -6 : write --no-sync --force a" \
            "pigz -6 -p2 -c $f >b" \
            "$L read $f : gzip -6 : write --no-sync --force a; gzip -dc <a" "cat $f"
        sizes a b
        pair "gzip -1, $f: pigz -1 -p2" 2.5 "$L --threads=2 read $f : gzip -1 : write --no-sync --force a" \
            "pigz -1 -p2 -c $f >b" \
            "$L read $f : gzip -1 : write --no-sync --force a; gzip -dc <a" "cat $f"
        sizes a b
        make_input "$f.bgz" "$L read $f : gzip --blocks"
        pair "gunzip of BGZF, $f, 2 threads: the same with 1" 1.7 \
            "$L --threads=2 read $f.bgz : gunzip : null" "$L --threads=1 read $f.bgz : gunzip : null" \
            "$L read $f.bgz : gunzip" "cat $f"
    done
    rm -f a b
}

bench_zstd_levels() {
    local f level
    mid_inputs
    for f in mid.log mid.tar; do
        for level in 3 10 19; do
            pair "zstd -$level, $f: zstd -T2" 1.0 \
                "$L --threads=2 --memory=600M read $f : zstd -$level : write --no-sync --force a" \
                "zstd -q -$level -T2 -f $f -o b" \
                "$L --memory=600M read $f : zstd -$level : write --no-sync --force a; zstd -dcq <a" \
                "cat $f"
            sizes a b
        done
    done
    for f in big.log big.tar; do
        make_input "$f.seek.zst" "$L read $f : zstd --seekable"
        pair "unzstd of a seekable file, $f, 2 threads: zstd -d" 1.7 \
            "$L --threads=2 read $f.seek.zst : unzstd : null" "zstd -dcq $f.seek.zst >/dev/null" \
            "$L read $f.seek.zst : unzstd" "cat $f"
    done
    rm -f a b
}

bench_grep() {
    local what
    for what in '-F timeout' '-F -v DEBUG' '-E [Ee]rror|status=500.*us=8[0-9]{3}' '-c INFO' \
        '-E trace=[0-9a-f]*dead'; do
        local options=${what% *} pattern=${what##* }
        pair "grep $what, 1 thread: GNU grep" 1.5 \
            "$L --threads=1 read big.log : grep $options '$pattern' | cat >/dev/null" \
            "LC_ALL=C grep $options '$pattern' big.log | cat >/dev/null" \
            "$L --threads=1 read big.log : grep $options '$pattern'" "LC_ALL=C grep $options '$pattern' big.log"
        local rg_options=${options//-E/-e}
        pair "grep $what, 2 threads: ripgrep" 1.0 \
            "$L --threads=2 read big.log : grep $options '$pattern' | cat >/dev/null" \
            "rg --no-config --no-unicode -j2 $rg_options '$pattern' big.log | cat >/dev/null" \
            "$L --threads=2 read big.log : grep $options '$pattern'" \
            "rg --no-config --no-unicode -j2 $rg_options '$pattern' big.log"
    done
    seq 0 37 36963 | awk '{ printf "trace=%05x\n", $1 * 28 }' >keys
    pair 'grep -F -f with 1,000 strings, 2 threads: ripgrep' 1.0 \
        "$L --threads=2 read big.log : grep -F -f keys | cat >/dev/null" \
        'rg --no-config -j2 -F -f keys big.log | cat >/dev/null' \
        "$L --threads=2 read big.log : grep -F -f keys" 'rg --no-config -j2 -F -f keys big.log'
    pair 'grep -C 3, 1 thread: GNU grep' 1.5 \
        "$L --threads=1 read big.log : grep -C 3 -F timeout | cat >/dev/null" \
        'LC_ALL=C grep -C 3 -F timeout big.log | cat >/dev/null' \
        "$L --threads=1 read big.log : grep -C 3 -F timeout" 'LC_ALL=C grep -C 3 -F timeout big.log'
    make_input big.utf8 "sed s/INFO/ÍNFO/ big.log"
    pair 'grep -i of letters that are not ASCII, 1 thread: GNU grep in C.UTF-8' 1.5 \
        "$L --threads=1 read big.utf8 : grep -i íNFO.*7 | cat >/dev/null" \
        'LC_ALL=C.UTF-8 grep -a -i íNFO.*7 big.utf8 | cat >/dev/null' \
        "$L --threads=1 read big.utf8 : grep -i íNFO.*7" 'LC_ALL=C.UTF-8 grep -a -i íNFO.*7 big.utf8'
    rm -f keys
}

# Into a pipe, as all of these are used; a copy into it is the larger part of our time.
bench_base64() {
    pair 'base64: GNU base64' 1.0 "$L read big.tar : base64 | cat >/dev/null" 'base64 big.tar | cat >/dev/null' \
        "$L read big.tar : base64" 'base64 big.tar'
    make_input big.tar.b64 'base64 big.tar'
    cat big.tar.b64 >/dev/null
    pair 'unbase64: GNU base64 -d' 4.0 "$L read big.tar.b64 : unbase64 | cat >/dev/null" \
        'base64 -d big.tar.b64 | cat >/dev/null' "$L read big.tar.b64 : unbase64" 'base64 -d big.tar.b64'
    rm -f big.tar.b64
}

bench_hex() {
    mid_inputs
    pair 'hex: xxd -p' 10.0 "$L read mid.tar : hex | cat >/dev/null" 'xxd -p mid.tar | cat >/dev/null' \
        "$L read mid.tar : hex" 'xxd -p mid.tar'
    make_input mid.tar.hex 'xxd -p mid.tar'
    cat mid.tar.hex >/dev/null
    pair 'unhex: xxd -r -p' 10.0 "$L read mid.tar.hex : unhex | cat >/dev/null" \
        'xxd -r -p mid.tar.hex | cat >/dev/null' "$L read mid.tar.hex : unhex" 'xxd -r -p mid.tar.hex'
    rm -f mid.tar.hex
}

# The line stages, output to a pipe; rev is slow, so its file is smaller.
bench_lines() {
    local stage
    mid_inputs
    COMPARE=cpu pair 'CPU of rev: rev of util-linux' 5.0 "$L read mid.log : rev | cat >/dev/null" \
        'LC_ALL=C rev mid.log | cat >/dev/null'
    for stage in fold 'fold -s' nl; do
        COMPARE=cpu pair "CPU of $stage: GNU $stage" 5.0 "$L read big.log : $stage | cat >/dev/null" \
            "LC_ALL=C $stage big.log | cat >/dev/null"
    done
    COMPARE=cpu pair 'CPU of tac of a file: GNU tac' 3.0 "$L read big.log : tac | cat >/dev/null" \
        'LC_ALL=C tac big.log | cat >/dev/null'
    COMPARE=cpu pair 'CPU of tac of a pipe: GNU tac' 3.0 "cat big.log | $L tac | cat >/dev/null" \
        'cat big.log | LC_ALL=C tac | cat >/dev/null'
}

# cpu_of STAGE TARGET PEER - processor time of a stage on big.log, output to a pipe; PEER reads standard input.
cpu_of() {
    COMPARE=cpu pair "CPU of $1: ${3%% *}" "$2" "$L read big.log : $1 | cat >/dev/null" \
        "LC_ALL=C $3 <big.log | cat >/dev/null"
}

# Bytes and fields. The reader of the pipe counts on both sides: about as much as tr itself.
bench_columns() {
    local options
    # GNU tr maps 1.4 GB in a second here; reading and writing a pipe take three quarters of our time.
    cpu_of 'tr a-z A-Z' 2.0 'tr a-z A-Z'
    for options in '-d 0-9' "-s 'a-z0-9 '"; do
        cpu_of "tr $options" 3.0 "tr $options"
    done
    for options in "-d ' ' -f 1,7" '-b 1-20'; do
        cpu_of "cut $options" 4.0 "cut $options"
    done
    cpu_of 'fields 7' 4.0 "mawk '{print \$7}'"
    for options in -c -f6; do
        cpu_of "uniq $options" 4.0 "uniq $options"
    done
}

bench_start() {
    # 100 starts each: one is too short to time.
    pair 'start to exit, 100 times: bsdtar --version' 0.83 \
        "for i in {1..100}; do $L pass </dev/null >/dev/null; done" \
        'for i in {1..100}; do bsdtar --version >/dev/null; done' true true
}

bench_node() {
    pair 'gunzip : grep -v -F : gzip -1 : write: Node stream.pipeline' 3.0 \
        "$L read big.log.gz : gunzip : grep -v -F DEBUG : gzip -1 : write --no-sync --force a" \
        "node '$ROOT/tests/bench/node_pipeline.js' big.log.gz DEBUG b" \
        "$L read big.log.gz : gunzip : grep -v -F DEBUG : gzip -1 : write --no-sync --force a; gzip -dc a" \
        "node '$ROOT/tests/bench/node_pipeline.js' big.log.gz DEBUG b; gzip -dc b"
    stat -c '  %n: %s bytes' a b
    rm -f a b
}

bench_main() {
    pair_files 'the main job: gzip -dc | grep -v | zstd -3' 1.0 \
        "$L read big.log.gz : gunzip : grep -v DEBUG : zstd -3 : write --no-sync --force a" \
        'gzip -dc big.log.gz | LC_ALL=C grep -v DEBUG | zstd -q -3 >b' 'zstd -dcq'
    pair_files 'the main job: igzip -dc | rg -v | zstd -3 -T2' 1.0 \
        "$L read big.log.gz : gunzip : grep -v DEBUG : zstd -3 : write --no-sync --force a" \
        'igzip -dc big.log.gz | rg --no-unicode -v DEBUG | zstd -q -3 -T2 >b' 'zstd -dcq'
    rm -f a b
}

# A tree of 5,000 source files, and one of 200 MB in 8 large ones.
tree_inputs() {
    mid_inputs
    [ -d small.tree ] || {
        echo 'making small.tree' >&2
        rm -rf small.tree.part && mkdir small.tree.part &&
            find /usr/include /usr/share /usr/lib -type f \( -name '*.h' -o -name '*.p[lmy]' \) 2>/dev/null |
            LC_ALL=C sort | sed -n '1,5000p' | tar -cf - -T - 2>/dev/null | tar -xf - -C small.tree.part &&
            mv small.tree.part small.tree
    }
    [ -d large.tree ] || {
        rm -rf large.tree.part && mkdir large.tree.part &&
            split -n 4 mid.log large.tree.part/log. -a 1 && split -n 4 mid.tar large.tree.part/tar. -a 1 &&
            truncate -s 25M large.tree.part/* && mv large.tree.part large.tree
    }
    find small.tree large.tree -type f -exec cat {} + >/dev/null
}

bench_pack() {
    local tree
    tree_inputs
    for tree in small.tree large.tree; do
        pair "pack : zstd, $tree: tar c | zstd -T2" 1.2 \
            "$L pack $tree : zstd : write --no-sync --force a" "tar --sort=name -cf - $tree | zstd -q -T2 >b" \
            "$L pack $tree : zstd | zstd -dcq | tar -xOf -" "tar --sort=name -cf - $tree | tar -xOf -"
        sizes a b
        pair "pack : gzip, $tree: tar c | pigz" 1.8 \
            "$L pack $tree : gzip : write --no-sync --force a" "tar --sort=name -cf - $tree | pigz >b" \
            "$L pack $tree : gzip | gzip -dc | tar -xOf -" "tar --sort=name -cf - $tree | tar -xOf -"
        sizes a b
        pair "pack : null, $tree: tar c" 1.5 "$L pack $tree : null" "tar -cf - $tree | cat >/dev/null" true true
    done
    rm -f a b
}

# Each run extracts into a new directory; removing them is not timed.
bench_extract() {
    local tree sum='find . -type f -exec sha256sum {} + | LC_ALL=C sort'
    tree_inputs
    for tree in small.tree large.tree; do
        make_input "$tree.tar.gz" "tar --sort=name -cf - $tree | gzip -6 -n"
        make_input "$tree.tar.zst" "tar --sort=name -cf - $tree | zstd -q -3 -T2"
        cat "$tree.tar.gz" "$tree.tar.zst" >/dev/null
        pair "extract $tree.tar.gz: tar xzf" 1.5 \
            "$L read $tree.tar.gz : extract --no-sync \$(mktemp -d x.XXXXXX)" "tar -C \$(mktemp -d x.XXXXXX) -xzf $tree.tar.gz" \
            "rm -rf x; $L read $tree.tar.gz : extract x; cd x && $sum" "rm -rf x; mkdir x; tar -C x -xzf $tree.tar.gz; cd x && $sum"
        rm -rf x x.*
        pair "extract $tree.tar.zst: tar --zstd" 1.3 \
            "$L read $tree.tar.zst : extract --no-sync \$(mktemp -d x.XXXXXX)" "tar -C \$(mktemp -d x.XXXXXX) --zstd -xf $tree.tar.zst" \
            "rm -rf x; $L read $tree.tar.zst : extract x; cd x && $sum" "rm -rf x; mkdir x; tar -C x --zstd -xf $tree.tar.zst; cd x && $sum"
        rm -rf x x.*
    done
}

# start_nginx - serve this directory over HTTP/1.1, and HTTP/2 with TLS; sets plain, tls and nginx.
start_nginx() {
    local user=
    [ "$(id -u)" != 0 ] || user='user root;'
    mkdir -p nginx
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -keyout nginx/key -out nginx/ca.pem 2>/dev/null
    read -r plain tls <<<"$(python3 -c 'import socket
s = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(x.getsockname()[1] for x in s))')"
    cat >nginx/conf <<END
$user worker_processes 1; daemon off; pid $PWD/nginx/pid; error_log $PWD/nginx/log;
events { worker_connections 64; }
http { access_log off; client_body_temp_path $PWD/nginx/b; proxy_temp_path $PWD/nginx/p; fastcgi_temp_path $PWD/nginx/f;
  uwsgi_temp_path $PWD/nginx/u; scgi_temp_path $PWD/nginx/s;
  server { listen 127.0.0.1:$tls ssl http2; listen 127.0.0.1:$plain;
    ssl_certificate $PWD/nginx/ca.pem; ssl_certificate_key $PWD/nginx/key; root $PWD; } }
END
    nginx -c "$PWD/nginx/conf" &
    nginx=$!
    until curl -sf -o /dev/null --range 0-0 "http://127.0.0.1:$plain/big.log"; do sleep 0.1; done
}

# Throughput per processor time: the network is the limit of the other.
bench_get() {
    local plain tls nginx ca=nginx/ca.pem
    start_nginx
    COMPARE=cpu pair 'CPU of get : null, HTTP/1.1: curl' 1.0 "$L get http://127.0.0.1:$plain/big.log : null" \
        "curl -s -o /dev/null http://127.0.0.1:$plain/big.log" \
        "$L get http://127.0.0.1:$plain/big.log" "curl -s http://127.0.0.1:$plain/big.log"
    COMPARE=cpu pair 'CPU of get : null, HTTP/2 and TLS: curl' 1.0 "$L get --ca=$ca https://localhost:$tls/big.log : null" \
        "curl -s --cacert $ca -o /dev/null https://localhost:$tls/big.log" \
        "$L get --ca=$ca https://localhost:$tls/big.log" "curl -s --cacert $ca https://localhost:$tls/big.log"
    kill "$nginx"
    wait "$nginx" || true
}

# many_small_files - 10,000 files of 4 KiB, compressed; eight_large_files - of 1/8 of the input each.
many_small_files() {
    [ -d small ] && return
    mkdir small.part
    split -b 4096 -a 5 -d --filter='gzip -6 -n >"small.part/$FILE.gz"' <(head -c 40960000 big.log) f
    mv small.part small
}

eight_large_files() {
    [ -d eight ] && return
    mkdir eight.part
    split -n 8 big.log eight.part/f
    mv eight.part eight
}

# Few and many different lines. The counts of mawk are in no order, so what is checked is sorted.
bench_freq() {
    local count="mawk '{ c[\$0]++ } END { for (k in c) printf \"%7d %s\\n\", c[k], k }'" sorted='LC_ALL=C sort -rn'
    local f chain="LC_ALL=C sort | uniq -c | LC_ALL=C sort -rn"
    make_input few.txt "for i in 1 2 3 4 5 6; do cut -d' ' -f2 big.log; done"
    make_input many.txt "seq 0 999999 | mawk '{ print \$1 * 7919 % 1000003 \"-user\" \$1 }'"
    make_input keys.txt "cut -d' ' -f4,5 big.log"
    for f in few many keys; do
        COMPARE=cpu pair "CPU of freq, $f: mawk" 3.0 "$L read $f.txt : freq | cat >/dev/null" \
            "$count $f.txt | cat >/dev/null" "$L read $f.txt : freq" "$count $f.txt | $sorted"
    done
    COMPARE=cpu pair 'CPU of distinct, keys: mawk' 6.0 "$L read keys.txt : distinct | cat >/dev/null" \
        "mawk '!s[\$0]++' keys.txt | cat >/dev/null"
    COMPARE=cpu pair 'CPU of distinct, many: mawk' 6.0 "$L read many.txt : distinct | cat >/dev/null" \
        "mawk '!s[\$0]++' many.txt | cat >/dev/null"
    pair 'gunzip : grep : cut : freq --top: zcat | grep | awk | sort | uniq -c | sort' 4.0 \
        "$L read big.log.gz : gunzip : grep WARN : cut -d ' ' -f5 : freq --top=10 >/dev/null" \
        "zcat big.log.gz | LC_ALL=C grep WARN | mawk '{ print \$5 }' | $chain | head -n 10 >/dev/null" \
        "$L read big.log.gz : gunzip : grep WARN : cut -d ' ' -f5 : freq --top=10" \
        "zcat big.log.gz | LC_ALL=C grep WARN | mawk '{ print \$5 }' | { $chain; } 2>/dev/null | sed -n 1,10p"
    pair 'gunzip : grep : cut : freq --top: gunzip : null' 0.87 \
        "$L read big.log.gz : gunzip : grep WARN : cut -d ' ' -f5 : freq --top=10 >/dev/null" \
        "$L read big.log.gz : gunzip : null" true true
}

# One pipeline for each of many files. The peers run a process a file.
bench_each() {
    local show='for f in $(ls out); do zstd -dcq "out/$f"; done' clean='rm -rf out; mkdir out'
    many_small_files
    eight_large_files
    PAIRS=3 pair '10,000 files of 4 KiB, gz to zst: xargs -P2 sh -c' 20 \
        "$clean; $L each 'small/*.gz' -- gunzip : zstd : write --no-sync out/{stem}.zst" \
        "$clean; ls small | sed 's/.gz$//' | xargs -P2 -I{} sh -c 'gzip -dc small/{}.gz | zstd -q -o out/{}.zst'" \
        "$clean; $L each 'small/*.gz' -- gunzip : zstd : write --no-sync out/{stem}.zst; $show" \
        "$clean; ls small | sed 's/.gz$//' | xargs -P2 -I{} sh -c 'gzip -dc small/{}.gz | zstd -q -o out/{}.zst'; $show"
    pair '8 large files, zstd: parallel -j2' 0.95 \
        "$clean; $L each 'eight/*' -- zstd : write --no-sync out/{/}.zst" \
        "$clean; parallel -j2 zstd -q {} -o out/{/}.zst ::: eight/*" \
        "$clean; $L each 'eight/*' -- zstd : write --no-sync out/{/}.zst; $show" \
        "$clean; parallel -j2 zstd -q {} -o out/{/}.zst ::: eight/*; $show"
    pair '8 large files, zstd: zstd -T2' 0.95 \
        "$clean; $L each 'eight/*' -- zstd : write --no-sync out/{/}.zst" \
        "$clean; zstd -q -T2 --output-dir-flat out eight/*" \
        "$clean; $L each 'eight/*' -- zstd : write --no-sync out/{/}.zst; $show" \
        "$clean; zstd -q -T2 --output-dir-flat out eight/*; $show"
}

bench_engine() {
    "$BIN/engine" | tee -a results.md
    [ "${PIPESTATUS[0]}" = 0 ] || missed=1
}

# --- all of it ------------------------------------------------------------------------------------

machine() {
    echo "$(nproc) processors, $(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo), Linux $(uname -r)"
    echo "$(grep --version | head -n 1), $(rg --version | head -n 1), $(pigz --version 2>&1), $(zstd --version | grep -o 'v[0-9.]*'), node $(node --version), $(igzip --version 2>&1 | head -n 1)"
}

all=(copy progress gunzip gzip recode tee zstd zstd_levels xz bzip2 lz4 grep lines columns base64 hex freq start node main pack extract get each engine)
names=("$@")
[ $# -gt 0 ] || names=("${all[@]}")
inputs
{
    machine
    echo
    echo "| job: peer | leat s | peer s | times faster | target | leat CPU s | peer CPU s | leat peak MiB | peer peak MiB | met |"
    echo "|---|---|---|---|---|---|---|---|---|---|"
} | tee results.md
: >commands.md
for name in "${names[@]}"; do
    if ! declare -F "bench_$name" >/dev/null; then
        echo "no bench $name; there are: ${all[*]}" >&2
        exit 2
    fi
    "bench_$name"
done
exit "$missed"
