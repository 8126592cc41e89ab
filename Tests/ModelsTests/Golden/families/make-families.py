"""Makes the golden files of the text model families: what transformers computes on tiny generated checkpoints.

    python make-families.py [--only NAME]... [--v4-python PYTHON]

Each case is a NAME.json and a NAME.safetensors beside this script; PROVENANCE.md describes what they hold. No weights
are stored: every value of a checkpoint is a function of the case's seed, the tensor's name and the element's index
(`generate` below), which a reader in another language computes identically.

A case goes through these steps:

1. The model class that users would have saved (`saved_class`) writes an empty checkpoint by `save_pretrained`; that
   gives the names, the shapes and config.json.
2. Every tensor of that checkpoint is overwritten by generated values.
3. The base class (`loaded_class`) is loaded from the folder by `from_pretrained`. Nothing may be missing, and what is
   not used is listed. Parameters are matched to tensors of the file by their values, so a tensor that
   transformers had loaded in another place, or not at all, stops the script.
4. The texts run one by one and as padded batches, which must agree; outputs, gradients, a LoRA adapter and a short
   training run are recorded from the runs without padding (training: right-padded).
"""

import argparse
import copy
import json
import math
import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
AGREEMENT = 1e-5  # of padded batches and single texts, relative to max(1, largest absolute value)


# --- Configs as transformers 4 writes them -------------------------------------------------------------------------
# This script runs itself under an interpreter that has transformers 4, which prints the file; no torch is needed.


def print_config(request):
    import transformers

    request = json.loads(request)
    config = getattr(transformers, request["class"])(**request["fields"])
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        print(json.dumps([transformers.__version__, (Path(folder) / "config.json").read_text()]))


if sys.argv[1:2] == ["--print-config"]:
    print_config(sys.argv[2])
    sys.exit()

import numpy as np  # noqa: E402
import peft  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

# --- The generator -------------------------------------------------------------------------------------------------

MASK = (1 << 64) - 1


def name_hash(name):
    """FNV-1a, 64 bits, of the UTF-8 bytes."""
    value = 14695981039346656037
    for byte in name.encode():
        value = ((value ^ byte) * 1099511628211) & MASK
    return value


def generate(seed, name, shape, center, spread):
    """Float32 values of a tensor: element i (row-major) is output i of SplitMix64, scaled around the center.

    state = seed xor FNV-1a(name);  z = mix(state + (i + 1) * 0x9E3779B97F4A7C15), modulo 2^64;
    u = Float64(z >> 40) / 2^24;  value = Float32(center + (2u - 1) * spread), each operation in Float64.
    """
    count = math.prod(shape)
    state = np.uint64(seed ^ name_hash(name))
    with np.errstate(over="ignore"):
        z = state + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    unit = (z >> np.uint64(40)).astype(np.float64) / 16777216.0
    return (center + (2.0 * unit - 1.0) * spread).astype(np.float32).reshape(shape)


EMBEDDINGS = (
    "word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight", "tok_embeddings.weight",
    "embed_tokens.weight", "relative_attention_bias.weight", "position_embedding_table",
)  # fmt: skip


def distribution(name, shape, norm_center):
    """Center and spread: every one-dimensional parameter differs from its initial value, activations stay near 1."""
    if name.endswith(("_min", "_max")):  # bounds of clipped layers
        return (-1.0 if name.endswith("_min") else 1.0), 0.15
    if name.endswith("layer_scalar"):
        return 0.8, 0.1
    if len(shape) <= 1:
        is_norm = name.endswith((".weight", ".gamma"))
        return (norm_center if is_norm else 0.0), (0.35 if is_norm else 0.3)
    if name.endswith(EMBEDDINGS):
        return 0.0, 1.0
    return 0.0, round(math.sqrt(3 / math.prod(shape[1:])), 4)


# --- Cases ---------------------------------------------------------------------------------------------------------


REMOVED = object()  # as a value of `config_changes`


@dataclass
class Case:
    name: str
    seed: int
    saved_class: str
    loaded_class: str
    config_class: str
    fields: dict
    texts: list
    pad: int
    pooling: str  # of the loss: "mean" or "last_token"
    is_causal: bool = False
    note: str = ""
    padding_sides: tuple = ("left", "right")  # right alone where positions are row numbers of the padded batch
    # None: config.json as transformers 5 writes it. Else the fields of the class of transformers 4 that writes it.
    v4_fields: dict | None = None
    # Applied to the written config.json, by dotted path.
    config_changes: dict = field(default_factory=dict)
    norm_center: float = 1.0
    has_old_norm_names: bool = False  # LayerNorm.gamma and .beta
    extra_tensors: list = field(default_factory=list)  # (name, shape) that old files have and nobody reads
    load_options: dict = field(default_factory=dict)
    lora_targets: list | str | None = None  # names, or one regular expression
    has_training: bool = False


