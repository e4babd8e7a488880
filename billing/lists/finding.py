"""The search field of the lists: an id of Stripe's, an invoice's number, or the words of a customer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeVar

from django.db.models import Model, Q, QuerySet

from billing.search import matching

from .rows import Place

Record = TypeVar("Record", bound=Model)

_STRIPE_ID: Final = re.compile(r"(cus|sub|si|in|pi|ch|py|cs|evt|price|plan|prod|di|pqread|pqgap)_[A-Za-z0-9_]+")
_NUMBER: Final = re.compile(r"[A-Z0-9]+-[0-9]+", re.IGNORECASE)


def find(
    records: QuerySet[Record],
    place: Place,
    text: str,
    *,
    ids: Sequence[str],
    customer: str = "customer",
    number: str = "",
) -> QuerySet[Record]:
    """The records that a search text means; all of them when it is empty.

    Args:
        ids: the columns in which a Stripe id is looked for.
        customer: the column that holds the customer's id; words are looked for in customers' names and emails.
        number: the column with the invoice's number, if there is one.
    """
    text = text.strip()
    if not text:
        return records
    if _STRIPE_ID.fullmatch(text):
        wanted = Q()
        for column in ids:
            wanted |= Q(**{column: text})
        return records.filter(wanted)
    if number and _NUMBER.fullmatch(text):
        return records.filter(**{f"{number}__in": sorted({text, text.upper()})})
    customers = matching(place.workspace_id, place.mode, text)
    if not customers:
        return records.none()
    for some in customers:
        records = records.filter(**{f"{customer}__in": some})
    return records
