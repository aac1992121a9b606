"""Content transfer encodings (RFC 2045 section 6), both ways, at once and piece by piece.

What lives here: base64, quoted-printable, uuencode and the identities; what the field has of them;
and the choice of one for what is to be sent. What does not: charsets.

Invariants

* Decoding never raises: what is no part of the encoding is passed over, or kept where it is text,
  and is a defect with its offset.
* A decoder fed piece by piece gives what decoding at once gives, for every way of cutting.
* What is encoded here is decoded here to the same octets, and has lines of at most 76.
"""

from __future__ import annotations

import binascii
import re
from functools import lru_cache
from struct import Struct
from typing import Final, NamedTuple

from ..errors import Defect

__all__ = [
    "BARE_LF",
    "WIDTHS",
    "Content",
    "ContentDecoder",
    "choose_encoding",
    "decode_content",
    "encode_content",
    "is_tame",
    "quoted_text",
]


class Content(NamedTuple):
    """Decoded octets, and how they were read."""

    octets: bytes
    defects: tuple[Defect, ...] = ()
    """Offsets are those of the encoded octets."""
    encoding: str = "7bit"
    """The encoding that was undone, by its name in RFC 2045."""


WIDTHS: Final = ("7bit", "8bit", "binary")
"""The encodings that change nothing, from the narrowest way to the widest."""
BARE_LF: Final = re.compile(rb"(?<!\r)\n")
_NAMES: Final = {
    "": "7bit",
    **{name: name for name in (*WIDTHS, "base64", "quoted-printable")},
    **dict.fromkeys(("x-uuencode", "uuencode", "x-uue", "uue"), "uuencode"),
}
# What senders write and mean; each with a defect.
_MEANT: Final = {
    **dict.fromkeys(("7-bit", "7bits", "7 bit", "ascii", "us-ascii", "text", "plain"), "7bit"),
    **dict.fromkeys(("8-bit", "8bits", "8 bit", "utf-8", "utf8", "none", "bit"), "8bit"),
    **dict.fromkeys(("base-64", "base 64", "b64", "b", "x-base64"), "base64"),
    **dict.fromkeys(
        ("quoted printable", "quotedprintable", "quoted-print", "qp", "q", "quoted_printable"),
        "quoted-printable",
    ),
}

_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/=\s]")
_NOT_ALPHABET: Final = bytes(
    octet
    for octet in range(256)
    if octet not in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
)
_TRAILING: Final = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
_QUOTED: Final = re.compile(rb"=(?:([0-9A-Fa-f]{2})|[ \t]*\r?\n|[ \t]*\Z)")
_BAD_QUOTED: Final = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n|[ \t]*\Z)")


def _name(encoding: str) -> tuple[str, str]:
    """Its name in RFC 2045, and the code of a defect or ""."""
    word = encoding.strip(" \t\r\n").lower()
    name = _NAMES.get(word)
    if name is not None:
        return name, ""
    word = word.strip("\"';:.,")
    name = _NAMES.get(word) or _MEANT.get(word)
    if name is not None:
        return name, "odd_encoding"
    return "binary", "unknown_encoding"


def decode_content(octets: bytes, encoding: str) -> Content:
    """`octets` with `encoding` undone. Never raises."""
    name, code = _name(encoding)
    raw = encoding[:60].encode("utf-8", "replace")
    defects = (Defect(code, 0, raw, name),) if code else ()
    if name in WIDTHS:
        return Content(octets, defects, name)
    if name == "base64":
        decoded, found = _base64(octets)
    elif name == "quoted-printable":
        decoded, found = _quoted(octets)
    else:
        decoded, found = _uuencoded(octets)
    return Content(decoded, (*defects, *found), name)


# --- base64 (RFC 2045 section 6.8) ----------------------------------------------------------------


def _base64(octets: bytes) -> tuple[bytes, tuple[Defect, ...]]:
    try:
        # The strict mode stops at line ends; the loose one passes over them, and over all else.
        # Octets that are all right have the length that their alphabet says.
        decoded = binascii.a2b_base64(octets)
    except binascii.Error:
        decoded = b"\0"
    else:
        size = len(octets) - octets.count(b"\n") - octets.count(b"\r")
        padding = octets[-8:].rstrip(b"\r\n")
        signs = len(padding) - len(padding.rstrip(b"="))
        if size % 4 == 0 and signs <= 2 and len(decoded) == size // 4 * 3 - signs:
            return decoded, ()
    return _base64_slowly(octets)


