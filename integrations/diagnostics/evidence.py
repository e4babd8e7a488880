"""What is known of a connection, gathered in a number of queries that does not depend on how much there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from billing.actions.bulk import fetch
from billing.doubt import Doubt, unsure_objects
from billing.models import SyncState
from billing.modes import Mode
from integrations.models import Connection, ConnectionChange, ConnectionStatus, InboxState, SigningState
from integrations.stripe import quarantine
from integrations.stripe.quarantine import Quarantined
from integrations.stripe.signature import Reason
from integrations.stripe.verification import Line, Run, Subject
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.plans import allowance

from .lag import Lag, lag_of
from .signing import REASONS, signing
from .words import questions

MONTH: Final = timedelta(days=30)
_RESULTS: Final[dict[str, str]] = {
    InboxState.DONE: "Processed",
    InboxState.IGNORED: "Not used",
    InboxState.REJECTED: "Rejected",
    InboxState.QUARANTINED: "Set aside",
}
LISTED: Final = 100
"""Quarantined events that the page lists; the command lists more."""

_COUNTS: Final = """
SELECT event_type, api_version, state, coalesce(sum(count) FILTER (WHERE hour > %(day)s), 0),
    coalesce(sum(count) FILTER (WHERE hour > %(week)s), 0), sum(count), max(last_at)
FROM integrations_deliverycount WHERE workspace_id = %(ws)s AND connection_id = %(conn)s AND hour > %(month)s
GROUP BY 1, 2, 3
"""
_LAGS: Final = """
SELECT bucket, sum(count) FROM integrations_deliverylag
WHERE workspace_id = %(ws)s AND connection_id = %(conn)s AND hour > %(day)s GROUP BY 1
"""
_WAITING: Final = """
SELECT count(*) FILTER (WHERE state = 'pending'), min(received_at) FILTER (WHERE state = 'pending'),
    count(*) FILTER (WHERE state = 'held'), count(*) FILTER (WHERE state = 'quarantined')
FROM integrations_inboxevent
WHERE workspace_id = %(ws)s AND connection_id = %(conn)s AND state IN ('pending', 'held', 'quarantined')
"""
# Somebody who sends thousands to the wrong URL gives thousands of rows: the newest tell enough.
_REJECTED: Final = """
SELECT reason, count(*), max(received_at) FROM (
    SELECT reason, received_at FROM integrations_inboxevent
    WHERE workspace_id = %(ws)s AND connection_id = %(conn)s AND state = 'rejected' ORDER BY id DESC LIMIT 1000
) newest WHERE received_at > %(month)s GROUP BY 1 ORDER BY 3 DESC LIMIT 10
"""
_REFUSED: Final = """
SELECT reason, hour, count, last_at FROM integrations_refuseddelivery
WHERE workspace_id = %(ws)s AND connection_id = %(conn)s AND hour > %(month)s ORDER BY hour
"""
_READS: Final = """
SELECT split_part(what, ':', 1), count(*), count(*) FILTER (WHERE tries > 0), max(failure), min(due_at)
FROM integrations_read WHERE workspace_id = %(ws)s AND connection_id = %(conn)s AND done_at IS NULL
GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """How often something happened within a day, a week and 30 days, and when last."""

    name: str
    state: str
    day: int
    week: int
    month: int
    last_at: datetime

    @property
    def result(self) -> str:
        """What became of deliveries in this state."""
        return _RESULTS.get(self.state, self.state)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Events of another account or mode."""

    reason: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class OpenReads:
    """Questions of one sort that Stripe has still to answer; `failing` of them met an error."""

    what: str
    count: int
    failing: int
    failure: str | None
    due_at: datetime

    @property
    def in_words(self) -> str:
        """`3 prices`, `1 invoice’s payments`: whatever the question is about."""
        return questions(self.what, self.count)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the answers on the page stand on. Times are aware UTC."""

    mode: Mode
    now: datetime
    plan_open: bool = True
    status: ConnectionStatus = ConnectionStatus.NEW
    account_id: str | None = None
    connected_at: datetime | None = None
    last_delivery_at: datetime | None = None
    applied_at: datetime | None = None
    signing: SigningState | None = None
    signing_at: datetime | None = None
    checks: Mapping[str, Line] = field(default_factory=dict)
    checked_at: datetime | None = None
    deliveries: Sequence[Counted] = ()
    versions: Sequence[Counted] = ()
    lag: Lag | None = None
    pending: int = 0
    oldest_pending_at: datetime | None = None
    held: int = 0
    quarantined: int = 0
    quarantine: Sequence[Quarantined] = ()
    quarantine_reasons: Sequence[tuple[str, int]] = ()
    rejected: Sequence[Rejected] = ()
    refused: Sequence[Counted] = ()
    refused_hours: Sequence[tuple[datetime, int]] = ()
    doubts: Sequence[Doubt] = ()
    reads: Sequence[OpenReads] = ()
    changes: Sequence[ConnectionChange] = ()

    def refusals(self, reason: Reason) -> Counted | None:
        """The refusals for one reason, if there were any within 30 days."""
        return next((found for found in self.refused if found.state == reason), None)

    @property
    def refused_bars(self) -> list[tuple[int, int, int]]:
        """Place, top and height of a bar for each of the last 24 hours, in a drawing 96 wide and 24 high."""
        highest = max((count for _, count in self.refused_hours), default=0) or 1
        heights = [round(24 * count / highest) or int(count > 0) for _, count in self.refused_hours]
        return [(4 * n, 24 - height, height) for n, height in enumerate(heights)]

    @property
    def refused_in_a_day(self) -> int:
        return sum(count for _, count in self.refused_hours)

    @property
    def received_in_a_day(self) -> int:
        return sum(counted.day for counted in self.deliveries)


