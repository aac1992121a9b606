"""mailproto's client delivers to Postfix, Dovecot's LMTP service, and aiosmtpd.

What they stored is compared with what was sent, byte for byte; where a peer keeps LF line endings
`Peer.stored()` says what its file must hold.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

import pytest

from mailproto import LocalProtocolError, RemoteProtocolError, sasl, smtp
from mailproto.smtp import Envelope, Recipient

from .certificates import Certificates, make_certificates
from .mechanisms import TOKENS, exchange
from .messages import BIG, MESSAGES, Sample, expected
from .our_client import Delivery, deliver
from .peers import MECHANISMS, PASSWORD, SMALL, Aiosmtpd, Dovecot, Peer, Postfix

pytestmark = pytest.mark.interop

PLAIN = MESSAGES[0]
TO_BOB = Envelope("alice@lab.test", ["bob@lab.test"])


def pieces(raw: bytes) -> Iterator[bytes]:
    """A message cut where it hurts: inside CRLF, behind a leading dot, around CRLF.CRLF."""
    step = 1 if len(raw) < 3_000 else 4_093
    for start in range(0, len(raw), step):
        yield raw[start : start + step]


def send(
    peer: Peer,
    sample: Sample,
    envelope: Envelope = TO_BOB,
    *,
    port: int | None = None,
    chunking: bool | None = None,
    starttls: ssl.SSLContext | None = None,
    implicit_tls: ssl.SSLContext | None = None,
    auth: sasl.ClientExchange | None = None,
    size: int | None = None,
) -> Delivery:
    return deliver(
        peer.host,
        port or peer.port,
        envelope,
        pieces(sample.raw),
        size=size,
        body_type="8BITMIME" if sample.eight_bit else None,
        smtputf8=True if sample.smtputf8 and peer.name != "dovecot" else None,
        chunking=chunking,
        starttls=starttls,
        implicit_tls=implicit_tls,
        auth=auth,
        lmtp=peer.name == "dovecot",
    )


def codes(delivery: Delivery) -> dict[str, int]:
    """The final answer for each recipient."""
    assert delivery.outcome is not None
    return {address: reply.code for address, reply in delivery.outcome.results}


# --- The messages --------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [*MESSAGES, BIG], ids=lambda sample: sample.name)
def test_data_arrives(peer: Peer, sample: Sample) -> None:
    """RFC 5321 4.1.1.4, 4.5.2: what DATA carries, dots and all."""
    delivery = send(peer, sample, chunking=False)
    assert codes(delivery) == {"bob@lab.test": 250}
    assert [one.message for one in peer.take("bob")] == [peer.stored(expected(sample.raw))]


@pytest.mark.parametrize("sample", [*MESSAGES, BIG], ids=lambda sample: sample.name)
@pytest.mark.parametrize("server", ["postfix", "dovecot_lmtp"])
def test_bdat_arrives(request: pytest.FixtureRequest, server: str, sample: Sample) -> None:
    """RFC 3030 2: BDAT carries the octets as they are, an unfinished last line too."""
    peer: Peer = request.getfixturevalue(server)
    delivery = send(peer, sample, chunking=True)
    assert codes(delivery) == {"bob@lab.test": 250}
    assert [one.message for one in peer.take("bob")] == [peer.stored(sample.raw)]


@pytest.mark.parametrize("sample", MESSAGES, ids=lambda sample: sample.name)
def test_without_any_extension_but_8bitmime(postfix: Postfix, sample: Sample) -> None:
    """Nothing may be pipelined (RFC 2920 3.1); Postfix refuses who does, at DATA."""
    if sample.smtputf8:
        with pytest.raises(smtp.NotOffered):
            send(postfix, sample, port=postfix.bare_port)
        return
    delivery = send(postfix, sample, port=postfix.bare_port, size=len(sample.raw))
    assert codes(delivery) == {"bob@lab.test": 250}
    assert [one.message for one in postfix.take("bob")] == [postfix.stored(expected(sample.raw))]


# --- Refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunking", [False, True])
def test_some_recipients_are_refused(postfix: Postfix, chunking: bool) -> None:
    """RFC 5321 3.3: each RCPT has its own answer; the message goes to the others."""
    names = ["bob", "reject", "alice", "defer", "full"]
    envelope = Envelope("alice@lab.test", [f"{name}@lab.test" for name in names])
    delivery = send(postfix, PLAIN, envelope, chunking=chunking)
    assert list(codes(delivery).values()) == [250, 550, 250, 450, 552]
    assert delivery.outcome is not None
    assert delivery.outcome.delivered == ("bob@lab.test", "alice@lab.test")
    assert delivery.outcome.recipients[1][1].enhanced == "5.1.1"
    for user in ("alice", "bob"):
        assert [one.message for one in postfix.take(user)] == [postfix.stored(PLAIN.raw)]


@pytest.mark.parametrize("chunking", [False, True])
def test_all_recipients_are_refused(postfix: Postfix, chunking: bool) -> None:
    """No recipient, no body: nothing is queued, and the session goes on."""
    envelope = Envelope("alice@lab.test", ["reject@lab.test", "defer@lab.test"])
    delivery = send(postfix, PLAIN, envelope, chunking=chunking)
    assert codes(delivery) == {"reject@lab.test": 550, "defer@lab.test": 450}
    assert delivery.outcome is not None
    assert delivery.outcome.delivered == ()
    assert delivery.replies[-1][1].code == 221
    assert postfix.take("alice") == []


def test_refusals_by_aiosmtpd(aiosmtpd_server: Aiosmtpd) -> None:
    """The same without PIPELINING, which aiosmtpd does not offer."""
    some = Envelope("alice@lab.test", ["reject@lab.test", "bob@lab.test"])
    none = Envelope("alice@lab.test", ["reject@lab.test", "full@lab.test"])
    assert list(codes(send(aiosmtpd_server, PLAIN, some)).values()) == [550, 250]
    assert list(codes(send(aiosmtpd_server, PLAIN, none)).values()) == [550, 552]
    (only,) = aiosmtpd_server.transactions()
    assert only.recipients == ("bob@lab.test",)


@pytest.mark.parametrize("chunking", [False, True])
def test_the_sender_is_refused(postfix: Postfix, chunking: bool) -> None:
    """MAIL's refusal is every recipient's answer."""
    envelope = Envelope("blocked@lab.test", ["bob@lab.test", "alice@lab.test"])
    delivery = send(postfix, PLAIN, envelope, chunking=chunking)
    assert delivery.outcome is not None
    assert delivery.outcome.mail.code == 554
    assert codes(delivery) == {"bob@lab.test": 554, "alice@lab.test": 554}
    assert postfix.take("bob") == []


@pytest.mark.parametrize("chunking", [False, True])
def test_lmtp_answers_for_each_recipient(dovecot_lmtp: Dovecot, chunking: bool) -> None:
    """RFC 2033 4.2: one reply for each accepted recipient behind the body, in their order."""
    names = ["alice", "reject", "full", "bob"]
    envelope = Envelope("alice@lab.test", [f"{name}@lab.test" for name in names])
    delivery = send(dovecot_lmtp, PLAIN, envelope, chunking=chunking)
    assert delivery.outcome is not None
    assert [reply.code for _, reply in delivery.outcome.recipients] == [250, 550, 250, 250]
    assert list(codes(delivery).values()) == [250, 550, 552, 250]
    assert delivery.outcome.delivered == ("alice@lab.test", "bob@lab.test")
    for user in ("alice", "bob"):
        stored = [one.message for one in dovecot_lmtp.take(user)]
        assert stored == [dovecot_lmtp.stored(PLAIN.raw)]
    assert dovecot_lmtp.take("full") == []


def test_lmtp_all_refused(dovecot_lmtp: Dovecot) -> None:
    envelope = Envelope("alice@lab.test", ["reject@lab.test", "unknown@lab.test"])
    delivery = send(dovecot_lmtp, PLAIN, envelope)
    assert list(codes(delivery).values()) == [550, 550]


@pytest.mark.parametrize("chunking", [False, None])
def test_too_big_is_refused(
    postfix: Postfix, aiosmtpd_server: Aiosmtpd, chunking: bool | None
) -> None:
    """RFC 1870 6: announced, it fails at MAIL; unannounced, when the octets are too many."""
    large = Sample("large", PLAIN.raw + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 2 * SMALL)
    for server in (postfix, aiosmtpd_server):
        for size in (len(large.raw), None):
            delivery = send(server, large, port=server.small_port, size=size, chunking=chunking)
            assert delivery.outcome is not None
            assert delivery.outcome.mail.positive is (size is None)
            assert codes(delivery) == {"bob@lab.test": 552}
        assert server.take("bob") == []


# --- Proxies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_xclient(postfix: Postfix, address: str) -> None:
    """XCLIENT_README: from there on Postfix takes us for that client; EHLO is said again."""
    speaks = smtp.XClient(
        (
            smtp.PEER_ADDR(address),
            smtp.PEER_NAME("there.example"),
            smtp.PEER_REVERSE_NAME("there.example"),
            smtp.PEER_PORT(4711),
            smtp.PEER_LOGIN("carol+work=1"),
            smtp.PEER_PROTO("ESMTP"),
        )
    )
    delivery = deliver(postfix.host, postfix.proxy_port, TO_BOB, PLAIN.raw, xclient=speaks)
    assert codes(delivery) == {"bob@lab.test": 250}
    assert [reply.code for verb, reply in delivery.replies if verb == "XCLIENT"] == [220]
    # That client is nobody who may say XCLIENT.
    assert delivery.capabilities is not None
    assert "XCLIENT" not in delivery.capabilities
    (one,) = postfix.take("bob")
    assert one.message == postfix.stored(PLAIN.raw)
    ip = f"IPv6:{address}" if ":" in address else address
    assert f"(there.example [{ip}])".encode() in one.trace
    assert b"(Authenticated sender: carol+work=1)" in one.trace


def test_xclient_from_a_stranger(postfix: Postfix) -> None:
    """It is not offered, so it is not said."""
    speaks = smtp.XClient((smtp.PEER_ADDR("192.0.2.7"),))
    with pytest.raises(smtp.NotOffered):
        deliver(postfix.host, postfix.port, TO_BOB, PLAIN.raw, xclient=speaks)


def test_xforward(postfix: Postfix) -> None:
    """XFORWARD_README: the log has the origin; the message's trace has us."""
    forwards = smtp.XForward(
        (
            smtp.PEER_ADDR("2001:db8::8"),
            smtp.PEER_NAME("elsewhere.example"),
            smtp.PEER_PORT(smtp.Absent.UNAVAILABLE),
            smtp.PEER_HELO("two words"),
            smtp.PEER_IDENT("their+id=1"),
            smtp.PEER_PROTO("QMQP"),
            smtp.PEER_SOURCE("REMOTE"),
        )
    )
    delivery = deliver(postfix.host, postfix.proxy_port, TO_BOB, PLAIN.raw, xforward=forwards)
    assert codes(delivery) == {"bob@lab.test": 250}
    assert [reply.code for verb, reply in delivery.replies if verb == "XFORWARD"] == [250]
    (one,) = postfix.take("bob")
    assert b"elsewhere" not in one.trace
    log = postfix.log.read_text()
    assert "orig_client=elsewhere.example[2001:db8::8]" in log
    assert "orig_queue_id=their+id=1" in log


