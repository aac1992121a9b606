"""Octets to text: charsets by their WHATWG labels, and the 8-bit octets of headers.

What lives here: the label table of the Encoding Standard, what mail needs beside it, and decoding
that never fails. What does not: who says which charset it is.

Invariants: a label is looked up in the table and nowhere else, so that a codec that is no charset
(rot13, zlib, unicode_escape, ...) cannot be reached; what cannot be decoded is U+FFFD and a defect.
"""

from __future__ import annotations

import codecs
from functools import lru_cache
from typing import Final, NamedTuple

from ..errors import Defect

__all__ = [
    "Decoded",
    "decode",
    "decode_inner",
    "decode_text",
    "encode",
    "header_text",
    "is_utf8",
    "known_charset",
]

# WHATWG name -> (Python's codec, labels). The standard's names for what is not the same octet for
# octet (gbk is decoded as gb18030, big5 with Hong Kong's additions, euc-kr and shift_jis as
# Microsoft extended them). Below the line: what the standard has not and mail has.
_TABLE: Final = """
utf-8 utf-8 unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8
ibm866 cp866 866 cp866 csibm866 ibm866
iso-8859-2 iso8859-2 csisolatin2 iso-8859-2 iso-ir-101 iso8859-2 iso88592 iso_8859-2
  iso_8859-2:1987 l2 latin2
iso-8859-3 iso8859-3 csisolatin3 iso-8859-3 iso-ir-109 iso8859-3 iso88593 iso_8859-3
  iso_8859-3:1988 l3 latin3
iso-8859-4 iso8859-4 csisolatin4 iso-8859-4 iso-ir-110 iso8859-4 iso88594 iso_8859-4
  iso_8859-4:1988 l4 latin4
iso-8859-5 iso8859-5 csisolatincyrillic cyrillic iso-8859-5 iso-ir-144 iso8859-5 iso88595
  iso_8859-5 iso_8859-5:1988
iso-8859-6 iso8859-6 arabic asmo-708 csiso88596e csiso88596i csisolatinarabic ecma-114
  iso-8859-6 iso-8859-6-e iso-8859-6-i iso-ir-127 iso8859-6 iso88596 iso_8859-6 iso_8859-6:1987
iso-8859-7 iso8859-7 csisolatingreek ecma-118 elot_928 greek greek8 iso-8859-7 iso-ir-126
  iso8859-7 iso88597 iso_8859-7 iso_8859-7:1987 sun_eu_greek
iso-8859-8 iso8859-8 csiso88598e csisolatinhebrew hebrew iso-8859-8 iso-8859-8-e iso-ir-138
  iso8859-8 iso88598 iso_8859-8 iso_8859-8:1988 visual
iso-8859-8-i iso8859-8 csiso88598i iso-8859-8-i logical
iso-8859-10 iso8859-10 csisolatin6 iso-8859-10 iso-ir-157 iso8859-10 iso885910 l6 latin6
iso-8859-13 iso8859-13 iso-8859-13 iso8859-13 iso885913
iso-8859-14 iso8859-14 iso-8859-14 iso8859-14 iso885914
iso-8859-15 iso8859-15 csisolatin9 iso-8859-15 iso8859-15 iso885915 iso_8859-15 l9
iso-8859-16 iso8859-16 iso-8859-16
koi8-r koi8-r cskoi8r koi koi8 koi8-r koi8_r
koi8-u koi8-u koi8-ru koi8-u
macintosh mac-roman csmacintosh mac macintosh x-mac-roman
windows-874 cp874 dos-874 iso-8859-11 iso8859-11 iso885911 tis-620 windows-874
windows-1250 cp1250 cp1250 windows-1250 x-cp1250
windows-1251 cp1251 cp1251 windows-1251 x-cp1251
windows-1252 cp1252 ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100
  iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252
windows-1253 cp1253 cp1253 windows-1253 x-cp1253
windows-1254 cp1254 cp1254 csisolatin5 iso-8859-9 iso-ir-148 iso8859-9 iso88599 iso_8859-9
  iso_8859-9:1989 l5 latin5 windows-1254 x-cp1254
windows-1255 cp1255 cp1255 windows-1255 x-cp1255
windows-1256 cp1256 cp1256 windows-1256 x-cp1256
windows-1257 cp1257 cp1257 windows-1257 x-cp1257
windows-1258 cp1258 cp1258 windows-1258 x-cp1258
x-mac-cyrillic mac-cyrillic x-mac-cyrillic x-mac-ukrainian
gbk gb18030 chinese csgb2312 csiso58gb231280 gb2312 gb_2312 gb_2312-80 gbk iso-ir-58 x-gbk
gb18030 gb18030 gb18030
big5 big5hkscs big5 big5-hkscs cn-big5 csbig5 x-x-big5
euc-jp euc-jp cseucpkdfmtjapanese euc-jp x-euc-jp
iso-2022-jp iso2022-jp-ext csiso2022jp iso-2022-jp
shift_jis cp932 csshiftjis ms932 ms_kanji shift-jis shift_jis sjis windows-31j x-sjis
euc-kr cp949 cseuckr csksc56011987 euc-kr iso-ir-149 korean ks_c_5601-1987 ks_c_5601-1989
  ksc5601 ksc_5601 windows-949
utf-16be utf-16-be unicodefffe utf-16be
utf-16le utf-16-le csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le
--
utf-7 utf-7 utf-7 csutf7 unicode-1-1-utf-7 unicode-2-0-utf-7
utf-32 utf-32 utf-32
hz-gb-2312 hz hz-gb-2312
iso-2022-kr iso2022-kr csiso2022kr iso-2022-kr
iso-2022-jp-1 iso2022-jp-1 iso-2022-jp-1
iso-2022-jp-2 iso2022-jp-2 iso-2022-jp-2
iso-2022-jp-3 iso2022-jp-3 iso-2022-jp-3
cp437 cp437 cp437 ibm437
cp850 cp850 cp850 ibm850
cp852 cp852 cp852 ibm852
cp858 cp858 cp858 ibm00858
windows-1252 cp1252 ansi_x3.4-1986 cp-1252 iso-8859-1-windows-3.0-latin-1 iso_646.irv:1991
  iso646-us us usascii windows1252
windows-1251 cp1251 win-1251 windows1251
shift_jis cp932 cp932
euc-kr cp949 cp949
gbk gb18030 cp936 ms936 windows-936
big5 big5hkscs cp950 windows-950
utf-8 utf-8 utf_8 unicode-utf-8
"""

