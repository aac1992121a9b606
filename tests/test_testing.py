"""`mailproto.testing`: that the tools find what they are for, and are quiet when all is well."""

from __future__ import annotations

import pickle
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import (
    BodyChunk,
    ConnectionLost,
    Defect,
    LocalProtocolError,
    RemoteProtocolError,
    Timeout,
    TlsEstablished,
    Want,
)
from mailproto.testing import (
    EOF,
    TIMEOUT,
    TLS,
    Deadlock,
    Link,
    Livelock,
    Transcript,
    accept,
    assert_chunk_invariant,
    replay,
    run,
    script,
)
from tests.contract import toy

# --- Plays ----------------------------------------------------------------------------------------


def test_the_play_that_says_yes_writes_empty_bodies_on_both_sides() -> None:
    trace = run(toy.Server(), b"GET 0\r\nECHO x\r\n", accept)
    assert trace.output == b"+hello\r\n*0\r\n+x\r\n"
    trace = run(
        toy.Client(), [b"+hello\r\n", lambda client: client.send(toy.Put(0)), b">\r\n"], accept
    )
    assert trace.machine.awaiting is None


# --- Link -----------------------------------------------------------------------------------------


def test_a_link_carries_a_conversation() -> None:
    link = Link(toy.Client(), toy.Server(), play_client=script(toy.Echo("one"), toy.Quit()))
    link.run()
    assert link.closed
    assert link.server.events == [toy.Echo("one"), toy.Quit()]
    assert link.client.events == [
        toy.Greeted("hello"),
        toy.Replied(1, toy.Echo("one"), True, "one"),
        toy.Replied(2, toy.Quit(), True, "bye"),
    ]
    assert str(link.transcript).splitlines() == [
        "S: +hello",
        "C: ECHO one",
        "S: +one",
        "C: QUIT",
        "S: +bye",
        "S: (EOF)",
        "C: (EOF)",
    ]


def test_the_test_can_act_between_two_runs() -> None:
    link = Link(toy.Client(), toy.Server(), play_server=None)
    link.run()
    link.client.machine.send(toy.Echo("x"))
    link.run()
    assert link.server.want is Want.ANSWER
    assert link.server.machine.awaiting == toy.Echo("x")
    server: Any = link.server.machine
    server.reject()
    link.run()
    assert link.client.events[-1] == toy.Replied(1, toy.Echo("x"), False, "no")
    assert not link.closed


@given(cuts=st.lists(st.integers(0, 9), max_size=60))
def test_cuts_do_not_change_what_is_said(cuts: list[int]) -> None:
    said = []
    for schedule in (None, cuts, lambda _: 1):
        link = Link(
            toy.Client(),
            toy.Server(),
            play_client=script(toy.Echo("one"), toy.Put(5), b"abc", b"de", toy.Quit()),
            cuts=schedule,
        )
        link.run()
        said.append((link.transcript.said("C"), link.transcript.said("S"), link.client.events))
    assert said[0] == said[1] == said[2]


def test_tls_is_completed_on_both_sides() -> None:
    link = Link(
        toy.Client(),
        toy.Server(),
        play_client=script(toy.StartTls(), toy.Echo("secret"), toy.Quit()),
        binding=b"same on both",
    )
    link.run()
    assert link.client.machine.tls
    assert link.server.machine.tls
    assert TlsEstablished(None, b"same on both") in link.client.events
    assert TlsEstablished(None, b"same on both") in link.server.events
    assert TLS in [record.what for record in link.transcript.records]


@pytest.mark.parametrize("victim", ["server", "client"])
def test_plaintext_behind_tls_is_the_machines_to_refuse(victim: str) -> None:
    """RFC 3207 section 5: what is left in the buffer would be read as if TLS had protected it."""

    def starttls(machine: Any, event: object) -> None:
        if isinstance(event, toy.Greeted):
            machine.send(toy.StartTls())
        if isinstance(event, toy.StartTls):
            machine.accept()
            if victim == "server":
                link.client.inject(b"ECHO evil\r\n")

    link = Link(toy.Client(), toy.Server(), play_client=starttls, play_server=starttls)
    if victim == "client":
        while link.server.want is not Want.TLS:
            link.step()
        link.server.inject(b"+evil\r\n")
    with pytest.raises(RemoteProtocolError, match="plaintext"):
        link.run()
    assert getattr(link, victim).error is not None
    assert not getattr(link, victim).machine.tls


