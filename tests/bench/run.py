"""The measurements in their order; what each means is told in docs/benchmarks.md."""

from __future__ import annotations

import time
from statistics import median

from integrations.stripe.webhook import doorbell
from pqintel.embedded.supervisor import Program
from pqintel.simulator.delivery import Parcel
from pqintel.vault import seal

from . import backfill, dashboard, drains, floors, memory
from .load import Spread, send
from .report import Figure, Report
from .sender import Job, Sent
from .stage import Stage
from .tenants import Tenant, company, dealt, open_tenants, parcels

WORKSPACES = 50
WARM_UP = 15
BESIDE = 20
DENSE = 40
SPARSE_ROUNDS = 6
SENDERS = 16
RATE = 50.0


class Run:
    """One run of the bench on a stage."""

    def __init__(self, stage: Stage, report: Report, *, quick: bool) -> None:
        self.stage = stage
        self.report = report
        self.rounds = 1 if quick else 3
        self.live_seconds = 8 if quick else 20
        self.accounts = 100 if quick else 400
        self.history = 2_000 if quick else 8_000
        self.owner = stage.owner()
        self.one_by_one = 0.0
        self.insert = 0.0

    def all(self) -> None:
        """Measure everything; the figures are in the report."""
        _say("companies and their events")
        tenants = open_tenants(WORKSPACES)
        needed = WARM_UP + BESIDE + DENSE * self.rounds + SPARSE_ROUNDS + int(self.live_seconds * RATE / 10)
        hands = {tenant: parcels(company(seed, 12, 120), count=needed) for seed, tenant in enumerate(tenants)}
        web = self.stage.start_web()
        worker = self.stage.start_worker(1, "drain")
        self._warm_up(hands)
        taken = self._beside(hands, WARM_UP)
        taken = self._dense(hands, taken, worker)
        taken = self._sparse(hands, taken, worker)
        self.stage.end(worker)
        self.backfill()
        worker = self.stage.start_worker(2)
        self._live(hands, taken)
        self._memory(web, worker)

    def backfill(self) -> None:
        """An account read and applied by one worker process."""
        _say("a backfill")
        figures = backfill.measure(self.stage, self.owner, customers=self.accounts)
        self.report.add("Backfill by one worker process, from a stand-in that answers at once", *figures)

    def _warm_up(self, hands: dict[Tenant, list[Parcel]]) -> None:
        _say("warm-up")
        floors.prepare(self.owner)
        self._deliver({tenant: hand[:WARM_UP] for tenant, hand in hands.items()})
        drains.wait_until_drained(self.owner)

    def _beside(self, hands: dict[Tenant, list[Parcel]], first: int) -> int:
        _say("webhooks while a worker drains beside them")
        sent = self._deliver({tenant: hand[first : first + BESIDE] for tenant, hand in hands.items()})
        drains.wait_until_drained(self.owner)
        section = "Webhooks while one worker process drains them, 16 senders"
        self.report.add(section, Figure("acknowledged", _rate(sent), "/s"), *_latencies(Spread.of(sent.seconds)))
        return first + BESIDE

    def _dense(self, hands: dict[Tenant, list[Parcel]], first: int, worker: Program) -> int:
        """Rounds of: the INSERT floor, webhooks while the worker rests, the worker on that backlog, its floors."""
        inserted, answered, seconds = [], [], []
        visits, together, alone = [], [], []
        for number in range(self.rounds):
            _say(f"round {number + 1} of {self.rounds}: webhooks, then a dense backlog")
            batch = {tenant: hand[first : first + DENSE] for tenant, hand in hands.items()}
            first += DENSE
            with drains.held(worker):
                rows = [
                    (tenant.workspace.pk, tenant.connection_id, parcel.event_id, seal(parcel.body, "floor", number))
                    for tenant, hand in batch.items()
                    for parcel in hand
                ]
                inserted.append(len(rows) / floors.inserts(self.owner, rows))
                sent = self._deliver(batch)
                answered.append(_rate(sent))
                seconds += sent.seconds
                drained = drains.drain(self.owner, worker, [tenant.lane for tenant in hands])
            visits.append(drained)
            written = list(floors.written_since(self.owner, drained.began).values())
            events = sum(len(one.inbox) for one in written)
            together.append(events / floors.together(self.owner, written))
            alone.append(sum(len(one.inbox) for one in written[:8]) / floors.one_by_one(self.owner, written[:8]))
        self.insert, self.one_by_one = median(inserted), median(alone)
        count = DENSE * WORKSPACES * self.rounds
        self.report.add(
            f"Webhooks, {SENDERS} senders, {count:,} events, full middleware",
            Figure("acknowledged", median(answered), "/s", self.insert, "INSERTs/s", least_share=0.3),
            *_latencies(Spread.of(seconds), most=100),
        )
        per_second = median(one.per_second for one in visits)
        statements = sum(one.statements for one in visits) / sum(one.events for one in visits)
        self.report.add(
            f"One worker process, dense backlog: {WORKSPACES} workspaces × {DENSE} events",
            Figure("inbox to billing state", per_second, "events/s", median(together), "set-based", least=500),
            Figure("SQL statements", statements, "per event", most=1),
            Figure("bare writer, one event at a time", self.one_by_one, "events/s"),
        )
        return first

    def _sparse(self, hands: dict[Tenant, list[Parcel]], first: int, worker: Program) -> int:
        _say("a sparse backlog")
        visits, together = [], []
        for number in range(first, first + SPARSE_ROUNDS):
            with drains.held(worker):
                for tenant, hand in hands.items():
                    drains.put(self.owner, tenant, hand[number : number + 1])
                drained = drains.drain(self.owner, worker, [tenant.lane for tenant in hands])
            visits.append(drained)
            written = list(floors.written_since(self.owner, drained.began).values())
            together.append(sum(len(one.inbox) for one in written) / floors.together(self.owner, written))
        per_second = median(one.per_second for one in visits)
        statements = sum(one.statements for one in visits) / sum(one.events for one in visits)
        self.report.add(
            f"One worker process, sparse backlog: {WORKSPACES} workspaces × 1 event",
            Figure("inbox to billing state", per_second, "events/s", median(together), "bare writer"),
            Figure("SQL statements", statements, "per event"),
        )
        return first + SPARSE_ROUNDS

    def _live(self, hands: dict[Tenant, list[Parcel]], first: int) -> None:
        """A long history first, then events at 50 a second with open pages: all to it, and spread over ten others."""
        _say("a long history")
        count = int(self.live_seconds * RATE)
        (tenant,) = open_tenants(1, "busy")
        story = parcels(company(50, 400, 365 if self.history > 2_000 else 120), count=self.history + count)
        drains.put(self.owner, tenant, story[: self.history])
        began = time.perf_counter()
        doorbell.ring(tenant.lane)
        drains.wait_until_drained(self.owner)
        rate = self.history / (time.perf_counter() - began)
        self.report.add(
            f"One lane's long history: {self.history:,} events", Figure("inbox to billing state", rate, "events/s")
        )
        _say("live events, all of one workspace")
        self._watch(f"Live, {RATE:g} events/s to one workspace", {tenant: story[self.history :]})
        _say("live events, of ten workspaces")
        some = list(hands.items())[:10]
        self._watch(
            f"Live, {RATE:g} events/s to ten workspaces",
            {tenant: hand[first : first + count // 10] for tenant, hand in some},
        )

    def _watch(self, section: str, hands: dict[Tenant, list[Parcel]]) -> None:
        requests = dealt([[tenant.request(parcel) for parcel in hand] for tenant, hand in hands.items()])
        told = dashboard.measure(self.owner, self.stage.folder, self.stage.port, hands, requests, RATE)
        bare = 1000 / self.insert + 1000 / self.one_by_one
        self.report.add(
            section,
            Figure("sent", told.per_second, "events/s"),
            Figure("effects committed, p50", told.applied.p50, "ms", bare, "ms bare"),
            Figure("effects committed, p99", told.applied.p99, "ms"),
            Figure(f"access changed ({told.moves} times), p50", told.access.p50, "ms"),
            Figure("access changed, p99", told.access.p99, "ms", most=2000),
            Figure("seen on the dashboard, p50", told.seen.p50, "ms", told.page.p50, "ms the page's answer"),
            Figure("seen on the dashboard, p95", told.seen.p95, "ms", told.page.p95, "ms the page's answer"),
            Figure("seen on the dashboard, p99", told.seen.p99, "ms", told.page.p99, "ms the page's answer", most=2000),
        )

    def _memory(self, web: Program, worker: Program) -> None:
        for name, program in (("web", web), ("worker", worker)):
            for number, pid in enumerate(memory.members(program)):
                rss, pss = memory.rss_and_pss(pid)
                kind = "master" if number == 0 else f"process {number}"
                self.report.add(
                    "Memory after the run (PSS beside RSS)", Figure(f"{name}, {kind}", rss, "MiB", pss, "PSS")
                )

    def _deliver(self, hands: dict[Tenant, list[Parcel]]) -> Sent:
        requests = dealt([[tenant.request(parcel) for parcel in hand] for tenant, hand in hands.items()])
        sent = send(self.stage.folder, Job(self.stage.port, requests, SENDERS))
        if set(sent.status) != {200}:
            raise RuntimeError(f"not every webhook was acknowledged: {sorted(set(sent.status))}")
        return sent


def _rate(sent: Sent) -> float:
    return len(sent.status) / (sent.ended - sent.began)


def _latencies(spread: Spread, most: float | None = None) -> list[Figure]:
    return [
        Figure("p50", spread.p50, "ms"),
        Figure("p95", spread.p95, "ms"),
        Figure("p99", spread.p99, "ms", most=most),
    ]


def _say(text: str) -> None:
    print(f"bench: {text}", flush=True)
