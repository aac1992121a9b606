"""An atheris target: any octets, cut anywhere, and any application, to the IMAP machines.

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
    from mailproto import BodyWanted, Limits, LocalProtocolError, Want, imap, sasl
    from mailproto.imap import AppendMessage, Body, Key, SequenceSet, Streamed

CONFIG = imap.ServerConfig(
    capabilities=(*imap.ServerConfig().capabilities, "UTF8=ACCEPT", "REPLACE", "ID"),
    auth=("PLAIN", "LOGIN"),
    plaintext_auth=True,
    starttls=True,
    verbs=("XTEST",),
)
LIMITS = (
    Limits(),
    Limits(command=80, response=200, stream=4, items=3, depth=3, chunk=3, line=40, logins=2),
    Limits(stream=None, depth=None, items=None, command=None, response=None, drain=None),
    Limits(stream=0, chunk=1, output=200, input=100, challenges=1, drain=64),
)
ALL = SequenceSet("1:*")

# --- Servers --------------------------------------------------------------------------------------

TOLD = (
    imap.Exists(3),
    imap.Expunged(1),
    imap.FetchData(1, (("UID", 4), (Body(), b"a\r\nb"))),
    imap.FetchData(2, ((Body(), Streamed(3)), ("FLAGS", ()))),
    imap.ListData((), "/", "Entwürfe"),
    imap.Condition("OK", "still here"),
)


def answers(decide: Decisions) -> Play:
    """A server's application: at once or later, yes or no, data, a challenge, some octets."""

    def play(machine: Any, event: object) -> None:
        awaiting = machine.awaiting
        if awaiting is None:
            return
        if isinstance(awaiting, BodyWanted):
            if event is Want.ANSWER:
                if machine._body_left:
                    machine.send_body(b"x" * min(machine._body_left, 2))
                else:
                    machine.end_body()
            return
        if event is not Want.ANSWER:
            return
        choice = decide(8)
        try:
            if choice == 0 and isinstance(awaiting, (imap.Authenticate, imap.AuthResponse)):
                machine.send(imap.Challenge(b"more"))
            elif choice == 1:
                machine.reject()
            elif choice < 4 and not decide.over:
                machine.send(TOLD[decide(len(TOLD))])
            else:
                machine.accept()
        except LocalProtocolError:  # an EXPUNGE that is not legal now
            machine.reject()

    return play


def server(kind: int, limits: Limits, decisions: bytes, wire: bytes) -> None:
    """One input to a server."""
    config = CONFIG if kind & 1 else imap.ServerConfig(starttls=True, compress=False)
    greeting = imap.Condition("PREAUTH", "in") if kind & 64 else None
    check_server(
        lambda: imap.Server(config, limits=limits, greeting=greeting),
        answers,
        decisions,
        wire,
        carried=bool(kind & 8),
    )


# --- Clients --------------------------------------------------------------------------------------

ITEMS = (
    imap.Capability(),
    imap.Login("ada", "secret"),
    imap.Login("ada", "se\r\ncret"),
    imap.Authenticate("PLAIN", b"\0ada\0secret"),
    imap.Authenticate("LOGIN"),
    imap.AuthResponse(b"secret"),
    imap.AuthCancel(),
    imap.StartTls(),
    imap.Select("INBOX"),
    imap.Fetch(ALL, ("UID", Body())),
    imap.Fetch(ALL, ("FLAGS",), uid=True),
    imap.Search((Key("FROM", "a\r\nb"), imap.Not(ALL))),
    imap.Store(ALL, "+", ("\\Seen",)),
    imap.Append("INBOX", (AppendMessage(Streamed(4)),)),
    imap.Append("INBOX", (AppendMessage(Streamed(5_000)),)),
    imap.Append("INBOX", (AppendMessage(b"a\0b", binary=True),)),
    imap.Idle(),
    imap.Done(),
    imap.Enable(("UTF8=ACCEPT",)),
    imap.Noop(),
    imap.Close(),
    imap.UnknownCommand("XTEST", b"x"),
    imap.Copy(ALL, "\ud800"),
    imap.Logout(),
)
SCRIPT = (
    *(imap.Login("ada", "secret"), imap.Select("INBOX"), imap.Fetch(ALL, ("UID", Body()))),
    *(imap.Search((Key("ALL"),)), imap.Noop(), imap.Capability(), imap.Idle(), imap.Close()),
    *(imap.StartTls(), imap.Namespace(), imap.Logout()),
)
"""What a client says that goes by what it is told. (No challenge among it: when it is answered
depends on what else has come.)"""


