"""transformers on page images, as its users run it: the peer of the section `vision`.

    python Benchmarks/vision_encoding_peer.py MODEL LIST f32|bf16 VECTORS

LIST names images, one a line; VECTORS is a folder that tvt-encode wrote of the same, which the vectors are compared with. Prints
one JSON line; seconds leave out importing and loading.
"""

import json
import os
import sys
import time

import numpy
import torch
import transformers
from inputs_peer import use_torchvision
from PIL import Image

BATCH = 8


def main():
    folder, listing, dtype, vectors = sys.argv[1:]
    use_torchvision()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with open(listing) as file:
        names = file.read().splitlines()
    processor = transformers.AutoProcessor.from_pretrained(folder)
    processor.tokenizer.padding_side = "right"
    model = transformers.AutoModel.from_pretrained(folder, dtype={"f32": torch.float32, "bf16": torch.bfloat16}[dtype]).eval()
    prompt = processor.apply_chat_template([{"role": "user", "content": [{"type": "image"}]}], add_generation_prompt=False)
    rows = []
    start = time.perf_counter()
    with torch.inference_mode():
        for first in range(0, len(names), BATCH):
            images = [Image.open(name).convert("RGB") for name in names[first : first + BATCH]]
            batch = processor(text=[prompt] * len(images), images=images, padding=True, return_tensors="pt")
            hidden = model(**batch, use_cache=False).last_hidden_state
            last = batch["attention_mask"].sum(1) - 1
            rows.append(torch.nn.functional.normalize(hidden[torch.arange(len(images)), last].float(), dim=-1))
    seconds = time.perf_counter() - start
    made = dict(zip(map(os.path.basename, names), torch.cat(rows).numpy()))
    with open(f"{vectors}/part-00000.ids") as file:
        ids = file.read().splitlines()
    ours = numpy.load(f"{vectors}/part-00000.npy")
    least = min(float(made[name] @ row) for name, row in zip(ids, ours, strict=True))
    print(json.dumps({
        "seconds": seconds, "least_cosine": least, "batch": BATCH, "version": transformers.__version__,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
