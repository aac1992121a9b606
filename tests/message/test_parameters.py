"""MIME parameters (RFC 2045 section 5.1, RFC 2183), and what RFC 2231 makes of them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message import (
    ContentType,
    Disposition,
    MimeParam,
    parse_content_type,
    parse_disposition,
)
from mailproto.message._parameters import (
    format_parameters,
    parse_parameters,
    parse_token,
    parse_tokens,
)

from .counting import assert_linear


def pairs(value: ContentType | Disposition) -> list[tuple[str, str]]:
    return [(param.name, param.value) for param in value.params]


def codes(value: ContentType | Disposition) -> list[str]:
    return [defect.code for defect in value.defects]


# --- What the RFCs show ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "essence", "params"),
    [
        ("text/plain; charset=us-ascii (Plain text)", "text/plain", [("charset", "us-ascii")]),
        ('text/plain; charset="us-ascii"', "text/plain", [("charset", "us-ascii")]),
        # RFC 2046 section 5.1.1: a colon needs quotes
        (
            'multipart/mixed; boundary="gc0pJq0M:08jU534c0p"',
            "multipart/mixed",
            [("boundary", "gc0pJq0M:08jU534c0p")],
        ),
        # RFC 2231 section 3
        (
            (
                'message/external-body; access-type=URL;\r\n URL*0="ftp://";\r\n'
                ' URL*1="cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"'
            ),
            "message/external-body",
            [
                ("access-type", "URL"),
                ("url", "ftp://cs.utk.edu/pub/moore/bulk-mailer/bulk-mailer.tar"),
            ],
        ),
        # RFC 2231 section 4
        (
            "application/x-stuff;\r\n title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A",
            "application/x-stuff",
            [("title", "This is ***fun***")],
        ),
        # RFC 2231 section 4.1
        (
            (
                "application/x-stuff\r\n ; title*0*=us-ascii'en'This%20is%20even%20more%20\r\n"
                ' ; title*1*=%2A%2A%2Afun%2A%2A%2A%20\r\n ; title*2="isn\'t it!"'
            ),
            "application/x-stuff",
            [("title", "This is even more ***fun*** isn't it!")],
        ),
    ],
)
def test_examples_of_the_rfcs(text: str, essence: str, params: list[tuple[str, str]]) -> None:
    value = parse_content_type(text)
    assert value.essence == essence
    assert pairs(value) == params
    assert set(codes(value)) <= {"comment_in_parameter"}


def test_the_language_of_a_value() -> None:
    # RFC 2231 section 4
    value = parse_content_type("a/b; title*=us-ascii'en-us'x%20y")
    assert value.params == (MimeParam("title", "x y", language="en-us"),)
    assert value.params[0].charset == "us-ascii"


def test_dispositions() -> None:
    # RFC 2183 section 3
    value = parse_disposition(
        'attachment; filename=genome.jpeg;\r\n modification-date="Wed, 12 Feb 1997 16:29:51 -0500"'
    )
    assert value.kind == "attachment"
    assert value.get("FileName") == "genome.jpeg"
    assert value.get("modification-date") == "Wed, 12 Feb 1997 16:29:51 -0500"
    assert value.defects == ()
    assert parse_disposition("inline") == Disposition("inline")


# --- What is in nobody's RFC ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "essence", "params", "code"),
    [
        ("", "text/plain", [], "bad_content_type"),
        ("text", "text/plain", [], "bad_content_type"),
        ("text; charset=utf-8", "text/plain", [("charset", "utf-8")], "bad_content_type"),
        ("multipart; boundary=a", "multipart/mixed", [("boundary", "a")], "bad_content_type"),
        ("/plain", "text/plain", [], "bad_content_type"),
        ("a/b; x", "a/b", [], "unreadable_parameter"),
        ("a/b; =y", "a/b", [], "unreadable_parameter"),
        ("a/b; x=", "a/b", [("x", "")], "empty_value"),
        ("a/b; x=;y=1", "a/b", [("x", ""), ("y", "1")], "empty_value"),
        ("a/b x=1", "a/b", [("x", "1")], "missing_semicolon"),
        ("a/b; x=1 y=2", "a/b", [("x", "1"), ("y", "2")], "missing_semicolon"),
        ("a/b; x=1 2", "a/b", [("x", "1 2")], "unquoted_parameter"),
        ("a/b; x=a/b", "a/b", [("x", "a/b")], "unquoted_parameter"),
        ("a/b; x=1; X=2", "a/b", [("x", "1")], "duplicate_parameter"),
        ('a/b; x="1;y=2', "a/b", [("x", "1"), ("y", "2")], "unclosed_quote"),
        ("a/b; x=(c)1", "a/b", [("x", "1")], "comment_in_parameter"),
        ("a/b; x=1(c)", "a/b", [("x", "1")], "comment_in_parameter"),
        ("a/b; x==?utf-8?q?=C3=A4?=", "a/b", [("x", "ä")], "encoded_word_in_parameter"),
        ('a/b; x="=?utf-8?q?=C3=A4?="', "a/b", [("x", "ä")], "encoded_word_in_parameter"),
        ('a/b; x="1"2', "a/b", [("x", "1")], "missing_semicolon"),
        # RFC 2231
        ("a/b; n*1=b; n*0=a", "a/b", [("n", "ab")], ""),
        ("a/b; n*0=a; n*2=c", "a/b", [("n", "a")], "missing_section"),
        ("a/b; n*1=b; n*2=c", "a/b", [("n", "bc")], "missing_section"),
        ("a/b; n*0=a; n*0=b", "a/b", [("n", "a")], "duplicate_parameter"),
        ("a/b; n*=utf-8''a; n*=utf-8''b", "a/b", [("n", "a")], "duplicate_parameter"),
        ("a/b; n*=%C3%A4", "a/b", [("n", "ä")], "missing_charset"),
        ("a/b; n*=x-none''%C3%A4", "a/b", [("n", "ä")], "unknown_charset"),
        ("a/b; n*=utf-8''%FF", "a/b", [("n", "\ufffd")], "undecodable"),
        ("a/b; n*=utf-8''%zz%4", "a/b", [("n", "%zz%4")], ""),
        ("a/b; n*00=a", "a/b", [("n*00", "a")], "bad_section"),
        ("a/b; n*x=a", "a/b", [("n*x", "a")], "bad_section"),
        ("a/b; n*0*=utf-8''%C3; n*1*=%A4", "a/b", [("n", "ä")], ""),  # cut within a character
        ("a/b; n=1; n*0=2", "a/b", [("n", "2")], "parameter_twice"),
        ("a/b; n*0=1; n*=utf-8''2", "a/b", [("n", "2")], "parameter_twice"),
    ],
)
def test_what_is_wrong_is_read_and_said(
    text: str, essence: str, params: list[tuple[str, str]], code: str
) -> None:
    value = parse_content_type(text)
    assert value.essence == essence
    assert pairs(value) == params
    assert code in codes(value) if code else codes(value) == []


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("", "attachment", "missing_disposition"),
        ("filename=a", "attachment", "missing_disposition"),
        ("; filename=a", "attachment", "missing_disposition"),
    ],
)
def test_what_has_no_kind_is_an_attachment(text: str, kind: str, code: str) -> None:
    # RFC 2183 section 2.8: unrecognized dispositions are attachments
    value = parse_disposition(text)
    assert value.kind == kind
    assert code in codes(value)
    assert value.get("filename") == ("a" if "a" in text else None)


@pytest.mark.parametrize(
    ("text", "name", "code"),
    [
        pytest.param("x; filename=a; filename*=utf-8''b", "b", "filename_twice", id="filename*"),
        pytest.param("x; filename*=utf-8''b; filename=a", "b", "filename_twice", id="* first"),
        pytest.param("x; filename*0=b; filename=a", "b", "filename_twice", id="filename*0"),
        pytest.param("x; filename=a; filename=b", "a", "duplicate_parameter", id="twice"),
        pytest.param('x; filename="a\\".exe', "a\\", "unclosed_quote", id="quote escaped"),
        pytest.param("x; filename=a.txt (.exe)", "a.txt", "comment_in_parameter", id="comment"),
        pytest.param("x; filename=a b.exe", "a b.exe", "unquoted_parameter", id="space"),
        pytest.param('x; filename="a\0.exe"', "a\ufffd.exe", "control_in_parameter", id="NUL"),
        pytest.param('x; filename="../../etc/passwd"', "../../etc/passwd", "", id="path"),
    ],
)
def test_names_of_files_that_hide(text: str, name: str, code: str) -> None:
    # Shapes of the differentials: what we read, and that the defect says there is another reading
    value = parse_disposition(text)
    assert (value.get("filename") or "").startswith(name)
    assert code in codes(value) if code else codes(value) == []


def test_cve_2026_27859_a_huge_section() -> None:
    # A number that somebody may make an array of
    value = parse_content_type("a/b; n*99999999999*=a; m*9999=b")
    assert pairs(value) == [("n*99999999999*", "a"), ("m", "b")]
    assert set(codes(value)) == {"bad_section", "missing_section"}


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(";", id="gh-87075"),
        pytest.param("; n*%d*=a", id="CVE-2026-27859"),
        pytest.param("; n*0=a", id="one section"),
        pytest.param("; n%d=a", id="names"),
        pytest.param("; n=a", id="one name"),
        pytest.param('; n="', id="bpo-37461"),
        pytest.param("; n=a b", id="unquoted"),
        pytest.param(" n=a", id="no semicolon"),
        pytest.param("(", id="open comments"),
        pytest.param("(c)", id="comments"),
        pytest.param(" ", id="spaces"),
        pytest.param("%d", id="digits"),
        pytest.param("; n*=utf-8''%%41", id="percents"),
        pytest.param("\\", id="backslashes"),
        pytest.param('; n="\\', id="quotes with backslashes"),
    ],
)
def test_linear(piece: str) -> None:
    def make(size: int) -> str:
        once = [piece % n if "%d" in piece else piece for n in range(size)]
        return "a/b" + "".join(once)

    assert_linear(make, lambda text: parse_content_type(text, most=None), 100)
    assert_linear(make, lambda text: parse_disposition(text, most=None), 100)
    assert parse_content_type(make(100_000)).maintype
    assert parse_disposition(make(100_000)).kind


def test_the_limit_of_parameters() -> None:
    text = "a/b" + "".join(f"; n{number}=x" for number in range(20))
    value = parse_content_type(text, most=5)
    assert len(value.params) == 5
    assert codes(value) == ["too_many_parameters"]
    assert len(parse_content_type(text, most=None).params) == 20


# --- Laws -----------------------------------------------------------------------------------------

PIECES = [
    *(";", "=", " ", "\r\n ", '"', "\\", "(", ")", "a", "B", "*", "0", "1", "'", "%41", "%", ","),
    *("utf-8''", "charset", "filename", "name", "x/y", "=?utf-8?q?a?=", "ü", "\0", "\ud800"),
]
names = st.sampled_from(["a", "B", "a*", "a*0", "a*1", "a*0*", "c-d", "filename", "b"])
values = st.sampled_from(["x", '"y z"', '"=?utf-8?q?a?="', "utf-8''%41", "q.r", '"a;b"', '""'])
usual = st.builds(
    lambda head, params, end: head + "".join([f";{s}{n}={v}{t}" for s, n, v, t in params]) + end,
    st.sampled_from(["text/plain", " a/B", "A/b\r\n "]),
    st.lists(
        st.tuples(
            st.sampled_from(["", " ", "\r\n "]), names, values, st.sampled_from(["", " ", "\t"])
        ),
        max_size=4,
    ),
    st.sampled_from(["", ";", " ", "; "]),
)


@given(usual)
@example("a/b; x=1;")
@example('a/b; x=""')
@example("a/b; x=1; x=2")
def test_the_fast_path_and_the_full_one_agree(text: str) -> None:
    """A comment at the start changes nothing, and is not in the pattern."""
    for read in (parse_content_type, parse_disposition):
        fast, full = read(text), read("()" + text)
        assert fast == full
        found = [code for code in codes(full) if code != "comment_in_parameter"]
        assert [code for code in codes(fast) if code != "comment_in_parameter"] == found


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_nothing_raises(text: str) -> None:
    for value in (parse_content_type(text), parse_disposition(text)):
        assert len(value.defects) <= 100
        for defect in value.defects:
            assert 0 <= defect.offset <= len(text)
            assert defect.assumed
        for param in value.params:
            assert param.name == param.name.lower()
    assert parse_token(text) == parse_token(text)
    assert len(parse_tokens(text).items) <= len(text)


clean = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=90)


@given(clean, st.sampled_from(["", "en", "de-AT"]))
@example("a'b%41", "")
@example('a\\"b', "")
@example("=?utf-8?q?a?=", "")
@example("\ufeffa", "")
@example("\x7f", "")
@example("\x1b", "en")
def test_what_is_written_is_read(value: str, language: str) -> None:
    param = MimeParam("filename", value, language=language)
    pieces = format_parameters([param])
    assert all(len(piece) <= 76 and piece.isascii() for piece in pieces)
    params, defects = parse_parameters("; ".join(pieces))
    assert params == (param,)
    assert defects == ()


@pytest.mark.parametrize(
    "param",
    [
        *(MimeParam("a", evil) for evil in ("\r", "\n", "x\r\nBcc: y", "\0", "\ud800")),
        *(MimeParam(name, "x") for name in ("", "a b", "a*", "a=", "a\r\nB", "ä", "a" * 61)),
        *(MimeParam("a", "x", language=evil) for evil in ("e n", "en'", "\r\n", "ä", "e" * 36)),
    ],
    ids=repr,
)
def test_what_is_not_written(param: MimeParam) -> None:
    with pytest.raises(ValueError, match=r".+"):
        format_parameters([param])


# --- Words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        (" base64 ", "base64", []),
        ("1.0 (produced by MetaSend Vx.x)", "1.0", []),  # RFC 2045 section 4
        ("1.(produced by MetaSend Vx.x)0", "1.0", ["odd_token"]),
        ("base64 (x)", "base64", []),
        ("base64; x", "base64;x", ["odd_token"]),
        ('"base64"', '"base64"', []),
        ("", "", ["empty_value"]),
        ("(c)", "", ["empty_value"]),
    ],
)
def test_one_word(text: str, word: str, found: list[str]) -> None:
    value = parse_token(text)
    assert value.text == word
    assert [defect.code for defect in value.defects] == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("mi, en", ("mi", "en")),  # RFC 3282 section 2
        ("da (Danish)", ("da",)),
        (",,a,,b,", ("a", "b")),
        ("", ()),
        ("a(b", ("a", "b")),
    ],
)
def test_several_words(text: str, words: tuple[str, ...]) -> None:
    assert parse_tokens(text).items == words


@pytest.mark.parametrize("piece", ["a,", "(", "()", ",", '"', "a "])
def test_words_are_linear(piece: str) -> None:
    assert_linear(lambda n: piece * n, parse_token, 50)
    assert_linear(lambda n: piece * n, parse_tokens, 50)
