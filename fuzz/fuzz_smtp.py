"""An atheris target: any octets, cut anywhere, and any application, to the SMTP machines.

What must hold, and what an input is, says `shared.py`; `README.md` says how to run this.
"""

from __future__ import annotations

from typing import Any

import atheris
from shared import (
    Decisions,
    Play,
    check_client,
    check_scripted_client,
    check_server,
    fuzz,
    split,
)

with atheris.instrument_imports(include=["mailproto"]):
    from mailproto import BodyWanted, Limits, Want, smtp
    from mailproto._envelope import Envelope
    from mailproto._wire import BareNewlines

CONFIG = smtp.ServerConfig(
    hostname="mx.example",
    size=40,
    auth=("PLAIN", "LOGIN"),
    plaintext_auth=True,
    starttls=True,
    extensions=(
        "PIPELINING",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "CHUNKING",
        "BINARYMIME",
        "DSN",
        "ETRN",
        "DELIVERBY",
        "FUTURERELEASE",
        "MT-PRIORITY",
        "RRVS",
        "BURL imap",
        "PRDR",
        "XCLIENT NAME ADDR PORT PROTO HELO REVERSE_NAME LOGIN DESTADDR DESTPORT",
        "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
    ),
)
LIMITS = (
    Limits(),
    Limits(line=60, reply=80, recipients=2, challenges=2, chunk=16, window=1, drain=64),
    Limits(line=None, reply=None, recipients=None, challenges=None, drain=None, blank_lines=0),
    Limits(chunk=1, output=600, window=None, input=100),
)
QUIRKS = (
    smtp.Quirks(),
    smtp.Quirks(bare_newlines=BareNewlines.NORMALIZE, bare_lf_commands=True),
    smtp.Quirks(bare_newlines=BareNewlines.PRESERVE, unqualified_addresses=True),
)


# --- Servers --------------------------------------------------------------------------------------


def answers(decide: Decisions) -> Play:
    """A server's application: at once or later, yes or no, or a challenge."""

    def play(machine: Any, event: object) -> None:
        awaiting = machine.awaiting
        if awaiting is None:
            return
        if event is not Want.ANSWER and decide(4) == 3:
            return
        choice = decide(8)
        if choice == 0 and isinstance(awaiting, (smtp.Auth, smtp.AuthResponse)):
            machine.send(smtp.Challenge(b"more"))
        elif choice == 1:
            machine.reject()
        elif choice == 2:
            machine.reject(smtp.Reply(421, "4.3.2 later"))
        elif choice == 3:
            machine.send(smtp.Reply(451, "4.3.0 no\nnot now"))
        else:
            machine.accept()

    return play