def make_texts(seed, lengths, ids=range(5, 64)):
    generator = random.Random(seed)
    return [[generator.choice(ids) for _ in range(length)] for length in lengths]


LENGTHS, FEW = (5, 17, 9, 1), (3, 13, 1)
SIZES = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4)
BERT_LINEARS = ["query", "key", "value", "dense"]
DECODER_LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def bert_cases():
    def case(name, seed, saved_class, lengths=FEW, **options):
        fields = SIZES | dict(max_position_embeddings=24, pad_token_id=0) | options.pop("fields", {})
        return Case(
            name, seed, saved_class, "BertModel", "BertConfig", fields, make_texts(seed, lengths), 0, "mean",
            padding_sides=("right",), load_options=dict(add_pooling_layer=False), **options,
        )  # fmt: skip

    old = SIZES | dict(max_position_embeddings=24, pad_token_id=0, architectures=["BertForPreTraining"], dtype="float32")
    yield case("bert", 101, "BertModel", LENGTHS, lora_targets=BERT_LINEARS, has_training=True)
    yield case(
        "bert-old", 102, "BertForPreTraining", has_old_norm_names=True, v4_fields=old,
        note="prefix bert., LayerNorm.gamma and .beta, heads that are not used",
    )  # fmt: skip
    yield case(
        "bert-odd", 103, "BertForMaskedLM", fields=dict(layer_norm_eps=0.003, type_vocab_size=1),
        note="large epsilon, one token type",
    )  # fmt: skip


def xlm_roberta_cases(kind="xlm-roberta", prefix="XLMRoberta"):
    def case(name, seed, saved_class, texts, pad=1, **options):
        fields = SIZES | dict(
            max_position_embeddings=20, pad_token_id=pad, bos_token_id=0, eos_token_id=2, type_vocab_size=1,
            layer_norm_eps=1e-5,
        ) | options.pop("fields", {})  # fmt: skip
        if options.pop("is_v4", False):
            options["v4_fields"] = fields | dict(architectures=[prefix + saved_class], dtype="float32")
        return Case(
            name, seed, prefix + saved_class, prefix + "Model", prefix + "Config", fields, texts, pad, "mean",
            load_options=dict(add_pooling_layer=False), **options,
        )  # fmt: skip

    if kind == "xlm-roberta":
        middle = [[0, 5, 1, 6, 2]] + make_texts(201, (3, 12, 1))
        yield case(
            "xlm-roberta", 201, "Model", middle, lora_targets=BERT_LINEARS, has_training=True,
            note="the pad token stands inside the first text: it gets position 1 and does not advance the count",
        )  # fmt: skip
        yield case(
            "xlm-roberta-longest", 202, "Model", make_texts(202, (18, 7)), is_v4=True,
            note="max_position_embeddings 20 holds 18 tokens",
        )  # fmt: skip
        yield case(
            "xlm-roberta-lm", 203, "ForMaskedLM", make_texts(203, FEW), fields=dict(layer_norm_eps=0.003),
            note="prefix roberta., lm_head",
        )  # fmt: skip
    else:
        yield case("roberta", 301, "Model", make_texts(301, LENGTHS), lora_targets=BERT_LINEARS, has_training=True)
        yield case(
            "roberta-pad3", 302, "Model", [[0, 5, 3, 6, 2]] + make_texts(302, FEW), pad=3,
            fields=dict(type_vocab_size=2), note="positions from pad_token_id 3; a pad token inside the first text",
        )  # fmt: skip
        yield case(
            "roberta-lm", 303, "ForMaskedLM", make_texts(303, FEW), is_v4=True, note="prefix roberta., lm_head"
        )


def decoder_case(
    family, name, seed, texts, rope=None, theta=10000.0, saved="Model", is_v4=False, pooling="last_token",
    is_causal=True, v4_rope=None, fields=None, **options,
):  # fmt: skip
    """A case of Llama, Mistral, Qwen2 or Qwen3: `rope` is the scaling, the way transformers 4 called it."""
    fields = SIZES | dict(
        num_key_value_heads=2, rms_norm_eps=1e-3, max_position_embeddings=64, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, tie_word_embeddings=False,
    ) | (fields or {})  # fmt: skip
    new = fields | dict(rope_parameters=dict(rope_theta=theta) | (rope or dict(rope_type="default")))
    if is_v4:
        options["v4_fields"] = fields | dict(
            rope_theta=theta, rope_scaling=v4_rope or rope, architectures=[family + saved], dtype="float32"
        )
    return Case(
        name, seed, family + saved, family + "Model", family + "Config", new, texts, 0, pooling, is_causal, **options
    )


