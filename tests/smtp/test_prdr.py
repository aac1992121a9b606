"""PRDR (draft-hall-prdr): an answer for each recipient, and one for the message.

`MAIL ... PRDR` asks for it. Behind the message the server says 353, then one reply for each
accepted recipient in the order of their RCPTs, then one for the message as a whole, which overrides
them when it is a refusal. A server may also answer once, without 353, as if nobody had asked.
"""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from mailproto import Limits, LocalProtocolError, RemoteProtocolError, Want
from mailproto.errors import ConnectionLost
from mailproto.smtp import (
    PRDR,
    Bdat,
    BodyChunk,
    BodyEnd,
    BodyRefused,
    Burl,
    Data,
    Envelope,
    Mail,
    NotOffered,
    Outcome,
    Param,
    Rcpt,
    Replied,
    Reply,
    Rset,
    State,
)
from mailproto.testing import EOF, Link, Trace, assert_chunk_invariant, run
from tests.smtp.talk import (
    EHLO,
    LHLO,
    MAIL,
    RCPT,
    RCPT_2,
    answering,
    client,
    codes,
    kind,
    left,
    names,
    sends,
    server,
    submits,
    writing,
)

ids = pytest.mark.parametrize
chunked = ids("chunking", [False, True], ids=["DATA", "BDAT"])

OFFERED = ("PIPELINING", "CHUNKING", "SIZE", "BURL imap", "PRDR")
ASKS = b"MAIL FROM:<a@a.example> PRDR\r\n"
TWO = ASKS + RCPT + RCPT_2
B, C, D = "b@b.example", "c@b.example", "d@b.example"

OK = b"250 ok\r\n"
NO = b"550 no\r\n"
EACH = b"353 each\r\n"
YES = Reply(250, "ok")
REFUSED = Reply(550, "no")
FULL = Reply(452, "4.2.2 full")


def body(chunking: bool, content: bytes = b"x\r\n") -> list[bytes]:
    if chunking:
        return [b"BDAT %d LAST\r\n" % len(content) + content]
    return [b"DATA\r\n", content + b".\r\n"]


def served(*steps: Any, **options: Any) -> Any:
    options.setdefault("extensions", OFFERED)
    return server(EHLO, *steps, **options)


# --- The parameter --------------------------------------------------------------------------------


def test_the_parameter() -> None:
    command = Mail("a@a.example", (PRDR(True),))
    assert command.get(PRDR) is True
    assert PRDR(True) == Param("PRDR")
    assert Mail("a@a.example").get(PRDR) is None
    trace = assert_chunk_invariant(served(), ASKS)
    assert trace.events == (command,)
    row: Any = PRDR
    for value in (False, None, "yes"):
        with pytest.raises(ValueError):
            row(value)


def test_it_takes_no_value() -> None:
    trace = assert_chunk_invariant(served(), b"MAIL FROM:<> PRDR=yes\r\nMAIL FROM:<> PRDR PRDR\r\n")
    assert codes(trace) == [501, 501]


def test_not_offered() -> None:
    """555 (RFC 5321 section 4.1.1.11); and a client does not ask for it."""
    trace = assert_chunk_invariant(server(EHLO), ASKS)
    assert codes(trace) == [555]
    machine = client("PIPELINING")()
    before = pickle.dumps(machine)
    with pytest.raises(NotOffered):
        machine.send(Mail("a@a.example", (PRDR(True),)))
    with pytest.raises(NotOffered):
        machine.submit(Envelope("a@a.example", [B, C]), prdr=True)
    with pytest.raises(NotOffered):
        machine.submit(Envelope("a@a.example", [B, C], (PRDR(True),)))
    assert pickle.dumps(machine) == before


# --- Servers --------------------------------------------------------------------------------------


@chunked
def test_an_answer_for_each_and_one_for_all(chunking: bool) -> None:
    """353 once, before the first of them."""
    play = answering(True, True, FULL, Reply(250, "2.0.0 queued"))
    trace = assert_chunk_invariant(served(TWO), body(chunking), make_play=play)
    assert kind(trace, BodyEnd) == BodyEnd(3, B)
    last = [353, 250, 452, 250]
    assert codes(trace) == ([] if chunking else [354]) + last
    assert trace.output.endswith(b"452 4.2.2 full\r\n250 2.0.0 queued\r\n")
    assert left(trace).state is State.READY
    assert left(trace).envelope is None


