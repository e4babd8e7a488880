"""Keyset pages: every row once, whatever is equal, null or added meanwhile; tokens that nobody made are no places."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from billing.lists.paging import Cursor, Order, Page, cursor, page_of
from billing.models import Customer
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope
from tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db

T = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
CREATED, ID = Order("created", nullable=True), Order("position", instants=False)
# Few different instants, so that many are equal; null among them.
moments = st.lists(st.one_of(st.none(), st.integers(0, 3)), max_size=14)


def add(workspace: Workspace, whens: list[int | None], name: str) -> list[str]:
    rows = [
        Customer(
            workspace=workspace,
            mode="test",
            stripe_id=f"{name}{number}",
            created=None if when is None else T + timedelta(microseconds=when),
            position=when or 0,
        )
        for number, when in enumerate(whens)
    ]
    Customer.objects.bulk_create(rows)
    return [row.stripe_id for row in rows]


def page(workspace: Workspace, order: Order, at: Cursor | None, size: int) -> Page[Customer]:
    if at is not None:  # as a URL would carry it
        at = cursor(at.token, order, back=at.back)
        assert at is not None
    return page_of(Customer.objects.filter(workspace_id=workspace.pk, mode=Mode.TEST), order, at, size)


def expected(workspace: Workspace, order: Order) -> list[str]:
    every = sorted(Customer.objects.filter(workspace_id=workspace.pk), key=lambda row: row.pk)
    empty = [row for row in every if getattr(row, order.field) is None]
    filled = sorted((row for row in every if row not in empty), key=lambda row: getattr(row, order.field))
    rows = [*empty, *filled]
    return [row.stripe_id for row in (reversed(rows) if order.descending else rows)]


@settings(max_examples=60)
@given(whens=moments, size=st.integers(1, 5), descending=st.booleans(), nullable=st.booleans())
def test_walking_there_and_back_shows_every_row_once(
    whens: list[int | None], size: int, descending: bool, nullable: bool
) -> None:
    order = Order("created", descending, nullable=True) if nullable else Order("position", descending, instants=False)
    with transaction.atomic():
        workspace = WorkspaceFactory()
        with scope(workspace):
            add(workspace, whens, "c")
            wanted = expected(workspace, order)
            there, back, at = [], [], None
            while True:
                shown = page(workspace, order, at, size)
                there.append([row.stripe_id for row in shown.rows])
                if shown.after is None:
                    break
                at = shown.after
            assert [one for rows in there for one in rows] == wanted
            assert all(len(rows) == size for rows in there[:-1])
            while shown.before is not None:
                shown = page(workspace, order, shown.before, size)
                back.append([row.stripe_id for row in shown.rows])
            assert back == there[-2::-1]
        transaction.set_rollback(True)


@settings(max_examples=60)
@given(first=moments, later=moments, size=st.integers(1, 4), descending=st.booleans())
def test_rows_added_meanwhile_move_none_of_the_others(
    first: list[int | None], later: list[int | None], size: int, descending: bool
) -> None:
    order = Order("created", descending, nullable=True)
    with transaction.atomic():
        workspace = WorkspaceFactory()
        with scope(workspace):
            old = set(add(workspace, first, "old"))
            shown = page(workspace, order, None, size)
            seen = [row.stripe_id for row in shown.rows]
            add(workspace, later, "new")
            while shown.after is not None:
                shown = page(workspace, order, shown.after, size)
                seen += [row.stripe_id for row in shown.rows]
            assert len(seen) == len(set(seen))
            if len(first) > size or not later:  # else the first page had no next one
                assert old <= set(seen)
        transaction.set_rollback(True)


def test_a_page_that_nothing_is_on_says_so(workspace: Workspace) -> None:
    with scope(workspace), transaction.atomic():
        add(workspace, [1, 2], "c")
        last = Customer.objects.order_by("created").first()
        assert last
        assert page(workspace, CREATED, Cursor(last.created, last.pk), 5) == Page([])
        assert page(workspace, CREATED, None, 5).before is None


def test_a_page_is_one_query_and_a_range_of_the_index(workspace: Workspace) -> None:
    with scope(workspace), transaction.atomic():
        add(workspace, [1, 1, 2, 2, 3, 3, None], "c")
        second = page(workspace, CREATED, None, 2).after
        with CaptureQueriesContext(connection) as queries:
            page(workspace, CREATED, second, 2)
        assert len(queries) == 1
        with connection.cursor() as run:
            run.execute("SET LOCAL enable_seqscan = off")
            run.execute("SET LOCAL enable_sort = off")
            run.execute(f"EXPLAIN {queries[0]['sql']}")
            plan = "\n".join(line for (line,) in run.fetchall())
    assert "Backward using customer_by_creation" in plan
    assert "created <=" in plan.split("Index Cond:")[1].split("\n")[0]


@pytest.mark.parametrize(
    ("token", "order"),
    [
        ("", CREATED),
        ("x", CREATED),
        ("1.", CREATED),
        ("-1.5", CREATED),
        ("1.5.6", CREATED),
        ("9999999999999999999.1", CREATED),
        ("1.9999999999999999999", CREATED),
        ("1.9223372036854775807", CREATED),  # an instant beyond the year 9999
        ("1.9999999999999999999", ID),
        ("1", ID),
        ("١.١", ID),
        ("1.5' OR 1=1", ID),
    ],
)  # fmt: skip
def test_tokens_that_are_no_places(token: str, order: Order) -> None:
    assert cursor(token, order, back=False) is None


def test_a_token_is_the_place_to_the_microsecond() -> None:
    for at in (Cursor(T, 7), Cursor(None, 7), Cursor(T - timedelta(days=40_000), 2**62, back=True)):
        assert cursor(at.token, CREATED, back=at.back) == at
    assert cursor(Cursor(-5, 7).token, ID, back=False) == Cursor(-5, 7)
