"""A message as it is read: views of one buffer through one index.

What lives here: `Message` and `Part`, and `Body`, which show what the scanner found; the three
views of RFC 8621 section 4.1.4 (text, HTML, attachments); `ambiguities` and `conformance()`. What
does not: anything that changes a message (`_edit`, `_transport`) or makes one (`_build`).

Invariants

* `bytes(message)` is what was parsed, whatever it was. A view never copies more than it is asked
  for, and keeps what it has worked out.
* Nothing raises because of what a message holds; what is odd is a `Defect`, and what the field
  reads in two ways is an `Ambiguity`. Both have offsets into the whole message.
* A part is known by its number, the position of its span in `Index.parts`: parents come before
  their children, and all that is inside a part follows it without a gap.
"""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

import attrs

from .._envelope import Envelope
from ..errors import Defect
from ..limits import Limits
from ._charsets import decode_text, header_text
from ._checks import Conformance, ambiguities, conformance
from ._content import WIDTHS, decode_content, quoted_text
from ._flowed import Paragraph, parse_flowed
from ._header import Header
from ._parameters import parse_token
from ._plain import html_to_text
from ._scan import LEAF, MESSAGE, MULTIPART, Index, PartSpan, scan
from ._vocabulary import Ambiguity, ContentType, Disposition, MessageIds

if TYPE_CHECKING:
    from typing import Self

    from ._content import Content
    from ._edit import Edit
    from ._transport import Plan

__all__ = ["Body", "Conformance", "Message", "Part"]

_LIMITS: Final = Limits()
_REPORTED: Final = 1_000  # defects and ambiguities of one message

_TEXT_PLAIN: Final = ContentType("text", "plain")
_MESSAGE_RFC822: Final = ContentType("message", "rfc822")
_LINEWISE: Final = frozenset(("utf-8", "us-ascii", "iso-8859-1", "windows-1252"))
"""Charsets in which CR and LF are one octet each, and no octet of anything else."""


def _encoding(body: bytes) -> str:
    return parse_token(header_text(body)).text.lower() or "7bit"


_encoding_once: Final = lru_cache(maxsize=64)(_encoding)  # there are few, in all the world


class _Tree:
    """What all views of one message share.

    The views are kept by the message, and know it weakly: there are no cycles, so a message and its
    octets are gone as soon as nobody has it, without waiting for the garbage collector.
    """

    __slots__ = ("_index", "children", "limits", "places", "raw", "root", "sections", "types")

    def __init__(
        self, raw: bytes, index_: Index | None, limits: Limits, types: list[ContentType | None]
    ) -> None:
        self.raw = raw
        self._index = index_
        self.limits = limits
        self.root: weakref.ref[Message] | None = None
        self.children: defaultdict[int, list[int]] | None = None
        self.places: list[int] | None = None  # of each part in what it is in, from 1 on
        self.sections: dict[int, str] | None = None  # those that were asked for
        self.types = types  # what the scanner has read already; [] for an index that was stored

    @property
    def index(self) -> Index:
        """Where everything is. What was built is scanned when somebody looks at it."""
        found = self._index
        if found is None:
            found, self.types = scan(self.raw, self.limits)
            self._index = found
        return found

    def part(self, number: int) -> Part:
        """The view of a part. Raises IndexError."""
        (found,) = self.views((number,))
        return found

    def views(self, numbers: Sequence[int]) -> list[Part]:
        """The views of some parts. There may be many, so this is one loop without calls."""
        root = None if self.root is None else self.root()
        if root is None:  # only a part of it was kept
            root = Message.__new__(Message)
            root._attach(self)
        known, spans = root._known, self.index.parts
        views: list[Part] = []
        for number in numbers:
            found = known.get(number)
            if found is None:
                span = spans[number]
                if number:
                    kind = Message if spans[span.parent].kind == MESSAGE else Part
                    found = known[number] = kind.__new__(kind)
                    found._tree, found.number, found.span = self, number, span
                else:
                    found = root
            views.append(found)
        return views

    def inside(self, number: int) -> Sequence[int]:
        """The numbers of the parts right inside another, in order."""
        children = self.children
        if children is None:
            children = self.children = defaultdict(list)
            for one, span in enumerate(self.index.parts):
                children[span.parent].append(one)
        return children.get(number, ())

    def behind(self, number: int) -> int:
        """The number of the first part behind all that is inside another."""
        if not number:
            return len(self.index.parts)
        last = number
        while inside := self.inside(last):
            last = inside[-1]
        return last + 1

    def section(self, number: int) -> str:
        """The section number of a part."""
        spans, places = self.index.parts, self.places
        if places is None:
            places = self.places = []
            before: dict[int, int] = {}  # parts of a multipart so far
            for span in spans:
                place = before[span.parent] = before.get(span.parent, 0) + 1
                places.append(place)
        known, one = self.sections, number
        if known is None:
            known = self.sections = {}
        numbers: list[str] = []
        while (section := known.get(one)) is None:
            parent = spans[one].parent
            if parent < 0:
                section = ""
                break
            if spans[parent].kind != MESSAGE:
                numbers.append(str(places[one]))
            elif (above := spans[parent].parent) < 0 or spans[above].kind == MESSAGE:
                numbers.append("1")  # it is the body of a message, which is part 1 of that
            one = parent
        if section:
            numbers.append(section)
        section = known[number] = ".".join(reversed(numbers))
        return section


