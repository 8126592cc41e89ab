"""Reads training examples in shuffled order, one by one and ahead, and writes one section.

    python Benchmarks/examples.py [--runs N] [--output FILE.md]

Two synthetic datasets of 10^6 documents of about 700 bytes and 200,000 queries each; an example is a query with one positive
and seven negatives. The share of the processors is the process's time on them, divided by wall time and their number.
"""

import argparse
import json
import os
import shutil
import subprocess

from sections import emit

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STORE = ".build/bench/examples-store"


def bench(*arguments):
    done = subprocess.run(
        [".build/release/tvt-bench", *arguments, "--store", STORE, "--quiet"], cwd=ROOT, check=True, capture_output=True)
    text = done.stdout.decode()
    return json.loads(text[text.index("{") :])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--output")
    options = parser.parse_args()
    shutil.rmtree(os.path.join(ROOT, STORE), ignore_errors=True)
    for name in ["a", "b"]:
        bench("store-fill", "--as", name, "--documents", "1000000", "--bytes", "700", "--queries", "200000")
    warm = bench("examples", "a", "b", "--examples", "40000", "--runs", str(options.runs))
    cold = bench("examples", "a", "b", "--examples", "10000", "--runs", str(options.runs), "--cold")
    shutil.rmtree(os.path.join(ROOT, STORE))
    cores = os.cpu_count()
    lines = [
        "## Reading training examples", "",
        "Two datasets of 10^6 documents and 200,000 queries each; an example is a query with eight passages, about",
        f"{warm['bytesPerExample'] / 1000:.1f} KB of text, in shuffled order. Read ahead with {warm['workers']} threads on {cores} cores.", "",
        "```", "python Benchmarks/examples.py", "```", "",
        "| | one by one, examples/s | read ahead | ratio | share of the processors | text, MB/s |", "| --- " * 6 + "|",
    ]  # fmt: skip
    for name, result in [("in memory", warm), ("from disk", cold)]:
        share = result["readAheadPerSecond"] * result["readAheadProcessMicroseconds"] / 1e6 / cores
        lines.append(
            f"| {name} | {result['oneByOnePerSecond']:,.0f} | {result['readAheadPerSecond']:,.0f} | {result['ratio']:.2f} | "
            f"{min(share, 1):.0%} | {result['textMegabytesPerSecond']:,.0f} |")  # fmt: skip
    lines += ["", f"Opening takes {warm['openMilliseconds']:.1f} ms, reading ahead {warm['peakAnonymousMegabytes']:.0f} MB besides mapped files."]
    emit("\n".join(lines) + "\n", options.output)


if __name__ == "__main__":
    main()
