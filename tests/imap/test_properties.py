"""What holds for all of IMAP: whatever is said, however it arrives, whoever is lying."""

from __future__ import annotations

import re
from typing import Any

import attrs
from hypothesis import given

from mailproto import imap
from mailproto import strategies as mail

DIALECTS = mail.imap_dialects()


# -- values ----------------------------------------------------------------------------------------


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


def framing(octets: bytes, *, literals: str) -> None:
    """RFC 9051 section 9: CR LF stands at the end and before a literal, NUL in a literal8."""
    at = 0
    while True:
        end = octets.index(b"\r\n", at) + 2
        line = octets[at:end]
        assert not set(line[:-2]) & {0, 10, 13}
        found = imap._lexer.announced(line) if end < len(octets) else None
        if found is None:
            assert end == len(octets)
            return
        assert not found.odd
        assert found.sync or literals == "+" or (literals == "-" and found.size <= 4_096)
        assert found.binary or 0 not in octets[end : end + found.size]
        at = end + found.size


@given(mail.imap_commands(), mail.imap_tags(), DIALECTS)
def test_a_command_is_read_as_it_was_said(
    command: imap.Command, tag: str, dialect: imap.Dialect
) -> None:
    fragments = imap.encode(command, tag=tag, dialect=dialect)
    wire = joined(fragments)
    framing(wire, literals=dialect.literals)
    read = imap.parse_command(wire, utf8=dialect.utf8)
    assert read == held(command)
    assert type(read) is type(command)
    assert read.defects == ()
    assert getattr(read, "tag", tag) == tag
    if held(command) == command:
        assert imap.encode(read, dialect=dialect) == fragments


@given(mail.imap_responses(), DIALECTS)
def test_a_response_is_read_as_it_was_said(response: imap.Response, dialect: imap.Dialect) -> None:
    fragments = imap.encode(response, dialect=dialect)
    wire = joined(fragments)
    framing(wire, literals="")
    assert not any(one.wait for one in fragments if isinstance(one, imap.Fragment))
    read = imap.parse_response(wire, utf8=dialect.utf8)
    assert read == held(response)
    assert type(read) is type(response)
    # Text for people is UTF-8 in any dialect (RFC 5255); a name may have no text behind it.
    assert read.anomalies <= {"eight_bit", "undecodable_name"}
    if held(response) == response:
        assert imap.encode(read, dialect=dialect) == fragments


@given(mail.imap_commands(), mail.imap_tags())
def test_a_client_waits_behind_each_literal_unless_it_need_not(
    command: imap.Command, tag: str
) -> None:
    """RFC 9051 section 4.3, RFC 7888."""
    for literals in ("", "+", "-"):
        dialect: Any = imap.Dialect(literals=literals)
        fragments = imap.encode(command, tag=tag, dialect=dialect)
        for at, one in enumerate(fragments):
            if isinstance(one, imap.Fragment):
                more = at + 1 < len(fragments)
                assert one.wait == (more and re.search(rb"[0-9]\}\r\n\Z", one.octets) is not None)
