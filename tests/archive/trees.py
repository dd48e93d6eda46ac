#!/usr/bin/env python3
"""trees.py - random directory trees for the tests of archives.

    trees.py make SEED DIR [--plain]   make the directory: always the same for a seed
    trees.py show DIR [--whole]        print a line for each entry: all that an archive should keep

--plain: what zip and 7z hold, too: no links, FIFOs or odd names. --whole: times in whole seconds.
"""
import hashlib
import os
import random
import stat
import sys

SIZES = [0, 0, 1, 2, 511, 512, 513, 4096, 10000, 131071, 131072, 131073, 262144, 400000]
PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789-_. éß漢".split(" ")[0]


def name_of(r, plain):
    kind = r.randrange(10)
    if plain or kind < 5:
        name = "".join(r.choice(PLAIN) for _ in range(r.randint(1, 20))).encode()
    elif kind < 7:  # long, up to what a file system has
        name = b"n" * r.choice([98, 99, 100, 101, 155, 156, 200, 255])
    elif kind < 9:  # any bytes
        name = bytes(r.choice([c for c in range(1, 256) if c != 47]) for _ in range(r.randint(1, 40)))
    else:
        name = r.choice([b"-rf", b" ", b"a b", b"new\nline", b"PaxHeaders", "é".encode(), b"=x", b"*"])
    return b"x" + name if name in (b".", b"..") else name


def fill(r, path, plain):
    size = r.choice(SIZES)
    with open(path, "wb") as f:
        if not plain and r.randrange(6) == 0:  # holes
            for _ in range(r.randint(0, 3)):
                f.seek(r.randrange(0, 3000000))
                f.write(r.randbytes(r.randint(1, 9000)))
            f.truncate(3000000 + r.randrange(100000))
        else:
            f.write(r.randbytes(size))


class Maker:
    def __init__(self, seed, plain):
        self.r, self.plain, self.files, self.times = random.Random(seed), plain, [], []

    def entry(self, path, depth):
        r = self.r
        kind = r.randrange(12)
        if kind < 3 and depth < 6:
            os.mkdir(path)
            self.directory(path, depth + 1)
            return
        if self.plain or kind < 8 or not self.files:
            fill(r, path, self.plain)
            os.chmod(path, r.choice([0o644, 0o755, 0o600, 0o444, 0o700]))
        elif kind < 9:
            os.link(r.choice(self.files), path, follow_symlinks=False)
            return
        elif kind < 11:
            os.symlink(name_of(r, False) * r.randint(1, 2), path)
        else:
            os.mkfifo(path)
        self.files.append(path)
        self.time(path)

    def time(self, path):
        r = self.r
        s = r.choice([0, 1, 1000000000, 2**31 - 1, 1700000000 + r.randrange(10**8)])
        if not self.plain:
            s = r.choice([s, -1, -2, -r.randrange(10**9), 2**31, 2**33 + 7])
        # libarchive, which is one of the readers, has wrong fractions before 1970
        ns = 0 if self.plain or s < 0 else r.choice([0, 1, 5 * 10**8, 999999999])
        self.times.append((path, s * 10**9 + ns))

    def directory(self, path, depth):
        for _ in range(self.r.randint(0, 9 if depth < 3 else 4)):
            child = path + b"/" + name_of(self.r, self.plain)
            if not os.path.lexists(child) and len(child) < 2000:
                self.entry(child, depth)
        self.time(path)

    def finish(self):
        for path, ns in self.times:  # a link may have been made of a file: the last time counts
            os.utime(path, ns=(ns, ns), follow_symlinks=False)


def show(root, whole):
    groups = {}
    lines = []
    paths = [root]
    for at, dirs, files in os.walk(root):
        paths += [os.path.join(at, n) for n in dirs + files]
    for path in sorted(paths):
        st = os.lstat(path)
        kind = stat.S_IFMT(st.st_mode)
        time = st.st_mtime_ns // 10**9 if whole else st.st_mtime_ns
        what = ""
        if kind == stat.S_IFLNK:
            what = os.readlink(path)
        elif kind == stat.S_IFREG:
            with open(path, "rb") as f:
                what = str(st.st_size) + " " + hashlib.sha256(f.read()).hexdigest()
        if st.st_nlink > 1 and kind != stat.S_IFDIR:
            first = groups.setdefault(st.st_ino, os.path.relpath(path, root))
            what = (what, "a name of", first)
        lines.append(f"{os.path.relpath(path, root)!r} {stat.S_IFMT(st.st_mode):o} {stat.S_IMODE(st.st_mode):o} {time} {what!r}")
    return "\n".join(lines)


def main(args):
    words = [a for a in args if not a.startswith("--")]
    if words[0] == "make":
        maker = Maker(int(words[1]), "--plain" in args)
        os.mkdir(os.fsencode(words[2]))
        maker.directory(os.fsencode(words[2]), 0)
        maker.finish()
    else:
        print(show(os.fsencode(words[1]), "--whole" in args))


main(sys.argv[1:])
