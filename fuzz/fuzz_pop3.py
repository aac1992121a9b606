"""An atheris target: any octets, cut anywhere, and any application, to the POP3 machines.

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
    from mailproto import BodyWanted, Limits, Want, pop3, sasl
    from mailproto._wire import BareNewlines

CONFIG = pop3.ServerConfig(
    hostname="pop.example",
    capabilities=(*pop3.ServerConfig().capabilities, "UTF8 USER", "EXPIRE 30 USER"),
    auth=("PLAIN", "LOGIN"),
    plaintext_auth=True,
    stls=True,
    languages=(("en", "English"), ("de", "Deutsch")),
    verbs=("XTND",),
)
LIMITS = (
    Limits(),
    Limits(line=40, reply=60, challenges=2, chunk=16, drain=64, batch=2, logins=2),
    Limits(line=None, reply=None, challenges=None, drain=None, blank_lines=0, logins=None),
    Limits(chunk=1, output=200, input=100, batch=1),
)
QUIRKS = (
    pop3.Quirks(plaintext_auth=True),
    pop3.Quirks(plaintext_auth=True, bare_newlines=BareNewlines.REJECT, bare_lf_commands=True),
    pop3.Quirks(plaintext_auth=True, bare_newlines=BareNewlines.PRESERVE, bare_lf_texts=True),
)
PIECES = (b"a: b\r\n\r\nabc", b"a\r", b"\n.\r\n", b".", b"line\r\n", b"", b"x" * 40, b"\n\n")

# --- Servers --------------------------------------------------------------------------------------

MAILDROPS: tuple[tuple[tuple[int, str], ...], ...] = (
    ((5, "one"), (2**63 - 1, "~" * 70), (0, "!")),
    (),
    ((5, "same"), (5, "same")),
    tuple((size, f"id-{size}") for size in range(12)),
)
LOGINS = (pop3.Pass, pop3.Apop, pop3.Auth, pop3.AuthResponse)


def answers(decide: Decisions) -> Play:
    """A server's application: at once or later, yes or no, a challenge, a piece of a message."""
    pieces: list[int] = [0]

    def body(machine: Any) -> None:
        pieces[0] += 1
        if pieces[0] % 4 == 0 or decide.over or machine.enough:
            end(machine)
            return
        try:
            machine.send_body(PIECES[decide(len(PIECES))])
        except ValueError:  # BareNewlines.REJECT
            end(machine)

    def end(machine: Any) -> None:
        try:
            machine.end_body()
        except ValueError:
            machine.abort()

    def play(machine: Any, event: object) -> None:
        awaiting = machine.awaiting
        if awaiting is None:
            return
        if isinstance(awaiting, BodyWanted):
            if event is Want.ANSWER:
                body(machine)
            return
        if event is not Want.ANSWER and decide(4) == 3:
            return
        choice = decide(8)
        if choice == 0 and isinstance(awaiting, (pop3.Auth, pop3.AuthResponse)):
            machine.send(pop3.Challenge(b"more"))
        elif choice == 1:
            machine.reject()
        elif choice == 2:
            machine.send(pop3.Reply(False, "[SYS/TEMP] not now"))
        elif isinstance(awaiting, LOGINS):
            machine.accept(maildrop=MAILDROPS[decide(len(MAILDROPS))])
        elif choice == 3:
            machine.send(pop3.Reply(True, "as you like"))
        else:
            machine.accept()

    return play


