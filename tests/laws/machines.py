"""The machines that the laws are tried on: one row each, and nothing about laws.

A protocol joins by adding its rows to `ROWS` and its vocabulary to `CODECS`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from hypothesis import strategies as st

from mailproto import BodyWanted, Limits, Machine, ProtocolError, Want, smtp
from mailproto._envelope import Param
from mailproto._machine import ServerMachine
from mailproto.smtp._codec import encode, parse_auth_response, parse_command, parse_reply
from mailproto.testing import EOF, TIMEOUT, Mark, Play, accept, run
from tests.contract import toy

Steps: TypeAlias = Sequence[bytes | Mark | Callable[[Any], object]]


@attrs.frozen(kw_only=True, repr=False)
class Row:
    """One machine, and what one must know to try it."""

    name: str
    make: Callable[[Limits], Machine[Any]]
    sessions: Mapping[str, Steps]
    """Sessions as this side sees them, orderly and otherwise. Together they visit every state."""
    make_play: Callable[[], Play] = lambda: accept
    """The application in these sessions."""
    words: tuple[bytes, ...]
    """What the peer may say, in and out of order: the alphabet of random sessions."""
    items: tuple[object, ...]
    """What the application may `send()`, in and out of order, sayable and unsayable."""
    to_body: Steps = ()
    """Clients: how to get to where a body is wanted."""
    carry: Callable[[bytes], Steps] | None = None
    """Servers: a session that brings this body (which ends with CRLF)."""
    stream: Callable[[int], Iterator[bytes]] | None = None
    """Servers: the same for a body of so many octets, or nearly, piece by piece."""
    hostile: Mapping[str, Callable[[int], Steps]]
    """Input that is hard on a careless machine, by its size."""
    odd: Mapping[str, tuple[Steps, bytes, str]] = {}
    """Deviations that are read all the same: what comes before, the octets, the defect's code."""
    probe: tuple[bytes, object] | None = None
    """Servers: a line that is good in every command state, and its event."""
    to_line: Steps = ()
    """How to get to where a line is expected."""
    to_tls: Steps | None = None
    """How to get to where TLS is wanted."""

    def __repr__(self) -> str:
        return f"<{self.name}>"


@attrs.frozen
class Codec:
    """A vocabulary: `parse(encode(value)) == value`."""

    name: str
    values: st.SearchStrategy[Any] = attrs.field(repr=False)
    encode: Callable[[Any], bytes]
    parse: Callable[[bytes], Any]
    lines: Callable[[Any], int] = lambda _: 1
    """How many lines a value takes."""


def says(*items: object) -> Callable[[Any], None]:
    """The application sends these now."""

    def act(machine: Any) -> None:
        for item in items:
            machine.send(item)

    return act


def writes(*pieces: bytes) -> Callable[[Any], None]:
    """The application writes these as the whole body that is wanted."""

    def act(machine: Any) -> None:
        for piece in pieces:
            machine.send_body(piece)
            machine.data_to_send()
        machine.end_body()

    return act


def careless(machine: Any, event: object) -> None:
    """An application that answers when asked, with whatever is shortest."""
    if event is Want.ANSWER:
        if isinstance(machine, ServerMachine):
            machine.accept()
        elif isinstance(machine.awaiting, BodyWanted):
            machine.end_body()
        else:
            machine.abort()


def slow(play: Play) -> Play:
    """The same application, but it answers only when the machine asks."""

    def slowly(machine: Any, event: object) -> None:
        if event is Want.ANSWER or not isinstance(machine, ServerMachine):
            play(machine, event)

    return slowly


def moments(row: Row) -> Iterator[tuple[str, bytes]]:
    """(where, pickled machine) before every question of its sessions, each distinct one once."""
    seen: set[bytes] = set()
    for name, steps in row.sessions.items():
        found: list[bytes] = []

        def keep(machine: Machine[Any], found: list[bytes] = found) -> Machine[Any]:
            found.append(pickle.dumps(machine))
            return machine

        run(row.make(Limits()), steps, slow(row.make_play()), between=keep)
        for number, frozen in enumerate(found):
            if frozen not in seen:
                seen.add(frozen)
                yield f"{name}, before question {number}", frozen


