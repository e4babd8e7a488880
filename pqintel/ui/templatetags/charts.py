"""`{% load charts %}`: `{% area_chart currency.mrr_series currency.currency "mrr-usd" "MRR" %}`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django import template

from pqintel.ui import charts

register = template.Library()


@register.inclusion_tag("components/area_chart.html")
def area_chart(series: Sequence[tuple[date, Decimal]] | None, currency: str, name: str, title: str) -> dict[str, object]:
    """A chart of the last days with title, summary and table; nothing for fewer than two days. `name` makes its ids."""
    return {"chart": charts.area_chart(series or [], currency), "name": name, "title": title}
