"""Makes adapters.json of ModelsTests: which modules PEFT adapts, with which rank and scale, and what it merges.

    python make-adapters.py

peft 0.21.2, torch 2.13.0, transformers 5.24.0. The models are tiny; nothing is downloaded.
"""
import json, os, shutil, warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
import peft, torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, Qwen3Config, Qwen3ForCausalLM, Qwen3Model

torch.set_num_threads(1)
here = Path(__file__).parent
out = here / "Adapters"
shutil.rmtree(out, ignore_errors=True)
out.mkdir()


def qwen3(type_):
    torch.manual_seed(1)
    return type_(Qwen3Config(
        vocab_size=16, hidden_size=8, num_hidden_layers=12, num_attention_heads=2, num_key_value_heads=1, head_dim=4,
        intermediate_size=8, max_position_embeddings=16))


# Which modules, and with which rank and scale: field values and what PEFT makes of them.
patterns = []
cases = [
    dict(target_modules=["q_proj", "down_proj"]),
    dict(target_modules=["proj"]),
    dict(target_modules=["self_attn.q_proj", "layers.1.mlp.up_proj"]),
    dict(target_modules=["layers.1.mlp.up_proj", "up_proj"], layers_to_transform=[2], layers_pattern="layers"),
    dict(target_modules=["q_proj", "embed_tokens"], exclude_modules=["layers.1.self_attn.q_proj"]),
    dict(target_modules="all-linear"),
    dict(target_modules="All-Linear", exclude_modules=r".*\.(1|2|3|4|5)\..*"),
    dict(target_modules=r".*\.1\.(self_attn\.[qk]_proj|mlp\.(up|gate)_proj)"),
    dict(target_modules=r"layers\.\d\.mlp\.up_proj"),
    dict(target_modules=r"model\.layers\.[0-2]\.mlp\.up_proj"),
    dict(target_modules=r"q_proj"),
    dict(target_modules=r".*q_pro"),
    dict(target_modules=r".*(?<!k)_proj", exclude_modules=["mlp.down_proj"]),
    dict(target_modules=["q_proj", "v_proj"], layers_to_transform=[1, 10]),
    dict(target_modules=["q_proj", "v_proj"], layers_to_transform=1, layers_pattern=["blocks", "layers"]),
    dict(target_modules=["q_proj"], layers_to_transform=[1], layers_pattern="blocks"),
    dict(target_modules=["q_proj", "o_proj"], modules_to_save=["q_proj"]),
    dict(target_modules=["q_proj", "o_proj"], modules_to_save=["layers.1"]),
    dict(target_modules=["q_proj", "v_proj"], rank_pattern={"q_proj": 3, r"layers\.1\..*v_proj": 4}),
    dict(target_modules=["q_proj", "v_proj"], rank_pattern={"proj": 3, "_proj": 4, ".*_proj": 5, "q_proj": 6}),
    dict(target_modules=["q_proj", "v_proj"], rank_pattern={"^layers.1.self_attn.q_proj": 3, "attn.v_proj": 4}),
    dict(target_modules=["q_proj", "v_proj"], rank_pattern={"1.self_attn.q_proj": 3, "q_proj|v_proj": 5}),
    dict(target_modules=["q_proj", "v_proj"], alpha_pattern={"q_proj": 16, "model.layers.1.self_attn.v_proj": 3}),
    dict(target_modules=["q_proj"], rank_pattern={"q_proj": 3}, alpha_pattern={"layers.0.*": 7}, use_rslora=True),
]
for fields in cases:
    for type_ in (Qwen3Model, Qwen3ForCausalLM):
        try:
            model = get_peft_model(qwen3(type_), LoraConfig(r=2, lora_alpha=4, **fields))
        except ValueError:  # no module is found
            adapted = {}
        else:
            adapted = {
                name: [module.r["default"], module.scaling["default"]]
                for name, module in model.base_model.model.named_modules()
                if isinstance(module, peft.tuners.lora.LoraLayer)}
        patterns.append({"prefix": "" if type_ is Qwen3Model else "model.", "fields": fields, "adapted": adapted})
modules = [name for name, module in qwen3(Qwen3Model).named_modules()
           if isinstance(module, (torch.nn.Linear, torch.nn.Embedding))]


# As many words as the tokenizer has that the tests give to this model.
words = 1 + max(json.loads((here / "tiny-bert/tokenizer.json").read_text())["model"]["vocab"].values())


# What is merged: the weights of one small BERT with an adapter of each kind, float32 and bfloat16.
def bert(dtype):
    torch.manual_seed(2)
    model = BertModel(BertConfig(
        vocab_size=words, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
        max_position_embeddings=8), add_pooling_layer=False)
    for parameter in model.parameters(): torch.nn.init.normal_(parameter, std=0.3)
    return model.to(dtype)


kinds = {
    "plain": dict(target_modules=["query", "output.dense"]),
    "rslora": dict(target_modules=["query", "output.dense"], use_rslora=True),
    "dora": dict(target_modules=["query", "output.dense"], use_dora=True),
    "dora-rslora": dict(target_modules=["key"], use_dora=True, use_rslora=True, rank_pattern={"key": 2}),
    "lora-bias": dict(target_modules=["query", "output.dense"], lora_bias=True),
    "embedding": dict(target_modules=["word_embeddings", "position_embeddings", "value"]),
    "dora-embedding": dict(target_modules=["word_embeddings"], use_dora=True),
    "bias-all": dict(target_modules=["query"], bias="all"),
    "bias-lora-only": dict(target_modules=["query"], bias="lora_only"),
    "modules-to-save": dict(target_modules=["query", "dense"], modules_to_save=["LayerNorm", "intermediate"]),
    "tokens": dict(target_modules=["query"], trainable_token_indices={"word_embeddings": [7, 2]}),
    "tokens-list": dict(target_modules=["query"], trainable_token_indices=[3, 11]),
    "parameters": dict(target_modules=[], target_parameters=["query.weight", "intermediate.dense.weight"]),
}
base = out / "base"
base.mkdir()
bert(torch.float32).config.to_json_file(base / "config.json")
save_file(bert(torch.float32).state_dict(), base / "model.safetensors", metadata={"format": "pt"})
merged = {}
for kind, fields in kinds.items():
    torch.manual_seed(3)
    model = get_peft_model(bert(torch.float32), LoraConfig(r=3, lora_alpha=4, **fields))
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad: continue
        if "magnitude" in name: torch.nn.init.uniform_(parameter, 0.5, 1.5)
        else: torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(out / kind)
    (out / kind / "README.md").unlink(missing_ok=True)
    for dtype in (torch.float32, torch.bfloat16):
        plain = bert(dtype).state_dict()
        whole = peft.PeftModel.from_pretrained(bert(dtype), out / kind).merge_and_unload().state_dict()
        # Python writes the shortest decimals of a double; a bfloat16 has no more digits than a float32.
        merged[f"{kind}-{str(dtype).removeprefix('torch.')}"] = {
            name: [float(f"{value:.9g}") for value in tensor.float().flatten().tolist()]
            for name, tensor in whole.items() if not torch.equal(tensor, plain[name])}
(here / "adapters.json").write_text(json.dumps(
    {"modules": modules, "patterns": patterns, "merged": merged}, separators=(",", ":")))
