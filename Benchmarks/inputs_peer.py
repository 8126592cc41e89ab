"""transformers' processors on images, sounds and videos, as their users run them: the peer of the section `inputs`.

    python Benchmarks/inputs_peer.py images|sounds|videos LIST [--decoded] [--threads N] [--passes N]

LIST names files, one a line. Images: Qwen2VLImageProcessor with torchvision, from Pillow's files or decoded numpy arrays (the
fastest of the kinds that it takes). Sounds: soundfile, soxr and WhisperFeatureExtractor with 128 mels and chunks of 300 s, in
batches of 16 sorted by length, each padded to its longest: the Omni processor itself pads every sound to 300 s, which takes 40
times as long. Videos: qwen-vl-utils with torchcodec, and the video processor. Prints one JSON line; seconds are the median of
passes after one that does not count.
"""

import argparse
import json
import os
import resource
import sys
import time

os.environ["FORCE_QWENVL_VIDEO_READER"] = "torchcodec"
MAX_PIXELS, FRAMES = 784 * 784, 24


def use_torchvision(torch):
    """PyPI's torchvision is built for CUDA: beside a torch for the CPU its own operators are missing, and it cannot be
    imported. None of them is used here, where images are resized by torch's."""
    try:
        import torchvision
    except RuntimeError:
        library = torch.library.Library("torchvision", "DEF")
        for name in ["nms", "qnms"]:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]
        import torchvision  # noqa: F401
        use_torchvision.library = library


def images(files, decoded):
    import numpy
    from PIL import Image
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import Qwen2VLImageProcessor

    processor = Qwen2VLImageProcessor(size={"shortest_edge": 56 * 56, "longest_edge": MAX_PIXELS})
    arrays = [numpy.array(Image.open(file).convert("RGB")) for file in files] if decoded else None

    def run():
        total = 0
        for number, file in enumerate(files):
            image = arrays[number] if decoded else Image.open(file).convert("RGB")
            total += processor(images=[image], return_tensors="pt")["pixel_values"].numel()
        return total

    return run


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

    def run():
        clips = sorted(kept if decoded else map(read, files), key=len)
        total = 0
        for first in range(0, len(clips), 16):
            made = extractor(
                clips[first : first + 16], sampling_rate=16_000, padding=True, return_attention_mask=True,
                return_tensors="np")  # fmt: skip
            # The mask of a batch that is not padded to 300 s lacks the last frame of its longest clip.
            total += sum(-(-len(clip) // 160) for clip in clips[first : first + 16]) * made["input_features"].shape[1]
        return total

    return run


def videos(files, decoded):
    from qwen_vl_utils import fetch_video
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor

    processor = Qwen2VLVideoProcessor(size={"shortest_edge": 128 * 28 * 28, "longest_edge": 768 * 28 * 28})

    def run():
        total = 0
        for file in files:
            frames = fetch_video({"video": file, "nframes": FRAMES, "max_pixels": MAX_PIXELS}, image_patch_size=14)
            made = processor(videos=[frames], do_sample_frames=False, return_tensors="pt")
            total += made["pixel_values_videos"].numel()
        return total

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["images", "sounds", "videos"])
    parser.add_argument("list")
    parser.add_argument("--decoded", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["TORCHCODEC_NUM_THREADS"] = str(options.threads)
    import torch

    torch.set_num_threads(options.threads)
    use_torchvision(torch)
    with open(options.list) as file:
        files = file.read().splitlines()
    run = {"images": images, "sounds": sounds, "videos": videos}[options.kind](files, options.decoded)
    print(json.dumps({"files": len(files), "values": run()}), flush=True)
    for _ in sys.stdin:
        wall, process = time.perf_counter(), time.process_time()
        run()
        times = {"seconds": time.perf_counter() - wall, "processSeconds": time.process_time() - process}
        times["peakMegabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(times), flush=True)


if __name__ == "__main__":
    main()
