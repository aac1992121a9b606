"""The scanner: where everything in a message begins and ends, found in one forward pass.

What lives here: `index()`, which reads a message at once and gives an `Index`; and `Parser`, the
push parser, which is fed a message as it arrives and gives events. They are one scanner. What does
not: what anything means; only Content-Type, and the encoding of what may not have one, are read.

How it walks

    An entity is a header and a body. After a header the body is, by its type: a multipart, whose
    boundary joins those that end things from here on; a message, which is an entity inside; or a
    leaf. In a body only lines that begin with `--` are looked at, and each costs one look into a
    dictionary, however deep the message is. A line that is the boundary of an open multipart ends
    everything opened inside it.

    state       what is looked for                          next
    HEADER      the empty line, or a delimiter              BODY, or HEADER of an inner message
    BODY        a delimiter                                 HEADER of the next part, or BODY
    REST        nothing: a limit was met                    -

Invariants

* Every octet is looked at a bounded number of times: positions found by a search are kept until
  they are passed. Nothing recurses.
* An entity's verdicts depend on the octets alone, not on how they were cut: what cannot be decided
  yet is waited for, and how long that may be is bounded by `limits.header` and `DELIMITER_LINE`.
* The push parser holds the open entities and the line or header it is in; not the parts behind it.
* A part's body ends before the line end that precedes the delimiter (RFC 2046 section 5.1.1).
* Lines end with LF or CRLF. A bare CR ends nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import attrs

from ..errors import Defect
from ..limits import Limits
from ._charsets import header_text
from ._lexer import FIELD_START
from ._parameters import parse_content_type, parse_token
from ._vocabulary import Ambiguity, ContentType

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "LEAF",
    "MESSAGE",
    "MULTIPART",
    "DefectFound",
    "HeaderEnd",
    "Index",
    "MessageEvent",
    "Parser",
    "PartEnd",
    "PartSpan",
    "PartStart",
    "index",
    "scan",
]

LEAF: Final = 0
MULTIPART: Final = 1
MESSAGE: Final = 2

DELIMITER_LINE: Final = 1_000
"""Octets of the longest line that can be a delimiter: 998 and CRLF (RFC 5322 section 2.1.1)."""
_LONGEST_BOUNDARY: Final = 900
_REPORTED: Final = 100  # defects and ambiguities kept of one message

_BEGINS: Final = re.compile(FIELD_START)
_FIRST_LINE: Final = 1_100  # what `_BEGINS` needs to see, and a little more
_MBOX: Final = re.compile(rb">?From ")
_BLANK: Final = re.compile(rb"\n\r?\n")
_DASHES: Final = re.compile(rb"\n--")
_VALUE: Final = rb"[ \t]{0,99}+:([^\n]*+(?:\n(?!\Z|" + FIELD_START + rb"|\r?\n)[^\n]*+)*+)"
_CONTENT_TYPE: Final = re.compile(rb"content-type" + _VALUE, re.IGNORECASE)
_CONTENT_ENCODING: Final = re.compile(rb"content-transfer-encoding" + _VALUE, re.IGNORECASE)

# A whole header of the usual kind: fields and folds, no line that may be a delimiter, and the empty
# line. Its group is the body of the first Content-Type.
_LINES: Final = rb"[^\n]*+\n(?:[ \t][^\n]*+\n)*+"
_FIELD: Final = rb"(?!-)" + FIELD_START + _LINES
_TYPED: Final = rb"(?i:content-type)[ \t]{0,99}+:([^\n]*+(?:\n[ \t][^\n]*+)*+)\n"
_REGULAR: Final = re.compile(
    rb"(?:(?!(?i:content-type)[ \t:])"
    + _FIELD
    + rb")*+(?:"
    + _TYPED
    + rb"(?:"
    + _FIELD
    + rb")*+)?+\r?\n"
)

_LIMITS: Final = Limits()
_INSIDE: Final = ("multipart", "message")
"""The main types of what may have parts inside."""
_TEXT_PLAIN: Final = ContentType("text", "plain")
_MESSAGE_RFC822: Final = ContentType("message", "rfc822")


class PartSpan(NamedTuple):
    """Where one part is. Offsets are octets from the start of the message."""

    parent: int
    """The number of the part it is in; -1 for the message itself."""
    kind: int
    """`LEAF`, `MULTIPART` or `MESSAGE`: whether other parts are inside."""
    start: int
    """Of its header."""
    body: int
    """Of its body: behind the empty line."""
    end: int
    """Of its body."""
    lines: int
    """Line ends in its body, for text and messages (the field body-fld-lines of IMAP); else -1."""
    preamble: int
    """Where a multipart's preamble ends: at the line end before its first delimiter. -1 without."""
    epilogue: int
    """Where a multipart's epilogue starts: behind its close delimiter, line end included. -1 if it
    was never closed."""


