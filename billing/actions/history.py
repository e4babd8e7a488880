"""Writing the billing history: facts as they are, changes as the steps of the chains."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import transaction

from billing.lanes import lane_of
from billing.modes import Mode
from billing.reacting import READ_PREFIX, bell
from billing.snapshots import Fact, Kind
from billing.steps import effects

from .bulk import Table, fetch, instants, run, text, typed
from .timeline import Chain

_HISTORY = Table(
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
# Lines that a read brought tell of nothing that happened now: nobody waits to react to them.
_WRITE = f"""
WITH line AS ({_HISTORY.statement} RETURNING id, event_id)
INSERT INTO billing_pendingreaction (workspace_id, mode, entry, tries, due_at, reason)
SELECT %s, %s, id, 0, %s::timestamptz, '' FROM line WHERE NOT starts_with(event_id, '{READ_PREFIX}') ORDER BY id
"""  # noqa: S608 - all names are our own
_LOAD = """
SELECT h.id, h.kind, h.object_kind, h.object_id, extract(epoch FROM h.happened_at)::bigint, h.event_id,
       h.before, h.after
FROM unnest(%s::text[], %s::text[], %s::bigint[]) AS t(kind, object_id, since)
JOIN billing_historyentry h
    ON h.workspace_id = %s AND h.mode = %s AND h.object_kind = t.kind AND h.object_id = t.object_id
    AND h.is_change AND h.superseded_at IS NULL AND h.happened_at >= to_timestamp(t.since)
"""
_SUPERSEDE = "UPDATE billing_historyentry SET superseded_at = %s WHERE workspace_id = %s AND id = ANY(%s)"

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
    write_lines(workspace_id, mode, rows, learnt_at)


def write_lines(workspace_id: int, mode: str, rows: Sequence[Mapping[str, Any]], learnt_at: str) -> None:
    """Write lines, and ring for those who react to them (billing/reacting.py) once the transaction commits.

    One statement; none where there are no rows. `learnt_at` is ISO 8601 with a zone. Must run in scope and in a
    transaction.
    """
    if not rows:
        return
    params = (*_HISTORY.parameters(workspace_id, mode, rows), workspace_id, str(mode), learnt_at)
    run(_WRITE, params)
    transaction.on_commit(lambda: bell.ring(lane_of(workspace_id, Mode(mode))))


def changes(chain: Chain) -> list[dict[str, Any]]:
    """The lines that a chain's steps are worth, each with before, after and the event that caused it."""
    lines = []
    for last, step in zip([chain.before, *chain.steps], chain.steps, strict=False):
        for kind, before, after in effects(chain.kind, last.whole if last is not None else None, step.whole):
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
