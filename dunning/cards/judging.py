"""Writing to those whose card expires: what is known here is asked first, then Stripe, which card pays by now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from billing.modes import Mode
from billing.names import customer_labels, plan_names
from dunning import letters
from dunning.letters import LetterKind, LetterRequest
from dunning.models import Card, CardReading, Letter, LetterState, Policy
from dunning.schedule import allowed
from dunning.wording import listed
from integrations.stripe.cards import Paying, paying
from integrations.stripe.client import ReadFailed, StripeReader

from .due import due_months
from .reading import Forgotten, locked
from .standing import OTHER_CARD, Standing, in_words, key_of, month_of, standings

BATCH: Final = 50
"""Cards that are judged together: as many questions to Stripe at most, twice as many where customers say what pays."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What was decided about a customer's card. `skipped`: why no letter goes out, "" where one is in the outbox."""

    customer: str
    name: str
    card: str
    expires: str
    skipped: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a round: the policy, the workspace's time zone, and now."""

    policy: Policy
    zone: ZoneInfo
    now: datetime


def judge(
    reader: StripeReader, row: CardReading, terms: Terms, until: float, notices: list[Notice], *, dry: bool = False
) -> bool:
    """Judge the cards that are due and were not judged in this round. Commits batch by batch.

    Args:
        reader: of the account.
        row: of a round that has begun.
        until: when to stop after a batch, by the monotonic clock.
        notices: what was decided is put there.
        dry: decide, but keep nothing.

    Returns:
        Whether cards are left.

    Raises:
        ReadFailed: Stripe does not answer; what was decided before is kept.
        Forgotten: nobody wants it any more.
    """
    for batch in _batches(row, terms):
        with transaction.atomic():
            standing = _open(row, terms, batch)
        answers, failure = _ask(reader, [card for card in batch if card.pk in standing])
        judged = [card for card in batch if card.pk not in standing or card.customer in answers]
        with transaction.atomic():
            if not dry and not locked(row):
                raise Forgotten
            notices += _write(row, terms, judged, standing, answers)
            Card.objects.filter(workspace_id=row.workspace_id, pk__in=[card.pk for card in judged]).update(
                looked_at=terms.now
            )
            if dry:
                transaction.set_rollback(True)
        if failure is not None:
            raise failure
        if time.monotonic() >= until:
            return True
    return False


def _batches(row: CardReading, terms: Terms) -> Iterator[list[Card]]:
    """The cards that are due, the soonest to expire first."""
    for month in due_months(terms.now, terms.policy.card_notice_days, terms.zone):
        rows = Card.objects.filter(
            workspace_id=row.workspace_id, mode=row.mode, exp_year=month.year, exp_month=month.month
        ).order_by("pk")
        after = 0
        while True:
            with transaction.atomic():
                batch = list(rows.filter(pk__gt=after)[:BATCH])
            fresh = [card for card in batch if card.looked_at is None or card.looked_at < (row.began_at or terms.now)]
            if fresh:
                yield fresh
            if len(batch) < BATCH:
                break
            after = batch[-1].pk


def _open(row: CardReading, terms: Terms, cards: Sequence[Card]) -> dict[int, Standing]:
    """Those of the cards about which Stripe is to be asked, by number: nothing was decided, nothing is against it."""
    mode = Mode(row.mode)
    keys = {key_of(card): card.pk for card in cards}
    decided = Letter.objects.filter(workspace_id=row.workspace_id, mode=mode, dedupe_key__in=list(keys))
    done = {keys[key] for key in decided.values_list("dedupe_key", flat=True)}
    known = standings(row.workspace_id, mode, [card for card in cards if card.pk not in done], terms.zone)
    return {pk: one for pk, one in known.items() if not one.reason}


def _ask(reader: StripeReader, cards: Sequence[Card]) -> tuple[dict[str, list[Paying]], ReadFailed | None]:
    """What pays for each customer's subscriptions, as far as Stripe answers."""
    answers: dict[str, list[Paying]] = {}
    try:
        for card in cards:
            if card.customer not in answers:
                answers[card.customer] = paying(reader, card.customer)
    except ReadFailed as failure:
        return answers, failure
    return answers, None


def _write(
    row: CardReading,
    terms: Terms,
    cards: Sequence[Card],
    standing: Mapping[int, Standing],
    answers: Mapping[str, Sequence[Paying]],
) -> list[Notice]:
    """Put the letters into the outbox. Ten queries at most, however many."""
    mode = Mode(row.mode)
    concerned = [
        (card, going_on)
        for card in cards
        if card.pk in standing and (going_on := _going_on(card, answers[card.customer], terms.zone))
    ]
    if not concerned:
        return []
    prices = {s.stripe_id: [item["price"] for item in s.items] for one in standing.values() for s in one.subscriptions}
    names = plan_names(row.workspace_id, mode, {price for some in prices.values() for price in some})
    labels = customer_labels(row.workspace_id, mode, (card.customer for card, _ in concerned))
    not_before = allowed(terms.now, terms.policy.plan(str(terms.zone)))
    requests = []
    for card, going_on in concerned:
        paid_with = [one for one in going_on if one.payment_method in (card.payment_method, None)]
        plans = [names[price].name for one in paid_with for price in prices.get(one.subscription, ())]
        facts = {"card": in_words(card), "date": month_of(card).words, "plan": listed(plans)}
        requests.append(
            LetterRequest(
                workspace_id=row.workspace_id,
                mode=mode,
                kind=LetterKind.CARD_EXPIRING,
                customer=card.customer,
                dedupe_key=key_of(card),
                facts={name: value for name, value in facts.items() if value},
                not_before=not_before,
                skip="" if paid_with else OTHER_CARD,
            )
        )
    written = letters.write(requests, terms.now)
    return [
        Notice(
            card.customer,
            labels.get(card.customer, card.customer),
            in_words(card),
            str(month_of(card)),
            letter.reason if letter.state == LetterState.SKIPPED else "",
        )
        for (card, _), letter in zip(concerned, written, strict=True)
    ]


def _going_on(card: Card, answer: Sequence[Paying], zone: ZoneInfo) -> list[Paying]:
    """The subscriptions that Stripe collects beyond the card's end."""
    ends = month_of(card).ends(zone)
    return [one for one in answer if one.until is None or one.until > ends]
