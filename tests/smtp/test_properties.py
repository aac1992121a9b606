"""What holds for all of SMTP: whatever is said, however it arrives, whoever is lying."""

from __future__ import annotations

import contextlib
import pickle
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailproto import (
    BodyChunk,
    BodyWanted,
    Limits,
    LocalProtocolError,
    ProtocolError,
    RemoteProtocolError,
    Timeout,
    TlsEstablished,
    Want,
    smtp,
)
from mailproto import strategies as mail
from mailproto._wire import BareNewlines, Input, TextDecoder, TextEncoder
from mailproto.smtp._codec import parse_auth_response
from mailproto.testing import EOF, TIMEOUT, Link, accept, run, script

CONFIG = smtp.ServerConfig(
    extensions=(
        "PIPELINING",
        "8BITMIME",
        "SMTPUTF8",
        "CHUNKING",
        "BINARYMIME",
        "DSN",
        "MT-PRIORITY",
        "DELIVERBY",
        "FUTURERELEASE 86400 2030-01-01T00:00:00Z",
        "RRVS",
        "ETRN",
    ),
    auth=("PLAIN",),
    plaintext_auth=True,
    starttls=True,
)
LMTP = smtp.ServerConfig(lmtp=True, auth=("LOGIN",), plaintext_auth=True)


