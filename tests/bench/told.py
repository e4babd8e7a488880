"""How long it takes from Stripe's delivery of a failed payment until the team's channel has been told of it.

Single failures, each in a workspace of its own, two seconds apart, while other workspaces' events flow. The channel is
Slack's webhook on loopback, the stack that of `make run` with two worker processes.
"""

from __future__ import annotations

import http.client
import json
import time
from threading import Lock
from typing import Final

from pqintel.simulator.account import Account
from pqintel.simulator.delivery import pack
from pqintel.simulator.render import NEWEST
from tests.integrations.peers import Asked, Peer, Reply

from .load import Sender, Spread
from .report import Figure
from .sender import Job
from .stage import Stage

APART_SECONDS: Final = 2.0
BESIDE_PER_SECOND: Final = 20.0
WORKSPACES: Final = 20
WITHIN_MS: Final = 3_000
PATIENCE_SECONDS: Final = 30.0


class Slack:
    """A stand-in that takes every message and remembers when it came."""

    def __init__(self) -> None:
        self._came: list[tuple[float, str]] = []
        self._lock = Lock()
        self.peer = Peer(self._take)

    def _take(self, asked: Asked) -> Reply:
        with self._lock:
            self._came.append((time.time(), json.loads(asked.body)["text"]))
        return Reply(body=b"ok", headers={"Content-Type": "text/html"})

    def came(self, word: str) -> float | None:
        """When the first message with that word came, in unix seconds."""
        with self._lock:
            return next((at for at, text in self._came if word in text), None)


def measure(stage: Stage, slack: Slack, failures: int) -> list[Figure]:
    """Start web, worker and beat on the stage, let payments fail, and wait for the messages.

    Raises:
        RuntimeError: a message did not come within half a minute.
    """
    from tests.factories import ChannelFactory  # needs Django, which the stage has set up
    from tests.integrations.channels.stage import HOOK

    from .tenants import company, open_tenants, parcels

    told = open_tenants(WORKSPACES, "told")
    for tenant in told:
        ChannelFactory(workspace=tenant.workspace, number=1, kind="slack_webhook", secret=HOOK)
    others = open_tenants(5, "beside")
    seconds = int(failures * APART_SECONDS) + 10
    count = int(seconds * BESIDE_PER_SECOND / len(others))
    hands = {tenant: parcels(company(seed, 20, 200), count=count) for seed, tenant in enumerate(others)}
    beside = [tenant.request(hand[n]) for n in range(count) for tenant, hand in hands.items() if n < len(hand)]
    stage.start_web()
    stage.start_worker(2)
    stage.start_beat()
    accounts = [Account(1_000 + number, int(time.time()) - 60) for number in range(WORKSPACES)]
    delivered: dict[str, float] = {}
    with Sender(stage.folder, Job(stage.port, beside, rate=BESIDE_PER_SECOND)) as sender:
        sender.begin()
        began = time.time() + 2
        for number in range(failures):
            time.sleep(max(0.0, began + number * APART_SECONDS - time.time()))
            tenant, account = told[number % WORKSPACES], accounts[number % WORKSPACES]
            name = f"Customer No. {number:04}"
            account.advance(int(time.time()))
            since = len(account.events)
            customer = account.create_customer(name=name, email="somebody@example.com")
            account.decline_next(customer.id, "insufficient_funds")
            account.invoice_once(customer.id, 4900)
            connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=10)
            for parcel, event in zip(
                pack(account.events[since:], NEWEST, pretty=True), account.events[since:], strict=True
            ):
                if "payment_failed" in event.type:
                    delivered.setdefault(name, time.time())
                connection.request("POST", tenant.path, parcel.body, tenant.headers(parcel))
                connection.getresponse().read()
            connection.close()
        sender.finish()
    waits = [_came(slack, name) - at for name, at in delivered.items()]
    spread = Spread.of(waits)
    return [
        Figure(f"{failures} single failures, {APART_SECONDS:g} s apart, p50", spread.p50, "ms"),
        Figure("p95", spread.p95, "ms"),
        Figure("p99", spread.p99, "ms", most=WITHIN_MS),
    ]


def _came(slack: Slack, name: str) -> float:
    until = time.time() + PATIENCE_SECONDS
    while (at := slack.came(name)) is None:
        if time.time() > until:
            raise RuntimeError(f"Nobody was told of {name}.")
        time.sleep(0.05)
    return at
