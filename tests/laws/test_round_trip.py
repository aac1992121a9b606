"""Law 2: what was said is what is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from .machines import CODECS, Codec


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@given(data=st.data())
def test_parse_gives_back_what_encode_was_given(codec: Codec, data: st.DataObject) -> None:
    value = data.draw(codec.values)
    wire = codec.encode(value)
    assert codec.parse(wire) == value
    assert codec.encode(codec.parse(wire)) == wire


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
@given(data=st.data())
def test_a_value_takes_the_lines_it_should(codec: Codec, data: st.DataObject) -> None:
    """Law 9 for everything that can be said."""
    value = data.draw(codec.values)
    wire = codec.encode(value)
    assert wire.endswith(b"\r\n")
    assert wire.count(b"\r\n") == codec.lines(value)
    assert not set(wire.replace(b"\r\n", b"")) & {0, 10, 13}
