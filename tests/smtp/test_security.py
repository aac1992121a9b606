"""Attacks that have worked on mail software, octet by octet, and what happens to them here.

Every input is tried in one piece, octet by octet, and cut in two everywhere. `EVIL` is what the
attacker wants to be taken for a command.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from mailproto import (
    LimitExceeded,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    TlsEstablished,
    Want,
    smtp,
)
from mailproto.errors import ConnectionLost
from mailproto.smtp import (
    Auth,
    AuthCancel,
    AuthResponse,
    BadCommand,
    BareNewlines,
    Bdat,
    BodyChunk,
    BodyEnd,
    BodyRefused,
    Challenge,
    Client,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Goodbye,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    NotOffered,
    Param,
    Quirks,
    Quit,
    Rcpt,
    Replied,
    Reply,
    Server,
    ServerConfig,
    StartTls,
    State,
    UnknownCommand,
    Vrfy,
)
from mailproto.testing import EOF, TIMEOUT, Trace, assert_chunk_invariant, run, script
from tests.smtp.talk import (
    EHLO,
    EVERYTHING,
    IN_DATA,
    MAIL,
    RCPT,
    answering,
    client,
    codes,
    flushed,
    kind,
    left,
    names,
    prepared,
    sends,
    server,
    silent,
    statuses,
    submits,
)

EVIL = b"MAIL FROM:<e@x>\r\n"
POLICIES = list(BareNewlines)
ids = pytest.mark.parametrize


def quirky(policy: BareNewlines) -> Quirks:
    return Quirks(bare_newlines=policy)


def in_data(policy: BareNewlines = BareNewlines.REJECT, **config: Any) -> Callable[[], Server]:
    return server(EHLO + MAIL + RCPT + b"DATA\r\n", quirks=quirky(policy), **config)


# --- 1. The end of the text (RFC 5321 section 4.1.1.4; SMTP smuggling) ----------------------------

# What looks like the end, what a server that preserves hands on, what one that normalizes does.
# A dot that stands behind CRLF is stuffing and dropped (section 4.5.2), no other is.
LOOK_ALIKES = [
    (b"\n.\n", b"\n.\n", b"\r\n.\r\n"),
    (b"\n.\r\n", b"\n.\r\n", b"\r\n.\r\n"),
    (b"\r\n.\n", b"\r\n\n", b"\r\n\r\n"),
    (b"\r.\r", b"\r.\r", b"\r\n.\r\n"),
    (b"\r.\r\n", b"\r.\r\n", b"\r\n.\r\n"),
    (b"\n.\r", b"\n.\r", b"\r\n.\r\n"),
    (b"\r.\n", b"\r.\n", b"\r\n.\r\n"),
    (b"\r\n.\r", b"\r\n\r", b"\r\n\r\n"),
    (b"\r\n.\r\r\n", b"\r\n\r\r\n", b"\r\n\r\n\r\n"),
    (b"\r\r\n.\r\r\n", b"\r\r\n\r\r\n", b"\r\n\r\n\r\n\r\n"),
]


@ids(("look_alike", "kept", "normalized"), LOOK_ALIKES, ids=repr)
@ids("policy", POLICIES)
def test_only_crlf_dot_crlf_ends_a_text(
    look_alike: bytes, kept: bytes, normalized: bytes, policy: BareNewlines
) -> None:
    wire = b"a" + look_alike + EVIL + b"z\r\n.\r\nNOOP\r\n"
    trace = assert_chunk_invariant(in_data(policy), wire)
    assert Mail("e@x") not in trace.events
    assert trace.events[-1] == Noop()
    if policy is BareNewlines.REJECT:
        # Refused, but only behind the true end.
        assert names(trace) == ["BodyChunk", "BodyRefused", "Noop"]
        assert statuses(trace) == ["550 5.6.0", "250 2.0.0"]
        assert kind(trace, BodyRefused).anomalies & {"bare_cr", "bare_lf"}
    else:
        content = kept if policy is BareNewlines.PRESERVE else normalized
        body = b"a" + content + EVIL + b"z\r\n"
        assert trace.events[0] == BodyChunk(body)
        assert kind(trace, BodyEnd).size == len(body)
        assert kind(trace, BodyEnd).anomalies & {"bare_cr", "bare_lf"}
        assert codes(trace) == [250, 250]


@ids("policy", POLICIES)
def test_a_nul_before_the_dot_is_content(policy: BareNewlines) -> None:
    trace = assert_chunk_invariant(in_data(policy), b"a\r\n\0.\r\n" + EVIL + b"\r\n.\r\n")
    assert trace.events[0] == BodyChunk(b"a\r\n\0.\r\n" + EVIL + b"\r\n")
    assert kind(trace, BodyEnd).anomalies == {"nul"}


@ids(
    ("wire", "body"),
    [
        (b"a\r\r\n.\r\n", b"a\r\r\n"),
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...\r\n.\r\n", b"..\r\n"),
        (b"x\n..\r\n.\r\n", b"x\n..\r\n"),
        (b"x\r\n.\r\r\n.\r\n", b"x\r\n\r\r\n"),
        (b"x\r\n.\rb\r\n.\r\n", b"x\r\n\rb\r\n"),
        (b"x\r\n..\r\ny\r\n.\r\n", b"x\r\n.\r\ny\r\n"),
        (b".\rx\r\n.\r\n", b"\rx\r\n"),
        (b"\r.\r\n.\r\n", b"\r.\r\n"),
        (b"\n.\r\n.\r\n", b"\n.\r\n"),
        (b"\r\r\r\n.\r\n", b"\r\r\r\n"),
    ],
    ids=repr,
)
def test_what_a_text_is(wire: bytes, body: bytes) -> None:
    """RFC 5321 section 4.5.2: a first dot is dropped; a line is what CRLF ends."""
    trace = assert_chunk_invariant(in_data(BareNewlines.PRESERVE), wire + b"NOOP\r\n")
    chunks = [event.data for event in trace.events if isinstance(event, BodyChunk)]
    assert b"".join(chunks) == body
    assert kind(trace, BodyEnd).size == len(body)
    assert trace.events[-1] == Noop()


@ids(
    ("line", "code", "offset"),
    [
        (b"ab\ncd", "bare_lf", 2),
        (b"ab\rcd", "bare_cr", 2),
        (b"ab\0cd", "nul", 2),
        (b"x" * 999, "long_line", 0),
        (b"ab\xe4cd", "eight_bit", 2),
    ],
)
def test_every_oddity_of_a_text_is_told(line: bytes, code: str, offset: int) -> None:
    trace = assert_chunk_invariant(in_data(BareNewlines.PRESERVE), line + b"\r\n.\r\n")
    (defect,) = kind(trace, BodyEnd).defects
    assert (defect.code, defect.offset) == (code, offset)


def test_a_line_of_998_octets_is_not_long() -> None:
    """RFC 5321 section 4.5.3.1.6: 1000 octets with CRLF."""
    trace = assert_chunk_invariant(in_data(), (b"x" * 998 + b"\r\n") * 2 + b".\r\n")
    assert kind(trace, BodyEnd).anomalies == frozenset()


def test_what_normalizing_hands_on_holds_no_bare_newline() -> None:
    wire = b"\r\ra\n\n\r\r\n\rb\n\r\r\n.\r\n"
    trace = assert_chunk_invariant(in_data(BareNewlines.NORMALIZE), wire)
    body = trace.events[0].data
    assert body.replace(b"\r\n", b"") == b"ab"


@ids("policy", POLICIES)
@ids("most", range(1, 12))
def test_size_and_newline_policy_do_not_confuse_each_other(policy: BareNewlines, most: int) -> None:
    """The verdict and what was handed on before it are a matter of the text (chunk law)."""
    trace = assert_chunk_invariant(in_data(policy, size=most), b"a\nb\ncdefgh\r\n.\r\nNOOP\r\n")
    assert trace.events[-1] == Noop()
    assert len(codes(trace)) == 2


# --- 2. A client never sends them -----------------------------------------------------------------

BODIES = [
    # body, its text under NORMALIZE, whether REJECT refuses it
    (b"a\n.\nMAIL FROM:<e@x>\n", b"a\r\n..\r\nMAIL FROM:<e@x>\r\n.\r\n", True),
    (b"a\r.\r", b"a\r\n..\r\n.\r\n", True),
    (b"a\r.\rb", b"a\r\n..\r\nb\r\n.\r\n", True),
    (b"a\r\n.\nb", b"a\r\n..\r\nb\r\n.\r\n", True),
    (b"a\n.\r\nb", b"a\r\n..\r\nb\r\n.\r\n", True),
    (b"a\r\r\n.\r\n", b"a\r\n\r\n..\r\n.\r\n", True),
    (b"\r", b"\r\n.\r\n", True),
    (b".\r", b"..\r\n.\r\n", True),
    (b".x", b"..x\r\n.\r\n", False),
    (b"x", b"x\r\n.\r\n", False),
    (b"", b".\r\n", False),
    (b".", b"..\r\n.\r\n", False),
    (b"..", b"...\r\n.\r\n", False),
    (b".\r\n", b"..\r\n.\r\n", False),
    (b"\r\n.\r\n", b"\r\n..\r\n.\r\n", False),
    (b"x\r\n", b"x\r\n.\r\n", False),
    (b"x\r\n.y\r\n..z", b"x\r\n..y\r\n...z\r\n.\r\n", False),
]


def pieces_of(body: bytes) -> list[list[bytes]]:
    """All ways to cut it in two, and octet by octet."""
    cuts = [[body[:at], body[at:]] for at in range(len(body) + 1)]
    return [*cuts, [body[at : at + 1] for at in range(len(body))]]


def written(machine: Any, pieces: list[bytes]) -> bytes:
    for piece in pieces:
        machine.send_body(piece)
    machine.end_body()
    wire: bytes = machine.data_to_send()
    return wire


@ids(("body", "text", "bare"), BODIES, ids=repr)
def test_a_text_goes_out_stuffed_and_ended(body: bytes, text: bytes, bare: bool) -> None:
    """RFC 5321 sections 2.3.8, 4.1.1.4, 4.5.2: lines end with CRLF, first dots are doubled."""
    policies = [BareNewlines.NORMALIZE] if bare else POLICIES
    for policy in policies:
        make = client(quirks=quirky(policy), then=[*at_data(), *IN_DATA])
        for pieces in pieces_of(body):
            assert written(make(), pieces) == text, (policy, pieces)


def at_data() -> list[Any]:
    return [
        sends(Mail("a@a.example")),
        b"250 ok\r\n",
        sends(Rcpt("b@b.example")),
        b"250 ok\r\n",
    ]


@ids(("body", "text", "bare"), [row for row in BODIES if row[2]], ids=repr)
def test_a_bare_newline_is_refused_by_default(body: bytes, text: bytes, bare: bool) -> None:
    make = client(then=[*at_data(), *IN_DATA])
    for pieces in pieces_of(body):
        machine = make()
        with pytest.raises(ValueError, match="bare CR or LF"):
            written(machine, pieces)
        # What went out before has none, and nothing has ended.
        sent = machine.data_to_send()
        assert b"\n" not in sent.replace(b"\r\n", b"")
        assert b".\r\n" not in sent.replace(b"..", b"")
        assert machine.awaiting is not None


def test_a_refused_piece_changes_nothing() -> None:
    machine = client(then=[*at_data(), *IN_DATA])()
    machine.send_body(b"a\r")
    with pytest.raises(ValueError, match="bare"):
        machine.send_body(b"b")
    machine.send_body(b"\n.b")
    machine.end_body()
    assert machine.data_to_send() == b"a\r\n..b\r\n.\r\n"


@ids("body", [body for body, _, _ in BODIES], ids=repr)
def test_a_chunk_goes_out_as_it_is(body: bytes) -> None:
    """RFC 3030 section 2: BDAT's octets are counted, never stuffed, whatever is in them."""
    make = client("CHUNKING", then=at_data())
    for pieces in pieces_of(body):
        machine = make()
        machine.send(Bdat(len(body), last=True))
        assert written(machine, pieces) == b"BDAT %d LAST\r\n" % len(body) + body


