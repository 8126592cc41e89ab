"""One training loop as the original's dense trainer runs it, to measure tvt-train against.

Padded batches (to the longest, rounded up to 16; at most 32 and 128 tokens), transformers' BERT in training mode with
its dropout, mean pooling, unit length, temperature 0.05, AdamW with linear decay, gradients clipped to norm 1.

    python Benchmarks/train_peer.py --model DIR --data datasets/nave/train.v1.jsonl.zst --steps 5 [--output DIR]

Prints one JSON line: median seconds a step, tokens and padded tokens a step, losses.
"""

import argparse
import io
import json
import random
import statistics
import time

import torch
import zstandard
from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup


def rows(path):
    with open(path, "rb") as file:
        stream = zstandard.ZstdDecompressor().stream_reader(file)
        return [json.loads(line) for line in io.TextIOWrapper(stream, encoding="utf-8")]


def render(passage):
    return (passage["title"] + " " if passage.get("title") else "") + passage["text"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--total-steps", type=int, default=142, help="of the schedule")
    parser.add_argument("--queries", type=int, default=32)
    parser.add_argument("--group", type=int, default=4)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--temperature", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--output", help="where to save the model")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(42)

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    model = AutoModel.from_pretrained(options.model, add_pooling_layer=False).train()
    decayed = [p for n, p in model.named_parameters() if not n.endswith("bias") and "LayerNorm" not in n]
    others = [p for n, p in model.named_parameters() if n.endswith("bias") or "LayerNorm" in n]
    groups = [{"params": decayed, "weight_decay": 0.0}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=options.learning_rate)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, options.total_steps)

    def encode(texts, longest):
        batch = tokenizer(
            texts, truncation=True, max_length=longest, padding=True, pad_to_multiple_of=16, return_tensors="pt"
        )
        hidden = model(**batch).last_hidden_state
        mask = batch["attention_mask"][..., None]
        pooled = (hidden * mask).sum(1) / mask.sum(1)
        counts = (int(batch["attention_mask"].sum()), batch["attention_mask"].numel())
        return torch.nn.functional.normalize(pooled, dim=-1), counts

    examples = rows(options.data)
    order = list(range(len(examples)))
    generator = random.Random(42)
    generator.shuffle(order)
    seconds, losses, tokens, padded = [], [], [], []
    for step in range(options.steps):
        start = time.perf_counter()
        batch = [examples[order[step * options.queries + i]] for i in range(options.queries)]
        passages = []
        for example in batch:
            passages.append(generator.choice(example["positive_passages"]))
            passages += generator.sample(example["negative_passages"], options.group - 1)
        queries_BD, query_counts = encode([example["query"] for example in batch], 32)
        passages_PD, passage_counts = encode([render(passage) for passage in passages], 128)
        scores_BP = queries_BD @ passages_PD.T / options.temperature
        loss = torch.nn.functional.cross_entropy(scores_BP, torch.arange(len(batch)) * options.group)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
        losses.append(round(loss.item(), 5))
        tokens.append(query_counts[0] + passage_counts[0])
        padded.append(query_counts[1] + passage_counts[1])
    if options.output:
        model.save_pretrained(options.output)
        tokenizer.save_pretrained(options.output)
    print(
        json.dumps(
            {
                "seconds_per_step": statistics.median(seconds),
                "all_seconds": [round(s, 3) for s in seconds],
                "tokens_per_step": statistics.mean(tokens),
                "padded_tokens_per_step": statistics.mean(padded),
                "losses": losses,
            }
        )
    )


if __name__ == "__main__":
    main()
