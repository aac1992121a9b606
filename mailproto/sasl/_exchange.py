"""The shape that all mechanisms share: what an exchange is, on either side.

**A client's exchange** is made with the secret and has three moves. `initial` is what it says
first (None where the server speaks first), `respond(challenge)` is what it says next, and
`succeeded()` is called when the server has said yes: it raises unless everything was proven that
the mechanism promises. A server that cannot be trusted is `ExchangeFailed`, and stays so.

**A server's exchange** takes what the client said (`begin()`, then `receive()`) and returns the
next `Step`: a `Challenge` to send, one question to the application, `Success` or `Failure`. The
question is a value; `answer()` may come much later. Whose turn it is, is data::

    begin() -> Challenge -> receive() -> ... -> question -> answer() -> ... -> Success | Failure

Invariants

* An exchange is plain data between any two calls: it pickles, and so does a half-asked question.
* What the peer says leads to a step or to `ExchangeFailed`, nothing else. What the application does
  out of turn is `LocalProtocolError`, and a value that cannot be meant TypeError or ValueError;
  these change nothing.
* A secret is in no repr and in no error. Secrets are compared by `hmac.compare_digest`.
"""

from __future__ import annotations

import abc
import enum
from typing import TypeAlias

import attrs

from .._vocabulary import Challenge
from ..errors import LocalProtocolError, RemoteProtocolError
from ._keys import ScramKeys
from ._prep import saslprep

__all__ = [
    "AllowAnonymous",
    "Answer",
    "Binding",
    "Challenge",
    "ClientExchange",
    "ExchangeFailed",
    "Failure",
    "NeedIdentity",
    "NeedKeys",
    "NeedPassword",
    "Question",
    "Refusal",
    "Refused",
    "ServerExchange",
    "Step",
    "Success",
    "VerifyPassword",
    "VerifyToken",
    "octets",
    "read_text",
    "wrong_answer",
]


class ExchangeFailed(RemoteProtocolError):
    """Client: the server broke the exchange, or could not prove that it knows the secret.

    Cancel the exchange if it is still open, and close: whoever is there is not to be trusted. The
    exchange raises it again on every later call.
    """


@attrs.frozen
class Binding:
    """What ties an exchange to its TLS connection (RFC 5056, RFC 5929, RFC 9266)."""

    type: str
    """`tls-exporter` (TLS 1.3), `tls-unique` (TLS 1.2 with the extended master secret only, RFC
    7677 section 4) or `tls-server-end-point`."""
    data: bytes = attrs.field(repr=False)
    """What TLS gives for that type; the same octets at both ends."""


@attrs.frozen
class Refusal:
    """Why a server refuses, in its own words: OAuth's JSON (RFC 7628 section 3.2.2), SCRAM's `e=`.

    What a client reads, and what a server's application may answer to `VerifyToken`.
    """

    status: str = "invalid_token"
    """`invalid_token`, `insufficient_scope`, ...; in SCRAM `invalid-proof`, `other-error`, ...; ""
    when the server's words could not be read."""
    scope: str = ""
    """The scope that a token needs here."""
    openid_configuration: str = ""
    """URL of the OpenID provider's configuration: where to get a token."""
    schemes: str = ""
    """The kinds of token that are taken, with spaces between them."""
    raw: bytes = attrs.field(default=b"", repr=False, eq=False)
    """Client: what the server sent."""


# --- Steps of a server's exchange -----------------------------------------------------------------


@attrs.frozen
class Success:
    """The client is who it says it is. Say yes."""

    authcid: str
    """Who was authenticated. "" for ANONYMOUS."""
    authzid: str
    """Whom to act for: `authcid`, unless `server(allow_authzid=True)` was said."""


@attrs.frozen
class Failure:
    """It is not, or the exchange was broken. Say no, and not why."""

    reason: str
    """For a log. Without secrets, but not for the peer."""


@attrs.frozen
class VerifyPassword:
    """PLAIN and LOGIN ask: is this the password? Answer True or False."""

    authcid: str
    password: str = attrs.field(repr=False)
    authzid: str = ""
    """Whom the client wants to act for; "" for itself. Answering True allows it."""


@attrs.frozen
class NeedPassword:
    """CRAM-MD5 asks: what is the password? Answer with it, or with None for an unknown user."""

    authcid: str
    """As it came: RFC 2195 prepares neither names nor passwords."""


