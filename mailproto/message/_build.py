"""Messages that are made, not read: they cannot be misread.

What lives here: `compose()`, which makes the usual message from its parts, and the tree of drafts
below it (`Leaf`, `Multipart`, `Nested`) for every other shape. What does not: the writing of fields
(`_write`) and of encodings (`_content`).

Invariants

* Everything that goes into a header goes through `format_field()`, so no value can begin a field of
  its own. Nothing is taken from a clock or from chance: Date and Message-ID are values given.
* A boundary does not occur in what it separates, not even at the start of a longer line: that is
  looked up, not hoped for. All boundaries have one length, so none is the beginning of another.
* What is multipart or message is not encoded itself (RFC 2045 section 6.4); it says how wide a way
  what is inside needs. The encoding of a leaf is chosen from its content.
* Reading what was built gives the parts that were given, without a defect.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Final, TypeAlias

import attrs

from ..limits import Limits
from ._addresses import parse_addresses, parse_mailbox
from ._content import WIDTHS, choose_encoding, encode_content
from ._header import member_defects
from ._message import Message
from ._parameters import parse_content_type
from ._vocabulary import (
    AddressList,
    ContentType,
    Date,
    Disposition,
    Group,
    Mailbox,
    MessageIds,
    MimeParam,
    Token,
)
from ._write import Writable, format_field

__all__ = ["Attachment", "Draft", "Leaf", "Multipart", "Nested", "compose", "render", "rendered"]

Fields: TypeAlias = Sequence[tuple[str, Writable]]

_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
_OURS: Final = frozenset(("mime-version", "content-type", "content-transfer-encoding"))
_UNLIMITED: Final = Limits(depth=None, parts=None, header=None, fields=None)


@attrs.frozen
class Leaf:
    """A part with content of its own."""

    content: bytes | str = attrs.field(repr=False)
    """Text is written in US-ASCII or UTF-8, with CRLF; octets stay what they are."""
    content_type: ContentType | str = "text/plain"
    """Of text without its charset, which is added."""
    disposition: Disposition | None = None
    content_id: str = ""
    """Without angle brackets."""
    fields: Fields = ()
    """Other Content- fields."""
    encoding: str = ""
    """`base64`, `quoted-printable`, ...; chosen from the content if it is not given."""


@attrs.frozen
class Multipart:
    """A part made of parts."""

    subtype: str
    parts: Sequence[Draft]
    params: tuple[MimeParam, ...] = ()
    """Beside the boundary: `type`, `protocol`, `report-type`, ..."""
    fields: Fields = ()


@attrs.frozen
class Nested:
    """A message as a part: message/rfc822."""

    message: Message | bytes = attrs.field(repr=False)
    disposition: Disposition | None = None
    fields: Fields = ()


Draft: TypeAlias = Leaf | Multipart | Nested


@attrs.frozen
class Attachment:
    """Something to attach, or to show within the HTML (`content_id`)."""

    content: bytes | str | Message = attrs.field(repr=False)
    filename: str = ""
    content_type: ContentType | str = ""
    """application/octet-stream, text/plain or message/rfc822 if it is not given."""
    content_id: str = ""
    """Without angle brackets; `cid:` and this is its URL in the HTML."""

    def draft(self, kind: str) -> Leaf | Nested:
        """The part it becomes, with `kind` as its disposition."""
        params = (MimeParam("filename", self.filename),) if self.filename else ()
        disposition = Disposition(kind, params)
        if isinstance(self.content, Message):
            return Nested(self.content, disposition)
        default = "text/plain" if isinstance(self.content, str) else "application/octet-stream"
        return Leaf(self.content, self.content_type or default, disposition, self.content_id)


Addresses: TypeAlias = str | Mailbox | Group | AddressList | Iterable[str | Mailbox | Group]


def compose(
    *,
    from_: Addresses,
    date: datetime | Date,
    to: Addresses = (),
    cc: Addresses = (),
    sender: str | Mailbox | None = None,
    reply_to: Addresses = (),
    subject: str = "",
    message_id: str = "",
    in_reply_to: Sequence[str] = (),
    references: Sequence[str] = (),
    text: str | None = None,
    html: str | None = None,
    inline: Iterable[Attachment] = (),
    attachments: Iterable[Attachment | Message] = (),
    fields: Fields = (),
    eight_bit: bool = False,
    utf8: bool = False,
) -> Message:
    """A message as mail programs write them.

    `text` and `html` are alternatives; `inline` are shown within the HTML, `attachments` beside it.
    Addresses may be given as people write them. Recipients that nobody is to see (Bcc) belong on
    the envelope alone. `eight_bit` lets text go out as 8bit, for a way that is 8-bit clean; `utf8`
    writes headers as RFC 6532 has them. Raises ValueError for what cannot be written.
    """
    head: list[tuple[str, Writable]] = [("Date", date), ("From", _addresses(from_, "from_"))]
    if sender is not None:
        head.append(("Sender", parse_mailbox(sender) if isinstance(sender, str) else sender))
    for name, given in (("Reply-To", reply_to), ("To", to), ("Cc", cc)):
        values = _addresses(given, name) if given else ()
        if values:
            head.append((name, values))
    head.append(("Subject", subject))
    if message_id:
        head.append(("Message-ID", MessageIds((message_id.strip("<>"),))))
    for name, ids in (("In-Reply-To", in_reply_to), ("References", references)):
        if isinstance(ids, str):
            raise TypeError(f"{name} is a list of identifiers, not one")
        if ids:
            head.append((name, MessageIds(tuple(one.strip("<>") for one in ids))))
    for name, value in fields:
        if name.lower() in _OURS:
            raise ValueError(f"{name} is written from what the message holds")
        head.append((name, value))
    draft = _body(text, html, list(inline), list(attachments))
    return render(draft, head, eight_bit=eight_bit, utf8=utf8)


def _addresses(given: Addresses, what: str) -> tuple[Mailbox | Group, ...]:
    if isinstance(given, (str, Mailbox, Group)):
        given = [given]
    items: list[Mailbox | Group] = []
    for one in given.items if isinstance(given, AddressList) else given:
        if isinstance(one, str):
            found = parse_addresses(one)
            for item in found.items:
                if (
                    not isinstance(item, (Mailbox, Group))
                    or found.defects
                    or item.defects
                    or (isinstance(item, Group) and any(member_defects(item.mailboxes)))
                ):
                    raise ValueError(f"{what}: not a proper address: {one[:80]!r}")
                items.append(item)
        elif isinstance(one, (Mailbox, Group)):
            items.append(one)
        else:
            raise TypeError(
                f"{what}: an address is str, Mailbox or Group, not {type(one).__name__}"
            )
    return tuple(items)


def _body(
    text: str | None,
    html: str | None,
    inline: list[Attachment],
    attachments: list[Attachment | Message],
) -> Draft:
    """The tree that mail programs make: mixed around alternative around related."""
    body: Draft
    if html is None:
        body = Leaf(text or "")
        if inline:
            raise ValueError("what is inline is shown within HTML, and there is none")
    else:
        body = Leaf(html, "text/html")
        if inline:
            kind = (MimeParam("type", "text/html"),)
            body = Multipart("related", [body, *(one.draft("inline") for one in inline)], kind)
        if text is not None:
            body = Multipart("alternative", [Leaf(text), body])
    if not attachments:
        return body
    drafts = [
        (Attachment(one) if isinstance(one, Message) else one).draft("attachment")
        for one in attachments
    ]
    return Multipart("mixed", [body, *drafts])


# --- Rendering ------------------------------------------------------------------------------------


def render(
    draft: Draft, fields: Fields = (), *, eight_bit: bool = False, utf8: bool = False
) -> Message:
    """A message of any shape: `fields` in their order, then what the draft needs to be read.

    Raises ValueError for what cannot be written.
    """
    head = [format_field(name, value, utf8=utf8) for name, value in fields]
    content_fields, body, _ = rendered(draft, eight_bit, utf8)
    # What ends without a line end gets one where that says nothing.
    end = b"\r\n" if isinstance(draft, Multipart) else b""
    raw = b"".join([*head, b"MIME-Version: 1.0\r\n", content_fields, b"\r\n", body, end])
    return Message.built(raw, _UNLIMITED)


def rendered(draft: Draft, eight_bit: bool = False, utf8: bool = False) -> tuple[bytes, bytes, str]:
    """Its Content- fields, its body, and how wide a way that needs."""
    match draft:
        case Leaf():
            return _leaf(draft, eight_bit, utf8)
        case Nested():
            return _nested(draft, utf8)
        case Multipart():
            return _multipart(draft, eight_bit, utf8)
        case _:
            raise TypeError(f"a draft is Leaf, Multipart or Nested, not {type(draft).__name__}")


def _type(given: ContentType | str, charset: str) -> tuple[ContentType, bytes]:
    """A content type, with a charset if there is one; and its field."""
    if isinstance(given, str):
        return _type_said(given, charset)
    if charset:
        params = [param for param in given.params if param.name != "charset"]
        params.insert(0, MimeParam("charset", charset))
        given = ContentType(given.maintype, given.subtype, tuple(params))
    return given, format_field("Content-Type", given)


@lru_cache(maxsize=256)
def _type_said(given: str, charset: str) -> tuple[ContentType, bytes]:
    """The same of one that was given as text. There are few."""
    found = parse_content_type(given)
    if found.defects or re.search(r"[\r\n\0]", given):
        raise ValueError(f"not a content type: {given[:80]!r}")
    return _type(found, charset)


def _leaf(leaf: Leaf, eight_bit: bool, utf8: bool) -> tuple[bytes, bytes, str]:
    content = leaf.content
    binary = not isinstance(content, str)
    charset = "" if isinstance(content, bytes) else "us-ascii" if content.isascii() else "utf-8"
    content_type, field = _type(leaf.content_type, charset)
    if content_type.maintype == "multipart" or content_type.essence == "message/rfc822":
        raise ValueError(f"{content_type.essence} is no leaf: it is a Multipart, or a Nested")
    text = content_type.maintype == "text"
    if isinstance(content, str):
        if not text:
            raise TypeError(f"the content of {content_type.essence} is bytes")
        try:
            if "\r" in content:
                content = _NEWLINE.sub("\n", content)
            lines = content.encode("utf-8")
        except UnicodeEncodeError:
            raise ValueError("the text holds a lone surrogate") from None
        content = lines.replace(b"\n", b"\r\n")
    else:
        lines = content
    encoding = leaf.encoding or choose_encoding(content, text=text, eight_bit=eight_bit)
    # quoted-printable ends lines itself, and takes LF as well.
    body = encode_content(
        lines if encoding == "quoted-printable" else content, encoding, binary=binary
    )
    if leaf.disposition is not None:
        field += format_field("Content-Disposition", leaf.disposition, utf8=utf8)
    if leaf.content_id:
        field += format_field("Content-ID", MessageIds((leaf.content_id,)), utf8=utf8)
    if leaf.fields:
        field += _fields(leaf.fields, utf8)
    width = encoding if encoding in WIDTHS else "7bit"
    coded = b"%bContent-Transfer-Encoding: %b\r\n" % (field, encoding.encode("ascii"))
    return coded, body, width


def _nested(nested: Nested, utf8: bool) -> tuple[bytes, bytes, str]:
    body = bytes(nested.message)
    width = choose_encoding(body, text=True, eight_bit=True)
    if width not in WIDTHS:  # long lines, NUL, or line ends of another kind
        width = "binary"
    fields: list[tuple[str, Writable]] = [("Content-Type", ContentType("message", "rfc822"))]
    if width != "7bit":
        fields.append(("Content-Transfer-Encoding", Token(width)))
    if nested.disposition is not None:
        fields.append(("Content-Disposition", nested.disposition))
    return _fields([*fields, *nested.fields], utf8), body, width


def _multipart(draft: Multipart, eight_bit: bool, utf8: bool) -> tuple[bytes, bytes, str]:
    if not draft.parts:
        raise ValueError("a multipart has at least one part (RFC 2046 section 5.1.1)")
    pieces: list[bytes] = []
    width = "7bit"
    for part in draft.parts:
        fields, body, needs = rendered(part, eight_bit, utf8)
        pieces.append(b"%b\r\n%b" % (fields, body))
        if needs != width:
            width = max(width, needs, key=WIDTHS.index)
    boundary = _boundary(pieces)
    parts = (b"\r\n--%b\r\n" % boundary).join(pieces)
    body = b"--%b\r\n%b\r\n--%b--" % (boundary, parts, boundary)
    if any(param.name.lower() == "boundary" for param in draft.params):
        raise ValueError("the boundary is chosen here, where it can be known not to occur")
    field = _multipart_type(draft.subtype, tuple(draft.params)).replace(_SOME, boundary, 1)
    if width != "7bit":
        field += format_field("Content-Transfer-Encoding", Token(width), utf8=utf8)
    return field + _fields(draft.fields, utf8), body, width


@lru_cache(maxsize=64)
def _multipart_type(subtype: str, params: tuple[MimeParam, ...]) -> bytes:
    """The Content-Type field of a multipart with the boundary `_SOME`: all have one length."""
    boundary = MimeParam("boundary", _SOME.decode("ascii"))
    return format_field("Content-Type", ContentType("multipart", subtype, (boundary, *params)))


_SOME: Final = b"=_%032x" % 0


def _fields(fields: Fields, utf8: bool) -> bytes:
    return b"".join([format_field(name, value, utf8=utf8) for name, value in fields])


def _boundary(pieces: list[bytes]) -> bytes:
    """A boundary that does not occur.

    `=_` is in no base64 and no quoted-printable (RFC 2045 section 6.7). Where the usual one occurs,
    one is made of all the octets, so that nobody can have put it there.
    """
    size = sum(map(len, pieces))
    boundary = b"=_%032x" % size
    while [piece for piece in pieces if b"--" + boundary in piece]:
        digest = hashlib.sha256(boundary)
        for piece in pieces:
            digest.update(piece)
        boundary = b"=_" + digest.hexdigest()[:32].encode("ascii")
    return boundary