# For what takes longer than the others; the profile still decides how hard to look.
COSTLY = settings(max_examples=max(1, settings().max_examples // 4))


def controls(wire: bytes) -> bytes:
    """CR, LF and NUL in `wire`."""
    return bytes(octet for octet in wire if octet in b"\r\n\0")


# -- values ----------------------------------------------------------------------------------------


# RFC 5321 section 4.1.3: dcontent is every printable character but "[", "\" and "]".
@example(smtp.Mail("a@[x:b>c]"))
@example(smtp.Mail('a@[x:"]'))
@example(smtp.Rcpt("a@[x:b@c]"))
# RFC 6533 section 3: QUCHAR has all of UTF8-2 and UTF8-3 in it, also what Unicode takes for spaces.
@example(smtp.Rcpt("a@b", (smtp.ORCPT(smtp.OriginalRecipient("utf-8", "a\u3000b")),)))
@example(smtp.UnknownCommand("DATABASE", "x"))
@given(mail.smtp_commands())
def test_a_command_is_read_as_it_was_said(command: smtp.Command) -> None:
    wire = smtp.encode(command)
    assert wire.endswith(b"\r\n")
    assert controls(wire) == b"\r\n"
    read = smtp.parse_command(wire)
    assert read == command
    assert type(read) is type(command)
    assert read.defects == ()
    assert smtp.encode(read) == wire


_usual = st.sampled_from(["", "a", "a.b", "a..b", ".a", "é", '"a b"', "x" * 63, "x" * 65])
_hosts = st.sampled_from(["b", "b.example", "b_", "-b", "b.", "[192.0.2.1]", "y" * 60, "y" * 300])


@given(st.sampled_from(["MAIL FROM:<", "RCPT TO:<"]), _usual, st.sampled_from(["@", ""]), _hosts)
def test_the_quick_reader_agrees_with_the_full_one(
    opening: str, local: str, at: str, host: str
) -> None:
    """The same line in lower case is not of the usual spelling, and says the same."""
    line = f"{opening}{local}{at}{host}>\r\n".encode()
    other = line.replace(opening.encode(), opening.lower().encode())

    def read(octets: bytes) -> object:
        try:
            command = smtp.parse_command(octets)
        except smtp.SyntaxRefused as error:
            return error.reply
        return command, command.defects

    assert read(line) == read(other)


@given(mail.smtp_commands(smtp.AuthResponse, smtp.AuthCancel))
def test_an_answer_to_a_challenge_is_read_as_it_was_said(answer: smtp.Command) -> None:
    wire = smtp.encode(answer)
    assert controls(wire) == b"\r\n"
    assert parse_auth_response(wire) == answer


@given(mail.smtp_replies() | mail.smtp_hello_replies())
def test_a_reply_is_read_as_it_was_said(reply: smtp.Reply) -> None:
    wire = smtp.encode(reply)
    assert controls(wire) == b"\r\n" * len(reply.lines)
    assert smtp.parse_reply(wire) == reply


ROWS = [row for extension in smtp.EXTENSIONS for row in (*extension.mail, *extension.rcpt)]
OWN_ROWS = [row for extension in smtp.EXTENSIONS for row in extension.own]


@pytest.mark.parametrize("row", OWN_ROWS, ids=lambda row: f"{row.command}-{row.keyword}")
@given(data=st.data())
def test_an_attribute_keeps_its_value(row: smtp.Parameter[Any], data: st.DataObject) -> None:
    value = data.draw(mail.smtp_values(row))
    kind = smtp.XClient if row.command == "XCLIENT" else smtp.XForward
    command = smtp.parse_command(smtp.encode(kind((row(value),))))
    assert isinstance(command, kind)
    assert command.get(row) == value


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.keyword)
@given(data=st.data())
def test_a_parameter_keeps_its_value(row: smtp.Parameter[Any], data: st.DataObject) -> None:
    value = data.draw(mail.smtp_values(row))
    param = row(value)
    assert param.keyword == row.keyword
    command = smtp.Mail("", (param,)) if row.command == "MAIL" else smtp.Rcpt("a@b", (param,))
    assert command.get(row) == value
    read = smtp.parse_command(smtp.encode(command))
    assert isinstance(read, (smtp.Mail, smtp.Rcpt))
    assert read.get(row) == value


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (smtp.ENVID, ""),  # RFC 3461 section 4.4: a value of one xchar at least
        (smtp.AUTH, "not an address"),
        (smtp.AUTH, "<>"),  # it would be read as "not known"
        (smtp.HOLDFOR, 10**9),  # RFC 4865 section 4: nine digits
        (smtp.HOLDFOR, -1),
        (smtp.SIZE, 10**20),  # RFC 1870 section 3: twenty digits
        (smtp.SIZE, -1),
        (smtp.MT_PRIORITY, 10),
        (smtp.RRVS, smtp.RecipientValidSince(datetime(2030, 1, 1, tzinfo=UTC), cast(Any, "X"))),
        (smtp.HOLDUNTIL, datetime(2030, 1, 1, tzinfo=timezone(timedelta(seconds=1)))),
        (smtp.NOTIFY, ()),
        (smtp.NOTIFY, ("NEVER", "DELAY")),
        (smtp.RET, "HALF"),
        (smtp.BY, smtp.DeliverBy(0, "R")),
        (smtp.ORCPT, smtp.OriginalRecipient("", "a@b")),
    ],
    ids=lambda value: getattr(value, "keyword", repr(value)),
)
def test_a_parameter_refuses_what_it_could_not_read(row: smtp.Parameter[Any], value: Any) -> None:
    with pytest.raises(ValueError):
        row(value)


@given(mail.addresses(utf8=True))
def test_an_address_comes_apart_where_it_should(address: str) -> None:
    parsed = smtp.parse_address(address)
    assert f"{parsed.local_part}@{parsed.domain}" == address
    assert parsed.defects == ()
    assert "@" not in parsed.domain or parsed.domain.startswith("[")


@pytest.mark.parametrize("literal", ["[IPv6:nonsense]", "[IPv6:1::2::3]", "[ipv6:1:2]"])
def test_the_ipv6_tag_means_ipv6(literal: str) -> None:
    """RFC 5321 section 4.1.3: other tags are for other standards."""
    with pytest.raises(ValueError):
        smtp.parse_address(f"a@{literal}")


# -- lines of strangers ----------------------------------------------------------------------------

_LINES = mail.smtp_commands().map(smtp.encode)


