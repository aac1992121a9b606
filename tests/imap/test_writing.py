"""What is written: the edges at which a writer goes wrong, one by one."""

from __future__ import annotations

import attrs
import pytest

from mailproto import imap

LEAF = imap.BodyStructure(*("text", "plain", (), None, None, "7bit", 0, 0, None, None, (), None))


def wire(item: imap.Command | imap.Response, *, tag: str = "", utf8: bool = False) -> bytes:
    fragments = imap.encode(item, tag=tag, dialect=imap.Dialect(utf8=utf8, literals="+"))
    return b"".join(one.octets for one in fragments if isinstance(one, imap.Fragment))


def response(item: imap.Response, *, utf8: bool = False) -> imap.Response:
    """`item`, written and read again."""
    return imap.parse_response(wire(item, utf8=utf8), utf8=utf8)


# -- response codes (RFC 9051 section 7.1) ---------------------------------------------------------


def status(name: str, value: object = None) -> imap.Condition:
    return imap.Condition("NO", "text", imap.ResponseCode(name, value))


def test_an_unknown_code_may_have_no_argument() -> None:
    """RFC 9051 section 9: `atom [SP 1*<any TEXT-CHAR except "]">]`."""
    read = response(status("X-OWN"))
    assert read == status("X-OWN")
    assert isinstance(read, imap.Condition)
    assert read.defects == ()


@pytest.mark.parametrize("charset", ["a\r\nb", "ü", "\0"])
def test_there_is_no_literal_in_a_line_of_text(charset: str) -> None:
    """RFC 9051 section 9: charset = atom / quoted. Peers look for no literal there."""
    with pytest.raises(ValueError, match="quoted"):
        wire(status("BADCHARSET", ("UTF-8", charset)))
    assert wire(status("BADCHARSET", ("UTF-8", 'a"b'))) == (
        b'* NO [BADCHARSET (UTF-8 "a\\"b")] text\r\n'
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("BADURL", "a]b"), ("BADURL", "a[b"), ("X-OWN", "["), ("NEWNAME", ("a b", "c"))],
)
def test_what_would_end_a_code_elsewhere_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match="response code"):
        wire(status(name, value))


# -- FETCH (RFC 9051 section 7.5.2) ----------------------------------------------------------------


@pytest.mark.parametrize("md5", ["x\r\ny", "ü", "x" * 2_000])
def test_any_string_may_be_a_literal(md5: str) -> None:
    """RFC 9051 section 9: body-fld-md5 = nstring."""
    data = imap.FetchData(1, [("BODYSTRUCTURE", attrs.evolve(LEAF, md5=md5))])
    assert b"{" in wire(data)
    assert response(data) == data


@pytest.mark.parametrize("utf8", [False, True])
def test_labels_are_written_as_names_are(utf8: bool) -> None:
    data = imap.FetchData(1, [("X-GM-LABELS", ("&AOk-", "été", "\\Inbox", "\\&AOk-"))])
    assert response(data, utf8=utf8) == data


def test_a_mod_sequence_is_above_0() -> None:
    """RFC 7162 section 7: permsg-modsequence = mod-sequence-value, which is 1 or more."""
    with pytest.raises(ValueError, match="from 1"):
        wire(imap.FetchData(1, [("MODSEQ", 0)]))


# -- SELECT (RFC 7162 section 3.2.5) ---------------------------------------------------------------


@pytest.mark.parametrize("match", ["", "x", [], (imap.SequenceSet("1"),)])
def test_what_matches_is_two_sets(match: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        wire(imap.Select("INBOX", (("QRESYNC", (1, 2, None, match)),)), tag="A1")


def test_nil_is_a_whole_word() -> None:
    """RFC 9051 section 9: `NIL]` is an astring like others."""
    data = imap.FetchData(1, [("X-GM-LABELS", ("NIL]", "NIL")), ("X-OWN", ("NIL]", None))])
    assert response(data) == data
    assert b'(NIL] "NIL")' in wire(data)


@pytest.mark.parametrize("kind", ['"attachment"', 'a"b', "Attachment"])
def test_what_would_be_read_as_another_disposition_is_refused(kind: str) -> None:
    """Servers are met that quote what is quoted, so readers take the quotes away."""
    with pytest.raises(ValueError, match="disposition"):
        wire(imap.FetchData(1, [("BODYSTRUCTURE", attrs.evolve(LEAF, disposition=(kind, ())))]))


# -- LIST (RFC 5258 section 6) ---------------------------------------------------------------------
