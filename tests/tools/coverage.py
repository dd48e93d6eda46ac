#!/usr/bin/env python3
"""coverage.py - lines and branches that tests reached, for each room: coverage.py BUILD_DIR [--missed [PATH ...]]

Reads the counts of gcov for the objects in BUILD_DIR/obj. A line or branch counts once, in whatever
program it ran. The build has no optimisation, so a branch is one of the source: each operand of && and ||,
each arm of ?:, each case counts with both of its ways.

The only branches that do not count are those of an assertion (leat_assert, leat_assert_slow, and the static
inline functions of one): their other way is a bug of leat, and a test of one ends its process without counts.
Branches after failed allocations and system calls do count.

The bars are: streams/ 95 % of the lines and 85 % of the branches, transforms/ 90 % of the lines. The exit
status is 1 if one is missed. --missed lists the lines and branches that were not reached, of all files or of
those below PATH.
"""
import collections
import json
import os
import re
import subprocess
import sys

BARS = (("streams", "lines", 95.0), ("streams", "branches", 85.0), ("transforms", "lines", 90.0))
ROOMS = ("streams/", "transforms/", "cmd/")


def reports(build):
    """The source files of the library and the command, as gcov sees them; once for each object."""
    notes = []
    for folder, _, names in os.walk(os.path.join(build, "obj")):
        if os.path.join(build, "obj", "tests") not in folder:
            notes += [os.path.join(folder, n) for n in names if n.endswith(".gcda")]
    for at in range(0, len(notes), 50):
        text = subprocess.run(
            ["gcov", "--json-format", "--branch-probabilities", "--stdout"] + sorted(notes[at:at + 50]),
            capture_output=True, text=True, check=True).stdout
        for line in text.splitlines():
            if line.startswith("{"):
                yield from json.loads(line)["files"]


def assertion_lines(name):
    """The numbers of the lines that belong to assertions."""
    numbers, depth = set(), 0
    with open(name, encoding="utf-8") as source:
        for number, line in enumerate(source, 1):
            if depth == 0 and not re.match(r"\s*leat_assert(_slow)?\(", line):
                continue
            numbers.add(number)
            text = re.sub(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])*\'|/\*.*?\*/', "", line)
            depth += text.count("(") - text.count(")")
    return numbers


class Coverage:
    def __init__(self, build):
        self.lines = collections.defaultdict(dict)     # file -> line -> count
        self.branches = collections.defaultdict(dict)  # file -> (line, number) -> count
        assertions = {}
        for report in reports(build):
            name = os.path.relpath(os.path.normpath(report["file"]))
            if not name.startswith(ROOMS):
                continue
            if name not in assertions:
                assertions[name] = assertion_lines(name)
            self.add(name, report, assertions[name])

    def add(self, name, report, assertions):
        lines, branches = self.lines[name], self.branches[name]
        for line in report["lines"]:
            at = line["line_number"]
            lines[at] = lines.get(at, 0) + line["count"]
            for i, branch in enumerate([] if at in assertions else line["branches"]):
                branches[at, i] = branches.get((at, i), 0) + branch["count"]

    def share(self, of, names):
        """Percent of `of`, which is lines or branches, that ran in these files; and how many there are."""
        counts = [c for n in names for c in getattr(self, of)[n].values()]
        return 100.0 * sum(1 for c in counts if c) / max(1, len(counts)), len(counts)


def print_rooms(c):
    rooms = collections.defaultdict(list)
    for name in c.lines:
        rooms[os.path.dirname(name)].append(name)
        rooms[name.split("/")[0] + " (all)"].append(name)
    print("%-30s %7s %7s %9s %9s" % ("room", "lines", "%", "branches", "%"))
    for room in sorted(rooms):
        lines, n_lines = c.share("lines", rooms[room])
        branches, n_branches = c.share("branches", rooms[room])
        print("%-30s %7d %7.1f %9d %9.1f" % (room, n_lines, lines, n_branches, branches))


def print_missed(c, below):
    for name in sorted(c.lines):
        if below and not any(name.startswith(b) for b in below):
            continue
        lines, branches = c.share("lines", [name])[0], c.share("branches", [name])[0]
        print("\n%s: lines %.1f %%, branches %.1f %%" % (name, lines, branches))
        with open(name, encoding="utf-8") as source:
            text = source.read().splitlines()
        partly = collections.Counter(at for (at, _), n in c.branches[name].items() if not n)
        for at in sorted(set(partly) | set(at for at, n in c.lines[name].items() if not n)):
            ways = "never" if not c.lines[name].get(at) else "%d way%s" % (partly[at], "s" * (partly[at] > 1))
            print("%6d %-7s %s" % (at, ways, text[at - 1].strip()))


def main():
    c = Coverage(sys.argv[1])
    if "--missed" in sys.argv:
        print_missed(c, sys.argv[sys.argv.index("--missed") + 1:])
        return 0
    print_rooms(c)
    status = 0
    for room, of, least in BARS:
        share = c.share(of, [n for n in c.lines if n.startswith(room + "/")])[0]
        if share < least:
            print("%s: %.1f %% of the %s, less than %g %%" % (room, share, of, least))
            status = 1
    return status


sys.exit(main())