class _Span:
    """The span of a message that was built, found out when it is asked for. Others have it set."""

    def __get__(self, part: Part | None, owner: type) -> PartSpan | _Span:
        if part is None:
            return self
        span: PartSpan = part._tree.index.parts[part.number]
        part.__dict__["span"] = span
        return span


class Part:
    """A part of a message: a header and a body. The message itself is one as well."""

    # There may be many, and most are never asked: what is not there yet is not set.
    _header: Header | None = None
    _type: ContentType | None = None
    _disposition: Disposition | None = None
    _content: Content | None = None
    _text: str | None = None
    if TYPE_CHECKING:
        span: PartSpan
        """Where it is in the message that was parsed."""
    else:
        span = _Span()

    def __init__(self, tree: _Tree, number: int) -> None:
        self._tree = tree
        self.number = number
        """Its place in `Message.index.parts`."""
        self.span = tree.index.parts[number]

    def __reduce__(self) -> tuple[object, ...]:
        return _view, (self._tree.raw, self._tree.index, self._tree.limits, self.number)

    # --- Octets -----------------------------------------------------------------------------------

    def __bytes__(self) -> bytes:
        """Header and body as they stand there."""
        return self._tree.raw[self.span.start : self.span.end]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.section or 'message'} {self.type}>"

    @property
    def header(self) -> Header:
        """Its header."""
        header = self._header
        if header is None:
            start, body = self.span.start, self.span.body
            tree = self._tree
            header = self._header = Header(tree.raw[start:body], start, tree.limits)
        return header

    @property
    def body(self) -> Body:
        """Its body."""
        return Body(self)

    # --- What it is -------------------------------------------------------------------------------

    @property
    def content_type(self) -> ContentType:
        """Content-Type; without one text/plain, in a digest message/rfc822 (RFC 2046 5.1.5)."""
        content_type = self._type
        if content_type is None:
            types = self._tree.types
            if self.number < len(types):
                content_type = types[self.number]
            if content_type is None:
                content_type = self.header.value("content-type", ContentType)
            if content_type is None:
                content_type = _MESSAGE_RFC822 if self._in_digest else _TEXT_PLAIN
            self._type = content_type
        return content_type

    @property
    def _in_digest(self) -> bool:
        parent = self.parent
        return (
            parent is not None
            and parent.span.kind == MULTIPART
            and parent.content_type.subtype == "digest"
        )

    @property
    def type(self) -> str:
        """`maintype/subtype`, in lower case."""
        return (self._type or self.content_type).essence

    @property
    def is_multipart(self) -> bool:
        """Whether it has parts. A multipart without a usable boundary has none: it is opaque."""
        return self.span.kind == MULTIPART

    @property
    def disposition(self) -> Disposition | None:
        """Content-Disposition (RFC 2183), or None."""
        disposition = self._disposition
        if disposition is None:
            field = self.header.get("content-disposition")
            if field is not None and isinstance(value := field.value, Disposition):
                disposition = self._disposition = value
        return disposition

    @property
    def is_attachment(self) -> bool:
        """Whether its disposition is `attachment`."""
        if self._disposition is None and not self.header.all("content-disposition"):
            return False  # this is asked of every part, and most have none
        disposition = self.disposition
        return disposition is not None and disposition.kind == "attachment"

    @property
    def filename(self) -> str:
        """What it is called, decoded: of the disposition, or else the type's name; "" without.

        It is what the sender wrote, `../` and all: never a path to write to.
        """
        disposition = self.disposition
        name = None if disposition is None else disposition.get("filename")
        return name or self.content_type.get("name") or ""

    @property
    def charset(self) -> str:
        """The charset as written, or ""."""
        return self.content_type.charset

    @property
    def content_id(self) -> str:
        """Without angle brackets; "" without one."""
        value = self.header.value("content-id", MessageIds)
        return next(iter(value.ids), "") if value is not None else ""

    @property
    def encoding(self) -> str:
        """Content-Transfer-Encoding as written, in lower case; "7bit" without one."""
        field = self.header.get("content-transfer-encoding")
        if field is None:
            return "7bit"
        return (_encoding_once if len(field.body) < 40 else _encoding)(field.body)

    # --- What it says -----------------------------------------------------------------------------

    @property
    def content(self) -> bytes:
        """The body with its transfer encoding undone."""
        if self.span.kind != LEAF:  # nothing was encoded (RFC 2045 section 6.4), nor is it copied
            return self.body.raw
        return self._decoded().octets

    @property
    def content_defects(self) -> tuple[Defect, ...]:
        """What is wrong with its transfer encoding. Offsets are those of the message."""
        start = self.span.body
        leaf = self.span.kind == LEAF  # else nothing is undone, and no level of it copied
        defects = self._decoded().defects if leaf else decode_content(b"", self.encoding).defects
        return tuple(attrs.evolve(defect, offset=defect.offset + start) for defect in defects)

    def _decoded(self) -> Content:
        content = self._content
        if content is None:
            content = self._content = decode_content(self.body.raw, self.encoding)
        return content

    @property
    def text(self) -> str:
        """The content as text: charset undone, CRLF made LF. "" for what is not text."""
        return self.own_text

    @property
    def own_text(self) -> str:
        """The same; of a message too, where `text` is that of all its parts."""
        text = self._text
        if text is None:
            kind = self.content_type
            text = self._read_text(kind) if kind.maintype == "text" else ""
            self._text = text
        return text

    def _read_text(self, kind: ContentType) -> str:
        charset = kind.get("charset") or "us-ascii"
        if charset.lower() in _LINEWISE:
            lines = None
            if self._content is None and self.encoding == "quoted-printable":
                raw, span = self._tree.raw, self.span
                ends = span.lines if span.lines >= 0 else raw.count(b"\n", span.body, span.end)
                lines = quoted_text(raw[span.body : span.end], ends)
            if lines is None:
                lines = b"\n".join(self.content.split(b"\r\n"))
            return decode_text(lines, charset)
        text = decode_text(self.content, charset)
        return text.replace("\r\n", "\n") if "\r" in text else text

    @property
    def paragraphs(self) -> tuple[Paragraph, ...]:
        """The text of this part in paragraphs: flowed if it says so (RFC 3676), else its lines."""
        kind = self.content_type
        if kind.essence == "text/plain" and (kind.get("format") or "").lower() == "flowed":
            return parse_flowed(self.own_text, delsp=(kind.get("delsp") or "").lower() == "yes")
        lines = self.own_text.split("\n")
        return tuple([Paragraph(line) for line in (lines[:-1] if lines[-1] == "" else lines)])

    # --- What is inside ---------------------------------------------------------------------------

    @property
    def parent(self) -> Part | None:
        """The part it is in, or None for the whole message."""
        parent = self.span.parent
        return None if parent < 0 else self._tree.part(parent)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a multipart, in order; () for everything else."""
        if self.span.kind != MULTIPART:
            return ()
        tree = self._tree
        return tuple(tree.views(tree.inside(self.number)))

    @property
    def message(self) -> Message | None:
        """The message inside a message/rfc822 or message/global; None for everything else.

        Where it is encoded (RFC 6532 section 3.7 lets message/global be) it is decoded, and parsed
        as a message of its own.
        """
        if self.span.kind == MESSAGE:
            inner = self._tree.part(self.number + 1)
            assert isinstance(inner, Message)
            return inner
        if self.type in ("message/rfc822", "message/global") and self.encoding not in WIDTHS:
            return Message.parse(self.content, limits=self._tree.limits)
        return None

    def walk(self) -> Iterator[Part]:
        """This part and all that is inside it, in order, messages inside messages too."""
        yield self
        if self.span.kind == LEAF:
            return
        tree, number, behind = self._tree, self.number + 1, self.behind
        while number < behind:  # not all at once: who walks over very many may stop
            views = tree.views(range(number, min(number + 100, behind)))
            number += 100
            yield from views

    @property
    def behind(self) -> int:
        """The number of the first part behind it and all that is inside it."""
        return self._tree.behind(self.number)

    @property
    def section(self) -> str:
        """Its section number as IMAP counts (RFC 9051 section 6.4.5.1): "1.2"; "" for the message.

        A message that is no multipart has its body as section 1, and is itself "".
        """
        return self._tree.section(self.number)

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Of its header and its body's encoding (which is decoded to find out)."""
        return self.own_defects

    @property
    def own_defects(self) -> tuple[Defect, ...]:
        """The same; of a message too, where `defects` is that of all its parts."""
        return (*self.header.defects, *self.content_defects)