def llama_cases():
    def case(name, seed, lengths=FEW, **options):
        return decoder_case("Llama", name, seed, make_texts(seed, lengths), **options)

    yield case(
        "llama", 401, LENGTHS, fields=dict(head_dim=16, attention_bias=True, mlp_bias=True),
        rope=dict(
            rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=32,
        ),
        lora_targets=DECODER_LINEARS, has_training=True, note="llama3 rotary scaling, all biases, head size 16",
    )  # fmt: skip
    yield case(
        "llama-linear", 402, saved="ForCausalLM", is_v4=True, rope=dict(rope_type="linear", factor=2.0),
        fields=dict(num_key_value_heads=4),
        config_changes={
            "rope_scaling": {"factor": 2.0, "type": "linear"}, "head_dim": REMOVED, "num_key_value_heads": REMOVED,
        },
        extra_tensors=[(f"model.layers.{layer}.self_attn.rotary_emb.inv_freq", [4]) for layer in range(3)],
        note="an old file: rope_scaling names its type by `type`, no head_dim, no num_key_value_heads, "
        "rotary_emb.inv_freq stored",
    )  # fmt: skip
    yield case(
        "llama-dynamic", 403, LENGTHS, padding_sides=(), rope=dict(rope_type="dynamic", factor=2.0),
        fields=dict(max_position_embeddings=8, head_dim=16),
        note="the base grows with each text's own length; every text has run on a fresh model",
    )  # fmt: skip
    yield case(
        "llama-yarn", 404, fields=dict(head_dim=16), is_v4=True,
        rope=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16),
    )  # fmt: skip
    yield case(
        "llama-yarn-options", 407,
        rope=dict(
            rope_type="yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=4.0, beta_slow=0.5,
            mscale=1.5, mscale_all_dim=0.5, truncate=False,
        ),
        fields=dict(head_dim=16), note="bounds that are not rounded, a ratio of two mscales",
    )  # fmt: skip
    yield case("llama-lm", 405, saved="ForCausalLM", note="prefix model., an lm_head of its own")
    yield case(
        "llama-bidirectional", 406, fields=dict(is_causal=False), is_causal=False, pooling="mean",
        note="is_causal false: both ways",
    )  # fmt: skip


def mistral_cases():
    def case(name, seed, lengths=FEW, **options):
        return decoder_case("Mistral", name, seed, make_texts(seed, lengths), **options)

    window = dict(sliding_window=4)
    yield case("mistral", 501, LENGTHS, fields=window, lora_targets=DECODER_LINEARS, has_training=True)
    yield case(
        "mistral-null", 502, fields=dict(sliding_window=None), is_v4=True, saved="ForCausalLM",
        note="sliding_window null: no window",
    )  # fmt: skip
    yield case("mistral-head", 503, fields=window | dict(head_dim=16), note="head_dim 16, not hidden / heads")


def qwen2_cases():
    def case(name, seed, lengths=FEW, **options):
        return decoder_case("Qwen2", name, seed, make_texts(seed, lengths), **options)

    yield case("qwen2", 601, LENGTHS, lora_targets=DECODER_LINEARS, has_training=True)
    yield case(
        "qwen2-window", 602, is_v4=True,
        fields=dict(use_sliding_window=True, sliding_window=4, max_window_layers=1),
        note="layers 1 and 2 have the window",
    )  # fmt: skip
    yield case("qwen2-tied", 603, saved="ForCausalLM", fields=dict(tie_word_embeddings=True), note="no lm_head stored")


def qwen3_cases():
    def case(name, seed, lengths=FEW, **options):
        options["fields"] = dict(head_dim=16) | options.get("fields", {})
        return decoder_case("Qwen3", name, seed, make_texts(seed, lengths), **options)

    yield case("qwen3", 701, LENGTHS, lora_targets=DECODER_LINEARS, has_training=True)
    yield case(
        "qwen3-yarn", 702, LENGTHS, theta=1e6,
        rope=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16),
        fields=dict(use_sliding_window=True, sliding_window=4, max_window_layers=1, attention_bias=True),
        is_v4=True, config_changes={"layer_types": REMOVED},
        note="yarn, window in layers 1 and 2 by max_window_layers alone, biases of q, k, v and o",
    )  # fmt: skip
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    yield case(
        "qwen3-layers", 703, saved="ForCausalLM",
        fields=dict(use_sliding_window=True, sliding_window=4, max_window_layers=3, layer_types=kinds),
        note="layer_types win over max_window_layers; prefix model., an lm_head of its own",
    )  # fmt: skip


