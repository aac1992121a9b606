"""How words are written, and where a line has to stop.

`Writer` takes the words of one command or response and makes fragments of them. A literal that the
peer has to agree to (`{5}`) ends a fragment: what follows may only be sent when `+` has come. Where
the peer takes literals as they come (LITERAL+, LITERAL-, or a server that speaks), nothing stops.

Invariants

* Nothing injects: every word is checked against its own pattern before it is put down, and a string
  that cannot be quoted becomes a literal. CR and LF are written by `end()` and before the octets of
  a literal, by nothing else. NUL goes into a literal8 or nowhere.
* Strict: what the grammar does not have raises ValueError, what has the wrong type TypeError, and
  no fragment has been handed out by then.
"""

from __future__ import annotations

import re
from typing import Final, Literal, TypeAlias

import attrs

from ._mutf7 import encode_name
from ._values import MailboxName, Streamed

__all__ = ["Dialect", "Fragment", "Fragments", "Writer"]


@attrs.frozen(kw_only=True)
class Dialect:
    """How two peers have agreed to write."""

    utf8: bool = False
    """Names and quoted strings may be UTF-8 (ENABLE UTF8=ACCEPT or IMAP4rev2)."""
    literals: Literal["", "+", "-"] = ""
    """What a server takes from its client without asking: LITERAL+ (any), LITERAL- (up to 4,096
    octets) or none (RFC 7888)."""


@attrs.frozen
class Fragment:
    """Octets to be sent in one piece."""

    octets: bytes = attrs.field(repr=False)
    wait: bool = False
    """Whether a `+` has to come before what follows."""


Fragments: TypeAlias = tuple[Fragment | Streamed, ...]
"""What `encode()` gives. A `Streamed` stands where the octets of a body go."""

LITERAL_MINUS: Final = 4_096
"""The largest literal that LITERAL- lets pass (RFC 7888 section 5)."""

_QUOTE_MOST: Final = 1_000
"""Longer strings are literals: peers have limits for lines."""

