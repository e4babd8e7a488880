"""The paths of a case, from the first failed attempt to its end: every letter, every message to the team, access."""

from __future__ import annotations

import pytest
from django.db import transaction

from billing.lanes import lane_of
from billing.modes import Mode
from dunning.handling import resolve
from dunning.letters import LetterKind, Text, texts
from dunning.letters.wording import fill
from dunning.models import Letter
from dunning.run import run
from dunning.steps import Chunk
from dunning.tasks import run_cases
from integrations.models import Delivery
from pqintel.workspaces.actions.workspaces import delete_workspace
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scope, scoped_transaction

from .story import Story

pytestmark = pytest.mark.django_db(transaction=True)
SETTLED = round(5 / 1440, 4)


@pytest.fixture
def story(workspace: Workspace) -> Story:
    return Story(workspace)


def test_a_soft_decline_that_is_paid_on_day_5(story: Story) -> None:
    story.channel()
    story.fail(0, following=4)
    assert story.cases() == {"in_1": "open"}
    story.run_until(3)
    story.fail(4, following=5)
    story.run_until(4.9)
    story.pay(5)
    story.run_until(60)
    assert story.cases() == {"in_1": "recovered"}
    assert story.mails() == [
        (3, "reminder_1", "cus_1", ["in_1"], "sent"),
        (5, "recovered", "cus_1", ["in_1"], "sent"),
    ]
    assert story.told() == []
    assert story.access().tier == "growth"
    assert story.timeline() == [
        "The payment failed.",
        "First reminder.",
        "Attempt 2 failed.",
        "The invoice was paid.",
        "Letter: the payment was received.",
    ]
    reminder = story.letter("reminder_1")
    assert reminder.facts["amount"] == "$49.00"
    assert (reminder.facts["plan"], reminder.facts["invoice_number"]) == ("Growth", "IN-1")
    assert reminder.facts["reason"] == "Your card has insufficient funds."
    assert reminder.facts["next_attempt"] == "March 6, 2026"
    assert reminder.facts["downgrade_date"] == "March 16, 2026"
    assert reminder.payment_url == "https://invoice.stripe.com/i/in_1"


def test_a_hard_decline_to_downgrade_and_later_payment(story: Story) -> None:
    story.channel()
    story.fail(0, code="stolen_card")
    story.run_until(13.99)
    assert story.kinds() == [(SETTLED, "payment_failed"), (7, "reminder_2"), (10, "final_warning")]
    assert story.cases() == {"in_1": "final"}
    assert story.access().tier == "growth"
    story.run_until(14)
    assert story.cases() == {"in_1": "downgraded"}
    answer = story.access()
    assert (answer.tier, str(answer.reason), answer.cause) == ("free", "dunning", "dunning:in_1")
    assert story.told() == [(14, "Ada & Sons was downgraded: $49.00 is not paid")]
    story.run_until(30)
    story.pay(31)
    story.run_until(90)
    assert story.cases() == {"in_1": "recovered"}
    assert (story.access().tier, str(story.access().reason)) == ("growth", "active")
    assert story.kinds() == [
        (SETTLED, "payment_failed"),
        (7, "reminder_2"),
        (10, "final_warning"),
        (14, "access_reduced"),
        (31, "recovered"),
    ]
    assert story.told()[1:] == [(31, "Ada & Sons has paid $49.00")]
    with scoped_transaction(story.workspace):
        texts = " ".join(f"{letter.subject} {letter.body} {letter.facts}" for letter in Letter.objects.all())
    assert not [word for word in ("stolen", "lost", "fraud") if word in texts.lower()]


def test_three_d_secure_is_asked_for_at_once_and_again_nobody_is_asked_twice(story: Story) -> None:
    story.fail(0, code="authentication_required", following=3)
    story.run_until(2)
    story.fail(3, code="authentication_required", following=5)
    story.run_until(4)
    assert story.kinds() == [(SETTLED, "payment_failed")]
    assert story.letter("payment_failed").facts["reason"] == "Your bank asks you to confirm the payment."
    story.pay(4)
    assert story.cases() == {"in_1": "recovered"}


