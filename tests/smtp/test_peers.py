"""XCLIENT and XFORWARD: a proxy that is trusted says for whom it speaks.

The rules are those of Postfix's XCLIENT_README and XFORWARD_README: attributes in xtext,
`[UNAVAILABLE]` and `[TEMPUNAVAIL]`, `IPV6:` before an IPv6 address; 220 begins the session anew,
250 is XFORWARD's yes, 501 bad syntax, 503 during a transaction, 550 not trusted.
"""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import LocalProtocolError, RemoteProtocolError, TlsEstablished, Want
from mailproto.smtp import (
    EXTENSIONS,
    PEER_ADDR,
    PEER_DESTADDR,
    PEER_DESTPORT,
    PEER_HELO,
    PEER_IDENT,
    PEER_LOGIN,
    PEER_NAME,
    PEER_PORT,
    PEER_PROTO,
    PEER_REVERSE_NAME,
    PEER_SOURCE,
    Absent,
    Auth,
    Client,
    Ehlo,
    Lhlo,
    Mail,
    Noop,
    NotOffered,
    Param,
    Parameter,
    Replied,
    Reply,
    Rset,
    State,
    XClient,
    XForward,
    encode,
    parse_command,
)
from mailproto.testing import Link, assert_chunk_invariant, run, script
from tests.smtp.talk import (
    EHLO,
    EVERYTHING,
    LHLO,
    MAIL,
    RCPT,
    answering,
    client,
    codes,
    kind,
    left,
    names,
    sends,
    server,
    statuses,
)

ids = pytest.mark.parametrize

XCLIENT = "XCLIENT NAME ADDR PORT PROTO HELO REVERSE_NAME LOGIN DESTADDR DESTPORT"
XFORWARD = "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE"
TRUSTED = ("PIPELINING", "CHUNKING", XCLIENT, XFORWARD)
COMMANDS: dict[str, type[XClient | XForward]] = {"XCLIENT": XClient, "XFORWARD": XForward}
both = ids("verb", list(COMMANDS))

OK = b"250 ok\r\n"
GO = b"220 mx.example ESMTP\r\n"

# --- Attributes -----------------------------------------------------------------------------------

IN_BOTH: list[tuple[Parameter[Any], Any, str]] = [
    (PEER_NAME, "spike.porcupine.org", "NAME=spike.porcupine.org"),
    (PEER_NAME, Absent.UNAVAILABLE, "NAME=[UNAVAILABLE]"),
    (PEER_NAME, Absent.TEMPUNAVAIL, "NAME=[TEMPUNAVAIL]"),
    (PEER_ADDR, "168.100.189.2", "ADDR=168.100.189.2"),
    (PEER_ADDR, "2001:db8::1", "ADDR=IPV6:2001:db8::1"),
    (PEER_ADDR, Absent.UNAVAILABLE, "ADDR=[UNAVAILABLE]"),
    (PEER_PORT, 25, "PORT=25"),
    (PEER_PORT, 65_535, "PORT=65535"),
    (PEER_PORT, Absent.UNAVAILABLE, "PORT=[UNAVAILABLE]"),
    (PEER_PROTO, "SMTP", "PROTO=SMTP"),
    (PEER_PROTO, "ESMTP", "PROTO=ESMTP"),
    (PEER_PROTO, Absent.UNAVAILABLE, "PROTO=[UNAVAILABLE]"),
    (PEER_HELO, "client.example", "HELO=client.example"),
    (PEER_HELO, "[192.0.2.1]", "HELO=[192.0.2.1]"),
    (PEER_HELO, "two words+more=", "HELO=two+20words+2Bmore+3D"),
    (PEER_HELO, "bücher", "HELO=b+C3+BCcher"),
]
IN_XCLIENT: list[tuple[Parameter[Any], Any, str]] = [
    (PEER_LOGIN, "alice@lab.test", "LOGIN=alice@lab.test"),
    (PEER_LOGIN, "a b", "LOGIN=a+20b"),
    (PEER_LOGIN, Absent.UNAVAILABLE, "LOGIN=[UNAVAILABLE]"),
    (PEER_REVERSE_NAME, "spike.example", "REVERSE_NAME=spike.example"),
    (PEER_DESTADDR, "192.0.2.7", "DESTADDR=192.0.2.7"),
    (PEER_DESTADDR, "::1", "DESTADDR=IPV6:::1"),
    (PEER_DESTPORT, 587, "DESTPORT=587"),
]
IN_XFORWARD: list[tuple[Parameter[Any], Any, str]] = [
    (PEER_PROTO, "QMQP", "PROTO=QMQP"),  # "an SMTP or non-SMTP protocol name"
    (PEER_IDENT, "8E61624C63F", "IDENT=8E61624C63F"),
    (PEER_IDENT, Absent.UNAVAILABLE, "IDENT=[UNAVAILABLE]"),
    (PEER_SOURCE, "LOCAL", "SOURCE=LOCAL"),
    (PEER_SOURCE, "REMOTE", "SOURCE=REMOTE"),
    (PEER_SOURCE, Absent.UNAVAILABLE, "SOURCE=[UNAVAILABLE]"),
]
ATTRIBUTES = [
    *(("XCLIENT", *row) for row in (*IN_BOTH, *IN_XCLIENT)),
    *(("XFORWARD", *row) for row in (*IN_BOTH, *IN_XFORWARD)),
]