@attrs.frozen
class Index:
    """All that one pass found out.

    It is plain data: store it, and attach it to the octets later with `Message(raw, index)`.
    """

    length: int
    """Of the message, in octets."""
    parts: tuple[PartSpan, ...]
    """In the order in which they begin; the message itself is the first."""
    defects: tuple[Defect, ...] = ()
    """Of the structure."""
    ambiguities: tuple[Ambiguity, ...] = ()
    """Of the structure."""
    overflow: tuple[str, ...] = ()
    """The limits that were met: `depth`, `parts`, `header`. The tree is usable and cut short."""

    @classmethod
    def collect(cls, length: int, events: Iterable[MessageEvent]) -> Index:
        """The index of a message, from its length and all the events that a `Parser` gave of it."""
        parts: dict[int, PartSpan] = {}
        defects: list[Defect] = []
        ambiguities: list[Ambiguity] = []
        for event in events:
            if isinstance(event, PartEnd):
                parts[event.number] = event.span
            elif isinstance(event, DefectFound):
                if isinstance(event.defect, Defect):
                    defects.append(event.defect)
                else:
                    ambiguities.append(event.defect)
        return cls(
            length,
            tuple(parts[number] for number in sorted(parts)),
            tuple(defects),
            tuple(ambiguities),
            tuple(
                defect.code.removesuffix("_overflow")
                for defect in defects
                if defect.code.endswith("_overflow")
            ),
        )


# --- Events ---------------------------------------------------------------------------------------


@attrs.frozen
class PartStart:
    """A part begins; the first is the message itself."""

    number: int
    """Parts are counted from 0, in the order in which they begin."""
    parent: int
    """The number of the part it is in; -1 for the message itself."""
    offset: int


@attrs.frozen
class HeaderEnd:
    """A part's header is complete: this is the moment to refuse a message by its header."""

    number: int
    start: int
    """Of the header."""
    body: int
    """Of the body. A delimiter may follow at once: then there is none, and the empty line belongs
    to the delimiter, as `PartEnd` says."""
    header: bytes
    """The header with the empty line that ends it, as far as `limits.header` goes: give it to
    `Header.parse()`."""


@attrs.frozen
class PartEnd:
    """A part is complete."""

    number: int
    span: PartSpan


@attrs.frozen
class DefectFound:
    """Something about the structure is wrong, or can be read in two ways."""

    defect: Defect | Ambiguity


MessageEvent: TypeAlias = PartStart | HeaderEnd | PartEnd | DefectFound


# --- The scanner ----------------------------------------------------------------------------------


def _newlines(buffer: bytes | bytearray, start: int, stop: int) -> int:
    """How many LF there are; for what is neither small nor large quicker than `count()`."""
    if not _WORTH_IT < stop - start < _PIECE:
        return buffer.count(b"\n", start, stop)
    piece = buffer[start:stop]
    return len(piece) - len(piece.replace(b"\n", b""))


_WORTH_IT: Final = 1_000
_PIECE: Final = 200_000


class _Container:
    """A multipart or a message that is open."""

    __slots__ = (
        "body",
        "boundary",
        "closed",
        "default",
        "epilogue",
        "kind",
        "lines",
        "number",
        "parent",
        "preamble",
        "shadowed",
        "start",
        "told",
    )

    def __init__(self, number: int, parent: int, kind: int, start: int, body: int) -> None:
        self.number = number
        self.parent = parent
        self.kind = kind
        self.start = start
        self.body = body
        self.lines = -1  # line ends before its body, if they are counted
        self.preamble = -1
        self.epilogue = -1
        self.boundary = b""
        self.shadowed: _Container | None = None  # who had this boundary before
        self.closed = False  # its close delimiter was met
        self.told = False  # that there are delimiters behind it was reported
        self.default = _TEXT_PLAIN  # the type of a part that does not say


_HEADER: Final = 0
_BODY: Final = 1
_REST: Final = 2

