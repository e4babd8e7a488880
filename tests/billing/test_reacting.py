"""Lines of history come to those who react to them: in order, exactly once, and one that fails takes no other along."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from billing import feed
from billing.actions import reacting
from billing.actions.history import write_lines
from billing.actions.reacting import MOST_TRIES, Reacted, visit
from billing.feed import FeedStatus
from billing.lanes import lane_of
from billing.models import HistoryEntry, PendingReaction, SyncState
from billing.modes import Mode
from billing.reacting import ANY, News, Reactions
from pqintel.queue import Work, hold_lane
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import WorkspaceFactory

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


class Ear:
    """A reaction that remembers what it was told; `deaf_to` makes it fail at some lines. What it writes is a row."""

    __name__ = "ear"

    def __init__(self, deaf_to: str = "") -> None:
        self.deaf_to, self.told = deaf_to, list[list[str]]()

    def __call__(self, news: News) -> None:
        ids = [line.object_id for line in news.lines]
        SyncState.objects.update_or_create(
            workspace_id=news.workspace_id, mode=news.mode, defaults={"version": len(self.told) + 1}
        )
        if self.deaf_to in ids:
            raise ValueError("the name of a customer")
        self.told.append(ids)


@pytest.fixture
def workspace() -> Workspace:
    return WorkspaceFactory()


@pytest.fixture
def connected() -> Iterator[None]:
    before = feed._ask
    feed.told_by(lambda workspace_id, mode: FeedStatus(connected=True, connected_at=NOW - timedelta(hours=1)))
    yield
    feed.told_by(before)


def line(
    name: str, kind: str = "invoice.paid", event: str | None = None, ago: timedelta = timedelta()
) -> dict[str, object]:
    return {
        "kind": kind,
        "is_change": False,
        "object_kind": "invoice",
        "object_id": name,
        "customer": "cus_1",
        "happened_at": (NOW - ago).timestamp(),
        "learnt_at": NOW.isoformat(),
        "event_id": event or f"evt_{name}",
        "before": None,
        "after": {},
    }


def write(workspace: Workspace, *lines: dict[str, object], mode: Mode = Mode.TEST) -> None:
    with scoped_transaction(workspace):
        write_lines(workspace.pk, mode, lines, NOW.isoformat())


def react(
    workspace: Workspace, reactions: Reactions, later: timedelta = timedelta(), mode: Mode = Mode.TEST
) -> Reacted:
    with scope(workspace):
        return visit(workspace.pk, mode, reactions, lambda: NOW + later)


def waiting(workspace: Workspace) -> list[tuple[str, int, bool, str]]:
    with scoped_transaction(workspace):
        rows = PendingReaction.objects.order_by("id")
        names = {entry.pk: entry.object_id for entry in HistoryEntry.objects.all()}
        return [(names[row.entry], row.tries, row.gave_up_at is not None, row.reason) for row in rows]


def test_each_reaction_is_told_of_its_kinds_in_the_order_they_were_learnt_and_once(workspace: Workspace) -> None:
    paid, every = Ear(), Ear()
    write(workspace, line("b"), line("a", "payment.failed"), line("c"))
    reactions = {"invoice.paid": (paid,), ANY: (every,)}
    assert react(workspace, reactions) == Reacted(3, more=False)
    assert (paid.told, every.told) == ([["b", "c"]], [["b", "a", "c"]])
    assert react(workspace, reactions) == Reacted(0, more=False)
    assert waiting(workspace) == []


def test_the_same_fact_learnt_again_is_not_told_again(workspace: Workspace) -> None:
    ear = Ear()
    write(workspace, line("a"))
    react(workspace, {ANY: (ear,)})
    write(workspace, line("a"))
    react(workspace, {ANY: (ear,)})
    assert ear.told == [["a"]]


def test_nobody_is_told_of_what_a_read_brought_or_a_later_event_took_back(workspace: Workspace) -> None:
    ear = Ear()
    write(workspace, line("read", event="pqread_1"), line("back"), line("stays"))
    with scoped_transaction(workspace):
        HistoryEntry.objects.filter(object_id="back").update(superseded_at=NOW)
    react(workspace, {ANY: (ear,)})
    assert ear.told == [["stays"]]


@pytest.mark.usefixtures("connected")
def test_nobody_is_told_of_what_happened_before_the_connection(workspace: Workspace) -> None:
    ear = Ear()
    write(workspace, line("before", ago=timedelta(hours=1, seconds=1)), line("as it began", ago=timedelta(hours=1)))
    assert react(workspace, {ANY: (ear,)}).lines == 2
    assert ear.told == [["as it began"]]
    assert waiting(workspace) == []


def test_what_was_learnt_more_than_three_days_late_is_told_apart(workspace: Workspace) -> None:
    seen: list[tuple[list[str], list[str]]] = []

    def sorter(news: News) -> None:
        seen.append(([x.object_id for x in news.fresh], [x.object_id for x in news.late]))

    write(workspace, line("late", ago=timedelta(days=3, seconds=1)), line("fresh", ago=timedelta(days=3)))
    react(workspace, {ANY: (sorter,)})
    assert seen == [(["fresh"], ["late"])]


def test_a_line_that_fails_takes_no_other_along_and_is_given_up_after_three_tries(workspace: Workspace) -> None:
    bad, good = Ear(deaf_to="bad"), Ear()
    reactions = {ANY: (bad, good)}
    write(workspace, line("a"), line("bad"), line("z"))
    react(workspace, reactions)
    assert bad.told == [["a"], ["z"]]
    assert good.told == [["a"], ["z"]]  # the good one's share of the bad line is undone, and comes again with it
    react(workspace, reactions)
    assert [tries for _, tries, _, _ in waiting(workspace)] == [1]  # not before its pause is over
    react(workspace, reactions, later=timedelta(minutes=1))
    react(workspace, reactions, later=timedelta(minutes=4))
    ((name, tries, gave_up, reason),) = waiting(workspace)
    assert (name, tries, gave_up) == ("bad", MOST_TRIES, True)
    assert reason.startswith("tests.billing.test_reacting.ear: ValueError at test_reacting.py:")
    assert "customer" not in reason
    assert good.told == [["a"], ["z"], ["bad"]]
    assert react(workspace, reactions, later=timedelta(days=1)) == Reacted(0, more=False)


def test_what_killed_a_worker_comes_alone_and_is_given_up(workspace: Workspace) -> None:
    ear = Ear()
    write(workspace, line("a"), line("killer"), line("z"))
    with scoped_transaction(workspace):  # three workers died with it, one with "a"
        rows = list(PendingReaction.objects.order_by("id"))
        PendingReaction.objects.filter(pk=rows[1].pk).update(tries=MOST_TRIES)
        PendingReaction.objects.filter(pk=rows[0].pk).update(tries=1)
    react(workspace, {ANY: (ear,)})
    assert ear.told == [["a"], ["z"]]
    assert waiting(workspace) == [("killer", MOST_TRIES + 1, True, reacting.DIED)]


def test_who_dies_before_the_commit_has_done_nothing(workspace: Workspace) -> None:
    class Killed(BaseException):
        pass

    def dying(news: News) -> None:
        SyncState.objects.create(workspace_id=news.workspace_id, mode=news.mode)
        raise Killed

    write(workspace, line("a"))
    with pytest.raises(Killed):
        react(workspace, {ANY: (dying,)})
    with scoped_transaction(workspace):
        assert not SyncState.objects.exists()
    ear = Ear()
    react(workspace, {ANY: (ear,)})
    assert ear.told == [["a"]]


def test_while_a_worker_is_at_it_another_does_nothing(workspace: Workspace) -> None:
    ear = Ear()
    write(workspace, line("a"))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", (Work.REACTING + lane_of(workspace.pk, Mode.TEST),))
        assert react(workspace, {ANY: (ear,)}) == Reacted(0, more=False)
        assert ear.told == []
    finally:
        other.close()


def test_one_lane_sees_nothing_of_another(workspace: Workspace) -> None:
    ear, stranger = Ear(), WorkspaceFactory()
    write(workspace, line("mine"))
    write(workspace, line("live"), mode=Mode.LIVE)
    write(stranger, line("theirs"))
    react(workspace, {ANY: (ear,)})
    assert ear.told == [["mine"]]
    assert waiting(stranger) == [("theirs", 0, False, "")]
    react(workspace, {ANY: (ear,)}, mode=Mode.LIVE)
    assert ear.told == [["mine"], ["live"]]


def test_a_batch_costs_as_many_queries_as_a_line(workspace: Workspace) -> None:
    def queries(count: int, name: str) -> int:
        write(workspace, *(line(f"{name}{n}") for n in range(count)))
        with CaptureQueriesContext(
            connection,
        ) as captured:
            react(workspace, {ANY: (lambda news: None,)})  # type: ignore[dict-item]
        return len(captured)

    assert queries(2, "few") == queries(200, "many")
    with scope(workspace), hold_lane(lane_of(workspace.pk, Mode.TEST)) as held, transaction.atomic():
        assert held  # reacting keeps nobody from draining
