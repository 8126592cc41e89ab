"""Makes `audiocaps-parquet.tar.zst`: AudioCaps' rows with their sounds, in Parquet by the `datasets` library (struct<bytes, path>)
and by pyarrow.

    python3 make-golden-sources.py
"""

import os
import subprocess
import tempfile

import datasets
import pyarrow
import pyarrow.parquet

FEATURES = datasets.Features(
    {
        "audiocap_id": datasets.Value("int32"), "youtube_id": datasets.Value("string"), "start_time": datasets.Value("int32"),
        "caption": datasets.Value("string"), "audio_length": datasets.Value("int32"), "audio": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
    }
)  # fmt: skip


def row(number, clip):
    sound = b"RIFF" + bytes([4, 0, 0, 0]) + b"WAVE sound %d" % clip
    return {
        "audiocap_id": 100 + number, "youtube_id": f"clip{clip}", "start_time": 30 + clip, "caption": f"caption {number}",
        "audio_length": 8000 + clip, "audio": {"bytes": sound, "path": f"clip{clip}.wav"},
    }  # fmt: skip


here = os.path.dirname(os.path.abspath(__file__))
with tempfile.TemporaryDirectory() as folder:
    os.makedirs(f"{folder}/data")
    train = [row(number, number) for number in range(4)]
    test = [row(4 + number, 4 + number // 3) for number in range(6)]  # Three captions a clip.
    datasets.Dataset.from_list(train, features=FEATURES).to_parquet(f"{folder}/data/train-00000-of-00001.parquet")
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(test), f"{folder}/data/test-00000-of-00001.parquet", row_group_size=4)
    subprocess.run(
        ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C", folder, "-I", "zstd -19",
         "-cf", f"{here}/audiocaps-parquet.tar.zst", "data"], check=True)  # fmt: skip
