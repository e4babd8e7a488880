"""The simulator's own metrics against the vectors of the metric definitions."""

from datetime import UTC, date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from pqintel.simulator.billing_cycle import add_months
from pqintel.simulator.currencies import in_major_units
from pqintel.simulator.truth import Truth

from .stories import DAY, HOUR, MONTHS, START, open_account, priced, subscribed

SEATS = [(5, 700), (10, 650), (None, 600)]


def mrr(account, at=None, currency="usd"):
    return Truth(account).as_dict(at).get(currency, {"mrr": "none"})["mrr"]


def test_vector_1_monthly_and_yearly_customers():
    account = open_account()
    monthly, yearly = priced(account, 10000), priced(account, 60000, interval="year")
    for _ in range(100):
        subscribed(account, monthly)
    for _ in range(50):
        subscribed(account, yearly)
    assert Truth(account).as_dict() == {
        "usd": {
            "mrr": "12500.00",
            "trial_mrr": "0.00",
            "active_subscribers": 150,
            "plans": {
                monthly: {"mrr": "10000.00", "active_subscribers": 100},
                yearly: {"mrr": "2500.00", "active_subscribers": 50},
            },
        }
    }


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ({"amount": 120000, "interval": "year"}, "100.00"),  # 2
        ({"amount": 1000, "interval": "week"}, "43.33"),  # 4
        ({"amount": 100, "interval": "day"}, "30.42"),  # 5
        ({"amount": 30000, "interval": "month", "interval_count": 3}, "100.00"),  # 6
        ({"amount": 2000, "interval": "week", "interval_count": 2}, "43.33"),  # 6
        ({"amount": "0.5", "interval": "month"}, "0.00"),  # half a cent rounds to the even cent
        ({"amount": "1.5", "interval": "month"}, "0.02"),
    ],
)
def test_vectors_2_4_5_6_intervals(price, expected):
    account = open_account()
    subscribed(account, priced(account, **price))
    assert mrr(account) == expected


@pytest.mark.parametrize(
    ("mode", "quantity", "expected"),
    [
        ("volume", 5, "35.00"),
        ("volume", 6, "39.00"),
        ("volume", 20, "120.00"),
        ("volume", 25, "150.00"),
        ("graduated", 5, "35.00"),
        ("graduated", 6, "41.50"),
        ("graduated", 20, "127.50"),
        ("graduated", 25, "157.50"),
    ],
)
def test_vector_7_tiers(mode, quantity, expected):
    account = open_account()
    subscribed(account, priced(account, tiers_mode=mode, tiers=SEATS), quantity)
    assert mrr(account) == expected


@pytest.mark.parametrize(("mode", "quantity", "expected"), [("volume", 7, "48.50"), ("graduated", 7, "61.00")])
def test_flat_amounts_of_tiers_are_due_when_the_tier_is_reached(mode, quantity, expected):
    account = open_account()
    tiers = [(5, 700, 1000), (10, 650, 300), (None, 600, 0)]
    subscribed(account, priced(account, tiers_mode=mode, tiers=tiers), quantity)
    assert mrr(account) == expected


@pytest.mark.parametrize(("rounding", "quantity", "expected"), [("up", 11, "30.00"), ("down", 11, "20.00")])
def test_transformed_quantities(rounding, quantity, expected):
    account = open_account()
    subscribed(account, priced(account, 1000, divide_by=5, divide_round=rounding), quantity)
    assert mrr(account) == expected


@pytest.mark.parametrize(("duration", "expected"), [("forever", "5.00"), ("once", "10.00")])
def test_vector_8_forever_and_once(duration, expected):
    account = open_account()
    half = account.create_coupon(percent_off=50, duration=duration).id
    subscribed(account, priced(account, 1000), coupons=[half])
    assert mrr(account) == expected


@pytest.mark.parametrize("announce", [True, False])
def test_vector_9_repeating_for_three_months(announce):
    account = open_account(announce_coupon_end=announce)
    fifth = account.create_coupon(percent_off=20, duration="repeating", months=3).id
    subscribed(account, priced(account, 10000), coupons=[fifth])
    account.advance(MONTHS[5])
    assert [mrr(account, MONTHS[month] + HOUR) for month in (1, 2, 3, 4)] == ["80.00", "80.00", "80.00", "100.00"]
    assert [mrr(account, MONTHS[4] - 1), mrr(account, MONTHS[4])] == ["80.00", "100.00"]


def test_vector_10_amount_off_is_spread_over_the_interval():
    account = open_account()
    twelve = account.create_coupon(amount_off=1200, duration="forever").id
    subscribed(account, priced(account, 12000, interval="year"), coupons=[twelve])
    assert mrr(account) == "9.00"


def test_amount_off_is_shared_by_the_items_and_never_goes_below_nothing():
    account = open_account()
    big, small = priced(account, 9000), priced(account, 3000)
    eight = account.create_coupon(amount_off=800, duration="forever").id
    subscribed(account, [(big, 1), (small, 1)], coupons=[eight])
    plans = Truth(account).as_dict()["usd"]["plans"]
    assert {price: plan["mrr"] for price, plan in plans.items()} == {big: "84.00", small: "28.00"}
    huge = account.create_coupon(amount_off=99999, duration="forever").id
    subscribed(account, priced(account, 5000), coupons=[huge])
    assert Truth(account).as_dict()["usd"]["active_subscribers"] == 1
    assert mrr(account) == "112.00"


