"""OAUTHBEARER (RFC 7628) and XOAUTH2: a token in place of a password.

One message, and both spellings of it; `^A` is the octet 1::

    OAUTHBEARER   n,a=user,^Ahost=...^Aport=...^Aauth=Bearer token^A^A
    XOAUTH2       user=user^Aauth=Bearer token^A^A

When the token is not good, the server says why, in JSON and as a challenge; the client has to say
something to that (`^A` in the one, nothing in the other), and only then comes the no.

The JSON is read with suspicion: it comes from whoever is at the other end. What cannot be read is a
`Refusal` with an empty status.
"""

from __future__ import annotations

import json
import re
from typing import cast

import attrs

from .._grammar import parse_number
from ._exchange import (
    Answer,
    Challenge,
    ClientExchange,
    Question,
    Refusal,
    Refused,
    ServerExchange,
    Step,
    Success,
    VerifyToken,
    octets,
    read_text,
    wrong_answer,
)
from ._scram import SASLNAME, saslname, unsaslname

__all__ = ["OAuthBearer", "OAuthServer", "XOAuth2"]

_TOKEN = re.compile(r"[!-~]*")  # RFC 6750 section 2.1 has fewer characters; some servers have more
_HOST = re.compile(r"[!-~]*")
_LONGEST_REFUSAL = 65_536

# --- Why not (RFC 7628 section 3.2.2) -------------------------------------------------------------

# Field of `Refusal`, and its name in JSON; in the order of the RFC's examples.
_MEMBERS = (
    ("status", "status"),
    ("schemes", "schemes"),
    ("scope", "scope"),
    ("openid_configuration", "openid-configuration"),
)


def _read_refusal(data: bytes) -> Refusal:
    members: dict[str, object] = {}
    try:
        value: object = json.loads(data.decode("utf-8")) if len(data) <= _LONGEST_REFUSAL else None
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
    fields = {field: _read_member(members.get(name)) for field, name in _MEMBERS}
    return Refusal(**fields, raw=data)


