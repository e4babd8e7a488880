"""Workers that are killed while they read an account."""

from __future__ import annotations

from billing.models import Invoice, Subscription
from integrations.models import Backfill, Connection, InboxEvent
from integrations.stripe import backfill
from integrations.stripe.intake import PAGE_PREFIX
from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.scenario import saas_year
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.soak.comparing import reported, told

from .nemesis import blocked, held_up
from .stage import Stage, scaled, until
from .tenants import START, Tenant, new_tenant

MIDDLE = "integrations_backfill"
"""Written with every page: who waits for it has read a page and stored nothing of it."""


def run_of(tenant: Tenant) -> Backfill:
    with scoped_transaction(tenant.workspace):
        return Backfill.objects.get()


def all_in(tenant: Tenant) -> bool:
    with scoped_transaction(tenant.workspace):
        over = Backfill.objects.exclude(finished_at=None).exists()
        return over and not InboxEvent.objects.filter(state="pending").exists()


def test_a_backfill_goes_on_from_its_page_when_workers_are_killed(stage: Stage) -> None:
    account = Account("killed", START)
    saas_year(account, START + 150 * DAY, 120)
    tenant = new_tenant()
    with Simulation(account, seed=3) as stripe, stage.reading_from(stripe.url):
        with scoped_transaction(tenant.workspace):
            connection = Connection.objects.get()
            connection.secret_key = stripe.restricted_key
            connection.save(update_fields=["secret_key"])
        with scope(tenant.workspace):
            backfill.start(connection)
        places = []
        for _ in range(scaled(3)):
            with held_up(stage, MIDDLE) as database:
                until("a worker has read a page", lambda: blocked(database, MIDDLE))
                places.append((run_of(tenant).stage, run_of(tenant).place))
                stage.worker.kill()
            assert (run_of(tenant).stage, run_of(tenant).place) == places[-1]
            stage.worker.start()
            until("it has gone on", lambda: (run_of(tenant).stage, run_of(tenant).place) != places[-1])
        until("all is read and applied", lambda: all_in(tenant))
    run = run_of(tenant)
    assert (run.failure, run.skipped) == (None, {})
    assert run.counts["subscription"] == len(account.subscriptions)
    assert run.counts["invoice"] == len(account.invoices)
    with scoped_transaction(tenant.workspace):
        assert set(Subscription.objects.values_list("stripe_id", flat=True)) == set(account.subscriptions)
        assert set(Invoice.objects.values_list("stripe_id", flat=True)) == set(account.invoices)
        pages = InboxEvent.objects.filter(event_id__startswith=PAGE_PREFIX)
        assert pages.count() == sum(-(-count // 100) for name, count in run.counts.items() if name != "event")
        assert set(InboxEvent.objects.values_list("state", flat=True)) <= {"done", "ignored"}
    assert reported(tenant.workspace, account.now) == told(stripe.truth, account.now)