_UNKNOWN: Final = ("", "unknown", "unknown-8bit", "x-unknown", "default", "_autodetect")
"""What senders write who do not know. The text is guessed, as without a label."""


class Decoded(NamedTuple):
    """Text, and how it was read."""

    text: str
    charset: str
    """The charset that was used, by its name in the Encoding Standard."""
    defects: tuple[Defect, ...] = ()


@lru_cache(maxsize=1)
def _labels() -> dict[str, tuple[str, str]]:
    """Label -> (name, Python's codec)."""
    table: dict[str, tuple[str, str]] = {}
    for line in _TABLE.replace("\n  ", " ").splitlines():
        words = line.split()
        for label in words[2:]:
            table[label] = words[0], words[1]
    return table


@lru_cache(maxsize=256)
def _codec(label: str) -> tuple[str, str] | None:
    if len(label) >= 100 or not label.isascii():  # a Kelvin sign in lower case is a k
        return None
    return _labels().get(label.strip(" \t\r\n\f\"'").lower())


def known_charset(label: str) -> str | None:
    """The name of a charset in the Encoding Standard, by one of its labels; or None."""
    found = _codec(label)
    return None if found is None else found[0]


def decode(octets: bytes, label: str) -> Decoded:
    """`octets` in the charset that `label` names, with U+FFFD for what it has not. Never raises.

    A label that is not known is read as UTF-8 if that is what the octets are, else as windows-1252;
    it is a defect, unless it says that it does not know.
    """
    found = _codec(label)
    if found is None:
        text, name = _guess(octets)
        if octets.isascii() and label.strip().lower() in _UNKNOWN:
            return Decoded(text, name)
        raw = label[:80].encode("utf-8", "replace")
        return Decoded(text, name, (Defect("unknown_charset", 0, raw, name),))
    name, codec = found
    if codec == "utf-8":
        octets = octets.removeprefix(codecs.BOM_UTF8)
    elif codec == "utf-16-le" and octets.startswith(codecs.BOM_UTF16_BE):
        codec, octets = "utf-16-be", octets[2:]
    elif codec in ("utf-16-le", "utf-16-be"):
        bom = codecs.BOM_UTF16_LE if codec == "utf-16-le" else codecs.BOM_UTF16_BE
        octets = octets.removeprefix(bom)
    elif codec == "cp1252":
        if octets.isascii():
            return Decoded(octets.decode("ascii"), name)
        if label.strip(" \t\r\n\f\"'").lower() in ("us-ascii", "ascii"):  # it is anything but that
            text, name = _guess(octets)
            at = len(octets) - len(octets.lstrip(_ASCII))
            return Decoded(text, name, (Defect("undecodable", at, octets[at : at + 8], name),))
    try:
        text = octets.decode(codec)
        return Decoded(text if codec == "utf-8" else _whole(text), name)
    except UnicodeError as error:
        at = error.start if isinstance(error, UnicodeDecodeError) else 0
        if codec == "cp1252":  # the five octets that Python leaves out are C1 controls (WHATWG)
            return Decoded(_windows_1252(octets), name)
        text = _whole(octets.decode(codec, "replace"))
        return Decoded(text, name, (Defect("undecodable", at, octets[at : at + 8], "U+FFFD"),))