# --- 3. STARTTLS (RFC 3207 sections 4.2 and 5) ----------------------------------------------------


@ids(
    "behind",
    [b"EHLO evil\r\n" + EVIL, b"E", b"\r\n", b"QUIT\r\n", b"\x16\x03\x01\x02"],
    ids=repr,
)
def test_a_server_reads_nothing_behind_starttls(behind: bytes) -> None:
    """CVE-2011-0411: one segment, or several before the handshake begins."""
    trace = assert_chunk_invariant(server(starttls=True), b"EHLO a\r\nSTARTTLS\r\n" + behind)
    assert trace.events == (Ehlo("a"), StartTls())
    assert isinstance(trace.error, RemoteProtocolError)
    assert codes(trace) == [250, 220]


def test_plaintext_while_the_handshake_is_pending_is_refused() -> None:
    machine = server(EHLO, starttls=True)()
    run(machine, [b"STARTTLS\r\n"], answering(False)())
    machine.receive_data(b"STARTTLS\r\n")
    assert machine.next_event() == StartTls()
    machine.accept()
    assert machine.next_event() is Want.SEND
    machine.data_to_send()
    assert machine.next_event() is Want.TLS
    machine.receive_data(b"EHLO evil\r\n")
    with pytest.raises(RemoteProtocolError, match="plaintext"):
        machine.next_event()
    with pytest.raises(LocalProtocolError):
        machine.tls_established()


def test_plaintext_is_never_read_even_when_the_handshake_is_said_to_be_done() -> None:
    machine = server(EHLO, starttls=True)()
    machine.receive_data(b"STARTTLS\r\n")
    assert machine.next_event() == StartTls()
    machine.accept()
    assert b"220 " in flushed(machine)
    machine.receive_data(b"EHLO evil\r\n")
    machine.tls_established()
    with pytest.raises(RemoteProtocolError, match="plaintext"):
        machine.next_event()


def test_a_server_forgets_everything_when_tls_begins() -> None:
    """RFC 3207 section 4.2: as after the greeting; authentication does not survive either."""
    make = server(starttls=True, auth=("PLAIN",), plaintext_auth=True)
    before = run(make(), [EHLO, b"AUTH PLAIN AGEAYg==\r\n"])
    assert left(before).authenticated
    trace = assert_chunk_invariant(
        make, [EHLO + b"AUTH PLAIN AGEAYg==\r\nSTARTTLS\r\n", MAIL, b"EHLO again\r\n"]
    )
    assert names(trace) == ["Ehlo", "Auth", "StartTls", "TlsEstablished", "BadCommand", "Ehlo"]
    assert codes(trace) == [250, 235, 220, 503, 250]
    machine = trace.machine
    assert isinstance(machine, Server)
    assert not machine.authenticated
    assert machine.envelope is None
    assert machine.hello == Ehlo("again")


def test_inside_tls_starttls_is_neither_offered_nor_taken() -> None:
    """RFC 3207 section 4.2: a client MUST NOT, a server MUST NOT."""
    trace = assert_chunk_invariant(server(starttls=True, tls=True), EHLO + b"STARTTLS\r\n")
    assert b"STARTTLS\r\n" not in trace.output.split(b"503")[0]
    assert codes(trace) == [250, 503]


