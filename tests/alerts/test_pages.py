"""Settings › Billing › Alerts: rules with their states, forms that keep what was typed, silence, history with fates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts.defaults import DEFAULTS
from alerts.models import Rule, RuleChannel, RuleKind
from alerts.rules import KINDS
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import NOON, at
from tests.factories import BillingSettingsFactory, ChannelFactory, CustomerFactory, DeliveryFactory, WorkspaceFactory
from tests.factories_alerts import FindingFactory, RuleChannelFactory, RuleFactory

pytestmark = pytest.mark.django_db
MemberClient = Callable[[Role], Client]

PAGE = "/w/acme/test/alerts/"
SPEAKING = {"name": "A rule", "severity": "warning", "cooldown": "60"}
PARAMS: dict[str, dict[str, Any]] = {
    "payment_failed": {"minimums": "100 USD, 0 EUR"},
    "payment_failures": {"measure": "amount", "threshold": "500.50", "currency": "USD", "minutes": "90"},
    "mrr_drop": {"measure": "percent", "threshold": "12.5", "hours": "6", "currency": "", "minimum": "1000"},
    "churn_rate": {"threshold": "8", "minimum": "30"},
    "event": {"kinds": ["invoice.paid", "checkout.completed"], "minimums": "", "tier": "growth", "customer": ""},
    "stale_sync": {"minutes": "45"},
    "quarantine": {},
    "unmapped_price": {},
    "channel_broken": {},
}
GRADED = ("payment_failures", "mrr_drop", "churn_rate")
KEPT: dict[str, dict[str, Any]] = {
    "payment_failed": {"minimums": {"usd": "100", "eur": "0"}},
    "payment_failures": {"measure": "amount", "threshold": "500.5", "currency": "usd", "minutes": 90},
    "mrr_drop": {"measure": "percent", "threshold": "12.5", "hours": 6, "currency": "", "minimum": "1000"},
    "churn_rate": {"threshold": "8", "minimum": 30},
    "event": {"kinds": ["invoice.paid", "checkout.completed"], "minimums": {}, "tier": "growth", "customer": ""},
    "stale_sync": {"minutes": 45},
    "quarantine": {},
    "unmapped_price": {},
    "channel_broken": {},
}


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Coordinates]:
    """It is noon until a test moves on."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def rules(workspace: Workspace, mode: Mode = Mode.TEST) -> list[Rule]:
    with scoped_transaction(workspace):
        return list(Rule.objects.filter(workspace=workspace, mode=mode).order_by("number"))


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def typed(kind: str) -> dict[str, Any]:
    return {**SPEAKING, **({"hysteresis": "20"} if kind in GRADED else {}), **PARAMS[kind]}


def test_the_default_rules_are_there_from_the_first_look_and_do_not_come_back(
    owner_client: Client, workspace: Workspace
) -> None:
    page = text(owner_client.get(PAGE))
    given = [default.name for default in DEFAULTS if not default.live_only]
    assert [rule.name for rule in rules(workspace)] == given
    assert all(name in page for name in given)
    assert rules(workspace, Mode.LIVE) == []
    owner_client.post(f"{PAGE}1/remove/")
    owner_client.get(PAGE)
    assert [rule.name for rule in rules(workspace) if rule.removed_at is None] == given[1:]


@pytest.mark.parametrize("default", DEFAULTS, ids=lambda default: default.name)
def test_each_default_is_what_its_form_would_keep(default: Any) -> None:
    kind = KINDS[default.kind]
    form = kind.form(data=kind.form.initial_of(default.params))
    assert form.is_valid(), form.errors
    assert form.params == default.params
    assert kind.summary(default.params)