_ATOM: Final = re.compile(r"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_ASTRING: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_LIST_CHARS: Final = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_FLAG: Final = re.compile(r"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_LABEL: Final = re.compile(r"[A-Za-z_.\-][A-Za-z0-9_.:\-]*")
_TAG: Final = re.compile(r"[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_QUOTABLE: Final = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_QUOTABLE_UTF8: Final = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\xff]*")
_ESCAPE: Final = re.compile(rb'["\\]')


def octets_of(text: str) -> bytes:
    """The octets of a text that may have been read with surrogateescape."""
    return text.encode("utf-8", "surrogateescape")


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


class Writer:
    """Writes the words of one command or response."""

    __slots__ = ("_done", "_pieces", "dialect", "server")

    def __init__(self, dialect: Dialect, *, server: bool) -> None:
        self.dialect = dialect
        self.server = server
        self._pieces: list[bytes] = []
        self._done: list[Fragment | Streamed] = []

    def put(self, octets: bytes) -> None:
        """Write octets that need no check."""
        self._pieces.append(octets)

    def end(self) -> Fragments:
        """The line end, and all fragments."""
        self._pieces.append(b"\r\n")
        self._close(wait=False)
        return tuple(self._done)

    def _close(self, *, wait: bool) -> None:
        if self._pieces:
            self._done.append(Fragment(b"".join(self._pieces), wait))
            self._pieces = []

    # --- Words ------------------------------------------------------------------------------------

    def _checked(self, pattern: re.Pattern[str], text: str, what: str) -> None:
        if pattern.fullmatch(text) is None:
            raise ValueError(f"not {what}: {text[:80]!r}")
        self._pieces.append(text.encode("ascii"))

    def atom(self, text: str) -> None:
        """An atom."""
        self._checked(_ATOM, text, "an atom")

    def label(self, text: str) -> None:
        """A name of an option (tagged-ext-label)."""
        self._checked(_LABEL, text, "a name of an option")

    def tag(self, text: str) -> None:
        """A tag."""
        self._checked(_TAG, text, "a tag")

    def flag(self, text: str) -> None:
        """A flag or an attribute of a mailbox."""
        if text != "\\*":
            self._checked(_FLAG, text, "a flag")
        else:
            self._pieces.append(b"\\*")

    def number(self, value: int, most: int = 2**63 - 1, least: int = 0) -> None:
        """A number."""
        if type(value) is not int:
            raise TypeError(f"not a number: {value!r}")
        if not least <= value <= most:
            raise ValueError(f"a number from {least} to {most} is wanted, not {value}")
        self._pieces.append(b"%d" % value)

    def quoted(self, octets: bytes) -> None:
        """A quoted string, where the grammar allows no literal."""
        if not self._quotable(octets):
            raise ValueError("a quoted string cannot hold CR, LF, NUL or octets that are not ASCII")
        self._quote(octets)

    def _quotable(self, octets: bytes) -> bool:
        if _QUOTABLE.fullmatch(octets) is not None:
            return True
        return (
            self.dialect.utf8 and _QUOTABLE_UTF8.fullmatch(octets) is not None and _is_utf8(octets)
        )

    def _quote(self, octets: bytes) -> None:
        if b'"' in octets or b"\\" in octets:
            octets = _ESCAPE.sub(rb"\\\g<0>", octets)
        self._pieces.append(b'"%b"' % octets)

    def string(self, octets: bytes) -> None:
        """A string: quoted if it is short and holds nothing unusual, else a literal."""
        if len(octets) <= _QUOTE_MOST and self._quotable(octets):
            self._quote(octets)
        else:
            self.literal(octets)

    def astring(self, octets: bytes) -> None:
        """An atom if it is one, else a string."""
        if _ASTRING.fullmatch(octets) is not None and octets.upper() != b"NIL":
            self._pieces.append(octets)
        else:
            self.string(octets)

    def list_mailbox(self, octets: bytes) -> None:
        """An atom in which wildcards may stand, or a string."""
        if _LIST_CHARS.fullmatch(octets) is not None and octets.upper() != b"NIL":
            self._pieces.append(octets)
        else:
            self.string(octets)

    def nstring(self, octets: bytes | None) -> None:
        """A string, or NIL."""
        if octets is None:
            self._pieces.append(b"NIL")
        else:
            self.string(octets)

    def text(self, text: str) -> None:
        """A text as an astring."""
        self.astring(octets_of(text))

    def mailbox(self, name: MailboxName) -> None:
        """The name of a mailbox."""
        self.astring(encode_name(name, utf8=self.dialect.utf8))

    def pattern(self, name: MailboxName) -> None:
        """The name of a mailbox, with wildcards."""
        self.list_mailbox(encode_name(name, utf8=self.dialect.utf8))

    def literal(self, octets: bytes, *, binary: bool = False) -> None:
        """A literal, or with `binary` a literal8 (RFC 3516), which may hold NUL."""
        if type(octets) is not bytes:
            raise TypeError(f"octets are wanted, not {type(octets).__name__}")
        if not binary and b"\0" in octets:
            raise ValueError("NUL cannot be sent, except as BINARY")
        self._announce(len(octets), binary)
        self._pieces.append(octets)

    def streamed(self, body: Streamed, *, binary: bool = False) -> None:
        """A literal whose octets come later."""
        if type(body.size) is not int or not 0 <= body.size < 2**63:
            raise ValueError("the size of a body is a number from 0 to 2**63 - 1")
        self._announce(body.size, binary)
        self._close(wait=False)
        self._done.append(body)

    def _announce(self, size: int, binary: bool) -> None:
        free = self.server
        mark = b""
        if not free and (
            self.dialect.literals == "+" or (self.dialect.literals == "-" and size <= LITERAL_MINUS)
        ):
            free, mark = True, b"+"
        self._pieces.append(b"%b{%d%b}\r\n" % (b"~" if binary else b"", size, mark))
        if not free:
            self._close(wait=True)
