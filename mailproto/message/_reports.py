"""What mail programs tell each other: delivery status, dispositions, feedback.

What lives here: the bodies of message/delivery-status (RFC 3464), message/disposition-notification
(RFC 8098) and message/feedback-report (RFC 5965), as frozen values, read and written; the multipart
/report around them (RFC 6522). What does not: their fields' own parts (`_dates`, `_trace`), and
whether any of it is to be believed.

How they are read

    Each is blocks of fields with empty lines between; all but a delivery status are one block. The
    tables below say which field goes where, and how it is read; every other field is an extension,
    kept in order. A field that may come once counts the first time. In a delivery status the first
    block is about the message and each other one about a recipient; where an empty line is missing,
    a field of the other kind, or a second final recipient, begins a new one.

Invariants

* Reading never raises; what is odd is a defect, with an offset into the octets that were given.
* What is written reads back equal, or is a ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import attrs

from ..errors import Defect
from ..limits import Limits
from ._build import Leaf, Multipart, Nested
from ._charsets import header_text
from ._dates import format_date, parse_date
from ._header import Field, Header
from ._message import Message, Part
from ._vocabulary import AuthenticationResults, ContentType, Date, MessageIds, MimeParam
from ._words import one_line
from ._write import format_field, format_text

__all__ = [
    "DeliveryStatus",
    "Disposal",
    "DispositionNotification",
    "FeedbackReport",
    "RecipientStatus",
    "Report",
    "TypedValue",
    "find_report",
    "format_report",
    "parse_report",
    "report",
]

Extensions: TypeAlias = tuple[tuple[str, str], ...]


def _beside() -> tuple[Defect, ...]:
    return attrs.field(default=(), eq=False, kw_only=True)


@attrs.frozen
class TypedValue:
    """A value that says what it is: `rfc822; ada@example.org`, `dns; mx.example`."""

    type: str
    """In lower case; "" where it was left out."""
    value: str
    """As it stands, unfolded."""

    @property
    def address(self) -> str:
        r"""The value without a comment, and with the `\\x{...}` of RFC 6533 undone."""
        value = _COMMENTED.sub("", self.value).strip(" \t")
        return _ESCAPED.sub(_character, value) if self.type == "utf-8" else value


_COMMENTED: Final = re.compile(r"(?<=[ \t>])\([^()]*+\)\Z")
_ESCAPED: Final = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0xD800 or 0xDFFF < number < 0x110000 else match[0]


@attrs.frozen
class RecipientStatus:
    """What became of one recipient (RFC 3464 section 2.3)."""

    final_recipient: TypedValue | None
    action: str
    """`failed`, `delayed`, `delivered`, `relayed`, `expanded`, in lower case."""
    status: str
    """An enhanced status code: `5.1.1`."""
    original_recipient: TypedValue | None = None
    remote_mta: TypedValue | None = None
    diagnostic_code: TypedValue | None = None
    last_attempt_date: Date | None = None
    final_log_id: str = ""
    will_retry_until: Date | None = None
    extensions: Extensions = ()
    """(name, value) of all other fields, in order."""


@attrs.frozen
class DeliveryStatus:
    """A message/delivery-status (RFC 3464), or message/global-delivery-status (RFC 6533)."""

    reporting_mta: TypedValue | None
    recipients: tuple[RecipientStatus, ...]
    original_envelope_id: str = ""
    dsn_gateway: TypedValue | None = None
    received_from_mta: TypedValue | None = None
    arrival_date: Date | None = None
    extensions: Extensions = ()
    defects: tuple[Defect, ...] = _beside()


@attrs.frozen
class Disposal:
    """What was done with a message, and who decided that (RFC 8098 section 3.2.6).

    All in lower case: `Disposal("manual-action", "mdn-sent-manually", "displayed")`.
    """

    action_mode: str
    sending_mode: str
    type: str
    modifiers: tuple[str, ...] = ()


@attrs.frozen
class DispositionNotification:
    """A message/disposition-notification (RFC 8098)."""

    final_recipient: TypedValue | None
    disposition: Disposal | None
    original_recipient: TypedValue | None = None
    original_message_id: str = ""
    """Without angle brackets."""
    reporting_ua: str = ""
    mdn_gateway: TypedValue | None = None
    errors: tuple[str, ...] = ()
    extensions: Extensions = ()
    defects: tuple[Defect, ...] = _beside()


@attrs.frozen
class FeedbackReport:
    """A message/feedback-report (RFC 5965): somebody complains."""

    feedback_type: str
    """`abuse`, `fraud`, `virus`, `other`, ..., in lower case."""
    user_agent: str
    version: str = "1"
    original_envelope_id: str = ""
    original_mail_from: str = ""
    """As it stands, mostly with angle brackets."""
    arrival_date: Date | None = None
    reporting_mta: TypedValue | None = None
    source_ip: str = ""
    incidents: int | None = None
    authentication_results: tuple[AuthenticationResults, ...] = ()
    original_rcpt_to: tuple[str, ...] = ()
    reported_domain: tuple[str, ...] = ()
    reported_uri: tuple[str, ...] = ()
    extensions: Extensions = ()
    """RFC 6591's `Delivery-Result`, `Auth-Failure`, ... among them."""
    defects: tuple[Defect, ...] = _beside()


