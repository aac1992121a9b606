"""SMTP's extensions as rows: the EHLO keyword, its arguments, its parameters, its verbs.

`EXTENSIONS` is the registry. A machine takes one (`ServerConfig.registry`, `Client(registry=...)`),
so a private extension is one more row::

    COLOUR = Parameter("XCOLOUR", "MAIL", parse=..., format=...)
    registry = (*EXTENSIONS, Extension("XCOLOUR", mail=(COLOUR,), verbs=("XPAINT",)))

Each parameter row knows its typed value both ways: `SIZE(1000)` makes a `Param`, `mail.get(SIZE)`
reads it. Each keyword row knows its typed arguments: `capabilities.get(SIZE_KEYWORD)`, for which
`Capabilities` has properties with plain names.

Nothing here knows about sessions.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal, TypeVar, cast

import attrs

from .._envelope import Param, Parameter
from .._grammar import (
    ascii_upper,
    format_datetime,
    has_control,
    is_ip_address,
    parse_address,
    parse_datetime,
    parse_number,
    unitext_decode,
    unitext_encode,
    xtext_decode,
    xtext_encode,
)
from .._vocabulary import Offered, words
from ._vocabulary import Reply

__all__ = [
    "AUTH",
    "BODY",
    "BY",
    "ENVID",
    "EXTENSIONS",
    "HOLDFOR",
    "HOLDUNTIL",
    "MT_PRIORITY",
    "NOTIFY",
    "ORCPT",
    "PEER_ADDR",
    "PEER_DESTADDR",
    "PEER_DESTPORT",
    "PEER_HELO",
    "PEER_IDENT",
    "PEER_LOGIN",
    "PEER_NAME",
    "PEER_PORT",
    "PEER_PROTO",
    "PEER_REVERSE_NAME",
    "PEER_SOURCE",
    "PRDR",
    "REQUIRETLS",
    "RET",
    "RRVS",
    "SIZE",
    "SMTPUTF8",
    "Absent",
    "Capabilities",
    "DeliverBy",
    "Extension",
    "OriginalRecipient",
    "RecipientValidSince",
    "parameters_of",
]

T = TypeVar("T")


@attrs.frozen
class Extension:
    """One row of the registry."""

    keyword: str
    """What EHLO calls it, in upper case."""
    rfc: str = ""
    mail: tuple[Parameter[Any], ...] = ()
    """Parameters it adds to MAIL."""
    rcpt: tuple[Parameter[Any], ...] = ()
    """Parameters it adds to RCPT."""
    verbs: tuple[str, ...] = ()
    """Commands it adds."""
    own: tuple[Parameter[Any], ...] = ()
    """Parameters of those commands."""


class Absent(enum.StrEnum):
    """What XCLIENT and XFORWARD say in place of a value."""

    UNAVAILABLE = "[UNAVAILABLE]"
    """There is none."""
    TEMPUNAVAIL = "[TEMPUNAVAIL]"
    """It could not be found out now."""


# --- Values ---------------------------------------------------------------------------------------


@attrs.frozen
class DeliverBy:
    """The value of BY= (RFC 2852 section 4): deliver within `seconds`, or else."""

    seconds: int
    """Negative only in mode N: the time has passed, the sender wants to know."""
    mode: Literal["R", "N"]
    """R: return it then. N: notify the sender then, and go on."""
    trace: bool = False
    """Notify of relaying to hosts without the extension."""


@attrs.frozen
class OriginalRecipient:
    """The value of ORCPT= (RFC 3461 section 4.2, RFC 6533 section 3)."""

    address_type: str
    """`rfc822`, `utf-8`, ..."""
    address: str
    """Decoded."""


@attrs.frozen
class RecipientValidSince:
    """The value of RRVS= (RFC 7293 section 3.1): only to who owned the mailbox then."""

    since: datetime
    on_failure: Literal["C", "R"] | None = None
    """What a relay without the extension is to do: C continue, R reject."""


# --- Readers and writers of parameter values
# -------------------------------------------------------


def _wanted(value: str | None) -> str:
    if not value:
        raise ValueError("the parameter needs a value")
    return value


def _flag(value: str | None) -> Literal[True]:
    if value is not None:
        raise ValueError("the parameter takes no value")
    return True


def _no_value(value: object) -> None:
    if value is not True:
        raise ValueError("the parameter is there or is not: its value is True")


@attrs.frozen
class _OneOf:
    words: tuple[str, ...]

    def __call__(self, value: str | None) -> str:
        word = ascii_upper(_wanted(value))
        if word not in self.words:
            raise ValueError(f"one of {', '.join(self.words)} is expected")
        return word


def _count(value: int) -> str:
    text = str(value)
    parse_number(text)
    return text


def _number(value: str | None) -> int:
    return parse_number(_wanted(value))


def _hold_seconds(value: str | None) -> int:
    return parse_number(_wanted(value), digits=9)


def _priority(value: str | None) -> int:
    text = _wanted(value)
    if re.fullmatch(r"-[1-9]|[0-9]", text) is None:
        raise ValueError("a priority is a number from -9 to 9")
    return int(text)


def _format_priority(value: int) -> str:
    return str(_priority(str(value)))


def _format_hold_seconds(value: int) -> str:
    return str(_hold_seconds(str(value)))


def _format_xtext(value: str) -> str:
    text = xtext_encode(value)
    _xtext(text)
    return text


def _xtext(value: str | None) -> str:
    return xtext_decode(_wanted(value))


def _date(value: str | None) -> datetime:
    return parse_datetime(_wanted(value))


def _auth_address(value: str | None) -> str:
    address = xtext_decode(_wanted(value))
    if address == "<>":
        return ""
    parse_address(address)
    return address


def _format_auth_address(value: str) -> str:
    if not value:
        return "<>"
    parse_address(value)
    return xtext_encode(value)


def _by(value: str | None) -> DeliverBy:
    match = re.fullmatch(r"([+-]?[0-9]{1,9});([RNrn])([Tt]?)", _wanted(value))
    if match is None:
        raise ValueError("seconds;R or seconds;N is expected, T may follow")
    seconds, mode = int(match[1]), match[2].upper()
    if mode == "R" and seconds <= 0:
        raise ValueError("mode R needs time to be left")
    return DeliverBy(seconds, cast(Literal["R", "N"], mode), bool(match[3]))


def _format_by(value: DeliverBy) -> str:
    text = f"{value.seconds};{value.mode}{'T' if value.trace else ''}"
    _by(text)
    return text


_NOTIFY = ("SUCCESS", "FAILURE", "DELAY")


def _notify(value: str | None) -> tuple[str, ...]:
    words = tuple(ascii_upper(_wanted(value)).split(","))
    if words != ("NEVER",) and (
        len(set(words)) != len(words) or any(word not in _NOTIFY for word in words)
    ):
        raise ValueError("NEVER is expected, or some of SUCCESS, FAILURE, DELAY")
    return words


def _format_notify(value: Iterable[str]) -> str:
    text = ascii_upper(",".join([value] if isinstance(value, str) else value))
    _notify(text)
    return text


_ADDRESS_TYPE = re.compile(r"[A-Za-z0-9-]+")


def _orcpt(value: str | None) -> OriginalRecipient:
    address_type, semicolon, address = _wanted(value).partition(";")
    if not semicolon or _ADDRESS_TYPE.fullmatch(address_type) is None:
        raise ValueError("address-type;address is expected")
    if address_type.lower() == "utf-8":
        return OriginalRecipient(address_type, unitext_decode(address))
    return OriginalRecipient(address_type, xtext_decode(address))


def _format_orcpt(value: OriginalRecipient) -> str:
    if _ADDRESS_TYPE.fullmatch(value.address_type) is None:
        raise ValueError("an address type is letters, digits and hyphens")
    encode = unitext_encode if value.address_type.lower() == "utf-8" else xtext_encode
    text = f"{value.address_type};{encode(value.address)}"
    _orcpt(text)
    return text


def _rrvs(value: str | None) -> RecipientValidSince:
    date, semicolon, action = _wanted(value).partition(";")
    action = ascii_upper(action)
    if semicolon and action not in ("C", "R"):
        raise ValueError("C or R is expected behind the date")
    return RecipientValidSince(
        parse_datetime(date), cast("Literal['C', 'R'] | None", action or None)
    )


def _format_rrvs(value: RecipientValidSince) -> str:
    action = f";{value.on_failure}" if value.on_failure else ""
    text = format_datetime(value.since) + action
    _rrvs(text)
    return text


# --- Parameters -----------------------------------------------------------------------------------

SIZE = Parameter("SIZE", "MAIL", _number, _count)
"""RFC 1870: octets of the message, line ends as CRLF, dots not doubled."""
_BODIES = _OneOf(("7BIT", "8BITMIME", "BINARYMIME"))
_RETURNS = _OneOf(("FULL", "HDRS"))


@attrs.frozen
class _Told:
    """A reader and writer of attributes: xtext, or a word that says why there is no value."""

    read: Callable[[str], str]

    def __call__(self, value: str | None) -> str | Absent:
        text = _xtext(value)  # first: LOGIN=+5BUNAVAILABLE+5D is nobody's name, as in Postfix
        for absent in Absent:
            if ascii_upper(text) == absent:
                return absent
        return self.read(text)


@attrs.frozen
class _Tells:
    parse: Callable[[str], object]

    def __call__(self, value: str) -> str:
        text = value if isinstance(value, Absent) else xtext_encode(value)
        self.parse(text)
        return text


def _some_text(text: str) -> str:
    if len(text) > 255 or has_control(text):
        raise ValueError("1 to 255 characters without controls are expected")
    return text


def _protocol(text: str) -> str:
    if len(text) > 64 or has_control(text):
        raise ValueError("1 to 64 characters without controls are expected")
    return ascii_upper(text)


_PROTOCOLS = _OneOf(("SMTP", "ESMTP"))
_SOURCES = _OneOf(("LOCAL", "REMOTE"))
_TEXT, _PROTOCOL, _SOURCE = _Told(_some_text), _Told(_protocol), _Told(_SOURCES)


def _address(value: str | None) -> str | Absent:
    text = _TEXT(value)
    if isinstance(text, Absent):
        return text
    prefixed = ascii_upper(text[:5]) == "IPV6:"
    address = text[5:] if prefixed else text
    if not is_ip_address(address) or (":" in address) is not prefixed:
        raise ValueError("an IPv4 address, or IPV6: and an IPv6 address is expected")
    return address


def _format_address(value: str) -> str:
    text = f"IPV6:{value}" if ":" in value else value
    _address(text)
    return text


def _port(value: str | None) -> int | Absent:
    text = _TEXT(value)
    if isinstance(text, Absent):
        return text
    number = parse_number(text, digits=5)
    if number > 65_535:
        raise ValueError("a port is 0 to 65535")
    return number


def _format_port(value: int | Absent) -> str:
    text = str(value)
    _port(text)
    return text


BODY = Parameter(
    "BODY",
    "MAIL",
    _BODIES,
    _BODIES,
    extension="8BITMIME",
    value_extension=(("BINARYMIME", "BINARYMIME"),),
)
"""RFC 6152, RFC 3030: what the body may hold."""
SMTPUTF8 = Parameter("SMTPUTF8", "MAIL", _flag, _no_value)
"""RFC 6531: addresses or header fields may be UTF-8."""
RET = Parameter("RET", "MAIL", _RETURNS, _RETURNS, extension="DSN")
"""RFC 3461 section 4.3: how much of the message a failure report returns."""
ENVID = Parameter("ENVID", "MAIL", _xtext, _format_xtext, extension="DSN")
"""RFC 3461 section 4.4: the sender's name for this envelope, decoded."""
NOTIFY = Parameter("NOTIFY", "RCPT", _notify, _format_notify, extension="DSN")
"""RFC 3461 section 4.1: ("NEVER",) or some of SUCCESS, FAILURE, DELAY."""
ORCPT = Parameter("ORCPT", "RCPT", _orcpt, _format_orcpt, extension="DSN")
"""RFC 3461 section 4.2: the recipient the sender wrote."""
AUTH = Parameter("AUTH", "MAIL", _auth_address, _format_auth_address)
"""RFC 4954 section 5: who submitted it first; "" for `<>`, not known."""
BY = Parameter("BY", "MAIL", _by, _format_by, extension="DELIVERBY")
"""RFC 2852 section 4."""
HOLDFOR = Parameter(
    "HOLDFOR", "MAIL", _hold_seconds, _format_hold_seconds, "FUTURERELEASE", excludes="HOLDUNTIL"
)
"""RFC 4865 section 4: seconds to hold the message."""
HOLDUNTIL = Parameter(
    "HOLDUNTIL",
    "MAIL",
    _date,
    format_datetime,
    extension="FUTURERELEASE",
    excludes="HOLDFOR",
)
"""RFC 4865 section 4: when to release the message."""
MT_PRIORITY = Parameter("MT-PRIORITY", "MAIL", _priority, _format_priority)
"""RFC 6710 section 4: -9 to 9."""
REQUIRETLS = Parameter("REQUIRETLS", "MAIL", _flag, _no_value)
"""RFC 8689 section 2: every hop must use TLS, or bounce."""
RRVS = Parameter("RRVS", "RCPT", _rrvs, _format_rrvs)
"""RFC 7293 section 3.1."""
PRDR = Parameter("PRDR", "MAIL", _flag, _no_value)
"""draft-hall-prdr: an answer for each recipient behind the body, and one for the message."""

