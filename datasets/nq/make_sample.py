"""Makes sample/ from ../nave/train.v1.jsonl.zst: 40 topics and the verses of their lists, in DPR's layout.

Nave's Topical Bible (1896) and the King James Version are in the public domain, and so is the sample.

    python3 datasets/nq/make_sample.py
"""
import gzip
import json
import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "nave"))
from topics import topics  # noqa: E402

few = topics("nq")[:40]
names = sorted({passage["docid"] for row in few for passage in row["positive_passages"] + row["negative_passages"][:6]})
numbers = {name: str(number + 1) for number, name in enumerate(names)}


def context(passage, score, title_score):
    return {
        "title": passage["title"], "text": passage["text"], "score": score, "title_score": title_score,
        "passage_id": numbers[passage["docid"]],
    }  # fmt: skip


def question(row):
    negatives = row["negative_passages"]
    return {
        "dataset": "nave", "question": row["query"], "answers": [passage["title"] for passage in row["positive_passages"]],
        "positive_ctxs": [context(passage, 1000, 1) for passage in row["positive_passages"]],
        "negative_ctxs": [context(passage, 0, 0) for passage in negatives[4:6]],
        "hard_negative_ctxs": [context(passage, 12.5 - rank, 0) for rank, passage in enumerate(negatives[:4])],
    }  # fmt: skip


(here / "sample").mkdir(exist_ok=True)
for split, chosen in [("train", few[:32]), ("dev", few[32:])]:
    text = json.dumps([question(row) for row in chosen], indent=4)
    (here / "sample" / f"biencoder-nq-{split}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
