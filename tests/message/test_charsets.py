"""Charsets: the labels of the Encoding Standard (WHATWG), and decoding that never fails."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message._charsets import (
    _TABLE,
    decode,
    decode_text,
    encode,
    header_text,
    known_charset,
)

LABELS = sorted(
    {label for line in _TABLE.replace("\n  ", " ").splitlines() for label in line.split()[2:]}
)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        # The Encoding Standard, section 4.2: labels are matched without case and white space
        ("UTF-8", "utf-8"),
        (" utf8\t", "utf-8"),
        ("US-ASCII", "windows-1252"),
        ("latin1", "windows-1252"),
        ("iso-8859-1", "windows-1252"),
        ("ISO-8859-9", "windows-1254"),
        ("gb2312", "gbk"),
        ("ks_c_5601-1987", "euc-kr"),
        ("x-sjis", "shift_jis"),
        ('"utf-8"', "utf-8"),
    ],
)
def test_labels(label: str, name: str) -> None:
    assert known_charset(label) == name


@pytest.mark.parametrize(
    "label",
    # What Python calls codecs, and what is no charset: reaching them is an attack
    # (a zip bomb by way of `zlib`, escapes by way of `unicode_escape`).
    [
        *("rot13", "rot_13", "zlib", "zlib_codec", "bz2", "hex", "base64", "uu", "quopri", "idna"),
        *("punycode", "unicode_escape", "raw_unicode_escape", "mbcs", "oem", "undefined"),
        *("utf-8\0", "../utf-8", "utf_8_sig", "x" * 1_000, "\ud800", "ü", "\u212aoi8-r"),
    ],
)
def test_a_codec_that_is_no_charset_cannot_be_reached(label: str) -> None:
    assert known_charset(label) is None
    found = decode(b"abc", label)
    assert found.text == "abc"
    assert [defect.code for defect in found.defects] == ["unknown_charset"]
    with pytest.raises(ValueError, match="unknown charset"):
        encode("abc", label)


@pytest.mark.parametrize("label", ["", "unknown-8bit", "x-unknown", "DEFAULT"])
def test_what_senders_write_who_do_not_know(label: str) -> None:
    # RFC 1428 section 3 has unknown-8bit. Of ASCII there is nothing to say.
    assert decode(b"abc", label).defects == ()
    found = decode("ü".encode(), label)
    assert found.text == "ü"
    assert [defect.code for defect in found.defects] == ["unknown_charset"]


@pytest.mark.parametrize(
    ("octets", "label", "text"),
    [
        (b"\xef\xbb\xbfa", "utf-8", "a"),
        (b"\xff\xfea\0", "utf-16", "a"),
        (b"\xfe\xff\0a", "utf-16", "a"),
        (b"\0a", "utf-16be", "a"),
        (b"a\0", "utf-16", "a"),  # without a mark: little-endian (WHATWG, not RFC 2781)
        (b"\x80\x81\x9d", "iso-8859-1", "\u20ac\x81\x9d"),
        (b"\x1b$B$3\x1b(B", "iso-2022-jp", "こ"),
        (b"\xc4\xe3", "gb2312", "你"),
        (b"\x81\x30\x81\x30", "gbk", "\x80"),
        (b"\xb0\xa1", "euc-kr", "가"),
        (b"+AOQ-", "utf-7", "ä"),
        (b"\xf0\xf2", "koi8-r", "ПР"),
    ],
)
def test_what_octets_say(octets: bytes, label: str, text: str) -> None:
    found = decode(octets, label)
    assert found.text == text
    assert found.defects == ()


@pytest.mark.parametrize(
    ("octets", "label", "text", "at"),
    [
        (b"a\xff", "utf-8", "a\ufffd", 1),
        (b"a\xed\xa0\x80", "utf-8", "a\ufffd\ufffd\ufffd", 1),  # a surrogate in UTF-8 (RFC 3629)
        (b"a\0b", "utf-16le", "a\ufffd", 2),
        (b"\xe4", "us-ascii", "ä", 0),  # a guess, and a defect
    ],
)
def test_what_a_charset_does_not_have(octets: bytes, label: str, text: str, at: int) -> None:
    found = decode(octets, label)
    assert found.text == text
    assert [(one.code, one.offset) for one in found.defects] == [("undecodable", at)]


@given(st.binary(max_size=40), st.sampled_from(LABELS) | st.text(max_size=20))
@example(b"+2AA-", "utf-7")  # a lone surrogate, spelled in UTF-7
@example(b"\x00\xd8\x00\x00", "utf-32")
@example(b"\x00\xd8", "utf-16")
@example(b"~{", "hz-gb-2312")
@example(b"\x1b$)C\x0e", "iso-2022-kr")
def test_decoding_never_fails_and_gives_text_that_can_be_written(octets: bytes, label: str) -> None:
    found = decode(octets, label)
    found.text.encode("utf-8")  # no lone surrogates
    assert found.charset
    assert len(found.defects) <= 1
    for defect in found.defects:
        assert 0 <= defect.offset <= len(octets)


@pytest.mark.parametrize("label", LABELS)
def test_ascii_is_itself_wherever_it_should_be(label: str) -> None:
    if not label.startswith(("utf-16", "utf-32", "unicodef")) and known_charset(label) not in (
        "utf-16le",
        "utf-16be",
        "utf-32",
    ):
        found = decode(b"Hello, World 123", label)
        assert found.text == "Hello, World 123"
        assert found.defects == ()


@given(st.text(max_size=30).filter(lambda text: not text.startswith("\ufeff")))
def test_utf8_round_trip(text: str) -> None:
    assert decode(encode(text, "utf-8"), "utf-8").text == text


@pytest.mark.parametrize(
    ("text", "label"),
    [("ä", "us-ascii"), ("€", "iso-8859-1"), ("你", "koi8-r"), ("\ud800", "utf-8")],
)
def test_what_cannot_be_encoded(text: str, label: str) -> None:
    with pytest.raises(ValueError, match="has no"):
        encode(text, label)


def test_octets_of_a_header() -> None:
    # RFC 6532 section 3; RFC 7103 section 7.7
    assert header_text("ü".encode()) == "ü"
    assert header_text(b"\xfc") == "ü"
    assert header_text(b"\x81") == "\x81"
    assert header_text(b"") == ""


@given(st.binary(max_size=40))
def test_no_header_fails(raw: bytes) -> None:
    header_text(raw).encode("utf-8")


@given(
    octets=st.binary(max_size=8)
    | st.lists(st.sampled_from([b"\xef\xbb\xbf", b"\xc3\xbc", b"\xfc", b"a"])).map(b"".join),
    label=st.sampled_from(["utf-8", "UTF-8", "utf8", " utf-8", "us-ascii", "latin1", "?", ""]),
)
def test_the_text_alone_is_that_of_decoding(octets: bytes, label: str) -> None:
    assert decode_text(octets, label) == decode(octets, label).text
