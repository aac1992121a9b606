"""mailproto's server receives from smtplib, aiosmtplib, swaks, msmtp and curl.

It is `examples/smtp_sink`, run as a program; what its Maildir holds is compared with what was
sent, byte for byte. That each client sends exactly this was established in `test_lab.py`.
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from mailproto import smtp
from mailproto.smtp import Envelope

from .certificates import Certificates
from .messages import BIG, MESSAGES, Sample, expected
from .our_client import deliver
from .our_server import OurServer
from .peers import SMALL, Postfix
from .processes import HOST
from .senders import SENDERS, Submission, run_swaks

pytestmark = pytest.mark.interop

PLAIN = MESSAGES[0]
REFUSED = ("reject@lab.test", "unknown@lab.test")
REFUSALS = tuple(word for one in REFUSED for word in ("--refuse", one))
LARGE = Sample("large", PLAIN.raw + (b"y" * 70 + b"\r\n") * SMALL)


#: The servers, and the flags each is started with.
SERVERS = {
    "smtp": REFUSALS,
    "lmtp": ("--lmtp", *REFUSALS, "--full", "full@lab.test"),
    "small": ("--size", str(SMALL)),
    "plaintext-auth": ("--plaintext-auth",),
    "submissions": ("--implicit-tls", "--require-auth"),
    "proxied": ("--trust-proxy", HOST, "--trace"),
    "prdr": ("--offer", "PRDR", *REFUSALS, "--full", "full@lab.test", "--full", "alice@lab.test"),
}


@pytest.fixture(scope="session")
def servers(lab_folder: Path, certificates: Certificates) -> Iterator[dict[str, OurServer]]:
    started = {
        name: OurServer(lab_folder / f"sink-{name}", certificates, flags)
        for name, flags in SERVERS.items()
    }
    try:
        for server in started.values():
            server.start()
        yield started
    finally:
        for server in started.values():
            server.stop()


def _emptied(server: OurServer) -> OurServer:
    server.take()
    return server


@pytest.fixture
def sink(servers: dict[str, OurServer]) -> OurServer:
    return _emptied(servers["smtp"])


@pytest.fixture
def lmtp_sink(servers: dict[str, OurServer]) -> OurServer:
    return _emptied(servers["lmtp"])


@pytest.fixture
def small_sink(servers: dict[str, OurServer]) -> OurServer:
    return _emptied(servers["small"])


@pytest.fixture
def plaintext_sink(servers: dict[str, OurServer]) -> OurServer:
    return _emptied(servers["plaintext-auth"])


@pytest.fixture
def submissions_sink(servers: dict[str, OurServer]) -> OurServer:
    return _emptied(servers["submissions"])


MakeTask = Callable[[OurServer, Sample], Submission]


@pytest.fixture
def make_task(tmp_path: Path, certificates: Certificates) -> MakeTask:
    def make(server: OurServer, sample: Sample) -> Submission:
        return Submission(
            port=server.port,
            message=sample.raw,
            folder=tmp_path,
            certificates=certificates,
            lmtp="--lmtp" in server.flags,
            smtputf8=sample.smtputf8,
            mail_options=("BODY=8BITMIME",) if sample.eight_bit else (),
        )

    return make


# --- The messages --------------------------------------------------------------------------------


@pytest.mark.parametrize("client", SENDERS)
@pytest.mark.parametrize("sample", [*MESSAGES, BIG], ids=lambda sample: sample.name)
def test_every_message_of_every_client(
    sink: OurServer, make_task: MakeTask, client: str, sample: Sample
) -> None:
    sent = SENDERS[client](make_task(sink, sample))
    assert sent.ok, sent.log
    assert sink.take() == [expected(sample.raw)]


@pytest.mark.parametrize("client", ["smtplib", "swaks", "swaks-pipelining", "msmtp"])
@pytest.mark.parametrize("sample", MESSAGES, ids=lambda sample: sample.name)
def test_every_message_over_lmtp(
    lmtp_sink: OurServer, make_task: MakeTask, client: str, sample: Sample
) -> None:
    sent = SENDERS[client](make_task(lmtp_sink, sample))
    assert sent.ok, sent.log
    assert lmtp_sink.take() == [expected(sample.raw)]


# --- TLS and AUTH --------------------------------------------------------------------------------


@pytest.mark.parametrize("client", SENDERS)
def test_starttls(sink: OurServer, make_task: MakeTask, client: str) -> None:
    """RFC 3207: every client verifies the certificate, and says EHLO again."""
    sent = SENDERS[client](attrs.evolve(make_task(sink, PLAIN), starttls=True))
    assert sent.ok, sent.log
    assert sink.take() == [PLAIN.raw]


@pytest.mark.parametrize("client", SENDERS)
def test_starttls_big(sink: OurServer, make_task: MakeTask, client: str) -> None:
    sent = SENDERS[client](attrs.evolve(make_task(sink, BIG), starttls=True))
    assert sent.ok, sent.log
    assert sink.take() == [BIG.raw]


@pytest.mark.parametrize("client", SENDERS)
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_auth(sink: OurServer, make_task: MakeTask, client: str, mechanism: str) -> None:
    """RFC 4954, behind STARTTLS: with an initial response (PLAIN), by challenges (LOGIN)."""
    task = attrs.evolve(make_task(sink, PLAIN), starttls=True, auth=mechanism)
    sent = SENDERS[client](task)
    assert sent.ok, sent.log
    assert sink.take() == [PLAIN.raw]


@pytest.mark.parametrize("client", SENDERS)
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_auth_with_a_wrong_password(
    sink: OurServer, make_task: MakeTask, client: str, mechanism: str
) -> None:
    task = attrs.evolve(make_task(sink, PLAIN), starttls=True, auth=mechanism, password="wrong")
    sent = SENDERS[client](task)
    assert not sent.ok, sent.log
    assert 535 in sent.codes, sent.log
    assert sink.take() == []


@pytest.mark.parametrize("client", SENDERS)
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_auth_without_tls(
    plaintext_sink: OurServer, make_task: MakeTask, client: str, mechanism: str
) -> None:
    task = attrs.evolve(make_task(plaintext_sink, PLAIN), auth=mechanism)
    sent = SENDERS[client](task)
    assert sent.ok, sent.log
    assert plaintext_sink.take() == [PLAIN.raw]


@pytest.mark.parametrize("client", SENDERS)
def test_auth_is_not_offered_without_tls(sink: OurServer, make_task: MakeTask, client: str) -> None:
    """RFC 4954 4: no mechanism that shows the password, where anyone may read it."""
    sent = SENDERS[client](attrs.evolve(make_task(sink, PLAIN), auth="PLAIN"))
    assert 235 not in sent.codes, sent.log
    # SCRAM is offered, PLAIN is not: all give up. (Where AUTH is not offered at all curl goes on.)
    assert not sent.ok, sent.log
    assert sink.take() == []


@pytest.mark.parametrize("client", SENDERS)
def test_submissions(submissions_sink: OurServer, make_task: MakeTask, client: str) -> None:
    """RFC 8314 3.3, 6409 4.3: TLS first, then AUTH; 530 to who leaves it out."""
    task = attrs.evolve(make_task(submissions_sink, PLAIN), implicit_tls=True)
    sent = SENDERS[client](task)
    assert not sent.ok, sent.log
    assert 530 in sent.codes, sent.log
    sent = SENDERS[client](attrs.evolve(task, auth="PLAIN"))
    assert sent.ok, sent.log
    assert submissions_sink.take() == [PLAIN.raw]


def test_lmtp_over_tls(lmtp_sink: OurServer, make_task: MakeTask) -> None:
    sent = run_swaks(attrs.evolve(make_task(lmtp_sink, PLAIN), starttls=True))
    assert sent.ok, sent.log
    assert lmtp_sink.take() == [PLAIN.raw]


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", ["smtplib", "aiosmtplib", "swaks", "swaks-pipelining", "curl"])
def test_some_recipients_are_refused(sink: OurServer, make_task: MakeTask, client: str) -> None:
    """RFC 5321 3.3: the message goes to the others."""
    recipients = ("bob@lab.test", "reject@lab.test", "alice@lab.test")
    sent = SENDERS[client](attrs.evolve(make_task(sink, PLAIN), recipients=recipients))
    assert sent.codes.count(550) == 1, sent.log
    assert "reject@lab.test" in sent.log
    assert sink.take() == [PLAIN.raw]


@pytest.mark.parametrize("client", SENDERS)
def test_all_recipients_are_refused(sink: OurServer, make_task: MakeTask, client: str) -> None:
    """Also with DATA already in the pipeline (RFC 2920 3.1): there is no message."""
    sent = SENDERS[client](attrs.evolve(make_task(sink, PLAIN), recipients=REFUSED))
    assert not sent.ok, sent.log
    assert 550 in sent.codes, sent.log
    assert sink.take() == []


def test_lmtp_answers_for_each_recipient(lmtp_sink: OurServer, make_task: MakeTask) -> None:
    """RFC 2033 4.2: as many replies behind the body as recipients were accepted, in their order."""
    names = ("bob", "reject", "full", "alice")
    recipients = tuple(f"{name}@lab.test" for name in names)
    for flags in ((), ("--pipeline",)):
        task = attrs.evolve(make_task(lmtp_sink, PLAIN), recipients=recipients)
        sent = run_swaks(task, *flags)
        assert sent.codes[sent.codes.index(354) :] == (354, 250, 452, 250, 221), sent.log
        assert lmtp_sink.take() == [PLAIN.raw]


@pytest.mark.parametrize("client", SENDERS)
def test_too_big_is_refused(small_sink: OurServer, make_task: MakeTask, client: str) -> None:
    """RFC 1870 6: at MAIL for who announces the size, behind the octets for who does not."""
    sent = SENDERS[client](make_task(small_sink, LARGE))
    assert not sent.ok, sent.log
    assert small_sink.take() == []
    sent = SENDERS[client](make_task(small_sink, PLAIN))
    assert sent.ok, sent.log
    assert small_sink.take() == [PLAIN.raw]


# --- Proxies, and an answer for each recipient ----------------------------------------------------


def test_xclient(servers: dict[str, OurServer], make_task: MakeTask) -> None:
    """XCLIENT_README: swaks speaks for another client, in xtext, and says EHLO again."""
    sink = _emptied(servers["proxied"])
    for address in ("192.0.2.7", "2001:db8::7"):
        wire = f"IPV6:{address}" if ":" in address else address
        flags = ["--xclient-addr", wire, "--xclient-name", "[UNAVAILABLE]"]
        flags += ["--xclient-login", "carol work", "--xclient-port", "4711"]
        sent = run_swaks(make_task(sink, PLAIN), *flags)
        assert sent.ok, sent.log
        assert 220 in sent.codes[1:], sent.log
        (stored,) = sink.take()
        assert stored.endswith(b"\r\n" + PLAIN.raw)
        assert f"Received: from client.lab.test ([{address}])".encode() in stored
        assert b"with ESMTPA;" in stored  # LOGIN authenticates


def test_xclient_from_a_stranger(sink: OurServer, make_task: MakeTask) -> None:
    sent = run_swaks(make_task(sink, PLAIN), "--xclient-addr", "192.0.2.7")
    assert not sent.ok, sent.log
    assert sink.take() == []


def test_xforward_from_postfix(
    postfix: Postfix, lab_folder: Path, certificates: Certificates
) -> None:
    """XFORWARD_README: Postfix tells where the message that it passes on came from."""
    flags = ("--trust-proxy", HOST)
    server = OurServer(lab_folder / "sink-forward", certificates, flags, postfix.forward_port)
    server.start()
    try:
        envelope = Envelope("alice@lab.test", ["bob@forward.test"])
        speaks = smtp.XClient((smtp.PEER_ADDR("192.0.2.9"), smtp.PEER_NAME("there.example")))
        deliver(postfix.host, postfix.proxy_port, envelope, PLAIN.raw, xclient=speaks)
        postfix.settle()
        (stored,) = server.take()
        assert stored.endswith(PLAIN.raw)
        assert "XFORWARD: the client is 192.0.2.9" in server.log
    finally:
        server.stop()


@pytest.mark.parametrize("flags", [(), ("--pipeline",)], ids=["one by one", "pipelined"])
def test_prdr(servers: dict[str, OurServer], make_task: MakeTask, flags: tuple[str, ...]) -> None:
    """draft-hall-prdr: 353, an answer for each accepted recipient, and one for the message."""
    sink = _emptied(servers["prdr"])
    recipients = tuple(f"{name}@lab.test" for name in ("bob", "reject", "full", "carol"))
    task = attrs.evolve(make_task(sink, PLAIN), recipients=recipients)
    sent = run_swaks(task, "--prdr", *flags)
    assert sent.codes[sent.codes.index(354) :] == (354, 353, 250, 452, 250, 250, 221), sent.log
    assert sink.take() == [PLAIN.raw]
    # A message that nobody takes is refused.
    task = attrs.evolve(task, recipients=("full@lab.test", "alice@lab.test"))
    sent = run_swaks(task, "--prdr", *flags)
    assert sent.codes[sent.codes.index(354) :] == (354, 353, 452, 452, 452, 221), sent.log
    assert sink.take() == []


@pytest.mark.parametrize("chunking", [False, True])
def test_prdr_from_our_own_client(servers: dict[str, OurServer], chunking: bool) -> None:
    sink = _emptied(servers["prdr"])
    envelope = Envelope("alice@lab.test", ["bob@lab.test", "full@lab.test", "reject@lab.test"])
    delivery = deliver(sink.host, sink.port, envelope, PLAIN.raw, chunking=chunking)
    assert delivery.outcome is not None
    assert [reply.code for _, reply in delivery.outcome.results] == [250, 452, 550]
    assert sink.take() == [PLAIN.raw]


# --- Other ways to talk --------------------------------------------------------------------------


def test_helo(sink: OurServer, make_task: MakeTask) -> None:
    """RFC 5321 4.1.1.1: a client that knows nothing newer than HELO."""
    sent = run_swaks(make_task(sink, PLAIN), "--protocol", "SMTP")
    assert sent.ok, sent.log
    assert "EHLO" not in sent.log
    assert sink.take() == [PLAIN.raw]


def test_many_messages_in_one_session(sink: OurServer) -> None:
    """A refusal of any kind leaves the session in order for the next message."""
    with smtplib.SMTP(sink.host, sink.port, local_hostname="client.lab.test") as client:
        for sample in MESSAGES:
            options = ["SMTPUTF8"] if sample.smtputf8 else []
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.sendmail("alice@lab.test", REFUSED, sample.raw, mail_options=options)
            client.sendmail("alice@lab.test", "bob@lab.test", sample.raw, mail_options=options)
            assert client.noop()[0] == 250
            assert client.docmd("NONSENSE")[0] == 500
            assert client.docmd("DATA")[0] == 503
    assert sink.take() == [expected(sample.raw) for sample in MESSAGES]


@pytest.mark.parametrize("lmtp", [False, True])
@pytest.mark.parametrize("sample", [*MESSAGES, BIG], ids=lambda sample: sample.name)
def test_bdat_from_our_own_client(
    sink: OurServer, lmtp_sink: OurServer, sample: Sample, lmtp: bool
) -> None:
    """None of the programs above says BDAT (RFC 3030); over sockets, our own client does."""
    server = lmtp_sink if lmtp else sink
    step = 4_093 if len(sample.raw) < 1_000_000 else 1_000_003
    delivery = deliver(
        server.host,
        server.port,
        Envelope("alice@lab.test", ["bob@lab.test"]),
        [sample.raw[at : at + step] for at in range(0, len(sample.raw), step)],
        body_type="8BITMIME",
        smtputf8=sample.smtputf8 or None,
        lmtp=lmtp,
        chunking=True,
    )
    assert delivery.outcome is not None
    assert delivery.outcome.delivered == ("bob@lab.test",)
    assert server.take() == [sample.raw]
