"""Judging the rules of a workspace and mode, and writing down what comes of it: findings, messages, the rules' states.

Whoever judges holds the lock of the `Watch` and writes everything in one transaction, so that two who judge at once, or
one who dies, never say anything twice. Nothing is sent here: messages are rows of the outbox.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from billing.modes import Mode
from billing.reacting import TOO_OLD
from integrations.channels import Message, Post, Severity, deliver_all
from integrations.models import Channel
from pqintel.queue import Doorbell

from . import course, machine, places, roster
from .course import Step
from .keeping import FINDINGS, Kept, keep, settings_of, state_of, without_undelivered
from .machine import Decision, Settings, State, Why
from .models import Outcome, Rule
from .rules import HAPPENINGS, THRESHOLDS
from .rules.base import Happened, Place, Words
from .rules.payment_failures import FailuresJudge

bell = Doorbell("alerts.tasks.evaluate", queue="bulk")

LOOK_AGAIN: Final = timedelta(hours=1)
"""The longest time that nobody looks, whatever is in sight."""


@dataclass
class Book:
    """What is to be written at the end."""

    place: Place
    now: datetime
    findings: list[dict[str, Any]] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    def note(self, rule: Rule, decision: Decision, words: Words, key: str, data: dict[str, Any]) -> None:
        """A finding."""
        self.findings.append(
            {
                "rule_id": rule.pk,
                "at": decision.at.isoformat(),
                "recorded_at": self.now.isoformat(),
                "outcome": str(decision.outcome),
                "reason": str(decision.reason),
                "title": words.title,
                "dedupe_key": key,
                "data": data,
                "count": decision.count,
            }
        )

    def say(self, rule: Rule, decision: Decision, words: Words, key: str, channels: Sequence[Channel]) -> None:
        """A message, under the finding's key. What is over is no warning any more."""
        severity = Severity.INFO if decision.outcome == Outcome.RECOVERED else Severity(rule.severity)
        message = Message(words.title, words.lines, words.fields, words.link, severity, also=words.also)
        self.posts.append(Post(message, channels, key))

    def write(self) -> None:
        """Four statements at most."""
        FINDINGS.write(self.place.workspace_id, self.place.mode, self.findings)
        if self.posts:
            deliver_all(self.place.workspace_id, self.place.mode, self.posts, self.now)
        keep(self.place.workspace_id, self.place.mode, self.kept)


@dataclass(frozen=True)
class Judging:
    """The rules that are judged together: their states, what they may say, and where."""

    rules: Sequence[Rule]
    channels: dict[int, list[Channel]]
    undelivered: set[int]

    @classmethod
    def of(cls, workspace_id: int, mode: Mode, rules: Sequence[Rule], now: datetime) -> Judging:
        channels = roster.chosen_channels(workspace_id, mode, rules) if rules else {}
        everywhere = {channel.pk for some in channels.values() for channel in some}
        return cls(rules, channels, without_undelivered(workspace_id, rules, everywhere, now))

    def state(self, rule: Rule) -> State:
        """What it remembers; a cooldown that nobody's message began is forgotten."""
        state = state_of(rule)
        return machine.without_cooldown(state) if rule.pk in self.undelivered else state

    def settings(self, rule: Rule, zone: ZoneInfo) -> Settings:
        return settings_of(rule, zone, channels=bool(self.channels[rule.pk]))


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What one evaluation did: how many rules it judged, what it found, how many messages it put into the outbox."""

    rules: int = 0
    findings: int = 0
    messages: int = 0
    watched: bool = True


def evaluate(
    workspace_id: int,
    mode: Mode,
    now: datetime,
    *,
    kinds: Iterable[str] | None = None,
    late_since: datetime | None = None,
) -> Evaluated:
    """Judge the rules that have thresholds, and tell what bursts have left. In scope and a transaction.

    A workspace without a working connection in that mode is left alone. Idempotent: judged again at the same instant,
    nothing more is found.

    Args:
        now: aware. What lies after it is not judged, nor what lies more than three days before.
        kinds: judge these alone, and leave it to the next beat to look at the others.
        late_since: since when failures became known that happened before the last evaluation.
    """
    watch = roster.watch_of(workspace_id, mode, now)
    found = places.find(workspace_id, mode, now)
    if not found.watched:
        watch.looked_at, watch.next_at, watch.version = now, now + LOOK_AGAIN, found.version
        watch.save(update_fields=["looked_at", "next_at", "version"])
        return Evaluated(watched=False)
    rules = roster.judged_rules(workspace_id, mode, kinds)
    judging, book = Judging.of(workspace_id, mode, rules, now), Book(found.place, now)
    ahead = [now + LOOK_AGAIN]
    for kind, some in groupby(sorted(rules, key=lambda rule: rule.kind), key=lambda rule: rule.kind):
        if kind in THRESHOLDS:
            ahead += _judge(list(some), judging, book, late_since)
        else:
            ahead += [moment for rule in some for moment in _let_pass(rule, judging, book)]
    book.write()
    if kinds is None:
        watch.looked_at, watch.next_at, watch.version = now, min(ahead), found.version
        watch.save(update_fields=["looked_at", "next_at", "version"])
    return Evaluated(sum(rule.enabled for rule in rules), len(book.findings), len(book.posts))


def _judge(rules: Sequence[Rule], judging: Judging, book: Book, late_since: datetime | None) -> Iterable[datetime]:
    """Judge the rules of one kind over what happened since they were judged. Gives when to look again."""
    kind, now = THRESHOLDS[rules[0].kind], book.now
    starts = [min(max(rule.stepped_at or now, now - TOO_OLD), now) for rule in rules]
    states = [judging.state(rule) for rule in rules]
    first = min([*starts, *filter(None, [late_since])])
    if any(state.firing and not state.told for state in states):  # what it is that holds is to be told yet
        first = min(first, now - kind.holds)
    judges = kind.judges(book.place, [rule.params for rule in rules], max(first, now - TOO_OLD), now)
    ahead: list[datetime] = []
    for rule, state, judge, start in zip(rules, states, judges, starts, strict=True):
        settings = judging.settings(rule, book.place.zone)
        steps: list[Step] = []
        if late_since is not None and isinstance(judge, FailuresJudge) and not state.firing:
            peak = judge.peak(late_since, start)
            if peak is not None and peak.met:
                state, decisions = machine.step(state, peak, settings, start)
                steps += [Step(decision, peak) for decision in decisions]
        state, found, at = course.follow(judge, state, settings, start, now)
        steps += found
        state, found = course.look(judge, state, settings, now)
        if found:  # something that lies before the last instant became known late
            steps, at = [*steps, *found], now
        key = _write_steps(rule, steps, judging, book)
        book.kept.append(Kept.after(rule, state, at, key))
        wakes = (judge.wakes(now), machine.wakes(state, settings, now))
        ahead += [moment for moment in wakes if moment is not None]
    return ahead


def _write_steps(rule: Rule, steps: Sequence[Step], judging: Judging, book: Book) -> str:
    """Findings and messages of a threshold's steps. Returns the key of the last message that began a cooldown."""
    kind, cooling = THRESHOLDS[rule.kind], ""
    if not rule.enabled:
        steps = [Step(one, step.reading) for step in steps for one in _unsaid([step.decision])]
    for number, step in enumerate(steps):
        decision, reading = step.decision, step.reading
        words = kind.words(book.place, rule.params, reading, decision)
        same = sum(s.decision.at == decision.at and s.decision.outcome == decision.outcome for s in steps[:number])
        key = key_of(book.place.mode, rule, f"{decision.outcome}:{int(decision.at.timestamp())}", same)
        data = {**reading.facts, "threshold": f"{reading.threshold:f}"}
        if reading.value is not None:
            data["value"] = f"{reading.value:.18f}".rstrip("0").rstrip(".")
        book.note(rule, decision, words, key, data)
        if decision.said:
            book.say(rule, decision, words, key, judging.channels[rule.pk])
            cooling = key if decision.outcome == Outcome.FIRED else cooling
    return cooling


