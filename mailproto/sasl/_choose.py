"""Which mechanism: the table of them all, and the two functions that make exchanges from it.

`choose()` makes a client's exchange out of what the server offers and what the user has. It makes
one, always the same for the same arguments, and there is no second try: a password that was refused
in one mechanism is not shown to the next one, which a false server would like. Whoever wants
another mechanism after a refusal has to say so, with another `preference`.

`server()` makes a server's exchange by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

import attrs

from .._grammar import ascii_upper
from .._vocabulary import PLAINTEXT_MECHANISMS
from ..errors import LocalProtocolError
from ._exchange import Binding, ClientExchange, ServerExchange
from ._oauth import OAuthBearer, OAuthServer, XOAuth2
from ._scram import Scram, ScramServer
from ._simple import (
    Anonymous,
    AnonymousServer,
    CramMd5,
    CramMd5Server,
    External,
    ExternalServer,
    Login,
    LoginServer,
    Plain,
    PlainServer,
)

__all__ = [
    "MECHANISMS",
    "PLAINTEXT_MECHANISMS",
    "PREFERENCE",
    "Certificate",
    "Credentials",
    "Guest",
    "NoMechanism",
    "Password",
    "Token",
    "choose",
    "server",
]


class NoMechanism(LocalProtocolError):
    """No mechanism that the server offers may be used with these credentials. The text says why."""


# --- What a user may have -------------------------------------------------------------------------


@attrs.frozen
class Password:
    """A name and a password."""

    authcid: str
    password: str = attrs.field(repr=False)
    authzid: str = ""
    """Whom to act for; "" for oneself. Mechanisms that cannot say it are not chosen."""


@attrs.frozen
class Token:
    """An OAuth token, and whose it is."""

    authzid: str
    token: str = attrs.field(repr=False)
    host: str = attrs.field(default="", kw_only=True)
    """Where the client connected to; OAUTHBEARER passes it on. "" leaves it out."""
    port: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Certificate:
    """What TLS has shown already, by a client certificate."""

    authzid: str = ""
    """Whom to act for; "" for oneself."""


@attrs.frozen
class Guest:
    """Nobody in particular."""

    trace: str = ""
    """An address, or any text without @, for the server's log."""


Credentials: TypeAlias = Password | Token | Certificate | Guest
"""What `choose()` chooses by."""

# --- The table ------------------------------------------------------------------------------------


@attrs.frozen
class _Row:
    server: type[ServerExchange]
    fits: type[Credentials]
    carries_authzid: bool = True


_SCRAM = _Row(ScramServer, Password)

_ROWS: dict[str, _Row] = {
    "SCRAM-SHA-512-PLUS": _SCRAM,
    "SCRAM-SHA-256-PLUS": _SCRAM,
    "SCRAM-SHA-1-PLUS": _SCRAM,
    "SCRAM-SHA-512": _SCRAM,
    "SCRAM-SHA-256": _SCRAM,
    "SCRAM-SHA-1": _SCRAM,
    "EXTERNAL": _Row(ExternalServer, Certificate),
    "OAUTHBEARER": _Row(OAuthServer, Token),
    "XOAUTH2": _Row(OAuthServer, Token),
    "CRAM-MD5": _Row(CramMd5Server, Password, carries_authzid=False),
    "PLAIN": _Row(PlainServer, Password),
    "LOGIN": _Row(LoginServer, Password, carries_authzid=False),
    "ANONYMOUS": _Row(AnonymousServer, Guest),
}


def _client(name: str, have: Credentials, nonce: str, binding: Binding | None) -> ClientExchange:
    match have:
        case Certificate():
            return External(have.authzid)
        case Guest():
            return Anonymous(have.trace)
        case Token() if name == "OAUTHBEARER":
            return OAuthBearer(have.authzid, have.token, host=have.host, port=have.port)
        case Token():
            return XOAuth2(have.authzid, have.token)
        case Password() if name == "PLAIN":
            return Plain(have.authcid, have.password, have.authzid)
        case Password() if name == "LOGIN":
            return Login(have.authcid, have.password)
        case Password() if name == "CRAM-MD5":
            return CramMd5(have.authcid, have.password)
        case Password():
            return Scram(
                name, have.authcid, have.password, have.authzid, nonce=nonce, binding=binding
            )