@example("\u017ftarttls".encode())  # LATIN SMALL LETTER LONG S: its upper case is S
@example("MAIL FROM:<> \u017fIZE=5".encode())
@example("MAIL FROM:<> S\u0131ZE=5".encode())  # DOTLESS I
@example("MAIL FROM:<> BODY=8B\u0131TMIME".encode())
@example("BDAT 0 LA\u017fT".encode())
@given(mail.mutated(_LINES))
def test_a_line_is_read_or_refused(line: bytes) -> None:
    """Nothing else comes out; and keywords are ASCII (RFC 5321 section 2.4, RFC 5234)."""
    try:
        command: smtp.Command | smtp.Reply = smtp.parse_command(line)
    except smtp.SyntaxRefused as refused:
        command = refused.reply
    except RemoteProtocolError:
        command = smtp.Bdat(0)  # its size could not be read
    if isinstance(command, smtp.Reply):
        assert command.code in (500, 501, 553)
        return
    assert line.upper().lstrip().startswith(command.verb.encode())
    if isinstance(command, (smtp.Mail, smtp.Rcpt)):
        for param in command.params:
            assert param.keyword.encode() in line.upper()
            if param.keyword == "BODY":
                assert param.value is not None
                assert param.value.isascii()
    if isinstance(command, smtp.Bdat) and command.last:
        assert line.upper().split()[-1] == b"LAST"


@given(mail.mutated(_LINES, max_edits=2))
def test_what_was_read_can_be_said(line: bytes) -> None:
    """A relay says again what it has read; a line without defects means the same once more."""
    try:
        command = smtp.parse_command(line)
    except (smtp.SyntaxRefused, RemoteProtocolError):
        return
    if not command.defects and b"\t" not in line:
        assert smtp.parse_command(smtp.encode(command)) == command


@given(mail.mutated(mail.smtp_replies().map(smtp.encode)))
def test_a_reply_is_read_or_it_is_none(data: bytes) -> None:
    try:
        reply = smtp.parse_reply(data)
    except ValueError:
        return
    assert 200 <= reply.code <= 599
    assert smtp.encode(smtp.Reply(reply.code)) == b"%d \r\n" % reply.code


@given(st.text(max_size=8), st.sampled_from(["before", "behind"]))
@example("\udcff", "behind")  # a lone octet, by surrogateescape: no server reads the line
@example("\udcc3\udca9", "behind")  # two of them: the server would read another letter
def test_text_is_said_exactly_or_not_at_all(text: str, where: str) -> None:
    string = text + "x" if where == "before" else "x" + text
    for command in (smtp.Vrfy(string), smtp.Noop(string), smtp.UnknownCommand("XONE", string)):
        try:
            wire = smtp.encode(command)
        except ValueError:
            continue
        assert smtp.parse_command(wire) == command


# -- texts -----------------------------------------------------------------------------------------


def decoded(pieces: list[bytes], size: int) -> tuple[bytes, int]:
    """What a TextDecoder reads from these pieces, and the number of octets it leaves."""
    source = Input()
    decoder = TextDecoder()
    read = b""
    for piece in pieces:
        source.feed(piece)
        while text := decoder.read(source, size):
            read += text
    assert decoder.ended
    return read, len(source)


@given(st.data())
def test_the_decoder_undoes_the_encoder(data: st.DataObject) -> None:
    """RFC 5321 section 4.5.2, cut anywhere on both sides."""
    body = data.draw(mail.bodies(bare_newlines=True))
    encoder = TextEncoder(BareNewlines.PRESERVE)
    pieces = data.draw(mail.cuts(body)) if len(body) < 200 else [body]
    wire = b"".join([*map(encoder.feed, pieces), encoder.end()])
    arriving = data.draw(mail.cuts(wire + b"QUIT")) if len(wire) < 200 else [wire + b"QUIT"]
    read, left = decoded(arriving, data.draw(st.sampled_from([1, 8, 9, 65_536])))
    assert read == (body if not body or body.endswith(b"\r\n") else body + b"\r\n")
    assert left == 4