@ids(
    ("line", "code"),
    # An argument is a syntax error (RFC 3207 section 4), glued on or not.
    [(b"STARTTLS x\r\n", 501), (b"STARTTLSfoo\r\n", 501), (b"STARTTLS\tx\r\n", 501)],
    ids=repr,
)
def test_nothing_else_starts_tls(line: bytes, code: int) -> None:
    trace = assert_chunk_invariant(server(EHLO, starttls=True), line + b"NOOP\r\n")
    assert names(trace) == ["BadCommand", "Noop"]
    assert codes(trace) == [code, 250]
    assert not trace.machine.tls


def test_commands_behind_a_refused_starttls_are_commands() -> None:
    make = server(EHLO, starttls=True)
    trace = assert_chunk_invariant(make, b"STARTTLS\r\nNOOP\r\n", make_play=answering(False))
    assert names(trace) == ["StartTls", "Noop"]
    assert codes(trace) == [454, 250]


@ids(
    "answer",
    [
        b"220 go\r\n250-evil\r\n250 AUTH PLAIN\r\n",
        b"220 go\r\n250-ev",
        b"220 go\r\n2",
        b"220 go\r\n\r\n",
        b"220-go\r\n220 on\r\n235 in\r\n",
    ],
    ids=repr,
)
def test_a_client_reads_nothing_behind_the_go_ahead(answer: bytes) -> None:
    """CVE-2021-38371 and its kin: response injection."""
    make = client("STARTTLS", then=[sends(StartTls())])
    trace = assert_chunk_invariant(make, answer)
    assert trace.events == ()
    assert isinstance(trace.error, RemoteProtocolError)
    assert "plaintext" in str(trace.error)


def test_a_client_forgets_what_it_was_told_in_plaintext() -> None:
    """RFC 3207 section 4.2: the client MUST discard any knowledge, such as the extensions."""
    make = client("STARTTLS", "AUTH PLAIN", "SIZE 99", then=[sends(StartTls())])
    trace = assert_chunk_invariant(make, b"220 go\r\n")
    assert names(trace) == ["TlsEstablished", "Replied"]
    machine = trace.machine
    assert isinstance(machine, Client)
    assert machine.tls
    assert machine.capabilities is None
    assert machine.state is State.START
    with pytest.raises(LocalProtocolError):
        machine.send(Mail("a@a.example"))
    with pytest.raises(LocalProtocolError):
        machine.send(Auth("PLAIN", b"\0a\0b"))


def test_a_client_does_not_start_tls_twice() -> None:
    machine = client("STARTTLS", tls=True)()
    with pytest.raises(LocalProtocolError):
        machine.send(StartTls())
    assert machine.outstanding == ()


@ids("answer", [b"454 4.7.0 not now\r\n", b"502 what\r\n", b"501 no\r\n"], ids=repr)
def test_without_the_go_ahead_there_is_no_tls(answer: bytes) -> None:
    trace = assert_chunk_invariant(client("STARTTLS", then=[sends(StartTls())]), answer)
    assert names(trace) == ["Replied"]
    assert trace.end is Want.DATA
    assert not trace.machine.tls


@ids("said", [b"220 hi\r\n", b"235 in\r\n", b"334 \r\n", b"250 ok\r\n"], ids=repr)
def test_what_was_not_asked_for_is_an_error(said: bytes) -> None:
    trace = assert_chunk_invariant(client("STARTTLS", "AUTH PLAIN"), said)
    assert trace.events == ()
    assert isinstance(trace.error, RemoteProtocolError)


def test_nothing_can_be_sent_before_the_handshake() -> None:
    machine = run(client("STARTTLS")(), [sends(StartTls()), b"220 go\r\n"]).machine
    assert machine.tls
    machine = client("STARTTLS", then=[sends(StartTls())])()
    machine.receive_data(b"220 go\r\n")
    assert machine.next_event() is Want.TLS
    with pytest.raises(LocalProtocolError, match="handshake"):
        machine.send(Ehlo("x"))


def test_a_failed_handshake_ends_the_connection() -> None:
    machine = client("STARTTLS", then=[sends(StartTls())])()
    machine.receive_data(b"220 go\r\n")
    assert machine.next_event() is Want.TLS
    machine.receive_eof()
    with pytest.raises(ConnectionLost):
        machine.next_event()


# --- 4. Injection into commands (RFC 5321 section 4.1.2) ------------------------------------------

INJECTIONS = ["b\r\nRCPT TO:<v@w", "b\nNOOP", "b\rNOOP", "b\0c", "b\x1b[2J", "b\x7fc", "b\tc"]


def commands_with(text: str) -> list[Any]:
    return [
        Helo(text),
        Ehlo(text),
        Lhlo(text),
        Mail(f"{text}@c.example"),
        Mail(f"a@{text}"),
        Mail(f'"{text}"@c.example'),
        Mail(f"a@[x-tag:{text}]"),
        Rcpt(f"{text}@c.example"),
        Rcpt(f"a@{text}"),
        Mail("a@b.example", (Param("ENVID", text),)),
        Mail("a@b.example", (Param(text),)),
        Mail("a@b.example", (Param("X-OWN", text),)),
        Rcpt("a@b.example", (Param("ORCPT", f"rfc822;{text}"),)),
        Vrfy(text),
        Expn(text),
        Help(text),
        Noop(text),
        Etrn(text),
        Auth(text),
        UnknownCommand(text),
        UnknownCommand("XVERB", text),
    ]


COMMANDS_WITH = len(commands_with(""))


@ids("text", INJECTIONS, ids=repr)
@ids("which", range(COMMANDS_WITH))
def test_no_value_puts_a_control_character_on_the_wire(text: str, which: int) -> None:
    command = commands_with(text)[which]
    machine = client(*EVERYTHING)()
    with pytest.raises(ValueError):
        machine.send(command)
    assert machine.data_to_send() == b""
    assert machine.outstanding == ()
    assert machine.send(Noop("still fine")) > 0


@ids("character", [*map(chr, range(0x20)), "\x7f"], ids=repr)
def test_no_control_character_in_any_address(character: str) -> None:
    for address in (f"a{character}@b.example", f"a@b{character}.example", f'"{character}"@b'):
        with pytest.raises(ValueError):
            smtp.encode(Mail(address))


@ids("address", ["a>b@c", "a b@c", "a@b>", "a@b c", "<a@b>", "a@b> SIZE=1", '"a"b@c', "@c", "a@"])
def test_no_address_ends_early(address: str) -> None:
    for command in (Mail(address), Rcpt(address)):
        with pytest.raises(ValueError):
            smtp.encode(command)


@ids("text", ["\x85", "\u2028", "\u2029", "é"], ids=repr)
def test_unicode_line_ends_are_not_line_ends_on_the_wire(text: str) -> None:
    wire = smtp.encode(Noop(f"a{text}b"))
    assert wire == b"NOOP " + f"a{text}b".encode() + b"\r\n"
    assert wire.count(b"\r") == wire.count(b"\n") == 1


def test_octets_of_an_exchange_cannot_leave_their_line() -> None:
    """RFC 4954 section 4: whatever a mechanism says is base64."""
    assert smtp.encode(AuthResponse(b"a\r\nQUIT\r\n")) == b"YQ0KUVVJVA0K\r\n"
    assert smtp.encode(Auth("PLAIN", b"\0a\r\n\0b")) == b"AUTH PLAIN AGENCgBi\r\n"
    assert smtp.encode(Challenge(b"\r\n220 x")) == b"334 DQoyMjAgeA==\r\n"


