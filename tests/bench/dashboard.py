"""From the sending of a webhook to the page: how long until an event's effects are committed, until they are seen.

Signed-in pages ask for the live part once a second, as the real page does. An event counts as seen at the end of the
first answer whose request left after its effects were committed.
"""

from __future__ import annotations

import http.client
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.test import Client

from pqintel.simulator.delivery import Parcel
from tests.factories import MembershipFactory

from .drains import wait_until_drained
from .floors import Connection
from .load import Spread, send
from .sender import Job
from .tenants import Tenant

TICK_SECONDS = 1.0
_VERSION = re.compile(rb'data-version="(-?\d+)"')
_APPLIED = """
SELECT event_id, pg_xact_commit_timestamp(xmin) FROM integrations_inboxevent WHERE workspace_id = %s AND state = 'done'
"""

# Lines of history about access are written with the row that they are about.
_CHANGED = """
SELECT event_id, min(pg_xact_commit_timestamp(xmin)) FROM billing_historyentry
WHERE workspace_id = %s AND object_kind = 'access' GROUP BY event_id
"""


@dataclass
class Page:
    """One open dashboard of a workspace. `asked` are (request left, answer complete, 200?) in unix seconds."""

    tenant: Tenant
    port: int
    offset: float
    asked: list[tuple[float, float, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        client = Client()
        client.force_login(MembershipFactory(workspace=self.tenant.workspace).user)
        name = settings.SESSION_COOKIE_NAME
        self._cookie = f"{name}={client.cookies[name].value}"
        self._path = f"/w/{self.tenant.workspace.slug}/test/live/"
        self._seen = "0"
        self._stop = threading.Event()
        self._failure = ""
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def open(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Raises RuntimeError when an answer was none."""
        self._stop.set()
        self._thread.join()
        if self._failure:
            raise RuntimeError(self._failure)

    def ask(self) -> tuple[float, float, bool]:
        """One request for the live part, on a connection of its own: a browser's is closed by then, too."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        left = time.time()
        headers = {"Cookie": self._cookie, "HX-Request": "true", "Accept": "*/*"}
        line.request("GET", f"{self._path}?seen={self._seen}", headers=headers)
        answer = line.getresponse()
        body = answer.read()
        complete = time.time()
        line.close()
        if answer.status not in (200, 204):
            raise RuntimeError(f"the live part answered {answer.status}")
        if answer.status == 200 and (found := _VERSION.search(body)):
            self._seen = found.group(1).decode()
        return left, complete, answer.status == 200

    def seen_at(self, instant: float) -> float | None:
        """When what was committed at `instant` stood on this page; None if not before it was closed."""
        return next((complete for left, complete, _ in self.asked if left >= instant), None)

    def _watch(self) -> None:
        tick = time.time() + self.offset
        while not self._stop.wait(max(0.0, tick - time.time())):
            try:
                self.asked.append(self.ask())
            except Exception as error:  # noqa: BLE001 - `close` tells it
                self._failure = f"{type(error).__name__}: {error}"
                return
            tick = max(tick + TICK_SECONDS, time.time())


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the sending of a webhook: its answer, its effects' commit, its being on a page.

    `access` is the commit again, of those events alone that changed what a customer may use; `moves` is their number.
    """

    answered: Spread
    applied: Spread
    access: Spread
    moves: int
    seen: Spread
    page: Spread
    per_second: float


def measure(
    connection: Connection,
    folder: Path,
    port: int,
    hands: dict[Tenant, list[Parcel]],
    requests: list[bytes],
    rate: float,
) -> Latency:
    """Send the requests at `rate` per second, with a page open for every tenant, and follow every event.

    Args:
        hands: which events go to whom; `requests` are their deliveries, in sending order, a hand's in its own order.
    """
    pages = {tenant.workspace.pk: Page(tenant, port, TICK_SECONDS * n / len(hands)) for n, tenant in enumerate(hands)}
    for page in pages.values():
        page.ask()
        page.open()
    sent = send(folder, Job(port, requests, rate=rate))
    if set(sent.status) != {200}:
        raise RuntimeError("not every webhook was acknowledged")
    wait_until_drained(connection)
    time.sleep(2 * TICK_SECONDS + 0.5)
    for page in pages.values():
        page.close()
    due = _by_event(hands, sent.due)
    applied, seen, access = [], [], []
    for tenant, parcels in hands.items():
        workspace = tenant.workspace.pk
        commits: dict[str, datetime] = dict(connection.execute(_APPLIED, (workspace,)).fetchall())
        for parcel in parcels:
            at = commits[parcel.event_id].timestamp()
            shown = pages[workspace].seen_at(at)
            if shown is None:
                raise RuntimeError("an event was never seen on its page")
            applied.append(at - due[workspace, parcel.event_id])
            seen.append(shown - due[workspace, parcel.event_id])
        access += [
            at.timestamp() - due[workspace, event_id]
            for event_id, at in connection.execute(_CHANGED, (workspace,)).fetchall()
            if (workspace, event_id) in due
        ]
    answers = [complete - left for page in pages.values() for left, complete, new in page.asked if new]
    return Latency(
        Spread.of(sent.seconds),
        Spread.of(applied),
        Spread.of(access),
        len(access),
        Spread.of(seen),
        Spread.of(answers),
        len(requests) / (sent.ended - sent.began),
    )


def _by_event(hands: dict[Tenant, list[Parcel]], due: list[float]) -> dict[tuple[int, str], float]:
    """When each event was due. Requests were dealt one of each hand in turn (`tenants.dealt`)."""
    order = [
        (tenant.workspace.pk, parcels[number].event_id)
        for number in range(max(map(len, hands.values())))
        for tenant, parcels in hands.items()
        if number < len(parcels)
    ]
    return dict(zip(order, due, strict=True))
