"""Makes bge/emotion-00000-of-00001.parquet: columns as cfli/bge-full-data has them, with lists of scores that are null and
empty.

    python3 make-bge.py
"""
import pathlib

import pyarrow
import pyarrow.parquet

schema = pyarrow.schema([
    ("query", pyarrow.string()), ("pos", pyarrow.list_(pyarrow.string())), ("neg", pyarrow.list_(pyarrow.string())),
    ("category", pyarrow.string()), ("type", pyarrow.string()), ("prompt", pyarrow.string()),
    ("pos_scores", pyarrow.list_(pyarrow.float32())), ("neg_scores", pyarrow.list_(pyarrow.float32())),
])  # fmt: skip
common = {"category": "classification", "type": "symmetric_class", "prompt": "Given a text, "}
rows = [
    {"query": "i feel é", "pos": ["joy", "delight"], "neg": ["anger"], **common, "pos_scores": None, "neg_scores": []},
    {"query": "i am mad", "pos": ["anger"], "neg": ["joy", "delight"], **common, "pos_scores": [], "neg_scores": None},
]
folder = pathlib.Path(__file__).resolve().parent / "bge"
folder.mkdir(exist_ok=True)
path = folder / "emotion-00000-of-00001.parquet"
pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), path, compression="zstd")
