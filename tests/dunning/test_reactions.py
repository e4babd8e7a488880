"""What news do to cases: each failed attempt once, in any order, late or twice; and what it costs."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.lanes import lane_of
from billing.modes import Mode
from dunning import handling
from dunning.models import Case, CaseEntry, Exclusion, ExclusionKind
from dunning.reactions import react
from dunning.run import EVENTS_WAIT, NOT_CONNECTED, TURNED_OFF, run
from integrations.models import Connection, ConnectionStatus, Delivery, Read
from pqintel.queue import hold_lane
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import ConnectionFactory, WorkspaceFactory
from tests.factories_dunning import CaseFactory, ExclusionFactory

from .story import Story

pytestmark = pytest.mark.django_db(transaction=True)
SETTLED = round(5 / 1440, 4)


@pytest.fixture
def story(workspace: Workspace) -> Story:
    return Story(workspace)


# Opening and advancing -----------------------------------------------------------------------------------------------
def test_two_events_of_one_attempt_are_one_attempt_whichever_comes_first(story: Story) -> None:
    by_invoice, by_payment = story.failing(0, following=3)
    story.learn(by_payment, 0)
    story.react()
    assert story.cases() == {}  # what the invoice is like, nobody has told yet
    story.learn(by_invoice, 0.0001)
    story.react()
    case = story.case()
    assert (case.attempts, case.decline, case.next_attempt_at) == (1, "soft", story.at(3))
    assert story.timeline() == ["The payment failed."]


def test_what_a_case_begins_with(story: Story) -> None:
    story.fail(0, following=4)
    case = story.case()
    assert (case.customer, case.subscription, case.tier, case.amount, case.currency, case.number) == (
        "cus_1",
        "sub_1",
        "growth",
        4900,
        "usd",
        "IN-1",
    )
    assert (case.opened_at, case.settles_at) == (story.at(0), story.at(0) + timedelta(minutes=5))
    assert (case.next_step, case.next_step_at) == ("first", story.at(3))
    assert sorted(case.texts) == [
        "access_reduced",
        "final_warning",
        "payment_failed",
        "recovered",
        "reminder_1",
        "reminder_2",
    ]


def test_a_failure_learnt_after_the_payment_opens_nothing(story: Story) -> None:
    events = story.failing(0, following=3)
    story.change(0.01, "in_1", "paid", "invoice.paid", paid_at=int(story.at(0.01).timestamp()))
    for event in events:
        story.learn(event, 0.02)
    story.react()
    assert story.cases() == {}


def test_while_dunning_is_off_nothing_opens_and_nothing_is_done(story: Story) -> None:
    policy = story.policy(enabled=False)
    story.fail(0, following=3)
    assert story.cases() == {}
    with scoped_transaction(story.workspace):
        type(policy).objects.update(enabled=True)
    story.fail(3, following=5)
    assert story.cases() == {"in_1": "open"}
    with scoped_transaction(story.workspace):
        type(policy).objects.update(enabled=False)
    assert story.run(4).refused == TURNED_OFF
    assert story.mails() == []
    story.pay(5)
    assert story.cases() == {"in_1": "recovered"}


def test_the_other_mode_and_workspace_have_nothing_to_do_with_it(story: Story) -> None:
    CaseFactory(workspace=story.workspace, mode=Mode.TEST, invoice="in_1", customer="cus_1", subscription="sub_1")
    other = WorkspaceFactory()
    CaseFactory(workspace=other, mode=Mode.LIVE, invoice="in_1", customer="cus_1", subscription="sub_1")
    ExclusionFactory(workspace=story.workspace, mode=Mode.TEST, value="cus_1")
    ExclusionFactory(workspace=other, mode=Mode.LIVE, value="cus_1")
    story.fail(0, following=3)
    story.run_until(3)
    story.pay(4)
    assert story.cases() == {"in_1": "recovered"}
    with scoped_transaction(story.workspace):
        assert list(Case.objects.filter(mode=Mode.TEST).values_list("state", flat=True)) == ["open"]
    with scoped_transaction(other):
        assert list(Case.objects.values_list("state", flat=True)) == ["open"]


def test_whoever_is_excluded_has_a_case_that_says_so(story: Story) -> None:
    ExclusionFactory(workspace=story.workspace, mode=Mode.LIVE, kind=ExclusionKind.TIER, value="growth")
    story.fail(0, code="stolen_card")
    story.run_until(30)
    assert story.cases() == {"in_1": "excluded"}
    assert story.timeline() == ["The payment failed.", "Customers of this tier are excluded from dunning."]
    assert (story.mails(), story.access().tier) == ([], "growth")


def test_an_exclusion_counts_at_once_and_once_it_is_gone_the_next_attempt_is_dunned(story: Story) -> None:
    story.fail(0, following=4)
    exclusion = ExclusionFactory(workspace=story.workspace, mode=Mode.LIVE, value="cus_1")
    story.run_until(3)
    assert (story.cases(), story.mails()) == ({"in_1": "excluded"}, [])
    story.fail(4, following=5)
    assert story.cases() == {"in_1": "excluded"}
    with scoped_transaction(story.workspace):
        exclusion.delete()
    story.fail(5, following=8)
    assert story.cases() == {"in_1": "open"}
    story.run_until(7)
    assert story.kinds() == [(round(5 + 5 / 1440, 4), "reminder_1"), (7, "reminder_2")]


def test_who_is_dunned_again_gets_what_was_stopped_and_nothing_twice(story: Story) -> None:
    story.channel()
    story.fail(0, code="stolen_card", following=3)
    story.run(1)  # the mail server is away
    exclude(story, 1.1)
    assert story.mails() == [(1, "payment_failed", "cus_1", ["in_1"], "skipped")]
    story.fail(3, code="stolen_card", following=9)
    story.run_until(8)
    again = [
        (round(3 + SETTLED, 4), "payment_failed", "cus_1", ["in_1"], "sent"),
        (7, "reminder_2", "cus_1", ["in_1"], "sent"),
    ]
    assert story.mails()[1:] == again
    exclude(story, 8.1)
    story.fail(9, code="stolen_card")
    story.run_until(9.9)
    assert story.mails()[1:] == again
    story.run_until(14)
    assert [kind for _, kind in story.kinds()[3:]] == ["final_warning", "access_reduced"]
    exclude(story, 14.1)
    assert story.access().tier == "growth"
    story.fail(15, code="stolen_card")
    story.run_until(16)
    assert story.access().tier == "free"
    assert [kind for _, kind in story.kinds()[5:]] == ["access_reduced"]
    assert [title for _, title in story.told()].count("Ada & Sons was downgraded: $49.00 is not paid") == 2


def test_who_is_dunned_a_third_time_does_not_get_again_what_went_out_the_first_time(story: Story) -> None:
    for day in (0, 1, 2):
        story.fail(day, code="stolen_card")
        story.run_until(day + 0.5)
        exclude(story, day + 0.6)
    assert [kind for _, kind in story.kinds()] == ["payment_failed"]


def exclude(story: Story, day: float) -> None:
    """Somebody excludes the customer, and takes it back."""
    with scope(story.workspace):
        handling.exclude(story.workspace.pk, story.mode, ExclusionKind.CUSTOMER, "cus_1", "", "Ada", story.at(day))
        with transaction.atomic():
            exclusion = Exclusion.objects.get()
        handling.include(exclusion)


# Late ----------------------------------------------------------------------------------------------------------------
def test_what_is_learnt_late_disturbs_nobody_with_what_is_over(story: Story) -> None:
    story.channel()
    story.fail(0, code="stolen_card", learnt=5)
    story.run_until(6)
    assert story.mails() == []
    assert "Letter: the payment failed: skipped, too old." in story.timeline()
    story.run_until(7)
    assert story.kinds() == [(7, "reminder_2")]


def test_a_payment_learnt_late_ends_the_case_and_nobody_is_told(story: Story) -> None:
    story.fail(0, following=4)
    story.run_until(3)
    story.now = story.at(10)
    known = story.failing(3.5)  # only to know the invoice
    assert known
    story.change(4, "in_1", "paid", "invoice.paid", react=False, paid_at=int(story.at(4).timestamp()))
    with scoped_transaction(story.workspace):
        from billing.models import HistoryEntry

        HistoryEntry.objects.filter(kind__in=("invoice.paid", "invoice.status_changed")).update(learnt_at=story.at(10))
    story.react(10)
    assert story.cases() == {"in_1": "recovered"}
    assert story.kinds() == [(3, "reminder_1")]
    assert story.timeline()[-1] == "Nobody is told of the payment: skipped, too old."


def test_after_an_outage_the_strongest_letter_goes_out(story: Story) -> None:
    story.fail(0, code="stolen_card")
    story.run(10)
    assert story.kinds() == [(10, "final_warning")]
    assert story.timeline()[1:4] == [
        "Letter: the payment failed: skipped, too old.",
        "Second reminder: skipped, a later letter was due as well.",
        "Final warning.",
    ]


# Decided once --------------------------------------------------------------------------------------------------------
def test_run_again_nothing_happens(story: Story) -> None:
    story.channel()
    for day, following in ((0, 3), (3, 5), (5, None)):
        story.fail(day, following=following)
    first = story.run(14)
    assert len(first.lines) > 3
    before = story.mails(), story.told(), story.timeline()
    assert story.run(14).lines == []
    story.react()
    assert (story.mails(), story.told(), story.timeline()) == before


def test_a_dry_run_says_what_it_would_do_and_does_nothing(story: Story) -> None:
    story.fail(0, code="stolen_card")
    ran = story.run(0.01, dry=True)
    assert ran.lines == [("in_1", "letter", "Letter: the payment failed.")]
    assert (story.mails(), story.timeline()) == ([], ["The payment failed."])
    assert story.run(0.01).lines == ran.lines


def test_many_runs_at_once_decide_once(story: Story) -> None:
    story.channel()
    for number in range(1, 9):
        story.customer(f"cus_x{number}")
        story.fail(0, f"in_{number}", "stolen_card", customer=f"cus_x{number}", subscription=None)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            with scope(story.workspace):
                run(story.workspace.pk, story.mode, story.at(7))
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted((kind, customer) for _, kind, customer, *_ in story.mails()) == [
        ("reminder_2", f"cus_x{number}") for number in range(1, 9)
    ]
    with scoped_transaction(story.workspace):
        sent = CaseEntry.objects.filter(text="Second reminder.")
        assert sorted(sent.values_list("invoice", flat=True)) == [f"in_{number}" for number in range(1, 9)]


def test_reactions_and_runs_at_once_lose_nothing(story: Story) -> None:
    story.fail(0, code="stolen_card")
    errors: list[BaseException] = []

    def work(act: Callable[[], Any]) -> None:
        try:
            with scope(story.workspace):
                for _ in range(10):
                    act()
        except BaseException as error:  # noqa: BLE001 - told by the test
            errors.append(error)
        finally:
            connection.close()

    def reacting() -> None:
        with transaction.atomic():
            react(story.workspace.pk, story.mode, ["in_1"], ["in_1"], [], story.at(7))

    def running() -> None:
        run(story.workspace.pk, story.mode, story.at(7))

    threads = [threading.Thread(target=work, args=(act,)) for act in (reacting, running, reacting, running)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert story.timeline() == [
        "The payment failed.",
        "Letter: the payment failed: skipped, too old.",
        "Second reminder.",
    ]


def test_while_a_worker_holds_the_lane_access_waits_and_the_rest_does_not(story: Story) -> None:
    story.fail(0, code="stolen_card")
    story.run_until(13)
    done = threading.Event()
    held = threading.Event()

    def hold() -> None:
        with scope(story.workspace), hold_lane(lane_of(story.workspace.pk, story.mode)):
            held.set()
            done.wait()
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    try:
        ran = story.run(14)
    finally:
        done.set()
        holder.join()
    assert (ran.later, story.cases(), story.access().tier) == (1, {"in_1": "final"}, "growth")
    assert story.run(14.001).later == 0
    assert (story.cases(), story.access().tier) == ({"in_1": "downgraded"}, "free")


# The state is read again ---------------------------------------------------------------------------------------------
def test_a_payment_that_no_reaction_has_seen_yet_stops_the_letter(story: Story) -> None:
    story.fail(0, following=4)
    story.change(2.9, "in_1", "paid", "invoice.paid", react=False, paid_at=int(story.at(2.9).timestamp()))
    story.run(3)
    assert (story.cases(), story.mails()) == ({"in_1": "recovered"}, [])


def test_a_watched_retry_asks_stripe_and_acts_upon_the_answer(story: Story) -> None:
    story.fail(0, following=3)
    story.run(3)
    assert story.mails() == []
    story.run(3 + 16 / 1440)
    with scoped_transaction(story.workspace):
        asked = Read.objects.get()
    assert (asked.what, asked.object_id, asked.due_at) == ("invoice", "in_1", story.now)
    # The answer is a read: nobody reacts to it.
    paid_at = int(story.at(3.01).timestamp())
    story.change(3 + 17 / 1440, "in_1", "paid", "pqintel.read", prefix="pqread", paid_at=paid_at)
    assert story.cases() == {"in_1": "open"}
    story.run(3 + 21 / 1440)
    assert (story.cases(), story.mails()) == ({"in_1": "recovered"}, [])


def test_without_the_watch_nothing_is_asked(story: Story) -> None:
    story.policy(retry_watch=False)
    story.fail(0, following=3)
    story.run_until(4)
    with scoped_transaction(story.workspace):
        assert not Read.objects.exists()


def test_while_stripe_is_not_connected_nothing_is_done(story: Story) -> None:
    story.fail(0, code="stolen_card")
    with scoped_transaction(story.workspace):
        Connection.objects.filter(mode=story.mode).update(status=ConnectionStatus.BROKEN)
    ConnectionFactory(workspace=story.workspace, mode=Mode.TEST)
    assert story.run(1).refused == NOT_CONNECTED
    assert story.mails() == []


def test_while_the_plan_leaves_events_waiting_nothing_is_done(story: Story, settings: Any) -> None:
    settings.PQ_HOUSE_WORKSPACE = "house"
    story.fail(0, code="stolen_card")
    story.workspace.trial_ends_at = story.at(1)
    story.workspace.save()
    assert story.run(0.9).refused == ""
    assert story.run(1).refused == EVENTS_WAIT


# Messages ------------------------------------------------------------------------------------------------------------
def test_the_team_is_told_in_the_channels_that_were_chosen(story: Story) -> None:
    chosen, other = story.channel(), story.channel()
    story.policy(escalate_amounts={"usd": 1000}, escalate_attempts=None, channels=[chosen.number])
    story.fail(0, following=3)
    story.run_until(1)
    with scoped_transaction(story.workspace):
        rows = Delivery.objects.filter(dedupe_key="dunning:in_1:escalate")
        assert [row.channel_id for row in rows] == [chosen.pk]
        assert other.pk not in {row.channel_id for row in rows}


def test_without_a_channel_the_timeline_says_so(story: Story) -> None:
    story.policy(escalate_amounts={"usd": 0}, escalate_attempts=None)
    story.fail(0, following=3)
    story.run_until(1)
    assert story.timeline()[-1] == "The team was not told: there is no channel."
    assert story.cases() == {"in_1": "escalated"}


def test_many_at_once_are_one_message(story: Story) -> None:
    story.channel()
    story.policy(escalate_amounts={"usd": 0, "eur": 0}, escalate_attempts=None)
    for number in range(1, 8):
        story.customer(f"cus_x{number}")
        currency = "eur" if number == 1 else "usd"
        story.fail(0, f"in_{number}", following=3, customer=f"cus_x{number}", subscription=None, currency=currency)
    story.run(0.01)
    assert story.told() == [(0.01, "7 invoices need attention")]
    with scoped_transaction(story.workspace):
        message = Delivery.objects.get(dedupe_key__startswith="dunning:").message
    assert len(message["lines"]) == 7
    assert message["fields"] == [["Together", "€49.00 and $294.00"]]


def test_letters_in_test_mode_belong_to_test_mode(workspace: Workspace) -> None:
    story = Story(workspace, Mode.TEST)
    story.fail(0, code="stolen_card")
    story.run_until(1)
    assert [mail[1] for mail in story.mails()] == ["payment_failed"]


# Any order -----------------------------------------------------------------------------------------------------------
def test_any_order_of_the_events_leads_to_the_same_case() -> None:
    """Reacted to after each event; but for what was noted on the way, the case is the same."""
    found = set()
    for order in itertools.permutations(range(4)):
        story = Story(WorkspaceFactory())
        events = [*story.failing(0, following=3), *story.failing(3, following=5)]
        for place in order:
            story.learn(events[place], 3.001)
            story.react()
        case = story.case()
        found.add((case.state, case.attempts, case.opened_at, case.next_attempt_at, case.decline, case.amount))
    assert found == {("open", 2, story.at(0), story.at(5), "soft", 4900)}


@given(st.lists(st.sampled_from(["fail", "pay", "void", "cancel", "run", "react"]), min_size=3, max_size=9), st.data())
@settings(max_examples=15, suppress_health_check=list(HealthCheck))
def test_whatever_happens_nobody_is_written_to_about_what_is_not_owed(words: list[str], data: st.DataObject) -> None:
    story = Story(WorkspaceFactory())
    story.fail(0, following=3)
    day, over = 0.0, None
    for word in words:
        day += data.draw(st.floats(0.1, 4))
        if word == "fail" and over is None:
            story.fail(day, following=day + 2, react=data.draw(st.booleans()))
        elif word in ("pay", "void") and over is None:
            story.run_until(day)
            over = day
            status, kind = ("paid", "invoice.paid") if word == "pay" else ("void", "invoice.voided")
            second = {"paid_at" if word == "pay" else "voided_at": int(story.at(day).timestamp())}
            story.change(day, "in_1", status, kind, react=data.draw(st.booleans()), **second)
        elif word == "run":
            story.run_until(day)
        elif word == "react":
            story.react(day)
    story.react(day)
    story.run_until(day + 60)
    kinds = [kind for at, kind in story.kinds() if over is None or at > over + 0.0001]
    if over is not None:
        assert [kind for kind in kinds if kind != "recovered"] == []
        assert story.access().tier == "growth"
    assert len({kind for _, kind in story.kinds()}) == len(story.kinds())


# What it costs -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 12])
def test_statements_do_not_grow_with_the_cases(story: Story, count: int) -> None:
    for number in range(count):
        story.customer(f"cus_x{number}")
        story.fail(0, f"in_{number}", "stolen_card", customer=f"cus_x{number}", subscription=None, react=False)
    invoices = [f"in_{number}" for number in range(count)]
    with scope(story.workspace), transaction.atomic(), CaptureQueriesContext(connection) as opening:
        react(story.workspace.pk, story.mode, invoices, invoices, [], story.at(0))
    with scope(story.workspace), CaptureQueriesContext(connection) as running:
        run(story.workspace.pk, story.mode, story.at(0.01))
    assert len(story.mails()) == count
    assert len(opening) <= 15
    assert len(running) <= 36
