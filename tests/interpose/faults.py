#!/usr/bin/env python3
"""faults.py - every system call of a job fails once, with each plausible error (faults.c).

    faults.py [--cases=N] [--absent] [--only=CLASS:K:ERRNO] [--class=CLASS] [--lacks=FEATURES] [JOB...]

A job runs without a fault first: that counts its calls and gives the right outputs. Then it runs once
for each call and error, with new outputs and with outputs that replace old ones. After each run either
all outputs are there and right, with status 0; or the status is not 0, one message says why, none of
the new outputs is there and the old ones are as they were. Nothing else is left in the directory, and
no run hangs or ends by a signal. N bounds the number of runs of a job: an even choice of all (0: all).
--absent runs the jobs on a file system without some features instead; with --lacks calls fail on one
without these. --class fails the calls of one class only.
LEAT and FAULTS name the command and the shared object.
"""
import concurrent.futures
import errno as E
import os
import shutil
import subprocess
import sys
import tempfile

LEAT = os.environ["LEAT"]
FAULTS = os.environ["FAULTS"]
BOUND_S = int(os.environ.get("FAULTS_BOUND_S", "600"))
OLD = b"old\n"

# Errors of a class of calls, as the manual pages, NFS, FUSE and quotas have them.
ERRORS = {
    "open": [E.EMFILE, E.EACCES, E.EIO],
    "create": [E.ENOSPC, E.EMFILE, E.EROFS, E.EDQUOT],
    "tmpfile": [E.EOPNOTSUPP, E.EISDIR, E.ENOSPC, E.EINVAL],
    "write": [E.ENOSPC, E.EIO, E.EINTR, E.EFBIG, "short"],
    # EPIPE comes only if the reader has gone, which is no fault of the call.
    "write-pipe": [E.EIO, E.EINTR, E.EAGAIN, "short"],
    "write-out": [E.ENOSPC, E.EIO, E.EINTR, "short"],
    "read": [E.EIO, E.EINTR, E.ESTALE, "short"],
    "read-pipe": [E.EIO, E.EINTR, E.EAGAIN, "short"],
    "fsync": [E.EIO, E.ENOSPC, E.EDQUOT],
    "fsync-dir": [E.EIO, E.EINVAL],
    "sync-range": [E.EIO, E.ENOSPC, E.ESPIPE],
    "sync-hint": [E.EIO, E.ESPIPE],
    "rename": [E.ENOSPC, E.EIO, E.EACCES, E.EINVAL, E.ENOSYS],
    "link": [E.EPERM, E.EOPNOTSUPP, E.EMLINK, E.ENOSPC, E.EXDEV],
    "unlink": [E.EACCES, E.EIO, E.EBUSY],
    "ftruncate": [E.EIO, E.ENOSPC],
    "fallocate": [E.EOPNOTSUPP, E.ENOSPC],
    "close": [E.EIO, E.EINTR],
    "close-out": [E.EIO, E.ENOSPC, E.EDQUOT],
    "close-again": [E.EIO],
    "pipe": [E.EMFILE, E.ENFILE],
    "spawn": [E.EAGAIN, E.ENOMEM],
    "fork": [E.EAGAIN],
    "thread": [E.EAGAIN],
    "epoll-create": [E.EMFILE, E.ENOMEM],
    "epoll-ctl": [E.ENOMEM, E.ENOSPC],
    "epoll-wait": [E.EINTR],
    "eventfd": [E.EMFILE, E.ENOMEM],
    "mmap": [E.ENOMEM],
    "move": [E.EIO, E.ENOSPC, E.EINVAL, E.EXDEV, E.ENOSYS, E.EINTR],
    "fchmod": [E.EPERM, E.EIO],
    "fchown": [E.EPERM, E.EIO, E.EINVAL],
    "xattr": [E.EOPNOTSUPP, E.EIO, E.ERANGE],
    "stat": [E.EIO, E.EACCES, E.ESTALE],
    "fcntl": [E.EINVAL, E.EPERM],
    "dup": [E.EMFILE],
    "lseek": [E.ESPIPE, E.EIO],
    "readlink": [E.EIO, E.EACCES],
    "realpath": [E.EIO, E.EACCES, E.ENAMETOOLONG],
    "timerfd": [E.EMFILE],
    "poll": [E.EINTR, E.ENOMEM],
    "pidfd": [E.EMFILE, E.ENOSYS],
    "wait": [E.EINTR],
    "kill": [E.EPERM],
    "flock": [E.ENOLCK, E.EOPNOTSUPP],
    "random": [E.ENOSYS, E.EINTR],
    "send": [E.EPIPE],
    "recv": [E.EIO],
    "mkdir": [E.ENOSPC, E.EIO],
    "times": [E.EPERM, E.EIO],
}
# A run must not succeed after these: the disk said that data is lost.
LOST = {
    "fsync": [E.EIO, E.ENOSPC, E.EDQUOT],
    "close-out": [E.EIO, E.ENOSPC, E.EDQUOT],
    "sync-range": [E.EIO, E.ENOSPC],
    "fsync-dir": [E.EIO],
}

