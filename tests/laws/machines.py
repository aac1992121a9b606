"""The machines that the laws are tried on: one row each, and nothing about laws.

A protocol joins by adding its rows to `ROWS` and its vocabulary to `CODECS`.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from typing import Any, TypeAlias

import attrs
from hypothesis import strategies as st

from mailproto import BodyWanted, Limits, Machine, ProtocolError, TlsEstablished, Want, pop3, smtp
from mailproto._envelope import Envelope, Param
from mailproto._machine import ServerMachine
from mailproto._wire import BareNewlines
from mailproto.message import Message
from mailproto.pop3 import _codec as pop3_codec
from mailproto.smtp._codec import encode, parse_auth_response, parse_command, parse_reply
from mailproto.testing import EOF, TIMEOUT, Mark, Play, accept, run
from tests.contract import toy
from tests.laws import machines_imap

Step: TypeAlias = bytes | Mark | Callable[[Any], object]
Steps: TypeAlias = Sequence[Step]


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Row:
    """One machine, and what one must know to try it."""

    name: str
    make: Callable[[Limits], Machine[Any]]
    client: bool = False
    sessions: Mapping[str, Steps]
    """Sessions as this side sees them, orderly and otherwise. Together they visit every state."""
    make_play: Callable[[], Play] = lambda: accept
    """The application in these sessions."""
    words: tuple[bytes, ...]
    """What the peer may say, in and out of order: the alphabet of random sessions."""
    items: tuple[object, ...]
    """What the application may `send()`, in and out of order, sayable and unsayable."""
    calls: Mapping[str, Callable[[Any], object]] = {}
    """What else the application may do."""
    to_body: Steps = ()
    """How to get to where the application is asked for a text."""
    carry: Callable[[bytes], Steps] | None = None
    """A session that brings this body (which ends with CRLF) to this side."""
    stream: Callable[[int], Iterator[Step]] | None = None
    """The same for a body of so many octets, or nearly, piece by piece."""
    listing: Callable[[int], Iterator[Step]] | None = None
    """Clients: a session that brings a listing of so many octets, or nearly."""
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

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))  # Hypothesis would write down every field


@attrs.frozen(kw_only=True, repr=False, eq=False)
class Pair:
    """A client and a server that talk to each other."""

    name: str
    client: Callable[[], Machine[Any]]
    server: Callable[[], Machine[Any]]
    talk: tuple[object, ...]
    """What the client's `script()` says."""
    heard: tuple[object, ...]
    """The server's events, without bodies."""
    carries: Mapping[str, Callable[[Sequence[bytes]], tuple[object, ...]]] = {}
    """Scripts that bring a body in these pieces to the server."""
    brings: Mapping[str, Callable[[Sequence[bytes]], tuple[tuple[object, ...], Play]]] = {}
    """Scripts, and plays of the server, that bring a body in these pieces to the client."""
    make_play: Callable[[], Play] = lambda: answering
    """The server's application."""

    def __repr__(self) -> str:
        return f"<{self.name}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self))


@attrs.frozen
class Codec:
    """A vocabulary: `parse(encode(value)) == value`."""

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(f"<{self.name}>")

    name: str
    values: st.SearchStrategy[Any] = attrs.field(repr=False)
    encode: Callable[[Any], bytes]
    parse: Callable[[bytes], Any]
    lines: Callable[[Any], int] = lambda _: 1
    """How many lines a value takes."""


REFUSALS = (ProtocolError, TypeError, ValueError)
"""What a machine may raise when its application asks for the impossible."""


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
    if event is not Want.ANSWER:
        return
    if isinstance(machine.awaiting, BodyWanted):
        try:
            machine.end_body()
        except REFUSALS:  # octets were announced, or the piece before ended in a bare CR
            machine.abort()
    elif isinstance(machine, ServerMachine):
        yes(machine)
    else:
        machine.abort()


def yes(machine: Any) -> None:
    """The shortest yes to what a server is asked."""
    if isinstance(machine, pop3.Server) and isinstance(machine.awaiting, LOGINS):
        machine.accept(maildrop=MAILDROP)
    else:
        machine.accept()


LOGINS = (pop3.Pass, pop3.Apop, pop3.Auth, pop3.AuthResponse)
MAILDROP = ((50, "first"), (80, "second"), (2**40, "~" * 70))


def slow(play: Play) -> Play:
    """The same application, but it answers only when the machine asks."""

    def slowly(machine: Any, event: object) -> None:
        if event is Want.ANSWER or not isinstance(machine, ServerMachine):
            play(machine, event)

    return slowly


@cache
def moments(row: Row) -> list[tuple[str, bytes]]:
    """(where, pickled machine) before every question of its sessions, each distinct one once."""
    places: dict[bytes, str] = {}
    for name, steps in row.sessions.items():
        found: list[bytes] = []

        def keep(machine: Machine[Any], found: list[bytes] = found) -> Machine[Any]:
            found.append(pickle.dumps(machine))
            return machine

        trace = run(row.make(Limits()), steps, slow(row.make_play()), between=keep)
        keep(trace.machine)
        for number, frozen in enumerate(found):
            places.setdefault(frozen, f"{name}, before question {number}")
    return [(where, frozen) for frozen, where in places.items()]


def acts(row: Row) -> list[tuple[str, Callable[[Any], object]]]:
    """Everything an application can do to a machine, allowed or not."""
    calls: list[tuple[str, tuple[Any, ...]]] = [("send", (item,)) for item in row.items]
    calls += [("send_body", (data,)) for data in (b"x", b"a\rb", None)]
    calls += [("end_body", ()), ("tls_established", ())]
    calls += [("receive_data", (data,)) for data in (5, "text")]
    if row in SERVERS:
        for verb in ("accept", "reject"):
            calls += [(verb, ()), *((verb, (item,)) for item in row.items)]
    found = [(f"{verb}{arguments}", partial(_call, verb, arguments)) for verb, arguments in calls]
    return [*found, *row.calls.items()]


def _call(verb: str, arguments: tuple[Any, ...], machine: Any) -> object:
    return getattr(machine, verb)(*arguments)


# --- The toy --------------------------------------------------------------------------------------


def _toy_stream(size: int) -> Iterator[bytes]:
    block = b"x" * 65_536
    yield b"PUT %d\r\n" % size
    for _ in range(size // len(block)):
        yield block


def _toy_play(machine: Any, event: object) -> None:
    if not isinstance(machine.awaiting, BodyWanted):
        accept(machine, event)
    elif event is Want.ANSWER:
        if machine._owed:
            machine.send_body(b"y" * min(machine._owed, 5))
        else:
            machine.end_body()


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
        "a line without an end": [b"ECHO " + 99 * b"a", EOF],
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
    client=True,
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
        "PRDR": st.just(smtp.PRDR(True)),
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

_peer_params = st.fixed_dictionaries(
    {"ADDR": st.sampled_from(["192.0.2.1", "2001:db8::1", *smtp.Absent]).map(smtp.PEER_ADDR)},
    optional={
        "NAME": _line_text.filter(bool).map(smtp.PEER_NAME),
        "REVERSE_NAME": _line_text.filter(bool).map(smtp.PEER_REVERSE_NAME),
        "X_OWN": st.just(Param("X_OWN", "it")),
        "PORT": st.integers(0, 65_535).map(smtp.PEER_PORT),
        "X-OWN": st.just(Param("X-OWN", "it")),
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
    st.builds(smtp.UnknownCommand, st.sampled_from(["XCLIENTS", "XPAINT"]), _string),
    st.builds(smtp.Burl, st.sampled_from(["imap://a.example/b;UID=1", "x:y"]), st.booleans()),
    st.builds(smtp.XClient, _peer_params),
    st.builds(smtp.XForward, _peer_params),
)
_smtp_replies = st.builds(
    smtp.Reply, st.integers(200, 599), st.lists(_line_text, min_size=1, max_size=5)
)

_name = _string.filter(bool)
_message = st.integers(1, 2**63 - 1)
_pop3_commands = st.one_of(
    st.sampled_from(
        [
            pop3.Capa(),
            pop3.Noop(),
            pop3.Quit(),
            pop3.Rset(),
            pop3.Stat(),
            pop3.Stls(),
            pop3.Utf8(),
        ]
    ),
    st.builds(pop3.List, st.none() | _message),
    st.builds(pop3.Uidl, st.none() | _message),
    st.builds(pop3.Retr, _message),
    st.builds(pop3.Dele, _message),
    st.builds(pop3.Top, _message, st.integers(0, 2**63 - 1)),
    st.builds(pop3.User, _name),
    st.builds(pop3.Pass, _line_text.filter(bool)),
    st.builds(pop3.Apop, _name, st.text("0123456789abcdef", min_size=32, max_size=32)),
    st.builds(pop3.Auth, st.sampled_from(["PLAIN", "SCRAM-SHA-256"]), st.none() | _octets),
    st.builds(pop3.Lang, st.none() | st.sampled_from(["*", "en", "de-AT", "x-klingon"])),
    st.builds(pop3.UnknownCommand, st.sampled_from(["LAST", "XTND", "RPOP"]), _string),
)

CODECS = [
    Codec("POP3 commands", _pop3_commands, pop3.encode, pop3.parse_command),
    Codec(
        "POP3 replies",
        st.builds(pop3.Reply, st.booleans(), _line_text | _line_text.map("[IN-USE] {}".format)),
        pop3.encode,
        pop3.parse_reply,
    ),
    Codec(
        "POP3 challenges",
        st.builds(pop3.Challenge, _octets),
        pop3.encode,
        pop3_codec.parse_challenge,
    ),
    Codec(
        "POP3 answers to challenges",
        st.builds(pop3.AuthResponse, _octets) | st.just(pop3.AuthCancel()),
        pop3.encode,
        pop3_codec.parse_auth_response,
    ),
    Codec("SMTP commands", _smtp_commands, encode, parse_command),
    Codec("SMTP replies", _smtp_replies, encode, parse_reply, lambda reply: len(reply.lines)),
    Codec(
        "SMTP answers to challenges",
        st.builds(smtp.AuthResponse, _octets) | st.just(smtp.AuthCancel()),
        encode,
        parse_auth_response,
    ),
]


def answering(machine: Any, event: object) -> None:
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
        "BURL imap",
        "PRDR",
        "XCLIENT NAME ADDR PORT PROTO HELO REVERSE_NAME LOGIN DESTADDR DESTPORT",
        "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
    ),
)

