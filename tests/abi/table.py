#!/usr/bin/env python3
# table.py - print the ABI of libleat as a table: symbols, functions, structs, enumerations, limits.
#
#   tests/abi/table.py [LIBRARY] >tests/abi/table.txt
#
# Symbols with their versions are those of the shared library; functions are read from the installed headers;
# a C program prints sizes, offsets and values. The library is build/libleat.so.0 if none is given.
# tests/lint/abi.sh compares the table with the committed one: CONTRIBUTING says which changes are allowed.

import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
CC = os.environ.get("CC", "gcc")


def run(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def headers():
    """The installed headers, but those that are only code for the tests of others."""
    with open(os.path.join(ROOT, "Makefile")) as makefile:
        names = re.search(r"^HEADERS := (.*)$", makefile.read(), re.M).group(1).split()
    return [name for name in names if not name.startswith("check")]


def includes():
    return "".join(f'#include "{name}"\n' for name in headers())


def declarations():
    """The declarations of the headers themselves, without comments and without other headers."""
    out, own = [], False
    for line in run(CC, "-std=c11", "-E", "-I", os.path.join(ROOT, "streams"), "-", text=includes()).split("\n"):
        marker = re.match(r'# \d+ "([^"]*)"', line)
        if marker:
            own = "streams" in marker.group(1)
        elif own:
            out.append(line)
    text = re.sub(r"__attribute__\s*\(\((?:[^()]|\([^()]*\))*\)\)", "", " ".join(out))
    return re.sub(r'extern "C" \{', "", re.sub(r"\s+", " ", text))


def members(body):
    """The names of the members of a struct."""
    for member in body.split(";"):
        member = member.strip()
        if not member:
            continue
        function = re.search(r"\(\s*\*\s*(?:const\s+)?(\w+)(?:\[[^\]]*\])?\s*\)\s*\(", member)
        if function:
            yield function.group(1)
            continue
        for declarator in member.split(","):
            yield re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$", declarator.strip()).group(1)


def functions(text):
    """A line for each function, as it is declared."""
    flat = re.sub(r"\{[^{}]*\}", "", re.sub(r"\{(?:[^{}]|\{[^{}]*\})*\}", "{}", text))
    for statement in flat.split(";"):
        statement = statement.strip()
        function = re.search(r"\b(leat_\w+) ?\(", statement)
        if function and not statement.startswith(("static", "typedef", "struct leat_", "enum")) or (
            function and re.match(r"struct leat_\w+ \*+ ?leat_", statement)
        ):
            yield f"function {re.sub(r' +', ' ', statement).replace('extern ', '')}"


def macros():
    """The names of macros that are numbers."""
    for name in headers():
        with open(os.path.join(ROOT, "streams", name)) as header:
            for macro, value in re.findall(r"^#define (LEAT_[A-Z_0-9]+) (.+)$", header.read(), re.M):
                if re.match(r"[(0-9]", value) and "\\" not in value:
                    yield macro


def program(text):
    lines = []
    for name, body in sorted(re.findall(r"\bstruct (leat_\w+) \{([^{}]*)\}", text)):
        lines.append(f'printf("struct {name} %zu\\n", sizeof(struct {name}));')
        for member in members(body):
            lines.append(
                f'printf("  {name}.{member} %zu %zu\\n", offsetof(struct {name}, {member}), '
                f"sizeof(((struct {name} *)0)->{member}));"
            )
    for name, body in sorted(re.findall(r"\benum (leat_\w+) \{([^{}]*)\}", text)):
        lines.append(f'puts("enum {name}");')
        for value in re.findall(r"\b(LEAT_\w+)\b(?=\s*(?:=|,|$))", re.sub(r"=[^,]*", "=", body)):
            lines.append(f'printf("  {value} %lld\\n", (long long){value});')
    for name in sorted(set(macros())):
        lines.append(f'printf("macro {name} %lld\\n", (long long){name});')
    return "#include <stdio.h>\n" + includes() + "int main(void)\n{\n" + "\n".join(lines) + "\nreturn 0;\n}\n"


def main():
    library = sys.argv[1] if len(sys.argv) > 1 else os.path.join(ROOT, "build", "libleat.so.0")
    text = declarations()
    soname = re.search(r"SONAME\s+(\S+)", run("objdump", "-p", library)).group(1)
    print(f"soname {soname}")
    symbols = [line.split() for line in run("nm", "-D", "--defined-only", "--with-symbol-versions", library).splitlines()]
    for name in sorted(symbol[2] for symbol in symbols if symbol[1] != "A"):
        print(f"symbol {name}")
    for line in sorted(functions(text)):
        print(line)
    with tempfile.TemporaryDirectory() as directory:
        binary = os.path.join(directory, "table")
        run(CC, "-std=c11", "-I", os.path.join(ROOT, "streams"), "-x", "c", "-o", binary, "-", text=program(text))
        print(run(binary), end="")


main()
