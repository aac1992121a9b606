"""What an IMAP server is asked about a message: the data, which IMAP writes down.

What lives here: ENVELOPE and BODYSTRUCTURE as values, the octets of every section, decoded (BINARY)
sections, the texts that SEARCH looks through, the keys of SORT and THREAD, PREVIEW. What does not:
IMAP's syntax, and whatever is not a property of the message (flags, dates of arrival, numbers).

Invariants

* A section is ranges of the raw message, worked out from the index: with the index at hand only
  those octets need be read from where the message is stored.
* Octets and lines are those of the message as it is. IMAP wants CRLF (RFC 9051 section 2.3.4 counts
  them): keep messages with CRLF, or convert before you parse.
* Nothing recurses: children have higher numbers than their parents, so a loop from behind has all
  parts ready when it comes to what they are in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import attrs

from .._structure import Address as ImapAddress
from .._structure import BodyStructure, Section
from .._structure import Envelope as ImapEnvelope
from ._charsets import header_text
from ._plain import base_subject, casemap, html_to_text
from ._plain import preview as plain_preview
from ._scan import MESSAGE, MULTIPART
from ._vocabulary import AddressList, Group, Mailbox, MimeParam, Unparsed
from ._words import decode_words

if TYPE_CHECKING:
    from ._header import Header
    from ._message import Message, Part

__all__ = [
    "BodyStructure",
    "ImapAddress",
    "ImapEnvelope",
    "Section",
    "SortKeys",
    "ThreadKeys",
    "binary",
    "bodystructure",
    "imap_envelope",
    "preview",
    "search_texts",
    "section_octets",
    "section_ranges",
    "sort_keys",
    "thread_keys",
]

_FOLD: Final = re.compile(r"\r?\n(?=[ \t])")
_PERCENT: Final = re.compile(rb"[^A-Za-z0-9!#$&+\-.^_`{|}~]")


# --- ENVELOPE (RFC 9051 section 7.5.2) ------------------------------------------------------------


def imap_envelope(message: Message) -> ImapEnvelope:
    """The envelope structure of a message."""
    header = message.header
    from_ = _addresses(header.from_)
    return ImapEnvelope(
        _spelled(header, "date"),
        _spelled(header, "subject"),
        from_,
        _addresses(header.sender) or from_,
        _addresses(header.reply_to) or from_,
        _addresses(header.to),
        _addresses(header.cc),
        _addresses(header.bcc),
        _spelled(header, "in-reply-to"),
        _spelled(header, "message-id"),
    )


def _spelled(header: Header, name: str) -> str | None:
    """The body of a field as it is spelled, on one line."""
    field = header.get(name)
    if field is None:
        return None
    return _FOLD.sub("", header_text(field.body)).strip(" \t\r\n")


def _addresses(values: AddressList) -> tuple[ImapAddress, ...]:
    found: list[ImapAddress] = []
    for item in values.items:
        if isinstance(item, Mailbox):
            found.append(_address(item))
        elif isinstance(item, Group):
            name = item.name if item.phrase is None else item.phrase
            found.append(ImapAddress(None, None, name, None))
            found += [_address(one) for one in item.mailboxes if isinstance(one, Mailbox)]
            found.append(ImapAddress(None, None, None, None))
        else:
            found.append(_unparsed(item))
    return tuple(found)


def _address(box: Mailbox) -> ImapAddress:
    name = box.name if box.phrase is None else box.phrase
    return ImapAddress(name or None, box.route or None, box.local_part, box.domain)


def _unparsed(item: Unparsed) -> ImapAddress:
    """What cannot be read is shown as a name, so that nobody takes it for an address."""
    return ImapAddress(_FOLD.sub("", item.raw).strip(), None, "INVALID_ADDRESS", ".SYNTAX-ERROR.")


# --- BODYSTRUCTURE (RFC 9051 section 7.5.2) -------------------------------------------------------


def bodystructure(message: Message) -> BodyStructure:
    """The body structure of a message."""
    done: dict[int, BodyStructure] = {}
    waiting: dict[int, list[BodyStructure]] = {}
    for part in reversed(list(message.walk())):
        inside = waiting.pop(part.number, ())
        parts = tuple(reversed(inside)) if part.span.kind == MULTIPART else ()
        node = _node(part, parts, done.get(part.number + 1))
        done[part.number] = node
        waiting.setdefault(part.span.parent, []).append(node)
    return done[message.number]


def _node(
    part: Part, parts: tuple[BodyStructure, ...], inner: BodyStructure | None
) -> BodyStructure:
    header, content_type = part.header, part.content_type
    maintype, subtype = content_type.maintype, content_type.subtype
    envelope = None
    if part.span.kind == MESSAGE:
        message = part.message
        assert message is not None
        envelope = imap_envelope(message)
    else:
        inner = None
        if maintype in ("multipart", "message") and not parts:
            # Opaque: no boundary, too deep, encoded. IMAP has basic parts for what is not known.
            if maintype == "multipart":
                maintype, subtype = "application", "octet-stream"
            elif subtype in ("rfc822", "global"):
                subtype = "x-opaque"
    params = tuple(map(_parameter, content_type.params))
    if maintype == "text" and content_type.get("charset") is None:
        params = (("charset", "us-ascii"), *params)
    disposition = part.disposition
    language = header.get("content-language")
    return BodyStructure(
        maintype,
        subtype,
        params,
        _spelled(header, "content-id"),
        _spelled(header, "content-description"),
        part.encoding,
        len(part.body),
        part.body.lines if maintype == "text" or envelope is not None else None,
        _spelled(header, "content-md5"),
        None
        if disposition is None
        else (disposition.kind, tuple(map(_parameter, disposition.params))),
        () if language is None else tuple(re.findall(r"[^\s,]+", language.text)),
        _spelled(header, "content-location"),
        parts,
        envelope,
        inner,
    )


def _parameter(param: MimeParam) -> tuple[str, str]:
    value = param.value
    if value.isascii() and not param.charset:
        return param.name, value
    octets = value.encode("utf-8", "replace")
    quoted = _PERCENT.sub(lambda match: b"%%%02X" % match[0][0], octets).decode("ascii")
    return f"{param.name}*", f"utf-8'{param.language}'{quoted}"


# --- Sections (RFC 9051 section 6.4.5.1) ----------------------------------------------------------


def section_ranges(message: Message, section: Section | str) -> tuple[tuple[int, int], ...] | None:
    """Where a section is: (start, end) of its pieces in the message that was parsed, in order.

    None if the message has no such section. Raises ValueError for a string that is no section.
    """
    if isinstance(section, str):
        section = Section.parse(section)
    found = _resolve(message, section.path)
    if found is None:
        return None
    part, inside = found
    span = part.span
    match section.text:
        case "MIME":
            return ((span.start, span.body),)
        case "":
            return ((span.body if section.path else span.start, span.end),)
        case _:
            # HEADER and TEXT are those of a message: of the whole, or of a message/rfc822's inside.
            if section.path:
                if not inside or span.kind != MESSAGE:
                    return None
                inner = part.message
                assert inner is not None
                part, span = inner, inner.span
    if section.text == "TEXT":
        return ((span.body, span.end),)
    if section.text == "HEADER":
        return ((span.start, span.body),)
    return _fields(part.header, section)


def _fields(header: Header, section: Section) -> tuple[tuple[int, int], ...]:
    """The fields that are named (or not), and the empty line."""
    names = {name.lower() for name in section.names}
    wanted = section.text == "HEADER.FIELDS"
    ranges = [
        (field.offset, field.offset + len(field.raw))
        for field in header.fields
        if (field.name.lower() in names) == wanted
    ]
    stop = header.offset + len(header.raw)
    for blank in (b"\r\n", b"\n"):
        behind = header.raw.removesuffix(blank)
        if len(behind) < len(header.raw) and (not behind or behind.endswith(b"\n")):
            ranges.append((stop - len(blank), stop))
            break
    return tuple(ranges)


def _resolve(message: Message, path: tuple[int, ...]) -> tuple[Part, bool] | None:
    """The part at a path, and whether it has a number: else it is the message itself."""
    part: Part = message
    # A message that is no multipart has its body as part 1.
    as_message = True
    for number in path:
        if part.span.kind == MULTIPART:
            parts = part.parts
            if number > len(parts):
                return None
            part = parts[number - 1]
            as_message = False
        elif as_message:
            if number != 1:
                return None
            as_message = False
        elif part.span.kind == MESSAGE:
            inner = part.message
            assert inner is not None
            part = inner
            if part.span.kind == MULTIPART:
                parts = part.parts
                if number > len(parts):
                    return None
                part = parts[number - 1]
            elif number != 1:
                return None
        else:
            return None
    return part, not as_message


def section_octets(
    message: Message, section: Section | str, origin: int = 0, count: int | None = None
) -> bytes | None:
    """The octets of a section, or `count` of them from `origin` on (`BODY[...]<origin.count>`).

    None if the message has no such section. Raises ValueError for a string that is no section.
    """
    ranges = section_ranges(message, section)
    if ranges is None:
        return None
    if origin < 0 or (count is not None and count < 0):
        raise ValueError("origin and count are not negative")
    raw = message.whole
    if len(ranges) == 1:
        start, end = ranges[0]
        start = min(start + origin, end)
        return raw[start : end if count is None else min(start + count, end)]
    octets = b"".join([raw[start:end] for start, end in ranges])
    return octets[origin : None if count is None else origin + count]


# --- BINARY (RFC 3516) ----------------------------------------------------------------------------


def binary(message: Message, path: tuple[int, ...]) -> bytes | None:
    """The decoded content of a part (BINARY; its length is BINARY.SIZE). None if there is none.

    Raises ValueError for a transfer encoding that is not known: the answer is UNKNOWN-CTE then.
    """
    found = _resolve(message, path)
    if found is None:
        return None
    part, _ = found
    if not path:
        return bytes(part)
    if any(defect.code == "unknown_encoding" for defect in part.content_defects):
        raise ValueError(f"unknown content transfer encoding {part.encoding[:40]!r}")
    return part.content


# --- SEARCH, SORT, THREAD, PREVIEW ----------------------------------------------------------------


def search_texts(message: Message, *, header: bool = True) -> Iterator[str]:
    """The texts that SEARCH TEXT looks through (BODY: without `header`), decoded, as they come.

    Every header, that of parts and messages inside too, and every part that is text; HTML as it
    is and without its tags.
    """
    for part in message.walk():
        if header or part.number != message.number:
            for name, body in part.header.items():
                yield f"{name}: {decode_words(header_text(body)).strip()}"
        if part.content_type.maintype == "text":
            text = part.own_text
            yield text
            if part.type == "text/html":
                yield html_to_text(text)


@attrs.frozen
class SortKeys:
    """What SORT compares (RFC 5256 section 3, RFC 5957). Strings are for i;unicode-casemap."""

    date: datetime | None
    """The sent date in UTC; None where the date of arrival is to be taken (section 2.2)."""
    subject: str
    """The base subject."""
    from_: str
    """The mailbox of the first address of From; "" without."""
    to: str
    cc: str
    display_from: str
    """DISPLAYFROM (RFC 5957): the display name of the first address, or else the address."""
    display_to: str
    size: int


def sort_keys(message: Message) -> SortKeys:
    """The keys of a message."""
    header = message.header
    date = header.date
    return SortKeys(
        _utc(date),
        casemap(base_subject(header.subject).text),
        _mailbox(header.from_),
        _mailbox(header.to),
        _mailbox(header.cc),
        _display(header.from_),
        _display(header.to),
        message.span.end - message.span.start,
    )


def _utc(date: datetime | None) -> datetime | None:
    if date is None:
        return None
    try:
        return date.astimezone(UTC)
    except OverflowError:  # the first or last day there is
        return date.replace(tzinfo=UTC)


def _mailbox(addresses: AddressList) -> str:
    for box in addresses.mailboxes:
        return casemap(box.local_part)
    return ""


def _display(addresses: AddressList) -> str:
    for box in addresses.mailboxes:
        return casemap(box.name or box.addr_spec)
    return ""


@attrs.frozen
class ThreadKeys:
    """What THREAD needs (RFC 5256 section 3)."""

    message_id: str
    """Without angle brackets; "" without one."""
    references: tuple[str, ...]
    """The ancestors, oldest first: References, or else the first of In-Reply-To."""
    subject: str
    """The base subject, for i;unicode-casemap."""
    reply_or_forward: bool
    """Whether its subject says that it is one."""


def thread_keys(message: Message) -> ThreadKeys:
    """The keys of a message."""
    header = message.header
    subject = base_subject(header.subject)
    return ThreadKeys(
        header.message_id,
        header.references or header.in_reply_to[:1],
        casemap(subject.text),
        subject.reply_or_forward,
    )


def preview(message: Message) -> str:
    """The first of its text for a list of messages, at most 256 characters (RFC 8970)."""
    return plain_preview(message.text)
