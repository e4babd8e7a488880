"""Rows of letters to customers, for tests."""

from __future__ import annotations

from datetime import timedelta

import factory

from billing.modes import Mode
from dunning import models as dunning
from tests.factories import THEN, TenantFactory


class LetterFactory(TenantFactory):
    """A reminder that waits."""

    class Meta:
        model = dunning.Letter

    mode = Mode.TEST
    kind = dunning.LetterKind.REMINDER_1
    customer = "cus_1"
    dedupe_key = factory.Sequence(lambda n: f"letter-{n}:")
    subject = "Your payment to $workspace_name is open"
    body = "Hello $customer_name,\n\nplease pay $amount:\n\n$payment_link"
    facts = factory.LazyFunction(lambda: {"customer_name": "Ada", "workspace_name": "Acme", "amount": "49.00 USD"})
    payment_url = "https://invoice.stripe.com/i/acct_1/test_1"
    to = "ada@example.com"
    created_at = THEN
    next_attempt_at = THEN
    give_up_at = THEN + timedelta(hours=72)


class LetterTextFactory(TenantFactory):
    class Meta:
        model = dunning.LetterText

    mode = Mode.TEST
    kind = dunning.LetterKind.WELCOME
    subject = "Welcome aboard"
    body = "Hello $customer_name,\n\nwelcome."
    changed_at = THEN


class LetterPolicyFactory(TenantFactory):
    """The answer "yes"."""

    class Meta:
        model = dunning.LetterPolicy

    mode = Mode.TEST
    wanted = True
    answered_by = "owner@example.com"
    answered_at = THEN


class SenderFactory(TenantFactory):
    """An address that is not verified yet."""

    class Meta:
        model = dunning.Sender

    name = "Acme"
    address = "billing@acme.example"
    reply_to = "help@acme.example"
    changed_at = THEN


class UnsubscribedFactory(TenantFactory):
    class Meta:
        model = dunning.Unsubscribed

    mode = Mode.TEST
    address = factory.Sequence(lambda n: f"person{n}@example.com")
    at = THEN
