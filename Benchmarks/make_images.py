"""Real images of about 90 KB, from Debian packages of pictures, and a v2 corpus that names them.

    python Benchmarks/make_images.py DIR [--count 1300] [--cache DIR]

Fetches the packages with `apt-get download` into the cache, takes their JPEG and PNG files of 40 to 600 KB, drops repeats,
shuffles with a fixed seed, links them into DIR/files under their numbers, and writes DIR/corpus.jsonl (docid,
document_image), DIR/queries.jsonl (one query) and DIR/images.json (count, bytes). The same packages give the same bytes.
"""

import argparse
import hashlib
import json
import os
import random
import shutil

from debian import unpacked

PACKAGES = [
    "openclipart-png", "tuxpaint-stamps-default", "gimp-help-en", "mate-backgrounds", "plasma-workspace-wallpapers",
    "gnome-backgrounds", "ukui-wallpapers", "krita-data", "gcompris-qt-data",
]  # fmt: skip
LEAST, MOST = 40_000, 600_000


def images(folder):
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(parent, name)
            if os.path.islink(path) or not LEAST <= os.path.getsize(path) <= MOST:
                continue
            with open(path, "rb") as file:
                data = file.read()
            if data.startswith(b"\x89PNG\r\n\x1a\n"):
                yield path, "png", data
            elif data.startswith(b"\xff\xd8\xff"):
                yield path, "jpg", data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=1300)
    parser.add_argument("--cache", default=os.path.expanduser("~/.cache/tvt/images"))
    options = parser.parse_args()
    cache = os.path.abspath(options.cache)
    os.makedirs(cache, exist_ok=True)
    found, seen = [], set()
    for package in PACKAGES:
        # The order of packages and files is fixed, so enough is enough.
        if len(found) >= options.count:
            break
        for path, extension, data in images(unpacked(package, cache)):
            digest = hashlib.sha256(data).digest()
            if digest not in seen:
                seen.add(digest)
                found.append((path, extension, len(data)))
    random.Random(42).shuffle(found)
    if len(found) < options.count:
        raise SystemExit(f"only {len(found)} images; add packages")
    found = found[: options.count]
    part = options.folder + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(os.path.join(part, "files"))
    with open(os.path.join(part, "corpus.jsonl"), "w") as corpus:
        for number, (path, extension, _) in enumerate(found):
            name = f"{number:06}.{extension}"
            shutil.copyfile(path, os.path.join(part, "files", name))
            corpus.write(json.dumps({"docid": str(number), "document_image": name}) + "\n")
    with open(os.path.join(part, "queries.jsonl"), "w") as queries:
        queries.write(json.dumps({"query_id": "1", "query_text": "a picture"}) + "\n")
    total = sum(size for _, _, size in found)
    with open(os.path.join(part, "images.json"), "w") as file:
        json.dump({"count": len(found), "bytes": total}, file)
    shutil.rmtree(options.folder, ignore_errors=True)
    os.rename(part, options.folder)
    print(f"{len(found)} images, {total / len(found) / 1e3:.0f} KB each")


if __name__ == "__main__":
    main()
