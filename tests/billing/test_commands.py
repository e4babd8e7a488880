"""`manage.py billing_fingerprint` and `rollups_rebuild`: what they print, for which rows, and when they refuse."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing.lanes import lane_of
from billing.management import place
from billing.models import DailyRollup, Movement
from billing.modes import Mode
from pqintel.queue import hold_lane
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.billing.test_learn import apply, lesson, sub
from tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db(transaction=True)

LIFE = (lesson("1", 0, sub()), lesson("2", 86_400, sub(quantity=3), sub()))


def told(name: str, slug: str, *more: str, mode: str = "test") -> str:
    out = StringIO()
    call_command(name, slug, "--mode", mode, *more, stdout=out)
    return out.getvalue().strip()


def test_the_fingerprint_is_of_the_state_and_not_of_the_order(workspace: Workspace) -> None:
    other, less = WorkspaceFactory(), WorkspaceFactory()
    for some, lessons in ((workspace, LIFE), (other, (*reversed(LIFE), LIFE[1])), (less, LIFE[:1])):
        for one in lessons:
            apply(some, one)
    mine = told("billing_fingerprint", workspace.slug)
    assert len(bytes.fromhex(mine)) == 32
    assert told("billing_fingerprint", other.slug) == mine
    assert told("billing_fingerprint", less.slug) != mine
    assert told("billing_fingerprint", workspace.slug, mode="live") != mine


def test_the_fingerprint_says_what_it_is_of(workspace: Workspace) -> None:
    apply(workspace, *LIFE)
    document = json.loads(told("billing_fingerprint", workspace.slug, "--json"))
    assert document["fingerprint"] == told("billing_fingerprint", workspace.slug)
    assert document["tables"].keys() == {"subscription", "invoice", "payment", "paymentlink", "movement", "access"}
    dump = json.loads(told("billing_fingerprint", workspace.slug, "--dump"))
    assert {name: len(rows) for name, rows in dump.items()} == {n: t["rows"] for n, t in document["tables"].items()}
    assert [row["items"][0]["quantity"] for row in dump["subscription"]] == [3]


def test_a_rebuild_corrects_and_says_so(workspace: Workspace) -> None:
    other = WorkspaceFactory()
    for one in (workspace, other):
        apply(one, *LIFE)
    with scoped_transaction(other):
        DailyRollup.objects.update(moves=77)
    assert told("rollups_rebuild", workspace.slug) == (
        "1 customers; 0 movements, 0 daily sums, 0 failed attempts and 0 payment states corrected."
    )
    with scoped_transaction(workspace):
        assert Movement.objects.filter(kind="new").exclude(currency="").delete()[0] == 1
        DailyRollup.objects.filter(kind="new").exclude(currency="").delete()
    document = json.loads(told("rollups_rebuild", workspace.slug, "--json"))
    assert document == {
        "customers": 1,
        "movements_corrected": 1,
        "rollups_corrected": 0,
        "failures_corrected": 0,
        "payment_states_corrected": 0,
    }
    with scoped_transaction(workspace):
        assert DailyRollup.objects.filter(kind="new").exclude(currency="").get().moves == 1
    with scoped_transaction(other):
        assert set(DailyRollup.objects.values_list("moves", flat=True)) == {77}


@contextmanager
def held_elsewhere(lane: int) -> Iterator[None]:
    """The lane belongs to another session meanwhile."""
    holds, over = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with hold_lane(lane) as held:
                assert held
                holds.set()
                over.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert holds.wait(10)
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("name", ["rollups_rebuild", "access_recompute"])
def test_who_writes_gives_up_where_a_worker_is_busy_all_the_time(
    name: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "PATIENCE_SECONDS", 0.2)
    with held_elsewhere(lane_of(workspace.pk, Mode.TEST)), pytest.raises(CommandError, match="Try again later"):
        told(name, workspace.slug)
    with scope(workspace), hold_lane(lane_of(workspace.pk, Mode.TEST)) as held:
        assert held


@pytest.mark.parametrize("name", ["billing_fingerprint", "billing_metrics", "inbox_status", "rollups_rebuild"])
def test_there_must_be_such_a_workspace(name: str) -> None:
    with pytest.raises(CommandError, match="There is no workspace 'nobody'") as refused:
        told(name, "nobody")
    assert refused.value.returncode == 2


def test_a_fingerprint_is_printed_in_one_way_at_a_time(workspace: Workspace) -> None:
    with pytest.raises(CommandError, match="not both"):
        told("billing_fingerprint", workspace.slug, "--dump", "--json")
