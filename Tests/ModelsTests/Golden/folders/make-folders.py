"""Makes the model folders beside this file, as sentence-transformers, transformers and PEFT save them; PROVENANCE.md says
with which versions. Each has expected.json: texts, their ids and vectors by the maker itself.

    OLDEST/bin/python make-folders.py        # sentence-transformers 3.0.1, transformers 4.57.6
    OLD/bin/python make-folders.py           # sentence-transformers 5.7.0, transformers 4.57.6
    NEW/bin/python make-folders.py           # sentence-transformers 6.2.0, transformers 5.24.0, peft 0.21.2
    NEW/bin/python make-folders.py --only NAME…
    NEW/bin/python make-folders.py --check-bad   # applies bad.json's recipes to copies and says what the makers do with them

Each environment makes the cases that are its own; the oldest go first, as later ones are made of some of them.
"""
import argparse, hashlib, io, json, math, os, shutil, struct, tempfile, traceback, warnings
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false")
warnings.filterwarnings("ignore")
import sentence_transformers, tokenizers, torch, transformers
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

torch.set_num_threads(1)
HERE = Path(__file__).parent
AGE = {"3": "oldest", "5": "old", "6": "new"}[sentence_transformers.__version__.split(".")[0]]

LONG = "the green tea in the black pot is what people drink in the morning and the black tea in the green pot is for noon "
TEXTS = {
    "query": ["which tea is green?", "Café crème 🙂", "", "Naïve TEAPOT, 東京", LONG * 2 + "?"],
    "document": ["Green tea is a drink made from leaves.", "  two   spaces\tand a tab\n", "",
                 "ﬁne Ｔea … 🙂🙂 cafe\u0301", LONG * 3],
}
CORPUS = ["green tea is a drink made from leaves", "the black teapot and the green cup", "which tea is green",
          "what people drink in the morning is tea", "the finest café in the town", "query passage document search result",
          "two spaces and a tab", LONG] * 2

CASES = {}


def case(age):
    """Registers a function that fills the folder of its own name."""
    def register(function):
        CASES[function.__name__.replace("_", "-")] = (age, function)
        return function
    return register


# ---- weights ---------------------------------------------------------------------------------------------------------

def randomised(model, seed):
    """Random weights in which every tensor counts: gains around 1 (Gemma's around 0), biases that are not 0."""
    generator = torch.Generator().manual_seed(seed)
    gemma = "gemma" in model.config.model_type
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            value = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1: value *= 0.3
            elif name.endswith("norm.weight") or "LayerNorm.weight" in name: value = value * 0.2 + (0 if gemma else 1)
            else: value *= 0.2
            parameter.copy_(value)
    return model.eval()


def bert(seed, **options):
    from transformers import BertConfig, BertModel
    options = dict(vocab_size=len(WORDPIECES), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                   intermediate_size=24, max_position_embeddings=40, layer_norm_eps=1e-5) | options
    return randomised(BertModel(BertConfig(**options)), seed)


DECODER = dict(vocab_size=296, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
               head_dim=8, intermediate_size=24, rms_norm_eps=1e-5, max_position_embeddings=128, rope_theta=5000.0,
               tie_word_embeddings=True, bos_token_id=None)


def decoder(kind, head, seed, **options):
    """Qwen3Model, LlamaForCausalLM, …"""
    fields = {name: value for name, value in (DECODER | options).items() if value != "absent"}
    config = getattr(transformers, kind + "Config")(**fields)
    return randomised(getattr(transformers, kind + head)(config), seed)


MODERN_BERT = dict(begin="[CLS]", end="[SEP]", cls_token="[CLS]", sep_token="[SEP]", model_max_length=40)


def modern_bert(seed):
    return randomised(transformers.ModernBertModel(transformers.ModernBertConfig(
        vocab_size=296, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=12,
        max_position_embeddings=64, global_attn_every_n_layers=2, local_attention=6, pad_token_id=290, bos_token_id=288,
        eos_token_id=289, cls_token_id=288, sep_token_id=289)), seed)


# ---- tokenizers ------------------------------------------------------------------------------------------------------

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDPIECES = (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list(LETTERS) + ["##" + c for c in LETTERS]
              + list("0123456789.,:;?!-'|é京") + sorted({w for line in CORPUS for w in line.split() if len(w) > 1})
              + ["##pot", "##est", "te", "sea"])


