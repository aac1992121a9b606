"""OAUTHBEARER (RFC 7628) and XOAUTH2."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from mailproto import sasl

TOKEN = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="


def b64(text: str) -> bytes:
    return base64.b64decode("".join(text.split()))


# -- the examples of RFC 7628 section 4 ------------------------------------------------------------

IMAP = b64(
    """bixhPXVzZXJAZXhhbXBsZS5jb20sAWhv
       c3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmVhcmVyI
       HZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQ
       EB"""
)
SMTP = b64(
    """bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2Vy
       dmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZGOWRmd
       DRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"""
)
QUERY = b64(
    """bixhPXVzZXJAZXhhbXBsZS5jb20sAW
       hvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9AQE="""
)
QUERY_ANSWER = b64(
    """eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxl
       X3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJodHRwczovL2V4
       YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9u
       In0="""
)
FAILED = b64(
    """bix1c2VyPXNvbWV1c2VyQGV4YW1wbGUuY29tLAFhdXRoPUJlYXJl
       ciB2RjlkZnQ0cW1UYzJOdmIzUmxja0JoZEhSaGRtbHpkR0V1WTI5dENnPT0BAQ=="""
)
FAILED_ANSWER = b64(
    """eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NoZW1lcyI6ImJlYXJlciBtYWMiL
       CJzY29wZSI6Imh0dHBzOi8vbWFpbC5leGFtcGxlLmNvbS8ifQ=="""
)
WHY = sasl.Refusal(
    "invalid_token", "example_scope", "https://example.com/.well-known/openid-configuration"
)


def server(mechanism: str = "OAUTHBEARER", **kwargs: Any) -> sasl.ServerExchange:
    return sasl.server(mechanism, nonce="n", **kwargs)


@pytest.mark.parametrize(("port", "message"), [(143, IMAP), (587, SMTP)])
def test_a_token_that_is_good(port: int, message: bytes) -> None:
    """RFC 7628 section 4.1."""
    user, host = "user@example.com", "server.example.com"
    client = sasl.OAuthBearer(user, TOKEN, host=host, port=port)
    assert client.initial == message
    client.succeeded()
    exchange = server()
    assert exchange.begin(message) == sasl.VerifyToken(user, TOKEN, host, port)
    assert exchange.answer(user) == sasl.Success(user, user)


def test_a_client_may_ask_which_token_is_wanted() -> None:
    """RFC 7628 section 4.3: "how a client can query for the needed scope"."""
    client = sasl.OAuthBearer("user@example.com", "", host="server.example.com", port=143)
    assert client.initial == QUERY
    exchange = server()
    question = exchange.begin(QUERY)
    assert question == sasl.VerifyToken("user@example.com", "", "server.example.com", 143)
    with pytest.raises(ValueError, match="no token"):
        exchange.answer("user@example.com")
    assert exchange.answer(WHY) == sasl.Challenge(QUERY_ANSWER)
    assert client.respond(QUERY_ANSWER) == b"\x01"
    assert client.refusal == WHY
    assert isinstance(exchange.receive(b"\x01"), sasl.Failure)


def test_the_failed_exchange_of_rfc_7628_section_4_4() -> None:
    """Its client writes `user=` where the grammar has `a=`."""
    exchange = server()
    token = "vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg=="
    assert exchange.begin(FAILED) == sasl.VerifyToken("someuser@example.com", token)
    why = sasl.Refusal(scope="https://mail.example.com/", schemes="bearer mac")
    assert exchange.answer(why) == sasl.Challenge(FAILED_ANSWER)


def test_xoauth2() -> None:
    client = sasl.XOAuth2("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")
    assert client.initial == b64(
        """dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZG
           OWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="""
    )
    exchange = server("XOAUTH2")
    question = exchange.begin(client.initial)
    assert isinstance(question, sasl.VerifyToken)
    assert question.authzid == "someuser@example.com"
    assert question.token == "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
    assert exchange.answer(question.authzid) == sasl.Success(question.authzid, question.authzid)


def test_xoauth2_answers_the_refusal_with_nothing() -> None:
    client = sasl.XOAuth2("user", "token")
    refusal = b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'
    assert client.respond(refusal) == b""
    assert client.refusal == sasl.Refusal("400", "https://mail.google.com/", schemes="Bearer")


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("client", [sasl.OAuthBearer("u", "t"), sasl.XOAuth2("u", "t")])
def test_a_yes_behind_a_refusal_is_none(client: sasl.ClientExchange) -> None:
    client.respond(b'{"status":"invalid_token"}')
    with pytest.raises(sasl.ExchangeFailed):
        client.succeeded()


def test_a_refusal_comes_once() -> None:
    client = sasl.OAuthBearer("u", "t")
    client.respond(b"{}")
    with pytest.raises(sasl.ExchangeFailed, match="more than"):
        client.respond(b"{}")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"", ""),
        (b"no json", ""),
        (b"\xff", ""),
        (b"[]", ""),
        (b"null", ""),
        (b"{}", ""),
        (b'{"status":null}', ""),
        (b'{"status":true}', ""),
        (b'{"status":["401"]}', ""),
        (b'{"status":401}', "401"),
        (b'{"status":1e400}', ""),
        (b'{"status":"\\ud800"}', "?"),
        (b'{"status":"a","status":"b"}', "b"),
        (b"[" * 60_000, ""),
        (b'{"a":' * 10_000, ""),
        (b'{"status":' + b"9" * 10_000 + b"}", ""),
        (b'{"status":"x' + b" " * 70_000 + b'"}', ""),  # too long to be read
        (b'{"status":"a"} trailing', ""),
    ],
)
def test_what_a_server_says_is_read_with_suspicion(said: bytes, status: str) -> None:
    client = sasl.OAuthBearer("u", "t")
    assert client.respond(said) == b"\x01"
    assert client.refusal is not None
    assert client.refusal.status == status
    assert client.refusal.raw == said


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
@pytest.mark.parametrize("response", [b"\x01", b"", b"anything"])
def test_the_no_comes_after_the_clients_word(mechanism: str, response: bytes) -> None:
    """RFC 7628 section 3.2.3."""
    exchange = server(mechanism)
    clients = {"OAUTHBEARER": sasl.OAuthBearer, "XOAUTH2": sasl.XOAuth2}
    exchange.begin(clients[mechanism]("user", "token").initial)
    step = exchange.answer(None)
    assert isinstance(step, sasl.Challenge)
    assert json.loads(step.data) == {"status": "invalid_token"}
    assert isinstance(exchange.receive(response), sasl.Failure)


# -- what is said ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "question"),
    [
        (b"n,,\x01auth=Bearer t\x01\x01", sasl.VerifyToken("", "t")),
        (b"y,,\x01auth=Bearer t\x01\x01", sasl.VerifyToken("", "t")),
        (b"n,a=a=2Cb=3D,\x01auth=bEARER   t  \x01\x01", sasl.VerifyToken("a,b=", "t")),
        (b"n,,\x01mthd=POST\x01auth=Bearer t\x01x=y z\t\r\n\x01\x01", sasl.VerifyToken("", "t")),
        (b"n,,\x01port=7\x01host=h\x01auth=Bearer t\x01\x01", sasl.VerifyToken("", "t", "h", 7)),
        (b"n,,\x01auth=Bearer\x01\x01", sasl.VerifyToken("", "")),
    ],
)
def test_messages_that_are_read(message: bytes, question: sasl.Question) -> None:
    """RFC 7628 section 3.1; the name of the scheme is case-insensitive (section 4)."""
    assert server().begin(message) == question


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x01",  # "only valid" after a refusal
        b"\xff",
        b"n,,",
        b"n,,\x01",
        b"n,,\x01\x01",  # no auth, which is REQUIRED
        b"n,,\x01host=h\x01\x01",
        b"n,,auth=Bearer t\x01\x01",
        b"n,,\x01auth=Bearer t\x01",
        b"n,,\x01auth=Bearer t",
        b"n,,\x01auth=Bearer t\x01\x01x",
        b"n,,\x01auth=Bearer t\x01auth=Bearer u\x01\x01",
        b"n,,\x01auth=Bearer t u\x01\x01",
        b"n,,\x01auth=BearerX t\x01\x01",
        b"n,,\x01auth=Basic dA==\x01\x01",
        b"n,,\x01auth=Bearer \xc3\xa9\x01\x01",
        b"n,,\x01auth=Bearer t\x00\x01\x01",
        b"n,,\x01port=x\x01auth=Bearer t\x01\x01",
        b"n,,\x01port=\xd9\xa3\x01auth=Bearer t\x01\x01",
        b"n,,\x01port=" + b"9" * 5_000 + b"\x01auth=Bearer t\x01\x01",
        b"n,,\x01=x\x01auth=Bearer t\x01\x01",
        b"n,,\x01k1=x\x01auth=Bearer t\x01\x01",
        b"n,a==,\x01auth=Bearer t\x01\x01",
        b"p=tls-unique,,\x01auth=Bearer t\x01\x01",
        b"user=u\x01auth=Bearer t\x01\x01",
    ],
)
def test_messages_that_are_none(message: bytes) -> None:
    assert isinstance(server().begin(message), sasl.Failure)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"user=\x01auth=Bearer t\x01\x01",
        b"user=u\x01\x01",
        b"user=u\x01auth=Bearer t\x01",
        b"user=u\0\x01auth=Bearer t\x01\x01",
        b"n,a=u,\x01auth=Bearer t\x01\x01",
    ],
)
def test_xoauth2_messages_that_are_none(message: bytes) -> None:
    assert isinstance(server("XOAUTH2").begin(message), sasl.Failure)


@pytest.mark.parametrize(
    "make",
    [
        lambda: sasl.OAuthBearer("u", "a b"),
        lambda: sasl.OAuthBearer("u", "a\x01b"),
        lambda: sasl.OAuthBearer("u", "\u00e9"),
        lambda: sasl.OAuthBearer("\0", "t"),
        lambda: sasl.OAuthBearer("u", "t", host="a\x01b"),
        lambda: sasl.OAuthBearer("u", "t", port=0),
        lambda: sasl.OAuthBearer("u", "t", port=65_536),
        lambda: sasl.XOAuth2("", "t"),
        lambda: sasl.XOAuth2("a\x01auth=Bearer x", "t"),
        lambda: sasl.XOAuth2("u", "t\x01"),
    ],
)
def test_what_cannot_be_said(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


# -- whose token -----------------------------------------------------------------------------------


def test_the_owner_is_who_the_application_says() -> None:
    """RFC 7628 section 3.2: "the identity securely established [...] with the OAuth credential"."""
    exchange = server()
    exchange.begin(sasl.OAuthBearer("", "t").initial)
    assert exchange.answer("ada@example.com") == sasl.Success("ada@example.com", "ada@example.com")


def test_a_token_of_another_is_no_token_of_mine() -> None:
    exchange = server()
    exchange.begin(sasl.OAuthBearer("bob@example.com", "t").initial)
    assert isinstance(exchange.answer("ada@example.com"), sasl.Failure)
    exchange = server(allow_authzid=True)
    exchange.begin(sasl.OAuthBearer("bob@example.com", "t").initial)
    assert exchange.answer("ada@example.com") == sasl.Success("ada@example.com", "bob@example.com")


@pytest.mark.parametrize("answer", [True, False, "", b"ada"])
def test_an_answer_is_a_name_or_a_refusal(answer: Any) -> None:
    exchange = server()
    question = exchange.begin(sasl.OAuthBearer("u", "t").initial)
    with pytest.raises(TypeError, match="answered with a name"):
        exchange.answer(answer)
    assert exchange.question == question
