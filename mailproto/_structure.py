"""What IMAP says about the inside of a message, as values.

ENVELOPE, BODYSTRUCTURE and section specifications: `mailproto.message` works them out from a
message, `mailproto.imap` reads and writes them. They live here so that neither has to know the
other, and a server can hand on what it was given.

Rules: text is `str`, what is not UTF-8 in it is kept by surrogateescape; None is NIL; tuples
everywhere. Nothing here parses a response or looks into a message.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple, TypeAlias

import attrs

__all__ = ["Address", "BodyStructure", "Envelope", "Extension", "Section"]


# --- ENVELOPE (RFC 9051 section 7.5.2) ------------------------------------------------------------


class Address(NamedTuple):
    """One address structure; None is NIL.

    A group starts with (None, None, name, None) and ends with four times None.
    """

    name: str | None
    """The display name as it is spelled, encoded-words still encoded."""
    adl: str | None
    """The source route."""
    mailbox: str | None
    host: str | None


@attrs.frozen
class Envelope:
    """ENVELOPE. Strings are as they are spelled, folds undone; None is NIL, () an empty list."""

    date: str | None
    subject: str | None
    from_: tuple[Address, ...]
    sender: tuple[Address, ...]
    """That of `from_` if there is none."""
    reply_to: tuple[Address, ...]
    """That of `from_` if there is none."""
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    in_reply_to: str | None
    message_id: str | None


# --- BODYSTRUCTURE (RFC 9051 section 7.5.2) -------------------------------------------------------

Extension: TypeAlias = "str | int | tuple[Extension, ...] | None"
"""A value of a form that later RFCs may define (body-extension in RFC 9051 section 9)."""


@attrs.frozen
class BodyStructure:
    """One node of BODYSTRUCTURE; None is NIL."""

    maintype: str
    """In lower case."""
    subtype: str
    """In lower case."""
    params: tuple[tuple[str, str], ...]
    """RFC 2231 is undone where the value is ASCII, else the name ends in `*`, and the value is
    written in UTF-8 with percents."""
    id: str | None
    """As spelled, with its angle brackets."""
    description: str | None
    """As spelled."""
    encoding: str
    """In lower case; "7bit" without one."""
    octets: int
    """Of the body, as it is encoded. Of a multipart IMAP says none."""
    lines: int | None
    """Of a text or a message."""
    md5: str | None
    disposition: tuple[str, tuple[tuple[str, str], ...]] | None
    language: tuple[str, ...]
    location: str | None
    parts: tuple[BodyStructure, ...] = ()
    """Of a multipart, which has at least one: an empty multipart is shown as opaque text, because
    IMAP has no way to write it."""
    envelope: Envelope | None = None
    """Of the message inside a message/rfc822."""
    body: BodyStructure | None = None
    """Of the message inside a message/rfc822."""
    extension: tuple[Extension, ...] = ()
    """What a later RFC put behind the location."""


# --- Sections (RFC 9051 section 6.4.5.1) ----------------------------------------------------------


@attrs.frozen
class Section:
    """A section specification: `1.2.MIME` is `Section((1, 2), "MIME")`."""

    path: tuple[int, ...] = ()
    """Part numbers, from 1."""
    text: str = ""
    """"", HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or MIME."""
    names: tuple[str, ...] = ()
    """Field names, for HEADER.FIELDS and HEADER.FIELDS.NOT."""

    @classmethod
    def parse(cls, spec: str) -> Section:
        """Read `1.2.HEADER.FIELDS (From To)`. Raises ValueError."""
        match = _SECTION.fullmatch(spec)
        if match is None:
            raise ValueError(f"not a section: {spec[:80]!r}")
        path = tuple(int(number) for number in match[1].split(".")) if match[1] else ()
        text = (match[2] or "").upper()
        names = tuple((match[3] or "").split())
        if bool(names) != text.startswith("HEADER.FIELDS"):
            raise ValueError(f"not a section: {spec[:80]!r}")
        if text == "MIME" and not path:
            raise ValueError("MIME needs a part number")
        return cls(path, text, names)


_SECTION: Final = re.compile(
    r"((?:[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*+)?)"
    r"(?:(?:(?<=[0-9])\.|(?<![0-9]))(HEADER(?:\.FIELDS(?:\.NOT)?)?|TEXT|MIME))?"
    r"(?: ?\(([!-'*-9;-~]+(?: [!-'*-9;-~]+)*+)\))?",
    re.IGNORECASE,
)
