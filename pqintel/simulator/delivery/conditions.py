"""Under which conditions events travel: how often, in which order, how late, and which never leave."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parcel:
    """One event ready to be sent: its id and the exact bytes of its body."""

    event_id: str
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How a delivery behaves. The defaults are a good day: every event once, in order of happening, four at a time.

    Attributes:
        concurrency: number of senders, each with a kept-alive connection of its own.
        copies: how many times every event is sent, acknowledged or not.
        shuffle: 0 keeps the order; a number n lets an event move within a sliding window of n; -1 shuffles everything
            (the whole input is then held in memory).
        seed: makes shuffle, drops and delays repeatable.
        delay: longest time in seconds by which an event is held back, drawn evenly for every copy.
        drop: share (0…1) of the events that are never sent, as when Stripe fails to generate one.
        attempts: how often a copy is tried before it is given up, the first time included.
        backoff: seconds before the first retry; doubles with every further one. Stripe's own schedule takes days, so
            this is scaled time.
        timeout: seconds without an answer after which an attempt counts as failed.
        rate: events per second, evenly spaced; None sends as fast as the answers come.
        ordered: send strictly one after the other, and hold the rest back until an event is acknowledged or given up.
        noise: sign with the meaningless `v0` as well.
    """

    concurrency: int = 4
    copies: int = 1
    shuffle: int = 0
    seed: int = 0
    delay: float = 0.0
    drop: float = 0.0
    attempts: int = 4
    backoff: float = 0.2
    timeout: float = 10.0
    rate: float | None = None
    ordered: bool = False
    noise: bool = False

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.copies < 1 or self.attempts < 1:
            raise ValueError("concurrency, copies and attempts start at 1")
        if self.rate is not None and self.rate <= 0:
            raise ValueError("a rate is a positive number of events per second")


def arrange(parcels: Iterable[Parcel], conditions: Conditions) -> Iterator[tuple[Parcel, bool]]:
    """Yield every copy in sending order, with whether it is dropped. Reads the input lazily unless all is shuffled."""
    chance = random.Random(conditions.seed)
    return iter(_shuffled(_copied(parcels, conditions, chance), conditions.shuffle, chance))


def _copied(parcels: Iterable[Parcel], conditions: Conditions, chance: random.Random) -> Iterator[tuple[Parcel, bool]]:
    for parcel in parcels:
        if conditions.drop and chance.random() < conditions.drop:
            yield parcel, True
        else:
            for _ in range(conditions.copies):
                yield parcel, False


def _shuffled(
    sendings: Iterator[tuple[Parcel, bool]], window: int, chance: random.Random
) -> Iterator[tuple[Parcel, bool]]:
    if not window:
        yield from sendings
        return
    waiting: list[tuple[Parcel, bool]] = []
    for sending in sendings:
        waiting.append(sending)
        if 0 < window <= len(waiting):
            at = chance.randrange(len(waiting))
            waiting[at], waiting[-1] = waiting[-1], waiting[at]
            yield waiting.pop()
    chance.shuffle(waiting)
    yield from waiting