PEER_NAME = Parameter("NAME", "XCLIENT", _TEXT, _Tells(_TEXT))
"""XCLIENT, XFORWARD: the client's host name. Every one of these values can be an `Absent`."""
PEER_ADDR = Parameter("ADDR", "XCLIENT", _address, _format_address)
"""XCLIENT, XFORWARD: its IP address, without the `IPV6:` that stands on the wire."""
PEER_PORT = Parameter("PORT", "XCLIENT", _port, _format_port)
"""XCLIENT, XFORWARD: its port."""
PEER_PROTO = Parameter("PROTO", "XFORWARD", _PROTOCOL, _Tells(_PROTOCOL))
"""XCLIENT: `SMTP` or `ESMTP`. XFORWARD: these or another protocol's name, in upper case."""
PEER_HELO = Parameter("HELO", "XCLIENT", _TEXT, _Tells(_TEXT))
"""XCLIENT, XFORWARD: how it introduced itself."""
PEER_LOGIN = Parameter("LOGIN", "XCLIENT", _TEXT, _Tells(_TEXT))
"""XCLIENT: as whom it authenticated."""
PEER_REVERSE_NAME = Parameter("REVERSE_NAME", "XCLIENT", _TEXT, _Tells(_TEXT))
"""XCLIENT: the host name that its address maps to, which need not map back to it."""
PEER_DESTADDR = Parameter("DESTADDR", "XCLIENT", _address, _format_address)
"""XCLIENT: the IP address it connected to."""
PEER_DESTPORT = Parameter("DESTPORT", "XCLIENT", _port, _format_port)
"""XCLIENT: the port it connected to."""
PEER_IDENT = Parameter("IDENT", "XFORWARD", _TEXT, _Tells(_TEXT))
"""XFORWARD: what the message was called upstream."""
PEER_SOURCE = Parameter("SOURCE", "XFORWARD", _SOURCE, _Tells(_SOURCE))
"""XFORWARD: `LOCAL` or `REMOTE`."""

