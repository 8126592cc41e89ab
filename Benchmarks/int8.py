"""Measures tvt-encode --dtype int8 against float32 and against ONNX Runtime, and writes one section.

    python Benchmarks/int8.py [--runs N] [--documents N] [--output FILE.md]

MiniLM over verses of Nave's corpus, each process in its turn; cosines are with tvt's vectors in float32.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import zipfile

import numpy

from families import BENCH, THREADS, kind_of_processor, run, spread, stored, vectors_of
from sections import ROOT, emit

MODEL = ".deps/models/all-MiniLM-L6-v2"
ONNX = f"{BENCH}/onnx"
TEXTS = f"{BENCH}/int8.jsonl"
SIDES = {"tvt f32": "f32", "tvt int8": "int8", "ONNX Runtime f32": "f32.onnx", "ONNX Runtime int8": "int8.onnx"}


def write_texts(count):
    with zipfile.ZipFile(os.path.join(ROOT, "datasets/nave/nave-beir.zip")) as archive:
        records = [json.loads(line) for line in archive.open("beir/corpus.jsonl")]
    with open(os.path.join(ROOT, TEXTS), "w") as file:
        for number, record in enumerate(records[:: len(records) // count][:count]):
            text = f"{record['title']} {record['text']}"
            file.write(json.dumps({"docid": f"d{number}", "document_text": text}) + "\n")


def measure(side, name, count):
    """Documents a second of one process, and its vectors."""
    if side.startswith("tvt"):
        output = f"{BENCH}/int8-vectors"
        shutil.rmtree(os.path.join(ROOT, output), ignore_errors=True)
        result = run(
            ".build/release/tvt-encode", "corpus", name, "--model", MODEL, "--dtype", SIDES[side], "--document-max-length", "256",
            "--threads", str(THREADS), "--output", output, "--json", "--quiet")  # fmt: skip
        return count / result["seconds"], vectors_of(output, count), None
    output = f"{BENCH}/int8.npy"
    result = run(sys.executable, "Benchmarks/int8_peer.py", "encode", f"{ONNX}/{SIDES[side]}", MODEL, TEXTS, output)
    return count / result["seconds"], numpy.load(os.path.join(ROOT, output)), result["packages"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--documents", type=int, default=1943)
    parser.add_argument("--output")
    options = parser.parse_args()
    os.makedirs(os.path.join(ROOT, BENCH), exist_ok=True)
    write_texts(options.documents)
    name = f"int8-{options.documents}"
    shutil.rmtree(os.path.join(ROOT, BENCH, "store", "datasets", name), ignore_errors=True)
    stored(name, "v2", "--corpus", TEXTS)
    subprocess.run(
        [sys.executable, "Benchmarks/int8_peer.py", "export", MODEL, ONNX], cwd=ROOT, check=True, stdout=sys.stderr)
    rates, cosines, packages = {side: [] for side in SIDES}, {side: [] for side in SIDES}, None
    for turn in range(options.runs):
        print(f"int8: {turn + 1} of {options.runs}", file=sys.stderr)
        vectors = {}
        for side in SIDES:
            rate, vectors[side], named = measure(side, name, options.documents)
            rates[side].append(rate)
            packages = packages or named
        for side in SIDES:
            products = (vectors["tvt f32"] * vectors[side]).sum(1) / numpy.linalg.norm(vectors[side], axis=1)
            cosines[side].append((products.mean(), products.min()))
    lines = [
        "## int8: MiniLM", "",
        f"{options.documents:,} verses on {THREADS} threads of a processor with {kind_of_processor()}; {packages}, dynamic int8 with",
        "weights per channel, sorted by length. Processes run in turn; figures are medians, ratios those of pairs.", "",
        "```", "python Benchmarks/int8.py", "```", "",
        "| side | documents/s | tvt int8 against it | mean cosine | least |", "| --- " * 5 + "|",
    ]  # fmt: skip
    for side in SIDES:
        ratios = [ours / theirs for ours, theirs in zip(rates["tvt int8"], rates[side])]
        mean, least = cosines[side][-1]
        against = "" if side == "tvt int8" else f"**{spread(ratios, 2)}**"
        lines.append(f"| {side} | {statistics.median(rates[side]):,.0f} | {against} | {mean:.4f} | {least:.4f} |")
    emit("\n".join(lines + [""]), options.output)


if __name__ == "__main__":
    main()
