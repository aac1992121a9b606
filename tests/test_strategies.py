"""The strategies draw everything they promise, and nothing that cannot be said."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar, get_args

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from hypothesis.strategies import SearchStrategy

from mailproto import BodyChunk, imap, message, pop3, sasl, smtp
from mailproto import strategies as mail
from mailproto.imap._codes import CODES
from mailproto.imap._command_syntax import VERBS
from mailproto.imap._fetch import FETCH_VALUES
from mailproto.imap._response_syntax import WRITERS
from mailproto.imap._search import SEARCH_KEYS
from mailproto.testing import run

T = TypeVar("T")

SEARCH = settings(
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def find(strategy: SearchStrategy[T], wanted: Callable[[T], object]) -> T:
    """A value that is wanted. The same search every time; fails when there is none in it."""
    found: list[T] = []

    @settings(SEARCH, max_examples=3_000)
    @given(strategy)
    def search(value: T) -> None:
        if wanted(value):
            found.append(value)
            raise _FoundError

    try:
        search()
    except _FoundError:
        return found[0]
    raise NoSuchExample(repr(strategy))


class _FoundError(Exception):
    pass


def sample(strategy: SearchStrategy[T], size: int = 200) -> list[T]:
    """Some values, the same ones every time."""
    values: list[T] = []

    @settings(SEARCH, max_examples=size)
    @given(strategy)
    def collect(value: T) -> None:
        values.append(value)

    collect()
    return values


# -- shared ----------------------------------------------------------------------------------------


@given(mail.chunk_schedules(max_size=9))
def test_a_schedule_is_a_short_list_of_sizes(schedule: list[int]) -> None:
    assert len(schedule) <= 9
    assert min(schedule, default=0) >= 0


@pytest.mark.parametrize(
    "wanted",
    [
        lambda schedule: not schedule,
        lambda schedule: 0 in schedule and max(schedule) > 0,
        lambda schedule: len(schedule) > 5 and set(schedule) == {1},
        lambda schedule: max(schedule, default=0) >= 1_000,
    ],
    ids=["in one piece", "reads of nothing", "octet by octet", "large pieces"],
)
def test_schedules_of_every_kind_are_drawn(wanted: Callable[[list[int]], bool]) -> None:
    find(mail.chunk_schedules(), wanted)


@given(st.data(), st.binary(max_size=30))
def test_cuts_lose_nothing(data: st.DataObject, octets: bytes) -> None:
    pieces = data.draw(mail.cuts(octets))
    assert pieces
    assert b"".join(pieces) == octets


@pytest.mark.parametrize(
    "wanted",
    [
        lambda pieces: pieces == [b"abc"],
        lambda pieces: pieces == [b"a", b"b", b"c"],
        lambda pieces: b"" in pieces,
    ],
    ids=["whole", "octet by octet", "empty ones"],
)
def test_cuts_of_every_kind_are_drawn(wanted: Callable[[list[bytes]], bool]) -> None:
    find(mail.cuts(b"abc"), wanted)


_ORIGINAL = b"one\r\ntwo\r\n"


@pytest.mark.parametrize(
    "wanted",
    [
        lambda data: len(data) == len(_ORIGINAL) and data != _ORIGINAL,
        lambda data: _ORIGINAL.startswith(data) and len(data) < len(_ORIGINAL),
        lambda data: re.search(rb"^(QUIT|RSET|BDAT 3|250 ok|421 bye)\r\n", data, re.MULTILINE),
        lambda data: b"own words" in data,
        lambda data: data.count(b"one") == 2,
        lambda data: b"\n" in data.replace(b"\r\n", b""),
    ],
    ids=["flipped", "cut off", "a line put in", "the caller's line", "repeated", "bare newlines"],
)
def test_damage_of_every_kind_is_done(wanted: Callable[[bytes], object]) -> None:
    find(mail.mutated(st.just(_ORIGINAL), lines=[b"own words\r\n"] * 5), wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda address: address.startswith('"'),
        lambda address: re.match(r'"[^\\]*\\[\\"]', address),
        lambda address: re.search(r"@\[[0-9.]+\]$", address),
        lambda address: re.search(r"@\[IPv6:[0-9A-F:]{39}\]$", address),
        lambda address: re.search(r"@\[IPv6:.*::", address),
        lambda address: re.search(r"@\[IPv6:::ffff:[0-9]+\.", address),
        lambda address: re.search(r"@\[(?!IPv6)[^\]]*:", address),
        lambda address: len(address.split("@")[0]) == 64,
        lambda address: len(address) > 150,
    ],
    ids=[
        "quoted",
        "quoted pair",
        "IPv4",
        "IPv6 in full",
        "IPv6 abbreviated",
        "IPv4 in IPv6",
        "general literal",
        "longest local part",
        "long domain",
    ],
)
def test_addresses_of_every_kind_are_drawn(wanted: Callable[[str], object]) -> None:
    """RFC 5321 sections 4.1.2, 4.1.3 and 4.5.3.1."""
    find(mail.addresses(), wanted)


@given(mail.addresses())
def test_addresses_are_ascii_unless_asked_for_more(address: str) -> None:
    assert address.isascii()


def test_addresses_beyond_ascii_are_drawn_on_both_sides() -> None:
    """RFC 6531 section 3.3."""
    find(mail.addresses(utf8=True), lambda address: not address.rpartition("@")[0].isascii())
    find(mail.addresses(utf8=True), lambda address: not address.rpartition("@")[2].isascii())


@pytest.mark.parametrize(
    "wanted",
    [
        lambda body: body == b"",
        lambda body: body.startswith(b"."),
        lambda body: b"\r\n.\r\n" in body,
        lambda body: b"\r\n..\r\n" in body,
        lambda body: body and not body.endswith(b"\r\n"),
        lambda body: max(body, default=0) > 127,
        lambda body: b"\0" in body,
        lambda body: max(map(len, body.split(b"\r\n"))) > 998,
    ],
    ids=["empty", "dot", "its own end", "stuffed", "no last newline", "8-bit", "NUL", "long line"],
)
def test_bodies_of_every_kind_are_drawn(wanted: Callable[[bytes], object]) -> None:
    find(mail.bodies(), wanted)


_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")


@given(mail.bodies())
def test_bodies_have_no_bare_newlines_by_default(body: bytes) -> None:
    assert not _BARE.search(body)


@pytest.mark.parametrize("fragment", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r\r", b"\r\r\n"])
def test_bodies_with_bare_newlines_look_like_they_end(fragment: bytes) -> None:
    """What smuggling is made of: RFC 5321 section 4.1.1.4 lets only CRLF . CRLF end a text."""
    find(mail.bodies(bare_newlines=True), lambda body: fragment in body)


# -- SASL ------------------------------------------------------------------------------------------


@given(mail.sasl_names())
def test_names_are_what_saslprep_takes(name: str) -> None:
    """RFC 4013; RFC 5802 section 5.1 does without a name that is empty when it is prepared."""
    assert sasl.saslprep(name, stored=True)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda name: sasl.saslprep(name) != name,
        lambda name: name.isascii() and len(name) > 3,
        lambda name: not name.isascii(),
        lambda name: "=" in name and "," in name,
        lambda name: " " in name,
        lambda name: len(name) == 255,
        lambda name: "\u0628" in name,
    ],
    ids=["prepared", "ASCII", "beyond ASCII", "quoted in SCRAM", "space", "long", "right to left"],
)
def test_names_of_every_kind_are_drawn(wanted: Callable[[str], object]) -> None:
    find(mail.sasl_names(), wanted)


@given(mail.sasl_nonces(), st.sampled_from(sasl.PREFERENCE))
def test_every_mechanism_takes_every_nonce(nonce: str, mechanism: str) -> None:
    bindings = [sasl.Binding("tls-unique", b"x")]
    assert sasl.server(mechanism, nonce=nonce, bindings=bindings).mechanism == mechanism


def test_credentials_of_every_class_are_drawn() -> None:
    kinds = set(get_args(sasl.Credentials))
    assert {type(one) for one in sample(mail.sasl_credentials())} == kinds
    for kind in kinds:
        assert {type(one) for one in sample(mail.sasl_credentials(kind), 20)} == {kind}


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (sasl.Password, lambda have: have.authzid),
        (sasl.Password, lambda have: not have.authzid),
        (sasl.Token, lambda have: have.host and have.port),
        (sasl.Token, lambda have: have.port is None),
        (sasl.Certificate, lambda have: not have.authzid),
        (sasl.Guest, lambda have: "@" in have.trace),
        (sasl.Guest, lambda have: have.trace == ""),
    ],
)
def test_the_edges_of_credentials_are_drawn(kind: type, wanted: Callable[[Any], object]) -> None:
    find(mail.sasl_credentials(kind), wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda session: session.known,
        lambda session: not session.known,
        lambda session: not session.initial,
        lambda session: session.binding and session.mechanism.endswith("-PLUS"),
        lambda session: session.client().initial.startswith(b"y,"),
    ],
)
def test_sasl_sessions_of_every_kind_are_drawn(
    wanted: Callable[[mail.SaslSession], object],
) -> None:
    find(mail.sasl_sessions("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"), wanted)


def test_sasl_sessions_of_every_mechanism_are_drawn() -> None:
    drawn = {session.mechanism for session in sample(mail.sasl_sessions())}
    assert drawn == sasl.MECHANISMS
    assert {one.mechanism for one in sample(mail.sasl_sessions("PLAIN"), 20)} == {"PLAIN"}


@given(mail.sasl_sessions())
def test_a_sasl_session_runs_itself_to_its_end(session: mail.SaslSession) -> None:
    assert isinstance(session.run(), sasl.Success if session.known else sasl.Failure)


def test_a_sasl_session_lets_its_messages_be_changed() -> None:
    session = mail.SaslSession(mechanism="LOGIN", credentials=sasl.Password("ada", "engine"))
    said: list[bytes] = []

    def change(message: bytes) -> bytes:
        said.append(message)
        return b"other" if message == b"engine" else message

    assert isinstance(session.run(change), sasl.Failure)
    assert said == [b"Username:", b"ada", b"Password:", b"engine"]


def test_a_sasl_session_shows_all_that_is_special_about_it() -> None:
    session = mail.SaslSession(
        mechanism="PLAIN", credentials=sasl.Password("ada", "engine"), known=False
    )
    assert repr(session) == (
        "SaslSession(mechanism='PLAIN', credentials=Password(authcid='ada', password='engine'),"
        " known=False)"
    )


# -- SMTP: values ----------------------------------------------------------------------------------

_ANSWERS = {smtp.AuthResponse, smtp.AuthCancel}


def test_every_command_is_drawn() -> None:
    commands = set(get_args(smtp.Command))
    assert {type(one) for one in sample(mail.smtp_commands(), 500)} == commands - _ANSWERS


@pytest.mark.parametrize("kind", get_args(smtp.Command), ids=lambda kind: kind.__name__)
def test_commands_of_one_class_can_be_asked_for(kind: type[smtp.Command]) -> None:
    drawn = sample(mail.smtp_commands(kind), 30)
    assert {type(one) for one in drawn} == {kind}
    assert all(smtp.encode(one).endswith(b"\r\n") for one in drawn)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (smtp.Mail, lambda mail: mail.sender == ""),
        (smtp.Mail, lambda mail: len(mail.params) > 1),
        (smtp.Mail, lambda mail: any(param.value == "" for param in mail.params)),
        (smtp.Rcpt, lambda rcpt: rcpt.recipient.lower() == "postmaster"),
        (smtp.Rcpt, lambda rcpt: not rcpt.recipient.isascii()),
        (smtp.Bdat, lambda bdat: bdat == smtp.Bdat(0, True)),
        (smtp.Bdat, lambda bdat: bdat.size == 2**63 - 1),
        (smtp.Ehlo, lambda ehlo: ehlo.domain.startswith("[")),
        (smtp.Auth, lambda auth: auth.initial_response is None),
        (smtp.Auth, lambda auth: auth.initial_response == b""),
        (smtp.Auth, lambda auth: auth.initial_response),
        (smtp.Help, lambda help_: help_.string == ""),
        (smtp.Noop, lambda noop: not noop.string.isascii()),
        (smtp.Etrn, lambda etrn: etrn.node[0] in "@#"),
        (smtp.UnknownCommand, lambda unknown: unknown.argument),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_edges_of_commands_are_drawn(kind: type, wanted: Callable[[Any], object]) -> None:
    find(mail.smtp_commands(kind), wanted)


ROWS = [row for extension in smtp.EXTENSIONS for row in (*extension.mail, *extension.rcpt)]


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
def test_every_parameter_of_the_registry_is_drawn(command: Any) -> None:
    drawn = {param.keyword for params in sample(mail.smtp_params(command)) for param in params}
    assert drawn == {row.keyword for row in ROWS if row.command == command}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.keyword)
def test_every_parameter_has_values(row: smtp.Parameter[Any]) -> None:
    values = sample(mail.smtp_values(row), 50)
    assert len(set(values)) > 1 or row in (smtp.SMTPUTF8, smtp.REQUIRETLS, smtp.PRDR)


def test_the_values_of_a_private_parameter_are_not_guessed() -> None:
    row: smtp.Parameter[str | None] = smtp.Parameter("XOWN", "MAIL", lambda text: text, str)
    with pytest.raises(ValueError, match="XOWN"):
        mail.smtp_values(row)


@given(mail.smtp_params("MAIL", offered=["size", "8BITMIME"]))
def test_parameters_are_those_that_are_offered(params: tuple[smtp.Param, ...]) -> None:
    assert {param.keyword for param in params} <= {"SIZE", "BODY"}
    assert smtp.BODY("BINARYMIME") not in params


def test_nothing_offered_is_no_parameters() -> None:
    assert set(sample(mail.smtp_params("RCPT", offered=[]), 5)) == {()}


@pytest.mark.parametrize(
    "wanted",
    [
        lambda reply: len(reply.lines) > 2,
        lambda reply: reply.enhanced,
        lambda reply: len(reply.lines) > 1 and reply.enhanced,
        lambda reply: not reply.text.isascii(),
        lambda reply: reply.text == "",
        lambda reply: reply.code == 354,
        lambda reply: reply.transient and reply.permanent is False,
        lambda reply: reply.code not in (250, 550) and reply.code % 100 > 60,
    ],
)
def test_replies_of_every_kind_are_drawn(wanted: Callable[[smtp.Reply], object]) -> None:
    find(mail.smtp_replies(), wanted)


@given(mail.smtp_replies([250, 451]))
def test_replies_have_the_codes_that_are_asked_for(reply: smtp.Reply) -> None:
    assert reply.code in (250, 451)


def test_answers_to_ehlo_offer_every_extension_a_server_can() -> None:
    seen: set[str] = set()
    for reply in sample(mail.smtp_hello_replies(), 50):
        seen |= set(smtp.Capabilities.from_reply(reply))
    told = {extension.keyword for extension in smtp.EXTENSIONS} - {"VRFY", "EXPN", "HELP"}
    assert told <= seen


def test_configurations_differ_where_it_matters() -> None:
    configs = sample(mail.smtp_configs())
    for name in ("lmtp", "starttls", "plaintext_auth", "size", "auth"):
        assert len({getattr(config, name) for config in configs}) > 1, name
    for keyword in ("PIPELINING", "CHUNKING", "SMTPUTF8"):
        assert len({keyword in config.extensions for config in configs}) == 2
    assert {config.lmtp for config in sample(mail.smtp_configs(lmtp=True), 20)} == {True}


@given(mail.smtp_envelopes(offered=["PIPELINING"], max_recipients=2))
def test_envelopes_fit_what_is_offered(envelope: smtp.Envelope) -> None:
    assert envelope.params == ()
    assert envelope.sender.isascii()
    assert 1 <= len(envelope.recipients) <= 2
    assert all(one.address.isascii() and not one.params for one in envelope.recipients)


# -- SMTP: streams and sessions --------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        lambda stream: stream.count(b"\nMAIL FROM:") > 1,
        lambda stream: b"DATA\r\n" in stream,
        lambda stream: re.search(rb"BDAT \d+\r\n", stream),
        lambda stream: b"BDAT 0 LAST\r\n" in stream,
        lambda stream: stream.endswith(b"QUIT\r\n"),
        lambda stream: b"RSET\r\n" in stream,
        lambda stream: stream.startswith(b"HELO"),
    ],
)
def test_client_streams_of_every_kind_are_drawn(wanted: Callable[[bytes], object]) -> None:
    find(mail.smtp_client_streams(), wanted)


@pytest.mark.parametrize("keyword", ["AUTH", "ETRN"])
def test_client_streams_use_what_is_offered(keyword: str) -> None:
    config = smtp.ServerConfig(auth=("PLAIN",), plaintext_auth=True, extensions=("ETRN",))
    find(mail.smtp_client_streams(config), lambda stream: b"\n%b " % keyword.encode() in stream)


def test_client_streams_speak_lmtp_to_an_lmtp_server() -> None:
    streams = sample(mail.smtp_client_streams(smtp.ServerConfig(lmtp=True)), 20)
    assert {stream[:5] for stream in streams} == {b"LHLO "}


def test_client_streams_bring_bodies() -> None:
    def brings(stream: bytes) -> bool:
        events = run(smtp.Server(), stream).events
        return any(isinstance(event, BodyChunk) and b"." in event.data for event in events)

    find(mail.smtp_client_streams(), brings)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda stream: stream.startswith(b"220"),
        lambda stream: stream.startswith(b"554"),
        lambda stream: b"PIPELINING" in stream,
        lambda stream: b"\r\n334 " in stream,
        lambda stream: b"\r\n354" in stream,
    ],
)
def test_server_streams_of_every_kind_are_drawn(wanted: Callable[[bytes], object]) -> None:
    find(mail.smtp_server_streams(), wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda session: session.config.lmtp and len(session.envelope.recipients) > 1,
        lambda session: session.config.starttls,
        lambda session: session.body == "BINARYMIME",
        lambda session: _BARE.search(session.message),
        lambda session: session.config.size and len(session.message) > session.config.size,
        lambda session: {one.address for one in session.envelope.recipients} == session.refused,
        lambda session: session.chunking,
        lambda session: session.chunking is False and len(session.pieces) > 2,
        lambda session: session.envelope.sender == "",
        lambda session: not session.envelope.sender.isascii(),
    ],
)
def test_sessions_of_every_kind_are_drawn(wanted: Callable[[mail.SmtpSession], object]) -> None:
    find(mail.smtp_sessions(), wanted)


def test_a_session_runs_itself_to_its_end() -> None:
    session = mail.SmtpSession(
        envelope=smtp.Envelope("a@example.com", ["b@example.net", "c@example.org"]),
        pieces=(b"hello", b"", b"\r\n"),
        refused=frozenset({"c@example.org"}),
    )
    link = session.link()
    link.run()
    assert link.closed
    assert session.message == b"hello\r\n"
    (outcome,) = [one for one in link.client.events if isinstance(one, smtp.Outcome)]
    assert outcome.delivered == ("b@example.net",)


def test_a_session_shows_what_is_special_about_it() -> None:
    config = smtp.ServerConfig(lmtp=True)
    session = mail.SmtpSession(envelope=smtp.Envelope("", ["b@c"]), config=config)
    assert repr(session) == (
        f"SmtpSession(config=ServerConfig(lmtp=True), envelope={session.envelope!r})"
    )


# -- POP3 ------------------------------------------------------------------------------------------

_POP3_ANSWERS = {pop3.AuthResponse, pop3.AuthCancel}


def test_every_pop3_command_is_drawn() -> None:
    commands = set(get_args(pop3.Command))
    assert {type(one) for one in sample(mail.pop3_commands(), 500)} == commands - _POP3_ANSWERS


@pytest.mark.parametrize("kind", get_args(pop3.Command), ids=lambda kind: kind.__name__)
def test_pop3_commands_of_one_class_can_be_asked_for(kind: type[pop3.Command]) -> None:
    drawn = sample(mail.pop3_commands(kind), 30)
    assert {type(one) for one in drawn} == {kind}
    assert all(pop3.encode(one).endswith(b"\r\n") for one in drawn)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (pop3.List, lambda command: command.number is None),
        (pop3.Uidl, lambda command: command.number),
        (pop3.Retr, lambda command: command.number == 2**63 - 1),
        (pop3.Top, lambda command: command.lines == 0),
        (pop3.Pass, lambda command: command.password != command.password.strip()),
        (pop3.User, lambda command: not command.name.isascii()),
        (pop3.User, lambda command: " " in command.name),
        (pop3.Lang, lambda command: command.tag == "*"),
        (pop3.Auth, lambda command: command.initial_response == b""),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_edges_of_pop3_commands_are_drawn(kind: type, wanted: Callable[[Any], object]) -> None:
    find(mail.pop3_commands(kind), wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda reply: reply.ok and not reply.text,
        lambda reply: not reply.ok and reply.means(pop3.ResponseCode.SYS_TEMP),
        lambda reply: reply.code == pop3.ResponseCode.IN_USE,
        lambda reply: not reply.text.isascii(),
    ],
)
def test_pop3_replies_of_every_kind_are_drawn(wanted: Callable[[pop3.Reply], object]) -> None:
    find(mail.pop3_replies(), wanted)


def test_pop3_replies_are_yes_or_no_as_asked() -> None:
    assert {reply.ok for reply in sample(mail.pop3_replies(False), 20)} == {False}


@given(mail.pop3_maildrops(max_size=2))
def test_maildrops_can_be_opened(drop: tuple[tuple[int, str], ...]) -> None:
    server = pop3.Server(pop3.ServerConfig(plaintext_auth=True))
    server.receive_data(b"USER a\r\nPASS b\r\n")
    while server.awaiting is None:
        server.next_event()
    server.accept(maildrop=drop)
    assert server.totals.messages == len(drop) <= 2


def test_pop3_configurations_differ_where_it_matters() -> None:
    configs = sample(mail.pop3_configs())
    for name in ("stls", "plaintext_auth", "auth", "languages"):
        assert len({getattr(config, name) for config in configs}) > 1, name
    for keyword in ("PIPELINING", "TOP", "UIDL"):
        assert len({keyword in config.offered for config in configs}) == 2


@pytest.mark.parametrize(
    "wanted",
    [
        lambda stream: b"\nRETR 1\r\n" in stream,
        lambda stream: b"\nDELE 1\r\n" in stream,
        lambda stream: stream.endswith(b"QUIT\r\n"),
        lambda stream: stream.startswith(b"AUTH PLAIN "),
        lambda stream: b"\nTOP 1 0\r\n" in stream,
    ],
)
def test_pop3_client_streams_of_every_kind_are_drawn(wanted: Callable[[bytes], object]) -> None:
    find(mail.pop3_client_streams(), wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda stream: stream.startswith(b"-ERR"),
        lambda stream: b"PIPELINING\r\n" in stream,
        lambda stream: b"\r\n.\r\n" in stream,
        lambda stream: b"\r\n+ " in stream,
    ],
)
def test_pop3_server_streams_of_every_kind_are_drawn(wanted: Callable[[bytes], object]) -> None:
    find(mail.pop3_server_streams(), wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda session: session.config.stls,
        lambda session: "PIPELINING" not in session.config.offered and len(session.commands) > 2,
        lambda session: any(_BARE.search(message) for message in session.messages),
        lambda session: any(isinstance(one, pop3.Top) for one in session.commands),
        lambda session: session.login == "APOP",
        lambda session: session.login == "AUTH" and session.config.auth,
    ],
)
def test_pop3_sessions_of_every_kind_are_drawn(
    wanted: Callable[[mail.Pop3Session], object],
) -> None:
    find(mail.pop3_sessions(), wanted)


def test_a_pop3_session_runs_itself_to_its_end() -> None:
    session = mail.Pop3Session(
        messages=(b"one\r\n", b"two\r\n"), commands=(pop3.Retr(2), pop3.Dele(1))
    )
    link = session.link()
    link.run()
    assert link.closed
    assert session.maildrop == ((5, "uid-1"), (5, "uid-2"))
    assert BodyChunk(b"two\r\n") in link.client.events
    assert link.server.events[-1] == pop3.Commit((1,), ("uid-1",))
    assert repr(mail.Pop3Session(messages=(b"x",))) == "Pop3Session(messages=(b'x',))"


# -- messages --------------------------------------------------------------------------------------

FIELDS = (
    *("From", "To", "Sender", "Return-Path", "Date", "Message-ID", "References", "Received"),
    *("Content-Type", "Content-Disposition", "Content-Language", "Content-MD5", "List-Post"),
    *("List-Id", "Authentication-Results", "ARC-Authentication-Results", "DKIM-Signature"),
    *("Subject", "X-Own"),
)


@pytest.mark.parametrize("utf8", [False, True], ids=["ascii", "utf8"])
@pytest.mark.parametrize("name", FIELDS)
def test_header_values_are_what_the_field_is_read_as(name: str, utf8: bool) -> None:
    values = sample(mail.header_values(name, utf8=utf8), 60)
    assert len({repr(value) for value in values}) > 1
    for value in values:
        written = message.format_field(name, value, utf8=utf8)
        (field,) = message.Header.parse(written).fields
        assert field.value == value
        assert utf8 or written.isascii()


def _names(value: Any) -> list[str]:
    return [box.name for box in value.mailboxes]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("To", lambda value: any(isinstance(one, message.Group) for one in value.items)),
        ("To", lambda value: message.Group("undisclosed-recipients") in value.items),
        ("To", lambda value: any(not one.isascii() for one in _names(value))),
        ("To", lambda value: any('"' in one for one in _names(value))),
        ("To", lambda value: any("=?" in one for one in _names(value))),
        ("To", lambda value: any(" " in box.local_part for box in value)),
        ("To", lambda value: any(box.domain.startswith("[") for box in value)),
        ("From", lambda value: len(value.items) > 1),
        ("Return-Path", lambda value: value.items == (message.Mailbox("", ""),)),
        ("Date", lambda value: not value.zone_known),
        ("Date", lambda value: value.value.utcoffset().total_seconds() % 3_600),
        ("Date", lambda value: value.value.year == 1_900),
        ("References", lambda value: len(value.ids) > 3),
        ("References", lambda value: any("@[" in one for one in value)),
        ("Content-Type", lambda value: any(len(one.value) > 78 for one in value.params)),
        ("Content-Type", lambda value: any(one.language for one in value.params)),
        ("Content-Disposition", lambda value: not (value.get("filename") or "").isascii()),
        ("Content-Disposition", lambda value: "/" in (value.get("filename") or "")),
        ("Received", lambda value: len(value.clauses) > 3),
        ("Received", lambda value: any(one.comments for one in value.clauses)),
        ("List-Post", lambda value: value.no),
        ("List-Id", lambda value: not value.name.isascii()),
        ("Authentication-Results", lambda value: not value.results),
        ("Authentication-Results", lambda value: any(one.properties for one in value.results)),
        ("Authentication-Results", lambda value: any(" " in one.reason for one in value.results)),
        ("ARC-Authentication-Results", lambda value: value.instance),
        ("DKIM-Signature", lambda value: len(value.get("b") or "") > 64),
        ("Subject", lambda value: value.text == ""),
        ("Subject", lambda value: value.text != value.text.strip()),
        ("Subject", lambda value: value.text.startswith("=?utf-8?q?")),
        ("Subject", lambda value: len(value.text) > 78 and not value.text.isascii()),
    ],
)
def test_the_edges_of_header_values_are_drawn(name: str, wanted: Callable[[Any], object]) -> None:
    find(mail.header_values(name), wanted)


def test_addresses_of_messages_are_ascii_unless_asked_for_more() -> None:
    """RFC 6532: a display name can be encoded, an address cannot."""
    boxes = sample(mail.mailboxes())
    assert all(box.addr_spec.isascii() for box in boxes)
    assert not all(box.name.isascii() for box in boxes)
    find(mail.mailboxes(utf8=True), lambda box: not box.local_part.isascii())
    find(mail.mailboxes(utf8=True), lambda box: not box.domain.isascii())


@given(mail.groups(max_size=2))
def test_groups_are_small_and_named(group: message.Group) -> None:
    assert group.name
    assert len(group.mailboxes) <= 2


def test_fields_of_every_kind_are_drawn() -> None:
    drawn = sample(mail.header_fields(), 400)
    kinds = {type(value) for _, value in drawn}
    written_by_render = {message.ContentType, message.Disposition, message.Unparsed}
    assert kinds == set(get_args(message.FieldValue)) - written_by_render


@given(mail.headers())
def test_headers_are_proper(fields: tuple[tuple[str, message.FieldValue], ...]) -> None:
    """RFC 5322 section 3.6: what has to be there is, and what may be there once is not twice."""
    made = message.render(message.Leaf("x"), fields)
    assert made.conformance().ok
    assert made.defects == ()


@pytest.mark.parametrize(
    "wanted",
    [
        lambda draft: isinstance(draft, message.Leaf) and isinstance(draft.content, str),
        lambda draft: isinstance(draft, message.Leaf) and isinstance(draft.content, bytes),
        lambda draft: isinstance(draft, message.Leaf) and draft.content_id,
        lambda draft: isinstance(draft, message.Nested),
        lambda draft: isinstance(draft, message.Multipart) and len(draft.parts) > 1,
        lambda draft: isinstance(draft, message.Multipart) and draft.subtype == "digest",
    ],
)
def test_drafts_of_every_kind_are_drawn(wanted: Callable[[message.Draft], object]) -> None:
    find(mail.drafts(), wanted)


def _encodings(made: message.Message) -> set[str]:
    return {part.encoding for part in made.walk()}


@cache
def many(kind: str) -> list[Any]:
    """A sample of messages, for all who look for something in it."""
    return sample(getattr(mail, kind)(), 4_000 if kind == "hostile_messages" else 1_000)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda made: not made.is_multipart,
        lambda made: made.html and made.text,
        lambda made: any(part.content_id for part in made.attachments),
        lambda made: any(not part.filename.isascii() for part in made.attachments),
        lambda made: any(part.message for part in made.walk()),
        lambda made: len({part.section.count(".") for part in made.walk()}) > 2,
        lambda made: {"8bit", "base64"} <= _encodings(made),
        lambda made: "quoted-printable" in _encodings(made),
        lambda made: {part.charset for part in made.walk()} - {"", "us-ascii", "utf-8"},
        lambda made: made.header.received,
        lambda made: made.text == "" and made.body.raw == b"",
        lambda made: max(map(len, made.text.split("\n"))) > 998,
    ],
)
def test_messages_of_every_kind_are_drawn(wanted: Callable[[message.Message], object]) -> None:
    assert any(map(wanted, many("messages")))


@given(mail.messages(utf8=True))
def test_messages_are_proper(made: message.Message) -> None:
    assert made.conformance().ok
    assert made.defects == ()
    assert made.ambiguities == ()


def test_headers_of_messages_are_ascii_unless_asked_for_more() -> None:
    assert not any(made.conformance().eight_bit_header for made in many("messages"))
    find(mail.messages(utf8=True), lambda made: made.conformance().eight_bit_header)


def _codes(raw: bytes) -> set[str]:
    read = message.Message.parse(raw)
    defects = (*read.defects, *read.conformance().problems)
    return {one.code for one in defects} | {one.code for one in read.ambiguities}


@cache
def slips() -> set[str]:
    usual = message.compose(
        from_="a@example.org",
        date=datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        text="Grüße",
        html="<p>Grüße</p>",
        attachments=[message.Attachment(b"\0\1\2\xff", "a.bin")],
    )
    return set().union(
        *map(_codes, sample(mail.near_messages(proper=st.just(bytes(usual))), 3_000))
    )


@pytest.mark.parametrize(
    "code",
    [
        *("bare_lf", "bare_cr", "nul", "eight_bit", "long_line", "mbox_from", "leading_fold"),
        *("missing_boundary", "empty_boundary", "not_closed", "parts_after_close"),
        *("prefix_of_line", "duplicate_parameter", "space_before_colon", "junk_in_header"),
        *("bad_base64_word", "control_in_encoded_word", "route", "obsolete_zone", "iso_8601"),
        *("unknown_encoding", "odd_encoding", "junk_in_base64", "encoded_message", "no_header"),
        *("missing_date", "missing_from", "duplicate_field", "unknown_charset", "filename_twice"),
    ],
)
def test_slips_of_every_kind_are_made(code: str) -> None:
    """RFC 7103 has most of them."""
    assert code in slips()


@given(mail.near_messages(max_slips=1))
def test_messages_with_a_slip_are_still_octets(raw: bytes) -> None:
    assert bytes(message.Message.parse(raw)) == raw


@pytest.mark.parametrize(
    "wanted",
    [
        lambda raw: raw.count(b"Content-Type: message/rfc822") > 5,
        lambda raw: raw.count(b"boundary=b") > 5,
        lambda raw: raw.count(b"--a\n") > 5,
        lambda raw: raw.count(b"(") > 10,
        lambda raw: raw.count(b"=?utf-8?q?a?=") > 5,
        lambda raw: raw.count(b"*1*=") > 5,
        lambda raw: b"\n.\n" in raw,
        lambda raw: b"boundary=a; boundary=b" in raw,
        lambda raw: len(message.Message.parse(raw).index.parts) > 10,
        lambda raw: len(raw) > 20 and max(raw) > 127 and b":" not in raw,
        lambda raw: raw == b"",
    ],
)
def test_attacks_of_every_kind_are_drawn(wanted: Callable[[bytes], object]) -> None:
    assert any(map(wanted, many("hostile_messages")))


def test_attacks_are_as_small_as_is_asked_for() -> None:
    longest = max(map(len, sample(mail.hostile_messages(max_size=1), 300)))
    assert longest < 10_000


# -- IMAP ------------------------------------------------------------------------------------------


def test_commands_of_every_imap_class_are_drawn() -> None:
    kinds = set(get_args(imap.Command))
    assert {row.make for row in VERBS.values()} <= kinds
    for kind in kinds:
        assert {type(one) for one in sample(mail.imap_commands(kind), 5)} == {kind}
    answers = {imap.AuthResponse, imap.AuthCancel}
    drawn = {type(one) for one in sample(mail.imap_commands(), 500)}
    assert drawn <= kinds - answers
    assert len(drawn) > 40


def test_responses_of_every_imap_class_are_drawn() -> None:
    kinds = set(get_args(imap.Response))
    assert set(WRITERS) == kinds - {imap.UnknownData}
    for kind in kinds:
        assert {type(one) for one in sample(mail.imap_responses(kind), 5)} == {kind}
    drawn = {type(one) for one in sample(mail.imap_responses(), 500)}
    assert drawn <= kinds - {imap.UnknownData}
    assert len(drawn) > 20


def test_response_codes_of_every_name_are_drawn() -> None:
    """RFC 9051 section 7.1, and those of the extensions."""
    for name, row in CODES.items():
        drawn = sample(mail.imap_response_codes(name), 10)
        assert {code.name for code in drawn} == {name}
        assert any(code.value is not None for code in drawn) == (row.kind is not None)
    drawn = sample(mail.imap_response_codes(), 500)
    assert len({code.name for code in drawn if code.name in CODES}) > 20
    assert {code.value is None for code in drawn if code.name not in CODES} == {True, False}


def _is_a(kind: type) -> Callable[[object], bool]:
    return lambda value: isinstance(value, kind)


def test_search_keys_of_every_name_are_drawn() -> None:
    """RFC 9051 section 6.4.4, and those of the extensions."""
    for name in SEARCH_KEYS:
        drawn = sample(mail.imap_search_keys(name, max_leaves=1), 10)
        assert {key.name for key in drawn if isinstance(key, imap.Key)} == {name}
    keys = sample(mail.imap_search_keys(), 500)
    for kind in get_args(imap.SearchKey):
        find(mail.imap_search_keys(), _is_a(kind))
    assert len({key.name for key in keys if isinstance(key, imap.Key)}) > 20


def test_message_data_items_of_every_name_are_drawn() -> None:
    """RFC 9051 section 7.5.2, and those of the extensions."""
    for name in FETCH_VALUES:
        assert {item for item, _ in sample(mail.imap_fetch_items(name), 5)} == {name}
    drawn = [item for item, _ in sample(mail.imap_fetch_items(), 500)]
    assert {type(one) for one in drawn} == {str, imap.Body, imap.Binary, imap.BinarySize}
    assert any(isinstance(one, str) and one not in FETCH_VALUES for one in drawn)
    asked = sample(mail.imap_fetch_attributes(), 500)
    assert {type(one) for one in asked} == set(get_args(imap.FetchAttribute))


@pytest.mark.parametrize(
    "wanted",
    [
        lambda one: one == "INBOX",
        lambda one: one == "",
        lambda one: isinstance(one, bytes),
        lambda one: isinstance(one, str) and not one.isascii(),
        lambda one: "&" in str(one),
        lambda one: '"' in str(one) and "\\" in str(one),
    ],
)
def test_mailbox_names_of_every_kind_are_drawn(wanted: Callable[[object], object]) -> None:
    find(mail.imap_mailbox_names(), wanted)


@given(mail.imap_mailbox_names(), st.booleans())
def test_mailbox_names_are_read_as_they_are_written(name: imap.MailboxName, utf8: bool) -> None:
    assert imap.decode_name(imap.encode_name(name, utf8=utf8), utf8=utf8) == name


@given(mail.imap_mailbox_names(rev1=True))
def test_mailbox_names_of_rev1_are_read_as_they_are_written(name: imap.MailboxName) -> None:
    assert imap.decode_name(imap.encode_name(name)) == name


def _written(numbers: imap.SequenceSet) -> int:
    return sum(last - first + 1 for first, last in numbers.ranges)


@pytest.mark.parametrize(
    "wanted",
    [
        lambda one: one == imap.SAVED,
        lambda one: one != imap.SAVED and one.has_star,
        lambda one: one != imap.SAVED and not one.has_star and len(one) < _written(one),
        lambda one: one != imap.SAVED and b":" in bytes(one) and b"," in bytes(one),
    ],
    ids=["$", "*", "twice", "several"],
)
def test_sequence_sets_of_every_kind_are_drawn(wanted: Callable[[Any], object]) -> None:
    find(mail.imap_sequence_sets(), wanted)


@given(mail.imap_sequence_sets(uids=True))
def test_sets_that_a_server_tells_have_no_star(uids: imap.SequenceSet) -> None:
    """RFC 4315 section 4: uid-set."""
    assert uids
    assert not uids.has_star


@pytest.mark.parametrize(
    "wanted",
    [
        lambda part: any(inner.parts for inner in part.parts),
        lambda part: part.body is not None and part.body.parts,
        lambda part: any(inner.body is not None for inner in part.parts),
        lambda part: part.disposition is not None and part.disposition[1],
        lambda part: len(part.language) > 1,
        lambda part: any(isinstance(one, tuple) for one in part.extension),
        lambda part: part.md5 and "\r\n" in part.md5,
    ],
    ids=["nested", "message", "in a multipart", "disposition", "languages", "extension", "literal"],
)
def test_bodystructures_of_every_kind_are_drawn(
    wanted: Callable[[imap.BodyStructure], object],
) -> None:
    find(mail.imap_bodystructures(), wanted)


@given(mail.imap_bodystructures(extended=False))
def test_bodystructures_can_do_without_extension_data(part: imap.BodyStructure) -> None:
    """RFC 9051 section 7.5.2: BODY."""
    told = (part.md5, part.disposition, part.language, part.location, part.extension)
    assert told == (None, None, (), None, ())
    assert not (part.parts and part.params)


def test_literals_of_every_kind_are_drawn() -> None:
    values = [value for _, value in sample(mail.imap_fetch_items("RFC822"), 200)]
    assert any(isinstance(value, imap.Streamed) for value in values)
    assert any(isinstance(value, bytes) and b"\r\n" in value for value in values)
    find(mail.imap_fetch_items(), lambda item: isinstance(item[1], bytes) and b"\0" in item[1])
    appends: list[Any] = sample(mail.imap_commands(imap.Append), 100)
    data = [one.data for append in appends for one in append.messages]
    assert {type(one) for one in data} == {bytes, tuple, imap.Streamed}


@pytest.mark.parametrize("dialect", ["", "+", "-"])
def test_dialects_of_every_kind_are_drawn(dialect: str) -> None:
    find(mail.imap_dialects(), lambda one: one.utf8 and one.literals == dialect)


@given(mail.imap_tags())
def test_tags_are_tags(tag: str) -> None:
    """RFC 9051 section 9: 1*<any ASTRING-CHAR except "+">."""
    assert imap.parse_command(tag.encode() + b" NOOP\r\n") == imap.Noop()


@given(mail.imap_flags())
def test_flags_are_spelled_as_they_are_read(flag: str) -> None:
    assert imap.parse_response(b"* FLAGS (%b)\r\n" % flag.encode()) == imap.Flags((flag,))


@given(mail.imap_envelopes())
def test_envelopes_are_envelopes(envelope: imap.Envelope) -> None:
    assert imap.encode(imap.FetchData(1, [("ENVELOPE", envelope)]))


@given(mail.imap_client_streams())
def test_client_streams_are_in_order(stream: bytes) -> None:
    parser = imap.CommandParser()
    parser.receive_data(stream)
    while (item := parser.next()) is not None:
        assert not isinstance(item, (imap.BadCommand, imap.LiteralWanted))
    assert not parser.open


@given(mail.imap_server_streams())
def test_server_streams_are_in_order(stream: bytes) -> None:
    parser = imap.ResponseParser()
    parser.receive_data(stream)
    while (item := parser.next()) is not None:
        assert not isinstance(item, imap.UnknownData)
    assert not parser.open


@pytest.mark.parametrize(
    "strategy", [mail.imap_near_commands(), mail.imap_near_responses()], ids=["commands", "answers"]
)
@pytest.mark.parametrize(
    "wanted",
    [
        lambda octets: re.search(rb"\{[0-9]+\}\r\n", octets),
        lambda octets: re.search(rb"\{[0-9]+ \}", octets),
        lambda octets: b"{" in octets and b'"' in octets,
        lambda octets: b"\0" in octets,
        lambda octets: octets.count(b"(") > 3,
        lambda octets: re.search(rb"[^\r]\n", octets),
        lambda octets: not octets.endswith(b"\n"),
        lambda octets: not octets,
    ],
)
def test_octets_of_every_kind_are_nearly_imap(
    strategy: SearchStrategy[bytes], wanted: Callable[[bytes], object]
) -> None:
    find(strategy, wanted)


# -- size ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "most"),
    [
        (mail.smtp_commands(), 500),
        (mail.smtp_replies(), 400),
        (mail.smtp_client_streams().map(repr), 1_500),
        (mail.smtp_server_streams().map(repr), 1_200),
        (mail.smtp_sessions(), 2_000),
        (mail.bodies().map(repr), 200),
        (mail.pop3_commands(), 300),
        (mail.pop3_replies(), 200),
        (mail.pop3_client_streams().map(repr), 800),
        (mail.pop3_server_streams().map(repr), 1_000),
        (mail.pop3_sessions(), 1_500),
        (mail.imap_commands(), 600),
        (mail.imap_responses(), 1_000),
        (mail.imap_client_streams().map(repr), 1_000),
        (mail.imap_server_streams().map(repr), 1_500),
        (mail.imap_near_commands().map(repr), 600),
        (mail.imap_near_responses().map(repr), 800),
        (mail.sasl_sessions(), 600),
        (mail.header_fields(), 500),
        (mail.messages().map(bytes), 2_500),
        (mail.near_messages(), 3_000),
        (mail.hostile_messages(), 2_500),
    ],
    ids=[
        *("commands", "replies", "client streams", "server streams", "sessions", "bodies"),
        *("POP3 commands", "POP3 replies", "POP3 client streams", "POP3 server streams"),
        *("POP3 sessions", "IMAP commands", "IMAP responses", "IMAP client streams"),
        *("IMAP server streams", "near IMAP commands", "near IMAP responses"),
        *("SASL sessions", "header fields", "messages", "near messages"),
        "hostile messages",
    ],
)
def test_examples_can_be_read_by_people(strategy: SearchStrategy[object], most: int) -> None:
    sizes = sorted(len(str(one)) for one in sample(strategy))
    assert sizes[len(sizes) * 9 // 10] <= most
