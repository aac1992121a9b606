"""A whole transaction in one call, and every way it can come out.

`submit()` is tried with and without PIPELINING, with DATA and with BDAT, over SMTP and over LMTP.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from mailproto import BodyWanted, Limits, LocalProtocolError, RemoteProtocolError, Want
from mailproto.errors import ConnectionLost
from mailproto.message import Message
from mailproto.smtp import (
    BODY,
    NOTIFY,
    ORCPT,
    SIZE,
    SMTPUTF8,
    BareNewlines,
    Bdat,
    BodyChunk,
    Client,
    Data,
    Ehlo,
    Envelope,
    Mail,
    Noop,
    NotOffered,
    OriginalRecipient,
    Outcome,
    Param,
    Quirks,
    Rcpt,
    Recipient,
    Replied,
    Reply,
    Rset,
    State,
    Timeout,
)
from mailproto.testing import EOF, Link, Play, Trace, assert_chunk_invariant, run
from tests.smtp.talk import (
    EVERYTHING,
    client,
    names,
    sends,
    server,
    submits,
    writing,
)

ids = pytest.mark.parametrize


@attrs.frozen
class Mode:
    """What the server offers."""

    pipelining: bool
    chunking: bool
    lmtp: bool

    def __str__(self) -> str:
        words = [name for name in ("pipelining", "chunking", "lmtp") if getattr(self, name)]
        return "+".join(words) or "plain"

    @property
    def keywords(self) -> tuple[str, ...]:
        return ("PIPELINING",) * self.pipelining + ("CHUNKING",) * self.chunking

    def client(self, **options: Any) -> Callable[[], Any]:
        return client(*self.keywords, lmtp=self.lmtp, **options)


MODES = [Mode(*flags) for flags in itertools.product((False, True), repeat=3)]
SMTP_MODES = [mode for mode in MODES if not mode.lmtp]
every_mode = ids("mode", MODES, ids=str)
every_smtp_mode = ids("mode", SMTP_MODES, ids=str)

B, C, D = "b@x", "c@x", "d@x"
BODY_PIECES = (b"Subject: one\r\n\r\n", b".two\r\n", b"three\r\n")
CONTENT = b"".join(BODY_PIECES)

# --- With a server that answers as told -----------------------------------------------------------


@attrs.frozen
class Answers:
    """What the server's application says. None is the normal yes."""

    mail: Reply | None = None
    rcpt: dict[str, Reply] = attrs.field(factory=dict[str, Reply])
    data: Reply | None = None
    chunk: tuple[int, Reply] | None = None
    """Which chunk (from 0) is refused, and how."""
    end: dict[str | None, Reply] = attrs.field(factory=dict[str | None, Reply])
    """By recipient in LMTP, else by None."""

    def play(self) -> Play:
        chunks = itertools.count()

        def answer(machine: Any, event: object) -> None:
            while (awaiting := machine.awaiting) is not None:
                no: Reply | None = None
                if isinstance(awaiting, Mail):
                    no = self.mail
                elif isinstance(awaiting, Rcpt):
                    no = self.rcpt.get(awaiting.recipient)
                elif isinstance(awaiting, Data):
                    no = self.data
                elif isinstance(awaiting, Bdat):
                    if self.chunk is not None and next(chunks) == self.chunk[0]:
                        no = self.chunk[1]
                else:
                    no = self.end.get(awaiting.recipient)
                if no is None:
                    machine.accept()
                else:
                    machine.reject(no)

        return answer


def linked(mode: Mode, answers: Answers, *, cut: int = 0, pipe: int = 65_536) -> Link:
    hello = b"LHLO x\r\n" if mode.lmtp else b"EHLO x\r\n"
    machine = server(hello, lmtp=mode.lmtp, extensions=mode.keywords)()
    return Link(
        mode.client()(),
        machine,
        play_client=writing(*BODY_PIECES)(),
        play_server=answers.play(),
        cuts=(lambda there: min(cut, there)) if cut else None,
        pipe=pipe,
    )


def outcome_of(link: Link, *recipients: str) -> Outcome:
    envelope = Envelope("a@x", recipients)
    sender: Any = link.client.machine
    receiver: Any = link.server.machine
    number = sender.submit(envelope)
    link.run()
    (outcome,) = (event for event in link.client.events if isinstance(event, Outcome))
    assert (outcome.number, outcome.envelope) == (number, envelope)
    # Nothing else is told, and the session is ready for the next.
    assert len(link.client.events) == 1
    assert sender.outstanding == ()
    assert sender.awaiting is None
    assert sender.state is State.READY
    assert receiver.state is State.READY
    assert receiver.envelope is None
    return outcome


def received(link: Link) -> bytes:
    return b"".join(event.data for event in link.server.events if isinstance(event, BodyChunk))


def result_codes(outcome: Outcome) -> list[int]:
    assert [address for address, _ in outcome.results] == [
        recipient.address for recipient in outcome.envelope.recipients
    ]
    return [reply.code for _, reply in outcome.results]


NO = Reply(550, "5.1.1 no")
BUSY = Reply(451, "4.3.0 busy")
FULL = Reply(452, "4.2.2 full")


@every_mode
@ids("cut", [0, 1])
def test_accepted(mode: Mode, cut: int) -> None:
    link = linked(mode, Answers(), cut=cut)
    outcome = outcome_of(link, B, C)
    assert outcome.mail.code == 250
    assert [(address, reply.code) for address, reply in outcome.recipients] == [(B, 250), (C, 250)]
    assert outcome.reply is not None
    assert outcome.reply.code == 250
    assert outcome.delivered == (B, C)
    assert outcome.refused == ()
    assert received(link) == CONTENT
    said = link.transcript.said("C")
    assert (b"BDAT" in said) is mode.chunking
    assert (b"DATA" in said) is not mode.chunking


