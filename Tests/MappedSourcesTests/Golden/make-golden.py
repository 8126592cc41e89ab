"""Writes formats.tar.zst: the same rows in every format of tables that people have, and tables of shapes that they use.

Run in an empty folder: python3 make-golden.py; it leaves formats.tar.zst there.
"""

import json
import os
import random
import subprocess

import datasets
import pandas
import polars
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
from PIL import Image

WORDS = "wing lark ‘quoted’ \"said\" comma, tab\\t café 東京 naïve  two  spaces ; pipe|d line\nbreak ¶ 0123 it's end".split(" ")


def text(generator, seed):
    return " ".join(generator.choice(WORDS) for _ in range(generator.randint(2, 9)))


def rows(seed):
    """Pairs with an id, a title, a score, and a category; some passages and queries come more than once."""
    generator = random.Random(seed)
    passages = [text(generator, seed) for _ in range(30)]
    questions = ["q " + text(generator, seed) for _ in range(20)]
    return [
        {
            "qid": questions.index(question) + 1000,
            "question": question,
            "passage": (passage := generator.choice(passages)),
            "neg_1": generator.choice(passages),
            "neg_2": generator.choice(passages),
            "score": round(generator.random() * 8) / 4,
        }
        for _ in range(50)
        for question in [generator.choice(questions)]
    ]


def write_formats(folder, table):
    """The same rows in every format."""
    os.makedirs(folder)
    frame = pandas.DataFrame(table)
    arrow = pa.Table.from_pylist(table)
    frame.to_csv(f"{folder}/pandas.csv", index=False)
    frame.to_csv(f"{folder}/pandas.tsv", index=False, sep="\t")
    frame.to_csv(f"{folder}/semicolons.csv", index=False, sep=";", encoding="utf-8-sig")
    frame.to_csv(f"{folder}/packed.csv.gz", index=False, compression={"method": "gzip", "mtime": 0})
    frame.to_json(f"{folder}/lines.jsonl", orient="records", lines=True, force_ascii=False)
    frame.to_json(f"{folder}/array.json", orient="records", indent=1)
    with open(f"{folder}/member.json", "w") as file:
        json.dump({"version": "1", "data": table}, file, indent=2)
    pyarrow.parquet.write_table(arrow, f"{folder}/pyarrow.parquet")
    polars.DataFrame(table).write_parquet(f"{folder}/polars.parquet")
    polars.DataFrame(table).write_ipc(f"{folder}/polars.arrow", compression="lz4")
    pyarrow.feather.write_feather(arrow, f"{folder}/pyarrow.feather", compression="zstd")
    with pa.OSFile(f"{folder}/file.arrow", "wb") as sink, pa.ipc.new_file(sink, arrow.schema) as writer:
        writer.write_table(arrow, max_chunksize=7)
    # Dictionaries of strings, as pandas' categories are written.
    encoded = arrow.set_column(1, "question", arrow["question"].dictionary_encode())
    with pa.OSFile(f"{folder}/stream.arrow", "wb") as sink, pa.ipc.new_stream(sink, encoded.schema) as writer:
        writer.write_table(encoded, max_chunksize=11)
    # With fingerprints that do not differ from run to run.
    whole = datasets.Dataset(arrow, fingerprint="0" * 16)
    few = datasets.Dataset(arrow.slice(0, 5).combine_chunks(), fingerprint="1" * 16)
    whole.save_to_disk(f"{folder}/saved", num_shards=3)
    datasets.DatasetDict({"train": whole, "test": few}).save_to_disk(f"{folder}/dict")


def write_shapes(folder):
    """Tables of shapes that people train on; the texts are made up."""
    os.makedirs(folder)

    def save(name, table, **options):
        pyarrow.parquet.write_table(pa.Table.from_pylist(table, **options), f"{folder}/{name}.parquet")

    save("triplets", [{"anchor": f"a{n}", "positive": f"p{n}", "negative": f"n{n}"} for n in range(4)])
    save(
        "many-negatives",
        [{"query": f"a{n}", "positive": f"p{n}", **{f"negative_{k}": f"n{n}.{k}" for k in range(1, 6)}} for n in range(4)],
    )
    save("pair-score", [{"sentence1": f"a{n}", "sentence2": f"b{n}", "score": n / 3} for n in range(4)])
    save("pair-class", [{"query": f"a{n // 2}", "passage": f"b{n}", "label": n % 2} for n in range(6)])
    save("query-answer", [{"query": f"a{n}", "answer": f"b{n}"} for n in range(4)])
    save(
        "listwise",
        [{"query": f"a{n}", "docs": [f"d{n}.{k}" for k in range(3)], "labels": [1, 0, 0]} for n in range(4)],
    )
    # As MS MARCO 1.1 is on the hub: a structure of lists.
    save(
        "structure-of-lists",
        [
            {"query": f"a{n}", "passages": {"is_selected": [0, 1], "passage_text": [f"d{n}.0", f"d{n}.1"], "url": ["u", "v"]}}
            for n in range(4)
        ],
    )
    # As Tevatron's v1 rows: lists of structures.
    save(
        "list-of-structures",
        [
            {
                "query_id": f"{n}",
                "query": f"a{n}",
                "positive_passages": [{"docid": f"P{n}", "title": f"t{n}", "text": f"p{n}"}],
                "negative_passages": [{"docid": f"N{n}.{k}", "title": "", "text": f"n{n}.{k}"} for k in range(2)],
            }
            for n in range(4)
        ],
    )
    save(
        "scores",
        [{"query": f"a{n}", "pos": [f"p{n}"], "neg": [f"n{n}.0", f"n{n}.1"], "pos_scores": [0.5], "neg_scores": [0.25, 0.125]} for n in range(4)],
    )
    save("documents", [{"url": f"u{n}", "headline": f"h{n}", "body": f"b{n}", "year": 2000 + n} for n in range(4)])
    images = []
    for n in range(3):
        Image.new("RGB", (8 + n, 6), (40 * n, 90, 200)).save("pixel.png")
        with open("pixel.png", "rb") as file:
            images.append(file.read())
    os.remove("pixel.png")
    save("images", [{"question": f"a{n}", "photo": {"bytes": images[n % 3], "path": f"{n}.png"}} for n in range(4)])
    save("image-bytes", [{"caption": f"a{n}", "photo": images[n]} for n in range(3)])


if __name__ == "__main__":
    for seed in range(1, 4):
        write_formats(f"formats/rows{seed}", rows(seed))
    write_shapes("formats/shapes")
    for folder, _, names in os.walk("formats"):
        for name in names:
            os.utime(f"{folder}/{name}", (0, 0))
    subprocess.run(
        "tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -cf - formats | zstd -19 -q -f -o formats.tar.zst",
        shell=True,
        check=True,
    )
    print(datasets.__version__, pandas.__version__, polars.__version__, pa.__version__)
