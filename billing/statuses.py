"""Stripe's statuses in words, with the tone that pages show them in (good, accent, warn, bad or nothing)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Status:
    """A status as people read it; `meaning` is one sentence for who wonders."""

    label: str
    tone: str = ""
    meaning: str = ""


SUBSCRIPTION: Final = {
    "trialing": Status("Trial", "accent", "In its trial: counted as trial MRR, not as MRR."),
    "active": Status("Active", "good", "Paid up to now: counts in MRR."),
    "past_due": Status("Past due", "warn", "A payment failed and Stripe is trying again: still counts in MRR."),
    "unpaid": Status("Unpaid", "bad", "Stripe has stopped trying: no MRR, invoices stay drafts."),
    "paused": Status("Paused", "", "A trial ended without a payment method: no MRR until it is resumed."),
    "incomplete": Status("Incomplete", "warn", "The first payment has not succeeded yet: no MRR."),
    "incomplete_expired": Status("Expired", "", "The first payment never succeeded."),
    "canceled": Status("Ended", "", "Over; Stripe never starts it again."),
}
INVOICE: Final = {
    "draft": Status("Draft", "", "Not finalized: Stripe may still change it."),
    "open": Status("Open", "warn", "Waits for payment."),
    "paid": Status("Paid", "good", "Paid, by card, by credit or marked so outside Stripe."),
    "uncollectible": Status("Uncollectible", "bad", "Given up as unlikely to be paid; it can still be paid."),
    "void": Status("Void", "", "Cancelled after it was finalized."),
    "deleted": Status("Deleted", "", "A draft that was thrown away."),
}
PAYMENT: Final = {
    "requires_payment_method": Status("Failed or waiting for a card", "warn", "No attempt has succeeded yet."),
    "requires_confirmation": Status("Waiting to be confirmed"),
    "requires_action": Status("Waiting for the customer", "warn", "The bank asks for 3-D Secure or another step."),
    "processing": Status("Processing", "accent", "On its way; bank debits take days."),
    "requires_capture": Status("Authorised", "accent", "Reserved on the card, not captured."),
    "canceled": Status("Canceled"),
    "succeeded": Status("Succeeded", "good"),
}


def status_of(statuses: dict[str, Status], name: str | None) -> Status:
    """The words for a status; one that is new to us is told as Stripe writes it."""
    if name is None:
        return Status("Unknown", "", "No event has said it yet.")
    return statuses.get(name) or Status(name.replace("_", " ").capitalize())
