"""The list of events as the API shows it: 30 days, newest first, in the shape that was asked for."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from pqintel.simulator.account import Account
from pqintel.simulator.events import SimEvent
from pqintel.simulator.render import Family, event_type, exists_in
from pqintel.simulator.server.params import Params
from pqintel.simulator.server.refusals import bad_request

KEPT_SECONDS = 30 * 24 * 3600
MOST_TYPES = 20


class EventLog:
    """Reads the account's events. Not thread-safe: the caller holds the account's lock.

    Args:
        account: whose events and clock.
        delivered: tells of an event whether every endpoint that selects it has answered it with 2xx.
    """

    def __init__(self, account: Account, delivered: Callable[[SimEvent], bool]) -> None:
        self._account = account
        self._delivered = delivered
        self._by_id: dict[str, SimEvent] = {}

    def find(self, event_id: str, family: Family) -> SimEvent | None:
        """Return an event of the last 30 days, None for any other."""
        for event in self._account.events[len(self._by_id) :]:
            self._by_id[event.id] = event
        found = self._by_id.get(event_id)
        if found is None or found.created < self._oldest() or not exists_in(found, family):
            return None
        return found

    def rows(self, params: Params, family: Family, lag: int) -> list[SimEvent]:
        """Return what matches, newest first; `lag` seconds hide the newest, as the list is only eventually consistent.

        Raises:
            Refusal: 400 for parameters that Stripe would refuse.
        """
        wanted = self._types(params)
        created = params.moments("created")
        wanted_success = params.flag("delivery_success")
        oldest, newest = self._oldest(), self._account.now - lag
        rows = []
        for event in reversed(self._account.events):
            if event.created < oldest:
                break
            if event.created > newest or not exists_in(event, family):
                continue
            type_ = event_type(event, family)
            if (
                (not wanted or any(fnmatchcase(type_, pattern) for pattern in wanted))
                and (created is None or created(event.created))
                and (wanted_success is None or self._delivered(event) == wanted_success)
            ):
                rows.append(event)
        return rows

    def _types(self, params: Params) -> list[str]:
        one, many = params.one("type"), params.many("types")
        if one is not None and many:
            raise bad_request("You may only specify one of these parameters: type, types.")
        if len(many) > MOST_TYPES:
            raise bad_request(f"You may only specify up to {MOST_TYPES} event types.", "types")
        return many or ([] if one is None else [one])

    def _oldest(self) -> int:
        return self._account.now - KEPT_SECONDS
