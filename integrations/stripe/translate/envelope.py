"""What every event says about itself, before anything of its object is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from .part import Part
from .untranslatable import Untranslatable

_THIN: Final = (
    "This is a thin event: it names its object but does not carry it. In Stripe's Workbench, choose the payload style "
    "“snapshot” for this endpoint (event destination)."
)


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event without its object. `created` is in unix seconds; `api_version` is for diagnostics only.

    `account` and `context` are set by Connect: an event for another account than the connected one is never applied.
    """

    id: str
    type: str
    created: int
    api_version: str | None
    livemode: bool
    account: str | None
    context: str | None


def envelope(event: dict[str, Any]) -> Envelope:
    """The envelope of a parsed event. Raises `Untranslatable` when it is thin or lacks what every event has."""
    if event.get("object") == "v2.core.event" or ("related_object" in event and "data" not in event):
        raise Untranslatable(_THIN)
    part = Part(event, "event")
    inner = part.need("data", part.part)
    inner.need("object", inner.part)
    return Envelope(
        id=part.need("id", part.ref),
        type=part.need("type", part.text),
        created=part.need("created", part.instant),
        api_version=part.text("api_version"),
        livemode=part.need("livemode", part.flag),
        account=part.ref("account"),
        context=part.text("context") or None,
    )
