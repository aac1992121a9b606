"""What IMAP asks of a message, answered by Dovecot and by us: the answers are the same.

Each message lies in a mailbox of Dovecot's; it is asked for ENVELOPE, BODYSTRUCTURE and every
section there is, and for some that are not. Where we differ on purpose, `STRUCTURES` says why.
"""

from __future__ import annotations

import imaplib
import re
from collections.abc import Iterator

import pytest

from mailproto.message import (
    BodyStructure,
    ImapAddress,
    ImapEnvelope,
    Message,
    bodystructure,
    imap_envelope,
    section_octets,
)

from .mime_messages import MIME
from .peers import PASSWORD, Dovecot

pytestmark = pytest.mark.interop

Item = bytes | None | list["Item"]

_TOKEN = re.compile(rb' *(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|\{([0-9]+)\}\r\n|([^ ()"{]+))', re.DOTALL)


def read_list(text: bytes) -> list[Item]:
    """A parenthesized list of IMAP, with everything in it as octets."""
    top: list[Item] = []
    stack = [top]
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        assert match is not None, text[at : at + 80]
        opened, closed, quoted, size, atom = match.groups()
        at = match.end()
        if opened:
            inner: list[Item] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif closed:
            stack.pop()
        elif size:
            stack[-1].append(text[at : at + int(size)])
            at += int(size)
        elif atom:
            stack[-1].append(None if atom.upper() == b"NIL" else atom)
        else:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", quoted))
    return top


# --- What we say, in the same form ----------------------------------------------------------------


def text(value: str | None) -> Item:
    return None if value is None else value.encode("utf-8", "surrogateescape")


def addresses(found: tuple[ImapAddress, ...]) -> Item:
    return [[text(one) for one in address] for address in found] or None


def envelope(found: ImapEnvelope) -> Item:
    return [
        text(found.date),
        text(found.subject),
        *map(
            addresses,
            (found.from_, found.sender, found.reply_to, found.to, found.cc, found.bcc),
        ),
        text(found.in_reply_to),
        text(found.message_id),
    ]


def params(found: tuple[tuple[str, str], ...]) -> Item:
    return [text(one) for pair in found for one in pair] or None


def structure(found: BodyStructure) -> Item:
    language: Item = [text(one) for one in found.language] or None
    disposition: Item = None
    if found.disposition is not None:
        disposition = [text(found.disposition[0]), params(found.disposition[1])]
    behind: list[Item] = [disposition, language, text(found.location)]
    if found.parts:
        return [
            *map(structure, found.parts),
            text(found.subtype),
            params(found.params),
            *behind,
        ]
    basic: list[Item] = [
        text(found.maintype),
        text(found.subtype),
        params(found.params),
        text(found.id),
        text(found.description),
        text(found.encoding),
        str(found.octets).encode(),
    ]
    if found.envelope is not None and found.body is not None:
        basic += [envelope(found.envelope), structure(found.body)]
    if found.lines is not None:
        basic.append(str(found.lines).encode())
    return [*basic, text(found.md5), *behind]


def alike(item: Item) -> Item:
    """Without what does not matter: the case of words, and how much white space there is."""
    if isinstance(item, list):
        return [alike(one) for one in item]
    if item is None or item == b"":  # RFC 9051 section 7.5.2: clients treat them as identical
        return None
    return b" ".join(item.split()).lower()


# --- The comparison -------------------------------------------------------------------------------


class Mailbox:
    """A session with one maildrop open."""

    def __init__(self, dovecot: Dovecot, messages: list[bytes]) -> None:
        drop = dovecot.maildrop(messages)
        self.client = imaplib.IMAP4(dovecot.host, dovecot.imap_port, timeout=30)
        self.client.login(drop.user, PASSWORD)
        self.client.select("INBOX", readonly=True)
        self.messages = drop.messages

    def fetch(self, number: int, items: str) -> list[Item]:
        """What stands between the parentheses of the one FETCH response."""
        kind, found = self.client.fetch(str(number), items)
        assert kind == "OK", (items, found)
        whole = b"".join(
            one[0] + b"\r\n" + one[1] if isinstance(one, tuple) else one
            for one in found
            if one is not None
        )
        _, _, rest = whole.partition(b" ")
        (inside,) = read_list(rest)
        assert isinstance(inside, list)
        return inside


@pytest.fixture(scope="module")
def mailbox(started_dovecot: Dovecot) -> Iterator[Mailbox]:
    box = Mailbox(started_dovecot, list(MIME.values()))
    yield box
    box.client.logout()


NAMES = list(MIME)

# Dovecot has a type without a subtype; RFC 9051 has none, and RFC 2045 section 5.2 a default.
STRUCTURES = [name for name in NAMES if name != "no_type"]


@pytest.mark.parametrize("name", NAMES)
def test_envelope(mailbox: Mailbox, name: str) -> None:
    number = NAMES.index(name) + 1
    _, theirs = mailbox.fetch(number, "(ENVELOPE)")
    ours = envelope(imap_envelope(Message.parse(mailbox.messages[number - 1])))
    assert alike(ours) == alike(theirs)


@pytest.mark.parametrize("name", STRUCTURES)
def test_bodystructure(mailbox: Mailbox, name: str) -> None:
    number = NAMES.index(name) + 1
    _, theirs = mailbox.fetch(number, "(BODYSTRUCTURE)")
    ours = structure(bodystructure(Message.parse(mailbox.messages[number - 1])))
    assert alike(ours) == alike(theirs)


def sections(found: BodyStructure, path: str = "", *, message: bool = True) -> Iterator[str]:
    """Every section number of a structure, with all that can stand behind it; and one too many."""
    dot = f"{path}." if path else ""
    if message:
        for what in (
            "HEADER",
            "TEXT",
            "HEADER.FIELDS (Subject From)",
            "HEADER.FIELDS.NOT (Received Subject)",
        ):
            yield f"{dot}{what}"
        if not found.parts:
            yield from sections(found, f"{dot}1", message=False)
            return
    else:
        yield path
        yield f"{path}.MIME"
    for place, part in enumerate(found.parts, 1):
        yield from sections(part, f"{dot}{place}", message=False)
    if found.body is not None and not message:
        yield from sections(found.body, path)
    if found.parts:
        yield f"{dot}{len(found.parts) + 1}"


@pytest.mark.parametrize("name", NAMES)
def test_sections(mailbox: Mailbox, name: str) -> None:
    number = NAMES.index(name) + 1
    message = Message.parse(mailbox.messages[number - 1])
    specs = list(dict.fromkeys(["", *sections(bodystructure(message))]))
    for spec in specs:
        *_, theirs = mailbox.fetch(number, f"(BODY.PEEK[{spec}])")
        ours = section_octets(message, spec)
        if isinstance(theirs, bytes) and ours is not None and ours.endswith(b"--"):
            # The line end behind an inner close delimiter, and before an outer one, is the outer's
            # (RFC 2046 section 5.1.1). Dovecot counts it to both.
            theirs = theirs.removesuffix(b"\r\n")
        # What is not there is NIL, or empty: RFC 9051 leaves it open.
        assert (ours or None) == (theirs or None), spec
    *_, partial = mailbox.fetch(number, "(BODY.PEEK[]<10.50>)")
    assert section_octets(message, "", 10, 50) == partial
