"""The peer of tvt-eval: pytrec_eval on the same files, from bytes to the mean of each measure.

usage: eval_peer.py --run RUN --qrels QRELS [--measures ndcg_cut.10,recall.100,recip_rank,map]

The run is TREC's or qid⇥docid⇥score; the judgements are TREC's or BEIR's TSV. Queries without results count as zero. Prints the means,
and the seconds without starting Python and importing pytrec_eval.
"""
import argparse
import time

import pytrec_eval


def read_run(path):
    run = {}
    with open(path) as file:
        for line in file:
            fields = line.split("\t")
            if len(fields) == 3:
                query, document, score = fields
            else:
                query, _, document, _, score, _ = line.split()
            run.setdefault(query, {})[document] = float(score)
    return run


def read_qrels(path):
    qrels = {}
    with open(path) as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 3:
                query, document, grade = fields
                if grade == "score":
                    continue
            else:
                query, _, document, grade = line.split()
            qrels.setdefault(query, {})[document] = int(grade)
    return qrels


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", required=True)
    parser.add_argument("--qrels", required=True)
    parser.add_argument("--measures", default="ndcg_cut.10,recall.100,recip_rank,map")
    options = parser.parse_args()

    started = time.monotonic()
    run, qrels = read_run(options.run), read_qrels(options.qrels)
    evaluator = pytrec_eval.RelevanceEvaluator(qrels, set(options.measures.split(",")))
    values = evaluator.evaluate(run)
    names = sorted(next(iter(values.values())))
    for name in names:
        print(f"{name}\t{sum(value[name] for value in values.values()) / len(qrels):.4f}")
    print(f"seconds {time.monotonic() - started:.3f}")


if __name__ == "__main__":
    main()