# What each job writes is all that is in the directory afterwards besides log.gz and log.
JOBS = {
    "main": "read log.gz : gunzip : grep -v DEBUG : zstd : write@ o.zst",
    "sums": "--sums=S read log.gz : gunzip : tee [ sha256 : write@ s ] [ count -l : write@ n ] "
    ": zstd : write@ o.zst",
    "split": "read log.gz : gunzip : split@ -l 1500 p-{n} [ gzip ]",
    "exec": "read log.gz : gunzip : exec tr a-z A-Z : zstd : write@ o.zst",
    "copy": "read log : write@ o",
    "append": "read log : tee [ sha256 : write@ s ] : write -a o",
    "side": "read log : sha256 --to=s : count --to=n : write@ o",
    "stdout": "read log.gz : gunzip : tee [ count -l : write@ n ] : zstd",
    "partial": "read log : sha256 : write@ --keep-partial o",
    "report": "--report=r --trace=t read log : write@ o",
    "pack": "pack --reproducible log log.gz : write@ o",
    "drop": "zero : head -c 20M : write@ --drop-cache o",
    "extract": "read a.tar.gz : extract@ out",
}
# No file system has O_TMPFILE without hard links.
ABSENT = ["exchange", "noreplace", "tmpfile", "tmpfile=21", "link,tmpfile", "exchange,noreplace",
          "noreplace,link,tmpfile", "exchange,link,tmpfile", "exchange,noreplace,link,tmpfile",
          "exchange=38,noreplace=38,link=95,tmpfile=21"]


def words(text, replace):
    force = " --force" if replace else ""
    out = text.replace("@", force)
    return (["--force"] if replace else []) + out.split()


def preload():
    """A sanitizer's library comes first."""
    libs = subprocess.run(["ldd", LEAT], capture_output=True, text=True, check=False).stdout.split()
    first = [w for w in libs if w.startswith("/") and ("libasan" in w or "libtsan" in w)]
    return " ".join(first + [FAULTS])


PRELOAD = preload()
LACKS = {}


