#!/usr/bin/env bats
# pack.bats - archives that pack writes, read by other programs; what it refuses, and what it leaves out.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    umask 022
    unset SOURCE_DATE_EPOCH
}

# tree DIR - files of all kinds.
tree() {
    mkdir -p "$1/empty" "$1/sub/deeper"
    printf 'hello\n' >"$1/hello"
    head -c 300000 /dev/urandom >"$1/big"
    : >"$1/nothing"
    chmod 755 "$1/hello"
    chmod 640 "$1/big"
    ln "$1/hello" "$1/sub/again"
    ln -s ../hello "$1/sub/link"
    ln -s "$(printf 'x%.0s' {1..150})" "$1/sub/long-link"
    printf a >"$1/$(printf 'n%.0s' {1..200})"
    mkdir -p "$1/$(printf 'd%.0s' {1..120})/$(printf 'e%.0s' {1..120})"
    printf b >"$1/$(printf 'd%.0s' {1..120})/$(printf 'e%.0s' {1..120})/f"
    printf c >"$1/sub/é-ü"
    printf d >"$1/sub/"$'caf\xe9'
    printf e >"$1/sub/"$'new\nline'
    truncate -s 3M "$1/sparse"
    printf x | dd of="$1/sparse" bs=1 seek=1M conv=notrunc status=none
    truncate -s 1M "$1/hole"
    touch -d '2001-02-03 04:05:06.789' "$1/big"
    mkfifo "$1/fifo"
}

# plain DIR - files that every format can hold.
plain() {
    mkdir -p "$1/sub" "$1/empty"
    printf 'hello\n' >"$1/hello"
    head -c 300000 /dev/urandom >"$1/big"
    : >"$1/nothing"
    printf c >"$1/sub/é-ü"
    ln -s hello "$1/link"
    chmod 755 "$1/hello"
    find "$1" -exec touch -h -d '2001-02-03 04:05:06' {} +
}

# show DIR FORMAT - a line for each file, as find prints it.
show() {
    (cd "$1" && find . -printf "$2" | sort -z | tr '\0' '\n')
}

# same_tree A B [FORMAT] - names, types, modes, times, sizes, links and contents.
same_tree() {
    diff <(cd "$1" && find . -type f -exec sha256sum {} + | sort) \
        <(cd "$2" && find . -type f -exec sha256sum {} + | sort)
    diff <(show "$1" "${3:-%p %y %m %T@ %s %n %l\0}") <(show "$2" "${3:-%p %y %m %T@ %s %n %l\0}")
}

# bsd ARG... - bsdtar in a locale in which it can name all files.
bsd() {
    LC_ALL=C.UTF-8 bsdtar "$@"
}

# --- what others read -----------------------------------------------------------------------------

@test "GNU tar extracts pax with all that it holds" {
    tree t
    touch -d '1960-01-01 00:00:00.25' t/old
    leat pack t : write t.tar
    mkdir x
    tar -xf t.tar -C x 2>err
    same_tree t x/t
    [ "$(stat -c %b x/t/sparse)" -lt 100 ] # the holes are there
    [ "$(stat -c %s t.tar)" -lt 500000 ]
    [ $(($(stat -c %s t.tar) % 10240)) = 0 ]
}

@test "bsdtar extracts pax with all that it holds" {
    needs bsdtar
    tree t
    leat pack t : write t.tar
    mkdir x
    bsd -xf t.tar -C x
    same_tree t x/t
    [ "$(bsd -tf t.tar | wc -l)" = "$(find t -printf x | wc -c)" ]
}

@test "Python extracts pax with all that it holds" {
    needs python3
    tree t
    leat pack t : write t.tar
    python3 - <<'END'
import tarfile
archive = tarfile.open("t.tar")
if hasattr(tarfile, "fully_trusted_filter"):
    archive.extraction_filter = staticmethod(tarfile.fully_trusted_filter)
archive.extractall("x")
END
    # Python's times are floating point numbers, and links get none
    same_tree t x/t '%p %y %m %s %n %l\0'
}

