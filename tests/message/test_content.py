"""Transfer encodings: RFC 2045 sections 6.7 and 6.8, uuencode, and the law of pieces."""

from __future__ import annotations

import base64
import binascii
import pickle
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message import ContentDecoder, decode_content, encode_content
from mailproto.message._content import _QUOTED, _TRAILING, _base64_slowly, _unquote, choose_encoding

from .counting import assert_linear


def codes(octets: bytes, encoding: str) -> list[str]:
    return [one.code for one in decode_content(octets, encoding).defects]


# --- Which one ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "encoding", "found"),
    [
        # RFC 2045 section 6.1: no case; section 6.4: an unknown one is binary
        ("7bit", "7bit", []),
        ("8BIT", "8bit", []),
        ("Binary", "binary", []),
        ("BASE64", "base64", []),
        (" Quoted-Printable\r\n", "quoted-printable", []),
        ("", "7bit", []),
        ("X-UUEncode", "uuencode", ["no_begin", "no_end"]),
        ("base-64", "base64", ["odd_encoding"]),
        ('"base64"', "base64", ["odd_encoding"]),
        ("base64;", "base64", ["odd_encoding"]),
        ("quotedprintable", "quoted-printable", ["odd_encoding"]),
        ("x-gzip64", "binary", ["unknown_encoding"]),
        ("base64 base64", "binary", ["unknown_encoding"]),
        ("\ud800", "binary", ["unknown_encoding"]),
    ],
)
def test_names(name: str, encoding: str, found: list[str]) -> None:
    content = decode_content(b"QUJD", name)
    assert content.encoding == encoding
    assert [one.code for one in content.defects] == found
    assert content.octets == {"base64": b"ABC", "uuencode": content.octets}.get(encoding, b"QUJD")
    assert ContentDecoder(name).encoding == encoding


# --- base64 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "decoded", "found"),
    [
        (b"", b"", []),
        (b"QUJD", b"ABC", []),
        (b"QUJD\r\nREVG\r\n", b"ABCDEF", []),
        (b"Q\nU\nJD\n", b"ABC", []),
        (b"QQ==", b"A", []),
        (b"QUI=", b"AB", []),
        # White space is no junk (section 6.8: "ignored")
        (b"QU JD\t", b"ABC", []),
        (b" QUJD", b"ABC", []),
        pytest.param(b"QU!JD", b"ABC", ["junk_in_base64"], id="junk"),
        pytest.param(b"QUJD\r\n-- \r\nlist", b"ABC\x96+-", ["junk_in_base64"], id="list footer"),
        pytest.param(b"QU\0JD", b"ABC", ["junk_in_base64"], id="NUL"),
        pytest.param(b"\xef\xbb\xbfQUJD", b"ABC", ["junk_in_base64"], id="BOM"),
        pytest.param(b"QQ==QUJD", b"AABC", ["data_after_padding"], id="data after pad"),
        pytest.param(b"QQ==\r\nQg==\r\n", b"AB", ["data_after_padding"], id="two pieces"),
        pytest.param(b"QUJD=QUJD", b"ABCABC", ["data_after_padding"], id="stray pad"),
        pytest.param(b"QQ", b"A", ["missing_padding"], id="missing pad"),
        pytest.param(b"QQ=", b"A", ["missing_padding"], id="half a pad"),
        pytest.param(b"QUI", b"AB", ["missing_padding"], id="missing pad of one"),
        pytest.param(b"QUJDQ", b"ABC", ["missing_padding"], id="a letter too many"),
        pytest.param(b"Q", b"", ["missing_padding"], id="one letter"),
        pytest.param(b"Q===", b"", ["missing_padding"], id="one letter and pad"),
        pytest.param(b"QUJD-_", b"ABC", ["junk_in_base64"], id="the alphabet of URLs"),
    ],
)
def test_base64(octets: bytes, decoded: bytes, found: list[str]) -> None:
    content = decode_content(octets, "base64")
    assert content.octets == decoded
    assert [one.code for one in content.defects] == found
    for one in content.defects:
        assert 0 <= one.offset <= len(octets)
        assert octets[one.offset :].startswith(one.raw)


