"""format=flowed, RFC 3676, read and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.message import Message, Paragraph, format_flowed, parse_flowed

from .counting import assert_linear

P = Paragraph


@pytest.mark.parametrize(
    ("text", "paragraphs"),
    [
        ("", []),
        ("\n", [P("")]),
        ("one line\n", [P("one line")]),
        ("it \nflows\n", [P("it flows")]),
        ("it \nflows \non", [P("it flows on")]),
        (" >not quoted\n From me\n  two\n", [P(">not quoted"), P("From me"), P(" two")]),
        ("> quoted \n> text\n>> deeper\n", [P("quoted text", 1), P("deeper", 2)]),
        (">>> \n", [P("", 3)]),
        ("> a \nb\n", [P("a ", 1), P("b")]),  # section 4.5: the depth ends a paragraph
        ("text \n-- \nAda\n", [P("text "), P("-- "), P("Ada")]),  # section 4.3
        ("> -- \n> Ada\n", [P("-- ", 1), P("Ada", 1)]),
        ("> > one\n", [P("> one", 1)]),  # section 4.5: no spaces between the marks
    ],
)
def test_read(text: str, paragraphs: list[Paragraph]) -> None:
    assert parse_flowed(text) == tuple(paragraphs)


def test_delsp() -> None:
    """Section 4.1: the space at the end is not a part of the text."""
    assert parse_flowed("日本 \n語 \n one\n", delsp=True) == (P("日本語one"),)
    assert parse_flowed("a  \nb\n", delsp=True) == (P("a b"),)


def test_written() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 3
    written = format_flowed([P(text, 1), P("From here"), P("-- "), P(">x"), P("")], width=40)
    lines = written.split("\n")
    assert max(map(len, lines)) <= 40
    assert lines[0] == "> The quick brown fox jumps over the "
    assert lines[-5:] == [" From here", "-- ", " >x", "", ""]
    assert parse_flowed(written)[0] == P(text.rstrip(), 1)


@pytest.mark.parametrize("bad", [P("a\nb"), P("a\rb"), P("a", -1)])
def test_refused(bad: Paragraph) -> None:
    with pytest.raises(ValueError, match="paragraph"):
        format_flowed([bad])


MARKS = str.maketrans("", "", "> \n")
TEXTS = st.text(st.sampled_from(" ab>-é") | st.characters(exclude_characters="\r\n"), max_size=60)
PARAGRAPHS = st.builds(
    P, TEXTS.map(lambda one: one.rstrip(" ")) | st.just("-- "), st.integers(0, 4)
)


@given(st.lists(PARAGRAPHS, max_size=6), st.integers(1, 80), st.booleans())
def test_round_trip(paragraphs: list[Paragraph], width: int, delsp: bool) -> None:
    written = format_flowed(paragraphs, width=width, delsp=delsp)
    assert parse_flowed(written, delsp=delsp) == tuple(paragraphs)


@given(st.text(), st.booleans())
def test_nothing_is_lost(text: str, delsp: bool) -> None:
    """But for quote marks, stuffing, and the spaces of DelSp."""
    read = "".join(one.text for one in parse_flowed(text, delsp=delsp))
    assert read.translate(MARKS) == text.translate(MARKS)


@pytest.mark.parametrize("text", ["a \n", ">", "> ", " ", "x \n> y \n", "-- \n"])
def test_linear(text: str) -> None:
    assert_linear(lambda n: text * n, parse_flowed, 500)
    assert_linear(lambda n: [P((text * n).replace("\n", ""))], format_flowed, 500)


def test_a_part_gives_its_paragraphs() -> None:
    raw = (
        b"Content-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\r\n\r\nit \r\nflows\r\n"
    )
    assert Message.parse(raw).paragraphs == (P("itflows"),)
    assert Message.parse(raw.replace(b"; delsp=yes", b"")).paragraphs == (P("it flows"),)
    assert Message.parse(b"\r\n> it \r\nends\r\n").paragraphs == (P("> it "), P("ends"))
