"""Who may log in, and how one does: what the programs here share about passwords.

The upper half is for servers: `Users` knows the passwords and answers what a SASL exchange asks,
`Authentication` is AUTH on one connection. It knows no protocol: in SMTP and in POP3, `Auth` and
`AuthResponse` come in, and a challenge, a yes or a no goes out.

The lower half is for clients: the secret of a command line's user, and the exchange to use it in.
"""

from __future__ import annotations

import argparse
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from mailproto import sasl, smtp

__all__ = ["MECHANISMS", "Authentication", "Users", "exchange_of", "secret_of"]

MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
"""What a server that knows the passwords themselves can offer, strongest first."""

# --- Servers ------------------------------------------------------------------------------------


class Users:
    """Names and passwords, `NAME:PASSWORD` each. Raises ValueError for what is none."""

    def __init__(self, users: Iterable[str]) -> None:
        self._passwords: dict[str, str] = {}
        self._keys: dict[tuple[str, str], sasl.ScramKeys] = {}
        self._secret = secrets.token_bytes()
        for user in users:
            name, _, password = user.partition(":")
            if not name or not password:
                raise ValueError("a user is NAME:PASSWORD")
            name, password = (sasl.saslprep(word, stored=True) for word in (name, password))
            self._passwords[name] = password
            for mechanism in MECHANISMS[:2]:
                self._keys[mechanism, name] = sasl.ScramKeys.from_password(
                    mechanism, password, salt=secrets.token_bytes(16)
                )

    def password(self, name: str) -> str | None:
        """What it is; None for a user we do not know."""
        return self._passwords.get(name)

    def verify(self, name: str, password: str) -> bool:
        """Whether it is the password of a user we know."""
        expected = self._passwords.get(name)
        same = hmac.compare_digest(_octets(password), _octets(expected or ""))
        return same and expected is not None

    def answer(self, question: sasl.Question) -> sasl.Answer:
        """What a mechanism wants to know."""
        match question:
            case sasl.VerifyPassword(name, password):
                return self.verify(name, password)
            case sasl.NeedPassword(name):
                return self._passwords.get(name)
            case sasl.NeedKeys(mechanism, name):
                keys = self._keys.get((mechanism, name))
                return keys or sasl.ScramKeys.fake(mechanism, name, self._secret)
            case _:
                raise NotImplementedError(f"no mechanism offered here asks {question}")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


Step: TypeAlias = sasl.Challenge | sasl.Success | sasl.Failure


class Authentication:
    """AUTH on one connection of a server, exchange by exchange."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._exchange: sasl.ServerExchange | None = None

    def hear(self, event: smtp.Auth | smtp.AuthResponse) -> Step:
        """What is to be said to it."""
        if isinstance(event, smtp.Auth):
            exchange = sasl.server(event.mechanism, nonce=secrets.token_urlsafe(18))
            self._exchange = exchange
            step = exchange.begin(event.initial_response)
        else:
            assert self._exchange is not None  # a response follows an Auth
            exchange = self._exchange
            step = exchange.receive(event.data)
        if not isinstance(step, Step):
            # The passwords are in memory. If they were elsewhere, the question could wait.
            step = exchange.answer(self._users.answer(step))
        assert isinstance(step, Step)  # a mechanism asks once
        return step


# --- Clients ------------------------------------------------------------------------------------


def secret_of(options: argparse.Namespace, variable: str) -> str:
    """From `--password-file` or the environment: a command line can be read by everybody.

    "" if there is no `--user`. Raises OSError and ValueError.
    """
    path: Path | None = options.password_file
    if not options.user:
        return ""
    if path is not None:
        lines = path.read_text("utf-8").splitlines()
        return lines[0] if lines else ""
    secret = os.environ.get(variable)
    if secret is None:
        raise ValueError(f"--user needs --password-file or {variable}")
    return secret


def exchange_of(
    options: argparse.Namespace, secret: str, offered: Iterable[str], *, tls: bool
) -> sasl.ClientExchange:
    """The exchange by the best mechanism that is offered, or by the one of `--mechanism`.

    `secret` is a password; with `--token`, an OAuth token. Raises sasl.NoMechanism and ValueError.
    """
    have: sasl.Credentials = sasl.Password(options.user, secret)
    if options.token:
        have = sasl.Token(options.user, secret, host=options.host, port=options.port)
    return sasl.choose(
        offered,
        have,
        nonce=secrets.token_urlsafe(18),
        tls=tls,
        allow_plaintext=options.plaintext_auth,
        preference=(options.mechanism,) if options.mechanism else sasl.PREFERENCE,
    )
