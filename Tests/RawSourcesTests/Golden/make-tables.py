"""Makes `tables.tar.zst`: small Parquet files with ids of every kind of whole number, UUIDs, other binary columns, images by path,
v1 rows, and sets in the layouts of BEIR and MTEB.

    python3 make-tables.py
"""

import decimal
import os
import struct
import subprocess
import tempfile
import uuid
import zlib

import pyarrow as pa
import pyarrow.parquet as pq



def png(red):
    """A picture of one pixel."""
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes([0, red, 0, 0]))) + chunk(b"IEND", b"")


def write(folder, name, columns):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pq.write_table(pa.table(columns), path)


def make(folder):
    # Ids: the greatest value of each type, and 1.
    kinds = {f"{sign}int{bits}": (2 ** (bits - (sign == "")) - 1, getattr(pa, f"{sign}int{bits}")()) for sign in ("", "u") for bits in (8, 16, 32, 64)}
    kinds["decimal"] = (decimal.Decimal(10**19), pa.decimal128(20, 0))
    for kind, (most, type) in kinds.items():
        one = decimal.Decimal(1) if kind == "decimal" else 1
        write(folder, f"ids/{kind}/corpus.parquet", {"docid": pa.array([one, most], type), "text": ["one", "most"]})
        write(
            folder, f"ids/{kind}/queries.parquet",
            {"query_id": pa.array([one], type), "query_text": ["which"], "positive_document_ids": pa.array([[most]], pa.list_(type))},
        )  # fmt: skip
    write(
        folder, "uuid.parquet",
        {
            "docid": pa.array([uuid.UUID(int=1).bytes, uuid.UUID(int=2).bytes], pa.binary(16)), "text": ["one", "two"],
            "embedding": pa.array([b"\0\1", None], pa.binary()), "n": pa.array([1, 2], pa.int32()),
        },
    )  # fmt: skip
    # Images that were never embedded.
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    paths = {"image": pa.array([{"bytes": None, "path": "m/a.png"}, {"bytes": None, "path": "m/b.png"}], image)}
    write(folder, "paths/pixmo.parquet", {**paths, "image_id": ["a", "b"], "questions": [[{"question": "q", "answer": "a"}]] * 2})
    write(folder, "paths/colpali.parquet", {**paths, "query": ["a", "b"]})
    write(folder, "paths/texts.parquet", {"image": ["m/a.png", "m/b.png"], "query": ["a", "b"]})
    write(folder, "paths/addresses.parquet", {"docid": ["a"], "image": ["https://example.org/a.png"]})
    os.makedirs(f"{folder}/beside/m")
    for name in "ab":
        open(f"{folder}/beside/m/{name}.png", "wb").write(png(ord(name)))
    # v1 rows: whole numbers as ids, and a list that is null.
    passage = pa.struct([("docid", pa.int64()), ("title", pa.string()), ("text", pa.string())])
    first, second = ({"docid": n, "title": None, "text": f"passage {n}"} for n in (1, 2))
    write(
        folder, "v1/train-00000-of-00001.parquet",
        {
            "query_id": pa.array([7, 8], pa.uint32()), "query": ["a", "b"],
            "positive_passages": pa.array([[first], [second]], pa.list_(passage)),
            "negative_passages": pa.array([[second, first], None], pa.list_(passage)),
        },
    )  # fmt: skip
    # The same passages by reference, which need a corpus.
    reference = pa.list_(pa.struct([("docid", pa.string())]))
    write(folder, "references/train.parquet", {"query_id": ["7"], "query": ["a"], "positive_passages": pa.array([[{"docid": "1"}]], reference)})
    # BEIR in Parquet, and as MTEB has it.
    for name, id in (("beir", "_id"), ("mteb", "id")):
        write(folder, f"{name}/corpus/corpus-00000-of-00002.parquet", {id: pa.array([1]), "title": ["A"], "text": ["one"]})
        write(folder, f"{name}/corpus/corpus-00001-of-00002.parquet", {id: pa.array([2]), "title": ["B"], "text": ["two"]})
        write(folder, f"{name}/queries/queries-00000-of-00001.parquet", {id: pa.array([10]), "text": ["which"]})
    judgements = {"query-id": pa.array([10]), "corpus-id": pa.array([2]), "score": pa.array([1])}
    write(folder, "beir/qrels/test-00000-of-00001.parquet", judgements)
    write(folder, "mteb/data/test-00000-of-00001.parquet", judgements)
    # A row that JSON has no form for.
    write(folder, "infinite.parquet", {"docid": ["a", "b", "c"], "text": ["x"] * 3, "score": [1.0, float("inf"), 2.0]})


here = os.path.dirname(os.path.abspath(__file__))
with tempfile.TemporaryDirectory() as folder:
    make(folder)
    subprocess.run(
        ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C", folder, "-I", "zstd -19",
         "-cf", f"{here}/tables.tar.zst", *sorted(os.listdir(folder))], check=True)  # fmt: skip
