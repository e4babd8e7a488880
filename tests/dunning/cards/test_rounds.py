"""Who is written to because their card expires, over Stripe's API on loopback."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.lanes import lane_of
from billing.models import Access
from billing.modes import Mode
from dunning.cards import rounds
from dunning.cards.rounds import switched, visit
from dunning.cards.standing import OTHER_CARD, UNPAID
from dunning.models import Card, CardReading, LetterPolicy
from dunning.terms import WORDS
from integrations.models import Connection
from pqintel.queue import Work
from pqintel.simulator.server.keys import USUAL_PERMISSIONS
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import AccessFactory, WorkspaceFactory
from tests.factories_dunning import CardFactory, CaseFactory, ExclusionFactory

from .stage import APRIL, MORNING, Stage, stage

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def restrict(s: Stage, lost: str) -> None:
    """Connect with a restricted key that lacks a permission."""
    s.stripe.keys.add(s.stripe.restricted_key, USUAL_PERMISSIONS - {lost})
    with scoped_transaction(s.workspace):
        row = Connection.objects.get(mode=s.mode)
        row.secret_key = s.stripe.restricted_key
        row.save()


def test_a_customer_is_written_to_once(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        ada, _ = s.subscriber()
        s.until(MORNING)
        done = s.round()
        assert done.charges == 3  # of January, February and March
        (notice,) = done.notices
        card = s.account.customer(ada).card
        assert card is not None
        assert (notice.customer, notice.name, notice.expires, notice.skipped) == (ada, "Ada", "2026-04", "")
        assert s.cards() == [(ada, card.id, card.last4, 2026, 4)]
        letter = s.letter()
        assert (letter.dedupe_key, letter.state, letter.reason) == (s.key(ada), "waiting", "")
        assert letter.facts == {
            "card": notice.card,
            "date": "April 2026",
            "plan": "Team",
            "customer_name": "Ada",
            "workspace_name": "Acme",
        }
        assert notice.card.endswith(f" •••• {card.last4}")
        assert (letter.to, letter.next_attempt_at) == ("ada@customer.test", MORNING)
        reading = s.reading()
        assert (reading.due_at, reading.began_at, reading.failure) == (MORNING + DAY, None, "")
        assert s.round().notices == []  # it is not due
        assert s.round(MORNING + DAY).notices == []
        assert s.round(MORNING + DAY, at_once=True).notices == []
        assert list(s.letters()) == [s.key(ada)]


def test_nobody_is_told_too_early_and_nobody_too_late(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace, card_notice_days=10) as s:
        ada, _ = s.subscriber()
        s.subscriber("Old", (2026, 3))
        s.subscriber("New", (2030, 4))
        s.until(MORNING)
        told_at = datetime(2026, 4, 20, 10, tzinfo=UTC)
        assert [n.name for n in s.round(MORNING).notices] == ["Old"]  # the last day of March
        assert s.round(told_at - timedelta(seconds=1)).notices == []
        assert [n.customer for n in s.round(told_at, at_once=True).notices] == [ada]
        assert s.round(datetime(2026, 5, 1, tzinfo=UTC), at_once=True).notices == []


def test_a_card_that_has_expired_is_not_spoken_of(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        s.subscriber("Late", (2026, 3))
        s.until(MORNING)
        assert s.round(datetime(2026, 4, 1, tzinfo=UTC)).notices == []


def test_who_has_replaced_the_card_is_not_written_to(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        ada, _ = s.subscriber()
        ben, _ = s.subscriber("Ben")
        cleo, cleos = s.subscriber("Cleo")
        old = {who: s.account.customer(who).card for who in (ada, ben, cleo)}
        s.until(datetime(2026, 2, 10, tzinfo=UTC))
        s.account.replace_card(ben, expires=(2031, 1))
        s.until(datetime(2026, 3, 10, tzinfo=UTC))  # in March Ben paid with the new one
        s.account.replace_card(ada, expires=(2031, 1))  # Ada has not paid with hers yet
        s.account.replace_card(cleo, expires=(2031, 1))
        kept = s.account.subscriptions[cleos]
        s.account.put_changed(kept, default_payment_method=old[cleo].id)  # type: ignore[union-attr]
        s.until(MORNING)
        s.round()
        assert s.letters() == {
            s.key(ada, old[ada].id): ("skipped", OTHER_CARD),  # type: ignore[union-attr]
            s.key(cleo, old[cleo].id): ("waiting", ""),  # type: ignore[union-attr]
        }


def test_who_pays_nothing_any_more_is_not_written_to(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        _, subscription = s.subscriber("Gone")
        _, scheduled = s.subscriber("Ending")
        _, resting = s.subscriber("Paused")
        ended_at = int(datetime(2026, 4, 30, tzinfo=UTC).timestamp())
        s.subscriber("Until", cancel_at=ended_at)
        beyond, _ = s.subscriber("Beyond", cancel_at=ended_at + 30 * 86_400)
        s.until(MORNING)
        s.account.cancel(subscription)
        s.account.schedule_cancel(scheduled)
        s.account.pause(resting)
        s.learn()
        s.round()
        assert s.letters() == {s.key(beyond): ("waiting", "")}


def test_stripe_is_asked_whether_the_subscription_goes_on(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        _, subscription = s.subscriber()
        s.until(MORNING)
        s.account.cancel(subscription)  # nobody has told us yet
        assert s.round().notices == []
        assert s.letters() == {}


def test_an_unpaid_invoice_goes_first(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        ada, _ = s.subscriber()
        s.until(MORNING)
        case = CaseFactory(workspace=workspace, mode=Mode.LIVE, customer=ada)
        CaseFactory(workspace=workspace, mode=Mode.TEST, customer=ada)
        assert s.round().notices == []
        with scoped_transaction(workspace):
            case.state, case.closed_at = "recovered", MORNING
            case.save()
        assert [n.customer for n in s.round(MORNING + DAY).notices] == [ada]


def test_who_is_excluded_is_left_alone(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        ada, _ = s.subscriber()
        ben, _ = s.subscriber("Ben")
        cleo, _ = s.subscriber("Cleo")
        s.until(MORNING)
        with scoped_transaction(workspace):
            Access.objects.all().delete()
        AccessFactory(workspace=workspace, mode=Mode.LIVE, customer=ben, tier="vip")
        ExclusionFactory(workspace=workspace, mode=Mode.LIVE, value=ada)
        ExclusionFactory(workspace=workspace, mode=Mode.LIVE, kind="tier", value="vip")
        ExclusionFactory(workspace=workspace, mode=Mode.TEST, value=cleo)  # of the other mode
        assert [n.customer for n in s.round().notices] == [cleo]


def test_at_night_the_letter_waits_for_the_morning(settings: Any, workspace: Workspace) -> None:
    workspace.timezone = "Europe/Berlin"
    workspace.save()
    with stage(settings, workspace, quiet_from=time(9), quiet_until=time(12, 30)) as s:
        s.subscriber()
        s.until(MORNING)
        begins = datetime(2026, 3, 31, 8, tzinfo=UTC)  # ten in Berlin, in summer time
        assert s.round(begins - timedelta(seconds=1)).notices == []
        s.round(begins, at_once=True)
        assert s.letter().next_attempt_at == datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
        assert s.reading().due_at == begins + DAY


def test_while_nobody_has_answered_the_letter_is_held(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        ada, _ = s.subscriber()
        s.until(MORNING)
        with scoped_transaction(workspace):
            LetterPolicy.objects.all().delete()
        s.round()
        assert s.letters() == {s.key(ada): ("held", "Letters to customers were not answered yet")}


def test_it_is_off_until_somebody_turns_it_on(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        s.subscriber()
        s.until(MORNING)
        with scoped_transaction(workspace):
            type(s.policy).objects.update(card_notice=False)
        s.stripe.faults.change(fail_next=1)
        done = s.round(at_once=True)
        assert (done.refused, done.charges, done.notices) == (rounds.OFF, 0, [])
        assert s.stripe.faults.weather.fail_next == 1  # Stripe was not asked anything
        assert (s.cards(), s.letters()) == ([], {})


def test_turned_off_everything_is_forgotten_and_nothing_goes_out(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        ada, _ = s.subscriber()
        s.until(MORNING)
        s.round()
        CardFactory(workspace=workspace, mode=Mode.TEST)
        with scoped_transaction(workspace):
            switched(workspace.pk, Mode.LIVE, on=False, now=MORNING)
        assert s.cards() == []
        assert s.letters() == {s.key(ada): ("skipped", rounds.TURNED_OFF)}
        with scoped_transaction(workspace):
            assert Card.objects.count() == 1
            assert not CardReading.objects.exists()


def test_another_workspace_and_the_other_mode_are_not_touched(settings: Any, workspace: Workspace) -> None:
    other = WorkspaceFactory(slug="other")
    with stage(settings, workspace) as s:
        ada, _ = s.subscriber()
        s.until(MORNING)
        expiring = {"exp_year": 2026, "exp_month": 4, "customer": ada, "charged_at": MORNING}
        CardFactory(workspace=other, mode=Mode.LIVE, payment_method="pm_other", **expiring)
        CardFactory(workspace=workspace, mode=Mode.TEST, payment_method="pm_test", **expiring)
        s.round()
        assert list(s.letters()) == [s.key(ada)]
        assert len(s.cards()) == 1
        with scoped_transaction(other):
            assert list(Card.objects.values_list("payment_method", "looked_at")) == [("pm_other", None)]
        with scoped_transaction(workspace):
            assert Card.objects.get(mode=Mode.TEST).looked_at is None


def test_where_stripe_is_not_connected_nothing_is_done(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        s.subscriber()
        s.until(MORNING)
        with scoped_transaction(workspace):
            Connection.objects.update(status="broken")
        done = s.round()
        assert (done.refused[:23], done.charges) == ("Stripe is not connected", 0)
        assert s.letters() == {}


# Reading -------------------------------------------------------------------------------------------------------------


def test_a_long_list_is_read_in_portions_and_only_once(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        ada, _ = s.subscriber()
        for _ in range(240):
            s.account.take_payment(ada, 100)
        s.until(MORNING)
        visits = []
        with scope(workspace):
            while True:
                done = visit(workspace.pk, Mode.LIVE, MORNING, seconds=0)
                visits.append((done.charges, len(done.notices), done.more))
                if not done.more:
                    break
        assert [charges for charges, _, _ in visits] == [100, 100, 43, *[0] * (len(visits) - 3)]
        assert sum(notices for _, notices, _ in visits) == 1
        s.account.take_payment(ada, 100)
        s.until(MORNING + DAY)
        assert s.round(MORNING + DAY).charges == 2  # that, and the renewal of April
        assert s.round(MORNING + 2 * DAY).charges == 0


def test_charges_of_thirteen_months_are_read_and_older_cards_forgotten(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        s.subscriber("Yearly", (2027, 2), items=s.yearly)
        old, _ = s.subscriber("Old", (2027, 2))
        s.account.remove_card(old)
        s.until(datetime(2027, 1, 15, 10, tzinfo=UTC))
        assert {n.name for n in s.round(datetime(2026, 12, 1, tzinfo=UTC)).notices} == set()
        assert len(s.cards()) == 2
        assert {n.name for n in s.round(datetime(2027, 1, 31, 10, tzinfo=UTC)).notices} == {"Yearly"}
        s.round(datetime(2027, 3, 1, tzinfo=UTC), at_once=True)
        assert len(s.cards()) == 1  # Yearly was charged in January again


@pytest.mark.parametrize("lost", ["rak_charge_read", "rak_subscription_read", "rak_customer_read"])
def test_a_missing_permission_is_said_with_what_to_do(settings: Any, workspace: Workspace, lost: str) -> None:
    with stage(settings, workspace) as s:
        ada, _ = s.subscriber()
        s.until(MORNING)
        restrict(s, lost)
        done = s.round()
        words = (
            f"The key lacks a permission: {lost}. Edit the key at Stripe, Developers › API keys, and set it to Read."
        )
        assert done.failure == words
        reading = s.reading()
        assert (reading.failure, reading.failures, reading.due_at) == (words, 1, MORNING + timedelta(minutes=1))
        assert s.letters() == {}
        assert s.round(MORNING + timedelta(minutes=1)).failure == words
        assert s.reading().due_at == MORNING + timedelta(minutes=3)
        s.stripe.keys.add(s.stripe.restricted_key)
        assert [n.customer for n in s.round(MORNING + timedelta(minutes=3)).notices] == [ada]
        assert (s.reading().failure, s.reading().failures) == ("", 0)


def test_what_was_decided_before_stripe_refused_stays_decided(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        subscriptions = dict(s.subscriber(name) for name in ("Ada", "Ben", "Cleo"))
        s.until(MORNING)
        s.round(MORNING - DAY)  # the charges are read
        with scoped_transaction(workspace):
            first = Card.objects.order_by("pk")[0]
        # Of the first one the subscription says what pays; of the others the customer would have to be read.
        named = s.account.subscriptions[subscriptions[first.customer]]
        s.account.put_changed(named, default_payment_method=first.payment_method)
        restrict(s, "rak_customer_read")
        done = s.round()
        assert [n.customer for n in done.notices] == [first.customer]
        assert done.failure.startswith("The key lacks a permission: rak_customer_read.")
        s.stripe.keys.add(s.stripe.restricted_key)
        rest = s.round(MORNING + timedelta(minutes=1))
        assert {n.customer for n in rest.notices} == set(subscriptions) - {first.customer}
        assert rest.failure == ""


def test_a_passing_failure_is_tried_again_by_itself(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        s.subscriber()
        s.until(MORNING)
        s.stripe.faults.change(limit_next=1)
        assert len(s.round().notices) == 1  # repeated at once
        s.stripe.faults.change(fail_next=2)
        again = s.round(MORNING + DAY)
        assert again.failure == "Stripe answered with an error of its own. It is tried again later."
        assert s.round(MORNING + DAY + timedelta(seconds=59)).charges == 0
        assert s.round(MORNING + DAY + timedelta(seconds=60)).failure == ""
        assert s.reading().due_at == MORNING + 2 * DAY


def test_one_visit_at_a_time_goes_on_in_a_lane(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s, connection.copy().cursor() as elsewhere:
        s.subscriber()
        s.until(MORNING)
        lane = Work.CARDS + lane_of(workspace.pk, Mode.LIVE)
        elsewhere.execute("SELECT pg_advisory_lock(%s)", (lane,))
        try:
            assert s.round().busy
        finally:
            elsewhere.execute("SELECT pg_advisory_unlock(%s)", (lane,))
        assert len(s.round().notices) == 1


def test_a_dry_round_decides_and_keeps_nothing(settings: Any, workspace: Workspace) -> None:
    with stage(settings, workspace) as s:
        ada, _ = s.subscriber()
        s.until(MORNING)
        s.round(MORNING - DAY)
        before = s.reading()
        for _ in range(2):
            done = s.round(MORNING, dry=True)
            assert ([n.customer for n in done.notices], done.charges) == ([ada], 0)
        after = s.reading()
        assert (after.due_at, after.began_at, after.read_until) == (before.due_at, None, before.read_until)
        assert s.letters() == {}
        assert len(s.round(MORNING).notices) == 1


def test_many_cards_cost_as_many_statements_as_one(settings: Any, workspace: Workspace) -> None:
    def statements(at: datetime, expected: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert len(s.round(at).notices) == expected
        return len(queries)

    with stage(settings, workspace) as s:
        s.subscriber("Ada", APRIL)
        for n in range(30):
            s.subscriber(f"Customer{n}", (2026, 6))
        s.until(datetime(2026, 5, 31, 10, tzinfo=UTC))
        statements(MORNING - DAY, 0)  # the first round has more to prepare
        one = statements(MORNING, 1)
        assert statements(datetime(2026, 5, 31, 10, tzinfo=UTC), 30) == one + 1  # a page of charges
        assert one <= 60


def test_reasons_are_the_words_of_dunning() -> None:
    assert UNPAID.startswith("An invoice is unpaid")
    assert all(words.endswith("excluded from dunning.") for words in WORDS.values())