def wordpiece(folder, **options):
    """A BertTokenizer in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if AGE == "new":
        tokenizer = transformers.BertTokenizer(vocab={w: i for i, w in enumerate(WORDPIECES)}, **options)
    else:
        (folder / "vocab.txt").write_text("".join(w + "\n" for w in WORDPIECES))
        tokenizer = transformers.BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), **options)
    tokenizer.save_pretrained(folder)


def byte_pairs(specials):
    """Vocabulary and merges of a byte-level BPE; the specials stand behind it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(CORPUS, trainers.BpeTrainer(
        vocab_size=288, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    vocabulary = dict(sorted(model["vocab"].items(), key=lambda item: item[1]))
    vocabulary |= {special: len(vocabulary) + i for i, special in enumerate(specials)}
    return vocabulary, [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in model["merges"]]


def byte_level(folder, begin=None, end=None, **options):
    """A PreTrainedTokenizerFast of a byte-level BPE with a template, as Llama 3 and ModernBERT have it."""
    specials = [token for token in (begin, end, "<pad>") if token]
    vocabulary, merges = byte_pairs(specials)
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    template = ([begin] if begin else []) + ["$A"] + ([end] if end else [])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join(template), special_tokens=[(t, vocabulary[t]) for t in (begin, end) if t])
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", **options).save_pretrained(folder)


def qwen(folder, **options):
    """A Qwen2Tokenizer that ends every text with <|endoftext|>, as Qwen3-Embedding's tokenizer.json does it."""
    vocabulary, merges = byte_pairs(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer = transformers.Qwen2Tokenizer(
        vocab=vocabulary, merges=merges, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"], **options)
    tokenizer.save_pretrained(folder)
    edit(folder / "tokenizer.json", post_processor={"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        {"type": "TemplateProcessing", "single": [
            {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}},
                  {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "<|endoftext|>", "type_id": 1}}],
         "special_tokens": {"<|endoftext|>": {
             "id": "<|endoftext|>", "ids": [vocabulary["<|endoftext|>"]], "tokens": ["<|endoftext|>"]}}}]})


def gemma(folder, **options):
    """A GemmaTokenizer with byte fallback that puts <bos> and <eos> around every text, as EmbeddingGemma's does."""
    vocabulary = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    vocabulary += ["▁"] + list(LETTERS) + list(":|,?.é")
    merges = [("▁", "t"), ("e", "a"), ("▁t", "ea"), ("e", "n"), ("r", "e"), ("▁", "g"), ("▁g", "re"), ("▁gre", "en"),
              ("t", "h"), ("▁", "th")]
    for a, b in merges:
        if a + b not in vocabulary: vocabulary.append(a + b)
    tokenizer = transformers.GemmaTokenizer(
        vocab={w: i for i, w in enumerate(vocabulary)}, merges=merges, add_bos_token=True,
        add_eos_token=True, **options)
    tokenizer.save_pretrained(folder)
    return len(vocabulary)


# What SentencePiece's normaliser replaces; the real table of XLM-R has 240 KB.
REPLACED = {"Ａ": "A", "Ｔ": "T", "ﬁ": "fi", "\u3000": " ", "\t": " ", "\n": " ", "\r\n": " ", "e\u0301": "é", "…": "...",
            "\u200b": ""}


def unigram(folder, **options):
    """The SentencePiece file that transformers 4 makes an XLM-RoBERTa tokenizer of."""
    import sentencepiece
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        points = lambda text: " ".join(f"{ord(c):X}" for c in text)
        rules.write("".join(f"{points(a)}\t{points(b)}\n" for a, b in REPLACED.items()))
        rules.flush()
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS + [LETTERS, ":|,?."]), model_writer=model, vocab_size=110, model_type="unigram",
            normalization_rule_tsv=rules.name, hard_vocab_limit=False, minloglevel=2)
    # The file itself names the rules' path: only the tokenizer.json made of it is kept.
    path = folder / "sentencepiece.bpe.model"
    path.write_bytes(model.getvalue())
    tokenizer = transformers.XLMRobertaTokenizerFast(vocab_file=str(path), **options)
    tokenizer.save_pretrained(folder)
    path.unlink()
    return len(tokenizer)


# ---- files -----------------------------------------------------------------------------------------------------------

def edit(path, remove=(), **fields):
    value = json.loads(path.read_text())
    value.update(fields)
    for field in remove: del value[field]
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def seal(adapter, base):
    """Names the base by its folder here, and orders what PEFT writes in the order of a set."""
    path = adapter / "adapter_config.json"
    targets = json.loads(path.read_text())["target_modules"]
    edit(path, base_model_name_or_path=base, target_modules=sorted(targets) if isinstance(targets, list) else targets)


def modules():
    """Transformer, Pooling, Normalize, Dense, LayerNorm of the release at hand."""
    if AGE == "oldest":
        from sentence_transformers.models import Dense, LayerNorm, Normalize, Pooling, Transformer
    else:
        from sentence_transformers.base.modules import Dense, Transformer
        from sentence_transformers.sentence_transformer.modules import LayerNorm, Pooling
        try: from sentence_transformers.base.modules import Normalize
        except ImportError: from sentence_transformers.sentence_transformer.modules import Normalize
    return Transformer, Pooling, Normalize, Dense, LayerNorm


def save(folder, model, tokenizer, behind, dtype=None, transformer={}, tokens=dict(model_max_length=24), **options):
    """Saves Transformer and what `behind(width)` gives as a sentence-transformers folder."""
    with tempfile.TemporaryDirectory() as temporary:
        base = Path(temporary)
        tokenizer(base, **tokens)
        model.to(dtype or torch.float32).save_pretrained(base)
        parts = [modules()[0](str(base), **transformer)] + behind(model.config.hidden_size)
        whole = SentenceTransformer(modules=parts, device="cpu", **options)
        if dtype: whole.to(dtype)
        whole.save(str(folder))
    for useless in ["README.md", "training_args.bin"]: (folder / useless).unlink(missing_ok=True)


