"""The outbox and its senders: decided once, sent in order and at the provider's pace, tried for three days."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from django.core import mail
from django.db import OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.modes import Mode
from integrations.channels import notices, roster, sending, trial
from integrations.channels.lanes import lane_of, lane_parts
from integrations.channels.sending import DIED_TWICE, Visit, visit
from integrations.channels.transports.slack import Bot
from integrations.models import Channel, ChannelKind, ChannelState, Delivery, DeliveryState
from integrations.tasks import send_deliveries, sweep_deliveries
from pqintel.queue import Outsider, Work, hold_lane
from pqintel.queue.places import Places
from pqintel.workspaces.actions.workspaces import delete_workspace
from pqintel.workspaces.models import Membership, Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import everywhere, scope, scoped_transaction
from tests.factories import THEN, ChannelFactory, DeliveryFactory, MembershipFactory, WorkspaceFactory
from tests.gates import Writer
from tests.integrations.channels.stage import (
    BOT_TOKEN,
    HELLO,
    HOOK,
    TELEGRAM_TOKEN,
    Hands,
    Provider,
    deliveries,
    fates,
    fresh,
    go,
    hook_error,
    provider,
    say,
    slack_error,
    telegram_error,
)
from tests.integrations.peers import Reply

pytestmark = pytest.mark.django_db


@pytest.fixture
def outside(settings: Any) -> Iterator[Provider]:
    with provider(settings) as standing:
        yield standing


@pytest.fixture
def slack(workspace: Workspace) -> Channel:
    return ChannelFactory(workspace=workspace, name="Ops", secret=BOT_TOKEN)


@pytest.fixture
def telegram(workspace: Workspace) -> Channel:
    return ChannelFactory(
        workspace=workspace, kind=ChannelKind.TELEGRAM, name="Chat", secret=TELEGRAM_TOKEN, target="-1001"
    )


def set_channel(channel: Channel, **values: Any) -> None:
    with scoped_transaction(channel.workspace_id):
        Channel.objects.filter(pk=channel.pk).update(**values)


# Deciding ------------------------------------------------------------------------------------------------------------


def test_a_message_is_decided_once_per_channel(workspace: Workspace, slack: Channel, telegram: Channel) -> None:
    first = say(workspace, slack)
    again = say(workspace, slack, telegram, message=sending.Message("Another text"))
    assert [row.pk for row in again if row.channel_id == slack.pk] == [first[0].pk]
    assert [(row.channel_id, row.message["title"]) for row in deliveries(workspace)] == [
        (slack.pk, "A payment failed"),
        (telegram.pk, "Another text"),
    ]


def test_two_workspaces_decide_apart(workspace: Workspace, slack: Channel) -> None:
    other = ChannelFactory(number=slack.number, target=slack.target)
    say(workspace, slack)
    say(other.workspace, other)
    assert (len(deliveries(workspace)), len(deliveries(other.workspace))) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_who_decides_at_the_same_time_decides_once(workspace: Workspace, slack: Channel) -> None:
    together = threading.Barrier(6)

    def decide() -> None:
        try:
            together.wait()
            say(workspace, slack)
        finally:
            connection.close()

    threads = [threading.Thread(target=decide) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(row.channel_id, row.dedupe_key) for row in deliveries(workspace)] == [(slack.pk, "one")]


def test_a_transaction_that_is_undone_has_said_nothing(workspace: Workspace, slack: Channel) -> None:
    with scoped_transaction(workspace):
        say(workspace, slack)
        transaction.set_rollback(True)
    assert deliveries(workspace) == []


def test_what_cannot_be_sent_now_is_held_or_skipped(workspace: Workspace, slack: Channel) -> None:
    for key, values in {
        "broken": {"state": ChannelState.BROKEN},
        "unconfirmed": {"state": ChannelState.UNCONFIRMED},
        "removed": {"removed_at": THEN},
    }.items():
        set_channel(slack, **values)
        say(workspace, slack, key=key)
    assert fates(workspace) == [
        ("held", "The channel is broken."),
        ("held", "The channel is not ready yet."),
        ("skipped", "The channel was removed."),
    ]


def test_committing_rings(workspace: Workspace, slack: Channel, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks() as rings:
        say(workspace, slack)
    assert len(rings) == 1
    with django_capture_on_commit_callbacks() as rings:
        set_channel(slack, state=ChannelState.BROKEN)
        say(workspace, slack, key="two")
    assert rings == []


def test_lanes_name_workspace_and_channel() -> None:
    assert lane_parts(lane_of(123, 45)) == (123, 45)
    assert len({lane_of(workspace, number) for workspace in (1, 2) for number in (1, 65_535)}) == 4
    assert Work.DELIVERING + lane_of(2**27, 1) < 2**63


# Sending -------------------------------------------------------------------------------------------------------------


def test_what_waits_is_sent_in_order_and_at_slacks_pace(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    for title in ("first", "second", "third"):
        say(workspace, slack, key=title, message=sending.Message(title))
    hands = Hands()
    assert go(slack, hands) == Visit(3)
    assert outside.titles == ["first · Acme", "second · Acme", "third · Acme"]
    assert hands.slept == [1.0, 1.0]
    assert [(row.state, row.tries, row.answer, row.possible_duplicate) for row in deliveries(workspace)] == [
        ("sent", 1, "ok, message 1503435956.000247", False)
    ] * 3
    assert [row.sent_at - THEN for row in deliveries(workspace)] == [timedelta(seconds=n) for n in range(3)]
    assert go(slack, hands) == Visit()
    assert len(outside.peer.asked) == 3


@pytest.mark.django_db(transaction=True)
def test_of_a_worker_of_two_processes_one_at_a_time_waits_for_the_clock(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    for title in ("first", "second"):
        say(workspace, slack, key=title, message=sending.Message(title))
    waits, goes_on = threading.Event(), threading.Event()

    def another() -> None:
        with Places().hold(Outsider.CLOCK):
            waits.set()
            goes_on.wait(30)
        connection.close()

    thread = threading.Thread(target=another)
    thread.start()
    waits.wait(30)
    hands = Hands()
    assert go(slack, hands) == Visit(1)
    goes_on.set()
    thread.join()
    assert (outside.titles, hands.slept) == (["first · Acme"], [])
    assert go(slack, hands) == Visit(1)
    assert (outside.titles, hands.slept) == (["first · Acme", "second · Acme"], [1.0])


def test_a_group_at_telegram_gets_twenty_a_minute(workspace: Workspace, telegram: Channel, outside: Provider) -> None:
    for number in range(40):
        say(workspace, telegram, key=str(number))
    hands = Hands()
    while go(telegram, hands).more:
        pass
    sent = [row.sent_at for row in deliveries(workspace)]
    assert [later - earlier for earlier, later in pairwise(sent)] == [timedelta(seconds=3)] * 39


def test_a_visit_ends_after_five_seconds(workspace: Workspace, slack: Channel, outside: Provider) -> None:
    for number in range(9):
        say(workspace, slack, key=str(number))
    hands = Hands()
    assert go(slack, hands) == Visit(6, more=True)
    assert hands.at - THEN == timedelta(seconds=5)
    assert go(slack, hands) == Visit(3)


def test_test_mode_is_said(workspace: Workspace, slack: Channel, outside: Provider) -> None:
    say(workspace, slack, mode=Mode.TEST)
    go(slack, Hands())
    assert outside.titles == ["[Test mode] Warning: A payment failed · Acme"]


def test_workspaces_that_write_to_one_place_are_told_apart(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    other = ChannelFactory(workspace=WorkspaceFactory(name="Before"), secret=BOT_TOKEN, target=slack.target)
    say(workspace, slack)
    say(other.workspace, other)
    Workspace.objects.filter(pk=other.workspace_id).update(name="Beta <GmbH>")
    with CaptureQueriesContext(connection) as asked:
        go(slack, Hands())
    assert [query["sql"] for query in asked if 'FROM "workspaces_workspace"' in query["sql"]] == []
    go(other, Hands())
    assert outside.titles == ["Warning: A payment failed · Acme", "Warning: A payment failed · Beta &lt;GmbH&gt;"]
    assert [body["blocks"][-1]["elements"][0]["text"] for body in outside.bodies] == [
        "Workspace: Acme",
        "Workspace: Beta &lt;GmbH&gt;",
    ]


def test_a_message_that_names_its_workspace_is_sent_as_it_is(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    say(workspace, slack, message=sending.Message("Acme, Tue 10 Mar 2026", names_workspace=True))
    go(slack, Hands())
    assert [(body["text"], [block["type"] for block in body["blocks"]]) for body in outside.bodies] == [
        ("Acme, Tue 10 Mar 2026", ["section"])
    ]


def test_retry_after_is_obeyed_and_holds_for_the_whole_channel(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    outside.replies = [Reply(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": "90"})]
    say(workspace, slack, key="one")
    say(workspace, slack, key="two")
    hands = Hands()
    assert go(slack, hands) == Visit()
    hands.move(seconds=86.9)
    assert go(slack, hands) == Visit()
    assert len(outside.peer.asked) == 1
    hands.move(seconds=0.2)
    assert go(slack, hands) == Visit(2)
    assert [row.sent_at - THEN for row in deliveries(workspace)] == [timedelta(seconds=90), timedelta(seconds=91)]


def test_telegram_says_when_in_its_body(workspace: Workspace, telegram: Channel, outside: Provider) -> None:
    outside.replies = [telegram_error(429, "Too Many Requests: retry after 600", retry_after=600)]
    say(workspace, telegram)
    hands = Hands()
    go(telegram, hands)
    assert fates(workspace) == [("waiting", "Telegram asks to slow down.")]
    hands.move(seconds=590)
    assert go(telegram, hands) == Visit()
    assert len(outside.peer.asked) == 1
    hands.move(seconds=10)
    assert go(telegram, hands) == Visit(1)


def test_a_chat_that_moved_is_followed(workspace: Workspace, telegram: Channel, outside: Provider) -> None:
    outside.replies = [telegram_error(400, "Bad Request: group chat was upgraded", migrate_to_chat_id=-100777)]
    say(workspace, telegram)
    assert go(telegram, Hands()) == Visit(1)
    assert [body["chat_id"] for body in outside.bodies] == [-1001, -100777]
    assert (fresh(telegram).target, fresh(telegram).state) == ("-100777", "ok")
    assert fates(workspace) == [("sent", "")]


def test_failures_are_tried_for_three_days_with_growing_pauses_and_then_given_up(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    outside.replies = [slack_error("internal_error")] * 1000
    say(workspace, slack)
    hands, tried = Hands(), []
    while deliveries(workspace)[0].state == DeliveryState.WAITING:
        before = len(outside.peer.asked)
        go(slack, hands)
        if len(outside.peer.asked) > before:
            tried.append((hands.at - THEN).total_seconds())
        (row,) = deliveries(workspace)
        hands.at = max(hands.at, row.next_attempt_at)
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert pauses[:11] == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600]
    assert set(pauses[11:]) == {3600}
    assert 71 * 3600 <= tried[-1] <= 72 * 3600
    assert fates(workspace) == [("failed", "Given up: Slack: internal_error")]
    assert fresh(slack).state == "broken"
    assert fresh(slack).reason == "Nothing could be sent for three days. Slack: internal_error"


def test_when_it_answers_again_everything_goes(workspace: Workspace, slack: Channel, outside: Provider) -> None:
    outside.replies = [slack_error("internal_error")] * 12
    say(workspace, slack, key="one")
    hands = Hands()
    for _ in range(12):
        go(slack, hands)
        hands.move(hours=1)
    say(workspace, slack, key="two", at=hands.at)
    hands.move(seconds=1)
    while go(slack, hands).more:
        pass
    assert [row.state for row in deliveries(workspace)] == ["sent", "sent"]


def test_one_bad_message_does_not_stand_in_the_way(workspace: Workspace, slack: Channel, outside: Provider) -> None:
    outside.replies = [slack_error("invalid_blocks"), slack_error("internal_error")]
    for key in ("bad", "unlucky", "good"):
        say(workspace, slack, key=key)
    hands = Hands()
    go(slack, hands)
    hands.move(seconds=6)
    go(slack, hands)
    assert fates(workspace) == [("failed", "Slack: invalid_blocks"), ("sent", ""), ("sent", "")]
    assert fresh(slack).state == "ok"


# Breaking and mending ------------------------------------------------------------------------------------------------


def test_a_permanent_error_breaks_the_channel_and_its_people_are_told_once(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    set_channel(slack, created_by="admin@example.com")
    owner = MembershipFactory(workspace=workspace, role=Role.OWNER).user
    MembershipFactory(workspace=workspace, role=Role.ADMIN)
    admin = MembershipFactory(workspace=workspace, role=Role.ADMIN, user__email="admin@example.com")
    MembershipFactory(role=Role.OWNER)  # of another workspace
    outside.replies = [slack_error("is_archived")]
    say(workspace, slack, key="one")
    say(workspace, slack, key="two")
    lane = lane_of(workspace.pk, slack.number)
    for _ in range(2):
        send_deliveries(lane)
    assert fates(workspace) == [
        ("failed", "Slack: The channel is archived. (is_archived)"),
        ("held", "The channel is broken. Slack: The channel is archived. (is_archived)"),
    ]
    assert (fresh(slack).state, fresh(slack).reason) == ("broken", "Slack: The channel is archived. (is_archived)")
    assert len(outside.peer.asked) == 1
    assert [sorted(message.to) for message in mail.outbox] == [sorted([owner.email, admin.user.email])]
    assert mail.outbox[0].subject == "Ops is broken: Acme gets no messages there"
    assert "Slack: The channel is archived. (is_archived)" in mail.outbox[0].body
    assert f"/w/acme/settings/integrations/channels/{slack.number}/" in mail.outbox[0].body


def test_who_may_not_configure_any_more_is_not_told(workspace: Workspace, slack: Channel) -> None:
    owner = MembershipFactory(workspace=workspace, role=Role.OWNER).user
    member = MembershipFactory(workspace=workspace, role=Role.ADMIN, user__email="ada@example.com")
    Membership.objects.filter(pk=member.pk).update(role=Role.MEMBER)
    set_channel(slack, state=ChannelState.BROKEN, reason="x")
    with scope(workspace):
        assert notices.tell_if_broken(workspace.pk, slack.number)
        assert not notices.tell_if_broken(workspace.pk, slack.number)
    assert [message.to for message in mail.outbox] == [[owner.email]]


def test_without_a_mail_server_it_is_told_later(workspace: Workspace, slack: Channel, settings: Any) -> None:
    MembershipFactory(workspace=workspace, role=Role.OWNER)
    set_channel(slack, state=ChannelState.BROKEN, reason="x")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    with scope(workspace):
        assert not notices.tell_if_broken(workspace.pk, slack.number)
    assert (fresh(slack).told_at, fresh(slack).telling_at, fresh(slack).lost_tellings) == (None, None, 0)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    set_channel(slack, next_send_at=THEN)
    with scope(workspace):
        assert notices.tell_if_broken(workspace.pk, slack.number)
    assert len(mail.outbox) == 1


def test_the_mail_of_a_sender_that_died_goes_once_more_and_no_more(workspace: Workspace, slack: Channel) -> None:
    MembershipFactory(workspace=workspace, role=Role.OWNER)
    set_channel(slack, state=ChannelState.BROKEN, reason="x")

    def dies() -> None:
        set_channel(slack, told_at=None, telling_at=THEN)  # as it is left where nobody came to note that it was sent

    def tells() -> bool:
        with scope(workspace):
            return notices.tell_if_broken(workspace.pk, slack.number)

    assert tells()
    dies()
    assert sweep_deliveries() == 1
    assert tells()
    assert (fresh(slack).telling_at, fresh(slack).lost_tellings) == (None, 1)
    dies()
    assert not tells()
    assert fresh(slack).telling_at is None
    assert fresh(slack).told_at is not None
    assert sweep_deliveries() == 0
    first, again = mail.outbox
    assert first.extra_headers == again.extra_headers
    assert re.fullmatch(r"<broken-[0-9a-f-]{36}@\S+>", first.extra_headers["Message-ID"])


def test_another_outage_is_another_mail(workspace: Workspace, slack: Channel, outside: Provider) -> None:
    MembershipFactory(workspace=workspace, role=Role.OWNER)
    for key in ("one", "two"):
        outside.replies = [slack_error("is_archived")]
        say(workspace, slack, key=key)
        send_deliveries(lane_of(workspace.pk, slack.number))
        set_channel(slack, lost_tellings=1)
        try_out(slack, Hands(), key=f"test {key}")
    assert fresh(slack).state == ChannelState.OK
    one, two = (message.extra_headers["Message-ID"] for message in mail.outbox)
    assert one != two


@pytest.mark.django_db(transaction=True)
def test_nobody_tells_while_another_is_at_it(workspace: Workspace, slack: Channel) -> None:
    MembershipFactory(workspace=workspace, role=Role.OWNER)
    set_channel(slack, state=ChannelState.BROKEN, reason="x", telling_at=THEN)

    def another() -> None:
        try:
            with scope(workspace):
                assert not notices.tell_if_broken(workspace.pk, slack.number)
        finally:
            connection.close()

    with hold_lane(lane_of(workspace.pk, slack.number), Work.TELLING), ThreadPoolExecutor(1) as pool:
        pool.submit(another).result(10)
    assert (fresh(slack).lost_tellings, mail.outbox) == (0, [])


def test_a_test_that_arrives_mends_the_channel_and_what_was_held_follows(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    set_channel(slack, state=ChannelState.BROKEN, reason="x", told_at=THEN)
    say(workspace, slack, key="old", at=THEN - timedelta(hours=73))
    say(workspace, slack, key="young", at=THEN)
    hands = Hands(THEN + timedelta(hours=1))
    assert try_out(slack, hands) == sending.Sent("ok, message 1503435956.000247")
    assert (fresh(slack).state, fresh(slack).reason, fresh(slack).told_at) == ("ok", "", None)
    go(slack, hands)
    assert [(row.dedupe_key, row.state, row.reason) for row in deliveries(workspace)] == [
        ("old", "skipped", "Too old when the channel worked again."),
        ("young", "sent", ""),
        ("test", "sent", ""),
    ]


def second_session() -> psycopg.Connection[Any]:
    place = connection.settings_dict
    return psycopg.connect(
        host=place["HOST"], port=place["PORT"], user=place["USER"], password=place["PASSWORD"], dbname=place["NAME"]
    )


def try_out(channel: Channel, hands: Hands, key: str = "test") -> sending.Outcome:
    with scope(channel.workspace_id):
        with transaction.atomic():
            row = sending.outbox.put_test(fresh(channel), HELLO, key, hands.at)
        return sending.send_now(row, hands.clock)


def test_a_test_says_what_the_provider_said_and_is_not_repeated(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    outside.replies = [slack_error("internal_error")]
    hands = Hands()
    assert try_out(slack, hands) == sending.Passing("Slack: internal_error")
    hands.move(hours=1)
    assert go(slack, hands) == Visit()
    assert fates(workspace) == [("failed", "Slack: internal_error")]
    assert fresh(slack).state == "ok"


def test_a_test_waits_for_a_pause_that_was_asked_for(workspace: Workspace, slack: Channel, outside: Provider) -> None:
    set_channel(slack, next_send_at=THEN + timedelta(minutes=2))
    assert try_out(slack, Hands()) == sending.Passing("Nothing can be sent there before 12:02:00 UTC.")
    assert outside.peer.asked == []


@pytest.mark.django_db(transaction=True)
def test_a_test_goes_before_the_rest_of_a_backlog(
    workspace: Workspace, slack: Channel, outside: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker comes back at once whenever a visit has ended, as it does where more is due."""
    monkeypatch.setattr(sending, "VISIT", timedelta(seconds=0.3))
    monkeypatch.setattr(Bot, "pace", 0.05)
    names = [f"message {number}" for number in range(20)]
    for name in names:
        say(workspace, slack, key=name, message=sending.Message(name), at=timezone.now())

    def ask() -> sending.Outcome:
        with scope(workspace):
            return trial.try_out(fresh(slack), by="ada@example.com")

    def work() -> None:
        with scope(workspace):
            while visit(workspace.pk, slack.number).more:
                pass

    asker, worker = Writer(ask), Writer(work)

    def begin() -> None:
        outside.meanwhile = lambda: None
        asker.start()
        asker.stands()
        connection.close()

    outside.meanwhile = begin
    worker.start()
    worker.done()
    assert asker.done() == sending.Sent("ok, message 1503435956.000247")
    work()
    said = [title.removesuffix(" · Acme") for title in outside.titles]
    place = said.index("A test message of PQ Intel")
    assert 0 < place < 10
    assert said[:place] + said[place + 1 :] == names


