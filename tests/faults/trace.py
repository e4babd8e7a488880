"""Looking on from inside the database: who took and who settled a lane's events, in the order in which it happened.

Where one worker has a lane at a time, whoever settles events is the one who claimed last. A row of the trace is part of
the transaction that it tells of: what a killed worker did not commit is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg

INSTALL = """
CREATE TABLE fault_trace (
    id bigserial PRIMARY KEY, workspace_id bigint NOT NULL, mode text NOT NULL, step text NOT NULL, worker int NOT NULL,
    events int NOT NULL
);
CREATE FUNCTION fault_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO fault_trace (workspace_id, mode, step, worker, events)
    SELECT n.workspace_id, n.mode, CASE WHEN n.tries > o.tries THEN 'claim' ELSE 'settle' END, pg_backend_pid(),
        count(*)
    FROM fresh n JOIN stale o ON o.id = n.id
    WHERE o.state = 'pending' AND (n.tries > o.tries OR n.state <> 'pending')
    GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;
CREATE TRIGGER fault_note AFTER UPDATE ON integrations_inboxevent
REFERENCING OLD TABLE AS stale NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION fault_note();
"""
_TRACE = "SELECT workspace_id, mode, step, worker, events FROM fault_trace ORDER BY id"


@dataclass(frozen=True)
class Step:
    """A worker (its database session) claimed or settled some events of a lane."""

    lane: tuple[int, str]
    step: str
    worker: int
    events: int


def steps(database: psycopg.Connection[Any]) -> list[Step]:
    """All steps since the last call, in order. Empties the trace."""
    rows = database.execute(_TRACE).fetchall()
    database.execute("TRUNCATE fault_trace")
    return [Step((workspace, mode), step, worker, events) for workspace, mode, step, worker, events in rows]


def trespasses(trace: Iterable[Step]) -> list[str]:
    """Where somebody settled events of a lane that another worker had claimed meanwhile."""
    holder: dict[tuple[int, str], int] = {}
    found = []
    for one in trace:
        if one.step == "claim":
            holder[one.lane] = one.worker
        elif holder.get(one.lane) != one.worker:
            found.append(f"{one.worker} settled in lane {one.lane} while {holder.get(one.lane)} had it")
    return found
