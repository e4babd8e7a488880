"""Everything that decides about the access of some customers, in one statement."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from billing.access.decide import Hold, Override, Step
from billing.access.rules import MappingTerms, PriceTerms, Rules, default_tiers
from billing.access.tiers import DEFAULT_FREE, TierTerms
from billing.actions.bulk import fetch
from billing.order import ENDED

OVER: Final = """least(
    CASE i.status
        WHEN 'paid' THEN coalesce(floor(extract(epoch FROM i.paid_at))::bigint, i.position / 2)
        WHEN 'void' THEN coalesce(floor(extract(epoch FROM i.voided_at))::bigint, i.position / 2) END,
    CASE WHEN i.status = 'uncollectible' OR i.marked_uncollectible_at IS NOT NULL THEN (
        SELECT min(greatest(
            coalesce(floor(extract(epoch FROM n.paid_at))::bigint, n.position / 2),
            coalesce(floor(extract(epoch FROM i.marked_uncollectible_at))::bigint, i.position / 2)))
        FROM billing_invoice n
        WHERE n.workspace_id = h.workspace_id AND n.mode = h.mode AND n.subscription = h.subscription
          AND n.status = 'paid' AND n.created > i.created AND coalesce(n.total, n.amount_due) > 0) END)"""
"""When a hold `h` ended with its invoice `i` (unix seconds; null: it has not): paid or voided; or written off, and a
later invoice of the subscription that was about money was paid, since Stripe takes it for paid up from then on."""

# A subscription's steps are those of its chosen versions in which something moved that access depends on. Mappings of
# prices by id may be many, one for each customer even: only those that speak of these customers' prices are read.
# OFFSET 0 keeps each look-up one by index for every customer, also while PostgreSQL knows nothing about a table that a
# backfill has just filled: it would rather read such a table whole.
_LOAD: Final = f"""
WITH mine AS MATERIALIZED (
    SELECT unnest(%(customers)s::text[]) AS customer
    UNION
    (SELECT customer FROM billing_priceuse
     WHERE workspace_id = %(ws)s AND mode = %(mode)s AND price = ANY(%(prices)s::text[]) LIMIT %(most)s)
    UNION
    (SELECT u.customer FROM billing_price p
     JOIN billing_priceuse u ON u.workspace_id = %(ws)s AND u.mode = %(mode)s AND u.price = p.stripe_id
     WHERE p.workspace_id = %(ws)s AND p.mode = %(mode)s AND p.product = ANY(%(products)s::text[])
       AND cardinality(%(products)s::text[]) > 0
     LIMIT %(most)s)
), moves AS (
    SELECT m.customer, s.stripe_id AS object_id, v.position, v.event_id, v.state ->> 'status' AS status,
           v.state ->> 'pause_behavior' AS pause, v.state -> 'items' AS items,
           (v.state ->> 'created')::bigint AS created,
           coalesce(v.state ->> 'ended_at', v.state ->> 'canceled_at')::bigint AS ended,
           lag(jsonb_build_array(v.state -> 'status', v.state -> 'pause_behavior', v.state -> 'items'))
               OVER (PARTITION BY s.stripe_id ORDER BY v.position) AS before
    FROM mine m
    CROSS JOIN LATERAL (
        SELECT stripe_id FROM billing_subscription
        WHERE workspace_id = %(ws)s AND mode = %(mode)s AND customer = m.customer OFFSET 0
    ) s
    CROSS JOIN LATERAL (
        SELECT position, event_id, coalesce(resolved, state) AS state FROM billing_version
        WHERE workspace_id = %(ws)s AND mode = %(mode)s AND kind = 'subscription' AND object_id = s.stripe_id AND chosen
        OFFSET 0
    ) v
), steps AS MATERIALIZED (
    SELECT * FROM moves WHERE before IS DISTINCT FROM jsonb_build_array(to_jsonb(status), to_jsonb(pause), items)
), used AS MATERIALIZED (
    SELECT DISTINCT i ->> 'price' AS price FROM steps CROSS JOIN LATERAL jsonb_array_elements(items) i
)
SELECT 'customer', jsonb_build_array(customer) FROM mine
UNION ALL
SELECT 'step', jsonb_build_array(customer, object_id, position, event_id, status, pause, items, created, ended)
FROM steps
UNION ALL
SELECT 'price', jsonb_build_array(u.price, p.lookup_key, d.tier_key) FROM used u
CROSS JOIN LATERAL (
    SELECT product, lookup_key FROM billing_price
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND stripe_id = u.price OFFSET 0
) p
LEFT JOIN LATERAL (
    SELECT tier_key FROM billing_product
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND stripe_id = p.product OFFSET 0
) d ON true
UNION ALL
SELECT 'mapping', jsonb_build_array(kind, value, tier, removed, floor(extract(epoch FROM changed_at))::bigint)
FROM billing_pricemapping
WHERE workspace_id = %(ws)s AND mode = %(mode)s AND (kind <> 'price' OR value IN (SELECT price FROM used))
UNION ALL
SELECT 'tier', jsonb_build_array(key, name, rank, features, seat_limit, seats_by_quantity,
                                 floor(extract(epoch FROM changed_at))::bigint)
