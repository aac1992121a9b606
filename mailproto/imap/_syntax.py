"""The grammar that commands and responses share: how a value of each kind is read and written.

A `Kind` is both directions of one rule of the grammar. Small ones are made here, larger ones out of
smaller ones: `listed(FLAG)` is a list of flags in parentheses. The tables in `_command_syntax` and
`_response_syntax` say which kinds stand where.

Invariants: what `write` puts down, `read` gives back. Neither recurses: values that can be nested
(options of unknown form, search keys) are read and written with a stack of their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

from .._structure import Extension, Section
from ._lexer import Lexer, decode_text
from ._mutf7 import decode_name
from ._sets import SequenceSet
from ._values import (
    Annotation,
    Binary,
    BinarySize,
    Body,
    FetchAttribute,
    Flag,
    MailboxAttribute,
    MailboxName,
)
from ._writer import Writer, octets_of

__all__ = [
    "ANNOTATIONS",
    "ANY",
    "ASTRING",
    "ATOM",
    "DATE_TIME",
    "ENTRY_PATTERN",
    "EXTENSION",
    "FETCH_ATTRIBUTE",
    "FLAG",
    "FLAGS",
    "GMAIL_LABEL",
    "MAILBOX",
    "MODSEQ",
    "MONTHS",
    "NAME",
    "NSTRING",
    "NUMBER",
    "NZ_NUMBER",
    "PARTIAL",
    "PATTERN",
    "SET",
    "STRING",
    "TEXT",
    "Kind",
    "listed",
    "options",
    "plain_section",
    "read_section",
    "usual_flags",
]

T = TypeVar("T")


class Kind(NamedTuple):
    """One rule of the grammar, both ways."""

    read: Callable[[Lexer], Any]
    write: Callable[[Writer, Any], None]


# --- Words ----------------------------------------------------------------------------------------


def _read_mailbox(lexer: Lexer) -> MailboxName:
    start = lexer.pos
    name = decode_name(lexer.astring(), utf8=lexer.utf8)
    if lexer.lenient and isinstance(name, bytes):
        lexer.odd("undecodable_name", start)
    return name


def _read_pattern(lexer: Lexer) -> MailboxName:
    return decode_name(lexer.list_mailbox(), utf8=lexer.utf8)


def _read_nstring(lexer: Lexer) -> bytes | None:
    return lexer.nstring()


def _read_ntext(lexer: Lexer) -> str | None:
    octets = lexer.nstring()
    return None if octets is None else decode_text(octets)


def _write_ntext(writer: Writer, text: str | None) -> None:
    writer.nstring(None if text is None else octets_of(text))


def _read_string_text(lexer: Lexer) -> str:
    return decode_text(lexer.string())


def _write_string_text(writer: Writer, text: str) -> None:
    writer.string(octets_of(text))


def _write_upper(writer: Writer, text: str) -> None:
    writer.atom(text)


def _write_nz_number(writer: Writer, value: int) -> None:
    writer.number(value, 2**32 - 1, least=1)


def _read_entry_pattern(lexer: Lexer) -> str:
    return decode_text(lexer.list_mailbox())


def _write_entry_pattern(writer: Writer, value: str) -> None:
    writer.list_mailbox(octets_of(value))


ATOM: Final = Kind(Lexer.atom, Writer.atom)
NAME: Final = Kind(Lexer.name, _write_upper)
TEXT: Final = Kind(Lexer.text, Writer.text)
"""An astring, as `str`."""
ASTRING: Final = Kind(Lexer.astring, Writer.astring)
ENTRY_PATTERN: Final = Kind(_read_entry_pattern, _write_entry_pattern)
"""The entry of an annotation, in which `*` and `%` may stand."""
MAILBOX: Final = Kind(_read_mailbox, Writer.mailbox)
PATTERN: Final = Kind(_read_pattern, Writer.pattern)
STRING: Final = Kind(_read_string_text, _write_string_text)
"""A string that must not be an atom, as `str`."""
NSTRING: Final = Kind(_read_nstring, Writer.nstring)
NTEXT: Final = Kind(_read_ntext, _write_ntext)

NUMBER: Final = Kind(Lexer.number, Writer.number)
NZ_NUMBER: Final = Kind(Lexer.nz_number, _write_nz_number)
MODSEQ: Final = NUMBER


# --- Flags ----------------------------------------------------------------------------------------

_SPELLED: Final = {
    octets_of(spelled.lower()): spelled
    for spelled in (*map(str, Flag), *map(str, MailboxAttribute))
    if spelled.startswith("\\")
}
# `\Flagged` and `\Junk` are both; they are spelled alike.


@lru_cache(maxsize=512)
def flag_text(octets: bytes) -> str:
    """A flag as `str`; system flags as the RFC spells them."""
    return _SPELLED.get(octets.lower()) or decode_text(octets)


def _read_flag(lexer: Lexer) -> str:
    octets = lexer.flag()
    if lexer.lenient and octets.upper() == b"NIL":
        lexer.odd("nil_flag", lexer.pos - 3)
    return flag_text(octets) if len(octets) < 64 else decode_text(octets)


FLAG: Final = Kind(_read_flag, Writer.flag)


def _read_gmail_label(lexer: Lexer) -> str:
    start = lexer.pos
    if lexer.lenient and lexer.nil():
        lexer.odd("nil_label", start)
        return "NIL"
    if lexer.peek() == 0x5C:  # a system label, as a flag
        return flag_text(lexer.flag())
    octets = lexer.astring()
    if octets[:1] == b"\\":
        return decode_text(octets)
    name = decode_name(octets, utf8=lexer.utf8)
    return name if isinstance(name, str) and name != "INBOX" else decode_text(octets)


def _write_gmail_label(writer: Writer, value: str) -> None:
    if not value.startswith("\\"):
        writer.mailbox(value)
    elif writer.server:
        writer.quoted(octets_of(value))
    else:
        writer.flag(value)


GMAIL_LABEL: Final = Kind(_read_gmail_label, _write_gmail_label)
"""A label of Gmail's: a system label such as `\\Inbox`, or a name written as those of mailboxes
are. Clients write system labels as flags, servers as strings."""


def listed(kind: Kind, *, least: int = 0) -> Kind:
    """`(a b c)`: a tuple."""

    def read(lexer: Lexer) -> tuple[Any, ...]:
        return lexer.list_of(kind.read, least=least)

    def write(writer: Writer, values: tuple[Any, ...]) -> None:
        if len(values) < least:
            raise ValueError("the list is empty")
        gap = b"("
        for value in values:
            writer.put(gap)
            kind.write(writer, value)
            gap = b" "
        writer.put(b"()" if gap == b"(" else b")")

    return Kind(read, write)


def spaced(kind: Kind, *, least: int = 0) -> Kind:
    """`a b c`, to the end of the line: a tuple. The first space is read and written too."""

    def read(lexer: Lexer) -> tuple[Any, ...]:
        found: list[Any] = []
        while lexer.more():
            found.append(kind.read(lexer))
        if len(found) < least:
            lexer.refuse("an argument")
        return tuple(found)

    def write(writer: Writer, values: tuple[Any, ...]) -> None:
        if len(values) < least:
            raise ValueError("there has to be at least one")
        for value in values:
            writer.put(b" ")
            kind.write(writer, value)

    return Kind(read, write)


def pair(first: Kind, second: Kind) -> Kind:
    """`a b`: a tuple of two."""

    def read(lexer: Lexer) -> tuple[Any, Any]:
        one = first.read(lexer)
        lexer.space()
        return one, second.read(lexer)

    def write(writer: Writer, value: tuple[Any, Any]) -> None:
        one, two = value
        first.write(writer, one)
        writer.put(b" ")
        second.write(writer, two)

    return Kind(read, write)


def one_or_listed(kind: Kind) -> Kind:
    """`a` or `(a b)`: a tuple of at least one. A single one is written without parentheses."""
    many = listed(kind, least=1)

    def read(lexer: Lexer) -> tuple[Any, ...]:
        found: tuple[Any, ...] = many.read(lexer) if lexer.at(b"(") else (kind.read(lexer),)
        return found

    def write(writer: Writer, values: tuple[Any, ...]) -> None:
        if len(values) == 1:
            kind.write(writer, values[0])
        else:
            many.write(writer, values)

    return Kind(read, write)


def in_parentheses(kind: Kind) -> Kind:
    """`(x)`."""

    def read(lexer: Lexer) -> Any:
        if lexer.lenient and not lexer.at(b"("):
            lexer.odd("missing_parenthesis")
            return kind.read(lexer)
        lexer.expect(b"(")
        value = kind.read(lexer)
        lexer.expect(b")")
        return value

    def write(writer: Writer, value: Any) -> None:
        writer.put(b"(")
        kind.write(writer, value)
        writer.put(b")")

    return Kind(read, write)


def or_nil(kind: Kind) -> Kind:
    """`x` or NIL."""

    def read(lexer: Lexer) -> Any:
        return None if lexer.nil() else kind.read(lexer)

    def write(writer: Writer, value: Any) -> None:
        if value is None:
            writer.put(b"NIL")
        else:
            kind.write(writer, value)

    return Kind(read, write)


def sequence(*kinds: Kind) -> Kind:
    """`a b c`: a tuple of just these."""

    def read(lexer: Lexer) -> tuple[Any, ...]:
        values: list[Any] = []
        for kind in kinds:
            if values:
                lexer.space()
            values.append(kind.read(lexer))
        return tuple(values)

    def write(writer: Writer, values: tuple[Any, ...]) -> None:
        gap = b""
        for kind, value in zip(kinds, values, strict=True):
            writer.put(gap)
            kind.write(writer, value)
            gap = b" "

    return Kind(read, write)


_STRICT_FLAGS: Final = re.compile(
    rb"(?:\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+(?: (?!\)|\Z)|\Z))*+"
)


@lru_cache(maxsize=1024)
def usual_flags(octets: bytes) -> tuple[str, ...] | None:
    """The flags of a list without its parentheses, if they are written as the grammar says."""
    if _STRICT_FLAGS.fullmatch(octets) is None or b"NIL" in octets.upper():
        return None
    return tuple(map(flag_text, octets.split(b" "))) if octets else ()


_FLAG_LIST: Final = re.compile(rb"\(([!#-'*-\[\\\]-z|}~ ]{0,200}+)\)(?=[ )\r])")
_MOST_FLAGS: Final = 101


def _read_flags(lexer: Lexer) -> tuple[str, ...]:
    match = _FLAG_LIST.match(lexer.octets, lexer.pos)
    if match is not None:
        flags = usual_flags(match[1])
        items = lexer.limits.items
        if flags is not None and (items is None or items >= _MOST_FLAGS):
            lexer.pos = match.end()
            return flags
    return lexer.list_of(_read_flag)


FLAGS: Final = Kind(_read_flags, listed(FLAG).write)


# --- Sets and ranges ------------------------------------------------------------------------------

_SET: Final = re.compile(rb"[0-9*:,]++|\$")


def _read_set(lexer: Lexer) -> SequenceSet:
    start = lexer.pos
    octets = lexer.match(_SET, "a sequence set")
    try:
        return SequenceSet.parse(octets)
    except ValueError:
        lexer.pos = start
        lexer.refuse("a sequence set")


def _write_set(writer: Writer, value: SequenceSet) -> None:
    if not isinstance(value, SequenceSet):
        raise TypeError(f"not a SequenceSet: {value!r}")
    writer.put(bytes(value))


SET: Final = Kind(_read_set, _write_set)

_PARTIAL: Final = re.compile(rb"(-?)([0-9]{1,10}+):(-?)([0-9]{1,10}+)")


def _read_partial(lexer: Lexer) -> tuple[int, int]:
    match = _PARTIAL.match(lexer.octets, lexer.pos, lexer.end)
    if match is None or match[1] != match[3]:
        lexer.refuse("a range")
    found = int(match[2]), int(match[4])
    if not (0 < found[0] < 2**32 and 0 < found[1] < 2**32):
        lexer.refuse("a range of numbers above 0")
    lexer.pos = match.end()
    return (-found[0], -found[1]) if match[1] else found


def _write_partial(writer: Writer, value: tuple[int, int]) -> None:
    first, last = value
    if (first < 0) != (last < 0):
        raise ValueError("a range counts from one end: both numbers have the same sign")
    sign = b"-" if first < 0 else b""
    writer.put(sign)
    writer.number(abs(first), 2**32 - 1, least=1)
    writer.put(b":" + sign)
    writer.number(abs(last), 2**32 - 1, least=1)


PARTIAL: Final = Kind(_read_partial, _write_partial)


# --- Days and times (RFC 9051 section 9) ----------------------------------------------------------

_MONTHS: Final = tuple(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())
MONTHS: Final = {name.upper(): number for number, name in enumerate(_MONTHS, 1)}
"""Their numbers, by their names in upper case."""

_DATE_TIME: Final = re.compile(
    rb'"( [0-9]|[0-9]{2})-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2})'
    rb' ([+\-])([0-9]{2})([0-9]{2})"'
)
_LOOSE_DATE_TIME: Final = re.compile(
    rb'"\s*([0-9]{1,2})[- ]([A-Za-z]{3})[- ]([0-9]{4}) +([0-9]{1,2}):([0-9]{2}):([0-9]{2})'
    rb'(?: +([+\-])([0-9]{2})([0-9]{2}))?\s*"'
)
_DATE: Final = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')


@lru_cache(maxsize=256)
def _zone(minutes: int) -> timezone:
    return UTC if minutes == 0 else timezone(timedelta(minutes=minutes))


def _date_time(match: re.Match[bytes]) -> datetime:
    day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
    offset = 0
    if sign is not None:
        offset = int(hours) * 60 + int(minutes)
        if sign == b"-":
            offset = -offset
    number = MONTHS.get(month.upper())
    if number is None or abs(offset) >= 1440:
        raise ValueError
    return datetime(
        int(year),
        number,
        int(day),
        int(hour),
        int(minute),
        min(int(second), 59) if second == b"60" else int(second),
        tzinfo=_zone(offset),
    )


def _read_date_time(lexer: Lexer) -> datetime:
    match = _DATE_TIME.match(lexer.octets, lexer.pos, lexer.end)
    odd = match is None
    if match is None and lexer.lenient:
        match = _LOOSE_DATE_TIME.match(lexer.octets, lexer.pos, lexer.end)
    if match is None:
        lexer.refuse("a date and time")
    try:
        found = _date_time(match)
    except ValueError:
        lexer.refuse("a date and time that exists")
    start, lexer.pos = lexer.pos, match.end()
    if odd:
        lexer.odd("odd_date", start)
    return found


def _write_date_time(writer: Writer, value: Any) -> None:
    if not isinstance(value, datetime):
        raise TypeError(f"not a datetime: {value!r}")
    offset = value.utcoffset()
    if offset is None:
        raise ValueError("a date and time needs its time zone")
    minutes, rest = divmod(int(offset.total_seconds()), 60)
    if rest:
        raise ValueError("IMAP has no time zones with seconds")
    if value.microsecond:
        raise ValueError("IMAP has no parts of a second")
    sign, minutes = (b"-", -minutes) if minutes < 0 else (b"+", minutes)
    writer.put(
        b'"%2d-%b-%04d %02d:%02d:%02d %b%02d%02d"'
        % (
            value.day,
            _MONTHS[value.month - 1],
            value.year,
            value.hour,
            value.minute,
            value.second,
            sign,
            *divmod(minutes, 60),
        )
    )


DATE_TIME: Final = Kind(_read_date_time, _write_date_time)


def _read_date(lexer: Lexer) -> date:
    match = _DATE.match(lexer.octets, lexer.pos, lexer.end)
    if match is None or match[3].upper() not in MONTHS:
        lexer.refuse("a day such as 1-Feb-2026")
    try:
        found = _day(*match.group(4, 3, 2))
    except ValueError:
        lexer.refuse("a day that exists")
    lexer.pos = match.end()
    return found


@lru_cache(maxsize=256)
def _day(year: bytes, month: bytes, day: bytes) -> date:
    return date(int(year), MONTHS[month.upper()], int(day))


def _write_date(writer: Writer, value: Any) -> None:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise TypeError(f"not a date: {value!r}")
    writer.put(b"%d-%b-%04d" % (value.day, _MONTHS[value.month - 1], value.year))


DATE: Final = Kind(_read_date, _write_date)


# --- Values of any form (tagged-ext-val and body-extension in RFC 9051 section 9) -----------------

_PLAIN_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def _read_word(lexer: Lexer) -> str | int | None:
    if lexer.at(b'"') or lexer.pos in lexer.frame.literals:
        return decode_text(lexer.string())
    if lexer.nil():
        return None
    text = decode_text(lexer.astring())
    return int(text) if _PLAIN_NUMBER.fullmatch(text) else text


def read_any(lexer: Lexer) -> Extension:
    """A word, or a list of words and lists."""
    stack: list[list[Any]] = []
    while True:
        if lexer.take(b"("):
            if len(stack) >= lexer.most:
                lexer.refuse(f"at most {lexer.most} levels of parentheses")
            stack.append([])
            if not lexer.at(b")"):
                continue
        else:
            value = _read_word(lexer)
            if not stack:
                return value
            stack[-1].append(value)
        while lexer.take(b")"):
            done = tuple(stack.pop())
            if not stack:
                return done
            stack[-1].append(done)
        lexer.space()


def _write_words(writer: Writer, value: Extension) -> None:
    _write_any(writer, value, strings=False)


def _write_strings(writer: Writer, value: Extension) -> None:
    _write_any(writer, value, strings=True)


def _write_any(writer: Writer, value: Extension, *, strings: bool) -> None:
    waiting: list[Any] = [value]
    fresh = True
    closing = object()
    while waiting:
        item = waiting.pop()
        if item is closing:
            writer.put(b")")
            fresh = False
            continue
        if not fresh:
            writer.put(b" ")
        if isinstance(item, tuple):
            writer.put(b"(")
            waiting.append(closing)
            waiting += reversed(item)  # pyright: ignore[reportUnknownArgumentType]
            fresh = True
            continue
        fresh = False
        if item is None:
            writer.put(b"NIL")
        elif isinstance(item, int) and not isinstance(item, bool):
            writer.number(item)
        elif not isinstance(item, str):
            raise TypeError(f"not a value that IMAP can write: {item!r}")
        elif strings or _PLAIN_NUMBER.fullmatch(item):
            writer.string(octets_of(item))
        else:
            writer.text(item)


ANY: Final = Kind(read_any, _write_words)
"""A word (`str`, int, None) or a tuple of such; words are written as atoms where they can be."""
ANY_STRING: Final = Kind(read_any, _write_strings)
"""The same, words written as strings (body-extension)."""


LABEL: Final = Kind(Lexer.label, Writer.label)
"""The name of an option (tagged-ext-label)."""


_DIGITS: Final = frozenset(b"0123456789")


def _read_extension(lexer: Lexer) -> Any:
    if lexer.at(b"("):
        return read_any(lexer)
    match = _SET.match(lexer.octets, lexer.pos, lexer.end)
    if match is None and lexer.lenient:
        # A bare string, as RFC 9051 section 7.3.1 shows it, against its grammar.
        lexer.odd("missing_parenthesis")
        return (_read_word(lexer),)
    return lexer.number() if match and _DIGITS.issuperset(match[0]) else SET.read(lexer)


def _write_extension(writer: Writer, value: Any) -> None:
    if isinstance(value, SequenceSet):
        SET.write(writer, value)
    elif isinstance(value, (int, tuple)):
        ANY.write(writer, value)
    else:
        raise TypeError(f"not a number, a SequenceSet or a tuple: {value!r}")


EXTENSION: Final = Kind(_read_extension, _write_extension)
"""A value that a later RFC gives to something new (tagged-ext-val): int, `SequenceSet`, tuple."""


def options(kinds: Mapping[str, Kind | None], *, label: Kind = LABEL, valued: bool = False) -> Kind:
    """`(NAME NAME value ...)`: ((name, value), ...). The kind of a value depends on its name.

    None: there is no value. Other names may have an `EXTENSION`; if `valued` they always do.
    """

    def read_one(lexer: Lexer) -> tuple[str, Any]:
        name = label.read(lexer)
        if name in kinds:
            kind = kinds[name]
            if kind is None:
                return name, None
            lexer.space()
            return name, kind.read(lexer)
        follows = lexer.octets[lexer.pos : lexer.pos + 2]
        if valued or (follows[:1] == b" " and follows[1:] in _STARTS_VALUE):
            lexer.space()
            return name, EXTENSION.read(lexer)
        return name, None

    def write_one(writer: Writer, option: tuple[str, Any]) -> None:
        name, value = option
        label.write(writer, name)
        kind = kinds.get(name, EXTENSION)
        if kind is None or (name not in kinds and value is None and not valued):
            if value is not None:
                raise ValueError(f"{name} has no value")
            return
        writer.put(b" ")
        kind.write(writer, value)

    return listed(Kind(read_one, write_one))


_STARTS_VALUE: Final = frozenset({b"(", b"*", b"$", *(b"%d" % digit for digit in range(10))})


# --- Sections and what FETCH asks for -------------------------------------------------------------

_SECTION: Final = re.compile(
    rb"([1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*+)?"
    rb"(?:(?<=[0-9])(?:\.(HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME))?"
    rb"|(HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT))?(?=[ \]])",
    re.IGNORECASE,
)


@lru_cache(maxsize=256)
def plain_section(octets: bytes) -> Section | None:
    """The section of `[...]` without a list of fields; the same few come again and again."""
    match = _SECTION.match(octets, 1)
    if match is None or match.end() != len(octets) - 1:
        return None
    path = tuple(map(int, match[1].split(b"."))) if match[1] else ()
    text = (match[2] or match[3] or b"").decode("ascii").upper()
    if text.startswith("HEADER.FIELDS"):
        return None
    return Section(path, text)


_BRACKETS: Final = re.compile(rb"\[[^\[\] (\"{\r\n]{0,100}+\]")


def read_section(lexer: Lexer) -> Section:
    """`[1.2.HEADER.FIELDS (From To)]`."""
    match = _BRACKETS.match(lexer.octets, lexer.pos, lexer.end)
    if match is not None:
        plain = plain_section(match[0])
        if plain is not None:
            lexer.pos = match.end()
            return plain
    lexer.expect(b"[")
    match = _SECTION.match(lexer.octets, lexer.pos, lexer.end)
    if match is None:
        lexer.refuse("a section")
    lexer.pos = match.end()
    path = tuple(map(int, match[1].split(b"."))) if match[1] else ()
    text = (match[2] or match[3] or b"").decode("ascii").upper()
    names: tuple[str, ...] = ()
    if text.startswith("HEADER.FIELDS"):
        lexer.space()
        names = lexer.list_of(Lexer.text, least=1)
    lexer.expect(b"]")
    return Section(path, text, names)


def write_section(writer: Writer, section: Section) -> None:
    """`[1.2.HEADER.FIELDS (From To)]`."""
    writer.put(b"[")
    dot = b""
    for number in section.path:
        writer.put(dot)
        writer.number(number, 2**32 - 1, least=1)
        dot = b"."
    if section.text:
        if section.text not in _SECTION_TEXTS or (section.text == "MIME" and not section.path):
            raise ValueError(f"not a section: {section!r}")
        writer.put(dot + section.text.encode("ascii"))
    if section.text.startswith("HEADER.FIELDS"):
        writer.put(b" ")
        _NAMES.write(writer, section.names)
    elif section.names:
        raise ValueError("only HEADER.FIELDS and HEADER.FIELDS.NOT name fields")
    writer.put(b"]")


_SECTION_TEXTS: Final = {"HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"}
_NAMES: Final = listed(TEXT, least=1)

_ANGLE: Final = re.compile(rb"<([0-9]{1,19}+)(?:\.([0-9]{1,19}+))?>")
_SIMPLE: Final = re.compile(rb"[A-Za-z0-9.\-]++")


def _read_fetch_attribute(lexer: Lexer) -> FetchAttribute:
    name = lexer.match(_SIMPLE, "a message data item").decode("ascii").upper()
    if lexer.octets[lexer.pos] == 0x5B:  # [
        return _read_part(lexer, name)
    if name == "PREVIEW" and lexer.take(b" (LAZY)"):
        return "PREVIEW (LAZY)"
    if name == "ANNOTATION":
        lexer.space()
        lexer.expect(b"(")
        entries = _ENTRIES.read(lexer)
        lexer.space()
        attributes = _ENTRY_NAMES.read(lexer)
        lexer.expect(b")")
        return Annotation(entries, attributes)
    return name


def _read_part(lexer: Lexer, name: str) -> FetchAttribute:
    section = read_section(lexer)
    kind = name.removesuffix(".PEEK")
    if kind not in ("BODY", "BINARY", "BINARY.SIZE") or (kind == "BINARY.SIZE" and kind != name):
        lexer.refuse("BODY or BINARY before the bracket")
    if kind != "BODY" and section.text:
        lexer.refuse("a part number")
    if kind == "BINARY.SIZE":
        return BinarySize(section)
    offset = count = None
    match = _ANGLE.match(lexer.octets, lexer.pos, lexer.end)
    if match is not None:
        lexer.pos = match.end()
        offset = int(match[1])
        count = None if match[2] is None else int(match[2])
    make = Body if kind == "BODY" else Binary
    return make(section, offset, count, name != kind)


def _write_fetch_attribute(writer: Writer, item: FetchAttribute) -> None:
    match item:
        case Body(section, offset, count, peek) | Binary(section, offset, count, peek):
            writer.put(b"BODY" if isinstance(item, Body) else b"BINARY")
            if peek:
                writer.put(b".PEEK")
            if isinstance(item, Binary) and section.text:
                raise ValueError("BINARY wants part numbers only")
            write_section(writer, section)
            _write_angle(writer, offset, count)
        case BinarySize(section):
            if section.text:
                raise ValueError("BINARY.SIZE wants part numbers only")
            writer.put(b"BINARY.SIZE")
            write_section(writer, section)
        case Annotation(entries, attributes):
            writer.put(b"ANNOTATION (")
            _ENTRIES.write(writer, entries)
            writer.put(b" ")
            _ENTRY_NAMES.write(writer, attributes)
            writer.put(b")")
        case "PREVIEW (LAZY)":
            writer.put(b"PREVIEW (LAZY)")
        case str():
            if item.startswith("ANNOTATION") or _SIMPLE.fullmatch(octets_of(item)) is None:
                raise ValueError(f"not a message data item: {item[:80]!r}")
            writer.put(item.encode("ascii"))
        case _:
            raise TypeError(f"not a message data item: {item!r}")


def _write_angle(writer: Writer, offset: int | None, count: int | None) -> None:
    if offset is None:
        if count is not None:
            raise ValueError("a count of octets needs an offset")
        return
    writer.put(b"<")
    writer.number(offset)
    if count is not None:
        writer.put(b".")
        writer.number(count, least=0 if writer.server else 1)
    writer.put(b">")


_ENTRIES: Final = one_or_listed(ENTRY_PATTERN)
_ENTRY_NAMES: Final = one_or_listed(TEXT)
FETCH_ATTRIBUTE: Final = Kind(_read_fetch_attribute, _write_fetch_attribute)


# --- Annotations (RFC 5257, RFC 5464) -------------------------------------------------------------


def _write_value(writer: Writer, value: bytes | None) -> None:
    if value is not None and b"\0" in value:
        writer.literal(value, binary=True)
    else:
        writer.nstring(value)


VALUE: Final = Kind(_read_nstring, _write_value)
"""nstring or literal8, as octets."""

_ENTRY_ATTRIBUTES: Final = listed(pair(TEXT, VALUE), least=1)


def _read_entry(lexer: Lexer) -> tuple[str, Any]:
    entry = lexer.text()
    if lexer.at(b" ("):
        lexer.space()
        return entry, _ENTRY_ATTRIBUTES.read(lexer)
    return entry, ()


def _write_entry(writer: Writer, value: tuple[str, Any]) -> None:
    entry, attributes = value
    writer.text(entry)
    if attributes:
        writer.put(b" ")
        _ENTRY_ATTRIBUTES.write(writer, attributes)


ANNOTATIONS: Final = listed(Kind(_read_entry, _write_entry), least=1)
"""((entry, ((attribute, value), ...)), ...); entries without attributes have ()."""
