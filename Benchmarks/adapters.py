"""Converts BGE's training data, tvt against Python scripts, and writes one table.

    python Benchmarks/adapters.py [--runs N] [--megabytes N] [--output FILE.md]

The rows are made of `make_passages.py`'s passages: a query (the first words of its positive), one positive, negatives and
their scores, in two shapes: eight passages a row, each of which comes three times, and 25 a row, each of which comes ten
times (bge-full-data has some 25 texts a row). tvt-convert parses, checks, deduplicates, hashes, compresses, indexes and
syncs on all cores; the peers (adapters_peer.py) do less on one, as Python does. All are whole processes, timed in turn
after one round that is not counted.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

from sections import ROOT, emit, timed

BENCH = ".build/bench"
PYTHON = ".build/peers/bin/python"
# How often each passage comes, and how many a row has.
SHAPES = [(3, 8), (10, 25)]
PEERS = [
    ("json, hashlib, gzip", ["--gzip"]), ("json, hashlib, zstandard", []), ("orjson, xxhash, zstandard", ["--orjson"]),
]  # fmt: skip


def make(passages, output, byte_count, repeats, row_size):
    """Writes rows of passages until they have a size."""
    generator = random.Random(7)
    texts, size = [], 0
    with open(passages) as file:
        for line in file:
            texts.append(json.loads(line)["document_text"])
            size += len(texts[-1].encode())
            if size > byte_count / repeats:
                break
    pool, written = [], 0
    with open(output + ".tmp", "w") as file:
        while written < byte_count:
            chosen = []
            while len(chosen) < row_size:
                if not pool:
                    pool = generator.sample(texts, len(texts))
                if pool[-1] in chosen:
                    break
                chosen.append(pool.pop())
            row = {
                "query": " ".join(chosen[0].split()[:9]), "pos": chosen[:1], "neg": chosen[1:],
                "pos_scores": [round(generator.uniform(5, 9), 6)],
                "neg_scores": [round(generator.uniform(-5, 5), 6) for _ in chosen[1:]],
                "prompt": "Given a question, retrieve passages that answer it.", "type": "normal",
            }  # fmt: skip
            written += len((json.dumps(row, ensure_ascii=False) + "\n").encode())
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    os.rename(output + ".tmp", output)


def rounds(rows, runs):
    """Seconds and MiB of tvt and of each peer, round by round."""
    results = []
    for turn in range(runs + 1):
        print(f"adapters: {rows}, round {turn} of {runs}", file=sys.stderr)
        row = []
        for flags in [None] + [flags for _, flags in PEERS]:
            with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, BENCH)) as folder:
                if flags is None:
                    command = [".build/release/tvt-convert", "bge", rows, "--dataset", "bge", "--quiet", "--store", folder]
                else:
                    command = [PYTHON, "Benchmarks/adapters_peer.py", rows, folder, *flags]
                row.append(timed(*command))
        if turn > 0:
            results.append(row)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--output")
    options = parser.parse_args()
    passages = f"{BENCH}/passages.jsonl"
    os.makedirs(os.path.join(ROOT, BENCH), exist_ok=True)
    if not os.path.exists(os.path.join(ROOT, passages)):
        subprocess.run([sys.executable, "Benchmarks/make_passages.py", passages], cwd=ROOT, check=True)
    lines = [
        "## Adapters: JSON Lines of BGE", "",
        "Rows in BGE's form, a query with passages of 700 bytes and their scores, to disk. tvt parses, deduplicates, hashes,",
        "compresses, indexes and syncs; the peers are Python scripts that compress as well, without index, links or sync.",
        "Whole processes.", "", "```", "python Benchmarks/adapters.py", "```", "",
        "| rows | | seconds | MB/s | peak, MiB | tvt is faster |", "| --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for repeats, row_size in SHAPES:
        rows = f"{BENCH}/bge-{options.megabytes}mb-{repeats}x{row_size}.jsonl"
        if not os.path.exists(os.path.join(ROOT, rows)):
            make(os.path.join(ROOT, passages), os.path.join(ROOT, rows), options.megabytes * 1_000_000, repeats, row_size)
        results = rounds(rows, options.runs)
        size = os.path.getsize(os.path.join(ROOT, rows)) / 1e6
        shape = f"{size:,.0f} MB, {row_size} passages a row, each {repeats} times"
        for index, name in enumerate(["tvt"] + [name for name, _ in PEERS]):
            seconds = statistics.median(row[index][0] for row in results)
            peak = max(row[index][1] for row in results)
            ratio = statistics.median(row[index][0] / row[0][0] for row in results)
            told = f"**{ratio:.2f}×**" if index > 0 else ""
            lines.append(f"| {shape if index == 0 else ''} | {name} | {seconds:.2f} | {size / seconds:,.0f} | {peak:,.0f} | {told} |")
    lines += ["", f"Ratios are medians of {options.runs} pairs; the goal is 5× a Python script."]
    emit("\n".join(lines) + "\n", options.output)


if __name__ == "__main__":
    main()
