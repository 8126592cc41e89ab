"""What tvt-train takes in six plans, as --dry-run foretells it and as /usr/bin/time -v measures it.

    python Benchmarks/memory_plans.py TOOLS SHAPE FOLDER [--steps 2]

TOOLS is the folder of the built tools, SHAPE one with the config.json and the tokenizer of a model, as of
.deps/models/SmolLM2-135M-Instruct; FOLDER is made, with a model of these shapes and random weights in float32, a store of
random texts, and the runs. What of the first two is there already stays. Prints a table for docs/scaling.md; exits with 1
where a prediction is more than a tenth off.
"""

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys

LORA = "lora={r: 16, targets: [q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj]}"
PLANS = [
    ("all weights, f32, graphs kept", [], ["--trace", "keep"]),
    ("all weights, f32, recomputed", [], ["--trace", "recompute"]),
    ("all weights, bf16, recomputed", ["dtype=bf16"], ["--trace", "recompute"]),
    ("LoRA, f32, graphs kept", [LORA], ["--trace", "keep"]),
    ("LoRA, f32, recomputed, chunks of 256 tokens", [LORA, "chunk_tokens=256"], ["--trace", "recompute"]),
    ("LoRA, f32, recomputed, weights streamed", [LORA], ["--trace", "recompute", "--weights", "streamed"]),
]


def write_rows(path):
    draw = random.Random(1)
    words = "time people way water day word part place live where after back little round man year came show".split()

    def text(count):
        return " ".join(draw.choice(words) for _ in range(count))

    with open(path, "w") as file:
        for query in range(400):
            passages = [{"docid": f"{query}-{i}", "title": "", "text": text(60)} for i in range(5)]
            row = {
                "query_id": str(query), "query": text(24), "positive_passages": passages[:1],
                "negative_passages": passages[1:],
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tools")
    parser.add_argument("shape")
    parser.add_argument("folder")
    parser.add_argument("--steps", type=int, default=2)
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    os.environ["TVT_STORE"] = os.path.join(options.folder, "store")

    def tool(name, *arguments, prefix=()):
        command = [*prefix, os.path.join(options.tools, name), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True)

    model, rows = os.path.join(options.folder, "model"), os.path.join(options.folder, "rows.jsonl")
    if not os.path.exists(model):
        tool("tvt-model", "random", options.shape, "--seed", "7", "--output", model)
    if not os.path.exists(rows):
        write_rows(rows)
        tool("tvt-store", "init")
        tool("tvt-convert", "v1-to-v2", rows, "--dataset", "texts")
    print("| plan | `--dry-run`, MiB | `/usr/bin/time`, MiB | off by |\n| --- | --- | --- | --- |")
    worst = 0
    for number, (name, settings, more) in enumerate(PLANS):
        # Without epochs and dropout of --dataset alone.
        values = [f"steps={options.steps}", "queries_per_step=4", "max_lengths={query: 32, document: 64}", *settings]
        arguments = ["--dataset", "texts", "--model", model, *more]
        for value in values:
            arguments += ["--set", value]
        dry = json.loads(tool("tvt-train", *arguments, "--dry-run", "--json").stdout)
        predicted = dry["memory_bytes"]["chosen"]["bytes"]
        run = os.path.join(options.folder, f"run-{number}")
        shutil.rmtree(run, ignore_errors=True)
        errors = tool("tvt-train", *arguments, "--output", run, prefix=["/usr/bin/time", "-v"]).stderr
        measured = 1024 * int(re.search(r"Maximum resident set size \(kbytes\): (\d+)", errors).group(1))
        off = predicted / measured - 1
        worst = max(worst, abs(off))
        print(f"| {name} | {predicted >> 20:,} | {measured >> 20:,} | {100 * off:+.1f} % |", flush=True)
        shutil.rmtree(run)
    sys.exit(worst > 0.1)


if __name__ == "__main__":
    main()
