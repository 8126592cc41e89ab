"""Sections of docs/benchmarks.md, and what they measure with."""

import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def timed(*command):
    """Seconds and the peak of resident memory in MiB of a program that runs to its end; ends where it fails."""
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - started, usage.ru_maxrss / 1024


def emit(text, path):
    """Writes a section to a file, or prints it where `path` is None."""
    if path is None:
        print(text)
        return
    with open(path, "w") as file:
        file.write(text)
