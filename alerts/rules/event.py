"""Something happens: any of the kinds of history that people want to see pass by, under conditions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django import forms

from alerts.machine import Decision, Occurrence
from alerts.models import RuleKind
from billing import story
from billing.actions.access.proposals import tiers_of
from billing.actions.gaps import GAP
from billing.models import Customer, HistoryEntry
from billing.modes import Mode
from billing.names import customer_labels

from .base import Happened, Happening, Heard, Params, ParamsForm, Place, Words
from .fields import MinimumsField
from .payment_failed import reaches
from .subscriptions import Facts, is_about_one, subscriptions_of
from .tiers import tiers_around
from .writing import amount, at_stripe, customer_page, moment, page, rest, sums

KINDS: Final = (*story.SHOWN, "customer.created", "invoice.status_changed", "payment.succeeded")
NAMES: Final = "customer names"
_LOST: Final = (
    "Stripe lists events for 30 days; these were not delivered, and could not be read in time.",
    "State is right again once it was compared with Stripe; what happened in between is not known.",
)
TIERS: Final = "customer tiers"
SUBSCRIPTIONS: Final = "subscriptions"
_IN_WORDS: Final = {
    "invoice.payment_action_required": "Invoice: the customer must confirm the payment",
    "price.unmapped": "Price: without a tier",
    "subscription.cancel_scheduled": "Subscription: cancellation scheduled",
    "subscription.cancel_withdrawn": "Subscription: cancellation withdrawn",
    "subscription.past_due": "Subscription: payment overdue",
    "sync.gap": "Stripe: events lost for good",
}
"""Where the kind's own words say little to who chooses."""


def kind_label(kind: str) -> str:
    """The kind of a line as people choose it: "Subscription: trial started"."""
    about, _, what = kind.partition(".")
    return _IN_WORDS.get(kind) or f"{about.capitalize()}: {what.replace('_', ' ')}"


@dataclass(frozen=True, slots=True)
class Told:
    """A line of history in words, and what is known of the subscription that it is about."""

    line: story.Line
    about: Facts | None


class Form(ParamsForm):
    kinds = forms.MultipleChoiceField(
        label="Any of",
        choices=[(kind, kind_label(kind)) for kind in sorted(KINDS, key=kind_label)],
        widget=forms.CheckboxSelectMultiple,
    )
    minimums = MinimumsField(
        label="Only from",
        required=False,
        max_length=200,
        help_text="Least amounts, for example 100 USD, 0 EUR. Empty: any; else lines without an amount, or in another "
        "currency, are left out.",
    )
    tier = forms.CharField(
        required=False,
        max_length=40,
        help_text="The key of a tier: only customers who had it then, just before or from then on. Empty: any.",
    )
    customer = forms.CharField(
        required=False, max_length=255, help_text="A customer’s id at Stripe, cus_…: only this one. Empty: any."
    )

    @classmethod
    def initial_of(cls, params: Params) -> dict[str, Any]:
        return {**params, "minimums": MinimumsField.typed(params["minimums"])}

    def check_in(self, workspace_id: int, mode: Mode) -> None:
        """A tier or a customer that is not there would make a rule that never says anything."""
        tier, customer = self.cleaned_data["tier"], self.cleaned_data["customer"]
        if tier and tier not in (there := tiers_of(workspace_id)):
            self.add_error("tier", f"There is no tier “{tier}”. There are: {', '.join(there)}.")
        known = Customer.objects.filter(workspace_id=workspace_id, mode=mode, stripe_id=customer)
        if customer and not known.exists():
            self.add_error("customer", f"No customer “{customer}” is known in {mode} mode. Give the id, cus_….")


