"""The table of what may be said when, tried in every state, on both sides.

The expectations are written out here from the RFCs; `RULES` is what is on trial.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto import LocalProtocolError
from mailproto.smtp import (
    PEER_NAME,
    RULES,
    TIMEOUTS,
    Auth,
    Bdat,
    Burl,
    Client,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quirks,
    Quit,
    Rcpt,
    Reply,
    Rset,
    Server,
    StartTls,
    State,
    UnknownCommand,
    Vrfy,
    XClient,
    XForward,
    encode,
)
from mailproto.testing import assert_chunk_invariant, run
from tests.smtp.talk import (
    EHLO,
    EVERYTHING,
    MAIL,
    RCPT,
    answering,
    client,
    codes,
    prepared,
    sends,
    server,
)

ids = pytest.mark.parametrize

VERBS: dict[str, Any] = {
    "HELO": Helo("x"),
    "EHLO": Ehlo("x"),
    "LHLO": Lhlo("x"),
    "MAIL": Mail("a@x"),
    "RCPT": Rcpt("b@x"),
    "DATA": Data(),
    "BDAT": Bdat(0),
    "RSET": Rset(),
    "VRFY": Vrfy("x"),
    "EXPN": Expn("x"),
    "HELP": Help(),
    "NOOP": Noop(),
    "QUIT": Quit(),
    "STARTTLS": StartTls(),
    "AUTH": Auth("CRAM-MD5"),
    "ETRN": Etrn("x"),
    "BURL": Burl("imap://x/y"),
    "XCLIENT": XClient((PEER_NAME("x"),)),
    "XFORWARD": XForward((PEER_NAME("x"),)),
    "": UnknownCommand("XOWN"),
}

BETWEEN = {"MAIL", "STARTTLS", "AUTH", "ETRN", "XCLIENT", "XFORWARD"}
ALWAYS = set(VERBS) - BETWEEN - {"RCPT", "DATA", "BDAT", "BURL"}
# RFC 5321 section 4.1.4: what may be said at any time, and the order of the rest. RFC 3030
# section 2: BDAT instead of DATA, not mixed; after a refused chunk only RSET helps. RFC 4954
# section 4: AUTH not in a transaction. RFC 5321 section 3.1: behind a 554 greeting QUIT is left.
# RFC 4468 section 3.1: BURL where BDAT may stand. XCLIENT and XFORWARD: between messages.
ALLOWED: dict[State, set[str]] = {
    State.GREETING: set(),
    State.REFUSED: {"QUIT"},
    State.START: ALWAYS,
    State.READY: ALWAYS | BETWEEN,
    State.MAIL: ALWAYS | {"RCPT"},
    State.RCPT: ALWAYS | {"RCPT", "DATA", "BDAT", "BURL"},
    State.CHUNKS: ALWAYS | {"BDAT", "BURL"},
    State.SPOILT: ALWAYS,
    State.TEXT: set(),
    State.CLOSED: set(),
}
# Where a yes leads.
NEXT = {
    "HELO": State.READY,
    "EHLO": State.READY,
    "LHLO": State.READY,
    "MAIL": State.MAIL,
    "RCPT": State.RCPT,
    "DATA": State.TEXT,
    "BDAT": State.CHUNKS,
    "BURL": State.CHUNKS,
    "XCLIENT": State.START,
    "QUIT": State.CLOSED,
    "STARTTLS": State.START,
    "AUTH": State.READY,
}
CASES = [(state, verb) for state in State for verb in VERBS]


def names_of(value: object) -> str:
    return str(value) or "private"


def test_every_verb_and_state_is_tried() -> None:
    assert set(RULES) == set(VERBS)
    assert set(ALLOWED) == set(State)


@ids(("state", "verb"), CASES, ids=names_of)
def test_the_table(state: State, verb: str) -> None:
    rule = RULES[verb]
    assert (state in rule.states) is (verb in ALLOWED[state])
    assert rule.then == NEXT.get(verb)
    assert rule.out_of_place.code == 503


def test_what_must_be_the_last_of_a_group() -> None:
    """RFC 2920 section 3.1, RFC 3030 section 4.2: MAIL, RCPT, RSET and BDAT may be followed."""
    assert {verb for verb in VERBS if not RULES[verb].sync} == {
        *("MAIL", "RCPT", "RSET", "BDAT", "BURL", "XFORWARD")
    }


# --- Servers --------------------------------------------------------------------------------------

_OFFER: dict[str, Any] = {
    "extensions": (*EVERYTHING, "XOWN"),
    "auth": ("CRAM-MD5",),
    "starttls": True,
}
_SPOIL = answering(True, True, False)  # MAIL, RCPT, and no to the chunk


def _server_in(state: State, *, lmtp: bool) -> Callable[[], Server]:
    hello = b"LHLO x\r\n" if lmtp else EHLO
    steps = {
        State.START: b"",
        State.READY: hello,
        State.MAIL: hello + MAIL,
        State.RCPT: hello + MAIL + RCPT,
        State.CHUNKS: hello + MAIL + RCPT + b"BDAT 1\r\nx",
        State.SPOILT: hello + MAIL + RCPT + b"BDAT 1\r\nx",
    }
    if state is State.REFUSED:
        return prepared(Server(greeting=Reply(554, "no")))
    play = _SPOIL() if state is State.SPOILT else None
    return server(steps[state], play=play, lmtp=lmtp, **_OFFER)


SERVER_STATES = [
    State.REFUSED,
    State.START,
    State.READY,
    State.MAIL,
    State.RCPT,
    State.CHUNKS,
    State.SPOILT,
]


@ids("state", SERVER_STATES)
@ids("verb", VERBS, ids=names_of)
@ids("lmtp", [False, True], ids=["smtp", "lmtp"])
def test_servers_go_by_it(state: State, verb: str, lmtp: bool) -> None:
    make = _server_in(state, lmtp=lmtp)
    assert make().state is state
    line = encode(VERBS[verb]) if verb else b"XNOBODYKNOWS\r\n"
    trace = assert_chunk_invariant(make, line, make_play=answering())
    wrong_hello = verb in ("HELO", "EHLO", "LHLO") and (verb == "LHLO") is not lmtp
    (code,) = codes(trace)
    machine = trace.machine
    if verb not in ALLOWED[state]:
        assert code == 503
        assert type(trace.events[0]).__name__ == "BadCommand"
        chunk = verb == "BDAT" and state in (State.RCPT, State.CHUNKS)
        assert machine.state is (State.SPOILT if chunk else state)
    elif wrong_hello or not verb:
        # RFC 2033 section 4.1: an LMTP server answers EHLO and HELO with 500. And an unknown verb
        # is 500 everywhere.
        assert code == 500
        assert machine.state is state
    else:
        assert code // 100 in (2, 3)
        if verb == "RSET":
            # RFC 5321 section 4.1.1.5: as behind EHLO.
            expected = State.START if state is State.START else State.READY
        else:
            expected = NEXT.get(verb, state)
        assert machine.state is expected


# --- Clients --------------------------------------------------------------------------------------


def _client_in(state: State) -> Callable[[], Client]:
    ok = b"250 ok\r\n"
    to_rcpt = [sends(Mail("a@x")), ok, sends(Rcpt("b@x")), ok]

    def chunk(machine: Any) -> None:
        machine.send(Bdat(1))
        machine.send_body(b"x")
        machine.end_body()

    keywords = (
        "CHUNKING",
        "AUTH CRAM-MD5",
        "STARTTLS",
        "ETRN",
        "BURL imap",
        "XCLIENT NAME",
        "XFORWARD NAME",
    )
    then: dict[State, list[Any]] = {
        State.READY: [],
        State.MAIL: to_rcpt[:2],
        State.RCPT: to_rcpt,
        State.TEXT: [*to_rcpt, sends(Data()), b"354 go\r\n"],
        State.CHUNKS: [*to_rcpt, chunk, ok],
        State.SPOILT: [*to_rcpt, chunk, b"451 no\r\n"],
        State.CLOSED: [sends(Quit()), b"221 bye\r\n"],
    }
    if state is State.GREETING:
        return prepared(Client())
    if state is State.REFUSED:
        return prepared(Client(), b"554 no\r\n")
    if state is State.START:
        return prepared(Client(), b"220 hi\r\n")
    return client(*keywords, then=then[state])


@ids(("state", "verb"), CASES, ids=names_of)
def test_clients_go_by_it(state: State, verb: str) -> None:
    machine = _client_in(state)()
    assert machine.state is state
    command = VERBS[verb]
    before = machine.outstanding
    if verb not in ALLOWED[state]:
        with pytest.raises(LocalProtocolError):
            machine.send(command)
        assert machine.outstanding == before
        assert machine.data_to_send() == b""
        assert machine.state is state
        return
    number = machine.send(command)
    assert machine.outstanding == ((number, command),)
    # The state moves when the answer is there, not before.
    assert machine.state is state


@ids(("state", "verb"), [case for case in CASES if case[1] in ALLOWED[case[0]]], ids=names_of)
def test_a_no_leaves_a_client_where_it_was(state: State, verb: str) -> None:
    if verb in ("QUIT", "BDAT", "BURL"):
        return  # the end in any case; and the next test
    trace = run(_client_in(state)(), [sends(VERBS[verb]), b"550 no\r\n"])
    assert trace.machine.state is state


def test_a_refused_chunk_spoils_the_transaction() -> None:
    """RFC 3030 section 2: "the resulting state is indeterminate": RSET."""
    machine = _client_in(State.SPOILT)()
    trace = run(machine, [sends(Rset()), b"250 ok\r\n"])
    assert trace.machine.state is State.READY


def test_a_yes_moves_a_client() -> None:
    moves = [
        (State.START, "EHLO", b"250 mx\r\n"),
        (State.START, "HELO", b"250 mx\r\n"),
        (State.READY, "MAIL", b"250 ok\r\n"),
        (State.MAIL, "RCPT", b"251 ok\r\n"),
        (State.RCPT, "DATA", b"354 go\r\n"),
        (State.CHUNKS, "EHLO", b"250 mx\r\n"),
        (State.READY, "AUTH", b"235 ok\r\n"),
        (State.RCPT, "QUIT", b"221 bye\r\n"),
    ]
    for state, verb, answer in moves:
        machine = _client_in(state)()
        machine.send(VERBS[verb])
        machine.data_to_send()
        machine.receive_data(answer)
        machine.next_event()
        assert machine.state is NEXT[verb], verb


# --- Time and quirks ------------------------------------------------------------------------------


def test_how_long_to_wait() -> None:
    """RFC 5321 section 4.5.3.2, in seconds."""
    assert TIMEOUTS["MAIL"] == TIMEOUTS["RCPT"] == TIMEOUTS[""] == 5 * 60
    assert TIMEOUTS["DATA"] == 2 * 60
    assert TIMEOUTS["BODY"] == 3 * 60
    assert TIMEOUTS["END"] == 10 * 60


def test_nothing_is_tolerated_that_can_be_abused() -> None:
    quirks = Quirks()
    assert quirks.bare_newlines.value == "reject"
    assert not quirks.bare_lf_commands
    assert not quirks.plaintext_auth
    assert not quirks.unqualified_addresses
