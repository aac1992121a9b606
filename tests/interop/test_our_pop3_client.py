"""mailproto's POP3 client fetches from Dovecot, over each of the three drivers.

What it gets is compared with what was put into the maildrop, byte for byte.
"""

from __future__ import annotations

import ssl

import pytest
import trio

from mailproto import RemoteProtocolError, pop3, sasl

from .certificates import Certificates, make_certificates
from .mechanisms import TOKENS, exchange
from .messages import MAILDROP, SPECIAL
from .our_pop3_client import DRIVERS, Answer, Session, talk
from .peers import MECHANISMS, PASSWORD, Dovecot, Maildrop

pytestmark = pytest.mark.interop

FEW = [one.raw for one in SPECIAL[:3]]

driver = pytest.mark.parametrize("driver", DRIVERS)


# --- The messages --------------------------------------------------------------------------------


@driver
@pytest.mark.parametrize("sample", range(1, len(SPECIAL) + 1), ids=[one.name for one in SPECIAL])
def test_every_message(dovecot: Dovecot, maildrop: Maildrop, driver: str, sample: int) -> None:
    """RFC 1939 section 5: RETR, with LIST n and UIDL n about the same message."""

    async def script(session: Session) -> None:
        assert (await session.log_in(maildrop.user, PASSWORD)).ok
        size = await session.ask(pop3.List(sample))
        name = await session.ask(pop3.Uidl(sample))
        got = await session.ask(pop3.Retr(sample))
        assert got.message == maildrop.messages[sample - 1]
        # Dovecot counts what is stored, not a CRLF that it adds at the end.
        octets = len(SPECIAL[sample - 1].raw)
        assert size.value == pop3.Size(sample, octets)
        assert got.announced == octets
        assert isinstance(name.value, pop3.UniqueId)
        assert name.value.number == sample
        assert not got.reply.defects
        assert (await session.quit()).ok

    talk(dovecot.pop3_port, script, driver=driver)


@driver
def test_a_maildrop_in_one_pipeline(dovecot: Dovecot, maildrop: Maildrop, driver: str) -> None:
    """RFC 2449 section 6.6: many commands in flight, more than a thousand messages."""

    async def script(session: Session) -> None:
        capabilities = (await session.ask(pop3.Capa())).value
        assert isinstance(capabilities, pop3.Capabilities)
        assert "PIPELINING" in capabilities
        commands: list[pop3.Command] = [pop3.User(maildrop.user), pop3.Pass(PASSWORD)]
        assert all(answer.reply.ok for answer in await session.ask_all(commands))
        numbers = range(1, len(MAILDROP) + 1)
        stat, sizes, names, *bodies, noop = await session.ask_all(
            [
                pop3.Stat(),
                pop3.List(),
                pop3.Uidl(),
                *(pop3.Retr(number) for number in numbers),
                pop3.Noop(),
            ]
        )
        octets = [len(one.raw) for one in MAILDROP]
        assert stat.value == pop3.Totals(len(MAILDROP), sum(octets))
        assert sizes.entries == list(enumerate(octets, 1))
        found = dict(_pairs(names))
        assert list(found) == list(numbers)
        assert len(set(found.values())) == len(MAILDROP)
        assert [one.message for one in bodies] == list(maildrop.messages)
        assert noop.reply.ok
        await session.quit()

    talk(dovecot.pop3_port, script, driver=driver)


@pytest.mark.parametrize("lines", [0, 1, 2, 1_000_000])
def test_the_top_of_every_message(dovecot: Dovecot, maildrop: Maildrop, lines: int) -> None:
    """RFC 1939 section 7: the header, the empty line, and as many lines as asked for."""

    def top(message: bytes) -> bytes:
        header, empty, body = message.partition(b"\r\n\r\n")
        return header + empty + b"".join(body.splitlines(keepends=True)[:lines])

    # A message of nothing but a line end has no body to cut; lines with bare CRs no simple model.
    chosen = [at for at, one in enumerate(SPECIAL) if one.name not in ("empty", "every-octet")]

    async def script(session: Session) -> None:
        await session.ask(pop3.Capa())
        assert (await session.log_in(maildrop.user, PASSWORD)).ok
        answers = await session.ask_all([pop3.Top(at + 1, lines) for at in chosen])
        for at, answer in zip(chosen, answers, strict=True):
            assert answer.message == top(maildrop.messages[at])
        await session.quit()

    talk(dovecot.pop3_port, script)


@driver
def test_an_empty_maildrop(dovecot: Dovecot, driver: str) -> None:
    drop = dovecot.maildrop([])

    async def script(session: Session) -> None:
        assert (await session.log_in(drop.user, PASSWORD)).ok
        assert (await session.ask(pop3.Stat())).value == pop3.Totals(0, 0)
        for command in (pop3.List(), pop3.Uidl()):
            answer = await session.ask(command)
            assert answer.reply.ok
            assert answer.entries == []
        assert not (await session.ask(pop3.Retr(1))).reply.ok
        await session.quit()

    talk(dovecot.pop3_port, script, driver=driver)


