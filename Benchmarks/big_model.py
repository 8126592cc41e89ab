"""Writes a synthetic checkpoint of 1.5 billion weights in bfloat16, 3.1 GB, for the section `families`.

    python Benchmarks/big_model.py TOKENIZER OUTPUT

The shapes are those of Qwen2-1.5B; the values are random and repeat, the tokenizer.json is Qwen's: what is measured is
memory and time to open, no vectors. What is there already stays. Needs numpy.
"""

import json
import os
import shutil
import sys

import numpy

HIDDEN, INTER, LAYERS, HEADS, KEY_VALUE_HEADS, VOCABULARY = 1536, 8960, 28, 12, 2, 151936


def shapes():
    yield "model.embed_tokens.weight", (VOCABULARY, HIDDEN)
    narrow = HIDDEN // HEADS * KEY_VALUE_HEADS
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for name, rows in [("q", HIDDEN), ("k", narrow), ("v", narrow)]:
            yield f"{prefix}self_attn.{name}_proj.weight", (rows, HIDDEN)
            yield f"{prefix}self_attn.{name}_proj.bias", (rows,)
        yield prefix + "self_attn.o_proj.weight", (HIDDEN, HIDDEN)
        yield prefix + "mlp.gate_proj.weight", (INTER, HIDDEN)
        yield prefix + "mlp.up_proj.weight", (INTER, HIDDEN)
        yield prefix + "mlp.down_proj.weight", (HIDDEN, INTER)
        yield prefix + "input_layernorm.weight", (HIDDEN,)
        yield prefix + "post_attention_layernorm.weight", (HIDDEN,)
    yield "model.norm.weight", (HIDDEN,)


def main():
    tokenizer, output = sys.argv[1:]
    if os.path.exists(output):
        return
    config = {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu", "tie_word_embeddings": True,
        "hidden_size": HIDDEN, "intermediate_size": INTER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_VALUE_HEADS, "vocab_size": VOCABULARY, "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "use_sliding_window": False, "torch_dtype": "bfloat16",
    }  # fmt: skip
    header, place = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes():
        size = 2 * int(numpy.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    # The upper halves of float32 are bfloat16, cut.
    values = numpy.random.default_rng(7).normal(0, 0.02, 1 << 20).astype(numpy.float32)
    noise = (values.view(numpy.uint32) >> 16).astype(numpy.uint16)
    one = numpy.uint16(0x3F80)
    part = output + ".part"
    os.makedirs(part, exist_ok=True)
    with open(part + "/model.safetensors", "wb") as file:
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes():
            left = int(numpy.prod(shape))
            if "norm" in name:
                file.write(numpy.full(left, one).tobytes())
                continue
            while left > 0:
                file.write(noise[:left].tobytes())
                left -= min(left, len(noise))
    with open(part + "/config.json", "w") as file:
        json.dump(config, file, indent=1)
    shutil.copy(tokenizer, part + "/tokenizer.json")
    os.rename(part, output)


if __name__ == "__main__":
    main()