def server(kind: int, limits: Limits, decisions: bytes, wire: bytes) -> None:
    """One input to a server."""
    config = CONFIG if kind & 1 else smtp.ServerConfig(lmtp=True, size=40, starttls=True)
    quirks = QUIRKS[kind // 2 % len(QUIRKS)]
    check_server(
        lambda: smtp.Server(config, limits=limits, quirks=quirks),
        answers,
        decisions,
        wire,
        carried=bool(kind & 8),
    )


# --- Clients --------------------------------------------------------------------------------------

ITEMS = (
    smtp.Ehlo("me.example"),
    smtp.Lhlo("me.example"),
    smtp.Helo("me.example"),
    smtp.Mail("a@a.example"),
    smtp.Mail("", (smtp.SIZE(5),)),
    smtp.Mail("a@a.example", (smtp.BODY("BINARYMIME"),)),
    smtp.Rcpt("b@b.example"),
    smtp.Rcpt("\xfc@b.example"),
    smtp.Data(),
    smtp.Bdat(3),
    smtp.Bdat(3, True),
    smtp.Bdat(0, True),
    smtp.Burl("x:y"),
    smtp.Burl("x:y", True),
    smtp.Mail("a@a.example", (smtp.PRDR(True),)),
    smtp.XClient((smtp.PEER_ADDR("::1"),)),
    smtp.XClient((smtp.PEER_LOGIN("a b"),)),
    smtp.XForward((smtp.PEER_NAME("a+b"), smtp.PEER_SOURCE("LOCAL"))),
    smtp.Rset(),
    smtp.Noop(),
    smtp.StartTls(),
    smtp.Auth("PLAIN", b"secret"),
    smtp.Auth("LOGIN", b"x" * 600),
    smtp.AuthResponse(b"secret"),
    smtp.AuthCancel(),
    smtp.Quit(),
)
ENVELOPES = (
    Envelope("a@a.example", ["b@b.example"]),
    Envelope("", ["b@b.example", "c@c.example"]),
    Envelope("a@a.example", ["\xfc@b.example"]),
)
PIECES = (b"abc", b"a\r", b"\n.\r\n", b".", b"line\r\n", b"", b"x" * 40)


def act(machine: Any, decide: Decisions) -> None:
    """The application does something, allowed or not."""
    choice = decide(len(ITEMS) + 6)
    if choice < len(ITEMS):
        machine.send(ITEMS[choice])
    elif choice == len(ITEMS):
        machine.send_body(PIECES[decide(len(PIECES))])
    elif choice == len(ITEMS) + 1:
        machine.end_body()
    elif choice == len(ITEMS) + 2:
        machine.hello("me.example", lmtp=decide(2) == 1)
    elif choice == len(ITEMS) + 3:
        machine.tls_established()
    elif choice == len(ITEMS) + 4 and decide(8) == 7:
        machine.abort()
    else:
        chunking = (None, True, False)[decide(3)]
        envelope = ENVELOPES[decide(len(ENVELOPES))]
        machine.submit(envelope, chunking=chunking, prdr=(None, True, False)[decide(3)])


def answer(machine: Any, decide: Decisions) -> None:
    """The application answers, one way or another."""
    if isinstance(machine.awaiting, BodyWanted):
        if decide.over:
            machine.end_body()
        else:
            machine.send_body(PIECES[decide(len(PIECES))])
    else:
        machine.send(smtp.AuthResponse(b"") if decide(2) == 0 else smtp.AuthCancel())


def client(kind: int, limits: Limits, decisions: bytes, wire: bytes) -> None:
    """One input to a client."""
    quirks = QUIRKS[kind // 2 % len(QUIRKS)]

    def make() -> smtp.Client:
        return smtp.Client(limits=limits, quirks=quirks)

    carried = bool(kind & 8)
    if kind & 32:
        check_scripted_client(make, ITEMS, decisions, wire, carried=carried)
    else:
        check_client(make(), act, answer, decisions, wire, carried=carried)


def one_input(data: bytes) -> None:
    """What atheris calls."""
    found = split(data)
    if found is not None:
        kind, limits, decisions, wire = found
        (client if kind & 16 else server)(kind, LIMITS[limits % len(LIMITS)], decisions, wire)


SEEDS = (
    (1, b"EHLO a\r\nMAIL FROM:<a@b> SIZE=5\r\nRCPT TO:<a@b>\r\nDATA\r\nx\r\n..\r\n.\r\nQUIT\r\n"),
    (1, b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 3\r\nabcBDAT 2 LAST\r\nxyNOOP\r\n"),
    (9, b"EHLO a\r\nAUTH LOGIN\r\ndXNlcg==\r\n*\r\nSTARTTLS\r\n"),
    (0, b"LHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\n"),
    (3, b"HELO a\nMAIL FROM:a@b\nRCPT TO: <a@b>\nDATA\na\nb\rc\r\n.\r\n"),
    (3, b"EHLO a\nMAIL FROM:<>\nRCPT TO:<b>\nDATA\n" + b"line\nline\r" * 5 + b"\r\n.\r\nNOOP\n"),
    (
        1,
        b"EHLO a\r\nXCLIENT ADDR=IPV6:::1 LOGIN=a+20b\r\nEHLO a\r\nXFORWARD NAME=[UNAVAILABLE]\r\n",
    ),
    (1, b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBURL x:y\r\nBDAT 2\r\nxyBURL x:y LAST\r\n"),
    (1, b"EHLO a\r\nMAIL FROM:<> PRDR\r\nRCPT TO:<a@b>\r\nRCPT TO:<c@d>\r\nBDAT 0 LAST\r\n"),
    (
        16,
        b"220 a\r\n250-a\r\n250-PIPELINING\r\n250 PRDR\r\n"
        + 3 * b"250 ok\r\n"
        + b"354 go\r\n353 each\r\n",
    ),
    (16, b"220 a\r\n250-a\r\n250-PIPELINING\r\n250 CHUNKING\r\n250 ok\r\n250 ok\r\n250 ok\r\n"),
    (
        48,
        b"220 a\r\n250-a\r\n250 PIPELINING\r\n250 ok\r\n\r\n550 no\r\n354 go\r\n421 bye\r\n",
    ),
    (24, b"220 a\r\n250-a\r\n250 PIPELINING\r\n250 ok\r\n550 no\r\n354 go\r\n250 ok\r\n"),
)


if __name__ == "__main__":
    fuzz(one_input, SEEDS)
