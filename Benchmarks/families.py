"""Measures a decoder, SmolLM2-135M, against transformers, sentence-transformers and peft, and writes one section.

    python Benchmarks/families.py [--runs N] [--documents N] [--steps N] [--only encode,lora,memory] [--output FILE.md]

Encoding: verses of Nave's corpus, then long descriptions of the packages that are installed, in that order. LoRA: steps on
Nave's training set. Memory: the same model, and a synthetic checkpoint of 3.1 GB. tvt and its peers run in turn, each a
process of its own; vectors must agree. What was measured is kept in .build/bench/families.json, so that --only measures the
rest another time.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile

import numpy

from sections import ROOT, emit

MODEL = ".deps/models/SmolLM2-135M-Instruct"
BENCH = ".build/bench"
BIG = f"{BENCH}/qwen2-1.5b-synthetic"
TVT = ".build/release/tvt-"
RESULTS = f"{BENCH}/families.json"
TRAIN = "datasets/nave/train.v1.jsonl.zst"
THREADS = 2
LEAST_COSINE = 0.9999
# The weights of each model; the word embeddings are those of the output.
WEIGHTS = {"smollm2": 134_515_008, "big": 1_543_714_304}
# No file of the synthetic checkpoint says how it is used.
SAID = ["--pooling", "last", "--normalize"]
for role in ["query", "document"]:
    SAID += [f"--{role}-prompt", "", f"--{role}-max-length", "256"]
CONFIG = """\
model: {model}
datasets:
  - name: nave-train
passages_per_query: 4
queries_per_step: 8
steps: {steps}
temperature: 0.05
max_lengths: {{query: 32, document: 128}}
without_positives: skip
optimizer:
  learning_rate: 1e-4
lora:
  r: 16
  alpha: 64
  dropout: 0.1
  targets: [q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]
