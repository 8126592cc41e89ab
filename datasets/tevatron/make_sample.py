"""Makes sample/ from ../nave/train.v1.jsonl.zst: 50 queries with up to four positives and their first four BM25
negatives, as Tevatron publishes sets: queries that name documents by id, and a corpus apart. Needs zstd.

Nave's Topical Bible (1896) and the King James Version are in the public domain, and so is the sample.

    python3 datasets/tevatron/make_sample.py
"""
import json
import pathlib
import sys

here = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "nave"))
from topics import topics  # noqa: E402

few = topics("tevatron")

corpus, queries = {}, []
for row in few[:50]:
    negatives = row["negative_passages"][:4]
    for passage in row["positive_passages"] + negatives:
        corpus[passage["docid"]] = {"docid": passage["docid"], "title": passage["title"], "text": passage["text"]}
    queries.append(
        {
            "query_id": row["query_id"],
            "query_text": row["query"],
            "positive_document_ids": [passage["docid"] for passage in row["positive_passages"]],
            "negative_document_ids": [passage["docid"] for passage in negatives],
            "source": "nave",
        }
    )


def write(name, records):
    path = here / "sample" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))


write("corpus/train.jsonl", [corpus[name] for name in sorted(corpus)])
write("queries/train.jsonl", queries)
