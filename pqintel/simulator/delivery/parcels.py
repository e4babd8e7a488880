"""From events to the bytes that are sent."""

import json
from collections.abc import Callable, Iterable, Iterator

from pqintel.simulator.delivery.conditions import Parcel
from pqintel.simulator.events import SimEvent
from pqintel.simulator.render import NEWEST, Family, event_type, exists_in, render_event


def pack(
    events: Iterable[SimEvent],
    family: Family = NEWEST,
    *,
    selects: Callable[[str], bool] | None = None,
    pretty: bool = False,
) -> Iterator[Parcel]:
    """Yield the parcels of the events that exist in a family and that an endpoint selects, in the given order.

    Args:
        events: canonical events.
        family: the API version that the endpoint is pinned to.
        selects: tells of an event's type whether the endpoint wants it; None wants all.
        pretty: indent the body as Stripe does; twice the size and several times as slow to make.
    """
    for event in events:
        if exists_in(event, family) and (selects is None or selects(event_type(event, family))):
            rendered = render_event(event, family)
            body = json.dumps(rendered, indent=2) if pretty else json.dumps(rendered, separators=(",", ":"))
            yield Parcel(event.id, body.encode())
