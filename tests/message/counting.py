"""Counted work, for tests of linear time: it does not depend on the machine, nor on its mood.

What is counted are the lines of Python that run and the calls into C. A search in C over everything
that is left is one call, whatever it costs: for those the sizes are such that a quadratic one would
take minutes, and the suite's timeout ends it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, TypeVar

__all__ = ["assert_linear", "work"]

T = TypeVar("T")


def work(function: Callable[[], object]) -> int:
    """Lines of Python run and C functions called."""
    count = 0

    def tracer(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += 1
        return tracer

    def profiler(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        if event == "c_call":
            count += 1

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(tracer)
    sys.setprofile(profiler)
    try:
        function()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return count


def assert_linear(make: Callable[[int], T], function: Callable[[T], object], size: int) -> None:
    """The work of `function` on `make(size)`, four times that and sixteen times grows in step."""
    small, middle, large = (make(size * factor) for factor in (1, 4, 16))
    function(small)  # what is worked out once and kept
    counts = [work(partial(function, one)) for one in (small, middle, large)]
    assert counts[1] <= counts[0] * 4 * 1.2 + 2_000, counts
    assert counts[2] <= counts[0] * 16 * 1.2 + 8_000, counts
