"""Stories of the simulated account: what Stripe would tell, in its order, and how the objects then stand."""

import pytest

from pqintel.simulator.account import RefusedError

from .stories import DAY, HOUR, MONTHS, START, open_account, priced, subscribed, told

PAID = [
    ("charge.succeeded", "succeeded"),
    ("payment_intent.succeeded", "succeeded"),
    ("invoice.updated", "paid"),
    ("invoice.paid", "paid"),
    ("invoice.payment_succeeded", "paid"),
    ("invoice_payment.paid", "paid"),
]
DECLINED = [
    ("charge.failed", "failed"),
    ("payment_intent.payment_failed", "requires_payment_method"),
    ("invoice.updated", "open"),
    ("invoice.payment_failed", "open"),
]


def seconds_of(account, since):
    return sorted({event.created - START for event in account.events[since:]})


def test_checkout_happens_in_one_second():
    account = open_account()
    price = priced(account, 2900)
    since = len(account.events)
    session = account.checkout(price, name="Acme", email="ada@acme.example", country="DE", client_reference_id="team-1")
    assert told(account, since) == [
        ("customer.created", None),
        ("customer.updated", None),
        ("invoice.created", "draft"),
        ("customer.subscription.created", "incomplete"),
        ("payment_intent.created", "requires_payment_method"),
        ("invoice.finalized", "open"),
        *PAID,
        ("customer.subscription.updated", "active"),
        ("checkout.session.completed", "complete"),
    ]
    assert seconds_of(account, since) == [0]
    assert len({event.request for event in account.events[since:]}) == 1
    subscription = account.subscriptions[session.subscription]
    invoice = account.invoices[session.invoice]
    assert (session.mode, session.payment_status, session.amount_total, session.payment_intent) == (
        "subscription",
        "paid",
        2900,
        None,
    )
    assert (session.customer, session.client_reference_id, session.customer_email, session.customer_country) == (
        subscription.customer,
        "team-1",
        "ada@acme.example",
        "DE",
    )
    assert (invoice.subscription, invoice.billing_reason, subscription.latest_invoice) == (
        subscription.id,
        "subscription_create",
        invoice.id,
    )
    # Paid by Checkout, not by the retry schedule: the trap of attempt_count 0 with attempted true.
    assert (invoice.attempt_count, invoice.attempted, invoice.amount_paid, invoice.amount_remaining) == (
        0,
        True,
        2900,
        0,
    )
    intent = account.payment_intents[invoice.payment_intent]
    assert (intent.invoice, intent.latest_charge, intent.amount_received) == (invoice.id, invoice.charge, 2900)


def test_checkout_with_a_declined_first_try():
    account = open_account()
    session = account.checkout(priced(account, 2900), name="Acme", declines=["generic_decline"])
    intent = account.payment_intents[account.invoices[session.invoice].payment_intent]
    assert [charge.status for charge in intent.charges] == ["failed", "succeeded"]
    assert (intent.status, intent.last_payment_error) == ("succeeded", None)
    assert [t for t, _ in told(account, kinds={"invoice"})].count("invoice.payment_failed") == 1
    assert account.subscriptions[session.subscription].status == "active"
    assert account.customers[session.customer].delinquent is False


def test_checkout_of_a_trial_needs_no_payment():
    account = open_account()
    session = account.checkout(priced(account, 2900), name="Acme", trial_days=14)
    assert (session.payment_status, session.amount_total) == ("no_payment_required", 0)
    assert account.payment_intents == {}
    assert account.subscriptions[session.subscription].status == "trialing"


def test_checkout_of_a_one_time_price_has_a_payment_intent_and_no_invoice():
    account = open_account()
    since = 2
    session = account.checkout(priced(account, 9900, interval=None), name="Acme")
    assert told(account, since) == [
        ("customer.created", None),
        ("payment_intent.created", "requires_payment_method"),
        ("charge.succeeded", "succeeded"),
        ("payment_intent.succeeded", "succeeded"),
        ("checkout.session.completed", "complete"),
    ]
    assert (session.mode, session.subscription, session.invoice) == ("payment", None, None)
    assert account.payment_intents[session.payment_intent].invoice is None


