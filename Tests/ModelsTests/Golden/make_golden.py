"""Makes the golden files of ModelsTests with transformers, sentence-transformers and peft.

    python make_golden.py MINILM_FOLDER NAVE_BEIR_ZIP

Writes beside itself: tiny-bert/ (a random model), tiny.json (its vectors and gradients), tiny-adapter/ and
tiny-adapter-all/ (PEFT), nave.json (texts) and nave.f16 (MiniLM's vectors of them).
"""
import json, random, sys, zipfile
from pathlib import Path

import numpy, torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel

here = Path(__file__).parent
minilm, nave = sys.argv[1:]
torch.set_num_threads(2)

# A tiny random model. Larger weights than usual, so that attention and GELU are far from linear.
torch.manual_seed(7)
config = BertConfig(
    vocab_size=120, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, intermediate_size=56,
    max_position_embeddings=24, type_vocab_size=2, initializer_range=0.2,
    hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, layer_norm_eps=1e-12,
)
model = BertModel(config).eval()
with torch.no_grad():
    for name, value in model.named_parameters():
        if name.endswith("LayerNorm.weight"): value.normal_(1, 0.3)
        if name.endswith("bias"): value.normal_(0, 0.2)
folder = here / "tiny-bert"
model.save_pretrained(folder)
words = "[PAD] [UNK] [CLS] [SEP] [MASK] the a of and god light earth heaven water made saw day night was good".split()
words += [chr(c) for c in range(97, 123)] + ["##" + chr(c) for c in range(97, 123)]
words += [f"word{i}" for i in range(120 - len(words))]
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
tokenizer.post_processor = processors.TemplateProcessing(
    single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
tokenizer.save(str(folder / "tokenizer.json"))

generator = random.Random(11)
# Token 0 is padding, whose embedding transformers never gives a gradient; no tokenised text contains it.
lengths = [1, 24, 2, 7, 7, 3, 24, 7, 12, 1, 13]
sequences = [[generator.randrange(1, 120) for _ in range(n)] for n in lengths]


def vectors(model):
    """Unnormalised vectors of each sequence by each pooling, one at a time: no padding, no mask."""
    rows = {"mean": [], "cls": [], "last": []}
    for ids in sequences:
        hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        rows["mean"].append(hidden.mean(0)); rows["cls"].append(hidden[0]); rows["last"].append(hidden[-1])
    return {mode: torch.stack(each) for mode, each in rows.items()}


def lists(tensors): return {k: [[round(x, 7) for x in row] for row in v.tolist()] for k, v in tensors.items()}


result = {"sequences": sequences}
with torch.no_grad(): result["vectors"] = lists(vectors(model))

# Gradients of Σ vectors · weights, with fixed weights, under mean pooling.
weights = torch.sin(torch.arange(len(sequences) * 32, dtype=torch.float32)).reshape(-1, 32)
(vectors(model)["mean"] * weights).sum().backward()
result["gradientNorms"] = {n: p.grad.norm().item() for n, p in model.named_parameters() if p.grad is not None}
result["gradientSums"] = {n: p.grad.double().sum().item() for n, p in model.named_parameters() if p.grad is not None}
model.zero_grad()

# Adapters with a B that is not zero: some layers, and all that PEFT wraps for "dense" (the pooler too).
for name, targets in [("tiny-adapter", ["query", "value"]), ("tiny-adapter-all", ["query", "key", "value", "dense"])]:
    torch.manual_seed(13)
    base = BertModel.from_pretrained(folder).eval()
    wrapped = get_peft_model(base, LoraConfig(
        r=4, lora_alpha=10, lora_dropout=0.1, target_modules=targets, task_type="FEATURE_EXTRACTION")).eval()
    with torch.no_grad():
        for parameter, value in wrapped.named_parameters():
            if "lora_B" in parameter: value.normal_(0, 0.2)
        result[name] = lists({"mean": vectors(wrapped)["mean"]})
    wrapped.save_pretrained(here / name)
    (here / name / "README.md").unlink(missing_ok=True)
    path = here / name / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": "tiny-bert"}, indent=1) + "\n")
json.dump(result, open(here / "tiny.json", "w"), separators=(",", ":"))

# Every 78th verse, the longest and shortest ones, and every 40th query of the Nave data, through the real model.
with zipfile.ZipFile(nave) as archive:
    corpus = [json.loads(line) for line in archive.read("beir/corpus.jsonl").splitlines()]
    queries = [json.loads(line) for line in archive.read("beir/queries.jsonl").splitlines()]
verses = [f"{d['title']} {d['text']}" if d.get("title") else d["text"] for d in corpus]
by_length = sorted(verses, key=len)
texts = verses[::103] + by_length[:5] + by_length[-5:] + [q["text"] for q in queries[::60]] + [
    "", "word " * 600, "Ελληνικά, 漢字 and émigrés — \u200b\U0001f600"]
st = SentenceTransformer(minilm, device="cpu")
# One text at a time: padding changes the last bits.
matrix = st.encode(texts, batch_size=1, convert_to_numpy=True, normalize_embeddings=False)
json.dump(texts, open(here / "nave.json", "w"), ensure_ascii=False, indent=0)
matrix.astype(numpy.float16).tofile(here / "nave.f16")
print(len(texts), "texts;", "done")
