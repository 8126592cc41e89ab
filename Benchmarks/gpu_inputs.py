"""Makes what Benchmarks/gpu.sh measures on: small models of the tests' goldens, models of published shapes, texts.

    python3 Benchmarks/gpu_inputs.py golden NAME.json FOLDER               a model folder, weights included
    python3 Benchmarks/gpu_inputs.py media FILE.jsonl                      records of the tests with images and sounds
    python3 Benchmarks/gpu_inputs.py shaped 0.6B|8B|tiny FOLDER            random weights in bf16, by torch on the card if there is one
    python3 Benchmarks/gpu_inputs.py texts FILE.jsonl COUNT LENGTH         documents of so many tokens, or of 1 to LENGTH with ~
    python3 Benchmarks/gpu_inputs.py training FILE.jsonl QUERIES PASSAGES LENGTH

A text is one word of letters, each a token. All of it is a function of the arguments.
"""

import json
import math
import os
import random
import struct
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
GOLDENS = os.path.join(ROOT, "Tests/ModelsTests/Golden/families")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWX"
# hidden, layers, heads, key-value heads, inner size, vocabulary
SHAPES = {
    "tiny": (64, 2, 4, 2, 160, 20_480),
    "0.6B": (1024, 28, 16, 8, 3072, 151_936),
    "8B": (4096, 36, 32, 8, 12_288, 151_936),
}


def write_json(folder, name, value):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w") as file:
        json.dump(value, file)


