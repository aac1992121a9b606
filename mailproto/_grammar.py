"""ABNF shared by the protocols, as anchored patterns and small pure functions.

What lives here is grammar that more than one module needs and that has no state: atoms, domains,
address literals, mailboxes, numbers, base64, xtext, dates. What does not: verbs, parameters,
anything that knows who is speaking.

Invariants: every pattern is linear (no two ways to match the same octets), every number is ASCII
digits of bounded length before `int()` sees it, and every decoder is strict about what it cannot
represent: it raises ValueError and nothing else.
"""

from __future__ import annotations

import binascii
import re
from datetime import UTC, datetime
from typing import NamedTuple

__all__ = [
    "ATEXT",
    "PLAIN_ADDRESS",
    "Address",
    "ascii_upper",
    "b64decode",
    "b64encode",
    "format_datetime",
    "has_control",
    "is_address_literal",
    "is_domain",
    "is_ip_address",
    "parse_address",
    "parse_datetime",
    "parse_number",
    "unitext_decode",
    "unitext_encode",
    "with_utf8",
    "xtext_decode",
    "xtext_encode",
]

ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-"
"""The characters of an atom (RFC 5322 section 3.2.3), to be put into a character class."""


def with_utf8(ascii_class: str) -> str:
    """A character class: that of `ascii_class`, and what RFC 6531 section 3.3 adds to it.

    It is written as what it leaves out, because `re` takes its time over ranges that wide.
    """
    allowed = re.compile(f"[{ascii_class}]")
    left_out = "".join(f"\\x{code:02x}" for code in range(128) if not allowed.match(chr(code)))
    return rf"[^{left_out}\ud800-\udfff]"


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ANY_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


def has_control(text: str | bytes) -> bool:
    """Whether `text` holds a control character (00-1F, 7F), TAB included."""
    if isinstance(text, str):
        return _CONTROL.search(text) is not None
    return _ANY_CONTROL.search(text) is not None


def ascii_upper(text: str) -> str:
    """`text` in upper case, if it is ASCII: Unicode has other letters whose upper case is."""
    return text.upper() if text.isascii() else text


# --- Numbers ------------------------------------------------------------------------------------


def parse_number(text: str, *, digits: int = 20) -> int:
    """A decimal number of at most `digits` ASCII digits. Raises ValueError.

    `int()` alone would take signs, spaces, underscores, other scripts' digits and a megabyte.
    """
    if not (text.isascii() and text.isdigit()):
        raise ValueError("not a decimal number")
    if len(text) > digits:
        raise ValueError(f"a number of more than {digits} digits")
    return int(text)


# --- Domains and addresses (RFC 5321 section 4.1.2, RFC 6531 section 3.3) -----------------------

_ALNUM = with_utf8("A-Za-z0-9")
_LABEL = rf"{_ALNUM}+(?:-+{_ALNUM}+)*"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
# What is met in the field: underscores, a last dot, hyphens and dots in odd places.
_LOOSE_DOMAIN = re.compile(with_utf8(r"A-Za-z0-9._\-") + "+")
_LITERAL = re.compile(
    r"\[(?:([0-9.]+)|(IPv6:[0-9A-Fa-f:.]+)|([A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+))\]",
    re.IGNORECASE | re.ASCII,
)
_SNUM = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_SNUM}(?:\.{_SNUM}){{3}}")
_ATOM = with_utf8(ATEXT) + "+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LOOSE_LOCAL = re.compile(with_utf8(ATEXT + ".") + "+")
_QUOTED = re.compile(r'"[^"\\\x00-\x1f\x7f]*(?:\\[ -~][^"\\\x00-\x1f\x7f]*)*"')


def is_domain(text: str) -> bool:
    """Whether `text` is a Domain: labels of letters, digits and hyphens; UTF-8 labels are fine."""
    return len(text) <= 255 and _DOMAIN.fullmatch(text) is not None


def is_address_literal(text: str) -> bool:
    """Whether `text` is `[192.0.2.1]`, `[IPv6:2001:db8::1]` or `[tag:content]`."""
    match = _LITERAL.fullmatch(text) if len(text) <= 255 else None
    if match is None:
        return False
    if match[1] is not None:
        return _IPV4.fullmatch(match[1]) is not None
    if match[2] is not None:
        return _is_ipv6(match[2][5:])
    return not match[3].upper().startswith("IPV6:")


def _is_ipv6(text: str) -> bool:
    groups_wanted = 8
    head, _, last = text.rpartition(":")
    if "." in last:  # the last 32 bits as an IPv4 address
        if not _IPV4.fullmatch(last):
            return False
        text = f"{head}:0"
        groups_wanted = 7
    before, double, after = text.partition("::")
    if not double:
        groups = text.split(":")
        full = len(groups) == groups_wanted
    else:
        groups = [part for half in (before, after) if half for part in half.split(":")]
        # RFC 5321 section 4.1.3 lets "::" stand for two groups or more; one is met in the field.
        full = len(groups) < groups_wanted and "::" not in after
    return full and all(re.fullmatch(r"[0-9A-Fa-f]{1,4}", group) for group in groups)


