#!/usr/bin/env python3
"""Writes parity.json: what the `tokenizers` library makes of the parity corpora under each configuration.

    python3 make-golden.py MODEL_FOLDER NAVE_BEIR_ZIP > parity.json           (tokenizers 0.23.3)
    python3 make-golden.py MODEL_FOLDER NAVE_BEIR_ZIP --show CONFIGURATION CORPUS BLOCK [LENGTH]

The second form prints text and ids of every text of one block, to find the one that differs.

A configuration is a patch of MiniLM's tokenizer.json; `"vocab": "scalars"` stands for a vocabulary that has every
scalar below U+20000, so that hardly anything is unknown and each mapped scalar shows in the ids.
"""

import hashlib
import json
import sys
import zipfile

from tokenizers import Tokenizer, __version__

BLOCK = 1000
SEED = 20
LINES = 10000
MASK = (1 << 64) - 1


class SplitMix64:
    def __init__(self, state):
        self.state = state

    def next(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return z ^ (z >> 31)

    def below(self, bound):
        return (self.next() >> 11) % bound


# Ranges of scalars, strings and whole lines that mixed text is made of; ParityCorpora.swift reads them from the output.
RANGES = [
    (0x20, 0x7E), (0x61, 0x7A), (0x41, 0x5A), (0x30, 0x39), (0x00, 0x1F), (0x7F, 0xA0), (0xA1, 0x24F),
    (0x250, 0x36F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x530, 0x5FF), (0x600, 0x6FF), (0x700, 0x8FF),
    (0x900, 0xDFF), (0xE00, 0xFFF), (0x1000, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x1AFF), (0x1B00, 0x1DFF),
    (0x1E00, 0x1EFF), (0x1F00, 0x1FFF), (0x2000, 0x206F), (0x2070, 0x2BFF), (0x2C00, 0x2FFF), (0x3000, 0x30FF),
    (0x3100, 0x33FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xA000, 0xABFF), (0xAC00, 0xD7A3), (0xE000, 0xF8FF),
    (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFE00, 0xFFFF), (0x10000, 0x107FF), (0x10800, 0x10FFF), (0x11000, 0x11FFF),
    (0x12000, 0x1CFFF), (0x1D000, 0x1D7FF), (0x1E000, 0x1EFFF), (0x1F000, 0x1FAFF), (0x1FB00, 0x1FFFF),
    (0x20000, 0x2A6DF), (0x2A700, 0x2CEAF), (0x2F800, 0x2FA1F), (0x30000, 0xDFFFF), (0xE0000, 0xE01FF),
    (0xF0000, 0x10FFFF),
]
STRINGS = [
    "[SEP]", "[CLS]", "[MASK]", "[PAD]", "[UNK]", "[sep]", "[SEP", "##ing", "##", "\u200d", "\ufe0f", "\u00ad",
    "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "e\u0301\u0327", "a\u0327\u0301", "İstanbul", "ΑΣ", "ß", "ﬁ", "Ǆ", "각", "각",
    "שָׁלוֹם", "مُحَمَّد", "हिन्दी", "ไทย", "日本語", "中文", "ｶﾞ", "Å", "\u212b", "\ufffd", "\u0000", "\r\n", "\u2028",
    "\u3000", "don't", "U.S.A.", "e-mail@example.com", "3.14", "covenant", "unaffable", "Nebuchadnezzar", "¶",
    "<ent>", "<ENT>", "Ünïcode", "ünïcode", "\u302e\u302f\u0300", "\U0001d165\u0301\U0001d16d", "\U0001d15f", "\u0344", "\u1e9e",
]
FIXED = [
    "", " ", "\t\n", "\u0301", "[SEP]", " [SEP] [SEP]", "[CLS][SEP]", "a[MASK]b", "x" * 99, "x" * 100, "x" * 101,
    "é" * 100, "é" * 101, "中" * 300, "\u0300" * 200, "[" * 50, "##" * 60, "covenant" * 40, "\x00", "\ufffd\ufffd",
    "the " * 600, "a" + "\u0300\u0316" * 50 + "b", "\U0010ffff", "\ue000", "\u0378", "각" * 3, "Hello, World!",
]

MIXED = {"seed": SEED, "count": LINES, "ranges": RANGES, "strings": STRINGS, "fixed": FIXED}


def mixed_lines(recipe):
    random, ranges, strings = SplitMix64(recipe["seed"]), recipe["ranges"], recipe["strings"]
    lines = list(recipe["fixed"])
    while len(lines) < recipe["count"]:
        line = ""
        favourite = ranges[random.below(len(ranges))]
        for _ in range(1 + random.below(24)):
            kind = random.below(10)
            if kind < 2:
                line += strings[random.below(len(strings))]
            elif kind < 4:
                line += " "
            else:
                first, last = favourite if kind < 7 else ranges[random.below(len(ranges))]
                for _ in range(1 + random.below(8)):
                    line += chr(first + random.below(last - first + 1))
        if random.below(50) == 0:
            line = line.replace(" ", "") * (1 + random.below(12))
        lines.append(line)
    return lines


def every_scalar():
    scalars = [chr(u) for u in range(0x110000) if not 0xD800 <= u < 0xE000]
    return ["".join("a" + c + "b " + c + "z " for c in scalars[i : i + 64]) for i in range(0, len(scalars), 64)]


def corpora(nave):
    with zipfile.ZipFile(nave) as archive:
        documents = [json.loads(line) for line in archive.open("beir/corpus.jsonl")]
        queries = [json.loads(line) for line in archive.open("beir/queries.jsonl")]
    return {
        "verses": [d["title"] + " " + d["text"] for d in documents],
        "queries": [q["text"] for q in queries],
        "mixed": mixed_lines(MIXED),
        "scalars": every_scalar(),
    }


def bert(clean, chinese, strip, lower):
    return {
        "type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese, "strip_accents": strip,
        "lowercase": lower,
    }


def added(id, content, **flags):
    token = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False}
    return token | {"normalized": False, "special": False} | flags


