"""The simulator in a handful of lines, for tests, benchmarks and scripts.

with Simulation(seed=7) as stripe:
    ada = stripe.account.create_customer(name="Ada")
    ...
    settings.STRIPE_API_BASE = stripe.url          # the read API, on loopback
    report = stripe.deliver("http://127.0.0.1:8000/webhooks/stripe/…/", Conditions(copies=3, shuffle=-1))
    assert our_metrics == stripe.truth.as_dict()
"""

from collections.abc import Sequence
from random import Random

from pqintel.simulator.account import Account
from pqintel.simulator.delivery import Conditions, Deliverer, DeliveryReport, Parcel, pack
from pqintel.simulator.render import NEWEST, Family, family_of
from pqintel.simulator.server import Api, Faults, KeyRing, SimulatorServer, Weather, WebhookEndpoint
from pqintel.simulator.server.fake_keys import fake_key, fake_signing_secret
from pqintel.simulator.truth import Truth

EPOCH = 1_767_225_600
"""2026-01-01T00:00:00Z: where accounts made here begin unless told otherwise."""


class Simulation:
    """An account with its keys, its read API and its deliveries. Use as a context manager, or `start` and `stop`.

    Args:
        account: an account with a history; a fresh one is made from `seed` and `start` when left out.
        seed: also decides the keys, so that a test can be repeated exactly.
        start: Unix seconds at which a fresh account's clock stands.
        livemode: of a fresh account, and of the keys.
        family: the version of the account, its endpoint and its events; a `Family` or a version's name.
        weather: bad weather of the API; change it later by `faults.change(...)`.
        port: of the API; 0 takes a free one.

    Attributes:
        account, keys, faults, endpoints, api, server, truth: the parts, for whoever needs more than the shortcuts.
        secret_key, restricted_key, publishable_key, webhook_secret: what a user would paste.
        acknowledged: ids of all events that were answered 2xx in deliveries made here.
    """

    def __init__(
        self,
        account: Account | None = None,
        *,
        seed: int = 1,
        start: int = EPOCH,
        livemode: bool = False,
        family: Family | str = NEWEST,
        weather: Weather | None = None,
        port: int = 0,
    ) -> None:
        chance = Random(f"keys:{seed}")
        self.account = account if account is not None else Account(seed, start, livemode=livemode)
        livemode = self.account.livemode
        self.family = family_of(family) if isinstance(family, str) else family
        self.secret_key, self.restricted_key, self.publishable_key = (
            fake_key(prefix, livemode, chance) for prefix in ("sk", "rk", "pk")
        )
        self.webhook_secret = fake_signing_secret(chance)
        self.keys = KeyRing()
        for key in (self.secret_key, self.restricted_key, self.publishable_key):
            self.keys.add(key)
        self.faults = Faults(weather)
        self.endpoints: list[WebhookEndpoint] = []
        self.acknowledged: set[str] = set()
        self.api = Api(
            self.account,
            self.keys,
            family=self.family,
            endpoints=lambda: self.endpoints,
            faults=self.faults,
            delivered=lambda event: event.id in self.acknowledged,
        )
        self.truth = Truth(self.account)
        self.server = SimulatorServer(self.api, port=port)

    @property
    def url(self) -> str:
        """Base URL of the read API, for `STRIPE_API_BASE`."""
        return self.server.url

    def start(self) -> "Simulation":
        """Serve the read API in the background."""
        self.server.start()
        return self

    def stop(self) -> None:
        """Stop serving."""
        self.server.stop()

    def __enter__(self) -> "Simulation":
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.stop()

    def register(self, url: str, **fields: object) -> WebhookEndpoint:
        """Register a webhook endpoint as the dashboard would; further `fields` are those of `WebhookEndpoint`."""
        values: dict[str, object] = {
            "id": f"we_sim{len(self.endpoints):021}",
            "url": url,
            "created": self.account.now,
            "api_version": self.family.version,
            "livemode": self.account.livemode,
            **fields,
        }
        endpoint = WebhookEndpoint(**values)  # type: ignore[arg-type]  # the caller's fields are WebhookEndpoint's own
        self.endpoints.append(endpoint)
        return endpoint

    def parcels(self, *, family: Family | str | None = None, since: int = 0, pretty: bool = False) -> list[Parcel]:
        """Return all events with a sequence above `since` as bodies ready to send, oldest first."""
        shape = self.family if family is None else family_of(family) if isinstance(family, str) else family
        with self.account.lock:
            return list(pack(self.account.events[since:], shape, pretty=pretty))

    def deliver(
        self,
        url: str,
        conditions: Conditions | None = None,
        *,
        family: Family | str | None = None,
        since: int = 0,
        secrets: Sequence[str] | None = None,
    ) -> DeliveryReport:
        """Send all events with a sequence above `since` to a URL and wait until that is done.

        The events are rendered before the first is sent, so the report's times are those of delivery alone.
        """
        deliverer = Deliverer(url, secrets or [self.webhook_secret], conditions, on_acknowledged=self.acknowledged.add)
        return deliverer.deliver(self.parcels(family=family, since=since))
