"""fast-mail-parser: a parser in Rust, wrapped for Python. It is here for context, not to be beaten.

It decodes what is in a body eagerly, without the interpreter, and base64 with the vector unit. The
tree without contents (`mode="metadata"`) stands for structure, the flat result for all that is
decoded. It stops at 256 levels.
"""

from typing import Any

import fast_mail_parser

__all__ = ["decoded", "headers", "recipients", "structure"]


def headers(raw: bytes) -> list[tuple[str, Any]]:
    """The type of every part, and the fields of its header, decoded: it has no others."""
    tree = fast_mail_parser.parse_email_tree(raw, mode="metadata")
    return [(part.content_type, part.headers) for part in fast_mail_parser.walk(tree)]


def structure(raw: bytes) -> list[tuple[str, int]]:
    """The type of every part, and how many parts are right inside it."""
    tree = fast_mail_parser.parse_email_tree(raw, mode="metadata")
    return [(part.content_type, len(part.children)) for part in fast_mail_parser.walk(tree)]


def _named(addresses: Any) -> list[tuple[str, str]]:
    return [(one.display_name or "", one.address) for one in addresses]


def decoded(raw: bytes) -> tuple[str, Any, Any, Any, list[tuple[str, Any]]]:
    """Everything that a mail program shows. The time is right, the zone is UTC."""
    mail = fast_mail_parser.parse_email(raw)
    return (
        mail.subject,
        _named([mail.from_] if mail.from_ else []),
        _named(mail.to),
        mail.date_parsed,
        [
            *(("text/plain", text) for text in mail.text_plain),
            *(("text/html", text) for text in mail.text_html),
            *((one.mimetype, one.content) for one in mail.attachments),
        ],
    )


def recipients(raw: bytes) -> list[tuple[str, str]]:
    """All that the To field has."""
    return _named(fast_mail_parser.parse_email(raw, mode="metadata").to)
