"""Webhook endpoints as the API lists them. Where events really go is the business of delivery."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pqintel.simulator.render.shape import Json

REQUIRED_EVENTS: tuple[str, ...] = (
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "invoice.paid",
    "invoice.payment_failed",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "checkout.session.completed",
)
RECOMMENDED_EVENTS: tuple[str, ...] = ("customer.subscription.*", "invoice.*", "payment_intent.*")
USUAL_EVENTS = REQUIRED_EVENTS + RECOMMENDED_EVENTS


def selected(type_: str, enabled_events: Iterable[str]) -> bool:
    """Whether a selection holds a type: names it, matches it by a wildcard, or is `*`."""
    return any(fnmatchcase(type_, pattern) for pattern in enabled_events)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """A registered endpoint. Its signing secret is shown only at creation, so never here."""

    id: str
    url: str
    created: int
    enabled_events: tuple[str, ...] = USUAL_EVENTS
    status: str = "enabled"
    api_version: str | None = None
    livemode: bool = False
    description: str | None = None

    def selects(self, type_: str) -> bool:
        """Whether events of a type are sent here."""
        return selected(type_, self.enabled_events)

    def render(self) -> Json:
        """Return the endpoint as `GET /v1/webhook_endpoints` shows it."""
        return {
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version,
            "application": None,
            "created": self.created,
            "description": self.description,
            "enabled_events": list(self.enabled_events),
            "livemode": self.livemode,
            "metadata": {},
            "status": self.status,
            "url": self.url,
        }
