"""Letters about cases: one for all of a customer's invoices that are due together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from string import Template
from typing import Final

from billing.declines import for_customer
from billing.modes import Mode

from . import letters
from .known import Known
from .letters import LetterKind, LetterRequest
from .models import Case
from .schedule import StepKind, on_day
from .wording import MOST_LISTED, Words, amounts, listed

KINDS: Final[Mapping[str, LetterKind]] = {
    StepKind.AT_ONCE: LetterKind.PAYMENT_FAILED,
    StepKind.FIRST: LetterKind.REMINDER_1,
    StepKind.SECOND: LetterKind.REMINDER_2,
    StepKind.FINAL: LetterKind.FINAL_WARNING,
    StepKind.DOWNGRADE: LetterKind.ACCESS_REDUCED,
}
"""Which letter goes out for a step."""
AGAIN: Final = "again:"
"""Before the number of the attempts after which a case was reopened, among what it has done; one for each time."""
PINNED: Final = (*KINDS.values(), LetterKind.RECOVERED)
"""The letters whose texts a case keeps as they were when it began."""
NAMES: Final[Mapping[LetterKind, str]] = {
    LetterKind.PAYMENT_FAILED: "Letter: the payment failed",
    LetterKind.REMINDER_1: "First reminder",
    LetterKind.REMINDER_2: "Second reminder",
    LetterKind.FINAL_WARNING: "Final warning",
    LetterKind.ACCESS_REDUCED: "Letter: access is reduced",
    LetterKind.RECOVERED: "Letter: the payment was received",
}


@dataclass(frozen=True, slots=True)
class Mailing:
    """One letter to a customer: `cases` are those it speaks of, the one that leads first. `step` tells it from the
    others of that case. `not_before` is aware, None: at once."""

    kind: LetterKind
    cases: tuple[Case, ...]
    step: str
    not_before: datetime | None = None

    @property
    def key(self) -> str:
        return key_of(self.cases[0], self.step)


def key_of(case: Case, step: str) -> str:
    """The dedupe key of a case's message: made of the invoice, never of a row's id. A case that was reopened has keys
    of its own for what is decided since."""
    return _keys(case, step)[-1]


def begin_again(workspace_id: int, mode: Mode, cases: Sequence[Case]) -> None:
    """Let reopened cases take their steps anew, but those whose letters have gone out. One query, in scope."""
    keys = {(case.invoice, step): _keys(case, step) for case in cases for step in case.done}
    gone_out = letters.sent_keys(workspace_id, mode, [key for some in keys.values() for key in some])
    for case in cases:
        kept = [
            step
            for step in case.done
            if step != StepKind.DOWNGRADE and not gone_out.isdisjoint(keys[case.invoice, step])
        ]
        case.done = [*_marks(case), f"{AGAIN}{case.attempts}", *kept]


def _keys(case: Case, step: str) -> list[str]:
    """The key that a step had when the case was opened, and each time that it was reopened."""
    keys = [f"dunning:{case.invoice}:{step}"]
    for mark in _marks(case):
        keys.append(f"{keys[-1]}:{mark}")
    return keys


def _marks(case: Case) -> list[str]:
    return [mark for mark in case.done if mark.startswith(AGAIN)]


def texts_of(workspace_id: int, mode: Mode) -> dict[str, letters.Text]:
    """The texts that hold now, for a case to keep. One query, in scope."""
    known = letters.known_texts(workspace_id, mode, PINNED)
    return {str(kind): {**found.text} for kind, found in known.items()}


def mail(
    workspace_id: int, mode: Mode, mailings: Sequence[Mailing], known: Mapping[str, Known], words: Words, now: datetime
) -> None:
    """Put letters into the outbox, in the caller's transaction; idempotent by their keys."""
    requests = [
        LetterRequest(
            workspace_id=workspace_id,
            mode=mode,
            kind=mailing.kind,
            customer=mailing.cases[0].customer,
            dedupe_key=mailing.key,
            facts=facts_of(mailing, known, words, now),
            text=_pinned(mailing),
            payment_url=_newest_page(mailing.cases, known),
            pages=_pages(mailing.cases, known),
            not_before=mailing.not_before,
            invoices=tuple(case.invoice for case in mailing.cases),
        )
        for mailing in mailings
    ]
    if requests:
        letters.write(requests, now)


