"""Rows of the dunning room for tests."""

from __future__ import annotations

from datetime import timedelta

import factory

from dunning import models as dunning
from dunning.plan import Plan
from tests.factories import THEN, RecordFactory


class PolicyFactory(RecordFactory):
    """The defaults."""

    class Meta:
        model = dunning.Policy


class ExclusionFactory(RecordFactory):
    class Meta:
        model = dunning.Exclusion

    kind = dunning.ExclusionKind.CUSTOMER
    value = factory.Sequence(lambda n: f"cus_{n:014}")
    created_at = THEN
    created_by = "ada@example.com"


class CaseFactory(RecordFactory):
    """49.00 unpaid since THEN, by the default terms; the first reminder is next."""

    class Meta:
        model = dunning.Case

    invoice = factory.Sequence(lambda n: f"in_{n:014}")
    customer = factory.Sequence(lambda n: f"cus_{n:014}")
    subscription = factory.Sequence(lambda n: f"sub_{n:014}")
    amount = 4900
    currency = "usd"
    opened_at = THEN
    settles_at = THEN + timedelta(minutes=5)
    decline = "soft"
    plan = factory.LazyFunction(lambda: Plan().document())
    next_step = "first"
    next_step_at = THEN + timedelta(days=3)


class CaseEntryFactory(RecordFactory):
    class Meta:
        model = dunning.CaseEntry

    invoice = factory.Sequence(lambda n: f"in_{n:014}")
    kind = dunning.EntryKind.OPENED
    at = THEN
    text = "The first attempt failed."


class CardFactory(RecordFactory):
    """A Visa that was charged THEN and is valid until the end of April 2026."""

    class Meta:
        model = dunning.Card

    customer = factory.Sequence(lambda n: f"cus_{n:014}")
    payment_method = factory.Sequence(lambda n: f"pm_{n:024}")
    brand = "visa"
    last4 = "4242"
    exp_year = 2026
    exp_month = 4
    charge = factory.Sequence(lambda n: f"ch_{n:024}")
    charged_at = THEN


class CardReadingFactory(RecordFactory):
    """Everything was read THEN; the next look is a day later."""

    class Meta:
        model = dunning.CardReading

    read_until = THEN
    due_at = THEN + timedelta(days=1)
    finished_at = THEN