@pytest.mark.parametrize("kind", list(RuleKind))
def test_a_rule_of_every_kind_is_added_and_changed(
    clock: time_machine.Coordinates, owner_client: Client, workspace: Workspace, kind: str
) -> None:
    form = owner_client.get(f"{PAGE}add/{kind}/")
    assert form.status_code == 200
    before = len(rules(workspace))
    response = owner_client.post(f"{PAGE}add/{kind}/", typed(kind))
    made = rules(workspace)[-1]
    assert (response.status_code, response["Location"]) == (302, f"{PAGE}{made.number}/")
    assert len(rules(workspace)) > before
    assert (made.kind, made.params, made.cooldown_seconds, made.stepped_at) == (kind, KEPT[kind], 3600, NOON)
    page = owner_client.get(f"{PAGE}{made.number}/")
    assert page.status_code == 200
    edit = text(owner_client.get(f"{PAGE}{made.number}/edit/"))
    assert 'value="A rule"' in edit
    clock.move_to(at(60))
    owner_client.post(f"{PAGE}{made.number}/edit/", {**typed(kind), "name": "Another name", "cooldown": "5"})
    changed = rules(workspace)[-1]
    assert (changed.name, changed.params, changed.cooldown_seconds) == ("Another name", KEPT[kind], 300)
    assert changed.stepped_at == NOON  # the parameters are the same, so it goes on from where it was


def test_other_parameters_begin_anew(
    clock: time_machine.Coordinates, owner_client: Client, workspace: Workspace
) -> None:
    owner_client.get(PAGE)
    RuleFactory(
        workspace=workspace,
        number=40,
        kind="stale_sync",
        params={"minutes": 30},
        state="firing",
        since=NOON,
        memory={"told": True},
    )
    clock.move_to(at(60))
    owner_client.post(f"{PAGE}40/edit/", {**SPEAKING, "minutes": "60"})
    changed = rules(workspace)[-1]
    assert (changed.state, changed.since, changed.memory, changed.stepped_at) == ("normal", None, {}, at(60))


WRONG: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("mrr_drop", {"threshold": "abc"}, {"threshold": "Enter a number."}),
    ("mrr_drop", {"threshold": "100"}, {"threshold": "MRR cannot drop by more than 100 percent."}),
    ("mrr_drop", {"minimum": ""}, {"minimum": "Percentages need a base: say how much MRR there has to be."}),
    ("mrr_drop", {"currency": "12"}, {"currency": "A currency is three letters, for example USD."}),
    ("mrr_drop", {"hours": "0"}, {"hours": "Ensure this value is greater than or equal to 1."}),
    (
        "payment_failures",
        {"currency": ""},
        {"currency": "Say in which currency: amounts of several are never added up."},
    ),
    (
        "payment_failures",
        {"measure": "count", "threshold": "2.5"},
        {"threshold": "Payments are counted in whole numbers."},
    ),
    (
        "payment_failures",
        {"measure": "amount", "threshold": "5.005"},
        {"threshold": "This has more digits than USD has."},
    ),
    (
        "mrr_drop",
        {"measure": "amount", "threshold": "10.5", "currency": "JPY"},
        {"threshold": "This has more digits than JPY has."},
    ),
    ("mrr_drop", {"minimum": "500.001", "currency": "EUR"}, {"minimum": "This has more digits than EUR has."}),
    ("event", {"kinds": []}, {"kinds": "This field is required."}),
    ("event", {"tier": "Growth"}, {"tier": "There is no tier “Growth”. There are: free, starter, growth, scale."}),
    (
        "event",
        {"customer": "cus_nobody"},
        {"customer": "No customer “cus_nobody” is known in test mode. Give the id, cus_…."},
    ),
    ("event", {"minimums": "a lot"}, {"minimums": "“a lot” is no amount. Write it like 100 USD."}),
    ("event", {"minimums": "1.001 USD"}, {"minimums": "“1.001 USD” has more digits than USD has."}),
    ("event", {"minimums": "1 USD, 2 usd"}, {"minimums": "USD is there twice."}),
    ("event", {"minimums": "-1 USD"}, {"minimums": "“-1 USD” is no amount that can be billed."}),
    ("event", {"minimums": "NaN USD"}, {"minimums": "“NaN USD” is no amount that can be billed."}),
    ("event", {"minimums": "1e99 USD"}, {"minimums": "“1e99 USD” is no amount that can be billed."}),
    ("stale_sync", {"minutes": "1"}, {"minutes": "Ensure this value is greater than or equal to 10."}),
]


