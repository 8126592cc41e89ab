#!/usr/bin/env python3
"""Writes classes.json: tiny tokenizers of the classes that text models name, as transformers 4 and 5 save them, and the ids
that `AutoTokenizer` of both gives for a few texts.

    python4 make-classes.py save4 WORK       (transformers 4.57.6, tokenizers 0.22, sentencepiece 0.2)
    python5 make-classes.py save5 WORK       (transformers 5.24.0, tokenizers 0.23.3)
    python4 make-classes.py ids4 WORK
    python5 make-classes.py ids5 WORK
    python5 make-classes.py join WORK > classes.json

WORK is an empty folder. A case is a folder of WORK: `config.json` (its model_type), `tokenizer.json` and the files beside it.
"""

import io
import json
import pathlib
import shutil
import sys
import warnings

warnings.filterwarnings("ignore")

TEXTS = [
    "", " ", "a", "Hello world", " leading", "  two  spaces ", "trailing ", "Ünïcode naïve CAFÉ", "e\u0301 \u1E9B\u0323",
    "line\nbreak\r\n\ttab", "don't I'M we've 3.14 12345", "👍🏽 👩‍👩‍👧 🇩🇪", "日本語 中文。", "Привет, мир!",
    "a <mask> b", "<s>a</s> b</s>", "[CLS] x [MASK] y [SEP]", "<|endoftext|>x <|im_start|>", "<bos> a<eos>", "<unk><pad>",
    "a <|begin_of_text|> b", "▁a ▁ ▁▁b", "query: the the then", "\u00A0x\u2028y\u200Bz\u3000w", "ＡＢ ﬁ ½",
    "[UNK] A<MASK> </S>",
]

SENTENCES = [
    "the quick brown fox jumps over the lazy dog", "then there was the thing that they thought of", "query: what is a passage",
    "passage: a hello world leads in naive trailing spaces", "numbers 1 2 3 and the other things, don't they?",
] * 8


