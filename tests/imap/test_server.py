"""The server machine, against what RFC 9051 says of a session."""

from __future__ import annotations

from typing import Any

import pytest

from mailproto import BodyWanted, LocalProtocolError, RemoteProtocolError, Timeout, Want, imap
from mailproto.imap import (
    BadCommand,
    Body,
    BodyChunk,
    BodyEnd,
    Condition,
    Exists,
    Expunged,
    FetchData,
    ResponseCode,
    Section,
    SequenceSet,
    State,
    Streamed,
    Vanished,
)

CONFIG = imap.ServerConfig(auth=("PLAIN", "LOGIN"), plaintext_auth=True, starttls=True)


def server(config: imap.ServerConfig = CONFIG, **keywords: Any) -> imap.Server:
    machine = imap.Server(config, **keywords)
    hear(machine)
    return machine


def hear(machine: imap.Server, octets: bytes = b"") -> list[Any]:
    """The events that the octets bring, up to the next `Want`; what was sent is the last."""
    machine.receive_data(octets)
    found: list[Any] = []
    sent: list[bytes] = []
    while (event := machine.next_event()) is not Want.DATA:
        if event is Want.SEND:
            sent.append(machine.data_to_send())
            continue
        found.append(event)
        if isinstance(event, Want):
            break
    return [*found, b"".join(sent)]


def opened(config: imap.ServerConfig = CONFIG) -> imap.Server:
    machine = server(config)
    hear(machine, b"a1 LOGIN ann secret\r\n")
    machine.accept()
    hear(machine, b"a2 SELECT INBOX\r\n")
    machine.accept(code=ResponseCode("READ-WRITE"))
    assert hear(machine) == [b"a2 OK [READ-WRITE] SELECT completed\r\n"]
    return machine


def state(machine: Any) -> State:
    found: State = machine.state
    return found


# --- Greeting, capabilities, states (RFC 9051 sections 3, 7.1 and 7.2) ----------------------------


def test_the_greeting_tells_the_capabilities() -> None:
    machine = imap.Server(CONFIG)
    (sent,) = hear(machine)
    assert sent.startswith(b"* OK [CAPABILITY IMAP4rev1 ")
    assert b"STARTTLS AUTH=PLAIN AUTH=LOGIN] ready\r\n" in sent


def test_no_plaintext_login_is_offered_without_tls() -> None:
    """RFC 9051 section 11.2: LOGINDISABLED, and no mechanism that shows the secret."""
    machine = imap.Server(imap.ServerConfig(auth=("SCRAM-SHA-256", "PLAIN"), starttls=True))
    (sent,) = hear(machine)
    assert b"LOGINDISABLED" in sent
    assert b"AUTH=SCRAM-SHA-256" in sent
    assert b"AUTH=PLAIN" not in sent
    sent = hear(machine, b"a1 LOGIN ann secret\r\na2 AUTHENTICATE PLAIN\r\n")[-1]
    assert b"a1 NO [PRIVACYREQUIRED]" in sent
    assert b"a2 NO [CANNOT]" in sent


def test_a_greeting_of_ones_own() -> None:
    assert state(imap.Server(greeting=Condition("PREAUTH", "known"))) is State.AUTHENTICATED
    machine = imap.Server(greeting=Condition("BYE", "too many"))
    assert hear(machine) == [Want.CLOSE, b"* BYE too many\r\n"]


@pytest.mark.parametrize(
    "line", [b"SELECT x", b"CLOSE", b"FETCH 1 UID", b"IDLE", b"NOVEL", b"EXPUNGE", b'LIST "" *']
)
def test_a_command_out_of_place(line: bytes) -> None:
    machine = server()
    event, sent = hear(machine, b"a1 %b\r\n" % line)
    assert isinstance(event, BadCommand)
    assert sent.startswith(b"a1 BAD ")
    assert machine.awaiting is None


