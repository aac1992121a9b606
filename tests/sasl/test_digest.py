"""DIGEST-MD5 (RFC 2831), the client."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import sasl

CHALLENGE = (
    b'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",'
    b"algorithm=md5-sess,charset=utf-8"
)


def client(
    name: str = "chris", password: str = "secret", authzid: str = "", **kwargs: Any
) -> sasl.DigestMd5:
    kwargs = {"nonce": "OA6MHXh6VqTrRk", "digest_uri": "imap/elwood.innosoft.com", **kwargs}
    return sasl.DigestMd5(name, password, authzid, **kwargs)


@pytest.mark.parametrize(
    ("nonce", "cnonce", "service", "response", "rspauth"),
    [
        (
            b"OA6MG9tEQGm2hh",
            b"OA6MHXh6VqTrRk",
            b"imap",
            b"d388dad90d4bbd760a152321f2143af7",
            b"ea40f60335c427b5527b84dbabcdfffd",
        ),
        (
            b"OA9BSXrbuRhWay",
            b"OA9BSuZWMSpW8m",
            b"acap",
            b"6084c6db3fede7352c551284490fd0fc",
            b"2f0b3d7c3c2e486600ef710726aa2eae",
        ),
    ],
)
def test_the_examples_of_rfc_2831_section_4(
    nonce: bytes, cnonce: bytes, service: bytes, response: bytes, rspauth: bytes
) -> None:
    uri = service + b"/elwood.innosoft.com"
    exchange = client(nonce=cnonce.decode(), digest_uri=uri.decode())
    assert exchange.initial is None
    assert exchange.respond(CHALLENGE.replace(b"OA6MG9tEQGm2hh", nonce)) == (
        b'charset=utf-8,username="chris",realm="elwood.innosoft.com",'
        b'nonce="%b",nc=00000001,cnonce="%b",digest-uri="%b",response=%b,qop=auth'
    ) % (nonce, cnonce, uri, response)
    assert exchange.respond(b"rspauth=" + rspauth) == b""
    exchange.succeeded()


def response(a1: bytes, nonce: str, uri: str) -> bytes:
    """RFC 2831 section 2.1.2.1, written a second time, from H(A1)'s argument."""
    ha1 = hashlib.md5(a1).hexdigest()
    ha2 = hashlib.md5(f"AUTHENTICATE:{uri}".encode()).hexdigest()
    return hashlib.md5(f"{ha1}:{nonce}:00000001:cn:auth:{ha2}".encode()).hexdigest().encode()


@pytest.mark.parametrize(
    ("name", "password", "charset", "secret"),
    [
        ("chr\u00efs", "p\u00e4ss", b",charset=utf-8", "chr\u00efs:r:p\u00e4ss".encode("latin-1")),
        ("chr\u00efs", "p\u00e4ss", b"", "chr\u00efs:r:p\u00e4ss".encode("latin-1")),
        ("\u4e2d", "p\u00e4ss", b",charset=utf-8", "\u4e2d:r:".encode() + b"p\xe4ss"),
    ],
)
def test_what_is_in_iso_8859_1_is_hashed_as_that(
    name: str, password: str, charset: bytes, secret: bytes
) -> None:
    """RFC 2831 section 2.1.2.1."""
    exchange = client(name, password, "boss", nonce="cn")
    said = exchange.respond(b'realm="r",nonce="sn",algorithm=md5-sess' + charset)
    a1 = hashlib.md5(secret).digest() + b":sn:cn:boss"
    assert b"response=" + response(a1, "sn", "imap/elwood.innosoft.com") + b",qop" in said
    assert said.endswith(b',authzid="boss"')
    assert said.startswith(b"charset=utf-8," if charset else b"username=")


def test_quotes_are_written_and_read() -> None:
    exchange = client('a"b\\', nonce="cn")
    said = exchange.respond(rb'realm="r\"\\",nonce="s\"n",algorithm=md5-sess')
    assert rb'username="a\"b\\",realm="r\"\\",nonce="s\"n",' in said
    a1 = hashlib.md5(rb'a"b\:r"\:secret').digest() + b':s"n:cn'
    assert response(a1, 's"n', "imap/elwood.innosoft.com") in said


@pytest.mark.parametrize(
    ("challenge", "realm", "used"),
    [
        (b'nonce="x",algorithm=md5-sess', None, None),
        (b'realm="a",realm="b",nonce="x",algorithm=md5-sess', None, b"a"),
        (b'realm="a",realm="b",nonce="x",algorithm=md5-sess', "b", b"b"),
        (b'nonce="x",algorithm=md5-sess', "own", b"own"),
        (b'realm="",nonce="x",algorithm=md5-sess', None, b""),
    ],
)
def test_the_realm_is_one_of_the_servers(
    challenge: bytes, realm: str | None, used: bytes | None
) -> None:
    said = client(realm=realm).respond(challenge)
    found = re.search(rb'realm="([^"]*)"', said)
    assert (found[1] if found else None) == used