@test "GNU tar, bsdtar and Python extract ustar and gnutar" {
    needs bsdtar python3
    local format all
    tree t
    all=$(find t -printf x | wc -c)
    leat pack --format=gnutar t : write gnutar.tar 2>err
    grep -q 'gnutar holds no fractions of a second: [0-9]* lost, first of t; --format=pax keeps them' err
    rm -r t/nnn* t/ddd* t/sub/long-link
    leat pack --format=ustar t : write ustar.tar 2>err
    leat pack --format=gnutar t : write gnutar2.tar 2>err
    for format in ustar gnutar2; do
        mkdir "$format.g" "$format.b"
        tar -xf "$format.tar" -C "$format.g"
        bsd -xf "$format.tar" -C "$format.b"
        same_tree t "$format.g/t" '%p %y %m %Ts %s %n %l\0'
        same_tree t "$format.b/t" '%p %y %m %Ts %s %n %l\0'
        python3 -c "import tarfile; tarfile.open('$format.tar').extractall('$format.p')" 2>/dev/null
        same_tree t "$format.p/t" '%p %y %m %s %n %l\0'
    done
    [ "$(tar -tf gnutar.tar | wc -l)" = "$all" ]
}

@test "GNU cpio and bsdcpio extract cpio, with hard links and their content" {
    needs cpio bsdcpio
    tree t
    chmod 444 t/hello
    leat pack --format=cpio t : write t.cpio 2>err
    mkdir g b
    (cd g && cpio -idm --quiet --no-absolute-filenames <../t.cpio)
    (cd b && bsdcpio -idm --quiet <../t.cpio 2>/dev/null)
    same_tree t g/t '%p %y %m %s %n %l\0'
    same_tree t b/t '%p %y %m %Ts %s %n %l\0'
    [ $(($(stat -c %s t.cpio) % 512)) = 0 ]
}

@test "unzip, bsdtar, 7z and Python extract zip" {
    needs unzip bsdtar 7z python3
    plain t
    leat pack --format=zip t : write t.zip
    LC_ALL=C.UTF-8 unzip -q t.zip -d u
    same_tree t u/t '%p %y %m %l\0'
    mkdir b
    bsd -xf t.zip -C b
    same_tree t b/t '%p %y %m %Ts %l\0'
    7z x -os t.zip >/dev/null
    same_tree t s/t '%p %y %l\0'
    python3 -c "import zipfile; z = zipfile.ZipFile('t.zip'); assert z.testzip() is None; print('\n'.join(z.namelist()))" >list
    diff <(sort list) <(find t -type d -printf '%p/\n' -o -printf '%p\n' | sort)
}

@test "7z and bsdtar extract 7z" {
    needs 7z bsdtar
    plain t
    leat pack --format=7z t : write t.7z
    7z x -os t.7z >/dev/null
    same_tree t s/t '%p %y %Ts %l\0'
    mkdir b
    bsd -xf t.7z -C b
    same_tree t b/t '%p %y %m %Ts %l\0'
}

# round NAME WANT SHOWN... - what was extracted to x is what the manifest says; x is removed.
round() {
    trees show x/t "${@:3}" >got
    diff "$2" got >differs || {
        echo "$1:"
        cut -c1-300 differs | head
        return 1
    }
    rm -rf x
    mkdir x
}

trees() {
    "$BATS_TEST_DIRNAME/../archive/trees.py" "$@"
}

@test "random trees are the same after GNU tar, bsdtar and extract" {
    needs python3 bsdtar
    has_stage extract
    local seed
    mkdir x
    for seed in 1 2 3 4 5 6 7 8 9 10 11 12; do
        trees make "$seed" t
        trees show t >want
        trees show t --whole >want.whole
        leat pack t : write --force t.tar
        tar -xpf t.tar -C x 2>/dev/null
        round "seed $seed, pax, GNU tar" want
        bsd -xpf t.tar -C x
        round "seed $seed, pax, bsdtar" want
        leat read t.tar : extract --force -p --special=make x
        round "seed $seed, pax, extract" want
        leat pack --format=gnutar t 2>/dev/null : write --force t.tar
        tar -xpf t.tar -C x 2>/dev/null
        round "seed $seed, gnutar, GNU tar" want.whole --whole
        leat read t.tar : extract --force -p --special=make x
        round "seed $seed, gnutar, extract" want.whole --whole
        rm -rf t
    done
}

@test "random plain trees are the same in every format" {
    needs python3 bsdtar
    has_stage extract
    local seed format
    mkdir x
    for seed in 1 2 3 4 5 6; do
        trees make "$seed" t --plain
        trees show t >want
        for format in pax ustar gnutar cpio zip 7z; do
            leat pack --format="$format" t : write --force t.out
            bsd -xpf t.out -C x
            round "seed $seed, $format, bsdtar" want
            leat read t.out : extract --force -p x
            round "seed $seed, $format, extract" want
        done
        rm -rf t
    done
}

