"""A header: its fields in order, each as it stands in the message; typed values when asked for.

What lives here: `Header` and `Field`, which cut a block of octets into fields and look values up;
`PARSERS`, the table from a field's name to the reader of its value. What does not: the readers.

Where a field ends

    A field is a name (RFC 5322 section 3.6.8), white space that should not be there, a colon, and
    everything up to the next line that begins like that. Lines that begin with white space are
    folds. A line that is neither is taken as a fold that somebody forgot to indent, which is what
    RFC 7103 section 7.2 recommends, and is a defect; the header goes on until an empty line. The
    scanner follows the same rule; a test compares the two.

Invariants

* Every octet of the block belongs to a field, to the junk before the first field, or to the empty
  line at the end: `b"".join` of the pieces is the block.
* Nothing here raises because of what a header holds, and nothing is read before it is asked for.
* What comes more than once where RFC 5322 allows it once: addresses are put together (RFC 7103
  section 7.5.1), of the rest the first counts. `Message.ambiguities` says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import lru_cache, partial
from itertools import accumulate
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import attrs

from ..errors import Defect
from ..limits import Limits
from ._addresses import parse_addresses
from ._charsets import header_text, is_utf8
from ._dates import parse_date
from ._ids import parse_message_ids
from ._lexer import FIELD_START
from ._parameters import parse_content_type, parse_disposition, parse_token, parse_tokens
from ._trace import (
    parse_authentication_results,
    parse_list_id,
    parse_list_urls,
    parse_received,
    parse_tags,
)
from ._vocabulary import (
    AddressList,
    AuthenticationResults,
    ContentType,
    Date,
    Disposition,
    Group,
    ListId,
    ListUrls,
    Mailbox,
    MessageIds,
    Received,
    TagList,
    Text,
    Token,
    Tokens,
    Unparsed,
)
from ._words import decode_words, parse_text

if TYPE_CHECKING:
    from typing import Self

__all__ = ["PARSERS", "Field", "FieldValue", "Header", "Resent", "member_defects", "parse_field"]

V = TypeVar("V")

FieldValue: TypeAlias = (
    AddressList
    | AuthenticationResults
    | ContentType
    | Date
    | Disposition
    | ListId
    | ListUrls
    | MessageIds
    | Received
    | TagList
    | Text
    | Token
    | Tokens
    | Unparsed
)
"""What the value of a field can be."""

_FIELD: Final = re.compile(
    rb"(([!-9;-~]{1,998}+)[ \t]{0,99}+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n?)|([^\n]+\n?|\n)"
)
"""One field (all of it, its name, its body with the CR of its line end), or a line that is none."""

_OFTEN_NAMES: Final = {
    name: name.encode()
    for name in (
        *("subject", "from", "to", "cc", "date", "message-id", "reply-to", "sender"),
        *("in-reply-to", "references", "content-transfer-encoding", "content-disposition"),
    )
}
"""What is asked for most; of Content-Type the scanner has read the first."""
_COLON_AND_BODY: Final = rb"[ \t]{0,99}+:([^\n]*+(?:\n(?!\Z|" + FIELD_START + rb")[^\n]*+)*+)"
_NAMED: Final = re.compile(rb"\n([!-9;-~]{1,998}+)" + _COLON_AND_BODY)
# Two letters first: most lines need no look at more.
_FIRST, _SECOND = ("".join({name[at] for name in _OFTEN_NAMES}) for at in (0, 1))
_OFTEN: Final = re.compile(
    rf"\n((?i:(?=[{_FIRST}][{_SECOND}])(?:{'|'.join(_OFTEN_NAMES)})))".encode() + _COLON_AND_BODY
)
_NONE: Final[dict[bytes, re.Match[bytes]]] = {}
_NAME: Final = re.compile(r"[!-9;-~]{1,998}+")
_SMALLEST: Final = 3  # octets of a field: "a:" and LF


@lru_cache(maxsize=512)
def _line_of(name: str) -> bytes | None:
    """How a field of that name begins, behind the line end before it; None if none can have it."""
    return None if _NAME.fullmatch(name) is None else b"\n" + name.encode("ascii")


_ODD: Final = re.compile(rb"\x00|\r(?!\n)|[\x80-\xff]+")
_LIMITS: Final = Limits()

_Reader: TypeAlias = Callable[..., FieldValue]
_READERS: Final[tuple[tuple[_Reader, str, str], ...]] = (
    # reader, the limit it is given as `most`, names
    (
        parse_addresses,
        "addresses",
        (
            "from sender reply-to to cc bcc resent-from resent-sender resent-reply-to resent-to"
            " resent-cc resent-bcc return-path return-receipt-to disposition-notification-to"
            " errors-to delivered-to x-original-to apparently-to mail-followup-to mail-reply-to"
        ),
    ),
    (parse_date, "", "date resent-date delivery-date expires expiry-date reply-by"),
    (
        parse_message_ids,
        "parameters",
        "message-id in-reply-to references resent-message-id content-id original-message-id",
    ),
    (parse_received, "parameters", "received"),
    (parse_content_type, "parameters", "content-type"),
    (parse_disposition, "parameters", "content-disposition"),
    (
        parse_token,
        "",
        "mime-version content-transfer-encoding content-md5 precedence",
    ),
    (parse_tokens, "", "content-language"),
    (
        parse_list_urls,
        "",
        "list-help list-unsubscribe list-subscribe list-post list-owner list-archive archived-at",
    ),
    (parse_list_id, "", "list-id"),
    (parse_authentication_results, "parameters", "authentication-results"),
    (partial(parse_authentication_results, arc=True), "parameters", "arc-authentication-results"),
    (
        parse_tags,
        "parameters",
        "dkim-signature domainkey-signature arc-message-signature arc-seal",
    ),
)
PARSERS: Final[dict[str, tuple[_Reader, str]]] = {
    name: (reader, limit) for reader, limit, names in _READERS for name in names.split()
}
"""Field name in lower case -> (reader of its value, the field of `Limits` that bounds it, or "").

