"""However much a customer owes, what is said of it fits a letter, a message and a page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from billing.modes import Mode
from billing.money import Money
from dunning.case_page import MOST_LINES
from dunning.letters import compose
from dunning.letters.checks import refresh
from dunning.wording import MOST_LISTED, amounts, and_more, listed
from integrations.models import Delivery
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scoped_transaction
from tests.factories import THEN, WorkspaceFactory
from tests.factories_dunning import CaseEntryFactory, CaseFactory
from tests.factories_letters import LetterFactory

from .story import Story

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "https://invoice.stripe.com/i/"


@pytest.fixture
def story(workspace: Workspace) -> Story:
    return Story(workspace)


def owes(story: Story, count: int) -> None:
    """So many invoices fail together, one an hour apart from the next; the newest two are in euros."""
    for number in range(1, count + 1):
        currency = "eur" if number > count - 2 else "usd"
        story.fail(number / 24, f"in_{number:03}", subscription=None, amount=100 * number, currency=currency)


def test_names_are_cut_and_sums_are_not() -> None:
    assert listed("abc", 3) == "a, b and c"
    assert listed("abcde", 3) == "a, b, c and 2 more"
    assert and_more(1234, [Money(100, "usd"), Money(5, "eur"), Money(50, "usd")]) == (
        "and 1,234 more, €0.05 and $1.50 in total"
    )
    many = [Money(100, f"a{letter}{other}") for letter in "abcde" for other in "abcdefgh"]
    assert len(amounts(many).split(", ")) == 39


@pytest.mark.parametrize("count", [20, 21, 60])
def test_a_letter_lists_the_oldest_twenty_and_says_what_the_others_are(story: Story, count: int) -> None:
    owes(story, count)
    story.run(3 + count / 24)
    with scoped_transaction(story.workspace):
        letter = story.letter("reminder_1")
        decided = compose.compose(letter).wording
        reason = refresh(letter)
        mail = compose.compose(letter)
        html = str(compose.message_of(mail, "Acme", "<1@x>").alternatives[0].content)
    assert reason == ""
    assert len(letter.invoices) == count
    lines = [f"IN-{number:03}: ${number}.00 {PAGE}in_{number:03}" for number in range(1, min(count, 20) + 1)]
    if count == 20:
        lines[-2:] = [line.replace("$", "€") for line in lines[-2:]]
    if count == 21:
        lines[-1] = lines[-1].replace("$", "€")
        lines.append("and 1 more, €21.00 in total")
    if count == 60:
        lines.append(f"and 40 more, €119.00 and ${sum(range(21, 59)):,}.00 in total")
    for wording in (decided, mail.wording):
        assert "\n".join(lines) in wording.text
        assert wording.text.count(PAGE) == 20
    assert html.count(f'href="{PAGE}') == 20
    assert (lines[-1] in html) == (count > 20)
    named = letter.facts["invoice_number"]
    assert named.startswith("IN-001, IN-002, ")
    assert named.endswith(" more") == (count > 20)
    assert letter.payment_url == f"{PAGE}in_{count:03}"


def test_what_is_paid_meanwhile_lets_the_next_one_into_the_list(story: Story) -> None:
    owes(story, 23)
    story.run(4)
    story.pay(4, "in_001")
    with scoped_transaction(story.workspace):
        letter = story.letter("reminder_1")
    assert letter.pages[0] == ["IN-002: $2.00", f"{PAGE}in_002"]
    assert letter.pages[19:] == [["IN-021: $21.00", f"{PAGE}in_021"], ["and 2 more, €45.00 in total", ""]]


def test_a_message_to_the_team_says_what_it_does_not_list(story: Story) -> None:
    story.channel()
    story.policy(escalate_amounts={"usd": 0, "eur": 0}, escalate_attempts=None)
    owes(story, 24)
    story.run(1.01)
    with scoped_transaction(story.workspace):
        message = Delivery.objects.get(dedupe_key__startswith="dunning:escalate:").message
    assert len(message["lines"]) == MOST_LISTED + 1
    assert message["lines"][-1] == "and 4 more, €47.00 and $43.00 in total"
    assert message["fields"] == [["Together", "€47.00 and $253.00"]]


def test_the_page_of_a_case_is_no_longer_than_it_can_be_read(
    workspace: Workspace, member_client: Callable[[Role], Client]
) -> None:
    here = {"workspace": workspace, "mode": Mode.LIVE, "customer": "cus_1"}
    CaseFactory(**here, invoice="in_000")
    for number in range(1, 24):
        currency = "eur" if number == 23 else "usd"
        CaseFactory(**here, number=f"A-{number:02}", currency=currency, opened_at=THEN + timedelta(hours=number))
    CaseFactory(**here, number="CLOSED", closed_at=THEN)
    CaseFactory(**here | {"mode": Mode.TEST}, number="TESTED")
    CaseFactory(**here | {"workspace": WorkspaceFactory()}, number="STRANGE")
    for number in range(MOST_LINES + 1):
        CaseEntryFactory(workspace=workspace, mode=Mode.LIVE, invoice="in_000", text=f"Line {number:03}.")
    page = member_client(Role.VIEWER).get(f"/w/{workspace.slug}/live/dunning/cases/in_000/").content.decode()
    assert [f"A-{number:02}<" in page for number in (1, 20, 21)] == [True, True, False]
    assert "and 3 more, €49.00 and $98.00 in total" in page
    assert "?customer=cus_1&amp;status=running" in page
    assert ("Line 200." in page, "Line 001." in page, "Line 000." in page) == (True, True, False)
    assert "The newest 200 lines are shown" in page
    for stranger in ("CLOSED", "TESTED", "STRANGE"):
        assert stranger not in page


def test_the_page_of_a_letter_names_twenty_of_its_invoices(
    workspace: Workspace, member_client: Callable[[Role], Client]
) -> None:
    invoices = [f"in_{number:03}" for number in range(25)]
    letter = LetterFactory(workspace=workspace, mode=Mode.LIVE, invoices=invoices)
    page = member_client(Role.VIEWER).get(f"/w/{workspace.slug}/live/letters/{letter.pk}/").content.decode()
    assert ("in_019<" in page, "in_020<" in page) == (True, False)
    assert "25 invoices" in page
