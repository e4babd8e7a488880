"""Events: what the account tells the outside world about one change of one object."""

from __future__ import annotations

from dataclasses import dataclass

from .state import Anything


@dataclass(frozen=True, slots=True, kw_only=True)
class SimEvent:
    """One event, before a payload family gives it a shape.

    `before` and `after` are frozen states of the object. `before` is None unless `type` is an update
    (`carries_previous`): then `previous_attributes` is what differs between the rendered two.
    `created` is in whole Unix seconds; several events share one. `sequence` is their true order, from 1 without gaps.
    `request` is the id of the API request that caused it (`req_…`), None when Stripe acted by itself.
    """

    id: str
    sequence: int
    type: str
    created: int
    kind: str
    """The object's kind: `customer`, `product`, `price`, `coupon`, `discount`, `subscription`, `invoice`,
    `invoice_payment`, `payment_intent`, `charge` or `checkout.session`."""
    before: Anything | None
    after: Anything
    request: str | None
    idempotency_key: str | None
    livemode: bool

    @property
    def carries_previous(self) -> bool:
        """Whether Stripe sends `previous_attributes` with this event."""
        return self.before is not None