"""


def run(*command):
    """The JSON that a program prints last, with the seconds and the peak of resident memory (MiB) of its process."""
    environment = os.environ | {"TVT_STORE": f"{BENCH}/store", "TOKENIZERS_PARALLELISM": "true", "OMP_NUM_THREADS": str(THREADS)}
    started = time.monotonic()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, env=environment)
        output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"families.py: {' '.join(command)} ended with {process.returncode}:\n{errors.read().decode()[-2000:]}")
    wall = time.monotonic() - started
    return json.loads(output[output.index("{") :] if "{" in output else "{}") | {
        "wall": wall, "peak": usage.ru_maxrss / 1024, "cpu": usage.ru_utime + usage.ru_stime,
    }  # fmt: skip


def run_peer(*arguments):
    return run(sys.executable, "Benchmarks/families_peer.py", *arguments)


def write_texts(path, count):
    """`count` passages: two verses for each description, spread over all there are."""
    with zipfile.ZipFile(os.path.join(ROOT, "datasets/nave/nave-beir.zip")) as archive:
        records = map(json.loads, archive.open("beir/corpus.jsonl"))
        verses = [f"{record['title']} {record['text']}" for record in records]
    # Lines of a description after the first begin with a space, and those between paragraphs hold a point.
    query = ["dpkg-query", "--show", "--showformat=${Description}\\n\\n"]
    listing = subprocess.run(query, capture_output=True, check=True).stdout.decode()
    descriptions = [" ".join(re.sub(r"(?m)^ \.$", "", text).split()) for text in listing.split("\n\n")]
    third = count // 3
    chosen = []
    for texts, wanted in [(verses, count - third), (descriptions, third)]:
        texts = list(dict.fromkeys(text for text in texts if text))
        if len(texts) < wanted:
            sys.exit(f"families.py: there are {len(texts)} descriptions; take fewer --documents")
        chosen += texts[:: len(texts) // wanted][:wanted]
    with open(os.path.join(ROOT, path), "w") as file:
        for number, text in enumerate(chosen):
            file.write(json.dumps({"docid": f"d{number}", "document_text": text}) + "\n")


def stored(name, *command):
    """Brings a dataset into the store, where it is not there."""
    environment = os.environ | {"TVT_STORE": f"{BENCH}/store"}
    known = subprocess.run([TVT + "store", "show", name], cwd=ROOT, capture_output=True, env=environment)
    if known.returncode != 0:
        convert = [TVT + "convert", *command, "--dataset", name, "--quiet"]
        subprocess.run(convert, cwd=ROOT, check=True, env=environment, stdout=sys.stderr)


def documents(name, count):
    """A dataset of `count` passages, and its file."""
    path = f"{BENCH}/{name}.jsonl"
    write_texts(path, count)
    shutil.rmtree(os.path.join(ROOT, BENCH, "store", "datasets", name), ignore_errors=True)
    stored(name, "v2", "--corpus", path)
    return path


def encode_ours(folder, dataset, dtype, output):
    shutil.rmtree(os.path.join(ROOT, output), ignore_errors=True)
    said = SAID if folder == BIG else []
    return run(
        TVT + "encode", "corpus", dataset, "--model", folder, "--dtype", dtype, "--threads", str(THREADS), "--output", output,
        "--json", "--quiet", *said)  # fmt: skip


def vectors_of(folder, count):
    """The vectors of a folder, by the numbers in their ids."""
    with open(os.path.join(ROOT, folder, "part-00000.ids")) as file:
        numbers = [int(line[1:]) for line in file.read().splitlines()]
    matrix = numpy.load(os.path.join(ROOT, folder, "part-00000.npy"))
    ordered = numpy.empty((count, matrix.shape[1]), numpy.float32)
    ordered[numbers] = matrix
    return ordered


def measure_encoding(options):
    name = f"families-{options.documents}"
    texts = documents(name, options.documents)
    rounds, least = [], 1.0
    for turn in range(options.runs):
        print(f"families: encoding, {turn + 1} of {options.runs}", file=sys.stderr)
        row = {"tvt": encode_ours(MODEL, name, "f32", f"{BENCH}/families-vectors")}
        ours = vectors_of(f"{BENCH}/families-vectors", options.documents)
        for kind in ["padded", "sorted"]:
            row[kind] = run_peer(kind, MODEL, texts, f"{BENCH}/families-{kind}.npy")
            peer = numpy.load(os.path.join(ROOT, BENCH, f"families-{kind}.npy"))
            least = min(least, float((ours * peer).sum(1).min()))
            if least < LEAST_COSINE:
                sys.exit(f"families.py: {kind}: a cosine is {least:.6f}")
        if row["tvt"]["tokens"] != row["padded"]["tokens"]:
            sys.exit(f"families.py: {row['tvt']['tokens']} tokens against {row['padded']['tokens']}")
        rounds.append(row)
        print("families: " + ", ".join(f"{side} {result['seconds']:.2f} s" for side, result in row.items()), file=sys.stderr)
    return {"documents": options.documents, "rounds": rounds, "least_cosine": least}


def measure_lora(options):
    stored("nave-train", "v1-to-v2", TRAIN)
    examples = f"{BENCH}/families-train.jsonl"
    with open(os.path.join(ROOT, examples), "wb") as file:
        unpack = ["zstd", "--decompress", "--stdout", TRAIN]
        for line in subprocess.run(unpack, cwd=ROOT, capture_output=True, check=True).stdout.splitlines():
            row = json.loads(line)
            if row["positive_passages"] and len(row["negative_passages"]) >= 3:
                file.write(line + b"\n")
    config = f"{BENCH}/families-train.yaml"
    with open(os.path.join(ROOT, config), "w") as file:
        file.write(CONFIG.format(model=MODEL, steps=options.steps))
    rounds = []
    for turn in range(options.runs):
        print(f"families: LoRA, {turn + 1} of {options.runs}", file=sys.stderr)
        output = f"{BENCH}/families-run"
        shutil.rmtree(os.path.join(ROOT, output), ignore_errors=True)
        ours = run(TVT + "train", "--config", config, "--threads", str(THREADS), "--output", output, "--json", "--quiet")
        ours["seconds"] = ours["median_step_seconds"]
        with open(os.path.join(ROOT, output, "metrics.jsonl")) as file:
            losses = [row["loss"] for row in map(json.loads, file) if "loss" in row]
        ours |= {"first_loss": losses[0], "last_loss": losses[-1]}
        row = {"tvt": ours, "peft": run_peer("lora", MODEL, examples, str(options.steps))}
        rounds.append(row)
        print("families: " + ", ".join(f"{side} {result['seconds']:.2f} s" for side, result in row.items()), file=sys.stderr)
    return {"steps": options.steps, "rounds": rounds}


def measure_memory(options):
    tokenizers = ".deps/tokenizers"
    subprocess.run([sys.executable, "scripts/real-tokenizers.py", "--only", "qwen", tokenizers], cwd=ROOT, check=True)
    subprocess.run([sys.executable, "Benchmarks/big_model.py", f"{tokenizers}/qwen.json", BIG], cwd=ROOT, check=True)
    # More than the 4,096 tokens of a full batch for memory, one for opening.
    name = "families-90"
    documents(name, 90)
    results = {"smollm2": encode_ours(MODEL, name, "f32", f"{BENCH}/families-vectors")}
    results["big"] = encode_ours(BIG, name, "bf16", f"{BENCH}/families-vectors")
    path = f"{BENCH}/families-one.jsonl"
    with open(os.path.join(ROOT, path), "w") as file:
        file.write(json.dumps({"docid": "d0", "document_text": "a"}) + "\n")
    stored("families-one", "v2", "--corpus", path)
    results["open"] = [encode_ours(BIG, "families-one", "bf16", f"{BENCH}/families-vectors") for _ in range(options.runs)]
    return results


def kind_of_processor():
    with open("/proc/cpuinfo") as file:
        flags = set(re.search(r"flags\s*: (.*)", file.read()).group(1).split())
    return "AVX-512" if "avx512f" in flags else "AVX2 only" if "avx2" in flags else "neither AVX2 nor AVX-512"


def spread(values, digits):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def ratio(rounds, peer, key):
    """The median of a peer's figure by ours, round by round, with the smallest and the largest."""
    return spread([row[peer][key] / row["tvt"][key] for row in rounds], 2)