_FIELDS: Final = -1
_WAIT: Final = -2


class _Scanner:
    """Offsets (`pos`, `_counted`, ...) are the message's; `_base` is where the buffer begins.

    The entity at hand - one whose header is being read, or a leaf - is in the attributes `_number`
    to `_body`; what is around it is on the stack.
    """

    # What changes by being set again starts out here: making a scanner is a part of the cost.
    buffer: bytes | bytearray = b""
    _base = 0
    pos = 0  # all before it is done with
    _state = _HEADER
    _count = 0
    # The entity at hand.
    _leaf = False  # it has a body, and nothing inside
    _number = 0
    _start = 0
    _body = 0
    _leaf_lines = -1  # line ends before its body, if they are counted
    _head: bytes | None = None  # what is kept of a header above its limit
    _odd: tuple[str, int, bytes, str] | None = None  # a defect of how a header begins
    # Line ends are counted only while somebody wants to know.
    _counting = 0
    _counted = 0
    _lines = 0
    # Kept between two looks: where the next empty line and the next `_needle` are, or -1; and from
    # where on to search for them.
    _blank = -1
    _blank_end = -1
    _blank_from = 0
    _dash = -1
    _dash_from = 0
    _needle: bytes | None = None  # `\n--` and the boundary, while only one multipart is open
    _pending = -1  # a `_dash` whose line has not come to its end
    # What `_delimiter()` has found out.
    _after = -1
    _closes = False

    def __init__(self, limits: Limits, *, push: bool) -> None:
        self.limits = limits
        self.push = push
        self._depth = 2**62 if limits.depth is None else limits.depth
        self._parts = 2**62 if limits.parts is None else limits.parts
        self._header_limit = 2**62 if limits.header is None else limits.header
        self._stack: list[_Container] = []
        self._boundaries: dict[bytes, _Container] = {}
        self.events: list[MessageEvent] = []
        self.spans: list[PartSpan | None] = []
        self.types: list[ContentType | None] = []  # of each part, as far as they were read
        self.defects: list[Defect] = []
        self.ambiguities: list[Ambiguity] = []
        self.overflow: list[str] = []
        self._begin(0)

    # --- Reports ----------------------------------------------------------------------------------

    def _defect(self, code: str, offset: int, raw: bytes, assumed: str) -> None:
        if len(self.defects) < _REPORTED:
            defect = Defect(code, offset, raw[:80], assumed)
            self.defects.append(defect)
            if self.push:
                self.events.append(DefectFound(defect))

    def _ambiguity(self, code: str, offset: int, raw: bytes, read_as: str, otherwise: str) -> None:
        if len(self.ambiguities) < _REPORTED:
            one = Ambiguity(code, offset, raw[:80], read_as, otherwise)
            self.ambiguities.append(one)
            if self.push:
                self.events.append(DefectFound(one))

    def _limit(self, name: str, offset: int, assumed: str) -> None:
        if name not in self.overflow:
            self.overflow.append(name)
            defect = Defect(f"{name}_overflow", offset, b"", assumed)
            self.defects.append(defect)
            if self.push:
                self.events.append(DefectFound(defect))

    # --- Entities ---------------------------------------------------------------------------------

    def _begin(self, start: int) -> None:
        """An entity begins with its header."""
        number = self._number = self._count
        self._count = number + 1
        self._start = self.pos = start
        self._leaf = False
        self._head = self._odd = None
        self._state = _HEADER
        if self.push:
            stack = self._stack
            self.events.append(PartStart(number, stack[-1].number if stack else -1, start))
        else:
            self.spans.append(None)
            self.types.append(None)

    def _count_to(self, offset: int) -> None:
        """Count the line ends up to there, if somebody wants to know. It never goes back."""
        if offset > self._counted:
            if self._counting:
                base = self._base
                self._lines += _newlines(self.buffer, self._counted - base, offset - base)
            self._counted = offset

    def _span(self, number: int, span: tuple[int, ...]) -> None:
        """A part is complete."""
        # This is quicker, and there may be many.
        part: PartSpan = tuple.__new__(PartSpan, span)  # pyright: ignore[reportUnknownMemberType]
        if self.push:
            self.events.append(PartEnd(number, part))
        else:
            self.spans[number] = part

    def _end_leaf(self, end: int) -> None:
        """The leaf at hand has ended; `_count_to(end)` was said."""
        self._leaf = False
        stack = self._stack
        parent = stack[-1].number if stack else -1
        lines = self._leaf_lines
        if lines >= 0:
            self._counting -= 1
            lines = max(self._lines - lines, 0)
        self._span(self._number, (parent, LEAF, self._start, self._body, end, lines, -1, -1))

    def _end_container(self, end: int) -> None:
        """The innermost container has ended; `_count_to(end)` was said."""
        box = self._stack.pop()
        boundary = box.boundary
        if boundary:
            if not box.closed:
                self._defect("not_closed", end, boundary, "the end of what it is in")
            if self._boundaries.get(boundary) is box:
                if box.shadowed is not None:
                    self._boundaries[boundary] = box.shadowed
                else:
                    del self._boundaries[boundary]
                    self._look_for()
        lines = box.lines
        if lines >= 0:
            self._counting -= 1
            lines = max(self._lines - lines, 0)
        epilogue = min(box.epilogue, end)
        self._span(
            box.number,
            (
                box.parent,
                box.kind,
                box.start,
                min(box.body, end),
                end,
                lines,
                box.preamble,
                epilogue,
            ),
        )

    def _enter(self, body: int, typed: bytes | None) -> None:
        """The header of the entity at hand has ended. Its body is at `body`, and is what?"""
        if typed is not None:
            self.enter(body, _type_of(typed, self.limits.parameters))
        else:
            stack = self._stack
            self.enter(body, stack[-1].default if stack else _TEXT_PLAIN)

    def enter(self, body: int, content_type: ContentType) -> None:
        """The same, where that is known."""
        self._body = self.pos = body
        self._state = _BODY
        if self._odd is not None:
            self._defect(*self._odd)
        if self.push:
            self.events.append(HeaderEnd(self._number, self._start, body, self._fields(body)))
        if not self.push:
            self.types[self._number] = content_type
        maintype = content_type.maintype
        if self._counting:
            self._count_to(body)
        else:
            self._lines = 0  # it may be below: a body that is not there takes back a line end
        self._counted = body
        if maintype == "text":
            self._leaf_lines = self._lines
            self._counting += 1
        else:
            self._leaf_lines = -1
            if maintype == "multipart":
                if self._multipart(body, content_type):
                    return
            elif maintype == "message" and content_type.subtype in ("rfc822", "global"):
                self._message(body)
                return
        self._leaf = True

    def _fields(self, body: int) -> bytes:
        """The header of the entity at hand, which ends at `body`, as far as it counts."""
        if self._head is not None:
            return self._head
        base = self._base
        return bytes(self.buffer[self._start - base : body - base])[: self.limits.header]

    def _first(self, name: bytes, pattern: re.Pattern[bytes], fields: bytes) -> bytes | None:
        """The body of the first field of a name; its pattern has the body as a group."""
        low = fields.lower()
        at = low.find(name)
        while at >= 0:
            if at == 0 or low[at - 1] == 10:
                match = pattern.match(fields, at)
                if match is not None:
                    return match[1]
            at = low.find(name, at + 1)
        return None

    def _contain(self, kind: int, body: int) -> _Container:
        """The entity at hand is a container."""
        stack = self._stack
        parent = stack[-1].number if stack else -1
        box = _Container(self._number, parent, kind, self._start, body)
        stack.append(box)
        return box

    def _multipart(self, body: int, content_type: ContentType) -> bool:
        """Whether what begins is a multipart whose parts can be found."""
        given = content_type.get("boundary")
        boundary = (given or "").rstrip(" \t").encode("utf-8", "replace")
        if not boundary:
            code = "missing_boundary" if given is None else "empty_boundary"
            self._defect(code, self._start, b"", "one opaque part")
            return False
        if len(boundary) > _LONGEST_BOUNDARY:
            self._defect("long_boundary", self._start, boundary, "one opaque part")
            return False
        if len(self._stack) >= self._depth:
            self._limit("depth", body, "an opaque multipart")
            return False
        box = self._contain(MULTIPART, body)
        box.boundary = boundary
        if content_type.subtype == "digest":
            box.default = _MESSAGE_RFC822
        box.shadowed = self._boundaries.get(boundary)
        if box.shadowed is not None:
            self._ambiguity(
                "shared_boundary",
                box.start,
                boundary,
                "its delimiters belong to the innermost multipart that is open",
                "they belong to the outermost",
            )
        self._boundaries[boundary] = box
        self._look_for()
        return True

    def _message(self, body: int) -> None:
        """A message/rfc822: the message inside begins, unless it is encoded, or too deep."""
        fields = self._fields(body)
        encoding = self._first(b"content-transfer-encoding", _CONTENT_ENCODING, fields)
        if encoding is not None:
            word = parse_token(header_text(encoding)).text.lower()
            if word not in ("", "7bit", "8bit", "binary"):
                self._ambiguity(
                    "encoded_message",
                    self._start,
                    encoding.strip(),
                    "an opaque part; its message is the decoded content",
                    "a message, encoded octets and all",
                )
                self._leaf = True
                return
        lines = self._lines
        self._counting += 1
        if len(self._stack) >= self._depth or self._count >= self._parts:
            limit = "depth" if len(self._stack) >= self._depth else "parts"
            self._limit(limit, body, "an opaque message")
            self._leaf_lines = lines
            self._leaf = True
            return
        self._contain(MESSAGE, body).lines = lines
        self._begin(body)

    # --- The walk ---------------------------------------------------------------------------------

    def run(self, *, final: bool) -> None:
        """Go as far as the buffer lets; to the end if it is `final`."""
        while self._state != _REST:
            if not (self._in_header(final) if self._state == _HEADER else self._in_body(final)):
                break  # more input is needed, or there is no more
        stop = self._base + len(self.buffer)
        if self._state == _REST:
            self._count_to(stop)
            self.pos = stop
        if final:
            self._count_to(stop)
            if self._leaf:
                self._end_leaf(stop)
            while self._stack:
                self._end_container(stop)
            self.pos = stop

    def _in_header(self, final: bool) -> bool:
        start = self.pos
        buffer, base = self.buffer, self._base
        if final and self._head is None:
            # All is there, so one look is enough for a header of the usual kind.
            match = _REGULAR.match(buffer, start - base)
            if match is not None:
                body = match.end() + base
                if body - start <= self._header_limit:
                    self._enter(body, match[1])
                    return True
        stop = base + len(buffer)
        self._pending = -1
        if self._boundaries and self._cut_short(start, final):
            return self._pending < 0
        if self._head is None:
            at = self._first_line(start - base, stop - base, final)
            if at >= 0:
                self._enter(base + at, None)
                return True
            if at == _WAIT:
                return False
        blank = self._find_blank(start)
        if (
            self._boundaries
            and self._cut_short(stop if blank < 0 else blank, final)
            and self._pending < 0
        ):
            return True
        limit = self._header_limit
        if blank < 0 and not final:
            if stop - start > limit + 4:
                self._set_aside(start, stop, limit)
            return False
        body = self._blank_end if blank >= 0 else stop
        if body - self._start > limit:
            self._limit("header", self._start, "the fields before it")
        fields = self._fields(body)
        self._enter(body, self._first(b"content-type", _CONTENT_TYPE, fields))
        return True

    def _set_aside(self, start: int, stop: int, limit: int) -> None:
        """A header is above its limit: what counts of it is kept, and the rest passed over."""
        if self._head is None:
            self._head = bytes(self.buffer[start - self._base : start - self._base + limit])
            self._limit("header", start, "the fields before it")
        # An empty line or a delimiter may have begun with the last octets.
        safe = stop - max(len(self._needle or b"--"), 2)
        self.pos = max(start, min(safe, self._pending if self._pending >= 0 else stop))
        self._count_to(self.pos - 1)

    def _first_line(self, at: int, stop: int, final: bool) -> int:
        """Where the body is if no field begins at `at`; else `_FIELDS`, or `_WAIT`."""
        buffer = self.buffer
        first = buffer[at : at + 2]
        if first[:1] == b"\n":
            return at + 1
        if first == b"\r\n":
            return at + 2
        if _BEGINS.match(buffer, at) is not None:
            return _FIELDS
        if not final and len(first) < 2:
            return _WAIT
        start = self._base + at
        if first[:1] in (b" ", b"\t"):
            self._odd = ("leading_fold", start, bytes(first[:1]), "skipped")
            return _FIELDS
        end = buffer.find(b"\n", at, at + _FIRST_LINE)
        if end < 0 and not final and stop - at < _FIRST_LINE:
            return _WAIT
        if self._count == 1 and _MBOX.match(buffer, at) is not None:
            self._odd = ("mbox_from", start, b"From ", "skipped")
            return _FIELDS
        if at < stop:
            line = bytes(buffer[at : at + 80]).partition(b"\n")[0]
            self._odd = ("no_header", start, line, "the body begins here")
        return at

    def _find_blank(self, start: int) -> int:
        """Where the next empty line is: the offset of the line end before it. -1 if none came."""
        if self._blank < start:
            base = self._base
            match = _BLANK.search(self.buffer, max(start, self._blank_from) - base)
            if match is None:
                self._blank = -1
                self._blank_from = max(start, base + len(self.buffer) - 2)
            else:
                self._blank = base + match.start()
                self._blank_end = base + match.end()
        return self._blank

    def _find_dash(self, start: int) -> int:
        """Where the next line that begins with `--` is: the offset of the line end before it."""
        if self._dash < start:
            base, needle = self._base, self._needle
            start = max(start, self._dash_from)
            if needle is not None:
                at = self.buffer.find(needle, start - base)
            else:
                match = _DASHES.search(self.buffer, start - base)
                at = -1 if match is None else match.start()
            if at < 0:
                self._dash = -1
                self._dash_from = max(start, base + len(self.buffer) - len(needle or b"--"))
            else:
                self._dash = base + at
        return self._dash

    def _look_for(self) -> None:
        """The boundaries have changed: what was found of them holds no longer.

        With one that is open its delimiter is looked for as a whole, which is much quicker. That
        costs no second look at anything: back to one boundary it goes where that was found.
        """
        boundaries = self._boundaries
        needle = None
        if len(boundaries) == 1:
            (boundary,) = boundaries
            needle = b"\n--" + boundary
        if needle != self._needle:
            self._needle = needle
            self._dash = -1
            self._dash_from = 0

    def _cut_short(self, stop: int, final: bool) -> bool:
        """Whether a delimiter stands before `stop`.

        The entity at hand has ended with it in its header, or (`_pending`) may have.
        """
        at = self.pos - 1
        while True:
            dash = self._dash if self._dash >= at else self._find_dash(at)
            if dash < 0 or dash >= stop:
                return False
            owner = self._delimiter(dash, final)
            if owner is not None:
                self._cut(self._line_end(dash))
                self._delimit(owner, dash)
                return True
            at = self._after
            if at < 0:
                self._pending = dash
                return True

    def _cut(self, end: int) -> None:
        """The header of the entity at hand ends at `end`, with a delimiter."""
        self._body = end = max(end, self._start)
        if self._odd is not None:
            self._defect(*self._odd)
        self._defect("header_not_ended", end, b"", "it ends with the delimiter")
        if self.push:
            self.events.append(HeaderEnd(self._number, self._start, end, self._fields(end)))
        self._leaf = True
        self._leaf_lines = -1

    def _in_body(self, final: bool) -> bool:
        if not self._boundaries:  # nothing can end it
            self.pos = stop = self._base + len(self.buffer)
            self._count_to(stop)
            return False
        at = self.pos - 1
        while True:
            dash = self._dash if self._dash >= at else self._find_dash(at)
            if dash < 0:
                # A delimiter may have begun to come; the line end before `pos` is open as well.
                safe = self._base + len(self.buffer) - len(self._needle or b"--") - 1
                self.pos = max(self.pos, safe)
                self._count_to(safe)
                return False
            owner = self._delimiter(dash, final)
            if owner is not None:
                self._delimit(owner, dash)
                return True
            at = self._after
            if at < 0:
                self.pos = max(self.pos, dash - 1)
                self._count_to(dash - 1)
                return False

    def _delimiter(self, dash: int, final: bool) -> _Container | None:
        """Whose delimiter the line behind `dash` is; `_closes` says which of the two.

        `_after` is set to where to go on; to -1 if more of the line is needed.
        """
        buffer, base = self.buffer, self._base
        start = dash + 3 - base  # behind the dashes
        end = buffer.find(b"\n", start, start - 2 + DELIMITER_LINE)
        if end >= 0:
            self._after = end + 1 + base
        else:
            stop = len(buffer)
            if stop - start + 2 >= DELIMITER_LINE:
                self._after = start + base
                return None
            if not final:
                self._after = -1
                return None
            end = stop
            self._after = stop + base
        line = bytes(buffer[start:end]).rstrip(b" \t\r")
        owner = self._boundaries.get(line)
        self._closes = False
        if owner is None and line[-2:] == b"--":
            owner = self._boundaries.get(line[:-2])
            self._closes = True
        if owner is not None and not owner.closed:
            return owner
        self._after = max(end, start) + base  # its line end may begin the next
        if owner is None:
            if line.startswith(tuple(self._boundaries)):
                self._ambiguity(
                    "prefix_of_line",
                    dash + 1,
                    b"--" + line,
                    "text: a delimiter has nothing behind the boundary but white space",
                    "a delimiter: RFC 2046 section 5.1.1 lets a prefix match",
                )
        elif not owner.told:
            owner.told = True
            self._ambiguity("parts_after_close", dash + 1, b"--" + line, "epilogue", "more parts")
        return None

    def _line_end(self, newline: int) -> int:
        """Where the line end begins whose LF is at `newline`."""
        at = newline - 1 - self._base
        return newline - 1 if at >= 0 and self.buffer[at] == 13 else newline

    def _delimit(self, owner: _Container, dash: int) -> None:
        """A delimiter of `owner` was met: what is inside has ended."""
        stack = self._stack
        end = dash - (self.buffer[dash - 1 - self._base] == 13) if dash > self._base else dash
        # The line end belongs to the delimiter (RFC 2046 section 5.1.1), also where it is the empty
        # line behind a header: there is no body then. What is inside begins no earlier than that.
        if self._leaf:
            least = self._start
        elif stack[-1] is owner or stack[-1].kind == MESSAGE:
            least = stack[-1].body
        else:
            least = stack[-1].start
        if end < least:  # noqa: PLR1730 - this way it is quicker
            end = least
        if end >= self._counted:
            self._count_to(end)
        elif self._counting:
            base = self._base
            self._lines -= self.buffer.count(b"\n", end - base, self._counted - base)
            self._counted = end
        if self._leaf:
            if end < self._body:  # noqa: PLR1730 - this way it is quicker
                self._body = end
            self._end_leaf(end)
        while stack[-1] is not owner:
            self._end_container(end)
        if owner.preamble < 0:
            owner.preamble = end
        after = self._after
        if self._closes:
            self._count_to(after)  # `add()` lets go what is before it
            self.pos = after
            owner.closed = True
            owner.epilogue = after
            if owner.shadowed is not None:
                self._boundaries[owner.boundary] = owner.shadowed
            self._state = _BODY
        elif self._count >= self._parts:
            self.pos = after
            self._limit("parts", after, "the rest belongs to the part it is in")
            self._state = _REST
        else:
            if self._counting:
                self._count_to(after)
            self._counted = after
            self._begin(after)

    # --- The buffer -------------------------------------------------------------------------------

    def add(self, data: bytes) -> None:
        """More of the message. What is done with is let go."""
        keep = self.pos - 2 - self._base  # the line end before `pos` may begin a delimiter
        buffer = self.buffer
        assert isinstance(buffer, bytearray)
        if keep > 0:
            del buffer[:keep]
            self._base += keep
        buffer += data


