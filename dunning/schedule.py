"""When each step of a case is due. Pure: a function of its terms and of what is known of its attempts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from billing.declines import Decline
from billing.quiet import quiet_hours

from .plan import FallsTo, Plan

SETTLES: Final = timedelta(minutes=5)
"""How long after an attempt became known the first thing is done about it: Stripe tells of it in several events."""
WATCH_AFTER: Final = timedelta(minutes=15)
"""How long after an announced attempt Stripe is asked what came of it, if no event has told."""
LOOK_AFTER: Final = timedelta(minutes=20)
"""How long after it the answer is looked at."""
TOO_LATE: Final = timedelta(days=3)
"""A message that is overdue for longer (learnt late, nobody worked, the case was paused) is skipped."""
AROUND_ATTEMPT: Final = timedelta(hours=2)
"""A reminder that would be due so shortly before an announced attempt waits for what comes of it."""
NOT_TWICE_WITHIN: Final = timedelta(hours=20)
"""After one letter, a reminder waits for no such time: it is skipped. Final warnings and confirmations are not."""


class StepKind(StrEnum):
    """What there is to do. The letters come first, by how much they matter."""

    FIRST = "first"
    SECOND = "second"
    AT_ONCE = "at_once"
    FINAL = "final"
    ESCALATE = "escalate"
    DOWNGRADE = "downgrade"
    WATCH = "watch"
    LOOK = "look"


LETTERS: Final = (StepKind.FIRST, StepKind.SECOND, StepKind.AT_ONCE, StepKind.FINAL)
"""The steps that are letters, the weakest first."""
CONFIRM, OTHER_CARD = "confirm", "other_card"
_AT_ONCE: Final = {Decline.AUTHENTICATION: CONFIRM, Decline.HARD: OTHER_CARD, Decline.CARD: OTHER_CARD}


class Step(NamedTuple):
    """A step, due at an aware instant. `key` tells it from every other step of its case. `planned` is when it would
    have been due without quiet hours, and had everything been learnt at once."""

    at: datetime
    kind: StepKind
    key: str
    planned: datetime

    @property
    def is_letter(self) -> bool:
        return self.kind in LETTERS

    @property
    def confirms(self) -> bool:
        """Whether it is the letter that asks for a confirmation (3-D Secure)."""
        return self.key == f"{StepKind.AT_ONCE}:{CONFIRM}"


class Attempt(NamedTuple):
    """A failed attempt; `decline` is a `billing.declines.Decline` value or None."""

    at: datetime
    decline: str | None


@dataclass(frozen=True, slots=True)
class Course:
    """What is known of an invoice's collection. Aware instants; `attempts` in order of time, at least one.

    `count` is how many attempts there were, also such as are known by number alone. `next_attempt` None: Stripe
    announces no further one. `amount` is owed, in minor units.
    """

    attempts: tuple[Attempt, ...]
    count: int
    next_attempt: datetime | None
    amount: int
    currency: str
    has_subscription: bool
    settles_at: datetime

    @property
    def opened_at(self) -> datetime:
        return self.attempts[0].at


def steps(plan: Plan, course: Course) -> list[Step]:
    """Every step of a case as it looks now, done or not, in the order in which they are due."""
    found = [*_letters(plan, course), *_escalation(plan, course), *_watch(plan, course)]
    end = _downgrade(plan, course)
    if end is not None:
        found = [step for step in found if not (step.is_letter and step.at > end.at)]
        found.append(end)
    return sorted(found, key=lambda step: (step.at, step.key))


def due(found: Iterable[Step], done: Collection[str], now: datetime) -> list[Step]:
    """The steps that are due and not done."""
    return [step for step in found if step.at <= now and step.key not in done]


def upcoming(found: Iterable[Step], done: Collection[str]) -> Step | None:
    """The first step that is not done."""
    return next((step for step in found if step.key not in done), None)


def skipped(letters: Sequence[Step], last_letter_at: datetime | None, now: datetime) -> dict[str, str]:
    """Of the letters of one case that are due, those that are not to go out after all: key → why, in words."""
    found: dict[str, str] = {}
    in_time = [step for step in letters if not is_too_late(step, now)]
    strongest = max(in_time, key=_strength, default=None)
    for step in letters:
        if step not in in_time:
            found[step.key] = "too old"
        elif step != strongest:
            found[step.key] = "a later letter was due as well"
        elif _can_wait(step) and last_letter_at is not None and now - last_letter_at < NOT_TWICE_WITHIN:
            found[step.key] = "a letter went out less than a day before"
    return found


def is_too_late(step: Step, now: datetime) -> bool:
    """Whether nobody is to be disturbed with it any more."""
    return now - step.planned > TOO_LATE


def on_day(opened_at: datetime, days: int, zone: ZoneInfo) -> datetime:
    """So many days later at the same time of day in a time zone. Where clocks skip that time, as much later."""
    local = opened_at.astimezone(zone)
    return (local.replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=zone).astimezone(UTC)


def allowed(at: datetime, plan: Plan) -> datetime:
    """The first instant from `at` on that lies in no quiet hours, by the clocks on the wall."""
    quiet = quiet_hours(plan.quiet_from, plan.quiet_until, plan.tz)
    return at if quiet is None else quiet.over(at)


def awaits_attempt(at: datetime, course: Course) -> bool:
    """Whether an attempt is announced about that instant whose outcome is not known yet: nobody is to be reminded of
    what is being paid. An attempt that is told of already is waited for no more."""
    attempt = course.next_attempt
    if attempt is None or course.attempts[-1].at >= attempt:
        return False
    return attempt - AROUND_ATTEMPT <= at < attempt + LOOK_AFTER


def is_quiet(at: datetime, plan: Plan) -> bool:
    """Whether an instant lies in the quiet hours."""
    quiet = quiet_hours(plan.quiet_from, plan.quiet_until, plan.tz)
    return quiet is not None and quiet.hold(at)


def _letters(plan: Plan, course: Course) -> list[Step]:
    found: dict[str, Step] = {}
    for attempt in course.attempts if plan.at_once else ():
        if attempt.decline is not None and (what := _AT_ONCE.get(Decline(attempt.decline))):
            planned = attempt.at + SETTLES
            at = allowed(max(planned, course.settles_at), plan)
            key = f"{StepKind.AT_ONCE}:{what}"
            found.setdefault(key, Step(at, StepKind.AT_ONCE, key, planned))
    reminders = (
        (StepKind.FIRST, plan.first_days),
        (StepKind.SECOND, plan.second_days),
        (StepKind.FINAL, plan.final_days),
    )
    written = min((step.at for step in found.values()), default=None)
    for kind, days in reminders:
        if days is None:
            continue
        planned = on_day(course.opened_at, days, plan.tz)
        at = allowed(max(planned, course.settles_at), plan)
        at = allowed(_after_attempt(at, course), plan)
        # Who was written to at once is not reminded for the first time any more.
        if kind is StepKind.FIRST and written is not None and written <= at:
            continue
        found[kind] = Step(at, kind, str(kind), planned)
    return list(found.values())


def _after_attempt(at: datetime, course: Course) -> datetime:
    """That instant, or where an attempt is announced about then, when its outcome is known."""
    return course.next_attempt + LOOK_AFTER if course.next_attempt and awaits_attempt(at, course) else at


def _escalation(plan: Plan, course: Course) -> list[Step]:
    reached: list[datetime] = []
    number = plan.escalate_attempts
    if number is not None and course.count >= number:
        known = course.attempts[number - 1 : number] or course.attempts[-1:]
        reached.append(known[0].at + SETTLES)
    most = plan.escalate_amounts.get(course.currency)
    if most is not None and course.amount > most:
        reached.append(course.opened_at + SETTLES)
    if not reached:
        return []
    planned = min(reached)
    return [Step(max(planned, course.settles_at), StepKind.ESCALATE, str(StepKind.ESCALATE), planned)]


def _downgrade(plan: Plan, course: Course) -> Step | None:
    """It waits for the end of grace, and for that the attempts have come to their end."""
    if plan.falls_to is FallsTo.KEEP or not course.has_subscription:
        return None
    enough = plan.downgrade_attempts is not None and course.count >= plan.downgrade_attempts
    if not enough and course.next_attempt is not None:
        return None
    grace_ends = on_day(course.opened_at, plan.grace_days, plan.tz)
    at = max(grace_ends, course.attempts[-1].at + SETTLES, course.settles_at)
    return Step(at, StepKind.DOWNGRADE, str(StepKind.DOWNGRADE), at)


def _watch(plan: Plan, course: Course) -> list[Step]:
    if not plan.retry_watch or course.next_attempt is None:
        return []
    which = int(course.next_attempt.timestamp())
    asked, answered = course.next_attempt + WATCH_AFTER, course.next_attempt + LOOK_AFTER
    return [
        Step(asked, StepKind.WATCH, f"{StepKind.WATCH}:{which}", asked),
        Step(answered, StepKind.LOOK, f"{StepKind.LOOK}:{which}", answered),
    ]


def _strength(step: Step) -> tuple[int, datetime]:
    return LETTERS.index(step.kind), step.at


def _can_wait(step: Step) -> bool:
    return step.kind is not StepKind.FINAL and not step.confirms
