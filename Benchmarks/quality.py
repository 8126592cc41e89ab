"""What training makes of MiniLM on Nave: chooses a recipe on the dev split, then measures it, part by part, on test.

    python Benchmarks/quality.py [--device cuda] [--jobs 4] [--seeds 1,2,3] > table.md

Every run starts from all-MiniLM-L6-v2 and sees 142 steps of 32 queries. First each choice below is tried in turn on dev
alone, and kept where nDCG@10 is higher; then the test split is read: for what the original does, for each change that was
kept on top of those before it, and with Matryoshka's loss, over the same seeds. Progress is on stderr; what is done
already is not done again. Minutes on a GPU, most of a day on two cores.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MEASURES = ["ndcg@10", "recall@100", "mrr@10", "map"]
# What a later choice must add to nDCG@10 on dev.
LEAST_GAIN = 0.001

# A setting is a training config's keys, dots between them; None takes one away.
START = {
    "datasets.0.name": "nave-train", "passages_per_query": 4, "queries_per_step": 32, "steps": 142, "temperature": 0.05,
    "dropout": True, "optimizer.learning_rate": 1e-4, "optimizer.warmup_steps": 14,
}  # fmt: skip
MATRYOSHKA = {"loss.matryoshka.dims": [256, 128, 64]}
CHOICES = {
    "queries with a positive in MiniLM's top 100": [{"datasets.0.name": "nave-train@filtered"}],
    "mined negatives": [{"datasets.0.name": "nave-train@mined"}],
    "learning rate": [{"optimizer.learning_rate": rate} for rate in (5e-5, 2e-4, 3e-4, 5e-4)],
    "temperature": [{"temperature": value} for value in (0.02, 0.03, 0.07, 0.1)],
    "false negatives": [
        {"loss.false_negatives.by": by, "loss.false_negatives.kind": kind, "loss.false_negatives.margin": margin}
        for by, kind, margin in [
            ("model", "absolute", 0.1), ("model", "absolute", 0), ("model", "relative", -0.05), ("guide", "absolute", 0.1),
            ("guide", "absolute", 0), ("guide", "relative", -0.05),
        ]
    ],  # fmt: skip
    "passages per query": [{"passages_per_query": count} for count in (2, 8, 16)],
    "blocks": [
        {"loss.blocks": ["query_to_passage", "passage_to_query"]},
        {"loss.blocks": ["query_to_passage", "passage_to_query"], "loss.partition": "separate"},
        {"loss.blocks": ["query_to_passage", "query_to_query"]},
        {"loss.blocks": ["query_to_passage", "query_to_query", "passage_to_passage"]},
    ],
    "hard negatives": [
        {"loss.hard_negatives": "own"}, {"loss.hardness.strength": 2}, {"loss.hardness.strength": 5},
        {"loss.hardness.strength": 5, "loss.hardness.of": "all"},
    ],  # fmt: skip
    "spread of vectors": [{"loss.spread": weight} for weight in (0.1, 1)],
    "no topic twice in a batch": [{"unique_in_batch": True}],
    "dropout": [{"dropout": False}],
    "learning rate, again": [{"optimizer.learning_rate": rate} for rate in (1e-4, 2e-4, 3e-4, 4e-4)],
}


def say(text):
    print(f"quality: {text}", file=sys.stderr, flush=True)


def nested(settings):
    """A config of keys with dots between them."""
    config = {}
    for key, value in settings.items():
        if value is None:
            continue
        *path, last = key.split(".")
        place = config
        for name in path:
            place = place.setdefault(name, {})
        place[last] = value
    datasets = config.pop("datasets", {})
    config["datasets"] = [datasets[number] for number in sorted(datasets, key=int)]
    if config.get("loss", {}).get("false_negatives", {}).get("by") == "guide":
        folder = guide(config["datasets"][0]["name"])
        config["loss"]["guide"] = {"queries": [f"{folder}/queries"], "documents": [f"{folder}/corpus"]}
    return config


def guide(dataset):
    """The folder of the untrained model's vectors of a dataset."""
    return "mining/" + dataset.replace("@", "-")