ALPHABET = [b"Q", b"QUJD", b"Qg==", b"=", b"==", b"\r\n", b" ", b"!", b"\xff", b"QUI", b"\n", b"/+"]
base64ish = st.lists(st.sampled_from(ALPHABET), max_size=20).map(b"".join)


@given(base64ish)
@example(b"====QUJD")
@example(b"=QUJ")
@example(b"A=QUJDQQ=")
@example(b"QQ=\r\n=")
@example(b"QUJD====")
@example(b"QQ==\r\n\r\n")
def test_base64_fast_and_slow_agree(octets: bytes) -> None:
    content = decode_content(octets, "base64")
    decoded, defects = _base64_slowly(octets)
    assert content.octets == decoded
    if defects:
        assert content.defects == defects
    else:
        assert content.defects == ()


# --- quoted-printable -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "decoded", "found"),
    [
        # RFC 2045 section 6.7, the example of rule 5
        (
            b"Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.",
            b"Now's the time for all folk to come to the aid of their country.",
            [],
        ),
        (b"=0C=3D", b"\x0c=", []),  # rule 1
        (b"a=3db", b"a=b", []),  # (2): lower case, against the rule
        (b"a \t\r\nb", b"a\r\nb", []),  # rule 3
        (b"a=20\r\nb", b"a \r\nb", []),
        (b"a =\r\n", b"a ", []),
        (b"a=  \r\nb", b"ab", []),
        (b"a=\nb", b"ab", []),
        (b"a \n", b"a\n", []),
        (b"a=0D=0Ab", b"a\r\nb", []),  # rule 4: of binary
        # The list of what a robust decoder meets
        pytest.param(b"a=zz", b"a=zz", ["bad_quoted_printable"], id="(1) no digits"),
        pytest.param(b"a=4", b"a=4", ["bad_quoted_printable"], id="(1) one digit"),
        pytest.param(b"a=4\r\nb", b"a=4\r\nb", ["bad_quoted_printable"], id="(1) digit, line end"),
        pytest.param(b"a==41", b"a=A", ["bad_quoted_printable"], id="two signs"),
        pytest.param(b"a=", b"a", [], id="(3) the last octet"),
        pytest.param(b"a=\r", b"a=\r", ["bad_quoted_printable"], id="bare CR"),
        pytest.param(b"a\0\x07\xffb", b"a\0\x07\xffb", [], id="(4) controls and 8 bits"),
        pytest.param(b"a" * 200, b"a" * 200, [], id="(5) long lines"),
        pytest.param(b"_=5F", b"__", [], id="underlines are no spaces"),
        pytest.param(b"", b"", [], id="nothing"),
    ],
)
def test_quoted_printable(octets: bytes, decoded: bytes, found: list[str]) -> None:
    content = decode_content(octets, "quoted-printable")
    assert content.octets == decoded
    assert [one.code for one in content.defects] == found
    for one in content.defects:
        assert octets[one.offset :].startswith(one.raw)


QUOTED = [
    b"=",
    b"=41",
    b"=3d",
    b"=\r\n",
    b"=\n",
    b" ",
    b"\t",
    b"\r\n",
    b"\n",
    b"\r",
    b"a",
    b"4",
    b"G",
]
quotedish = st.lists(st.sampled_from([*QUOTED, b"\0", b"\xff", b"=0D=0A"]), max_size=20).map(
    b"".join
)


@given(quotedish)
@example(b"a= \t\r\nb")
@example(b"a=\r\r\n")
@example(b" ")
@example(b"=\t")
def test_quoted_printable_fast_and_slow_agree(octets: bytes) -> None:
    # One by one, as the section has it: trailing white space first, then what is quoted
    slow = _QUOTED.sub(_unquote, _TRAILING.sub(b"", octets))
    assert decode_content(octets, "quoted-printable").octets == slow