def counted(module, seed):
    """A Dense or LayerNorm whose parameters are random."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            value = torch.randn(parameter.shape, generator=generator) * 0.4
            parameter.copy_(value + 1 if "norm.weight" in name else value)
    return module


# ---- what is expected ------------------------------------------------------------------------------------------------

def versions(*more):
    known = {"sentence-transformers": sentence_transformers, "transformers": transformers, "torch": torch,
             "tokenizers": tokenizers}
    return {name: module.__version__.split("+")[0] for name, module in known.items()} | dict(more)


def write(folder, ids, vectors, maker, **more):
    rounded = {role: [[float(f"{x:.8g}") for x in row] for row in rows] for role, rows in vectors.items()}
    value = {"maker": maker, **more, "texts": TEXTS, "ids": ids, "vectors": rounded}
    lines = json.dumps(value, ensure_ascii=True)
    (folder / "expected.json").write_text(lines.replace('], [', '],\n[').replace('], "', '],\n"') + "\n")


def expect_sentence_transformers(folder, maker=None, **more):
    """What encode_query and encode_document give for each text alone, in float32."""
    name = "torch_dtype" if AGE != "new" else "dtype"
    options = {"model_kwargs": {name: torch.float32, "attn_implementation": "eager"}} if AGE != "oldest" else {}
    model = SentenceTransformer(str(folder), device="cpu", **options).float()
    inner = next(m for m in model.modules() if isinstance(m, transformers.PreTrainedModel))
    seen = []
    # sentence-transformers calls forward itself, past the model's own hooks.
    inner.get_input_embeddings().register_forward_pre_hook(lambda module, args: seen.append(args[0][0].tolist()))
    encode = {"query": getattr(model, "encode_query", model.encode),
              "document": getattr(model, "encode_document", model.encode)}
    ids, vectors = {}, {}
    for role, texts in TEXTS.items():
        # A prompt that is left out of pooling is tokenized by itself, once a prompt: that call must not count.
        vectors[role], ids[role] = [], []
        for text in texts:
            seen.clear()
            vectors[role].append(encode[role]([text], show_progress_bar=False)[0].tolist())
            ids[role].append(seen[-1])
    write(folder, ids, vectors, maker or versions(), how="sentence-transformers", **more)


def pooled(hidden, how):
    vector = {"mean": lambda: hidden.mean(0), "cls": lambda: hidden[0], "last": lambda: hidden[-1]}[how["pooling"]]()
    return torch.nn.functional.normalize(vector, dim=0) if how["normalize"] else vector


def expect_loop(folder, run, tokenizer, how, maker=None, **more):
    """What `run(ids)` gives, pooled and normalised as `how` says: no file of the folder says it."""
    ids, vectors = {}, {}
    for role, texts in TEXTS.items():
        ids[role] = [tokenizer(t, truncation=True, max_length=how["max_length"])["input_ids"] for t in texts]
        with torch.no_grad():
            vectors[role] = [pooled(run(torch.tensor([row])).float()[0], how).tolist() for row in ids[role]]
    write(folder, ids, vectors, maker or versions(), how=how, **more)


def expect_transformers(folder, how):
    model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    expect_loop(folder, lambda ids: model(input_ids=ids).last_hidden_state,
                transformers.AutoTokenizer.from_pretrained(folder), how)


# ---- sentence-transformers 3 and 5, transformers 4 -------------------------------------------------------------------

@case("oldest")
def st3_legacy_types(folder):
    """Types of the first age, pooling as booleans, the limit in sentence_bert_config.json alone."""
    _, Pooling, Normalize, _, _ = modules()
    save(folder, bert(1), wordpiece, lambda width: [Pooling(width, pooling_mode="mean"), Normalize()],
         transformer={"max_seq_length": 12})
    expect_sentence_transformers(folder)


@case("oldest")
def st3_legacy_three_poolings(folder):
    """Three booleans: concatenated as cls, mean, last whatever the order of the fields; no limit is lower than the model's."""
    _, Pooling, _, Dense, _ = modules()
    save(folder, bert(2), wordpiece, lambda width: [
        Pooling(width, pooling_mode_lasttoken=True, pooling_mode_mean_tokens=True, pooling_mode_cls_token=True),
        counted(Dense(48, 8), 3)])
    expect_sentence_transformers(folder)


@case("old")
def st5_bert_mean_normalize(folder):
    _, Pooling, Normalize, _, _ = modules()
    save(folder, bert(4), wordpiece, lambda width: [Pooling(width, "mean"), Normalize()])
    expect_sentence_transformers(folder)


@case("old")
def st5_bert_mean_max_f16(folder):
    """Two modes concatenated (the maximum stands first only in the old form); weights in float16."""
    _, Pooling, _, _, _ = modules()
    save(folder, bert(5), wordpiece, lambda width: [Pooling(width, ("mean", "max"))], dtype=torch.float16)
    expect_sentence_transformers(folder)


