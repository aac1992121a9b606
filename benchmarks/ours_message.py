"""mailproto's side in reading and building messages."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from mailproto import message
from mailproto.limits import Limits

__all__ = [
    "Decoded",
    "Named",
    "compose",
    "decoded",
    "headers",
    "indexed",
    "parts_pushed",
    "recipients",
    "structure",
    "thoroughly",
]

Named: TypeAlias = list[tuple[str, str]]
"""Display names, decoded, and addresses."""
Decoded: TypeAlias = tuple[str, Named, Named, datetime | None, list[tuple[str, str | bytes]]]
"""Subject, From, To, Date, and (type, content) of every part that has none inside."""

_DEEP = Limits(depth=None)
_ANYTHING = Limits(
    depth=None, parts=None, header=None, fields=None, addresses=None, parameters=None
)


def headers(raw: bytes) -> list[tuple[str, list[tuple[str, bytes]]]]:
    """The type of every part, and the fields of its header as they stand there."""
    mail = message.Message.parse(raw)
    return [(part.type, part.header.items()) for part in mail.walk()]


def structure(raw: bytes) -> list[tuple[str, int]]:
    """The type of every part, and how many parts are right inside it."""
    mail = message.Message.parse(raw, limits=_DEEP)
    return [(part.type, len(part.parts)) for part in mail.walk()]


def indexed(raw: bytes) -> int:
    """How many parts there are: what the scanner alone finds out, and that is where they are."""
    return len(message.index(raw, limits=_DEEP).parts)


def _named(addresses: message.AddressList) -> Named:
    return [(mailbox.name, mailbox.addr_spec) for mailbox in addresses]


def decoded(raw: bytes) -> Decoded:
    """Everything that a mail program shows."""
    mail = message.Message.parse(raw)
    header = mail.header
    return (
        header.subject,
        _named(header.from_),
        _named(header.to),
        header.date,
        [
            (part.type, part.text if part.content_type.maintype == "text" else part.content)
            for part in mail.walk()
            if not part.is_multipart
        ],
    )


def recipients(raw: bytes) -> Named:
    """All that the To field has."""
    return _named(message.Message.parse(raw).header.to)


def compose(
    subject: str, sender: str, to: str, date: datetime, text: str, attachment: bytes
) -> bytes:
    """A mail with a text and an attachment, as octets."""
    return bytes(
        message.compose(
            from_=sender,
            to=to,
            subject=subject,
            date=date,
            text=text,
            attachments=[message.Attachment(attachment, "report.pdf", "application/pdf")],
        )
    )


def parts_pushed(pieces: Iterable[bytes]) -> int:
    """How many parts the push parser finds in a message that comes in `pieces`."""
    parser = message.Parser()
    feed, count = parser.feed, 0
    for piece in pieces:
        for event in feed(piece):
            count += isinstance(event, message.PartEnd)
    return count + sum(isinstance(event, message.PartEnd) for event in parser.close())


def thoroughly(raw: bytes) -> int:
    """Ask a message for all there is, with every limit off; how many parts and fields it has."""
    mail = message.Message.parse(raw, limits=_ANYTHING)
    count = 0
    for part in mail.walk():
        count += 1 + len(part.header)
        for field in part.header:
            _ = field.value, field.text, field.defects
        if not part.is_multipart and part.message is None:
            _ = part.text, part.filename, part.content_defects
    return count