def _base64_slowly(octets: bytes) -> tuple[bytes, tuple[Defect, ...]]:
    """With junk, or padding where it should not be, or none where it should."""
    defects: list[Defect] = []
    junk = _NOT_BASE64.search(octets)
    if junk is not None:
        at = junk.start()
        defects.append(Defect("junk_in_base64", at, octets[at : at + 20], "skipped"))
    clean = octets.translate(None, _NOT_ALPHABET)
    pieces: list[bytes] = []
    # Padding ends a piece: what follows was encoded by itself (RFC 2045 has no such thing).
    blocks = [block for block in clean.split(b"=") if block]
    for block in blocks:
        left = len(block) % 4
        if left == 1:
            block = block[:-1]
        pieces.append(binascii.a2b_base64(block + b"=" * (-len(block) % 4)))
    if len(blocks) > 1:
        at = octets.find(b"=")
        raw = octets[at : at + 20]
        defects.append(Defect("data_after_padding", at, raw, "decoded on, as another piece"))
    last = blocks[-1] if blocks else b""
    signs = len(clean) - len(clean.rstrip(b"="))
    if (len(last) % 4 and signs != -len(last) % 4) or len(last) % 4 == 1:
        raw = octets[-20:]
        at = max(len(octets) - 20, 0)
        defects.append(Defect("missing_padding", at, raw, "decoded as far as it goes"))
    return b"".join(pieces), tuple(defects)


# --- quoted-printable (RFC 2045 section 6.7) ------------------------------------------------------


def _unquote(match: re.Match[bytes]) -> bytes:
    return _OCTETS[match[1].upper()] if match[1] else b""


_OCTETS: Final = {b"%02X" % octet: bytes((octet,)) for octet in range(256)}


def _quoted(octets: bytes) -> tuple[bytes, tuple[Defect, ...]]:
    lines = octets.split(b"\r\n")
    ends = b"".join([line[-1:] for line in lines])
    newlines = len(lines) - 1
    if (
        b" " not in ends
        and b"\t" not in ends
        and len(octets) - len(octets.replace(b"\n", b"")) == newlines  # quicker than count()
        and len(octets) - len(octets.replace(b"\r", b"")) == newlines
    ):
        # Nothing to do by hand but to look for a bad `=`. The module's reader keeps it, so that the
        # content is longer than it would be: two octets less for each `=`, one more for a line end
        # that is taken away with it, one less at the very end, where there is none.
        decoded = binascii.a2b_qp(octets)
        signs = len(octets) - len(octets.replace(b"=", b""))
        soft = ends.count(b"=")
        last = 2 if octets[-1:] == b"=" else 0
        if len(octets) - len(decoded) == 2 * signs + soft - last:
            return decoded, ()
    return _quoted_slowly(octets)


def quoted_text(octets: bytes, ends: int) -> bytes | None:
    """The content of a text in quoted-printable, with LF for CRLF; None if that is not so simple.

    `ends` is how many LF it has. It is what `decode_content()` gives and what then becomes of CRLF,
    at half the price.
    """
    lines = octets.replace(b"\r", b"")
    returns = len(octets) - len(lines)
    if (
        (returns and returns != ends)
        or (_ODD_CR if returns else _BLANK_LF).search(octets) is not None
        or octets[-1:] in _OPEN
    ):
        return None
    decoded = binascii.a2b_qp(lines)
    if b"\r" in decoded or len(lines) - len(decoded) != 2 * lines.count(b"="):
        return None
    return decoded


# White space before a line end, or a bare CR. Both begin with one octet: `re` is quick at those.
_ODD_CR: Final = re.compile(rb"\r(?:(?!\n)|(?<=[ \t]\r))")
_BLANK_LF: Final = re.compile(rb"\n(?<=[ \t]\n)")
_OPEN: Final = (b" ", b"\t", b"=")


def _quoted_slowly(octets: bytes) -> tuple[bytes, tuple[Defect, ...]]:
    """With blanks at the end of lines, with bare CR or LF, or with `=` that begin no escape."""
    bad = _BAD_QUOTED.search(octets)
    stripped = _TRAILING.sub(b"", octets)  # rule 3: it was added on the way
    if bad is None:
        return binascii.a2b_qp(stripped), ()
    at = bad.start()
    defect = Defect("bad_quoted_printable", at, octets[at : at + 10], "kept as it is")
    return _QUOTED.sub(_unquote, stripped), (defect,)


