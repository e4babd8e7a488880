"""Changes and endings: prorations, coupons, pauses, cancellations, invoices written off."""

import pytest

from pqintel.simulator.account import RefusedError

from .stories import DAY, HOUR, MONTHS, START, open_account, priced, subscribed, told


def test_cancel_at_period_end():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900))
    account.advance(START + 10 * DAY)
    since = len(account.events)
    account.schedule_cancel(subscription)
    account.advance(MONTHS[3])
    assert told(account, since) == [
        ("customer.subscription.updated", "active"),
        ("customer.subscription.deleted", "canceled"),
    ]
    found = account.subscriptions[subscription]
    assert (found.canceled_at, found.cancel_at, found.ended_at, found.cancel_at_period_end) == (
        START + 10 * DAY,
        MONTHS[2],
        MONTHS[2],
        True,
    )
    assert found.cancellation_reason == "cancellation_requested"


def test_a_portal_cancel_sets_only_cancel_at():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900), billing_mode="flexible")
    found = account.schedule_cancel(subscription, portal=True)
    assert (found.cancel_at, found.cancel_at_period_end) == (MONTHS[2], False)
    account.advance(MONTHS[2])
    assert account.subscriptions[subscription].status == "canceled"


def test_cancel_at_a_moment_within_a_later_period():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900))
    account.schedule_cancel(subscription, at=START + 40 * DAY)
    account.advance(MONTHS[4])
    found = account.subscriptions[subscription]
    assert (found.status, found.ended_at, len(account.invoices_of(subscription))) == ("canceled", START + 40 * DAY, 2)


def test_a_cancellation_taken_back_leaves_no_trace():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900))
    before = account.subscriptions[subscription]
    account.schedule_cancel(subscription)
    account.advance(START + DAY)
    assert account.undo_cancel(subscription) == before
    account.advance(MONTHS[3])
    assert account.subscriptions[subscription].status == "active"


def test_cancel_now_stops_the_collection_of_what_is_open():
    account = open_account()
    subscription = subscribed(account, priced(account, 2900))
    account.break_card(account.subscriptions[subscription].customer, "insufficient_funds")
    account.advance(MONTHS[2] + DAY)
    since = len(account.events)
    account.cancel(subscription, reason="payment_disputed")
    account.advance(MONTHS[4])
    assert told(account, since) == [("customer.subscription.deleted", "canceled"), ("invoice.updated", "open")]
    assert account.subscriptions[subscription].cancellation_reason == "payment_disputed"
    with pytest.raises(RefusedError, match="is canceled"):
        account.cancel(subscription)


def test_an_upgrade_is_prorated_on_the_next_invoice():
    account = open_account()
    small, big = priced(account, 3100), priced(account, 6200)
    subscription = subscribed(account, small)
    account.advance(START + 21 * DAY)
    since = len(account.events)
    account.change(subscription, price=big)
    assert told(account, since) == [("customer.subscription.updated", "active")]
    account.advance(MONTHS[2] + DAY)
    invoice = account.invoices_of(subscription)[-1]
    assert [(line.amount, line.proration) for line in invoice.lines] == [(-1000, True), (2000, True), (6200, False)]
    assert (invoice.subtotal, invoice.total, invoice.amount_paid) == (7200, 7200, 7200)


def test_an_upgrade_invoiced_at_once():
    account = open_account()
    small, big = priced(account, 3100), priced(account, 6200)
    subscription = subscribed(account, small)
    account.advance(START + 21 * DAY)
    since = len(account.events)
    account.change(subscription, price=big, proration="always_invoice")
    assert [t for t, _ in told(account, since)] == [
        "invoice.created",
        "customer.subscription.updated",
        "payment_intent.created",
        "invoice.finalized",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.updated",
        "invoice.paid",
        "invoice.payment_succeeded",
        "invoice_payment.paid",
    ]
    found = account.subscriptions[subscription]
    invoice = account.invoices[found.latest_invoice]
    assert (invoice.billing_reason, invoice.total) == ("subscription_update", 1000)
    assert found.current_period_end == MONTHS[2]


