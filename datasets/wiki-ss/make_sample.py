"""Makes sample/: 40 verses as pages drawn as images, with their texts, and 24 questions, in the form in which Tevatron publishes
Wiki-SS.

The texts are those of ../nave (public domain). Needs pillow and pyarrow.

    python3 datasets/wiki-ss/make_sample.py
"""
import hashlib
import io
import json
import pathlib
import subprocess
import textwrap

import pyarrow
import pyarrow.parquet
from PIL import Image, ImageDraw

HERE = pathlib.Path(__file__).resolve().parent
TEXT, TEXTS = pyarrow.string(), pyarrow.list_(pyarrow.string())
PASSAGES = pyarrow.list_(pyarrow.struct([("docid", TEXT)]))
IMAGE = pyarrow.struct([("bytes", pyarrow.binary()), ("path", TEXT)])


def page(title, text):
    image = Image.new("1", (280, 140), 1)
    draw = ImageDraw.Draw(image)
    draw.text((10, 8), title, fill=0)
    draw.multiline_text((10, 30), "\n".join(textwrap.wrap(text, 42)[:7]), fill=0)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def write(rows, columns, name):
    path = HERE / "sample" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, pyarrow.schema(columns)), path)


packed = HERE.parent / "nave" / "train.v1.jsonl.zst"
lines = subprocess.run(["zstd", "-dc", packed], stdout=subprocess.PIPE, check=True).stdout.splitlines()
rows = [row for row in map(json.loads, lines) if len(row["positive_passages"]) == 1]
rows.sort(key=lambda row: hashlib.sha256(("wiki-ss sample " + row["query_id"]).encode()).digest())
corpus, queries = {}, []
for row in rows[:24]:
    negatives = row["negative_passages"][:1]
    for passage in row["positive_passages"] + negatives:
        corpus[passage["docid"]] = passage
    queries.append(
        {
            "query_id": row["query_id"], "query": row["query"], "answers": [row["positive_passages"][0]["title"]],
            "positive_passages": [{"docid": passage["docid"]} for passage in row["positive_passages"]],
            "negative_passages": [{"docid": passage["docid"]} for passage in negatives],
        }
    )  # fmt: skip
columns = [("query_id", TEXT), ("query", TEXT), ("answers", TEXTS), ("positive_passages", PASSAGES), ("negative_passages", PASSAGES)]
write(queries[:20], columns, "queries/train-00000-of-00001.parquet")
write(queries[20:], columns, "queries/test-00000-of-00001.parquet")
pages = [
    {"docid": key, "image": {"bytes": page(corpus[key]["title"], corpus[key]["text"]), "path": None}, "title": corpus[key]["title"], "text": corpus[key]["text"]}
    for key in sorted(corpus)
]  # fmt: skip
columns = [("docid", TEXT), ("image", IMAGE), ("title", TEXT), ("text", TEXT)]
half = len(pages) // 2
write(pages[:half], columns, "corpus/train-00000-of-00002.parquet")
write(pages[half:], columns, "corpus/train-00001-of-00002.parquet")
