"""Versions into chains of states: what a batch of snapshots makes of the objects it touches."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from billing.order import NOTHING, Seen, resolve
from billing.snapshots import Kind, Snapshot, digest, known

from .bulk import Table, fetch, run, text, typed

VERSIONS = Table(
    "billing_version",
    (
        *text("kind", "object_id", "event_id", "before", "after"),
        *typed("bigint", "position"),
        *typed("jsonb", "state", "resolved"),
        *typed("boolean", "chosen", "sure"),
        *typed("timestamptz", "learnt_at"),
    ),
    keep=True,
)

_LOAD = """
SELECT t.kind, t.object_id, v.id, v.position, v.event_id, v.before, v.after, v.state, v.resolved, v.chosen, v.sure
FROM unnest(%(kinds)s::text[], %(ids)s::text[], %(floors)s::bigint[]) AS t(kind, object_id, floor)
CROSS JOIN LATERAL (
    SELECT * FROM billing_version
    WHERE workspace_id = %(ws)s AND mode = %(mode)s AND kind = t.kind AND object_id = t.object_id
      AND position >= t.floor
    UNION ALL
    (SELECT * FROM billing_version
     WHERE workspace_id = %(ws)s AND mode = %(mode)s AND kind = t.kind AND object_id = t.object_id
       AND position < t.floor AND chosen
     ORDER BY position DESC LIMIT 1)
) v
"""
_REMARK = """
UPDATE billing_version v SET chosen = r.chosen, sure = r.sure, resolved = r.resolved
FROM jsonb_to_recordset(%s::jsonb) AS r(id bigint, chosen boolean, sure boolean, resolved jsonb)
WHERE v.workspace_id = %s AND v.id = r.id
"""

ObjectKey = tuple[Kind, str]


@dataclass(slots=True)
class Chain:
    """The states of one object from `floor` on, and the one before (None: nothing known before).

    `versions` are all versions from the floor on, the chosen ones (`steps`) among them. `late` says that some of them
    were known before this batch, so that what was derived from them may have to be taken back.
    """

    kind: Kind
    object_id: str
    floor: int
    before: Seen | None
    steps: list[Seen]
    versions: list[Seen]
    late: bool

    @property
    def last(self) -> Seen:
        return self.steps[-1]

    @property
    def found(self) -> bool:
        """Whether the object existed before the first that is known of it, as what a backfill reads does."""
        if self.before is not None:
            return False
        first = self.steps[0]
        born = any(version.before == NOTHING for version in self.versions if version.second == first.second)
        return not born and first.whole.get("created") != first.second


def seen(event_id: str, happened_at: int, snapshot: Snapshot) -> Seen:
    """A snapshot as a version."""
    state = known(snapshot.state)
    before = None
    if snapshot.born:
        before = NOTHING
    elif snapshot.before is not None:
        before = digest(known(snapshot.before))
    position = 2 * happened_at + (0 if snapshot.read else 1)
    return Seen(position=position, event_id=event_id, before=before, after=digest(state), state=state)


def extend(
    workspace_id: int, mode: str, new: dict[ObjectKey, list[Seen]], again: Iterable[str], learnt_at: str
) -> list[Chain]:
    """Store new versions and resolve the objects they touch: one read, one insert, at most one update.

    Args:
        new: versions by object; such that are known already (same event) are skipped.
        again: subscriptions to resolve whole without a new version, because terms became known.
        learnt_at: ISO instant of this batch.
    """
    # Whole seconds, a read of the same second included: what a second says of an object, it says together.
    floors: dict[ObjectKey, int] = {key: 2 * min(v.second for v in versions) for key, versions in new.items()}
    floors.update(((Kind.SUBSCRIPTION, stripe_id), 0) for stripe_id in again)
    stored = _load(workspace_id, mode, floors)
    chains, fresh, remarked = [], [], []
    for key, floor in sorted(floors.items()):
        old = stored.get(key, {})
        since = {row_id: v for row_id, v in old.items() if v.position >= floor}
        before = next((v for v in old.values() if v.position < floor), None)
        there = {(v.position, v.event_id) for v in since.values()}
        added = list({at: v for v in new.get(key, ()) if (at := (v.position, v.event_id)) not in there}.values())
        versions = [*since.values(), *added]
        steps = resolve(key[0], versions, before)
        if not steps:
            continue
        chains.append(Chain(key[0], key[1], floor, before, steps, versions, late=bool(since)))
        fresh += [_row(key, version, learnt_at) for version in added]
        remarked += [
            {"id": row_id, "chosen": v.chosen, "sure": v.sure, "resolved": v.resolved}
            for row_id, v in since.items()
            if v.stored != (v.chosen, v.sure, v.resolved)
        ]
    if fresh and remarked:
        run(
            f"WITH new AS ({VERSIONS.statement}) {_REMARK}",
            (*VERSIONS.parameters(workspace_id, mode, fresh), json.dumps(remarked), workspace_id),
        )
    elif remarked:
        run(_REMARK, (json.dumps(remarked), workspace_id))
    else:
        VERSIONS.write(workspace_id, mode, fresh)
    return chains


def _load(workspace_id: int, mode: str, floors: dict[ObjectKey, int]) -> dict[ObjectKey, dict[int, Seen]]:
    if not floors:
        return {}
    params: Any = {
        "ws": workspace_id,
        "mode": str(mode),
        "kinds": [str(kind) for kind, _ in floors],
        "ids": [object_id for _, object_id in floors],
        "floors": list(floors.values()),
    }
    objects: dict[ObjectKey, dict[int, Seen]] = {}
    for kind, object_id, row_id, position, event_id, before, after, state, resolved, chosen, sure in fetch(
        _LOAD, params
    ):
        state = _json(state)
        resolved = _json(resolved)
        version = Seen(position, event_id, before, after, state, chosen, sure, resolved, (chosen, sure, resolved))
        objects.setdefault((Kind(kind), object_id), {})[row_id] = version
    return objects


def _json(value: Any) -> Any:
    # Django's cursor gives jsonb as text, so that its own JSONField can decode it.
    return json.loads(value) if isinstance(value, str) else value


def _row(key: ObjectKey, version: Seen, learnt_at: str) -> dict[str, Any]:
    return {
        "kind": key[0],
        "object_id": key[1],
        "event_id": version.event_id,
        "before": version.before,
        "after": version.after,
        "position": version.position,
        "state": version.state,
        "resolved": version.resolved,
        "chosen": version.chosen,
        "sure": version.sure,
        "learnt_at": learnt_at,
    }
