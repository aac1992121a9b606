"""Encoded-words (RFC 2047), both ways: text in header fields that are otherwise ASCII.

What lives here: finding and decoding encoded-words in the text of a field, and writing text as
encoded-words. What does not: where a field may have them; the readers of structured fields ask
after they have found their words, so that nothing an encoded-word says can be taken for structure.

Invariants

* A decoded text holds no CR, LF or NUL: those are U+FFFD, and a defect. Whoever shows or writes a
  decoded text cannot be made to begin a new field.
* Neighbours in the same charset and encoding are joined before they are decoded: senders cut in the
  middle of a character.
* What looks like an encoded-word and cannot be decoded stays as it stands.
"""

from __future__ import annotations

import binascii
import re
from typing import Final

from .._grammar import b64encode
from ..errors import Defect
from ._charsets import decode_inner
from ._vocabulary import Text

__all__ = ["decode_words", "encode_words", "one_line", "parse_text"]

# charset[*language], encoding, text. More than the RFC has: spaces within, and any length.
_WORD: Final = re.compile(
    r"=\?([!#-'+\-0-9A-Z^-~]{1,60}+)(?:\*[^?\s]{0,60}+)?\?([BbQq])\?([^?\r\n]*+)\?=", re.ASCII
)
# Words in UTF-8 and one encoding, and nothing else: what most senders write.
_RUN: Final = re.compile(
    r"=\?[Uu][Tt][Ff]-8\?([BbQq])\?[!->@-~]*+\?="
    r"(?:[ \t\r\n]++=\?[Uu][Tt][Ff]-8\?\1\?[!->@-~]*+\?=)*+"
)
_BASE64: Final = re.compile(r"(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?+")
_FOLD: Final = re.compile(r"\r?\n(?=[ \t])")
_NEWLINE: Final = re.compile(r"\r?\n")
_EVIL: Final = re.compile(r"[\r\n\0]")
_QUOTED: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
_BAD_QUOTED: Final = re.compile(rb"=(?![0-9A-Fa-f]{2})")
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]")


def one_line(text: str) -> str:
    """`text` unfolded, and without CR, LF and NUL.

    A line end that is no fold - somebody forgot to indent the next line - becomes a space, any
    other of the three U+FFFD.
    """
    if "\n" in text:
        text = _NEWLINE.sub(" ", _FOLD.sub("", text))
    return _EVIL.sub("\ufffd", text) if "\r" in text or "\0" in text else text


def decode_words(text: str) -> str:
    """`text` on one line, and its encoded-words decoded."""
    if "=?" not in text:
        return one_line(text)
    run = _RUN.fullmatch(text)
    if run is not None:
        said = _run(text.split("?")[3::4], run[1] in "Qq")  # what they say holds no question mark
        if said is not None:
            return said
    return _decoded(one_line(text), None)


def _run(words: list[str], quoted: bool) -> str | None:
    """What words that are alike say together; None if that takes a closer look."""
    if quoted:
        raw = "".join(words).replace("_", " ").encode("ascii")
        octets = binascii.a2b_qp(raw)
        if len(raw) - len(octets) != 2 * raw.count(b"="):  # an `=` that begins no escape is kept
            return None
    else:
        for word in words:
            if _BASE64.fullmatch(word) is None:
                return None
        octets = b"".join(map(binascii.a2b_base64, words))
    try:
        said = octets.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _EVIL.search(said) is not None else said


def parse_text(text: str) -> Text:
    """The value of an unstructured field. Never raises."""
    defects: list[Defect] = []
    unfolded = one_line(text.strip(" \t\r\n"))
    if "=?" in unfolded:
        unfolded = _decoded(unfolded, defects)
    return Text(unfolded, defects=tuple(defects[:100]))


def _decoded(text: str, defects: list[Defect] | None) -> str:
    pieces: list[str] = []
    at = 0
    run: list[bytes] = []  # neighbours that are alike, not decoded yet
    alike = ("", "")
    for match in _WORD.finditer(text):
        charset, encoding, inner = match[1], match[2].upper(), match[3]
        octets = _octets(inner, encoding, match.start(), defects)
        if octets is None or not inner.isascii():
            continue
        between = text[at : match.start()]
        neighbour = at > 0 and not between.strip(" \t\r\n")
        kind = (charset.lower(), encoding)
        if run and neighbour and kind == alike:
            run.append(octets)
        else:
            if run:
                pieces.append(_said(run, alike[0], defects))
            if not (run and neighbour):
                pieces.append(between)
            run = [octets]
            alike = kind
        at = match.end()
    if run:
        pieces.append(_said(run, alike[0], defects))
    pieces.append(text[at:])
    return "".join(pieces)


