"""The generator: delivers a history to several tenants at once and records every answer."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Self

from pqintel.simulator.delivery import Answer, Conditions, Deliverer, DeliveryReport, Parcel

from .stage import DEADLINE, Stage
from .tenants import Tenant, history

PATIENT = Conditions(concurrency=2, attempts=11, backoff=0.1, timeout=30, shuffle=8)
"""As Stripe delivers, in scaled time: in no promised order, and again for about a minute and a half."""


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
        self._reports: dict[str, DeliveryReport] = {}
        self._deliverers = {
            tenant.token: Deliverer(f"{stage.url}{tenant.path}", [tenant.secret], conditions, on_answer=self._note)
            for tenant in tenants
        }
        self._answers: list[Answer] = []
        self._threads = [threading.Thread(target=self._deliver, args=(token,)) for token in self._deliverers]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is not None:  # the test has failed already: do not wait for what cannot come
            for deliverer in self._deliverers.values():
                deliverer.stop()
        for thread in self._threads:
            thread.join(2 * DEADLINE)
            assert not thread.is_alive(), "a delivery does not end"
        abandoned = {event for report in self._reports.values() for event in report.abandoned}
        assert exception[0] is not None or not abandoned, f"{len(abandoned)} events were never acknowledged"

    def acknowledged(self, tenant: Tenant) -> frozenset[str]:
        """Ids of a tenant's events that were answered 2xx."""
        return self._reports[tenant.token].acknowledged

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

    def _note(self, answer: Answer) -> None:
        self._answers.append(answer)

    def _deliver(self, token: str) -> None:
        self._reports[token] = self._deliverers[token].deliver(self.parcels)
