#!/usr/bin/env python3
"""Writes what the `tokenizers` library does to each Unicode scalar as Swift tables.

The library takes its character classes from several Rust crates of different Unicode versions. Asking the library
itself about every scalar is the one description that cannot disagree with it.

    python3 scripts/unicode-tables.py Sources/Formats/Tokenizers/Unicode      (tokenizers 0.23.3)

writes UnicodeRanges.swift and UnicodeMappings.swift.
"""

import sys
import unicodedata

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

SCALARS = [u for u in range(0x110000) if not 0xD800 <= u < 0xE000]
HANGUL = range(0xAC00, 0xAC00 + 11172)


def bert(clean=False, chinese=False, strip=False, lower=False):
    return normalizers.BertNormalizer(
        clean_text=clean, handle_chinese_chars=chinese, strip_accents=strip, lowercase=lower
    ).normalize_str


def ranges(scalars):
    out = []
    for u in scalars:
        if out and out[-1][1] == u - 1:
            out[-1][1] = u
        else:
            out.append([u, u])
    return [x for r in out for x in r]


def literal(name, doc, numbers):
    lines, line = [], "       "
    for n in numbers:
        item = f" {n:#x},"
        if len(line) + len(item) > 118:
            lines.append(line)
            line = "       "
        line += item
    lines.append(line)
    return f"\n    /// {doc}\n    static let {name}: [UInt32] = [\n" + "\n".join(lines) + "\n    ]\n"


def write(path, name, doc, tables):
    with open(path, "w") as file:
        file.write("// Written by scripts/unicode-tables.py from the answers of tokenizers 0.23.3; do not edit.\n")
        file.write("// One long file, as it is written by a program and holds nothing but tables.\n")
        file.write("// swift-format-ignore-file\n\n")
        file.write(f"/// {doc}\nenum {name} {{{''.join(tables)[0:]}}}\n")


def cleaned():
    removed, spaces = [], []
    clean = bert(clean=True)
    for u in SCALARS:
        result = clean(chr(u))
        if result == "":
            removed.append(u)
        elif result == " " and u != 0x20:
            spaces.append(u)
        else:
            assert result == chr(u)
    return removed, spaces


def pre_tokenized():
    whitespace, punctuation = [], []
    split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    for u in SCALARS:
        pieces = [piece for piece, _ in split("a" + chr(u) + "b")]
        if pieces == ["a", "b"]:
            whitespace.append(u)
        elif pieces == ["a", chr(u), "b"]:
            punctuation.append(u)
        else:
            assert pieces == ["a" + chr(u) + "b"]
    return whitespace, punctuation


def added_token_contexts():
    """Scalars that an added token strips (regex \\s) and those that make its neighbour part of a word (regex \\w)."""

    def with_token(token):
        vocabulary = {"[UNK]": 0, "a": 1, "##b": 2}
        tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
        tokenizer.add_tokens([token])
        return tokenizer

    single = with_token(AddedToken("☃", single_word=True, normalized=False))
    strip = with_token(AddedToken("☃", rstrip=True, normalized=False))
    words, stripped = [], []
    for u in SCALARS:
        if chr(u) == "☃":
            continue
        if 3 not in single.encode("☃" + chr(u)).ids:
            words.append(u)
        if strip.encode("☃" + chr(u)).ids == [3]:
            stripped.append(u)
    return words, stripped