@given(st.data())
def test_normalizing_does_not_depend_on_cuts(data: st.DataObject) -> None:
    body = data.draw(mail.bodies(bare_newlines=True, max_size=6))
    encoder = TextEncoder(BareNewlines.NORMALIZE)
    pieces = data.draw(mail.cuts(body)) if len(body) < 200 else [body]
    wire = b"".join([*map(encoder.feed, pieces), encoder.end()])
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    assert decoded([wire], 65_536) == (
        text if not text or text.endswith(b"\r\n") else text + b"\r\n",
        0,
    )


# -- whole sessions --------------------------------------------------------------------------------


def sent(session: mail.SmtpSession, *, chunked: bool) -> bytes:
    """The body as the server's application should get it."""
    body = session.message
    if session.newlines is BareNewlines.NORMALIZE and session.body != "BINARYMIME":
        body = re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    if not chunked and body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    return body


def check_session(session: mail.SmtpSession, link: Any) -> None:
    """The envelope and the body arrived: those, there, then, and nothing else."""
    events = link.server.events
    (outcome,) = [event for event in link.client.events if isinstance(event, smtp.Outcome)]
    chunked = any(isinstance(event, smtp.Bdat) for event in events)
    body = sent(session, chunked=chunked)
    wanted = [recipient.address for recipient in session.envelope.recipients]
    taken = [address for address in wanted if address not in session.refused]
    fits = session.config.size is None or len(body) <= session.config.size
    arrived = b"".join(event.data for event in events if isinstance(event, BodyChunk))
    ends = [event for event in events if isinstance(event, smtp.BodyEnd)]
    assert [address for address, _ in outcome.results] == wanted
    if taken and fits:
        assert arrived == body
        assert [end.size for end in ends] == [len(body)]
        assert outcome.delivered == tuple(taken)
        assert outcome.reply is not None
    else:
        assert ends == []
        assert outcome.delivered == ()
    if not taken:
        assert arrived == b""
    mails = [event for event in events if isinstance(event, smtp.Mail)]
    rcpts = [event for event in events if isinstance(event, smtp.Rcpt)]
    for event in mails:
        assert event.sender == session.envelope.sender
        assert set(session.envelope.params) <= set(event.params)
    if mails:
        assert [(event.recipient, event.params) for event in rcpts] == [
            (recipient.address, recipient.params) for recipient in session.envelope.recipients
        ]
    assert link.closed
    assert link.client.machine.tls is session.config.starttls
    if taken and fits:
        assert not any(isinstance(event, smtp.BadCommand) for event in events)


@given(mail.smtp_sessions(lmtp=False))
def test_a_message_arrives_as_it_was_sent(session: mail.SmtpSession) -> None:
    link = session.link()
    link.run()
    check_session(session, link)


@given(mail.smtp_sessions(lmtp=True))
def test_a_message_arrives_as_it_was_sent_by_lmtp(session: mail.SmtpSession) -> None:
    link = session.link()
    link.run()
    check_session(session, link)


@COSTLY
@given(mail.smtp_sessions())
def test_both_ends_move_to_another_process_at_every_step(session: mail.SmtpSession) -> None:
    link = session.link()
    for _ in range(60):
        for end in (link.client, link.server):
            end.machine = pickle.loads(pickle.dumps(end.machine))
        link.step()
    link.run()
    check_session(session, link)


@given(mail.smtp_sessions(), st.sampled_from(["client", "server"]), st.integers(0, 40))
def test_a_session_that_is_cut_off_delivers_whole_messages_only(
    session: mail.SmtpSession, who: str, steps: int
) -> None:
    link = session.link()
    for _ in range(steps):
        link.step()
    end = getattr(link, who)
    if not end.closed:
        end.hang_up()
    with contextlib.suppress(RemoteProtocolError):
        link.run()
    events = link.server.events
    body = sent(session, chunked=any(isinstance(event, smtp.Bdat) for event in events))
    if any(isinstance(event, smtp.BodyEnd) for event in events):
        arrived = b"".join(event.data for event in events if isinstance(event, BodyChunk))
        assert arrived == body
    for event in link.client.events:
        if isinstance(event, smtp.Outcome) and event.delivered:
            assert any(isinstance(end, smtp.BodyEnd) for end in events)