@every_mode
def test_two_in_a_row(mode: Mode) -> None:
    link = linked(mode, Answers())
    assert outcome_of(link, B).delivered == (B,)
    link.client.events.clear()
    link.client._play = writing(*BODY_PIECES)()
    assert outcome_of(link, C, D).delivered == (C, D)
    assert received(link) == CONTENT * 2


@every_mode
def test_the_sender_is_refused(mode: Mode) -> None:
    link = linked(mode, Answers(mail=NO))
    outcome = outcome_of(link, B, C)
    assert outcome.mail == NO
    assert outcome.recipients == ()
    assert outcome.reply is None
    assert result_codes(outcome) == [550, 550]
    assert outcome.delivered == ()
    assert received(link) == b""


@every_mode
def test_some_recipients_are_refused(mode: Mode) -> None:
    """A refused recipient is data, never an exception."""
    link = linked(mode, Answers(rcpt={C: NO}))
    outcome = outcome_of(link, B, C, D)
    assert [reply.code for _, reply in outcome.recipients] == [250, 550, 250]
    assert result_codes(outcome) == [250, 550, 250]
    assert outcome.delivered == (B, D)
    assert outcome.refused == ((C, NO),)
    assert received(link) == CONTENT


@every_mode
def test_all_recipients_are_refused(mode: Mode) -> None:
    """The body is not sent, nor asked for."""
    link = linked(mode, Answers(rcpt={B: NO, C: FULL}))

    def never(machine: Any, event: object) -> None:
        assert not isinstance(machine.awaiting, BodyWanted)

    link.client._play = never
    outcome = outcome_of(link, B, C)
    assert outcome.mail.code == 250
    assert [reply.code for _, reply in outcome.recipients] == [550, 452]
    assert outcome.reply is None
    assert result_codes(outcome) == [550, 452]
    assert received(link) == b""


@ids("mode", [mode for mode in MODES if not mode.chunking], ids=str)
def test_data_is_refused(mode: Mode) -> None:
    link = linked(mode, Answers(rcpt={C: NO}, data=BUSY))
    outcome = outcome_of(link, B, C, D)
    assert outcome.reply == BUSY
    assert result_codes(outcome) == [451, 550, 451]
    assert received(link) == b""


@ids("mode", [mode for mode in MODES if mode.chunking], ids=str)
@ids("which", [0, 1, 2])
def test_a_chunk_is_refused(mode: Mode, which: int) -> None:
    """RFC 3030 section 2: no more chunks, RSET; the first refusal is the reason."""
    link = linked(mode, Answers(rcpt={C: NO}, chunk=(which, BUSY)))
    outcome = outcome_of(link, B, C, D)
    assert outcome.reply == BUSY
    assert result_codes(outcome) == [451, 550, 451]
    if which < 2:
        assert link.transcript.said("C").count(b"RSET\r\n") == 1
    assert not any(type(event).__name__ == "BodyEnd" for event in link.server.events)


@every_smtp_mode
def test_the_message_is_refused(mode: Mode) -> None:
    link = linked(mode, Answers(rcpt={C: NO}, end={None: FULL}))
    outcome = outcome_of(link, B, C, D)
    assert outcome.reply == FULL
    assert result_codes(outcome) == [452, 550, 452]
    assert received(link) == CONTENT


@ids("mode", [mode for mode in MODES if mode.lmtp], ids=str)
def test_the_message_is_refused_for_some(mode: Mode) -> None:
    """RFC 2033 section 4.2: one reply for each recipient that was accepted."""
    link = linked(mode, Answers(rcpt={C: NO}, end={D: FULL}))
    outcome = outcome_of(link, B, C, D, B)
    assert [reply.code for _, reply in outcome.recipients] == [250, 550, 250, 250]
    assert result_codes(outcome) == [250, 550, 452, 250]
    assert outcome.delivered == (B, B)
    assert outcome.refused == ((C, NO), (D, FULL))
    assert outcome.reply is not None
    assert outcome.reply.code == 250


@every_mode
@ids("answers", [Answers(mail=NO), Answers(rcpt={B: NO, C: NO}), Answers(rcpt={B: NO})], ids=str)
def test_the_session_goes_on(mode: Mode, answers: Answers) -> None:
    link = linked(mode, answers)
    outcome_of(link, B, C)
    link.client.events.clear()
    link.client._play = writing(*BODY_PIECES)()
    link.server._play = Answers().play()
    assert outcome_of(link, B, C).delivered == (B, C)


@every_mode
def test_many_recipients_through_a_narrow_pipe(mode: Mode) -> None:
    recipients = [f"r{number}@x.example" for number in range(300)]
    made = mode.client(limits=Limits(output=500))
    hello = b"LHLO x\r\n" if mode.lmtp else b"EHLO x\r\n"
    link = Link(
        made(),
        server(hello, lmtp=mode.lmtp, extensions=mode.keywords)(),
        play_client=writing(*BODY_PIECES)(),
        pipe=64,
    )
    assert outcome_of(link, *recipients).delivered == tuple(recipients)


# --- What is said, octet by octet -----------------------------------------------------------------

OK = b"250 ok\r\n"
YES = Reply(250, "ok")


