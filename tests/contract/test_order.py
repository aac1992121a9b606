"""What `next_event()` says, and when: the ten steps, and every rule around them, one test each.

No socket here. The machine is a toy; the rules are those of every machine (`mailproto._machine`).
"""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from mailproto import (
    BodyChunk,
    BodyWanted,
    ConnectionLost,
    LimitExceeded,
    Limits,
    LocalProtocolError,
    RemoteProtocolError,
    Timeout,
    TlsEstablished,
    Want,
)
from tests.contract import toy


def greeted(**options: Any) -> toy.Server:
    """A server whose greeting is out."""
    server = toy.Server(**options)
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"+hello\r\n"
    return server


def connected(**options: Any) -> toy.Client:
    """A client that has been greeted."""
    client = toy.Client(**options)
    client.receive_data(b"+hello\r\n")
    assert client.next_event() == toy.Greeted("hello")
    assert client.next_event() is Want.DATA
    return client


def sent(client: toy.Client, *commands: toy.Command) -> bytes:
    for command in commands:
        client.send(command)
    assert client.next_event() is Want.SEND
    return client.data_to_send()


def starting_tls() -> toy.Server:
    """A server that has accepted STARTTLS and not yet said so."""
    server = greeted()
    server.receive_data(b"TLS\r\n")
    assert server.next_event() == toy.StartTls()
    server.accept()
    return server


# --- step 1: output at or above its limit ---------------------------------------------------------


def test_output_at_its_limit_stops_parsing() -> None:
    server = greeted(limits=Limits(output=8))
    server.receive_data(b"bad\r\nbad\r\nbad\r\n")
    assert server.next_event() == toy.BadCommand(b"bad\r\n")
    assert server.next_event() is Want.SEND
    assert server.next_event() is Want.SEND  # until it is taken
    assert server.data_to_send() == b"-what?\r\n"
    assert server.next_event() == toy.BadCommand(b"bad\r\n")


def test_output_below_its_limit_gathers_replies() -> None:
    """RFC 2920 section 3.2: the replies to a group of commands leave in one piece."""
    server = greeted()
    server.receive_data(b"bad\r\nECHO a\r\nbad\r\n")
    assert server.next_event() == toy.BadCommand(b"bad\r\n")
    assert server.next_event() == toy.Echo("a")
    server.accept()
    assert server.next_event() == toy.BadCommand(b"bad\r\n")
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"-what?\r\n+a\r\n-what?\r\n"


# --- step 2: when nothing is parsed ---------------------------------------------------------------


def test_nothing_is_parsed_while_an_answer_is_owed() -> None:
    server = greeted()
    server.receive_data(b"ECHO a\r\nECHO b\r\n")
    assert server.next_event() == toy.Echo("a")
    assert [server.next_event() for _ in range(3)] == [Want.ANSWER] * 3
    server.accept()
    assert server.next_event() == toy.Echo("b")


def test_a_client_parses_while_it_is_asked_for_a_body() -> None:
    client = connected()
    sent(client, toy.Put(2))
    client.receive_data(b">\r\n!hurry\r\n")
    assert client.next_event() == toy.Push("hurry")
    assert client.next_event() is Want.ANSWER
    client.receive_data(b"!more\r\n")
    assert client.next_event() == toy.Push("more")


def test_nothing_is_parsed_behind_the_decision_to_close() -> None:
    """What follows QUIT is never a command."""
    server = greeted()
    server.receive_data(b"QUIT\r\nECHO a\r\n")
    assert server.next_event() == toy.Quit()
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"+bye\r\n"
    server.receive_data(b"ECHO b\r\n")
    assert server.next_event() is Want.CLOSE


def test_nothing_is_parsed_behind_an_error() -> None:
    server = greeted(limits=Limits(line=8))
    server.receive_data(b"much too long\r\nQUIT\r\n")
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"-too long\r\n"
    server.receive_data(b"QUIT\r\n")
    with pytest.raises(LimitExceeded):
        server.next_event()


