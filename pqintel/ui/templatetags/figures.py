"""`{% load figures %}`: money, counts, percentages."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from pqintel.ui import figures

register = template.Library()


@register.filter
def money(value: figures.Amount | None) -> str:
    """`{{ invoice.total|money }}`: empty for None."""
    return "" if value is None else figures.money(value)


@register.filter
def count(value: int | None) -> str:
    """`{{ subscribers|count }}`: empty for None."""
    return "" if value is None else figures.count(value)


@register.filter
def percent(value: Decimal | None) -> str:
    """`{{ plan.share|percent }}`, of a Decimal 0–100: empty for None."""
    return "" if value is None else figures.percent(value)


@register.filter
def ratio(value: Fraction | None) -> str:
    """`{{ churn.rate|ratio }}`: `6.67%`, or n/a."""
    return figures.ratio(value)


@register.filter
def times(value: Fraction | None) -> str:
    """`{{ quick_ratio|times }}`: `2.0`, or n/a."""
    return figures.times(value)


@register.filter
def svg_percent(value: Decimal) -> str:
    """A length for an SVG attribute: `37.50%`, within 0 and 100, and visible when it is not nothing."""
    length = min(max(value, Decimal(0)), Decimal(100))
    return f"{max(length, Decimal('0.5')) if length > 0 else length:.2f}%"


@register.simple_tag
def money_figure(value: figures.Amount) -> SafeString:
    """Money as a headline: the fraction set smaller than the whole."""
    whole, fraction = figures.money_parts(value)
    return format_html('{}<span class="figure-fraction">{}</span>', whole, fraction)
