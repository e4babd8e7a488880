"""Attacks on the rules: card testing by the thousand, and amounts that are written to be expensive."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from time import process_time

import pytest
from django.db.models.signals import post_init

from alerts.rules.fields import MinimumsField
from alerts.rules.payment_failures import Failed, FailuresJudge
from billing.models import Failure
from pqintel.workspaces.tenancy import scoped_transaction
from tests.alerts.stage import Stage, at
from tests.factories import FailureFactory, HistoryEntryFactory


@pytest.mark.parametrize("zero", ["0e-100000", "0e100000", "0.00000", "-0e-100000"])
def test_a_zero_is_kept_short_however_it_is_written(zero: str) -> None:
    assert MinimumsField().clean(f"{zero} USD, 0.50 EUR") == {"usd": "0", "eur": "0.50"}


def test_a_reading_costs_the_same_however_many_fail_within_its_window() -> None:
    failures = [Failed(at(number / 100), 100, "usd") for number in range(50_000)]
    judge = FailuresJudge(failures, Decimal(1), timedelta(days=7), "usd")
    began = process_time()
    values = [judge.reading(failed.at).value for failed in failures[-2_000:]]
    assert process_time() - began < 1  # adding them up each time takes some seconds
    assert values == [Decimal(100 * count) for count in range(48_001, 50_001)]


@pytest.mark.django_db
def test_of_failures_without_a_customer_only_those_that_are_told_of_are_loaded() -> None:
    stage = Stage()
    stage.rule("payment_failed", {"minimums": {}})
    stage.rule("payment_failures", {"measure": "count", "threshold": "9", "currency": "", "minutes": 1})
    place = {"workspace": stage.workspace, "mode": stage.mode, "customer": None, "invoice": None}
    before = [
        FailureFactory.build(**place, subject=f"pi_{number}", happened_at=at(-1_000), invoice_event=None)
        for number in range(200)
    ]
    with scoped_transaction(stage.workspace):
        Failure.objects.bulk_create(before)
    told = stage.made(FailureFactory, customer=None, invoice=None, subject="pi_new", happened_at=at(1))
    line = stage.made(
        HistoryEntryFactory,
        kind="payment.failed",
        event_id=told.payment_event,
        happened_at=at(1),
        learnt_at=at(1),
        customer=None,
    )
    loaded: list[str] = []

    def note(instance: Failure, **_: object) -> None:
        loaded.append(instance.subject)

    post_init.connect(note, sender=Failure)
    try:
        stage.hear(at(2), line)
    finally:
        post_init.disconnect(note, sender=Failure)
    assert set(loaded) == {"pi_new"}
    assert stage.titles() == ["Payment of $49.00 failed: no customer"]