class Bench:
    def __init__(self, options):
        self.options = options
        self.out = os.path.abspath(options.output)
        self.environment = dict(os.environ, TVT_STORE=os.path.join(self.out, "store"))
        os.makedirs(self.out, exist_ok=True)

    def tool(self, name, *arguments):
        command = [os.path.join(os.path.abspath(self.options.bin), name), *map(str, arguments)]
        done = subprocess.run(command, cwd=self.out, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"quality: {' '.join(command)}:\n{done.stderr[-2000:]}")
        return done.stdout

    def encode(self, folder, *arguments):
        self.tool("tvt-encode", *arguments, "--device", self.options.device, "--threads", self.options.threads,
                  "--output", folder, "--resume")  # fmt: skip

    def has(self, name):
        command = [os.path.join(os.path.abspath(self.options.bin), "tvt-store"), "show", name]
        return subprocess.run(command, env=self.environment, capture_output=True).returncode == 0

    def prepare(self):
        """Datasets, and negatives mined with the model as it is."""
        data, model = os.path.join(ROOT, "datasets/nave"), os.path.abspath(self.options.model)
        if not self.has("nave-train"):
            self.tool("tvt-convert", "v1-to-v2", f"{data}/train.v1.jsonl.zst", "--dataset", "nave-train")
        if not self.has("nave"):
            self.tool("tvt-convert", "beir", f"{data}/nave-beir.zip", "--dataset", "nave")

        def guides(dataset):
            self.encode(f"{guide(dataset)}/corpus", "corpus", dataset, "--model", model)
            self.encode(f"{guide(dataset)}/queries", "queries", dataset, "--model", model)
            return ["--queries", f"{guide(dataset)}/queries", "--corpus", f"{guide(dataset)}/corpus"]

        vectors = guides("nave-train")
        run = "mining/train.run"
        if not os.path.exists(os.path.join(self.out, run)):
            self.tool("tvt-search", *vectors, "--depth", 100, "--format", "tevatron", "--output", run)
        if not self.has("nave-train@filtered"):
            self.tool("tvt-mine", "filter", "nave-train", "--run", run, "--depth", 100, "--as", "nave-train@filtered")
        if not self.has("nave-train@mined"):
            self.tool("tvt-mine", "negatives", "nave-train@filtered", "--run", run, "--depth", 100, "--count", 15, "--seed",
                      42, "--relative-margin", 0.05, "--positive-ref", "mean", "--shortage", "fill", "--as",
                      "nave-train@mined")  # fmt: skip
        for dataset in ["nave-train@filtered", "nave-train@mined"]:
            guides(dataset)

    def measure(self, settings, seed, split, dims=None):
        """The measures of a model that was trained so, or of the one that training starts from (None)."""
        if settings is None:
            folder, model = "runs/untrained", os.path.abspath(self.options.model)
        else:
            config = {"model": os.path.abspath(self.options.model), **nested(settings), "seed": seed, "dtype": self.options.dtype}
            text = json.dumps(config, sort_keys=True)
            folder = "runs/" + hashlib.sha256(text.encode()).hexdigest()[:16]
            model = f"{folder}/run/model"
            os.makedirs(os.path.join(self.out, folder), exist_ok=True)
            with open(os.path.join(self.out, folder, "train.yaml"), "w") as file:
                file.write(text + "\n")
        name = split + (f"-{dims}" if dims else "")
        result = os.path.join(self.out, folder, f"{name}.json")
        if not os.path.exists(result):
            if settings is not None:
                self.tool("tvt-train", "--config", f"{folder}/train.yaml", "--output", f"{folder}/run", "--device",
                          self.options.device, "--threads", self.options.threads, "--resume", "--quiet")  # fmt: skip
            cut = ["--dims", dims] if dims else []
            work = f"{folder}/{name}"
            self.encode(f"{work}/corpus", "corpus", "nave", "--model", model, *cut)
            self.encode(f"{work}/queries", "queries", "nave", "--split", split, "--model", model, *cut)
            self.tool("tvt-search", "--queries", f"{work}/queries", "--corpus", f"{work}/corpus", "--depth", 100, "--threads",
                      self.options.threads, "--format", "tevatron", "--output", f"{work}/run.tsv")  # fmt: skip
            lines = self.tool("tvt-eval", "--run", f"{work}/run.tsv", "--qrels", "nave", "--split", split, "--metrics",
                              ",".join(MEASURES), "--format", "trec").splitlines()  # fmt: skip
            values = {fields[0]: float(fields[2]) for fields in map(str.split, lines)}
            names = ["ndcg_cut_10", "recall_100", "recip_rank", "map"]
            with open(result + ".new", "w") as file:
                json.dump({ours: values[theirs] for ours, theirs in zip(MEASURES, names)}, file)
            os.rename(result + ".new", result)
            shutil.rmtree(os.path.join(self.out, work))
        with open(result) as file:
            return json.load(file)

    def all(self, wanted):
        """Measures of many at once, in their order."""
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            return list(pool.map(lambda one: self.measure(*one), wanted))

    def choose(self, seeds):
        """Settings after each choice that dev was better with: (what, settings, nDCG@10 on dev)."""
        kept = [("as the original", dict(START))]
        best = statistics.mean(one["ndcg@10"] for one in self.all([(START, seed, "dev") for seed in seeds]))
        say(f"dev {best:.4f} as the original")
        rows = [("as the original", best, True)]
        for what, changes in CHOICES.items():
            settings = kept[-1][1]
            changes = [change for change in changes if {**settings, **change} != settings]
            found = self.all([({**settings, **change}, seed, "dev") for change in changes for seed in seeds])
            means = [statistics.mean(one["ndcg@10"] for one in found[i : i + len(seeds)]) for i in range(0, len(found), len(seeds))]
            top = max(range(len(means)), key=means.__getitem__)
            is_kept = means[top] >= best + LEAST_GAIN
            for number, (change, mean) in enumerate(zip(changes, means)):
                text = ", ".join(f"`{key.removeprefix('loss.')}: {json.dumps(value)}`" for key, value in change.items())
                say(f"dev {mean:.4f} {what}: {text}{' *' if is_kept and number == top else ''}")
                rows.append((f"{what}: {text}", mean, is_kept and number == top))
            if is_kept:
                best = means[top]
                kept.append((what, {**settings, **changes[top]}))
        return kept, rows


