"""What the tests of IMAP share: what is sent, and what it says."""

from __future__ import annotations

from typing import Any

import attrs

from mailproto import imap


def held(value: Any) -> Any:
    """`value` with octets in the place of each `Streamed`."""
    if isinstance(value, imap.Streamed):
        return b"x" * value.size
    if isinstance(value, imap.FetchData):
        return imap.FetchData(value.number, held(value.items), uidfetch=value.uidfetch)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(map(held, value))
    if isinstance(value, (imap.Append, imap.Replace, imap.AppendMessage)):
        names = [field.name for field in attrs.fields(type(value))]
        return attrs.evolve(value, **{name: held(getattr(value, name)) for name in names})
    return value


def joined(fragments: imap.Fragments) -> bytes:
    return b"".join(
        b"x" * one.size if isinstance(one, imap.Streamed) else one.octets for one in fragments
    )
