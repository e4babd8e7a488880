"""The diagnostics page over HTTP: evidence of the right connection alone, checks, and what to do with what failed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.models import HistoryEntry
from billing.modes import Mode
from integrations.diagnostics import diagnose
from integrations.models import Connection, InboxEvent
from integrations.stripe import connections, verification
from integrations.stripe.drain import drain
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import (
    ConnectionChangeFactory,
    ConnectionFactory,
    DeliveryCountFactory,
    DeliveryLagFactory,
    InboxEventFactory,
    InvoiceFactory,
    ReadFactory,
    RefusedDeliveryFactory,
)

from .lanes import Lane, new_lane
from .stage import connection_of, sealed, stored, url_of, values_of, working
from .test_drain import created
from .test_quarantine import DIED, put_aside, told

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/w/acme/test/diagnostics/"
CHECK = f"{PAGE}check/"


@pytest.fixture
def lane(workspace: Workspace) -> Lane:
    return new_lane(workspace.slug)


@pytest.fixture
def member(member_client: Callable[[Role], Client]) -> Client:
    return member_client(Role.MEMBER)


def seen(client: Client, page: str = PAGE) -> Any:
    answer = client.get(page)
    assert answer.status_code == 200
    return answer.context["diagnosis"].evidence


class TestEvidence:
    def test_of_a_workspace_without_a_connection(self, workspace: Workspace, viewer_client: Client) -> None:
        answer = viewer_client.get(PAGE)
        assert "Stripe is not connected in test mode." in answer.content.decode()
        assert [q.verdict.tone for q in answer.context["diagnosis"].questions] == [
            "look", "unknown", "look", "unknown",
        ]  # fmt: skip

    def test_of_other_workspaces_and_the_other_mode_stays_away(
        self, workspace: Workspace, viewer_client: Client
    ) -> None:
        now = datetime.now(UTC)
        hour = now.replace(minute=0, second=0, microsecond=0)
        ours, live = (ConnectionFactory(workspace=workspace, mode=mode, account_id="acct_1") for mode in Mode)
        ours, live = (live, ours) if ours.mode == "live" else (ours, live)
        for number, row in enumerate((ours, live, ConnectionFactory()), start=1):
            here: dict[str, Any] = {"connection": row}
            DeliveryCountFactory(**here, hour=now, count=number, last_at=now, event_type=f"type.{number}")
            DeliveryLagFactory(**here, hour=now, count=number)
            RefusedDeliveryFactory(**here, hour=hour, reason="mismatch", count=number, last_at=now)
            ReadFactory(**here, what=f"what{number}")
            ConnectionChangeFactory(**here, by=f"changer{number}@example.com")
            InboxEventFactory(**here, state="rejected", reason=f"reason {number}", received_at=now)
            InboxEventFactory(
                **here, state="quarantined", reason=f"broken {number}", event_id=f"evt_{number}", processed_at=now
            )
            InboxEventFactory(**here, received_at=now - timedelta(minutes=number))
            InvoiceFactory(workspace=row.workspace, mode=row.mode, stripe_id=f"in_{number}", sure=False)
        found = seen(viewer_client)
        assert [(one.name, one.day, one.week, one.month) for one in found.deliveries] == [("type.1", 1, 1, 1)]
        assert found.lag.count == 1
        assert [(one.state, one.day) for one in found.refused] == [("mismatch", 1)]
        assert found.refused_hours[-1][1] == 1
        assert [one.what for one in found.reads] == ["what1"]
        assert [one.by for one in found.changes] == ["changer1@example.com"]
        assert [one.reason for one in found.rejected] == ["reason 1"]
        assert [one.event_id for one in found.quarantine] == ["evt_1"]
        assert found.quarantine_reasons == [("broken 1", 1)]
        assert (found.pending, found.quarantined, found.held) == (1, 1, 0)
        assert [one.examples for one in found.doubts] == [("in_1",)]
        html = viewer_client.get(PAGE).content.decode()
        for text in ("type.2", "type.3", "evt_2", "evt_3", "broken 3", "changer2@example.com", "in_2", "in_3"):
            assert text not in html

    def test_names_what_stripe_is_asked_in_words_discounts_together(
        self, workspace: Workspace, viewer_client: Client
    ) -> None:
        row = ConnectionFactory(workspace=workspace)
        for what in ("discount:di_1", "discount:di_2", "invoice_payments", "price"):
            ReadFactory(connection=row, what=what)
        assert [one.in_words for one in seen(viewer_client).reads] == [
            "2 discounts’ terms", "1 invoice’s payments", "1 price’s details",
        ]  # fmt: skip
        html = viewer_client.get(PAGE).content.decode()
        assert "invoice_payments" not in html
        assert "di_1" not in html

    def test_is_counted_by_day_week_and_month(self, workspace: Workspace, viewer_client: Client) -> None:
        row = ConnectionFactory(workspace=workspace)
        now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        for hours in (0, 23, 25, 6 * 24, 8 * 24, 29 * 24, 31 * 24):
            hour = now - timedelta(hours=hours)
            DeliveryCountFactory(connection=row, hour=hour, last_at=hour, api_version=f"v{hours % 2}")
            RefusedDeliveryFactory(connection=row, hour=hour, last_at=hour, reason="missing")
        found = seen(viewer_client)
        (delivered,), (refused,) = found.deliveries, found.refused
        assert (delivered.day, delivered.week, delivered.month) == (2, 4, 6)
        assert (refused.day, refused.week, refused.month) == (2, 4, 6)
        assert sorted((one.name, one.month) for one in found.versions) == [("v0", 4), ("v1", 2)]
        assert sum(count for _, count in found.refused_hours) == 2
        assert len(found.refused_bars) == 24

    def test_costs_the_same_however_much_there_is(self, workspace: Workspace) -> None:
        row, now = ConnectionFactory(workspace=workspace), timezone.now()

        def statements() -> int:
            with scoped_transaction(workspace), CaptureQueriesContext(connection) as queries:
                diagnose(workspace, Mode.TEST, now)
            return len(queries)

        InboxEventFactory(connection=row, state="quarantined", reason="x", processed_at=now)
        few = statements()
        for number in range(30):
            InboxEventFactory(connection=row, state="quarantined", reason=f"x{number}", processed_at=now)
            DeliveryCountFactory(connection=row, event_type=f"type.{number}", hour=now, last_at=now)
            ReadFactory(connection=row)
            ConnectionChangeFactory(connection=row)
        assert statements() == few
        assert few < 30

    def test_quarantined_events_are_listed_up_to_a_hundred(self, workspace: Workspace, viewer_client: Client) -> None:
        row, now = ConnectionFactory(workspace=workspace), timezone.now()
        for _ in range(101):
            InboxEventFactory(connection=row, state="quarantined", reason="x", processed_at=now)
        html = viewer_client.get(PAGE).content.decode()
        assert "101 events, the newest 100 listed" in html
        assert html.count('class="set-aside-event"') == 100


class TestDeciding:
    def test_replaying_what_is_chosen(self, lane: Lane, member: Client) -> None:
        put_aside(lane, created(1), created(2))
        answer = member.post(PAGE, {"action": "replay", "event": ["evt_1", "evt_nobody"]}, follow=True)
        assert answer.redirect_chain == [(PAGE, 302)]
        assert "1 event on the way to be processed again." in answer.content.decode()
        assert lane.states() == {"evt_1": "pending", "evt_2": "quarantined"}
        person = answer.context["user"].email
        assert told(lane)[-1] == ("event.replayed", "evt_1", DIED, person)
        drain(lane.number)
        assert lane.states()["evt_1"] == "done"

    def test_replaying_all_of_a_reason_and_all(self, lane: Lane, member: Client) -> None:
        put_aside(lane, created(1), created(2))
        lane.put(b"no json")
        drain(lane.number)
        member.post(PAGE, {"action": "replay_reason", "same": DIED})
        assert sorted(lane.states().values()) == ["pending", "pending", "quarantined"]
        member.post(PAGE, {"action": "replay_all"})
        assert set(lane.states().values()) == {"pending"}

    def test_dismissing_needs_a_reason_and_keeps_what_was_chosen_and_typed(self, lane: Lane, member: Client) -> None:
        put_aside(lane, created(1), created(2))
        answer = member.post(PAGE, {"action": "dismiss", "event": "evt_2", "reason": "  "})
        html = answer.content.decode()
        assert answer.status_code == 422
        assert "Say why these events can be given up." in html
        assert 'value="evt_2" id="event-1" checked' in html
        assert 'value="evt_1" id="event-2">' in html
        assert set(lane.states().values()) == {"quarantined"}
        answer = member.post(PAGE, {"action": "dismiss", "reason": "Ours & theirs"})
        assert (answer.status_code, "Choose at least one event." in answer.content.decode()) == (422, True)
        assert "Ours &amp; theirs</textarea>" in answer.content.decode()
        answer = member.post(PAGE, {"action": "dismiss", "event": "evt_2", "reason": "Sent twice"}, follow=True)
        assert "1 event dismissed." in answer.content.decode()
        assert lane.states() == {"evt_1": "quarantined", "evt_2": "dismissed"}
        assert told(lane)[-1][:3] == ("event.dismissed", "evt_2", "Sent twice")

    @pytest.mark.parametrize(
        "words",
        [
            {},
            {"action": "delete"},
            {"action": "replay"},
            {"action": "replay", "event": "evt_1\0"},
            {"action": "replay_reason"},
            {"action": "dismiss"},
        ],
    )
    def test_what_makes_no_sense_changes_nothing(self, lane: Lane, member: Client, words: dict[str, str]) -> None:
        put_aside(lane, created(1))
        assert member.post(PAGE, words).status_code == 422
        assert lane.states() == {"evt_1": "quarantined"}

    def test_what_is_not_there_any_more_is_said(self, lane: Lane, member: Client) -> None:
        answer = member.post(PAGE, {"action": "replay", "event": "evt_1"}, follow=True)
        assert "Nothing was left to do" in answer.content.decode()

    def test_viewers_see_and_decide_nothing(self, lane: Lane, viewer_client: Client) -> None:
        put_aside(lane, created(1))
        html = viewer_client.get(PAGE).content.decode()
        assert "evt_1" in html
        assert 'name="action"' not in html
        assert 'id="check-now"' not in html
        assert viewer_client.post(PAGE, {"action": "replay_all"}).status_code == 403
        assert lane.states() == {"evt_1": "quarantined"}

    def test_neither_another_workspace_nor_the_other_mode_is_reached(self, lane: Lane, member: Client) -> None:
        other, live = new_lane("other"), new_lane("acme", Mode.LIVE)
        put_aside(other, created(1))
        put_aside(live, created(1, livemode=True))
        for action in ("replay_all", "replay", "dismiss"):
            member.post(PAGE, {"action": action, "event": "evt_1", "reason": "x"})
        assert other.states() == {"evt_1": "quarantined"}
        assert member.post("/w/other/test/diagnostics/", {"action": "replay_all"}).status_code == 404
        with scoped_transaction(lane.workspace):
            assert InboxEvent.objects.get(mode="live").state == "quarantined"
            assert HistoryEntry.objects.exclude(kind="event.quarantined").count() == 0


class TestChecking:
    def connect(self, workspace: Workspace, simulation: Simulation) -> None:
        simulation.register(url_of(workspace))
        with scope(workspace):
            row = connections.save_draft(connection_of(workspace), sealed(values_of(simulation)))
            verification.run_all(verification.begin(row))
        assert stored(workspace).status == "connected"

    def test_finds_what_has_changed_at_stripe(
        self, workspace: Workspace, member: Client, settings: Any, live_server: Any
    ) -> None:
        settings.PQ_BASE_URL = live_server.url
        with Simulation(seed=5) as simulation, working(workspace):
            settings.STRIPE_API_BASE = simulation.url
            self.connect(workspace, simulation)
            found = seen(member)
            assert (found.checked_at, found.checks["endpoint"].state) == (None, "ok")
            simulation.endpoints.clear()
            simulation.register(url_of(workspace), enabled_events=("invoice.paid",))
            answer = member.post(CHECK, follow=True)
            assert answer.redirect_chain == [(PAGE, 302)]
            html = answer.content.decode()
        checks = answer.context["diagnosis"].evidence.checks
        assert {name: str(checks[name].state) for name in ("key", "permissions", "delivery")} == {
            "key": "ok",
            "permissions": "ok",
            "delivery": "ok",
        }
        assert checks["endpoint"].state == "failed"
        assert "customer.subscription.created: new subscriptions stay unknown" in html
        row = stored(workspace)
        assert (row.status, row.looked is not None) == ("connected", True)
        with scope(workspace):
            verification.begin(row)  # a new run is newer than that look
        assert stored(workspace).looked is None

    def test_looks_at_the_working_key_and_not_at_a_draft(
        self, workspace: Workspace, member: Client, settings: Any, live_server: Any
    ) -> None:
        settings.PQ_BASE_URL = live_server.url
        with Simulation(seed=6) as simulation, working(workspace):
            settings.STRIPE_API_BASE = simulation.url
            self.connect(workspace, simulation)
            draft = {"secret_key": "rk_test_" + "x" * 24}
            with scope(workspace):
                connections.save_draft(stored(workspace), sealed(draft))
            answer = member.post(CHECK, headers={"HX-Request": "true"})
            assert answer.templates[0].name == "integrations/_diagnostics.html"
            assert answer.context["diagnosis"].evidence.checks["key"].state == "ok"
            assert connections.has_draft(stored(workspace))

    def test_says_when_stripe_is_away_and_nothing_about_a_key(
        self, workspace: Workspace, member: Client, settings: Any
    ) -> None:
        settings.STRIPE_API_BASE = settings.PQ_BASE_URL = "http://127.0.0.1:1"
        row = ConnectionFactory(workspace=workspace)
        html = member.post(CHECK, follow=True).content.decode()
        assert "No connection to Stripe." in html
        assert "refuses connections" in html
        with scoped_transaction(workspace):
            assert Connection.objects.get().status == "connected"
            secrets = [row.secret_key.reveal(), row.webhook_secret.reveal(), row.token.reveal()]
        assert [secret for secret in secrets if secret in html] == []

    def test_asks_nobody_without_a_connection(self, workspace: Workspace, member: Client, settings: Any) -> None:
        settings.STRIPE_API_BASE = "http://127.0.0.1:1"
        assert member.post(CHECK).status_code == 302
        with scoped_transaction(workspace):
            assert Connection.objects.count() == 0