def test_a_handshake_can_fail() -> None:
    link = Link(toy.Client(), toy.Server(), play_client=script(toy.StartTls()), tls_fails=True)
    with pytest.raises(ConnectionLost):
        link.run()
    assert not link.client.machine.tls
    assert not link.server.machine.tls


def many_echoes(machine: Any, event: object) -> None:
    """250 KB of commands at once: more than two pipes hold."""
    if isinstance(event, toy.Greeted):
        for _ in range(250):
            machine.send(toy.Echo("x" * 1_000))


def test_two_writers_that_wait_for_each_other_are_found() -> None:
    link = Link(toy.Client(), toy.Server(), play_client=many_echoes, duplex=False)
    with pytest.raises(Deadlock, match="octets not written"):
        link.run()


def test_one_side_that_reads_while_it_writes_is_enough() -> None:
    link = Link(toy.Client(), toy.Server(), play_client=many_echoes)
    link.run()
    assert len(link.client.events) == 251


def test_an_application_that_never_answers_is_found() -> None:
    link = Link(
        toy.Client(),
        toy.Server(),
        play_client=script(toy.Echo("x")),
        play_server=lambda machine, event: None,
    )
    with pytest.raises(Deadlock, match=r"awaiting Echo\(text='x'\)"):
        link.run()


def test_an_application_may_need_a_few_questions() -> None:
    asked = 0

    def slow(machine: Any, event: object) -> None:
        nonlocal asked
        asked += event is Want.ANSWER
        if asked == 5:
            accept(machine, event)

    link = Link(toy.Client(), toy.Server(), play_client=script(toy.Echo("x")), play_server=slow)
    link.run()
    assert link.client.events[-1].ok


def test_a_reply_that_never_comes_is_found() -> None:
    link = Link(toy.Client(), toy.Server())
    link.run()
    link.client.machine.send(toy.Echo("x"))
    link.client.machine.data_to_send()  # and so it never arrives
    with pytest.raises(Deadlock):
        link.run()
    patient = Link(toy.Client(), toy.Server(), idle=lambda client, server: True)
    patient.run()
    patient.client.machine.send(toy.Echo("x"))
    patient.client.machine.data_to_send()
    patient.run()
    assert patient.client.machine.outstanding


def test_a_conversation_without_end_is_found() -> None:
    def again(machine: Any, event: object) -> None:
        machine.send(toy.Echo("again"))

    link = Link(toy.Client(), toy.Server(), play_client=again, limit=2_000)
    with pytest.raises(Livelock, match="2000 rounds"):
        link.run()


def test_reads_of_nothing_for_ever_are_found() -> None:
    link = Link(toy.Client(), toy.Server(), cuts=lambda _: 0, limit=1_000)
    with pytest.raises(Livelock):
        link.run()


def test_a_side_that_hangs_up_leaves_what_it_wrote() -> None:
    def hang_up(machine: Any, event: object) -> None:
        if isinstance(event, toy.Greeted):
            machine.send(toy.Put(9))
        elif event is Want.ANSWER:
            machine.send_body(b"abc")
            link.client._play = None

    link = Link(toy.Client(), toy.Server(), play_client=hang_up)
    link.run()
    link.client.hang_up()
    with pytest.raises(ConnectionLost):
        link.run()
    assert link.server.error is not None
    assert link.server.events == [toy.Put(9), BodyChunk(b"abc")]


def test_a_write_to_a_closed_peer_fails_quietly() -> None:
    """What the peer still said is read, then comes the end."""
    link = Link(toy.Client(), toy.Server())
    link.run()
    link.server.hang_up()
    link.client.machine.send(toy.Echo("too late"))
    with pytest.raises(ConnectionLost):
        link.run()
    assert link.closed
    assert link.server.events == []


def test_the_clock_is_the_tests() -> None:
    link = Link(toy.Client(), toy.Server())
    link.run()
    link.server.time_out()
    with pytest.raises(RemoteProtocolError):  # the toy client did not expect `-closing`
        link.run()
    assert link.server.events == [Timeout()]
    assert "S: (TIMEOUT)" in str(link.transcript)


def test_what_goes_wrong_in_a_play_brings_its_transcript() -> None:
    def stumble(machine: Any, event: object) -> None:
        raise KeyError("oops")

    link = Link(toy.Client(), toy.Server(), play_client=stumble)
    with pytest.raises(KeyError) as caught:
        link.run()
    assert "S: +hello" in caught.value.__notes__[0]


