"""Makes sample/: 24 pages of charts drawn here, and 16 queries in two languages, in BEIR's form as ViDoRe publishes it since its
version 2.

Needs pillow and pyarrow.

    python3 datasets/vidore/make_sample.py
"""
import hashlib
import io
import pathlib

import pyarrow
import pyarrow.parquet
from PIL import Image, ImageDraw

HERE = pathlib.Path(__file__).resolve().parent
TEXT, NUMBER = pyarrow.string(), pyarrow.int64()
IMAGE = pyarrow.struct([("bytes", pyarrow.binary()), ("path", TEXT)])
REPORTS = [("energy", "énergie"), ("water", "eau"), ("waste", "déchets"), ("travel", "voyages")]
YEARS = range(2015, 2021)


def use(report, year):
    return hashlib.sha256(f"{report} {year}".encode()).digest()[0] % 80 + 10


def page(report, year):
    image = Image.new("RGB", (240, 120), "white")
    draw = ImageDraw.Draw(image)
    draw.text((10, 6), f"Report on {report}, page of {year}", fill="black")
    for index in range(4):
        value = use(report, year + index * 100)
        draw.rectangle([20, 28 + index * 22, 20 + value * 2, 44 + index * 22], fill="#4e79a7")
        draw.text((24, 30 + index * 22), f"quarter {index + 1}: {value}", fill="black")
    out = io.BytesIO()
    image.quantize(16).save(out, "PNG", optimize=True)
    return out.getvalue()


def write(rows, columns, name):
    path = HERE / "sample" / name / "test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, pyarrow.schema(columns)), path)


pages = [(report, year) for report, _ in REPORTS for year in YEARS]
write(
    [{"corpus-id": n, "image": {"bytes": page(*key), "path": None}, "doc-id": key[0]} for n, key in enumerate(pages)],
    [("corpus-id", NUMBER), ("image", IMAGE), ("doc-id", TEXT)], "corpus",
)  # fmt: skip
write(
    [{"doc-id": report, "title": f"Report on {report}", "pages": len(YEARS)} for report, _ in REPORTS],
    [("doc-id", TEXT), ("title", TEXT), ("pages", NUMBER)], "docs",
)  # fmt: skip
queries, judgements = [], []
for number, (english, french) in enumerate(REPORTS):
    for year in (2016, 2019):
        for language, text in (
            ("english", f"How did the use of {english} develop in {year}?"),
            ("french", f"Comment l'utilisation a-t-elle évolué en {year} ({french}) ?"),
        ):
            queries.append({"query-id": len(queries), "query": text, "language": language, "answer": f"as the page of {year} shows"})
            first = pages.index((english, year))
            judgements.append({"query-id": len(queries) - 1, "corpus-id": first, "score": 2})
            judgements.append({"query-id": len(queries) - 1, "corpus-id": first + 1, "score": 1})
write(queries, [("query-id", NUMBER), ("query", TEXT), ("language", TEXT), ("answer", TEXT)], "queries")
write(judgements, [("query-id", NUMBER), ("corpus-id", NUMBER), ("score", NUMBER)], "qrels")
