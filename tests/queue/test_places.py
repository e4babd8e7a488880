"""At most half of a worker's processes wait for one outsider; a place goes with whoever dies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from pqintel.queue.places import CROWDED_SECONDS, PATIENCE_SECONDS, Outsider, Places

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """A thread with a connection of its own: another process of the worker."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(lambda: connection.close()).result()


def finds_place(places: Places, outsider: Outsider = Outsider.SLACK) -> bool:
    with places.hold(outsider) as placed:
        return placed


@pytest.mark.parametrize(("processes", "number"), [(1, 1), (2, 1), (3, 1), (8, 4), (99, 16)])
def test_half_of_the_processes_and_one_at_least(processes: int, number: int) -> None:
    places = Places()
    places.of(processes)
    assert len(list(places._locks(Outsider.SLACK))) == number


def test_who_finds_no_place_waits_once_and_then_goes_away_at_once(elsewhere: ThreadPoolExecutor) -> None:
    mine, theirs = Places(), Places()
    with mine.hold(Outsider.SLACK) as placed:
        assert placed
        began = time.monotonic()
        assert not elsewhere.submit(finds_place, theirs).result()
        waited = time.monotonic()
        assert waited - began >= PATIENCE_SECONDS
        refused = 0
        while time.monotonic() < waited + CROWDED_SECONDS / 5:
            refused += not elsewhere.submit(finds_place, theirs).result()
        assert refused > 1
        assert elsewhere.submit(finds_place, theirs, Outsider.TELEGRAM).result()
    assert elsewhere.submit(finds_place, theirs).result()


def test_with_two_places_two_are_there(elsewhere: ThreadPoolExecutor) -> None:
    mine, theirs = Places(), Places()
    for places in (mine, theirs):
        places.of(4)
    with mine.hold(Outsider.MAIL):
        assert elsewhere.submit(finds_place, theirs, Outsider.MAIL).result()


def test_the_place_of_one_who_died_is_free(elsewhere: ThreadPoolExecutor) -> None:
    dead = Places().hold(Outsider.SLACK)
    assert elsewhere.submit(dead.__enter__).result()
    elsewhere.submit(lambda: connection.close()).result()
    assert finds_place(Places())