FROM billing_tier WHERE workspace_id = %(ws)s
UNION ALL
SELECT 'policy', jsonb_build_array(free_tier, past_due_days, floor(extract(epoch FROM changed_at))::bigint)
FROM billing_accesspolicy WHERE workspace_id = %(ws)s
UNION ALL
SELECT 'override', jsonb_build_array(m.customer, o.id, o.effect = 'exactly', o.tier, o.features, o.seats,
                                     floor(extract(epoch FROM o.created_at))::bigint,
                                     floor(extract(epoch FROM least(o.expires_at, o.revoked_at)))::bigint,
                                     CASE WHEN o.revoked_at < o.expires_at OR o.expires_at IS NULL
                                          THEN floor(extract(epoch FROM o.revoked_at))::bigint END)
FROM mine m
CROSS JOIN LATERAL (
    SELECT * FROM billing_accessoverride
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND customer = m.customer OFFSET 0
) o
UNION ALL
SELECT 'hold', jsonb_build_array(m.customer, h.subscription, h.invoice, h.falls_to_free,
                                 floor(extract(epoch FROM h.starts_at))::bigint,
                                 least(floor(extract(epoch FROM h.lifted_at))::bigint, h.over))
FROM mine m
CROSS JOIN LATERAL (
    SELECT h.*, {OVER} AS over
    FROM billing_accesshold h
    LEFT JOIN billing_invoice i
        ON i.workspace_id = %(ws)s AND i.mode = %(mode)s AND i.stripe_id = h.invoice
    WHERE h.workspace_id = %(ws)s AND h.mode = %(mode)s AND h.customer = m.customer OFFSET 0
) h
UNION ALL
SELECT 'access', jsonb_build_array(a.customer, a.tier, a.features, a.seats, a.reason,
                                   floor(extract(epoch FROM a.since))::bigint, a.cause, a.subscription, a.unmapped,
                                   a.overridden, floor(extract(epoch FROM a.until))::bigint)
