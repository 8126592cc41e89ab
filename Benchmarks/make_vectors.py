"""Writes folders of vectors as tvt-encode does, for benchmarks of search that need no model.

usage: make_vectors.py FOLDER [--queries 2369] [--documents 31102] [--dims 384] [--seed 1]

Writes FOLDER/queries and FOLDER/corpus: unit vectors around 200 centres, a tenth of the documents copies of others,
so that there are ties. Nothing is done where they exist.
"""
import argparse
import hashlib
import json
import os

import numpy


def write(folder, side, matrix, ids, part_count):
    os.makedirs(folder, exist_ok=True)
    parts, first = [], 0
    for index, rows in enumerate(numpy.array_split(numpy.arange(len(matrix)), part_count)):
        name = os.path.join(folder, f"part-{index:05d}")
        numpy.save(name + ".npy", matrix[rows])
        with open(name + ".ids", "w") as file:
            file.write("".join(ids[row] + "\n" for row in rows))
        digests = [hashlib.sha256(open(name + kind, "rb").read()).hexdigest() for kind in (".npy", ".ids")]
        parts.append({
            "part": index, "first_ordinal": first, "count": len(rows), "truncated_count": 0,
            "vectors_sha256": digests[0], "ids_sha256": digests[1],
        })
        first += len(rows)
    manifest = {
        "format": "tvt-vectors-1", "side": side, "model_card": "sha256:" + "0" * 64, "dataset": "sha256:" + "0" * 64,
        "dataset_reference": "synthetic", "dims": matrix.shape[1], "dtype": "f32", "normalised": True, "encoding": {},
        "count": len(matrix), "truncated_count": 0, "parts": parts,
    }
    with open(os.path.join(folder, "vectors.json"), "w") as file:
        json.dump(manifest, file, indent=2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--queries", type=int, default=2369)
    parser.add_argument("--documents", type=int, default=31102)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if os.path.exists(os.path.join(options.folder, "corpus", "vectors.json")):
        return
    random = numpy.random.default_rng(options.seed)
    centres = random.standard_normal((200, options.dims), dtype=numpy.float32)

    def unit_rows(count):
        rows = centres[random.integers(0, len(centres), count)]
        rows = rows + 0.7 * random.standard_normal((count, options.dims), dtype=numpy.float32)
        return (rows / numpy.linalg.norm(rows, axis=1, keepdims=True)).astype(numpy.float32)

    corpus = unit_rows(options.documents)
    copies = options.documents // 10
    corpus[random.integers(0, len(corpus), copies)] = corpus[random.integers(0, len(corpus), copies)]
    queries = unit_rows(options.queries)
    write(os.path.join(options.folder, "queries"), "queries", queries, [f"q{i}" for i in range(len(queries))], 1)
    write(os.path.join(options.folder, "corpus"), "corpus", corpus, [f"d{i}" for i in range(len(corpus))], 3)


if __name__ == "__main__":
    main()
