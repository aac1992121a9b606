"""`python -m mailproto [message.eml]`: one mail through the machines, with the transcript.

It shows the envelope, the header (field by field, as values) and the body (the tree of its parts,
and its text) apart, as an MTA, a reader and an author see a message, and what is wrong or ambiguous
about it; then the author's client machine submits it to a server machine (STARTTLS, AUTH, BDAT),
that hands it to the mailbox by LMTP (DATA, one answer for each recipient), the reader's client
machine fetches it from there by POP3 (STLS, UIDL, RETR, DELE), and files it by IMAP (APPEND, a
notice in IDLE, FETCH). There are no sockets: `mailproto.testing.Link` carries the bytes, and
completes TLS by saying so. In the end what was fetched is compared with what was sent.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from . import imap, message, pop3, smtp
from ._machine import BodyWanted, Want
from ._wire import normalize
from .message import Message
from .testing import Link

__all__ = ["main"]

RULE = "-" * 72
PIECE = 16_384


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration. Returns the exit status: 0 when every byte arrived."""
    parser = argparse.ArgumentParser(prog="python -m mailproto", description=_first_line())
    parser.add_argument("file", nargs="?", help="a message; without one, a sample that is bundled")
    given = parser.parse_args(arguments)
    try:
        raw = Path(given.file).read_bytes() if given.file else _sample()
    except OSError as error:
        parser.exit(2, f"{parser.prog}: {given.file}: {error.strerror}\n")
    parsed = Message.parse(raw)
    envelope = _envelope(parsed)
    _show(
        "Envelope", [f"from <{envelope.sender}>", *(f"to   <{to}>" for to in envelope.recipients)]
    )
    _show("Header", [line for field in parsed.header for line in _field(field)])
    _show("Body", [*_tree(parsed), "", *_preview(parsed.text)])
    _show("Defects", [_defect(one) for one in parsed.defects] or ["none"])
    _show("Ambiguities", [_ambiguity(one) for one in parsed.ambiguities] or ["none"])
    # Only where it is a text: what BDAT carries as it is, DATA would have to refuse.
    text = normalize(raw)
    if text != raw:
        print("(bare newlines were made CRLF, as a text needs them on the wire)\n")
    submitted = _submission(envelope, text)
    delivered = _delivery(envelope, submitted)
    fetched = _archive(_retrieval(delivered))
    same = fetched == (text if text.endswith(b"\r\n") or not text else text + b"\r\n")
    print(f"{len(fetched)} octets arrived, {'identical' if same else 'AND THEY DIFFER'}.")
    return 0 if same else 1


def _submission(envelope: smtp.Envelope, message: bytes) -> bytes:
    """From the author's client to the submission server."""
    config = smtp.ServerConfig(
        hostname="submit.example.org", starttls=True, auth=("PLAIN",), require_auth=True
    )
    mailbox = bytearray()
    pieces = _pieces(message)

    def client(machine: smtp.Client, event: object) -> None:
        match event:
            case smtp.Greeting():
                machine.hello("laptop.example.org")
            case smtp.Replied(command=smtp.Ehlo()) if not machine.tls:
                machine.send(smtp.StartTls())
            case smtp.Replied(command=smtp.StartTls()):
                machine.hello("laptop.example.org")
            case smtp.Replied(command=smtp.Ehlo()):
                machine.send(smtp.Auth("PLAIN", b"\0ada\0not shown below"))
            case smtp.Replied(command=smtp.Auth()):
                machine.submit(envelope, size=len(message), body="8BITMIME")
            case Want.ANSWER:
                _give(machine, pieces)
            case smtp.Outcome():
                machine.send(smtp.Quit())
            case _:
                pass

    _carry(
        "SMTP submission: STARTTLS, AUTH, BDAT",
        Link(smtp.Client(), smtp.Server(config), play_client=client, play_server=_keep(mailbox)),
    )
    return bytes(mailbox)


def _delivery(envelope: smtp.Envelope, message: bytes) -> bytes:
    """From the server to the mailboxes."""
    config = smtp.ServerConfig(hostname="mailbox.example.net", lmtp=True)
    mailbox = bytearray()
    pieces = _pieces(message)

    def client(machine: smtp.Client, event: object) -> None:
        match event:
            case smtp.Greeting():
                machine.hello("submit.example.org", lmtp=True)
            case smtp.Replied(command=smtp.Lhlo()):
                machine.submit(envelope, body="8BITMIME", chunking=False)
            case Want.ANSWER:
                _give(machine, pieces)
            case smtp.Outcome():
                machine.send(smtp.Quit())
            case _:
                pass

    _carry(
        "LMTP delivery: DATA, one answer for each recipient",
        Link(smtp.Client(), smtp.Server(config), play_client=client, play_server=_keep(mailbox)),
    )
    return bytes(mailbox)


