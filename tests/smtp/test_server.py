"""The server: greeting, answers, envelopes, bodies, LMTP, AUTH, and all the ways to end."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from mailproto import Limits, LocalProtocolError, RemoteProtocolError, Timeout, Want, smtp
from mailproto.errors import ConnectionLost, LimitExceeded
from mailproto.smtp import (
    RET,
    SIZE,
    Auth,
    AuthResponse,
    BadCommand,
    BareNewlines,
    Bdat,
    BodyChunk,
    BodyEnd,
    BodyRefused,
    Challenge,
    Data,
    Ehlo,
    Envelope,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Param,
    Quirks,
    Quit,
    Rcpt,
    Recipient,
    Reply,
    Rset,
    Server,
    ServerConfig,
    StartTls,
    State,
    Vrfy,
)
from mailproto.testing import EOF, TIMEOUT, Trace, assert_chunk_invariant, run
from tests.smtp.talk import (
    EHLO,
    EVERYTHING,
    LHLO,
    MAIL,
    RCPT,
    RCPT_2,
    answering,
    codes,
    flushed,
    kind,
    left,
    names,
    prepared,
    server,
    statuses,
)

ids = pytest.mark.parametrize

# --- The greeting (RFC 5321 sections 3.1 and 4.2) -------------------------------------------------


def test_the_greeting_names_the_server() -> None:
    assert flushed(Server(ServerConfig(hostname="mx.example"))) == b"220 mx.example ESMTP\r\n"
    assert b"LMTP" in flushed(Server(ServerConfig(hostname="mx.example", lmtp=True)))


def test_it_can_be_the_applications() -> None:
    assert flushed(Server(greeting=Reply(220, "mx\nhello"))) == b"220-mx\r\n220 hello\r\n"


def test_a_server_that_refuses_everybody() -> None:
    """RFC 5321 section 3.1: 554, then 503 to all but QUIT."""
    make = prepared(Server(greeting=Reply(554, "5.3.2 no")))
    trace = assert_chunk_invariant(make, EHLO + MAIL + b"XYZ\r\nQUIT\r\n")
    assert names(trace) == ["BadCommand", "BadCommand", "BadCommand", "Quit"]
    assert codes(trace) == [503, 503, 503, 221]


def test_a_server_that_is_not_there() -> None:
    """RFC 5321 section 3.8: 421 closes."""
    trace = run(Server(greeting=Reply(421, "4.3.2 later")), EHLO)
    assert codes(trace) == [421]
    assert trace.end is Want.CLOSE
    assert trace.events == ()


@ids("hostname", ["", "a b", "a\tb", "a\r\nb"])
def test_hostnames_that_are_none(hostname: str) -> None:
    with pytest.raises(ValueError):
        ServerConfig(hostname=hostname)


# --- A whole message ------------------------------------------------------------------------------


def test_a_message() -> None:
    """RFC 5321 appendix D.1."""
    wire = (
        b"EHLO bar.com\r\nMAIL FROM:<Smith@bar.com>\r\nRCPT TO:<Jones@foo.com>\r\n"
        b"RCPT TO:<Green@foo.com>\r\nRCPT TO:<Brown@foo.com>\r\nDATA\r\n"
        b"Blah blah blah...\r\n...etc. etc. etc.\r\n.\r\nQUIT\r\n"
    )
    play = answering(True, True, Reply(550, "5.1.1 No such user here"))
    trace = assert_chunk_invariant(server(), wire, make_play=play)
    assert trace.events == (
        Ehlo("bar.com"),
        Mail("Smith@bar.com"),
        Rcpt("Jones@foo.com"),
        Rcpt("Green@foo.com"),
        Rcpt("Brown@foo.com"),
        Data(),
        BodyChunk(b"Blah blah blah...\r\n..etc. etc. etc.\r\n"),
        BodyEnd(37),
        Quit(),
    )
    assert codes(trace) == [250, 250, 250, 550, 250, 354, 250, 221]
    assert trace.end is Want.CLOSE


def test_the_envelope_so_far() -> None:
    make = server(EHLO, extensions=EVERYTHING)
    assert make().envelope is None
    machine = make()
    run(machine, b"MAIL FROM:<a@x> SIZE=5 RET=HDRS\r\n")
    assert machine.envelope == Envelope("a@x", [], (SIZE(5), RET("HDRS")))
    run(machine, b"RCPT TO:<no@x>\r\n", answering(False)())
    run(machine, b"RCPT TO:<b@x> NOTIFY=NEVER\r\nRCPT TO:<b@x>\r\n")
    found = machine.envelope
    assert found is not None
    assert found.get(RET) == "HDRS"
    assert found.recipients == (
        Recipient("b@x", (Param("NOTIFY", "NEVER"),)),
        Recipient("b@x"),
    )
    run(machine, b"RSET\r\n")
    assert machine.envelope is None


@ids("ending", [b"RSET\r\n", EHLO, b"HELO x\r\n"], ids=repr)
def test_what_ends_a_transaction(ending: bytes) -> None:
    """RFC 5321 sections 4.1.1.1 and 4.1.1.5: EHLO in a transaction is RSET too."""
    trace = assert_chunk_invariant(server(EHLO + MAIL + RCPT), ending + b"DATA\r\n" + MAIL)
    assert codes(trace) == [250, 503, 250]


@ids("refuse", ["Data", "BodyEnd"])
def test_a_refused_message(refuse: str) -> None:
    """RFC 5321 section 4.1.1.4: the buffers are cleared after the text, not after a 4yz to DATA."""

    def play(machine: Any, event: object) -> None:
        if type(machine.awaiting).__name__ == refuse:
            machine.reject(Reply(452, "4.3.1 full"))
        elif machine.awaiting is not None:
            machine.accept()

    body = b"x\r\n.\r\n" if refuse == "BodyEnd" else b""
    trace = assert_chunk_invariant(
        server(EHLO + MAIL + RCPT), [b"DATA\r\n", body + b"RSET\r\n"], play
    )
    assert names(trace)[-1] == "Rset"
    assert 452 in codes(trace)
    trace = run(server(EHLO + MAIL + RCPT)(), [b"DATA\r\n", body], play)
    assert trace.machine.state is (State.READY if refuse == "BodyEnd" else State.RCPT)


def test_bodies_come_in_chunks_of_at_most_limits_chunk() -> None:
    machine = server(EHLO + MAIL + RCPT + b"DATA\r\n", limits=Limits(chunk=10))()
    machine.receive_data(b"x" * 25 + b"\r\n.\r\n")
    chunks: list[bytes] = []
    while isinstance(event := machine.next_event(), BodyChunk):
        chunks.append(event.data)
    assert all(len(chunk) <= 10 for chunk in chunks)
    assert b"".join(chunks) == b"x" * 25 + b"\r\n"
    assert event == BodyEnd(27)


@ids("policy", list(BareNewlines))
def test_normalizing_respects_it_too(policy: BareNewlines) -> None:
    if policy is BareNewlines.REJECT:
        return
    made = server(
        EHLO + MAIL + RCPT + b"DATA\r\n",
        limits=Limits(chunk=8),
        quirks=Quirks(bare_newlines=policy),
    )
    trace = assert_chunk_invariant(made, b"\n" * 40 + b"\r\n.\r\n")
    count = 82 if policy is BareNewlines.NORMALIZE else 42
    assert kind(trace, BodyEnd).size == count
    machine = made()
    machine.receive_data(b"\n" * 40 + b"\r\n.\r\n")
    while isinstance(event := machine.next_event(), BodyChunk):
        assert len(event.data) <= 8


# --- SIZE (RFC 1870) ------------------------------------------------------------------------------


@ids(
    ("size", "code"), [("1", 250), ("100", 250), ("101", 552), ("0", 250), ("9" * 20, 552)], ids=str
)
def test_an_announced_size(size: str, code: int) -> None:
    """RFC 1870 section 6.1: 552 at MAIL."""
    line = f"MAIL FROM:<a@x> SIZE={size}\r\n".encode()
    trace = assert_chunk_invariant(server(EHLO, size=100), line)
    assert codes(trace) == [code]
    if code == 552:
        assert statuses(trace) == ["552 5.3.4"]
        assert names(trace) == ["BadCommand"]


@ids("octets", [98, 99, 100, 101, 150])
def test_a_text_that_is_too_large(octets: int) -> None:
    """RFC 1870 section 6.3: refused at the end; counted with CRLF and without doubled dots."""
    body = b"." + b"x" * (octets - 3) + b"\r\n"
    assert len(body) == octets
    made = server(EHLO + MAIL + RCPT + b"DATA\r\n", size=100)
    trace = assert_chunk_invariant(made, b"." + body + b".\r\nNOOP\r\n")
    if octets <= 100:
        assert names(trace) == ["BodyChunk", "BodyEnd", "Noop"]
        assert kind(trace, BodyEnd).size == octets
    else:
        assert names(trace) == ["BodyChunk", "BodyRefused", "Noop"]
        assert trace.events[0] == BodyChunk(body[:100].removesuffix(b"\r"))  # no half line end
        assert statuses(trace)[0] == "552 5.3.4"


@ids("sizes", [(100,), (50, 50), (1, 99), (60, 40, 0)], ids=str)
def test_chunks_up_to_the_size(sizes: tuple[int, ...]) -> None:
    wire = b"".join(b"BDAT %d\r\n" % size + b"x" * size for size in sizes) + b"BDAT 0 LAST\r\n"
    made = server(EHLO + MAIL + RCPT, size=100)
    assert kind(assert_chunk_invariant(made, wire), BodyEnd).size == 100


def test_no_limit() -> None:
    """RFC 1870 section 3: without an argument nothing is said about it."""
    trace = assert_chunk_invariant(server(), EHLO + b"MAIL FROM:<a@x> SIZE=" + b"9" * 20 + b"\r\n")
    assert re.search(rb"250[- ]SIZE\r\n", trace.output)
    assert codes(trace) == [250, 250]


# --- Questions ------------------------------------------------------------------------------------


@ids(
    ("line", "event", "yes", "no"),
    [
        (b"VRFY Crispin", Vrfy("Crispin"), 252, 550),
        (b"EXPN Example-People", Expn("Example-People"), 252, 550),
        (b"HELP", Help(), 214, 502),
        (b"HELP MAIL", Help("MAIL"), 214, 502),
    ],
    ids=repr,
)
def test_questions(line: bytes, event: Any, yes: int, no: int) -> None:
    """RFC 5321 sections 3.5 and 4.1.1.8; section 7.3 lets 252 stand for all who do not tell."""
    for answer, code in ((True, yes), (False, no), (Reply(250, "x <y@z>"), 250)):
        trace = assert_chunk_invariant(server(EHLO), line + b"\r\n", make_play=answering(answer))
        assert trace.events == (event,)
        assert codes(trace) == [code]


def test_help_is_given_before_ehlo() -> None:
    """RFC 5321 section 4.1.4: NOOP, HELP, EXPN, VRFY and RSET at any time."""
    trace = assert_chunk_invariant(server(), b"NOOP\r\nHELP\r\nEXPN x\r\nVRFY x\r\nRSET\r\n" + MAIL)
    assert codes(trace) == [250, 214, 252, 252, 250, 503]


def test_rset_before_ehlo_does_not_stand_for_it() -> None:
    trace = assert_chunk_invariant(server(), b"RSET\r\n" + MAIL + EHLO + MAIL)
    assert codes(trace) == [250, 503, 250, 250]


# --- Enhanced codes (RFC 2034, RFC 3463) ----------------------------------------------------------


def test_every_reply_but_some_has_an_enhanced_code() -> None:
    """RFC 2034 section 4: all but the greeting, EHLO's and HELO's, and 3yz."""
    wire = (
        EHLO
        + b"NOOP\r\nVRFY x\r\nEXPN x\r\nHELP\r\nXYZ\r\n\r\nRCPT TO:<a@x>\r\nSTARTTLS\r\n"
        + b"AUTH X\r\nBDAT 1\r\nx\nMAIL\r\nMAIL FROM:<a b@x>\r\nMAIL FROM:<root>\r\n"
        + MAIL
        + MAIL
        + b"DATA\r\n"
        + RCPT
        + b"DATA\r\na\nb\r\n.\r\nRSET\r\nQUIT\r\n"
    )
    trace = assert_chunk_invariant(server(), wire)
    for status in statuses(trace)[1:]:
        code, _, enhanced = status.partition(" ")
        if code == "354":
            assert enhanced == ""
        else:
            assert enhanced[:1] == code[:1], status


def test_an_address_is_refused_with_its_own_status() -> None:
    """RFC 3463 section 3.2: X.1.7 for senders, X.1.3 and X.1.1 for recipients."""
    lines = b"MAIL FROM:<a b@x>\r\n" + MAIL + b"RCPT TO:<a b@x>\r\nRCPT TO:<>\r\n" + RCPT
    trace = assert_chunk_invariant(server(EHLO), lines, make_play=answering(True, False))
    assert statuses(trace) == ["501 5.1.7", "250 2.1.0", "501 5.1.3", "501 5.1.3", "550 5.1.1"]


# --- Answers --------------------------------------------------------------------------------------


def test_awaiting_is_the_event() -> None:
    machine = server(EHLO)()
    machine.receive_data(MAIL + RCPT)
    event = machine.next_event()
    assert machine.awaiting is event
    assert machine.next_event() is machine.next_event() is Want.ANSWER
    machine.accept()
    assert machine.awaiting is None
    assert machine.next_event() == Rcpt("b@b.example")


def test_what_came_before_is_flushed_before_an_answer_is_asked_for() -> None:
    machine = server(EHLO)()
    machine.receive_data(MAIL + RCPT)
    machine.next_event()
    machine.accept()
    machine.next_event()
    assert machine.next_event() is Want.SEND
    assert codes(machine.data_to_send()) == [250]
    assert machine.next_event() is Want.ANSWER


@ids("call", ["accept", "reject"])
def test_nothing_to_answer(call: str) -> None:
    machine = server(EHLO)()
    for item in ((), (Reply(250 if call == "accept" else 550, "x"),)):
        with pytest.raises(LocalProtocolError):
            getattr(machine, call)(*item)
    with pytest.raises(LocalProtocolError):
        machine.send(Reply(250, "x"))
    assert machine.data_to_send() == b""


SETUPS: dict[str, bytes] = {
    "Mail": EHLO + b"MAIL FROM:<a@x>\r\n",
    "Rcpt": EHLO + MAIL + RCPT,
    "Data": EHLO + MAIL + RCPT + b"DATA\r\n",
    "Bdat": EHLO + MAIL + RCPT + b"BDAT 5\r\n",
    "BodyEnd": EHLO + MAIL + RCPT + b"DATA\r\n.\r\n",
    "StartTls": EHLO + b"STARTTLS\r\n",
    "Auth": EHLO + b"AUTH PLAIN\r\n",
    "Vrfy": EHLO + b"VRFY x\r\n",
    "Help": EHLO + b"HELP\r\n",
    "Etrn": EHLO + b"ETRN x\r\n",
}


def waiting_for(name: str, **config: Any) -> Any:
    """A server whose application has to answer this."""
    machine = server(
        auth=("PLAIN",), plaintext_auth=True, starttls=True, extensions=EVERYTHING, **config
    )()
    machine.receive_data(SETUPS[name])
    while type(machine.awaiting).__name__ != name:
        event = machine.next_event()
        if event is Want.SEND:
            machine.data_to_send()
        elif machine.awaiting is not None and type(event).__name__ != name:
            machine.accept()
    flushed(machine)
    return machine


@ids("name", SETUPS)
def test_what_is_no_answer_changes_nothing(name: str) -> None:
    wrong: list[Any] = [Reply(199), Reply(600), "250 ok", None, Noop(), 250]
    machine = waiting_for(name)
    event, state = machine.awaiting, machine.state
    for item in wrong:
        with pytest.raises((ValueError, TypeError)):
            machine.send(item)
    with pytest.raises(ValueError):
        machine.reject(Reply(250, "yes"))
    with pytest.raises(ValueError):
        machine.accept(Reply(550, "no"))
    if name == "Data":
        with pytest.raises(ValueError):
            machine.accept(Reply(250, "ok"))
    else:
        with pytest.raises(ValueError):
            machine.accept(Reply(354, "go"))
    if name not in ("Auth", "AuthResponse"):
        with pytest.raises(LocalProtocolError):
            machine.send(Challenge(b"x"))
    assert (machine.awaiting, machine.state) == (event, state)
    assert machine.data_to_send() == b""
    machine.reject()
    assert machine.awaiting is None


@ids("name", SETUPS)
def test_a_421_closes(name: str) -> None:
    """RFC 5321 section 3.8."""
    machine = waiting_for(name)
    machine.reject(Reply(421, "4.3.2 going down"))
    machine.receive_data(b"NOOP\r\n")
    assert flushed(machine) == b"421 4.3.2 going down\r\n"
    assert machine.next_event() is Want.CLOSE
    assert machine.state is State.CLOSED
    with pytest.raises(LocalProtocolError):
        machine.accept()


@ids(
    ("name", "reply"),
    [
        ("Rcpt", Reply(251, "2.1.5 will forward")),
        ("Data", Reply(354, "bring it")),
        ("Vrfy", Reply(250, "A <a@x>")),
        ("Etrn", Reply(251, "2.0.0 nothing waits")),
        ("StartTls", Reply(220, "ready")),
        ("Auth", Reply(235, "2.7.0 welcome")),
        ("Mail", Reply(451, "4.7.1 greylisted")),
        ("BodyEnd", Reply(554, "5.6.0 no\nreally")),
    ],
    ids=repr,
)
def test_the_exact_answer(name: str, reply: Reply) -> None:
    machine = waiting_for(name)
    machine.send(reply)
    assert smtp.parse_reply(flushed(machine)) == reply


def test_an_accepted_chunk_is_not_answered_at_once() -> None:
    """Its octets come anyway; the answer comes behind them (RFC 3030 section 2)."""
    machine = waiting_for("Bdat")
    with pytest.raises(ValueError):
        machine.accept(Reply(250, "ok"))
    machine.accept()
    assert flushed(machine) == b""
    machine.receive_data(b"12345")
    assert machine.next_event() == BodyChunk(b"12345")
    assert codes(flushed(machine)) == [250]


# --- LMTP (RFC 2033 section 4) --------------------------------------------------------------------


def lmtp(setup: bytes = LHLO + MAIL + RCPT + RCPT_2, **config: Any) -> Callable[[], Server]:
    return server(setup, lmtp=True, **config)


ANSWERS = [True, Reply(452, "4.2.2 full"), True]


@ids("wire", [b"DATA\r\nx\r\n.\r\n", b"BDAT 3 LAST\r\nx\r\n", b"BDAT 3\r\nx\r\nBDAT 0 LAST\r\n"])
def test_one_answer_for_each_recipient(wire: bytes) -> None:
    """RFC 2033 section 4.2: in the order of the RCPT commands that succeeded."""
    owed: list[str | None] = []

    def play(machine: Any, event: object) -> None:
        if isinstance(machine.awaiting, BodyEnd):
            while machine.awaiting is not None:
                owed.append(machine.awaiting.recipient)
                if machine.awaiting.recipient == "c@b.example":
                    machine.reject(Reply(452, "4.2.2 full"))
                else:
                    machine.accept()
        elif machine.awaiting is not None:
            machine.accept()

    make = lmtp(LHLO + MAIL + RCPT + RCPT_2 + RCPT)
    trace = assert_chunk_invariant(make, wire + b"NOOP\r\n", play)
    assert owed[:3] == ["b@b.example", "c@b.example", "b@b.example"]
    assert codes(trace)[-4:] == [250, 452, 250, 250]
    assert trace.machine.state is State.READY


def test_only_recipients_that_were_accepted() -> None:
    make = lmtp(LHLO)
    play = answering(True, True, False, True, True)
    trace = assert_chunk_invariant(
        make, MAIL + RCPT + RCPT_2 + RCPT + b"DATA\r\n.\r\n", make_play=play
    )
    assert codes(trace) == [250, 250, 550, 250, 354, 250, 250]


def test_without_recipients_there_is_no_body() -> None:
    """RFC 2033 section 4.2: DATA MUST fail with 503."""
    trace = assert_chunk_invariant(lmtp(LHLO + MAIL), b"DATA\r\nBDAT 1 LAST\r\nx")
    assert codes(trace) == [503, 503]


def test_a_body_the_machine_refuses_is_answered_for_each_too() -> None:
    trace = assert_chunk_invariant(lmtp(), b"DATA\r\na\nb\r\n.\r\nNOOP\r\n")
    assert codes(trace) == [354, 550, 550, 250]
    assert kind(trace, BodyRefused).reply.code == 550
    trace = assert_chunk_invariant(lmtp(size=2), b"BDAT 3 LAST\r\nabcRSET\r\n")
    assert codes(trace) == [552, 552, 250]
    trace = assert_chunk_invariant(lmtp(size=2), b"BDAT 3\r\nabcRSET\r\n")
    assert codes(trace) == [552, 250]


def test_a_last_chunk_the_application_refuses_is_answered_for_each_too() -> None:
    trace = assert_chunk_invariant(
        lmtp(), b"BDAT 3 LAST\r\nabcRSET\r\n", make_play=answering(Reply(451, "4.3.0 no"))
    )
    assert codes(trace) == [451, 451, 250]


def test_lhlo_and_nothing_else() -> None:
    """RFC 2033 section 4.1: EHLO and HELO get 500."""
    trace = assert_chunk_invariant(lmtp(b""), EHLO + b"HELO x\r\n" + LHLO)
    assert codes(trace) == [500, 500, 250]
    assert trace.events[-1] == Lhlo("client.example")
    assert codes(assert_chunk_invariant(server(), LHLO)) == [500]


def test_lmtp_offers_what_it_must() -> None:
    """RFC 2033 section 5: PIPELINING and ENHANCEDSTATUSCODES, and 8BITMIME should."""
    output = run(lmtp(b"")(), LHLO).output
    for keyword in (b"PIPELINING", b"ENHANCEDSTATUSCODES", b"8BITMIME"):
        assert keyword in output


# --- AUTH (RFC 4954) ------------------------------------------------------------------------------

OPEN: dict[str, Any] = {"auth": ("PLAIN", "LOGIN"), "plaintext_auth": True}


def test_an_exchange() -> None:
    """RFC 4954 section 4.1, with the two prompts of LOGIN."""
    play = answering(Challenge(b"Username:"), Challenge(b"Password:"), True)
    wire = b"AUTH LOGIN\r\ndXNlcg==\r\ncGFzcw==\r\n" + MAIL
    trace = assert_chunk_invariant(server(EHLO, **OPEN), wire, make_play=play)
    assert trace.events == (
        Auth("LOGIN"),
        AuthResponse(b"user"),
        AuthResponse(b"pass"),
        Mail("a@a.example"),
    )
    assert trace.output.startswith(b"334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n235 2.7.0 ")
    assert left(trace).authenticated


@ids("reply", [Reply(535, "5.7.8 no"), Reply(454, "4.7.0 later"), Reply(432, "4.7.12 change")])
def test_an_exchange_that_fails(reply: Reply) -> None:
    play = answering(Challenge(b""), reply)
    wire = b"AUTH PLAIN\r\nAGEAYg==\r\nAUTH PLAIN AGEAYg==\r\n"
    trace = assert_chunk_invariant(server(EHLO, **OPEN), wire, make_play=play)
    assert codes(trace) == [334, reply.code, 235]


@ids(
    ("line", "config", "status"),
    [
        (b"AUTH PLAIN", {}, "502 5.5.1"),
        (b"AUTH NTLM", OPEN, "504 5.5.4"),
        (b"AUTH PLAIN", {"auth": ("PLAIN",)}, "538 5.7.11"),
        (b"AUTH PLAIN !", OPEN, "501 5.5.2"),
        (b"AUTH", OPEN, "501 5.5.4"),
    ],
    ids=repr,
)
def test_exchanges_that_do_not_begin(line: bytes, config: dict[str, Any], status: str) -> None:
    """RFC 4954 sections 4 and 6."""
    trace = assert_chunk_invariant(server(EHLO, **config), line + b"\r\n")
    assert names(trace) == ["BadCommand"]
    assert statuses(trace) == [status]


def test_a_response_that_is_too_long() -> None:
    """RFC 4954 section 4: 500 with 5.5.6, and the exchange is over."""
    made = server(EHLO, limits=Limits(line=64), **OPEN)
    for wire in (b"AUTH LOGIN\r\n" + b"A" * 100 + b"\r\n", b"AUTH PLAIN " + b"A" * 100 + b"\r\n"):
        play = answering(Challenge(b""))
        trace = assert_chunk_invariant(made, wire + b"NOOP\r\n", make_play=play)
        assert statuses(trace)[-2:] == ["500 5.5.6", "250 2.0.0"]


# --- What must come first -------------------------------------------------------------------------


@ids("line", [MAIL, b"VRFY x\r\n", b"EXPN x\r\n", b"AUTH CRAM-MD5\r\n", b"ETRN x\r\n"], ids=repr)
def test_tls_first(line: bytes) -> None:
    """RFC 3207 section 4: 530 to everything but NOOP, EHLO, STARTTLS and QUIT."""
    config: dict[str, Any] = {
        "starttls": True,
        "require_tls": True,
        "auth": ("CRAM-MD5",),
        "extensions": EVERYTHING,
    }
    trace = assert_chunk_invariant(server(EHLO, **config), line + b"NOOP\r\nSTARTTLS\r\n")
    assert statuses(trace) == ["530 5.7.0", "250 2.0.0", "220 2.0.0"]
    trace = assert_chunk_invariant(server(EHLO, tls=True, **config), line)
    assert trace.machine.awaiting is None
    assert codes(trace)[0] in (235, 250, 252)


@ids("line", [MAIL, b"VRFY x\r\n", b"EXPN x\r\n", b"ETRN x\r\n"], ids=repr)
def test_authentication_first(line: bytes) -> None:
    """RFC 6409 section 4.3, RFC 4954 section 6: 530 5.7.0."""
    made = server(EHLO, require_auth=True, extensions=EVERYTHING, **OPEN)
    trace = assert_chunk_invariant(made, line + b"NOOP\r\nAUTH PLAIN AGEAYg==\r\n" + line)
    assert statuses(trace)[:2] == ["530 5.7.0", "250 2.0.0"]
    assert codes(trace)[3] in (250, 252)


# --- Ends -----------------------------------------------------------------------------------------

# Where a session can be: what has come, and whether a reply may stand there.
PLACES: dict[str, tuple[bytes, bool]] = {
    "greeted": (b"", True),
    "half a line": (EHLO + b"NOO", True),
    "ready": (EHLO, True),
    "in a transaction": (EHLO + MAIL + RCPT, True),
    "in a long line": (EHLO + b"x" * 99, True),
    "in an exchange": (EHLO + b"AUTH PLAIN\r\n", True),
    "in a text": (EHLO + MAIL + RCPT + b"DATA\r\nhalf", False),
    "in a refused text": (EHLO + MAIL + RCPT + b"DATA\r\na\nb", False),
    "in a chunk": (EHLO + MAIL + RCPT + b"BDAT 9\r\nhalf", False),
    "in a refused chunk": (EHLO + b"BDAT 9\r\nhalf", False),
    "between chunks": (EHLO + MAIL + RCPT + b"BDAT 1\r\nx", True),
}


def at(place: str) -> Any:
    def play(machine: Any, event: object) -> None:
        if isinstance(machine.awaiting, Auth):
            machine.send(Challenge(b""))
        elif machine.awaiting is not None:
            machine.accept()

    return server(PLACES[place][0], play=play, limits=Limits(line=64), **OPEN)()


@ids("place", PLACES)
def test_a_timeout(place: str) -> None:
    """RFC 5321 section 4.5.3.2.7 and section 3.8: 421 where there is room for it."""
    machine = at(place)
    assert machine.timeout == 300
    trace = run(machine, [TIMEOUT])
    assert trace.events == (Timeout(),)
    assert codes(trace) == ([421] if PLACES[place][1] else [])
    assert trace.end is Want.CLOSE
    assert machine.timeout is None
    assert machine.state is State.CLOSED


@ids("place", PLACES)
@ids("reply", [None, Reply(421, "4.3.2 going down"), Reply(554, "5.7.0 go away")])
def test_giving_up(place: str, reply: Reply | None) -> None:
    machine = at(place)
    machine.abort(reply)
    said = flushed(machine)
    if not PLACES[place][1]:
        assert said == b""
    else:
        assert codes(said) == [reply.code if reply else 421]
    assert machine.next_event() is Want.CLOSE
    machine.abort()
    assert machine.next_event() is Want.CLOSE
    machine.receive_data(b"NOOP\r\n")
    assert machine.next_event() is Want.CLOSE


@ids("name", SETUPS)
def test_giving_up_when_an_answer_is_owed(name: str) -> None:
    machine = waiting_for(name)
    machine.abort()
    assert machine.awaiting is None
    assert codes(flushed(machine)) == [421]
    assert machine.next_event() is Want.CLOSE


@ids("reply", [Reply(250, "fine"), Reply(354, "go"), Reply(99)])
def test_a_farewell_is_a_refusal(reply: Reply) -> None:
    machine = server(EHLO)()
    with pytest.raises(ValueError):
        machine.abort(reply)
    assert machine.next_event() is Want.DATA


@ids("place", PLACES)
def test_the_end_of_the_input(place: str) -> None:
    trace = run(at(place), [EOF])
    if place in ("greeted", "ready", "in a transaction"):
        assert trace.end is Want.CLOSE
    elif place != "between chunks":  # a matter of taste
        assert isinstance(trace.error, ConnectionLost)
    assert BodyEnd not in map(type, trace.events)
    assert trace.output == b""


def test_the_end_while_an_answer_is_owed() -> None:
    machine = waiting_for("BodyEnd")
    machine.receive_eof()
    assert machine.next_event() is Want.ANSWER
    machine.accept()
    assert codes(flushed(machine)) == [250]
    assert machine.next_event() is Want.CLOSE


def test_commands_before_the_end_are_answered() -> None:
    trace = run(server(EHLO)(), [b"NOOP\r\nNOOP\r\n", EOF])
    assert trace.events == (Noop(), Noop())
    assert codes(trace) == [250, 250]


def test_good_commands_before_a_bad_byte_are_not_lost() -> None:
    trace = assert_chunk_invariant(server(EHLO), MAIL + RCPT + b"BDAT x\r\n")
    assert names(trace) == ["Mail", "Rcpt"]
    assert codes(trace) == [250, 250, 501]
    assert isinstance(trace.error, RemoteProtocolError)
    for _ in range(2):
        with pytest.raises(RemoteProtocolError) as raised:
            trace.machine.next_event()
        assert raised.value is trace.error


# --- Small things ---------------------------------------------------------------------------------


def test_what_the_client_called_itself() -> None:
    assert server()().hello is None
    machine = server()()
    run(machine, EHLO)
    assert machine.hello == Ehlo("client.example")
    run(machine, b"HELO other\r\n")
    assert machine.hello == Helo("other")


def test_a_bad_command_is_shown_and_answered() -> None:
    trace = assert_chunk_invariant(server(EHLO), b"what is this\r\n")
    event = kind(trace, BadCommand)
    assert event.raw == b"what is this\r\n"
    assert trace.output == smtp.encode(event.reply)


def test_reset_is_an_event() -> None:
    assert run(server(EHLO + MAIL)(), b"RSET\r\n").events == (Rset(),)


def test_starttls_and_mail_behind_it() -> None:
    made = server(EHLO, starttls=True)
    trace: Trace = assert_chunk_invariant(made, [b"STARTTLS\r\n", EHLO + MAIL])
    assert trace.events[0] == StartTls()
    assert names(trace) == ["StartTls", "TlsEstablished", "Ehlo", "Mail"]
    assert codes(trace) == [220, 250, 250]


def test_a_chunk_larger_than_the_limit_of_what_is_swallowed() -> None:
    made = server(EHLO + MAIL + RCPT, size=10, limits=Limits(drain=20))
    trace = assert_chunk_invariant(made, b"BDAT 21 LAST\r\nx")
    assert isinstance(trace.error, LimitExceeded)
    assert codes(trace) == [552]
    assert Bdat(21, last=True) not in trace.events


@pytest.mark.parametrize(
    "field",
    [{"extensions": ("",)}, {"auth": ("PL AIN",)}, {"size": -5}, {"hostname": "a b"}],
    ids=repr,
)
def test_a_configuration_says_what_is_wrong_with_it(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        ServerConfig(**field)


@pytest.mark.parametrize("setup", [b"", EHLO], ids=["at once", "later"])
def test_a_browser_is_sent_away_whatever_is_required(setup: bytes) -> None:
    trace = assert_chunk_invariant(
        server(setup, require_tls=True, starttls=True), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert codes(trace) == [421]
    assert isinstance(trace.error, RemoteProtocolError)


def test_the_verdict_is_on_the_event_it_is_about() -> None:
    """A refused command that came too early carries it, and the next one does not."""
    machine = server(EHLO)()
    machine.receive_data(b"NOOP\r\nRCPT TO:<a@b.example>\r\n")
    assert isinstance(machine.next_event(), Noop)
    machine.data_to_send()
    refused = machine.next_event()
    assert isinstance(refused, BadCommand)
    assert refused.anomalies == {"unauthorized_pipelining"}
    machine.data_to_send()
    machine.receive_data(b"NOOP\r\n")
    assert machine.next_event().anomalies == frozenset()


@pytest.mark.parametrize("line", [b"STARTTLS\r\n", b"AUTH SCRAM-SHA-256\r\n"], ids=["TLS", "AUTH"])
def test_helo_offers_nothing(line: bytes) -> None:
    """RFC 5321 section 4.1.1.1: extensions are for those who said EHLO."""
    trace = assert_chunk_invariant(
        server(b"HELO x\r\n", starttls=True, auth=("SCRAM-SHA-256",)), line
    )
    assert codes(trace) == [502]


@pytest.mark.parametrize(
    ("line", "code"),
    [(b"STARTTLS\r\n", 220), (b"AUTH SCRAM-SHA-256\r\n", 235)],
    ids=["TLS", "AUTH"],
)
def test_only_one_code_accepts_these(line: bytes, code: int) -> None:
    machine = server(EHLO, starttls=True, auth=("SCRAM-SHA-256",))()
    machine.receive_data(line)
    event = machine.next_event()
    with pytest.raises(ValueError):
        machine.accept(Reply(250, "2.0.0 Ok"))
    assert machine.awaiting is event
    machine.accept(Reply(code, "2.0.0 Ok"))
    assert machine.data_to_send() == b"%d 2.0.0 Ok\r\n" % code
