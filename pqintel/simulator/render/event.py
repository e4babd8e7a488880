"""Events: the envelope, and what an update says about the state before it."""

from pqintel.simulator.events import SimEvent
from pqintel.simulator.render.catalogue import render_plan
from pqintel.simulator.render.families import NEWEST, Family
from pqintel.simulator.render.objects import render_object
from pqintel.simulator.render.shape import Json
from pqintel.simulator.state import Anything, Price


def event_type(event: SimEvent, family: Family) -> str:
    """Return the event's type in a family: before prices existed they were announced as plans."""
    if not family.prices and event.type.startswith("price."):
        return "plan." + event.type.removeprefix("price.")
    return event.type


def exists_in(event: SimEvent, family: Family) -> bool:
    """Tell whether Stripe generates such an event for a receiver of this version.

    Invoice payments came with basil; plans are always recurring, so a one-off price was no plan.
    """
    if event.kind == "invoice_payment":
        return family.invoice_parent
    return family.prices or not isinstance(event.after, Price) or event.after.recurring


def render_event(event: SimEvent, family: Family = NEWEST, *, pending_webhooks: int = 1) -> Json:
    """Return the whole event as Stripe sends it to an endpoint of this family."""
    after = _render(event.after, family)
    body: Json = {"object": after}
    if event.before is not None:
        body["previous_attributes"] = previous_attributes(_render(event.before, family), after)
    return {
        "id": event.id,
        "object": "event",
        "api_version": family.version,
        "created": event.created,
        "data": body,
        "livemode": event.livemode,
        "pending_webhooks": pending_webhooks,
        "request": {"id": event.request, "idempotency_key": event.idempotency_key},
        "type": event_type(event, family),
    }


def _render(state: Anything, family: Family) -> Json:
    if isinstance(state, Price) and not family.prices:
        return render_plan(state, family)
    return render_object(state, family)


def previous_attributes(before: Json, after: Json) -> Json:
    """Return what changed, with the old values, the way Stripe tells it.

    Only changed keys; of a nested hash only its changed keys; a changed array whole; an embedded object that was
    replaced by another one (a plan by a plan) whole; null for what was not there before.
    """
    changed: Json = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and not _replaced(old, new):
            changed[key] = previous_attributes(old, new)
        else:
            changed[key] = old
    return dict(sorted(changed.items()))


def _replaced(old: Json, new: Json) -> bool:
    return "object" in old and old.get("id") != new.get("id")
