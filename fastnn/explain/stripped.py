"""Scripts and style sheets without their comments, their indentation and needless spaces.

Strings, templates and regular expressions stay as they are, as do all names; so a script keeps its
tokens, and the line ends on which automatic semicolons depend. A slash begins a regular expression
where no value stands before it; after ``)`` and ``}`` it divides, as everywhere in our scripts.
"""

from __future__ import annotations

import re
from functools import cache

_TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<space>\s+)
  | (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<name>[\w$\#.]*[\w$])
  | (?P<mark>=>|[^\w\s])
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?![*/])(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
_TEMPLATE = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*", re.DOTALL)
_BEFORE_REGEX = frozenset(("return", "typeof", "case", "of", "in", "await", "yield", "=>", ""))
_NO_LINE_AFTER = frozenset("{;,([")  # nor before a closing bracket: no semicolon would be put there
_NO_LINE_BEFORE = frozenset(")]}")
_CSS = re.compile(r"""(/\*.*?\*/)|("[^"]*"|'[^']*')|\s*([{};,])\s*|(\s+)""", re.DOTALL)


@cache
def script(text: str) -> str:
    """Return a script of ours without comments and needless spaces.

    Raises
    ------
    ValueError
        A text or a comment does not end.
    """
    parts: list[str] = []
    gap = ""  # the white space since the last token
    for token in tokens(text):
        if token.isspace():
            gap = "\n" if "\n" in gap + token else " "
            continue
        if parts and gap:
            parts.append(_gap(parts[-1], gap, token))
        parts.append(token)
        gap = ""
    return "".join(parts)


def tokens(text: str) -> list[str]:
    """Return the tokens of a script and its white space; a comment is white space."""
    found: list[str] = []
    depth: list[int] = []  # open braces in each template's ${…} around this place
    at, last = 0, ""
    while at < len(text):
        end = _end_of_regex(text, at, last)
        if text[at] == "`" or (text[at] == "}" and depth and depth[-1] == 0):
            if text[at] == "}":
                depth.pop()
            end = _template(text, at, depth)
        kind, token = "text", text[at:end]
        if end == at:
            m = _TOKEN.match(text, at)
            if m is None or m.group() in ("'", '"'):
                raise ValueError(f"a text does not end: {text[at : at + 40]!r}")
            kind, token = str(m.lastgroup), m.group()
        if depth and token in ("{", "}"):
            depth[-1] += 1 if token == "{" else -1
        at += len(token)
        if kind == "comment":
            token = "\n" if "\n" in token else " "
        elif kind != "space":
            last = token
        found.append(token)
    return found


def style(text: str) -> str:
    """Return a style sheet of ours without comments and needless spaces."""

    def short(m: re.Match[str]) -> str:
        return m[2] or m[3] or " "

    bare = _CSS.sub(lambda m: "" if m[1] else m[0], text)
    return _CSS.sub(short, bare).strip()


def _end_of_regex(text: str, at: int, last: str) -> int:
    """Return where a regular expression ends that begins at `at`; `at` if there is none."""
    value_before = last[-1:].isalnum() or last[-1:] in "_$)]}\"'`"
    if text[at] != "/" or (value_before and last not in _BEFORE_REGEX):
        return at
    m = _REGEX.match(text, at)
    return at if m is None else m.end()


def _template(text: str, at: int, depth: list[int]) -> int:
    """Return where a part of a template ends: behind its last ` or the next ${."""
    m = _TEMPLATE.match(text, at + 1)
    assert m is not None
    if text.startswith("${", m.end()):
        depth.append(0)
        return m.end() + 2
    if not text.startswith("`", m.end()):
        raise ValueError(f"a template does not end: {text[at : at + 40]!r}")
    return m.end() + 1


def _gap(before: str, gap: str, after: str) -> str:
    """Return what must stand between two tokens that a gap parted."""
    if gap == "\n" and not (before[-1] in _NO_LINE_AFTER or after[0] in _NO_LINE_BEFORE):
        return "\n"
    one_word = _joins(before[-1]) and _joins(after[0])
    one_mark = before[-1] == after[0] and after[0] in "+-/"
    return " " if one_word or one_mark else ""


def _joins(letter: str) -> bool:
    return letter.isalnum() or letter in "_$#."