_NAME = re.compile(r"[A-Z0-9_-]{1,20}")  # RFC 4422 section 3.1

PREFERENCE = tuple(_ROWS)
"""Mechanisms from strong to weak, as `choose()` prefers them."""

MECHANISMS = frozenset(_ROWS)
"""What `server()` and `choose()` can make. DIGEST-MD5 is not among them: see `DigestMd5`."""


def choose(
    offered: Iterable[str],
    credentials: Credentials,
    *,
    nonce: str,
    tls: bool,
    binding: Binding | None = None,
    allow_plaintext: bool = False,
    preference: Iterable[str] = PREFERENCE,
) -> ClientExchange:
    """The exchange by the strongest mechanism that is offered and fits. One, for one attempt.

    offered: mechanism names, as the server gave them after TLS. nonce: random printable ASCII
    without commas, new each time, as `secrets.token_urlsafe(18)` makes it. tls: whether nobody can
    read along. binding: what ties the exchange to TLS; with it -PLUS is chosen where it is offered.
    allow_plaintext: show the secret without TLS. preference: what may be chosen, best first.

    Raises `NoMechanism` when nothing may be used, ValueError for a secret that the mechanism cannot
    carry and for a preference that is not known.
    """
    if isinstance(offered, str) or isinstance(preference, str):
        raise TypeError("mechanisms come as a list of names, not as one text")
    allowed = [ascii_upper(name) for name in preference]
    unknown = [name for name in allowed if name not in _ROWS]
    if unknown:
        raise ValueError(f"mechanisms that are not known: {', '.join(unknown)}")
    there = {ascii_upper(name) for name in offered}
    hidden: list[str] = []
    for name in allowed:
        row = _ROWS[name]
        plus = name.endswith("-PLUS")
        if name not in there or not isinstance(credentials, row.fits) or (plus and not binding):
            continue
        if isinstance(credentials, Password) and credentials.authzid and not row.carries_authzid:
            continue
        if name in PLAINTEXT_MECHANISMS and not (tls or allow_plaintext):
            hidden.append(name)
            continue
        # In a mechanism without -PLUS a binding says that none with it was offered.
        if not plus and any(one.endswith("-PLUS") for one in there):
            binding = None
        return _client(name, credentials, nonce, binding)
    if hidden:
        raise NoMechanism(
            f"{' and '.join(hidden)} would show the secret to whoever reads the connection: start"
            " TLS first, or allow_plaintext=True"
        )
    kind = type(credentials).__name__
    seen = sorted(name for name in there if _NAME.fullmatch(name))  # it is the server's text
    fitting = [name for name in allowed if isinstance(credentials, _ROWS[name].fits)]
    raise NoMechanism(
        f"the server offers {', '.join(seen) or 'nothing'}; with a {kind} these could be"
        f" used: {', '.join(fitting) or 'none'}"
    )


def server(
    mechanism: str,
    *,
    nonce: str,
    hostname: str = "localhost",
    bindings: Iterable[Binding] = (),
    allow_authzid: bool = False,
    prepare: bool = True,
) -> ServerExchange:
    """A server's exchange by this mechanism, one of `MECHANISMS`.

    nonce: random printable ASCII without commas, new each time, as `secrets.token_urlsafe(18)`
    makes it. hostname: in the challenge of CRAM-MD5. bindings: what ties the exchange to TLS; give
    them (all that are known, to every SCRAM exchange) if -PLUS is offered, and only then.
    allow_authzid: let the application allow one user to act for another, in its answer; otherwise
    who tries it is refused. prepare: bring names and passwords into the spelling of RFC 4013 before
    the application sees them; False for a store that has them in another one.

    Raises ValueError for a mechanism that is not known, and for a nonce that it cannot carry.
    """
    name = ascii_upper(mechanism)
    row = _ROWS.get(name)
    if row is None:
        raise ValueError(f"{mechanism!r} is not known; known are {', '.join(PREFERENCE)}")
    return row.server(
        name,
        nonce=nonce,
        hostname=hostname,
        bindings=tuple(bindings),
        allow_authzid=allow_authzid,
        prepare=prepare,
    )
