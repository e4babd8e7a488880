"""A worker's consumer that loses Redis while a task is under way, its read of the queue outstanding."""

from __future__ import annotations

import signal
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from celery import current_app
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu import Connection, Exchange, Producer, Queue
from kombu import Consumer as Receiver

from pqintel.embedded.valkey import EmbeddedValkey
from pqintel.queue.consumer import Consumer

WORK = Queue("work", Exchange("work"), routing_key="work")
NEWS = Queue("news", Exchange("news", type="fanout"), auto_delete=True)
KILL = ((signal.SIGKILL, 5.0),)


@pytest.fixture
def lost(tmp_path: Path) -> Connection:
    """As a worker's, to a server that is gone: one message taken and not acknowledged, the next one awaited."""
    valkey = EmbeddedValkey(tmp_path / "valkey", durable=False).start()
    assert valkey.process is not None
    try:
        connection = Connection(valkey.url())
        channel: Any = connection.default_channel
        taken: list[Any] = []
        Receiver(channel, [WORK], callbacks=[lambda body, message: taken.append(message)]).consume()
        Receiver(connection.channel(), [NEWS], callbacks=[]).consume()
        Producer(channel).publish("task", exchange="work", routing_key="work", declare=[WORK])
        while not (taken and channel._in_poll):
            with suppress(TimeoutError):
                connection.drain_events(timeout=0.1)
    finally:
        valkey.process.end(KILL)
    return connection


def having(kind: type[CeleryConsumer], connection: Connection) -> CeleryConsumer:
    """A consumer that has lost this connection, of a worker that does nothing else."""
    worker, pool = SimpleNamespace(use_eventloop=True), SimpleNamespace(num_processes=1, is_green=False)
    consumer = kind(lambda request: None, app=current_app._get_current_object(), controller=worker, pool=pool)
    consumer.connection = connection
    return consumer


def test_it_goes_on_to_the_next_connection(lost: Connection) -> None:
    consumer = having(Consumer, lost)
    consumer.on_connection_error_after_connected(ConnectionError("gone"))
    assert consumer.connection is None
    assert lost._closed


def test_celerys_own_does_not(lost: Connection) -> None:
    """When this fails, Celery has been mended, and our consumer can go."""
    consumer = having(CeleryConsumer, lost)
    with pytest.raises(AttributeError, match="hostname"):
        consumer.on_connection_error_after_connected(ConnectionError("gone"))