@given(mail.bodies(bare_newlines=True), mail.chunk_schedules(), st.booleans())
def test_a_text_with_bare_newlines_is_refused_and_nothing_gets_out_of_step(
    body: bytes, schedule: list[int], lmtp: bool
) -> None:
    """RFC 5321 section 2.3.8: CR and LF must not occur but together. Nothing in the text is read
    as a command, whatever it looks like.
    """
    hello = smtp.Lhlo("me") if lmtp else smtp.Ehlo("me")
    link = Link(
        smtp.Client(quirks=smtp.Quirks(bare_newlines=BareNewlines.PRESERVE)),
        smtp.Server(smtp.ServerConfig(lmtp=lmtp)),
        play_client=script(
            hello, smtp.Mail(""), smtp.Rcpt("a@b"), smtp.Rcpt("c@d"), smtp.Data(), body, smtp.Quit()
        ),
        cuts=schedule,
    )
    link.run()
    said = [event for event in link.server.events if not isinstance(event, BodyChunk)]
    bare = re.search(rb"\r(?!\n)|(?<!\r)\n", body)
    verdict = smtp.BodyRefused if bare else smtp.BodyEnd
    kinds = [type(hello), smtp.Mail, smtp.Rcpt, smtp.Rcpt, smtp.Data, verdict, smtp.Quit]
    assert [type(event) for event in said] == kinds
    answers = [
        event.reply.positive
        for event in link.client.events
        if isinstance(event, smtp.Replied) and isinstance(event.command, smtp.Data)
    ]
    assert answers == [False] + [not bare] * (2 if lmtp else 1)  # 354, then the verdict


# -- streams ---------------------------------------------------------------------------------------

_SERVERS: dict[str, Callable[[], smtp.Server]] = {
    "plain": smtp.Server,
    "everything": lambda: smtp.Server(CONFIG),
    "lmtp": lambda: smtp.Server(LMTP),
    "small": lambda: smtp.Server(
        smtp.ServerConfig(size=20, auth=("LOGIN",), plaintext_auth=True),
        limits=Limits(line=60, chunk=3, recipients=1, drain=200, output=1),
        quirks=smtp.Quirks(bare_newlines=BareNewlines.NORMALIZE, bare_lf_commands=True),
    ),
    "strict": lambda: smtp.Server(
        smtp.ServerConfig(
            require_tls=True, starttls=True, reject_early_talk=True, reject_pipelining=True
        )
    ),
    "submission": lambda: smtp.Server(
        smtp.ServerConfig(require_auth=True, auth=("PLAIN", "LOGIN")), tls=True
    ),
}


def challenging(machine: Any, event: object) -> None:
    """An application that asks once more in AUTH, and refuses some recipients."""
    match machine.awaiting:
        case smtp.Auth():
            machine.send(smtp.Challenge(b"?"))
        case smtp.Rcpt(recipient=recipient) if "b" in recipient:
            machine.reject()
        case smtp.Bdat(size=2):
            machine.reject()
        case _:
            accept(machine, event)


@pytest.mark.parametrize("name", ["plain", "everything", "lmtp"])
@COSTLY
@given(data=st.data())
def test_nothing_in_an_orderly_stream_is_refused(name: str, data: st.DataObject) -> None:
    config = _SERVERS[name]().config
    stream = data.draw(mail.smtp_client_streams(config))
    trace = run(smtp.Server(config), stream, cuts=data.draw(mail.chunk_schedules()))
    assert trace.error is None
    bad = [one for one in trace.events if isinstance(one, (smtp.BadCommand, smtp.BodyRefused))]
    assert bad == []
    whole = run(smtp.Server(config), stream)
    assert trace.differs_from(whole) is None