def encoding_lines(measured):
    rounds, count = measured["rounds"], measured["documents"]
    first = rounds[0]
    lines = [
        "### Encoding at f32", "",
        f"{count - count // 3:,} verses of Nave and {count // 3:,} long descriptions of Debian's packages, in that order, cut at 256 tokens:",
        f"{first['tvt']['tokens']:,} tokens; the vector of the last token, of length 1. The transformers loop pads batches of 32 in the file's",
        f"order ({first['padded']['positions']:,} positions), sentence-transformers sorts by length itself. The first seconds leave out starting",
        "and loading on every side, the second are those of the whole process. "
        f"The smallest cosine with a peer's vector is {measured['least_cosine']:.6f}.", "",
        "| | seconds (median; min–max) | documents/s | ratio (min–max) | goal | whole process, s | ratio | peak memory |",
        "| --- " * 8 + "|",
    ]  # fmt: skip
    names = [("tvt", "tvt", None), ("padded", first["padded"]["packages"] + ", padded", 3), ("sorted", first["sorted"]["packages"], 1.8)]
    for side, name, goal in names:
        seconds = [row[side]["seconds"] for row in rounds]
        told = ["", "", ""] if goal is None else [f"**{ratio(rounds, side, 'seconds')}×**", f"{goal}×", f"{ratio(rounds, side, 'wall')}×"]
        lines.append(
            f"| {name} | {spread(seconds, 1)} | {count / statistics.median(seconds):,.1f} | {told[0]} | {told[1]} | "
            f"{spread([row[side]['wall'] for row in rounds], 1)} | {told[2]} | "
            f"{statistics.median(row[side]['peak'] for row in rounds):,.0f} MiB |")
    return lines + [""]


