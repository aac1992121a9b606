"""Laws of the message model, over messages that are proper, nearly proper, and made to hurt.

Those of single rooms are tested beside them; what is here holds for everything together.
"""

from __future__ import annotations

import contextlib
import inspect
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailproto import message as module
from mailproto import strategies as mail
from mailproto.errors import Defect
from mailproto.limits import Limits
from mailproto.message import (
    DEFECTS,
    AddressList,
    Ambiguity,
    Date,
    Draft,
    FieldValue,
    Group,
    Header,
    Index,
    Leaf,
    Mailbox,
    Message,
    Multipart,
    Nested,
    Parser,
    Part,
    Unparsed,
    base_subject,
    binary,
    bodystructure,
    compose,
    format_field,
    imap_envelope,
    index,
    parse_addresses,
    parse_content_type,
    parse_field,
    parse_mailbox,
    preview,
    render,
    search_texts,
    section_octets,
    section_ranges,
    sort_keys,
    thread_keys,
)
from mailproto.message._header import PARSERS
from mailproto.message._scan import MESSAGE, MULTIPART

proper = st.booleans().flatmap(lambda utf8: mail.messages(utf8=utf8))
raws = st.one_of(proper.map(bytes), mail.near_messages(), mail.hostile_messages())
KINDS = {
    "proper": proper.map(bytes),
    "near": mail.near_messages(),
    "hostile": mail.hostile_messages(),
}
each_kind = pytest.mark.parametrize("kind", KINDS)
ONE_OF_EACH = (
    # what values differ by
    *("from", "sender", "to", "return-path", "date", "message-id", "references", "received"),
    *("content-type", "content-disposition", "content-transfer-encoding", "content-md5"),
    *("content-language", "list-post", "list-unsubscribe", "list-id", "authentication-results"),
    *("arc-authentication-results", "dkim-signature", "subject"),
)

small_limits = st.builds(
    Limits,
    depth=st.sampled_from([None, 0, 1, 100]),
    parts=st.sampled_from([None, 0, 1, 3, 10_000]),
    header=st.sampled_from([None, 0, 40, 1_000_000]),
    fields=st.sampled_from([None, 0, 1, 1_000]),
    addresses=st.sampled_from([None, 0, 1, 1_000]),
    parameters=st.sampled_from([None, 0, 1, 1_000]),
)


# --- Reading: octets ------------------------------------------------------------------------------


@each_kind
@given(st.data())
def test_octets_come_out_as_they_went_in(kind: str, data: st.DataObject) -> None:
    raw = data.draw(KINDS[kind])
    message = Message.parse(raw)
    assert bytes(message) == raw
    for part in message.walk():
        span = part.span
        assert bytes(part) == raw[span.start : span.end] == part.header.raw + part.body.raw
        fields = b"".join([part.header.junk, *(field.raw for field in part.header.fields)])
        assert part.header.raw.startswith(fields)
        assert part.header.raw[len(fields) :] in (b"", b"\n", b"\r\n")


@each_kind
@given(st.data())
def test_parts_cover_their_multipart(kind: str, data: st.DataObject) -> None:
    """Preamble, parts, epilogue; between them only delimiters (RFC 2046 section 5.1.1)."""
    message = Message.parse(data.draw(KINDS[kind]))
    raw = message.raw
    for part in message.walk():
        if part.span.kind != MULTIPART:
            assert (part.parts, part.body.preamble, part.body.epilogue) == ((), b"", b"")
            continue
        boundary = part.content_type.get("boundary")
        assert boundary
        delimiter = b"--" + boundary.rstrip(" \t").encode("utf-8")
        at = part.span.body
        assert raw.startswith(part.body.preamble, at)
        at += len(part.body.preamble)
        gaps = []
        for inner in part.parts:
            gaps.append(raw[at : inner.span.start])
            at = inner.span.end
        gaps.append(raw[at : part.span.end - len(part.body.epilogue)])
        for line in b"".join(gaps).split(b"\n"):
            assert line.startswith(delimiter) or not line.strip(b"\r")
        assert raw[: part.span.end].endswith(part.body.epilogue)