def test_a_submitted_envelope_is_checked_as_a_whole() -> None:
    machine = client("PIPELINING", "SIZE")()
    for envelope in (
        smtp.Envelope("a@b\r\nDATA", ["c@d.example"]),
        smtp.Envelope("a@b.example", ["c@d.example", "v@w>\r\nRCPT TO:<x@y"]),
        smtp.Envelope("a@b.example", ["c@d.example"], (Param("SIZE", "1\r\nDATA"),)),
    ):
        with pytest.raises(ValueError):
            machine.submit(envelope)
        assert machine.data_to_send() == b""
        assert machine.outstanding == ()


# --- 5. Injection into replies, and echoes --------------------------------------------------------


@ids(
    ("line", "code"),
    [
        (b"VRFY evil\rmark\r\n", 500),
        (b"EHLO evil\x1b[2Jmark\r\n", 500),
        (b"RCPT TO:<evil\0mark@b>\r\n", 500),
        (b"RCPT TO:<evil mark@b>\r\n", 501),
        (b"MAIL FROM:<e@vil> EVIL=mark\r\n", 555),
        (b"MAIL FROM:<e@vil> SIZE=evil-mark\r\n", 501),
        (b"MAIL FROM:<e@vil> BODY=evil-mark\r\n", 501),
        (b"EVIL mark\r\n", 500),
        (b"EHLO evil mark\r\n", 501),
        (b"AUTH EVIL-mark\r\n", 502),
        (b"evil\xff mark\r\n", 500),
        (b"BDAT evil mark\r\n", 501),
    ],
    ids=repr,
)
def test_what_the_client_wrote_is_not_repeated(line: bytes, code: int) -> None:
    trace = assert_chunk_invariant(server(EHLO), (MAIL if b"RCPT" in line else b"") + line)
    assert codes(trace)[-1] == code
    assert b"mark" not in trace.output
    assert b"vil" not in trace.output.lower()
    assert trace.output.isascii()
    assert not any(octet < 32 for octet in trace.output.replace(b"\r\n", b""))


def test_an_accepted_name_is_not_repeated_either() -> None:
    trace = assert_chunk_invariant(
        server(), b"EHLO evil.example\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<evil@y>\r\nVRFY evil\r\n"
    )
    assert codes(trace) == [250, 250, 250, 252]
    assert b"evil" not in trace.output


@ids("line", [b"\xff\r\n", b"MAIL\r\n", b"MAIL FROM:<a b>\r\n", b"BDAT x\r\n", b"XX\r\n"], ids=repr)
def test_error_texts_tell_nothing_about_the_inside(line: bytes) -> None:
    output = assert_chunk_invariant(server(EHLO), line).output
    for word in (b"Error", b"Exception", b"Traceback", b".py", b"/", b"codec", b"None"):
        assert word not in output


def test_a_newline_in_the_applications_text_makes_a_line() -> None:
    """RFC 5321 section 4.2.1: a multiline reply repeats the code."""
    make = server(EHLO)
    play = answering(Reply(550, "5.7.1 first\nsecond"))
    trace = assert_chunk_invariant(make, MAIL, make_play=play)
    assert trace.output == b"550-5.7.1 first\r\n550 second\r\n"


@ids("text", ["a\rb", "a\r\n250 ok", "a\0b", "a\x1b[2J", "a\x7fb"], ids=repr)
def test_other_control_characters_in_it_are_refused(text: str) -> None:
    machine = server(EHLO)()
    machine.receive_data(MAIL)
    event = machine.next_event()
    for say in (machine.send, machine.reject, machine.abort):
        with pytest.raises(ValueError, match="control"):
            say(Reply(550, (text,)))
        assert machine.awaiting is event
    with pytest.raises(ValueError, match="control"):
        machine.accept(Reply(250, (text,)))
    machine.accept()
    assert codes(flushed(machine)) == [250]


def test_a_server_cannot_be_configured_to_inject() -> None:
    injections: list[dict[str, Any]] = [
        {"hostname": "a\r\nb"},
        {"extensions": ("X\r\n250 Y",)},
        {"auth": ("A\nB",)},
    ]
    for config in injections:
        with pytest.raises(ValueError):
            ServerConfig(**config)
    with pytest.raises(ValueError, match="control"):
        Server(greeting=Reply(220, ("a\r\nb",)))


# --- 6. Replies to nothing (RFC 5321 section 4.1, one reply for each command) ---------------------


def test_an_injected_reply_does_not_answer_the_next_command() -> None:
    steps = [
        b"220 mx\r\n",
        sends(Ehlo("client.example")),
        b"250-h\r\n250 SIZE\r\n250 INJECTED\r\n",
        sends(Mail("a@a.example")),
        b"550 no\r\n",
    ]
    trace = assert_chunk_invariant(Client, steps)
    assert names(trace) == ["Greeting", "Replied"]
    assert isinstance(trace.error, RemoteProtocolError)
    assert b"MAIL" not in trace.output


def test_an_answer_that_came_before_the_question_is_marked() -> None:
    """What came before MAIL was written cannot be the answer to it: `early_talk`.

    It is a verdict on what had arrived, so it is a defect and not an error: cut elsewhere, the same
    octets would come behind MAIL.
    """
    machine = prepared(Client(), b"220 mx\r\n", sends(Ehlo("client.example")))()
    machine.receive_data(b"250-h\r\n250 SIZE\r\n250 INJECTED\r\n")
    assert isinstance(machine.next_event(), Replied)
    machine.send(Mail("a@a.example"))
    injected = machine.next_event()
    assert isinstance(injected, Replied)
    assert injected.reply.anomalies == {"early_talk"}
    machine.data_to_send()
    machine.send(Quit())
    machine.data_to_send()
    machine.receive_data(b"221 bye\r\n")
    honest = machine.next_event()
    assert isinstance(honest, Replied)
    assert honest.reply.anomalies == frozenset()


def test_two_greetings_are_one_too_many() -> None:
    trace = assert_chunk_invariant(Client, b"220 mx\r\n220 mx again\r\n")
    assert names(trace) == ["Greeting"]
    assert isinstance(trace.error, RemoteProtocolError)


def test_an_unsolicited_421_is_a_goodbye() -> None:
    """RFC 5321 section 3.8: a server that must shut down may say 421 at any time."""
    trace = assert_chunk_invariant(client(), b"421 4.3.2 shutting down\r\n")
    assert trace.events == (Goodbye(Reply(421, "4.3.2 shutting down")),)
    assert trace.end is Want.CLOSE


def test_a_reply_that_comes_after_the_timeout_answers_nothing() -> None:
    trace = run(client(then=[sends(Noop())])(), [TIMEOUT, b"250 late\r\n", EOF])
    assert names(trace) == ["Timeout"]
    assert trace.end is Want.CLOSE
    trace.machine.receive_data(b"250 late\r\n")
    assert trace.machine.next_event() is Want.CLOSE
    with pytest.raises(LocalProtocolError):
        trace.machine.send(Noop())


@ids(
    ("command", "answer"),
    [
        (Noop(), b"354 go\r\n"),
        (Noop(), b"334 \r\n"),
        (Noop(), b"235 in\r\n"),
        (Mail("a@a.example"), b"354 go\r\n"),
        (Mail("a@a.example"), b"235 in\r\n"),
        (Ehlo("x"), b"354 go\r\n"),
        (Ehlo("x"), b"334 YQ==\r\n"),
        (StartTls(), b"354 go\r\n"),
        (StartTls(), b"235 in\r\n"),
        (Auth("PLAIN", b"\0a\0b"), b"354 go\r\n"),
        (Quit(), b"354 go\r\n"),
    ],
    ids=repr,
)
def test_a_reply_of_the_wrong_kind_is_an_error(command: Any, answer: bytes) -> None:
    """354 answers DATA (RFC 5321 section 4.1.1.4), 334 and 235 answer AUTH (RFC 4954 section 4)."""
    make = client("STARTTLS", "AUTH PLAIN", quirks=Quirks(plaintext_auth=True))
    trace = assert_chunk_invariant(make, [sends(command), answer])
    assert trace.events == ()
    assert isinstance(trace.error, RemoteProtocolError)


