"""The standard library's `email`, by both of its ways.

* `compat32` is the old one, and the quicker: the functions of `email.utils` and `email.header` for
  what is in a header, `get_payload(decode=True)` for what is in a body. Encoded-words are looked
  for only where there is a `=?`: their reader is slow also where there are none.
* `default` is the policy that the documentation recommends; the header gives typed values.

Parts are walked with a stack: `Message.walk()` goes through a generator a level for each part.
Texts keep their CRLFs, which ours makes LFs.
"""

from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, getaddresses, parsedate_to_datetime
from typing import Any

__all__ = [
    "compose",
    "compose_default",
    "decoded",
    "decoded_default",
    "headers",
    "recipients",
    "structure",
]


def _walk(mail: Message) -> Iterator[Any]:
    waiting: list[Message] = [mail]
    while waiting:
        part = waiting.pop()
        yield part
        if part.is_multipart():
            payload: Any = part.get_payload()
            waiting += reversed(payload)


def headers(raw: bytes) -> list[tuple[str, list[tuple[str, Any]]]]:
    """The type of every part, and the fields of its header as they stand there."""
    mail = message_from_bytes(raw)
    return [(part.get_content_type(), list(part.raw_items())) for part in _walk(mail)]


def structure(raw: bytes) -> list[tuple[str, int]]:
    """The type of every part, and how many parts are right inside it."""
    return [
        (part.get_content_type(), len(part.get_payload()) if part.is_multipart() else 0)
        for part in _walk(message_from_bytes(raw))
    ]


def _text(text: str) -> str:
    return str(make_header(decode_header(text))) if "=?" in text else text


def _named(field: str) -> list[tuple[str, str]]:
    return [(_text(name), address) for name, address in getaddresses([field])]


def decoded(raw: bytes) -> tuple[str, Any, Any, datetime, list[tuple[str, Any]]]:
    """Everything that a mail program shows."""
    mail = message_from_bytes(raw)
    contents: list[tuple[str, Any]] = []
    for part in _walk(mail):
        if not part.is_multipart():
            content: Any = part.get_payload(decode=True)
            if part.get_content_maintype() == "text":
                content = content.decode(part.get_content_charset("us-ascii"), "replace")
            contents.append((part.get_content_type(), content))
    return (
        _text(mail["subject"]),
        _named(mail["from"]),
        _named(mail["to"]),
        parsedate_to_datetime(mail["date"]),
        contents,
    )


def decoded_default(raw: bytes) -> tuple[str, Any, Any, datetime, list[tuple[str, Any]]]:
    """The same by the default policy."""
    mail: Any = message_from_bytes(raw, policy=policy.default)
    return (
        str(mail["subject"]),
        [(one.display_name, one.addr_spec) for one in mail["from"].addresses],
        [(one.display_name, one.addr_spec) for one in mail["to"].addresses],
        mail["date"].datetime,
        [
            (part.get_content_type(), part.get_content())
            for part in _walk(mail)
            if not part.is_multipart()
        ],
    )


def recipients(raw: bytes) -> list[tuple[str, str]]:
    """All that the To field has."""
    return _named(message_from_bytes(raw)["to"])


def compose(
    subject: str, sender: str, to: str, date: datetime, text: str, attachment: bytes
) -> bytes:
    """A mail with a text and an attachment, as octets: the old way."""
    mail = MIMEMultipart()
    mail["Subject"] = subject
    mail["From"] = sender
    mail["To"] = to
    mail["Date"] = format_datetime(date)
    mail.attach(MIMEText(text))
    part = MIMEApplication(attachment, "pdf")
    part.add_header("Content-Disposition", "attachment", filename="report.pdf")
    mail.attach(part)
    return mail.as_bytes(policy=policy.compat32.clone(linesep="\r\n"))


def compose_default(
    subject: str, sender: str, to: str, date: datetime, text: str, attachment: bytes
) -> bytes:
    """The same by the default policy."""
    mail = EmailMessage(policy.SMTP)
    mail["Subject"] = subject
    mail["From"] = sender
    mail["To"] = to
    mail["Date"] = date
    mail.set_content(text)
    mail.add_attachment(attachment, "application", "pdf", filename="report.pdf")
    return mail.as_bytes()