@case("old")
def st5_bert_mean_sqrt_len(folder):
    _, Pooling, _, _, _ = modules()
    save(folder, bert(6), wordpiece, lambda width: [Pooling(width, "mean_sqrt_len_tokens")], similarity_fn_name="dot")
    expect_sentence_transformers(folder)


@case("old")
def st5_llama_weightedmean(folder):
    """A decoder; its weights count up from the first token, <|begin_of_text|>."""
    _, Pooling, _, _, _ = modules()
    save(folder, decoder("Llama", "Model", 7), byte_level, lambda width: [Pooling(width, "weightedmean")],
         tokens=dict(begin="<|begin_of_text|>", bos_token="<|begin_of_text|>", model_max_length=40))
    expect_sentence_transformers(folder)


@case("old")
def st5_xlmr_unigram_cls(folder):
    """bge-m3's form: Unigram behind a Precompiled normaliser, CLS, Normalize."""
    _, Pooling, Normalize, _, _ = modules()
    with tempfile.TemporaryDirectory() as temporary: count = unigram(Path(temporary))
    model = randomised(transformers.XLMRobertaModel(transformers.XLMRobertaConfig(
        vocab_size=count, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=42, type_vocab_size=1, layer_norm_eps=1e-5)), 8)
    save(folder, model, unigram, lambda width: [Pooling(width, "cls"), Normalize()], tokens=dict(model_max_length=40))
    expect_sentence_transformers(folder)


@case("old")
def t4_mpnet_prefix(folder):
    """MPNetForMaskedLM of transformers 4: `mpnet.` before the names, a head that no encoder uses, no modules.json."""
    words = ["<s>", "<pad>", "</s>", "<unk>"] + WORDPIECES[5:] + ["[UNK]", "<mask>"]
    folder.mkdir()
    (folder / "vocab.txt").write_text("".join(w + "\n" for w in words))
    transformers.MPNetTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=24).save_pretrained(folder)
    randomised(transformers.MPNetForMaskedLM(transformers.MPNetConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
        max_position_embeddings=42, layer_norm_eps=1e-5)), 9).save_pretrained(folder)
    expect_transformers(folder, {"pooling": "mean", "normalize": True, "max_length": 24})


@case("old")
def t4_roberta_sharded(folder):
    """Shards of 6 KB and their index; `roberta.` before the names."""
    byte_level(folder, "<s>", "</s>", bos_token="<s>", eos_token="</s>", model_max_length=40)
    randomised(transformers.RobertaForMaskedLM(transformers.RobertaConfig(
        vocab_size=296, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, pad_token_id=3,
        max_position_embeddings=48, type_vocab_size=1, layer_norm_eps=1e-5)), 10).save_pretrained(
            folder, max_shard_size="20KB")
    expect_transformers(folder, {"pooling": "mean", "normalize": False, "max_length": 40})


@case("old")
def t4_modernbert(folder):
    """As transformers 4 writes it: global_rope_theta, local_rope_theta, global_attn_every_n_layers; float16."""
    byte_level(folder, **MODERN_BERT)
    modern_bert(42).half().save_pretrained(folder)
    expect_transformers(folder, {"pooling": "mean", "normalize": True, "max_length": 40})


@case("old")
def st5_adapter_in_root(folder):
    """A sentence-transformers model with an adapter saves the adapter alone, beside modules.json. Made by the old ones:
    add_adapter of transformers 5.24 wants PEFT 0.22."""
    import peft
    _, Pooling, Normalize, _, _ = modules()
    model = SentenceTransformer(modules=[modules()[0](str(HERE / "st5-bert-mean-normalize")), Pooling(16, "cls"), Normalize()],
                                device="cpu")
    model.add_adapter(lora(target_modules=["query", "value"]))
    torch.manual_seed(61)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name: parameter.copy_(torch.randn(parameter.shape) * 0.2)
    model.save_pretrained(str(folder))
    (folder / "README.md").unlink(missing_ok=True)
    here = os.getcwd()
    os.chdir(HERE)
    seal(folder, "st5-bert-mean-normalize")
    expect_sentence_transformers(folder, versions(("peft", peft.__version__)), base="st5-bert-mean-normalize")
    os.chdir(here)


# ---- sentence-transformers 6, transformers 5 -------------------------------------------------------------------------

@case("new")
def st6_bert_cls_prompts(folder):
    """default_prompt_name acts on neither role; the document prompt is the empty one."""
    _, Pooling, Normalize, _, _ = modules()
    save(folder, bert(20), wordpiece, lambda width: [Pooling(width, "cls"), Normalize()],
         prompts={"query": "query: ", "passage": "passage: ", "search": "search result | "}, default_prompt_name="search")
    expect_sentence_transformers(folder)


@case("new")
def st6_bert_all_poolings(folder):
    """All six modes, in an order of their own, which is kept; float16."""
    _, Pooling, _, _, _ = modules()
    save(folder, bert(21), wordpiece, lambda width: [Pooling(
        width, ("lasttoken", "mean", "weightedmean", "cls", "mean_sqrt_len_tokens", "max"))], dtype=torch.float16)
    expect_sentence_transformers(folder)


