"""A second opinion: the standard library's `email` reads our well-formed messages as we do.

Both of its interfaces are asked, `policy.compat32` and `policy.default`. Where they are known to be
wrong, the shape is left out, as narrowly as it can be, and a test by name shows what the RFC says.
"""

from __future__ import annotations

import email
import email.header
import email.policy
import email.utils
from datetime import UTC, datetime
from email.message import Message as Theirs
from typing import Any

import pytest
from hypothesis import example, given

from mailproto import strategies as mail
from mailproto.message import (
    AddressList,
    ContentType,
    Date,
    Disposition,
    Field,
    Group,
    Header,
    Mailbox,
    Message,
    Part,
    compose,
    format_field,
)
from mailproto.message._scan import LEAF

COMPAT: Any = email.policy.compat32
DEFAULT: Any = email.policy.default
WHEN = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)

# Headers in ASCII: that they read UTF-8 in headers (RFC 6532) neither of them claims.
proper = mail.messages()


def theirs(raw: bytes, policy: Any) -> Any:
    found: Theirs = email.message_from_bytes(raw, policy=policy)
    return found


def pairs(message: Message, policy: Any) -> list[tuple[Part, Any]]:
    other = theirs(bytes(message), policy)
    return list(zip(message.walk(), other.walk(), strict=True))


def unfolded(text: str) -> str:
    """compat32 gives values with the folds in them."""
    return text.replace("\r\n", "")


each_policy = pytest.mark.parametrize("policy", [COMPAT, DEFAULT], ids=["compat32", "default"])


# --- The tree and what is in it -------------------------------------------------------------------


@each_policy
@given(proper)
def test_the_same_tree(policy: Any, message: Message) -> None:
    for ours, other in pairs(message, policy):
        assert ours.type == other.get_content_type()
        assert (ours.is_multipart or ours.message is not None) is other.is_multipart()
        assert [name.lower() for name, _ in ours.header.items()] == [
            name.lower()
            for name in other.keys()  # noqa: SIM118 - not a dict: names come twice
        ]


@each_policy
@given(proper)
def test_the_same_octets(policy: Any, message: Message) -> None:
    for ours, other in pairs(message, policy):
        if ours.span.kind == LEAF:
            assert ours.content == other.get_payload(decode=True)


@given(proper)
def test_the_same_text(message: Message) -> None:
    for ours, other in pairs(message, DEFAULT):
        if ours.content_type.maintype == "text":
            assert ours.own_text == other.get_content().replace("\r\n", "\n")


# --- Parameters -----------------------------------------------------------------------------------


def fair(policy: Any, field: Field, name: str, value: str, language: str) -> bool:
    """Whether the parameter is not of a shape that the standard library is wrong about."""
    if policy is COMPAT:
        # `email.utils.collapse_rfc2231_value` takes quotes and brackets off a second time.
        if value[:1] + value[-1:] in ('""', "<>") and len(value) > 1:
            return False
        # `email.utils.rfc2231_continuation` knows names of letters and digits alone.
        extended = f"{name}*".encode() in field.raw
        return not extended or name.replace("_", "").isalnum()
    # `get_value` ends a token at `*`, `'` and `%`, which RFC 2045 section 5.1 allows.
    if f'{name}="'.encode() not in field.raw and any(mark in value for mark in "*'%"):
        return f"{name}*".encode() in field.raw
    # A parameter with a language and an empty value is lost.
    return bool(value or not language)


def their_params(policy: Any, other: Any, name: str) -> dict[str, str]:
    if policy is DEFAULT:
        return {one.lower(): value for one, value in other[name].params.items()}
    return {
        one.lower(): unfolded(email.utils.collapse_rfc2231_value(value))
        for one, value in (other.get_params(header=name) or [])[1:]
    }


@each_policy
@given(proper)
def test_the_same_parameters(policy: Any, message: Message) -> None:
    for ours, other in pairs(message, policy):
        for name in ("Content-Type", "Content-Disposition"):
            field = ours.header.get(name)
            if field is None:
                continue
            value = field.value
            assert isinstance(value, (ContentType, Disposition))
            found = their_params(policy, other, name)
            for one in value.params:
                if fair(policy, field, one.name, one.value, one.language):
                    assert found[one.name] == one.value


