"""Golden sizes, frames, pixels and rows of images and videos: writes expected.json and the files beside it.

Made with transformers 5.24.0, torch 2.13.0 (CPU, AVX2), torchvision 0.28.0, qwen-vl-utils 0.0.14, numpy 2.4.6 and
Pillow 13.0.0; PILLOW12 names a folder with Pillow 12 (12.2.0), for what Pillow 13 does otherwise.

    PILLOW12=... python3 make-images.py
"""

import io
import json
import logging
import os
import subprocess
import sys
import warnings

import numpy as np
from PIL import Image, ImageOps

FOLDER = os.path.dirname(os.path.abspath(__file__))
MULTIPLIER = 0x9E3779B97F4A7C15


def noise(seed, *shape):
    """Bytes that the tests can make as well: the top bits of SplitMix64 of each index."""
    x = (np.arange(int(np.prod(shape)), dtype=np.uint64) + np.uint64(seed << 32)) * np.uint64(MULTIPLIER)
    x ^= x >> np.uint64(30)
    x *= np.uint64(0xBF58476D1CE4E5B9)
    x ^= x >> np.uint64(27)
    x *= np.uint64(0x94D049BB133111EB)
    return (x >> np.uint64(56)).astype(np.uint8).reshape(shape)


def digest(array):
    """Sum of value times a power of the multiplier, modulo 2**64; of floats their bits."""
    array = np.ascontiguousarray(array).ravel()
    values = array.view(np.uint32) if array.dtype == np.float32 else array
    powers = np.cumprod(np.full(len(values), MULTIPLIER, np.uint64))
    return format(int((values.astype(np.uint64) * powers[::-1]).sum()), "016x")


SCALED = [
    # h, w, H, W: both smaller, both larger, one of each, one side alone, extremes.
    (300, 257, 84, 112), (100, 130, 196, 252), (56, 56, 84, 28), (90, 131, 28, 140), (240, 90, 56, 84),
    (97, 61, 97, 30), (97, 61, 50, 61), (3, 2, 28, 28), (1, 1, 5, 7), (400, 5, 12, 40), (37, 700, 30, 9),
    (64, 64, 64, 64), (175, 124, 168, 112),
]


def pillow_scaled():
    return {
        filter: [
            digest(np.asarray(Image.fromarray(noise(i, h, w, 3)).resize((W, H), method)))
            for i, (h, w, H, W) in enumerate(SCALED)
        ]
        for filter, method in (("bicubic", Image.BICUBIC), ("bilinear", Image.BILINEAR))
    }


if len(sys.argv) > 1 and sys.argv[1] == "pillow":
    print(json.dumps(pillow_scaled()))
    sys.exit()

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import qwen_vl_utils.vision_process as utils
import torch
from torchvision import transforms
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as F
from transformers.models.bit.image_processing_bit import BitImageProcessor
from transformers.models.embedding_gemma2.video_processing_embedding_gemma2 import EmbeddingGemma2VideoProcessor
from transformers.models.gemma4 import image_processing_gemma4 as gemma
from transformers.models.qwen2_vl import image_processing_qwen2_vl as qwen2
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor
from transformers.models.qwen3_vl import video_processing_qwen3_vl as qwen3
from transformers.models.siglip.image_processing_siglip import SiglipImageProcessor
from transformers.models.vit.image_processing_vit import ViTImageProcessor
from transformers.video_utils import VideoMetadata

torch.set_num_threads(1)
out = {}


def tried(function, *arguments, **named):
    """The result, or null where the reference fails."""
    try:
        return [int(number) for number in function(*arguments, **named)]
    except (ValueError, ZeroDivisionError):
        return None


def size(function, *arguments):
    """The same; a side of nothing is a failure."""
    result = tried(function, *arguments)
    return None if result is None or 0 in result else result


# Sizes.
PICTURES = [
    (1, 1), (10, 2000), (42, 70), (98, 126), (13, 600), (748, 748), (5000, 7000), (280, 280), (784, 784), (1, 201), (3, 8000),
    (1754, 1240), (1080, 1920), (20, 64), (33, 40), (200, 1), (2304, 1), (84, 56), (70, 14), (48, 47),
]
g = np.random.default_rng(0)
PICTURES += [tuple(int(x) for x in g.integers(1, 3000, 2)) for _ in range(60)]
sizes = []
for h, w in PICTURES:
    for factor, low, high in ((28, 3136, 12845056), (28, 3136, 1003520), (32, 65536, 16777216), (28, 100352, 602112)):
        sizes.append(["processor", h, w, factor, low, high, size(qwen2.smart_resize, h, w, factor, low, high)])
        sizes.append(["loader", h, w, factor, low, high, size(utils.smart_resize, h, w, factor, low, high)])
    for n, low, high in ((2, 131072, 786432), (5, 4096, 25165824), (64, 4096, 25165824), (1, 4096, 25165824)):
        sizes.append([f"frames {n}", h, w, 32, low, high, size(qwen3.smart_resize, n, h, w, 2, 32, low, high)])
    for b in (70, 280, 1120):
        sizes.append(["gemma", h, w, 48, b, b, size(gemma.get_aspect_ratio_preserving_size, h, w, 16, b * 9, 3)])