@chunked
def test_whose_answer_is_owed(chunking: bool) -> None:
    """`awaiting.recipient` goes from one to the next, and is None for the message."""
    machine = served(TWO + b"RCPT TO:<b@b.example>\r\n")()
    for piece in body(chunking):
        machine.receive_data(piece)
        while not isinstance(machine.next_event(), (BodyEnd, Want)):
            if machine.awaiting is not None and not isinstance(machine.awaiting, BodyEnd):
                machine.accept()
        machine.data_to_send()
    found: list[str | None] = []
    said = b""
    for at in range(4):
        assert type(machine.awaiting) is BodyEnd
        found.append(machine.awaiting.recipient)
        assert machine.state is not State.READY
        assert machine.envelope is not None
        machine.accept()
        while machine.next_event() is Want.SEND:
            said += machine.data_to_send()
        assert machine.next_event() is (Want.ANSWER if at < 3 else Want.DATA)
        assert codes(said) == [353, *[250] * (at + 1)]  # each goes out when it is there
    assert found == [B, C, B, None]
    assert machine.awaiting is None
    with pytest.raises(LocalProtocolError):
        machine.accept()


def test_only_accepted_recipients_have_one() -> None:
    play = answering(True, False, True)
    trace = run(served()(), [ASKS + RCPT + RCPT_2, *body(False)], play())
    assert codes(trace) == [250, 550, 250, 354, 353, 250, 250]
    assert kind(trace, BodyEnd).recipient == C


def test_one_recipient_is_answered_in_the_same_way() -> None:
    """A client that asked must be ready for it."""
    trace = assert_chunk_invariant(served(ASKS + RCPT), body(True))
    assert codes(trace) == [353, 250, 250]


def test_it_holds_for_one_message() -> None:
    trace = assert_chunk_invariant(served(TWO), [*body(True), MAIL + RCPT + RCPT_2, *body(True)])
    assert codes(trace) == [353, 250, 250, 250, 250, 250, 250, 250]
    assert [event.recipient for event in trace.events if isinstance(event, BodyEnd)] == [B, None]


@ids("ending", [b"RSET\r\n", EHLO], ids=repr)
def test_a_reset_ends_it(ending: bytes) -> None:
    trace = assert_chunk_invariant(served(TWO, ending), [MAIL + RCPT + RCPT_2, *body(True)])
    assert codes(trace) == [250, 250, 250, 250]


def test_a_reset_behind_the_message_waits_for_the_answers() -> None:
    trace = assert_chunk_invariant(served(TWO), body(True)[0] + b"RSET\r\n")
    assert names(trace) == ["Bdat", "BodyChunk", "BodyEnd", "Rset"]
    assert codes(trace) == [353, 250, 250, 250, 250]


@ids(
    ("wire", "code"),
    [
        ([b"DATA\r\n", b"bare\nline\r\n.\r\n"], 550),
        ([b"DATA\r\n", b"x" * 50 + b"\r\n.\r\n"], 552),
        ([b"BDAT 50 LAST\r\n" + b"x" * 50], 552),
    ],
    ids=["bare newline", "SIZE", "SIZE with BDAT"],
)
def test_what_the_machine_refuses_is_answered_once(wire: list[bytes], code: int) -> None:
    """Without 353: the refusal is everybody's."""
    trace = assert_chunk_invariant(served(TWO, size=40), [*wire, b"RSET\r\n"])
    assert codes(trace) == ([354] if len(wire) == 2 else []) + [code, 250]
    assert kind(trace, BodyRefused).reply.code == code
    assert "BodyEnd" not in names(trace)


@ids("wire", [b"BDAT 3 LAST\r\nabc", b"BURL imap://x/y LAST\r\n", b"DATA\r\n"], ids=repr)
def test_what_the_application_refuses_before_the_end_too(wire: bytes) -> None:
    trace = assert_chunk_invariant(served(TWO), wire, make_play=answering(FULL))
    assert codes(trace) == [452]


def test_behind_a_burl() -> None:
    trace = assert_chunk_invariant(served(TWO), b"BURL imap://x/y LAST\r\n")
    assert trace.events == (Burl("imap://x/y", last=True), BodyEnd(0, B))
    assert codes(trace) == [353, 250, 250, 250]


