"""The pages of single objects: what they tell, how that is known, and that others' objects do not exist."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.access import Reason
from billing.models import MrrSpan
from billing.objects.access import REASONS
from billing.objects.course import course
from pqintel.workspaces.models import Workspace
from tests.factories import (
    THEN,
    AccessFactory,
    CouponFactory,
    CustomerFactory,
    DiscountFactory,
    FailureFactory,
    HistoryEntryFactory,
    InvoiceFactory,
    MrrSpanFactory,
    PaymentFactory,
    PaymentLinkFactory,
    PriceFactory,
    ProductFactory,
    SubscriptionFactory,
    VersionFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db

SECOND = int(THEN.timestamp())
DAY = 86_400
FACTORIES = {
    "customers": CustomerFactory,
    "subscriptions": SubscriptionFactory,
    "invoices": InvoiceFactory,
    "payments": PaymentFactory,
}


@pytest.fixture
def look(viewer_client: Client) -> Callable[..., Any]:
    """An object's page in test mode, as its template is given it."""

    def looked(name: str, stripe_id: str, **query: str) -> Any:
        answer = viewer_client.get(f"/w/acme/test/{name}/{stripe_id}/", query)
        assert answer.status_code == 200
        return answer.context["page"]

    return looked


@pytest.mark.parametrize("name", FACTORIES)
def test_objects_of_others_do_not_exist(workspace: Workspace, viewer_client: Client, name: str) -> None:
    FACTORIES[name](workspace=workspace, mode="live", stripe_id="alive")
    FACTORIES[name](workspace=WorkspaceFactory(), mode="test", stripe_id="others")
    for stripe_id in ("alive", "others", "nothing", "x" * 500, "..%2f..", "%00", "a%27%22%3Cb%3E", "ü/é"):
        assert viewer_client.get(f"/w/acme/test/{name}/{stripe_id}/").status_code == 404, stripe_id
    assert viewer_client.get(f"/w/acme/live/{name}/alive/").status_code == 200


@pytest.mark.parametrize("name", FACTORIES)
def test_strange_ids_have_pages_and_links(workspace: Workspace, viewer_client: Client, name: str) -> None:
    strange = "a/b ?#%ü<x>"
    CustomerFactory(workspace=workspace, stripe_id="cus/1 ?", name="Ada")
    owner = {} if name == "customers" else {"customer": "cus/1 ?"}
    FACTORIES[name](workspace=workspace, stripe_id=strange, **owner)
    links = viewer_client.get(f"/w/acme/test/{name}/").content.decode()
    path = f"/w/acme/test/{name}/a/b%20%3F%23%25%C3%BC%3Cx%3E/"
    assert path in links
    assert viewer_client.get(path).status_code == 200


def test_a_customer_with_everything_of_theirs_and_nothing_of_others(
    workspace: Workspace, look: Callable[..., Any]
) -> None:
    for place, tag in (
        ({"workspace": workspace}, "mine"),
        ({"workspace": workspace, "mode": "live"}, "alive"),
        ({"workspace": WorkspaceFactory()}, "others"),
    ):
        CustomerFactory(**place, stripe_id="cus_1", name=tag)
        SubscriptionFactory(**place, stripe_id=f"sub_{tag}", customer="cus_1")
        MrrSpanFactory(**place, subscription=f"sub_{tag}", customer="cus_1", starts=SECOND - 90 * DAY)
        InvoiceFactory(**place, stripe_id=f"in_{tag}", customer="cus_1")
        PaymentFactory(**place, stripe_id=f"pi_{tag}", customer="cus_1")
        HistoryEntryFactory(**place, object_id=f"in_{tag}", customer="cus_1", event_id=f"evt_{tag}")
        VersionFactory(**place, object_id="cus_1", event_id=f"evt_{tag}", chosen=True, state={"name": tag})
    SubscriptionFactory(workspace=workspace, stripe_id="sub_another")
    page = look("customers", "cus_1")
    assert page.row.label == "mine"
    assert [row.stripe_id for row in page.subscriptions.rows] == ["sub_mine"]
    assert [row.stripe_id for row in page.invoices.rows] == ["in_mine"]
    assert [row.stripe_id for row in page.payments.rows] == ["pi_mine"]
    assert [row.object_id for row in page.history.rows] == ["in_mine"]
    assert [str(field) for row in page.versions.rows for field in row.moved] == ["Name: mine"]
    ((usd,),) = [page.courses]
    assert usd.mrr.plain() == "49.00"
    assert {amount for _, amount in usd.series} == {Decimal("49.00")}


