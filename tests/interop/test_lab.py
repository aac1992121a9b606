"""The lab without mailproto: smtplib delivers to every peer, every client to aiosmtpd.

When these fail, the lab is at fault; nothing else in this folder means anything then.
"""

from __future__ import annotations

import smtplib
from pathlib import Path

import attrs
import pytest

from . import processes
from .certificates import Certificates
from .messages import BIG, MESSAGES, Sample, expected
from .peers import PASSWORD, SMALL, Aiosmtpd, Dovecot, Peer, Postfix
from .processes import PATIENCE
from .senders import SENDERS, Submission, reply_codes

pytestmark = pytest.mark.interop


def connect(peer: Peer, port: int | None = None) -> smtplib.SMTP:
    kind = smtplib.LMTP if peer.name == "dovecot" else smtplib.SMTP
    return kind(peer.host, port or peer.port, local_hostname="client.lab.test", timeout=PATIENCE)


def options(peer: Peer, sample: Sample) -> list[str]:
    utf8 = sample.smtputf8 and peer.name != "dovecot"
    return (["BODY=8BITMIME"] if sample.eight_bit else []) + (["SMTPUTF8"] if utf8 else [])


def test_a_missing_program_is_a_failure_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "SYSTEM_FOLDERS", "/nonexistent")
    monkeypatch.setenv("PATH", "/nonexistent")
    for program, package in processes.DEBIAN_PACKAGES.items():
        with pytest.raises(processes.LabError, match=f"Debian package '{package}'"):
            processes.find_program(program)


@pytest.mark.parametrize("sample", [*MESSAGES, BIG], ids=lambda sample: sample.name)
def test_every_message_arrives(peer: Peer, sample: Sample) -> None:
    with connect(peer) as client:
        client.sendmail(
            "alice@lab.test", ["bob@lab.test"], sample.raw, mail_options=options(peer, sample)
        )
    assert [one.message for one in peer.take("bob")] == [peer.stored(expected(sample.raw))]


def test_starttls_verifies(peer: Peer, certificates: Certificates) -> None:
    with connect(peer) as client:
        client.starttls(context=certificates.client_context())
        client.sendmail("alice@lab.test", ["bob@lab.test"], MESSAGES[0].raw)
    assert [one.message for one in peer.take("bob")] == [peer.stored(MESSAGES[0].raw)]


def test_auth(aiosmtpd_server: Aiosmtpd, postfix: Postfix) -> None:
    for server in (aiosmtpd_server, postfix):
        with connect(server) as client:
            assert client.login("alice", PASSWORD)[0] == 235
        with connect(server) as client, pytest.raises(smtplib.SMTPAuthenticationError):
            client.login("alice", "wrong")


def test_postfix_relays_only_for_who_logged_in(postfix: Postfix) -> None:
    with connect(postfix) as client:
        client.ehlo()
        client.mail("alice@lab.test")
        assert client.rcpt("someone@elsewhere.test")[0] == 554
        client.rset()
        client.login("alice", PASSWORD)
        client.mail("alice@lab.test")
        assert client.rcpt("someone@elsewhere.test")[0] == 250


def test_refusals(aiosmtpd_server: Aiosmtpd, postfix: Postfix) -> None:
    for server in (aiosmtpd_server, postfix):
        with connect(server) as client:
            client.ehlo()
            assert client.mail("blocked@lab.test")[0] == 554
            client.rset()
            assert client.mail("alice@lab.test")[0] == 250
            assert client.rcpt("reject@lab.test")[0] == 550
            assert client.rcpt("defer@lab.test")[0] == 450
            assert client.rcpt("full@lab.test")[0] == 552
            assert client.rcpt("bob@lab.test")[0] == 250


def test_small_ports_refuse_by_size(aiosmtpd_server: Aiosmtpd, postfix: Postfix) -> None:
    for server in (aiosmtpd_server, postfix):
        with connect(server, server.small_port) as client:
            client.ehlo()
            assert client.esmtp_features["size"] == str(SMALL)
            assert client.mail("alice@lab.test", [f"SIZE={SMALL + 1}"])[0] == 552


def test_postfix_bare_port_offers_8bitmime_alone(postfix: Postfix) -> None:
    with connect(postfix, postfix.bare_port) as client:
        client.ehlo()
        assert set(client.esmtp_features) == {"8bitmime"}


def test_postfix_offers(postfix: Postfix) -> None:
    with connect(postfix) as client:
        client.ehlo()
        wanted = {"pipelining", "chunking", "smtputf8", "dsn", "starttls", "size", "auth"}
        assert wanted <= set(client.esmtp_features)


