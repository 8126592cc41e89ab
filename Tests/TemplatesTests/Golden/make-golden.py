"""Writes what transformers renders of templates, for the tests beside this folder.

transformers 5.24.0, jinja2 3.1.6, Python 3.11. Nothing is downloaded; nothing depends on the machine or the clock.

    python3 make-golden.py prompts > prompts.json            every template of templates/ with every conversation
    python3 make-golden.py expressions > expressions.json    generated templates, over all constructs
    python3 make-golden.py prompts FOLDER > elsewhere.json   the templates of another folder
    python3 make-golden.py expressions COUNT FIRST_SEED      more of them

A result is a text, or null where the reference raises an error.
"""

import json
import pathlib
import random
import re
import resource
import sys

from transformers.utils.chat_template_utils import _normalize_chat_messages, render_jinja_template

HERE = pathlib.Path(__file__).parent
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def render(source, messages, generation, variables):
    try:
        texts, _ = render_jinja_template(
            conversations=[_normalize_chat_messages(messages)], chat_template=source,
            add_generation_prompt=generation, **variables)
    except Exception:
        return None
    try:
        texts[0].encode()
    except UnicodeEncodeError:
        return None
    return texts[0]


def prompts(folder):
    conversations = json.loads((HERE / "conversations.json").read_text())
    results = {}
    for path in sorted(folder.glob("*.jinja")):
        source = path.read_text()
        of_template = results[path.stem] = {}
        for name, conversation in conversations.items():
            variables = {**TOKENS, **conversation.get("variables", {})}
            of_template[name] = [
                render(source, conversation["messages"], generation, variables) for generation in (False, True)]
    return results


