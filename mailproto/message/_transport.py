"""What has to change in a message for a peer that does not take it as it is.

What lives here: `plan()`, which looks at every line of a message with a peer's offers in mind and
says what must change, what that breaks, and what cannot be done. What does not: the splices
(`_edit`), and who the peer is.

The table

    what is there                       goes as it is with     else
    8-bit octets in a body              8BITMIME               quoted-printable or base64
    long lines, NUL, bare CR in a body  BINARYMIME             quoted-printable or base64
    the same in a preamble or epilogue  as in a body           left out: nobody reads it
    UTF-8 in a header                   SMTPUTF8               encoded-words, RFC 2231, A-labels
    other 8-bit octets in a header      8BITMIME               the same
    a header line above 998 octets      -                      folded again
    LF as a line end                    -                      CRLF, save in a binary body

A header is that of the message and those of its parts (RFC 6532). What is inside a message/rfc822
or message/global counts as body; a message/global may be encoded as a whole (section 3.7 there), a
message/rfc822 may not, so what is inside it changes.

Invariants

* Where nothing has to change the plan's message is the very same object.
* What changes says the same to its reader. What would not is an obstacle, and the message is then
  to be returned to its sender: a local part that is not ASCII has no other form (RFC 6530
  section 8).
* What is changed here needs nothing when it is planned for the same peer again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import attrs

from ..errors import Defect
from ._charsets import is_utf8
from ._content import (
    BARE_LF,
    WIDTHS,
    choose_encoding,
    decode_content,
    encode_content,
    is_tame,
)
from ._edit import BrokenSignature, Edit, broken_signatures, delimiters_around
from ._message import Message, Part
from ._scan import LEAF, MESSAGE, MULTIPART
from ._vocabulary import Token

if TYPE_CHECKING:
    from ._header import Field

__all__ = ["Change", "Plan", "plan"]

_CODED: Final = ("base64", "quoted-printable")
_BODIES: Final[tuple[Literal["7BIT", "8BITMIME", "BINARYMIME"], ...]] = (
    "7BIT",
    "8BITMIME",
    "BINARYMIME",
)


@attrs.frozen
class Change:
    """One thing that has to change."""

    code: str
    """`line_ends`, `encoding`, `header`, or `left_out` (a preamble or an epilogue)."""
    section: str
    """Where, as IMAP counts parts; "" for the message itself."""
    what: str
    """The field, or the encoding, or what it is about, in a few words."""
    offset: int
    """Of what changes, in octets from the start of the message, its lines ended with CRLF."""


@attrs.frozen
class Plan:
    """What a transport is told about one message."""

    message: Message
    """What to send: the same object if nothing has to change."""
    body: Literal["7BIT", "8BITMIME", "BINARYMIME"]
    """The value of MAIL's BODY parameter (RFC 6152, RFC 3030) for it."""
    smtputf8: bool
    """Whether its header needs MAIL's SMTPUTF8 parameter (RFC 6531). Addresses may need it too."""
    changes: tuple[Change, ...] = ()
    """In the order of the message."""
    breaks: tuple[BrokenSignature, ...] = ()
    """The signatures that the changes break."""
    obstacles: tuple[Defect, ...] = ()
    """What has to change and cannot. With any of them the message must not be sent."""

    @property
    def possible(self) -> bool:
        """Whether the message can be sent."""
        return not self.obstacles


def plan(
    mail: Message,
    *,
    eight_bit_mime: bool = False,
    smtputf8: bool = False,
    binary_mime: bool = False,
) -> Plan:
    """Plan for a peer that offers these extensions, and no others. Never raises.

    SMTPUTF8 without 8BITMIME counts for nothing: RFC 6531 section 3.1 (8) has no such peers.
    """
    smtputf8 = smtputf8 and (eight_bit_mime or binary_mime)
    if mail.number:
        mail = Message.parse(bytes(mail), limits=mail.header.limits)
    raw = mail.raw
    tame = is_tame(raw)
    if tame and raw.isascii():
        return Plan(mail, "7BIT", smtputf8=False)
    changes: list[Change] = []
    straight = mail if tame else _with_line_ends(mail)
    bare = BARE_LF.search(raw)
    if straight is not mail and bare is not None:
        changes.append(Change("line_ends", "", "CRLF", bare.start()))
    walk = _Walk(straight, eight_bit_mime, smtputf8, binary_mime)
    walk.run()
    after = walk.edit.message()
    if after is straight and straight.raw == raw:
        after = mail
    width = _width(after.raw)
    utf8 = _has_utf8_header(after)
    if not walk.fits(width):
        walk.obstacle("left_over", 0, b"", f"it still needs {_BODIES[width]}")
    if utf8 and not smtputf8:
        walk.obstacle("left_over", 0, b"", "it still needs SMTPUTF8")
    return Plan(
        after,
        _BODIES[width],
        utf8,
        (*changes, *sorted(walk.changes, key=lambda one: one.offset)),
        broken_signatures(mail, after, walk.edit.unsigned),
        tuple(walk.obstacles),
    )


