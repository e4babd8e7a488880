"""The pages behind numbers, Settings › Numbers, and that the dashboard knows when it is out of date."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from billing.actions.movements import refresh
from billing.actions.settings import settings_of
from billing.dashboard import standing
from billing.metrics.definitions import DEFINITIONS
from billing.models import Recalculation
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import (
    BillingSettingsFactory,
    ConnectionFactory,
    CustomerFactory,
    ExchangeRateFactory,
    FailureFactory,
    HistoryEntryFactory,
    InvoiceFactory,
    MrrSpanFactory,
    RecalculationFactory,
    SyncStateFactory,
    VersionFactory,
    WorkspaceFactory,
)

pytestmark = pytest.mark.django_db

TODAY = datetime.now(UTC).date()
NUMBERS = "/w/acme/settings/billing/numbers/"


def paying(workspace: Workspace, customer: str, minor: int, days_ago: int = 10, **fields: Any) -> None:
    """A customer who pays from noon of that day on."""
    at = datetime.combine(TODAY - timedelta(days=days_ago), datetime.min.time(), UTC) + timedelta(hours=12)
    made = MrrSpanFactory(
        workspace=workspace,
        customer=customer,
        subscription=f"sub_{customer}",
        monthly=Decimal(minor),
        starts=int(at.timestamp()),
        **fields,
    )
    position = 2 * made.starts + 1
    VersionFactory(
        workspace=workspace, mode=made.mode, kind="subscription", object_id=made.subscription, position=position,
        event_id=f"evt_{customer}", chosen=True,
    )  # fmt: skip
    with scoped_transaction(workspace):
        refresh(workspace.pk, str(made.mode), [customer], ZoneInfo(workspace.timezone))


def links(text: str) -> list[str]:
    return re.findall(r'href="(/w/acme/test/numbers/[^"]+)"', text)


def test_every_number_on_the_dashboard_leads_to_its_page(workspace: Workspace, viewer_client: Client) -> None:
    paying(workspace, "cus_ada", 4900)
    paying(workspace, "cus_bob", 900, 40, currency="eur")
    for days_ago in range(0, 70, 7):
        ExchangeRateFactory(day=TODAY - timedelta(days=days_ago), per_euro=Decimal("1.10"))
    text = viewer_client.get("/w/acme/test/").content.decode()
    found = {link.replace("&amp;", "&") for link in links(text)}
    assert {link.split("/")[5] for link in found} >= DEFINITIONS.keys() - {"churned", "came"}
    assert {value for link in found for value in re.findall(r"currency=(\w+)", link)} == {"all", "usd", "eur"}
    for link in sorted(found):
        assert viewer_client.get(link).status_code == 200, link


def test_a_number_shows_its_definition_its_rows_and_their_events(workspace: Workspace, viewer_client: Client) -> None:
    CustomerFactory(workspace=workspace, stripe_id="cus_ada", name="<b>Ada & Co</b>")
    paying(workspace, "cus_ada", 4900)
    paying(workspace, "cus_mine", 700)
    paying(workspace, "cus_live", 999_00, mode="live")
    paying(WorkspaceFactory(slug="other"), "cus_other", 888_00)
    answer = viewer_client.get("/w/acme/test/numbers/mrr/?currency=usd")
    text = answer.content.decode()
    assert DEFINITIONS["mrr"].text in text
    assert "&lt;b&gt;Ada &amp; Co&lt;/b&gt;" in text
    assert "evt_cus_ada" in text
    assert "sum $56.00" in text
    assert "2 rows" in text
    for foreign in ("cus_live", "evt_cus_live", "999", "cus_other", "888"):
        assert foreign not in text
    live = viewer_client.get("/w/acme/live/numbers/mrr/?currency=usd").content.decode()
    assert "$999.00" in live
    assert "cus_ada" not in live


def test_a_formula_has_its_figures_put_in(workspace: Workspace, viewer_client: Client) -> None:
    paying(workspace, "cus_ada", 4900)
    paying(workspace, "cus_bob", 100)
    arpa = viewer_client.get("/w/acme/test/numbers/arpa/?currency=usd").content.decode()
    assert "= MRR ÷ active subscribers" in arpa
    assert "= $50.00 ÷ 2" in arpa
    assert "= $25.00" in arpa
    ltv = viewer_client.get("/w/acme/test/numbers/ltv/?currency=usd").content.decode()
    assert "= $25.00 ÷ 0.00%" in ltv
    assert "= n/a" in ltv


def test_all_currencies_need_rates_and_say_so(workspace: Workspace, viewer_client: Client) -> None:
    paying(workspace, "cus_ada", 4900)
    paying(workspace, "cus_bob", 900, currency="eur")
    page = "/w/acme/test/numbers/mrr/?currency=all"
    without = viewer_client.get(page).content.decode()
    assert f"no exchange rate of USD on {TODAY:%-d %B %Y}" in without
    assert "n/a" in without
    assert "Not known" in without
    assert "Nothing stands behind this number" not in without
    ExchangeRateFactory(day=TODAY, per_euro=Decimal("1.10"))
    told = viewer_client.get(page).content.decode()
    assert "$58.90" in told
    assert "1.100000" in told
    BillingSettingsFactory(workspace=workspace, reporting_currency="eur")
    assert "€53.55" in viewer_client.get(page).content.decode()


def test_failed_payments_of_all_currencies_are_told_in_each(workspace: Workspace, viewer_client: Client) -> None:
    page = "/w/acme/test/numbers/{}/?currency=all"
    assert "Nothing failed in these days" in viewer_client.get(page.format("failed")).content.decode()
    at = datetime.now(UTC) - timedelta(days=2)
    FailureFactory(workspace=workspace, invoice="in_1", amount=4900, happened_at=at)
    FailureFactory(workspace=workspace, invoice="in_2", amount=700, currency="jpy", happened_at=at)
    FailureFactory(workspace=workspace, mode="live", amount=1, currency="eur", happened_at=at)
    FailureFactory(workspace=WorkspaceFactory(), amount=1, currency="eur", happened_at=at)
    InvoiceFactory(workspace=workspace, stripe_id="in_1", status="paid")
    failed = viewer_client.get(page.format("failed"))
    number = failed.context["number"]
    assert number.text == "¥700 in JPY, $49.00 in USD"
    told = [(line.currency, line.text, line.query.partition("&")[0]) for line in number.by_currency]
    assert told == [("jpy", "¥700", "currency=jpy"), ("usd", "$49.00", "currency=usd")]
    assert "Nothing stands behind" not in failed.content.decode()
    rate = viewer_client.get(page.format("recovery_rate"))
    assert rate.context["number"].text == "0.00% in JPY, 100.00% in USD"
    assert "n/a" not in rate.content.decode()
    one = viewer_client.get(page.format("failed").replace("all", "usd")).context["number"]
    assert (one.text, one.by_currency) == ("$49.00", None)


@pytest.mark.parametrize(
    "query",
    ["currency=u$d", "from=x", "page=-1", f"page={'9' * 5000}", "page=000000", "to=0001-01-01", "price=%00"],
)
def test_what_makes_no_sense_is_shown_as_something_sensible(
    workspace: Workspace, viewer_client: Client, query: str
) -> None:
    paying(workspace, "cus_ada", 4900)
    assert viewer_client.get(f"/w/acme/test/numbers/mrr/?currency=usd&{query}").status_code == 200


def found(workspace: Workspace, at: datetime, **fields: Any) -> None:
    """A subscription that had begun before it was found."""
    defaults = {"mode": "test", "kind": "subscription.found", "object_kind": "subscription", "is_change": True}
    HistoryEntryFactory(workspace=workspace, happened_at=at, **{**defaults, "object_id": f"sub_{at:%d%H}", **fields})


def test_what_lies_before_something_was_found_is_labelled_estimated(
    workspace: Workspace, viewer_client: Client
) -> None:
    connected = datetime(2026, 3, 5, 12, tzinfo=UTC)
    ConnectionFactory(workspace=workspace, mode="test", connected_at=connected)
    SyncStateFactory(workspace=workspace, mode="test")
    page = "/w/acme/test/numbers/net_new/?currency=usd&from=2026-03-{}&to=2026-03-31"
    dashboard = "/w/acme/test/?from=2026-03-01&to=2026-03-31"

    def labelled() -> date | None:
        number = viewer_client.get(page.format("01")).context["number"].estimated_before
        assert viewer_client.get(dashboard).context["dashboard"].estimated_before == number
        day: date | None = number
        return day

    found(workspace, connected, mode="live")
    found(workspace, connected, superseded_at=connected)
    found(WorkspaceFactory(), connected)
    found(workspace, connected, kind="customer.found", object_kind="customer")
    assert labelled() is None
    found(workspace, datetime(2026, 3, 3, 23, tzinfo=UTC))
    assert labelled() == date(2026, 3, 3)
    assert "the last on 3 March 2026" in viewer_client.get(page.format("01")).content.decode()
    assert "estimated" not in viewer_client.get(page.format("03")).content.decode()
    workspace.timezone = "Asia/Tokyo"
    workspace.save()
    assert labelled() == date(2026, 3, 4)
    found(workspace, connected + timedelta(minutes=7))
    found(workspace, connected + timedelta(days=20))
    assert labelled() == date(2026, 3, 5)
    assert "estimated" not in viewer_client.get(page.format("05")).content.decode()


def test_what_is_scheduled_is_as_of_now_whatever_days_are_looked_at(
    workspace: Workspace, viewer_client: Client
) -> None:
    past = "?currency=usd&from=2026-01-01&to=2026-01-31"
    text = viewer_client.get(f"/w/acme/test/numbers/scheduled_churn/{past}").content.decode()
    assert "<span>As of now</span>" in text
    assert "31 Jan 2026" not in text
    assert "<span>31 Jan 2026</span>" in viewer_client.get(f"/w/acme/test/numbers/mrr/{past}").content.decode()


def test_days_without_mrr_are_not_taken_for_a_workspace_without_any(
    workspace: Workspace, viewer_client: Client
) -> None:
    paying(workspace, "cus_ada", 4900)
    SyncStateFactory(workspace=workspace)
    HistoryEntryFactory(workspace=workspace)
    text = viewer_client.get("/w/acme/test/?from=2022-01-01&to=2022-01-31").content.decode()
    assert "No recurring revenue in these days" in text
    assert "No recurring revenue yet" not in text


def test_there_is_no_page_of_no_number(workspace: Workspace, viewer_client: Client) -> None:
    assert viewer_client.get("/w/acme/test/numbers/happiness/").status_code == 404


# --- settings --------------------------------------------------------------------------------------------------------
def test_an_admin_changes_how_numbers_are_counted(workspace: Workspace, admin_client: Client) -> None:
    changed = {"reporting_currency": "eur", "churn_at": "request", "past_due_days": "14"}
    answer = admin_client.post(NUMBERS, changed, follow=True)
    assert "computed again" in answer.content.decode()
    with scoped_transaction(workspace):
        found = settings_of(workspace.pk)
        assert (found.reporting_currency, found.churn_at, found.past_due_days) == ("eur", "request", 14)
        assert Recalculation.objects.filter(done_at=None).count() == 2
    assert "test mode are being computed again" in answer.content.decode()


def test_a_reporting_currency_alone_computes_nothing_again(workspace: Workspace, admin_client: Client) -> None:
    answer = admin_client.post(NUMBERS, {"reporting_currency": "gbp", "churn_at": "end", "past_due_days": ""})
    assert answer.status_code == 302
    with scoped_transaction(workspace):
        assert settings_of(workspace.pk).reporting_currency == "gbp"
        assert not Recalculation.objects.exists()


def test_wrong_settings_are_told_and_what_was_typed_stays(workspace: Workspace, admin_client: Client) -> None:
    wrong = {"reporting_currency": "xxx", "churn_at": "end", "past_due_days": "0"}
    answer = admin_client.post(NUMBERS, wrong)
    assert answer.status_code == 422
    assert 'value="0"' in answer.content.decode()
    with scoped_transaction(workspace):
        assert settings_of(workspace.pk).pk is None


def test_a_viewer_sees_the_settings_and_no_form(workspace: Workspace, viewer_client: Client) -> None:
    text = viewer_client.get(NUMBERS).content.decode()
    assert "The one with the largest MRR" in text
    assert "Save changes" not in text


# --- whether anything is new -----------------------------------------------------------------------------------------
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def version(workspace: Workspace, now: datetime = NOON) -> int:
    with scoped_transaction(workspace):
        return standing(workspace, Mode.TEST, now).version


@pytest.mark.parametrize(
    "change",
    [
        lambda workspace: SyncStateFactory(workspace=workspace, mode="test", version=4),
        lambda workspace: BillingSettingsFactory(workspace=workspace, reporting_currency="eur"),
        lambda workspace: BillingSettingsFactory(workspace=workspace, version=3),
        lambda workspace: RecalculationFactory(workspace=workspace, mode="test"),
        lambda workspace: ConnectionFactory(workspace=workspace, mode="test"),
        lambda workspace: ExchangeRateFactory(day=date(2026, 3, 1)),
    ],
    ids=["events", "currency", "settings", "recalculation", "connection", "rates"],
)
def test_the_version_is_another_after_whatever_is_shown_changed(
    workspace: Workspace, change: Callable[[Workspace], Any]
) -> None:
    before = version(workspace)
    assert version(workspace) == before
    change(workspace)
    assert version(workspace) != before


def test_the_version_stays_when_something_of_others_changes(workspace: Workspace) -> None:
    before = version(workspace)
    for other, mode in ((WorkspaceFactory(), "test"), (workspace, "live")):
        SyncStateFactory(workspace=other, mode=mode, version=4)
        RecalculationFactory(workspace=other, mode=mode)
    assert version(workspace) == before


def test_midnight_of_the_workspaces_zone_is_new(workspace: Workspace) -> None:
    workspace.timezone = "America/New_York"
    assert version(workspace, NOON) == version(workspace, NOON + timedelta(hours=15))
    assert version(workspace, NOON) != version(workspace, NOON + timedelta(hours=17))


def test_the_live_part_keeps_the_period(workspace: Workspace, viewer_client: Client) -> None:
    paying(workspace, "cus_ada", 4900, days_ago=3)
    page = viewer_client.get("/w/acme/test/?from=2026-01-01&to=2026-01-31&compare=year")
    (address,) = re.findall(r'hx-get="([^"]+)"', page.content.decode())
    partial = viewer_client.get(address.replace("&amp;", "&").replace("seen=", "seen=0"))
    assert partial.status_code == 200
    choice = partial.context["dashboard"].choice
    assert (str(choice.period.first), str(choice.period.last)) == ("2026-01-01", "2026-01-31")
    assert str(choice.compared.first) == "2025-01-01"
