"""Rows for tests, by factory-boy.

Rows of tenant tables are made inside their workspace's scope, whether or not the test has entered it; so a factory may
be called anywhere except inside the scope of another workspace. Amounts are minor units, datetimes aware UTC.
"""

from __future__ import annotations

from pqintel.workspaces.tenancy import TenantModel

from .access import (
    AccessFactory,
    AccessHoldFactory,
    AccessOverrideFactory,
    AccessPolicyFactory,
    PriceMappingFactory,
    PriceUseFactory,
    TierFactory,
)
from .base import (
    PASSWORD,
    THEN,
    RecordFactory,
    TenantFactory,
    UserFactory,
    WorkspaceFactory,
    password_hash,
)
from .billing import (
    BillingSettingsFactory,
    CheckoutFactory,
    CouponFactory,
    CustomerFactory,
    CustomerWordFactory,
    DailyRollupFactory,
    DiscountFactory,
    ExchangeRateFactory,
    FailureFactory,
    HistoryEntryFactory,
    InvoiceFactory,
    MovementFactory,
    MrrSpanFactory,
    PaymentFactory,
    PaymentLinkFactory,
    PendingReactionFactory,
    PriceFactory,
    ProductFactory,
    RecalculationFactory,
    SubscriptionFactory,
    SyncStateFactory,
    VersionFactory,
)
from .channels import (
    ChannelFactory,
    ChannelOutageFactory,
    DeliveryFactory,
)
from .integrations import (
    BackfillFactory,
    ConnectionChangeFactory,
    ConnectionFactory,
    DeliveryCountFactory,
    DeliveryLagFactory,
    DriftFactory,
    GapFactory,
    InboxEventFactory,
    OfConnectionFactory,
    ReadFactory,
    ReconciliationFactory,
    RecoveryFactory,
    RefusedDeliveryFactory,
    SilenceFactory,
    SuspectFactory,
)
from .workspaces import (
    InvitationFactory,
    MembershipFactory,
)

__all__ = [
    "PASSWORD",
    "THEN",
    "AccessFactory",
    "AccessHoldFactory",
    "AccessOverrideFactory",
    "AccessPolicyFactory",
    "BackfillFactory",
    "BillingSettingsFactory",
    "ChannelFactory",
    "ChannelOutageFactory",
    "CheckoutFactory",
    "ConnectionChangeFactory",
    "ConnectionFactory",
    "CouponFactory",
    "CustomerFactory",
    "CustomerWordFactory",
    "DailyRollupFactory",
    "DeliveryCountFactory",
    "DeliveryFactory",
    "DeliveryLagFactory",
    "DiscountFactory",
    "DriftFactory",
    "ExchangeRateFactory",
    "FailureFactory",
    "GapFactory",
    "HistoryEntryFactory",
    "InboxEventFactory",
    "InvitationFactory",
    "InvoiceFactory",
    "MembershipFactory",
    "MovementFactory",
    "MrrSpanFactory",
    "OfConnectionFactory",
    "PaymentFactory",
    "PaymentLinkFactory",
    "PendingReactionFactory",
    "PriceFactory",
    "PriceMappingFactory",
    "PriceUseFactory",
    "ProductFactory",
    "ReadFactory",
    "RecalculationFactory",
    "ReconciliationFactory",
    "RecordFactory",
    "RecoveryFactory",
    "RefusedDeliveryFactory",
    "SilenceFactory",
    "SubscriptionFactory",
    "SuspectFactory",
    "SyncStateFactory",
    "TenantFactory",
    "TierFactory",
    "UserFactory",
    "VersionFactory",
    "WorkspaceFactory",
    "factory_of",
    "password_hash",
]


def factory_of(model: type[TenantModel]) -> type[TenantFactory]:
    """The factory of a tenant table. Raises StopIteration where somebody forgot to write one."""
    return next(found for found in _descendants(TenantFactory) if found._meta.model is model)


def _descendants(base: type[TenantFactory]) -> list[type[TenantFactory]]:
    return [found for child in base.__subclasses__() for found in (child, *_descendants(child))]