class Job:
    def __init__(self, name, replace, threads):
        self.name, self.replace, self.threads = name, replace, threads
        self.args = [f"--threads={threads}"] + words(JOBS[name], replace)
        self.append = name == "append"
        self.want = {}

    def __str__(self):
        return f"{self.name}{' --force' if self.replace else ''} --threads={self.threads}"

    def run(self, env, check):
        """One run in a directory of its own; check gets how it ended."""
        base = tempfile.mkdtemp(prefix="leat-faults-", dir=TMP)
        work = os.path.join(base, "d")
        try:
            os.mkdir(work)
            for name, data in INPUTS.items():
                with open(os.path.join(work, name), "wb") as f:
                    f.write(data)
            if self.replace:
                for name in self.want:
                    if name != "<stdout>":
                        path = os.path.join(work, name)
                        os.makedirs(os.path.dirname(path), exist_ok=True)
                        with open(path, "wb") as f:
                            f.write(OLD)
            elif self.append:
                with open(os.path.join(work, "o"), "wb") as f:
                    f.write(OLD)
            counts = os.path.join(base, "counts")
            full = dict(os.environ, LD_PRELOAD=PRELOAD, FAULT_COUNTS=counts, **LACKS, **env)
            full["ASAN_OPTIONS"] = full.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
            with open(os.path.join(base, "out"), "wb") as out:
                try:
                    done = subprocess.run([LEAT] + self.args, cwd=work, env=full, stdout=out,
                                          stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                          timeout=BOUND_S, check=False)
                    status, err = done.returncode, done.stderr.decode(errors="replace")
                except subprocess.TimeoutExpired as e:
                    status, err = "hangs", (e.stderr or b"").decode(errors="replace")
            found = files_in(work)
            with open(os.path.join(base, "out"), "rb") as f:
                if self.name == "stdout":
                    found["<stdout>"] = f.read()
            if self.name == "report":
                found = {k: whole(v) for k, v in found.items()}
            for name, data in INPUTS.items():
                if found.pop(name, None) != data:
                    return f"the input {name} is not what it was"
            with open(counts, encoding="ascii", errors="replace") as f:
                hits = {w[0]: int(w[1].strip("\0")) for w in map(str.split, f) if len(w) == 2}
            return check(status, err, found, hits)
        finally:
            shutil.rmtree(base, ignore_errors=True)

    def record(self):
        """Without a fault; returns the counts."""
        def first(status, err, found, hits):
            if status != 0 or err:
                sys.exit(f"{self}: status {status} without a fault: {err}")
            self.want = found
            return hits
        self.run({}, first)
        return self.run({}, first)

    def judge(self, fault, status, err, found):
        """None, or what is wrong."""
        out = found.get("<stdout>")
        found = {k: v for k, v in found.items() if k != "<stdout>"}
        want = {k: v for k, v in self.want.items() if k != "<stdout>"}
        if status == "hangs" or status < 0 or status in (134, 139):
            return f"status {status}: {err!r}"
        if "Sanitizer" in err or "runtime error" in err:
            return err
        if status == 0:
            left = [k for k in found if k not in want]
            if self.may_leave(fault) and left and all(k.split("/")[0] in err for k in left):
                found = {k: v for k, v in found.items() if k in want}
            if found != want:
                return f"status 0, but the outputs are not right: {differ(found, want)}"
            if out is not None and out != self.want["<stdout>"]:
                return "status 0, but standard output is not right"
            return None
        lines = [l for l in err.splitlines() if not l.startswith("leat: warning: ")]
        if fault[0] == "write-err":
            pass
        elif len(lines) != 1 or not lines[0].startswith("leat: "):
            return f"status {status} with other than one message: {err!r}"
        if self.name == "report":
            # They are written of a run that has failed, too, and it does not fail by them.
            late = "--report=r: " in err or "--trace=t: " in err
            for k in ["r", "t"] + ["o"] * late:
                if found.get(k) == want[k]:
                    found[k] = OLD
                if not self.replace and found.get(k) == OLD:
                    del found[k]
        before = {k: OLD for k in want} if self.replace else {"o": OLD} if self.append else {}
        extra = {k: v for k, v in found.items() if k not in before}
        if self.name == "partial":
            extra.pop("o.partial", None)
        if {k: v for k, v in found.items() if k in before} != before:
            return f"status {status}, and what was there is not as it was: " \
                   f"{differ(found, before)}: {err!r}"
        named = (self.may_leave(fault) or fault[0] == "ftruncate") and all(k.split("/")[0] in err for k in extra)
        if extra and not named:
            return f"status {status}, and this is left: {sorted(extra)}: {err!r}"
        return None

    def case(self, fault):
        name, k, error = fault
        env = {"FAULT": f"{name}:{k}:{error}"}

        def check(status, err, found, hits):
            wrong = self.judge(fault, status, err, found)
            hit = hits.get(name, 0) >= k
            if not wrong and status == 0 and hit and error in LOST.get(name, []):
                wrong = "status 0, though data is lost"
            if not wrong and status != 0 and not hit:
                wrong = f"status {status} without the fault: {err!r}"
            return wrong
        text = error if error == "short" else E.errorcode[error]
        wrong = self.run(env, check)
        return f"{self}: FAULT={name}:{k}:{error} ({text}): {wrong}" if wrong else None

    def may_leave(self, fault):
        """Much can keep a directory from being removed; a message names it."""
        return fault[0] == "unlink" or (self.name == "extract" and fault[0] in ("open", "stat", "fcntl", "dup"))

    def can_without(self, absent):
        """The archive has a hard link."""
        return not (self.name == "extract" and "link" in absent)

    def without(self, absent):
        def check(status, err, found, hits):
            if status != 0:
                return f"status {status}: {err!r}"
            return self.judge(("", 0, 0), status, err, found)
        wrong = self.run({"FAULT_ABSENT": absent}, check)
        return f"{self}: FAULT_ABSENT={absent}: {wrong}" if wrong else None


