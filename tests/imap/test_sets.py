"""Sequence sets: what is one, what it says, and that the algebra is that of Python's sets.

RFC 3501 section 9 and RFC 9051 section 9 for the grammar and for `*`; RFC 4315 section 3 for the
order of a uid-set; RFC 5182 section 2.1 for `$`.
"""

from __future__ import annotations

import pickle
from itertools import chain, pairwise
from operator import and_, ge, le, or_, sub
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto.imap._sets import EMPTY, SAVED, STAR, SequenceSet

from ..message.counting import assert_linear

parse = SequenceSet.parse

# Small numbers meet each other; those at the upper end meet `*`.
numbers = st.integers(1, 40) | st.integers(STAR - 4, STAR - 1)
bounds = numbers | st.just(STAR)
pairs = st.tuples(bounds, bounds)
small_pairs = st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n + 9)))


def made(items: list[tuple[int, int]]) -> SequenceSet:
    return SequenceSet.of(*items)


sets = st.lists(small_pairs).map(made)
starry = st.lists(pairs, min_size=1).map(made)


def written(items: list[tuple[int, int]]) -> bytes:
    """The pairs as a peer may write them: the larger one first, or the same number twice."""
    return ",".join(":".join("*" if n == STAR else str(n) for n in item) for item in items).encode()


def expanded(items: list[tuple[int, int]]) -> list[int]:
    """The numbers, one by one."""
    return list(chain.from_iterable(range(min(item), max(item) + 1) for item in items))


# --- The grammar ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "ranges"),
    [
        (b"1", [(1, 1)]),
        (b"4294967295", [(STAR - 1, STAR - 1)]),
        (b"2:4", [(2, 4)]),
        (b"4:2", [(2, 4)]),
        (b"7:7", [(7, 7)]),
        (b"*", [(STAR, STAR)]),
        (b"*:*", [(STAR, STAR)]),
        (b"1:*", [(1, STAR)]),
        (b"*:4,5:7", [(4, STAR), (5, 7)]),
        (b"2,4:7,9,12:*", [(2, 2), (4, 7), (9, 9), (12, STAR)]),
        (b"304,319:320", [(304, 304), (319, 320)]),
        (b"3,1,3", [(3, 3), (1, 1), (3, 3)]),
        (b"10,100:1000,999999999:1000000000", [(10, 10), (100, 1000), (999999999, 1000000000)]),
    ],
)
def test_what_is_a_set(octets: bytes, ranges: list[tuple[int, int]]) -> None:
    assert list(parse(octets).ranges) == ranges
    assert SequenceSet(octets.decode()) == parse(octets) == SequenceSet.of(*ranges)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"0",
        b"01",
        b"1,02",
        b"1:0",
        b"0:*",
        b"1,",
        b",1",
        b"1,,2",
        b"1:",
        b":1",
        b"1:2:3",
        b"1::2",
        b"1 ",
        b" 1",
        b"1, 2",
        b"1\n",
        b"1,\r\n2",
        b"\0" + b"1",
        b"-1",
        b"+1",
        b"1_0",
        b"1.5",
        b"1e3",
        b"0x1",
        b"a",
        b"\xd9\xa3",
        b"\xb2",
        b"**",
        b"*1",
        b"1*",
        b"*0",
        b"1:*2",
        b"1,*2",
        b"1:**",
        b"$$",
        b"$,1",
        b"1,$",
        b"1:$",
        b"$ ",
        b"[1]",
        b"4294967296",
        b"4294967300",
        b"4294968000",
        b"4300000000",
        b"5000000000",
        b"9999999999",
        b"10000000000",
        b"42949672950",
        b"1:4294967296",
        b"4294967296:1",
        b"1,4294967296,2",
        b"9" * 5000,
    ],
    ids=lambda octets: repr(octets[:20]),
)
def test_what_is_no_set(octets: bytes) -> None:
    """RFC 3501 section 9: nz-number is 32 bits and does not begin with 0; `$` stands alone."""
    with pytest.raises(ValueError, match="not a sequence-set"):
        parse(octets)
    if octets:
        with pytest.raises(ValueError):
            SequenceSet(octets.decode("latin-1"))