def row(name, values):
    def cell(measure):
        numbers = [value[measure] for value in values]
        spread = f" ± {statistics.stdev(numbers):.4f}" if len(numbers) > 1 else ""
        return f"{statistics.mean(numbers):.4f}{spread}"

    return f"| {name} | " + " | ".join(cell(measure) for measure in MEASURES) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=os.path.join(ROOT, ".build/release"), help="folder of the tools")
    parser.add_argument("--model", default=os.path.join(ROOT, ".deps/models/all-MiniLM-L6-v2"))
    parser.add_argument("--output", default=os.path.join(ROOT, ".build/quality"), help="keeps what is done")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="f32", choices=["f32", "bf16"])
    parser.add_argument("--threads", type=int, default=2, help="of each run")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once")
    parser.add_argument("--seeds", default="1,2,3", help="of the table")
    parser.add_argument("--dev-seeds", default="11,12", help="of the choice")
    options = parser.parse_args()
    seeds, dev_seeds = ([int(seed) for seed in text.split(",")] for text in (options.seeds, options.dev_seeds))
    bench = Bench(options)
    bench.prepare()
    say("prepared")
    kept, rows = bench.choose(dev_seeds)
    settings = kept[-1][1]
    with open(os.path.join(bench.out, "chosen.json"), "w") as file:
        json.dump({"config": nested(settings), "dev": rows}, file, indent=1)
    names = [what for what, _ in kept]
    matryoshka = {**settings, **MATRYOSHKA}
    wanted = [(config, seed, "test") for config in [*(config for _, config in kept), matryoshka] for seed in seeds]
    cut = [(config, seed, "test", 128) for config in (matryoshka, settings) for seed in seeds]
    # Those that are cut are of models that are trained by then.
    found = bench.all([(None, 0, "test"), *wanted]) + bench.all(cut)
    names = ["nothing (all-MiniLM-L6-v2 as it is)"] + [f"+ {name}" if number else name for number, name in enumerate(names)]
    names += ["with Matryoshka's loss", "of these the first 128 dimensions", "without it, the first 128 dimensions"]
    parts = [found[:1]] + [found[1 + i : 1 + i + len(seeds)] for i in range(0, len(wanted) + len(cut), len(seeds))]
    print("| | " + " | ".join(MEASURES) + " |\n| --- " + "| --- " * len(MEASURES) + "|")
    for name, values in zip(names, parts):
        print(row(name, values))
    print("\n| tried on dev | nDCG@10 | kept |\n| --- | --- | --- |")
    for what, mean, is_kept in rows:
        print(f"| {what} | {mean:.4f} | {'yes' if is_kept else ''} |")
    print("\n```\n" + json.dumps(nested(settings), indent=1) + "\n```")


if __name__ == "__main__":
    main()
