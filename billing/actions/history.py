"""Writing the billing history: facts as they are, changes as the steps of the chains."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from billing.order import ENDED, Seen
from billing.snapshots import Fact, Kind

from .bulk import Table, fetch, instants, run, text, typed
from .timeline import Chain

HISTORY = Table(
    "billing_historyentry",
    (
        *text("kind", "object_kind", "object_id", "customer", "event_id"),
        *typed("boolean", "is_change"),
        *instants("happened_at"),
        *typed("timestamptz", "learnt_at"),
        *typed("jsonb", "before", "after"),
    ),
    keep=True,
)
_LOAD = """
SELECT h.id, h.kind, h.object_kind, h.object_id, extract(epoch FROM h.happened_at)::bigint, h.event_id,
       h.before, h.after
FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS t(kind, object_id, since)
JOIN billing_historyentry h
    ON h.workspace_id = %s AND h.mode = %s AND h.object_kind = t.kind AND h.object_id = t.object_id
    AND h.is_change AND h.superseded_at IS NULL AND h.happened_at >= to_timestamp(t.since)
"""
_SUPERSEDE = "UPDATE billing_historyentry SET superseded_at = %s WHERE workspace_id = %s AND id = ANY(%s)"

# Fields that move with every renewal: a step in which only these move is not worth a line.
_ROUTINE = frozenset(
    {"latest_invoice", "current_period_start", "current_period_end", "hosted_invoice_url", "items_cut"}
)
# The first step of what existed before we knew of it: nothing started then, and nobody is to hear that it did.
_BEGINS = frozenset({"subscription.started", "customer.created"})
_FOUND = {Kind.SUBSCRIPTION: "subscription.found", Kind.CUSTOMER: "customer.found"}


def record(
    workspace_id: int, mode: str, facts: Iterable[tuple[str, int, Fact]], chains: Iterable[Chain], learnt_at: str
) -> None:
    """Write facts (event id, second, fact) and the steps of chains; supersede steps that are no longer part of them.

    Facts are unique by event and kind, and stay. One insert; where a late event changed the past, one read and one
    update more.
    """
    rows = [_fact(event_id, second, fact, learnt_at) for event_id, second, fact in facts]
    chains = list(chains)
    outdated, known_steps = _outdated(workspace_id, mode, [c for c in chains if c.late])
    for chain in chains:
        for step in changes(chain):
            if _identity(step) in known_steps:
                outdated.discard(known_steps[_identity(step)])
            else:
                rows.append({**step, "is_change": True, "learnt_at": learnt_at})
    if outdated:
        run(_SUPERSEDE, (learnt_at, workspace_id, sorted(outdated)))
    HISTORY.write(workspace_id, mode, rows)


def changes(chain: Chain) -> list[dict[str, Any]]:
    """The lines that a chain's steps are worth, each with before, after and the event that caused it."""
    lines = []
    for last, step in zip([chain.before, *chain.steps], chain.steps, strict=False):
        kind, before, after = _describe(chain.kind, last, step)
        if last is None and chain.found and (step.is_read or kind in _BEGINS):
            kind = _FOUND.get(chain.kind, "")
        if kind:
            lines.append(
                {
                    "kind": kind,
                    "object_kind": str(chain.kind),
                    "object_id": chain.object_id,
                    "customer": chain.object_id if chain.kind is Kind.CUSTOMER else step.whole.get("customer"),
                    "happened_at": step.second,
                    "event_id": step.event_id,
                    "before": before,
                    "after": after,
                }
            )
    return lines


def _describe(kind: Kind, last: Seen | None, step: Seen) -> tuple[str, dict[str, Any] | None, dict[str, Any] | None]:
    """The word for a step, and the fields that moved ("" = not worth a line)."""
    new = step.whole
    old = last.whole if last is not None else None
    moved = [name for name in new if name not in _ROUTINE and (old is None or old.get(name) != new[name])]
    if not moved:
        return "", None, None
    before = None if old is None else {name: old.get(name) for name in moved}
    after = {name: new[name] for name in moved}
    match kind:
        case Kind.SUBSCRIPTION:
            if new["status"] in ENDED and (old is None or old["status"] not in ENDED):
                return "subscription.ended", before, after
            return ("subscription.started" if old is None else "subscription.changed"), before, after
        case Kind.CUSTOMER:
            if new["deleted"]:
                return "customer.deleted", before, after
            return ("customer.created" if old is None else "customer.changed"), before, after
        case Kind.INVOICE if "status" in moved:
            return "invoice.status_changed", before, after
    return "", None, None  # payments and checkouts: their facts say it


def _outdated(workspace_id: int, mode: str, chains: Sequence[Chain]) -> tuple[set[int], dict[tuple[Any, ...], int]]:
    if not chains:
        return set(), {}
    kinds = [str(c.kind) for c in chains]
    ids = [c.object_id for c in chains]
    since = [c.steps[0].second if c.floor else 0 for c in chains]
    lines = {}
    for row_id, kind, object_kind, object_id, second, event_id, before, after in fetch(
        _LOAD, (kinds, ids, since, workspace_id, str(mode))
    ):
        line = {
            "kind": kind,
            "object_kind": object_kind,
            "object_id": object_id,
            "happened_at": second,
            "event_id": event_id,
            "before": json.loads(before) if isinstance(before, str) else before,
            "after": json.loads(after) if isinstance(after, str) else after,
        }
        lines[_identity(line)] = row_id
    return set(lines.values()), lines


def _identity(line: dict[str, Any]) -> tuple[Any, ...]:
    names = ("kind", "object_kind", "object_id", "happened_at", "event_id")
    return (*(line[n] for n in names), json.dumps([line["before"], line["after"]], sort_keys=True))


def _fact(event_id: str, second: int, fact: Fact, learnt_at: str) -> dict[str, Any]:
    return {
        "kind": fact.kind,
        "is_change": False,
        "object_kind": str(fact.object_kind),
        "object_id": fact.object_id,
        "customer": fact.customer,
        "happened_at": second,
        "learnt_at": learnt_at,
        "event_id": event_id,
        "before": None,
        "after": fact.detail,
    }