@given(st.text("019*:,$ ", max_size=12))
def test_the_grammar_is_that_of_the_abnf(text: str) -> None:
    def is_number(word: str) -> bool:
        fine = word.isdecimal() and word[0] != "0" and int(word) < STAR
        return word == "*" or fine

    def is_range(item: str) -> bool:
        ends = item.split(":")
        return len(ends) <= 2 and all(map(is_number, ends))

    good = text == "$" or all(map(is_range, text.split(",")))
    if good:
        assert parse(text.encode())
    else:
        with pytest.raises(ValueError):
            parse(text.encode())


@given(st.integers(1, 10**11))
def test_numbers_end_at_32_bits(number: int) -> None:
    octets = b"%d" % number
    if number < STAR:
        assert bytes(parse(octets)) == octets
    else:
        with pytest.raises(ValueError):
            parse(octets)


# --- What is written ------------------------------------------------------------------------------


@given(st.lists(pairs, min_size=1))
def test_octets_and_pairs_make_the_same_set(items: list[tuple[int, int]]) -> None:
    one, other = parse(written(items)), made(items)
    assert list(one.ranges) == list(other.ranges) == [(min(item), max(item)) for item in items]
    assert one == other
    assert hash(one) == hash(other)
    assert bytes(one) == bytes(other)


@given(starry)
def test_round_trips(one: SequenceSet) -> None:
    assert parse(bytes(one)) == one
    assert bytes(parse(bytes(one))) == bytes(one)
    assert SequenceSet(str(one)) == one
    assert str(one).encode() == bytes(one)
    assert pickle.loads(pickle.dumps(one)) == one
    assert pickle.loads(pickle.dumps(parse(bytes(one)))) == one


@given(starry, starry)
def test_equal_sets_are_written_the_same_and_others_are_not(
    one: SequenceSet, other: SequenceSet
) -> None:
    assert (one == other) is (bytes(one) == bytes(other))
    fresh = parse(bytes(one)), parse(bytes(other))
    assert (fresh[0] == fresh[1]) is (bytes(one) == bytes(other))


def test_the_order_of_ranges_counts_and_that_within_a_range_does_not() -> None:
    assert parse(b"5:3") == parse(b"3:5")
    assert parse(b"5:5") == parse(b"5")
    assert bytes(parse(b"5:3,7:7")) == b"3:5,7"
    assert parse(b"1,2") != parse(b"2,1")
    assert parse(b"1,2") != parse(b"1:2")
    assert parse(b"1,2").normal() == parse(b"2,1").normal() == parse(b"1:2")
    assert parse(b"1") != "1"


def test_unchanged_octets_are_not_written_again() -> None:
    octets = b"3,1,*"
    assert bytes(parse(octets)) is octets


def test_numbers_keep_the_order_written() -> None:
    """RFC 4315 section 3: "a range of 12:10 is exactly equivalent to 10:12"."""
    assert list(parse(b"304,319:320").numbers()) == [304, 319, 320]
    assert list(parse(b"12:10,3,11").numbers()) == [10, 11, 12, 3, 11]
    pairing = zip(parse(b"304,319:320").numbers(), parse(b"3956:3958").numbers(), strict=True)
    assert list(pairing) == [(304, 3956), (319, 3957), (320, 3958)]


@given(st.lists(small_pairs))
def test_numbers_are_those_of_the_ranges_in_turn(items: list[tuple[int, int]]) -> None:
    assert list(made(items).numbers()) == expanded(items)


def test_items() -> None:
    one = SequenceSet.of(2, (7, 4), range(9, 11), range(20, 18, -1), range(3, 3), (12, STAR), STAR)
    assert str(one) == "2,4:7,9:10,19:20,12:*,*"
    assert str(SequenceSet.of(range(1, 8, 3), range(9, 4, -2))) == "1,4,7,9,7,5"
    assert SequenceSet.of() == EMPTY


