"""Where events go, and how the account lists the endpoint that they go to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pqintel.simulator.delivery import Conditions, Deliverer
from pqintel.simulator.server.endpoints import USUAL_EVENTS, WebhookEndpoint, selected

ENDPOINT_ID = "we_sim000000000000000001"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where events go and how the account lists the endpoint.

    Attributes:
        url: what is posted to; None while nobody asked for anything.
        rate: events per second at most; None as fast as they are answered.
        concurrency: number of senders.
        listed_url: the endpoint's URL in the API, when events take another way to the same place (or, in a test, when
            it is registered wrongly); None lists `url`.
        enabled_events: which types are sent, wildcards included.
        status: `enabled`, or `disabled`: listed so, and nothing is sent.
        registered: False lists no endpoint at all, though events flow.
    """

    url: str | None = None
    rate: float | None = None
    concurrency: int = 4
    listed_url: str | None = None
    enabled_events: tuple[str, ...] = USUAL_EVENTS
    status: str = "enabled"
    registered: bool = True

    @property
    def open(self) -> bool:
        """Whether anything is to be sent."""
        return self.url is not None and self.status == "enabled"

    @property
    def conditions(self) -> Conditions:
        """How to deliver: three tries in quick succession; the courier comes back to what they left."""
        return Conditions(concurrency=self.concurrency, rate=self.rate, attempts=3, backoff=0.2, timeout=10.0)

    def selects(self, type_: str) -> bool:
        """Whether events of a type are sent."""
        return selected(type_, self.enabled_events)

    def endpoint(self, *, created: int, api_version: str, livemode: bool) -> WebhookEndpoint | None:
        """Return the endpoint as the API lists it, if it does."""
        listed = self.listed_url or self.url
        if listed is None or not self.registered:
            return None
        return WebhookEndpoint(
            id=ENDPOINT_ID,
            url=listed,
            created=created,
            enabled_events=self.enabled_events,
            status=self.status,
            api_version=api_version,
            livemode=livemode,
            description="PQ Intel",
        )

    def changed(self, changes: Mapping[str, object]) -> "Destination":
        """Return this destination with changes as they come from JSON.

        Raises:
            ValueError: an unknown field, a value that makes no sense, or a URL that cannot be delivered to.
        """
        values = {**asdict(self), **changes}
        if unknown := values.keys() - asdict(self).keys():
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        for name in ("url", "listed_url"):
            _check(values[name] is None or isinstance(values[name], str), f"{name} is a URL")
        rate, concurrency, events = values["rate"], values["concurrency"], values["enabled_events"]
        _check(rate is None or (_number(rate) and rate > 0), "rate is a positive number of events per second")
        _check(_number(concurrency) and 1 <= concurrency <= 64, "concurrency is a number from 1 to 64")
        listed = isinstance(events, (list, tuple)) and events and all(isinstance(each, str) for each in events)
        _check(bool(listed), "enabled_events is a list of event types")
        _check(values["status"] in ("enabled", "disabled"), "status is enabled or disabled")
        _check(isinstance(values["registered"], bool), "registered is true or false")
        destination = Destination(**{**values, "enabled_events": tuple(events), "concurrency": int(concurrency)})
        if destination.url is not None:
            Deliverer(destination.url, ["unused"])
        return destination


def _check(fine: bool, complaint: str) -> None:
    if not fine:
        raise ValueError(complaint)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
