#!/usr/bin/env python3
"""hostile.py - archives that try to leave their directory, lie, or never end; and what extract does with them.

    hostile.py [--nobody] [--in-place] [--sandbox=HOW] [--no-bombs] [NAME...]

Each archive is extracted beside a canary tree, of which every name, inode, time and byte is compared
before and after. The status is the expected one; a failure prints one message without control
characters, and leaves no directory and no temporary. NAME chooses archives; --no-bombs leaves out those that
take long to make, and fail in the same way for every user. LEAT is the command.
"""
import argparse
import gzip
import io
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

BOUND_S = 600
NOBODY = 65534
REG, LINK, SYM, CHR, BLK, DIR, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
GIB = 1 << 30


# --- tar ------------------------------------------------------------------------------------------

def number(n, width):
    if 0 <= n < 8 ** (width - 1):
        return b"%0*o\0" % (width - 1, n)
    return (n & ((1 << (8 * width)) - 1) | 1 << (8 * width - 1)).to_bytes(width, "big")


def member(name, kind=REG, data=b"", link=b"", mode=0o644, size=None, mtime=0, uid=0, padded=True):
    """One entry; size: what the header says."""
    head = bytearray(512)
    head[0:len(name[:100])] = name[:100]
    head[100:108] = number(mode, 8)
    head[108:116] = number(uid, 8)
    head[116:124] = number(0, 8)
    head[124:136] = number(len(data) if size is None else size, 12)
    head[136:148] = number(mtime, 12)
    head[148:156] = b" " * 8
    head[156:157] = kind
    head[157:157 + len(link[:100])] = link[:100]
    head[257:265] = b"ustar\00000"
    head[148:155] = b"%06o\0" % sum(head)
    return bytes(head) + data + bytes(-len(data) % 512 if padded else 0)


def pax(**records):
    """The extended header of the next entry; `__` in a key stands for a dot."""
    body = b""
    for key, value in records.items():
        rest = b" " + key.replace("__", ".").encode() + b"=" + value + b"\n"
        n = len(rest)
        while n != len(rest) + len(str(n)):
            n = len(rest) + len(str(n))
        body += str(n).encode() + rest
    return member(b"pax", b"x", body)


def tar(*members):
    return b"".join(members) + bytes(1024)


def long_name(name, kind=REG, data=b"", link=b""):
    return member(b"././@LongLink", b"L", name + b"\0") + member(name, kind, data, link)


# --- cpio and zip ---------------------------------------------------------------------------------

def newc(name, data, mode, ino=1, links=1):
    name += b"\0"
    fields = [ino, mode, 0, 0, links, 0, len(data), 0, 0, 0, 0, len(name), 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def cpio(*members):
    return b"".join(members) + newc(b"TRAILER!!!", b"", 0)


def zipped(entries, local=None, **lies):
    """entries: name, data, mode; local: names of the local headers; lies: fields of the directory."""
    out, directory = b"", b""
    for i, (name, data, mode) in enumerate(entries):
        crc, packed = zlib.crc32(data), len(data)
        before = local[i] if local else name
        head = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x21, crc, packed, len(data), len(before), 0)
        fields = {"crc": crc, "packed": packed, "size": len(data), "offset": len(out)} | lies
        directory += struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 3 << 8 | 20, 20, 0, 0, 0, 0x21,
                                 fields["crc"], fields["packed"], fields["size"], len(name), 0, 0,
                                 0, 0, mode << 16, fields["offset"]) + name
        out += b"PK\3\4" + head + before + data
    return out + directory + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, len(entries), len(entries),
                                         len(directory), len(out), 0)


# --- bombs ----------------------------------------------------------------------------------------