class Body:
    """The body of a message or part."""

    __slots__ = ("part",)

    def __init__(self, part: Part) -> None:
        self.part = part

    @property
    def raw(self) -> bytes:
        """As it stands there, transfer encoding and all."""
        span = self.part.span
        return self.part._tree.raw[span.body : span.end]

    def __bytes__(self) -> bytes:
        return self.raw

    def __len__(self) -> int:
        """Octets."""
        return self.part.span.end - self.part.span.body

    @property
    def lines(self) -> int:
        """Line ends in it."""
        span = self.part.span
        if span.lines >= 0:
            return span.lines
        return self.part._tree.raw.count(b"\n", span.body, span.end)

    @property
    def content(self) -> bytes:
        """With its transfer encoding undone."""
        return self.part.content

    @property
    def text(self) -> str:
        """As text (`Part.text`)."""
        return self.part.text

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of a multipart."""
        return self.part.parts

    @property
    def preamble(self) -> bytes:
        """What stands before the first part of a multipart."""
        span = self.part.span
        if span.kind != MULTIPART:
            return b""
        return self.part._tree.raw[span.body : span.end if span.preamble < 0 else span.preamble]

    @property
    def epilogue(self) -> bytes:
        """What stands behind the close delimiter of a multipart."""
        span = self.part.span
        return b"" if span.epilogue < 0 else self.part._tree.raw[span.epilogue : span.end]


class Message(Part):
    """A message: `Message.parse(raw)`. `bytes()` gives it back, whatever it was.

    The message inside a message/rfc822 is one as well: a view of the same octets.
    """

    _views: _Views | None = None
    _known: dict[int, Part]  # the views that were made, if it is the whole message

    def __init__(self, raw: bytes, index: Index | None = None, *, limits: Limits = _LIMITS) -> None:
        if not isinstance(raw, bytes):
            raise TypeError(f"a message is bytes, not {type(raw).__name__}")
        types: list[ContentType | None] = []
        if index is None:
            index, types = scan(raw, limits)
        elif index.length != len(raw):
            raise ValueError("the index belongs to a message of another length")
        self._attach(_Tree(raw, index, limits, types))
        if types:  # it was scanned here
            self.span = index.parts[0]

    @classmethod
    def built(cls, raw: bytes, limits: Limits) -> Self:
        """A message that was made here: it is scanned when somebody looks at it."""
        message = cls.__new__(cls)
        message._attach(_Tree(raw, None, limits, []))
        return message

    def _attach(self, tree: _Tree) -> None:
        """It is the whole message of a tree, and keeps its views."""
        tree.root = weakref.ref(self)
        self._known = {}
        self._tree = tree
        self.number = 0

    @classmethod
    def parse(cls, raw: bytes | bytearray | memoryview, *, limits: Limits = _LIMITS) -> Self:
        """Read a message. Never raises for what it holds; TypeError for what is not octets.

        What is not bytes is copied.
        """
        if isinstance(raw, (bytearray, memoryview)):
            raw = bytes(raw)
        return cls(raw, limits=limits)

    def __bytes__(self) -> bytes:
        """All its octets, as they stand there."""
        if not self.number:
            return self._tree.raw
        return super().__bytes__()

    @property
    def raw(self) -> bytes:
        """All its octets; of a message that was parsed, the object that was given."""
        return bytes(self)

    @property
    def index(self) -> Index:
        """Where everything is. It is plain data: store it, and give it to `Message(raw, index)`.

        Of a message inside another it is the other's.
        """
        return self._tree.index

    def __eq__(self, other: object) -> bool:
        return bytes(self) == bytes(other) if isinstance(other, Message) else NotImplemented

    def __hash__(self) -> int:
        return hash(bytes(self))

    # --- The views of RFC 8621 section 4.1.4 ------------------------------------------------------

    @property
    def text_body(self) -> tuple[Part, ...]:
        """The parts to show to who prefers plain text, in order (`textBody`)."""
        return self._view().text

    @property
    def html_body(self) -> tuple[Part, ...]:
        """The parts to show to who prefers HTML, in order (`htmlBody`)."""
        return self._view().html

    @property
    def attachments(self) -> tuple[Part, ...]:
        """The parts to list, in order: what is not in the body, or only in one of the two."""
        return self._view().attachments

    def _view(self) -> _Views:
        views = self._views
        if views is None:
            views = _views(self)
            if self.span.kind != LEAF:  # else it is in them itself, and would keep itself
                self._views = views
        return views

    @property
    def text(self) -> str:
        """The message as plain text, for people: the texts of `text_body`, one behind the other.

        A part of it that is HTML is shown without its tags. "" for a message without text.
        """
        if self.span.kind == LEAF and self.type == "text/plain" and not self.is_attachment:
            return self.own_text  # most mail: it is its own view
        return "\n".join(
            [
                html_to_text(part.own_text) if part.type == "text/html" else part.own_text
                for part in self.text_body
                if part.content_type.maintype == "text"
            ]
        )

    @property
    def html(self) -> str | None:
        """The message as HTML: the texts of `html_body`, plain ones escaped; None without HTML.

        It is what the sender wrote: not sanitized.
        """
        if not any(part.type == "text/html" for part in self.html_body):
            return None
        return "\n".join(
            part.own_text if part.type == "text/html" else f"<pre>{escape(part.own_text)}</pre>"
            for part in self.html_body
            if part.content_type.maintype == "text"
        )

    # --- What is wrong with it --------------------------------------------------------------------

    @property
    def defects(self) -> tuple[Defect, ...]:
        """Of the structure, and of every header and every encoding, in order of offset.

        Finding them decodes everything. At most 1,000.
        """
        found = list(self._tree.index.defects)
        for part in self.walk():
            found += part.own_defects
            if len(found) >= _REPORTED:
                break
        return tuple(sorted(found, key=lambda one: one.offset)[:_REPORTED])

    @property
    def ambiguities(self) -> tuple[Ambiguity, ...]:
        """Where programs in the field read this message in more than one way, in order of offset.

        Who filters mail refuses, or cleans, what has any: another program may see other parts.
        """
        return ambiguities(self)

    @property
    def whole(self) -> bytes:
        """The octets that were parsed: of a message inside another, all of the other's."""
        return self._tree.raw

    def part(self, number: int) -> Part:
        """The part of that number in `index.parts`. Raises IndexError."""
        return self._tree.part(number)

    # --- Another one of it ------------------------------------------------------------------------

    def edit(self, *, utf8: bool = False, break_signatures: bool = False) -> Edit:
        """Begin to change it: see `Edit`. The message itself stays what it is."""
        from ._edit import Edit  # noqa: PLC0415 - it makes messages

        return Edit(self, utf8=utf8, break_signatures=break_signatures)

    def plan(
        self, *, eight_bit_mime: bool = False, smtputf8: bool = False, binary_mime: bool = False
    ) -> Plan:
        """What has to change for a peer that offers no more than this, and the changed message.

        See `Plan`. `smtp.Client.submit()` asks for it.
        """
        from ._transport import plan  # noqa: PLC0415 - it makes messages

        return plan(self, eight_bit_mime=eight_bit_mime, smtputf8=smtputf8, binary_mime=binary_mime)

    # --- What transports ask ----------------------------------------------------------------------

    def conformance(self) -> Conformance:
        """What RFC 5322 and 7-bit transports ask of it.

        That is: line lengths, bare CR and LF, 8-bit octets, NUL, required fields.
        """
        return conformance(self)

    # --- Who it is from and to --------------------------------------------------------------------

    def envelope(self) -> Envelope:
        """The envelope that the header asks for, as for a submission (RFC 5322 section 3.6).

        The newest Resent- block counts, if there is one. The sender is that of Sender, or else the
        first of From, or else null; the recipients are those of To, Cc and Bcc, each once.
        """
        header = self.header
        blocks = header.resent
        if blocks:
            block = Header(b"".join(field.raw for field in blocks[0].fields), 0, header.limits)
            senders, prefix, header = "resent-sender resent-from", "resent-", block
        else:
            senders, prefix = "sender from", ""
        sender = ""
        for name in senders.split():
            boxes = header.addresses(name).mailboxes
            if boxes:
                sender = boxes[0].addr_spec
                break
        recipients = [
            box.addr_spec
            for name in ("to", "cc", "bcc")
            for box in header.addresses(prefix + name).mailboxes
        ]
        return Envelope(sender, [one for one in dict.fromkeys(recipients) if one])


