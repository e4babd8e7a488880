"""What the dashboard shows, put together for its template (docs/design.md)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from pqintel.workspaces.models import Workspace

from .feed import FeedStatus, feed_status
from .metrics.mrr import CurrencyLine, PlanLine, mrr_at, mrr_by_day
from .models import SyncState
from .modes import Mode
from .money import Money
from .story import Line, latest

SERIES_DAYS = 90
HISTORY_LINES = 25


@dataclass(frozen=True)
class CurrencyCard:
    """One currency on the dashboard; `mrr_series` is (day, major units) for the chart."""

    currency: str
    mrr: Money
    trial_mrr: Money
    active_subscribers: int
    plans: tuple[PlanLine, ...]
    mrr_series: list[tuple[date, Decimal]]


@dataclass(frozen=True)
class Dashboard:
    version: int
    as_of: datetime
    connected: bool
    last_event_at: datetime | None
    pending: int
    quarantined: int
    active_subscribers_total: int
    currencies: list[CurrencyCard]
    history: list[Line]


def current_version(workspace_id: int, mode: Mode) -> tuple[int, SyncState | None, FeedStatus]:
    """A number that changes with everything the dashboard shows. Two or three small queries."""
    sync = SyncState.objects.filter(workspace_id=workspace_id, mode=mode).first()
    feed = feed_status(workspace_id, mode)
    shown = (sync.version if sync else 0, feed.connected, feed.pending, feed.quarantined)
    return zlib.crc32(repr(shown).encode()), sync, feed


def dashboard(workspace: Workspace, mode: Mode, now: datetime) -> Dashboard:
    """Everything the dashboard shows as of `now` (aware). Must run in scope."""
    version, sync, feed = current_version(workspace.pk, mode)
    zone = ZoneInfo(workspace.timezone)
    recurring = mrr_at(workspace.pk, mode, now)
    series = mrr_by_day(workspace.pk, mode, now.astimezone(zone).date(), SERIES_DAYS, zone, now)
    return Dashboard(
        version=version,
        as_of=now,
        connected=feed.connected,
        last_event_at=sync.last_event_at if sync else None,
        pending=feed.pending,
        quarantined=feed.quarantined,
        active_subscribers_total=recurring.active_subscribers,
        currencies=[_card(line, series.get(line.currency, [])) for line in recurring.currencies],
        history=latest(workspace.pk, mode, HISTORY_LINES),
    )


def _card(line: CurrencyLine, series: list[tuple[date, Decimal]]) -> CurrencyCard:
    return CurrencyCard(line.currency, line.mrr, line.trial_mrr, line.active_subscribers, line.plans, series)
