"""The payload families: what of an object's shape depends on the API version it is rendered in.

Stripe renders one and the same object in the version that the webhook endpoint, the request or the account is pinned
to. Eight versions stand for all: between two neighbours nothing changes that this project reads. Every difference is a
named capability here, so that a renderer says what it means (`if family.invoice_parent`) instead of comparing dates.
Sources: Stripe's changelog, and real payloads of these versions published by Stripe's users.
"""

import re
from dataclasses import dataclass, replace

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.[a-z]+)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One API version and its capabilities; the defaults are those of the newest version.

    Attributes:
        version: the API version as it stands in `api_version`.
        prices: items and lines carry a `price` beside the old `plan`; without it prices are announced as plans.
        tiers_in_plan: a tiered plan shows its tiers unasked; later `tiers` have to be expanded.
        legacy_usage: plans and prices have `aggregate_usage` (and no billing meter).
        customer_lists: customers embed `sources` and `tax_ids`.
        named_discounts: discounts have an id, and lines tell their `discount_amounts`.
        embedded_discount: subscriptions and invoices embed their first discount as `discount`.
        subscription_discounts: subscriptions and items list the ids of their `discounts`.
        coupon_in_source: a discount names its coupon as `source.coupon`, an id unless expanded.
        subscription_currency: subscriptions tell their `currency`.
        item_periods: the billing period stands on the items instead of on the subscription.
        billing_mode: subscriptions tell whether they bill classic or flexible.
        invoice_parent: invoices and lines name where they come from in `parent`, lines price themselves in `pricing`,
            taxes are `total_taxes`; `subscription`, `payment_intent`, `charge`, `paid` and `tax` are gone, and so is
            the intent's and the charge's `invoice`.
        invoice_extras: shipping, exclusive totals and revisions on invoices (from 2022 on).
        charges_list: payment intents and charges embed their `charges` and `refunds`; later only `latest_charge`.
        advice_codes: declines carry Stripe's `advice_code`.
        order_reference: longest `payment_details.order_reference` (the invoice's id) on payment intents; 0 for none.
            Real clover payloads cut it to 25 characters, which no longer is the id of an invoice.
        hosted_page: what Checkout calls the hosted `ui_mode`.
        line_subtotal: invoice lines tell `subtotal` and `quantity_decimal`.
        status_details: subscriptions and invoices explain their status.
    """

    version: str
    prices: bool = True
    tiers_in_plan: bool = False
    legacy_usage: bool = False
    customer_lists: bool = False
    named_discounts: bool = True
    embedded_discount: bool = False
    subscription_discounts: bool = True
    coupon_in_source: bool = True
    subscription_currency: bool = True
    item_periods: bool = True
    billing_mode: bool = True
    invoice_parent: bool = True
    invoice_extras: bool = True
    charges_list: bool = False
    advice_codes: bool = True
    order_reference: int = 500
    hosted_page: str = "hosted_page"
    line_subtotal: bool = True
    status_details: bool = True


ENDIVE = Family(version="2026-10-28.endive")
DAHLIA = replace(ENDIVE, version="2026-03-25.dahlia", status_details=False)
CLOVER = replace(DAHLIA, version="2025-09-30.clover", order_reference=25, hosted_page="hosted", line_subtotal=False)
BASIL = replace(CLOVER, version="2025-03-31.basil", coupon_in_source=False, order_reference=0)
ACACIA = replace(
    BASIL,
    version="2025-02-24.acacia",
    legacy_usage=True,
    embedded_discount=True,
    item_periods=False,
    billing_mode=False,
    invoice_parent=False,
)
V2022 = replace(ACACIA, version="2022-11-15", subscription_discounts=False, advice_codes=False)
V2020 = replace(V2022, version="2020-08-27", charges_list=True, subscription_currency=False, invoice_extras=False)
V2019 = replace(
    V2020, version="2019-12-03", prices=False, tiers_in_plan=True, customer_lists=True, named_discounts=False
)

FAMILIES: tuple[Family, ...] = (V2019, V2020, V2022, ACACIA, BASIL, CLOVER, DAHLIA, ENDIVE)
"""All families, oldest first."""
NEWEST = ENDIVE


def family_of(version: str) -> Family:
    """Return the family that shapes payloads of an API version, under that version's own name.

    Raises:
        ValueError: not the form of an API version, or older than the oldest family.
    """
    if not _VERSION.match(version):
        raise ValueError(f"Invalid Stripe API version: {version}")
    shaped = [family for family in FAMILIES if family.version[:10] <= version[:10]]
    if not shaped:
        raise ValueError(f"Invalid Stripe API version: {version}")
    return replace(shaped[-1], version=version)
