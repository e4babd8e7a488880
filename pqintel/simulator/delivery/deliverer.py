"""Sends signed events over HTTP from several senders, with retries, and remembers every answer."""

import heapq
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from pqintel.simulator.delivery.conditions import Conditions, Parcel, arrange
from pqintel.simulator.delivery.report import Answer, DeliveryReport
from pqintel.simulator.delivery.wire import Connection, NoAnswer
from pqintel.simulator.signing import signature_header


@dataclass(order=True, slots=True)
class _Sending:
    """A copy of an event on its way; ordered by when it is due (monotonic seconds), then by age."""

    due: float
    number: int
    parcel: Parcel = field(compare=False)
    attempt: int = field(compare=False, default=1)


class Deliverer:
    """Delivers events to one URL. One object may deliver several times, one call at a time; `stop` ends a call early.

    Args:
        url: the webhook URL, absolute.
        secrets: live signing secrets of the endpoint, newest first.
        conditions: see `Conditions`.
        on_acknowledged: called with an event's id, from a sender thread, the first time it is answered 2xx.
        on_answer: called with every answer, from a sender thread.
        now: unix seconds, for the signature's timestamp.
    """

    def __init__(
        self,
        url: str,
        secrets: Sequence[str],
        conditions: Conditions | None = None,
        *,
        on_acknowledged: Callable[[str], None] | None = None,
        on_answer: Callable[[Answer], None] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.url = url
        self.secrets = tuple(secrets)
        self.conditions = conditions or Conditions()
        self._on_acknowledged = on_acknowledged
        self._on_answer = on_answer
        self._now = now
        self._stopped = threading.Event()
        self._condition = threading.Condition()
        Connection(url, self.conditions.timeout)  # refuses a bad URL here rather than in a thread
        self._begin(iter(()))

    def deliver(self, parcels: Iterable[Parcel]) -> DeliveryReport:
        """Send all parcels and block until each copy is acknowledged, given up, or `stop` was called.

        The input is read lazily, one element ahead of the senders. Raises what the input raises.
        """
        self._begin(arrange(parcels, self.conditions))
        senders = [
            threading.Thread(target=self._send_all, name=f"sender-{number}", daemon=True)
            for number in range(1 if self.conditions.ordered else self.conditions.concurrency)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        if self._failure is not None:
            raise self._failure
        return DeliveryReport(
            answers=tuple(self._answers),
            dropped=frozenset(self._dropped),
            abandoned=frozenset(self._abandoned - self._acknowledged),
            seconds=time.monotonic() - self._started,
        )

    def stop(self) -> None:
        """End the running delivery as soon as the requests under way are answered. For good: nothing is sent after."""
        self._stopped.set()
        with self._condition:
            self._condition.notify_all()

    def _begin(self, sendings: Iterator[tuple[Parcel, bool]]) -> None:
        self._sendings = sendings
        self._waiting: list[_Sending] = []
        self._exhausted = False
        self._under_way = 0
        self._pulled = 0
        self._answers: list[Answer] = []
        self._acknowledged: set[str] = set()
        self._abandoned: set[str] = set()
        self._dropped: set[str] = set()
        self._failure: Exception | None = None
        self._chance = random.Random(self.conditions.seed + 1)
        self._started = time.monotonic()

    def _send_all(self) -> None:
        connection = Connection(self.url, self.conditions.timeout)
        try:
            while (sending := self._next()) is not None:
                self._send(connection, sending)
        except Exception as failure:  # noqa: BLE001 - whatever it is, deliver() raises it in its caller's thread
            with self._condition:
                self._failure = self._failure or failure
                self._exhausted = True
                self._condition.notify_all()
        finally:
            connection.close()

    def _send(self, connection: Connection, sending: _Sending) -> None:
        parcel = sending.parcel
        began = sending.due if self.conditions.rate and sending.attempt == 1 else time.monotonic()
        status, error = 0, ""
        try:
            header = signature_header(parcel.body, self.secrets, int(self._now()), noise=self.conditions.noise)
            status = connection.post(parcel.body, header)
        except NoAnswer as failure:
            error = str(failure)
        answer = Answer(parcel.event_id, sending.attempt, status, time.monotonic() - began, error)
        self._settle(sending, answer)

    def _settle(self, sending: _Sending, answer: Answer) -> None:
        first_time = False
        with self._condition:
            self._answers.append(answer)
            if answer.acknowledged:
                first_time = answer.event_id not in self._acknowledged
                self._acknowledged.add(answer.event_id)
            elif sending.attempt >= self.conditions.attempts:
                self._abandoned.add(answer.event_id)
            else:
                wait = self.conditions.backoff * 2 ** (sending.attempt - 1)
                due = time.monotonic() + wait
                heapq.heappush(self._waiting, _Sending(due, sending.number, sending.parcel, sending.attempt + 1))
            self._under_way -= 1
            if self._waiting or self._exhausted:
                self._condition.notify_all()
        if first_time and self._on_acknowledged:
            self._on_acknowledged(answer.event_id)
        if self._on_answer:
            self._on_answer(answer)

    def _next(self) -> _Sending | None:
        """Return what is to be sent next, waiting until it is due; None when nothing is left or `stop` was called."""
        with self._condition:
            while not self._stopped.is_set() and self._failure is None:
                now = time.monotonic()
                held = self.conditions.ordered and self._waiting
                if self._waiting and self._waiting[0].due <= now:
                    self._under_way += 1
                    return heapq.heappop(self._waiting)
                pulled_due = self._pull_due()
                if not self._exhausted and not held and pulled_due <= now:
                    self._pull()
                    continue
                if self._exhausted and not self._waiting and not self._under_way:
                    self._condition.notify_all()
                    return None
                moments = [sending.due for sending in self._waiting[:1]]
                if not self._exhausted and not held:
                    moments.append(pulled_due)
                self._condition.wait(min(moments) - now if moments else None)
            return None

    def _pull_due(self) -> float:
        rate = self.conditions.rate
        return self._started + self._pulled / rate if rate else self._started

    def _pull(self) -> None:
        """Move the next copy of the input into the waiting heap, or note that there is none."""
        pulled_due = self._pull_due()
        try:
            parcel, dropped = next(self._sendings)
        except StopIteration:
            self._exhausted = True
            return
        if dropped:
            self._dropped.add(parcel.event_id)
            return
        delay = self._chance.uniform(0, self.conditions.delay) if self.conditions.delay else 0.0
        due = (pulled_due if self.conditions.rate else time.monotonic()) + delay
        self._pulled += 1
        heapq.heappush(self._waiting, _Sending(due, self._pulled, parcel))