@attrs.frozen
class NeedKeys:
    """SCRAM asks: what is stored for this user? Answer with `ScramKeys`.

    For an unknown user answer with `ScramKeys.fake(...)`, so that nobody can tell; None ends the
    exchange at once, which tells.
    """

    mechanism: str
    """Which keys: `SCRAM-SHA-256`, ..., never with -PLUS."""
    authcid: str
    authzid: str = ""
    """Whom the client wants to act for; "" for itself. Answering with keys allows it."""


@attrs.frozen
class VerifyToken:
    """OAUTHBEARER and XOAUTH2 ask: whose token is this?

    Answer with the name that it proves, or with a `Refusal` (None is `Refusal("invalid_token")`).
    """

    authzid: str
    """Whom the client wants to act for; "" for the token's owner."""
    token: str = attrs.field(repr=False)
    """"" when the client only asks what token is wanted (RFC 7628 section 4.3)."""
    host: str = ""
    """Where the client believes to be; "" if it did not say."""
    port: int | None = None


@attrs.frozen
class NeedIdentity:
    """EXTERNAL asks: who is this, by TLS certificate or otherwise? Answer with a name or None."""

    authzid: str
    """Whom the client wants to act for; "" for itself."""


@attrs.frozen
class AllowAnonymous:
    """ANONYMOUS asks: may anybody come in? Answer True or False."""

    trace: str
    """What the client left as a trace: an address or any text, not verified, or ""."""


Question: TypeAlias = (
    VerifyPassword | NeedPassword | NeedKeys | VerifyToken | NeedIdentity | AllowAnonymous
)
"""What a server's exchange may ask the application, once."""

Step: TypeAlias = Challenge | Question | Success | Failure
"""What a server's exchange may say, for exhaustive matching."""

Answer: TypeAlias = bool | str | ScramKeys | Refusal | None
"""What an application may answer; each question says which."""


# --- Octets and text ------------------------------------------------------------------------------


class Refused(Exception):
    """What the client said leads to `Failure`. Never leaves this package."""


def wrong_answer(question: Question, right: str, value: object) -> TypeError:
    """The error for an answer of the wrong type. It does not show the answer."""
    asked = type(question).__name__
    return TypeError(f"{asked} is answered with {right}, not with {type(value).__name__}")