def to_body(machine: Any) -> None:
    """Say yes to everything until the body is wanted."""
    while (want := machine.next_event()) is not Want.ANSWER:
        if want is Want.SEND:
            machine.data_to_send()
        elif want is Want.DATA:
            command = machine.outstanding[0][1]
            machine.receive_data(b"354 go\r\n" if isinstance(command, Data) else OK)


def replies_for(mode: Mode, recipients: int = 2) -> list[bytes]:
    """Everything a server says to a good transaction, in order; the body comes in two pieces."""
    ends = recipients if mode.lmtp else 1
    middle = [OK] if mode.chunking else [b"354 go\r\n"]
    return [OK] * (1 + recipients) + middle + [OK] * ends


def transaction(mode: Mode, replies: list[Any], *, cut: bool = True) -> Trace:
    steps = [submits(B, C), *replies]
    make_play = writing(b"one\r\n", b"two\r\n")
    if not cut:
        return run(mode.client()(), steps, make_play())
    return assert_chunk_invariant(mode.client(), steps, make_play=make_play)


@every_mode
def test_the_words(mode: Mode) -> None:
    trace = transaction(mode, replies_for(mode))
    head = b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\n"
    if mode.chunking:
        body = b"BDAT 5\r\none\r\nBDAT 5 LAST\r\ntwo\r\n"
    else:
        body = b"DATA\r\none\r\ntwo\r\n.\r\n"
    assert trace.output == head + body
    results = ((B, YES), (C, YES))
    assert trace.events == (Outcome(2, Envelope("a@x", [B, C]), YES, results, YES, results),)
    assert trace.end is Want.DATA


@every_mode
def test_how_much_goes_out_at_once(mode: Mode) -> None:
    """RFC 2920 section 3.1: all of it up to DATA, where the server offers it; else one by one."""
    machine = mode.client()()
    machine.submit(Envelope("a@x", [B, C]))
    assert machine.next_event() is Want.SEND
    first = machine.data_to_send()
    if mode.pipelining:
        data = b"" if mode.chunking else b"DATA\r\n"
        assert first == b"MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nRCPT TO:<c@x>\r\n" + data
    else:
        assert first == b"MAIL FROM:<a@x>\r\n"
        machine.receive_data(OK)
        assert machine.next_event() is Want.SEND
        assert machine.data_to_send() == b"RCPT TO:<b@x>\r\n"


@every_mode
def test_a_421_at_any_point(mode: Mode) -> None:
    """RFC 5321 section 3.8: it stands for every answer that will not come."""
    bye = Reply(421, "4.3.2 bye")
    good = replies_for(mode)
    for at in range(len(good)):
        trace = transaction(mode, [*good[:at], b"421 4.3.2 bye\r\n"])
        assert names(trace) == ["Outcome"], at
        assert trace.end is Want.CLOSE
        outcome = trace.events[0]
        assert isinstance(outcome, Outcome)
        assert outcome.mail == (bye if at == 0 else YES)
        # In LMTP those whose answers had come have them.
        had = max(0, at - 4) if mode.lmtp else 0
        assert [reply for _, reply in outcome.results] == [YES] * had + [bye] * (2 - had)
        assert trace.machine.outstanding == () or trace.machine.state is State.CLOSED


@every_mode
def test_the_end_at_any_point(mode: Mode) -> None:
    """There is no outcome then: nobody knows it. But who was served by LMTP is known."""
    good = replies_for(mode)
    for at in range(len(good)):
        for half in (b"", b"25", b"250-x\r\n"):
            trace = transaction(mode, [*good[:at], half, EOF], cut=False)
            if mode.lmtp and at == len(good) - 1:
                (outcome,) = trace.events
                assert outcome.delivered == (outcome.envelope.recipients[0].address,)
                assert len(outcome.results) == 1
            else:
                assert Outcome not in map(type, trace.events), at
            assert isinstance(trace.error, ConnectionLost)


@every_mode
def test_garbage_at_any_point(mode: Mode) -> None:
    good = replies_for(mode)
    for at in range(len(good)):
        trace = transaction(mode, [*good[:at], b"what?\r\n"], cut=False)
        # Who was served by LMTP is known, and told first.
        served = mode.lmtp and at == len(good) - 1
        assert names(trace) == (["Outcome"] if served else [])
        assert isinstance(trace.error, RemoteProtocolError)


@every_mode
def test_a_reply_too_many(mode: Mode) -> None:
    trace = transaction(mode, [*replies_for(mode), OK])
    assert names(trace) == ["Outcome"]
    assert isinstance(trace.error, RemoteProtocolError)


@ids("mode", [mode for mode in MODES if not mode.chunking], ids=str)
@ids("code", [552, 451])
def test_a_refusal_in_the_middle_of_a_text(mode: Mode, code: int) -> None:
    """The text cannot be taken back, so the connection ends; and all know why."""
    machine = mode.client()()
    machine.submit(Envelope("a@x", [B, C]))
    to_body(machine)
    machine.send_body(b"half\r\n")
    machine.data_to_send()
    machine.receive_data(b"%d no\r\n" % code)
    outcome = machine.next_event()
    assert isinstance(outcome, Outcome)
    assert outcome.reply == Reply(code, "no")
    assert result_codes(outcome) == [code, code]
    assert machine.next_event() is Want.CLOSE
    assert machine.data_to_send() == b""


