"""SASL exchanges by name: what our clients say AUTH with."""

from __future__ import annotations

import secrets

from mailproto import sasl

__all__ = ["TOKENS", "exchange"]

TOKENS = ("OAUTHBEARER", "XOAUTH2")
"""Mechanisms whose secret is a bearer token."""


def exchange(
    mechanism: str, user: str, secret: str, *, service: str = "pop"
) -> sasl.ClientExchange:
    """A client's exchange by this very mechanism."""
    nonce = secrets.token_urlsafe(18)
    if mechanism == "DIGEST-MD5":  # which `choose()` never does
        return sasl.DigestMd5(user, secret, nonce=nonce, digest_uri=f"{service}/localhost")
    have: sasl.Credentials = sasl.Password(user, secret)
    if mechanism in TOKENS:
        have = sasl.Token(user, secret)
    elif mechanism == "ANONYMOUS":
        have = sasl.Guest("trace")
    return sasl.choose([mechanism], have, nonce=nonce, tls=False, allow_plaintext=True)