@chunked
@ids("at", [0, 1, 2])
def test_a_421_among_the_answers_closes(chunking: bool, at: int) -> None:
    """RFC 5321 section 3.8. Where it is the first there is no 353 before it."""
    play = answering(*[True] * (at + 1), Reply(421, "4.3.0 bye"))
    trace = assert_chunk_invariant(served(TWO), body(chunking), make_play=play)
    expected = [353, *[250] * at, 421] if at else [421]
    assert codes(trace) == ([] if chunking else [354]) + expected
    assert trace.end is Want.CLOSE


@ids("at", [0, 1, 2])
def test_giving_up_among_the_answers(at: int) -> None:
    def play(machine: Any, event: object) -> None:
        for _ in range(at + 1):
            machine.accept()
        machine.abort()

    def later(machine: Any, event: object) -> None:
        (play if isinstance(event, BodyEnd) else answering()())(machine, event)

    trace = assert_chunk_invariant(served(TWO), body(True), later)
    assert trace.end is Want.CLOSE
    assert codes(trace)[: at + 2] == [353, *[250] * (at + 1)]


def test_the_answers_survive_a_move_to_another_process() -> None:
    trace = assert_chunk_invariant(served(TWO), body(True))
    moved = run(served(TWO)(), body(True), answering()(), between=_moved)
    assert moved.differs_from(trace) is None


def _moved(machine: Any) -> Any:
    return pickle.loads(pickle.dumps(machine))


def test_lmtp_has_its_own_way() -> None:
    """RFC 2033 section 4.2: one for each, none for the message, and no 353."""
    made = server(LHLO + TWO, extensions=OFFERED, lmtp=True)
    assert codes(assert_chunk_invariant(made, body(True))) == [250, 250]


# --- Clients, command by command ------------------------------------------------------------------


def asked(*, chunking: bool, then: tuple[Any, ...] = (), keywords: Any = OFFERED) -> Any:
    """A client whose message is out; its recipients are B and C."""
    items: list[Any] = [Mail("a@a.example", (PRDR(True),)), Rcpt(B), Rcpt(C)]
    steps: list[Any] = [sends(*items), OK * 3]
    steps += [sends(Bdat(3, True))] if chunking else [sends(Data()), b"354 go\r\n"]
    return client(*keywords, then=[*steps, *then], play=writing(b"x\r\n")())


@chunked
def test_each_reply_has_its_recipient(chunking: bool) -> None:
    trace = assert_chunk_invariant(asked(chunking=chunking), [EACH + OK + NO + b"250 all\r\n"])
    command = Bdat(3, True) if chunking else Data()
    assert trace.events == (
        Replied(5, command, Reply(353, "each")),
        Replied(5, command, YES, B),
        Replied(5, command, REFUSED, C),
        Replied(5, command, Reply(250, "all")),
    )
    assert left(trace).state is State.READY
    assert left(trace).outstanding == ()


@chunked
@ids(("answer", "code"), [(OK, 250), (NO, 550)], ids=repr)
def test_a_server_may_answer_once(chunking: bool, answer: bytes, code: int) -> None:
    trace = assert_chunk_invariant(asked(chunking=chunking), [answer])
    (only,) = trace.events
    assert (only.reply.code, only.recipient) == (code, None)
    spoilt = chunking and code == 550  # RFC 3030 section 2
    assert left(trace).state is (State.SPOILT if spoilt else State.READY)


@chunked
def test_the_command_is_outstanding_until_the_last(chunking: bool) -> None:
    machine = asked(chunking=chunking)()
    for answer in (EACH, OK, NO, b"250 all\r\n"):
        assert [number for number, _ in machine.outstanding] == [5]
        assert machine.timeout == 600.0  # RFC 5321 section 4.5.3.2.6
        machine.receive_data(answer)
        assert isinstance(machine.next_event(), Replied)
    assert machine.outstanding == ()


def test_the_next_message_may_be_on_its_way() -> None:
    """What the next MAIL asks for changes nothing about this message."""
    for params, answers in (((), OK), ((PRDR(True),), EACH + OK + OK)):
        make = asked(chunking=True, then=(sends(Mail("", params), Rcpt(D), Bdat(0, True)),))
        trace = assert_chunk_invariant(make, [EACH + OK + NO + OK, OK + OK + answers])
        assert trace.error is None
        assert [event.recipient for event in trace.events[:4]] == [None, B, C, None]
        assert left(trace).state is State.READY
        assert left(trace).outstanding == ()


