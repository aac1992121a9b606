"""What holds for every mechanism: the laws of machines, for exchanges."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import LocalProtocolError, RemoteProtocolError, sasl
from mailproto import strategies as mail

STEPS = (
    sasl.Challenge,
    sasl.Success,
    sasl.Failure,
    sasl.VerifyPassword,
    sasl.NeedPassword,
    sasl.NeedKeys,
    sasl.VerifyToken,
    sasl.NeedIdentity,
    sasl.AllowAnonymous,
)
BINDING = sasl.Binding("tls-exporter", b"data")
CREDENTIALS: dict[str, sasl.Credentials] = {
    "OAUTHBEARER": sasl.Token("user", "hunter2"),
    "XOAUTH2": sasl.Token("user", "hunter2"),
    "EXTERNAL": sasl.Certificate("user"),
    "ANONYMOUS": sasl.Guest("trace"),
}


def session(mechanism: str, **kwargs: Any) -> mail.SaslSession:
    return mail.SaslSession(
        mechanism=mechanism,
        credentials=CREDENTIALS.get(mechanism, sasl.Password("user", "hunter2")),
        binding=BINDING if mechanism.endswith("-PLUS") else None,
        **kwargs,
    )


@attrs.define
class Moment:
    """Two exchanges, and whose move it is."""

    session: mail.SaslSession
    client: sasl.ClientExchange
    server: sasl.ServerExchange
    step: sasl.Step | None = None
    first: bool = True

    def move(self) -> None:
        said = self.client.initial
        match self.step:
            case None:
                self.first = said is not None and not self.session.initial
                self.step = self.server.begin(None if self.first else said)
            case sasl.Challenge(data):
                answer = said if self.first and said is not None else self.client.respond(data)
                self.first = False
                self.step = self.server.receive(answer)
            case sasl.Success() | sasl.Failure():
                raise AssertionError
            case question:
                self.step = self.server.answer(self.session.answer(question))

    @property
    def over(self) -> bool:
        return isinstance(self.step, (sasl.Success, sasl.Failure))


def moments(of: mail.SaslSession) -> Iterator[Moment]:
    """Each moment of a session, the first one before anything was said."""
    moment = Moment(of, of.client(), of.server())
    yield moment
    while not moment.over:
        moment.move()
        yield moment


def clients() -> list[sasl.ClientExchange]:
    """One of each class."""
    made = [session(mechanism).client() for mechanism in sasl.PREFERENCE]
    return [*made, sasl.DigestMd5("user", "hunter2", nonce="n", digest_uri="smtp/host")]


EVERY = pytest.mark.parametrize("mechanism", sasl.PREFERENCE)


# -- both ends understand each other ---------------------------------------------------------------


@given(mail.sasl_sessions())
def test_who_is_known_comes_in_and_nobody_else(session: mail.SaslSession) -> None:
    step = session.run()
    assert isinstance(step, sasl.Success) == session.known
    if not isinstance(step, sasl.Success):
        return
    match session.credentials:
        case sasl.Password(authcid, _, authzid):
            prepared = sasl.saslprep(authcid)
            assert step.authcid in (authcid, prepared)
            assert step.authzid in (authzid, prepared) if authzid else (step.authcid,)
        case sasl.Token(authzid=name) | sasl.Certificate(authzid=name):
            assert step == sasl.Success(name or "owner", name or "owner") or not name
        case sasl.Guest():
            assert step == sasl.Success("", "")


@given(mail.sasl_names(), mail.sasl_names(), st.sampled_from(["SCRAM-SHA-256", "PLAIN"]))
def test_another_password_is_another_password(right: str, wrong: str, mechanism: str) -> None:
    if sasl.saslprep(right) == sasl.saslprep(wrong):
        return
    known = mail.SaslSession(mechanism=mechanism, credentials=sasl.Password("user", right))
    client = attrs.evolve(known, credentials=sasl.Password("user", wrong)).client()
    server = known.server()
    moment = Moment(known, client, server)
    while not moment.over:
        moment.move()
    assert isinstance(moment.step, sasl.Failure)


# -- law 10: plain data between any two steps ------------------------------------------------------


@given(mail.sasl_sessions())
def test_both_ends_can_be_handed_over_at_any_moment(session: mail.SaslSession) -> None:
    moment = Moment(session, session.client(), session.server())
    while not moment.over:
        moment.client = pickle.loads(pickle.dumps(moment.client))
        moment.server = pickle.loads(pickle.dumps(moment.server))
        moment.step = pickle.loads(pickle.dumps(moment.step))
        moment.move()
    assert moment.step == session.run()
    if session.known:
        pickle.loads(pickle.dumps(moment.client)).succeeded()


@pytest.mark.parametrize("client", clients(), ids=lambda client: client.mechanism)
def test_a_failure_is_handed_over_too(client: sasl.ClientExchange) -> None:
    def ask_too_often() -> None:
        for _ in range(9):
            client.respond(b"\xff")

    with pytest.raises(sasl.ExchangeFailed) as caught:
        ask_too_often()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    again = pickle.loads(pickle.dumps(client))
    for call in (again.succeeded, lambda: again.respond(b"")):
        with pytest.raises(sasl.ExchangeFailed) as later:
            call()
        assert str(later.value) == str(caught.value)


# -- law 5: never surprised ------------------------------------------------------------------------

_OCTETS = st.binary(max_size=30) | st.text(max_size=20).map(
    lambda text: text.encode("utf-8", "surrogatepass")
)
_NOISE = _OCTETS | st.sampled_from([b"", b"\x01", b"\0\0", b"n,,n=a,r=b", b"v=AAAA", b"e=x", b"{"])


@given(mail.sasl_sessions(), st.integers(0, 6), st.lists(_NOISE, min_size=1, max_size=4))
def test_a_client_that_hears_anything_answers_or_fails(
    session: mail.SaslSession, steps: int, noise: list[bytes]
) -> None:
    moment = Moment(session, session.client(), session.server())
    for _ in range(steps):
        if not moment.over:
            moment.move()
    for one in noise:
        try:
            assert isinstance(moment.client.respond(one), bytes)
        except sasl.ExchangeFailed:
            break
    # A complete exchange was complete before; noise proves nothing.
    if moment.step is None and session.mechanism.startswith("SCRAM"):
        with pytest.raises(sasl.ExchangeFailed):
            moment.client.succeeded()


@given(mail.sasl_sessions(), st.integers(0, 6), st.lists(_NOISE, min_size=1, max_size=4))
def test_a_server_that_hears_anything_makes_a_step(
    session: mail.SaslSession, steps: int, noise: list[bytes]
) -> None:
    moment = Moment(session, session.client(), session.server())
    for _ in range(steps):
        if not moment.over:
            moment.move()
    server, step = moment.server, moment.step
    for one in noise:
        if step is None:
            step = server.begin(one)
        elif isinstance(step, sasl.Challenge):
            step = server.receive(one)
        elif not isinstance(step, (sasl.Success, sasl.Failure)):
            step = server.answer(session.answer(step))
        assert isinstance(step, STEPS)


def test_a_failed_exchange_is_a_remote_error() -> None:
    assert issubclass(sasl.ExchangeFailed, RemoteProtocolError)


# -- law 6: refused calls change nothing -----------------------------------------------------------


@EVERY
def test_out_of_turn_is_a_local_error_and_changes_nothing(mechanism: str) -> None:
    for moment in moments(session(mechanism)):
        server = moment.server
        turns: dict[str, Callable[[], object]] = {
            "begin": partial(server.begin, b"x"),
            "receive": partial(server.receive, b"x"),
            "answer": partial(server.answer, True),
        }
        match moment.step:
            case None:
                del turns["begin"]
            case sasl.Challenge():
                del turns["receive"]
            case sasl.Success() | sasl.Failure():
                pass
            case _:
                del turns["answer"]
        before = pickle.dumps(server)
        for call in turns.values():
            with pytest.raises(LocalProtocolError, match="out of turn"):
                call()
        assert pickle.dumps(server) == before


@EVERY
def test_what_is_no_bytes_is_a_type_error_and_changes_nothing(mechanism: str) -> None:
    bad: Any
    for moment in moments(session(mechanism, initial=False)):
        before = pickle.dumps([moment.client, moment.server])
        for bad in ("text", bytearray(b"x"), memoryview(b"x"), 1):
            with pytest.raises(TypeError, match="is bytes"):
                moment.client.respond(bad)
            if moment.step is None:
                with pytest.raises(TypeError, match="is bytes"):
                    moment.server.begin(bad)
            elif isinstance(moment.step, sasl.Challenge):
                with pytest.raises(TypeError, match="is bytes"):
                    moment.server.receive(bad)
        with pytest.raises(TypeError):
            moment.client.respond(cast(Any, None))
        assert pickle.dumps([moment.client, moment.server]) == before


def test_names_and_passwords_are_text() -> None:
    bad: Any = b"bytes"
    for make in (sasl.Plain, sasl.Login, sasl.CramMd5):
        for arguments in ((bad, "pw"), ("user", bad)):
            with pytest.raises(TypeError, match="is a str"):
                make(*arguments)
    with pytest.raises(TypeError, match="is a str"):
        sasl.Scram("SCRAM-SHA-1", "user", bad, nonce="c")
    with pytest.raises(TypeError, match="is a str"):
        sasl.OAuthBearer("user", bad)


# -- secrets ---------------------------------------------------------------------------------------

SECRET = "hunter2"


@EVERY
@pytest.mark.parametrize("known", [True, False])
def test_no_repr_shows_a_secret(mechanism: str, known: bool) -> None:
    for moment in moments(session(mechanism, known=known)):
        for one in (moment.client, moment.server, moment.step, moment.session.credentials):
            assert SECRET not in repr(one)
            assert SECRET not in str(one)


@pytest.mark.parametrize("client", clients(), ids=lambda client: client.mechanism)
def test_no_repr_of_a_client_shows_a_secret(client: sasl.ClientExchange) -> None:
    assert SECRET not in repr(client)
    assert "user" in repr(client) or client.mechanism == "ANONYMOUS"
    assert client.mechanism in repr(client)


def test_no_repr_shows_keys_or_octets() -> None:
    keys = sasl.ScramKeys.from_password("SCRAM-SHA-1", SECRET, salt=b"salt", iterations=4_096)
    shown = repr([keys, sasl.Challenge(b"hunter2"), sasl.Binding("x", b"hunter2")])
    assert repr(keys.stored_key) not in shown
    assert repr(keys.server_key) not in shown
    assert SECRET not in shown


@pytest.mark.parametrize(
    "make",
    [
        lambda: sasl.Plain("user", "hunter2\0"),
        lambda: sasl.Plain("user", "hunter2\ud800"),
        lambda: sasl.Login("user", "hunter2\ud800"),
        lambda: sasl.Scram("SCRAM-SHA-1", "user", "hunter2\x07", nonce="c"),
        lambda: sasl.OAuthBearer("user", "hunter2 "),
        lambda: sasl.XOAuth2("user", "hunter2\ud800"),
        lambda: sasl.ScramKeys.from_password("SCRAM-SHA-1", "hunter2\x07", salt=b"salt"),
    ],
)
def test_no_error_shows_a_secret(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError) as caught:
        make()
    assert type(caught.value) is ValueError
    assert SECRET not in repr(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


# -- laws 7 and 8: hostile sizes -------------------------------------------------------------------

MIB = 1 << 20
ENDLESS = [
    b"a" * MIB,
    b"\0" * MIB,
    b" " * MIB,
    b"," * MIB,
    b"=" * MIB,
    b"\x01" * MIB,
    b"A" * MIB,
    b"[" * MIB,
    "\u0315\u0300".encode() * (MIB // 4),
    b"\0" + "a\u0315\u0300".encode() * (MIB // 8) + b"\0pw",
    b"n,,n=" + b"=2C" * (MIB // 3),
    b"n,,n=" + b"=2C" * (MIB // 3) + b",r=x",
    b"n,,n=a,r=" + b"b" * MIB + b"\xff",
    b"n,,n=a,r=b" + b",x=y" * (MIB // 4) + b"\0",
    b"r=cx,s=" + b"A" * MIB + b"!",
    b"r=cx,s=QSXC,i=" + b"9" * MIB,
    b"n,,\x01auth=Bearer" + b" " * MIB + b"\t\x01\x01",
    b"n,,\x01auth=Bearer x" + b" " * MIB + b"\t\x01\x01",
    b"n,," + b"\x01a=b" * (MIB // 4),
    b"user=a\x01" * (MIB // 7),
    b"a " * (MIB // 2) + b"0" * 32,
]


@pytest.mark.parametrize("mechanism", sasl.PREFERENCE)
def test_a_huge_message_takes_no_more_than_its_size(mechanism: str) -> None:
    """Quadratic time over a MiB would not end within the limit that every test has."""
    for octets in ENDLESS:
        for moment in moments(session(mechanism, initial=False)):
            client, server = pickle.loads(pickle.dumps((moment.client, moment.server)))
            with contextlib.suppress(sasl.ExchangeFailed):
                client.respond(octets)
            if isinstance(moment.step, sasl.Challenge):
                assert isinstance(server.receive(octets), STEPS)
