"""What an account holds, read over real HTTP from a stand-in for Stripe: whole, once, whatever stands in the way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.estimated import estimated_before
from billing.models import Coupon, Customer, HistoryEntry, Invoice, Payment, PaymentLink, Price, Product, Subscription
from billing.modes import Mode
from integrations.models import Backfill, Connection, InboxEvent, InboxState, Read
from integrations.stripe import backfill, connections, inbox, intake
from integrations.stripe.backfill import reading, row
from integrations.stripe.drain import drain
from integrations.stripe.translate.handlers import EVENTS
from integrations.tasks.backfilling import _LANES_TO_READ
from integrations.tasks.lanes import lanes
from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.render import NEWEST, render_event
from pqintel.simulator.scenario import random_lifecycle, saas_year
from pqintel.simulator.server.keys import USUAL_PERMISSIONS
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.integrations.lanes import Lane, new_lane
from tests.soak.comparing import month_ends, reported, told

pytestmark = pytest.mark.django_db(transaction=True)

START = 1_735_689_600


@pytest.fixture(scope="module")
def company() -> Account:
    """Enough for several pages of most lists, with all sorts of ends and discounts."""
    account = Account(23, START)
    saas_year(account, START + 200 * DAY, 130)
    return account


@pytest.fixture
def stripe(settings: Any, company: Account) -> Iterator[Simulation]:
    with Simulation(company, seed=23) as simulation:
        settings.STRIPE_API_BASE = simulation.url
        yield simulation


@pytest.fixture(autouse=True)
def _at_full_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in has no limits unless a test says so."""
    monkeypatch.setattr(reading, "PER_SECOND", 10_000)
    monkeypatch.setattr(reading, "FIRST_DELAY", 0.001)
    reading._paces.clear()


def connected(stripe: Simulation, slug: str = "acme") -> Lane:
    return new_lane(slug, secret_key=stripe.restricted_key)


def begin(lane: Lane) -> None:
    with scope(lane.workspace):
        backfill.start(lane.connection)


def visit(lane: Lane, seconds: float = 60.0) -> backfill.Visit:
    with scope(lane.workspace):
        return backfill.visit(lane.connection, seconds)


def run_of(lane: Lane) -> Backfill:
    with scoped_transaction(lane.workspace):
        return Backfill.objects.latest("started_at")


def drained(lane: Lane) -> None:
    while drain(lane.number).events:
        pass


def wait_no_longer(lane: Lane) -> None:
    with scoped_transaction(lane.workspace):
        Backfill.objects.update(waits_until=timezone.now())


def read_whole(lane: Lane, visits: int = 200) -> Backfill:
    """Visits and drains in turn until the run has ended."""
    begin(lane)
    for _ in range(visits):
        visit(lane)
        drained(lane)
        if (run := run_of(lane)).finished_at is not None:
            return run
        wait_no_longer(lane)
    raise AssertionError(f"the backfill does not end: {run}")


def ids(lane: Lane, model: Any, field: str = "stripe_id") -> set[str]:
    with scoped_transaction(lane.workspace):
        return set(model.objects.values_list(field, flat=True))


def assert_whole(lane: Lane, account: Account) -> None:
    """Everything that the account holds is there, once."""
    known = {i for i, c in account.customers.items() if not c.deleted}
    assert known <= ids(lane, Customer)
    assert ids(lane, Subscription) == set(account.subscriptions)
    assert ids(lane, Invoice) == set(account.invoices)
    assert ids(lane, Payment) == set(account.payment_intents)
    assert ids(lane, Product) == set(account.products)
    assert ids(lane, Price) == set(account.prices)
    assert ids(lane, Coupon) == set(account.coupons)
    with scoped_transaction(lane.workspace):
        assert not InboxEvent.objects.exclude(state__in=("done", "ignored")).exists()