def test_a_reminder_waits_for_the_attempt_that_is_announced_about_then(story: Story) -> None:
    story.fail(0, following=3)
    story.run_until(3 + 19 / 1440)
    assert story.mails() == []
    story.run_until(3 + 20 / 1440)
    assert story.mails() == [(round(3 + 20 / 1440, 4), "reminder_1", "cus_1", ["in_1"], "sent")]
    assert "next_attempt" not in story.letter("reminder_1").facts  # the attempt that was announced is over


def test_who_pays_by_the_attempt_that_is_announced_about_then_is_not_reminded(story: Story) -> None:
    story.fail(0, following=3 + 1 / 24)
    story.run_until(3 + 1 / 24)
    story.pay(3 + 1 / 24)
    story.run_until(30)
    assert (story.cases(), story.mails()) == ({"in_1": "recovered"}, [])


def test_an_attempt_about_then_that_is_told_failed_is_waited_for_no_more(story: Story) -> None:
    story.fail(0, following=3)
    story.fail(3, following=5)
    assert (story.case().next_step, story.case().next_step_at) == ("first", story.at(3))
    story.run_until(4)
    assert story.mails() == [(3, "reminder_1", "cus_1", ["in_1"], "sent")]
    assert story.letter("reminder_1").facts["next_attempt"] == "March 7, 2026"


def test_voided_midway(story: Story) -> None:
    story.fail(0, following=4)
    story.run_until(4)
    story.void(5)
    story.run_until(60)
    assert story.cases() == {"in_1": "voided"}
    assert story.kinds() == [(3, "reminder_1")]
    assert story.case().reason == "The invoice was voided."


def test_a_letter_that_waits_for_its_sender_stops_when_the_invoice_is_voided(story: Story) -> None:
    story.fail(0, following=4)
    story.run(3)
    story.void(3.001)
    assert story.mails() == [(3, "reminder_1", "cus_1", ["in_1"], "skipped")]


def test_the_customer_cancels(story: Story) -> None:
    story.fail(0, following=4)
    story.run_until(3.5)
    story.now = story.at(4)
    story.subscription(status="canceled", cancellation_reason="cancellation_requested", ended_at=1)
    story.react()
    story.run_until(60)
    assert story.cases() == {"in_1": "canceled"}
    assert story.kinds() == [(3, "reminder_1")]


def test_stripe_ends_the_subscription_unpaid_and_the_money_comes_after_all(story: Story) -> None:
    story.fail(0, code="stolen_card")
    story.run_until(1)
    story.now = story.at(2)
    story.subscription(status="canceled", cancellation_reason="payment_failed", ended_at=1)
    story.react()
    assert story.cases() == {"in_1": "lost"}
    story.pay(20)
    assert story.cases() == {"in_1": "recovered"}
    assert story.kinds() == [(SETTLED, "payment_failed"), (20, "recovered")]


def test_the_customer_is_deleted(story: Story) -> None:
    story.fail(0, following=3)
    story.now = story.at(1)
    story.customer(deleted=True)
    story.react()
    assert story.cases() == {"in_1": "canceled"}
    assert story.case().reason == "The customer was deleted."


def test_two_invoices_of_one_customer_are_mailed_as_one(story: Story) -> None:
    story.subscription("sub_2")
    story.fail(0, "in_1", following=4)
    story.fail(0.5, "in_2", following=4, amount=2000, subscription="sub_2")
    story.run_until(9)
    assert story.mails() == [
        (3, "reminder_1", "cus_1", ["in_1", "in_2"], "sent"),
        (7, "reminder_2", "cus_1", ["in_1", "in_2"], "sent"),
    ]
    assert story.letter("reminder_1").facts["amount"] == "$69.00"
    assert story.letter("reminder_1").facts["invoice_number"] == "IN-1 and IN-2"
    assert story.letter("reminder_1").payment_url == "https://invoice.stripe.com/i/in_2"
    assert story.timeline("in_2")[1] == "First reminder, together with IN-1."
    story.pay(9.1, "in_1")
    story.run_until(12)
    assert story.kinds()[2:] == [(9.1, "recovered"), (10.5, "final_warning")]
    assert story.letter("final_warning").invoices == ["in_2"]


