"""What billing learns from outside, in its own words: frozen values without a trace of any payload shape.

`integrations` translates every payload family into these; `billing.actions` stores them. Conventions:

* instants are whole unix seconds, UTC; amounts are integers in minor units beside a lower-case ISO currency;
  fractions (unit amounts, percents) are `Decimal`;
* `None` means "known to be empty"; `UNKNOWN` means "this payload shape does not carry the field": such a field keeps
  what an earlier version said;
* every enum-like field is a plain string, because new values appear without notice.
"""

from .catalogue import CatalogueEntry, Coupon, CurrencyOption, Discount, Price, Product, Tier
from .learned import Fact, Learned, Snapshot
from .plain import digest, known, revive
from .states import (
    CheckoutState,
    CustomerState,
    DiscountRef,
    InvoiceState,
    ItemState,
    Kind,
    PaymentState,
    State,
    SubscriptionState,
)
from .unknown import UNKNOWN, Unknown

__all__ = [
    "UNKNOWN",
    "CatalogueEntry",
    "CheckoutState",
    "Coupon",
    "CurrencyOption",
    "CustomerState",
    "Discount",
    "DiscountRef",
    "Fact",
    "InvoiceState",
    "ItemState",
    "Kind",
    "Learned",
    "PaymentState",
    "Price",
    "Product",
    "Snapshot",
    "State",
    "SubscriptionState",
    "Tier",
    "Unknown",
    "digest",
    "known",
    "revive",
]