def decode_text(octets: bytes, label: str) -> str:
    """The text alone. Most is UTF-8 that says so, and for that there is little to do."""
    if label.lower() == "utf-8":
        try:
            return octets.decode("utf-8").removeprefix("\ufeff")
        except UnicodeDecodeError:
            pass
    return decode(octets, label).text


def decode_inner(octets: bytes, label: str) -> Decoded:
    """The same for a piece of a header, where U+FEFF is no mark but a character like others."""
    decoded = decode(octets, label)
    if octets.startswith(codecs.BOM_UTF8) and known_charset(label) == "utf-8":
        return decoded._replace(text=f"\ufeff{decoded.text}")
    return decoded


_ASCII: Final = bytes(range(128))


def _whole(text: str) -> str:
    """`text` without lone surrogates, which some codecs let through."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _windows_1252(octets: bytes) -> str:
    return "".join(
        [chr(octet) if octet in _LEFT_OUT else bytes((octet,)).decode("cp1252") for octet in octets]
    )


_LEFT_OUT: Final = frozenset((0x81, 0x8D, 0x8F, 0x90, 0x9D))


def _guess(octets: bytes) -> tuple[str, str]:
    """UTF-8 if it is, else windows-1252: what is met most in unlabelled mail."""
    try:
        return octets.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return decode(octets, "windows-1252").text, "windows-1252"


def is_utf8(octets: bytes) -> bool:
    """Whether that is what they are; ASCII is too."""
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def header_text(raw: bytes) -> str:
    """The octets of a header as text: ASCII, or UTF-8 (RFC 6532), or else windows-1252."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return decode(raw, "windows-1252").text


def encode(text: str, label: str) -> bytes:
    """`text` in a charset. Raises ValueError for a label or a character that it does not have."""
    found = _codec(label)
    if found is None:
        raise ValueError(f"unknown charset {label[:40]!r}")
    codec = "ascii" if label.lower() in ("us-ascii", "ascii") else found[1]
    if label.lower() == "iso-8859-1":
        codec = "latin-1"
    try:
        return text.encode(codec)
    except UnicodeEncodeError as error:
        raise ValueError(f"{label} has no {text[error.start]!r}") from None
