"""PLAIN, LOGIN, CRAM-MD5, EXTERNAL, ANONYMOUS."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import sasl


def server(mechanism: str, **kwargs: Any) -> sasl.ServerExchange:
    return sasl.server(mechanism, nonce="1896.697170952", **kwargs)


# -- PLAIN (RFC 4616) ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "message"),
    [
        (sasl.Plain("tim", "tanstaaftanstaaf"), b"\0tim\0tanstaaftanstaaf"),
        (sasl.Plain("Kurt", "xipj3plmq", "Ursel"), b"Ursel\0Kurt\0xipj3plmq"),
    ],
)
def test_the_examples_of_rfc_4616_section_4(client: sasl.Plain, message: bytes) -> None:
    assert client.initial == message
    client.succeeded()


def test_plain_asks_whether_the_password_is_right() -> None:
    exchange = server("PLAIN")
    step = exchange.begin(b"\0tim\0tanstaaftanstaaf")
    assert step == sasl.VerifyPassword("tim", "tanstaaftanstaaf", "")
    assert exchange.question is step
    assert exchange.answer(True) == sasl.Success("tim", "tim")
    assert exchange.question is None


def test_a_client_that_did_not_begin_gets_an_empty_challenge() -> None:
    """RFC 4422 section 3: where the protocol has no room for an initial response."""
    exchange = server("PLAIN")
    assert exchange.begin(None) == sasl.Challenge(b"")
    assert exchange.receive(b"\0tim\0pw") == sasl.VerifyPassword("tim", "pw")


def test_an_empty_initial_response_is_not_the_same_as_none() -> None:
    assert isinstance(server("PLAIN").begin(b""), sasl.Failure)
    assert server("EXTERNAL").begin(b"") == sasl.NeedIdentity("")


@pytest.mark.parametrize(
    "message",
    [
        b"tim",
        b"\0timpw",  # one NUL
        b"\0tim\0pw\0",  # three
        b"\0tim\0p\0w",
        b"\0\0pw",  # an empty name
        b"\0tim\0",  # an empty password
        b"\0tim\0\xff",
        b"\xff\0tim\0pw",
        b"\0\xc2\xad\0pw",  # a name that SASLprep makes empty: "verification SHALL fail"
        b"\0tim\0p\x07w",
        b"\0tim\0" + b"x" * 1_025,
    ],
)
def test_a_plain_message_that_is_none_fails(message: bytes) -> None:
    """RFC 4616 section 2."""
    assert isinstance(server("PLAIN").begin(message), sasl.Failure)


def test_plain_takes_255_octets_of_each() -> None:
    """RFC 4616 section 2: servers MUST be capable of that."""
    long = b"x" * 255
    step = server("PLAIN", allow_authzid=True).begin(b"y" * 255 + b"\0" + long + b"\0" + long)
    assert step == sasl.VerifyPassword("x" * 255, "x" * 255, "y" * 255)


def test_names_and_passwords_are_prepared_for_the_application() -> None:
    """RFC 4616 section 2: SASLprep is recommended; the name is derived from the prepared one."""
    message = "\0I\u00adX\0\u2168".encode()
    assert server("PLAIN").begin(message) == sasl.VerifyPassword("IX", "IX")
    assert server("PLAIN", prepare=False).begin(message) == sasl.VerifyPassword(
        "I\u00adX", "\u2168"
    )


def test_who_acts_for_himself_may_say_so() -> None:
    exchange = server("PLAIN")
    assert exchange.begin(b"tim\0tim\0pw") == sasl.VerifyPassword("tim", "pw", "")
    assert exchange.answer(True) == sasl.Success("tim", "tim")


def test_acting_for_somebody_else_is_refused_unless_the_server_allows_it() -> None:
    """RFC 4616 section 4: "Not authorized to requested authorization identity"."""
    message = b"Ursel\0Kurt\0xipj3plmq"
    assert isinstance(server("PLAIN").begin(message), sasl.Failure)
    exchange = server("PLAIN", allow_authzid=True)
    assert exchange.begin(message) == sasl.VerifyPassword("Kurt", "xipj3plmq", "Ursel")
    assert exchange.answer(True) == sasl.Success("Kurt", "Ursel")


@pytest.mark.parametrize("answer", [None, 1, 0, "yes", sasl.Refusal()])
@pytest.mark.parametrize("message", [b"\0tim\0pw"])
def test_a_password_is_right_or_wrong_and_nothing_else(answer: Any, message: bytes) -> None:
    """What is true by accident, a coroutine that was not awaited, lets nobody in."""
    exchange = server("PLAIN")
    exchange.begin(message)
    with pytest.raises(TypeError, match="True or False"):
        exchange.answer(answer)
    assert isinstance(exchange.answer(False), sasl.Failure)


@pytest.mark.parametrize(
    ("authcid", "password", "authzid"),
    [
        ("", "pw", ""),
        ("tim", "", ""),
        ("t\0m", "pw", ""),
        ("tim", "p\0w", ""),
        ("tim", "pw", "\0"),
        ("\ud800", "pw", ""),
        ("tim", "\udfff", ""),
    ],
)
def test_plain_cannot_say_everything(authcid: str, password: str, authzid: str) -> None:
    with pytest.raises(ValueError):
        sasl.Plain(authcid, password, authzid)


def test_plain_has_one_message() -> None:
    client = sasl.Plain("tim", "pw")
    with pytest.raises(sasl.ExchangeFailed, match="more than PLAIN has"):
        client.respond(b"")


# -- LOGIN -----------------------------------------------------------------------------------------


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_login_does_not_look_at_the_prompts(first: bytes, second: bytes) -> None:
    """They are `Username:`, empty, translated, anything: only their order has a meaning."""
    client = sasl.Login("tim", "pw")
    assert client.initial is None
    assert client.respond(first) == b"tim"
    assert client.respond(second) == b"pw"
    client.succeeded()


def test_login_says_the_password_once() -> None:
    client = sasl.Login("tim", "pw")
    client.respond(b"")
    client.respond(b"")
    with pytest.raises(sasl.ExchangeFailed):
        client.respond(b"Password:")


def test_login_believes_no_early_yes() -> None:
    client = sasl.Login("tim", "pw")
    client.respond(b"Username:")
    with pytest.raises(sasl.ExchangeFailed, match="before LOGIN was complete"):
        client.succeeded()


def test_login_asks_for_both() -> None:
    exchange = server("LOGIN")
    assert exchange.begin(None) == sasl.Challenge(b"Username:")
    assert exchange.receive(b"tim") == sasl.Challenge(b"Password:")
    assert exchange.receive(b"pw") == sasl.VerifyPassword("tim", "pw")
    assert exchange.answer(True) == sasl.Success("tim", "tim")


def test_an_initial_response_of_login_is_the_name() -> None:
    exchange = server("LOGIN")
    assert exchange.begin(b"tim") == sasl.Challenge(b"Password:")
    assert exchange.receive(b"pw") == sasl.VerifyPassword("tim", "pw")


@pytest.mark.parametrize("said", [[b""], [b"tim", b""], [b"\xff"], [b"tim", b"\xff"], [b"t\x07"]])
def test_login_fails_on_what_is_no_name_and_no_password(said: list[bytes]) -> None:
    exchange = server("LOGIN")
    step = exchange.begin(None)
    for one in said:
        step = exchange.receive(one)
    assert isinstance(step, sasl.Failure)


# -- CRAM-MD5 (RFC 2195) ---------------------------------------------------------------------------

CHALLENGE = base64.b64decode("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")
RESPONSE = base64.b64decode("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw")


def test_the_example_of_rfc_2195_section_2() -> None:
    exchange = server("CRAM-MD5", hostname="postoffice.reston.mci.net")
    assert exchange.begin(None) == sasl.Challenge(CHALLENGE)
    client = sasl.CramMd5("tim", "tanstaaftanstaaf")
    assert client.initial is None
    assert client.respond(CHALLENGE) == RESPONSE
    client.succeeded()
    assert exchange.receive(RESPONSE) == sasl.NeedPassword("tim")
    assert exchange.answer("tanstaaftanstaaf") == sasl.Success("tim", "tim")


@pytest.mark.parametrize("answer", ["another", "", None])
def test_a_wrong_password_and_an_unknown_user_look_the_same(answer: str | None) -> None:
    exchange = server("CRAM-MD5", hostname="postoffice.reston.mci.net")
    exchange.begin(None)
    exchange.receive(RESPONSE)
    step = exchange.answer(answer)
    assert step == sasl.Failure("the password is wrong, or the user unknown")


def test_no_password_is_not_the_empty_password() -> None:
    exchange = server("CRAM-MD5")
    step = exchange.begin(None)
    assert isinstance(step, sasl.Challenge)
    key = bytes(64)
    inner = hashlib.md5(bytes(one ^ 0x36 for one in key) + step.data).digest()
    digest = hashlib.md5(bytes(one ^ 0x5C for one in key) + inner).hexdigest()
    exchange.receive(b"tim " + digest.encode())
    assert isinstance(exchange.answer(None), sasl.Failure)


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"tim",
        b"tim ",
        b" b913a602c7eda7a495b4e6e7334d3890",
        b"timb913a602c7eda7a495b4e6e7334d3890",
        b"tim B913A602C7EDA7A495B4E6E7334D3890",  # "using lower-case ASCII characters"
        b"tim b913a602c7eda7a495b4e6e7334d389",
        b"tim b913a602c7eda7a495b4e6e7334d38900",
        b"tim b913a602c7eda7a495b4e6e7334d3890\n",
        b"\xff b913a602c7eda7a495b4e6e7334d3890",
    ],
)
def test_a_cram_response_that_is_none_fails(response: bytes) -> None:
    exchange = server("CRAM-MD5")
    exchange.begin(None)
    assert isinstance(exchange.receive(response), sasl.Failure)


def test_a_name_with_spaces_is_one_name() -> None:
    exchange = server("CRAM-MD5")
    exchange.begin(None)
    assert exchange.receive(b"t i m " + b"0" * 32) == sasl.NeedPassword("t i m")


@pytest.mark.parametrize("initial", [b"", b"tim 0", RESPONSE])
def test_cram_has_no_initial_response(initial: bytes) -> None:
    """It would be an answer to a challenge that was not made."""
    assert isinstance(server("CRAM-MD5").begin(initial), sasl.Failure)


def test_the_challenge_is_a_message_id() -> None:
    """RFC 2195 section 2."""
    for nonce, hostname in [("a b", "x"), ("a>", "x"), ("", "x"), ("a", "x y"), ("a", "")]:
        with pytest.raises(ValueError, match="message-id"):
            sasl.server("CRAM-MD5", nonce=nonce, hostname=hostname)


def test_cram_answers_one_challenge_and_no_empty_one() -> None:
    with pytest.raises(sasl.ExchangeFailed, match="replayed"):
        sasl.CramMd5("tim", "pw").respond(b"")
    client = sasl.CramMd5("tim", "pw")
    client.respond(b"<1@x>")
    with pytest.raises(sasl.ExchangeFailed, match="more than"):
        client.respond(b"<2@x>")


# -- EXTERNAL (RFC 4422 appendix A) ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("authzid", "answer", "step"),
    [
        ("", "fred", sasl.Success("fred", "fred")),
        ("fred", "fred", sasl.Success("fred", "fred")),
        ("fred@example.com", "ray", None),
        ("", None, None),
    ],
)
def test_external_is_what_tls_says(
    authzid: str, answer: str | None, step: sasl.Success | None
) -> None:
    client = sasl.External(authzid)
    assert client.initial == authzid.encode()
    exchange = server("EXTERNAL")
    assert exchange.begin(client.initial) == sasl.NeedIdentity(authzid)
    last = exchange.answer(answer)
    assert last == step if step is not None else isinstance(last, sasl.Failure)


def test_external_may_act_for_another_where_that_is_allowed() -> None:
    exchange = server("EXTERNAL", allow_authzid=True)
    exchange.begin(b"fred@example.com")
    assert exchange.answer("ray") == sasl.Success("ray", "fred@example.com")


@pytest.mark.parametrize("message", [b"\xff", b"a\0b"])
def test_an_external_message_that_is_none_fails(message: bytes) -> None:
    assert isinstance(server("EXTERNAL").begin(message), sasl.Failure)


# -- ANONYMOUS (RFC 4505) --------------------------------------------------------------------------


def test_the_example_of_rfc_4505_section_4() -> None:
    client = sasl.Anonymous("sirhc")
    assert base64.b64encode(client.initial) == b"c2lyaGM="
    exchange = server("ANONYMOUS")
    assert exchange.begin(None) == sasl.Challenge(b"")
    assert exchange.receive(client.initial) == sasl.AllowAnonymous("sirhc")
    assert exchange.answer(True) == sasl.Success("", "")


@pytest.mark.parametrize("trace", ["", "x" * 255, "ada@example.com", "\u0436"])
def test_a_trace_is_an_address_or_a_token_or_nothing(trace: str) -> None:
    """RFC 4505 section 2."""
    exchange = server("ANONYMOUS")
    assert exchange.begin(sasl.Anonymous(trace).initial) == sasl.AllowAnonymous(trace)
    assert isinstance(exchange.answer(False), sasl.Failure)


@pytest.mark.parametrize("trace", ["x" * 256, "@", "a b@", "a@b@c", "\0"])
def test_a_trace_that_is_neither_is_refused_at_both_ends(trace: str) -> None:
    with pytest.raises(ValueError, match="trace"):
        sasl.Anonymous(trace)
    assert isinstance(server("ANONYMOUS").begin(trace.encode()), sasl.Failure)


def test_a_trace_is_utf_8() -> None:
    assert isinstance(server("ANONYMOUS").begin(b"\xff"), sasl.Failure)


# -- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mechanism", "message", "wrong"),
    [
        ("CRAM-MD5", b"tim " + b"0" * 32, [True, b"pw", 1]),
        ("EXTERNAL", b"", [True, b"fred", ""]),
        ("ANONYMOUS", b"", [None, 1, "yes"]),
        ("LOGIN", b"tim", [None, 1]),
    ],
)
def test_an_answer_of_another_kind_is_a_type_error(
    mechanism: str, message: bytes, wrong: list[Any]
) -> None:
    exchange = server(mechanism)
    step = exchange.begin(None if mechanism in ("CRAM-MD5", "LOGIN") else message)
    while isinstance(step, sasl.Challenge):
        step = exchange.receive(message)
    for answer in wrong:
        with pytest.raises(TypeError, match="answered with"):
            exchange.answer(answer)
        assert exchange.question == step