# --- TLS and AUTH --------------------------------------------------------------------------------


def test_starttls(peer: Peer, certificates: Certificates) -> None:
    """RFC 3207; the certificate is verified, and EHLO said again (4.2)."""
    delivery = send(peer, PLAIN, starttls=certificates.client_context())
    assert codes(delivery) == {"bob@lab.test": 250}
    assert delivery.capabilities is not None
    assert "STARTTLS" not in delivery.capabilities
    assert [one.message for one in peer.take("bob")] == [peer.stored(PLAIN.raw)]


def test_starttls_big(peer: Peer, certificates: Certificates) -> None:
    delivery = send(peer, BIG, starttls=certificates.client_context())
    assert codes(delivery) == {"bob@lab.test": 250}
    assert [one.message for one in peer.take("bob")] == [peer.stored(BIG.raw)]


def test_implicit_tls(postfix: Postfix, certificates: Certificates) -> None:
    """RFC 8314 3.3: TLS first, then the greeting."""
    context = certificates.client_context()
    auth = exchange("PLAIN", "alice", PASSWORD)
    delivery = send(postfix, PLAIN, port=postfix.tls_port, implicit_tls=context, auth=auth)
    assert codes(delivery) == {"bob@lab.test": 250}
    assert [one.message for one in postfix.take("bob")] == [postfix.stored(PLAIN.raw)]


