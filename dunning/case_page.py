"""What the page of one case shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Sum

from billing.actions.access.holding import held_for
from billing.modes import Mode
from billing.money import Money
from billing.owed import DebtState
from billing.statuses import Status
from integrations.models import Delivery, DeliveryState
from pqintel.workspaces.models import Workspace

from . import schedule
from .cases import timeline
from .known import Known, look
from .listing import STATES, STEPS
from .models import Case, CaseEntry, CaseState, EntryKind, Letter, LetterState
from .schedule import Step, StepKind
from .telling import reason_in_words
from .terms import policy_of
from .wording import MOST_LISTED, and_more, words_for

MOST_LINES: Final = 200
"""So many lines of a timeline are shown: who tries out cards on the invoice's page makes one each time."""
_LETTERS: Final = {
    LetterState.WAITING: Status("Waiting", "accent"),
    LetterState.SENT: Status("Sent", "good"),
    LetterState.FAILED: Status("Failed", "bad"),
    LetterState.HELD: Status("Held", "warn"),
    LetterState.SKIPPED: Status("Not sent"),
}
_GIVES_NOTHING: Final = (DebtState.LOST, DebtState.CANCELLED, DebtState.CUSTOMER_DELETED)
_DELIVERIES: Final = {
    DeliveryState.WAITING: Status("Waiting", "accent"),
    DeliveryState.SENT: Status("Sent", "good"),
    DeliveryState.FAILED: Status("Failed", "bad"),
    DeliveryState.HELD: Status("Held", "warn"),
    DeliveryState.SKIPPED: Status("Not sent"),
}


@dataclass(frozen=True)
class Fate:
    """What became of one message: `to` whom, and why if it did not arrive. `letter` is its id, where it is one."""

    status: Status
    to: str
    reason: str
    letter: int | None = None


@dataclass(frozen=True)
class Line:
    """A line of the timeline, with what became of its messages."""

    entry: CaseEntry
    fates: tuple[Fate, ...]


@dataclass(frozen=True)
class Coming:
    """A step that is planned, as things stand now."""

    words: str
    at: datetime


@dataclass(frozen=True)
class CasePage:
    """One case. `owed` is what of the invoice is open now; `enabled` whether dunning is on; `held` whether access is
    held back although the case is closed. `others` are the customer's other running cases, twenty at most: their
    letters go together; `more` says what the rest is, "" where that is all. `cut`: the timeline is longer than `lines`.
    """

    case: Case
    status: Status
    customer_label: str
    plan: str
    owed: Money | None
    reason: str
    enabled: bool
    held: bool
    lines: Sequence[Line]
    coming: Sequence[Coming]
    others: Sequence[Case]
    payment_url: str | None
    more: str = ""
    cut: bool = False

    @property
    def may_send(self) -> bool:
        return self.case.runs and self.case.paused_at is None


def case_page(workspace: Workspace, mode: Mode, case: Case, now: datetime) -> CasePage:
    """What there is to say of a case. About fifteen queries, in scope."""
    known = look(workspace.pk, mode, [case.invoice]).get(case.invoice)
    others, more = _others(case)
    entries = timeline(case, MOST_LINES + 1)
    words = words_for(workspace.pk, mode, [case])
    return CasePage(
        case=case,
        status=STATES[CaseState(case.state)],
        customer_label=words.customer(case),
        plan=words.plan(case),
        owed=known.debt.open if known is not None and known.debt.owed else None,
        reason=reason_in_words(case, known),
        enabled=policy_of(workspace.pk, mode).enabled,
        held=_still_held(case, known),
        lines=_lines(workspace, mode, entries[:MOST_LINES]),
        cut=len(entries) > MOST_LINES,
        coming=_coming(case, known),
        others=others,
        more=more,
        payment_url=known.debt.payment_url if known is not None else None,
    )


def _others(case: Case) -> tuple[list[Case], str]:
    """The customer's other running cases, the oldest twenty, and what the rest is. Two queries at most."""
    rows = Case.objects.filter(workspace_id=case.workspace_id, mode=case.mode, customer=case.customer, closed_at=None)
    rows = rows.exclude(pk=case.pk)
    shown = list(rows.order_by("opened_at", "pk").defer("plan", "texts")[:MOST_LISTED])
    if len(shown) < MOST_LISTED:
        return shown, ""
    rest = rows.exclude(pk__in=[other.pk for other in shown]).order_by("currency")
    sums = list(rest.values_list("currency").annotate(Count("pk"), Sum("amount")))
    more = sum(count for _, count, _ in sums)
    return shown, and_more(more, (Money(int(minor), currency) for currency, _, minor in sums)) if more else ""


def _still_held(case: Case, known: Known | None) -> bool:
    """Whether a closed case holds access back that its subscription would give. One query where that can be."""
    if case.runs or case.downgraded_at is None or (known is not None and known.debt.state in _GIVES_NOTHING):
        return False
    return bool(held_for(case.workspace_id, Mode(case.mode), [case.invoice]))


def _coming(case: Case, known: Known | None) -> list[Coming]:
    if known is None or not case.runs or not known.attempts:
        return []
    steps: Iterable[Step] = schedule.steps(case.terms, known.course(case.settles_at))
    shown = [step for step in steps if step.key not in case.done and step.kind is not StepKind.LOOK]
    return [Coming(STEPS[step.kind], step.at) for step in shown]


def _lines(workspace: Workspace, mode: Mode, entries: Sequence[CaseEntry]) -> list[Line]:
    """The timeline with its messages' fates. Two queries."""
    keys = {entry.key for entry in entries if entry.key}
    letters = Letter.objects.filter(workspace=workspace, mode=mode, dedupe_key__in=keys)
    fates: dict[tuple[str, bool], list[Fate]] = {}
    for letter in letters.only("dedupe_key", "state", "reason", "to"):
        to = f"the owners instead of {letter.to}" if mode == Mode.TEST and letter.to else letter.to
        fate = Fate(_LETTERS[LetterState(letter.state)], to, letter.reason, letter.pk)
        fates.setdefault((letter.dedupe_key, True), []).append(fate)
    rows = Delivery.objects.filter(workspace=workspace, mode=mode, dedupe_key__in=keys).select_related("channel")
    for row in rows.defer("message", "channel__secret").order_by("pk"):
        fate = Fate(_DELIVERIES[DeliveryState(row.state)], row.channel.name, row.reason)
        fates.setdefault((row.dedupe_key, False), []).append(fate)
    return [
        Line(entry, tuple(fates.get((entry.key, entry.kind == EntryKind.LETTER), ())) if entry.key else ())
        for entry in entries
    ]