_EHLO = b"EHLO client.example\r\n"
_MAIL = b"MAIL FROM:<a@a.example>\r\n"
_RCPT = b"RCPT TO:<b@b.example>\r\n"
_PRDR = b"MAIL FROM:<a@a.example> PRDR\r\n"
_XCLIENT = b"XCLIENT ADDR=IPV6:2001:db8::1 NAME=[UNAVAILABLE] LOGIN=a+20b\r\n"
_BURL = b"BURL imap://b.example/x;uid=1;urlauth=submit+a:internal:91354a"


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
    "small URLs": lambda size: [_EHLO + _MAIL + _RCPT + b"BURL x:y\r\n" * size],
    "a long URL": lambda size: [_EHLO + _MAIL + _RCPT + b"BURL x:" + b"y" * size + b"\r\n"],
    "attributes": lambda size: [
        _EHLO + b"XFORWARD" + b"".join(b" X%d=1" % n for n in range(size)) + b"\r\n"
    ],
    "xtext": lambda size: [_EHLO + b"XCLIENT NAME=" + b"+20" * size + b"\r\n"],
    "sessions": lambda size: [(_EHLO + _XCLIENT) * size],
    "an answer for each": lambda size: [
        _EHLO + _PRDR + _RCPT * size + b"BDAT 0 LAST\r\n",
    ],
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
    make_play=lambda: answering,
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
        "a proxy": [
            _EHLO + _XCLIENT,
            b"NOOP\r\n" + _MAIL + _XCLIENT + _EHLO + b"XFORWARD SOURCE=LOCAL IDENT=1\r\n" + _MAIL,
            _XCLIENT + b"RSET\r\nXCLIENT\r\nXCLIENT ADDR=x\r\nXFORWARD LOGIN=x\r\n",
            _XCLIENT + b"QUIT\r\n",
        ],
        "URLs": [
            _EHLO + _BURL + b"\r\n" + _MAIL + _RCPT + b"BDAT 2\r\nxy" + _BURL + b"\r\n",
            b"BDAT 0 LAST\r\n" + _MAIL + _RCPT + _BURL + b" LAST\r\n",
            _MAIL + _RCPT + _BURL + b" FIRST\r\nBDAT 2 LAST\r\nxyRSET\r\nQUIT\r\n",
        ],
        "an answer for each": [
            _EHLO + _PRDR + _RCPT + _RCPT + b"DATA\r\n",
            b"text\r\n.\r\nRSET\r\n",
            _PRDR + _RCPT + _RCPT + b"BDAT 3\r\nabc" + _BURL + b" LAST\r\n",
            _PRDR + _RCPT + _RCPT + b"DATA\r\n",
            b"bare\n\r\n.\r\nQUIT\r\n",
        ],
        "too large": [
            _EHLO + _MAIL + _RCPT + b"BDAT 300000000 LAST\r\nwhatever",
            EOF,
        ],
        "unreadable chunk": [_EHLO + _MAIL + _RCPT + b"BDAT ten\r\nNOOP\r\n"],
        "TLS without asking": [b"\x16\x03\x01\x02\x00\x01"],
        "the first two octets of TLS": [b"NOOP\r\n\x16\x03"],
        "a line without end": [_EHLO, b"MAIL FROM:<" + b"x" * 13_000],
        "an answer without end": [_EHLO + b"AUTH LOGIN\r\n", b"x" * 13_000],
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
        _PRDR,
        _XCLIENT,
        b"XCLIENT NAME=\r\n",
        b"XFORWARD SOURCE=LOCAL\r\n",
        b"BURL x:y\r\n",
        b"BURL x:y LAST\r\n",
        b"BURL x:y z\r\n",
        b"a@b",
        b"<",
        b" ",
    ),
    items=(
        smtp.Reply(250, "fine"),
        smtp.Reply(354, "go on"),
        smtp.Reply(220, "anew"),
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

LENIENT_SERVER = Row(
    name="lenient SMTP server",
    make=lambda limits: smtp.Server(
        attrs.evolve(_CONFIG, size=24),
        limits=limits,
        quirks=smtp.Quirks(
            bare_newlines=BareNewlines.NORMALIZE,
            bare_lf_commands=True,
            unqualified_addresses=True,
        ),
    ),
    make_play=lambda: answering,
    sessions={
        "LF alone": [
            b"EHLO x\nMAIL FROM:<a>\nRCPT TO:<b>\nDATA\n",
            b"a\nb\rc\r\r\n.\n..\r\n.\r\nQUIT\n",
        ],
        "too large": [
            _EHLO + _MAIL + _RCPT + b"DATA\r\n",
            b"just\nas much\r\ras fits\r\n.\r\n" + _MAIL + _RCPT + b"DATA\r\n",
            b"one\rmore\nthan there is room\n\r\n.\r\nRSET\r\n" + _MAIL + _RCPT,
            b"BDAT 20\r\n" + b"x" * 20 + b"BDAT 5\r\nyyyyyNOOP\r\nRSET\r\n",
        ],
        "unreadable chunk": [_EHLO + _MAIL + _RCPT + b"BDAT ten\r\nNOOP\r\n"],
    },
    words=(*SMTP_SERVER.words, b"text\n", b"text\r", b"NOOP\n", b"DATA\n", b"BDAT 30\r\n"),
    items=SMTP_SERVER.items,
    hostile={},
    odd={
        "an address without domain": ([_EHLO], b"MAIL FROM:<a>\r\n", "no_domain"),
        "a bare LF in the body": (
            [_EHLO + _MAIL + _RCPT + b"DATA\r\n"],
            b"a\nb\r\n.\r\n",
            "bare_lf",
        ),
    },
    to_tls=[_EHLO + b"STARTTLS\r\n"],
)

_LHLO = b"LHLO client.example\r\n"
_TWO = _MAIL + _RCPT + b"RCPT TO:<nobody@b.example>\r\nRCPT TO:<c@b.example>\r\n"

LMTP_SERVER = Row(
    name="LMTP server",
    make=lambda limits: smtp.Server(attrs.evolve(_CONFIG, lmtp=True), limits=limits),
    make_play=lambda: answering,
    sessions={
        "two recipients": [
            _LHLO + _TWO + b"DATA\r\n",
            b"text\r\n.\r\nMAIL FROM:<>\r\nRSET\r\n",
            _TWO + b"BDAT 2\r\nxxBDAT 3 LAST\r\nyyyQUIT\r\n",
        ],
        "refused text": [_LHLO + _TWO + b"DATA\r\n", b"\n\r\n.\r\nQUIT\r\n"],
        "a proxy": [_LHLO + _XCLIENT, _EHLO + _LHLO + b"XFORWARD IDENT=1\r\n" + _MAIL],
        "URLs": [
            _LHLO + _TWO + _BURL + b"\r\n" + _BURL + b" LAST\r\n" + _TWO + b"BURL\r\n",
            _BURL + b" LAST\r\nRSET\r\n" + _PRDR + _RCPT + _RCPT + b"BDAT 0 LAST\r\n",
        ],
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
        _XCLIENT,
        b"BURL x:y\r\n",
        b"BURL x:y LAST\r\n",
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


class _ClientPlay:
    """Writes a body of a few pieces (or of the announced size), and answers challenges."""

    def __init__(self) -> None:
        self._number: object = None
        self._pieces: list[bytes] = []

    def __call__(self, machine: Any, event: object) -> None:
        awaiting = machine.awaiting
        if event is not Want.ANSWER:
            return
        if isinstance(awaiting, smtp.Challenge):
            machine.send(smtp.AuthResponse(b"secret"))
            return
        if awaiting.number != self._number:
            self._number = awaiting.number
            self._pieces = [b"Subject: x\r\n\r", b"\n.\r\n.", b"", b"dot"]
            if isinstance(awaiting.command, smtp.Bdat) and (
                awaiting.command.size or awaiting.command.last
            ):
                self._pieces = [b"x" * awaiting.command.size]
        if self._pieces:
            machine.send_body(self._pieces.pop(0))
        else:
            machine.end_body()


_LETTER = Message.parse(b"Subject: x\r\n\r\n.\r\ndot\r\n")


def _submits(*recipients: str, **options: Any) -> Callable[[Any], object]:
    return lambda machine: machine.submit(Envelope("a@a.example", recipients), **options)


_HI = b"220 mx.example ESMTP\r\n"
_CAPS = (
    b"250-mx.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-STARTTLS\r\n250-SIZE 10000\r\n"
    b"250-AUTH SCRAM-SHA-256 PLAIN\r\n250 SMTPUTF8\r\n"
)
_CAPS_CHUNKING = _CAPS.replace(b"250 SMTPUTF8", b"250-CHUNKING\r\n250 BINARYMIME")
_CAPS_ALL = _CAPS_CHUNKING.replace(
    b"250 BINARYMIME",
    b"250-BINARYMIME\r\n250-BURL imap\r\n250-PRDR\r\n250-XFORWARD ADDR\r\n250 XCLIENT ADDR LOGIN",
)
_OK = b"250 2.0.0 Ok\r\n"
_EACH = b"353 the answers follow\r\n"
_NO = b"550-5.1.1 No\r\n550 5.1.1 such user\r\n"
_HELLO: list[Any] = [_HI, says(smtp.Ehlo("me.example")), _CAPS]
_HELLO_CHUNKING: list[Any] = [_HI, says(smtp.Ehlo("me.example")), _CAPS_CHUNKING]
_HELLO_ALL: list[Any] = [_HI, says(smtp.Ehlo("me.example")), _CAPS_ALL]
_HELLO_LMTP: list[Any] = [_HI, says(smtp.Lhlo("me.example")), _CAPS_CHUNKING]
_TO_DATA: list[Any] = [
    says(smtp.Mail("a@a.example"), smtp.Rcpt("b@b.example"), smtp.Rcpt("c@b.example"), smtp.Data()),
    _OK * 3 + b"354 go on\r\n",
]
_SCRAM = "SCRAM-SHA-256"
_SPEAKS = smtp.XClient((smtp.PEER_ADDR("192.0.2.7"), smtp.PEER_LOGIN("a")))
_ASKS = (
    smtp.Mail("a@a.example", (smtp.PRDR(True),)),
    smtp.Rcpt("b@b.example"),
    smtp.Rcpt("c@b.example"),
)

_client_odd: dict[str, tuple[Steps, bytes, str]] = {
    "LF alone": ([*_HELLO, says(smtp.Rset())], b"250 fine\n", "bare_lf"),
    "no space": ([*_HELLO, says(smtp.Rset())], b"250.fine\r\n", "no_space_after_code"),
    "8-bit text": ([*_HELLO, says(smtp.Rset())], b"250 \xe9\r\n", "eight_bit"),
    "NUL": ([*_HELLO, says(smtp.Rset())], b"250 \0\r\n", "nul"),
    "two codes": ([*_HELLO, says(smtp.Rset())], b"250-a\r\n550 b\r\n", "inconsistent"),
    "an empty line before": ([*_HELLO, says(smtp.Rset())], b"\r\n250 b\r\n", "blank_line"),
}

_client_items = (
    smtp.Ehlo("me.example"),
    smtp.Helo("me.example"),
    smtp.Lhlo("me.example"),
    smtp.Mail("a@a.example"),
    smtp.Mail("", (smtp.SIZE(5), smtp.BODY("8BITMIME"))),
    smtp.Mail("a\r\nRSET@b"),
    smtp.Mail("\xfc@b"),
    smtp.Mail("a@b", (smtp.ENVID("x"),)),
    smtp.Rcpt("b@b.example"),
    smtp.Data(),
    smtp.Bdat(3),
    smtp.Bdat(0, True),
    smtp.Bdat(-1),
    smtp.Rset(),
    smtp.Noop("a\nb"),
    smtp.StartTls(),
    smtp.Auth(_SCRAM, b"x"),
    smtp.Auth("PLAIN", b"x" * 600),
    smtp.Auth("NOVEL"),
    smtp.AuthResponse(b"x"),
    smtp.AuthCancel(),
    smtp.Vrfy("x"),
    smtp.Etrn("#x"),
    smtp.Mail("a@a.example", (smtp.PRDR(True),)),
    smtp.Burl("imap://b.example/x"),
    smtp.Burl("imap://b.example/x", last=True),
    smtp.Burl("x y"),
    _SPEAKS,
    smtp.XClient((smtp.PEER_NAME("x"),)),
    smtp.XClient((Param("ADDR", "x\r\nRSET"),)),
    smtp.XForward((smtp.PEER_ADDR("::1"),)),
    smtp.UnknownCommand("XPAINT"),
    smtp.UnknownCommand("MAIL", "FROM:<>"),
    smtp.Quit(),
    smtp.Reply(250, "x"),
    smtp.Challenge(b"x"),
    "NOOP",
    None,
)

_client_calls: dict[str, Callable[[Any], object]] = {
    "submit()": _submits("b@b.example", "c@b.example"),
    "submit(nobody)": _submits(),
    "submit(message)": _submits("b@b.example", message=_LETTER),
    "submit(8-bit message)": _submits("b@b.example", message=Message.parse(b"\r\n\xe9" * 9)),
    "submit(no message)": _submits("b@b.example", message=b"\r\n"),
    "submit(size=, body=)": _submits("b@b.example", size=9, body="8BITMIME"),
    "submit(chunking)": _submits("b@b.example", chunking=True),
    "submit(no chunking)": _submits("b@b.example", chunking=False),
    "submit(binary)": _submits("b@b.example", body="BINARYMIME"),
    "submit(unsayable)": _submits("b@b.example", "c\r\n@b"),
    "submit(prdr)": _submits("b@b.example", prdr=True),
    "submit(no prdr)": _submits("b@b.example", "c@b.example", prdr=False),
    "submit(UTF-8)": _submits("b@b.example", "\xfc@b"),
    "hello()": lambda machine: machine.hello("me.example"),
    "hello(lmtp)": lambda machine: machine.hello("me.example", lmtp=True),
    "abort()": lambda machine: machine.abort(),
}

_client_words = (
    b"220 hi\r\n",
    _CAPS,
    _CAPS_CHUNKING,
    _CAPS_ALL,
    _EACH,
    b"220-hi\r\n",
    _OK,
    b"250-more\r\n",
    _NO,
    b"354 go on\r\n",
    b"334 \r\n",
    b"334 dXNlcg==\r\n",
    b"334 ?\r\n",
    b"235 ok\r\n",
    b"221 bye\r\n",
    b"421 closing\r\n",
    b"450 later\r\n",
    b"502 what\r\n",
    b"552 too large\r\n",
    b"250\r\n",
    b"250\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"2",
    b"hello\r\n",
    b"600 x\r\n",
    b"199 x\r\n",
    b"250-ok\r\n550 no\r\n",
)

SMTP_CLIENT = Row(
    name="SMTP client",
    make=lambda limits: smtp.Client(limits=limits),
    client=True,
    make_play=_ClientPlay,
    sessions={
        "by hand": [
            *_HELLO,
            *_TO_DATA,
            b"250 2.0.0 Taken\r\n",
            says(smtp.Mail("", (smtp.SIZE(5),)), smtp.Rcpt("b@b.example"), smtp.Rset()),
            _OK + _NO + _OK,
            says(smtp.Quit()),
            b"221 bye\r\n",
        ],
        "chunks by hand": [
            *_HELLO_CHUNKING,
            says(smtp.Mail("a@a.example"), smtp.Rcpt("b@b.example"), smtp.Bdat(5)),
            _OK * 3,
            says(smtp.Bdat(0, True)),
            b"250 2.0.0 Taken\r\n",
            says(smtp.Mail("a@a.example"), smtp.Rcpt("b@b.example"), smtp.Bdat(5)),
            _OK * 2 + b"552 5.3.4 Too large\r\n",
            says(smtp.Rset()),
            _OK,
        ],
        "submitted": [
            *_HELLO,
            _submits("b@b.example", "c@b.example", size=100),
            _OK + _OK + _NO + b"354 go on\r\n",
            b"250 2.0.0 Taken\r\n",
            _submits("b@b.example"),
            _OK + _NO + b"554 no valid recipients\r\n",
            _OK,
            _submits("b@b.example"),
            b"451 later\r\n503 what\r\n503 what\r\n",
            _submits("b@b.example"),
            _OK + _NO + b"354 go on anyway\r\n",
            b"554 nobody to give it to\r\n",
            _OK,
        ],
        "submitted in chunks": [
            *_HELLO_CHUNKING,
            _submits("b@b.example", "c@b.example"),
            _OK + _OK + _NO,
            _OK * 3,
            b"250 2.0.0 Taken\r\n",
            _submits("b@b.example"),
            _OK + _OK,
            b"552 5.3.4 Too large\r\n",
            b"503 what\r\n",
            b"503 what\r\n",
            b"503 what\r\n",
            _OK,
        ],
        "a message": [
            *_HELLO,
            _submits("b@b.example", "c@b.example", message=_LETTER),
            _OK + _OK + _NO + b"354 go on\r\n",
            b"250 2.0.0 Taken\r\n",
            _submits("b@b.example", message=_LETTER),
            _OK + _NO + b"554 no valid recipients\r\n",
        ],
        "a message in chunks": [
            *_HELLO_CHUNKING,
            _submits("b@b.example", "c@b.example", message=_LETTER),
            _OK + _OK + _NO,
            b"250 2.0.0 Taken\r\n",
            _submits("b@b.example", message=_LETTER),
            _OK + _OK,
            b"552 5.3.4 Too large\r\n",
        ],
        "one at a time": [
            _HI,
            says(smtp.Helo("me.example")),
            b"250 mx.example\r\n",
            _submits("b@b.example", "c@b.example"),
            _OK,
            _NO,
            _OK,
            b"354 go on\r\n",
            b"250 2.0.0 Taken\r\n",
        ],
        "falls back to HELO": [
            _HI,
            lambda client: client.hello("me.example"),
            b"500 what?\r\n",
            b"250 mx.example\r\n",
        ],
        "STARTTLS": [
            *_HELLO,
            says(smtp.StartTls()),
            b"220 go\r\n",
            says(smtp.Ehlo("me.example")),
            _CAPS,
            says(smtp.Auth("PLAIN", b"\0user\0secret")),
            b"235 ok\r\n",
        ],
        "AUTH": [
            *_HELLO,
            says(smtp.Auth(_SCRAM)),
            b"334 \r\n",
            b"334 c2Fs\r\n",
            b"334 ??\r\n",
            b"535 no\r\n",
            says(smtp.Auth(_SCRAM, b"x" * 600)),
            b"334 \r\n",
            b"235 ok\r\n",
        ],
        "a proxy": [
            *_HELLO_ALL,
            says(smtp.XForward((smtp.PEER_ADDR("::1"),)), smtp.Mail("a@a.example")),
            _OK * 2,
            says(smtp.Rset(), _SPEAKS),
            _OK + b"220 anew\r\n",
            says(smtp.Ehlo("me.example")),
            _CAPS_ALL,
            says(_SPEAKS),
            _NO,
            says(smtp.Quit()),
        ],
        "URLs": [
            *_HELLO_ALL,
            says(smtp.Mail(""), smtp.Rcpt("b@b.example"), smtp.Burl("x:y"), smtp.Bdat(3)),
            _OK * 4,
            says(smtp.Burl("x:y", last=True), smtp.Mail("")),
            _OK * 2,
            says(smtp.Rcpt("b@b.example"), smtp.Burl("x:y"), smtp.Burl("x:y", last=True)),
            _OK + _NO + _NO,
            says(smtp.Rset()),
            _OK,
        ],
        "an answer for each": [
            *_HELLO_ALL,
            says(*_ASKS, smtp.Data()),
            _OK * 3 + b"354 go on\r\n",
            _EACH + _OK,
            _NO + _OK,
            says(*_ASKS, smtp.Bdat(3, True)),
            _OK * 3 + _EACH + _OK + _NO,
            _NO,
            says(smtp.Rset()),
            _OK,
        ],
        "submitted, an answer for each": [
            *_HELLO_ALL,
            _submits("b@b.example", "c@b.example", chunking=False),
            _OK * 3 + b"354 go on\r\n",
            _EACH + _OK,
            _NO + _OK,
            _submits("b@b.example", "c@b.example"),
            _OK * 3,
            _OK * 2 + _EACH,
            _OK + _NO,
            _NO,
            _OK,
            _submits("b@b.example", "c@b.example"),
            _OK * 3,
            _OK * 3,
        ],
        "lost among the answers": [
            *_HELLO_ALL,
            _submits("b@b.example", "c@b.example", chunking=False),
            _OK * 3 + b"354 go on\r\n",
            _EACH + _NO + b"25",
            EOF,
        ],
        "odd replies": [
            b"\r\n220-a\n220 b\n",
            says(smtp.Ehlo("me.example")),
            b"250\r\n",
            says(smtp.Rset()),
            b"250-a\r\n550 \xff\r\n",
            says(smtp.Rset()),
            b"250.glued\r\n",
        ],
        "refused at the door": [b"554 go away\r\n", says(smtp.Quit()), b"221 bye\r\n"],
        "421 out of the blue": [*_HELLO, b"421 4.3.2 shutting down\r\n"],
        "421 in the middle": [
            *_HELLO,
            _submits("b@b.example"),
            _OK + b"421 4.3.2 shutting down\r\n",
        ],
        "cut short": [*_HELLO, *_TO_DATA[:1], _OK * 3 + b"354 go\r\n", b"552 enough\r\n"],
        "an answer to nothing": [*_HELLO, _OK],
        "no reply at all": [b"HTTP/1.1 400 Bad Request\r\n"],
        "too many empty lines": [b"\r\n" * 12 + _HI],
        "lost": [*_HELLO, *_TO_DATA[:1], _OK + b"25", EOF],
        "timed out": [*_HELLO, says(smtp.Noop()), TIMEOUT],
        "ended": [*_HELLO, EOF],
    },
    words=_client_words,
    items=_client_items,
    calls=_client_calls,
    to_body=[*_HELLO, *_TO_DATA],
    to_line=[],
    hostile={
        "an answer for each": lambda size: [
            *_HELLO_ALL,
            _submits(*[f"r{n}@b.example" for n in range(size)], chunking=False),
            _OK + _OK * size + b"354 go on\r\n",
            _EACH + _OK * size + _OK,
        ],
        "a reply of many lines": lambda size: [b"220-x\r\n" * size + b"220 x\r\n"],
        "a reply of one line": lambda size: [b"220 " + b"x" * size + b"\r\n"],
        "many capabilities": lambda size: [
            *_HELLO[:2],
            b"".join(b"250-X%d a b\r\n" % n for n in range(size)) + _OK,
        ],
        "empty lines": lambda size: [b"\r\n" * size],
        "many replies": lambda size: [*_HELLO, says(*[smtp.Rset()] * size), _OK * size],
        "many recipients": lambda size: [
            *_HELLO,
            _submits(*[f"r{n}@b.example" for n in range(size)]),
            _OK + _OK * size + b"354 go on\r\n",
            _OK,
        ],
        "all refused": lambda size: [
            *_HELLO,
            _submits(*[f"r{n}@b.example" for n in range(size)]),
            _OK + _NO * size + b"554 no\r\n",
            _OK,
        ],
    },
    odd=_client_odd,
    to_tls=[*_HELLO, says(smtp.StartTls()), b"220 go\r\n"],
)

LMTP_CLIENT = Row(
    name="LMTP client",
    make=lambda limits: smtp.Client(limits=limits),
    client=True,
    make_play=_ClientPlay,
    sessions={
        "by hand": [
            *_HELLO_LMTP,
            *_TO_DATA,
            _OK + _NO,
            says(smtp.Mail(""), smtp.Rcpt("b@b.example"), smtp.Rcpt("c@b.example")),
            _OK + _NO + _OK,
            says(smtp.Bdat(3, True)),
            _OK,
            says(smtp.Quit()),
            b"221 bye\r\n",
        ],
        "submitted": [
            *_HELLO_LMTP,
            _submits("b@b.example", "c@b.example", "d@b.example", chunking=False),
            _OK + _OK + _NO + _OK + b"354 go on\r\n",
            b"250 2.0.0 Taken\r\n" + _NO,
            _submits("b@b.example", "c@b.example"),
            _OK * 3,
            _OK * 4,
            _OK + _NO,
        ],
        "all refused": [
            *_HELLO_LMTP,
            says(smtp.Mail(""), smtp.Rcpt("b@b.example"), smtp.Bdat(3, True)),
            _OK + _NO + b"503 what\r\n",
            says(smtp.Rset()),
            _OK,
        ],
        "a body for nobody": [
            *_HELLO_LMTP,
            _submits("b@b.example", chunking=False),
            _OK + _NO + b"354 go on\r\n",
        ],
        "a chunk for nobody": [
            *_HELLO_LMTP,
            says(smtp.Mail(""), smtp.Rcpt("b@b.example"), smtp.Bdat(3, True)),
            _OK + _NO + _OK,
        ],
        "lost between two answers": [*_HELLO_LMTP, *_TO_DATA, _OK, EOF],
    },
    words=_client_words,
    items=_client_items,
    calls=_client_calls,
    to_body=[*_HELLO_LMTP, *_TO_DATA],
    hostile={
        "an answer for each": lambda size: [
            *_HELLO_LMTP,
            _submits(*[f"r{n}@b.example" for n in range(size)], chunking=False),
            _OK + _OK * size + b"354 go on\r\n",
            _OK * size,
        ],
    },
    to_tls=[*_HELLO_LMTP, says(smtp.StartTls()), b"220 go\r\n"],
)


# --- POP3 -----------------------------------------------------------------------------------------

_POP3_CONFIG = pop3.ServerConfig(
    hostname="pop.example",
    capabilities=(
        "TOP",
        "UIDL",
        "USER",
        "PIPELINING",
        "RESP-CODES",
        "AUTH-RESP-CODE",
        "EXPIRE 5 USER",
        "UTF8 USER",
    ),
    auth=("PLAIN", "LOGIN"),
    plaintext_auth=True,
    stls=True,
    languages=(("en", "English"), ("de", "Deutsch")),
    verbs=("XTND",),
)

_MESSAGE = (b"Subject: x\r", b"\n\r\n.dot\r\n", b"", b"bare\n.\n+OK FORG", b"ED\r\n.", b"\r\nend")


class _Maildrop:
    """A POP3 server's application: one password is wrong, and every message is the same."""

    def __init__(self, pieces: Sequence[bytes] = _MESSAGE) -> None:
        self._pieces = pieces
        self._left: list[bytes] | None = None

    def __call__(self, machine: Any, event: object) -> None:
        awaiting = machine.awaiting
        if isinstance(awaiting, BodyWanted):
            if event is Want.ANSWER:
                self._write(machine)
        elif isinstance(awaiting, pop3.Auth) and awaiting.initial_response is None:
            machine.send(pop3.Challenge(b"Username:"))
        elif isinstance(awaiting, pop3.Pass) and awaiting.password == "wrong":
            machine.reject()
        elif awaiting is not None:
            yes(machine)

    def _write(self, machine: Any) -> None:
        if self._left is None:
            self._left = list(self._pieces)
        if self._left and not machine.enough:
            machine.send_body(self._left.pop(0))
        else:
            self._left = None
            machine.end_body()


_LOGIN = b"USER bob\r\nPASS secret\r\n"

POP3_SERVER = Row(
    name="POP3 server",
    make=lambda limits: pop3.Server(
        _POP3_CONFIG, limits=limits, greeting=_POP3_CONFIG.greeting("1896.697170952")
    ),
    make_play=_Maildrop,
    sessions={
        "one after the other": [
            b"CAPA\r\n",
            b"USER bob\r\n",
            b"PASS secret\r\n",
            b"STAT\r\n",
            b"LIST\r\n",
            b"UIDL\r\n",
            b"RETR 1\r\n",
            b"TOP 2 1\r\n",
            b"DELE 1\r\n",
            b"QUIT\r\n",
        ],
        "pipelined": [
            _LOGIN + b"CAPA\r\nSTAT\r\nLIST\r\nUIDL\r\nLIST 2\r\nUIDL 3\r\nRETR 1\r\nTOP 2 1\r\n",
            b"TOP 2 0\r\nDELE 2\r\nDELE 2\r\nLIST\r\nUIDL 2\r\nSTAT\r\nNOOP\r\nRSET\r\nDELE 3\r\n",
            b"UIDL\r\nXTND x\r\nQUIT\r\nNOOP\r\n",
        ],
        "STLS": [
            b"USER bob\r\nSTLS\r\n",
            b"PASS secret\r\nCAPA\r\nSTLS\r\n" + _LOGIN + b"STLS\r\nQUIT\r\n",
        ],
        "APOP": [b"APOP bob c4c9334bac560ecc979e58001b3e22fb\r\nSTAT\r\nQUIT\r\n"],
        "AUTH": [
            b"AUTH NOVEL\r\nAUTH\r\nAUTH PLAIN AGEAYg==\r\nAUTH PLAIN\r\nSTAT\r\n",
        ],
        "AUTH with a challenge": [
            b"USER bob\r\nAUTH LOGIN\r\n*\r\nPASS secret\r\nAUTH LOGIN\r\nnot base64\r\n",
            b"AUTH LOGIN\r\ndXNlcg==\r\nNOOP\r\n",
        ],
        "languages": [
            b"LANG\r\nLANG de\r\nLANG fr\r\nLANG *\r\nLANG d\xc3\xa9\r\n",
            b"UTF8\r\nSTLS\r\nUTF8\r\nUSER b\xc3\xbccher\r\nPASS g\xc3\xa9heim\r\nUTF8\r\n",
        ],
        "refused logins": [
            b"PASS x\r\nUSER bob\r\nPASS wrong\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n",
        ],
        "too many refused logins": [b"USER bob\r\nPASS wrong\r\n" * 11],
        "numbers": [
            _LOGIN + b"LIST 0\r\nLIST 4\r\nLIST -1\r\nRETR +1\r\nDELE 1_0\r\nTOP 1\r\nTOP 1 x\r\n",
            b"LIST 99999999999999999999\r\nRETR " + b"9" * 5000 + b"\r\nTOP 1 99999999999\r\n",
        ],
        "refused lines": [
            b"\r\n\xff\xfe\r\nN\0OOP\r\nQUIT now\r\nXYZZY\r\nUSER\r\nPASS\r\nAPOP bob\r\n",
            b"USER a\nPASS b\r\nUSER " + b"x" * 13_000 + b"\r\nCAPA\r\n",
        ],
        "HTTP": [b"GET / HTTP/1.1\r\nHost: pop.example\r\n"],
        "TLS without asking": [b"\x16\x03\x01\x02\x00\x01"],
        "the first two octets of TLS": [b"CAPA\r\n\x16\x03"],
        "a line without end": [b"USER " + b"x" * 13_000],
        "an answer without end": [b"AUTH LOGIN\r\n", b"x" * 13_000],
        "lost": [_LOGIN + b"DELE 1\r\n", EOF],
        "cut short": [_LOGIN + b"DELE 1\r\nQUI", EOF],
        "hung up behind QUIT": [_LOGIN, b"DELE 1\r\nQUIT\r\n", EOF],
        "timed out": [_LOGIN + b"DELE 1\r\n", TIMEOUT],
    },
    words=(
        b"USER bob\r\n",
        b"PASS secret\r\n",
        b"PASS wrong\r\n",
        _LOGIN,
        b"APOP bob c4c9334bac560ecc979e58001b3e22fb\r\n",
        b"AUTH PLAIN\r\n",
        b"AUTH PLAIN AGEAYg==\r\n",
        b"dXNlcg==\r\n",
        b"*\r\n",
        b"STLS\r\n",
        b"CAPA\r\n",
        b"STAT\r\n",
        b"LIST\r\n",
        b"LIST 1\r\n",
        b"UIDL\r\n",
        b"UIDL 2\r\n",
        b"RETR 1\r\n",
        b"TOP 1 1\r\n",
        b"DELE 1\r\n",
        b"RSET\r\n",
        b"NOOP\r\n",
        b"UTF8\r\n",
        b"LANG\r\n",
        b"LANG de\r\n",
        b"XTND\r\n",
        b"QUIT\r\n",
        b"UNKNOWN\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b" ",
        b"1",
    ),
    items=(
        pop3.Reply(True, "fine"),
        pop3.Reply(False, "[IN-USE] no"),
        pop3.Reply(False, "no\r\n+OK"),
        pop3.Reply(True, "x" * 600),
        pop3.Challenge(b"?"),
        pop3.Noop(),
        "+OK",
        None,
    ),
    calls={
        "accept(maildrop)": lambda server: server.accept(maildrop=MAILDROP),
        "accept(empty)": lambda server: server.accept(maildrop=[]),
        "accept(bad size)": lambda server: server.accept(maildrop=[(1, "x"), (-1, "y")]),
        "accept(bad id)": lambda server: server.accept(maildrop=[(1, "x"), (1, "a\r\nb")]),
        "accept(no ids)": lambda server: server.accept(maildrop=[1, 2]),
        "accept(bad capability)": lambda server: server.accept(
            maildrop=MAILDROP, capabilities=["EXPIRE 1\r\n+OK"]
        ),
        "abort()": lambda server: server.abort(),
        "abort(reply)": lambda server: server.abort(pop3.Reply(False, "[SYS/TEMP] later")),
        "abort(yes)": lambda server: server.abort(pop3.Reply(True)),
    },
    to_body=[_LOGIN, b"RETR 1\r\n"],
    hostile={
        "commands": lambda size: [_LOGIN + b"NOOP\r\nSTAT\r\n" * size],
        "garbage": lambda size: [_in_order(20 * size)],
        "listings": lambda size: [_LOGIN + b"LIST\r\nUIDL\r\n" * size],
        "messages": lambda size: [_LOGIN + b"RETR 1\r\nTOP 1 1\r\n" * size],
        "deletions": lambda size: [_LOGIN + b"DELE 1\r\nRSET\r\n" * size],
        "capabilities": lambda size: [b"CAPA\r\nLANG\r\n" * size],
        "names": lambda size: [b"USER a\r\n" * size],
        "a long word": lambda size: [b"USER " + b"x" * size + b"\r\n"],
        "spaces": lambda size: [b"USER" + b" " * size + b"x\r\n"],
        "base64": lambda size: [b"AUTH PLAIN " + b"YWFh" * size + b"\r\n"],
        "digits": lambda size: [_LOGIN + b"RETR " + b"9" * size + b"\r\n"],
    },
    odd={
        "a space behind a verb": ([_LOGIN], b"STAT \r\n", "trailing_space"),
        "two spaces": ([_LOGIN], b"LIST  1\r\n", "extra_space"),
        "a tab": ([_LOGIN], b"LIST\t1\r\n", "extra_space"),
        "a name beyond ASCII": ([], b"USER b\xc3\xbccher\r\n", "eight_bit"),
    },
    probe=(b"CAPA\r\n", pop3.Capa()),
    to_tls=[b"STLS\r\n"],
)

LENIENT_POP3_SERVER = Row(
    name="lenient POP3 server",
    make=lambda limits: pop3.Server(
        pop3.ServerConfig(plaintext_auth=True, stls=True, capabilities=("TOP", "USER")),
        limits=limits,
        quirks=pop3.Quirks(bare_lf_commands=True, bare_newlines=BareNewlines.PRESERVE),
    ),
    make_play=_Maildrop,
    sessions={
        "LF alone": [b"CAPA\nUSER bob\nPASS secret\nRETR 1\nTOP 1 0\n", b"UIDL\nDELE 1\nQUIT\n"],
        "nothing offered": [
            b"APOP bob c4c9334bac560ecc979e58001b3e22fb\r\nAUTH PLAIN\r\nLANG\r\nUTF8\r\nXTND\r\n",
        ],
        "HTTP": [b"POST / HTTP/1.1\n"],
    },
    words=(*POP3_SERVER.words, b"NOOP\n", b"LIST\n"),
    items=POP3_SERVER.items,
    to_body=[_LOGIN, b"TOP 1 100000000\r\n"],
    hostile={},
    odd={"LF alone": ([_LOGIN], b"NOOP\n", "bare_lf")},
    to_tls=[b"STLS\r\n"],
)


def _answers_challenges(machine: Any, event: object) -> None:
    if event is Want.ANSWER:
        machine.send(pop3.AuthResponse(b"secret"))


_POP3_HI = b"+OK pop.example ready <1896.697170952@pop.example>\r\n"
_POP3_CAPA = (
    b"+OK Capability list follows\r\nTOP\r\nUIDL\r\nUSER\r\nPIPELINING\r\nSTLS\r\n"
    b"SASL SCRAM-SHA-256 PLAIN\r\nLANG\r\nUTF8 USER\r\n.\r\n"
)
_YES, _NO_ = b"+OK\r\n", b"-ERR [SYS/TEMP] no\r\n"
_POP3_APOP = pop3.Apop("bob", "c4c9334bac560ecc979e58001b3e22fb")
_POP3_IN: list[Any] = [_POP3_HI, says(pop3.Capa()), _POP3_CAPA, says(_POP3_APOP), _YES]
_RETR_1 = says(pop3.Retr(1))


def _message_stream(size: int) -> Iterator[Step]:
    yield from [*_POP3_IN, _RETR_1, _YES]
    block = (b"x" * 62 + b"\r\n" + b"..y" + b"z" * 57 + b"\r\n") * 512
    for _ in range(size // len(block)):
        yield block


def _listing_stream(size: int) -> Iterator[Step]:
    yield from [*_POP3_IN, says(pop3.Uidl()), _YES]
    for number in range(0, size // 32, 1_000):
        yield b"".join(b"%d %022d\r\n" % (number + at, at) for at in range(1_000))


_POP3_ITEMS = (
    pop3.Capa(),
    pop3.User("bob"),
    pop3.User("bob\r\nDELE 1"),
    pop3.Pass("secret"),
    _POP3_APOP,
    pop3.Apop("bob", "no digest"),
    pop3.Auth("SCRAM-SHA-256"),
    pop3.Auth("SCRAM-SHA-256", b"x" * 300),
    pop3.Auth("PLAIN", b"x"),
    pop3.AuthResponse(b"x"),
    pop3.AuthCancel(),
    pop3.Stls(),
    pop3.Stat(),
    pop3.List(),
    pop3.List(1),
    pop3.List(0),
    pop3.Uidl(),
    pop3.Uidl(2),
    pop3.Retr(1),
    pop3.Retr(-1),
    pop3.Top(1, 0),
    pop3.Dele(1),
    pop3.Rset(),
    pop3.Noop(),
    pop3.Utf8(),
    pop3.Lang(),
    pop3.Lang("de"),
    pop3.UnknownCommand("XTND"),
    pop3.UnknownCommand("STAT"),
    pop3.Quit(),
    pop3.Reply(True),
    pop3.Challenge(b"x"),
    "NOOP",
    None,
)

_POP3_ODD_REPLIES: dict[str, tuple[Steps, bytes, str]] = {
    "LF alone": ([*_POP3_IN, says(pop3.Noop())], b"+OK fine\n", "bare_lf"),
    "no space": ([*_POP3_IN, says(pop3.Noop())], b"+OKfine\r\n", "no_space_after_status"),
    "small letters": ([*_POP3_IN, says(pop3.Noop())], b"+ok\r\n", "lower_case"),
    "8-bit text": ([*_POP3_IN, says(pop3.Noop())], b"-ERR \xe9\r\n", "eight_bit"),
    "NUL": ([*_POP3_IN, says(pop3.Noop())], b"+OK \0\r\n", "nul"),
    "an empty line before": ([*_POP3_IN, says(pop3.Noop())], b"\r\n+OK\r\n", "blank_line"),
    "more behind STAT": ([*_POP3_IN, says(pop3.Stat())], b"+OK 2 320 x\r\n", "extra_text"),
    "STAT in words": ([*_POP3_IN, says(pop3.Stat())], b"+OK two 320\r\n", "unreadable"),
    "UIDL n without n": ([*_POP3_IN, says(pop3.Uidl(1))], b"+OK abc\r\n", "no_number"),
    "more behind a size": ([*_POP3_IN, says(pop3.List())], b"+OK\r\n1 2 x\r\n.\r\n", "extra_text"),
    "spaces before an id": (
        [*_POP3_IN, says(pop3.Uidl())],
        b"+OK\r\n1   a\r\n.\r\n",
        "extra_space",
    ),
    "a long id": (
        [*_POP3_IN, says(pop3.Uidl())],
        b"+OK\r\n1 %b\r\n.\r\n" % (b"x" * 71),
        "long_unique_id",
    ),
    "spaces in an id": (
        [*_POP3_IN, says(pop3.Uidl())],
        b"+OK\r\n1 a b\r\n.\r\n",
        "space_in_unique_id",
    ),
    "NUL in a message": ([*_POP3_IN, _RETR_1], b"+OK\r\na\0b\r\n.\r\n", "nul"),
    "LF alone in a message": ([*_POP3_IN, _RETR_1], b"+OK\r\na\nb\r\n.\r\n", "bare_lf"),
}

POP3_CLIENT = Row(
    name="POP3 client",
    make=lambda limits: pop3.Client(limits=limits),
    client=True,
    make_play=lambda: _answers_challenges,
    sessions={
        "one after the other": [
            *_POP3_IN,
            says(pop3.Stat()),
            b"+OK 2 130\r\n",
            says(pop3.List()),
            b"+OK 2 messages\r\n1 50\r\n2 80\r\n.\r\n",
            says(pop3.Uidl()),
            b"+OK\r\n1 a\r\n2 b\r\n.\r\n",
            _RETR_1,
            b"+OK 20 octets\r\nSubject: x\r\n\r\n..dot\r\n\r\n.\n.\r\n",
            says(pop3.Dele(1)),
            _YES,
            says(pop3.Quit()),
            b"+OK bye\r\n",
        ],
        "pipelined": [
            *_POP3_IN,
            says(
                pop3.Stat(), pop3.List(1), pop3.Uidl(2), pop3.Retr(1), pop3.Top(2, 0), pop3.List()
            ),
            b"+OK 2 130\r\n+OK 1 50\r\n-ERR no\r\n+OK\r\n.\r\n-ERR no\r\n+OK\r\n.\r\n",
            says(pop3.Dele(1), pop3.Noop(), pop3.Rset(), pop3.Uidl(), pop3.Quit()),
            b"+OK\r\n-ERR\r\n+OK\r\n+OK\r\n1 a\r\n.\r\n+OK\r\n",
        ],
        "odd listings": [
            *_POP3_IN,
            says(pop3.List(), pop3.Uidl(), pop3.List(7), pop3.Uidl(7), pop3.Stat()),
            b"+OK\r\n7\r\n7 ten\r\n2 5 x\r\n 1  4\r\n\xff\n3 3\r\n. \r\n.\r\n",
            b"+OK\r\n1\r\n2   b\r\n3 a b\r\n4 \xff\r\n5 %b\r\n.\r\n" % (b"x" * 71),
            b"+OK 7\r\n+OK abc\r\n+OK 1 2 3\r\n",
        ],
        "STLS": [
            _POP3_HI,
            says(pop3.Capa()),
            _POP3_CAPA,
            says(pop3.Stls()),
            b"+OK go\r\n",
            says(pop3.Capa()),
            _POP3_CAPA,
            says(pop3.User("bob"), pop3.Pass("secret")),
            b"-ERR no\r\n-ERR no\r\n",
            says(pop3.User("bob"), pop3.Pass("secret")),
            b"+OK\r\n+OK\r\n",
        ],
        "AUTH": [
            *_POP3_IN[:3],
            says(pop3.Auth(_SCRAM)),
            b"+ \r\n",
            b"+\r\n",
            b"+ c2Fs\r\n",
            b"+ ??\r\n",
            b"-ERR no\r\n",
            says(pop3.Auth(_SCRAM, b"x" * 300)),
            b"+ \r\n",
            b"+OK\r\n",
        ],
        "languages": [
            _POP3_HI,
            says(pop3.Lang()),
            b"+OK\r\nen English\r\nde\r\n.\r\n",
            says(pop3.Lang("de")),
            b"+OK de Sprache gewechselt\r\n",
            says(pop3.Utf8()),
            _YES,
        ],
        "odd replies": [
            b"\r\n+ok hi\n",
            says(pop3.Capa()),
            b"+OK\r\nTOP\r\n\r\nX-\xff\n.\n\r\n.\r\n",
            says(pop3.UnknownCommand("LAST")),
            b"+OKfoo\r\n",
            says(pop3.Capa()),
            b"-ERR\r\n",
        ],
        "sent away": [b"-ERR [SYS/TEMP] too many\r\n"],
        "farewell": [*_POP3_IN, b"-ERR idle for too long\r\n"],
        "an answer to nothing": [*_POP3_IN, _YES],
        "no reply at all": [b"HTTP/1.1 400 Bad Request\r\n"],
        "a challenge to nothing": [*_POP3_IN, says(pop3.Noop()), b"+ \r\n"],
        "too many empty lines": [b"\r\n" * 12 + _POP3_HI],
        "a listing line without end": [
            *_POP3_IN,
            says(pop3.List()),
            b"+OK\r\n1 2\r\n" + b"2" * 33_000,
        ],
        "lost in a message": [*_POP3_IN, _RETR_1, b"+OK\r\nhalf a li", EOF],
        "lost behind QUIT": [*_POP3_IN, says(pop3.Quit()), EOF],
        "timed out": [*_POP3_IN, says(pop3.Noop()), TIMEOUT],
        "ended": [*_POP3_IN, EOF],
    },
    words=(
        _POP3_HI,
        _POP3_CAPA,
        _YES,
        _NO_,
        b"+OK 2 130\r\n",
        b"+OK 1 a\r\n",
        b"+ \r\n",
        b"+ c2Fs\r\n",
        b"1 50\r\n",
        b"2 b\r\n",
        b".\r\n",
        b"\r\n.\r\n",
        b"..\r\n",
        b".\n",
        b"text\r\n",
        b"\r\n",
        b"\r",
        b"\n",
        b"+",
        b"-ERR\n",
        b"hello\r\n",
    ),
    items=_POP3_ITEMS,
    calls={"abort()": lambda machine: machine.abort()},
    carry=lambda body: [*_POP3_IN, _RETR_1, b"+OK\r\n" + _stuffed(body) + b".\r\n"],
    stream=_message_stream,
    listing=_listing_stream,
    hostile={
        "a reply of one line": lambda size: [b"+OK " + b"x" * size + b"\r\n"],
        "a greeting of brackets": lambda size: [b"+OK " + b"<" * size + b"\r\n"],
        "a greeting of dots": lambda size: [b"+OK <" + b"a." * size + b"\r\n"],
        "a greeting of literals": lambda size: [b"+OK " + b"<a@[" * size + b"\r\n"],
        "empty lines": lambda size: [b"\r\n" * size],
        "many capabilities": lambda size: [
            *_POP3_IN[:2],
            b"+OK\r\n" + b"".join(b"X%d a b\r\n" % n for n in range(size)) + b".\r\n",
        ],
        "many replies": lambda size: [*_POP3_IN, says(*[pop3.Noop()] * size), _YES * size],
        "many messages": lambda size: [
            *_POP3_IN,
            says(*[pop3.Retr(1)] * size),
            b"+OK\r\n.x\r\n.\r\n" * size,
        ],
        "a listing": lambda size: [
            *_POP3_IN,
            says(pop3.Uidl()),
            b"+OK\r\n" + b"1 a\r\n" * size + b".\r\n",
        ],
        "an odd listing": lambda size: [
            *_POP3_IN,
            says(pop3.Uidl()),
            b"+OK\r\n" + b"1  a\r\n" * size + b".\r\n",
        ],
        "a listing of one line": lambda size: [
            *_POP3_IN,
            says(pop3.List()),
            b"+OK\r\n" + b"2" * size + b"\r\n.\r\n",
        ],
        "nearly the end": lambda size: [
            *_POP3_IN,
            _RETR_1,
            b"+OK\r\n" + b"\r\n.\r" * size + b"\r\n.\r\n",
        ],
    },
    odd=_POP3_ODD_REPLIES,
    to_tls=[*_POP3_IN[:3], says(pop3.Stls()), b"+OK go\r\n"],
)

LENIENT_POP3_CLIENT = Row(
    name="lenient POP3 client",
    make=lambda limits: pop3.Client(
        limits=limits, quirks=pop3.Quirks(bare_lf_texts=True, plaintext_auth=True)
    ),
    client=True,
    make_play=lambda: _answers_challenges,
    sessions={
        "LF alone": [
            b"+OK hi\n",
            says(pop3.User("bob")),
            b"+OK\n",
            says(pop3.Pass("secret")),
            b"+OK\n",
            says(pop3.List()),
            b"+OK\n1 50\n2 80\n.\n",
            _RETR_1,
            b"+OK\n\n..dot\n.\r.\n\r\n.x\r\n.\n",
        ],
        "an answer to nothing": [b"+OK\n+OK\n"],
    },
    words=POP3_CLIENT.words,
    items=_POP3_ITEMS,
    carry=POP3_CLIENT.carry,
    hostile={
        "a message": lambda size: [
            *_POP3_IN,
            _RETR_1,
            b"+OK\n" + b".\r.\n" * size + b".\n",
        ],
    },
    to_tls=POP3_CLIENT.to_tls,
)

_TRANSACTION = (smtp.Mail("a@a.example"), smtp.Rcpt("b@b.example"), smtp.Rcpt("c@b.example"))


def _smtp_pair(name: str, hello: smtp.Command, config: smtp.ServerConfig) -> Pair:
    envelope = Envelope("a@a.example", ["b@b.example", "c@b.example"])

    def submits(chunking: bool) -> Callable[[Sequence[bytes]], tuple[object, ...]]:
        def carry(pieces: Sequence[bytes]) -> tuple[object, ...]:
            def submit(client: Any) -> None:
                client.submit(envelope, chunking=chunking)

            return (hello, submit, *pieces, smtp.Quit())

        return carry

    return Pair(
        name=name,
        client=smtp.Client,
        server=lambda: smtp.Server(config),
        talk=(
            smtp.Noop(),
            hello,
            smtp.StartTls(),
            hello,
            (*_TRANSACTION, smtp.Data()),
            b"Subject: x\r\n",
            b"\r\n.\r\n",
            (*_TRANSACTION, smtp.Bdat(3)),
            b"abc",
            smtp.Bdat(2, True),
            b"de",
            smtp.Auth("LOGIN"),
            smtp.AuthResponse(b"user"),
            (smtp.Mail("", (smtp.SIZE(9),)), smtp.Rset(), smtp.Vrfy("somebody")),
            smtp.Quit(),
        ),
        heard=(
            smtp.Noop(),
            hello,
            smtp.StartTls(),
            TlsEstablished(),
            hello,
            *_TRANSACTION,
            smtp.Data(),
            smtp.BodyEnd(17, "b@b.example" if config.lmtp else None),
            *_TRANSACTION,
            smtp.Bdat(3),
            smtp.Bdat(2, True),
            smtp.BodyEnd(5, "b@b.example" if config.lmtp else None),
            smtp.Auth("LOGIN"),
            smtp.AuthResponse(b"user"),
            smtp.Mail("", (smtp.SIZE(9),)),
            smtp.Rset(),
            smtp.Vrfy("somebody"),
            smtp.Quit(),
        ),
        carries={
            "DATA": lambda pieces: (
                hello,
                (*_TRANSACTION, smtp.Data()),
                *pieces,
                smtp.Quit(),
            ),
            "DATA, submitted": submits(False),
            "BDAT, submitted": submits(True),
        },
    )


def _pop3_message(pieces: Sequence[bytes]) -> tuple[tuple[object, ...], Play]:
    talk = (pop3.Capa(), _POP3_APOP, (pop3.Retr(2), pop3.Noop()), pop3.Quit())
    return talk, _Maildrop(pieces)


_POP3_PAIR = Pair(
    name="POP3",
    client=pop3.Client,
    server=lambda: POP3_SERVER.make(Limits()),
    make_play=_Maildrop,
    talk=(
        pop3.Capa(),
        pop3.Lang("de"),
        pop3.Stls(),
        pop3.Capa(),
        pop3.Utf8(),
        (pop3.User("bücher"), pop3.Pass("wrong")),
        pop3.Auth("LOGIN"),
        pop3.AuthResponse(b"user"),
        (pop3.Stat(), pop3.List(), pop3.Uidl(), pop3.List(1), pop3.Uidl(3), pop3.Noop()),
        (pop3.Retr(1), pop3.Top(2, 1), pop3.Dele(2), pop3.Rset(), pop3.Dele(3), pop3.Lang()),
        pop3.UnknownCommand("XTND", "x"),
        pop3.Quit(),
    ),
    heard=(
        pop3.Capa(),
        pop3.Lang("de"),
        pop3.Stls(),
        TlsEstablished(),
        pop3.Capa(),
        pop3.Utf8(),
        pop3.User("bücher"),
        pop3.Pass("wrong"),
        pop3.Auth("LOGIN"),
        pop3.AuthResponse(b"user"),
        pop3.Stat(),
        pop3.List(),
        pop3.Uidl(),
        pop3.List(1),
        pop3.Uidl(3),
        pop3.Noop(),
        pop3.Retr(1),
        pop3.Top(2, 1),
        pop3.Dele(2),
        pop3.Rset(),
        pop3.Dele(3),
        pop3.Lang(),
        pop3.UnknownCommand("XTND", "x"),
        pop3.Quit(),
        pop3.Commit((3,), ("~" * 70,)),
    ),
    brings={"RETR": _pop3_message},
)

PAIRS = [
    Pair(**machines_imap.PAIR),
    _POP3_PAIR,
    _smtp_pair("SMTP", smtp.Ehlo("me.example"), _CONFIG),
    _smtp_pair("LMTP", smtp.Lhlo("me.example"), attrs.evolve(_CONFIG, lmtp=True)),
    Pair(
        name="toys",
        client=toy.Client,
        server=toy.Server,
        talk=((toy.Echo("a"), toy.Put(3)), b"abc", toy.StartTls(), toy.Echo("b"), toy.Quit()),
        heard=(
            toy.Echo("a"),
            toy.Put(3),
            toy.BodyEnd(3),
            toy.StartTls(),
            TlsEstablished(),
            toy.Echo("b"),
            toy.Quit(),
        ),
        carries={
            "PUT": lambda pieces: (toy.Put(len(b"".join(pieces))), *pieces, toy.Quit()),
        },
    ),
]
IMAP_CLIENT = Row(**machines_imap.CLIENT)
IMAP_SERVER = Row(**machines_imap.SERVER)

ROWS = [
    SMTP_SERVER,
    LENIENT_SERVER,
    LMTP_SERVER,
    SMTP_CLIENT,
    LMTP_CLIENT,
    POP3_SERVER,
    LENIENT_POP3_SERVER,
    POP3_CLIENT,
    IMAP_CLIENT,
    IMAP_SERVER,
    LENIENT_POP3_CLIENT,
    TOY_SERVER,
    TOY_CLIENT,
]
SERVERS = [row for row in ROWS if not row.client]
CLIENTS = [row for row in ROWS if row.client]