# --- Reading: nothing raises ----------------------------------------------------------------------

REPORTS = (Defect, Ambiguity)


def look_at(thing: object, whole: int) -> None:
    """Every public attribute of a view, and what it reports."""
    for name in dir(type(thing)):
        if name.startswith("_") or inspect.isroutine(getattr(type(thing), name)):
            continue
        found = getattr(thing, name)
        if name.endswith(("defects", "ambiguities")) and isinstance(found, tuple):
            for one in found:
                assert isinstance(one, REPORTS)
                assert one.code in DEFECTS
                assert 0 <= one.offset <= whole


def look_at_value(value: FieldValue, whole: int) -> None:
    look_at(value, whole)
    assert pickle.loads(pickle.dumps(value)) == value
    assert repr(value)
    if isinstance(value, AddressList):
        for item in value.items:
            look_at(item, whole)
            assert isinstance(item, (Mailbox, Group, Unparsed))
        for box in value.mailboxes:
            assert isinstance(box.addr_spec, str)
            assert isinstance(str(box), str)


def look_at_header(header: Header, whole: int) -> None:
    look_at(header, whole)
    assert bytes(header) == header.raw
    assert [(field.name, field.body) for field in header] == header.items()
    for field in header.fields:
        look_at(field, whole)
        look_at_value(field.value, whole)
        assert field.value is field.value
        assert "\n" not in field.text.replace("\r", "") or b"\n" in field.body
        assert header.text(field.name) == header.all(field.name)[0].text
        assert field.name in header
        header.addresses(field.name)
        list(field.spelling())
    for block in header.resent:
        assert block.fields
        for field in block.fields:
            found = block.get(field.name)
            assert found is not None
            assert found.raw == field.raw


def look_at_part(part: Part, whole: int) -> None:
    look_at(part, whole)
    look_at(part.body, whole)
    look_at_header(part.header, whole)
    assert len(part.body) == len(part.body.raw)
    assert part.body.lines == part.body.raw.count(b"\n")
    assert part.body.content == part.content
    assert part.body.text == part.text
    assert part.body.parts == part.parts
    assert repr(part)
    assert part.section.replace(".", "").isdigit() or not part.section
    assert part.type == part.content_type.essence
    assert (part.span.kind == MULTIPART) is part.is_multipart
    assert part.message is not None or part.span.kind != MESSAGE
    part.text.encode("utf-8")  # no lone surrogates
    part.filename.encode("utf-8")


def look_at_message(message: Message) -> None:
    whole = len(message.whole)
    for part in message.walk():
        look_at_part(part, whole)
    message.text.encode("utf-8")
    (message.html or "").encode("utf-8")
    assert message.conformance().octets == len(message.raw)
    envelope = message.envelope()
    for to in envelope.recipients:
        assert "\r" not in to.address
        assert "\n" not in to.address
    assert {*message.text_body, *message.html_body, *message.attachments} <= {*message.walk()}
    # What IMAP asks
    pickle.dumps((imap_envelope(message), sort_keys(message), thread_keys(message)))
    structure = bodystructure(message)
    assert structure.octets == len(message.body)
    for text in search_texts(message):
        text.encode("utf-8")
    assert list(search_texts(message, header=False)) is not None
    assert len(preview(message)) <= 256
    base_subject(message.header.subject)
    with contextlib.suppress(ValueError):  # UNKNOWN-CTE, as its docstring says
        binary(message, (1,))
    other: Message = pickle.loads(pickle.dumps(message))
    assert other == message
    assert hash(other) == hash(message)
    assert other.index == message.index


@each_kind
@given(st.data())
def test_nothing_raises_whatever_is_looked_at(kind: str, data: st.DataObject) -> None:
    look_at_message(Message.parse(data.draw(KINDS[kind])))


