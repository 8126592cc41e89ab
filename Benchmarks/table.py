"""Converts Parquet with images to disk, tvt against `datasets`, and writes one table.

    python Benchmarks/table.py [--runs N] [--megabytes N] [--output FILE.md]

The table holds `make_images.py`'s images again and again, each time with other last bytes, so that none comes twice: a
document each, with its id, a caption and `image: struct<bytes, path>` as published sets have it. tvt stores records and
items, indexed, hashed, synced; the peer does what its documentation advises, `load_dataset("parquet")` and
`save_to_disk`, without decoding the images. Both are whole processes, timed in turn after one round that is not counted.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

from sections import ROOT, emit, timed

BENCH = ".build/bench"
PYTHON = ".build/peers-store/bin/python"


def make(images, table, byte_count):
    """Runs within the peers' Python."""
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([
        ("docid", pyarrow.string()), ("text", pyarrow.string()),
        ("image", pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])),
    ])  # fmt: skip
    names = sorted(os.listdir(f"{images}/files"))
    contents = {}
    written = number = 0
    with pyarrow.parquet.ParquetWriter(table + ".tmp", schema, compression="zstd") as writer:
        while written < byte_count:
            rows = []
            for _ in range(100):
                name = names[number % len(names)]
                if name not in contents:
                    with open(f"{images}/files/{name}", "rb") as file:
                        contents[name] = file.read()
                data = contents[name] + b"\n%d" % number
                rows.append({"docid": f"d{number}", "text": f"picture {name}", "image": {"bytes": data, "path": name}})
                written += len(data)
                number += 1
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))
    os.rename(table + ".tmp", table)


def peer(table, folder, cache):
    """Runs within the peers' Python."""
    os.environ["HF_DATASETS_CACHE"] = cache
    import datasets

    datasets.disable_progress_bars()
    data = datasets.load_dataset("parquet", data_files=table, split="train", cache_dir=cache)
    data = data.cast_column("image", datasets.Image(decode=False))
    data.save_to_disk(folder)


def main():
    if sys.argv[1:2] == ["--make"]:
        return make(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    if sys.argv[1:2] == ["--peer"]:
        return peer(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--output")
    options = parser.parse_args()
    images, table = f"{BENCH}/images", f"{BENCH}/images-{options.megabytes}.parquet"
    if not os.path.exists(os.path.join(ROOT, images, "images.json")):
        subprocess.run([sys.executable, "Benchmarks/make_images.py", images], cwd=ROOT, check=True)
    if not os.path.exists(os.path.join(ROOT, table)):
        subprocess.run(
            [PYTHON, "Benchmarks/table.py", "--make", images, table, str(options.megabytes * 1_000_000)], cwd=ROOT, check=True)
    rounds = []
    for turn in range(options.runs + 1):
        print(f"table: round {turn} of {options.runs}", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=os.path.join(ROOT, BENCH)) as folder:
            ours = timed(
                ".build/release/tvt-convert", "tevatron", "--corpus", table, "--dataset", "images", "--quiet", "--store",
                f"{folder}/store")  # fmt: skip
            shutil.rmtree(f"{folder}/store")
            theirs = timed(PYTHON, "Benchmarks/table.py", "--peer", table, f"{folder}/saved", f"{folder}/cache")
        if turn > 0:
            rounds.append((ours, theirs))
    size = os.path.getsize(os.path.join(ROOT, table)) / 1e6
    lines = [
        "## Parquet with images", "",
        f"A Parquet file of {size:,.0f} MB, a document with an image of about 85 KB a row, to disk: tvt hashes, deduplicates,",
        "indexes and syncs; `datasets` loads and saves without decoding. Whole processes.", "",
        "```", "python Benchmarks/table.py", "```", "", "| | seconds | MB/s | peak, MiB |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for name, index in [("tvt", 0), ("datasets", 1)]:
        seconds = statistics.median(row[index][0] for row in rounds)
        peak = max(row[index][1] for row in rounds)
        lines.append(f"| {name} | {seconds:.2f} | {size / seconds:,.0f} | {peak:,.0f} |")
    ratio = statistics.median(row[1][0] / row[0][0] for row in rounds)
    lines += ["", f"**{ratio:.2f}× the peer's speed** (median of {options.runs} pairs; the goal is 2×)."]
    text = "\n".join(lines) + "\n"
    emit(text, options.output)


if __name__ == "__main__":
    main()
