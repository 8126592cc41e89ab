"""Makes `tevatron.tar.zst`: a dataset as Tevatron publishes it, as Parquet of two writers and as JSON Lines with files.

    python3 make-golden.py
"""

import io
import json
import os
import random
import subprocess
import tempfile

import polars
import pyarrow
import pyarrow.parquet
from PIL import Image

IMAGE = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])


def png(number):
    pixels = random.Random(number % 17).randbytes(8 * 6 * 3)  # Some images come again.
    out = io.BytesIO()
    Image.frombytes("RGB", (8, 6), pixels).save(out, "PNG")
    return out.getvalue()


def write(rows, schema, folder, name):
    table = pyarrow.Table.from_pylist(rows, schema)
    half = len(rows) // 2
    # Two files, as large sets come.
    pyarrow.parquet.write_table(table.slice(0, half), f"{folder}/{name}-00000-of-00002.parquet", row_group_size=7)
    polars.from_arrow(table.slice(half)).write_parquet(f"{folder}/{name}-00001-of-00002.parquet")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as folder:
        os.makedirs(f"{folder}/files")
        corpus, queries, corpus_lines, query_lines = [], [], [], []

        def lines(row, name, out):
            said = {key: value for key, value in row.items() if value is not None}
            if name in said:
                with open(f"{folder}/files/{said[name]['path']}", "wb") as file:
                    file.write(said[name]["bytes"])
                said[name] = said[name]["path"]
            out.append(json.dumps(said, ensure_ascii=False))

        for i in range(60):
            image = {"bytes": png(i), "path": f"{i}.png"} if i % 3 else None
            row = {"docid": f"d{i}é", "text": None if i % 5 == 4 and image else f"the text of {i}", "image": image,
                   "video": None, "audio": None, "page": i if i % 2 else None, "score": i / 8}  # fmt: skip
            corpus.append(row)
            lines(row, "image", corpus_lines)
        for i in range(40):
            image = {"bytes": png(i + 100), "path": f"q{i}.png"} if i % 7 == 0 else None
            row = {"query_id": str(i), "query_text": f"what is {i}?", "query_image": image,
                   "positive_document_ids": [f"d{i}é"], "negative_document_ids": [f"d{(i + n) % 60}é" for n in range(1, i % 4 + 1)],
                   "answer": None if i % 2 else f"it is {i}", "source": "synthetic"}  # fmt: skip
            queries.append(row)
            lines(row, "query_image", query_lines)
        text, ids = pyarrow.string(), pyarrow.list_(pyarrow.string())
        write(corpus, pyarrow.schema([
            ("docid", text), ("text", text), ("image", IMAGE), ("video", pyarrow.null()), ("audio", pyarrow.null()),
            ("page", pyarrow.int64()), ("score", pyarrow.float64())]), folder, "corpus")  # fmt: skip
        write(queries, pyarrow.schema([
            ("query_id", text), ("query_text", text), ("query_image", IMAGE), ("positive_document_ids", ids),
            ("negative_document_ids", ids), ("answer", text), ("source", text)]), folder, "queries")  # fmt: skip
        for name, rows in [("corpus", corpus_lines), ("queries", query_lines)]:
            with open(f"{folder}/{name}.jsonl", "w") as file:
                file.write("\n".join(rows) + "\n")
        # What is no dataset: bytes outside of media, an image without bytes, a column of another kind.
        def one(name, **columns):
            pyarrow.parquet.write_table(pyarrow.table(columns), f"{folder}/{name}.parquet")

        ids, two = pyarrow.array(["a", "b"]), pyarrow.array(["x", "y"])
        one("bad-bytes", docid=ids, text=two, blob=pyarrow.array([b"1", b"2"]))
        one("bad-kind", docid=ids, text=two, image=pyarrow.array([1, 2]))
        one("bad-empty", docid=ids, text=two, image=pyarrow.array([png(1), b""]))
        one("bare-bytes", docid=ids, text=two, image=pyarrow.array([png(1), None]))
        one("only-paths", docid=ids, image=pyarrow.array([{"bytes": None, "path": "1.png"}, {"bytes": png(2), "path": "2.png"}], IMAGE))
        one("no-rows", docid=pyarrow.array([], pyarrow.string()), text=pyarrow.array([], pyarrow.string()))
        subprocess.run(
            ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C", folder, "-I", "zstd -19",
             "-cf", f"{here}/tevatron.tar.zst", *sorted(os.listdir(folder))], check=True)  # fmt: skip


main()
