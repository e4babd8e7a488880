"""What dunning does about news of billing: cases open, advance and end. `pqintel.reactions` names it for its kinds.

Which case a line concerns is all that is taken from it; what becomes of the case follows from the present state. So it
does not matter in which order lines come, or that a failure is told twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from billing.actions.bulk import fetch, unique
from billing.begun import not_begun
from billing.failures import FAILURE_FACTS
from billing.models import Access, HistoryEntry
from billing.modes import Mode
from billing.owed import DebtState
from billing.reacting import News
from pqintel.workspaces.models import Workspace

from . import closing, mailing
from .cases import Desk, Move
from .known import Known, look
from .models import Case, CaseState, Policy
from .schedule import SETTLES
from .terms import Excluded, excluded, policy_of

LINES: Final = (
    *FAILURE_FACTS,
    "invoice.paid",
    "invoice.status_changed",
    "payment.succeeded",
    "subscription.ended",
    "customer.deleted",
)
"""The kinds of history that dunning is told of."""

# Which invoices lines concern: they name them, or a payment of theirs, or whose they are.
_CONCERNED: Final = """
WITH line AS (
    SELECT * FROM unnest(%(lines)s::int[], %(kinds)s::text[], %(ids)s::text[], %(customers)s::text[])
        AS t(line, kind, id, customer)
)
SELECT line, id FROM line WHERE kind = 'invoice'
UNION
SELECT line, l.invoice FROM line JOIN billing_paymentlink l
    ON l.workspace_id = %(ws)s AND l.mode = %(mode)s AND l.payment = line.id
WHERE kind = 'payment'
UNION
SELECT line, f.invoice FROM line JOIN billing_failure f
    ON f.workspace_id = %(ws)s AND f.mode = %(mode)s AND f.customer = line.customer AND f.payment = line.id
WHERE kind = 'payment' AND f.invoice IS NOT NULL
UNION
SELECT line, c.invoice FROM line JOIN dunning_case c
    ON c.workspace_id = %(ws)s AND c.mode = %(mode)s AND c.subscription = line.id AND c.closed_at IS NULL
WHERE kind = 'subscription'
UNION
SELECT line, c.invoice FROM line JOIN dunning_case c
    ON c.workspace_id = %(ws)s AND c.mode = %(mode)s AND c.customer = line.id AND c.closed_at IS NULL