_BOTH = (PEER_NAME, PEER_ADDR, PEER_PORT, PEER_HELO)

EXTENSIONS: tuple[Extension, ...] = (
    Extension("PIPELINING", "2920"),
    Extension("SIZE", "1870", mail=(SIZE,)),
    Extension("8BITMIME", "6152", mail=(BODY,)),
    Extension("BINARYMIME", "3030"),
    Extension("CHUNKING", "3030", verbs=("BDAT",)),
    Extension("SMTPUTF8", "6531", mail=(SMTPUTF8,)),
    Extension("ENHANCEDSTATUSCODES", "2034"),
    Extension("STARTTLS", "3207", verbs=("STARTTLS",)),
    Extension("AUTH", "4954", mail=(AUTH,), verbs=("AUTH",)),
    Extension("DSN", "3461", mail=(RET, ENVID), rcpt=(NOTIFY, ORCPT)),
    Extension("REQUIRETLS", "8689", mail=(REQUIRETLS,)),
    Extension("DELIVERBY", "2852", mail=(BY,)),
    Extension("FUTURERELEASE", "4865", mail=(HOLDFOR, HOLDUNTIL)),
    Extension("MT-PRIORITY", "6710", mail=(MT_PRIORITY,)),
    Extension("RRVS", "7293", rcpt=(RRVS,)),
    Extension("LIMITS", "9422"),
    Extension("ETRN", "1985", verbs=("ETRN",)),
    Extension("VRFY", "5321", verbs=("VRFY",)),
    Extension("EXPN", "5321", verbs=("EXPN",)),
    Extension("HELP", "5321", verbs=("HELP",)),
    Extension("BURL", "4468", verbs=("BURL",)),
    Extension("PRDR", mail=(PRDR,)),
    Extension(
        "XCLIENT",
        verbs=("XCLIENT",),
        own=(
            *_BOTH,
            attrs.evolve(PEER_PROTO, command="XCLIENT", parse=_Told(_PROTOCOLS)),
            PEER_REVERSE_NAME,
            PEER_LOGIN,
            PEER_DESTADDR,
            PEER_DESTPORT,
        ),
    ),
    Extension(
        "XFORWARD",
        verbs=("XFORWARD",),
        own=(
            *(attrs.evolve(row, command="XFORWARD") for row in _BOTH),
            PEER_PROTO,
            PEER_IDENT,
            PEER_SOURCE,
        ),
    ),
)
"""The registry of the extensions this library knows."""


