"""Law 8 for whole messages: hostile ones cost what their size says, at 1x, 4x and 16x."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mailproto.limits import Limits
from mailproto.message import (
    Message,
    Parser,
    bodystructure,
    imap_envelope,
    index,
    preview,
    search_texts,
    section_octets,
    sort_keys,
)

from .counting import assert_linear

UNLIMITED = Limits(
    depth=None, parts=None, header=None, fields=None, addresses=None, parameters=None
)
MIXED = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"


def deep(levels: int) -> bytes:
    head = [
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(levels)
    ]
    tail = [b"--b%d--\r\n" % n for n in reversed(range(levels))]
    return b"".join(head) + b"\r\nx\r\n" + b"".join(tail)


ATTACKS: dict[str, Callable[[int], bytes]] = {
    # Of the table in the notes on attacks: CVE-2020-12100, mailsplit#4, gh-75630, CVE-2024-23184,
    # CVE-2024-23185, CVE-2026-27859, gh-87075, CVE-2025-14874, gh-136063 and their like.
    "tiny parts": lambda n: MIXED + b"--a\n" * n,
    "tiny parts with headers": lambda n: MIXED + b"--a\r\nA: b\r\n\r\nx\r\n" * n + b"--a--",
    "levels": deep,
    "levels of one boundary": lambda n: (MIXED + b"--a\r\n") * n,
    "messages in messages": lambda n: b"Content-Type: message/rfc822\r\n\r\n" * n,
    "parts without an empty line": lambda n: MIXED + b"--a\r\nA: b\r\n" * n,
    "parts that are no header": lambda n: MIXED + b"--a\r\nno header\r\n" * n,
    "lines of dashes": lambda n: MIXED + b"--\r\n" * n,
    "nearly delimiters": lambda n: MIXED + b"--ab\r\n" * n,
    "delimiters behind the end": lambda n: MIXED + b"--a--\r\n" * n,
    "one-octet fields": lambda n: b"a:\n" * n + b"\nx",
    "folds": lambda n: b"Subject: s\r\n" + b" x\r\n" * n + b"\r\n",
    "junk lines": lambda n: b"Subject: s\r\n" + b"junk\r\n" * n + b"\r\n",
    "To fields": lambda n: b"To: a@b\r\n" * n + b"\r\n",
    "addresses": lambda n: b"To: " + b"a@b, " * n + b"\r\n\r\n",
    "group colons": lambda n: b"To: " + b"a:" * n + b"\r\n\r\n",
    "open parentheses": lambda n: b"To: " + b"(" * n + b"\r\n\r\n",
    "open quotes": lambda n: b"To: " + b'"a ' * n + b"\r\n\r\n",
    "semicolons": lambda n: b"Content-Type: text/plain" + b";" * n + b"\r\n\r\n",
    "sections of RFC 2231": lambda n: (
        b"Content-Type: text/plain" + b"".join(b"; n*%d*=a" % i for i in range(n)) + b"\r\n\r\n"
    ),
    "encoded-words": lambda n: b"Subject: " + b"=?utf-8?q?a?= " * n + b"\r\n\r\n",
    "message-ids": lambda n: b"References: " + b"<a@b>" * n + b"\r\n\r\n",
    "Received clauses": lambda n: b"Received: " + b"from a " * n + b"; x\r\n\r\n",
    "tags": lambda n: b"DKIM-Signature: " + b"a=b;" * n + b"\r\n\r\n",
    "Re": lambda n: b"Subject: " + b"Re: " * n + b"\r\n\r\n",
    "base64 junk": lambda n: b"Content-Transfer-Encoding: base64\r\n\r\n" + b"!QUJD" * n,
    "broken quoted-printable": lambda n: (
        b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=x= \r\n" * n
    ),
    "open tags": lambda n: b"Content-Type: text/html\r\n\r\n" + b"<a <!-- " * n,
}


def everything(raw: bytes) -> None:
    message = Message.parse(raw, limits=UNLIMITED)
    for _ in (message.text, message.html, message.attachments, message.envelope()):
        pass
    for part in message.walk():
        for field in part.header:
            _ = field.value, field.text
        _ = part.filename, part.section
    _ = message.defects, message.ambiguities
    message.conformance()
    imap_envelope(message)
    bodystructure(message)
    sort_keys(message)
    preview(message)
    list(search_texts(message))
    section_octets(message, "HEADER.FIELDS (To Subject)")
    section_octets(message, "1.1.1.1")


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_index_is_linear(attack: str) -> None:
    assert_linear(ATTACKS[attack], lambda raw: index(raw, limits=UNLIMITED), 60)


@pytest.mark.parametrize("attack", ATTACKS)
def test_all_views_are_linear(attack: str) -> None:
    assert_linear(ATTACKS[attack], everything, 60)


@pytest.mark.parametrize("attack", ATTACKS)
def test_pushing_octet_by_octet_is_linear(attack: str) -> None:
    def push(raw: bytes) -> None:
        parser = Parser(limits=UNLIMITED)
        for at in range(len(raw)):
            parser.feed(raw[at : at + 1])
        parser.close()

    assert_linear(ATTACKS[attack], push, 20)


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_large_one_is_no_matter(attack: str) -> None:
    """With the limits that everybody has; a quadratic search would not come to its end."""
    size = 1_000 if attack == "levels" else 100_000
    message = Message.parse(ATTACKS[attack](size))
    assert len(message.index.parts) <= 10_000
    _ = message.text, message.attachments, message.header.to, message.header.subject
    _ = message.content_type, message.header.received, message.header.references
    bodystructure(message)
