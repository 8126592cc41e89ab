"""The peer of tvt-convert v1-to-v2: the same work as a Python script does it, with orjson and zstandard.

usage: convert_peer.py INPUT.jsonl OUTPUT_FOLDER

Every passage once, by docid; the same docid with other content stops it. Documents and queries go, as JSON Lines, in
zstd frames with checksums into files that are hashed as they are written; the input is hashed as well. No index by id is
made, links stay ids, and nothing is synced, so it does less than tvt-convert.
"""
import argparse
import hashlib
import os

import orjson
import zstandard

FRAME_BYTES = 4096


class Shard:
    """JSON Lines in frames of about FRAME_BYTES, compressed and hashed as they are written."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.digest = hashlib.sha256()
        self.compressor = zstandard.ZstdCompressor(level=3, write_checksum=True)
        self.lines = []
        self.size = 0

    def append(self, record):
        line = orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)
        self.lines.append(line)
        self.size += len(line)
        if self.size >= FRAME_BYTES:
            self.flush()

    def flush(self):
        frame = self.compressor.compress(b"".join(self.lines))
        self.digest.update(frame)
        self.file.write(frame)
        self.lines.clear()
        self.size = 0

    def close(self):
        self.flush()
        self.file.close()
        return self.digest.hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input")
    parser.add_argument("output")
    options = parser.parse_args()
    os.makedirs(options.output, exist_ok=True)
    corpus = Shard(os.path.join(options.output, "corpus.jsonl.zst"))
    queries = Shard(os.path.join(options.output, "queries.jsonl.zst"))
    documents = {}
    query_ids = set()
    source = hashlib.sha256()
    with open(options.input, "rb") as file:
        for number, line in enumerate(file, 1):
            source.update(line)
            row = orjson.loads(line)
            query_id = row["query_id"]
            if query_id in query_ids:
                raise SystemExit(f"{options.input}:{number}: the query id {query_id!r} occurs twice")
            query_ids.add(query_id)
            query = {"query_id": query_id, "query_text": row["query"]}
            for name, key in (("positive_passages", "positive_document_ids"), ("negative_passages", "negative_document_ids")):
                ids = []
                for passage in row[name]:
                    docid, title, text = passage["docid"], passage.get("title"), passage["text"]
                    known = documents.get(docid)
                    if known is None:
                        documents[docid] = (title, text)
                        corpus.append({"docid": docid, "title": title, "document_text": text})
                    elif known != (title, text):
                        raise SystemExit(f"{options.input}:{number}: the document {docid!r} differs from an earlier one")
                    ids.append(docid)
                query[key] = ids
            queries.append(query)
    print(len(query_ids), "queries,", len(documents), "documents", source.hexdigest(), corpus.close(), queries.close())


if __name__ == "__main__":
    main()