@test "the formats that cannot hold a name or a file say so" {
    mkdir t
    printf a >"t/$(printf 'n%.0s' {1..101})"
    run leat pack --format=ustar t : write out
    is 7
    has 'its name is too long for --format=ustar; use --format=pax'
    rm t/n*
    ln -s "$(printf 'n%.0s' {1..101})" t/l
    run leat pack --format=ustar t : write out
    is 7
    has "t/l: its link's target is too long for --format=ustar; use --format=pax"
    rm t/l
    truncate -s 8G t/large 2>/dev/null || skip 'no file of that size here'
    run leat pack --format=ustar t : write out
    is 7
    has 't/large: its size of 8589934592 does not fit in --format=ustar; use --format=pax'
    run leat pack --format=cpio t : write out
    is 7
    has 't/large: its size of 8589934592 does not fit in --format=cpio; use --format=pax'
    rm t/large
    touch -d '1960-01-01' t/old
    for format in ustar cpio zip; do
        run leat pack --format=$format t : write out
        is 7
        has "t/old: its time of -315619200 does not fit in --format=$format; use --format=pax or --mtime"
    done
    rm t/old
    mkfifo t/fifo
    for format in zip 7z; do
        run leat pack --format=$format t : write out
        is 2
        has "t/fifo: is a FIFO, which --format=$format cannot hold; use --format=pax or --exclude it"
    done
    rm t/fifo
    printf a >t/$'\xe9'
    run leat pack --format=7z t : write out
    is 2
    has 't/\xe9: its name is not UTF-8, which --format=7z cannot hold; use --format=pax or --exclude it'
    rm t/*
    printf a >'TRAILER!!!'
    run leat pack --format=cpio 'TRAILER!!!' : write out
    is 7
    has 'this name ends an archive'
    [ ! -e out ]
}

@test "what a format loses without harm is counted" {
    mkdir t
    printf abc >t/a
    ln t/a t/b
    ln t/a t/c
    touch -d '2001-02-03 04:05:06.789' t/a
    touch -d '2001-02-03' t
    run leat pack --format=zip t : write out.zip
    is 0
    has '--format=zip holds no hard links: 2 lost, first of t/b; --format=pax keeps them'
    has '--format=zip holds no fractions of a second: 3 lost, first of t/a; --format=pax keeps them'
    needs unzip
    [ "$(unzip -p out.zip t/c)" = abc ]
    [ "$(id -u)" = 0 ] || skip 'not root'
    chown 1234 t/a
    run leat pack --format=7z t : write out.7z
    has '--format=7z holds no owners: 3 lost, first of t/a; --format=pax keeps them'
}

@test "a sparse file of 8 GiB and more" {
    mkdir t x
    truncate -s 9G t/s 2>/dev/null || skip 'no file of that size here'
    printf end | dd of=t/s bs=1 seek=9663676410 conv=notrunc status=none
    printf middle | dd of=t/s bs=1 seek=5G conv=notrunc status=none
    bounded "$LEAT" pack t : write t.tar
    [ "$(stat -c %s t.tar)" -lt 100000 ]
    tar -xf t.tar -C x
    [ "$(stat -c %s x/t/s)" = 9663676416 ]
    cmp <(tail -c 100 t/s) <(tail -c 100 x/t/s)
    [ "$(dd if=x/t/s bs=1 skip=5G count=6 status=none)" = middle ]
    needs bsdtar
    [ "$(bsd -tvf t.tar | awk '/t\/s/ { print $5 }')" = 9663676416 ]
}

@test "owners above 2097151 and 2^31" {
    [ "$(id -u)" = 0 ] || skip 'not root'
    mkdir t x
    printf a >t/a
    chown 2147483648:2097152 t/a
    leat pack t : write t.tar
    tar --numeric-owner -xf t.tar -C x
    [ "$(stat -c %u:%g x/t/a)" = 2147483648:2097152 ]
    leat pack --format=gnutar t 2>/dev/null : write g.tar
    [ "$(tar --numeric-owner -tvf g.tar | awk '/t\/a/ { print $2 }')" = 2147483648/2097152 ]
    run leat pack --format=ustar t : write out
    is 7
    has 't/a: its owner of 2147483648 does not fit in --format=ustar; use --format=pax or --owner'
    needs cpio
    leat pack --format=cpio t 2>/dev/null : write t.cpio
    [ "$(cpio -tvn --quiet <t.cpio | awk '/t\/a/ { print $3 }')" = 2147483648 ]
}

@test "5,000 entries and a deep tree" {
    mkdir t x
    (cd t && for d in {1..50}; do mkdir "$d" && for f in {1..99}; do echo "$d.$f" >"$d/$f"; done; done)
    leat pack t : write t.tar
    tar -xf t.tar -C x
    same_tree t x/t
    rm -r x/t
    # deeper than directories are open at a time, and longer than a path of the kernel may be
    python3 - <<'END' || skip 'no Python'
import os
os.chdir("t/1")
for i in range(100):
    os.mkdir("directory-%040d" % i)
    os.chdir("directory-%040d" % i)
    open("file", "w").write(str(i))
END
    (ulimit -n 64 && leat pack t : write --force t.tar)
    [ "$(tar -tf t.tar | wc -l)" = $((1 + 50 + 50 * 99 + 200)) ]
    rm -rf t x
}

# --- what is chosen -------------------------------------------------------------------------------

# names ARG... - the names in the archive, on one line.
names() {
    leat pack "$@" | tar -tf - | paste -sd' '
}

@test "names are stored as GNU tar stores them" {
    mkdir -p d/a
    : >d/a/f
    : >d/b
    [ "$(names d)" = 'd/ d/a/ d/a/f d/b' ]
    [ "$(names d/)" = 'd/ d/a/ d/a/f d/b' ]
    [ "$(names ./d//a/)" = './d/a/ ./d/a/f' ]
    [ "$(names -C d .)" = './ ./a/ ./a/f ./b' ]
    [ "$(names -C d b a)" = 'b a/ a/f' ]
    [ "$(names "$PWD/d/b")" = "${PWD#/}/d/b" ]
    [ "$(cd d/a && names ../b ..)" = 'b ./ a/ a/f b' ]
    ln -s d l
    [ "$(names l)" = l ]
    [ "$(names l/)" = 'l/ l/a/ l/a/f l/b' ]
    [ "$(names --no-recursion d d/b)" = 'd/ d/b' ]
}

@test "--exclude, --exclude-from and --files-from" {
    mkdir -p d/src d/cache/x
    : >d/src/a.c
    : >d/src/a.o
    : >d/cache/x/y
    : >d/keep.o.txt
    [ "$(names --exclude='*.o' --exclude=cache d)" = 'd/ d/keep.o.txt d/src/ d/src/a.c' ]
    printf '*.o\n\ncache\n' >patterns
    [ "$(names -X patterns d)" = 'd/ d/keep.o.txt d/src/ d/src/a.c' ]
    [ "$(names --exclude=d d)" = '' ]
    printf 'd/src\nd/keep.o.txt' >list
    [ "$(names --files-from=list)" = 'd/src/ d/src/a.c d/src/a.o d/keep.o.txt' ]
    [ "$(names --no-recursion -T list d/cache)" = 'd/cache/ d/src/ d/keep.o.txt' ]
    : >$'d/new\nline'
    [ "$(find d -name 'new*' -print0 | leat pack -0 -T - : exec tar -t)" = 'd/new\nline' ]
    run leat pack -T list --exclude-from=none : null
    is 1
    run leat pack -T missing : null
    is 1
    printf 'd/src\nnothing\n' >list
    run leat pack -T list : null
    is 1
    has 'nothing: No such file or directory'
}

@test "--rename changes the names that are stored, and targets of hard links" {
    mkdir -p d/a x
    printf f >d/a/f
    ln d/a/f d/g
    ln -s a/f d/l
    [ "$(names --rename='^\.=p-1.0' -C d .)" = 'p-1.0/ p-1.0/a/ p-1.0/a/f p-1.0/g p-1.0/l' ]
    leat pack --rename='^d=new' --rename='a=b' d | tar -xf - -C x
    [ x/new/b/f -ef x/new/g ]
    [ "$(readlink x/new/l)" = a/f ] # what a symbolic link says stays
    run leat pack --rename='.*=' d : null
    is 2
    has 'd: --rename leaves nothing of its name'
    run leat pack --rename='(=x' d : null
    is 2
}

@test "--one-file-system does not go into another one" {
    [ "$(id -u)" = 0 ] || skip 'not root'
    mkdir -p d/m d/n
    unshare -m bash -c 'mount -t tmpfs none d/m && : >d/m/f && : >d/n/f && "$LEAT" pack --one-file-system d' >out.tar ||
        skip 'cannot mount here'
    [ "$(tar -tf out.tar | paste -sd' ')" = 'd/ d/m/ d/n/ d/n/f' ]
}

@test "names of owners that cannot be looked up are not lost silently" {
    [ "$(id -u)" = 0 ] || skip 'not root'
    mkdir d
    : >d/f
    chown 1 d/f
    cp /etc/passwd list
    chmod 600 list
    chmod 755 .
    unshare -m bash -c 'mount --bind list /etc/passwd && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$LEAT" pack d' \
        >out.tar 2>err || skip 'cannot mount here'
    grep -q 'names of owners cannot be looked up (Permission denied)' err
}

@test "--sort changes the order, and nothing else" {
    local order
    mkdir -p d/b d/a
    (cd d && touch z y x b/2 b/1 a/3)
    leat pack d | tar -tf - >by-name
    diff <(LC_ALL=C sort by-name) by-name
    for order in none inode; do
        leat pack --sort=$order d | tar -tf - >other
        diff by-name <(LC_ALL=C sort other)
    done
    [ "$(leat pack --sort=inode d | tar -tf - | grep -v '/$' | grep '^d/.$' | paste -sd' ')" = \
        "$(cd d && for f in x y z; do stat -c '%i d/%n' $f; done | sort -n | cut -d' ' -f2 | paste -sd' ')" ]
}

@test "devices" {
    [ "$(id -u)" = 0 ] || skip 'not root'
    mkdir t
    mknod t/c c 1 3 2>/dev/null || skip 'no devices here'
    mknod t/b b 300 70000
    [ "$(leat pack t | tar -tvf - | awk '/^[bc]/ { print $3 }' | paste -sd' ')" = '300,70000 1,3' ]
    needs bsdcpio
    [ "$(leat pack --format=cpio t 2>/dev/null | bsdcpio -itv 2>/dev/null | awk '/^[bc]/ { print $5 }' | paste -sd' ')" = '300,70000 1,3' ]
    run leat pack --format=zip t : null
    is 2
    has 't/b: is a device, which --format=zip cannot hold'
}

@test "--owner, --group, --numeric-owner, --mtime and --clamp-mtime" {
    printf a >a
    printf b >b
    touch -d '2001-01-01 00:00:00Z' a
    touch -d '2020-01-01 00:00:00Z' b
    leat pack --owner=me:12 --group=34 a | tar --full-time --utc -tvf - >list
    grep -q '^-rw-r--r-- me/34 ' list
    leat pack --owner=root --group=root a | tar -tvf - | grep -q '^-rw-r--r-- root/root '
    leat pack --numeric-owner --owner=root --group=root a | tar -tvf - | grep -q '^-rw-r--r-- 0/0 '
    leat pack --mtime=@1000000000.5 a b | tar --full-time --utc -tvf - >list
    [ "$(grep -c '2001-09-09 01:46:40.5' list)" = 2 ]
    leat pack --mtime=2001-09-09T01:46:40 --clamp-mtime a b | TZ=UTC tar --full-time -tvf - >list
    [ "$(awk '{ print $4, $5, $6 }' list | paste -sd' ')" = '2001-01-01 00:00:00 a 2001-09-09 01:46:40 b' ]
    SOURCE_DATE_EPOCH=1000000000 leat pack --clamp-mtime a b | TZ=UTC tar --full-time -tvf - | cmp - list
    run leat pack --clamp-mtime a : null
    is 2
    run leat pack --mtime=yesterday a : null
    is 2
    has '--mtime=yesterday: give @SECONDS since 1970'
    run leat pack --owner=nobody-has-this-name a : null
    is 2
}

@test "--reproducible gives the same bytes for copies that differ in all else" {
    local format
    mkdir a b
    (
        cd a && mkdir -p t/d t/e
        printf 1 >t/d/x
        printf 2 >t/d/y
        printf 3 >t/z
        chmod +x t/z
        ln t/d/x t/e/hard
        ln -s z t/soft
        truncate -s 300K t/sparse
    )
    (
        umask 077
        cd b && mkdir -p t/e t/d
        dd if=/dev/zero of=t/sparse bs=1K count=300 status=none
        ln -s z t/soft
        printf 3 >t/z
        chmod +x t/z
        ln t/z outside
        printf 1 >t/e/hard
        ln t/e/hard t/d/x
        printf 2 >t/d/y
        cat t/d/y >/dev/null
    )
    find b -exec touch -h -d '2011-11-11 11:11:11.5' {} +
    [ "$(id -u)" != 0 ] || chown -R 12:34 b
    for format in pax ustar gnutar cpio zip 7z; do
        (cd a && SOURCE_DATE_EPOCH=1000000000 leat pack --reproducible --format=$format t) >a.out 2>/dev/null
        (cd b && TZ=Asia/Tokyo SOURCE_DATE_EPOCH=1000000000 leat pack --reproducible --format=$format t) >b.out 2>/dev/null
        cmp a.out b.out
    done
    (cd a && leat pack --reproducible t) | TZ=UTC tar --numeric-owner --full-time -tvf - >list
    [ "$(awk '{ print $4 }' list | sort -u)" = 1970-01-01 ]
    [ "$(awk '{ print $1, $2, $6 }' list | paste -sd' ')" = 'drwxr-xr-x 0/0 t/ drwxr-xr-x 0/0 t/d/ -rw-r--r-- 0/0 t/d/x -rw-r--r-- 0/0 t/d/y drwxr-xr-x 0/0 t/e/ hrw-r--r-- 0/0 t/e/hard lrwxrwxrwx 0/0 t/soft -rw-r--r-- 0/0 t/sparse -rwxr-xr-x 0/0 t/z' ]
    run leat pack --reproducible --sort=none a : null
    is 2
}

@test "--xattrs and --acls" {
    needs setfattr setfacl bsdtar
    mkdir t x b
    printf a >t/a
    setfattr -n user.note -v $'va\nl=ue' t/a 2>/dev/null || skip 'no extended attributes here'
    setfattr -n user.a=b -v x t/a
    setfacl -m u:1234:rw,g:5678:r t/a 2>/dev/null || skip 'no ACLs here'
    setfacl -d -m u:1234:rx t
    leat pack t | tar -t --xattrs -vvf - >list
    [ "$(grep -c user.note list)" = 0 ]
    leat pack --xattrs --acls t : write t.tar
    tar --xattrs --acls -xf t.tar -C x
    diff <(cd t && getfattr -d a; getfacl -n . a) <(cd x/t && getfattr -d a; getfacl -n . a)
    bsd --xattrs --acls -xf t.tar -C b
    diff <(cd t && getfacl -n . a) <(cd b/t && getfacl -n . a)
    run leat pack --format=zip --xattrs t : null
    is 2
}

# --- what is left out, and what fails -------------------------------------------------------------

@test "sockets are left out with a warning" {
    needs python3
    mkdir t
    printf a >t/a
    for i in {1..10}; do python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('t/s$i')"; done
    run leat pack t : write t.tar
    is 0
    has 't/s1: is a socket, and is left out'
    has '10 sockets are left out in all'
    [ "$(tar -tf t.tar | paste -sd' ')" = 't/ t/a' ]
}

@test "a file that cannot be read fails, or is counted with --skip-unreadable" {
    mkdir t
    printf a >t/a
    printf b >t/b
    mkdir t/closed
    : >t/closed/in
    chmod 0 t/b t/closed
    chmod 755 .
    local as=()
    [ "$(id -u)" != 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    "${as[@]}" "$LEAT" --version >/dev/null || skip 'nobody cannot run leat here'
    "${as[@]}" test -r t/a || skip 'nobody cannot read here'
    run bounded "${as[@]}" "$LEAT" pack t
    is 1
    has 't/b: Permission denied; --skip-unreadable leaves it out'
    "${as[@]}" "$LEAT" pack --skip-unreadable t 2>err >t.tar
    grep -q 't/b: cannot be read, and is left out (Permission denied)' err
    grep -q 't/closed: cannot be read, and is left out (Permission denied)' err
    [ "$(tar -tf t.tar | paste -sd' ')" = 't/ t/a' ]
    chmod 755 t/closed
}

@test "a missing path, no path and a wrong policy" {
    run leat pack nothing : write out
    is 1
    has 'nothing: No such file or directory'
    run leat pack : write out
    is 2
    has 'give a PATH to pack, or --files-from=FILE'
    for policy in never retry retry=0 retry=x retry=99999; do
        run leat pack --on-change=$policy . : write out
        is 2
        has "--on-change=$policy: give fail, warn, or retry=N"
    done
    only
}

@test "outputs inside the tree are left out" {
    mkdir t
    printf a >t/a
    printf old >t/out.tar
    printf s >t/side
    run leat pack t : sha256 --to=t/sum : write --force t/out.tar
    is 0
    has 't/out.tar: is an output of this pipeline, and is left out'
    [ "$(tar -tf t/out.tar | paste -sd' ')" = 't/ t/a t/side' ]
    leat pack t 2>err >t/stdout.tar
    grep -q 't/stdout.tar: is an output of this pipeline' err
    [ "$(tar -tf t/stdout.tar | paste -sd' ')" = 't/ t/a t/out.tar t/side t/sum' ]
    FAULTS=$(realpath "${BUILD:-$BATS_TEST_DIRNAME/../../build}/tests/faults.so")
    local library
    library=$(ldd "$LEAT" | grep -oE '/[^ ]*lib[at]san[^ ]*' || true)
    rm t/*
    printf a >t/a
    # a draft with a temporary name
    run bounded env FAULT_ABSENT=tmpfile LD_PRELOAD="$library $FAULTS" "$LEAT" pack t : write t/new.tar
    is 0
    has '.leat-'
    has ': is an output of this pipeline, and is left out'
    [ "$(tar -tf t/new.tar | paste -sd' ')" = 't/ t/a' ]
}

@test "another name of a file that an output replaces is no output" {
    mkdir t
    printf old >t/out.tar
    ln t/out.tar t/kept
    leat pack t : write --force t/out.tar
    [ "$(tar -tf t/out.tar | paste -sd' ')" = 't/ t/kept' ]
    [ "$(tar -xOf t/out.tar t/kept)" = old ]
    # but one that is written to is
    printf old >t/log
    ln t/log t/log2
    leat pack t 2>err >>t/log
    [ "$(tail -c +4 t/log | tar -tf - | paste -sd' ')" = 't/ t/kept t/out.tar' ]
}

@test "a path that is named twice has no link to itself" {
    mkdir t
    printf a >t/a
    ln t/a t/b
    leat pack t ./t t/../t : write o.tar 2>err
    [ "$(tar -tvf o.tar | grep -c ' link to ')" = 3 ]
    mkdir gnu py
    tar -xf o.tar -C gnu
    bsdtar -tf o.tar >/dev/null
    python3 -c 'import tarfile; tarfile.open("o.tar").extractall("py")'
    leat read o.tar : extract own
    for i in gnu py own; do
        same_tree t "$i/t" '%p %y %s %n\0'
    done
}

@test "hard links to symbolic links in cpio" {
    mkdir t
    ln -s target t/a
    ln t/a t/b
    leat pack --format=cpio t : write o.cpio
    mkdir gnu
    (cd gnu && cpio -id --quiet <../o.cpio)
    leat read o.cpio : extract own
    for i in gnu own; do
        same_tree t "$i/t" '%p %y %l\0'
    done
}

@test "--dereference packs what links lead to" {
    local deep i
    mkdir -p t/d other/inner
    printf a >t/a
    printf o >other/o
    ln -s ../a t/d/up
    ln -s ../other t/dir
    ln -s a t/hop
    ln -s hop t/hop2
    # directories that are closed meanwhile are found again, though `..` leads elsewhere
    deep=other/inner
    for i in {1..40}; do deep+=/x; done
    mkdir -p $deep
    printf z >other/zz
    leat pack -h t : write o.tar
    diff <(tar -tf o.tar) <(tar -ch --sort=name t | tar -tf -)
    mkdir x y
    tar -xf o.tar -C x
    tar -ch t | tar -x -C y
    diff -r x y
    [ "$(find x -type l | wc -l)" = 0 ]
    diff <(tar -ch --sort=name t/hop | tar -tvf -) <(leat pack --dereference t/hop | tar -tvf -)
    # nothing, and circles
    ln -s nowhere t/dangling
    run leat pack -h t : null
    is 1
    has 't/dangling: No such file or directory; --skip-unreadable leaves it out'
    run leat pack -h --skip-unreadable t : null
    is 0
    rm t/dangling
    ln -s .. t/d/loop
    run leat pack -h t : null
    is 1
    has 't/d/loop: is a link to a directory that contains it; --exclude it'
    leat pack -h --exclude=loop t : null
    rm t/d/loop
    ln -s self t/self
    run leat pack -h t : null
    is 1
    has 't/self: Too many levels of symbolic links'
}

@test "a list with a name that is too long" {
    head -c 70000 /dev/zero | tr '\0' x >list
    run leat pack -T list : null
    is 7
    has 'a path is longer than 65536 bytes: …/xxx'
}

# temporary PID - libarchive has its temporary file, so the archive has begun. Files of the test may be below the
# same directory.
temporary() {
    local in="${TMPDIR:-/tmp}"
    find "/proc/$1/fd" -lname "$in/*" ! -lname "$in/*/*" | grep -q .
}

