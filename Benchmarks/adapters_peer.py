"""The peer of tvt-convert bge: the same work as a Python script does it.

usage: adapters_peer.py INPUT.jsonl OUTPUT_FOLDER [--orjson | --gzip]

Every text becomes a document once, by a hash of it; a row becomes a query with the ids of its texts, each once, and their
scores. Documents and queries go as JSON Lines through zstandard, or through gzip at its usual level 6. With the standard
library's json and hashlib, or with orjson and xxhash. No index by id is made, links stay ids, nothing is synced, no input is
hashed: less than tvt-convert does.
"""
import argparse
import gzip
import hashlib
import io
import json
import os

import zstandard


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--orjson", action="store_true", help="orjson and xxhash instead of json and hashlib")
    parser.add_argument("--gzip", action="store_true", help="gzip instead of zstandard")
    options = parser.parse_args()
    if options.orjson:
        import orjson
        import xxhash

        loads, dumps = orjson.loads, orjson.dumps
        digest = xxhash.xxh3_128_hexdigest
    else:
        loads = json.loads

        def dumps(record):
            return json.dumps(record, ensure_ascii=False).encode()

        def digest(text):
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    os.makedirs(options.output, exist_ok=True)

    def writer(name):
        if options.gzip:
            return gzip.open(os.path.join(options.output, name), "wb", compresslevel=6)
        file = open(os.path.join(options.output, name), "wb")
        return io.BufferedWriter(zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=True), 1 << 20)

    corpus, queries = writer("corpus.jsonl.zst"), writer("queries.jsonl.zst")
    documents = set()
    query_ids = set()
    # What is only passed on keeps its name.
    renamed = {"query", "pos", "neg", "pos_scores", "neg_scores"}
    with open(options.input, "rb") as file:
        for line in file:
            row = loads(line)
            query = {"query_text": row["query"]}
            positives = set()
            for name, key in (("pos", "positive"), ("neg", "negative")):
                ids, scores = {}, row.get(name + "_scores") or []
                for number, text in enumerate(row[name]):
                    docid = digest(text)
                    if docid in positives:
                        continue
                    if docid not in documents:
                        documents.add(docid)
                        corpus.write(dumps({"docid": docid, "document_text": text}) + b"\n")
                    ids.setdefault(docid, scores[number] if scores else None)
                query[key + "_document_ids"] = list(ids)
                if scores:
                    query[key + "_document_scores"] = list(ids.values())
                positives |= ids.keys() if name == "pos" else set()
            query |= {key: value for key, value in row.items() if key not in renamed}
            query_id = digest(dumps(query).decode())
            if query_id in query_ids:
                continue
            query_ids.add(query_id)
            queries.write(dumps({"query_id": query_id} | query) + b"\n")
    corpus.close()
    queries.close()
    print(len(query_ids), "queries,", len(documents), "documents")


if __name__ == "__main__":
    main()