def test_starttls_with_an_untrusted_certificate(
    peer: Peer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing is said to a server that cannot show who it is."""
    other = make_certificates(tmp_path_factory.mktemp("other"))
    with pytest.raises(RemoteProtocolError) as caught:
        send(peer, PLAIN, starttls=other.client_context())
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert peer.take("bob") == []


SASL = [one.upper() for one in MECHANISMS if one not in ("apop", "anonymous")]


@pytest.mark.parametrize("mechanism", SASL)
def test_auth(
    postfix: Postfix, started_dovecot: Dovecot, certificates: Certificates, mechanism: str
) -> None:
    """RFC 4954: only who logged in may send to elsewhere. Dovecot answers for Postfix."""
    envelope = Envelope("alice@lab.test", ["someone@elsewhere.test"])
    context = certificates.client_context()
    delivery = send(postfix, PLAIN, envelope, starttls=context)
    assert codes(delivery) == {"someone@elsewhere.test": 554}
    assert delivery.capabilities is not None
    assert set(delivery.capabilities.auth) == set(SASL)
    secret = started_dovecot.token("alice") if mechanism in TOKENS else PASSWORD
    auth = exchange(mechanism, "alice", secret, service="smtp")
    delivery = send(postfix, PLAIN, envelope, starttls=context, auth=auth)
    assert codes(delivery) == {"someone@elsewhere.test": 250}
    postfix.settle()


@pytest.mark.parametrize("mechanism", SASL)
def test_auth_with_a_wrong_secret(
    postfix: Postfix, started_dovecot: Dovecot, certificates: Certificates, mechanism: str
) -> None:
    secret = "wrong"
    if mechanism in TOKENS:
        good, other = started_dovecot.token("alice"), started_dovecot.token("bob")
        secret = good.rpartition(".")[0] + "." + other.rpartition(".")[2]
    auth = exchange(mechanism, "alice", secret, service="smtp")
    delivery = send(postfix, PLAIN, starttls=certificates.client_context(), auth=auth)
    assert delivery.outcome is None
    assert dict(delivery.replies)["AUTH"].code == 535
    assert delivery.replies[-1][1].code == 221
    if mechanism in TOKENS:  # RFC 7628 section 3.2.2: it says why
        assert auth.refusal is not None
        assert auth.refusal.status


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_aiosmtpd_refuses_a_wrong_password(
    aiosmtpd_server: Aiosmtpd, certificates: Certificates, mechanism: str
) -> None:
    auth = exchange(mechanism, "alice", "wrong")
    context = certificates.client_context()
    delivery = send(aiosmtpd_server, PLAIN, starttls=context, auth=auth)
    assert delivery.outcome is None
    assert dict(delivery.replies)["AUTH"].code == 535
    assert delivery.replies[-1][1].code == 221


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_auth_with_aiosmtpd(
    aiosmtpd_server: Aiosmtpd, certificates: Certificates, mechanism: str
) -> None:
    auth = exchange(mechanism, "alice", PASSWORD)
    context = certificates.client_context()
    delivery = send(aiosmtpd_server, PLAIN, starttls=context, auth=auth)
    assert dict(delivery.replies)["AUTH"].code == 235
    assert codes(delivery) == {"bob@lab.test": 250}
    assert len(aiosmtpd_server.transactions()) == 1


# --- Other extensions ----------------------------------------------------------------------------


def test_smtputf8_addresses(postfix: Postfix) -> None:
    """RFC 6531: the parameter is added when an address needs it."""
    envelope = Envelope("alice@lab.test", ["ünï@lab.test"])
    assert codes(send(postfix, PLAIN, envelope)) == {"ünï@lab.test": 250}
    (stored,) = postfix.take("bob")
    assert "Delivered-To: ünï@lab.test\n".encode() in stored.trace
    assert stored.message == postfix.stored(PLAIN.raw)


def test_smtputf8_is_not_sent_where_it_is_not_offered(postfix: Postfix) -> None:
    with pytest.raises(LocalProtocolError):
        send(postfix, PLAIN, Envelope("alice@lab.test", ["ünï@lab.test"]), port=postfix.bare_port)
    assert postfix.take("bob") == []


def test_dsn(postfix: Postfix) -> None:
    """RFC 3461: NOTIFY, ORCPT, RET and ENVID come back in the report on the success."""
    original = smtp.OriginalRecipient("rfc822", "b+b@x.test")
    envelope = Envelope(
        "alice@lab.test",
        [
            Recipient(
                "bob@lab.test",
                (smtp.NOTIFY(("SUCCESS",)), smtp.ORCPT(original)),
            )
        ],
        (smtp.RET("HDRS"), smtp.ENVID("QQ+314=159")),
    )
    assert codes(send(postfix, PLAIN, envelope)) == {"bob@lab.test": 250}
    assert [one.message for one in postfix.take("bob")] == [postfix.stored(PLAIN.raw)]
    (report,) = postfix.take("alice")
    assert b"Original-Envelope-Id: QQ+314=159\n" in report.message
    assert b"Original-Recipient: rfc822;b+b@x.test\n" in report.message
    assert re.search(rb"^Action: (relayed|delivered)\n", report.message, re.MULTILINE)
    assert b"Subject: plain\n" in report.message
    assert b"Hello Bob" not in report.message  # RET=HDRS


def test_parameters_go_where_they_are_offered(aiosmtpd_server: Aiosmtpd, postfix: Postfix) -> None:
    """RFC 1870 6.1, 6152 3: SIZE and BODY, as MAIL's parameters."""
    (sample,) = (one for one in MESSAGES if one.name == "non-ascii")
    size = len(sample.raw)
    assert codes(send(aiosmtpd_server, sample, size=size)) == {"bob@lab.test": 250}
    (only,) = aiosmtpd_server.transactions()
    assert sorted(only.mail_options) == ["BODY=8BITMIME", f"SIZE={size}"]
    # An estimate of the size is left out where nobody asks for it.
    delivery = send(postfix, sample, size=size, port=postfix.bare_port)
    assert codes(delivery) == {"bob@lab.test": 250}
    assert len(postfix.take("bob")) == 1


def test_dsn_is_not_sent_where_it_is_not_offered(aiosmtpd_server: Aiosmtpd) -> None:
    envelope = Envelope("alice@lab.test", ["bob@lab.test"], (smtp.RET("HDRS"),))
    with pytest.raises(smtp.NotOffered):
        send(aiosmtpd_server, PLAIN, envelope)


def test_the_null_path(postfix: Postfix) -> None:
    """RFC 5321 4.5.5: a bounce has the sender <>."""
    assert codes(send(postfix, PLAIN, Envelope("", ["bob@lab.test"]))) == {"bob@lab.test": 250}
    (stored,) = postfix.take("bob")
    assert stored.trace.startswith(b"Return-Path: <>\n")