def _read(body: bytes, most: int | None) -> ContentType:
    return parse_content_type(header_text(body), most=most)


_read_once: Final = lru_cache(maxsize=1024)(_read)


def _type_of(body: bytes, most: int | None) -> ContentType:
    """The value of a Content-Type field, from its body.

    Most parts of the world have the same few types: they are read once. A boundary is another each
    time.
    """
    if body[-1:] == b"\r":
        body = body[:-1]
    return (_read_once if len(body) <= 200 and b"oundary" not in body else _read)(body, most)


# --- At once --------------------------------------------------------------------------------------


def index(raw: bytes, *, limits: Limits | None = None) -> Index:
    """The index of a whole message. Never raises, whatever it is."""
    return scan(raw, limits or _LIMITS)[0]


def scan(raw: bytes, limits: Limits) -> tuple[Index, list[ContentType | None]]:
    """The index of a whole message, and the type of each part, None where it was not read."""
    entered = None
    size = len(raw)
    match = _REGULAR.match(raw)
    if match is not None and (limits.header is None or match.end() <= limits.header):
        # The usual case: a header of the usual kind, and often a body without parts.
        body, typed = match.end(), match[1]
        content_type = _TEXT_PLAIN if typed is None else _type_of(typed, limits.parameters)
        maintype = content_type.maintype
        if maintype not in _INSIDE:
            lines = _newlines(raw, body, size) if maintype == "text" else -1
            span = PartSpan(-1, LEAF, 0, body, size, lines, -1, -1)
            return Index(size, (span,)), [content_type]
        flat = _flat(raw, body, content_type, limits) if maintype == "multipart" else None
        if flat is not None:
            spans, types = flat
            return Index(size, tuple(spans)), types
        entered = body, content_type
    scanner = _Scanner(limits, push=False)
    scanner.buffer = raw
    if entered is not None:
        scanner.enter(*entered)
    scanner.run(final=True)
    index = Index(
        size,
        tuple([span for span in scanner.spans if span is not None]),
        tuple(scanner.defects),
        tuple(scanner.ambiguities),
        tuple(scanner.overflow),
    )
    return index, scanner.types


