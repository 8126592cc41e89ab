"""Makes sample/ from ../nave/train.v1.jsonl.zst: 60 topics and the verses of their lists, in MS MARCO's layout.

Nave's Topical Bible (1896) and the King James Version are in the public domain, and so is the sample.

    python3 datasets/msmarco/make_sample.py
"""
import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "nave"))
from topics import topics  # noqa: E402

few = topics("msmarco")[:60]
folder = here / "sample"
folder.mkdir(exist_ok=True)
texts = {}
for row in few:
    for passage in row["positive_passages"] + row["negative_passages"][:5]:
        texts.setdefault(passage["docid"], passage["text"])
numbers = {name: number for number, name in enumerate(sorted(texts))}


def write(name, lines):
    (folder / name).write_text("".join("\t".join(str(column) for column in line) + "\n" for line in lines))


write("collection.tsv", [(number, texts[name]) for name, number in numbers.items()])
for split, chosen, first in [("train", few[:45], 1000), ("dev.small", few[45:], 2000)]:
    write(f"queries.{split}.tsv", [(first + number, row["query"]) for number, row in enumerate(chosen)])
    write(
        f"qrels.{split}.tsv",
        [(first + number, 0, numbers[passage["docid"]], 1) for number, row in enumerate(chosen) for passage in row["positive_passages"]],
    )
write(
    "qidpidtriples.train.tsv",
    [
        (1000 + number, numbers[row["positive_passages"][0]["docid"]], numbers[passage["docid"]])
        for number, row in enumerate(few[:45])
        for passage in row["negative_passages"][:5]
    ],
)
