"""What can be read from Stripe: where each kind lies, and which permission of a restricted key it needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from billing.modes import Mode


class Kind(StrEnum):
    """A kind of object of Stripe's API, under the name that its objects carry in `object`."""

    CUSTOMER = "customer"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    INVOICE_PAYMENT = "invoice_payment"
    PAYMENT_INTENT = "payment_intent"
    CHARGE = "charge"
    PRODUCT = "product"
    PRICE = "price"
    COUPON = "coupon"
    CHECKOUT_SESSION = "checkout.session"
    EVENT = "event"
    WEBHOOK_ENDPOINT = "webhook_endpoint"

    @property
    def path(self) -> str:
        """Of its list; an object's is this and its id."""
        return _PATHS.get(self, f"/v1/{self.value}s")


_PATHS: Final[dict[str, str]] = {Kind.CHECKOUT_SESSION: "/v1/checkout/sessions"}


@dataclass(frozen=True, slots=True)
class ReadPermission:
    """One line of Stripe's form for restricted keys. `scope` is its name in URLs and error messages."""

    kind: Kind
    scope: str
    label: str


# stripe-python and Stripe's documentation do not list the scopes. Those of payment intents, coupons, checkout sessions
# and events are named by the pattern of the others; a check never relies on them, it names what Stripe's answer names.
REQUIRED: Final = (
    ReadPermission(Kind.CUSTOMER, "rak_customer_read", "Customers"),
    ReadPermission(Kind.SUBSCRIPTION, "rak_subscription_read", "Subscriptions"),
    ReadPermission(Kind.INVOICE, "rak_invoice_read", "Invoices"),
    ReadPermission(Kind.PAYMENT_INTENT, "rak_payment_intent_read", "Payment intents"),
    ReadPermission(Kind.CHARGE, "rak_charge_read", "Charges"),
    ReadPermission(Kind.PRODUCT, "rak_product_read", "Products"),
    ReadPermission(Kind.PRICE, "rak_plan_read", "Prices"),
    ReadPermission(Kind.COUPON, "rak_coupon_read", "Coupons"),
    ReadPermission(Kind.CHECKOUT_SESSION, "rak_checkout_session_read", "Checkout sessions"),
    ReadPermission(Kind.EVENT, "rak_event_read", "Events"),
)
OPTIONAL: Final = (ReadPermission(Kind.WEBHOOK_ENDPOINT, "rak_webhook_read", "Webhook endpoints"),)


def key_form_url(mode: Mode) -> str:
    """Stripe's form for a restricted key, filled in: one click makes the key."""
    wanted = "&".join(f"permissions[{n}]={permission.scope}" for n, permission in enumerate((*REQUIRED, *OPTIONAL)))
    side = "test/" if mode is Mode.TEST else ""
    return f"https://dashboard.stripe.com/{side}apikeys/create?name=PQ%20Intel&{wanted}"
