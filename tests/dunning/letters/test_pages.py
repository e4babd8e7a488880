"""Settings › Billing › Letters: the question, the sender, texts, trials, and what became of each letter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.modes import Mode
from dunning.letters import LetterKind, senders, texts
from dunning.models import Letter, LetterPolicy, LetterText, Sender
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.tenancy import scoped_transaction
from tests.dunning.letters.stage import URL, letters, post_office
from tests.factories import (
    THEN,
    ConnectionFactory,
    CustomerFactory,
    FailureFactory,
    InvoiceFactory,
    MembershipFactory,
    PriceFactory,
    SubscriptionFactory,
    WorkspaceFactory,
)
from tests.factories_dunning import CardFactory, PolicyFactory
from tests.factories_letters import LetterFactory, LetterPolicyFactory, LetterTextFactory, SenderFactory
from tests.smtp import Mailbox

pytestmark = pytest.mark.django_db

HERE = "/w/acme/live/letters/"
TEXT = f"{HERE}texts/reminder_1/"
GOOD = {"enabled": "on", "subject": "Pay $amount", "body": "Hello $customer_name,\r\n\r\n$payment_link"}


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    with post_office(settings) as box:
        yield box


def text_of(client: Client, path: str, status: int = 200) -> str:
    answered = client.get(path)
    assert answered.status_code == status
    return " ".join(answered.content.decode().split())


def policy(workspace: Workspace, mode: Mode = Mode.LIVE) -> bool | None:
    with scoped_transaction(workspace):
        return LetterPolicy.objects.filter(mode=mode).values_list("wanted", flat=True).first()


# The question --------------------------------------------------------------------------------------------------------


def test_the_question_is_asked_where_stripe_is_connected_and_answered_once(
    workspace: Workspace, admin_client: Client
) -> None:
    ConnectionFactory(workspace=workspace, mode=Mode.LIVE)
    LetterFactory(workspace=workspace, mode=Mode.LIVE, state="held", give_up_at=THEN + timedelta(days=9999))
    LetterFactory(workspace=workspace, mode=Mode.TEST, state="held")
    page = "/w/acme/settings/integrations/stripe/"
    shown = text_of(admin_client, page)
    assert shown.count("Letters are held until this is answered.") == 1  # test mode is not connected
    assert "1 waits now; those that are older than three days are skipped." in shown
    assert '<input type="radio" name="wanted" value="yes" required id="live_wanted_0" checked>' in shown
    answered = admin_client.post(f"{HERE}answer/", {"wanted": "yes", "asked_at": "connection"}, follow=True)
    assert answered.redirect_chain == [(page, 302)]
    shown = " ".join(answered.content.decode().split())
    assert "Customers get letters from now on. 1 that was held goes out now." in shown
    assert "Letters are held" not in shown
    assert (policy(workspace), policy(workspace, Mode.TEST)) == (True, None)
    assert [row.state for row in letters(workspace)] == ["waiting", "held"]


def test_the_answer_can_be_changed(workspace: Workspace, admin_client: Client, viewer_client: Client) -> None:
    LetterPolicyFactory(workspace=workspace, mode=Mode.LIVE, answered_by="ada@example.com")
    LetterFactory(workspace=workspace, mode=Mode.LIVE)
    assert 'Customers get letters. <span class="soft">Answered by ada@example.com' in text_of(viewer_client, HERE)
    assert "Stop all letters" not in text_of(viewer_client, HERE)
    assert "Stop all letters" in text_of(admin_client, HERE)
    assert admin_client.post(f"{HERE}answer/", {"wanted": "no"}).headers["Location"] == HERE
    assert policy(workspace) is False
    assert [row.state for row in letters(workspace)] == ["skipped"]
    assert admin_client.post(f"{HERE}answer/", {"wanted": "perhaps"}).status_code == 422
    assert policy(workspace) is False


# The sender ----------------------------------------------------------------------------------------------------------


def test_the_page_says_where_answers_go(workspace: Workspace, admin_client: Client) -> None:
    owner = MembershipFactory(workspace=workspace).user.email
    until = "(the owner, until you say where customers can answer)"
    assert f"<dt>Answers go to</dt> <dd>{owner} {until}</dd>" in text_of(admin_client, HERE)
    sender = SenderFactory(workspace=workspace, reply_to="help@acme.example")
    assert "<dt>Answers go to</dt> <dd>help@acme.example</dd>" in text_of(admin_client, HERE)
    with scoped_transaction(workspace):
        type(sender).objects.update(reply_to="", verified_at=THEN)
    assert "<dt>Answers go to</dt> <dd>the address that letters come from</dd>" in text_of(admin_client, HERE)


def test_a_sender_is_verified_by_a_mailed_link(
    workspace: Workspace, admin_client: Client, box: Mailbox, client: Client, settings: Any
) -> None:
    given = {"name": "Acme Billing", "reply_to": "help@acme.example", "address": "billing@acme.example"}
    with time_machine.travel(THEN, tick=False):
        answered = admin_client.post(f"{HERE}sender/", given, follow=True)
    assert "A link was mailed to billing@acme.example." in answered.content.decode()
    assert "is not verified yet" in answered.content.decode()
    (mail,) = box.mails
    assert (mail["To"], mail["Subject"]) == ("billing@acme.example", "May Acme send letters from this address?")
    link = next(word for word in mail.get_body(("plain",)).get_content().split() if "/confirm/" in word)
    path = link.removeprefix(settings.PQ_BASE_URL)
    with time_machine.travel(THEN + timedelta(days=6), tick=False):
        assert "Confirm the address" in client.get(path).content.decode()
        with scoped_transaction(workspace):
            assert senders.sender_of(workspace.pk).verified_at is None  # scanners open links
        assert "The address is confirmed" in client.post(path).content.decode()
        with scoped_transaction(workspace):
            assert senders.sender_of(workspace.pk).verified_at == THEN + timedelta(days=6)
        other = WorkspaceFactory(slug="other")
        assert client.post(path.replace("/w/acme/", "/w/other/")).status_code == 404
        nowhere = client.post(path.replace("/w/acme/", "/w/nobody/"))
        assert nowhere.status_code == 404
        assert "This link cannot be used" in nowhere.content.decode()  # whether there is such a workspace is not told
        with scoped_transaction(other):
            assert Sender.objects.count() == 0
        admin_client.post(f"{HERE}sender/", given | {"address": "else@acme.example"})
        with scoped_transaction(workspace):
            assert senders.sender_of(workspace.pk).verified_at is None
        assert client.get(path).status_code == 404  # it was of another address
    with time_machine.travel(THEN + timedelta(days=8), tick=False):
        assert client.get(path).status_code == 404


def test_links_are_mailed_once_a_minute_and_twenty_a_day_at_most(workspace: Workspace) -> None:
    SenderFactory(workspace=workspace)
    with scoped_transaction(workspace):
        assert senders.may_mail_link(workspace.pk, THEN)
        assert not senders.may_mail_link(workspace.pk, THEN + timedelta(seconds=59))
        for minute in range(1, 20):
            assert senders.may_mail_link(workspace.pk, THEN + timedelta(minutes=minute))
        assert not senders.may_mail_link(workspace.pk, THEN + timedelta(hours=23))
        assert senders.may_mail_link(workspace.pk, THEN + timedelta(hours=24))
        Sender.objects.update(verified_at=THEN)
        assert not senders.may_mail_link(workspace.pk, THEN + timedelta(hours=25))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "Acme\r\nBcc: all@example.com"),
        ("name", "Acme <ceo@bank.example>"),
        ("address", "a@b.example\r\nBcc: c@d.example"),
        ("reply_to", "not an address"),
    ],
)
def test_a_sender_cannot_bring_a_header(
    workspace: Workspace, admin_client: Client, box: Mailbox, field: str, value: str
) -> None:
    answered = admin_client.post(f"{HERE}sender/", {field: value})
    assert answered.status_code == 422
    assert "field-errors" in answered.content.decode()
    assert box.mails == []
    with scoped_transaction(workspace):
        assert Sender.objects.count() == 0


def test_a_mail_server_that_is_away_is_said(workspace: Workspace, admin_client: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    answered = admin_client.post(f"{HERE}sender/", {"address": "billing@acme.example"}, follow=True)
    assert "The mail server did not take the mail." in answered.content.decode()


# Texts ---------------------------------------------------------------------------------------------------------------


def test_a_text_is_written_saved_and_taken_back(workspace: Workspace, admin_client: Client) -> None:
    assert "Our text, until you write your own." in text_of(admin_client, TEXT)
    assert admin_client.post(TEXT, GOOD).headers["Location"] == TEXT
    with scoped_transaction(workspace):
        row = LetterText.objects.get()
    assert (row.mode, row.kind, row.subject, row.body, row.enabled) == (
        "live", "reminder_1", "Pay $amount", "Hello $customer_name,\n\n$payment_link", True,
    )  # fmt: skip
    assert "Your own text." in text_of(admin_client, TEXT)
    assert "Our text" in text_of(admin_client, "/w/acme/test/letters/texts/reminder_1/")
    admin_client.post(f"{TEXT}reset/")
    assert "Our text" in text_of(admin_client, TEXT)
    assert text_of(admin_client, f"{HERE}texts/nonsense/", 404)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("subject", "One\r\nBcc: all@example.com", "A subject is one line."),
        ("subject", "$nonsense", "$nonsense is no placeholder of this letter."),
        ("body", "Costs $5", "Write $$ for the sign itself."),
        ("body", "", "This field is required."),
    ],
)
def test_a_text_that_cannot_be_used_comes_back_with_what_was_typed(
    workspace: Workspace, admin_client: Client, box: Mailbox, field: str, value: str, said: str
) -> None:
    typed = GOOD | {"body": "Kept <as it is>"} | {field: value}
    for path in (TEXT, f"{TEXT}preview/", f"{TEXT}trial/"):
        answered = admin_client.post(path, typed)
        shown = answered.content.decode()
        assert answered.status_code == 422
        assert said in shown
        assert "There is no preview of this text" in shown
        if field == "subject":
            assert "Kept &lt;as it is&gt;</textarea>" in shown
    assert box.mails == []
    with scoped_transaction(workspace):
        assert LetterText.objects.count() == Letter.objects.count() == 0


def test_the_preview_has_the_newest_real_case_and_keeps_nothing(workspace: Workspace, admin_client: Client) -> None:
    assert "made-up facts" in text_of(admin_client, TEXT)
    CustomerFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="cus_1", name="Bob <i>", email="bob@x.example")
    InvoiceFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="in_1", number="B-7", hosted_invoice_url=URL)
    FailureFactory(
        workspace=workspace, mode=Mode.LIVE, subject="in_1", invoice="in_1", customer="cus_1", amount=12300,
        currency="eur", decline_code="stolen_card", happened_at=THEN,
    )  # fmt: skip
    FailureFactory(invoice="in_1", subject="in_1", mode=Mode.LIVE, amount=99900)  # another workspace's
    typed = GOOD | {"body": "$customer_name owes $amount for $invoice_number. $reason\n\n$payment_link"}
    answered = admin_client.post(f"{TEXT}preview/", typed, headers={"HX-Request": "true"})
    shown = answered.content.decode()
    assert answered.status_code == 200
    assert "<html" not in shown
    assert "With the facts of Bob &lt;i&gt;" in shown
    assert "Bob &lt;i&gt; owes €123.00 for B-7. Your bank declined the payment." in shown
    assert f'<a href="{URL}"' in shown
    assert "stolen" not in shown
    with scoped_transaction(workspace):
        assert LetterText.objects.count() == Letter.objects.count() == 0


def test_the_preview_about_cards_has_the_one_that_expires_the_soonest(
    workspace: Workspace, admin_client: Client
) -> None:
    path = f"{HERE}texts/card_expiring/"
    typed = {"subject": "Your card", "body": "$customer_name: $card, until $date, for $plan.", "enabled": "on"}

    def shown() -> tuple[str, str]:
        answered = admin_client.post(f"{path}preview/", typed)
        assert answered.status_code == 200
        (text,) = answered.context["preview"].wording.paragraphs
        return answered.context["source"], "".join(piece.text for piece in text)

    def card(year: int, customer: str, last4: str, **of: Any) -> None:
        of = {"workspace": workspace, "mode": Mode.LIVE} | of
        CardFactory(customer=customer, exp_year=year, exp_month=1, last4=last4, **of)

    soon = timezone.now().year + 1
    example = "An example with a made-up card and customer: no valid card is known yet."
    here = {"workspace": workspace, "mode": Mode.LIVE}
    CustomerFactory(**here, stripe_id="cus_1", name="Bob")
    PriceFactory(**here, stripe_id="price_1", nickname="Studio")
    SubscriptionFactory(**here, stripe_id="sub_1", customer="cus_1", items=[{"price": "price_1", "quantity": 1}])
    SubscriptionFactory(**here, stripe_id="sub_2", customer="cus_2")
    card(soon - 2, "cus_1", "1111")  # not valid any more
    card(soon, "cus_1", "2222", mode=Mode.TEST)
    card(soon, "cus_1", "3333", workspace=WorkspaceFactory())
    source, text = shown()
    assert source == example
    assert text.startswith("Ada Lovelace: Visa •••• 4242, until ")
    assert text.endswith(", for Team.")
    card(soon + 1, "cus_2", "4444")
    card(soon, "cus_1", "5555")
    source, text = shown()
    assert source == "With the facts of Bob, whose card expires the soonest."
    assert text == f"Bob: Visa •••• 5555, until January {soon}, for Studio."
    assert "With the facts of Bob, whose card expires the soonest." in text_of(admin_client, path)


def test_a_trial_goes_to_whoever_asks_and_to_nobody_else(
    workspace: Workspace, admin_client: Client, box: Mailbox
) -> None:
    SenderFactory(workspace=workspace, name="Acme Billing")
    answered = admin_client.post(f"{TEXT}trial/", GOOD)
    (mail,) = box.mails
    assert f"A trial was sent to {mail['To']}." in answered.content.decode()
    assert mail["To"] == answered.context["user"].email
    assert (mail["Subject"], mail["Reply-To"]) == ("[Trial] Pay $49.00", "help@acme.example")
    (row,) = letters(workspace)
    assert (row.state, row.customer, row.tries, row.to) == ("sent", "", 1, mail["To"])
    with scoped_transaction(workspace):
        assert texts.text_of(workspace.pk, Mode.LIVE, LetterKind.REMINDER_1) == texts.DEFAULTS[LetterKind.REMINDER_1]
    box.refuse = True
    answered = admin_client.post(f"{TEXT}trial/", GOOD)
    assert "The trial was not sent. The mail server: 550 No such mailbox" in answered.content.decode()
    assert [row.state for row in letters(workspace)] == ["sent", "failed"]


def test_trials_are_not_endless(workspace: Workspace, admin_client: Client, box: Mailbox) -> None:
    with time_machine.travel(THEN + timedelta(minutes=59), tick=False):
        for _ in range(30):
            LetterFactory(workspace=workspace, mode=Mode.LIVE, customer="", state="sent")
        assert "30 trials were sent" in admin_client.post(f"{TEXT}trial/", GOOD).content.decode()
    assert box.mails == []


# Letters -------------------------------------------------------------------------------------------------------------


def test_letters_are_listed_with_their_fate_page_by_page(workspace: Workspace, viewer_client: Client) -> None:
    CustomerFactory(workspace=workspace, mode=Mode.LIVE, stripe_id="cus_1", name="Ada")
    LetterFactory(workspace=workspace, mode=Mode.LIVE, kind="final_warning", state="skipped", reason="Paid meanwhile")
    for _ in range(30):
        LetterFactory(workspace=workspace, mode=Mode.LIVE)
    LetterFactory(workspace=workspace, mode=Mode.TEST, reason="of test mode")
    LetterFactory(mode=Mode.LIVE, reason="of another workspace")
    first = text_of(viewer_client, HERE)
    assert (first.count(">First reminder<"), "Paid meanwhile" in first) == (31, False)  # one is among the texts
    older = viewer_client.get(HERE).context["older"]
    second = text_of(viewer_client, f"{HERE}?before={older}")
    assert "Paid meanwhile" in second
    assert "What they say" not in second
    for page in (first, second):
        assert "of test mode" not in page
        assert "of another workspace" not in page
    beginning = viewer_client.get(f"{HERE}?before=nonsense").context["lines"]
    assert beginning == viewer_client.get(HERE).context["lines"]


def test_the_page_costs_the_same_however_many_letters_there_are(workspace: Workspace, viewer_client: Client) -> None:
    counts = []
    for batch in (1, 28):
        for number in range(batch):
            LetterFactory(workspace=workspace, mode=Mode.LIVE, customer=f"cus_{batch}_{number}")
        viewer_client.get(HERE)
        with CaptureQueriesContext(connection) as queries:
            viewer_client.get(HERE)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 18


def test_one_letter_shows_what_was_sent_or_would_be(workspace: Workspace, viewer_client: Client) -> None:
    waiting = LetterFactory(workspace=workspace, mode=Mode.LIVE, invoices=["in_1"])
    shown = text_of(viewer_client, f"{HERE}{waiting.pk}/")
    assert "What it says, as things are now" in shown
    assert "please pay 49.00 USD:" in shown
    assert '<a href="/w/acme/live/invoices/in_1/">in_1</a>' in shown
    mail = {
        "from": "Acme <no-reply@x.example>", "reply_to": "", "to": ["ada@example.com"], "subject": "Pay <now>",
        "heading": "", "text": "Hello Ada,\n\nas it was.\n",
    }  # fmt: skip
    sent = LetterFactory(
        workspace=workspace, mode=Mode.LIVE, state="sent", mail=mail, possible_duplicate=True, settled_at=THEN
    )
    shown = text_of(viewer_client, f"{HERE}{sent.pk}/")
    assert "What was sent" in shown
    assert "<p>as it was.</p>" in shown
    assert "Pay &lt;now&gt;" in shown
    assert "it may be there twice" in shown
    for other in (LetterFactory(workspace=workspace, mode=Mode.TEST), LetterFactory(mode=Mode.LIVE)):
        text_of(viewer_client, f"{HERE}{other.pk}/", 404)


def test_kinds_that_are_turned_off_are_shown_as_off(workspace: Workspace, viewer_client: Client) -> None:
    LetterTextFactory(workspace=workspace, mode=Mode.LIVE, kind=LetterKind.GOODBYE, enabled=False)
    known = {one.kind: one.enabled for one in viewer_client.get(HERE).context["texts"]}
    assert [kind for kind, enabled in known.items() if not enabled] == [LetterKind.CARD_EXPIRING, LetterKind.GOODBYE]


def test_the_policy_is_the_switch_of_the_notice_about_cards(workspace: Workspace, admin_client: Client) -> None:
    here = f"{HERE}texts/card_expiring/"
    PolicyFactory(workspace=workspace, mode=Mode.TEST, card_notice=True)  # of the other mode
    page = admin_client.get(here)
    assert (page.context["known"].enabled, "enabled" in page.context["form"].fields) == (False, False)
    assert "the month at whose end the card expires" in page.content.decode()
    assert f"expires at the end of {timezone.now() + timedelta(days=30):%B %Y}." in page.content.decode()
    own = {"subject": "Your card", "body": "Hello $customer_name,\n\n$card ends with $date. It pays for $plan."}
    assert admin_client.post(here, {**own, "body": "$amount"}).status_code == 422
    assert admin_client.post(here, own).status_code == 302
    with scoped_transaction(workspace):
        assert LetterText.objects.get(kind=LetterKind.CARD_EXPIRING).enabled
    PolicyFactory(workspace=workspace, mode=Mode.LIVE, card_notice=True)
    known = {one.kind: one for one in admin_client.get(HERE).context["texts"]}[LetterKind.CARD_EXPIRING]
    assert (known.enabled, known.own, known.text["subject"]) == (True, True, "Your card")
