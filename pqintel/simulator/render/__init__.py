"""From canonical state to the JSON of each payload family. One function per kind; the family says what differs."""

from pqintel.simulator.render.event import event_type, exists_in, previous_attributes, render_event
from pqintel.simulator.render.families import FAMILIES, NEWEST, Family, family_of
from pqintel.simulator.render.objects import render_object

__all__ = [
    "FAMILIES",
    "NEWEST",
    "Family",
    "event_type",
    "exists_in",
    "family_of",
    "previous_attributes",
    "render_event",
    "render_object",
]
