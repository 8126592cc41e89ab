"""Prints slots of orders by shares, computed from the formulas in docs/formats.md with Python's exact integers.

Python 3.11, standard library only: `python share_order.py > shares.txt`.
"""

from fractions import Fraction
from math import ceil

from example_order import PART, Permutation

SHARE, END = 0x7368617265000003, 1 << 64


def rounded(turns, edge):
    return (turns * edge + (1 << 63)) >> 64


def stages(parts):
    """(first turn, last turn or END, S in units of 2^-64, turns of each part before) of every stage."""
    bounds = sorted({0} | {bound for part in parts for bound in part[2:]})
    before, found = [0] * len(parts), []
    for start, end in zip(bounds, bounds[1:]):
        drawn = [weight if first <= start < last else 0.0 for _, weight, first, last in parts]
        total, last_drawn = sum(drawn), max(d for d, weight in enumerate(drawn) if weight > 0)
        edges, running = [0], 0.0
        for part, weight in enumerate(drawn):
            edge = edges[-1]
            if weight > 0:
                running += weight
                room = sum(1 for later in drawn[part + 1 :] if later > 0) << 11
                # Half away from zero.
                exact = int(Fraction(running / total) * (1 << 53) + Fraction(1, 2)) << 11
                edge = 1 << 64 if part == last_drawn else min(max(exact, edge + (1 << 11)), (1 << 64) - room)
            edges.append(edge)
        found.append((start, end, edges, before))
        if end != END:
            before = [
                had + rounded(end - start, high) - rounded(end - start, low)
                for had, low, high in zip(before, edges, edges[1:])
            ]
    return found


def entry(parts, run, seed, slot):
    """`parts` are (count, weight, first turn, last turn)."""
    turn, place = divmod(slot, run)
    start, end, edges, before = next(stage for stage in stages(parts) if stage[0] <= turn < stage[1])
    size = ceil(Fraction(1 << 64, min(high - low for low, high in zip(edges, edges[1:]) if high > low)))
    number, last = (turn - start) // size, None
    if end != END:
        last = max(1, (end - start) // size) - 1
        number = min(number, last)
    low, high = number * size, end - start if number == last else (number + 1) * size
    drawn = Permutation(high - low, seed, SHARE, start + low)[turn - start - low]
    for part, (count, *_) in enumerate(parts):
        had = rounded(low, edges[part + 1]) - rounded(low, edges[part])
        own = rounded(high, edges[part + 1]) - rounded(high, edges[part]) - had
        if drawn < own:
            epoch, index = divmod((before[part] + had + drawn) * run + place, count)
            return part, epoch, Permutation(count, seed, PART, part, epoch)[index]
        drawn -= own


MIXES = [
    (1, [(97, 1.0, 0, END)]),
    (1, [(10, 0.3, 0, END), (33, 0.1, 0, END), (7, 0.6, 0, END)]),
    (16, [(31102, 2.5, 0, END), (500, 0.25, 0, END), (1 << 40, 1000.0, 0, END)]),
    (1, [(100, 1.0, 0, 64), (41, 0.75, 32, END), (9, 2.0, 96, 128)]),
    (4, [(100, 1e9, 0, 50), (41, 1e-9, 0, END), (9, 1e-9, 7, 90)]),
]

if __name__ == "__main__":
    for number, (run, parts) in enumerate(MIXES):
        for seed in (0, 42, (1 << 64) - 1):
            for slot in (0, 1, 5, 31, 32, 63, 64, 100, 127, 128, 199, 200, 511, 1000, 999_999, 10**12 + 7):
                print("share", number, seed, slot, *entry(parts, run, seed, slot))