# --- Deletion ------------------------------------------------------------------------------------


@driver
def test_only_quit_deletes(dovecot: Dovecot, driver: str) -> None:
    """RFC 1939 section 6: and never a connection that just ends, or what RSET has taken back."""
    drop = dovecot.maildrop(FEW)

    async def leave(session: Session) -> None:
        assert (await session.log_in(drop.user, PASSWORD)).ok
        assert (await session.ask(pop3.Dele(1))).reply.ok

    async def stay(session: Session) -> None:
        assert (await session.log_in(drop.user, PASSWORD)).ok
        assert (await session.ask(pop3.Stat())).value == pop3.Totals(3, sum(map(len, FEW)))
        assert (await session.ask(pop3.Dele(1))).reply.ok
        assert (await session.ask(pop3.Rset())).reply.ok
        assert (await session.ask(pop3.Dele(2))).reply.ok
        assert not (await session.ask(pop3.Retr(2))).reply.ok
        assert not (await session.ask(pop3.Dele(2))).reply.ok
        assert [number for number, _ in _pairs(await session.ask(pop3.List()))] == [1, 3]
        assert (await session.quit()).ok

    talk(dovecot.pop3_port, leave, driver=driver)
    talk(dovecot.pop3_port, stay, driver=driver)
    assert dovecot.left(drop) == (drop.messages[0], drop.messages[2])


def _pairs(answer: Answer) -> list[tuple[int, object]]:
    return [(entry[0], entry[1]) for entry in answer.entries if isinstance(entry, tuple)]


# --- TLS -----------------------------------------------------------------------------------------


@driver
def test_stls(
    dovecot: Dovecot, maildrop: Maildrop, certificates: Certificates, driver: str
) -> None:
    """RFC 2595 section 4: what was learnt before is forgotten; the password goes behind it."""

    async def script(session: Session) -> None:
        assert "STLS" in _capabilities(await session.ask(pop3.Capa()))
        before = _learnt(session.client)
        assert before[0] is False
        assert None not in before
        assert (await session.ask(pop3.Stls())).reply.ok
        assert _learnt(session.client) == (True, None, None)
        assert "STLS" not in _capabilities(await session.ask(pop3.Capa()))
        assert (await session.log_in(maildrop.user, PASSWORD)).ok
        numbers = range(1, len(SPECIAL) + 1)
        answers = await session.ask_all([pop3.Retr(number) for number in numbers])
        assert [one.message for one in answers] == list(maildrop.messages[: len(SPECIAL)])
        assert (await session.quit()).ok

    context = certificates.client_context()
    talk(dovecot.pop3_port, script, driver=driver, tls=context, quirks=pop3.Quirks())


def _learnt(client: pop3.Client) -> tuple[bool, object, object]:
    return client.tls, client.capabilities, client.timestamp


def _capabilities(answer: Answer) -> pop3.Capabilities:
    assert isinstance(answer.value, pop3.Capabilities)
    return answer.value


@driver
def test_implicit_tls(
    dovecot: Dovecot, maildrop: Maildrop, certificates: Certificates, driver: str
) -> None:
    """RFC 8314 section 3.3: TLS first, then the greeting."""

    async def script(session: Session) -> bytes:
        assert (await session.log_in(maildrop.user, PASSWORD)).ok
        got = await session.ask(pop3.Retr(3))
        await session.quit()
        return got.message

    got = talk(
        dovecot.pop3s_port,
        script,
        driver=driver,
        tls=certificates.client_context(),
        implicit_tls=True,
        quirks=pop3.Quirks(),
    )
    assert got == maildrop.messages[2]


@driver
@pytest.mark.parametrize("implicit", [False, True])
def test_an_untrusted_certificate(
    dovecot: Dovecot, tmp_path_factory: pytest.TempPathFactory, driver: str, implicit: bool
) -> None:
    """Nothing is said to a server that cannot show who it is."""
    other = make_certificates(tmp_path_factory.mktemp("other"))

    async def script(session: Session) -> None:
        await session.ask(pop3.Stls())
        raise AssertionError("the certificate was taken")

    with pytest.raises((RemoteProtocolError, ssl.SSLError, trio.BrokenResourceError)) as caught:
        talk(
            dovecot.pop3s_port if implicit else dovecot.pop3_port,
            script,
            driver=driver,
            tls=other.client_context(),
            implicit_tls=implicit,
        )
    cause: BaseException | None = caught.value
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__
    assert cause is not None


# --- Logging in ----------------------------------------------------------------------------------


@driver
@pytest.mark.parametrize("implicit", [False, True])
def test_apop(
    dovecot: Dovecot, maildrop: Maildrop, certificates: Certificates, driver: str, implicit: bool
) -> None:
    """RFC 1939 section 7, with the timestamp of the greeting."""

    async def script(session: Session) -> None:
        timestamp = session.client.timestamp
        assert timestamp is not None
        assert timestamp in session.greeting.text
        wrong = pop3.Apop.make(maildrop.user, timestamp, "wrong")
        refused = (await session.ask(wrong)).reply
        assert refused.means(pop3.ResponseCode.AUTH)
        right = pop3.Apop.make(maildrop.user, timestamp, PASSWORD)
        assert (await session.ask(right)).reply.ok
        assert (await session.ask(pop3.Retr(2))).message == maildrop.messages[1]
        await session.quit()

    talk(
        dovecot.pop3s_port if implicit else dovecot.pop3_port,
        script,
        driver=driver,
        tls=certificates.client_context() if implicit else None,
        implicit_tls=implicit,
    )


