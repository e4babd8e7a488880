"""Workers that decide and send the same letters at the same time: each is decided once and sent once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from billing.modes import Mode
from dunning.letters import sending
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope
from tests.dunning.letters.stage import ask, letters, post_office, put
from tests.factories import CustomerFactory
from tests.factories_letters import LetterPolicyFactory
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