def test_a_downgrade_invoiced_at_once_leaves_credit_that_the_next_invoice_uses():
    account = open_account()
    small, big = priced(account, 3100), priced(account, 6200)
    subscription = subscribed(account, big)
    customer = account.subscriptions[subscription].customer
    account.advance(START + 21 * DAY)
    account.change(subscription, price=small, proration="always_invoice")
    credit = account.invoices_of(subscription)[-1]
    assert (credit.total, credit.amount_due, credit.ending_balance, credit.status) == (-1000, 0, -1000, "paid")
    assert account.customers[customer].balance == -1000
    account.advance(MONTHS[2] + DAY)
    renewal = account.invoices_of(subscription)[-1]
    assert (renewal.total, renewal.starting_balance, renewal.ending_balance, renewal.amount_paid) == (
        3100,
        -1000,
        0,
        2100,
    )
    assert account.customers[customer].balance == 0


def test_more_seats_without_proration():
    account = open_account()
    subscription = subscribed(account, priced(account, 1000), 3)
    account.change(subscription, quantity=5, proration="none")
    account.advance(MONTHS[2] + DAY)
    assert [i.total for i in account.invoices_of(subscription)] == [3000, 5000]


def test_a_change_to_yearly_begins_a_new_period_and_credits_the_old():
    account = open_account()
    subscription = subscribed(account, priced(account, 3100))
    account.advance(START + 21 * DAY)
    account.change(subscription, price=priced(account, 31000, interval="year"))
    found = account.subscriptions[subscription]
    assert (found.billing_cycle_anchor, found.current_period_start) == (START + 21 * DAY, START + 21 * DAY)
    assert found.current_period_end == START + (365 + 21) * DAY
    assert [line.amount for line in account.invoices[found.latest_invoice].lines] == [-1000, 31000]
    account.advance(MONTHS[6])
    assert len(account.invoices_of(subscription)) == 2


def test_a_change_to_the_same_is_no_event():
    account = open_account()
    price = priced(account, 1000)
    subscription = subscribed(account, price, 3)
    since = len(account.events)
    account.change(subscription, price=price, quantity=3)
    account.update_subscription(subscription)
    account.undo_cancel(subscription)
    assert told(account, since) == []


def test_items_come_and_go():
    account = open_account()
    base, extra = priced(account, 3100), priced(account, 1550)
    subscription = subscribed(account, base)
    account.advance(START + 21 * DAY)
    account.add_item(subscription, extra, 2)
    assert [(i.price.id, i.quantity) for i in account.subscriptions[subscription].items] == [(base, 1), (extra, 2)]
    account.advance(MONTHS[2] + DAY)
    assert [line.amount for line in account.invoices_of(subscription)[-1].lines] == [1000, 3100, 3100]
    account.remove_item(subscription, account.subscriptions[subscription].items[1].id, proration="none")
    account.advance(MONTHS[3] + DAY)
    assert [line.amount for line in account.invoices_of(subscription)[-1].lines] == [3100]
    with pytest.raises(RefusedError, match="last item"):
        account.remove_item(subscription, account.subscriptions[subscription].items[0].id)


def test_prices_that_do_not_go_together_are_refused():
    account = open_account()
    monthly, yearly = priced(account, 1000), priced(account, 9000, interval="year")
    euro, once = priced(account, 1000, currency="eur"), priced(account, 1000, interval=None)
    customer = account.create_customer().id
    since = len(account.events)
    for items, message in (([monthly, yearly], "interval"), ([monthly, euro], "currency"), ([once], "one-time")):
        with pytest.raises(RefusedError, match=message):
            account.subscribe(customer, items)
    assert told(account, since) == []
    mixed = account.subscribe(customer, [monthly, yearly], billing_mode="flexible")
    assert (mixed.current_period_start, mixed.current_period_end) == (START, MONTHS[2])
    account.advance(MONTHS[3] + DAY)
    mixed = account.subscriptions[mixed.id]
    assert [item.current_period_end for item in mixed.items] == [MONTHS[4], START + 365 * DAY]


