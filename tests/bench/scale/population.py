"""Workspaces of any size, written in bulk: what events of so many subscriptions would have left behind.

A rebuild of the derived rows from the versions finds nothing to correct (the bench holds it to that at the smaller
sizes), so the rows are those that the product itself would have written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from psycopg import Connection

from billing.order import NOTHING
from billing.snapshots import ItemState, Price, SubscriptionState, digest, known
from tests.bench.tenants import Tenant

PRICES: Final = 20
FIRST: Final = 1_704_067_200
"""2024-01-01T00:00:00Z: when the first subscription begins."""
SPAN: Final = 2 * 365 * 86_400
"""Seconds over which subscriptions begin."""
STAY: Final = 200 * 86_400
"""How long those stay that leave: three in ten."""

_CREATED: Final = f"({FIRST} + (i::bigint * {SPAN} / %(n)s))"
_IDS: Final = f"""
SELECT i, 'cus_Pop' || lpad(i::text, 11, '0') AS customer, 'sub_Pop' || lpad(i::text, 17, '0') AS subscription,
       'si_Pop' || lpad(i::text, 11, '0') AS item, i %% {PRICES} AS plan, {_CREATED} AS created,
       CASE WHEN i %% 10 < 3 THEN {_CREATED} + {STAY} END AS ended
FROM generate_series(1, %(n)s) i
"""


@dataclass(frozen=True)
class Population:
    """A workspace with so many subscriptions, one to a customer."""

    tenant: Tenant
    subscriptions: int


def price(number: int) -> Price:
    """One of the prices, 10.00 to 105.00 USD a month."""
    return Price(
        f"price_Pop{number:02}",
        product=f"prod_Pop{number:02}",
        currency="usd",
        unit_amount=Decimal(1000 + 500 * number),
        billing_scheme="per_unit",
        interval="month",
        interval_count=1,
        usage_type="licensed",
        active=True,
    )


def settle(owner: Connection[Any], tenant: Tenant, subscriptions: int) -> Population:
    """Write the workspace's rows, past row-level security. Takes about four minutes for a million."""
    place = {"ws": tenant.workspace.pk, "n": subscriptions}
    _catalogue(owner, tenant.workspace.pk)
    with owner.transaction():
        owner.execute(f"CREATE TEMP TABLE people ON COMMIT DROP AS {_IDS}", place)
        for statement in (_CUSTOMERS, _SUBSCRIPTIONS, _HISTORY, _SPANS, _MOVEMENTS, _ROLLUPS, _SYNC):
            owner.execute(statement, place)
        for canceled in (False, True):
            owner.execute(_VERSIONS, {**place, **_state(canceled=canceled), "canceled": canceled})
    owner.execute("ANALYZE")
    return Population(tenant, subscriptions)


def _state(*, canceled: bool) -> dict[str, str]:
    """The JSON of a version, with marks where a subscription's own values go."""
    item = ItemState("@item", "@price", 1)
    state = SubscriptionState("@subscription", "@customer", "canceled" if canceled else "active", 0, "usd", (item,))
    return {"state": json.dumps(known(state)), "nothing": NOTHING, "after": digest({"canceled": canceled})}


def _catalogue(owner: Connection[Any], workspace_id: int) -> None:
    for number in range(PRICES):
        entry = price(number)
        seen = {name: [1, value] for name, value in known(entry).items() if name != "id"}
        owner.execute(
            "INSERT INTO billing_price (workspace_id, mode, stripe_id, seen, product, currency, unit_amount, interval, "
            "interval_count, billing_scheme, usage_type, active) "
            "VALUES (%s, 'test', %s, %s, %s, 'usd', %s, 'month', 1, 'per_unit', 'licensed', true)",
            (workspace_id, entry.id, json.dumps(seen), entry.product, entry.unit_amount),
        )
        owner.execute(
            "INSERT INTO billing_product (workspace_id, mode, stripe_id, seen, name, active) "
            "VALUES (%s, 'test', %s, '{}', %s, true)",
            (workspace_id, entry.product, f"Plan {number}"),
        )