def test_a_backfill_alone_gives_the_present_state(stripe: Simulation) -> None:
    lane = connected(stripe)
    account = stripe.account
    run = read_whole(lane)
    assert (run.failure, run.stage, run.skipped) == (None, "", {})
    assert_whole(lane, account)
    assert reported(lane.workspace, account.now) == told(stripe.truth, account.now)
    assert run.counts["subscription"] == len(account.subscriptions)
    assert run.counts["invoice"] == len(account.invoices)
    assert {link.payment_intent for link in account.invoice_payments.values() if link.payment_intent} == ids(
        lane, PaymentLink, "payment"
    )
    recent = [e for e in account.events if e.created >= account.now - 30 * DAY]
    assert run.counts["event"] == len(recent)
    stored = {event for event in ids(lane, InboxEvent, "event_id") if event.startswith("evt_")}
    assert stored == {e.id for e in recent if e.type in EVENTS}


def test_what_was_there_before_is_found_and_not_started(stripe: Simulation) -> None:
    lane = connected(stripe)
    read_whole(lane)
    since = stripe.account.now - 30 * DAY
    started = {i for i, s in stripe.account.subscriptions.items() if s.created >= since}
    with scoped_transaction(lane.workspace):
        lines = HistoryEntry.objects.filter(superseded_at=None)
        assert set(lines.filter(kind="subscription.started").values_list("object_id", flat=True)) == started
        found = set(lines.filter(kind="subscription.found").values_list("object_id", flat=True))
        ended = {i for i, s in stripe.account.subscriptions.items() if s.ended_at is not None and s.ended_at >= since}
        assert (found | ended) - started == set(stripe.account.subscriptions) - started
        assert found & started == set()
        facts = lines.filter(is_change=False, event_id__startswith=intake.EVENT_PREFIX)
        assert not facts.exclude(kind="price.unmapped").exists()  # which is about our own settings
        assert not lines.filter(object_kind="invoice", event_id__startswith=intake.EVENT_PREFIX, before=None).exists()


def labelled_until(lane: Lane) -> date | None:
    """The first day that is not estimated, of those since the company began."""
    began = date(2020, 1, 1)
    with scoped_transaction(lane.workspace) as workspace_id:
        return estimated_before(workspace_id, Mode.TEST, lane.connection.connected_at, ZoneInfo("UTC"), began)


def test_mrr_does_not_begin_on_the_day_of_connecting(stripe: Simulation) -> None:
    lane = connected(stripe)
    read_whole(lane)
    with scoped_transaction(lane.workspace):
        found = HistoryEntry.objects.filter(superseded_at=None, kind="subscription.found").latest("happened_at")
    assert labelled_until(lane) == min(found.happened_at, lane.connection.connected_at).date()
    account = stripe.account
    now, before = (
        {currency: line["mrr"] for currency, line in reported(lane.workspace, at).items()}
        for at in (account.now, account.now - 45 * DAY)
    )
    assert before.keys() == now.keys()
    for currency, amount in before.items():
        assert float(amount) > 0.5 * float(now[currency])


def test_an_account_that_holds_nothing_is_read_to_its_end(settings: Any) -> None:
    with Simulation(seed=1) as stripe:
        settings.STRIPE_API_BASE = stripe.url
        lane = connected(stripe)
        run = read_whole(lane)
    assert (run.failure, sum(run.counts.values()), run.skipped) == (None, 0, {})
    with scoped_transaction(lane.workspace):
        assert not InboxEvent.objects.exists()