out["sizes"] = sizes

# Frames.
frames = []
q2, q3, eg = Qwen2VLVideoProcessor(), qwen3.Qwen3VLVideoProcessor(), EmbeddingGemma2VideoProcessor()


def loaded(ele, total, rate):
    return torch.linspace(0, total - 1, utils.smart_nframes(ele, total, rate)).round().long().tolist()


for total, rate in ((100, 25.0), (3, 24.0), (77, 29.97), (1999, 2.0), (31, 8.0), (2, 30.0), (1, 24.0), (901, 30.0), (16, 5.0)):
    def meta():
        return VideoMetadata(total_num_frames=total, fps=rate, duration=total / rate)

    frames += [
        ["loader rate 2 4 768", total, rate, tried(loaded, {"fps": 2.0}, total, rate)],
        ["loader rate 1 4 64", total, rate, tried(loaded, {"fps": 1.0, "max_frames": 64}, total, rate)],
        ["loader count 7", total, rate, tried(loaded, {"nframes": 7}, total, rate)],
        ["loader count 24", total, rate, tried(loaded, {"nframes": 24}, total, rate)],
        ["qwen2 rate 2 4 768", total, rate, tried(q2.sample_frames, meta(), fps=2)],
        ["qwen2 count 9", total, rate, tried(q2.sample_frames, meta(), num_frames=9)],
        ["qwen3 rate 2 4 768", total, rate, tried(q3.sample_frames, metadata=meta(), fps=2)],
        ["gemma 1 32", total, rate, tried(eg.sample_frames, meta(), fps=1, max_frames=32, overflow_strategy="uniform")],
        ["gemma 3 cut 8", total, rate, tried(eg.sample_frames, meta(), fps=3, max_frames=8, overflow_strategy="truncate")],
        ["even 24", total, rate, np.linspace(0, total - 1, 24).round().astype(int).tolist()],
    ]
out["frames"] = frames