@ids(("verb", "row", "value", "word"), ATTRIBUTES, ids=str)
def test_every_attribute_both_ways(verb: str, row: Any, value: Any, word: str) -> None:
    command = COMMANDS[verb]((row(value),))
    line = f"{verb} {word}\r\n".encode()
    assert encode(command) == line
    parsed = parse_command(line)
    assert parsed == command
    assert isinstance(parsed, (XClient, XForward))
    assert parsed.get(row) == value
    assert type(parsed.get(row)) is type(value)
    # The server is told, the client may say it.
    trace = assert_chunk_invariant(server(EHLO, extensions=TRUSTED), line)
    assert trace.events == (command,)
    assert codes(trace) == [220 if verb == "XCLIENT" else 250]
    machine = client(*TRUSTED)()
    machine.send(command)
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send() == line


def test_the_tables_leave_out_no_attribute() -> None:
    """Every row of the registry is in the table above."""
    listed = {(verb, row.keyword) for verb, row, _, _ in ATTRIBUTES}
    rows = {(row.command, row.keyword) for extension in EXTENSIONS for row in extension.own}
    assert listed == rows


def test_attributes_that_are_not_there() -> None:
    command = XClient((PEER_NAME("x"),))
    assert command.get(PEER_ADDR) is None
    assert command.get(PEER_NAME) == "x"


def test_several_attributes() -> None:
    line = b"xclient name=spike.example addr=IPv6:2001:DB8::1 proto=esmtp helo=[unavailable]\r\n"
    command = parse_command(line)
    assert isinstance(command, XClient)
    assert command.get(PEER_NAME) == "spike.example"
    assert command.get(PEER_ADDR) == "2001:DB8::1"
    assert command.get(PEER_PROTO) == "ESMTP"
    assert command.get(PEER_HELO) is Absent.UNAVAILABLE
    assert command.get(PEER_PORT) is None


def test_xtext_is_read_before_the_word_is() -> None:
    """`[UNAVAILABLE]` is no name, however it is written: nobody logs in as that."""
    command = parse_command(b"XCLIENT LOGIN=+5BUNAVAILABLE+5D\r\n")
    assert isinstance(command, XClient)
    assert command.get(PEER_LOGIN) is Absent.UNAVAILABLE
    assert PEER_LOGIN("[unavailable]") == Param("LOGIN", "[unavailable]")
    made = server(EHLO + b"XCLIENT LOGIN=+5BUNAVAILABLE+5D\r\n", extensions=TRUSTED)
    assert made().authenticated is False