def test_a_long_transfer_need_not_be_kept() -> None:
    link = Link(
        toy.Client(), toy.Server(), play_client=script(toy.Echo("x"), toy.Quit()), record=False
    )
    link.run()
    assert link.closed
    assert link.client.events == link.server.events == link.transcript.records == []


def test_a_pipe_holds_something() -> None:
    with pytest.raises(ValueError, match="octet"):
        Link(toy.Client(), toy.Server(), pipe=0)


def test_a_body_goes_through_the_smallest_pipe() -> None:
    link = Link(
        toy.Client(), toy.Server(), play_client=script(toy.Put(30), b"x" * 30, toy.Quit()), pipe=1
    )
    link.run()
    body = [event.data for event in link.server.events if isinstance(event, BodyChunk)]
    assert b"".join(body) == b"x" * 30


# --- Transcript -----------------------------------------------------------------------------------

# (who, what) ..., and the secrets that must not be seen.
SECRETS: dict[str, tuple[list[tuple[Literal["C", "S"], bytes]], list[str]]] = {
    "SMTP AUTH with an initial response": (
        [("C", b"AUTH PLAIN AHVzZXIAaHVudGVy\r\n"), ("S", b"235 ok\r\n")],
        ["AHVz"],
    ),
    "SMTP AUTH with challenges": (
        [
            ("C", b"auth login\r\n"),
            ("S", b"334 VXNlcm5hbWU6\r\n"),
            ("C", b"dXNlcg==\r\n"),
            ("S", b"334 UGFzc3dvcmQ6\r\n"),
            ("C", b"aHVudGVy\r\n"),
            ("S", b"535 no\r\n"),
        ],
        ["dXNlcg", "aHVudGVy"],
    ),
    "SMTP AUTH behind a pipelined EHLO": (
        [
            ("C", b"EHLO a\r\nAUTH LOGIN\r\n"),
            ("S", b"250-a\r\n250 AUTH LOGIN\r\n334 VXNlcm5hbWU6\r\n"),
            ("C", b"dXNlcg==\r\n"),
        ],
        ["dXNlcg"],
    ),
    "POP3 PASS": ([("C", b"USER me\r\nPASS hunter two\r\n")], ["hunter", "two"]),
    "POP3 PASS behind a tab": ([("C", b"pass\thunter\r\n")], ["hunter"]),
    "POP3 APOP behind tabs": ([("C", b"APOP\tme\tc4c9334bac560ecc\r\n")], ["c4c9"]),
    "POP3 APOP": ([("C", b"APOP me c4c9334bac560ecc\r\n")], ["c4c9"]),
    "POP3 AUTH": (
        [("C", b"AUTH PLAIN\r\n"), ("S", b"+ \r\n"), ("C", b"AHVz\r\n"), ("S", b"+OK\r\n")],
        ["AHVz"],
    ),
    "POP3 AUTH with an initial response": (
        [("C", b"AUTH PLAIN AHVz\r\n"), ("S", b"+OK\r\n")],
        ["AHVz"],
    ),
    "POP3 AUTH given up, then PASS": (
        [
            ("C", b"AUTH LOGIN\r\n"),
            ("S", b"+ VXNlcm5hbWU6\r\n"),
            ("C", b"dXNlcg==\r\n"),
            ("S", b"-ERR no\r\n"),
            ("C", b"USER me\r\nPASS hunter\r\n"),
        ],
        ["dXNlcg", "hunter"],
    ),
    "IMAP LOGIN": ([("C", b'a1 LOGIN "my name" "hunter two"\r\n')], ["hunter", "two"]),
    "IMAP LOGIN with an atom": ([("C", b"a1 login me hunter\r\n")], ["hunter"]),
    "IMAP LOGIN with literals": (
        [
            ("C", b"a1 LOGIN {2}\r\n"),
            ("S", b"+ go\r\n"),
            ("C", b"me {6}\r\n"),
            ("S", b"* 1 EXISTS\r\n+ go\r\n"),
            ("C", b"hunter\r\n"),
            ("S", b"a1 OK\r\n"),
        ],
        ["hunter"],
    ),
    "IMAP LOGIN with literals that do not wait": (
        [("C", b"a1 LOGIN {2+}\r\nme {6+}\r\nhunter\r\n"), ("S", b"a1 OK\r\n")],
        ["hunter"],
    ),
    "IMAP AUTHENTICATE": (
        [
            ("C", b"a1 AUTHENTICATE PLAIN\r\n"),
            ("S", b"+\r\n"),
            ("S", b"* OK still here\r\n"),
            ("C", b"AHVz\r\n"),
            ("S", b"a1 OK\r\n"),
        ],
        ["AHVz"],
    ),
    "IMAP AUTHENTICATE with an initial response": (
        [("C", b"a1 AUTHENTICATE PLAIN AHVz\r\n")],
        ["AHVz"],
    ),
    "cut off": ([("C", b"PASS hun")], ["hun"]),
}