def server(kind: int, limits: Limits, decisions: bytes, wire: bytes) -> None:
    """One input to a server."""
    config = CONFIG if kind & 1 else pop3.ServerConfig(stls=True)
    quirks = QUIRKS[kind // 2 % len(QUIRKS)]
    greeting = CONFIG.greeting("1.2") if kind & 64 else None
    check_server(
        lambda: pop3.Server(config, limits=limits, quirks=quirks, greeting=greeting),
        answers,
        decisions,
        wire,
        carried=bool(kind & 8),
    )


# --- Clients --------------------------------------------------------------------------------------

ITEMS = (
    pop3.Capa(),
    pop3.User("ada"),
    pop3.Pass("secret"),
    pop3.Apop("ada", "0" * 32),
    pop3.Auth("PLAIN", b"secret"),
    pop3.Auth("LOGIN", b"x" * 300),
    pop3.AuthResponse(b"secret"),
    pop3.AuthCancel(),
    pop3.Stls(),
    pop3.Stat(),
    pop3.List(),
    pop3.List(2),
    pop3.Uidl(),
    pop3.Uidl(2),
    pop3.Retr(1),
    pop3.Top(1, 2),
    pop3.Dele(1),
    pop3.Rset(),
    pop3.Noop(),
    pop3.Utf8(),
    pop3.Lang(),
    pop3.Lang("de"),
    pop3.UnknownCommand("XTND", "x"),
    pop3.User("\xfc"),
    pop3.Retr(0),
    pop3.Quit(),
)
SCRIPT = (
    *(pop3.Capa(), pop3.User("ada"), pop3.Pass("secret")),
    *(pop3.Stat(), pop3.List(), pop3.List(2), pop3.Uidl(), pop3.Uidl(2), pop3.Retr(1)),
    *(pop3.Top(1, 2), pop3.Lang(), pop3.Stls(), pop3.Auth("PLAIN", b"secret"), pop3.Quit()),
)
"""What a client says that goes by what it is told."""


def exchange(decide: Decisions) -> sasl.ClientExchange:
    """One of the exchanges."""
    mechanism = ("SCRAM-SHA-256", "CRAM-MD5", "LOGIN", "PLAIN", "OAUTHBEARER")[decide(5)]
    have: sasl.Credentials = sasl.Password("ada", "secret")
    if mechanism == "OAUTHBEARER":
        have = sasl.Token("ada", "token")
    return sasl.choose([mechanism], have, nonce="nonce", tls=True)


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
    """The application answers a challenge, one way or another."""
    machine.send(pop3.AuthResponse(b"") if decide(2) == 0 else pop3.AuthCancel())


def client(kind: int, limits: Limits, decisions: bytes, wire: bytes) -> None:
    """One input to a client."""
    quirks = QUIRKS[kind // 2 % len(QUIRKS)]

    def make() -> pop3.Client:
        return pop3.Client(limits=limits, quirks=quirks)

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


_LOGIN = b"USER ada\r\nPASS a b\r\n"
SEEDS = (
    (1, _LOGIN + b"STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nDELE 1\r\nRSET\r\nQUIT\r\n"),
    (9, b"AUTH PLAIN\r\n=\r\nAUTH LOGIN dXNlcg==\r\n*\r\nSTLS\r\nCAPA\r\n"),
    (65, b"APOP ada 00000000000000000000000000000000\r\nTOP 1 2\r\nUTF8\r\nLANG de\r\nQUIT\r\n"),
    (3, _LOGIN.replace(b"\r", b"") + b"LIST 1\nUIDL 2\nNOOP\nDELE 2\nRETR 2\nXTND a\nQUIT\n"),
    (5, _LOGIN + b"TOP 1 0\r\nTOP 1 1\r\nLIST 99999999999999999999\r\n" + b"x" * 60 + b"\r\n"),
    (16, b"+OK <a@b>\r\n+OK\r\nPIPELINING\r\nSASL PLAIN\r\n.\r\n+OK\r\n+OK\r\n+OK 2 10\r\n"),
    (48, b"+OK\r\n+OK\r\n1 a\r\n2 b\r\n.\r\n+OK 3 octets\r\na\r\n..\r\n.\r\n-ERR [IN-USE] no\r\n"),
    (52, b"+OK\n+OK 1\n1 5\n2  6 x\nnonsense\n.\n+OK\nline\n..\n.\n+OK 1 2\n"),
    (24, b"+OK\r\n+ \r\n+ dXNlcg==\r\n-ERR [AUTH] no\r\n+OK\r\n+OK\r\n1 2\r\n.\r\n"),
)

if __name__ == "__main__":
    fuzz(one_input, SEEDS)
