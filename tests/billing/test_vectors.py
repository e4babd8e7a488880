"""Published vectors about movements, from events to the numbers that pages show: 3, 9, 11, 15 and 16."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from billing.actions import learn
from billing.metrics.churn import churn_of_30_days
from billing.metrics.ledger import Book, Ledger, ledger
from billing.metrics.periods import Period
from billing.metrics.statement import KINDS, reporting, statement
from billing.models import MovementKind as Kind
from billing.modes import Mode
from billing.rates import rates_between
from billing.snapshots import Coupon, DiscountRef, ItemState, Learned, Price, SubscriptionState
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.billing.test_learn import MONTHLY, T, lesson, sub
from tests.factories import BillingSettingsFactory, ExchangeRateFactory

pytestmark = pytest.mark.django_db

DAY = 86_400
START = datetime.fromtimestamp(T, UTC).date()  # 1 January 2026


def price(name: str, minor: int, interval: str = "month", currency: str = "usd") -> Price:
    return replace(MONTHLY, id=name, unit_amount=Decimal(minor), interval=interval, currency=currency)


def subscription(name: str, item: ItemState, status: str = "active", **fields: object) -> SubscriptionState:
    return sub(status, id=name, items=(item,), created=T, **fields)


def told(number: int, day: int, state: SubscriptionState, price: Price) -> Learned:
    """An event of a day, at noon."""
    return lesson(f"{number}", day * DAY + 43_200, state, catalogue=(price,))


def read(workspace: Workspace, first: int, last: int) -> Ledger:
    with scoped_transaction(workspace):
        period = Period(START + timedelta(days=first), START + timedelta(days=last))
        return ledger(workspace.pk, Mode.TEST, period)


def taught(workspace: Workspace, *lessons: Learned) -> None:
    with scoped_transaction(workspace):
        learn(workspace.pk, Mode.TEST, lessons, datetime.now(UTC))


def moved(book: Book) -> dict[str, str]:
    found = statement(book)
    return {str(kind): found.amounts[kind].plain() for kind in KINDS if found.moves[kind]}


def test_3_one_customer_from_the_first_day_to_the_return(workspace: Workspace) -> None:
    yearly, monthly, later = price("price_y", 50_000, "year"), price("price_m", 3_000), price("price_l", 5_000)
    first, second, third = (
        ItemState("si_1", "price_y", 4),
        ItemState("si_2", "price_m", 2),
        ItemState("si_3", "price_l", 3),
    )
    ended = {"cancellation_reason": "cancellation_requested"}
    taught(
        workspace,
        told(1, 0, subscription("sub_1", first), yearly),
        told(2, 10, subscription("sub_2", second), monthly),
        told(3, 20, subscription("sub_2", second, "canceled", **ended), monthly),
        told(4, 30, subscription("sub_1", first, cancel_at_period_end=True), yearly),
        told(5, 365, subscription("sub_1", first, "canceled", **ended), yearly),
        told(6, 400, subscription("sub_3", third), later),
    )
    days = [(0, {"new": "166.67"}), (10, {"expansion": "60.00"}), (20, {"contraction": "-60.00"}), (30, {})]
    days += [(365, {"churn": "-166.67"}), (400, {"reactivation": "150.00"})]
    for day, expected in days:
        assert moved(read(workspace, day, day).book("usd")) == expected
    whole = read(workspace, 0, 400).book("usd")
    assert (whole.closing.plain(), whole.active_at_end) == ("150.00", 1)


def test_9_a_repeating_coupon_ends_as_expansion(workspace: Workspace) -> None:
    monthly = price("price_m", 10_000)
    end = int(datetime(2026, 4, 1, 12, tzinfo=UTC).timestamp())
    discounted = subscription(
        "sub_1", ItemState("si_1", "price_m", 1), discounts=(DiscountRef("di_1", "c20", T + 43_200, end),)
    )
    coupon = Coupon("c20", percent_off=Decimal(20), amount_off=None, duration="repeating", duration_in_months=3)
    taught(workspace, lesson("1", 43_200, discounted, catalogue=(monthly, coupon)))
    book = read(workspace, 0, 119).book("usd")
    closes = dict(book.balances())
    ends = [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]
    assert [closes[day].plain() for day in ends] == ["80.00", "80.00", "80.00", "100.00"]
    assert moved(book) == {"new": "80.00", "expansion": "20.00"}


def test_11_the_first_of_two_ends_as_contraction_the_last_as_churn(workspace: Workspace) -> None:
    fifty, thirty = price("price_50", 5_000), price("price_30", 3_000)
    one, other = ItemState("si_1", "price_50", 1), ItemState("si_2", "price_30", 1)
    taught(
        workspace,
        told(1, 0, subscription("sub_1", one), fifty),
        told(2, 0, subscription("sub_2", other), thirty),
        told(3, 5, subscription("sub_2", other, "canceled"), thirty),
        told(4, 9, subscription("sub_1", one, "canceled"), fifty),
    )
    contraction, churn = read(workspace, 5, 5).book("usd"), read(workspace, 9, 9).book("usd")
    assert (moved(contraction), contraction.active_at_start, contraction.active_at_end) == (
        {"contraction": "-30.00"},
        1,
        1,
    )
    assert (moved(churn), churn.active_at_start, churn.active_at_end) == ({"churn": "-50.00"}, 1, 0)


@pytest.mark.parametrize(("churn_at", "lost_on"), [("end", date(2026, 6, 15)), ("request", date(2026, 6, 8))])
def test_15_the_rate_of_churn_follows_the_setting(churn_at: str, lost_on: date) -> None:
    workspace = BillingSettingsFactory(churn_at=churn_at).workspace
    monthly, item = price("price_m", 1_000), ItemState("si_1", "price_m", 1)
    april_15, june_8, june_15 = ((day - START).days for day in (date(2026, 4, 15), date(2026, 6, 8), date(2026, 6, 15)))
    notice = {"cancel_at_period_end": True}
    taught(
        workspace,
        told(1, april_15, subscription("sub_1", item), monthly),
        told(2, june_8, subscription("sub_1", item, **notice), monthly),
        told(3, june_15, subscription("sub_1", item, "canceled", **notice), monthly),
    )
    june = read(workspace, (date(2026, 6, 1) - START).days, (date(2026, 6, 30) - START).days).book("usd")
    assert [day for day, flows in june.days.items() if Kind.CHURN in flows] == [lost_on]
    assert churn_of_30_days(june).rate == 1


def test_16_a_rates_change_is_no_expansion(workspace: Workspace) -> None:
    monthly = price("price_e", 10_000, currency="eur")
    taught(workspace, told(1, 0, subscription("sub_1", ItemState("si_1", "price_e", 1), currency="eur"), monthly))
    ExchangeRateFactory(day=START + timedelta(days=9), per_euro=Decimal("1.10"))
    ExchangeRateFactory(day=START + timedelta(days=12), per_euro=Decimal("1.12"))
    book = read(workspace, 10, 14)
    found = reporting(book, "usd", rates_between({"usd"}, book.period.eve, book.period.last)).statement
    assert found is not None
    assert (found.start.plain(), found.end.plain(), found.fx.plain()) == ("110.00", "112.00", "2.00")
    assert not any(found.amounts.values())
