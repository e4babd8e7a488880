"""Keeping the failures in line with the facts that tell of them: computed anew per customer, written by difference."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from billing.failures import FAILURE_FACTS, Failed, Told, failed_attempts
from billing.snapshots import Fact, Kind

from .bulk import Table, fetch, instants, run, text, typed, unique
from .timeline import Chain

FAILURES: Final = Table(
    "billing_failure",
    (
        *text("subject", "invoice", "payment", "charge", "customer", "subscription", "currency"),
        *typed("integer", "attempt", "attempt_count"),
        *typed("bigint", "amount"),
        *instants("happened_at", "next_payment_attempt"),
        *text("code", "decline_code", "advice_code", "message", "decline", "invoice_event", "payment_event"),
    ),
    key=("subject", "attempt"),
)
_COLUMNS: Final = tuple(column.name for column in FAILURES.columns)
_KINDS: Final = ", ".join(f"'{kind}'" for kind in FAILURE_FACTS)  # spelt out: an index is partial on them

# Everything that the failures of the touched customers are made of, and those that are stored. Facts without a customer
# (guests) stand for their payment alone.
_LOAD: Final = f"""
WITH customers AS MATERIALIZED (
    SELECT unnest(%(customers)s::text[]) AS customer
    UNION
    SELECT h.customer FROM unnest(%(objects)s::text[]) AS t(id) JOIN billing_historyentry h
        ON h.workspace_id = %(ws)s AND h.mode = %(mode)s AND h.object_kind IN ('invoice', 'payment')
        AND h.object_id = t.id AND h.kind IN ({_KINDS}) AND NOT h.is_change AND h.customer IS NOT NULL
), told AS MATERIALIZED (
    SELECT h.kind, h.event_id, extract(epoch FROM h.happened_at)::bigint AS second, h.object_id, h.customer,
        h.after AS detail
    FROM customers c JOIN billing_historyentry h
        ON h.workspace_id = %(ws)s AND h.mode = %(mode)s AND h.customer = c.customer AND h.kind IN ({_KINDS})
        AND NOT h.is_change
    UNION ALL
    SELECT h.kind, h.event_id, extract(epoch FROM h.happened_at)::bigint, h.object_id, h.customer, h.after
    FROM unnest(%(guests)s::text[]) AS t(id) JOIN billing_historyentry h
        ON h.workspace_id = %(ws)s AND h.mode = %(mode)s AND h.object_kind IN ('invoice', 'payment')
        AND h.object_id = t.id AND h.kind IN ({_KINDS}) AND NOT h.is_change AND h.customer IS NULL
), link AS MATERIALIZED (
    SELECT l.invoice, l.payment FROM (SELECT DISTINCT object_id FROM told) t JOIN billing_paymentlink l
        ON l.workspace_id = %(ws)s AND l.mode = %(mode)s AND l.payment = t.object_id
    UNION
    SELECT l.invoice, l.payment FROM (SELECT DISTINCT object_id FROM told) t JOIN billing_paymentlink l
        ON l.workspace_id = %(ws)s AND l.mode = %(mode)s AND l.invoice = t.object_id
)
SELECT 'told', to_jsonb(told) FROM told
UNION ALL
SELECT 'link', to_jsonb(link) FROM link
UNION ALL
SELECT 'invoice', jsonb_build_object('id', i.stripe_id, 'subscription', i.subscription)
FROM (SELECT DISTINCT invoice FROM link) l JOIN billing_invoice i
    ON i.workspace_id = %(ws)s AND i.mode = %(mode)s AND i.stripe_id = l.invoice
UNION ALL
SELECT 'row', to_jsonb(f) || jsonb_build_object(
    'happened_at', extract(epoch FROM f.happened_at)::bigint,
    'next_payment_attempt', extract(epoch FROM f.next_payment_attempt)::bigint)