# --- uuencode -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "decoded", "found"),
    [
        (b"begin 644 a.txt\r\n#0V%T\r\n`\r\nend\r\n", b"Cat", []),
        (b"begin 644 a.txt\n#0V%T\n \nend\n", b"Cat", []),
        (b"text before\nbegin 644 a\n#0V%T\n`\nend\nbehind\n", b"Cat", []),
        (b"#0V%T\n`\nend\n", b"Cat", ["no_begin"]),
        (b"begin 644 a\n#0V%T\n", b"Cat", ["no_end"]),
        (b"begin 644 a\n#0V%T!!\n`\nend\n", b"Cat", []),
        (b"begin 644 a\n\xff\xff\n#0V%T\n`\nend\n", b"Cat", ["bad_uuencode"]),
        (b"", b"", ["no_begin", "no_end"]),
    ],
)
def test_uuencode(octets: bytes, decoded: bytes, found: list[str]) -> None:
    content = decode_content(octets, "uuencode")
    assert content.octets == decoded
    assert [one.code for one in content.defects] == found


@given(st.binary(max_size=200))
def test_what_is_uuencoded_is_decoded(octets: bytes) -> None:
    lines = [binascii.b2a_uu(octets[at : at + 45]) for at in range(0, len(octets), 45)]
    content = decode_content(b"begin 644 x\n" + b"".join(lines) + b"`\nend\n", "x-uuencode")
    assert content.octets == octets
    assert content.defects == ()


# --- Laws -----------------------------------------------------------------------------------------

ENCODINGS = ["7bit", "8bit", "binary", "base64", "quoted-printable", "uuencode", "x-none", "b64"]


def in_pieces(octets: bytes, encoding: str, cuts: list[int]) -> bytes:
    decoder = ContentDecoder(encoding)
    out: list[bytes] = []
    at = 0
    for size in [*cuts, len(octets)]:
        out.append(decoder.feed(octets[at : at + size]))
        at += size
        decoder = pickle.loads(pickle.dumps(decoder))
    return b"".join([*out, decoder.close()])


@given(
    st.one_of(base64ish, quotedish, st.binary(max_size=40)),
    st.sampled_from(ENCODINGS),
    st.lists(st.integers(0, 5), max_size=30),
)
@example(b"QQ==QUJD", "base64", [1] * 8)
@example(b"QQ=", "base64", [2])
@example(b"=QUJD", "base64", [1, 1, 1])
@example(b"QUJDQ=QQ==", "base64", [1] * 10)
@example(b"a= ", "quoted-printable", [1, 1])
@example(b"a=\r\n", "quoted-printable", [1, 1, 1])
@example(b"a \t \r\nb", "quoted-printable", [1] * 6)
def test_chunk_law(octets: bytes, encoding: str, cuts: list[int]) -> None:
    at_once = decode_content(octets, encoding).octets
    assert in_pieces(octets, encoding, cuts) == at_once
    assert in_pieces(octets, encoding, [1] * len(octets)) == at_once


