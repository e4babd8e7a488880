"""The year of the demo's company, and its live continuation."""

from itertools import pairwise

import pytest

from pqintel.simulator.account import Account
from pqintel.simulator.clock import DAY
from pqintel.simulator.scenario import Trickle, saas_year
from pqintel.simulator.truth import Truth

from .stories import START


def lived(days=60, customers=60, seed="demo"):
    account = Account(seed, START)
    return account, saas_year(account, START + days * DAY, customers)


@pytest.fixture(scope="module")
def year():
    account, company = lived(365, 400)
    return account, company


def test_a_year_has_the_customers_asked_for_and_ends_where_it_should(year):
    account, _ = year
    assert len(account.customers) == 400
    assert account.now == START + 365 * DAY
    assert account.events[-1].created <= account.now


def test_a_year_grows_in_two_currencies(year):
    account, _ = year
    truth = Truth(account)
    quarters = [truth.at(START + days * DAY) for days in (91, 182, 273, 365)]
    for currency in ("usd", "eur"):
        mrr = [quarter[currency].mrr for quarter in quarters]
        assert mrr == sorted(mrr)
        assert len(quarters[-1][currency].plans) >= 6


def test_a_year_has_all_that_happens_to_a_company(year):
    account, _ = year
    kinds = {(movement.kind, movement.involuntary) for movement in Truth(account).movements()}
    assert kinds == {
        ("new", False),
        ("expansion", False),
        ("contraction", False),
        ("churn", False),
        ("churn", True),
        ("reactivation", False),
    }
    statuses = {subscription.status for subscription in account.subscriptions.values()}
    assert {"active", "past_due", "canceled", "trialing"} <= statuses
    recovered = [i for i in account.invoices.values() if i.paid and i.attempt_count > 1]
    assert len(recovered) > 10


def test_the_same_seed_lives_the_same_year():
    assert lived()[0].events == lived()[0].events
    assert lived(seed="other")[0].events != lived()[0].events


def test_trickle_is_a_function_of_seed_and_step_number():
    account, company = lived()
    trickle = Trickle(company, "live")
    for _ in range(120):
        trickle.step()
    again, company_again = lived()
    replay = Trickle(company_again, "live")
    while replay.steps < 120:
        replay.run(again.now + 1)  # looking more often changes nothing
    assert again.events == account.events
    assert (replay.steps, replay.next_at) == (trickle.steps, trickle.next_at)
    other, company_other = lived()
    Trickle(company_other, "other").step()
    assert other.events[-1] != account.events[len(other.events) - 1]


def test_trickle_keeps_its_tempo_and_moves_the_numbers():
    account, company = lived()
    before = Truth(account).as_dict()
    began, told = account.now, len(account.events)
    events = Trickle(company, "live").run(began + 600)
    assert account.now == began + 600
    assert account.events[told:] == events
    happened = sorted({event.created for event in events})
    assert len(happened) >= 60
    assert Truth(account).as_dict() != before


def test_trickle_pauses_three_to_six_seconds():
    _, company = lived(20, 10)
    trickle = Trickle(company, "live")
    times = []
    for _ in range(50):
        times.append(trickle.next_at)
        trickle.step()
    assert {later - earlier for earlier, later in pairwise(times)} == {3, 4, 5, 6}