def test_nothing_is_parsed_while_tls_is_pending() -> None:
    server = starting_tls()
    server.receive_data(b"ECHO a\r\n")
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"+go\r\n"
    with pytest.raises(RemoteProtocolError, match="plaintext"):
        server.next_event()


# --- steps 3 to 5: events, then output, then the error --------------------------------------------


def test_good_events_and_their_answers_come_before_a_later_error() -> None:
    server = greeted(limits=Limits(line=10))
    server.receive_data(b"ECHO a\r\nmuch too long\r\n")
    assert server.next_event() == toy.Echo("a")
    server.accept()
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"+a\r\n-too long\r\n"
    with pytest.raises(LimitExceeded):
        server.next_event()


def test_the_error_waits_until_the_output_has_been_taken() -> None:
    client = connected(limits=Limits(line=10))
    client.send(toy.Echo("a"))
    client.receive_data(b"much too long\r\n")
    assert client.next_event() is Want.SEND
    assert client.next_event() is Want.SEND
    client.data_to_send()
    with pytest.raises(LimitExceeded):
        client.next_event()


def test_the_same_error_is_raised_ever_after() -> None:
    client = connected()
    client.receive_data(b"+unasked\r\n")
    with pytest.raises(RemoteProtocolError) as first:
        client.next_event()
    client.receive_data(b"!push\r\n")
    client.receive_timeout()
    client.receive_eof()
    for _ in range(3):
        with pytest.raises(RemoteProtocolError) as again:
            client.next_event()
        assert again.value is first.value


def test_a_kept_error_does_not_keep_its_tracebacks() -> None:
    """Raising one object for ever would otherwise make its traceback longer for ever."""
    client = connected()
    client.receive_data(b"+unasked\r\n")
    lengths = []
    for _ in range(3):
        with pytest.raises(RemoteProtocolError) as caught:
            client.next_event()
        lengths.append(len(caught.traceback))
    assert lengths[1] == lengths[2]


def test_a_farewell_is_never_queued_behind_a_starttls_answer() -> None:
    """The peer would read it as TLS; and an error behind the go-ahead says nothing at all."""
    server = starting_tls()
    server.receive_data(b"x" * 100_000)
    assert server.data_to_send() == b"+go\r\n"
    with pytest.raises(RemoteProtocolError):
        server.next_event()
    assert server.data_to_send() == b""


# --- step 6: TLS ----------------------------------------------------------------------------------


def test_tls_is_wanted_only_when_the_output_is_flushed() -> None:
    server = starting_tls()
    assert server.next_event() is Want.SEND
    with pytest.raises(LocalProtocolError):
        server.tls_established()
    assert server.data_to_send() == b"+go\r\n"
    assert server.next_event() is Want.TLS
    server.tls_established(peer="somebody")
    assert server.next_event() == TlsEstablished("somebody")
    assert server.tls
    assert server.next_event() is Want.DATA


def test_tls_that_nobody_wants_is_refused() -> None:
    for machine in (greeted(), connected()):
        with pytest.raises(LocalProtocolError):
            machine.tls_established()
        assert not machine.tls
        assert machine.next_event() is Want.DATA


@pytest.mark.parametrize("when", ["with the command", "before the flush", "while TLS is wanted"])
def test_plaintext_behind_starttls_is_an_error_at_a_server(when: str) -> None:
    """RFC 3207 section 4.2, CVE-2011-0411."""
    server = greeted()
    server.receive_data(b"TLS\r\nECHO a\r\n" if when == "with the command" else b"TLS\r\n")
    assert server.next_event() == toy.StartTls()
    server.accept()
    if when == "before the flush":
        server.receive_data(b"ECHO a\r\n")
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"+go\r\n"
    if when == "while TLS is wanted":
        assert server.next_event() is Want.TLS
        server.receive_data(b"E")
    for _ in range(2):
        with pytest.raises(RemoteProtocolError, match="plaintext"):
            server.next_event()


