"""Law 10: a machine goes on in another process, from any moment."""

from __future__ import annotations

import io
import pickle
import types
from typing import Any

import pytest

from mailproto import Limits, Machine
from mailproto.testing import run

from .machines import ROWS, Row, moments

SESSIONS = [(row, name) for row in ROWS for name in row.sessions]

NOT_DATA: tuple[type, ...] = (
    memoryview,
    types.MethodType,
    types.GeneratorType,
    types.CoroutineType,
    types.ModuleType,
    type(iter([])),
    type(iter(())),
    map,
    filter,
    zip,
)


def moved(machine: Machine[Any]) -> Machine[Any]:
    copy: Machine[Any] = pickle.loads(pickle.dumps(machine))
    return copy


@pytest.mark.parametrize(("row", "name"), SESSIONS, ids=lambda one: getattr(one, "name", one))
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut"])
def test_nothing_is_noticed(row: Row, name: str, cut: bool) -> None:
    steps = row.sessions[name]
    octets = sum(len(step) for step in steps if isinstance(step, bytes))
    size = 1 if octets < 2_000 else 97
    cuts = (lambda _: size) if cut else None
    stayed = run(row.make(Limits()), steps, row.make_play(), cuts=cuts)
    travelled = run(row.make(Limits()), steps, row.make_play(), cuts=cuts, between=moved)
    assert travelled.differs_from(stayed) is None


class Inspector(pickle.Pickler):
    """Refuses whatever is not data. (A function with a name is: pickle writes down the name.)"""

    def persistent_id(self, obj: Any) -> None:
        assert not isinstance(obj, NOT_DATA), f"{obj!r} is not plain data"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_state_is_plain_data(row: Row) -> None:
    for _, frozen in moments(row):
        Inspector(io.BytesIO()).dump(pickle.loads(frozen))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_errors_travel_with_their_machine(row: Row) -> None:
    kept = [
        (error, pickle.loads(frozen))
        for _, frozen in moments(row)
        if (error := pickle.loads(frozen)._error) is not None
    ]
    assert kept, "no session of this row ends in an error"
    for error, machine in kept:
        trace = run(machine, [])
        assert type(trace.error) is type(error)
        assert str(trace.error) == str(error)
