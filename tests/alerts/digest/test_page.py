"""Settings › Billing › Summary: the preview, the choice, and what became of those before."""

from __future__ import annotations

from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client

from alerts.digest.choosing import chosen_channels, settings_of
from alerts.models import Cadence
from billing.modes import Mode
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ChannelFactory, WorkspaceFactory
from tests.factories_digest import DigestRunFactory

from .stage import MORNING, beat, busy_day, connected

pytestmark = pytest.mark.django_db
PAGE = "/w/acme/live/digest/"


@pytest.fixture(autouse=True)
def _then() -> Any:
    with time_machine.travel(MORNING + timedelta(minutes=5), tick=False):
        yield


def text_of(response: Any) -> str:
    return " ".join(unescape(response.content.decode()).split())


def chosen(workspace: Workspace, cadence: Cadence = Cadence.DAILY, mode: Mode = Mode.LIVE) -> tuple[Any, ...]:
    with scoped_transaction(workspace):
        row = settings_of(workspace, mode, cadence)
        return row.enabled, row.hour, row.weekday, [channel.number for channel in chosen_channels(row)]


def test_the_page_shows_what_is_said_this_morning_and_the_next_time(
    workspace: Workspace, viewer_client: Client
) -> None:
    connected(workspace)
    busy_day(workspace)
    text = text_of(viewer_client.get(PAGE))
    assert "Acme, Tue 10 Mar 2026: MRR $135.00 (+$35.00)" in text
    assert "<dt>Voluntary churn</dt> <dd>−$15.00 (1)</dd>" in text
    assert "Every day at 08:00 (UTC)" in text
    assert "every channel" in text
    assert "Next one" in text
    assert "12 Mar 2026, 08:00:00 UTC" in text
    assert "<form" not in text.split("digest-cards")[1]
    weekly = text_of(viewer_client.get(f"{PAGE}?cadence=weekly"))
    assert "Acme, week of 2–8 Mar 2026: MRR $100.00 (" in weekly


def test_what_became_of_them_is_listed_with_each_delivery(workspace: Workspace, viewer_client: Client) -> None:
    connected(workspace, channels=2)
    other = WorkspaceFactory()
    connected(other)
    for one in (workspace, other):
        DigestRunFactory(workspace=one, mode=Mode.LIVE, day=date(2026, 3, 9))
        beat(one)
    DigestRunFactory(workspace=workspace, mode=Mode.TEST, day=date(2026, 1, 31))
    DigestRunFactory(
        workspace=workspace, mode=Mode.LIVE, day=date(2026, 3, 8), state="skipped", reason="Too old: <b>.", sent_at=None
    )
    response = viewer_client.get(PAGE)
    shown = response.context["digest"].runs
    assert [(line.days, line.state, [sent.state for sent in line.deliveries]) for line in shown] == [
        ("Sun 8 Mar 2026", "Skipped", []),
        ("Tue 10 Mar 2026", "Sent", ["Waiting", "Waiting"]),
        ("Mon 9 Mar 2026", "Sent", []),
    ]
    assert "Too old: &lt;b&gt;." in response.content.decode()


def test_older_ones_are_on_the_next_page(workspace: Workspace, viewer_client: Client) -> None:
    for number in range(31):
        DigestRunFactory(workspace=workspace, mode=Mode.LIVE, day=date(2026, 1, 1) + timedelta(days=number))
    first = viewer_client.get(PAGE).context["digest"]
    assert (len(first.runs), first.runs[0].days) == (30, "Sat 31 Jan 2026")
    (oldest,) = viewer_client.get(f"{PAGE}?before={first.older}").context["digest"].runs
    assert oldest.days == "Thu 1 Jan 2026"
    for nonsense in ("x", "-1", "9" * 30, "¼"):
        assert len(viewer_client.get(f"{PAGE}?before={nonsense}").context["digest"].runs) == 30


