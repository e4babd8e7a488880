"""Bad weather on demand: rate limits, errors, slow answers, events that show late."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace

from pqintel.simulator.server import refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """What goes wrong; all zero is a good day.

    Attributes:
        limit_every: answer every n-th request with 429.
        limit_next: answer the next n requests with 429.
        limit_per_second: most requests a second for one endpoint, as at Stripe (25); 0 for no limit.
        limit_reason: value of `Stripe-Rate-Limited-Reason`.
        fail_every: answer every n-th request with 500.
        fail_next: answer the next n requests with 500.
        slow: seconds that every answer is held back.
        events_lag: seconds (of the account's clock) after which an event shows in the list of events.
    """

    limit_every: int = 0
    limit_next: int = 0
    limit_per_second: int = 0
    limit_reason: str = "endpoint-rate"
    fail_every: int = 0
    fail_next: int = 0
    slow: float = 0.0
    events_lag: int = 0


class Faults:
    """Decides per request. Thread-safe."""

    def __init__(self, weather: Weather | None = None, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._requests = 0
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self.weather = weather or Weather()

    def change(self, **knobs: object) -> Weather:
        """Turn some knobs, leave the others; returns all. The n of "every n-th" is counted from here on.

        Raises:
            ValueError: an unknown knob or a wrong type.
        """
        known = {field.name: type(getattr(Weather(), field.name)) for field in fields(Weather)}
        for name, value in knobs.items():
            if name not in known:
                raise ValueError(f"unknown fault: {name}")
            fits = isinstance(value, known[name]) or (known[name] is float and isinstance(value, int))
            if not fits or isinstance(value, bool):
                raise ValueError(f"{name} is a {known[name].__name__}")
        with self._lock:
            self.weather = replace(self.weather, **knobs)  # type: ignore[arg-type]  # checked against the fields above
            self._requests = 0
            return self.weather

    def as_dict(self) -> Mapping[str, object]:
        """Return the knobs as they stand."""
        return asdict(self.weather)

    def strike(self, endpoint: str) -> float:
        """Decide about one request for an endpoint (its path without ids).

        Returns:
            The seconds to hold the answer back.

        Raises:
            Refusal: 429 or 500.
        """
        with self._lock:
            weather = self.weather
            self._requests += 1
            if weather.limit_next:
                self.weather = replace(weather, limit_next=weather.limit_next - 1)
                raise refusals.too_many_requests(weather.limit_reason)
            if weather.fail_next:
                self.weather = replace(weather, fail_next=weather.fail_next - 1)
                raise refusals.server_error()
            if weather.limit_every and self._requests % weather.limit_every == 0:
                raise refusals.too_many_requests(weather.limit_reason)
            if weather.fail_every and self._requests % weather.fail_every == 0:
                raise refusals.server_error()
            if weather.limit_per_second and self._over(endpoint, weather.limit_per_second):
                raise refusals.too_many_requests(weather.limit_reason)
            return weather.slow

    def _over(self, endpoint: str, limit: int) -> bool:
        now, recent = self._monotonic(), self._recent[endpoint]
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if len(recent) >= limit:
            return True
        recent.append(now)
        return False