@pytest.mark.parametrize("name", _SERVERS)
@COSTLY
@given(data=st.data())
def test_a_server_survives_its_clients(name: str, data: st.DataObject) -> None:
    """Events, replies or RemoteProtocolError come out; never too many questions (see `run()`)."""
    config = _SERVERS[name]().config
    steps: list[Any] = [
        data.draw(mail.mutated(mail.smtp_client_streams(config, bare_newlines=True))),
        data.draw(st.sampled_from([b"", EOF, TIMEOUT])),
    ]
    play = data.draw(st.sampled_from([accept, challenging]))
    cuts = data.draw(mail.chunk_schedules())
    trace = run(_SERVERS[name](), steps, play, cuts=cuts)
    if not config.reject_early_talk:  # whose verdict looks at what had arrived
        whole = run(_SERVERS[name](), steps, play)
        assert trace.differs_from(whole) is None
    replies = trace.output
    while replies:
        end = re.match(rb"(?:[2-5][0-9]{2}-[^\r\n]*\r\n)*[2-5][0-9]{2} [^\r\n]*\r\n", replies)
        assert end is not None, "what a server writes is replies"
        smtp.parse_reply(end[0])
        replies = replies[end.end() :]


@pytest.mark.parametrize("name", ["everything", "lmtp", "small"])
@COSTLY
@given(data=st.data())
def test_a_server_moves_to_another_process_before_any_question(
    name: str, data: st.DataObject
) -> None:
    config = _SERVERS[name]().config
    streams = mail.smtp_client_streams(config, bare_newlines=True)
    stream = data.draw(streams | mail.mutated(streams))
    cuts = data.draw(mail.chunk_schedules(max_size=10))
    moved = run(
        _SERVERS[name](),
        [stream, EOF],
        challenging,
        cuts=cuts,
        between=lambda machine: pickle.loads(pickle.dumps(machine)),
    )
    assert moved.differs_from(run(_SERVERS[name](), [stream, EOF], challenging)) is None


_SAYABLE = mail.smtp_commands() | mail.smtp_commands(
    smtp.AuthResponse, smtp.AuthCancel, smtp.Mail, smtp.Rcpt, smtp.Data, smtp.Bdat, smtp.Ehlo
)
_SIMPLE: list[smtp.Command] = [
    smtp.Ehlo("me"),
    smtp.Lhlo("me"),
    smtp.Mail(""),
    smtp.Rcpt("a@b"),
    smtp.Rcpt("c@d"),
    smtp.Data(),
    smtp.Bdat(0, True),
    smtp.Bdat(1),
    smtp.Bdat(1, True),
    smtp.Rset(),
    smtp.Auth("PLAIN", b"x" * 600),
    smtp.Auth("LOGIN"),
    smtp.AuthResponse(b"x"),
    smtp.AuthCancel(),
    smtp.StartTls(),
    smtp.Noop(),
    smtp.Quit(),
]
_ACTS = st.one_of(
    st.sampled_from(_SIMPLE),
    st.sampled_from(_SIMPLE),
    _SAYABLE,
    st.sampled_from([b"x", b"x\r\n", b"\r", b""]),  # a piece of a body
    st.sampled_from(["end", "submit", "hello"]),
)
_SHORT_REPLIES = st.lists(
    st.sampled_from([250, 250, 250, 354, 334, 220, 235, 421, 451, 550]), max_size=4
).map(lambda codes: b"".join(b"%d \r\n" % code for code in codes))
_OFFER = b"250-x\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n"
_HEARD = st.one_of(
    _SHORT_REPLIES,
    st.just(_OFFER),
    mail.mutated(mail.smtp_server_streams()),
    mail.smtp_server_streams(),
    st.sampled_from([EOF, TIMEOUT]),
)


def act(client: smtp.Client, what: Any) -> None:
    """Do something, allowed or not. Only the promised errors may come, and they change nothing."""
    before = pickle.dumps(client)
    try:
        match what:
            case bytes():
                client.send_body(what)
            case "end":
                client.end_body()
            case "hello":
                client.hello("me")
            case "submit":
                client.submit(smtp.Envelope("", ["a@b", "c@d"]))
            case _:
                client.send(what)
    except (LocalProtocolError, ValueError):
        assert pickle.dumps(client) == before


