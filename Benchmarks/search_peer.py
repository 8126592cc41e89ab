"""The peer of tvt-search: faiss-cpu's IndexFlatIP over the same folders of vectors, writing the same kind of run (qid⇥docid⇥score).

usage: search_peer.py --queries FOLDER --corpus FOLDER --output RUN [--depth 100] [--threads N]

Prints the seconds of loading, searching and writing, without starting Python and importing faiss and numpy.
"""
import argparse
import glob
import os
import time

import faiss
import numpy


def load(folder):
    parts = sorted(glob.glob(os.path.join(folder, "part-*.npy")))
    matrix = numpy.concatenate([numpy.load(part) for part in parts])
    ids = [line for part in parts for line in open(part[:-4] + ".ids").read().split("\n")[:-1]]
    return matrix, ids


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", required=True)
    parser.add_argument("--corpus", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    faiss.omp_set_num_threads(options.threads)

    started = time.monotonic()
    queries, query_ids = load(options.queries)
    corpus, document_ids = load(options.corpus)
    index = faiss.IndexFlatIP(corpus.shape[1])
    index.add(corpus)
    loaded = time.monotonic()
    scores, rows = index.search(queries, options.depth)
    searched = time.monotonic()
    with open(options.output, "w") as file:
        for query, query_scores, query_rows in zip(query_ids, scores.tolist(), rows.tolist()):
            for score, row in zip(query_scores, query_rows):
                file.write(f"{query}\t{document_ids[row]}\t{score}\n")
    finished = time.monotonic()
    print(
        f"load {loaded - started:.3f} search {searched - loaded:.3f} write {finished - searched:.3f} "
        f"load+search {searched - started:.3f} all {finished - started:.3f}")


if __name__ == "__main__":
    main()
