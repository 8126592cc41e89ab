"""What bench.py measures: each entry is one piece of work, done by tvt and by a peer.

Keys: `name`, `title`, `what` (the work, in words), `ours`, `peer` (commands), `peer_name` or `names` of both, `setup`
(run once), `prepare` (run before every run), `figure` and `peer_figure` (seconds from a command's output; wall time
without it), `work` or `work_of_file` and `unit` (for rates), `goal` (the least ratio), `compares` (False: no ratio),
`runs`.
"""
import json
import re

MODEL = ".deps/models/all-MiniLM-L6-v2"
BENCH = ".build/bench"
TVT = ".build/release/tvt-"
NAVE = "datasets/nave/train.v1.jsonl.zst"
BEIR = "datasets/nave/nave-beir.zip"
V1 = f"{BENCH}/nave-500mb.v1.jsonl"
STORED = f"{TVT}store show nave >/dev/null 2>&1 || {TVT}convert beir {BEIR} --dataset nave --quiet"
STORED_TRAIN = (
    f"{TVT}store show nave-train >/dev/null 2>&1 || {TVT}convert v1-to-v2 {NAVE} --dataset nave-train --quiet"
)
DOCUMENTS = 1943  # the first of sixteen shards of Nave's 31,102 verses


def seconds_of(*keys):
    """Reads seconds from a command's JSON, under the first key that is there."""

    def read(output):
        result = json.loads(output.strip().splitlines()[-1]) if not output.startswith("{\n") else json.loads(output)
        return next(result[key] for key in keys if key in result)

    return read


def search_seconds(output):
    """`seconds` of tvt-search's JSON, `all` of the peer's line: without starting Python and importing faiss."""
    if output.startswith("{"):
        return json.loads(output)["seconds"]
    return float(re.search(r"\ball ([0-9.]+)", output).group(1))


def milliseconds(output):
    return float(re.search(r"([0-9.]+) ms of process time", output).group(1)) / 1e3


def encoding(kind, peer_flags, goal):
    return {
        "name": f"encode-{kind}",
        "title": f"Encoding at {kind}",
        "what": (
            f"The first {DOCUMENTS:,} verses of Nave's corpus with all-MiniLM-L6-v2 on two threads, from text to files. "
            "The peer is a padded transformers loop at batch 64 in file order, as the original's `encode` driver runs "
            "it. Loading Python, the model and the tokenizer is counted for neither."
        ),
        "setup": STORED,
        "prepare": f"rm -rf {BENCH}/vectors",
        "ours": (
            f"{TVT}encode corpus nave --model {MODEL} --shard 0/16 --dtype {kind} --threads 2 --output {BENCH}/vectors "
            "--json"
        ),
        "peer": (
            f"python Benchmarks/encode_peer.py --model {MODEL} --beir {BEIR} --limit {DOCUMENTS} --threads 2{peer_flags}"
        ),
        "peer_name": "transformers, padded" + (", bf16" if peer_flags else ""),
        "figure": seconds_of("seconds"),
        "work": DOCUMENTS,
        "unit": "documents",
        "goal": goal,
    }


