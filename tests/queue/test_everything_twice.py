"""Every job of beat, every task that it rings for, and every reaction: run twice, and twice at once.

Whoever adds one finds it here: the registries are walked, and each has to find something to do in the workspace that is
furnished for it. What was decided in the end must be what is decided when everything runs once.
"""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from celery import Task, current_app
from django.conf import settings as project
from django.core import mail
from django.db import connection

from alerts.reactions import judge_numbers
from billing.actions.reacting import visit
from billing.fingerprint import canonical
from billing.lanes import lane_of
from billing.models import PendingReaction
from billing.modes import Mode
from billing.reacting import READ_PREFIX, Reaction, Reactions
from integrations.models import Backfill, Connection, Drift, InboxEvent, Reconciliation
from pqintel.reactions import REACTIONS
from pqintel.simulator.account import Account
from pqintel.simulator.testing import Simulation
from pqintel.vault import seal
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.decisions import Company, differences, without_instants
from tests.factories import (
    AccessFactory,
    BackfillFactory,
    ChannelOutageFactory,
    ConnectionFactory,
    InboxEventFactory,
    ReadFactory,
    RecalculationFactory,
)
from tests.factories_alerts import FindingFactory, RuleFactory
from tests.factories_dunning import PolicyFactory
from tests.factories_letters import LetterFactory

pytestmark = pytest.mark.django_db(transaction=True)

OURS = ("pqintel.", "billing.", "integrations.", "dunning.", "alerts.")
OF_CHANNELS = frozenset({"integrations.tasks.send_deliveries"})
"""Tasks whose lane is a channel's; that of all others is a workspace's mode."""
SAY_WHETHER_MORE = {"billing.tasks.recalculate"}
"""Tasks that do not return how much they did."""
BILLING = ("customer", "subscription", "invoice", "payment", "mrrspan", "failure", "access")
Run = Callable[..., list[Any]]


def once(work: Callable[..., Any], *args: Any) -> list[Any]:
    return [work(*args)]


