"""What was found, for pages and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db.models import Count, Q, Sum

from billing.modes import Mode
from billing.money import Money
from billing.names import PlanName, plan_names
from billing.wording import label, prices_in, say
from integrations.models import Drift, Phase, Reconciliation

PAGE: Final = 100
"""Differences on one page."""
LABELS: Final = {
    "customer": "Customer",
    "subscription": "Subscription",
    "invoice": "Invoice",
    "payment": "Payment",
    "product": "Product",
    "price": "Price",
    "coupon": "Coupon",
}
_COUNTED: Final = {
    "customer": "customers",
    "subscription": "subscriptions",
    "invoice": "invoices",
    "payment": "payments",
    "product": "products",
    "price": "prices",
    "coupon": "coupons",
}


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One run in numbers. `drifts` are fields that differed, `open` those among them that still do.

    `amounts` is what the differences were about, by currency: sizes added up, so that two of them never cancel out.
    """

    phase: str
    running: bool
    repairs: bool
    asked_by: str
    started_at: datetime
    finished_at: datetime | None
    compared: list[tuple[str, int]]
    skipped: list[tuple[str, str]]
    drifts: int
    open: int
    amounts: list[Money] = field(default_factory=list)
    failure: str | None = None

    @property
    def total(self) -> int:
        """Objects compared."""
        return sum(count for _, count in self.compared)

    @property
    def repaired(self) -> int:
        return self.drifts - self.open


@dataclass(frozen=True, slots=True)
class ReconciliationStatus:
    """The run that goes on, if one does, and the last one that ended."""

    running: RunStatus | None = None
    last: RunStatus | None = None


@dataclass(frozen=True, slots=True)
class DriftLine:
    """One difference in words. `ours` and `theirs` are texts; empty where a side has nothing."""

    pk: int
    kind: str
    label: str
    object_id: str
    field: str
    ours: str
    theirs: str
    amount: Money | None
    monthly: bool
    found_at: datetime
    repaired_at: datetime | None


def status(workspace_id: int, mode: Mode) -> ReconciliationStatus:
    """The running comparison and the last one. At most six queries. Must run in scope."""
    runs = Reconciliation.objects.filter(workspace_id=workspace_id, mode=mode).order_by("-started_at")
    running = runs.filter(finished_at=None).first()
    last = runs.exclude(finished_at=None).first()
    return ReconciliationStatus(run_status(running) if running else None, run_status(last) if last else None)


def run_status(run: Reconciliation) -> RunStatus:
    """One run in numbers. Two queries. Must run in scope."""
    found = Drift.objects.filter(workspace_id=run.workspace_id, reconciliation=run)
    sums = found.aggregate(drifts=Count("id"), open=Count("id", filter=Q(repaired_at=None)))
    up, down = Sum("amount", filter=Q(amount__gt=0)), Sum("amount", filter=Q(amount__lt=0))
    about = found.exclude(amount=None).values("currency").annotate(up=up, down=down).order_by("currency")
    sizes = [(row["currency"], (row["up"] or Decimal(0)) - (row["down"] or Decimal(0))) for row in about]
    return RunStatus(
        phase=Phase(run.phase).label,
        running=run.finished_at is None,
        repairs=run.repairs,
        asked_by=run.asked_by,
        started_at=run.started_at,
        finished_at=run.finished_at,
        compared=[(name, run.counts[kind]) for kind, name in _COUNTED.items() if kind in run.counts],
        skipped=[(_COUNTED.get(kind, kind), reason) for kind, reason in sorted(run.skipped.items())],
        drifts=sums["drifts"],
        open=sums["open"],
        amounts=[Money(size, currency) for currency, size in sizes if size],
        failure=run.failure,
    )


def drift_lines(workspace_id: int, mode: Mode, before: int | None = None) -> tuple[Sequence[DriftLine], int | None]:
    """The newest differences, and the `before` of the next older page if there is one.

    At most three queries. Must run in scope; times are in the active time zone.
    """
    rows = Drift.objects.filter(workspace_id=workspace_id, mode=mode).order_by("-id")
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows[: PAGE + 1])
    items = [{"items": side} for row in found if row.field == "items" for side in (row.ours, row.theirs)]
    plans = plan_names(workspace_id, mode, prices_in(items)) if items else {}
    return [line(row, plans) for row in found[:PAGE]], found[PAGE - 1].pk if len(found) > PAGE else None


def line(row: Drift, plans: Mapping[str, PlanName]) -> DriftLine:
    """One difference in words; `plans` are the names of the prices in it, where they are to be told by name."""
    ours, theirs = (
        ("missing" if side is None else "present") if not row.field else say(row.field, side, plans, row.currency)
        for side in (row.ours, row.theirs)
    )
    return DriftLine(
        pk=row.pk,
        kind=row.kind,
        label=LABELS.get(row.kind, row.kind),
        object_id=row.object_id,
        field=label(row.field) if row.field else "",
        ours=ours,
        theirs=theirs,
        amount=None if row.amount is None else Money(row.amount, row.currency),
        monthly=row.kind == "subscription",
        found_at=row.found_at,
        repaired_at=row.repaired_at,
    )
