"""Law 6: a refused call leaves the machine exactly as it was."""

from __future__ import annotations

import pickle

import pytest

from .machines import REFUSALS, ROWS, Row, acts, moments


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_refusal_changes_nothing(row: Row) -> None:
    refused = 0
    for where, frozen in moments(row):
        machine = pickle.loads(frozen)
        before = pickle.dumps(machine)
        for name, act in acts(row):
            try:
                act(machine)
            except REFUSALS:
                refused += 1
                assert pickle.dumps(machine) == before, f"{name} at {where}"
            else:
                machine = pickle.loads(frozen)
    assert refused