def test_dovecot_answers_for_each_recipient(dovecot_lmtp: Dovecot) -> None:
    with connect(dovecot_lmtp) as client:
        client.ehlo()
        assert client.mail("alice@lab.test")[0] == 250
        assert client.rcpt("reject@lab.test")[0] == 550
        assert client.rcpt("full@lab.test")[0] == 250
        assert client.rcpt("bob@lab.test")[0] == 250
        first = client.data(MESSAGES[0].raw)  # smtplib reads one reply; the other follows
        second = client.getreply()
    assert (first[0], second[0]) == (552, 250)
    assert len(dovecot_lmtp.take("bob")) == 1
    assert dovecot_lmtp.take("full") == []


# --- the clients, against the one peer that keeps the exact octets -------------------------------


def test_the_codes_in_a_log_are_those_of_the_replies() -> None:
    """Not any three digits: a port, a process id and a time have some, too."""
    log = """\
status 1
=== Trying 127.0.0.1:42351...
port = 42351
* Connected to 127.0.0.1 (127.0.0.1) port 42351 (#0)
<-  250-SIZE 235
<-  250 Stored as 1795235235.235235.23523_5
<** 550 5.1.1 No
 ~> RCPT TO:<235@lab.test>
<~* 530 5.7.0 First
<-- 354 235
< 221 bye
} [235 bytes data]
"""
    assert reply_codes(log) == (250, 550, 530, 354, 221)


def submission(
    aiosmtpd_server: Aiosmtpd, certificates: Certificates, folder: Path, sample: Sample
) -> Submission:
    return Submission(
        port=aiosmtpd_server.port,
        message=sample.raw,
        folder=folder,
        certificates=certificates,
        smtputf8=sample.smtputf8,
        mail_options=("BODY=8BITMIME",) if sample.eight_bit else (),
    )


@pytest.mark.parametrize("client", SENDERS)
@pytest.mark.parametrize("sample", MESSAGES, ids=lambda sample: sample.name)
def test_every_client_sends_every_message(
    aiosmtpd_server: Aiosmtpd,
    certificates: Certificates,
    tmp_path: Path,
    client: str,
    sample: Sample,
) -> None:
    sent = SENDERS[client](submission(aiosmtpd_server, certificates, tmp_path, sample))
    assert sent.ok, sent.log
    contents = [one.content for one in aiosmtpd_server.transactions()]
    assert contents == [expected(sample.raw)]


@pytest.mark.parametrize("client", SENDERS)
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_every_client_does_starttls_and_auth(
    aiosmtpd_server: Aiosmtpd,
    certificates: Certificates,
    tmp_path: Path,
    client: str,
    mechanism: str,
) -> None:
    task = submission(aiosmtpd_server, certificates, tmp_path, MESSAGES[0])
    task = attrs.evolve(task, starttls=True, auth=mechanism)
    sent = SENDERS[client](task)
    assert sent.ok, sent.log
    assert 235 in sent.codes or client in {"smtplib", "aiosmtplib"}, sent.log
    assert len(aiosmtpd_server.transactions()) == 1
    sent = SENDERS[client](attrs.evolve(task, password="wrong"))
    assert not sent.ok, sent.log
    assert 535 in sent.codes, sent.log
    assert aiosmtpd_server.transactions() == []


@pytest.mark.parametrize("client", SENDERS)
def test_every_client_takes_refusals(
    aiosmtpd_server: Aiosmtpd, certificates: Certificates, tmp_path: Path, client: str
) -> None:
    task = submission(aiosmtpd_server, certificates, tmp_path, MESSAGES[0])
    SENDERS[client](attrs.evolve(task, recipients=("reject@lab.test", "defer@lab.test")))
    assert aiosmtpd_server.transactions() == []


@pytest.mark.parametrize("client", ["smtplib", "swaks", "msmtp"])
def test_clients_speak_lmtp(
    dovecot_lmtp: Dovecot, certificates: Certificates, tmp_path: Path, client: str
) -> None:
    task = Submission(
        port=dovecot_lmtp.port,
        message=MESSAGES[0].raw,
        folder=tmp_path,
        certificates=certificates,
        lmtp=True,
    )
    sent = SENDERS[client](task)
    assert sent.ok, sent.log
    stored = [one.message for one in dovecot_lmtp.take("bob")]
    assert stored == [dovecot_lmtp.stored(MESSAGES[0].raw)]