@pytest.mark.parametrize(("paid", "left", "open_now"), [("in_1", "in_2", "$20.00"), ("in_2", "in_1", "$49.00")])
def test_of_two_in_a_letter_that_waits_one_is_paid_and_the_other_is_asked_for_all_the_same(
    story: Story, paid: str, left: str, open_now: str
) -> None:
    story.subscription("sub_2")
    story.fail(0, "in_1", following=4)
    story.fail(0.5, "in_2", following=4, amount=2000, subscription="sub_2")
    story.run(3)  # the mail server is away
    story.pay(3.1, paid)
    assert story.mails()[0] == (3, "reminder_1", "cus_1", [left], "waiting")
    letter = story.letter("reminder_1")
    number = left.upper().replace("_", "-")
    assert (letter.facts["amount"], letter.facts["invoice_number"]) == (open_now, number)
    assert letter.pages == [[f"{number}: {open_now}", f"https://invoice.stripe.com/i/{left}"]]
    assert letter.payment_url == f"https://invoice.stripe.com/i/{left}"
    story.pay(3.2, left)
    assert story.mails()[0] == (3, "reminder_1", "cus_1", [left], "skipped")
    assert story.letter("reminder_1").reason == "The invoice was paid."


@pytest.mark.parametrize(("closed", "left"), [("in_1", "in_2"), ("in_2", "in_1")])
def test_what_a_person_closes_is_asked_for_no_more_also_together_with_another(
    story: Story, closed: str, left: str
) -> None:
    story.subscription("sub_2")
    story.fail(0, "in_1", following=4)
    story.fail(0.5, "in_2", following=4, amount=2000, subscription="sub_2")
    story.run(3)
    with scope(story.workspace):
        resolve(story.case(closed), "Paid by cheque", "ada@example.com", story.at(3.1))
    assert story.mails() == [(3, "reminder_1", "cus_1", [left], "waiting")]


def test_who_never_got_a_letter_is_not_thanked_for_the_payment(story: Story) -> None:
    story.subscription("sub_2")
    story.fail(0, "in_1", following=4)
    story.run_until(3.2)
    story.fail(3.5, "in_2", following=9, amount=2000, subscription="sub_2")
    story.run(6.5)  # a letter about in_2, and the mail server is away
    paid = {"react": False, "paid_at": int(story.at(6.6).timestamp())}
    story.change(6.6, "in_1", "paid", "invoice.paid", **paid)
    story.change(6.6, "in_2", "paid", "invoice.paid", **paid)
    story.react()
    assert story.mails() == [
        (3, "reminder_1", "cus_1", ["in_1"], "sent"),
        (6.5, "reminder_1", "cus_1", ["in_2"], "skipped"),
        (6.6, "recovered", "cus_1", ["in_1"], "waiting"),
    ]
    assert story.letter("recovered").facts["amount"] == "$49.00"
    assert story.timeline("in_2")[-2:] == [
        "The invoice was paid.",
        "Letter: the payment was received: skipped, no letter had gone out.",
    ]


def test_held_letters_are_no_reason_for_thanks(workspace: Workspace) -> None:
    story = Story(workspace, letters_wanted=None)
    story.fail(0, following=4)
    story.run_until(3.2)
    assert story.mails() == [(3, "reminder_1", "cus_1", ["in_1"], "held")]
    story.pay(3.5)
    assert story.mails() == [(3, "reminder_1", "cus_1", ["in_1"], "skipped")]


def test_whose_access_fell_is_thanked_also_where_no_letter_went_out(story: Story) -> None:
    story.fail(0, code="stolen_card")
    for day in (1, 7, 10, 14):
        story.run(day)  # the mail server is away all the time
    assert story.cases() == {"in_1": "downgraded"}
    story.pay(15)
    assert story.mails()[-1] == (15, "recovered", "cus_1", ["in_1"], "waiting")
    assert [state for *_, state in story.mails()[:-1]] == ["skipped"] * 4


