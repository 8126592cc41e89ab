"""Makes the golden files of records with images, videos and sounds: what transformers makes of them, up to vectors, on
tiny models.

    python make-media.py --v4-python PYTHON [--only NAME]... [--folders DIR]

Made with transformers 5.24.0, torch 2.13.0 (CPU, AVX2, one thread), torchvision 0.28.0, Pillow 12.3.0, numpy 2.4.6,
qwen-vl-utils 0.0.14 and Debian 12's ffmpeg 5.1; a few minutes, no network. PYTHON is an interpreter that has transformers
4.57.6 and torch, which places the tokens of Qwen's models: see make-vision.py in Tests/ModelsTests/Golden/families, whose
functions this script uses, and those of make-families.py, make-audio.py and make-eg2.py. PROVENANCE.md describes the files.

`--folders` writes whole model folders as well, weights included, and the records as a corpus, for use by hand.

The reference is transformers' own processor of each model, with Pillow's image processors and torch's video processors.
It is given what a reader of files would give it: images turned upright as their EXIF data want it, frames and samples as
ffmpeg decodes them. Settings that name what a loader does before (`image_size`, `frame_size`, `frame_rate`) are done by
qwen-vl-utils. Of a text that is cut at its beginning, prompt and template stay, and of its tokens the last ones. Two things
are not what version 5 does when left to itself:

- positions are version 4's (make-vision.py);
- in Qwen3-VL's prompts the marks around a video give way to those around each of its pictures, as in version 4: the
  rendered conversation has a bare `<|video_pad|>`.

The graft has no counterpart: its parts are transformers', its projectors plain torch.
"""

import argparse
import importlib.util
import json
import struct
import subprocess
import sys
import tempfile
import wave
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
import transformers
from PIL import Image, ImageOps
from qwen_vl_utils import vision_process
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers.video_utils import VideoMetadata

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[2]
FILES = HERE / "files"


def module(name):
    spec = importlib.util.spec_from_file_location(
        name, TESTS / "ModelsTests/Golden/families" / f"{name.replace('_', '-')}.py"
    )
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


families, vision, eg2 = module("make_families"), module("make_vision"), module("make_eg2")


# --- Images, videos and sounds -------------------------------------------------------------------------------------


def picture(seed, width, height, channels=3):
    """Waves and a little noise: something that scaling changes everywhere."""
    y, x = np.mgrid[0:height, 0:width]
    phase = families.generate(seed, "phase", [channels, 3], 3.0, 3.0)
    waves = [np.sin(x / (4 + p[0]) + p[1]) * np.cos(y / (5 + p[2])) for p in phase]
    noise = families.generate(seed, "noise", [height, width, channels], 0.0, 12.0)
    return np.clip(128 + 100 * np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


def write_deep_png(path, seed, width, height):
    """16 bits a channel, which Pillow cannot write."""
    values = picture(seed, width, height).astype(np.uint16) * 257 - 100
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows, 9))]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in [*chunks, (b"IEND", b"")]
    ))  # fmt: skip


