"""SMTP and LMTP: commands and replies, what each side writes, and whole sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final, Literal, TypeVar, cast

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .. import smtp
from .._machine import BodyWanted, Want
from ..limits import Limits
from ..testing import Link
from ._shared import (
    LINE,
    MECHANISMS,
    OCTETS,
    STRING,
    TEXT,
    Shown,
    address_literals,
    addresses,
    bodies,
    chunk_schedules,
    cuts,
    domains,
    once,
    text_form,
)

__all__ = [
    "SmtpSession",
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

T = TypeVar("T")

# --- Values ---------------------------------------------------------------------------------------

_ANY_TEXT = st.text(TEXT | st.characters(max_codepoint=127), min_size=1, max_size=12)


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
_PEER_TEXT = st.text(TEXT, min_size=1, max_size=12)
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


@once
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
    smtp.Vrfy: st.builds(smtp.Vrfy, addresses(utf8=True) | STRING.filter(bool)),
    smtp.Expn: st.builds(smtp.Expn, st.sampled_from(["staff"]) | STRING.filter(bool)),
    smtp.Help: st.builds(smtp.Help, st.just("") | STRING),
    smtp.Noop: st.builds(smtp.Noop, st.just("") | STRING),
    smtp.Quit: st.just(smtp.Quit()),
    smtp.StartTls: st.just(smtp.StartTls()),
    smtp.Auth: st.builds(smtp.Auth, MECHANISMS, st.none() | st.just(b"") | OCTETS),
    smtp.AuthResponse: st.builds(smtp.AuthResponse, st.just(b"") | OCTETS),
    smtp.AuthCancel: st.just(smtp.AuthCancel()),
    smtp.Etrn: st.builds(smtp.Etrn, domains() | domains().map("@{}".format) | st.just("#queue")),
    smtp.XClient: st.builds(smtp.XClient, smtp_params("XCLIENT").filter(bool)),
    smtp.XForward: st.builds(smtp.XForward, smtp_params("XFORWARD").filter(bool)),
    smtp.UnknownCommand: st.builds(smtp.UnknownCommand, _VERBS, st.just("") | STRING),
}
_ANSWERS = (smtp.AuthResponse, smtp.AuthCancel)  # no commands: they stand behind a challenge


@once
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
    lines = draw(st.lists(LINE, min_size=1, max_size=4))
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


@once
def smtp_hello_replies() -> SearchStrategy[smtp.Reply]:
    """Positive answers to EHLO or LHLO: what servers offer, and what some write there instead."""
    offers = st.sampled_from([*_OFFERS, *_MORE_OFFERS, *_ODD_OFFERS])
    first = domains() | domains().map("{} at your service".format)
    lines = st.lists(offers, max_size=8) | st.just([*_OFFERS, *_MORE_OFFERS])
    return st.tuples(first, lines).map(lambda said: smtp.Reply(250, (said[0], *said[1])))


@once
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


@once
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


@once
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


# --- Streams --------------------------------------------------------------------------------------


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
        said.append(smtp.encode(smtp.Auth(draw(st.sampled_from(mechanisms)), draw(OCTETS))))
    for _ in range(draw(st.integers(0, 2))):
        said += map(smtp.encode, draw(asides))
        envelope = draw(_envelopes(offered, 2, frozenset({"SIZE"})))
        said += map(smtp.encode, _opening(envelope))
        body = draw(bodies(bare_newlines=bare_newlines, max_size=5))
        binary = smtp.BODY("BINARYMIME") in envelope.params
        ways = ["rset"] if binary else ["data", "rset"]
        way = draw(st.sampled_from(["bdat", *ways] if "CHUNKING" in offered else ways))
        if way == "data":
            said += [smtp.encode(smtp.Data()), text_form(body)]
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


def _chunks(pieces: list[bytes]) -> list[bytes]:
    last = len(pieces) - 1
    return [smtp.encode(smtp.Bdat(len(one), at == last)) + one for at, one in enumerate(pieces)]


def smtp_server_streams() -> SearchStrategy[bytes]:
    """What a server writes: a greeting, mostly an answer to EHLO, and replies to whatever comes."""
    greetings = smtp_replies([220, 220, 220, 421, 554])
    usual = smtp_replies([250, 250, 250, 354, 550, 451, 235, 221])
    challenges = st.builds(smtp.Challenge, OCTETS)
    rest = st.lists(usual | smtp_replies() | challenges, max_size=6)
    return st.tuples(greetings, smtp_hello_replies() | usual, rest).map(
        lambda said: b"".join(map(smtp.encode, [said[0], said[1], *said[2]]))
    )


# --- Sessions -------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True, repr=False)
class SmtpSession(Shown):
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