@pytest.mark.parametrize("raw", [b"", b"\n", b"\r\n", b"\r", b":", b"--", b"From \xff\0\r"])
def test_there_is_no_message_too_small(raw: bytes) -> None:
    message = Message.parse(raw)
    assert bytes(message) == raw
    look_at_message(message)


@given(raws, small_limits)
def test_nothing_raises_with_small_limits(raw: bytes, limits: Limits) -> None:
    message = Message.parse(raw, limits=limits)
    assert bytes(message) == raw
    look_at_message(message)


@given(raws)
def test_messages_inside_are_messages(raw: bytes) -> None:
    """A message in a message/rfc822 says of itself what it would say alone."""
    message = Message.parse(raw)
    for part in message.walk():
        inner = part.message
        if inner is None or inner.index is not message.index:
            continue
        look_at_message(inner)
        alone = Message.parse(bytes(inner))
        assert alone.header == inner.header
        assert alone.header.subject == inner.header.subject
        assert imap_envelope(alone) == imap_envelope(inner)


@given(raws)
def test_any_octets_are_a_value(raw: bytes) -> None:
    for name in ONE_OF_EACH:
        value = parse_field(name, raw)
        look_at_value(value, len(raw))
        # The readers that are public on their own read the same.
        reader = {"to": parse_addresses, "content-type": parse_content_type}.get(name)
        if reader is not None and raw.isascii():
            assert reader(raw.decode()) == value
    with contextlib.suppress(ValueError):  # who asks for one mailbox gets one, or this
        assert isinstance(parse_mailbox(raw.decode("utf-8", "replace")), Mailbox)


# --- The index ------------------------------------------------------------------------------------


@each_kind
@given(st.data(), st.just(Limits()) | small_limits)
def test_as_it_arrives_is_as_at_once(kind: str, data: st.DataObject, limits: Limits) -> None:
    raw = data.draw(KINDS[kind])
    parser = Parser(limits=limits)
    events = [event for piece in data.draw(mail.cuts(raw)) for event in parser.feed(piece)]
    events += parser.close()
    assert Index.collect(len(raw), events) == index(raw, limits=limits)


@each_kind
@given(st.data())
def test_a_stored_index_is_as_good(kind: str, data: st.DataObject) -> None:
    raw = data.draw(KINDS[kind])
    first = Message.parse(raw)
    stored: Index = pickle.loads(pickle.dumps(first.index))
    again = Message(raw, stored)
    assert stored == first.index
    assert again == first
    assert (again.defects, again.ambiguities) == (first.defects, first.ambiguities)
    assert bodystructure(again) == bodystructure(first)
    assert (again.text, again.html) == (first.text, first.html)


# --- Sections (RFC 9051 section 6.4.5.1) ----------------------------------------------------------


def cut(message: Message, section: str) -> bytes | None:
    ranges = section_ranges(message, section)
    if ranges is None:
        assert section_octets(message, section) is None
        return None
    octets = b"".join(message.whole[start:end] for start, end in ranges)
    assert octets == section_octets(message, section)
    return octets


@each_kind
@given(st.data())
def test_sections_are_slices(kind: str, data: st.DataObject) -> None:
    message = Message.parse(data.draw(KINDS[kind]))
    assert cut(message, "") == message.raw
    assert cut(message, "HEADER") == message.header.raw
    assert cut(message, "TEXT") == message.body.raw
    for part in message.walk():
        outer = part.parent
        if outer is None or outer.span.kind == MESSAGE:
            continue  # a message has no number of its own: it is the one of what it is in
        assert cut(message, part.section) == part.body.raw
        assert cut(message, f"{part.section}.MIME") == part.header.raw
        inner = part.message if part.span.kind == MESSAGE else None
        if inner is None:
            assert cut(message, f"{part.section}.HEADER") is None
            assert cut(message, f"{part.section}.TEXT") is None
        else:
            assert cut(message, f"{part.section}.HEADER") == inner.header.raw
            assert cut(message, f"{part.section}.TEXT") == inner.body.raw
            if not inner.is_multipart:
                assert cut(message, f"{part.section}.1") == inner.body.raw