def word_pieces(specials):
    """A vocabulary of WordPiece: every letter, a few pieces."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
    other = list(".,:'!?<>[]|/_") + ["é", "É", "ï", "à", "м", "и", "р", "中", "文", "日", "½"]
    pieces = ["the", "hello", "Hello", "world", "lead", "##ing", "que", "##ry", "na", "two", "line", "cafe", "café"]
    return [*specials, *letters, *["##" + c for c in letters], *other, *pieces]


def byte_level(size):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(SENTENCES, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    state = json.loads(tokenizer.to_str())["model"]
    return sorted(state["vocab"], key=state["vocab"].get), [tuple(m) for m in state["merges"]]


def byte_level_files(folder, before, after=(), size=284):
    """vocab.json and merges.txt, with special tokens before and after the others."""
    tokens, merges = byte_level(size)
    folder.mkdir(parents=True)
    vocab = {t: i for i, t in enumerate([*before, *tokens, *after])}
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(m) for m in merges) + "\n")
    return dict(vocab_file=str(folder / "vocab.json"), merges_file=str(folder / "merges.txt"))


def sentence_piece(folder, kind, **options):
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(SENTENCES), model_writer=model, model_type=kind, hard_vocab_limit=False,
        character_coverage=1.0, minloglevel=2, num_threads=1, **options)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tokenizer.model"
    path.write_bytes(model.getvalue())
    return str(path)


def save(tokenizer, work, name, model_type, **changes):
    folder = work / name
    tokenizer.save_pretrained(str(folder), **({"legacy_format": False} if name.startswith("4-") else {}))
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    for other in folder.iterdir():
        if other.suffix != ".json":
            other.unlink()
    change(folder, **changes)


def change(folder, **changes):
    """Sets fields of tokenizer_config.json; `...` removes one."""
    path = folder / "tokenizer_config.json"
    fields = json.loads(path.read_text())
    for key, value in changes.items():
        if value is ...:
            fields.pop(key, None)
        else:
            fields[key] = value
    path.write_text(json.dumps(fields, ensure_ascii=False, indent=1))


def edit(folder, patch):
    """Applies `patch` to the parsed tokenizer.json."""
    path = folder / "tokenizer.json"
    fields = json.loads(path.read_text())
    patch(fields)
    path.write_text(json.dumps(fields, ensure_ascii=False))


def save4(work):
    import transformers as t
    from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    files = work / "files"
    files.mkdir(parents=True)
    for name, specials in {
        "bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], "mpnet": ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"],
    }.items():
        (files / f"{name}.txt").write_text("\n".join(word_pieces(specials)) + "\n")
    bert = str(files / "bert.txt")
    save(t.BertTokenizerFast(bert, model_max_length=512), work, "4-bert", "bert")
    save(t.BertTokenizerFast(bert, do_lower_case=False), work, "4-bert-cased", "bert")
    save(t.BertTokenizerFast(bert, tokenize_chinese_chars=False, strip_accents=False), work, "4-bert-flags", "bert")
    save(t.DistilBertTokenizerFast(bert), work, "4-distilbert", "distilbert")
    save(t.MPNetTokenizerFast(str(files / "mpnet.txt")), work, "4-mpnet", "mpnet")

    roberta = byte_level_files(files / "roberta", ["<s>", "<pad>", "</s>", "<unk>"], ["<mask>"])
    save(t.RobertaTokenizerFast(**roberta), work, "4-roberta", "roberta")
    save(t.RobertaTokenizerFast(**roberta, add_prefix_space=True, trim_offsets=False), work, "4-roberta-space", "roberta")
    gpt2 = byte_level_files(files / "gpt2", [], ["<|endoftext|>"])
    save(t.GPT2TokenizerFast(**gpt2), work, "4-gpt2", "gpt2")
    qwen = t.Qwen2TokenizerFast(
        **byte_level_files(files / "qwen2", [], size=280), additional_special_tokens=["<|im_start|>", "<|im_end|>"])
    save(qwen, work, "4-qwen2", "qwen2", add_bos_token=False, add_prefix_space=False, errors="replace", bos_token=None,
         split_special_tokens=False, unk_token=None, chat_template="{{ messages }}")
    # As Qwen3-Embedding: the end token stands in the post-processor, the class knows nothing of it.
    shutil.copytree(work / "4-qwen2", work / "4-qwen3-end")
    (work / "4-qwen3-end/config.json").write_text('{"model_type": "qwen3"}')
    end = qwen.convert_tokens_to_ids("<|endoftext|>")
    edit(work / "4-qwen3-end", lambda f: f.update(post_processor={"type": "Sequence", "processors": [
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False},
        {"type": "TemplateProcessing", "single": [
            {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}],
         "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
         "special_tokens": {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [end], "tokens": ["<|endoftext|>"]}}}]}))

    xlmr = sentence_piece(
        files / "xlmr", "unigram", vocab_size=120, normalization_rule_name="nmt_nfkc", unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
    save(t.XLMRobertaTokenizerFast(xlmr), work, "4-xlm-roberta", "xlm-roberta")
    # As xlm-roberta-base and multilingual-e5 have it.
    shutil.copytree(work / "4-xlm-roberta", work / "4-xlm-roberta-old")
    edit(work / "4-xlm-roberta-old", lambda f: f.update(
        normalizer=next(n for n in f["normalizer"]["normalizers"] if n["type"] == "Precompiled"),
        pre_tokenizer={"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}]}))

    bpe = dict(vocab_size=296, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
               split_digits=True, allow_whitespace_only_pieces=True)
    llama = sentence_piece(files / "llama", "bpe", unk_id=0, bos_id=1, eos_id=2, pad_id=-1, **bpe)
    # Version 4.57 takes no flag for false, and writes that flag as null: the published files were made before.
    space = dict(add_prefix_space=True)
    unset = dict(add_prefix_space=None)
    save(t.LlamaTokenizerFast(llama, legacy=False), work, "4-llama-none", "llama")
    save(t.LlamaTokenizerFast(llama, legacy=True, **space), work, "4-llama-legacy", "llama", **unset)
    save(t.LlamaTokenizerFast(llama, legacy=False, **space), work, "4-llama", "llama", **unset)
    save(t.LlamaTokenizerFast(llama, legacy=False, add_eos_token=True, **space), work, "4-llama-end", "llama", **unset)
    # As the published Llama 2: made in the old way, with the new flag.
    save(t.LlamaTokenizerFast(llama, legacy=True, **space), work, "4-llama2", "llama", legacy=False, **unset)
    save(t.LlamaTokenizerFast(llama, legacy=True, add_eos_token=True, **space), work, "4-mistral", "mistral", **unset)
    save(t.CodeLlamaTokenizerFast(llama, prefix_token=None, middle_token=None, suffix_token=None, eot_token=None),
         work, "4-code-llama", "llama")
    gemma = sentence_piece(
        files / "gemma", "bpe", pad_id=0, eos_id=1, bos_id=2, unk_id=3, pad_piece="<pad>", eos_piece="<eos>", bos_piece="<bos>",
        user_defined_symbols=["<mask>", "<start_of_turn>"], add_dummy_prefix=False, **bpe)
    gemma = dict(vocab_file=gemma, mask_token="<mask>", additional_special_tokens=["<start_of_turn>"])
    save(t.GemmaTokenizerFast(**gemma), work, "4-gemma", "gemma3_text")
    save(t.GemmaTokenizerFast(**gemma, add_eos_token=True), work, "4-gemma-end", "gemma3_text")

    # Llama 3, ModernBERT: the class takes the file as it is.
    llama3 = Tokenizer(models.BPE(ignore_merges=True))
    tokens, merges = byte_level(280)
    llama3.model = models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges, ignore_merges=True)
    cl100k = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
              r"|\s*[\r\n]+|\s+(?!\S)|\s+")
    llama3.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(cl100k), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    llama3.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>"])
    begin = llama3.token_to_id("<|begin_of_text|>")
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing(
            single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A $B", special_tokens=[("<|begin_of_text|>", begin)])])
    llama3 = t.PreTrainedTokenizerFast(
        tokenizer_object=llama3, bos_token="<|begin_of_text|>", eos_token="<|end_of_text|>", clean_up_tokenization_spaces=True,
        model_input_names=["input_ids", "attention_mask"])
    save(llama3, work, "4-llama3", "llama")

    modern = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    modern.normalizer = normalizers.NFC()
    modern.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    modern.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[PAD]", AddedToken("[MASK]", lstrip=True)])
    modern.add_tokens([AddedToken("   ", normalized=True), AddedToken("  ", normalized=True)])
    ids = [(token, modern.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    modern.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ids)
    modern = t.PreTrainedTokenizerFast(
        tokenizer_object=modern, unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]", mask_token="[MASK]")
    save(modern, work, "4-modernbert", "modernbert")


def save5(work):
    import transformers as t

    for folder in sorted(work.glob("4-*")):
        model_type = json.loads((folder / "config.json").read_text())["model_type"]
        save(t.AutoTokenizer.from_pretrained(str(folder)), work, "5" + folder.name[1:], model_type)


def ids(work, version):
    import transformers as t

    assert t.__version__.startswith(version + ".")
    answers = {}
    for folder in sorted(work.glob("[45]-*")):
        try:
            tokenizer = t.AutoTokenizer.from_pretrained(str(folder))
            answers[folder.name] = {"class": type(tokenizer).__name__, "ids": [tokenizer(text)["input_ids"] for text in TEXTS]}
        except Exception as error:
            print(folder.name, type(error).__name__, str(error)[:200], file=sys.stderr)
            answers[folder.name] = None
    (work / f"ids{version}.json").write_text(json.dumps(answers))


def join(work):
    golden = pathlib.Path(__file__).parent
    charsmap = json.loads((golden / "families.json").read_text())["charsmap"]
    shared = []

    def share(value):
        """Vocabularies and merges are written once, and pointed at by their number."""
        if value not in shared:
            shared.append(value)
        return shared.index(value)

    def pack(value):
        if isinstance(value, dict):
            packed = {k: share(v) if k in ("vocab", "merges") else pack(v) for k, v in value.items()}
            if "precompiled_charsmap" in packed:
                assert packed["precompiled_charsmap"] == charsmap
                packed["precompiled_charsmap"] = "families.json"
            return packed
        return [pack(v) for v in value] if isinstance(value, list) else value

    answers = [json.loads((work / f"ids{version}.json").read_text()) for version in "45"]
    cases = []
    for folder in sorted(work.glob("[45]-*")):
        files = {p.name: json.loads(p.read_text()) for p in sorted(folder.iterdir()) if p.name != "config.json"}
        files["tokenizer.json"] = pack(files["tokenizer.json"])
        case = {"name": folder.name, "modelType": json.loads((folder / "config.json").read_text())["model_type"],
                "files": files, "ids": answers[1][folder.name]["ids"]}
        if (older := answers[0][folder.name]) is None:
            case["fails4"] = True
        elif differing := [i for i, ids in enumerate(older["ids"]) if ids != case["ids"][i]]:
            case["differs4"] = differing
        cases.append(case)
    json.dump({"texts": TEXTS, "shared": shared, "cases": cases}, sys.stdout, ensure_ascii=False, separators=(",", ":"))
    print()


command, work = sys.argv[1], pathlib.Path(sys.argv[2])
{"save4": save4, "save5": save5, "ids4": lambda w: ids(w, "4"), "ids5": lambda w: ids(w, "5"), "join": join}[command](work)