def test_two_invoices_that_are_paid_together_are_thanked_for_once(story: Story) -> None:
    story.subscription("sub_2")
    story.fail(0, "in_1", following=4)
    story.fail(0.5, "in_2", following=4, amount=2000, subscription="sub_2")
    story.run_until(3.6)
    paid = {"react": False, "paid_at": int(story.at(3.7).timestamp())}
    story.change(3.7, "in_2", "paid", "invoice.paid", **paid)
    story.change(3.7, "in_1", "paid", "invoice.paid", **paid)
    story.react()
    assert story.cases() == {"in_1": "recovered", "in_2": "recovered"}
    assert story.mails()[1:] == [(3.7, "recovered", "cus_1", ["in_1", "in_2"], "waiting")]
    thanks = story.letter("recovered")
    assert (thanks.facts["amount"], thanks.facts["invoice_number"]) == ("$69.00", "IN-1 and IN-2")
    for invoice in ("in_1", "in_2"):
        assert story.timeline(invoice)[-2:] == ["The invoice was paid.", "Letter: the payment was received."]
        assert story.keys(invoice)[-1] == "dunning:in_1:recovered"


def falling_and_reminding(story: Story) -> None:
    """The grace of in_1 ends on day 14, at the hour at which in_2 is due its second reminder."""
    story.subscription("sub_2")
    story.fail(0, "in_1", "stolen_card")
    story.run_until(6.9)
    story.fail(7, "in_2", following=16, amount=2000, subscription="sub_2")
    story.run_until(13.99)
    assert story.cases() == {"in_1": "final", "in_2": "reminding"}


def test_whose_access_falls_gets_one_letter_about_everything(story: Story) -> None:
    falling_and_reminding(story)
    before = story.mails()
    story.run_until(14)
    assert story.cases() == {"in_1": "downgraded", "in_2": "reminding"}
    assert story.mails() == [*before, (14, "access_reduced", "cus_1", ["in_1", "in_2"], "sent")]
    letter = story.letter("access_reduced")
    assert (letter.facts["amount"], letter.facts["invoice_number"]) == ("$69.00", "IN-1 and IN-2")
    assert letter.pages == [
        ["IN-1: $49.00", "https://invoice.stripe.com/i/in_1"],
        ["IN-2: $20.00", "https://invoice.stripe.com/i/in_2"],
    ]
    assert story.timeline("in_1")[-2:] == ["Access fell: grace is over.", "Letter: access is reduced."]
    assert story.timeline("in_2")[-1] == "Letter: access is reduced, together with IN-1."
    assert story.keys("in_1")[-1] == story.keys("in_2")[-1] == "dunning:in_1:downgrade"
    assert (story.case("in_2").last_letter, story.case("in_2").last_letter_at) == ("second", story.at(14))


def falling_and_warning(story: Story, subscription: str = "sub_2") -> None:
    """The grace of in_1 ends on day 14, at the hour at which in_2 is due its final warning."""
    story.subscription("sub_2")
    story.fail(0, "in_1", "stolen_card")
    story.run_until(3.9)
    story.fail(4, "in_2", following=16, amount=2000, subscription=subscription)
    story.run_until(13.99)
    assert story.cases() == {"in_1": "final", "in_2": "reminding"}


def test_the_letter_that_access_is_reduced_says_of_another_invoice_when_it_is_reduced_further(story: Story) -> None:
    falling_and_warning(story)
    before = story.mails()
    story.run_until(14)
    assert story.mails() == [*before, (14, "access_reduced", "cus_1", ["in_1", "in_2"], "sent")]
    assert story.cases() == {"in_1": "downgraded", "in_2": "final"}
    letter = story.letter("access_reduced")
    said = fill(letter.subject, letter.body, letter.facts, letter.payment_url, letter.pages).text
    assert "Your payment of $69.00 is still open, so your access is reduced for now." in said
    assert "If not all of it is paid by March 20, 2026, access is reduced further." in said
    assert story.timeline("in_2")[-1] == "Final warning, in the letter that access is reduced, together with IN-1."
    assert (story.case("in_2").last_letter, story.keys("in_2")[-1]) == ("final", "dunning:in_1:downgrade")


