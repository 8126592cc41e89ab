"""Reads a run's files for TensorBoard with TensorBoard's own readers, and compares every figure with metrics.jsonl.

    python3 scripts/tensorboard-reads.py RUN

Needs tensorboard's wheel and those of absl-py, numpy, protobuf and six (Tests/TrainingTests/tensorboard.requirements has
all but numpy) in the Python that runs it; RUN is the folder of a run of tvt-train, with any number
of interruptions. Checked are the event accumulator, which is what TensorBoard shows without its data server, and the raw
event files, whose checksums it verifies: every scalar of every step once and no other, and histograms that hold the
scores' number. Seconds are rounded to milliseconds in metrics.jsonl: speeds are compared to what that leaves.
"""

import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing import event_accumulator, event_file_loader


def wanted_scalars(run):
    """By tag: step and value, as metrics.jsonl has them."""
    wanted = {}

    def add(tag, step, value):
        wanted.setdefault(tag, {})[step] = value

    for line in (run / "metrics.jsonl").read_text().splitlines():
        line = json.loads(line)
        step = line["step"]
        if "validation" in line:
            own = {"queries", "documents", "seconds", "best", "since_best", "stops_run"}
            for name, value in line["validation"].items():
                if name not in own:
                    add(f"validation/{name}", step, value)
            continue
        add("train/loss", step, line["loss"])
        add("train/learning_rate", step, line["learning_rate"])
        add("train/gradient_norm", step, line["gradient_norm"])
        if "temperature" in line:
            add("train/temperature", step, line["temperature"])
        add("memory/resident_mib", step, line["resident_bytes"] / 2**20)
        for name, count in line.get("datasets", {}).items():
            add(f"share/{name}", step, count / line["queries"])
        for name, key in (("tokens", "tokens"), ("examples", "queries")):
            slowest = line[key] / (line["seconds"] + 0.0006)
            fastest = line[key] / max(line["seconds"] - 0.0006, 1e-9)
            add(f"speed/{name}_per_second", step, Speed(slowest, fastest))
    return wanted


class Speed:
    """A number between two."""

    def __init__(self, least, greatest):
        self.least, self.greatest = least, greatest

    def holds(self, value):
        return self.least <= value <= self.greatest

    def __repr__(self):
        return f"{self.least} to {self.greatest}"


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def main(run):
    accumulator = event_accumulator.EventAccumulator(
        str(run / "events"), size_guidance={event_accumulator.SCALARS: 0, event_accumulator.HISTOGRAMS: 0,
                                            event_accumulator.TENSORS: 0})
    accumulator.Reload()
    tags = accumulator.Tags()
    faults, count = [], 0
    wanted = wanted_scalars(run)
    # A run of one dataset has its share, which is 1, and metrics.jsonl does not.
    shares = [tag for tag in wanted if tag.startswith("share/")]
    for tag in tags["scalars"]:
        if tag not in wanted and (shares or not tag.startswith("share/")):
            faults.append(f"{tag} is not in metrics.jsonl")
    for tag, values in wanted.items():
        if tag not in tags["scalars"]:
            faults.append(f"{tag} is not there")
            continue
        found = accumulator.Scalars(tag)
        steps = [event.step for event in found]
        if steps != sorted(values):
            faults.append(f"{tag}: steps {steps[:5]}… instead of {sorted(values)[:5]}…")
        for event in found:
            count += 1
            value = values.get(event.step)
            same = value.holds(event.value) if isinstance(value, Speed) else value is None or event.value == float32(value)
            if not same:
                faults.append(f"{tag}, step {event.step}: {event.value} instead of {values[event.step]}")
    for tag in tags["histograms"]:
        for event in accumulator.Histograms(tag):
            histogram = event.histogram_value
            if sum(histogram.bucket) != histogram.num:
                faults.append(f"{tag}, step {event.step}: {sum(histogram.bucket)} of {histogram.num} scores")
    records = 0
    for file in sorted((run / "events").iterdir()):
        for _ in event_file_loader.RawEventFileLoader(str(file)).Load():
            records += 1
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    print(f"{len(tags['scalars'])} scalars with {count} values, {len(tags['histograms'])} histograms, "
          f"{records} records: {len(faults)} faults")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
