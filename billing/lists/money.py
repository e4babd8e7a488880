"""The currencies that lists with amounts suggest."""

from __future__ import annotations

from billing.models import Price

from .forms import Choices
from .rows import Place


def currencies(place: Place) -> dict[str, Choices]:
    """Those of the prices; any other may be typed. One query."""
    known = place.all(Price).filter(currency__isnull=False).order_by("currency").values_list("currency", flat=True)
    return {"currency": [(currency, currency.upper()) for currency in known.distinct() if currency]}
