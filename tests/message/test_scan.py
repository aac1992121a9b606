"""The scanner: RFC 2046 section 5.1 and RFC 5322 section 2.1, at once and as it arrives."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.limits import Limits
from mailproto.message._scan import (
    LEAF,
    MESSAGE,
    MULTIPART,
    DefectFound,
    HeaderEnd,
    Index,
    MessageEvent,
    Parser,
    PartEnd,
    PartStart,
    index,
)

# What a hostile message is made of; short, so that pieces meet in many ways.
PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b"--",
    b"--a",
    b"--a--",
    b"--ab",
    b"--a ",
    b"-",
    b" ",
    b"\t",
    b":",
    b"x",
    b"\0",
    b"\xff",
    b"From ",
    b"Subject: s\r\n",
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n",
    b"Content-Type: multipart/digest; boundary=a\n\n",
    b'Content-Type: multipart/mixed;\r\n boundary="ab"\r\n\r\n',
    b"Content-Type: multipart/mixed\r\n",
    b"Content-Type: message/rfc822\r\n\r\n",
    b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    b"Content-Type: text/plain\r\n\r\n",
    b"content-type : image/png\n\n",
    b"\r\n--a\r\n",
    b"\n--ab\n",
    b"\r\n--a--\r\n",
    b"no header here\r\n",
]
messages = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)
small_limits = st.builds(
    Limits,
    depth=st.sampled_from([None, 0, 1, 2, 100]),
    parts=st.sampled_from([None, 0, 1, 2, 3, 10_000]),
    header=st.sampled_from([None, 0, 1, 10, 40, 1_000_000]),
)


def pushed(raw: bytes, cuts: Sequence[int], limits: Limits | None = None) -> list[MessageEvent]:
    """What the push parser says of `raw`, cut in pieces of these lengths, then octet by octet."""
    parser = Parser(limits=limits)
    events: list[MessageEvent] = []
    at = turn = 0
    while at < len(raw):
        length = cuts[turn] if turn < len(cuts) else 1
        events += parser.feed(raw[at : at + length])
        at += length
        turn += 1
    return events + parser.close()


MIXED = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n"
NESTED = (
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\npreamble\r\n"
    b"--a\r\n\r\none\r\ntwo\r\n"
    b"--a\r\nContent-Type: message/rfc822\r\n\r\n"
    b"Subject: inner\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>\r\n"
    b"--b--\r\n"
    b"--a--\r\nepilogue\r\n"
)


# --- The tree -------------------------------------------------------------------------------------


def pieces(raw: bytes, of: Index) -> list[tuple[int, int, bytes, bytes]]:
    return [(p.parent, p.kind, raw[p.start : p.body], raw[p.body : p.end]) for p in of.parts]


def test_parts_lie_where_the_delimiters_say() -> None:
    # RFC 2046 section 5.1.1: the line end before the delimiter belongs to the delimiter.
    found = index(NESTED)
    assert (found.defects, found.ambiguities, found.overflow) == ((), (), ())
    tree = pieces(NESTED, found)
    assert [(parent, kind) for parent, kind, _, _ in tree] == [
        (-1, MULTIPART),
        (0, LEAF),
        (0, MESSAGE),
        (2, MULTIPART),
        (3, LEAF),
    ]
    assert tree[1][2:] == (b"\r\n", b"one\r\ntwo")
    assert tree[4][2:] == (b"Content-Type: text/html\r\n\r\n", b"<p>")
    assert tree[3][2].startswith(b"Subject: inner\r\n")
    root = found.parts[0]
    assert NESTED[root.body : root.preamble] == b"preamble"
    assert NESTED[root.epilogue :] == b"epilogue\r\n"
    # One line end in the text; those of the message include its delimiters'.
    assert [part.lines for part in found.parts] == [-1, 1, tree[2][3].count(b"\n"), -1, 0]


def test_lf_is_a_line_end_too() -> None:
    raw = NESTED.replace(b"\r\n", b"\n")
    assert [part[:2] for part in pieces(raw, index(raw))] == [
        part[:2] for part in pieces(NESTED, index(NESTED))
    ]
    assert pieces(raw, index(raw))[1][3] == b"one\ntwo"


def test_a_bare_cr_is_no_line_end() -> None:
    raw = NESTED.replace(b"\r\n--a\r\n\r\none", b"\r--a\r\r\none")
    assert len(index(raw).parts) == len(index(NESTED).parts) - 1


def test_white_space_may_follow_a_delimiter() -> None:
    # RFC 2046 section 5.1.1: "transport-padding"
    raw = NESTED.replace(b"--a\r\n", b"--a \t \r\n").replace(b"--b--\r\n", b"--b--  \r\n")
    assert len(index(raw).parts) == len(index(NESTED).parts)
    assert index(raw).defects == ()


def test_the_lines_of_a_text_are_counted_behind_an_empty_body_too() -> None:
    # The empty line of the first header belongs to the delimiter (RFC 2046 section 5.1.1).
    raw = MIXED + b"--a\r\nA: b\r\nx\r\n\r\n--a\r\n\r\nx\r\ny\r\n--a--\r\n"
    assert [part.lines for part in index(raw).parts] == [-1, 0, 1]


@pytest.mark.parametrize(
    "part",
    [
        b"Content-Type: text/plain\r\n\r\none\r\ntwo",
        b"Content-Type: image/png\r\nX: y\r\n\r\none\r\n",
        b"\r\n\r\n\r\n",
        b"\r\n",
        b"",
        b"no header",
        b"X: y\r\n\r\n--ab\r\none",
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--",
        b"Content-Type: message/rfc822\r\n\r\nX: y\r\n\r\none\r\n",
    ],
)
@pytest.mark.parametrize("between", [b"\r\n--a\r\n", b"\n--a\n", b"\r\n--a \r\n", b"\r\n--a--\r\n"])
@pytest.mark.parametrize("limits", [Limits(), Limits(parts=4), Limits(header=9)])
def test_parts_spelled_as_usual_are_read_as_the_walk_reads_them(
    part: bytes, between: bytes, limits: Limits
) -> None:
    # What comes piece by piece is never read the quick way.
    usual = b"--a\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
    for end in (b"\r\n--a--\r\nepilogue\r\n", b"\r\n--a--", b"\r\n"):
        raw = MIXED + usual + b"--a\r\n" + part + between + part + b"\r\n" + usual + end
        assert index(raw, limits=limits) == Index.collect(len(raw), pushed(raw, [], limits))


def test_the_default_in_a_digest_is_a_message() -> None:
    # RFC 2046 section 5.1.5
    raw = MIXED.replace(b"mixed", b"digest") + b"--a\r\n\r\nSubject: s\r\n\r\nx\r\n--a--\r\n"
    found = index(raw)
    assert [part.kind for part in found.parts] == [MULTIPART, MESSAGE, LEAF]
    assert pieces(raw, found)[2][2:] == (b"Subject: s\r\n\r\n", b"x")


def test_an_outer_delimiter_ends_what_is_inside() -> None:
    # RFC 2046 section 5.1.2: it "takes precedence over" an inner one that is missing
    raw = NESTED.replace(b"--b--\r\n", b"")
    found = index(raw)
    assert pieces(raw, found)[4][3] == b"<p>"
    assert [defect.code for defect in found.defects] == ["not_closed"]
    assert found.parts[3].epilogue == -1


@pytest.mark.parametrize(
    ("raw", "code", "body"),
    [
        (b"Hello, world\r\nfriend: x\r\n\r\ny", "no_header", b"Hello, world\r\nfriend: x\r\n\r\ny"),
        (b" leading\r\nSubject: s\r\n\r\nx", "leading_fold", b"x"),
        (b"From me Mon Jan  1 00:00:00 2024\nSubject: s\n\nx", "mbox_from", b"x"),
        (b"Content-Type: multipart/mixed\r\n\r\n--\r\nx", "missing_boundary", b"--\r\nx"),
        (
            b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\nx',
            "empty_boundary",
            b"--\r\nx",
        ),
        (
            b"Content-Type: multipart/mixed; boundary=" + b"b" * 901 + b"\r\n\r\nx",
            "long_boundary",
            b"x",
        ),
    ],
)
def test_what_is_wrong_is_said_with_what_was_assumed(raw: bytes, code: str, body: bytes) -> None:
    found = index(raw)
    assert [defect.code for defect in found.defects] == [code]
    assert found.defects[0].assumed
    assert len(found.parts) == 1
    assert raw[found.parts[0].body :] == body


@pytest.mark.parametrize(
    ("raw", "header", "body"),
    [
        (b"", b"", b""),
        (b"\r\n", b"\r\n", b""),
        (b"\nx", b"\n", b"x"),
        (b"A: b", b"A: b", b""),
        (b"A: b\r\n", b"A: b\r\n", b""),
        (b"A: b\r\n\r\n", b"A: b\r\n\r\n", b""),
        (b"A: b\n\r\nx", b"A: b\n\r\n", b"x"),
        (b"A: b\r\n \r\nC: d\r\n\r\nx", b"A: b\r\n \r\nC: d\r\n\r\n", b"x"),  # RFC 7103 section 7.3
        (b"A: b\r\njunk\r\nC: d\r\n\r\nx", b"A: b\r\njunk\r\nC: d\r\n\r\n", b"x"),  # section 7.2
        (b"A : b\r\n\r\nx", b"A : b\r\n\r\n", b"x"),  # section 7.4
        (b": b\r\n\r\nx", b"", b": b\r\n\r\nx"),
    ],
)
def test_where_a_header_ends(raw: bytes, header: bytes, body: bytes) -> None:
    root = index(raw).parts[0]
    assert raw[root.start : root.body] == header
    assert raw[root.body : root.end] == body


# --- Two readings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code", "parts"),
    [
        # Parsers that let a prefix match (RFC 2046 section 5.1.1 reads so) see two parts.
        (MIXED + b"--a\r\n\r\nx\r\n--abc\r\n\r\ny\r\n--a--\r\n", "prefix_of_line", 2),
        (MIXED + b"--a--\r\n--a\r\n\r\nx\r\n--a--\r\n", "parts_after_close", 1),
        (
            MIXED + b"--a\r\n" + MIXED + b"--a\r\n\r\nx\r\n--a--\r\n--a--\r\n",
            "shared_boundary",
            3,
        ),
        (
            b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nQQ==\r\n",
            "encoded_message",
            1,
        ),
    ],
)
def test_what_others_read_otherwise_is_said(raw: bytes, code: str, parts: int) -> None:
    found = index(raw)
    assert [one.code for one in found.ambiguities] == [code]
    assert found.ambiguities[0].read_as
    assert found.ambiguities[0].otherwise
    assert len(found.parts) == parts
    assert pushed(raw, [1])[-1] == PartEnd(0, found.parts[0])


# --- Limits ---------------------------------------------------------------------------------------


def deep(levels: int) -> bytes:
    head = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(levels)
    )
    return head + b"\r\nx\r\n" + b"".join(b"--b%d--\r\n" % n for n in reversed(range(levels)))


@pytest.mark.parametrize("raw", [deep(1000), b"Content-Type: message/rfc822\r\n\r\n" * 100_000])
def test_below_the_deepest_level_a_part_is_opaque(raw: bytes) -> None:
    found = index(raw)
    assert found.overflow == ("depth",)
    assert len(found.parts) == 101
    assert found.parts[-1].kind == LEAF
    assert found.parts[-1].end > found.parts[-1].body


def test_depth_may_be_without_a_limit() -> None:
    found = index(deep(5_000), limits=Limits(depth=None))
    assert found.overflow == ()
    assert len(found.parts) == 5_001


def test_parts_beyond_the_limit_belong_to_the_part_they_are_in() -> None:
    raw = MIXED + b"--a\n" * 1_000_000
    found = index(raw)
    assert found.overflow == ("parts",)
    assert len(found.parts) == 10_000
    assert found.parts[0].end == len(raw)


def test_a_header_above_its_limit_is_read_so_far() -> None:
    raw = b"X: " + b"y" * 100 + b"\r\nContent-Type: message/rfc822\r\n\r\nA: b\r\n\r\n"
    assert len(index(raw).parts) == 2
    found = index(raw, limits=Limits(header=50))
    assert found.overflow == ("header",)
    assert len(found.parts) == 1
    assert raw[found.parts[0].body :] == b"A: b\r\n\r\n"


# --- As it arrives --------------------------------------------------------------------------------


def test_events_come_in_order() -> None:
    events = pushed(NESTED, [1])
    kinds = [type(event).__name__[:7] for event in events]
    assert " ".join(kinds) == (
        "PartSta HeaderE PartSta HeaderE PartEnd PartSta HeaderE PartSta HeaderE PartSta HeaderE"
        " PartEnd PartEnd PartEnd PartEnd"
    )
    headers = [event for event in events if isinstance(event, HeaderEnd)]
    assert [NESTED[event.start : event.body] for event in headers] == [
        event.header for event in headers
    ]


def test_a_header_is_told_before_the_body_comes() -> None:
    parser = Parser()
    events = parser.feed(b"Subject: refuse me\r\n\r\n")
    assert events == [
        PartStart(0, -1, 0),
        HeaderEnd(0, 0, 22, b"Subject: refuse me\r\n\r\n"),
    ]


def test_behind_the_end_nothing_is_taken() -> None:
    parser = Parser()
    parser.feed(b"A: b\r\n")
    assert parser.close()
    assert parser.close() == []
    with pytest.raises(ValueError, match="closed"):
        parser.feed(b"x")


@given(messages, st.lists(st.integers(0, 9), max_size=5), small_limits)
@example(MIXED + b"--a\r\nHello\r\n--a--\r\n", [1], Limits())
@example(MIXED + b"--a\r\n--a\r\n--a--\r\n", [1], Limits())
@example(MIXED + b"--a\r\n\r\n--a--", [1], Limits())
def test_chunk_law(raw: bytes, cuts: list[int], limits: Limits) -> None:
    at_once = index(raw, limits=limits)
    for way in ([len(raw)], [], cuts):
        events = pushed(raw, way, limits)
        assert Index.collect(len(raw), events) == at_once
        assert events == pushed(raw, [7] * len(raw), limits)


@given(messages, small_limits)
def test_spans_lie_inside_each_other(raw: bytes, limits: Limits) -> None:
    found = index(raw, limits=limits)
    assert found.length == len(raw)
    root = found.parts[0]
    assert (root.parent, root.start, root.end) == (-1, 0, len(raw))
    ends: dict[int, int] = {}
    for number, part in enumerate(found.parts):
        assert part.start <= part.body <= part.end
        if number:
            outer = found.parts[part.parent]
            assert part.parent < number
            assert outer.kind != LEAF
            assert max(outer.body, ends.get(part.parent, 0)) <= part.start
            assert part.end <= outer.end
            ends[part.parent] = part.end
        if part.lines >= 0:
            assert part.lines == raw.count(b"\n", part.body, part.end)


@given(messages, st.integers(0, 200))
@example(
    b"Content-Type: multipart/digest; boundary=a\n\n\r\n--a\r\n\r\n"
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n\r\n--a--\r\n\r\n",
    108,  # line ends behind a close delimiter that was not the last octet read
)
def test_hand_over(raw: bytes, cut: int) -> None:
    parser = Parser()
    events = parser.feed(raw[:cut])
    other: Parser = pickle.loads(pickle.dumps(parser))
    assert events + other.feed(raw[cut:]) + other.close() == pushed(raw, [])
    found = index(raw)
    assert pickle.loads(pickle.dumps(found)) == found


def test_defects_come_as_events() -> None:
    events = pushed(b"no header\r\n", [1])
    assert [event.defect.code for event in events if isinstance(event, DefectFound)] == [
        "no_header"
    ]


def test_an_index_is_compact() -> None:
    raw = MIXED + b"--a\r\nContent-Type: text/plain\r\n\r\nx\r\n" * 5_000 + b"--a--\r\n"
    found = index(raw)
    assert len(pickle.dumps(found, protocol=5)) < 60 * len(found.parts)