@given(raws, st.integers(0, 300), st.none() | st.integers(0, 300))
def test_a_part_of_a_section(raw: bytes, origin: int, count: int | None) -> None:
    message = Message.parse(raw)
    for section in ("", "TEXT", "HEADER.FIELDS (From Subject)", "1"):
        octets = section_octets(message, section)
        partial = section_octets(message, section, origin, count)
        if octets is None:
            assert partial is None
        else:
            assert partial == octets[origin:][:count]


@given(raws)
def test_fields_named_and_the_others_are_the_header(raw: bytes) -> None:
    message = Message.parse(raw)
    names = "From To Subject Content-Type"
    named = section_octets(message, f"HEADER.FIELDS ({names})")
    others = section_octets(message, f"HEADER.FIELDS.NOT ({names})")
    assert named is not None
    assert others is not None
    chosen = {name.lower() for name in names.split()}
    fields = message.header.fields
    end = message.header.raw[len(message.header.junk) + sum(len(field.raw) for field in fields) :]
    assert named == b"".join(f.raw for f in fields if f.name.lower() in chosen) + end
    assert others == b"".join(f.raw for f in fields if f.name.lower() not in chosen) + end


# --- Values ---------------------------------------------------------------------------------------


def test_every_reader_has_a_writer_here() -> None:
    assert {PARSERS[name][0] for name in ONE_OF_EACH if name in PARSERS} == {
        reader for reader, _ in PARSERS.values()
    }


@pytest.mark.parametrize("utf8", [False, True], ids=["ascii", "utf8"])
@pytest.mark.parametrize("name", ONE_OF_EACH)
@given(st.data())
def test_a_value_that_is_written_is_read_back(name: str, utf8: bool, data: st.DataObject) -> None:
    value = data.draw(mail.header_values(name, utf8=utf8))
    written = format_field(name, value, utf8=utf8)
    assert utf8 or written.isascii()
    lines = written.removesuffix(b"\r\n").split(b"\r\n")
    for number, line in enumerate(lines):
        # RFC 5322 sections 2.1.1 and 2.2.3; RFC 6532 section 3.4: 78 are characters, 998 octets
        assert len(line) <= 998
        assert len(line.decode()) <= 78 or len(line.split()) <= (1 if number else 2)
        assert line.strip(b" \t")
        assert line == line.rstrip(b" \t")
        assert number == 0 or line[:1] in (b" ", b"\t")
        assert not set(line) & set(b"\r\n\0")
    (field,) = Header.parse(written).fields
    assert field.value == value
    assert type(field.value) is type(value)
    assert field.defects == ()
    if isinstance(field.value, AddressList):
        for item in field.value.items:
            assert isinstance(item, (Mailbox, Group))
            assert item.defects == ()
    if isinstance(field.value, Date) and isinstance(value, Date):
        assert field.value.value.utcoffset() == value.value.utcoffset()
    # What was read is written as before.
    assert format_field(name, field.value, utf8=utf8) == written


@given(mail.header_fields(utf8=True))
def test_without_utf8_a_value_is_ascii_or_refused(field: tuple[str, FieldValue]) -> None:
    """RFC 6532: nothing beyond ASCII goes to who did not ask for it."""
    name, value = field
    try:
        written = format_field(name, value)
    except ValueError:
        assert not format_field(name, value, utf8=True).isascii()
    else:
        assert written.isascii()


# --- Building -------------------------------------------------------------------------------------


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def clean(message: Message) -> None:
    assert message.defects == ()
    assert message.ambiguities == ()
    assert message.conformance().ok