ADDED = [
    added(101, "[CLS]", special=True, lstrip=True),
    added(102, "[SEP]", special=True, rstrip=True, lstrip=True),
    added(103, "[MASK]", special=True, single_word=True),
    added(30522, "<ent>"),
    added(30523, "<ENT>", normalized=True, rstrip=True),
    added(30524, "Ünïcode", normalized=True, single_word=True, lstrip=True),
    added(1031, "[", lstrip=True, single_word=True),
    added(13749, "ing", normalized=True),
    added(30525, " covenant", rstrip=True),
    added(30526, "日本", normalized=True),
    added(1950, "語", normalized=False, lstrip=True, rstrip=True),
]
BERT_PROCESSING = {"type": "BertProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101]}
TEMPLATE = {
    "type": "TemplateProcessing",
    "single": [
        {"SpecialToken": {"id": "Q", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
        {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"SpecialToken": {"id": "Q", "type_id": 0}},
    ],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
    "special_tokens": {
        "Q": {"id": "Q", "ids": [1058, 1024], "tokens": ["q", ":"]},
        "[SEP]": {"id": "[SEP]", "ids": [102], "tokens": ["[SEP]"]},
    },
}
CONFIGURATIONS = [
    # name, patch of tokenizer.json's top level, patch of its model, corpora, lengths (0: no limit)
    ("minilm", {}, {}, ["verses", "queries", "mixed", "scalars"], [0, 128, 16, 3, 2]),
    ("cased", {"normalizer": bert(True, True, None, False)}, {}, ["verses", "mixed"], [0]),
    ("accents", {"normalizer": bert(True, True, False, True)}, {}, ["mixed"], [0]),
    ("raw", {"normalizer": None}, {}, ["mixed"], [0]),
    ("one-word", {"pre_tokenizer": None}, {"max_input_chars_per_word": 1000}, ["queries", "mixed"], [0]),
    ("no-post", {"post_processor": None}, {}, ["queries"], [0, 5]),
    ("bert-post", {"post_processor": BERT_PROCESSING}, {}, ["queries"], [0, 5]),
    ("template", {"post_processor": TEMPLATE}, {}, ["queries"], [0, 9]),
    (
        "left",
        {"truncation": {"direction": "Left", "max_length": 8, "strategy": "OnlyFirst", "stride": 0}},
        {}, ["queries"], [0, 8],
    ),
    ("short-words", {}, {"max_input_chars_per_word": 5}, ["mixed"], [0]),
    ("no-prefix", {}, {"continuing_subword_prefix": ""}, ["queries", "mixed"], [0]),
    ("added", {"added_tokens": ADDED}, {}, ["queries", "mixed"], [0, 7]),
    ("added-cased", {"added_tokens": ADDED, "normalizer": bert(True, False, True, False)}, {}, ["mixed"], [0]),
    ("scalars", {"added_tokens": []}, {"vocab": "scalars"}, ["mixed", "scalars"], [0]),
    (
        "scalars-strip", {"added_tokens": [], "normalizer": bert(False, False, True, False)}, {"vocab": "scalars"},
        ["mixed", "scalars"], [0],
    ),
    (
        "scalars-lower", {"added_tokens": [], "normalizer": bert(False, True, False, True)}, {"vocab": "scalars"},
        ["mixed", "scalars"], [0],
    ),
]


def scalars(name, corpora=("mixed", "scalars"), **patch):
    """Every scalar is a token, and where words begin shows in the ids."""
    parts = {"added_tokens": [], "normalizer": None, "pre_tokenizer": None} | patch
    return (name, parts, {"vocab": "scalars", "max_input_chars_per_word": 100000}, list(corpora), [0])


def split(pattern, behavior, invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def metaspace(scheme, splits=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": splits}


def sequence(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


# Added to the vocabulary of all scalars, whose size is their first id.
SCALARS_ADDED = [
    added(2 * (0x20000 - 0x800) + 1 + index, content, **flags)
    for index, (content, flags) in enumerate([
        ("[SEP]", {"special": True, "lstrip": True}), ("[MASK]", {"special": True}), ("İstanbul", {"normalized": True}),
    ])
]
WHITESPACE_SPLIT = {"type": "WhitespaceSplit"}
BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
CL100K = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONFIGURATIONS += [
    *(scalars("normal-" + form, normalizer={"type": form}) for form in ("NFC", "NFD", "NFKC", "NFKD")),
    *(scalars("normal-" + kind, normalizer={"type": kind}) for kind in ("Lowercase", "StripAccents", "Nmt")),
    scalars(
        "normal-sequence", ["mixed"], normalizer=sequence(
            "normalizers", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, {"type": "NFC"})),
    scalars("normal-ByteLevel", ["mixed"], normalizer={"type": "ByteLevel"}),
    scalars(
        "normal-Prepend", ["mixed"], added_tokens=SCALARS_ADDED, normalizer={"type": "Prepend", "prepend": "¶ "}),
    *(
        scalars(
            f"normal-Strip-{left}-{right}", ["mixed"],
            normalizer={"type": "Strip", "strip_left": left, "strip_right": right})
        for left, right in ((True, False), (False, True), (True, True))
    ),
    scalars(
        "normal-Replace", ["mixed"], normalizer=sequence(
            "normalizers", {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            {"type": "Replace", "pattern": {"Regex": r"[aeiou]+"}, "content": ""},
            {"type": "Replace", "pattern": {"Regex": r"x*"}, "content": "-"})),
    scalars("split-BertPreTokenizer", normalizer={"type": "NFC"}, pre_tokenizer={"type": "BertPreTokenizer"}),
    *(
        scalars("split-" + kind, pre_tokenizer={"type": kind})
        for kind in ("Whitespace", "WhitespaceSplit", "UnicodeScripts")
    ),
    *(
        scalars(f"split-Digits-{single}", pre_tokenizer={"type": "Digits", "individual_digits": single})
        for single in (True, False)
    ),
    *(
        scalars("split-Punctuation-" + behavior, ["mixed"], pre_tokenizer={"type": "Punctuation", "behavior": behavior})
        for behavior in BEHAVIORS
    ),
    scalars("split-CharDelimiterSplit", ["mixed"], pre_tokenizer={"type": "CharDelimiterSplit", "delimiter": "日"}),
    scalars("split-FixedLength", ["mixed"], pre_tokenizer={"type": "FixedLength", "length": 3}),
    *(
        scalars(
            f"split-Split-{behavior}-{invert}", ["mixed"],
            pre_tokenizer=split({"Regex": "[a-f]+| "}, behavior, invert))
        for behavior in BEHAVIORS
        for invert in (False, True)
    ),
    scalars("split-Split-String", ["mixed"], pre_tokenizer=split({"String": " "}, "MergedWithPrevious")),
    scalars("split-cl100k", pre_tokenizer=split({"Regex": CL100K}, "Isolated")),
    scalars("split-qwen2", pre_tokenizer=split({"Regex": CL100K.replace("{1,3}", "")}, "Isolated")),
    scalars(
        "split-gpt2",
        pre_tokenizer={"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}),
    scalars(
        "split-ByteLevel-prefix", ["mixed"], pre_tokenizer=sequence(
            "pretokenizers", WHITESPACE_SPLIT,
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": False})),
    *(
        scalars(
            f"split-Metaspace-{scheme}-{splits}", ["mixed"], added_tokens=SCALARS_ADDED,
            pre_tokenizer=metaspace(scheme, splits))
        for scheme in ("always", "first", "never")
        for splits in (True, False)
    ),
    scalars(
        "split-Metaspace-first-stripped", ["mixed"], added_tokens=SCALARS_ADDED,
        normalizer={"type": "Strip", "strip_left": True, "strip_right": True}, pre_tokenizer=metaspace("first")),
    scalars(
        "split-sequence", ["mixed"], pre_tokenizer=sequence(
            "pretokenizers", WHITESPACE_SPLIT, {"type": "Digits", "individual_digits": True}, metaspace("first"))),
    (
        "roberta-post",
        {"post_processor": {
            "type": "RobertaProcessing", "sep": ["[SEP]", 102], "cls": ["[CLS]", 101], "trim_offsets": True,
            "add_prefix_space": False}},
        {}, ["queries"], [0, 5],
    ),
    (
        "sequence-post",
        {"post_processor": sequence(
            "processors", {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True},
            BERT_PROCESSING, TEMPLATE)},
        {}, ["queries"], [0, 9],
    ),
]


def scalar_vocabulary():
    vocabulary = {"[UNK]": 0}
    for u in range(0x20000):
        if not 0xD800 <= u < 0xE000:
            vocabulary[chr(u)] = len(vocabulary)
            vocabulary["##" + chr(u)] = len(vocabulary)
    return vocabulary


def tokenizer(file, patch, model_patch):
    file = file | patch | {"padding": None}
    model = file["model"] | model_patch
    if model["vocab"] == "scalars":
        model["vocab"] = scalar_vocabulary()
    return Tokenizer.from_str(json.dumps(file | {"model": model}))


def encode(tokenizer, texts, length, direction):
    if length:
        tokenizer.enable_truncation(length, direction=direction)
    else:
        tokenizer.no_truncation()
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]


def digest(rows):
    return hashlib.sha256("".join(row + "\n" for row in rows).encode()).hexdigest()


def blocks(rows):
    return [digest(rows[i : i + BLOCK])[:16] for i in range(0, len(rows), BLOCK)]


def main():
    model, nave, *show = sys.argv[1:]
    assert __version__ == "0.23.3", __version__
    file = json.load(open(model + "/tokenizer.json", encoding="utf-8"))
    texts = corpora(nave)
    cases = []
    for name, patch, model_patch, names, lengths in CONFIGURATIONS:
        if show and show[0] != name:
            continue
        subject = tokenizer(file, patch, model_patch)
        for corpus in names:
            for length in lengths:
                ids = encode(subject, texts[corpus], length, "left" if name == "left" else "right")
                rows = [" ".join(map(str, row)) for row in ids]
                if show and show[1] == corpus and (len(show) < 4 or int(show[3]) == length):
                    first = int(show[2]) * BLOCK
                    for index in range(first, min(first + BLOCK, len(rows))):
                        print(index, length, json.dumps(texts[corpus][index]), rows[index])
                case = {"configuration": name, "corpus": corpus, "length": length, "blocks": blocks(rows)}
                if corpus != "scalars" and "vocab" not in model_patch:
                    picks = [i for i in range(0, len(rows), len(rows) // 3) if len(rows[i]) < 400]
                    case["examples"] = [{"index": i, "ids": ids[i]} for i in picks]
                cases.append(case)
    if show:
        return
    out = {
        "tokenizers": __version__,
        "block": BLOCK,
        "texts": {name: digest([text.encode().hex() for text in texts[name]]) for name in texts},
        "configurations": [
            {"name": name, "file": patch, "model": model_patch} for name, patch, model_patch, _, _ in CONFIGURATIONS
        ],
        "mixed": MIXED,
        "cases": cases,
    }
    json.dump(out, sys.stdout, ensure_ascii=True, indent=None, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
