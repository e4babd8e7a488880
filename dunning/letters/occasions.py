"""Letters about the course of a subscription: a greeting when it begins, a farewell, the first steps after a checkout.

These are reactions (`pqintel.reactions`). Who came by a checkout is greeted by the letter about first steps, everybody
else by the welcome letter: it waits a few minutes, because Stripe's events come in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import QuerySet

from billing.actions.bulk import unique
from billing.begun import NEVER_BEGAN
from billing.models import HistoryEntry, Subscription
from billing.names import plan_names
from billing.reacting import News, is_late
from dunning.models import LetterKind, LetterState
from pqintel.workspaces.models import Workspace

from . import outbox
from .checks import RUNNING, SUBSCRIBED
from .outbox import LetterRequest

BEGINNINGS: Final = (
    "subscription.started",
    "subscription.activated",
    "subscription.trial_started",
)
"""Lines after which a subscription may be in use for the first time."""
ENDS: Final = ("subscription.ended",)
CHECKOUTS: Final = ("checkout.completed",)

WELCOME_AFTER: Final = timedelta(minutes=5)
"""How long the welcome letter waits for word of a checkout."""
FIRST_STEPS_AFTER: Final = timedelta(minutes=1)
"""How long the letter about first steps waits for the customer's name and address."""
FOLLOW_UP_AFTER: Final = timedelta(days=3)
TOO_OLD: Final = "Too old: it was learnt more than three days after it happened"
KNOWN_BEFORE: Final = "The customer had a subscription before"
GREETED: Final = "The letter about first steps greets already"
_IN_USE: Final = ("active", "trialing")
_GREETS: Final = (LetterState.WAITING, LetterState.SENT, LetterState.HELD)


def welcome(news: News) -> None:
    """Greet customers whose first subscription is in use, once ever. For `BEGINNINGS`."""
    ground = _ground(news)
    begun = [line for line in news.lines if ground.status(line.object_id) in _IN_USE]
    if not begun:
        return
    greeted = _with_first_steps(news, unique(line.customer for line in begun))
    known_before = _known_before(news, ground, begun)
    requests = [
        _request(
            news,
            ground,
            line,
            LetterKind.WELCOME,
            skip=_why_not(line, known_before) or (GREETED if line.customer in greeted else ""),
            not_before=news.now + WELCOME_AFTER,
        )
        for line in begun
    ]
    outbox.write(requests, news.now)
    keys = [_key(LetterKind.ONBOARDING_FOLLOWUP, line) for line in begun]
    outbox.stop_keys(news.workspace_id, news.mode, keys, SUBSCRIBED, news.now)


def first_steps(news: News) -> None:
    """Write to who completed a checkout for a subscription: first steps, and after three days whether they need help.

    Once per customer each. For `CHECKOUTS`.
    """
    bought = [line for line in news.lines if line.customer and (line.after or {}).get("mode") == "subscription"]
    if not bought:
        return
    ground = _ground(news)
    running, known_before = _running(news, bought), _known_before(news, ground, bought)
    requests = []
    for line in bought:
        skip = _why_not(line, known_before)
        at = news.now + FIRST_STEPS_AFTER
        requests.append(_request(news, ground, line, LetterKind.ONBOARDING, skip=skip, not_before=at))
        if line.customer not in running and not is_late(line):
            at = line.happened_at + FOLLOW_UP_AFTER
            requests.append(_request(news, ground, line, LetterKind.ONBOARDING_FOLLOWUP, not_before=at))
    written = outbox.write(requests, news.now)
    greeted = {row.customer for row in written if row.kind == LetterKind.ONBOARDING and row.state in _GREETS}
    keys = [_key(LetterKind.WELCOME, line) for line in bought if line.customer in greeted]
    outbox.stop_keys(news.workspace_id, news.mode, keys, GREETED, news.now)


def goodbye(news: News) -> None:
    """Say farewell when a subscription that was in use has ended, once each. For `ENDS`."""
    ground = _ground(news)
    requests = [
        _request(news, ground, line, LetterKind.GOODBYE, skip=_why_not(line))
        for line in news.lines
        if ground.status(line.object_id) == "canceled"
    ]
    outbox.write(requests, news.now)


