"""What the same rows cost without the product: bare psycopg on tables of the same shape, without row-level security.

The tables lie in a schema `floor`, made like the real ones with all their indexes and constraints.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
Row = dict[str, Any]

INBOX = "integrations_inboxevent"
VERSIONS = "billing_version"
HISTORY = "billing_historyentry"
STATES = {
    "customer": "billing_customer",
    "subscription": "billing_subscription",
    "invoice": "billing_invoice",
    "payment": "billing_payment",
    "checkout": "billing_checkout",
}
OTHERS = (
    *("billing_product", "billing_price", "billing_coupon", "billing_discount"),
    *("billing_paymentlink", "billing_mrrspan", HISTORY, "billing_syncstate"),
)
TABLES = (VERSIONS, *STATES.values(), *OTHERS)

_INSERT = f"""
INSERT INTO floor.{INBOX}
    (workspace_id, connection_id, mode, event_id, body, state, tries, solo_tries, received_at, proves)
VALUES (%s, %s, 'test', %s, %b, 'pending', 0, 0, now(), true)
"""
_SETTLE = f"""
UPDATE floor.{INBOX} e
SET state = 'done', body = NULL, event_type = r.event_type, api_version = r.api_version, happened_at = r.happened_at,
    processed_at = now()
FROM jsonb_populate_recordset(NULL::floor.{INBOX}, %s::jsonb) r
WHERE e.workspace_id = r.workspace_id AND e.id = r.id
"""


def prepare(connection: Connection) -> None:
    """Make the floor's own copy of every table: columns, defaults, indexes, checks; no policy, no foreign key."""
    connection.execute("CREATE SCHEMA IF NOT EXISTS floor")
    for table in (INBOX, *TABLES):
        connection.execute(f"CREATE TABLE IF NOT EXISTS floor.{table} (LIKE public.{table} INCLUDING ALL)")
        connection.execute(f"TRUNCATE floor.{table}")


def inserts(connection: Connection, rows: Sequence[tuple[int, Any, str, bytes]]) -> float:
    """Seconds for single-client INSERTs of (workspace, connection, event id, sealed body), each committed by itself."""
    connection.execute(f"TRUNCATE floor.{INBOX} RESTART IDENTITY")
    began = time.perf_counter()
    for row in rows:
        connection.execute(_INSERT, row)
    return time.perf_counter() - began


@dataclass
class Batch:
    """What the product has written for one workspace's events: its inbox rows, and the others by table."""

    inbox: list[Row] = field(default_factory=list)
    tables: dict[str, list[Row]] = field(default_factory=dict)


def written_since(connection: Connection, instant: datetime) -> dict[int, Batch]:
    """By workspace, the rows as they are that were written by transactions after `instant` (aware)."""
    batches: dict[int, Batch] = {}
    for table in (INBOX, *TABLES):
        left_out = " - 'body'" if table == INBOX else ""
        sql = f"SELECT to_jsonb(t){left_out} FROM {table} t WHERE pg_xact_commit_timestamp(t.xmin) > %s ORDER BY t.id"
        for (row,) in connection.execute(sql, (instant,)):
            batch = batches.setdefault(row["workspace_id"], Batch())
            (batch.inbox if table == INBOX else batch.tables.setdefault(table, [])).append(row)
    return batches


def together(connection: Connection, batches: Sequence[Batch]) -> float:
    """Seconds for a set-based writer: a transaction per workspace, a statement per table."""
    _await(connection, batches)
    began = time.perf_counter()
    for batch in batches:
        with connection.transaction():
            for table, rows in batch.tables.items():
                connection.execute(_into(table), (json.dumps(rows),))
            connection.execute(_SETTLE, (json.dumps(batch.inbox),))
    return time.perf_counter() - began


def one_by_one(connection: Connection, batches: Sequence[Batch]) -> float:
    """Seconds for a transaction per event: its versions, their states, its history, its inbox row."""
    _await(connection, batches)
    steps = [_steps(batch, event) for batch in batches for event in batch.inbox]
    began = time.perf_counter()
    for statements in steps:
        with connection.transaction():
            for sql, document in statements:
                connection.execute(sql, (document,))
    return time.perf_counter() - began


def _await(connection: Connection, batches: Sequence[Batch]) -> None:
    """Empty the floor's tables and let the events wait in its inbox, with a body."""
    prepare(connection)
    for batch in batches:
        connection.execute(_into(INBOX), (json.dumps([{**row, "state": "pending"} for row in batch.inbox]),))
    connection.execute(f"UPDATE floor.{INBOX} SET body = decode(repeat('5a', 4000), 'hex')")


def _steps(batch: Batch, event: Row) -> list[tuple[str, str]]:
    states = {(kind, row["stripe_id"]): row for kind, table in STATES.items() for row in batch.tables.get(table, ())}
    statements = []
    for version in batch.tables.get(VERSIONS, ()):
        if version["event_id"] == event["event_id"]:
            statements.append((_into(VERSIONS), json.dumps([version])))
            kind = version["kind"]
            state = states[kind, version["object_id"]]
            statements.append((_upsert(STATES[kind], state), json.dumps([state])))
    lines = [row for row in batch.tables.get(HISTORY, ()) if row["event_id"] == event["event_id"]]
    statements += [(_into(HISTORY), json.dumps([line])) for line in lines]
    return [*statements, (_SETTLE, json.dumps([event]))]


def _into(table: str) -> str:
    return f"INSERT INTO floor.{table} SELECT * FROM jsonb_populate_recordset(NULL::floor.{table}, %s::jsonb)"


def _upsert(table: str, row: Row) -> str:
    sets = ", ".join(f'"{name}" = excluded."{name}"' for name in row if name != "id")
    return f"{_into(table)} ON CONFLICT (id) DO UPDATE SET {sets}"
