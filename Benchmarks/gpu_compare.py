"""Compares what Benchmarks/gpu.sh measured, and prints one JSON line; ends with 1 where a limit is passed.

    python3 Benchmarks/gpu_compare.py vectors CPU-FOLDER OTHER-FOLDER LEAST-COSINE [LARGEST-DIFFERENCE]
    python3 Benchmarks/gpu_compare.py rows FOLDER PEER.npy LEAST-COSINE
    python3 Benchmarks/gpu_compare.py losses CPU-RUN OTHER-RUN LARGEST-DIFFERENCE      relative, of metrics.jsonl
    python3 Benchmarks/gpu_compare.py pace RUN FIRST-STEPS-LEFT-OUT                    tokens/s and memory of metrics.jsonl
    python3 Benchmarks/gpu_compare.py table OUT                                        all results that lie there, as Markdown
"""

import glob
import json
import os
import statistics
import sys


def load(folder):
    import numpy

    parts = sorted(glob.glob(os.path.join(folder, "*.npy")))
    if not parts:
        sys.exit(f"{folder} has no vectors")
    ids = "".join(open(part[:-4] + ".ids").read() for part in parts)
    return numpy.concatenate([numpy.load(part).astype("float64") for part in parts]), ids


def vectors(reference, other, least, largest="inf"):
    import numpy

    (left, left_ids), (right, right_ids) = load(reference), load(other)
    if left_ids != right_ids or left.shape != right.shape:
        sys.exit(f"{reference} and {other} are of other records")
    lengths = numpy.linalg.norm(left, axis=1) * numpy.linalg.norm(right, axis=1)
    cosine, difference = float(((left * right).sum(1) / lengths).min()), float(abs(left - right).max())
    # Not a number is no good cosine.
    good = cosine >= float(least) and difference <= float(largest)
    # How far apart different records are: where it is nothing, so is the comparison.
    spread = float(left.std(0).mean() / abs(left).mean())
    return {"ok": good, "vectors": len(left), "least_cosine": cosine, "largest_difference": difference, "spread": spread}


def rows(folder, path, least):
    import numpy

    left, right = load(folder)[0], numpy.load(path).astype("float64")
    left = left[: len(right)]
    cosine = (left * right).sum(1) / numpy.linalg.norm(left, axis=1) / numpy.linalg.norm(right, axis=1)
    return {"ok": bool(cosine.min() >= float(least)), "vectors": len(left), "least_cosine": float(cosine.min())}


def steps(run):
    with open(os.path.join(run, "metrics.jsonl")) as file:
        return [line for line in map(json.loads, file) if "loss" in line and "validation" not in line]


def losses(reference, other, largest):
    left, right = ([step["loss"] for step in steps(run)] for run in (reference, other))
    if len(left) != len(right):
        sys.exit(f"{reference} has {len(left)} steps, and {other} {len(right)}")
    apart = max(abs(a - b) / max(abs(a), 1e-3) for a, b in zip(left, right))
    fell = left[0] - left[-1]
    return {"ok": apart <= float(largest), "steps": len(left), "largest_relative_difference": apart,
            "first": right[0], "last": right[-1], "fell": fell}  # fmt: skip


def pace(run, left_out):
    taken = steps(run)[int(left_out) :]
    seconds = statistics.median(step["seconds"] for step in taken)
    tokens = statistics.median(step["tokens"] for step in taken)
    most = max((step.get("device_bytes", 0) for step in taken), default=0)
    return {"ok": True, "steps": len(taken), "seconds_per_step": seconds, "tokens_per_step": tokens,
            "tokens_per_second": tokens / seconds, "device_mib": most / 2**20}  # fmt: skip


def table(folder):
    rows = []
    for path in sorted(glob.glob(os.path.join(folder, "*.status"))):
        name = os.path.basename(path)[: -len(".status")]
        status, seconds = open(path).read().split()
        state = {"0": "ok", "124": "TIME OVER"}.get(status, f"FAILED ({status})")
        found, log = [], os.path.join(folder, name + ".json")
        for line in open(log) if os.path.exists(log) else []:
            try:
                values = json.loads(line)
            except ValueError:
                continue
            found.append(", ".join(
                f"{key} {value:.5g}" if isinstance(value, float) else f"{key} {value}" for key, value in values.items()))
        rows.append((name, state, seconds, found or [""]))
    print("| check | | s | |\n| --- | --- | --- | --- |")
    for name, state, seconds, found in rows:
        for place, line in enumerate(found):
            print(f"| {name} | {state} | {seconds} | {line} |" if place == 0 else f"| | | | {line} |")
    for name, state, _, _ in rows:
        log = os.path.join(folder, name + ".log")
        if state != "ok" and os.path.exists(log):
            print(f"\n{name}: {state}")
            print("".join(f"    {line}" for line in open(log, errors="replace").readlines()[-12:]), end="")
    return None


if __name__ == "__main__":
    commands = {"vectors": vectors, "rows": rows, "losses": losses, "pace": pace, "table": table}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    result = commands[sys.argv[1]](*sys.argv[2:])
    if result is not None:
        print(json.dumps(result))
        sys.exit(not result["ok"])