def test_several_discounts_apply_one_after_the_other():
    account = open_account()
    tenth = account.create_coupon(percent_off=10, duration="forever").id
    ten = account.create_coupon(amount_off=1000, duration="forever").id
    subscribed(account, priced(account, 10000), coupons=[tenth, ten])
    assert mrr(account) == "80.00"
    account = open_account()
    tenth = account.create_coupon(percent_off=10, duration="forever").id
    ten = account.create_coupon(amount_off=1000, duration="forever").id
    subscribed(account, priced(account, 10000), coupons=[ten, tenth])
    assert mrr(account) == "81.00"


def test_an_items_own_discount_comes_before_the_subscriptions():
    account = open_account()
    first, second = priced(account, 10000), priced(account, 5000)
    half = account.create_coupon(percent_off=50, duration="forever").id
    ten = account.create_coupon(amount_off=1000, duration="forever").id
    subscription = subscribed(account, [(first, 1), (second, 1)], coupons=[ten])
    account.apply_coupon(subscription, half, item=account.subscriptions[subscription].items[0].id)
    assert mrr(account) == "90.00"


def test_a_customers_discount_counts_where_the_subscription_has_none():
    account = open_account()
    customer = account.create_customer(name="Acme")
    tenth = account.create_coupon(percent_off=10, duration="repeating", months=1).id
    half = account.create_coupon(percent_off=50, duration="forever").id
    account.subscribe(customer.id, priced(account, 10000))
    account.subscribe(customer.id, priced(account, 2000), coupons=[half])
    account.apply_customer_coupon(customer.id, tenth)
    account.advance(MONTHS[3])
    assert [mrr(account, START), mrr(account, MONTHS[2] - 1), mrr(account, MONTHS[2])] == ["100.00", "100.00", "110.00"]


def test_vector_19_currencies_stand_side_by_side():
    account = open_account()
    subscribed(account, priced(account, 5000, currency="jpy"))
    subscribed(account, priced(account, 3500, currency="kwd"))
    assert {currency: m["mrr"] for currency, m in Truth(account).as_dict().items()} == {"jpy": "5000", "kwd": "3.500"}


def test_metered_items_are_excluded():
    account = open_account()
    flat, usage = priced(account, 2000), priced(account, "0.2", metered=True)
    subscription = subscribed(account, [(flat, 1), (usage, 1)])
    account.report_usage(account.subscriptions[subscription].items[1].id, 50_000)
    account.advance(MONTHS[2] + DAY)
    assert mrr(account) == "20.00"
    assert list(Truth(account).as_dict()["usd"]["plans"]) == [flat]
    billed = account.invoices_of(subscription)[-1]
    assert [line.amount for line in billed.lines] == [2000, 10000]


def test_trials_are_counted_apart():
    account = open_account()
    subscribed(account, priced(account, 3000), trial_days=14)
    account.advance(START + 20 * DAY)
    truth = Truth(account)
    assert truth.as_dict(START + 13 * DAY) == {
        "usd": {"mrr": "0.00", "trial_mrr": "30.00", "active_subscribers": 0, "plans": {}}
    }
    ended = truth.as_dict(START + 14 * DAY)["usd"]
    assert (ended["mrr"], ended["trial_mrr"], ended["active_subscribers"]) == ("30.00", "0.00", 1)


def test_inclusive_tax_is_stripped_and_exclusive_tax_was_never_in():
    account = open_account()
    price = priced(account, 12000)
    subscribed(account, price, tax_rates=(account.tax_rate(20, inclusive=True),))
    subscribed(account, price, tax_rates=(account.tax_rate(19),))
    assert mrr(account) == "220.00"


@pytest.mark.parametrize(
    ("behavior", "expected"), [("void", "none"), ("mark_uncollectible", "none"), ("keep_as_draft", "50.00")]
)
def test_paused_collection(behavior, expected):
    account = open_account()
    subscription = subscribed(account, priced(account, 5000))
    account.advance(START + DAY)
    account.pause(subscription, behavior, resumes_at=MONTHS[3])
    account.advance(MONTHS[4])
    assert [mrr(account, START), mrr(account, MONTHS[2]), mrr(account, MONTHS[3])] == ["50.00", expected, "50.00"]


def test_past_due_counts_and_unpaid_does_not():
    account = open_account(after_retries="unpaid")
    subscription = subscribed(account, priced(account, 5000))
    account.break_card(account.subscriptions[subscription].customer, "insufficient_funds")
    account.advance(MONTHS[2] + 2 * HOUR)
    assert (account.subscriptions[subscription].status, mrr(account)) == ("past_due", "50.00")
    account.advance(MONTHS[2] + 16 * DAY)
    assert (account.subscriptions[subscription].status, mrr(account)) == ("unpaid", "none")


