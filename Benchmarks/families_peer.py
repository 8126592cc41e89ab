"""The peers of the section `families`, as their users write them: float32, one process each.

    python Benchmarks/families_peer.py padded MODEL TEXTS.jsonl OUTPUT.npy    a transformers loop, padded batches in file order
    python Benchmarks/families_peer.py sorted MODEL TEXTS.jsonl OUTPUT.npy    sentence-transformers, which sorts by length
    python Benchmarks/families_peer.py lora MODEL TRAIN.jsonl STEPS           steps of LoRA, transformers and peft

Texts are those of `document_text`, cut at 256 tokens; a vector is that of the last token, of length 1. Prints one JSON line;
its seconds leave out importing and loading.
"""

import json
import random
import statistics
import sys
import time

import numpy
import torch

THREADS, BATCH, LONGEST = 2, 32, 256
QUERIES, GROUP, LONGEST_QUERY, LONGEST_PASSAGE = 8, 4, 32, 128
TEMPERATURE, LEARNING_RATE = 0.05, 1e-4


def texts_of(path):
    with open(path) as file:
        return [json.loads(line)["document_text"] for line in file]


def last(hidden, mask):
    return hidden[torch.arange(len(mask)), mask.sum(1) - 1]


def padded(folder, path, output):
    import transformers
    from transformers import AutoModel, AutoTokenizer

    texts = texts_of(path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    rows, tokens, positions = [], 0, 0
    start = time.perf_counter()
    with torch.inference_mode():
        for first in range(0, len(texts), BATCH):
            batch = tokenizer(
                texts[first : first + BATCH], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
            mask = batch["attention_mask"]
            hidden = model(input_ids=batch["input_ids"], attention_mask=mask, use_cache=False).last_hidden_state
            rows.append(torch.nn.functional.normalize(last(hidden, mask), dim=-1).numpy())
            tokens += int(mask.sum())
            positions += mask.numel()
    seconds = time.perf_counter() - start
    numpy.save(output, numpy.concatenate(rows))
    packages = f"transformers {transformers.__version__}"
    return {"seconds": seconds, "tokens": tokens, "positions": positions, "packages": packages}


def sorted_by_length(folder, path, output):
    import sentence_transformers
    from sentence_transformers import SentenceTransformer

    texts = texts_of(path)
    model = SentenceTransformer(folder, device="cpu", model_kwargs={"dtype": torch.float32})
    start = time.perf_counter()
    vectors = model.encode(texts, batch_size=BATCH, show_progress_bar=False)
    seconds = time.perf_counter() - start
    numpy.save(output, vectors)
    return {"seconds": seconds, "packages": f"sentence-transformers {sentence_transformers.__version__}"}


def lora(folder, path, steps):
    import peft
    import transformers
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers import AutoModel, AutoTokenizer, get_linear_schedule_with_warmup

    torch.manual_seed(42)
    generator = random.Random(42)
    with open(path) as file:
        examples = [json.loads(line) for line in file]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    configuration = LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION, r=16, lora_alpha=64, lora_dropout=0.1, target_modules=targets)
    model = get_peft_model(AutoModel.from_pretrained(folder, dtype=torch.float32), configuration).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=LEARNING_RATE, weight_decay=0.0)
    schedule = get_linear_schedule_with_warmup(optimizer, 0, steps)

    def encode(texts, longest):
        batch = tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        mask = batch["attention_mask"]
        hidden = model(input_ids=batch["input_ids"], attention_mask=mask, use_cache=False).last_hidden_state
        tokens.append((int(mask.sum()), mask.numel()))
        return torch.nn.functional.normalize(last(hidden, mask), dim=-1)

    seconds, losses, tokens = [], [], []
    generator.shuffle(examples)
    for step in range(steps):
        start = time.perf_counter()
        batch = examples[step * QUERIES : (step + 1) * QUERIES]
        passages = []
        for example in batch:
            passages.append(generator.choice(example["positive_passages"]))
            passages += generator.sample(example["negative_passages"], GROUP - 1)
        queries_BD = encode([example["query"] for example in batch], LONGEST_QUERY)
        passages_PD = encode([f"{passage['title']} {passage['text']}" for passage in passages], LONGEST_PASSAGE)
        scores_BP = queries_BD @ passages_PD.T / TEMPERATURE
        loss = torch.nn.functional.cross_entropy(scores_BP, torch.arange(QUERIES) * GROUP)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
        losses.append(loss.item())
    return {
        "seconds": statistics.median(seconds), "first_loss": losses[0], "last_loss": losses[-1],
        "tokens": sum(count for count, _ in tokens) / steps, "positions": sum(count for _, count in tokens) / steps,
        "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "packages": f"transformers {transformers.__version__}, peft {peft.__version__}",
    }  # fmt: skip


def main():
    torch.set_num_threads(THREADS)
    kind, folder, path, last_argument = sys.argv[1:]
    if kind == "lora":
        result = lora(folder, path, int(last_argument))
    else:
        result = {"padded": padded, "sorted": sorted_by_length}[kind](folder, path, last_argument)
    print(json.dumps(result | {"torch": torch.__version__}))


if __name__ == "__main__":
    main()