@pytest.mark.parametrize(
    "challenge",
    [
        b' ,, realm = "r" , nonce\t=\t"x",algorithm=MD5-sess , ,',
        b'NONCE="x",Algorithm=md5-sess,qop="auth-int, auth ,x",opaque="y",domain=z,stale=true',
        b'nonce=x,algorithm="md5-sess"',
        b'nonce="x",algorithm=md5-sess,maxbuf=1,cipher="des"',
    ],
)
def test_challenges_that_are_read(challenge: bytes) -> None:
    """RFC 2831 sections 2.1.1 and 7.1."""
    assert b'nonce="x"' in client().respond(challenge)


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"nonsense",
        b'nonce="x"',  # "This directive is required"
        b"algorithm=md5-sess",
        b'nonce="",algorithm=md5-sess',
        b'nonce="x",nonce="y",algorithm=md5-sess',
        b'nonce="x",algorithm=md5-sess,algorithm=md5-sess',
        b'nonce="x",algorithm=md5-sess,charset=utf-8,charset=utf-8',
        b'nonce="x",algorithm=md5',
        b'nonce="x",algorithm=md5-sess,qop="auth-int,auth-conf"',
        b'nonce="x",algorithm=md5-sess,qop=""',
        b'nonce="x,algorithm=md5-sess',
        b'nonce="x"algorithm=md5-sess',
        b'nonce="x\\',
        b'realm="other",nonce="x",algorithm=md5-sess',
        b'nonce="x",algorithm=md5-sess,x="' + b"y" * 2_048 + b'"',  # less than 2048 octets
        b"rspauth=ea40f60335c427b5527b84dbabcdfffd",
    ],
)
def test_challenges_that_are_none(challenge: bytes) -> None:
    exchange = client(realm="own" if b"other" in challenge else None)
    with pytest.raises(sasl.ExchangeFailed):
        exchange.respond(challenge)


def test_what_the_charset_does_not_have_cannot_be_said() -> None:
    with pytest.raises(sasl.ExchangeFailed, match="charset"):
        client("\u4e2d").respond(b'nonce="x",algorithm=md5-sess')


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"rspauth=",
        b"rspauth=ea40f60335c427b5527b84dbabcdfffe",
        b"rspauth=ea40f60335c427b5527b84dbabcdfffd,rspauth=ea40f60335c427b5527b84dbabcdfffd",
        b"rspauth=d388dad90d4bbd760a152321f2143af7",  # our own
        CHALLENGE,
    ],
)
def test_a_server_that_cannot_prove_itself(answer: bytes) -> None:
    exchange = client()
    exchange.respond(CHALLENGE)
    with pytest.raises(sasl.ExchangeFailed):
        exchange.respond(answer)
    with pytest.raises(sasl.ExchangeFailed):
        exchange.succeeded()


def test_a_yes_without_rspauth_is_none() -> None:
    exchange = client()
    exchange.respond(CHALLENGE)
    with pytest.raises(sasl.ExchangeFailed, match="before DIGEST-MD5 was complete"):
        exchange.succeeded()


def test_no_challenge_is_behind_the_last_one() -> None:
    exchange = client()
    exchange.respond(CHALLENGE)
    exchange.respond(b"rspauth=ea40f60335c427b5527b84dbabcdfffd")
    with pytest.raises(sasl.ExchangeFailed, match="more than"):
        exchange.respond(b"")


@pytest.mark.parametrize(
    "kwargs",
    [
        {"name": ""},
        {"password": ""},
        {"name": "a\0b"},
        {"authzid": "\0"},
        {"realm": "\0"},
        {"nonce": ""},
        {"nonce": 'a"b'},
        {"nonce": "a b"},
        {"digest_uri": "imap"},
        {"digest_uri": 'imap/x"'},
        {"digest_uri": "imap/a/b/c"},
    ],
)
def test_what_no_exchange_can_be_made_of(kwargs: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        client(**kwargs)


@given(st.binary(max_size=40) | st.text('",=\\ nonceqp', max_size=40).map(str.encode))
def test_nothing_but_an_answer_or_a_failure(challenge: bytes) -> None:
    exchange = client()
    for one in (challenge, CHALLENGE, challenge):
        try:
            assert isinstance(exchange.respond(one), bytes)
        except sasl.ExchangeFailed:
            return
