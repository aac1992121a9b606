"""What only a parser or a machine makes: a FETCH that comes in pieces, a command that is refused.

A message section that is larger than `limits.stream` is not held. It comes as `FetchStart`, then
each item as it is read (`FetchItem`), `BodyStart`, `BodyChunk`s and `BodyEnd` for each section of
that kind, and last the `FetchData` with all items, where a section that came in pieces is
`Streamed(size)`. A FETCH without such a section is its `FetchData` and nothing else.
"""

from __future__ import annotations

from typing import Any

import attrs

from .._machine import BodyChunk
from .._structure import Section
from .._vocabulary import Read, Shown
from ._responses import Condition
from ._values import FetchAttribute

__all__ = ["BadCommand", "BodyChunk", "BodyEnd", "BodyStart", "FetchItem", "FetchStart"]


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
    attribute: FetchAttribute = "BODY[]"
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
