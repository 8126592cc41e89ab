"""Makes the golden files of videos whose sound is heard: what transformers' Qwen2.5-Omni makes of them.

    python make-video-sound.py

Made with transformers 5.24.0, torch 2.13.0 (CPU, AVX2, one thread), torchvision 0.28.0, Pillow 12.3.0, numpy 2.4.6 and
Debian 12's ffmpeg 5.1; a minute, no network. PROVENANCE.md describes the files; the model and the functions are those of
../media/make-media.py.

The processor is given the samples of each video's sound beside its frames (`load_audio_from_video`, once
`use_audio_in_video`), and `get_rope_index` places the tokens with `use_audio_in_video=True`.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image

HERE = Path(__file__).resolve().parent
FILES = HERE / "files"

spec = importlib.util.spec_from_file_location("make_media", HERE.parent / "media/make-media.py")
media = importlib.util.module_from_spec(spec)
sys.modules["make_media"] = media
spec.loader.exec_module(media)
media.HERE, media.FILES = HERE, FILES
media.RECORDS = [
    {"id": "talk", "video": "talk.mp4", "text": "waves that move"},
    {"id": "brief", "video": "brief.mp4"},
    {"id": "long", "video": "long.mp4", "text": "a picture that lies on its side"},
    {"id": "slow", "video": "slow.mp4"},
    {"id": "silent", "video": "silent.mp4", "text": "nothing is heard"},
    {"id": "all", "image": "dot.png", "video": "talk.mp4", "audio": "tone.wav", "text": "everything at once"},
    {"id": "words", "video": "brief.mp4", "text": media.LONG[:119]},
]
# Of the sounds, by the names of their videos.
SECONDS = {"talk.mp4": 3.1, "brief.mp4": 0.3, "long.mp4": 5, "slow.mp4": 8}


def write_video(name, seed, count, rate, sound=None):
    """A video of `count` pictures, with a sound of another file."""
    frames = b"".join(media.picture(seed + i // 2, 48, 36).tobytes() for i in range(count))
    sounds = ["-i", FILES / sound, "-c:a", "aac", "-b:a", "24k"] if sound else []
    media.ffmpeg(
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "48x36", "-r", rate, "-i", "-", *sounds, "-c:v", "libx264",
        "-threads", 1, "-crf", 32, "-pix_fmt", "yuv420p", "-map_metadata", -1, FILES / name, given=frames,
    )  # fmt: skip


def write_files():
    FILES.mkdir(exist_ok=True)
    Image.fromarray(media.picture(1, 60, 60)).save(FILES / "dot.png")
    media.write_sound("tone.wav", 16000, 0.4, 1)
    for name, count, picture_rate, rate, channels in (
        ("talk.mp4", 12, 4, 44100, 2), ("brief.mp4", 10, 10, 16000, 1), ("long.mp4", 4, 2, 8000, 1),
        ("slow.mp4", 16, 2, 16000, 1),
    ):  # fmt: skip
        media.write_sound("heard.wav", rate, SECONDS[name], channels)
        write_video(name, 50 + count, count, picture_rate, "heard.wav")
    (FILES / "heard.wav").unlink()
    write_video("silent.mp4", 70, 8, 4)


def heard(name):
    """The samples of a video's sound, as of other sounds, without the silence that fills the last packet of an encoder."""
    resampling = "aresample=16000:ochl=mono:rematrix_maxval=1:resampler=soxr:cutoff=0.99"
    arguments = ["-af", f"atrim=end={SECONDS[name]},{resampling}", "-f", "f32le", "-"]
    return np.frombuffer(media.ffmpeg("-i", FILES / name, *arguments), np.float32)


class Heard(media.Omni):
    """Videos with their sounds."""

    name = "omni-heard"

    def arguments(self, run, record, text):
        pictures, about = media.chosen_frames(run, record["video"])
        options = {"size": dict(zip(("shortest_edge", "longest_edge"), map(int, run.inputs["frame_pixels"].split("-"))))}
        if "frame_rate" in run.inputs:
            rate = float(run.inputs["frame_rate"])
            # As qwen-vl-utils takes them, at least 4.
            count = max(4, int(len(pictures) / about.fps * rate) // 2 * 2)
            chosen = torch.linspace(0, len(pictures) - 1, count).round().long().tolist()
            pictures, about.frames_indices = pictures[chosen], chosen
            options |= {"fps": rate, "do_sample_frames": False}
        given = {"videos": [pictures], "video_metadata": [about], "videos_kwargs": options}
        if "image" in record:
            given["images"] = [media.image(record["image"])]
        sounds, sources = [], []
        if record["video"] in SECONDS:
            sounds, sources = [heard(record["video"])], [0]
        if "audio" in record:
            sounds, sources = [*sounds, media.sound(record["audio"])], [*sources, None]
        if 0 in sources:
            given |= {"load_audio_from_video": True, "audio_from_video_indices": sources}
        if sounds:
            given["audio"] = sounds
        made = self.processor(text=[self.text(run, record, text)], return_tensors="pt", **given)
        made.is_heard = 0 in sources
        return made

    def placed(self, arguments):
        sounds = arguments.get("feature_attention_mask")
        places, _ = self.model.get_rope_index(
            arguments["input_ids"], arguments.get("image_grid_thw"), arguments.get("video_grid_thw"),
            arguments["attention_mask"], arguments.is_heard, None if sounds is None else sounds.sum(1),
            arguments.get("video_second_per_grid"),
        )  # fmt: skip
        return places[:, 0].long().tolist()

    def runs(self):
        settings = {"chat": True, "video_audio": True, "frame_pixels": "3136-12544"}
        records = [record["id"] for record in media.RECORDS]
        yield media.Run("heard", settings, records=records)
        yield media.Run(
            "last", settings | {"generation_prompt": True, "media_place": "last", "frames": 6}, "Query: ", records=records
        )
        yield media.Run("rate", settings | {"frame_rate": "0.5"}, records=["slow", "talk"])
        yield media.Run("cut", settings, "Query: ", self.cut_length, ["words"])


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    write_files()
    (HERE / "records.json").write_text(media.families.to_json({"records": media.RECORDS}) + "\n")
    media.make(Heard, None, None)


if __name__ == "__main__":
    main()