_PRICE: Final = "'price_Pop' || lpad(plan::text, 2, '0')"
_WORTH: Final = "(1000 + 500 * plan)"
_CUSTOMERS: Final = """
INSERT INTO billing_customer (workspace_id, mode, stripe_id, position, sure, name, email, created, deleted)
SELECT %(ws)s, 'test', customer, 2 * created + 1, true, 'Customer ' || i, 'c' || i || '@example.com',
       to_timestamp(created), false
FROM people
"""
_SUBSCRIPTIONS: Final = f"""
INSERT INTO billing_subscription (workspace_id, mode, stripe_id, position, sure, customer, status, created, currency,
    items, discounts, cancel_at_period_end, ended_at, billing_mode, awaiting)
SELECT %(ws)s, 'test', subscription, 2 * coalesce(ended, created) + 1, true, customer,
       CASE WHEN ended IS NULL THEN 'active' ELSE 'canceled' END, to_timestamp(created), 'usd',
       jsonb_build_array(jsonb_build_object('id', item, 'price', {_PRICE}, 'quantity', 1, 'discounts', '[]'::jsonb,
           'inclusive_tax_percent', '0')), '[]', false, to_timestamp(ended), 'classic', '{{}}'
FROM people
"""
_VERSIONS: Final = f"""
INSERT INTO billing_version (workspace_id, mode, kind, object_id, position, event_id, before, after, state, chosen,
    sure, learnt_at)
SELECT %(ws)s, 'test', 'subscription', subscription, 2 * at + 1, 'evt_Pop' || i || '_' || at,
       CASE WHEN %(canceled)s THEN NULL ELSE %(nothing)s END, %(after)s,
       replace(replace(replace(replace(
           %(state)s, '@subscription', subscription), '@customer', customer), '@item', item), '@price', {_PRICE})::jsonb
           || jsonb_build_object('created', created)
           || CASE WHEN %(canceled)s THEN jsonb_build_object('ended_at', ended) ELSE '{{}}' END,
       true, true, now()
FROM (SELECT *, CASE WHEN %(canceled)s THEN ended ELSE created END AS at FROM people) p WHERE at IS NOT NULL
"""
_HISTORY: Final = """
INSERT INTO billing_historyentry (workspace_id, mode, kind, is_change, object_kind, object_id, customer, happened_at,
    learnt_at, event_id, after)
SELECT %(ws)s, 'test', 'subscription.started', true, 'subscription', subscription, customer, to_timestamp(created),
       now(), 'evt_Pop' || i || '_' || created, '{"status": "active"}'
FROM people
"""
_SPANS: Final = f"""
INSERT INTO billing_mrrspan (workspace_id, mode, subscription, customer, item, price, currency, monthly, trial,
    involuntary, starts, ends)
SELECT %(ws)s, 'test', subscription, customer, item, {_PRICE}, 'usd', {_WORTH}, false, false, created,
       coalesce(ended, 253402300800)
FROM people
"""
_DAY: Final = "(to_timestamp(at) AT TIME ZONE 'UTC')::date"
_MOVEMENTS: Final = f"""
INSERT INTO billing_movement (workspace_id, mode, customer, day, currency, price, kind, amount, trial, subscribers)
SELECT %(ws)s, 'test', customer, {_DAY}, row.currency, row.price,
       CASE WHEN row.price <> '' THEN 'plan' WHEN sign > 0 THEN 'new' ELSE 'churn' END,
       CASE WHEN row.currency = '' THEN 0 ELSE sign * {_WORTH} END, 0, sign
FROM (
    SELECT customer, plan, created AS at, 1 AS sign FROM people
    UNION ALL SELECT customer, plan, ended, -1 FROM people WHERE ended IS NOT NULL
) p CROSS JOIN LATERAL (VALUES ('', ''), ('usd', ''), ('usd', {_PRICE})) row(currency, price)
"""
_ROLLUPS: Final = """
INSERT INTO billing_dailyrollup (workspace_id, mode, day, currency, price, kind, amount, trial, subscribers, moves)
SELECT workspace_id, mode, day, currency, price, kind, sum(amount), sum(trial), sum(subscribers), count(*)
FROM (
    SELECT workspace_id, mode, day, currency, price, kind, amount, trial, subscribers FROM billing_movement
    UNION ALL
    SELECT workspace_id, mode, date_trunc('month', day)::date, currency, price, 'plan_month', amount, trial, subscribers
    FROM billing_movement WHERE kind = 'plan'
) moved
WHERE workspace_id = %(ws)s GROUP BY 1, 2, 3, 4, 5, 6
"""
_SYNC: Final = """
INSERT INTO billing_syncstate (workspace_id, mode, version, rules, last_event_at, last_applied_at)
VALUES (%(ws)s, 'test', 1, 1, now(), now())
"""
