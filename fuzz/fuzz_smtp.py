"""An atheris target: any octets, cut anywhere, and any application, to the SMTP machines.

What must hold, whatever happens:

* the peer causes no exception but RemoteProtocolError; the application none but ProtocolError,
  TypeError and ValueError, and a refused call changes nothing;
* a machine asks a bounded number of questions per octet, and writes a bounded number of octets;
* servers: every way of cutting the input gives the same events, errors and output;
* a machine that was pickled in the middle goes on as if nothing had happened.

An input is a head and what comes over the wire::

    kind, limits, number of decisions (three octets), the decisions, the wire

so that the words of `smtp.dict` stay whole. `README.md` says how to run it.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["mailproto"]):
    from mailproto import BodyWanted, Limits, ProtocolError, RemoteProtocolError, Want, smtp
    from mailproto._envelope import Envelope
    from mailproto._wire import BareNewlines
    from mailproto.testing import EOF, run

REFUSALS = (ProtocolError, TypeError, ValueError)

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


class Decisions:
    """What the application does: one octet for each decision, zeros when they are used up."""

    def __init__(self, octets: bytes) -> None:
        self._left = iter(octets)
        self.over = not octets

    def __call__(self, below: int) -> int:
        """The next decision, from 0 up to but not with `below`."""
        octet = next(self._left, None)
        self.over = octet is None
        return (octet or 0) % below


# --- Servers --------------------------------------------------------------------------------------


def answers(decide: Decisions) -> Callable[[Any, object], None]:
    """A server's application: at once or later, yes or no, or a challenge."""
    waits: list[bool] = [False]

    def play(machine: Any, event: object) -> None:
        awaiting = machine.awaiting
        if awaiting is None:
            return
        if event is not Want.ANSWER and decide(4) == 3:
            waits[0] = True
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


def cuts_of(octets: bytes) -> Iterator[int]:
    """An endless schedule."""
    while True:
        yield 1
        for octet in octets:
            yield octet % 23


def moved(machine: Any) -> Any:
    """The machine in another process."""
    return pickle.loads(pickle.dumps(machine))  # noqa: S301 - we wrote it


def server(kind: int, limits: Limits, decisions: bytes, wire: bytes) -> None:
    """One input to a server, whole, cut, and carried about."""
    config = CONFIG if kind & 1 else smtp.ServerConfig(lmtp=True, size=40, starttls=True)
    quirks = QUIRKS[kind // 2 % len(QUIRKS)]

    def trace(**how: Any) -> Any:
        machine = smtp.Server(config, limits=limits, quirks=quirks)
        return run(machine, [wire, EOF], answers(Decisions(decisions)), **how)

    whole = trace()
    assert len(whole.output) <= 2_000 + 100 * len(wire), "more output than the input is worth"
    cut = trace(cuts=cuts_of(decisions))
    difference = cut.differs_from(whole)
    assert difference is None, f"cut otherwise: {difference}"
    if kind & 8:
        difference = trace(between=moved).differs_from(whole)
        assert difference is None, f"carried about: {difference}"


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
    before = pickle.dumps(machine) if decide(4) == 0 else None
    choice = decide(len(ITEMS) + 6)
    try:
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
    except REFUSALS:
        assert before is None or pickle.dumps(machine) == before, "a refusal changed something"


def client(kind: int, limits: Limits, decisions: bytes, wire: bytes) -> None:
    """One input to a client whose application does as it likes."""
    decide = Decisions(decisions)
    machine: Any = smtp.Client(limits=limits, quirks=QUIRKS[kind // 2 % len(QUIRKS)])
    kept: RemoteProtocolError | None = None
    at = written = questions = 0
    while True:
        questions += 1
        assert questions < 1_000 + 16 * len(wire) + 16 * len(decisions) + written, "no end"
        if not decide.over and decide(3) == 2:
            act(machine, decide)
        if kind & 8 and decide(16) == 15:
            machine = moved(machine)
        try:
            want = machine.next_event()
        except RemoteProtocolError as error:
            kept = error
            break
        if want is Want.DATA:
            size = decide(29) + 1
            if at < len(wire):
                machine.receive_data(wire[at : at + size])
                at += size
            else:
                machine.receive_eof()
        elif want is Want.SEND:
            data = machine.data_to_send()
            assert data
            written += len(data)
        elif want is Want.TLS:
            machine.tls_established()
        elif want is Want.CLOSE:
            return
        elif want is Want.ANSWER:
            answer(machine, decide)
    try:
        machine.next_event()
    except RemoteProtocolError as again:
        assert str(again) == str(kept)  # noqa: PT017 - not under pytest
    else:
        raise AssertionError("the error went away")


def answer(machine: Any, decide: Decisions) -> None:
    """The application answers, one way or another."""
    awaiting = machine.awaiting
    try:
        if isinstance(awaiting, BodyWanted):
            if decide.over:
                machine.end_body()
            else:
                machine.send_body(PIECES[decide(len(PIECES))])
        else:
            machine.send(smtp.AuthResponse(b"") if decide(2) == 0 else smtp.AuthCancel())
    except REFUSALS:
        if decide.over:
            machine.abort()


def one_input(data: bytes) -> None:
    """What atheris calls."""
    if len(data) < 3:
        return
    kind, limits, count = data[:3]
    decisions, wire = data[3 : 3 + count], data[3 + count :]
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
    (24, b"220 a\r\n250-a\r\n250 PIPELINING\r\n250 ok\r\n550 no\r\n354 go\r\n250 ok\r\n"),
)


def plant(folder: Path) -> None:
    """Give an empty corpus something to begin with."""
    if not any(folder.iterdir()):
        for number, (kind, wire) in enumerate(SEEDS):
            head = bytes([kind, number % len(LIMITS), 40])
            (folder / f"seed-{number}").write_bytes(head + bytes(range(4, 244, 6)) + wire)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        if Path(argument).is_dir():
            plant(Path(argument))
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
