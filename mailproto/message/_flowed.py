"""format=flowed (RFC 3676): paragraphs in lines that any program can show.

What lives here: `parse_flowed()`, from lines to paragraphs, and `format_flowed()`, back to lines.
What does not: whether a text is flowed; that is a parameter of its Content-Type, at which
`Part.paragraphs` looks.

A line that ends with a space flows into the next one, if that is quoted as deeply. `>`s at its
start say how deeply that is; one space behind them is stuffing, so that a line may begin with a
space, a `>` or `From `. `-- ` alone is the signature's separator, and flows nowhere. With DelSp=yes
the space at the end is taken away, so that a line can be broken within a word.

Invariant: reading what was written gives the paragraphs that were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

__all__ = ["Paragraph", "format_flowed", "parse_flowed"]

_WIDTH: Final = 72  # RFC 3676 section 4.2: lines of 78 at most, 66 and fewer are common
_SEPARATOR: Final = "-- "
_WORD: Final = re.compile(r" *[^ ]+ *| +")
_STUFFED: Final = (" ", ">", "From ")


@attrs.frozen
class Paragraph:
    """A paragraph, or a line that was not to be flowed."""

    text: str
    """Without line ends. Spaces at its end are not written, but for the separator's."""
    depth: int = 0
    """How often it was quoted."""


def parse_flowed(text: str, *, delsp: bool = False) -> tuple[Paragraph, ...]:
    """The paragraphs of a text whose lines end with LF. Never raises.

    `delsp` is the parameter DelSp. The LF at the very end begins no paragraph.
    """
    paragraphs: list[Paragraph] = []
    flowing: list[str] = []
    depth = 0
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    for line in lines:
        rest = line.lstrip(">")
        quoted = len(line) - len(rest)
        if rest[:1] == " ":
            rest = rest[1:]
        if flowing and (quoted != depth or rest == _SEPARATOR):  # RFC 3676 section 4.5
            paragraphs.append(Paragraph("".join(flowing), depth))
            flowing.clear()
        depth = quoted
        if rest[-1:] == " " and rest != _SEPARATOR:
            flowing.append(rest[:-1] if delsp else rest)
            continue
        flowing.append(rest)
        paragraphs.append(Paragraph("".join(flowing), depth))
        flowing.clear()
    if flowing:
        paragraphs.append(Paragraph("".join(flowing), depth))
    return tuple(paragraphs)


def format_flowed(
    paragraphs: Iterable[Paragraph], *, width: int = _WIDTH, delsp: bool = False
) -> str:
    """Lines of at most `width` characters where there are spaces to break at, each with LF.

    It goes out as text/plain with format=flowed, and delsp=yes if that was said. Raises ValueError
    for a line end within a paragraph and for a depth below 0.
    """
    lines: list[str] = []
    for paragraph in paragraphs:
        text, depth = paragraph.text, paragraph.depth
        if "\n" in text or "\r" in text:
            raise ValueError(f"a paragraph holds no line ends: {text[:80]!r}")
        if depth < 0:
            raise ValueError(f"a paragraph is quoted 0 times at least, not {depth}")
        if text != _SEPARATOR:
            text = text.rstrip(" ")
        pieces = [text] if text == _SEPARATOR else _broken(text, max(width - depth - 2, 1))
        lines += [_line(f"{piece} " if delsp else piece, depth) for piece in pieces[:-1]]
        lines.append(_line(pieces[-1], depth))
    return "".join([f"{line}\n" for line in lines])


def _broken(text: str, room: int) -> list[str]:
    """Pieces that end with a space, but for the last."""
    if len(text) <= room:
        return [text]
    pieces: list[str] = []
    piece = ""
    for match in _WORD.finditer(text):
        word = match[0]
        # A line that is `-- ` would be taken for the signature's separator.
        if piece and piece != _SEPARATOR and len(piece) + len(word.rstrip(" ")) > room:
            pieces.append(piece)
            piece = ""
        piece += word
    pieces.append(piece)
    return pieces


def _line(piece: str, depth: int) -> str:
    stuffing = " " if piece.startswith(_STUFFED) or (depth and piece) else ""
    return f"{'>' * depth}{stuffing}{piece}"
