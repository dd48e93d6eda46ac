#!/usr/bin/env python3
"""expected.py - archives that other programs have made, extracted, and compared with what bsdtar 3.6.2 found.

    expected.py DATA DIFFERS

DATA/archive/EXPECTED.tsv has bsdtar's status, number of entries, and digests of the listing and of all
contents in a row. DIFFERS has a line for each archive that extract treats otherwise: its path, the status of
extract, and the reason. A line that is not needed is an error. Prints how many archives agreed. LEAT is the
command; bsdtar gives the order of the names.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

BOUND_S = 600
HUGE = 1 << 27  # contents that bsdtar did not write to the end


def digest(data):
    return hashlib.sha256(data).hexdigest()[:32]


def names_of(path):
    """The names in the order of the archive, as bsdtar's listing has them; and that listing."""
    with open(path, "rb") as f:
        run = subprocess.run(["bsdtar", "-tf", "-"], stdin=f, capture_output=True, timeout=BOUND_S, check=False,
                             env=dict(os.environ, LC_ALL="C"))
    return run.stdout


def read(path):
    with open(path, "rb") as f:
        return f.read()


def contents(out, listing):
    """The contents of the files, each once: bsdtar outputs nothing for a further hard link."""
    seen, last, data = set(), {}, []
    for name in listing.splitlines():
        last[name] = len(last)
    for name in last:
        path = os.path.join(os.fsencode(out), os.path.normpath(name.lstrip(b"/")))
        if os.path.islink(path) or not os.path.isfile(path):
            continue
        inode = os.stat(path).st_ino
        if inode not in seen:
            seen.add(inode)
            data.append(read(path))
    return b"".join(data)


def check(row, path, differs, top):
    """Returns what is wrong, or None."""
    name, status, listing_sum, data_status, data_n, data_sum = row
    out = os.path.join(top, "out")
    run = subprocess.run([os.environ["LEAT"], "read", path, ":", "extract", "--no-sync", "--special=skip", out],
                         capture_output=True, timeout=BOUND_S, check=False)
    try:
        if name in differs:
            want = differs.pop(name)
            return None if run.returncode == want else f"status {run.returncode}, and the list says {want}: {run.stderr}"
        if (run.returncode == 0) != (status == 0 and data_status in (0, -9)):
            return f"status {run.returncode}, and bsdtar's are {status} and {data_status}: {run.stderr}"
        if run.returncode != 0:
            return "a directory after a failure" if os.path.lexists(out) else None
        listing = names_of(path)
        if digest(listing) != listing_sum:
            return None  # another bsdtar, or escapes of its own
        for entry in listing.splitlines():
            if b"\\" not in entry and not os.path.lexists(os.path.join(os.fsencode(out), entry.lstrip(b"/"))):
                return f"{entry!r} is missing"
        if data_n < HUGE and digest(contents(out, listing)) != data_sum:
            return "the contents are others"
        return None
    finally:
        shutil.rmtree(out, ignore_errors=True)


def main():
    data, differs = sys.argv[1], {}
    with open(sys.argv[2], encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, status, _ = line.split(None, 2)
                differs[name] = int(status)
    good = bad = 0
    with tempfile.TemporaryDirectory(dir=os.environ.get("LEAT_TEST_TMP")) as top, \
            open(os.path.join(data, "archive/EXPECTED.tsv"), encoding="utf-8") as f:
        for line in f:
            if line.startswith("#"):
                continue
            w = line.rstrip("\n").split("\t")
            row = (w[0], int(w[1]), w[3], int(w[4]), int(w[5]), w[6])
            wrong = check(row, os.path.join(data, w[0]), differs, top)
            good += wrong is None
            if wrong:
                bad += 1
                print(f"{w[0]}: {wrong}")
    for name in differs:
        print(f"{name}: is in the list of differences, and not in EXPECTED.tsv")
    print(f"{good} archives as expected, {bad} not")
    return 1 if bad or differs or good == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