@ids("mode", [mode for mode in MODES if mode.chunking], ids=str)
def test_a_refused_chunk_ends_the_body(mode: Mode) -> None:
    machine = mode.client()()
    machine.submit(Envelope("a@x", [B]))
    to_body(machine)
    machine.send_body(b"one")
    machine.send_body(b"two")
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send() == b"BDAT 3\r\none"
    machine.receive_data(b"552 5.3.4 too big\r\n")
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send() == b"RSET\r\n"
    assert machine.awaiting is None
    with pytest.raises(LocalProtocolError):
        machine.send_body(b"x")
    with pytest.raises(LocalProtocolError):
        machine.end_body()
    machine.receive_data(OK)
    outcome = machine.next_event()
    assert isinstance(outcome, Outcome)
    assert outcome.reply == Reply(552, "5.3.4 too big")
    assert machine.next_event() is Want.DATA


@ids("window", [1, 2, 5])
def test_only_so_many_chunks_are_in_flight(window: int) -> None:
    """The body is asked for only while fewer than `limits.window` chunks are unanswered."""
    machine = client("PIPELINING", "CHUNKING", limits=Limits(window=window))()
    machine.submit(Envelope("a@x", [B]))
    to_body(machine)
    sent = 0
    while machine.next_event() is Want.ANSWER:
        machine.send_body(b"x" * 10)
        sent += 1
        while machine.next_event() is Want.SEND:
            machine.data_to_send()
    # The last piece is held back: it may turn out to be the LAST.
    assert len(machine.outstanding) == window
    assert sent == window + 1
    assert machine.next_event() is Want.DATA
    machine.receive_data(OK)
    assert machine.next_event() is Want.ANSWER
    machine.end_body()
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send() == b"BDAT 10 LAST\r\n" + b"x" * 10


def test_without_pipelining_one_chunk_at_a_time() -> None:
    """RFC 3030 section 4.2: BDAT may be pipelined where that is offered."""
    machine = client("CHUNKING", limits=Limits(window=8))()
    machine.submit(Envelope("a@x", [B]))
    to_body(machine)
    machine.send_body(b"one")
    machine.send_body(b"two")
    assert machine.next_event() is Want.SEND
    machine.data_to_send()
    assert machine.next_event() is Want.DATA
    assert len(machine.outstanding) == 1


@ids("pieces", [(), (b"",), (b"x",), (b"x", b"y")], ids=str)
def test_short_bodies(pieces: tuple[bytes, ...]) -> None:
    expected = {0: b"BDAT 0 LAST\r\n", 1: b"BDAT 1 LAST\r\nx", 2: b"BDAT 1\r\nxBDAT 1 LAST\r\ny"}
    trace = assert_chunk_invariant(
        client("PIPELINING", "CHUNKING"),
        [submits(B), OK + OK, *[OK] * max(1, len(pieces))],
        make_play=writing(*pieces),
    )
    assert trace.output.endswith(b"RCPT TO:<b@x>\r\n" + expected[len(b"".join(pieces))])
    assert names(trace) == ["Outcome"]


# --- Newlines -------------------------------------------------------------------------------------


@every_mode
@ids("policy", list(BareNewlines))
def test_newlines_of_the_body(mode: Mode, policy: BareNewlines) -> None:
    machine = mode.client(quirks=Quirks(bare_newlines=policy))()
    machine.submit(Envelope("a@x", [B]))
    to_body(machine)
    if policy is BareNewlines.REJECT:
        with pytest.raises(ValueError):
            machine.send_body(b"a\n.b\r")
        return
    machine.send_body(b"a\n.b\r")
    machine.send_body(b"\nc\rd")
    said = machine.data_to_send()
    if mode.chunking:
        machine.receive_data(OK)  # to the first chunk: without PIPELINING the next waits for it
        assert machine.next_event() is Want.ANSWER
    machine.end_body()
    said += machine.data_to_send()
    text = b"a\r\n.b\r\nc\r\nd" if policy is BareNewlines.NORMALIZE else b"a\n.b\r\nc\rd"
    if mode.chunking:
        # Counted, never stuffed.
        assert b"".join(_chunks(said)) == text
    elif policy is BareNewlines.NORMALIZE:
        assert said == b"a\r\n..b\r\nc\r\nd\r\n.\r\n"
    else:
        assert said == text + b"\r\n.\r\n"


def _chunks(said: bytes) -> list[bytes]:
    found: list[bytes] = []
    while said:
        line, said = said.split(b"\r\n", 1)
        size = int(line.split()[1])
        found.append(said[:size])
        said = said[size:]
    return found


def test_binary_bodies_are_left_alone() -> None:
    """RFC 3030 section 3: BINARYMIME has no lines."""
    binary = b"\n\r.\r\r\n\0\xff"
    trace = assert_chunk_invariant(
        client("PIPELINING", "CHUNKING", "8BITMIME", "BINARYMIME"),
        [submits(B, body="BINARYMIME"), OK + OK, OK],
        make_play=writing(binary),
    )
    assert trace.output == (
        b"MAIL FROM:<a@x> BODY=BINARYMIME\r\nRCPT TO:<b@x>\r\nBDAT 8 LAST\r\n" + binary
    )


# --- Parameters -----------------------------------------------------------------------------------


def first_line(machine: Any) -> bytes:
    said: bytes = machine.data_to_send()
    return said.split(b"\r\n")[0]