@each_policy
@given(proper)
def test_the_same_filenames(policy: Any, message: Message) -> None:
    for ours, other in pairs(message, policy):
        field, disposition = ours.header.get("Content-Disposition"), ours.disposition
        if field is None or disposition is None:
            continue
        name = disposition.get("filename")
        # `get_filename` takes quotes and brackets off, under every policy.
        if name and all(fair(one, field, "filename", name, "") for one in (COMPAT, policy)):
            # `get_filename` strips white space.
            assert unfolded(other.get_filename()) == ours.filename.strip()


# --- Header fields --------------------------------------------------------------------------------


def messages_in(message: Message, policy: Any) -> list[tuple[Message, Any]]:
    return [(one, other) for one, other in pairs(message, policy) if isinstance(one, Message)]


ADDRESSES = ("From", "Sender", "Reply-To", "To", "Cc", "Bcc")


@given(proper)
def test_the_same_addresses(message: Message) -> None:
    for ours, other in messages_in(message, DEFAULT):
        for name in ADDRESSES:
            boxes = ours.header.addresses(name).mailboxes
            found = other[name].addresses if name in other else ()
            assert [(box.local_part, box.domain) for box in boxes] == [
                (one.username, one.domain) for one in found
            ]
            # Between encoded-words of a phrase a space is put, and spaces are made one (RFC 2047
            # section 6.2 has neither): names are compared without white space.
            assert ["".join(box.name.split()) for box in boxes] == [
                "".join(one.display_name.split()) for one in found
            ]


@given(proper)
def test_the_same_addresses_by_the_old_functions(message: Message) -> None:
    for ours, other in messages_in(message, COMPAT):
        for name in ADDRESSES:
            items = ours.header.addresses(name).items
            # `getaddresses` has no groups: it gives an empty pair, or nothing at all, for them.
            if not items or any(isinstance(one, Group) for one in items):
                continue
            found = email.utils.getaddresses([unfolded(one) for one in other.get_all(name)])
            boxes = [one for one in items if isinstance(one, Mailbox)]
            for box, (called, address) in zip(boxes, found, strict=True):
                # Since 3.13 (and in some releases before) it refuses whatever has a `[` in it.
                if address or "[" not in box.addr_spec:
                    assert box.addr_spec == address
                    assert box.name == decoded(called)


def decoded(text: str) -> str:
    return str(email.header.make_header(email.header.decode_header(unfolded(text))))


@each_policy
@given(proper)
def test_the_same_subject(policy: Any, message: Message) -> None:
    for ours, other in messages_in(message, policy):
        if "Subject" in ours.header:
            found = other["Subject"]
            assert ours.header.subject == (decoded(found) if policy is COMPAT else str(found))


@each_policy
@given(proper)
def test_the_same_date(policy: Any, message: Message) -> None:
    for ours, other in messages_in(message, policy):
        value = ours.header.value("Date", Date)
        assert value is not None
        found = other["Date"]
        when = email.utils.parsedate_to_datetime(found) if policy is COMPAT else found.datetime
        if when.tzinfo is None:
            # RFC 5322 section 3.3: -0000 is UTC, of a place that is not told.
            assert not value.zone_known
            when = when.replace(tzinfo=UTC)
        assert when == value.value
        assert when.utcoffset() == value.value.utcoffset()


@each_policy
@given(proper)
def test_the_same_identifiers(policy: Any, message: Message) -> None:
    for ours, other in messages_in(message, policy):
        for name, ids in (
            ("Message-ID", (ours.header.message_id,)),
            ("In-Reply-To", ours.header.in_reply_to),
            ("References", ours.header.references),
        ):
            if name in ours.header:
                assert str(other[name]).split() == [f"<{one}>" for one in ids]


@given(mail.header_values("Subject"))
@example(" a  b ")
@example("=?utf-8?q?a?=")
def test_unstructured_text(value: Any) -> None:
    raw = format_field("X-Own", value) + b"\r\n"
    assert decoded(theirs(raw, COMPAT)["X-Own"]) == str(value)
    assert str(theirs(raw, DEFAULT)["X-Own"]) == str(value)


# --- Where it is wrong: what the RFC says ---------------------------------------------------------


def disposition(raw: bytes) -> Disposition:
    value = Header.parse(raw).value("Content-Disposition", Disposition)
    assert value is not None
    assert value.defects == ()
    return value


