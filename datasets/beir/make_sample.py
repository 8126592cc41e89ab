"""Makes sample/ from ../nave/nave-beir.zip: 60 queries, all verses that are judged for them, and others up to 300.

Nave's Topical Bible (1896) and the King James Version are in the public domain, and so is the sample.

    python3 datasets/beir/make_sample.py
"""
import hashlib
import json
import pathlib
import zipfile

here = pathlib.Path(__file__).resolve().parent
source = zipfile.ZipFile(here.parent / "nave" / "nave-beir.zip")


def lines(name):
    return source.read("beir/" + name).decode().splitlines()


def draw(key):
    return hashlib.sha256(("beir sample " + key).encode()).digest()


judgements = {}
for split in ["train", "dev", "test"]:
    rows = judgements.setdefault(split, {})
    for line in lines(f"qrels/{split}.tsv")[1:]:
        query, document, score = line.split("\t")
        rows.setdefault(query, []).append((document, score))

chosen = {}
for split, count in [("train", 40), ("dev", 10), ("test", 10)]:
    few = sorted((query for query, rows in judgements[split].items() if len(rows) <= 4), key=draw)
    chosen[split] = set(few[:count])
wanted = {d for split, queries in chosen.items() for q in queries for d, _ in judgements[split][q]}
corpus = [(json.loads(line)["_id"], line) for line in lines("corpus.jsonl")]
others = sorted((name for name, _ in corpus if name not in wanted), key=draw)
wanted |= set(others[: 300 - len(wanted)])

target = here / "sample"
(target / "qrels").mkdir(parents=True, exist_ok=True)


def write(name, rows):
    (target / name).write_text("".join(row + "\n" for row in rows))


write("corpus.jsonl", [line for name, line in corpus if name in wanted])
queries = set().union(*chosen.values())
write("queries.jsonl", [line for line in lines("queries.jsonl") if json.loads(line)["_id"] in queries])
for split, names in chosen.items():
    rows = [f"{q}\t{d}\t{s}" for q, found in judgements[split].items() if q in names for d, s in found]
    write(f"qrels/{split}.tsv", ["query-id\tcorpus-id\tscore"] + rows)
