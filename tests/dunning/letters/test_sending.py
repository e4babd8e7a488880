"""Sending letters over SMTP: read again before, once each, tried for three days, and told what became of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.lanes import lane_of
from billing.modes import Mode
from dunning.letters import LetterKind, answer, compose, outbox, sending
from dunning.letters.sending import Visit
from dunning.models import Letter, LetterPolicy, Unsubscribed
from dunning.tasks import send_letters, sweep_letters
from integrations.channels.sending import DIED_TWICE
from pqintel.queue import Work
from pqintel.workspaces.actions.workspaces import delete_workspace
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.dunning.letters.stage import URL, ask, fates, go, letters, post_office, put
from tests.factories import (
    THEN,
    AccessHoldFactory,
    CustomerFactory,
    InvoiceFactory,
    MembershipFactory,
    SubscriptionFactory,
    WorkspaceFactory,
)
from tests.factories_dunning import CaseEntryFactory, CaseFactory, PolicyFactory
from tests.factories_letters import (
    LetterFactory,
    LetterPolicyFactory,
    LetterTextFactory,
    SenderFactory,
    UnsubscribedFactory,
)
from tests.integrations.channels.stage import Hands
from tests.smtp import Mailbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    settings.PQ_BASE_URL = "https://pq.example.com"
    settings.DEFAULT_FROM_EMAIL = "PQ Intel <no-reply@pq.example.com>"
    with post_office(settings) as box:
        yield box


@pytest.fixture
def ada(workspace: Workspace) -> Any:
    LetterPolicyFactory(workspace=workspace, mode=Mode.LIVE)
    return CustomerFactory(
        workspace=workspace, mode=Mode.LIVE, stripe_id="cus_ada", name="Ada <b>", email="ada@example.com"
    )


def owed(workspace: Workspace, stripe_id: str = "in_1", **more: Any) -> Any:
    words = {"status": "open", "amount_remaining": 4900, "hosted_invoice_url": URL, "currency": "usd"} | more
    return InvoiceFactory(workspace=workspace, mode=Mode.LIVE, stripe_id=stripe_id, customer="cus_ada", **words)


def parts(mail: Any) -> tuple[str, str]:
    text, html = (mail.get_body((kind,)).get_content().replace("\r\n", "\n") for kind in ("plain", "html"))
    return text, html


# What goes out -------------------------------------------------------------------------------------------------------


def test_a_letter_as_it_arrives(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    owed(workspace)
    put(workspace, ask(workspace, facts={"amount": "$49.00", "reason": "Your card has expired."}, invoices=("in_1",)))
    hands = Hands()
    assert go(workspace, hands) == Visit(1)
    (mail,) = box.mails
    assert (mail["From"], mail["To"], mail["Reply-To"]) == ("Acme <no-reply@pq.example.com>", "ada@example.com", None)
    assert mail["Subject"] == "Your payment to Acme is still open"
    assert (mail["Auto-Submitted"], mail["List-Unsubscribe"]) == ("auto-generated", None)
    text, html = parts(mail)
    assert text == (
        "Hello Ada <b>,\n\nYou can pay or change your payment details here:\n\n"
        f"{URL}\n\nIf you have paid in the meantime, there is nothing left to do.\n\nAcme\n"
    )
    assert "Hello Ada &lt;b&gt;," in html
    assert f'<a href="{URL}"'.replace("&", "&amp;") in html
    assert "PQ Intel" not in html
    (row,) = letters(workspace)
    assert (row.state, row.reason, row.answer, row.tries) == ("sent", "", "Accepted by the mail server.", 1)
    assert (row.sent_at, row.settled_at, row.claimed_at, row.possible_duplicate) == (THEN, THEN, None, False)
    assert row.message_id == mail["Message-ID"]
    assert row.mail == {
        "from": "Acme <no-reply@pq.example.com>",
        "reply_to": "",
        "to": ["ada@example.com"],
        "subject": "Your payment to Acme is still open",
        "heading": "",
        "text": text,
    }
    assert go(workspace, hands) == Visit()
    assert len(box.mails) == 1


def test_a_name_that_advertises_reaches_nobody(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    owed(workspace)
    with scoped_transaction(workspace):
        type(ada).objects.update(name="You have won: https://prize.example/1")
    put(workspace, ask(workspace, invoices=("in_1",)))
    go(workspace, Hands())
    (mail,) = box.mails
    text, html = parts(mail)
    assert "prize.example" not in str(mail) + text + html
    assert text.startswith("You can pay or change your payment details here:")


def test_a_verified_address_sends_in_the_workspaces_name(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    sender = SenderFactory(workspace=workspace, name="Äcme, Inc.")
    put(workspace, ask(workspace, "before"))
    go(workspace, Hands())
    with scoped_transaction(workspace):
        type(sender).objects.update(verified_at=THEN)
    put(workspace, ask(workspace, "after"))
    go(workspace, Hands())
    assert [(mail["From"].addresses[0].display_name, mail["From"].addresses[0].addr_spec) for mail in box.mails] == [
        ("Äcme, Inc.", "no-reply@pq.example.com"),
        ("Äcme, Inc.", "billing@acme.example"),
    ]
    assert {mail["Reply-To"] for mail in box.mails} == {"help@acme.example"}


def test_answers_reach_the_first_owner_until_somebody_says_where_they_go(
    workspace: Workspace, ada: Any, box: Mailbox
) -> None:
    MembershipFactory(workspace=workspace, role=Role.ADMIN)
    owners = [MembershipFactory(workspace=workspace).user.email for _ in range(2)]
    MembershipFactory()  # of another workspace
    sender = SenderFactory(workspace=workspace, reply_to="")
    for name, changed in (
        ("ours", {}),
        ("ours, with a word", {"reply_to": "help@acme.example"}),
        ("verified, with a word", {"verified_at": THEN}),
        ("verified", {"reply_to": ""}),
    ):
        with scoped_transaction(workspace):
            type(sender).objects.filter(pk=sender.pk).update(**{"name": "Acme", **changed})
        put(workspace, ask(workspace, name))
        go(workspace, Hands())
    assert [(mail["From"].addresses[0].addr_spec, mail["Reply-To"]) for mail in box.mails] == [
        ("no-reply@pq.example.com", owners[0]),
        ("no-reply@pq.example.com", "help@acme.example"),
        ("billing@acme.example", "help@acme.example"),
        ("billing@acme.example", None),
    ]


def test_test_mode_writes_to_the_owners_and_says_for_whom_it_was(workspace: Workspace, box: Mailbox) -> None:
    LetterPolicyFactory(workspace=workspace)
    CustomerFactory(workspace=workspace, stripe_id="cus_ada", name="Ada", email="ada@example.com")
    owners = [MembershipFactory(workspace=workspace).user.email for _ in range(2)]
    MembershipFactory(workspace=workspace, role=Role.ADMIN)
    MembershipFactory()
    put(workspace, ask(workspace, kind=LetterKind.RECOVERED, mode=Mode.TEST))
    assert go(workspace, Hands(), Mode.LIVE) == Visit()
    assert go(workspace, Hands(), Mode.TEST) == Visit(1)
    (mail,) = box.mails
    assert [address.addr_spec for address in mail["To"].addresses] == owners
    assert mail["Subject"] == "[Test mode] Thank you: your payment to Acme has arrived"
    heading = "Test mode: in live mode, this letter would have gone to ada@example.com."
    text, html = parts(mail)
    assert text.startswith(f"{heading}\n\nHello Ada,")
    assert heading in html


def test_letters_that_are_about_no_payment_can_be_unsubscribed_from(
    workspace: Workspace, ada: Any, box: Mailbox, client: Any
) -> None:
    SubscriptionFactory(workspace=workspace, mode=Mode.LIVE, customer="cus_ada", status="active")
    put(workspace, ask(workspace, "w:", LetterKind.WELCOME), ask(workspace, "g:", LetterKind.GOODBYE))
    go(workspace, Hands())
    welcome, goodbye = box.mails
    assert goodbye["List-Unsubscribe"] is None
    assert welcome["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = str(welcome["List-Unsubscribe"]).strip(" <>")
    assert link.startswith("https://pq.example.com/letters/unsubscribe/")
    assert all(link in part for part in parts(welcome))
    assert link not in str(letters(workspace)[0].mail)
    path = link.removeprefix("https://pq.example.com")
    assert "No more letters" in client.get(path).content.decode()
    put(workspace, ask(workspace, "o:", LetterKind.ONBOARDING))  # looking at the page changes nothing
    browser = type(client)(enforce_csrf_checks=True)  # a mail program has no cookie
    assert browser.post(path, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert browser.post(path).status_code == 200
    assert go(workspace, Hands()) == Visit()
    put(workspace, ask(workspace, "r:"), ask(workspace, "f:", LetterKind.ONBOARDING_FOLLOWUP))
    assert fates(workspace) == {
        "w:": ("sent", ""),
        "g:": ("sent", ""),
        "o:": ("skipped", "The customer unsubscribed"),
        "r:": ("waiting", ""),
        "f:": ("skipped", "The customer unsubscribed"),
    }


def test_the_link_to_unsubscribe_in_a_copy_of_test_mode_does_nothing(
    workspace: Workspace, box: Mailbox, client: Any
) -> None:
    LetterPolicyFactory(workspace=workspace)
    CustomerFactory(workspace=workspace, stripe_id="cus_ada", name="Ada", email="ada@example.com")
    SubscriptionFactory(workspace=workspace, customer="cus_ada", status="active")
    MembershipFactory(workspace=workspace)
    put(workspace, ask(workspace, kind=LetterKind.WELCOME, mode=Mode.TEST))
    assert go(workspace, Hands(), Mode.TEST) == Visit(1)
    (mail,) = box.mails
    assert (mail["List-Unsubscribe"], mail["List-Unsubscribe-Post"]) == (None, None)
    found = re.search(r"https://pq\.example\.com(/letters/unsubscribe/\S+/)", parts(mail)[0])
    assert found is not None
    old = compose.unsubscribe_url(letters(workspace)[0])  # as copies had it once, with the customer's address
    for path in (found[1], old.removeprefix("https://pq.example.com")):
        for method in (client.get, client.post):
            answered = method(path)
            assert answered.status_code == 200
            assert "This letter was a copy" in answered.content.decode()
            assert "ada@example.com" not in answered.content.decode()
    with scoped_transaction(workspace):
        assert Unsubscribed.objects.count() == 0


def test_a_link_to_unsubscribe_that_is_none_of_ours(client: Any, workspace: Workspace) -> None:
    for method in (client.get, client.post):
        answered = method("/letters/unsubscribe/forged/")
        assert answered.status_code == 404
        assert "This link cannot be used" in answered.content.decode()


# What is looked at again ---------------------------------------------------------------------------------------------


def test_what_is_not_owed_any_more_is_not_asked_for(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    owed(workspace, "in_paid", status="paid", amount_remaining=0)
    owed(workspace, "in_void", status="void")
    put(
        workspace,
        ask(workspace, "paid", LetterKind.FINAL_WARNING, invoices=("in_paid",)),
        ask(workspace, "void", LetterKind.ACCESS_REDUCED, invoices=("in_void",)),
        ask(workspace, "unknown", invoices=("in_unknown",)),
    )
    assert go(workspace, Hands()) == Visit(0)
    assert fates(workspace) == {
        "paid": ("skipped", "Paid meanwhile"),
        "void": ("skipped", "Voided meanwhile"),
        "unknown": ("skipped", "Nothing is due any more"),
    }


def test_only_who_was_asked_for_a_payment_is_thanked_for_it(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    asked = {"workspace": workspace, "mode": Mode.LIVE, "customer": "cus_ada", "settled_at": THEN}
    LetterFactory(**asked, dedupe_key="sent:", invoices=["in_asked", "in_other"], state="sent")
    LetterFactory(**asked, dedupe_key="failed:", invoices=["in_failed"], state="failed")
    LetterFactory(**asked, dedupe_key="lost:", invoices=["in_lost"], state="skipped", claimed_at=THEN)
    LetterFactory(**asked, dedupe_key="card:", invoices=["in_unasked"], state="sent", kind=LetterKind.CARD_EXPIRING)
    LetterFactory(**asked | {"mode": Mode.TEST}, dedupe_key="test:", invoices=["in_unasked"], state="sent")
    LetterFactory(**asked | {"customer": "cus_bob"}, dedupe_key="bob:", invoices=["in_unasked"], state="sent")
    LetterFactory(**asked | {"workspace": WorkspaceFactory()}, dedupe_key="x:", invoices=["in_unasked"], state="sent")
    fell = {"customer": "cus_ada", "state": "recovered", "downgraded_at": THEN, "closed_at": THEN}
    CaseFactory(workspace=workspace, mode=Mode.LIVE, invoice="in_fell", **fell)
    CaseFactory(workspace=workspace, mode=Mode.TEST, invoice="in_unasked", **fell)
    names = ("asked", "failed", "lost", "unasked", "fell")
    put(workspace, *(ask(workspace, n, LetterKind.RECOVERED, invoices=(f"in_{n}",)) for n in names))
    assert go(workspace, Hands()) == Visit(2)
    never = ("skipped", "No letter that asks for the payment had gone out")
    assert {name: fates(workspace)[name] for name in names} == {
        "asked": ("sent", ""),
        "failed": never,
        "lost": never,
        "unasked": never,
        "fell": ("sent", ""),
    }


def test_with_dunning_turned_off_only_what_people_asked_for_goes_out(
    workspace: Workspace, ada: Any, box: Mailbox
) -> None:
    owed(workspace)
    put(
        workspace,
        ask(workspace, "schedule", invoices=("in_1",)),
        ask(workspace, "person", invoices=("in_1",)),
        ask(workspace, "welcome", LetterKind.GOODBYE),
    )
    PolicyFactory(workspace=workspace, mode=Mode.LIVE, enabled=False)
    CaseEntryFactory(workspace=workspace, mode=Mode.LIVE, invoice="in_1", kind="letter", key="schedule", by="")
    CaseEntryFactory(workspace=workspace, mode=Mode.TEST, invoice="in_1", kind="letter", key="schedule", by="x@y.z")
    CaseEntryFactory(workspace=workspace, mode=Mode.LIVE, invoice="in_1", kind="letter", key="person", by="x@y.z")
    assert go(workspace, Hands()) == Visit(2)
    assert fates(workspace) == {
        "schedule": ("skipped", "Dunning was turned off"),
        "person": ("sent", ""),
        "welcome": ("sent", ""),
    }


def test_of_several_invoices_those_are_asked_for_that_are_still_owed(
    workspace: Workspace, ada: Any, box: Mailbox
) -> None:
    owed(workspace, "in_1", status="paid", amount_remaining=0, number="A-1")
    owed(workspace, "in_2", number="A-2", hosted_invoice_url=f"{URL}2")
    owed(workspace, "in_3", number="A-3", currency="eur", amount_remaining=100, hosted_invoice_url=f"{URL}3")
    LetterTextFactory(
        workspace=workspace,
        mode=Mode.LIVE,
        kind=LetterKind.REMINDER_1,
        body="$amount of $invoice_number: $payment_link",
    )
    facts = {"amount": "$98.00", "invoice_number": "A-1, A-2 and A-3"}
    put(workspace, ask(workspace, facts=facts, invoices=("in_1", "in_2", "in_3"), payment_url=URL))
    go(workspace, Hands())
    assert parts(box.mails[0])[0] == (f"€1.00 and $49.00 of A-2 and A-3: A-2: $49.00 {URL}2\nA-3: €1.00 {URL}3\n")
    (row,) = letters(workspace)
    assert (row.invoices, row.payment_url) == (["in_2", "in_3"], f"{URL}3")
    assert row.pages == [["A-2: $49.00", f"{URL}2"], ["A-3: €1.00", f"{URL}3"]]


def test_each_of_several_invoices_has_its_link_but_one_that_has_no_page(
    workspace: Workspace, ada: Any, box: Mailbox
) -> None:
    first = owed(workspace, "in_1", number="A-1", hosted_invoice_url=f"{URL}1")
    owed(workspace, "in_2", number=None, amount_remaining=2000, hosted_invoice_url=f"{URL}2")
    owed(workspace, "in_3", number="A-3", hosted_invoice_url=None)
    pages = (("A-1: $49.00", f"{URL}1"), ("in_2: $20.00", f"{URL}2"))
    # The one that leads has no page: those of the others are linked all the same.
    several = ask(workspace, invoices=("in_3", "in_1", "in_2"), payment_url=f"{URL}2", pages=pages)
    put(workspace, several)
    with scoped_transaction(workspace):
        type(first).objects.filter(pk=first.pk).update(hosted_invoice_url=f"{URL}9", amount_remaining=1000)
    go(workspace, Hands())
    text, html = parts(box.mails[0])
    assert text == (
        "Hello Ada <b>,\n\nYou can pay or change your payment details here:\n\n"
        f"A-1: $10.00 {URL}9\nin_2: $20.00 {URL}2\n\n"
        "If you have paid in the meantime, there is nothing left to do.\n\nAcme\n"
    )
    assert re.findall(r'<a href="([^"]*)"', html) == [f"{URL}9", f"{URL}2"]
    assert "A-1: $10.00 <a" in html
    assert "in_2: $20.00 <a" in html
    assert "A-3" not in html


def test_where_one_of_several_has_a_page_it_is_the_link(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    owed(workspace, "in_1", hosted_invoice_url=None)
    owed(workspace, "in_2", hosted_invoice_url=f"{URL}2")
    put(workspace, ask(workspace, invoices=("in_1", "in_2"), payment_url=f"{URL}2"))
    go(workspace, Hands())
    assert f"details here:\n\n{URL}2\n\nIf you" in parts(box.mails[0])[0]


def test_that_access_is_reduced_is_said_only_while_it_is(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    """By then, another invoice that is owed reduces nothing yet; and nothing further is warned of that was paid."""
    here = {"workspace": workspace, "mode": Mode.LIVE, "customer": "cus_ada", "subscription": "sub_1"}
    for invoice, status in (("in_1", "open"), ("in_2", "paid"), ("in_3", "open"), ("in_4", "paid"), ("in_5", "open")):
        owed(workspace, invoice, status=status)
        if invoice in ("in_1", "in_3", "in_4"):
            AccessHoldFactory(**here, invoice=invoice)
    facts = {"amount": "$98.00", "downgrade_date": "March 20, 2026"}
    reduced = LetterKind.ACCESS_REDUCED
    put(
        workspace,
        ask(workspace, "paid further", reduced, invoices=("in_1", "in_2"), facts=facts),
        ask(workspace, "both", reduced, invoices=("in_3", "in_5"), facts=facts),
        ask(workspace, "given back", reduced, invoices=("in_4", "in_5"), facts=facts),
    )
    assert go(workspace, Hands()) == Visit(2)
    assert fates(workspace)["given back"] == ("skipped", "Access was given back meanwhile")
    first, second = (parts(mail)[0] for mail in box.mails)
    assert ("payment of $49.00" in first, "further" in first) == (True, False)
    assert ("payment of $98.00" in second, "by March 20, 2026, access is reduced further" in second) == (True, True)


def test_the_newest_page_and_address_are_used(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    invoice = owed(workspace)
    put(workspace, ask(workspace, invoices=("in_1",), payment_url=URL))
    with scoped_transaction(workspace):
        type(invoice).objects.update(hosted_invoice_url="https://pay.acme.example/new")
        type(ada).objects.update(email="ada@new.example")
    go(workspace, Hands())
    (mail,) = box.mails
    assert mail["To"] == "ada@new.example"
    assert "https://pay.acme.example/new" in parts(mail)[0]


def test_who_subscribed_meanwhile_is_not_asked_whether_they_need_help(
    workspace: Workspace, ada: Any, box: Mailbox
) -> None:
    later = THEN + timedelta(days=3)
    put(workspace, ask(workspace, kind=LetterKind.ONBOARDING_FOLLOWUP, not_before=later))
    SubscriptionFactory(workspace=workspace, mode=Mode.LIVE, customer="cus_ada", status="active")
    assert go(workspace, Hands()) == Visit()
    assert fates(workspace) == {"k:": ("waiting", "")}
    go(workspace, Hands(later))
    assert fates(workspace) == {"k:": ("skipped", "There is a subscription by now")}
    assert box.mails == []


def test_who_has_left_again_is_not_welcomed(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    SubscriptionFactory(workspace=workspace, mode=Mode.LIVE, customer="cus_ada", status="canceled")
    put(workspace, ask(workspace, kind=LetterKind.WELCOME))
    go(workspace, Hands())
    assert fates(workspace) == {"k:": ("skipped", "The subscription is over already")}


def test_what_was_decided_meanwhile_about_letters_holds(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    put(workspace, ask(workspace, "off", LetterKind.GOODBYE), ask(workspace, "gone", LetterKind.WELCOME))
    LetterTextFactory(workspace=workspace, mode=Mode.LIVE, kind=LetterKind.GOODBYE, enabled=False)
    UnsubscribedFactory(workspace=workspace, mode=Mode.LIVE, address="ada@example.com")
    assert go(workspace, Hands()) == Visit()
    put(workspace, ask(workspace, "refused"))
    with scoped_transaction(workspace):
        answer(workspace.pk, Mode.LIVE, wanted=False, by="a@b.example", now=THEN)
    assert go(workspace, Hands()) == Visit()
    assert fates(workspace) == {
        "off": ("skipped", "Letters of this kind are turned off"),
        "gone": ("skipped", "The customer unsubscribed"),
        "refused": ("skipped", "The workspace answered that customers get no letters"),
    }
    put(workspace, ask(workspace, "held"))
    with scoped_transaction(workspace):
        LetterPolicy.objects.all().delete()
        Letter.objects.filter(dedupe_key="held").update(state="waiting", reason="")
    go(workspace, Hands())
    assert fates(workspace)["held"] == ("held", "Letters to customers were not answered yet")
    assert box.mails == []


def test_a_letter_that_could_not_be_sent_for_three_days_is_too_old(
    workspace: Workspace, ada: Any, box: Mailbox
) -> None:
    put(workspace, ask(workspace))
    go(workspace, Hands(THEN + timedelta(hours=72)))
    assert fates(workspace) == {"k:": ("skipped", "Too old when it could be sent")}
    assert box.mails == []


# Pace and trouble ----------------------------------------------------------------------------------------------------


def test_ten_a_second_go_out_for_five_seconds(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    put(workspace, *(ask(workspace, f"{n:02}") for n in range(52)))
    hands = Hands()
    assert go(workspace, hands) == Visit(50, more=True)
    assert hands.at == THEN + timedelta(seconds=5)
    assert go(workspace, hands) == Visit(2)


def test_refused_for_good(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    put(workspace, ask(workspace, "one"), ask(workspace, "two"))
    box.refuse = True
    assert go(workspace, Hands()) == Visit()
    assert set(fates(workspace).values()) == {("failed", "The mail server: 550 No such mailbox")}
    assert {row.settled_at - THEN for row in letters(workspace)} == {timedelta(0), timedelta(seconds=0.1)}


def test_refused_for_now_is_tried_for_three_days_with_growing_pauses(
    workspace: Workspace, ada: Any, box: Mailbox
) -> None:
    put(workspace, ask(workspace))
    box.refuse, box.refusal = True, "451 Try again later"
    hands, pauses = Hands(), []
    while True:
        assert go(workspace, hands) == Visit(more=True)
        (row,) = letters(workspace)
        if row.state != "waiting":
            break
        pauses.append((row.next_attempt_at - hands.at).total_seconds())
        hands.at = row.next_attempt_at
    assert pauses[:10] == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]
    assert set(pauses[10:]) == {3600}
    assert fates(workspace) == {"k:": ("failed", "Given up: The mail server: 451 Try again later")}
    assert timedelta(hours=71) < row.settled_at - THEN < timedelta(hours=72)


def test_while_the_mail_server_is_away_a_lane_rests(workspace: Workspace, ada: Any, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    put(workspace, *(ask(workspace, key) for key in ("a", "b", "c")))
    hands = Hands()
    assert go(workspace, hands) == Visit()
    assert [(row.tries, row.next_attempt_at - THEN) for row in letters(workspace)] == [
        (1, timedelta(seconds=5)),
        (0, timedelta(minutes=1)),
        (0, timedelta(minutes=1)),
    ]
    hands.move(seconds=5)
    assert go(workspace, hands) == Visit()
    with post_office(settings) as box:
        hands.move(minutes=2)
        assert go(workspace, hands) == Visit(3)
        assert len({mail["Message-ID"] for mail in box.mails}) == 3
    assert set(fates(workspace).values()) == {("sent", "")}


def test_a_lane_that_is_held_is_left_alone(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    put(workspace, ask(workspace))
    lock = (Work.LETTERS + lane_of(workspace.pk, Mode.LIVE),)
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("SELECT pg_advisory_lock(%s)", lock)
        assert go(workspace, Hands()) == Visit()
        assert box.mails == []
        other.execute("SELECT pg_advisory_unlock(%s)", lock)
        assert go(workspace, Hands()) == Visit(1)


class Killed(BaseException):
    """Nothing catches it, as nothing catches kill -9."""


def test_who_dies_while_sending_leaves_a_flag_and_the_next_one_gives_up(
    workspace: Workspace, ada: Any, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(workspace, ask(workspace, "once"))
    settle = sending._settle

    def die(*_: Any) -> None:
        raise Killed

    monkeypatch.setattr(sending, "_settle", die)
    with pytest.raises(Killed):
        go(workspace, Hands())
    monkeypatch.setattr(sending, "_settle", settle)
    assert go(workspace, Hands()) == Visit(1)
    (row,) = letters(workspace)
    assert (row.state, row.possible_duplicate, row.lost_claims, row.tries) == ("sent", True, 1, 2)
    assert len(box.mails) == 2
    assert len({mail["Message-ID"] for mail in box.mails}) == 1

    put(workspace, ask(workspace, "twice"))
    monkeypatch.setattr(sending, "_settle", die)
    for _ in range(2):
        with pytest.raises(Killed):
            go(workspace, Hands())
    monkeypatch.setattr(sending, "_settle", settle)
    assert go(workspace, Hands()) == Visit()
    assert fates(workspace)["twice"] == ("failed", DIED_TWICE)
    assert len(box.mails) == 4


def test_a_letter_that_is_stopped_while_it_is_under_way(
    workspace: Workspace, ada: Any, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(workspace, ask(workspace, "sent:"), ask(workspace, "refused:"))
    post = sending.post

    def meanwhile(message: Any) -> Any:
        with scoped_transaction(workspace):
            outbox.stop(workspace.pk, Mode.LIVE, "sent:" if not box.mails else "refused:", "Paid", THEN)
        outcome = post(message)
        box.refuse = True
        return outcome

    monkeypatch.setattr(sending, "post", meanwhile)
    assert go(workspace, Hands()) == Visit(1)
    assert fates(workspace) == {"sent:": ("sent", ""), "refused:": ("skipped", "Paid")}


def test_a_workspace_that_is_deleted_meanwhile(
    workspace: Workspace, ada: Any, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(workspace, ask(workspace))
    post = sending.post

    def meanwhile(message: Any) -> Any:
        with scope(workspace):
            delete_workspace(workspace)
        return post(message)

    monkeypatch.setattr(sending, "post", meanwhile)
    assert go(workspace, Hands()) == Visit(1)


def test_a_letter_costs_a_known_number_of_statements(workspace: Workspace, ada: Any, box: Mailbox) -> None:
    owed(workspace)
    put(workspace, ask(workspace, invoices=("in_1",)))
    with CaptureQueriesContext(
        connection,
    ) as queries:
        go(workspace, Hands())
    asked = [q["sql"] for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))]
    assert len(asked) == 24


# Tasks and the command -----------------------------------------------------------------------------------------------


def test_tasks_send_what_is_due_lane_by_lane(workspace: Workspace, box: Mailbox) -> None:
    other = WorkspaceFactory()
    for place in (workspace, other):
        LetterPolicyFactory(workspace=place, mode=Mode.LIVE)
        CustomerFactory(workspace=place, mode=Mode.LIVE, stripe_id="cus_1", email="ada@example.com")
        LetterFactory(workspace=place, mode=Mode.LIVE, next_attempt_at=THEN, give_up_at=THEN + timedelta(days=9999))
    LetterFactory(workspace=other, state="held")
    LetterFactory(workspace=other, next_attempt_at=THEN + timedelta(days=9999))
    assert sweep_letters() == 2
    assert send_letters(lane_of(workspace.pk, Mode.LIVE)) == 1
    assert sweep_letters() == 1
    assert len(box.mails) == 1


def test_the_command_lets_what_failed_be_tried_again(workspace: Workspace) -> None:
    LetterFactory(workspace=workspace, mode=Mode.LIVE, state="failed", created_at=THEN)
    LetterFactory(workspace=workspace, mode=Mode.TEST, state="failed", created_at=THEN)
    out = StringIO()
    call_command("letters_retry", "acme", "--mode", "live", "--hours", "8760", "--json", stdout=out)
    assert out.getvalue() == '{"retried": 1}\n'
    assert [row.state for row in letters(workspace)] == ["waiting", "failed"]
    call_command("letters_retry", "acme", "--mode", "live", stdout=out)
    assert out.getvalue().endswith("0 letters are tried again.\n")
    with pytest.raises(CommandError, match="There is no workspace 'nobody'"):
        call_command("letters_retry", "nobody", "--mode", "live")
    with pytest.raises(CommandError, match="--hours is a number from 1 to 8760"):
        call_command("letters_retry", "acme", "--mode", "live", "--hours", "0")
