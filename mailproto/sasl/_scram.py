"""SCRAM (RFC 5802, RFC 7677): both ends prove that they know the password, and neither says it.

::

    C: gs2-header n=name,r=cnonce                    client-first
    S: r=cnonce snonce,s=salt,i=iterations           server-first
    C: c=base64(gs2-header, binding),r=...,p=proof   client-final
    S: v=signature                                   server-final
    C: (empty)

The GS2 header says what the client thinks of channel binding: `n` it has none; `y` it has, but saw
no -PLUS mechanism on offer; `p=type` it uses it. It comes again in `c=`, under the proof. So a
man in the middle who hides -PLUS from the client makes it say `y`, and the server, which did offer
-PLUS, knows. A client that has a `binding` says `p` in a -PLUS mechanism and `y` in another one; a
server with `bindings` is one that offers -PLUS.

What is refused besides wrong proofs: `m=` (no mandatory extension is known), a nonce that is not
the client's own with something behind it, base64 that is not canonical (RFC 5802 section 2.1: what
carries a proof has one spelling), fewer iterations than are safe and more than are sane. Other
extensions are ignored, but they are under the proof too.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import re

import attrs

from .._grammar import b64decode, b64encode
from ._exchange import (
    Answer,
    Binding,
    Challenge,
    ClientExchange,
    ExchangeFailed,
    NeedKeys,
    Question,
    Refusal,
    Refused,
    ServerExchange,
    Step,
    Success,
    octets,
    read_text,
    wrong_answer,
)
from ._keys import ScramKeys, client_key, hash_of, salted_password, server_key
from ._prep import saslprep

__all__ = [
    "MAX_ITERATIONS",
    "MIN_ITERATIONS",
    "SASLNAME",
    "Scram",
    "ScramServer",
    "saslname",
    "unsaslname",
]

MIN_ITERATIONS = 4_096
"""RFC 5802 section 5.1. Fewer make it cheap to try passwords on what was overheard."""
MAX_ITERATIONS = 1_000_000
"""About a second of work. More would be an attack on the client (RFC 5802 section 9)."""

# --- Grammar (RFC 5802 section 7) -----------------------------------------------------------------

SASLNAME = r"(?:[^\x00,=]|=2C|=3D)+"
_PRINTABLE = r"[!-+\--~]+"
_BASE64 = r"[A-Za-z0-9/+=]+"
# Unknown attributes. Those that RFC 5802 defines are none, wherever they stand.
_EXTENSIONS = r"(?:,[A-Zbdfghj-loqt-uw-z]=[^\x00,]+)*"

_BINDING_TYPE = re.compile(r"[A-Za-z0-9.\-]+")
_NONCE = re.compile(_PRINTABLE)
_CLIENT_FIRST = re.compile(
    rf"((?:([ny])|p=([A-Za-z0-9.\-]+)),(?:a=({SASLNAME}))?,)"
    rf"(n=({SASLNAME}),r=({_PRINTABLE}){_EXTENSIONS})"
)
_SERVER_FIRST = re.compile(rf"r=({_PRINTABLE}),s=({_BASE64}),i=([1-9][0-9]*){_EXTENSIONS}")
_CLIENT_FINAL = re.compile(rf"(c=({_BASE64}),r=({_PRINTABLE}){_EXTENSIONS}),p=({_BASE64})")
_SERVER_FINAL = re.compile(rf"v=({_BASE64}){_EXTENSIONS}")
_SERVER_ERROR = re.compile(rf"e=([^\x00,]+){_EXTENSIONS}")


def saslname(text: str) -> str:
    """A name as it stands in a message: `=` is `=3D`, `,` is `=2C`."""
    return text.replace("=", "=3D").replace(",", "=2C")


def unsaslname(text: str) -> str:
    """The name behind a `SASLNAME`."""
    return text.replace("=2C", ",").replace("=3D", "=")


def _canonical(text: str) -> bytes:
    """The octets of base64 in its one canonical spelling. Raises ValueError."""
    data = b64decode(text.encode("ascii"))
    if b64encode(data) != text.encode("ascii"):
        raise ValueError("not canonical base64")
    return data


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(left, right, strict=True))


def _check_nonce(nonce: str) -> None:
    if not _NONCE.fullmatch(nonce):
        raise ValueError("a nonce is printable ASCII without spaces and commas")


def _is_mandatory_extension(message: str) -> bool:
    return "m=" in (part[:2] for part in message.split(","))


# --- The client -----------------------------------------------------------------------------------


class _Stage(enum.Enum):
    """What comes from the other end next."""

    FIRST = "first"
    FINAL = "final"
    END = "end"


@attrs.define(eq=False)
class Scram(ClientExchange):
    """SCRAM (RFC 5802), with the hash and with or without -PLUS as `mechanism` says.

    Raises ValueError for a name or a password that RFC 4013 prohibits, a nonce that cannot be one,
    and a -PLUS mechanism without `binding`. With a `binding`, a mechanism without -PLUS says that
    the server did not offer -PLUS: a server that did will refuse. `respond()` to the first
    challenge takes as long as the server's iteration count wants.
    """

    mechanism: str
    """`SCRAM-SHA-1`, `SCRAM-SHA-256` or `SCRAM-SHA-512`, each also with `-PLUS`."""
    authcid: str
    """Whose password it is."""
    _password: str = attrs.field(alias="password", repr=False)
    authzid: str = ""
    """Whom to act for; "" for oneself."""
    _nonce: str = attrs.field(alias="nonce", kw_only=True, repr=False)
    """Random, printable ASCII without commas; 18 octets in base64, for example. Never used
    twice."""
    binding: Binding | None = attrs.field(default=None, kw_only=True)
    """What ties this to the TLS connection."""
    min_iterations: int = attrs.field(default=MIN_ITERATIONS, kw_only=True)
    """Fewer are an `ExchangeFailed`."""
    max_iterations: int = attrs.field(default=MAX_ITERATIONS, kw_only=True)
    """More are an `ExchangeFailed`."""
    _name: str = attrs.field(default="", init=False, repr=False)
    _stage: _Stage = attrs.field(default=_Stage.FIRST, init=False, repr=False)
    _signature: bytes = attrs.field(default=b"", init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        hash_of(self.mechanism)
        _check_nonce(self._nonce)
        octets(self.authzid, "authzid", empty=True)
        self._name = _prepared(self.authcid, "name", stored=False)
        _prepared(self._password, "password", stored=True)
        if self.binding is None:
            if self.mechanism.endswith("-PLUS"):
                raise ValueError(f"{self.mechanism} needs a binding")
        elif not _BINDING_TYPE.fullmatch(self.binding.type) or not self.binding.data:
            raise ValueError("a binding has a type (letters, digits, . and -) and data")

    @property
    def initial(self) -> bytes:
        """The client-first message."""
        return (self._gs2_header + self._first_bare).encode()

    @property
    def _gs2_header(self) -> str:
        flag = "n"
        if self.binding is not None:
            flag = f"p={self.binding.type}" if self.mechanism.endswith("-PLUS") else "y"
        return f"{flag},{'a=' if self.authzid else ''}{saslname(self.authzid)},"

    @property
    def _first_bare(self) -> str:
        return f"n={saslname(self._name)},r={self._nonce}"

    def _respond(self, challenge: bytes) -> bytes:
        if self._stage is _Stage.END:
            raise self._too_much()
        try:
            message = challenge.decode("utf-8")
        except UnicodeDecodeError:
            raise ExchangeFailed("the server's message is not UTF-8") from None
        error = _SERVER_ERROR.fullmatch(message)
        if error is not None:
            self.refusal = Refusal(error[1], raw=challenge)
            self._stage = _Stage.END
            return b""
        if _is_mandatory_extension(message):
            raise ExchangeFailed("the server wants an extension (m=): none is known")
        if self._stage is _Stage.FIRST:
            return self._answer_first(message)
        self._check_final(message)
        return b""

    def _answer_first(self, message: str) -> bytes:
        match = _SERVER_FIRST.fullmatch(message)
        if match is None:
            raise ExchangeFailed("the server's first message is not one of SCRAM")
        nonce, salt, digits = match[1], match[2], match[3]
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise ExchangeFailed("the server's nonce is not ours with its own behind it")
        try:
            octets_of_salt = _canonical(salt)
        except ValueError:
            raise ExchangeFailed("the server's salt is not base64") from None
        iterations = int(digits) if len(digits) < 10 else 10**10
        if iterations < self.min_iterations:
            raise ExchangeFailed(
                f"the server wants {iterations} iterations: below min_iterations, too few to"
                " protect the password"
            )
        if iterations > self.max_iterations:
            raise ExchangeFailed("the server wants more iterations than max_iterations")
        name = hash_of(self.mechanism)
        salted = salted_password(name, self._password, octets_of_salt, iterations)
        header = self._gs2_header.encode()
        if self.binding is not None and self.mechanism.endswith("-PLUS"):
            header += self.binding.data
        without_proof = f"c={_base64(header)},r={nonce}"
        signed = f"{self._first_bare},{message},{without_proof}".encode()
        key = client_key(name, salted)
        proof = _xor(key, hmac.digest(hashlib.new(name, key).digest(), signed, name))
        self._signature = hmac.digest(server_key(name, salted), signed, name)
        self._stage = _Stage.FINAL
        return f"{without_proof},p={_base64(proof)}".encode()

    def _check_final(self, message: str) -> None:
        match = _SERVER_FINAL.fullmatch(message)
        try:
            signature = b"" if match is None else _canonical(match[1])
        except ValueError:
            signature = b""
        if not hmac.compare_digest(signature, self._signature):
            raise ExchangeFailed("the server could not prove that it knows the password")
        self._stage = _Stage.END
        self._complete = True


def _prepared(text: str, what: str, *, stored: bool) -> str:
    octets(text, what)
    try:
        prepared = saslprep(text, stored=stored)
    except ValueError as error:
        raise ValueError(f"the {what} {error}") from None
    if not prepared:
        raise ValueError(f"the {what} is empty when it is prepared (RFC 4013)")
    return prepared


# --- The server -----------------------------------------------------------------------------------


@attrs.define(eq=False)
class ScramServer(ServerExchange):
    """SCRAM (RFC 5802)."""

    _stage: _Stage = attrs.field(default=_Stage.FIRST, init=False, repr=False)
    _input: bytes = attrs.field(default=b"", init=False, repr=False)  # what c= must be
    _first_bare: str = attrs.field(default="", init=False, repr=False)
    _server_first: str = attrs.field(default="", init=False, repr=False)
    _both_nonces: str = attrs.field(default="", init=False, repr=False)
    _about: NeedKeys | None = attrs.field(default=None, init=False, repr=False)
    _keys: ScramKeys | None = attrs.field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        _check_nonce(self._nonce)
        if self.mechanism.endswith("-PLUS") and not self._bindings:
            raise ValueError(f"{self.mechanism} needs bindings")

    def _read(self, response: bytes) -> Step:
        if self._stage is _Stage.END:
            if response:
                raise Refused("the answer to the server's signature is empty")
            assert self._about is not None
            authcid, authzid = self._about.authcid, self._about.authzid
            return Success(authcid, authzid or authcid)
        message = read_text(response, "message")
        if _is_mandatory_extension(message):
            raise Refused("the client wants an extension (m=): none is known")
        if self._stage is _Stage.FIRST:
            return self._read_first(message)
        return self._read_final(message)

    def _read_first(self, message: str) -> Step:
        match = _CLIENT_FIRST.fullmatch(message)
        if match is None:
            raise Refused("the client's first message is not one of SCRAM")
        header, flag, kind, authzid, bare, name, nonce = match.groups()
        data = self._binding_data(flag, kind)
        name = unsaslname(name)
        authcid = self._prepared(name, "name")
        authzid = self._acting_for(unsaslname(authzid or ""), name, authcid)
        self._input = header.encode() + data
        self._first_bare = bare
        self._both_nonces = nonce + self._nonce
        self._about = NeedKeys(self.mechanism.removesuffix("-PLUS"), authcid, authzid)
        return self._about

    def _binding_data(self, flag: str | None, kind: str | None) -> bytes:
        """What the client has to bind to: nothing, unless it says `p`. Raises Refused."""
        plus = self.mechanism.endswith("-PLUS")
        if kind is not None:
            if not plus:
                raise Refused("the client binds to the channel in a mechanism without -PLUS")
            for binding in self._bindings:
                if binding.type == kind:
                    return binding.data
            raise Refused("the client binds to the channel in a way that is not known here")
        if plus:
            raise Refused("the client does not bind to the channel in a mechanism with -PLUS")
        if flag == "y" and self._bindings:
            raise Refused("the client did not see that -PLUS is offered: somebody hid it")
        return b""

    def _judge(self, question: Question, value: Answer) -> Step:
        if value is None:
            raise Refused("the user is unknown")
        if not isinstance(value, ScramKeys):
            raise wrong_answer(question, "ScramKeys or None", value)
        size = hashlib.new(hash_of(self.mechanism)).digest_size
        if {len(value.stored_key), len(value.server_key)} != {size}:
            raise ValueError(f"these are not keys of {self.mechanism}: theirs have {size} octets")
        if not value.salt or value.iterations < 1:
            raise ValueError("keys have a salt, and one iteration or more")
        self._keys = value
        self._server_first = f"r={self._both_nonces},s={_base64(value.salt)},i={value.iterations}"
        self._stage = _Stage.FINAL
        return Challenge(self._server_first.encode())

    def _read_final(self, message: str) -> Step:
        assert self._keys is not None
        match = _CLIENT_FINAL.fullmatch(message)
        if match is None:
            raise Refused("the client's last message is not one of SCRAM")
        without_proof, bound, nonce, proof = match.groups()
        if not hmac.compare_digest(bound.encode(), b64encode(self._input)):
            raise Refused(
                "the client is bound to another channel, or its first message was changed"
            )
        if not hmac.compare_digest(nonce, self._both_nonces):
            raise Refused("the client's last message has another nonce")
        name = hash_of(self.mechanism)
        signed = f"{self._first_bare},{self._server_first},{without_proof}".encode()
        signature = hmac.digest(self._keys.stored_key, signed, name)
        try:
            key = _xor(_canonical(proof), signature)
        except ValueError:
            raise Refused("the client's proof is not base64, or of another hash") from None
        if not hmac.compare_digest(hashlib.new(name, key).digest(), self._keys.stored_key):
            raise Refused("the password is wrong, or the user unknown")
        self._stage = _Stage.END
        verifier = hmac.digest(self._keys.server_key, signed, name)
        return Challenge(f"v={_base64(verifier)}".encode())
