#!/usr/bin/env bats
# extract.bats - archives become trees, whole or not at all, and never outside of their directory.

load common

# tree DIR - a small tree with everything that tar can hold.
tree() {
    mkdir -p "$1/sub/deep" "$1/empty" "$1/ro"
    log_lines 500 >"$1/log"
    printf 'x' >"$1/sub/deep/one"
    : >"$1/sub/nothing"
    ln -s ../log "$1/sub/link"
    ln "$1/log" "$1/hard"
    ln -s nowhere "$1/dangling"
    truncate -s 3M "$1/holes"
    printf 'end' >>"$1/holes"
    printf '#!/bin/sh\n' >"$1/run"
    chmod 750 "$1/run"
    chmod 600 "$1/sub/nothing"
    touch -d '1965-03-04 05:06:07.123456789 UTC' "$1/sub/deep/one"
    touch -d '2001-02-03 04:05:06 UTC' "$1/sub"
    printf 'long' >"$1/$(printf 'n%.0s' {1..200})"
    printf 'bytes' >"$1/"$'caf\xe9'
    printf 'utf' >"$1/größe"
    chmod 555 "$1/ro"
}

# facts DIR - names, kinds, modes, sizes, times in seconds, links and contents, sorted.
facts() {
    (cd "$1" && find . -printf '%P %y %m %s %T@ %n %l\n' | sed -E 's/(.* d [0-9]+) [0-9]+/\1/; s/\.[0-9]+ ([0-9]+ )/ \1/' |
        LC_ALL=C sort && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
}

# same DIR DIR - the trees are the same.
same() {
    facts "$1" >facts.1
    facts "$2" >facts.2
    diff facts.1 facts.2
}

nothing_left() {
    [ "$(find . -name '*.leat-*' | wc -l)" = 0 ]
}

@test "every dialect of tar gives the tree that was packed" {
    tree t
    for format in ustar pax gnu; do
        [ $format != ustar ] || mv t/nnn* long
        [ $format != ustar ] || touch t/sub/deep/one # no time before 1970
        tar -cf $format.tar --format=$format -C t .
        touch -d '1965-03-04 05:06:07.123456789 UTC' t/sub/deep/one
        [ $format != ustar ] || mv long "t/$(printf 'n%.0s' {1..200})"
        leat read $format.tar : extract $format
    done
    same t pax
    mkdir ustar.want gnu.want
    tar -xf ustar.tar -C ustar.want
    same ustar.want ustar
    tar -xf gnu.tar -C gnu.want
    same gnu.want gnu
    [ "$(stat -c %y pax/sub/deep/one)" = "$(stat -c %y t/sub/deep/one)" ]
    tar -cSf holes.tar --format=pax -C t holes
    leat read holes.tar : extract holes
    cmp t/holes holes/holes
    [ "$(stat -c %b holes/holes)" -lt 100 ]
    nothing_left
}

@test "the codec around an archive is recognised" {
    tree t
    tar -cf a.tar -C t .
    for codec in gzip 'zstd -q' xz bzip2 'lz4 -q'; do
        $codec -c <a.tar >a.packed
        leat read a.packed : extract "out $codec"
        same t "out $codec"
        leat extract "piped $codec" <a.packed
        same t "piped $codec"
    done
    gzip -c a.tar | leat gunzip : extract explicit
    same t explicit
    run leat explain read a.packed : extract out
    [[ $output = *'decode, if the next stage'* ]]
    [[ $output != *'standard output'* ]]
    run leat explain read a.packed : gunzip : extract out
    [[ $output != *decode* ]]
}

@test "zip, 7z, cpio and ar" {
    mkdir t t/sub
    log_lines 2000 >t/log
    printf 'x' >t/sub/one
    printf '#!/bin/sh\n' >t/run
    chmod 755 t/run
    (cd t && find . -depth | cpio --quiet -o -H newc) >a.cpio
    (cd t && zip -qry ../a.zip .)
    (cd t && 7z a ../a.7z . >/dev/null)
    for kind in cpio zip 7z; do
        leat read a.$kind : extract $kind 2>err
        [ ! -s err ]
        diff -r t $kind
        [ -x $kind/run ]
        leat extract $kind.piped <a.$kind 2>err
        diff -r t $kind.piped
        [ -x $kind.piped/run ] # the table of contents was read
        [ $kind = cpio ] || grep -q 'copied to a temporary file' err
    done
    run leat extract --spool=1000 no <a.zip
    is 7
    [[ $output = *--spool* ]]
    (cd t && ar qc ../a.ar log run)
    leat read a.ar : extract ar
    cmp t/log ar/log
}

@test "an archive that is cut anywhere leaves nothing" {
    tree t
    rm t/holes t/big* 2>/dev/null || true
    tar -cf a.tar -C t .
    (cd t && zip -qry ../a.zip .)
    (cd t && find . -depth | cpio --quiet -o -H newc) >a.cpio
    gzip -k a.tar
    for file in a.tar a.zip a.cpio a.tar.gz; do
        size=$(stat -c %s $file)
        for i in {0..19}; do
            # the last 10 KiB of a tar are padding, and the last blocks its end mark
            head -c $(((size - 11000) * i / 19)) $file >short
            run leat read short : extract out
            is 3
            [ ! -e out ]
        done
    done
    nothing_left
}

@test "a tar without its end mark is an error, and --lenient accepts it" {
    printf 'some content\n' >f
    tar -cf a.tar f
    head -c 1024 a.tar >cut.tar
    run leat read cut.tar : extract out
    is 3
    [[ $output = *'no end mark'* ]]
    leat read cut.tar : extract --lenient out
    cmp f out/f
    : >empty
    run leat read empty : extract none
    is 3
    [[ $output = *empty* ]]
    head -c 1000 /dev/urandom >noise
    run leat read noise : extract none
    is 3
    [[ $output = *'no tar, zip, cpio, 7z or ar archive'* ]]
}

@test "a directory that exists: refused, replaced, added to" {
    mkdir t
    printf 'new\n' >t/f
    tar -cf a.tar -C t .
    mkdir out empty
    printf 'old\n' >out/f
    printf 'mine\n' >out/mine
    run leat read a.tar : extract out
    is 1
    [[ $output = *--in-place*--force* ]]
    grep -q old out/f
    leat read a.tar : extract empty
    grep -q new empty/f
    leat read a.tar : extract --in-place out
    grep -q new out/f
    grep -q mine out/mine
    leat read a.tar : extract --force out
    grep -q new out/f
    [ ! -e out/mine ]
    printf 'file\n' >plain
    run leat read a.tar : extract plain
    is 1
    grep -q file plain
    nothing_left
}

@test "a directory that the pipeline also reads is added to" {
    mkdir -p src/sub
    printf 'one\n' >src/sub/f
    tar -cf a.tar src
    mv a.tar src
    leat read src/a.tar : extract --in-place .
    grep -q one src/sub/f
    nothing_left
}

@test "a failure elsewhere in the pipeline leaves the old directory" {
    mkdir t out
    log_lines 100000 >t/f
    tar -czf a.tar.gz -C t .
    printf 'old\n' >out/f
    head -c 200000 a.tar.gz >cut.tar.gz
    run leat read cut.tar.gz : gunzip : tee [ sha256 : write sum ] : extract --force out
    is 3
    grep -q old out/f
    [ ! -e sum ]
    mkdir dir
    run leat read a.tar.gz : tee [ write out/inner ] : gunzip : extract --force out
    is 2
    grep -q old out/f
    mkdir out/sub
    cp a.tar.gz out/sub
    run leat read out/sub/a.tar.gz : extract --force out # it would be removed
    is 2
    grep -q old out/f
    [ -e out/sub/a.tar.gz ]
    nothing_left
}

# begun - a file is being extracted.
begun() {
    compgen -G '.out.leat-*/f'
}

@test "kill -9 leaves a temporary that the next run removes" {
    mkdir t
    log_lines 1000 >t/f
    tar -cf a.tar -C t .
    mkfifo pipe
    "$LEAT" read pipe : extract out &
    pid=$!
    exec 7>pipe
    head -c 5000 a.tar >&7
    wait_for begun
    kill -9 $pid
    wait $pid || true
    exec 7>&-
    [ "$(compgen -G '.out.leat-*' | wc -l)" = 1 ]
    leat read a.tar : extract out
    nothing_left
    cmp t/f out/f
}

@test "names are selected and changed" {
    mkdir -p t/a/b t/c
    printf 1 >t/a/b/x.c
    printf 2 >t/a/y.h
    printf 3 >t/c/z.c
    ln t/a/y.h t/c/hard
    tar -cf a.tar -C t a c
    leat read a.tar : extract --include='*.c' --exclude='z*' one
    [ "$(cd one && find . -type f)" = ./a/b/x.c ]
    leat read a.tar : extract --strip-components=1 two
    [ "$(cat two/b/x.c two/y.h two/z.c)" = 123 ]
    [ two/hard -ef two/y.h ]
    leat read a.tar : extract --rename='\.c$=.cc' --rename='^(.*)/([^/]*)$=\2-\1' three
    [ -f three/x.cc-a/b ]
    run leat read a.tar : extract --include=nothing four
    is 1
    [[ $output = *nothing* ]]
    [ ! -e four ]
}

@test "what the system must not get from an archive" {
    mkdir t
    printf x >t/f
    chmod 4755 t/f
    mkfifo t/fifo
    tar -cf a.tar -C t f
    leat read a.tar : extract plain
    [ "$(stat -c %a plain/f)" = 755 ]
    leat read a.tar : extract -p exact
    [ "$(stat -c %a exact/f)" = 4755 ]
    tar -cf b.tar -C t .
    run leat read b.tar : extract special
    is 2
    [[ $output = *--special* ]]
    leat read b.tar : extract --special=skip skipped
    [ ! -e skipped/fifo ]
    leat read b.tar : extract --special=make made
    [ -p made/fifo ]
    (umask 077 && leat read a.tar : extract private)
    [ "$(stat -c %a private/f)" = 700 ]
    [ "$(stat -c %a private)" = 700 ]
}

@test "limits" {
    head -c 90000000 /dev/zero >zeros
    tar -cf zeros.tar zeros
    zip -q zeros.zip zeros
    gzip -k zeros.tar
    run leat read zeros.tar.gz : extract out
    is 7
    run leat read zeros.zip : extract out
    is 7
    [[ $output = *--max-ratio* ]]
    run leat read zeros.tar : extract --max-bytes=1M out
    is 7
    leat read zeros.tar : extract out
    run leat read zeros.tar : extract --max-path=4 out2
    is 7
    mkdir -p d/e/f
    tar -cf d.tar d
    run leat read d.tar : extract --max-depth=2 out2
    is 7
    run leat read d.tar : extract --max-entries=2 out2
    is 7
    [[ $output = *--max-entries* ]]
    leat read d.tar : extract --max-entries=3 out2
}

# made PYTHON - an archive from the makers of tests/archive/hostile.py, on standard output.
made() {
    needs python3
    PYTHONPATH=$BATS_TEST_DIRNAME/../archive PYTHONDONTWRITEBYTECODE=1 python3 -c "
import sys
from hostile import *
sys.stdout.buffer.write($1)"
}

@test "hard links whose content comes with each name, or only with the last" {
    mkdir t
    printf 'content\n' >t/a
    ln t/a t/b
    ln t/a t/c
    chmod 444 t/a
    for format in odc newc ustar; do
        (cd t && printf '%s\n' a b c | cpio --quiet -o -H $format) >a.$format
        leat read a.$format : extract $format.out
        [ "$(stat -c %h $format.out/a)" = 3 ]
        [ "$(cat $format.out/c)" = content ]
        leat read a.$format : extract --in-place $format.place
        leat read a.$format : extract --in-place $format.place
        [ "$(stat -c %h $format.place/a)" = 3 ]
        mkdir $format.newer
        touch $format.newer/{a,b,c}
        leat read a.$format : extract --in-place --keep-newer $format.newer
        [ ! -s $format.newer/c ]
    done
    leat read a.newc : extract --include=c alone
    [ "$(ls alone)" = c ]
    run leat read a.ustar : extract --max-bytes=7 small
    is 7
    # data of a second link counts, too
    run leat read a.odc : extract --max-bytes=23 small
    is 7
    nothing_left
}

@test "in place, a link that cannot be made leaves the file that it would replace" {
    made 'tar(member(b"././@LongLink", b"K", b"n" * 5000 + b"\0"), member(b"f", SYM, link=b"n"))' >a.tar
    mkdir out
    printf 'mine\n' >out/f
    run leat read a.tar : extract --in-place out
    is 1
    [ "$(cat out/f)" = mine ]
    nothing_left
}

@test "owners that do not exist here are errors, not root" {
    [ "$(id -u)" = 0 ] || skip 'only root may set owners'
    made 'tar(member(b"f", uid=1 << 31))' >a.tar
    leat read a.tar : extract --same-owner out
    [ "$(stat -c %u out/f)" = 2147483648 ]
    for uid in '1 << 32' '(1 << 32) - 1' -1; do
        made "tar(member(b'f', uid=$uid))" >a.tar
        run leat read a.tar : extract --same-owner no
        [ "$status" = 2 ] || [ "$status" = 3 ]
        [ ! -e no ]
    done
}

@test "a confined process makes what is missing" {
    mkdir t
    mkfifo t/fifo
    tar -cf a.tar -C t .
    leat --sandbox=auto read a.tar : extract --in-place --special=make new
    [ -p new/fifo ]
    leat --sandbox=auto read a.tar : extract --special=make whole
    [ -p whole/fifo ]
    leat --sandbox=auto read a.tar : extract --special=make "$PWD/./absolute/"
    [ -p absolute/fifo ]
}

# --- attributes ---------------------------------------------------------------------------------

# attributes DIR - access control lists, extended attributes and modes.
attributes() {
    (cd "$1" && find . -print0 | sort -z | xargs -0 -I{} sh -c \
        'getfacl -pn "$1"; getfattr -d -m "^(user|trusted|security.cap)" "$1"; stat -c "%n %a" "$1"' - {})
}

# make_attributes DIR - files and directories with lists, and attributes of users.
make_attributes() {
    mkdir -p "$1/d" "$1/shut"
    touch "$1/a" "$1/b" "$1/d/c"
    setfacl -m u:1234:rw,g:5678:r "$1/a" 2>/dev/null || skip 'no ACLs here'
    setfacl -m u:7:r,m::r "$1/d/c"
    setfacl -d -m u:1234:rx,g:4000000000:rwx "$1"
    setfacl -m g:77:rwx "$1"
    setfacl -m u:1234:x "$1/shut"
    chmod 510 "$1/shut"
    setfattr -n user.x -v 1 "$1/a" 2>/dev/null || skip 'no extended attributes here'
    setfattr -n user.dir -v 2 "$1/d"
    setfattr -n user.root -v 3 "$1"
}

@test "pack | extract keeps access control lists and attributes of users" {
    needs setfacl setfattr bsdtar
    make_attributes t
    leat pack --xattrs --acls -C t . : extract --acls --xattrs x
    diff <(attributes t) <(attributes x)
    leat pack --xattrs --acls t : extract --acls --xattrs --in-place y
    diff <(attributes t) <(attributes y/t)
    # what others pack; bsdtar stores 0 for this number
    setfacl -d -x g:4000000000 t
    tar --acls --xattrs -cf gnu.tar t
    bsdtar --acls -cf bsd.tar t
    for i in gnu bsd; do
        leat read $i.tar : extract --acls $i
        diff <(attributes t | grep -v '^user\.\|^# file\|^$') <(attributes $i/t | grep -v '^# file\|^$')
    done
    # without the options nothing of it
    leat pack --xattrs --acls -C t . : extract z
    [ "$(getfacl -Rn z | grep -c ':[0-9]')" = 0 ]
    [ "$(getfattr -Rd z | grep -c user)" = 0 ]
}

@test "a time less than a second before 1970" {
    touch -d '1969-12-31 23:59:59.25 UTC' f
    tar --format=pax -cf gnu.tar f
    leat pack f : write own.tar
    for i in gnu own; do
        leat read $i.tar : extract $i
        [ "$(TZ=UTC stat -c %y $i/f)" = '1969-12-31 23:59:59.250000000 +0000' ]
    done
}

@test "an entry without a list gets none from the directory above it" {
    needs setfacl
    mkdir t above
    touch t/a
    setfacl -d -m u:99:rwx above 2>/dev/null || skip 'no ACLs here'
    leat pack -C t . : extract above/x
    getfacl -n above/x/a | grep -q user:99
    leat pack -C t . : extract --acls above/y
    [ "$(getfacl -Rn above/y | grep -c 99)" = 0 ]
}

@test "attributes of the system are set when root asks for it" {
    needs setfattr
    mkdir t
    touch t/a
    setfattr -n user.u -v 1 t/a 2>/dev/null || skip 'no extended attributes here'
    setfattr -n trusted.t -v 3 t/a 2>/dev/null || skip 'not root'
    setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 t/a
    setfattr -n trusted.d -v 4 t
    leat pack --xattrs t : write t.tar
    leat read t.tar : extract --privileged-xattrs x
    diff <(attributes t) <(attributes x/t)
    run leat read t.tar : extract --xattrs y
    is 0
    has '3 attributes outside of user.* are not set; --privileged-xattrs sets trusted.* and security.capability'
    [ "$(getfattr -Rdm - y | grep -c '=')" = 1 ]
    needs setpriv
    run setpriv --bounding-set=-all "$LEAT" read t.tar : extract --privileged-xattrs z
    is 1
    has 'which only root may'
    [ ! -e z ]
}

@test "an access control list with a name that is not known here" {
    needs python3 setfacl
    touch f
    setfacl -m u:1234:r f 2>/dev/null || skip 'no ACLs here'
    python3 - <<'EOF'
import tarfile
with tarfile.open("n.tar", "w", format=tarfile.PAX_FORMAT) as t:
    for name, acl in ("a", "user::rw-,user:root:r--,group::r--,other::---"), ("b", "user::rw-,user:nosuch:r--,group::r--,mask::r--,other::---"):
        i = tarfile.TarInfo(name)
        i.pax_headers = {"SCHILY.acl.access": acl}
        t.addfile(i)
EOF
    # it gets the mask that it lacks
    leat read n.tar : extract --acls --include=a x
    [ "$(getfacl -cn x/a | paste -sd' ')" = 'user::rw- user:0:r-- group::r-- mask::r-- other::--- ' ]
    run leat read n.tar : extract --acls y
    is 2
    has "its access control list names the user 'nosuch', which is not known here"
}

@test "the first failure of an archive is the one that is told, also where a second thread makes the file" {
    needs python3
    python3 - <<'EOP'
import io, tarfile
with tarfile.open("t.tar", "w") as t:
    d = tarfile.TarInfo("x")
    d.type = tarfile.DIRTYPE
    t.addfile(d)
    for name in ["f%d" % i for i in range(20)] + ["x"]:
        i = tarfile.TarInfo(name)
        i.size = 1
        t.addfile(i, io.BytesIO(b"1"))
    link = tarfile.TarInfo("y")
    link.type, link.linkname = tarfile.LNKTYPE, "missing"
    t.addfile(link)
EOP
    for threads in 1 2; do
        run leat --threads=$threads read t.tar : extract out
        is 3
        has 'x: a directory has this name already'
        [ ! -e out ]
    done
}
