"""The peers of Benchmarks/gpu.sh: transformers, and PEFT as Tevatron uses it. Prints one JSON line.

    python3 Benchmarks/gpu_peer.py facts DEVICE
    python3 Benchmarks/gpu_peer.py encode MODEL TEXTS.jsonl OUTPUT.npy --device cuda --batch 32
    python3 Benchmarks/gpu_peer.py lora MODEL TRAINING.jsonl --device cuda --steps 6 [--checkpointing]

bfloat16, scaled dot product attention, texts cut at 512 tokens, vectors of the last token of length 1. A step of LoRA has 8
queries and 64 passages, rank 16 on all linear layers, alpha 64, dropout 0.1, AdamW; adapters are float32. Seconds leave out
importing and loading.
"""

import argparse
import json
import statistics
import sys
import time

import torch

LONGEST = 512
QUERIES, TEMPERATURE, LEARNING_RATE = 8, 0.05, 1e-4


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def most_memory(device):
    return torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else 0


def tokenizer_of(folder):
    """AutoTokenizer takes the tokenizer of a family's class, whatever the folder says."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    tokenizer.enable_truncation(LONGEST)
    tokenizer.enable_padding()
    return tokenizer


def batch_of(tokenizer, texts, device):
    encodings = tokenizer.encode_batch(texts)
    ids = torch.tensor([encoding.ids for encoding in encodings], device=device)
    mask = torch.tensor([encoding.attention_mask for encoding in encodings], device=device)
    return ids, mask


def load(folder, device):
    from transformers import AutoModel

    return AutoModel.from_pretrained(folder, dtype=torch.bfloat16, attn_implementation="sdpa").to(device)


def last(model, ids, mask):
    hidden = model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    chosen = hidden[torch.arange(len(mask), device=mask.device), mask.sum(1) - 1]
    return torch.nn.functional.normalize(chosen, dim=-1)


def encode(options):
    import numpy

    with open(options.data) as file:
        texts = [json.loads(line)["document_text"] for line in file]
    tokenizer, model = tokenizer_of(options.model), load(options.model, options.device).eval()

    def run(texts):
        rows, tokens = [], 0
        for first in range(0, len(texts), options.batch):
            ids, mask = batch_of(tokenizer, texts[first : first + options.batch], options.device)
            rows.append(last(model, ids, mask).float().cpu())
            tokens += sum(map(int, mask.sum(1)))
        return torch.cat(rows), tokens

    with torch.inference_mode():
        run(texts[: 2 * options.batch])
        synchronize(options.device)
        start = time.perf_counter()
        vectors, tokens = run(texts)
        seconds = time.perf_counter() - start
    numpy.save(options.output, vectors.numpy())
    return {"documents_per_second": len(texts) / seconds, "tokens_per_second": tokens / seconds, "seconds": seconds,
            "device_mib": most_memory(options.device)}  # fmt: skip


def lora(options):
    from peft import LoraConfig, TaskType, get_peft_model

    torch.manual_seed(42)
    with open(options.data) as file:
        examples = [json.loads(line) for line in file]
    tokenizer = tokenizer_of(options.model)
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    configuration = LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION, r=16, lora_alpha=64, lora_dropout=0.1, target_modules=targets)
    base = load(options.model, options.device)
    if options.checkpointing:
        base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        base.enable_input_require_grads()
    model = get_peft_model(base, configuration).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.0, fused=options.device == "cuda")
    seconds, tokens, found = [], [], []
    for step in range(options.steps):
        synchronize(options.device)
        start = time.perf_counter()
        batch = [examples[(step * QUERIES + place) % len(examples)] for place in range(QUERIES)]
        passages = [p["text"] for e in batch for p in e["positive_passages"] + e["negative_passages"]]
        # As adapters are float32 and weights bfloat16, autocast it is.
        with torch.autocast(options.device, dtype=torch.bfloat16):
            sides = [batch_of(tokenizer, texts, options.device) for texts in ([e["query"] for e in batch], passages)]
            queries, documents = (last(model, ids, mask) for ids, mask in sides)
        scores = queries.float() @ documents.float().T / TEMPERATURE
        wanted = torch.arange(QUERIES, device=options.device) * (len(passages) // QUERIES)
        loss = torch.nn.functional.cross_entropy(scores, wanted)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        synchronize(options.device)
        seconds.append(time.perf_counter() - start)
        tokens.append(sum(int(mask.sum()) for _, mask in sides))
        found.append(loss.item())
    median = statistics.median(seconds[2:] or seconds)
    return {"checkpointing": options.checkpointing, "seconds_per_step": median, "tokens_per_step": tokens[-1],
            "tokens_per_second": tokens[-1] / median, "device_mib": most_memory(options.device), "first_loss": found[0]}  # fmt: skip


def facts(options):
    found = {"torch": torch.__version__, "cuda": torch.version.cuda, "threads": torch.get_num_threads()}
    for name in ["transformers", "peft"]:
        found[name] = __import__(name).__version__
    if options.device == "cuda":
        card = torch.cuda.get_device_properties(0)
        found |= {"card": card.name, "memory_mib": card.total_memory / 2**20, "capability": f"{card.major}.{card.minor}"}
        sides = [torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2)]
        for _ in range(3):
            sides[0] @ sides[1]
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(20):
            sides[0] @ sides[1]
        torch.cuda.synchronize()
        found["bf16_tflops"] = 20 * 2 * 8192**3 / (time.perf_counter() - start) / 1e12
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["facts", "encode", "lora"])
    parser.add_argument("model", nargs="?")
    parser.add_argument("data", nargs="?")
    parser.add_argument("output", nargs="?")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--checkpointing", action="store_true")
    options = parser.parse_args()
    result = {"facts": facts, "encode": encode, "lora": lora}[options.kind](options)
    print(json.dumps(result), file=sys.stdout)


if __name__ == "__main__":
    main()
