"""The client machine, against what RFC 9051 says of a session."""

from __future__ import annotations

import pickle
import zlib
from typing import Any

import pytest

from mailproto import (
    BodyWanted,
    LocalProtocolError,
    NotOffered,
    RemoteProtocolError,
    Timeout,
    TlsEstablished,
    Want,
    imap,
)
from mailproto.imap import (
    AppendMessage,
    Body,
    BodyChunk,
    BodyEnd,
    BodyStart,
    CapabilityData,
    Completed,
    Condition,
    Exists,
    FetchData,
    FetchItem,
    FetchStart,
    Greeting,
    Idling,
    Key,
    ResponseCode,
    Section,
    SequenceSet,
    State,
    Streamed,
)

ALL = SequenceSet("1:*")
CAPABILITIES = (
    "IMAP4rev1 AUTH=PLAIN SASL-IR IDLE LITERAL- ENABLE STARTTLS COMPRESS=DEFLATE MOVE UNSELECT"
)
HELLO = f"* OK [CAPABILITY {CAPABILITIES}] ready\r\n".encode()


def state(machine: Any) -> State:
    """Where it stands now (type checkers remember where it stood)."""
    found: State = machine.state
    return found


def awaited(machine: Any) -> Any:
    return machine.awaiting


def client(hello: bytes = HELLO, *, tls: bool = True, **quirks: bool) -> imap.Client:
    """A client that has been greeted."""
    machine = imap.Client(tls=tls, quirks=imap.Quirks(**quirks))
    hear(machine, hello)
    return machine


def hear(machine: imap.Client, octets: bytes = b"") -> list[Any]:
    """The events that the octets bring, up to the next `Want`; output is left."""
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
    if sent:
        found.append(b"".join(sent))
    return found


def logged_in(hello: bytes = HELLO, **quirks: bool) -> imap.Client:
    machine = client(hello, **quirks)
    tag = machine.send(imap.Login("ann", "secret"))
    hear(machine, f"{tag} OK [CAPABILITY {CAPABILITIES}] in\r\n".encode())
    return machine


def selected() -> imap.Client:
    machine = logged_in()
    tag = machine.send(imap.Select("INBOX"))
    hear(machine, f"* 3 EXISTS\r\n{tag} OK [READ-WRITE] open\r\n".encode())
    return machine


# --- Greeting and states (RFC 9051 sections 3 and 7.1) --------------------------------------------


def test_the_greeting() -> None:
    machine = imap.Client()
    assert state(machine) is State.GREETING
    (greeting,) = hear(machine, b"* OK [CAPABILITY IMAP4rev2] hi\r\n")
    assert greeting == Greeting(Condition("OK", "hi", ResponseCode("CAPABILITY", ("IMAP4rev2",))))
    assert state(machine) is State.NOT_AUTHENTICATED
    assert machine.capabilities == CapabilityData(("IMAP4rev2",))


def test_preauth_is_a_login() -> None:
    machine = imap.Client(tls=True)
    hear(machine, b"* PREAUTH in\r\n")
    assert state(machine) is State.AUTHENTICATED


def test_preauth_without_tls_is_an_error() -> None:
    """RFC 9051 section 7.1.4: somebody between would keep the client from STARTTLS by it."""
    machine = imap.Client()
    machine.receive_data(b"* PREAUTH in\r\n")
    with pytest.raises(RemoteProtocolError, match="PREAUTH"):
        machine.next_event()


def test_bye_as_a_greeting() -> None:
    machine = imap.Client()
    assert hear(machine, b"* BYE too many\r\n") == [
        Greeting(Condition("BYE", "too many")),
        Want.CLOSE,
    ]


@pytest.mark.parametrize("hello", [b"220 smtp\r\n", b"* 3 EXISTS\r\n", b"* NO\r\n", b"A OK\r\n"])
def test_anything_else_is_no_greeting(hello: bytes) -> None:
    machine = imap.Client()
    machine.receive_data(hello)
    with pytest.raises(RemoteProtocolError):
        machine.next_event()


def test_states_follow_completions() -> None:
    machine = selected()
    assert state(machine) is State.SELECTED
    tag = machine.send(imap.Select("gone"))
    hear(machine, f"{tag} NO no such mailbox\r\n".encode())
    assert state(machine) is State.AUTHENTICATED  # RFC 9051 section 6.3.2
    with pytest.raises(LocalProtocolError, match="out of place"):
        machine.send(imap.Close())


