"""Times tvt against its peers on the same work, in one run, and writes the table of docs/benchmarks.md.

usage: bench.py [--runs N] [--only NAME[,NAME…]] [--output FILE.md]

Each pair runs alternately (ours, peer, ours, peer, …) after one uncounted round, as whole processes, so that a drift
of the machine's speed hits both; figures are medians, ratios are medians of the ratio of each pair.
"""
import argparse
import os
import shlex
import statistics
import subprocess
import sys
import time

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
    """As `shell`, with user + system seconds and peak memory of the largest process."""
    report = os.path.join(ROOT, ".build", "bench-time")
    wall, output = shell(f"/usr/bin/time -f '%U %S %M' -o {shlex.quote(report)} bash -c {shlex.quote(command)}")
    user, system, peak = open(report).read().split()[-3:]
    return {"wall": wall, "process": float(user) + float(system), "peak_mib": int(peak) / 1024, "output": output}


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


def report(benchmark, rows):
    """One section of Markdown: what was done, the commands, the table."""
    figure = benchmark.get("figure")  # reads the time from the output, where the process does other work as well
    clock = benchmark.get("clock", "wall")

    def seconds(run):
        return figure(run["output"]) if figure else run[clock]

    commands = [benchmark["ours"]] + ([benchmark["peer"]] if benchmark.get("peer") else [])
    lines = [f"### {benchmark['title']}", "", benchmark["what"], "", "```", *commands, "```", ""]
    has_rate = "work" in benchmark
    columns = ["", "seconds (median; min–max)"] + ([f"{benchmark['unit']}/s"] if has_rate else []) + ["peak memory"]
    lines += ["| " + " | ".join(columns) + " |", "| --- " * len(columns) + "|"]
    for index, label in enumerate(["tvt", benchmark.get("peer_name", "peer")]):
        runs = [row[index] for row in rows]
        if runs[0] is None:
            continue
        times = [seconds(run) for run in runs]
        middle = statistics.median(times)
        cells = [label, f"{middle:.3g} ({min(times):.3g}–{max(times):.3g})"]
        if has_rate:
            cells.append(f"{benchmark['work'] / middle:,.4g}")
        cells.append(f"{statistics.median([run['peak_mib'] for run in runs]):,.0f} MiB")
        lines.append("| " + " | ".join(cells) + " |")
    if benchmark.get("peer"):
        ratio = statistics.median([seconds(peer) / seconds(ours) for ours, peer in rows])
        goal = f"; the goal is {benchmark['goal']}×" if "goal" in benchmark else ""
        lines += ["", f"**{ratio:.2f}× the peer's speed** (median of {len(rows)} pairs{goal})."]
    return "\n".join(lines) + "\n"


def main():
    from benchmarks import BENCHMARKS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--output", help="Markdown file to write (default: stdout)")
    options = parser.parse_args()
    names = [benchmark["name"] for benchmark in BENCHMARKS]
    wanted = options.only.split(",") if options.only else names
    if unknown := set(wanted) - set(names):
        sys.exit(f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(names)}")

    sections = []
    for benchmark in BENCHMARKS:
        if benchmark["name"] in wanted:
            print(f"bench: {benchmark['name']}", file=sys.stderr)
            if "setup" in benchmark:
                shell(benchmark["setup"])
            sections.append(report(benchmark, paired(benchmark, benchmark.get("runs", options.runs))))
    text = "\n".join(sections)
    if options.output:
        with open(options.output, "w") as file:
            file.write(text)
    else:
        print(text)


if __name__ == "__main__":
    main()
