"""Envelopes and ESMTP parameters as data."""

from __future__ import annotations

import pickle

import attrs
import pytest

from mailproto._envelope import Envelope, Param, Parameter, Recipient


def _colour(value: str | None) -> str:
    if value not in ("RED", "BLUE", "ULTRAVIOLET"):
        raise ValueError("no colour")
    return value


COLOUR = Parameter[str](
    "XCOLOUR",
    "MAIL",
    _colour,
    _colour,
    value_extension=(("ULTRAVIOLET", "XBEES"),),
)


def test_recipients_may_be_strings() -> None:
    envelope = Envelope("a@a.example", ["b@b.example", Recipient("c@c.example", (Param("X"),))])
    assert envelope.recipients == (
        Recipient("b@b.example"),
        Recipient("c@c.example", (Param("X"),)),
    )
    assert [str(recipient) for recipient in envelope.recipients] == ["b@b.example", "c@c.example"]


def test_any_iterable_of_them() -> None:
    assert Envelope("", (f"{name}@b.example" for name in "xy")).recipients == (
        Recipient("x@b.example"),
        Recipient("y@b.example"),
    )


def test_one_string_is_not_a_list() -> None:
    with pytest.raises(TypeError):
        Envelope("a@a.example", "b@b.example")


def test_duplicates_and_order_are_kept() -> None:
    """RFC 5321 section 3.3 has no rule against naming a recipient twice; LMTP counts both."""
    envelope = Envelope("", ["b@x", "a@x", "b@x"])
    assert [recipient.address for recipient in envelope.recipients] == ["b@x", "a@x", "b@x"]


def test_an_envelope_is_a_value() -> None:
    one = Envelope("a@x", ["b@x"], (Param("SIZE", "1"),))
    assert one == Envelope("a@x", (Recipient("b@x"),), (Param("SIZE", "1"),))
    assert hash(one) == hash(pickle.loads(pickle.dumps(one)))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(one, "sender", "c@x")  # noqa: B010


def test_a_row_writes_and_reads_its_parameter() -> None:
    assert COLOUR("RED") == Param("XCOLOUR", "RED")
    assert Envelope("", ["b@x"], (Param("X"), COLOUR("RED"))).get(COLOUR) == "RED"
    assert Recipient("b@x").get(COLOUR) is None
    with pytest.raises(ValueError, match="colour"):
        COLOUR("SQUARE")
    with pytest.raises(ValueError, match="colour"):
        Envelope("", ["b@x"], (Param("XCOLOUR", "SQUARE"),)).get(COLOUR)


def test_which_keyword_offers_a_parameter() -> None:
    assert COLOUR.needs(Param("XCOLOUR", "RED")) == "XCOLOUR"
    assert COLOUR.needs(Param("XCOLOUR", "ultraviolet")) == "XBEES"
    named = attrs.evolve(COLOUR, extension="XPAINT")
    assert named.needs(Param("XCOLOUR", "RED")) == "XPAINT"
    assert named.needs(Param("XCOLOUR")) == "XPAINT"
