"""Writes a run, judgements, and pytrec_eval's value of every measure for every judged query.

    python make_goldens.py        (with numpy and pytrec_eval; writes beside itself)

The run has ties, scores that differ only beyond float32, judged queries without results, queries without relevant
documents, queries without judgements, negative and graded judgements, and one ranking longer than 1000.
"""
import random
from pathlib import Path

import numpy
import pytrec_eval

here = Path(__file__).parent
random.seed(20240601)

names = [f"d{i}" for i in range(400)] + [f"D-{i}#x" for i in range(100)] + ["é", "文书", "\"quoted\"", "d", "dé", "z" * 80]
run, qrels = {}, {}
for number in range(72):
    query = f"q{number}" if number % 7 else f"{number}/ü"
    pool = random.sample(names, random.randint(1, 60))
    if number == 5:
        pool = names + [f"long{i}" for i in range(900)]
    kind = number % 6
    if kind == 0:  # few distinct scores
        scores = [float(random.randint(0, 4)) for _ in pool]
    elif kind == 1:  # equal as float32, different as float64
        scores = [0.1 + random.choice([0.0, 1e-10, 2e-10, 0.25]) for _ in pool]
    elif kind == 2:  # negative and tiny
        scores = [random.choice([-1.0, 1.0]) * 10.0 ** random.randint(-12, 6) for _ in pool]
    else:
        scores = [random.gauss(0, 1) for _ in pool]
    if number % 9 != 4:
        run[query] = dict(zip(pool, scores))
    if number % 11 == 10:
        continue  # not judged
    judged = random.sample(pool, random.randint(0, min(len(pool), 25))) + random.sample(names, random.randint(1, 30))
    grades = {0: [0, 1], 1: [0, 1, 2, 3, 4], 2: [-1, 0, 1, 2], 3: [-2, -1, 0, 3], 4: [0], 5: [1, 10]}[number % 6]
    qrels[query] = {document: random.choice(grades) for document in judged}
    if number == 6:
        qrels[query] = {document: -1 for document in judged}

cutoffs = [1, 3, 5, 10, 100, 1000]
measures = ["num_ret", "num_rel", "num_rel_ret", "map", "Rprec", "bpref", "recip_rank", "ndcg", "set_P", "set_recall", "set_F"]
requested = set(measures) | {"iprec_at_recall"}
for family in ["P", "recall", "ndcg_cut", "map_cut", "success"]:
    requested.add(family + "." + ",".join(map(str, cutoffs)))
    measures += [f"{family}_{cutoff}" for cutoff in cutoffs]
measures += [f"iprec_at_recall_{level / 10:.2f}" for level in range(11)]

values = pytrec_eval.RelevanceEvaluator(qrels, requested).evaluate(run)


def first(query, count):
    """trec_eval's first results of a query."""
    ranked = sorted(run[query].items(), key=lambda item: item[0].encode(), reverse=True)
    ranked.sort(key=lambda item: -numpy.float32(item[1]))
    return dict(ranked[:count])


for cutoff in [1, 10]:
    cut = {query: first(query, cutoff) for query in run if query in qrels}
    for query, value in pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(cut).items():
        values[query][f"recip_rank_cut_{cutoff}"] = value["recip_rank"]
    measures.append(f"recip_rank_cut_{cutoff}")

lines = [(q, d, s) for q, documents in run.items() for d, s in documents.items()]
with open(here / "run.trec", "w") as file:
    for rank, (query, document, score) in enumerate(lines):
        file.write(f"{query} Q0 {document} {rank} {score!r} golden\n")
with open(here / "qrels.trec", "w") as file:
    for query, grades in qrels.items():
        for document, grade in grades.items():
            file.write(f"{query} 0 {document} {grade}\n")
with open(here / "values.tsv", "w") as file:
    file.write("\t".join(["query", *measures]) + "\n")
    for query, value in sorted(values.items()):
        file.write("\t".join([query, *(repr(value[name]) for name in measures)]) + "\n")