def test_plaintext_that_is_found_when_tls_is_up_is_an_error_too() -> None:
    server = starting_tls()
    server.data_to_send()
    assert server.next_event() is Want.TLS
    server.receive_data(b"ECHO a\r\n")
    server.tls_established()
    with pytest.raises(RemoteProtocolError, match="plaintext"):
        server.next_event()
    assert not server.tls


@pytest.mark.parametrize("injected", [b"!evil\r\n", b"!ev", b"\r\n"])
@pytest.mark.parametrize("later", [False, True])
def test_plaintext_behind_the_go_ahead_is_an_error_at_a_client(
    injected: bytes, later: bool
) -> None:
    client = connected()
    sent(client, toy.StartTls())
    client.receive_data(b"+go\r\n" if later else b"+go\r\n" + injected)
    if later:
        assert client.next_event() is Want.TLS
        client.receive_data(injected)
    with pytest.raises(RemoteProtocolError, match="plaintext"):
        client.next_event()


def test_a_client_hears_of_success_only_after_the_handshake() -> None:
    client = connected()
    sent(client, toy.StartTls())
    client.receive_data(b"+go\r\n")
    assert client.next_event() is Want.TLS
    assert client.next_event() is Want.TLS
    client.tls_established()
    assert client.next_event() == TlsEstablished()
    assert client.next_event() == toy.Replied(1, toy.StartTls(), True, "go")


def test_a_refused_starttls_changes_nothing() -> None:
    server, client = greeted(), connected()
    sent(client, toy.StartTls())
    server.receive_data(b"TLS\r\nECHO a\r\n")
    assert server.next_event() == toy.StartTls()
    server.reject()
    assert server.next_event() == toy.Echo("a")
    client.receive_data(b"-no\r\n!push\r\n")
    assert client.next_event() == toy.Replied(1, toy.StartTls(), False, "no")
    assert client.next_event() == toy.Push("push")
    assert not server.tls
    assert not client.tls


def test_nothing_can_be_sent_while_tls_is_pending() -> None:
    server = starting_tls()
    client = connected()
    sent(client, toy.StartTls())
    client.receive_data(b"+go\r\n")
    assert client.next_event() is Want.TLS
    with pytest.raises(LocalProtocolError):
        client.send(toy.Echo("a"))
    with pytest.raises(LocalProtocolError):
        server.send(toy.Push("a"))
    assert server.data_to_send() == b"+go\r\n"


@pytest.mark.parametrize("side", ["server", "client"])
def test_a_failed_handshake_is_the_end_of_the_input(side: str) -> None:
    machine: toy.Server | toy.Client
    if side == "server":
        machine = starting_tls()
        machine.data_to_send()
    else:
        machine = connected()
        sent(machine, toy.StartTls())
        machine.receive_data(b"+go\r\n")
    assert machine.next_event() is Want.TLS
    machine.receive_eof()
    with pytest.raises(ConnectionLost):
        machine.next_event()
    assert not machine.tls
    assert machine.data_to_send() == b""


# --- step 7: CLOSE --------------------------------------------------------------------------------


def test_close_comes_when_everything_has_been_flushed_and_stays() -> None:
    server = greeted()
    server.receive_data(b"QUIT\r\n")
    assert server.next_event() == toy.Quit()
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"+bye\r\n"
    for _ in range(3):
        assert server.next_event() is Want.CLOSE
    assert server.awaiting is None


def test_what_comes_behind_close_is_dropped() -> None:
    server = greeted(limits=Limits(input=10))
    server.abort()
    for _ in range(100):
        server.receive_data(bytes(1_000))
    assert server.data_to_send() == b"-closing\r\n"
    assert server.next_event() is Want.CLOSE


def test_nothing_can_be_sent_behind_close() -> None:
    server, client = greeted(), connected()
    server.abort()
    server.data_to_send()
    client.abort()
    with pytest.raises(LocalProtocolError):
        server.send(toy.Push("a"))
    with pytest.raises(LocalProtocolError):
        client.send(toy.Echo("a"))
    assert server.data_to_send() == client.data_to_send() == b""