@pytest.mark.django_db(transaction=True)
def test_a_test_does_not_wait_for_ever(
    workspace: Workspace, slack: Channel, outside: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PATIENCE_SECONDS", 0.1)
    asker = Writer(lambda: try_out(slack, Hands()))
    with hold_lane(lane_of(workspace.pk, slack.number), Work.DELIVERING):
        asker.start()
        said = "Another message is being sent there, and takes long. Try again later."
        assert asker.done() == sending.Passing(said)
    assert (fates(workspace), outside.bodies) == ([("skipped", said)], [])


def test_a_test_rings_for_what_it_kept_waiting(
    workspace: Workspace,
    slack: Channel,
    outside: Provider,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    rung: list[int] = []
    monkeypatch.setattr(sending.outbox.bell, "ring", lambda *lanes: rung.extend(lanes))
    with django_capture_on_commit_callbacks(execute=True):
        try_out(slack, Hands())
    assert rung == [lane_of(workspace.pk, slack.number)]


# Dying ---------------------------------------------------------------------------------------------------------------


def test_a_sender_that_died_in_between_costs_one_repeat_and_it_is_flagged(
    workspace: Workspace, slack: Channel, outside: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(workspace, slack)
    hands = Hands()

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sending, "_settle", die)
        with pytest.raises(KeyboardInterrupt):
            go(slack, hands)
    (row,) = deliveries(workspace)
    assert (row.state, row.claimed_at, row.possible_duplicate) == ("waiting", THEN, False)
    assert go(slack, hands) == Visit(1)
    (row,) = deliveries(workspace)
    assert (row.state, row.claimed_at, row.possible_duplicate, row.tries) == ("sent", None, True, 2)
    assert len(outside.peer.asked) == 2


def test_a_message_that_kills_its_senders_is_given_up(workspace: Workspace, slack: Channel, outside: Provider) -> None:
    DeliveryFactory(workspace=workspace, channel=slack, claimed_at=THEN, lost_claims=1)
    say(workspace, slack)
    assert go(slack, Hands()) == Visit(1)
    assert fates(workspace) == [("failed", DIED_TWICE), ("sent", "")]


@pytest.mark.django_db(transaction=True)
def test_one_sender_a_channel_and_no_transaction_while_it_waits(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    """While the provider has our request, no session holds a transaction open, and another worker keeps out."""
    say(workspace, slack)
    seen: list[Any] = []

    def look() -> None:
        with second_session() as session:
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            seen.append(session.execute(query).fetchone())
        thread = threading.Thread(target=lambda: seen.append(second_worker()))
        thread.start()
        thread.join()

    def second_worker() -> Visit:
        try:
            return go(slack, Hands())
        finally:
            connection.close()

    answer = outside.peer.answer

    def slow(asked: Any) -> Reply:
        look()
        return answer(asked)

    outside.peer.answer = slow
    assert go(slack, Hands()) == Visit(1)
    assert seen == [(0,), Visit()]
    assert len(outside.peer.asked) == 1


@pytest.mark.django_db(transaction=True)
def test_who_loses_the_lane_while_he_waits_for_the_clock_sends_nothing_more(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    for key in ("first", "second"):
        say(workspace, slack, key=key, message=sending.Message(key))
    hands = Hands()

    def sleep(seconds: float) -> None:
        hands.sleep(seconds)
        with second_session() as other:
            other.execute("SELECT pg_terminate_backend(%s)", (connection.connection.info.backend_pid,))

    with pytest.raises(OperationalError), scope(workspace):
        visit(workspace.pk, slack.number, sending.Clock(hands.now, sleep))
    assert outside.titles == ["first · Acme"]
    assert go(slack, hands) == Visit(1)
    assert [(row.state, row.possible_duplicate) for row in deliveries(workspace)] == [("sent", False)] * 2


# Leaving -------------------------------------------------------------------------------------------------------------


def test_a_removed_channel_gets_nothing_and_keeps_no_credential(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    say(workspace, slack)
    with scope(workspace):
        roster.remove(slack, THEN)
    assert go(slack, Hands()) == Visit()
    assert outside.peer.asked == []
    assert fates(workspace) == [("skipped", "The channel was removed.")]
    assert fresh(slack).secret is None


@pytest.mark.django_db(transaction=True)
def test_a_workspace_deleted_while_a_message_is_under_way(
    workspace: Workspace, slack: Channel, outside: Provider
) -> None:
    say(workspace, slack, key="one")
    say(workspace, slack, key="two")
    answer = outside.peer.answer

    def delete() -> None:
        try:
            delete_workspace(workspace)
        finally:
            connection.close()

    def deleting(asked: Any) -> Reply:
        thread = threading.Thread(target=delete)
        thread.start()
        thread.join()
        return answer(asked)

    outside.peer.answer = deleting
    go(slack, Hands())
    assert len(outside.peer.asked) == 1
    with everywhere("test"):
        assert not Delivery.objects.exists()


# Sweeping ------------------------------------------------------------------------------------------------------------


def test_the_sweep_finds_what_is_due_and_nothing_else(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def one(**values: Any) -> Channel:
        return ChannelFactory(workspace=workspace, **values)

    due, other = one(), ChannelFactory(workspace=WorkspaceFactory())
    untold = one(state=ChannelState.BROKEN)
    for channel in (due, other):
        DeliveryFactory(channel=channel)
    far = THEN.replace(year=2999)
    DeliveryFactory(channel=one(), next_attempt_at=far)
    DeliveryFactory(channel=one(next_send_at=far))
    DeliveryFactory(channel=one(state=ChannelState.BROKEN, told_at=THEN))
    DeliveryFactory(channel=one(removed_at=THEN))
    DeliveryFactory(channel=one(), state=DeliveryState.SENT)
    one(state=ChannelState.UNCONFIRMED)
    rung: list[int] = []
    monkeypatch.setattr("integrations.tasks.delivering.bell.ring", lambda *lanes: rung.extend(lanes))
    assert sweep_deliveries() == 3
    assert sorted(rung) == sorted(lane_of(channel.workspace_id, channel.number) for channel in (due, other, untold))


def test_a_hanging_provider_costs_one_timeout_a_visit(
    workspace: Workspace, outside: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.channels.transports.web.TOTAL_SECONDS", 0.3)
    hanging = ChannelFactory(workspace=workspace, kind=ChannelKind.SLACK_WEBHOOK, secret=HOOK)
    for number in range(5):
        say(workspace, hanging, key=str(number))
    outside.hang = 1
    hands = Hands()
    assert go(hanging, hands) == Visit()
    assert len(outside.peer.asked) == 1
    assert go(hanging, hands) == Visit()
    assert (len(outside.peer.asked), hands.slept) == (1, [])
    assert [(row.state, row.possible_duplicate) for row in deliveries(workspace)] == [("waiting", True)] + [
        ("waiting", False)
    ] * 4


def test_a_provider_that_echoes_a_secret_is_scrubbed(workspace: Workspace, slack: Channel, outside: Provider) -> None:
    outside.replies = [slack_error(f"bad token {BOT_TOKEN} {HOOK}")]
    say(workspace, slack)
    go(slack, Hands())
    assert fates(workspace) == [("waiting", "Slack: bad token ••• https://•••")]


def test_hook_error_of_archived_channel(workspace: Workspace, outside: Provider) -> None:
    hook = ChannelFactory(workspace=workspace, kind=ChannelKind.SLACK_WEBHOOK, secret=HOOK, target="…xxxx")
    outside.replies = [hook_error(410, "channel_is_archived")]
    say(workspace, hook)
    go(hook, Hands())
    assert fresh(hook).reason == "Slack: The channel is archived. (channel_is_archived)"


def test_unreadable_credentials_wait_for_their_key(
    workspace: Workspace, slack: Channel, outside: Provider, settings: Any
) -> None:
    say(workspace, slack)
    settings.PQ_KEYS = f"k9:{'9' * 64}"
    go(slack, Hands())
    assert fates(workspace) == [
        ("waiting", "The stored credentials are unreadable: the key that sealed them is not available.")
    ]
    assert outside.peer.asked == []
