"""The read API of the simulated account: GET only, on loopback, with Stripe's pages, filters and refusals."""

from pqintel.simulator.server.api import Api, Reply
from pqintel.simulator.server.endpoints import RECOMMENDED_EVENTS, REQUIRED_EVENTS, USUAL_EVENTS, WebhookEndpoint
from pqintel.simulator.server.faults import Faults, Weather
from pqintel.simulator.server.http import SimulatorServer
from pqintel.simulator.server.keys import PERMISSIONS, USUAL_PERMISSIONS, ApiKey, KeyRing

__all__ = [
    "PERMISSIONS",
    "RECOMMENDED_EVENTS",
    "REQUIRED_EVENTS",
    "USUAL_EVENTS",
    "USUAL_PERMISSIONS",
    "Api",
    "ApiKey",
    "Faults",
    "KeyRing",
    "Reply",
    "SimulatorServer",
    "Weather",
    "WebhookEndpoint",
]
