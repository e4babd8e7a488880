"""From Stripe's payloads to billing's own words: every shape from API 2019-12-03 to today, told apart by the presence
of fields, never by `api_version` (an account's endpoints may be pinned to different ones).
"""

from __future__ import annotations

from typing import Any, Final

from billing.snapshots import Learned, Snapshot, State

from .body import parse
from .envelope import Envelope, envelope
from .handlers import EVENTS, FACTS, IMPLIED, OBJECTS, Object
from .lesson import Lesson
from .part import Part
from .untranslatable import Untranslatable

__all__ = ["READ", "Envelope", "Untranslatable", "envelope", "parse", "translate"]

READ: Final = "pqintel.read"
"""The type of the event that we make of an object read from the API (or of a list of objects) in `data.object`.

`id`, `created` (the request's start) and `livemode` are as in Stripe's own events.
"""


def translate(event: dict[str, Any]) -> Learned | None:
    """What `event` teaches; None where its type is not used.

    `event` comes from `parse`. Pure. Raises `Untranslatable` when the event lacks what it cannot be applied without,
    or holds something impossible. Unknown values of enums and unknown fields are no obstacle.
    """
    head = envelope(event)
    carried = event["data"]["object"]
    if head.type == READ:
        return _read(head, carried)
    name = EVENTS.get(head.type)
    if name is None:
        return None
    told = carried.get("object")
    if told is not None and told != name:
        raise Untranslatable(f"data.object is not of the kind {name}, as the event's type promises.")
    carried = {**IMPLIED.get(head.type, {}), **carried}
    part = Part(carried, "data.object")
    lesson = Lesson()
    handler = OBJECTS[name]
    snapshots: tuple[Snapshot, ...] = ()
    if handler.kind is not None and handler.state is not None:
        snapshots = (
            Snapshot(
                kind=handler.kind,
                state=handler.state(part),
                before=_before(handler, carried, event["data"].get("previous_attributes")),
                born=head.type.endswith(".created"),
            ),
        )
    handler.around(part, lesson)
    if (happened := FACTS.get(head.type)) is not None:
        happened(part, lesson)
    return _learned(head, snapshots, lesson)


def _read(head: Envelope, carried: dict[str, Any]) -> Learned:
    """What an object read from the API teaches, or each in a list. It never wants what it is itself the answer to."""
    lesson = Lesson()
    snapshots = []
    root = Part(carried, "data.object")
    parts = root.parts("data") if carried.get("object") == "list" else [root]
    for part in parts:
        handler = OBJECTS.get(part.need("object", part.text))
        if handler is None:
            raise Untranslatable(f"{part.path} is of a kind that is not used.")
        if handler.kind is not None and handler.state is not None:
            snapshots.append(Snapshot(kind=handler.kind, state=handler.state(part), read=True))
        handler.around(part, lesson)
    lesson.unwant({part.ref("id") for part in parts})
    return _learned(head, tuple(snapshots), lesson)


def _before(handler: Object, carried: dict[str, Any], previous: Any) -> State | None:
    """The state before the event: its old values laid over the object. None where they do not make one: the event's
    own state is right all the same, and only its place within its second is known less well.
    """
    if type(previous) is not dict or handler.state is None:
        return None
    try:
        return handler.state(Part(_laid_over(carried, previous), "data.previous_attributes"))
    except Untranslatable:
        return None


def _laid_over(current: dict[str, Any], previous: dict[str, Any]) -> dict[str, Any]:
    """Objects merge field by field, anything else (arrays too) is replaced whole, as Stripe writes the differences.

    Old values with an `object` word are a whole object that stood there before: of one that changed, it never differs.
    """
    merged = dict(current)
    for key, old in previous.items():
        now = merged.get(key)
        if type(old) is dict and type(now) is dict and "object" not in old:
            old = _laid_over(now, old)
        merged[key] = old
    return merged


def _learned(head: Envelope, snapshots: tuple[Snapshot, ...], lesson: Lesson) -> Learned:
    return Learned(
        event_id=head.id,
        event_type=head.type,
        happened_at=head.created,
        snapshots=snapshots,
        catalogue=lesson.catalogue,
        links=lesson.links,
        facts=tuple(lesson.facts),
        wanted=lesson.wanted,
    )
