"""Measures images in the store against the peers on the same files and writes one table.

    python Benchmarks/media.py [--runs N] [--only tvt,lmdb,…] [--images DIR] [--output FILE.md]

The images are `make_images.py`'s: 1,300 files of about 90 KB from Debian's packages. Every contestant writes them once,
then is read by a process of its own, RUNS times in turn; figures are medians.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys

from store import BENCH, ROOT, cell, peer, run

from sections import emit

STORE = f"{BENCH}/media-store"
PEERS = ["datasets", "lmdb", "streaming", "litdata", "webdataset"]
COLUMNS = [
    ("open, ms", "openMilliseconds", "{:,.1f}"), ("items/s, at random", "itemsPerSecond", "{:,.0f}"),
    ("GB/s", "gigabytesPerSecond", "{:.2f}"), ("p50, µs", "p50Microseconds", "{:.1f}"),
    ("p99, µs", "p99Microseconds", "{:.1f}"), ("items/s, in order", "inOrder", "{:,.0f}"),
    ("size", "share", "{:.2%}"), ("write, MB/s", "writeRate", "{:,.0f}"), ("peak, MiB", "peakMiB", "{:,.0f}"),
]  # fmt: skip


def write(name, images):
    """Seconds to write all files."""
    files = f"{images}/files"
    if name == "tvt":
        shutil.rmtree(os.path.join(ROOT, STORE), ignore_errors=True)
        return run(".build/release/tvt-bench", "media-fill", "--store", STORE, "--as", "images", "--from", files)["wallSeconds"]
    return peer("media-write", name, files, f"{BENCH}/peers/media-{name}")["seconds"]


def read(name):
    if name == "tvt":
        return run(".build/release/tvt-bench", "media-read", "images", "--store", STORE)
    return peer("media-read", name, f"{BENCH}/peers/media-{name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only")
    parser.add_argument("--images", default=f"{BENCH}/images")
    parser.add_argument("--output")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else ["tvt", *PEERS]
    os.makedirs(os.path.join(ROOT, BENCH, "peers"), exist_ok=True)
    if not os.path.exists(os.path.join(ROOT, options.images, "images.json")):
        subprocess.run([sys.executable, "Benchmarks/make_images.py", options.images], cwd=ROOT, check=True)
    with open(os.path.join(ROOT, options.images, "images.json")) as file:
        images = json.load(file)
    readings, written = {name: [] for name in names}, {}
    for name in names:
        print(f"media: writing {name}", file=sys.stderr)
        written[name] = write(name, options.images)
    for turn in range(options.runs):
        for name in names:
            print(f"media: reading {name}, {turn + 1} of {options.runs}", file=sys.stderr)
            readings[name].append(read(name))
    results = {}
    for name in names:
        keys = readings[name][0].keys()
        results[name] = {key: statistics.median(reading[key] for reading in readings[name]) for key in keys}
        results[name]["share"] = results[name]["storedBytes"] / images["bytes"]
        results[name]["writeRate"] = images["bytes"] / 1e6 / written[name]
    count, mean = images["count"], images["bytes"] / images["count"] / 1e3
    lines = [
        f"## Images: {count:,} files", "",
        f"{count:,} JPEG and PNG files of Debian's packages, {mean:.0f} KB each on average, written by each library as it",
        "advises (tvt: hashed, on two threads) and read by one process and thread: the bytes of an image, not decoded. tvt",
        "checks each read against a checksum; of the peers none does. webdataset reads in order only.", "",
        "What others do better: lmdb reads faster, because it copies bytes out of its map and checks nothing; its reads are as",
        "good as the disk that they come from.", "",
        "```", "python Benchmarks/media.py", "```", "",
        "| | " + " | ".join(title for title, _, _ in COLUMNS) + " |", "| --- " * (len(COLUMNS) + 1) + "|",
    ]  # fmt: skip
    for name, result in results.items():
        lines.append(f"| {name} | " + " | ".join(cell(result.get(key), form) for _, key, form in COLUMNS) + " |")
    if "tvt" in results and results.get("datasets", {}).get("itemsPerSecond"):
        ratio = results["tvt"]["itemsPerSecond"] / results["datasets"]["itemsPerSecond"]
        lines += ["", f"Verified random reads run at **{ratio:.1f}×** those of datasets."]
    text = "\n".join(lines) + "\n"
    emit(text, options.output)


if __name__ == "__main__":
    main()
