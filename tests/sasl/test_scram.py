"""SCRAM (RFC 5802, RFC 7677), both ends."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import sasl
from mailproto import strategies as mail

BINDING = sasl.Binding("tls-exporter", b"\x01\x02,=")


# -- the RFCs' own exchanges -----------------------------------------------------------------------


@attrs.frozen
class Vector:
    mechanism: str
    nonce: str
    server_nonce: str
    salt: str
    client_first: bytes
    server_first: bytes
    client_final: bytes
    server_final: bytes


RFC_5802 = Vector(  # section 5
    mechanism="SCRAM-SHA-1",
    nonce="fyko+d2lbbFgONRv9qkxdawL",
    server_nonce="3rfcNHYJY1ZVvWVs7j",
    salt="QSXCR+Q6sek8bf92",
    client_first=b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
    server_first=b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
    client_final=b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
    b"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
    server_final=b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
)
RFC_7677 = Vector(  # section 3
    mechanism="SCRAM-SHA-256",
    nonce="rOprNGfwEbeRWgbNEkqO",
    server_nonce="%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    salt="W22ZaJ0SNY7soEsUEjb6gQ==",
    client_first=b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
    server_first=b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    client_final=b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    server_final=b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
)


@pytest.mark.parametrize("vector", [RFC_5802, RFC_7677], ids=["RFC 5802", "RFC 7677"])
def test_the_clients_half_of_the_rfcs_example(vector: Vector) -> None:
    client = sasl.Scram(vector.mechanism, "user", "pencil", nonce=vector.nonce)
    assert client.initial == vector.client_first
    assert client.respond(vector.server_first) == vector.client_final
    assert client.respond(vector.server_final) == b""
    client.succeeded()


@pytest.mark.parametrize("vector", [RFC_5802, RFC_7677], ids=["RFC 5802", "RFC 7677"])
def test_the_servers_half_of_the_rfcs_example(vector: Vector) -> None:
    keys = sasl.ScramKeys.from_password(
        vector.mechanism, "pencil", salt=base64.b64decode(vector.salt), iterations=4_096
    )
    server = sasl.server(vector.mechanism, nonce=vector.server_nonce)
    assert server.begin(vector.client_first) == sasl.NeedKeys(vector.mechanism, "user")
    assert server.answer(keys) == sasl.Challenge(vector.server_first)
    assert server.receive(vector.client_final) == sasl.Challenge(vector.server_final)
    assert server.receive(b"") == sasl.Success("user", "user")


# -- written a second time, from RFC 5802 section 3 ------------------------------------------------


def expected(name: str, password: str, salt: bytes, rounds: int, signed: bytes) -> list[bytes]:
    """ClientProof and ServerSignature."""
    salted = hashlib.pbkdf2_hmac(name, password.encode(), salt, rounds)
    client_key = hmac.new(salted, b"Client Key", name).digest()
    stored_key = hashlib.new(name, client_key).digest()
    client_signature = hmac.new(stored_key, signed, name).digest()
    number = int.from_bytes(client_key, "big") ^ int.from_bytes(client_signature, "big")
    server_key = hmac.new(salted, b"Server Key", name).digest()
    server_signature = hmac.new(server_key, signed, name).digest()
    return [number.to_bytes(len(client_key), "big"), server_signature]


@pytest.mark.parametrize(
    ("mechanism", "name"),
    [
        ("SCRAM-SHA-1-PLUS", "sha1"),
        ("SCRAM-SHA-256-PLUS", "sha256"),
        ("SCRAM-SHA-512", "sha512"),
        ("SCRAM-SHA-512-PLUS", "sha512"),
    ],
)
def test_the_arithmetic_against_another_writing_of_it(mechanism: str, name: str) -> None:
    salt = b"0123456789abcdef"
    binding = BINDING if mechanism.endswith("-PLUS") else None
    client = sasl.Scram(mechanism, "a,=b", "p\u2168", "c,d", nonce="cnonce", binding=binding)
    header = b"p=tls-exporter,a=c=2Cd," if binding else b"n,a=c=2Cd,"
    bare = b"n=a=2C=3Db,r=cnonce"
    assert client.initial == header + bare
    server_first = b"r=cnoncesnonce,s=" + base64.b64encode(salt) + b",i=5000"
    bound = base64.b64encode(header + (binding.data if binding else b""))
    without_proof = b"c=" + bound + b",r=cnoncesnonce"
    signed = bare + b"," + server_first + b"," + without_proof
    proof, signature = expected(name, "pIX", salt, 5_000, signed)
    final = client.respond(server_first)
    assert final == without_proof + b",p=" + base64.b64encode(proof)
    assert client.respond(b"v=" + base64.b64encode(signature)) == b""
    client.succeeded()


# -- keys ------------------------------------------------------------------------------------------

HASHED = ["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@pytest.mark.parametrize("mechanism", HASHED)
def test_keys_serve_plain_too(mechanism: str) -> None:
    keys = sasl.ScramKeys.from_password(mechanism, "p\u2168", salt=b"salt", iterations=4_096)
    assert keys.verify("pIX")
    assert keys.verify("p\u2168")
    assert not keys.verify("pix")
    assert not keys.verify("")
    assert not keys.verify("\x07")


def test_keys_of_no_hash_are_an_error() -> None:
    with pytest.raises(ValueError, match="no hash"):
        sasl.ScramKeys(b"salt", 4_096, b"short", b"short").verify("pw")


@pytest.mark.parametrize(
    ("mechanism", "password", "salt", "iterations"),
    [
        ("SCRAM-MD5", "pw", b"salt", 4_096),
        ("PLAIN", "pw", b"salt", 4_096),
        ("SCRAM-SHA-1", "", b"salt", 4_096),
        ("SCRAM-SHA-1", "\u00ad", b"salt", 4_096),
        ("SCRAM-SHA-1", "\x07", b"salt", 4_096),
        ("SCRAM-SHA-1", "\u0221", b"salt", 4_096),  # a stored string: RFC 5802 section 2.2
        ("SCRAM-SHA-1", "pw", b"", 4_096),
        ("SCRAM-SHA-1", "pw", b"salt", 0),
    ],
)
def test_what_no_keys_can_be_made_of(
    mechanism: str, password: str, salt: bytes, iterations: int
) -> None:
    with pytest.raises(ValueError):
        sasl.ScramKeys.from_password(mechanism, password, salt=salt, iterations=iterations)


def test_keys_are_made_with_enough_iterations() -> None:
    """RFC 7677 section 4."""
    assert sasl.ITERATIONS > sasl.MIN_ITERATIONS == 4_096
    keys = sasl.ScramKeys.from_password("SCRAM-SHA-256", "pw", salt=b"salt")
    assert keys.iterations == sasl.ITERATIONS < sasl.MAX_ITERATIONS


@pytest.mark.parametrize("mechanism", HASHED)
def test_an_unknown_user_looks_like_a_known_one(mechanism: str) -> None:
    """The same salt every time, another one for another user, as real users have."""
    real = sasl.ScramKeys.from_password(mechanism, "pw", salt=bytes(16), iterations=4_096)

    def first_answer(name: str, keys: sasl.ScramKeys) -> bytes:
        server = sasl.server(mechanism, nonce="snonce")
        server.begin(f"n,,n={name},r=cnonce".encode())
        step = server.answer(keys)
        assert isinstance(step, sasl.Challenge)
        return step.data

    def fake(name: str, secret: bytes = b"secret") -> bytes:
        return first_answer(name, sasl.ScramKeys.fake(mechanism, name, secret, iterations=4_096))

    assert fake("eve") == fake("eve")
    assert len(fake("eve")) == len(first_answer("ada", real))
    assert len({fake("eve"), fake("mallory"), fake("eve", b"other")}) == 3
    with pytest.raises(ValueError, match="secret"):
        fake("eve", b"")


@given(mail.sasl_sessions(*HASHED))
def test_an_unknown_user_fails_only_at_the_proof(session: mail.SaslSession) -> None:
    step = attrs.evolve(session, known=False).run()
    assert step == sasl.Failure("the password is wrong, or the user unknown")


def test_none_for_keys_is_a_failure_at_once() -> None:
    server = sasl.server("SCRAM-SHA-1", nonce="s")
    server.begin(b"n,,n=user,r=c")
    assert isinstance(server.answer(None), sasl.Failure)


@pytest.mark.parametrize(
    "keys",
    [
        sasl.ScramKeys(b"salt", 4_096, bytes(20), bytes(20)),
        sasl.ScramKeys(b"salt", 4_096, bytes(32), bytes(20)),
        sasl.ScramKeys(b"", 4_096, bytes(32), bytes(32)),
        sasl.ScramKeys(b"salt", 0, bytes(32), bytes(32)),
    ],
)
def test_keys_that_cannot_be_meant_are_refused_and_nothing_has_changed(keys: Any) -> None:
    server = sasl.server("SCRAM-SHA-256", nonce="s")
    step = server.begin(b"n,,n=user,r=c")
    with pytest.raises(ValueError):
        server.answer(keys)
    for wrong in (True, "pw", sasl.Refusal()):
        with pytest.raises(TypeError):
            server.answer(wrong)
    assert server.question == step
    good = sasl.ScramKeys(b"salt", 4_096, bytes(32), bytes(32))
    assert server.answer(good) == sasl.Challenge(b"r=cs,s=c2FsdA==,i=4096")


# -- channel binding (RFC 5802 section 6) ----------------------------------------------------------

OTHER = sasl.Binding("tls-unique", b"other")


@pytest.mark.parametrize(
    ("mechanism", "binding", "flag"),
    [
        ("SCRAM-SHA-1", None, b"n,,"),
        ("SCRAM-SHA-1", BINDING, b"y,,"),
        ("SCRAM-SHA-1-PLUS", BINDING, b"p=tls-exporter,,"),
        ("SCRAM-SHA-1-PLUS", OTHER, b"p=tls-unique,,"),
    ],
)
def test_the_flag_of_the_client(mechanism: str, binding: sasl.Binding | None, flag: bytes) -> None:
    client = sasl.Scram(mechanism, "user", "pencil", nonce="c", binding=binding)
    assert client.initial == flag + b"n=user,r=c"


@pytest.mark.parametrize(
    ("mechanism", "bindings", "header", "good"),
    [
        ("SCRAM-SHA-1", [], b"n,,", True),
        ("SCRAM-SHA-1", [], b"y,,", True),
        ("SCRAM-SHA-1", [BINDING], b"n,,", True),  # the client has no channel binding
        ("SCRAM-SHA-1", [BINDING], b"y,,", False),  # the client did not see our -PLUS: downgraded
        ("SCRAM-SHA-1", [BINDING], b"p=tls-exporter,,", False),
        ("SCRAM-SHA-1", [], b"p=tls-exporter,,", False),
        ("SCRAM-SHA-1-PLUS", [BINDING], b"p=tls-exporter,,", True),
        ("SCRAM-SHA-1-PLUS", [OTHER, BINDING], b"p=tls-exporter,,", True),
        ("SCRAM-SHA-1-PLUS", [OTHER, BINDING], b"p=tls-unique,,", True),
        ("SCRAM-SHA-1-PLUS", [BINDING], b"p=tls-unique,,", False),
        ("SCRAM-SHA-1-PLUS", [BINDING], b"p=TLS-EXPORTER,,", False),
        ("SCRAM-SHA-1-PLUS", [BINDING], b"n,,", False),
        ("SCRAM-SHA-1-PLUS", [BINDING], b"y,,", False),
    ],
)
def test_the_flag_as_the_server_reads_it(
    mechanism: str, bindings: list[sasl.Binding], header: bytes, good: bool
) -> None:
    server = sasl.server(mechanism, nonce="s", bindings=bindings)
    step = server.begin(header + b"n=user,r=c")
    assert isinstance(step, sasl.NeedKeys if good else sasl.Failure)


def test_another_channel_is_not_this_channel() -> None:
    """What a man in the middle has: TLS with each of them, and another binding with each."""
    keys = sasl.ScramKeys.from_password("SCRAM-SHA-256", "pw", salt=b"salt", iterations=4_096)
    client = sasl.Scram("SCRAM-SHA-256-PLUS", "user", "pw", nonce="c", binding=BINDING)
    theirs = attrs.evolve(BINDING, data=b"another")
    server = sasl.server("SCRAM-SHA-256-PLUS", nonce="s", bindings=[theirs])
    assert server.begin(client.initial) == sasl.NeedKeys("SCRAM-SHA-256", "user")
    step = server.answer(keys)
    assert isinstance(step, sasl.Challenge)
    step = server.receive(client.respond(step.data))
    assert isinstance(step, sasl.Failure)
    assert "another channel" in step.reason


@pytest.mark.parametrize(
    "make",
    [
        lambda: sasl.Scram("SCRAM-SHA-1-PLUS", "user", "pw", nonce="c"),
        lambda: sasl.server("SCRAM-SHA-1-PLUS", nonce="s"),
        lambda: sasl.Scram("SCRAM-SHA-1", "u", "p", nonce="c", binding=sasl.Binding("a b", b"x")),
        lambda: sasl.Scram("SCRAM-SHA-1", "u", "p", nonce="c", binding=sasl.Binding("x", b"")),
        lambda: sasl.Scram("SCRAM-SHA-1", "u", "p", nonce="a,b"),
        lambda: sasl.Scram("SCRAM-SHA-1", "u", "p", nonce=""),
        lambda: sasl.Scram("SCRAM-SHA-1", "u", "p", nonce="a b"),
        lambda: sasl.Scram("SCRAM-SHA-1", "u", "p", nonce="\u00e9"),
        lambda: sasl.server("SCRAM-SHA-1", nonce=","),
        lambda: sasl.Scram("SCRAM-SHA-3", "u", "p", nonce="c"),
        lambda: sasl.Scram("SCRAM-SHA-1", "", "p", nonce="c"),
        lambda: sasl.Scram("SCRAM-SHA-1", "\u00ad", "p", nonce="c"),
        lambda: sasl.Scram("SCRAM-SHA-1", "u", "\u00ad", nonce="c"),
        lambda: sasl.Scram("SCRAM-SHA-1", "u", "\u0221", nonce="c"),
        lambda: sasl.Scram("SCRAM-SHA-1", "u\x07", "p", nonce="c"),
        lambda: sasl.Scram("SCRAM-SHA-1", "u", "p", "a\0b", nonce="c"),
    ],
)
def test_what_no_exchange_can_be_made_of(make: Any) -> None:
    with pytest.raises(ValueError):
        make()


def test_the_name_is_prepared_as_a_query() -> None:
    """RFC 5802 section 5.1: unassigned characters are allowed in the name."""
    client = sasl.Scram("SCRAM-SHA-1", "\u2168\u0221", "p", nonce="c")
    assert client.initial == "n,,n=IX\u0221,r=c".encode()


# -- the client against a bad server ---------------------------------------------------------------


def waiting(**kwargs: Any) -> sasl.Scram:
    return sasl.Scram("SCRAM-SHA-1", "user", "pencil", nonce=RFC_5802.nonce, **kwargs)


N = RFC_5802.nonce.encode()


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"r=" + N + b",s=QSXC,i=4096",  # nothing of the server's own in the nonce
        b"r=x" + N + b",s=QSXC,i=4096",
        b"r=x,s=QSXC,i=4096",
        b"r=" + N + b" x,s=QSXC,i=4096",
        b"m=x,r=" + N + b"x,s=QSXC,i=4096",
        b"r=" + N + b"x,s=QSXC,i=4096,m=x",
        b"r=" + N + b"x,s=QSXC,i=4096,i=4096",
        b"r=" + N + b"x,i=4096,s=QSXC",
        b"r=" + N + b"x,s=,i=4096",
        b"r=" + N + b"x,s=QSX,i=4096",
        b"r=" + N + b"x,s=QSX=,i=4096",
        b"r=" + N + b"x,s=QR==,i=4096",  # not canonical: QQ== is
        b"r=" + N + b"x,s=QSXC,i=0",
        b"r=" + N + b"x,s=QSXC,i=04096",
        b"r=" + N + b"x,s=QSXC,i=-4096",
        b"r=" + N + b"x,s=QSXC,i=4096 ",
        f"r={RFC_5802.nonce}x,s=QSXC,i=\u0664\u0660\u0669\u0666".encode(),
        b"r=" + N + b"x,s=QSXC",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        b"r=" + N + b"x,s=QSXC,i=4096\0",
        b"r=" + N + b"x,s=QSXC,i=4096,x=",
    ],
)
def test_a_first_message_that_is_none(message: bytes) -> None:
    client = waiting()
    for _ in range(2):  # and it stays so
        with pytest.raises(sasl.ExchangeFailed):
            client.respond(message)
        message = RFC_5802.server_first
    with pytest.raises(sasl.ExchangeFailed):
        client.succeeded()


def test_unknown_extensions_are_ignored() -> None:
    """RFC 5802 section 5.1."""
    client = waiting()
    client.respond(RFC_5802.server_first + b",x=anything,Y=b=c")


@pytest.mark.parametrize("count", [b"1", b"4095", b"1000001", b"9" * 5_000])
def test_too_few_iterations_and_too_many(count: bytes) -> None:
    """RFC 5802 sections 5.1 and 9."""
    with pytest.raises(sasl.ExchangeFailed, match=r"m[ai][nx]_iterations"):
        waiting().respond(b"r=" + N + b"x,s=QSXC,i=" + count)


def test_floor_and_cap_are_the_callers() -> None:
    waiting(min_iterations=1).respond(b"r=" + N + b"x,s=QSXC,i=1")
    with pytest.raises(sasl.ExchangeFailed):
        waiting(min_iterations=4_097).respond(b"r=" + N + b"x,s=QSXC,i=4096")
    with pytest.raises(sasl.ExchangeFailed):
        waiting(max_iterations=4_095).respond(b"r=" + N + b"x,s=QSXC,i=4096")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"v=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKR=",  # the same octets, spelled otherwise
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ",
        b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        b"m=x,v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=,m=x",
        b"x=y,v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
        b"\xff",
        RFC_5802.server_first,
    ],
)
def test_a_server_that_cannot_prove_itself(message: bytes) -> None:
    client = waiting()
    client.respond(RFC_5802.server_first)
    with pytest.raises(sasl.ExchangeFailed):
        client.respond(message)
    with pytest.raises(sasl.ExchangeFailed):
        client.respond(RFC_5802.server_final)
    with pytest.raises(sasl.ExchangeFailed):
        client.succeeded()


@pytest.mark.parametrize("said", [0, 1])
def test_a_yes_without_the_servers_signature_is_none(said: int) -> None:
    """RFC 5802 section 5: "the client MUST consider the authentication exchange unsuccessful"."""
    client = waiting()
    for message in [RFC_5802.server_first][:said]:
        client.respond(message)
    with pytest.raises(sasl.ExchangeFailed, match="before SCRAM-SHA-1 was complete"):
        client.succeeded()
    with pytest.raises(sasl.ExchangeFailed):  # too late
        client.respond(RFC_5802.server_final)


def test_no_challenge_is_behind_the_last_one() -> None:
    client = waiting()
    client.respond(RFC_5802.server_first)
    client.respond(RFC_5802.server_final)
    with pytest.raises(sasl.ExchangeFailed, match="more than SCRAM-SHA-1 has"):
        client.respond(RFC_5802.server_final)


@pytest.mark.parametrize("at", [0, 1])
def test_the_servers_error_is_told(at: int) -> None:
    """RFC 5802 section 5.1: `e=` "can help diagnose the reason"."""
    client = waiting()
    if at:
        client.respond(RFC_5802.server_first)
    assert client.respond(b"e=invalid-proof,x=y") == b""
    assert client.refusal == sasl.Refusal("invalid-proof")
    with pytest.raises(sasl.ExchangeFailed, match="yes after it had said no"):
        client.succeeded()


# -- the server against a bad client ---------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"n=user,r=c",
        b"x,,n=user,r=c",
        b"n,n=user,r=c",
        b"n,user,n=user,r=c",
        b"p=,,n=user,r=c",
        b"n,,m=x,n=user,r=c",
        b"n,,n=user,r=c,m=x",
        b"n,,r=c,n=user",
        b"n,,n=,r=c",
        b"n,,n=us=er,r=c",  # RFC 5802 section 5.1: `=` is followed by 2C or 3D
        b"n,,n=us=2cer,r=c",
        b"n,,n=us\0er,r=c",
        b"n,,n=us\x07er,r=c",
        b"n,,n=\xc2\xad,r=c",  # empty when prepared
        b"n,,n=" + b"x" * 1_025 + b",r=c",
        b"n,,n=user,r=",
        b"n,,n=user,r=c c",
        b"n,,n=user,r=c\xc3\xa9",
        b"n,,n=user",
        b"n,a=,n=user,r=c",
        b"n,a==2,n=user,r=c",
        b"n,,n=user,r=c,p=x",
        b"n,a=other,n=user,r=c",  # nobody may act for another here
    ],
)
def test_a_clients_first_message_that_is_none(message: bytes) -> None:
    assert isinstance(sasl.server("SCRAM-SHA-1", nonce="s").begin(message), sasl.Failure)


def test_names_are_unquoted_once() -> None:
    server = sasl.server("SCRAM-SHA-1", nonce="s", allow_authzid=True)
    step = server.begin(b"n,a=a=3D2Cb,n==2C=3D,r=c,x=y")
    assert step == sasl.NeedKeys("SCRAM-SHA-1", ",=", "a=2Cb")


def test_the_name_is_looked_up_prepared_and_hashed_as_it_came() -> None:
    """RFC 5802 section 5.1."""
    keys = sasl.ScramKeys.from_password("SCRAM-SHA-1", "pencil", salt=b"s", iterations=4_096)
    server = sasl.server("SCRAM-SHA-1", nonce="s")
    bare = "n=\u2168,r=c".encode()
    assert server.begin(b"n,," + bare) == sasl.NeedKeys("SCRAM-SHA-1", "IX")
    server.answer(keys)
    signed = bare + b",r=cs,s=cw==,i=4096,c=biws,r=cs"
    proof, signature = expected("sha1", "pencil", b"s", 4_096, signed)
    step = server.receive(b"c=biws,r=cs,p=" + base64.b64encode(proof))
    assert step == sasl.Challenge(b"v=" + base64.b64encode(signature))
    assert server.receive(b"") == sasl.Success("IX", "IX")


FINAL = RFC_5802.client_final
BOTH = RFC_5802.nonce.encode() + RFC_5802.server_nonce.encode()
PROOF = b"v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="


def proving() -> sasl.ServerExchange:
    server = sasl.server("SCRAM-SHA-1", nonce=RFC_5802.server_nonce)
    server.begin(RFC_5802.client_first)
    salt = base64.b64decode(RFC_5802.salt)
    server.answer(
        sasl.ScramKeys.from_password("SCRAM-SHA-1", "pencil", salt=salt, iterations=4_096)
    )
    return server


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff",
        b"c=biws,r=" + BOTH,
        b"c=eSws,r=" + BOTH + b",p=" + PROOF,  # `y,,` in place of `n,,`
        b"c=biws,r=" + N + b",p=" + PROOF,
        b"c=biws,r=" + BOTH + b"x,p=" + PROOF,
        b"c=biws,r=" + BOTH + b",m=x,p=" + PROOF,
        b"c=biws,r=" + BOTH + b",x=y,p=" + PROOF,  # an extension is under the proof
        b"c=biws,r=" + BOTH + b",p=" + PROOF + b",x=y",
        b"c=biws,r=" + BOTH + b",p=v0X8v3Bz2T0CJGbJQyF0X+HI4Tt=",  # not canonical
        b"c=biws,r=" + BOTH + b",p=v0X8v3Bz2T0CJGbJQyF0X+HI",  # another length
        b"c=biws,r=" + BOTH + b",p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        b"c=,r=" + BOTH + b",p=" + PROOF,
        b"c=biws,r=" + BOTH + b",p=",
        b"c=biws,r=" + BOTH + b",p=!",
    ],
)
def test_a_clients_last_message_that_proves_nothing(message: bytes) -> None:
    assert isinstance(proving().receive(message), sasl.Failure)


def test_a_proof_over_another_nonce_is_none() -> None:
    """RFC 5802 section 5.1: "the same as the one sent by the server in its first message"."""
    without_proof = b"c=biws,r=" + N + b"other"
    signed = b"n=user,r=" + N + b"," + RFC_5802.server_first + b"," + without_proof
    proof, _ = expected("sha1", "pencil", base64.b64decode(RFC_5802.salt), 4_096, signed)
    step = proving().receive(without_proof + b",p=" + base64.b64encode(proof))
    assert isinstance(step, sasl.Failure)
    assert "nonce" in step.reason


def test_mandatory_extensions_are_named_as_the_reason() -> None:
    """RFC 5802 section 5.1, attribute `m`."""
    step = sasl.server("SCRAM-SHA-1", nonce="s").begin(b"n,,m=x,n=user,r=c")
    assert isinstance(step, sasl.Failure)
    assert "m=" in step.reason
    with pytest.raises(sasl.ExchangeFailed, match="m="):
        waiting().respond(b"m=x," + RFC_5802.server_first)


def test_the_last_answer_of_the_client_is_empty() -> None:
    server = proving()
    server.receive(FINAL)
    assert isinstance(server.receive(b"x"), sasl.Failure)


# -- tampering -------------------------------------------------------------------------------------


class Tampering:
    """Puts another one in the place of the message with this number, and counts them."""

    def __init__(self, number: int, other: bytes | None) -> None:
        self.number = number
        self.other = other
        self.messages: list[bytes] = []

    def __call__(self, message: bytes) -> bytes:
        self.messages.append(message)
        if self.other is None or len(self.messages) - 1 != self.number:
            return message
        return self.other


def messages_of(session: mail.SaslSession) -> list[bytes]:
    tampering = Tampering(0, None)
    assert isinstance(session.run(tampering), sasl.Success)
    return tampering.messages


def refused(session: mail.SaslSession, tampering: Tampering) -> bool:
    try:
        step = session.run(tampering)
    except sasl.ExchangeFailed:
        return True
    return isinstance(step, sasl.Failure)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_one_octet_changed_anywhere_is_never_a_success(mechanism: str) -> None:
    session = mail.SaslSession(
        mechanism=mechanism,
        credentials=sasl.Password("us,er", "pencil", "other"),
        binding=BINDING if mechanism.endswith("-PLUS") else None,
    )
    messages = messages_of(session)
    assert len(messages) == 5
    for number, message in enumerate(messages):
        for at, octet in enumerate(message):
            for flip in (1, 2, 4, 8, 16, 32, 64, 128, 17):
                other = message[:at] + bytes([octet ^ flip]) + message[at + 1 :]
                assert refused(session, Tampering(number, other)), (number, other)
        assert refused(session, Tampering(number, message + b"x")), number
        assert not message or refused(session, Tampering(number, message[:-1])), number


@given(
    mail.sasl_sessions(*(one for one in sasl.PREFERENCE if one.startswith("SCRAM"))),
    st.integers(0, 4),
    st.data(),
)
def test_another_message_is_never_a_success(
    session: mail.SaslSession, number: int, data: st.DataObject
) -> None:
    session = attrs.evolve(session, known=True)
    messages = messages_of(session)
    number %= len(messages)
    changed = data.draw(mail.mutated(st.just(messages[number]), lines=[b",m=x", b"==", b",a=b"]))
    assert changed == messages[number] or refused(session, Tampering(number, changed))
