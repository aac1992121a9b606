"""The words of a structured field (RFC 5322 section 3.2, and what section 4 still allows).

What lives here: the pieces that every structured value is made of - white space and comments,
atoms, quoted strings, domain literals, MIME tokens - as patterns, and a `Lexer` that walks over
them; and how a field begins. What does not: any particular field.

A value is read with its folds in it (a line end followed by white space is white space), so a
position in the text is a position in the message, as far as both are ASCII.

Invariants: every pattern is linear; a walk only goes forward; parentheses are matched once for a
whole text, so `(` * 50000 costs what 50000 letters cost; nothing here recurses or raises.
"""

from __future__ import annotations

import re
from typing import Final

from .._grammar import ATEXT, with_utf8

__all__ = [
    "ATOM",
    "DOMAIN_LITERAL",
    "DOT_ATOM",
    "FIELD_START",
    "FWS",
    "QUOTED",
    "TOKEN",
    "Lexer",
    "quote",
    "unquote",
]

FIELD_START: Final = rb"[!-9;-~]{1,998}+[ \t]{0,99}+:"
"""A line of a header that begins like this begins a field: its name (RFC 5322 section 3.6.8), white
space that should not be there, and a colon."""
FWS: Final = re.compile(r"[ \t\r\n]*")
"""White space and folds. A bare CR or LF counts as well: outside the field they cannot be."""
ATOM: Final = re.compile(with_utf8(ATEXT) + "+")
"""An atom without its CFWS; UTF-8 as in RFC 6532."""
DOT_ATOM: Final = re.compile(rf"{with_utf8(ATEXT)}+(?:\.{with_utf8(ATEXT)}+)*")
QUOTED: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
"""A quoted string that is closed, folds and all."""
DOMAIN_LITERAL: Final = re.compile(r"\[[^\[\]\\]*(?:\\.[^\[\]\\]*)*\]", re.DOTALL)
TOKEN: Final = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")
"""A token (RFC 2045 section 5.1)."""

_PAREN: Final = re.compile(r"[()]|\\.", re.DOTALL)
_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_FOLD: Final = re.compile(r"\r?\n(?=[ \t])")
_SPECIAL: Final = re.compile(r'(["\\])')


def unquote(quoted: str) -> str:
    """What a quoted string, comment or domain literal says, without its marks, folds, quoting."""
    inner = _FOLD.sub("", quoted[1:-1])
    return _PAIR.sub(r"\1", inner) if "\\" in inner else inner


def quote(text: str) -> str:
    """`text` as a quoted string. It must hold no CR, LF or NUL: who writes has checked that."""
    return '"' + _SPECIAL.sub(r"\\\1", text) + '"'


class Lexer:
    """Walks over the text of one value. `pos` is where it stands; it never goes back."""

    __slots__ = ("_closers", "comments", "pos", "text")

    def __init__(self, text: str, pos: int = 0) -> None:
        self.text = text
        self.pos = pos
        self.comments: list[str] = []
        """The comments that `skip()` has passed, in order, without their outer parentheses."""
        self._closers: dict[int, int] | None = None

    @property
    def done(self) -> bool:
        """Whether the text is used up."""
        return self.pos >= len(self.text)

    def skip(self) -> None:
        """Go over white space and comments (CFWS). A `(` that nothing closes is not a comment."""
        text = self.text
        while True:
            space = FWS.match(text, self.pos)
            assert space is not None  # it matches nothing at all, too
            self.pos = space.end()
            if not text.startswith("(", self.pos):
                return
            close = self.closer(self.pos)
            if close < 0:
                return
            self.comments.append(unquote(text[self.pos : close + 1]))
            self.pos = close + 1

    def closer(self, at: int) -> int:
        """Where the `(` at `at` is closed, or -1."""
        if self._closers is None:
            closers: dict[int, int] = {}
            open_ones: list[int] = []
            for match in _PAREN.finditer(self.text, at):
                sign = match[0]
                if sign == "(":
                    open_ones.append(match.start())
                elif sign == ")" and open_ones:
                    closers[open_ones.pop()] = match.start()
            self._closers = closers
        return self._closers.get(at, -1)

    def take(self, pattern: re.Pattern[str]) -> str:
        """What `pattern` matches here; "" if it does not. The walk goes behind it."""
        match = pattern.match(self.text, self.pos)
        if match is None:
            return ""
        self.pos = match.end()
        return match[0]

    def sign(self, sign: str) -> bool:
        """Whether `sign` stands here; if so the walk goes behind it."""
        if self.text.startswith(sign, self.pos):
            self.pos += len(sign)
            return True
        return False

    def take_comments(self) -> tuple[str, ...]:
        """The comments passed since this was last asked."""
        taken = tuple(self.comments)
        self.comments.clear()
        return taken