def decompositions():
    nfd = normalizers.NFD().normalize_str
    found = {}
    for u in SCALARS:
        result = [ord(c) for c in nfd(chr(u))]
        if result == [u]:
            continue
        if u in HANGUL:
            s = u - 0xAC00
            jamo = [0x1100 + s // 588, 0x1161 + s % 588 // 28] + ([0x11A7 + s % 28] if s % 28 else [])
            assert result == jamo
        else:
            found[u] = result
    return found


def combining_classes(decomposed):
    """Ranges (first, last, class) of the scalars that canonical ordering moves."""
    nfd = normalizers.NFD().normalize_str
    old = unicodedata.ucd_3_2_0
    representatives = {}
    for u in SCALARS:
        value = old.combining(chr(u))
        if value and u not in decomposed:
            representatives.setdefault(value, chr(u))
    values = sorted(representatives)

    def before(a, b):  # whether a's class is lower than b's (both non-zero)
        return a != b and nfd("a" + b + a) == "a" + a + b

    for low, high in zip(values, values[1:]):
        assert before(representatives[low], representatives[high])
    first, last = representatives[values[0]], representatives[values[-1]]
    out = []
    for u in SCALARS:
        c = chr(u)
        if u in decomposed or not (before(c, last) or before(first, c)):
            continue
        same = [v for v in values if not before(c, representatives[v]) and not before(representatives[v], c)]
        if len(same) == 1:
            value = same[0]
        else:  # a class that Unicode 3.2 did not have
            value = unicodedata.combining(c)
            assert value and all(before(c, representatives[v]) == (value < v) for v in values), hex(u)
        if out and out[-1][1] == u - 1 and out[-1][2] == value:
            out[-1][1] = u
        else:
            out.append([u, u, value])
    return [x for r in out for x in r]


def marks():
    strip = normalizers.StripAccents().normalize_str
    return [u for u in SCALARS if strip(chr(u)) == ""]


def regular_expression_classes():
    r"""What Oniguruma, by way of the library's `Split`, takes for \p{L}, \p{N} and \s."""

    def matching(pattern):
        split = pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str
        return [u for u in SCALARS if not split(chr(u))]

    letters, numbers, spaces = matching(r"\p{L}"), matching(r"\p{N}"), matching(r"\s")
    assert not set(letters) & set(numbers) and not set(letters) & set(spaces)
    return letters, numbers, spaces


def digits():
    split = pre_tokenizers.Digits(individual_digits=False).pre_tokenize_str
    return [u for u in SCALARS if len(split("a" + chr(u))) == 2]


def scripts():
    """Ranges (first, last, script), scripts numbered by their first scalar; 0 goes with every script.

    Scalars are compared through the pre-tokenizer, which starts a piece where the script changes.
    """
    pieces = pre_tokenizers.UnicodeScripts().pre_tokenize_str

    def differ(a, b):
        return len(pieces(chr(a) + chr(b))) == 2

    # Two representatives of different scripts tell a scalar of any script from one that goes with all.
    latin, greek = 0x61, 0x3B1
    assert differ(latin, greek)
    representatives, out = [], []
    previous, number = None, None
    for u in SCALARS:
        if previous is None or differ(previous, u) or number == 0 or not (differ(u, latin) or differ(u, greek)):
            if not (differ(u, latin) or differ(u, greek)):
                number = 0
            else:
                found = [i for i, r in enumerate(representatives) if not differ(r, u)]
                assert len(found) <= 1, hex(u)
                if not found:
                    representatives.append(u)
                    found = [len(representatives) - 1]
                number = found[0] + 1
        previous = u
        if out and out[-1][1] == u - 1 and out[-1][2] == number:
            out[-1][1] = u
        else:
            out.append([u, u, number])
    assert len(representatives) < 255
    return [x for r in out if r[2] for x in r]


def compatibility(decomposed):
    nfkd = normalizers.NFKD().normalize_str
    found = {}
    for u in SCALARS:
        result = [ord(c) for c in nfkd(chr(u))]
        if u not in HANGUL and result != decomposed.get(u, [u]):
            found[u] = result
    return found


def compositions(decomposed):
    """Triples (first, second, composite); those of Hangul syllables are computed."""
    nfc = normalizers.NFC().normalize_str
    out = []
    for u, parts in decomposed.items():
        if nfc(chr(u)) != chr(u) or len(parts) < 2:
            continue
        first = nfc("".join(map(chr, parts[:-1])))
        assert len(first) == 1 and nfc(first + chr(parts[-1])) == chr(u), hex(u)
        out.append((ord(first), parts[-1], u))
    return [x for triple in sorted(out) for x in triple]


def check_whitespace(words, whitespace):
    split = pre_tokenizers.Whitespace().pre_tokenize_str
    spaces = pre_tokenizers.WhitespaceSplit().pre_tokenize_str
    words, whitespace = set(words), set(whitespace)
    for u in SCALARS:
        pieces = [piece for piece, _ in split("a" + chr(u) + "+")]
        if u in words:
            assert pieces == ["a" + chr(u), "+"], hex(u)
        elif u in whitespace:
            assert pieces == ["a", "+"], hex(u)
        else:
            assert pieces == ["a", chr(u) + "+"], hex(u)
        assert (not spaces(chr(u))) == (u in whitespace), hex(u)


def main():
    assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
    removed, spaces = cleaned()
    whitespace, punctuation = pre_tokenized()
    words, stripped = added_token_contexts()
    assert stripped == whitespace, "added tokens strip other scalars than the pre-tokeniser splits at"
    chinese_only, strip_only = bert(chinese=True), bert(strip=True)
    chinese = [u for u in SCALARS if chinese_only(chr(u)) == " " + chr(u) + " "]
    decomposed = decompositions()
    nonspacing = [u for u in SCALARS if u not in decomposed and u not in HANGUL and strip_only(chr(u)) == ""]
    lower = normalizers.Lowercase().normalize_str
    lowercase = {u: [ord(c) for c in lower(chr(u))] for u in SCALARS if lower(chr(u)) != chr(u)}
    check_whitespace(words, whitespace)
    letters, numbers, spaces_of_expressions = regular_expression_classes()
    compatible = compatibility(decomposed)
    everything = bert(True, True, True, True), bert(False, True, False, True), bert(False, True, True, True)
    growth = max(len(n(chr(u)).encode()) / len(chr(u).encode()) for u in SCALARS for n in everything)
    assert growth <= 3, growth  # the scratch space of Tokenizer.encode
    pairs = "First and last scalar of each range that "
    write(
        sys.argv[1] + "/UnicodeRanges.swift", "UnicodeRanges",
        "Classes of Unicode scalars as the reference library sees them: sorted ranges.",
        [
            literal("removed", pairs + "text cleaning deletes.", ranges(removed)),
            literal("spaces", pairs + "text cleaning turns into U+0020.", ranges(spaces)),
            literal("whitespace", pairs + "separates words, and that added tokens strip.", ranges(whitespace)),
            literal("punctuation", pairs + "stands as a word of its own.", ranges(punctuation)),
            literal("ideographs", pairs + "gets a space on both sides.", ranges(chinese)),
            literal("nonspacing", pairs + "accent stripping deletes after decomposition.", ranges(nonspacing)),
            literal("wordCharacters", pairs + "an added token must not touch if it is `single_word`.", ranges(words)),
            literal(
                "combiningClasses", "First scalar, last scalar, canonical combining class.",
                combining_classes(decomposed)),
            literal("marks", pairs + "the normalizer StripAccents deletes.", ranges(marks())),
            literal("letters", pairs + "a regular expression's \\\\p{L} matches.", ranges(letters)),
            literal("numbers", pairs + "a regular expression's \\\\p{N} matches.", ranges(numbers)),
            literal("expressionSpaces", pairs + "a regular expression's \\\\s matches.", ranges(spaces_of_expressions)),
            literal("digits", pairs + "the pre-tokenizer Digits sets apart.", ranges(digits())),
            literal(
                "scripts", "First scalar, last scalar, number of the script; scalars of no range go with any script.",
                scripts()),
        ])
    write(
        sys.argv[1] + "/UnicodeMappings.swift", "UnicodeMappings",
        "What Unicode scalars become in the reference library: `scalar, count, replacement…`, sorted by scalar.",
        [
            literal(
                "decompositions", "Full canonical decompositions; those of Hangul syllables are computed.",
                [x for u in sorted(decomposed) for x in [u, len(decomposed[u])] + decomposed[u]]),
            literal(
                "compatibilityDecompositions", "Full compatibility decompositions that differ from the canonical ones.",
                [x for u in sorted(compatible) for x in [u, len(compatible[u])] + compatible[u]]),
            literal(
                "compositions", "First scalar, second scalar, what canonical composition makes of them; sorted.",
                compositions(decomposed)),
            literal(
                "lowercase", "Lowercase mappings.",
                [x for u in sorted(lowercase) for x in [u, len(lowercase[u])] + lowercase[u]]),
        ])
    print(f"growth {growth}, {len(decomposed)} decompositions, {len(lowercase)} lowercase", file=sys.stderr)


main()
