"""Indexes are built beside the work: with rows there, after a build that was cut short, while others write."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import InboxEvent
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ConnectionFactory, InboxEventFactory

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE: Final = {
    "billing": "0016_guest_failures",
    "dunning": "0007_card_notice_defaults",
    "integrations": "0012_links_mailed",
}
"""What a filled installation has before its indexes are built beside the work."""
BUILDING: Final = {
    "billing": "0017_indexes_online",
    "dunning": "0008_letters_remembered",
    "integrations": "0013_inbox_indexes",
}
"""The migrations that build them."""
LATER: Final = {
    "customer_by_creation", "daily_rollup_by_day", "history_failures", "history_kind", "inbox_set_aside",
    "inbox_waited", "invoice_by_creation", "invoice_by_status", "invoice_of_customer", "invoice_standing",
    "letter_remembered", "mrr_span_customer", "payment_by_creation", "payment_by_status", "payment_of_customer",
    "subscription_by_creation", "subscription_by_status",
}  # fmt: skip


@pytest.fixture
def restored() -> Iterator[None]:
    """Whatever a test does to the schema, the others have all of it."""
    yield
    migrate()


@pytest.fixture
def upgrading(restored: None, workspace: Workspace) -> set[str]:
    """The events that an installation had when its next migrations come; four of them."""
    stripe = ConnectionFactory(workspace=workspace)
    events = {InboxEventFactory(workspace=workspace, connection=stripe).event_id for _ in range(4)}
    migrate("integrations", BEFORE["integrations"])
    assert LATER - indexes().keys() == {"inbox_set_aside", "inbox_waited"}
    return events


def migrate(*words: str) -> None:
    call_command("migrate", *words, verbosity=0)


def indexes() -> dict[str, tuple[int, bool]]:
    """Oid and validity of those indexes that there are."""
    query = """
        SELECT c.relname, c.oid::int, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relname = ANY(%s)
    """
    with connection.cursor() as cursor:
        cursor.execute(query, (sorted(LATER),))
        return {name: (oid, valid) for name, oid, valid in cursor.fetchall()}


def events_of(workspace: Workspace) -> set[str]:
    with scoped_transaction(workspace) as workspace_id:
        return set(InboxEvent.objects.filter(workspace_id=workspace_id).values_list("event_id", flat=True))


@contextmanager
def owner() -> Iterator[psycopg.Connection[Any]]:
    """Another connection, as the owner of the tables."""
    place = connection.settings_dict
    names = {"user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    with psycopg.connect(**{word: place[key] for word, key in names.items()}, autocommit=True) as other:
        yield other


def cut_short(other: psycopg.Connection[Any], index: str) -> None:
    """Leave an index behind as PostgreSQL does where it cannot finish one: there, and invalid."""
    with pytest.raises(psycopg.errors.UniqueViolation):
        other.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {index} ON integrations_inboxevent (workspace_id)")


def test_an_installation_with_rows_is_upgraded(upgrading: set[str], workspace: Workspace) -> None:
    for app, name in BEFORE.items():
        migrate(app, name)
    assert indexes() == {}
    migrate()
    assert {name: valid for name, (_, valid) in indexes().items()} == dict.fromkeys(LATER, True)
    assert events_of(workspace) == upgrading


def test_an_index_that_was_cut_short_is_built_anew(upgrading: set[str], workspace: Workspace) -> None:
    with owner() as other:
        cut_short(other, "inbox_waited")
        left = indexes()
        assert not left["inbox_waited"][1]
        migrate("integrations")
        oid, valid = indexes()["inbox_waited"]
        assert valid
        assert oid != left["inbox_waited"][0]
        row = other.execute("SELECT pg_get_indexdef('inbox_waited'::regclass)").fetchone()
    assert row is not None
    assert "UNIQUE" not in row[0]
    assert "(workspace_id, mode, processed_at)" in row[0]
    assert events_of(workspace) == upgrading


def test_indexes_that_are_whole_are_left_alone(restored: None) -> None:
    """Killed before the migration was noted; or an installation whose earlier migrations made them."""
    for app, name in BUILDING.items():  # what came after them is undone first
        migrate(app, name)
    before = indexes()
    assert before.keys() == LATER
    with owner() as other:
        for place in BUILDING.items():
            other.execute("DELETE FROM django_migrations WHERE app = %s AND name = %s", place)
    migrate()
    assert indexes() == before


def test_others_write_while_an_index_is_built(upgrading: set[str], workspace: Workspace) -> None:
    """PostgreSQL waits for a transaction that is older than the build; who writes meanwhile waits for nobody."""
    stripe = ConnectionFactory(workspace=workspace, mode="live")
    building = threading.Thread(target=lambda: (migrate("integrations"), connection.close()))
    with owner() as other, owner() as watcher:
        other.execute("BEGIN")
        other.execute("LOCK TABLE integrations_inboxevent IN ROW EXCLUSIVE MODE")
        building.start()
        try:
            until = time.monotonic() + 20
            waits = (
                "SELECT true FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONC%%' AND wait_event_type = 'Lock'"
            )
            while not watcher.execute(waits).fetchone():
                assert time.monotonic() < until
                time.sleep(0.02)
            with scoped_transaction(workspace), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '1s'")
                late = InboxEventFactory(workspace=workspace, connection=stripe).event_id
            assert building.is_alive()
        finally:
            other.execute("COMMIT")
            building.join(30)
    assert not building.is_alive()
    assert indexes()["inbox_waited"][1]
    assert events_of(workspace) == upgrading | {late}


def test_a_build_takes_as_long_as_it_takes_and_only_a_build(upgrading: set[str]) -> None:
    with CaptureQueriesContext(connection) as ran:
        migrate("integrations")
    said = [query["sql"] for query in ran.captured_queries]
    told = [sql.split(" ON ")[0] for sql in said if "statement_timeout" in sql or "CREATE INDEX" in sql]
    assert told == [
        "SET statement_timeout = 0",
        'CREATE INDEX CONCURRENTLY "inbox_set_aside"',
        "RESET statement_timeout",
        "SET statement_timeout = 0",
        'CREATE INDEX CONCURRENTLY "inbox_waited"',
        "RESET statement_timeout",
    ]
