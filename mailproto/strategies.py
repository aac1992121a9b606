"""Hypothesis strategies: what may be said in mail, and how it may arrive.

For property tests of your own; importing this needs the extra `mailproto[hypothesis]`::

    from hypothesis import given
    from mailproto import smtp, strategies as mail


    @given(mail.smtp_client_streams(), mail.chunk_schedules())
    def test_my_server(stream, schedule): ...

What all protocols share comes first: chunk schedules, damage, domains and addresses, bodies. Behind
it SASL and each protocol have a section, and its names begin with theirs: `sasl_...`, `smtp_...`.

Three kinds of strategies

* **Values**: commands, replies, parameters, envelopes. Each can be said (`smtp.encode` takes it),
  and is read back as itself, without a defect.
* **Streams**: what one side writes in a session, as octets. They are in order, until `mutated()`
  has been at them.
* **Sessions**: everything that decides about a session, as one value that knows how to run itself.

What is drawn is small, because a failing example is to be read by people; the edges of each grammar
(nothing at all, the longest, the oddest characters) are drawn often.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from functools import lru_cache, wraps
from typing import Any, Final, Literal, ParamSpec, TypeVar, cast

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from . import pop3, sasl, smtp
from ._machine import BodyWanted, Want
from .limits import Limits
from .testing import Link

__all__ = [
    "Pop3Session",
    "SaslSession",
    "SmtpSession",
    "address_literals",
    "addresses",
    "bodies",
    "chunk_schedules",
    "cuts",
    "domains",
    "local_parts",
    "mutated",
    "pop3_client_streams",
    "pop3_commands",
    "pop3_configs",
    "pop3_maildrops",
    "pop3_replies",
    "pop3_server_streams",
    "pop3_sessions",
    "sasl_credentials",
    "sasl_names",
    "sasl_nonces",
    "sasl_sessions",
    "smtp_client_streams",
    "smtp_commands",
    "smtp_configs",
    "smtp_envelopes",
    "smtp_hello_replies",
    "smtp_params",
    "smtp_replies",
    "smtp_server_streams",
    "smtp_sessions",
    "smtp_values",
]

P = ParamSpec("P")
T = TypeVar("T")


def _once(make: Callable[P, T]) -> Callable[P, T]:
    """The same strategy for the same arguments: Hypothesis checks each new one, and slowly."""
    made = cast("Callable[P, T]", lru_cache(500)(make))

    @wraps(make)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> T:
        return made(*args, **kwargs)

    return remembered


def _shown(value: object) -> str:
    """`repr()`, without the fields that have their defaults."""
    # Nothing that is drawn is a secret: a failing example has to be readable.
    secretive = (sasl.Password, sasl.Token, sasl.Binding)
    sessions = (SaslSession, SmtpSession, Pop3Session, smtp.ServerConfig, pop3.ServerConfig, Limits)
    if not isinstance(value, (*sessions, *secretive)):
        return repr(value)
    fields = [field for field in attrs.fields(type(value)) if field.init]
    given = [(field.name, getattr(value, field.name), field.default) for field in fields]
    shown = [f"{name}={_shown(one)}" for name, one, default in given if one != default]
    return f"{type(value).__name__}({', '.join(shown)})"


# --- How octets arrive ----------------------------------------------------------------------------


@_once
def chunk_schedules(*, max_size: int = 40) -> SearchStrategy[list[int]]:
    """How many octets each read gives, as `mailproto.testing` takes it for `cuts`.

    At most `max_size` reads; what is left then comes in one piece. 0 is a read of nothing.
    """
    sizes = st.sampled_from([0, 1, 1, 2, 3, 5, 64, 1_000]) | st.integers(0, 100)
    return st.lists(sizes, max_size=max_size) | st.integers(0, max_size).map(lambda n: [1] * n)


def cuts(data: bytes, *, max_cuts: int = 20) -> SearchStrategy[list[bytes]]:
    """Ways to cut `data` into pieces, empty ones among them. Joined, they are `data` again."""

    def pieces(places: list[int]) -> list[bytes]:
        ends = sorted(places)
        return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]

    octets = [data[at : at + 1] for at in range(len(data))] or [data]
    return st.lists(st.integers(0, len(data)), max_size=max_cuts).map(pieces) | st.just(octets)


_LINES = (
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b".\r\n",
    b"\r\n.\r\n",
    b"\n.\n",
    b"\r\n.\n",
    b"QUIT\r\n",
    b"RSET\r\n",
    b"DATA\r\n",
    b"NOOP\n",
    b"*\r\n",
    b"BDAT 3\r\n",
    b"BDAT -1\r\n",
    b"STARTTLS\r\n",
    b"AUTH PLAIN\r\n",
    b"MAIL FROM:<>\r\n",
    b"RCPT TO:<postmaster>\r\n",
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01\x00",
    b"250 ok\r\n",
    b"250-ok\r\n",
    b"334 \r\n",
    b"354 go\r\n",
    b"421 bye\r\n",
    b"550 5.1.1 no\r\n",
    b"999 what\r\n",
    b"PASS x\r\n",
    b"RETR 1\r\n",
    b"STLS\r\n",
    b"+OK\r\n",
    b"-ERR no\r\n",
    b"+ \r\n",
)


def mutated(
    streams: SearchStrategy[bytes], *, lines: Iterable[bytes] = (), max_edits: int = 4
) -> SearchStrategy[bytes]:
    """Damaged `streams`: octets flipped, pieces cut out or repeated, lines put in, ends cut off.

    `lines` are put in besides those that are known to hurt. One edit at least; it may still change
    nothing.
    """
    inserts = st.sampled_from([*_LINES, *lines])
    return _mutated(streams, inserts, max_edits)


@st.composite
def _mutated(
    draw: st.DrawFn, streams: SearchStrategy[bytes], inserts: SearchStrategy[bytes], edits: int
) -> bytes:
    data = draw(streams)
    for _ in range(draw(st.integers(1, edits))):
        at = draw(st.integers(0, len(data)))
        edit = draw(st.sampled_from(["flip", "insert", "cut", "repeat", "truncate", "line end"]))
        upto = at + draw(st.integers(1, 12))
        if edit == "flip" and at < len(data):
            flipped = data[at] ^ draw(st.integers(1, 255))
            data = data[:at] + bytes([flipped]) + data[at + 1 :]
        elif edit == "insert":
            at = data.rfind(b"\n", 0, at) + 1 if draw(st.booleans()) else at
            data = data[:at] + draw(inserts) + data[at:]
        elif edit == "cut":
            data = data[:at] + data[upto:]
        elif edit == "repeat":
            data = data[:upto] + data[at:upto] + data[upto:]
        elif edit == "truncate":
            data = data[:at]
        elif edit == "line end":
            data = data[:at] + data[at:].replace(b"\r\n", draw(st.sampled_from([b"\n", b"\r"])), 1)
    return data


# --- Domains and addresses (RFC 5321 section 4.1.2) -----------------------------------------------

_ALNUM = st.sampled_from("abcxyzABCXYZ0189")
_ATOM = st.sampled_from("abcxyzABC019!#$%&'*+-/=?^_`{|}~")
_BEYOND = st.sampled_from("éüßжλ中\u0301\U0001f4e7")
_PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)


def _words(
    characters: SearchStrategy[str], joint: str, *, longest: int = 6, most: int = 3
) -> SearchStrategy[str]:
    word = st.text(characters, min_size=1, max_size=longest)
    return st.lists(word, min_size=1, max_size=most).map(joint.join)


@_once
def domains(*, utf8: bool = False) -> SearchStrategy[str]:
    """Domain names. With `utf8`, also U-labels (RFC 6531 section 3.3)."""
    label = _words(_ALNUM | _BEYOND if utf8 else _ALNUM, "-", most=2)
    edges = ["x", "example.com", "127.example", "xn--bcher-kva.example", "a" * 63 + ".example"]
    edges.append(".".join(["abcdefghij" * 4] * 4))
    return st.lists(label, min_size=1, max_size=3).map(".".join) | st.sampled_from(edges)


@_once
def address_literals() -> SearchStrategy[str]:
    """`[192.0.2.1]`, `[IPv6:2001:db8::1]` and general literals (RFC 5321 section 4.1.3)."""
    ipv4 = st.ip_addresses(v=4).map(str)
    ipv6 = st.ip_addresses(v=6)
    double = [f"{left}::{right}" for left in ("", "1", "2001:db8") for right in ("", "1", "1:2")]
    mapped = ipv4.map("::ffff:{}".format)
    content = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="[\\]"))
    tag = st.from_regex(r"[A-Za-z0-9-]{0,5}[A-Za-z0-9]", fullmatch=True)
    return st.one_of(
        ipv4.map("[{}]".format),
        st.one_of(
            ipv6.map(str), ipv6.map(lambda a: a.exploded.upper()), st.sampled_from(double), mapped
        ).map("[IPv6:{}]".format),
        st.builds(
            "[{}:{}]".format,
            tag.filter(lambda tag: tag.lower() != "ipv6"),
            content.map(lambda text: text[:8] or "!"),
        ),
    )


@_once
def local_parts(*, utf8: bool = False) -> SearchStrategy[str]:
    """Dot-strings and quoted strings of at most 64 octets; with `utf8`, beyond ASCII too."""
    quotable = _PRINTABLE.filter(lambda one: one not in '"\\')
    quoted = st.one_of(
        quotable,
        st.sampled_from([" ", "@", "<", ">", ".", ",", ":", r"\"", r"\\", r"\ ", r"\>"]),
        _PRINTABLE.map("\\{}".format),
        *([_BEYOND] if utf8 else []),
    )
    return st.one_of(
        _words(_ATOM | _BEYOND if utf8 else _ATOM, ".", longest=4),
        st.lists(quoted, max_size=8).map(lambda parts: f'"{"".join(parts)}"'),
        st.sampled_from(["postmaster", "a" * 64, '"' + " " * 62 + '"', "a.b.c", "bounce+a=b"]),
    )


@_once
def addresses(*, utf8: bool = False) -> SearchStrategy[str]:
    """Mailboxes, as they stand between angle brackets: quotes are kept.

    With `utf8`, what needs SMTPUTF8 (RFC 6531) is drawn too. Never the null path, and never
    `postmaster` without a domain: add `st.just("")` where a sender is wanted.
    """
    simple = st.sampled_from(["a@example.com", "b@example.net", "c@example.org"])
    domain = domains(utf8=utf8) | address_literals()
    return simple | st.builds("{}@{}".format, local_parts(utf8=utf8), domain)


# --- Bodies ---------------------------------------------------------------------------------------

_WHOLE_LINES = (
    b"\r\n",
    b".\r\n",
    b"..\r\n",
    b".",
    b"text",
    b"\r\n.\r\n",
    b"\r\n.\r\nQUIT\r\n",
    b"Subject: hello\r\n\r\n",
    b"caf\xc3\xa9",
    b"\xff",
    b"\0",
    b"MAIL FROM:<>\r\n",
)
_BROKEN_LINES = (b"\r", b"\n", b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\r\n")


@_once
def bodies(*, bare_newlines: bool = False, max_size: int = 8) -> SearchStrategy[bytes]:
    """Message bodies of at most `max_size` lines or parts of lines.

    Empty ones, dots in every place, look-alikes of the end of a text, NUL and 8-bit octets, lines
    above 998 octets, a last line without its end. CR and LF come as CRLF only, unless
    `bare_newlines` says otherwise.
    """
    part = st.sampled_from([*_WHOLE_LINES, *(_BROKEN_LINES if bare_newlines else ())])
    short = st.lists(part, max_size=max_size).map(b"".join)
    # A long line is rare, because it makes an example hard to read.
    seldom = st.sampled_from([*[b""] * 11, b"x" * 1_001 + b"\r\n"])
    return st.tuples(short, seldom).map(b"".join)


# --- SASL -----------------------------------------------------------------------------------------

# What SASLprep (RFC 4013) maps away, makes a space of, or takes apart; and what SCRAM quotes.
_PREPARED = st.sampled_from(
    ["\u00ad", "\u00a0", "\u2003", "ª", "Ⅸ", "½", "ﬁ", "=", ",", "=2C", " "]
)
_RIGHT_TO_LEFT = st.text(st.sampled_from("אבגاب"), min_size=1, max_size=6)


def _is_sayable(text: str) -> bool:
    try:
        return sasl.saslprep(text, stored=True) != ""
    except ValueError:
        return False


@_once
def sasl_names() -> SearchStrategy[str]:
    """Names and passwords: what RFC 4013 takes and does not make empty."""
    part = st.one_of(_PRINTABLE, _PREPARED, _BEYOND)
    text = st.lists(part, min_size=1, max_size=8).map("".join) | _RIGHT_TO_LEFT
    return st.sampled_from(["user", "ada@example.com", "x" * 255]) | text.filter(_is_sayable)


@_once
def sasl_nonces() -> SearchStrategy[str]:
    """Nonces that every mechanism takes. A real one is random, and longer."""
    return st.text(st.sampled_from("abcXYZ019!#$%&*+-/=_~"), min_size=1, max_size=24)


_TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=24)
_TRACES = (
    st.sampled_from(["", "x" * 255]) | addresses() | sasl_names().filter(lambda t: "@" not in t)
)

_CREDENTIALS: Final[Mapping[type[object], SearchStrategy[sasl.Credentials]]] = {
    sasl.Password: st.builds(
        sasl.Password, sasl_names(), sasl_names(), st.sampled_from(["", ""]) | sasl_names()
    ),
    sasl.Token: st.builds(
        sasl.Token,
        sasl_names(),
        _TOKENS,
        host=st.just("") | domains(),
        port=st.none() | st.integers(1, 65_535),
    ),
    sasl.Certificate: st.builds(sasl.Certificate, st.just("") | sasl_names()),
    sasl.Guest: st.builds(sasl.Guest, _TRACES),
}


@_once
def sasl_credentials(*kinds: type[object]) -> SearchStrategy[sasl.Credentials]:
    """What `sasl.choose()` takes: of the given classes, or of all."""
    return st.one_of([_CREDENTIALS[kind] for kind in kinds or _CREDENTIALS])


@attrs.frozen(kw_only=True, repr=False)
class SaslSession:
    """One attempt to authenticate, both ends, and everything that decides about it."""

    mechanism: str
    credentials: sasl.Credentials
    known: bool = True
    """Whether the server's application says yes."""
    initial: bool = True
    """Whether the client's first message goes with the command, or waits for a challenge."""
    nonce: str = "client"
    server_nonce: str = "server"
    binding: sasl.Binding | None = None
    """What both ends know of their TLS. The server offers -PLUS if the mechanism has it."""

    def __repr__(self) -> str:
        return _shown(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(_shown(self))  # what Hypothesis prints

    def client(self) -> sasl.ClientExchange:
        """The client's exchange."""
        return sasl.choose(
            [self.mechanism],
            self.credentials,
            nonce=self.nonce,
            tls=True,
            binding=self.binding,
            preference=[self.mechanism],
        )

    def server(self) -> sasl.ServerExchange:
        """The server's exchange."""
        offered = self.binding is not None and self.mechanism.endswith("-PLUS")
        return sasl.server(
            self.mechanism,
            nonce=self.server_nonce,
            bindings=[self.binding] if self.binding and offered else [],
            allow_authzid=True,
        )

    def answer(self, question: sasl.Question) -> sasl.Answer:
        """What the server's application answers."""
        match question, self.credentials:
            case sasl.VerifyPassword(password=given), sasl.Password(password=right):
                return self.known and given == sasl.saslprep(right)
            case sasl.NeedPassword(), sasl.Password(password=right):
                return right if self.known else None
            case sasl.NeedKeys(mechanism=mechanism, authcid=name), sasl.Password(password=right):
                if not self.known:
                    return sasl.ScramKeys.fake(mechanism, name, b"secret", iterations=4_096)
                return _keys(mechanism, right)
            case sasl.VerifyToken(authzid=name, token=given), sasl.Token(token=right):
                return name if self.known and given == right else sasl.Refusal()
            case sasl.NeedIdentity(authzid=name), _:
                return (name or "owner") if self.known else None
            case _:
                return self.known

    def run(
        self, change: Callable[[bytes], bytes] = lambda message: message
    ) -> sasl.Success | sasl.Failure:
        """Both ends until the server is done; the client judges a yes. `change` sees each message.

        Raises `sasl.ExchangeFailed` when the client does not believe the server.
        """
        client = self.client()
        server = self.server()
        first = client.initial
        if first is not None and self.initial:
            step = server.begin(change(first))
            first = None
        else:
            step = server.begin(None)
        while True:
            match step:
                case sasl.Success():
                    client.succeeded()
                    return step
                case sasl.Failure():
                    return step
                case sasl.Challenge(data):
                    said = client.respond(change(data)) if first is None else first
                    step = server.receive(change(said))
                    first = None
                case question:
                    step = server.answer(self.answer(question))


@lru_cache(500)
def _keys(mechanism: str, password: str) -> sasl.ScramKeys:
    return sasl.ScramKeys.from_password(mechanism, password, salt=b"salt", iterations=4_096)


_FITTING: Final[Mapping[str, type[sasl.Credentials]]] = {
    "OAUTHBEARER": sasl.Token,
    "XOAUTH2": sasl.Token,
    "EXTERNAL": sasl.Certificate,
    "ANONYMOUS": sasl.Guest,
}
_NO_AUTHZID = ("CRAM-MD5", "LOGIN")


@_once
def sasl_sessions(*mechanisms: str) -> SearchStrategy[SaslSession]:
    """Whole exchanges by one of these mechanisms, or by any: accepted ones and refused ones."""
    return st.sampled_from(mechanisms or sasl.PREFERENCE).flatmap(_sasl_session)


@_once
def _sasl_session(mechanism: str) -> SearchStrategy[SaslSession]:
    credentials = sasl_credentials(_FITTING.get(mechanism, sasl.Password))
    if mechanism in _NO_AUTHZID:
        credentials = st.builds(sasl.Password, sasl_names(), sasl_names())
    kinds = st.sampled_from(["tls-exporter", "tls-unique", "tls-server-end-point"])
    bindings = st.builds(sasl.Binding, kinds, st.binary(min_size=1, max_size=32))
    return st.builds(
        SaslSession,
        mechanism=st.just(mechanism),
        credentials=credentials,
        known=st.booleans(),
        initial=st.booleans(),
        nonce=sasl_nonces(),
        server_nonce=sasl_nonces(),
        binding=bindings if mechanism.endswith("-PLUS") else st.none() | bindings,
    )


# --- SMTP: values ---------------------------------------------------------------------------------

_TEXT = st.characters(min_codepoint=32, exclude_characters="\x7f", exclude_categories=["Cs"])
_SPACES = st.sampled_from(" \x85\xa0\u2003\u2028\u3000")  # what str.split() takes for a space
_LINE = st.text(_PRINTABLE | _TEXT | _SPACES, max_size=20)
_STRING = _LINE.map(lambda text: text.strip(" "))
_OCTETS = st.binary(max_size=24)
_ANY_TEXT = st.text(_TEXT | st.characters(max_codepoint=127), min_size=1, max_size=12)


def _between(low: int, high: int) -> SearchStrategy[int]:
    return st.sampled_from([low, high]) | st.integers(max(low, -1_000), min(high, 1_000_000))


@st.composite
def _datetimes(draw: st.DrawFn) -> datetime:
    zone = timezone(timedelta(minutes=draw(st.sampled_from([0, 0, 60, -210, 1_439, -1_439]))))
    fraction = draw(st.sampled_from([0, 0, 1, 500_000]))
    # Far enough from the ends of the calendar for every zone.
    day = draw(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)))  # noqa: DTZ001 - see below
    return day.replace(microsecond=fraction, tzinfo=zone)