def bomb_gzip():
    piece = gzip.compress(bytes(GIB // 16), 9)
    return gzip.compress(member(b"bomb", size=10 * GIB)) + piece * 160


def bomb_zstd():
    run = subprocess.run([LEAT, "zero", ":", "head", "-c", "64M", ":", "zstd"], capture_output=True, check=True)
    head = subprocess.run([LEAT, "zstd"], input=member(b"bomb", size=10 * GIB), capture_output=True, check=True)
    return head.stdout + run.stdout * 160


def bomb_zip():
    flow = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = flow.compress(bytes(GIB // 16)) + flow.flush(zlib.Z_FULL_FLUSH)
    data = piece * 63 + zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    size = 63 * GIB // 16
    head = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, 0, len(data), size, 4, 0)
    body = b"PK\3\4" + head + b"bomb" + data
    directory = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 3 << 8 | 20, 20, 0, 8, 0, 0x21, 0, len(data),
                            size, 4, 0, 0, 0, 0, 0o100644 << 16, 0) + b"bomb"
    return body + directory + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(directory), len(body), 0)


def long_header():
    """A name of 2 GiB, which decodes from little."""
    head = newc(b"n", b"", 0o100644).replace(b"%08x" % 2 + b"0" * 8 + b"n", b"7fffffff" + b"0" * 8 + b"n")
    return gzip.compress(head) + gzip.compress(bytes(GIB // 16), 9) * 32


def gap(*members):
    """A file whose size is too small, so that libarchive looks for the next header, and meets it where a read
    begins: there it forgets to tell."""
    head = newc(b"a", bytes(100), 0o100644)
    at = len(head)
    while at + 110 <= 256 * 1024:
        at += 6
    return cpio(head + b"x" * (at - len(head)), *members)


def zip_in_zip():
    data = b"PK"
    for _ in range(5):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
            z.writestr("again.zip", data)
        data = file.getvalue()
    return data


# --- quines ---------------------------------------------------------------------------------------
#
# Deflate as a language of two instructions: print the next n bytes, and repeat the last n. The program
# prints itself, with what is before and after it in the file (Russ Cox, "Zip Files All The Way Down").

def bits(*parts):
    """Parts of (value, bits), the lowest bit first; a Huffman code is a string of its bits."""
    text = "".join(p if isinstance(p, str) else "".join(str(p[0] >> i & 1) for i in range(p[1])) for p in parts)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i:i + 8][::-1], 2) for i in range(0, len(text), 8))


def literal(n):
    """Print the next n bytes: the header of a stored block."""
    return struct.pack("<BHH", 0, n, n ^ 0xffff)


def match(length, distance):
    """A match in a block with fixed codes; lengths from 3 to 258."""
    lengths = [(3, 0)]
    for extra in (0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5):
        lengths.append((lengths[-1][0] + (1 << lengths[-1][1]), extra))
    distances = [(1, 0)]
    for extra in (0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7):
        distances.append((distances[-1][0] + (1 << distances[-1][1]), extra))
    i = max(i for i, (base, _) in enumerate(lengths) if base <= length)
    k = max(k for k, (base, _) in enumerate(distances) if base <= distance)
    code = format(i + 1, "07b") if i + 257 < 280 else format(0xc0 + i + 257 - 280, "08b")
    return [code, (length - lengths[i][0], lengths[i][1]), format(k, "05b"),
            (distance - distances[k][0], distances[k][1])]


FIXED, END = (1, 2), "0000000"


def repeat_20():
    """Repeat the last 20 bytes: 40 bits."""
    return bits((0, 1), FIXED, *match(10, 20), *match(10, 20), END)


def repeat_65():
    """Repeat the last 65 bytes: 40 bits, with an empty block."""
    return bits((0, 1), FIXED, *match(65, 65), END, (0, 1), FIXED, END)


def repeat(n):
    """Repeat the last n bytes, and an empty stored block, so that a byte ends."""
    return bits((0, 1), FIXED, *match(n, n), END, (0, 3)) + b"\0\0\xff\xff"


def program(before, after):
    """The deflated text between the two; it prints both and itself. `before` has 60 bytes."""
    n = next(n for n in range(len(after), 258) if len(repeat(n)) + len(after) == n)
    a, p, four, none = literal(5), repeat_65(), literal(20), literal(0)
    r = repeat_20()
    assert len(before) == 60 and len(p) == 5 and len(r) == 5
    return (literal(65) + before + literal(65) + p + a + p + a + a + four + p + a + a + four + r
            + four + r + four + r + four + r + four + r + none + none + literal(n) + r + none + none
            + literal(n) + repeat(n) + after + repeat(n))