def lora_lines(measured):
    rounds = measured["rounds"]
    peer = rounds[0]["peft"]
    lines = [
        "### A step of LoRA at f32", "",
        "8 queries × (1 positive and 3 negatives) of Nave, at most 32 and 128 tokens: r 16, alpha 64, dropout 0.1 on all linear layers of",
        f"the blocks ({peer['trained']:,} weights), AdamW, clipping at 1, no checkpointing of activations on either side; the median of "
        f"{measured['steps']} steps",
        "a process. Each draws its own examples of the same set; the peer's are "
        f"{peer['tokens']:,.0f} tokens a step, {peer['positions']:,.0f} with padding. tvt encodes a passage",
        "that comes twice in a step once. Memory is the peak of the whole process, loading and saving included.", "",
        "| | seconds a step (median; min–max) | ratio (min–max) | peak memory | of the peer's | loss, first and last step |",
        "| --- " * 6 + "|",
    ]  # fmt: skip
    for side, name in [("tvt", "tvt"), ("peft", peer["packages"])]:
        losses = ", ".join(f"{rounds[0][side][key]:.2f}" for key in ("first_loss", "last_loss"))
        told = "" if side == "tvt" else f"**{ratio(rounds, side, 'seconds')}×**"
        share = statistics.median(row["tvt"]["peak"] / row["peft"]["peak"] for row in rounds)
        lines.append(
            f"| {name} | {spread([row[side]['seconds'] for row in rounds], 2)} | {told} | "
            f"{statistics.median(row[side]['peak'] for row in rounds):,.0f} MiB | {f'{share:.0%}' if side == 'tvt' else ''} | {losses} |")
    return lines + ["", "The goals are 2.5× the peer's speed and 50% of its memory.", ""]


def memory_lines(measured):
    lines = [
        "### Memory of encoding, and opening", "",
        "90 passages as above, more than a full batch. The limit is 1.15 × the weights' bytes in the type that computes + 600 MiB, and 4,096 MiB for the synthetic",
        "checkpoint (Qwen2's layers, 1536 wide, 28 of them; 3.1 GB in one file).", "",
        "| model | weights, MiB | peak, MiB | limit, MiB | tokens/s |", "| --- " * 5 + "|",
    ]  # fmt: skip
    for name, title, size, cap in [("smollm2", "SmolLM2-135M, f32", 4, None), ("big", "synthetic 1.5 B, bf16", 2, 4096)]:
        weights = WEIGHTS[name] * size / 2**20
        limit = min(1.15 * weights + 600, cap or 1e9)
        result = measured[name]
        lines.append(f"| {title} | {weights:,.0f} | **{result['peak']:,.0f}** | {limit:,.0f} | {result['tokens'] / result['seconds']:,.0f} |")
    opened = [result["load_seconds"] for result in measured["open"]]
    whole = [result["wall"] for result in measured["open"]]
    return lines + [
        "", f"With the synthetic checkpoint in the page cache, a process that encodes one text takes {spread(whole, 2)} s. Opening",
        f"the checkpoint, every number of it looked at, is {spread(opened, 2)} s of them; the goal is under 2 s. The digest for",
        "vectors.json is made meanwhile.", "",
    ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--documents", type=int, default=1200)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--only", default="encode,lora,memory")
    parser.add_argument("--output")
    options = parser.parse_args()
    os.makedirs(os.path.join(ROOT, BENCH), exist_ok=True)
    subprocess.run([sys.executable, "Benchmarks/smollm2.py"], cwd=ROOT, check=True)
    results = {}
    path = os.path.join(ROOT, RESULTS)
    parts = {
        "encode": (measure_encoding, encoding_lines), "lora": (measure_lora, lora_lines), "memory": (measure_memory, memory_lines),
    }  # fmt: skip
    if os.path.exists(path):
        with open(path) as file:
            results = json.load(file)
    for name in options.only.split(","):
        results[name] = parts[name][0](options)
        with open(path, "w") as file:
            json.dump(results, file, indent=1)
    rows = [row for name in ("encode", "lora") if name in results for row in results[name]["rounds"][0].values()]
    torch = next((row["torch"] for row in rows if "torch" in row), "of the requirements")
    lines = [
        "## Decoders: SmolLM2-135M", "",
        f"On {THREADS} threads of a processor with {kind_of_processor()}; torch {torch} under the peers. Processes run in turn, tvt first;",
        "figures are medians, ratios those of pairs. `smollm2.py` makes the model's folder out of a package on PyPI.", "",
        "```", "python Benchmarks/families.py", "```", "",
    ]  # fmt: skip
    for name, (_, told) in parts.items():
        if name in results:
            lines += told(results[name])
    emit("\n".join(lines), options.output)


if __name__ == "__main__":
    main()