def collect(workspace: Workspace, mode: Mode, now: datetime) -> Evidence:
    """Gather what is known of a workspace's connection. At most twelve queries. Must run in a scoped transaction."""
    row = Connection.objects.filter(workspace=workspace, mode=mode).first()
    is_open = allowance(workspace, now).stripe_integration
    if row is None:
        return Evidence(mode, now, plan_open=is_open)
    place: dict[str, Any] = {"ws": workspace.pk, "conn": row.pk, **_windows(now)}
    ((pending, oldest, held, set_aside),) = fetch(_WAITING, place)
    counts = fetch(_COUNTS, place)
    refused, hours = _refused(fetch(_REFUSED, place), now)
    mismatch = next((one.last_at for one in refused if one.state == Reason.MISMATCH), None)
    checks, checked_at = _checks(row)
    sync = SyncState.objects.filter(workspace=workspace, mode=mode).only("last_applied_at").first()
    return Evidence(
        mode=mode,
        now=now,
        plan_open=is_open,
        status=ConnectionStatus(row.status),
        account_id=row.account_id,
        connected_at=row.connected_at,
        last_delivery_at=row.last_delivery_at,
        applied_at=sync.last_applied_at if sync else None,
        signing=signing(row, mismatch),
        signing_at=row.signing_at,
        checks=checks,
        checked_at=checked_at,
        deliveries=_sums(((type_, state), *rest) for type_, _, state, *rest in counts),
        versions=_sums(((version, ""), *rest) for _, version, _, *rest in counts),
        lag=lag_of((bucket, int(count)) for bucket, count in fetch(_LAGS, place)),
        pending=pending,
        oldest_pending_at=oldest,
        held=held,
        quarantined=set_aside,
        quarantine=quarantine.quarantined(workspace.pk, mode, LISTED) if set_aside else (),
        quarantine_reasons=quarantine.reasons(workspace.pk, mode) if set_aside else (),
        rejected=[Rejected(*found) for found in fetch(_REJECTED, place)],
        refused=refused,
        refused_hours=hours,
        doubts=unsure_objects(workspace.pk, mode),
        reads=[OpenReads(*found) for found in fetch(_READS, place)],
        changes=list(ConnectionChange.objects.filter(workspace=workspace, connection=row).order_by("-id")[:20]),
    )


def _windows(now: datetime) -> dict[str, datetime]:
    """The beginnings of a day, a week and 30 days, in whole hours: the hour that runs counts, the first does not."""
    return {
        "day": now - timedelta(days=1),
        "week": now - timedelta(days=7),
        "month": now - MONTH,
    }


def _sums(rows: Any) -> list[Counted]:
    """Add rows of ((name, state), day, week, month, last) up; the most frequent first."""
    sums: dict[tuple[str, str], list[int]] = {}
    last: dict[tuple[str, str], datetime] = {}
    for key, day, week, month, last_at in rows:
        so_far = sums.get(key, [0, 0, 0])
        sums[key] = [have + int(more) for have, more in zip(so_far, (day, week, month), strict=True)]
        last[key] = max(last.get(key, last_at), last_at)
    found = [Counted(*key, day, week, month, last[key]) for key, (day, week, month) in sums.items()]
    return sorted(found, key=lambda one: (-one.month, one.name, one.state))


def _refused(rows: Sequence[tuple[Any, ...]], now: datetime) -> tuple[list[Counted], list[tuple[datetime, int]]]:
    """Refusals by reason, the latest first, and how many there were in each of the last 24 hours."""
    windows = _windows(now)
    sums = _sums(
        (
            (REASONS.get(reason, reason), reason),
            count if hour > windows["day"] else 0,
            count if hour > windows["week"] else 0,
            count,
            last_at,
        )
        for reason, hour, count, last_at in rows
    )
    by_hour = Counter[datetime]()
    for _, hour, count, _ in rows:
        by_hour[hour] += count
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=ago) for ago in range(23, -1, -1)]
    by_recency = sorted(sums, key=lambda one: one.last_at, reverse=True)
    return by_recency, [(hour, by_hour[hour]) for hour in hours]


def _checks(row: Connection) -> tuple[dict[str, Line], datetime | None]:
    """The newest outcome of each check: what was looked at for this page, else what Save & Verify found."""
    run = Run.of(row)
    told = run is not None and (run.subject is Subject.WORKING or not run.failed)  # else it is about rejected drafts
    lines = {line.name: line for line in run.lines} if run and told else {}
    looked = row.looked
    if looked:
        lines |= {line["name"]: Line.of(line) for line in looked["lines"]}
    return lines, datetime.fromisoformat(looked["at"]) if looked else None
