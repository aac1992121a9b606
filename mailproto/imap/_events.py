"""What only a parser or a machine makes: a FETCH that comes in pieces, a command that is refused.

A message section that is larger than `limits.stream` is not held. It comes as `FetchStart`, then
each item as it is read (`FetchItem`), `BodyStart`, `BodyChunk`s and `BodyEnd` for each section of
that kind, and last the `FetchData` with all items, where a section that came in pieces is
`Streamed(size)`. A FETCH without such a section is its `FetchData` and nothing else.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

from .._machine import BodyChunk, BodyWanted, Timeout, TlsEstablished
from .._structure import Section
from .._vocabulary import Challenge, Read, Shown
from ._commands import Command
from ._responses import Condition, Response
from ._values import AppendMessage, Body, FetchAttribute, ResponseCode

__all__ = [
    "BadCommand",
    "BodyChunk",
    "BodyEnd",
    "BodyStart",
    "BodyWanted",
    "ClientEvent",
    "Completed",
    "FetchItem",
    "FetchStart",
    "Greeting",
    "IdleDone",
    "Idling",
    "NextMessage",
    "ServerEvent",
    "Timeout",
    "TlsEstablished",
]


@attrs.frozen
class FetchStart:
    """A FETCH begins that has a large section in it."""

    number: int
    """The message number; for UIDFETCH the UID."""
    uidfetch: bool = False


@attrs.frozen
class FetchItem:
    """An item of the FETCH that has begun."""

    attribute: FetchAttribute
    value: Any


@attrs.frozen(repr=False)
class BodyStart(Shown):
    """The octets of a section follow."""

    section: Section
    """RFC822.HEADER and RFC822.TEXT are told as HEADER and TEXT."""
    origin: int | None
    """Where they start in the section; None: it is all of it."""
    size: int
    """How many octets there are."""
    attribute: FetchAttribute = Body()  # noqa: RUF009 - frozen
    """As it was asked for."""


@attrs.frozen
class BodyEnd:
    """The octets of the section were these."""


@attrs.frozen(repr=False)
class BadCommand(Read):
    """Server: a command that was refused. The connection goes on."""

    raw: bytes = attrs.field(repr=False)
    """How it began, at most 256 octets. It may hold a secret."""
    reply: Condition
    """What is answered: BAD, with the tag if there was one."""


# --- Clients ------------------------------------------------------------------------------------


@attrs.frozen(repr=False)
class Greeting(Read):
    """Client: the server's first word: OK, PREAUTH, or BYE, behind which it closes."""

    condition: Condition


@attrs.frozen(repr=False)
class Completed(Read):
    """Client: a command is completed (RFC 9051 section 7.1)."""

    tag: str
    """What `send()` returned."""
    command: Command
    status: str
    """OK, NO or BAD."""
    code: ResponseCode | None = None
    text: str = ""


@attrs.frozen(repr=False)
class Idling(Read):
    """Client: the server has agreed to IDLE; it tells what happens until `Done` is sent."""

    tag: str
    text: str = ""


ClientEvent: TypeAlias = (
    Response
    | Greeting
    | Completed
    | Idling
    | Challenge
    | FetchStart
    | FetchItem
    | BodyStart
    | BodyChunk
    | BodyEnd
    | TlsEstablished
    | Timeout
)
"""Everything a client's `next_event()` returns but a `Want`."""


# --- Servers ------------------------------------------------------------------------------------


@attrs.frozen(repr=False)
class NextMessage(Shown):
    """Server: APPEND goes on with another message (RFC 3502); its octets are to be accepted."""

    message: AppendMessage
    """Its data is `Streamed`."""


@attrs.frozen
class IdleDone:
    """Server: DONE was said, and IDLE is completed behind what is sent now."""


ServerEvent: TypeAlias = (
    Command | BadCommand | NextMessage | BodyChunk | BodyEnd | IdleDone | TlsEstablished | Timeout
)
"""Everything a server's `next_event()` returns but a `Want`."""
