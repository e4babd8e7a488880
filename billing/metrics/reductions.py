"""Discounts as MRR sees them: what is taken off, until when. Rule: metrics.md, MRR, discounts.

`forever` and running `repeating` coupons count, `once` ones do not.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime
from decimal import Decimal
from fractions import Fraction

from billing.snapshots import UNKNOWN, Coupon, Discount, DiscountRef, Unknown

Missing = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Reduction:
    """Either `percent` (as a fraction: 1/4 is 25 %) or `amount` (minor units an interval), until `ends` (unix seconds,
    excluded; None = no end).
    """

    percent: Fraction | None
    amount: Fraction
    ends: int | None

    def live(self, at: int) -> bool:
        return self.ends is None or at < self.ends


def reductions(
    refs: Iterable[DiscountRef],
    currency: str,
    discounts: Mapping[str, Discount],
    coupons: Mapping[str, Coupon],
    missing: set[Missing],
) -> tuple[Reduction, ...]:
    """Those of `refs` that count for amounts in `currency`, in their order.

    Side effect: adds to `missing` the discounts and coupons whose terms are not known (or not in this currency).
    """
    found = []
    for ref in refs:
        terms = _terms(ref, discounts)
        if terms is None or terms.coupon is None:
            if ref.id is not None:
                missing.add(("discount", ref.id))
            continue
        coupon = coupons.get(terms.coupon)
        if coupon is not None and coupon.duration == "once":
            continue
        reduction = _reduction(coupon, terms, currency) if coupon is not None else None
        if reduction is None:
            missing.add(("coupon", terms.coupon))
        else:
            found.append(reduction)
    return tuple(found)


def _terms(ref: DiscountRef, discounts: Mapping[str, Discount]) -> DiscountRef | None:
    """A reference with its terms, from the catalogue where it has only an id."""
    if ref.coupon is not None or ref.id is None:
        return ref
    known = discounts.get(ref.id)
    if known is None:
        return None
    return DiscountRef(
        id=ref.id,
        coupon=known.coupon if isinstance(known.coupon, str) else None,
        start=known.start if isinstance(known.start, int) else None,
        end=known.end if isinstance(known.end, int) else None,
    )


def _reduction(coupon: Coupon, terms: DiscountRef, currency: str) -> Reduction | None:
    """None where the coupon's terms are not known."""
    if not isinstance(coupon.duration, str):
        return None
    ends = terms.end
    if ends is None and coupon.duration == "repeating":
        ends = _months_after(terms.start, coupon.duration_in_months)
    if isinstance(coupon.percent_off, Decimal):
        return Reduction(min(max(Fraction(coupon.percent_off) / 100, Fraction(0)), Fraction(1)), Fraction(0), ends)
    if isinstance(coupon.amount_off, int) and coupon.currency in (None, UNKNOWN, currency):
        return Reduction(None, Fraction(coupon.amount_off), ends)
    return None


def _months_after(start: int | None, months: int | Unknown | None) -> int | None:
    """The same day and time (UTC) so many months later, or the month's last day where it has no such day."""
    if start is None or not isinstance(months, int):
        return None
    first = datetime.fromtimestamp(start, UTC)
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    if year > MAXYEAR:
        return None
    day = min(first.day, calendar.monthrange(year, month + 1)[1])
    return int(first.replace(year=year, month=month + 1, day=day).timestamp())
