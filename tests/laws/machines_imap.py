"""IMAP's rows of the laws."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from mailproto import BodyWanted, Want, imap
from mailproto.imap import AppendMessage, Body, Key, SequenceSet, Streamed
from mailproto.testing import EOF, TIMEOUT

__all__ = ["CLIENT"]

ALL = SequenceSet("1:*")
HELLO = (
    b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=SCRAM-SHA-256 SASL-IR IDLE LITERAL- ENABLE ID"
    b" STARTTLS COMPRESS=DEFLATE MOVE NAMESPACE UNSELECT UTF8=ACCEPT] ready\r\n"
)
PLAIN_HELLO = b"* OK ready\r\n"


def says(*items: Any) -> Callable[[Any], None]:
    """The application sends these now."""

    def act(machine: Any) -> None:
        for item in items:
            machine.send(item)

    return act


def append(size: int, **fields: Any) -> imap.Append:
    """An APPEND whose message comes as a body."""
    return imap.Append("INBOX", (AppendMessage(Streamed(size), **fields),))


def play(machine: Any, event: object) -> None:
    """Answers challenges, and gives bodies of the right size, a few octets at a time."""
    if event is not Want.ANSWER:
        return
    if isinstance(machine.awaiting, BodyWanted):
        if machine._body_left:
            machine.send_body(b"x" * min(machine._body_left, 7))
        else:
            machine.end_body()
    elif machine.awaiting is not None:
        machine.send(imap.AuthResponse(b"\0ann\0secret"))


LOGIN = [HELLO, says(imap.Login("ann", "secret")), b"A1 OK in\r\n"]
SELECT = [
    *LOGIN,
    says(imap.Select("INBOX")),
    b"* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\nA2 OK [READ-WRITE] open\r\n",
]
MESSAGE = b"* 2 FETCH (UID 9 BODY[] {%d}\r\n%b FLAGS (\\Seen))\r\n"


def _stream(size: int) -> Iterator[Any]:
    yield from SELECT
    yield says(imap.Fetch(ALL, (Body(),)))
    yield b"* 1 FETCH (BODY[] {%d}\r\n" % size
    block = b"x" * 65_536
    for _ in range(size // len(block)):
        yield block
    yield b"x" * (size % len(block)) + b")\r\nA3 OK done\r\n"


def _listing(size: int) -> Iterator[Any]:
    yield from SELECT
    yield says(imap.Fetch(ALL, ("UID", "FLAGS")))
    lines = b"".join(b"* %d FETCH (UID %d FLAGS (\\Seen))\r\n" % (n, n) for n in range(1, 1_500))
    for _ in range(size // len(lines)):
        yield lines
    yield b"A3 OK done\r\n"


def _deflated() -> list[Any]:
    packed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    said = packed.compress(b"* 4 EXISTS\r\nA3 OK\r\n") + packed.flush(zlib.Z_SYNC_FLUSH)
    return [*LOGIN, says(imap.Compress()), b"A2 OK now\r\n", says(imap.Noop()), said]


ITEMS: tuple[object, ...] = (
    imap.Noop(),
    imap.Login("ann", "secret"),
    imap.Login("a\0", "b"),
    imap.Authenticate("PLAIN", b"\0ann\0secret"),
    imap.AuthResponse(b"x"),
    imap.StartTls(),
    imap.Select("INBOX"),
    imap.Fetch(ALL, ("FLAGS",)),
    imap.Fetch(ALL, ("FLAGS",), uid=True),
    imap.Search((Key("ALL"),)),
    imap.Copy(ALL, "x\ny"),
    imap.Idle(),
    imap.Done(),
    append(9),
    imap.Enable(("UTF8=ACCEPT",)),
    imap.Logout(),
    imap.UnknownCommand("XNEW", b"a {5}"),
    imap.Exists(1),
    "x",
    None,
)

CLIENT: dict[str, Any] = {
    "name": "IMAP client",
    "make": lambda limits: imap.Client(limits=limits, quirks=imap.Quirks(plaintext_auth=True)),
    "client": True,
    "make_play": lambda: play,
    "sessions": {
        "one after the other": [
            *SELECT,
            says(imap.Fetch(ALL, ("UID", "FLAGS"))),
            b"* 1 FETCH (UID 4 FLAGS ())\r\n* 2 FETCH (UID 9 FLAGS (\\Seen))\r\nA3 OK done\r\n",
            says(imap.Store(SequenceSet("1"), "+", ("\\Deleted",))),
            b"* 1 FETCH (FLAGS (\\Deleted))\r\nA4 OK done\r\n",
            says(imap.Expunge()),
            b"* 1 EXPUNGE\r\nA5 OK done\r\n",
            says(imap.Close()),
            b"A6 OK done\r\n",
            says(imap.Logout()),
            b"* BYE so long\r\nA7 OK done\r\n",
        ],
        "pipelined, and held": [
            *LOGIN,
            says(
                imap.Select("INBOX"),
                imap.Fetch(ALL, ("FLAGS",)),
                imap.Search((Key("SEEN"),)),
                imap.Noop(),
                imap.Fetch(ALL, ("UID",)),
                imap.Close(),
                imap.Namespace(),
            ),
            b"* 3 EXISTS\r\nA2 OK open\r\n",
            b"* SEARCH 2\r\nA4 OK done\r\nA3 NO no\r\nA5 OK done\r\n",
            b"A6 OK done\r\n",
            b"A7 OK done\r\n* NAMESPACE NIL NIL NIL\r\nA8 OK done\r\n",
        ],
        "a large section": [
            *SELECT,
            says(imap.Fetch(ALL, ("UID", Body(), "FLAGS"))),
            MESSAGE % (70_000, b"x" * 70_000),
            b"A3 OK done\r\n",
        ],
        "literals": [
            *LOGIN,
            says(append(20), imap.Noop()),
            b"+ go\r\n",
            b"A2 OK [APPENDUID 7 10] done\r\nA3 OK done\r\n",
            says(append(5_000)),
            b"A4 NO [OVERQUOTA] too large\r\n",
            says(append(5_000)),
            b"+ go\r\n",
            b"A5 OK done\r\n",
        ],
        "refused in the middle": [
            PLAIN_HELLO,
            says(imap.Login("ann", "secret")),
            b"A1 OK in\r\n",
            says(append(30)),
            b"+ go\r\nA2 NO changed my mind\r\n",
            says(imap.Noop()),
            b"A3 OK done\r\n",
        ],
        "AUTHENTICATE": [
            PLAIN_HELLO,
            says(imap.Authenticate("PLAIN", b"\0ann\0secret")),
            b"+ \r\n",
            b"A1 NO no\r\n",
            says(imap.Authenticate("SCRAM-SHA-256")),
            b"+ \r\n",
            b"+ c2Fs\r\n",
            b"+ ??\r\n",
            b"A2 OK [CAPABILITY IMAP4rev1 IDLE] in\r\n",
        ],
        "STARTTLS": [
            HELLO,
            says(imap.StartTls()),
            b"A1 OK go\r\n",
            says(imap.Capability()),
            b"* CAPABILITY IMAP4rev1\r\nA2 OK done\r\n",
            says(imap.Login("ann", "secret")),
            b"A3 NO [AUTHENTICATIONFAILED] no\r\n",
        ],
        "IDLE": [
            *SELECT,
            says(imap.Idle()),
            b"+ idling\r\n* 4 EXISTS\r\n",
            says(imap.Done()),
            b"* 5 EXISTS\r\nA3 OK done\r\n",
            says(imap.Idle()),
            b"A4 BAD no\r\n",
        ],
        "ENABLE": [
            *LOGIN,
            says(imap.Enable(("UTF8=ACCEPT",))),
            b"* ENABLED UTF8=ACCEPT\r\nA2 OK done\r\n",
            says(imap.Select("Entwürfe")),
            '* LIST () "/" Entwürfe\r\nA3 NO no\r\n'.encode(),
        ],
        "PREAUTH": [b"* PREAUTH in\r\n", says(imap.Select("x")), b"A1 OK\r\n"],
        "sent away": [b"* BYE too many\r\n"],
        "no greeting": [b"220 smtp.example ESMTP\r\n"],
        "data before the greeting": [b"* 1 EXISTS\r\n"],
        "farewell": [*SELECT, b"* BYE idle for too long\r\n"],
        "many farewells": [*LOGIN, says(imap.Logout()), b"* BYE\r\n* BYE\r\n* BYE\r\n"],
        "a completion of nothing": [*LOGIN, b"A9 OK done\r\n"],
        "a continuation of nothing": [*LOGIN, b"+ go on\r\n"],
        "OK before all was said": [*LOGIN, says(append(5_000)), b"A2 OK done\r\n"],
        "lost in a literal": [*SELECT, says(imap.Noop()), b"* 1 FETCH (BODY[] {9}\r\nhal", EOF],
        "lost behind LOGOUT": [*LOGIN, says(imap.Logout()), EOF],
        "timed out": [*LOGIN, says(imap.Noop()), TIMEOUT],
        "timed out in IDLE": [
            *LOGIN,
            says(imap.Idle()),
            b"+ idling\r\n",
            TIMEOUT,
            says(imap.Done()),
            b"A2 OK done\r\n",
        ],
        "ended": [*LOGIN, EOF],
    },
    "words": (
        HELLO,
        PLAIN_HELLO,
        b"* 3 EXISTS\r\n",
        b"* 1 EXPUNGE\r\n",
        b"* 1 FETCH (UID 4 FLAGS ())\r\n",
        b"* 1 FETCH (BODY[] {3}\r\nabc)\r\n",
        b"* 1 FETCH (ENVELOPE (\r\n",
        b"* CAPABILITY IMAP4rev1 LITERAL+\r\n",
        b"* ENABLED UTF8=ACCEPT\r\n",
        b"* BYE\r\n",
        b"* NO {3}\r\n",
        b"+ \r\n",
        b"+ c2Fs\r\n",
        b"A1 OK done\r\n",
        b"A1 NO no\r\n",
        b"A2 OK done\r\n",
        b"A2 BAD what\r\n",
        b"A3 OK done\r\n",
        b"abc",
        b"\r",
        b"\n",
        b"\r\n",
        b"*",
        b"\0\xff\r\n",
    ),
    "items": ITEMS,
    "calls": {"abort()": lambda machine: machine.abort()},
    "carry": lambda body: [
        *SELECT,
        says(imap.Fetch(ALL, (Body(),))),
        b"* 1 FETCH (BODY[] {%d}\r\n" % len(body) + body + b")\r\nA3 OK done\r\n",
    ],
    "stream": _stream,
    "listing": _listing,
    "hostile": {
        "a line without an end": lambda size: [PLAIN_HELLO + b"* OK " + b"x" * size],
        "many responses": lambda size: [PLAIN_HELLO + b"* 1 EXISTS\r\n" * size],
        "many parentheses": lambda size: [PLAIN_HELLO + b"* 1 FETCH (X " + b"(" * size + b"\r\n"],
        "many literals": lambda size: [
            PLAIN_HELLO + b"* 1 FETCH (X (" + b"{1}\r\nx " * size + b"))\r\n"
        ],
        "many line ends behind literals": lambda size: [
            PLAIN_HELLO + b"* 1 FETCH (X (" + b"{1}\r\nx\r\n" * size + b"))\r\n"
        ],
        "many commands": lambda size: [
            *LOGIN,
            says(*[imap.Noop()] * size),
            b"".join(b"A%d OK done\r\n" % (number + 2) for number in range(size)),
        ],
        "many commands, held": lambda size: [
            *SELECT,
            says(*[imap.Noop(), imap.Fetch(ALL, ("UID",))] * (size // 2)),
            *(b"A%d OK done\r\n" % (number + 3) for number in range(size // 2 * 2)),
        ],
        "completed from behind": lambda size: [
            *LOGIN,
            says(*[imap.Noop()] * size),
            b"".join(b"A%d OK done\r\n" % (number + 2) for number in reversed(range(size))),
        ],
    },
    "to_line": [PLAIN_HELLO],
    "to_tls": [HELLO, says(imap.StartTls()), b"A1 OK go\r\n"],
}
