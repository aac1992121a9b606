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

__all__ = ["decode_words", "encode_words", "parse_text"]

# charset[*language], encoding, text. More than the RFC has: spaces within, and any length.
_WORD: Final = re.compile(
    r"=\?([!#-'+\-0-9A-Z^-~]{1,60}+)(?:\*[^?\s]{0,60}+)?\?([BbQq])\?([^?\r\n]*+)\?=", re.ASCII
)
# One word in UTF-8, spelled as the RFC wants it.
_ONE: Final = re.compile(
    r"([ \t]*+)=\?[Uu][Tt][Ff]-8\?"
    r"(?:[Bb]\?((?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?+)"
    r"|[Qq]\?((?:[!-<>@-~]|=[0-9A-Fa-f]{2})*+))\?=([ \t]*+)"
)
_FOLD: Final = re.compile(r"\r?\n(?=[ \t])")
_EVIL: Final = re.compile(r"[\r\n\0]")
_QUOTED: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]")


def decode_words(text: str) -> str:
    """`text` unfolded, and its encoded-words decoded."""
    if "=?" not in text:
        return _FOLD.sub("", text) if "\n" in text else text
    one = _ONE.fullmatch(text)
    if one is not None:  # the usual case: one word, in order
        before, inner, quoted, after = one.groups()
        octets = binascii.a2b_base64(inner) if inner is not None else _unquoted(quoted)
        try:
            said = octets.decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            if _EVIL.search(said) is None:
                return f"{before}{said}{after}"
    return _decoded(_FOLD.sub("", text) if "\n" in text else text, None)


def _unquoted(text: str) -> bytes:
    octets = text.replace("_", " ").encode("ascii")
    return binascii.a2b_qp(octets) if "=" in text else octets


def parse_text(text: str) -> Text:
    """The value of an unstructured field. Never raises."""
    defects: list[Defect] = []
    unfolded = (_FOLD.sub("", text) if "\n" in text else text).strip(" \t\r\n")
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
_SAFE_TEXT: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'()*+,-./:;<>@[\\]^`{|}~"
)
# RFC 2047 section 5 (3): what a Q word may hold as it is within a phrase
_SAFE_PHRASE: Final = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/"
)


def encode_words(text: str, *, phrase: bool = False, first: int = _LONGEST) -> list[str]:
    """`text` as encoded-words in UTF-8: joined by spaces they say it again.

    Each is at most 75 octets long, the first at most `first` if that leaves room for a character.
    They are cut between characters. `phrase` keeps to what RFC 2047 section 5 (3) allows there.
    Raises ValueError for CR, LF, NUL and lone surrogates.
    """
    if _EVIL.search(text) is not None:
        raise ValueError("a header value holds no CR, LF or NUL")
    safe = _SAFE_PHRASE if phrase else _SAFE_TEXT
    try:
        encoded = [character.encode("utf-8") for character in text]
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate cannot be written") from None
    quoted = ["".join([_q(octet, safe) for octet in one]) for one in encoded]
    room = max(first, _OVERHEAD + 12) - _OVERHEAD
    use_q = sum(map(len, quoted)) <= sum(map(len, encoded)) * 4 // 3
    words: list[str] = []
    at = 0
    while at < len(text):
        start, used = at, 0
        while at < len(text):
            size = len(quoted[at]) if use_q else len(encoded[at])
            if (used + size if use_q else (used + size + 2) // 3 * 4) > room and at > start:
                break
            used += size
            at += 1
        if use_q:
            words.append(f"=?utf-8?q?{''.join(quoted[start:at])}?=")
        else:
            words.append(f"=?utf-8?b?{b64encode(b''.join(encoded[start:at])).decode()}?=")
        room = _LONGEST - _OVERHEAD
    return words


def _q(octet: int, safe: frozenset[int]) -> str:
    if octet == 32:
        return "_"
    return chr(octet) if octet in safe else f"={octet:02X}"
