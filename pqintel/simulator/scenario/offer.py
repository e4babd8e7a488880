"""What the company sells: three plans, two currencies, monthly and yearly; add-ons and coupons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pqintel.simulator.account import Account
from pqintel.simulator.state import Coupon, Interval, Price, TaxRate

Plan = Literal["starter", "growth", "scale"]
PLANS: tuple[Plan, ...] = ("starter", "growth", "scale")
SEATS = {"starter": (1, 1), "growth": (3, 40), "scale": (10, 160)}
"""The fewest and the most seats of each plan."""
_YEARLY = 10  # a year costs ten months


@dataclass(slots=True)
class Offer:
    """The catalogue. `plans` is by (plan, interval, currency), `add_ons` and `usage` by currency."""

    plans: dict[tuple[Plan, Interval, str], Price]
    add_ons: dict[str, Price]
    usage: dict[str, Price]
    coupons: dict[str, Coupon]
    taxes: dict[str, tuple[TaxRate, ...]]

    def plan_of(self, price: str) -> Plan | None:
        """Return the plan that a price id belongs to; None for add-ons and usage."""
        return next((key[0] for key, known in self.plans.items() if known.id == price), None)


def publish(account: Account) -> Offer:
    """Create the catalogue in an account."""
    starter = account.create_product("Starter", description="For one person", metadata={"tier": "starter"})
    growth = account.create_product("Growth", description="For teams", unit_label="seat", metadata={"tier": "growth"})
    scale = account.create_product("Scale", description="For companies", unit_label="seat", metadata={"tier": "scale"})
    audit = account.create_product("Audit log", description="Add-on: a year of audit trail")
    calls = account.create_product("API calls", description="Add-on: usage beyond the plan")
    offer = Offer({}, {}, {}, _coupons(account), _taxes(account))
    intervals: tuple[tuple[Interval, int], ...] = (("month", 1), ("year", _YEARLY))
    for currency, base, seat in (("usd", 2900, 2400), ("eur", 2700, 2200)):
        for interval, months in intervals:
            short = f"{interval}_{currency}"
            offer.plans["starter", interval, currency] = account.create_price(
                starter.id, base * months, interval=interval, currency=currency, lookup_key=f"starter_{short}"
            )
            offer.plans["growth", interval, currency] = account.create_price(
                growth.id, seat * months, interval=interval, currency=currency, lookup_key=f"growth_{short}"
            )
            offer.plans["scale", interval, currency] = account.create_price(
                scale.id,
                interval=interval,
                currency=currency,
                tiers_mode="graduated",
                tiers=[(10, 0, 24900 * months), (50, 1900 * months), (None, 1500 * months)],
                lookup_key=f"scale_{short}",
            )
        offer.add_ons[currency] = account.create_price(
            audit.id, 4900, currency=currency, lookup_key=f"audit_{currency}"
        )
        offer.usage[currency] = account.create_price(
            calls.id, "0.2", currency=currency, metered=True, lookup_key=f"calls_{currency}"
        )
    return offer


def _coupons(account: Account) -> dict[str, Coupon]:
    return {
        "launch": account.create_coupon(
            percent_off=20, duration="repeating", months=3, name="Launch: 20 % for 3 months"
        ),
        "friends": account.create_coupon(percent_off=10, duration="forever", name="Friends: 10 % forever"),
        "welcome": account.create_coupon(percent_off=50, duration="once", name="Welcome: half the first invoice"),
        "startup": account.create_coupon(
            amount_off=1000, currency="usd", duration="forever", name="Startups: $10 off every invoice"
        ),
    }


def _taxes(account: Account) -> dict[str, tuple[TaxRate, ...]]:
    """Taxes by country: most come on top, Spain's is inside the price."""
    return {
        "DE": (account.tax_rate(19, country="DE", display_name="MwSt"),),
        "FR": (account.tax_rate(20, country="FR", display_name="TVA"),),
        "NL": (account.tax_rate(21, country="NL", display_name="btw"),),
        "ES": (account.tax_rate(21, inclusive=True, country="ES", display_name="IVA"),),
    }