# --- uuencode -------------------------------------------------------------------------------------

_BEGIN: Final = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} ?[^\r\n]*\r?\n?", re.MULTILINE)


def _uuencoded(octets: bytes) -> tuple[bytes, tuple[Defect, ...]]:
    begin = _BEGIN.search(octets)
    defects: list[Defect] = []
    at = 0
    if begin is None:
        defects.append(Defect("no_begin", 0, octets[:20], "it begins with the first line"))
    else:
        at = begin.end()
    pieces: list[bytes] = []
    ended = False
    for line in octets[at:].split(b"\n"):
        line = line.rstrip(b"\r")
        if line.strip() == b"end":
            ended = True
            break
        if line.strip(b" `\t") == b"":
            continue
        try:
            pieces.append(binascii.a2b_uu(line))
        except binascii.Error:
            size = (line[0] - 32) & 63
            try:  # the length may be right, and what is behind it junk
                pieces.append(binascii.a2b_uu(line[: (size + 2) // 3 * 4 + 1]))
            except binascii.Error:
                if not any(one.code == "bad_uuencode" for one in defects):
                    defects.append(Defect("bad_uuencode", at, line[:20], "skipped"))
    if not ended:
        defects.append(Defect("no_end", len(octets), b"", "it ends with the last line"))
    return b"".join(pieces), tuple(defects)


# --- Piece by piece -------------------------------------------------------------------------------


class ContentDecoder:
    """Undoes an encoding while the octets come. `feed()` and `close()` return what is certain.

    It holds less than a line, or a quantum of base64; uuencode is held until `close()`. Joined, the
    pieces are `decode_content(...).octets`. It pickles.
    """

    def __init__(self, encoding: str) -> None:
        self.encoding, _ = _name(encoding)
        """The encoding that is undone, by its name in RFC 2045."""
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """More encoded octets."""
        if self.encoding in WIDTHS:
            return bytes(data)
        if self.encoding == "base64":
            return self._feed_base64(bytes(data))
        held = self._held + bytes(data)
        if self.encoding == "quoted-printable":
            # Only what a line end follows is certain: white space before it may have to go.
            cut = held.rfind(b"\n") + 1
            if not cut and len(held) > _LONG_LINE:
                cut = len(held) - len(held[-_LONG_LINE // 2 :])
                while (cut and held[cut - 1] in b" \t=\r") or b"=" in held[max(cut - 2, 0) : cut]:
                    cut -= 1
            self._held = held[cut:]
            return _quoted(held[:cut])[0]
        self._held = held
        return b""

    def _feed_base64(self, data: bytes) -> bytes:
        held = self._held + data.translate(None, _NOT_ALPHABET)
        out: list[bytes] = []
        while (at := held.find(b"=")) >= 0:
            if at + 1 == len(held) and not held[:at]:
                break
            block, held = held[:at], held[at:].lstrip(b"=")
            out.append(_block(block))
            if not held:
                break
        whole = len(held) // 4 * 4
        if b"=" not in held:
            out.append(binascii.a2b_base64(held[:whole]))
            held = held[whole:]
        else:
            held = b""
        self._held = held
        return b"".join(out)

    def close(self) -> bytes:
        """The end: what was held."""
        held, self._held = self._held, b""
        if self.encoding == "base64":
            return _block(held)
        if self.encoding == "quoted-printable":
            return _quoted(held)[0]
        return _uuencoded(held)[0] if self.encoding == "uuencode" else b""


_LONG_LINE: Final = 8_192


def _block(block: bytes) -> bytes:
    if len(block) % 4 == 1:
        block = block[:-1]
    return binascii.a2b_base64(block + b"=" * (-len(block) % 4))


# --- Encoding -------------------------------------------------------------------------------------


def encode_content(octets: bytes, encoding: str, *, binary: bool = False) -> bytes:
    """`octets` in an encoding of RFC 2045, in lines that end with CRLF.

    quoted-printable takes CRLF and LF as line ends, unless `binary`, where they are octets like
    others. Raises ValueError for an encoding that is not known, and for octets that 7bit or 8bit
    cannot carry.
    """
    match encoding:
        case "base64":
            return _to_base64(octets)
        case "quoted-printable":
            return _to_quoted(octets, binary)
        case "7bit" | "8bit":
            if choose_encoding(octets, text=True, eight_bit=encoding == "8bit") not in (
                "7bit",
                encoding,
            ):
                raise ValueError(f"{encoding} cannot carry this: lines, NUL or 8-bit octets")
            return octets
        case "binary":
            return octets
        case _:
            raise ValueError(f"unknown content transfer encoding {encoding!r}")


def _to_base64(octets: bytes) -> bytes:
    encoded = binascii.b2a_base64(octets, newline=False)
    size = len(encoded)
    lines: list[bytes] = []
    for at in range(0, size - 75, _MANY * 76):
        lines += _cutter(min((size - at) // 76, _MANY)).unpack_from(encoded, at)
    lines.append(encoded[len(lines) * 76 :])
    if lines[-1]:
        lines.append(b"")
    return b"\r\n".join(lines)


_MANY: Final = 64


@lru_cache(maxsize=_MANY)
def _cutter(lines: int) -> Struct:
    """It cuts so many lines at once."""
    return Struct("76s" * lines)


_LITERAL: Final = re.compile(rb"[^!-<>-~ \t]")


def _to_quoted(octets: bytes, binary: bool) -> bytes:
    if binary:
        quoted = binascii.b2a_qp(octets, istext=False).replace(b"\r\n", b"\n")
    else:
        if b"\r" in octets:
            octets = octets.replace(b"\r\n", b"\n")
        # The module's writer leaves a bare CR as it is, and makes a line with a blank at its end
        # too long.
        if b"\r" in octets or _BLANK_LF.search(octets) is not None:
            return _to_quoted_slowly(octets)
        quoted = binascii.b2a_qp(octets)
    if b"\nFrom " in quoted or quoted.startswith(b"From "):
        quoted = b"\n".join([_guarded(line) for line in quoted.split(b"\n")])
    return quoted.replace(b"\n", b"\r\n")


def _to_quoted_slowly(octets: bytes) -> bytes:
    out: list[bytes] = []
    for line in octets.split(b"\n"):
        quoted = _LITERAL.sub(lambda match: b"=%02X" % match[0][0], line)
        if quoted[-1:] in (b" ", b"\t"):
            quoted = quoted[:-1] + b"=%02X" % quoted[-1]
        if quoted == b".":  # software on the way may take it for the end
            quoted = b"=2E"
        at = 0
        while len(quoted) - at > 76:
            cut = _cut(quoted, at + 75)
            out.append(_guarded(quoted[at:cut] + b"="))
            at = cut
        out.append(_guarded(quoted[at:]))
    return b"\n".join(out).replace(b"\n", b"\r\n")


def _cut(quoted: bytes, at: int) -> int:
    """`at`, or a little before: not within an =XY."""
    if quoted[at - 1 : at] == b"=":
        return at - 1
    return at - 2 if quoted[at - 2 : at - 1] == b"=" else at


def _guarded(line: bytes) -> bytes:
    """Software on the way may touch a line that begins with "From "."""
    if not line.startswith(b"From "):
        return line
    line = b"=46" + line[1:]
    if len(line) <= 76:
        return line
    cut = _cut(line, 73)
    return line[:cut] + b"=\n" + line[cut:]


_SPECIAL: Final = re.compile(rb"[\x80-\xff=\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LONG: Final = re.compile(rb"[^\n]{999}")


def choose_encoding(octets: bytes, *, text: bool, eight_bit: bool = False) -> str:
    """The encoding that suits.

    7bit where it can be, 8bit where the way takes it, and else the shorter of quoted-printable
    (text only) and base64.
    """
    if octets.isascii():
        if is_tame(octets):
            return "7bit"
    elif eight_bit and is_tame(octets):
        return "8bit"
    if not text:
        return "base64"
    special = len(octets) - len(octets.translate(None, _SPECIALS))
    return "quoted-printable" if special * 2 < len(octets) / 3 else "base64"


def is_tame(octets: bytes) -> bool:
    """Whether they are lines of at most 998 octets that end with CRLF, without NUL."""
    ends = octets.count(b"\r\n")
    return (
        b"\0" not in octets
        and octets.count(b"\r") == ends
        and octets.count(b"\n") == ends
        and (len(octets) < 999 or _LONG.search(octets.replace(b"\r\n", b"\n")) is None)
    )


_SPECIALS: Final = bytes(octet for octet in range(256) if _SPECIAL.match(bytes((octet,))))