@driver
def test_a_wrong_password(dovecot: Dovecot, maildrop: Maildrop, driver: str) -> None:
    """RFC 3206: [AUTH]. The session goes on, and the right one is taken."""

    async def script(session: Session) -> None:
        refused = await session.log_in(maildrop.user, "wrong")
        assert refused.means(pop3.ResponseCode.AUTH)
        states = [session.client.state]
        assert (await session.log_in(maildrop.user, PASSWORD)).ok
        states.append(session.client.state)
        assert states == [pop3.State.AUTHORIZATION, pop3.State.TRANSACTION]
        await session.quit()

    talk(dovecot.pop3_port, script, driver=driver)


def test_what_it_offers(dovecot: Dovecot, maildrop: Maildrop, certificates: Certificates) -> None:
    """RFC 2449. UTF8 and LANG (RFC 6856) are not offered, and so not said."""

    async def script(session: Session) -> None:
        offered = _capabilities(await session.ask(pop3.Capa()))
        assert set(offered.sasl) == {one.upper() for one in MECHANISMS} - {"APOP"}
        wanted = ("TOP", "UIDL", "USER", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "STLS")
        assert all(keyword in offered for keyword in wanted)
        refused: tuple[pop3.Command, ...] = (pop3.Utf8(), pop3.Lang(), pop3.Lang("en"))
        for command in refused:
            with pytest.raises(pop3.NotOffered):
                await session.ask(command)
        assert not (await session.ask(pop3.UnknownCommand("XNONSENSE"))).reply.ok
        assert (await session.log_in(maildrop.user, PASSWORD)).ok
        assert "PIPELINING" in _capabilities(await session.ask(pop3.Capa()))
        await session.quit()

    talk(dovecot.pop3_port, script, tls=certificates.client_context())


SASL = [one.upper() for one in MECHANISMS if one != "apop"]


@driver
@pytest.mark.parametrize("mechanism", SASL)
def test_every_mechanism(dovecot: Dovecot, driver: str, mechanism: str) -> None:
    """RFC 5034, each with the exchange of `mailproto.sasl`."""
    drop = dovecot.maildrop(FEW)
    secret = dovecot.token(drop.user) if mechanism in TOKENS else PASSWORD

    async def script(session: Session) -> None:
        if driver != "trio":  # without CAPA, too, and then without knowing what is offered
            assert mechanism in _capabilities(await session.ask(pop3.Capa())).sasl
        reply = await session.authenticate(exchange(mechanism, drop.user, secret))
        assert reply.ok
        messages = 0 if mechanism == "ANONYMOUS" else len(FEW)
        totals = (await session.ask(pop3.Stat())).value
        assert isinstance(totals, pop3.Totals)
        assert totals.messages == messages
        if messages:
            assert (await session.ask(pop3.Retr(3))).message == drop.messages[2]
        await session.quit()

    talk(dovecot.pop3_port, script, driver=driver)


@pytest.mark.parametrize("mechanism", [one for one in SASL if one != "ANONYMOUS"])
def test_every_mechanism_with_a_wrong_secret(dovecot: Dovecot, mechanism: str) -> None:
    """The no is a reply, whatever was said before it, and the session goes on."""
    drop = dovecot.maildrop(FEW)
    right, wrong = PASSWORD, "wrong"
    if mechanism in TOKENS:
        right, other = dovecot.token(drop.user), dovecot.token("bob")
        wrong = right.rpartition(".")[0] + "." + other.rpartition(".")[2]

    async def script(session: Session) -> None:
        refused = exchange(mechanism, drop.user, wrong)
        reply = await session.authenticate(refused)
        assert reply.means(pop3.ResponseCode.AUTH)
        if mechanism in TOKENS:  # RFC 7628 section 3.2.2: it says why
            assert refused.refusal is not None
            assert refused.refusal.status
        assert (await session.authenticate(exchange(mechanism, drop.user, right))).ok
        await session.quit()

    talk(dovecot.pop3_port, script)


def test_the_strongest_mechanism_is_chosen(dovecot: Dovecot, maildrop: Maildrop) -> None:
    """And without TLS, none that shows the password."""

    async def script(session: Session) -> None:
        offered = _capabilities(await session.ask(pop3.Capa())).sasl
        have = sasl.Password(maildrop.user, PASSWORD)
        chosen = sasl.choose(offered, have, nonce="a-nonce-of-this-test", tls=False)
        assert chosen.mechanism == "SCRAM-SHA-256"
        assert (await session.authenticate(chosen)).ok
        await session.quit()

    talk(dovecot.pop3_port, script, quirks=pop3.Quirks())
