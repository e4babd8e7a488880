"""What one side (test or live) of the Stripe page shows: docs/design.md, `integrations/stripe.html`."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, Sum
from django.utils import timezone

from billing.modes import Mode
from integrations.asking import Asked, asked
from integrations.diagnostics.signing import REASONS, SIGNING, signing
from integrations.forms import StripeCredentialsForm
from integrations.models import Connection, ConnectionStatus, RefusedDelivery
from integrations.stripe import connections
from integrations.stripe.events_wanted import RECOMMENDED_EVENTS, REQUIRED_EVENTS
from integrations.stripe.kinds import key_form_url
from integrations.stripe.signature import Reason
from integrations.stripe.verification import UNREADABLE, Line, Run
from pqintel.vault import SealError
from pqintel.workspaces.models import Workspace

from .backfill import Block, block_of

REFUSED_FOR = timedelta(days=7)
"""How far back refused deliveries are shown."""

_STATUS = {ConnectionStatus.NEW: "not connected"}


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused deliveries of one reason, in words."""

    reason: str
    count: int
    last_at: datetime


@dataclass(slots=True)
class Panel:
    """One side of the page. `form` is absent for those who may not configure, and nothing secret is in the rest.

    `keeps_form`: what is on the page already stays as it is, with what is being typed into it.
    """

    mode: Mode
    can_edit: bool
    key_form_url: str
    form: StripeCredentialsForm | None = None
    keeps_form: bool = False
    webhook_url: str = ""
    status: str = "not connected"
    stored: dict[str, str | None] = field(default_factory=dict)
    signing_state: str | None = None
    signing_detail: str = ""
    checks: list[dict[str, Any]] = field(default_factory=list)
    next_step: str | None = None
    connected_at: datetime | None = None
    last_delivery_at: datetime | None = None
    refused: list[Refused] = field(default_factory=list)
    backfill: Block | None = None
    asked: tuple[Asked, ...] = ()
    required_events: tuple[str, ...] = tuple(REQUIRED_EVENTS)
    recommended_events: tuple[str, ...] = tuple(RECOMMENDED_EVENTS)

    @property
    def version(self) -> int:
        """A number that changes with what `integrations/_stripe_state.html` shows."""
        shown = (self.connected_at, self.last_delivery_at, self.signing_state)
        refused = [(one.reason, one.count, one.last_at) for one in self.refused]
        return zlib.crc32(repr((shown, refused)).encode())


def state_of(workspace: Workspace, mode: Mode) -> Panel:
    """A panel that knows how the connection is doing, and nothing else: two queries, no secret opened."""
    panel = Panel(mode=mode, can_edit=False, key_form_url="")
    with transaction.atomic():
        row = Connection.objects.filter(workspace=workspace, mode=mode).first()
        if row is not None:
            _tell_state(panel, row, _refused(row))
    return panel


def panel_of(
    workspace: Workspace,
    mode: Mode,
    *,
    can_edit: bool,
    form: StripeCredentialsForm | None = None,
    keeps_form: bool = False,
) -> Panel:
    """Build a panel; for those who may configure, make the connection (and its URL) when there is none yet."""
    with transaction.atomic():
        found = Connection.objects.filter(workspace=workspace, mode=mode).first()
        row = connections.connection_for(workspace, mode) if found is None and can_edit else found
        refused = _refused(row) if row is not None else {}
        backfill = block_of(row, mode, can_edit=can_edit)
        questions = asked(workspace.pk, mode) if row is not None and row.connected_at is not None else ()
    panel = Panel(mode=mode, can_edit=can_edit, key_form_url=key_form_url(mode), keeps_form=keeps_form)
    if row is None:
        return panel
    _tell_state(panel, row, refused)
    panel.asked = questions
    if backfill.progress is not None or row.status == ConnectionStatus.CONNECTED:
        panel.backfill = backfill
    _tell_checks(panel, row)
    try:
        panel.stored = connections.masks(row)
        panel.webhook_url = connections.webhook_url(row) if can_edit else ""
    except SealError:
        _tell_unreadable(panel)
        return panel
    if can_edit:
        panel.form = form or StripeCredentialsForm(mode, {})
    return panel


def _tell_state(panel: Panel, row: Connection, refused: dict[str, tuple[int, datetime]]) -> None:
    panel.status = _STATUS.get(ConnectionStatus(row.status), row.status)
    panel.connected_at, panel.last_delivery_at = row.connected_at, row.last_delivery_at
    panel.refused = [Refused(REASONS.get(reason, reason), count, at) for reason, (count, at) in refused.items()]
    mismatch = refused.get(Reason.MISMATCH)
    if state := signing(row, mismatch[1] if mismatch else None):
        panel.signing_state, panel.signing_detail = state.value, SIGNING[state]


def _tell_checks(panel: Panel, row: Connection) -> None:
    if run := Run.of(row):
        panel.checks = [asdict(line) for line in run.lines]
        panel.next_step = run.next if panel.can_edit else None


def _tell_unreadable(panel: Panel) -> None:
    """The vault cannot open this connection: say so, offer nothing that would need it."""
    line = Line("vault", "Stored credentials", UNREADABLE.state, UNREADABLE.detail, UNREADABLE.remedy)
    panel.status, panel.can_edit, panel.next_step = ConnectionStatus.BROKEN.value, False, None
    panel.stored, panel.checks = {}, [asdict(line)]


def _refused(row: Connection) -> dict[str, tuple[int, datetime]]:
    """By reason, the latest first: how many, and when last."""
    since = timezone.now() - REFUSED_FOR
    rows = (
        RefusedDelivery.objects.filter(workspace_id=row.workspace_id, connection=row, last_at__gte=since)
        .values("reason")
        .annotate(total=Sum("count"), latest=Max("last_at"))
        .order_by("-latest")
    )
    return {found["reason"]: (found["total"], found["latest"]) for found in rows}
