"""Measures the store against its peers on the same passages and writes one table.

    python Benchmarks/store.py [--runs N] [--only tvt,lmdb,…] [--output FILE.md]

The corpus is `make_passages.py`'s: 200,000 passages of Debian's documentation. Every contestant writes it once, then is
read by a process of its own, RUNS times in turn; figures are medians. One more process reads after the page cache was
emptied (needs root; left out otherwise): its first 2,000 random reads are the cold ones.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from sections import emit

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BENCH = ".build/bench"
PASSAGES = f"{BENCH}/passages.jsonl"
STORE = f"{BENCH}/passages-store"
PEERS = ["datasets", "lance", "lmdb", "streaming", "streaming-zstd", "litdata", "litdata-zstd", "webdataset"]
TVT = {"tvt": 2048, "tvt, a frame each": 1, "tvt, 4 KiB frames": 4096}
COMPRESSED = {"lance", "streaming-zstd", "litdata-zstd", "webdataset"}
# What a peer stores compressed, but reads only after it has unpacked all of it beside.
UNPACKS = {"streaming-zstd", "litdata-zstd"}


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"store.py: {' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return json.loads(done.stdout[done.stdout.index("{") :])


def peer(*arguments):
    return run(".build/peers-store/bin/python", "Benchmarks/store_peer.py", *arguments)


def write(name):
    """Seconds to write the corpus."""
    if name in TVT:
        result = run(
            ".build/release/tvt-bench", "store-fill", "--store", STORE, "--as", reference(name), "--from", PASSAGES,
            "--frame-bytes", str(TVT[name]),
        )  # fmt: skip
        return result["wallSeconds"]
    return peer("write", name, PASSAGES, f"{BENCH}/peers/{name}")["seconds"]


def reference(name):
    return f"frames-{TVT[name]}"


def read(name):
    if name in TVT:
        return run(".build/release/tvt-bench", "store-read", reference(name), "--store", STORE)
    folder = f"{BENCH}/peers/{name}"
    if name not in UNPACKS:
        return peer("read", name, folder)
    # Each reading starts from what was written, not from what an earlier one has unpacked.
    with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, BENCH)) as copy:
        shutil.copytree(os.path.join(ROOT, folder), copy, dirs_exist_ok=True)
        return peer("read", name, copy)


def empty_page_cache():
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3")
        return True
    except OSError:
        return False


def cell(value, form="{:,.0f}"):
    return "–" if value is None else form.format(value)


def table(results, raw):
    columns = [
        ("open, ms", lambda r: cell(r.get("openMilliseconds"), "{:,.1f}")),
        ("by ordinal", lambda r: cell(r.get("byOrdinal"))),
        ("p50 / p99, µs", lambda r: f"{cell(r.get('p50Microseconds'), '{:.1f}')} / {cell(r.get('p99Microseconds'), '{:.1f}')}"),
        ("cold read, µs", lambda r: cell(r.get("coldMicroseconds"))),
        ("by docid", lambda r: cell(r.get("byID"))),
        ("batches of 256", lambda r: cell(r.get("inBatchesOf256"))),
        ("shuffled pass", lambda r: cell(r.get("shuffled"))),
        ("scan, MB/s", lambda r: cell(r.get("scanMegabytesPerSecond"))),
        ("size", lambda r: f"{r['storedBytes'] / raw:.1%}"),
        ("write, s", lambda r: cell(r.get("writeSeconds"), "{:.1f}")),
        ("peak, MiB", lambda r: cell(r.get("peakMiB"))),
    ]  # fmt: skip
    lines = ["| | " + " | ".join(name for name, _ in columns) + " |", "| --- " * (len(columns) + 1) + "|"]
    for name, result in results.items():
        lines.append(f"| {name} | " + " | ".join(form(result) for _, form in columns) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only")
    parser.add_argument("--output")
    options = parser.parse_args()
    names = options.only.split(";") if options.only else [*TVT, *PEERS]
    os.makedirs(os.path.join(ROOT, BENCH, "peers"), exist_ok=True)
    if not os.path.exists(os.path.join(ROOT, PASSAGES)):
        subprocess.run([sys.executable, "Benchmarks/make_passages.py", PASSAGES], cwd=ROOT, check=True)
    raw = os.path.getsize(os.path.join(ROOT, PASSAGES))
    shutil.rmtree(os.path.join(ROOT, STORE), ignore_errors=True)
    readings, results = {name: [] for name in names}, {}
    written = {}
    for name in names:
        print(f"store: writing {name}", file=sys.stderr)
        written[name] = write(name)
    for turn in range(options.runs):
        for name in names:
            print(f"store: reading {name}, {turn + 1} of {options.runs}", file=sys.stderr)
            readings[name].append(read(name))
    for name in names:
        keys = {key for reading in readings[name] for key in reading}
        result = {key: statistics.median(r[key] for r in readings[name] if r.get(key) is not None) for key in keys
                  if any(r.get(key) is not None for r in readings[name])}
        result["writeSeconds"] = written[name]
        if name not in UNPACKS and empty_page_cache():
            result["coldMicroseconds"] = read(name).get("firstReadMicroseconds")
        results[name] = result
    lines = [
        "## The store: 200,000 passages", "",
        "200,000 passages of Debian's documentation, 819 bytes of JSON each on average, written by each library as it",
        "advises and read by one process: documents a second, at random by ordinal and by docid, in random batches of 256",
        "(tvt on two threads; lance on its own pool), all of them shuffled, and in order. Each reading of a peer gives Python",
        "objects, of tvt the record's verified bytes. streaming-zstd and litdata-zstd store compressed and read only",
        "what they have unpacked beside, so while they are read they take their own size and that of the unpacked ones.",
        "webdataset (tar.gz) reads in order only; its shuffled pass goes through a buffer of 10,000 samples. A pass of a peer",
        "is its first tenth.", "",
        "What others do better: datasets scans faster, because Arrow neither compresses nor checks and only one column is",
        "read; streaming-zstd and litdata-zstd take less space, because they compress whole shards, which is why they cannot",
        "read a document in place.", "",
        "```", "python Benchmarks/store.py", "```", "", table(results, raw), "",
    ]  # fmt: skip
    rivals = {name: results[name]["shuffled"] for name in names if name in COMPRESSED and results[name].get("shuffled")}
    if "tvt" in results and rivals:
        best = max(rivals, key=rivals.get)
        lines.append(
            f"A shuffled pass runs at **{results['tvt']['shuffled'] / rivals[best]:.1f}×** the best peer that stores "
            f"compressed ({best}; the goal is 2×)."
        )
    text = "\n".join(lines) + "\n"
    emit(text, options.output)


if __name__ == "__main__":
    main()
