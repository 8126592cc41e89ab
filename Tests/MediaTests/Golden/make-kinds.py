"""Makes `kinds.tar.zst` of MediaTests: images, audio and videos of many kinds and writers, and `expected.json` with what
Pillow, or PyAV's FFmpeg, makes of each; see PROVENANCE.md.

    python3 make-kinds.py

`NAME.rgb` / `NAME.rgba` hold the pixels of an image, stood upright. Of videos `expected.json` has `frames` (pictures that a
decoder shows), of audio `samples` and `rate` (what a decoder gives; in MP4 not beyond the end of the edit list).
"""

import json
import os
import struct
import subprocess
import tempfile
import wave
import zlib

import av
import numpy
import soundfile
from PIL import Image, ImageOps

expected = {}


def run(*arguments, **options):
    return subprocess.run([str(a) for a in arguments], check=True, stderr=subprocess.DEVNULL, **options)


def ffmpeg(*arguments, **options):
    return run("ffmpeg", "-v", "error", "-y", "-bitexact", "-fflags", "+bitexact", *arguments, **options)


# Images


def picture(width, height, channels=3, seed=0):
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [x * 255 // width, y * 255 // height, (x + y) * 5 % 256, 255 - (x * y) % 200][:channels]
    return Image.fromarray(((numpy.stack(planes, -1) + seed * 40) % 256).astype("u1"), "RGB" if channels == 3 else "RGBA")


def keep(folder, name, image=None):
    if image is None:
        with Image.open(f"{folder}/{name}") as read:
            image = ImageOps.exif_transpose(read)
    image = image if image.mode == "RGBA" else image.convert("RGB")
    with open(f"{folder}/{name}.{image.mode.lower()}", "wb") as file:
        file.write(image.tobytes())
    expected[name] = {"width": image.width, "height": image.height}


def exif(orientation):
    block = Image.Exif()
    block[0x0112] = orientation
    return block


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_chunk(png, new, before):
    """The PNG with a chunk more, before the first of a kind."""
    at = png.index(before) - 4
    return png[:at] + new + png[at:]


def images(folder):
    base = picture(30, 20)
    for orientation in range(1, 9):
        base.save(f"{folder}/o{orientation}.png", exif=exif(orientation))
        base.save(f"{folder}/o{orientation}.webp", lossless=True, exif=exif(orientation))
        base.save(f"{folder}/o{orientation}.tif", tiffinfo={0x0112: orientation})
        base.save(f"{folder}/o{orientation}.jpg", quality=95, subsampling=0, exif=exif(orientation))
    base.save(f"{folder}/lossy.webp", quality=95, exif=exif(6))
    picture(30, 20, 4).save(f"{folder}/alpha.webp", lossless=True, exact=True, exif=exif(8))
    picture(30, 20, 4).save(f"{folder}/alpha.png", exif=exif(5))
    with open(f"{folder}/o6.png", "rb") as file:
        png = file.read()
    # The block behind the pixels, and in ImageMagick's text of old.
    start = png.index(b"eXIf") - 4
    size = struct.unpack(">I", png[start : start + 4])[0] + 12
    plain, block = png[:start] + png[start + size :], png[start : start + size]
    with open(f"{folder}/behind.png", "wb") as file:
        file.write(with_chunk(plain, block, b"IEND"))
    data = b"Exif\0\0" + block[8:-4]
    digits = "\n".join(data.hex()[i : i + 72] for i in range(0, len(data) * 2, 72))
    text = b"Raw profile type exif\0\0" + zlib.compress(f"\nexif\n{len(data):8}\n{digits}\n".encode())
    with open(f"{folder}/raw-profile.png", "wb") as file:
        file.write(with_chunk(plain, chunk(b"zTXt", text), b"IDAT"))
    more = [picture(30, 20, seed=seed) for seed in (1, 2, 3)]
    base.save(f"{folder}/moving.webp", save_all=True, append_images=more, lossless=True, duration=50)
    clear = [picture(30, 20, 4, seed=seed) for seed in (0, 1, 2)]
    clear[0].save(f"{folder}/moving-alpha.webp", save_all=True, append_images=clear[1:], lossless=True, exact=True, exif=exif(6))
    base.quantize(30).save(f"{folder}/moving.gif", save_all=True, append_images=[m.quantize(30) for m in more])
    base.save(f"{folder}/moving.png", save_all=True, append_images=more)
    base.save(f"{folder}/two.mpo", save_all=True, append_images=more[:1], quality=95, exif=exif(3))
    base.save(f"{folder}/plain.bmp")
    base.convert("CMYK").save(f"{folder}/cmyk.tif")
    picture(30, 20).save(f"{folder}/pages.tif", save_all=True, append_images=[picture(30, 20, seed=4)], compression="tiff_lzw")
    Image.fromarray((numpy.asarray(base.convert("L")).astype("u2") << 8) | 0x80).save(f"{folder}/deep.tif")
    for name in sorted(os.listdir(folder)):
        if name not in ("deep.tif",):
            keep(folder, name)
    # What is not read, whole.
    base.save(f"{folder}/still.avif")
    base.save(f"{folder}/moving.avif", save_all=True, append_images=more)
    ffmpeg("-i", f"{folder}/o1.png", f"{folder}/p.jp2")
    base.resize((16, 16)).save(f"{folder}/p.ico")
    base.save(f"{folder}/p.ppm")
    Image.fromarray(numpy.asarray(base.convert("L")).astype("f4")).save(f"{folder}/float.tif")


# Audio


def source(folder, name, rate, count, channels):
    generator = numpy.random.default_rng(count)
    tone = 8000 * numpy.sin(2 * numpy.pi * 440 * numpy.arange(count) / rate) + generator.normal(0, 300, count)
    samples = numpy.repeat(tone.astype("<i2")[:, None], channels, 1)
    with wave.open(f"{folder}/{name}", "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())


def piped(folder, name, *command, stdin=None):
    """What a program writes where it cannot go back."""
    with open(f"{folder}/{name}", "wb") as file:
        feed = open(stdin, "rb") if stdin else None
        writer = subprocess.Popen([str(a) for a in command], stdin=feed, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        file.write(writer.stdout.read())
        assert writer.wait() == 0, command


def audio(folder):
    source(folder, "source.wav", 44_100, 23_456, 2)
    source(folder, "small.wav", 8_000, 3_001, 1)
    s, small = f"{folder}/source.wav", f"{folder}/small.wav"
    run("lame", "--quiet", "-b", 128, s, f"{folder}/lame-cbr.mp3")
    run("lame", "--quiet", "-V", 5, s, f"{folder}/lame-vbr.mp3")
    run("lame", "--quiet", "-t", s, f"{folder}/lame-no-tag.mp3")
    run("lame", "--quiet", "--resample", "22.05", s, f"{folder}/lame-22k.mp3")
    run("opusenc", "--quiet", "--serial", 1, s, f"{folder}/opusenc.opus")
    run("opusenc", "--quiet", "--serial", 1, "--framesize", "60", s, f"{folder}/opusenc-60.opus")
    run("oggenc", "-Q", "--serial", 1, s, "-o", f"{folder}/oggenc.ogg")
    run("flac", "-s", "-f", s, "-o", f"{folder}/flac.flac")
    kinds = {
        "lavf.mp3": [], "lavf-no-xing.mp3": ["-write_xing", 0], "lavf.mp2": [], "lavf.opus": ["-c:a", "libopus"],
        "short.opus": ["-c:a", "libopus", "-frame_duration", 2.5, "-application", "lowdelay"],
        "opus.webm": ["-c:a", "libopus"], "opus.mka": ["-c:a", "libopus"], "opus.mp4": ["-c:a", "libopus"],
        "vorbis.webm": ["-c:a", "libvorbis"], "vorbis.ogg": ["-c:a", "libvorbis"], "flac.oga": ["-c:a", "flac"],
        "adts.aac": [], "aac.m4a": [], "aac.mka": ["-c:a", "aac"], "aac.ts": ["-c:a", "aac"],
        "fragments.m4a": ["-movflags", "frag_keyframe+empty_moov", "-frag_duration", 200_000], "alac.m4a": ["-c:a", "alac"],
        "mp3.mp4": ["-c:a", "libmp3lame"], "mp3.mka": ["-c:a", "libmp3lame"], "mp3.avi": ["-c:a", "libmp3lame"],
        "pcm.mka": ["-c:a", "pcm_s16le"], "pcm.mov": ["-c:a", "pcm_s16le"], "flac.mka": ["-c:a", "flac"],
        "lavf.wma": ["-c:a", "wmav2"], "lavf.aiff": [], "lavf.au": [], "lavf.caf": [], "lavf.w64": [], "lavf.ac3": [],
        "adpcm.wav": ["-c:a", "adpcm_ima_wav"], "mulaw.wav": ["-c:a", "pcm_mulaw"], "deep.wav": ["-c:a", "pcm_s24le"],
        "rf64.wav": ["-rf64", "always"], "lavf.wv": [], "lavf.tta": [],
    }  # fmt: skip
    for name, options in kinds.items():
        ffmpeg("-i", s, "-map_metadata", "-1", *options, f"{folder}/{name}")
    # Frames of 12.2 kbit/s: whatever bits they have, a decoder makes 160 samples of each.
    bits = numpy.random.default_rng(7).integers(0, 256, (15, 31)).astype("u1")
    with open(f"{folder}/frames.amr", "wb") as file:
        file.write(b"#!AMR\n" + b"".join(b"\x3c" + frame.tobytes() for frame in bits))
    ffmpeg("-ss", 0.2, "-i", f"{folder}/aac.m4a", "-c", "copy", f"{folder}/trimmed.m4a")
    ffmpeg("-ss", 0.2, "-i", f"{folder}/aac.m4a", "-c", "copy", f"{folder}/trimmed.mka")
    ffmpeg("-ss", 0.2, "-i", f"{folder}/lame-cbr.mp3", "-c", "copy", f"{folder}/trimmed.mp3")
    ffmpeg("-itsoffset", 0.5, "-i", f"{folder}/aac.m4a", "-c", "copy", f"{folder}/late.m4a")
    cover = f"{folder}/cover.jpg"
    picture(16, 16).save(cover)
    art = ["-i", cover, "-map", 0, "-map", 1, "-c", "copy", "-disposition:v:0", "attached_pic"]
    ffmpeg("-i", f"{folder}/lame-cbr.mp3", *art, "-id3v2_version", 3, f"{folder}/cover.mp3")
    ffmpeg("-i", f"{folder}/flac.flac", *art, f"{folder}/cover.flac")
    ffmpeg("-i", f"{folder}/aac.m4a", *art, f"{folder}/cover.m4a")
    os.remove(cover)
    # Sizes that a writer to a pipe leaves open.
    for kind in ("wav", "w64", "aiff", "au", "caf", "flac", "matroska", "ogg"):
        piped(folder, f"pipe-ffmpeg.{kind}", "ffmpeg", "-v", "error", "-i", small, "-f", kind, "-")
    piped(folder, "pipe-ffmpeg-rf64.wav", "ffmpeg", "-v", "error", "-i", small, "-rf64", "always", "-f", "wav", "-")
    for kind in ("wav", "au", "aiff"):
        piped(folder, f"pipe-sox.{kind}", "sox", "--ignore-length", "-t", "wav", "-", "-t", kind, "-", "trim", "0", stdin=small)
    piped(folder, "pipe-lame.wav", "lame", "--quiet", "--decode", f"{folder}/lame-cbr.mp3", "-")


# Videos


def videos(folder):
    def test(rate, seconds):
        return ["-f", "lavfi", "-i", f"testsrc=size=48x32:rate={rate}:duration={seconds}"]

    tone = ["-f", "lavfi", "-i", "sine=frequency=300:duration=2:sample_rate=22050"]
    x264 = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-bf", 2, "-g", 10]
    full = f"{folder}/full.mp4"
    ffmpeg(*test(10, 2), *tone, *x264, "-c:a", "aac", "-b:a", "24k", full)
    ffmpeg("-ss", 0.7, "-i", full, "-c", "copy", f"{folder}/trimmed.mp4")
    ffmpeg("-ss", 0.7, "-i", full, "-c", "copy", "-an", f"{folder}/trimmed-silent.mp4")
    ffmpeg("-ss", 0.7, "-i", full, "-c", "copy", f"{folder}/trimmed.mkv")
    ffmpeg("-i", full, "-c", "copy", "-t", 1.05, f"{folder}/ends-early.mp4")
    ffmpeg("-i", full, "-c", "copy", "-movflags", "frag_keyframe", f"{folder}/fragments.mp4")
    ffmpeg("-i", full, "-c", "copy", "-movflags", "frag_keyframe+empty_moov", f"{folder}/fragments-only.mp4")
    ffmpeg("-i", full, "-c", "copy", "-movflags", "faststart", f"{folder}/faststart.mp4")
    ffmpeg("-i", full, "-c", "copy", "-f", "mpegts", f"{folder}/full.ts")
    with open(f"{folder}/full.ts", "rb") as file:
        packets = file.read()
    with open(f"{folder}/cut-start.ts", "wb") as file:
        file.write(packets[188 * 40 :])
    ffmpeg(*test(10, 2), *tone, "-c:v", "mpeg4", "-bf", 2, "-c:a", "libmp3lame", "-b:a", "24k", f"{folder}/full.avi")
    ffmpeg(*test(10, 2), *tone, "-c:v", "flv", "-c:a", "libmp3lame", "-b:a", "24k", f"{folder}/full.flv")
    ffmpeg(*test(10, 2), *tone, "-c:v", "wmv2", "-c:a", "wmav2", "-b:a", "24k", f"{folder}/full.wmv")
    two_pass = [*test(10, 2), "-c:v", "libvpx", "-b:v", "60k", "-auto-alt-ref", 1, "-lag-in-frames", 16, "-threads", 1]
    log = ["-passlogfile", f"{folder}/pass"]
    ffmpeg(*two_pass, "-pass", 1, *log, "-f", "webm", "/dev/null")
    ffmpeg(*two_pass, "-pass", 2, *log, f"{folder}/hidden-references.webm")
    for name in os.listdir(folder):
        if name.startswith("pass-") or name.startswith("pass."):
            os.remove(f"{folder}/{name}")
    uneven = [*test(30, 2), "-vf", "select='not(mod(n,7))+not(mod(n,5))'", "-vsync", "vfr"]
    ffmpeg(*uneven, *x264, f"{folder}/uneven.mp4")
    ffmpeg(*uneven, "-c:v", "libvpx-vp9", "-b:v", "40k", f"{folder}/uneven.webm")
    ffmpeg(*uneven, "-c:v", "mpeg4", "-bf", 2, f"{folder}/uneven.avi")
    ffmpeg(*test(10, 1), "-frames:v", 1, *x264, f"{folder}/one.mp4")
    ffmpeg(*test(10, 1), "-frames:v", 1, "-c:v", "libvpx-vp9", f"{folder}/one.webm")
    piped(folder, "pipe.webm", "ffmpeg", "-v", "error", "-i", f"{folder}/uneven.webm", "-c", "copy", "-f", "matroska", "-")


def empties(folder):
    """Whole files of which nothing is to be heard or seen."""
    for kind in ("flac", "ogg", "opus", "mp3", "m4a", "mka", "webm", "wav", "aiff", "au", "caf", "w64", "wma"):
        ffmpeg("-f", "s16le", "-ar", 48_000, "-ac", 1, "-i", "/dev/null", f"{folder}/empty-audio.{kind}")
    for kind in ("mp4", "mov", "mkv", "webm", "avi"):
        ffmpeg("-f", "rawvideo", "-s", "32x32", "-pix_fmt", "yuv420p", "-i", "/dev/null", f"{folder}/empty-video.{kind}")
    with av.open(f"{folder}/empty-track.mkv", "w", format="matroska") as output:
        video = output.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        sound = output.add_stream("aac", rate=44_100)
        frame = av.AudioFrame.from_ndarray(numpy.zeros((1, 4410), "float32"), format="fltp", layout="mono")
        frame.sample_rate = 44_100
        for packet in [*sound.encode(frame), *sound.encode(None)]:
            output.mux(packet)


def describe(folder):
    """What PyAV's FFmpeg decodes."""
    for name in sorted(os.listdir(folder)):
        if name in expected or name.startswith("empty-") or name.endswith((".rgb", ".rgba", ".json")):
            continue
        try:
            with av.open(f"{folder}/{name}") as container:
                said = {}
                covers = [s for s in container.streams.video if s.disposition.value & 1024]
                if len(container.streams.video) > len(covers):
                    said["frames"] = sum(1 for _ in container.decode(video=0))
                elif container.streams.audio:
                    stream = container.streams.audio[0]
                    said["rate"] = stream.rate
                    said["samples"] = sum(frame.samples for frame in container.decode(stream))
                    # FFmpeg cuts at the start of an edit list and not at its end.
                    if container.format.name.startswith("mov") and not name.startswith("fragments"):
                        said["samples"] = min(said["samples"], round(stream.duration * stream.time_base * stream.rate))
                expected[name] = said
        except av.FFmpegError:
            assert name in ("pipe-ffmpeg.aiff", "pipe-ffmpeg.w64"), name
        # Where a short Vorbis file ends, libvorbis knows and FFmpeg does not.
        if name.endswith(".ogg"):
            expected[name]["samples"] = soundfile.info(f"{folder}/{name}").frames
        # FFmpeg does not read what it writes of some formats to a pipe, or reads nothing; all was written.
        if name.startswith("pipe-") and name.endswith((".wav", ".w64", ".aiff", ".au", ".caf")) and "lame" not in name:
            expected[name] = {"rate": 8000, "samples": 3001}


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with tempfile.TemporaryDirectory() as folder:
        images(folder)
        image_files = set(os.listdir(folder))
        audio(folder)
        videos(folder)
        empties(folder)
        for name in image_files:
            expected.setdefault(name, {})
        describe(folder)
        kept = {name: value for name, value in expected.items() if value}
        with open(f"{folder}/expected.json", "w") as file:
            json.dump(kept, file, indent=0, sort_keys=True)
        subprocess.run(
            ["tar", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C", folder, "-I", "zstd -19 --ultra -22",
             "-cf", f"{here}/kinds.tar.zst", *sorted(os.listdir(folder))], check=True)  # fmt: skip


main()
