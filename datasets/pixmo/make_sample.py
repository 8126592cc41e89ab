"""Makes sample/: 16 charts drawn here and 16 stamps of Tux Paint with questions, as PixMo-docs is published.

The stamps are those of Debian's package tuxpaint-stamps-default (GPL-2), made smaller; DIR is where it is unpacked. Needs pillow
and pyarrow.

    python3 datasets/pixmo/make_sample.py DIR
"""
import hashlib
import io
import pathlib
import sys

import pyarrow
import pyarrow.parquet
from PIL import Image, ImageDraw

HERE = pathlib.Path(__file__).resolve().parent
SCHEMA = pyarrow.schema(
    [
        ("image", pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])),
        ("image_id", pyarrow.string()),
        ("questions", pyarrow.struct([("question", pyarrow.list_(pyarrow.string())), ("answer", pyarrow.list_(pyarrow.string()))])),
    ]
)
COLOURS = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759"]
SUBJECTS = [
    ("apples", "sold"), ("violins", "repaired"), ("letters", "sent"), ("lanterns", "lit"), ("bridges", "built"), ("whales", "seen"),
    ("maps", "printed"), ("loaves of bread", "baked"), ("sheep", "shorn"), ("candles", "made"), ("ships", "launched"),
    ("clocks", "wound"), ("bells", "cast"), ("trees", "planted"), ("songs", "written"), ("stars", "counted"),
]  # fmt: skip
PLACES = ["Bergen", "Lisbon", "Krakow", "Cork"]


def png(image):
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def row(data, questions):
    name = hashlib.sha256(data).hexdigest()
    return {
        "image": {"bytes": data, "path": name[:16] + ".png"},
        "image_id": name,
        "questions": {"question": [q for q, _ in questions], "answer": [a for _, a in questions]},
    }


def chart(number):
    what, done = SUBJECTS[number]
    counts = [int.from_bytes(hashlib.sha256(f"{what} {place}".encode()).digest()[:2]) % 90 + 5 for place in PLACES]
    image = Image.new("RGB", (200, 120), "white")
    draw = ImageDraw.Draw(image)
    draw.text((6, 2), f"{what} {done}", fill="black")
    for index, (place, count) in enumerate(zip(PLACES, counts)):
        left = 12 + 47 * index
        draw.rectangle([left, 102 - count * 0.8, left + 30, 102], fill=COLOURS[index])
        draw.text((left, 105), place, fill="black")
    most = PLACES[counts.index(max(counts))]
    return row(
        png(image.quantize(16)),
        [
            (f"Where were the most {what} {done}?", f"The most {what} were {done} in {most}."),
            (f"How many {what} were {done} in Cork?", f"{counts[3]} {what} were {done} in Cork."),
            ("What does the chart show?", f"The chart shows how many {what} were {done} in four places."),
        ],
    )


def caption(path):
    """The first line is in English, and the others in other languages."""
    return path.with_suffix(".txt").read_text(encoding="utf-8").splitlines()[0].strip()


def stamps(folder):
    found, seen = [], set()
    for path in sorted(pathlib.Path(folder).rglob("*.png"), key=lambda path: hashlib.sha256(path.name.encode()).digest()):
        if not path.with_suffix(".txt").exists() or not (text := caption(path)) or text in seen:
            continue
        seen.add(text)
        with Image.open(path) as image:
            image = image.convert("RGBA")
            image.thumbnail((96, 96))
            whole = Image.new("RGBA", image.size, "white")
            whole.alpha_composite(image)
        found.append(row(png(whole.convert("RGB").quantize(64)), [("Which picture shows this: " + text, text), ("What is on the stamp? It is something like: " + text.lower(), text)]))
        if len(found) == 16:
            return found
    raise SystemExit("there are too few stamps in " + folder)


def write(subset, rows):
    path = HERE / "sample" / subset / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, SCHEMA), path)


write("charts", [chart(number) for number in range(16)])
write("other", stamps(sys.argv[1]))
