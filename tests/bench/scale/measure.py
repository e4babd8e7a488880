"""The same work on workspaces of every size, in turn, so that the machine's moods fall on all of them alike."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final

from psycopg import Connection

from billing.actions.rebuild import rebuild
from billing.dashboard import dashboard, standing
from billing.metrics.periods import chosen
from billing.modes import Mode
from integrations.stripe.drain import drain
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.bench.drains import put
from tests.bench.report import Figure, Report
from tests.bench.tenants import company, open_tenants, parcels

from .population import Population, settle

LOOKS: Final = 15
ROUNDS: Final = 5
EVENTS: Final = 400
"""Events drained in each round."""
REBUILT_UP_TO: Final = 100_000


class Scale:
    """One run over some sizes, the smallest first."""

    def __init__(self, owner: Connection[Any], report: Report, sizes: Sequence[int]) -> None:
        self.owner = owner
        self.report = report
        self.sizes = sizes

    def all(self) -> None:
        populations = []
        for size, tenant in zip(self.sizes, open_tenants(len(self.sizes), "scale"), strict=True):
            began = time.monotonic()
            populations.append(settle(self.owner, tenant, size))
            _say(f"{size:,} subscriptions written, {time.monotonic() - began:.0f} s")
        self._dashboards(populations)
        self._drains(populations)
        for population in populations:
            if population.subscriptions <= REBUILT_UP_TO:
                self._rebuild(population)

    def _dashboards(self, populations: Sequence[Population]) -> None:
        _say("dashboards")
        looks: dict[int, list[float]] = {population.subscriptions: [] for population in populations}
        for _ in range(LOOKS):
            for population in populations:
                now = datetime.now(UTC)
                with scoped_transaction(population.tenant.workspace):
                    began = time.perf_counter()
                    state = standing(population.tenant.workspace, Mode.TEST, now)
                    shown = dashboard(population.tenant.workspace, Mode.TEST, now, chosen({}, state.today), state)
                    looks[population.subscriptions].append(1000 * (time.perf_counter() - began))
                assert shown.sections
        smallest = median(looks[self.sizes[0]])
        for size, seconds in looks.items():
            self.report.add(
                "The dashboard's whole data", Figure(f"{size:,} subscriptions", median(seconds), "ms", most=50)
            )
        growth = median(looks[self.sizes[-1]]) / smallest
        self.report.add("The dashboard's whole data", Figure("the largest by the smallest", growth, "×", most=1.5))

    def _drains(self, populations: Sequence[Population]) -> None:
        rates: dict[int, list[float]] = {population.subscriptions: [] for population in populations}
        hands = parcels(company(7, 150, 300), count=EVENTS * (ROUNDS + 1))
        for number in range(ROUNDS + 1):
            _say(f"drains, round {number} of {ROUNDS}")
            for population in populations:
                tenant = population.tenant
                put(self.owner, tenant, hands[number * EVENTS : (number + 1) * EVENTS])
                began = time.perf_counter()
                while drain(tenant.lane).more:
                    pass
                if number:  # the first one warms up
                    rates[population.subscriptions].append(EVENTS / (time.perf_counter() - began))
        for size, found in rates.items():
            self.report.add(
                "Inbox to billing state, one lane", Figure(f"{size:,} subscriptions", median(found), "events/s")
            )
        share = median(rates[self.sizes[-1]]) / median(rates[self.sizes[0]])
        self.report.add(
            "Inbox to billing state, one lane", Figure("the largest by the smallest", share, "×", least=0.8)
        )

    def _rebuild(self, population: Population) -> None:
        _say(f"rebuild, {population.subscriptions:,}")
        workspace = population.tenant.workspace
        began = time.perf_counter()
        with scope(workspace):
            rebuilt = rebuild(workspace.pk, Mode.TEST)
        seconds = time.perf_counter() - began
        name = f"{population.subscriptions:,} subscriptions"
        self.report.add(
            "Rebuild of spans, movements and daily sums",
            Figure(f"{name}, rows corrected", rebuilt.movements + rebuilt.rollups, "rows", most=0),
            Figure(f"{name}, customers", rebuilt.customers / seconds, "/s"),
        )


def _say(text: str) -> None:
    print(f"bench: {text}", flush=True)
