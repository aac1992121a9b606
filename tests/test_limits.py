"""Limits: frozen, checked once, with defaults that the RFCs ask for."""

from __future__ import annotations

import pickle
from typing import Any

import attrs
import pytest

from mailproto import Limits

PROGRESS = ["batch", "chunk", "output"]
OPTIONAL = [field.name for field in attrs.fields(Limits) if field.name not in PROGRESS]


def test_defaults_are_no_smaller_than_the_rfcs_ask_for() -> None:
    limits = Limits()
    assert limits.line is not None
    assert limits.line >= 12_288  # RFC 4954 section 4: AUTH
    assert limits.reply is not None
    assert limits.reply >= 512  # RFC 5321 section 4.5.3.1.5
    assert limits.recipients is not None
    assert limits.recipients >= 100  # RFC 5321 section 4.5.3.1.8


@pytest.mark.parametrize("name", OPTIONAL)
def test_none_is_unlimited_and_zero_is_zero(name: str) -> None:
    values: tuple[Any, ...] = (None, 0)
    for value in values:
        assert getattr(Limits(**{name: value}), name) is value


@pytest.mark.parametrize("name", PROGRESS)
@pytest.mark.parametrize("value", [0, -1])
def test_what_must_make_progress_is_at_least_one(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=rf"limits\.{name}"):
        Limits(**{name: value})
    assert getattr(Limits(**{name: 1}), name) == 1


def test_limits_are_values_that_nobody_changes() -> None:
    limits = Limits(line=100)
    assert limits == Limits(line=100)
    assert limits != Limits()
    assert pickle.loads(pickle.dumps(limits)) == limits
    anything: Any = limits
    with pytest.raises(AttributeError):
        anything.line = 5
    assert attrs.evolve(limits, chunk=7) == Limits(line=100, chunk=7)


def test_limits_are_named_never_counted() -> None:
    positional: Any = Limits
    with pytest.raises(TypeError):
        positional(100)


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Limits)])
def test_none_is_unlimited_and_less_than_nothing_is_refused(name: str) -> None:
    limits: Any = {name: None}
    assert getattr(Limits(**limits), name) in (None, 2**62)
    limits[name] = -1
    with pytest.raises(ValueError):
        Limits(**limits)