def modernbert_cases():
    sizes = SIZES | dict(
        intermediate_size=24, num_hidden_layers=5, max_position_embeddings=64, norm_eps=1e-3, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2,
    )  # fmt: skip
    sizes_v4 = sizes | dict(architectures=["ModernBertModel"], dtype="float32")
    thirds = dict(global_attn_every_n_layers=3, global_rope_theta=160000.0, local_rope_theta=100.0)
    # The same model, as either version describes it.
    halves = dict(
        local_attention=6, global_attn_every_n_layers=2, global_rope_theta=777.0, local_rope_theta=55.0
    )

    def case(name, seed, fields, lengths=FEW, saved_class="ModernBertModel", **options):
        return Case(
            name, seed, saved_class, "ModernBertModel", "ModernBertConfig", sizes | fields, make_texts(seed, lengths), 0,
            "mean", **options,
        )  # fmt: skip

    yield case(
        "modernbert", 801, thirds | dict(local_attention=6), LENGTHS, lora_targets=["Wqkv", "Wo", "Wi"],
        has_training=True, note="local_attention 6: 3 tokens to each side",
    )  # fmt: skip
    yield case(
        "modernbert-odd", 802, thirds | dict(local_attention=7), saved_class="ModernBertForMaskedLM",
        note="local_attention 7: 3 tokens to each side; prefix model., a head that is not used",
    )  # fmt: skip
    yield case(
        "modernbert-biases", 803,
        thirds | dict(local_attention=6, norm_bias=True, attention_bias=True, mlp_bias=True),
    )  # fmt: skip
    yield case("modernbert-halves", 804, halves, note="the same model as modernbert-halves-v4")
    yield case(
        "modernbert-halves-v4", 804, halves, v4_fields=sizes_v4 | halves,
        note="the same model as modernbert-halves, described by transformers 4",
    )  # fmt: skip


def mpnet_cases():
    def case(name, seed, saved_class, texts, positions, **options):
        fields = SIZES | dict(
            max_position_embeddings=positions, pad_token_id=1, bos_token_id=0, eos_token_id=2, layer_norm_eps=1e-5
        ) | options.pop("fields", {})  # fmt: skip
        if options.pop("is_v4", False):
            options["v4_fields"] = fields | dict(architectures=[saved_class], dtype="float32")
        return Case(
            name, seed, saved_class, "MPNetModel", "MPNetConfig", fields, texts, 1, "mean",
            load_options=dict(add_pooling_layer=False), **options,
        )  # fmt: skip

    yield case(
        "mpnet", 901, "MPNetModel", make_texts(901, LENGTHS), 24, lora_targets=["q", "k", "v", "o", "dense"],
        has_training=True,
    )  # fmt: skip
    yield case(
        "mpnet-long", 902, "MPNetModel", make_texts(902, (152, 3)), 154,
        fields=dict(hidden_size=16, intermediate_size=24, num_attention_heads=2),
        note="152 tokens, the most that 154 positions hold: every bucket of the relative positions",
    )  # fmt: skip
    yield case(
        "mpnet-lm", 903, "MPNetForMaskedLM", [[0, 5, 1, 6, 2], *make_texts(903, FEW)], 24, is_v4=True,
        fields=dict(layer_norm_eps=0.003),
        note="prefix mpnet., lm_head; the pad token stands inside the first text: position 1, the count does not advance",
    )  # fmt: skip


def distilbert_cases():
    def case(name, seed, saved_class, lengths=FEW, **options):
        fields = dict(
            vocab_size=64, dim=32, n_layers=3, n_heads=4, hidden_dim=48, max_position_embeddings=24, pad_token_id=0
        ) | options.pop("fields", {})  # fmt: skip
        if options.pop("is_v4", False):
            options["v4_fields"] = fields | dict(architectures=[saved_class], dtype="float32")
        return Case(
            name, seed, saved_class, "DistilBertModel", "DistilBertConfig", fields, make_texts(seed, lengths), 0, "mean",
            padding_sides=("right",), **options,
        )  # fmt: skip

    linears = ["q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"]
    yield case("distilbert", 1001, "DistilBertModel", LENGTHS, lora_targets=linears, has_training=True)
    yield case(
        "distilbert-lm", 1002, "DistilBertForMaskedLM", is_v4=True, note="prefix distilbert., a head that is not used"
    )
    yield case(
        "distilbert-sinusoidal", 1003, "DistilBertModel", fields=dict(sinusoidal_pos_embds=True, n_heads=2),
        note="sinusoidal_pos_embds says how the table was filled at first; the one in the file counts",
    )  # fmt: skip


