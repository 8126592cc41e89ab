"""How time, memory and size grow with the number of documents.

    python Benchmarks/scale.py [--up-to 100000000] [--bytes 40] [--output FILE.md]

Writes synthetic corpora of 10^5, 10^6, … short documents into a store of their own, id index included, opens each and
reads from it. 10^8 documents of 86 bytes take 7 GB of disk, and 4 GB more while their index is built.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys

from sections import emit

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STORE = ".build/bench/scale"


def run(*command):
    """The command's JSON, and its peak memory in MiB."""
    done = subprocess.run(["/usr/bin/time", "-f", "peak-kib %M", *command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"scale.py: {' '.join(command)}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout), int(re.search(r"peak-kib (\d+)", done.stderr).group(1)) / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--up-to", type=int, default=100_000_000)
    parser.add_argument("--bytes", type=int, default=40, help="mean bytes of a document's text")
    parser.add_argument("--output")
    options = parser.parse_args()
    shutil.rmtree(os.path.join(ROOT, STORE), ignore_errors=True)
    columns = ["documents", "write, s", "documents/s", "peak, MiB", "raw, MB", "stored, MB", "open, ms", "by ordinal", "by docid",
               "reader's peak, MiB", "`tvt-store get`, peak MiB"]  # fmt: skip
    lines = ["| " + " | ".join(columns) + " |", "| ---: " * len(columns) + "|"]
    count = 100_000
    while count <= options.up_to:
        print(f"scale: {count:,} documents", file=sys.stderr)
        name = f"documents-{count}"
        fill, peak = run(".build/release/tvt-bench", "store-fill", "--store", STORE, "--as", name, "--documents", str(count),
                         "--bytes", str(options.bytes))  # fmt: skip
        # A scan and a shuffled pass of 10^8 documents are not what is asked here.
        read, read_peak = run(".build/release/tvt-bench", "store-read", "--store", STORE, name, "--runs", "1", "--points")
        get = ["/usr/bin/time", "-f", "peak-kib %M", ".build/release/tvt-store", "get", name, "--store", STORE,
               "--docid", f"doc-{count // 2}"]  # fmt: skip
        got = subprocess.run(get, cwd=ROOT, capture_output=True, text=True, check=True)
        lines.append(
            f"| {count:,} | {fill['wallSeconds']:.1f} | {count / fill['wallSeconds']:,.0f} | {peak:,.0f} "
            f"| {fill['rawBytes'] / 1e6:,.0f} | {read['storedBytes'] / 1e6:,.0f} | {read['openMilliseconds']:.1f} "
            f"| {read['byOrdinal']:,.0f} | {read['byID']:,.0f} | {read_peak:,.0f} "
            f"| {int(re.search(r'peak-kib ([0-9]+)', got.stderr).group(1)) / 1024:,.0f} |"
        )
        count *= 10
    order, _ = run(".build/release/tvt-bench", "order", "--samples", str(options.up_to))
    text = "\n".join(
        [
            "## The store: growth", "",
            f"Synthetic documents of {options.bytes} bytes of text on average, written with their id index by two threads, then",
            "opened and read at random by a process of its own, one thread (rates are documents a second; the page cache is as",
            "the writing left it). The reader's peak counts pages of mapped files, which the system may drop.", "", "```", f"python Benchmarks/scale.py --up-to {options.up_to}", "```", "", *lines, "",
            f"The order of {options.up_to:,} training samples (`tvt-bench order`) starts in {order['startMilliseconds']:.3f} ms,",
            f"takes {order['nanosecondsPerSample']:.0f} ns a sample and {order['peakMegabytes']:.0f} MB. Neighbours in the order are",
            f"{order['spread']['meanDistance']:.4f} of the data set apart on average (uniform: 0.3333), with a serial correlation of",
            f"{order['spread']['serialCorrelation']:.0e}.", "",
        ]  # fmt: skip
    )
    emit(text, options.output)


if __name__ == "__main__":
    main()
