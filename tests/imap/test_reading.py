"""What is read: the edges at which a reader goes wrong, one by one."""

from __future__ import annotations

import pytest

from mailproto import Limits, imap


@pytest.mark.parametrize("before", [b'("" ', b'"a" ', b'"a b" (', b'" '])
def test_a_literal_behind_a_line_that_is_too_long_is_not_read(before: bytes) -> None:
    """RFC 7888 section 4: it comes, whatever the server thinks; only its end may be looked for.

    Where the part that is looked at begins must not matter.
    """
    for length in range(40, 120):
        parser = imap.CommandParser(Limits(command=40))
        line = b"A1 LOGIN " + before + b"x" * length + b" {11+}\r\n"
        parser.receive_data(line + b"A2 LOGOUT\r\n\r\nA3 NOOP\r\n")
        first, second = iter(parser.next, None)
        assert isinstance(first, imap.BadCommand)
        assert first.reply.tag == "A1"
        assert second == imap.Noop()


@pytest.mark.parametrize("announced", [b"{05}\r\n", b"{5+}\r\n", b"{5}\n", b"{5 }\r\n"])
def test_a_literal_that_passes_through_is_odd_where_others_are(announced: bytes) -> None:
    for stream in (3, None):
        parser = imap.ResponseParser(Limits(stream=stream))
        parser.receive_data(
            b"* 1 FETCH (BODY[] {5}\r\n12345 BINARY[1] ~{5}\r\n12345"
            b" BODY[1] " + announced + b"12345)\r\n"
        )
        data = [*iter(parser.next, None)][-1]
        assert isinstance(data, imap.FetchData)
        assert [(one.code, one.raw) for one in data.defects] == [("odd_literal", announced)]


@pytest.mark.parametrize("stream", [3, None], ids=["in pieces", "held"])
@pytest.mark.parametrize(
    ("behind", "codes"),
    [
        (b" UID 7)\r\n", set[str]()),
        (b"UID 7)\r\n", {"missing_space"}),
        (b"  UID 7)\r\n", {"extra_space"}),
        (b"\r\n UID 7)\r\n", {"extra_line_end"}),
        (b" UID 7\r\n", {"missing_parenthesis"}),
    ],
)
def test_what_follows_a_literal_is_read_alike(
    stream: int | None, behind: bytes, codes: set[str]
) -> None:
    """Law 4: where a literal ends is certain, so what is odd behind it costs nothing else."""
    parser = imap.ResponseParser(Limits(stream=stream))
    parser.receive_data(b"* 1 FETCH (BODY[] {5}\r\n12345" + behind)
    data = [*iter(parser.next, None)][-1]
    assert isinstance(data, imap.FetchData)
    assert data.section() == (b"12345" if stream is None else imap.Streamed(5))
    assert data.uid == 7
    assert data.anomalies == codes


@pytest.mark.parametrize("stream", [0, None], ids=["in pieces", "held"])
def test_nothing_passes_through_behind_the_end(stream: int | None) -> None:
    parser = imap.ResponseParser(Limits(stream=stream))
    parser.receive_data(b"* 1 FETCH () BODY[] {1}\r\na)\r\n* 2 EXISTS\r\n")
    first, second = iter(parser.next, None)
    assert first == imap.FetchData(1)
    assert isinstance(first, imap.FetchData)
    assert first.anomalies == {"trailing_text"}
    assert second == imap.Exists(2)