@ids(
    ("keywords", "options", "line"),
    [
        (("SIZE",), {"size": 5}, b"MAIL FROM:<a@x> SIZE=5"),
        (("SIZE 100",), {"size": 5}, b"MAIL FROM:<a@x> SIZE=5"),
        ((), {"size": 5}, b"MAIL FROM:<a@x>"),
        (("8BITMIME",), {"body": "8BITMIME"}, b"MAIL FROM:<a@x> BODY=8BITMIME"),
        (("8BITMIME",), {"body": "7BIT"}, b"MAIL FROM:<a@x> BODY=7BIT"),
        ((), {"body": "7BIT"}, b"MAIL FROM:<a@x>"),
        (("SMTPUTF8",), {"smtputf8": True}, b"MAIL FROM:<a@x> SMTPUTF8"),
        (("SMTPUTF8",), {}, b"MAIL FROM:<a@x>"),
    ],
    ids=str,
)
def test_parameters_as_the_server_allows(
    keywords: tuple[str, ...], options: dict[str, Any], line: bytes
) -> None:
    machine = client(*keywords)()
    machine.submit(Envelope("a@x", [B]), **options)
    assert first_line(machine) == line


@ids(
    ("envelope", "options", "keyword"),
    [
        (Envelope("a@x", [B]), {"body": "8BITMIME"}, "8BITMIME"),
        (Envelope("a@x", [B]), {"body": "BINARYMIME"}, "BINARYMIME|CHUNKING"),
        (Envelope("a@x", [B]), {"smtputf8": True}, "SMTPUTF8"),
        (Envelope("grün@x", [B]), {}, "SMTPUTF8"),
        (Envelope("a@x", ["grün@x"]), {}, "SMTPUTF8"),
        (Envelope("a@x", [B]), {"chunking": True}, "CHUNKING"),
        (Envelope("a@x", [Recipient(B, (NOTIFY(("NEVER",)),))]), {}, "DSN"),
        (Envelope("a@x", [B], (Param("REQUIRETLS"),)), {}, "REQUIRETLS"),
        (Envelope("a@x", [B], (Param("BY", "5;R"),)), {}, "DELIVERBY"),
    ],
    ids=str,
)
def test_what_is_needed_and_not_offered(
    envelope: Envelope, options: dict[str, Any], keyword: str
) -> None:
    machine = client("PIPELINING")()
    with pytest.raises(NotOffered, match=keyword):
        machine.submit(envelope, **options)
    assert machine.data_to_send() == b""
    assert machine.outstanding == ()
    machine.submit(Envelope("a@x", [B]))


def test_binary_needs_chunking_even_if_told_otherwise() -> None:
    machine = client("CHUNKING", "BINARYMIME", "8BITMIME")()
    with pytest.raises(LocalProtocolError):
        machine.submit(Envelope("a@x", [B]), body="BINARYMIME", chunking=False)


def test_addresses_in_utf_8_bring_their_parameter() -> None:
    """RFC 6531 section 3.4."""
    machine = client("SMTPUTF8", "PIPELINING")()
    machine.submit(Envelope("a@x", ["grün@x"]))
    said = machine.data_to_send().split(b"\r\n")
    assert said[:2] == [b"MAIL FROM:<a@x> SMTPUTF8", "RCPT TO:<grün@x>".encode()]


def test_parameters_of_the_envelope() -> None:
    machine = client(*EVERYTHING, "SIZE")()
    recipient = Recipient(B, (NOTIFY(("DELAY",)), ORCPT(OriginalRecipient("rfc822", "b+tag@x"))))
    machine.submit(Envelope("", [recipient, C], (BODY("8BITMIME"), Param("RET", "HDRS"))), size=7)
    mail, first, second, *_ = machine.data_to_send().split(b"\r\n")
    assert set(mail.split()) == {b"MAIL", b"FROM:<>", b"BODY=8BITMIME", b"RET=HDRS", b"SIZE=7"}
    assert first == b"RCPT TO:<b@x> NOTIFY=DELAY ORCPT=rfc822;b+2Btag@x"
    assert second == b"RCPT TO:<c@x>"


def test_chunking_can_be_declined() -> None:
    machine = client("PIPELINING", "CHUNKING")()
    machine.submit(Envelope("a@x", [B]), chunking=False)
    assert machine.data_to_send().endswith(b"DATA\r\n")


def test_the_size_of_the_envelope_is_left_out_where_it_says_nothing() -> None:
    machine = client()()
    machine.submit(Envelope("a@x", [B], (SIZE(5),)))
    assert first_line(machine) == b"MAIL FROM:<a@x>"


# --- When -----------------------------------------------------------------------------------------


def test_an_envelope_needs_a_recipient() -> None:
    machine = client()()
    with pytest.raises(ValueError):
        machine.submit(Envelope("a@x", []))
    machine.submit(Envelope("a@x", [B]))


@every_mode
def test_one_at_a_time(mode: Mode) -> None:
    machine = mode.client()()
    machine.submit(Envelope("a@x", [B]))
    outstanding, said = machine.outstanding, machine.data_to_send()
    with pytest.raises(LocalProtocolError, match="under way"):
        machine.submit(Envelope("a@x", [B]))
    for item in (Noop(), Rset(), Mail("a@x")):
        with pytest.raises(LocalProtocolError):
            machine.send(item)
    assert machine.outstanding == outstanding
    assert said
    assert machine.data_to_send() == b""


@ids(
    "then",
    [
        [sends(Ehlo("x"))],
        [sends(Mail("a@x"))],
        [sends(Mail("a@x")), OK],
        [sends(Noop())],
    ],
    ids=["waiting for EHLO", "MAIL in flight", "in a transaction", "without PIPELINING"],
)
def test_not_in_the_middle_of_something(then: list[Any]) -> None:
    machine = client(then=then)()
    with pytest.raises(LocalProtocolError):
        machine.submit(Envelope("a@x", [B]))