def test_an_abandoned_checkout_expires_after_a_day():
    account = open_account()
    session = account.open_checkout(priced(account, 2900))
    account.advance(START + 2 * DAY)
    assert told(account, 2) == [("checkout.session.expired", "expired")]
    assert account.events[-1].created == START + DAY
    with pytest.raises(RefusedError, match="is expired"):
        account.complete_checkout(session.id, name="Late")


def test_a_subscription_by_api_is_told_last_and_active():
    account = open_account()
    price = priced(account, 2900)
    since = len(account.events)
    subscribed(account, price)
    assert told(account, since, {"subscription", "invoice"}) == [
        ("invoice.created", "draft"),
        ("invoice.finalized", "open"),
        ("invoice.updated", "paid"),
        ("invoice.paid", "paid"),
        ("invoice.payment_succeeded", "paid"),
        ("customer.subscription.created", "active"),
    ]


def test_renewal_drafts_then_collects_an_hour_later():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900))
    since = len(account.events)
    account.advance(MONTHS[2] + DAY)
    assert told(account, since) == [
        ("invoice.created", "draft"),
        ("customer.subscription.updated", "active"),
        ("payment_intent.created", "requires_payment_method"),
        ("invoice.finalized", "open"),
        *PAID,
    ]
    assert seconds_of(account, since) == [31 * DAY, 31 * DAY + HOUR]
    assert {event.request for event in account.events[since:]} == {None}
    renewed = account.subscriptions[subscription]
    invoice = account.invoices[renewed.latest_invoice]
    assert (renewed.current_period_start, renewed.current_period_end) == (MONTHS[2], MONTHS[3])
    assert (invoice.billing_reason, invoice.attempt_count, invoice.number[-5:]) == ("subscription_cycle", 1, "-0002")
    # The invoice's own period is the one that ended; the service period is the line's.
    assert (invoice.period_start, invoice.period_end) == (MONTHS[1], MONTHS[2])
    assert [(line.period_start, line.period_end) for line in invoice.lines] == [(MONTHS[2], MONTHS[3])]


def test_the_anchor_keeps_its_day():
    account = open_account()
    account.advance(START + 30 * DAY)  # 31 January
    subscription = subscribed(account, priced(account, 2900))
    ends = []
    for _ in range(3):
        ends.append((account.subscriptions[subscription].current_period_end - START) // DAY)
        account.advance(account.subscriptions[subscription].current_period_end)
    assert ends == [58, 89, 119]  # 28 February, 31 March, 30 April


def test_failure_retries_and_recovery():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900))
    customer = account.subscriptions[subscription].customer
    account.decline_next(customer, "insufficient_funds", "do_not_honor")
    since = len(account.events)
    account.advance(MONTHS[2] + 10 * DAY)
    assert told(account, since) == [
        ("invoice.created", "draft"),
        ("customer.subscription.updated", "active"),
        ("payment_intent.created", "requires_payment_method"),
        ("invoice.finalized", "open"),
        *DECLINED,
        ("customer.updated", None),
        ("customer.subscription.updated", "past_due"),
        *DECLINED,
        *PAID,
        ("customer.subscription.updated", "active"),
        ("customer.updated", None),
    ]
    failures = [event for event in account.events if event.type == "invoice.payment_failed"]
    first = MONTHS[2] + HOUR
    assert [(e.created, e.after.attempt_count, e.after.next_payment_attempt) for e in failures] == [
        (first, 1, first + 3 * DAY),
        (first + 3 * DAY, 2, first + 8 * DAY),
    ]
    errors = [e.after.last_payment_error for e in account.events if e.type == "payment_intent.payment_failed"]
    assert [(e.code, e.decline_code, e.advice_code) for e in errors] == [
        ("card_declined", "insufficient_funds", "try_again_later"),
        ("card_declined", "do_not_honor", "try_again_later"),
    ]
    invoice = account.invoices[account.subscriptions[subscription].latest_invoice]
    assert (invoice.status, invoice.attempt_count, invoice.paid_at) == ("paid", 3, first + 8 * DAY)
    assert account.customers[customer].delinquent is False


