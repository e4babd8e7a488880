"""Providers that hang, refuse, or are not there: nobody else waits, what can be sent later is, and history tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

from billing.modes import Mode
from dunning.letters import LetterKind
from integrations.channels import report
from integrations.models import Channel, ChannelKind, Delivery
from pqintel.embedded.ports import free_port
from pqintel.workspaces.actions.workspaces import delete_workspace
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.decisions import Company
from tests.dunning.letters.stage import ask, letters, put
from tests.factories import ChannelFactory, CustomerFactory, MembershipFactory, WorkspaceFactory
from tests.factories_letters import LetterPolicyFactory
from tests.integrations.channels.stage import hook_error, say, telegram_error
from tests.integrations.peers import Asked, Peer, Reply
from tests.smtp import mail_server

from .burst import Burst
from .conftest import Check
from .outside import Outside, place_of, well
from .stage import BEAT, Program, Stage, until
from .tenants import new_tenants

TOKEN = "123456789:" + "T" * 35
Places = Callable[[], Workspace]


@pytest.fixture
def workspaces(stage: Stage) -> Iterator[Places]:
    """Makes workspaces with an owner; they are gone afterwards, with whatever they still wanted to say."""
    made: list[Workspace] = []

    def make() -> Workspace:
        made.append(MembershipFactory(workspace=WorkspaceFactory()).workspace)
        return made[-1]

    yield make
    for workspace in made:
        delete_workspace(workspace)


def slack(workspace: Workspace, name: str) -> Channel:
    """A webhook whose path ends in `name`."""
    hook = f"https://hooks.slack.com/services/T0/B0/{name:x<8}"
    channel: Channel = ChannelFactory(workspace=workspace, kind=ChannelKind.SLACK_WEBHOOK, name=name, secret=hook)
    return channel


def telegram(workspace: Workspace, chat: int) -> Channel:
    channel: Channel = ChannelFactory(
        workspace=workspace, kind=ChannelKind.TELEGRAM, name=f"chat {chat}", secret=TOKEN, target=str(chat)
    )
    return channel


def history(channel: Channel) -> list[tuple[str, int, str, bool]]:
    """What the page of deliveries says: state, tries, detail, whether it may be there twice."""
    with scoped_transaction(channel.workspace_id):
        lines, _ = report.lines_of(channel.workspace, None, channel)
    return [(line.state, line.tries, line.detail, line.possible_duplicate) for line in lines]


def told(channel: Channel) -> None:
    say(channel.workspace, channel, at=datetime.now(UTC))


def bring_nearer(channel: Channel) -> None:
    """As if the time had passed before which nothing is to be sent."""
    now = datetime.now(UTC)
    with scoped_transaction(channel.workspace_id):
        Channel.objects.filter(pk=channel.pk).update(next_send_at=None)
        Delivery.objects.filter(channel=channel, state="waiting").update(next_attempt_at=now)


def test_while_all_of_slack_hangs_nobody_else_waits(
    stage: Stage, check: Check, workspaces: Places, outside: Outside
) -> None:
    """Six channels at Slack that hangs, and a worker of two processes: one of them is always there for all others."""
    answers_again = threading.Event()
    tenants = new_tenants(2)
    at_slack = [slack(workspaces(), f"hangs{number}") for number in range(6)]
    elsewhere = [telegram(workspaces(), number) for number in range(1, 21)]

    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/services/"):
            answers_again.wait(60)
        return well(asked)

    outside.messengers.answer = answer
    for channel in at_slack:
        told(channel)
    until("Slack is asked and says nothing", lambda: outside.messengers.asked)
    for channel in elsewhere:
        told(channel)
    with Burst(stage, tenants) as burst:
        until("all others have their messages", lambda: all(state_of(one) == "sent" for one in elsewhere))
    check([burst], tenants)
    assert set(burst.statuses()) == {200}
    hanging = [asked for asked in outside.messengers.asked if asked.path.startswith("/services/")]
    assert len(hanging) <= 3, "the others have waited for one hanging request after the other"
    assert {state_of(channel) for channel in at_slack} == {"waiting"}
    answers_again.set()
    for channel in at_slack:
        bring_nearer(channel)
    until("Slack has its messages as well", lambda: all(state_of(one) == "sent" for one in at_slack))


def state_of(channel: Channel) -> str:
    with scoped_transaction(channel.workspace_id):
        return str(Delivery.objects.get(channel=channel).state)


TROUBLES: dict[str, tuple[Reply, str, str]] = {
    "limits": (hook_error(429, "rate_limited", **{"Retry-After": "600"}), "Waiting", "Slack asks to slow down."),
    "fails": (hook_error(500, "server_error"), "Waiting", "Slack: server_error"),
    "archived": (
        hook_error(410, "channel_is_archived"),
        "Failed",
        "Slack: The channel is archived. (channel_is_archived)",
    ),
    "71": (telegram_error(429, "Too Many Requests", retry_after=600), "Waiting", "Telegram asks to slow down."),
    "-72": (telegram_error(400, "Bad Request: group upgraded", migrate_to_chat_id=-100_72), "Sent", "ok, message 42"),
}
"""What a provider says to the first message, and what history says then."""
NO_SERVER = "The mail server cannot be reached."


def test_each_trouble_is_told_holds_up_nobody_and_ends_with_the_message(stage: Stage, workspaces: Places) -> None:
    refuses = {name: [reply] for name, (reply, *_) in TROUBLES.items()}

    def answer(asked: Asked) -> Reply:
        replies = refuses.get(place_of(asked))
        if replies:
            return replies.pop()
        return well(asked)

    troubled = {
        name: telegram(workspaces(), int(name)) if name.lstrip("-").isdigit() else slack(workspaces(), name)
        for name in TROUBLES
    }
    mailed = ChannelFactory(workspace=workspaces(), kind=ChannelKind.EMAIL, target="team@example.com")
    writes = mailed.workspace
    LetterPolicyFactory(workspace=writes, mode=Mode.LIVE)
    CustomerFactory(workspace=writes, mode=Mode.LIVE, stripe_id="cus_ada", email="ada@example.com")
    others = [slack(workspaces(), f"other{number}") for number in range(20)]
    port = free_port()
    with Peer(answer) as messengers, stage.writing_to(messengers.url, f"smtp://127.0.0.1:{port}"):
        for channel in (*troubled.values(), mailed, *others):
            told(channel)
        put(writes, ask(writes, kind=LetterKind.GOODBYE), at=datetime.now(UTC))
        until("all others have their messages", lambda: all(state_of(one) == "sent" for one in others))
        until(
            "everybody was tried", lambda: all(line[1] for one in (*troubled.values(), mailed) for line in history(one))
        )
        until("the letter was tried", lambda: letters(writes)[0].tries)
        asked = [place_of(one) for one in messengers.asked]
        for name, (_, state, detail) in TROUBLES.items():
            (line,) = history(troubled[name])
            assert (line[0], line[2], line[3]) == (state, detail, False)
            assert asked.count(name) == 1 or name == "fails"  # which is tried every few seconds
        assert {line[:1] + line[2:] for line in history(mailed)} == {("Waiting", NO_SERVER, False)}
        (letter,) = letters(writes)
        assert (letter.state, letter.reason, letter.possible_duplicate) == ("waiting", NO_SERVER, False)

        with mail_server(port) as post:
            for channel in (*troubled.values(), mailed):
                bring_nearer(channel)
            with scoped_transaction(writes):
                type(letter).objects.update(next_attempt_at=datetime.now(UTC) - timedelta(seconds=1))
            later = [channel for name, channel in troubled.items() if name != "archived"] + [mailed]
            until("all is sent", lambda: all(state_of(one) == "sent" for one in later))
            until("the letter is sent", lambda: letters(writes)[0].state == "sent")
            broken = f"archived is broken: {troubled['archived'].workspace.name} gets no messages there"
            until("the owner knows", lambda: broken in [str(mail["Subject"]) for mail in post.mails])
            assert sorted(str(mail["To"]) for mail in post.mails if mail["Subject"] != broken) == [
                "ada@example.com",
                "team@example.com",
            ]
    assert {line[3] for channel in troubled.values() for line in history(channel)} == {False}
    with scoped_transaction(troubled["-72"].workspace_id):
        assert Channel.objects.get(pk=troubled["-72"].pk).target == "-10072"


# Summaries and alerts by beat -----------------------------------------------------------------------------------------
@contextmanager
def every_second(*jobs: str) -> Iterator[None]:
    """Beat does these jobs every second, as staff may set it in admin."""
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
    before = dict(PeriodicTask.objects.filter(name__in=jobs).values_list("pk", "interval"))
    assert len(before) == len(jobs)
    PeriodicTask.objects.filter(pk__in=before).update(interval=second)
    PeriodicTasks.update_changed()
    try:
        yield
    finally:
        for pk, interval in before.items():
            PeriodicTask.objects.filter(pk=pk).update(interval=interval)
        PeriodicTasks.update_changed()


def test_two_beats_bring_a_summary_and_an_alert_to_slack_once(stage: Stage, outside: Outside) -> None:
    company = Company(datetime.now(UTC)).over_thresholds().summary()

    def beaten(beat: Program) -> int:
        return stage.home.log(beat.name).read_text().count("sweep-digests")

    with stage.another("one-more-beat", BEAT) as second, every_second("sweep-digests", "sweep-rules"):
        until("all have arrived", lambda: len(outside.messengers.asked) >= 3)
        counts = [(beat, beaten(beat)) for beat in (stage.beat, second)]
        until("both have beaten again", lambda: all(beaten(beat) > count + 1 for beat, count in counts))
    titles = sorted(json.loads(asked.body)["text"] for asked in outside.messengers.asked)
    assert titles[0].startswith("Acme, ")
    assert titles[1:] == [
        "Warning: 3 payments failed within an hour · Acme",
        "Warning: 4 payments failed within an hour · Acme",
    ]
    assert company.waiting() == 0
    delete_workspace(company.workspace)