def test_not_before_ehlo() -> None:
    with pytest.raises(LocalProtocolError):
        Client().submit(Envelope("a@x", [B]))


def test_behind_a_pipelined_reset() -> None:
    steps = [sends(Mail("x@x"), Rset()), submits(B), OK * 2 + OK * 2 + b"354 go\r\n", OK]
    trace = assert_chunk_invariant(client("PIPELINING"), steps, make_play=writing(b"x"))
    assert names(trace) == ["Replied", "Replied", "Outcome"]
    assert trace.events[1] == Replied(3, Rset(), YES)
    outcome = trace.events[2]
    assert isinstance(outcome, Outcome)
    assert outcome.delivered == (B,)


@every_mode
def test_the_body_is_wanted_for_the_transaction(mode: Mode) -> None:
    machine = mode.client()()
    number = machine.submit(Envelope("a@x", [B]))
    to_body(machine)
    assert machine.awaiting.number == number
    assert machine.timeout == 180


@every_mode
def test_giving_up_completes_nothing(mode: Mode) -> None:
    """Half a message is not a message."""
    machine = mode.client()()
    machine.submit(Envelope("a@x", [B]))
    to_body(machine)
    machine.send_body(b"half\r\n")
    machine.abort()
    assert machine.data_to_send() == b""
    assert machine.next_event() is Want.CLOSE


def test_a_pipelined_data_without_recipients_sends_nothing_to_nobody() -> None:
    """RFC 2920 section 3.1: an empty message ends what a careless server began."""
    steps = [submits(B), b"250 ok\r\n550 no\r\n354 go\r\n", b"250 sent to nobody\r\n"]
    trace = assert_chunk_invariant(client("PIPELINING"), steps)
    assert trace.output.endswith(b"DATA\r\n.\r\n")
    outcome = trace.events[0]
    assert isinstance(outcome, Outcome)
    assert (outcome.delivered, outcome.reply) == ((), None)


def test_answers_and_codes_of_the_server_are_the_clients() -> None:
    """What goes out of one machine comes out of the other."""
    mode = Mode(pipelining=True, chunking=False, lmtp=False)
    link = linked(mode, Answers(rcpt={C: Reply(452, "4.2.2 full\nvery")}))
    outcome = outcome_of(link, B, C)
    assert outcome.refused == ((C, Reply(452, "4.2.2 full\nvery")),)


def test_what_is_outstanding_in_each_phase() -> None:
    """`outstanding` lists what was said and is not answered, in order, with the one number."""
    machine = client("PIPELINING")()
    number = machine.submit(Envelope("a@x", ["b@x", "c@x"]))
    commands = [Mail("a@x"), Rcpt("b@x"), Rcpt("c@x"), Data()]
    assert machine.outstanding == tuple((number, command) for command in commands)
    machine.data_to_send()
    for reply, state in ((b"250 ok\r\n", State.MAIL), (b"250 ok\r\n", State.RCPT)):
        machine.receive_data(reply)
        assert machine.next_event() is Want.DATA
        assert machine.state is state
    assert machine.outstanding == ((number, Rcpt("c@x")), (number, Data()))
    machine.receive_data(b"550 no\r\n354 go\r\n")
    assert machine.next_event() is Want.ANSWER
    assert (machine.state, machine.outstanding) == (State.TEXT, ((number, Data()),))
    machine.end_body()
    machine.data_to_send()
    machine.receive_data(b"250 ok\r\n")
    assert isinstance(machine.next_event(), Outcome)
    assert (machine.state, machine.outstanding) == (State.READY, ())


def pump(machine: Client) -> Want:
    """Read all that is there, answer nothing."""
    while (want := machine.next_event()) is Want.SEND:
        machine.data_to_send()
    assert isinstance(want, Want)
    return want


@ids(
    ("mode", "replies"),
    [
        (("PIPELINING",), b"250 ok\r\n250 ok\r\n250 what?\r\n"),  # 250 to DATA
        (("PIPELINING",), b"354 go\r\n"),  # to MAIL
        (("PIPELINING",), b"235 ok\r\n"),
        (("PIPELINING",), b"250 ok\r\n250 ok\r\n354 go\r\n250 taken\r\n"),  # before the body's end
        (("PIPELINING",), b"250 ok\r\n250 ok\r\n354 go\r\n354 go\r\n"),
        (("PIPELINING", "CHUNKING"), b"250 ok\r\n250 ok\r\n250 more\r\n"),
        ((), b"250 ok\r\n250 ok\r\n250 what?\r\n"),
    ],
    ids=repr,
)
def test_replies_that_cannot_be_meant(mode: tuple[str, ...], replies: bytes) -> None:
    """RFC 5321 section 4.3.2 has no such answers: the two sides are out of step."""
    machine = client(*mode)()
    machine.submit(Envelope("a@x", ["b@x"]))
    machine.data_to_send()
    machine.receive_data(replies)
    with pytest.raises(RemoteProtocolError):
        pump(machine)


# --- What is known is told, whatever comes behind it ----------------------------------------------

REFUSAL = Reply(554, "5.7.1 spam")


def in_flight(*replies: bytes, **options: Any) -> Client:
    """A client that said MAIL, two RCPT and DATA in one go, and read `replies`."""
    machine: Client = client("PIPELINING", **options)()
    machine.submit(Envelope("a@x", [B, C]))
    machine.data_to_send()
    machine.receive_data(b"".join(replies))
    return machine


