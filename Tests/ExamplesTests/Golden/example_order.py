"""Prints entries of the example order and choices of passages, computed from the formulas in docs/formats.md."""

MASK = (1 << 64) - 1


def finalize(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def combine(value, key):
    return finalize(((value + 0x9E3779B97F4A7C15) & MASK) ^ finalize((key + 0xD1B54A32D192ED03) & MASK))


def mix(seed, *keys):
    value = finalize(seed)
    for key in keys:
        value = combine(value, key)
    return value


class Permutation:
    def __init__(self, count, seed, *keys):
        self.count = count
        bits = 1 if count <= 1 else (count - 1).bit_length()
        self.half = (bits + 1) // 2
        for key in keys:
            seed = mix(seed, key)
        state = finalize(seed)
        self.keys = []
        for _ in range(6):
            state = (state + 0x9E3779B97F4A7C15) & MASK
            self.keys.append(finalize(state))

    def __getitem__(self, value):
        mask = (1 << self.half) - 1
        while True:
            left, right = value >> self.half, value & mask
            for key in self.keys:
                left, right = right, left ^ (finalize((right + key) & MASK) & mask)
            value = left << self.half | right
            if value < self.count:
                return value


BLOCK, PART = 0x626C6F636B000001, 0x7061727400000002
POSITIVE, NEGATIVE = 0x706F736974697665, 0x6E65676174697665


def entry(parts, seed, slot):
    first = [0]
    for _, weight in parts:
        first.append(first[-1] + weight)
    block, place = divmod(slot, first[-1])
    drawn = Permutation(first[-1], seed, BLOCK, block)[place]
    part = next(d for d in range(len(parts)) if drawn < first[d + 1])
    count, weight = parts[part]
    epoch, index = divmod(block * weight + drawn - first[part], count)
    return part, epoch, Permutation(count, seed, PART, part, epoch)[index]


def choose(seed, part, query, epoch, positives, negatives, wanted):
    window, place = divmod(epoch, positives)
    positive = Permutation(positives, seed, POSITIVE, part, query, window)[place]
    taken = min(wanted, negatives)
    if taken == 0:
        return positive, []
    window, place = divmod(epoch, negatives // taken)
    order = Permutation(negatives, seed, NEGATIVE, part, query, window)
    return positive, [order[place * taken + offset] for offset in range(taken)]


MIXES = [
    [(1, 1)],
    [(97, 1)],
    [(10, 3), (33, 1), (7, 5)],
    [(31102, 31102)],
    [(100_000_000, 3), (12_345_678, 1)],
    [(1 << 40, 9), (3, 1), (5_000_000_000, 90)],
]

if __name__ == "__main__":
    for number, parts in enumerate(MIXES):
        for seed in [0, 42, MASK]:
            for slot in [*range(12), 97, 4096, 1_000_003, (1 << 40) + 5]:
                print("order", number, seed, slot, *entry(parts, seed, slot))
    for seed, part, query, epoch, positives, negatives, wanted in [
        (42, 0, 0, 0, 1, 15, 3),
        (42, 0, 7, 1, 3, 15, 3),
        (42, 2, 9080, 5, 4, 16, 7),
        (7, 1, 4_294_967_295, 1000, 57, 100, 4),
        (0, 0, 3, 2, 2, 2, 7),
        (MASK, 3, 12, 9, 5, 0, 3),
    ]:
        positive, chosen = choose(seed, part, query, epoch, positives, negatives, wanted)
        print("choice", seed, part, query, epoch, positives, negatives, wanted, positive, *chosen)