_NOTIFY = st.lists(st.sampled_from(["SUCCESS", "FAILURE", "DELAY"]), min_size=1, unique=True)

_VALUES: Final[Mapping[smtp.Parameter[Any], SearchStrategy[Any]]] = {
    smtp.SIZE: _between(0, 10**20 - 1),
    smtp.BODY: st.sampled_from(["7BIT", "8BITMIME", "BINARYMIME"]),
    smtp.SMTPUTF8: st.just(True),
    smtp.RET: st.sampled_from(["FULL", "HDRS"]),
    smtp.ENVID: _ANY_TEXT,
    smtp.AUTH: st.just("") | addresses(utf8=True),
    smtp.BY: st.one_of(
        st.builds(smtp.DeliverBy, _between(1, 10**9 - 1), st.just("R"), st.booleans()),
        st.builds(smtp.DeliverBy, _between(1 - 10**9, 10**9 - 1), st.just("N"), st.booleans()),
    ),
    smtp.HOLDFOR: _between(0, 10**9 - 1),
    smtp.HOLDUNTIL: _datetimes(),
    smtp.MT_PRIORITY: st.integers(-9, 9),
    smtp.REQUIRETLS: st.just(True),
    smtp.NOTIFY: st.just(("NEVER",)) | _NOTIFY.map(tuple),
    smtp.ORCPT: st.one_of(
        st.builds(smtp.OriginalRecipient, st.sampled_from(["rfc822", "x-own"]), _ANY_TEXT),
        st.builds(smtp.OriginalRecipient, st.sampled_from(["utf-8", "UTF-8"]), _ANY_TEXT),
        st.builds(smtp.OriginalRecipient, st.just("rfc822"), addresses()),
    ),
    smtp.RRVS: st.builds(smtp.RecipientValidSince, _datetimes(), st.sampled_from([None, "C", "R"])),
    smtp.PRDR: st.just(True),
}
_ABSENT = st.sampled_from(smtp.Absent)
_IP_ADDRESSES = st.sampled_from(["192.0.2.1", "2001:db8::1", "::", "::ffff:192.0.2.1"])
_PEER_TEXT = st.text(_TEXT, min_size=1, max_size=12)
_PEER_VALUES: Final[Mapping[str, SearchStrategy[Any]]] = {
    "NAME": domains() | _ABSENT,
    "ADDR": _IP_ADDRESSES | _ABSENT,
    "PORT": _between(0, 65_535) | _ABSENT,
    "PROTO": st.sampled_from(["SMTP", "ESMTP"]) | _ABSENT,
    "REVERSE_NAME": domains() | _ABSENT,
    "HELO": _PEER_TEXT | _ABSENT,
    "LOGIN": _PEER_TEXT | _ABSENT,
    "DESTADDR": _IP_ADDRESSES | _ABSENT,
    "DESTPORT": _between(0, 65_535) | _ABSENT,
    "IDENT": _PEER_TEXT | _ABSENT,
    "SOURCE": st.sampled_from(["LOCAL", "REMOTE"]) | _ABSENT,
}
"""Of the attributes of XCLIENT and XFORWARD."""