def test_free_plans_and_full_discounts_make_no_subscriber():
    account = open_account()
    subscribed(account, priced(account, 0))
    everything = account.create_coupon(percent_off=100, duration="forever").id
    subscribed(account, priced(account, 9900), coupons=[everything])
    assert Truth(account).as_dict() == {}


def test_incomplete_and_expired_subscriptions_are_worth_nothing():
    account = open_account()
    subscription = subscribed(account, priced(account, 5000), decline="generic_decline")
    assert (account.subscriptions[subscription].status, mrr(account)) == ("incomplete", "none")
    account.advance(START + 2 * DAY)
    assert (account.subscriptions[subscription].status, mrr(account)) == ("incomplete_expired", "none")


# Movements ------------------------------------------------------------------------------------------------------------


def moved(account, zone=UTC):
    return [
        (m.day.isoformat(), m.kind, str(in_major_units(m.amount, m.currency)), m.involuntary)
        for m in Truth(account).movements(zone)
    ]


def test_vector_3_a_customers_whole_story():
    account = open_account()
    yearly, monthly = priced(account, 50000, interval="year"), priced(account, 3000)
    returning = priced(account, 5000)
    customer = account.create_customer(name="Acme").id
    first = account.subscribe(customer, yearly, quantity=4).id
    account.advance(MONTHS[3])
    second = account.subscribe(customer, monthly, quantity=2).id
    account.advance(MONTHS[5])
    account.cancel(second)
    account.schedule_cancel(first)
    account.advance(add_months(START, 14))
    account.subscribe(customer, returning, quantity=3)
    assert moved(account) == [
        ("2025-01-01", "new", "166.67", False),
        ("2025-03-01", "expansion", "60.00", False),
        ("2025-05-01", "contraction", "60.00", False),
        ("2026-01-01", "churn", "166.67", False),
        ("2026-03-01", "reactivation", "150.00", False),
    ]


def test_vector_11_two_subscriptions_of_one_customer():
    account = open_account()
    customer = account.create_customer(name="Acme").id
    fifty = account.subscribe(customer, priced(account, 5000)).id
    thirty = account.subscribe(customer, priced(account, 3000)).id
    account.advance(START + DAY)
    account.cancel(thirty)
    account.advance(START + 2 * DAY)
    account.cancel(fifty)
    assert moved(account) == [
        ("2025-01-01", "new", "80.00", False),
        ("2025-01-02", "contraction", "30.00", False),
        ("2025-01-03", "churn", "50.00", False),
    ]


def test_vector_15_a_cancellation_counts_at_the_end_of_the_period():
    account = open_account()
    account.advance(int(datetime(2025, 4, 15, tzinfo=UTC).timestamp()))
    subscription = subscribed(account, priced(account, 1000))
    account.advance(int(datetime(2025, 6, 8, tzinfo=UTC).timestamp()))
    account.schedule_cancel(subscription)
    account.advance(MONTHS[6] + 30 * DAY)
    assert moved(account) == [("2025-04-15", "new", "10.00", False), ("2025-06-15", "churn", "10.00", False)]


def test_a_cancellation_on_the_day_after_all_was_lost_already_is_no_reason():
    account = open_account(after_retries="paused")
    subscription = subscribed(account, priced(account, 1000))
    account.break_card(account.subscriptions[subscription].customer, "insufficient_funds")
    account.advance(int(datetime(2025, 2, 16, 12, tzinfo=UTC).timestamp()))
    assert account.subscriptions[subscription].status == "paused"
    account.cancel(subscription)
    assert [(kind, involuntary) for _, kind, _, involuntary in moved(account)] == [("new", False), ("churn", True)]
    assert account.subscriptions[subscription].cancellation_reason == "cancellation_requested"


@pytest.mark.parametrize("ending", ["canceled", "unpaid", "paused"])
def test_churn_after_failed_payments_is_involuntary(ending):
    account = open_account(after_retries=ending)
    subscription = subscribed(account, priced(account, 1000))
    account.break_card(account.subscriptions[subscription].customer, "expired_card")
    account.advance(MONTHS[4])
    assert moved(account) == [("2025-01-01", "new", "10.00", False), ("2025-02-16", "churn", "10.00", True)]


def test_movements_follow_the_days_of_the_time_zone():
    account = open_account()
    account.advance(START + 3 * DAY + 23 * HOUR)
    subscribed(account, priced(account, 1000))
    assert moved(account, ZoneInfo("Europe/Berlin")) == [("2025-01-05", "new", "10.00", False)]
    assert moved(account) == [("2025-01-04", "new", "10.00", False)]


def test_the_days_close_with_the_mrr_of_their_last_second():
    account = open_account()
    account.advance(START + 12 * HOUR)
    subscription = subscribed(account, priced(account, 1000))
    account.advance(START + 2 * DAY)
    account.change(subscription, quantity=3)
    account.advance(START + 3 * DAY)
    assert Truth(account).daily_mrr() == {
        date(2025, 1, 1): {"usd": Fraction(1000)},
        date(2025, 1, 2): {"usd": Fraction(1000)},
        date(2025, 1, 3): {"usd": Fraction(3000)},
        date(2025, 1, 4): {"usd": Fraction(3000)},
    }
