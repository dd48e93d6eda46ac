#!/usr/bin/env python3
"""sums.py LEAT SEED ROUNDS - compare `leat check` with the -c of md5sum, sha1sum, sha256sum, sha512sum and b2sum.

Makes files with hard names in the current directory, and lists with lines of all forms, damaged ones and missing files.
Lines of results, warnings and success must be the same. Prints the lists that differ.
"""
import hashlib
import os
import random
import subprocess
import sys

TOOLS = {
    "md5sum": ("MD5", hashlib.md5),
    "sha1sum": ("SHA1", hashlib.sha1),
    "sha256sum": ("SHA256", hashlib.sha256),
    "sha512sum": ("SHA512", hashlib.sha512),
    "b2sum": ("BLAKE2b", hashlib.blake2b),
}
NAMES = [b"a", b"bb", b"with space", b" lead", b"*star", b"new\nline", b"back\\slash", b"cr\rx", b"trail ",
         b"par)en", b"eq = x", b"\xff\xfe", b"e\\nf", b"sub/c", b"(p) = q", b"#hash", b"\t tab"]


def make_files(rnd):
    os.makedirs("sub", exist_ok=True)
    data = {name: rnd.randbytes(rnd.choice([0, 1, 5000, 300000])) for name in NAMES}
    for name, content in data.items():
        with open(name, "wb") as file:
            file.write(content)
    return data


def good_line(rnd, tool, data, name, form):
    tag, algorithm = TOOLS[tool]
    digest = algorithm(data.get(name, b"x")).hexdigest().encode()
    if rnd.random() < 0.15:
        digest = digest[:-1] + (b"1" if digest[-1:] == b"0" else b"0")
    if rnd.random() < 0.1:
        digest = digest.upper()
    escaped = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    mark = (b"\\" if escaped != name else b"")
    if rnd.random() < 0.05:
        mark = b"" if mark else b"\\"
    line = {
        "text": mark + digest + b"  " + escaped,
        "binary": mark + digest + b" *" + escaped,
        "tag": mark + tag.encode() + b" (" + escaped + b") = " + digest,
        "openssl": mark + tag.encode() + b"(" + escaped + b")= " + digest,
        "reversed": mark + digest + b" " + escaped,
    }[form]
    return rnd.choice([b" ", b"\t"]) + line if rnd.random() < 0.05 else line


def bad_line(rnd, tool):
    tag, algorithm = TOOLS[tool]
    t, d = tag.encode(), algorithm(b"q").hexdigest().encode()
    lines = [b"# comment", b"", b"garbage", d, d + b"f  a", d + b"\ta", d + b"-  a", b"\\", b"\\" + d + b"  a\\x",
             b"\\" + d + b"  a\\", t + b" (a) = " + d[:-1], t + b" (a) = " + d + b" ", t + b" a) = " + d,
             t + b" () = " + d, b"\r", b"  ", d + b" *", d + b"   a", t + b" (a) " + d, t + b" (a)=" + d, b"x" * 5000]
    if tool != "b2sum":  # it takes shorter digests, a second blank after its tag and an empty name
        lines += [d + b" ", d + b"  ", d[:-1] + b"  a", d + b"\t\ta", t + b"  (a) = " + d]
    return rnd.choice(lines)


def make_list(rnd, tool, data):
    forms = rnd.choice([["text", "binary"], ["text", "binary", "tag", "openssl"], ["reversed"],
                        ["text", "binary", "tag", "openssl", "reversed"]])
    if tool == "b2sum" and "reversed" in forms:
        forms = ["text", "tag"]
    lines = []
    for _ in range(rnd.choice([0, 1, 2, 6, 30])):
        if rnd.random() < 0.2:
            lines.append(bad_line(rnd, tool))
        else:
            name = rnd.choice(NAMES + [b"missing1", b"no/such", b"sub"])
            lines.append(good_line(rnd, tool, data, name, rnd.choice(forms)))
    end = rnd.choice([b"\n", b"\n", b"\r\n"])
    return end.join(lines) + (end if lines and rnd.random() < 0.8 else b"")


def warnings(tool, text):
    text = text.replace(b"'standard input'", b"standard input")
    text = text.replace(b" " + TOOLS[tool][0].encode() + b" checksum lines", b" checksum lines")
    return sorted(line.split(b": ", 1)[1] for line in text.split(b"\n")
                  if b"WARNING" in line or b"no properly" in line or b"no file was" in line)


def expected_status(theirs):
    if theirs.returncode == 0:
        return {0}
    if b"computed checksum" in theirs.stderr or b": FAILED\n" in theirs.stdout:
        return {4}
    if b"open or read" in theirs.stdout:
        return {1}
    return {1, 3, 4}


def main():
    leat, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rnd = random.Random(seed)
    data = make_files(rnd)
    failures = 0
    for number in range(rounds):
        tool = rnd.choice(list(TOOLS))
        text = make_list(rnd, tool, data)
        name = "list.b2sum" if tool == "b2sum" and rnd.random() < 0.5 else "list.txt"
        with open(name, "wb") as file:
            file.write(text)
        options = [o for o in ("--ignore-missing", "--strict", "--quiet", "--status") if rnd.random() < 0.3]
        piped = rnd.random() < 0.2
        arguments = options + (["-"] if piped else [name])
        runs = [subprocess.run(command + arguments, input=text if piped else b"", capture_output=True, check=False)
                for command in ([tool, "-c"], [leat, "check"])]
        theirs, ours = runs
        if (theirs.stdout != ours.stdout or warnings(tool, theirs.stderr) != warnings(tool, ours.stderr)
                or ours.returncode not in expected_status(theirs)):
            failures += 1
            print(f"round {number}: {tool} {options} of\n{text[:2000]}\n-- theirs: {theirs}\n-- ours: {ours}")
    print(f"{rounds} lists, {failures} differ")
    return 1 if failures else 0


sys.exit(main())
