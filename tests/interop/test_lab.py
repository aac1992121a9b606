"""The lab without mailproto: smtplib delivers to every peer, every client to aiosmtpd; poplib and
every other client of POP3 fetches from Dovecot.

When these fail, the lab is at fault; nothing else in this folder means anything then.
"""

from __future__ import annotations

import base64
import itertools
import poplib
import re
import smtplib
from pathlib import Path

import attrs
import pytest

from . import processes
from .certificates import Certificates, make_certificates
from .fetchers import FETCHERS, Retrieval
from .messages import BIG, MAILDROP, MESSAGES, SPECIAL, Sample, expected
from .peers import MECHANISMS, PASSWORD, SMALL, Aiosmtpd, Dovecot, Maildrop, Peer, Postfix
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


# --- POP3: Dovecot, and poplib -------------------------------------------------------------------

FEW = [one.raw for one in SPECIAL[:3]]


def pop3(dovecot: Dovecot) -> poplib.POP3:
    return poplib.POP3(dovecot.host, dovecot.pop3_port, timeout=PATIENCE)


def login(dovecot: Dovecot, drop: Maildrop) -> poplib.POP3:
    client = pop3(dovecot)
    client.user(drop.user)
    client.pass_(PASSWORD)
    return client


def retrieve(client: poplib.POP3, number: int) -> bytes:
    return b"".join(line + b"\r\n" for line in client.retr(number)[1])


# What poplib has no method for.


def say(client: poplib.POP3, *commands: str) -> None:
    client.sock.sendall("".join(f"{command}\r\n" for command in commands).encode())


def hear(client: poplib.POP3) -> bytes:
    return client.file.readline()


def hear_text(client: poplib.POP3) -> bytes:
    """RFC 1939 3: lines up to one that is only a dot; another that begins with one has two."""
    lines: list[bytes] = []
    while (line := client.file.readline()) != b".\r\n":
        lines.append(line.removeprefix(b"."))
    return b"".join(lines)


