"""Takes raw sets of full size into a store and checks what came of them: the counts, and every image, video and sound, bit for bit,
as `tvt-store media` gives it.

    python Benchmarks/sources.py [--folder DIR] [--cache DIR] [--only pixmo,…] [--output FILE.md]
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from sections import emit

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, ".build", "release")
NAMES = ["pixmo", "colpali", "audiocaps", "msr-vtt"]


def convert(name, raw, store):
    """The report of the conversion, with its seconds and its peak memory in MiB."""
    tool = [os.path.join(BUILD, "tvt-convert"), name, raw, "--dataset", name, "--store", store, "--json"]
    timed = subprocess.run(["/usr/bin/time", "-f", "%e %M", *tool], check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    *messages, last = timed.stderr.strip().splitlines()
    print("\n".join(messages), file=sys.stderr) if messages else None
    seconds, peak = last.split()
    return json.loads(timed.stdout) | {"wallSeconds": float(seconds), "peakMiB": int(peak) / 1024}


def check(name, store, expected, report):
    """Ends with a message where anything differs."""
    for key in ("documents", "queries", "positives", "judgements"):
        if key in expected and report[key] != expected[key]:
            raise SystemExit(f"{name}: {report[key]} {key}, not {expected[key]}")
    tool = [os.path.join(BUILD, "tvt-store"), "media", name, "--store", store, "--output", "-"]

    def digest(docid):
        return hashlib.sha256(subprocess.run([*tool, "--docid=" + docid], check=True, stdout=subprocess.PIPE).stdout).hexdigest()

    with ThreadPoolExecutor(2) as pool:
        for (docid, wanted), found in zip(expected["media"].items(), pool.map(digest, expected["media"])):
            if found != wanted:
                raise SystemExit(f"{name}: the item of {docid} has the SHA-256 {found}, not {wanted}")
    return len(expected["media"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=os.path.join(ROOT, ".build", "bench", "sources"))
    parser.add_argument("--cache")
    parser.add_argument("--only")
    parser.add_argument("--output")
    options = parser.parse_args()
    store = os.path.join(options.folder, "store")
    shutil.rmtree(store, ignore_errors=True)
    os.makedirs(options.folder, exist_ok=True)
    rows = []
    for name in options.only.split(",") if options.only else NAMES:
        folder = os.path.join(options.folder, name)
        if not os.path.exists(os.path.join(folder, "expected.json")):
            cache = ["--cache", options.cache] if options.cache else []
            subprocess.run([sys.executable, os.path.join(ROOT, "Benchmarks", "make_sources.py"), name, folder, *cache], check=True)
        with open(os.path.join(folder, "expected.json")) as file:
            expected = json.load(file)
        report = convert(name, os.path.join(folder, "raw"), store)
        count = check(name, store, expected, report)
        read = sum(item["size"] for item in report["inputs"]) / 1e6
        judged = sum(report["judgements"].values())
        rows.append(
            f"| `{name}` | {report['documents']:,} | {report['queries']:,} | {report['positives']:,} | {judged:,} | {count:,}"
            f" | {read:,.0f} | {report['wallSeconds']:.2f} | {read / report['wallSeconds']:,.0f} | {report['peakMiB']:,.0f} |"
        )
        print(rows[-1], file=sys.stderr)
    lines = [
        "## Raw sources", "",
        "Sets in the layouts in which they are published, made by `make_sources.py` of real material: the stamps of Tux Paint (PixMo-docs),",
        "pages of LaTeX's and gnuplot's manuals (ColPali), the recordings of Asterisk (AudioCaps), and 8 real clips with 240 synthetic ones",
        "that pan over stamps (MSR-VTT). Every item was compared with its raw file by SHA-256, as `tvt-store media` gives it, and the counts",
        "with what was written.", "",
        "```", "python Benchmarks/sources.py", "```", "",
        "| source | documents | queries | positives | judgements | items compared | MB read | seconds | MB/s | peak, MiB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *rows, "",
    ]  # fmt: skip
    emit("\n".join(lines), options.output)


main()