def files_in(work):
    """The content of each file below, and of a link its target; a directory counts if nothing is in it."""
    found = {}
    for at, dirs, names in os.walk(work):
        for name in names + [d for d in dirs if os.path.islink(os.path.join(at, d))]:
            path = os.path.join(at, name)
            if os.path.islink(path):
                found[os.path.relpath(path, work)] = os.fsencode(os.readlink(path))
            else:
                with open(path, "rb") as f:
                    found[os.path.relpath(path, work)] = f.read()
        if not dirs and not names and at != work:
            found[os.path.relpath(at, work)] = b"an empty directory"
    return found


def differ(found, want):
    """Names, and what is the matter with them."""
    lines = []
    for name in sorted(set(found) | set(want)):
        if name not in want:
            lines.append(f"{name} is there")
        elif name not in found:
            lines.append(f"{name} is not there")
        elif found[name] != want[name]:
            lines.append(f"{name} has {found[name][:40]!r}, not {want[name][:40]!r}")
    return ", ".join(lines)


def whole(data):
    """A report and a trace are others each time."""
    if data.startswith(b"<!doctype html><!-- leat report -->") and data.endswith(b"</html>\n"):
        return b"a report"
    if data.startswith(b'{"otherData":{"producer":"leat"') and data.endswith(b"]}\n"):
        return b"a trace"
    return data


def choose(cases, n):
    """Evenly, at most n of them; 0: all."""
    if n <= 0 or len(cases) <= n:
        return cases
    return [cases[i * len(cases) // n] for i in range(n)]


def make_archive(log):
    """A tar with a file, a directory, a symbolic and a hard link, and a file of each name twice."""
    import io
    import tarfile
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as t:
        for name, kind, data in [("sub", tarfile.DIRTYPE, b""), ("sub/log", tarfile.REGTYPE, log[:100000]),
                                 ("f", tarfile.REGTYPE, b"old"), ("f", tarfile.REGTYPE, b"new"),
                                 ("link", tarfile.SYMTYPE, b"f"), ("hard", tarfile.LNKTYPE, b"f"),
                                 ("implied/f", tarfile.REGTYPE, b"x")]:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(data)
                t.addfile(info, io.BytesIO(data))
            else:
                info.linkname = data.decode()
                t.addfile(info)
    return out.getvalue()


def make_inputs():
    import gzip
    levels = ["DEBUG", "INFO", "WARN", "ERROR"]
    log = "".join(f"2026-11-22T10:{i % 60:02d} {levels[i % 4]} worker-{i * 7919 % 13} "
                  f"id={i * 2654435761 % 100003} took {i % 997} us\n"
                  for i in range(6000)).encode()
    return {"log": log, "log.gz": gzip.compress(log, mtime=0), "a.tar.gz": make_archive(log)}


def main():
    cases_max, absent, only, one, names = 0, False, None, None, []
    for word in sys.argv[1:]:
        if word.startswith("--cases="):
            cases_max = int(word[8:])
        elif word == "--absent":
            absent = True
        elif word.startswith("--only="):
            only = word[7:].split(":")
        elif word.startswith("--class="):
            one = word[8:]
        elif word.startswith("--lacks="):
            LACKS["FAULT_ABSENT"] = word[8:]
        else:
            names.append(word)
    work, wrong = [], []
    for name in names or JOBS:
        runs = []
        for replace in (False, True):
            for threads in (1, 2):
                job = Job(name, replace, threads)
                counts = job.record()
                if absent:
                    runs += [(job.without, a) for a in ABSENT if job.can_without(a)]
                elif only:
                    error = only[2] if only[2] == "short" else int(only[2])
                    runs.append((job.case, (only[0], int(only[1]), error)))
                else:
                    runs += [(job.case, (c, k, e)) for c, n in counts.items()
                             if one in (None, c) for k in range(1, n + 1) for e in ERRORS.get(c, [])]
        work += choose(runs, cases_max)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for result in pool.map(lambda w: w[0](w[1]), work):
            if result:
                wrong.append(result)
                print(result, flush=True)
    print(f"{len(work)} runs, {len(wrong)} wrong")
    return 1 if wrong else 0


TMP = os.environ.get("LEAT_TEST_TMP") or tempfile.gettempdir()
INPUTS = make_inputs()
if __name__ == "__main__":
    sys.exit(main())
