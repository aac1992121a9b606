"""Plain words: HTML without tags, previews (RFC 8970), base subjects (RFC 5256), case."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message import base_subject, casemap, html_to_text
from mailproto.message._plain import preview

from .counting import assert_linear

# --- HTML -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("a  b\n c", "a b c"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("a<br>b<BR/>c", "a\nb\nc"),
        ("<b>a</b>b", "ab"),
        ("<td>a</td><td>b</td>", "a b"),
        ("<style>p {}</style>a<script>b</script>c", "ac"),
        ("<head><title>t</title></head><body>a</body>", "a"),
        ("a&amp;&lt;b&gt;&#228;&euro;", "a&<b>ä€"),
        ("&amp;lt;", "&lt;"),  # undone once
        ("<!-- a -->b<!-- > -->c", "bc"),
        ("<!DOCTYPE html><?xml?>a", "a"),
        ('<a title="x > y">b</a>', "b"),
        ("<a title='x > y'>b</a>", "b"),
        ("a < b", "a < b"),
        ("1 <2", "1 <2"),
        ("a <b", "a <b"),
        ("<script>never closed", "never closed"),
        ("<!-- never closed", "never closed"),
        ("&#0;&#xd800;", "\ufffd\ufffd"),
        ("&lt;script&gt;", "<script>"),
        ("<SCRIPT>x</Script>y", "y"),
    ],
)
def test_html(html: str, text: str) -> None:
    assert html_to_text(html) == text


HTML = [
    "<",
    ">",
    "p",
    "a",
    "/",
    "!--",
    "-->",
    " ",
    "\n",
    '"',
    "'",
    "&lt;",
    "&#",
    "<br>",
    "<script>",
]
MORE_HTML = ["</script>", "<style>", "=", "\0", "İ", "<title", "&#xd800;", "\ud800"]


@given(st.lists(st.sampled_from(HTML + MORE_HTML), max_size=20).map("".join))
def test_any_html_is_text(html: str) -> None:
    text = html_to_text(html)
    assert "\0" not in text
    assert text == text.strip("\n")
    assert "\n\n\n" not in text


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param("xn--a.", id="mailparser linkify domain"),
        pytest.param("http://a.b/c?d=", id="mailparser linkify url"),
        *(
            "<a <!-- ",
            "<",
            "<!--",
            "<a",
            "<a '",
            '<a "',
            "<script>",
            "<script></scrip",
            "&",
            "&#",
            " ",
        ),
        *(
            "<style><title>",
            "<p>",
            "<br>",
            ">",
            "<!-->",
            "</",
            "<!",
            "<?",
            "İ<script>",
            "\n",
            "<td>",
        ),
    ],
)
def test_html_is_linear(piece: str) -> None:
    assert_linear(lambda n: piece * n, html_to_text, 60)
    assert_linear(lambda n: piece * n + ">", html_to_text, 60)
    assert isinstance(html_to_text(piece * 50_000), str)
    assert isinstance(html_to_text("a" + " " * 120_000 + piece), str)


# --- Previews (RFC 8970) --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("a\r\n\r\n b", "a b"),
        ("> quoted\nanswer\n > more", "answer"),
        ("> quoted only", "> quoted only"),
        ("a\x00\x1bb", "a\ufffd\ufffdb"),
        # RFC 8970 section 3.1: at most 256 characters
        ("x" * 300, "x" * 256),
        ("x" * 255 + "e\u0301", "x" * 255),
        ("x" * 254 + "e\u0301", "x" * 254 + "e\u0301"),
    ],
)
def test_previews(text: str, shown: str) -> None:
    assert preview(text) == shown


@given(st.text(max_size=300), st.integers(0, 300))
@example("a" + "\u0301" * 300, 10)
def test_a_preview_is_one_line_that_is_not_too_long(text: str, most: int) -> None:
    shown = preview(text, most=most)
    assert len(shown) <= most
    assert not re.search(r"[\r\n\0\t]", shown)
    assert shown == shown.strip()


@pytest.mark.parametrize("piece", [">", "> a\n", "\u0301", " ", "\n", "a "])
def test_previews_are_linear(piece: str) -> None:
    assert_linear(lambda n: piece * n, preview, 60)
    assert len(preview(piece * 1_000_000)) <= 256


# --- Base subjects (RFC 5256 section 2.1) ---------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "base", "said"),
    [
        ("Hello", "Hello", False),
        ("Re: Hello", "Hello", True),
        ("RE:Hello", "Hello", True),
        ("re [2]: Hello", "Hello", True),
        ("Re[2]: Hello", "Hello", True),
        ("Fwd: Hello", "Hello", True),
        ("FW: Hello", "Hello", True),
        ("Re: Fwd: re: Hello", "Hello", True),
        ("Hello (fwd)", "Hello", True),
        ("Hello (FWD) (fwd)  ", "Hello", True),
        ("[list] Hello", "Hello", False),
        ("[list] Re: Hello", "Hello", True),
        ("Re: [list] Re: Hello", "Hello", True),
        ("[a] [b] Hello", "Hello", False),
        ("[fwd: Hello]", "Hello", True),
        ("[Fwd: Re: [list] Hello (fwd)]", "Hello", True),
        ("Re: [Fwd: Hello]", "Hello", True),
        ("  Hello \t World\n ", "Hello World", False),
        # (4): a blob stays if nothing is left behind it
        ("[list]", "[list]", False),
        ("Re: [list]", "[list]", True),
        ("", "", False),
        ("Re:", "", True),
        ("(fwd)", "", True),
        # What only looks alike
        ("Rex: Hello", "Rex: Hello", False),
        ("Regarding: Hello", "Regarding: Hello", False),
        ("Re Hello", "Re Hello", False),
        ("AW: Hello", "AW: Hello", False),  # no other language (section 2.1)
        ("[a[b]] Hello", "[a[b]] Hello", False),
        ("[fwd: Hello", "[fwd: Hello", False),
        ("Hello (fwd) x", "Hello (fwd) x", False),
        ("Re : Hello", "Hello", True),  # subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
    ],
)
def test_base_subjects(subject: str, base: str, said: bool) -> None:
    assert base_subject(subject) == (base, said)


BLOB = re.compile(r"\[[^\[\]]*\][ \t]*")
REFWD = re.compile(r"(?:re|fwd?)[ \t]*(?:\[[^\[\]]*\][ \t]*)?:", re.IGNORECASE)


def by_the_rfc(subject: str) -> tuple[str, bool]:
    """The six steps of RFC 5256 section 2.1, as they stand there, one rule of its ABNF each."""
    said = False
    text = re.sub(r"[ \t\r\n\f]+", " ", subject)  # (1)
    while True:
        while True:  # (2) subj-trailer = "(fwd)" / WSP
            if text.endswith(" "):
                text = text[:-1]
            elif text.lower().endswith("(fwd)"):
                text, said = text[:-5], True
            else:
                break
        while True:
            before = text
            # (3) subj-leader = (*subj-blob subj-refwd) / WSP
            text = text.lstrip(" ")
            at = 0
            while blob := BLOB.match(text, at):
                at = blob.end()
            if refwd := REFWD.match(text, at):
                text, said = text[refwd.end() :], True
            elif (blob := BLOB.match(text)) and text[blob.end() :]:  # (4)
                text = text[blob.end() :]
            if text == before:  # (5)
                break
        # (6) subj-fwd-hdr, subj-fwd-trl
        if text.lower().startswith("[fwd:") and text.endswith("]"):
            text, said = text[5:-1], True
            continue
        return text, said


SUBJECT = ["re", "Fw", "fwd", ":", "[", "]", " ", "(fwd)", "[fwd:", "[x]", "Re: ", "hi", "(", "\n"]


@given(st.lists(st.sampled_from(SUBJECT), max_size=14).map("".join))
@example("[fwd:]")
@example("[fwd: ]")
@example("re: (fwd)")
@example("[x](fwd)")
@example("[x] (fwd)")
@example("re:[x] ")
@example("[fwd:[x]]")
def test_base_subjects_by_the_rfc(subject: str) -> None:
    assert base_subject(subject) == by_the_rfc(subject)


@given(st.lists(st.sampled_from(SUBJECT), max_size=10).map("".join))
def test_a_base_subject_has_no_other(subject: str) -> None:
    base = base_subject(subject).text
    assert base_subject(base) == (base, False)
    assert base_subject(f"Re: {base}") == (base, True)


@pytest.mark.parametrize(
    "piece",
    [
        "Re: ",
        "[x]",
        "[x] ",
        "(fwd)",
        " (fwd)",
        "[fwd:",
        "[",
        "re",
        " ",
        "re[",
        "fwd [x]",
        "]",
        "[x]re:",
    ],
)
def test_base_subjects_are_linear(piece: str) -> None:
    assert_linear(lambda n: piece * n, base_subject, 60)
    assert_linear(lambda n: piece * n + "]" * n, base_subject, 60)
    assert isinstance(base_subject(piece * 50_000).text, str)


# --- Case (RFC 5051) ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [("abc", "ABC"), ("ä", "Ä"), ("ä", "a\u0308"), ("ǆ", "ǅ"), ("σ", "Σ")],
)
def test_what_compares_equal(one: str, other: str) -> None:
    assert casemap(one) == casemap(other)


@pytest.mark.parametrize(("text", "mapped"), [("ß", "ß"), ("ﬁ", "fi"), ("ŉ", "ʼn"), ("a1", "A1")])
def test_titlecase_is_that_of_unicodedata(text: str, mapped: str) -> None:
    # RFC 5051 section 2: one character for one; then its decomposition, which stays as it is
    assert casemap(text) == mapped


@given(st.text(max_size=20))
def test_what_is_mapped_is_decomposed(text: str) -> None:
    assert unicodedata.is_normalized("NFKD", casemap(text))