# --- step 8: ANSWER -------------------------------------------------------------------------------


def test_awaiting_is_the_very_event() -> None:
    server = greeted()
    server.receive_data(b"ECHO a\r\n")
    event = server.next_event()
    assert server.awaiting is event
    server.accept()
    assert server.awaiting is None


def test_everything_earlier_is_flushed_before_an_answer_is_asked_for() -> None:
    server = greeted()
    server.receive_data(b"bad\r\nECHO a\r\n")
    server.next_event()
    assert server.next_event() == toy.Echo("a")
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"-what?\r\n"
    assert server.next_event() is Want.ANSWER


def test_a_push_answers_nothing() -> None:
    """Untagged responses never discharge `awaiting`."""
    server = greeted()
    server.receive_data(b"ECHO a\r\n")
    event = server.next_event()
    server.send(toy.Push("wait"))
    assert server.awaiting is event
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"!wait\r\n"
    assert server.next_event() is Want.ANSWER


def test_an_answer_that_nobody_asked_for_is_refused() -> None:
    server = greeted()
    for answer in (server.accept, server.reject):
        with pytest.raises(LocalProtocolError):
            answer()
    assert server.next_event() is Want.DATA


def test_a_server_is_asked_even_when_the_input_has_ended() -> None:
    """Half-closed is not gone: the answer may still be read."""
    server = greeted()
    server.receive_data(b"ECHO a\r\nECHO b\r\n")
    server.receive_eof()
    assert server.next_event() == toy.Echo("a")
    assert server.next_event() is Want.ANSWER
    server.accept()
    assert server.next_event() == toy.Echo("b")
    server.accept()
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"+a\r\n+b\r\n"
    assert server.next_event() is Want.CLOSE


def test_a_client_is_not_asked_when_the_input_has_ended() -> None:
    client = connected()
    sent(client, toy.Put(1))
    client.receive_data(b">\r\n")
    assert client.next_event() is Want.ANSWER
    client.receive_eof()
    with pytest.raises(ConnectionLost):
        client.next_event()


def test_a_body_is_asked_for_piece_by_piece() -> None:
    client = connected()
    sent(client, toy.Put(3))
    client.receive_data(b">\r\n")
    wire = b""
    for data in (b"ab", b"", b"c"):
        assert client.next_event() is Want.ANSWER
        assert client.awaiting == BodyWanted(1, toy.Put(3))
        client.send_body(data)
        if data:
            assert client.next_event() is Want.SEND
            wire += client.data_to_send()
    assert client.next_event() is Want.ANSWER
    client.end_body()
    assert client.next_event() is Want.DATA
    assert wire == b"abc"
    assert client.awaiting is None


def test_a_body_that_nobody_wants_is_refused() -> None:
    for machine in (greeted(), connected()):
        with pytest.raises(LocalProtocolError):
            machine.send_body(b"a")
        with pytest.raises(LocalProtocolError):
            machine.end_body()
        assert machine.next_event() is Want.DATA


# --- step 9: the end of the input -----------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"ECHO a\r\n", b"PUT 1\r\na"])
def test_the_end_of_the_input_with_nothing_open(data: bytes) -> None:
    server = greeted()
    server.receive_data(data)
    server.receive_eof()
    seen: list[Any] = []
    say_yes(server, seen)
    assert Want.DATA not in seen
    assert server.next_event() is Want.CLOSE


@pytest.mark.parametrize("data", [b"E", b"ECHO a\r", b"PUT 1\r\n", b"PUT 3\r\nab"])
def test_the_end_of_the_input_in_the_middle_of_something(data: bytes) -> None:
    server = greeted()
    server.receive_data(data)
    server.receive_eof()
    seen: list[Any] = []
    with pytest.raises(ConnectionLost):
        say_yes(server, seen)
    assert toy.BodyEnd not in map(type, seen)


