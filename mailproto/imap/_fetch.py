"""FETCH responses, read and written: one row for each message data item.

What a listing is made of (UID, FLAGS, RFC822.SIZE, INTERNALDATE, MODSEQ) is read by one pattern, as
every server writes it; the lexer stands behind it. An item that cannot be read is `Unparsed` in its
place, and the rest survives. Nothing here raises when it reads; servers write strictly.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from operator import call
from typing import Any, Final

from ..errors import Defect
from ._lexer import Frame, Lexer, Refused
from ._responses import FetchData, FetchItems, FetchSource
from ._structures import BODY, BODYSTRUCTURE, ENVELOPE
from ._syntax import (
    ANNOTATIONS,
    ANY,
    ATOM,
    DATE_TIME,
    FETCH_ATTRIBUTE,
    FLAGS,
    GMAIL_LABEL,
    MONTHS,
    NTEXT,
    NUMBER,
    NZ_NUMBER,
    Kind,
    in_parentheses,
    listed,
    or_nil,
    usual_flags,
)
from ._values import Annotation, Binary, BinarySize, Body, FetchAttribute, Streamed, Unparsed
from ._writer import Writer

__all__ = ["FETCH_VALUES", "at_end", "fetch_reader", "read_fetch_items", "write_fetch"]


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


LABELS: Final = listed(GMAIL_LABEL)


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


def _write_modseq(writer: Writer, value: int) -> None:
    writer.number(value, least=1)


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
    "MODSEQ": in_parentheses(Kind(_read_modseq, _write_modseq)),
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
    rb"|INTERNALDATE \"([0-9 ][0-9]-[A-Za-z]{3}-[0-9]{4} [0-9:]{8} [+\-][0-9]{4})\""
    rb"|MODSEQ \(([1-9][0-9]{0,18})\))( (?=[A-Z])|\))"
)
"""What is asked for in every listing, as every server writes it."""


@lru_cache(maxsize=1024)
def _usual_day(text: str) -> str:
    """`17-Jul-1996` as the start of an ISO date; "" is the start of none."""
    month = MONTHS.get(text[3:6].upper().encode())
    return "" if month is None else f"{text[7:]}-{month:02}-{text[:2].replace(' ', '0')}T"


_from_iso = datetime.fromisoformat


def _usual_date(octets: bytes) -> datetime | None:
    text = octets.decode("ascii")
    try:
        return _from_iso(f"{_usual_day(text[:11])}{text[12:20]}{text[21:]}")
    except ValueError:
        return None


def _read_usual(octets: bytes, pos: int, items: list[tuple[FetchAttribute, Any]]) -> int:
    """Read items from `pos` on as long as they are usual ones: where the next thing is.

    That is an item, or the parenthesis behind the last.
    """
    usual = _USUAL_ITEM.match
    while (match := usual(octets, pos)) is not None:
        uid, flags, size, date, modseq, behind = match.groups()
        value: Any
        if uid is not None:
            value = int(uid)
            if value >= 4294967296:
                break
            items.append(("UID", value))
        elif flags is not None:
            value = usual_flags(flags)
            if value is None:
                break
            items.append(("FLAGS", value))
        elif size is not None:
            items.append(("RFC822.SIZE", int(size)))
        elif date is not None:
            value = _usual_date(date)
            if value is None:
                break
            items.append(("INTERNALDATE", value))
        else:
            items.append(("MODSEQ", int(modseq)))
        pos = match.end()
        if behind == b")":
            return pos - 1
    return pos


def read_fetch_items(lexer: Lexer, found: Iterable[tuple[FetchAttribute, Any]] = ()) -> FetchItems:
    """The items behind the opening parenthesis, to the end of the line. Never raises.

    `found` are those that were read before.
    """
    octets = lexer.octets
    items = list(found)
    if items and octets[lexer.pos] == 0x29 and at_end(lexer):
        return tuple(items)
    while True:
        count = len(items)
        lexer.pos = _read_usual(octets, lexer.pos, items)
        if len(items) > count and octets[lexer.pos] == 0x29:
            if at_end(lexer):
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
        if at_end(lexer):
            return tuple(items)


_BLANKS: Final = re.compile(rb"[ \t\r\n]*+")


def at_end(lexer: Lexer) -> bool:
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
        literal = lexer.frame.literals.get(value_start)  # where that ends is certain
        if (literal is None or literal[1] != lexer.pos) and (
            lexer.octets[lexer.pos] not in b" )\r\n\t("
        ):
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


class _Order:
    """Usual items in one order: all of them are one match.

    It goes to the next item, or to the end of the line.
    """

    __slots__ = ("match", "names", "readers")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.readers = [_IN_ORDER[name][1] for name in names]
        patterns = b" ".join(_IN_ORDER[name][0] for name in names)
        self.match = re.compile(patterns + rb"(?: (?=[A-Z])|\)\r\n\Z)").match


_IN_ORDER: Final[dict[str, tuple[bytes, Callable[[bytes], Any]]]] = {
    "UID": (rb"UID ([1-9][0-9]{0,8})", int),
    "FLAGS": (rb"FLAGS \(([!#-'*-\[\\\]-z|}~ ]{0,200}+)\)", usual_flags),
    "RFC822.SIZE": (rb"RFC822\.SIZE (0|[1-9][0-9]{0,18})", int),
    "INTERNALDATE": (
        rb"INTERNALDATE \"([0-9 ][0-9]-[A-Za-z]{3}-[0-9]{4} [0-9:]{8} [+\-][0-9]{4})\"",
        _usual_date,
    ),
    "MODSEQ": (rb"MODSEQ \(([1-9][0-9]{0,18})\)", int),
}
_order: Final = lru_cache(maxsize=64)(_Order)
_recent: Final = [_order(("UID", "FLAGS"))]
"""The order of the last response that was read: in one listing it is always the same."""


def fetch_reader(
    source: FetchSource,
) -> tuple[Sequence[Any], Sequence[FetchAttribute], tuple[Defect, ...], FetchSource | None]:
    """What a `FetchData` from the wire reads on with: values, names, defects, what is left.

    The usual items at its beginning are read first, and all the rest when that is not enough.
    """
    octets, literals, pos, utf8, limits, found = source
    if found is None:
        order = _recent[0]
        names: Sequence[Any] = ()
        values: Sequence[Any] = ()
        match = order.match(octets, pos)
        if match is not None:
            values = list(map(call, order.readers, match.groups()))  # pyright: ignore[reportArgumentType] - operator.call
            if None not in values:
                names = order.names
                pos = match.end()
                if pos == len(octets):
                    return values, names, (), None
        found = tuple(zip(names, values, strict=False))
        more: list[tuple[FetchAttribute, Any]] = []
        pos = _read_usual(octets, pos, more)
        if more:
            found = (*found, *more)
            names, values = zip(*found, strict=True)
            if len(names) < 8:
                _recent[0] = _order(names)
        if found and octets[pos] != 0x29:
            return values, names, (), (octets, literals, pos, utf8, limits, found)
    lexer = Lexer(Frame(octets, literals), pos, lenient=True, utf8=utf8, limits=limits)
    if not found and lexer.at(b")"):
        lexer.pos += 1
        if not _finished(lexer):
            lexer.odd("trailing_text")
        return (), (), tuple(lexer.defects), None
    items = read_fetch_items(lexer, found)
    names = [name for name, _ in items]
    return [value for _, value in items], names, tuple(lexer.defects), None


def _finished(lexer: Lexer) -> bool:
    return not lexer.octets[lexer.pos : lexer.end].strip(b" ")
