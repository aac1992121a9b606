"""FETCH responses, read and written: one row for each message data item.

What a listing is made of (UID, FLAGS, RFC822.SIZE, INTERNALDATE, MODSEQ) is read by one pattern, as
every server writes it; the lexer stands behind it. An item that cannot be read is `Unparsed` in its
place, and the rest survives. Nothing here raises when it reads; servers write strictly.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from ..errors import Defect
from ..limits import Limits
from ._lexer import Frame, Lexer, Refused, decode_text
from ._mutf7 import decode_name
from ._responses import FetchData, FetchItems
from ._structures import BODY, BODYSTRUCTURE, ENVELOPE
from ._syntax import (
    ANNOTATIONS,
    ANY,
    ATOM,
    DATE_TIME,
    FETCH_ATTRIBUTE,
    FLAGS,
    MODSEQ,
    NTEXT,
    NUMBER,
    NZ_NUMBER,
    Kind,
    flag_text,
    in_parentheses,
    or_nil,
)
from ._values import Annotation, Binary, BinarySize, Body, FetchAttribute, Streamed, Unparsed
from ._writer import Writer, octets_of

__all__ = ["FETCH_VALUES", "fetch_reader", "read_fetch_items", "write_fetch"]


def _read_octets(lexer: Lexer) -> bytes | None:
    return lexer.nstring()


def _write_body(writer: Writer, value: bytes | Streamed | None) -> None:
    if isinstance(value, Streamed):
        writer.streamed(value)
    elif value is None:
        writer.put(b"NIL")
    else:
        writer.string(value)


def _write_binary(writer: Writer, value: bytes | Streamed | None) -> None:
    if isinstance(value, Streamed):
        writer.streamed(value, binary=True)
    elif value is not None and b"\0" in value:
        writer.literal(value, binary=True)
    else:
        _write_body(writer, value)


OCTETS: Final = Kind(_read_octets, _write_body)
BINARY: Final = Kind(_read_octets, _write_binary)


def _read_labels(lexer: Lexer) -> tuple[str, ...]:
    found: list[str] = []

    def label(lexer: Lexer) -> str:
        start = lexer.pos
        if lexer.nil():
            lexer.odd("nil_label", start)
            return "NIL"
        if lexer.peek() == 0x5C:  # a system label, as a flag
            return flag_text(lexer.flag())
        octets = lexer.astring()
        name = decode_name(octets)
        return name if isinstance(name, str) and name != "INBOX" else decode_text(octets)

    found += lexer.list_of(label)
    return tuple(found)


def _write_labels(writer: Writer, values: tuple[str, ...]) -> None:
    writer.put(b"(")
    gap = b""
    for value in values:
        writer.put(gap)
        gap = b" "
        if value.startswith("\\"):
            writer.quoted(octets_of(value))
        else:
            writer.mailbox(value)
    writer.put(b")")


LABELS: Final = Kind(_read_labels, _write_labels)


def _read_internal_date(lexer: Lexer) -> datetime | None:
    start = lexer.pos
    if lexer.nil():
        lexer.odd("nil_date", start)
        return None
    found: datetime = DATE_TIME.read(lexer)
    return found


def _read_modseq(lexer: Lexer) -> int:
    start = lexer.pos
    value = lexer.number()
    if value == 0 and not any(defect.offset == start for defect in lexer.defects):
        lexer.odd("zero", start)
    return value


FETCH_VALUES: Final[dict[str, Kind]] = {
    "UID": NZ_NUMBER,
    "FLAGS": FLAGS,
    "RFC822.SIZE": NUMBER,
    "INTERNALDATE": Kind(_read_internal_date, DATE_TIME.write),
    "SAVEDATE": or_nil(DATE_TIME),
    "ENVELOPE": ENVELOPE,
    "BODY": BODY,
    "BODYSTRUCTURE": BODYSTRUCTURE,
    "RFC822": OCTETS,
    "RFC822.HEADER": OCTETS,
    "RFC822.TEXT": OCTETS,
    "MODSEQ": in_parentheses(Kind(_read_modseq, MODSEQ.write)),
    "EMAILID": in_parentheses(ATOM),
    "THREADID": or_nil(in_parentheses(ATOM)),
    "PREVIEW": NTEXT,
    "X-GM-MSGID": NUMBER,
    "X-GM-THRID": NUMBER,
    "X-GM-LABELS": LABELS,
    "ANNOTATION": ANNOTATIONS,
}
"""What kind of value each message data item has. Any other name has a value of any form."""

_KINDS_OF_PARTS: Final[dict[type, Kind]] = {Body: OCTETS, Binary: BINARY, BinarySize: NUMBER}


def value_kind(attribute: FetchAttribute) -> Kind:
    """How the value of an attribute is read and written."""
    if isinstance(attribute, str):
        return FETCH_VALUES.get(attribute, ANY)
    kind = _KINDS_OF_PARTS.get(type(attribute))
    if kind is None:
        raise TypeError(f"not a message data item: {attribute!r}")
    return kind


_USUAL_ITEM: Final = re.compile(
    rb"(?:UID ([1-9][0-9]{0,9})"
    rb"|FLAGS \(([!#-'*-\[\\\]-z|}~ ]{0,200}+)\)"
    rb"|RFC822\.SIZE (0|[1-9][0-9]{0,18})"
    rb"|INTERNALDATE \"([0-9 ][0-9]-[A-Za-z]{3}-[0-9]{4}) ([0-9:]{8}) ([+\-][0-9]{4})\""
    rb"|MODSEQ \(([1-9][0-9]{0,18})\))(?=[ )])"
)
"""What is asked for in every listing, as every server writes it."""

_UID, _FLAGS, _SIZE, _DATE, _, _ZONE, _MODSEQ = range(1, 8)

_STRICT_FLAGS: Final = re.compile(
    rb"(?:\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+(?: (?!\)|\Z)|\Z))*+"
)


@lru_cache(maxsize=1024)
def _usual_flags(octets: bytes) -> tuple[str, ...] | None:
    """The flags of a list without its parentheses, if they are written as the grammar says."""
    if _STRICT_FLAGS.fullmatch(octets) is None or b"NIL" in octets.upper():
        return None
    return tuple(map(flag_text, octets.split(b" "))) if octets else ()


_MONTHS: Final = {
    name.encode("ascii"): f"{number:02}"
    for number, name in enumerate(
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"], 1
    )
}


@lru_cache(maxsize=1024)
def _usual_day(octets: bytes) -> str | None:
    """`17-Jul-1996` as the start of an ISO date."""
    month = _MONTHS.get(octets[3:6].capitalize())
    if month is None:
        return None
    return f"{octets[7:].decode('ascii')}-{month}-{octets[:2].decode('ascii').replace(' ', '0')}T"


def _usual_date(day: bytes, time: bytes, zone: bytes) -> datetime | None:
    prefix = _usual_day(day)
    if prefix is None:
        return None
    try:
        return datetime.fromisoformat(f"{prefix}{time.decode('ascii')}{zone.decode('ascii')}")
    except ValueError:
        return None


def read_fetch_items(lexer: Lexer) -> FetchItems:
    """The items behind the opening parenthesis, to the end of the line. Never raises."""
    octets = lexer.octets
    items: list[tuple[FetchAttribute, Any]] = []
    usual = _USUAL_ITEM.match
    while True:
        match = usual(octets, lexer.pos)
        if match is not None:
            which = match.lastindex
            value: Any
            if which == _UID:
                name = "UID"
                value = int(match[1])
                if value >= 4294967296:
                    value = None
            elif which == _FLAGS:
                name = "FLAGS"
                value = _usual_flags(match[2])
            elif which == _SIZE:
                name = "RFC822.SIZE"
                value = int(match[3])
            elif which == _ZONE:
                name = "INTERNALDATE"
                value = _usual_date(match[4], match[5], match[6])
            else:
                name = "MODSEQ"
                value = int(match[7])
            if value is not None:
                items.append((name, value))
                pos = match.end()
                if octets[pos] == 0x20:
                    lexer.pos = pos + 1
                    continue
                lexer.pos = pos
                if _at_end(lexer):
                    return tuple(items)
                continue
        try:
            items.append(_read_item(lexer))
        except Refused:
            start = lexer.pos
            raw = lexer.skip()
            if not raw and lexer.at(b")"):
                lexer.odd("extra_space", start - 1)
            elif not raw:
                raw = lexer.rest()
            if raw:
                items.append(("", Unparsed(raw)))
                lexer.odd("unreadable_item", start)
        if _at_end(lexer):
            return tuple(items)


_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")


def _at_end(lexer: Lexer) -> bool:
    """Behind an item: read the space before the next, or the parenthesis at the end."""
    octets, end = lexer.octets, lexer.end
    while True:
        pos = lexer.pos
        if pos >= end:
            lexer.odd("missing_parenthesis")
            return True
        octet = octets[pos]
        if octet == 0x29:
            lexer.pos = pos + 1
            if lexer.pos == end:
                return True
            if _BLANKS.fullmatch(octets, lexer.pos, end):
                lexer.odd("trailing_space")
                lexer.pos = end
                return True
            lexer.odd("extra_parenthesis", pos)
            continue
        if octet == 0x20:
            lexer.pos = pos + 1
            following = octets[lexer.pos : lexer.pos + 1]
            if following in (b" ", b")", b"\r", b"\n", b"\t"):
                lexer.odd("extra_space", pos)
                continue
            return False
        if octet in b"\r\n\t":
            lexer.pos = pos + (2 if octets.startswith(b"\r\n", pos) else 1)
            lexer.odd("extra_line_end" if octet != 0x09 else "extra_space", pos)
            if octets[lexer.pos : lexer.pos + 1] not in (b" ", b")", b"\r", b"\n", b"\t", b""):
                return False
            continue
        lexer.odd("missing_space")
        return False


def _read_item(lexer: Lexer) -> tuple[FetchAttribute, Any]:
    while lexer.at(b"("):
        start = lexer.pos
        lexer.pos += 1
        lexer.odd("extra_parenthesis", start)
    attribute = _response_attribute(lexer)
    kind = value_kind(attribute)
    start = lexer.pos
    if lexer.at(b")") or lexer.at(b" )") or lexer.pos >= lexer.end:
        if isinstance(attribute, str) and attribute not in FETCH_VALUES:
            lexer.refuse("a value")
        lexer.odd("missing_value", start)
        return attribute, None
    value_start = start
    defects = len(lexer.defects)
    try:
        lexer.space()
        value_start = lexer.pos
        value = kind.read(lexer)
        if lexer.octets[lexer.pos] not in b" )\r\n\t(":
            lexer.refuse("the end of the value")
    except Refused as refused:
        del lexer.defects[defects:]
        lexer.pos = value_start
        raw = lexer.skip()
        if not raw and lexer.pos < lexer.end and not lexer.at(b")"):
            raw = lexer.rest()
        lexer.odd("unreadable_value", value_start, str(refused))
        return attribute, Unparsed(raw)
    return attribute, value


def _response_attribute(lexer: Lexer) -> FetchAttribute:
    start = lexer.pos
    attribute = FETCH_ATTRIBUTE.read(lexer) if not _is_plain_name(lexer) else lexer.name()
    if isinstance(attribute, (Body, Binary)) and (attribute.count is not None or attribute.peek):
        # The request, echoed: what is told is where the octets start.
        lexer.odd("echoed_request", start)
        attribute = type(attribute)(attribute.section, attribute.offset)
    return attribute


def _is_plain_name(lexer: Lexer) -> bool:
    return lexer.octets[lexer.pos : lexer.pos + 11].upper() in (b"ANNOTATION ", b"PREVIEW (L")


def write_fetch(writer: Writer, value: FetchData) -> None:
    writer.put(b"* ")
    writer.number(value.number, 2**32 - 1, least=1)
    writer.put(b" UIDFETCH" if value.uidfetch else b" FETCH")
    gap = b" ("
    for attribute, item in value.items:
        if isinstance(attribute, (Body, Binary)) and (
            attribute.peek or attribute.count is not None
        ):
            raise ValueError("a response tells neither PEEK nor a count")
        if attribute == "PREVIEW (LAZY)" or isinstance(attribute, Annotation):
            raise ValueError(f"not an item of a response: {attribute!r}")
        if isinstance(item, Unparsed):
            raise ValueError("what could not be read cannot be written")  # noqa: TRY004 - a value
        writer.put(gap)
        if attribute == "ANNOTATION":
            writer.put(b"ANNOTATION")
        else:
            FETCH_ATTRIBUTE.write(writer, attribute)
        writer.put(b" ")
        value_kind(attribute).write(writer, item)
        gap = b" "
    writer.put(b" ()" if gap == b" (" else b")")


def fetch_reader(
    source: tuple[Frame, int, bool, Limits],
) -> tuple[FetchItems, tuple[Defect, ...]]:
    """What a `FetchData` from the wire reads its items with."""
    frame, pos, utf8, limits = source
    lexer = Lexer(frame, pos, lenient=True, utf8=utf8, limits=limits)
    if lexer.at(b")"):
        lexer.pos += 1
        if not _finished(lexer):
            lexer.odd("trailing_text")
        return (), tuple(lexer.defects)
    items = read_fetch_items(lexer)
    return items, tuple(lexer.defects)


def _finished(lexer: Lexer) -> bool:
    return not lexer.octets[lexer.pos : lexer.end].strip(b" ")