def test_dovecot_offers(dovecot: Dovecot, certificates: Certificates) -> None:
    client = pop3(dovecot)
    assert re.search(rb"<[^<>@ ]+@[^<>@ ]+>$", client.getwelcome())  # for APOP
    plain = client.capa()
    client.stls(certificates.client_context())
    behind_tls = client.capa()
    client.quit()
    wanted = {"TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "USER", "SASL"}
    assert wanted | {"STLS"} <= set(plain)
    assert wanted <= set(behind_tls)
    assert "STLS" not in behind_tls
    assert set(plain["SASL"]) == {one.upper() for one in MECHANISMS} - {"APOP"}


def test_dovecot_serves_the_whole_maildrop(dovecot: Dovecot, maildrop: Maildrop) -> None:
    client = login(dovecot, maildrop)
    # It counts the octets that are stored, each line end as two; not the CRLF that RETR adds.
    sizes = [len(one.raw) for one in MAILDROP]
    assert client.stat() == (len(MAILDROP), sum(sizes))
    listed = [tuple(map(int, line.split())) for line in client.list()[1]]
    assert listed == list(enumerate(sizes, 1))
    names = [line.split()[1] for line in client.uidl()[1]]
    assert len(set(names)) == len(names) == len(MAILDROP)
    for number, sample in enumerate(MAILDROP, 1):
        if not sample.long_lines:  # which poplib refuses
            assert retrieve(client, number) == maildrop.messages[number - 1]
    client.quit()


def test_the_messages_of_a_maildrop(maildrop: Maildrop) -> None:
    """What all the others are compared with: the octets put there, the last line ended."""
    expectations = [expected(one.raw) or b"\r\n" for one in MAILDROP]
    assert list(maildrop.messages) == expectations
    assert all(one.endswith(b"\r\n") for one in maildrop.messages)


@pytest.mark.parametrize("stls", [False, True])
def test_apop(dovecot: Dovecot, certificates: Certificates, stls: bool) -> None:
    drop = dovecot.maildrop(FEW)
    client = pop3(dovecot)
    if stls:
        client.stls(certificates.client_context())
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        client.apop(drop.user, "wrong")
    client.apop(drop.user, PASSWORD)
    assert retrieve(client, 3) == drop.messages[2]
    client.quit()


def test_pop3s(dovecot: Dovecot, certificates: Certificates) -> None:
    drop = dovecot.maildrop(FEW)
    context = certificates.client_context()
    client = poplib.POP3_SSL(dovecot.host, dovecot.pop3s_port, timeout=PATIENCE, context=context)
    client.user(drop.user)
    client.pass_(PASSWORD)
    assert retrieve(client, 1) == drop.messages[0]
    client.quit()


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2", "ANONYMOUS"])
def test_tokens_and_nobody(dovecot: Dovecot, mechanism: str) -> None:
    """RFC 7628, RFC 4505: the mechanisms without a password."""
    drop = dovecot.maildrop(FEW)
    responses = {
        "OAUTHBEARER": "n,a={user},\1auth=Bearer {token}\1\1",
        "XOAUTH2": "user={user}\1auth=Bearer {token}\1\1",
        "ANONYMOUS": "trace",
    }
    good, other = dovecot.token(drop.user), dovecot.token("bob")
    forged = good.rpartition(".")[0] + "." + other.rpartition(".")[2]
    for token in (forged, good):
        response = responses[mechanism].format(user=drop.user, token=token).encode()
        client = pop3(dovecot)
        say(client, f"AUTH {mechanism} {base64.b64encode(response).decode()}")
        if token == forged and mechanism != "ANONYMOUS":
            assert hear(client).startswith(b"+ ")  # the reason, and an answer to it: RFC 7628 3.2.3
            say(client, "AQ==")
            assert hear(client).startswith(b"-ERR [AUTH]")
        else:
            assert hear(client).startswith(b"+OK")
            assert client.stat()[0] == (0 if mechanism == "ANONYMOUS" else len(FEW))
        client.quit()


def test_dovecot_takes_pipelined_commands(dovecot: Dovecot, maildrop: Maildrop) -> None:
    """RFC 2449 6.8: many commands in one piece, the responses in their order."""
    client = login(dovecot, maildrop)
    numbers = [number for number, one in enumerate(MAILDROP, 1) if len(one.raw) < 1_000]
    assert len(numbers) > 1_000
    say(client, *(f"RETR {number}" for number in numbers), "NOOP")
    for number in numbers:
        assert hear(client).startswith(b"+OK")
        assert hear_text(client) == maildrop.messages[number - 1]
    assert hear(client).startswith(b"+OK")
    client.quit()


def test_only_quit_deletes(dovecot: Dovecot) -> None:
    """RFC 1939 6: and never a connection that just ends, or what RSET has taken back."""
    drop = dovecot.maildrop(FEW)
    client = login(dovecot, drop)
    client.dele(1)
    client.close()
    client = login(dovecot, drop)
    assert client.stat()[0] == 3
    client.dele(1)
    client.rset()
    client.dele(2)
    with pytest.raises(poplib.error_proto):
        client.retr(2)
    client.quit()
    assert dovecot.left(drop) == (drop.messages[0], drop.messages[2])


# --- POP3: the programs --------------------------------------------------------------------------


def retrieval(
    dovecot: Dovecot, drop: Maildrop, certificates: Certificates, folder: Path
) -> Retrieval:
    return Retrieval(
        port=dovecot.pop3_port, user=drop.user, folder=folder, certificates=certificates
    )


@pytest.mark.parametrize("client", FETCHERS)
def test_every_client_fetches_every_message(
    dovecot: Dovecot, certificates: Certificates, open_folder: Path, client: str
) -> None:
    fetcher = FETCHERS[client]
    drop = dovecot.maildrop([one.raw for one in MAILDROP[:20] if fetcher.can_keep(one)])
    fetched = fetcher.fetch(retrieval(dovecot, drop, certificates, open_folder))
    assert fetched.ok, fetched.log
    assert list(fetched.messages) == [fetcher.kept(one) for one in drop.messages]
    assert dovecot.left(drop) == drop.messages


@pytest.mark.parametrize("client", FETCHERS)
def test_every_client_is_content_with_nothing(
    dovecot: Dovecot, certificates: Certificates, open_folder: Path, client: str
) -> None:
    task = retrieval(dovecot, dovecot.maildrop([]), certificates, open_folder)
    fetched = FETCHERS[client].fetch(task)
    assert fetched.ok, fetched.log
    assert fetched.messages == ()


@pytest.mark.parametrize("client", ["poplib", "curl"])  # a few milliseconds for each message
def test_a_thousand_messages(
    dovecot: Dovecot, certificates: Certificates, open_folder: Path, client: str
) -> None:
    fetcher = FETCHERS[client]
    drop = dovecot.maildrop([one.raw for one in MAILDROP if fetcher.can_keep(one)])
    task = attrs.evolve(retrieval(dovecot, drop, certificates, open_folder), keep=False)
    fetched = fetcher.fetch(task)
    assert fetched.ok, fetched.log
    assert list(fetched.messages) == [fetcher.kept(one) for one in drop.messages]
    assert dovecot.left(drop) == ()


LOGINS = [(name, auth) for name, one in FETCHERS.items() for auth in (None, *one.auth)]


@pytest.mark.parametrize(("client", "auth"), LOGINS)
def test_every_client_logs_in(
    dovecot: Dovecot,
    certificates: Certificates,
    open_folder: Path,
    client: str,
    auth: str | None,
) -> None:
    fetcher = FETCHERS[client]
    drop = dovecot.maildrop(FEW)
    token = auth in {"OAUTHBEARER", "XOAUTH2"}
    task = attrs.evolve(
        retrieval(dovecot, drop, certificates, open_folder),
        auth=auth,
        password=dovecot.token(drop.user) if token else PASSWORD,
        keep=False,
    )
    fetched = fetcher.fetch(task)
    assert fetched.ok, fetched.log
    assert list(fetched.messages) == [fetcher.kept(one) for one in drop.messages]
    assert dovecot.left(drop) == ()
    if fetcher.shows_commands and auth is not None:
        command = auth if auth in {"USER", "APOP"} else f"AUTH {auth}"
        assert re.search(rf"> {command}\b", fetched.log), fetched.log


@pytest.mark.parametrize("client", FETCHERS)
def test_every_client_hears_that_the_password_is_wrong(
    dovecot: Dovecot, certificates: Certificates, open_folder: Path, client: str
) -> None:
    drop = dovecot.maildrop(FEW)
    task = retrieval(dovecot, drop, certificates, open_folder)
    fetched = FETCHERS[client].fetch(attrs.evolve(task, password="wrong"))
    assert not fetched.ok, fetched.log
    assert fetched.messages == ()


@pytest.mark.parametrize(
    ("client", "implicit"),
    [
        (name, implicit)
        for (name, one), implicit in itertools.product(FETCHERS.items(), (False, True))
        if one.stls or implicit
    ],
)
def test_every_client_verifies_the_server(
    dovecot: Dovecot,
    certificates: Certificates,
    open_folder: Path,
    client: str,
    implicit: bool,
) -> None:
    drop = dovecot.maildrop(FEW)
    ours, theirs, folder = (open_folder / name for name in ("ours", "theirs", "other"))
    for one in (ours, theirs, folder):
        one.mkdir()
    task = attrs.evolve(
        retrieval(dovecot, drop, certificates, ours),
        port=dovecot.pop3s_port if implicit else dovecot.pop3_port,
        stls=not implicit,
        implicit_tls=implicit,
    )
    fetched = FETCHERS[client].fetch(task)
    assert fetched.ok, fetched.log
    assert list(fetched.messages) == [FETCHERS[client].kept(one) for one in drop.messages]
    other = make_certificates(folder)
    fetched = FETCHERS[client].fetch(attrs.evolve(task, folder=theirs, certificates=other))
    assert not fetched.ok, fetched.log
    assert fetched.messages == ()
