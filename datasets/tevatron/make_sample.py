"""Makes sample/ from ../nave/train.v1.jsonl.zst: 50 queries with up to four positives and their first four BM25
negatives, as Tevatron publishes sets: queries that name documents by id, and a corpus apart. Needs zstd.

Nave's Topical Bible (1896) and the King James Version are in the public domain, and so is the sample.

    python3 datasets/tevatron/make_sample.py
"""
import hashlib
import json
import pathlib
import subprocess

here = pathlib.Path(__file__).resolve().parent
packed = here.parent / "nave" / "train.v1.jsonl.zst"
rows = [json.loads(line) for line in subprocess.run(["zstd", "-dc", packed], stdout=subprocess.PIPE, check=True).stdout.splitlines()]
few = [row for row in rows if len(row["positive_passages"]) <= 4]
few.sort(key=lambda row: hashlib.sha256(("tevatron sample " + row["query_id"]).encode()).digest())

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