@ids(
    ("replies", "results"),
    [
        ((b"554 5.7.1 spam\r\n",), [REFUSAL, REFUSAL]),  # to MAIL
        ((OK, b"554 5.7.1 spam\r\n"), [REFUSAL]),  # to the first RCPT
        ((OK, OK, OK, b"554 5.7.1 spam\r\n"), [REFUSAL, REFUSAL]),  # to DATA
    ],
    ids=["MAIL", "RCPT", "DATA"],
)
@ids("end", ["eof", "garbage", "timeout"])
def test_a_refusal_is_told_before_the_connection_is_lost(
    replies: tuple[bytes, ...], results: list[Reply], end: str
) -> None:
    """A permanent refusal must not look as if trying again would help (RFC 5321 section 4.2.1)."""
    machine = in_flight(*replies)
    pump(machine)
    if end == "eof":
        machine.receive_eof()
    elif end == "garbage":
        machine.receive_data(b"what?\r\n")
    else:
        machine.receive_timeout()
        assert isinstance(machine.next_event(), Timeout)
    outcome = machine.next_event()
    assert isinstance(outcome, Outcome)
    assert [reply for _, reply in outcome.results] == results
    if end == "timeout":
        assert machine.next_event() is Want.CLOSE
    else:
        with pytest.raises(RemoteProtocolError):
            machine.next_event()


def test_a_421_does_not_take_a_refusal_back() -> None:
    machine = in_flight(OK, OK, OK, b"554 5.7.1 spam\r\n", b"421 bye\r\n")
    while not isinstance(outcome := machine.next_event(), Outcome):
        machine.data_to_send()
    assert [reply for _, reply in outcome.results] == [REFUSAL, REFUSAL]
    assert outcome.reply == REFUSAL


def test_replies_are_read_before_all_recipients_are_said() -> None:
    """A peer that answers nonsense is not told two hundred recipients first."""
    machine = client("PIPELINING", limits=Limits(output=100))()
    machine.submit(Envelope("a@x", [f"d{number}@x.example" for number in range(200)]))
    said = machine.data_to_send()
    machine.receive_data(b"what?\r\n")
    with pytest.raises(RemoteProtocolError):
        machine.next_event()
    assert len(said) <= 200


def test_the_window_holds_whether_asked_or_not() -> None:
    """RFC 2920, RFC 3030: without PIPELINING one chunk is in flight."""
    machine = client("CHUNKING")()
    machine.submit(Envelope("a@x", [B]))
    for _ in range(2):
        machine.data_to_send()
        machine.receive_data(OK)
        pump(machine)
    machine.send_body(b"one")
    machine.send_body(b"two")
    with pytest.raises(LocalProtocolError):
        machine.send_body(b"three")
    assert machine.data_to_send() == b"BDAT 3\r\none"


def test_utf8_recipients_need_smtputf8() -> None:
    machine = client("SMTPUTF8", "8BITMIME")()
    with pytest.raises(LocalProtocolError):
        machine.submit(Envelope("a@x", ["ü@x.example"]), smtputf8=False)
    assert machine.data_to_send() == b""


@ids("value", [None, "a@x", Mail("a@x")], ids=repr)
def test_an_envelope_is_an_envelope(value: Any) -> None:
    with pytest.raises(TypeError):
        client()().submit(value)


# --- With a message -------------------------------------------------------------------------------

LETTER = b"From: a@x\r\nSubject: one\r\n\r\n.two\r\n..\r\nthree\r\n"
UMLAUTS = (
    b"From: a@x\r\nSubject: one\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    + "Viele herzliche Grüße aus Köln am Rhein\r\n".encode() * 3
)


def never(machine: Any, event: object) -> None:
    assert event is not Want.ANSWER


def with_message(
    mail: Message, *keywords: str, answers: Answers | None = None, limits: Limits | None = None
) -> Link:
    offered = [word.partition(" ")[0] for word in keywords]
    machine = server(b"EHLO x\r\n", extensions=offered)()
    limits = limits or Limits()
    link = Link(
        client(*keywords, limits=limits)(),
        machine,
        play_client=never,
        play_server=(answers or Answers()).play(),
    )
    sender: Any = link.client.machine
    sender.submit(Envelope("a@x", [B, C]), mail)
    link.run()
    return link


def mail_of(link: Link) -> Mail:
    (mail,) = (event for event in link.server.events if isinstance(event, Mail))
    return mail


@every_mode
@ids("cut", [0, 1])
def test_a_message_is_sent_by_itself(mode: Mode, cut: int) -> None:
    """Nobody is asked for it."""
    link = linked(mode, Answers(), cut=cut)
    link.client._play = never
    sender: Any = link.client.machine
    sender.submit(Envelope("a@x", [B, C]), Message.parse(LETTER))
    link.run()
    (outcome,) = (event for event in link.client.events if isinstance(event, Outcome))
    assert outcome.delivered == (B, C)
    assert received(link) == LETTER
    assert (sender.state, sender.awaiting, sender.outstanding) == (State.READY, None, ())
    sender.submit(Envelope("a@x", [D]), Message.parse(LETTER))
    link.run()
    assert received(link) == LETTER * 2