def _said(run: list[bytes], charset: str, defects: list[Defect] | None) -> str:
    decoded = decode_inner(b"".join(run), charset)
    if defects is not None:
        defects.extend(decoded.defects)
    text = decoded.text
    if _EVIL.search(text) is not None:
        if defects is not None:
            defects.append(Defect("control_in_encoded_word", 0, run[0][:40], "U+FFFD"))
        text = _EVIL.sub("\ufffd", text)
    return text


def _octets(inner: str, encoding: str, at: int, defects: list[Defect] | None) -> bytes | None:
    """What is encoded; None if it is not."""
    raw = inner.encode("ascii", "replace")
    if encoding == "Q":
        raw = raw.replace(b"_", b" ")
        if _BAD_QUOTED.search(raw) is None:
            return binascii.a2b_qp(raw)
        return _QUOTED.sub(lambda match: bytes((int(match[1], 16),)), raw)
    clean = _NOT_BASE64.sub(b"", raw)
    left = len(clean) % 4
    if left == 1:
        clean, left = clean[:-1], 0
        if not clean:
            return None if raw else b""
    if defects is not None and (raw.rstrip(b"=") != clean or (len(raw) % 4 and raw)):
        defects.append(Defect("bad_base64_word", at, raw[:40], "decoded as far as it goes"))
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


# --- Writing --------------------------------------------------------------------------------------

_LONGEST: Final = 75  # RFC 2047 section 2
_OVERHEAD: Final = len("=?utf-8?q??=")
# What `b2a_qp` leaves as it is, and a Q word may not have; RFC 2047 section 5 (3) says what it may
# have within a phrase.
_UNSAFE_TEXT: Final = re.compile(rb'[\t"?]')
_UNSAFE_PHRASE: Final = re.compile(rb"[^A-Za-z0-9!*+\-/=_]")


def _q(octets: bytes, phrase: bool) -> bytes:
    """`octets` in the Q encoding."""
    # The octet behind them keeps their last from being taken for the end of a line.
    quoted = binascii.b2a_qp(octets + b"x", istext=False, header=True)[:-1].replace(b"=\n", b"")
    unsafe = _UNSAFE_PHRASE if phrase else _UNSAFE_TEXT
    if unsafe.search(quoted) is not None:
        quoted = unsafe.sub(lambda match: b"=%02X" % match[0][0], quoted)
    return quoted


def _cut(quoted: bytes, at: int) -> int:
    """`at`, or a little before: not within an =XY, nor within a character."""
    if b"=" in quoted[at - 2 : at]:
        at = quoted.rfind(b"=", 0, at)
    while quoted[at : at + 1] == b"=" and quoted[at + 1] in b"89AB":
        at -= 3
    return at


def encode_words(text: str, *, phrase: bool = False, first: int = _LONGEST) -> list[str]:
    """`text` as encoded-words in UTF-8: joined by spaces they say it again.

    Each is at most 75 octets long, the first at most `first` if that leaves room for a character.
    They are cut between characters. `phrase` keeps to what RFC 2047 section 5 (3) allows there.
    Raises ValueError for CR, LF, NUL and lone surrogates.
    """
    if _EVIL.search(text) is not None:
        raise ValueError("a header value holds no CR, LF or NUL")
    try:
        octets = text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate cannot be written") from None
    size = len(octets)
    quoted = _q(octets, phrase)
    if len(quoted) > size * 4 // 3:
        return _b_words(octets, first)
    words: list[str] = []
    at, end = 0, len(quoted)
    room = max(first, _OVERHEAD + 12) - _OVERHEAD
    while at < end:
        stop = end if end - at <= room else _cut(quoted, at + room)
        words.append(f"=?utf-8?q?{quoted[at:stop].decode('ascii')}?=")
        at, room = stop, _LONGEST - _OVERHEAD
    return words


def _b_words(octets: bytes, first: int) -> list[str]:
    """`octets` of text in UTF-8 as words in base64."""
    words: list[str] = []
    at, size = 0, len(octets)
    room = max(first, _OVERHEAD + 12) - _OVERHEAD
    while at < size:
        stop = at + room // 4 * 3
        if stop < size:
            while octets[stop] & 0xC0 == 0x80:  # not within a character
                stop -= 1
        words.append(f"=?utf-8?b?{b64encode(octets[at:stop]).decode()}?=")
        at, room = stop, _LONGEST - _OVERHEAD
    return words