PLAIN = [Mail("a@a.example"), Rcpt(B), Rcpt(C)]


def test_out_of_place() -> None:
    """A 353 that nobody asked for, or at another time, is no answer."""
    for chunking in (False, True):
        make = asked(chunking=chunking)
        for wire in (
            EACH + EACH,
            EACH + OK + EACH,
            EACH + OK + OK + EACH,
            EACH + OK + OK + OK + EACH,
            OK + EACH,
            NO + EACH,
            EACH + b"354 go\r\n",
            EACH + b"334 \r\n",
            EACH + OK + b"235 yes\r\n",
            EACH + OK + OK + OK + OK,
            b"354 go\r\n",
        ):
            assert isinstance(run(make(), wire).error, RemoteProtocolError), wire


@ids(
    ("then", "answer"),
    [
        ([sends(*PLAIN), OK * 3, sends(Bdat(0, True))], EACH),
        ([sends(Mail("a@x", (PRDR(True),)))], EACH),
        ([sends(Mail("a@x", (PRDR(True),)), Rcpt(B))], OK + EACH),
        ([sends(Mail("a@x", (PRDR(True),)), Rcpt(B), Data())], OK + OK + EACH),
        ([sends(Mail("a@x", (PRDR(True),)), Rcpt(B)), OK * 2, sends(Bdat(0))], EACH),
        ([sends(Mail("a@x", (PRDR(True),)), Rcpt(B)), OK + NO, sends(Bdat(0, True))], EACH),
        ([sends(Rset())], EACH),
    ],
    ids=["not asked", "MAIL", "RCPT", "DATA", "a chunk", "no recipient", "RSET"],
)
def test_353_to_anything_else(then: list[Any], answer: bytes) -> None:
    make = client(*OFFERED, then=then[:-1], play=writing()())
    try:
        machine = make()
        then[-1](machine)
    except LocalProtocolError:
        return  # it does not come to that: no chunk without a recipient
    trace = run(machine, answer, writing()())
    assert isinstance(trace.error, RemoteProtocolError)


def test_not_in_a_spoilt_transaction() -> None:
    """RFC 3030 section 2: behind a refused chunk there is no message to have an opinion on."""
    items: list[Any] = [Mail("a@x", (PRDR(True),)), Rcpt(B)]
    steps = [sends(*items), OK * 2, sends(Bdat(0)), sends(Bdat(0, True))]
    make = client(*OFFERED, then=steps, play=writing()())
    assert run(make(), NO + b"503 no\r\n").error is None
    assert isinstance(run(make(), NO + EACH).error, RemoteProtocolError)


def test_not_in_lmtp() -> None:
    items: list[Any] = [Mail("a@x", (PRDR(True),)), Rcpt(B)]
    make = client(*OFFERED, lmtp=True, then=[sends(*items), OK * 2, sends(Bdat(0, True))])
    machine = make()
    machine.end_body()
    machine.data_to_send()
    assert isinstance(run(machine, EACH).error, RemoteProtocolError)


@chunked
@ids("at", [0, 1, 2, 3])
def test_421_among_the_answers(chunking: bool, at: int) -> None:
    wire = [EACH, OK, OK][:at]
    trace = assert_chunk_invariant(asked(chunking=chunking), [*wire, b"421 bye\r\n"])
    assert [event.reply.code for event in trace.events] == [*[353, 250, 250][:at], 421]
    assert trace.end is Want.CLOSE


@chunked
@ids("at", [0, 1, 2, 3])
def test_the_end_among_the_answers(chunking: bool, at: int) -> None:
    wire = [EACH, OK, OK][:at]
    trace = assert_chunk_invariant(asked(chunking=chunking), [*wire, b"25", EOF])
    assert len(trace.events) == at
    assert isinstance(trace.error, ConnectionLost)


# --- submit() -------------------------------------------------------------------------------------


def submitted(*wire: Any, chunking: bool, cut: bool = True, refuse: bool = False) -> Trace:
    """A transaction for B, C and D whose message is out; then `wire`."""
    rcpts = OK * 2 + (NO if refuse else OK) + OK  # MAIL, B, C, D
    envelope = [rcpts] if chunking else [rcpts + b"354 go\r\n"]
    steps = [submits(B, C, D, sender="a@a.example", chunking=chunking), *envelope, *wire]
    make_play = writing(b"x\r\n")
    if not cut:
        return run(client(*OFFERED)(), steps, make_play())
    return assert_chunk_invariant(client(*OFFERED), steps, make_play=make_play)


