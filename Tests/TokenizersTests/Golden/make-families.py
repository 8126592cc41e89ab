#!/usr/bin/env python3
"""Writes families.json: small tokenizers of byte pairs and of Unigram, as families of text models have them, and what the
`tokenizers` library makes of the parity corpora with each.

    python3 make-families.py NAVE_BEIR_ZIP > families.json           (tokenizers 0.23.3, sentencepiece 0.2.1)
    python3 make-families.py NAVE_BEIR_ZIP --show NAME CORPUS BLOCK [LENGTH]
"""

import importlib.util
import io
import json
import pathlib
import sys

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

spec = importlib.util.spec_from_file_location("golden", pathlib.Path(__file__).with_name("make-golden.py"))
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

FOREIGN = [
    "Ünïcode naïve façade", "日本語のテキスト。中文文本", "Привет, мир!", "שלום עולם", "مرحبا بالعالم", "हिन्दी भाषा", "ไทย", "각하 한국어",
    "don't I'm we've they'll he'd 'S", "3.14 1234567 ½ ①", "👍🏽 👩‍👩‍👧‍👦 🇩🇪", "ｶﾞ Ａ ﬁ ㌀",
] * 20
BYTES = pre_tokenizers.ByteLevel.alphabet()


def special(content, **flags):
    return AddedToken(content, special=True, normalized=False, **flags)


def byte_pairs(texts, pre_tokenizer, normalizer=None, size=700, **options):
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer, tokenizer.normalizer = pre_tokenizer, normalizer
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=size, initial_alphabet=BYTES, show_progress=False, special_tokens=[]))
    return tokenizer


def template(tokenizer, before, after):
    tokens = [(t, tokenizer.token_to_id(t)) for t in [*before, *after]]
    single = " ".join([*before, "$A", *after])
    return processors.TemplateProcessing(single=single, pair=single + " $B", special_tokens=list(dict(tokens).items()))


def byte_level(texts):
    """GPT-2, RoBERTa, ModernBERT, Llama 3, Qwen 2, SmolLM 2."""
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    bare = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)

    gpt2 = byte_pairs(texts, plain)
    gpt2.add_special_tokens([special("<|endoftext|>")])
    yield "gpt2", gpt2

    roberta = byte_pairs(texts, pre_tokenizers.ByteLevel(add_prefix_space=True))
    roberta.add_special_tokens([special("<s>"), special("</s>"), special("<mask>", lstrip=True)])
    ids = {t: roberta.token_to_id(t) for t in ("<s>", "</s>")}
    roberta.post_processor = processors.RobertaProcessing(("</s>", ids["</s>"]), ("<s>", ids["<s>"]))
    yield "roberta", roberta

    modern = byte_pairs(texts, plain, normalizers.NFC())
    modern.add_special_tokens([special("[CLS]"), special("[SEP]"), special("[MASK]", lstrip=True)])
    modern.add_tokens([AddedToken(" " * n, normalized=True) for n in range(24, 1, -1)])
    modern.post_processor = template(modern, ["[CLS]"], ["[SEP]"])
    yield "modernbert", modern

    def split(pattern):
        return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), bare])

    llama = byte_pairs(texts, split(golden.CL100K))
    llama.model.ignore_merges = True
    llama.add_special_tokens([special("<|begin_of_text|>")])
    llama.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=False), template(llama, ["<|begin_of_text|>"], [])])
    yield "llama3", llama

    qwen = byte_pairs(texts, split(golden.CL100K.replace("{1,3}", "")), normalizers.NFC())
    qwen.add_special_tokens([special("<|endoftext|>"), special("<|im_start|>")])
    qwen.post_processor = processors.Sequence(
        [processors.ByteLevel(trim_offsets=False), template(qwen, [], ["<|endoftext|>"])])
    yield "qwen3", qwen

    smol = byte_pairs(texts, pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), plain]))
    smol.add_special_tokens([special("<|im_start|>")])
    yield "smollm2", smol

    partial = json.loads(gpt2.to_str())
    for byte in "Ġðéµ":  # bytes that have no token
        partial["model"]["merges"] = [m for m in partial["model"]["merges"] if byte not in "".join(m)]
        partial["model"]["vocab"] = {t: i for t, i in partial["model"]["vocab"].items() if byte not in t}
    partial["added_tokens"] = []
    yield "without-some-bytes", Tokenizer.from_str(json.dumps(partial))