def say_yes(server: toy.Server, seen: list[Any]) -> None:
    """Drive a server to its end."""
    while (event := server.next_event()) is not Want.CLOSE:
        seen.append(event)
        if event is Want.SEND:
            server.data_to_send()
        elif server.awaiting is not None:
            server.accept()


def test_events_that_are_complete_come_before_the_end_of_the_input() -> None:
    client = connected()
    sent(client, toy.Echo("a"), toy.Echo("b"))
    client.receive_data(b"+a\r\n!push\r\n+b")
    client.receive_eof()
    assert client.next_event() == toy.Replied(1, toy.Echo("a"), True, "a")
    assert client.next_event() == toy.Push("push")
    with pytest.raises(ConnectionLost):
        client.next_event()


def test_the_end_of_the_input_may_be_told_any_number_of_times() -> None:
    server = greeted()
    for _ in range(3):
        server.receive_eof()
        assert server.next_event() is Want.CLOSE
    server.receive_eof()
    assert server.next_event() is Want.CLOSE


def test_nothing_comes_behind_the_end_of_the_input() -> None:
    server = greeted()
    server.receive_eof()
    with pytest.raises(LocalProtocolError):
        server.receive_data(b"QUIT\r\n")
    server.receive_data(b"")
    assert server.next_event() is Want.CLOSE


def test_a_connection_without_a_reply_to_quit_has_ended_well() -> None:
    """RFC 5321 section 4.1.1.10 wants the reply; not every server waits to send it."""
    client = connected()
    sent(client, toy.Quit())
    client.receive_eof()
    assert client.next_event() is Want.CLOSE


# --- step 10: DATA, and what is given ------------------------------------------------------------


def test_data_is_wanted_as_often_as_one_asks() -> None:
    client = connected()
    assert [client.next_event() for _ in range(3)] == [Want.DATA] * 3
    assert client.awaiting is None


def test_receiving_never_parses() -> None:
    """Not even what is hopeless: only next_event() raises RemoteProtocolError."""
    client = connected(limits=Limits(line=10))
    client.receive_data(b"x" * 1_000)
    with pytest.raises(LimitExceeded):
        client.next_event()


@pytest.mark.parametrize("data", [5, "ECHO a\r\n", None, [69, 67], object()])
def test_only_bytes_are_data(data: Any) -> None:
    server = greeted()
    with pytest.raises(TypeError):
        server.receive_data(data)
    assert server.next_event() is Want.DATA


def test_no_data_is_no_change() -> None:
    server = greeted()
    server.receive_data(b"")
    server.receive_data(bytearray())
    assert server.next_event() is Want.DATA


def test_what_may_change_is_copied() -> None:
    server = greeted()
    buffer = bytearray(b"ECHO a\r\n")
    server.receive_data(memoryview(buffer)[:5])
    server.receive_data(buffer[5:])
    buffer[:] = b"x" * 8
    assert server.next_event() == toy.Echo("a")


def test_a_body_comes_in_chunks_of_limited_size_without_waiting_for_more() -> None:
    server = greeted(limits=Limits(chunk=4))
    server.receive_data(b"PUT 10\r\n0123456")
    assert server.next_event() == toy.Put(10)
    server.accept()
    assert server.next_event() == BodyChunk(b"0123")
    assert server.next_event() == BodyChunk(b"456")
    assert server.next_event() is Want.SEND
    server.data_to_send()
    assert server.next_event() is Want.DATA
    server.receive_data(b"789ECHO a\r\n")
    assert server.next_event() == BodyChunk(b"789")
    assert server.next_event() == toy.BodyEnd(10)
    server.accept()
    assert server.next_event() == toy.Echo("a")


# --- limits.output, limits.input ------------------------------------------------------------------


