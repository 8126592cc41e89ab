#!/usr/bin/env python3
"""Writes margins.json: the negatives that sentence-transformers' mine_hard_negatives keeps on a small case.

    python3 make-golden.py > margins.json          (sentence-transformers 6.2.0)

Scores and margins are multiples of 1/64, so that float32 is exact and the limits themselves are hit.
"""

import itertools
import json
import random
import sys
import types

import numpy as np
import sentence_transformers
import torch
from sentence_transformers.util import hard_negatives

QUERIES, DOCUMENTS, NEGATIVES = 24, 40, 30


class Table:
    """As much of `datasets.Dataset` as mine_hard_negatives uses."""

    def __init__(self, columns):
        self.columns = columns
        self.column_names = list(columns)

    @classmethod
    def from_dict(cls, columns):
        return cls(columns)

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name):
        return self.columns[name]

    def to_pandas(self):
        return self

    def groupby(self, name):
        self.grouped = name
        return self

    def count(self):
        return self

    def to_dict(self):
        groups = {}
        for value in self.columns[self.grouped]:
            groups[value] = groups.get(value, 0) + 1
        return {name: groups for name in self.column_names if name != self.grouped}


stub = types.ModuleType("datasets")
stub.Dataset = Table
sys.modules["datasets"] = stub
hard_negatives.is_datasets_available = lambda: True


class TableModel:
    """A model whose similarity of query q and document d is scores[q][d]."""

    device = torch.device("cpu")

    def __init__(self, scores):
        self.scores = torch.tensor(scores, dtype=torch.float32)

    def encode_query(self, texts, **_):
        return np.eye(QUERIES, dtype=np.float32)[[int(text[1:]) for text in texts]]

    def encode_document(self, texts, **_):
        return self.scores.T.numpy()[[int(text[1:]) for text in texts]]

    @staticmethod
    def similarity(queries, documents):
        return torch.as_tensor(queries) @ torch.as_tensor(documents).T

    @staticmethod
    def similarity_pairwise(queries, documents):
        return (torch.as_tensor(queries) * torch.as_tensor(documents)).sum(1)


def main():
    chance = random.Random(7)
    scores = [[x / 64 for x in chance.sample(range(-40, 64), DOCUMENTS)] for _ in range(QUERIES)]
    positives = [sorted(chance.sample(range(DOCUMENTS), chance.randint(1, 3))) for _ in range(QUERIES)]
    rows = [(f"q{q}", f"d{d}") for q in range(QUERIES) for d in positives[q]]
    table = Table({"anchor": [q for q, _ in rows], "positive": [d for _, d in rows]})
    cases = []
    for absolute, relative, highest, lowest in itertools.product(
        [None, 0.0, 0.125, -0.25], [None, 0.0, 0.25], [None, 0.5], [None, -0.25]
    ):
        result = hard_negatives.mine_hard_negatives(
            table, TableModel(scores), corpus=[f"d{d}" for d in range(DOCUMENTS)], range_max=DOCUMENTS,
            max_score=highest, min_score=lowest, absolute_margin=absolute, relative_margin=relative,
            num_negatives=NEGATIVES, sampling_strategy="top", output_format="labeled-pair", verbose=False,
        )
        negatives = [[] for _ in range(QUERIES)]
        for query, document, label in zip(result["anchor"], result["positive"], result["label"]):
            if label == 0:
                negatives[int(query[1:])].append(int(document[1:]))
        cases.append(
            {"absolute_margin": absolute, "relative_margin": relative, "max_score": highest, "min_score": lowest}
            | {"negatives": negatives}
        )
    out = {"version": sentence_transformers.__version__, "count": NEGATIVES}
    json.dump(out | {"scores": scores, "positives": positives, "cases": cases}, sys.stdout, separators=(",", ":"))
    print()


main()
