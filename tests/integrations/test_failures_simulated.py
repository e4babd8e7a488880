"""The simulator's own count of failed attempts against ours: random short lives, in every family, out of order."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from billing.models import Failure, Subscription
from integrations.stripe.drain import drain
from pqintel.simulator.account import Account
from pqintel.simulator.render import Family, exists_in, render_event
from pqintel.simulator.scenario import random_lifecycle
from pqintel.workspaces.tenancy import scoped_transaction

from .effects import each_family
from .lanes import new_lane

pytestmark = pytest.mark.django_db(transaction=True)

FAILED = ("invoice.payment_failed", "payment_intent.payment_failed")


def attempts(account: Account) -> Counter[str]:
    """Failed attempts by invoice, and by payment where there is no invoice, as the account knows them."""
    failed: Counter[str] = Counter()
    for event in account.events:
        if event.type in FAILED and getattr(event.after, "invoice", None) is None:
            failed[event.after.id] += 1
    return failed


def standing(account: Account) -> dict[str, tuple[int, int | None]]:
    """Failed attempts and last payment of every subscription, as the account knows them."""
    found: dict[str, tuple[int, int | None]] = {}
    for subscription in account.subscriptions:
        invoices = account.invoices_of(subscription)
        paid_at = max((invoice.paid_at for invoice in invoices if invoice.paid_at), default=None)
        unpaid = {invoice.id for invoice in invoices if invoice.status == "open"}
        failed = sum(
            event.type == FAILED[0] and event.after.id in unpaid and event.created >= (paid_at or 0)
            for event in account.events
        )
        found[subscription] = (failed, paid_at)
    return found


@each_family
@pytest.mark.parametrize("seed", [14, 33])
def test_every_attempt_is_counted_once(family: Family, seed: int) -> None:
    account = random_lifecycle(seed, 120, stacked_discounts=False)
    lane = new_lane()
    told = [render_event(e, family) for e in account.events if exists_in(e, family)]
    Random(seed).shuffle(told)
    lane.put(*told, *told[::3])
    while drain(lane.number).events:
        pass
    expected = attempts(account)
    with scoped_transaction(lane.workspace):
        found = Counter(Failure.objects.values_list("subject", flat=True))
        both = Failure.objects.filter(invoice_event__isnull=False, payment_event__isnull=False).count()
        stands = {
            row.stripe_id: (row.failed_attempts, row.last_paid_at and int(row.last_paid_at.timestamp()))
            for row in Subscription.objects.all()
        }
    print(
        f"seed {seed}: {expected.total()} attempts, {both} told twice, {sum(f > 0 for f, _ in stands.values())} failing"
    )
    assert found == expected
    assert stands == standing(account)