def test_states_follow_the_completions() -> None:
    machine = opened()
    assert state(machine) is State.SELECTED
    hear(machine, b"a3 SELECT gone\r\n")
    machine.reject()
    assert state(machine) is State.AUTHENTICATED
    hear(machine, b"a4 SELECT x\r\n")
    machine.reject(Condition("BAD", "what"))
    assert state(machine) is State.AUTHENTICATED


def test_one_command_at_a_time() -> None:
    machine = opened()
    events = hear(machine, b'a3 LIST "" *\r\na4 LIST "" *\r\n')
    assert [type(one) for one in events[:2]] == [imap.List, Want]
    machine.send(imap.ListData((), "/", "INBOX"))
    machine.accept()
    event, _, sent = hear(machine)
    assert event.tag == "a4"
    assert sent == b'* LIST () "/" INBOX\r\na3 OK LIST completed\r\n'


def test_a_completion_is_the_commands_own() -> None:
    machine = opened()
    hear(machine, b"a3 CREATE x\r\n")
    with pytest.raises(LocalProtocolError, match="a3"):
        machine.send(Condition("OK", "done", tag="a2"))
    machine.send(Condition("OK", "done", tag="a3"))
    with pytest.raises(LocalProtocolError, match="nothing"):
        machine.accept()


def test_too_many_refused_logins() -> None:
    machine = server()
    for number in range(10):
        hear(machine, b"a%d LOGIN ann wrong\r\n" % number)
        machine.reject()
    want, sent = hear(machine)
    assert want is Want.CLOSE
    assert b"* BYE " in sent


# --- Literals (RFC 9051 section 4.3, RFC 7888) ----------------------------------------------------


def test_literals_of_arguments_are_agreed_to() -> None:
    machine = server()
    assert hear(machine, b"a1 LOGIN {3}\r\n") == [b"+ go on\r\n"]
    event, _, _ = hear(machine, b"ann {6+}\r\nsecret\r\n")
    assert event == imap.Login("ann", "secret")
    assert event.tag == "a1"


def test_a_message_is_asked_about_before_it_comes() -> None:
    machine = opened()
    event, want, sent = hear(machine, b"a3 APPEND x (\\Seen) {5}\r\n")
    assert event == imap.Append("x", (imap.AppendMessage(Streamed(5), ("\\Seen",)),))
    assert (want, sent) == (Want.ANSWER, b"")
    machine.accept()
    assert hear(machine) == [b"+ go on\r\n"]
    assert hear(machine, b"hello") == [BodyChunk(b"hello"), b""]
    assert hear(machine, b"\r\n") == [BodyEnd(), Want.ANSWER, b""]
    assert machine.awaiting == BodyEnd()
    machine.accept(code=ResponseCode("APPENDUID", (1, SequenceSet("2"))))
    assert hear(machine) == [b"a3 OK [APPENDUID 1 2] APPEND completed\r\n"]


def test_a_message_that_is_refused_does_not_come() -> None:
    machine = opened()
    hear(machine, b"a3 APPEND gone {5}\r\n")
    machine.reject(code=ResponseCode("TRYCREATE"))
    event, sent = hear(machine, b"a4 NOOP\r\n")
    assert event == imap.Noop()
    assert sent == b"a3 NO [TRYCREATE] APPEND failed\r\na4 OK NOOP completed\r\n"


def test_octets_that_come_all_the_same_are_swallowed_first() -> None:
    machine = opened()
    hear(machine, b"a3 APPEND gone {5+}\r\n")
    machine.reject()
    assert hear(machine, b"a9 N") == [b""]
    _, sent = hear(machine, b"O\r\na4 NOOP\r\n")
    assert sent == b"a3 NO APPEND failed\r\na4 OK NOOP completed\r\n"


def test_several_messages() -> None:
    """RFC 3502."""
    machine = opened()
    hear(machine, b"a3 APPEND x {1+}\r\na (\\Seen) {1+}\r\nb\r\n")
    machine.accept()
    chunk, end, following, *_ = hear(machine)
    assert (chunk, end) == (BodyChunk(b"a"), BodyEnd())
    assert following == imap.NextMessage(imap.AppendMessage(Streamed(1), ("\\Seen",)))
    assert machine.awaiting == following
    machine.accept()
    assert hear(machine)[:2] == [BodyChunk(b"b"), BodyEnd()]
    machine.accept()
    assert hear(machine) == [b"a3 OK APPEND completed\r\n"]