Report: TypeAlias = DeliveryStatus | DispositionNotification | FeedbackReport


# --- Values: how they are read and written --------------------------------------------------------

_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class _Unreadable(Exception):
    """The value is none that its field can have."""


def _text(text: str) -> str:
    return text


def _lower(text: str) -> str:
    return text.lower()


def _typed(text: str) -> TypedValue:
    kind, semicolon, value = text.partition(";")
    if not semicolon:
        return TypedValue("", text)
    return TypedValue(kind.strip(" \t").lower(), value.strip(" \t"))


def _date(text: str) -> Date:
    date = parse_date(text)
    if not isinstance(date, Date):
        raise _Unreadable
    return date


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise _Unreadable
    return int(text)


def _id(text: str) -> str:
    return text.strip(" \t<>")


def _disposal(text: str) -> Disposal:
    mode, semicolon, rest = text.lower().partition(";")
    action, slash, sending = mode.partition("/")
    kind, _, modifiers = rest.partition("/")
    if not semicolon or not slash:
        raise _Unreadable
    words = [word.strip(" \t") for word in modifiers.split(",")]
    return Disposal(
        action.strip(" \t"), sending.strip(" \t"), kind.strip(" \t"), tuple(filter(None, words))
    )


def _said_typed(value: TypedValue) -> str:
    return f"{value.type}; {value.value}" if value.type else value.value


def _said_disposal(value: Disposal) -> str:
    said = f"{value.action_mode}/{value.sending_mode}; {value.type}"
    return f"{said}/{','.join(value.modifiers)}" if value.modifiers else said


_ONE, _MANY, _NEEDED = range(3)
_Row: TypeAlias = tuple[str, str, Any, Any, int]  # field, attribute, reader, writer, how often
_Table: TypeAlias = dict[str, _Row]  # by name in lower case


def _table(*rows: _Row) -> _Table:
    return {row[0].lower(): row for row in rows}


_MESSAGE: Final = _table(
    ("Original-Envelope-Id", "original_envelope_id", _text, str, _ONE),
    ("Reporting-MTA", "reporting_mta", _typed, _said_typed, _NEEDED),
    ("DSN-Gateway", "dsn_gateway", _typed, _said_typed, _ONE),
    ("Received-From-MTA", "received_from_mta", _typed, _said_typed, _ONE),
    ("Arrival-Date", "arrival_date", _date, format_date, _ONE),
)
_RECIPIENT: Final = _table(
    ("Original-Recipient", "original_recipient", _typed, _said_typed, _ONE),
    ("Final-Recipient", "final_recipient", _typed, _said_typed, _NEEDED),
    ("Action", "action", _lower, str, _NEEDED),
    ("Status", "status", _text, str, _NEEDED),
    ("Remote-MTA", "remote_mta", _typed, _said_typed, _ONE),
    ("Diagnostic-Code", "diagnostic_code", _typed, _said_typed, _ONE),
    ("Last-Attempt-Date", "last_attempt_date", _date, format_date, _ONE),
    ("Final-Log-ID", "final_log_id", _text, str, _ONE),
    ("Will-Retry-Until", "will_retry_until", _date, format_date, _ONE),
)
_NOTIFICATION: Final = _table(
    ("Reporting-UA", "reporting_ua", _text, str, _ONE),
    ("MDN-Gateway", "mdn_gateway", _typed, _said_typed, _ONE),
    ("Original-Recipient", "original_recipient", _typed, _said_typed, _ONE),
    ("Final-Recipient", "final_recipient", _typed, _said_typed, _NEEDED),
    ("Original-Message-ID", "original_message_id", _id, MessageIds, _ONE),
    ("Disposition", "disposition", _disposal, _said_disposal, _NEEDED),
    ("Error", "errors", _text, str, _MANY),
)
_FEEDBACK: Final = _table(
    ("Feedback-Type", "feedback_type", _lower, str, _NEEDED),
    ("User-Agent", "user_agent", _text, str, _NEEDED),
    ("Version", "version", _text, str, _NEEDED),
    ("Original-Envelope-Id", "original_envelope_id", _text, str, _ONE),
    ("Original-Mail-From", "original_mail_from", _text, str, _ONE),
    ("Arrival-Date", "arrival_date", _date, format_date, _ONE),
    ("Received-Date", "arrival_date", _date, format_date, _ONE),
    ("Reporting-MTA", "reporting_mta", _typed, _said_typed, _ONE),
    ("Source-IP", "source_ip", _text, str, _ONE),
    ("Incidents", "incidents", _number, str, _ONE),
    ("Authentication-Results", "authentication_results", None, None, _MANY),
    ("Original-Rcpt-To", "original_rcpt_to", _text, str, _MANY),
    ("Reported-Domain", "reported_domain", _text, str, _MANY),
    ("Reported-URI", "reported_uri", _text, str, _MANY),
)