def test_of_an_invoice_of_the_same_subscription_there_is_nothing_further_to_reduce(story: Story) -> None:
    falling_and_warning(story, "sub_1")
    before = story.mails()
    story.run_until(14)
    assert story.mails() == [*before, (14, "access_reduced", "cus_1", ["in_1", "in_2"], "sent")]
    assert "downgrade_date" not in story.letter("access_reduced").facts


def test_where_the_own_text_does_not_say_when_the_final_warning_goes_out_as_well(story: Story) -> None:
    own: Text = {"subject": "Reduced", "body": "Pay $amount:\n\n$payment_link"}
    with scoped_transaction(story.workspace):
        texts.save(
            story.workspace.pk, story.mode, LetterKind.ACCESS_REDUCED, own, enabled=True, by="ada", now=story.now
        )
    falling_and_warning(story)
    before = story.mails()
    story.run_until(14)
    assert story.mails() == [
        *before,
        (14, "final_warning", "cus_1", ["in_2"], "sent"),
        (14, "access_reduced", "cus_1", ["in_1"], "sent"),
    ]
    warning = next(letter for letter in letters_about(story, "final_warning") if letter.invoices == ["in_2"])
    assert warning.facts["downgrade_date"] == "March 20, 2026"
    assert story.timeline("in_2")[-1] == "Final warning."


def letters_about(story: Story, kind: str) -> list[Letter]:
    with scoped_transaction(story.workspace):
        return list(Letter.objects.filter(mode=story.mode, kind=kind))


def test_an_invoice_whose_attempt_is_minutes_away_is_not_in_the_letter_about_another(story: Story) -> None:
    story.subscription("sub_2")
    story.fail(0, "in_1", following=5)
    story.fail(0.5, "in_2", following=3 + 10 / 1440, amount=2000, subscription="sub_2")
    story.run_until(3)
    assert story.mails() == [(3, "reminder_1", "cus_1", ["in_1"], "sent")]
    story.pay(3 + 10 / 1440, "in_2")
    story.run_until(4)
    assert story.mails() == [(3, "reminder_1", "cus_1", ["in_1"], "sent")]
    assert story.cases() == {"in_1": "reminding", "in_2": "recovered"}


def test_an_attempt_that_has_failed_by_then_keeps_no_invoice_out_of_a_letter(story: Story) -> None:
    story.subscription("sub_2")
    story.fail(0, "in_1", following=5)
    story.fail(0.5, "in_2", following=3 - 10 / 1440, amount=2000, subscription="sub_2")
    story.fail(3 - 10 / 1440, "in_2", following=6)
    story.run_until(3)
    assert story.mails() == [(3, "reminder_1", "cus_1", ["in_1", "in_2"], "sent")]


def test_without_the_lane_neither_the_letter_nor_the_reminder_that_joins_it_goes_out(story: Story) -> None:
    falling_and_reminding(story)
    before = story.mails(), story.timeline("in_1"), story.timeline("in_2"), story.cases()
    with scope(story.workspace), transaction.atomic():
        chunk = Chunk(story.workspace.pk, story.mode, story.at(14), lane_held=False)
        chunk.take(["cus_1"])
    assert chunk.want_lane == {"cus_1"}
    assert (story.mails(), story.timeline("in_1"), story.timeline("in_2"), story.cases()) == before
    for invoice, step in (("in_1", "downgrade"), ("in_2", "second")):
        assert (story.case(invoice).next_step, story.case(invoice).next_step_at) == (step, story.at(14))


def test_invoices_of_two_customers_are_not(story: Story) -> None:
    story.customer("cus_2")
    story.subscription("sub_2", "cus_2")
    story.fail(0, "in_1", following=4)
    story.fail(0, "in_2", following=4, customer="cus_2", subscription="sub_2")
    story.run_until(3)
    assert sorted(mail[2] for mail in story.mails()) == ["cus_1", "cus_2"]