@pytest.mark.parametrize(
    "item",
    [0, -1, STAR + 1, (0, 1), (5, STAR + 1), range(2), range(STAR - 1, STAR + 1), range(-9, 9, 3)],
)
def test_items_out_of_range(item: Any) -> None:
    with pytest.raises(ValueError):
        SequenceSet.of(item)


@pytest.mark.parametrize("item", [1.5, "1", None, [1, 2], b"1"])
def test_items_of_other_kinds(item: Any) -> None:
    with pytest.raises(TypeError):
        SequenceSet.of(item)


@given(st.lists(numbers))
def test_from_numbers_sorts_and_merges(some: list[int]) -> None:
    one = SequenceSet.from_numbers(iter(some))
    assert list(one) == list(one.numbers()) == sorted(set(some))
    assert one == one.normal() == SequenceSet.of(*some).normal()


def test_from_numbers_makes_runs() -> None:
    assert str(SequenceSet.from_numbers([5, 3, 4, 9, 3])) == "3:5,9"
    assert SequenceSet.from_numbers([]) == EMPTY


@pytest.mark.parametrize("wrong", [0, -5, STAR])
def test_from_numbers_takes_ids_only(wrong: int) -> None:
    with pytest.raises(ValueError):
        SequenceSet.from_numbers([1, wrong, 2])


def test_repr_is_short() -> None:
    assert repr(parse(b"1:3,5")) == "SequenceSet('1:3,5')"
    assert repr(parse(b"5:*")) == "SequenceSet('5:*')"
    assert repr(EMPTY) == "SequenceSet('')"
    assert repr(SAVED) == "SequenceSet('$')"
    every_other = SequenceSet.from_numbers(range(1, 100_000, 2))
    assert repr(every_other) == "SequenceSet('1,3,5,7,9,11,13,15,...,99999')"


@given(st.lists(pairs, max_size=9).map(made))
def test_repr_can_be_read(one: SequenceSet) -> None:
    assert eval(repr(one)) == one


def test_a_set_has_nothing_to_change() -> None:
    one: Any = parse(b"1:3")
    with pytest.raises(AttributeError):
        one.ranges = []
    with pytest.raises(AttributeError):
        one.note = "mine"


# --- The star -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "largest", "resolved"),
    [
        ("2,4:7,9,12:*", 15, "2,4:7,9,12:15"),
        ("*:4,5:7", 10, "4:10,5:7"),
        ("3291:*", 3, "3:3291"),
        ("5:*", 3, "3:5"),
        ("*", 3, "3"),
        ("*:*", 3, "3"),
        ("1:*", 1, "1"),
        ("1:*", STAR - 1, "1:4294967295"),
        ("9,1:3", 2, "9,1:3"),
        ("1:*", 0, ""),
        ("*", 0, ""),
        ("7,*,2:*", 0, "7"),
    ],
)
def test_the_star_is_the_largest_number(octets: str, largest: int, resolved: str) -> None:
    """RFC 3501 section 9: `3291:*` has the last UID in it "even if that value is less"."""
    one = SequenceSet(octets).resolve(largest)
    assert one == SequenceSet(resolved)
    assert not one.has_star


@given(starry, st.integers(1, 60))
def test_resolving_is_replacing(one: SequenceSet, largest: int) -> None:
    assert one.resolve(largest) == SequenceSet(str(one).replace("*", str(largest)))


@given(starry, st.integers(1, 60))
def test_the_normal_form_says_the_same_of_what_exists(one: SequenceSet, largest: int) -> None:
    exists = SequenceSet.of((1, largest))
    assert one.normal().resolve(largest) & exists == one.resolve(largest) & exists


@pytest.mark.parametrize("largest", [-1, STAR, STAR + 1])
def test_the_largest_number_is_a_number(largest: int) -> None:
    with pytest.raises(ValueError):
        parse(b"*").resolve(largest)


