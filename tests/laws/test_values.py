"""Laws 5, 6 and 9 for a language whose values take more than a line: IMAP.

What its writers are given is spoiled, field by field. Either they refuse it, by TypeError or
ValueError, or it is said, and then read as itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import imap
from mailproto import strategies as mail
from tests.imap.talk import held, joined

POISON = [
    "\r\nA9 LOGOUT\r\n",
    "\r\n",
    "\r",
    "\n",
    "\0",
    "{5}",
    " {5}\r\n",
    "~{1+}",
    '"',
    "\\",
    ")",
    "(",
    "]",
    "] [",
    " ",
    "\t",
    "*",
    "+",
    ",",
    "=",
    "\x7f",
    "\x85",
    "\u2028",
    "\udcff",
    "\ud800",
    "9" * 30,
]
ODD: list[Any] = [None, True, -1, 2**64, 1.5, "x", "", b"x", (), (None,), ("a", "b"), [], object()]


def replaced(value: Any, spoil: Callable[[Any], list[Any]]) -> Iterator[Any]:
    """`value` with one thing in it spoiled, for every thing in it."""
    yield from spoil(value)
    if isinstance(value, imap.FetchData):
        for items in replaced(value.items, spoil):
            if isinstance(items, tuple):
                yield _made(lambda items: imap.FetchData(value.number, items), items)
    elif isinstance(value, imap.Key):
        for name in spoil(value.name):
            yield _made(imap.Key, name, *value.arguments)
        for arguments in replaced(value.arguments, spoil):
            if isinstance(arguments, tuple):
                yield _made(imap.Key, value.name, *arguments)
    elif isinstance(value, tuple):
        for at, one in enumerate(value):
            for bad in replaced(one, spoil):
                yield (*value[:at], bad, *value[at + 1 :])
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            # The encoding of a multipart is known from messages, and not said in IMAP.
            unsaid = isinstance(value, imap.BodyStructure) and value.parts
            if field.name not in ("defects", "encoding" if unsaid else ""):
                for bad in replaced(getattr(value, field.name), spoil):
                    yield _made(attrs.evolve, value, **{field.alias: bad})


def _made(make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What `make` makes; None if it refuses."""
    try:
        return make(*args, **kwargs)
    except (AttributeError, TypeError, ValueError):
        return None


def poisoned(value: Any, poison: str) -> Iterator[Any]:
    """`value` with `poison` in one text or in some octets, at either end."""

    def spoil(one: Any) -> list[Any]:
        if isinstance(one, str):
            return [one + poison, poison + one]
        if isinstance(one, bytes):
            octets = poison.encode("utf-8", "surrogatepass")
            return [one + octets, octets + one]
        return []

    return replaced(value, spoil)


def said(item: Any, dialect: imap.Dialect) -> bytes | None:
    """What is written, or None if it is refused."""
    try:
        own = getattr(item, "tag", None)
        fragments = imap.encode(item, tag="" if own else "A1", dialect=dialect)
    except (TypeError, ValueError):
        return None
    return joined(fragments)


@given(mail.imap_commands(), st.sampled_from(POISON), mail.imap_dialects())
def test_no_command_says_more_than_it_does(
    command: imap.Command, poison: str, dialect: imap.Dialect
) -> None:
    for bad in poisoned(command, poison):
        wire, bad = said(bad, dialect), held(bad)
        if wire is None:
            continue
        read = imap.parse_command(wire, utf8=dialect.utf8)
        assert read == bad
        assert getattr(read, "tag", "") == (getattr(bad, "tag", "") or "A1")
        parser = imap.CommandParser(utf8=dialect.utf8)
        parser.receive_data(wire)
        items = [item for item in iter(parser.next, None) if type(item) is not imap.LiteralWanted]
        assert items == [bad]


@given(mail.imap_responses(), st.sampled_from(POISON), mail.imap_dialects())
def test_no_response_says_more_than_it_does(
    response: imap.Response, poison: str, dialect: imap.Dialect
) -> None:
    for bad in poisoned(response, poison):
        wire, bad = said(bad, dialect), held(bad)
        if wire is None:
            continue
        assert imap.parse_response(wire, utf8=dialect.utf8) == bad
        parser = imap.ResponseParser(utf8=dialect.utf8)
        parser.receive_data(wire)
        assert [*iter(parser.next, None)] == [bad]


@given(mail.imap_tags(), st.sampled_from(POISON))
def test_a_tag_is_a_tag(tag: str, poison: str) -> None:
    for bad in (tag + poison, poison + tag):
        try:
            (fragment,) = imap.encode(imap.Noop(), tag=bad)
        except ValueError:
            continue
        assert isinstance(fragment, imap.Fragment)
        read: Any = imap.parse_command(fragment.octets)
        assert read == imap.Noop(tag=bad)
        assert read.tag == bad


@pytest.mark.parametrize("strategy", [mail.imap_commands, mail.imap_responses])
@given(data=st.data())
def test_what_is_of_the_wrong_type_is_refused_cleanly(
    strategy: Callable[[], st.SearchStrategy[Any]], data: st.DataObject
) -> None:
    """TypeError or ValueError, the same one each time, and nothing is changed."""
    value = data.draw(strategy())
    wrong = data.draw(st.sampled_from(ODD))
    before = repr(value)
    usual = imap.encode(value, tag="A1")
    for bad in replaced(value, lambda _: [wrong]):
        results: list[object] = []
        for _ in range(2):
            try:
                results.append(imap.encode(bad, tag="A1"))
            except (TypeError, ValueError) as error:
                results.append(str(error))
        assert results[0] == results[1]
    assert repr(value) == before
    assert imap.encode(value, tag="A1") == usual
