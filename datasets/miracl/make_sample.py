"""Makes sample/ from ../nave/train.v1.jsonl.zst: 50 topics and the verses of their lists, in MIRACL's layout.

Nave's Topical Bible (1896) and the King James Version are in the public domain, and so is the sample.

    python3 datasets/miracl/make_sample.py
"""
import gzip
import json
import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "nave"))
from topics import topics  # noqa: E402

few = topics("miracl")[:50]
passages = {}
for row in few:
    for passage in row["positive_passages"] + row["negative_passages"][:5]:
        passages.setdefault(passage["docid"], passage)
names = sorted(passages)


def write(name, lines):
    path = here / "sample" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if name.endswith(".gz") else text)


def document(name):
    passage = passages[name]
    return json.dumps({"docid": name, "title": passage["title"], "text": passage["text"]}, ensure_ascii=False)


half = len(names) // 2
write("miracl-corpus-v1.0-en/docs-0.jsonl.gz", [document(name) for name in names[:half]])
write("miracl-corpus-v1.0-en/docs-1.jsonl.gz", [document(name) for name in names[half:]])
# Ids of topics are numbers, as published: a TREC line has no place for the blanks of Nave's.
for number, row in enumerate(few):
    row["query_id"] = f"{number}#0"
for split, chosen in [("train", few[:40]), ("dev", few[40:])]:
    write(f"miracl-v1.0-en/topics/topics.miracl-v1.0-en-{split}.tsv", [f"{row['query_id']}\t{row['query']}" for row in chosen])
    judgements = []
    for row in chosen:
        relevant = {passage["docid"] for passage in row["positive_passages"]}
        for passage in row["positive_passages"] + row["negative_passages"][:5]:
            judgements.append(f"{row['query_id']}\tQ0\t{passage['docid']}\t{int(passage['docid'] in relevant)}")
    write(f"miracl-v1.0-en/qrels/qrels.miracl-v1.0-en-{split}.tsv", judgements)