def test_the_third_attempt_is_told_to_the_team_with_all_that_is_known(story: Story) -> None:
    channel = story.channel()
    story.fail(0, following=3)
    story.fail(3, following=5)
    story.fail(5, following=7)
    story.run_until(6)
    assert story.told() == [(round(5 + 5 / 1440, 4), "Ada & Sons has not paid $49.00")]
    with scoped_transaction(story.workspace):
        delivery = Delivery.objects.get(channel=channel, dedupe_key="dunning:in_1:escalate")
    assert delivery.message["fields"] == [
        ["Customer", "Ada & Sons"],
        ["Invoice", "IN-1"],
        ["Amount", "$49.00"],
        ["Plan", "Growth"],
        ["Failed attempts", "3"],
        ["Reason", "Insufficient funds: may succeed later"],
        ["Next attempt", "March 9, 2026"],
    ]
    assert delivery.message["link"]["url"].endswith("/w/acme/live/dunning/cases/in_1/")
    assert delivery.mode == "live"
    assert story.cases() == {"in_1": "escalated"}


def test_four_attempts_and_fourteen_days(story: Story) -> None:
    for day, following in ((0, 3), (3, 5), (5, 7), (7, 20)):
        story.fail(day, following=following)
        story.run_until(day + 0.5)
    story.run_until(13.9)
    assert story.access().tier == "growth"
    story.run_until(14)
    assert story.access().tier == "free"


def test_a_policy_that_changes_midway_is_for_the_cases_that_follow(story: Story) -> None:
    story.fail(0, following=4)
    story.policy(first_days=1, second_days=2, final_days=4)
    story.subscription("sub_2")
    story.customer("cus_2")
    story.fail(1, "in_2", following=9, customer="cus_2", subscription=None)
    story.run_until(5.5)
    assert sorted((day, customer) for day, _, customer, *_ in story.mails()) == [
        (2, "cus_2"),
        (3, "cus_1"),
        (3, "cus_2"),
        (5, "cus_2"),
    ]


def test_texts_are_those_of_the_beginning(story: Story) -> None:
    story.fail(0, following=4)
    with scoped_transaction(story.workspace):
        new: texts.Text = {"subject": "Another subject", "body": "Another text"}
        texts.save(story.workspace.pk, Mode.LIVE, LetterKind.REMINDER_1, new, enabled=True, by="ada", now=story.at(1))
    story.run_until(3)
    assert story.letter("reminder_1").subject != "Another subject"


def test_quiet_hours_over_the_change_of_clocks(workspace: Workspace) -> None:
    workspace.timezone = "Europe/Berlin"
    workspace.save()
    story = Story(workspace)
    story.policy(quiet_from="10:00", quiet_until="12:30")
    # 10:30 in Berlin on March 27; clocks change on the 29th, and it is 10:30 again on the 30th: quiet until 12:30.
    story.fail(25 - 0.5 / 24, following=28)
    story.run_until(27.9)
    assert story.kinds() == []
    story.run_until(29)
    assert story.kinds() == [(round(28 + 0.5 / 24, 4), "reminder_1")]


def test_a_removed_workspace_leaves_nothing_and_stops_nothing(story: Story) -> None:
    story.fail(0, following=3)
    key = story.workspace.pk
    delete_workspace(story.workspace)
    with scope(key):
        assert run(key, Mode.LIVE, story.at(3)).lines == []
    assert run_cases(lane_of(key, Mode.LIVE)) == 0


def test_without_letters_they_are_held_or_skipped_and_the_case_goes_its_way(workspace: Workspace) -> None:
    story = Story(workspace, letters_wanted=None)
    story.fail(0, code="stolen_card")
    story.run_until(14)
    assert {mail[4] for mail in story.mails()} == {"held"}
    assert story.cases() == {"in_1": "downgraded"}
    assert story.access().tier == "free"