@pytest.mark.parametrize(("kind", "wrong", "errors"), WRONG)
@pytest.mark.parametrize("htmx", [False, True])
def test_each_wrong_value_has_its_own_error_and_what_was_typed_stays(
    owner_client: Client, workspace: Workspace, kind: str, wrong: dict[str, Any], errors: dict[str, str], htmx: bool
) -> None:
    data = {**typed(kind), **wrong, "name": "", "cooldown": "-1"}
    headers = {"HX-Request": "true"} if htmx else {}
    response = owner_client.post(f"{PAGE}add/{kind}/", data, headers=headers)
    assert response.status_code == 422
    form = response.context["form"]
    assert {name: found[0] for name, found in form.params.errors.items()} == errors
    assert set(form.speaking.errors) >= {"name", "cooldown"}
    (typed_value,) = [value for value in wrong.values() if not isinstance(value, list)][:1] or [""]
    assert f'value="{typed_value}"' in response.content.decode() or typed_value in ("", "count")
    assert ("<html" in response.content.decode()) is not htmx
    assert rules(workspace) == []


def test_a_customer_is_one_of_this_workspace_and_mode(owner_client: Client, workspace: Workspace) -> None:
    mine = CustomerFactory(workspace=workspace, mode=Mode.TEST, stripe_id="cus_mine")
    live = CustomerFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="cus_live")
    foreign = CustomerFactory(mode=Mode.TEST, stripe_id="cus_foreign")
    for customer, status in ((live, 422), (foreign, 422), (mine, 302)):
        data = {**typed("event"), "customer": customer.stripe_id}
        assert owner_client.post(f"{PAGE}add/event/", data).status_code == status


def test_with_htmx_the_browser_is_led_to_the_rule(owner_client: Client) -> None:
    response = owner_client.post(
        f"{PAGE}add/stale_sync/", {**SPEAKING, "minutes": "30"}, headers={"HX-Request": "true"}
    )
    assert response.status_code == 204
    assert response["HX-Redirect"].startswith(PAGE)


def test_channels_are_chosen_from_the_workspace_s_own(owner_client: Client, workspace: Workspace) -> None:
    mine, gone = ChannelFactory(workspace=workspace, name="Ops"), ChannelFactory(workspace=workspace, removed_at=NOON)
    foreign = ChannelFactory()
    for channel, status in ((foreign, 422), (gone, 422), (mine, 302)):
        data = {**typed("quarantine"), "channels": [str(channel.pk)]}
        assert owner_client.post(f"{PAGE}add/quarantine/", data).status_code == status
    with scoped_transaction(workspace):
        assert [row.channel_id for row in RuleChannel.objects.filter(workspace=workspace)] == [mine.pk]
    number = rules(workspace)[-1].number
    assert "Ops" in text(owner_client.get(f"{PAGE}{number}/"))
    owner_client.post(f"{PAGE}{number}/edit/", typed("quarantine"))
    with scoped_transaction(workspace):
        assert not RuleChannel.objects.filter(workspace=workspace).exists()


def test_there_is_a_limit(owner_client: Client, workspace: Workspace) -> None:
    for number in range(100, 150):
        RuleFactory(workspace=workspace, number=number)
    response = owner_client.post(f"{PAGE}add/quarantine/", typed("quarantine"))
    assert response.status_code == 422
    assert "There are 50 rules already" in text(response) or "50 rules" in text(response)