def exchange(decide: Decisions) -> sasl.ClientExchange:
    """One of the exchanges."""
    mechanism = ("SCRAM-SHA-256", "CRAM-MD5", "LOGIN", "PLAIN")[decide(4)]
    return sasl.choose([mechanism], sasl.Password("ada", "secret"), nonce="nonce", tls=True)


def act(machine: Any, decide: Decisions) -> None:
    """The application does something, allowed or not."""
    choice = decide(len(ITEMS) + 4)
    if choice < len(ITEMS):
        machine.send(ITEMS[choice])
    elif choice == len(ITEMS):
        machine.tls_established()
    elif choice == len(ITEMS) + 1 and decide(8) == 7:
        machine.abort()
    elif choice == len(ITEMS) + 2:
        machine.send_body(b"x")
    else:
        machine.authenticate(exchange(decide))


def answer(machine: Any, decide: Decisions) -> None:
    """The application answers a challenge, or gives some of a body."""
    if isinstance(machine.awaiting, BodyWanted):
        if machine._body_left:
            machine.send_body(b"y" * min(machine._body_left, 1_000))
        else:
            machine.end_body()
    else:
        machine.send(imap.AuthResponse(b"") if decide(2) == 0 else imap.AuthCancel())


def client(kind: int, limits: Limits, decisions: bytes, wire: bytes) -> None:
    """One input to a client."""
    quirks = imap.Quirks(
        plaintext_auth=True, refuse_ambiguous=bool(kind & 2), unoffered=bool(kind & 4)
    )

    def make() -> imap.Client:
        return imap.Client(limits=limits, quirks=quirks)

    carried = bool(kind & 8)
    if kind & 32:
        check_scripted_client(make, SCRIPT, decisions, wire, carried=carried)
    else:
        check_client(make(), act, answer, decisions, wire, carried=carried)


def one_input(data: bytes) -> None:
    """What atheris calls."""
    found = split(data)
    if found is not None:
        kind, limits, decisions, wire = found
        (client if kind & 16 else server)(kind, LIMITS[limits % len(LIMITS)], decisions, wire)


_IN = b"a1 LOGIN ada secret\r\n"
_HELLO = b"* OK [CAPABILITY IMAP4rev1 IDLE LITERAL- ENABLE AUTH=PLAIN STARTTLS] hi\r\n"
SEEDS = (
    (1, _IN + b"a2 SELECT INBOX\r\na3 FETCH 1:* (UID BODY[])\r\na4 NOOP\r\na5 LOGOUT\r\n"),
    (9, b"a1 AUTHENTICATE LOGIN\r\ndXNlcg==\r\n*\r\na2 STARTTLS\r\na3 CAPABILITY\r\n"),
    (65, b"a1 APPEND INBOX (\\Seen) {3+}\r\nabc {2}\r\nxy\r\na2 IDLE\r\nDONE\r\na3 CLOSE\r\n"),
    (3, _IN + b"a2 APPEND x CATENATE (URL /y TEXT {2+}\r\nab)\r\na3 REPLACE 1 x {1+}\r\nz\r\n"),
    (5, b"a1 LOGIN {3}\r\nada {6+}\r\nsecret\r\na2 NOVEL\r\na3 SEARCH NOT (SEEN\r\n"),
    (16, _HELLO + b"A1 OK in\r\nA2 OK [READ-WRITE]\r\n* 1 FETCH (BODY[] {9}\r\n123456789)\r\n"),
    (48, _HELLO + b"A1 OK\r\n* 3 EXISTS\r\nA2 OK\r\n* SEARCH 1 2\r\nA3 NO no\r\n+ idle\r\n"),
    (52, b"* PREAUTH hi\r\n+ go\r\nA1 NO [TRYCREATE]\r\n* BYE\r\n"),
    (24, _HELLO + b"+ \r\n+ dXNlcg==\r\nA1 NO no\r\n* ENABLED UTF8=ACCEPT\r\nA2 OK\r\n"),
)

if __name__ == "__main__":
    fuzz(one_input, SEEDS)
