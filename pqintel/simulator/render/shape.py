"""The small forms that every Stripe object is made of: embedded lists, amounts as text, addresses, tax rates."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from pqintel.simulator.state import Address, Card, Record, TaxRate

Json = dict[str, Any]

EMBEDDED = 10
"""How many entries of a list Stripe embeds in an object; the rest has to be fetched."""


def embedded_list(rows: Sequence[Json], url: str) -> Json:
    """Return a list as it stands inside an object: its first ten entries, and whether there are more."""
    return {
        "object": "list",
        "data": list(rows[:EMBEDDED]),
        "has_more": len(rows) > EMBEDDED,
        "total_count": len(rows),
        "url": url,
    }


def head(record: Record) -> Json:
    """Return what begins every object of its own: id, kind, creation, mode and metadata."""
    return {
        "id": record.id,
        "object": record.kind,
        "created": record.created,
        "livemode": record.livemode,
        "metadata": dict(record.metadata),
    }


def decimal_text(amount: Decimal) -> str:
    """Return an amount as Stripe writes its `…_decimal` fields: plain digits without needless zeros."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole(amount: Decimal | None) -> int | None:
    """Return an amount of minor units as int, or None where it has a fraction (or is None itself)."""
    return int(amount) if amount is not None and amount == amount.to_integral_value() else None


def address(value: Address | None) -> Json | None:
    """Return a postal address, None for none."""
    if value is None:
        return None
    return {
        "city": value.city,
        "country": value.country,
        "line1": value.line1,
        "line2": None,
        "postal_code": value.postal_code,
        "state": value.state,
    }


def tax_rate(rate: TaxRate, livemode: bool) -> Json:
    """Return the tax rate object that subscriptions and items embed. `percentage` is a JSON number, as at Stripe."""
    return {
        "id": rate.id,
        "object": "tax_rate",
        "active": True,
        "country": rate.country,
        "created": 1546300800,
        "description": None,
        "display_name": rate.display_name,
        "effective_percentage": None,
        "flat_amount": None,
        "inclusive": rate.inclusive,
        "jurisdiction": rate.country,
        "jurisdiction_level": None,
        "livemode": livemode,
        "metadata": {},
        "percentage": float(rate.percentage),
        "rate_type": "percentage",
        "state": None,
        "tax_type": None,
    }


def card_details(card: Card) -> Json:
    """Return what payment methods and charges have in common about a card."""
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": card.country,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": card.fingerprint,
        "funding": card.funding,
        "last4": card.last4,
        "wallet": None,
    }
