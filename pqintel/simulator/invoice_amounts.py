"""The arithmetic of an invoice: discounts one after the other, then taxes, line by line, in minor units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypedDict

from .pricing import whole
from .state import Discount, InvoiceLine, TaxAmount, TaxRate


@dataclass(slots=True)
class Charged:
    """A line on its way into an invoice, with the discounts of its own item and the tax rates that apply to it."""

    line: InvoiceLine
    discounts: Sequence[Discount] = ()
    tax_rates: Sequence[TaxRate] = ()


class Totals(TypedDict):
    """The fields of an invoice that follow from its lines."""

    lines: tuple[InvoiceLine, ...]
    total_discount_amounts: tuple[tuple[str, int], ...]
    total_taxes: tuple[TaxAmount, ...]
    subtotal: int
    total: int
    total_excluding_tax: int


def total(charged: Sequence[Charged], discounts: Sequence[Discount]) -> Totals:
    """Return lines and sums after the items' own discounts and then the `discounts` of the whole invoice, in order."""
    left = [entry.line.amount for entry in charged]
    taken: list[list[tuple[str, int]]] = [[] for _ in charged]
    for n, entry in enumerate(charged):
        for discount in entry.discounts:
            _take(discount, [n], charged, left, taken)
    for discount in discounts:
        _take(discount, range(len(charged)), charged, left, taken)
    lines, total_discounts, taxes = [], dict[str, int](), dict[str, TaxAmount]()
    for entry, remaining, off in zip(charged, left, taken, strict=True):
        line_taxes = tuple(_tax(rate, remaining, entry.tax_rates) for rate in entry.tax_rates)
        for discount_id, amount in off:
            total_discounts[discount_id] = total_discounts.get(discount_id, 0) + amount
        for tax in line_taxes:
            known = taxes.get(tax.rate.id)
            if known is not None:
                tax = replace(tax, amount=tax.amount + known.amount, taxable=tax.taxable + known.taxable)
            taxes[tax.rate.id] = tax
        lines.append(replace(entry.line, discount_amounts=tuple(off), taxes=line_taxes))
    all_taxes = tuple(taxes.values())
    gross = sum(left) + sum(tax.amount for tax in all_taxes if not tax.rate.inclusive)
    return Totals(
        lines=tuple(lines),
        total_discount_amounts=tuple(total_discounts.items()),
        total_taxes=all_taxes,
        subtotal=sum(entry.line.amount for entry in charged),
        total=gross,
        total_excluding_tax=gross - sum(tax.amount for tax in all_taxes),
    )


def _take(
    discount: Discount,
    which: Sequence[int],
    charged: Sequence[Charged],
    left: list[int],
    taken: list[list[tuple[str, int]]],
) -> None:
    """Take one discount off the chosen lines. A percentage also reduces credits; an amount only what is owed."""
    coupon = discount.coupon
    lines = [n for n in which if charged[n].line.discountable and left[n] != 0]
    if coupon.percent_off is not None:
        shares = [(n, whole(left[n] * Fraction(coupon.percent_off) / 100)) for n in lines]
    else:
        shares = _spread(coupon.amount_off or 0, [(n, left[n]) for n in lines if left[n] > 0])
    for n, off in shares:
        left[n] -= off
        taken[n].append((discount.id, off))


def _spread(amount: int, owed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Share `amount`, at most what is owed, among the lines pro rata; the shares sum to it exactly."""
    owed_in_all = sum(due for _, due in owed)
    amount = min(amount, owed_in_all)
    shares, so_far, given = [], 0, 0
    for n, due in owed:
        so_far += due
        share = whole(Fraction(amount * so_far, owed_in_all)) - given
        given += share
        shares.append((n, share))
    return shares


def _tax(rate: TaxRate, amount: int, rates: Sequence[TaxRate]) -> TaxAmount:
    """Tax on one line's amount. Inclusive rates are taken out of it together, exclusive ones are put on top."""
    inside = sum((Fraction(other.percentage) for other in rates if other.inclusive), Fraction(0))
    net = amount / (1 + inside / 100)
    return TaxAmount(rate=rate, amount=whole(net * Fraction(rate.percentage) / 100), taxable=whole(net))
