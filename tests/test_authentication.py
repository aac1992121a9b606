"""SASL exchanges over SMTP and POP3: one exchange, two ways to write it.

What a mechanism says is tested with `sasl`; here it is how it gets from one end to the other: with
and without an initial response, in two steps where the line would be too long, cancelled, and not
believed.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import RemoteProtocolError, Want, pop3, sasl, smtp
from mailproto.testing import Link, Play, assert_chunk_invariant, run

ids = pytest.mark.parametrize

KEYS = {
    name: sasl.ScramKeys.from_password(name, "engine", salt=b"0123456789abcdef", iterations=4_096)
    for name in ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
}
BINDING = sasl.Binding("tls-exporter", b"thirty-two octets of the channel")


def look_up(question: sasl.Question) -> sasl.Answer:
    """What the application knows: ada, her password, her token."""
    match question:
        case sasl.VerifyPassword("ada", password):
            return password == "engine"
        case sasl.NeedPassword("ada"):
            return "engine"
        case sasl.NeedKeys(mechanism, "ada"):
            return KEYS[mechanism]
        case sasl.NeedKeys(mechanism, name):
            return sasl.ScramKeys.fake(mechanism, name, b"secret", iterations=4_096)
        case sasl.VerifyToken(_, "good"):
            return "ada"
        case sasl.VerifyToken():
            return sasl.Refusal("invalid_token", scope="mail")
        case sasl.NeedIdentity():
            return "ada"
        case sasl.AllowAnonymous():
            return True
        case _:
            return None if isinstance(question, sasl.NeedPassword) else False


@attrs.define
class Application:
    """A server's: it says yes to everything but a login that proves nothing."""

    exchange: sasl.ServerExchange | None = None
    results: list[sasl.Step] = attrs.Factory(list)

    def __call__(self, server: Any, event: object) -> None:
        # The words of an exchange are the same in both: smtp.Auth is pop3.Auth.
        if isinstance(event, smtp.Auth):
            self.exchange = sasl.server(event.mechanism, nonce="server", bindings=[BINDING])
            self.go_on(server, self.exchange.begin(event.initial_response))
        elif isinstance(event, smtp.AuthResponse):
            assert self.exchange is not None
            self.go_on(server, self.exchange.receive(event.data))
        elif server.awaiting is not None and event is not Want.ANSWER:
            server.accept()

    def go_on(self, server: Any, step: sasl.Step) -> None:
        assert self.exchange is not None
        while not isinstance(step, (sasl.Challenge, sasl.Success, sasl.Failure)):
            step = self.exchange.answer(look_up(step))
        if isinstance(step, sasl.Challenge):
            server.send(step)
            return
        self.results.append(step)
        if isinstance(step, sasl.Failure):
            server.reject()
        elif isinstance(server, pop3.Server):
            server.accept(maildrop=[])
        else:
            server.accept()


MECHANISMS = sasl.PREFERENCE


@attrs.frozen
class Protocol:
    """What differs between the two."""

    name: str
    client: Callable[[], Any]
    server: Callable[[], Any]
    ready: Callable[[object], bool]
    """Whether this event is where the client may authenticate."""
    prepare: Callable[[Any, object], None]
    """What it says before."""
    challenge: bytes
    """What stands before a challenge."""
    yes: bytes
    no: bytes

    def __str__(self) -> str:
        return self.name


def _smtp_prepare(client: Any, event: object) -> None:
    if isinstance(event, smtp.Greeting):
        client.hello("client.example")


def _pop3_prepare(client: Any, event: object) -> None:
    if isinstance(event, pop3.Greeting):
        client.send(pop3.Capa())


SMTP = Protocol(
    "SMTP",
    lambda: smtp.Client(tls=True),
    lambda: smtp.Server(smtp.ServerConfig(hostname="mx.example", auth=MECHANISMS), tls=True),
    lambda event: isinstance(event, smtp.Replied) and isinstance(event.command, smtp.Ehlo),
    _smtp_prepare,
    b"334 ",
    b"235 2.7.0 Authentication succeeded\r\n",
    b"535 5.7.8 Authentication failed\r\n",
)
POP3 = Protocol(
    "POP3",
    lambda: pop3.Client(tls=True),
    lambda: pop3.Server(pop3.ServerConfig(hostname="pop.example", auth=MECHANISMS), tls=True),
    lambda event: isinstance(event, pop3.Replied) and isinstance(event.command, pop3.Capa),
    _pop3_prepare,
    b"+ ",
    b"+OK 0 messages (0 octets)\r\n",
    b"-ERR [AUTH] Authentication failed\r\n",
)
PROTOCOLS = [SMTP, POP3]
both = ids("protocol", PROTOCOLS, ids=str)


def talk(protocol: Protocol, exchange: sasl.ClientExchange) -> tuple[Link, Application, list[Any]]:
    """A whole session in which the client authenticates by `exchange`."""
    application = Application()
    replied: list[Any] = []

    def play(client: Any, event: object) -> None:
        if protocol.ready(event):
            client.authenticate(exchange)
        elif isinstance(event, (smtp.Replied, pop3.Replied)) and event.command.verb == "AUTH":
            replied.append(event.reply)
            client.send((smtp if protocol is SMTP else pop3).Quit())
        else:
            protocol.prepare(client, event)

    link = Link(protocol.client(), protocol.server(), play_client=play, play_server=application)
    return link, application, replied


