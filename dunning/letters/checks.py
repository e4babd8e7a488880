"""What is looked at once more before a letter is sent: what it says may not be so any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from billing.actions.access.holding import held_for
from billing.models import Invoice, Subscription
from billing.modes import Mode
from billing.owed import Debt, DebtState, debts
from dunning.cards.standing import why_no_letter
from dunning.models import Case, Letter, LetterKind
from dunning.wording import MOST_LISTED, amounts, and_more, listed

from .heard import asked_for
from .kinds import CHASING
from .switch import why_off

MEANWHILE: Final = {
    DebtState.PAID: "Paid meanwhile",
    DebtState.VOIDED: "Voided meanwhile",
    DebtState.WRITTEN_OFF: "Written off meanwhile",
    DebtState.CANCELLED: "The subscription was cancelled meanwhile",
    DebtState.LOST: "The subscription was ended meanwhile",
    DebtState.CUSTOMER_DELETED: "The customer was deleted",
    DebtState.NOT_DUE: "Nothing is due any more",
    DebtState.NOT_BEGUN: "The subscription has not begun: its first payment has not succeeded",
}
GIVEN_BACK: Final = "Access was given back meanwhile"
SUBSCRIBED: Final = "There is a subscription by now"
OVER: Final = "The subscription is over already"
NEVER_ASKED: Final = "No letter that asks for the payment had gone out"
RUNNING: Final = ("active", "trialing", "past_due")
"""Statuses of a subscription that its customer has begun to use."""


def refresh(letter: Letter) -> str:
    """Bring what a letter says up to date; why it is not wanted any more, or "" where it is. Must run in scope.

    A letter that asks for several invoices asks for those that are still owed, under the newest pages of Stripe's.
    Changes the letter in memory alone. Five queries at most, seven for one about a card.
    """
    if letter.kind in CHASING and letter.invoices:
        return why_off(letter) or _refresh_debts(letter)
    if letter.kind == LetterKind.ONBOARDING_FOLLOWUP and has_subscription(letter):
        return SUBSCRIBED
    if letter.kind == LetterKind.WELCOME and not has_subscription(letter):
        return OVER
    if letter.kind == LetterKind.CARD_EXPIRING:
        return why_no_letter(letter)
    if letter.kind == LetterKind.RECOVERED and letter.invoices and not _knows_of_debt(letter):
        return NEVER_ASKED
    return ""


def has_subscription(letter: Letter) -> bool:
    """Whether the letter's customer has a subscription that runs."""
    rows = Subscription.objects.filter(workspace_id=letter.workspace_id, mode=letter.mode, customer=letter.customer)
    return rows.filter(status__in=RUNNING).exists()


def _knows_of_debt(letter: Letter) -> bool:
    """Whether the customer was written to about one of the invoices, or lost access because of it."""
    if asked_for(letter.workspace_id, Mode(letter.mode), [letter.customer], letter.invoices):
        return True
    cases = Case.objects.filter(workspace_id=letter.workspace_id, mode=letter.mode, invoice__in=letter.invoices)
    return cases.exclude(downgraded_at=None).exists()


def _refresh_debts(letter: Letter) -> str:
    known = debts(letter.workspace_id, Mode(letter.mode), letter.invoices)
    owed = [known[invoice] for invoice in letter.invoices if invoice in known and known[invoice].owed]
    if not owed:
        states = [known[invoice].state for invoice in letter.invoices if invoice in known]
        return MEANWHILE[states[0]] if states else MEANWHILE[DebtState.NOT_DUE]
    if letter.kind == LetterKind.ACCESS_REDUCED:
        held = held_for(letter.workspace_id, Mode(letter.mode), [debt.invoice for debt in owed])
        if not held:
            return GIVEN_BACK
        if len(held) == len(owed):  # what would have reduced access further is owed no more
            letter.facts = {name: value for name, value in letter.facts.items() if name != "downgrade_date"}
    if len(letter.invoices) > 1:
        ask_for(letter, owed, numbers_of(letter.workspace_id, Mode(letter.mode), letter.invoices))
    else:
        letter.payment_url = owed[0].payment_url or letter.payment_url
    return ""


def pages_of(owed: Iterable[Debt], numbers: Mapping[str, str | None]) -> list[list[str]]:
    """Stripe's page of each invoice that has one, with what it is for: "2IRZNI8E-0002: $49.00".

    Twenty at most, the first ones; what the others are together is the last line, which has no page.
    """
    payable = [(debt, debt.payment_url) for debt in owed if debt.payment_url]
    found = [
        [f"{numbers.get(debt.invoice) or debt.invoice}: {amounts([debt.open])}", url]
        for debt, url in payable[:MOST_LISTED]
    ]
    if rest := payable[MOST_LISTED:]:
        found.append([and_more(len(rest), (debt.open for debt, _ in rest)), ""])
    return found


def numbers_of(workspace_id: int, mode: Mode, invoices: Iterable[str]) -> dict[str, str | None]:
    """The numbers of invoices by their id, the oldest first. One query. Must run in scope."""
    rows = Invoice.objects.filter(workspace_id=workspace_id, mode=mode, stripe_id__in=list(invoices))
    return dict(rows.order_by("created", "id").values_list("stripe_id", "number"))


def ask_for(letter: Letter, owed: Iterable[Debt], numbers: Mapping[str, str | None]) -> None:
    """Let a letter ask for these invoices alone, with what is open of them by now. `numbers`: the oldest first."""
    by_invoice = {debt.invoice: debt for debt in owed}
    letter.invoices = list(by_invoice)
    oldest_first = [invoice for invoice in numbers if invoice in by_invoice]
    changed = {
        "amount": amounts(debt.open for debt in by_invoice.values()),
        "invoice_number": listed((numbers[invoice] or invoice for invoice in oldest_first), MOST_LISTED),
    }
    letter.facts = letter.facts | {name: value for name, value in changed.items() if name in letter.facts}
    in_order = [by_invoice[invoice] for invoice in oldest_first]
    letter.pages = pages_of(in_order, numbers)
    letter.payment_url = next((debt.payment_url for debt in reversed(in_order) if debt.payment_url), None)