FROM (
    SELECT f.* FROM customers c JOIN billing_failure f
        ON f.workspace_id = %(ws)s AND f.mode = %(mode)s AND f.customer = c.customer
    UNION ALL
    SELECT f.* FROM unnest(%(guests)s::text[]) AS t(id) JOIN billing_failure f
        ON f.workspace_id = %(ws)s AND f.mode = %(mode)s AND f.subject = t.id AND f.customer IS NULL
) f
"""  # noqa: S608 - all names are our own
_REPLACE: Final = f"""
WITH gone AS (DELETE FROM billing_failure WHERE workspace_id = %s AND id = ANY(%s))
{FAILURES.statement}
"""  # noqa: S608 - all names are our own


@dataclass
class _Known:
    """What was loaded."""

    told: list[Told] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    subscriptions: dict[str, str | None] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)


class Refailed(NamedTuple):
    """The subscriptions whose failures changed, and how many rows were written or removed."""

    subscriptions: set[str]
    rows: int


def refail(
    workspace_id: int, mode: str, facts: Iterable[Fact], chains: Iterable[Chain], links: Iterable[tuple[str, str]]
) -> set[str]:
    """Bring the failures of the customers that a batch touched in line with what is known. One read, at most one write.

    Args:
        facts: of the batch; they are in the history already.
        chains: of the batch; an invoice's may tell for which subscription a payment failed.
        links: (invoice, payment) pairs of the batch, stored already.

    Returns:
        The subscriptions whose failures changed.
    """
    params = _touched([f for f in facts if f.kind in FAILURE_FACTS], list(chains), links)
    if params is None:
        return set()
    return _replace(workspace_id, mode, _load({"ws": workspace_id, "mode": mode, **params})).subscriptions


def refail_all(workspace_id: int, mode: str, units: Sequence[str]) -> Refailed:
    """Compute the failures of some customers anew, whatever stands there. One read, at most one write.

    Must run in a transaction inside the scope, by the one holder of the lane.

    Args:
        units: customers, and the invoices or payments of guests, who have no customer (`walking`).
    """
    params = {"ws": workspace_id, "mode": mode, "customers": units, "objects": [], "guests": units}
    return _replace(workspace_id, mode, _load(params))


def _replace(workspace_id: int, mode: str, known: _Known) -> Refailed:
    """Write what differs between what is stored and what is known."""
    wanted = {(row["subject"], row["attempt"]): row for row in _wanted(known)}
    stored = {(row["subject"], row["attempt"]): row for row in known.rows}
    outdated = [row for key, row in sorted(stored.items()) if key not in wanted]
    changed = [row for key, row in sorted(wanted.items()) if not _same(row, stored.get(key))]
    if outdated or changed:
        rows = [row["id"] for row in outdated]
        run(_REPLACE, (workspace_id, rows, workspace_id, mode, json.dumps(changed)))
    moved = [*outdated, *changed, *(stored[key] for row in changed if (key := _key(row)) in stored)]
    subscriptions = {row["subscription"] for row in moved if row["subscription"]}
    return Refailed(subscriptions, len(outdated) + len(changed))


def _touched(facts: Sequence[Fact], chains: Sequence[Chain], links: Iterable[tuple[str, str]]) -> dict[str, Any] | None:
    """Whose failures a batch may have touched; None where it touches nothing that failures are made of."""
    customers = unique(
        [
            *(fact.customer for fact in facts),
            *(chain.last.whole["customer"] for chain in chains if chain.kind in (Kind.INVOICE, Kind.PAYMENT)),
        ]
    )
    shown = {chain.object_id for chain in chains}
    objects = unique(i for link in links if not shown.intersection(link) for i in link)
    guests = unique(fact.object_id for fact in facts if fact.customer is None)
    if not (customers or objects or guests):
        return None
    return {"customers": customers, "objects": objects, "guests": guests}


def _load(params: dict[str, Any]) -> _Known:
    known = _Known()
    for sort, row in fetch(_LOAD, params):
        value: dict[str, Any] = json.loads(row) if isinstance(row, str) else row
        match sort:
            case "told":
                known.told.append(Told(**value))
            case "link":
                known.links.append((value["invoice"], value["payment"]))
            case "invoice":
                known.subscriptions[value["id"]] = value["subscription"]
            case _:
                known.rows.append(value)
    return known


def _wanted(known: _Known) -> Iterable[dict[str, Any]]:
    of_customer: dict[str, list[Told]] = {}
    for told in known.told:
        of_customer.setdefault(told.customer or told.object_id, []).append(told)
    for unit in sorted(of_customer):
        facts = of_customer[unit]
        named = {t.object_id: s for t in facts if (s := t.detail.get("subscription")) is not None}
        for failed in failed_attempts(facts, known.links if facts[0].customer else ()):
            yield _row(failed, {**known.subscriptions, **named})


def _row(failed: Failed, subscriptions: Mapping[str, str | None]) -> dict[str, Any]:
    by_invoice, by_payment = failed.by_invoice, failed.by_payment
    reason: Mapping[str, Any] = by_payment.detail if by_payment else {}
    schedule: Mapping[str, Any] = by_invoice.detail if by_invoice else {}
    return {
        "subject": failed.subject,
        "attempt": failed.attempt,
        "invoice": failed.invoice,
        "payment": by_payment.object_id if by_payment else schedule.get("payment"),
        "charge": reason.get("charge") or schedule.get("charge"),
        "customer": failed.customer,
        "subscription": subscriptions.get(failed.invoice or ""),
        "amount": failed.said("amount") or 0,
        "currency": failed.said("currency"),
        "happened_at": failed.second,
        "attempt_count": schedule.get("attempt_count"),
        "next_payment_attempt": schedule.get("next_payment_attempt"),
        "code": reason.get("code"),
        "decline_code": reason.get("decline_code"),
        "advice_code": reason.get("advice_code"),
        "message": reason.get("message"),
        "decline": failed.decline,
        "invoice_event": by_invoice.event_id if by_invoice else None,
        "payment_event": by_payment.event_id if by_payment else None,
    }


def _key(row: Mapping[str, Any]) -> tuple[str, int]:
    return row["subject"], row["attempt"]


def _same(row: Mapping[str, Any], stored: Mapping[str, Any] | None) -> bool:
    return stored is not None and all(row[name] == stored[name] for name in _COLUMNS)
