"""SASL mechanisms (RFC 4422) as pure exchanges, client and server.

What is said, and whether it proves anything, is decided here. How it is wrapped (base64, 334 or
`+`, `*` to give up, `=` for nothing) is the business of SMTP, POP3 and IMAP, each in its place; no
module here knows a protocol. Nonces are arguments, like everything random.

The rooms, from the ground up:

* `_prep`: names and passwords in one spelling (SASLprep).
* `_keys`: what SCRAM stores.
* `_exchange`: what all mechanisms share: the client's three moves, the server's steps and
  questions.
* `_simple`: PLAIN, LOGIN, CRAM-MD5, EXTERNAL, ANONYMOUS; `_scram`; `_oauth`: OAUTHBEARER, XOAUTH2;
  `_digest`: DIGEST-MD5. Each holds both ends of its mechanisms.
* `_choose`: the table of mechanisms, `choose()` and `server()`.

A client::

    exchange = sasl.choose(offered, sasl.Password(user, password), nonce=..., tls=True)
    exchange.initial  # what to send first
    exchange.respond(challenge)  # what to send next
    exchange.succeeded()  # the server said yes: is it to be believed?

and a server::

    exchange = sasl.server("SCRAM-SHA-256", nonce=...)
    step = exchange.begin(initial)
    match step:
        case sasl.Challenge(data):
            ...  # send it; then exchange.receive(response)
        case sasl.NeedKeys(authcid=name):
            ...  # look it up; then exchange.answer(keys)
        case sasl.Success(authcid) | sasl.Failure():
            ...
"""

from __future__ import annotations

from ._choose import (
    MECHANISMS,
    PLAINTEXT_MECHANISMS,
    PREFERENCE,
    Certificate,
    Credentials,
    Guest,
    NoMechanism,
    Password,
    Token,
    choose,
    server,
)
from ._digest import DigestMd5
from ._exchange import (
    AllowAnonymous,
    Answer,
    Binding,
    Challenge,
    ClientExchange,
    ExchangeFailed,
    Failure,
    NeedIdentity,
    NeedKeys,
    NeedPassword,
    Question,
    Refusal,
    ServerExchange,
    Step,
    Success,
    VerifyPassword,
    VerifyToken,
)
from ._keys import ITERATIONS, ScramKeys
from ._oauth import OAuthBearer, XOAuth2
from ._prep import saslprep
from ._scram import MAX_ITERATIONS, MIN_ITERATIONS, Scram
from ._simple import Anonymous, CramMd5, External, Login, Plain

__all__ = [
    "ITERATIONS",
    "MAX_ITERATIONS",
    "MECHANISMS",
    "MIN_ITERATIONS",
    "PLAINTEXT_MECHANISMS",
    "PREFERENCE",
    "AllowAnonymous",
    "Anonymous",
    "Answer",
    "Binding",
    "Certificate",
    "Challenge",
    "ClientExchange",
    "CramMd5",
    "Credentials",
    "DigestMd5",
    "ExchangeFailed",
    "External",
    "Failure",
    "Guest",
    "Login",
    "NeedIdentity",
    "NeedKeys",
    "NeedPassword",
    "NoMechanism",
    "OAuthBearer",
    "Password",
    "Plain",
    "Question",
    "Refusal",
    "Scram",
    "ScramKeys",
    "ServerExchange",
    "Step",
    "Success",
    "Token",
    "VerifyPassword",
    "VerifyToken",
    "XOAuth2",
    "choose",
    "saslprep",
    "server",
]