@test "a full disk, an early reader and a signal" {
    mkdir t
    head -c 3000000 /dev/urandom >t/a
    run leat pack t : write /dev/full
    is 1
    # a closed output ends quietly, as with other tools
    bounded bash -c '"$LEAT" pack t 2>err | head -c 100 >/dev/null; exit "${PIPESTATUS[0]}"' || status=$?
    [ "$status" = 141 ]
    [ ! -s err ]
    bounded "$LEAT" pack t : head -c 100 : write first
    [ "$(stat -c %s first)" = 100 ]
    mkfifo pipe
    for format in pax zip; do
        env --default-signal=INT "$LEAT" pack --format=$format t : write pipe 2>err &
        local pid=$! status=0
        exec 8<pipe
        wait_for settled "$pid"
        kill -INT "$pid"
        wait_for gone "$pid"
        wait "$pid" || status=$?
        exec 8<&-
        [ "$status" = 130 ]
    done
    # 7z has no output before its end, and a hole takes long to compress
    truncate -s 2T t/hole 2>/dev/null || skip 'no file of that size here'
    env --default-signal=INT "$LEAT" pack --format=7z --spool=4T t : write out 2>err &
    pid=$! status=0
    wait_for temporary "$pid"
    kill -INT "$pid"
    wait_for gone "$pid"
    wait "$pid" || status=$?
    [ "$status" = 130 ]
    [ ! -e out ]
}