def test_a_command_out_of_place_is_refused_here() -> None:
    machine = client()
    for command in (imap.Select("INBOX"), imap.Close(), imap.Fetch(ALL, ("UID",))):
        with pytest.raises(LocalProtocolError, match="out of place"):
            machine.send(command)
    assert machine.outstanding == ()
    assert machine.data_to_send() == b""


def test_what_is_planned_counts() -> None:
    """A command may be sent for the state that those in flight lead to."""
    machine = logged_in()
    machine.send(imap.Select("INBOX"))
    machine.send(imap.Fetch(ALL, ("UID",)))
    machine.send(imap.Unselect())
    with pytest.raises(LocalProtocolError, match="out of place"):
        machine.send(imap.Fetch(ALL, ("UID",)))


# --- Secrets (RFC 9051 section 11) ----------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [imap.Login("ann", "secret"), imap.Authenticate("PLAIN", b"\0ann\0secret")]
)
def test_no_secret_without_tls(command: Any) -> None:
    machine = client(tls=False)
    with pytest.raises(LocalProtocolError, match="without TLS"):
        machine.send(command)
    assert machine.data_to_send() == b""


def test_logindisabled_is_honoured() -> None:
    machine = client(b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n", plaintext_auth=True)
    with pytest.raises(NotOffered, match="LOGINDISABLED"):
        machine.send(imap.Login("ann", "secret"))


def test_secrets_do_not_show() -> None:
    machine = client()
    machine.send(imap.Login("ann", "geheim"))
    assert "geheim" not in repr(machine.outstanding)


# --- Pipelining (RFC 9051 section 5.5) ------------------------------------------------------------


def test_completions_are_paired_in_any_order() -> None:
    machine = logged_in()
    first, second = machine.send(imap.Noop()), machine.send(imap.List("", ("*",)))
    assert [tag for tag, _ in machine.outstanding] == [first, second]
    events = hear(machine, f"{second} OK done\r\n{first} NO no\r\n".encode())
    assert [(one.tag, one.status) for one in events[:2]] == [(second, "OK"), (first, "NO")]


def test_numbers_wait_for_what_may_renumber() -> None:
    """`NOOP` may tell of an EXPUNGE: message numbers sent behind it could mean others."""
    machine = selected()
    noop = machine.send(imap.Noop())
    fetch = machine.send(imap.Fetch(ALL, ("FLAGS",)))
    assert hear(machine) == [f"{noop} NOOP\r\n".encode()]
    assert hear(machine, f"* 2 EXPUNGE\r\n{noop} OK done\r\n".encode())[-1] == (
        f"{fetch} FETCH 1:* FLAGS\r\n".encode()
    )


@pytest.mark.parametrize(
    ("first", "second", "waits"),
    [
        (imap.Fetch(ALL, ("UID",)), imap.Fetch(ALL, ("FLAGS",)), False),
        (imap.Store(ALL, "+", ("\\Seen",)), imap.Search((Key("SEEN"),)), False),
        (imap.Noop(), imap.Fetch(ALL, ("UID",), uid=True), False),
        (imap.Noop(), imap.Search((SequenceSet("1:5"),), uid=True), True),
        (imap.Noop(), imap.Search((imap.Not(imap.And((ALL,))),), uid=True), True),
        (imap.Noop(), imap.Search((Key("UID", ALL),), uid=True), False),
        (imap.Fetch(ALL, ("UID",), uid=True), imap.Fetch(ALL, ("UID",)), True),
        (imap.Copy(ALL, "x"), imap.Store(ALL, "", ()), True),
        (imap.Select("x"), imap.Fetch(ALL, ("UID",), uid=True), True),
        (imap.Fetch(ALL, ("UID",), uid=True), imap.Select("x"), True),
        (imap.Select("x"), imap.Status("y", ("MESSAGES",)), False),
        (imap.Close(), imap.Select("x"), True),
    ],
)
@pytest.mark.parametrize("refuse", [False, True])
def test_what_is_ambiguous(first: Any, second: Any, waits: bool, refuse: bool) -> None:
    """It is held until it no longer is, or refused."""
    machine = selected()
    if refuse:
        machine._quirks = imap.Quirks(refuse_ambiguous=True)
    tag = machine.send(first)
    if waits and refuse:
        with pytest.raises(LocalProtocolError, match="ambiguous"):
            machine.send(second)
        return
    later = machine.send(second)
    sent = hear(machine)[-1]
    assert (later.encode() in sent) is not waits
    if waits:
        assert later.encode() in hear(machine, f"{tag} OK done\r\n".encode())[-1]


def test_nothing_is_sent_behind_what_changes_the_rules() -> None:
    for command in (imap.StartTls(), imap.Login("a", "b"), imap.Logout()):
        machine = client(tls=not isinstance(command, imap.StartTls))
        machine.send(command)
        with pytest.raises(LocalProtocolError, match="wait for"):
            machine.send(imap.Noop())


@pytest.mark.parametrize("octets", [b"A99 OK done\r\n", b"+ go on\r\n"])
def test_an_answer_to_nothing_is_an_error(octets: bytes) -> None:
    machine = logged_in()
    machine.receive_data(octets)
    with pytest.raises(RemoteProtocolError):
        machine.next_event()


def test_a_held_command_cannot_be_completed() -> None:
    machine = selected()
    machine.send(imap.Noop())
    held = machine.send(imap.Fetch(ALL, ("UID",)))
    machine.receive_data(f"{held} OK done\r\n".encode())
    with pytest.raises(RemoteProtocolError, match="not in flight"):
        hear(machine)


# --- Literals and bodies (RFC 9051 section 4.3, RFC 7888) -----------------------------------------


def append(size: int, **fields: Any) -> imap.Append:
    return imap.Append("INBOX", (AppendMessage(Streamed(size), **fields),))


def test_a_synchronising_literal_waits() -> None:
    machine = logged_in()
    tag = machine.send(append(5_000))
    noop = machine.send(imap.Noop())
    assert hear(machine) == [f"{tag} APPEND INBOX {{5000}}\r\n".encode()]
    assert awaited(machine) is None
    assert hear(machine, b"+ go on\r\n") == [Want.ANSWER]
    assert awaited(machine) == BodyWanted(tag, append(5_000))
    machine.send_body(b"x" * 4_000)
    assert hear(machine) == [Want.ANSWER, b"x" * 4_000]
    machine.send_body(b"y" * 1_000)
    machine.end_body()
    assert hear(machine) == [b"y" * 1_000 + f"\r\n{noop} NOOP\r\n".encode()]


def test_a_small_one_does_not_where_literal_minus_is_offered() -> None:
    """RFC 7888 section 5: up to 4,096 octets."""
    machine = logged_in()
    tag = machine.send(append(3))
    assert hear(machine) == [Want.ANSWER, f"{tag} APPEND INBOX {{3+}}\r\n".encode()]


def test_a_body_waits_for_the_commands_before() -> None:
    machine = logged_in()
    noop = machine.send(imap.Noop())
    machine.send(append(3))
    hear(machine)
    assert awaited(machine) is None
    assert hear(machine, f"{noop} OK done\r\n".encode())[-1] is Want.ANSWER


def test_a_refused_literal_ends_the_command() -> None:
    """RFC 9051 section 4.3: a NO in place of `+`, and the octets are not sent."""
    machine = logged_in()
    tag = machine.send(append(5_000))
    noop = machine.send(imap.Noop())
    hear(machine)
    events = hear(machine, f"{tag} NO [TOOBIG] no\r\n".encode())
    assert events[0].code == ResponseCode("TOOBIG")
    assert events[-1] == f"{noop} NOOP\r\n".encode()


def test_a_refusal_in_the_middle_of_a_body() -> None:
    """What was announced has to come, or the server would take the next command for it."""
    machine = logged_in()
    tag = machine.send(append(4_097))
    hear(machine, b"")
    hear(machine, b"+ go on\r\n")
    machine.send_body(b"x" * 97)
    assert hear(machine, f"{tag} NO [OVERQUOTA] no\r\n".encode()) == [Want.ANSWER, b"x" * 97]
    machine.send_body(b"x" * 4_000)
    machine.end_body()
    events = hear(machine)
    assert events[0] == Completed(tag, append(4_097), "NO", ResponseCode("OVERQUOTA"), "no")
    assert events[1] == b"x" * 4_000 + b"\r\n"


def test_the_size_of_a_body_is_the_one_announced() -> None:
    machine = logged_in()
    machine.send(append(3))
    hear(machine)
    with pytest.raises(LocalProtocolError, match="larger"):
        machine.send_body(b"abcd")
    with pytest.raises(LocalProtocolError, match="smaller"):
        machine.end_body()
    with pytest.raises(ValueError, match="NUL"):
        machine.send_body(b"\0")
    machine.send_body(b"abc")
    machine.end_body()


def test_a_string_that_must_be_a_literal() -> None:
    machine = client(b"* OK hi\r\n")
    tag = machine.send(imap.Login("ann", 'se"cret\u00e9'))
    assert hear(machine) == [f"{tag} LOGIN ann {{9}}\r\n".encode()]
    assert hear(machine, b"+ go\r\n") == ['se"cret\u00e9\r\n'.encode()]


# --- FETCH in pieces ------------------------------------------------------------------------------


def test_a_large_section_comes_in_pieces() -> None:
    machine = selected()
    machine.send(imap.Fetch(ALL, ("UID", Body(), "FLAGS")))
    hear(machine)
    size = 100_000
    events = hear(machine, b"* 2 FETCH (UID 9 BODY[] {%d}\r\n" % size + b"x" * 70_000)
    assert events[:3] == [
        FetchStart(2),
        FetchItem("UID", 9),
        BodyStart(Section(), None, size, Body()),
    ]
    assert sum(len(one.data) for one in events[3:] if isinstance(one, BodyChunk)) == 70_000
    events = hear(machine, b"x" * 30_000 + b" FLAGS (\\Seen))\r\n")
    assert events[-3:] == [
        BodyEnd(),
        FetchItem("FLAGS", ("\\Seen",)),
        FetchData(2, (("UID", 9), (Body(), Streamed(size)), ("FLAGS", ("\\Seen",)))),
    ]


# --- AUTHENTICATE (RFC 9051 section 6.2.2, RFC 4959) ----------------------------------------------


def test_an_initial_response_goes_with_the_command() -> None:
    machine = client()
    tag = machine.send(imap.Authenticate("PLAIN", b"\0a\0b"))
    assert hear(machine) == [f"{tag} AUTHENTICATE PLAIN AGEAYg==\r\n".encode()]


def test_without_sasl_ir_it_waits_for_the_challenge() -> None:
    machine = client(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n")
    tag = machine.send(imap.Authenticate("PLAIN", b"\0a\0b"))
    assert hear(machine) == [f"{tag} AUTHENTICATE PLAIN\r\n".encode()]
    assert hear(machine, b"+ \r\n") == [b"AGEAYg==\r\n"]


def test_challenges_are_answered_by_the_application() -> None:
    machine = client(b"* OK hi\r\n")
    machine.send(imap.Authenticate("LOGIN"))
    hear(machine)
    challenge, want = hear(machine, b"+ VXNlcg==\r\n")
    assert (challenge.data, want) == (b"User", Want.ANSWER)
    machine.send(imap.AuthResponse(b"ann"))
    assert hear(machine) == [b"YW5u\r\n"]
    hear(machine, b"+ UGFzcw==\r\n")
    machine.send(imap.AuthCancel())
    assert hear(machine) == [b"*\r\n"]


def test_a_login_makes_capabilities_unknown() -> None:
    """RFC 9051 section 6.2.2: others may be offered then."""
    machine = client()
    tag = machine.send(imap.Login("ann", "secret"))
    hear(machine, f"{tag} OK in\r\n".encode())
    assert machine.capabilities is None


# --- STARTTLS (RFC 9051 section 6.2.1) ------------------------------------------------------------


def test_starttls() -> None:
    machine = client(tls=False)
    tag = machine.send(imap.StartTls())
    hear(machine)
    assert hear(machine, f"{tag} OK go\r\n".encode()) == [Want.TLS]
    machine.tls_established()
    events = hear(machine)
    assert events == [TlsEstablished(), Completed(tag, imap.StartTls(), "OK", text="go")]
    assert machine.capabilities is None


def test_plaintext_behind_starttls_is_an_error() -> None:
    machine = client(tls=False)
    tag = machine.send(imap.StartTls())
    hear(machine)
    machine.receive_data(f"{tag} OK go\r\n* CAPABILITY AUTH=PLAIN\r\n".encode())
    with pytest.raises(RemoteProtocolError, match="plaintext"):
        machine.next_event()


# --- IDLE (RFC 9051 section 6.3.13) ---------------------------------------------------------------


def test_idle() -> None:
    machine = selected()
    tag = machine.send(imap.Idle())
    hear(machine)
    assert hear(machine, b"+ idling\r\n* 4 EXISTS\r\n") == [Idling(tag, "idling"), Exists(4)]
    assert machine.timeout == imap.IDLE_TIMEOUT
    with pytest.raises(LocalProtocolError):
        machine.send(imap.Noop())
    machine.receive_timeout()
    assert hear(machine) == [Timeout()]  # it stays open
    assert machine.send(imap.Done()) == tag
    assert hear(machine) == [b"DONE\r\n"]
    (completed,) = hear(machine, f"{tag} OK done\r\n".encode())
    assert completed.command == imap.Idle()
    machine.send(imap.Noop())


def test_done_wants_an_idle() -> None:
    with pytest.raises(LocalProtocolError, match="IDLE"):
        selected().send(imap.Done())


# --- ENABLE (RFC 5161, RFC 6855) ------------------------------------------------------------------


def test_utf8_is_written_once_it_is_enabled() -> None:
    machine = logged_in()
    tag = machine.send(imap.Enable(("UTF8=ACCEPT",)))
    hear(machine, f"* ENABLED UTF8=ACCEPT\r\n{tag} OK done\r\n".encode())
    assert "UTF8=ACCEPT" in machine.enabled
    tag = machine.send(imap.Select("Entwürfe"))
    assert hear(machine) == [f'{tag} SELECT "Entwürfe"\r\n'.encode()]


# --- COMPRESS (RFC 4978) --------------------------------------------------------------------------


def test_compress() -> None:
    machine = logged_in()
    tag = machine.send(imap.Compress())
    hear(machine)
    packed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    rest = packed.compress(b"* 4 EXISTS\r\n") + packed.flush(zlib.Z_SYNC_FLUSH)
    events = hear(machine, f"{tag} OK now\r\n".encode() + rest)
    assert events[1] == Exists(4)
    machine.send(imap.Noop())
    (sent,) = hear(machine)
    assert zlib.decompressobj(-zlib.MAX_WBITS).decompress(sent).endswith(b" NOOP\r\n")
    with pytest.raises(TypeError, match="COMPRESS"):
        pickle.dumps(machine)


def test_what_cannot_be_inflated_is_an_error() -> None:
    machine = logged_in()
    tag = machine.send(imap.Compress())
    hear(machine)
    machine.receive_data(f"{tag} OK now\r\n".encode() + b"\xff" * 9)
    machine.next_event()
    with pytest.raises(RemoteProtocolError, match="inflated"):
        machine.next_event()


def test_a_bomb_is_bounded_by_the_limits() -> None:
    """A line of a gigabyte, in a megabyte: it ends at `limits.response`."""
    machine = logged_in()
    tag = machine.send(imap.Compress())
    hear(machine)
    packed = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = b"".join(packed.compress(b"x" * 2**20) for _ in range(128)) + packed.flush()
    machine.receive_data(f"{tag} OK now\r\n".encode() + bomb)
    machine.next_event()
    with pytest.raises(RemoteProtocolError, match=r"limits\.response"):
        machine.next_event()


# --- LOGOUT and BYE (RFC 9051 sections 6.1.3 and 7.1.5) -------------------------------------------


def test_logout() -> None:
    machine = selected()
    tag = machine.send(imap.Logout())
    hear(machine)
    events = hear(machine, f"* BYE so long\r\n{tag} OK done\r\n".encode())
    assert [type(event) for event in events[:2]] == [Condition, Completed]
    assert events[2] is Want.CLOSE


def test_bye_out_of_the_blue_closes() -> None:
    machine = selected()
    assert hear(machine, b"* BYE idle for too long\r\n") == [
        Condition("BYE", "idle for too long"),
        Want.CLOSE,
    ]


def test_bye_again_and_again_closes() -> None:
    """Yandex never says the rest."""
    machine = selected()
    machine.send(imap.Logout())
    hear(machine)
    assert hear(machine, b"* BYE\r\n* BYE\r\n")[-1] is Want.CLOSE