def smtp_values(parameter: smtp.Parameter[T]) -> SearchStrategy[T]:
    """Typed values of a parameter: `parameter(value)` takes them, `get(parameter)` gives them back.

    Raises ValueError for a parameter of a private extension: nobody here knows its values.
    """
    values = _VALUES.get(parameter)
    if values is None and parameter in _OWN:
        values = _PEER_VALUES[parameter.keyword]
    if values is None:
        raise ValueError(f"the values of {parameter.keyword} are not known here")
    return cast("SearchStrategy[T]", values)


_OWN = [row for extension in smtp.EXTENSIONS for row in extension.own]


def smtp_params(
    command: Literal["MAIL", "RCPT", "XCLIENT", "XFORWARD"],
    *,
    offered: Iterable[str] | None = None,
    private: bool = False,
    max_size: int = 3,
) -> SearchStrategy[tuple[smtp.Param, ...]]:
    """Parameters of a command, none twice, of every extension in the registry.

    offered: only what a peer with these EHLO keywords takes. private: also parameters that no
    registry knows.
    """
    return _params(command, None if offered is None else _upper(offered), private, max_size)


def _upper(keywords: Iterable[str]) -> frozenset[str]:
    return frozenset(keyword.upper() for keyword in keywords)


@_once
def _params(
    command: str, keywords: frozenset[str] | None, private: bool, max_size: int
) -> SearchStrategy[tuple[smtp.Param, ...]]:
    rows = [
        smtp_values(row).map(row)
        for extension in smtp.EXTENSIONS
        for row in (*extension.mail, *extension.rcpt, *extension.own)
        if row.command == command
        and (keywords is None or row.needs(smtp.Param(row.keyword)) in keywords)
    ]
    if keywords is not None and "BINARYMIME" not in keywords:
        rows = [row.filter(lambda param: param != smtp.BODY("BINARYMIME")) for row in rows]
    if keywords is not None and "SMTPUTF8" not in keywords:
        rows = [row.filter(lambda param: (param.value or "").isascii()) for row in rows]
    if private:
        rows.append(_PRIVATE)
    if not rows:
        return st.just(())
    # RFC 4865 section 4 forbids HOLDFOR and HOLDUNTIL in one command.
    return st.lists(
        st.one_of(rows), max_size=max_size, unique_by=lambda param: param.keyword[:4]
    ).map(tuple)


