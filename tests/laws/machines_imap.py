"""IMAP's rows of the laws."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from mailproto import BodyWanted, TlsEstablished, Want, imap
from mailproto.imap import AppendMessage, Body, Key, SequenceSet, Streamed
from mailproto.testing import EOF, TIMEOUT

__all__ = ["CLIENT", "PAIR", "SERVER"]

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


# --- The server -----------------------------------------------------------------------------------

CONFIG = imap.ServerConfig(
    capabilities=(*imap.ServerConfig().capabilities, "UTF8=ACCEPT", "ID", "CONDSTORE", "REPLACE"),
    auth=("PLAIN", "LOGIN"),
    plaintext_auth=True,
    starttls=True,
    verbs=("XTEST",),
)


class Mailbox:
    """An application with a few answers. Names and passwords are right unless they say wrong."""

    def __init__(self) -> None:
        self.given = ""  # the tag of the last command that was told something

    def __call__(self, machine: Any, event: object) -> None:
        awaiting = machine.awaiting
        if isinstance(awaiting, BodyWanted):
            if event is not Want.ANSWER:
                return
            if machine._body_left:
                machine.send_body(b"y" * min(machine._body_left, 11))
            else:
                machine.end_body()
        elif event is Want.ANSWER:
            self.answer(machine, awaiting)
        elif isinstance(event, imap.Noop):
            machine.send(imap.Exists(3))

    def answer(self, machine: Any, awaiting: Any) -> None:
        match awaiting:
            case imap.Login(password="wrong"):
                machine.reject()
            case imap.Authenticate(mechanism="LOGIN") | imap.AuthResponse(data=b"user"):
                machine.send(imap.Challenge(b"what?"))
            case imap.Select(mailbox="gone") | imap.Append(mailbox="gone"):
                machine.reject(code=imap.ResponseCode("NONEXISTENT"))
            case imap.Fetch(items=items) if self.given != awaiting.tag:
                self.given = awaiting.tag
                found: Any = (("UID", 4), ("FLAGS", ("\\Seen",)))
                if isinstance(items[0], Body):
                    size = 25 if items == (Body(),) else 2**40
                    found = ((Body(), Streamed(size)), ("UID", 4))
                machine.send(imap.FetchData(1, found))
            case imap.Search() if self.given != awaiting.tag:
                self.given = awaiting.tag
                machine.send(imap.SearchData((1, 2)))
            case imap.Expunge() if self.given != awaiting.tag:
                self.given = awaiting.tag
                machine.send(imap.Expunged(1))
            case _:
                machine.accept()


IN = b"a1 LOGIN ann secret\r\n"
OPEN = IN + b"a2 SELECT INBOX\r\n"


def _append_stream(size: int) -> Iterator[Any]:
    yield IN + b"a2 APPEND INBOX {%d+}\r\n" % size
    block = b"x" * 65_536
    for _ in range(size // len(block)):
        yield block
    yield b"x" * (size % len(block)) + b"\r\n"


SERVER_ITEMS: tuple[object, ...] = (
    imap.Exists(3),
    imap.Expunged(1),
    imap.Vanished(SequenceSet("4")),
    imap.FetchData(1, ((Body(), Streamed(3)),)),
    imap.FetchData(1, ((Body(), b"a\0b"),)),
    imap.ListData((), "/", "a\nb"),
    imap.Condition("OK", "done", tag="a1"),
    imap.Condition("NO", "no"),
    imap.Condition("BYE", "no"),
    imap.Condition("OK", "a\nb"),
    imap.Continuation("x"),
    imap.Challenge(b"x"),
    imap.Noop(),
    "x",
    None,
)

SERVER: dict[str, Any] = {
    "name": "IMAP server",
    "make": lambda limits: imap.Server(CONFIG, limits=limits),
    "make_play": Mailbox,
    "sessions": {
        "one after the other": [
            b"a1 CAPABILITY\r\n",
            b"a2 LOGIN ann {6}\r\n",
            b"secret\r\n",
            b'a3 LIST "" *\r\n',
            b"a4 SELECT INBOX\r\n",
            b"a5 FETCH 1:* (UID FLAGS)\r\n",
            b"a6 SEARCH OR SEEN NOT (FROM ann TO bob)\r\n",
            b"a7 STORE 1 +FLAGS (\\Deleted)\r\n",
            b"a8 EXPUNGE\r\n",
            b"a9 CLOSE\r\n",
            b"a10 LOGOUT\r\n",
        ],
        "pipelined": [
            OPEN + b"a3 NOOP\r\na4 FETCH 1 FLAGS\r\na5 UID FETCH 4 FLAGS\r\na6 CHECK\r\n",
            b"a7 SEARCH ALL\r\na8 COPY 1 x\r\na9 UNSELECT\r\na10 FETCH 1 UID\r\na11 LOGOUT\r\n",
        ],
        "a message": [
            IN + b"a2 APPEND INBOX (\\Seen) {5}\r\n",
            b"hello\r\n",
            b"a3 APPEND INBOX {5+}\r\nhello {3+}\r\nabc\r\na4 NOOP\r\n",
            b"a5 APPEND {5+}\r\nINBOX UTF8 (~{3+}\r\nabc)\r\n",
            b"a6 APPEND INBOX {2+}\r\nab junk\r\na7 NOOP\r\n",
            b"a8 APPEND INBOX CATENATE (URL /x TEXT {3+}\r\nabc)\r\n",
            b"a9 APPEND INBOX CATENATE (TEXT {3}\r\n",
            b"abc)\r\n",
        ],
        "a message that is refused": [
            IN + b"a2 APPEND gone {5+}\r\nhello\r\na3 APPEND gone {5}\r\na4 NOOP\r\n",
            b"a5 APPEND gone {5+}\r\nhello {3+}\r\nabc\r\na6 NOOP\r\n",
            b"a7 APPEND gone {0+}\r\n\r\n",
        ],
        "a message out of place": [b"a1 APPEND x {5+}\r\nhello\r\na2 APPEND x {5}\r\na3 NOOP\r\n"],
        "octets of a message": [OPEN + b"a3 FETCH 1 BODY[]\r\na4 NOOP\r\n"],
        "replaced": [
            OPEN + b"a3 REPLACE 4 INBOX {3}\r\n",
            b"abc\r\na4 UID REPLACE 9 x {1+}\r\nx\r\n",
        ],
        "STARTTLS": [
            b"a1 STARTTLS\r\n",
            b"a2 CAPABILITY\r\na3 STARTTLS\r\n" + IN,
        ],
        "AUTHENTICATE": [
            b"a1 AUTHENTICATE NOVEL\r\na2 AUTHENTICATE LOGIN\r\n",
            b"dXNlcg==\r\n",
            b"*\r\n",
            b"a3 AUTHENTICATE LOGIN\r\n",
            b"no base64\r\n",
            b"a4 AUTHENTICATE PLAIN AGEAYg==\r\na5 AUTHENTICATE PLAIN\r\n",
        ],
        "IDLE": [
            OPEN + b"a3 IDLE\r\n",
            b"DONE\r\na4 IDLE\r\n",
            b"NOOP\r\na5 NOOP\r\nDONE\r\n",
        ],
        "ENABLE": [
            IN + b"a2 ENABLE UTF8=ACCEPT CONDSTORE NOVEL\r\n",
            'a3 SELECT "Entwürfe"\r\n'.encode(),
        ],
        "refused logins": [b"a1 LOGIN ann wrong\r\na2 SELECT x\r\n" + IN],
        "too many refused logins": [b"a1 LOGIN ann wrong\r\n" * 11],
        "refused lines": [
            b"\r\n\xff\xfe\r\na1\r\na2 N\0OOP\r\na3 NOVEL\r\na4 XTEST x\r\na5 LOGIN\r\n+ x\r\n",
            b"a6 NOOP {3}\r\na7 NOOP {3+}\r\nabc\r\nDONE\r\na8 UID NOOP\r\na\n9 NOOP\r\n",
        ],
        "too large": [
            b"a1 LOGIN " + b"x" * 140_000 + b"\r\na2 LOGIN {200000}\r\na3 LOGIN {200000+}\r\n",
            b"y" * 200_000 + b" {3+}\r\nabc\r\na4 NOOP\r\n",
        ],
        "TLS without asking": [b"\x16\x03\x01\x02\x00\x01"],
        "lost in a literal": [b"a1 LOGIN {9+}\r\nhal", EOF],
        "lost in a message": [IN + b"a2 APPEND INBOX {9+}\r\nhal", EOF],
        "ended": [OPEN, EOF],
        "timed out": [OPEN, TIMEOUT],
        "timed out in IDLE": [OPEN + b"a3 IDLE\r\n", TIMEOUT],
        "timed out in a message": [IN + b"a2 APPEND INBOX {9}\r\n", b"hal", TIMEOUT],
    },
    "words": (
        IN,
        b"a2 SELECT INBOX\r\n",
        b"a3 FETCH 1 FLAGS\r\n",
        b"a3 FETCH 1 BODY[]\r\n",
        b"a4 APPEND INBOX {3}\r\n",
        b"a4 APPEND gone {3+}\r\n",
        b"abc",
        b"abc\r\n",
        b"a5 LOGIN ann {3}\r\n",
        b"a6 IDLE\r\n",
        b"DONE\r\n",
        b"a7 AUTHENTICATE LOGIN\r\n",
        b"dXNlcg==\r\n",
        b"*\r\n",
        b"a8 STARTTLS\r\n",
        b"a9 NOOP\r\n",
        b"a10 EXPUNGE\r\n",
        b"a11 LOGOUT\r\n",
        b"{3+}\r\n",
        b"\r",
        b"\n",
        b"\r\n",
        b"a\0\xff\r\n",
    ),
    "items": SERVER_ITEMS,
    "calls": {
        "abort()": lambda machine: machine.abort(),
        "accept(code)": lambda machine: machine.accept(code=imap.ResponseCode("ALERT")),
        "reject(text)": lambda machine: machine.reject(text="a\nb"),
    },
    "to_body": [OPEN + b"a3 FETCH 1 BODY[TEXT]\r\n"],
    "carry": lambda body: [
        IN + b"a2 APPEND INBOX {%d}\r\n" % len(body),
        body + b"\r\n",
    ],
    "stream": _append_stream,
    "hostile": {
        "many commands": lambda size: [b"a NOOP\r\n" * size],
        "many refused commands": lambda size: [b"a NOVEL\r\n" * size],
        "many literals": lambda size: [
            b"".join(b"a%d LOGIN {1+}\r\nx {1+}\r\ny\r\n" % number for number in range(size))
        ],
        "literals in one command": lambda size: [
            IN + b"a2 SEARCH" + b" FROM {1+}\r\nx" * size + b"\r\n"
        ],
        "many parentheses": lambda size: [OPEN + b"a3 SEARCH " + b"(" * size + b"\r\n"],
        "many NOTs": lambda size: [OPEN + b"a3 SEARCH " + b"NOT " * size + b"SEEN\r\n"],
        "many messages": lambda size: [IN + b"a2 APPEND INBOX {1+}\r\nx\r\n" * size],
        "messages of one command": lambda size: [
            IN + b"a2 APPEND INBOX" + b" {1+}\r\nx" * size + b"\r\n"
        ],
        "a line without an end": lambda size: [b"a1 LOGIN " + b"x" * size],
        "quotes": lambda size: [OPEN + b'a3 SEARCH FROM "' + b'\\"' * size + b"\r\n"],
        "flags": lambda size: [OPEN + b"a3 STORE 1 FLAGS (" + b"a " * size + b"a)\r\n"],
    },
    "odd": {
        "a space at the end": ([IN], b"a2 IDLE \r\n", "trailing_space"),
    },
    "probe": (b"a9 NOOP\r\n", imap.Noop()),
    "to_tls": [b"a1 STARTTLS\r\n"],
}

PAIR: dict[str, Any] = {
    "name": "IMAP",
    "client": lambda: imap.Client(quirks=imap.Quirks(plaintext_auth=True)),
    "server": lambda: imap.Server(CONFIG),
    "make_play": Mailbox,
    "talk": (
        imap.Capability(),
        imap.StartTls(),
        imap.Capability(),
        imap.Authenticate("LOGIN"),
        imap.AuthResponse(b"user"),
        imap.AuthResponse(b"secret"),
        (imap.Enable(("UTF8=ACCEPT",)),),
        (imap.Select("Entwürfe"), imap.Fetch(ALL, ("FLAGS",)), imap.Noop(), imap.Expunge()),
        imap.Fetch(SequenceSet("1"), (Body(),)),
        append(9),
        b"123456789",
        imap.Search((Key("FROM", 'a"b\\'), imap.Not(Key("SUBJECT", "é\r\n")))),
        imap.UnknownCommand("XTEST", b"x"),
        imap.Logout(),
    ),
    "heard": (
        imap.Capability(),
        imap.StartTls(),
        TlsEstablished(),
        imap.Capability(),
        imap.Authenticate("LOGIN"),
        imap.AuthResponse(b"user"),
        imap.AuthResponse(b"secret"),
        imap.Enable(("UTF8=ACCEPT",)),
        imap.Select("Entwürfe"),
        imap.Fetch(ALL, ("FLAGS",)),
        imap.Noop(),
        imap.Expunge(),
        imap.Fetch(SequenceSet("1"), (Body(),)),
        append(9),
        imap.BodyEnd(),
        imap.Search((Key("FROM", 'a"b\\'), imap.Not(Key("SUBJECT", "é\r\n")))),
        imap.UnknownCommand("XTEST", b"x"),
        imap.Logout(),
    ),
}
