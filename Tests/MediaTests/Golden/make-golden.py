"""Makes `files.tar.zst` of MediaTests: images, sounds and videos, and beside each what Pillow or ffmpeg decodes; see
PROVENANCE.md.

    python3 make-golden.py

`NAME.rgb` / `NAME.rgba` hold pixels (their size is in sizes.json), `NAME.f32` mono samples at 16 kHz.
"""

import io
import json
import os
import subprocess
import tempfile

import numpy
from PIL import Image, ImageDraw, ImageOps

sizes = {}
CHOSEN = [0, 8, 15, 23]


def picture(width, height, alpha=False):
    """Gradients, edges, text and noise; seeded."""
    generator = numpy.random.default_rng(width * 1000 + height)
    y, x = numpy.mgrid[0:height, 0:width]
    channels = [x * 255 // width, y * 255 // height, (x + y) * 7 % 256]
    if alpha:
        channels.append((x * 13 + y * 5) % 256)
    pixels = numpy.stack(channels, -1).astype("u1")
    pixels[: height // 8] = generator.integers(0, 256, pixels[: height // 8].shape)
    image = Image.fromarray(pixels, "RGBA" if alpha else "RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle([width // 4, height // 2, width // 2, height - 2], fill=(250, 20, 20))
    draw.text((2, height // 2), "Größe 42", fill=(255, 255, 255))
    return image


def keep(folder, name, image):
    image = image if image.mode == "RGBA" else image.convert("RGB")
    suffix = "rgba" if image.mode == "RGBA" else "rgb"
    with open(f"{folder}/{name}.{suffix}", "wb") as file:
        file.write(image.tobytes())
    sizes[name] = [image.width, image.height]


def save(folder, name, image, expected=None, **options):
    image.save(f"{folder}/{name}", **options)
    with Image.open(f"{folder}/{name}") as read:
        read.load()
        keep(folder, name, ImageOps.exif_transpose(read) if expected is None else expected)


def images(folder):
    base = picture(61, 43)
    save(folder, "baseline.jpg", base, quality=90)
    save(folder, "progressive.jpg", base, quality=90, progressive=True)
    save(folder, "whole-chroma.jpg", base, quality=95, subsampling=0)
    save(folder, "grey.jpg", base.convert("L"), quality=90)
    save(folder, "cmyk.jpg", base.convert("CMYK"), quality=95)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        exif[0x010F] = "maker"
        save(folder, f"orientation-{orientation}.jpg", base, quality=90, exif=exif)
    clear = picture(40, 31, alpha=True)
    save(folder, "rgb.png", base)
    save(folder, "rgba.png", clear)
    save(folder, "palette.png", base.quantize(17))
    transparent = base.quantize(17)
    save(folder, "palette-transparent.png", transparent, expected=None, transparency=3)
    with Image.open(f"{folder}/palette-transparent.png") as read:
        keep(folder, "palette-transparent.png", read.convert("RGBA"))
        os.remove(f"{folder}/palette-transparent.png.rgb")
    save(folder, "grey.png", base.convert("L"))
    save(folder, "bits.png", base.convert("1"))
    deep = (numpy.asarray(base.convert("L")).astype("u2") << 8) | 0x80
    Image.fromarray(deep).save(f"{folder}/grey-16.png")
    keep(folder, "grey-16.png", Image.fromarray((deep / 257 + 0.5).astype("u1")))
    # 16 bits a channel and interlacing, which Pillow does not write.
    for name, options in {"interlaced.png": ["-flags", "+ildct"], "rgb-16.png": ["-pix_fmt", "rgb48be"]}.items():
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", f"{folder}/rgb.png", *options, f"{folder}/{name}"], check=True)
        keep(folder, name, base)
    save(folder, "lossless.webp", base, lossless=True)
    save(folder, "lossy.webp", base, quality=90)
    save(folder, "alpha.webp", clear, lossless=True, exact=True)
    save(folder, "still.gif", base.quantize(30))
    base.quantize(30).save(f"{folder}/moving.gif", save_all=True, append_images=[picture(61, 43).rotate(90).quantize(20)])
    with Image.open(f"{folder}/moving.gif") as read:
        keep(folder, "moving.gif", read.convert("RGB"))
    big = picture(217, 173)
    save(folder, "scaling.png", big)
    for width, height in [(217, 90), (100, 173), (64, 64), (31, 9), (300, 200), (1, 1), (217, 400)]:
        keep(folder, f"scaled-{width}x{height}", big.resize((width, height), Image.Resampling.BICUBIC))


def ffmpeg(*arguments):
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-bitexact", *arguments], check=True)


def sounds(folder):
    source = "sine=frequency=440:duration=0.3:sample_rate=44100[a];anoisesrc=duration=0.3:seed=1:amplitude=0.2:sample_rate=44100[b];[a][b]join=inputs=2:channel_layout=stereo"
    kinds = {
        "stereo.wav": [], "mono-8k.wav": ["-ac", "1", "-ar", "8000"], "deep.wav": ["-c:a", "pcm_s24le"],
        "stereo.flac": [], "stereo.mp3": ["-b:a", "96k"], "stereo.ogg": ["-c:a", "libvorbis"], "opus.ogg": ["-c:a", "libopus", "-ar", "48000"],
    }  # fmt: skip
    for name, options in kinds.items():
        ffmpeg("-filter_complex", source, *options, "-map_metadata", "-1", f"{folder}/{name}")
        # Equal channels keep their level, and nothing above the band comes through.
        resampling = "aresample=16000:ochl=mono:rematrix_maxval=1:resampler=soxr:cutoff=0.99"
        ffmpeg("-i", f"{folder}/{name}", "-af", resampling, "-f", "f32le", f"{folder}/{name}.f32")
    # 441 samples in one page; ffmpeg itself decodes 313 of them.
    ffmpeg("-filter_complex", source, "-t", "0.01", "-c:a", "libvorbis", "-map_metadata", "-1", f"{folder}/short.ogg")


def videos(folder):
    source = ["-f", "lavfi", "-i", "testsrc=size=96x64:rate=12:duration=2", "-f", "lavfi", "-i", "sine=frequency=300:duration=2"]
    kinds = {
        "clip.mp4": ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", "2", "-g", "10"],
        "clip.webm": ["-c:v", "libvpx-vp9", "-b:v", "200k"], "clip.avi": ["-c:v", "mpeg4", "-q:v", "3"],
    }  # fmt: skip
    for name, options in kinds.items():
        ffmpeg(*source, *options, "-shortest", f"{folder}/{name}")
    ffmpeg("-i", f"{folder}/clip.mp4", "-c", "copy", "-metadata:s:v:0", "rotate=90", f"{folder}/turned.mp4")
    ffmpeg("-i", f"{folder}/clip.mp4", "-c", "copy", "-an", f"{folder}/silent.mp4")
    for name in [*kinds, "turned.mp4"]:
        # Some pictures, one below the other.
        chosen = "+".join(f"eq(n\\,{number})" for number in CHOSEN)
        ffmpeg("-i", f"{folder}/{name}", "-vf", f"select={chosen}", "-vsync", "0", "-f", "rawvideo", "-pix_fmt", "rgb24",
               "-sws_flags", "bilinear+accurate_rnd+full_chroma_int", f"{folder}/{name}.rgb")  # fmt: skip
        sizes[name] = [64, 96] if name == "turned.mp4" else [96, 64]


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as folder:
        images(folder)
        sounds(folder)
        videos(folder)
        with open(f"{folder}/sizes.json", "w") as file:
            json.dump(sizes, file, indent=0, sort_keys=True)
        subprocess.run(
            ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C", folder, "-I", "zstd -19 --ultra -22",
             "-cf", f"{here}/files.tar.zst", *sorted(os.listdir(folder))], check=True)  # fmt: skip


main()