def write_sound(name, rate, seconds, channels):
    time = np.arange(round(rate * seconds)) / rate
    waves = [
        0.3 * np.sin(2 * np.pi * (220 * (c + 1) + 400 * time) * time) * np.exp(-time)
        + families.generate(c, name, [len(time)], 0.0, 0.02)
        for c in range(channels)
    ]
    samples = (np.stack(waves, -1) * 32767).astype("<i2")
    with wave.open(str(FILES / name), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def ffmpeg(*arguments, given=None):
    command = ["ffmpeg", "-v", "error", "-y", "-bitexact", *map(str, arguments)]
    return subprocess.run(command, check=True, input=given, capture_output=True).stdout


def write_video(name, seed, count, rate, width, height):
    frames = b"".join(picture(seed + i // 3, width, height).tobytes() for i in range(count))
    ffmpeg(
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate, "-i", "-", "-c:v", "libx264",
        "-threads", 1, "-crf", 28, "-pix_fmt", "yuv420p", "-map_metadata", -1, FILES / name, given=frames,
    )  # fmt: skip


def write_uneven_video(name, seed, count, width, height):
    """Pictures that are shown for different times, and a sound that goes on behind them."""
    frames = b"".join(picture(seed + i, width, height).tobytes() for i in range(count))
    with tempfile.TemporaryDirectory() as folder:
        silent = Path(folder) / "silent.mp4"
        ffmpeg(
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", 10, "-i", "-",
            "-vf", f"setpts='if(lt(N,{count // 2}),N,{count // 2}+(N-{count // 2})*4)/(10*TB)'", "-vsync", "vfr",
            "-video_track_timescale", 1000, "-c:v", "libx264", "-threads", 1, "-crf", 30, "-pix_fmt", "yuv420p", silent,
            given=frames,
        )  # fmt: skip
        ffmpeg(
            "-i", silent, "-f", "lavfi", "-i", "sine=300:d=9:r=8000", "-c:v", "copy", "-c:a", "aac", "-b:a", "8k",
            "-map_metadata", -1, FILES / name,
        )  # fmt: skip


def write_long_sound(name):
    """Longer than half a minute, behind which EmbeddingGemma 2 hears nothing; silent but for its ends."""
    samples = np.zeros(496_000)
    for start in (0, 477_000):
        time = np.arange(6000) / 16_000
        samples[start : start + 6000] = 0.3 * np.sin(2 * np.pi * (300 + 500 * time) * time)
    ffmpeg(
        "-f", "s16le", "-ar", 16_000, "-ac", 1, "-i", "-", "-c:a", "flac", FILES / name,
        given=(samples * 32767).astype("<i2").tobytes(),
    )  # fmt: skip


def write_files():
    FILES.mkdir(exist_ok=True)
    Image.fromarray(picture(1, 64, 40)).save(FILES / "wide.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture(2, 76, 44)).save(FILES / "turned.jpg", quality=85, exif=exif)
    Image.fromarray(picture(3, 44, 70)).quantize(24).save(FILES / "palette.png")
    clear = Image.fromarray(picture(4, 52, 36)).quantize(8)
    clear.save(FILES / "clear-palette.png", transparency=3)
    Image.fromarray(picture(5, 40, 48, 4), "CMYK").save(FILES / "print.jpg", quality=85)
    write_deep_png(FILES / "deep.png", 6, 36, 56)
    Image.fromarray(picture(7, 56, 32, 4), "RGBA").save(FILES / "clear.png")
    Image.fromarray(picture(8, 60, 44)[:, :, 0], "L").save(FILES / "grey.jpg", quality=80)
    Image.fromarray(picture(9, 24, 150)).save(FILES / "tall.png")
    Image.fromarray(picture(10, 2000, 1)).save(FILES / "line.png")
    write_sound("stereo.wav", 8000, 0.61, 2)
    write_sound("music.wav", 44100, 0.4, 1)
    write_sound("plain.wav", 16000, 0.8, 1)
    write_sound("click.wav", 16000, 0.01, 1)
    write_video("clip.mp4", 20, 12, 4, 48, 36)
    write_video("odd.mp4", 30, 5, 10, 36, 60)
    write_video("one.mp4", 40, 1, 25, 40, 40)
    write_uneven_video("uneven.mp4", 50, 14, 44, 36)
    ffmpeg("-i", FILES / "odd.mp4", "-c", "copy", "-metadata:s:v:0", "rotate=90", FILES / "aside.mp4")
    # Whole windows of Whisper's towers: 600 frames of spectrograms, 6 windows of Omni's.
    write_sound("windows.wav", 16000, 0.6, 1)
    write_long_sound("minute.flac")


def image(name):
    if name.startswith("black "):
        side = int(name.split(" ")[1])
        return Image.new("RGB", (side, side))
    return ImageOps.exif_transpose(Image.open(FILES / name))


def sound(name):
    """Mono, float32, 16 kHz; by libsoxr, as librosa resamples for transformers."""
    resampling = "aresample=16000:ochl=mono:rematrix_maxval=1:resampler=soxr:cutoff=0.99"
    return np.frombuffer(ffmpeg("-i", FILES / name, "-af", resampling, "-f", "f32le", "-"), np.float32)


def probe(name, *arguments):
    command = ["ffprobe", "-v", "error", "-of", "json", "-select_streams", "v:0", *arguments, str(FILES / name)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def frames(name):
    """Upright pictures, how many there are a second on average, and how many seconds they take.

    Rate and seconds are torchcodec's, with which transformers reads files: from the beginning of the first picture to the
    end of the last, as the packets say it. The sound has no part in it.
    """
    found = probe(name, "-show_streams", "-show_packets")
    stream = found["streams"][0]
    turns = sum(data.get("rotation", 0) for data in stream.get("side_data_list", [])) // 90
    raw = ffmpeg(
        "-noautorotate", "-i", FILES / name, "-vsync", 0, "-sws_flags", "bilinear+accurate_rnd+full_chroma_int", "-f", "rawvideo",
        "-pix_fmt", "rgb24", "-",
    )  # fmt: skip
    # Turned once they are RGB, as torchcodec does it: otherwise colours would lie a little elsewhere.
    pictures = np.frombuffer(raw, np.uint8).reshape(-1, stream["height"], stream["width"], 3)
    pictures = np.rot90(pictures, turns, (1, 2)).copy()
    over, under = map(int, stream["time_base"].split("/"))
    begins = [packet["pts"] for packet in found["packets"]]
    ends = [packet["pts"] + packet["duration"] for packet in found["packets"]]
    seconds = max(ends) * over / under - min(begins) * over / under
    return pictures, len(pictures) / seconds, seconds


# --- Records -------------------------------------------------------------------------------------------------------

KINDS = ("image", "video", "audio")
# Words that are a token each, for all tokenizers below.
LONG = " ".join("the" if (i * i + i // 3) % 5 < 2 else "a" for i in range(70))
RECORDS = [
    {"id": "text", "text": "the cat sat on the mat"},
    {"id": "other text", "title": "On mats", "text": "Ünïcode, 数 and 12 mats\nin two lines"},
    {"id": "wide", "image": "wide.png"},
    {"id": "turned", "image": "turned.jpg", "text": "a picture that lies on its side"},
    {"id": "palette", "image": "palette.png", "text": "few colours"},
    {"id": "clear palette", "image": "clear-palette.png"},
    {"id": "print", "image": "print.jpg", "text": "four inks"},
    {"id": "deep", "image": "deep.png"},
    {"id": "clear", "image": "clear.png", "text": "one can see through it"},
    {"id": "grey", "image": "grey.jpg", "title": "Grey"},
    {"id": "tall", "image": "tall.png", "text": LONG},
    {"id": "clip", "video": "clip.mp4", "text": "waves that move"},
    {"id": "odd", "video": "odd.mp4"},
    {"id": "one", "video": "one.mp4", "text": "a video of one picture"},
    {"id": "stereo", "audio": "stereo.wav"},
    {"id": "music", "audio": "music.wav", "text": "a tone that rises"},
    {"id": "all", "image": "wide.png", "video": "odd.mp4", "audio": "plain.wav", "text": "everything at once"},
    {"id": "seen", "image": "grey.jpg", "video": "clip.mp4"},
    {"id": "long", "text": LONG},
    {"id": "uneven", "video": "uneven.mp4", "text": "some pictures stay longer"},
    {"id": "aside", "video": "aside.mp4"},
    {"id": "windows", "audio": "windows.wav"},
    {"id": "minute", "audio": "minute.flac", "text": "the end is not heard"},
]


@dataclass
class Run:
    """Records as a model is given them with some settings."""

    name: str
    inputs: dict  # of `tvt.json`
    prompt: str = ""
    max_length: int = 4096
    records: list = field(default_factory=list)  # ids; all where it is empty
    role: str = "document"

    def given(self, record):
        """A record with what it is given to look at, if it has nothing itself."""
        side = self.inputs.get("query_image")
        is_bare = not any(kind in record for kind in KINDS)
        return record | {"image": f"black {side}"} if side and self.role == "query" and is_bare else record

    def conversation(self, record, text):
        has_system = self.inputs.get("prompt_place") == "system"
        words = text if has_system else self.prompt + text
        items = [{"type": kind} for kind in KINDS if kind in record]
        parts = [{"type": "text", "text": words}] if words else []
        content = parts + items if self.inputs.get("media_place") == "last" else items + parts
        turns = [{"role": "user", "content": content if items else words}]
        system = self.prompt if has_system else self.inputs.get("system")
        return ([{"role": "system", "content": system}] if system else []) + turns


def text_of(record):
    """A document as the tool renders it."""
    return " ".join(part for part in (record.get("title"), record.get("text")) if part is not None)


def chosen_frames(run, name):
    """The frames that the processor is given, and what it is told about them."""
    pictures, rate, duration = frames(name)
    indices = np.arange(len(pictures))
    if "frame_rate" in run.inputs:
        wanted = {"fps": run.inputs["frame_rate"]}
        if "frames" in run.inputs:
            wanted["max_frames"] = run.inputs["frames"]
        count = vision_process.smart_nframes(wanted, len(pictures), rate)
        indices = torch.linspace(0, len(pictures) - 1, count).round().long().numpy()
    elif "frames" in run.inputs:
        indices = np.linspace(0, len(pictures) - 1, run.inputs["frames"]).round().astype(int)
    about = VideoMetadata(
        total_num_frames=len(pictures), fps=rate, duration=duration, frames_indices=indices.tolist(),
        width=pictures.shape[2], height=pictures.shape[1],
    )  # fmt: skip
    return pictures[indices], about


def size_of(text):
    width, height = map(int, text.split("x"))
    return {"resized_width": width, "resized_height": height}


def loaded_image(given, size, patch_side):
    """As qwen-vl-utils hands it to a processor."""
    return vision_process.fetch_image({"image": given} | size_of(size), image_patch_size=patch_side)


def loaded_frames(given, size, patch_side):
    """As qwen-vl-utils hands them to a processor: numbers."""
    frames = torch.from_numpy(given).permute(0, 3, 1, 2)
    vision_process.VIDEO_READER_BACKENDS["given"] = lambda about: (frames, {}, 2.0)
    vision_process.get_video_reader_backend = lambda: "given"
    return vision_process.fetch_video({"video": "given"} | size_of(size), image_patch_size=patch_side)


# --- Tokenizers ----------------------------------------------------------------------------------------------------

CORPUS = [
    "the cat sat on the mat and the other cat sat on a hat", "a picture that lies on its side, seen in the picture",
    "system user assistant You are a helpful assistant.", "Query: everything at once Passage: a tone that rises",
    "waves that move <0.2 seconds> <1.4 seconds> one can see through it", "few colours four inks Represent the text",
]  # fmt: skip


def byte_level_vocabulary():
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    trained.train_from_iterator(CORPUS, trainer)
    model = json.loads(trained.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def qwen_tokenizer(names, **attributes):
    vocabulary, merges = byte_level_vocabulary()
    made = transformers.Qwen2Tokenizer(
        vocab=vocabulary, merges=merges, extra_special_tokens=attributes
    )
    made.add_tokens([transformers.AddedToken(name, special=True, normalized=False) for name in names])
    return made


VISION_NAMES = ["<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
OMNI_NAMES = dict(
    image_token="<|IMAGE|>", audio_token="<|AUDIO|>", video_token="<|VIDEO|>", vision_bos_token="<|vision_bos|>",
    vision_eos_token="<|vision_eos|>", audio_bos_token="<|audio_bos|>", audio_eos_token="<|audio_eos|>",
)  # fmt: skip
GEMMA_NAMES = dict(
    image_token="<|image|>", video_token="<|video|>", boi_token="<|image>", eoi_token="<image|>",
    audio_token="<|audio|>", boa_token="<|audio>", eoa_token="<audio|>",
)  # fmt: skip


def gemma_tokenizer():
    vocabulary = {}
    letters = "▁abcdefghijklmnopqrstuvwxyzOQPRU:|,.0123456789\n"
    pieces = ["th", "the", "▁t", "at", "▁the", "▁a", "on", ":▁"]
    merges = [("t", "h"), ("th", "e"), ("▁", "the"), ("a", "t"), ("▁", "a"), ("o", "n"), (":", "▁")]
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *letters, *pieces]
    for name in [*names, *(f"<0x{byte:02X}>" for byte in range(256)), *GEMMA_NAMES.values()]:
        vocabulary.setdefault(name, len(vocabulary))
    return transformers.GemmaTokenizer(
        vocab=vocabulary, merges=merges, add_bos_token=True, add_eos_token=True, padding_side="right",
        extra_special_tokens=GEMMA_NAMES,
    )  # fmt: skip


def graft_tokenizer():
    """Written by hand: a text model's tokenizer with two names more."""
    vocabulary, merges = byte_level_vocabulary()
    made = Tokenizer(models.BPE(vocabulary, merges))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.add_special_tokens(["[PAD]", "[CLS]", "[SEP]", "<image>", "<audio>"])
    ends = [(name, made.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return made


# --- Templates -----------------------------------------------------------------------------------------------------


def shared_template(name):
    return (TESTS / f"TemplatesTests/Golden/templates/{name}.jinja").read_text()


# Everything in its order, system texts first; a placeholder in a text switches automatic ones off.
GEMMA_TEMPLATE = """\
{%- macro words(content) -%}
{%- if content is string -%}{{ content }}{%- else -%}
{%- for part in content if part.type == 'text' -%}{{ part.text }}{%- endfor -%}
{%- endif -%}
{%- endmacro -%}
{%- for message in messages if message.role == 'system' -%}{{ words(message.content) }}{%- endfor -%}
{%- for message in messages if message.role != 'system' -%}
{%- if message.content is string -%}{{ message.content }}
{%- else -%}
{%- set own = words(message.content) -%}
{%- for part in message.content -%}
{%- if part.type == 'text' -%}{{ part.text }}
{%- elif not ('<|image|>' in own or '<|video|>' in own or '<|audio|>' in own) -%}{{ '<|' + part.type + '|>' }}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- endfor -%}
"""


# --- Models --------------------------------------------------------------------------------------------------------


class Reference:
    """A model with its processor; subclasses say which."""

    name = ""
    seed = 0
    pooling = "last"
    kinds = KINDS
    left_out = ()  # records that the reference refuses
    expanded = ()  # what stands for images, videos and sounds
    marks = ()  # what the processor, and not the template, puts around it

    def __init__(self, folder, v4_python):
        self.folder, self.v4_python = folder, v4_python
        self.make(folder)

    def case(self, saved_class, loaded_class, config_class, fields):
        return families.Case(self.name, self.seed, saved_class, loaded_class, config_class, fields, [], 0, self.pooling)

    def write_model(self, case):
        self.config, self.tensors, weights, _ = families.write_checkpoint(case, self.folder, None)
        self.model, _ = families.load_model(case, self.folder, weights)

    def write_json(self, name, content):
        (self.folder / name).write_text(json.dumps(content, indent=2) + "\n")

    def text(self, run, record, text):
        """What the tokenizer is given, with one placeholder for each item."""
        if run.inputs["chat"]:
            return self.processor.apply_chat_template(
                run.conversation(record, text), add_generation_prompt=run.inputs.get("generation_prompt", False),
                tokenize=False, chat_template=self.template,
            )  # fmt: skip
        items = "".join(name for kind, name in zip(KINDS, self.expanded) if kind in record)
        if run.inputs.get("media_place") == "last":
            return run.prompt + text + items
        return run.prompt + items + text

    def given_image(self, run, name):
        return image(name)

    def given_video(self, run, name):
        """Pictures, what is told about them, and arguments of the processor besides."""
        pictures, about = chosen_frames(run, name)
        return pictures, about, {"do_sample_frames": False} if "frames" in run.inputs else {}

    def arguments(self, run, record, text):
        """What the processor makes of a record."""
        given = {}
        if "image" in record:
            given["images"] = [self.given_image(run, record["image"])]
        if "video" in record:
            pictures, about, options = self.given_video(run, record["video"])
            given |= {"videos": [pictures], "video_metadata": [about]} | options
        if "audio" in record:
            given["audio"] = [sound(record["audio"])]
        return self.processor(text=[self.text(run, record, text)], return_tensors="pt", **given)

    def length(self, arguments):
        """Tokens, without what the processor writes for pixels and sounds."""
        special = set(self.processor.tokenizer.convert_tokens_to_ids([*self.expanded, *self.marks]))
        return sum(token not in special for token in arguments["input_ids"][0].tolist())

    def fitting(self, run, record):
        """Arguments with as many words of the text as the limit allows."""
        text = text_of(record)
        arguments = self.arguments(run, record, text)
        words = text.split(" ")
        while self.length(arguments) > run.max_length:
            words.pop()
            arguments = self.arguments(run, record, " ".join(words))
        return arguments, len(words) < len(text.split(" "))

    def prepared(self, run, record):
        return self.fitting(run, run.given(record))

    def encode(self, pairs):
        """Of each record in a run: tokens, positions (or none), vector, and whether the text was cut."""
        fitting = [self.prepared(run, record) for run, record in pairs]
        positions = self.positions([arguments for arguments, _ in fitting])
        for (arguments, was_cut), placed in zip(fitting, positions):
            extra = {} if placed is None else {"position_ids": torch.tensor(placed)[:, None]}
            dropped = ("second_per_grid_ts", "mm_token_type_ids", "told_seconds")
            given = {key: value for key, value in arguments.items() if key not in dropped}
            with torch.no_grad():
                last = self.model(**given, **extra).last_hidden_state[0]
            pooled = last.mean(0) if self.pooling == "mean" else last[-1]
            vector = torch.nn.functional.normalize(pooled, dim=-1)
            yield arguments["input_ids"][0].tolist(), placed, vector, was_cut

    def positions(self, all_arguments):
        return [None] * len(all_arguments)

    def runs(self):
        """Settings that matter to all models with a template."""
        yield Run("chat", {"chat": True})
        yield Run("prompt", {"chat": True, "generation_prompt": True, "media_place": "last"}, "Query: ")
        yield Run(
            "system", {"chat": True, "prompt_place": "system", "frames": 4}, "Represent the text. ",
            records=["text", "turned", "clip", "odd", "music", "all", "seen"],
        )  # fmt: skip
        yield Run("cut", {"chat": True}, "Query: ", self.cut_length, ["text", "long", "tall", "music"])


class CutLeft:
    """Mixed into a reference: its tokenizer cuts texts at their beginning. Prompt and template stay."""

    def make(self, folder):
        super().make(folder)
        path = folder / "tokenizer_config.json"
        self.write_json(path.name, json.loads(path.read_text()) | {"truncation_side": "left"})

    def part(self, run, record, part):
        """Tokens of a part of what the tokenizer is given, without those at the ends of the whole."""
        if not any(name in part for name in self.expanded):
            return self.processor.tokenizer(part, add_special_tokens=False)["input_ids"]
        self.whole = part
        made = self.arguments(run, record, "")["input_ids"][0].tolist()
        ends = self.processor.tokenizer("")["input_ids"]
        return made[len(ends) // 2 : len(made) - len(ends) // 2]

    whole = None

    def text(self, run, record, text):
        return self.whole or super().text(run, record, text)

    def prepared(self, run, record):
        text = text_of(record)
        self.whole = None
        arguments = self.arguments(run, record, text)
        if self.length(arguments) <= run.max_length:
            return arguments, False
        before, after = self.text(run, record, "\ufdd0").split("\ufdd0")
        parts = [self.part(run, record, part) for part in (before, text, after)]
        ends = self.processor.tokenizer("")["input_ids"]
        parts[0] = ends[: len(ends) // 2] + parts[0]
        parts[2] = parts[2] + ends[len(ends) // 2 :]
        excess = self.length({"input_ids": torch.tensor([sum(parts, [])])}) - run.max_length
        assert excess < len(parts[1]), "the text alone is cut"
        given = arguments["input_ids"].new_tensor([parts[0] + parts[1][excess:] + parts[2]])
        arguments["input_ids"], arguments["attention_mask"] = given, torch.ones_like(given)
        return arguments, True


class Loaded(Reference):
    """What goes through qwen-vl-utils where a run has settings of it."""

    patch_side = 4

    def given_image(self, run, name):
        given = image(name)
        size = run.inputs.get("image_size")
        return loaded_image(given, size, self.patch_side) if size and not name.startswith("black ") else given

    def given_video(self, run, name):
        pictures, about, options = super().given_video(run, name)
        if "frame_size" in run.inputs:
            pictures = loaded_frames(pictures, run.inputs["frame_size"], self.patch_side)
        if "frame_rate" in run.inputs:
            options = {"do_sample_frames": False}
        return pictures, about, options


class QwenVL(Loaded):
    kinds = ("image", "video")
    expanded = ("<|image_pad|>", "<|video_pad|>")
    cut_length = 40
    kind = ""
    template_name = "vision-chatml"

    def make(self, folder):
        tokenizer = qwen_tokenizer(VISION_NAMES)
        tokenizer.save_pretrained(folder)
        find = tokenizer.convert_tokens_to_ids
        self.ids = {
            "image_token_id": find("<|image_pad|>"), "video_token_id": find("<|video_pad|>"),
            "vision_start_token_id": find("<|vision_start|>"), "vision_end_token_id": find("<|vision_end|>"),
        }  # fmt: skip
        base = f"{self.kind}Model"
        self.write_model(self.case(base, base, f"{self.kind}Config", self.fields(is_v4=False)))
        self.template = shared_template(self.template_name)
        self.write_processors(folder, tokenizer)

    def fields(self, is_v4):
        text = dict(vocab_size=352, max_position_embeddings=4096)
        return vision.fields_of(self.kind, is_v4, text) | self.ids

    @property
    def image_class(self):
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

        return Qwen2VLImageProcessorPil

    has_seconds = False

    def positions(self, all_arguments):
        inputs = []
        for arguments in all_arguments:
            media = []
            for kind, grids in (("image", "image_grid_thw"), ("video", "video_grid_thw")):
                for grid in arguments.get(grids, torch.zeros(0, 3)).tolist():
                    media.append({"kind": kind, "grid": grid})
                    if self.has_seconds and kind == "video":
                        media[-1]["seconds"] = arguments["told_seconds"]
            inputs.append({"tokens": arguments["input_ids"][0].tolist(), "media": media})
        request = {
            "config_class": f"{self.kind}Config", "model_class": f"{self.kind}Model",
            "fields": self.fields(is_v4=True), "inputs": inputs,
        }  # fmt: skip
        command = [self.v4_python, vision.__file__, "--print-positions", json.dumps(request)]
        writer, places = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        self.placed_by = "transformers " + writer
        return places


MEANS = dict(image_mean=[0.48145466, 0.4578275, 0.40821073], image_std=[0.26862954, 0.26130258, 0.27577711])
PATCHES = dict(patch_size=4, merge_size=2, temporal_patch_size=2)


class Qwen2VL(QwenVL):
    """Files as the first such models have them: one for images and videos, the template in JSON."""

    name, seed, kind = "qwen2-vl", 3101, "Qwen2VL"

    def write_processors(self, folder, tokenizer):
        self.write_json("preprocessor_config.json", MEANS | PATCHES | dict(
            min_pixels=1024, max_pixels=2048, image_processor_type="Qwen2VLImageProcessor",
            processor_class="Qwen2VLProcessor",
        ))  # fmt: skip
        self.write_json("chat_template.json", {"chat_template": self.template})
        from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

        self.processor = transformers.Qwen2VLProcessor(
            image_processor=self.image_class.from_pretrained(folder), tokenizer=tokenizer,
            video_processor=Qwen2VLVideoProcessor.from_pretrained(folder), chat_template=self.template,
        )  # fmt: skip

    def runs(self):
        yield from super().runs()
        yield Run(
            "loaded", {"chat": True, "system": "Look and read.", "image_pixels": "4096-5000"}, "",
            records=["wide", "turned", "tall", "all", "seen"],
        )  # fmt: skip
        yield Run(
            "squashed", {"chat": True, "image_size": "48x40", "frames": 4, "frame_size": "40x24"},
            records=[
                "wide", "turned", "palette", "print", "deep", "clear", "grey", "tall", "clip", "odd", "seen", "aside",
            ],
        )  # fmt: skip
        # A query's own image is brought to a size, and the one that stands in for it is not.
        yield Run(
            "queries", {"chat": True, "generation_prompt": True, "query_image": 20, "image_size": "48x40"}, "Query: ",
            records=["text", "long", "wide"], role="query",
        )  # fmt: skip

    def arguments(self, run, record, text):
        if "image_pixels" not in run.inputs:
            return super().arguments(run, record, text)
        low, high = map(int, run.inputs["image_pixels"].split("-"))
        kept = self.processor.image_processor
        self.processor.image_processor = self.image_class.from_pretrained(
            self.folder, min_pixels=low, max_pixels=high
        )
        try:
            return super().arguments(run, record, text)
        finally:
            self.processor.image_processor = kept


class Qwen25VL(QwenVL):
    """A file for each, as transformers 4.52 writes them; the template beside them."""

    name, seed, kind, has_seconds = "qwen2.5-vl", 3201, "Qwen2_5_VL", True

    def write_processors(self, folder, tokenizer):
        self.write_json("preprocessor_config.json", MEANS | PATCHES | dict(
            size={"shortest_edge": 784, "longest_edge": 6400}, image_processor_type="Qwen2VLImageProcessorFast",
            do_resize=True, do_rescale=True, do_normalize=True, do_convert_rgb=True, rescale_factor=1 / 255, resample=3,
        ))  # fmt: skip
        self.write_json("video_preprocessor_config.json", MEANS | PATCHES | dict(
            size={"shortest_edge": 784, "longest_edge": 1600}, video_processor_type="Qwen2VLVideoProcessor",
            do_sample_frames=False, min_frames=4, max_frames=768,
        ))  # fmt: skip
        (folder / "chat_template.jinja").write_text(self.template)
        from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

        self.processor = transformers.Qwen2_5_VLProcessor(
            image_processor=self.image_class.from_pretrained(folder), tokenizer=tokenizer,
            video_processor=Qwen2VLVideoProcessor.from_pretrained(folder), chat_template=self.template,
        )  # fmt: skip


    def given_video(self, run, name):
        pictures, about, options = super().given_video(run, name)
        if "frame_pixels" in run.inputs:
            low, high = map(int, run.inputs["frame_pixels"].split("-"))
            options["size"] = {"shortest_edge": low, "longest_edge": high}
        return pictures, about, options

    def arguments(self, run, record, text):
        made = super().arguments(run, record, text)
        # Nobody tells the processor how far frames are apart but qwen-vl-utils: 2 a second, two for each step.
        made["told_seconds"] = 1.0
        if "frame_rate" in run.inputs and "video" in record:
            _, about = chosen_frames(run, record["video"])
            made["told_seconds"] = 2 / (len(about.frames_indices) / about.total_num_frames * about.fps)
        return made

    def runs(self):
        yield from super().runs()
        yield Run("rate", {"chat": True, "frame_rate": 2}, records=["clip", "odd", "seen", "uneven", "aside"])
        yield Run(
            "four at a rate", {
                "chat": True, "frame_rate": 3, "frames": 4, "frame_size": "24x40", "frame_pixels": "256-1024",
                "media_place": "last",
            }, records=["clip", "odd", "uneven"],
        )  # fmt: skip


class Qwen25VLLeft(CutLeft, Qwen25VL):
    """A tokenizer that cuts texts at their beginning."""

    name, seed = "qwen2.5-vl-left", 3211

    def runs(self):
        cut = dict(max_length=self.cut_length, records=["text", "long", "tall", "clip"])
        yield Run("first", {"chat": True}, "Query: ", **cut)
        yield Run("last", {"chat": True, "generation_prompt": True, "media_place": "last"}, "Query: ", **cut)
        yield Run("system", {"chat": True, "prompt_place": "system"}, "Represent the text. ", **cut)


class Qwen3VL(QwenVL):
    """One file for all, as transformers 5 writes it."""

    name, seed, kind, template_name = "qwen3-vl", 3301, "Qwen3VL", "vision-tools"
    left_out = ("one",)

    def write_processors(self, folder, tokenizer):
        from transformers.models.qwen3_vl.video_processing_qwen3_vl import Qwen3VLVideoProcessor

        half = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)
        self.processor = transformers.Qwen3VLProcessor(
            image_processor=self.image_class(
                **PATCHES, **half, size={"shortest_edge": 1024, "longest_edge": 4096}
            ),
            tokenizer=tokenizer,
            video_processor=Qwen3VLVideoProcessor(
                **PATCHES, **half, size={"shortest_edge": 2048, "longest_edge": 12_000}
            ),
            chat_template=self.template,
        )
        self.processor.save_pretrained(folder)

    def runs(self):
        yield from super().runs()
        yield Run(
            "rate", {"chat": True, "frame_rate": 1, "frames": 6, "frame_size": "48x32"},
            records=["clip", "odd", "seen", "uneven"],
        )  # fmt: skip

    def text(self, run, record, text):
        return super().text(run, record, text).replace("<|vision_start|><|video_pad|><|vision_end|>", "<|video_pad|>")


class Omni(Loaded):
    name, seed, patch_side = "omni", 3401, 14
    expanded = ("<|IMAGE|>", "<|VIDEO|>", "<|AUDIO|>")
    cut_length = 40

    def make(self, folder):
        tokenizer = qwen_tokenizer(["<|im_start|>", "<|im_end|>"], **OMNI_NAMES)
        tokenizer.save_pretrained(folder)
        find = tokenizer.convert_tokens_to_ids
        fields = dict(
            text_config=dict(
                hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
                num_key_value_heads=2, vocab_size=352, max_position_embeddings=4096, rms_norm_eps=1e-3, pad_token_id=0,
                rope_parameters={"rope_type": "default", "rope_theta": 1e4, "mrope_section": [2, 1, 1]},
            ),
            vision_config=dict(
                depth=2, hidden_size=16, intermediate_size=24, num_heads=2, window_size=112, patch_size=14,
                fullatt_block_indexes=[1], out_hidden_size=32,
            ),
            audio_config=dict(
                num_mel_bins=128, d_model=16, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=24,
                n_window=15, max_source_positions=60, output_dim=32,
            ),
            audio_token_index=find("<|AUDIO|>"), image_token_index=find("<|IMAGE|>"),
            video_token_index=find("<|VIDEO|>"), audio_start_token_id=find("<|audio_bos|>"),
            audio_end_token_id=find("<|audio_eos|>"), vision_start_token_id=find("<|vision_bos|>"),
            vision_end_token_id=find("<|vision_eos|>"),
        )  # fmt: skip
        self.write_model(self.case(
            "Qwen2_5OmniThinkerForConditionalGeneration", "Qwen2_5OmniThinkerModel", "Qwen2_5OmniThinkerConfig", fields
        ))  # fmt: skip
        self.template = shared_template("omni-chatml")
        (folder / "chat_template.jinja").write_text(self.template)
        # One file for images and sounds, as published.
        self.write_json("preprocessor_config.json", MEANS | dict(
            chunk_length=300, dither=0.0, feature_extractor_type="WhisperFeatureExtractor", feature_size=128,
            hop_length=160, image_processor_type="Qwen2VLImageProcessor", max_pixels=12845056, merge_size=2,
            min_pixels=3136, n_fft=400, n_samples=4800000, nb_max_frames=30000, padding_side="right",
            padding_value=0.0, patch_size=14, processor_class="Qwen2_5OmniProcessor", return_attention_mask=True,
            sampling_rate=16000, temporal_patch_size=2,
        ))  # fmt: skip
        from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
        from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

        self.processor = transformers.Qwen2_5OmniProcessor(
            image_processor=Qwen2VLImageProcessorPil.from_pretrained(folder),
            video_processor=Qwen2VLVideoProcessor.from_pretrained(folder),
            feature_extractor=transformers.WhisperFeatureExtractor.from_pretrained(folder), tokenizer=tokenizer,
            chat_template=self.template,
        )  # fmt: skip

    def given_video(self, run, name):
        pictures, about, options = super().given_video(run, name)
        if "frame_rate" in run.inputs:
            options["fps"] = run.inputs["frame_rate"]
        return pictures, about, options

    def runs(self):
        yield from super().runs()
        yield Run(
            "squashed", {
                "chat": True, "media_place": "last", "image_size": "112x84", "frames": 4, "frame_size": "56x84",
            }, records=["wide", "clear", "clip", "all", "uneven"],
        )  # fmt: skip
        yield Run("rate", {"chat": True, "frame_rate": 1}, records=["clip", "odd", "uneven"])

    def positions(self, all_arguments):
        return [self.placed(arguments) for arguments in all_arguments]

    def placed(self, arguments):
        sounds = arguments.get("feature_attention_mask")
        places, _ = self.model.get_rope_index(
            arguments["input_ids"], arguments.get("image_grid_thw"), arguments.get("video_grid_thw"),
            arguments["attention_mask"], False, None if sounds is None else sounds.sum(1),
            arguments.get("video_second_per_grid"),
        )  # fmt: skip
        return places[:, 0].long().tolist()


class EmbeddingGemma2(Reference):
    name, seed, pooling = "embedding-gemma2", 3501, "mean"
    expanded = ("<|image|>", "<|video|>", "<|audio|>")
    marks = ("<|image>", "<image|>", "<|audio>", "<audio|>")
    cut_length = 60
    of_videos = {}

    def make(self, folder):
        tokenizer = gemma_tokenizer()
        find = tokenizer.convert_tokens_to_ids
        plain = next(eg2.cases()).fields
        ids = dict(
            image_token_id=find("<|image|>"), video_token_id=find("<|video|>"), audio_token_id=find("<|audio|>"),
            boi_token_id=find("<|image>"), eoi_token_id=find("<image|>"), boa_token_id=find("<|audio>"),
            eoa_token_index=find("<audio|>"),
        )  # fmt: skip
        fields = ids | dict(
            text_config=plain["text_config"] | dict(vocab_size=len(tokenizer), max_position_embeddings=4096),
            vision_config=plain["vision_config"] | dict(position_embedding_size=240),
            audio_config=plain["audio_config"] | dict(subsampling_conv_channels=[128, 4]),
        )
        model = "EmbeddingGemma2Model"
        self.write_model(self.case(model, model, "EmbeddingGemma2Config", fields))
        self.template = GEMMA_TEMPLATE
        from transformers.models.embedding_gemma2.video_processing_embedding_gemma2 import (
            EmbeddingGemma2VideoProcessor,
        )
        from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil

        self.processor = transformers.EmbeddingGemma2Processor(
            image_processor=Gemma4ImageProcessorPil(max_soft_tokens=140, patch_size=4),
            feature_extractor=transformers.Gemma4AudioFeatureExtractor(), tokenizer=tokenizer,
            video_processor=EmbeddingGemma2VideoProcessor(
                max_soft_tokens=70, patch_size=4, do_normalize=False, **self.of_videos
            ),
            chat_template=self.template,
        )  # fmt: skip
        self.processor.save_pretrained(folder)

    def runs(self):
        yield from (run for run in super().runs() if run.name != "prompt")
        yield Run("plain", {"chat": False}, "task: search result | query: ")
        yield Run("last", {"chat": False, "media_place": "last"}, "title: none | text: ")
        yield Run("rate", {"chat": False, "frame_rate": 2, "frames": 5}, records=["clip", "odd", "seen", "uneven"])

    def given_video(self, run, name):
        if "frame_rate" not in run.inputs:
            return super().given_video(run, name)
        pictures, about = chosen_frames(Run("", {}), name)
        return pictures, about, {"fps": run.inputs["frame_rate"], "max_frames": run.inputs["frames"]}


class EmbeddingGemma2Timed(CutLeft, EmbeddingGemma2):
    """Times stand before the pictures of videos; texts lose their beginning."""

    name, seed, of_videos = "embedding-gemma2-timed", 3511, dict(add_timestamps=True, fps=2, max_frames=6)

    def runs(self):
        records = ["clip", "odd", "one", "seen", "uneven"]
        yield Run("plain", {"chat": False}, "task: search result | query: ", records=records)
        yield Run("last", {"chat": False, "media_place": "last"}, "title: none | text: ", records=records)
        yield Run("chat", {"chat": True, "media_place": "last"}, "title: none | text: ", records=records)
        yield Run("frames", {"chat": True, "frames": 3}, records=records)
        cut = dict(max_length=90, records=["tall", "uneven"])
        yield Run("cut", {"chat": False}, "task: search result | query: ", **cut)
        yield Run("cut, last", {"chat": False, "media_place": "last"}, "title: none | text: ", **cut)


class Graft(Reference):
    """A BERT with a DINOv2 and a Whisper before it."""

    name, seed, pooling, kinds = "graft", 3601, "mean", ("image", "audio")
    cut_length = 20

    def make(self, folder):
        tokenizer = self.tokenizer = graft_tokenizer()
        bert = transformers.BertConfig(
            vocab_size=352, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
            max_position_embeddings=256, pad_token_id=0,
        )  # fmt: skip
        dinov2 = transformers.Dinov2Config(
            hidden_size=16, num_hidden_layers=2, num_attention_heads=2, image_size=20, patch_size=4, mlp_ratio=3
        )
        whisper = transformers.WhisperConfig(
            d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
            encoder_ffn_dim=24, decoder_ffn_dim=24, num_mel_bins=80, max_source_positions=50, max_target_positions=8,
            vocab_size=20, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=3,
        )  # fmt: skip
        self.projectors = torch.nn.ModuleDict({
            "vision": torch.nn.ModuleDict({"mlp": torch.nn.ModuleDict(
                {"up": torch.nn.Linear(64, 32), "down": torch.nn.Linear(32, 32)}
            )}),
            "audio": torch.nn.ModuleDict({"linear": torch.nn.Linear(10 * 16, 32)}),
        })  # fmt: skip
        self.tensors, configs, weights, self.parts = [], {}, {}, {}
        for part, model, prefix in (
            ("text", transformers.BertModel(bert, add_pooling_layer=False), ""),
            ("vision", transformers.Dinov2Model(dinov2), ""), ("audio", transformers.WhisperModel(whisper), "encoder."),
        ):  # fmt: skip
            made = self.part(part, model, prefix, weights)
            self.parts[part] = made.encoder if part == "audio" else made
            configs[part] = json.loads(made.config.to_json_string(use_diff=False)) | {"dtype": "float32"}
            del configs[part]["_name_or_path"]
        projectors = {name: list(tensor.shape) for name, tensor in self.projectors.state_dict().items()}
        self.projectors.load_state_dict(
            {name: self.weight(f"projector.{name}", shape, weights) for name, shape in projectors.items()}
        )
        self.tensors.sort(key=lambda tensor: tensor["name"])
        self.config = {
            "model_type": "tvt_graft", "text_config": configs["text"], "vision_config": configs["vision"],
            "audio_config": configs["audio"], "image_token_id": tokenizer.token_to_id("<image>"),
            "audio_token_id": tokenizer.token_to_id("<audio>"),
            "vision_projector": {
                "type": "mlp", "merge_size": 2, "inner_size": 32, "activation": "gelu", "keeps_class_token": True,
            },
            "audio_projector": {"type": "linear", "merge_size": 10},
        }  # fmt: skip
        self.write_json("config.json", self.config)
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        tokenizer.save(str(folder / "tokenizer.json"))
        self.write_json("tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"})
        from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

        self.image_processor = BitImageProcessorPil(
            size={"shortest_edge": 22}, crop_size={"height": 16, "width": 16}, image_mean=[0.485, 0.456, 0.406],
            image_std=[0.229, 0.224, 0.225],
        )  # fmt: skip
        self.extractor = transformers.WhisperFeatureExtractor(feature_size=80, chunk_length=1)
        self.write_json("processor_config.json", {
            "image_processor": json.loads(self.image_processor.to_json_string()),
            "feature_extractor": json.loads(self.extractor.to_json_string()),
        })  # fmt: skip

    def weight(self, name, shape, weights):
        center, spread = families.distribution(name, shape, 1.0)
        if name.endswith(("position_embeddings", "cls_token")):
            center, spread = 0.0, 1.0
        self.tensors.append({"name": name, "shape": shape, "center": center, "spread": spread})
        weights[name] = torch.from_numpy(families.generate(self.seed, **self.tensors[-1]))
        return weights[name]

    def part(self, part, model, prefix, weights):
        """A model with generated weights, under the names that its file has, which memory need not have."""
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            file = Path(folder) / "model.safetensors"
            stored = load_file(file)
            for name, tensor in stored.items():
                if name.startswith(prefix) and not name.endswith("mask_token"):
                    stored[name] = self.weight(f"{part}.{name[len(prefix) :]}", list(tensor.shape), weights)
            save_file(stored, file, metadata={"format": "pt"})
            options = {"add_pooling_layer": False} if part == "text" else {}
            return type(model).from_pretrained(
                folder, attn_implementation="eager", dtype=torch.float32, **options
            ).eval()

    def picture_features(self, pixels):
        made = self.parts["vision"](pixels).last_hidden_state[0]
        side = pixels.shape[-1] // 8
        patches = made[1:].reshape(side, 2, side, 2, 16).permute(0, 2, 1, 3, 4).reshape(-1, 64)
        layers = self.projectors["vision"]["mlp"]
        joined = torch.cat([made[:1].repeat(1, 4), patches])
        return layers["down"](torch.nn.functional.gelu(layers["up"](joined)))

    def features(self, run, record):
        if "image" in record:
            pixels = self.image_processor([image(record["image"])], return_tensors="pt")["pixel_values"]
            yield "<image>", self.picture_features(pixels)
        if "video" in record:
            pixels = self.image_processor(list(chosen_frames(run, record["video"])[0]), return_tensors="pt")
            yield "<image>", torch.cat([self.picture_features(one[None]) for one in pixels["pixel_values"]])
        if "audio" in record:
            mels = self.extractor(sound(record["audio"]), sampling_rate=16000, return_tensors="pt")["input_features"]
            made = self.parts["audio"](mels).last_hidden_state[0]
            yield "<audio>", self.projectors["audio"]["linear"](made.reshape(-1, 160))

    def encode(self, pairs):
        return (self.encoded(run, record) for run, record in pairs)

    def encoded(self, run, record):
        text = text_of(record)
        words = text.split(" ")
        with torch.no_grad():
            features = list(self.features(run, record))
            while True:
                items = "".join(name for name, _ in features)
                before = run.prompt + items + " ".join(words)
                if run.inputs.get("media_place") == "last":
                    before = run.prompt + " ".join(words) + items
                ids = self.tokenizer.encode(before).ids
                if len(ids) - len(features) <= run.max_length:
                    break
                words.pop()
            embedded, tokens = [], []
            table = self.parts["text"].embeddings.word_embeddings
            waiting = {name: [rows for other, rows in features if other == name] for name, _ in features}
            for token in ids:
                rows = waiting.get(self.tokenizer.id_to_token(token))
                found = rows.pop(0) if rows else table(torch.tensor([token]))
                embedded.append(found)
                tokens += [token] * len(found)
            last = self.parts["text"](inputs_embeds=torch.cat(embedded)[None]).last_hidden_state[0]
        vector = torch.nn.functional.normalize(last.mean(0), dim=-1)
        return tokens, None, vector, len(words) < len(text.split(" "))

    def runs(self):
        yield Run("plain", {"chat": False, "frames": 3}, "Passage: ", 256)
        yield Run("last", {"chat": False, "media_place": "last", "frames": 2}, max_length=256)
        yield Run("cut", {"chat": False, "frames": 3}, "Query: ", self.cut_length, ["text", "long", "tall", "music"])


REFERENCES = [
    Qwen2VL, Qwen25VL, Qwen25VLLeft, Qwen3VL, Omni, EmbeddingGemma2, EmbeddingGemma2Timed, Graft,
]  # fmt: skip


# --- Files ---------------------------------------------------------------------------------------------------------


def packed(numbers):
    """`5 7*3 9..12`: a 5, three 7, and the numbers from 9 to 12."""
    parts, start = [], 0
    while start < len(numbers):
        same, rising = start + 1, start + 1
        while same < len(numbers) and numbers[same] == numbers[start]:
            same += 1
        while rising < len(numbers) and numbers[rising] == numbers[rising - 1] + 1:
            rising += 1
        first = numbers[start]
        if rising - start > 2:
            parts.append(f"{first}..{numbers[rising - 1]}")
            start = rising
        else:
            parts.append(str(first) if same - start == 1 else f"{first}*{same - start}")
            start = same
    return " ".join(parts)


def records_of(reference, run):
    kinds = reference.kinds + (("video",) if reference.name == "graft" else ())
    for record in RECORDS:
        if run.records and record["id"] not in run.records or record["id"] in reference.left_out:
            continue
        if all(kind in kinds for kind in KINDS if kind in record):
            yield record


def make(kind, v4_python, folders):
    with tempfile.TemporaryDirectory() as temporary:
        folder = folders / kind.name if folders else Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        reference = kind(folder, v4_python)
        pairs = [(run, record) for run in reference.runs() for record in records_of(reference, run)]
        encoded = reference.encode(pairs)
        runs, vectors = {}, {}
        for (run, record), (tokens, positions, vector, was_cut) in zip(pairs, encoded):
            output = {"id": record["id"], "isCut": was_cut, "tokens": packed(tokens)}
            if positions is not None:
                output["positions"] = [packed(axis) for axis in positions]
            described = {
                "name": run.name, "inputs": run.inputs, "prompt": run.prompt, "maxLength": run.max_length,
                "isWhole": not run.records, "role": run.role, "outputs": [],
            }  # fmt: skip
            runs.setdefault(run.name, described)["outputs"].append(output)
            vectors.setdefault(run.name, []).append(vector)
        names = sorted(path.name for path in folder.iterdir() if path.suffix in (".json", ".jinja"))
        names = [name for name in names if name not in ("config.json", "generation_config.json")]
        content = {
            "provenance": {
                "script": Path(__file__).name,
                "positions": getattr(reference, "placed_by", "transformers " + transformers.__version__),
                "images": "Pillow", "frames": "torch, bytes",
                "versions": {
                    "torch": torch.__version__, "transformers": transformers.__version__,
                    "torchvision": torchvision.__version__, "Pillow": PIL.__version__, "numpy": np.__version__,
                },
            },
            "note": kind.__doc__ or "", "config": reference.config, "seed": reference.seed, "texts": [],
            "pooling": reference.pooling,
            "files": [{"name": name, "content": (folder / name).read_text()} for name in names],
            "tensors": reference.tensors, "runs": list(runs.values()),
        }  # fmt: skip
    (HERE / f"{kind.name}.json").write_text(families.to_json(content) + "\n")
    save_file({name: torch.stack(made) for name, made in vectors.items()}, HERE / f"{kind.name}.safetensors")


def write_corpus(path):
    with open(path, "w") as file:
        for record in RECORDS:
            line = {"docid": record["id"]}
            for key, field_name in (
                ("title", "title"), ("text", "document_text"), ("image", "document_image"),
                ("video", "document_video"), ("audio", "document_audio"),
            ):  # fmt: skip
                if key in record:
                    line[field_name] = record[key]
            file.write(json.dumps(line) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="make this model alone; may be repeated")
    parser.add_argument("--v4-python", metavar="PYTHON", help="an interpreter that has transformers 4.57.6 and torch")
    parser.add_argument("--folders", metavar="DIR", type=Path, help="write the models' folders here as well")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    write_files()
    (HERE / "records.json").write_text(families.to_json({"records": RECORDS}) + "\n")
    if options.folders:
        options.folders.mkdir(parents=True, exist_ok=True)
        write_corpus(options.folders / "corpus.jsonl")
    for kind in REFERENCES:
        if not options.only or kind.name in options.only:
            make(kind, options.v4_python, options.folders)
            print(kind.name)


if __name__ == "__main__":
    main()