@pytest.mark.parametrize(
    ("ending", "types"),
    [
        ("canceled", [("customer.subscription.deleted", "canceled"), ("invoice.updated", "open")]),
        ("unpaid", [("customer.subscription.updated", "unpaid")]),
        ("paused", [("customer.subscription.updated", "paused"), ("customer.subscription.paused", "paused")]),
        ("past_due", []),
    ],
)
def test_the_last_retry_ends_as_the_account_is_set(ending, types):
    account = open_account(after_retries=ending)
    subscription = subscribed(account, priced(account, 2900))
    account.break_card(account.subscriptions[subscription].customer, "generic_decline")
    account.advance(MONTHS[2] + 9 * DAY)
    since = len(account.events)
    account.advance(MONTHS[2] + 16 * DAY)
    assert told(account, since) == [*DECLINED, *types]
    found = account.subscriptions[subscription]
    invoice = account.invoices[found.latest_invoice]
    assert (invoice.attempt_count, invoice.next_payment_attempt) == (4, None)
    reason = "payment_failed" if ending == "canceled" else None
    assert (found.status, found.cancellation_reason, found.ended_at) == (
        ending,
        reason,
        MONTHS[2] + 15 * DAY + HOUR if ending == "canceled" else None,
    )


def test_a_hard_decline_is_not_retried_until_there_is_a_new_card():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900))
    customer = account.subscriptions[subscription].customer
    account.break_card(customer, "stolen_card")
    account.advance(MONTHS[2] + 12 * DAY)
    invoice = account.invoices[account.subscriptions[subscription].latest_invoice]
    assert (invoice.attempt_count, invoice.next_payment_attempt, len(account.charges)) == (1, None, 2)
    since = len(account.events)
    account.recover(customer)
    assert told(account, since) == [
        ("customer.updated", None),
        *PAID,
        ("customer.subscription.updated", "active"),
        ("customer.updated", None),
    ]
    assert account.invoices[invoice.id].attempt_count == 1  # an attempt by hand does not count
    account.advance(MONTHS[2] + 20 * DAY)
    assert account.subscriptions[subscription].status == "active"


def test_an_unanswered_hard_decline_ends_when_the_retries_would_have():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900))
    account.break_card(account.subscriptions[subscription].customer, "lost_card")
    account.advance(MONTHS[3])
    found = account.subscriptions[subscription]
    assert (found.status, found.ended_at, found.cancellation_reason) == (
        "canceled",
        MONTHS[2] + HOUR + 15 * DAY,
        "payment_failed",
    )
    assert len(account.charges) == 2


def test_three_d_secure_asks_for_action():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900))
    account.decline_next(account.subscriptions[subscription].customer, "authentication_required")
    account.advance(MONTHS[2] + DAY)
    since = next(n for n, e in enumerate(account.events) if e.type == "invoice.payment_failed")
    assert told(account, since) == [
        ("invoice.payment_failed", "open"),
        ("invoice.payment_action_required", "open"),
        ("customer.updated", None),
        ("customer.subscription.updated", "past_due"),
    ]
    intent = account.payment_intents[
        account.invoices[account.subscriptions[subscription].latest_invoice].payment_intent
    ]
    assert intent.last_payment_error.code == "authentication_required"


def test_a_first_payment_that_fails_leaves_it_incomplete_and_expires():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900), decline="generic_decline")
    assert told(account, 0, {"subscription"}) == [("customer.subscription.created", "incomplete")]
    since = len(account.events)
    account.advance(START + 3 * DAY)
    assert told(account, since) == [
        ("payment_intent.canceled", "canceled"),
        ("invoice.updated", "void"),
        ("invoice.voided", "void"),
        ("customer.subscription.updated", "incomplete_expired"),
        ("customer.updated", None),
    ]
    assert account.subscriptions[subscription].ended_at == START + 23 * HOUR