def fixed_point(make):
    """make(x): a file that has the number x. The x that is its CRC-32: that of a file is affine in its bits."""
    base = zlib.crc32(make(0))
    rows = [(base ^ zlib.crc32(make(1 << i)) ^ 1 << i, 1 << i) for i in range(32)]
    left, x = base, 0
    for bit in range(32):
        pivot = next((r for r in rows if r[0] >> bit & 1), None)
        if pivot is None:
            continue
        rows = [(r[0] ^ pivot[0], r[1] ^ pivot[1]) if r[0] >> bit & 1 else r for r in rows if r is not pivot]
        if left >> bit & 1:
            left, x = left ^ pivot[0], x ^ pivot[1]
    assert left == 0 and zlib.crc32(make(x)) == x
    return make(x)


def quine_gzip():
    """A gzip file that decodes to itself."""
    def make(crc):
        before = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + struct.pack("<H2sH", 48, b"qu", 44) + bytes(44)
        size = 60 + len(program(bytes(60), bytes(10))) + 10
        after = b"\3\0" + struct.pack("<II", crc, size)
        return before + program(before, after) + after
    return fixed_point(make)


def quine_zip():
    """A zip archive with one entry: itself."""
    name = b"r.zip"

    def make(crc):
        tail = 2 + 46 + len(name) + 22
        packed = len(program(bytes(60), bytes(tail))) + 2
        size = 60 + packed + tail - 2
        facts = struct.pack("<HHHHHIII", 20, 0, 8, 0, 0x21, crc, packed, size)
        before = (b"PK\3\4" + facts + struct.pack("<HH", len(name), 25) + name
                  + struct.pack("<2sH", b"qu", 21) + bytes(21))
        directory = (b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + facts
                     + struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0o100644 << 16, 0) + name)
        after = b"\3\0" + directory + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(directory),
                                                  60 + packed, 0)
        return before + program(before, after) + after
    return fixed_point(make)


# --- the archives ---------------------------------------------------------------------------------

UP = b"../canary"


