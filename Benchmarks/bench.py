"""Times tvt against its peers on the same work, in one run, and writes the table of docs/benchmarks.md.

usage: bench.py [--runs N] [--only NAME[,NAME…]] [--output FILE.md]

With --only, the other sections of the table are those of earlier runs.

Each pair runs alternately (ours, peer, ours, peer, …) after one uncounted round, as whole processes, so that a drift
of the machine's speed hits both; figures are medians, ratios are medians of the ratio of each pair.
"""
import argparse
import os
import re
import shlex
import statistics
import subprocess
import sys
import textwrap
import time

from sections import emit

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)


def shell(command):
    """Runs the command to its end; gives its wall seconds and standard output."""
    started = time.monotonic()
    finished = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, executable="/bin/bash")
    wall = time.monotonic() - started
    if finished.returncode != 0:
        sys.exit(f"{command}: exit status {finished.returncode}\n{finished.stderr.decode()}")
    return wall, finished.stdout.decode()


def timed(command):
    """As `shell`, with the peak memory of the largest process."""
    report = os.path.join(ROOT, ".build", "bench-time")
    wall, output = shell(f"/usr/bin/time -f %M -o {shlex.quote(report)} bash -c {shlex.quote(command)}")
    return {"wall": wall, "peak_mib": int(open(report).read().split()[-1]) / 1024, "output": output}


def paired(benchmark, runs):
    """Alternating runs of both commands; the warm-up is not counted."""
    rows = []
    warm_up = benchmark.get("warm_up", 1)
    for turn in range(runs + warm_up):
        row = []
        for command in (benchmark["ours"], benchmark.get("peer")):
            if command and "prepare" in benchmark:
                shell(benchmark["prepare"])
            row.append(timed(command) if command else None)
        if turn >= warm_up:
            rows.append(row)
    return rows


def work(benchmark):
    """How much of `unit` one run does; None where no rate is told."""
    if "work_of_file" in benchmark:
        return os.path.getsize(os.path.join(ROOT, benchmark["work_of_file"])) / 1e6
    return benchmark.get("work")


def report(benchmark, rows):
    """One section of Markdown: what was done, the commands, the table."""
    ours = benchmark.get("figure")  # reads the time from the output, where the process does other work as well
    figures = [ours, benchmark.get("peer_figure", ours)]
    seconds = [[figure(run["output"]) if figure else run["wall"] for run in column if run]
               for figure, column in zip(figures, zip(*rows))]
    names = benchmark.get("names", ["tvt", benchmark.get("peer_name")])
    amount = work(benchmark)

    commands = [benchmark[side] for side in ("ours", "peer") if side in benchmark]
    lines = [f"## {benchmark['title']}", "", *textwrap.wrap(benchmark["what"], 120), "", "```", *commands, "```", ""]
    columns = ["", "seconds (median; min–max)"] + ([f"{benchmark['unit']}/s"] if amount else []) + ["peak memory"]
    lines += ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
    for name, times, runs in zip(names, seconds, zip(*rows)):
        if not times:
            continue
        middle = statistics.median(times)
        cells = [name, f"{middle:.3g} ({min(times):.3g}–{max(times):.3g})"]
        if amount:
            cells.append(f"{amount / middle:,.4g}")
        cells.append(f"{statistics.median([run['peak_mib'] for run in runs]):,.0f} MiB")
        lines.append("| " + " | ".join(cells) + " |")
    if "peer" in benchmark and benchmark.get("compares", True):
        ratio = statistics.median([peer / ours for ours, peer in zip(*seconds)])
        goal = f"; the goal is {benchmark['goal']}×" if benchmark.get("goal") else ""
        lines += ["", f"**{ratio:.2f}× the peer's speed** (median of {len(rows)} pairs{goal})."]
    return "\n".join(lines) + "\n"


def heading():
    """What was measured, and on what."""
    cpu = shell("lscpu")[1]
    model = re.search(r"Model name: *(.*)", cpu).group(1)
    flags = [flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if re.search(rf"\b{flag}\b", cpu)]
    lists = ("requirements.txt", "requirements-store.txt")
    versions = sorted({line for name in lists for line in open(os.path.join(HERE, name)).read().split()})
    return "\n".join([
        "# Benchmarks", "",
        "`make bench` wrote this page. Each pair runs in turn, ours then the peer's, after one round that is not counted;",
        "figures are medians, a ratio is the median of the ratios of the pairs. Machines are noisy: trust the ratios.", "",
        f"Machine: {model}, {os.cpu_count()} cores ({', '.join(flags)}). Peers: {', '.join(versions)}.",
        "Quality (what training, filtering and mining change) is in [quality.md](quality.md).", "", ""])


# What store.py, media.py, sources.py and the like have written; run.sh runs them.
OTHER_SECTIONS = ["store", "media", "table", "sources", "adapters", "examples", "tokenizers", "families", "int8", "inputs", "vision", "growth"]


def main():
    from benchmarks import BENCHMARKS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--output", help="Markdown file to write (default: stdout)")
    options = parser.parse_args()
    names = [benchmark["name"] for benchmark in BENCHMARKS]
    wanted = options.only.split(",") if options.only else names
    if unknown := set(wanted) - set(names) - set(OTHER_SECTIONS):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(names)}")

    folder = os.path.join(ROOT, ".build", "bench", "sections")
    os.makedirs(folder, exist_ok=True)
    for benchmark in BENCHMARKS:
        if benchmark["name"] in wanted:
            print(f"bench: {benchmark['name']}", file=sys.stderr)
            if "setup" in benchmark:
                shell(benchmark["setup"])
            section = report(benchmark, paired(benchmark, benchmark.get("runs", options.runs)))
            with open(os.path.join(folder, benchmark["name"] + ".md"), "w") as file:
                file.write(section)
    # Sections of earlier runs stand beside those of this one.
    paths = [os.path.join(folder, name + ".md") for name in names + OTHER_SECTIONS]
    text = heading() + "\n".join(open(path).read() for path in paths if os.path.exists(path))
    emit(text, options.output)


if __name__ == "__main__":
    main()