def _flat(
    raw: bytes, body: int, content_type: ContentType, limits: Limits
) -> tuple[list[PartSpan], list[ContentType | None]] | None:
    """The parts of a multipart that are all leaves, and spelled as usual; None if one is not.

    Most mail with parts is like that, and for it a loop without calls costs half of the walk.
    """
    boundary = (content_type.get("boundary") or "").encode("utf-8", "replace")
    if not 0 < len(boundary) < _LONGEST_BOUNDARY or boundary[-1:] in (b" ", b"\t"):
        return None
    if content_type.subtype == "digest" or limits.depth == 0:
        return None
    longest = 2**62 if limits.header is None else limits.header
    most = 2**62 if limits.parts is None else limits.parts
    needle = b"\n--" + boundary
    behind = len(needle)
    dash = raw.find(needle, body - 1)
    preamble = max(body, dash - (raw[dash - 1] == 13))
    spans: list[PartSpan] = []
    types: list[ContentType | None] = [content_type]
    while dash >= 0 and raw.startswith(b"\r\n", dash + behind) and len(types) < most:
        start = dash + behind + 2
        match = _REGULAR.match(raw, start)
        if match is None:
            return None
        inner, typed = match.end(), match[1]
        kind = _TEXT_PLAIN if typed is None else _type_of(typed, limits.parameters)
        maintype = kind.maintype
        dash = raw.find(needle, inner - 1)
        # The empty line may be the one before the delimiter: dash is below then.
        if maintype in _INSIDE or inner - start > longest or dash < inner:
            return None
        end = dash - (raw[dash - 1] == 13)
        lines = _newlines(raw, inner, end) if maintype == "text" else -1
        spans.append(PartSpan(0, LEAF, start, inner, end, lines, -1, -1))
        types.append(kind)
    epilogue = dash + behind + 4
    if (
        not spans
        or not raw.startswith(b"--\r\n", epilogue - 4)
        or (raw.find(needle, epilogue - 1) >= 0)
    ):
        return None
    whole = PartSpan(-1, MULTIPART, 0, body, len(raw), -1, preamble, epilogue)
    return [whole, *spans], types