def gemma3_cases():
    kinds = ["sliding_attention", "full_attention", "sliding_attention"]
    sizes = SIZES | dict(
        num_key_value_heads=2, head_dim=16, rms_norm_eps=1e-3, query_pre_attn_scalar=9, max_position_embeddings=64,
        pad_token_id=0, eos_token_id=1, bos_token_id=2, layer_types=kinds,
    )  # fmt: skip

    def case(name, seed, fields, lengths=FEW, scaling=None, saved="Gemma3TextModel", is_v4=False, **options):
        scaling = scaling or dict(rope_type="default")
        rope = {
            "full_attention": dict(rope_theta=5000.0) | scaling,
            "sliding_attention": dict(rope_type="default", rope_theta=50.0),
        }
        if is_v4:
            options["v4_fields"] = sizes | fields | dict(
                rope_theta=5000.0, rope_local_base_freq=50.0, architectures=[saved], dtype="float32",
                rope_scaling=None if scaling["rope_type"] == "default" else scaling,
            )  # fmt: skip
        both_ways = fields.get("use_bidirectional_attention", False)
        return Case(
            name, seed, saved, "Gemma3TextModel", "Gemma3TextConfig", sizes | fields | dict(rope_parameters=rope),
            make_texts(seed, lengths), 0, "mean" if both_ways else "last_token", not both_ways, norm_center=0.0,
            **options,
        )  # fmt: skip

    linear = dict(rope_type="linear", factor=2.0)
    both_ways = dict(use_bidirectional_attention=True)
    yield case(
        "gemma3", 1101, both_ways | dict(sliding_window=6), LENGTHS, lora_targets=DECODER_LINEARS, has_training=True,
        note="both ways: sliding_window 6 reaches 3 tokens to each side",
    )  # fmt: skip
    yield case(
        "gemma3-odd", 1102, both_ways | dict(sliding_window=7, attention_bias=True), scaling=linear,
        config_changes={"sliding_window": 7},
        note="both ways: sliding_window 7 reaches 3 tokens to each side (transformers writes 6); biases of q, k, v, o",
    )  # fmt: skip
    yield case(
        "gemma3-causal", 1103, dict(sliding_window=6), scaling=linear, saved="Gemma3ForCausalLM",
        note="linear scaling in the full layer alone; prefix model., no lm_head stored; "
        "the same model as gemma3-causal-v4",
    )  # fmt: skip
    yield case(
        "gemma3-causal-v4", 1103, dict(sliding_window=6), scaling=linear, saved="Gemma3ForCausalLM", is_v4=True,
        note="the same model as gemma3-causal, described by transformers 4",
    )  # fmt: skip
    yield case(
        "gemma3-bias", 1104, dict(sliding_window=5, attention_bias=True, query_pre_attn_scalar=20, num_key_value_heads=1),
        is_v4=True,
        config_changes={"layer_types": REMOVED, "_sliding_window_pattern": REMOVED, "sliding_window_pattern": 2},
        note="an older file: every second layer is full; causal, biases of q, k, v and o, one key/value head",
    )  # fmt: skip


def embedding_gemma2_cases():
    kinds = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
    text = dict(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, sliding_window=3, layer_types=kinds, hidden_size_per_layer_input=12,
        embedding_dim=24, rms_norm_eps=1e-3, max_position_embeddings=64, pad_token_id=0, eos_token_id=1, bos_token_id=2,
        per_layer_config={layer: dict(head_dim=16, num_key_value_heads=1) for layer in ("1", "3")},
    )  # fmt: skip
    # Towers: no text reaches them; their tensors are in the file.
    vision = dict(
        model_type="gemma4_vision", hidden_size=24, intermediate_size=40, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, position_embedding_size=700,
    )  # fmt: skip
    audio = dict(
        model_type="gemma4_audio", hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        subsampling_conv_channels=[128, 4], attention_chunk_size=4, attention_context_left=5, attention_context_right=0,
        conv_kernel_size=3, output_proj_dims=20,
    )  # fmt: skip
    media = dict(
        image_token_id=56, video_token_id=57, audio_token_id=58, boi_token_id=59, eoi_token_id=60, boa_token_id=61,
        eoa_token_index=62,
    )  # fmt: skip
    whole = dict(text_config=text, vision_config=vision, audio_config=audio) | media

    def case(name, seed, fields, kind="", lengths=FEW, **options):
        model = f"EmbeddingGemma2{kind}Model"
        texts = make_texts(seed, lengths, range(5, 56))
        return Case(
            name, seed, model, model, f"EmbeddingGemma2{kind}Config", fields, texts, 0, "mean", **options
        )

    yield case(
        "embedding-gemma2", 1201, whole, lengths=LENGTHS, has_training=True,
        lora_targets=r"language_model\.layers\.\d+\.(self_attn|mlp)\.[a-z]+_proj",
        note="the whole model; adapters on attention and MLP of the text encoder",
    )  # fmt: skip
    yield case(
        "embedding-gemma2-text", 1202, text | dict(rms_norm_eps=1.0), "Text",
        note="the text class: flat config, no prefix; epsilon 1, which shows scales that a norm would hide",
    )  # fmt: skip
    padded = {layer: dict(head_dim=16, num_key_value_heads=1) for layer in ("01", "03")}
    yield case(
        "embedding-gemma2-alone", 1203, whole,
        config_changes={
            "vision_config": None, "audio_config": None, "text_config.per_layer_config": padded,
            "text_config.layer_types": [*kinds[:3], "sliding_attention"],
        },
        note="towers null though their tensors are there; layer numbers padded with a zero; the last layer is full "
        "attention whatever layer_types say",
    )  # fmt: skip


