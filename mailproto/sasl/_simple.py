"""The mechanisms that are one message or two: PLAIN, LOGIN, CRAM-MD5, EXTERNAL, ANONYMOUS.

Each is written once, its client above its server:

* PLAIN (RFC 4616): `authzid NUL authcid NUL password`, all of it in the clear.
* LOGIN (never standardised): name, then password, to two prompts that mean nothing.
* CRAM-MD5 (RFC 2195): name, space, and the HMAC of what the server said. The server must know the
  password itself, and nothing is proven to the client.
* EXTERNAL (RFC 4422 appendix A): who one is, TLS has shown already.
* ANONYMOUS (RFC 4505): nobody, with a trace to be reached by.
"""

from __future__ import annotations

import hmac
import re

import attrs

from .._grammar import ATEXT, parse_address
from ._exchange import (
    AllowAnonymous,
    Answer,
    Challenge,
    ClientExchange,
    ExchangeFailed,
    Failure,
    NeedIdentity,
    NeedPassword,
    Question,
    Refused,
    ServerExchange,
    Step,
    Success,
    VerifyPassword,
    octets,
    read_text,
    wrong_answer,
)
from ._prep import check_trace

__all__ = [
    "Anonymous",
    "AnonymousServer",
    "CramMd5",
    "CramMd5Server",
    "External",
    "ExternalServer",
    "Login",
    "LoginServer",
    "Plain",
    "PlainServer",
]


def _judge_password(question: VerifyPassword, value: Answer) -> Step:
    if not isinstance(value, bool):
        raise wrong_answer(question, "True or False", value)
    if not value:
        raise Refused("the password is wrong, or the user unknown")
    return Success(question.authcid, question.authzid or question.authcid)


# --- PLAIN (RFC 4616) -----------------------------------------------------------------------------


@attrs.define(eq=False)
class Plain(ClientExchange):
    """PLAIN (RFC 4616): the password as it is, in one message. Only under TLS.

    Raises ValueError for an empty name or password, and for one with a NUL.
    """

    mechanism: str = attrs.field(default="PLAIN", init=False)
    authcid: str
    """Whose password it is."""
    _password: str = attrs.field(alias="password", repr=False)
    authzid: str = ""
    """Whom to act for; "" for oneself."""

    def __attrs_post_init__(self) -> None:
        octets(self.authzid, "authzid", empty=True)
        octets(self.authcid, "name")
        octets(self._password, "password")
        self._complete = True

    @property
    def initial(self) -> bytes:
        """The only message."""
        return f"{self.authzid}\0{self.authcid}\0{self._password}".encode()

    def _respond(self, challenge: bytes) -> bytes:
        raise self._too_much()


@attrs.define(eq=False)
class PlainServer(ServerExchange):
    """PLAIN (RFC 4616)."""

    def _read(self, response: bytes) -> Step:
        parts = response.split(b"\0", 3)
        if len(parts) != 3:
            raise Refused("a PLAIN message has two NULs")
        authzid, name, password = map(read_text, parts, ("authzid", "name", "password"))
        authcid = self._prepared(name, "name")
        password = self._prepared(password, "password")
        return VerifyPassword(authcid, password, self._acting_for(authzid, name, authcid))

    def _judge(self, question: Question, value: Answer) -> Step:
        assert isinstance(question, VerifyPassword)
        return _judge_password(question, value)


# --- LOGIN ----------------------------------------------------------------------------------------