def archives(top):
    """name: bytes or a function that makes them, status or statuses, and the content of names afterwards."""
    here = os.fsencode(top) + b"/canary"
    evil, itself = b"evil", quine_zip()
    link = member(b"l", SYM, link=UP)
    sparse = {"GNU__sparse__major": b"1", "GNU__sparse__minor": b"0", "GNU__sparse__name": b"s"}
    return {
        "dot-dot": (tar(member(UP + b"/evil", data=evil)), 3),
        "dot-dot within": (tar(member(b"a/../../canary/evil", data=evil)), 3),
        "dot-dot that stays inside": (tar(member(b"a/../b", data=evil)), 3),
        "dot-dot alone": (tar(member(b"..", DIR)), 3),
        "dot-dot in a zip": (zipped([(UP + b"/evil", evil, 0o100644)]), 3),
        "dot-dot in a cpio": (cpio(newc(UP + b"/evil", evil, 0o100644)), 3),
        "backslashes in a zip": (zipped([(b"..\\canary\\evil", evil, 0o100644)]), (0, 3)),
        "absolute": (tar(long_name(here + b"/evil", data=evil)), 3),
        "absolute with slashes": (tar(long_name(b"//" + here + b"//evil", data=evil)), 3),
        "a directory that is absolute": (tar(long_name(here, DIR)), 3),
        "through a link": (tar(link, member(b"l/evil", data=evil)), 3),
        "through an absolute link": (tar(member(b"l", SYM, link=here), member(b"l/evil", data=evil)), 3),
        "through a link to itself": (tar(member(b"l", SYM, link=b"l"), member(b"l/evil", data=evil)), 3),
        "through a chain": (tar(member(b"d", DIR), member(b"d/up", SYM, link=b".."),
                                member(b"out", SYM, link=b"d/up/../canary"),
                                member(b"out/evil", data=evil)), 3),
        "through a link to the root": (tar(member(b"here", SYM, link=b"."),
                                           member(b"here/here/f", data=evil)), 3),
        "through a link in a zip": (zipped([(b"l", UP, 0o120777), (b"l/evil", evil, 0o100644)]), 3),
        "a directory through a link": (tar(link, member(b"l/evil", DIR)), 3),
        "a link through a link": (tar(link, member(b"l/evil", SYM, link=b"x")), 3),
        "a directory in place of a link": (tar(link, member(b"l", DIR, mode=0)), 3),
        "a directory in place of a link, with a slash": (tar(link, member(b"l/", DIR, mode=0)), 3),
        "a file in place of a link": (tar(member(b"l", SYM, link=UP + b"/file"), member(b"l", data=evil)), 0,
                                      {"l": evil}),
        "a link in place of a file": (tar(member(b"l", data=evil), link), 0, {"l": None}),
        "a hard link out": (tar(member(b"h", LINK, link=UP + b"/file")), 3),
        "an absolute hard link": (tar(member(b"h", LINK, link=here[:90] + b"/file")), 3),
        "a hard link through a link": (tar(link, member(b"h", LINK, link=b"l/file"),
                                           member(b"h", data=evil)), 3),
        "a hard link to a link": (tar(member(b"l", SYM, link=UP + b"/file"), member(b"h", LINK, link=b"l"),
                                      member(b"h", data=evil)), 0, {"h": evil, "l": None}),
        "data for a link of a cpio": (cpio(newc(b"l", UP + b"/file", 0o120777, ino=7, links=2),
                                           newc(b"h", evil, 0o100644, ino=7, links=2)), 3),
        "a hard link to a directory": (tar(member(b"d", DIR), member(b"h", LINK, link=b"d")), 1),
        "a hard link to itself": (tar(member(b"h", data=evil), member(b"h", LINK, link=b"h")), 0, {"h": evil}),
        "a hard link to nothing": (tar(member(b"h", LINK, link=b"no/file")), 3),
        "a hard link before its file": (tar(member(b"h", LINK, link=b"f"), member(b"f", data=evil)), 3),
        "a hard link, then its file again": (tar(member(b"f", data=b"1"), member(b"h", LINK, link=b"f"),
                                                 member(b"f", data=b"2")), 0, {"f": b"2", "h": b"1"}),
        "a hard link, then a file": (tar(member(b"f", data=b"1"), member(b"h", LINK, link=b"f"),
                                         member(b"h", data=b"2")), 0, {"f": b"1", "h": b"2"}),
        "a file twice": (tar(member(b"f", data=b"long"), member(b"f", data=b"x")), 0, {"f": b"x"}),
        "a file, then a directory": (tar(member(b"f"), member(b"f", DIR)), 3),
        "a directory, then a file": (tar(member(b"f", DIR), member(b"f")), 3),
        "a directory, then a link": (tar(member(b"f", DIR), member(b"f", SYM, link=UP)), 3),
        "a file below a file": (tar(member(b"f"), member(b"f/x")), 3),
        "a device": (tar(member(b"null", CHR)), 2),
        "a disk": (tar(member(b"disk", BLK)), 2),
        "a FIFO": (tar(member(b"fifo", FIFO)), 2),
        "a NUL in a name": (tar(pax(path=b"a\0/../../canary/evil"), member(b"a", data=evil)), (0, 3)),
        "a NUL in a zip": (zipped([(b"a\0/../../canary/evil", evil, 0o100644)]), (0, 3)),
        "a long component": (tar(long_name(b"n" * 300)), 1),
        "a long name": (tar(long_name(b"n/" * 130 + b"n" * 4000)), 7),
        "a deep name": (tar(long_name(b"n/" * 300)), 7),
        "control characters": (tar(member(b"a\x1b[31m\n\rleat: ok", data=evil), member(b"\x1b]0;title\7/..")), 3),
        "names that are no text": (tar(member(b"\xff\xfe", data=evil)), 0, {os.fsdecode(b"\xff\xfe"): evil}),
        "case twins": (tar(member(b"Twin", data=b"1"), member(b"tWIN", data=b"2")), 0,
                       {"Twin": b"1", "tWIN": b"2"}),
        "slashes": (tar(member(b"///", DIR)), 3),
        "a file without a name": (tar(member(b"./", SYM, link=UP)), 3),
        "dots": (tar(member(b"./././", DIR), member(b"././a/./b", data=evil)), 0, {"a/b": evil}),
        "three dots": (tar(member(b".../....", data=evil)), 0, {".../....": evil}),
        "a directory without rights": (tar(member(b"d", DIR, mode=0), member(b"d/e", DIR, mode=0o111),
                                           member(b"d/e/f", data=evil)), 0, {}),
        "set-user-ID": (tar(member(b"f", data=evil, mode=0o6755)), 0, {"f": evil}),
        "a size that is too large": (tar(member(b"f", data=evil, size=5000)[:-512]), 3),
        "a size of 2^63-1": (tar(member(b"f", data=evil, size=(1 << 63) - 1)), 3),
        "a size below zero": (tar(member(b"f", data=evil, size=-512)), 3),
        "a size that the pax header gives twice": (tar(pax(size=b"99999999999999999999"), member(b"f")), 3),
        "a sparse file of 2^63": (tar(pax(**sparse, GNU__sparse__realsize=b"9223372036854775807"),
                                      member(b"s", data=b"0\n".ljust(512, b"\0"))), (0, 1, 3)),
        "a sparse map beyond the file": (tar(pax(**sparse, GNU__sparse__realsize=b"10"),
                                             member(b"s", data=b"1\n9223372036854775800\n9\n".ljust(512, b"\0")
                                                    + b"x" * 9)), 3),
        "a sparse map that is longer than its file": (tar(
            pax(**sparse, GNU__sparse__realsize=b"10"),
            member(b"s", data=b"1\n0\n99\n".ljust(512, b"\0") + b"x" * 99)), 3),
        "a sparse map that is no map": (tar(pax(**sparse, GNU__sparse__realsize=b"10"),
                                            member(b"s", data=b"999999999999\n".ljust(512, b"\0"))), 3),
        "times beyond time": (tar(member(b"f", data=evil, mtime=1 << 62), member(b"g", mtime=-(1 << 62))),
                              (0, 1), {}),
        "no end mark": (member(b"f", data=evil), 3),
        "zeros at the end, and no end mark": (member(b"f", data=bytes(2048)), 3),
        "a name of a program, and no end mark": (member(b"MZ", data=evil), 3),
        "names that differ in a zip": (zipped([(b"good", evil, 0o100644)], local=[b"../x"]), (0, 3)),
        "names that differ in a zip, the other way": (zipped([(b"../x", evil, 0o100644)], local=[b"good"]), (0, 3)),
        "a zip that says too little": (zipped([(b"f", evil, 0o100644)], size=1, packed=1), (3, 4)),
        "a zip that says too much": (zipped([(b"f", evil, 0o100644)], size=99), (3, 4)),
        "a zip with a false checksum": (zipped([(b"f", evil, 0o100644)], crc=1), (3, 4)),
        "a zip that begins elsewhere": (zipped([(b"f", evil, 0o100644)], offset=0x7fffffff), 3),
        "a zip in a zip in a zip": (zip_in_zip(), 0),
        "a zip that contains itself": (itself, 0, {"r.zip": itself}),
        "a gzip that decodes to itself": (quine_gzip, 3),
        "gzip in gzip": (gzip.compress(gzip.compress(tar(member(b"f", data=evil)))), (0, 3)),
        "a bomb in gzip": (bomb_gzip, 7),
        "a bomb in zstd": (bomb_zstd, 7),
        "a bomb in zip": (bomb_zip, 7),
        "a header of 2 GiB": (long_header, 7),
        "a cpio with bytes between entries": (gap(newc(b"b", b"b", 0o100644)), 3),
        "a cpio with bytes before its end": (gap(), 3),
        "links without end": (cpio(*(newc(b"%d" % i, b"x" * 99, 0o100644, ino=5, links=99) for i in range(99))), 0,
                              {"0": b"x" * 99, "98": b"x" * 99}),
    }