def all_cases():
    for family in (bert_cases, xlm_roberta_cases, llama_cases, qwen3_cases, mistral_cases, qwen2_cases):
        yield from family()
    yield from xlm_roberta_cases("roberta", "Roberta")
    for family in (modernbert_cases, mpnet_cases, distilbert_cases, gemma3_cases, embedding_gemma2_cases):
        yield from family()


# --- Checkpoints ---------------------------------------------------------------------------------------------------


def write_checkpoint(case, folder, v4_python):
    """Writes config.json and generated weights; returns the list of tensors and who wrote the config."""
    config = getattr(transformers, case.config_class)(**case.fields)
    torch.manual_seed(0)
    getattr(transformers, case.saved_class)(config).save_pretrained(folder)
    stored = load_file(folder / "model.safetensors")
    assert all(tensor.dtype == torch.float32 for tensor in stored.values())
    shapes = {name: list(tensor.shape) for name, tensor in stored.items()}
    if case.has_old_norm_names:
        old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
        for new, name in old.items():
            shapes = {key.replace(new, name): shape for key, shape in shapes.items()}
    shapes |= dict(case.extra_tensors)
    tensors = []
    for name in sorted(shapes):
        center, spread = distribution(name, shapes[name], case.norm_center)
        tensors.append({"name": name, "shape": shapes[name], "center": center, "spread": spread})
    weights = {t["name"]: torch.from_numpy(generate(case.seed, **t)) for t in tensors}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    writer = transformers.__version__
    path = folder / "config.json"
    if case.v4_fields is not None:
        if v4_python is None:
            sys.exit(f"{case.name}: its config is written by transformers 4; give --v4-python")
        request = json.dumps({"class": case.config_class, "fields": case.v4_fields})
        command = [v4_python, str(Path(__file__).resolve()), "--print-config", request]
        writer, text = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        assert writer.startswith("4."), writer
        path.write_text(text)
    config = json.loads(path.read_text())
    for place, value in case.config_changes.items():
        *parents, key = place.split(".")
        changed = config
        for parent in parents:
            changed = changed[parent]
        changed[key] = value
        if value is REMOVED:
            del changed[key]
    path.write_text(json.dumps(config))
    return config, tensors, weights, "transformers " + writer


def load_model(case, folder, weights):
    """The base class, eager, float32; every parameter is found in the file.

    Returns the model and the name in the file of each of its parameters.
    """
    options = dict(attn_implementation="eager", dtype=torch.float32) | case.load_options
    model, report = getattr(transformers, case.loaded_class).from_pretrained(
        folder, output_loading_info=True, **options
    )
    assert not report["missing_keys"] and not report["mismatched_keys"], report
    model.eval()
    names = {}
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(True)
        equal = [k for k, w in weights.items() if w.shape == parameter.shape and torch.equal(w, parameter)]
        assert len(equal) == 1, f"{case.name}: {name} is equal to {equal}"
        names[name] = equal[0]
    return model, names


def blocks_of(model):
    for path in ("encoder.layer", "transformer.layer", "language_model.layers", "layers"):
        try:
            return model.get_submodule(path)
        except AttributeError:
            continue
    raise ValueError("no blocks")


# --- Runs ----------------------------------------------------------------------------------------------------------


class Recorder:
    """Keeps the input of block 0 and the output of every block of the latest run."""

    def __init__(self, model):
        def first(value):
            return value[0] if isinstance(value, tuple) else value

        blocks = blocks_of(model)
        self.states = [None] * (len(blocks) + 1)

        def keep(index):
            def hook(_, inputs, output):
                self.states[index + 1] = first(output)

            return hook

        def enter(_, inputs, keywords):
            self.states[0] = inputs[0] if inputs else keywords["hidden_states"]

        blocks[0].register_forward_pre_hook(enter, with_kwargs=True)
        for index, block in enumerate(blocks):
            block.register_forward_hook(keep(index))


def batch_of(texts, pad, side="right"):
    longest = max(map(len, texts))
    ids = torch.full((len(texts), longest), pad)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(texts):
        columns = slice(0, len(text)) if side == "right" else slice(longest - len(text), longest)
        ids[row, columns] = torch.tensor(text)
        mask[row, columns] = 1
    return ids, mask


def refresh(model, rotary):
    """Dynamic scaling keeps what it has computed for longer texts: start anew."""
    if rotary is not None:
        model.rotary_emb = copy.deepcopy(rotary)


