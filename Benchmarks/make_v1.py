"""Repeats a v1 file with new query ids until it has a size, for benchmarks of conversion.

usage: make_v1.py INPUT.jsonl.zst OUTPUT.jsonl [--megabytes 500]

Passages stay as they are, so each comes again in every repetition, as passages do in large v1 files. Nothing is done
where the output exists.
"""
import argparse
import os

import zstandard

PREFIX = b'{"query_id": "'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input")
    parser.add_argument("output")
    parser.add_argument("--megabytes", type=int, default=500)
    options = parser.parse_args()
    if os.path.exists(options.output):
        return
    with open(options.input, "rb") as file:
        lines = zstandard.ZstdDecompressor().stream_reader(file).read().splitlines(keepends=True)
    if not all(line.startswith(PREFIX) for line in lines):
        raise SystemExit(f"{options.input}: a line does not begin with {PREFIX.decode()}")
    written = repetition = 0
    with open(options.output + ".tmp", "wb") as output:
        while written < options.megabytes * 1_000_000:
            for line in lines:
                written += output.write(PREFIX + b"%d/" % repetition + line[len(PREFIX) :])
            repetition += 1
    os.rename(options.output + ".tmp", options.output)


if __name__ == "__main__":
    main()
