"""The thread that counts refused deliveries: it ends with its process, and nothing that was counted is lost by that."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection
from django.db import connections as databases
from time_machine import TimeMachineFixture

from integrations.models import RefusedDelivery
from integrations.stripe.refusals import Refusals
from pqintel.workspaces.tenancy import scoped_transaction

from .lanes import Lane, new_lane

pytestmark = pytest.mark.django_db(transaction=True)
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def lane() -> Lane:
    return new_lane()


def counts(lane: Lane) -> dict[str, int]:
    with scoped_transaction(lane.workspace):
        return dict(RefusedDelivery.objects.values_list("reason", "count"))


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "refusals"]


def test_to_finish_is_to_write_everything_and_to_end(lane: Lane) -> None:
    counting = Refusals()
    for _ in range(3):
        counting.count(lane.workspace.pk, lane.connection.pk, "stale")
    assert len(threads()) == 1
    counting.finish()
    assert threads() == []
    assert counts(lane) == {"stale": 3}
    counting.finish()  # nothing is left to end
    counting.count(lane.workspace.pk, lane.connection.pk, "future")
    counting.finish()
    assert counts(lane) == {"stale": 3, "future": 1}


def test_one_that_cannot_write_ends_as_well_and_keeps_its_counts(lane: Lane, caplog: pytest.LogCaptureFixture) -> None:
    counting = Refusals()
    counting.count(lane.workspace.pk, lane.connection.pk, "stale")
    port = databases.settings["default"]["PORT"]
    databases.settings["default"]["PORT"] = "1"  # nobody listens there; this thread has its connection already
    try:
        with caplog.at_level(logging.WARNING, "integrations.stripe.refusals"):
            counting.finish()
    finally:
        databases.settings["default"]["PORT"] = port
    assert threads() == []
    assert caplog.messages == ["Refused deliveries could not be counted yet (OperationalError)."]
    assert counts(lane) == {}
    counting.count(lane.workspace.pk, lane.connection.pk, "stale")
    counting.finish()
    assert counts(lane) == {"stale": 2}


def test_a_refusal_is_of_when_it_was_refused_however_late_it_is_written(
    lane: Lane, time_machine: TimeMachineFixture
) -> None:
    """What was verified since must not look older than it."""
    counting = Refusals()
    refused = datetime(2026, 3, 1, 11, 59, 59, tzinfo=UTC)
    time_machine.move_to(refused, tick=False)
    counting.count(lane.workspace.pk, lane.connection.pk, "mismatch")
    time_machine.move_to(refused + timedelta(seconds=2), tick=False)
    counting.finish()
    with scoped_transaction(lane.workspace):
        found = RefusedDelivery.objects.values_list("hour", "last_at")
        assert list(found) == [(refused.replace(minute=0, second=0), refused)]


class Unspeakable(uuid.UUID):
    """Nobody can write this down."""

    def __str__(self) -> str:
        raise LookupError


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is what is provoked
def test_a_thread_that_died_is_followed_by_another() -> None:
    counting = Refusals()
    counting.count(1, Unspeakable(int=1), "stale")
    (first,) = threads()
    first.join(10)
    assert threads() == []
    counting.count(1, Unspeakable(int=1), "stale")
    (second,) = threads()
    counting.finish()
    assert second is not first
    assert threads() == []


def test_what_was_counted_last_is_written_as_the_process_ends(lane: Lane) -> None:
    place = connection.settings_dict
    login = f"{quote(place['USER'], safe='')}:{quote(place['PASSWORD'], safe='')}"
    url = f"postgres://{login}@{place['HOST']}:{place['PORT']}/{place['NAME']}"
    words = f"""
import uuid, django
django.setup()
from integrations.stripe.refusals import refusals
refusals.count({lane.workspace.pk}, uuid.UUID("{lane.connection.pk}"), "mismatch")
"""
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "pqintel.settings"}
    subprocess.run([sys.executable, "-c", words], env=environment, cwd=PROJECT, check=True)
    assert counts(lane) == {"mismatch": 1}
