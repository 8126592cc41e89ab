"""Measures what makes inputs of images, sounds and videos against transformers' processors, and writes one section.

    python Benchmarks/inputs.py [--only pages,scans,sounds,clips] [--threads N] [--turns N] [--output FILE.md]

Pages are those of the Debian FAQ (package debian-faq, drawn by pdftoppm), sounds the recordings of
asterisk-core-sounds-en-wav, clips synthetic videos of ffmpeg. Both programs stay open and prepare the same files in turn,
a few at a time, so that what else the machine does slows both down: ratios are those of neighbouring turns.
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import sys

from debian import unpacked
from sections import ROOT, emit

FOLDER = ".build/bench/inputs"
PEER = ".build/peers-inputs/bin/python"
# Width, height and number of pages.
SIZES = {"pages": (1240, 1754, 48), "scans": (2480, 3508, 16)}
# Kind, endings of files and whether what is decoded before counts; files of a turn, and turns: with those of `pages` 1,000
# images are prepared, with those of `clips` all of them.
CASES = {
    "pages": ("images", [("png", True), ("png", False), ("jpg", False)], 48, 21),
    "scans": ("images", [("png", True), ("png", False), ("jpg", False)], 16, 5),
    "sounds": ("sounds", [("wav", True), ("wav", False)], 500, 7),
    "clips": ("videos", [("mp4", False)], 20, 10),
}  # fmt: skip
# What makes the files of some cases, and its package.
NEEDED = [("pages", "pdftoppm", "poppler-utils"), ("scans", "pdftoppm", "poppler-utils"), ("clips", "ffmpeg", "ffmpeg")]
NAMES = {
    "pages": "A4 pages of 1240 × 1754 pixels", "scans": "A4 pages of 2480 × 3508 pixels", "sounds": "recordings at 8 kHz",
    "clips": "synthetic clips of 640 × 360 pixels, 24 frames of each",
}  # fmt: skip


def draw(folder, width, height, count):
    """PNG and JPEG files of pages."""
    cache = os.path.join(ROOT, FOLDER)
    document = os.path.join(unpacked("debian-faq", cache), "usr/share/doc/debian/FAQ/debian-faq.en.pdf.gz")
    pages = os.path.join(cache, "faq.pdf")
    with gzip.open(document) as packed, open(pages, "wb") as file:
        shutil.copyfileobj(packed, file)
    for options in (["-png"], ["-jpeg", "-jpegopt", "quality=90"]):
        subprocess.run(
            ["pdftoppm", "-l", str(count), "-scale-to-x", str(width), "-scale-to-y", str(height), *options, pages,
             f"{folder}/page"], check=True)  # fmt: skip


def record(folder, count=500):
    package = unpacked("asterisk-core-sounds-en-wav", os.path.join(ROOT, FOLDER))
    found = [
        os.path.join(parent, name) for parent, _, names in os.walk(package) for name in names if name.endswith(".wav")]
    for number, path in enumerate(sorted(found)[:count]):
        shutil.copy(path, f"{folder}/{number:03}.wav")


def film(folder, count=200):
    for number in range(count):
        source = f"testsrc2=size=640x360:rate=24:duration=4,hue=h={number * 7 % 360}"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p",
             f"{folder}/{number:03}.mp4"], check=True)  # fmt: skip


def make(name):
    """Writes a case's files once."""
    folder = os.path.join(ROOT, FOLDER, name)
    if os.path.isdir(folder):
        return folder
    part = folder + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    if name in SIZES:
        draw(part, *SIZES[name])
    elif name == "sounds":
        record(part)
    else:
        film(part)
    os.rename(part, folder)
    return folder


def listed(folder, ending):
    path = f"{folder}.{ending}.txt"
    names = sorted(name for name in os.listdir(folder) if name.endswith(ending))
    with open(path, "w") as file:
        file.write("\n".join(f"{folder}/{name}" for name in names))
    return path


class Contestant:
    """A program that prepares files when it is told to."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.file_count = self.answer()["files"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"inputs.py: {self.process.args[0]} ended with {self.process.wait()}")
        return json.loads(line)

    def prepare(self, first, count):
        self.process.stdin.write(f"{first} {count}\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            sys.exit(f"inputs.py: {self.process.args[0]} ended with {self.process.returncode}")


def compare(kind, files, flags, size, turns):
    """What ours and the peer answered, in pairs."""
    arguments = [kind, files, *flags]
    ours = Contestant(".build/release/tvt-bench", "prepare-media", *arguments)
    theirs = Contestant(PEER, "Benchmarks/inputs_peer.py", *arguments)
    size = min(size, ours.file_count)
    pairs = []
    for turn in range(turns):
        first = turn * size % (ours.file_count - size + 1)
        # Whoever comes second finds the machine warmer.
        order = [ours, theirs] if turn % 2 == 0 else [theirs, ours]
        answers = {contestant: contestant.prepare(first, size) for contestant in order}
        pairs.append((answers[ours], answers[theirs]))
        if pairs[-1][0]["values"] != pairs[-1][1]["values"]:
            sys.exit(f"inputs.py: {pairs[-1][0]['values']} values, and {pairs[-1][1]['values']} of the peer")
    ours.end()
    theirs.end()
    return ours.file_count, size, pairs


def ratio(pairs, key):
    ratios = [peer[key] / own[key] for own, peer in pairs]
    return f"**{statistics.median(ratios):.1f}** ({min(ratios):.1f}–{max(ratios):.1f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--turns", type=int, help="instead of each case's own number")
    parser.add_argument("--output")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(CASES)
    for name, program, package in NEEDED:
        if name in names and shutil.which(program) is None:
            sys.exit(f"inputs: {program} is missing (apt install {package})")
    command = "python Benchmarks/inputs.py" + (f" --threads {options.threads}" if options.threads != 2 else "")
    lines = [
        "## Inputs: images, sounds, videos", "",
        "Files, or what they were decoded to before, become what a tower takes: patches of Qwen2-VL (at most 784 × 784",
        f"pixels), log-mels of Qwen2.5-Omni. Threads of each: {options.threads}, of which every one prepares files of its own; the",
        "peers (transformers with torchvision; soundfile and soxr; qwen-vl-utils with torchcodec) are faster so than where the",
        "threads share the work of one file. Ratios of neighbouring turns: median, least and largest.", "",
        "```", command, "```", "",
        "| | from | files/s | of the peer | ratio of time | ratio of processor time | MiB | of the peer |",
        "| --- " * 8 + "|",
    ]  # fmt: skip
    for name in names:
        folder = make(name)
        kind, sources, size, turns = CASES[name]
        for ending, decoded in sources:
            flags = ["--threads", str(options.threads)] + (["--decoded"] if decoded else [])
            source = {"png": "pixels", "wav": "samples"}[ending] if decoded else ending.upper()
            print(f"inputs: {name} from {source}", file=sys.stderr)
            file_count, size, pairs = compare(kind, listed(folder, ending), flags, size, options.turns or turns)
            rates = [statistics.median(size / pair[side]["seconds"] for pair in pairs) for side in (0, 1)]
            peaks = [max(pair[side]["peakMegabytes"] for pair in pairs) for side in (0, 1)]
            lines.append(
                f"| {file_count} {NAMES[name]} | {source} | {rates[0]:,.0f} | {rates[1]:,.0f} | {ratio(pairs, 'seconds')} | "
                f"{ratio(pairs, 'processSeconds')} | {peaks[0]:,.0f} | {peaks[1]:,.0f} |")  # fmt: skip
    emit("\n".join(lines) + "\n", options.output)


if __name__ == "__main__":
    main()