def _let_pass(rule: Rule, judging: Judging, book: Book) -> Iterable[datetime]:
    """Tell what a burst has left, once its minute is over."""
    state, settings = judging.state(rule), judging.settings(rule, book.place.zone)
    state, decisions = machine.lapse(state, settings, book.now)
    key = write_decisions(rule, decisions, {}, judging, book)
    book.kept.append(Kept.after(rule, state, rule.stepped_at, key))
    wake = machine.wakes(state, settings, book.now)
    return [] if wake is None else [wake]


def write_decisions(
    rule: Rule, decisions: Sequence[Decision], happened: dict[str, Happened], judging: Judging, book: Book
) -> str:
    """Findings and messages of what happened; what was withheld in a row for one reason is one finding.

    Returns the key of the last message that began a cooldown.
    """
    kind, cooling = HAPPENINGS[rule.kind], ""
    for decision in _gathered(decisions if rule.enabled else _unsaid(decisions)):
        if decision.group:
            words = kind.words_of_many(book.place, rule.params, decision)
            key = key_of(book.place.mode, rule, f"group:{int(decision.at.timestamp())}")
        else:
            words = kind.words(book.place, rule.params, happened[decision.key])
            key = key_of(book.place.mode, rule, decision.key)
        book.note(rule, decision, words, key, _data(decision, happened))
        if decision.said:
            book.say(rule, decision, words, key, judging.channels[rule.pk])
            cooling = key
    return cooling


def _unsaid(decisions: Iterable[Decision]) -> list[Decision]:
    """What a rule that is off would have fired, as what it is: skipped. The rest of its course is nobody's affair."""
    fired = (one for one in decisions if one.said and one.outcome == Outcome.FIRED)
    return [replace(one, outcome=Outcome.SKIPPED, reason=Why.OFF, said=False) for one in fired]


def _gathered(decisions: Sequence[Decision]) -> Iterable[Decision]:
    """What is said as it is; what is withheld in a row for one reason as one decision that counts it."""
    for (said, *_), run in groupby(decisions, key=lambda one: (one.said, one.group, one.outcome, one.reason)):
        some = list(run)
        if said or len(some) == 1:
            yield from some
        else:
            yield replace(some[0], count=sum(one.count for one in some))


def _data(decision: Decision, happened: dict[str, Happened]) -> dict[str, Any]:
    if decision.group:
        return {"sums": dict(decision.sums)}
    line = happened[decision.key].line
    return {"event": line.event_id, "customer": line.customer or "", "object": line.object_id}


def key_of(mode: Mode, rule: Rule, what: str, again: int = 0) -> str:
    """What names a finding and its deliveries for good."""
    return f"alert:{mode}:{rule.number}:{what}" + (f":{again}" if again else "")