def test_a_customers_failed_attempts_are_told_with_their_reason(workspace: Workspace, look: Callable[..., Any]) -> None:
    CustomerFactory(workspace=workspace, stripe_id="cus_1")
    InvoiceFactory(workspace=workspace, stripe_id="in_1", number="NO-1")
    theirs: dict[str, Any] = {"workspace": workspace, "customer": "cus_1", "subject": "in_1", "invoice": "in_1"}
    for attempt in range(1, 13):
        FailureFactory(**theirs, attempt=attempt, happened_at=THEN + timedelta(days=attempt), decline_code="lost_card")
    FailureFactory(workspace=workspace, customer="cus_2")
    FailureFactory(**{**theirs, "mode": "live"}, attempt=1)
    FailureFactory(**{**theirs, "workspace": WorkspaceFactory()}, attempt=1)
    failures = look("customers", "cus_1").failures
    assert failures.more is True
    assert [row.attempt for row in failures.rows] == list(range(12, 2, -1))
    assert {(row.reason, row.invoice_label) for row in failures.rows} == {("lost card", "NO-1")}


def test_a_customers_access_is_told_with_its_cause(
    workspace: Workspace, look: Callable[..., Any], viewer_client: Client
) -> None:
    CustomerFactory(workspace=workspace, stripe_id="cus_1")
    CustomerFactory(workspace=workspace, stripe_id="cus_2")
    CustomerFactory(workspace=workspace, stripe_id="cus_3")
    features = {"api_access": True, "exports": False, "projects": 5, "users": None}
    given: dict[str, Any] = {"tier": "growth", "features": features, "seats": None, "reason": "active", "since": THEN}
    AccessFactory(workspace=workspace, customer="cus_1", cause="evt_1", unmapped=["price_9"], **given)
    AccessFactory(workspace=workspace, customer="cus_2", cause="mapping:price_1", **given)
    AccessFactory(workspace=workspace, mode="live", customer="cus_3", cause="evt_3", **given)
    card = look("customers", "cus_1").access
    assert (card.answer.tier_name, card.seats, card.event, card.rule) == ("Growth", "Unlimited", "evt_1", "")
    assert card.features == [("API access", "Yes"), ("Exports", "No"), ("Projects", "5"), ("Users", "Unlimited")]
    assert "price_9" in viewer_client.get("/w/acme/test/customers/cus_1/").content.decode()
    assert look("customers", "cus_2").access.rule == "the plan of a price was changed (price_1)"
    assert look("customers", "cus_3").access.answer.tier == "free"


def test_every_reason_has_its_sentence() -> None:
    assert set(REASONS) == set(Reason)


def test_the_course_of_mrr_by_day() -> None:
    def span(starts: int, ends: int, monthly: str, **more: Any) -> MrrSpan:
        return MrrSpan(currency="usd", starts=starts, ends=ends, monthly=Decimal(monthly), **more)

    zone = ZoneInfo("Europe/Berlin")
    midnight = int(datetime(2026, 3, 1, tzinfo=zone).timestamp())
    now = datetime.fromtimestamp(midnight + 3 * DAY + 60, UTC)
    spans = [
        span(midnight + 60, midnight + 2 * DAY, "100.4"),
        span(midnight + DAY - 1, midnight + DAY + 5, "50"),  # over midnight, so the day ends with it
        span(midnight + 2 * DAY + 5, midnight + 2 * DAY + 9, "77"),  # within a day
        span(midnight + 3 * DAY + 59, 10**11, "7"),
        span(midnight + 3 * DAY + 61, 10**11, "9"),  # not yet
        span(midnight, 10**11, "1000", trial=True),
    ]
    (series,) = course(spans, zone, now).values()
    assert [(day.isoformat(), str(amount)) for day, amount in series] == [
        ("2026-03-01", "1.50"),
        ("2026-03-02", "1.00"),
        ("2026-03-03", "0.00"),
        ("2026-03-04", "0.07"),
    ]
    assert course([], zone, now) == {}