def test_data_is_not_accepted_before_its_body() -> None:
    trace = assert_chunk_invariant(client(then=at_data()), [sends(Data()), b"250 fine\r\n"])
    assert isinstance(trace.error, RemoteProtocolError)


def test_endless_challenges_end() -> None:
    make = client("AUTH PLAIN", quirks=Quirks(plaintext_auth=True), limits=Limits(challenges=3))

    def play(machine: Any, event: object) -> None:
        if isinstance(event, Challenge):
            machine.send(AuthResponse(b"x"))

    trace = assert_chunk_invariant(make, [sends(Auth("PLAIN")), b"334 \r\n" * 9], play)
    assert names(trace) == ["Challenge"] * 3
    assert isinstance(trace.error, LimitExceeded)


def test_a_second_challenge_must_wait_for_an_answer() -> None:
    machine = client("AUTH LOGIN", tls=True, then=[sends(Auth("LOGIN"))])()
    machine.receive_data(b"334 \r\n334 \r\n")
    assert machine.next_event() == Challenge(b"")
    with pytest.raises(RemoteProtocolError, match="challenge"):
        machine.next_event()


def test_after_quit_the_end_needs_no_words() -> None:
    trace = assert_chunk_invariant(client(), [sends(Quit()), EOF])
    assert trace.error is None
    assert trace.end is Want.CLOSE


# --- 7. Talking too early (RFC 5321 section 4.3.1, RFC 2920 section 3.1) --------------------------


def early(data: bytes, **config: Any) -> Trace:
    """The client speaks before the greeting has been written."""
    machine = Server(ServerConfig(hostname="mx.example", **config))
    machine.receive_data(data)
    return run(machine, b"")


def test_a_client_that_speaks_before_the_greeting_is_told_of() -> None:
    trace = early(b"EHLO x\r\nNOOP\r\n")
    assert trace.events[0].anomalies == {"early_talk"}
    assert codes(trace) == [220, 250, 250]


def test_or_refused() -> None:
    trace = early(b"EHLO x\r\n", reject_early_talk=True)
    assert trace.events == ()
    assert statuses(trace) == ["220", "554 5.5.0"]
    assert isinstance(trace.error, RemoteProtocolError)


def test_one_that_waits_is_not() -> None:
    trace = run(Server(ServerConfig(reject_early_talk=True)), EHLO)
    assert trace.error is None
    assert trace.events[0].anomalies == frozenset()


SYNC = [
    ("EHLO", b"EHLO x\r\n", b"NOOP\r\n"),
    ("DATA", MAIL + RCPT + b"DATA\r\n", b"text\r\n.\r\n"),
    ("AUTH", b"AUTH PLAIN AGEAYg==\r\n", b"NOOP\r\n"),
    ("AUTH in two steps", b"AUTH LOGIN\r\n", b"YQ==\r\n"),
    ("VRFY", b"VRFY x\r\n", b"NOOP\r\n"),
    ("NOOP", b"NOOP\r\n", b"NOOP\r\n"),
    ("refused STARTTLS", b"STARTTLS\r\n", b"NOOP\r\n"),
]


def test_it_is_told_once() -> None:
    """Behind the NOOP nothing may be sent before its answer; behind a RCPT it may (RFC 2920)."""
    trace = run(server(EHLO)(), b"NOOP\r\nRCPT TO:<b@b.example>\r\nDATA\r\n")
    assert [event.anomalies for event in trace.events] == [
        set(),
        {"unauthorized_pipelining"},
        set(),
    ]


def challenging(machine: Any, event: object) -> None:
    if isinstance(machine.awaiting, Auth) and machine.awaiting.initial_response is None:
        machine.send(Challenge(b"Username:"))
    elif isinstance(machine.awaiting, StartTls):
        machine.reject()
    elif machine.awaiting is not None:
        machine.accept()


@ids(("name", "command", "behind"), SYNC, ids=[row[0] for row in SYNC])
def test_running_past_an_answer_is_told_of(name: str, command: bytes, behind: bytes) -> None:
    """RFC 2920 section 3.1: these can only be the last of a group."""
    offer: dict[str, Any] = {"auth": ("PLAIN", "LOGIN"), "plaintext_auth": True, "starttls": True}
    make = server(EHLO, **offer)
    trace = run(make(), command + behind, challenging)
    assert "unauthorized_pipelining" in trace.events[-1].anomalies
    waited = run(make(), [command, behind], challenging)
    assert "unauthorized_pipelining" not in waited.events[-1].anomalies
    strict = run(server(EHLO, reject_pipelining=True, **offer)(), command + behind, challenging)
    assert isinstance(strict.error, RemoteProtocolError)
    assert statuses(strict)[-1] == "554 5.5.0"


def test_a_refused_text_that_came_too_early_is_told_of_too() -> None:
    trace = run(server(EHLO + MAIL + RCPT)(), b"DATA\r\na\nb\r\n.\r\n")
    assert "unauthorized_pipelining" in kind(trace, BodyRefused).anomalies


def test_commands_that_may_be_pipelined_are_not_told_of() -> None:
    trace = run(server(EHLO)(), MAIL + RCPT + RCPT + b"RSET\r\n" + MAIL + RCPT + b"DATA\r\n")
    assert all(not event.anomalies for event in trace.events)


def test_without_the_offer_nothing_may_be_pipelined() -> None:
    trace = run(server(EHLO, extensions=())(), MAIL + RCPT)
    assert "unauthorized_pipelining" in trace.events[-1].anomalies


def test_behind_quit_nothing_is_read() -> None:
    trace = assert_chunk_invariant(server(EHLO), b"QUIT\r\n" + MAIL)
    assert names(trace) == ["Quit"]
    assert codes(trace) == [221]
    assert trace.end is Want.CLOSE


@ids(
    "asked",
    [
        b"GET / HTTP/1.1\r\nHost: mx.example\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\nEHLO evil\r\n" + EVIL,
        b"CONNECT mx.example:25 HTTP/1.1\r\n\r\n",
        b"PUT /x HTTP/1.1\r\n\r\n",
    ],
    ids=repr,
)
def test_a_browser_is_sent_away_at_its_first_line(asked: bytes) -> None:
    trace = assert_chunk_invariant(server(), asked)
    assert trace.events == ()
    assert codes(trace) == [421]
    assert isinstance(trace.error, RemoteProtocolError)


