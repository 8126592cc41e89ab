"""Measures tokenizing against the tokenizers library on the same texts and threads, and writes one section.

    python Benchmarks/token_ids.py [--runs N] [--only minilm,gpt2,xlm-roberta] [--output FILE.md]

The texts are the verses of Nave's Topical Bible and the descriptions of Debian's packages. Each pair of processes runs in
turn, ours then the peer's; within a process every text is tokenized once before the passes that count. Ids must be equal.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import zipfile

from sections import ROOT, emit

TEXTS = ".build/bench/token_ids.txt"
TOKENIZERS = ".deps/tokenizers"
THREADS = 2
PASSES = 3
KINDS = {
    "minilm": "WordPiece (MiniLM)", "gpt2": "byte-level BPE (GPT-2)", "qwen": "byte-level BPE (Qwen)",
    "llama2": "BPE with byte fallback (Llama 2)", "xlm-roberta": "Unigram (XLM-R)",
}  # fmt: skip


def write_texts():
    """One text a line: 31,102 verses, and the descriptions of every eighth package that the system knows."""
    with zipfile.ZipFile(os.path.join(ROOT, "datasets/nave/nave-beir.zip")) as archive:
        records = map(json.loads, archive.open("beir/corpus.jsonl"))
        lines = [f"{record['title']} {record['text']}" for record in records]
    listing = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=True).stdout.decode()
    # Lines of a description after the first begin with a space.
    descriptions = re.findall(r"^Description(?:-en)?: (.*(?:\n .*)*)", listing, re.MULTILINE)
    lines += [" ".join(description.split()) for description in descriptions[::8]]
    os.makedirs(os.path.join(ROOT, os.path.dirname(TEXTS)), exist_ok=True)
    with open(os.path.join(ROOT, TEXTS), "w") as file:
        file.write("\n".join(lines))


def run(*command):
    environment = os.environ | {"RAYON_NUM_THREADS": str(THREADS), "TOKENIZERS_PARALLELISM": "true"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"token_ids.py: {' '.join(command)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout[done.stdout.index("{") :])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="minilm,gpt2,xlm-roberta")
    parser.add_argument("--bench", default=".build/release/tvt-bench")
    parser.add_argument("--output")
    options = parser.parse_args()
    names = options.only.split(",")
    fetch = [sys.executable, os.path.join(ROOT, "scripts/real-tokenizers.py"), "--only", options.only]
    subprocess.run([*fetch, os.path.join(ROOT, TOKENIZERS)], check=True)
    if not os.path.exists(os.path.join(ROOT, TEXTS)):
        write_texts()
    rows, amount = [], None
    for name in names:
        file, pairs = f"{TOKENIZERS}/{name}.json", []
        for turn in range(options.runs):
            print(f"token_ids: {name}, {turn + 1} of {options.runs}", file=sys.stderr)
            ours = run(options.bench, "tokenize", file, TEXTS, "--threads", str(THREADS), "--passes", str(PASSES), "--quiet")
            peer = run(sys.executable, "Benchmarks/token_ids_peer.py", file, TEXTS, "--passes", str(PASSES))
            if ours["digest"] != peer["digest"]:
                sys.exit(f"token_ids.py: {name}: the ids differ")
            pairs.append((ours, peer))
        amount = pairs[0][0]

        def median(figure):
            return statistics.median(figure(*pair) for pair in pairs)

        megabytes = amount["bytes"] / 1e6
        rows.append(
            f"| {KINDS.get(name, name)} | {median(lambda ours, _: megabytes / ours['seconds']):,.1f} | "
            f"{median(lambda _, peer: megabytes / peer['seconds']):,.1f} | "
            f"**{median(lambda ours, peer: peer['seconds'] / ours['seconds']):.1f}×** | "
            f"{median(lambda ours, _: ours['loadMilliseconds']):,.0f} | "
            f"{median(lambda _, peer: peer['loadMilliseconds']):,.0f} | "
            f"{median(lambda ours, _: ours['peakMegabytes']):,.0f} | "
            f"{median(lambda _, peer: peer['peakMegabytes']):,.0f} |")
        print(rows[-1], file=sys.stderr)
    lines = [
        "## Tokenizing", "",
        f"{amount['texts']:,} texts, {amount['bytes'] / 1e6:.1f} MB: verses of Nave's Topical Bible and descriptions of Debian's packages,",
        f"on {THREADS} threads, against `encode_batch` of tokenizers on as many. Every text was tokenized once before; ids are equal.",
        "Medians, the ratio of pairs; the goal is 2.5×.", "",
        "```", "python Benchmarks/token_ids.py", "```", "",
        "| | tvt, MB/s | tokenizers, MB/s | ratio | tvt, ms to load | tokenizers | tvt, peak MiB | tokenizers |",
        "| --- " * 8 + "|", *rows,
    ]  # fmt: skip
    emit("\n".join(lines) + "\n", options.output)


if __name__ == "__main__":
    main()
