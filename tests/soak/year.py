"""The year, delivered through the real endpoint: in order, with real reads of the API; then in disorder.

Reads get ids and instants of their own, so the second delivery gets the very answers of the first, strewn in between
its events, and asks nothing itself: both have seen the same, in another order, and must know the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from integrations.models import Connection, InboxEvent
from integrations.stripe import reads
from integrations.stripe.intake import EVENT_PREFIX
from integrations.stripe.webhook import doorbell
from pqintel.simulator.delivery import Conditions, Parcel
from pqintel.simulator.delivery.conditions import arrange
from pqintel.simulator.render import Family
from pqintel.simulator.testing import Simulation
from pqintel.vault import unseal
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.bench.drains import put, wait_until_drained, waiting
from tests.bench.load import send
from tests.bench.sender import Job
from tests.bench.stage import Stage
from tests.bench.tenants import Tenant, open_tenants

from .comparing import Numbers, differences, dump, month_ends, reported, told

LOAD = 4_000
"""Deliveries signed at a time: a signature is good for five minutes."""
IN_ORDER = 4
"""Senders of the first delivery: as Stripe does on a good day, in order of happening and a few at a time."""
SENDERS = 8
COPIES = 3
ROUNDS = 20

_PENDING = InboxEvent.objects.filter(state="pending", event_id__startswith=EVENT_PREFIX).order_by("pk")


class Year:
    """Delivers one company's history to workspaces of its own."""

    def __init__(self, stage: Stage, simulation: Simulation, seed: int) -> None:
        self.stage = stage
        self.simulation = simulation
        self.seed = seed
        self.owner = stage.owner()
        account = simulation.account
        self.instants = month_ends(account.start, account.now)
        self.truth: list[Numbers] = [told(simulation.truth, at) for at in self.instants]

    def run(self, families: Sequence[Family]) -> list[str]:
        """Deliver and compare; returns what differs, in words."""
        self.stage.start_web()
        self.stage.start_worker(2, "drain")
        failures: list[str] = []
        for number, family in enumerate(families):
            began = time.monotonic()
            found = self._both(family, number)
            failures += [f"{family.version}: {line}" for line in found]
            print(
                f"soak: {family.version} {'DIFFERS' if found else 'same'}, {time.monotonic() - began:.0f} s", flush=True
            )
        return failures

    def _both(self, family: Family, number: int) -> list[str]:
        ordered, disordered = open_tenants(2, f"soak-{number}")
        parcels = self.simulation.parcels(family=family, pretty=False)
        self._deliver(ordered, parcels, [], connections=IN_ORDER)
        answers = self._read(ordered)
        conditions = Conditions(copies=COPIES, shuffle=-1, seed=self.seed + number)
        self._deliver(disordered, [p for p, _ in arrange(parcels, conditions)], answers, connections=SENDERS)
        print(
            f"soak: {family.version}: {len(parcels):,} events and {len(answers)} reads in order, "
            f"and ×{COPIES} by {SENDERS} senders in disorder {conditions.seed}",
            flush=True,
        )
        found = [f"in disorder: {line}" for line in differences(dump(ordered.workspace), dump(disordered.workspace))]
        for tenant, way in ((ordered, "in order"), (disordered, "in disorder")):
            found += self._unlike_the_truth(tenant, way)
            found += self._undone(tenant, way)
        return found

    def _deliver(
        self, tenant: Tenant, parcels: Sequence[Parcel], answers: Sequence[Parcel], *, connections: int
    ) -> None:
        """Send everything by the endpoint, and put the answers in between; return when the lane is empty."""
        chance = Random(self.seed)
        loads = [parcels[first : first + LOAD] for first in range(0, len(parcels), LOAD)]
        strewn: list[list[Parcel]] = [[] for _ in loads]
        for answer in answers:
            chance.choice(strewn).append(answer)
        for load, some in zip(loads, strewn, strict=True):
            put(self.owner, tenant, some)
            sent = send(self.stage.folder, Job(self.stage.port, [tenant.request(p) for p in load], connections))
            if set(sent.status) != {200}:
                raise RuntimeError(f"not every delivery was acknowledged: {sorted(set(sent.status))}")
        doorbell.ring(tenant.lane)
        wait_until_drained(self.owner)

    def _read(self, tenant: Tenant) -> list[Parcel]:
        """Ask the API all that is open, as if the times to wait were over, until nothing is; what it answered."""
        with scoped_transaction(tenant.workspace):
            stripe = Connection.objects.get(pk=tenant.connection_id)
            stripe.secret_key = self.simulation.restricted_key
            stripe.save(update_fields=["secret_key"])
        answers: list[Parcel] = []
        for _ in range(ROUNDS):
            self.owner.execute("UPDATE integrations_read SET due_at = now() WHERE done_at IS NULL")
            more = True
            while more:
                with scope(tenant.workspace):
                    _, more = reads.answer_due(stripe)
            fresh = list(self._fresh(tenant))
            answers += fresh
            doorbell.ring(tenant.lane)
            wait_until_drained(self.owner)
            if not fresh:
                return answers
        raise RuntimeError("reads lead to reads without an end")

    @staticmethod
    def _fresh(tenant: Tenant) -> Iterator[Parcel]:
        """The answers that wait in the inbox, opened."""
        with scoped_transaction(tenant.workspace) as workspace_id:
            for row in _PENDING.all():
                body = unseal(bytes(row.body or b""), "integrations_inboxevent", "body", workspace_id, row.event_id)
                yield Parcel(row.event_id, body)

    def _unlike_the_truth(self, tenant: Tenant, way: str) -> list[str]:
        lines = []
        for at, truth in zip(self.instants, self.truth, strict=True):
            said = reported(tenant.workspace, at)
            if said != truth:
                when = time.strftime("%Y-%m-%d", time.gmtime(at))
                lines.append(
                    f"{way}: metrics of {when} are {_short(said, truth)}, the simulator says {_short(truth, said)}"
                )
        return lines

    def _undone(self, tenant: Tenant, way: str) -> list[str]:
        sql = "SELECT state, count(*) FROM integrations_inboxevent WHERE workspace_id = %s GROUP BY 1"
        rows: list[Any] = self.owner.execute(sql, (tenant.workspace.pk,)).fetchall()
        states: dict[str, int] = dict(rows)
        left = {state: count for state, count in states.items() if state not in ("done", "ignored")}
        return [f"{way}: not every event was processed: {left}, {waiting(self.owner)} wait"] if left else []


def _short(numbers: Numbers, other: Numbers) -> str:
    """Of numbers, the parts that the others do not have."""
    parts = []
    for currency, line in numbers.items():
        theirs = other.get(currency, {})
        parts += [
            f"{currency} {name} {value}"
            for name, value in line.items()
            if name != "plans" and theirs.get(name) != value
        ]
        plans = theirs.get("plans", {})
        parts += [f"{currency} {price} {plan}" for price, plan in line["plans"].items() if plans.get(price) != plan][:3]
    return "; ".join(parts) or "nothing else"
