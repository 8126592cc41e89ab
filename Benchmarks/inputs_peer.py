"""transformers' processors on images, sounds and videos, as their users run them: the peer of the section `inputs`.

    python Benchmarks/inputs_peer.py images|sounds|videos LIST [--decoded] [--threads N]

LIST names files, one a line. Images: Qwen2VLImageProcessor with torchvision, from Pillow's files or decoded numpy arrays, one
at a time (more at a time take longer). Sounds: soundfile, soxr and WhisperFeatureExtractor with 128 mels and chunks of 300 s,
in batches of 16 sorted by length, each padded to its longest: the Omni processor itself pads every sound to 300 s, which takes
40 times as long. Videos: qwen-vl-utils with torchcodec, and the video processor. Each thread prepares files of its own, as
workers of a loader do; where torch's threads share the work of one file instead, they wait most of the time.

Prints a JSON object once it is ready. For each line of standard input, `FIRST COUNT`, it prepares these files and prints
another.
"""

import argparse
import json
import os
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

os.environ["FORCE_QWENVL_VIDEO_READER"] = "torchcodec"
# Of torchcodec for one video; there are other threads for others.
os.environ["TORCHCODEC_NUM_THREADS"] = "1"
MAX_PIXELS, FRAMES = 784 * 784, 24


def use_torchvision():
    """PyPI's torchvision is built for CUDA: beside a torch for the CPU its own operators are missing, and it cannot be
    imported. None of them is used here, where torch's resize images."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        # It must live as long as the operators are to.
        use_torchvision.library = torch.library.Library("torchvision", "DEF")
        for name in ["nms", "qnms"]:
            use_torchvision.library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        import torchvision  # noqa: F401


def images(files, decoded):
    import numpy
    from PIL import Image
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    processor = Qwen2VLImageProcessor(size={"shortest_edge": 56 * 56, "longest_edge": MAX_PIXELS})
    arrays = [numpy.array(Image.open(file).convert("RGB")) for file in files] if decoded else None

    def prepare(number):
        image = arrays[number] if decoded else Image.open(files[number]).convert("RGB")
        return processor(images=[image], return_tensors="pt")["pixel_values"].numel()

    return lambda numbers, share: sum(share(prepare, numbers))


def sounds(files, decoded):
    import soundfile
    import soxr
    from transformers import WhisperFeatureExtractor

    extractor = WhisperFeatureExtractor(feature_size=128, chunk_length=300)

    def read(file):
        samples, rate = soundfile.read(file, dtype="float32")
        samples = samples.mean(1) if samples.ndim > 1 else samples
        return samples if rate == 16_000 else soxr.resample(samples, rate, 16_000)

    kept = [read(file) for file in files] if decoded else None

    def extract(clips):
        made = extractor(
            clips, sampling_rate=16_000, padding=True, return_attention_mask=True, return_tensors="np")  # fmt: skip
        # The mask of a batch that is not padded to 300 s lacks the last frame of its longest clip.
        return sum(-(-len(clip) // 160) for clip in clips) * made["input_features"].shape[1]

    def prepare(numbers, share):
        clips = [kept[number] for number in numbers] if decoded else share(lambda number: read(files[number]), numbers)
        clips = sorted(clips, key=len)
        return sum(share(extract, [clips[first : first + 16] for first in range(0, len(clips), 16)]))

    return prepare


def videos(files, decoded):
    from qwen_vl_utils import fetch_video
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

    processor = Qwen2VLVideoProcessor(size={"shortest_edge": 128 * 28 * 28, "longest_edge": 768 * 28 * 28})

    def prepare(number):
        video = {"video": files[number], "nframes": FRAMES, "max_pixels": MAX_PIXELS}
        frames = fetch_video(video, image_patch_size=14)
        return processor(videos=[frames], do_sample_frames=False, return_tensors="pt")["pixel_values_videos"].numel()

    return lambda numbers, share: sum(share(prepare, numbers))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["images", "sounds", "videos"])
    parser.add_argument("list")
    parser.add_argument("--decoded", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    use_torchvision()
    with open(options.list) as file:
        files = file.read().splitlines()
    prepare = {"images": images, "sounds": sounds, "videos": videos}[options.kind](files, options.decoded)
    # torch's threads are counted for each thread.
    with ThreadPoolExecutor(options.threads, initializer=lambda: torch.set_num_threads(1)) as pool:

        def share(function, items):
            return list(pool.map(function, items))

        prepare(range(min(4, len(files))), share)
        print(json.dumps({"files": len(files)}), flush=True)
        for line in sys.stdin:
            first, count = map(int, line.split())
            wall, process = time.perf_counter(), time.process_time()
            answer = {"values": prepare(range(first, first + count), share)}
            answer["seconds"] = time.perf_counter() - wall
            answer["processSeconds"] = time.process_time() - process
            answer["peakMegabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
