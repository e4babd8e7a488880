"""Customers, what they buy and pay, and what is derived of it."""

from __future__ import annotations

from decimal import Decimal

import factory

from billing import models as billing

from .base import THEN, RecordFactory, TenantFactory


class CustomerFactory(RecordFactory):
    class Meta:
        model = billing.Customer

    stripe_id = factory.Sequence(lambda n: f"cus_{n:014}")
    name = factory.Sequence(lambda n: f"Customer {n}")
    email = factory.Sequence(lambda n: f"customer{n}@example.com")
    created = THEN


class CustomerWordFactory(RecordFactory):
    class Meta:
        model = billing.CustomerWord

    customer = factory.Sequence(lambda n: f"cus_{n:014}")
    word = factory.Sequence(lambda n: f"word{n}")


class CheckoutFactory(RecordFactory):
    class Meta:
        model = billing.Checkout

    stripe_id = factory.Sequence(lambda n: f"cs_test_{n:014}")
    kind = "subscription"
    status = "complete"
    payment_status = "paid"
    created = THEN


class ProductFactory(RecordFactory):
    class Meta:
        model = billing.Product

    stripe_id = factory.Sequence(lambda n: f"prod_{n:014}")
    name = factory.Sequence(lambda n: f"Product {n}")
    active = True


class PriceFactory(RecordFactory):
    """49.00 a month."""

    class Meta:
        model = billing.Price

    stripe_id = factory.Sequence(lambda n: f"price_{n:014}")
    product = factory.Sequence(lambda n: f"prod_{n:014}")
    currency = "usd"
    unit_amount = Decimal(4900)
    billing_scheme = "per_unit"
    interval = "month"
    interval_count = 1
    usage_type = "licensed"
    active = True


class CouponFactory(RecordFactory):
    class Meta:
        model = billing.Coupon

    stripe_id = factory.Sequence(lambda n: f"coupon{n}")
    percent_off = Decimal(20)
    duration = "forever"


class DiscountFactory(RecordFactory):
    class Meta:
        model = billing.Discount

    stripe_id = factory.Sequence(lambda n: f"di_{n:014}")
    coupon = factory.Sequence(lambda n: f"coupon{n}")


class SubscriptionFactory(RecordFactory):
    class Meta:
        model = billing.Subscription

    stripe_id = factory.Sequence(lambda n: f"sub_{n:014}")
    customer = factory.Sequence(lambda n: f"cus_{n:014}")
    status = "active"
    currency = "usd"
    created = THEN


class MrrSpanFactory(RecordFactory):
    """49.00 a month from THEN on."""

    class Meta:
        model = billing.MrrSpan

    subscription = factory.Sequence(lambda n: f"sub_{n:014}")
    customer = factory.Sequence(lambda n: f"cus_{n:014}")
    item = factory.Sequence(lambda n: f"si_{n:014}")
    price = factory.Sequence(lambda n: f"price_{n:014}")
    currency = "usd"
    monthly = Decimal(4900)
    starts = int(THEN.timestamp())


class InvoiceFactory(RecordFactory):
    """Open, 49.00 due."""

    class Meta:
        model = billing.Invoice

    stripe_id = factory.Sequence(lambda n: f"in_{n:014}")
    number = factory.Sequence(lambda n: f"PQ-{n:05}")
    status = "open"
    currency = "usd"
    created = THEN
    amount_due = 4900
    amount_paid = 0
    amount_remaining = 4900
    attempt_count = 0
    attempted = False


class PaymentFactory(RecordFactory):
    class Meta:
        model = billing.Payment

    stripe_id = factory.Sequence(lambda n: f"pi_{n:014}")
    status = "succeeded"
    amount = 4900
    amount_received = 4900
    currency = "usd"
    created = THEN


class PaymentLinkFactory(RecordFactory):
    class Meta:
        model = billing.PaymentLink

    invoice = factory.Sequence(lambda n: f"in_{n:014}")
    payment = factory.Sequence(lambda n: f"pi_{n:014}")


class FailureFactory(RecordFactory):
    """The first attempt on an invoice, declined for want of money."""

    class Meta:
        model = billing.Failure

    invoice = factory.Sequence(lambda n: f"in_{n:014}")
    subject = factory.SelfAttribute("invoice")
    attempt = 1
    payment = factory.Sequence(lambda n: f"pi_{n:014}")
    charge = factory.Sequence(lambda n: f"ch_{n:014}")
    amount = 4900
    currency = "usd"
    happened_at = THEN
    attempt_count = 1
    code = "card_declined"
    decline_code = "insufficient_funds"
    decline = "soft"
    invoice_event = factory.Sequence(lambda n: f"evt_i{n:014}")
    payment_event = factory.Sequence(lambda n: f"evt_p{n:014}")


class VersionFactory(RecordFactory):
    class Meta:
        model = billing.Version

    kind = "customer"
    object_id = factory.Sequence(lambda n: f"cus_{n:014}")
    position = 2 * int(THEN.timestamp()) + 1
    event_id = factory.Sequence(lambda n: f"evt_{n:014}")
    after = "digest"
    state = factory.LazyFunction(dict)
    learnt_at = THEN


class HistoryEntryFactory(RecordFactory):
    class Meta:
        model = billing.HistoryEntry

    kind = "invoice.paid"
    is_change = False
    object_kind = "invoice"
    object_id = factory.Sequence(lambda n: f"in_{n:014}")
    happened_at = THEN
    learnt_at = THEN
    event_id = factory.Sequence(lambda n: f"evt_{n:014}")


class ExchangeRateFactory(factory.django.DjangoModelFactory[billing.ExchangeRate]):
    """A euro for 1.10 dollars on the day of THEN; belongs to no workspace."""

    class Meta:
        model = billing.ExchangeRate

    day = THEN.date()
    currency = "usd"
    per_euro = Decimal("1.10")


class BillingSettingsFactory(TenantFactory):
    class Meta:
        model = billing.BillingSettings


class RecalculationFactory(RecordFactory):
    class Meta:
        model = billing.Recalculation

    reason = "The time zone changed"
    asked_at = THEN


class MovementFactory(RecordFactory):
    """A new customer, 49.00 a month."""

    class Meta:
        model = billing.Movement

    customer = factory.Sequence(lambda n: f"cus_{n:014}")
    day = THEN.date()
    currency = "usd"
    price = ""
    kind = billing.MovementKind.NEW
    amount = Decimal(4900)
    trial = Decimal(0)
    subscribers = 1


class DailyRollupFactory(RecordFactory):
    class Meta:
        model = billing.DailyRollup

    day = THEN.date()
    currency = "usd"
    price = ""
    kind = billing.MovementKind.NEW
    amount = Decimal(4900)
    trial = Decimal(0)
    subscribers = 1
    moves = 1


class PendingReactionFactory(RecordFactory):
    class Meta:
        model = billing.PendingReaction

    entry = factory.Sequence(lambda n: n + 1)
    due_at = THEN


class SyncStateFactory(RecordFactory):
    class Meta:
        model = billing.SyncState