# --- Reading --------------------------------------------------------------------------------------

_BLANK: Final = re.compile(rb"(?:\A|(?<=\n))(?:[ \t]*+\r?\n)++")
_REPORTED: Final = 100
_LIMITS: Final = Limits()


class _Block:
    """Fields on their way into one value."""

    def __init__(self, table: _Table, offset: int) -> None:
        self.table = table
        self.offset = offset
        self.values: dict[str, Any] = {}
        self.extensions: list[tuple[str, str]] = []

    def take(self, field: Field, defects: list[Defect]) -> None:
        row = self.table.get(field.name.lower())
        text = one_line(header_text(field.body)).strip(" \t")
        if row is None:
            self.extensions.append((field.name, text))
            return
        _, attribute, reader, _, often = row
        try:
            value = field.value if reader is None else reader(text)
        except _Unreadable:
            defects.append(_odd("unreadable_field", field, "an extension"))
            self.extensions.append((field.name, text))
            return
        if isinstance(value, TypedValue) and not value.type:
            defects.append(_odd("missing_type", field, "no type"))
        elif isinstance(value, Date):
            value = attrs.evolve(value, defects=())
        if often == _MANY:
            self.values.setdefault(attribute, []).append(value)
        elif attribute in self.values:
            defects.append(_odd("duplicate_field", field, "the first counts"))
        else:
            self.values[attribute] = value

    def finish(self, defects: list[Defect]) -> dict[str, Any]:
        for name, attribute, _, _, often in self.table.values():
            if often == _NEEDED and attribute not in self.values:
                defects.append(Defect("missing_field", self.offset, name.encode(), "nothing"))
                self.values[attribute] = None if attribute in _OBJECTS else ""
            elif often == _MANY:
                self.values[attribute] = tuple(self.values.get(attribute, ()))
        return {**self.values, "extensions": tuple(self.extensions)}


_OBJECTS: Final = ("reporting_mta", "final_recipient", "disposition")


def _odd(code: str, field: Field, assumed: str) -> Defect:
    return Defect(code, field.offset, field.raw[:60], assumed)


def _blocks(octets: bytes, limits: Limits) -> Iterator[Header]:
    at = 0
    for match in [*_BLANK.finditer(octets), None]:
        end = len(octets) if match is None else match.start()
        if end > at:
            yield Header(octets[at:end], at, limits)
        at = end if match is None else match.end()


def parse_report(essence: str, octets: bytes, *, limits: Limits = _LIMITS) -> Report | None:
    """The body of a report, decoded, by its type (`message/delivery-status`). Never raises.

    None if the type is none of those that are known here.
    """
    match essence.lower():
        case "message/delivery-status" | "message/global-delivery-status":
            return _delivery_status(octets, limits)
        case "message/disposition-notification" | "message/global-disposition-notification":
            return DispositionNotification(**_single(_NOTIFICATION, octets, limits))
        case "message/feedback-report":
            return FeedbackReport(**_single(_FEEDBACK, octets, limits))
        case _:
            return None


def _single(table: _Table, octets: bytes, limits: Limits) -> dict[str, Any]:
    defects: list[Defect] = []
    block = _Block(table, 0)
    for number, header in enumerate(_blocks(octets, limits)):
        _check(header, defects)
        if number == 1:
            defects.append(Defect("empty_line", header.offset, b"", "none"))
        for field in header.fields:
            block.take(field, defects)
    return {**block.finish(defects), "defects": tuple(defects[:_REPORTED])}


def _check(header: Header, defects: list[Defect]) -> None:
    if header.junk:
        raw = header.junk[:60]
        defects.append(Defect("junk_before_header", header.offset, raw, "skipped"))
    if header.overflow:
        defects.append(Defect("header_overflow", header.offset, b"", "the fields before it"))