def test_a_course_is_at_most_a_year_long() -> None:
    span = MrrSpan(currency="usd", starts=0, ends=10**11, monthly=Decimal(100))
    (series,) = course([span], ZoneInfo("UTC"), THEN).values()
    assert (len(series), series[-1][0]) == (365, THEN.date())


def test_a_subscription_explains_what_it_was_worth_and_why(workspace: Workspace, look: Callable[..., Any]) -> None:
    ProductFactory(workspace=workspace, stripe_id="prod_1", name="Growth")
    PriceFactory(workspace=workspace, stripe_id="price_1", product="prod_1")
    PriceFactory(workspace=workspace, stripe_id="price_2", product="prod_1", usage_type="metered", unit_amount=None)
    DiscountFactory(workspace=workspace, stripe_id="di_1", coupon="co_1", end=SECOND + 90 * DAY)
    CouponFactory(workspace=workspace, stripe_id="co_1", name="Friends", duration="repeating", duration_in_months=3)
    CouponFactory(workspace=WorkspaceFactory(), stripe_id="co_2", name="Not ours")
    SubscriptionFactory(
        workspace=workspace,
        stripe_id="sub_1",
        sure=False,
        awaiting=["price:price_2"],
        items=[
            {
                "id": "si_1",
                "price": "price_1",
                "quantity": 3,
                "discounts": [{"id": None, "coupon": "co_2", "end": None}],
            },
            {"id": "si_2", "price": "price_2", "quantity": None, "discounts": []},
        ],
        discounts=[{"id": "di_1", "coupon": None, "end": None}],
    )
    span: dict[str, Any] = {"workspace": workspace, "subscription": "sub_1", "item": "si_1", "price": "price_1"}
    MrrSpanFactory(**span, starts=SECOND, ends=SECOND + DAY, involuntary=True)
    MrrSpanFactory(**span, starts=SECOND + DAY, monthly=Decimal(14700))
    MrrSpanFactory(workspace=workspace, mode="live", subscription="sub_1")
    page = look("subscriptions", "sub_1")
    assert [(str(i.plan), i.quantity, i.unit_price and i.unit_price.plain(), i.note) for i in page.items] == [
        ("Growth, monthly", 3, "49.00", ""),
        ("Growth, monthly", None, None, "Metered: usage is no part of MRR."),
    ]
    assert [(d.name, d.terms, d.of_item) for d in page.discounts] == [
        ("Friends", "20% off, for 3 months", False),
        ("co_2", "Terms not known yet", True),
    ]
    assert page.discounts[0].ends == THEN + timedelta(days=90)
    assert page.awaiting == ["price price_2"]
    assert [(s.monthly.plain(), s.runs, s.involuntary, s.ends) for s in page.spans] == [
        ("147.00", True, False, None),
        ("49.00", False, True, THEN + timedelta(days=1)),
    ]
    assert page.row.certain is False