def test_a_first_payment_that_comes_later_activates():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900), payment="later")
    account.advance(START + HOUR)
    account.pay_invoice(account.subscriptions[subscription].latest_invoice)
    assert told(account, 0, {"subscription"}) == [
        ("customer.subscription.created", "incomplete"),
        ("customer.subscription.updated", "active"),
    ]
    account.advance(START + 3 * DAY)
    assert account.subscriptions[subscription].status == "active"


def test_a_trial_gives_notice_ends_and_is_billed():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900), trial_days=14)
    since = len(account.events)
    account.advance(START + 15 * DAY)
    assert [(e.type, e.created - START) for e in account.events[since:] if e.kind == "subscription"] == [
        ("customer.subscription.trial_will_end", 11 * DAY),
        ("customer.subscription.updated", 14 * DAY),
    ]
    found = account.subscriptions[subscription]
    assert (found.status, found.trial_end, found.billing_cycle_anchor) == (
        "active",
        START + 14 * DAY,
        START + 14 * DAY,
    )
    assert [(i.billing_reason, i.total, i.paid_at - START) for i in account.invoices_of(subscription)] == [
        ("subscription_create", 0, 0),
        ("subscription_cycle", 2900, 14 * DAY + HOUR),
    ]


@pytest.mark.parametrize(
    ("behavior", "types", "status"),
    [
        ("pause", ["customer.subscription.updated", "customer.subscription.paused"], "paused"),
        ("cancel", ["customer.subscription.deleted"], "canceled"),
    ],
)
def test_a_trial_without_a_card(behavior, types, status):
    account = open_account()
    subscription = subscribed(account, priced(account, 2900), trial_days=7, trial_end_behavior=behavior)
    account.remove_card(account.subscriptions[subscription].customer)
    account.advance(START + 7 * DAY - 1)
    since = len(account.events)
    account.advance(START + 8 * DAY)
    assert [t for t, _ in told(account, since)] == types
    assert account.subscriptions[subscription].status == status


def test_a_paused_subscription_resumes_with_a_new_period():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900), trial_days=7, trial_end_behavior="pause")
    customer = account.subscriptions[subscription].customer
    account.remove_card(customer)
    account.advance(START + 10 * DAY)
    account.replace_card(customer)
    since = len(account.events)
    account.resume(subscription)
    assert told(account, since, {"subscription"}) == [
        ("customer.subscription.updated", "active"),
        ("customer.subscription.resumed", "active"),
    ]
    assert account.subscriptions[subscription].current_period_start == START + 10 * DAY
    account.advance(START + 60 * DAY)
    assert [i.total for i in account.invoices_of(subscription)] == [0, 2900, 2900]


def test_events_of_one_change_hold_before_and_after():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900))
    account.schedule_cancel(subscription, feedback="too_expensive")
    event = account.events[-1]
    assert (event.before.cancel_at_period_end, event.after.cancel_at_period_end) == (False, True)
    assert (event.before.cancel_at, event.after.cancel_at) == (None, MONTHS[2])
    assert (event.kind, event.sequence, event.after.cancellation_feedback) == (
        "subscription",
        len(account.events),
        "too_expensive",
    )


def test_cards_are_valid_still_and_expire_when_they_are_told_to():
    account = open_account()
    account.advance(START + 250 * DAY)
    today = (2025, 9)
    cards = [account.create_customer(name=f"Customer {n}").card for n in range(200)]
    months = {(card.exp_year, card.exp_month) for card in cards}
    assert min(months) >= today
    assert max(months) <= (2031, 12)
    assert sum((card.exp_year, card.exp_month) < (2026, 9) for card in cards) > 10
    chosen = account.create_customer(name="Ada", card_expires=(2026, 10))
    assert (chosen.card.exp_year, chosen.card.exp_month) == (2026, 10)
    replaced = account.replace_card(chosen.id, expires=(2029, 1)).card
    assert (replaced.exp_year, replaced.exp_month) == (2029, 1)
    assert replaced.id != chosen.card.id