@pytest.mark.parametrize("filename", ["<a@b>", '"a"', "a ", " a", "x" * 20 + " y" * 30])
def test_a_filename_is_what_the_quotes_hold(filename: str) -> None:
    # RFC 2045 section 5.1: quotes are not part of the value, and come off once. `get_filename` of
    # the standard library strips white space, quotes and brackets; compat32 leaves folds in it.
    quoted = filename.replace('"', r"\"")
    raw = f'Content-Disposition: attachment; filename="{quoted}"\r\n\r\n'.encode()
    assert disposition(raw).get("filename") == filename
    assert Message.parse(raw).filename == filename


def test_a_fold_in_a_quoted_string_is_its_white_space() -> None:
    # RFC 5322 section 3.2.4: the CRLF is not part of the string. compat32 leaves it there.
    raw = b'Content-Disposition: attachment; filename="a\r\n b"\r\n\r\n'
    assert disposition(raw).get("filename") == "a b"


@pytest.mark.parametrize("token", ["A*", "'j", "+8*f0'", "50%", "a*0*"])
def test_a_token_may_hold_asterisks_quotes_and_percents(token: str) -> None:
    # RFC 2045 section 5.1: only names are short of `*`, `'` and `%` (RFC 2231 section 7). Under
    # policy.default the standard library ends the value there.
    raw = f"Content-Disposition: attachment; filename={token}\r\n\r\n".encode()
    assert disposition(raw).get("filename") == token


def test_an_extended_value_may_be_empty() -> None:
    # RFC 2231 section 7: extended-other-values are any number of characters, none too. Under
    # policy.default the standard library loses the parameter.
    raw = b"Content-Disposition: attachment; filename*=utf-8'en'\r\n\r\n"
    assert disposition(raw).get("filename") == ""


@pytest.mark.parametrize("name", ["&", "x-own", "a.b", "~+{}$``-"])
def test_an_extended_name_is_any_attribute(name: str) -> None:
    # RFC 2231 section 7: attribute-char is nearly every character. compat32 knows only \w.
    raw = f"Content-Disposition: attachment; {name}*=utf-8'en'%C3%BC\r\n\r\n".encode()
    assert disposition(raw).get(name) == "ü"


@pytest.mark.parametrize(
    ("phrase", "name"),
    [
        (b"=?utf-8?q?one?= =?utf-8?q?two?=", "onetwo"),
        (b"=?utf-8?q?gr=C3=B6=C3=9F?=\r\n =?utf-8?q?er?=", "größer"),
        (b"=?utf-8?q?a__b_=C3=BC?=", "a  b ü"),
        (b"=?utf-8?q?_a_?=", " a "),
    ],
)
def test_white_space_in_a_display_name(phrase: bytes, name: str) -> None:
    # RFC 2047 section 6.2: that between encoded-words is ignored, that within them is text. Under
    # policy.default the standard library keeps the first and squeezes the second.
    (box,) = Header.parse(b"From: " + phrase + b" <a@b>\r\n").from_
    assert box.name == name


def test_groups_have_members() -> None:
    # RFC 5322 section 3.4. `email.utils.getaddresses` gives an address of nothing for an empty one.
    found = Header.parse(b"To: none:;, some: a@b, c@d;, e@f\r\n").to
    assert isinstance(found, AddressList)
    assert [len(one.mailboxes) if isinstance(one, Group) else 1 for one in found.items] == [0, 2, 1]
    assert [box.addr_spec for box in found] == ["a@b", "c@d", "e@f"]


def test_address_literals_are_domains() -> None:
    # RFC 5322 section 3.4.1. `email.utils.getaddresses`, strict as it is now, refuses any `[`.
    found = Header.parse(b'To: postmaster@[192.0.2.1], "a[b"@c.example\r\n').to
    assert [box.addr_spec for box in found] == ["postmaster@[192.0.2.1]", '"a[b"@c.example']


def test_utf8_in_headers_is_text() -> None:
    # RFC 6532 section 3.2; the standard library has `unknown-8bit` for it, when it reads octets.
    box = Mailbox("jörg", "müller.example", "Jörg")
    message = compose(from_=box, date=WHEN, subject="Grüße", text="x", utf8=True)
    again = Message.parse(bytes(message))
    assert again.header.from_ == AddressList((box,))
    assert again.header.subject == "Grüße"
    assert again.defects == ()
