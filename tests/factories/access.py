"""Who may use what, and what decides it."""

from __future__ import annotations

import factory

from billing import models as billing

from .base import THEN, RecordFactory, TenantFactory


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
