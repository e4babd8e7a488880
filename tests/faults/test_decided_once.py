"""Whoever decides is killed in the middle of it, whoever sends between sending and noting it: nothing is said twice.

Each company has the same to decide as one to which nothing happens; so what must have been decided in the end is known.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import groupby

import pytest
from celery import current_app

from integrations.channels import Message
from integrations.channels.sending import DIED_TWICE
from integrations.channels.transports.email import Email
from integrations.models import Delivery
from pqintel.queue import RUNG
from pqintel.workspaces.actions.workspaces import delete_workspace
from tests.decisions import Company, differences

from .nemesis import blocked, frozen, held_up
from .outside import Outside
from .stage import BEAT, Stage, scaled, until, within

NOW = datetime.now(UTC)
TEAM = "team@example.com"
Made = Callable[..., Company]


@pytest.fixture
def made(stage: Stage) -> Iterator[Made]:
    """Makes companies while no worker moves; they are gone afterwards."""
    companies: list[Company] = []

    def make(furnish: Callable[[Company], object], **channel: str) -> Company:
        with frozen(stage.worker.pid, *stage.worker.children()):
            company = Company(NOW, **channel)
            furnish(company)
        companies.append(company)
        return company

    yield make
    for company in companies:
        delete_workspace(company.workspace)


def in_peace(stage: Stage, furnish: Callable[[Company], object]) -> dict[str, list[str]]:
    """What is decided where nothing happens."""
    with frozen(stage.worker.pid, *stage.worker.children()):
        company = Company(NOW)
        furnish(company)
        before = company.decided()
        company.decide()
        decided = company.decided()
        delete_workspace(company.workspace)
    assert decided != before
    return decided


DECIDERS = {
    "reactions": (Company.news, "pqintel.reactions.react", "dunning_letter"),
    "dunning": (Company.due, "dunning.tasks.run_cases", "dunning_caseentry"),
    "alerts": (Company.over_thresholds, "alerts.tasks.evaluate", "alerts_rule"),
    "summary": (Company.summary, "alerts.tasks.send_digests", "integrations_delivery"),
}
"""What is to be decided, the task that does it, and a table that it writes late: who waits for it has decided nearly
everything and committed nothing."""


@pytest.mark.parametrize("decider", DECIDERS)
def test_who_decides_is_killed_in_the_middle_and_everything_is_decided_once(
    stage: Stage, made: Made, decider: str
) -> None:
    furnish, task, table = DECIDERS[decider]
    expected = in_peace(stage, furnish)
    company = made(furnish)
    undecided = company.decided()
    for _ in range(scaled(1)):
        with held_up(stage, table) as database:
            ring(stage, task, company.lane)
            until("a worker is in the middle of it", lambda: blocked(database, table))
            stage.worker.kill()
        dead = in_hands(stage)
        assert company.decided() == undecided
        stage.worker.start()
    while company.decided() != expected:  # whose lane is still held by the dead waits for another ring
        ring(stage, task, company.lane)
        within(5, lambda: company.decided() == expected)
    ring(stage, task, company.lane)
    within(5, lambda: in_hands(stage) <= dead)
    assert differences(company.decided(), expected) == {}
    assert company.undecided() == 0


def test_workers_die_again_and_again_while_everything_is_decided_and_sent(
    stage: Stage, made: Made, outside: Outside
) -> None:
    """With two beats as well. What is due when is brought nearer, so that it all happens at once."""

    def furnish(company: Company) -> None:
        company.news().due().over_thresholds().summary()

    expected = in_peace(stage, furnish)
    with stage.another("another-beat", BEAT):
        company = made(furnish, kind="email", target=TEAM)
        for _ in range(scaled(2)):
            heard = outside.heard
            ring_all(stage, company)
            until("some messages have come", lambda: outside.heard > heard + 2)  # noqa: B023
            stage.worker.kill()
            stage.worker.start()
        ring_all(stage, company)
        until("all is decided", lambda: company.decided() == expected)
        company.make_due()
        until("nothing waits to be sent", lambda: not company.waiting())
    assert differences(company.decided(), expected) == {}
    for sent in company.letters():
        assert (sent.state, sent.reason) in (("sent", ""), ("failed", DIED_TWICE))
        arrived = sum(mail["Message-ID"] == sent.message_id for mail in outside.post.mails)
        assert arrived in ((1, 2) if sent.possible_duplicate else (1,))
    said = Counter(str(mail["Subject"]).strip() for mail in outside.post.mails if mail["To"] == TEAM)
    for subject, rows in groupby(sorted(company.messages(), key=subject_of), key=subject_of):
        some = list(rows)
        assert {(row.state, row.reason) for row in some} <= {("sent", ""), ("failed", DIED_TWICE)}
        assert len(some) <= said.pop(subject) <= len(some) + sum(row.possible_duplicate for row in some)
    assert said == {}


def test_a_letter_whose_sender_dies_between_the_servers_word_and_noting_it(
    stage: Stage, made: Made, outside: Outside
) -> None:
    outside.post.answers.clear()
    company = made(Company.due)
    ring(stage, "dunning.tasks.run_cases", company.lane)
    until("a letter is at the mail server", lambda: outside.post.mails)
    with held_up(stage, "dunning_letter") as database:
        outside.post.answers.set()
        until("the sender is about to note it", lambda: blocked(database, "dunning_letter"))
        stage.worker.kill()
    assert fates(company) == [("waiting", 0, False), ("waiting", 0, False), ("waiting", 1, False)]
    stage.worker.start()
    until("all are sent", lambda: {state for state, *_ in fates(company)} == {"sent"})
    assert fates(company) == [("sent", 1, False), ("sent", 1, False), ("sent", 2, True)]
    ids = {one.message_id: one.possible_duplicate for one in company.letters()}
    arrived = Counter(str(mail["Message-ID"]) for mail in outside.post.mails)
    assert arrived == {name: 2 if twice else 1 for name, twice in ids.items()}


def fates(company: Company) -> list[tuple[str, int, bool]]:
    return sorted((row.state, row.tries, row.possible_duplicate) for row in company.letters())


def subject_of(row: Delivery) -> str:
    """A message's subject as it is mailed to the team of a `Company`."""
    return str(Email().render(Message.of(row.message).signed("Acme"))["subject"])


def in_hands(stage: Stage) -> int:
    """How many tasks are in the queues or in some worker's hands, be it a dead one."""
    with stage.redis() as queue:
        return sum(queue.llen(name) for name in ("drain", "react", "bulk")) + queue.hlen("unacked")


def ring_all(stage: Stage, company: Company) -> None:
    for _, task, _ in DECIDERS.values():
        ring(stage, task, company.lane)


def ring(stage: Stage, task: str, lane: int) -> None:
    """Ring a task for a lane, as its doorbell would."""
    queue = {"pqintel.reactions.react": "react", "dunning.tasks.run_cases": "react"}.get(task, "bulk")
    with current_app.connection_for_write(stage.valkey.url()) as broker:
        current_app.send_task(task, args=[lane], queue=queue, connection=broker, headers={RUNG: time.time()})