@test "the temporary files of 7z and of --on-change=retry are bounded" {
    mkdir t
    head -c 300000 /dev/zero >t/a
    run leat pack --format=7z --spool=200K t : write out
    is 7
    has 't/a: with it the files exceed --spool=204800'
    run leat pack --on-change=retry=2 --spool=200K t : write out
    is 7
    has 'would exceed --spool=204800; raise it'
    leat pack --on-change=retry=2 t | tar -xOf - t/a | cmp - t/a
    run bounded env TMPDIR=/nowhere "$LEAT" pack --on-change=retry=2 t : write out
    is 1
    has 'a temporary file in /nowhere: No such file or directory'
    run bounded env TMPDIR=/nowhere "$LEAT" pack --format=7z t : write out
    is 1
    has 'libarchive: '
    [ ! -e out ]
}

@test "a confined pack can read all that it names" {
    sanitized && skip 'the sanitizer reads /proc when it ends'
    mkdir t other
    printf a >t/a
    head -c 300000 /dev/zero >other/b
    ln -s other l
    run leat --sandbox=require pack -C t a : null
    [ "$status" != 2 ] || skip 'this kernel cannot confine'
    is 0
    [ "$(cd t && leat --sandbox=require pack ../other a ../l/ : count -c)" -gt 600000 ]
    [ "$(printf 't/a\nother/b\n' | leat --sandbox=require pack -T - : count -c)" -gt 300000 ]
    leat --sandbox=require pack --on-change=retry=1 other : write r.tar
    [ "$(tar -xOf r.tar other/b | wc -c)" = 300000 ]
    leat --sandbox=require pack --format=7z t : write t.7z 2>err
    leat --sandbox=require pack --format=zip t : write t.zip 2>err
    [ "$(leat --sandbox=require pack --owner=root t | tar -tvf - | grep -c ' root/')" = 2 ]
}

@test "a file of the kernel that does not tell its size is not empty" {
    [ -s /proc/self/maps ] || [ -r /proc/kallsyms ] || skip 'no /proc here'
    leat pack /proc/version | tar -xOf - proc/version | cmp - /proc/version
    # larger than what is read before the header
    [ "$(head -c 200000 /proc/kallsyms | wc -c)" = 200000 ] || skip 'no large file in /proc'
    leat pack /proc/kallsyms | tar -xOf - proc/kallsyms | cmp - /proc/kallsyms
    leat pack --format=zip /proc/version 2>/dev/null >v.zip
    needs unzip
    unzip -p v.zip | cmp - /proc/version
}

@test "the names of a directory are charged to the limit of memory" {
    mkdir t
    (cd t && seq 60000 | xargs touch)
    [ "$(leat --memory=16M pack --mtime=@0 t : count -c)" -gt 30000000 ]
    run leat --memory=4M pack t : null
    is 7
    has 'raise --memory'
}
