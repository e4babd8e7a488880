"""A price has no tier: somebody pays for it, and what they may use is not decided by it."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.machine import Decision
from alerts.models import RuleKind
from billing.names import PlanName, plan_names

from .base import Happened, Happening, Heard, Params, ParamsForm, Place, Words
from .event import happenings
from .writing import customer_page, page, rest

PLANS = "names of prices without a tier"


class Form(ParamsForm):
    """Nothing to choose."""


class UnmappedPrice(Happening):
    kind = RuleKind.UNMAPPED_PRICE
    form = Form
    about = "Somebody pays for a price that no tier was given to. Told once for each price."
    lines = ("price.unmapped",)

    def happened(self, heard: Heard, params: Params) -> Sequence[Happened]:
        wanted = [line for line in heard.lines if line.kind in self.lines]
        if PLANS not in heard.looked_up:
            place, prices = heard.place, [line.object_id for line in wanted]
            heard.looked_up[PLANS] = plan_names(place.workspace_id, place.mode, prices)
        plans: dict[str, PlanName] = heard.looked_up[PLANS]
        return [
            Happened(one.occurrence, one.line, (one.found.customer_label, plans[one.line.object_id]))
            for one in happenings(heard, wanted)
        ]

    def summary(self, params: Params) -> str:
        return "A price in use has no tier"

    def words(self, place: Place, params: Params, happened: Happened) -> Words:
        customer, plan = happened.found
        fields = (("Price", happened.line.object_id), ("Plan", str(plan)), ("Customer", customer))
        return Words(
            title=f"A price has no tier: {plan}",
            lines=("Give it one, and its customers get what they pay for.",),
            fields=tuple((label, value) for label, value in fields if value),
            link=page(place, "billing:plans", "Open the plans"),
            also=customer_page(place, happened.line.customer),
        )

    def words_of_many(self, place: Place, params: Params, decision: Decision) -> Words:
        title = rest(decision, "price without a tier", "prices without a tier")
        return Words(title, link=page(place, "billing:plans", "Open the plans"))