@pytest.mark.parametrize("name", SECRETS)
def test_secrets_are_not_shown_however_they_were_written(name: str) -> None:
    said, secrets = SECRETS[name]
    shown = set()
    for size in (1, 2, 3, 5, 1_000):
        transcript = Transcript()
        for side, data in said:
            for at in range(0, len(data), size):
                transcript.add(side, data[at : at + size])
        shown.add(str(transcript))
        assert "hidden" in str(transcript)
        assert not [secret for secret in secrets if secret in str(transcript) + repr(transcript)]
        # But nothing is lost.
        wire = b"".join(data for side, data in said if side == "C")
        assert transcript.said("C") == wire
    assert len(shown) == 1


def test_what_is_asked_for_behind_a_login_is_no_secret() -> None:
    """RFC 9051 section 7.1: the completion, with the tag of the LOGIN, ends it."""
    transcript = Transcript()
    transcript.add("C", b"a1 LOGIN me {6}\r\n")
    transcript.add("S", b"+ go on\r\n")
    transcript.add("C", b"hunter\r\n")
    transcript.add("S", b"* CAPABILITY x\r\na1 OK in\r\n")
    transcript.add("C", b"a2 APPEND x {5}\r\n")
    transcript.add("S", b"+ go on\r\n")
    transcript.add("C", b"hello\r\n")
    assert "hunter" not in str(transcript)
    assert "C: hello" in str(transcript)


def test_what_is_no_secret_is_shown() -> None:
    transcript = Transcript()
    transcript.add("C", b"EHLO me\r\nMAIL FROM:<a@b> AUTH=<>\r\n")
    transcript.add("S", b"250 AUTH PLAIN\r\n")
    transcript.add("C", b"AUTH PLAIN eA==\r\n")
    transcript.add("S", b"235 fine\r\n")
    transcript.add("C", b"MAIL FROM:<a@b>\r\n")
    assert str(transcript).splitlines() == [
        "C: EHLO me",
        "C: MAIL FROM:<a@b> AUTH=<>",
        "S: 250 AUTH PLAIN",
        "C: AUTH PLAIN [hidden]",
        "S: 235 fine",
        "C: MAIL FROM:<a@b>",
    ]


def test_a_transcript_cannot_be_made_to_lie() -> None:
    """A line of the peer's looks like a line of the peer's, whatever is in it."""
    transcript = Transcript()
    transcript.add("S", b"250 a\rC: QUIT\x1b[2J\xff\n" + b"x" * 1_000 + b"\r\n")
    first, second = str(transcript).split("\n")
    assert first == r"S: 250 a\rC: QUIT\x1b[2J\xff\n"
    assert second.endswith("... (1000 octets)")
    assert transcript.tail(1).splitlines()[0] == "(1 more lines)"


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_side_can_be_replayed(side: str) -> None:
    play = script(toy.Echo("one"), toy.Put(3), b"abc", toy.StartTls(), toy.Echo("two"), toy.Quit())
    link = Link(toy.Client(), toy.Server(), play_client=play)
    link.run()
    transcript = (
        pickle.loads(pickle.dumps(link.transcript)) if side == "server" else link.transcript
    )
    again = (
        replay(toy.Server(), transcript)
        if side == "server"
        else replay(
            toy.Client(),
            transcript,
            script(
                toy.Echo("one"), toy.Put(3), b"abc", toy.StartTls(), toy.Echo("two"), toy.Quit()
            ),
        )
    )
    assert list(again.events) == getattr(link, side).events
    assert again.output == link.transcript.said("S" if side == "server" else "C")
    assert again.end is Want.CLOSE


# --- run ------------------------------------------------------------------------------------------


def test_a_machine_alone() -> None:
    trace = run(toy.Server(), [b"ECHO a\r\nPUT 4\r\nab", b"cd", EOF])
    assert trace.events == (toy.Echo("a"), toy.Put(4), BodyChunk(b"abcd"), toy.BodyEnd(4))
    assert trace.output == b"+hello\r\n+a\r\n>\r\n+stored\r\n"
    assert trace.end is Want.CLOSE
    assert trace.error is None


