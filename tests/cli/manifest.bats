#!/usr/bin/env bats
# manifest.bats - lists of what is in an archive, made in one pass with it, and comparisons with them.

load common

tree() {
    mkdir -p "$1/sub" "$1/empty"
    printf 'hi\n' >"$1/a"
    ln "$1/a" "$1/hard"
    ln -s a "$1/link"
    ln "$1/link" "$1/other"
    printf 'x' >"$1/"$'caf\xe9\n'
    log_lines 2000 >"$1/sub/log"
    truncate -s 300K "$1/sub/holes"
    chmod 4755 "$1/a"
}

# all DIR - the entries of the whole tree, its root first.
all() {
    leat pack --sort=name -C "$1" . : manifest
}

@test "a manifest has digest, size, type, mode and name of each entry" {
    tree t
    tar -S --sort=name -cf t.tar t
    leat read t.tar : manifest >m
    {
        echo '# leat manifest 1: sha256 size type mode name'
        echo '- - d 0755 t'
        echo "$(sha256sum <t/a | cut -c-64) 3 f 4755 t/a"
        printf '%s 1 f 0644 t/%s\n' "$(printf x | sha256sum | cut -c-64)" 'caf\xe9\n'
        echo '- - d 0755 t/empty'
        printf -- '- - h 4755 t/hard\t-> t/a\n'
        printf -- '- - l 0777 t/link\t-> a\n'
        printf -- '- - h 0777 t/other\t-> t/link\n'
        echo '- - d 0755 t/sub'
        echo "$(sha256sum <t/sub/holes | cut -c-64) 307200 f 0644 t/sub/holes"
        echo "$(sha256sum <t/sub/log | cut -c-64) $(stat -c %s t/sub/log) f 0644 t/sub/log"
    } >expected
    diff expected m
}

@test "a manifest is made in the same pass as an archive, and as its extraction" {
    tree t
    leat pack -C t . : tee [ manifest : write made ] : gzip : write t.tar.gz
    leat read t.tar.gz : decode : tee [ manifest : write m ] : extract --same-permissions d
    cmp made m
    leat pack -C d . : manifest --check=m >out
    [ ! -s out ]
}

@test "manifest --check outputs each difference and fails with status 4" {
    tree t
    all t >m
    printf 'HI\n' >t/a
    printf 'longer' >>t/sub/log
    rm -r t/empty t/link t/other
    ln -s elsewhere t/link
    mkdir t/other
    : >t/new
    chmod 600 t/sub/holes

    run leat pack --sort=name -C t . : manifest --check=m
    is 4
    has 'a: its content is not that of the manifest'
    has 'link: the link leads elsewhere than in the manifest'
    has 'new: is not in the manifest'
    has 'other: is a directory, and a symbolic link in the manifest'
    has 'sub/holes: its mode is 0600, and 0644 in the manifest'
    has 'sub/log: its size is'
    has 'empty: is missing'
    has '7 entries differ from m'
}

@test "any name of a hard link may have the content" {
    tree t
    all t >m
    (cd t && printf '%s\0' . hard a other link sub sub/holes sub/log empty $'caf\xe9\n' | tar --no-recursion --null -T - -cf ../t.tar)
    leat read t.tar : list -l >lines
    grep -q 'a link to hard' lines
    leat read t.tar : manifest --check=m
    printf 'HI\n' >t/a
    (cd t && printf '%s\0' . hard a other link sub sub/holes sub/log empty $'caf\xe9\n' | tar --no-recursion --null -T - -cf ../t.tar)
    run leat read t.tar : manifest --check=m
    is 4
    has 'hard: its content is not that of the manifest'
}

@test "directories that the manifest only implies are no difference, and others are" {
    mkdir -p t/x/y t/x-z
    printf 1 >t/x/y/f
    tar -cf t.tar -C t x/y/f
    leat read t.tar : manifest >m
    run leat pack --sort=name -C t . : manifest --check=m
    is 4
    has 'x-z: is not in the manifest'
    has '1 entry differs'
    rmdir t/x-z
    leat pack -C t . : manifest --check=m
}