# --- running --------------------------------------------------------------------------------------

def make_canary(top):
    canary = os.path.join(top, "canary")
    os.makedirs(os.path.join(canary, "sub"))
    for name in ("file", "sub/file"):
        with open(os.path.join(canary, name), "w", encoding="ascii") as f:
            f.write("canary\n")
        os.chmod(os.path.join(canary, name), 0o666)
    os.symlink("file", os.path.join(canary, "link"))
    for path in (canary, os.path.join(canary, "sub")):
        os.chmod(path, 0o777)


def seen(top):
    """All that must stay: every name below, but DIR."""
    facts = {}
    for directory, names, files in os.walk(os.path.join(top, "canary")):
        for path in [directory] + [os.path.join(directory, n) for n in names + files]:
            s = os.lstat(path)
            content = None
            if stat.S_ISREG(s.st_mode):
                with open(path, "rb") as f:
                    content = f.read()
            facts[path] = (s.st_ino, s.st_mode, s.st_nlink, s.st_uid, s.st_size, s.st_mtime_ns, s.st_ctime_ns, content)
    return facts | {"names": sorted(n for n in os.listdir(top) if n not in ("out", "archive"))}


def content(path):
    if os.path.islink(path):
        return None
    with open(path, "rb") as f:
        return f.read()