@attrs.define(eq=False)
class Login(ClientExchange):
    """LOGIN: name and password as they are, one after the other. Only under TLS.

    What the server asks with is not looked at: the words differ from server to server, and only
    their order has a meaning. Raises ValueError for an empty name or password.
    """

    mechanism: str = attrs.field(default="LOGIN", init=False)
    authcid: str
    """Whose password it is."""
    _password: str = attrs.field(alias="password", repr=False)
    _said: int = attrs.field(default=0, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        octets(self.authcid, "name")
        octets(self._password, "password")

    @property
    def initial(self) -> None:
        """None: the server speaks first."""
        return

    def _respond(self, challenge: bytes) -> bytes:
        if self._said == 2:
            raise self._too_much()
        said = (self.authcid, self._password)[self._said]
        self._said += 1
        self._complete = self._said == 2
        return said.encode()


@attrs.define(eq=False)
class LoginServer(ServerExchange):
    """LOGIN. An initial response is the name: some clients send it so."""

    _name: str | None = attrs.field(default=None, init=False, repr=False)

    def _greet(self) -> bytes:
        return b"Username:"

    def _read(self, response: bytes) -> Step:
        if self._name is None:
            self._name = self._prepared(read_text(response, "name"), "name")
            return Challenge(b"Password:")
        password = self._prepared(read_text(response, "password"), "password")
        return VerifyPassword(self._name, password)

    def _judge(self, question: Question, value: Answer) -> Step:
        assert isinstance(question, VerifyPassword)
        return _judge_password(question, value)


# --- CRAM-MD5 (RFC 2195) --------------------------------------------------------------------------


def _cram(password: str, challenge: bytes) -> bytes:
    return hmac.digest(password.encode("utf-8", "surrogatepass"), challenge, "md5").hex().encode()


@attrs.define(eq=False)
class CramMd5(ClientExchange):
    """CRAM-MD5 (RFC 2195): for old servers. Better than PLAIN without TLS, worse than SCRAM.

    Raises ValueError for an empty name or password.
    """

    mechanism: str = attrs.field(default="CRAM-MD5", init=False)
    authcid: str
    """Whose password it is."""
    _password: str = attrs.field(alias="password", repr=False)

    def __attrs_post_init__(self) -> None:
        octets(self.authcid, "name")
        octets(self._password, "password")

    @property
    def initial(self) -> None:
        """None: the server speaks first."""
        return

    def _respond(self, challenge: bytes) -> bytes:
        if self._complete:
            raise self._too_much()
        if not challenge:
            raise ExchangeFailed("the challenge is empty: the answer to it could be replayed")
        self._complete = True
        return self.authcid.encode() + b" " + _cram(self._password, challenge)


_CRAM_RESPONSE = re.compile(rb"(.+) ([0-9a-f]{32})", re.DOTALL)
_DOT_ATOM = re.compile(rf"[{ATEXT}]+(?:\.[{ATEXT}]+)*")


@attrs.define(eq=False)
class CramMd5Server(ServerExchange):
    """CRAM-MD5 (RFC 2195). The challenge is `<nonce@hostname>`."""

    _response: bytes = attrs.field(default=b"", init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if not _DOT_ATOM.fullmatch(self._nonce) or not _DOT_ATOM.fullmatch(self._hostname):
            raise ValueError("nonce and hostname are to make a message-id: letters, digits, .-_")

    def _greet(self) -> bytes:
        return f"<{self._nonce}@{self._hostname}>".encode()

    def _read_initial(self, response: bytes) -> Step:
        raise Refused("in CRAM-MD5 the server speaks first")

    def _read(self, response: bytes) -> Step:
        match = _CRAM_RESPONSE.fullmatch(response)
        if match is None:
            raise Refused("a CRAM-MD5 response is a name and 32 hexadecimal digits")
        authcid = read_text(match[1], "name")
        self._response = match[2]
        return NeedPassword(authcid)

    def _judge(self, question: Question, value: Answer) -> Step:
        assert isinstance(question, NeedPassword)
        if value is not None and not isinstance(value, str):
            raise wrong_answer(question, "the password or None", value)
        # For a user who does not exist the same is done, so that it takes the same time.
        right = _cram(value or "", self._greet())
        if not hmac.compare_digest(right, self._response) or not value:
            return Failure("the password is wrong, or the user unknown")
        return Success(question.authcid, question.authcid)


# --- EXTERNAL (RFC 4422 appendix A) ---------------------------------------------------------------


@attrs.define(eq=False)
class External(ClientExchange):
    """EXTERNAL (RFC 4422 appendix A): the TLS certificate has said already who this is."""

    mechanism: str = attrs.field(default="EXTERNAL", init=False)
    authzid: str = ""
    """Whom to act for; "" for oneself."""

    def __attrs_post_init__(self) -> None:
        octets(self.authzid, "authzid", empty=True)
        self._complete = True

    @property
    def initial(self) -> bytes:
        """The only message. Mostly it is empty, which is not the same as none."""
        return self.authzid.encode()

    def _respond(self, challenge: bytes) -> bytes:
        raise self._too_much()


@attrs.define(eq=False)
class ExternalServer(ServerExchange):
    """EXTERNAL (RFC 4422 appendix A)."""

    def _read(self, response: bytes) -> Step:
        authzid = read_text(response, "authzid")
        if "\0" in authzid:
            raise Refused("the authzid has a NUL")
        return NeedIdentity(authzid)

    def _judge(self, question: Question, value: Answer) -> Step:
        assert isinstance(question, NeedIdentity)
        if value is None:
            return Failure("nothing outside says who this is")
        if not isinstance(value, str) or not value:
            raise wrong_answer(question, "a name or None", value)
        return Success(value, self._acting_for(question.authzid, value) or value)


# --- ANONYMOUS (RFC 4505) -------------------------------------------------------------------------


def _check_trace(trace: str) -> None:
    """Raise ValueError unless `trace` is "", an address, or up to 255 characters without @."""
    check_trace(trace)
    if "@" in trace:
        try:
            parse_address(trace)
        except ValueError:
            raise ValueError("has an @ and is no address") from None
    elif len(trace) > 255:
        raise ValueError("has more than 255 characters")


@attrs.define(eq=False)
class Anonymous(ClientExchange):
    """ANONYMOUS (RFC 4505): come in as nobody. Raises ValueError for a trace that may not be sent.

    An address tells who one is: it is for the user to say whether it is sent.
    """

    mechanism: str = attrs.field(default="ANONYMOUS", init=False)
    trace: str = ""
    """An address, or any text without @, for the server's log."""

    def __attrs_post_init__(self) -> None:
        octets(self.trace, "trace", empty=True)
        try:
            _check_trace(self.trace)
        except ValueError as error:
            raise ValueError(f"the trace {error}") from None
        self._complete = True

    @property
    def initial(self) -> bytes:
        """The only message."""
        return self.trace.encode()

    def _respond(self, challenge: bytes) -> bytes:
        raise self._too_much()


@attrs.define(eq=False)
class AnonymousServer(ServerExchange):
    """ANONYMOUS (RFC 4505)."""

    def _read(self, response: bytes) -> Step:
        trace = read_text(response, "trace")
        try:
            _check_trace(trace)
        except ValueError as error:
            raise Refused(f"the trace {error}") from None
        return AllowAnonymous(trace)

    def _judge(self, question: Question, value: Answer) -> Step:
        assert isinstance(question, AllowAnonymous)
        if not isinstance(value, bool):
            raise wrong_answer(question, "True or False", value)
        return Success("", "") if value else Failure("nobody may come in")
