"""Which mechanism a client takes, and which it refuses."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import LocalProtocolError, sasl

PASSWORD = sasl.Password("user", "pencil")
TOKEN = sasl.Token("user@example.com", "token")
BINDING = sasl.Binding("tls-exporter", b"data")
EVERYTHING = [*sasl.PREFERENCE, "GSSAPI", "DIGEST-MD5", "NTLM", "X-OWN"]


def choose(offered: list[str], have: sasl.Credentials = PASSWORD, **kwargs: Any) -> str:
    return exchange(offered, have, **kwargs).mechanism


def exchange(
    offered: list[str], have: sasl.Credentials = PASSWORD, **kwargs: Any
) -> sasl.ClientExchange:
    arguments: dict[str, Any] = {"nonce": "c", "tls": True, **kwargs}
    return sasl.choose(offered, have, **arguments)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (EVERYTHING, "SCRAM-SHA-512"),
        (["PLAIN", "LOGIN"], "PLAIN"),
        (["LOGIN"], "LOGIN"),
        (["LOGIN", "PLAIN", "CRAM-MD5"], "CRAM-MD5"),
        (["CRAM-MD5", "SCRAM-SHA-1"], "SCRAM-SHA-1"),
        (["SCRAM-SHA-1", "SCRAM-SHA-256"], "SCRAM-SHA-256"),
        (["plain", "scram-sha-256"], "SCRAM-SHA-256"),
        (["PLAIN", "SCRAM-SHA-512-PLUS"], "PLAIN"),  # there is no binding
    ],
)
def test_a_password_goes_to_the_strongest(offered: list[str], chosen: str) -> None:
    assert choose(offered) == chosen
    assert choose(offered[::-1]) == chosen


@pytest.mark.parametrize(
    ("have", "chosen"),
    [
        (TOKEN, "OAUTHBEARER"),
        (sasl.Certificate(), "EXTERNAL"),
        (sasl.Guest(), "ANONYMOUS"),
    ],
)
def test_credentials_go_where_they_fit(have: sasl.Credentials, chosen: str) -> None:
    assert choose(EVERYTHING, have) == chosen
    with pytest.raises(sasl.NoMechanism, match=f"could be used: .*{chosen}"):
        choose([one for one in EVERYTHING if one not in (chosen, "XOAUTH2")], have)


def test_an_old_token_mechanism_is_second() -> None:
    assert choose(["XOAUTH2"], TOKEN) == "XOAUTH2"


def test_what_the_credentials_say_is_said() -> None:
    token = attrs.evolve(TOKEN, host="h", port=1)
    assert exchange(["OAUTHBEARER"], token).initial == (
        b"n,a=user@example.com,\x01host=h\x01port=1\x01auth=Bearer token\x01\x01"
    )
    assert exchange(["EXTERNAL"], sasl.Certificate("boss")).initial == b"boss"
    assert exchange(["ANONYMOUS"], sasl.Guest("trace")).initial == b"trace"
    assert exchange(["PLAIN"], sasl.Password("a", "b", "c")).initial == b"c\0a\0b"


def test_who_acts_for_another_takes_a_mechanism_that_can_say_so() -> None:
    have = attrs.evolve(PASSWORD, authzid="boss")
    assert choose(["CRAM-MD5", "LOGIN", "PLAIN"], have) == "PLAIN"
    with pytest.raises(sasl.NoMechanism):
        choose(["CRAM-MD5", "LOGIN"], have)


# -- without TLS -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2])
def test_a_secret_is_not_shown_without_tls(size: int) -> None:
    for offered in combinations(["PLAIN", "LOGIN"], size):
        with pytest.raises(sasl.NoMechanism, match="start TLS first, or allow_plaintext=True"):
            choose(list(offered), tls=False)
        assert choose(list(offered), tls=False, allow_plaintext=True) in offered
    for mechanism in ("OAUTHBEARER", "XOAUTH2"):
        with pytest.raises(sasl.NoMechanism, match="start TLS first"):
            choose([mechanism], TOKEN, tls=False)


def test_without_tls_there_are_mechanisms_that_hide_the_secret() -> None:
    assert choose(["PLAIN", "SCRAM-SHA-1"], tls=False) == "SCRAM-SHA-1"
    assert choose(["PLAIN", "CRAM-MD5"], tls=False) == "CRAM-MD5"


def test_which_mechanisms_show_the_secret() -> None:
    """RFC 4954 section 4, RFC 7628 section 3."""
    assert {"PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2"} == sasl.PLAINTEXT_MECHANISMS


def test_no_mechanism_is_a_local_error_that_names_no_secret() -> None:
    assert issubclass(sasl.NoMechanism, LocalProtocolError)
    with pytest.raises(sasl.NoMechanism) as caught:
        choose(["GSSAPI"])
    assert "pencil" not in str(caught.value)
    assert "GSSAPI" in str(caught.value)
    assert "SCRAM-SHA-256" in str(caught.value)


def test_the_error_repeats_names_and_no_other_text_of_the_server() -> None:
    """RFC 4422 section 3.1: names are short, and have letters, digits, hyphens, underscores."""
    with pytest.raises(sasl.NoMechanism, match="offers GSSAPI; with"):
        choose(["GSSAPI", "\x1b[2J", "A" * 21, "X Y", "\r\n"])


# -- one choice ------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(EVERYTHING)), st.booleans(), st.booleans())
def test_the_same_arguments_give_the_same_mechanism(
    offered: list[str], tls: bool, bound: bool
) -> None:
    """A second try with the same password in another mechanism cannot happen by accident."""
    binding = BINDING if bound else None

    def once() -> str:
        try:
            return choose(offered, tls=tls, binding=binding)
        except sasl.NoMechanism as error:
            return str(error)

    assert once() == once()


def test_another_mechanism_has_to_be_asked_for() -> None:
    assert choose(EVERYTHING, preference=["LOGIN"]) == "LOGIN"
    assert choose(EVERYTHING, preference=["login", "PLAIN"]) == "LOGIN"
    with pytest.raises(sasl.NoMechanism):
        choose(["PLAIN"], preference=["LOGIN"])
    with pytest.raises(sasl.NoMechanism):
        choose(["PLAIN"], preference=[])


def test_digest_md5_is_never_chosen() -> None:
    with pytest.raises(sasl.NoMechanism):
        choose(["DIGEST-MD5"])
    with pytest.raises(ValueError, match="not known: DIGEST-MD5"):
        choose(["DIGEST-MD5"], preference=["DIGEST-MD5"])


@pytest.mark.parametrize("name", ["offered", "preference"])
def test_a_text_is_no_list_of_names(name: str) -> None:
    arguments: dict[str, Any] = {"offered": ["PLAIN"], "preference": ["PLAIN"], name: "PLAIN LOGIN"}
    with pytest.raises(TypeError, match="list of names"):
        sasl.choose(
            arguments["offered"],
            PASSWORD,
            nonce="c",
            tls=True,
            preference=arguments["preference"],
        )


def test_a_password_that_the_chosen_mechanism_cannot_carry_is_an_error() -> None:
    """And no reason to take a weaker one."""
    with pytest.raises(ValueError, match="the password"):
        choose(["SCRAM-SHA-1", "PLAIN"], sasl.Password("user", "\x07"))


# -- channel binding (RFC 5802 section 6) ----------------------------------------------------------


@pytest.mark.parametrize(
    ("offered", "binding", "initial"),
    [
        (["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"], BINDING, b"p=tls-exporter,,"),
        (["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"], None, b"n,,"),
        (["SCRAM-SHA-1"], BINDING, b"y,,"),
        (["SCRAM-SHA-1"], None, b"n,,"),
        (["SCRAM-SHA-512", "SCRAM-SHA-1-PLUS"], BINDING, b"p=tls-exporter,,"),
    ],
)
def test_minus_plus_is_preferred_and_its_absence_told(
    offered: list[str], binding: sasl.Binding | None, initial: bytes
) -> None:
    client = exchange(offered, binding=binding)
    assert client.initial == initial + b"n=user,r=c"
    assert client.mechanism.endswith("-PLUS") == initial.startswith(b"p")


def test_who_does_not_want_minus_plus_does_not_say_that_it_was_hidden() -> None:
    """`y` would make a server that offers -PLUS suspect an attack."""
    client = exchange(
        ["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"], binding=BINDING, preference=["SCRAM-SHA-1"]
    )
    assert client.initial == b"n,,n=user,r=c"


def test_a_hidden_minus_plus_is_found_out() -> None:
    """The man in the middle cuts -PLUS out of the list; the server did offer it."""
    client = exchange(["SCRAM-SHA-1"], binding=BINDING)
    assert client.initial is not None
    server = sasl.server("SCRAM-SHA-1", nonce="s", bindings=[BINDING])
    step = server.begin(client.initial)
    assert isinstance(step, sasl.Failure)
    assert "hid" in step.reason


# -- server() --------------------------------------------------------------------------------------


def test_a_server_has_every_mechanism_that_a_client_chooses() -> None:
    assert set(sasl.PREFERENCE) == sasl.MECHANISMS
    for mechanism in sasl.PREFERENCE:
        made = sasl.server(mechanism.lower(), nonce="s", bindings=[BINDING])
        assert made.mechanism == mechanism


@pytest.mark.parametrize("mechanism", ["", "GSSAPI", "DIGEST-MD5", "SCRAM-SHA-1-", "PLA\u0131N"])
def test_a_mechanism_that_is_not_known(mechanism: str) -> None:
    with pytest.raises(ValueError, match="not known"):
        sasl.server(mechanism, nonce="s")
