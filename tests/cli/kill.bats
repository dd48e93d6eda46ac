#!/usr/bin/env bats
# kill.bats - kill -9 at random times: files are complete, and the next run of the same job cleans up.
#
# LEAT_KILLS is the number of kills; tests/io/test_commit.c kills at each step of a commit.

load common

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    seq 20000 | gzip -1 >in.gz
}

# The times are spread over a whole job and a bit more, so a kill can come too late.
killed() {
    python3 - "${LEAT_KILLS:-25}" "$1" "$LEAT" <<'PYTHON'
import os, random, subprocess, sys, time

kills, old, leat = int(sys.argv[1]), sys.argv[2] == "old", sys.argv[3]
job = [leat, "--force", "--sums=sums", "read", "in.gz", ":", "gunzip", ":", "tee",
       "[", "zstd", "-1", ":", "write", "a.zst", "]",
       "[", "split", "-l", "250", "parts/p-{n:02}", "]", ":",
       "sha256", "--to=digest", ":", "write", "b"]
names = ["sums", "a.zst", "digest", "b"] + ["parts/p-%02d" % i for i in range(80)]
random.seed(7)

def contents():
    return {name: open(name, "rb").read() if os.path.exists(name) else None for name in names}

def left():
    return [name for place in (".", "parts") for name in os.listdir(place) if ".leat-" in name]

os.mkdir("parts")
subprocess.run(job, check=True)
new = contents()
assert all(new.values()) and not left(), left()
begin = time.monotonic()
subprocess.run(job, check=True)
length = time.monotonic() - begin
ended = tidied = 0
for k in range(kills):
    for name in names:
        if old:
            with open(name, "wb") as file:
                file.write(b"old " + name.encode())
        elif os.path.exists(name):
            os.unlink(name)
    child = subprocess.Popen(job, stderr=subprocess.DEVNULL)
    try:
        child.wait(timeout=random.random() * length * 1.1)
    except subprocess.TimeoutExpired:
        child.kill()
    ended += child.wait() == 0
    for name, got in contents().items():
        before = b"old " + name.encode() if old else None
        assert got in (before, new[name]), "kill %d: %s is neither old nor new" % (k, name)
    tidied += len(left())
    subprocess.run(job, check=True)
    assert contents() == new, "kill %d: the next run gave something else" % k
    assert not left(), "kill %d: %s" % (k, left())
print("%d kills, %d came too late, %d temporaries removed" % (kills, ended, tidied))
PYTHON
}

@test "after kill -9 new files are complete or missing, and the next run removes the rest" {
    needs python3
    killed new
}

@test "after kill -9 replaced files are the old or the new ones, and the next run removes the rest" {
    needs python3
    killed old
}
