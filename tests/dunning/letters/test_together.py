"""Workers that decide and send the same letters at the same time: each is decided once and sent once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from billing.modes import Mode
from dunning.letters import outbox, sending
from dunning.models import Letter
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.dunning.letters.stage import ask, fates, go, letters, post_office, put
from tests.factories import THEN, CustomerFactory
from tests.factories_letters import LetterFactory, LetterPolicyFactory
from tests.gates import Writer, overlap
from tests.integrations.channels.stage import Hands

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(workspace: Workspace) -> Any:
    LetterPolicyFactory(workspace=workspace, mode=Mode.LIVE)
    return CustomerFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="cus_ada", email="ada@example.com")


def together(work: Callable[[], None], times: int = 6) -> None:
    barrier = threading.Barrier(times)

    def run() -> None:
        try:
            barrier.wait()
            work()
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_who_decides_at_the_same_time_decides_once(workspace: Workspace, ada: Any) -> None:
    found: list[int] = []
    together(lambda: found.extend(row.pk for row in put(workspace, ask(workspace, "a"), ask(workspace, "b"))))
    assert [row.dedupe_key for row in letters(workspace)] == ["a", "b"]
    assert sorted(found) == sorted([row.pk for row in letters(workspace)] * 6)


def test_who_sends_at_the_same_time_sends_once(workspace: Workspace, ada: Any, settings: Any) -> None:
    put(workspace, *(ask(workspace, f"{n}") for n in range(5)))

    def send() -> None:
        with scope(workspace):
            sending.visit(workspace.pk, Mode.LIVE, Hands().clock)

    with post_office(settings) as box:
        together(send)
        together(send)
    assert len(box.mails) == 5
    assert [(row.state, row.tries, row.possible_duplicate) for row in letters(workspace)] == [("sent", 1, False)] * 5


@pytest.mark.parametrize(("wanted", "fate"), [(True, ("waiting", "")), (False, ("skipped", outbox.REFUSED))])
def test_the_answer_reaches_letters_that_are_being_written(
    workspace: Workspace, wanted: bool, fate: tuple[str, str]
) -> None:
    """Nobody has answered when the letter is decided, and somebody has before it is in the outbox."""
    CustomerFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="cus_ada", email="ada@example.com")

    def answer() -> None:
        with scoped_transaction(workspace):
            outbox.answer(workspace.pk, Mode.LIVE, wanted=wanted, by="o@example.com", now=THEN)

    overlap(lambda: put(workspace, ask(workspace, "a")), "dunning_letter", answer)
    assert fates(workspace) == {"a": fate}


def test_who_stops_a_letter_and_writes_another_does_not_wait_for_who_answers_and_waits_for_him(
    workspace: Workspace,
) -> None:
    """As a payment does: the reminder is not wanted any more, and thanks are."""
    CustomerFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="cus_ada", email="ada@example.com")
    put(workspace, ask(workspace, "reminder"), ask(workspace, "other"))

    def pay() -> None:
        with scoped_transaction(workspace):
            outbox.stop_keys(workspace.pk, Mode.LIVE, ["reminder"], "Paid meanwhile", THEN)
            outbox.write([ask(workspace, "thanks")], THEN)

    def answer() -> None:
        with scoped_transaction(workspace):
            outbox.answer(workspace.pk, Mode.LIVE, wanted=False, by="o@example.com", now=THEN)

    overlap(pay, "dunning_letter", answer)
    refused = ("skipped", outbox.REFUSED)
    assert fates(workspace) == {"reminder": ("skipped", "Paid meanwhile"), "other": refused, "thanks": refused}


def test_who_settles_a_letter_does_not_wait_for_others_that_somebody_changes(
    workspace: Workspace, ada: Any, settings: Any
) -> None:
    """That one may be waiting for the letter that was sent: of the two, the sender would lose that it was."""
    tried = {"workspace": workspace, "mode": Mode.LIVE, "customer": "cus_ada", "tries": 1}
    LetterFactory(**tried, dedupe_key="sent", kind="recovered")
    others = [
        LetterFactory(**tried, dedupe_key=k, kind="recovered", next_attempt_at=THEN + timedelta(hours=1))
        for k in ("free", "held")
    ]
    with post_office(settings) as box, scoped_transaction(workspace):
        Letter.objects.select_for_update().get(pk=others[1].pk)
        sender = Writer(lambda: go(workspace, Hands()))
        sender.start()
        assert not sender.stands()
        sender.done()
    found = {row.dedupe_key: (row.state, row.next_attempt_at - THEN) for row in letters(workspace)}
    assert {key: state for key, (state, _) in found.items()} == {"sent": "sent", "free": "sent", "held": "waiting"}
    assert found["held"][1] == timedelta(hours=1)
    assert len(box.mails) == 2