@test "with --umask, permissions that it takes away may be missing" {
    mkdir t
    : >t/a
    chmod 6775 t/a
    all t >m
    chmod 755 t/a
    run leat pack -C t . : manifest --check=m
    is 4
    leat pack -C t . : manifest --check=m --umask=022
    chmod 775 t/a
    run leat pack -C t . : manifest --check=m
    is 4
    chmod 700 t/a
    run leat pack -C t . : manifest --check=m --umask=022
    is 4
}

@test "a file that is no manifest is refused with its line" {
    mkdir t
    good=$(printf x | sha256sum | cut -c-64)
    for line in hello '- - d 0755' "$good - f 0644 a" "- - f 0644 a" '- - l 0777 a' "$good 1 f 0999 a" "$good 1 x 0644 a" \
        "${good^^} 1 f 0644 a" "$good 1x f 0644 a" "$good 1 f 0644 a\\q" "$good 99999999999999999999 f 0644 a"; do
        printf '# a comment\n\n%s\n' "$line" >m
        run leat pack -C t . : manifest --check=m
        is 3
        has 'm: line 3 is not of the form'
    done
    : >m
    run leat pack -C t . : manifest --check=m
    is 3
    has 'm: the manifest has no entry'
}

# --- extract --check and leat check -------------------------------------------------------------

@test "extract --check extracts only what the manifest says" {
    tree t
    truncate -s 300K t/gap
    printf 'end' >>t/gap
    tar -S -C t -czf t.tar.gz .
    leat read t.tar.gz : manifest >m
    leat read t.tar.gz : extract --check=m -p d
    all t >t.m
    all d | diff t.m -
    tar -C t --exclude=./sub -cf fewer.tar .
    run leat read fewer.tar : extract --check=m e
    is 4
    has 'is in m, and not in the archive'
    : >t/new
    tar -C t -cf more.tar .
    run leat read more.tar : extract --check=m e
    is 4
    has 'new: is not in the manifest'
    rm t/new
    printf 'HI\n' >t/a
    tar -C t -cf other.tar .
    run leat read other.tar : extract --check=m e
    is 4
    has ': its content is not that of the manifest'
    truncate -s 301K t/sub/holes
    tar -S -C t --exclude=./a --exclude=./hard -cf longer.tar .
    run leat read longer.tar : extract --check=m e
    is 4
    has 'its size is 308224, and 307200 in the manifest'
    [ ! -e e ]
    [ "$(find . -name '*.leat-*' | wc -l)" = 0 ]
    run leat read t.tar.gz : extract --check=m --in-place e
    is 2
}

@test "extract --check reads files that --keep-newer and others leave alone, and names as they become" {
    tree t
    tar -C t -cf t.tar .
    leat read t.tar : manifest --rename='^\./=x/' --exclude=sub >m
    leat read t.tar : extract --check=m --rename='^\./=x/' --exclude=sub d
    run leat read t.tar : extract --check=m --exclude=sub e
    is 4
}

@test "leat check compares a directory, with the permissions that extract has set" {
    tree t
    chmod 666 t/sub/log
    tar -C t -cf t.tar .
    leat read t.tar : tee [ manifest : write m ] : extract d
    leat check m d >out
    [ ! -s out ]
    printf 'y' >d/new
    chmod 600 d/sub/log
    run leat check m d
    is 4
    has 'new: is not in the manifest'
    has 'sub/log: its mode is 0600, and 0666 in the manifest'
    run leat check m
    is 2
    has 'usage: leat check MANIFEST DIR'
    run leat check m nowhere
    [ "$status" != 0 ]
    has nowhere
    run leat check nowhere d
    [ "$status" != 0 ]
    has nowhere
}

@test "a cpio archive that has the content of a file at its last name matches its directory" {
    mkdir t
    printf 'content\n' >t/a
    ln t/a t/b
    ln t/a t/c
    (cd t && printf '%s\n' a b c | cpio -oH newc --quiet >../t.cpio)
    leat read t.cpio : tee [ manifest : write m ] : extract d
    [ "$(grep -c "$(sha256sum <t/a | cut -c-64)" m)" = 1 ]
    leat check m d
    leat check m t
    leat read t.cpio : extract --check=m e
    printf 'CONTENT\n' >d/b
    run leat check m d
    is 4
    has 'a: its content is not that of the manifest'
}
