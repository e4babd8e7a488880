"""Judged by two at once, heard of by two at once, rolled back half-way: everything is said once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection

from alerts import deciding
from alerts.models import Watch
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import Stage, at
from tests.factories import FailureFactory

pytestmark = pytest.mark.django_db(transaction=True)

MORE_THAN_THREE = {"measure": "count", "threshold": "3", "currency": "", "minutes": 60}


def at_once(*works: Callable[[], object]) -> None:
    """Run the works in threads that begin together, each with a connection of its own."""
    start = Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(10)
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(run, work) for work in works]:
            done.result(30)


def failing(stage: Stage) -> None:
    for minute in (1, 2, 3, 4):
        stage.made(FailureFactory, happened_at=at(minute))


def test_two_who_judge_at_once_say_it_once() -> None:
    stage = Stage()
    stage.rule("payment_failures", MORE_THAN_THREE)
    failing(stage)
    at_once(*[lambda: stage.evaluate(at(5))] * 4)
    assert stage.titles() == ["4 payments failed within an hour"]
    assert len(stage.findings()) == 1


def test_two_who_ask_first_give_the_default_rules_once() -> None:
    stage = Stage()
    with scoped_transaction(stage.workspace):
        Watch.objects.filter(workspace=stage.workspace).delete()
    at_once(*[lambda: stage.evaluate(at(5))] * 4)
    with scoped_transaction(stage.workspace):
        from alerts.defaults import DEFAULTS
        from alerts.models import Rule

        given = Rule.objects.filter(workspace=stage.workspace, mode=stage.mode).count()
    assert given == sum(not default.live_only for default in DEFAULTS)


def test_what_was_rolled_back_is_said_by_the_next() -> None:
    stage = Stage()
    stage.rule("payment_failures", MORE_THAN_THREE)
    failing(stage)

    def interrupted() -> None:
        with scoped_transaction(stage.workspace):
            deciding.evaluate(stage.workspace.pk, stage.mode, at(5))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert stage.messages() == []
    stage.evaluate(at(6))
    assert stage.titles() == ["4 payments failed within an hour"]