_PRIVATE = st.builds(
    smtp.Param,
    st.from_regex(r"X[A-Z0-9-]{0,6}", fullmatch=True),
    st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=8),
)

_HELLOS = domains(utf8=True) | address_literals()
_VERBS = st.sampled_from(["XCLIENTS", "XFORWAR", "BURLS", "X", "X-1", "HELPDESK", "DATABASE"])
_URLS = st.from_regex(r"imap://[a-z.]{1,9}/[!-~]{0,9}", fullmatch=True)
_MECHANISMS = st.sampled_from(["PLAIN", "LOGIN", "SCRAM-SHA-256-PLUS", "X_1", "A" * 20])

_COMMANDS: Final[Mapping[type[object], SearchStrategy[smtp.Command]]] = {
    smtp.Helo: st.builds(smtp.Helo, _HELLOS),
    smtp.Ehlo: st.builds(smtp.Ehlo, _HELLOS),
    smtp.Lhlo: st.builds(smtp.Lhlo, _HELLOS),
    smtp.Mail: st.builds(
        smtp.Mail, st.just("") | addresses(utf8=True), smtp_params("MAIL", private=True)
    ),
    smtp.Rcpt: st.builds(
        smtp.Rcpt,
        st.sampled_from(["postmaster", "Postmaster"]) | addresses(utf8=True),
        smtp_params("RCPT", private=True),
    ),
    smtp.Data: st.just(smtp.Data()),
    smtp.Bdat: st.builds(smtp.Bdat, _between(0, 2**63 - 1), st.booleans()),
    smtp.Burl: st.builds(smtp.Burl, _URLS, st.booleans()),
    smtp.Rset: st.just(smtp.Rset()),
    smtp.Vrfy: st.builds(smtp.Vrfy, addresses(utf8=True) | _STRING.filter(bool)),
    smtp.Expn: st.builds(smtp.Expn, st.sampled_from(["staff"]) | _STRING.filter(bool)),
    smtp.Help: st.builds(smtp.Help, st.just("") | _STRING),
    smtp.Noop: st.builds(smtp.Noop, st.just("") | _STRING),
    smtp.Quit: st.just(smtp.Quit()),
    smtp.StartTls: st.just(smtp.StartTls()),
    smtp.Auth: st.builds(smtp.Auth, _MECHANISMS, st.none() | st.just(b"") | _OCTETS),
    smtp.AuthResponse: st.builds(smtp.AuthResponse, st.just(b"") | _OCTETS),
    smtp.AuthCancel: st.just(smtp.AuthCancel()),
    smtp.Etrn: st.builds(smtp.Etrn, domains() | domains().map("@{}".format) | st.just("#queue")),
    smtp.XClient: st.builds(smtp.XClient, smtp_params("XCLIENT").filter(bool)),
    smtp.XForward: st.builds(smtp.XForward, smtp_params("XFORWARD").filter(bool)),
    smtp.UnknownCommand: st.builds(smtp.UnknownCommand, _VERBS, st.just("") | _STRING),
}
_ANSWERS = (smtp.AuthResponse, smtp.AuthCancel)  # no commands: they stand behind a challenge


