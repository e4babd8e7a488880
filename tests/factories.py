"""Rows for tests, by factory-boy.

Rows of tenant tables are made inside their workspace's scope, whether or not the test has entered it; so a factory may
be called anywhere except inside the scope of another workspace. Amounts are minor units, datetimes aware UTC.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import factory
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.db.models import Model

from billing import models as billing
from billing.modes import Mode
from integrations import models as integrations
from integrations.channels import Message
from pqintel.workspaces.models import Invitation, Membership, User, Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import TenantModel, scoped_transaction

PASSWORD = "plenty of rain in march"
THEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@cache
def password_hash() -> str:
    """The hash of PASSWORD, made once: argon2 is slow on purpose."""
    return make_password(PASSWORD)


class UserFactory(factory.django.DjangoModelFactory[User]):
    """A person with a proven address; the password is PASSWORD."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Sequence(lambda n: f"Person {n}")
    password = factory.LazyFunction(password_hash)

    @factory.post_generation
    def proven(self, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        """`proven=False` leaves the address unproven."""
        EmailAddress.objects.create(user=self, email=self.email, primary=True, verified=extracted is not False)


class WorkspaceFactory(factory.django.DjangoModelFactory[Workspace]):
    class Meta:
        model = Workspace

    slug = factory.Sequence(lambda n: f"workspace-{n}")
    name = factory.Sequence(lambda n: f"Workspace {n}")


class MembershipFactory(factory.django.DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    workspace = factory.SubFactory(WorkspaceFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.OWNER


class TenantFactory(factory.django.DjangoModelFactory[Any]):
    """Makes its row in the scope of its workspace."""

    class Meta:
        abstract = True

    workspace = factory.SubFactory(WorkspaceFactory)

    @classmethod
    def _create(cls, model_class: type[Model], *args: Any, **kwargs: Any) -> Any:
        with scoped_transaction(kwargs["workspace"]):
            return super()._create(model_class, *args, **kwargs)


class InvitationFactory(TenantFactory):
    """An open invitation; its link ends in `token` (a parameter, not kept)."""

    class Meta:
        model = Invitation

    class Params:
        token = factory.LazyFunction(Invitation.new_token)

    email = factory.Sequence(lambda n: f"invited{n}@example.com")
    role = Role.MEMBER
    token_hash = factory.LazyAttribute(lambda row: Invitation.hash(row.token))


# --- integrations ----------------------------------------------------------------------------------------------------
class ConnectionFactory(TenantFactory):
    """A connected account with keys of the right shape, which are nobody's."""

    class Meta:
        model = integrations.Connection

    class Params:
        token_text = factory.LazyFunction(lambda: secrets.token_urlsafe(32))

    mode = Mode.TEST
    status = integrations.ConnectionStatus.CONNECTED
    token = factory.SelfAttribute("token_text")
    token_hash = factory.LazyAttribute(lambda row: hashlib.sha256(row.token_text.encode()).digest())
    publishable_key = factory.LazyAttribute(lambda row: f"pk_{row.mode}_" + "p" * 24)
    secret_key = factory.LazyAttribute(lambda row: f"rk_{row.mode}_" + "r" * 24)
    webhook_secret = factory.LazyFunction(lambda: "whsec_" + "w" * 32)
    account_id = factory.Sequence(lambda n: f"acct_{n:016}")
    connected_at = THEN


class OfConnectionFactory(TenantFactory):
    """A row of a connection; its workspace is the connection's."""

    class Meta:
        abstract = True

    workspace = factory.SelfAttribute("connection.workspace")
    connection = factory.SubFactory(ConnectionFactory)


class InboxEventFactory(OfConnectionFactory):
    class Meta:
        model = integrations.InboxEvent

    mode = factory.SelfAttribute("connection.mode")
    event_id = factory.Sequence(lambda n: f"evt_{n:016}")
    event_type = "invoice.paid"
    received_at = THEN


class RefusedDeliveryFactory(OfConnectionFactory):
    class Meta:
        model = integrations.RefusedDelivery

    reason = "signature"
    hour = THEN
    count = 1
    last_at = THEN


class DeliveryCountFactory(OfConnectionFactory):
    class Meta:
        model = integrations.DeliveryCount

    hour = THEN
    event_type = "invoice.paid"
    api_version = "2026-03-25.dahlia"
    state = "done"
    count = 1
    last_at = THEN


class DeliveryLagFactory(OfConnectionFactory):
    """One within half a second."""

    class Meta:
        model = integrations.DeliveryLag

    hour = THEN
    bucket = 18
    count = 1


class ConnectionChangeFactory(OfConnectionFactory):
    class Meta:
        model = integrations.ConnectionChange

    kind = integrations.ChangeKind.CONNECTED
    fields = factory.LazyFunction(lambda: ["secret_key"])
    by = "ada@example.com"
    at = THEN


class ReadFactory(OfConnectionFactory):
    class Meta:
        model = integrations.Read

    what = "price"
    object_id = factory.Sequence(lambda n: f"price_{n:016}")
    due_at = THEN


class RecoveryFactory(OfConnectionFactory):
    class Meta:
        model = integrations.Recovery

    mode = factory.SelfAttribute("connection.mode")
    read_until = THEN


class GapFactory(OfConnectionFactory):
    """A week that nobody can tell any more."""

    class Meta:
        model = integrations.Gap

    mode = factory.SelfAttribute("connection.mode")
    starts = THEN - timedelta(days=37)
    ends = THEN - timedelta(days=30)
    found_at = THEN


class SilenceFactory(OfConnectionFactory):
    """An hour."""

    class Meta:
        model = integrations.Silence

    mode = factory.SelfAttribute("connection.mode")
    starts = THEN - timedelta(hours=1)
    ends = THEN


class ReconciliationFactory(OfConnectionFactory):
    """Finished; found nothing."""

    class Meta:
        model = integrations.Reconciliation

    mode = factory.SelfAttribute("connection.mode")
    phase = integrations.Phase.FINISHED
    started_at = THEN
    finished_at = THEN + timedelta(minutes=2)


class SuspectFactory(TenantFactory):
    class Meta:
        model = integrations.Suspect

    reconciliation = factory.SubFactory(ReconciliationFactory)
    workspace = factory.SelfAttribute("reconciliation.workspace")
    kind = "invoice"
    object_id = factory.Sequence(lambda n: f"in_{n:014}")
    due_at = THEN


class DriftFactory(TenantFactory):
    """An invoice that is open here and paid at Stripe."""

    class Meta:
        model = integrations.Drift

    reconciliation = factory.SubFactory(ReconciliationFactory)
    workspace = factory.SelfAttribute("reconciliation.workspace")
    mode = factory.SelfAttribute("reconciliation.mode")
    kind = "invoice"
    object_id = factory.Sequence(lambda n: f"in_{n:014}")
    field = "status"
    ours = "open"
    theirs = "paid"
    amount = Decimal(4900)
    currency = "usd"
    found_at = THEN


class BackfillFactory(OfConnectionFactory):
    """One that reads its first list."""

    class Meta:
        model = integrations.Backfill

    mode = factory.SelfAttribute("connection.mode")
    stage = "customer"


class ChannelFactory(TenantFactory):
    """A bot's channel at Slack, with a token that is nobody's."""

    class Meta:
        model = integrations.Channel

    number = factory.Sequence(lambda n: n + 1)
    kind = integrations.ChannelKind.SLACK_BOT
    name = factory.Sequence(lambda n: f"Channel {n}")
    secret = factory.Sequence(lambda n: f"xoxb-{n:012}-" + "t" * 24)
    target = factory.Sequence(lambda n: f"C{n:010}")
    since = THEN
    created_by = "ada@example.com"
    created_at = THEN


class ChannelOutageFactory(TenantFactory):
    """One that is not over."""

    class Meta:
        model = integrations.ChannelOutage

    channel = factory.SubFactory(ChannelFactory)
    workspace = factory.SelfAttribute("channel.workspace")
    starts = THEN
    reason = "Slack: channel_is_archived"


class DeliveryFactory(TenantFactory):
    """One that waits."""

    class Meta:
        model = integrations.Delivery

    channel = factory.SubFactory(ChannelFactory)
    workspace = factory.SelfAttribute("channel.workspace")
    mode = Mode.TEST
    dedupe_key = factory.Sequence(lambda n: f"key-{n}")
    message = factory.LazyFunction(lambda: Message("A payment failed", lines=("49.00 USD",)).document())
    created_at = THEN
    next_attempt_at = THEN
    give_up_at = THEN + timedelta(hours=72)


# --- billing ---------------------------------------------------------------------------------------------------------
class RecordFactory(TenantFactory):
    """A billing row in test mode."""

    class Meta:
        abstract = True

    mode = Mode.TEST


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


class TierFactory(TenantFactory):
    class Meta:
        model = billing.Tier

    key = factory.Sequence(lambda n: f"tier-{n}")
    name = factory.Sequence(lambda n: f"Tier {n}")
    rank = factory.Sequence(lambda n: n)


class AccessPolicyFactory(TenantFactory):
    class Meta:
        model = billing.AccessPolicy

    free_tier = "free"


class PriceMappingFactory(RecordFactory):
    class Meta:
        model = billing.PriceMapping

    kind = billing.MappingKind.PRICE
    value = factory.Sequence(lambda n: f"price_{n:014}")
    tier = "growth"
    changed_at = THEN


class PriceUseFactory(RecordFactory):
    class Meta:
        model = billing.PriceUse

    price = factory.Sequence(lambda n: f"price_{n:014}")
    customer = factory.Sequence(lambda n: f"cus_{n:014}")


class AccessOverrideFactory(RecordFactory):
    """At least Growth, until somebody revokes it."""

    class Meta:
        model = billing.AccessOverride

    customer = factory.Sequence(lambda n: f"cus_{n:014}")
    tier = "growth"
    reason = "A friend of the house"
    created_at = THEN
    created_by = "ada@example.com"


class AccessHoldFactory(RecordFactory):
    """A subscription that gives nothing until its invoice is paid."""

    class Meta:
        model = billing.AccessHold

    customer = factory.Sequence(lambda n: f"cus_{n:014}")
    subscription = factory.Sequence(lambda n: f"sub_{n:014}")
    invoice = factory.Sequence(lambda n: f"in_{n:014}")
    starts_at = THEN


class AccessFactory(RecordFactory):
    """Growth by an active subscription."""

    class Meta:
        model = billing.Access

    customer = factory.Sequence(lambda n: f"cus_{n:014}")
    tier = "growth"
    seats = 20
    reason = "active"
    since = THEN
    cause = factory.Sequence(lambda n: f"evt_{n:014}")
    subscription = factory.Sequence(lambda n: f"sub_{n:014}")


class PendingReactionFactory(RecordFactory):
    class Meta:
        model = billing.PendingReaction

    entry = factory.Sequence(lambda n: n + 1)
    due_at = THEN


class SyncStateFactory(RecordFactory):
    class Meta:
        model = billing.SyncState


def factory_of(model: type[TenantModel]) -> type[TenantFactory]:
    """The factory of a tenant table. Raises StopIteration where somebody forgot to write one."""
    return next(found for found in _descendants(TenantFactory) if found._meta.model is model)


def _descendants(base: type[TenantFactory]) -> list[type[TenantFactory]]:
    return [found for child in base.__subclasses__() for found in (child, *_descendants(child))]