def _with_line_ends(mail: Message) -> Message:
    """With CRLF for LF, everywhere but where octets are what they are."""
    raw, at, pieces = mail.raw, 0, list[bytes]()
    for part in mail.walk():
        if part.span.kind == LEAF and part.encoding == "binary" and not _is_text(part):
            pieces += (BARE_LF.sub(b"\r\n", raw[at : part.span.body]), part.body.raw)
            at = part.span.end
    # The LF of a CRLF may be the first octet of a piece: then the CR before it is the content's.
    pieces.append(BARE_LF.sub(b"\r\n", raw[at:]))
    new = b"".join(pieces)
    return mail if new == raw else Message(new, limits=mail.header.limits)


def _is_text(part: Part) -> bool:
    return part.content_type.maintype in ("text", "message", "multipart")


def _has_utf8_header(mail: Message) -> bool:
    """Whether a field of the message or its parts, down to the messages inside, is UTF-8."""
    number, count = 0, len(mail.index.parts)
    while number < count:
        part = mail.part(number)
        if not part.header.raw.isascii():
            for field in part.header:
                if not field.raw.isascii() and is_utf8(field.raw):
                    return True
        number = part.behind if part.span.kind == MESSAGE else number + 1
    return False


def _width(octets: bytes) -> int:
    """0: 7bit, 1: 8bit, 2: binary."""
    if not is_tame(octets):
        return 2
    return 0 if octets.isascii() else 1


