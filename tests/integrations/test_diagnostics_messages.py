""" "Alerts are not sent", answered: channels, deliveries, reactions, and what the rooms above know."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from billing.modes import Mode
from integrations.diagnostics import above
from integrations.diagnostics.findings import Finding, Tone, Verdict
from integrations.diagnostics.messages import Fate, Messages, Sender, collect_messages, messages_arrive
from integrations.models import ChannelState, DeliveryState
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import ChannelFactory, ConnectionFactory, DeliveryFactory, PendingReactionFactory, WorkspaceFactory

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PAGE = "/w/acme/test/diagnostics/"


def fate(count: int, ago: timedelta, answer: str = "", tried: int = 0) -> Fate:
    return Fate(count, NOW - ago, NOW - ago, answer, tried)


def sender(state: ChannelState = ChannelState.OK, reason: str = "", **fates: Fate) -> Sender:
    return Sender("Billing", 1, "Slack bot", state, reason, NOW - 3 * HOUR, dict(fates))


def told(verdict: Verdict) -> list[tuple[str, str]]:
    return [(str(finding.tone), finding.text) for finding in verdict.findings]


@pytest.mark.parametrize(
    ("senders", "expected"),
    [
        ([], [("look", "No channel is set up, so nobody is told of anything.")]),
        ([sender()], [("unknown", "1 channel ready; nothing was to be sent in 7 days.")]),
        (
            [sender(sent=fate(3, HOUR)), sender(sent=fate(1, 5 * MINUTE), waiting=fate(1, MINUTE))],
            [("ok", "4 messages sent in 7 days, the last 5 min ago. None failed.")],
        ),
        (
            [sender(ChannelState.BROKEN, "channel_is_archived", held=fate(2, HOUR), sent=fate(9, DAY))],
            [("look", "Billing is broken since 3 h ago: channel_is_archived. 2 messages are held for it.")],
        ),
        (
            [sender(ChannelState.UNCONFIRMED, "The address is not confirmed yet.")],
            [("look", "Billing is not ready: The address is not confirmed yet.")],
        ),
        (
            [sender(failed=fate(1, HOUR, "message_too_long"))],
            [("look", "1 message to Billing failed in 7 days, the last 60 min ago: message_too_long.")],
        ),
        (
            [sender(waiting=fate(2, HOUR, "Slack answered 500.", tried=2))],
            [("unknown", "2 messages to Billing are tried again, the oldest for 60 min: Slack answered 500.")],
        ),
        (
            [sender(waiting=fate(1, HOUR))],
            [("look", "1 message to Billing is waiting for a worker, the oldest for 60 min.")],
        ),
        (
            [sender(skipped=fate(1, HOUR, "The channel was removed."))],
            [("unknown", "1 channel ready; nothing was to be sent in 7 days.")],
        ),
    ],
)
def test_answers(senders: list[Sender], expected: list[tuple[str, str]]) -> None:
    assert told(messages_arrive(Messages(NOW, senders))) == expected


def test_what_could_not_be_reacted_to_is_said_and_trouble_comes_first() -> None:
    held = Finding(Tone.UNKNOWN, "3 letters are held.", "Answer the question.")
    found = Messages(NOW, [sender(sent=fate(1, HOUR))], 2, "ValueError at x.py:3", 1, NOW - 2 * HOUR, (held,))
    assert told(messages_arrive(found)) == [
        ("look", "2 lines of the billing history could not be acted upon and were given up: ValueError at x.py:3"),
        ("look", "1 line of the billing history waits for a worker to act upon, for 2 h."),
        ("unknown", "3 letters are held."),
    ]
    assert told(messages_arrive(replace(found, given_up=0, unheard=0, from_above=())))[0][0] == "ok"


def test_every_trouble_says_what_to_do() -> None:
    everything = [
        sender(ChannelState.BROKEN, failed=fate(1, HOUR), waiting=fate(1, HOUR)),
        sender(ChannelState.UNCONFIRMED, waiting=fate(1, HOUR, tried=1)),
    ]
    for m in (Messages(NOW), Messages(NOW, everything, 1, "x", 1, NOW - HOUR)):
        assert [finding.text for finding in messages_arrive(m).findings if not finding.remedy] == []


def test_only_this_workspace_and_mode_and_these_days_are_looked_at(workspace: Workspace) -> None:
    now = timezone.now()
    channel, removed = ChannelFactory(workspace=workspace), ChannelFactory(workspace=workspace, removed_at=now)
    other = ChannelFactory(workspace=WorkspaceFactory(), state="broken")
    recent = {"created_at": now - HOUR, "state": DeliveryState.FAILED, "answer": "no_such_channel", "tries": 3}
    DeliveryFactory(channel=channel, **recent)
    DeliveryFactory(channel=channel, mode=None, **{**recent, "answer": "the newest"})
    for strange in ({"channel": channel, "mode": Mode.LIVE}, {"channel": other}, {"channel": removed}):
        DeliveryFactory(**{**recent, **strange})
    DeliveryFactory(channel=channel, **{**recent, "created_at": now - 8 * DAY})
    for mode, gave_up_at in ((Mode.TEST, now), (Mode.LIVE, now), (Mode.TEST, None)):
        PendingReactionFactory(workspace=workspace, mode=mode, gave_up_at=gave_up_at, reason="Died.", due_at=now)
    PendingReactionFactory(workspace=workspace, due_at=now - HOUR)
    PendingReactionFactory(workspace=other.workspace, gave_up_at=now)
    with scoped_transaction(workspace):
        found = collect_messages(workspace, Mode.TEST, now)
    (only,) = found.senders
    assert (only.name, only.failed, only.sent, only.fates[DeliveryState.FAILED].answer) == (
        channel.name,
        2,
        0,
        "the newest",
    )
    assert (found.given_up, found.given_up_reason, found.unheard, found.unheard_since) == (1, "Died.", 1, now - HOUR)


def test_it_costs_three_queries(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Callable[..., object]
) -> None:
    """Besides those of the rooms above."""
    monkeypatch.setattr(above, "_tellers", [])
    for _ in range(3):
        channel = ChannelFactory(workspace=workspace)
        for _ in range(4):
            DeliveryFactory(channel=channel)
    with scoped_transaction(workspace), django_assert_num_queries(3):
        assert len(collect_messages(workspace, Mode.TEST, timezone.now()).senders) == 3


@pytest.fixture
def teller() -> Iterator[list[tuple[int, Mode]]]:
    """A room above that finds something in live mode."""
    asked: list[tuple[int, Mode]] = []

    def tell(workspace_id: int, mode: Mode, now: datetime) -> Iterator[Finding]:
        asked.append((workspace_id, mode))
        if mode is Mode.TEST:
            yield Finding(Tone.LOOK, "3 <letters> are held.", "Answer the question first.")

    above.also_told_by(tell)
    above.also_told_by(tell)
    yield asked
    above._tellers.remove(tell)


def test_rooms_above_are_asked_once(
    workspace: Workspace, viewer_client: Client, teller: list[tuple[int, Mode]]
) -> None:
    ChannelFactory(workspace=workspace, name="<b>Ops", state="broken", reason="<i>gone")
    ConnectionFactory(workspace=workspace, mode="test", status="connected")
    text = viewer_client.get(PAGE).content.decode()
    assert teller == [(workspace.pk, Mode.TEST)]
    for said in ("Alerts are not sent", "3 &lt;letters&gt; are held.", "&lt;b&gt;Ops is broken", "&lt;i&gt;gone"):
        assert said in text
    assert "are held" not in viewer_client.get("/w/acme/live/diagnostics/").content.decode()


def test_the_command_prints_every_answer(workspace: Workspace, teller: list[tuple[int, Mode]]) -> None:
    ChannelFactory(workspace=workspace)
    out = StringIO()
    call_command("diagnose", "acme", mode="test", json=True, stdout=out)
    document = json.loads(out.getvalue())
    assert list(document) == ["events", "invoices", "messages", "signatures"]
    assert document["messages"] == {
        "question": "Alerts are not sent",
        "answer": "look",
        "findings": [{"tone": "look", "text": "3 <letters> are held.", "remedy": "Answer the question first."}],
    }
    out = StringIO()
    call_command("diagnose", "acme", mode="live", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[:3] == [
        "Events do not appear: look here",
        "  - Stripe is not connected in live mode.",
        "    Connect it under Settings › Integrations › Stripe.",
    ]
    assert "Alerts are not sent: cannot be known yet" in lines
    with pytest.raises(CommandError, match="There is no workspace 'nobody'"):
        call_command("diagnose", "nobody", mode="test")