def test_a_member_silences_and_ends_it_a_viewer_does_not(member_client: MemberClient, workspace: Workspace) -> None:
    RuleFactory(workspace=workspace, number=7)
    member, viewer = member_client(Role.MEMBER), member_client(Role.VIEWER)
    assert viewer.post(f"{PAGE}7/silence/", {"hours": "8"}).status_code == 403
    assert member.post(f"{PAGE}7/silence/", {"hours": "8"}).status_code == 302
    (rule,) = [rule for rule in rules(workspace) if rule.number == 7]
    assert rule.silenced_until == at(8 * 60)
    assert rule.silenced_by.endswith("@example.com")
    assert "Silenced" in text(viewer.get(f"{PAGE}7/"))
    member.post(f"{PAGE}7/silence/", {"end": "1"})
    (rule,) = [rule for rule in rules(workspace) if rule.number == 7]
    assert rule.silenced_until is None
    assert member.post(f"{PAGE}7/silence/", {"hours": "-1"}).status_code == 422


def test_muted_turned_off_and_on_again(
    clock: time_machine.Coordinates, owner_client: Client, workspace: Workspace
) -> None:
    RuleFactory(workspace=workspace, number=7, state="firing", since=NOON, name="Mine")

    def rule() -> Rule:
        (found,) = [rule for rule in rules(workspace) if rule.number == 7]
        return found

    owner_client.post(f"{PAGE}7/mute/", {"on": "1"})
    assert rule().test_mode
    assert "Muted" in text(owner_client.get(f"{PAGE}7/"))
    owner_client.post(f"{PAGE}7/mute/")
    assert not rule().test_mode
    owner_client.post(f"{PAGE}7/enable/")
    assert (rule().enabled, rule().state) == (False, "normal")
    clock.move_to(at(90))
    owner_client.post(f"{PAGE}7/enable/", {"on": "1"})
    assert (rule().enabled, rule().stepped_at) == (True, at(90))
    owner_client.post(f"{PAGE}7/remove/")
    assert owner_client.get(f"{PAGE}7/").status_code == 404


def test_the_history_says_why_and_what_became_of_each_message(owner_client: Client, workspace: Workspace) -> None:
    ops, gone = (
        ChannelFactory(workspace=workspace, name="Ops"),
        ChannelFactory(workspace=workspace, name="Old", removed_at=NOON),
    )
    rule = RuleFactory(workspace=workspace, number=7, name="Failures")
    RuleChannelFactory(rule=rule, channel=ops)
    fired = FindingFactory(rule=rule, title="6 payments failed")
    FindingFactory(rule=rule, title="9 payments failed", outcome="suppressed", reason="Silenced.", count=3)
    DeliveryFactory(channel=ops, dedupe_key=fired.dedupe_key, state="failed", reason="Slack: channel_is_archived")
    DeliveryFactory(channel=gone, dedupe_key=fired.dedupe_key, state="skipped", reason="The channel was removed.")
    DeliveryFactory(channel=ChannelFactory(name="Foreign"), dedupe_key=fired.dedupe_key)
    FindingFactory(rule=RuleFactory(workspace=workspace, mode=Mode.LIVE), title="Of the other mode")
    FindingFactory(title="Of another workspace")
    for address in (PAGE, f"{PAGE}7/"):
        page = text(owner_client.get(address))
        for words in (
            "6 payments failed",
            "Ops</a>: failed",
            "channel_is_archived",
            "Old (removed): skipped",
            "3 of them",
        ):
            assert words in page
        assert "Silenced." in page
        for words in ("Foreign", "Of the other mode", "Of another workspace"):
            assert words not in page


def test_rules_of_the_other_mode_and_of_others_do_not_exist_here(owner_client: Client, workspace: Workspace) -> None:
    RuleFactory(workspace=workspace, mode=Mode.LIVE, number=70)
    RuleFactory(workspace=WorkspaceFactory(), number=71)
    for number in (70, 71):
        assert owner_client.get(f"{PAGE}{number}/").status_code == 404
        for verb in ("edit", "silence", "enable", "mute", "remove"):
            assert owner_client.post(f"{PAGE}{number}/{verb}/").status_code == 404