def test_what_happens_besides_octets() -> None:
    trace = run(toy.Client(), [b"+hello\r\n", lambda client: client.send(toy.Echo("a")), TIMEOUT])
    assert trace.events[-1] == Timeout()
    assert trace.output == b"ECHO a\r\n"
    assert isinstance(run(toy.Server(), [b"ECH", None]).error, ConnectionLost)
    no_step: Any = 3
    with pytest.raises(TypeError, match="step"):
        run(toy.Server(), [no_step])


def test_a_play_that_never_answers_is_found() -> None:
    with pytest.raises(Livelock):
        run(toy.Server(), b"ECHO a\r\n", lambda machine, event: None)


def test_reads_of_nothing_end() -> None:
    with pytest.raises(Livelock):
        run(toy.Server(), b"ECHO a\r\n", cuts=lambda _: 0)


def test_what_a_play_raises_goes_through() -> None:
    def wrong(machine: Any, event: object) -> None:
        machine.end_body()

    with pytest.raises(LocalProtocolError):
        run(toy.Server(), b"ECHO a\r\n", wrong)


# --- The chunk law --------------------------------------------------------------------------------


def test_a_lawful_machine_passes_and_its_trace_is_returned() -> None:
    trace = assert_chunk_invariant(toy.Server, b"ECHO a\r\nPUT 3\r\nxyzNONSENSE\r\nQUIT\r\n")
    assert trace.events[-1] == toy.Quit()
    long = assert_chunk_invariant(toy.Server, b"PUT 5000\r\n" + b"x" * 5_000)
    assert long.events[-1] == toy.BodyEnd(5_000)


def test_a_play_with_a_memory_is_made_anew() -> None:
    trace = assert_chunk_invariant(
        toy.Client,
        [b"+hello\r\n", b"+a\r\n+b\r\n"],
        make_play=lambda: script((toy.Echo("a"), toy.Echo("b"))),
    )
    assert [event.text for event in trace.events] == ["hello", "a", "b"]


class Greedy(toy.Server):
    """Takes whatever is there for a line."""

    def _read_line(self) -> bytes | None:
        if self._in.line(b"\r\n") is None:
            return None
        return b"ECHO %d\r\n" % len(self._in)


class Impatient(toy.Server):
    """Refuses what does not come in one piece."""

    def _read_line(self) -> bytes | None:
        line = super()._read_line()
        if line is None and len(self._in):
            raise RemoteProtocolError("half a line")
        return line


class Chatty(toy.Server):
    """Answers reads, not lines."""

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        super().receive_data(data)
        self._out.put(b"!read\r\n")


@attrs.frozen
class Oddity:
    text: str
    defects: tuple[Defect, ...] = attrs.field(default=(), eq=False)


class Watchful(toy.Server):
    """Its events differ only in what `==` does not look at."""

    code = "how_much_was_there"

    def _parse(self) -> Any:
        there = len(self._in)
        event = super()._parse()
        if isinstance(event, toy.BadCommand):
            return Oddity("odd", (Defect(self.code, there),))
        return event


@pytest.mark.parametrize("lawless", [Greedy, Impatient, Chatty, Watchful])
def test_a_lawless_machine_is_found(lawless: type[toy.Server]) -> None:
    with pytest.raises(AssertionError, match="when the input comes"):
        assert_chunk_invariant(lawless, b"WHAT\r\nWHY\r\n")


def test_verdicts_about_arrival_are_left_out_by_name() -> None:
    class Excused(Watchful):
        code = "early_talk"

    trace = assert_chunk_invariant(Excused, b"WHAT\r\nWHY\r\n")
    assert trace.events[0].defects
    with pytest.raises(AssertionError):
        assert_chunk_invariant(Excused, b"WHAT\r\nWHY\r\n", ignore=frozenset())


def test_the_message_names_the_cut_and_the_difference() -> None:
    with pytest.raises(AssertionError, match=r"octet by octet: event 0 is Echo.*, not Echo"):
        assert_chunk_invariant(Greedy, b"A\r\nB\r\n")
    with pytest.raises(AssertionError, match=r"cut as \[2, 1\]: output is"):
        assert_chunk_invariant_only(Chatty, b"A\r\n", [2, 1])


def assert_chunk_invariant_only(make: Any, data: bytes, sizes: list[int]) -> None:
    whole = run(make(), data)
    difference = run(make(), data, cuts=sizes).differs_from(whole)
    assert difference is None, f"cut as {sizes}: {difference}"