_FIRST: Final = ("final-recipient", "original-recipient")


def _delivery_status(octets: bytes, limits: Limits) -> DeliveryStatus:
    defects: list[Defect] = []
    whole = _Block(_MESSAGE, 0)
    found: list[_Block] = []
    for number, header in enumerate(_blocks(octets, limits)):
        _check(header, defects)
        block: _Block | None = None if number else whole
        for field in header.fields:
            name = field.name.lower()
            if name in _MESSAGE and block is not whole:
                if block is not None:
                    defects.append(_odd("missing_empty_line", field, "about the message"))
                whole.take(field, defects)
                continue
            row = _RECIPIENT.get(name)
            if block is None or (
                row is not None and (block is whole or (name in _FIRST and row[1] in block.values))
            ):
                if block is not None:
                    defects.append(_odd("missing_empty_line", field, "another recipient"))
                block = _Block(_RECIPIENT, field.offset)
                found.append(block)
            block.take(field, defects)
    recipients = tuple([RecipientStatus(**block.finish(defects)) for block in found])
    values = whole.finish(defects)
    if not recipients:
        defects.append(Defect("missing_field", len(octets), b"Final-Recipient", "nobody"))
    return DeliveryStatus(**values, recipients=recipients, defects=tuple(defects[:_REPORTED]))


def find_report(part: Part) -> Report | None:
    """The first report in a message or part, or None. It may be quoted: see where it stands."""
    for one in part.walk():
        if one.content_type.maintype == "message" and one.message is None:
            found = parse_report(one.type, one.content, limits=one.header.limits)
            if found is not None:
                return found
    return None


# --- Writing --------------------------------------------------------------------------------------


def format_report(value: Report, *, utf8: bool = False) -> bytes:
    """The body of a report. With `utf8` it is that of a message/global-... (RFC 6533).

    Raises ValueError for what is missing and for what would be read back as something else.
    """
    match value:
        case DeliveryStatus():
            blocks = [_written(_MESSAGE, value, utf8)]
            blocks += [_written(_RECIPIENT, one, utf8) for one in value.recipients]
        case DispositionNotification():
            blocks = [_written(_NOTIFICATION, value, utf8)]
        case FeedbackReport():
            blocks = [_written(_FEEDBACK, value, utf8)]
        case _:
            raise TypeError(f"not a report: {type(value).__name__}")
    octets = b"\r\n".join(blocks)
    again = parse_report(_TYPES[type(value)], octets, limits=_UNLIMITED)
    if again is None or again != value or again.defects:
        raise ValueError("it would be read back as something else: see what its values may hold")
    return octets


_UNLIMITED: Final = Limits(header=None, fields=None, addresses=None, parameters=None)
_TYPES: Final[dict[type, str]] = {
    DeliveryStatus: "message/delivery-status",
    DispositionNotification: "message/disposition-notification",
    FeedbackReport: "message/feedback-report",
}


def _written(table: _Table, value: Any, utf8: bool) -> bytes:
    lines: list[bytes] = []
    done: set[str] = set()
    for name, attribute, _, writer, often in table.values():
        given = getattr(value, attribute)
        if attribute in done:
            continue
        done.add(attribute)
        if often == _NEEDED and not given:
            raise ValueError(f"{name} is needed")
        for one in given if often == _MANY else () if given in ("", None) else (given,):
            said = one if writer is None else writer((one,) if writer is MessageIds else one)
            if isinstance(said, str):
                lines.append(format_text(name, said, utf8=utf8))
            else:
                lines.append(format_field(name, said, utf8=utf8))
    lines += [format_text(name, text, utf8=utf8) for name, text in value.extensions]
    return b"".join(lines)


def report(
    value: Report, text: str, *, original: Message | Header | None = None, utf8: bool = False
) -> Multipart:
    """The multipart/report around it (RFC 6522), for `render()`.

    `text` is for people. `original` is what it is about: the whole message, or its header alone.
    Raises ValueError as `format_report()` does.
    """
    essence = _TYPES[type(value)]
    octets = format_report(value, utf8=utf8)
    subtype = essence.partition("/")[2]
    written = ContentType("message", subtype if octets.isascii() else f"global-{subtype}")
    parts: list[Leaf | Nested] = [Leaf(text), Leaf(octets, written)]
    if isinstance(original, Message):
        parts.append(Nested(original))
    elif isinstance(original, Header):
        parts.append(Leaf(original.raw, ContentType("text", "rfc822-headers")))
    return Multipart("report", parts, (MimeParam("report-type", subtype),))
