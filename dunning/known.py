"""What is known of invoices at this moment: read before anything is decided about them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from billing.actions.bulk import unique
from billing.declines import Decline
from billing.failures import ACTION_REQUIRED
from billing.models import Failure, HistoryEntry, Invoice
from billing.modes import Mode
from billing.owed import Debt, debts
from billing.snapshots import Kind

from .schedule import Attempt, Course

_FIELDS: Final = ("stripe_id", "number", "attempt_count", "next_payment_attempt")


@dataclass(frozen=True, slots=True)
class Known:
    """An invoice: its debt, its attempts in order of time, and the next one that Stripe announces (None: no further).

    `count` is the number of attempts, also where some are known by number alone. `last` is the newest failure.
    """

    debt: Debt
    number: str | None
    attempts: tuple[Attempt, ...]
    count: int
    next_attempt: datetime | None
    last: Failure | None

    @property
    def decline(self) -> str | None:
        """What the first attempt that told a reason was declined for."""
        return next((attempt.decline for attempt in self.attempts if attempt.decline), None)

    def course(self, settles_at: datetime) -> Course:
        """As the schedule wants it. There must have been an attempt."""
        return Course(
            attempts=self.attempts,
            count=self.count,
            next_attempt=self.next_attempt,
            amount=int(self.debt.open.minor),
            currency=self.debt.open.currency,
            has_subscription=self.debt.subscription is not None,
            settles_at=settles_at,
        )


def look(workspace_id: int, mode: Mode, invoices: Iterable[str]) -> dict[str, Known]:
    """Those of the invoices (Stripe's ids) that are known. Four queries, in scope."""
    wanted = unique(invoices)
    if not wanted:
        return {}
    place = {"workspace_id": workspace_id, "mode": mode}
    owed = debts(workspace_id, mode, wanted)
    rows = {row.stripe_id: row for row in Invoice.objects.filter(**place, stripe_id__in=wanted).only(*_FIELDS)}
    failures: dict[str, list[Failure]] = {}
    for failure in Failure.objects.filter(**place, subject__in=wanted).order_by("subject", "attempt"):
        failures.setdefault(failure.subject, []).append(failure)
    asked = dict(
        HistoryEntry.objects.filter(
            **place, object_kind=str(Kind.INVOICE), object_id__in=wanted, kind=ACTION_REQUIRED, is_change=False
        )
        .order_by("-happened_at")
        .values_list("object_id", "happened_at")
    )
    return {
        invoice: _known(debt, rows[invoice], failures.get(invoice, []), asked.get(invoice))
        for invoice, debt in owed.items()
        if invoice in rows
    }


def _known(debt: Debt, row: Invoice, failures: list[Failure], asked: datetime | None) -> Known:
    attempts = [Attempt(failure.happened_at, failure.decline) for failure in failures]
    if not attempts and asked is not None:  # the customer must confirm; nothing has failed yet
        attempts = [Attempt(asked, Decline.AUTHENTICATION.value)]
    return Known(
        debt=debt,
        number=row.number,
        attempts=tuple(attempts),
        count=max(len(attempts), row.attempt_count),
        next_attempt=row.next_payment_attempt,
        last=failures[-1] if failures else None,
    )