BAD = [
    ("both", "NAME="),
    ("both", "NAME"),
    ("both", "NAME=a+"),
    ("both", "NAME=a+2"),
    ("both", "NAME=a+2G"),
    ("both", "NAME=a=b"),
    ("both", "NAME=b\xfccher"),
    ("both", "NAME=+FF"),
    ("both", "NAME=" + "x" * 256),
    ("both", "NAME=+00"),
    ("both", "NAME=a+0D+0AMAIL+20FROM:<>"),
    ("both", "NAME=a+0Ab"),
    ("both", "NAME=a+7Fb"),
    ("both", "HELO=a+09b"),
    ("both", "ADDR=spike.example"),
    ("both", "ADDR=192.0.2.256"),
    ("both", "ADDR=192.0.2"),
    ("both", "ADDR=[192.0.2.1]"),
    ("both", "ADDR=2001:db8::1"),
    ("both", "ADDR=IPV6:192.0.2.1"),
    ("both", "ADDR=IPV6:2001:db8::1::2"),
    ("both", "ADDR=IPV6:fe80::1+25eth0"),
    ("both", "ADDR=IPV6:"),
    ("both", "PORT=65536"),
    ("both", "PORT=-1"),
    ("both", "PORT=+2B1"),
    ("both", "PORT=2.5"),
    ("both", "PORT=smtp"),
    ("both", "PORT=" + "9" * 5_000),
    ("both", "PORT=" + "+D9+A1"),  # ARABIC-INDIC DIGIT ONE
    ("XCLIENT", "PROTO=QMQP"),
    ("XFORWARD", "PROTO=" + "x" * 65),
    ("XFORWARD", "PROTO=a+0Ab"),
    ("XCLIENT", "LOGIN=a+00b"),
    ("XCLIENT", "DESTADDR=mx.example"),
    ("XCLIENT", "DESTPORT=65536"),
    ("XCLIENT", "REVERSE_NAME=+0A"),
    ("XFORWARD", "IDENT=a+0Ab"),
    ("XFORWARD", "SOURCE=ELSEWHERE"),
    ("both", "NAME=x NAME=x"),
    ("both", "NAME=x name=y"),
    ("both", "_NAME=x"),
    ("both", "=x"),
    ("both", ""),
    ("both", " "),
]
BAD_LINES = [
    f"{verb} {words}" for which, words in BAD for verb in COMMANDS if which in ("both", verb)
]


@ids("line", BAD_LINES, ids=lambda line: line[:40])
def test_bad_values(line: str) -> None:
    """501, and nothing of it is believed. The line is not repeated."""
    made = server(EHLO, extensions=TRUSTED)
    trace = assert_chunk_invariant(made, line.encode() + b"\r\nNOOP\r\n")
    assert names(trace) == ["BadCommand", "Noop"]
    assert codes(trace) == [501, 250]
    assert left(trace).state is State.READY
    assert b"MAIL" not in trace.output


@both
@ids("octets", [b"NAME=a\0b", b"NAME=a\x07", b"NAME=\xff", b"NAME=a\rb"], ids=repr)
def test_octets_that_no_line_has(verb: str, octets: bytes) -> None:
    made = server(EHLO, extensions=TRUSTED)
    trace = assert_chunk_invariant(made, verb.encode() + b" " + octets + b"\r\nNOOP\r\n")
    assert codes(trace) == [500, 250]


@both
@ids(
    "params",
    [
        (),
        (Param("NAME"),),
        (Param("NAME", ""),),
        (Param("NAME", "a b"),),
        (Param("NAME", "a\r\nQUIT"),),
        (Param("NAME", "a\n"),),
        (Param("NAME", "a\0"),),
        (Param("NAME", "a=b"),),
        (Param("NAME", "a+0A"),),
        (Param("name", "x"),),
        (Param("NAME X", "x"),),
        (Param("NAME\r\n", "x"),),
        (Param("NAME=x ADDR", "x"),),
        (Param("NAME", "x"), Param("NAME", "y")),
        (Param("ADDR", "2001:db8::1"),),
        (Param("PORT", "65536"),),
        (Param("XOTHER", "a b"),),
    ],
    ids=str,
)
def test_what_cannot_be_said(verb: str, params: tuple[Param, ...]) -> None:
    """A refused call changes nothing."""
    machine = client("XCLIENT NAME ADDR PORT XOTHER", "XFORWARD NAME ADDR PORT XOTHER")()
    before = pickle.dumps(machine)
    with pytest.raises(ValueError):
        machine.send(COMMANDS[verb](params))
    assert pickle.dumps(machine) == before


