"""All who write a lane's billing state at once, with real commits: drains, recalculations, rebuilds, changes of plans,
expiries, holds of dunning.

Whoever comes late must not leave what somebody else would write otherwise: afterwards nothing is left to correct, and
the state is that of a workspace in which the same happened in peace. This finds what nobody has thought of; that each
of them needs the lane, and is seen where it does not take it, `test_overlaps` shows, which puts two at a time in the
worst order.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

import pytest
from django.db import transaction

from billing import tasks
from billing.actions import recalculation
from billing.actions.access import carrying
from billing.actions.access.due import recompute_all
from billing.actions.access.load import load
from billing.actions.access.refresh import rows
from billing.actions.rebuild import rebuild
from billing.actions.walking import next_owners
from billing.models import Access, AccessOverride, Recalculation
from billing.modes import Mode
from integrations.stripe.drain import drain
from integrations.stripe.translate.handlers import EVENTS
from pqintel.simulator.render import NEWEST, render_event
from pqintel.simulator.scenario import random_lifecycle
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.soak.comparing import differences, dump

from .crowd import asking, crowd, granting, holding, proposing, rebuilding
from .lanes import Lane, new_lane

pytestmark = pytest.mark.django_db(transaction=True)

SEED = 23
SLICES = 32
ROUNDS = 8
OF_EVENTS = ("subscription", "invoice", "payment", "paymentlink", "failure", "mrrspan", "movement", "dailyrollup")
"""What is a function of the events alone; access also depends on when people decided what."""


def corrected(lane: Lane) -> tuple[int, int, int, int]:
    """What a rebuild has to correct: movements, daily sums, failures, payment states."""
    with scope(lane.workspace):
        rebuilt = rebuild(lane.workspace.pk, Mode.TEST)
    return rebuilt.movements, rebuilt.rollups, rebuilt.failures, rebuilt.standing


def not_in_line(lane: Lane) -> list[str]:
    """Whose access is not what it would be decided to be, and would stay so. Call it while no recalculation is open."""
    with scope(lane.workspace), transaction.atomic():
        assert not Recalculation.objects.filter(done_at=None).exists()
        now = datetime.now(UTC)
        cases = load(lane.workspace.pk, Mode.TEST, next_owners(lane.workspace.pk, Mode.TEST, "", 10_000))
    stored = cases.stored
    due = {c for c, row in stored.items() if row["until"] is not None and row["until"] <= now.timestamp()}
    return [c for c, (row, _) in rows(cases, now).items() if c not in due and stored.get(c) != row]


def settled(lane: Lane) -> None:
    """Until nothing waits, no recalculation is open, and every override that is over has ended."""
    with scoped_transaction(lane.workspace):
        last = AccessOverride.objects.filter(revoked_at=None).latest("expires_at").expires_at
    assert last is not None
    time.sleep(max(0.0, (last - datetime.now(UTC)).total_seconds()) + 0.01)
    while drain(lane.number).events or tasks.recalculate(lane.number) or tasks.settle_access():
        pass
    with scoped_transaction(lane.workspace):
        assert not Access.objects.filter(until__lte=datetime.now(UTC)).exists()


def test_nobody_leaves_what_another_would_write_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped again and again in the middle, before the work that is left could heal what somebody got wrong."""
    monkeypatch.setattr(recalculation, "CHUNK", 3)
    monkeypatch.setattr(tasks, "SECONDS", 0.02)
    monkeypatch.setattr(carrying, "AT_ONCE", 12)
    monkeypatch.setattr(carrying, "PATIENCE_SECONDS", 0.3)
    account = random_lifecycle(SEED, 150, stacked_discounts=False)
    events = [render_event(event, NEWEST) for event in account.events if event.type in EVENTS]
    print(f"seed {SEED}, {len(events)} events")
    lane, calm = new_lane("crowded"), new_lane("calm")
    calm.put(*events)
    while drain(calm.number).events:
        pass
    slices = [events[start::SLICES] for start in range(SLICES)]
    done = Counter[str]()
    for _ in range(ROUNDS):
        with crowd() as gathered:
            gathered.joins("drain", lambda: drain(lane.number))
            gathered.joins("drain too", lambda: drain(lane.number))
            gathered.joins("settle", tasks.settle_access)
            gathered.joins("recalculate", lambda: tasks.recalculate(lane.number))
            gathered.joins("ask", asking(lane))
            gathered.joins("propose", proposing(lane, sorted(account.prices)[:6]))
            gathered.joins("grant", granting(lane, sorted(account.customers)[:20]))
            for _ in range(SLICES // ROUNDS):
                lane.put(*slices.pop())
                time.sleep(0.2)
        done += gathered.done
        assert corrected(lane) == (0, 0, 0, 0)  # though events wait and a recalculation is under way
    print(dict(done))
    assert min(done.values()) > 5
    settled(lane)

    assert set(lane.states().values()) <= {"done", "ignored"}
    crowded, peaceful = dump(lane.workspace), dump(calm.workspace)
    assert differences({t: crowded[t] for t in OF_EVENTS}, {t: peaceful[t] for t in OF_EVENTS}) == []
    assert corrected(lane) == (0, 0, 0, 0)
    with scope(lane.workspace):
        looked_at, changed = recompute_all(lane.workspace.pk, Mode.TEST, "")
    assert (changed, looked_at) == (0, len(crowded["access"]))


def test_what_is_decided_at_once_is_in_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody leaves customers to a recalculation here, so their access has to be right whenever all stand still.

    Before decisions counted from the newest thing decided, one run in twenty found a customer whose access the rules of
    before had given.
    """
    monkeypatch.setattr(carrying, "PATIENCE_SECONDS", 60)
    account = random_lifecycle(SEED + 1, 150, stacked_discounts=False)
    events = [render_event(event, NEWEST) for event in account.events if event.type in EVENTS]
    lane = new_lane("crowded")
    slices = [events[start::SLICES] for start in range(SLICES)]
    done = Counter[str]()
    for _ in range(ROUNDS // 2):
        with crowd() as gathered:
            gathered.joins("drain", lambda: (drain(lane.number, 0.05), time.sleep(0.03)))
            gathered.joins("drain too", lambda: (drain(lane.number, 0.05), time.sleep(0.02)))
            gathered.joins("settle", lambda: (tasks.settle_access(), time.sleep(0.03)))
            gathered.joins("propose", proposing(lane, sorted(account.prices)[:6]))
            gathered.joins("grant", granting(lane, sorted(account.customers)[:20]))
            gathered.joins("hold", holding(lane))
            gathered.joins("rebuild", rebuilding(lane))
            for _ in range(SLICES // ROUNDS):
                lane.put(*slices.pop())
                time.sleep(0.2)
        done += gathered.done
        assert (not_in_line(lane), corrected(lane)) == ([], (0, 0, 0, 0))
        assert set(lane.states().values()) <= {"done", "ignored", "pending"}
    print(dict(done))
    assert min(done.values()) > 3
