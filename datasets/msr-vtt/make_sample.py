"""Makes sample/: 16 synthetic videos of a second (moving squares and stripes, drawn here and encoded by ffmpeg) with three sentences
each, in MSR-VTT's layout: annotations, categories, the lists of 9k and 1k-A, and a zip of videos.

Needs ffmpeg with libx264.

    python3 datasets/msr-vtt/make_sample.py
"""
import json
import pathlib
import subprocess
import zipfile

HERE = pathlib.Path(__file__).resolve().parent / "sample"
COLOURS = ["red", "green", "blue", "yellow"]
WIDTH, HEIGHT, FRAMES = 64, 48, 10
RGB = {"red": (220, 40, 40), "green": (40, 180, 60), "blue": (50, 80, 220), "yellow": (240, 220, 40)}
MOTIONS = ["to the right", "to the left", "downwards", "upwards"]


def frame(colour, motion, number):
    along = number * (WIDTH - 16) // FRAMES
    left, top = {"to the right": (along, 16), "to the left": (WIDTH - 16 - along, 16)}.get(
        motion, (24, number * 32 // FRAMES if motion == "downwards" else 32 - number * 32 // FRAMES)
    )
    inside = bytes(RGB[colour])
    rows = []
    for y in range(HEIGHT):
        row = bytearray(b"\xf0" * (3 * WIDTH))
        if top <= y < top + 16:
            row[3 * left : 3 * (left + 16)] = inside * 16
        rows.append(bytes(row))
    return b"".join(rows)


def video(colour, motion):
    frames = b"".join(frame(colour, motion, number) for number in range(FRAMES))
    path = HERE / "video.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "10", "-i", "-",
         "-c:v", "libx264", "-pix_fmt", "yuv420p", "-threads", "1", "-bitexact", "-movflags", "+faststart", str(path)],
        input=frames, check=True)  # fmt: skip
    data = path.read_bytes()
    path.unlink()
    return data


HERE.mkdir(parents=True, exist_ok=True)
videos, sentences, files = [], [], {}
for number, (colour, motion) in enumerate((colour, motion) for colour in COLOURS for motion in MOTIONS):
    name = f"video{number}"
    files[f"videos/{name}.mp4"] = video(colour, motion)
    split = "train" if number < 10 else "validate" if number < 12 else "test"
    videos.append(
        {"category": number % 2, "url": f"synthetic:{name}", "video_id": name, "start time": 0.0, "end time": 1.0, "split": split, "id": number}
    )
    for text in (f"a {colour} square moves {motion}", f"{colour} square going {motion}", "a square moves on a light ground"):
        sentences.append({"caption": text, "video_id": name, "sen_id": len(sentences)})
(HERE / "MSRVTT_data.json").write_text(json.dumps({"info": {"description": "synthetic"}, "videos": videos, "sentences": sentences}) + "\n")
(HERE / "category.txt").write_text("squares\t0\nother shapes\t1\n")
last = [video["video_id"] for video in videos][-4:]
(HERE / "MSRVTT_train.9k.csv").write_text("video_id\n" + "".join(f"{video['video_id']}\n" for video in videos if video["video_id"] not in last))
(HERE / "MSRVTT_JSFUSION_test.csv").write_text(
    "key,vid_key,video_id,sentence\n"
    + "".join(f"ret{n},msr{name[5:]},{name},{sentences[int(name[5:]) * 3 + 1]['caption']}\n" for n, name in enumerate(last))
)
with zipfile.ZipFile(HERE / "MSRVTT.zip", "w") as archive:
    for name in sorted(files):
        archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), files[name])