def parameters_of(registry: Iterable[Extension]) -> dict[tuple[str, str], Parameter[Any]]:
    """The parameter rows of a registry by (command, keyword)."""
    return {
        (row.command, row.keyword): row
        for extension in registry
        for row in (*extension.mail, *extension.rcpt, *extension.own)
    }


# --- What a peer offers ---------------------------------------------------------------------------


@attrs.frozen
class Capabilities(Offered):
    """What an EHLO or LHLO answer offers (RFC 5321 section 4.1.1.1), read leniently.

    Keywords are compared without case; a keyword that is offered twice, or as `AUTH=`, is merged.
    `"PIPELINING" in capabilities`; `capabilities["AUTH"]` are the arguments as they stand. The
    properties give typed values and never raise: an argument that cannot be read counts as absent.
    """

    domain: str = ""
    """What the server calls itself."""
    offered: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """(keyword in upper case, arguments), in order."""

    @classmethod
    def from_reply(cls, reply: Reply) -> Capabilities:
        """Read a positive answer to EHLO or LHLO."""
        first, *rest = reply.lines
        lines: list[list[str]] = []
        for line in map(words, rest):
            if line and ascii_upper(line[0]).startswith("AUTH="):
                line[0:1] = ["AUTH", *filter(None, [line[0][5:]])]
            lines.append(line)
        domain = words(first)
        return cls(domain[0] if domain else "", cls.merged(lines))

    @property
    def size(self) -> int | None:
        """SIZE: the largest message in octets; None when not offered, not told, or 0 (no limit)."""
        return self.number("SIZE") or None

    @property
    def auth(self) -> tuple[str, ...]:
        """AUTH: the mechanisms, in upper case, in the server's order."""
        return tuple(dict.fromkeys(word.upper() for word in self.arguments("AUTH")))

    @property
    def limits(self) -> dict[str, int]:
        """LIMITS (RFC 9422): MAILMAX, RCPTMAX, RCPTDOMAINMAX, ... of those that are numbers."""
        limits: dict[str, int] = {}
        for argument in self.arguments("LIMITS"):
            name, _, value = argument.partition("=")
            try:
                limits[name.upper()] = parse_number(value, digits=6)
            except ValueError:
                continue
        return limits

    @property
    def deliver_by(self) -> int | None:
        """DELIVERBY: the least seconds the server takes in mode R, if it says."""
        return self.number("DELIVERBY")

    @property
    def future_release(self) -> tuple[int, datetime] | None:
        """FUTURERELEASE: (most seconds, latest date-time) the server holds a message."""
        seconds = self.number("FUTURERELEASE")
        arguments = self.arguments("FUTURERELEASE")
        try:
            latest = parse_datetime(arguments[1])
        except (IndexError, ValueError):
            return None
        return None if seconds is None else (seconds, latest)

    @property
    def mt_priority(self) -> str | None:
        """MT-PRIORITY: the profile's name; "" when offered without one."""
        if "MT-PRIORITY" not in self:
            return None
        return next(iter(self.arguments("MT-PRIORITY")), "")

    @property
    def burl(self) -> tuple[str, ...] | None:
        """BURL: the URL schemes and prefixes the server fetches from, or None (RFC 4468)."""
        return self.arguments("BURL") if "BURL" in self else None

    @property
    def xclient(self) -> tuple[str, ...]:
        """XCLIENT: the attributes the server takes, in upper case."""
        return tuple(map(ascii_upper, self.arguments("XCLIENT")))

    @property
    def xforward(self) -> tuple[str, ...]:
        """XFORWARD: the attributes the server takes, in upper case."""
        return tuple(map(ascii_upper, self.arguments("XFORWARD")))

    def offers(self, row: Parameter[T], param: Param) -> bool:
        """Whether this peer offers what `param` needs."""
        return row.needs(param) in self
