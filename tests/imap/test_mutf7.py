"""Names of mailboxes: what is text, what stays octets, and that nothing is lost on the way.

RFC 3501 section 5.1.3 and RFC 9051 appendix A.1 for modified UTF-7; RFC 6855 section 3 and RFC 9051
section 5.1 for UTF-8.
"""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailproto.imap._mutf7 import decode_name, encode_name

from ..message.counting import assert_linear

modes = pytest.mark.parametrize("utf8", [False, True], ids=["utf7", "utf8"])

# Octets among which shifts, good and bad, are likely.
pieces = [b"&", b"-", b"A", b"AOk", b"&AOk-", b"&-", b"2D3eBA", b",", b"+", b"=", b"/", b"\xc3\xa9"]
shifty = st.lists(st.sampled_from([*pieces, b"\x80", b"\t", b"Jjo", b"&AG", b"INBOX"])).map(
    b"".join
)
octet_strings = st.binary() | shifty
texts = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]))


def is_sendable(octets: bytes) -> bool:
    return not set(octets) & set(b"\0\r\n")


# --- Modified UTF-7 -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"", ""),
        (b"Sent Items", "Sent Items"),
        (b'a%*"\\{b}', 'a%*"\\{b}'),
        (b"a+b-c", "a+b-c"),
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
        (b"&U,BTF2XlZyyKng-", "台北日本語"),
        (b"&Jjo-!", "☺!"),
        (b"R&-D", "R&D"),
        (b"&-&-", "&&"),
        (b"&--", "&-"),
        (b"&AOk-&-", "é&"),
        (b"&-&AOk-", "&é"),
        (b"Entw&APw-rfe", "Entwürfe"),
        (b"&2D3eBA-", "\U0001f604"),
        (b"&,,8-", "\uffff"),
        (b"&,v8-", "\ufeff"),
        (b"&AAk-", "\t"),
        (b"&AH8-", "\x7f"),
        (b"&AIA-", "\x80"),
    ],
)
def test_names(octets: bytes, name: str) -> None:
    assert decode_name(octets) == name
    assert encode_name(name) == octets


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"&U,BTFw-&ZeVnLIqe-", id="superfluous shift"),
        pytest.param(b"&Jjo!", id="no shift back"),
        pytest.param(b"&Jjo", id="no shift back at the end"),
        pytest.param(b"a&", id="a shift at the end"),
        pytest.param(b"R&D", id="a bare ampersand"),
        pytest.param(b"&&-", id="a shift within a shift"),
        pytest.param(b"&AGE-", id="encoded printable ASCII"),
        pytest.param(b"&AOkAYQ-", id="encoded printable ASCII behind others"),
        pytest.param(b"&ACY-", id="encoded ampersand"),
        pytest.param(b"&AEk-NBOX", id="encoded INBOX"),
        pytest.param(b"&AOl-", id="odd bits"),
        pytest.param(b"&AOkA-", id="an odd octet"),
        pytest.param(b"&A-", id="six bits"),
        pytest.param(b"&AO-", id="one octet"),
        pytest.param(b"&AOkAB-", id="five letters more than four"),
        pytest.param(b"&AOk=-", id="padding"),
        pytest.param(b"&U/BTFw-", id="a slash for a comma"),
        pytest.param(b"&A Ok-", id="a space in a shift"),
        pytest.param(b"&2D0-", id="high surrogate alone"),
        pytest.param(b"&3gQ-", id="low surrogate alone"),
        pytest.param(b"&3gTYPQ-", id="surrogates the wrong way round"),
        pytest.param(b"&2D0-&3gQ-", id="surrogates in two shifts"),
        pytest.param("Entwürfe".encode(), id="UTF-8"),
        pytest.param(b"\xe9", id="Latin-1"),
        pytest.param(b"\xff&AOk-", id="8-bit octets and a shift"),
        pytest.param(b"INBOX/Da\tOggetto\t", id="control characters"),
        pytest.param(b"\x7f", id="DEL"),
        pytest.param(b"\x1b&AOk-", id="a control character and a shift"),
    ],
)
def test_what_is_not_canonical_stays_octets(octets: bytes) -> None:
    """RFC 3501 section 5.1.3: the server keeps "the exact form", so we give it back."""
    assert decode_name(octets) == octets
    assert encode_name(octets) == octets


# --- UTF-8 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "name"),
    [
        (b"Sent", "Sent"),
        ("Entwürfe".encode(), "Entwürfe"),
        ("台北/日本語".encode(), "台北/日本語"),
        ("\U0001f604".encode(), "\U0001f604"),
        ("e\u0301".encode(), "e\u0301"),  # as it is: servers may keep it denormalised
        ("\ufeffa".encode(), "\ufeffa"),
        (b"R&D", "R&D"),
        (b"&AOk-", "&AOk-"),  # no shift any more
        (b"a\tb", "a\tb"),
    ],
)
def test_names_in_utf8(octets: bytes, name: str) -> None:
    assert decode_name(octets, utf8=True) == name
    assert encode_name(name, utf8=True) == octets