def write_safetensors(path, tensors, dtype="F32"):
    """`tensors`: name, shape and bytes of each."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape, data in tensors:
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors:
            file.write(data)


def golden(path, folder):
    """As Tests/TestModels/GeneratedModel.swift does; see Tests/ModelsTests/Golden/families/PROVENANCE.md."""
    import numpy

    def values(name, seed, count, center, spread):
        state = 14695981039346656037
        for byte in name.encode():
            state = (state ^ byte) * 1099511628211 % 2**64
        z = numpy.uint64(seed ^ state) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        unit = ((z ^ (z >> numpy.uint64(31))) >> numpy.uint64(40)).astype(numpy.float64) / 2**24
        return (center + (2 * unit - 1) * spread).astype(numpy.float32)

    with open(path) as file:
        model = json.load(file)
    write_json(folder, "config.json", model["config"])
    tensors = [
        (t["name"], t["shape"], values(t["name"], model["seed"], math.prod(t["shape"]), t["center"], t["spread"]).tobytes())
        for t in model["tensors"]
    ]
    write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
    for written in model.get("files", []):
        with open(os.path.join(folder, written["name"]), "w") as file:
            file.write(written["content"])
    if not model.get("files"):
        write_tokenizer(folder, is_qwen=model["config"].get("model_type", "").startswith("qwen"))


def write_tokenizer(folder, is_qwen):
    """A letter is a token. The goldens' tokenizers know no more, Qwen's, or less."""
    if is_qwen:
        with open(os.path.join(GOLDENS, "tokenizer-qwen.json")) as file:
            write_json(folder, "tokenizer.json", json.load(file))
        write_json(folder, "tokenizer_config.json", {"tokenizer_class": "Qwen2Tokenizer", "eos_token": "<|endoftext|>"})
        return
    known = [f"[{number}]" for number in range(8)] + list(LETTERS) + [f"##{letter}" for letter in LETTERS]
    write_json(folder, "tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {
            "type": "WordPiece", "vocab": {token: number for number, token in enumerate(known)}, "unk_token": "[1]",
            "continuing_subword_prefix": "##", "max_input_chars_per_word": 10_000,
        },
    })  # fmt: skip
    write_json(folder, "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"})


def shaped(shape, folder):
    """Qwen3's layers; matrices are normal with deviation 0.02, norms 1."""
    import torch
    from safetensors.torch import save_file

    hidden, layers, heads, groups, inner, vocabulary = SHAPES[shape]
    size = 128 if shape != "tiny" else 16
    write_tokenizer(folder, is_qwen=True)
    write_json(folder, "config.json", {
        "architectures": ["Qwen3Model"], "model_type": "qwen3", "attention_bias": False, "attention_dropout": 0.0,
        "dtype": "bfloat16", "bos_token_id": 56, "eos_token_id": 56, "head_dim": size, "hidden_act": "silu",
        "hidden_size": hidden, "initializer_range": 0.02, "intermediate_size": inner, "max_position_embeddings": 32768,
        "num_attention_heads": heads, "num_hidden_layers": layers, "num_key_value_heads": groups, "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"}, "sliding_window": None, "use_sliding_window": False,
        "max_window_layers": layers, "tie_word_embeddings": True, "use_cache": True, "vocab_size": vocabulary,
    })  # fmt: skip
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator(device).manual_seed(1)

    def matrix(*sizes):
        return (torch.randn(*sizes, generator=generator, device=device, dtype=torch.bfloat16) * 0.02).cpu()

    def ones(count):
        return torch.ones(count, dtype=torch.bfloat16)

    weight_map, per_file = {}, max(1, layers // 4)
    for first in range(0, layers, per_file):
        tensors = {}
        if first == 0:
            tensors |= {"embed_tokens.weight": matrix(vocabulary, hidden), "norm.weight": ones(hidden)}
        for layer in range(first, min(layers, first + per_file)):
            name = f"layers.{layer}."
            for part, rows, columns in [
                ("self_attn.q_proj", heads * size, hidden), ("self_attn.k_proj", groups * size, hidden),
                ("self_attn.v_proj", groups * size, hidden), ("self_attn.o_proj", hidden, heads * size),
                ("mlp.gate_proj", inner, hidden), ("mlp.up_proj", inner, hidden), ("mlp.down_proj", hidden, inner),
            ]:  # fmt: skip
                tensors[f"{name}{part}.weight"] = matrix(rows, columns)
            for part, count in [
                ("input_layernorm", hidden), ("post_attention_layernorm", hidden), ("self_attn.q_norm", size),
                ("self_attn.k_norm", size),
            ]:  # fmt: skip
                tensors[f"{name}{part}.weight"] = ones(count)
        file_name = f"model-{first:05}.safetensors"
        save_file(tensors, os.path.join(folder, file_name), {"format": "pt"})
        weight_map |= dict.fromkeys(tensors, file_name)
    write_json(folder, "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})


def word(generator, length):
    return "".join(generator.choices(LETTERS, k=length))


def texts(path, count, length):
    generator = random.Random(7)
    with open(path, "w") as file:
        for number in range(int(count)):
            chosen = generator.randint(1, int(length[1:])) if length.startswith("~") else int(length)
            file.write(json.dumps({"docid": f"d{number:05}", "document_text": word(generator, chosen)}) + "\n")


def training(path, queries, passages, length):
    generator, length = random.Random(8), int(length)
    with open(path, "w") as file:
        for query in range(int(queries)):
            made = [
                {"docid": f"q{query}-{number}", "title": "", "text": word(generator, length)} for number in range(int(passages))
            ]
            row = {"query_id": f"q{query}", "query": word(generator, min(31, length)), "positive_passages": made[:1],
                   "negative_passages": made[1:]}  # fmt: skip
            file.write(json.dumps(row) + "\n")


def media(path):
    """The tests' records with images and sounds that no other library has to decode."""
    folder = os.path.join(ROOT, "Tests/EncodingTests/Golden/media")
    with open(os.path.join(folder, "records.json")) as file:
        records = json.load(file)["records"]
    with open(path, "w") as file:
        for record in records:
            names = {kind: record[kind] for kind in ["image", "audio"] if kind in record}
            if "video" in record or not all(name.endswith((".png", ".jpg", ".wav")) for name in names.values()):
                continue
            line = {"docid": record["id"], "document_text": record.get("text", "")}
            file.write(json.dumps(line | {f"document_{kind}": name for kind, name in names.items()}) + "\n")


if __name__ == "__main__":
    commands = {"golden": golden, "media": media, "shaped": shaped, "texts": texts, "training": training}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])