def read_text(data: bytes, what: str) -> str:
    """`data` as UTF-8. Raises `Refused`."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"the {what} is not UTF-8") from None


def octets(text: str, what: str, *, empty: bool = False) -> bytes:
    """`text` as UTF-8, without NUL. Raises ValueError, and never shows the text."""
    if not isinstance(text, str):
        raise TypeError(f"the {what} is a str, not {type(text).__name__}")
    if not (text or empty):
        raise ValueError(f"the {what} is empty")
    if "\0" in text:
        raise ValueError(f"the {what} has a NUL")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # its own message would carry the text
        raise ValueError(f"the {what} has half a surrogate pair") from None


# --- The two ends ---------------------------------------------------------------------------------


@attrs.define(eq=False)
class ClientExchange(abc.ABC):
    """One attempt of a client to authenticate. Made for one attempt; never used twice."""

    mechanism: str = attrs.field(init=False)
    """Its name, in upper case."""
    refusal: Refusal | None = attrs.field(default=None, init=False)
    """What the server said about its no, where the mechanism has words for that."""
    _broken: str | None = attrs.field(default=None, init=False, repr=False)
    _complete: bool = attrs.field(default=False, init=False, repr=False)

    @property
    @abc.abstractmethod
    def initial(self) -> bytes | None:
        """What to say first. None: the server speaks first. b"" is something: it is empty.

        Where a protocol has no room for it, it is the answer to the server's first challenge, which
        is then not given to `respond()`.
        """

    @abc.abstractmethod
    def _respond(self, challenge: bytes) -> bytes:
        """The answer to one challenge. Raises ExchangeFailed."""

    def respond(self, challenge: bytes) -> bytes:
        """The answer to a challenge, both before any base64.

        Raises ExchangeFailed when the server is not to be trusted, or asks for more than the
        mechanism has.
        """
        if not isinstance(challenge, bytes):
            raise TypeError(f"a challenge is bytes, not {type(challenge).__name__}")
        self._check()
        try:
            return self._respond(challenge)
        except ExchangeFailed as error:
            self._broken = str(error)
            raise

    def succeeded(self) -> None:
        """The server said yes (235, +OK, OK). Returns if it may be believed.

        Raises ExchangeFailed when the exchange was not complete: what the mechanism promises, in
        SCRAM that the server knows the secret too, was not shown.
        """
        self._check()
        if self.refusal is not None:
            self._broken = "the server said yes after it had said no"
        elif not self._complete:
            self._broken = f"the server said yes before {self.mechanism} was complete"
        self._check()

    def _check(self) -> None:
        if self._broken is not None:
            raise ExchangeFailed(self._broken)

    def _too_much(self) -> ExchangeFailed:
        return ExchangeFailed(f"the server asks for more than {self.mechanism} has")


class _Turn(enum.Enum):
    """Whose turn it is, and in which method that is said."""

    BEGIN = "begin()"
    CLIENT = "receive()"
    APPLICATION = "answer()"
    NOBODY = "nothing: the exchange is over"


@attrs.define(eq=False)
class ServerExchange(abc.ABC):
    """One attempt of a client, seen from the server. `server()` makes it."""

    mechanism: str
    """Its name, in upper case."""
    _nonce: str = attrs.field(alias="nonce", kw_only=True, repr=False)
    _hostname: str = attrs.field(alias="hostname", kw_only=True, repr=False)
    _bindings: tuple[Binding, ...] = attrs.field(alias="bindings", kw_only=True, repr=False)
    _allow_authzid: bool = attrs.field(alias="allow_authzid", kw_only=True, repr=False)
    _prepare: bool = attrs.field(alias="prepare", kw_only=True, repr=False)
    _turn: _Turn = attrs.field(default=_Turn.BEGIN, init=False, repr=False)
    _asked: Question | None = attrs.field(default=None, init=False, repr=False)

    def begin(self, initial: bytes | None) -> Step:
        """The first step. `initial` is the client's initial response, None if it sent none."""
        self._take(_Turn.BEGIN)
        if initial is None:
            return self._say(Challenge(self._greet()))
        return self._hear(initial, first=True)

    def receive(self, response: bytes) -> Step:
        """The step after the client's answer to a `Challenge`, both before any base64."""
        self._take(_Turn.CLIENT)
        return self._hear(response)

    def answer(self, value: Answer) -> Step:
        """The step after the application's answer to the question.

        Raises TypeError or ValueError for what is no answer to it; nothing has changed then.
        """
        self._take(_Turn.APPLICATION)
        assert self._asked is not None
        try:
            return self._say(self._judge(self._asked, value))
        except Refused as refused:
            return self._say(Failure(str(refused)))

    @property
    def question(self) -> Question | None:
        """What `answer()` is waited for, or None."""
        return self._asked

    # What a mechanism is made of:

    def _greet(self) -> bytes:
        """The first challenge to a client that did not begin."""
        return b""

    def _read_initial(self, response: bytes) -> Step:
        """What to make of an initial response. Raises Refused."""
        return self._read(response)

    @abc.abstractmethod
    def _read(self, response: bytes) -> Step:
        """What to make of a response. Raises Refused."""

    @abc.abstractmethod
    def _judge(self, question: Question, value: Answer) -> Step:
        """What to make of an answer. Raises Refused; TypeError and ValueError change nothing."""

    # What mechanisms share:

    def _prepared(self, text: str, what: str) -> str:
        """A name or password as it is looked up (RFC 4013, as a query). Raises Refused."""
        if self._prepare:
            try:
                text = saslprep(text)
            except ValueError as error:
                raise Refused(f"the {what} {error}") from None
        if not text:
            raise Refused(f"the {what} is empty")
        return text

    def _acting_for(self, authzid: str, *names: str) -> str:
        """Whom the client wants to act for, "" for itself: it is one of `names`. Raises Refused."""
        if authzid in ("", *names):
            return ""
        if not self._allow_authzid:
            raise Refused("the client wants to act for somebody else")
        return authzid

    # The turns:

    def _take(self, turn: _Turn) -> None:
        if self._turn is not turn:
            raise LocalProtocolError(f"{turn.value} is out of turn: due is {self._turn.value}")

    def _hear(self, response: bytes, *, first: bool = False) -> Step:
        if not isinstance(response, bytes):
            raise TypeError(f"a response is bytes, not {type(response).__name__}")
        try:
            return self._say(self._read_initial(response) if first else self._read(response))
        except Refused as refused:
            return self._say(Failure(str(refused)))

    def _say(self, step: Step) -> Step:
        self._asked = None
        if isinstance(step, Challenge):
            self._turn = _Turn.CLIENT
        elif isinstance(step, (Success, Failure)):
            self._turn = _Turn.NOBODY
        else:
            self._turn = _Turn.APPLICATION
            self._asked = step
        return step
