"""A workspace with a day of billing behind it, and channels that a summary of it goes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from alerts.digest.sending import settle
from alerts.models import DigestRun
from billing.actions.movements import refresh
from billing.models import OPEN_END
from billing.modes import Mode
from integrations.channels import Message
from integrations.models import Delivery
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import (
    ChannelFactory,
    ConnectionFactory,
    ExchangeRateFactory,
    FailureFactory,
    HistoryEntryFactory,
    InvoiceFactory,
    MrrSpanFactory,
    SubscriptionFactory,
    SyncStateFactory,
)

CONNECTED = datetime(2026, 1, 1, tzinfo=UTC)
MORNING = datetime(2026, 3, 11, 8, tzinfo=UTC)
"""Eight o'clock: the summary of 10 March, a Tuesday, is due."""
DAY = datetime(2026, 3, 10, tzinfo=UTC)


def at(hour: float, days: int = 0) -> datetime:
    """An hour of the day that the summary is about, or of one so many days later."""
    return DAY + timedelta(days=days, hours=hour)


def connected(workspace: Workspace, mode: Mode = Mode.LIVE, channels: int = 1) -> list[Any]:
    """Connect Stripe at the year's beginning and add channels on the same day."""
    ConnectionFactory(workspace=workspace, mode=mode, connected_at=CONNECTED)
    SyncStateFactory(workspace=workspace, mode=mode)
    return [ChannelFactory(workspace=workspace, created_at=CONNECTED) for _ in range(channels)]


def span(
    workspace: Workspace,
    customer: str,
    minor: int,
    starts: datetime,
    ends: datetime | None = None,
    currency: str = "usd",
    mode: Mode = Mode.LIVE,
) -> None:
    """A subscription's worth of `minor` a month."""
    MrrSpanFactory(
        workspace=workspace,
        mode=mode,
        subscription=f"sub_{customer}",
        customer=customer,
        item=f"si_{customer}_{starts:%s}",
        price="price_1",
        currency=currency,
        monthly=Decimal(minor),
        starts=int(starts.timestamp()),
        ends=int(ends.timestamp()) if ends else OPEN_END,
    )
    with scoped_transaction(workspace):
        refresh(workspace.pk, mode, [customer], ZoneInfo(workspace.timezone))


def failed(workspace: Workspace, minor: int, happened_at: datetime, mode: Mode = Mode.LIVE, **invoice: Any) -> None:
    """An invoice that could not be collected; `invoice` says what became of it."""
    currency = invoice.get("currency", "usd")
    row = InvoiceFactory(workspace=workspace, mode=mode, **invoice)
    FailureFactory(
        workspace=workspace, mode=mode, invoice=row.stripe_id, amount=minor, currency=currency, happened_at=happened_at
    )


def happened(workspace: Workspace, kind: str, when: datetime, mode: Mode = Mode.LIVE, **fields: Any) -> None:
    HistoryEntryFactory(workspace=workspace, mode=mode, kind=kind, happened_at=when, learnt_at=when, **fields)


def busy_day(workspace: Workspace, mode: Mode = Mode.LIVE) -> None:
    """10 March in dollars: 100.00 before; 30.00 new, 20.00 expansion, 15.00 lost; and everything around it."""
    span(workspace, "ada", 6000, CONNECTED, at(9), mode=mode)
    span(workspace, "ada", 8000, at(9), mode=mode)
    span(workspace, "bob", 1500, CONNECTED, at(10), mode=mode)
    span(workspace, "eve", 2500, CONNECTED, mode=mode)
    span(workspace, "new", 3000, at(23.9), mode=mode)
    span(workspace, "late", 99900, at(24), mode=mode)  # the day after
    for number, (kind, hour) in enumerate(
        [
            ("subscription.started", 0),
            ("subscription.started", 23.9),
            ("subscription.started", 24),
            ("subscription.started", -0.1),
            ("subscription.cancel_scheduled", 7),
            ("subscription.ended", 10),
        ]
    ):
        happened(workspace, kind, at(hour), mode, object_id=f"sub_{number}")
    happened(workspace, "subscription.started", at(5), mode, object_id="sub_9", superseded_at=at(6))
    failed(workspace, 4900, at(3), mode)
    failed(workspace, 1000, at(4), mode, status="paid", paid_at=at(20))
    failed(workspace, 700, at(-30 * 24), mode, status="paid", paid_at=at(1))
    failed(workspace, 800, at(-91 * 24), mode, status="paid", paid_at=at(1))  # failed too long ago
    failed(workspace, 200, at(-29 * 24), mode)  # at risk
    failed(workspace, 300, at(-30 * 24), mode)  # not of the 30 days
    failed(workspace, 600, at(24), mode)
    SubscriptionFactory(workspace=workspace, mode=mode, stripe_id="sub_eve", cancel_at=at(200), status="active")


def euros(workspace: Workspace, mode: Mode = Mode.LIVE) -> None:
    """50.00 euros before the day, 10.00 more on it, at 1.10 and then 1.20 dollars each."""
    for days, per_euro in ((-1, "1.10"), (0, "1.20")):
        ExchangeRateFactory(day=at(0, days).date(), currency="usd", per_euro=Decimal(per_euro))
    span(workspace, "max", 5000, CONNECTED, currency="eur", mode=mode)
    span(workspace, "leo", 1000, at(12), currency="eur", mode=mode)


def beat(workspace: Workspace, now: datetime = MORNING, mode: Mode = Mode.LIVE) -> list[DigestRun]:
    with scope(workspace):
        return settle(workspace, mode, now)


def sent(workspace: Workspace) -> list[Message]:
    """All messages in the outbox, in order."""
    return [Message.of(row.message) for row in rows_of(workspace)]


def rows_of(workspace: Workspace) -> list[Delivery]:
    with scoped_transaction(workspace):
        return list(Delivery.objects.filter(workspace=workspace).order_by("id"))


def runs(workspace: Workspace) -> list[tuple[str, str, str, bool, str]]:
    """Mode, day, state, late, reason of every summary that was decided, in order."""
    with scoped_transaction(workspace):
        found = DigestRun.objects.filter(workspace=workspace).order_by("id")
        return [(run.mode, run.day.isoformat(), run.state, run.late, run.reason) for run in found]