# Scaling.
scaled = {"sizes": SCALED, "pillow13": pillow_scaled()}
environment = dict(os.environ, PYTHONPATH=os.environ["PILLOW12"])
scaled["pillow"] = json.loads(subprocess.check_output([sys.executable, __file__, "pillow"], env=environment))
for filter, mode in (("bicubic", InterpolationMode.BICUBIC), ("bilinear", InterpolationMode.BILINEAR)):
    for name in ("torchBytes", "torchRounded", "torchFloats"):
        scaled.setdefault(name, {})[filter] = results = []
        for i, (h, w, H, W) in enumerate(SCALED):
            t = torch.from_numpy(noise(i, h, w, 3)).permute(2, 0, 1).contiguous()
            if name == "torchBytes":
                r = F.resize(t, [H, W], interpolation=mode, antialias=True)
                results.append(digest(r.permute(1, 2, 0).numpy()))
            else:
                r = F.resize(t.float(), [H, W], interpolation=mode, antialias=True)
                if name == "torchRounded":
                    r2 = transforms.functional.resize(t, [H, W], interpolation=mode, antialias=True)
                    if filter == "bicubic":
                        assert torch.equal(r2.float(), r.clamp(0, 255).round())
                    r = r.clamp(0, 255).round()
                results.append([round(float(x), 4) for x in r.permute(1, 2, 0).ravel()[:: max(1, r.numel() // 60)]])
out["scaled"] = scaled


def saved(processor, name):
    with open(os.path.join(FOLDER, name), "w") as file:
        file.write(processor.to_json_string())


def rows(name, values, grid=None):
    values = values.numpy() if torch.is_tensor(values) else np.asarray(values)
    values = values.astype(np.float32)
    flat = values.ravel()
    out.setdefault("rows", {})[name] = {
        "digest": digest(values), "shape": list(values.shape), "grid": grid,
        "samples": [float(x) for x in flat[:: max(1, len(flat) // 24)]],
    }


# Rows of images.
IMAGES = {"page": noise(100, 300, 212, 3), "wide": noise(101, 40, 333, 3), "small": noise(102, 20, 17, 3)}
LEVEL = np.minimum(255, np.arange(300)[:, None, None] // 2 + np.arange(212)[None, :, None] // 2 + np.array([0, 20, 40]))
IMAGES["smooth"] = LEVEL.astype(np.uint8)
old, new = qwen2.Qwen2VLImageProcessor(), qwen2.Qwen2VLImageProcessor(
    patch_size=16, image_mean=[0.5] * 3, image_std=[0.5] * 3, size={"shortest_edge": 65536, "longest_edge": 16777216})
small = qwen2.Qwen2VLImageProcessor(size={"shortest_edge": 3136, "longest_edge": 20000})
slow = Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": 20000})
dino = BitImageProcessor(
    size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224},
    image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])
tight = BitImageProcessor(size={"shortest_edge": 60}, crop_size={"height": 90, "width": 71})
vit, siglip = ViTImageProcessor(), SiglipImageProcessor()
gemma4 = gemma.Gemma4ImageProcessor(max_soft_tokens=70)
for processor, name in (
    (old, "qwen2-image"), (new, "qwen3-image"), (small, "qwen2-small-image"), (dino, "dino-image"), (tight, "tight-image"),
    (vit, "vit-image"), (siglip, "siglip-image"), (gemma4, "gemma-image"), (q2, "qwen2-video"), (q3, "qwen3-video"),
    (eg, "gemma-video"),
):
    saved(processor, name + ".json")
for name, pixels in IMAGES.items():
    image = Image.fromarray(pixels)
    for kind, processor in (("qwen2", old), ("qwen3", new), ("qwen2-small", small), ("qwen2-slow", slow)):
        o = processor(image, return_tensors="pt")
        rows(f"{kind} {name}", o["pixel_values"], o["image_grid_thw"][0].tolist())
    for kind, processor in (("dino", dino), ("tight", tight), ("vit", vit), ("siglip", siglip)):
        rows(f"{kind} {name}", processor(image, return_tensors="pt")["pixel_values"][0])
    o = gemma4(image, return_tensors="pt")
    count = int(o["num_soft_tokens_per_image"][0]) * 9
    rows(f"gemma {name}", o["pixel_values"][0][:count])

# Rows of videos.
clip = noise(200, 5, 90, 122, 3)
t = torch.from_numpy(clip).permute(0, 3, 1, 2).contiguous()
o = q2(videos=[t], do_sample_frames=False, return_tensors="pt")
rows("qwen2 clip", o["pixel_values_videos"], o["video_grid_thw"][0].tolist())
o = q3(videos=[t], do_sample_frames=False, size={"shortest_edge": 4096, "longest_edge": 40000}, return_tensors="pt")
rows("qwen3 clip", o["pixel_values_videos"], o["video_grid_thw"][0].tolist())
# A number of tokens that is given with the call is not looked at.
capped = qwen3.Qwen3VLVideoProcessor(
    cap_pixels_per_frame=True, max_video_tokens=4, size={"shortest_edge": 4096, "longest_edge": 786432})
o = capped(videos=[t], do_sample_frames=False, return_tensors="pt")
rows("qwen3 capped clip", o["pixel_values_videos"], o["video_grid_thw"][0].tolist())
o = eg(videos=[t], do_sample_frames=False, return_tensors="pt")
count = int(o["num_soft_tokens_per_video"][0]) * 9
rows("gemma clip", o["pixel_values_videos"][:, :count])
# As a data loader of Qwen has them: numbers of another size, which the processor scales again.
H, W = utils.smart_resize(90, 122, 28, 3136, 8000)
once = transforms.functional.resize(t, [H, W], interpolation=InterpolationMode.BICUBIC, antialias=True).float()
o = q2(videos=[once], do_sample_frames=False, return_tensors="pt")
rows("qwen2 loaded clip", o["pixel_values_videos"], o["video_grid_thw"][0].tolist())

# Files of several kinds, as the processor of Qwen2-VL takes them when they stand upright.
rgb = noise(300, 22, 34, 3)
alpha = noise(301, 22, 34, 1)
palette = Image.fromarray(rgb).quantize(17)
files = {"rgb.png": Image.fromarray(rgb), "rgba.png": Image.fromarray(np.dstack([rgb, alpha])),
         "palette.png": palette, "clear-palette.png": palette, "grey.png": Image.fromarray(rgb[..., 0]),
         "turned.png": Image.fromarray(rgb)}
for name, image in files.items():
    named = {"transparency": 3} if name == "clear-palette.png" else {}
    if name == "turned.png":
        exif = Image.Exif()
        exif[0x0112] = 6
        named["exif"] = exif
    image.save(os.path.join(FOLDER, name), optimize=True, **named)
    opened = ImageOps.exif_transpose(Image.open(os.path.join(FOLDER, name)))
    o = old(opened, return_tensors="pt")
    rows("file " + name, o["pixel_values"], o["image_grid_thw"][0].tolist())

with open(os.path.join(FOLDER, "expected.json"), "w") as file:
    json.dump(out, file, separators=(",", ":"))
    file.write("\n")
