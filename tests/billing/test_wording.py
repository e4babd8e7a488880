"""Fields of a line of history in words."""

from __future__ import annotations

from typing import Any

import pytest

from billing.names import PlanName
from billing.wording import moved, prices_in, say

PLANS = {"price_1": PlanName("Growth", "monthly")}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("status", "past_due", "past due"),
        ("cancel_at", 1_772_366_400, "1 Mar 2026, 12:00:00 UTC"),
        ("cancel_at", None, "nothing"),
        ("cancel_at_period_end", True, "yes"),
        ("amount_due", 4900, "€49.00"),
        ("items", [{"price": "price_1", "quantity": 3}, {"price": "price_2"}], "Growth, monthly × 3, price_2"),
        ("discounts", [{"id": "di_1"}, {"coupon": "co_1"}, {"id": None}], "di_1, co_1, terms of its own"),
        ("currency", "eur", "EUR"),
        ("seats", None, "unlimited"),
        ("seats", 0, "0"),
        ("features", {"api_access": True, "exports": False, "projects": None, "users": 5},
         "Api access: yes, Exports: no, Projects: unlimited, Users: 5"),
        ("unmapped", ["price_8", "price_9"], "price_8; price_9"),
        ("latest_invoice", "in_a_b", "in_a_b"),
    ],
)  # fmt: skip
def test_values(name: str, value: Any, expected: str) -> None:
    assert say(name, value, PLANS, "eur") == expected


def test_an_amount_without_a_currency_says_so() -> None:
    assert say("amount_due", 4900, {}, "") == "4,900 (minor units)"


def test_a_change_says_what_was_and_is_the_status_first() -> None:
    before = {"amount_paid": 0, "status": "open", "customer": "cus_1"}
    after = {"amount_paid": 4900, "status": "paid", "customer": "cus_2"}
    assert [str(field) for field in moved(before, after, {}, "usd")] == [
        "Status: open → paid",
        "Amount paid: $0.00 → $49.00",
    ]


def test_a_report_leaves_out_what_is_empty() -> None:
    after = {"amount": 0, "currency": "jpy", "number": None, "attempt_count": 2}
    assert [str(field) for field in moved(None, after, {}, "")] == ["Amount: ¥0", "Attempts: 2", "Currency: JPY"]
    assert moved(None, None, {}, "") == ()


def test_prices_are_gathered_from_whatever_shape() -> None:
    entries = [None, {}, {"items": None}, {"items": ["odd", {"price": None}, {"price": "price_1"}]}]
    assert prices_in(entries) == {"price_1"}


def test_what_stayed_or_was_never_told_is_left_out() -> None:
    before = {"tier": "growth", "seats": 5, "by": None}
    after = {"tier": "growth", "seats": None, "by": None, "reason": "", "cause": "mapping"}
    assert [str(field) for field in moved(before, after, {}, "")] == ["Cause: mapping", "Seats: 5 → unlimited"]
