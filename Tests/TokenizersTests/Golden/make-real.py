#!/usr/bin/env python3
"""Writes real.json: digests of what the `tokenizers` library makes of 10,000 hostile lines with ten published tokenizers.

    python3 make-real.py FOLDER > real.json                              (tokenizers 0.23.3)
    python3 make-real.py FOLDER --show NAME BLOCK

FOLDER has the files that `scripts/real-tokenizers.py` makes. The second form prints every line of a block with its ids, to
find the one that differs. The lines are those of `make-golden.py`'s generator, with another seed and other strings.
"""

import importlib.util
import json
import pathlib
import sys

from tokenizers import Tokenizer, __version__

spec = importlib.util.spec_from_file_location("golden", pathlib.Path(__file__).with_name("make-golden.py"))
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

SEED = 21
NAMES = ["minilm", "gpt2", "smollm2", "qwen", "llama3", "mistral", "llama2", "xlm-roberta", "gemma", "whisper"]
# Special tokens of all ten as they are written, and what their expressions and spaces care for.
STRINGS = golden.STRINGS + [
    "<s>", "</s>", "<unk>", "<pad>", "<mask>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>",
    "<|eot_id|>", "<|startoftranscript|>", "<|en|>", "<bos>", "<eos>", "<start_of_turn>", "<unused7>", "<0x0A>", "<0xE2>",
    "<|endoftext", "< s>", "▁", "▁▁", "Ġ", "Ċ", "\n", "\n\n", "\r", "\r\n\r\n", "\t", "  ", "    ", "\u00a0", "\u200b",
    "\u2060", "\ufeff", "\u0085", "'s", "'S", "'ll", "'\u017f", "'re ", "12345", "１２３", "٣٤٥", "½", "...", "!?", "http://",
    "🤷🏽‍♀️", "1️⃣", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "क्षि", "กำ", "ﷺ", "①", "™",
]
FIXED = golden.FIXED + [
    " ", "  ", "   a", "a   ", "\n", "\r\n", "a\r\nb\r\n\r\nc", "\u3000a", "x" * 3000, "é" * 1500, "ab" * 2000, " " * 500,
    "🙂" * 400, "ก" * 900, "語" * 1000, "<s>" * 50, "</s><s> </s>", "<|endoftext|> <|endoftext|>", "a<mask> b", "\x00" * 20,
    "1" * 400, "'" * 60, "▁a▁b", "Hello\u00adworld", "\u202eabc\u202c", "ᄀ" * 100, "0x1F 1e-5 3,000.00 v2.0.1",
]


def recipe():
    return {"seed": SEED, "count": golden.LINES, "ranges": golden.RANGES, "strings": STRINGS, "fixed": FIXED}


def rows(folder, name, lines):
    tokenizer = Tokenizer.from_file(f"{folder}/{name}.json")
    tokenizer.no_padding()
    return [" ".join(map(str, ids)) for ids in golden.encode(tokenizer, lines, 0, "right")]


def main():
    folder, *show = sys.argv[1:]
    assert __version__ == "0.23.3", __version__
    lines = golden.mixed_lines(recipe())
    if show:
        first = int(show[2]) * golden.BLOCK
        shown = lines[first : first + golden.BLOCK]
        for index, (line, ids) in enumerate(zip(shown, rows(folder, show[1], shown)), first):
            print(index, json.dumps(line), ids)
        return
    out = {
        "tokenizers": __version__, "block": golden.BLOCK, "lines": recipe(),
        "text": golden.digest([line.encode().hex() for line in lines]),
        "cases": {name: golden.blocks(rows(folder, name, lines)) for name in NAMES},
    }
    json.dump(out, sys.stdout, ensure_ascii=True, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()
