"""The words of structured fields (RFC 5322 section 3.2), and the walk over them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message._lexer import (
    ATOM,
    DOMAIN_LITERAL,
    DOT_ATOM,
    QUOTED,
    TOKEN,
    Lexer,
    quote,
    unquote,
)

from .counting import assert_linear

ATEXT = "abcABC012!#$%&'*+-/=?^_`{|}~"  # section 3.2.3
SPECIALS = '()<>[]:;@\\,."'


def test_what_an_atom_is() -> None:
    assert ATOM.fullmatch(ATEXT)
    assert ATOM.fullmatch("grüße")  # RFC 6532 section 3.2
    for sign in SPECIALS + " \t\r\n\0\x7f":
        assert ATOM.fullmatch(f"a{sign}") is None
    assert DOT_ATOM.fullmatch("a.b.c")
    for odd in ("", ".a", "a.", "a..b", "a b"):
        assert DOT_ATOM.fullmatch(odd) is None


def test_what_a_token_is() -> None:
    # RFC 2045 section 5.1: tspecials, space, controls and 8 bits are none
    for octet in range(256):
        sign = chr(octet)
        wanted = 32 < octet < 127 and sign not in '()<>@,;:\\"/[]?='
        assert bool(TOKEN.fullmatch(sign)) is wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('""', ""),
        ('"a b"', "a b"),
        ('"a\\"b\\\\c"', 'a"b\\c'),
        ('"a\r\n b"', "a b"),
        ('"a\n\tb"', "a\tb"),
        ('"\\a"', "a"),
    ],
)
def test_quoted_strings(text: str, said: str) -> None:
    # Section 3.2.4: neither the quotes nor the backslashes are part of it, nor is the fold
    match = QUOTED.fullmatch(text)
    assert match is not None
    assert unquote(match[0]) == said


@pytest.mark.parametrize("text", ['"', '"a', '"\\"', '"a"b"', "a"])
def test_what_is_no_quoted_string(text: str) -> None:
    assert QUOTED.fullmatch(text) is None


@given(st.text(max_size=30).filter(lambda text: not set(text) & set("\r\n\0")))
@example('\\"')
def test_what_is_quoted_is_unquoted(text: str) -> None:
    quoted = quote(text)
    assert QUOTED.fullmatch(quoted)
    assert unquote(quoted) == text


def test_domain_literals() -> None:
    assert DOMAIN_LITERAL.fullmatch("[192.0.2.1]")
    assert DOMAIN_LITERAL.fullmatch("[a\\]b]")
    assert DOMAIN_LITERAL.fullmatch("[a[b]") is None


@pytest.mark.parametrize(
    ("text", "comments", "rest"),
    [
        ("a", [], "a"),
        (" \r\n\ta", [], "a"),
        ("(c) a", ["c"], "a"),
        ("(c(d)e)a", ["c(d)e"], "a"),
        ("(a)(b) c", ["a", "b"], "c"),
        ("(\\))a", [")"], "a"),
        ("(\\()a", ["("], "a"),
        ("()a", [""], "a"),
        ("(a", [], "(a"),
        ("(a(b)", [], "(a(b)"),
        ("(a) (b", ["a"], "(b"),
        (")a", [], ")a"),
        ('(")a', ['"'], "a"),  # section 3.2.2: a quote means nothing in a comment
        ("(", [], "("),
        ("(\\", [], "(\\"),
    ],
)
def test_comments(text: str, comments: list[str], rest: str) -> None:
    lexer = Lexer(text)
    lexer.skip()
    assert lexer.comments == comments
    assert text[lexer.pos :] == rest
    assert lexer.take_comments() == tuple(comments)
    assert lexer.take_comments() == ()


@given(st.lists(st.sampled_from(["(", ")", "\\", "a", " ", "\r\n "]), max_size=14).map("".join))
def test_parentheses_are_matched_as_a_stack_does(text: str) -> None:
    lexer = Lexer(text)
    start = 0
    while (start := text.find("(", start)) >= 0:
        depth, at = 0, start
        while at < len(text):
            if text[at] == "\\":
                at += 1
            else:
                depth += {"(": 1, ")": -1}.get(text[at], 0)
                if not depth:
                    break
            at += 1
        # One behind a backslash is asked for by nobody.
        if "\\" not in text[:start]:
            assert lexer.closer(start) == (at if at < len(text) else -1)
        start += 1


@pytest.mark.parametrize("piece", ["(", "()", "(()", "\\", " ", ")", "(\\", "a"])
def test_linear(piece: str) -> None:
    # CVE-2025-14874: nesting that costs a recursion, or the square
    def walk(text: str) -> None:
        lexer = Lexer(text)
        while not lexer.done:
            lexer.skip()
            lexer.pos += 1

    assert_linear(lambda n: piece * n, walk, 100)
    walk(piece * 100_000)