def acts(row: Row) -> list[tuple[str, Callable[[Any], object]]]:
    """Everything an application can do to a machine, allowed or not."""
    found: list[tuple[str, Callable[[Any], object]]] = [
        (f"send({item!r})", lambda machine, item=item: machine.send(item)) for item in row.items
    ]
    found += [
        ("send_body(b'x')", lambda machine: machine.send_body(b"x")),
        ("send_body(b'a\\rb')", lambda machine: machine.send_body(b"a\rb")),
        ("send_body(None)", lambda machine: machine.send_body(None)),
        ("end_body()", lambda machine: machine.end_body()),
        ("tls_established()", lambda machine: machine.tls_established()),
        ("receive_data(5)", lambda machine: machine.receive_data(5)),
        ("receive_data(str)", lambda machine: machine.receive_data("text")),
    ]
    if row in SERVERS:
        for item in (None, *row.items):
            found.append((f"accept({item!r})", lambda machine, item=item: machine.accept(item)))
            found.append((f"reject({item!r})", lambda machine, item=item: machine.reject(item)))
    return found


REFUSALS = (ProtocolError, TypeError, ValueError)
"""What a machine may raise when its application asks for the impossible."""

# --- The toy --------------------------------------------------------------------------------------


def _toy_stream(size: int) -> Iterator[bytes]:
    block = b"x" * 65_536
    yield b"PUT %d\r\n" % size
    for _ in range(size // len(block)):
        yield block


def _toy_play(machine: Any, event: object) -> None:
    if isinstance(machine.awaiting, BodyWanted):
        size = machine.awaiting.command.size
        if event is Want.ANSWER:
            machine.send_body(b"y" * (size - 1) if machine._owed == size else b"y" * machine._owed)
            if not machine._owed:
                machine.data_to_send()
                machine.end_body()
    else:
        accept(machine, event)


TOY_SERVER = Row(
    name="toy server",
    make=lambda limits: toy.Server(limits=limits),
    make_play=lambda: _toy_play,
    sessions={
        "everything": [
            b"ECHO hello\r\nNONSENSE \xff\r\nPUT 12\r\nfirst\r\nlast\n",
            b"GET 9\r\nECHO behind\r\n",
            b"TLS\r\n",
            b"ECHO secret\r\nQUIT\r\n",
        ],
        "cut short": [b"PUT 9\r\nsome", EOF],
        "timed out": [b"ECHO a", TIMEOUT],
    },
    words=(
        b"ECHO a\r\n",
        b"PUT 3\r\n",
        b"abc",
        b"PUT 0\r\n",
        b"TLS\r\n",
        b"\r",
        b"\n",
        b"no\0\r\n",
    ),
    items=(toy.Push("news"), toy.Push("a\nb"), "x", None),
    carry=lambda body: [b"PUT %d\r\n" % len(body) + body],
    stream=_toy_stream,
    hostile={
        "many lines": lambda size: [b"ECHO x\r\n" * size],
        "many bodies": lambda size: [b"PUT 1\r\nx" * size],
    },
    probe=(b"ECHO here\r\n", toy.Echo("here")),
    to_tls=[b"TLS\r\n"],
)

TOY_CLIENT = Row(
    name="toy client",
    make=lambda limits: toy.Client(limits=limits),
    make_play=lambda: _toy_play,
    sessions={
        "everything": [
            b"+hello\r\n",
            says(toy.Echo("a"), toy.Echo("b"), toy.Get(7)),
            b"+a\r\n!news\r\n-no\r\n*7\r\n1234567",
            says(toy.Put(9)),
            b">\r\n",
            b"+stored\r\n",
            says(toy.StartTls()),
            b"+go\r\n",
            says(toy.Quit()),
            b"+bye\r\n",
        ],
        "lost": [says(toy.Echo("b")), b"+", EOF],
        "timed out": [says(toy.Echo("b")), b"+hello\r\n", TIMEOUT],
    },
    words=(
        b"+a\r\n",
        b"-no\r\n",
        b">\r\n",
        b"*3\r\n",
        b"abc",
        b"!\r\n",
        b"\r",
        b"\n",
        b"+\0\xff\r\n",
    ),
    items=(toy.Echo("a"), toy.Echo("x\ny"), toy.Put(3), toy.Get(3), toy.Quit(), "x", None),
    to_body=[b"+hello\r\n", says(toy.Put(1 << 40)), b">\r\n"],
    hostile={
        "many answers": lambda size: [b"!x\r\n" * size],
    },
    to_tls=[b"+hello\r\n", says(toy.StartTls()), b"+go\r\n"],
)

# --- SMTP -----------------------------------------------------------------------------------------

_atom = st.text("abcXYZ019!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=12)
_label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_domain = st.lists(_label, min_size=1, max_size=4).map(".".join) | st.sampled_from(
    ["[192.0.2.1]", "[IPv6:2001:db8::1]", "[x-tag:what]", "bücher.example"]
)
_quoted = st.text('ab .@<>()",\\', max_size=10).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
_address = st.builds(
    "{}@{}".format, st.lists(_atom, min_size=1, max_size=3).map(".".join) | _quoted, _domain
)
_line_text = st.text(
    st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"]),
    max_size=30,
)
_string = _line_text.map(lambda text: text.strip(" \t"))
_octets = st.binary(max_size=40)

_mail_params = st.fixed_dictionaries(
    {},
    optional={
        "SIZE": st.integers(0, 10**12).map(smtp.SIZE),
        "BODY": st.sampled_from(["7BIT", "8BITMIME", "BINARYMIME"]).map(smtp.BODY),
        "SMTPUTF8": st.just(smtp.SMTPUTF8(True)),
        "RET": st.sampled_from(["FULL", "HDRS"]).map(smtp.RET),
        "ENVID": _line_text.filter(bool).map(smtp.ENVID),
        "AUTH": (st.just("") | _address).map(smtp.AUTH),
        "MT-PRIORITY": st.integers(-9, 9).map(smtp.MT_PRIORITY),
        "X-OWN": st.none().map(lambda _: Param("X-OWN")),
        "XVALUE": st.from_regex(r"[!-<>-~]{1,9}", fullmatch=True).map(
            lambda value: Param("XVALUE", value)
        ),
    },
).map(lambda found: tuple(found.values()))
_rcpt_params = st.fixed_dictionaries(
    {},
    optional={
        "NOTIFY": st.sampled_from([("NEVER",), ("SUCCESS", "DELAY")]).map(smtp.NOTIFY),
        "ORCPT": st.builds(
            smtp.OriginalRecipient, st.sampled_from(["rfc822", "utf-8"]), _line_text.filter(bool)
        ).map(smtp.ORCPT),
    },
).map(lambda found: tuple(found.values()))

_smtp_commands = st.one_of(
    st.builds(smtp.Helo, _domain),
    st.builds(smtp.Ehlo, _domain),
    st.builds(smtp.Lhlo, _domain),
    st.builds(smtp.Mail, st.just("") | _address, _mail_params),
    st.builds(smtp.Rcpt, st.sampled_from(["postmaster", "Postmaster"]) | _address, _rcpt_params),
    st.builds(smtp.Bdat, st.integers(0, 2**63 - 1), st.booleans()),
    st.sampled_from([smtp.Data(), smtp.Rset(), smtp.Quit(), smtp.StartTls()]),
    st.builds(smtp.Vrfy, _string.filter(bool)),
    st.builds(smtp.Expn, _string.filter(bool)),
    st.builds(smtp.Help, _string),
    st.builds(smtp.Noop, _string),
    st.builds(smtp.Etrn, _domain.map("@{}".format) | st.just("#queue")),
    st.builds(smtp.Auth, st.sampled_from(["PLAIN", "SCRAM-SHA-256"]), st.none() | _octets),
    st.builds(smtp.UnknownCommand, st.sampled_from(["XCLIENT", "XPAINT"]), _string),
)
_smtp_replies = st.builds(
    smtp.Reply, st.integers(200, 599), st.lists(_line_text, min_size=1, max_size=5)
)

CODECS = [
    Codec("SMTP commands", _smtp_commands, encode, parse_command),
    Codec("SMTP replies", _smtp_replies, encode, parse_reply, lambda reply: len(reply.lines)),
    Codec(
        "SMTP answers to challenges",
        st.builds(smtp.AuthResponse, _octets) | st.just(smtp.AuthCancel()),
        encode,
        parse_auth_response,
    ),
]


def _smtp_play(machine: Any, event: object) -> None:
    """Takes everything; AUTH gets a challenge first when it came without a response."""
    awaiting = machine.awaiting
    if isinstance(awaiting, smtp.Auth) and awaiting.initial_response is None:
        machine.send(smtp.Challenge(b"Username:"))
    elif isinstance(awaiting, smtp.Rcpt) and awaiting.recipient.startswith("nobody"):
        machine.reject()
    else:
        accept(machine, event)


_CONFIG = smtp.ServerConfig(
    hostname="mx.example",
    size=200_000_000,
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
    ),
)

_EHLO = b"EHLO client.example\r\n"
_MAIL = b"MAIL FROM:<a@a.example>\r\n"
_RCPT = b"RCPT TO:<b@b.example>\r\n"


def _stuffed(body: bytes) -> bytes:
    lines = body.splitlines(keepends=True)
    return b"".join(b"." + line if line.startswith(b".") else line for line in lines)


def _text_stream(hello: bytes) -> Callable[[int], Iterator[bytes]]:
    def stream(size: int) -> Iterator[bytes]:
        yield hello + _MAIL + _RCPT + b"DATA\r\n"
        block = (b"x" * 62 + b"\r\n" + b"..y" + b"z" * 57 + b"\r\n") * 512
        for _ in range(size // len(block)):
            yield block

    return stream


def _in_order(size: int) -> bytes:
    """`size` octets of lines of several lengths, none of which is a command."""
    return (b"?" * 5 + b"\r\n" + b"? " * 30 + b"\r\n") * (size // 69)


_smtp_hostile: dict[str, Callable[[int], Steps]] = {
    "commands": lambda size: [_EHLO + b"NOOP\r\n" * size],
    "garbage": lambda size: [_in_order(20 * size)],
    "recipients": lambda size: [_EHLO + _MAIL + _RCPT * size],
    "transactions": lambda size: [_EHLO + (_MAIL + _RCPT + b"RSET\r\n") * size],
    "parameters": lambda size: [
        _EHLO + b"MAIL FROM:<>" + b"".join(b" X%d=1" % n for n in range(size)) + b"\r\n"
    ],
    "a path of dots": lambda size: [_EHLO + b"MAIL FROM:<" + b"a." * size + b"@x>\r\n"],
    "a path of quotes": lambda size: [_EHLO + b'MAIL FROM:<"' + b'\\"' * size + b">\r\n"],
    "a source route": lambda size: [_EHLO + b"RCPT TO:<" + b"@a," * size + b"b@c>\r\n"],
    "a long word": lambda size: [_EHLO + b"NOOP " + b"x" * size + b"\r\n"],
    "spaces": lambda size: [_EHLO + b"MAIL FROM:" + b" " * size + b"<>\r\n"],
    "base64": lambda size: [_EHLO + b"AUTH PLAIN " + b"YWFh" * size + b"\r\n"],
    "dots": lambda size: [_EHLO + _MAIL + _RCPT + b"DATA\r\n" + b"..\r\n" * size + b".\r\n"],
    "nearly the end": lambda size: [
        _EHLO + _MAIL + _RCPT + b"DATA\r\n" + b"\r\n.\r" * size + b"\r\n.\r\n"
    ],
    "a refused text": lambda size: [
        _EHLO + _MAIL + _RCPT + b"DATA\r\n" + b"\n" * size + b"\r\n.\r\n"
    ],
    "small chunks": lambda size: [_EHLO + _MAIL + _RCPT + b"BDAT 1\r\nx" * size],
    "refused chunks": lambda size: [_EHLO + b"BDAT 1\r\nx" * size],
}

_smtp_odd: dict[str, tuple[Steps, bytes, str]] = {
    "space behind the colon": ([_EHLO], b"MAIL FROM: <a@b.example>\r\n", "space_after_colon"),
    "no brackets": ([_EHLO], b"MAIL FROM:a@b.example\r\n", "no_angle_brackets"),
    "a source route": (
        [_EHLO],
        b"MAIL FROM:<@relay.example:a@b.example>\r\n",
        "source_route",
    ),
    "a space behind a verb": ([_EHLO], b"NOOP \r\n", "trailing_space"),
    "an odd name": ([], b"EHLO under_score\r\n", "odd_domain"),
    "two dots": ([_EHLO], b"MAIL FROM:<a..b@b.example>\r\n", "dots_in_local_part"),
    "NUL in the body": (
        [_EHLO + _MAIL + _RCPT + b"DATA\r\n"],
        b"a\0b\r\n.\r\n",
        "nul",
    ),
    "a long line in the body": (
        [_EHLO + _MAIL + _RCPT + b"DATA\r\n"],
        b"x" * 1000 + b"\r\n.\r\n",
        "long_line",
    ),
    "8-bit octets in the body": (
        [_EHLO + _MAIL + _RCPT + b"DATA\r\n"],
        b"\xe4\r\n.\r\n",
        "eight_bit",
    ),
    "a bare LF in the body": (
        [_EHLO + _MAIL + _RCPT + b"DATA\r\n"],
        b"a\nb\r\n.\r\n",
        "bare_lf",
    ),
    "a bare CR in the body": (
        [_EHLO + _MAIL + _RCPT + b"DATA\r\n"],
        b"a\rb\r\n.\r\n",
        "bare_cr",
    ),
}

SMTP_SERVER = Row(
    name="SMTP server",
    make=lambda limits: smtp.Server(_CONFIG, limits=limits),
    make_play=lambda: _smtp_play,
    sessions={
        "pipelined messages": [
            _EHLO,
            b"MAIL FROM:<a@a.example> SIZE=1000 BODY=8BITMIME\r\n",
            b"RCPT TO:<b@b.example> NOTIFY=NEVER\r\nRCPT TO:<nobody@b.example>\r\nDATA\r\n",
            b"Subject: one\r\n\r\n..dot\r\n.\r\n",
            _MAIL + _RCPT + b"DATA\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\nNOOP\r\n",
        ],
        "chunks": [
            _EHLO + _MAIL + _RCPT + b"BDAT 7\r\nfirst\r\nBDAT 6 LAST\r\nsecond",
            _MAIL + _RCPT + b"BDAT 3\r\nabcRSET\r\n",
            b"BDAT 4\r\nRSET" + _MAIL + _RCPT + b"BDAT 2\r\nxyDATA\r\nBDAT 0 LAST\r\n",
            b"QUIT\r\n",
        ],
        "STARTTLS": [
            _EHLO + _MAIL,
            b"RSET\r\nSTARTTLS\r\n",
            b"NOOP\r\n" + _MAIL + _EHLO + b"STARTTLS\r\n" + _MAIL + _RCPT + b"QUIT\r\n",
        ],
        "AUTH": [
            _EHLO,
            b"AUTH PLAIN AGEAYg==\r\nAUTH LOGIN\r\n",
            b"QUIT\r\n",
        ],
        "AUTH with a challenge": [
            _EHLO + b"AUTH LOGIN\r\n",
            b"*\r\n",
            b"AUTH LOGIN\r\n",
            b"not base64\r\n",
            b"AUTH NOVEL\r\nAUTH LOGIN\r\n",
            b"dXNlcg==\r\n",
            b"NOOP\r\n",
        ],
        "questions": [
            b"HELO client.example\r\nVRFY somebody\r\nEXPN list\r\nHELP\r\nHELP MAIL\r\n",
            _EHLO + b"ETRN @b.example\r\nNOOP anything\r\nXYZZY\r\nQUIT\r\n",
        ],
        "out of order": [
            _MAIL + b"DATA\r\nRCPT TO:<a@b.example>\r\nSTARTTLS\r\nAUTH PLAIN\r\n",
            _EHLO + _RCPT + b"DATA\r\nLHLO x\r\n" + _MAIL + _MAIL + b"DATA\r\n" + _EHLO,
        ],
        "refused lines": [
            _EHLO + b"MAIL FROM:<a b@c>\r\nMAIL\r\n\xff\xfe\r\nN\0OOP\r\n\r\n",
            b"NOOP\nMAIL FROM:<>\r\nMAIL FROM:<> SIZE=x\r\nMAIL FROM:<> COLOUR=blue\r\n",
            b"NOOP " + b"x" * 13_000 + b"\r\nNOOP\r\n",
        ],
        "refused texts": [
            _EHLO + _MAIL + _RCPT + b"DATA\r\n",
            b"good\r\nbare\nline\r\n.\n.\r\n\n.\r\n\r\n.\r\nNOOP\r\n",
            _MAIL + _RCPT + b"DATA\r\na\r\r\n.\r\n.\r\nQUIT\r\n",
        ],
        "too large": [
            _EHLO + _MAIL + _RCPT + b"BDAT 300000000 LAST\r\nwhatever",
            EOF,
        ],
        "unreadable chunk": [_EHLO + _MAIL + _RCPT + b"BDAT ten\r\nNOOP\r\n"],
        "TLS without asking": [b"\x16\x03\x01\x02\x00\x01"],
        "cut short": [_EHLO + _MAIL + _RCPT + b"DATA\r\nhalf a li", EOF],
        "timed out": [_EHLO, TIMEOUT],
        "timed out in a body": [_EHLO + _MAIL + _RCPT + b"DATA\r\nhalf", TIMEOUT],
    },
    words=(
        _EHLO,
        b"HELO x\r\n",
        _MAIL,
        b"MAIL FROM:<>\r\n",
        _RCPT,
        b"DATA\r\n",
        b"BDAT 3\r\n",
        b"BDAT 0 LAST\r\n",
        b"BDAT 2 LAST\r\n",
        b"abc",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"STARTTLS\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH PLAIN AGEAYg==\r\n",
        b"dXNlcg==\r\n",
        b"*\r\n",
        b"VRFY x\r\n",
        b"QUIT\r\n",
        b".\r\n",
        b"\r\n.\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b".",
        b"..x\r\n",
        b"LHLO x\r\n",
        b"UNKNOWN\r\n",
        b"a@b",
        b"<",
        b" ",
    ),
    items=(
        smtp.Reply(250, "fine"),
        smtp.Reply(354, "go on"),
        smtp.Reply(421, "4.3.2 later"),
        smtp.Reply(451, "no\nnot now"),
        smtp.Reply(550, "no\r\nQUIT"),
        smtp.Reply(99, "what"),
        smtp.Reply(250, ()),
        smtp.Challenge(b"?"),
        smtp.Noop(),
        "250 fine",
        None,
    ),
    carry=lambda body: [_EHLO + _MAIL + _RCPT + b"DATA\r\n", _stuffed(body) + b".\r\n"],
    stream=_text_stream(_EHLO),
    hostile=_smtp_hostile,
    odd=_smtp_odd,
    probe=(b"NOOP here\r\n", smtp.Noop("here")),
    to_tls=[_EHLO + b"STARTTLS\r\n"],
)

_LHLO = b"LHLO client.example\r\n"
_TWO = _MAIL + _RCPT + b"RCPT TO:<nobody@b.example>\r\nRCPT TO:<c@b.example>\r\n"

LMTP_SERVER = Row(
    name="LMTP server",
    make=lambda limits: smtp.Server(attrs.evolve(_CONFIG, lmtp=True), limits=limits),
    make_play=lambda: _smtp_play,
    sessions={
        "two recipients": [
            _LHLO + _TWO + b"DATA\r\n",
            b"text\r\n.\r\nMAIL FROM:<>\r\nRSET\r\n",
            _TWO + b"BDAT 2\r\nxxBDAT 3 LAST\r\nyyyQUIT\r\n",
        ],
        "refused text": [_LHLO + _TWO + b"DATA\r\n", b"\n\r\n.\r\nQUIT\r\n"],
        "wrong hello": [_EHLO + b"HELO x\r\n" + _LHLO],
        "spoilt": [_LHLO + _TWO + b"BDAT x\r\n"],
    },
    words=(
        _LHLO,
        _EHLO,
        _TWO,
        _MAIL,
        _RCPT,
        b"DATA\r\n",
        b"BDAT 3\r\n",
        b"BDAT 2 LAST\r\n",
        b"abc",
        b".\r\n",
        b"\r\n.\r\n",
        b"\n",
        b"\r",
        b"RSET\r\n",
        b"QUIT\r\n",
        b"STARTTLS\r\n",
    ),
    items=SMTP_SERVER.items,
    carry=lambda body: [_LHLO + _TWO + b"DATA\r\n", _stuffed(body) + b".\r\n"],
    stream=_text_stream(_LHLO),
    hostile={
        "an answer for each": lambda size: [
            _LHLO + _MAIL + _RCPT * size + b"DATA\r\n.\r\n",
        ],
    },
    probe=SMTP_SERVER.probe,
    to_tls=[_LHLO + b"STARTTLS\r\n"],
)

ROWS = [SMTP_SERVER, LMTP_SERVER]
SERVERS = [row for row in ROWS if row.carry is not None]
CLIENTS = [row for row in ROWS if row not in SERVERS]