class Generator:
    """Random templates that are mostly in order: expressions have a kind, and one in some is of another."""

    NAMES = {
        "number": ["n", "zero", "half", "big"], "text": ["s", "empty", "uni", "lines"], "list": ["xs", "words", "none_yet", "dicts"],
        "dict": ["d", "nested"], "any": ["missing", "nothing", "yes", "no"],
    }
    VALUES = {
        "n": 7, "zero": 0, "half": -2.5, "big": 12345, "s": "Hello World", "empty": "", "uni": "ß ΑΣ\u00a0😀 ǆ'\"\\",
        "lines": " a\n\n  b\tc \r\nd", "xs": [3, 1, 2, 1], "words": ["b", "A", "c d", ""], "none_yet": [],
        "dicts": [{"k": "x", "v": 1}, {"k": "y", "v": None}, {"k": "x"}, {"k": "z", "v": 0.5, "deep": {"q": [1, 2]}}],
        "d": {"a": 1, "B": "two", "c": [1, {"e": None}], "items": "field"}, "nested": {"d": {"d": {"x": True}}, "1": 2},
        "nothing": None, "yes": True, "no": False,
    }
    KINDS = list(NAMES)

    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *options):
        return self.random.choice(options)

    def some(self, kind, depth):
        """An expression of a kind, seldom of another."""
        if self.random.random() < 0.04:
            kind = self.pick(*self.KINDS)
        return getattr(self, kind)(depth - 1)

    def leaf(self, kind):
        return self.pick(*self.NAMES[kind])

    def number(self, depth):
        if depth <= 0:
            return self.pick(self.leaf("number"), str(self.random.randint(0, 20)), self.pick("1.5", "2e3", "1_000", "0x1F", "-3", "1e-7"))
        return self.pick(
            lambda: f"({self.some('number', depth)} {self.pick('+', '-', '*', '/', '//', '%')} {self.some('number', depth)})",
            lambda: f"{self.some('number', depth)} {self.pick('+', '-', '*')} {self.some('number', depth)} {self.pick('//', '%', '*')} {self.pick('3', '-4', '2.5')}",
            lambda: f"{self.pick('2', '-2', '1.5')} ** {self.pick('3', '2', '-1', '2 * 0.5')}",
            lambda: f"({self.some('list', depth)} | length)", lambda: f"{self.some('text', depth)}|length",
            lambda: f"({self.some('text', depth)}).{self.pick('find', 'rfind', 'count')}({self.pick(*['`o`', '`l`', '``'])})",
            lambda: f"({self.pick(self.some('text', depth), self.some('number', depth), repr(' 42 '), repr('4.9'), repr('x'))})|{self.pick('int', 'float', 'int(5)', 'float(0.5)')}",
            lambda: f"-{self.some('number', depth)}", lambda: f"({self.some('number', depth)})|abs",
            lambda: f"{self.leaf('list')}.{self.pick('count', 'index')}({self.pick('1', '2', 'n')})",
            lambda: f"d.get({self.pick(*['`a`', '`zz`', '`zz`, 5'])})",
            lambda: self.item(depth))()

    def text(self, depth):
        quoted = self.pick("'it''s'", "\"q\\\"\\n\"", "'\\u00e9\\x41\\101'", "''", "'a,b,,c'", "' pad '", "'\\d\\\\'")
        if depth <= 0:
            return self.pick(self.leaf("text"), self.leaf("text"), quoted)
        return self.pick(
            lambda: f"({self.some('text', depth)} ~ {self.some(self.pick(*self.KINDS), depth)})",
            lambda: f"({self.some('text', depth)} + {self.some('text', depth)})", lambda: f"{self.pick('s', quoted)} * {self.pick('2', '0', '3')}",
            lambda: f"({self.some('text', depth)})|{self.pick('upper', 'lower', 'title', 'capitalize', 'trim', 'string', 'reverse')}",
            lambda: f"({self.some('text', depth)}).{self.pick('upper', 'lower', 'title', 'capitalize', 'strip', 'lstrip', 'rstrip')}()",
            lambda: f"({self.some('text', depth)}).{self.pick('strip', 'lstrip', 'rstrip')}({self.pick(*['`Hd`', '` H`', 'none'])})",
            lambda: f"({self.some('text', depth)}){self.slice()}",
            lambda: f"({self.some('text', depth)}).replace({self.pick(*['`l`, `L`', '``, `-`', '`o`, ``, 1'])})",
            lambda: f"{self.some('text', depth)}|replace({self.pick(*['`l`, n', '`a`, `b`, 1', '` `, `_`'])})",
            lambda: f"({self.some('list', depth)})|join({self.pick('', repr(', '), 'n')})",
            lambda: f"{self.pick(repr('-'), 's')}.join({self.pick('words', 'd', 'xs', 's')})",
            lambda: f"({self.some(self.pick(*self.KINDS), depth)})|string",
            lambda: f"{self.some(self.pick(*self.KINDS), depth)}|tojson({self.pick('', 'indent=2', 'true', 'sort_keys=true', 'separators=(`,`, `:`)', 'ensure_ascii=false, indent=1')})",
            lambda: f"({self.some('text', depth)})|indent({self.pick('', '2', '2, true', '1, blank=true', 'width=3, first=true')})",
            lambda: f"({self.some('text', depth)}).{self.pick('removeprefix', 'removesuffix')}({self.pick(repr('He'), repr('ld'))})",
            lambda: self.item(depth))()

    def slice(self):
        bound = lambda: self.pick("", "0", "1", "2", "-1", "-2", "n", "99", "-99")
        return self.pick(f"[{bound()}:{bound()}]", f"[{bound()}:{bound()}:{self.pick('', '1', '2', '-1', '-2')}]", "[::-1]", "[1:]")

    def list(self, depth):
        if depth <= 0:
            return self.pick(self.leaf("list"), self.leaf("list"), "[1, 2, 3]", "[]", "(1, 'a', none)", "['x', ['y']]", "(1,)")
        attribute = self.pick("'k'", "'v'", "'deep.q'", "'deep.q.1'", "'k', 'equalto', 'x'", "'v', 'defined'", "'v', '>', 0", "'k', 'in', ['x', 'z']", "'v', 'none'")
        return self.pick(
            lambda: f"[{self.some('number', depth)}, {self.some('text', depth)}]", lambda: f"({self.some('list', depth)}){self.slice()}",
            lambda: f"({self.some('list', depth)} + {self.some('list', depth)})", lambda: f"{self.leaf('list')} * 2",
            lambda: f"range({self.pick('3', 'n', '1, 4', '5, 0, -2', '2, 2', 'zero')})|list",
            lambda: f"({self.some('text', depth)}).{self.pick('split', 'rsplit')}({self.pick(*['', repr(' '), repr('l'), repr(' ') + ', 1', 'none, 1', 'sep=' + repr('o')])})",
            lambda: f"({self.some('text', depth)}).splitlines()", lambda: f"({self.some('text', depth)}).partition('o')",
            lambda: f"dicts|{self.pick('selectattr', 'rejectattr')}({attribute})|list",
            lambda: f"dicts|map(attribute={self.pick(*['`k`', '`v`', '`v`, default=9', '`zz`'])})|list",
            lambda: f"({self.some('list', depth)})|map({self.pick(*[repr('string'), repr('upper'), repr('tojson'), repr('default') + ', 1', repr('length')])})|list",
            lambda: f"({self.some('list', depth)})|{self.pick('select', 'reject')}({self.pick(*['', repr('string'), repr('number'), repr('equalto') + ', 1', repr('odd')])})|list",
            lambda: f"({self.some(self.pick('list', 'text', 'dict'), depth)})|list", lambda: f"({self.some('list', depth)})|reverse|list",
            lambda: f"({self.some('list', depth)})|{self.pick('sort', 'sort(reverse=true)', 'unique', 'sort(false, true)')}|list",
            lambda: f"({self.some('dict', depth)}).{self.pick('items', 'keys', 'values')}(){self.pick('', '|list')}",
            lambda: f"({self.some('dict', depth)})|{self.pick('items|list', 'dictsort', 'dictsort(true)', 'dictsort(reverse=true)')}", lambda: self.item(depth))()

    def dict(self, depth):
        if depth <= 0:
            return self.pick(self.leaf("dict"), "{}", "{'a': 1, 'b': [2]}", "{1: 'x', true: 'y', none: 2.0}")
        return self.pick(
            lambda: f"{{'k': {self.some('number', depth)}, 'k2': {self.some('text', depth)}, 'k': {self.some('any', depth)}}}",
            lambda: f"dict({self.pick('d', '')}{self.pick(', ', '')}x={self.some('number', depth)})".replace("(, ", "(").replace("dx=", "d, x="),
            lambda: "nested.d", lambda: f"dicts[{self.pick('0', '1', '-1', '2')}]", lambda: "nested['d'].d")()

    def item(self, depth):
        return self.pick(
            f"xs[{self.pick('0', '-1', '9', 'n', 'true')}]", f"s[{self.pick('0', '-1', '50')}]", "dicts[0].k", "dicts[1]['v']", "dicts[3].deep.q[1]",
            "d.a", "d.B", "d['items']", "d.c[1].e", "nested['1']", "nested.d.d.x", "d.zzz", "missing.x", "words.0", "uni[0]", "d.c.0", "s.nothing",
            f"({self.some('list', depth)})|{self.pick('first', 'last')}", "[]|first", "d.get('B')")

    def any(self, depth):
        if depth <= 0:
            return self.leaf("any")
        return self.pick(
            lambda: self.condition(depth), lambda: f"({self.some('any', depth)} {self.pick('and', 'or')} {self.some(self.pick(*self.KINDS), depth)})",
            lambda: f"({self.some('text', depth)} if {self.condition(depth)} else {self.some('number', depth)})",
            lambda: f"({self.some('text', depth)} if {self.condition(depth)})",
            lambda: f"{self.some(self.pick(*self.KINDS), depth)}|{self.pick('default', 'd')}({self.pick('1', repr('x'), repr('x') + ', true', 'default_value=2, boolean=true')})",
            lambda: self.item(depth))()

    def condition(self, depth):
        if depth <= 0:
            return self.pick("yes", "no", "missing", "xs", "empty", "n", "zero", "nothing")
        test = self.pick(
            "defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "integer", "float", "boolean", "true", "false",
            "odd", "even", "divisibleby 3", "divisibleby(2)", "equalto 7", "eq(n)", "in [1, 7, 'b']", "in(xs)", "ne 1", "lt 5", "ge(2)", "upper", "lower",
            "callable", "none")
        kind = self.pick("number", "text", "list")
        return self.pick(
            lambda: f"({self.some(self.pick(*self.KINDS), depth)} is {self.pick('', 'not ')}{test})",
            lambda: f"({self.some(kind, depth)} {self.pick('==', '!=', '<', '<=', '>', '>=')} {self.some(kind, depth)})",
            lambda: f"(1 < {self.some('number', depth)} <= {self.some('number', depth)})",
            lambda: f"({self.pick('1', repr('b'), repr('k'), self.some('text', depth))} {self.pick('in', 'not in')} {self.some(self.pick('list', 'text', 'dict'), depth)})",
            lambda: f"not {self.condition(depth - 1)}", lambda: f"({self.condition(depth - 1)} {self.pick('and', 'or')} {self.condition(depth - 1)})",
            lambda: f"({self.some('text', depth)}).{self.pick('startswith', 'endswith')}({self.pick(repr('H'), repr('d'), repr(''), '(' + repr('x') + ', ' + repr('Hel') + ')')})",
            lambda: f"({self.some('text', depth)}).{self.pick('isdigit', 'isalpha', 'isspace', 'isupper', 'islower', 'isalnum')}()")()

    def tag(self, body):
        return "{%" + self.pick("", "", "-", "+") + " " + body + " " + self.pick("", "", "-", "+") + "%}"

    def space(self):
        return self.pick("", "", " ", "\n", "\n  ", "x", " y \n", "\t", "\n\n", "{# c #}", "\n {#- c -#} \n")

    def print(self):
        # Texts marked safe are Markup in jinja2, which escapes what is added to it; here they can be printed.
        safe = self.pick("", "", "", "", "", "|safe")
        return "{{" + self.pick("", "-") + " (" + self.some(self.pick(*self.KINDS), 3) + ")" + safe + " " + self.pick("", "-") + "}}"

    def block(self, depth, in_loop=False):
        parts = []
        for _ in range(self.random.randint(1, 3)):
            parts.append(self.space() + (self.statement(depth, in_loop) if depth > 0 else self.print()) + self.space())
        return "".join(parts)

    def statement(self, depth, in_loop):
        target = self.pick("a", "b", "n", "s")
        return self.pick(
            lambda: self.print(), lambda: self.print(),
            lambda: self.tag(f"if {self.condition(2)}") + self.block(depth - 1, in_loop)
            + self.pick("", self.tag(f"elif {self.condition(1)}") + self.block(depth - 1, in_loop))
            + self.pick("", self.tag("else") + self.block(depth - 1, in_loop)) + self.tag("endif"),
            lambda: self.loop(depth),
            lambda: self.tag(f"set {target} = {self.some(self.pick(*self.KINDS), 2)}") + "{{ " + target + " }}",
            lambda: self.tag(f"set {target}{self.pick('', ' | trim', ' | upper')}") + self.block(depth - 1) + self.tag("endset") + "{{ " + target + " }}",
            lambda: self.tag("set ns.v = " + self.pick("ns.v + 1", "ns.v ~ '!'", self.some("any", 1))) + "{{ ns.v }}",
            lambda: self.tag("set a, b = " + self.pick("1, 2", "xs[:2]", "'xy'", "d.items()|first")) + "{{ b }}{{ a }}",
            lambda: self.tag(f"filter {self.pick('trim', 'upper', 'replace(`a`, n)', 'indent(2)|upper')}") + self.block(depth - 1) + self.tag("endfilter"),
            lambda: self.tag("generation") + self.block(depth - 1) + self.tag("endgeneration"),
            lambda: "{{ " + self.pick("m(1)", "m(s, t=n)", "m(t=1, p=2)", "m()", "m(m(1), xs)", "m(1, 2, 3)", "m(1, z=2)") + " }}",
            lambda: self.tag("raw") + self.pick(" {{ x }} ", "{% if %}", "\n {#") + self.tag("endraw"),
            lambda: self.tag(f"if {self.condition(1)}") + self.tag(self.pick("break", "continue")) + self.tag("endif") if in_loop else self.print())()

    def loop(self, depth):
        head, use = self.pick(
            ("i in " + self.some("list", 1), "{{ i }}"), ("i in " + self.some("text", 1), "{{ i }}"), ("k, v in d.items()", "{{ k }}={{ v }}"),
            ("k in d", "{{ k }}"), ("i in range(4) if i is odd or ns.v", "{{ i }}"), ("i in dicts if i.v", "{{ i.k }}"), ("i in dicts", "{{ i.k }}"),
            ("(p, q) in [(1, 2), (3, 4)]", "{{ p }}{{ q }}"), ("i in missing", "{{ i }}"), ("i in xs[::-1] if i != 2", "{{ i }}"),
            ("k, v in d|dictsort", "{{ k }}"), ("i in dicts|selectattr('v')", "{{ i.k }}"))
        about = self.pick("", "{{ loop.index }}", "{{ loop.index0 }}/{{ loop.length }}", "{{ loop.first }}{{ loop.last }}", "{{ loop.revindex }}{{ loop.revindex0 }}",
                          "{{ loop.previtem }}>{{ loop.nextitem }}", "{{ loop.cycle('o', 'e') }}", "{{ ',' if not loop.last }}", "{{ loop.depth }}")
        return (self.tag("for " + head) + use + about + self.block(depth - 1, True)
                + self.pick("", "", self.tag("else") + self.block(depth - 1)) + self.tag("endfor"))

    def template(self):
        macro = "{% macro m(p, t='T') %}<{{ p }}|{{ t }}|{{ n }}>{% if p is number and p > 0 %}{{ m(p - 1, t) }}{% endif %}{% endmacro %}"
        # Backticks stand for quotes that Python 3.11 does not take within an f-string.
        return ("{% set ns = namespace(v=0) %}" + macro + self.block(2)).replace("`", "'")


def expressions(count=700, seed=0):
    # A template may by chance repeat a text a hundred million times.
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    results = []
    while len(results) < count:
        seed += 1
        source = Generator(seed).template()
        if len(source) > 900:
            continue
        text = render(source, [{"role": "user", "content": "x"}], False, Generator.VALUES)
        # Half of the templates that fail are enough to know that errors are errors.
        if text is None and seed % 2:
            continue
        if text is not None and (" object at 0x" in text or "Markup(" in text or len(text) > 2000 or "<Macro" in text or "<Namespace" in text
                                 or re.search("[0-9]{17}", text)):
            continue
        results.append([source, text])
    return {"variables": Generator.VALUES, "templates": results}


if __name__ == "__main__":
    what = sys.argv[1]
    made = expressions(*map(int, sys.argv[2:])) if what == "expressions" else prompts(pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else HERE / "templates")
    json.dump(made, sys.stdout, ensure_ascii=False, indent=0, sort_keys=what == "prompts")
    print()