@_once
def smtp_commands(*kinds: type[object]) -> SearchStrategy[smtp.Command]:
    """Commands of the given classes; without any, of all that `smtp.parse_command` can read.

    `smtp_commands(smtp.AuthResponse, smtp.AuthCancel)` are the answers to a challenge. Addresses
    may need SMTPUTF8, whether the parameter is there or not.
    """
    wanted = kinds or tuple(kind for kind in _COMMANDS if kind not in _ANSWERS)
    return st.one_of([_COMMANDS[kind] for kind in wanted])


_CODES = [211, 214, 220, 221, 235, 250, 251, 252, 334, 354, 421, 450, 451, 452, 454, 455]
_CODES.extend([500, 501, 502, 503, 504, 530, 535, 538, 550, 551, 552, 553, 554, 555])


def smtp_replies(codes: Iterable[int] = ()) -> SearchStrategy[smtp.Reply]:
    """Replies of one line or several, with and without enhanced status codes (RFC 2034).

    codes: the reply codes to draw from; otherwise those of RFC 5321 and its extensions, and others
    from 200 to 599.
    """
    given = list(codes)
    return _replies(st.sampled_from(given or _CODES) | (st.nothing() if given else _ANY_CODE))


_ANY_CODE = st.integers(200, 599)


@st.composite
def _replies(draw: st.DrawFn, codes: SearchStrategy[int]) -> smtp.Reply:
    code = draw(codes)
    lines = draw(st.lists(_LINE, min_size=1, max_size=4))
    if code // 100 in (2, 4, 5) and draw(st.booleans()):
        detail = draw(st.sampled_from(["0.0", "1.1", "7.28", "999.999"]))
        lines = [f"{code // 100}.{detail} {line}" for line in lines]
    return smtp.Reply(code, tuple(lines))


_OFFERS = (
    "PIPELINING",
    "8BITMIME",
    "SMTPUTF8",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
    "BINARYMIME",
    "DSN",
    "DELIVERBY 60",
    "FUTURERELEASE 86400 2030-01-01T00:00:00Z",
    "MT-PRIORITY MIXER",
    "RRVS",
    "REQUIRETLS",
    "LIMITS RCPTMAX=100 MAILMAX=5",
    "ETRN",
    "BURL imap",
    "PRDR",
    "XCLIENT NAME ADDR PORT PROTO HELO REVERSE_NAME LOGIN DESTADDR DESTPORT",
    "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE",
)
_MORE_OFFERS = ("SIZE", "SIZE 0", "SIZE 1000000", "STARTTLS", "AUTH PLAIN LOGIN", "AUTH=LOGIN")
_ODD_OFFERS = ("size x", "AUTH", "LIMITS", "DELIVERBY", "FUTURERELEASE 5", "X-OWN a b=c", "", " ")


@_once
def smtp_hello_replies() -> SearchStrategy[smtp.Reply]:
    """Positive answers to EHLO or LHLO: what servers offer, and what some write there instead."""
    offers = st.sampled_from([*_OFFERS, *_MORE_OFFERS, *_ODD_OFFERS])
    first = domains() | domains().map("{} at your service".format)
    lines = st.lists(offers, max_size=8) | st.just([*_OFFERS, *_MORE_OFFERS])
    return st.tuples(first, lines).map(lambda said: smtp.Reply(250, (said[0], *said[1])))


@_once
def smtp_configs(*, lmtp: bool | None = None) -> SearchStrategy[smtp.ServerConfig]:
    """Server configurations with any set of extensions; with `lmtp`, of one protocol only."""
    return st.builds(
        smtp.ServerConfig,
        hostname=domains(),
        lmtp=st.booleans() if lmtp is None else st.just(lmtp),
        size=st.none() | st.sampled_from([1, 10, 1_000]) | st.integers(1, 100),
        extensions=st.one_of(
            st.lists(st.sampled_from(_OFFERS), unique=True).map(tuple),
            st.just(_OFFERS),
            st.just(smtp.ServerConfig().extensions),
        ),
        auth=st.sampled_from([(), ("SCRAM-SHA-256", "PLAIN"), ("PLAIN", "LOGIN")]),
        plaintext_auth=st.booleans(),
        starttls=st.booleans(),
    )


@_once
def _offered(config: smtp.ServerConfig, tls: bool) -> frozenset[str]:
    """The EHLO keywords of a server: it is asked for them."""
    server = smtp.Server(config, tls=tls)
    server.data_to_send()
    server.receive_data(smtp.encode(smtp.Lhlo("x") if config.lmtp else smtp.Ehlo("x")))
    server.next_event()
    return frozenset(smtp.Capabilities.from_reply(smtp.parse_reply(server.data_to_send())))


def smtp_envelopes(
    *, offered: Iterable[str] | None = None, max_recipients: int = 4
) -> SearchStrategy[smtp.Envelope]:
    """Envelopes with one recipient at least. Recipients may be the same.

    offered: only what a peer with these EHLO keywords takes (SMTPUTF8 addresses, parameters).
    """
    return _envelopes(None if offered is None else _upper(offered), max_recipients)


@_once
def _envelopes(
    keywords: frozenset[str] | None, most: int, without: frozenset[str] = frozenset()
) -> SearchStrategy[smtp.Envelope]:
    address = addresses(utf8=keywords is None or "SMTPUTF8" in keywords)
    recipient = st.builds(
        smtp.Recipient,
        st.just("postmaster") | address,
        smtp_params("RCPT", offered=keywords),
    )
    params = smtp_params("MAIL", offered=keywords).map(
        lambda params: tuple(param for param in params if param.keyword not in without)
    )
    recipients = st.lists(recipient, min_size=1, max_size=most)
    return st.builds(smtp.Envelope, st.just("") | address, recipients, params)


# --- SMTP: streams --------------------------------------------------------------------------------


def smtp_client_streams(
    config: smtp.ServerConfig = smtp.ServerConfig(),  # noqa: B008 - frozen
    *,
    bare_newlines: bool = False,
) -> SearchStrategy[bytes]:
    """What a client writes in a whole session with a server of this configuration, pipelined.

    Transactions with DATA and BDAT, some given up, and what may be said between them; AUTH with an
    initial response, which is to be accepted or refused. In order, and nothing in it is refused by
    the machine, if `config` asks for neither TLS nor authentication and for no small `size`. No
    STARTTLS: what is behind it does not come in plaintext.
    """
    return _client_streams(config, _offered(config, False), bare_newlines)


@st.composite
def _client_streams(
    draw: st.DrawFn, config: smtp.ServerConfig, offered: frozenset[str], bare_newlines: bool
) -> bytes:
    hello = smtp.Lhlo if config.lmtp else draw(st.sampled_from([smtp.Ehlo, smtp.Ehlo, smtp.Helo]))
    if hello is smtp.Helo:
        offered = frozenset()
    said: list[bytes] = [smtp.encode(draw(smtp_commands(hello)))]
    aside = [smtp.Rset, smtp.Noop, smtp.Vrfy, smtp.Expn, smtp.Help]
    aside += [smtp.Etrn] if "ETRN" in offered else []
    asides = st.lists(smtp_commands(*aside), max_size=2)
    mechanisms = config.auth if config.plaintext_auth else ()
    if mechanisms and "AUTH" in offered and draw(st.booleans()):
        said.append(smtp.encode(smtp.Auth(draw(st.sampled_from(mechanisms)), draw(_OCTETS))))
    for _ in range(draw(st.integers(0, 2))):
        said += map(smtp.encode, draw(asides))
        envelope = draw(_envelopes(offered, 2, frozenset({"SIZE"})))
        said += map(smtp.encode, _opening(envelope))
        body = draw(bodies(bare_newlines=bare_newlines, max_size=5))
        binary = smtp.BODY("BINARYMIME") in envelope.params
        ways = ["rset"] if binary else ["data", "rset"]
        way = draw(st.sampled_from(["bdat", *ways] if "CHUNKING" in offered else ways))
        if way == "data":
            said += [smtp.encode(smtp.Data()), _text(body)]
        elif way == "bdat":
            said += _chunks(draw(cuts(body, max_cuts=3)))
        else:
            said.append(smtp.encode(smtp.Rset()))
    if draw(st.booleans()):
        said.append(smtp.encode(smtp.Quit()))
    return b"".join(said)


