"""Makes a run with 100 results for every judged query, for benchmarks of evaluation.

usage: make_run.py QRELS.tsv BEIR.zip OUTPUT.run [--depth 100] [--seed 1]

About two thirds of a query's relevant documents are among its results, the others are drawn from the corpus; scores
have three decimals, so that some tie. Lines are qid⇥docid⇥score. Nothing is done where the output exists.
"""
import argparse
import json
import os
import random
import zipfile


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("qrels")
    parser.add_argument("beir")
    parser.add_argument("output")
    parser.add_argument("--depth", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if os.path.exists(options.output):
        return
    with zipfile.ZipFile(options.beir) as archive:
        corpus = [json.loads(line)["_id"] for line in archive.read("beir/corpus.jsonl").splitlines()]
    relevant = {}
    with open(options.qrels) as file:
        next(file)
        for line in file:
            query, document, _ = line.rstrip("\n").split("\t")
            relevant.setdefault(query, []).append(document)
    generator = random.Random(options.seed)
    with open(options.output + ".tmp", "w") as file:
        for query, documents in relevant.items():
            found = [document for document in documents if generator.random() < 0.66][: options.depth]
            results = set(found)
            while len(results) < options.depth:
                results.add(generator.choice(corpus))
            scored = [(round(generator.random() + (document in found) * 0.3, 3), document) for document in sorted(results)]
            for score, document in sorted(scored, reverse=True):
                file.write(f"{query}\t{document}\t{score}\n")
    os.rename(options.output + ".tmp", options.output)


if __name__ == "__main__":
    main()