def outcome(trace: Trace) -> Outcome:
    (found,) = trace.events
    assert isinstance(found, Outcome)
    return found


def results(trace: Trace) -> dict[str, int]:
    return {address: reply.code for address, reply in outcome(trace).results}


@chunked
def test_submit_asks_for_it(chunking: bool) -> None:
    trace = submitted(EACH + OK + b"452 full\r\n" + OK, b"250 all\r\n", chunking=chunking)
    assert trace.output.startswith(ASKS)
    found = outcome(trace)
    assert found.reply == Reply(250, "all")
    assert found.delivered == (B, D)
    assert found.refused == ((C, Reply(452, "full")),)
    assert [reply.code for _, reply in found.recipients] == [250, 250, 250]
    assert left(trace).state is State.READY
    assert left(trace).outstanding == ()


@chunked
@ids("code", [250, 451])
def test_one_answer_is_everybodys(chunking: bool, code: int) -> None:
    wire = [b"%d well\r\n" % code] + ([OK] if chunking and code == 451 else [])  # to RSET
    trace = submitted(*wire, chunking=chunking)
    assert results(trace) == {B: code, C: code, D: code}
    assert left(trace).state is State.READY


@chunked
def test_the_final_refusal_overrides_acceptances(chunking: bool) -> None:
    """A recipient's own refusal stays its own."""
    wire = [EACH + OK + b"452 full\r\n" + OK, b"554 no\r\n"] + ([OK] if chunking else [])
    trace = submitted(*wire, chunking=chunking)
    assert results(trace) == {B: 554, C: 452, D: 554}
    assert outcome(trace).reply == Reply(554, "no")
    assert outcome(trace).delivered == ()
    assert left(trace).state is State.READY
    assert trace.output.endswith(b"RSET\r\n") is chunking


@chunked
def test_no_to_each_and_yes_to_the_message(chunking: bool) -> None:
    trace = submitted(EACH + NO * 3 + OK, chunking=chunking)
    assert results(trace) == {B: 550, C: 550, D: 550}
    assert outcome(trace).delivered == ()
    assert left(trace).state is State.READY


@chunked
def test_a_recipient_that_was_refused_before_has_no_answer(chunking: bool) -> None:
    trace = submitted(EACH + OK + b"452 full\r\n" + OK, chunking=chunking, refuse=True)
    assert results(trace) == {B: 250, C: 550, D: 452}


@chunked
@ids("at", [0, 1, 2, 3, 4])
def test_submit_and_421(chunking: bool, at: int) -> None:
    """It stands for every answer that will not come, the one for the message among them."""
    wire = [EACH, OK, b"452 full\r\n", OK][:at]
    trace = submitted(*wire, b"421 bye\r\n", chunking=chunking)
    assert results(trace) == {B: 421, C: 452 if at >= 3 else 421, D: 421}
    assert trace.end is Want.CLOSE


@chunked
@ids("at", [0, 1, 2, 3, 4])
@ids("how", [EOF, b"what?\r\n"], ids=["the end", "garbage"])
def test_submit_and_a_lost_connection(chunking: bool, at: int, how: Any) -> None:
    """A yes holds only with the message's yes: then only refusals are known."""
    wire = [EACH, OK, b"452 full\r\n", OK][:at]
    trace = submitted(*wire, how, chunking=chunking, cut=False)
    assert isinstance(trace.error, RemoteProtocolError)
    if at < 3:
        assert trace.events == ()
    else:
        assert results(trace) == {C: 452}


@chunked
def test_submit_and_353_out_of_place(chunking: bool) -> None:
    for wire in (EACH + EACH, EACH + OK + EACH, EACH + OK * 3 + EACH, EACH + b"354 go\r\n"):
        trace = submitted(wire, chunking=chunking, cut=False)
        assert isinstance(trace.error, RemoteProtocolError), wire
        assert trace.events == ()
    for wire in (OK + EACH, EACH + OK * 4 + OK, EACH + OK * 4 + EACH):
        trace = submitted(wire, chunking=chunking, cut=False)
        assert isinstance(trace.error, RemoteProtocolError), wire
        assert names(trace) == ["Outcome"]


