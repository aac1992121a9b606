"""The message model: envelope, header, body and parts of what RFC 5322 and MIME describe.

The rooms, from the ground up:

* `_lexer`: the words that structured fields are made of.
* `_vocabulary`: what a header can say, as frozen values.
* `_charsets`, `_words`, `_parameters`, `_addresses`, `_dates`, `_ids`, `_trace`: readers of values.
* `_content`, `_flowed`, `_plain`, `_reports`: readers of bodies.
* `_scan`: where everything is, found in one pass; at once (`index()`) or as it arrives (`Parser`).
* `_header`, `_message`, `_checks`: views of a message, and what is wrong with it.
* `_imap`: what an IMAP server is asked about a message.

Reading::

    mail = message.Message.parse(raw)  # never raises; bytes(mail) == raw
    mail.header.subject, mail.header.from_, mail.header.date
    mail.text, mail.html, mail.attachments
    mail.defects, mail.ambiguities
"""

from __future__ import annotations

from .._envelope import Envelope, Recipient
from ..errors import Defect
from ..limits import Limits
from ._checks import Conformance
from ._header import Field, FieldValue, Header, Resent, parse_field
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

__all__ = [
    "AddressList",
    "Ambiguity",
    "AuthResult",
    "AuthenticationResults",
    "Body",
    "BodyStructure",
    "Conformance",
    "ContentType",
    "Date",
    "Defect",
    "DefectFound",
    "Disposition",
    "Envelope",
    "Field",
    "FieldValue",
    "Group",
    "Header",
    "HeaderEnd",
    "ImapAddress",
    "ImapEnvelope",
    "Index",
    "Limits",
    "ListId",
    "ListUrls",
    "Mailbox",
    "Message",
    "MessageEvent",
    "MessageIds",
    "MimeParam",
    "Parser",
    "Part",
    "PartEnd",
    "PartSpan",
    "PartStart",
    "Received",
    "Recipient",
    "Resent",
    "Section",
    "SortKeys",
    "TagList",
    "Text",
    "ThreadKeys",
    "Token",
    "Tokens",
    "TraceClause",
    "Unparsed",
    "binary",
    "bodystructure",
    "imap_envelope",
    "index",
    "parse_field",
    "preview",
    "search_texts",
    "section_octets",
    "section_ranges",
    "sort_keys",
    "thread_keys",
]