def characters(texts):
    """CLIP's ends of words, prefixes, byte fallback as in Llama 2, Mistral and Gemma."""
    words = pre_tokenizers.Whitespace()
    clip = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=False))
    clip.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    clip.pre_tokenizer = words
    clip.train_from_iterator(
        texts[:3000], trainers.BpeTrainer(vocab_size=500, end_of_word_suffix="</w>", special_tokens=["<unk>"],
                                          limit_alphabet=60, show_progress=False))
    yield "clip", clip

    prefixed = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", fuse_unk=True))
    prefixed.pre_tokenizer = words
    prefixed.train_from_iterator(
        texts[:3000], trainers.BpeTrainer(vocab_size=500, continuing_subword_prefix="##", special_tokens=["<unk>"],
                                          limit_alphabet=60, show_progress=False))
    yield "prefixed", prefixed

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    fallback = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    trained.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=900, special_tokens=fallback, limit_alphabet=100, show_progress=False))
    state = json.loads(trained.to_str())["model"]

    def llama2(fuse):
        model = models.BPE(
            state["vocab"], [tuple(m) for m in state["merges"]], unk_token="<unk>", fuse_unk=fuse, byte_fallback=True)
        tokenizer = Tokenizer(model)
        tokenizer.add_special_tokens([special("<unk>"), special("<s>"), special("</s>")])
        tokenizer.post_processor = template(tokenizer, ["<s>"], [])
        return tokenizer

    llama = llama2(True)
    llama.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    yield "llama2", llama
    mistral = llama2(False)
    mistral.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    yield "mistral", mistral
    gemma = llama2(True)
    gemma.normalizer = normalizers.Replace(" ", "▁")
    gemma.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    gemma.add_tokens([AddedToken("\n" * n, normalized=False) for n in range(1, 8)])
    gemma.post_processor = template(gemma, ["<s>"], ["</s>"])
    yield "gemma3", gemma


def unigram(texts):
    """XLM-RoBERTa's, T5's, and one with byte fallback."""
    output = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=output, vocab_size=900, character_coverage=0.995, num_threads=1,
        normalization_rule_name="nmt_nfkc", minloglevel=2)
    proto = sentencepiece_model_pb2.ModelProto.FromString(output.getvalue())
    pieces = [(p.piece, p.score) for p in proto.pieces]
    charsmap = proto.normalizer_spec.precompiled_charsmap

    def tokenizer(vocabulary, unknown, **options):
        result = Tokenizer(models.Unigram(vocabulary, unknown, **options))
        result.normalizer = normalizers.Precompiled(charsmap)
        return result

    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)] + pieces[3:] + [("<mask>", 0.0)]
    xlmr = tokenizer(vocabulary, 3)
    xlmr.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    xlmr.add_special_tokens([special("<s>"), special("</s>"), special("<unk>"), special("<mask>", lstrip=True)])
    xlmr.post_processor = template(xlmr, ["<s>"], ["</s>"])
    yield "xlm-roberta", xlmr

    t5 = tokenizer(pieces, 0)
    t5.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(charsmap), normalizers.Strip(left=False, right=True), normalizers.Replace(Regex(" {2,}"), "▁")])
    t5.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    t5.add_special_tokens([special("</s>")])
    t5.post_processor = template(t5, [], ["</s>"])
    yield "t5", t5

    bytes_ = [(f"<0x{b:02X}>", -20.0) for b in range(256)]
    fallback = tokenizer(pieces + bytes_, 0, byte_fallback=True)
    fallback.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    yield "unigram-bytes", fallback


def main():
    corpora = golden.corpora(sys.argv[1])
    corpora = {"verses": corpora["verses"][:3000], "mixed": corpora["mixed"], "scalars": corpora["scalars"]}
    texts = corpora["verses"] + FOREIGN
    tokenizers = [pair for family in (byte_level, characters, unigram) for pair in family(texts)]
    if "--show" in sys.argv:
        name, corpus, block, *length = sys.argv[3:]
        tokenizer = dict(tokenizers)[name]
        first = int(block) * golden.BLOCK
        shown = corpora[corpus][first : first + golden.BLOCK]
        for text, ids in zip(shown, golden.encode(tokenizer, shown, int(length[0]) if length else 0, "right")):
            print(repr(text), ids)
        return
    # The table of normalizations is long and always the same.
    files, charsmap = {}, None
    for name, tokenizer in tokenizers:
        text = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False)
        normalizer = json.loads(text)["normalizer"] or {}
        for part in [normalizer, *normalizer.get("normalizers", [])]:
            charsmap = part.get("precompiled_charsmap", charsmap)
        if charsmap:
            text = text.replace(charsmap, "charsmap")
        files[name] = json.loads(text)
    cases = [
        {
            "tokenizer": name, "corpus": corpus, "length": length,
            "blocks": golden.blocks(
                [" ".join(map(str, ids)) for ids in golden.encode(tokenizer, texts, length, "right")]),
        }
        for name, tokenizer in tokenizers
        for corpus, texts in corpora.items()
        for length in ([0, 9] if corpus == "verses" else [0])
    ]
    json.dump(
        {"block": golden.BLOCK, "charsmap": charsmap, "tokenizers": files, "cases": cases}, sys.stdout, ensure_ascii=False,
        separators=(",", ":"))


main()