@pytest.mark.parametrize("odd", [b"a", b" ", b"=", b"=41", b"a=", b"= ", b"\xff", b"=4", b"\t=\r"])
@pytest.mark.parametrize("step", [1_000, 4_097, 8_193])
def test_chunk_law_of_lines_that_never_end(odd: bytes, step: int) -> None:
    octets = odd * 9_000 + b"\r\nb"
    cuts = [step] * (len(octets) // step)
    at_once = decode_content(octets, "quoted-printable").octets
    assert in_pieces(octets, "quoted-printable", cuts) == at_once


@pytest.mark.parametrize("lines", [0, 1, 63, 64, 65, 127, 128, 129])
@pytest.mark.parametrize("more", [0, 1, 2, 3, 56])
def test_base64_is_cut_after_76(lines: int, more: int) -> None:
    # RFC 2045 section 6.8. Many lines are cut at once.
    octets = bytes(range(57)) * lines + b"x" * more
    expected = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    assert encode_content(octets, "base64") == expected


@given(st.one_of(st.binary(max_size=300), base64ish, quotedish))
@example(b"From me")
@example(b".\r\n..\r\nFrom x\r\n")
@example(b"x" * 76 + b" ")
@example(b"x" * 75 + b"\xff")
@example(b"From " + b"=" * 40)
@example(b" ")
def test_what_is_encoded_is_decoded(octets: bytes) -> None:
    for encoding in ("base64", "quoted-printable"):
        encoded = encode_content(octets, encoding, binary=True)
        content = decode_content(encoded, encoding)
        assert content.octets == octets
        assert content.defects == ()
        assert encoded.isascii()
        for line in encoded.split(b"\r\n"):
            assert len(line) <= 76
            assert not set(line) & set(b"\r\n\0")
            assert not line.startswith(b"From ")  # mbox
            assert line != b"."  # SMTP


@given(st.binary(max_size=60).map(lambda octets: octets.replace(b"\r", b"")))
@example(b"a \n b\t\n")
@example(b"\n")
def test_line_ends_of_text_are_line_ends(octets: bytes) -> None:
    # RFC 2045 section 6.7 rule 4
    text = octets.replace(b"\n", b"\r\n")
    for given_ in (octets, text):
        encoded = encode_content(given_, "quoted-printable")
        assert decode_content(encoded, "quoted-printable").octets == text


@given(st.binary(max_size=60) | quotedish, st.booleans(), st.booleans())
@example(b"x" * 998, True, False)
@example(b"x" * 999, True, False)
@example(b"a\rb", True, False)
@example(b"a\nb", False, True)
@example(b"a\0", True, True)
def test_what_is_chosen_can_carry_it(octets: bytes, text: bool, eight_bit: bool) -> None:
    chosen = choose_encoding(octets, text=text, eight_bit=eight_bit)
    encoded = encode_content(octets, chosen, binary=True)
    assert decode_content(encoded, chosen).octets == octets
    if chosen == "7bit":
        assert octets.isascii()
    if chosen in ("7bit", "8bit"):
        assert encoded == octets
        assert b"\0" not in octets
        assert max(map(len, octets.split(b"\r\n"))) <= 998
        assert not set(octets.replace(b"\r\n", b"")) & set(b"\r\n")
    assert eight_bit or chosen != "8bit"


@pytest.mark.parametrize(
    ("octets", "encoding"),
    [
        *((bad, "7bit") for bad in (b"\xff", b"\0", b"\r", b"\n", b"a\r\r\n", b"x" * 999)),
        *((bad, "8bit") for bad in (b"\0", b"\r", b"\n", b"x" * 999)),
        (b"", "x-none"),
        (b"", "uuencode"),
        (b"", "BASE64"),
    ],
)
def test_what_is_not_encoded(octets: bytes, encoding: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        encode_content(octets, encoding)


PIECES = [
    b"!QUJD",
    b"=",
    b"Q=",
    b"QQ==",
    b"=x= \r\n",
    b" ",
    b"\t \r",
    b"= ",
    b"=41",
    b"\n",
    b"begin ",
]
MORE = [b"#0V%T\n", b"\xff\n", b"end", b"begin 644 ", b"a\r", b"=\r\n"]


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "uuencode"])
@pytest.mark.parametrize("piece", PIECES + MORE)
def test_linear(piece: bytes, encoding: str) -> None:
    assert_linear(lambda n: piece * n, lambda octets: decode_content(octets, encoding), 60)
    assert isinstance(decode_content(piece * 100_000, encoding).octets, bytes)


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
@pytest.mark.parametrize("piece", PIECES + MORE)
def test_pieces_are_linear(piece: bytes, encoding: str) -> None:
    def push(octets: bytes) -> None:
        decoder = ContentDecoder(encoding)
        for at in range(len(octets)):
            decoder.feed(octets[at : at + 1])
        decoder.close()

    assert_linear(lambda n: piece * n, push, 30)


@pytest.mark.parametrize("piece", [b"\xff", b"a", b"=", b" ", b"\n", b"From \n", b".\n"])
def test_encoding_is_linear(piece: bytes) -> None:
    for encoding in ("base64", "quoted-printable"):
        assert_linear(lambda n: piece * n, partial(encode_content, encoding=encoding), 60)
