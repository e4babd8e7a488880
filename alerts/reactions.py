"""What alerts do about new lines of history: tell what rules are about, and judge failures while they come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from billing.failures import INVOICE_FAILED, PAYMENT_FAILED
from billing.lanes import lane_of
from billing.reacting import News

from . import course, deciding, machine, places, roster
from .deciding import Book, Judging
from .keeping import Kept
from .machine import Decision, Occurrence
from .models import Finding, Outcome, Rule, RuleKind, Watch
from .rules import HAPPENINGS
from .rules.base import Happened, Heard
from .rules.payment_failed import first_told

DELAY: Final = timedelta(minutes=5)
"""What is learnt within this time counts by when it happened, later things by when they are learnt: a backlog that
comes at once is a burst, however long ago its parts happened."""
TOO_OLD: Final = "Too old: it was learnt more than three days after it happened."
_MOVES: Final = (
    "started", "changed", "ended", "activated", "trial_converted", "past_due", "unpaid", "recovered", "paused",
    "resumed", "cancel_scheduled", "cancel_withdrawn", "collection_paused", "collection_resumed",
)  # fmt: skip
"""What happens to subscriptions that MRR may follow."""
LINES: Final = tuple(sorted({line for kind in HAPPENINGS.values() for line in kind.lines}))
"""The kinds of history that some rule may be about."""
FAILURE_LINES: Final = (INVOICE_FAILED, PAYMENT_FAILED)
NUMBER_LINES: Final = tuple(f"subscription.{what}" for what in _MOVES)
NOT_SO_SOON: Final = timedelta(seconds=10)


def tell(news: News) -> None:
    """Let the rules that tell of things hear of new lines. A fixed number of statements, however many there are."""
    watch = roster.watch_of(news.workspace_id, news.mode, news.now)
    came = {line.kind for line in news.lines}
    rules = [
        rule
        for rule in roster.judged_rules(news.workspace_id, news.mode, HAPPENINGS)
        if not came.isdisjoint(HAPPENINGS[rule.kind].listens_to(rule.params))
    ]
    if not rules:
        return
    place = places.find(news.workspace_id, news.mode, news.now).place
    fresh, late = Heard(place, news.fresh), Heard(place, news.late)
    judging, book = Judging.of(news.workspace_id, news.mode, rules, news.now), Book(place, news.now)
    told = {rule.pk: HAPPENINGS[rule.kind].happened(fresh, rule.params) for rule in rules} if fresh.lines else {}
    known = _known(news, rules, told)
    wakes: list[datetime] = []
    for rule in rules:
        new: dict[str, Happened] = {}
        for one in told.get(rule.pk, ()):
            if deciding.key_of(news.mode, rule, one.occurrence.key) not in known:
                new.setdefault(one.occurrence.key, one)
        wakes += _hear(rule, new, judging, book)
        if rule.enabled and late.lines and (old := HAPPENINGS[rule.kind].happened(late, rule.params)):
            _note_late(rule, old, judging, book)
    book.write()
    if wakes and (watch.next_at is None or min(wakes) < watch.next_at):
        watch.next_at = min(wakes)
        watch.save(update_fields=["next_at"])


def judge_failures(news: News) -> None:
    """Judge the rules that count failures, back to the earliest that has become known."""
    told = first_told(news.workspace_id, news.mode, news.fresh)
    if told:
        since = min(failure.happened_at for _, failure in told)
        kinds = (RuleKind.PAYMENT_FAILURES,)
        deciding.evaluate(news.workspace_id, news.mode, news.now, kinds=kinds, late_since=since)


def judge_numbers(news: News) -> None:
    """Have the rules judged whose numbers these lines may have moved, unless that was done seconds ago.

    What comes in between is found by the next beat, so that a flood of events does not become a flood of judging.
    """
    watches = Watch.objects.filter(workspace_id=news.workspace_id, mode=news.mode)
    if not watches.filter(looked_at__gt=news.now - NOT_SO_SOON).exists():
        lane = lane_of(news.workspace_id, news.mode)
        transaction.on_commit(lambda: deciding.bell.ring(lane))


def _hear(rule: Rule, happened: dict[str, Happened], judging: Judging, book: Book) -> list[datetime]:
    """Tell one rule of what happened, by what names it. Gives when time alone will change something."""
    state, settings = judging.state(rule), judging.settings(rule, book.place.zone)
    occurrences = _in_order(happened.values(), rule.stepped_at, book.now)
    state, decisions = course.follow_occurrences(occurrences, state, settings, book.now)
    key = deciding.write_decisions(rule, decisions, happened, judging, book)
    at = occurrences[-1].at if occurrences else rule.stepped_at
    book.kept.append(Kept.after(rule, state, at, key))
    wake = machine.wakes(state, settings, book.now)
    return [] if wake is None else [wake]


def _in_order(new: Iterable[Happened], after: datetime | None, now: datetime) -> list[Occurrence]:
    """The occurrences at the instants at which the rule hears of them: these never go back."""
    heard, at = [], after
    for one in sorted((happened.occurrence for happened in new), key=lambda occurrence: occurrence.at):
        moment = one.at if now - DELAY <= one.at <= now else now
        at = moment if at is None else max(at, moment)
        heard.append(Occurrence(at, one.key, one.amount, one.currency))
    return heard


def _known(news: News, rules: Sequence[Rule], told: dict[int, Sequence[Happened]]) -> set[str]:
    """What was found before: a step of history that is taken back and comes again is told once."""
    place = {"workspace_id": news.workspace_id, "mode": news.mode}
    keys = [deciding.key_of(news.mode, rule, one.occurrence.key) for rule in rules for one in told.get(rule.pk, ())]
    rows = Finding.objects.filter(**place, dedupe_key__in=keys) if keys else Finding.objects.none()
    return set(rows.values_list("dedupe_key", flat=True))


def _note_late(rule: Rule, old: Sequence[Happened], judging: Judging, book: Book) -> None:
    happened = {one.occurrence.key: one for one in old}
    decisions = [
        Decision(Outcome.SKIPPED, one.occurrence.at, TOO_OLD, key=one.occurrence.key) for one in happened.values()
    ]
    deciding.write_decisions(rule, decisions, happened, judging, book)
