#!/usr/bin/env python3
"""follow.py - `leat follow`: latency of a line when it is idle, and 100 files that grow by 5 MB/s each.

    LEAT=build/leat tests/bench/follow.py [DIR]

BENCH_LINES lines (400), one each 20 ms; then BENCH_SECONDS (4) of the files, which DIR (/dev/shm) must hold: 500 MB a
second. Prints the latency from write(2) to the reader of the pipe, processor time, peak memory, and how far it was
behind at the end.
"""
import os
import subprocess
import sys
import tempfile
import time

LEAT = os.path.abspath(os.environ.get("LEAT", "build/leat"))
LINES = int(os.environ.get("BENCH_LINES", "400"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
FILES, RATE, TICK = 100, 5_000_000, 0.1


def cpu_and_peak(pid):
    """Processor seconds and peak KiB until now."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), peak


def latency():
    with open("app.log", "wb", buffering=0) as log:
        leat = subprocess.Popen([LEAT, "follow", "app.log"], stdout=subprocess.PIPE, bufsize=0)
        log.write(b"first\n")
        leat.stdout.read(6)
        took = []
        cpu, _ = cpu_and_peak(leat.pid)
        began = time.monotonic()
        for _ in range(LINES):
            time.sleep(0.02)
            at = time.monotonic()
            log.write(b"%020d\n" % int(at * 1e9))
            assert len(leat.stdout.read(21)) == 21
            took.append(time.monotonic() - at)
        busy = (cpu_and_peak(leat.pid)[0] - cpu) / (time.monotonic() - began)
        cpu, _ = cpu_and_peak(leat.pid)
        time.sleep(10)
        idle = (cpu_and_peak(leat.pid)[0] - cpu) / 10
        leat.kill()
        leat.wait()
    took.sort()
    print(f"latency of {LINES} lines: p50 {took[LINES // 2] * 1e3:.2f} ms, "
          f"p99 {took[LINES * 99 // 100] * 1e3:.2f} ms, largest {took[-1] * 1e3:.2f} ms")
    print(f"processor: {busy * 100:.1f} % with 50 lines a second, {idle * 100:.2f} % idle")


def many():
    line = b"x" * 99 + b"\n"
    piece = line * int(RATE * TICK / len(line))
    names = [f"app{i:02d}.log" for i in range(FILES)]
    logs = [os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for name in names]
    leat = subprocess.Popen([LEAT, "follow", *names, ":", "count", "--bytes", "--to=n", ":", "null"])
    peaks, began, wrote = [], time.monotonic(), 0
    for tick in range(int(SECONDS / TICK)):
        for fd in logs:
            wrote += os.write(fd, piece)
        if tick % 10 == 9:
            peaks.append(cpu_and_peak(leat.pid)[1])
        time.sleep(max(0, began + (tick + 1) * TICK - time.monotonic()))
    took = time.monotonic() - began
    while True:  # until it has read all
        with open(f"/proc/{leat.pid}/io", encoding="ascii") as f:
            read = int(f.readline().split()[1])
        before = read
        time.sleep(0.05)
        with open(f"/proc/{leat.pid}/io", encoding="ascii") as f:
            if int(f.readline().split()[1]) == before and read >= wrote:
                break
    behind = time.monotonic() - began - took - 0.05
    cpu, peak = cpu_and_peak(leat.pid)
    leat.kill()
    leat.wait()
    print(f"{FILES} files: {wrote / 1e6:.0f} MB written in {took:.2f} s ({wrote / took / 1e6:.0f} MB/s), "
          f"read {behind:.2f} s after the last write")
    print(f"processor {cpu:.2f} s, peak {peak} KiB; each second: {peaks}")


os.chdir(tempfile.mkdtemp(prefix="follow.", dir=sys.argv[1] if len(sys.argv) > 1 else "/dev/shm"))
try:
    latency()
    many()
finally:
    subprocess.run(["rm", "-rf", os.getcwd()], check=True)