@ids(
    ("row", "value"),
    [
        (PEER_NAME, ""),
        (PEER_NAME, "a\r\nQUIT"),
        (PEER_NAME, "a\0"),
        (PEER_NAME, "x" * 256),
        (PEER_LOGIN, "a\tb"),
        (PEER_LOGIN, "\ud800"),
        (PEER_ADDR, ""),
        (PEER_ADDR, "spike.example"),
        (PEER_ADDR, "192.0.2.1 LOGIN=root"),
        (PEER_ADDR, "IPV6:::1"),
        (PEER_ADDR, "::1\r\nQUIT"),
        (PEER_PORT, -1),
        (PEER_PORT, 65_536),
        (PEER_PORT, 10**50),
        (PEER_PORT, True),
        (PEER_PORT, 2.5),
        (PEER_PROTO, "x" * 65),
        (PEER_SOURCE, "elsewhere"),
        (PEER_IDENT, "a\nb"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_values_that_no_attribute_has(row: Any, value: Any) -> None:
    with pytest.raises(ValueError):
        row(value)


@given(st.sampled_from([PEER_NAME, PEER_HELO, PEER_LOGIN, PEER_IDENT]), st.text(max_size=300))
def test_text_stays_in_its_attribute(row: Parameter[Any], text: str) -> None:
    """Whatever an upstream client called itself becomes one word, or a ValueError."""
    try:
        param = row(text)
    except ValueError:
        return
    assert param.value is not None
    assert set(param.value).isdisjoint(" =\r\n\0\t")
    assert param.value.isascii()
    found = row.parse(param.value)
    assert found == text or (isinstance(found, Absent) and found == text.upper())


# --- Who may say it -------------------------------------------------------------------------------


@both
def test_not_offered(verb: str) -> None:
    """A server that does not trust this peer does not offer it, and does not believe it."""
    line = f"{verb} NAME=x\r\n".encode()
    trace = assert_chunk_invariant(server(EHLO), line + b"NOOP\r\n")
    assert names(trace) == ["BadCommand", "Noop"]
    assert statuses(trace) == ["502 5.5.1", "250 2.0.0"]
    machine = client("PIPELINING", "SIZE")()
    before = pickle.dumps(machine)
    with pytest.raises(NotOffered, match=verb):
        machine.send(COMMANDS[verb]((PEER_NAME("x"),)))
    assert pickle.dumps(machine) == before


@both
def test_helo_offers_nothing(verb: str) -> None:
    made = server(b"HELO x\r\n", extensions=TRUSTED)
    trace = assert_chunk_invariant(made, f"{verb} NAME=x\r\n".encode())
    assert codes(trace) == [502]


@both
@ids("word", ["LOGIN=root", "X-OWN=1", "ADDR=192.0.2.1 LOGIN=root"])
def test_an_attribute_that_is_not_in_the_list(verb: str, word: str) -> None:
    """501; and a client does not send it."""
    offer = f"{verb} NAME addr"
    trace = assert_chunk_invariant(
        server(EHLO, extensions=(offer,)), f"{verb} {word}\r\nNOOP\r\n".encode()
    )
    assert names(trace) == ["BadCommand", "Noop"]
    assert codes(trace) == [501, 250]
    assert left(trace).authenticated is False
    params = tuple(Param(*pair.split("=")) for pair in word.split())
    machine = client(offer)()
    before = pickle.dumps(machine)
    with pytest.raises(NotOffered, match=r"LOGIN|X-OWN"):
        machine.send(COMMANDS[verb](params))
    assert pickle.dumps(machine) == before
    machine.send(COMMANDS[verb]((PEER_NAME("x"), PEER_ADDR("192.0.2.1"))))


@both
def test_an_attribute_without_a_row(verb: str) -> None:
    """What the configuration lists and the registry does not know comes as it stands."""
    made = server(EHLO, extensions=(f"{verb} SESSION",))
    trace = assert_chunk_invariant(made, f"{verb} session=a+20b\r\n".encode())
    assert trace.events == (COMMANDS[verb]((Param("SESSION", "a+20b"),)),)


@both
def test_the_application_does_not_trust_it(verb: str) -> None:
    """550, and the session is what it was."""
    made = server(EHLO, extensions=TRUSTED)
    line = f"{verb} NAME=x\r\n".encode()
    trace = assert_chunk_invariant(made, [line, MAIL], make_play=answering(False))
    assert codes(trace) == [550, 250]
    assert left(trace).state is State.MAIL
    trace = assert_chunk_invariant(
        client(*TRUSTED),
        [sends(COMMANDS[verb]((PEER_NAME("x"),))), b"550 no\r\n", sends(Mail("a@x")), OK],
    )
    assert trace.machine.state is State.MAIL


@ids(("verb", "code"), [("XCLIENT", 220), ("XFORWARD", 250)])
def test_one_code_says_yes(verb: str, code: int) -> None:
    made = server(EHLO, extensions=TRUSTED)
    machine = made()
    machine.receive_data(f"{verb} NAME=x\r\n".encode())
    assert machine.next_event() is machine.awaiting
    for other in (200, 220, 250, 354):
        if other != code:
            with pytest.raises(ValueError):
                machine.accept(Reply(other, "x"))
    machine.accept(Reply(code, "fine"))
    assert machine.awaiting is None


@both
@ids("then", [MAIL, MAIL + RCPT, MAIL + RCPT + b"BDAT 1\r\nx"], ids=repr)
def test_not_in_a_transaction(verb: str, then: bytes) -> None:
    """503; the transaction goes on."""
    made = server(EHLO + then, extensions=TRUSTED)
    was = made().state
    trace = assert_chunk_invariant(made, f"{verb} NAME=x\r\n".encode())
    assert names(trace) == ["BadCommand"]
    assert codes(trace) == [503]
    assert left(trace).state is was
    assert left(trace).envelope is not None


@both
def test_a_client_does_not_say_it_in_a_transaction(verb: str) -> None:
    machine = client(*TRUSTED, then=[sends(Mail("a@x")), OK])()
    with pytest.raises(LocalProtocolError, match="out of place"):
        machine.send(COMMANDS[verb]((PEER_NAME("x"),)))


@both
def test_not_before_ehlo(verb: str) -> None:
    trace = assert_chunk_invariant(server(extensions=TRUSTED), f"{verb} NAME=x\r\n".encode())
    assert codes(trace) == [503]


@both
def test_not_before_the_tls_that_is_required(verb: str) -> None:
    """RFC 3207 section 4: 530 to everything else."""
    made = server(EHLO, extensions=TRUSTED, starttls=True, require_tls=True)
    trace = assert_chunk_invariant(made, f"{verb} NAME=x\r\n".encode())
    assert codes(trace) == [530]


# --- XCLIENT: the session begins anew -------------------------------------------------------------

PROXIED = b"XCLIENT ADDR=192.0.2.7 NAME=there.example\r\n"
SPEAKS = XClient((PEER_ADDR("192.0.2.7"), PEER_NAME("there.example")))


def test_what_a_server_forgets() -> None:
    """All that EHLO brought; MAIL is out of place until there is another."""
    made = server(EHLO + PROXIED, extensions=TRUSTED)
    machine = made()
    assert machine.state is State.START
    assert machine.hello is None
    trace = assert_chunk_invariant(made, [MAIL, PROXIED, b"HELO x\r\n", PROXIED, EHLO, MAIL])
    assert codes(trace) == [503, 503, 250, 502, 250, 250]


def test_the_server_greets_again() -> None:
    trace = assert_chunk_invariant(server(EHLO, extensions=TRUSTED), PROXIED)
    assert trace.events == (SPEAKS,)
    assert codes(trace) == [220]
    reply = Reply(220, "mx.example ESMTP")
    trace = assert_chunk_invariant(
        server(EHLO, extensions=TRUSTED), PROXIED, make_play=answering(reply)
    )
    assert trace.output == GO


@ids(
    ("login", "authenticated"),
    [
        ("", False),
        (" LOGIN=alice", True),
        (" LOGIN=[UNAVAILABLE]", False),
        (" LOGIN=[TEMPUNAVAIL]", False),
    ],
)
def test_login_authenticates(login: str, authenticated: bool) -> None:
    """And only that: an AUTH before belongs to the proxy, not to whom it speaks for."""
    line = f"XCLIENT NAME=x{login}\r\n".encode()
    made = server(
        EHLO + b"AUTH PLAIN AGEAYg==\r\n",
        extensions=TRUSTED,
        auth=("PLAIN",),
        plaintext_auth=True,
        require_auth=True,
    )
    assert made().authenticated is True
    trace = assert_chunk_invariant(made, [line, EHLO, MAIL])
    assert left(trace).authenticated is authenticated
    assert codes(trace) == [220, 250, 250 if authenticated else 530]
    # The other side counts the same.
    params = tuple(Param(*word.split("=")) for word in f"NAME=x{login}".split())
    make = client(*TRUSTED, "AUTH CRAM-MD5", then=[sends(Auth("CRAM-MD5", b"x")), b"235 yes\r\n"])
    assert make().authenticated is True
    found = assert_chunk_invariant(make, [sends(XClient(params)), GO])
    assert left(found).authenticated is authenticated


def test_a_second_authentication_is_refused_on_both_sides() -> None:
    """RFC 4954 section 4: once a session."""
    line = b"XCLIENT LOGIN=alice\r\n"
    made = server(EHLO + line + EHLO, extensions=TRUSTED, auth=("PLAIN",), plaintext_auth=True)
    assert codes(assert_chunk_invariant(made, b"AUTH PLAIN AGEAYg==\r\n")) == [503]
    caps = b"250-mx\r\n250 AUTH CRAM-MD5\r\n"
    make = client(*TRUSTED, then=[sends(XClient((PEER_LOGIN("alice"),))), GO])
    machine = left(run(make(), [sends(Ehlo("x")), caps]))
    with pytest.raises(LocalProtocolError, match="already authenticated"):
        machine.send(Auth("CRAM-MD5"))


def test_tls_stays() -> None:
    made = server(EHLO + PROXIED, extensions=TRUSTED, starttls=True, tls=True)
    assert made().tls is True
    trace = assert_chunk_invariant(made, [EHLO, b"STARTTLS\r\n"])
    assert b"STARTTLS" not in trace.output
    assert codes(trace) == [250, 503]
    make = client(*TRUSTED, tls=True, then=[sends(SPEAKS), GO])
    assert make().tls is True


def test_starttls_behind_it() -> None:
    made = server(EHLO + PROXIED, extensions=TRUSTED, starttls=True)
    trace = assert_chunk_invariant(made, [EHLO, b"STARTTLS\r\n", EHLO])
    assert TlsEstablished in map(type, trace.events)
    assert codes(trace) == [250, 220, 250]


def test_what_a_client_forgets() -> None:
    make = client(*TRUSTED, then=[sends(SPEAKS), GO])
    machine = make()
    assert machine.capabilities is None
    assert machine.state is State.START
    for item in (Mail("a@x"), SPEAKS, XForward((PEER_NAME("x"),))):
        before = pickle.dumps(machine)
        with pytest.raises(LocalProtocolError):
            machine.send(item)
        assert pickle.dumps(machine) == before
    trace = assert_chunk_invariant(
        make, [sends(Rset()), OK, sends(Ehlo("x")), b"250-mx\r\n250 SIZE\r\n", sends(Mail("")), OK]
    )
    assert left(trace).state is State.MAIL
    assert left(trace).capabilities.xclient == ()


def test_the_answer_comes_back_with_its_command() -> None:
    trace = assert_chunk_invariant(client(*TRUSTED), [sends(SPEAKS), GO])
    assert trace.events == (Replied(2, SPEAKS, Reply(220, "mx.example ESMTP")),)


@ids("answer", [b"354 go\r\n", b"334 \r\n", b"353 each\r\n", b"235 yes\r\n"], ids=repr)
@both
def test_answers_that_are_none(verb: str, answer: bytes) -> None:
    trace = run(client(*TRUSTED)(), [sends(COMMANDS[verb]((PEER_NAME("x"),))), answer])
    assert isinstance(trace.error, RemoteProtocolError)


@both
def test_421_to_it(verb: str) -> None:
    """421: unable to proceed, disconnecting."""
    steps = [sends(COMMANDS[verb]((PEER_NAME("x"),))), b"421 4.3.0 bye\r\n"]
    trace = assert_chunk_invariant(client(*TRUSTED), steps)
    assert names(trace) == ["Replied"]
    assert trace.end is Want.CLOSE


def test_nothing_may_be_sent_behind_it() -> None:
    """What comes behind is meant for the session to come: a client waits, a server tells."""
    machine = client(*TRUSTED)()
    machine.send(SPEAKS)
    with pytest.raises(LocalProtocolError, match="XCLIENT"):
        machine.send(Ehlo("x"))
    trace = run(server(EHLO, extensions=TRUSTED)(), PROXIED + EHLO)
    assert kind(trace, Ehlo).anomalies == {"unauthorized_pipelining"}
    trace = run(server(EHLO, extensions=TRUSTED, reject_pipelining=True)(), PROXIED + EHLO)
    assert codes(trace) == [220, 554]


def test_it_may_be_the_last_of_a_group() -> None:
    machine = client(*TRUSTED)()
    machine.send(Rset())
    machine.send(XForward((PEER_NAME("x"),)))
    machine.send(SPEAKS)
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send().count(b"\r\n") == 3


def test_in_lmtp() -> None:
    made = server(LHLO, extensions=TRUSTED, lmtp=True)
    trace = assert_chunk_invariant(made, [PROXIED, MAIL, EHLO, LHLO, MAIL])
    assert codes(trace) == [220, 503, 500, 250, 250]
    make = client(*TRUSTED, lmtp=True, then=[sends(SPEAKS), GO])
    found = assert_chunk_invariant(make, [sends(Lhlo("x")), b"250 mx\r\n", sends(Mail("")), OK])
    assert left(found).state is State.MAIL


# --- XFORWARD: for the logs -----------------------------------------------------------------------

FORWARDS = XForward((PEER_ADDR("192.0.2.7"), PEER_SOURCE("REMOTE")))
FORWARDED = b"XFORWARD ADDR=192.0.2.7 SOURCE=REMOTE\r\n"


def test_it_changes_nothing_about_the_session() -> None:
    made = server(EHLO + FORWARDED, extensions=TRUSTED)
    assert made().state is State.READY
    trace = assert_chunk_invariant(made, FORWARDED + FORWARDED + MAIL)
    assert trace.events[:2] == (FORWARDS, FORWARDS)
    assert codes(trace) == [250, 250, 250]
    make = client(*TRUSTED, then=[sends(FORWARDS), OK])
    assert make().state is State.READY
    assert make().capabilities is not None


def test_it_is_pipelined_with_the_message() -> None:
    """XFORWARD is followed by MAIL in one group where PIPELINING is offered."""
    machine = client(*TRUSTED)()
    for item in (FORWARDS, Mail("a@a.example")):
        machine.send(item)
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send() == FORWARDED + MAIL
    machine.receive_data(OK + b"550 no\r\n")
    first, second = machine.next_event(), machine.next_event()
    assert isinstance(first, Replied)
    assert isinstance(second, Replied)
    assert (first.command, first.reply.code) == (FORWARDS, 250)
    assert (second.command, second.reply.code) == (Mail("a@a.example"), 550)
    # The server finds nothing wrong with it, and answers in one go.
    served = server(EHLO, extensions=TRUSTED)()
    served.receive_data(FORWARDED + MAIL + RCPT)
    for _ in range(3):
        event: Any = served.next_event()
        assert event.anomalies == set()
        served.accept()
    assert served.next_event() is Want.SEND
    assert codes(served.data_to_send()) == [250, 250, 250]


def test_a_refusal_may_be_pipelined_too() -> None:
    made = server(EHLO, extensions=TRUSTED)
    served = made()
    served.receive_data(b"XFORWARD NAME=\r\n" + MAIL)
    served.next_event()
    event: Any = served.next_event()
    assert event == Mail("a@a.example")
    assert event.anomalies == set()


def test_without_pipelining_it_waits() -> None:
    machine = client(XFORWARD)()
    machine.send(FORWARDS)
    with pytest.raises(LocalProtocolError, match="PIPELINING"):
        machine.send(Mail(""))


# --- Client and server ----------------------------------------------------------------------------


@ids("cut", [0, 1, 3])
def test_a_proxy_and_its_server(cut: int) -> None:
    speaks = XClient(
        (PEER_ADDR("2001:db8::7"), PEER_HELO("we are=here"), PEER_LOGIN("alice"), PEER_PORT(4711))
    )
    link = Link(
        Client(),
        server(extensions=EVERYTHING)(),
        play_client=script(
            Ehlo("proxy.example"), speaks, Ehlo("there.example"), FORWARDS, Mail("a@x"), Noop()
        ),
        cuts=(lambda there: min(cut, there)) if cut else None,
    )
    link.server.machine.receive_data(b"")
    link.client.machine.receive_data(GO)
    link.run()
    said = [event for event in link.server.events if not isinstance(event, Noop)]
    assert said == [
        Ehlo("proxy.example"),
        speaks,
        Ehlo("there.example"),
        FORWARDS,
        Mail("a@x"),
    ]
    assert link.server.machine.state is State.MAIL
    assert link.client.machine.state is State.MAIL
    assert said[1].get(PEER_HELO) == "we are=here"