def _opening(envelope: smtp.Envelope) -> list[smtp.Command]:
    params = envelope.params
    people = (envelope.sender, *(recipient.address for recipient in envelope.recipients))
    if not all(map(str.isascii, people)) and smtp.SMTPUTF8(True) not in params:
        params += (smtp.SMTPUTF8(True),)
    rcpts = [smtp.Rcpt(recipient.address, recipient.params) for recipient in envelope.recipients]
    return [smtp.Mail(envelope.sender, params), *rcpts]


def _text(body: bytes) -> bytes:
    """The text form of a body (RFC 5321 section 4.5.2)."""
    lines = b"\r\n" + body if not body or body.endswith(b"\r\n") else b"\r\n" + body + b"\r\n"
    return lines.replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"


def _chunks(pieces: list[bytes]) -> list[bytes]:
    last = len(pieces) - 1
    return [smtp.encode(smtp.Bdat(len(one), at == last)) + one for at, one in enumerate(pieces)]


def smtp_server_streams() -> SearchStrategy[bytes]:
    """What a server writes: a greeting, mostly an answer to EHLO, and replies to whatever comes."""
    greetings = smtp_replies([220, 220, 220, 421, 554])
    usual = smtp_replies([250, 250, 250, 354, 550, 451, 235, 221])
    challenges = st.builds(smtp.Challenge, _OCTETS)
    rest = st.lists(usual | smtp_replies() | challenges, max_size=6)
    return st.tuples(greetings, smtp_hello_replies() | usual, rest).map(
        lambda said: b"".join(map(smtp.encode, [said[0], said[1], *said[2]]))
    )


