#!/usr/bin/env bats
# list.bats - what is in an archive, as text and as JSON, and the contents of single entries.

load common

# tree DIR - a small tree with names and entries of many kinds.
tree() {
    mkdir -p "$1/sub"
    printf 'hi\n' >"$1/a"
    ln "$1/a" "$1/hard"
    ln -s a "$1/link"
    printf 'caf\n' >"$1/"$'caf\xe9'
    printf 'utf\n' >"$1/größe"
    printf 'new\n' >"$1/"$'new\nline\e[31m'
    printf 'back\n' >"$1/back\\slash"
    truncate -s 100K "$1/holes"
    printf 'end' >>"$1/holes"
    mkfifo "$1/fifo"
    chmod 4755 "$1/a"
    touch -d '2001-02-03 04:05:06.123456789 UTC' "$1/größe"
    touch -d '1965-03-04 05:06:07.25 UTC' "$1/sub"
    touch -d '2001-02-03 04:05:06 UTC' "$1/a" "$1"
}

# packed FORMAT - t.FORMAT, an archive of the tree t.
packed() {
    [ -e t ] || tree t
    case $1 in
    zip)
        rm -f t/fifo
        (cd t && zip -qyr ../t.zip .)
        ;;
    *) tar -S --sort=name --format="$1" -cf "t.$1" t ;;
    esac
}

# tar_names - the escapes of GNU tar, as ours.
tar_names() {
    sed 's/\\351/\\xe9/; s/\\033/\\x1b/'
}

@test "names are those of tar t, with escapes that can be undone" {
    packed pax
    gzip -k t.pax
    leat read t.pax.gz : list >names
    LC_ALL=C.UTF-8 tar -tf t.pax | tar_names >expected
    diff expected names
    leat read t.pax : list -0 | tr '\n\0' '\1\n' >raw
    [ "$(LC_ALL=C grep -c $'caf\xe9$' raw)" = 1 ]
    [ "$(LC_ALL=C grep -c $'new\1line\e' raw)" = 1 ]
}

@test "no byte that a terminal obeys is in the lines of list" {
    packed gnu
    for how in --long --json ''; do
        leat read t.gnu : list $how >lines
        [ "$(LC_ALL=C grep -c $'[\1-\x1f\x7f]' lines)" = 0 ] # without LF
        iconv -f UTF-8 -t UTF-8 lines >/dev/null
    done
}

@test "list --long is like tar tv" {
    packed gnu
    for zone in UTC America/New_York; do
        TZ=$zone LC_ALL=C.UTF-8 tar -tvf t.gnu | tar_names >expected
        TZ=$zone leat read t.gnu : list --long >lines
        diff expected lines
        TZ=$zone LC_ALL=C.UTF-8 tar --numeric-owner -tvf t.gnu | tar_names >expected
        TZ=$zone leat read t.gnu : list -l --numeric-owner >lines
        diff expected lines
    done
}

@test "list --json has one object for each entry, with all that the archive holds" {
    packed pax
    leat read t.pax : list --json >objects
    python3 - <<'END'
import base64, decimal, json, tarfile
types = {'file': tarfile.REGTYPE, 'directory': tarfile.DIRTYPE, 'link': tarfile.SYMTYPE,
         'hardlink': tarfile.LNKTYPE, 'fifo': tarfile.FIFOTYPE}
objects = [json.loads(line, parse_float=decimal.Decimal) for line in open('objects')]
with tarfile.open('t.pax', errors='surrogateescape') as archive:
    members = archive.getmembers()
assert len(objects) == len(members) == 11, (len(objects), len(members))
for o, m in zip(objects, members):
    name = o['name'].encode()
    if 'name_base64' in o:
        name = base64.b64decode(o['name_base64'])
    assert name.rstrip(b'/') == m.name.encode('utf-8', 'surrogateescape'), (o, m.name)
    assert types[o['type']] == m.type or m.issparse(), (o, m.type)
    assert o.get('target', '') == m.linkname, (o, m.linkname)
    assert (int(o['mode'], 8), o['uid'], o['gid']) == (m.mode, m.uid, m.gid), o
    assert (o['user'], o['group']) == (m.uname, m.gname), o
    assert m.islnk() or o['size'] == m.size, (o, m.size)
    assert abs(float(o['mtime']) - m.mtime) < 1e-5, (o, m.mtime)
times = {o['name']: o['mtime'] for o in objects}
assert times['t/größe'] == decimal.Decimal('981173106.123456789'), times
assert times['t/sub/'] == decimal.Decimal('-152391232.75'), times
END
}

@test "patterns, components and rules choose and rename what is listed" {
    packed gnu
    [ "$(leat read t.gnu : list --include=a --include=sub --strip-components=1 --rename='^s=S' | tr '\n' ' ')" = 'a Sub/ ' ]
    run leat read t.gnu : list --include=nope
    is 1
    has "no entry matches --include 'nope'"
}

@test "list reads zip, cpio and 7z, and fails where they are cut" {
    packed zip
    [ "$(leat read t.zip : list --include=a --include=hard --include=sub | sort | tr '\n' ' ')" = 'a hard sub/ ' ]
    find t -print0 | cpio -0o -H newc >t.newc 2>cpio.log
    leat read t.newc : list -0 | sort -z >names
    find t -print0 | sort -z | cmp - names
    head -c 600 t.newc >short
    run leat read short : list
    is 3
    has 'list (#2)'
    packed gnu
    head -c 100000 t.gnu | gzip >cut.gz
    truncate -s -20 cut.gz
    run leat read cut.gz : list
    is 3
    run leat read t/a : list
    is 3
    has 'no tar, zip, cpio, 7z or ar archive (byte 0)'
}

@test "head after list ends the run early and well" {
    packed gnu
    [ "$(leat read t.gnu : list : head -n 1)" = t/ ]
}

# --- entries ------------------------------------------------------------------------------------

@test "entries outputs the contents that match, in the order of the archive, with holes as zeros" {
    packed gnu
    leat read t.gnu : entries holes | cmp - t/holes
    [ "$(leat read t.gnu : entries 'größe' 't/a' | tr '\n' ' ')" = 'hi utf ' ]
    leat read t.gnu : entries '*' --exclude fifo >out 2>err
    tar -xOf t.gnu | cmp - out
    [[ $(<err) = *'1 hard links: each content is output once'* ]]
    packed zip
    leat entries '*a' <t.zip 2>err | cmp - t/a
}

@test "entries fails where no content can be given" {
    packed gnu
    run leat read t.gnu : entries hard
    is 1
    has 't/hard: is a hard link, and its content is that of t/a'
    run leat read t.gnu : entries nope a
    is 1
    has "no entry matches 'nope'"
    run leat read t.gnu : entries sub
    is 1
    has 'no entry that matches is a file'
}
