"""`{% load charts %}`: `{% area_chart currency.mrr_series currency.mrr "mrr-usd" "MRR" %}`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django import template

from pqintel.ui import charts, figures

register = template.Library()


@register.inclusion_tag("components/area_chart.html")
def area_chart(
    series: Sequence[tuple[date, Decimal]] | None,
    unit: figures.Amount,
    name: str,
    title: str,
    estimated_before: date | None = None,
) -> dict[str, object]:
    """A chart of daily amounts with title, summary and table; nothing for fewer than two days.

    `unit` gives currency and digits, `name` the ids; days before `estimated_before` are marked as estimated.
    """
    return {"chart": charts.area_chart(series or [], unit, estimated_before), "name": name, "title": title}
