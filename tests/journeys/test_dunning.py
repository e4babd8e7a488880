"""What customers and the team are told of an unpaid invoice, from its first failure to its end, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing.access import Reason
from billing.modes import Mode
from dunning.models import CaseState, Letter, LetterText, Policy
from pqintel.workspaces.tenancy import scoped_transaction

from .world import OWNER, World, world

pytestmark = pytest.mark.django_db(transaction=True)

ADA = "ada@customer.test"
WELCOME = ("0 09:05", ADA, "Welcome to Acme")
FAILED = "Warning: Payment of $49.00 failed: Ada Lovelace"
FIRST, SECOND, FINAL = (
    "Your payment to Acme is still open",
    "A reminder: your payment to Acme is open",
    "Please pay, to keep your access to Acme",
)
AT_ONCE = "Your payment to Acme did not go through"
THANKS = "Thank you: your payment to Acme has arrived"
FORBIDDEN = ("lost", "stolen", "fraud", "pickup")


def begin(w: World, **terms: Any) -> tuple[str, str]:
    """Ada subscribes, and her first week is paid; the second one is billed on day 7 at 10:00."""
    ada, subscription = w.subscriber(**terms)
    w.settle()
    w.pass_time(days=6)
    assert w.heard() == [WELCOME]
    return ada, subscription


def test_a_soft_decline_that_is_paid_on_the_fifth_day(settings: Any) -> None:
    with world(settings) as w:
        ada, _ = begin(w)
        w.account.break_card(ada, "insufficient_funds")
        w.pass_time(days=4, hours=2)
        invoice = w.open_invoice(ada)
        reminder = w.mails()[-1]
        assert (
            "Your payment of $49.00 did not go through on March 9, 2026. Your card has insufficient funds."
            in reminder.text
        )
        assert "We will try again on March 17, 2026." in reminder.text
        assert w.account.invoices[invoice].hosted_invoice_url in reminder.text
        assert reminder.headers["From"] == "Acme <no-reply@127.0.0.1>"
        assert reminder.headers["Reply-To"] == OWNER
        w.pass_time(days=2, hours=-2)
        w.account.recover(ada)
        w.pass_time(days=1)
        assert w.heard() == [
            ("7 10:00", "team", FAILED),
            ("10 10:00", ADA, FIRST),
            ("10 10:00", "team", FAILED),
            ("12 09:00", ADA, THANKS),
        ]
        assert w.case(invoice).state == CaseState.RECOVERED
        w.pass_time(days=20)
        assert w.heard() == []


def test_a_hard_decline_without_further_attempt_falls_and_comes_back_when_paid(settings: Any) -> None:
    with world(settings, after_retries="past_due", interval="month") as w:
        ada, _ = begin(w)
        w.pass_time(days=24)
        w.account.break_card(ada, "stolen_card")
        w.pass_time(days=2)
        invoice = w.open_invoice(ada)
        assert w.account.invoices[invoice].next_payment_attempt is None
        w.pass_time(days=14)
        assert not any(word in mail.text.lower() for mail in w.mails() for word in FORBIDDEN)
        fallen = w.access(ada)
        assert (fallen.tier, fallen.reason, w.case(invoice).state) == ("free", Reason.DUNNING, CaseState.DOWNGRADED)
        w.pass_time(days=2)
        w.account.recover(ada)
        w.settle()
        assert w.heard() == [
            ("31 10:00", "team", FAILED),
            ("31 10:05", ADA, AT_ONCE),
            ("38 10:00", ADA, SECOND),
            ("41 10:00", ADA, FINAL),
            ("45 10:00", ADA, "Your access to Acme is reduced"),
            ("45 10:00", "team", "Warning: Ada Lovelace was downgraded: $49.00 is not paid"),
            ("48 09:00", ADA, THANKS),
            ("48 09:00", "team", "Ada Lovelace has paid $49.00"),
        ]
        back = w.access(ada)
        assert (back.tier, back.reason, w.case(invoice).state) == ("growth", Reason.ACTIVE, CaseState.RECOVERED)


def test_3_d_secure_asks_for_the_confirmation_at_once(settings: Any) -> None:
    with world(settings) as w:
        ada, _ = begin(w)
        w.account.decline_next(ada, "authentication_required")
        w.pass_time(days=2)
        (mail,) = w.mails()
        assert "Your bank asks you to confirm the payment." in mail.text
        w.account.pay_invoice(w.open_invoice(ada))
        w.pass_time(days=2)
        assert w.heard() == [
            ("7 10:00", "team", FAILED),
            ("7 10:05", ADA, AT_ONCE),
            ("8 09:00", ADA, THANKS),
        ]


def test_an_invoice_that_is_voided_stops_everything(settings: Any) -> None:
    with world(settings) as w:
        ada, _ = begin(w)
        w.account.break_card(ada, "insufficient_funds")
        w.pass_time(days=5)
        invoice = w.open_invoice(ada)
        w.account.void_invoice(invoice)
        w.account.mend_card(ada)
        w.pass_time(days=15)
        assert w.heard() == [
            ("7 10:00", "team", FAILED),
            ("10 10:00", ADA, FIRST),
            ("10 10:00", "team", FAILED),
        ]
        assert w.case(invoice).state == CaseState.VOIDED


def test_a_customer_who_cancels_is_not_reminded_any_more(settings: Any) -> None:
    with world(settings) as w:
        ada, subscription = begin(w)
        w.account.break_card(ada, "insufficient_funds")
        w.pass_time(days=5)
        invoice = w.open_invoice(ada)
        w.account.cancel(subscription)
        w.pass_time(days=15)
        assert w.heard() == [
            ("7 10:00", "team", FAILED),
            ("10 10:00", ADA, FIRST),
            ("10 10:00", "team", FAILED),
            ("11 09:00", ADA, "Your subscription to Acme has ended"),
            ("11 09:00", "team", "Subscription ended: Ada Lovelace"),
        ]
        assert w.case(invoice).state == CaseState.CANCELED


def test_two_invoices_of_one_customer_share_their_mails(settings: Any) -> None:
    with world(settings) as w:
        ada, _ = w.subscriber()
        w.account.subscribe(ada, [w.price.id], quantity=2)
        w.settle()
        w.pass_time(days=6)
        assert w.heard() == [WELCOME]
        w.account.break_card(ada, "insufficient_funds")
        w.pass_time(days=6)
        invoices = [i for i in w.account.invoices.values() if i.status == "open"]
        (mail,) = w.mails()
        assert "Your payment of $147.00 did not go through" in mail.text
        assert sorted(i.amount_due for i in invoices) == [4900, 9800]
        for invoice in invoices:
            assert f"{invoice.number}: ${invoice.amount_due // 100}.00 {invoice.hosted_invoice_url}" in mail.text
        w.account.recover(ada)
        w.pass_time(hours=12)
        larger = FAILED.replace("49", "98")
        assert w.heard() == [
            ("7 10:00", "team", FAILED),
            ("7 10:00", "team", larger),
            ("10 10:00", ADA, FIRST),
            ("10 10:00", "team", FAILED),
            ("10 10:00", "team", larger),
            ("12 09:00", ADA, THANKS),
        ]


def test_a_case_keeps_the_schedule_and_the_texts_that_it_began_with(settings: Any) -> None:
    with world(settings) as w:
        ada, _ = begin(w)
        w.account.break_card(ada, "insufficient_funds")
        w.pass_time(days=2)
        with scoped_transaction(w.workspace):
            Policy.objects.create(workspace=w.workspace, mode=Mode.LIVE, first_days=2, second_days=4, final_days=30)
            LetterText.objects.create(
                workspace=w.workspace, mode=Mode.LIVE, kind="reminder_1", subject="Hey, money!", body="Pay $amount."
            )
        w.pass_time(days=4)
        assert w.heard() == [
            ("7 10:00", "team", FAILED),
            ("10 10:00", ADA, FIRST),
            ("10 10:00", "team", FAILED),
        ]
        w.pass_time(days=5)  # the next week's invoice failed on day 14: a case of its own, with the new terms
        assert w.heard() == [
            ("14 10:00", ADA, SECOND),
            ("14 10:00", "team", FAILED),
            ("15 10:00", "team", FAILED),
            ("15 10:05", "team", "Warning: Ada Lovelace has not paid $49.00"),
            ("16 10:00", ADA, "Hey, money!"),
        ]


def test_quiet_hours_hold_a_letter_until_they_end_on_the_wall_also_when_clocks_change(settings: Any) -> None:
    with world(settings, timezone="Europe/Berlin", begin=datetime(2026, 3, 18, 19, 30, tzinfo=UTC)) as w:
        with scoped_transaction(w.workspace):
            Policy.objects.create(
                workspace=w.workspace, mode=Mode.LIVE, quiet_from=time(20, 0), quiet_until=time(8, 0), retry_watch=False
            )
        ada, _ = w.subscriber()
        w.settle()
        w.pass_time(days=6)
        assert w.heard() == [("0 19:35", ADA, "Welcome to Acme")]
        w.account.break_card(ada, "insufficient_funds")
        w.pass_time(days=6)
        (first,) = [mail for mail in w.mails() if mail.subject == FIRST]
        # Due on Saturday, 28 March at 21:30 in Berlin; the night in which clocks go ahead ends at 8:00 there, 6:00 UTC.
        assert first.instant.astimezone(ZoneInfo("Europe/Berlin")).strftime("%d %H:%M") == "29 08:00"
        assert w.heard() == [
            ("7 20:30", "team", FAILED),
            ("10 20:30", "team", FAILED),
            ("11 06:00", ADA, FIRST),
        ]


def test_a_workspace_that_is_removed_says_nothing_any_more(settings: Any) -> None:
    with world(settings) as w:
        ada, _ = begin(w)
        w.account.break_card(ada, "insufficient_funds")
        w.pass_time(days=2)
        assert w.heard() == [("7 10:00", "team", FAILED)]
        w.remove_workspace()
        w.pass_time(days=20)
        assert w.heard() == []


def test_unanswered_letters_are_held_and_go_out_with_the_answer(settings: Any) -> None:
    with world(settings, letters=None) as w:
        ada, _ = w.subscriber()
        w.settle()
        w.pass_time(days=6)
        w.account.break_card(ada, "insufficient_funds")
        w.pass_time(days=5)
        with scoped_transaction(w.workspace):
            held = list(Letter.objects.order_by("id").values_list("kind", "state", "reason"))
        unanswered = "Letters to customers were not answered yet"
        assert held == [("welcome", "held", unanswered), ("reminder_1", "held", unanswered)]
        assert w.heard() == [("7 10:00", "team", FAILED), ("10 10:00", "team", FAILED)]
        w.answer(True)
        w.settle()
        assert w.heard() == [("11 09:00", ADA, FIRST)]  # the welcome is too old by now


def test_stolen_cards_that_are_tried_out_at_a_checkout_write_to_nobody(settings: Any) -> None:
    """The subscription never begins, and whoever's address was typed there hears nothing of it."""
    with world(settings) as w:
        victim = w.account.create_customer(name="Ada Lovelace", email=ADA, card_expires=(2036, 1)).id
        w.account.break_card(victim, "stolen_card")
        subscription = w.account.subscribe(victim, [w.price.id])
        assert subscription.status == "incomplete"
        w.pass_time(days=20)
        assert w.account.subscriptions[subscription.id].status == "incomplete_expired"
        assert w.heard() == [
            ("0 09:00", "team", FAILED),
            ("1 08:00", "team", "Subscription ended: Ada Lovelace"),
        ]
        assert w.cases() == []


def test_3_d_secure_in_the_checkout_itself_is_no_reason_to_write(settings: Any) -> None:
    with world(settings) as w:
        ada = w.account.create_customer(name="Ada Lovelace", email=ADA, card_expires=(2036, 1)).id
        w.account.decline_next(ada, "authentication_required")
        w.account.subscribe(ada, [w.price.id])
        w.pass_time(minutes=30)
        assert w.heard() == [("0 09:00", "team", FAILED)]
        w.account.pay_invoice(w.open_invoice(ada))
        w.pass_time(days=2)
        assert w.heard() == [("0 09:35", ADA, "Welcome to Acme")]
        assert w.cases() == []