@case("new")
def st6_bert_include_prompt_false(folder):
    """The tokens of the prompt, [CLS] among them, are seen by attention but not by the mean."""
    _, Pooling, _, _, _ = modules()
    save(folder, bert(22), wordpiece, lambda width: [Pooling(width, "mean", include_prompt=False)],
         prompts={"query": "query: ", "document": "search result | "})
    expect_sentence_transformers(folder)


@case("new")
def st6_bert_truncate_dim(folder):
    """Cut behind Normalize: the rows are shorter than 1."""
    _, Pooling, Normalize, _, _ = modules()
    save(folder, bert(23), wordpiece, lambda width: [Pooling(width, "mean"), Normalize()], truncate_dim=6,
         dtype=torch.float16)
    expect_sentence_transformers(folder)


@case("new")
def st6_bert_dense_tanh(folder):
    """Everything in bfloat16, the Dense too."""
    _, Pooling, _, Dense, _ = modules()
    save(folder, bert(24), wordpiece, lambda width: [Pooling(width, "mean"), counted(Dense(width, 24), 25)],
         dtype=torch.bfloat16)
    expect_sentence_transformers(folder)


@case("new")
def st6_bert_dense_residual(folder):
    """Dense with GELU and a residual of another width (its own weight), then one of the same width (none)."""
    _, Pooling, _, Dense, _ = modules()
    save(folder, bert(26), wordpiece, lambda width: [
        Pooling(width, "mean"),
        counted(Dense(width, 12, activation_function=torch.nn.GELU(), use_residual=True), 27),
        counted(Dense(12, 12, bias=False, activation_function=torch.nn.ReLU(), use_residual=True), 28)],
         dtype=torch.float16)
    expect_sentence_transformers(folder)


@case("new")
def st6_bert_layer_norm(folder):
    _, Pooling, _, _, LayerNorm = modules()
    save(folder, bert(29), wordpiece, lambda width: [Pooling(width, "mean"), counted(LayerNorm(width), 30)],
         dtype=torch.float16)
    expect_sentence_transformers(folder)


@case("new")
def st6_bert_dense_on_tokens(folder):
    """A Dense on the token embeddings, before the pooling."""
    _, Pooling, _, Dense, _ = modules()
    save(folder, bert(31), wordpiece, lambda width: [
        counted(Dense(width, 8, module_input_name="token_embeddings"), 32), Pooling(8, "max")], dtype=torch.float16)
    expect_sentence_transformers(folder)


@case("new")
def st6_qwen3_last_instruction(folder):
    """Qwen3-Embedding's form: instruction for queries, end token by the tokenizer, last token, Normalize."""
    _, Pooling, Normalize, _, _ = modules()
    save(folder, decoder("Qwen3", "Model", 33), qwen, lambda width: [Pooling(width, "lasttoken"), Normalize()],
         tokens=dict(model_max_length=64, padding_side="left"), similarity_fn_name="cosine",
         prompts={"query": "Instruct: find tea\nQuery:", "document": ""})
    expect_sentence_transformers(folder)


@case("new")
def st6_qwen2_mean_sqrt_len(folder):
    """Qwen2: biases of q, k and v that no field names; float16."""
    _, Pooling, _, _, _ = modules()
    save(folder, decoder("Qwen2", "Model", 34, head_dim="absent"), qwen, lambda width: [
        Pooling(width, "mean_sqrt_len_tokens")], tokens=dict(model_max_length=40), dtype=torch.float16)
    expect_sentence_transformers(folder)


@case("new")
def st6_gemma3_dense_normalize(folder):
    """EmbeddingGemma's form: bidirectional Gemma 3, mean, two Dense without bias or activation, Normalize."""
    _, Pooling, Normalize, Dense, _ = modules()
    with tempfile.TemporaryDirectory() as temporary: count = gemma(Path(temporary))
    model = randomised(transformers.Gemma3TextModel(transformers.Gemma3TextConfig(
        vocab_size=count, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, num_key_value_heads=1, head_dim=8,
        intermediate_size=24, query_pre_attn_scalar=9, rms_norm_eps=1e-5, max_position_embeddings=128, sliding_window=8,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"], use_bidirectional_attention=True,
        pad_token_id=0, eos_token_id=1, bos_token_id=2)), 35)
    linear = dict(bias=False, activation_function=torch.nn.Identity())
    save(folder, model, gemma, lambda width: [
        Pooling(width, "mean"), counted(Dense(width, 24, **linear), 36), counted(Dense(24, width, **linear), 37),
        Normalize()], tokens=dict(model_max_length=64), similarity_fn_name="cosine", prompts={
            "query": "task: search result | query: ", "document": "title: none | text: ",
            "Clustering": "task: clustering | query: "})
    expect_sentence_transformers(folder)


