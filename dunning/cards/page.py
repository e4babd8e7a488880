"""What the page of the policy says about cards that expire soon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Q

from billing.modes import Mode
from billing.names import customer_labels
from billing.statuses import Status
from dunning.letters.report import line_of
from dunning.models import Card, CardReading, Letter, Policy
from pqintel.workspaces.models import Workspace

from .due import Month, coming_months
from .standing import Standing, in_words, key_of, month_of, standings

SHOWN: Final = 20
LOOKED_AT: Final = 500
"""Cards that are looked at, the soonest to expire first: more are told as "more than"."""


@dataclass(frozen=True, slots=True)
class Line:
    """A card that expires soon, and what was or will be done about it. `letter` is its number, None: none yet."""

    customer: str
    customer_label: str
    card: str
    expires: str
    status: Status
    detail: str
    letter: int | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class CardsPage:
    """`read_at` is when all charges had been read and judged the last time, None: not once yet; `due_at` when that goes
    on. `failure` says in words why Stripe cannot be read, "" where it can. `count` cards expire by the end of `month`;
    `cut_short`: there are more. `lines` are the first of them.
    """

    on: bool
    days: int
    read_at: datetime | None = None
    due_at: datetime | None = None
    failure: str = ""
    month: str = ""
    count: int = 0
    cut_short: bool = False
    lines: Sequence[Line] = ()

    @property
    def further(self) -> int:
        return self.count - len(self.lines)


def cards_page(workspace: Workspace, mode: Mode, policy: Policy, now: datetime) -> CardsPage:
    """The cards that expire soon. Ten queries at most, in scope."""
    if not policy.card_notice:
        return CardsPage(on=False, days=policy.card_notice_days)
    place = {"workspace": workspace, "mode": mode}
    reading = CardReading.objects.filter(**place).first()
    zone = ZoneInfo(workspace.timezone)
    months = coming_months(now, policy.card_notice_days, zone)
    expiring = Q(*(Q(exp_year=month.year, exp_month=month.month) for month in months), _connector=Q.OR)
    rows = Card.objects.filter(expiring, **place).order_by("exp_year", "exp_month", "pk")
    cards = list(rows[: LOOKED_AT + 1])
    known = standings(workspace.pk, mode, cards, zone)
    letters = {
        row.dedupe_key: row for row in Letter.objects.filter(**place, dedupe_key__in=[key_of(card) for card in cards])
    }
    soon = [card for card in cards if known[card.pk].concerns or key_of(card) in letters]
    labels = customer_labels(workspace.pk, mode, (card.customer for card in soon[:SHOWN]))
    return CardsPage(
        on=True,
        days=policy.card_notice_days,
        read_at=reading.finished_at if reading else None,
        due_at=reading.due_at if reading else None,
        failure=reading.failure if reading else "",
        month=months[-1].words,
        count=len(soon),
        cut_short=len(cards) > LOOKED_AT,
        lines=[
            _line(
                card,
                labels.get(card.customer, card.customer),
                letters.get(key_of(card)),
                known[card.pk],
                _planned(month_of(card), policy, zone, now),
            )
            for card in soon[:SHOWN]
        ],
    )


def _planned(month: Month, policy: Policy, zone: ZoneInfo, now: datetime) -> datetime | None:
    """When the notice goes out that is not due yet."""
    at = month.told_at(policy.card_notice_days, zone)
    return at if at > now else None


def _line(card: Card, label: str, letter: Letter | None, standing: Standing, planned: datetime | None) -> Line:
    if letter is not None:
        told = line_of(letter, label)
        status, detail = Status(told.state, told.tone), told.detail
        at = told.at or told.next_attempt_at or told.created_at
    elif standing.reason:
        status, detail, at = Status("Not now"), standing.reason, None
    elif planned is not None:
        status, detail, at = Status("Planned", "accent"), "", planned
    else:
        status, detail, at = Status("Due", "accent"), "It is decided when charges are read next.", None
    number = letter.pk if letter is not None else None
    return Line(card.customer, label, in_words(card), month_of(card).words, status, detail, number, at)
