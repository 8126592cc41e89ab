"""Measures what makes inputs of images, sounds and videos against transformers' processors, and writes one section.

    python Benchmarks/inputs.py [--runs N] [--only pages,scans,sounds,clips] [--output FILE.md]

Pages are those of the Debian FAQ (package debian-faq, drawn by pdftoppm), sounds the recordings of
asterisk-core-sounds-en-wav, clips synthetic videos of ffmpeg. Processes run in turn, ours then the peer's.
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
SIZES = {"pages": (1240, 1754), "scans": (2480, 3508)}
# Lists of files, and how each is measured: kind, and whether what is decoded before counts.
CASES = {
    "pages": [("images", "png", True), ("images", "png", False), ("images", "jpg", False)],
    "scans": [("images", "png", True), ("images", "png", False), ("images", "jpg", False)],
    "sounds": [("sounds", "wav", True), ("sounds", "wav", False)], "clips": [("videos", "mp4", False)],
}  # fmt: skip
NAMES = {
    "pages": "A4 pages of 1240 × 1754 pixels", "scans": "A4 pages of 2480 × 3508 pixels", "sounds": "recordings at 8 kHz",
    "clips": "synthetic clips of 640 × 360 pixels, 24 frames of each",
}  # fmt: skip


def draw(folder, size, count=48):
    """PNG and JPEG files of pages."""
    cache = os.path.join(ROOT, FOLDER)
    document = os.path.join(unpacked("debian-faq", cache), "usr/share/doc/debian/FAQ/debian-faq.en.pdf.gz")
    pages = os.path.join(cache, "faq.pdf")
    with gzip.open(document) as packed, open(pages, "wb") as file:
        shutil.copyfileobj(packed, file)
    width, height = size
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
        draw(part, SIZES[name])
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


def run(*command):
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout[done.stdout.index("{") :])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only")
    parser.add_argument("--output")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(CASES)
    lines = [
        "## Inputs: images, sounds, videos", "",
        "Files, or what they were decoded to before, become what a tower takes: patches of Qwen2-VL (at most 784 × 784",
        "pixels), log-mels of Qwen2.5-Omni. Two threads each: tvt gives every file to one of them, the peers (transformers with",
        "torchvision; soundfile and soxr; qwen-vl-utils with torchcodec) share the work of one file or batch.", "",
        "```", "python Benchmarks/inputs.py", "```", "", "| | from | files/s | of the peer | ratio |", "| --- " * 5 + "|",
    ]  # fmt: skip
    for name in names:
        folder = make(name)
        for kind, ending, decoded in CASES[name]:
            files, flags = listed(folder, ending), ["--decoded"] if decoded else []
            ours, theirs = [], []
            for turn in range(options.runs):
                print(f"inputs: {name} {ending}, {turn + 1} of {options.runs}", file=sys.stderr)
                ours.append(run(".build/release/tvt-bench", "prepare-media", kind, files, *flags))
                theirs.append(run(PEER, "Benchmarks/inputs_peer.py", kind, files, *flags))
                if ours[-1]["values"] != theirs[-1]["values"]:
                    sys.exit(f"inputs.py: {ours[-1]['values']} values, and {theirs[-1]['values']} of the peer")
            ratios = [peer["seconds"] / own["seconds"] for own, peer in zip(ours, theirs)]
            rates = [statistics.median(one["files"] / one["seconds"] for one in side) for side in (ours, theirs)]
            source = {"png": "pixels", "wav": "samples"}[ending] if decoded else ending.upper()
            lines.append(
                f"| {ours[0]['files']} {NAMES[name]} | {source} | {rates[0]:,.0f} | {rates[1]:,.0f} | "
                f"**{statistics.median(ratios):.1f}** ({min(ratios):.1f}–{max(ratios):.1f}) |")  # fmt: skip
    emit("\n".join(lines) + "\n", options.output)


if __name__ == "__main__":
    main()