FROM mine m
CROSS JOIN LATERAL (
    SELECT * FROM billing_access
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND customer = m.customer OFFSET 0
) a
UNION ALL
SELECT 'announced', jsonb_build_array(u.price) FROM used u
WHERE EXISTS (
    SELECT FROM billing_historyentry h
    WHERE h.workspace_id = %(ws)s AND h.mode = %(mode)s AND h.object_kind = 'price' AND h.object_id = u.price
      AND h.kind = 'price.unmapped' OFFSET 0
)
"""  # noqa: S608 - all names are our own
MOST: Final = 1_000
"""Customers whom a batch brings in line because a price or product they use says another tier than before."""
ROW: Final = (
    "customer",
    "tier",
    "features",
    "seats",
    "reason",
    "since",
    "cause",
    "subscription",
    "unmapped",
    "overridden",
    "until",
)
"""The columns of an Access row, as they are written and as they are read back; instants in unix seconds."""


@dataclass(slots=True)
class Cases:
    """What there is to know of some customers.

    `subscriptions` are by customer and id, their steps in order of time; `stored` are the rows that there are;
    `announced` are prices that history has called unmapped already. `complete` False: there are more users of the
    prices and products than were read.
    """

    customers: list[str] = field(default_factory=list)
    subscriptions: dict[str, dict[str, list[Step]]] = field(default_factory=dict)
    overrides: dict[str, list[Override]] = field(default_factory=dict)
    holds: dict[str, list[Hold]] = field(default_factory=dict)
    stored: dict[str, dict[str, Any]] = field(default_factory=dict)
    announced: set[str] = field(default_factory=set)
    rules: Rules = field(default_factory=Rules)
    complete: bool = True

    def uses(self) -> set[tuple[str, str]]:
        """Every (price, customer) that these subscriptions ever were."""
        return {
            (price, customer)
            for customer, lives in self.subscriptions.items()
            for steps in lives.values()
            for step in steps
            for price, _ in step.items
        }


def load(
    workspace_id: int, mode: str, customers: Iterable[str], prices: Iterable[str] = (), products: Iterable[str] = ()
) -> Cases:
    """Read the cases of these customers, and of those who ever used one of the prices or products. One statement.

    Of those who used the prices, and of those who used the products, `MOST` + 1 at most.
    """
    params: dict[str, Any] = {
        "ws": workspace_id,
        "mode": str(mode),
        "customers": sorted(set(customers)),
        "prices": sorted(set(prices)),
        "products": sorted(set(products)),
        "most": MOST + 1,
    }
    told: dict[str, list[Any]] = {}
    for what, document in fetch(_LOAD, params):
        told.setdefault(what, []).append(json.loads(document) if isinstance(document, str) else document)
    cases = Cases(
        customers=sorted(row[0] for row in told.get("customer", ())),
        stored={row[0]: dict(zip(ROW, row, strict=True)) for row in told.get("access", ())},
        announced={row[0] for row in told.get("announced", ())},
        rules=_rules(told),
    )
    cases.complete = len(cases.customers) - len(params["customers"]) <= MOST
    for customer, stripe_id, position, event_id, status, pause, items, created, ended in sorted(
        told.get("step", ()), key=lambda row: (row[1], row[2])
    ):
        step = Step(position // 2, event_id, status, pause, tuple(sorted(map(_item, items or ()))))
        steps = cases.subscriptions.setdefault(customer, {}).setdefault(stripe_id, [])
        steps += [step] if steps else _first(step, created, ended)
    for customer, *row in told.get("override", ()):
        cases.overrides.setdefault(customer, []).append(Override(*row))
    for customer, *row in told.get("hold", ()):
        cases.holds.setdefault(customer, []).append(Hold(*row))
    return cases


def _item(item: Mapping[str, Any]) -> tuple[str, int]:
    """Price and quantity; an item without a quantity (metered) counts as one."""
    quantity = item.get("quantity")
    return item["price"], 1 if quantity is None else quantity


def _first(step: Step, created: int, ended: int | None) -> list[Step]:
    """The first that is known of a subscription, with what it must have been before (actions/past.py)."""
    if step.status in ENDED:
        return [step if ended is None else step._replace(second=min(ended, step.second))]
    if step.status == "past_due" and created < step.second:
        return [step._replace(second=created, status="active"), step]
    return [step._replace(second=min(created, step.second)) if step.gives else step]


def _rules(told: Mapping[str, list[Any]]) -> Rules:
    tiers = {row[0]: TierTerms(*row) for row in told.get("tier", ())}
    policy = next(iter(told.get("policy", ())), (DEFAULT_FREE, None, None))
    return Rules(
        tiers=tiers or default_tiers(),
        mappings={(kind, value): MappingTerms(*rest) for kind, value, *rest in told.get("mapping", ())},
        prices={row[0]: PriceTerms(*row[1:]) for row in told.get("price", ())},
        free_tier=policy[0],
        past_due_days=policy[1],
        policy_changed_at=policy[2] or 0,
    )
