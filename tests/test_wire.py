"""The wire layer: what it returns depends on the octets, never on how they were cut.

RFC 5321 section 4.5.2 for dot-stuffing, section 2.3.8 for line ends; the look-alikes are those that
made SMTP smuggling (CVE-2023-51764 to -51766, CVE-2024-27305).
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import Defect
from mailproto._wire import (
    BareNewlines,
    Input,
    NewlineScan,
    Output,
    TextDecoder,
    TextEncoder,
    as_bytes,
    normalize,
)

# Octets among which every interesting sequence is likely.
tricky = st.lists(
    st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n.", b"\r\n.\r\n", b"\0", b"\xe9"])
).map(b"".join)
clean = st.lists(st.sampled_from([b".", b"a", b"\r\n", b"\r\n.", b"..", b"\xe9"])).map(b"".join)
cuts = st.lists(st.integers(0, 7), max_size=40)


def cut(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """`data` in pieces of these sizes, 0 included; the rest in one."""
    pieces = []
    for size in sizes:
        pieces.append(data[:size])
        data = data[size:]
    return [*pieces, data]


# --- as_bytes -------------------------------------------------------------------------------------


def test_bytes_are_kept_and_other_buffers_copied() -> None:
    data = b"abc"
    assert as_bytes(data) is data
    for buffer in (bytearray(data), memoryview(data), memoryview(b"xabcx")[1:4]):
        copied = as_bytes(buffer)
        assert copied == data
        assert type(copied) is bytes


@pytest.mark.parametrize("wrong", [5, "abc", None, [1, 2], object()])
def test_what_is_no_buffer_is_a_type_error(wrong: Any) -> None:
    """bytes(5) would be five NULs."""
    with pytest.raises(TypeError):
        as_bytes(wrong)


# --- Input: lines ---------------------------------------------------------------------------------


@pytest.mark.parametrize("terminator", [b"\r\n", b"\n"])
@given(data=tricky, sizes=cuts)
def test_lines_are_the_same_however_they_are_cut(
    terminator: bytes, data: bytes, sizes: list[int]
) -> None:
    source = Input()
    lines: list[bytes] = []
    for piece in cut(data, sizes):
        source.feed(piece)
        while (line := source.line(terminator)) is not None:
            lines.append(line)
    *complete, rest = data.split(terminator)
    assert lines == [one + terminator for one in complete]
    assert len(source) == len(rest)
    assert source.take(len(data)) == rest


@given(data=tricky, sizes=cuts, limit=st.integers(0, 20))
def test_a_line_that_stalls_misses_neither_its_end_nor_its_limit(
    data: bytes, sizes: list[int], limit: int
) -> None:
    """A caller that does not look while `stalled` sees all that one who always looks sees."""
    eager, lazy = Input(), Input()
    for piece in cut(data, sizes):
        eager.feed(piece)
        lazy.feed(piece)
        while True:
            line = eager.line(b"\r\n", limit)
            if lazy.stalled:
                assert line is None
                assert len(eager) <= limit
                break
            assert lazy.line(b"\r\n", limit) == line
            if line is None:
                break
        assert len(eager) == len(lazy)


@given(data=tricky, sizes=cuts)
def test_skipping_loses_all_of_a_line_and_nothing_else(data: bytes, sizes: list[int]) -> None:
    source = Input()
    skipped = 0
    ended = False
    for piece in cut(data, sizes):
        source.feed(piece)
        while not ended and len(source):
            count, ended = source.skip_line(b"\r\n")
            skipped += count
            if not count:
                break
    line, end, rest = data.partition(b"\r\n")
    assert ended == bool(end)
    if ended:
        assert (skipped, source.take(len(data))) == (len(line) + 2, rest)
    else:  # a last CR may be half of the end
        assert skipped + len(source) == len(line)
        assert source.take(2) in {b"", b"\r"}


@given(data=tricky, sizes=cuts, takes=st.lists(st.integers(1, 9)))
def test_counted_octets_come_out_as_they_went_in(
    data: bytes, sizes: list[int], takes: list[int]
) -> None:
    source = Input()
    out = b""
    wanted = iter(takes)
    for piece in cut(data, sizes):
        source.feed(piece)
        size = next(wanted, 0)
        held = len(source)
        ahead = source.peek(size)
        got = source.take(size)
        assert ahead == got
        assert len(got) == min(size, held)
        out += got
    assert out + source.take(len(data)) == data
    assert len(source) == 0


def test_clear_drops_everything() -> None:
    source = Input()
    source.feed(b"half a li")
    assert source.line(b"\r\n") is None
    source.feed(b"ne")
    source.clear()
    assert len(source) == 0
    assert not source.stalled
    source.feed(b"ne\r\n")
    assert source.line(b"\r\n") == b"ne\r\n"


def test_a_chunk_between_two_items_is_passed_on_uncopied() -> None:
    source = Input()
    data = bytes(1_000)
    source.feed(data)
    assert source.take(1_000) is data
    source.feed(data)
    buffer, start, end = source.window(5_000)
    assert (buffer is data, start, end) == (True, 0, 1_000)


class Counted(bytes):
    """Counts the octets that searches go over."""

    searched = 0

    def find(self, what: Any, start: Any = 0, end: Any = None) -> int:
        stop = len(self) if end is None else end
        at = super().find(what, start, stop)
        Counted.searched += (stop if at < 0 else at) - start
        return at


class CountedTail(bytearray):
    def find(self, what: Any, start: Any = 0, end: Any = None) -> int:
        stop = len(self) if end is None else end
        at = super().find(what, start, stop)
        Counted.searched += (stop if at < 0 else at) - start
        return at


class CountingInput(Input):
    """An input whose searches and joins are counted."""

    __slots__ = ("moved",)

    def __init__(self) -> None:
        super().__init__()
        self.moved = 0
        self._tail = CountedTail()
        Counted.searched = 0

    def _join(self) -> None:
        self.moved += len(self)
        super()._join()


@pytest.mark.parametrize("piece", [1, 7, 4_096])
def test_a_long_line_costs_linear_work(piece: int) -> None:
    """No octet is searched or moved more than a constant number of times."""
    size = 40_000
    data = b"a" * (size - 2) + b"\r\n"
    source = CountingInput()
    for at in range(0, size, piece):
        assert source.line(b"\r\n") is None
        source.feed(Counted(data[at : at + piece]))
    assert source.line(b"\r\n") == data
    assert Counted.searched <= 4 * size
    assert source.moved <= 2 * size


def test_many_lines_in_one_chunk_cost_linear_work() -> None:
    """Taking a line does not move those behind it."""
    count = 20_000
    source = CountingInput()
    source.feed(Counted(b"NOOP\r\n" * count))
    for _ in range(count):
        assert source.line(b"\r\n") == b"NOOP\r\n"
    assert source.line(b"\r\n") is None
    assert Counted.searched <= 6 * count
    assert source.moved == 0


# --- Output ---------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=9)))
def test_output_leaves_in_order_and_once(pieces: list[bytes]) -> None:
    queue = Output()
    for piece in pieces:
        queue.put(piece)
    assert queue.size == sum(map(len, pieces))
    assert queue.take() == b"".join(pieces)
    assert queue.size == 0
    assert queue.take() == b""


def test_a_single_piece_is_not_copied() -> None:
    queue = Output()
    data = bytes(1_000)
    queue.put(data)
    assert queue.take() is data


# --- TextDecoder ----------------------------------------------------------------------------------


def decode(pieces: Iterable[bytes], size: int = 65_536) -> tuple[bytes, bool, bytes]:
    """(the text, whether it has ended, what is left of the input)."""
    source, decoder = Input(), TextDecoder()
    text = b""
    for piece in pieces:
        source.feed(piece)
        while data := decoder.read(source, size):
            text += data
    return text, decoder.ended, source.take(1 << 30)


def expected(data: bytes) -> tuple[bytes, bool, bytes]:
    """The same by RFC 5321 section 4.5.2, on a whole: lines end with CRLF and with nothing else."""
    lines: list[bytes] = []
    while (at := data.find(b"\r\n")) >= 0:
        line, data = data[: at + 2], data[at + 2 :]
        if line == b".\r\n":
            return b"".join(lines), True, data
        lines.append(line.removeprefix(b"."))
    return b"".join(lines), False, data


@given(data=tricky, sizes=cuts, size=st.integers(1, 20))
def test_text_is_the_same_however_it_is_cut(data: bytes, sizes: list[int], size: int) -> None:
    text, ended, left = expected(data)
    got, got_ended, got_left = decode(cut(data, sizes), size)
    assert got_ended == ended
    if ended:
        assert (got, got_left) == (text, left)
    else:  # some of an unfinished last line may have been handed on, but for what may be the end
        assert got.startswith(text)
        assert len(got_left) <= len(b"\r\n.\r")
        unfinished = left.removeprefix(b".") if left not in {b".", b".\r"} else b""
        assert unfinished.startswith(got[len(text) :])


LOOK_ALIKES = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\n.\r",
    b"\r.\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\n\0.\r\n",
]


@pytest.mark.parametrize("like", LOOK_ALIKES, ids=repr)
def test_what_only_looks_like_the_end_does_not_end_a_text(like: bytes) -> None:
    """At every cut: only CRLF . CRLF ends it, and no octet but a stuffed dot is lost."""
    body = b"a" + like + b"EVIL"
    data = body + b"\r\n.\r\nQUIT\r\n"
    unstuffed = re.sub(rb"(?<=\r\n)\.", b"", body) + b"\r\n"
    for at in range(len(data) + 1):
        assert decode([data[:at], data[at:]]) == (unstuffed, True, b"QUIT\r\n")
    assert decode(data[at : at + 1] for at in range(len(data))) == (unstuffed, True, b"QUIT\r\n")


def test_a_doubled_cr_before_the_look_alike_is_no_end_either() -> None:
    """CR CR LF . CR CR LF does not hold the five octets; CR CR LF . CR LF does."""
    data = b"a\r\r\n.\r\r\nb\r\n.\r\n"
    for at in range(len(data) + 1):
        assert decode([data[:at], data[at:]]) == (b"a\r\r\n\r\r\nb\r\n", True, b"")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b".\r\n", b""),
        (b"a\r\r\n.\r\n", b"a\r\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"a\n..\r\n.\r\n", b"a\n..\r\n"),
        (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n"),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n..b\r\n.\r\n", b"a\r\n.b\r\n"),
    ],
)
def test_edge_readings_of_a_text(data: bytes, text: bytes) -> None:
    for at in range(len(data) + 1):
        assert decode([data[:at], data[at:] + b"rest"]) == (text, True, b"rest")


def test_nothing_is_read_behind_the_end() -> None:
    source, decoder = Input(), TextDecoder()
    source.feed(b".\r\nMAIL FROM:<e@x>\r\n")
    assert decoder.read(source, 100) == b""
    assert decoder.ended
    assert decoder.read(source, 100) == b""
    assert source.line(b"\r\n") == b"MAIL FROM:<e@x>\r\n"


def test_no_more_than_asked_for_is_read_at_once() -> None:
    source, decoder = Input(), TextDecoder()
    source.feed(b"a" * 100)
    assert decoder.read(source, 10) == b"a" * 10
    assert decoder.read(source, 60) == b"a" * 60


# --- NewlineScan ----------------------------------------------------------------------------------


def scan(pieces: Iterable[bytes]) -> tuple[tuple[Defect, ...], int]:
    scanner = NewlineScan()
    for piece in pieces:
        scanner.feed(piece)
    return scanner.defects, scanner.size


def whole_pairs(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """`data` cut anywhere but between a CR and its LF."""
    pieces = [b""]
    for piece in cut(data, sizes):
        if pieces[-1].endswith(b"\r"):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return pieces


@given(data=tricky, sizes=cuts)
def test_defects_are_the_first_of_their_kind_however_the_body_is_cut(
    data: bytes, sizes: list[int]
) -> None:
    found, size = scan(whole_pairs(data, sizes))
    assert size == len(data)
    kinds = {
        "bare_cr": re.search(rb"\r(?!\n)", data),
        "bare_lf": re.search(rb"(?<!\r)\n", data),
        "nul": re.search(rb"\0", data),
        "eight_bit": re.search(rb"[\x80-\xff]", data),
    }
    assert {one.code: one.offset for one in found} == {
        code: match.start() for code, match in kinds.items() if match
    }
    for one in found:
        assert data[one.offset : one.offset + 1] == one.raw
    assert [one.offset for one in found] == sorted(one.offset for one in found)


@given(data=tricky)
def test_the_first_bare_newline_is_where_feed_says(data: bytes) -> None:
    match = re.search(rb"\r(?!\n)|(?<!\r)\n", data)
    assert NewlineScan().feed(data) == (match.start() if match else -1)


@given(
    lengths=st.lists(st.sampled_from([0, 1, 500, 997, 998, 999, 1_000, 2_500]), max_size=5),
    sizes=st.lists(st.sampled_from([1, 2, 499, 997, 998, 999, 1_000, 1_001]), max_size=8),
)
def test_a_line_of_more_than_998_octets_is_long(lengths: list[int], sizes: list[int]) -> None:
    """RFC 5321 section 4.5.3.1.6: 1,000 octets with CRLF, wherever the cuts are."""
    data = b"".join(b"a" * length + b"\r\n" for length in lengths)
    found, _ = scan(whole_pairs(data, sizes))
    start = 0
    want = []
    for length in lengths:
        if length > 998:
            want = [start]
            break
        start += length + 2
    assert [one.offset for one in found if one.code == "long_line"] == want


# --- TextEncoder ----------------------------------------------------------------------------------


def encode(pieces: Iterable[bytes], policy: BareNewlines = BareNewlines.REJECT) -> bytes:
    encoder = TextEncoder(policy)
    return b"".join([*map(encoder.feed, pieces), encoder.end()])


@given(data=clean, sizes=cuts)
def test_what_is_encoded_decodes_to_itself(data: bytes, sizes: list[int]) -> None:
    """Round trip, whatever the cuts of either side; a missing last CRLF is added."""
    wire = encode(cut(data, sizes))
    text = data if not data or data.endswith(b"\r\n") else data + b"\r\n"
    assert decode([wire, b"rest"]) == (text, True, b"rest")


@pytest.mark.parametrize("policy", BareNewlines)
@given(data=tricky, sizes=cuts)
def test_the_wire_form_is_the_same_however_a_body_is_cut(
    policy: BareNewlines, data: bytes, sizes: list[int]
) -> None:
    def outcome(pieces: list[bytes]) -> bytes | None:
        try:
            return encode(pieces, policy)
        except ValueError:
            return None

    wire = outcome(cut(data, sizes))
    assert wire == outcome([data])
    bare = re.search(rb"\r(?!\n)|(?<!\r)\n", data)
    assert (wire is None) == (policy is BareNewlines.REJECT and bare is not None)


@pytest.mark.parametrize("policy", [BareNewlines.NORMALIZE, BareNewlines.PRESERVE])
@given(data=tricky, sizes=cuts)
def test_no_body_can_end_its_own_text(policy: BareNewlines, data: bytes, sizes: list[int]) -> None:
    """Whatever it holds, the only end is the one that end() wrote."""
    wire = encode(cut(data, sizes), policy)
    text, ended, left = decode([wire])
    assert (ended, left) == (True, b"")
    want = normalize(data) if policy is BareNewlines.NORMALIZE else data
    assert text == (want if not want or want.endswith(b"\r\n") else want + b"\r\n")


@pytest.mark.parametrize(
    ("body", "wire"),
    [
        (b"", b".\r\n"),
        (b"x", b"x\r\n.\r\n"),
        (b"x\r\n", b"x\r\n.\r\n"),
        (b".x", b"..x\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\r\n.\r\n", b"a\r\n..\r\n.\r\n"),
        (b"a\r\n..b", b"a\r\n...b\r\n.\r\n"),
        (b"\r\n", b"\r\n.\r\n"),
    ],
)
def test_every_first_dot_is_doubled_and_one_end_is_written(body: bytes, wire: bytes) -> None:
    for at in range(len(body) + 1):
        assert encode([body[:at], body[at:]]) == wire
    assert encode(body[at : at + 1] for at in range(len(body))) == wire


@pytest.mark.parametrize(
    ("body", "wire"),
    [
        (b"a\n.\nMAIL FROM:<e@x>\n", b"a\r\n..\r\nMAIL FROM:<e@x>\r\n.\r\n"),
        (b"a\r.\r", b"a\r\n..\r\n.\r\n"),
        (b"\n", b"\r\n.\r\n"),
        (b"a\r\r\nb", b"a\r\n\r\nb\r\n.\r\n"),
    ],
)
def test_bare_newlines_are_refused_or_made_lines(body: bytes, wire: bytes) -> None:
    """Neither way does a peer that takes a bare newline for a line end see an end of its own."""
    for at in range(len(body) + 1):
        assert encode([body[:at], body[at:]], BareNewlines.NORMALIZE) == wire
        with pytest.raises(ValueError, match="bare CR or LF"):
            encode([body[:at], body[at:]])


def test_a_refused_piece_changes_nothing() -> None:
    encoder = TextEncoder(BareNewlines.REJECT)
    sent = encoder.feed(b"a\r")
    before = pickle.dumps(encoder)
    for _ in range(2):
        with pytest.raises(ValueError, match="bare CR or LF"):
            encoder.feed(b"b\n")
    assert pickle.dumps(encoder) == before
    assert sent + encoder.feed(b"\n.b") + encoder.end() == b"a\r\n..b\r\n.\r\n"


@given(data=tricky)
def test_normalizing_leaves_no_bare_newline_and_is_done_once(data: bytes) -> None:
    once = normalize(data)
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", once)
    assert normalize(once) == once
    assert re.sub(rb"[\r\n]", b"", once) == re.sub(rb"[\r\n]", b"", data)


# --- hand-over ------------------------------------------------------------------------------------


@given(data=tricky, at=st.integers(0, 30))
def test_half_a_text_can_be_handed_over(data: bytes, at: int) -> None:
    wire = encode([data], BareNewlines.NORMALIZE)
    source, decoder, scanner = Input(), TextDecoder(), NewlineScan()
    source.feed(wire[:at])
    text = decoder.read(source, 1 << 20)
    scanner.feed(text)
    source, decoder, scanner = pickle.loads(pickle.dumps((source, decoder, scanner)))
    source.feed(wire[at:])
    while piece := decoder.read(source, 1 << 20):
        text += piece
        scanner.feed(piece)
    assert decoder.ended
    assert text == decode([wire])[0]
    assert scanner.size == len(text)