class _Walk:
    """One pass over the parts, in which everything is decided."""

    def __init__(
        self, mail: Message, eight_bit_mime: bool, smtputf8: bool, binary_mime: bool
    ) -> None:
        self.mail = mail
        self.edit = Edit(mail, break_signatures=True, utf8=smtputf8)
        self.eight_bit = eight_bit_mime or binary_mime
        self.smtputf8 = smtputf8
        self.binary = binary_mime
        self.changes: list[Change] = []
        self.obstacles: list[Defect] = []
        self.widths: dict[int, int] = {}  # what each part needs when all is done
        self.coded: list[Part] = []  # those that were encoded

    def run(self) -> None:
        number, count = 0, len(self.mail.index.parts)
        content_until = 0  # up to that part it is inside a message
        while number < count:
            part = self.mail.part(number)
            number += 1
            if part.span.kind == LEAF or part.type == "message/global":
                number = part.behind
                self._body(part)
            else:
                self._between(part)
            self._header(part, part.number < content_until)
            if part.span.kind == MESSAGE and part.number >= content_until:
                content_until = part.behind
        self._labels()

    # --- Headers ----------------------------------------------------------------------------------

    def _header(self, part: Part, inside: bool) -> None:
        header = part.header
        if not _width(header.raw):
            return
        if header.overflow:
            what = "limits.header or limits.fields has cut it: parse the message with higher ones"
            self.obstacle("header", part.span.start, b"", what)
            return
        for field in header:
            if not self._field(part, field, inside):
                self._need(part, _width(field.raw))
        junk = header.junk
        if junk and not self.fits(_width(junk)):
            self._leave_out(part, part.span.start, len(junk), "what is no field")

    def _field(self, part: Part, field: Field, inside: bool) -> bool:
        """Whether it is written anew."""
        width = _width(field.raw)
        if width == 1:
            ours = inside or not is_utf8(field.raw)
            goes = self.eight_bit if ours else self.smtputf8
        else:
            goes = width == 0
        return not goes and self._rewrite(part, field)

    def _rewrite(self, part: Part, field: Field) -> bool:
        try:
            self.edit.replace(field, field.value)
        except (ValueError, TypeError) as error:
            self.obstacle("header", field.offset, field.raw, str(error))
            return False
        self.changes.append(Change("header", part.section, field.name, field.offset))
        return True

    # --- Bodies -----------------------------------------------------------------------------------

    def fits(self, width: int) -> bool:
        """Whether the peer takes it."""
        return width == 0 or (self.eight_bit if width == 1 else self.binary)

    def _need(self, part: Part, width: int) -> None:
        self.widths[part.number] = max(self.widths.get(part.number, 0), width)

    def _body(self, part: Part) -> None:
        """Of a leaf, or of a message/global as a whole: encoded if it has to be."""
        octets = part.body.raw
        width = _width(octets)
        maintype = part.content_type.maintype
        if self.fits(width):
            self._need(part, width)
        elif maintype == "multipart" or part.type in ("message/rfc822", "message/partial"):
            what = f"{part.type} may not be encoded (RFC 2045 section 6.4)"
            self.obstacle("encoding", part.span.body, octets, what)
        else:
            self._encode(part, octets)

    def _encode(self, part: Part, octets: bytes) -> None:
        content = decode_content(octets, part.encoding)
        if any(one.code == "unknown_encoding" for one in content.defects):
            self.obstacle("encoding", part.span.body, octets, f"what is {part.encoding}?")
            return
        text = _is_text(part)
        encoding = choose_encoding(content.octets, text=text)
        if encoding in WIDTHS:  # it was encoded, and needs to be: its lines were too long
            encoding = part.encoding if part.encoding in _CODED else "base64"
        span = part.span
        new = encode_content(content.octets, encoding, binary=not text)
        if encoding != "base64" and (
            BARE_LF.search(content.octets) is not None
            or any(one in b"\n" + new for one in delimiters_around(part))
        ):
            encoding = "base64"
            new = encode_content(content.octets, encoding)
        if not self._label(part, encoding):
            return
        self.edit.put(span.body, span.end, new)
        self.coded.append(part)
        self.changes.append(Change("encoding", part.section, encoding, span.body))

    def _label(self, part: Part, encoding: str) -> bool:
        """Whether the part could be told its encoding."""
        try:
            self.edit.set("Content-Transfer-Encoding", Token(encoding), part=part)
        except ValueError as error:
            self.obstacle("header", part.span.start, b"", str(error))
            return False
        return True

    def _between(self, part: Part) -> None:
        """Preamble and epilogue, and the delimiters."""
        body, span = part.body, part.span
        preamble, epilogue = body.preamble, body.epilogue
        if span.kind == MULTIPART and span.preamble < 0:  # all of it
            if not self.fits(_width(preamble)):
                self.obstacle("encoding", span.body, preamble, "a multipart without parts")
            return
        for octets, start in ((preamble, span.body), (epilogue, span.end - len(epilogue))):
            width = _width(octets)
            if not self.fits(width):
                self._leave_out(part, start, len(octets), "what nobody reads")
            else:
                self._need(part, width)
        boundary = part.content_type.get("boundary") or ""
        if not boundary.isascii():
            if not self.eight_bit:
                self.obstacle("boundary", span.start, boundary.encode(), "it is not ASCII")
            self._need(part, 1)

    def _leave_out(self, part: Part, start: int, size: int, what: str) -> None:
        try:
            self.edit.put(start, start + size, b"")
        except ValueError as error:
            self.obstacle("left_over", start, b"", str(error))
        else:
            self.changes.append(Change("left_out", part.section, what, start))

    def _labels(self) -> None:
        """RFC 2045 section 6.4: what holds no 8bit any more says so."""
        touched: set[int] = set()
        for part in self.coded:
            around = part.parent
            while around is not None and around.number not in touched:
                touched.add(around.number)
                around = around.parent
        spans = self.mail.index.parts
        for number in range(len(spans) - 1, 0, -1):
            if number in self.widths:
                parent = spans[number].parent
                width = max(self.widths.get(parent, 0), self.widths[number])
                self.widths[parent] = width
        for number in sorted(touched):
            part = self.mail.part(number)
            label, width = part.encoding, self.widths.get(number, 0)
            if label in WIDTHS and WIDTHS.index(label) > width:
                self._label(part, WIDTHS[width])

    def obstacle(self, code: str, offset: int, raw: bytes, what: str) -> None:
        self.obstacles.append(Defect(code, offset, raw[:80], what))
