"""The Plans page and its forms, in each of their states."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django import forms

from billing.access.uses import Use
from billing.money import Money

from .shell import NOW, USER, Page, nav


def tier(key: str, name: str, seats: str, customers: int, *gates: str) -> dict[str, Any]:
    return {"key": key, "name": name, "seats": seats, "customers": customers, "gates": list(gates)}


def price(name: str, price_id: str, given: dict[str, Any], tier_name: str, **more: Any) -> dict[str, Any]:
    shown = {"name": name, "price": price_id, "given": given, "tier_name": tier_name, "by": "product metadata"}
    return {**shown, "terms": {"lookup_key": "team_month"}, "subscribers": 0, "mrr": [], "waiting": 0, **more}


def override(pk: int, who: str, state: str, **more: Any) -> dict[str, Any]:
    row = {
        "pk": pk,
        "customer": f"cus_{pk:014}",
        "get_effect_display": "At least this",
        "seats": 40,
        "reason": "A launch partner, until the contract of next year is signed",
        "created_by": "ada@northwind.example",
        "created_at": NOW - timedelta(days=9),
        "expires_at": NOW + timedelta(days=21),
        "revoked_at": NOW - timedelta(days=1),
        **more,
    }
    return {"row": row, "customer_label": who, "tier_name": "Scale", "gates": ["Projects: unlimited"], "state": state}


def plans(**changes: Any) -> dict[str, Any]:
    """The page in full; `changes` replaces attributes."""
    growth = {"mapped": True, "tier": "growth"}
    return {
        "tiers": [
            tier("free", "Free", "2", 101, "off", "1"),
            tier("starter", "Starter", "5", 1121, "off", "5"),
            tier("growth", "Growth with a long name", "as bought, up to 20", 123, "on", "50"),
            tier("scale", "Scale", "unlimited", 0, "on", "unlimited"),
        ],
        "features": ["API access", "Projects"],
        "no_access": 3,
        "prices": [
            price("Audit log, monthly", "price_1NpUZ4EH9f7dY3xCdotZQDVkd", {}, "", subscribers=20, waiting=20),
            price("Team, monthly", "price_1h83dRPjfo0XbErvFTGYHpn28", growth, "Growth", subscribers=46, mrr=[
                Money(1_372_816, "usd"), Money(99_900, "eur"),
            ]),
            price("API calls", "price_calls", {"mapped": True, "tier": None}, "", by="this price"),
            price("Legacy, every 3 months", "price_legacy", {}, ""),
        ],
        "more_prices": True,
        "free_tier": "Free",
        "past_due_days": 14,
        "overrides": [
            override(1, "Lovelace & Sons", "running"),
            override(2, "a.very.long.address.for.a.customer@subdomain.example.com", "running", expires_at=None),
            override(3, "Curie Labs", "expired"),
            override(4, "Noether Symmetry GmbH", "revoked", seats=None),
        ],
        "recalculating": True,
        "unmapped": 1,
        **changes,
    }  # fmt: skip


class SampleForm(forms.Form):
    """The kinds of fields that these forms have."""

    kind = forms.ChoiceField(
        label="Applies to",
        widget=forms.RadioSelect,
        choices=[("price", "This price alone (price_1)"), ("key", "Others")],
    )
    tier = forms.ChoiceField(label="Tier", choices=[("growth", "Growth"), ("scale", "Scale")])
    seats = forms.IntegerField(label="Seats", required=False, help_text="Empty = unlimited.")
    by_quantity = forms.BooleanField(label="Seats are the quantity bought, up to this limit", required=False)
    features = forms.CharField(label="Features", required=False, widget=forms.Textarea(attrs={"rows": 6}))
    last_day = forms.DateField(label="Last day", required=False, widget=forms.DateInput(attrs={"type": "date"}))


def pages() -> Iterator[tuple[str, Page]]:
    """One page a state."""
    nothing: dict[str, Any] = {
        "prices": [],
        "overrides": [],
        "unmapped": 0,
        "recalculating": False,
        "past_due_days": None,
    }
    yield "plans", page("test", plans())
    yield "plans-viewer", page("live", plans(), may_all=False)
    yield "plans-empty", page("live", plans(**nothing, free_tier=None))
    filled = {"kind": "price", "tier": "growth", "features": "projects = 50"}
    shown = {"price": "price_1", "subscribers": 20, "mrr": [Money(96_884, "usd")]}
    yield "plan-change", change(SampleForm(initial=filled), price=shown)
    yield "plan-wrong", change(SampleForm({"seats": "many"}), status=422)
    moves = [(12, "no access", "Growth"), (1, "Growth", "Growth")]
    effect = SimpleNamespace(complete=False, looked_at=1000)
    yield "plan-effect", change(SampleForm(filled), effect=effect, moves=moves, confirm="0f", both_modes=True)
    yield "plan-no-effect", change(SampleForm(filled), effect=SimpleNamespace(complete=True), moves=[], confirm="0f")
    yield "plan-tier", change(SampleForm(initial=filled), tier_key="growth")
    uses = (
        Use("2 prices in live mode are mapped to it: price_1QvN7yL2mRk9wXcT, price_2.", "Map each to another tier."),
        Use("Who does not pay falls to it.", "Choose another tier, or no access, under “Who does not pay”."),
    )
    tier = SimpleNamespace(name="Growth")
    context = {"nav": nav("test", "plans"), "title": "Delete the tier Growth", "tier": tier, "user": USER}
    yield "tier-in-use", Page("billing/tier_delete.html", {**context, "uses": uses})
    nobody = {"effect": SimpleNamespace(complete=True), "moves": [], "confirm": "0f", "both_modes": True}
    yield "tier-delete", Page("billing/tier_delete.html", {**context, **nobody})


def page(mode: str, shown: dict[str, Any], *, may_all: bool = True) -> Page:
    context = {"nav": nav(mode, "plans", may_all=may_all), "plans": shown, "user": USER}
    return Page("billing/plans.html", context)


def change(form: forms.Form, status: int = 200, **more: Any) -> Page:
    context = {"nav": nav("test", "plans"), "title": "Price Audit log, monthly", "form": form, "user": USER, **more}
    return Page("billing/plan_change.html", context, status)
