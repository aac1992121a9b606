"""`python -m mailproto [message.eml]`: one mail through the machines, with the transcript.

It shows the envelope, the header and the body apart, as an MTA, a reader and an author see a
message; then the author's client machine submits it to a server machine (STARTTLS, AUTH, BDAT),
that hands it to the mailbox by LMTP (DATA, one answer for each recipient), and the reader's client
machine fetches it from there by POP3 (STLS, UIDL, RETR, DELE). There are no sockets:
`mailproto.testing.Link` carries the bytes, and completes TLS by saying so. In the end what was
fetched is compared with what was sent.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from . import pop3, smtp
from ._machine import BodyWanted, Want
from ._wire import normalize
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
    # Only where it is a text: what BDAT carries as it is, DATA would have to refuse.
    message = normalize(raw)
    head, _, body = message.partition(b"\r\n\r\n")
    envelope = _envelope(head)
    _show(
        "Envelope", [f"from <{envelope.sender}>", *(f"to   <{to}>" for to in envelope.recipients)]
    )
    _show("Header", _readable(head).split("\r\n"))
    _show("Body", _preview(body))
    if message != raw:
        print("(bare newlines were made CRLF, as a text needs them on the wire)\n")
    submitted = _submission(envelope, message)
    delivered = _delivery(envelope, submitted)
    fetched = _retrieval(delivered)
    same = fetched == (message if message.endswith(b"\r\n") or not message else message + b"\r\n")
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


def _pieces(message: bytes) -> Iterator[bytes]:
    return (message[at : at + PIECE] for at in range(0, len(message), PIECE))


def _give(machine: smtp.Client | pop3.Server, pieces: Iterator[bytes]) -> None:
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


def _readable(data: bytes) -> str:
    # Nothing that a message holds may speak to the terminal.
    text = data.decode("utf-8", "backslashreplace")
    return re.sub(r"[^\t\r\n\x20-\x7e\u00a0-\U0010ffff]", lambda match: repr(match[0])[1:-1], text)


def _show(title: str, lines: Sequence[str]) -> None:
    print(title, RULE[len(title) + 1 :])
    for line in lines:
        print(f"  {line}")
    print()


def _preview(body: bytes, most: int = 40) -> list[str]:
    lines = _readable(body[:20_000]).split("\r\n")
    shown = [line if len(line) <= 200 else line[:200] + " ..." for line in lines[:most]]
    if len(lines) > most or len(body) > 20_000:
        shown.append(f"({len(body)} octets in all)")
    return shown


def _envelope(head: bytes) -> smtp.Envelope:
    """The addresses a mail program would put on the envelope: those of From, To, Cc."""
    fields = re.findall(r"(?im)^(from|to|cc):((?:[^\r\n]|\r\n[ \t])*)", _readable(head))
    found: dict[str, list[str]] = {"from": [], "to": [], "cc": []}
    for name, value in fields:
        for address in re.findall(r"[^\s<>,;:\"()]+@[^\s<>,;:\"()]+", value):
            try:
                smtp.parse_address(address)
            except ValueError:
                continue
            found[name.lower()].append(address)
    recipients = list(dict.fromkeys(found["to"] + found["cc"])) or ["postmaster"]
    return smtp.Envelope((found["from"] or [""])[0], recipients)


if __name__ == "__main__":
    sys.exit(main())
