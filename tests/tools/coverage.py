#!/usr/bin/env python3
"""coverage.py - lines and branches that tests reached, for each room: coverage.py BUILD_DIR [LEAST_LINES]

Reads what gcov says of the objects in BUILD_DIR/obj. A line or branch counts once, in whatever programs it
was run. With LEAST_LINES (percent) it names the files of streams/ below that.
"""
import collections
import glob
import json
import os
import subprocess
import sys


def reports(build):
    """What gcov says of each source file of the library and the command."""
    for notes in sorted(glob.glob(build + "/obj/**/*.gcno", recursive=True)):
        if notes.startswith(build + "/obj/tests/"):
            continue
        text = subprocess.run(
            ["gcov", "--json-format", "--branch-probabilities", "--stdout", notes],
            capture_output=True, text=True, check=True).stdout
        for line in text.splitlines():
            yield from json.loads(line)["files"]


def main():
    build = sys.argv[1]
    least = float(sys.argv[2]) if len(sys.argv) > 2 else 0
    lines = collections.defaultdict(dict)
    branches = collections.defaultdict(dict)
    for report in reports(build):
        name = os.path.relpath(os.path.normpath(report["file"]))
        if not name.startswith(("streams/", "transforms/", "cmd/")):
            continue
        for line in report["lines"]:
            at = line["line_number"]
            lines[name][at] = lines[name].get(at, 0) + line["count"]
            for i, branch in enumerate(line["branches"]):
                if not branch["throw"]:
                    key = (at, i)
                    branches[name][key] = branches[name].get(key, 0) + branch["count"]
    rooms = collections.defaultdict(list)
    for name in lines:
        parts = name.split("/")
        rooms["/".join(parts[:-1])].append(name)
        rooms[parts[0] + " (all)"].append(name)

    def share(of, names):
        hit = sum(1 for n in names for c in of[n].values() if c)
        return 100.0 * hit / max(1, sum(len(of[n]) for n in names))

    print("%-30s %7s %9s" % ("room", "lines %", "branches %"))
    for room in sorted(rooms):
        print("%-30s %7.1f %9.1f" % (room, share(lines, rooms[room]), share(branches, rooms[room])))
    for name in sorted(lines):
        if name.startswith("streams/") and name.endswith(".c") and share(lines, [name]) < least:
            print("below %g: %s %.1f" % (least, name, share(lines, [name])))


main()
