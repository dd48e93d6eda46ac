#!/usr/bin/env bash
# asserts.sh - no assertion of a bats test is ignored.
# check: light
#
# A test fails at the first command that fails, but bash does not look at some: all but the last of
# `a && b`, a command after `!`, and one inside `local x=$(...)`. A list is let be where it is the
# last command of the test, in a condition, in a subshell, or before `||`, and where it ends in a
# jump (`[ ... ] && return`).
. "$(dirname "$0")/tap.bash"
tap_needs python3

tap 'no command of a bats test fails unseen' "$(
    python3 - "${@:-tests/cli}" <<'PY'
import pathlib, re, sys

def logical_lines(text):
    """(number, line) with quotes, comments, substitutions and subshells taken out."""
    lines, number, depth, quote, start, out = [], 1, [], None, 1, ''
    heredocs, i = [], 0
    while i < len(text):
        c = text[i]
        if c == '\n':
            number += 1
        if quote == "'":
            if c == "'":
                quote = None
        elif c == '\\':
            if text[i + 1:i + 2] == '\n':
                number += 1
            i += 2
            continue
        elif quote == '"':
            if c == '"':
                quote = None
            elif text.startswith('$(', i):
                out += '' if depth else 'X'
                depth.append('"')
                quote = None
                i += 1
        elif c in '\'"':
            quote = c
            if not depth:
                out += 'Q'
        elif c == '#' and (i == 0 or text[i - 1] in ' \t\n'):
            while i < len(text) and text[i] != '\n':
                i += 1
            continue
        elif c == '(' or text.startswith(('$(', '<(', '>('), i):
            if c != '(':
                i += 1
            elif not depth and text[i:i + 2] == '()':
                i += 2
                continue
            depth.append(None)
            if depth == [None]: # arithmetic has no status of its own
                out += 'S' if c == '(' else 'A' if text.startswith('((', i) else 'X'
        elif c == ')' and depth:
            quote = depth.pop()
        elif c == '\n' and not depth and re.search(r'(&&|\|)\s*$', out):
            out += ' ' # the list goes on
        elif c == '\n' and not depth:
            lines.append((start, out))
            for word in heredocs:
                end = re.compile(r'^\t*' + re.escape(word) + r'$', re.M).search(text, i)
                number += text.count('\n', i + 1, end.end())
                i = end.end() - 1
            heredocs, out, start = [], '', number
        elif not depth:
            here = re.match(r'<<-?\s*[\'"]?(\w+)[\'"]?', text[i:])
            if here and text[i - 1] != '<' and not text.startswith('<<<', i):
                heredocs.append(here.group(1))
                i += here.end()
                continue
            out += c
        i += 1
    return lines

def check(path):
    lines = [(n, l.strip()) for n, l in logical_lines(path.read_text()) if l.strip()]
    for at, (number, line) in enumerate(lines):
        last = at + 1 < len(lines) and lines[at + 1][1] == '}'
        for command in re.split(r';(?!;)|(?<!&)&(?![&>\d])', line):
            command = re.sub(r'^(then|do|else|\{)\s+', '', command.strip())
            if re.match(r'(if|elif|while|until)\b', command):
                continue
            tests = re.sub(r'\[\[ .*? \]\]', 'T', command)
            tail = tests.rsplit('||', 1)[-1]
            is_list = '&&' in tail and '||' not in tests
            jump = re.search(r'&&\s*(return|continue|break|skip|exit)\b', tail)
            if is_list and not jump and not last:
                print(f'{path}:{number}: a list ignores failures: {command}')
            if re.match(r'!\s', command) and '||' not in command and not last:
                print(f'{path}:{number}: `!` ignores what follows: {command}')
            if re.match(r'(local|export|declare|readonly)\s.*=.?X', command):
                print(f'{path}:{number}: the status of the substitution is lost: {command}')

for root in sys.argv[1:]:
    root = pathlib.Path(root)
    for path in sorted([root] if root.is_file() else [*root.glob('**/*.bats'), *root.glob('**/*.bash')]):
        check(path)
PY
)"
tap_done
