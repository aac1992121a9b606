"""Hypothesis strategies: what may be said in mail, and how it may arrive.

For property tests of your own; importing this needs the extra `mailproto[hypothesis]`::

    from hypothesis import given
    from mailproto import smtp, strategies as mail


    @given(mail.smtp_client_streams(), mail.chunk_schedules())
    def test_my_server(stream, schedule): ...

What all protocols share lives in `_shared`: chunk schedules, damage, domains and addresses, bodies.
SASL and each protocol have a room, and its names begin with theirs: `sasl_...`, `imap_...`.
Messages have one as well, without a prefix: `messages()`, `near_messages()`, `hostile_messages()`.

Three kinds of strategies

* **Values**: commands, replies, parameters, envelopes; what header fields say, and drafts of
  messages. Each can be said (`smtp.encode`, `message.format_field` or `render` takes it), and is
  read back as itself, without a defect.
* **Streams**: what one side writes in a session, as octets. They are in order, until `mutated()`
  has been at them.
* **Sessions**: everything that decides about a session, as one value that knows how to run itself.

What is drawn is small, because a failing example is to be read by people; the edges of each grammar
(nothing at all, the longest, the oddest characters) are drawn often.
"""

from __future__ import annotations

from ._imap import (
    imap_bodystructures,
    imap_client_streams,
    imap_commands,
    imap_dialects,
    imap_envelopes,
    imap_fetch_attributes,
    imap_fetch_items,
    imap_flags,
    imap_mailbox_names,
    imap_near_commands,
    imap_near_responses,
    imap_response_codes,
    imap_responses,
    imap_search_keys,
    imap_sequence_sets,
    imap_server_streams,
    imap_tags,
)
from ._messages import (
    drafts,
    groups,
    header_fields,
    header_values,
    headers,
    hostile_messages,
    mailboxes,
    messages,
    near_messages,
)
from ._pop3 import (
    Pop3Session,
    pop3_client_streams,
    pop3_commands,
    pop3_configs,
    pop3_maildrops,
    pop3_replies,
    pop3_server_streams,
    pop3_sessions,
)
from ._sasl import SaslSession, sasl_credentials, sasl_names, sasl_nonces, sasl_sessions
from ._shared import (
    address_literals,
    addresses,
    bodies,
    chunk_schedules,
    cuts,
    domains,
    local_parts,
    mutated,
)
from ._smtp import (
    SmtpSession,
    smtp_client_streams,
    smtp_commands,
    smtp_configs,
    smtp_envelopes,
    smtp_hello_replies,
    smtp_params,
    smtp_replies,
    smtp_server_streams,
    smtp_sessions,
    smtp_values,
)

__all__ = [
    "Pop3Session",
    "SaslSession",
    "SmtpSession",
    "address_literals",
    "addresses",
    "bodies",
    "chunk_schedules",
    "cuts",
    "domains",
    "drafts",
    "groups",
    "header_fields",
    "header_values",
    "headers",
    "hostile_messages",
    "imap_bodystructures",
    "imap_client_streams",
    "imap_commands",
    "imap_dialects",
    "imap_envelopes",
    "imap_fetch_attributes",
    "imap_fetch_items",
    "imap_flags",
    "imap_mailbox_names",
    "imap_near_commands",
    "imap_near_responses",
    "imap_response_codes",
    "imap_responses",
    "imap_search_keys",
    "imap_sequence_sets",
    "imap_server_streams",
    "imap_tags",
    "local_parts",
    "mailboxes",
    "messages",
    "mutated",
    "near_messages",
    "pop3_client_streams",
    "pop3_commands",
    "pop3_configs",
    "pop3_maildrops",
    "pop3_replies",
    "pop3_server_streams",
    "pop3_sessions",
    "sasl_credentials",
    "sasl_names",
    "sasl_nonces",
    "sasl_sessions",
    "smtp_client_streams",
    "smtp_commands",
    "smtp_configs",
    "smtp_envelopes",
    "smtp_hello_replies",
    "smtp_params",
    "smtp_replies",
    "smtp_server_streams",
    "smtp_sessions",
    "smtp_values",
]
