"""How fast one worker process reads an account and applies it, from a stand-in for Stripe that answers at once."""

from __future__ import annotations

import os
import time
from typing import Any

from integrations.models import Backfill, Connection
from integrations.stripe import backfill
from integrations.stripe.backfill.events import events_oldest_first
from integrations.stripe.backfill.stages import STAGES
from integrations.stripe.client import StripeReader
from integrations.stripe.kinds import Kind
from integrations.stripe.pages import pages
from pqintel.simulator.server import Api
from pqintel.simulator.server.api import Headers, Reply
from pqintel.simulator.server.http import SimulatorServer
from pqintel.simulator.testing import Simulation
from pqintel.vault import Secret
from pqintel.workspaces.tenancy import scope, scoped_transaction

from . import drains, floors
from .report import Figure
from .stage import Stage
from .tenants import company, open_tenants

PATIENCE_SECONDS = 300.0

_UNFINISHED = "SELECT count(*) FROM integrations_backfill WHERE finished_at IS NULL"


class Remembering(Api):
    """Answers a question that was put before with the same bytes: what rendering costs is not the product's."""

    def answer(self, method: str, target: str, headers: Headers) -> Reply:
        known: dict[str, Reply] = self.__dict__.setdefault("known", {})
        if target not in known:
            known[target] = super().answer(method, target, headers)
        return known[target]


def measure(stage: Stage, owner: floors.Connection, *, customers: int) -> list[Figure]:
    """Let one worker process read a company of so many customers; objects a second until the last is applied."""
    simulation = Simulation(company(77, customers, 365), seed=77)
    api = Remembering(simulation.account, simulation.keys, family=simulation.family)
    with_answers = SimulatorServer(api).start()
    os.environ["STRIPE_API_BASE"] = with_answers.url
    worker = None
    try:
        _ask_once(with_answers.url, simulation.secret_key)
        (tenant,) = open_tenants(1, "backfill")
        with scoped_transaction(tenant.workspace):
            stripe = Connection.objects.get(pk=tenant.connection_id)
            stripe.secret_key = simulation.secret_key
            stripe.save(update_fields=["secret_key"])
        floors.prepare(owner)
        worker = stage.start_worker(1)
        time.sleep(8)  # it is up when it takes its first task, and that is not what is measured
        row: Any = owner.execute("SELECT clock_timestamp()").fetchone()
        began = time.perf_counter()
        with scope(tenant.workspace):
            backfill.start(stripe)
        _wait(owner)
        seconds = time.perf_counter() - began
        with scoped_transaction(tenant.workspace):
            run = Backfill.objects.get()
        if run.failure or run.skipped:
            raise RuntimeError(f"the backfill did not read everything: {run.failure or run.skipped}")
        objects = sum(run.counts.values())
        bare = floors.together(owner, list(floors.written_since(owner, row[0]).values()))
        return [
            Figure("read and applied", objects / seconds, "objects/s", objects / bare, "set-based", least=1_000),
            Figure("objects", objects, ""),
        ]
    finally:
        if worker is not None:
            stage.end(worker)
        with_answers.stop()


def _ask_once(url: str, key: str) -> None:
    """Let the stand-in render everything that will be asked for."""
    with StripeReader(Secret(key), base=url) as reader:
        for stage in STAGES:
            if stage.kind is Kind.EVENT:
                list(events_oldest_first(reader, ""))
            else:
                list(pages(reader, stage.kind, **stage.filters))


def _wait(owner: floors.Connection) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        row: Any = owner.execute(_UNFINISHED).fetchone()
        if not row[0]:
            return drains.wait_until_drained(owner)
        if time.monotonic() > deadline:
            raise RuntimeError("the backfill does not end")
        time.sleep(0.02)
