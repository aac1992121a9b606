"""SASLprep (RFC 4013) and the trace profile (RFC 4505 section 3)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import sasl


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
    ],
)
def test_the_examples_of_rfc_4013_section_3(text: str, prepared: str) -> None:
    assert sasl.saslprep(text) == prepared
    assert sasl.saslprep(text, stored=True) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031"])
def test_the_errors_of_rfc_4013_section_3(text: str) -> None:
    with pytest.raises(ValueError):
        sasl.saslprep(text)


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("a\u00a0b", "a b"),  # C.1.2: non-ASCII spaces are spaces
        ("a\u3000b", "a b"),
        ("a\u200bb", "a b"),  # in C.1.2 and in B.1: RFC 4013 section 2.1 names the space first
        ("\u00bd", "1\u20442"),  # normalisation form KC; RFC 5802 section 3 names these two
        ("\u00b4", " \u0301"),
        ("e\u0301", "\u00e9"),
        ("\u0627\u0628", "\u0627\u0628"),
        ("\u06271\u0628", "\u06271\u0628"),
        ("\u200d", ""),  # B.1: mapped to nothing
        ("", ""),
    ],
)
def test_mapping_and_normalisation(text: str, prepared: str) -> None:
    """RFC 4013 sections 2.1 and 2.2."""
    assert sasl.saslprep(text) == prepared


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a\x7f",
        "\r\n",
        "\u0080",  # C.2.2: other control characters
        "\u2028",
        "\ue000",  # C.3: private use
        "\ufdd0",  # C.4: no characters
        chr(0xD800),  # C.5: surrogates
        "\ufffd",  # C.6: not for plain text
        "\u2ff0",  # C.7: not for canonical representation
        "\u202e",  # C.8: change the direction
        "\U000e0041",  # C.9: tags
        "\u0627a\u0628",  # RFC 3454 section 6: two directions
        "\u0627\u0628 1",  # and not right-to-left at both ends
    ],
)
def test_what_is_prohibited(text: str) -> None:
    """RFC 4013 sections 2.3 and 2.4."""
    with pytest.raises(ValueError):
        sasl.saslprep(text)


def test_unassigned_characters_may_be_asked_for_but_not_stored() -> None:
    """RFC 4013 section 2.5, RFC 3454 section 7: U+0221 is not in Unicode 3.2."""
    assert sasl.saslprep("\u0221") == "\u0221"
    with pytest.raises(ValueError, match=r"Unicode 3\.2"):
        sasl.saslprep("\u0221", stored=True)


def test_an_endless_text_is_refused_before_it_is_normalised() -> None:
    """To put many combining characters in order takes quadratic time."""
    assert sasl.saslprep("x" * 1_024) == "x" * 1_024
    with pytest.raises(ValueError, match="1024"):
        sasl.saslprep("a" + "\u0315\u0300" * 500_000)
    with pytest.raises(ValueError, match="1024"):
        sasl.saslprep("x" * 1_025)


@given(st.text(max_size=20))
def test_what_is_prepared_stays_as_it_is(text: str) -> None:
    try:
        prepared = sasl.saslprep(text, stored=True)
    except ValueError:
        return
    assert sasl.saslprep(prepared, stored=True) == prepared


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_printable_ascii_is_prepared(text: str) -> None:
    assert sasl.saslprep(text, stored=True) == text


@pytest.mark.parametrize("trace", ["\u00aa", "\u00a0", "\u00ad", "\u0221", "sirhc", "a@b.example"])
def test_a_trace_is_not_mapped(trace: str) -> None:
    """RFC 4505 section 3: no mapping, no normalisation, unassigned characters allowed."""
    assert sasl.Anonymous(trace).initial == trace.encode()


@pytest.mark.parametrize(
    "trace", ["\x07", "\u0080", "\ue000", "\ufdd0", "\ufffd", "\u202e", "\U000e0041", "\u06271"]
)
def test_what_is_prohibited_in_a_trace(trace: str) -> None:
    with pytest.raises(ValueError, match="trace"):
        sasl.Anonymous(trace)
