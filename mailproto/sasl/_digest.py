r"""DIGEST-MD5 (RFC 2831), the client only, for servers that have nothing better.

It is historic (RFC 6331): nobody should choose it, so `choose()` does not, and there is no server.
Only `qop=auth` is spoken, and no authentication is resumed. What is proven is proven both ways: the
server's `rspauth` is checked.
"""

from __future__ import annotations

import hashlib
import hmac
import re

import attrs

from ._exchange import ClientExchange, ExchangeFailed, octets

__all__ = ["DigestMd5"]

# RFC 2831 section 7.1: commas and white space, a name, `=`, a token or a quoted string.
_DIRECTIVE = re.compile(
    rb"[\t\n\r ,]*([!#$%&'*+.0-9A-Z^_`a-z|~\-]+)[\t\n\r ]*=[\t\n\r ]*"
    rb"(?:\"((?:[^\"\\]|\\[\x00-\x7f])*)\"|([^\x00-\x20\x7f\",]+))[\t\n\r ]*(?:,|\Z)"
)
_NOTHING = re.compile(rb"[\t\n\r ,]*")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_LONGEST = 2_048
_ONCE = ("nonce", "algorithm", "qop", "charset", "stale", "maxbuf")


def _directives(challenge: bytes) -> dict[str, list[bytes]]:
    """What a challenge says, each name in lower case. Raises ExchangeFailed."""
    if len(challenge) >= _LONGEST:
        raise ExchangeFailed("the challenge is longer than 2,047 octets")
    found: dict[str, list[bytes]] = {}
    at = 0
    while at < len(challenge):
        match = _DIRECTIVE.match(challenge, at)
        if match is None:
            if _NOTHING.fullmatch(challenge, at):
                break
            raise ExchangeFailed("the challenge is not one of DIGEST-MD5")
        value = match[3] if match[2] is None else _QUOTED_PAIR.sub(rb"\1", match[2])
        found.setdefault(match[1].decode("ascii").lower(), []).append(value)
        at = match.end()
    return found


def _quoted(value: bytes) -> bytes:
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def _md5(*parts: bytes) -> bytes:
    return hashlib.md5(b":".join(parts), usedforsecurity=False).digest()


def _latin(value: bytes) -> bytes:
    """UTF-8 as ISO 8859-1, if it can be (RFC 2831 section 2.1.2.1)."""
    try:
        return value.decode("utf-8").encode("latin-1")
    except UnicodeError:
        return value


@attrs.define(eq=False)
class DigestMd5(ClientExchange):
    """DIGEST-MD5 (RFC 2831), for old servers: the client, without security layers.

    Raises ValueError for an empty name or password and a nonce or URI that cannot be one.
    """

    mechanism: str = attrs.field(default="DIGEST-MD5", init=False)
    authcid: str
    """Whose password it is."""
    _password: str = attrs.field(alias="password", repr=False)
    authzid: str = ""
    """Whom to act for; "" for oneself."""
    _nonce: str = attrs.field(alias="nonce", kw_only=True, repr=False)
    """Random, printable ASCII."""
    digest_uri: str = attrs.field(kw_only=True)
    """Service and host: `imap/mail.example.com`."""
    realm: str | None = attrs.field(default=None, kw_only=True)
    """Which of the server's realms the name is in; None for the first one."""
    _answer: tuple[bytes, ...] = attrs.field(default=(), init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        octets(self.authcid, "name")
        octets(self._password, "password")
        octets(self.authzid, "authzid", empty=True)
        octets(self.realm or "", "realm", empty=True)
        if not re.fullmatch(r"[!#-\[\]-~]+", self._nonce):
            raise ValueError("a nonce is printable ASCII without spaces and quotes")
        if not re.fullmatch(r"[A-Za-z]+(?:/[A-Za-z0-9.\-]+){1,2}", self.digest_uri):
            raise ValueError("a digest-uri is `service/host` or `service/host/name`")

    @property
    def initial(self) -> None:
        """None: the server speaks first."""
        return

    def _respond(self, challenge: bytes) -> bytes:
        if self._complete:
            raise self._too_much()
        said = _directives(challenge)
        if self._answer:
            self._check_server(said)
            return b""
        return self._answer_first(said)

    def _answer_first(self, said: dict[str, list[bytes]]) -> bytes:
        if any(len(said.get(name, ())) > 1 for name in _ONCE):
            raise ExchangeFailed("a directive that may come once came twice")
        (nonce,) = said.get("nonce", [b""])
        if not nonce or said.get("algorithm", [b""])[0].lower() != b"md5-sess":
            raise ExchangeFailed("the challenge needs a nonce and algorithm=md5-sess")
        offered = said.get("qop", [b"auth"])[0].lower().replace(b" ", b"").split(b",")
        if b"auth" not in offered:
            raise ExchangeFailed("the server wants a security layer: there is TLS for that")
        utf8 = said.get("charset", [b""])[0].lower() == b"utf-8"
        realms = said.get("realm", [])
        if self.realm is not None:
            realm = self._encode(self.realm, utf8, "realm")
            if realms and realm not in realms:
                raise ExchangeFailed("the server does not have that realm")
        else:
            realm = realms[0] if realms else b""
        name = self._encode(self.authcid, utf8, "name")
        password = self._encode(self._password, utf8, "password")
        secret = _md5(*(_latin(one) if utf8 else one for one in (name, realm, password)))
        authzid = self.authzid.encode()
        a1 = [secret, nonce, self._nonce.encode(), *([authzid] if authzid else [])]
        self._answer = (_md5(*a1).hex().encode(), nonce)
        directives = [
            b"charset=utf-8" if utf8 else b"",
            b"username=" + _quoted(name),
            b"realm=" + _quoted(realm) if realm or realms else b"",
            b"nonce=" + _quoted(nonce),
            b"nc=00000001",
            b"cnonce=" + _quoted(self._nonce.encode()),
            b"digest-uri=" + _quoted(self.digest_uri.encode()),
            b"response=" + self._response(b"AUTHENTICATE"),
            b"qop=auth",
            b"authzid=" + _quoted(authzid) if authzid else b"",
        ]
        return b",".join(filter(None, directives))

    def _encode(self, text: str, utf8: bool, what: str) -> bytes:
        try:
            return text.encode("utf-8" if utf8 else "latin-1")
        except UnicodeEncodeError:
            raise ExchangeFailed(f"the server has no charset for the {what}") from None

    def _response(self, verb: bytes) -> bytes:
        """response-value, with "AUTHENTICATE" or "" in A2 (RFC 2831 sections 2.1.2.1, 2.1.3)."""
        key, nonce = self._answer
        a2 = _md5(verb, self.digest_uri.encode()).hex().encode()
        return _md5(key, nonce, b"00000001", self._nonce.encode(), b"auth", a2).hex().encode()

    def _check_server(self, said: dict[str, list[bytes]]) -> None:
        if not hmac.compare_digest(b"".join(said.get("rspauth", [])), self._response(b"")):
            raise ExchangeFailed("the server could not prove that it knows the password")
        self._complete = True