def test_coupons_come_and_go():
    account = open_account()
    subscription = subscribed(account, priced(account, 1000))
    fifth = account.create_coupon(percent_off=20, duration="repeating", months=2).id
    since = len(account.events)
    account.apply_coupon(subscription, fifth)
    account.advance(MONTHS[4])
    kinds = {"discount", "subscription"}
    assert [(e.type, e.created) for e in account.events[since:] if e.kind in kinds] == [
        ("customer.subscription.updated", START),
        ("customer.discount.created", START),
        ("customer.subscription.updated", MONTHS[2]),
        ("customer.subscription.updated", MONTHS[3]),
        ("customer.discount.deleted", MONTHS[3]),
        ("customer.subscription.updated", MONTHS[3]),
        ("customer.subscription.updated", MONTHS[4]),
    ]
    invoices = account.invoices_of(subscription)
    assert [(i.subtotal, i.total) for i in invoices] == [(1000, 1000), (1000, 800), (1000, 1000), (1000, 1000)]
    assert [off for _, off in invoices[1].total_discount_amounts] == [200]


def test_a_once_coupon_is_used_up_by_one_invoice():
    account = open_account()
    half = account.create_coupon(percent_off=50, duration="once").id
    subscription = subscribed(account, priced(account, 1001), coupons=[half])
    account.advance(MONTHS[3] + DAY)
    assert [i.total for i in account.invoices_of(subscription)] == [500, 1001, 1001]
    assert account.subscriptions[subscription].discounts == ()


def test_a_removed_coupon_is_told():
    account = open_account()
    tenth = account.create_coupon(percent_off=10, duration="forever").id
    subscription = subscribed(account, priced(account, 1000), coupons=[tenth])
    since = len(account.events)
    account.remove_coupon(subscription)
    assert [t for t, _ in told(account, since)] == ["customer.subscription.updated", "customer.discount.deleted"]


def test_taxes_on_top_and_inside():
    account = open_account()
    tenth = account.create_coupon(percent_off=10, duration="forever").id
    price = priced(account, 12000)
    on_top = subscribed(account, price, tax_rates=(account.tax_rate(19),), coupons=[tenth])
    inside = subscribed(account, price, tax_rates=(account.tax_rate(20, inclusive=True),), coupons=[tenth])
    first, second = (account.invoices_of(subscription)[0] for subscription in (on_top, inside))
    assert (first.subtotal, first.tax, first.total, first.total_excluding_tax) == (12000, 2052, 12852, 10800)
    assert (second.subtotal, second.tax, second.total, second.total_excluding_tax) == (12000, 1800, 10800, 9000)


@pytest.mark.parametrize(
    ("behavior", "type_", "status"),
    [
        ("void", "invoice.voided", "void"),
        ("mark_uncollectible", "invoice.marked_uncollectible", "uncollectible"),
        ("keep_as_draft", None, "draft"),
    ],
)
def test_a_paused_collection_bills_nobody(behavior, type_, status):
    account = open_account()
    subscription = subscribed(account, priced(account, 1000))
    account.advance(START + DAY)
    account.pause(subscription, behavior, resumes_at=MONTHS[2] + 9 * DAY)
    since = len(account.events)
    account.advance(MONTHS[2] + 8 * DAY)
    assert [t for t, _ in told(account, since, {"invoice"})][-1] == (type_ or "invoice.created")
    assert account.invoices_of(subscription)[-1].status == status
    assert (account.subscriptions[subscription].status, len(account.charges)) == ("active", 1)
    since = len(account.events)
    account.advance(MONTHS[2] + 10 * DAY)
    assert told(account, since) == [("customer.subscription.updated", "active")]
    assert account.subscriptions[subscription].pause_collection is None