@case("new")
def st6_modernbert_cls(folder):
    """As transformers 5 writes it: layer_types, rope_parameters by layer type."""
    _, Pooling, Normalize, _, _ = modules()
    save(folder, modern_bert(38), byte_level, lambda width: [Pooling(width, "cls"), Normalize()], tokens=MODERN_BERT,
         dtype=torch.float16,
         prompts={"query": "search_query: ", "document": "search_document: "})
    expect_sentence_transformers(folder)


@case("new")
def st6_xlmr_of_st5(folder):
    """e5's form, loaded from what transformers 4 wrote and saved again by 5: mean, two prompts."""
    _, Pooling, Normalize, _, _ = modules()
    old = HERE / "st5-xlmr-unigram-cls"
    model = transformers.AutoModel.from_pretrained(old)
    reload = lambda folder: transformers.AutoTokenizer.from_pretrained(old).save_pretrained(folder)
    save(folder, model, reload, lambda width: [Pooling(width, "mean"), Normalize()], tokens={},
         prompts={"query": "query: ", "document": "passage: "})
    expect_sentence_transformers(folder)


@case("new")
def st6_of_st3(folder):
    """What sentence-transformers 3 wrote, loaded and saved again by 6."""
    SentenceTransformer(str(HERE / "st3-legacy-types"), device="cpu").save_pretrained(str(folder))
    (folder / "README.md").unlink()
    expect_sentence_transformers(folder)


@case("new")
def t5_bert_sharded(folder):
    wordpiece(folder, model_max_length=24)
    bert(39).save_pretrained(folder, max_shard_size="12KB")
    expect_transformers(folder, {"pooling": "cls", "normalize": False, "max_length": 24})


@case("new")
def t5_llama_bf16(folder):
    """bfloat16 on disk, computed in float32; `model.` before the names and an lm_head that no encoder uses."""
    byte_level(folder, "<|begin_of_text|>", bos_token="<|begin_of_text|>", model_max_length=40)
    decoder("Llama", "ForCausalLM", 40, tie_word_embeddings=False, attention_bias=True, mlp_bias=True).to(
        torch.bfloat16).save_pretrained(folder)
    expect_transformers(folder, {"pooling": "last", "normalize": True, "max_length": 40})


@case("new")
def t5_mistral_window(folder):
    byte_level(folder, "<s>", bos_token="<s>", model_max_length=40)
    decoder("Mistral", "Model", 41, sliding_window=4).half().save_pretrained(folder)
    expect_transformers(folder, {"pooling": "last", "normalize": False, "max_length": 40})


# ---- PEFT ------------------------------------------------------------------------------------------------------------

HOW = {"pooling": "last", "normalize": False, "max_length": 40}


@case("new")
def base_qwen3(folder):
    qwen(folder, model_max_length=40)
    decoder("Qwen3", "ForCausalLM", 50).save_pretrained(folder)
    expect_transformers(folder, HOW)


@case("new")
def base_bert(folder):
    wordpiece(folder, model_max_length=24)
    bert(51).save_pretrained(folder)
    expect_transformers(folder, HOW | {"pooling": "mean", "max_length": 24})


@case("new")
def base_llama_bf16(folder):
    byte_level(folder, "<|begin_of_text|>", bos_token="<|begin_of_text|>", model_max_length=40)
    decoder("Llama", "Model", 52).to(torch.bfloat16).save_pretrained(folder)
    expect_transformers(folder, HOW)


# The class that an adapter was trained on, and where the encoder stands in it.
TASKS = {None: (transformers.AutoModel, None), "causal": (transformers.AutoModelForCausalLM, "model"),
         "masked": (transformers.AutoModelForMaskedLM, "bert")}