def test_sending_is_refused_at_the_limit_of_the_output_and_works_after_a_flush() -> None:
    server = greeted(limits=Limits(output=10))
    server.send(toy.Push("x" * 20))
    with pytest.raises(LocalProtocolError, match=r"limits\.output"):
        server.send(toy.Push("y"))
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"!" + b"x" * 20 + b"\r\n"
    server.send(toy.Push("y"))
    assert server.data_to_send() == b"!y\r\n"


def test_input_is_limited_while_an_answer_is_owed() -> None:
    server = greeted(limits=Limits(input=10))
    server.receive_data(b"ECHO a\r\n")
    assert server.next_event() == toy.Echo("a")
    server.receive_data(b"0123456789")
    assert server.next_event() is Want.ANSWER
    server.receive_data(b"x")
    with pytest.raises(LimitExceeded, match=r"limits\.input"):
        server.next_event()
    server.receive_data(b"more")
    with pytest.raises(LimitExceeded):
        server.next_event()


def test_input_may_be_unlimited() -> None:
    server = greeted(limits=Limits(input=None))
    server.receive_data(b"ECHO a\r\n")
    assert server.next_event() == toy.Echo("a")
    for _ in range(100):
        server.receive_data(b"ECHO b\r\n")
    server.accept()
    assert server.next_event() == toy.Echo("b")


# --- local errors change nothing ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (toy.Echo("a\r\nQUIT"), ValueError),
        (toy.Push("no client pushes"), TypeError),
        (None, TypeError),
        (b"QUIT\r\n", TypeError),
    ],
)
def test_a_refused_command_changes_nothing(item: Any, error: type[Exception]) -> None:
    client = connected()
    client.send(toy.Echo("before"))
    before = pickle.dumps(client)
    with pytest.raises(error):
        client.send(item)
    assert pickle.dumps(client) == before
    assert client.send(toy.Echo("after")) == 2
    assert client.data_to_send() == b"ECHO before\r\nECHO after\r\n"


def test_a_refused_answer_changes_nothing() -> None:
    server = greeted()
    server.receive_data(b"ECHO a\r\n")
    event = server.next_event()
    before = pickle.dumps(server)
    with pytest.raises(TypeError):
        server.send(event)
    with pytest.raises(ValueError, match="line end"):
        server.abort("-a\r\n+forged")
    assert pickle.dumps(server) == before
    assert server.next_event() is Want.ANSWER


def test_a_refused_piece_of_a_body_changes_nothing() -> None:
    client = connected()
    sent(client, toy.Put(2))
    client.receive_data(b">\r\n")
    assert client.next_event() is Want.ANSWER
    before = pickle.dumps(client)
    for wrong in (b"too much",):
        with pytest.raises(LocalProtocolError):
            client.send_body(wrong)
    with pytest.raises(LocalProtocolError):
        client.end_body()  # less than was announced
    text: Any = "ab"
    with pytest.raises(TypeError):
        client.send_body(text)
    assert pickle.dumps(client) == before
    client.send_body(b"ab")
    assert client.data_to_send() == b"ab"


# --- time, and giving up --------------------------------------------------------------------------


def test_a_timeout_is_an_event_a_farewell_and_the_end() -> None:
    server = greeted()
    server.receive_data(b"ECH")
    server.receive_timeout()
    assert server.next_event() == Timeout()
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"-closing\r\n"
    assert server.next_event() is Want.CLOSE


def test_a_timeout_inside_a_body_says_nothing() -> None:
    server = greeted()
    server.receive_data(b"PUT 3\r\na")
    assert server.next_event() == toy.Put(3)
    server.accept()
    assert server.next_event() == BodyChunk(b"a")
    server.data_to_send()
    server.receive_timeout()
    assert server.next_event() == Timeout()
    assert server.next_event() is Want.CLOSE
    assert server.data_to_send() == b""


def test_a_timeout_in_the_handshake_says_nothing() -> None:
    server = starting_tls()
    server.data_to_send()
    assert server.next_event() is Want.TLS
    server.receive_timeout()
    assert server.next_event() == Timeout()
    assert server.next_event() is Want.CLOSE
    assert server.data_to_send() == b""