# --- As it arrives --------------------------------------------------------------------------------


class Parser:
    """The push parser: `feed()` it a message as it arrives, `close()` it at the end.

    Both return the events that have become certain, a list. It holds the header or line at hand
    and what is open, whatever the size of the message; `Index.collect()` makes of its events what
    `index()` would have said about the whole. It can be pickled at any moment.
    """

    def __init__(self, *, limits: Limits | None = None) -> None:
        self._scanner = _Scanner(limits or Limits(), push=True)
        self._scanner.buffer = bytearray()
        self._closed = False

    def feed(self, data: bytes) -> list[MessageEvent]:
        """More octets. Raises ValueError behind `close()`."""
        if self._closed:
            raise ValueError("the parser was closed: a new message needs a new one")
        scanner = self._scanner
        scanner.add(data)
        scanner.run(final=False)
        return self._take()

    def close(self) -> list[MessageEvent]:
        """There is no more: every part that is open ends. Calling it again gives nothing."""
        if self._closed:
            return []
        self._closed = True
        scanner = self._scanner
        scanner.run(final=True)
        scanner.buffer = bytearray()
        return self._take()

    def _take(self) -> list[MessageEvent]:
        events, self._scanner.events = self._scanner.events, []
        return events

    @property
    def length(self) -> int:
        """Octets fed so far."""
        scanner = self._scanner
        return scanner._base + len(scanner.buffer)
