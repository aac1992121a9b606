"""Message identifiers: RFC 5322 section 3.6.4, the obsolete forms of section 4.5.4."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.message import format_field, parse_message_ids
from mailproto.message._vocabulary import MessageIds

from .counting import assert_linear


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # RFC 5322 appendix A.1, A.2, A.5
        ("<1234@local.machine.example>", ("1234@local.machine.example",)),
        ("<5678.21-Nov-1997@example.com>", ("5678.21-Nov-1997@example.com",)),
        (
            "<1234@local.machine.example> <3456@example.net>",
            ("1234@local.machine.example", "3456@example.net"),
        ),
        ("              <testabcd.1234@silly.test>", ("testabcd.1234@silly.test",)),
        ("<a@b>\r\n <c@d>\r\n\t<e@f>", ("a@b", "c@d", "e@f")),
        ("<a@b><c@d>", ("a@b", "c@d")),
        ("(c) <a@b> (d)", ("a@b",)),
        ("<a@[192.0.2.1]>", ("a@[192.0.2.1]",)),
        ('<"a b"@c>', ('"ab"@c',)),  # with a defect, see below
        ("", ()),
    ],
)
def test_identifiers(text: str, ids: tuple[str, ...]) -> None:
    assert parse_message_ids(text).ids == ids


@pytest.mark.parametrize(
    ("text", "ids", "codes"),
    [
        # Section 4.5.4: phrases
        ("Your message of <a@b>", ("a@b",), ["phrase_between_ids"]),
        ("<a@b> of Monday", ("a@b",), ["phrase_between_ids"]),
        # Section 4.4: white space and folds in it
        ("<a @ b>", ("a@b",), ["space_in_id"]),
        ("<a@\r\n b>", ("a@b",), ["space_in_id"]),
        # Not in any RFC
        ("a@b", ("a@b",), ["missing_brackets"]),
        ("abc", ("abc",), ["missing_brackets"]),
        ("<abc>", ("abc",), []),
        ("<>", (), ["empty_id"]),
        ("<a@b", ("a@b",), ["unbalanced_brackets"]),
        ("<<a@b>>", ("a@b",), ["unbalanced_brackets", "empty_id", "junk_between_ids"]),
        ("<a@b>, <c@d>", ("a@b", "c@d"), ["junk_between_ids"]),
        ("<a@b>>", ("a@b",), ["junk_between_ids"]),
        ("two words", (), ["phrase_between_ids"]),
        ("<a@b> (", ("a@b",), ["junk_between_ids"]),
        ('<"a b"@c>', ('"ab"@c',), ["space_in_id"]),
    ],
)
def test_what_is_wrong(text: str, ids: tuple[str, ...], codes: list[str]) -> None:
    found = parse_message_ids(text)
    assert found.ids == ids
    assert sorted({one.code for one in found.defects}) == sorted(codes)


PIECES = ["<", ">", "a@b", "c", " ", "\r\n ", ",", "(", ")", '"', "\\", "@", "<a@b>", "\0", "ü"]


@given(st.lists(st.sampled_from(["<a@b>", " ", "\r\n ", "<c>", "\t", "<d.e@[1]>"]), max_size=8))
@example([])
def test_the_fast_path_and_the_full_one_agree(pieces: list[str]) -> None:
    text = "".join(pieces)
    fast, full = parse_message_ids(text), parse_message_ids(f"(){text}")
    assert fast == full
    assert fast.defects == full.defects == ()


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_nothing_raises(text: str) -> None:
    found = parse_message_ids(text)
    for defect in found.defects:
        assert 0 <= defect.offset <= len(text)
        assert defect.assumed
    for one in found.ids:
        assert one
        assert not set(one) & set("\r\n ")
        assert '"' in one or not set(one) & set("<>")  # quoted they mean nothing


@given(st.lists(st.from_regex(r"[a-z0-9.+=]{1,9}@[a-z0-9.\-]{1,9}", fullmatch=True), max_size=20))
def test_what_is_written_is_read(ids: list[str]) -> None:
    value = MessageIds(tuple(ids))
    if ids:
        written = format_field("References", value).decode()
        found = parse_message_ids(written.partition(":")[2])
        assert found == value
        assert found.defects == ()


@pytest.mark.parametrize(
    "piece",
    [
        "<a@b>",
        "<",
        ">",
        "a ",
        "a@b ",
        "(",
        "()",
        ",",
        '"',
        '<"',
        "<a",
        "<a@b> x ",
        "\\",
        "< ",
        '<"\\',
    ],
)
def test_linear(piece: str) -> None:
    assert_linear(lambda n: piece * n, lambda text: parse_message_ids(text, most=None), 60)
    assert isinstance(parse_message_ids(piece * 100_000), MessageIds)


def test_the_limit_of_identifiers() -> None:
    for text in ("<a@b>" * 20, "()" + "<a@b>" * 20):
        found = parse_message_ids(text, most=5)
        assert len(found.ids) == 5
        assert [one.code for one in found.defects] == ["too_many_ids"]
        assert len(parse_message_ids(text, most=None).ids) == 20
