"""The preview in a rule's form: asked for before anything is saved, with what was typed kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import time, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client

from alerts.models import Rule
from alerts.rules import KINDS
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import NOON, at
from tests.factories import ChannelFactory, ChannelOutageFactory, ConnectionFactory, FailureFactory, WorkspaceFactory
from tests.factories_alerts import RuleFactory

pytestmark = pytest.mark.django_db
ADD = "/w/acme/test/alerts/add/payment_failures/"
TYPED = {
    "name": "Many",
    "severity": "warning",
    "cooldown": "180",
    "hysteresis": "0",
    "measure": "count",
    "threshold": "1",
    "currency": "",
    "minutes": "60",
    "preview": "1",
}


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def failures(workspace: Workspace) -> None:
    """Two within the hour on three days; another workspace's and the other mode's all the time."""
    ConnectionFactory(workspace=workspace, mode=Mode.TEST, connected_at=NOON - timedelta(days=60))
    for minute in (-9000, -8999, -6000, -5999, -3000, -2999):
        FailureFactory(workspace=workspace, mode=Mode.TEST, happened_at=at(minute))
    for minute in range(-20_000, 0, 50):
        FailureFactory(workspace=workspace, mode=Mode.LIVE, happened_at=at(minute))
    other = WorkspaceFactory()
    for minute in range(-20_000, 0, 500):
        FailureFactory(workspace=other, mode=Mode.TEST, happened_at=at(minute))


def text(response: Any) -> str:
    return " ".join(unescape(response.content.decode()).split())


def rules(workspace: Workspace) -> list[str]:
    with scoped_transaction(workspace):
        return [rule.name for rule in Rule.objects.filter(workspace=workspace).order_by("number")]


@pytest.mark.usefixtures("failures")
def test_a_new_rule_is_previewed_and_not_added(workspace: Workspace, admin_client: Client) -> None:
    response = admin_client.post(ADD, TYPED)
    said = text(response)
    assert response.status_code == 200
    assert "Would have fired 3 times in the last 30 days." in said
    assert [one.at for one in response.context["preview"].newest] == [at(-2999), at(-5999), at(-8999)]
    assert "2 payments failed within an hour" in said
    assert "3 messages that it recovered would have followed." in said
    assert 'name="threshold" value="1"' in said
    assert 'value="Many"' in said
    assert rules(workspace) == []
    assert "3 times" in text(admin_client.post(ADD, TYPED, headers={"HX-Request": "true"}))


@pytest.mark.usefixtures("failures")
def test_a_rule_that_is_there_is_previewed_and_not_changed(workspace: Workspace, admin_client: Client) -> None:
    kept = {"measure": "count", "threshold": "5", "currency": "", "minutes": 60}
    rule = RuleFactory(workspace=workspace, mode=Mode.TEST, number=1, name="Old", params=kept)
    page = f"/w/acme/test/alerts/{rule.number}/edit/"
    assert "Would have fired 3 times" in text(admin_client.post(page, TYPED))
    assert "Would not have fired in the last 30 days." in text(admin_client.post(page, {**TYPED, "threshold": "2"}))
    with scoped_transaction(workspace):
        assert (Rule.objects.get(pk=rule.pk).name, Rule.objects.get(pk=rule.pk).params) == ("Old", kept)


def test_what_is_wrong_is_said_instead(workspace: Workspace, admin_client: Client) -> None:
    response = admin_client.post(ADD, {**TYPED, "threshold": "many"})
    assert response.status_code == 422
    assert "Would have fired" not in text(response)
    assert 'value="many"' in text(response)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_preview(workspace: Workspace, admin_client: Client, kind: str) -> None:
    assert 'name="preview"' in text(admin_client.get(f"/w/acme/test/alerts/add/{kind}/"))


def test_quiet_hours_count_and_are_kept(workspace: Workspace, admin_client: Client) -> None:
    night = {"quiet_from": "11:00", "quiet_until": "13:00"}
    ChannelOutageFactory(channel=ChannelFactory(workspace=workspace), starts=at(-2880), ends=at(-2820))
    page = "/w/acme/test/alerts/add/channel_broken/"
    typed = {"name": "Broken", "severity": "warning", "cooldown": "0"}
    assert "Would have fired 1 time in the last 30 days." in text(admin_client.post(page, {**typed, "preview": "1"}))
    said = text(admin_client.post(page, {**typed, **night, "preview": "1"}))
    assert "Would not have fired in the last 30 days." in said
    assert "Not said 1 time. Quiet hours." in said
    admin_client.post(page, {**typed, **night})
    with scoped_transaction(workspace):
        rule = Rule.objects.get(name="Broken")
    assert (rule.quiet_from, rule.quiet_until) == (time(11), time(13))
    assert "from 11:00 to 13:00" in text(admin_client.get(f"/w/acme/test/alerts/{rule.number}/"))
    assert 'value="11:00"' in text(admin_client.get(f"/w/acme/test/alerts/{rule.number}/edit/"))
    for wrong, error in (
        ({"quiet_from": "22:00"}, "Give both times, or none."),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "These are no hours at all."),
        ({"quiet_from": "late", "quiet_until": "07:00"}, "This is no time of the day."),
    ):
        response = admin_client.post(page, {**typed, **wrong})
        assert (response.status_code, error in text(response)) == (422, True)


def test_only_who_may_configure_asks(workspace: Workspace, viewer_client: Client) -> None:
    assert viewer_client.post(ADD, TYPED).status_code == 403