@given(starry)
def test_has_star(one: SequenceSet) -> None:
    assert one.has_star is parse(bytes(one)).has_star is ("*" in str(one))


# What cannot be said as long as it is not known which numbers are meant.
questions = pytest.mark.parametrize(
    "ask",
    [
        len,
        iter,
        SequenceSet.numbers,
        lambda one: 3 in one,
        lambda one: one & SequenceSet("1"),
        lambda one: SequenceSet("1") & one,
        lambda one: one - SequenceSet("1"),
        lambda one: SequenceSet("1") - one,
        lambda one: one <= SequenceSet("1"),
        lambda one: one >= SequenceSet("1"),
        lambda one: one.isdisjoint(SequenceSet("1")),
    ],
)


@questions
def test_what_a_star_leaves_open(ask: Any) -> None:
    for octets in (b"*", b"5:*", b"1:*", b"1,*:2,7"):
        with pytest.raises(ValueError, match="resolve"):
            ask(parse(octets))


# --- `$` and the empty set ------------------------------------------------------------------------


def test_the_saved_result() -> None:
    """RFC 5182 section 2.1: `$` refers to the "search result variable" of the server."""
    assert parse(b"$") is SAVED
    assert SequenceSet("$") == SAVED
    assert hash(SequenceSet("$")) == hash(SAVED)
    assert pickle.loads(pickle.dumps(SAVED)) is SAVED
    assert bytes(SAVED) == b"$"
    assert str(SAVED) == "$"
    assert bool(SAVED)
    assert not SAVED.has_star
    assert SAVED not in {EMPTY, parse(b"1"), parse(b"*")}
    assert parse(b"1") != SAVED
    assert list(SAVED.chunks(1000)) == [SAVED]


@questions
def test_nobody_but_the_server_knows_what_is_saved(ask: Any) -> None:
    with pytest.raises(ValueError, match="the server"):
        ask(SAVED)


def test_what_else_is_not_known_of_the_saved_result() -> None:
    for ask in (
        lambda: SAVED.ranges,
        SAVED.normal,
        lambda: SAVED.resolve(5),
        lambda: SAVED | EMPTY,
        lambda: EMPTY | SAVED,
    ):
        with pytest.raises(ValueError, match="the server"):
            ask()


def test_the_empty_set() -> None:
    assert not EMPTY
    assert len(EMPTY) == 0
    assert [*EMPTY, *EMPTY.numbers(), *EMPTY.ranges] == []
    assert str(EMPTY) == ""
    assert EMPTY.normal() is EMPTY.resolve(0) is EMPTY
    assert list(EMPTY.chunks(100)) == []
    assert pickle.loads(pickle.dumps(EMPTY)) == EMPTY
    assert SequenceSet("1:3") - SequenceSet("1:3") == EMPTY
    assert EMPTY | parse(b"2,1") == parse(b"1:2")
    with pytest.raises(ValueError, match="cannot be written"):
        bytes(EMPTY)


# --- The algebra ----------------------------------------------------------------------------------


def is_normal(one: SequenceSet) -> bool:
    ranges = list(one.ranges)
    return all(before[1] + 1 < after[0] for before, after in pairwise(ranges))


@given(st.lists(small_pairs))
def test_a_set_has_each_number_once(items: list[tuple[int, int]]) -> None:
    one, plain = made(items), set(expanded(items))
    assert len(one) == len(plain)
    assert list(one) == sorted(plain)
    assert bool(one) is bool(plain)
    assert [number for number in range(60) if number in one] == sorted(plain)


@given(starry)
def test_the_normal_form(one: SequenceSet) -> None:
    normal = one.normal()
    assert is_normal(normal)
    assert normal.normal() is normal
    assert (normal == one) is is_normal(one)
    assert normal.has_star is one.has_star


@given(sets, sets)
def test_the_algebra_is_that_of_sets(one: SequenceSet, other: SequenceSet) -> None:
    a, b = set(one), set(other)
    for got, wanted in ((one | other, a | b), (one & other, a & b), (one - other, a - b)):
        assert list(got) == sorted(wanted)
        assert is_normal(got)
        assert got.normal() is got
    assert (one <= other) is (a <= b)
    assert (one >= other) is (a >= b)
    assert one.isdisjoint(other) is a.isdisjoint(b)
    assert one & other <= one <= one | other


