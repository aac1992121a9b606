"""The table of what may be said when, and both machines going by it: every state, every verb."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailproto import LocalProtocolError
from mailproto.pop3 import (
    RULES,
    TIMEOUT,
    Apop,
    Auth,
    Capa,
    Client,
    Dele,
    Lang,
    List,
    Noop,
    Pass,
    Quirks,
    Quit,
    Retr,
    Rset,
    Server,
    Stat,
    State,
    Stls,
    Top,
    Uidl,
    UnknownCommand,
    User,
    Utf8,
    encode,
)
from mailproto.testing import assert_chunk_invariant, run
from tests.pop3.talk import LOGIN, prepared, sends, server, serving, statuses

ids = pytest.mark.parametrize

VERBS: dict[str, Any] = {
    "USER": User("bob"),
    "PASS": Pass("secret"),
    "APOP": Apop("bob", "c4c9334bac560ecc979e58001b3e22fb"),
    "AUTH": Auth("SCRAM-SHA-256", b"x"),
    "STLS": Stls(),
    "UTF8": Utf8(),
    "LANG": Lang("en"),
    "CAPA": Capa(),
    "STAT": Stat(),
    "LIST": List(1),
    "UIDL": Uidl(1),
    "RETR": Retr(1),
    "TOP": Top(1, 0),
    "DELE": Dele(1),
    "RSET": Rset(),
    "NOOP": Noop(),
    "QUIT": Quit(),
    "": UnknownCommand("XTND"),
}
ALWAYS = {"LANG", "CAPA", "QUIT", ""}  # RFC 2449 section 5, RFC 6856 section 3, RFC 1939
BEFORE = ALWAYS | {"USER", "APOP", "AUTH", "STLS", "UTF8"}
# RFC 1939 section 9, and "Commands valid in states" of RFC 2449, 2595 and 6856.
ALLOWED: dict[State, set[str]] = {
    State.GREETING: set(),
    State.AUTHORIZATION: BEFORE,
    State.USER: BEFORE | {"PASS"},
    State.TRANSACTION: ALWAYS | {"STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "RSET", "NOOP"},
    State.UPDATE: set(),
    State.CLOSED: set(),
}
# Where a yes leads, when it leads somewhere else.
NEXT = {
    "USER": State.USER,
    "PASS": State.TRANSACTION,
    "APOP": State.TRANSACTION,
    "AUTH": State.TRANSACTION,
    "STLS": State.AUTHORIZATION,
}
SYNC = {"PASS", "APOP", "AUTH", "STLS", "UTF8", "QUIT", ""}
CASES = [(state, verb) for state in State for verb in VERBS]
LIVE = [State.AUTHORIZATION, State.USER, State.TRANSACTION]


def names_of(value: object) -> str:
    return str(value) or "private"


def test_every_verb_and_state_is_tried() -> None:
    assert set(RULES) == set(VERBS)
    assert set(ALLOWED) == set(State)


def after(state: State, verb: str) -> State:
    if verb == "QUIT":
        return State.UPDATE if state is State.TRANSACTION else State.CLOSED
    return NEXT.get(verb, state)


@ids(("state", "verb"), CASES, ids=names_of)
def test_the_table(state: State, verb: str) -> None:
    moves = RULES[verb].moves
    assert (state in moves) is (verb in ALLOWED[state])
    if state in moves:
        assert moves[state] is after(state, verb)


def test_what_ends_a_pipelined_group() -> None:
    assert {verb for verb in VERBS if RULES[verb].sync} == SYNC


def test_what_capa_has_to_offer() -> None:
    """RFC 2449 section 6, RFC 2595 section 8, RFC 6856 sections 2 and 3: added commands."""
    named = {verb: rule.capability for verb, rule in RULES.items() if rule.capability}
    assert named == {
        "USER": "USER",
        "PASS": "USER",
        "AUTH": "SASL",
        "STLS": "STLS",
        "UIDL": "UIDL",
        "TOP": "TOP",
        "UTF8": "UTF8",
        "LANG": "LANG",
    }


# --- Servers --------------------------------------------------------------------------------------

_OFFER: dict[str, Any] = {
    "capabilities": ("TOP", "UIDL", "USER", "UTF8"),
    "auth": ("SCRAM-SHA-256",),
    "plaintext_auth": True,
    "stls": True,
    "languages": (("en", "English"),),
    "verbs": ("XTND",),
}


def _server_in(state: State) -> Callable[[], Server]:
    steps = {State.AUTHORIZATION: b"", State.USER: b"USER bob\r\n", State.TRANSACTION: LOGIN}
    greeting = _greeting()
    return server(steps[state], tls=False, greeting=greeting, **_OFFER)


def _greeting() -> Any:
    from mailproto.pop3 import ServerConfig

    return ServerConfig(hostname="pop.example").greeting("1.2")


@ids("state", LIVE)
@ids("verb", VERBS, ids=names_of)
def test_servers_go_by_it(state: State, verb: str) -> None:
    make = _server_in(state)
    assert make().state is state
    trace = assert_chunk_invariant(make, encode(VERBS[verb]), make_play=serving())
    status = statuses(trace)[0]
    if verb in ALLOWED[state]:
        assert status == "+OK"
        expected = after(state, verb)
        # The commit has been answered, too.
        assert trace.machine.state is (State.CLOSED if verb == "QUIT" else expected)
    else:
        # RFC 1939 section 3: "a negative status indicator" in an incorrect state.
        assert status == "-ERR"
        assert type(trace.events[0]).__name__ == "BadCommand"
        assert trace.machine.state is state


@ids("verb", ["PASS", "APOP", "AUTH"])
def test_a_refused_login_leads_back_to_the_start(verb: str) -> None:
    """RFC 1939 section 7: PASS "immediately after a successful USER command"."""
    make = _server_in(State.USER)
    wire = encode(VERBS[verb]) + b"PASS secret\r\n"
    trace = assert_chunk_invariant(make, wire, make_play=serving(say=[False]))
    assert statuses(trace) == ["-ERR", "-ERR"]
    assert trace.machine.state is State.AUTHORIZATION


# --- Clients --------------------------------------------------------------------------------------


def _client_in(state: State) -> Callable[[], Client]:
    machine = Client(quirks=Quirks(plaintext_auth=True))
    steps: dict[State, list[Any]] = {
        State.GREETING: [],
        State.AUTHORIZATION: [b"+OK <1.2@x>\r\n"],
        State.USER: [b"+OK <1.2@x>\r\n", sends(User("bob")), b"+OK\r\n"],
        State.TRANSACTION: [b"+OK <1.2@x>\r\n", sends(VERBS["AUTH"]), b"+OK\r\n"],
        State.CLOSED: [b"+OK <1.2@x>\r\n", sends(Quit()), b"+OK\r\n"],
    }
    return prepared(machine, *steps[state])


@ids(("state", "verb"), [case for case in CASES if case[0] is not State.UPDATE], ids=names_of)
def test_clients_go_by_it(state: State, verb: str) -> None:
    machine = _client_in(state)()
    assert machine.state is state
    command = VERBS[verb]
    if verb not in ALLOWED[state]:
        with pytest.raises(LocalProtocolError):
            machine.send(command)
        assert machine.outstanding == ()
        assert machine.data_to_send() == b""
        assert machine.state is state
        return
    number = machine.send(command)
    assert machine.outstanding == ((number, command),)
    # The state moves when the answer is there, not before.
    assert machine.state is state
    yes = b"+OK\r\n.\r\n" if verb in ("RETR", "TOP", "CAPA") else b"+OK\r\n"
    trace = run(machine, yes)
    assert trace.machine.state is (State.CLOSED if verb == "QUIT" else after(state, verb))


@ids(("state", "verb"), [case for case in CASES if case[1] in ALLOWED[case[0]]], ids=names_of)
def test_where_a_no_leaves_a_client(state: State, verb: str) -> None:
    trace = run(_client_in(state)(), [sends(VERBS[verb]), b"-ERR no\r\n"])
    expected = state
    if verb in ("USER", "PASS", "APOP", "AUTH"):
        expected = State.AUTHORIZATION
    assert trace.machine.state is (State.CLOSED if verb == "QUIT" else expected)


# --- Time and quirks ------------------------------------------------------------------------------


def test_how_long_to_wait() -> None:
    """RFC 1939 section 3: "at least 10 minutes' duration"."""
    assert TIMEOUT == 600
    assert _server_in(State.TRANSACTION)().timeout == 600
    client = _client_in(State.TRANSACTION)()
    quiet = client.timeout
    client.send(Noop())
    assert (quiet, client.timeout) == (None, 600)
    assert Client().timeout == 600


def test_nothing_is_tolerated_that_can_be_abused() -> None:
    quirks = Quirks()
    assert quirks.bare_newlines.value == "normalize"
    assert not quirks.bare_lf_commands
    assert not quirks.bare_lf_texts
    assert not quirks.plaintext_auth