@pytest.fixture
def twice() -> Iterator[Run]:
    """Runs something in two threads that begin together, each with a connection of its own, and once more after it."""
    start = Barrier(2)

    def run(work: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        start.wait(30)
        return work(*args)

    with ThreadPoolExecutor(2) as pool:

        def doubled(work: Callable[..., Any], *args: Any) -> list[Any]:
            at_once = [pool.submit(run, work, args) for _ in range(2)]
            return [*(one.result(60) for one in at_once), work(*args)]

        yield doubled
        for done in [pool.submit(run, lambda: connection.close(), ()) for _ in range(2)]:
            done.result(30)


# Every job, every task ------------------------------------------------------------------------------------------------
class Furnished(Company):
    """A company for which every job of beat finds something to do; its account is connected in test mode as well."""

    def __init__(self, now: datetime, stripe: Simulation) -> None:
        super().__init__(now, kind="email", target="team@example.com")
        self.news().due().put_off().over_thresholds().summary()
        broken = self.channel(number=2, state="broken", since=now, told_at=now, created_at=self.at(0))
        ChannelOutageFactory(channel=broken, starts=now - timedelta(minutes=1))
        self._rule("channel_broken", {})
        self.test: Connection = ConnectionFactory(
            workspace=self.workspace, secret_key=stripe.restricted_key, connected_at=now - timedelta(days=40)
        )
        of_test = {"connection": self.test}
        parcels = stripe.parcels()
        for parcel in parcels[:-1]:  # the last one was lost
            self._put(parcel.event_id, parcel.body, now - timedelta(minutes=1))
        self._put("evt_held", parcels[0].body.replace(parcels[0].event_id.encode(), b"evt_held"), now, state="held")
        old = {"received_at": now - timedelta(days=46)}
        InboxEventFactory(**of_test, **old, event_id="evt_set_aside", state="quarantined", reason="x")
        InboxEventFactory(**of_test, **old, event_id="evt_old", state="done")
        ReadFactory(**of_test, object_id=next(iter(stripe.account.prices)), due_at=now)
        BackfillFactory(**of_test, stepped_at=now - timedelta(minutes=1))
        PolicyFactory(workspace=self.workspace, card_notice=True)
        RecalculationFactory(workspace=self.workspace, asked_at=now)
        ended = {"until": now - timedelta(hours=1), "subscription": None, "cause": "evt_1"}
        AccessFactory(workspace=self.workspace, customer="cus_ended", **ended)
        then = now - timedelta(days=91)
        rule = RuleFactory(workspace=self.workspace, number=1, enabled=False)
        FindingFactory(workspace=self.workspace, rule=rule, recorded_at=then)
        LetterFactory(workspace=self.workspace, dedupe_key="old", state="sent", created_at=then, settled_at=then)

    def _put(self, event_id: str, body: bytes, received_at: datetime, state: str = "pending") -> None:
        sealed = seal(body, "integrations_inboxevent", "body", self.workspace.pk, event_id)
        with scoped_transaction(self.workspace), connection.cursor() as cursor:
            place = (self.workspace.pk, self.test.pk, "test", event_id, sealed)
            cursor.execute("SELECT inbox_receive(%s, %s, %s, %s, %s, true)", place)
            InboxEvent.objects.filter(event_id=event_id).update(received_at=received_at, state=state)

    def all(self) -> dict[str, Any]:
        """What was decided, and what all else has come to, without when."""
        with scoped_transaction(self.workspace):
            return {
                **self.decided(),
                **{table: canonical(self.workspace.pk, Mode.TEST)[table] for table in BILLING},
                "inbox": sorted(
                    InboxEvent.objects.exclude(event_id__startswith=READ_PREFIX).values_list("event_id", "state")
                ),
                "backfills": list(Backfill.objects.values_list("stage", "counts", "failure")),
                "comparisons": Reconciliation.objects.count(),
                "drifts": sorted(Drift.objects.values_list("kind", "object_id", "field")),
                "fates": sorted(
                    (without_instants(row.dedupe_key), row.state, row.possible_duplicate)
                    for row in (*self.letters(), *self.messages())
                ),
            }


def tasks_of_lanes() -> dict[str, Task[..., Any]]:
    """The tasks that doorbells ring for. Whoever adds one of another kind has to say here with what it is to be run."""
    jobs = {job["task"] for job in project.BEAT_JOBS.values()}
    ours = {name: task for name, task in current_app.tasks.items() if name.startswith(OURS) and name not in jobs}
    for task in ours.values():
        assert list(inspect.signature(task.run).parameters) == ["lane"]
    return dict(sorted(ours.items(), reverse=True))  # what was lost is recovered before a backfill reads it


def everything(company: Furnished, run: Run) -> dict[str, int]:
    """Run all jobs, and all tasks for all lanes, until nothing changes any more; what each task returned, in sum."""
    current_app.loader.import_default_modules()
    lanes = [lane_of(company.workspace.pk, mode) for mode in Mode]
    found: Counter[str] = Counter()
    for last in (False, True):
        if last:
            company.make_due()
        for _ in range(8):
            before = company.all()
            for job in project.BEAT_JOBS.values():
                found[job["task"]] += sum(run(current_app.tasks[job["task"]].run))
            for name, task in tasks_of_lanes().items():
                for lane in [company.team_lane] if name in OF_CHANNELS else lanes:
                    found[name] += sum(run(task.run, lane))
            if company.all() == before:
                break
        else:
            raise AssertionError("There is no end of what is to be done.")
    return found


def account(now: datetime) -> Account:
    """A company's first customers, within the last hours; their cards are valid until the end of this month."""
    made = Account("twice", int(now.timestamp()) - 7_200)
    price = made.create_price(made.create_product("Plan").id, 2_000).id
    for number in range(3):
        name, expires = f"Customer {number}", (now.year, now.month)
        customer = made.create_customer(name=name, email=f"c{number}@example.com", card_expires=expires).id
        made.subscribe(customer, price)
        made.advance(made.now + 600)
    return made


def test_every_job_and_task_is_run_twice_and_at_once(twice: Run, settings: Any) -> None:
    now = datetime.now(UTC)
    with Simulation(account(now), seed=3) as stripe:
        settings.STRIPE_API_BASE = stripe.url
        expected = Furnished(now, stripe)
        found = everything(expected, once)
        assert {name for name in found if not found[name]} == SAY_WHETHER_MORE
        mailed = subjects()
        mail.outbox.clear()
        doubled = Furnished(now, stripe)
        everything(doubled, twice)
        assert differences(doubled.all(), expected.all()) == {}
        assert subjects() == mailed


def subjects() -> Counter[tuple[str, ...]]:
    """How often each mail was sent."""
    return Counter((str(one.subject), *one.to) for one in mail.outbox)


# Every reaction -------------------------------------------------------------------------------------------------------
WITHOUT_ROWS = frozenset({judge_numbers})
"""Reactions that write nothing: this one rings for whoever judges."""


def wiring() -> list[Reaction]:
    return list(dict.fromkeys(one for some in REACTIONS.values() for one in some))


def only(reaction: Reaction) -> Reactions:
    found: dict[str, tuple[Reaction, ...]] = defaultdict(tuple)
    for kind, some in REACTIONS.items():
        if reaction in some:
            found[kind] = (reaction,)
    return found


@pytest.mark.parametrize("reaction", wiring(), ids=lambda reaction: reaction.__name__)
def test_every_reaction_hears_everything_twice_and_at_once(twice: Run, reaction: Reaction) -> None:
    company = Company(datetime.now(UTC)).news()
    undecided = company.decided()
    with scoped_transaction(company.workspace):
        lines = list(PendingReaction.objects.values_list("entry", flat=True))

    def hear() -> None:
        with scope(company.workspace):
            visit(company.workspace.pk, company.mode, only(reaction), lambda: company.at_last)

    hear()
    decided = company.decided()
    assert (decided != undecided) == (reaction not in WITHOUT_ROWS)
    with scoped_transaction(company.workspace):
        PendingReaction.objects.bulk_create(
            PendingReaction(workspace=company.workspace, mode=company.mode, entry=entry, due_at=company.at_last)
            for entry in lines
        )
    assert company.undecided() == len(lines) > 5
    twice(hear)
    assert company.undecided() == 0
    assert differences(company.decided(), decided) == {}