class Event(Happening):
    kind = RuleKind.EVENT
    form = Form
    about = "Something in the history of billing, if you like only from an amount, for a tier, or for one customer."
    lines = KINDS

    def listens_to(self, params: Params) -> Collection[str]:
        return set(params["kinds"])

    def happened(self, heard: Heard, params: Params) -> Sequence[Happened]:
        """Seven queries at most for a batch, however many rules look at it."""
        kinds = set(params["kinds"])
        wanted = [line for line in heard.lines if line.kind in kinds and _meets(line, params)]
        if params["tier"] and wanted:
            tiers = _tiers(heard)
            wanted = [line for line in wanted if params["tier"] in tiers.get(line.pk, ())]
        facts = _facts(heard) if any(is_about_one(line) for line in wanted) else {}
        return [replace(one, found=Told(one.found, facts.get(one.line.pk))) for one in happenings(heard, wanted)]

    def summary(self, params: Params) -> str:
        kinds = ", ".join(kind_label(kind) for kind in params["kinds"])
        conditions = (
            f"from {MinimumsField.typed(params['minimums'])}" if params["minimums"] else "",
            f"tier {params['tier']}" if params["tier"] else "",
            f"customer {params['customer']}" if params["customer"] else "",
        )
        return "; ".join(filter(None, (kinds, *conditions)))

    def words(self, place: Place, params: Params, happened: Happened) -> Words:
        return words_of_line(place, happened)

    def words_of_many(self, place: Place, params: Params, decision: Decision) -> Words:
        return words_of_the_rest(place, decision)


def happenings(heard: Heard, wanted: Sequence[HistoryEntry]) -> Sequence[Happened]:
    """Lines as occurrences, with the names of their customers. One query for a batch."""
    if NAMES not in heard.looked_up:
        place = heard.place
        heard.looked_up[NAMES] = customer_labels(
            place.workspace_id, place.mode, (line.customer for line in heard.lines)
        )
    names = heard.looked_up[NAMES]
    return [
        Happened(_occurrence(line), line, story.line(line, names.get(line.customer or "", line.customer or "")))
        for line in wanted
    ]


def words_of_line(place: Place, happened: Happened) -> Words:
    """A line of history as a message."""
    told, about = happened.found.line, happened.found.about
    line = happened.line
    fields = [
        ("Customer", told.customer_label),
        ("Amount", amount(told.amount.minor, told.amount.currency) if told.amount else ""),
        *(about.fields(line.kind, place) if about else ()),
        ("Detail", told.detail),
        ("At", moment(line.happened_at, place)),
    ]
    if line.kind == GAP:
        return Words(
            told.title, _LOST, (("Days", told.detail),), page(place, "integrations:drift", "Compare with Stripe")
        )
    return Words(
        title=f"{told.title}: {told.customer_label}" if told.customer_label else told.title,
        fields=tuple((label, value) for label, value in fields if value),
        link=customer_page(place, line.customer) or page(place, "billing:history", "See the history"),
        also=at_stripe(place, line.object_kind, line.object_id),
    )


def words_of_the_rest(place: Place, decision: Decision) -> Words:
    together = (f"Together {sums(decision.sums)}.",) if decision.sums else ()
    return Words(
        rest(decision, "event", "events"),
        together,
        (),
        page(place, "billing:history", "See the history"),
    )


def _occurrence(line: HistoryEntry) -> Occurrence:
    minor_units, currency = _amount(line)
    return Occurrence(line.happened_at, f"{line.event_id}:{line.kind}:{line.object_id}", minor_units, currency)


def _amount(line: HistoryEntry) -> tuple[int | None, str]:
    after: Mapping[str, Any] = line.after or {}
    found = after.get("amount")
    return (found, str(after["currency"])) if isinstance(found, int) and after.get("currency") else (None, "")


def _meets(line: HistoryEntry, params: Params) -> bool:
    if params["customer"] and line.customer != params["customer"]:
        return False
    return reaches(params["minimums"], *_amount(line))


def _facts(heard: Heard) -> Mapping[int, Facts]:
    """The facts of the subscriptions of a batch, by the key of the line."""
    if SUBSCRIPTIONS not in heard.looked_up:
        heard.looked_up[SUBSCRIPTIONS] = subscriptions_of(heard.place, heard.lines)
    found: Mapping[int, Facts] = heard.looked_up[SUBSCRIPTIONS]
    return found


def _tiers(heard: Heard) -> Mapping[int, frozenset[str | None]]:
    """The tiers that the customers of a batch had then, by the key of the line."""
    if TIERS not in heard.looked_up:
        heard.looked_up[TIERS] = tiers_around(heard.place, heard.lines)
    found: Mapping[int, frozenset[str | None]] = heard.looked_up[TIERS]
    return found
