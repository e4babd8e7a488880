"""Looking at the working credentials again, without a run: nothing is promoted and no status changes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Final

from django.db import transaction

from integrations.models import Connection
from pqintel.vault import SealError

from .candidate import Candidate
from .delivery import check_delivery
from .endpoint import check_endpoint
from .keys import check_formats, check_key, check_mode, check_permissions
from .run import Line, Outcome, Run, State, Subject

CHECKS: Final = {
    "formats": check_formats,
    "mode": check_mode,
    "key": check_key,
    "permissions": check_permissions,
    "endpoint": check_endpoint,
    "delivery": check_delivery,
}
"""Of those of Save & Verify: what can change by itself at Stripe, or on the way from there."""


def look(connection: Connection, labels: dict[str, str], unreadable: Outcome, now: datetime) -> None:
    """Check the working key, its permissions, the endpoint at Stripe and the public URL; keep what was found.

    Asks Stripe about a dozen questions and sends one test event through the public URL, which takes some seconds.
    Must run in scope, outside a transaction.

    Args:
        connection: one with working credentials.
        labels: the name of each check, as people read it.
        unreadable: what to say when the credentials cannot be opened.
        now: aware; kept as the time of this look.
    """
    run = Run.fresh(Subject.WORKING, {name: labels[name] for name in CHECKS})
    try:
        candidate = Candidate.of(connection, Subject.WORKING)
        for name, check in CHECKS.items():
            run = run.record(name, check(candidate, run))
        lines = run.lines
    except SealError:
        lines = (Line("vault", "Stored credentials", State.FAILED, unreadable.detail, unreadable.remedy),)
    with transaction.atomic():
        Connection.objects.filter(workspace_id=connection.workspace_id, pk=connection.pk).update(
            looked={"at": now.isoformat(), "lines": [asdict(line) for line in lines]}
        )