def adapted(folder, base, config, task=None, seed=60, merged=False):
    """An adapter whose every tensor counts, saved by PEFT, loaded again, and run unmerged in float32."""
    import peft
    kind = TASKS[task][0]
    load = lambda dtype: kind.from_pretrained(HERE / base, dtype=dtype, attn_implementation="eager")
    torch.manual_seed(seed)
    stored = torch.bfloat16 if base.endswith("bf16") else torch.float32
    model = peft.get_peft_model(load(stored), config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not parameter.requires_grad: continue
            noise = torch.randn(parameter.shape)
            if "lora_" in name and "magnitude" not in name: parameter.copy_(noise * 0.2)
            else: parameter.add_((noise * 0.1).to(parameter.dtype))
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    seal(folder, base)
    more = {}
    if merged:
        whole = peft.PeftModel.from_pretrained(load(stored), folder).merge_and_unload().state_dict()
        before = load(stored).state_dict()
        more["merged"] = {name: {
            "dtype": str(tensor.dtype).split(".")[-1], "shape": list(tensor.shape),
            "sha256": hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest(),
            "first": tensor.flatten()[:6].float().tolist(),
        } for name, tensor in whole.items() if not torch.equal(tensor, before[name])}
    expect_adapted(folder, HERE / base, task, **more)


def expect_adapted(folder, base, task=None, **more):
    """What PEFT's unmerged model gives in float32."""
    import peft
    kind, inside = TASKS[task]
    model = kind.from_pretrained(base, dtype=torch.float32, attn_implementation="eager")
    inner = peft.PeftModel.from_pretrained(model, folder).eval().base_model.model
    if inside: inner = getattr(inner, inside)
    expect_loop(folder, lambda ids: inner(input_ids=ids).last_hidden_state,
                transformers.AutoTokenizer.from_pretrained(base), json.loads((base / "expected.json").read_text())["how"],
                versions(("peft", peft.__version__)), base=base.name, **more)


def lora(**options):
    import peft
    return peft.LoraConfig(**dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj", "down_proj"]) | options)


@case("new")
def peft_lora_on_base_class(folder):
    """base_model.model.layers…: trained on AutoModel, though the base's file says model.layers…"""
    adapted(folder, "base-qwen3", lora())


@case("new")
def peft_lora_on_causal_lm(folder):
    """base_model.model.model.layers…: trained on the class with the head."""
    adapted(folder, "base-qwen3", lora(task_type="CAUSAL_LM"), task="causal")


@case("new")
def peft_lora_on_masked_lm(folder):
    """base_model.model.bert.encoder…: the base's file has no `bert.`"""
    adapted(folder, "base-bert", lora(target_modules=["value", "intermediate.dense"]), task="masked")


@case("new")
def peft_rslora(folder): adapted(folder, "base-qwen3", lora(use_rslora=True, r=3))


@case("new")
def peft_dora(folder): adapted(folder, "base-qwen3", lora(use_dora=True))


@case("new")
def peft_patterns(folder):
    """A rank and an alpha for modules by pattern; one pattern is a path, one a regular expression."""
    adapted(folder, "base-qwen3", lora(
        rank_pattern={"layers.1.self_attn.q_proj": 3, "down_proj": 1}, alpha_pattern={r"layers\.0\..*v_proj": 16}))


@case("new")
def peft_rslora_patterns(folder):
    """rslora divides by the root of each module's own rank."""
    adapted(folder, "base-qwen3", lora(use_rslora=True, rank_pattern={"v_proj": 4}, alpha_pattern={"q_proj": 3}))


@case("new")
def peft_regex_targets(folder):
    """target_modules is a string: a regular expression that must match the whole name."""
    adapted(folder, "base-qwen3", lora(target_modules=r".*\.1\.(self_attn\.[qk]_proj|mlp\.(up|gate)_proj)"))


@case("new")
def peft_layers_to_transform(folder):
    adapted(folder, "base-qwen3", lora(layers_to_transform=[1], layers_pattern="layers"))


@case("new")
def peft_modules_to_save(folder):
    """The name `norm` is looked for as the end of a name: q_norm, k_norm and both norms of the layers match too."""
    adapted(folder, "base-qwen3", lora(modules_to_save=["norm"]))


@case("new")
def peft_embedding(folder):
    """lora_embedding_A and lora_embedding_B; PEFT saves the whole embedding beside them."""
    adapted(folder, "base-qwen3", lora(target_modules=["embed_tokens", "o_proj"]))


@case("new")
def peft_trainable_tokens(folder):
    adapted(folder, "base-qwen3", lora(trainable_token_indices={"embed_tokens": [288, 290, 101]}))


@case("new")
def peft_bias_lora_only(folder):
    """The biases of the adapted layers are trained: the adapter's replace the base's."""
    adapted(folder, "base-bert", lora(target_modules=["query", "output.dense"], bias="lora_only"))


@case("new")
def peft_bias_all(folder):
    """All biases are trained, those of LayerNorm and of layers without an adapter too."""
    adapted(folder, "base-bert", lora(target_modules=["query"], bias="all"))


@case("new")
def peft_lora_bias(folder):
    """lora_B has a bias, which is scaled as B·A is."""
    adapted(folder, "base-bert", lora(target_modules=["query", "output.dense"], lora_bias=True))


@case("new")
def peft_target_parameters(folder):
    """Parameters by name instead of modules: two of one module are nested wrappers."""
    adapted(folder, "base-bert", lora(target_modules=[], target_parameters=["intermediate.dense.weight", "query.weight"]))


@case("new")
def peft_bf16_merged(folder):
    """A bfloat16 base, adapters in float32; `merged` has what merge_and_unload makes of the base's tensors."""
    adapted(folder, "base-llama-bf16", lora(target_modules=["q_proj", "k_proj", "o_proj"]), merged=True)


@case("new")
def peft_bf16_dora_merged(folder):
    adapted(folder, "base-llama-bf16", lora(target_modules=["v_proj", "gate_proj"], use_dora=True), merged=True)


# ---- bad ones --------------------------------------------------------------------------------------------------------

def tensors(path):
    """Header and data of a safetensors file."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + length]), data[8 + length:]


def write_tensors(path, header, data):
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def descend(value, path):
    """The container that the last part of a path stands in, and that part; numbers are indices of arrays."""
    *parents, last = path
    for part in parents: value = value[part]
    return value, last


def apply(step, root):
    """One step of a recipe, on the copy `root` of all folders."""
    path = root / step["file"]
    if "jsonSet" in step or "jsonRemove" in step:
        value = json.loads(path.read_text())
        for parts, new in step.get("jsonSet", []):
            container, last = descend(value, parts)
            container[last] = new
        for parts in step.get("jsonRemove", []):
            container, last = descend(value, parts)
            del container[last]
        path.write_text(json.dumps(value, ensure_ascii=False))
    elif "text" in step: path.write_text(step["text"])
    elif "remove" in step: path.unlink()
    elif "moveTo" in step:
        (root / step["moveTo"]).parent.mkdir(exist_ok=True)
        path.rename(root / step["moveTo"])
    elif "truncate" in step: path.write_bytes(path.read_bytes()[:-step["truncate"]])
    else:
        header, data = tensors(path)
        if "dropTensor" in step:
            # The hole is closed, as a file that never had the tensor has none.
            start, end = header.pop(step["dropTensor"])["data_offsets"]
            data = data[:start] + data[end:]
            for name, entry in header.items():
                if name == "__metadata__": continue
                entry["data_offsets"] = [o - (end - start) if o >= end else o for o in entry["data_offsets"]]
        elif "addTensor" in step:
            added = step["addTensor"]
            size = math.prod(added["shape"]) * {"F32": 4, "BF16": 2, "I64": 8}[added["dtype"]]
            header[added["name"]] = {"dtype": added["dtype"], "shape": added["shape"],
                                     "data_offsets": [len(data), len(data) + size]}
            data += bytes(size)
        elif "renameTensor" in step: header[step["renameTensor"]["to"]] = header.pop(step["renameTensor"]["from"])
        elif "reshapeTensor" in step: header[step["reshapeTensor"]["name"]]["shape"] = step["reshapeTensor"]["shape"]
        elif "retypeTensor" in step: header[step["retypeTensor"]["name"]]["dtype"] = step["retypeTensor"]["dtype"]
        elif "prefixTensors" in step:
            header = {n if n == "__metadata__" else step["prefixTensors"] + n: entry for n, entry in header.items()}
        elif "setFloat32" in step:
            entry = header[step["setFloat32"]["name"]]
            assert entry["dtype"] == "F32"
            at = entry["data_offsets"][0] + 4 * step["setFloat32"]["index"]
            data = data[:at] + bytes.fromhex(step["setFloat32"]["littleEndianHex"]) + data[at + 4:]
        else: raise SystemExit(f"no such step: {step}")
        write_tensors(path, header, data)


def mutated(recipe, root):
    """The folders of a recipe in `root`, with its steps applied."""
    for name in {recipe["folder"], *([recipe["adapter"]] if "adapter" in recipe else [])}:
        shutil.copytree(HERE / name, root / name)
    for step in recipe["steps"]: apply(step, root)
    return root / recipe["folder"], root / recipe["adapter"] if "adapter" in recipe else None


def check_bad():
    """That each recipe can be applied; what the makers say to the result (for information: tvt is stricter); and that the
    harmless ones give the makers' own vectors."""
    import peft
    recipes = json.loads((HERE / "bad.json").read_text())
    here = os.getcwd()
    for kind in ("refused", "harmless"):
        for recipe in recipes[kind]:
            with tempfile.TemporaryDirectory() as temporary:
                folder, adapter = mutated(recipe, Path(temporary))
                os.chdir(temporary)
                try:
                    if kind == "harmless":
                        target = adapter or folder
                        expected = json.loads((target / "expected.json").read_text())
                        if adapter: expect_adapted(adapter, folder)
                        elif expected["how"] == "sentence-transformers": expect_sentence_transformers(folder)
                        else: expect_transformers(folder, expected["how"])
                        got = json.loads((target / "expected.json").read_text())
                        worst = max(abs(a - b) for role in TEXTS for x, y in zip(
                            expected["vectors"][role], got["vectors"][role]) for a, b in zip(x, y))
                        said = f"differs by {worst:.1g}, ids {'equal' if expected['ids'] == got['ids'] else 'DIFFER'}"
                    elif adapter:
                        base = transformers.AutoModel.from_pretrained(folder)
                        peft.PeftModel.from_pretrained(base, adapter)(torch.tensor([[5, 6]]))
                        said = "loads"
                    else:
                        row = SentenceTransformer(str(folder), device="cpu").encode("green tea")
                        said = "loads" + (", NaN" if row[0] != row[0] else "")
                except Exception as error: said = f"{type(error).__name__}: {str(error).strip()[:110]!r}"
                finally: os.chdir(here)
                print(f"{kind} {recipe['name']}: {said}", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--only", nargs="+", metavar="NAME", help="these cases alone")
    arguments.add_argument("--check-bad", action="store_true")
    arguments = arguments.parse_args()
    if arguments.check_bad: return check_bad()
    for name, (age, make) in CASES.items():
        if age != AGE or arguments.only and name not in arguments.only: continue
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        try: make(folder)
        except Exception as error:
            traceback.print_exc()
            print(f"{name}: FAILED {type(error).__name__}"); continue
        print(f"{name}: {sum(f.stat().st_size for f in folder.rglob('*') if f.is_file()):,} bytes", flush=True)


main()
