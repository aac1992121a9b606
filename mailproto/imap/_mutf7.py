"""Names of mailboxes on the wire (RFC 3501 section 5.1.3, RFC 9051 section 5.1 and appendix A.1).

IMAP4rev1 writes names in modified UTF-7, and in UTF-8 once UTF8=ACCEPT (RFC 6855) or IMAP4rev2 is
enabled. Servers hold names that are neither, and a client has to be able to open those too. Hence:

* A name is `str` if there is exactly one way to write it and these octets are it.
* All other names are the octets themselves, as `bytes`, and are sent as they came.

So nothing is lost: `encode_name(decode_name(octets))` gives the octets again, or refuses a name
that cannot be sent. The one exception is INBOX, whose case means nothing (RFC 9051 section 5.1).

Whether octets are the one way to write a name is found out by writing it. There is no list of what
may be wrong with them: shifts that are superfluous or do not end, bits left over, halves of
surrogate pairs, ASCII in base64, 8-bit octets, control characters.

NUL, CR and LF are refused in a name that is to be sent, and never come out of base64 or UTF-8: a
name that has them decodes to `bytes`. Unicode is not normalised, since names are compared by
servers and not here.
"""

from __future__ import annotations

import binascii
import re
from functools import lru_cache

__all__ = ["decode_name", "encode_name"]

# Text, and shifts of which none follows another: each of them can be judged alone.
_USUAL = re.compile(rb"(?:[ -%'-~]++|&-|&[A-Za-z0-9+,]++-(?!&[^\-]))*+")
_LONG = 256
_PLAIN = re.compile(rb"[ -%'-~]*+")
_SHIFT = re.compile(rb"&([A-Za-z0-9+,]*+)-")
_TO_SHIFT = re.compile(r"&|[^ -~]++")
_UNSENDABLE = re.compile(r"[\0\r\n]")
_UNSENDABLE_OCTETS = re.compile(rb"[\0\r\n]")


def decode_name(octets: bytes, *, utf8: bool = False) -> str | bytes:
    """The name of a mailbox that was read. Never raises.

    `bytes` is a name that has no canonical reading. INBOX in any case is "INBOX".
    """
    if _PLAIN.fullmatch(octets):
        return "INBOX" if len(octets) == 5 and octets.upper() == b"INBOX" else octets.decode()
    if not utf8 and len(octets) < _LONG and _USUAL.fullmatch(octets):
        try:
            return _SHIFT.sub(_usual_shifted, octets).decode()
        except ValueError:
            pass  # judged below
    try:
        name = (octets if utf8 else _SHIFT.sub(_shifted, octets)).decode()
        return name if encode_name(name, utf8=utf8) == octets else octets
    except ValueError:  # not base64, not UTF-16, not UTF-8, or what cannot be sent
        return octets


def _usual_shifted(match: re.Match[bytes]) -> bytes:
    return _usual_shift(match[1])


@lru_cache(maxsize=1024)
def _usual_shift(base64: bytes) -> bytes:
    """What stands between `&` and `-`. Raises ValueError if it had to be written otherwise."""
    octets = b"&%b-" % base64
    text = _SHIFT.sub(_shifted, octets)
    if encode_name(text.decode()) != octets:
        raise ValueError("not the one way to write it")
    return text


def encode_name(name: str | bytes, *, utf8: bool = False) -> bytes:
    """The octets of a name; `bytes` are sent as they are.

    Raises ValueError for NUL, CR, LF and lone surrogates.
    """
    if isinstance(name, bytes):
        if _UNSENDABLE_OCTETS.search(name):
            raise ValueError("a mailbox name has no NUL, CR or LF")
        return name
    if _UNSENDABLE.search(name):
        raise ValueError("a mailbox name has no NUL, CR or LF")
    return (name if utf8 else _TO_SHIFT.sub(_shift, name)).encode()


def _shift(match: re.Match[str]) -> str:
    """`&`, or a run of characters that are not printable ASCII, in modified UTF-7."""
    run = match[0]
    if run == "&":
        return "&-"
    base64 = binascii.b2a_base64(run.encode("utf-16-be"), newline=False)
    return f"&{base64.rstrip(b'=').replace(b'/', b',').decode()}-"


def _shifted(match: re.Match[bytes]) -> bytes:
    """What stands between `&` and `-`, as UTF-8. Raises ValueError if it cannot be read."""
    base64 = match[1]
    if not base64:
        return b"&"
    padded = base64.replace(b",", b"/") + b"=" * (-len(base64) % 4)
    return binascii.a2b_base64(padded).decode("utf-16-be").encode()
