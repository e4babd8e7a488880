"""The generator: delivers a history to several tenants at once and records every answer."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Self

from pqintel.simulator.delivery import Answer, Conditions, Deliverer, Parcel

from .stage import DEADLINE, Stage
from .tenants import Tenant, history

PATIENT = Conditions(concurrency=2, attempts=7, backoff=0.1, timeout=30, shuffle=8)
"""As Stripe delivers, in scaled time: in no promised order, and again and again; one round of it."""


class Burst:
    """Use as a context manager: deliveries begin at its start, and have all been answered at its end."""

    def __init__(
        self,
        stage: Stage,
        tenants: Sequence[Tenant],
        conditions: Conditions = PATIENT,
        parcels: Sequence[Parcel] | None = None,
    ) -> None:
        self.parcels = history() if parcels is None else parcels
        self._conditions = conditions
        self._url = stage.url
        self._answers: list[Answer] = []
        self._acknowledged: dict[str, set[str]] = {tenant.token: set() for tenant in tenants}
        self._given_up = threading.Event()
        self._threads = [threading.Thread(target=self._deliver, args=(tenant,)) for tenant in tenants]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is not None:  # the test has failed already: do not wait for what cannot come
            self._given_up.set()
        for thread in self._threads:
            thread.join(DEADLINE)
            if thread.is_alive():
                self._given_up.set()
                raise AssertionError(f"deliveries are not acknowledged: {self.statuses()}")

    def acknowledged(self, tenant: Tenant) -> set[str]:
        """Ids of a tenant's events that were answered 2xx."""
        return self._acknowledged[tenant.token]

    @property
    def answers(self) -> tuple[Answer, ...]:
        """Every answer so far, of all tenants."""
        return tuple(self._answers)

    def statuses(self) -> Counter[int]:
        """How often each status was answered so far; 0 stands for no answer at all."""
        return Counter(answer.status for answer in self._answers)

    def accepted(self) -> int:
        """How many requests were answered 200 so far."""
        return self.statuses()[200]

    def _deliver(self, tenant: Tenant) -> None:
        """Deliver round by round until everything is acknowledged."""
        parcels = list(self.parcels)
        while parcels and not self._given_up.is_set():
            deliverer = Deliverer(
                f"{self._url}{tenant.path}", [tenant.secret], self._conditions, on_answer=self._answers.append
            )
            report = deliverer.deliver(parcels)
            self._acknowledged[tenant.token] |= report.acknowledged
            parcels = [parcel for parcel in parcels if parcel.event_id in report.abandoned]
