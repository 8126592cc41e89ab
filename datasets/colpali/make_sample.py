"""Makes sample/: 30 pages of verses drawn as images, each with a query, as ColPali's training set is published: written by the
`datasets` library, in two files, and two of the rows have the same page.

The texts are those of ../nave (public domain). Needs pillow and datasets.

    python3 datasets/colpali/make_sample.py
"""
import hashlib
import io
import json
import pathlib
import textwrap
import zipfile

import datasets
from PIL import Image, ImageDraw

HERE = pathlib.Path(__file__).resolve().parent


def page(title, text):
    image = Image.new("1", (300, 160), 1)
    draw = ImageDraw.Draw(image)
    draw.text((10, 8), title, fill=0)
    draw.multiline_text((10, 30), "\n".join(textwrap.wrap(text, 44)[:9]), fill=0)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def lines(archive, name):
    with archive.open(name) as file:
        return [json.loads(line) for line in file]


with zipfile.ZipFile(HERE.parent / "nave" / "nave-beir.zip") as archive:
    names = {pathlib.PurePosixPath(name).name: name for name in archive.namelist() if not name.endswith("/")}
    verses = {verse["_id"]: verse for verse in lines(archive, names["corpus.jsonl"])}
    queries = {query["_id"]: query["text"] for query in lines(archive, names["queries.jsonl"])}
    judged = {}
    for line in archive.read(names["train.tsv"]).decode().splitlines()[1:]:
        query, verse, _ = line.split("\t")
        judged.setdefault(query, []).append(verse)
few = sorted((query for query in judged if len(judged[query]) == 1), key=lambda query: hashlib.sha256(query.encode()).digest())
rows, seen = [], {}
for query in few:
    verse = judged[query][0]
    if verse in seen:
        continue
    seen[verse] = len(rows)
    title, text = verses[verse]["title"], verses[verse]["text"]
    rows.append(
        {
            "image": {"bytes": page(title, text), "path": None}, "image_filename": f"pages/{title.replace(' ', '_')}.png",
            "query": queries[query], "answer": text, "source": "nave", "options": None, "page": str(len(rows) + 1), "model": "none",
            "prompt": "", "answer_type": "verse",
        }
    )  # fmt: skip
    if len(rows) == 29:
        break
rows.append({**rows[3], "query": "Which page tells of this: " + rows[3]["query"]})
features = datasets.Features({name: datasets.Value("string") for name in rows[0]} | {"image": datasets.Image()})
folder = HERE / "sample" / "data"
folder.mkdir(parents=True, exist_ok=True)
for number in range(2):
    part = datasets.Dataset.from_list(rows[number * 15 : number * 15 + 15], features=features)
    part.to_parquet(folder / f"train-0000{number}-of-00002.parquet")