# --- SMTP: sessions -------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, repr=False)
class SmtpSession:
    """One message from `smtp.Client.submit()` to a server, and everything that decides about it."""

    config: smtp.ServerConfig = smtp.ServerConfig()  # noqa: RUF009 - frozen
    """The server. When it offers STARTTLS, the client starts TLS."""
    envelope: smtp.Envelope
    """Only with what the server offers."""
    pieces: tuple[bytes, ...] = ()
    """The body, as the client is given it."""
    body: Literal["7BIT", "8BITMIME", "BINARYMIME"] | None = None
    """What the client announces it as."""
    size: int | None = None
    """The SIZE that the client announces."""
    chunking: bool | None = None
    """BDAT, or DATA, or what the client chooses."""
    newlines: smtp.BareNewlines = smtp.BareNewlines.REJECT
    """What both sides do about bare newlines. Not REJECT, where the body has any."""
    refused: frozenset[str] = frozenset()
    """The recipients that the server's application refuses."""
    at_once: bool = True
    """Whether the server's application answers in the event, or waits until it is asked."""
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    """Of both sides."""
    schedule: tuple[int, ...] = ()
    """How much each read gives, on both sides."""
    pipe: int = 65_536
    """How many octets are on their way at most, in each direction."""

    def __repr__(self) -> str:
        return _shown(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(_shown(self))  # what Hypothesis prints

    @property
    def message(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces)

    def link(self) -> Link:
        """Both machines, with applications that play this session up to QUIT. `run()` runs it."""
        quirks = smtp.Quirks(bare_newlines=self.newlines)
        return Link(
            smtp.Client(limits=self.limits, quirks=quirks),
            smtp.Server(self.config, limits=self.limits, quirks=quirks),
            play_client=self._client(),
            play_server=self._serve,
            cuts=self.schedule,
            pipe=self.pipe,
        )

    def _serve(self, server: smtp.Server, event: object) -> None:
        awaiting = server.awaiting
        if awaiting is None or (event is not Want.ANSWER and not self.at_once):
            return
        if isinstance(awaiting, smtp.Rcpt) and awaiting.recipient in self.refused:
            server.reject()
        else:
            server.accept()

    def _client(self) -> Callable[[smtp.Client, object], None]:
        left = list(self.pieces)

        def play(client: smtp.Client, event: object) -> None:
            match event:
                case smtp.Greeting() | smtp.Replied(command=smtp.StartTls()):
                    client.hello("client.example", lmtp=self.config.lmtp)
                case smtp.Replied(command=smtp.Ehlo() | smtp.Lhlo()):
                    if self.config.starttls and not client.tls:
                        client.send(smtp.StartTls())
                    else:
                        client.submit(
                            self.envelope, size=self.size, body=self.body, chunking=self.chunking
                        )
                case smtp.Outcome():
                    client.send(smtp.Quit())
                case Want.ANSWER if isinstance(client.awaiting, BodyWanted):
                    if left:
                        client.send_body(left.pop(0))
                    else:
                        client.end_body()
                case _:
                    pass

        return play


def smtp_sessions(*, lmtp: bool | None = None) -> SearchStrategy[SmtpSession]:
    """Whole sessions: any configuration, an envelope and a body that fit it, any schedule.

    The body may be larger than the server takes, and all recipients may be refused.
    """
    return _sessions(lmtp)


_LIMITS = st.builds(
    Limits,
    chunk=st.sampled_from([1, 7, 65_536]),
    output=st.sampled_from([1, 100, 262_144]),
    window=st.sampled_from([None, 1, 2, 8]),
)


@st.composite
def _sessions(draw: st.DrawFn, lmtp: bool | None) -> SmtpSession:
    config = draw(smtp_configs(lmtp=lmtp))
    offered = _offered(config, tls=config.starttls)
    # What the session says itself is not left to the envelope.
    envelope = draw(_envelopes(offered, 3, frozenset({"SIZE", "BODY"})))
    ways = [None, False, True] if "CHUNKING" in offered else [None, False]
    chunking = draw(st.sampled_from(ways))
    kinds: list[Any] = [None, "7BIT"]
    if "8BITMIME" in offered:
        kinds.append("8BITMIME")
        if "BINARYMIME" in offered and "CHUNKING" in offered and chunking is not False:
            kinds.append("BINARYMIME")
    kind = draw(st.sampled_from(kinds))
    newlines = draw(st.sampled_from(smtp.BareNewlines))
    bare = kind == "BINARYMIME" or newlines is not smtp.BareNewlines.REJECT
    body = draw(bodies(bare_newlines=bare))
    people = sorted({recipient.address for recipient in envelope.recipients})
    return SmtpSession(
        config=config,
        envelope=envelope,
        pieces=tuple(draw(cuts(body, max_cuts=4) if len(body) < 100 else st.just([body]))),
        body=kind,
        size=draw(st.sampled_from([None, len(body)])),
        chunking=chunking,
        newlines=newlines,
        refused=draw(st.just(frozenset[str]()) | st.sets(st.sampled_from(people)).map(frozenset)),
        at_once=draw(st.booleans()),
        limits=draw(_LIMITS),
        schedule=tuple(draw(chunk_schedules())),
        pipe=draw(st.sampled_from([65_536, 100, 1])),
    )


# --- POP3: values ---------------------------------------------------------------------------------

_NUMBER = st.sampled_from([1, 2, 2**63 - 1]) | st.integers(1, 20)
_NAME = st.sampled_from(["bob", "bob@example.com", "two words"]) | _STRING.filter(bool)
_PASSWORD = st.sampled_from(["secret", " two  words "]) | _LINE.filter(bool)
_DIGEST = st.text("0123456789abcdef", min_size=32, max_size=32)
_VERBS_3 = st.sampled_from(["LAST", "XTND", "RPOP", "X-1"])

_POP3_COMMANDS: Final[Mapping[type[object], SearchStrategy[pop3.Command]]] = {
    pop3.User: st.builds(pop3.User, _NAME),
    pop3.Pass: st.builds(
        pop3.Pass, st.sampled_from(["secret", " two  words "]) | _LINE.filter(bool)
    ),
    pop3.Apop: st.builds(pop3.Apop, _NAME, _DIGEST),
    pop3.Auth: st.builds(pop3.Auth, _MECHANISMS, st.none() | st.just(b"") | _OCTETS),
    pop3.AuthResponse: st.builds(pop3.AuthResponse, st.just(b"") | _OCTETS),
    pop3.AuthCancel: st.just(pop3.AuthCancel()),
    pop3.Stls: st.just(pop3.Stls()),
    pop3.Capa: st.just(pop3.Capa()),
    pop3.Stat: st.just(pop3.Stat()),
    pop3.List: st.builds(pop3.List, st.none() | _NUMBER),
    pop3.Retr: st.builds(pop3.Retr, _NUMBER),
    pop3.Dele: st.builds(pop3.Dele, _NUMBER),
    pop3.Noop: st.just(pop3.Noop()),
    pop3.Rset: st.just(pop3.Rset()),
    pop3.Quit: st.just(pop3.Quit()),
    pop3.Top: st.builds(pop3.Top, _NUMBER, st.sampled_from([0, 1, 10]) | st.integers(0, 2**63 - 1)),
    pop3.Uidl: st.builds(pop3.Uidl, st.none() | _NUMBER),
    pop3.Utf8: st.just(pop3.Utf8()),
    pop3.Lang: st.builds(pop3.Lang, st.none() | st.sampled_from(["*", "en", "de-AT", "x-own"])),
    pop3.UnknownCommand: st.builds(pop3.UnknownCommand, _VERBS_3, st.just("") | _STRING),
}
_POP3_ANSWERS = (pop3.AuthResponse, pop3.AuthCancel)  # no commands: they stand behind a challenge


@_once
def pop3_commands(*kinds: type[object]) -> SearchStrategy[pop3.Command]:
    """Commands of the given classes; without any, of all that `pop3.parse_command` can read.

    `pop3_commands(pop3.AuthResponse, pop3.AuthCancel)` are the answers to a challenge. Names and
    passwords may need UTF8 USER (RFC 6856).
    """
    wanted = kinds or tuple(kind for kind in _POP3_COMMANDS if kind not in _POP3_ANSWERS)
    return st.one_of([_POP3_COMMANDS[kind] for kind in wanted])


@_once
def pop3_replies(ok: bool | None = None) -> SearchStrategy[pop3.Reply]:
    """Replies, with and without response codes; with `ok`, only +OK or only -ERR."""
    codes = st.sampled_from([*pop3.ResponseCode, "SYS/TEMP/DISK", "X-OWN"])
    text = _LINE | st.builds("[{}] {}".format, codes, _LINE)
    return st.builds(pop3.Reply, st.booleans() if ok is None else st.just(ok), text)


@_once
def pop3_maildrops(*, max_size: int = 4) -> SearchStrategy[tuple[tuple[int, str], ...]]:
    """(octets, unique-id) of each message, as a server's `accept()` takes them."""
    octets = st.sampled_from([0, 1, 120, 2**63 - 1]) | st.integers(0, 10_000)
    edges = ["~" * 70, "!", ".", "<a@b>"]
    ids = st.sampled_from(edges) | st.text(st.characters(min_codepoint=33, max_codepoint=126))
    usable = ids.map(lambda text: text[:70] or "a")
    return st.lists(st.tuples(octets, usable), max_size=max_size).map(tuple)


_POP3_OFFERS = (
    "TOP",
    "UIDL",
    "USER",
    "PIPELINING",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "UTF8 USER",
    "EXPIRE 5 USER",
    "LOGIN-DELAY 60",
    "IMPLEMENTATION own",
    "X-OWN a b=c",
)


@_once
def pop3_configs() -> SearchStrategy[pop3.ServerConfig]:
    """Server configurations with any set of capabilities; one can always log in with TLS."""
    every = st.just(_POP3_OFFERS)
    some = st.lists(st.sampled_from(_POP3_OFFERS), unique=True).map(lambda some: ("USER", *some))
    return st.builds(
        pop3.ServerConfig,
        hostname=domains(),
        capabilities=(every | some).map(lambda lines: tuple(dict.fromkeys(lines))),
        auth=st.sampled_from([(), ("SCRAM-SHA-256", "PLAIN"), ("PLAIN", "LOGIN")]),
        plaintext_auth=st.booleans(),
        stls=st.booleans(),
        languages=st.sampled_from([(), (("en", "English"), ("de-AT", ""))]),
        verbs=st.sampled_from([(), ("XTND",)]),
    )


# --- POP3: streams --------------------------------------------------------------------------------


@_once
def pop3_client_streams() -> SearchStrategy[bytes]:
    """What a client writes in a whole session, pipelined: a login, then whatever, perhaps QUIT.

    Message numbers are 1 and others. No STLS: what is behind it does not come in plaintext.
    """
    logins = st.sampled_from(
        [[pop3.User("bob"), pop3.Pass("secret")], [pop3.Auth("PLAIN", b"\0bob\0secret")]]
    )
    kinds = [kind for kind in _POP3_COMMANDS if kind not in (*_POP3_ANSWERS, pop3.Stls, pop3.Quit)]
    number = st.sampled_from([1, 1, 2, 3, 9])
    usual = st.one_of(
        st.builds(pop3.Retr, number),
        st.builds(pop3.Dele, number),
        st.builds(pop3.Top, number, st.integers(0, 3)),
        st.builds(pop3.List, st.none() | number),
        st.builds(pop3.Uidl, st.none() | number),
    )
    rest = st.lists(usual | pop3_commands(*kinds), max_size=8)
    ends = st.sampled_from([[], [pop3.Quit()]])
    before = st.lists(pop3_commands(pop3.Capa, pop3.Lang), max_size=1)
    return st.builds(_said, before, logins, rest, ends)


def _said(*parts: list[pop3.Command]) -> bytes:
    return b"".join(pop3.encode(command) for part in parts for command in part)


@_once
def pop3_server_streams() -> SearchStrategy[bytes]:
    """What a server writes: a greeting, mostly an answer to CAPA, and answers to whatever comes."""
    capa = st.lists(st.sampled_from([*_POP3_OFFERS, "STLS", "SASL PLAIN"]), max_size=8)
    entries = st.lists(
        st.builds("{} {}".format, st.integers(0, 99), st.integers(0, 999) | _STRING), max_size=4
    )
    several = st.one_of(
        capa.map(lambda lines: "".join(f"{line}\r\n" for line in lines).encode()),
        entries.map(lambda lines: "".join(f"{line}\r\n" for line in lines).encode()),
        bodies(max_size=4),
    ).map(_text)
    status = pop3_replies().map(pop3.encode)
    challenges = st.builds(pop3.Challenge, _OCTETS).map(pop3.encode)
    texts = several.map(lambda text: b"+OK\r\n" + text)
    greetings = st.sampled_from(
        [b"+OK ready <1896.697170952@example.com>\r\n", b"+OK\r\n", b"-ERR [SYS/TEMP] no\r\n"]
    )
    rest = st.lists(status | texts | challenges, max_size=6)
    return st.tuples(greetings, rest).map(lambda said: said[0] + b"".join(said[1]))


# --- POP3: sessions -------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, repr=False)
class Pop3Session:
    """Everything that decides about a session in which messages are retrieved, some deleted."""

    config: pop3.ServerConfig = pop3.ServerConfig(plaintext_auth=True)  # noqa: RUF009 - frozen
    """The server. When it offers STLS, the client starts TLS."""
    messages: tuple[bytes, ...] = ()
    """What is in the maildrop."""
    commands: tuple[pop3.Command, ...] = ()
    """What the client says between login and QUIT: in one go, where that is offered."""
    login: Literal["USER", "APOP", "AUTH"] = "USER"
    """How the client logs in."""
    step: int = 65_536
    """How many octets of a message the server's application gives at a time."""
    at_once: bool = True
    """Whether the server's application answers in the event, or waits until it is asked."""
    limits: Limits = Limits()  # noqa: RUF009 - frozen
    """Of both sides."""
    schedule: tuple[int, ...] = ()
    """How much each read gives, on both sides."""
    pipe: int = 65_536
    """How many octets are on their way at most, in each direction."""

    def __repr__(self) -> str:
        return _shown(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(_shown(self))  # what Hypothesis prints

    @property
    def maildrop(self) -> tuple[tuple[int, str], ...]:
        """What the server's application opens."""
        return tuple((len(text), f"uid-{at}") for at, text in enumerate(self.messages, 1))

    def link(self) -> Link:
        """Both machines, with applications that play this session up to QUIT. `run()` runs it."""
        quirks = pop3.Quirks(plaintext_auth=True)
        return Link(
            pop3.Client(limits=self.limits, quirks=quirks),
            pop3.Server(
                self.config, limits=self.limits, greeting=self.config.greeting("1896.697170952")
            ),
            play_client=self._client(),
            play_server=self._server(),
            cuts=self.schedule,
            pipe=self.pipe,
        )

    def _server(self) -> Callable[[pop3.Server, object], None]:
        given = 0

        def play(server: pop3.Server, event: object) -> None:
            nonlocal given
            awaiting = server.awaiting
            if isinstance(awaiting, BodyWanted):
                if event is not Want.ANSWER:
                    return
                command = cast("pop3.Retr | pop3.Top", awaiting.command)
                piece = self.messages[command.number - 1][given : given + self.step]
                given += len(piece)
                if piece and not server.enough:
                    server.send_body(piece)
                else:
                    given = 0
                    server.end_body()
            elif awaiting is None or (event is not Want.ANSWER and not self.at_once):
                return
            elif isinstance(awaiting, (pop3.Pass, pop3.Apop, pop3.Auth)):
                server.accept(maildrop=self.maildrop)
            else:
                server.accept()

        return play

    def _client(self) -> Callable[[pop3.Client, object], None]:
        left: list[pop3.Command] = [*self.commands, pop3.Quit()]

        def login(client: pop3.Client) -> None:
            if self.login == "APOP" and client.timestamp is not None:
                client.send(pop3.Apop.make("bob", client.timestamp, "secret"))
            elif self.login == "AUTH" and client.capabilities and client.capabilities.sasl:
                client.send(pop3.Auth(client.capabilities.sasl[0], b"secret"))
            else:
                client.send(pop3.User("bob"))

        def play(client: pop3.Client, event: object) -> None:
            if isinstance(event, pop3.Greeting):
                client.send(pop3.Capa())
            elif not isinstance(event, pop3.Replied):
                return
            elif client.state is pop3.State.TRANSACTION:
                together = client.capabilities is not None and "PIPELINING" in client.capabilities
                while left and (together or not client.outstanding) and _free(client):
                    client.send(left.pop(0))
            elif isinstance(event.command, pop3.Stls):
                client.send(pop3.Capa())
            elif isinstance(event.command, pop3.Capa):
                offers = client.capabilities
                if offers is not None and "STLS" in offers and not client.tls:
                    client.send(pop3.Stls())
                else:
                    login(client)
            elif isinstance(event.command, pop3.User):
                client.send(pop3.Pass("secret"))

        return play


def _free(client: pop3.Client) -> bool:
    """Whether there is room for one more command."""
    room = client.limits.output > 100 or not client.outstanding
    return room and not any(pop3.RULES[one.verb].sync for _, one in client.outstanding)


@st.composite
def pop3_sessions(draw: st.DrawFn) -> Pop3Session:
    """Whole sessions: any configuration, any messages, and what may be said about them."""
    config = draw(pop3_configs())
    login = draw(st.sampled_from(["USER", "APOP", "AUTH"]))
    config = attrs.evolve(config, plaintext_auth=True)
    messages = draw(st.lists(bodies(bare_newlines=True, max_size=5), max_size=3))
    number = st.integers(1, len(messages) + 1)
    kinds: list[SearchStrategy[pop3.Command]] = [
        st.builds(pop3.Retr, number),
        st.builds(pop3.Dele, number),
        st.builds(pop3.List, st.none() | number),
        pop3_commands(pop3.Stat, pop3.Noop, pop3.Rset, pop3.Capa),
    ]
    if "TOP" in config.offered:
        kinds.append(st.builds(pop3.Top, number, st.integers(0, 3)))
    if "UIDL" in config.offered:
        kinds.append(st.builds(pop3.Uidl, st.none() | number))
    limits = st.builds(
        Limits,
        chunk=st.sampled_from([1, 7, 65_536]),
        output=st.sampled_from([1, 100, 262_144]),
        batch=st.sampled_from([1, 2, 1_000]),
    )
    return Pop3Session(
        config=config,
        messages=tuple(messages),
        commands=tuple(draw(st.lists(st.one_of(kinds), max_size=6))),
        login=cast(Any, login),
        step=draw(st.sampled_from([1, 3, 65_536])),
        at_once=draw(st.booleans()),
        limits=draw(limits),
        schedule=tuple(draw(chunk_schedules())),
        pipe=draw(st.sampled_from([65_536, 100, 1])),
    )