def test_an_admin_chooses_when_and_where(workspace: Workspace, admin_client: Client) -> None:
    first, second = connected(workspace, channels=2)
    response = admin_client.post(
        PAGE, {"cadence": "daily", "daily-enabled": "on", "daily-hour": "0", "daily-channels": [str(second.pk)]}
    )
    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert chosen(workspace) == (True, 0, 0, [second.number])
    admin_client.post(PAGE, {"cadence": "weekly", "weekly-enabled": "on", "weekly-hour": "23", "weekly-weekday": "4"})
    assert chosen(workspace, Cadence.WEEKLY) == (True, 23, 4, [])
    admin_client.post(PAGE, {"cadence": "daily", "daily-hour": "7", "daily-channels": [str(first.pk)]})
    assert chosen(workspace) == (False, 7, 0, [first.number])
    assert chosen(workspace, mode=Mode.TEST) == (False, 8, 0, [])
    text = text_of(admin_client.get(PAGE))
    assert "The daily summary is saved." in text
    assert 'value="7" selected' in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"daily-hour": "24"}, "Select a valid choice. 24 is not one of the available choices."),
        ({"daily-hour": ""}, "This field is required."),
        ({"daily-channels": ["00000000-0000-0000-0000-000000000000"]}, "is not one of the available choices."),
        ({"daily-channels": ["nonsense"]}, "is not a valid"),
    ],
)
def test_what_makes_no_sense_is_said_and_kept(
    workspace: Workspace, admin_client: Client, wrong: dict[str, Any], said: str
) -> None:
    connected(workspace)
    response = admin_client.post(PAGE, {"cadence": "daily", "daily-hour": "17", **wrong})
    text = text_of(response)
    assert response.status_code == 422
    assert said in text
    assert ('value="17" selected' in text) == ("daily-hour" not in wrong)
    assert 'name="daily-enabled" id="id_daily-enabled" checked' not in text  # what was posted, not what is stored
    assert chosen(workspace) == (True, 8, 0, [])


def test_anothers_channel_or_a_removed_one_cannot_be_chosen(workspace: Workspace, admin_client: Client) -> None:
    connected(workspace)
    removed = ChannelFactory(workspace=workspace, removed_at=MORNING)
    for channel in (ChannelFactory(), removed):
        wanted = {"cadence": "daily", "daily-enabled": "on", "daily-hour": "9", "daily-channels": [str(channel.pk)]}
        assert admin_client.post(PAGE, wanted).status_code == 422
    assert chosen(workspace) == (True, 8, 0, [])


def test_nothing_connected_and_no_channel_say_the_next_step(workspace: Workspace, admin_client: Client) -> None:
    text = text_of(admin_client.get("/w/acme/test/digest/"))
    assert "Summaries begin once Stripe is connected in test mode." in text
    assert "test data" in text.lower()
    connected(workspace, channels=0)
    assert "There is no channel yet that a summary could go to." in text_of(admin_client.get(PAGE))


def test_a_summary_whose_channels_were_all_removed_asks_where_to(
    workspace: Workspace, admin_client: Client, viewer_client: Client
) -> None:
    first, second = connected(workspace, channels=2)
    posted = {"cadence": "daily", "daily-enabled": "on", "daily-hour": "7"}
    admin_client.post(PAGE, {**posted, "daily-channels": [str(first.pk)]})
    with scoped_transaction(workspace):
        type(first).objects.filter(pk=first.pk).update(removed_at=MORNING)
    assert "nowhere: its channels were removed" in text_of(viewer_client.get(PAGE))
    assert "Choose where it goes now." in text_of(admin_client.get(PAGE))
    assert admin_client.post(PAGE, posted).status_code == 422
    assert chosen(workspace) == (True, 7, 0, [first.number])
    assert admin_client.post(PAGE, {**posted, "daily-channels": [str(second.pk)]}).status_code == 302
    assert chosen(workspace) == (True, 7, 0, [second.number])
    with scoped_transaction(workspace):
        type(first).objects.filter(pk=second.pk).update(removed_at=MORNING)
        ChannelFactory(workspace=workspace, number=9)
    assert admin_client.post(PAGE, {**posted, "daily-everywhere": "on"}).status_code == 302
    assert chosen(workspace) == (True, 7, 0, [])