def test_stopped_anywhere_it_goes_on_from_the_page(stripe: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker dies before a page is stored, after every page there is: the next one reads that page again."""
    lane = connected(stripe)
    begin(lane)
    put, deaths = intake.put, 0

    class Died(BaseException):
        pass

    def put_and_die(*arguments: Any, **more: Any) -> set[str]:
        nonlocal deaths
        deaths += 1
        if deaths % 2:
            raise Died
        return put(*arguments, **more)

    monkeypatch.setattr(intake, "put", put_and_die)
    for _ in range(200):
        try:
            visit(lane)
        except Died:
            pass
        drained(lane)
        if run_of(lane).finished_at:
            break
    run = run_of(lane)
    assert deaths > 20
    assert run.failure is None
    assert run.counts["subscription"] == len(stripe.account.subscriptions)
    assert run.counts["invoice"] == len(stripe.account.invoices)
    assert_whole(lane, stripe.account)
    assert reported(lane.workspace, stripe.account.now) == told(stripe.truth, stripe.account.now)


def test_pages_that_were_read_and_not_stored_are_not_counted(
    stripe: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = connected(stripe)
    begin(lane)

    def fail(*_: Any, **__: Any) -> set[str]:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(intake, "put", fail)
        with pytest.raises(RuntimeError):
            visit(lane)
    run = run_of(lane)
    assert (run.stage, run.place, run.pages, run.counts) == ("customer", "", 0, {})


def test_limits_and_failures_of_stripe_only_cost_time(stripe: Simulation) -> None:
    lane = connected(stripe)
    stripe.faults.change(limit_every=3, fail_every=5)
    begin(lane)
    waits = []
    for _ in range(300):
        visit(lane)
        drained(lane)
        run = run_of(lane)
        if run.finished_at:
            break
        if run.waits_until:
            waits.append(run.waits_for)
            wait_no_longer(lane)
    stripe.faults.change(limit_every=0, fail_every=0)
    assert (run.failure, run.skipped) == (None, {})
    assert_whole(lane, stripe.account)
    assert reported(lane.workspace, stripe.account.now) == told(stripe.truth, stripe.account.now)


def test_it_says_which_limit_it_waits_for_and_keeps_away_until_then(stripe: Simulation) -> None:
    lane = connected(stripe)
    begin(lane)
    stripe.faults.change(limit_next=4, limit_reason="endpoint-rate")
    assert visit(lane) == backfill.Visit(0, more=False)
    run = run_of(lane)
    assert run.waits_for == "Stripe asks to slow down (endpoint-rate)."
    assert run.waits_until is not None
    assert 0 < (run.waits_until - datetime.now(UTC)).total_seconds() <= row.FIRST_WAIT.total_seconds()
    assert visit(lane) == backfill.Visit(0, more=False)
    assert run_of(lane).counts == {}
    wait_no_longer(lane)
    assert visit(lane).stored > 0
    assert (run_of(lane).waits_for, run_of(lane).tries) == ("", 0)


def test_waits_grow_and_end_in_a_failure_from_which_it_goes_on(stripe: Simulation) -> None:
    lane = connected(stripe)
    begin(lane)
    visit(lane)
    drained(lane)
    reached = run_of(lane)
    stripe.faults.change(fail_every=1)
    waits = []
    for _ in range(row.MOST_TRIES):
        wait_no_longer(lane)
        visit(lane)
        if (run := run_of(lane)).waits_until:
            waits.append((run.waits_until - run.stepped_at).total_seconds())
    stripe.faults.change(fail_every=0)
    assert len(waits) == row.MOST_TRIES - 1
    assert all(later > earlier for earlier, later in pairwise(waits[:7]))
    assert max(waits) <= row.LONGEST_WAIT.total_seconds()
    assert (run.failure, run.stage, run.place) == (
        "Stripe answered with an error of its own.",
        reached.stage,
        reached.place,
    )
    again = read_whole(lane)
    assert (again.pk, again.failure) == (reached.pk, None)
    assert_whole(lane, stripe.account)


@pytest.mark.parametrize(
    ("scope_name", "left_out"),
    [
        ("rak_coupon_read", ["coupon"]),
        ("rak_invoice_read", ["invoice", "invoice_payment"]),
        ("rak_event_read", ["event"]),
    ],
)
def test_what_the_key_may_not_read_is_named_and_left_out(
    stripe: Simulation, scope_name: str, left_out: list[str]
) -> None:
    stripe.keys.add(stripe.restricted_key, USUAL_PERMISSIONS - {scope_name})
    lane = connected(stripe)
    run = read_whole(lane)
    assert run.failure is None
    assert run.skipped == dict.fromkeys(
        left_out, f"The key lacks a permission: {scope_name}. Set it to Read at Stripe, then read again."
    )
    assert ids(lane, Subscription) == set(stripe.account.subscriptions)
    assert set(run.counts) == {stage.name for stage in backfill.stages.STAGES} - set(left_out)


def test_a_key_that_stripe_refuses_ends_the_run_and_a_new_one_goes_on(stripe: Simulation) -> None:
    lane = connected(stripe)
    begin(lane)
    stripe.keys.revoke(stripe.restricted_key)
    visit(lane)
    with scoped_transaction(lane.workspace):
        shown = backfill.progress(lane.connection)
    assert shown is not None
    assert (shown.state, shown.failure) == ("failed", "Stripe does not accept the key.")
    assert shown.remedy.startswith("Paste a new key")
    stripe.keys.add(stripe.restricted_key)
    with scope(lane.workspace):
        backfill.start_for(lane.connection)
    assert read_whole(lane).failure is None
    with scoped_transaction(lane.workspace):
        assert Backfill.objects.count() == 1


def test_one_run_at_a_time_and_one_process_at_a_run(stripe: Simulation) -> None:
    lane = connected(stripe)
    begin(lane)
    begin(lane)
    with scoped_transaction(lane.workspace):
        assert Backfill.objects.count() == 1

    def read_beside() -> None:
        try:
            for _ in range(40):
                visit(lane, 0.2)
                drained(lane)
        finally:
            database.close()

    threads = [threading.Thread(target=read_beside) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while (run := run_of(lane)).finished_at is None:
        visit(lane)
        drained(lane)
    assert run.counts["subscription"] == len(stripe.account.subscriptions)
    assert run.counts["invoice"] == len(stripe.account.invoices)
    with scoped_transaction(lane.workspace):
        pages = InboxEvent.objects.filter(event_id__startswith=intake.PAGE_PREFIX).count()
    # One event for each page that holds something: nothing was stored twice.
    objects = [n for name, n in run.counts.items() if name != "event" and n]
    assert pages == sum(-(-n // 100) for n in objects)


def test_it_does_not_read_far_ahead_of_the_drain(stripe: Simulation) -> None:
    lane = connected(stripe)
    begin(lane)
    for _ in range(3):
        told_more = visit(lane)
    with scoped_transaction(lane.workspace):
        assert InboxEvent.objects.filter(state="pending").count() == reading.PAGES_AHEAD
    assert told_more == backfill.Visit(0, more=False)
    assert drain(lane.number).pages
    assert visit(lane).stored > 0


def test_a_batch_is_bounded_by_its_weight(stripe: Simulation) -> None:
    lane = connected(stripe)
    lane.put(*(b"x" * (inbox.WEIGHT // 3 + 1) for _ in range(4)), b"y" * (inbox.WEIGHT + 1), b"z")
    sizes = []
    with scope(lane.workspace):
        while True:
            with scoped_transaction(lane.workspace):
                batch = inbox.claim(lane.workspace.pk, lane.connection.pk)
                if not batch:
                    break
                sizes.append([len(claimed.open(lane.workspace.pk)) for claimed in batch])
                verdicts = [inbox.Verdict(claimed.id, InboxState.DONE) for claimed in batch]
                inbox.settle(lane.workspace.pk, verdicts, timezone.now())
    third = inbox.WEIGHT // 3 + 1
    assert sizes == [[third, third], [third, third], [inbox.WEIGHT + 1], [1]]


@pytest.mark.parametrize("pages_first", [True, False])
def test_it_changes_nothing_of_what_events_have_told(stripe: Simulation, pages_first: bool) -> None:
    """A whole history is delivered, before or after: every month is as it was, and nothing is estimated any more."""
    lane = connected(stripe)
    account = stripe.account
    told_by_events = [render_event(e, NEWEST) for e in account.events if e.type in EVENTS]
    if pages_first:
        read_whole(lane)
        lane.put(*told_by_events)
    else:
        lane.put(*told_by_events)
        drained(lane)
        read_whole(lane)
    drained(lane)
    for at in month_ends(account.start, account.now):
        assert reported(lane.workspace, at) == told(stripe.truth, at)
    with scoped_transaction(lane.workspace):
        lines = HistoryEntry.objects.filter(superseded_at=None)
        assert not lines.filter(kind__endswith=".found").exists()
        by_reads = lines.filter(is_change=True, event_id__startswith=intake.EVENT_PREFIX)
        assert not by_reads.exclude(kind__startswith="access.").exists()  # access tells what was learnt, when it was
    assert labelled_until(lane) is None


def test_events_that_flow_meanwhile_come_out_right(settings: Any) -> None:
    """The account lives on while it is read: its events are applied between the pages, in any order with them."""
    account = random_lifecycle(41, 60, stacked_discounts=False)
    with Simulation(account, seed=41) as stripe:
        settings.STRIPE_API_BASE = stripe.url
        lane = connected(stripe)
        begin(lane)
        told_from = account.now
        over = threading.Event()

        def work() -> None:
            try:
                while not over.is_set():
                    drain(lane.number)
            finally:
                database.close()

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        try:
            sent = len(account.events)
            alive = [s for s in account.subscriptions.values() if s.status == "active"]
            for n in range(60):
                with account.lock:
                    account.advance(account.now + 3_600)
                    if n < len(alive) and n % 2:
                        account.cancel(alive[n].id)
                visit(lane, 0.05)
                with account.lock:
                    fresh = list(account.events[sent:])
                    sent += len(fresh)
                lane.put(*(render_event(e, NEWEST) for e in fresh if e.type in EVENTS))
        finally:
            over.set()
            for worker in workers:
                worker.join()
        run = read_whole(lane)
        assert (run.failure, told_from < account.now) == (None, True)
        assert reported(lane.workspace, account.now) == told(stripe.truth, account.now)


def test_more_than_ten_items_all_count(settings: Any) -> None:
    with Simulation(seed=3) as stripe:
        settings.STRIPE_API_BASE = stripe.url
        account = stripe.account
        product = account.create_product(name="Modules")
        prices = [
            account.create_price(product.id, currency="usd", unit_amount=100 + n, interval="month") for n in range(14)
        ]
        customer = account.create_customer(name="Ada")
        account.subscribe(customer.id, [price.id for price in prices])
        lane = connected(stripe)
        read_whole(lane)
        assert reported(lane.workspace, account.now) == told(stripe.truth, account.now)
        with scoped_transaction(lane.workspace):
            assert len(Subscription.objects.get().items) == 14


def test_an_object_that_cannot_be_read_takes_no_other_along(stripe: Simulation) -> None:
    lane = connected(stripe)
    page = intake.read_event(
        "test",
        {
            "object": "list",
            "data": [
                {"object": "product", "id": "prod_1", "name": "One"},
                {"object": "product", "id": 2, "name": "Two"},
                {"object": "product", "id": "prod_3", "name": "Three"},
            ],
        },
        datetime.now(UTC),
    )
    page["id"] = f"{intake.PAGE_PREFIX}x"
    lane.put(page)
    drained(lane)
    assert ids(lane, Product) == {"prod_1", "prod_3"}
    states = lane.states()
    assert states.pop(f"{intake.PAGE_PREFIX}x") == "done"
    assert sorted(states.values()) == ["done", "done", "quarantined"]


def test_nothing_of_another_workspace_or_mode_moves(stripe: Simulation) -> None:
    lane, neighbour, live = connected(stripe), connected(stripe, "globex"), new_lane("acme", Mode.LIVE)
    begin(neighbour)
    read_whole(lane)
    assert (run_of(neighbour).counts, run_of(neighbour).finished_at) == ({}, None)
    with scoped_transaction(neighbour.workspace):
        assert not Customer.objects.exists()
        assert not InboxEvent.objects.exists()
    with scoped_transaction(lane.workspace):
        assert not Customer.objects.filter(mode=Mode.LIVE).exists()
        assert not InboxEvent.objects.filter(connection=live.connection).exists()
        assert backfill.progress(Connection.objects.get(pk=live.connection.pk)) is None


def test_a_run_that_stands_still_is_found_and_one_that_waits_is_not(stripe: Simulation) -> None:
    lane, waiting = connected(stripe), connected(stripe, "globex")
    for one in (lane, waiting):
        begin(one)
    assert lanes("a test", _LANES_TO_READ) == []
    long_ago = timezone.now() - timedelta(seconds=6)
    with scoped_transaction(lane.workspace):
        Backfill.objects.update(stepped_at=long_ago)
    with scoped_transaction(waiting.workspace):
        Backfill.objects.update(stepped_at=long_ago, waits_until=timezone.now() + timedelta(seconds=9))
    assert lanes("a test", _LANES_TO_READ) == [lane.number]


def test_disconnecting_ends_it_and_connecting_again_reads_all_again(stripe: Simulation) -> None:
    lane = connected(stripe)
    begin(lane)
    visit(lane, 0.0)
    with scope(lane.workspace):
        row_ = connections.disconnect(lane.connection)
    visit(lane)
    assert run_of(lane).failure == "Stripe is not connected."
    with scope(lane.workspace):
        row_.secret_key = stripe.restricted_key
        row_.status, row_.connected_at = "connected", timezone.now()
        with scoped_transaction(lane.workspace):
            row_.save()
        backfill.start_for(row_)
    with scoped_transaction(lane.workspace):
        assert Backfill.objects.count() == 2
    assert read_whole(lane).failure is None
    assert_whole(lane, stripe.account)


def test_reads_that_are_open_afterwards_are_few(stripe: Simulation) -> None:
    """Terms come before what refers to them, so that a backfill does not lead to a read for every object."""
    lane = connected(stripe)
    read_whole(lane)
    with scoped_transaction(lane.workspace):
        asked = list(Read.objects.values_list("what", flat=True))
    assert set(asked) <= {"customer", "invoice_payments"}  # deleted customers are in no list


def test_the_number_of_statements_does_not_grow_with_the_objects(settings: Any) -> None:
    counts = []
    for slug, customers in (("small", 4), ("large", 90)):
        with Simulation(seed=6) as stripe:
            settings.STRIPE_API_BASE = stripe.url
            account = stripe.account
            product = account.create_product(name="Growth")
            price = account.create_price(product.id, currency="usd", unit_amount=4_900, interval="month")
            for _ in range(customers):
                account.subscribe(account.create_customer(name="Ada").id, [price.id])
            account.advance(account.now + 40 * DAY)
            stripe.keys.add(stripe.restricted_key, USUAL_PERMISSIONS - {"rak_event_read"})
            lane = connected(stripe, slug)
            begin(lane)
            with CaptureQueriesContext(database) as reads:
                visit(lane)
            with CaptureQueriesContext(database) as writes:
                drain(lane.number)
            assert run_of(lane).counts["subscription"] == customers
            counts.append((len(reads), len(writes)))
    (few_reads, few_writes), (many_reads, many_writes) = counts
    assert few_writes == many_writes
    assert many_reads - few_reads <= 3 * 9  # more pages: what waits is looked at, the run moves on, the page goes in


def test_it_keeps_to_its_number_of_questions_within_any_second(
    stripe: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PER_SECOND", 8)
    asked: list[float] = []
    answer = stripe.api.answer
    monkeypatch.setattr(stripe.api, "answer", lambda *request: asked.append(time.monotonic()) or answer(*request))
    lane = connected(stripe)
    begin(lane)
    visit(lane, 2.5)
    assert len(asked) == reading.PAGES_AHEAD
    assert all(later - earlier > 0.95 for earlier, later in zip(asked, asked[8:], strict=False))
    asked.clear()
    reading._paces.clear()  # as in another process, a moment later
    drained(lane)
    with scoped_transaction(lane.workspace):
        Backfill.objects.update(stepped_at=timezone.now())
    before = time.monotonic()
    visit(lane, 3)
    assert asked[0] - before > 0.9
