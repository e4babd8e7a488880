"""Rings a Celery task for numbers, without ever making the caller wait."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable
from typing import Final

import redis
from celery import current_app
from kombu import Connection, Producer

log = logging.getLogger(__name__)

RUNG: Final = "rung"
"""The message's header that says when it was rung, in unix seconds."""
GATHER_SECONDS = 0.02
TIMEOUT_SECONDS = 0.2
BREAK_SECONDS = 1.0
HEARD_WITHIN_SECONDS: Final = 10
"""How long a ring that no worker answers keeps others from ringing. It was lost then, or all workers are far behind."""


class Doorbell:
    """Gathers rings in a thread of its own and sends each number at most once per 20 ms.

    A number that was rung anywhere and that no worker has begun with is not rung again: while workers are behind, more
    rings would only make them look into empty lanes. A mark in Redis says so; the worker takes it away (`heard`)
    before it looks for work, so nothing stored after its look goes without a ring.

    A hung or lost Redis costs the caller nothing: the thread has timeouts of 200 ms, and after a failure lets Redis be
    for a second, keeping the numbers. If the process dies meanwhile, the sweep finds the work.
    """

    def __init__(self, task: str, queue: str) -> None:
        self.task, self.queue = task, queue
        self.failures = 0
        self._waiting: set[int] = set()
        self._lock = threading.Lock()
        self._someone = threading.Event()
        self._pid: int | None = None
        self._listening: Connection | None = None
        self._listening_pid: int | None = None

    def ring(self, *numbers: int) -> None:
        """Say that there is work for these numbers. Returns at once, raises nothing."""
        with self._lock:
            self._waiting.update(numbers)
            if self._pid != os.getpid():  # the first ring in this process; threads do not survive a fork
                self._pid = os.getpid()
                self._someone = threading.Event()
                threading.Thread(target=self._serve, name=f"doorbell {self.task}", daemon=True).start()
            self._someone.set()

    def heard(self, number: int) -> None:
        """Say, as its worker, that the work for this number is looked at now: what comes from here on rings again.

        Takes 200 ms at most and raises nothing; if Redis does not answer, the mark ends by itself.
        """
        if self._listening_pid != os.getpid():  # a connection is not shared with a parent
            self._listening, self._listening_pid = None, os.getpid()
        try:
            self._listening = self._listening or self._connect()
            self._redis(self._listening).delete(self._mark(number))
        except Exception as error:  # noqa: BLE001 - whatever Redis does, the work goes on
            self.failures += 1
            log.warning("Doorbell: Redis does not answer (%s).", type(error).__name__)
            self._listening = self._drop(self._listening)

    def _serve(self) -> None:
        connection: Connection | None = None
        owed: set[int] = set()  # marked by us, not sent yet
        while True:
            self._someone.wait()
            time.sleep(GATHER_SECONDS)
            with self._lock:
                self._someone.clear()
                numbers, self._waiting = self._waiting, set()
            try:
                connection = connection or self._connect()
                owed |= self._unmarked(connection, numbers - owed)
                for number in sorted(owed):
                    self._send(connection, number)
                    owed.discard(number)
            except Exception as error:  # noqa: BLE001 - whatever Redis does, the door must go on opening
                self.failures += 1
                log.warning("Doorbell: Redis does not answer (%s); the sweep will find the work.", type(error).__name__)
                connection = self._drop(connection)
                owed |= numbers
                time.sleep(BREAK_SECONDS)
                with self._lock:
                    self._someone.set()

    def _mark(self, number: int) -> str:
        return f"rung:{self.task}:{number}"

    def _unmarked(self, connection: Connection, numbers: Iterable[int]) -> set[int]:
        """Mark the numbers; returns those that were not marked before. One round trip."""
        asked = sorted(numbers)
        if not asked:
            return set()
        pipeline = self._redis(connection).pipeline(transaction=False)
        for number in asked:
            pipeline.set(self._mark(number), 1, nx=True, ex=HEARD_WITHIN_SECONDS)
        return {number for number, new in zip(asked, pipeline.execute(), strict=True) if new}

    @staticmethod
    def _redis(connection: Connection) -> redis.Redis:
        client: redis.Redis = connection.default_channel.client  # type: ignore[attr-defined]  # of Redis's own channels
        return client

    def _connect(self) -> Connection:
        options = {
            **current_app.conf.broker_transport_options,
            "socket_timeout": TIMEOUT_SECONDS,
            "socket_connect_timeout": TIMEOUT_SECONDS,
            "max_retries": 0,
        }
        connection = current_app.connection_for_write(transport_options=options, connect_timeout=TIMEOUT_SECONDS)
        connection.ensure_connection(
            max_retries=1,
            timeout=TIMEOUT_SECONDS,  # type: ignore[arg-type]  # fractions are taken as well
            reraise_as_library_errors=False,
        )
        return connection

    def _send(self, connection: Connection, number: int) -> None:
        producer = Producer(connection.default_channel, auto_declare=False)
        headers = {RUNG: time.time()}
        current_app.send_task(
            self.task, args=[number], queue=self.queue, producer=producer, headers=headers, retry=False
        )

    @staticmethod
    def _drop(connection: Connection | None) -> None:
        if connection is not None:
            try:
                connection.collapse()  # type: ignore[attr-defined]  # the stubs do not know it
            except Exception as error:  # noqa: BLE001 - it is thrown away
                log.debug("closing a broken connection: %s", error)