@ids(
    "data",
    [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x16\x03\x01\r\n", b"\x16\x03" + b"x" * 30],
    ids=repr,
)
@ids("setup", [b"", EHLO, EHLO + b"AUTH LOGIN\r\n"], ids=repr)
def test_a_tls_handshake_that_was_not_agreed_is_not_answered(data: bytes, setup: bytes) -> None:
    make = server(
        setup,
        auth=("LOGIN",),
        plaintext_auth=True,
        play=challenging,
        limits=Limits(line=40),
    )
    for wire in (data, data + b"\r\n", data + b"y" * 30 + b"\r\n"):
        trace = assert_chunk_invariant(make, wire)
        assert trace.events == ()
        assert trace.output == b""
        assert isinstance(trace.error, RemoteProtocolError)


# --- 8. BDAT (RFC 3030 section 2) -----------------------------------------------------------------


@ids("payload", [b"QUIT\n", b"NOOP\r\n", b"\r\n.\r\n", b"RSET\r\n"], ids=repr)
@ids(
    ("setup", "code"),
    [(b"", 503), (EHLO, 503), (EHLO + MAIL, 503)],
    ids=["before EHLO", "before MAIL", "before RCPT"],
)
def test_octets_of_a_refused_chunk_are_swallowed(payload: bytes, setup: bytes, code: int) -> None:
    """RFC 3030 section 2: the server MUST accept and discard the message data."""
    wire = b"BDAT %d\r\n" % len(payload) + payload + b"NOOP\r\n"
    trace = assert_chunk_invariant(server(setup), wire)
    assert names(trace) == ["BadCommand", "Noop"]
    assert codes(trace) == [code, 250]


def test_they_are_swallowed_before_the_refusal_is_said() -> None:
    machine = server(EHLO)()
    machine.receive_data(b"BDAT 5\r\nQUIT")
    assert machine.next_event() is Want.DATA
    machine.receive_data(b"\n")
    assert isinstance(machine.next_event(), BadCommand)
    assert codes(flushed(machine)) == [503]


@ids(
    "line",
    [
        b"BDAT -1",
        b"BDAT +5",
        b"BDAT 0x5",
        b"BDAT 5 LASTX",
        b"BDAT 5 LAST 5",
        b"BDAT",
        b"BDAT ",
        b"BDAT LAST",
        b"BDAT five",
        b"BDAT 5.0",
        b"BDAT 1_0",
        b"BDAT \xd9\xa3",
        b"BDAT 5\0",
        b"BDAT 5 X",
        b"BDAT 99999999999999999999",
        b"BDAT " + b"9" * 5000,
    ],
    ids=lambda line: repr(line[:24]),
)
@ids("setup", [EHLO, EHLO + MAIL + RCPT, EHLO + MAIL + RCPT + b"BDAT 1\r\nx"], ids=len)
def test_a_chunk_that_cannot_be_counted_ends_the_connection(line: bytes, setup: bytes) -> None:
    trace = assert_chunk_invariant(server(setup), line + b"\r\nQUIT\r\n" + EVIL)
    assert trace.events == ()
    assert len(codes(trace)) == 1
    assert codes(trace)[0] in (500, 501, 552)
    assert isinstance(trace.error, RemoteProtocolError)


def test_empty_chunks() -> None:
    make = server(EHLO + MAIL + RCPT)
    trace = assert_chunk_invariant(make, b"BDAT 0\r\nBDAT 0 LAST\r\nNOOP\r\n")
    assert trace.events == (Bdat(0), Bdat(0, last=True), BodyEnd(0), Noop())
    assert codes(trace) == [250, 250, 250]


def test_chunks_are_not_looked_into() -> None:
    payload = b"a\r\n.\r\nQUIT\r\n\n.\n\r.\r..\0\xff"
    wire = b"BDAT %d\r\n" % len(payload) + payload + b"BDAT 3 LAST\r\n.\r\n"
    trace = assert_chunk_invariant(server(EHLO + MAIL + RCPT), wire)
    joined = b"".join(event.data for event in trace.events if isinstance(event, BodyChunk))
    assert joined == payload + b".\r\n"
    assert kind(trace, BodyEnd).size == len(joined)
    assert kind(trace, BodyEnd).defects == ()


def test_chunks_beyond_the_size_are_swallowed_and_refused() -> None:
    """RFC 1870 section 6.3, RFC 3030 section 2: then every chunk until RSET."""
    wire = b"BDAT 4\r\nabcdBDAT 7\r\nNOOP\r\n!BDAT 2 LAST\r\n\r\nRSET\r\n" + MAIL
    trace = assert_chunk_invariant(server(EHLO + MAIL + RCPT, size=10), wire)
    assert names(trace) == [
        "Bdat",
        "BodyChunk",
        "BodyRefused",
        "BadCommand",
        "Rset",
        "Mail",
    ]
    assert codes(trace) == [250, 552, 503, 250, 250]


def test_a_chunk_the_application_refuses_is_swallowed() -> None:
    make = server(EHLO + MAIL + RCPT)
    wire = b"BDAT 6\r\nNOOP\r\nBDAT 6\r\nQUIT\r\nDATA\r\nBDAT 6 LAST\r\nHELP\r\nRSET\r\nNOOP\r\n"
    trace = assert_chunk_invariant(make, wire, make_play=answering(Reply(451, "4.3.0 later")))
    assert names(trace) == ["Bdat", "BadCommand", "BadCommand", "BadCommand", "Rset", "Noop"]
    assert codes(trace) == [451, 503, 503, 503, 250, 250]


def test_data_behind_a_chunk_is_out_of_place() -> None:
    """RFC 3030 section 2: "The DATA and BDAT commands cannot be used in the same transaction"."""
    wire = b"BDAT 1\r\nxDATA\r\nBDAT 1 LAST\r\ny"
    trace = assert_chunk_invariant(server(EHLO + MAIL + RCPT), wire)
    assert codes(trace) == [250, 503, 250]
    assert kind(trace, BodyEnd).size == 2


def test_binary_mail_cannot_come_by_data() -> None:
    """RFC 3030 section 3."""
    trace = assert_chunk_invariant(
        server(EHLO, extensions=EVERYTHING),
        b"MAIL FROM:<a@a.example> BODY=BINARYMIME\r\n" + RCPT + b"DATA\r\nBDAT 2 LAST\r\n\n\r",
    )
    assert codes(trace) == [250, 250, 503, 250]


@ids("command", [b"RSET\r\n", EHLO], ids=repr)
def test_a_reset_between_chunks_forgets_the_message(command: bytes) -> None:
    wire = b"BDAT 2\r\nxy" + command + b"BDAT 2 LAST\r\nxy" + MAIL
    trace = assert_chunk_invariant(server(EHLO + MAIL + RCPT), wire)
    assert BodyEnd not in map(type, trace.events)
    assert codes(trace) == [250, 250, 503, 250]


@ids("refusal", ["state", "size", "application"])
def test_no_more_is_swallowed_than_the_limit(refusal: str) -> None:
    """A chunk that is refused and larger than `limits.drain` ends the connection, with a word."""
    setup = EHLO if refusal == "state" else EHLO + MAIL + RCPT
    size = 50 if refusal == "size" else None
    make = server(setup, size=size, limits=Limits(drain=100))
    fine = assert_chunk_invariant(
        make, b"BDAT 100\r\n" + b"x" * 100 + b"NOOP\r\n", make_play=answering(False)
    )
    assert fine.events[-1] == Noop()
    trace = assert_chunk_invariant(
        make, b"BDAT 101\r\n" + b"x" * 101 + b"NOOP\r\n", make_play=answering(False)
    )
    assert Noop() not in trace.events
    assert isinstance(trace.error, LimitExceeded)
    assert len(codes(trace)) == 1


# --- 9. Numbers -----------------------------------------------------------------------------------


@ids(
    "value",
    ["99999999999999999999999", "9" * 5000, "٣", "1_0", " 5", "+5", "-5", "0x5", "", "1e3"],
    ids=lambda value: value[:24],
)
def test_a_size_that_is_no_number_is_refused(value: str) -> None:
    """RFC 1870 section 4: 1*20DIGIT."""
    line = f"MAIL FROM:<a@a.example> SIZE={value}\r\n".encode()
    trace = assert_chunk_invariant(server(EHLO), line)
    assert names(trace) == ["BadCommand"]
    assert codes(trace)[0] == 501


@ids(
    "line",
    [
        b"650 x",
        b"25 ",
        b"25 ok",
        b"2500",
        b"2500 ok",
        b"150 go",
        b"050 x",
        b"-50 x",
        b"ok",
        b"\xd9\xa3\xd9\xa3\xd9\xa3 x",
        b" 250 ok",
        b"250",
    ],
    ids=repr,
)
def test_what_is_no_reply(line: bytes) -> None:
    """RFC 5321 section 4.2: a code is %x32-35 %x30-35 %x30-39."""
    trace = assert_chunk_invariant(client(then=[sends(Noop())]), line + b"\r\n")
    if line == b"250":
        assert names(trace) == ["Replied"]
    else:
        assert trace.events == ()
        assert isinstance(trace.error, RemoteProtocolError)


# --- 10. Limits -----------------------------------------------------------------------------------


def test_a_line_that_is_too_long_is_refused_once() -> None:
    """RFC 5321 section 4.5.3.1.9: 500 Line too long."""
    make = server(EHLO, limits=Limits(line=64))
    trace = assert_chunk_invariant(make, b"NOOP " + b"x" * 300 + b"\r\nNOOP\r\n")
    assert names(trace) == ["BadCommand", "Noop"]
    assert codes(trace) == [500, 250]
    assert len(kind(trace, BadCommand).raw) <= 64


@ids("octets", [62, 63, 64, 65, 66])
def test_the_limit_is_exact(octets: int) -> None:
    line = b"NOOP " + b"x" * (octets - 7) + b"\r\n"
    assert len(line) == octets
    trace = assert_chunk_invariant(server(EHLO, limits=Limits(line=64)), line)
    assert codes(trace) == [250 if octets <= 64 else 500]


def test_a_line_without_end_ends_the_connection() -> None:
    make = server(EHLO, limits=Limits(line=64, drain=128))
    trace = assert_chunk_invariant(make, b"x" * 300)
    assert trace.events == ()
    assert codes(trace) == [421]
    assert isinstance(trace.error, LimitExceeded)


@ids("line", [b"AUTH PLAIN " + b"A" * 12_272, b"NOOP " + b"x" * 1000], ids=lambda line: line[:4])
def test_long_lines_that_must_be_taken(line: bytes) -> None:
    """RFC 5321 section 4.5.3.1.4: 512 and more; RFC 4954 section 4.5: 12,288 for AUTH."""
    trace = run(server(EHLO, auth=("PLAIN",), plaintext_auth=True)(), line + b"\r\n")
    assert names(trace) in (["Auth"], ["Noop"])


def test_a_megabyte_without_end_of_line_costs_one_refusal() -> None:
    trace = run(server(EHLO)(), b"x" * 1_048_576 + b"\r\nNOOP\r\n", cuts=[61] * 17_190)
    assert names(trace) == ["BadCommand", "Noop"]
    assert codes(trace) == [500, 250]
    assert len(trace.events[0].raw) <= (Limits().line or 0)


@ids(
    "data",
    [b"250-x\r\n" * 60, b"250 " + b"x" * 300, b"2" * 300, b"250-" + b"x" * 200 + b"\r\n250-yyyyy"],
    ids=lambda data: repr(data[:12]),
)
def test_an_endless_reply_ends(data: bytes) -> None:
    make = client(then=[sends(Noop())], limits=Limits(reply=200))
    trace = assert_chunk_invariant(make, data + b"\r\n")
    assert trace.events == ()
    assert isinstance(trace.error, RemoteProtocolError)


@ids("extra", [-1, 0, 1])
def test_the_limit_of_a_reply_is_exact(extra: int) -> None:
    line = b"250-" + b"x" * 10 + b"\r\n"
    data = line * 9 + b"250 " + b"y" * (34 + extra) + b"\r\n"
    trace = assert_chunk_invariant(client(then=[sends(Noop())], limits=Limits(reply=184)), data)
    assert (trace.error is None) is (extra <= 0)


def test_recipients_beyond_the_limit_get_452() -> None:
    """RFC 5321 section 4.5.3.1.10."""
    make = server(EHLO + MAIL, limits=Limits(recipients=2))
    trace = assert_chunk_invariant(make, RCPT * 3 + b"RSET\r\n" + MAIL + RCPT)
    assert statuses(trace)[:3] == ["250 2.1.5", "250 2.1.5", "452 4.5.3"]
    assert codes(trace)[-1] == 250


def test_a_refused_text_is_not_swallowed_for_ever() -> None:
    make = server(EHLO + MAIL + RCPT + b"DATA\r\n", limits=Limits(drain=50))
    trace = assert_chunk_invariant(make, b"ab\ncd" + b"x" * 100 + b"\r\n.\r\nNOOP\r\n")
    assert names(trace) == ["BodyChunk"]
    assert isinstance(trace.error, LimitExceeded)
    assert codes(trace) == [421]


def test_input_that_nobody_asked_for_is_limited() -> None:
    machine = server(EHLO, limits=Limits(input=100))()
    machine.receive_data(MAIL)
    assert machine.next_event() == Mail("a@a.example")
    for _ in range(20):
        machine.receive_data(b"x" * 60)
    with pytest.raises(LimitExceeded):
        machine.next_event()


@ids("count", [1, 3])
def test_pipelined_commands_are_answered_in_one_piece(count: int) -> None:
    """RFC 2920 section 3.2: replies SHOULD be batched."""
    machine = server(EHLO)()
    machine.receive_data((MAIL + RCPT + b"RSET\r\n") * count)
    while machine.next_event() is not Want.SEND:
        if machine.awaiting is not None:
            machine.accept()
    assert codes(machine.data_to_send()) == [250] * (3 * count)
    assert machine.next_event() is Want.DATA


# --- 11. AUTH (RFC 4954), without the mechanisms themselves ---------------------------------------

OPEN: dict[str, Any] = {"auth": ("PLAIN", "LOGIN", "EXTERNAL", "CRAM-MD5"), "plaintext_auth": True}


@ids("mechanism", ["PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"])
def test_a_client_does_not_show_its_password_to_the_network(mechanism: str) -> None:
    machine = client(f"AUTH {mechanism} CRAM-MD5")()
    with pytest.raises(LocalProtocolError, match="TLS"):
        machine.send(Auth(mechanism, b"secret"))
    assert machine.data_to_send() == b""
    assert client(f"AUTH {mechanism}", tls=True)().send(Auth(mechanism, b"secret")) > 0
    assert machine.send(Auth("CRAM-MD5")) > 0


def test_a_server_does_not_ask_for_it() -> None:
    """RFC 4954 section 4: not offered, and 538 (here with 5.7.11) when tried all the same."""
    trace = assert_chunk_invariant(
        server(auth=("PLAIN", "CRAM-MD5"), starttls=True), EHLO + b"AUTH PLAIN AGEAYg==\r\n"
    )
    assert b"AUTH CRAM-MD5\r\n" in trace.output
    assert statuses(trace)[-1] == "538 5.7.11"
    assert names(trace) == ["Ehlo", "BadCommand"]


def test_503_is_not_success() -> None:
    make = client("AUTH PLAIN", tls=True)
    trace = assert_chunk_invariant(make, [sends(Auth("PLAIN", b"\0a\0b")), b"503 5.5.1 again\r\n"])
    assert not left(trace).authenticated


def test_a_cancelled_exchange() -> None:
    """RFC 4954 section 4: `*`, answered 501."""
    trace = assert_chunk_invariant(
        server(EHLO, **OPEN), b"AUTH LOGIN\r\n*\r\nNOOP\r\n", challenging
    )
    assert names(trace) == ["Auth", "AuthCancel", "Noop"]
    assert codes(trace) == [334, 501, 250]
    make = client("AUTH LOGIN", tls=True)
    steps = [b"334 VXNlcm5hbWU6\r\n", b"501 5.7.0 cancelled\r\n"]
    trace = assert_chunk_invariant(
        make, [sends(Auth("LOGIN")), *steps], make_play=lambda: script(AuthCancel())
    )
    assert trace.output == b"AUTH LOGIN\r\n*\r\n"
    assert names(trace) == ["Challenge", "Replied"]


@ids("mechanism", ["PLAIN", "EXTERNAL"])
def test_an_empty_initial_response_is_an_equals_sign(mechanism: str) -> None:
    """RFC 4954 section 4."""
    line = b"AUTH %s =\r\n" % mechanism.encode()
    trace = assert_chunk_invariant(server(EHLO, **OPEN), line)
    assert trace.events == (Auth(mechanism, b""),)
    assert smtp.encode(Auth(mechanism, b"")) == line
    assert smtp.parse_command(b"AUTH %s\r\n" % mechanism.encode()) == Auth(mechanism, None)


@ids(
    "text",
    [b"a", b"YQ=", b"YQ", b"Y Q==", b"YQ==YQ==", b"Y\xffQ=", b"=YQ=", b"*YQ==", b"YQ==\r", b"-_-_"],
    ids=repr,
)
def test_what_is_not_base64_is_refused(text: bytes) -> None:
    """RFC 4954 section 4: 501 (5.5.2), and the exchange is over."""
    trace = assert_chunk_invariant(
        server(EHLO, **OPEN), b"AUTH LOGIN\r\n" + text + b"\r\nNOOP\r\n", challenging
    )
    assert names(trace) == ["Auth", "BadCommand", "Noop"]
    assert codes(trace) == [334, 501, 250]
    line = b"AUTH PLAIN " + text + b"\r\n"
    assert codes(assert_chunk_invariant(server(EHLO, **OPEN), line))[0] in (500, 501)


def test_a_cancel_is_exactly_a_star() -> None:
    trace = assert_chunk_invariant(server(EHLO, **OPEN), b"AUTH LOGIN\r\n*\r\r\n", challenging)
    assert names(trace) == ["Auth", "BadCommand"]


@ids(
    ("setup", "code"),
    [(b"", 503), (EHLO + MAIL, 503), (EHLO + b"AUTH PLAIN AGEAYg==\r\n", 503)],
    ids=["before EHLO", "in a transaction", "twice"],
)
def test_when_auth_is_out_of_place(setup: bytes, code: int) -> None:
    """RFC 4954 section 4."""
    trace = assert_chunk_invariant(server(setup, **OPEN), b"AUTH PLAIN AGEAYg==\r\n")
    assert names(trace) == ["BadCommand"]
    assert codes(trace) == [code]


def test_a_response_for_a_mechanism_that_begins_with_the_server_can_be_refused() -> None:
    trace = assert_chunk_invariant(
        server(EHLO, **OPEN),
        b"AUTH CRAM-MD5 YQ==\r\nNOOP\r\n",
        make_play=answering(Reply(535, "5.7.8 no")),
    )
    assert statuses(trace) == ["535 5.7.8", "250 2.0.0"]
    assert not left(trace).authenticated


@ids("size", [300, 400, 9000])
def test_a_long_token_goes_in_two_steps(size: int) -> None:
    """RFC 4954 section 4.: a line that a server need not take is not sent."""
    token = b"x" * size
    encoded = smtp.encode(AuthResponse(token))
    make = client("AUTH XOAUTH2", tls=True)
    trace = assert_chunk_invariant(
        make, [sends(Auth("XOAUTH2", token)), b"334 \r\n" if size > 370 else b"", b"235 in\r\n"]
    )
    if size > 370:
        assert trace.output == b"AUTH XOAUTH2\r\n" + encoded
    else:
        assert trace.output == b"AUTH XOAUTH2 " + encoded
    assert names(trace) == ["Replied"]
    assert left(trace).authenticated


def test_a_failure_that_comes_as_a_challenge() -> None:
    """RFC 7628 section 3.2.3: the reason comes in a 334, and an empty line makes it a 535."""
    reason = smtp.encode(Challenge(b'{"status":"401"}'))
    make = client("AUTH XOAUTH2", tls=True)
    steps = [sends(Auth("XOAUTH2", b"token")), reason, b"535 5.7.8 no\r\n"]
    trace = assert_chunk_invariant(make, steps, make_play=lambda: script(AuthResponse(b"")))
    assert trace.events[0] == Challenge(b'{"status":"401"}')
    assert trace.output.endswith(b"\r\n\r\n")
    assert names(trace) == ["Challenge", "Replied"]


@ids(
    ("text", "data", "odd"),
    [
        (b"VXNlcm5hbWU6", b"Username:", False),
        (b"", b"", False),
        (b"Username:", b"", True),
        (b"what?", b"", True),
        (b"\xff\xfe", b"", True),
    ],
    ids=repr,
)
def test_a_challenge_is_never_fatal(text: bytes, data: bytes, odd: bool) -> None:
    """LOGIN's prompts mean nothing: one that is not base64 does not end the exchange."""
    steps = [sends(Auth("LOGIN")), b"334 " + text + b"\r\n"]
    trace = assert_chunk_invariant(client("AUTH LOGIN", tls=True), steps, silent)
    assert trace.events == (Challenge(data),)
    assert ("bad_base64" in trace.events[0].anomalies) is odd


def test_a_mechanism_that_was_not_offered_is_not_used() -> None:
    machine = client("AUTH CRAM-MD5", tls=True)()
    with pytest.raises(NotOffered):
        machine.send(Auth("PLAIN", b"\0a\0b"))
    with pytest.raises(NotOffered):
        client(tls=True)().send(Auth("PLAIN", b"\0a\0b"))


def test_secrets_are_not_shown() -> None:
    for item in (Auth("PLAIN", b"hunter2"), AuthResponse(b"hunter2"), Challenge(b"hunter2")):
        assert "hunter2" not in repr(item)
        assert attrs.asdict(item)
    bad = BadCommand(b"AUTH hunter2", Reply(501))
    assert "hunter2" not in repr(bad)


# --- 13. NUL and 8-bit ----------------------------------------------------------------------------


@ids(
    "line",
    [
        b"MAIL FROM:<a\0@b>",
        b"MAIL FROM:<a@b>\0",
        b"NOOP \0",
        b"NOOP \x01",
        b"NOOP \x7f",
        b"NOOP a\rb",
        b"NOOP a\nb",
        b"MAIL FROM:<f\xc3>",
        b"MAIL FROM:<f@b\xc3",
        b"NOOP \xc3",
        b"NOOP \xed\xa0\x80",
        b"NOOP \xff",
        b"EHLO \xc0\xaf",
        b"\0",
        b"\xff",
    ],
    ids=repr,
)
def test_what_is_no_text_is_no_command(line: bytes) -> None:
    trace = assert_chunk_invariant(server(EHLO), line + b"\r\nNOOP\r\n")
    assert names(trace) == ["BadCommand", "Noop"]
    assert codes(trace)[0] in (500, 501)


def test_a_line_feed_alone_ends_no_command() -> None:
    trace = assert_chunk_invariant(server(EHLO), b"NOOP\n" + EVIL + b"NOOP\r\n")
    assert names(trace) == ["BadCommand", "Noop"]


def test_unless_one_asks_for_it_and_then_it_shows() -> None:
    trace = assert_chunk_invariant(
        server(EHLO, quirks=Quirks(bare_lf_commands=True)), b"NOOP\nNOOP\r\nMAIL FROM:<>\n"
    )
    assert trace.events == (Noop(), Noop(), Mail(""))
    assert ["bare_lf" in event.anomalies for event in trace.events] == [True, False, True]


def test_nothing_the_peer_says_makes_tls_or_success() -> None:
    trace = run(client("STARTTLS")(), [submits("b@b.example"), b"250 ok\r\n", b"220 go\r\n"])
    assert TlsEstablished not in map(type, trace.events)
    assert not trace.machine.tls


def test_a_replied_says_which_command_it_answers() -> None:
    steps = [sends(Noop("one")), b"250 a\r\n"]
    trace = assert_chunk_invariant(client("PIPELINING"), steps)
    assert trace.events == (Replied(2, Noop("one"), Reply(250, "a")),)