def test_versions_say_what_moved_from_page_to_page(workspace: Workspace, look: Callable[..., Any]) -> None:
    InvoiceFactory(workspace=workspace, stripe_id="in_1", currency="usd")
    version: dict[str, Any] = {"workspace": workspace, "kind": "invoice", "object_id": "in_1"}
    for number in range(30):
        VersionFactory(
            **version,
            event_id=f"evt_{number}",
            position=2 * (SECOND + number) + 1,
            chosen=True,
            state={"status": "open", "amount_paid": number},
            resolved={"status": "open", "amount_paid": 100 * number} if number == 29 else None,
        )
    VersionFactory(**version, event_id="evt_passed", position=2 * (SECOND + 29) + 1, state={"status": "void"})
    VersionFactory(**version, event_id="pqread_1", position=2 * SECOND, chosen=True, state={"status": "draft"})
    VersionFactory(**{**version, "kind": "payment"}, event_id="evt_another", chosen=True, state={})
    page = look("invoices", "in_1").versions
    assert [row.event_id for row in page.rows[:3]] == ["evt_passed", "evt_29", "evt_28"]
    assert [str(field) for field in page.rows[1].moved] == ["Amount paid: $0.28 → $29.00"]
    assert page.rows[0].moved == ()
    assert page.rows[0].chosen is False
    assert [str(field) for field in page.rows[-1].moved] == ["Amount paid: $0.05 → $0.06"]  # the one before is overleaf
    token = page.next_url.split("=")[1].split("#")[0]
    rest = look("invoices", "in_1", after=token).versions
    assert [row.event_id for row in rest.rows] == [*(f"evt_{n}" for n in range(5, -1, -1)), "pqread_1"]
    assert (rest.rows[-1].read, [str(field) for field in rest.rows[-1].moved]) == (True, ["Status: draft"])
    assert [str(field) for field in rest.rows[-2].moved] == ["Status: draft → open", "Amount paid: nothing → $0.00"]
    assert rest.next_url is None
    assert look("invoices", "in_1", after="nonsense").versions.rows == page.rows


def test_an_invoice_and_a_payment_name_each_other(
    workspace: Workspace, look: Callable[..., Any], viewer_client: Client
) -> None:
    url = "javascript:alert(1)"
    InvoiceFactory(workspace=workspace, stripe_id="in_1", number="NO-1", total=4900, hosted_invoice_url=url)
    PaymentFactory(workspace=workspace, stripe_id="pi_1")
    PaymentFactory(workspace=workspace, stripe_id="pi_2")
    PaymentLinkFactory(workspace=workspace, invoice="in_1", payment="pi_1")
    PaymentLinkFactory(workspace=workspace, mode="live", invoice="in_1", payment="pi_2")
    invoice, payment = look("invoices", "in_1"), look("payments", "pi_1")
    assert [row.stripe_id for row in invoice.payments] == ["pi_1"]
    assert [row.label for row in payment.invoices] == ["NO-1"]
    assert [(label, money.plain()) for label, money in invoice.amounts] == [
        ("Total", "49.00"),
        ("Amount due", "49.00"),
        ("Paid", "0.00"),
        ("Remaining", "49.00"),
    ]
    text = viewer_client.get("/w/acme/test/invoices/in_1/").content.decode()
    assert "javascript" not in text
    assert "https://dashboard.stripe.com/test/invoices/in_1" in text


@pytest.mark.parametrize("name", FACTORIES)
def test_a_page_costs_the_same_however_much_belongs_to_it(
    workspace: Workspace, viewer_client: Client, name: str
) -> None:
    def belongings(count: int) -> None:
        for number in range(count):
            tag = f"{count}_{number}"
            theirs = {"workspace": workspace, "customer": "the_one"}
            SubscriptionFactory(**theirs, stripe_id=f"sub_{tag}", items=[{"price": f"price_{tag}"}])
            MrrSpanFactory(**theirs, subscription="the_one", price=f"price_{tag}")
            InvoiceFactory(**theirs, stripe_id=f"in_{tag}", subscription="the_one")
            PaymentFactory(**theirs, stripe_id=f"pi_{tag}")
            HistoryEntryFactory(**theirs, object_id="the_one", event_id=f"evt_{tag}")
            PaymentLinkFactory(workspace=workspace, invoice="the_one", payment=f"pi_{tag}")
            PaymentLinkFactory(workspace=workspace, invoice=f"in_{tag}", payment="the_one")
            for kind in ("customer", "subscription", "invoice", "payment"):
                VersionFactory(workspace=workspace, kind=kind, object_id="the_one", event_id=f"evt_{tag}")

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert viewer_client.get(f"/w/acme/test/{name}/the_one/").status_code == 200
        return len(queries)

    for factory in FACTORIES.values():
        factory(workspace=workspace, stripe_id="the_one")
    belongings(2)
    cost()
    few = cost()
    belongings(40)
    assert cost() == few
    assert few <= 36
