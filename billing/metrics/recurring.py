"""What one subscription is worth a month, item by item, as a step function of time. Pure.

Rules: metrics.md, MRR. Only `active` and `past_due` count, `trialing` as trial; collection paused with void or
mark_uncollectible counts nothing. Metered and one-off items count nothing. Discounts are taken off one after the other,
those of an item first; `once` ones never. Inclusive tax is stripped last, because discounts reduce the price as shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from fractions import Fraction
from typing import Final

from billing.snapshots import Coupon, Discount, DiscountRef, ItemState, Price, SubscriptionState, Unknown

from .amounts import NOTHING, per_interval, per_month
from .reductions import Missing, Reduction, reductions

PLACES: Final = 18
"""Decimal places of a monthly amount: enough that a sum over millions of items is right to the last minor unit."""

_PAYING: Final = frozenset({"active", "past_due"})
_COUNTS_NOTHING: Final = frozenset({"void", "mark_uncollectible"})
_EXACT: Final = Context(prec=80)
_SCALE: Final = 10**PLACES


@dataclass(frozen=True, slots=True)
class Segment:
    """One item's monthly amount (minor units, above zero) from `starts` (included) to `ends` (excluded), unix seconds.

    `ends` None = until the subscription changes. `trial` amounts are trial MRR, not MRR.
    """

    item_id: str
    price_id: str
    currency: str
    monthly: Decimal
    trial: bool
    starts: int
    ends: int | None


@dataclass(frozen=True, slots=True)
class Recurring:
    """`segments` in the order of items and time; `missing` are the terms that were not known and count as absent:
    ("price" | "discount" | "coupon", id) pairs.
    """

    segments: tuple[Segment, ...]
    missing: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class _Line:
    """An item that counts: its undiscounted monthly amount, and what reduces it alone."""

    item: ItemState
    currency: str
    per_month: Fraction
    gross: Fraction
    own: tuple[Reduction, ...]


_NONE: Final = Recurring((), frozenset())


def recurring(
    state: SubscriptionState,
    prices: Mapping[str, Price],
    discounts: Mapping[str, Discount],
    coupons: Mapping[str, Coupon],
    since: int,
    until: int | None,
    customer_discounts: Sequence[DiscountRef] = (),
) -> Recurring:
    """The monthly amounts of `state` while it holds: from `since` (included) to `until` (excluded; None = no end).

    They step where a discount ends within that time. `customer_discounts` are the customer's own, which apply when
    the subscription itself has none: an invoice inherits its discounts from the one or the other, and those of items
    are its lines' own.

    Items of zero amount have no segment. With terms missing the amounts are those without them.
    """
    trial = state.status == "trialing"
    if not (trial or state.status in _PAYING) or state.pause_behavior in _COUNTS_NOTHING:
        return _NONE
    missing: set[Missing] = set()
    lines = [
        line for item in state.items if (line := _line(item, state, prices, discounts, coupons, missing)) is not None
    ]
    of_all = state.discounts or tuple(customer_discounts)
    whole = reductions(of_all, lines[0].currency, discounts, coupons, missing) if lines else ()
    segments: list[Segment] = []
    for starts, ends in _steps([*whole, *(reduction for line in lines for reduction in line.own)], since, until):
        for line, amount in zip(lines, _monthly(lines, whole, starts), strict=True):
            if (monthly := round(amount * _SCALE)) > 0:  # half even, as round() does with fractions
                exact = _EXACT.scaleb(Decimal(monthly), -PLACES)
                segments.append(Segment(line.item.id, line.item.price, line.currency, exact, trial, starts, ends))
    return Recurring(_joined(segments), frozenset(missing))


def _line(
    item: ItemState,
    state: SubscriptionState,
    prices: Mapping[str, Price],
    discounts: Mapping[str, Discount],
    coupons: Mapping[str, Coupon],
    missing: set[Missing],
) -> _Line | None:
    price = prices.get(item.price)
    if price is None or isinstance(price.interval, Unknown) or not isinstance(price.currency, str):
        missing.add(("price", item.price))
        return None
    times = per_month(price)
    if times is None or price.usage_type == "metered":
        return None
    currency = state.currency if isinstance(state.currency, str) else price.currency
    gross = _gross(price, currency, 1 if item.quantity is None else item.quantity)
    if gross is None:
        missing.add(("price", item.price))
        return None
    own = reductions(item.discounts, currency, discounts, coupons, missing)
    return _Line(item, currency, times, gross * times, own)


def _gross(price: Price, currency: str, quantity: int) -> Fraction | None:
    """Per interval, in the subscription's currency; None where the price's terms in it are not known."""
    unit_amount, tiers = price.unit_amount, price.tiers
    if currency != price.currency:
        if isinstance(price.currency_options, Unknown):
            return None
        option = next((option for option in price.currency_options if option.currency == currency), None)
        if option is None:
            return None
        unit_amount, tiers = option.unit_amount, option.tiers
    if isinstance(tiers if price.billing_scheme == "tiered" else unit_amount, Unknown):
        return None
    return per_interval(
        price,
        quantity,
        None if isinstance(unit_amount, Unknown) else unit_amount,
        () if isinstance(tiers, Unknown) or tiers is None else tiers,
    )


def _monthly(lines: Sequence[_Line], whole: Sequence[Reduction], at: int) -> list[Fraction]:
    """The lines' amounts at an instant: after their own discounts, the subscription's, and without inclusive tax."""
    amounts = []
    for line in lines:
        (amount,) = _reduced([line], [line.gross], line.own, at)
        amounts.append(amount)
    amounts = _reduced(lines, amounts, whole, at)
    return [
        amount / (1 + Fraction(line.item.inclusive_tax_percent) / 100)
        for line, amount in zip(lines, amounts, strict=True)
    ]


def _reduced(lines: Sequence[_Line], amounts: list[Fraction], taken: Sequence[Reduction], at: int) -> list[Fraction]:
    """One reduction after the other. An amount off is shared among the lines pro rata of what they still come to, and
    each line's share is spread over its own billing interval; nothing falls below zero.
    """
    for reduction in taken:
        if not reduction.live(at):
            continue
        if reduction.percent is not None:
            amounts = [amount * (1 - reduction.percent) for amount in amounts]
            continue
        total = sum(amounts, NOTHING)
        if total > 0:
            amounts = [
                max(NOTHING, amount - reduction.amount * line.per_month * amount / total)
                for line, amount in zip(lines, amounts, strict=True)
            ]
    return amounts


def _steps(taken: Sequence[Reduction], since: int, until: int | None) -> list[tuple[int, int | None]]:
    """The stretches of [since, until) within which no discount ends."""
    ends = {r.ends for r in taken if r.ends is not None and r.ends > since and (until is None or r.ends < until)}
    turns = [since, *sorted(ends)]
    return list(zip(turns, [*turns[1:], until], strict=True))


def _joined(segments: list[Segment]) -> tuple[Segment, ...]:
    """By item and time, steps that change nothing for an item taken together."""
    joined: list[Segment] = []
    for segment in sorted(segments, key=lambda s: (s.item_id, s.starts)):
        last = joined[-1] if joined else None
        if last and (last.item_id, last.monthly, last.ends) == (segment.item_id, segment.monthly, segment.starts):
            joined[-1] = replace(last, ends=segment.ends)
        else:
            joined.append(segment)
    return tuple(joined)
