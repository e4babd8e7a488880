"""Comparisons with a simulated account: what their tests stand on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.metrics.mrr import mrr_at
from billing.modes import Mode
from integrations.models import Drift, Phase, Reconciliation
from integrations.stripe import foreground, reconcile
from integrations.stripe.reconcile import confirming, listing
from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.render import Family, exists_in, render_event
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.tenancy import scope, scoped_transaction

from .lanes import Lane, new_lane
from .test_order_freedom import answers_for

START = 1_790_000_000


@contextmanager
def second_look_after(wait: timedelta) -> Iterator[None]:
    """How long a run waits before it looks again at what looked different."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (listing, confirming):
            patch.setattr(module, "SETTLE", wait)
        yield


@contextmanager
def two_subscribers(settings: Any) -> Iterator[Simulation]:
    """Ada pays 3 × 49.00 a month, Bob owes 49.00."""
    with Simulation(seed=5, start=START) as simulation:
        settings.STRIPE_API_BASE = simulation.url
        account = simulation.account
        price = account.create_price(account.create_product("Team").id, unit_amount=4900)
        account.subscribe(account.create_customer(name="Ada", email="ada@example.com").id, [price.id], quantity=3)
        bob = account.create_customer(name="Bob", email="bob@example.com", card=False)
        account.subscribe(bob.id, [price.id], collection_method="send_invoice", days_until_due=30)
        account.advance(account.now + 2 * DAY)
        yield simulation


def ada(account: Account) -> Any:
    """Her subscription as it now is."""
    return next(iter(account.subscriptions.values()))


def fed(
    stripe: Simulation, family: Family | None = None, slug: str = "acme", *, without: frozenset[str] = frozenset()
) -> Lane:
    """A workspace that got every event, but for those of some objects, and every answer."""
    lane = new_lane(slug, secret_key=stripe.restricted_key)
    shape = family or stripe.family
    told = [e for e in stripe.account.events if exists_in(e, shape) and e.after.id not in without]
    lane.put(*(render_event(e, shape) for e in told))
    settle(lane)
    answers_for(lane)
    return lane


def settle(lane: Lane) -> None:
    with scope(lane.workspace):
        assert foreground.settle(lane.connection)


def part(lane: Lane) -> Reconciliation | None:
    with scope(lane.workspace):
        return reconcile.advance(lane.connection, lambda: foreground.pump(lane.connection))


def begin(lane: Lane, **words: Any) -> Reconciliation:
    with scope(lane.workspace):
        return reconcile.begin(lane.connection, **words)[0]


def until(lane: Lane, phase: Phase) -> Reconciliation:
    """A new run, at the beginning of a phase."""
    run = begin(lane)
    while run.phase != phase:
        run = part(lane) or run
    return run


def compare(lane: Lane, **words: Any) -> Reconciliation:
    """A run from beginning to end."""
    run = begin(lane, **words)
    while run.finished_at is None:
        run = part(lane) or run
    return run


def drifts(lane: Lane) -> list[tuple[Any, ...]]:
    with scoped_transaction(lane.workspace):
        return list(
            Drift.objects.order_by("kind", "object_id", "field").values_list(
                "kind", "object_id", "field", "ours", "theirs"
            )
        )


def about(lane: Lane) -> dict[str, tuple[Decimal | None, str, bool]]:
    """Field -> amount, currency, repaired."""
    with scoped_transaction(lane.workspace):
        return {row.field: (row.amount, row.currency, row.repaired_at is not None) for row in Drift.objects.all()}


def alter(lane: Lane, model: type[Any], stripe_id: str, **changes: Any) -> None:
    with scoped_transaction(lane.workspace):
        assert model.objects.filter(stripe_id=stripe_id).update(**changes) == 1


def mrr(lane: Lane) -> dict[str, str]:
    with scoped_transaction(lane.workspace):
        found = mrr_at(lane.workspace.pk, Mode.TEST, datetime.now(UTC) + timedelta(days=3650))
        return {line.currency: line.mrr.plain() for line in found.currencies}
