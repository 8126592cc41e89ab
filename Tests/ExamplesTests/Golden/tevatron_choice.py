"""Prints which negatives the original's TrainDataset takes: (item, epoch, negatives, wanted) -> indices."""

import random


def choose(item, epoch, count, wanted, seed=42):
    hashed_seed = hash(item + seed)
    offset = epoch * wanted % count
    negatives = list(range(count))
    random.Random(hashed_seed).shuffle(negatives)
    return (negatives * 2)[offset : offset + wanted]


for case in [(0, 0, 15, 3), (7, 1, 15, 3), (9080, 5, 15, 3), (4294967296123, 2, 40, 7), (3, 4, 8, 8)]:
    print(case, choose(*case))
