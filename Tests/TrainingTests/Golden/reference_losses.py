"""Trains a tiny random BERT with transformers, torch and peft, and writes what tvt's training must reproduce.

    python reference_losses.py OUTPUT

Writes into OUTPUT: `tiny-bert/` (the start weights), `tiny-adapter/` (the adapter's start weights), `batches.json`
(token ids of every step, which passages each query's denominator leaves out) and `expected.json` (losses and gradient
norms of 50 steps, full and LoRA, with the options of both), `gradients.safetensors` (of the first full step).
"""

import json
import random
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, get_linear_schedule_with_warmup

STEPS, QUERIES, GROUP, VOCABULARY = 50, 8, 4, 120
OPTIONS = {"temperature": 0.05, "warmup": 5, "betas": [0.9, 0.999], "epsilon": 1e-8, "weight_decay": 0.01, "clip": 1.0}


def make_batches(generator):
    def text(longest):
        return [1] + [generator.randrange(5, VOCABULARY) for _ in range(generator.randrange(2, longest))] + [2]

    pool = [text(14) for _ in range(90)]
    batches = []
    for _ in range(STEPS):
        # Drawn with repetition from a small pool: batches hold equal passages.
        passages = [generator.choice(pool) for _ in range(QUERIES * GROUP)]
        # A query is made of its positive's tokens, so that there is something to learn.
        positives = passages[::GROUP]
        queries = [
            [1] + [generator.choice(positive[1:-1]) for _ in range(generator.randrange(2, 6))] + [2]
            for positive in positives
        ]
        excluded = []
        for query in range(QUERIES):
            own = query * GROUP
            equal = [row for row, passage in enumerate(passages) if row != own and passage == passages[own]]
            known = [row for row in generator.sample(range(len(passages)), 2) if row != own]
            excluded.append(sorted(set(equal + known)))
        batches.append({"queries": queries, "passages": passages, "excluded": excluded})
    return batches


def save_description(folder):
    """A tokenizer of syllables and the card, so that the folder is a whole model."""
    words = [c + v for c in "bcdfghjklmnpqrstvwxyz" for v in "aeiou"] + list("aeiou") + [v + "n" for v in "aeiou"]
    vocabulary = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"] + words
    assert len(vocabulary) == VOCABULARY
    tokenizer = BertWordPieceTokenizer({word: index for index, word in enumerate(vocabulary)})
    tokenizer.save(str(folder / "tokenizer.json"))
    card = {
        "schema": "tvt.model-card/1", "family": "bert", "pooling": "mean", "normalize": True, "dims": 32,
        "query": {"prompt": "", "maxLength": 16}, "document": {"prompt": "", "maxLength": 32},
        "rendering": 'title + " " + text',
    }
    (folder / "tvt.json").write_text(json.dumps(card, indent=1))


def encode(model, texts):
    longest = max(map(len, texts))
    ids = torch.tensor([text + [0] * (longest - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
    pooled = (hidden * mask[..., None]).sum(1) / mask[..., None].sum(1)
    return torch.nn.functional.normalize(pooled, dim=-1)


def train(model, batches, learning_rate, keep_gradients=None):
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    groups = [
        {"params": [w for _, w in trained if w.dim() > 1], "weight_decay": OPTIONS["weight_decay"]},
        {"params": [w for _, w in trained if w.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=learning_rate, betas=OPTIONS["betas"], eps=OPTIONS["epsilon"])
    schedule = get_linear_schedule_with_warmup(optimizer, OPTIONS["warmup"], STEPS)
    losses, norms = [], []
    for batch in batches:
        scores = encode(model, batch["queries"]) @ encode(model, batch["passages"]).T / OPTIONS["temperature"]
        for query, rows in enumerate(batch["excluded"]):
            scores[query, rows] = float("-inf")
        loss = torch.nn.functional.cross_entropy(scores, torch.arange(QUERIES) * GROUP)
        loss.backward()
        if keep_gradients is not None and not losses:
            keep_gradients.update({name: weight.grad.clone().contiguous() for name, weight in trained})
        norms.append(torch.nn.utils.clip_grad_norm_([w for _, w in trained], OPTIONS["clip"]).item())
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return {"learning_rate": learning_rate, "losses": losses, "gradient_norms": norms}


def main():
    output = Path(sys.argv[1])
    torch.manual_seed(7)
    torch.set_num_threads(1)
    config = BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=32, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, initializer_range=0.3,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    start = {name: weight.clone() for name, weight in model.state_dict().items()}
    model.save_pretrained(output / "tiny-bert")
    save_description(output / "tiny-bert")
    batches = make_batches(random.Random(3))
    (output / "batches.json").write_text(json.dumps(batches, separators=(",", ":")))

    gradients = {}
    full = train(model, batches, 1e-3, gradients)
    save_file(gradients, output / "gradients.safetensors")

    model.load_state_dict(start)
    targets = ["query", "key", "value", "dense"]
    adapted = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, bias="none")
    )
    adapted.save_pretrained(output / "tiny-adapter")
    lora = train(adapted, batches, 5e-3)
    lora |= {"r": 4, "alpha": 8, "targets": targets}
    (output / "expected.json").write_text(json.dumps({"options": OPTIONS, "full": full, "lora": lora}, indent=1))


if __name__ == "__main__":
    main()