def test_what_follows_a_message_has_to_be_one() -> None:
    machine = opened()
    hear(machine, b"a3 APPEND x {1+}\r\na junk\r\n")
    machine.accept()
    events = hear(machine)
    assert [type(one) for one in events[:2]] == [BodyChunk, BadCommand]
    assert events[-1].startswith(b"a3 BAD ")
    assert hear(machine, b"a4 NOOP\r\n")[0] == imap.Noop()


@pytest.mark.parametrize("line", [b" junk {3+}\r\nabc\r\n", b" junk {3}\r\n"])
def test_a_literal_behind_a_message_that_is_none(line: bytes) -> None:
    """What is no message ends the command, and its octets are no commands (found by fuzzing)."""
    machine = opened()
    hear(machine, b"a3 APPEND x {1+}\r\na" + line + b"a4 NOOP\r\n")
    machine.accept()
    chunk, bad, noop, sent = hear(machine)
    assert chunk == BodyChunk(b"a")
    assert isinstance(bad, BadCommand)
    assert noop == imap.Noop()
    assert sent.startswith(b"a3 BAD ")


# --- What is told (RFC 9051 section 7) ------------------------------------------------------------


def test_octets_are_given_piece_by_piece() -> None:
    machine = opened()
    hear(machine, b"a3 FETCH 1 (UID BODY[])\r\n")
    machine.send(FetchData(1, (("UID", 4), (Body(Section()), Streamed(5)), ("FLAGS", ()))))
    assert isinstance(machine.awaiting, BodyWanted)
    with pytest.raises(LocalProtocolError, match="octets"):
        machine.accept()
    with pytest.raises(LocalProtocolError, match="5 octets"):
        machine.send_body(b"123456")
    machine.send_body(b"12345")
    machine.end_body()
    machine.accept()
    assert hear(machine) == [
        b"* 1 FETCH (UID 4 BODY[] {5}\r\n12345 FLAGS ())\r\na3 OK FETCH completed\r\n"
    ]


@pytest.mark.parametrize(
    ("line", "legal"),
    [
        (b"FETCH 1 FLAGS", False),
        (b"STORE 1 FLAGS ()", False),
        (b"SEARCH ALL", False),
        (b"UID FETCH 4 FLAGS", True),
        (b"UID STORE 4 FLAGS ()", True),
        (b"UID SEARCH ALL", True),
        (b"COPY 1 x", True),
        (b"EXPUNGE", True),
        (b'LIST "" *', True),
    ],
)
def test_when_expunge_is_legal(line: bytes, legal: bool) -> None:
    """RFC 9051 section 7.5.1; a UID command is another than its sibling."""
    machine = opened()
    hear(machine, b"a3 %b\r\n" % line)
    for item in (Expunged(1), Vanished(SequenceSet("4"))):
        if legal:
            machine.send(item)
        else:
            with pytest.raises(LocalProtocolError, match="not during"):
                machine.send(item)
    machine.send(Vanished(SequenceSet("4"), earlier=True))
    machine.send(Exists(3))
    machine.accept()


def test_no_expunge_while_no_command_is_in_progress() -> None:
    machine = opened()
    with pytest.raises(LocalProtocolError, match="no command"):
        machine.send(Expunged(1))
    machine.send(Exists(4))
    hear(machine, b"a3 IDLE\r\n")
    machine.accept()
    machine.send(Expunged(1))
    assert hear(machine) == [b"+ idling\r\n* 1 EXPUNGE\r\n"]


def test_what_is_new_goes_before_the_completion_of_noop() -> None:
    machine = opened()
    machine.receive_data(b"a3 NOOP\r\n")
    assert machine.next_event() == imap.Noop()
    machine.send(Exists(4))
    machine.send(Expunged(1))
    assert hear(machine) == [b"* 4 EXISTS\r\n* 1 EXPUNGE\r\na3 OK NOOP completed\r\n"]


