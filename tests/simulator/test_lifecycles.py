"""What must hold in every history, shown on many random ones."""

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction

import pytest

from pqintel.simulator.clock import HOUR
from pqintel.simulator.scenario import random_lifecycle
from pqintel.simulator.truth import Truth

SEEDS = range(24)
STATUSES = {
    "incomplete": {"active", "incomplete_expired", "canceled"},
    "trialing": {"active", "paused", "canceled"},
    "active": {"past_due", "canceled"},
    "past_due": {"active", "unpaid", "paused", "canceled"},
    "unpaid": {"active", "canceled"},
    "paused": {"active", "canceled"},
    "canceled": set(),
    "incomplete_expired": set(),
}
FOLLOWED = ("customer", "subscription", "invoice", "payment_intent", "charge", "price", "product")


@pytest.fixture(scope="module", params=SEEDS)
def account(request):
    return random_lifecycle(request.param, 40, customer_discounts=request.param % 2 == 1)


def test_events_are_numbered_in_the_order_of_time(account):
    assert [event.sequence for event in account.events] == list(range(1, len(account.events) + 1))
    assert len({event.id for event in account.events}) == len(account.events)
    times = [event.created for event in account.events]
    assert times == sorted(times)
    assert len(set(times)) < len(times) / 2  # ties are the rule


def test_updates_and_only_they_hold_a_state_before(account):
    assert {e.type.rpartition(".")[2] == "updated" for e in account.events if e.before is not None} == {True}
    assert {e.type.rpartition(".")[2] == "updated" for e in account.events if e.before is None} == {False}
    assert [e for e in account.events if e.before == e.after] == []


def test_the_before_of_an_update_is_what_was_told_last(account):
    last = {}
    for event in account.events:
        if event.kind in FOLLOWED and event.before is not None:
            assert event.before == last[event.after.id], event.type
        last[event.after.id] = event.after


def test_who_follows_the_events_knows_the_state(account):
    last = {event.after.id: event.after for event in account.events}
    for kind in FOLLOWED:
        for object_id, state in account.stores[kind].items():
            assert last[object_id] == state


def test_statuses_move_only_as_at_stripe(account):
    moves = defaultdict(set)
    for event in account.events:
        if event.kind == "subscription" and event.before is not None and event.before.status != event.after.status:
            moves[event.before.status].add(event.after.status)
    for status, following in moves.items():
        assert following <= STATUSES[status], status


def test_ends_are_recorded(account):
    for subscription in account.subscriptions.values():
        assert subscription.ended == (subscription.ended_at is not None)
        assert (subscription.status == "canceled") <= (subscription.canceled_at is not None)
        if subscription.status == "incomplete":
            assert account.now - subscription.created < 23 * HOUR


def test_invoices_add_up(account):
    for invoice in account.invoices.values():
        off = sum(amount for _, amount in invoice.total_discount_amounts)
        on_top = sum(tax.amount for tax in invoice.total_taxes if not tax.rate.inclusive)
        assert invoice.subtotal == sum(line.amount for line in invoice.lines)
        assert invoice.total == invoice.subtotal - off + on_top
        assert off == sum(amount for line in invoice.lines for _, amount in line.discount_amounts)
        assert invoice.total_excluding_tax == invoice.total - invoice.tax
        assert invoice.amount_due == invoice.amount_paid + invoice.amount_remaining
        if invoice.ending_balance is not None:
            assert invoice.starting_balance + invoice.total == invoice.amount_due + invoice.ending_balance
        if invoice.paid and invoice.charge is not None:
            assert account.charges[invoice.charge].amount == invoice.amount_paid


def test_movements_sum_to_the_mrr(account):
    truth = Truth(account)
    total = defaultdict(Fraction)
    for movement in truth.movements():
        sign = 1 if movement.kind in ("new", "expansion", "reactivation") else -1
        total[movement.currency] += sign * movement.amount
        assert movement.amount > 0
    assert {currency: amount for currency, amount in total.items() if amount} == {
        currency: metrics.mrr for currency, metrics in truth.at().items() if metrics.mrr
    }


def test_days_close_as_instants_say(account):
    truth = Truth(account)
    for day, closing in truth.daily_mrr().items():
        midnight = datetime.combine(day + timedelta(days=1), time(), UTC)
        last_second = min(int(midnight.timestamp()) - 1, account.now)
        at = truth.at(last_second)
        assert {c: m for c, m in closing.items() if m} == {c: m.mrr for c, m in at.items() if m.mrr}


def test_plans_sum_to_the_mrr(account):
    for metrics in Truth(account).at().values():
        assert sum(plan.mrr for plan in metrics.plans.values()) == metrics.mrr
        assert set().union(*(plan.customers for plan in metrics.plans.values())) == metrics.customers


def test_discounts_can_be_kept_to_what_every_api_version_expresses():
    for seed in SEEDS:
        for event in random_lifecycle(seed, 40, stacked_discounts=False).events:
            if event.kind == "subscription":
                assert len(event.after.discounts) <= 1
                assert [item.discounts for item in event.after.items if item.discounts] == []


def test_the_same_seed_tells_the_same_story():
    first, second = random_lifecycle("again", 40), random_lifecycle("again", 40)
    assert first.events == second.events
    assert first.id == second.id
    assert random_lifecycle("other", 40).events[0].id != first.events[0].id


def test_all_kinds_of_events_occur():
    types = {event.type for seed in range(80) for event in random_lifecycle(seed, 40).events}
    assert types == {
        "charge.failed",
        "charge.succeeded",
        "checkout.session.completed",
        "checkout.session.expired",
        "coupon.created",
        "customer.created",
        "customer.deleted",
        "customer.discount.created",
        "customer.discount.deleted",
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.paused",
        "customer.subscription.resumed",
        "customer.subscription.trial_will_end",
        "customer.subscription.updated",
        "customer.updated",
        "invoice.created",
        "invoice.deleted",
        "invoice.finalized",
        "invoice.marked_uncollectible",
        "invoice.paid",
        "invoice.payment_action_required",
        "invoice.payment_failed",
        "invoice.payment_succeeded",
        "invoice.sent",
        "invoice.updated",
        "invoice.voided",
        "invoice_payment.paid",
        "payment_intent.canceled",
        "payment_intent.created",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "price.created",
        "price.updated",
        "product.created",
        "product.updated",
    }
