"""Rings in a real Valkey: each number once, none lost, none twice while nobody has looked."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings

from pqintel.queue import Doorbell, doorbell

QUEUE = "doorbell-of-tests"
TASK = "tests.queue.nobody"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer than the product's bell waits; what is tested here is not how long."""
    monkeypatch.setattr(doorbell, "TIMEOUT_SECONDS", 20)


@pytest.fixture
def queue() -> Iterator[redis.Redis]:
    """Valkey, with nothing of these tests in it before and after."""
    with redis.Redis.from_url(settings.CELERY_BROKER_URL) as client:
        _clear(client)
        yield client
        _clear(client)


def _clear(client: redis.Redis) -> None:
    client.delete(QUEUE, *client.scan_iter(f"rung:{TASK}:*"))


def rung(queue: redis.Redis, count: int) -> list[int]:
    """The numbers that were sent, oldest first, once there are so many."""
    deadline = time.monotonic() + 30
    while queue.llen(QUEUE) < count:
        assert time.monotonic() < deadline, f"{queue.llen(QUEUE)} of {count} rings were sent"
        time.sleep(0.01)
    bodies = [json.loads(message)["body"] for message in reversed(queue.lrange(QUEUE, 0, -1))]
    return [json.loads(base64.b64decode(body))[0][0] for body in bodies]


def test_every_number_is_sent_once_whenever_it_was_rung(queue: redis.Redis) -> None:
    bell = Doorbell(TASK, QUEUE)
    for first in range(0, 300, 10):
        bell.ring(*range(first, first + 10))
        time.sleep(0.005)  # some fall into one gathering, some into the next
    assert sorted(rung(queue, 300)) == list(range(300))


def test_a_number_that_nobody_has_looked_at_is_not_sent_again(queue: redis.Redis) -> None:
    bell, of_another_process = Doorbell(TASK, QUEUE), Doorbell(TASK, QUEUE)
    bell.ring(1)
    assert rung(queue, 1) == [1]
    for last, ringer in ((2, bell), (3, of_another_process)):
        ringer.ring(1)
        ringer.ring(last)  # sent after 1 was looked at, or together with it
        assert rung(queue, last) == list(range(1, last + 1))


def test_from_the_moment_a_worker_looks_a_number_is_sent_again(queue: redis.Redis) -> None:
    bell = Doorbell(TASK, QUEUE)
    bell.ring(1)
    assert rung(queue, 1) == [1]
    Doorbell(TASK, QUEUE).heard(1)
    bell.ring(1)
    assert rung(queue, 2) == [1, 1]


def test_a_mark_ends_by_itself(queue: redis.Redis) -> None:
    Doorbell(TASK, QUEUE).ring(1)
    rung(queue, 1)
    assert 0 < queue.ttl(f"rung:{TASK}:1") <= 10
