"""Each two who write a lane's billing state, overlapping in the worst order: what the lane is for.

With lanes, whoever comes second waits or refuses, and when all is done nothing is left to correct. Without them, that
is, where PostgreSQL says of every lane that it is free, each of these overlaps leaves something wrong for good: so the
test does see it where one of the two takes no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from billing import tasks
from billing.actions import recalculation
from billing.actions.access import carrying
from billing.actions.access.carrying import carry_out
from billing.actions.access.due import recompute_all
from billing.actions.access.holding import Unpaid, hold_back, lane_within
from billing.actions.access.proposals import Grant, MapPrice, Proposal
from billing.actions.rebuild import rebuild
from billing.management import place
from billing.models import Access, OverrideEffect
from billing.modes import Mode
from integrations.stripe.drain import drain
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.gates import overlap

from .lanes import SECOND, Lane, event, new_lane

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 3600
NOW = datetime.fromtimestamp(SECOND + 30 * 24 * HOUR, UTC)


def price(name: str, amount: int) -> dict[str, Any]:
    return {
        "id": f"price_{name}",
        "object": "price",
        "product": f"prod_{name}",
        "currency": "usd",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
        "billing_scheme": "per_unit",
        "type": "recurring",
        "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
    }


def subscription(tier: str, amount: int, quantity: int = 1, status: str = "active") -> dict[str, Any]:
    item = {"id": "si_1", "price": price(tier, amount), "quantity": quantity}
    return {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "status": status,
        "created": SECOND,
        "currency": "usd",
        "cancel_at_period_end": False,
        "items": {"object": "list", "has_more": False, "data": [item]},
    }


def invoice(status: str, paid_at: int | None = None) -> dict[str, Any]:
    return {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "subscription": "sub_1",
        "status": status,
        "currency": "usd",
        "created": SECOND,
        "amount_due": 2000,
        "amount_paid": 2000 if status == "paid" else 0,
        "amount_remaining": 0 if status == "paid" else 2000,
        "attempt_count": 1,
        "attempted": True,
        "payment_intent": "pi_1",
        "status_transitions": {"paid_at": paid_at},
        "lines": {"object": "list", "has_more": False, "data": []},
    }


CHANGED = "customer.subscription.updated"
UPGRADE = event("evt_up", CHANGED, subscription("scale", 9000), at=SECOND + 5 * HOUR)
TWO = event("evt_two", CHANGED, subscription("growth", 2000, 2), at=SECOND + 5 * HOUR)
THREE = event("evt_three", CHANGED, subscription("growth", 2000, 3), at=SECOND + 9 * HOUR)
PAST_DUE = event("evt_late", CHANGED, subscription("growth", 2000, status="past_due"), at=SECOND + 5 * HOUR)
CUSTOMER = event("evt_cus", "customer.created", {"id": "cus_2", "object": "customer", "created": SECOND}, at=SECOND)
PAID = event("evt_paid", "invoice.paid", invoice("paid", SECOND + 6 * HOUR), at=SECOND + 6 * HOUR)


class Play(NamedTuple):
    """A lane in which a subscription has begun, its invoice is open, and an event waits."""

    lane: Lane

    def drain(self) -> int:
        return drain(self.lane.number).events

    def drain_all(self) -> int:
        """Drain what comes after the first has begun, too."""
        self.lane.put(THREE)
        return self.drain()

    def recalculate(self) -> bool:
        return tasks.recalculate(self.lane.number)

    def rebuild(self) -> bool:
        return self._command("rollups_rebuild")

    def recompute(self) -> bool:
        return self._command("access_recompute")

    def settle(self) -> int:
        return tasks.settle_access()

    def map_price(self) -> bool:
        return self.carry_out(MapPrice(Mode.TEST, "price", "price_growth", "starter"), NOW)

    def hold_back(self) -> bool:
        unpaid = [Unpaid("cus_1", "sub_1", "in_1", True)]
        with scope(self.lane.workspace), lane_within(self.lane.workspace.pk, Mode.TEST, 0.2) as held:
            if held:
                with transaction.atomic():
                    hold_back(self.lane.workspace.pk, Mode.TEST, unpaid, "dunning", NOW)
        return held

    def carry_out(self, proposal: Proposal, now: datetime) -> bool:
        with scope(self.lane.workspace):
            return carry_out(self.lane.workspace.pk, proposal, "ada@example.com", now)

    def _command(self, name: str) -> bool:
        try:
            call_command(name, self.lane.workspace.slug, mode="test", json=True, verbosity=0)
        except CommandError:
            return False
        return True


# What there is to do before two overlap ------------------------------------------------------------------------------
def move_the_days(play: Play) -> None:
    """The subscription began on the day before, in New York."""
    workspace = play.lane.workspace
    Workspace.objects.filter(pk=workspace.pk).update(timezone="America/New_York")
    with scoped_transaction(workspace):
        recalculation.ask(workspace.pk, "The time zone changed", NOW, (Mode.TEST,))


def let_an_override_end(play: Play) -> None:
    then = NOW - timedelta(hours=1)
    play.carry_out(
        Grant(Mode.TEST, "cus_1", OverrideEffect.EXACTLY, "starter", {}, None, "a moment", then + timedelta(minutes=1)),
        then,
    )


def spoil_access(play: Play) -> None:
    with scoped_transaction(play.lane.workspace):
        Access.objects.update(tier="free")


def ask_again(play: Play) -> None:
    spoil_access(play)
    with scoped_transaction(play.lane.workspace):
        recalculation.ask(play.lane.workspace.pk, "again", NOW, (Mode.TEST,))


def nothing(play: Play) -> None:
    pass


Work = Callable[[Play], Any]
OVERLAPS: dict[str, tuple[Work, dict[str, Any], Work, str, Work]] = {
    # before, the event that waits, who stops, at which table, who overlaps
    "a drain and a drain": (nothing, TWO, Play.drain, "billing_version", Play.drain_all),
    "a drain and a recalculation": (move_the_days, UPGRADE, Play.drain, "billing_movement", Play.recalculate),
    "a recalculation and a drain": (move_the_days, UPGRADE, Play.recalculate, "billing_movement", Play.drain),
    "a rebuild and a drain": (nothing, UPGRADE, Play.rebuild, "billing_dailyrollup", Play.drain),
    "a drain and a mapping": (nothing, PAST_DUE, Play.drain, "billing_access", Play.map_price),
    "a mapping and a drain": (nothing, UPGRADE, Play.map_price, "billing_access", Play.drain),
    "a recalculation and a mapping": (ask_again, CUSTOMER, Play.recalculate, "billing_access", Play.map_price),
    "an expiry and a drain": (let_an_override_end, UPGRADE, Play.settle, "billing_access", Play.drain),
    "an expiry and a hold": (let_an_override_end, CUSTOMER, Play.settle, "billing_access", Play.hold_back),
    "a recomputation and a drain": (spoil_access, UPGRADE, Play.recompute, "billing_access", Play.drain),
    "a payment and a hold": (nothing, PAID, Play.drain, "billing_syncstate", Play.hold_back),
    "a hold and a payment": (nothing, PAID, Play.hold_back, "billing_access", Play.drain),
}


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Play:
    for module in (tasks, carrying, place):
        monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    lane = new_lane()
    lane.put(
        event("evt_1", "customer.subscription.created", subscription("growth", 2000), at=SECOND),
        event("evt_open", "invoice.finalized", invoice("open"), at=SECOND),
    )
    playing = Play(lane)
    assert playing.drain() == 2
    playing.carry_out(MapPrice(Mode.TEST, "price", "price_growth", "growth"), NOW - timedelta(days=2))
    playing.carry_out(MapPrice(Mode.TEST, "price", "price_scale", "scale"), NOW - timedelta(days=2))
    return playing


def wrong(play: Play) -> dict[str, int]:
    """What is not as it would be computed anew, once all that waits is done. Repairs it."""
    while play.drain() or play.recalculate() or play.settle():
        pass
    workspace_id = play.lane.workspace.pk
    with scope(workspace_id):
        rebuilt = rebuild(workspace_id, Mode.TEST)
        _, access = recompute_all(workspace_id, Mode.TEST, "")
    found = {"movements": rebuilt.movements, "rollups": rebuilt.rollups, "standing": rebuilt.standing, "access": access}
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize("name", OVERLAPS)
def test_with_the_lane_nothing_is_left_to_correct(play: Play, name: str) -> None:
    before, waiting, first, table, second = OVERLAPS[name]
    before(play)
    play.lane.put(waiting)
    overlap(lambda: first(play), table, lambda: second(play))
    assert wrong(play) == {}
    assert set(play.lane.states().values()) == {"done"}


@pytest.mark.parametrize("name", OVERLAPS)
def test_without_it_something_stays_wrong(play: Play, name: str) -> None:
    before, waiting, first, table, second = OVERLAPS[name]
    before(play)
    play.lane.put(waiting)
    overlap(lambda: first(play), table, lambda: second(play), lanes=False)
    assert wrong(play) != {}