@pytest.mark.parametrize(
    "octets",
    [
        b"\xe9",
        b"\xc3",
        b"\xc0\x80",
        b"\xed\xa0\xbd",
        b"\xed\xa0\xbd\xed\xb8\x84",
        b"\xf4\x90\x80\x80",
    ],
    ids=["Latin-1", "cut", "overlong", "surrogate", "two surrogates", "beyond Unicode"],
)
def test_what_is_no_utf8_stays_octets(octets: bytes) -> None:
    assert decode_name(octets, utf8=True) == octets
    assert encode_name(octets, utf8=True) == octets


# --- INBOX ----------------------------------------------------------------------------------------


@modes
def test_inbox_has_no_case(utf8: bool) -> None:
    """RFC 9051 section 5.1: "The case-insensitive mailbox name INBOX"; no other name is."""
    for octets in (b"INBOX", b"inbox", b"Inbox", b"iNbOx"):
        assert decode_name(octets, utf8=utf8) == "INBOX"
    for other in ("inbox/x", "inbox ", " inbox", "x/inbox", "inboxx", "inbo"):
        assert decode_name(other.encode(), utf8=utf8) == other
    for alike in ("ınbox", "İnbox", "\uff29nbox"):
        assert decode_name(encode_name(alike, utf8=utf8), utf8=utf8) == alike


# --- What cannot be sent --------------------------------------------------------------------------


@modes
@pytest.mark.parametrize("character", ["\0", "\r", "\n"], ids=repr)
def test_nul_cr_and_lf_come_in_as_octets_and_do_not_go_out(character: str, utf8: bool) -> None:
    """RFC 9051 section 9: a quoted string has none of these, and a literal no NUL."""
    for name in (character, f"a{character}b", f"é{character}", f"a{character}"):
        octets = name.encode()
        assert decode_name(octets, utf8=utf8) == octets
        for form in (name, octets):
            with pytest.raises(ValueError, match="NUL, CR or LF"):
                encode_name(form, utf8=utf8)


@pytest.mark.parametrize("octets", [b"&AAA-", b"&AA0-", b"&AAo-", b"a&AOkACg-b"])
def test_nul_cr_and_lf_do_not_come_out_of_base64(octets: bytes) -> None:
    """They would be text that cannot be sent again. The octets can."""
    assert decode_name(octets) == octets
    assert encode_name(octets) == octets


@modes
@pytest.mark.parametrize("name", ["\ud83d", "a\ude04", "\ude04\ud83d", "x\udce9"], ids=ascii)
def test_lone_surrogates_cannot_be_sent(name: str, utf8: bool) -> None:
    with pytest.raises(ValueError):
        encode_name(name, utf8=utf8)


# --- Both ways ------------------------------------------------------------------------------------


@modes
@given(octets=octet_strings)
@example(octets=b"&AOkACg-")
def test_octets_come_back(utf8: bool, octets: bytes) -> None:
    name = decode_name(octets, utf8=utf8)
    if name == "INBOX":
        assert octets.upper() == b"INBOX"
    elif is_sendable(octets):
        assert encode_name(name, utf8=utf8) == octets
    else:
        assert name == octets


@modes
@given(name=texts)
def test_text_comes_back(utf8: bool, name: str) -> None:
    octets = encode_name(name, utf8=utf8)
    assert decode_name(octets, utf8=utf8) == ("INBOX" if octets.upper() == b"INBOX" else name)
    assert is_sendable(octets)


@given(texts)
def test_modified_utf7_is_printable_ascii(name: str) -> None:
    octets = encode_name(name)
    assert all(0x20 <= octet <= 0x7E for octet in octets)
    outside = octets.decode().split("&")[0]
    assert name.startswith(outside)


@given(octet_strings, octet_strings)
def test_two_names_are_never_read_as_one(one: bytes, other: bytes) -> None:
    names = decode_name(one), decode_name(other)
    assert (names[0] == names[1]) is (one == other or one.upper() == other.upper() == b"INBOX")


# --- Work -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "piece",
    [
        b"a",
        b"&",
        b"&-",
        b"&a",
        b"&AOk-",
        b"&AOk-x",
        b"-",
        b"AAAA",
        b"&AAAAAAAAAA",
        b"\xc3\xa9",
        b"\t",
    ],
    ids=repr,
)
@modes
def test_linear(piece: bytes, utf8: bool) -> None:
    def there_and_back(octets: bytes) -> bytes:
        return encode_name(decode_name(octets, utf8=utf8), utf8=utf8)

    assert_linear(lambda n: piece * n, there_and_back, 1_000)
    assert_linear(lambda n: b"&" + piece * n, there_and_back, 1_000)


@pytest.mark.parametrize("piece", ["a", "&", "é", "éa", "é&"])
def test_linear_from_text(piece: str) -> None:
    assert_linear(lambda n: piece * n, encode_name, 1_000)