def made(mechanism: str, *, good: bool = True) -> sasl.ClientExchange:
    password = "engine" if good else "wrong"
    have: sasl.Credentials = sasl.Password("ada", password)
    if mechanism in ("OAUTHBEARER", "XOAUTH2"):
        have = sasl.Token("ada", "good" if good else "bad")
    elif mechanism == "EXTERNAL":
        have = sasl.Certificate()
    elif mechanism == "ANONYMOUS":
        have = sasl.Guest()
    return sasl.choose(
        MECHANISMS, have, nonce="client", tls=True, binding=BINDING, preference=[mechanism]
    )


@both
@ids("mechanism", MECHANISMS)
def test_every_mechanism_gets_in(protocol: Protocol, mechanism: str) -> None:
    if mechanism.startswith("SCRAM") and not mechanism.endswith("-PLUS"):
        return  # with a binding it is refused, see below
    link, application, replied = talk(protocol, made(mechanism))
    link.run()
    (result,) = application.results
    assert isinstance(result, sasl.Success)
    assert result.authcid == ("" if mechanism == "ANONYMOUS" else "ada")
    assert len(replied) == 1
    assert (replied[0].positive if protocol is SMTP else replied[0].ok) is True


@both
@ids("mechanism", ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_scram_without_a_binding(protocol: Protocol, mechanism: str) -> None:
    exchange = sasl.Scram(mechanism, "ada", "engine", nonce="client")
    link, application, _ = talk(protocol, exchange)
    link.run()
    assert application.results == [sasl.Success("ada", "ada")]


@both
@ids("mechanism", [name for name in MECHANISMS if name not in ("EXTERNAL", "ANONYMOUS")])
def test_a_wrong_secret_does_not(protocol: Protocol, mechanism: str) -> None:
    exchange = made(mechanism, good=False)
    link, application, replied = talk(protocol, exchange)
    link.run()
    (result,) = application.results
    assert isinstance(result, sasl.Failure)
    assert (replied[0].code == 535) if protocol is SMTP else not replied[0].ok
    if mechanism in ("OAUTHBEARER", "XOAUTH2"):
        # RFC 7628 section 3.2.2: the reason came as a challenge, and was answered.
        assert exchange.refusal == sasl.Refusal("invalid_token", scope="mail")


@both
def test_secrets_are_hidden(protocol: Protocol) -> None:
    for mechanism in ("PLAIN", "LOGIN", "XOAUTH2"):
        link, _, _ = talk(protocol, made(mechanism))
        link.run()
        shown = str(link.transcript)
        exchange = made(mechanism)
        assert "engine" not in shown + repr(exchange) + repr(link.client.machine)
        assert "ZW5naW5l" not in shown  # the same in base64
    client = protocol.client()
    assert "engine" not in repr(client)


# --- The lines ----------------------------------------------------------------------------------


def ready(protocol: Protocol) -> Any:
    """A client that may authenticate."""
    if protocol is SMTP:
        steps: list[Any] = [b"220 mx\r\n", lambda client: client.hello("c.example")]
        steps += [f"250-mx\r\n250 AUTH {' '.join(MECHANISMS)}\r\n".encode()]
    else:
        steps = [b"+OK\r\n", lambda client: client.send(pop3.Capa())]
        steps += [f"+OK\r\nSASL {' '.join(MECHANISMS)}\r\nUSER\r\n.\r\n".encode()]
    return run(protocol.client(), steps).machine


def answers(protocol: Protocol, exchange: sasl.ClientExchange, *said: bytes) -> Any:
    """What comes of it when the server says these lines."""

    def begin(client: Any) -> None:
        client.authenticate(exchange)

    frozen = pickle.dumps((ready(protocol), exchange))

    def make() -> Any:
        client, own = pickle.loads(frozen)
        client.authenticate(own)
        return client

    return assert_chunk_invariant(make, b"".join(said))


@both
def test_an_initial_response_goes_with_the_command(protocol: Protocol) -> None:
    """RFC 4954 section 4, RFC 5034 section 4."""
    trace = answers(protocol, sasl.Plain("ada", "engine"), protocol.yes)
    assert trace.output == b"AUTH PLAIN AGFkYQBlbmdpbmU=\r\n"


@both
def test_an_empty_one_is_an_equals_sign(protocol: Protocol) -> None:
    """RFC 4954 section 4, RFC 5034 section 4: "=" stands for no octets at all."""
    trace = answers(protocol, sasl.External(), protocol.yes)
    assert trace.output == b"AUTH EXTERNAL =\r\n"


@both
def test_where_the_server_speaks_first_there_is_none(protocol: Protocol) -> None:
    trace = answers(
        protocol,
        sasl.Login("ada", "engine"),
        protocol.challenge + b"VXNlcm5hbWU6\r\n",
        protocol.challenge + b"anything but a word\r\n".replace(b" ", b"")[:16] + b"\r\n",
        protocol.yes,
    )
    assert trace.output == b"AUTH LOGIN\r\nYWRh\r\nZW5naW5l\r\n"
    assert [type(event).__name__ for event in trace.events] == ["Replied"]


@both
def test_one_that_is_too_long_waits_for_an_empty_challenge(protocol: Protocol) -> None:
    """RFC 5034 section 4: a line of more than 255 octets is sent in two steps; SMTP: 512."""
    token = "t" * 600
    trace = answers(
        protocol, sasl.XOAuth2("ada", token), protocol.challenge + b"\r\n", protocol.yes
    )
    first, second, _ = trace.output.split(b"\r\n")
    assert first == b"AUTH XOAUTH2"
    assert len(second) > 600


@both
def test_a_server_that_proves_nothing_is_not_believed(protocol: Protocol) -> None:
    """RFC 5802 section 9: without the server's signature, a yes is worth nothing."""
    exchange = sasl.Scram("SCRAM-SHA-256", "ada", "engine", nonce="client")
    trace = answers(protocol, exchange, protocol.yes)
    assert isinstance(trace.error, sasl.ExchangeFailed)
    assert trace.events == ()
    assert protocol is POP3 or not trace.machine.authenticated


@both
def test_a_server_that_breaks_the_exchange_is_told_so(protocol: Protocol) -> None:
    """RFC 4954 section 4, RFC 5034 section 4: "*" cancels."""
    exchange = sasl.Scram("SCRAM-SHA-256", "ada", "engine", nonce="client")
    for said in (b"cj1ldmlsLHM9QUFBQSxpPTQwOTY=\r\n", b"not base64\r\n"):
        trace = answers(protocol, exchange, protocol.challenge + said)
        assert trace.output.endswith(b"\r\n*\r\n")
        assert isinstance(trace.error, RemoteProtocolError)


@both
@given(said=st.lists(st.binary(max_size=20), max_size=4))
def test_whatever_the_server_says_nothing_else_is_raised(
    protocol: Protocol, said: list[bytes]
) -> None:
    for mechanism in ("SCRAM-SHA-256-PLUS", "LOGIN", "OAUTHBEARER"):
        client = ready(protocol)
        client.authenticate(made(mechanism))
        trace = run(client, [protocol.challenge + one + b"\r\n" for one in said])
        assert trace.error is None or isinstance(trace.error, RemoteProtocolError)
        assert not any("Challenge" in type(event).__name__ for event in trace.events)


@both
def test_a_session_goes_on_in_another_process_in_mid_exchange(protocol: Protocol) -> None:
    link, application, _ = talk(protocol, made("SCRAM-SHA-256-PLUS"))
    for _ in range(60):
        link.client.machine = pickle.loads(pickle.dumps(link.client.machine))
        link.server.machine = pickle.loads(pickle.dumps(link.server.machine))
        application.exchange = pickle.loads(pickle.dumps(application.exchange))
        link.step()
    link.run()
    assert application.results == [sasl.Success("ada", "ada")]


# --- A server -----------------------------------------------------------------------------------


def serve(protocol: Protocol, *said: bytes) -> Any:
    hello = [b"EHLO c.example\r\n"] if protocol is SMTP else []
    machine = run(protocol.server(), hello).machine
    frozen = pickle.dumps(machine)

    def play() -> Play:
        return Application()

    return assert_chunk_invariant(lambda: pickle.loads(frozen), b"".join(said), make_play=play)


@both
def test_a_client_may_give_up(protocol: Protocol) -> None:
    """RFC 4954 section 4: 501 to "*". RFC 5034 section 4: -ERR."""
    trace = serve(protocol, b"AUTH LOGIN\r\n*\r\nNOOP\r\n")
    _, cancelled, *_ = trace.output.split(b"\r\n")
    assert cancelled.startswith(b"501 5.7.0" if protocol is SMTP else b"-ERR")


@both
@ids("said", [b"AUTH PLAIN a\r\n", b"AUTH PLAIN\r\nnot base64\r\n"], ids=["at once", "later"])
def test_what_is_not_base64_is_refused(protocol: Protocol, said: bytes) -> None:
    """RFC 4954 section 4: 501 5.5.2."""
    trace = serve(protocol, said)
    last = trace.output.split(b"\r\n")[-2]
    assert last.startswith(b"501 5.5.2" if protocol is SMTP else b"-ERR")


@both
@ids(
    "response",
    [b"ada", b"\0ada", b"\0ada\0engine\0", b"\0\0engine", b"\0ada\0", b"\0ada\0eng\0ine"],
    ids=repr,
)
def test_a_bad_plain_message_fails(protocol: Protocol, response: bytes) -> None:
    """RFC 4616 section 2: two NULs, a name, a password."""
    trace = serve(protocol, smtp.encode(smtp.Auth("PLAIN", response)))
    assert trace.output == protocol.no


@both
def test_an_initial_response_where_the_server_speaks_first(protocol: Protocol) -> None:
    """RFC 4954 section 4: it is a failure, 535."""
    trace = serve(protocol, b"AUTH CRAM-MD5 YWRh\r\n")
    assert trace.output == protocol.no
