"""What a customer may use, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from billing.access import Answer, Reason, for_customer
from billing.access.gates import feature_label
from billing.access.tiers import Gate
from billing.lists.rows import Place

REASONS: Final = {
    Reason.ACTIVE: "By a subscription that is paid.",
    Reason.TRIALING: "By a trial.",
    Reason.PAST_DUE: "By a subscription that is past due: access stays while Stripe tries to collect.",
    Reason.OVERRIDE: "By an override.",
    Reason.UNMAPPED: "They pay for a price that nobody has given a plan yet.",
    Reason.ADD_ON: "What they pay for is an add-on, which gives no plan.",
    Reason.GRACE_OVER: "Past due for longer than the grace that is given.",
    Reason.DUNNING: "Downgraded by dunning: an invoice is not paid.",
    Reason.UNPAID: "Stripe has stopped trying to collect.",
    Reason.PAUSED: "The subscription is paused.",
    Reason.INCOMPLETE: "The first payment has not succeeded.",
    Reason.ENDED: "The subscription is over.",
    Reason.NO_SUBSCRIPTION: "There never was a subscription.",
    Reason.UNKNOWN: "The subscription has a status that is new to us.",
}


@dataclass(frozen=True)
class AccessCard:
    """The answer with its reason as a sentence, its features as (name, gate in words), and what caused it.

    `event` is the Stripe event behind it, "" where a rule or a person is: then `rule` says which.
    """

    answer: Answer
    reason: str
    seats: str
    features: Sequence[tuple[str, str]]
    event: str
    rule: str


def access_card(place: Place, customer: str) -> AccessCard:
    """What a customer may use now. One query. Must run in scope."""
    answer = for_customer(place.workspace_id, place.mode, customer)
    cause = answer.cause or ""
    by_rule = ":" in cause or cause == "policy"
    return AccessCard(
        answer=answer,
        reason=REASONS[answer.reason],
        seats="Unlimited" if answer.seats is None else f"{answer.seats:,}",
        features=[(feature_label(name), gate_in_words(gate)) for name, gate in sorted(answer.features.items())],
        event="" if by_rule else cause,
        rule=_rule(cause) if by_rule else "",
    )


def gate_in_words(gate: Gate) -> str:
    """ "Yes", "No", "Unlimited" or the number."""
    if gate is None:
        return "Unlimited"
    if isinstance(gate, bool):
        return "Yes" if gate else "No"
    return f"{gate:,}"


def _rule(cause: str) -> str:
    what, _, which = cause.partition(":")
    words = {
        "mapping": "the plan of a price was changed",
        "tier": "a plan was changed",
        "override": "an override",
        "dunning": "dunning of an invoice",
    }
    if what == "policy":
        return "the rule for customers who do not pay was changed"
    return f"{words.get(what, what)} ({which})" if which else words.get(what, what)