BENCHMARKS = [
    {
        "name": "convert",
        "title": "Converting v1 to v2",
        "what": (
            "Nave's v1 file, repeated with new query ids to 500 MB of JSON Lines, into a new store: parsed, checked, "
            "deduplicated, compressed, indexed, synced. The peer does the same with orjson and zstandard, without "
            "index, links or sync. Both are timed as whole processes."
        ),
        "setup": f"mkdir -p {BENCH} && python Benchmarks/make_v1.py {NAVE} {V1}",
        "prepare": f"rm -rf {BENCH}/converted",
        "ours": f"{TVT}convert v1-to-v2 {V1} --dataset nave-repeated --store {BENCH}/converted",
        "peer": f"python Benchmarks/convert_peer.py {V1} {BENCH}/converted",
        "peer_name": "orjson + zstandard",
        "work_of_file": V1,
        "unit": "MB",
        "goal": 4,
    },
    encoding("f32", "", 2),
    {
        **encoding("bf16", "", 4),
        "what": (
            "As above; the peer is the same padded float32 loop, which is what the original runs on a CPU. Against its "
            "bf16 mode, see the next one."
        ),
    },
    {**encoding("bf16", " --bf16", None), "name": "encode-bf16-peer-bf16", "title": "Encoding at bf16, the peer too"},
    {
        "name": "convert-v2",
        "title": "Ingest of v2 JSON Lines",
        "what": (
            "The 200,000 passages of the store's table, as v2 JSON Lines with one query, into a new store: parsed, "
            "checked, compressed, indexed, synced. The goal is 100 MB/s of input on two cores."
        ),
        "setup": (
            f"test -e {BENCH}/passages.jsonl || python3 Benchmarks/make_passages.py {BENCH}/passages.jsonl; "
            f"echo '{{\"query_id\":\"q\",\"query_text\":\"x\",\"positive_document_ids\":[]}}' > {BENCH}/one-query.jsonl"
        ),
        "prepare": f"rm -rf {BENCH}/converted",
        "ours": (
            f"{TVT}convert v2 --corpus {BENCH}/passages.jsonl --queries {BENCH}/one-query.jsonl --dataset passages "
            f"--store {BENCH}/converted --quiet"
        ),
        "work_of_file": f"{BENCH}/passages.jsonl",
        "unit": "MB",
    },
    {
        "name": "train",
        "title": "A training step at f32",
        "what": (
            "32 queries × 4 passages of Nave with all-MiniLM-L6-v2 on two threads: forward, backward, clipping, AdamW; "
            "the median of fifteen steps, with the model's dropout. The peer pads and keeps repeated passages, as the original does; "
            "tvt encodes a passage that occurs twice in a batch once. Loading is counted for neither. "
            "Reading ahead keeps the cores busy: in a run of 142 steps whose passages were mined, three times 20 seconds gave 38.2 to "
            "38.5 seconds of processor time on the two of them (95 to 96 %)."
        ),
        "setup": STORED_TRAIN,
        "prepare": f"rm -rf {BENCH}/run",
        "ours": (
            f"{TVT}train --manifest manifests/nave-demo.yaml --set datasets.0.name=nave-train --set steps=15 --threads 2 --output {BENCH}/run --json"
        ),
        "peer": f"python Benchmarks/train_peer.py --model {MODEL} --data {NAVE} --steps 15 --threads 2",
        "peer_name": "transformers, padded",
        "figure": seconds_of("median_step_seconds", "seconds_per_step"),
        "goal": 2,
    },
    {
        "name": "search",
        "title": "Exact search",
        "what": (
            "2,369 queries against 31,102 documents of 384 dimensions, the best 100 each, on two threads, from files of "
            "vectors to a run file. tvt rescores in float64 and orders ties by docid; the peer leaves them as they come. "
            "Starting Python and importing faiss is not counted."
        ),
        "setup": f"python Benchmarks/make_vectors.py {BENCH}/search",
        "ours": (
            f"{TVT}search --queries {BENCH}/search/queries --corpus {BENCH}/search/corpus --depth 100 --threads 2 "
            f"--format tevatron --output {BENCH}/ours.run --json"
        ),
        "peer": (
            f"python Benchmarks/search_peer.py --queries {BENCH}/search/queries --corpus {BENCH}/search/corpus "
            f"--depth 100 --threads 2 --output {BENCH}/peer.run"
        ),
        "peer_name": "faiss-cpu IndexFlatIP",
        "figure": search_seconds,
        "goal": 1,
        "runs": 7,
    },
    {
        "name": "eval",
        "title": "Evaluation",
        "what": (
            "nDCG@10, Recall@100, MRR and MAP of a run of 2,369 queries with 1,000 results each, from files to the means. "
            "Ours is timed as a whole process; of the peer, starting Python and importing pytrec_eval is not counted."
        ),
        "setup": (
            f"mkdir -p {BENCH}/eval && unzip -qoj {BEIR} 'beir/qrels/test.tsv' -d {BENCH}/eval && "
            f"python Benchmarks/make_run.py {BENCH}/eval/test.tsv {BEIR} {BENCH}/eval/test.run --depth 1000"
        ),
        "ours": (
            f"{TVT}eval --run {BENCH}/eval/test.run --qrels {BENCH}/eval/test.tsv "
            "--metrics ndcg@10,recall@100,mrr,map"
        ),
        "peer": f"python Benchmarks/eval_peer.py --run {BENCH}/eval/test.run --qrels {BENCH}/eval/test.tsv",
        "peer_name": "pytrec_eval",
        "peer_figure": lambda output: float(re.search(r"^seconds ([0-9.]+)", output, re.M).group(1)),
        "goal": 5,
        "runs": 7,
    },
    {
        "name": "get",
        "title": "Opening a store and getting one document by id",
        "what": (
            "Mean process time (user + system) of 50 starts of `tvt-store get`, each for another document: with 31,102 "
            "documents, and with 10,000,000. The time does not grow with the corpus, and stays under "
            "20 ms."
        ),
        "setup": "Benchmarks/store_setup.sh",
        "ours": "Benchmarks/get.sh synthetic-31102",
        "peer": "Benchmarks/get.sh synthetic-10000000",
        "names": ["with 31 thousand documents", "with 10 million documents"],
        "figure": milliseconds,
        "compares": False,
    },
]