# --- IDLE, AUTHENTICATE, ENABLE, STARTTLS, LOGOUT -------------------------------------------------


def test_idle() -> None:
    machine = opened()
    hear(machine, b"a3 IDLE\r\n")
    machine.accept()
    assert machine.idling
    assert hear(machine, b"DONE\r\n") == [imap.IdleDone(), b"+ idling\r\na3 OK IDLE completed\r\n"]


def test_anything_but_done_ends_idle_badly() -> None:
    machine = opened()
    hear(machine, b"a3 IDLE\r\n")
    machine.accept()
    events = hear(machine, b"a4 NOOP\r\na5 NOOP\r\n")
    assert isinstance(events[0], BadCommand)
    assert events[1] == imap.Noop()


def test_authenticate_in_steps() -> None:
    machine = server()
    hear(machine, b"a1 AUTHENTICATE LOGIN\r\n")
    machine.send(imap.Challenge(b"User"))
    assert hear(machine) == [b"+ VXNlcg==\r\n"]
    event, _, _ = hear(machine, b"YW5u\r\n")
    assert event == imap.AuthResponse(b"ann")
    machine.accept()
    assert hear(machine)[0].startswith(b"a1 OK [CAPABILITY ")
    assert state(machine) is State.AUTHENTICATED


def test_a_cancelled_authentication() -> None:
    machine = server()
    hear(machine, b"a1 AUTHENTICATE LOGIN\r\n")
    machine.send(imap.Challenge(b"User"))
    assert hear(machine, b"*\r\n") == [imap.AuthCancel(), b"+ VXNlcg==\r\na1 BAD Cancelled\r\n"]


def test_enable_tells_what_is_enabled() -> None:
    machine = opened(
        imap.ServerConfig(
            capabilities=("IMAP4rev1", "ENABLE", "CONDSTORE", "UTF8=ACCEPT"), plaintext_auth=True
        )
    )
    hear(machine, b"a3 UNSELECT\r\n")
    hear(machine, b"a4 CLOSE\r\n")
    machine.accept()
    event, sent = hear(machine, b"a5 ENABLE UTF8=ACCEPT X-NOVEL condstore\r\n")
    assert event == imap.Enable(("UTF8=ACCEPT", "X-NOVEL", "condstore"))
    assert sent.endswith(b"* ENABLED UTF8=ACCEPT CONDSTORE\r\na5 OK ENABLE completed\r\n")
    event, _, _ = hear(machine, 'a6 CREATE "Entwürfe"\r\n'.encode())
    assert event == imap.Create("Entwürfe")


def test_starttls_forgets_and_nothing_may_stand_behind_it() -> None:
    machine = server()
    hear(machine, b"a1 STARTTLS\r\n")
    machine.accept()
    assert hear(machine) == [Want.TLS, b"a1 OK STARTTLS completed\r\n"]
    machine.tls_established()
    hear(machine)
    assert b"STARTTLS" not in hear(machine, b"a2 CAPABILITY\r\n")[-1]
    machine = server()
    machine.receive_data(b"a1 STARTTLS\r\na2 LOGIN ann secret\r\n")
    machine.next_event()
    machine.accept()
    with pytest.raises(RemoteProtocolError, match="plaintext"):
        hear(machine)


def test_logout() -> None:
    machine = opened()
    event, want, sent = hear(machine, b"a3 LOGOUT\r\na4 NOOP\r\n")
    assert (event, want) == (imap.Logout(), Want.CLOSE)
    assert sent == b"* BYE Goodbye\r\na3 OK LOGOUT completed\r\n"


def test_a_timeout_says_goodbye() -> None:
    """RFC 9051 section 5.4."""
    machine = opened()
    machine.receive_timeout()
    assert hear(machine) == [Timeout(), Want.CLOSE, b"* BYE Goodbye\r\n"]
