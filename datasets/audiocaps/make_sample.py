"""Makes sample/: 20 spoken sentences of Asterisk with what is said, in AudioCaps' layout: a CSV for each split, and a tar of
sounds. Two clips of the test split have three captions each.

DIR holds Debian's packages asterisk-core-sounds-en and asterisk-core-sounds-en-wav, unpacked (CC-BY-SA-3.0). Needs nothing else.

    python3 datasets/audiocaps/make_sample.py DIR
"""
import csv
import gzip
import hashlib
import io
import pathlib
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent / "sample"
root = pathlib.Path(sys.argv[1])
said = {}
for line in gzip.decompress(next(root.rglob("core-sounds-en.txt.gz")).read_bytes()).decode().splitlines():
    name, colon, text = line.partition(":")
    if colon and not line.startswith(";"):
        said[name.strip()] = text.strip()
sounds = {path.stem: path for path in root.rglob("*.wav") if path.parent.name == "en_US_f_Allison"}
fitting = [name for name in sounds if 20 < len(said.get(name, "")) < 80 and sounds[name].stat().st_size < 48_000]
chosen = sorted(fitting, key=lambda name: hashlib.sha256(name.encode()).digest())[:20]
if len(chosen) < 20:
    raise SystemExit(f"there are only {len(chosen)} sounds in {root}")
HERE.mkdir(parents=True, exist_ok=True)
number = 0
for split, names in (("train", chosen[:14]), ("val", chosen[14:17]), ("test", chosen[17:])):
    with open(HERE / f"{split}.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["audiocap_id", "youtube_id", "start_time", "caption"])
        for name in names:
            texts = [said[name]]
            if split == "test" and name != names[0]:
                texts += [f'A woman says: "{said[name]}"', "Someone speaks, " + said[name].lower()]
            for text in texts:
                number += 1
                out.writerow([number, name, 0, text])
with tarfile.open(HERE / "audio.tar", "w") as tar:
    for name in sorted(chosen):
        data = sounds[name].read_bytes()
        member = tarfile.TarInfo(f"audio/Y{name}.wav")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