@every_mode
def test_a_message_that_nobody_wants_is_not_sent(mode: Mode) -> None:
    link = linked(mode, Answers(rcpt={B: NO}))
    sender: Any = link.client.machine
    sender.submit(Envelope("a@x", [B]), Message.parse(LETTER))
    link.run()
    (outcome,) = (event for event in link.client.events if isinstance(event, Outcome))
    assert outcome.delivered == ()
    assert received(link) == b""
    # It is forgotten: the next body is asked for again.
    link.client._play = writing(*BODY_PIECES)()
    link.server._play = Answers().play()
    sender.submit(Envelope("a@x", [C]))
    link.run()
    assert received(link) == CONTENT


@ids("window", [1, 2, 50])
@ids("keywords", [(), ("PIPELINING",), ("CHUNKING",), ("PIPELINING", "CHUNKING")], ids=str)
def test_a_message_goes_out_in_pieces(keywords: tuple[str, ...], window: int) -> None:
    mail = Message.parse(LETTER + b"some line\r\n" * 500)
    limits = Limits(chunk=100, window=window, output=1_000)
    link = with_message(mail, *keywords, limits=limits)
    assert received(link) == mail.raw
    chunks = link.transcript.said("C").count(b"BDAT")
    assert chunks == (-(-len(mail.raw) // 100) if "CHUNKING" in keywords else 0)


@ids("which", [0, 2])
def test_a_refused_chunk_ends_it(which: int) -> None:
    mail = Message.parse(LETTER + b"some line\r\n" * 500)
    answers = Answers(chunk=(which, BUSY))
    limits = Limits(chunk=100, window=2)
    link = with_message(mail, "PIPELINING", "CHUNKING", answers=answers, limits=limits)
    (outcome,) = (event for event in link.client.events if isinstance(event, Outcome))
    assert outcome.delivered == ()
    assert len(received(link)) < len(mail.raw)
    sender: Any = link.client.machine
    assert sender.state is State.READY


def test_the_message_is_made_to_fit() -> None:
    """RFC 6152 section 3: a server without 8BITMIME gets 7 bits, in another encoding."""
    mail = Message.parse(UMLAUTS)
    link = with_message(mail, "8BITMIME", "SIZE")
    assert received(link) == UMLAUTS
    assert mail_of(link).get(BODY) == "8BITMIME"
    assert mail_of(link).get(SIZE) == len(UMLAUTS)
    link = with_message(mail)
    assert mail_of(link).params == ()
    assert received(link).isascii()
    assert Message.parse(received(link)).text == mail.text


def test_a_header_in_utf8_needs_smtputf8() -> None:
    """RFC 6531 section 3.4: with the parameter, or in ASCII."""
    mail = Message.parse("From: a@x\r\nSubject: Grüße\r\n\r\nx\r\n".encode())
    link = with_message(mail, "8BITMIME", "SMTPUTF8")
    assert mail_of(link).get(SMTPUTF8) is True
    assert received(link) == mail.raw
    link = with_message(mail, "8BITMIME")
    assert mail_of(link).get(SMTPUTF8) is None
    assert Message.parse(received(link)).header.subject == "Grüße"


def test_binary_goes_out_where_it_may() -> None:
    """RFC 3030 section 3: BINARYMIME and CHUNKING, both."""
    head = b"From: a@x\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    mail = Message.parse(head + b"\n\0\r\r\n" + b"x" * 3_000)
    link = with_message(mail, "8BITMIME", "CHUNKING", "BINARYMIME")
    assert received(link) == mail.raw
    assert mail_of(link).get(BODY) == "BINARYMIME"
    link = with_message(mail, "8BITMIME", "CHUNKING")
    assert Message.parse(received(link)).content == mail.content


def test_a_message_that_cannot_be_sent() -> None:
    """RFC 6530 section 8: an address that is not ASCII has no other form."""
    mail = Message.parse("From: ü@x\r\n\r\n".encode())
    machine = client("8BITMIME")()
    with pytest.raises(NotOffered, match="obstacles"):
        machine.submit(Envelope("a@x", [B]), mail)
    assert (machine.state, machine.outstanding) == (State.READY, ())
    assert machine.submit(Envelope("a@x", [B]), Message.parse(LETTER)) > 0


@ids("given", [{"size": 1}, {"body": "7BIT"}, {"smtputf8": True}], ids=str)
def test_what_the_message_says_is_not_given_too(given: dict[str, Any]) -> None:
    machine = client(*EVERYTHING)()
    with pytest.raises(ValueError, match="those of the message"):
        machine.submit(Envelope("a@x", [B]), Message.parse(LETTER), **given)
    assert machine.data_to_send() == b""


def test_the_application_cannot_put_its_own_octets_between() -> None:
    machine = client()()
    machine.submit(Envelope("a@x", [B]), Message.parse(LETTER))
    trace = run(machine, [b"250 ok\r\n250 ok\r\n354 go\r\n"], never)
    assert trace.output.endswith(b"\r\n.\r\n")
    with pytest.raises(LocalProtocolError):
        trace.machine.send_body(b"x")


@ids("keywords", [(), ("PIPELINING",), ("PIPELINING", "CHUNKING")], ids=str)
def test_a_message_by_every_way_of_cutting(keywords: tuple[str, ...]) -> None:
    """Law 1 and law 10, with a message that is under way."""

    def make() -> Any:
        machine = client(*keywords, limits=Limits(chunk=40, window=2))()
        machine.submit(Envelope("a@x", [B]), Message.parse(LETTER + b"line\r\n" * 20))
        return machine

    body = [b"250 chunk\r\n"] * 4 if "CHUNKING" in keywords else [b"354 go\r\n", b"250 done\r\n"]
    assert_chunk_invariant(make, [b"250 ok\r\n", b"250 ok\r\n", *body, EOF], never)