def _retrieval(message: bytes) -> bytes:
    """From the mailbox to the reader."""
    config = pop3.ServerConfig(hostname="mailbox.example.net", stls=True)
    fetched = bytearray()
    pieces = _pieces(message)

    def client(machine: pop3.Client, event: object) -> None:
        match event:
            case pop3.Greeting():
                machine.send(pop3.Stls())
            case pop3.Replied(command=pop3.Stls()):
                machine.send(pop3.Capa())
            case pop3.Replied(command=pop3.Capa()):
                machine.send(pop3.User("charles"))
                machine.send(pop3.Pass("not shown below"))  # PIPELINING was offered
            case pop3.Replied(command=pop3.Pass()):
                machine.send(pop3.Uidl())
            case pop3.Replied(command=pop3.Uidl()):
                machine.send(pop3.Retr(1))
            case pop3.BodyChunk(data):
                fetched.extend(data)
            case pop3.Replied(command=pop3.Retr()):
                machine.send(pop3.Dele(1))
                machine.send(pop3.Quit())
            case _:
                pass

    def server(machine: pop3.Server, event: object) -> None:
        match machine.awaiting:
            case pop3.Pass():
                machine.accept(maildrop=[(len(message), "first-message")])
            case BodyWanted():
                if event is Want.ANSWER:
                    _give(machine, pieces)
            case None:
                pass
            case _:
                machine.accept()

    _carry(
        "POP3 retrieval: STLS, UIDL, RETR, DELE",
        Link(pop3.Client(), pop3.Server(config), play_client=client, play_server=server),
    )
    return bytes(fetched)


def _archive(message: bytes) -> bytes:
    """Into a mailbox that stays on the server, and out of it again."""
    config = imap.ServerConfig(capabilities=("IMAP4rev1", "IDLE", "BINARY"), starttls=True)
    binary = 0 in message  # only BINARY (RFC 3516) carries NUL
    stored = imap.AppendMessage(imap.Streamed(len(message)), (imap.Flag.SEEN,), binary=binary)
    part = imap.Binary if binary else imap.Body
    kept, fetched = bytearray(), bytearray()
    coming = _pieces(message)
    going: Iterator[bytes] = iter(())

    def client(machine: imap.Client, event: object) -> None:
        match event:
            case imap.Greeting():
                machine.send(imap.StartTls())
            case imap.Completed(command=imap.StartTls()):
                machine.send(imap.Login("charles", "not shown below"))
            case imap.Completed(command=imap.Login()):
                machine.send(imap.Select("Archive"))
                machine.send(imap.Append("Archive", (stored,)))
            case Want.ANSWER:
                _give(machine, coming)
            case imap.Completed(command=imap.Append()):
                machine.send(imap.Idle())
            case imap.Exists(1) if machine.idling:
                machine.send(imap.Done())
            case imap.Completed(command=imap.Idle()):
                machine.send(imap.Fetch(imap.SequenceSet("1"), ("UID", "FLAGS", part())))
            case imap.BodyChunk(data):
                fetched.extend(data)
            case imap.FetchData() as told:
                octets = told.section()
                fetched.extend(octets if isinstance(octets, bytes) else b"")
            case imap.Completed(command=imap.Fetch()):
                machine.send(imap.Logout())
            case _:
                pass

    def server(machine: imap.Server, event: object) -> None:
        nonlocal going
        match machine.awaiting:
            case imap.Select():
                machine.send(imap.Exists(0))
                machine.accept()
            case imap.Idle():
                machine.accept()
                machine.send(imap.Exists(1))
            case imap.Fetch() as command if event is command:
                going = _pieces(bytes(kept))
                octets = imap.Streamed(len(kept))
                found = (("UID", 1), ("FLAGS", ("\\Seen",)), (part(), octets))
                machine.send(imap.FetchData(1, found))
            case BodyWanted():
                if event is Want.ANSWER:
                    _give(machine, going)
            case imap.Fetch() if event is not Want.ANSWER:
                pass
            case None:
                if isinstance(event, imap.BodyChunk):
                    kept.extend(event.data)
            case _:
                machine.accept()

    _carry(
        "IMAP archive: STARTTLS, APPEND, IDLE, FETCH",
        Link(imap.Client(), imap.Server(config), play_client=client, play_server=server),
    )
    return bytes(fetched)


def _pieces(message: bytes) -> Iterator[bytes]:
    return (message[at : at + PIECE] for at in range(0, len(message), PIECE))


def _give(
    machine: smtp.Client | pop3.Server | imap.Client | imap.Server, pieces: Iterator[bytes]
) -> None:
    """Answer `BodyWanted` with the next piece."""
    piece = next(pieces, None)
    if piece is None:
        machine.end_body()
    else:
        machine.send_body(piece)


def _keep(mailbox: bytearray) -> Any:
    """A server's play: take everything, keep the message."""

    def play(machine: smtp.Server, event: object) -> None:
        if isinstance(event, smtp.BodyChunk):
            mailbox.extend(event.data)
        elif machine.awaiting is not None:
            machine.accept()

    return play


