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
    hostile --no-bombs --sandbox=auto
    hostile --no-bombs --sandbox=auto --in-place
}

@test "nor as a user without privileges" {
    [ "$(id -u)" = 0 ] || skip 'it takes root to become nobody'
    hostile --no-bombs --nobody
    hostile --no-bombs --nobody --in-place
}

@test "an archive that contains itself, and data that decodes to itself" {
    needs python3
    local kind
    cd "$BATS_TEST_TMPDIR"
    for kind in zip gzip; do
        PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME/../archive python3 -c \
            "import hostile, sys; sys.stdout.buffer.write(hostile.quine_$kind())" >q.$kind
    done
    leat read q.zip : entries r.zip : entries r.zip 2>/dev/null | cmp - q.zip
    leat read q.gzip : gunzip : gunzip | cmp - q.gzip
    run leat read q.gzip : decode --all : null
    is 7
    has 'the limit is 8; raise --all=DEPTH'
}

@test "archives that others have made give what bsdtar finds in them" {
    needs python3 bsdtar
    local data=${LEAT_TEST_DATA:-$BATS_TEST_DIRNAME/../../../shared/data}
    [ -e "$data/archive/EXPECTED.tsv" ] || skip '103 archives: there is no LEAT_TEST_DATA'
    bounded python3 "$BATS_TEST_DIRNAME/../archive/expected.py" "$data" "$BATS_TEST_DIRNAME/../archive/expected.differs"
}

# --- random trees -------------------------------------------------------------------------------

trees() {
    "$BATS_TEST_DIRNAME/../archive/trees.py" "$@"
}

# gives ARCHIVE WANT WHAT [SHOW...] - extracted, it is the tree of which WANT tells.
gives() {
    leat read "$1" : extract --force -p --special=make x
    trees show x/t "${@:4}" >got
    diff "$2" got || { echo "$3" && return 1; }
}

@test "random trees that GNU tar and bsdtar pack are the same after extract" {
    needs python3 bsdtar
    local seed format
    for seed in 21 22 23 24; do
        trees make "$seed" t
        trees show t >want
        LC_ALL=C.UTF-8 bsdtar --format=pax -cf a.tar t
        gives a.tar want "seed $seed, bsdtar, pax"
        for format in pax gnu; do
            tar --format=$format -cSf a.tar t
            mkdir y
            tar -xpf a.tar -C y # links to a FIFO are FIFOs there
            trees show y/t >want
            gives a.tar want "seed $seed, GNU tar, $format"
            rm -rf y
        done
        rm -rf t
    done
}

@test "random plain trees that zip, 7z and cpio pack are the same after extract" {
    needs python3 zip 7z cpio bsdtar
    local seed format
    for seed in 31 32; do
        trees make "$seed" t --plain
        trees show t --whole >want
        rm -f a.*
        zip -qr a.zip t
        gives a.zip want "seed $seed, zip" --whole
        7z a a.7z t >/dev/null
        gives a.7z want "seed $seed, 7z" --whole
        find t -depth -print0 | cpio -0 --quiet -o -H newc >a.cpio
        gives a.cpio want "seed $seed, newc" --whole
        find t -print0 | cpio -0 --quiet -o -H odc >a.cpio
        gives a.cpio want "seed $seed, odc" --whole
        for format in ustar cpio zip 7zip; do
            bsdtar --format="$format" -cf a.bsd t
            gives a.bsd want "seed $seed, bsdtar $format" --whole
        done
        rm -rf t
    done
}

@test "extended attributes of users are kept with --xattrs, others never" {
    needs python3 tar
    mkdir t
    : >t/f
    python3 -c 'import os; os.setxattr("t/f", "user.leat", b"a\0b")' 2>/dev/null || skip 'no attributes in this file system'
    tar --xattrs --format=pax -cf a.tar -C t .
    leat read a.tar : extract --xattrs x
    python3 -c 'import os; assert os.getxattr("x/f", "user.leat") == b"a\0b"'
    leat read a.tar : extract y
    python3 -c 'import os; assert os.listxattr("y/f") == [] or "user.leat" not in os.listxattr("y/f")'
}
