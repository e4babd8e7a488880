"""The one question: what may this customer use?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from billing.actions.bulk import fetch
from billing.modes import Mode

from .decide import Reason, given_by
from .rules import default_tiers
from .tiers import DEFAULT_FREE, Gate, TierTerms

_ASK: Final = """
SELECT c.stripe_id IS NOT NULL, a.tier, t.name, a.features, a.seats, a.reason, a.since, a.cause, a.subscription,
       a.unmapped, a.overridden, a.until, p.id IS NOT NULL, p.free_tier, f.name, f.features, f.seat_limit,
       EXISTS (SELECT FROM billing_tier any_tier WHERE any_tier.workspace_id = %(ws)s)
FROM (SELECT 1) one
LEFT JOIN billing_customer c ON c.workspace_id = %(ws)s AND c.mode = %(mode)s AND c.stripe_id = %(customer)s
LEFT JOIN billing_access a ON a.workspace_id = %(ws)s AND a.mode = %(mode)s AND a.customer = %(customer)s
LEFT JOIN billing_accesspolicy p ON p.workspace_id = %(ws)s
LEFT JOIN billing_tier t ON t.workspace_id = %(ws)s AND t.key = a.tier
LEFT JOIN billing_tier f ON f.workspace_id = %(ws)s
     AND f.key = CASE WHEN p.id IS NULL THEN %(free)s ELSE p.free_tier END
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one customer may use now.

    `tier` None = no access. `seats` None = unlimited. `since` and `cause` are None for a customer without any
    subscription or override. `unmapped` names prices that they pay for and that nobody gave a tier. `until` is when
    this ends by itself (an override, a grace). `known` False: nobody has told us of such a customer.
    """

    customer: str
    known: bool
    tier: str | None
    tier_name: str | None
    features: Mapping[str, Gate]
    seats: int | None
    reason: Reason
    since: datetime | None
    cause: str | None
    subscription: str | None
    unmapped: tuple[str, ...]
    overridden: bool
    until: datetime | None

    def allows(self, feature: str) -> bool:
        """Whether a gate is open: on, unlimited, or any number above zero."""
        gate = self.features.get(feature, False)
        return gate is None or bool(gate)

    def limit(self, feature: str) -> int | None:
        """How many of something: None = unlimited. A gate that is merely on sets no limit, one that is off allows 0."""
        gate = self.features.get(feature, False)
        if gate is None or gate is True:
            return None
        return int(gate)


def for_customer(workspace_id: int, mode: Mode, customer: str) -> Answer:
    """What a customer (Stripe's id) may use now. One query, by unique indexes. Must run in scope.

    A customer of whom nothing is known gets nothing; one who never had a subscription gets the free tier, if there is
    one.
    """
    params = {"ws": workspace_id, "mode": str(mode), "customer": customer, "free": DEFAULT_FREE}
    ((known, tier, name, features, seats, reason, since, cause, subscription, unmapped, overridden, until, *free),) = (
        fetch(_ASK, params)
    )
    if reason is not None:
        named = name or _default_name(tier)
        return Answer(
            customer,
            True,
            tier,
            named,
            _json(features),
            seats,
            Reason(reason),
            since,
            cause,
            subscription,
            tuple(unmapped),
            overridden,
            until,
        )
    given = given_by(_free_tier(*free) if known else None)
    return Answer(
        customer,
        known,
        given.tier,
        (free[2] or _default_name(given.tier)) if given.tier else None,
        given.features,
        given.seats,
        Reason.NO_SUBSCRIPTION if known else Reason.UNKNOWN,
        None,
        None,
        None,
        (),
        False,
        None,
    )


def _free_tier(
    has_policy: bool, free: str | None, name: str | None, features: Any, seats: int | None, edited: bool
) -> TierTerms | None:
    key = free if has_policy else DEFAULT_FREE
    if key is None or (edited and name is None):
        return None
    return TierTerms(key, name or "", 0, _json(features), seats) if edited else default_tiers().get(key)


def _default_name(tier: str | None) -> str | None:
    return default_tiers()[tier].name if tier in default_tiers() else tier


def _json(value: Any) -> dict[str, Gate]:
    found: dict[str, Gate] = json.loads(value) if isinstance(value, str) else value
    return found