@dataclass(frozen=True, slots=True)
class _Ground:
    """The subscriptions that lines are about, as they are now, and how things are called."""

    subscriptions: Mapping[str, Subscription]
    plans: Mapping[str, str]
    day: Callable[[datetime], str]

    def status(self, subscription: str) -> str:
        known = self.subscriptions.get(subscription)
        return known.status if known is not None else ""


def _ground(news: News) -> _Ground:
    """Four queries."""
    ids = unique(_subscription(line) for line in news.lines)
    rows = Subscription.objects.filter(workspace_id=news.workspace_id, mode=news.mode, stripe_id__in=ids)
    known = {row.stripe_id: row for row in rows}
    prices = {row.stripe_id: [item["price"] for item in row.items] for row in known.values()}
    names = plan_names(news.workspace_id, news.mode, {price for found in prices.values() for price in found})
    zone = ZoneInfo(Workspace.objects.values_list("timezone", flat=True).get(pk=news.workspace_id))

    def day(at: datetime) -> str:
        local = at.astimezone(zone)
        return f"{local:%B} {local.day}, {local.year}"

    plans = {subscription: ", ".join(names[price].name for price in found) for subscription, found in prices.items()}
    return _Ground(known, plans, day)


def _subscription(line: HistoryEntry) -> str | None:
    return line.object_id if line.kind not in CHECKOUTS else (line.after or {}).get("subscription")


def _key(kind: LetterKind, line: HistoryEntry) -> str:
    """Once per subscription for farewells, else once per customer."""
    return f"{kind}:{line.object_id if kind is LetterKind.GOODBYE else line.customer}:"


def _why_not(line: HistoryEntry, known_before: Collection[str] = ()) -> str:
    return TOO_OLD if is_late(line) else KNOWN_BEFORE if line.customer in known_before else ""


def _request(
    news: News,
    ground: _Ground,
    line: HistoryEntry,
    kind: LetterKind,
    *,
    skip: str = "",
    not_before: datetime | None = None,
) -> LetterRequest:
    facts = {"date": ground.day(line.happened_at), "plan": ground.plans.get(_subscription(line) or "", "")}
    return LetterRequest(
        news.workspace_id,
        news.mode,
        kind,
        line.customer or "",
        _key(kind, line),
        {name: value for name, value in facts.items() if value},
        not_before=not_before,
        skip=skip,
    )


def _with_first_steps(news: News, customers: Iterable[str]) -> set[str]:
    """Those of the customers whom the letter about first steps greets, or has greeted."""
    keys = [f"{LetterKind.ONBOARDING}:{customer}:" for customer in customers]
    rows = outbox.letters_of(news.workspace_id, news.mode).filter(dedupe_key__in=keys, state__in=_GREETS)
    return set(rows.values_list("customer", flat=True))


def _known_before(news: News, ground: _Ground, lines: Iterable[HistoryEntry]) -> set[str]:
    """Customers who had used another subscription before that of their line."""
    began: dict[str, datetime] = {}
    for line in lines:
        known = ground.subscriptions.get(_subscription(line) or "")
        at, customer = known.created if known else line.happened_at, line.customer or ""
        began[customer] = min(began.get(customer, at), at)
    used = _subscriptions(news, began).exclude(status__in=NEVER_BEGAN)
    return {customer for customer, created in used.values_list("customer", "created") if created < began[customer]}


def _running(news: News, lines: Iterable[HistoryEntry]) -> set[str]:
    """Customers who have a subscription that is in use."""
    rows = _subscriptions(news, unique(line.customer for line in lines)).filter(status__in=RUNNING)
    return set(rows.values_list("customer", flat=True))


def _subscriptions(news: News, customers: Iterable[str]) -> QuerySet[Subscription]:
    return Subscription.objects.filter(workspace_id=news.workspace_id, mode=news.mode, customer__in=list(customers))
