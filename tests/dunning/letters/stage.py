"""Letters over a real mail server on loopback, and a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from billing.modes import Mode
from dunning.letters import LetterKind, LetterRequest, sending, write
from dunning.letters.sending import Visit
from dunning.models import Letter
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import THEN
from tests.integrations.channels.stage import Hands
from tests.smtp import Mailbox, mail_server

URL = "https://invoice.stripe.com/i/acct_1/test_1?s=ap"


@contextmanager
def post_office(settings: Any) -> Iterator[Mailbox]:
    """The mail server, and settings that lead to it."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with mail_server() as box:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        yield box


def ask(workspace: Workspace, key: str = "k:", kind: LetterKind = LetterKind.REMINDER_1, **more: Any) -> LetterRequest:
    """A request about the customer cus_ada in live mode."""
    words: dict[str, Any] = {"mode": Mode.LIVE, "customer": "cus_ada", "facts": {"amount": "$49.00"}} | more
    return LetterRequest(workspace.pk, words.pop("mode"), kind, words.pop("customer"), key, **words)


def put(workspace: Workspace, *asked: LetterRequest, at: datetime = THEN) -> list[Letter]:
    with scoped_transaction(workspace):
        return write(asked, at)


def go(workspace: Workspace, hands: Hands, mode: Mode = Mode.LIVE) -> Visit:
    with scope(workspace):
        return sending.visit(workspace.pk, mode, hands.clock)


def letters(workspace: Workspace) -> list[Letter]:
    with scoped_transaction(workspace):
        return list(Letter.objects.order_by("id"))


def fates(workspace: Workspace, mode: Mode = Mode.LIVE) -> dict[str, tuple[str, str]]:
    return {row.dedupe_key: (row.state, row.reason) for row in letters(workspace) if row.mode == mode}
