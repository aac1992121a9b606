"""Encoded-words (RFC 2047, and RFC 2231 section 5), both ways."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message import decode_words, encode_words, parse_addresses, parse_field
from mailproto.message._words import _decoded, parse_text

from .counting import assert_linear


@pytest.mark.parametrize(
    ("written", "said"),
    [
        # RFC 2047 section 8, the table at its end: what stands there, what is displayed
        ("(=?ISO-8859-1?Q?a?=)", "(a)"),
        ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
        ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        # Section 8, the examples of fields
        ("=?US-ASCII?Q?Keith_Moore?=", "Keith Moore"),
        ("=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?=", "Keld Jørn Simonsen"),
        ("=?ISO-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
        (
            (
                "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n"
                " =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?="
            ),
            "If you can read this you understand the example.",
        ),
        ("=?ISO-8859-1?Q?Olle_J=E4rnefors?=", "Olle Järnefors"),
        ("=?ISO-8859-1?Q?Patrik_F=E4ltstr=F6m?=", "Patrik Fältström"),
        ("=?iso-8859-8?b?7eXs+SDv4SDs6OTg?=", "םולש ןב לטהא"),
        # RFC 2231 section 5: a language behind the charset
        ("=?US-ASCII*EN?Q?Keith_Moore?=", "Keith Moore"),
        ("=?utf-8*de-AT?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
    ],
)
def test_examples_of_the_rfcs(written: str, said: str) -> None:
    assert decode_words(written) == said
    assert parse_text(written).text == said
    assert parse_text(written).defects == ()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        # A character that was cut in two, which section 5 forbids and senders do
        ("=?utf-8?q?=C3?= =?utf-8?q?=A4?=", "ä"),
        ("=?utf-8?b?4g==?= =?UTF-8?B?gqw=?=", "€"),
        ("=?iso-2022-jp?b?GyRCJDM=?=\r\n =?iso-2022-jp?b?GyhC?=", "こ"),
        # Neighbours without white space between them; glued to other text (section 5 forbids both)
        ("=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
        ("x=?utf-8?q?a?=y", "xay"),
        # White space within a word
        ("=?utf-8?q?a b?=", "a b"),
        ("=?utf-8?b?YSBi Yw==?=", "a bc"),
        # Longer than 75
        ("=?utf-8?q?" + "a" * 200 + "?=", "a" * 200),
        # Empty
        ("=?utf-8?q??=", ""),
        ("=?utf-8?b??=", ""),
        # Padding too much, too little, in the middle
        ("=?utf-8?b?YQ?=", "a"),
        ("=?utf-8?b?YQ===?=", "a"),
        ("=?utf-8?b?YWJj====?=", "abc"),
        # An unknown charset is a guess
        ("=?x-klingon?q?=C3=A4?=", "ä"),
        # Q that is not in order stays as it stands
        ("=?utf-8?q?a=zz?=", "a=zz"),
        ("=?utf-8?q?a=?=", "a="),
        ("=?utf-8?q?=?=", "="),
    ],
)
def test_what_senders_write(written: str, said: str) -> None:
    assert decode_words(written) == said
    assert parse_text(written).text == said


@pytest.mark.parametrize(
    "written",
    [
        "=?utf-8?q?a",
        "=?utf-8?q?a?",
        "=?utf-8?x?a?=",
        "=?utf-8?q=",
        "=??q?a?=",
        "=?utf-8?b?Q?=",
        "=?utf 8?q?a?=",
        "=?utf-8?q?ä?=",
        "= ?utf-8?q?a?=",
        "=?" + "x" * 61 + "?q?a?=",
    ],
)
def test_what_is_no_encoded_word_stays(written: str) -> None:
    assert decode_words(written) == written


def test_a_word_in_a_word_is_decoded_once() -> None:
    inner = "=?utf-8?q?evil?="
    (outer,) = encode_words(inner)
    assert decode_words(outer) == inner
    assert decode_words("=?utf-8?b?PT91dGYtOD9xP2V2aWw/PQ==?=") == inner


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("=?x-none?q?=FF?=", "unknown_charset"),
        ("=?utf-8?q?=FF?=", "undecodable"),
        ("=?utf-8?b?YQ?=", "bad_base64_word"),
        ("=?utf-8?b?Y!Q==?=", "bad_base64_word"),
        ("=?utf-8?q?=0A?=", "control_in_encoded_word"),
    ],
)
def test_defects(written: str, code: str) -> None:
    assert [one.code for one in parse_text(written).defects] == [code]


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param("=?UTF-8?Q?=0A?=Bcc: x@e", id="CVE-2024-6923"),
        pytest.param("=?utf-8?B?YQo=?=", id="gh-132105"),
        pytest.param("=?utf-8?q?a=0D=0ABcc:_x?=", id="CRLF"),
        pytest.param("=?utf-8?q?a=00b?=", id="NUL"),
        pytest.param("=?utf-16be?b?AAoAQg==?=", id="LF in UTF-16"),
        pytest.param("=?utf-7?q?+AAo-Bcc:?=", id="LF in UTF-7"),
        pytest.param("=?utf-8?q?a=0D?= =?utf-8?q?=0Ab?=", id="CRLF from two words"),
        pytest.param("=?iso-2022-jp?b?GyRCDQo=?=", id="CRLF in a state of ISO 2022"),
        pytest.param("=?hz-gb-2312?q?~=0A~{?=", id="LF in HZ"),
    ],
)
def test_no_encoded_word_says_a_line_end(attack: str) -> None:
    for text in (decode_words(attack), parse_text(attack).text):
        assert re.search(r"[\r\n\0]", text) is None


def test_gh_152519_an_encoded_word_is_no_structure() -> None:
    # RFC 2047 section 5 (3) and 6.2: fields are parsed before words are decoded
    items = parse_addresses("=?utf-8?q?a=40b?=c@host").items
    assert [getattr(item, "domain", None) for item in items] == ["host"]
    (box,) = parse_addresses("=?utf-8?q?a=40evil.example=3E?= <b@ok.example>").mailboxes
    assert (box.local_part, box.domain) == ("b", "ok.example")
    assert box.name == "a@evil.example>"


# --- Two ways to the same -------------------------------------------------------------------------

PIECES = [
    *("=?", "?=", "?", "utf-8", "UTF-8", "?q?", "?B?", "=C3=A4", "w6Q=", "YQ==", "YWI", "a", "_"),
    *(" ", "\t", "\r\n ", "\n\t", "=", "=0A", "=C3", "iso-8859-1", "*en", "!", "ä", "=e4", "+2AA-"),
]
word = st.builds(
    lambda charset, code, inner: f"=?{charset}?{code}?{inner}?=",
    st.sampled_from(["utf-8", "UTF-8", "us-ascii", "utf-7"]),
    st.sampled_from("bBqQ"),
    st.lists(st.sampled_from(PIECES[7:]), max_size=4).map("".join),
)
texts = st.lists(st.sampled_from(PIECES) | word, max_size=8).map("".join)


@given(texts | word)
@example("=?utf-8?q?=3D?=")
@example("=?utf-8?q?a=20?=")
@example("\t=?utf-8?b?YQ==?= ")
@example("=?utf-8?b?77u/YQ==?=")
@example("=?utf-8?q?_?=")
def test_the_fast_path_and_the_full_one_agree(text: str) -> None:
    unfolded = re.sub(r"\r?\n(?=[ \t])", "", text)
    assert decode_words(text) == _decoded(unfolded, None)


@given(texts)
def test_nothing_raises_and_no_line_end_comes_out(text: str) -> None:
    said = decode_words(text)
    plain = re.sub(r"\r?\n(?=[ \t])", "", text)
    assert said.count("\n") <= plain.count("\n")
    said.encode("utf-8")
    assert parse_text(text).text.strip() == said.strip() or "=?" in text


@pytest.mark.parametrize(
    "piece",
    ["=?utf-8?q?a?= ", "=?utf-8?q?", "=?", "=?utf-8?b?YQ==?=x", "=?a?q? ", "=?utf-8?q?=C3?= ", "="],
)
def test_linear(piece: str) -> None:
    # gh-136063 and its family: stdlib takes the square of n
    assert_linear(lambda n: piece * n, decode_words, 100)
    assert_linear(lambda n: piece * n, parse_text, 100)
    assert isinstance(decode_words(piece * 100_000), str)


# --- Writing --------------------------------------------------------------------------------------


@given(
    st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=120),
    st.booleans(),
    st.integers(0, 75),
)
@example("=?utf-8?q?a?=", False, 75)
@example("\ufeffa", False, 75)
@example("a" * 100 + "\ufeffb", False, 75)
@example("\ufeff" + "ä" * 100, False, 75)
def test_what_is_encoded_is_decoded(text: str, phrase: bool, first: int) -> None:
    words = encode_words(text, phrase=phrase, first=first)
    for one in words:
        # RFC 2047 section 2: at most 75; section 5 (3): what a phrase may hold
        assert len(one) <= 75
        assert one.isascii()
        assert " " not in one
        decode_words(one).encode("utf-8")
        if phrase and "?q?" in one:
            assert re.fullmatch(r"=\?utf-8\?q\?[A-Za-z0-9!*+\-/=_]*\?=", one)
    assert "".join(map(decode_words, words)) == text  # cut between characters
    assert decode_words(" ".join(words)) == text


@pytest.mark.parametrize("evil", ["a\nb", "\r", "\0", "\ud800"])
def test_what_cannot_be_encoded(evil: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_words(evil)


@pytest.mark.parametrize("piece", ["ä", "a", " ", "=?", "\U0001f600"])
def test_writing_is_linear(piece: str) -> None:
    assert_linear(lambda n: piece * n, encode_words, 100)


LINE_ENDS = [
    ("a\r\n b", "a b"),  # a fold
    ("a\r\nb", "a b"),  # one that somebody forgot to indent
    ("a\nb =?utf-8?q?c?=", "a b c"),
    ("a\rb\0c", "a\ufffdb\ufffdc"),
    ("=?utf-8?q?a=0D=0Ab?=", "a\ufffd\ufffdb"),
]


@pytest.mark.parametrize(("text", "said"), LINE_ENDS)
def test_a_decoded_text_is_one_line(text: str, said: str) -> None:
    """Whoever shows it or writes it elsewhere cannot be made to begin a line of its own."""
    assert decode_words(text) == said
    assert parse_text(text).text == said


EVIL = st.text(st.sampled_from("ab \"()<>@,;:=?*'%0DA\\\r\n\0") | st.characters(), max_size=40)


@given(EVIL, st.sampled_from(["x", "=?utf-8?q?", "filename*=utf-8''%0D%0A", "=?utf-8?b?DQo=?="]))
def test_nothing_that_is_decoded_holds_a_line_end(text: str, more: str) -> None:
    octets = f"{more}{text}{more}".encode("utf-8", "replace")
    said: list[str] = [decode_words(octets.decode())]
    for name in ("To", "Content-Type", "Content-Disposition", "List-Id", "Subject"):
        value: Any = parse_field(name, b" a/b; x=" + octets)
        said += [one.value for one in getattr(value, "params", ())]
        said += [one.name for one in getattr(value, "mailboxes", ())]
        said += [getattr(value, "name", ""), getattr(value, "text", "")]
    results: Any = parse_field("Authentication-Results", b" x; spf=pass reason=" + octets)
    said += [one.reason for one in results.results]
    assert not any(control in one for one in said for control in "\r\n\0")
