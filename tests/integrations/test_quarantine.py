"""Quarantine: what is set aside is let in again or given up, with reasons kept, and later events do not wait for it."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from billing.fingerprint import canonical
from billing.models import HistoryEntry, Subscription
from billing.modes import Mode
from billing.story import line
from integrations.models import InboxEvent
from integrations.stripe import quarantine
from integrations.stripe.drain import drain
from integrations.tasks import wipe_expired
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction

from .lanes import SECOND, Lane, event, new_lane
from .test_drain import created, subscription

pytestmark = pytest.mark.django_db(transaction=True)

BY = "ada@example.com"
DIED = "A worker died 3 times while processing this event alone. Report it, then replay it."


@pytest.fixture
def lane(workspace: Workspace) -> Lane:
    return new_lane(workspace.slug)


def put_aside(lane: Lane, *events: dict[str, Any]) -> None:
    """Have a worker quarantine events that are fine in themselves: as after three crashes on each."""
    lane.put(*events)
    ids = [one["id"] for one in events]
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.filter(connection=lane.connection, event_id__in=ids).update(tries=5, solo_tries=3)
    while drain(lane.number).events:
        pass
    with scoped_transaction(lane.workspace):
        rows = InboxEvent.objects.filter(connection=lane.connection, event_id__in=ids)
        assert set(rows.values_list("state", flat=True)) == {"quarantined"}


def replay(lane: Lane, **chosen: Any) -> list[str]:
    with scoped_transaction(lane.workspace):
        return quarantine.replay(lane.workspace.pk, Mode(lane.connection.mode), by=BY, now=timezone.now(), **chosen)


def dismiss(lane: Lane, *events: str, reason: str = "A test of ours") -> list[str]:
    with scoped_transaction(lane.workspace):
        return quarantine.dismiss(
            lane.workspace.pk, Mode(lane.connection.mode), events, reason, by=BY, now=timezone.now()
        )


def told(lane: Lane) -> list[tuple[str, str, Any, Any]]:
    """Kind, event, reason and actor of each line about events, the oldest first."""
    with scoped_transaction(lane.workspace):
        lines = HistoryEntry.objects.filter(object_kind="event").order_by("pk")
        return [(one.kind, one.event_id, (one.after or {})["reason"], (one.after or {})["by"]) for one in lines]


def life() -> list[dict[str, Any]]:
    """A subscription that starts, grows in the middle, and is past due at the end."""
    one, three = subscription("active", 1), subscription("active", 3)
    due = subscription("past_due", 3)
    return [
        event("evt_a", "customer.subscription.created", one),
        event("evt_b", "customer.subscription.updated", three, at=SECOND + 60, previous={"items": one["items"]}),
        event("evt_c", "customer.subscription.updated", due, at=SECOND + 120, previous={"status": "active"}),
    ]


def test_later_events_go_on_and_a_replay_repairs_history(lane: Lane) -> None:
    first, middle, last = life()
    lane.put(first)
    put_aside(lane, middle)
    lane.put(last)
    drain(lane.number)
    with scoped_transaction(lane.workspace):
        assert Subscription.objects.get().status == "past_due"
        assert sorted((e.event_id, e.kind) for e in HistoryEntry.objects.filter(object_kind="subscription")) == [
            ("evt_a", "subscription.started"),
            ("evt_c", "subscription.changed"),
            ("evt_c", "subscription.past_due"),
        ]
    assert replay(lane, events=["evt_b"]) == ["evt_b"]
    drain(lane.number)
    assert set(lane.states().values()) == {"done"}
    straight = new_lane("straight")
    straight.put(*life())
    drain(straight.number)
    with scoped_transaction(lane.workspace):
        repaired = canonical(lane.workspace.pk, Mode.TEST)
        present = HistoryEntry.objects.filter(object_kind="subscription", superseded_at=None).order_by("happened_at")
        assert [(e.event_id, e.kind, sorted(e.after or {})) for e in present][1:] == [
            ("evt_b", "subscription.changed", ["items"]),
            ("evt_c", "subscription.past_due", ["status"]),
        ]
    with scoped_transaction(straight.workspace):
        assert canonical(straight.workspace.pk, Mode.TEST) == repaired


def test_what_happened_to_an_event_is_told_with_reason_and_actor_every_time(lane: Lane) -> None:
    put_aside(lane, created(1))
    replay(lane, events=["evt_1"])
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.update(solo_tries=3)
    drain(lane.number)
    dismiss(lane, "evt_1", reason="  Sent by our own script  ")
    assert told(lane) == [
        ("event.quarantined", "evt_1", DIED, None),
        ("event.replayed", "evt_1", DIED, BY),
        ("event.quarantined", "evt_1", DIED, None),
        ("event.dismissed", "evt_1", "Sent by our own script", BY),
    ]
    with scoped_transaction(lane.workspace):
        last = HistoryEntry.objects.latest("pk")
        shown = line(last, "")
    assert (last.before, last.is_change, last.superseded_at) == ({"state": "quarantined"}, True, None)
    assert (shown.title, shown.detail, shown.tone) == ("Event dismissed", f"by {BY}", "neutral")


def test_translation_failures_are_told_with_their_type(lane: Lane) -> None:
    lane.put(event("evt_bad", "customer.created", {"object": "customer"}), created(2))
    drain(lane.number)
    ((kind, event_id, reason, by),) = told(lane)
    assert (kind, event_id, by) == ("event.quarantined", "evt_bad", None)
    with scoped_transaction(lane.workspace):
        assert reason == InboxEvent.objects.get(event_id="evt_bad").reason
        assert HistoryEntry.objects.get(object_kind="event").after == {
            "state": "quarantined",
            "type": "customer.created",
            "reason": reason,
            "by": None,
        }


def test_replayed_events_have_all_their_tries_again_and_come_in_smaller_batches(lane: Lane) -> None:
    put_aside(lane, *(created(n) for n in range(1, 4)))
    assert sorted(replay(lane)) == ["evt_1", "evt_2", "evt_3"]
    with scoped_transaction(lane.workspace):
        rows = InboxEvent.objects.values_list("state", "tries", "solo_tries", "reason", "processed_at")
        assert set(rows) == {("pending", 1, 0, None, None)}
    drain(lane.number)
    assert set(lane.states().values()) == {"done"}


def test_replay_takes_one_or_all_or_all_of_a_reason_and_only_what_is_in_quarantine(lane: Lane) -> None:
    put_aside(lane, created(1), created(2))
    lane.put(created(3), event("evt_bad", "customer.created", {"object": "customer"}))
    drain(lane.number)
    with scoped_transaction(lane.workspace):
        counted = quarantine.reasons(lane.workspace.pk, Mode.TEST)
        listed = [one.event_id for one in quarantine.quarantined(lane.workspace.pk, Mode.TEST)]
        assert quarantine.quarantined(lane.workspace.pk, Mode.TEST, limit=1)[0].event_id == "evt_bad"
    assert dict(counted)[DIED] == 2
    assert len(counted) == 2
    assert listed == ["evt_bad", "evt_2", "evt_1"]
    assert replay(lane, events=["evt_3", "evt_nobody", "evt_1"]) == ["evt_1"]
    assert replay(lane, events=[]) == []
    assert replay(lane, reason="Another reason") == []
    assert replay(lane, reason=DIED) == ["evt_2"]
    drain(lane.number)
    assert lane.states() == {"evt_1": "done", "evt_2": "done", "evt_3": "done", "evt_bad": "quarantined"}
    assert replay(lane) == ["evt_bad"]


def test_dismissed_is_final_and_its_payload_is_gone(lane: Lane) -> None:
    put_aside(lane, created(1), created(2))
    assert dismiss(lane, "evt_1", "evt_nobody") == ["evt_1"]
    assert dismiss(lane, "evt_1") == []
    assert replay(lane, events=["evt_1"]) == []
    lane.put(created(1))  # Stripe delivers it again
    drain(lane.number)
    assert lane.states() == {"evt_1": "dismissed", "evt_2": "quarantined"}
    with scoped_transaction(lane.workspace):
        row = InboxEvent.objects.get(event_id="evt_1")
        assert (row.body, row.reason) == (None, "A test of ours")
        assert InboxEvent.objects.get(event_id="evt_2").body is not None


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 501])
def test_a_dismissal_needs_a_reason_of_bounded_length(lane: Lane, reason: str) -> None:
    put_aside(lane, created(1))
    with pytest.raises(ValueError, match="1 to 500"):
        dismiss(lane, "evt_1", reason=reason)
    assert lane.states() == {"evt_1": "quarantined"}


def test_neither_another_workspace_nor_the_other_mode_is_touched(lane: Lane) -> None:
    other, live = new_lane("other"), new_lane("acme", Mode.LIVE)
    for each in (lane, other, live):
        put_aside(each, {**created(1), "livemode": each is live})
    assert replay(lane) == ["evt_1"]
    assert (other.states(), len(told(other))) == ({"evt_1": "quarantined"}, 1)
    with scoped_transaction(lane.workspace):
        states = dict(InboxEvent.objects.values_list("mode", "state"))
        assert states == {"test": "pending", "live": "quarantined"}
        assert [one.event_id for one in quarantine.quarantined(lane.workspace.pk, Mode.TEST)] == []
    with scoped_transaction(live.workspace):
        dismissed = quarantine.dismiss(lane.workspace.pk, Mode.LIVE, ["evt_1"], "x", by=BY, now=timezone.now())
        assert dismissed == ["evt_1"]
    assert other.states() == {"evt_1": "quarantined"}


def test_many_cost_no_more_statements_than_one(lane: Lane) -> None:
    put_aside(lane, *(created(n) for n in range(1, 31)))
    with scoped_transaction(lane.workspace), CaptureQueriesContext(connection) as queries:
        quarantine.replay(lane.workspace.pk, Mode.TEST, by=BY, now=timezone.now())
    assert len(queries) == 2


def test_after_thirty_days_it_is_dismissed_and_told(lane: Lane) -> None:
    put_aside(lane, created(1), created(2))
    with scoped_transaction(lane.workspace):
        InboxEvent.objects.filter(event_id="evt_1").update(received_at=timezone.now() - timedelta(days=30, minutes=1))
    assert wipe_expired() == 1
    assert lane.states() == {"evt_1": "dismissed", "evt_2": "quarantined"}
    assert told(lane)[-1] == ("event.dismissed", "evt_1", f"Dismissed after 30 days: {DIED}", None)
    assert wipe_expired() == 0


class TestCommands:
    def run(self, name: str, *args: str, **options: Any) -> tuple[str, str, int]:
        out, err, code = StringIO(), StringIO(), 0
        try:
            call_command(f"quarantine_{name}", "acme", "--mode", "test", *args, stdout=out, stderr=err, **options)
        except SystemExit as end:
            code = int(str(end.code))
        return out.getvalue(), err.getvalue(), code

    def test_list(self, lane: Lane) -> None:
        assert self.run("list") == ("Nothing of acme is in quarantine in test mode.\n", "", 0)
        put_aside(lane, created(1), created(2))
        put_aside(new_lane("other"), created(3))
        text, _, _ = self.run("list")
        assert [row.split("  ")[1:] for row in text.splitlines()] == [
            ["evt_2", "(unreadable)", DIED],
            ["evt_1", "(unreadable)", DIED],
        ]
        document = json.loads(self.run("list", "--json", "--limit", "1")[0])
        assert [(one["event_id"], one["reason"]) for one in document] == [("evt_2", DIED)]
        assert set(document[0]) == {
            "event_id",
            "event_type",
            "reason",
            "happened_at",
            "received_at",
            "set_aside_at",
        }

    def test_replay(self, lane: Lane) -> None:
        put_aside(lane, *(created(n) for n in range(1, 5)))
        text, error, code = self.run("replay", "evt_1", "evt_nobody", "--json")
        assert (json.loads(text), code) == ({"replayed": ["evt_1"], "not_in_quarantine": ["evt_nobody"]}, 1)
        assert error == "Not in quarantine: evt_nobody. See quarantine_list.\n"
        assert self.run("replay", "evt_2") == ("1 to be processed again.\n", "", 0)
        assert self.run("replay", "--reason", DIED) == ("2 to be processed again.\n", "", 0)
        assert self.run("replay", "--all") == ("0 to be processed again.\n", "", 0)
        assert told(lane)[-1] == ("event.replayed", "evt_4", DIED, "manage.py quarantine_replay")

    def test_dismiss(self, lane: Lane) -> None:
        put_aside(lane, created(1))
        text, error, code = self.run("dismiss", "evt_1", "evt_2", "--reason", "Ours")
        assert (text, error, code) == ("1 dismissed.\n", "Not in quarantine: evt_2. See quarantine_list.\n", 1)
        assert told(lane)[-1] == ("event.dismissed", "evt_1", "Ours", "manage.py quarantine_dismiss")

    @pytest.mark.parametrize("args", [(), ("--all", "evt_1"), ("--all", "--reason", "x")])
    def test_replay_wants_one_way_of_choosing(self, lane: Lane, args: tuple[str, ...]) -> None:
        with pytest.raises(CommandError, match="Give event ids") as error:
            self.run("replay", *args)
        assert error.value.returncode == 2

    def test_wrong_words(self, lane: Lane) -> None:
        with pytest.raises(CommandError, match="1 to 500"):
            self.run("dismiss", "evt_1", "--reason", " ")
        with pytest.raises(CommandError, match="There is no workspace 'nobody'"):
            call_command("quarantine_list", "nobody", "--mode", "test")

    @pytest.mark.parametrize("limit", ["0", "-3"])
    def test_a_list_of_nothing_is_not_asked_for(self, lane: Lane, limit: str) -> None:
        with pytest.raises(CommandError, match="--limit") as error:
            self.run("list", "--limit", limit)
        assert error.value.returncode == 2


class TestStaff:
    URL = reverse("admin:integrations_inboxevent_changelist")

    def rows(self, lane: Lane) -> dict[str, str]:
        with scoped_transaction(lane.workspace):
            return {event_id: str(pk) for event_id, pk in InboxEvent.objects.values_list("event_id", "pk")}

    def act(self, client: Client, action: str, keys: list[str], reason: str = "") -> list[str]:
        data = {"action": action, "_selected_action": keys, "reason": reason, "index": "0"}
        answer = client.post(self.URL, data, follow=True)
        assert answer.status_code == 200
        return [str(message) for message in answer.context["messages"]]

    def test_replay_in_several_workspaces_at_once(self, lane: Lane, staff_client: Client) -> None:
        other = new_lane("other")
        put_aside(lane, created(1), created(2))
        put_aside(other, created(1))
        lane.put(created(9))
        drain(lane.number)
        keys = [self.rows(lane)["evt_1"], self.rows(lane)["evt_9"], self.rows(other)["evt_1"]]
        said = self.act(staff_client, "replay", keys)
        assert said == ["2 of 3 selected events replayed; the others are not in quarantine."]
        assert lane.states() == {"evt_1": "pending", "evt_2": "quarantined", "evt_9": "done"}
        assert other.states() == {"evt_1": "pending"}
        staff = staff_client.get("/admin/").context["user"]
        assert told(other)[-1] == ("event.replayed", "evt_1", DIED, f"staff ({staff.email})")
        log = staff.logentry_set.order_by("pk")
        assert {(one.object_id, one.change_message) for one in log} == {(keys[0], "Replayed."), (keys[2], "Replayed.")}

    def test_dismiss_wants_a_reason(self, lane: Lane, staff_client: Client) -> None:
        put_aside(lane, created(1))
        keys = list(self.rows(lane).values())
        assert self.act(staff_client, "dismiss", keys) == ["Say why these events can be given up: history keeps it."]
        assert lane.states() == {"evt_1": "quarantined"}
        self.act(staff_client, "dismiss", keys, "Reported as a bug")
        assert lane.states() == {"evt_1": "dismissed"}
        assert told(lane)[-1][2] == "Reported as a bug"

    def test_no_other_action_is_offered(self, lane: Lane, staff_client: Client) -> None:
        put_aside(lane, created(1))
        html = staff_client.get(self.URL).content.decode()
        assert 'value="replay"' in html
        assert "delete_selected" not in html

    def test_members_of_a_workspace_are_not_staff(self, lane: Lane, owner_client: Client) -> None:
        put_aside(lane, created(1))
        data = {"action": "replay", "_selected_action": list(self.rows(lane).values()), "index": "0"}
        assert owner_client.post(self.URL, data).status_code == 302
        assert lane.states() == {"evt_1": "quarantined"}
