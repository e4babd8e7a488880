"""Deciding what is done about some customers' cases, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from billing.actions import Outcome
from billing.actions.access.holding import Unpaid, hold_back
from billing.modes import Mode
from integrations.models import Connection
from integrations.stripe import reads

from . import closing, mailing, schedule, telling
from .cases import Desk, Move
from .known import Known, look
from .letters import LetterKind
from .mailing import KINDS, NAMES, Mailing
from .models import Case, CaseState, EntryKind, Policy
from .plan import FallsTo
from .schedule import LETTERS, Step, StepKind
from .terms import excluded, policy_of
from .wording import Words, words_for

JOINING: Final = timedelta(days=1)
"""A letter speaks of the customer's other invoices too, where one about them would follow within this time."""


class Due(NamedTuple):
    """A case, a step of it that is due, and all of its steps."""

    case: Case
    step: Step
    steps: Sequence[Step]


class Chunk:
    """The running cases of some customers, and what is done about them at `now`.

    `want_lane` are customers whose access is to fall, after `take` without the lane.
    """

    def __init__(self, workspace_id: int, mode: Mode, now: datetime, *, lane_held: bool) -> None:
        self.workspace_id, self.mode, self.now, self.lane_held = workspace_id, mode, now, lane_held
        self.desk = Desk(workspace_id, mode, now)
        self.want_lane: set[str] = set()
        self._known: Mapping[str, Known] = {}
        self._told_of_too: dict[str, list[Case]] = defaultdict(list)
        self._steps: dict[str, list[Step]] = {}

    def take(self, customers: Iterable[str]) -> None:
        """Take what is due. A fixed number of statements, however many customers, besides two for each message to the
        team (five at most). Must run in a transaction in scope; with the lane held where access is to fall."""
        running = self._running(self.desk.load(customer__in=list(customers), closed_at=None))
        due = [Due(case, step, steps) for case, steps in running for step in self._due(case, steps)]
        if due:
            policy = policy_of(self.workspace_id, self.mode)
            words = words_for(self.workspace_id, self.mode, [case for case, _ in running])
            falling = [one for one in due if one.step.kind is StepKind.DOWNGRADE]
            fall = {one.case.customer for one in falling}
            # Whose access is to fall gets one letter about everything: without the lane, all of it waits.
            letters = [one for one in due if one.step.is_letter and (self.lane_held or one.case.customer not in fall)]
            self._write(letters, falling, running, words)
            told = [one for one in due if one.step.kind is StepKind.ESCALATE]
            for one in told:
                self.desk.finish(one.case, one.step)
            self._escalate([one.case for one in told if not self._too_late(one)], policy, words)
            self._watch([one for one in due if one.step.kind in (StepKind.WATCH, StepKind.LOOK)])
            if self.lane_held:
                self._downgrade(falling, policy, words)
            else:
                self.want_lane = {one.case.customer for one in falling}
        for case, steps in running:
            self.desk.plan_next(case, steps)
        self.desk.save()

    def send_now(self, case: Case, by: str) -> Step | None:
        """Write a case's next letter now, whatever the hour; the step, or None where none is to follow. `by` asked for
        it. What has ended meanwhile ends here, and nothing is written about it."""
        running = self._running(self.desk.load(customer=case.customer, closed_at=None))
        mine = next(((c, steps) for c, steps in running if c.pk == case.pk), None)
        following = [step for step in mine[1] if step.is_letter and step.key not in mine[0].done] if mine else []
        if mine is None or not following:
            self.desk.save()
            return None
        case, steps = mine
        words = words_for(self.workspace_id, self.mode, [case])
        self._send([Due(case, following[0], steps)], running=[mine], words=words, by=by)
        self.desk.plan_next(case, steps)
        self.desk.save()
        return following[0]

    def _running(self, cases: Sequence[Case]) -> list[tuple[Case, list[Step]]]:
        """The cases that go on, with their steps; those whose invoice is not owed any more end here."""
        self._known = look(self.workspace_id, self.mode, (case.invoice for case in cases))
        left_alone = excluded(self.workspace_id, self.mode, (case.customer for case in cases))
        found, endings = [], []
        for case in cases:
            known = self._known.get(case.invoice)
            if known is None:
                continue
            if (ending := closing.ending_of(case, known, left_alone)) is not None:
                endings.append(ending)
            else:
                found.append((case, self.desk.learn(case, known)))
        if endings:
            policy = policy_of(self.workspace_id, self.mode)
            closing.close(self.desk, endings, self._known, policy, lane_held=self.lane_held)
        return found

    def _due(self, case: Case, steps: Sequence[Step]) -> list[Step]:
        return [] if case.paused_at is not None else schedule.due(steps, case.done, self.now)

    def _too_late(self, one: Due) -> bool:
        if not schedule.is_too_late(one.step, self.now):
            return False
        self.desk.note(one.case, EntryKind.SKIPPED, "The team was not told: skipped, too old.")
        return True

    # Letters ---------------------------------------------------------------------------------------------------------
    def _write(
        self,
        due: Sequence[Due],
        falling: Sequence[Due],
        running: Sequence[tuple[Case, list[Step]]],
        words: Words,
    ) -> None:
        """The letters that are due, those left out that are not to go out after all."""
        falls: dict[str, list[Case]] = defaultdict(list)
        for one in falling:
            falls[one.case.customer].append(one.case)
        last: dict[str, datetime] = {}
        for case, _ in running:
            if case.last_letter_at is not None:
                last[case.customer] = max(case.last_letter_at, last.get(case.customer, case.last_letter_at))
        of_case: dict[str, list[Due]] = defaultdict(list)
        for one in due:
            of_case[one.case.invoice].append(one)
        chosen = []
        for invoice, some in of_case.items():
            why = schedule.skipped([one.step for one in some], last.get(some[0].case.customer), self.now)
            leading = _newest(falls[some[0].case.customer])
            for one in some:
                falls_itself = any(case.invoice == invoice for case in falls[one.case.customer])
                reason = "access falls at the same time" if falls_itself else why.get(one.step.key)
                if reason is None and leading and self._told_by(leading[0], one):
                    self._told_of_too[one.case.customer].append(one.case)
                elif reason is None:
                    chosen.append(one)
                else:
                    self.desk.finish(one.case, one.step)
                    self.desk.note(one.case, EntryKind.SKIPPED, f"{NAMES[KINDS[one.step.kind]]}: skipped, {reason}.")
        self._send(chosen, running, words)

    def _told_by(self, lead: Case, one: Due) -> bool:
        """Let the letter that access is reduced because of `lead` speak of this too; whether it can."""
        warns = one.step.kind is StepKind.FINAL
        if warns and not mailing.warns_too(lead, one.case):
            return False
        what = f"{NAMES[LetterKind.FINAL_WARNING]}, in the letter that" if warns else "Letter:"
        self._wrote(
            one, f"{what} access is reduced, together with {lead.label}.", mailing.key_of(lead, "downgrade"), ""
        )
        return True

    def _send(
        self, chosen: Sequence[Due], running: Sequence[tuple[Case, list[Step]]], words: Words, by: str = ""
    ) -> None:
        """One letter for each customer, about everything that is due or would follow within a day."""
        of_customer: dict[str, list[Due]] = defaultdict(list)
        for one in chosen:
            of_customer[one.case.customer].append(one)
        mails = []
        for customer, some in of_customer.items():
            lead = max(some, key=lambda one: (LETTERS.index(one.step.kind), one.case.opened_at, one.case.invoice))
            others = [one for one in some if one is not lead]
            others += self._joining(lead, some, [pair for pair in running if pair[0].customer == customer])
            kind = KINDS[lead.step.kind]
            letter = Mailing(kind, (lead.case, *(one.case for one in others)), lead.step.key)
            mails.append(letter)
            self._wrote(lead, f"{NAMES[kind]}.", letter.key, by)
            for one in others:
                self._wrote(one, f"{NAMES[kind]}, together with {lead.case.label}.", letter.key, by)
        mailing.mail(self.workspace_id, self.mode, mails, self._known, words, self.now)

    def _joining(self, lead: Due, some: Sequence[Due], running: Sequence[tuple[Case, list[Step]]]) -> list[Due]:
        taken = {one.case.invoice for one in some}
        found = []
        for case, steps in running:
            if case.invoice in taken or case.paused_at is not None or case.state == CaseState.DOWNGRADED:
                continue
            if schedule.awaits_attempt(self.now, self._known[case.invoice].course(case.settles_at)):
                continue
            letters = [step for step in steps if step.is_letter and step.key not in case.done]
            if letters and letters[0].at <= self.now + JOINING:
                weaker = LETTERS.index(letters[0].kind) <= LETTERS.index(lead.step.kind)
                found += [Due(case, letters[0], steps)] if weaker else []
        return found

    def _wrote(self, one: Due, text: str, key: str, by: str) -> None:
        case, step, _ = one
        move = Move.WARN if step.kind is StepKind.FINAL and case.state != CaseState.FINAL else Move.REMIND
        self.desk.move(case, move, text, key=key, by=by)
        self.desk.finish(case, step)
        case.last_letter, case.last_letter_at = str(step.kind), self.now

    # The team --------------------------------------------------------------------------------------------------------
    def _escalate(self, cases: Sequence[Case], policy: Policy, words: Words) -> None:
        keys = telling.tell(telling.ESCALATED, policy, cases, self._known, words, self.mode, self.now)
        why_not = "the channels that were chosen have been removed" if policy.channels else "there is no channel"
        for case in cases:
            key = keys.get(case.invoice, "")
            text = "The team was told." if key else f"The team was not told: {why_not}."
            self.desk.move(case, Move.ESCALATE, text, key=key)

    # Looking at Stripe -----------------------------------------------------------------------------------------------
    def _watch(self, due: Sequence[Due]) -> None:
        """Ask for invoices after their announced attempts; the answers come through the inbox, and are looked at by
        the step that follows."""
        for one in due:
            self.desk.finish(one.case, one.step)
        asking = [one for one in due if one.step.kind is StepKind.WATCH and one.case.next_attempt_at is not None]
        stripe = Connection.objects.filter(workspace_id=self.workspace_id, mode=self.mode).only("pk").first()
        if not asking or stripe is None:
            return
        wanted = frozenset(("invoice", one.case.invoice) for one in asking)
        reads.ask(self.workspace_id, stripe.pk, Outcome(wanted, frozenset()), self.now)
        for one in asking:
            self.desk.note(one.case, EntryKind.LOOKED, "Stripe was asked what came of the announced attempt.")

    # The end ---------------------------------------------------------------------------------------------------------
    def _downgrade(self, due: Sequence[Due], policy: Policy, words: Words) -> None:
        """Hold back what the unpaid subscriptions give; the customers and the team are told."""
        if not due:
            return
        for one in due:
            self.desk.finish(one.case, one.step)
        unpaid = [
            Unpaid(c.customer, c.subscription or "", c.invoice, c.terms.falls_to is FallsTo.FREE) for c, _, _ in due
        ]
        hold_back(self.workspace_id, self.mode, unpaid, "Dunning: an invoice was not paid", self.now)
        cases = [one.case for one in due]
        keys = telling.tell(telling.DOWNGRADED, policy, cases, self._known, words, self.mode, self.now)
        for case in cases:
            self.desk.move(case, Move.DOWNGRADE, "Access fell: grace is over.", key=keys.get(case.invoice, ""))
        of_customer: dict[str, list[Case]] = defaultdict(list)
        for case in _newest(cases):
            of_customer[case.customer].append(case)
        mails = []
        for some in of_customer.values():
            not_before = schedule.allowed(self.now, some[0].terms)
            about = (*some, *self._told_of_too[some[0].customer])
            letter = Mailing(LetterKind.ACCESS_REDUCED, about, "downgrade", not_before)
            mails.append(letter)
            for case in some:
                self.desk.note(case, EntryKind.LETTER, f"{NAMES[letter.kind]}.", key=letter.key)
                case.last_letter, case.last_letter_at = "downgrade", self.now
        mailing.mail(self.workspace_id, self.mode, mails, self._known, words, self.now)


def _newest(cases: Iterable[Case]) -> list[Case]:
    """Cases, the newest first."""
    return sorted(cases, key=lambda case: (case.opened_at, case.invoice), reverse=True)