def is_ip_address(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address: `192.0.2.1`, `2001:db8::1`."""
    return _IPV4.fullmatch(text) is not None or (":" in text and _is_ipv6(text))


class Address(NamedTuple):
    """A mailbox taken apart. `domain` is "" for `postmaster` and other unqualified names."""

    local_part: str
    """With its quotes, if it was quoted."""
    domain: str
    """A domain, or an address literal in its brackets."""
    defects: tuple[str, ...] = ()
    """Codes of what RFC 5321 does not allow and the field has."""


PLAIN_ADDRESS = re.compile(
    rf"(?=.{{0,64}}\Z)[{ATEXT}]++(?:\.[{ATEXT}]++)*+@[A-Za-z0-9]++(?:[.-][A-Za-z0-9]++)*+", re.ASCII
)
"""A mailbox of the usual kind: short ASCII, nothing quoted, nothing odd."""


def parse_address(text: str) -> Address:
    """Take a mailbox apart: `local@domain`, `"quoted local"@[literal]`, or a name alone.

    Raises ValueError for what has no certain reading: control characters, spaces or brackets
    outside quotes, an empty local part or domain, a domain that no address can have.
    """
    if PLAIN_ADDRESS.fullmatch(text) is not None:
        local, _, domain = text.partition("@")
        return Address(local, domain)
    defects: list[str] = []
    if text.startswith('"'):
        quoted = _QUOTED.match(text)
        if quoted is None:
            raise ValueError("the quoted local part is not closed, or holds a control character")
        local, rest = quoted[0], text[quoted.end() :]
        if rest and not rest.startswith("@"):
            raise ValueError("something stands between the quoted local part and the @")
    else:
        local, at, domain = text.partition("@")
        rest = at + domain
        if _DOT_STRING.fullmatch(local) is None:
            if _LOOSE_LOCAL.fullmatch(local) is None:
                raise ValueError("the local part has a character that must be quoted")
            defects.append("dots_in_local_part")
    if len(local.encode("utf-8", "surrogatepass")) > 64:
        defects.append("long_local_part")
    domain = rest[1:]
    if not rest:
        if local.lower() != "postmaster":
            defects.append("no_domain")
    elif domain.startswith("["):
        if not is_address_literal(domain):
            raise ValueError("the address literal is none")
    elif len(domain.encode("utf-8", "surrogatepass")) > 255:
        raise ValueError("the domain is longer than 255 octets")
    elif _DOMAIN.fullmatch(domain) is None:
        if _LOOSE_DOMAIN.fullmatch(domain) is None:
            raise ValueError("the domain has a character that no domain can have")
        defects.append("odd_domain")
    return Address(local, domain, tuple(defects))


# --- Base64 (RFC 4648 section 4) ----------------------------------------------------------------


def b64encode(data: bytes) -> bytes:
    """`data` in base64, on one line."""
    return binascii.b2a_base64(data, newline=False)


_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def b64decode(text: bytes) -> bytes:
    """The octets of strict, padded base64. Raises ValueError for anything else."""
    if _BASE64.fullmatch(text) is None:
        raise ValueError("not base64")
    return binascii.a2b_base64(text)


# --- xtext (RFC 3461 section 4) and unitext (RFC 6533 section 3) ---------------------------------

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-Fa-f]{2})*")
_NOT_XCHAR = re.compile(rb"[^!-*,-<>-~]")
_HEXCHAR = re.compile(rb"\+([0-9A-Fa-f]{2})")


def xtext_encode(text: str) -> str:
    """`text` (as UTF-8) in xtext."""
    octets = _NOT_XCHAR.sub(lambda match: b"+%02X" % match[0][0], text.encode("utf-8"))
    return octets.decode("ascii")


def xtext_decode(text: str) -> str:
    """The text behind xtext. Raises ValueError for what is not xtext, or no UTF-8 behind it."""
    if _XTEXT.fullmatch(text) is None:
        raise ValueError("not xtext")
    octets = _HEXCHAR.sub(lambda match: bytes([int(match[1], 16)]), text.encode("ascii"))
    return octets.decode("utf-8")


_HEXPOINT = r"\\x\{[0-9A-Fa-f]{1,6}\}"
_QUCHAR = with_utf8(r"!-*,-<>-\[\]-~")
_UNITEXT = re.compile(rf"(?:{_QUCHAR}|{_HEXPOINT})*")
_POINT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
_NOT_QUCHAR = re.compile(rf"(?!{_QUCHAR}).", re.DOTALL)


def unitext_encode(text: str) -> str:
    r"""`text` in unitext: as it is, but `\x{HEX}` for `\`, `+`, `=`, space and controls."""
    return _NOT_QUCHAR.sub(lambda match: f"\\x{{{ord(match[0]):02X}}}", text)


def unitext_decode(text: str) -> str:
    r"""The text behind utf-8-addr-unitext or -xtext (`\x{HEX}`). Raises ValueError."""
    if _UNITEXT.fullmatch(text) is None:
        raise ValueError("not unitext")

    def character(match: re.Match[str]) -> str:
        point = int(match[1], 16)
        if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
            raise ValueError("not a Unicode character")
        return chr(point)

    return _POINT.sub(character, text)


# --- Dates (RFC 3339 section 5.6) ---------------------------------------------------------------

_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)


def parse_datetime(text: str) -> datetime:
    """An RFC 3339 date-time, with its zone; raises ValueError. A leap second reads as :59."""
    if _DATETIME.fullmatch(text) is None:
        raise ValueError("not an RFC 3339 date-time")
    text = text.upper()
    if text[17:19] == "60":
        text = f"{text[:17]}59{text[19:]}"
    whole, dot, fraction = text.partition(".")
    if dot:
        digits = re.match(r"[0-9]+", fraction)
        assert digits is not None
        text = f"{whole}.{digits[0][:6].ljust(6, '0')}{fraction[digits.end() :]}"
    return datetime.fromisoformat(text)


def format_datetime(value: datetime) -> str:
    """`value` as an RFC 3339 date-time. Raises ValueError for one without a zone."""
    offset = value.utcoffset()
    if offset is None:
        raise ValueError("a date-time needs its time zone")
    if not offset:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    if offset.total_seconds() % 60:
        raise ValueError("RFC 3339 has no zones with seconds")
    return value.isoformat()