Fields that are not here, `X-` fields among them, are unstructured: a `Text`.
"""


def parse_field(name: str, body: bytes, limits: Limits = _LIMITS) -> FieldValue:
    """The typed value of a field, from its body as it stands after the colon. Never raises."""
    found = PARSERS.get(name.lower())
    if found is None:
        return parse_text(header_text(body))
    reader, limit = found
    if reader is parse_content_type and len(body) <= 200:
        return _content_type_once(body, limits.parameters)
    text = body.decode("ascii") if body.isascii() else header_text(body)
    return reader(text, most=getattr(limits, limit)) if limit else reader(text)


@lru_cache(maxsize=1024)
def _content_type_once(body: bytes, most: int | None) -> ContentType:
    """Most parts of the world have the same few types: they are read once."""
    return parse_content_type(header_text(body), most=most)


class Field:
    """One field of a header."""

    __slots__ = ("_limits", "_value", "body", "name", "offset", "raw")

    def __init__(
        self, name: str, body: bytes, raw: bytes, offset: int = 0, limits: Limits = _LIMITS
    ) -> None:
        self.name = name
        """As written."""
        self.body = body
        """What follows the colon, folds included, without the line end."""
        self.raw = raw
        """All of it, the last line end included."""
        self.offset = offset
        """Where it starts: octets from the start of the message."""
        self._limits = limits
        self._value: FieldValue | None = None

    @property
    def text(self) -> str:
        """The body as readable text: unfolded, encoded-words decoded (RFC 2047), trimmed."""
        body = self.body
        text = body.decode("ascii") if body.isascii() else header_text(body)
        return decode_words(text.strip(" \t\r\n"))

    @property
    def value(self) -> FieldValue:
        """The typed value, read once. Its class depends on the name alone (`PARSERS`)."""
        value = self._value
        if value is None:
            value = self._value = parse_field(self.name, self.body, self._limits)
        return value

    @property
    def defects(self) -> tuple[Defect, ...]:
        """What is wrong with how it stands there, and with its value. Offsets are the message's."""
        body = self.offset + self.raw.find(b":") + 1
        value = self.value
        found: tuple[Defect, ...] = getattr(value, "defects", ())
        if isinstance(value, AddressList):
            found = (*found, *member_defects(value.items))
        return (
            *self.spelling(),
            *(attrs.evolve(one, offset=body + one.offset) for one in found),
        )

    def spelling(self) -> Iterator[Defect]:
        """What is wrong with how it stands there, whatever it says."""
        colon, offset = self.raw.find(b":"), self.offset
        if colon != len(self.name):
            yield Defect("space_before_colon", offset + len(self.name), assumed="no space")
        for match in _ODD.finditer(self.raw):
            code, assumed = _ODDITIES.get(
                match[0][:1], ("eight_bit", "UTF-8, or else windows-1252")
            )
            if code == "eight_bit" and is_utf8(match[0]):
                continue
            yield Defect(code, offset + match.start(), match[0][:40], assumed)
        for line in _lines(self.raw[colon + 1 :]):
            if line[1] and line[1][:1] not in b" \t":
                where = offset + colon + 1 + line[0]
                yield Defect("junk_in_header", where, line[1][:40], "a fold of the field before it")

    def __repr__(self) -> str:
        return f"<Field {self.raw[:200]!r}>"

    def __eq__(self, other: object) -> bool:
        return self.raw == other.raw if isinstance(other, Field) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.raw)