@pytest.mark.parametrize(
    ("verb", "type_"), [("void_invoice", "invoice.voided"), ("mark_uncollectible", "invoice.marked_uncollectible")]
)
def test_writing_an_invoice_off_lets_the_subscription_go_on(verb, type_):
    account = open_account()
    subscription = subscribed(account, priced(account, 1000))
    account.break_card(account.subscriptions[subscription].customer, "insufficient_funds")
    account.advance(MONTHS[2] + DAY)
    since = len(account.events)
    getattr(account, verb)(account.subscriptions[subscription].latest_invoice)
    assert [t for t, _ in told(account, since) if not t.startswith("payment_intent")] == [
        "invoice.updated",
        type_,
        "customer.subscription.updated",
        "customer.updated",
    ]
    assert account.subscriptions[subscription].status == "active"


def test_sent_invoices_fall_due_and_are_paid_from_outside():
    account = open_account()
    subscription = subscribed(account, priced(account, 1000), collection_method="send_invoice", days_until_due=14)
    account.advance(START + 2 * HOUR)
    invoice = account.subscriptions[subscription].latest_invoice
    assert told(account, 3, {"subscription", "invoice"}) == [
        ("invoice.created", "draft"),
        ("customer.subscription.created", "active"),
        ("invoice.finalized", "open"),
        ("invoice.sent", "open"),
    ]
    account.advance(START + 15 * DAY)
    assert account.subscriptions[subscription].status == "past_due"
    since = len(account.events)
    account.pay_invoice(invoice, out_of_band=True)
    assert told(account, since) == [
        ("payment_intent.canceled", "canceled"),
        ("invoice.updated", "paid"),
        ("invoice.paid", "paid"),
        ("invoice.payment_succeeded", "paid"),
        ("customer.subscription.updated", "active"),
    ]


def test_payments_and_invoices_without_a_subscription():
    account = open_account()
    customer = account.create_customer(name="Acme").id
    account.decline_next(customer, "generic_decline", "expired_card")
    intent = account.take_payment(customer, 4200)
    assert told(account, 1) == [
        ("payment_intent.created", "requires_payment_method"),
        ("charge.failed", "failed"),
        ("payment_intent.payment_failed", "requires_payment_method"),
    ]
    invoice = account.invoice_once(customer, 9900)
    assert (invoice.status, invoice.subscription, invoice.billing_reason) == ("open", None, "manual")
    assert account.payment_intents[invoice.payment_intent].last_payment_error.code == "expired_card"
    assert account.retry_payment(intent.id).status == "succeeded"
    account.advance(START + 4 * DAY)
    assert account.invoices[invoice.id].status == "paid"


def test_a_deleted_customer_takes_the_subscriptions_along():
    account = open_account()
    subscription = subscribed(account, priced(account, 1000))
    customer = account.subscriptions[subscription].customer
    since = len(account.events)
    account.delete_customer(customer)
    assert told(account, since) == [("customer.subscription.deleted", "canceled"), ("customer.deleted", None)]
    account.advance(MONTHS[4])
    assert len(account.events) == since + 2
    with pytest.raises(RefusedError, match="is deleted"):
        account.update_customer(customer, name="Ghost")


def test_only_a_one_off_draft_can_be_deleted():
    account = open_account()
    subscription = subscribed(account, priced(account, 1000))
    account.advance(MONTHS[2])
    with pytest.raises(RefusedError, match="can only be voided"):
        account.delete_draft(account.subscriptions[subscription].latest_invoice)
    draft = account.invoice_once(account.subscriptions[subscription].customer, 500, finalize=False)
    account.delete_draft(draft.id)
    assert account.events[-1].type == "invoice.deleted"
    assert draft.id not in account.invoices
