"""Measures encoding page images with a Qwen2.5-VL of 0.3 billion random weights against transformers, and writes a section.

    python Benchmarks/vision_encoding.py [--runs N] [--images N] [--dtype f32|bf16] [--output FILE.md]

The model has the shape of Qwen2.5-VL, made smaller, and is written by `tvt-model random`; pages are those of inputs.py. A vector
is that of the last token of the rendered conversation, of length 1, and must agree. tvt and its peer run in turn, each a process
of its own, on two threads; seconds leave out importing and loading on both sides. tvt runs a second time with weights that
are streamed from the file, whose vectors must be the same.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from inputs import PEER, make
from sections import ROOT, emit

FOLDER = ".build/bench/vision"
MODEL, STORE = f"{FOLDER}/qwen2.5-vl-0.3b", f"{FOLDER}/store"
SHAPE = f"{FOLDER}/shape"
TVT = ".build/release/tvt-"
THREADS = 2
# At most 1,024 patches of an image, which become 256 tokens.
MOST_PIXELS = 448 * 448
LEAST_COSINE = {"f32": 0.9999, "bf16": 0.99}
# How vectors are made, which no file of the shape says.
SAID = ["--pooling", "last", "--normalize", "--query-prompt", "", "--document-prompt", "", "--inputs", "chat=true"]
TEXT = {
    "hidden_size": 1024, "intermediate_size": 2816, "num_attention_heads": 16, "num_hidden_layers": 16,
    "num_key_value_heads": 2, "initializer_range": 0.02,
}  # fmt: skip
VISION = {
    "depth": 16, "hidden_size": 768, "intermediate_size": 2048, "num_heads": 12, "out_hidden_size": 1024,
    "fullatt_block_indexes": [3, 7, 11, 15], "window_size": 112, "initializer_range": 0.02,
}  # fmt: skip


def run(*command):
    """The JSON that a program prints, with the peak of resident memory (MiB) of its process."""
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, env=os.environ | {"OMP_NUM_THREADS": str(THREADS)})
        output = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{errors.read().decode()[-2000:]}")
    return json.loads(output[output.index("{") :]) | {"peak": usage.ru_maxrss / 1024}


def make_model():
    if os.path.isdir(os.path.join(ROOT, MODEL)):
        return
    shape = os.path.join(ROOT, SHAPE)
    shutil.rmtree(shape, ignore_errors=True)
    shutil.copytree(os.path.join(ROOT, "manifests/tiny/qwen2.5-vl"), shape)

    def edit(name, change):
        with open(f"{shape}/{name}") as file:
            values = json.load(file)
        change(values)
        with open(f"{shape}/{name}", "w") as file:
            json.dump(values, file)

    def enlarge(config):
        config["text_config"] |= TEXT
        config["text_config"]["rope_parameters"]["mrope_section"] = [8, 12, 12]
        config["vision_config"] |= VISION

    edit("config.json", enlarge)
    edit("preprocessor_config.json", lambda values: values["size"].update(longest_edge=MOST_PIXELS))
    subprocess.run([TVT + "model", "random", SHAPE, "--seed", "1", *SAID, "--output", MODEL], cwd=ROOT, check=True)


def convert(pages, count):
    """A dataset of the first pages; its name."""
    names = sorted(name for name in os.listdir(pages) if name.endswith(".png"))[:count]
    corpus, dataset = os.path.join(ROOT, FOLDER, "pages.jsonl"), f"pages-{count}"
    with open(corpus, "w") as file:
        for name in names:
            file.write(json.dumps({"docid": name, "document_image": name}) + "\n")
    if not os.path.isdir(os.path.join(ROOT, STORE)):
        subprocess.run([TVT + "store", "init", "--store", STORE], cwd=ROOT, check=True)
    known = subprocess.run([TVT + "store", "show", dataset, "--store", STORE], cwd=ROOT, capture_output=True)
    if known.returncode != 0:
        subprocess.run(
            [TVT + "convert", "v2", "--corpus", corpus, "--assets", pages, "--dataset", dataset, "--store", STORE, "--quiet"],
            cwd=ROOT, check=True)  # fmt: skip
    return dataset, [f"{pages}/{name}" for name in names]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--output")
    options = parser.parse_args()
    os.makedirs(os.path.join(ROOT, FOLDER), exist_ok=True)
    make_model()
    dataset, files = convert(make("pages"), options.images)
    ids, listing = f"{FOLDER}/vectors", f"{FOLDER}/files.txt"
    with open(os.path.join(ROOT, listing), "w") as file:
        file.write("\n".join(files))
    def encode(*more):
        shutil.rmtree(os.path.join(ROOT, ids), ignore_errors=True)
        report = run(
            TVT + "encode", "corpus", dataset, "--model", MODEL, "--dtype", options.dtype, "--threads", str(THREADS),
            "--store", STORE, "--output", ids, "--json", "--quiet", *more)  # fmt: skip
        with open(os.path.join(ROOT, ids, "part-00000.npy"), "rb") as file:
            return report, file.read()

    # Streamed weights are used as they lie in the file, in float32.
    streams = options.dtype == "f32"
    ours, streamed, theirs, least = [], [], [], 1.0
    for turn in range(options.runs):
        print(f"vision encoding: {turn + 1} of {options.runs}", file=sys.stderr)
        report, vectors = encode()
        ours.append(report)
        if streams:
            report, same = encode("--weights", "streamed")
            streamed.append(report)
            if same != vectors:
                sys.exit("vision_encoding.py: streamed weights gave other vectors")
        theirs.append(run(PEER, "Benchmarks/vision_encoding_peer.py", MODEL, listing, options.dtype, ids))
        least = min(least, theirs[-1]["least_cosine"])
        if least < LEAST_COSINE[options.dtype]:
            sys.exit(f"vision_encoding.py: a cosine is {least:.6f}")
        print(f"  {ours[-1]['seconds']:.1f} s, {theirs[-1]['seconds']:.1f} s of the peer", file=sys.stderr)
    def rate(side):
        return statistics.median(options.images / one["seconds"] for one in side)

    def peak(side):
        return max(one["peak"] for one in side)

    def rows(name, side):
        ratios = [peer["seconds"] / own["seconds"] for own, peer in zip(side, theirs)]
        return [
            f"| {name} | {rate(side):.2f} | **{statistics.median(ratios):.2f}** ({min(ratios):.2f}–{max(ratios):.2f}) "
            f"| {peak(side):,.0f} | {peak(side) / peak(theirs):.2f} |"
        ]

    emit(
        "\n".join([
            "## Encoding page images", "",
            f"{options.images} pages of 1240 × 1754 pixels, from PNG files to vectors: at most 1,024 patches, 256 tokens each, by a",
            f"Qwen2.5-VL of 0.3 billion random weights at {options.dtype}. Two threads each. The peer: transformers",
            f"{theirs[0]['version']}, its fast image processor and scaled dot product attention, batches of {theirs[0]['batch']}. Least",
            f"cosine between both sides' vectors: {least:.6f}.", "", "```", "python Benchmarks/vision_encoding.py", "```", "",
            "| | images/s | ratio | peak of memory, MiB | ratio |", "| --- " * 5 + "|",
            *rows("tvt", ours), *(rows("tvt `--weights streamed`", streamed) if streams else []),
            f"| transformers | {rate(theirs):.2f} | | {peak(theirs):,.0f} | |",
        ]) + "\n", options.output)  # fmt: skip


if __name__ == "__main__":
    main()
