"""The preview in a rule's form: asked for before anything is saved, with what was typed kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client

from alerts.models import Rule
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import NOON, at
from tests.factories import ConnectionFactory, FailureFactory, WorkspaceFactory
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


def test_a_kind_that_knows_only_the_present_says_so(workspace: Workspace, admin_client: Client) -> None:
    page = "/w/acme/test/alerts/add/stale_sync/"
    said = text(admin_client.get(page))
    assert "there is no preview" in said
    assert 'name="preview"' not in said
    response = admin_client.post(
        page, {"name": "Stale", "severity": "warning", "cooldown": "60", "minutes": "45", "preview": "1"}
    )
    assert response.status_code == 200
    assert (response.context["preview"], rules(workspace)) == (None, [])
    assert 'name="preview"' in text(admin_client.get(ADD))


def test_only_who_may_configure_asks(workspace: Workspace, viewer_client: Client) -> None:
    assert viewer_client.post(ADD, TYPED).status_code == 403