def same(draft: Draft, part: Part) -> None:
    """What was built is what was given."""
    match draft:
        case Multipart():
            assert part.type == f"multipart/{draft.subtype}"
            assert len(part.parts) == len(draft.parts)
            for inner, found in zip(draft.parts, part.parts, strict=True):
                same(inner, found)
        case Nested():
            assert part.type == "message/rfc822"
            assert part.message is not None
            assert bytes(part.message) == bytes(draft.message)
            clean(Message.parse(bytes(part.message)))
        case Leaf():
            given_ = draft.content_type
            if isinstance(given_, str):
                given_ = parse_content_type(given_)
            assert part.type == given_.essence
            params = part.content_type.params
            if isinstance(draft.content, str):  # which is given its charset
                assert params[0].name == "charset"
                params = params[1:]
            assert params == given_.params
            assert part.content_id == draft.content_id
            assert part.disposition == draft.disposition
            if draft.disposition is not None and draft.disposition.get("filename"):
                assert part.filename == draft.disposition.get("filename")
            if isinstance(draft.content, str):
                assert part.own_text == lines(draft.content)
            else:
                assert part.content == draft.content


@pytest.mark.parametrize("utf8", [False, True], ids=["ascii", "utf8"])
@given(st.data(), st.booleans())
def test_what_is_built_is_what_was_given(utf8: bool, data: st.DataObject, eight_bit: bool) -> None:
    draft = data.draw(mail.drafts(utf8=utf8))
    fields = data.draw(mail.headers(utf8=utf8))
    message = render(draft, fields, eight_bit=eight_bit, utf8=utf8)
    clean(message)
    same(draft, message)
    found = [(field.name, field.value) for field in message.header]
    assert found[: len(fields)] == list(fields)
    counts = message.conformance()
    assert utf8 or not counts.eight_bit_header
    again = Message.parse(bytes(message))
    assert again == message
    assert again.index == message.index
    assert [part.type for part in again.walk()] == [part.type for part in message.walk()]


@given(proper)
def test_a_proper_message_has_nothing_wrong(message: Message) -> None:
    clean(message)
    assert Message.parse(bytes(message)).index == index(bytes(message))


texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.mark.parametrize("utf8", [False, True], ids=["ascii", "utf8"])
@given(st.data(), texts, texts, st.booleans())
def test_what_is_composed_is_what_was_given(
    utf8: bool, data: st.DataObject, text: str | None, html: str | None, eight_bit: bool
) -> None:
    box = mail.mailboxes(utf8=utf8)
    members = box | mail.groups(utf8=utf8)
    author = data.draw(box)
    to = data.draw(st.lists(members, max_size=3))
    cc = data.draw(st.lists(members, max_size=2))
    reply_to = data.draw(st.lists(box, max_size=2))
    date: Any = data.draw(mail.header_values("Date"))
    subject: Any = data.draw(mail.header_values("Subject"))
    ids: Any = data.draw(mail.header_values("References"))
    names = data.draw(st.lists(mail.header_values("Subject"), max_size=2))
    attached: Any = [module.Attachment(b"\0\xff\r", str(name)) for name in names]
    message = compose(
        from_=author,
        to=to,
        cc=cc,
        reply_to=reply_to,
        date=date,
        subject=str(subject),
        message_id=ids.ids[0],
        references=ids.ids,
        text=text,
        html=html,
        attachments=attached,
        eight_bit=eight_bit,
        utf8=utf8,
    )
    clean(message)
    header = message.header
    assert header.from_ == AddressList((author,))
    assert header.to == AddressList(tuple(to))
    assert header.cc == AddressList(tuple(cc))
    assert header.reply_to == AddressList(tuple(reply_to))
    assert header.date == date.value
    assert header.subject == str(subject)
    assert header.message_id == ids.ids[0]
    assert header.references == ids.ids
    if html is not None:
        assert message.html == lines(html)
    if text is not None or html is None:
        assert message.text == lines(text or "")
    # RFC 8621 section 4.1.4: what has no name and is behind text is listed as well
    assert [part.filename for part in message.attachments] == [str(name) for name in names]
    assert all(part.content == b"\0\xff\r" for part in message.attachments)