def play_freely(steps: list[Any], quirks: smtp.Quirks) -> None:
    """A client whose application and whose server do what they like, in turns."""
    client = smtp.Client(quirks=quirks)

    def play(machine: Any, event: object) -> None:
        if event is Want.ANSWER:
            if isinstance(machine.awaiting, BodyWanted):
                try:
                    machine.end_body()
                except (ProtocolError, ValueError):
                    machine.abort()
            else:
                machine.send(smtp.AuthCancel())

    def step(one: Any) -> Any:
        if isinstance(one, bytes) or one in (EOF, TIMEOUT):
            return one
        return lambda machine: act(machine, one[0])

    trace = run(client, [step(one) for one in steps], play)
    numbers = [event.number for event in trace.events if isinstance(event, smtp.Replied)]
    assert numbers == sorted(numbers)


_GREETED = [b"220 hi\r\n", (smtp.Lhlo("me"),), _OFFER]
_IN_LMTP = [*_GREETED, (smtp.Mail(""),), (smtp.Rcpt("a@b"),)]


# A chunk may be sent behind a RCPT that is refused after all (RFC 3030 section 4.2).
@example([*_IN_LMTP, (smtp.Bdat(0, True),), ("end",), b"250 \r\n550 \r\n250 \r\n"])
@example([*_IN_LMTP, (smtp.Bdat(0, True),), ("end",), b"250 \r\n550 \r\n503 \r\n"])
@given(st.lists(st.tuples(_ACTS) | _HEARD, max_size=14))
def test_a_client_survives_its_server_and_its_application(steps: list[Any]) -> None:
    play_freely(steps, smtp.Quirks(plaintext_auth=True))


@given(
    st.sampled_from([smtp.Ehlo("me"), smtp.Lhlo("me")]),
    st.lists(st.tuples(st.sampled_from([*_SIMPLE, b"x", "end", "submit"])) | _SHORT_REPLIES),
)
def test_a_client_survives_behind_the_greeting(hello: smtp.Command, steps: list[Any]) -> None:
    play_freely([b"220 hi\r\n", (hello,), _OFFER, *steps], smtp.Quirks(plaintext_auth=True))


@given(mail.mutated(mail.smtp_server_streams()), mail.chunk_schedules())
def test_what_a_client_hears_does_not_depend_on_cuts(stream: bytes, cuts: list[int]) -> None:
    def play(machine: Any, event: object) -> None:
        match event:
            case smtp.Greeting():
                if machine.state is smtp.State.START:
                    machine.hello("me")
            case smtp.Replied(command=smtp.Ehlo() | smtp.Helo(), reply=smtp.Reply(code=250)):
                machine.submit(smtp.Envelope("", ["a@b", "c@d"]))
            case Want.ANSWER:
                machine.end_body()
            case _:
                pass

    steps: list[Any] = [stream, EOF]
    whole = run(smtp.Client(), steps, play)
    assert run(smtp.Client(), steps, play, cuts=cuts).differs_from(whole) is None


# -- single findings -------------------------------------------------------------------------------


def test_an_answer_to_a_challenge_ends_with_one_line_end() -> None:
    with pytest.raises(smtp.SyntaxRefused):
        parse_auth_response(b"YQ==\r\r\n")


def test_size_zero_means_no_limit() -> None:
    """RFC 1870 section 4: a value of 0 indicates that no fixed maximum message size is in force."""
    server = smtp.Server(smtp.ServerConfig(size=0))
    trace = run(server, b"EHLO me\r\nMAIL FROM:<> SIZE=5\r\n")
    assert b"SIZE 0\r\n" in trace.output
    assert trace.events[-1] == smtp.Mail("", (smtp.SIZE(5),))


def test_timeout_and_tls_are_events_of_both_roles() -> None:
    assert isinstance(run(smtp.Client(), [TIMEOUT]).events[-1], Timeout)
    trace = run(smtp.Server(CONFIG), b"EHLO me\r\nSTARTTLS\r\n")
    assert isinstance(trace.events[-1], TlsEstablished)