def _carry(title: str, link: Link) -> None:
    link.run()
    lines = list(link.transcript.lines())
    if len(lines) > 80:
        lines = [*lines[:40], f"   ({len(lines) - 60} lines left out)", *lines[-20:]]
    _show(title, lines)


# --- What is shown --------------------------------------------------------------------------------


def _sample() -> bytes:
    return files("mailproto").joinpath("sample.eml").read_bytes()


def _first_line() -> str:
    return (__doc__ or "").partition("\n")[0].partition(": ")[2]


def _readable(text: str) -> str:
    # Nothing that a message holds may speak to the terminal.
    text = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return re.sub(r"[^ -~\u00a0-\U0010ffff]", lambda match: repr(match[0])[1:-1], text)


def _show(title: str, lines: Sequence[str]) -> None:
    print(title, RULE[len(title) + 1 :])
    for line in lines:
        print(f"  {line}")
    print()


def _cut(text: str, most: int = 200) -> str:
    text = _readable(text[: most + 1])
    return text if len(text) <= most else f"{text[:most]} ..."


def _preview(text: str, most: int = 40) -> list[str]:
    lines = text[:20_000].split("\n")
    shown = [_cut(line) for line in lines[:most]]
    if len(lines) > most or len(text) > 20_000:
        shown.append(f"({len(text)} characters in all)")
    return shown


def _field(field: message.Field) -> Iterator[str]:
    """A field's name and typed value, one line for each thing it says."""
    name, *rest = _value(field.value) or [""]
    yield f"{_readable(field.name)}: {_cut(name)}"
    for line in rest[:20]:
        yield f"    {_cut(line)}"
    if len(rest) > 20:
        yield f"    ({len(rest) - 20} more)"


def _value(value: message.FieldValue) -> list[str]:
    match value:
        case message.AddressList(items):
            return [line for item in items for line in _address(item)]
        case message.Date(date):
            return [date.isoformat(" ")]
        case message.MessageIds(ids):
            return [f"<{one}>" for one in ids]
        case message.ContentType():
            return [value.essence, *map(_parameter, value.params)]
        case message.Disposition(kind, params):
            return [kind, *map(_parameter, params)]
        case message.Received(clauses, date):
            lines = [
                " ".join([one.name, one.value, *(f"({text})" for text in one.comments)])
                for one in clauses
            ]
            return ["", *lines, *([date.value.isoformat(" ")] if date else [])]
        case message.TagList(tags):
            return ["", *(f"{tag}={text}" for tag, text in tags)]
        case message.AuthenticationResults(server, results):
            return [server, *(f"{one.method}={one.result}" for one in results)]
        case message.ListUrls(urls, no):
            return ["NO"] if no else list(urls)
        case message.ListId(id_, name):
            return [f"{name} <{id_}>" if name else f"<{id_}>"]
        case message.Tokens(items):
            return [", ".join(items)]
        case message.Unparsed(raw):
            return [f"(not readable) {raw.strip()}"]
        case _:
            return [str(value)]


def _address(item: message.Mailbox | message.Group | message.Unparsed) -> list[str]:
    match item:
        case message.Group(name, boxes):
            return [f"{name}:", *(f"  {line}" for box in boxes for line in _address(box))]
        case message.Unparsed(raw):
            return [f"(not readable) {raw.strip()}"]
        case _:
            return [str(item)]


def _parameter(param: message.MimeParam) -> str:
    return f"{param.name}={param.value}"


def _tree(parsed: Message) -> Iterator[str]:
    """The parts, each below what it is in."""
    depths: dict[int, int] = {-1: -1}
    for shown, part in enumerate(parsed.walk()):
        depth = depths[part.number] = depths[part.span.parent] + 1
        if shown == 200:
            yield f"({len(parsed.index.parts) - shown} more parts)"
            return
        name = f" {part.filename!r}" if part.filename else ""
        what = "message" if isinstance(part, Message) else part.section
        yield _cut(
            f"{'  ' * min(depth, 20)}{what} {part.type}{name}, {part.encoding},"
            f" {len(part.body)} octets, {part.body.lines} lines"
        )


def _defect(defect: message.Defect) -> str:
    assumed = f", read as: {defect.assumed}" if defect.assumed else ""
    return _cut(f"{defect.code} at {defect.offset}{assumed} {defect.raw[:40]!r}")


def _ambiguity(one: message.Ambiguity) -> str:
    return _cut(f"{one.code} at {one.offset}: {one.read_as}; elsewhere: {one.otherwise}")


def _envelope(parsed: Message) -> smtp.Envelope:
    """What the header asks for, as far as SMTP can carry it; the postmaster if it asks for none."""
    asked = parsed.envelope()
    good = [to.address for to in asked.recipients if _address_is_good(to.address)]
    sender = asked.sender if asked.sender and _address_is_good(asked.sender) else ""
    return smtp.Envelope(sender, good[:100] or ["postmaster"])


def _address_is_good(address: str) -> bool:
    try:
        return not smtp.parse_address(address).defects and address.isascii()
    except ValueError:
        return False


if __name__ == "__main__":
    sys.exit(main())