WHERE kind = 'customer'
"""


def advance_cases(news: News) -> None:
    """Open, advance and end the cases that news concern. About twenty statements, however many lines."""
    concerned = _concerned(news.workspace_id, news.mode, news.lines)
    late = _of(concerned, news.late) - _of(concerned, news.fresh)
    failing = _of(concerned, [line for line in news.lines if line.kind in FAILURE_FACTS])
    react(news.workspace_id, news.mode, _of(concerned, news.lines), failing, late, news.now)


def react(
    workspace_id: int,
    mode: Mode,
    invoices: Collection[str],
    failing: Collection[str],
    late: Collection[str],
    now: datetime,
) -> None:
    """Bring the cases of these invoices in line with what is known. In scope and a transaction; idempotent.

    Args:
        invoices: Stripe's ids.
        failing: those of them of which an attempt failed: a case may open.
        late: those of which this was learnt too late to disturb anybody.
    """
    known = look(workspace_id, mode, invoices)
    if not known:
        return
    desk = Desk(workspace_id, mode, now)
    cases = {case.invoice: case for case in desk.load(invoice__in=unique(known))}
    policy = policy_of(workspace_id, mode)
    new = [i for i in sorted(known) if i not in cases and i in failing and policy.enabled and _may_open(known[i])]
    waiting = not_begun(workspace_id, mode, new)  # where it turns out to have begun, put_off.py comes back to it
    new = [invoice for invoice in new if invoice not in waiting]
    everybody = [*(case.customer for case in cases.values()), *(known[i].debt.customer for i in new)]
    left_alone = excluded(workspace_id, mode, (customer for customer in everybody if customer))
    endings = []
    for case in _opened(desk, new, known, policy):
        cases[case.invoice] = case
    _reopen(desk, [case for invoice, case in sorted(cases.items()) if invoice in failing], known, left_alone)
    for invoice, case in sorted(cases.items()):
        ending = _ending(case, known[invoice], left_alone)
        if case.runs:
            desk.learn(case, known[invoice])
        if ending is not None:
            endings.append(ending)
    closing.close(desk, endings, known, policy, late=late)
    desk.save()


def _ending(case: Case, known: Known, left_alone: Excluded) -> closing.Ending | None:
    if case.runs:
        return closing.ending_of(case, known, left_alone)
    given_up = case.state in (CaseState.LOST, CaseState.CANCELED)
    if given_up and known.debt.state is DebtState.PAID:
        return closing.Ending(case, Move.RECOVER, "The invoice was paid after all.")
    return None


def _reopen(desk: Desk, cases: Sequence[Case], known: Mapping[str, Known], left_alone: Excluded) -> None:
    """Take up those of some cases, of which an attempt failed, that were excluded and are so no more."""
    again = [
        case
        for case in cases
        if case.state == CaseState.EXCLUDED and known[case.invoice].debt.owed and not left_alone.why_case(case)
    ]
    if again:
        mailing.begin_again(desk.workspace_id, desk.mode, again)
    for case in again:
        desk.move(case, Move.REOPEN, "Another attempt failed, and the exclusion is gone.")


def _may_open(known: Known) -> bool:
    return known.debt.owed and bool(known.attempts) and known.debt.customer is not None


def _opened(desk: Desk, invoices: Sequence[str], known: Mapping[str, Known], policy: Policy) -> list[Case]:
    """New cases, on the desk. Three queries where there are any."""
    if not invoices:
        return []
    zone = Workspace.objects.values_list("timezone", flat=True).get(pk=desk.workspace_id)
    plan = policy.plan(zone).document()
    texts = mailing.texts_of(desk.workspace_id, desk.mode)
    customers = unique(known[invoice].debt.customer for invoice in invoices)
    place: dict[str, Any] = {"workspace_id": desk.workspace_id, "mode": desk.mode}
    tiers = dict(Access.objects.filter(**place, customer__in=customers).values_list("customer", "tier"))
    opened = []
    for invoice in invoices:
        about = known[invoice]
        case = Case(
            **place,
            invoice=invoice,
            number=about.number,
            customer=about.debt.customer or "",
            subscription=about.debt.subscription,
            tier=tiers.get(about.debt.customer or ""),
            amount=int(about.debt.open.minor),
            currency=about.debt.open.currency,
            opened_at=about.attempts[0].at,
            settles_at=desk.now + SETTLES,
            attempts=about.count,
            next_attempt_at=about.next_attempt,
            decline=about.decline,
            plan=plan,
            texts=texts,
        )
        desk.open(case, "The payment failed." if about.count < 2 else f"The payment failed {about.count} times.")
        opened.append(case)
    return opened


def _concerned(workspace_id: int, mode: Mode, lines: Sequence[HistoryEntry]) -> dict[int, set[str]]:
    """The invoices that each line concerns, by the line's id. One query."""
    found: dict[int, set[str]] = {}
    given = {
        "ws": workspace_id,
        "mode": str(mode),
        "lines": list(range(len(lines))),
        "kinds": [line.object_kind for line in lines],
        "ids": [line.object_id for line in lines],
        "customers": [line.customer for line in lines],
    }
    for place, invoice in fetch(_CONCERNED, given):
        found.setdefault(lines[place].pk, set()).add(invoice)
    return found


def _of(concerned: Mapping[int, set[str]], lines: Iterable[HistoryEntry]) -> set[str]:
    return {invoice for line in lines for invoice in concerned.get(line.pk, ())}
