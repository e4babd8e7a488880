"""The lists: what each filter lets through, what a row says, what a page costs; nothing comes from elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from pqintel.workspaces.models import User, Workspace
from tests.factories import (
    THEN,
    ConnectionFactory,
    CustomerFactory,
    CustomerWordFactory,
    HistoryEntryFactory,
    InvoiceFactory,
    MrrSpanFactory,
    PaymentFactory,
    PaymentLinkFactory,
    PriceFactory,
    ProductFactory,
    SubscriptionFactory,
    UserFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db

LISTS = ("customers", "subscriptions", "invoices", "payments", "history")
DAY = timedelta(days=1)


@pytest.fixture
def ask(viewer_client: Client) -> Callable[..., Any]:
    """One page of a list in test mode, as its template is given it."""

    def asked(name: str, mode: str = "test", **query: object) -> Any:
        answer = viewer_client.get(f"/w/acme/{mode}/{name}/", query)
        assert answer.status_code == 200
        return answer.context["list"]

    return asked


def ids(asked: Any) -> list[str]:
    return [row.stripe_id for row in asked.rows]


def one_of_each(workspace: Workspace, mode: str, tag: str) -> None:
    """A customer with everything that they can have, all of it carrying `tag`."""
    place: dict[str, Any] = {"workspace": workspace, "mode": mode}
    CustomerFactory(**place, stripe_id=f"cus_{tag}", name=f"Name {tag}")
    CustomerWordFactory(**place, customer=f"cus_{tag}", word="name")
    ProductFactory(**place, stripe_id=f"prod_{tag}", name=f"Product {tag}")
    PriceFactory(**place, stripe_id=f"price_{tag}", product=f"prod_{tag}", currency="usd")
    items = [{"price": f"price_{tag}", "quantity": 1}]
    SubscriptionFactory(**place, stripe_id=f"sub_{tag}", customer=f"cus_{tag}", items=items)
    MrrSpanFactory(**place, subscription=f"sub_{tag}", customer=f"cus_{tag}", price=f"price_{tag}")
    InvoiceFactory(**place, stripe_id=f"in_{tag}", number=f"NO-{tag}", customer=f"cus_{tag}")
    PaymentFactory(**place, stripe_id=f"pi_{tag}", customer=f"cus_{tag}")
    PaymentLinkFactory(**place, invoice=f"in_{tag}", payment=f"pi_{tag}")
    HistoryEntryFactory(**place, object_id=f"in_{tag}", customer=f"cus_{tag}", event_id=f"evt_{tag}")


@pytest.mark.parametrize("name", LISTS)
def test_nothing_of_another_workspace_or_mode(workspace: Workspace, viewer_client: Client, name: str) -> None:
    one_of_each(workspace, "test", "mine")
    one_of_each(workspace, "live", "alive")
    one_of_each(WorkspaceFactory(), "test", "others")
    for query in ("", "?q=name", "?q=cus_mine", "?currency=usd", "?customer=cus_mine", "?status=odd"):
        for path in (f"/w/acme/test/{name}/", f"/w/acme/test/{name}.csv"):
            answer: Any = viewer_client.get(path + query)
            text = (b"".join(answer.streaming_content) if answer.streaming else answer.content).decode()
            assert "others" not in text
            assert "alive" not in text
            assert "mine" in text


@pytest.mark.parametrize("name", LISTS)
def test_a_page_costs_the_same_for_many_rows_as_for_one(workspace: Workspace, viewer_client: Client, name: str) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert viewer_client.get(f"/w/acme/test/{name}/?since=2000-01-01").status_code == 200
        return len(queries)

    for number in range(26):
        one_of_each(workspace, "test", f"{number}x")
    cost()  # the session remembers the mode
    full = cost()
    assert full <= 15
    for number in range(30, 36):
        one_of_each(workspace, "test", f"{number}x")
    assert cost() == full


def test_customers_by_state_with_their_worth(workspace: Workspace, ask: Callable[..., Any]) -> None:
    def customer(tag: str, days: int, **more: Any) -> None:
        CustomerFactory(workspace=workspace, stripe_id=tag, name=tag.title(), created=THEN + days * DAY, **more)

    def span(tag: str, monthly: int, **more: Any) -> None:
        MrrSpanFactory(workspace=workspace, customer=tag, monthly=Decimal(monthly), **more)

    customer("paying", 4)
    span("paying", 4900)
    span("paying", 29000, currency="eur")
    span("paying", 100)
    span("paying", 77700, ends=int(THEN.timestamp()) + 5)  # over
    customer("trying", 3)
    span("trying", 9900, trial=True)
    customer("gone", 2, deleted=True)
    customer("idle", 1)
    stranger = {"name": None, "email": "who@example.com", "created": None, "position": -1}
    CustomerFactory(workspace=workspace, stripe_id="stranger", **stranger)

    everybody = ask("customers")
    assert ids(everybody) == ["paying", "trying", "gone", "idle", "stranger"]
    first, second, *_, last = everybody.rows
    assert [(money.plain(), money.currency) for money in first.mrr] == [("290.00", "eur"), ("50.00", "usd")]
    assert [(money.plain(), money.currency) for money in second.trial_mrr] == [("99.00", "usd")]
    assert (last.label, last.known) == ("who@example.com", False)
    assert ids(ask("customers", status="paying")) == ["paying"]
    assert ids(ask("customers", status="trialing")) == ["trying"]
    assert ids(ask("customers", status="none")) == ["trying", "gone", "idle", "stranger"]
    assert ids(ask("customers", status="deleted")) == ["gone"]
    assert ids(ask("customers", sort="created")) == ["stranger", "idle", "gone", "trying", "paying"]
    assert ids(ask("customers", since="2026-03-03", until="2026-03-04")) == ["trying", "gone"]


def test_days_are_those_of_the_workspace(workspace: Workspace, ask: Callable[..., Any]) -> None:
    workspace.timezone = "America/New_York"
    workspace.save()
    for tag, hour in (("before", 4), ("within", 5), ("last", 28), ("after", 29)):
        created = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour)
        InvoiceFactory(workspace=workspace, stripe_id=tag, created=created)
    assert ids(ask("invoices", since="2026-03-01", until="2026-03-01")) == ["last", "within"]


def test_subscriptions_by_status_plan_and_doubt(workspace: Workspace, ask: Callable[..., Any]) -> None:
    ProductFactory(workspace=workspace, stripe_id="prod_1", name="Growth")
    PriceFactory(workspace=workspace, stripe_id="price_1", product="prod_1")
    PriceFactory(workspace=WorkspaceFactory(), stripe_id="price_9")

    def subscription(tag: str, days: int, **more: Any) -> None:
        SubscriptionFactory(workspace=workspace, stripe_id=tag, created=THEN + days * DAY, **more)

    subscription("five", 5, items=[{"price": "price_1", "quantity": 3}, {"price": "price_2", "quantity": None}])
    subscription("four", 4, status="past_due", cancel_at_period_end=True, current_period_end=THEN + 30 * DAY)
    subscription("three", 3, status="canceled", cancel_at=THEN, ended_at=THEN)
    subscription("two", 2, sure=False)
    subscription("one", 1, awaiting=["price:price_9"])
    assert ids(ask("subscriptions")) == ["five", "four", "three", "two", "one"]
    assert ids(ask("subscriptions", status="past_due")) == ["four"]
    assert ids(ask("subscriptions", status="ending")) == ["four"]
    assert ids(ask("subscriptions", status="unclear")) == ["two", "one"]
    by_plan = ask("subscriptions", price="price_1")
    assert ids(by_plan) == ["five"]
    assert by_plan.rows[0].plans == ("Growth, monthly × 3", "price_2")
    choices = by_plan.form.fields["price"].widget.choices
    assert choices == [("", "Any plan"), ("price_1", "Growth, monthly")]
    unknown = ask("subscriptions", price="price_gone")
    assert ids(unknown) == []
    assert unknown.form.fields["price"].widget.choices[-1] == ("price_gone", "price_gone")
    (ending,) = ask("subscriptions", status="ending").rows
    assert (ending.ends_at, ending.certain) == (THEN + 30 * DAY, True)


def test_invoices_by_amount_in_one_currency(workspace: Workspace, ask: Callable[..., Any]) -> None:
    def invoice(tag: str, amount: int, currency: str, **more: Any) -> None:
        InvoiceFactory(workspace=workspace, stripe_id=tag, amount_due=amount, currency=currency, **more)

    invoice("a", 4900, "usd")
    invoice("b", 4901, "usd", status="paid")
    invoice("c", 5000, "jpy")
    invoice("d", 990, "usd", attempt_count=2, attempted=True)
    assert ids(ask("invoices", currency="USD", least="49.00")) == ["b", "a"]
    assert ids(ask("invoices", currency="usd", least="9.90", most="49")) == ["d", "a"]
    assert ids(ask("invoices", currency="jpy", least="5000")) == ["c"]
    assert ids(ask("invoices", currency="usd", sort="-amount")) == ["b", "a", "d"]
    assert ids(ask("invoices", currency="usd", sort="amount")) == ["d", "a", "b"]
    assert ids(ask("invoices", status="failing")) == ["d"]
    assert ids(ask("invoices", status="paid")) == ["b"]


def test_payments_name_their_invoices_and_reasons(workspace: Workspace, ask: Callable[..., Any]) -> None:
    InvoiceFactory(workspace=workspace, stripe_id="in_1", number="NO-1")
    PaymentFactory(
        workspace=workspace, stripe_id="pi_1", decline_code="insufficient_funds", status="requires_payment_method"
    )
    PaymentFactory(workspace=workspace, stripe_id="pi_2", decline_code="insufficient_funds")
    PaymentFactory(workspace=workspace, stripe_id="pi_3", status="canceled", charge="ch_3")
    for invoice in ("in_1", "in_2"):
        PaymentLinkFactory(workspace=workspace, invoice=invoice, payment="pi_1")
    PaymentLinkFactory(workspace=workspace, mode="live", invoice="in_3", payment="pi_1")
    PaymentLinkFactory(invoice="in_4", payment="pi_1")
    (failed,) = ask("payments", status="failed").rows
    assert (failed.stripe_id, failed.reason) == ("pi_1", "insufficient funds")
    assert failed.invoices == (("in_1", "NO-1"), ("in_2", "in_2"))
    assert ids(ask("payments", q="ch_3")) == ["pi_3"]
    assert ids(ask("payments", status="canceled")) == ["pi_3"]


def test_searching_by_words_ids_and_numbers(workspace: Workspace, ask: Callable[..., Any]) -> None:
    for tag in ("ada", "grace"):
        CustomerFactory(workspace=workspace, stripe_id=f"cus_{tag}", name=tag.title())
        CustomerWordFactory(workspace=workspace, customer=f"cus_{tag}", word=tag)
        SubscriptionFactory(workspace=workspace, stripe_id=f"sub_{tag}", customer=f"cus_{tag}")
        InvoiceFactory(
            workspace=workspace, stripe_id=f"in_{tag}", number=f"{tag.upper()}-0001", customer=f"cus_{tag}",
            subscription=f"sub_{tag}",
        )  # fmt: skip
        PaymentFactory(workspace=workspace, stripe_id=f"pi_{tag}", customer=f"cus_{tag}")
        HistoryEntryFactory(workspace=workspace, object_id=f"in_{tag}", customer=f"cus_{tag}", event_id=f"evt_{tag}")
    for name, mark in (("customers", "cus"), ("subscriptions", "sub"), ("invoices", "in"), ("payments", "pi")):
        for words in ("ad", " ADA ", "cus_ada", f"{mark}_ada"):
            assert ids(ask(name, q=words)) == [f"{mark}_ada"], (name, words)
        assert ids(ask(name, q="nobody")) == []
        assert ids(ask(name, q="%")) == []
    assert ids(ask("invoices", q="ada-0001")) == ["in_ada"]
    assert ids(ask("invoices", q="sub_ada")) == ["in_ada"]
    assert ids(ask("invoices", subscription="sub_ada")) == ["in_ada"]
    for words in ("ada", "in_ada", "evt_ada", "cus_ada"):
        assert [row.event_id for row in ask("history", q=words).rows] == ["evt_ada"]
    assert ids(ask("invoices", customer="cus_ada")) == ["in_ada"]
    assert ask("invoices", customer="cus_ada").customer_label == "Ada"


def test_history_hides_what_was_superseded(workspace: Workspace, ask: Callable[..., Any]) -> None:
    change: dict[str, Any] = {
        "workspace": workspace,
        "kind": "invoice.status_changed",
        "is_change": True,
        "object_id": "in_1",
        "before": {"status": "open", "amount_paid": 0},
        "after": {"status": "paid", "amount_paid": 4900},
    }
    InvoiceFactory(workspace=workspace, stripe_id="in_1", currency="eur")
    HistoryEntryFactory(**change, event_id="evt_stands", learnt_at=THEN + DAY)
    HistoryEntryFactory(**change, event_id="evt_wrong", superseded_at=THEN)
    HistoryEntryFactory(workspace=workspace, event_id="evt_fact", after={"amount": 4900, "currency": "usd"})
    HistoryEntryFactory(workspace=workspace, mode="live", kind="elsewhere.happened")

    def events(**query: object) -> set[str]:
        return {row.event_id for row in ask("history", **query).rows}

    assert events() == {"evt_stands", "evt_fact"}
    assert events(superseded="on") == {"evt_stands", "evt_wrong", "evt_fact"}
    assert events(lines="facts") == {"evt_fact"}
    assert events(lines="changes") == {"evt_stands"}
    assert events(kind="invoice.paid") == {"evt_fact"}
    assert events(object="in_1") == {"evt_stands"}
    (row,) = ask("history", lines="changes").rows
    assert (row.detail, row.late) == ("open → paid", True)
    assert [str(field) for field in row.moved] == ["Status: open → paid", "Amount paid: €0.00 → €49.00"]
    ConnectionFactory(workspace=workspace, mode="test", connected_at=THEN + timedelta(hours=1))
    assert [row.late for row in ask("history", lines="changes").rows] == [False]  # nothing could come then
    kinds = ask("history").form.fields["kind"].widget.choices
    assert kinds == [
        ("", "Any kind"),
        ("invoice.paid", "Invoice: paid"),
        ("invoice.status_changed", "Invoice: status changed"),
    ]


def test_what_is_not_understood_is_left_out_and_said(workspace: Workspace, ask: Callable[..., Any]) -> None:
    InvoiceFactory(workspace=workspace, stripe_id="in_1", currency="usd")
    wrong = ask(
        "invoices", q="x\0y", status="sideways", since="soon", until="1823-12-10", currency="dollars", least="many",
        most="NaN", sort="colour", after="nowhere",
    )  # fmt: skip
    assert ids(wrong) == ["in_1"]
    assert wrong.notices == (
        "Search is left out. Null characters are not allowed.",
        "Status is left out. There is no such choice as sideways.",
        "Currency is left out. A currency has three letters, as EUR.",
        "Amount from is left out. This is not an amount. Write it as 49.00.",
        "Amount to is left out. This is not an amount. Write it as 49.00.",
        "From is left out. This is not a day. Write it as 2026-03-31.",
        "To is left out. Choose a day from the year 2000 on.",
        "Sorting is left out. This list cannot be sorted by that.",
        "That place in the list does not exist. This is its beginning.",
    )


@pytest.mark.parametrize(
    ("query", "notice"),
    [
        ({"least": "5"}, "Amount from is left out. Amounts can be compared within one currency: give it as well."),
        ({"least": "5.001", "currency": "usd"}, "Amount from is left out. USD has 2 decimal places."),
        ({"most": "0.5", "currency": "jpy"}, "Amount to is left out. JPY has no decimal places."),
        ({"least": "5", "most": "4", "currency": "usd"}, "Amount to is left out. This is less than 5.00."),
        ({"most": "1e-9", "currency": "usd"}, "Amount to is left out. USD has 2 decimal places."),
        ({"since": "2026-02-28", "until": "2026-02-27"}, "To is left out. This day lies before the first one."),
        ({"sort": "-amount"}, "Sort is left out. Amounts can be sorted within one currency: choose one first."),
        ({"after": "1.9223372036854775807"}, "That place in the list does not exist. This is its beginning."),
    ],
)  # fmt: skip
def test_each_mistake_has_its_sentence(
    workspace: Workspace, ask: Callable[..., Any], query: dict[str, str], notice: str
) -> None:
    InvoiceFactory(workspace=workspace, stripe_id="in_1", currency=query.get("currency", "usd"), amount_due=500)
    asked = ask("invoices", **query)
    assert asked.notices == (notice,)
    assert ids(asked) == ["in_1"]


def test_links_keep_the_filters_and_walk_on(
    workspace: Workspace, ask: Callable[..., Any], viewer_client: Client
) -> None:
    for number in range(60):
        InvoiceFactory(workspace=workspace, stripe_id=f"in_{number:02}", status="paid" if number % 2 else "open")
    first = ask("invoices", status="paid", q="", customer="")
    assert ids(first) == [f"in_{number:02}" for number in range(59, 9, -2)]
    assert (first.previous_url, first.first_url) == (None, None)
    assert first.export_query == "?status=paid"
    second = viewer_client.get(f"/w/acme/test/invoices/{first.next_url}").context["list"]
    assert ids(second) == [f"in_{number:02}" for number in range(9, 0, -2)]
    assert (second.next_url, second.first_url, second.notices) == (None, "?status=paid", ())
    back = viewer_client.get(f"/w/acme/test/invoices/{second.previous_url}").context["list"]
    assert ids(back) == ids(first)
    assert first.sorts["created"].direction == "descending"
    turned = viewer_client.get(f"/w/acme/test/invoices/{first.sorts['created'].url}").context["list"]
    assert ids(turned)[0] == "in_01"


def test_what_was_typed_is_kept_and_nothing_is_run(workspace: Workspace, viewer_client: Client) -> None:
    text = viewer_client.get("/w/acme/test/invoices/", {"q": '"><script>x</script>', "least": "many"}).content.decode()
    assert "&quot;&gt;&lt;script&gt;x&lt;/script&gt;" in text
    assert "<script>x" not in text
    assert 'value="many"' in text
    assert "Nothing matches" in text


def test_empty_lists_say_the_next_step(workspace: Workspace, viewer_client: Client) -> None:
    for name in LISTS:
        text = viewer_client.get(f"/w/acme/test/{name}/").content.decode()
        assert "Nothing here yet" in text
        assert "/w/acme/settings/integrations/stripe/" in text


def test_the_mode_switch_of_an_object_leads_to_the_list(workspace: Workspace, viewer_client: Client) -> None:
    CustomerFactory(workspace=workspace, stripe_id="cus_1")
    text = viewer_client.get("/w/acme/test/customers/cus_1/").content.decode()
    assert '<a href="/w/acme/live/customers/">Switch to live</a>' in text


def test_outsiders_get_nothing(workspace: Workspace, client_of: Callable[[User], Client]) -> None:
    outsider = client_of(UserFactory())
    for name in LISTS:
        for path in (f"{name}/", f"{name}.csv"):
            assert outsider.get(f"/w/acme/test/{path}").status_code == 404
            assert Client().get(f"/w/acme/test/{path}").status_code == 302
