"""What the vocabularies of all protocols share: how a value shows itself, and the words of SASL.

Each protocol has its own commands and replies. Here is what does not differ between them:

* `Shown` and `Read`, the base classes of values: a repr without defaults and secrets, and the
  defects of what was read from the wire.
* `Auth`, `Challenge`, `AuthResponse`, `AuthCancel`: an authentication exchange (RFC 4422). How they
  are written differs (`334 ` or `+ `), what they say does not, and whoever runs a mechanism can do
  so without knowing the protocol.
* `Offered`: how a list of capabilities is read.
* Words that every server has to know: mechanisms that show the secret, verbs of web browsers.

Nothing here parses a line or knows when something may be said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

import attrs

from ._grammar import ascii_upper, parse_number
from .errors import ARRIVAL_VERDICTS, Defect

__all__ = [
    "HTTP_VERBS",
    "PLAINTEXT_MECHANISMS",
    "Auth",
    "AuthCancel",
    "AuthResponse",
    "Challenge",
    "Offered",
    "Read",
    "Shown",
    "words",
]


class Shown:
    """A repr that leaves out what has its default, and hides secrets."""

    __slots__ = ()
    __attrs_attrs__: ClassVar[tuple[attrs.Attribute[Any], ...]]

    def __repr__(self) -> str:
        shown: list[str] = []
        for field in sorted(type(self).__attrs_attrs__, key=lambda field: field.kw_only):
            value = getattr(self, field.name)
            if field.name == "defects":
                value = tuple(defect for defect in value if defect.code not in ARRIVAL_VERDICTS)
            if value == field.default:
                continue
            text = repr(value) if field.repr else "<hidden>"
            shown.append(text if field.default is attrs.NOTHING else f"{field.name}={text}")
        return f"{type(self).__name__}({', '.join(shown)})"


@attrs.frozen(repr=False)
class Read(Shown):
    """Whatever was read from the wire and may have been written oddly."""

    defects: tuple[Defect, ...] = attrs.field(default=(), eq=False, kw_only=True)

    @property
    def anomalies(self) -> frozenset[str]:
        """The codes of `defects`."""
        return frozenset(defect.code for defect in self.defects)


# --- SASL -----------------------------------------------------------------------------------------


@attrs.frozen(repr=False)
class Auth(Read):
    """AUTH (RFC 4954 section 4, RFC 5034 section 4): begin a SASL exchange."""

    verb = "AUTH"
    mechanism: str
    """In upper case."""
    initial_response: bytes | None = attrs.field(default=None, repr=False)
    """Decoded; b"" was sent as `=`; None was not sent."""


@attrs.frozen(repr=False)
class Challenge(Read):
    """What the server's mechanism says next: SMTP's 334 (RFC 4954), POP3's `+` (RFC 5034).

    One that is not base64 is b"", with the defect `bad_base64`.
    """

    data: bytes = attrs.field(repr=False)
    """Decoded."""


@attrs.frozen(repr=False)
class AuthResponse(Read):
    """The client's answer to a `Challenge` (RFC 4954 section 4, RFC 5034 section 4)."""

    verb = ""
    data: bytes = attrs.field(repr=False)
    """Decoded."""


@attrs.frozen(repr=False)
class AuthCancel(Read):
    """`*` in place of an answer: the client gives the exchange up. A server's machine says no."""

    verb = "*"


PLAINTEXT_MECHANISMS = frozenset({"PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"})
"""SASL mechanisms that show the secret to whoever reads the connection (RFC 4954 section 4)."""


# --- Capabilities ---------------------------------------------------------------------------------


def words(line: str) -> list[str]:
    """The words of a line: Unicode knows more white space than mail does."""
    return [word for word in re.split(r"[ \t]+", line) if word]


class Offered:
    """What a list of capabilities is read as, leniently.

    Keywords are compared without case; one that is offered twice is merged. `"PIPELINING" in
    capabilities`; `capabilities["SASL"]` are the arguments as they stand.
    """

    __slots__ = ()
    offered: tuple[tuple[str, tuple[str, ...]], ...]
    """(keyword in upper case, arguments), in order."""

    @staticmethod
    def merged(lines: Iterable[list[str]]) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """`offered` from the words of each line."""
        found: dict[str, dict[str, None]] = {}
        for line in lines:
            if line:
                found.setdefault(ascii_upper(line[0]), {}).update(dict.fromkeys(line[1:]))
        return tuple((keyword, tuple(arguments)) for keyword, arguments in found.items())

    def __contains__(self, keyword: object) -> bool:
        return isinstance(keyword, str) and any(key == keyword.upper() for key, _ in self.offered)

    def __getitem__(self, keyword: str) -> tuple[str, ...]:
        for key, arguments in self.offered:
            if key == keyword.upper():
                return arguments
        raise KeyError(keyword)

    def __iter__(self) -> Iterator[str]:
        return (key for key, _ in self.offered)

    def arguments(self, keyword: str) -> tuple[str, ...]:
        """The arguments of a keyword; () if it has none or is not offered."""
        return dict(self.offered).get(keyword.upper(), ())

    def number(self, keyword: str, position: int = 0) -> int | None:
        """An argument that is a number, or None."""
        arguments = self.arguments(keyword)
        if position >= len(arguments):
            return None
        try:
            return parse_number(arguments[position])
        except ValueError:
            return None


# --- Other people's words -------------------------------------------------------------------------

HTTP_VERBS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
"""First words of a browser that was tricked into talking to a mail server."""
