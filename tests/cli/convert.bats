#!/usr/bin/env bats
# convert.bats - leat convert: the pipeline of leat each that the suffixes of sources and outputs make.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    seq 1000 >text
    gzip -k text
    mkdir out
}

@test "the suffixes choose the codecs" {
    local suffix stage last=text.gz
    for suffix in zst:unzstd xz:unxz bz2:bunzip2 lz4:unlz4 br:unbrotli lz:unlzip lzma:unlzma zz:unzlib zlib:unzlib \
        deflate:inflate Z:uncompress gz:gunzip; do
        stage=${suffix#*:}
        leat stages | grep -q "^  $stage " || continue
        run -0 leat convert "$last" "t.${suffix%:*}"
        [ -z "$output" ]
        leat read "t.${suffix%:*}" : "$stage" | cmp - text
        last=t.${suffix%:*}
    done
    run -0 leat convert "$last" plain
    cmp plain text
    run -0 leat convert text t2.gz -9
    gzip -dc t2.gz | cmp - text
    run -0 leat convert text.gz -
    [ "${#lines[@]}" = 1000 ]
    run -0 leat convert --dry-run text.gz x.zst -12
    [ "$output" = 'read -- text.gz | gunzip | zstd -12 | write -- x.zst' ]
    run -0 leat convert --dry-run text.gz x.zst --level=3
    [ "$output" = 'read -- text.gz | gunzip | zstd -3 | write -- x.zst' ]
}

@test "--to puts outputs beside the sources, or into a directory" {
    mkdir -p in/sub
    cp text in/sub/b
    xz -c text >in/a.xz
    run -0 leat convert 'in/*.xz' text --to=zst --dry-run
    [ "$output" = $'read -- in/a.xz | unxz | zstd | write -- in/a.zst\nread -- text | pass | zstd | write -- text.zst' ]
    run -2 leat convert text.gz text --to=zst
    has 'have the same output'
    run -0 leat convert -r in --to=.lz4 out
    lz4 -dcq out/a.lz4 | cmp - text
    lz4 -dcq out/sub/b.lz4 | cmp - text
    run -0 leat convert in/a.xz text.gz out
    cmp out/a text
    cmp out/text text
    run -0 leat convert in/a.xz --to=gz
    gzip -dc in/a.gz | cmp - text
}

@test "shorthands of tar archives" {
    tar cf - text | gzip >a.tgz
    run -0 leat convert a.tgz --to=tar.zst
    run -0 leat convert a.tar.zst --to=txz
    run -0 leat convert a.txz --to=tar
    tar xOf a.tar text | cmp - text
    run -0 leat convert a.tar b.tbz2
    tar xOjf b.tbz2 text | cmp - text
    run -0 leat convert a.tgz --to=zst --force
    tar xOf <(zstd -dc a.tar.zst) text | cmp - text
    run -2 leat convert text.gz --to=tgz
    has 'text.gz is not a tar archive by its name'
    [ ! -e text.tgz ]
}

@test "what it cannot do is refused, with the suffixes that it knows" {
    run -2 leat convert text.gz --to=rar
    has 'rar has no suffix of a codec that leat knows; there are .gz .zst .xz'
    run -2 leat convert text copy
    has 'copy has no suffix of a codec'
    run -2 leat convert text.gz
    has 'usage: leat convert SRC DST'
    run -2 leat convert
    run -2 leat convert text.gz text x.zst
    has 'x.zst is neither'
    run -2 leat convert text.gz --to=gz
    has 'is itself an input'
    run -2 leat convert text.gz --level=high x.zst
    run -2 leat convert text.gz -9 plain
    has '--level needs an output that is compressed'
    cp text wrong.gz
    run -3 leat convert wrong.gz w.zst
    has 'wrong.gz: gunzip (#2): not in gzip format'
    run -1 leat convert text.gz text
    has 'exists'
    only text text.gz wrong.gz out
}

@test "a directory whose name looks like a place of a name is taken literally" {
    mkdir 'd{n}{x}'
    run -0 leat convert text.gz 'd{n}{x}'
    cmp 'd{n}{x}/text' text
    run -0 leat convert text.gz 'd{n}{x}/{base}.zst'
    [ -e 'd{n}{x}/{base}.zst' ]
}

@test "--remove-source, --journal and --resume as in each" {
    touch -d 2001-02-03 text.gz
    cp -p text.gz b.gz
    run -0 leat convert 'b.*' text.gz --to=zst --remove-source --keep-times --journal=j
    [ ! -e b.gz ]
    [ ! -e text.gz ]
    zstd -dcq b.zst | cmp - text
    [ "$(stat -c %y b.zst | cut -c-4)" = 2001 ]
    gzip -k text
    rm j
    run -0 leat convert text.gz --to=xz --journal=j
    run -0 leat convert text.gz --to=xz --journal=j --resume
    has '1 skipped'
}
