"""Makes Folders/ of ModelsTests: tiny model folders as sentence-transformers 6.2.0, transformers 5.24.0 and peft 0.21.2
(torch 2.13.0) save them, each with expected.json: what `encode_document` and `encode_query`, or PEFT, give for texts.json.

    python make_folders.py

`plain/` is whole; of each other folder only the files are kept that differ from plain's.
"""
import filecmp, json, os, shutil, warnings
from pathlib import Path

warnings.filterwarnings("ignore")
os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from peft import LoraConfig, get_peft_model
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizer

torch.set_num_threads(1)
out = Path(__file__).parent / "Folders"
base = out / "base"
shutil.rmtree(out, ignore_errors=True)
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "p", "q", ":", "green", "black", "tea", "Tea", "Green", "pot",
         "##pot", "cup"]
texts = {
    "corpus": ["Green tea", "black tea pot", "a teapot and a green cup", "TEA", "thé 茶 tea", "",
               "green green black tea cup pot tea tea Green black cup"],
    "queries": ["Tea", "green teapot", "which cup is black ? green tea pot"],
}
torch.manual_seed(0)
BertModel(BertConfig(
    vocab_size=len(words), hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
    initializer_range=0.2, max_position_embeddings=64)).save_pretrained(base)
BertTokenizer(vocab={w: i for i, w in enumerate(words)}).save_pretrained(base)
(out / "texts.json").write_text(json.dumps(texts, ensure_ascii=False, indent=1) + "\n")


def edit(name, file, remove=(), **fields):
    path = out / name / file
    value = json.loads(path.read_text())
    value.update(fields)
    for key in remove: del value[key]
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False))


def write(name, rows):
    rows = {side: [[round(x, 7) for x in row] for row in each] for side, each in rows.items()}
    (out / name / "expected.json").write_text(json.dumps(rows, separators=(",", ":")))


def expect(name):
    model = SentenceTransformer(str(out / name), device="cpu")
    # One text at a time: padding changes the last bits.
    write(name, {"corpus": [model.encode_document(t).tolist() for t in texts["corpus"]],
                 "queries": [model.encode_query(t).tolist() for t in texts["queries"]]})


def save(name, normalize=True, pooling="mean", transformer={}, **options):
    modules = [Transformer(str(base), **transformer), Pooling(32, pooling)] + ([Normalize()] if normalize else [])
    SentenceTransformer(modules=modules, device="cpu", **options).save_pretrained(str(out / name))
    (out / name / "README.md").unlink()


def usage(name, **fields): edit(name, "config_sentence_transformers.json", **fields)


save("plain"); expect("plain")
save("truncate-dim", truncate_dim=8); expect("truncate-dim")
save("truncate-dim-beyond", truncate_dim=80); expect("truncate-dim-beyond")
save("short", transformer={"processor_kwargs": {"model_max_length": 5}}); expect("short")
save("truncation-side", transformer={"processor_kwargs": {"truncation_side": "left", "model_max_length": 5}})
expect("truncation-side")
save("no-limit"); edit("no-limit", "tokenizer_config.json", model_max_length=int(1e30)); expect("no-limit")
save("limit-left-out"); edit("limit-left-out", "tokenizer_config.json", remove=["model_max_length"])
expect("limit-left-out")
save("stale-truncation"); edit("stale-truncation", "tokenizer.json", truncation={
    "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0}, padding={
    "strategy": {"Fixed": 9}, "direction": "Left", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
    "pad_token": "[PAD]"})
expect("stale-truncation")
save("old-limit"); edit("old-limit", "sentence_bert_config.json", max_seq_length=6); expect("old-limit")
save("query-length", transformer={"query_length": 4, "document_length": 5}); expect("query-length")
save("query-length-alone", transformer={"query_length": 4}); expect("query-length-alone")
save("passage-prompt"); usage("passage-prompt", prompts={"query": "q: ", "passage": "p: "}); expect("passage-prompt")
save("document-prompt"); usage("document-prompt", prompts={"query": "q: ", "document": "p: "}); expect("document-prompt")
save("default-prompt"); usage("default-prompt", prompts={"query": "q: "}, default_prompt_name="query")
expect("default-prompt")
save("default-other"); usage("default-other", prompts={"any": "q: "}, default_prompt_name="any"); expect("default-other")
save("dot", normalize=False, similarity_fn_name="dot"); expect("dot")
save("cosine", normalize=False, similarity_fn_name="cosine"); expect("cosine")
save("cls", pooling="cls"); expect("cls")
save("last-token", pooling="lasttoken"); expect("last-token")
save("prompt-left-out"); edit("prompt-left-out", "1_Pooling/config.json", include_prompt=False); expect("prompt-left-out")
save("processing"); edit("processing", "sentence_bert_config.json", processing_kwargs={"text": {"padding": "max_length"}})
expect("processing")

# sentence-transformers 6 saves an old folder with do_lower_case as Sequence[Lowercase, BertNormalizer].
save("old"); edit("old", "sentence_bert_config.json", do_lower_case=True); shutil.copytree(out / "old", out / "older")
edit("older", "tokenizer_config.json", do_lower_case=True)
normal = json.loads((out / "older/tokenizer.json").read_text())
SentenceTransformer(str(out / "older"), device="cpu").save_pretrained(str(out / "lowercase-sequence"))
(out / "lowercase-sequence/README.md").unlink()
tokenizer = json.loads((out / "lowercase-sequence/tokenizer.json").read_text())
if tokenizer["normalizer"]["type"] != "Sequence":
    tokenizer["normalizer"] = {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, normal["normalizer"]]}
    (out / "lowercase-sequence/tokenizer.json").write_text(json.dumps(tokenizer, indent=1, ensure_ascii=False))
expect("lowercase-sequence")
for name in ["old", "older"]: shutil.rmtree(out / name)


def adapter(name, **options):
    torch.manual_seed(1)
    adapted = get_peft_model(AutoModel.from_pretrained(base), LoraConfig(r=2, lora_alpha=4, **options)).eval()
    with torch.no_grad():
        for parameter_name, parameter in adapted.named_parameters():
            if "lora_B" in parameter_name: parameter.copy_(torch.randn_like(parameter) * 0.1)
    folder = out / name
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    edit(name, "adapter_config.json", base_model_name_or_path="base")
    tokenize = AutoTokenizer.from_pretrained(base)
    with torch.no_grad():
        mean = lambda t: torch.nn.functional.normalize(
            adapted(**tokenize(t, return_tensors="pt")).last_hidden_state[0].mean(0), dim=0).tolist()
        write(name, {side: [mean(t) for t in each] for side, each in texts.items()})


adapter("adapter-all-linear", target_modules="all-linear")
adapter("adapter-rank-stabilised", target_modules=["query", "output.dense"], use_rslora=True)
adapter("adapter-orthogonal", target_modules=["value", "dense"], exclude_modules=["intermediate.dense"],
        init_lora_weights="orthogonal")

shutil.rmtree(base)
for folder in sorted(out.iterdir()):
    if folder.name in ("plain", "texts.json"): continue
    for path in sorted(folder.rglob("*")):
        twin = out / "plain" / path.relative_to(folder)
        if path.is_file() and twin.exists() and filecmp.cmp(path, twin, shallow=False): path.unlink()
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()): path.rmdir()
