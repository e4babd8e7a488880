"""Query parameters in Stripe's notation: `expand[]=a`, `expand[0]=a`, `created[gte]=1`, `payment[type]=x`."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from pqintel.simulator.server.refusals import bad_request, unknown_parameter

_INDEX = re.compile(r"\[\d*\]\Z")
_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


class Params:
    """The parameters of one request. What was read is remembered, so that the rest can be refused as unknown."""

    def __init__(self, query: str) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            self._values.setdefault(_INDEX.sub("[]", name), []).append(value)
        self._read: set[str] = set()

    def one(self, name: str) -> str | None:
        """Return a parameter's value, None when it was not given."""
        self._read.add(name)
        return self._values[name][-1] if name in self._values else None

    def many(self, name: str) -> list[str]:
        """Return the values of an array parameter."""
        self._read.add(f"{name}[]")
        return self._values.get(f"{name}[]", [])

    def number(self, name: str) -> int | None:
        """Return an integer parameter. Raises Refusal (400) for anything else."""
        value = self.one(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d{1,18}", value):
            raise bad_request(f"Invalid integer: {value}", name)
        return int(value)

    def flag(self, name: str) -> bool | None:
        """Return a boolean parameter. Raises Refusal (400) for anything else."""
        value = self.one(name)
        if value not in (None, "true", "false"):
            raise bad_request(f"Invalid boolean: {value}", name)
        return None if value is None else value == "true"

    def moments(self, name: str) -> Callable[[int], bool] | None:
        """Return a test for a time given as `name=…` or `name[gt|gte|lt|lte]=…`, None when not given."""
        exact = self.number(name)
        bounds = [(test, self.number(f"{name}[{word}]")) for word, test in _COMPARISONS.items()]
        tests = [(test, bound) for test, bound in bounds if bound is not None]
        if exact is not None:
            tests.append((lambda value, bound: value == bound, exact))
        if not tests:
            return None
        return lambda value: all(test(value, bound) for test, bound in tests)

    def refuse_unknown(self) -> None:
        """Raise Refusal (400) when a parameter was given that nobody has read."""
        for name in self._values:
            if name not in self._read:
                raise unknown_parameter(name)
