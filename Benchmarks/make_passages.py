"""Real passages of about 700 bytes, from the documentation that Debian packages carry.

    python Benchmarks/make_passages.py OUTPUT.jsonl [--count 200000] [--cache DIR]

Fetches the packages with `apt-get download` into the cache, takes the text of their HTML, text and manual pages, joins
paragraphs until a passage has 560 bytes or more, 700 on average, drops repeats, shuffles with a fixed seed, and writes v2 documents:
docid (file and number), title (the file's name), document_text. The same packages give the same bytes.
"""

import argparse
import gzip
import hashlib
import html.parser
import json
import os
import random
import re

from debian import unpacked

PACKAGES = [
    "linux-doc-6.1", "python3.11-doc", "postgresql-doc-15", "openjdk-17-doc", "perl-doc", "libboost1.74-doc", "git-doc",
    "debian-handbook", "installation-guide-amd64", "python-django-doc", "sqlite3-doc", "libglib2.0-doc",
    "libgtk-3-doc", "cppreference-doc-en-html", "anarchism", "bible-kjv-text", "manpages", "manpages-dev",
    "manpages-de", "manpages-fr", "manpages-es", "manpages-pl",
]  # fmt: skip


class Text(html.parser.HTMLParser):
    """Paragraphs of a page, without scripts and navigation."""

    BREAKS = {"p", "div", "li", "td", "th", "tr", "pre", "h1", "h2", "h3", "h4", "dd", "dt", "br", "section", "table"}
    SKIPPED = {"script", "style", "nav", "head", "footer"}

    def __init__(self):
        super().__init__()
        self.parts, self.skipping = [], 0

    def handle_starttag(self, tag, attributes):
        if tag in self.SKIPPED:
            self.skipping += 1
        elif tag in self.BREAKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag):
        if tag in self.SKIPPED:
            self.skipping = max(0, self.skipping - 1)
        elif tag in self.BREAKS:
            self.parts.append("\n\n")

    def handle_data(self, data):
        if not self.skipping:
            self.parts.append(data)


def text_of(path):
    opened = gzip.open if path.endswith(".gz") else open
    with opened(path, "rb") as file:
        text = file.read().decode("utf-8", errors="ignore")
    if re.search(r"\.html?(\.gz)?$", path):
        parser = Text()
        parser.feed(text)
        text = "".join(parser.parts)
    elif re.search(r"\.\d[a-z]*(\.gz)?$", path):
        text = re.sub(r"(?m)^\.\\\".*$|^[.']\S*|\\f[A-Z]|\\", " ", text)
    return text


def passages(path, least=560):
    held = ""
    for paragraph in re.split(r"\n\s*\n", text_of(path)):
        paragraph = " ".join(paragraph.split())
        if len(paragraph) < 3:
            continue
        held = f"{held} {paragraph}" if held else paragraph
        if len(held.encode()) >= least:
            encoded = held.encode()
            while len(encoded) >= 2 * least:
                cut = encoded.rfind(b" ", least, 2 * least)
                cut = cut if cut > 0 else least
                yield encoded[:cut].decode(errors="ignore")
                encoded = encoded[cut:].strip()
            yield encoded.decode(errors="ignore")
            held = ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--cache", default=os.path.expanduser("~/.cache/tvt/passages"))
    options = parser.parse_args()
    cache = os.path.abspath(options.cache)
    os.makedirs(cache, exist_ok=True)
    found, seen = [], set()
    for package in PACKAGES:
        for parent, folders, files in os.walk(unpacked(package, cache)):
            folders.sort()
            for name in sorted(files):
                path = os.path.join(parent, name)
                if os.path.islink(path) or not re.search(r"\.(html?|txt|rst|\d[a-z]*)(\.gz)?$", name):
                    continue
                for number, text in enumerate(passages(path)):
                    key = hashlib.blake2b(text.encode(), digest_size=12).digest()
                    if key not in seen:
                        seen.add(key)
                        found.append((os.path.relpath(path, cache), number, text))
    random.Random(42).shuffle(found)
    if len(found) < options.count:
        raise SystemExit(f"only {len(found)} passages; add packages")
    with open(options.output + ".part", "w", encoding="utf-8") as file:
        for path, number, text in found[: options.count]:
            record = {"docid": f"{path}#{number}", "title": os.path.basename(path), "document_text": text}
            file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
    os.rename(options.output + ".part", options.output)
    print(f"{options.count} of {len(found)} passages")


if __name__ == "__main__":
    main()