def remove(path):
    for directory, _, _ in os.walk(path):
        os.chmod(directory, 0o700)
    shutil.rmtree(path, ignore_errors=True)


def check(top, args, status, wanted, run, before):
    """Returns what is wrong, or None."""
    out = os.path.join(top, "out")
    if seen(top) != before:
        return "something outside of DIR has changed"
    if run.returncode not in status:
        return f"status {run.returncode}, not {status}"
    said = run.stderr.decode("utf-8", "replace")
    if any(c < " " and c != "\n" for c in said) or "(null)" in said or "Success" in said:
        return "a message with control characters, or of nothing"
    left = [n for d, names, _ in os.walk(out) for n in names if ".leat-" in n]
    if left:
        return f"left over: {left}"
    if run.returncode != 0:
        errors = [m for m in said.splitlines() if "warning:" not in m]
        if len(errors) != 1:
            return "not one message"
        return "a directory after a failure" if os.path.lexists(out) and not args.in_place else None
    for name, data in wanted.items():
        if content(os.path.join(out, name)) != data:
            return f"{name} has other content"
    for directory, names, files in os.walk(out):
        for name in names + files:
            if os.lstat(os.path.join(directory, name)).st_mode & 0o6000:
                return f"{name} has set-ID bits"
    return None


def run_one(top, args, name, entry):
    data, status, wanted = (entry + ({},))[:3]
    status = status if isinstance(status, tuple) else (status,)
    with open(os.path.join(top, "archive"), "wb") as f:
        f.write(data() if callable(data) else data)
    before = seen(top)
    words = [LEAT, f"--sandbox={args.sandbox}", "read", "archive", ":", "extract", "--no-sync"]
    words += ["--in-place"] if args.in_place else []
    who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if args.nobody else {}
    run = subprocess.run(words + ["out"], cwd=top, capture_output=True, timeout=BOUND_S, check=False, **who)
    wrong = check(top, args, status, wanted, run, before)
    remove(os.path.join(top, "out"))
    if wrong:
        print(f"{name}: {wrong}: {run.stderr.decode('utf-8', 'replace')}")
    return wrong is None


def main():
    global LEAT
    parser = argparse.ArgumentParser()
    parser.add_argument("--nobody", action="store_true")
    parser.add_argument("--in-place", action="store_true")
    parser.add_argument("--sandbox", default="off")
    parser.add_argument("--no-bombs", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(dir=os.environ.get("LEAT_TEST_TMP")) as top:
        os.chmod(top, 0o777)
        LEAT = shutil.copy(os.environ["LEAT"], os.path.join(top, "leat")) if args.nobody else os.environ["LEAT"]
        make_canary(top)
        for name, entry in archives(top).items():
            if name in args.names or not (args.names or args.no_bombs and callable(entry[0])):
                good &= run_one(top, args, name, entry)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
