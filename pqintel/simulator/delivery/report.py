"""What a delivery came to."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Answer:
    """One request and what came back.

    `status` is 0 when there was no answer at all, and `error` then says why. `seconds` is the time from sending to the
    end of the answer; when a rate was asked for it counts from the moment the event was due, so that a slow receiver
    cannot hide its delay by holding the senders back.
    """

    event_id: str
    attempt: int
    status: int
    seconds: float
    error: str = ""

    @property
    def acknowledged(self) -> bool:
        """Whether Stripe would count it as delivered: 2xx only, a redirect is a failure."""
        return 200 <= self.status < 300


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of values (share 0…1), 0.0 for none."""
    if not values:
        return 0.0
    rank = math.ceil(len(values) * Fraction(str(share)))  # exact: 0.07 * 100 is more than 7 in floating point
    return sorted(values)[max(rank, 1) - 1]


@dataclass(frozen=True)
class DeliveryReport:
    """The sum of one `Deliverer.deliver` call. Times are seconds, latencies milliseconds."""

    answers: tuple[Answer, ...]
    dropped: frozenset[str]
    abandoned: frozenset[str]
    seconds: float

    @property
    def sent(self) -> int:
        """Number of requests made, duplicates and retries included."""
        return len(self.answers)

    @property
    def acknowledged(self) -> frozenset[str]:
        """Ids of the events that were answered 2xx at least once."""
        return frozenset(answer.event_id for answer in self.answers if answer.acknowledged)

    @property
    def refused(self) -> dict[int, int]:
        """Number of answers that were not 2xx, by status; 0 stands for no answer."""
        return dict(sorted(Counter(answer.status for answer in self.answers if not answer.acknowledged).items()))

    @property
    def per_second(self) -> float:
        """Acknowledged requests per second over the whole call."""
        acknowledged = sum(1 for answer in self.answers if answer.acknowledged)
        return acknowledged / self.seconds if self.seconds else 0.0

    def latency(self, share: float) -> float:
        """Return the latency percentile of the acknowledged requests in milliseconds, e.g. `latency(0.99)`."""
        return percentile([answer.seconds for answer in self.answers if answer.acknowledged], share) * 1000

    @property
    def p50(self) -> float:
        """Median latency in milliseconds."""
        return self.latency(0.5)

    @property
    def p95(self) -> float:
        """95th percentile of the latency in milliseconds."""
        return self.latency(0.95)

    @property
    def p99(self) -> float:
        """99th percentile of the latency in milliseconds."""
        return self.latency(0.99)

    def as_dict(self) -> dict[str, object]:
        """Return the figures, without the single answers, ready for JSON."""
        return {
            "sent": self.sent,
            "acknowledged": len(self.acknowledged),
            "refused": {str(status): count for status, count in self.refused.items()},
            "dropped": len(self.dropped),
            "abandoned": len(self.abandoned),
            "seconds": round(self.seconds, 3),
            "per_second": round(self.per_second, 1),
            "p50_ms": round(self.p50, 2),
            "p95_ms": round(self.p95, 2),
            "p99_ms": round(self.p99, 2),
        }
