"""Edits: other octets in a few places of a message, and the same octets everywhere else.

What lives here: `Edit`, which gathers splices and makes the new message of them; and what an edit
does to signatures (DKIM, ARC, multipart/signed). What does not: verifying or making signatures; how
fields and parts are written (`_write`, `_build`).

How it works

    An edit names fields and parts of the message that it began with, and each becomes a splice:
    octets from `start` to `end` give way to others. Splices do not overlap, so their order does
    not matter, and offsets stay those of the first message until `message()` puts it together.

Invariants

* Every octet that no splice names stays. Without a splice `message()` is the very same object.
* What is written has the line ends of the message, and cannot be misread: fields come from
  `format_field()`, parts from `render()`'s drafts, and no new part holds a delimiter of what it is
  put into.
* What a multipart/signed covers (RFC 1847 section 2.1) is not touched unless that was allowed:
  the edit is refused with `SignatureBroken`, and nothing has changed.
* `breaks` is found by comparing what a signature covers, in its canonical form, before and after.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from ._build import Draft, Leaf, Multipart, rendered
from ._content import BARE_LF, WIDTHS
from ._header import Field
from ._message import Message, Part
from ._vocabulary import TagList, Token
from ._write import Writable, format_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["BrokenSignature", "Edit", "SignatureBroken", "broken_signatures", "delimiters_around"]

_CONTENT: Final = re.compile("content-", re.IGNORECASE)
_LAST: Final = 2**62
# What cannot stand behind a field that does not end with a line end, and behind one that does.
_MORE: Final = (re.compile(rb"[^\r\n]|\r?\n[ \t]|(?<=\r)\n"), re.compile(rb"[ \t]"))


class SignatureBroken(ValueError):
    """An edit would touch what a multipart/signed covers. Nothing has been changed."""

    def __init__(self, section: str) -> None:
        super().__init__(section)
        self.section = section
        """Of the multipart/signed; "" for the message itself."""

    def __str__(self) -> str:
        where = f"part {self.section}" if self.section else "the message"
        return (
            f"{where} is multipart/signed, and this would break its signature: "
            "remove it as a whole, or say break_signatures=True"
        )


@attrs.frozen
class BrokenSignature:
    """A signature that was there, and does not cover the new octets."""

    kind: str
    """`dkim`, `arc` (an ARC-Message-Signature), `arc-seal` or `multipart/signed`."""
    offset: int
    """Of its field, or of its part, in the message before the edit."""
    domain: str = ""
    """Who signed: `d=` of DKIM and ARC."""
    covers: str = ""
    """What of it has changed: `header`, `body` or `header body`."""


class _Splice(NamedTuple):
    start: int
    order: int  # among those of one place: what is put in comes first, and the empty line after it
    end: int
    new: bytes
    line: bool = False  # it begins a line, also where the one before it has no end


class Edit:
    """Changes to one message: `mail.edit()`.

    Each method records one change; `message()` makes the message that has them all. Changes are of
    the message as it was: they do not see each other, and two of the same octets are a ValueError,
    as is whatever the writer refuses. A change that is refused leaves the others as they were.
    """

    def __init__(
        self, mail: Message, *, utf8: bool = False, break_signatures: bool = False
    ) -> None:
        if mail.number:
            raise ValueError(
                "an edit is of a whole message: begin with Message.parse(bytes(part.message))"
            )
        self.mail = mail
        """The message as it was."""
        self.utf8 = utf8
        """Whether header fields are written in UTF-8 (RFC 6532)."""
        self.break_signatures = break_signatures
        """Whether what a multipart/signed covers may be changed."""
        first = mail.raw.find(b"\n")
        self._newline = b"\n" if first >= 0 and mail.raw[first - 1 : first] != b"\r" else b"\r\n"
        self._splices: list[_Splice] = []
        self._taken: list[tuple[int, int]] = []  # octets that give way, in order
        self._points: list[int] = []  # where something is put between two octets, in order
        self._order = 0
        self._headless: set[int] = set()  # parts that get the empty line of a header
        self._replaced: set[int] = set()  # parts that are written with their own empty line
        self._unended: set[int] = set()  # and the same, for the sake of the message inside
        self._widths: dict[int, str] = {}  # of the parts around new ones, if they need more
        self._unsigned: set[int] = set()  # the multipart/signed that were broken
        self._signed: list[tuple[int, int, Part]] | None = None

    # --- Fields -----------------------------------------------------------------------------------

    def prepend(self, name: str, value: Writable, *, part: Part | None = None) -> None:
        """A field on top of the header, as an MTA adds its Received. The last one is the top."""
        part = self._mine(part)
        header = part.header
        at = header.fields[0].offset if header.fields else part.span.start + len(header.junk)
        self._insert(part, at, format_field(name, value, utf8=self.utf8), top=True)

    def append(self, name: str, value: Writable, *, part: Part | None = None) -> None:
        """A field at the end of the header."""
        part = self._mine(part)
        octets = format_field(name, value, utf8=self.utf8)
        self._insert(part, _end_of_fields(part), octets, top=False)

    def set(self, name: str, value: Writable, *, part: Part | None = None) -> None:
        """The one field of that name: in the place of the first, or else at the end.

        Others of the same name are removed.
        """
        part = self._mine(part)
        fields = part.header.all(name)
        if not fields:
            self.append(name, value, part=part)
            return
        for field in fields:
            self._known(field)
        octets = self._lines(format_field(name, value, utf8=self.utf8))
        self._splice(
            (fields[0].offset, len(fields[0].raw), _fitting(octets, fields[0])),
            *((field.offset, len(field.raw), b"") for field in fields[1:]),
        )

    def replace(self, field: Field, value: Writable) -> None:
        """Another value for one field, which keeps its name and place."""
        self._known(field)
        octets = self._lines(format_field(field.name, value, utf8=self.utf8))
        self._splice((field.offset, len(field.raw), _fitting(octets, field)))

    def remove(self, field: Field | str, *, part: Part | None = None) -> None:
        """Remove one field, or all of a name: that there is none is fine."""
        fields = self._mine(part).header.all(field) if isinstance(field, str) else (field,)
        for one in fields:
            self._known(one)
        self._splice(*((one.offset, len(one.raw), b"") for one in fields))

    # --- Parts ------------------------------------------------------------------------------------

    def replace_part(self, part: Part, draft: Draft) -> None:
        """Another part in the place of one.

        Of a message - the whole one, or one inside - the Content- fields and the body are replaced,
        and the other fields stay.
        """
        part = self._mine(part)
        fields, body, width = self._fitted(part, draft)
        span = part.span
        if not isinstance(part, Message):
            new = self._lines(fields) + self._newline + self._lines(body)
            self._splice((span.start, span.end - span.start, new))
        else:
            if isinstance(draft, Multipart):
                body += b"\r\n"
            if "mime-version" not in part.header:
                fields = b"MIME-Version: 1.0\r\n" + fields
            old = [one for one in part.header if _CONTENT.match(one.name)]
            at = _end_of_fields(part)
            # The empty line is written anew: there may have been none.
            new = self._lines(fields) + self._newline + self._lines(body)
            self._splice(
                *((one.offset, len(one.raw), b"") for one in old),
                (at, span.end - at, new),
            )
        self._replaced.add(part.number)
        self._widen(part, width)

    def remove_part(self, part: Part) -> None:
        """A part less, with one of the delimiters beside it.

        Raises ValueError for a message and for the only part of a multipart: that is to be replaced
        or removed with what it is in.
        """
        part = self._mine(part)
        parent = part.parent
        if parent is None or isinstance(part, Message):
            raise ValueError("a message is not removed from what it is: replace it")
        numbers = [one.number for one in parent.parts]
        if len(numbers) == 1:
            raise ValueError("the only part of a multipart: remove the multipart, or replace it")
        place, span = numbers.index(part.number), part.span
        if place + 1 < len(numbers):
            start, end = span.start, parent.parts[place + 1].span.start
        else:
            start, end = parent.parts[place - 1].span.end, span.end
        self._splice((start, end - start, b""))

    # --- What comes of it -------------------------------------------------------------------------

    def message(self) -> Message:
        """The new message, parsed; the same one if nothing was changed."""
        splices = sorted([*self._splices, *self._empty_lines(), *self._wider()])
        if not splices:
            return self.mail
        raw, at, pieces = self.mail.raw, 0, list[bytes]()
        last = b"\n"  # the octet before
        for splice in splices:
            kept = raw[at : splice.start]
            last = kept[-1:] or last
            if splice.line and splice.new and last != b"\n":
                kept += self._newline
            pieces += (kept, splice.new)
            last = splice.new[-1:] or last
            at = splice.end
        pieces.append(raw[at:])
        return Message(b"".join(pieces), limits=self.mail.header.limits)

    @property
    def breaks(self) -> tuple[BrokenSignature, ...]:
        """The signatures that do not cover the new message, in order of their offsets.

        DKIM (RFC 6376), ARC (RFC 8617) and multipart/signed. One that was removed is not among
        them, and nobody looks whether it was right before.
        """
        return broken_signatures(self.mail, self.message(), self.unsigned)

    @property
    def unsigned(self) -> frozenset[int]:
        """The numbers of those multipart/signed whose signature does not cover what is there."""
        return frozenset(self._unsigned)

    # --- Splices ----------------------------------------------------------------------------------

    def put(self, start: int, end: int, new: bytes) -> None:
        """The splice itself, for whom the other methods are not enough: `new` for [start, end).

        It is taken as it is: nothing is checked but that it meets no other change and no signature.
        """
        if not 0 <= start <= end <= len(self.mail.raw):
            raise ValueError(f"no octets {start} to {end} in this message")
        self._splice((start, end - start, new), line=False)

    def _splice(self, *wanted: tuple[int, int, bytes], line: bool = True) -> None:
        """Record (start, length, new), all or none."""
        splices = [
            _Splice(start, _LAST, start + length, new, line) for start, length, new in wanted
        ]
        for splice in splices:
            self._check(splice)
        for splice in splices:
            self._record(splice)

    def _insert(self, part: Part, at: int, octets: bytes, *, top: bool) -> None:
        self._order += 1
        order = -self._order if top else self._order
        splice = _Splice(at, order, at, self._lines(octets), line=True)
        self._check(splice)
        self._record(splice)
        if not part.header.raw and len(part.body):
            self._headless.add(part.number)
        parent = part.parent
        if isinstance(part, Message) and parent is not None and _is_open(parent):
            self._unended.add(parent.number)

    def _check(self, splice: _Splice) -> None:
        start, end = splice.start, splice.end
        place = bisect_left(self._taken, (start, end))
        before = self._taken[place - 1][1] if place else 0
        behind = self._taken[place][0] if place < len(self._taken) else _LAST
        inside = bisect_right(self._points, start)
        point = self._points[inside] if inside < len(self._points) else _LAST
        if before > start or behind < end or point < end:
            raise ValueError("these octets have been changed already: begin anew with message()")
        if not self.break_signatures:
            for part in self._broken_by(splice):
                raise SignatureBroken(part.section)

    def _record(self, splice: _Splice) -> None:
        for part in self._broken_by(splice):
            self._unsigned.add(part.number)
        self._splices.append(splice)
        if splice.start < splice.end:
            insort(self._taken, (splice.start, splice.end))
        else:
            insort(self._points, splice.start)

    def _broken_by(self, splice: _Splice) -> Iterator[Part]:
        """The multipart/signed whose signed part it touches, but does not take away."""
        signed = self._signed
        if signed is None:
            signed = self._signed = [
                (part.parts[0].span.start, part.parts[0].span.end, part)
                for part in self.mail.walk()
                if part.is_multipart and part.type == "multipart/signed" and part.parts
            ]
        for start, end, part in signed:
            whole = splice.start <= part.span.body and part.span.end <= splice.end
            apart = (
                splice.end <= start or end <= splice.start
                if splice.start < splice.end
                else splice.start < start or end < splice.start
            )
            if not (whole or apart):
                yield part

    # --- What is written --------------------------------------------------------------------------

    def _mine(self, part: Part | None) -> Part:
        if part is None:
            return self.mail
        if part is not self.mail and (
            part.number >= len(self.mail.index.parts) or self.mail.part(part.number) is not part
        ):
            raise ValueError("the part is of another message")
        return part

    def _known(self, field: Field) -> None:
        if not isinstance(field, Field):
            raise TypeError(f"a Field of the message is needed, not {type(field).__name__}")
        if not field.raw or not self.mail.raw.startswith(field.raw, field.offset):
            raise ValueError("the field is of another message")
        if _MORE[field.raw.endswith(b"\n")].match(self.mail.raw, field.offset + len(field.raw)):
            raise ValueError(
                "limits.header has cut this field: parse the message with a higher one"
            )

    def _lines(self, octets: bytes) -> bytes:
        return octets if self._newline == b"\r\n" else octets.replace(b"\r\n", b"\n")

    def _fitted(self, part: Part, draft: Draft) -> tuple[bytes, bytes, str]:
        """A draft, written so that it holds no delimiter of what it is put into."""
        delimiters = delimiters_around(part)
        for _ in range(2):
            fields, body, width = rendered(draft, utf8=self.utf8)
            octets = b"\n" + fields + b"\n" + body
            if not any(delimiter in octets for delimiter in delimiters):
                return fields, body, width
            if not isinstance(draft, Leaf):
                break
            draft = attrs.evolve(draft, encoding="base64")
        raise ValueError("the new part holds a delimiter of the multipart it is put into")

    def _widen(self, part: Part, width: str) -> None:
        for one in _around(part):
            was = self._widths.get(one.number, one.encoding)
            if was in WIDTHS and WIDTHS.index(was) < WIDTHS.index(width):
                self._widths[one.number] = width

    def _wider(self) -> Iterator[_Splice]:
        """RFC 2045 section 6.4: what holds 8bit says 8bit."""
        for number, width in self._widths.items():
            part = self.mail.part(number)
            other = Edit(self.mail, break_signatures=True)
            other.set("Content-Transfer-Encoding", Token(width), part=part)
            yield from other._splices

    def _empty_lines(self) -> Iterator[_Splice]:
        for number in self._headless - self._replaced:
            at = self.mail.part(number).span.body
            yield _Splice(at, _LAST - 1, at, self._newline)
        for number in self._unended:
            at = self.mail.part(number).span.body
            yield _Splice(at, -_LAST, at, self._newline, line=True)


def _around(part: Part) -> Iterator[Part]:
    """What a part is in, from the inside out."""
    parent = part.parent
    while parent is not None:
        yield parent
        parent = parent.parent


def delimiters_around(part: Part) -> list[bytes]:
    """What must not stand in a part, since it would end it: with the LF before it."""
    return [
        b"\n--" + (one.content_type.get("boundary") or "").rstrip(" \t").encode("utf-8", "replace")
        for one in _around(part)
        if one.is_multipart
    ]


def _end_of_fields(part: Part) -> int:
    """Where a field can be added: at the empty line that ends a header, or where it just ends."""
    head, body = part.header.raw, part.span.body
    if head in (b"\r\n", b"\n"):
        return part.span.start
    for end in (b"\n\r\n", b"\n\n"):
        if head.endswith(end):
            return body - len(end) + 1
    return body


def _is_open(part: Part) -> bool:
    """Whether its header goes to the end of the message, without an empty line."""
    head = part.header.raw
    return bool(head) and not head.endswith((b"\n\r\n", b"\n\n")) and head not in (b"\r\n", b"\n")


def _fitting(octets: bytes, field: Field) -> bytes:
    """With a line end at its end only if the field had one that was its own."""
    return octets if field.raw.endswith(b"\n") else octets.rstrip(b"\r\n")


# --- What signatures cover ------------------------------------------------------------------------

_SIGNATURES: Final = {"dkim-signature": "dkim", "arc-message-signature": "arc"}
_ARC: Final = ("arc-authentication-results", "arc-message-signature", "arc-seal")
_FOLD: Final = re.compile(rb"\r?\n(?=[ \t])")
_BLANKS: Final = re.compile(rb"[ \t]+")
_AT_END: Final = re.compile(rb"[ \t]+(?=\r\n)")


def broken_signatures(
    before: Message, after: Message, unsigned: Iterable[int] = ()
) -> tuple[BrokenSignature, ...]:
    """What `Edit.breaks` says: of two messages, and the numbers of multipart/signed."""
    found = [
        BrokenSignature("multipart/signed", before.part(number).span.start, "", "body")
        for number in unsigned
    ]
    if after is not before:
        found += _broken_fields(before, after)
    return tuple(sorted(found, key=lambda one: one.offset))


def _broken_fields(before: Message, after: Message) -> Iterator[BrokenSignature]:
    left = Counter(field.raw for field in after.header)
    bodies: dict[tuple[int, str], bytes] = {}  # they may be large, and signed more than once
    for field in before.header:
        name = field.name.lower()
        kind = _SIGNATURES.get(name, "arc-seal" if name == "arc-seal" else "")
        if not kind or not isinstance(field.value, TagList) or not left[field.raw]:
            continue
        left[field.raw] -= 1
        tags = field.value
        changed: list[str] = []
        if kind == "arc-seal":
            if _sealed(before, tags) != _sealed(after, tags):
                changed.append("header")
        else:
            how = (tags.get("c") or "simple/simple").lower().partition("/")
            if _signed_fields(before, tags, how[0]) != _signed_fields(after, tags, how[0]):
                changed.append("header")
            first, second = (
                _signed_body(one, how[2] or "simple", tags.get("l"), bodies)
                for one in (before, after)
            )
            if first != second:
                changed.append("body")
        if changed:
            yield BrokenSignature(kind, field.offset, tags.get("d") or "", " ".join(changed))


def _signed_fields(mail: Message, tags: TagList, how: str) -> list[bytes]:
    """The fields that `h=` names, those of one name from the bottom up (RFC 6376 5.4.2)."""
    fields: dict[str, list[Field]] = {}
    for field in mail.header:
        fields.setdefault(field.name.lower(), []).append(field)
    signed: list[bytes] = []
    for name in (tags.get("h") or "").split(":"):
        own = fields.get(name.strip().lower())
        signed.append(_canonical_field(own.pop(), how) if own else b"")
    return signed


def _sealed(mail: Message, tags: TagList) -> list[tuple[str, bytes]]:
    """The ARC sets up to its own (RFC 8617 section 5.1.1), its own seal left out."""
    own = tags.get("i") or ""
    sealed: list[tuple[str, bytes]] = []
    for field in mail.header:
        name = field.name.lower()
        if name in _ARC:
            match = _INSTANCE.match(_FOLD.sub(b"", field.body))
            number = match[1].decode() if match else ""
            if (len(number), number) <= (len(own), own) and (name != "arc-seal" or number != own):
                sealed.append((name, _canonical_field(field, "relaxed")))
    return sorted(sealed)


_INSTANCE: Final = re.compile(rb"[^;]*?\bi[ \t]*=[ \t]*([0-9]{1,3})")


def _canonical_field(field: Field, how: str) -> bytes:
    if how != "relaxed":  # RFC 6376 section 3.4.1
        return BARE_LF.sub(b"\r\n", field.raw)
    body = _BLANKS.sub(b" ", _FOLD.sub(b"", field.body)).strip()
    return field.name.lower().encode() + b":" + body  # section 3.4.2


def _signed_body(
    mail: Message, how: str, length: str | None, known: dict[tuple[int, str], bytes]
) -> bytes:
    key = id(mail), how
    body = known.get(key)
    if body is None:
        body = known[key] = _canonical_body(mail.body.raw, how)
    if length is not None and length.isdecimal() and len(length) < 20:
        return body[: int(length)]
    return body


def _canonical_body(body: bytes, how: str) -> bytes:
    body = BARE_LF.sub(b"\r\n", body)
    if how == "relaxed":  # RFC 6376 section 3.4.4
        body = _AT_END.sub(b"", _BLANKS.sub(b" ", body)).rstrip(b" ")
    body = body.rstrip(b"\r\n")
    return body + b"\r\n" if body or how != "relaxed" else b""
