"""Encoding as the original's `encode` driver does it, to measure tvt-encode against.

Documents in file order, batches of 64, padded to the longest of the batch (rounded up to 16), transformers' BERT, mean
pooling, unit length; float32, or bfloat16 with --bf16 (the original has --bf16 too).

    python Benchmarks/encode_peer.py --model DIR --beir datasets/nave/nave-beir.zip --limit 3888 [--output FILE.npy]

Prints one JSON line: documents, seconds, records_per_second, tokens, padded tokens. Loading is not counted.
"""

import argparse
import json
import time
import zipfile

import numpy
import torch
from transformers import AutoModel, AutoTokenizer


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--beir", required=True)
    parser.add_argument("--limit", type=int, help="the first so many documents; all without it")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--longest", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--output")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    with zipfile.ZipFile(options.beir) as archive:
        documents = [json.loads(line) for line in archive.read("beir/corpus.jsonl").splitlines()][: options.limit]
    texts = [(d["title"] + " " if d.get("title") else "") + d["text"] for d in documents]
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModel.from_pretrained(options.model, add_pooling_layer=False).eval()
    if options.bf16:
        model = model.bfloat16()

    tokens = padded = 0
    rows = []
    start = time.perf_counter()
    with torch.no_grad():
        for first in range(0, len(texts), options.batch):
            batch = tokenizer(
                texts[first : first + options.batch], truncation=True, max_length=options.longest, padding=True,
                pad_to_multiple_of=16, return_tensors="pt",
            )
            hidden = model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None]
            pooled = (hidden * mask).sum(1) / mask.sum(1)
            rows.append(torch.nn.functional.normalize(pooled.float(), dim=-1).numpy())
            tokens += int(mask.sum())
            padded += mask.numel()
    matrix = numpy.concatenate(rows)
    seconds = time.perf_counter() - start
    if options.output:
        numpy.save(options.output, matrix)
    result = {
        "documents": len(texts), "seconds": seconds, "records_per_second": len(texts) / seconds, "tokens": tokens,
        "padded": padded,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
