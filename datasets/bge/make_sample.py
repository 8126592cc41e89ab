"""Makes sample/ from ../nave/train.v1.jsonl.zst: 36 topics with verses and synthetic scores, in two files.

Nave's Topical Bible (1896) and the King James Version are in the public domain, and so is the sample. Needs pyarrow.

    python3 datasets/bge/make_sample.py
"""
import json
import pathlib
import re
import sys

import pyarrow
import pyarrow.parquet

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "nave"))
from topics import topics  # noqa: E402

few = topics("bge", most_positives=3)


def words(text):
    return set(re.findall("[a-z]+", text.lower()))


def converted(row):
    def score(text):
        return round(len(words(row["query"]) & words(text)) / len(words(row["query"])), 4)

    pos = [passage["text"] for passage in row["positive_passages"]]
    neg = [passage["text"] for passage in row["negative_passages"][:5]]
    return {
        "query": row["query"], "pos": pos, "neg": neg, "category": "retrieval", "type": "normal",
        "prompt": "Given a topic, retrieve verses of the Bible about it.",
        "pos_scores": [score(text) for text in pos], "neg_scores": [score(text) for text in neg],
    }  # fmt: skip


folder = here / "sample"
folder.mkdir(exist_ok=True)
strings, scores = pyarrow.list_(pyarrow.string()), pyarrow.list_(pyarrow.float32())
schema = pyarrow.schema([
    ("query", pyarrow.string()), ("pos", strings), ("neg", strings), ("category", pyarrow.string()),
    ("type", pyarrow.string()), ("prompt", pyarrow.string()), ("pos_scores", scores), ("neg_scores", scores),
])  # fmt: skip
table = pyarrow.Table.from_pylist([converted(row) for row in few[:18]], schema)
pyarrow.parquet.write_table(table, folder / "nave_topics-00000-of-00001.parquet", compression="zstd")
lines = [json.dumps(converted(row), ensure_ascii=False) + "\n" for row in few[18:36]]
(folder / "nave_people.jsonl").write_text("".join(lines))
