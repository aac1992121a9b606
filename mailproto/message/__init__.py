"""The message model: envelope, header, body and parts of what RFC 5322 and MIME describe.

The rooms, from the ground up:

* `_lexer`: the words that structured fields are made of.
* `_vocabulary`: what a header can say, as frozen values.
* `_charsets`, `_words`, `_parameters`, `_addresses`, `_dates`, `_ids`, `_trace`: readers of values.
* `_content`, `_flowed`, `_plain`, `_reports`: readers of bodies.
* `_scan`: where everything is, found in one pass; at once (`index()`) or as it arrives (`Parser`).
* `_header`, `_message`, `_checks`: views of a message, and what is wrong with it.
* `_imap`: what an IMAP server is asked about a message.
* `_write`, `_build`: values to fields, and messages that are made.
* `_edit`, `_transport`: the same message with a few other octets, and what a peer needs of it.

Reading::

    mail = message.Message.parse(raw)  # never raises; bytes(mail) == raw
    mail.header.subject, mail.header.from_, mail.header.date
    mail.text, mail.html, mail.attachments
    mail.defects, mail.ambiguities

Making::

    mail = message.compose(
        from_="Ada <ada@example.org>", to=["b@example.net"], date=now, text="..."
    )
"""

from __future__ import annotations

from .._envelope import Envelope, Recipient
from ..errors import Defect
from ..limits import Limits
from ._addresses import parse_addresses, parse_mailbox
from ._build import Attachment, Draft, Fields, Leaf, Multipart, Nested, compose, render
from ._charsets import Decoded
from ._charsets import decode as decode_charset
from ._checks import READINGS, Conformance
from ._codes import DEFECTS
from ._content import Content, ContentDecoder, decode_content, encode_content
from ._dates import format_date, parse_date
from ._edit import BrokenSignature, Edit, SignatureBroken
from ._flowed import Paragraph, format_flowed, parse_flowed
from ._header import Field, FieldValue, Header, Resent, parse_field
from ._ids import parse_message_ids
from ._imap import (
    BodyStructure,
    ImapAddress,
    ImapEnvelope,
    Section,
    SortKeys,
    ThreadKeys,
    binary,
    bodystructure,
    imap_envelope,
    preview,
    search_texts,
    section_octets,
    section_ranges,
    sort_keys,
    thread_keys,
)
from ._message import Body, Message, Part
from ._parameters import parse_content_type, parse_disposition
from ._plain import BaseSubject, base_subject, casemap, html_to_text
from ._reports import (
    DeliveryStatus,
    Disposal,
    DispositionNotification,
    FeedbackReport,
    RecipientStatus,
    Report,
    TypedValue,
    find_report,
    format_report,
    parse_report,
    report,
)
from ._scan import (
    DefectFound,
    HeaderEnd,
    Index,
    MessageEvent,
    Parser,
    PartEnd,
    PartSpan,
    PartStart,
    index,
)
from ._trace import (
    parse_authentication_results,
    parse_list_id,
    parse_list_urls,
    parse_received,
    parse_tags,
)
from ._transport import Change, Plan, plan
from ._vocabulary import (
    AddressList,
    Ambiguity,
    AuthenticationResults,
    AuthResult,
    ContentType,
    Date,
    Disposition,
    Group,
    ListId,
    ListUrls,
    Mailbox,
    MessageIds,
    MimeParam,
    Received,
    TagList,
    Text,
    Token,
    Tokens,
    TraceClause,
    Unparsed,
)
from ._words import decode_words, encode_words
from ._write import Writable, format_field

__all__ = [
    "DEFECTS",
    "READINGS",
    "AddressList",
    "Ambiguity",
    "Attachment",
    "AuthResult",
    "AuthenticationResults",
    "BaseSubject",
    "Body",
    "BodyStructure",
    "BrokenSignature",
    "Change",
    "Conformance",
    "Content",
    "ContentDecoder",
    "ContentType",
    "Date",
    "Decoded",
    "Defect",
    "DefectFound",
    "DeliveryStatus",
    "Disposal",
    "Disposition",
    "DispositionNotification",
    "Draft",
    "Edit",
    "Envelope",
    "FeedbackReport",
    "Field",
    "FieldValue",
    "Fields",
    "Group",
    "Header",
    "HeaderEnd",
    "ImapAddress",
    "ImapEnvelope",
    "Index",
    "Leaf",
    "Limits",
    "ListId",
    "ListUrls",
    "Mailbox",
    "Message",
    "MessageEvent",
    "MessageIds",
    "MimeParam",
    "Multipart",
    "Nested",
    "Paragraph",
    "Parser",
    "Part",
    "PartEnd",
    "PartSpan",
    "PartStart",
    "Plan",
    "Received",
    "Recipient",
    "RecipientStatus",
    "Report",
    "Resent",
    "Section",
    "SignatureBroken",
    "SortKeys",
    "TagList",
    "Text",
    "ThreadKeys",
    "Token",
    "Tokens",
    "TraceClause",
    "TypedValue",
    "Unparsed",
    "Writable",
    "base_subject",
    "binary",
    "bodystructure",
    "casemap",
    "compose",
    "decode_charset",
    "decode_content",
    "decode_words",
    "encode_content",
    "encode_words",
    "find_report",
    "format_date",
    "format_field",
    "format_flowed",
    "format_report",
    "html_to_text",
    "imap_envelope",
    "index",
    "parse_addresses",
    "parse_authentication_results",
    "parse_content_type",
    "parse_date",
    "parse_disposition",
    "parse_field",
    "parse_flowed",
    "parse_list_id",
    "parse_list_urls",
    "parse_mailbox",
    "parse_message_ids",
    "parse_received",
    "parse_report",
    "parse_tags",
    "plan",
    "preview",
    "render",
    "report",
    "search_texts",
    "section_octets",
    "section_ranges",
    "sort_keys",
    "thread_keys",
]