def member_defects(items: Iterable[Mailbox | Group | Unparsed]) -> Iterator[Defect]:
    """The defects that the members of an address list have of their own."""
    for item in items:
        if not isinstance(item, Unparsed):
            yield from item.defects
        if isinstance(item, Group):
            yield from member_defects(item.mailboxes)


_ODDITIES: Final = {b"\0": ("nul", "kept"), b"\r": ("bare_cr", "not a line end")}


def _lines(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """(position, line) of every line but the first, without line ends."""
    at = octets.find(b"\n") + 1
    while at:
        end = octets.find(b"\n", at)
        yield at, octets[at : end if end >= 0 else len(octets)].removesuffix(b"\r")
        at = end + 1


@attrs.frozen
class Resent:
    """One block of Resent- fields (RFC 5322 section 3.6.6): somebody passed the message on."""

    fields: tuple[Field, ...]

    def get(self, name: str) -> Field | None:
        """The field of that name, given with or without `Resent-`; or None."""
        name = "resent-" + name.lower().removeprefix("resent-")
        for field in self.fields:
            if field.name.lower() == name:
                return field
        return None


_Row: TypeAlias = tuple[bytes, bytes, bytes, bytes]  # the groups of `_FIELD`
_BLANK: Final = (b"\r\n", b"\n")


class Header:
    """The fields of a message or part, in order. Looking up ignores the case of names."""

    # Many are made, and most are never asked: what is not there yet is not set.
    _items: list[tuple[str, bytes]] | None = None
    _rows: list[_Row]
    _junk = b""
    _fields: tuple[Field, ...] | None = None
    # Of a header that is looked up in: whether all of it counts; itself behind a line end, so that
    # every field has one before it; where its fields end there; what `_gather()` has found.
    _counts = True
    _lined = b""
    _end = 0
    _often: dict[bytes, re.Match[bytes]] | None = None
    _low: bytes | None = None  # `_lined` in lower case, for the other names

    def __init__(self, raw: bytes, offset: int = 0, limits: Limits = _LIMITS) -> None:
        self.raw = raw
        """The whole block, with the empty line that ends it, if there is one."""
        self.offset = offset
        """Where it starts: octets from the start of the message."""
        self.limits = limits
        self._named: dict[str, tuple[Field, ...]] = {}  # what was looked up

    @classmethod
    def parse(cls, raw: bytes, *, limits: Limits = _LIMITS) -> Self:
        """Cut `raw`, the octets of a header with or without its last empty line. Never raises."""
        return cls(bytes(raw), 0, limits)

    def __bytes__(self) -> bytes:
        return self.raw

    # --- Fields -----------------------------------------------------------------------------------

    def items(self) -> list[tuple[str, bytes]]:
        """(name, body) of every field, as they stand there: the quickest way to see them all."""
        return list(self._cut())

    def _cut(self) -> list[tuple[str, bytes]]:
        items = self._items
        if items is not None:
            return items
        raw, limits = self.raw, self.limits
        rows = _FIELD.findall(raw, 0, len(raw) if limits.header is None else limits.header)
        if rows and rows[-1][3] in _BLANK:
            rows.pop()
        if [1 for row in rows if row[3]]:
            rows = self._adopted(rows)
        if limits.fields is not None and len(rows) > limits.fields:
            del rows[limits.fields :]
        self._rows = rows
        items = self._items = [
            (name.decode(), body[:-1] if body[-1:] == b"\r" else body) for _, name, body, _ in rows
        ]
        return items

    def _adopted(self, rows: list[_Row]) -> list[_Row]:
        """With the lines that are no field given to the field before them."""
        kept: list[_Row] = []
        forgotten: list[bytes] = []  # to indent
        for row in [*rows, (b"", b"", b"", b"")]:
            if row[3]:
                forgotten.append(row[3])
                continue
            if forgotten and kept:
                whole, name, _, _ = kept[-1]
                whole += b"".join(forgotten)
                kept[-1] = whole, name, whole[whole.index(b":") + 1 :].removesuffix(b"\n"), b""
            elif forgotten:
                self._junk = b"".join(forgotten)
            forgotten.clear()
            kept.append(row)
        return kept[:-1]

    @property
    def fields(self) -> tuple[Field, ...]:
        """All of them, at most `limits.fields`, from the first `limits.header` octets."""
        fields = self._fields
        if fields is None:
            items, wholes = self._cut(), [row[0] for row in self._rows]
            places = accumulate(map(len, wholes), initial=self.offset + len(self._junk))
            limits = self.limits
            known = {field.offset: field for named in self._named.values() for field in named}
            fields = self._fields = tuple(
                [
                    known.get(place) or Field(name, body, whole, place, limits)
                    for (name, body), whole, place in zip(items, wholes, places, strict=False)
                ]
            )
        return fields

    @property
    def junk(self) -> bytes:
        """What stands before the first field: an mbox line, a fold of nothing."""
        self._cut()
        return self._junk

    @property
    def overflow(self) -> bool:
        """Whether there is more of it than `limits.fields` and `limits.header` let be looked at."""
        seen = len(self.junk) + sum(len(field.raw) for field in self.fields)
        return seen < len(self.raw.rstrip(b"\r\n"))

    def _gather(self) -> dict[bytes, re.Match[bytes]]:
        """The fields that are asked for most; `_NONE` if one comes twice, or there is too much.

        It costs what two searches cost, and most who look up a field look up more.
        """
        limits, size = self.limits, len(self.raw)
        self._counts = (limits.header is None or size <= limits.header) and (
            limits.fields is None or size <= limits.fields * _SMALLEST
        )
        lined = self._lined = b"\n" + self.raw
        self._end = size + 1 - (2 if lined[-3:] == b"\n\r\n" else lined[-2:] == b"\n\n")
        found = [*_OFTEN.finditer(lined, 0, self._end)]
        often = {match[1].lower(): match for match in found}
        if len(often) < len(found) or not self._counts:
            often = _NONE
        self._often = often
        return often

    def _search(self, name: str) -> tuple[Field, ...]:
        """The fields of any name in lower case. The others are not made: most never are."""
        if self._fields is not None or not self._counts:
            return tuple([field for field in self.fields if field.name.lower() == name])
        line, low = _line_of(name), self._low
        if line is None:
            return ()
        if low is None:
            low = self._low = self._lined.lower()
        at = low.find(line)
        found: list[Field] = []
        while at >= 0:
            match = _NAMED.match(self._lined, at, self._end)
            if match is not None and len(match[1]) == len(name):
                found.append(self._field(match))
            at = low.find(line, at + 1)
        return tuple(found)

    def _field(self, match: re.Match[bytes]) -> Field:
        name, body = match.groups()
        start, stop = match.span()
        if body[-1:] == b"\r":
            body = body[:-1]
        return Field(name.decode(), body, self.raw[start:stop], self.offset + start, self.limits)

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self._cut())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.all(name))

    def __getitem__(self, name: str) -> Field:
        """The first field of that name. Raises KeyError."""
        field = self.get(name)
        if field is None:
            raise KeyError(name)
        return field

    def get(self, name: str) -> Field | None:
        """The first field of that name, or None."""
        fields = self._named.get(name)
        if fields is None:
            fields = self.all(name)
        return fields[0] if fields else None

    def all(self, name: str) -> tuple[Field, ...]:
        """Every field of that name, in order."""
        named = self._named
        fields = named.get(name)
        if fields is None:
            low = name.lower()
            fields = named.get(low)
            if fields is None:
                often = self._often
                if often is None:
                    often = self._gather()
                key = _OFTEN_NAMES.get(low)
                if key is None or often is _NONE or self._fields is not None:
                    fields = self._search(low)
                else:
                    match = often.get(key)
                    fields = () if match is None else (self._field(match),)
                named[low] = fields
        return fields

    def text(self, name: str) -> str:
        """The readable text of the first field of that name, or ""."""
        field = self.get(name)
        return "" if field is None else field.text

    def value(self, name: str, kind: type[V]) -> V | None:
        """The typed value of the first field of that name, if it is of that class."""
        field = self.get(name)
        value = None if field is None else field.value
        return value if isinstance(value, kind) else None

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Of the header, of its fields and of their values. Offsets are the message's."""
        found: list[Defect] = []
        for field in self.fields:
            found += field.defects
        if self.junk:
            found.insert(0, Defect("junk_before_header", self.offset, self.junk[:40], "skipped"))
        if self.overflow:
            found.append(Defect("header_overflow", self.offset, assumed="the fields before it"))
        return tuple(found)

    # --- What is asked for most -------------------------------------------------------------------

    def addresses(self, name: str) -> AddressList:
        """Those of all fields of that name together (RFC 7103 section 7.5.1)."""
        fields = self.all(name)
        if len(fields) == 1:
            value = fields[0].value
            return value if isinstance(value, AddressList) else AddressList(())
        values = [field.value for field in fields]
        lists = [value for value in values if isinstance(value, AddressList)]
        most = self.limits.addresses
        items = tuple(item for one in lists for item in one.items)[:most]
        return AddressList(items, defects=tuple(defect for one in lists for defect in one.defects))

    @property
    def subject(self) -> str:
        """Decoded; "" without one."""
        return self.text("subject")

    @property
    def from_(self) -> AddressList:
        """Who wrote it, as it says (RFC 5322 section 3.6.2)."""
        return self.addresses("from")

    @property
    def sender(self) -> AddressList:
        """Who sent it for the author; empty when that is the author."""
        return self.addresses("sender")

    @property
    def reply_to(self) -> AddressList:
        """Where answers are to go; empty when to the author."""
        return self.addresses("reply-to")

    @property
    def to(self) -> AddressList:
        """The primary recipients (RFC 5322 section 3.6.3)."""
        return self.addresses("to")

    @property
    def cc(self) -> AddressList:
        """The others."""
        return self.addresses("cc")

    @property
    def bcc(self) -> AddressList:
        """Those who are not to be shown to the others."""
        return self.addresses("bcc")

    @property
    def date(self) -> datetime | None:
        """When it was written, with a zone; None without a date that can be read."""
        date = self.value("date", Date)
        return None if date is None else date.value

    @property
    def message_id(self) -> str:
        """Without angle brackets; "" without one."""
        return next(iter(self._ids("message-id")), "")

    @property
    def in_reply_to(self) -> tuple[str, ...]:
        """The message-ids it answers."""
        return self._ids("in-reply-to")

    @property
    def references(self) -> tuple[str, ...]:
        """The message-ids of its thread, oldest first."""
        return self._ids("references")

    def _ids(self, name: str) -> tuple[str, ...]:
        value = self.value(name, MessageIds)
        return () if value is None else value.ids

    @property
    def received(self) -> tuple[Received, ...]:
        """Its way, newest first."""
        values = [field.value for field in self.all("received")]
        return tuple(value for value in values if isinstance(value, Received))

    @property
    def resent(self) -> tuple[Resent, ...]:
        """The Resent- blocks, newest first.

        A block ends where another field stands, or where a name comes again.
        """
        blocks: list[list[Field]] = []
        seen: set[str] = set()
        inside = False
        for field in self.fields:
            name = field.name.lower()
            if not name.startswith("resent-"):
                inside = False
                continue
            if not inside or name in seen:
                blocks.append([])
                seen.clear()
            blocks[-1].append(field)
            seen.add(name)
            inside = True
        return tuple(Resent(tuple(block)) for block in blocks)

    def __repr__(self) -> str:
        return f"<Header of {len(self.fields)} fields>"

    def __eq__(self, other: object) -> bool:
        return self.raw == other.raw if isinstance(other, Header) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.raw)
