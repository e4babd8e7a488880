"""An event is set aside: it could not be translated or applied, and waits for somebody to look at it."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.machine import Decision
from alerts.models import RuleKind
from billing.actions.feed import EventStep

from .base import Happened, Happening, Heard, Params, ParamsForm, Place, Words
from .event import happenings
from .writing import moment, page, rest


class Form(ParamsForm):
    """Nothing to choose."""


class Quarantine(Happening):
    kind = RuleKind.QUARANTINE
    form = Form
    about = "An event of Stripe’s could not be processed and was set aside. The others go on."
    lines = (str(EventStep.QUARANTINED),)

    def happened(self, heard: Heard, params: Params) -> Sequence[Happened]:
        return happenings(heard, [line for line in heard.lines if line.kind in self.lines])

    def summary(self, params: Params) -> str:
        return "An event is set aside"

    def words(self, place: Place, params: Params, happened: Happened) -> Words:
        line = happened.line
        after = line.after or {}
        fields = (
            ("Event", line.event_id),
            ("Type", str(after.get("type") or "")),
            ("Reason", str(after.get("reason") or "")),
            ("At", moment(line.happened_at, place)),
        )
        return Words(
            title=f"An event was set aside: {after.get('type') or line.event_id}",
            lines=("It is kept and can be let in again once its reason is gone.",),
            fields=tuple((label, value) for label, value in fields if value),
            link=page(place, "integrations:diagnostics", "Open the diagnostics"),
        )

    def words_of_many(self, place: Place, params: Params, decision: Decision) -> Words:
        title = rest(decision, "event set aside", "events set aside")
        return Words(title, link=page(place, "integrations:diagnostics", "Open the diagnostics"))