def _read_member(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # XOAUTH2's status is an HTTP code, and some send it as a number
    if not isinstance(value, str):
        return ""
    return value.encode("utf-8", "replace").decode("utf-8")  # JSON can write half a surrogate pair


def _write_refusal(refusal: Refusal) -> bytes:
    said = {name: cast(str, getattr(refusal, field)) for field, name in _MEMBERS}
    return json.dumps(
        {name: value for name, value in said.items() if value or name == "status"},
        separators=(",", ":"),
    ).encode("ascii")


# --- The client -----------------------------------------------------------------------------------


@attrs.define(eq=False)
class _OAuthClient(ClientExchange):
    _dummy = b""  # what is said to the server's refusal

    def _respond(self, challenge: bytes) -> bytes:
        if self.refusal is not None:
            raise self._too_much()
        self.refusal = _read_refusal(challenge)
        return self._dummy

    def _check_token(self, token: str) -> None:
        octets(token, "token", empty=True)
        if not _TOKEN.fullmatch(token):
            raise ValueError("a token is printable ASCII without spaces")
        self._complete = True


@attrs.define(eq=False)
class OAuthBearer(_OAuthClient):
    """OAUTHBEARER (RFC 7628): an OAuth token. Only under TLS.

    With "" for a token it asks the server what token it wants: see `refusal`. Raises ValueError for
    what no token, name, host or port can be.
    """

    mechanism: str = attrs.field(default="OAUTHBEARER", init=False)
    authzid: str
    """Whom to act for, mostly the address of the token's owner; "" for whoever owns it."""
    _token: str = attrs.field(alias="token", repr=False)
    host: str = attrs.field(default="", kw_only=True)
    """Where the client connected to; "" leaves it out."""
    port: int | None = attrs.field(default=None, kw_only=True)

    _dummy = b"\x01"

    def __attrs_post_init__(self) -> None:
        octets(self.authzid, "authzid", empty=True)
        self._check_token(self._token)
        if not _HOST.fullmatch(self.host):
            raise ValueError("a host is printable ASCII without spaces")
        if self.port is not None and not 0 < self.port < 65_536:
            raise ValueError("a port is a number from 1 to 65535")

    @property
    def initial(self) -> bytes:
        """The only message, unless it is refused."""
        said = [f"n,{'a=' if self.authzid else ''}{saslname(self.authzid)},"]
        said += [f"host={self.host}"] if self.host else []
        said += [] if self.port is None else [f"port={self.port}"]
        said += [f"auth=Bearer {self._token}" if self._token else "auth=", "", ""]
        return "\x01".join(said).encode()


@attrs.define(eq=False)
class XOAuth2(_OAuthClient):
    """XOAUTH2: an OAuth token, as it was before RFC 7628. Only under TLS.

    Raises ValueError for what no token or name can be.
    """

    mechanism: str = attrs.field(default="XOAUTH2", init=False)
    authzid: str
    """The address of the token's owner."""
    _token: str = attrs.field(alias="token", repr=False)

    def __attrs_post_init__(self) -> None:
        octets(self.authzid, "name")
        if "\x01" in self.authzid:
            raise ValueError("the name has the octet 1")
        self._check_token(self._token)

    @property
    def initial(self) -> bytes:
        """The only message, unless it is refused."""
        return f"user={self.authzid}\x01auth=Bearer {self._token}\x01\x01".encode()


# --- The server -----------------------------------------------------------------------------------

# RFC 7628 section 4.4 has an example with `user=` in place of `a=`.
_BEARER = re.compile(rf"[ny],(?:(?:a|user)=({SASLNAME}))?,\x01(.*)\x01", re.DOTALL)
_XOAUTH2 = re.compile(r"user=([^\x00\x01]+)\x01(.*)\x01", re.DOTALL)
_PAIR = re.compile(r"([A-Za-z]+)=([\t\n\r -~]*)")
_AUTH = re.compile(r"(?:bearer(?: +([!-~]+))? *)?", re.IGNORECASE)


@attrs.define(eq=False)
class OAuthServer(ServerExchange):
    """OAUTHBEARER (RFC 7628) and XOAUTH2."""

    _refused: bool = attrs.field(default=False, init=False, repr=False)

    def _read(self, response: bytes) -> Step:
        if self._refused:
            raise Refused("the token is not good")
        pattern = _BEARER if self.mechanism == "OAUTHBEARER" else _XOAUTH2
        match = pattern.fullmatch(read_text(response, "message"))
        if match is None:
            raise Refused(f"the client's message is not one of {self.mechanism}")
        authzid = match[1] or ""
        if pattern is _BEARER:
            authzid = unsaslname(authzid)
        pairs = self._pairs(match[2])
        auth = _AUTH.fullmatch(pairs.get("auth", "?"))
        if auth is None:
            raise Refused("the client has no bearer token")
        port = pairs.get("port")
        try:
            number = None if port is None else parse_number(port, digits=5)
        except ValueError:
            raise Refused("the port is no number") from None
        return VerifyToken(authzid, auth[1] or "", pairs.get("host", ""), number)

    def _pairs(self, text: str) -> dict[str, str]:
        """The pairs of a message (RFC 7628 section 3.1). Unknown ones are there too."""
        pairs: dict[str, str] = {}
        *said, last = text.split("\x01")
        if last:
            raise Refused("the client's message has no end")
        for pair in said:
            match = _PAIR.fullmatch(pair)
            if match is None or match[1] in pairs:
                raise Refused("a key and value is none, or came twice")
            pairs[match[1]] = match[2]
        return pairs

    def _judge(self, question: Question, value: Answer) -> Step:
        assert isinstance(question, VerifyToken)
        if value is None:
            value = Refusal()
        if isinstance(value, Refusal):
            self._refused = True
            return Challenge(_write_refusal(value))
        if not isinstance(value, str) or not value:
            raise wrong_answer(question, "a name, a Refusal or None", value)
        if not question.token:
            raise ValueError("there is no token that could prove a name: answer with a Refusal")
        return Success(value, self._acting_for(question.authzid, value) or value)
