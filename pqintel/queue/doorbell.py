"""Rings a Celery task for numbers, without ever making the caller wait."""

from __future__ import annotations

import logging
import os
import threading
import time

from celery import current_app
from kombu import Connection, Producer

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.02
TIMEOUT_SECONDS = 0.2
BREAK_SECONDS = 1.0


class Doorbell:
    """Gathers rings in a thread of its own and sends each number once per 20 ms.

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

    def ring(self, *numbers: int) -> None:
        """Say that there is work for these numbers. Returns at once, raises nothing."""
        with self._lock:
            self._waiting.update(numbers)
            if self._pid != os.getpid():  # the first ring in this process; threads do not survive a fork
                self._pid = os.getpid()
                self._someone = threading.Event()
                threading.Thread(target=self._serve, name=f"doorbell {self.task}", daemon=True).start()
            self._someone.set()

    def _serve(self) -> None:
        connection: Connection | None = None
        while True:
            self._someone.wait()
            time.sleep(GATHER_SECONDS)
            with self._lock:
                self._someone.clear()
                numbers, self._waiting = self._waiting, set()
            try:
                connection = connection or self._connect()
                while numbers:
                    self._send(connection, next(iter(numbers)))
                    numbers.pop()
            except Exception as error:  # noqa: BLE001 - whatever Redis does, the door must go on opening
                self.failures += 1
                log.warning("Doorbell: Redis does not answer (%s); the sweep will find the work.", type(error).__name__)
                connection = self._drop(connection)
                time.sleep(BREAK_SECONDS)
                with self._lock:
                    self._waiting |= numbers
                    self._someone.set()

    def _connect(self) -> Connection:
        options = {
            **current_app.conf.broker_transport_options,
            "socket_timeout": TIMEOUT_SECONDS,
            "socket_connect_timeout": TIMEOUT_SECONDS,
            "max_retries": 0,
        }
        connection = current_app.connection_for_write(transport_options=options, connect_timeout=TIMEOUT_SECONDS)
        connection.connect()
        return connection

    def _send(self, connection: Connection, number: int) -> None:
        producer = Producer(connection.default_channel, auto_declare=False)
        current_app.send_task(self.task, args=[number], queue=self.queue, producer=producer, retry=False)

    @staticmethod
    def _drop(connection: Connection | None) -> None:
        if connection is not None:
            try:
                connection.release()
            except Exception as error:  # noqa: BLE001 - it is broken already
                log.debug("closing a broken connection: %s", error)