def test_the_page_costs_the_same_however_many_rules_and_findings(owner_client: Client, workspace: Workspace) -> None:
    owner_client.get(PAGE)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            owner_client.get(PAGE)
        return len(queries)

    FindingFactory(rule=RuleFactory(workspace=workspace, number=50))
    few = statements()
    for number in range(51, 60):
        FindingFactory(rule=RuleFactory(workspace=workspace, number=number))
    assert statements() == few


def test_a_rule_whose_channels_were_all_removed_asks_where_to(owner_client: Client, workspace: Workspace) -> None:
    gone = ChannelFactory(workspace=workspace, number=1, removed_at=NOON)
    rule = RuleFactory(workspace=workspace, number=40, kind="stale_sync", params={"minutes": 45})
    RuleChannelFactory(workspace=workspace, rule=rule, channel=gone)
    url, posted = f"{PAGE}40/edit/", {**SPEAKING, "minutes": "45"}

    def chosen() -> list[Any]:
        with scoped_transaction(workspace):
            return list(RuleChannel.objects.filter(rule=rule).values_list("channel_id", flat=True))

    assert owner_client.post(url, posted).status_code == 302  # there is nothing to choose from
    assert chosen() == [gone.pk]
    there = ChannelFactory(workspace=workspace, number=2)
    assert "No channel" in text(owner_client.get(f"{PAGE}40/"))
    assert "nowhere: its channels were removed" in text(owner_client.get(f"{PAGE}40/"))
    assert "Choose where it goes now." in text(owner_client.get(url))
    refused = owner_client.post(url, posted)
    assert refused.status_code == 422
    assert list(refused.context["form"].speaking.errors) == ["channels"]
    assert chosen() == [gone.pk]
    owner_client.post(url, {**posted, "channels": [str(there.pk)]})
    assert chosen() == [there.pk]
    assert "everywhere" not in owner_client.get(url).context["form"].speaking.fields
    with scoped_transaction(workspace):
        RuleChannel.objects.update(channel=gone)
    assert owner_client.post(url, {**posted, "everywhere": "on"}).status_code == 302
    assert chosen() == []
    assert "every channel" in text(owner_client.get(f"{PAGE}40/"))


@pytest.mark.parametrize(("severity", "tone"), [("info", "accent"), ("warning", "warn"), ("critical", "bad")])
def test_what_fired_looks_as_severe_as_its_rule(
    owner_client: Client, workspace: Workspace, severity: str, tone: str
) -> None:
    rule = RuleFactory(workspace=workspace, number=40, severity=severity)
    FindingFactory(workspace=workspace, rule=rule, outcome="fired")
    (line,) = owner_client.get(f"{PAGE}40/").context["findings"]
    assert (line.outcome, line.tone) == ("Fired", tone)


@pytest.mark.parametrize(
    ("reporting", "own", "said"),
    [
        ("eur", "", "MRR down by more than €500.00 since the day began"),
        ("eur", "usd", "MRR down by more than $500.00 since the day began"),
        (None, "", "MRR down by more than 500 in the currency with the largest MRR since the day began"),
    ],
)
def test_an_amount_of_mrr_is_shown_with_its_currency(
    owner_client: Client, workspace: Workspace, reporting: str | None, own: str, said: str
) -> None:
    BillingSettingsFactory(workspace=workspace, reporting_currency=reporting)
    params = {"measure": "amount", "threshold": "500", "hours": None, "currency": own, "minimum": ""}
    RuleFactory(workspace=workspace, number=40, kind="mrr_drop", params=params)
    assert said in text(owner_client.get(f"{PAGE}40/"))