@given(st.lists(st.tuples(numbers, numbers)).map(made))
def test_a_set_and_the_rest_are_everything(one: SequenceSet) -> None:
    everything = SequenceSet("1:4294967295")
    rest = everything - one
    assert one | rest == everything
    assert one.isdisjoint(rest)
    assert len(one) + len(rest) == STAR - 1
    assert everything - rest == one.normal()


@given(starry, sets, st.integers(1, 60))
def test_a_union_may_have_a_star(one: SequenceSet, other: SequenceSet, largest: int) -> None:
    exists = SequenceSet.of((1, largest))
    united = (one | other).resolve(largest)
    assert united & exists == (one.resolve(largest) | other) & exists


def test_only_numbers_are_in_a_set() -> None:
    one = parse(b"1:3")
    for stranger in ("1", None, 0, -1, STAR, STAR - 1, 10**30):
        assert stranger not in one


@pytest.mark.parametrize("operate", [or_, and_, sub, le, ge])
@pytest.mark.parametrize("other", [{1, 2}, 1, "1", None], ids=repr)
def test_the_algebra_is_among_sequence_sets(operate: Any, other: Any) -> None:
    with pytest.raises(TypeError):
        operate(SequenceSet("1:3"), other)


# --- Pieces ---------------------------------------------------------------------------------------


@given(starry, st.integers(21, 80))
def test_chunks_are_the_set_in_order(one: SequenceSet, size: int) -> None:
    chunks = list(one.chunks(size))
    assert b",".join(map(bytes, chunks)) == bytes(one)
    assert all(len(bytes(chunk)) <= size for chunk in chunks)
    # None could have taken the first range of the next one.
    for chunk, following in pairwise(chunks):
        assert len(bytes(chunk)) + 1 + len(bytes(following).split(b",")[0]) > size


def test_the_longest_range_fits_into_the_smallest_chunk() -> None:
    octets = b"4294967294:4294967295"
    assert [bytes(one) for one in parse(octets + b",1").chunks(21)] == [octets, b"1"]
    with pytest.raises(ValueError, match="21"):
        parse(b"1").chunks(20)


# --- Work -----------------------------------------------------------------------------------------

singles = ",".join(map(str, range(1, 60_000, 2)))
ranges = ",".join(f"{number + 1}:{number}" for number in range(1, 90_000, 3))


@pytest.mark.parametrize("text", [singles, ranges], ids=["singles", "ranges"])
@pytest.mark.parametrize(
    "use",
    [
        lambda one: one,
        bytes,
        len,
        hash,
        list,
        SequenceSet.normal,
        lambda one: 5 in one,
        lambda one: one | SequenceSet("7:20000"),
        lambda one: one - SequenceSet("7:20000"),
        lambda one: list(one.chunks(50)),
    ],
)
def test_linear(text: str, use: Any) -> None:
    assert_linear(
        lambda n: text[:n].rpartition(",")[0].encode(), lambda octets: use(parse(octets)), 10_000
    )


def test_no_work_for_each_id() -> None:
    everything, low = SequenceSet("1:4294967295"), SequenceSet("5:1000000000")
    assert len(everything - low) == STAR - 1 - len(low)
    assert everything & low == low
    assert everything | low == everything
    assert low <= everything
    assert 4_000_000_000 in everything
    assert next(iter(everything)) == 1
    assert str(everything - low) == "1:4,1000000001:4294967295"


def test_a_long_set_that_fails_at_its_end_costs_no_more() -> None:
    """Nothing is tried a second way: the pattern never goes back."""
    for ending in (",", ":", ",0", ",5000000000", ":1:1", " "):
        with pytest.raises(ValueError):
            parse(b"1:3,5," * 100_000 + b"1" + ending.encode())
