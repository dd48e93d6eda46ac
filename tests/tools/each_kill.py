#!/usr/bin/env python3
"""each_kill.py LEAT DIRECTORY KILLS [SEED] - kill `leat each --remove-source` at random points, and resume it.

After each kill the content of every input must be there, in the input or in its output. After the last resume each output
has the content of its input, no input and no temporary is left. The list of inputs changes between runs: it is cut at a
random place, and turned round.
"""
import gzip
import hashlib
import os
import random
import subprocess
import sys
import zlib

LEAT, DIRECTORY, KILLS = sys.argv[1], sys.argv[2], int(sys.argv[3])
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else random.randrange(1 << 30)
N = 200
rng = random.Random(SEED)
wrong = []


def check(condition, what):
    if not condition:
        wrong.append(what)


def name(i, suffix):
    return os.path.join(DIRECTORY, "work", f"f{i:03}{suffix}")


def make_inputs():
    digests = []
    os.makedirs(os.path.join(DIRECTORY, "work"), exist_ok=True)
    for i in range(N):
        data = b"line %d of a file\n" % i * rng.randint(1, 3000)
        digests.append(hashlib.sha256(data).hexdigest())
        with open(name(i, ".gz"), "wb") as f:
            f.write(gzip.compress(data, 1))
    return digests


def run(journal, numbers, seconds):
    command = [LEAT, "each", "--files-from=-", f"--journal={journal}", "--remove-source"]
    if os.path.exists(journal):
        command.append("--resume")
    command += ["--", "gunzip", ":", "zstd", ":", "write", "{.}.zst"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    names = "".join(name(i, ".gz") + "\n" for i in numbers).encode()
    try:
        _, errors = process.communicate(names, timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        _, errors = process.communicate()
    return process.returncode, errors.decode()


def content(i):
    """The digest of the output, or None if it is not whole."""
    process = subprocess.run(["zstd", "-dcq", name(i, ".zst")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return hashlib.sha256(process.stdout).hexdigest() if process.returncode == 0 else None


def main():
    kills = rounds = 0
    while kills < KILLS:
        journal = os.path.join(DIRECTORY, f"journal-{rounds}")
        digests = make_inputs()
        rounds += 1
        numbers = list(range(N))
        status = None
        span = 0.05
        while status != 0:
            rng.shuffle(numbers)
            some = numbers[: rng.randint(1, N)] if rng.random() < 0.3 else numbers
            status, errors = run(journal, some, span * rng.random() if kills < KILLS else 600)
            kills += status == -9
            span = min(span * 1.3, 2)
            check(status in (0, -9), f"status {status}: {errors[-300:]}")
            if status not in (0, -9):
                break
            if status == 0 and len(some) < N:
                status = None
            for i in range(N):
                if not os.path.exists(name(i, ".gz")):
                    check(content(i) == digests[i], f"input {i} is gone and its output is not whole")
        for i in range(N):
            check(content(i) == digests[i], f"output {i}")
            check(not os.path.exists(name(i, ".gz")), f"input {i} is left")
        left = [f for f in os.listdir(os.path.join(DIRECTORY, "work")) if not f.endswith(".zst")]
        check(all(f.startswith(".") for f in left), f"left: {left[:5]}")
        for f in os.listdir(os.path.join(DIRECTORY, "work")):
            os.unlink(os.path.join(DIRECTORY, "work", f))
    print(f"seed {SEED}: {kills} kills, {rounds} rounds, {len(wrong)} wrong")
    for what in wrong[:20]:
        print(what)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