def record(case, model):
    """The tensors of NAME.safetensors, and the check of padded batches."""
    recorder = Recorder(model)
    rotary = copy.deepcopy(getattr(model, "rotary_emb", None))
    singles = []
    with torch.no_grad():
        for text in case.texts:
            refresh(model, rotary)
            ids, mask = batch_of([text], case.pad)
            last = model(input_ids=ids, attention_mask=mask).last_hidden_state[0]
            singles.append([state[0].clone() for state in recorder.states] + [last])
        for side in case.padding_sides:
            refresh(model, rotary)
            ids, mask = batch_of(case.texts, case.pad, side)
            last = model(input_ids=ids, attention_mask=mask).last_hidden_state
            for index, states in enumerate([*recorder.states, last]):
                for row, single in enumerate(singles):
                    expected = single[index]
                    difference = (states[row][mask[row] == 1] - expected).abs().max().item()
                    limit = AGREEMENT * max(1.0, expected.abs().max().item())
                    assert difference <= limit, f"{case.name}: {side} padding, state {index}: {difference}"
    refresh(model, rotary)
    names = [f"block.{index}" for index in range(len(recorder.states))] + ["last"]
    tensors = {name: torch.cat([single[i] for single in singles]) for i, name in enumerate(names)}
    lasts = [single[-1] for single in singles]
    tensors |= {kind: torch.stack([pool(last, kind) for last in lasts]) for kind in ("mean", "cls", "last_token")}
    return {name: tensor.contiguous() for name, tensor in tensors.items()}


def pool(hidden, kind):
    return {"mean": hidden.mean(0), "cls": hidden[0], "last_token": hidden[-1]}[kind]


def backward(case, model):
    """Gradients of `sum over texts s of normalised vector s · r_s`, text by text; returns loss and vectors."""
    rotary = copy.deepcopy(getattr(model, "rotary_emb", None))
    total, vectors = 0.0, {"mean": [], "last_token": []}
    for index, text in enumerate(case.texts):
        refresh(model, rotary)
        ids, mask = batch_of([text], case.pad)
        last = model(input_ids=ids, attention_mask=mask).last_hidden_state[0]
        vector = torch.nn.functional.normalize(pool(last, case.pooling), dim=-1)
        direction = torch.from_numpy(generate(case.seed, f"loss.{index}", [len(vector)], 0.0, 1.0))
        loss = vector @ direction
        loss.backward()
        total += loss.item()
        for kind, kept in vectors.items():
            kept.append(pool(last.detach(), kind))
    return total, {kind: torch.stack(kept) for kind, kept in vectors.items()}


def digits(value):
    return float(f"{value:.9g}")


def summary(case, name, gradient):
    """Norm and four projections of a gradient, in float64."""
    flat = gradient.numpy().astype(np.float64).ravel()
    projections = [
        float(flat @ generate(case.seed, f"projection.{k}.{name}", [flat.size], 0.0, 1.0).astype(np.float64))
        for k in range(4)
    ]
    return {
        "name": name,
        "norm": digits(float(np.linalg.norm(flat))),
        "projections": [digits(value) for value in projections],
    }


# --- LoRA ----------------------------------------------------------------------------------------------------------


