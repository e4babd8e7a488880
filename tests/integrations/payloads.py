"""Payload files: one story (Ada's subscription) as each payload family shows it, `fixtures/<version>/<type>.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from integrations.stripe.translate import parse

FIXTURES = Path(__file__).parent / "fixtures"
VERSIONS = sorted(folder.name for folder in FIXTURES.iterdir())
V2019, V2020, V2022, ACACIA, BASIL, CLOVER, DAHLIA, ENDIVE = VERSIONS


def payload(version: str, event_type: str) -> dict[str, Any]:
    """A fresh copy of the event, parsed as the worker parses it."""
    return parse((FIXTURES / version / f"{event_type}.json").read_bytes())


def event(event_type: str, obj: dict[str, Any], previous: dict[str, Any] | None = None) -> dict[str, Any]:
    """An event around an object, as small as it may be."""
    data = {"object": obj} if previous is None else {"object": obj, "previous_attributes": previous}
    return {"id": "evt_1", "object": "event", "type": event_type, "created": 100, "livemode": False, "data": data}
