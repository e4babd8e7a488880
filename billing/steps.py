"""What one step of an object's chain is worth in the history: a line per effect, each with its own fields. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from .order import ENDED
from .snapshots import Kind

State = dict[str, Any]


class Step(NamedTuple):
    """One effect: its kind in the history, and the fields that it moved. `before` None: nothing was known before."""

    kind: str
    before: State | None
    after: State


# Fields that move with every renewal: a step in which only these move is not worth a line.
_ROUTINE: Final = frozenset(
    {"latest_invoice", "current_period_start", "current_period_end", "hosted_invoice_url", "items_cut"}
)
_CANCELLATION: Final = frozenset({"cancel_at", "cancel_at_period_end", "canceled_at", "cancellation_reason"})
_PAUSE: Final = frozenset({"pause_behavior", "pause_resumes_at"})
_TRIAL: Final = frozenset({"trial_start", "trial_end"})
_BEHIND: Final = frozenset({"past_due", "unpaid"})


def effects(kind: Kind, old: State | None, new: State) -> list[Step]:
    """The lines that the step from one state to the next is worth; together they hold every field that moved.

    Args:
        kind: what object the states are of.
        old: the state before; None where nothing was known before.
        new: the state after.
    """
    moved = [name for name in new if name not in _ROUTINE and (old is None or old.get(name) != new[name])]
    if not moved:
        return []
    match kind:
        case Kind.SUBSCRIPTION:
            return _subscription(old, new, moved)
        case Kind.CUSTOMER:
            if new["deleted"] and not (old and old["deleted"]):
                return [_step("customer.deleted", old, new, moved)]
            return [_step("customer.created" if old is None else "customer.changed", old, new, moved)]
        case Kind.INVOICE if "status" in moved:
            return [_step("invoice.status_changed", old, new, moved)]
        case Kind.INVOICE if old is not None and new["status"] == "open" and new["amount_paid"] > old["amount_paid"]:
            return [_step("invoice.partly_paid", old, new, moved)]
    return []  # payments and checkouts: their facts say it


def _subscription(old: State | None, new: State, moved: list[str]) -> list[Step]:
    if new["status"] in ENDED and (old is None or old["status"] not in ENDED):
        return [_step("subscription.ended", old, new, moved)]
    if old is None:
        return [_step("subscription.started", old, new, moved)]
    steps: list[Step] = []
    rest = set(moved)

    def tell(effect: str, names: Collection[str]) -> None:
        steps.append(_step(effect, old, new, [name for name in moved if name in rest and name in names]))
        rest.difference_update(names)

    if "status" in rest and (effect := _turn(old["status"], new["status"])):
        about_trials = "trialing" in (old["status"], new["status"])
        tell(effect, {"status", *_TRIAL} if about_trials else {"status"})
    if rest & {"cancel_at", "cancel_at_period_end"}:
        tell("subscription.cancel_scheduled" if _ends(new) else "subscription.cancel_withdrawn", _CANCELLATION)
    if rest & _PAUSE:
        paused = new["pause_behavior"] is not None
        tell("subscription.collection_paused" if paused else "subscription.collection_resumed", _PAUSE)
    if rest:
        tell("subscription.changed", set(rest))
    return steps


def _turn(was: str, now: str) -> str:
    """The word for a change of status; "" for those that are a mere change (new statuses of Stripe's, say)."""
    match was, now:
        case _, "past_due" | "unpaid" | "paused":
            return f"subscription.{now}"
        case "paused", _:
            return "subscription.resumed"
        case _, "trialing":
            return "subscription.trial_started"
        case "trialing", "active":
            return "subscription.trial_converted"
        case "incomplete", "active":
            return "subscription.activated"
        case _, "active" if was in _BEHIND:
            return "subscription.recovered"
    return ""


def _ends(state: State) -> bool:
    """Whether an end is set: the portal sets only `cancel_at` for flexible subscriptions."""
    return bool(state["cancel_at"] or state["cancel_at_period_end"])


def _step(kind: str, old: State | None, new: State, names: Collection[str]) -> Step:
    before = None if old is None else {name: old.get(name) for name in names}
    return Step(kind, before, {name: new[name] for name in names})
