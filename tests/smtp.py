"""A mail server on loopback that keeps what it is given."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from pqintel.embedded.ports import free_port


class Mailbox:
    """What has arrived. `refuse` makes the server turn away every recipient from then on, in the words of `refusal`;
    `answers` cleared makes it take mails and say nothing until it is set again."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.answers.set()
        self.mails: list[EmailMessage] = []
        self.refuse = False
        self.refusal = "550 No such mailbox"
        self.port = 0

    @property
    def url(self) -> str:
        """For `EMAIL_URL`."""
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse:
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        mail: Any = message_from_bytes(envelope.original_content or b"", policy=default)
        self.mails.append(mail)
        await asyncio.to_thread(self.answers.wait, 120)
        return "250 OK"


@contextmanager
def mail_server(port: int = 0) -> Iterator[Mailbox]:
    """Run the server on a port of 127.0.0.1, 0 = a free one; yields its mailbox."""
    mailbox = Mailbox()
    mailbox.port = port or free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=mailbox.port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
