"""What SCRAM stores for a user (RFC 5802 section 3), and the arithmetic it is made by."""

from __future__ import annotations

import hashlib
import hmac

import attrs

from ._prep import saslprep

__all__ = [
    "HASHES",
    "ITERATIONS",
    "ScramKeys",
    "client_key",
    "hash_of",
    "salted_password",
    "server_key",
    "stored_key",
]

HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-512": "sha512"}
"""Each mechanism, without -PLUS, and its hash as Python names it."""

_BY_SIZE = {hashlib.new(name).digest_size: name for name in HASHES.values()}

ITERATIONS = 100_000
"""What new keys are made with. RFC 7677 section 4 asks for 4,096 at least, and for a tenth of a
second as a rule of thumb, which this is on a small machine. Clients do the work, once a login."""


def hash_of(mechanism: str) -> str:
    """The hash of a SCRAM mechanism, with or without -PLUS. Raises ValueError."""
    name = HASHES.get(mechanism.removesuffix("-PLUS"))
    if name is None:
        raise ValueError(f"{mechanism!r} is no SCRAM mechanism; those are {', '.join(HASHES)}")
    return name


def salted_password(name: str, password: str, salt: bytes, iterations: int) -> bytes:
    """Hi(Normalize(password), salt, i) of RFC 5802 section 2.2. Raises ValueError."""
    try:
        prepared = saslprep(password, stored=True)
    except ValueError as error:
        raise ValueError(f"the password {error}") from None
    if not prepared:
        raise ValueError("the password is empty")
    return hashlib.pbkdf2_hmac(name, prepared.encode("utf-8"), salt, iterations)


def client_key(name: str, salted: bytes) -> bytes:
    """ClientKey of RFC 5802 section 3."""
    return hmac.digest(salted, b"Client Key", name)


def stored_key(name: str, salted: bytes) -> bytes:
    """StoredKey of RFC 5802 section 3."""
    return hashlib.new(name, client_key(name, salted)).digest()


def server_key(name: str, salted: bytes) -> bytes:
    """ServerKey of RFC 5802 section 3."""
    return hmac.digest(salted, b"Server Key", name)


@attrs.frozen
class ScramKeys:
    """What a server stores for one user and one hash, in place of the password (RFC 5802).

    Whoever steals it cannot log in with it, but can try passwords on it, and can pretend to be the
    server.
    """

    salt: bytes
    """At least 16 random octets, its own for each user."""
    iterations: int
    """How often the hash is applied."""
    stored_key: bytes = attrs.field(repr=False)
    server_key: bytes = attrs.field(repr=False)

    @classmethod
    def from_password(
        cls, mechanism: str, password: str, *, salt: bytes, iterations: int = ITERATIONS
    ) -> ScramKeys:
        """The keys of `SCRAM-SHA-1`, `SCRAM-SHA-256` or `SCRAM-SHA-512`, to be stored.

        Takes as long as it should: about a tenth of a second. Raises ValueError for a password that
        RFC 4013 prohibits, or an empty one.
        """
        name = hash_of(mechanism)
        if not salt or iterations < 1:
            raise ValueError("a salt has one octet or more, and there is one iteration or more")
        salted = salted_password(name, password, salt, iterations)
        return cls(salt, iterations, stored_key(name, salted), server_key(name, salted))

    @classmethod
    def fake(
        cls,
        mechanism: str,
        authcid: str,
        secret: bytes,
        *,
        iterations: int = ITERATIONS,
        salt_size: int = 16,
    ) -> ScramKeys:
        """Keys that no password opens, for a user who does not exist.

        They are the same for the same name every time, as those of a real user are. `secret` is the
        server's own, and never changes; `iterations` and `salt_size` (octets, at most 32) are those
        of the real users.
        """
        if not secret:
            raise ValueError("the secret is empty: whoever knows it can tell who exists")
        size = hashlib.new(hash_of(mechanism)).digest_size
        seed = hmac.digest(secret, authcid.encode("utf-8", "surrogatepass"), "sha256")
        salt = hmac.digest(seed, b"salt", "sha256")[:salt_size]
        stored = hmac.digest(seed, b"stored key", "sha512")[:size]
        return cls(salt, iterations, stored, hmac.digest(seed, b"server key", "sha512")[:size])

    def verify(self, password: str) -> bool:
        """Whether `password` is the one, for PLAIN and LOGIN with the same store.

        Takes as long as `from_password()`. Raises ValueError for keys of no hash that is known.
        """
        name = _BY_SIZE.get(len(self.stored_key))
        if name is None:
            raise ValueError("the stored key has the length of no hash that SCRAM uses here")
        try:
            salted = salted_password(name, password, self.salt, self.iterations)
        except ValueError:
            return False
        return hmac.compare_digest(stored_key(name, salted), self.stored_key)