def test_a_client_that_timed_out_says_nothing() -> None:
    client = connected()
    sent(client, toy.Echo("a"))
    client.receive_timeout()
    assert client.next_event() == Timeout()
    assert client.next_event() is Want.CLOSE
    assert client.data_to_send() == b""


def test_a_timeout_behind_the_end_changes_nothing() -> None:
    server = greeted()
    server.abort()
    server.receive_timeout()
    server.receive_timeout()
    assert server.next_event() is Want.SEND
    assert server.data_to_send() == b"-closing\r\n"
    assert server.next_event() is Want.CLOSE


def test_aborting_twice_says_farewell_once() -> None:
    server = greeted()
    server.abort("-first")
    server.abort("-second")
    assert server.data_to_send() == b"-first\r\n"
    assert server.next_event() is Want.CLOSE


def test_aborting_answers_what_was_owed_with_the_farewell() -> None:
    server = greeted()
    server.receive_data(b"ECHO a\r\nECHO b\r\n")
    server.next_event()
    server.abort()
    assert server.awaiting is None
    with pytest.raises(LocalProtocolError):
        server.accept()
    assert server.data_to_send() == b"-closing\r\n"
    assert server.next_event() is Want.CLOSE


def test_aborting_drops_a_clients_unsent_end_of_a_body() -> None:
    """It never completes a body, not even with octets that were queued already."""
    client = connected()
    sent(client, toy.Put(1))
    client.receive_data(b">\r\n")
    assert client.next_event() is Want.ANSWER
    client.send_body(b"a")
    client.abort()
    assert client.next_event() is Want.CLOSE
    assert client.data_to_send() == b""


def test_aborting_in_the_handshake_says_nothing() -> None:
    server = starting_tls()
    server.data_to_send()
    server.abort("-bye")
    assert server.next_event() is Want.CLOSE
    assert server.data_to_send() == b""


# --- hand-over ------------------------------------------------------------------------------------


def test_a_machine_can_be_pickled_between_any_two_calls() -> None:
    """Half a line, half a body, a kept error, queued output, TLS pending: it goes on as it was."""
    script = [
        b"",
        b"ECHO a\r",
        b"\nPUT 4\r\nab",
        b"cdbad\r\nGET 2\r\nTLS\r\n",
    ]

    def play(hand_over: bool) -> list[Any]:
        server = toy.Server()
        out: list[Any] = []
        pending = list(script)
        while True:
            if hand_over:
                server = pickle.loads(pickle.dumps(server))
            event = server.next_event()
            out.append(event)
            if event is Want.SEND:
                out.append(server.data_to_send())
            elif event is Want.DATA:
                if not pending:
                    return out
                server.receive_data(pending.pop(0))
            elif event is Want.ANSWER and isinstance(server.awaiting, BodyWanted):
                if server._owed:  # the toy's own
                    server.send_body(b"xy")
                else:
                    server.end_body()
            elif event is Want.TLS:
                server.tls_established()
            elif event is Want.ANSWER:
                server.accept()

    assert play(hand_over=True) == play(hand_over=False)


def test_a_kept_error_is_handed_over() -> None:
    server = greeted(limits=Limits(line=5))
    server.receive_data(b"much too long")
    assert server.next_event() is Want.SEND
    other = pickle.loads(pickle.dumps(server))
    assert other.data_to_send() == b"-too long\r\n"
    with pytest.raises(LimitExceeded) as caught:
        other.next_event()
    assert caught.value.reply == "-too long"


def test_looking_changes_nothing() -> None:
    client = connected()
    client.send(toy.Echo("a"))
    before = pickle.dumps(client)
    assert client.outstanding == ((1, toy.Echo("a")),)
    assert (client.state, client.awaiting, client.timeout) == ("reply", None, None)
    assert (client.tls, client.quirks, client.limits) == (False, None, Limits())
    assert pickle.dumps(client) == before
