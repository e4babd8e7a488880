"""Reading the charges of an account for their cards: from where the last round ended, page by page, resumable."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from billing.actions.bulk import Table, instants, text, typed
from dunning.models import Card, CardReading
from integrations.stripe.cards import ChargedCard, cards_on
from integrations.stripe.client import Answer, StripeReader
from integrations.stripe.kinds import Kind
from integrations.stripe.pages import pages, place_after

LOOK_BACK: Final = timedelta(days=396)
"""How far back charges are read and cards kept: thirteen months, so that yearly subscriptions are among them."""
OVERLAP: Final = timedelta(hours=1)
"""How much of what was read is read again: clocks differ, and lists show the newest late."""
LAG: Final = timedelta(minutes=1)
"""The newest charges are left to the next round."""

_CARDS: Final = Table(
    "dunning_card",
    (
        *text("customer", "payment_method", "brand", "last4", "charge"),
        *typed("smallint", "exp_year", "exp_month"),
        *instants("charged_at"),
    ),
    key=("customer", "payment_method"),
    guard="(excluded.charged_at, excluded.charge) > (t.charged_at, t.charge)",
)


class Forgotten(Exception):  # noqa: N818 - it names what happened
    """The notice was turned off while its charges were read."""


def begin(row: CardReading, now: datetime) -> None:
    """Begin a round: what there is to be read. In a transaction, with the row locked."""
    row.began_at, row.window_until, row.place = now, now - LAG, ""
    row.window_from = row.read_until - OVERLAP if row.read_until is not None else now - LOOK_BACK
    row.save()


def read(reader: StripeReader, row: CardReading, until: float) -> int:
    """Read the window of a round; `row.window_until` is None once it is done. Commits page by page.

    Args:
        row: of a round that has begun; it follows what was read.
        until: when to stop after a page, by the monotonic clock.

    Returns:
        How many charges were read.

    Raises:
        ReadFailed: Stripe does not give a page; what was read is kept.
        Forgotten: nobody wants it any more.
    """
    if row.window_from is None or row.window_until is None:
        return 0
    window = {"gte": int(row.window_from.timestamp()), "lte": int(row.window_until.timestamp())}
    count = 0
    for answer in pages(reader, Kind.CHARGE, after=row.place, pauses=(), created=window):
        with transaction.atomic():
            _keep(row, answer)
        count += len(answer.json["data"])
        if time.monotonic() >= until:
            break
    return count


def _keep(row: CardReading, answer: Answer) -> None:
    """The cards of a page, and where the list goes on."""
    if not locked(row):
        raise Forgotten
    _CARDS.write(row.workspace_id, row.mode, newest(cards_on(answer.json)))
    if answer.json.get("has_more") and answer.json["data"]:
        row.place = place_after(answer)
    else:
        row.read_until, row.window_from, row.window_until, row.place = row.window_until, None, None, ""
    row.save()


def locked(row: CardReading) -> bool:
    """Lock the row until the transaction ends; False where it is gone."""
    return CardReading.objects.select_for_update().filter(workspace_id=row.workspace_id, pk=row.pk).exists()


def newest(cards: Iterable[ChargedCard]) -> list[dict[str, Any]]:
    """One row for each customer and payment method: the newest charge wins, of two in a second the greater id."""
    found: dict[tuple[str, str], ChargedCard] = {}
    for card in sorted(cards, key=lambda card: (card.charged_at, card.charge)):
        found[card.customer, card.payment_method] = card
    return [
        {
            "customer": card.customer,
            "payment_method": card.payment_method,
            "brand": card.brand,
            "last4": card.last4,
            "charge": card.charge,
            "exp_year": card.exp_year,
            "exp_month": card.exp_month,
            "charged_at": card.charged_at.timestamp(),
        }
        for _, card in sorted(found.items())
    ]


def forget_old(row: CardReading, now: datetime) -> None:
    """Forget cards that were not charged for thirteen months. One statement, in a transaction."""
    Card.objects.filter(workspace_id=row.workspace_id, mode=row.mode, charged_at__lt=now - LOOK_BACK).delete()