def run_lora(case, model, backward=backward):
    """An adapter on all linear layers of the blocks, A and B generated under PEFT's names."""
    torch.manual_seed(0)
    options = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=case.lora_targets, bias="none")
    adapted = get_peft_model(model, options).eval()
    with tempfile.TemporaryDirectory() as folder:
        adapted.save_pretrained(folder, save_embedding_layers=False)  # else it asks a hub
        config = json.loads((Path(folder) / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = None  # the temporary folder
    if isinstance(config["target_modules"], list):  # in the order of a set
        config["target_modules"].sort()
    tensors = [
        {"name": name, "shape": list(tensor.shape), "center": 0.0, "spread": 0.3}
        for name, tensor in sorted(get_peft_model_state_dict(adapted).items())
    ]
    weights = {t["name"]: torch.from_numpy(generate(case.seed, **t)) for t in tensors}
    set_peft_model_state_dict(adapted, weights)
    loss, vectors = backward(case, adapted)
    trained = {n.replace(".default.", "."): p for n, p in adapted.named_parameters() if p.requires_grad}
    assert trained.keys() == weights.keys()
    assert all(torch.equal(trained[name], weights[name]) for name in trained)
    gradients = [summary(case, name, trained[name].grad) for name in sorted(trained)]
    described = {
        "r": 4, "alpha": 8, "config": config, "tensors": tensors, "loss": digits(loss), "gradients": gradients,
    }  # fmt: skip
    return described, {"lora_" + kind: rows for kind, rows in vectors.items()}


# --- Training ------------------------------------------------------------------------------------------------------

STEPS, QUERIES, GROUP = 20, 4, 2
TRAINING = {
    "temperature": 0.05, "learning_rate": 1e-3, "schedule": "linear", "warmup": 5, "betas": [0.9, 0.999],
    "epsilon": 1e-8, "weight_decay": 0.01, "clip": 1.0,
}  # fmt: skip
BATCHES = "training-batches.json"


def make_batches():
    """The token lists of every step, the same for all families: ids 5 to 55, which no family pads with."""
    generator = random.Random(11)

    def text(longest):
        return [generator.randrange(5, 56) for _ in range(generator.randrange(2, longest))]

    batches = []
    for _ in range(STEPS):
        passages = [text(14) for _ in range(QUERIES * GROUP)]
        # A query is made of its positive's tokens, so that there is something to learn.
        queries = [[generator.choice(p) for _ in range(generator.randrange(2, 7))] for p in passages[::GROUP]]
        batches.append({"queries": queries, "passages": passages})
    return batches


def train(case, model):
    """AdamW on every weight that has a gradient; matrices decay, one-dimensional weights do not."""

    def encode(texts):
        ids, mask = batch_of(texts, case.pad)
        last = model(input_ids=ids, attention_mask=mask).last_hidden_state
        pooled = torch.stack([pool(hidden[: len(text)], case.pooling) for hidden, text in zip(last, texts)])
        return torch.nn.functional.normalize(pooled, dim=-1)

    weights = list(model.parameters())
    groups = [
        {"params": [w for w in weights if w.dim() > 1], "weight_decay": TRAINING["weight_decay"]},
        {"params": [w for w in weights if w.dim() <= 1], "weight_decay": 0.0},
    ]
    rate, warmup = TRAINING["learning_rate"], TRAINING["warmup"]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=TRAINING["betas"], eps=TRAINING["epsilon"])
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, warmup, STEPS)
    losses, norms = [], []
    for batch in make_batches():
        optimizer.zero_grad()
        scores = encode(batch["queries"]) @ encode(batch["passages"]).T / TRAINING["temperature"]
        loss = torch.nn.functional.cross_entropy(scores, torch.arange(QUERIES) * GROUP)
        loss.backward()
        norms.append(digits(torch.nn.utils.clip_grad_norm_(weights, TRAINING["clip"]).item()))
        optimizer.step()
        schedule.step()
        losses.append(digits(loss.item()))
    return {"options": TRAINING, "pooling": case.pooling, "losses": losses, "gradient_norms": norms}


# --- Files ---------------------------------------------------------------------------------------------------------


def to_json(content):
    """One line a field, one line an item of a list of objects."""
    lines = []
    for key, value in content.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            items = ",\n".join(json.dumps(item, separators=(",", ":")) for item in value)
            text = f"[\n{items}\n]"
        elif key == "lora":
            text = to_json(value)
        else:
            text = json.dumps(value, separators=(",", ":"))
        lines.append(f"{json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def make(case, v4_python):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config, tensors, weights, writer = write_checkpoint(case, folder, v4_python)
        model, names = load_model(case, folder, weights)
        recorded = record(case, model)
        loss, _ = backward(case, model)
        gradients, used = [], set()
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                gradients.append(summary(case, names[name], parameter.grad))
                used.add(names[name])
        used |= {name for name in weights if name.endswith("layer_scalar")}  # in use, but not trained
        long = [t["name"] for t in tensors if math.prod(t["shape"]) >= 3]
        content = {
            "provenance": {
                "script": Path(__file__).name,
                "config": writer + (", then changed: " + ", ".join(case.config_changes) if case.config_changes else ""),
                "saved_class": case.saved_class, "loaded_class": case.loaded_class,
                "versions": {
                    "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
                    "numpy": np.__version__,
                },
            },
            "note": case.note, "config": config, "seed": case.seed, "texts": case.texts,
            "isCausal": case.is_causal, "pooling": case.pooling,
            "samples": {
                name: [float(value) for value in weights[name].flatten()[:3]]
                for name in (long[0], long[len(long) // 2], long[-1])
            },
            "tensors": tensors, "unused": sorted(weights.keys() - used), "loss": digits(loss),
            "gradients": sorted(gradients, key=lambda g: g["name"]),
        }  # fmt: skip
        if case.lora_targets:
            content["lora"], vectors = run_lora(case, load_model(case, folder, weights)[0])
            recorded |= vectors
        if case.has_training:
            content["training"] = train(case, load_model(case, folder, weights)[0])
    (HERE / f"{case.name}.json").write_text(to_json(content) + "\n")
    save_file(recorded, HERE / f"{case.name}.safetensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="make this case alone; may be repeated")
    parser.add_argument("--v4-python", metavar="PYTHON", help="an interpreter that has transformers 4.57.6")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    cases = {case.name: case for case in all_cases()}
    unknown = set(options.only or []) - cases.keys()
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(cases)}")
    (HERE / BATCHES).write_text(json.dumps(make_batches(), separators=(",", ":")) + "\n")
    for name in options.only or cases:
        make(cases[name], options.v4_python)
        print(name)


if __name__ == "__main__":
    main()
