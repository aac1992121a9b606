"""How much a peer may make us hold, count or swallow.

One frozen class for all machines. None means unlimited; 0 means zero. A limit's verdict depends on
the logical line, reply, body or message it is about, never on how the bytes happened to be cut
(`input`, which guards an embedder that reads when it was not told to, is the exception by nature).

Each default says where it comes from. Larger is rarely needed; smaller is fine for a server that
faces the world.
"""

from __future__ import annotations

import attrs

__all__ = ["Limits", "bound"]


def bound(value: int | None) -> int:
    """A limit as a number, which is what is compared with in every call."""
    return 2**62 if value is None else value


@attrs.frozen(kw_only=True)
class Limits:
    """Bounds of one machine. Sizes are octets unless said otherwise."""

    line: int | None = 12_288
    """A command line, CRLF included. RFC 4954 section 4 asks servers to take AUTH lines of 12,288
    octets; RFC 5321 section 4.5.3.1.4 asks for 512 and more where extensions add parameters. A
    longer line is refused, not fatal."""
    reply: int | None = 32_768
    """A whole reply, all its lines. RFC 5321 section 4.5.3.1.5 has 512 a line; EHLO answers above
    8 KiB exist."""
    blank_lines: int | None = 8
    """Empty lines skipped before a reply (seen from PHP mailers' peers); the next one is an error.
    Count."""
    recipients: int | None = 1_000
    """Recipients of one message; the next one is answered 452 (RFC 5321 section 4.5.3.1.8 asks for
    at least 100)."""
    challenges: int | None = 32
    """Challenges of one AUTH exchange that a client takes; a server makes them itself. No SASL
    mechanism in use needs more than four. Count."""
    logins: int | None = 10
    """Logins that a POP3 server refuses before it closes the connection. RFC 4954 section 4 wants
    three at least wherever there is such a bound. Count."""
    batch: int = attrs.field(default=1_000, converter=bound)
    """Entries of a listing that one event carries. At least 1. Count."""
    chunk: int = attrs.field(default=65_536, converter=bound)
    """The most octets one `BodyChunk` carries. At least 1."""
    window: int | None = 8
    """BDAT chunks a client may have unanswered before it waits (RFC 3030 section 4.2 lets it
    pipeline them). Count."""
    output: int = attrs.field(default=262_144, converter=bound)
    """Output that may wait in the machine before it asks to be flushed and refuses to send more.
    At least 1."""
    input: int | None = 1_048_576
    """Input held while nothing may be parsed. Data given beyond it is an error: read only when
    told `Want.DATA`."""
    drain: int | None = 67_108_864
    """Refused octets that are swallowed before the refusal is answered; more of them end the
    connection."""
    command: int | None = 131_072
    """An IMAP command, all its lines and literals but those of messages. RFC 9051 section 4.3
    leaves it to servers; Dovecot takes lines of 65,536 octets. A larger one is refused, not
    fatal."""
    response: int | None = 67_108_864
    """An IMAP response, all its lines and literals but the sections that pass through. A SEARCH
    with five million UIDs has as many octets."""
    stream: int | None = 65_536
    """A section of a message above which an IMAP client hands it on as it comes; one of this size
    or less is held. None: all are held."""
    items: int | None = 100_000
    """Entries of one list in an IMAP command or response. Count."""
    depth: int | None = 100
    """Levels of parts in a message, and of parentheses in IMAP; a multipart or message below is one
    opaque part. Dovecot and Stalwart stop at 100 or less; mail in use needs about ten. Count."""
    parts: int | None = 10_000
    """Parts of a message; what follows belongs to the part they are in.
    Dovecot stops at as many. Count."""
    header: int | None = 1_048_576
    """A header block, as far as its fields are looked at (Exim's header_maxsize); all of it is
    kept."""
    fields: int | None = 10_000
    """Fields of a header block that are looked at. Count."""
    addresses: int | None = 100_000
    """Addresses of one field that are read; the rest is one `Unparsed`. Count."""
    parameters: int | None = 1_000
    """Parameters (sections of RFC 2231 included), tags or clauses of one field. Count."""

    def __attrs_post_init__(self) -> None:
        for field in attrs.fields(Limits):
            least = 1 if field.name in ("batch", "chunk", "output") else 0
            value = getattr(self, field.name)
            if value is not None and value < least:
                raise ValueError(f"limits.{field.name} must be at least {least}")
