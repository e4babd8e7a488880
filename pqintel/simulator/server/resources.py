"""The readable resources: where each lies, which permission it needs, and by what its list can be filtered."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pqintel.simulator.account import Account
from pqintel.simulator.server.params import Params
from pqintel.simulator.state import Customer, Subscription

State = Any  # the frozen state of one object of the resource's kind; the filters below read its attributes
Keep = Callable[[State], bool]
Filter = Callable[[Params], Keep | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of object under `/v1/…`.

    Attributes:
        path: e.g. `checkout/sessions`.
        noun: the word in "No such …".
        permission: the scope that a restricted key needs.
        stored: the account's objects by id, in the order of creation.
        filters: what the list can be filtered by; each reads its parameters and returns a test, or None.
        always: a test that holds for every listed object whatever the parameters.
    """

    path: str
    noun: str
    permission: str
    stored: Callable[[Account], Mapping[str, State]]
    filters: Sequence[Filter] = field(default_factory=tuple)
    always: Keep | None = None

    def rows(self, account: Account, params: Params) -> list[State]:
        """Return what the list holds, newest first, before it is cut into pages."""
        tests = [test for test in (make(params) for make in self.filters) if test is not None]
        if self.always is not None:
            tests.append(self.always)
        states = list(self.stored(account).values())
        return [state for state in reversed(states) if all(test(state) for test in tests)]


def _same(name: str, attribute: str | None = None) -> Filter:
    """Filter by equality of an attribute with a parameter."""

    def make(params: Params) -> Keep | None:
        wanted = params.one(name)
        return None if wanted is None else lambda state: getattr(state, attribute or name) == wanted

    return make


def _flag(name: str) -> Filter:
    def make(params: Params) -> Keep | None:
        wanted = params.flag(name)
        return None if wanted is None else lambda state: getattr(state, name) == wanted

    return make


def _when(name: str) -> Filter:
    def make(params: Params) -> Keep | None:
        test = params.moments(name)
        if test is None:
            return None
        return lambda state: (value := getattr(state, name)) is not None and test(value)

    return make


def _among(name: str, attribute: str) -> Filter:
    def make(params: Params) -> Keep | None:
        wanted = set(params.many(name))
        return (lambda state: getattr(state, attribute) in wanted) if wanted else None

    return make


def _subscription_status(params: Params) -> Keep | None:
    """`status=all` lists everything, `ended` what is over; without the parameter Stripe leaves out the canceled."""
    wanted = params.one("status")
    if wanted == "all":
        return None
    if wanted == "ended":
        return lambda subscription: bool(subscription.ended)
    if wanted is None:
        return lambda subscription: subscription.status != "canceled"
    return lambda subscription: subscription.status == wanted


def _subscription_price(params: Params) -> Keep | None:
    wanted = params.one("price")
    if wanted is None:
        return None

    def holds(subscription: Subscription) -> bool:
        return any(item.price.id == wanted for item in subscription.items)

    return holds


def _payment(params: Params) -> Keep | None:
    """`payment[type]=payment_intent&payment[payment_intent]=pi_…`"""
    kind, intent = params.one("payment[type]"), params.one("payment[payment_intent]")
    if kind is None and intent is None:
        return None
    return lambda payment: kind in (None, "payment_intent") and intent in (None, payment.payment_intent)


def _price_type(params: Params) -> Keep | None:
    wanted = params.one("type")
    return None if wanted is None else lambda price: ("recurring" if price.recurring else "one_time") == wanted


def _exists(customer: Customer) -> bool:
    return not customer.deleted


RESOURCES: tuple[Resource, ...] = (
    Resource(
        path="customers",
        noun="customer",
        permission="rak_customer_read",
        stored=lambda account: account.customers,
        filters=(_same("email"), _when("created")),
        always=_exists,
    ),
    Resource(
        path="products",
        noun="product",
        permission="rak_product_read",
        stored=lambda account: account.products,
        filters=(_flag("active"), _among("ids", "id"), _when("created")),
    ),
    Resource(
        path="prices",
        noun="price",
        permission="rak_plan_read",
        stored=lambda account: account.prices,
        filters=(
            _flag("active"),
            _same("currency"),
            _same("product"),
            _price_type,
            _among("lookup_keys", "lookup_key"),
            _when("created"),
        ),
    ),
    Resource(
        path="coupons",
        noun="coupon",
        permission="rak_coupon_read",
        stored=lambda account: account.coupons,
        filters=(_when("created"),),
    ),
    Resource(
        path="subscriptions",
        noun="subscription",
        permission="rak_subscription_read",
        stored=lambda account: account.subscriptions,
        filters=(
            _subscription_status,
            _subscription_price,
            _same("customer"),
            _same("collection_method"),
            _when("created"),
            _when("current_period_start"),
            _when("current_period_end"),
        ),
    ),
    Resource(
        path="invoices",
        noun="invoice",
        permission="rak_invoice_read",
        stored=lambda account: account.invoices,
        filters=(
            _same("customer"),
            _same("subscription"),
            _same("status"),
            _same("collection_method"),
            _when("created"),
            _when("due_date"),
        ),
    ),
    Resource(
        path="invoice_payments",
        noun="invoice_payment",
        permission="rak_invoice_read",
        stored=lambda account: account.invoice_payments,
        filters=(_same("invoice"), _same("status"), _payment, _when("created")),
    ),
    Resource(
        path="payment_intents",
        noun="payment_intent",
        permission="rak_payment_intent_read",
        stored=lambda account: account.payment_intents,
        filters=(_same("customer"), _when("created")),
    ),
    Resource(
        path="charges",
        noun="charge",
        permission="rak_charge_read",
        stored=lambda account: account.charges,
        filters=(_same("customer"), _same("payment_intent"), _when("created")),
    ),
    Resource(
        path="checkout/sessions",
        noun="checkout.session",
        permission="rak_checkout_session_read",
        stored=lambda account: account.checkout_sessions,
        filters=(
            _same("customer"),
            _same("payment_intent"),
            _same("subscription"),
            _same("status"),
            _when("created"),
        ),
    ),
)
"""Everything that is simply stored. Events, webhook endpoints, the account and the sub-lists are read apart."""