@ids(
    ("wire", "chunking"),
    [
        (EACH, False),
        (OK + EACH, False),
        (OK * 4 + EACH, False),
        (EACH, True),
        (OK * 3 + EACH, True),
    ],
)
def test_submit_and_353_before_the_body(wire: bytes, chunking: bool) -> None:
    steps = [submits(B, C, D, chunking=chunking), wire]
    trace = run(client(*OFFERED)(), steps, writing(b"x")())
    assert isinstance(trace.error, RemoteProtocolError)


def test_submit_and_353_to_a_chunk_that_is_not_the_last() -> None:
    for answers in (EACH, OK + EACH):
        machine = client(*OFFERED)()
        machine.submit(Envelope("a@x", [B, C]))
        machine.receive_data(OK * 3)
        while machine.next_event() is not Want.ANSWER:
            machine.data_to_send()
        for piece in (b"one", b"two", b"three"):
            machine.send_body(piece)
        machine.data_to_send()
        machine.receive_data(answers)
        with pytest.raises(RemoteProtocolError):
            machine.next_event()


@ids(
    ("recipients", "prdr", "asks"),
    [
        ([B, C], None, True),
        ([B, C], True, True),
        ([B, C], False, False),
        ([B], None, False),
        ([B], True, True),
        ([B], False, False),
    ],
)
def test_when_submit_asks(recipients: list[str], prdr: bool | None, asks: bool) -> None:
    """Of itself only for several recipients: one answer says all there is to say about one."""
    machine = client(*OFFERED)()
    machine.submit(Envelope("a@a.example", recipients), prdr=prdr)
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send().startswith(ASKS if asks else MAIL)


def test_what_was_not_asked_for_is_not_taken() -> None:
    machine = client(*OFFERED)()
    machine.submit(Envelope("a@x", [B, C]), prdr=False, chunking=False)
    trace = run(machine, [OK * 3 + b"354 go\r\n", EACH], writing(b"x")())
    assert isinstance(trace.error, RemoteProtocolError)


def test_submit_does_not_ask_where_it_is_not_offered() -> None:
    machine = client("PIPELINING")()
    machine.submit(Envelope("a@a.example", [B, C]))
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send().startswith(MAIL)


def test_the_envelope_may_ask() -> None:
    machine = client(*OFFERED)()
    machine.submit(Envelope("a@a.example", [B], (PRDR(True),)))
    assert machine.next_event() is Want.SEND
    assert machine.data_to_send().startswith(ASKS)


def test_submit_in_lmtp() -> None:
    """It does not ask by itself, and goes by RFC 2033 when it has to ask."""
    for prdr in (None, True):
        machine = client(*OFFERED, lmtp=True)()
        machine.submit(Envelope("a@x", [B, C]), prdr=prdr)
        trace = run(machine, [OK * 3, OK + NO], writing(b"x")())
        assert (b" PRDR" in trace.output) is (prdr is True)
        assert results(trace) == {B: 250, C: 550}


# --- Client and server ----------------------------------------------------------------------------


@chunked
@ids("cut", [0, 1])
@ids("limits", [Limits(), Limits(window=1, output=100)], ids=["usual", "narrow"])
@ids("pipelining", [False, True])
def test_both_ends(chunking: bool, cut: int, limits: Limits, pipelining: bool) -> None:
    offered = OFFERED if pipelining else OFFERED[1:]
    left_over = {B: YES, C: FULL, D: YES, None: Reply(250, "2.0.0 all")}

    def answer(machine: Any, event: object) -> None:
        while machine.awaiting is not None:
            if isinstance(machine.awaiting, BodyEnd):
                machine.send(left_over[machine.awaiting.recipient])
            else:
                machine.accept()

    sender: Any = client(*offered, limits=limits)()
    link = Link(
        sender,
        server(EHLO, extensions=offered)(),
        play_client=writing(b"one\r\n", b"two\r\n")(),
        play_server=answer,
        cuts=(lambda there: min(cut, there)) if cut else None,
    )
    sender.submit(Envelope("a@x", [B, C, D]), chunking=chunking)
    link.run()
    (found,) = link.client.events
    assert isinstance(found, Outcome)
    assert found.results == ((B, YES), (C, FULL), (D, YES))
    assert found.reply == left_over[None]
    assert (
        b"".join(event.data for event in link.server.events if isinstance(event, BodyChunk))
        == b"one\r\ntwo\r\n"
    )
    assert sender.state is State.READY
