"""Errors: what they say, what they carry, that they travel."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from mailproto import errors
from mailproto.errors import (
    ConnectionLost,
    Defect,
    LimitExceeded,
    LocalProtocolError,
    NotOffered,
    ProtocolError,
    RemoteProtocolError,
)

ALL = [
    ProtocolError,
    LocalProtocolError,
    NotOffered,
    RemoteProtocolError,
    LimitExceeded,
    ConnectionLost,
]


@pytest.mark.parametrize("kind", ALL)
def test_an_error_says_what_happened_and_what_a_server_would_answer(
    kind: type[ProtocolError],
) -> None:
    error = kind("what happened", ("500", "no"))
    assert str(error) == "what happened"
    assert error.reply == ("500", "no")
    assert kind("what happened").reply is None


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_travels_to_another_process(kind: type[ProtocolError], protocol: int) -> None:
    """It may be kept by a machine that is handed over."""
    error = pickle.loads(pickle.dumps(kind("what happened", "-no"), protocol))
    assert type(error) is kind
    assert (str(error), error.reply) == ("what happened", "-no")


def test_a_subclass_of_ones_own_travels_without_further_code() -> None:
    error = pickle.loads(pickle.dumps(Forged("what happened")))
    assert type(error) is Forged


class Forged(RemoteProtocolError):
    pass


def test_whose_fault_it_was_is_never_in_doubt() -> None:
    """What the peer does wrong and what this side does wrong share no class but the base."""
    assert not issubclass(LocalProtocolError, RemoteProtocolError)
    assert not issubclass(RemoteProtocolError, LocalProtocolError)
    assert issubclass(LimitExceeded, RemoteProtocolError)
    assert issubclass(ConnectionLost, RemoteProtocolError)
    assert not issubclass(ProtocolError, (OSError, ValueError, TypeError))


def test_every_error_is_a_protocol_error() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__]
    classes = [kind for kind in kinds if isinstance(kind, type)]
    assert {kind for kind in classes if issubclass(kind, Exception)} == set(ALL)


def test_a_defect_is_a_value() -> None:
    defect = Defect("bare_lf", 3, b"\n")
    assert defect == Defect("bare_lf", 3, b"\n")
    assert defect != Defect("bare_lf", 4, b"\n")
    assert len({defect, Defect("bare_lf", 3, b"\n")}) == 1
    assert pickle.loads(pickle.dumps(defect)) == defect
    anything: Any = defect
    with pytest.raises(AttributeError):
        anything.offset = 4
