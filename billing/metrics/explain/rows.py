"""What a number is the sum of: customers, their subscriptions' items, and the events that made these what they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from billing.actions.bulk import fetch
from billing.models import OPEN_END
from billing.modes import Mode
from billing.money import Money, total

PAGE_ROWS: Final = 50

# The event that made a subscription what it was at a second: its newest chosen version up to then.
_EVENTS: Final = """
SELECT r.subscription, r.second, v.event_id, v.position / 2
FROM unnest(%(subscriptions)s::text[], %(seconds)s::bigint[]) AS r(subscription, second)
JOIN LATERAL (
    SELECT event_id, position FROM billing_version
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND kind = 'subscription' AND object_id = r.subscription
      AND position <= 2 * r.second + 1 AND chosen
    ORDER BY position DESC LIMIT 1
) v ON true
"""


@dataclass(frozen=True)
class Part:
    """One item of a subscription that counts: its signed amount, since when, and the event that says so.

    `event_id` None: nothing says so (it is estimated from before the first event). `passed`: the change came by the
    passing of time (a discount ran out), `event_id` is the last one before it.
    """

    subscription: str
    price: str
    amount: Money
    at: datetime
    until: datetime | None
    event_id: str | None
    passed: bool = False


@dataclass(frozen=True)
class Row:
    """One customer's contribution. `day` for what happened on a day; `count` for what counts people."""

    customer: str
    day: date | None
    amount: Money | None
    count: int
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Converted:
    """One currency's contribution to a sum in the reporting currency, at the rate of a day."""

    currency: str
    day: date
    native: Money
    rate: Decimal
    rate_before: Decimal | None
    amount: Money


@dataclass(frozen=True)
class Failed:
    """An invoice (or a payment of none) that failed: when first, over how much, what became of it, and the event."""

    customer: str
    subject: str
    is_invoice: bool
    at: datetime
    amount: Money
    outcome: str
    event_id: str


@dataclass(frozen=True)
class Rows:
    """A page of rows, how many there are in all, and what all of them come to: exactly the number."""

    rows: Sequence[Row] = ()
    converted: Sequence[Converted] = ()
    failed: Sequence[Failed] = ()
    number: int = 0
    amount: Money | None = None
    count: int = 0
    page: int = 1

    @property
    def pages(self) -> int:
        return max(1, -(-self.number // PAGE_ROWS))


@dataclass(frozen=True)
class Span:
    """A step of one item (models.MrrSpan), unix seconds."""

    customer: str
    subscription: str
    price: str
    currency: str
    monthly: Decimal
    starts: int
    ends: int


@dataclass
class Events:
    """The events behind spans, found for all of them at once."""

    workspace_id: int
    mode: Mode
    wanted: set[tuple[str, int]] = field(default_factory=set)
    found: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)

    def load(self, wanted: set[tuple[str, int]]) -> None:
        """Find the events of (subscription, unix second) pairs. One query."""
        pairs = sorted(wanted)
        params = {
            "ws": self.workspace_id,
            "mode": str(self.mode),
            "subscriptions": [subscription for subscription, _ in pairs],
            "seconds": [second for _, second in pairs],
        }
        for subscription, second, event_id, at in fetch(_EVENTS, params) if pairs else ():
            self.found[subscription, second] = (event_id, at)

    def part(self, span: Span, second: int, sign: int) -> Part:
        """What a span is, or does at its start (`sign` 1) or its end (−1)."""
        event_id, at = self.found.get((span.subscription, second), (None, second))
        amount = Money(span.monthly, span.currency)
        return Part(
            span.subscription,
            span.price,
            amount if sign > 0 else -amount,
            moment(second),
            None if sign < 0 or span.ends >= OPEN_END else moment(span.ends),
            event_id,
            passed=at != second,
        )


def moment(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


def summed(parts: Sequence[Part], currency: str) -> Money:
    """What parts of one currency come to."""
    return total([part.amount for part in parts], currency)


def offset(page: int) -> int:
    return (max(page, 1) - 1) * PAGE_ROWS
