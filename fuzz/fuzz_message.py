"""An atheris target: any octets as a message.

What must hold: nothing raises; the octets come back; the push parser says the same as one pass,
however the message is cut; every span lies in what it is in; a section that exists is a piece of
the message; a field that is added leaves the rest as it was; what is planned for a peer fits it.
`README.md` says how to run this.

An input is how it is cut (its length, then the lengths of the pieces), and the message.
"""

from __future__ import annotations

import pickle
import sys

import atheris

with atheris.instrument_imports(include=["mailproto"]):
    from mailproto import Limits, message

LIMITS = (
    Limits(),
    Limits(depth=3, parts=5, header=60, fields=3, addresses=2, parameters=2),
    Limits(depth=None, parts=None, header=None, fields=None, addresses=None, parameters=None),
    Limits(depth=0, parts=0, header=0, fields=0, addresses=0, parameters=0),
)


def check(octets: bytes) -> None:
    """One input."""
    data = atheris.FuzzedDataProvider(octets)
    limits = LIMITS[data.ConsumeIntInRange(0, len(LIMITS) - 1)]
    cuts = [data.ConsumeIntInRange(0, 40) for _ in range(data.ConsumeIntInRange(0, 12))]
    raw = data.ConsumeBytes(data.remaining_bytes())
    mail = message.Message.parse(raw, limits=limits)
    assert bytes(mail) == raw
    pushed(raw, cuts, limits, mail.index)
    ends = [0] * len(mail.index.parts)
    for number, part in enumerate(mail.walk()):
        span = part.span
        assert span.start <= span.body <= span.end <= len(raw)
        if number:
            outer = mail.index.parts[span.parent]
            assert max(outer.body, ends[span.parent]) <= span.start
            assert span.end <= outer.end
            ends[span.parent] = span.end
        for field in part.header:
            assert isinstance(field.text, str)
            assert pickle.loads(pickle.dumps(field.value)) == field.value  # noqa: S301 - ours
        assert isinstance(part.content, bytes)
        assert isinstance(part.filename, str)
        assert isinstance(part.text, str)
        if part.section:
            octets_of = message.section_octets(mail, part.section)
            assert octets_of is not None
            assert octets_of in raw
    for defect in (*mail.defects, *mail.ambiguities):
        assert 0 <= defect.offset <= len(raw), defect
    for text in (mail.text, mail.html or "", message.preview(mail)):
        assert isinstance(text, str)
    assert len(mail.attachments) <= len(mail.index.parts)
    mail.conformance()
    mail.envelope()
    message.imap_envelope(mail)
    message.bodystructure(mail)
    message.sort_keys(mail)
    message.thread_keys(mail)
    list(message.search_texts(mail))
    stored = message.Message(raw, mail.index, limits=limits)
    for one, other in zip(mail.walk(), stored.walk(), strict=True):
        assert one.content_type == other.content_type
    edited(mail)
    planned(mail)


def edited(mail: message.Message) -> None:
    """A field that is added is there, and nothing else has changed."""
    part = mail.part(len(mail.index.parts) - 1)
    for add in (message.Edit.prepend, message.Edit.append):
        edit = mail.edit(break_signatures=True)
        add(edit, "X-Mark", "unlikely-word", part=part)
        new = edit.message()
        assert len(new.raw) <= len(mail.raw) + 27
        before, mark, behind = new.raw.partition(b"X-Mark: unlikely-word")
        assert mark
        assert mail.raw.startswith(before.rstrip(b"\r\n"))
        assert mail.raw.endswith(behind.lstrip(b"\r\n"))
        assert isinstance(edit.breaks, tuple)


def planned(mail: message.Message) -> None:
    """What is planned fits, and needs nothing when it is planned again."""
    for flags in range(8):
        offers = {
            "eight_bit_mime": bool(flags & 1),
            "smtputf8": bool(flags & 2),
            "binary_mime": bool(flags & 4),
        }
        plan = mail.plan(**offers)
        assert bool(plan.changes) == (plan.message is not mail)
        if plan.possible:
            again = plan.message.plan(**offers)
            assert again.message is plan.message
            assert plan.body != "BINARYMIME" or flags & 4
            assert plan.body != "8BITMIME" or flags & 5
            assert not plan.smtputf8 or flags & 2


def pushed(raw: bytes, cuts: list[int], limits: Limits, whole: message.Index) -> None:
    """The push parser gives the same index."""
    parser = message.Parser(limits=limits)
    events: list[message.MessageEvent] = []
    at = 0
    for length in cuts:
        events += parser.feed(raw[at : at + length])
        parser = pickle.loads(pickle.dumps(parser))  # noqa: S301 - ours
        at += length
    events += parser.feed(raw[at:]) + parser.close()
    assert message.Index.collect(len(raw), events) == whole


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()