def stop(workspace_id: int, mode: Mode, cases: Sequence[Case], reason: str, now: datetime) -> None:
    """Let nothing that still waits ask for the invoices of these cases any more, in the caller's transaction."""
    customers, invoices = {case.customer for case in cases}, {case.invoice for case in cases}
    letters.withdraw(workspace_id, mode, customers, invoices, reason, now)


def facts_of(mailing: Mailing, known: Mapping[str, Known], words: Words, now: datetime) -> dict[str, str]:
    """The values of a letter's placeholders; what is not known is left out."""
    lead = mailing.cases[0]
    about = [known[case.invoice] for case in mailing.cases if case.invoice in known]
    found = {
        "amount": amounts(case.money for case in mailing.cases)
        if mailing.kind is LetterKind.RECOVERED
        else amounts(one.debt.open for one in about),
        "plan": listed((plan for case in mailing.cases if (plan := words.plan(case))), MOST_LISTED),
        "invoice_number": listed((case.label for case in mailing.cases), MOST_LISTED),
        "date": words.day(now if mailing.kind in (LetterKind.RECOVERED, LetterKind.ACCESS_REDUCED) else lead.opened_at),
    }
    if lead.invoice in known and (last := known[lead.invoice].last) is not None:
        found["reason"] = for_customer(last.code, last.decline_code, last.decline)
    if (following := lead.next_attempt_at) is not None and following > now:
        found["next_attempt"] = words.day(following)
    falls = [day for case in _warned(mailing) if (day := downgrade_day(case)) is not None and day > now]
    if falls:
        found["downgrade_date"] = words.day(min(falls))
    return {name: value for name, value in found.items() if value}


def warns_too(lead: Case, case: Case) -> bool:
    """Whether the letter that access is reduced because of `lead` can stand for the final warning about `case`: it says
    when access is reduced further, or there is nothing further to reduce."""
    pinned = lead.texts.get(str(LetterKind.ACCESS_REDUCED))
    says_when = pinned is not None and "downgrade_date" in Template(pinned["body"]).get_identifiers()
    return says_when or case.subscription == lead.subscription


def _warned(mailing: Mailing) -> Sequence[Case]:
    """The cases whose access a letter says is going to be reduced. That of the one that leads; where it is already,
    those that were due their final warning."""
    if mailing.kind is not LetterKind.ACCESS_REDUCED:
        return mailing.cases[:1]
    reduced = {case.subscription for case in mailing.cases if case.downgraded_at}
    return [c for c in mailing.cases if c.last_letter == StepKind.FINAL and c.subscription not in reduced]


def downgrade_day(case: Case) -> datetime | None:
    """When grace ends and access may fall; None where it never does."""
    plan = case.terms
    if plan.falls_to == "keep" or case.subscription is None:
        return None
    return on_day(case.opened_at, plan.grace_days, plan.tz)


def _pinned(mailing: Mailing) -> letters.Text | None:
    kept = mailing.cases[0].texts.get(str(mailing.kind))
    return None if kept is None else {"subject": kept["subject"], "body": kept["body"]}


def _pages(cases: Iterable[Case], known: Mapping[str, Known]) -> tuple[tuple[str, str], ...]:
    """Where each of the invoices is paid, and what it is for, the oldest first."""
    rows = sorted((case for case in cases if case.invoice in known), key=lambda case: (case.opened_at, case.invoice))
    found = letters.pages_of([known[case.invoice].debt for case in rows], {c.invoice: c.number for c in rows})
    return tuple((what, url) for what, url in found)


def _newest_page(cases: Iterable[Case], known: Mapping[str, Known]) -> str | None:
    """Stripe's page of the newest of the invoices that has one."""
    for case in sorted(cases, key=lambda case: case.opened_at, reverse=True):
        if case.invoice in known and (url := known[case.invoice].debt.payment_url):
            return url
    return None