def _view(raw: bytes, index: Index, limits: Limits, number: int) -> Part:
    """A view that was pickled."""
    return Message(raw, index, limits=limits).part(number)


class _Views(NamedTuple):
    text: tuple[Part, ...]
    html: tuple[Part, ...]
    attachments: tuple[Part, ...]


class _Level:
    """A call of parseStructure() in RFC 8621 section 4.1.4, without recursion."""

    __slots__ = ("alternative", "at", "html", "html_length", "kind", "parts", "text", "text_length")

    def __init__(
        self,
        parts: Sequence[Part],
        kind: str,
        alternative: bool,
        text: list[Part] | None,
        html: list[Part] | None,
    ) -> None:
        self.parts = parts
        self.kind = kind  # subtype of the multipart
        self.alternative = alternative  # in one, at any distance
        self.text = text  # None: not wanted from here on
        self.html = html
        self.text_length = -1 if text is None else len(text)
        self.html_length = -1 if html is None else len(html)
        self.at = 0


_MEDIA: Final = ("image", "audio", "video")


def _views(message: Message) -> _Views:
    if message.type in ("text/plain", "text/html") and not message.is_attachment:
        return _Views((message,), (message,), ())  # what the walk would find, and most mail is
    text: list[Part] = []
    html: list[Part] = []
    attachments: list[Part] = []
    stack = [_Level((message,), "mixed", False, text, html)]
    while stack:
        level = stack[-1]
        if level.at == len(level.parts):
            stack.pop()
            _alternatives(level)
            continue
        place, part = level.at, level.parts[level.at]
        level.at += 1
        kind = part.type
        media = part.content_type.maintype in _MEDIA
        if part.is_multipart:
            subtype = part.content_type.subtype
            stack.append(
                _Level(
                    part.parts,
                    subtype,
                    level.alternative or subtype == "alternative",
                    level.text,
                    level.html,
                )
            )
        elif (
            part.is_attachment
            or not (media or kind in ("text/plain", "text/html"))
            or (place and (level.kind == "related" or (not media and part.filename)))
        ):
            attachments.append(part)
        elif level.kind == "alternative":
            home = {"text/plain": level.text, "text/html": level.html}.get(kind, attachments)
            if home is not None:
                home.append(part)
        else:
            if level.alternative and kind == "text/plain":
                level.html = None
            elif level.alternative and kind == "text/html":
                level.text = None
            for home in (level.text, level.html):
                if home is not None:
                    home.append(part)
            if media and (level.text is None or level.html is None):
                attachments.append(part)
    return _Views(tuple(text), tuple(html), tuple(attachments))


def _alternatives(level: _Level) -> None:
    """What stands in only one of the two forms is shown in the other as well."""
    text, html = level.text, level.html
    if level.kind != "alternative" or text is None or html is None:
        return
    had_text, had_html = len(text), len(html)
    if level.text_length == had_text and level.html_length != had_html:
        text.extend(html[level.html_length :])
    if level.html_length == had_html and level.text_length != had_text:
        html.extend(text[level.text_length :])
