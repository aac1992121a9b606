"""SASL: names, credentials, and whole exchanges."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from .. import sasl
from ._shared import BEYOND, PRINTABLE, Shown, addresses, domains, once

__all__ = ["SaslSession", "sasl_credentials", "sasl_names", "sasl_nonces", "sasl_sessions"]

# What SASLprep (RFC 4013) maps away, makes a space of, or takes apart; and what SCRAM quotes.
_PREPARED = st.sampled_from(
    ["\u00ad", "\u00a0", "\u2003", "ª", "Ⅸ", "½", "ﬁ", "=", ",", "=2C", " "]
)
_RIGHT_TO_LEFT = st.text(st.sampled_from("אבגاب"), min_size=1, max_size=6)


def _is_sayable(text: str) -> bool:
    try:
        return sasl.saslprep(text, stored=True) != ""
    except ValueError:
        return False


@once
def sasl_names() -> SearchStrategy[str]:
    """Names and passwords: what RFC 4013 takes and does not make empty."""
    part = st.one_of(PRINTABLE, _PREPARED, BEYOND)
    text = st.lists(part, min_size=1, max_size=8).map("".join) | _RIGHT_TO_LEFT
    return st.sampled_from(["user", "ada@example.com", "x" * 255]) | text.filter(_is_sayable)


@once
def sasl_nonces() -> SearchStrategy[str]:
    """Nonces that every mechanism takes. A real one is random, and longer."""
    return st.text(st.sampled_from("abcXYZ019!#$%&*+-/=_~"), min_size=1, max_size=24)


_TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=24)
_TRACES = (
    st.sampled_from(["", "x" * 255]) | addresses() | sasl_names().filter(lambda t: "@" not in t)
)

_CREDENTIALS: Final[Mapping[type[object], SearchStrategy[sasl.Credentials]]] = {
    sasl.Password: st.builds(
        sasl.Password, sasl_names(), sasl_names(), st.sampled_from(["", ""]) | sasl_names()
    ),
    sasl.Token: st.builds(
        sasl.Token,
        sasl_names(),
        _TOKENS,
        host=st.just("") | domains(),
        port=st.none() | st.integers(1, 65_535),
    ),
    sasl.Certificate: st.builds(sasl.Certificate, st.just("") | sasl_names()),
    sasl.Guest: st.builds(sasl.Guest, _TRACES),
}


@once
def sasl_credentials(*kinds: type[object]) -> SearchStrategy[sasl.Credentials]:
    """What `sasl.choose()` takes: of the given classes, or of all."""
    return st.one_of([_CREDENTIALS[kind] for kind in kinds or _CREDENTIALS])


@attrs.frozen(kw_only=True, repr=False)
class SaslSession(Shown):
    """One attempt to authenticate, both ends, and everything that decides about it."""

    mechanism: str
    credentials: sasl.Credentials
    known: bool = True
    """Whether the server's application says yes."""
    initial: bool = True
    """Whether the client's first message goes with the command, or waits for a challenge."""
    nonce: str = "client"
    server_nonce: str = "server"
    binding: sasl.Binding | None = None
    """What both ends know of their TLS. The server offers -PLUS if the mechanism has it."""

    def client(self) -> sasl.ClientExchange:
        """The client's exchange."""
        return sasl.choose(
            [self.mechanism],
            self.credentials,
            nonce=self.nonce,
            tls=True,
            binding=self.binding,
            preference=[self.mechanism],
        )

    def server(self) -> sasl.ServerExchange:
        """The server's exchange."""
        offered = self.binding is not None and self.mechanism.endswith("-PLUS")
        return sasl.server(
            self.mechanism,
            nonce=self.server_nonce,
            bindings=[self.binding] if self.binding and offered else [],
            allow_authzid=True,
        )

    def answer(self, question: sasl.Question) -> sasl.Answer:
        """What the server's application answers."""
        match question, self.credentials:
            case sasl.VerifyPassword(password=given), sasl.Password(password=right):
                return self.known and given == sasl.saslprep(right)
            case sasl.NeedPassword(), sasl.Password(password=right):
                return right if self.known else None
            case sasl.NeedKeys(mechanism=mechanism, authcid=name), sasl.Password(password=right):
                if not self.known:
                    return sasl.ScramKeys.fake(mechanism, name, b"secret", iterations=4_096)
                return _keys(mechanism, right)
            case sasl.VerifyToken(authzid=name, token=given), sasl.Token(token=right):
                return name if self.known and given == right else sasl.Refusal()
            case sasl.NeedIdentity(authzid=name), _:
                return (name or "owner") if self.known else None
            case _:
                return self.known

    def run(
        self, change: Callable[[bytes], bytes] = lambda message: message
    ) -> sasl.Success | sasl.Failure:
        """Both ends until the server is done; the client judges a yes. `change` sees each message.

        Raises `sasl.ExchangeFailed` when the client does not believe the server.
        """
        client = self.client()
        server = self.server()
        first = client.initial
        if first is not None and self.initial:
            step = server.begin(change(first))
            first = None
        else:
            step = server.begin(None)
        while True:
            match step:
                case sasl.Success():
                    client.succeeded()
                    return step
                case sasl.Failure():
                    return step
                case sasl.Challenge(data):
                    said = client.respond(change(data)) if first is None else first
                    step = server.receive(change(said))
                    first = None
                case question:
                    step = server.answer(self.answer(question))


@lru_cache(500)
def _keys(mechanism: str, password: str) -> sasl.ScramKeys:
    return sasl.ScramKeys.from_password(mechanism, password, salt=b"salt", iterations=4_096)


_FITTING: Final[Mapping[str, type[sasl.Credentials]]] = {
    "OAUTHBEARER": sasl.Token,
    "XOAUTH2": sasl.Token,
    "EXTERNAL": sasl.Certificate,
    "ANONYMOUS": sasl.Guest,
}
_NO_AUTHZID = ("CRAM-MD5", "LOGIN")


@once
def sasl_sessions(*mechanisms: str) -> SearchStrategy[SaslSession]:
    """Whole exchanges by one of these mechanisms, or by any: accepted ones and refused ones."""
    return st.sampled_from(mechanisms or sasl.PREFERENCE).flatmap(_sasl_session)


@once
def _sasl_session(mechanism: str) -> SearchStrategy[SaslSession]:
    credentials = sasl_credentials(_FITTING.get(mechanism, sasl.Password))
    if mechanism in _NO_AUTHZID:
        credentials = st.builds(sasl.Password, sasl_names(), sasl_names())
    kinds = st.sampled_from(["tls-exporter", "tls-unique", "tls-server-end-point"])
    bindings = st.builds(sasl.Binding, kinds, st.binary(min_size=1, max_size=32))
    return st.builds(
        SaslSession,
        mechanism=st.just(mechanism),
        credentials=credentials,
        known=st.booleans(),
        initial=st.booleans(),
        nonce=sasl_nonces(),
        server_nonce=sasl_nonces(),
        binding=bindings if mechanism.endswith("-PLUS") else st.none() | bindings,
    )
