"""The peer of tvt-bench tokenize: `encode_batch` of the tokenizers library on all lines of a file.

usage: token_ids_peer.py TOKENIZER.json TEXTS [--passes N]      (threads: RAYON_NUM_THREADS)
"""

import argparse
import array
import hashlib
import json
import resource
import statistics
import time

from tokenizers import Tokenizer


def seconds(body):
    started = time.monotonic()
    body()
    return time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tokenizer")
    parser.add_argument("texts")
    parser.add_argument("--passes", type=int, default=5)
    options = parser.parse_args()
    loading = statistics.median(seconds(lambda: Tokenizer.from_file(options.tokenizer)) for _ in range(5))
    tokenizer = Tokenizer.from_file(options.tokenizer)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    with open(options.texts, "rb") as file:
        lines = [line.decode() for line in file.read().split(b"\n") if line]
    encodings = tokenizer.encode_batch(lines)
    times = []
    for _ in range(options.passes):
        encodings = None
        started = time.monotonic()
        encodings = tokenizer.encode_batch(lines)
        times.append(time.monotonic() - started)
    digest = hashlib.sha256()
    for encoding in encodings:
        digest.update(array.array("i", [*encoding.ids, -1]).tobytes())
    result = {
        "texts": len(lines), "tokens": sum(len(encoding) for encoding in encodings), "loadMilliseconds": loading * 1e3,
        "seconds": statistics.median(times), "digest": digest.hexdigest(),
        "peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
