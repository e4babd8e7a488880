"""What people do about cases, by functions and by pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from billing.modes import Mode
from dunning import handling
from dunning.cases import Impossible
from dunning.models import Case, CaseState, Exclusion, ExclusionKind, Letter, Policy
from integrations.channels.gone import GONE
from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from pqintel.workspaces.tenancy import scope, scoped_transaction
from tests.factories import THEN, ChannelFactory, CustomerFactory, WorkspaceFactory
from tests.factories_dunning import CaseFactory, ExclusionFactory, PolicyFactory

from .story import Story

pytestmark = pytest.mark.django_db(transaction=True)
ADA = "ada@example.com"


@pytest.fixture
def story(workspace: Workspace) -> Story:
    return Story(workspace)


def do(story: Story, act: Callable[..., Any], day: float, *more: Any) -> Any:
    with scope(story.workspace):
        return act(story.case(), *more, ADA, story.at(day))


def test_paused_nothing_is_done_and_going_on_skips_what_is_too_old(story: Story) -> None:
    story.fail(0, following=3)
    do(story, handling.pause, 1)
    story.run_until(8)
    assert story.mails() == []
    with pytest.raises(Impossible, match="paused already"):
        do(story, handling.pause, 8)
    do(story, handling.go_on, 8)
    story.run_until(8.1)
    assert [kind for _, kind in story.kinds()] == ["reminder_2"]
    assert story.timeline() == [
        "The payment failed.",
        "Paused.",
        "Goes on.",
        "First reminder: skipped, too old.",
        "Second reminder.",
        "Stripe was asked what came of the announced attempt.",
    ]
    with pytest.raises(Impossible, match="not paused"):
        do(story, handling.go_on, 9)


def test_a_letter_that_waits_does_not_go_out_for_a_paused_case(story: Story) -> None:
    story.subscription("sub_2")
    story.fail(0, "in_1", following=4)
    story.fail(0.5, "in_2", following=4, amount=2000, subscription="sub_2")
    story.run(3)  # one letter for both, and the mail server is away
    do(story, handling.pause, 3.1)
    assert story.mails() == [(3, "reminder_1", "cus_1", ["in_2"], "waiting")]
    with scope(story.workspace):
        handling.pause(story.case("in_2"), ADA, story.at(3.2))
    assert story.mails() == [(3, "reminder_1", "cus_1", ["in_2"], "skipped")]
    assert story.letter("reminder_1").reason == "The case was paused"


def test_a_paused_case_still_ends(story: Story) -> None:
    story.fail(0, following=3)
    do(story, handling.pause, 1)
    story.pay(2)
    assert story.cases() == {"in_1": "recovered"}


def test_resolved_access_comes_back(story: Story) -> None:
    story.fail(0, code="stolen_card")
    story.run_until(14)
    assert story.access().tier == "free"
    do(story, handling.resolve, 15, "Pays by transfer.")
    assert (story.cases(), story.case().reason) == ({"in_1": "resolved"}, "Pays by transfer.")
    assert (story.access().tier, str(story.access().reason)) == ("growth", "active")
    story.run_until(60)
    assert story.timeline()[-1] == "Pays by transfer."
    with pytest.raises(Impossible):
        do(story, handling.resolve, 16, "Again.")


def write_off(story: Story, day: float, invoice: str = "in_1") -> None:
    at = int(story.at(day).timestamp())
    story.change(day, invoice, "uncollectible", "invoice.marked_uncollectible", marked_uncollectible_at=at)


def test_written_off_the_case_ends_and_a_later_payment_gives_access_back(story: Story) -> None:
    story.fail(0, code="stolen_card")
    story.run_until(14)
    write_off(story, 15)
    assert (story.cases(), story.case().reason) == ({"in_1": "lost"}, "The invoice was written off.")
    assert story.access().tier == "free"
    story.fail(30, "in_2", following=33)
    assert story.access().tier == "free"
    story.pay(33, "in_2")
    assert (story.access().tier, str(story.access().reason)) == ("growth", "active")
    story.run_until(60)
    assert story.cases() == {"in_1": "lost", "in_2": "recovered"}
    with pytest.raises(Impossible, match="No access is held back"):
        do(story, handling.give_back, 61)


def test_written_off_a_member_gives_access_back(story: Story) -> None:
    story.fail(0, code="stolen_card")
    story.run_until(14)
    with pytest.raises(Impossible, match="The case still runs"):
        do(story, handling.give_back, 14)
    write_off(story, 15)
    do(story, handling.give_back, 16)
    assert (story.access().tier, str(story.access().reason)) == ("growth", "active")
    assert story.timeline()[-2:] == ["The invoice was written off.", "Access was given back."]
    with pytest.raises(Impossible, match="No access is held back"):
        do(story, handling.give_back, 17)
    story.run_until(60)
    assert story.access().tier == "growth"


def test_excluding_a_customer_ends_all_of_their_cases(story: Story) -> None:
    story.customer("cus_2")
    story.subscription("sub_2")
    story.fail(0, "in_1", following=3)
    story.fail(0, "in_2", following=3, subscription="sub_2")
    story.fail(0, "in_3", following=3, customer="cus_2", subscription=None)
    with scope(story.workspace):
        for _ in range(2):
            handling.exclude(
                story.workspace.pk, Mode.LIVE, ExclusionKind.CUSTOMER, "cus_1", "A friend", ADA, story.at(1)
            )
    assert story.cases() == {"in_1": "excluded", "in_2": "excluded", "in_3": "open"}
    story.run_until(4)
    assert [mail[2] for mail in story.mails()] == ["cus_2"]


def test_the_next_letter_now_whatever_the_hour(story: Story) -> None:
    story.policy(quiet_from="00:00", quiet_until="23:59")
    story.fail(0, following=3)
    assert do(story, handling.send_now, 1) == "First reminder"
    assert story.kinds() == [(1, "reminder_1")]
    assert do(story, handling.send_now, 1.1) == "Second reminder"
    assert do(story, handling.send_now, 1.2) == "Final warning"
    assert story.cases() == {"in_1": "final"}
    with pytest.raises(Impossible, match="No further letter"):
        do(story, handling.send_now, 1.3)
    story.run_until(20)
    assert len(story.mails()) == 3


def test_two_clicks_are_one_letter(story: Story, member: Client) -> None:
    story.fail(0, following=3)
    here = f"{URL}cases/in_1/"
    found = re.search(r'name="newest_letter" value="([^"]*)"', member.get(here).content.decode())
    assert found is not None
    clicked = {"newest_letter": found[1]}
    assert "The letter is written" in member.post(f"{here}send/", clicked, follow=True).content.decode()
    again = member.post(f"{here}send/", clicked, follow=True).content.decode()
    assert "A letter was written meanwhile" in again
    assert [kind for _, kind in story.kinds()] == ["reminder_1"]
    found = re.search(r'name="newest_letter" value="([^"]*)"', again)
    assert found is not None
    member.post(f"{here}send/", {"newest_letter": found[1]})
    assert [kind for _, kind in story.kinds()] == ["reminder_1", "reminder_2"]


def test_a_case_that_was_paused_since_it_was_read_sends_nothing(story: Story) -> None:
    story.fail(0, following=3)
    read = story.case()
    do(story, handling.pause, 1)
    with scope(story.workspace), pytest.raises(Impossible, match="The case is paused"):
        handling.send_now(read, ADA, story.at(1.1))
    assert story.mails() == []


def test_nothing_is_sent_about_what_was_paid_meanwhile(story: Story) -> None:
    story.fail(0, following=3)
    story.change(1, "in_1", "paid", "invoice.paid", react=False, paid_at=int(story.at(1).timestamp()))
    with pytest.raises(Impossible):
        do(story, handling.send_now, 1.1)
    assert (story.cases(), story.mails()) == ({"in_1": "recovered"}, [])


# Pages ---------------------------------------------------------------------------------------------------------------
URL = "/w/acme/live/dunning/"


@pytest.fixture
def member(workspace: Workspace, member_client: Callable[[Role], Client]) -> Client:
    return member_client(Role.MEMBER)


@pytest.fixture
def admin(workspace: Workspace, member_client: Callable[[Role], Client]) -> Client:
    return member_client(Role.ADMIN)


def test_the_list_and_a_case_as_they_are_read(story: Story, member: Client) -> None:
    story.channel()
    story.fail(0, code="stolen_card")
    story.run_until(14)
    page = member.get(URL).content.decode()
    assert "Ada &amp; Sons" in page
    assert "$49.00" in page
    assert "Downgraded" in page
    case = member.get(f"{URL}cases/in_1/").content.decode()
    for words in ("Access fell: grace is over.", "Final warning.", "#billing", "cus_1@example.com", "Stolen card"):
        assert words in case
    assert member.get(f"{URL}?status=recovered").content.decode().count("row-link") == 0
    assert member.get(f"{URL}?status=running").content.decode().count("row-link") == 1


def test_in_test_mode_a_case_says_that_its_letters_go_to_the_owners(workspace: Workspace, member: Client) -> None:
    story = Story(workspace, Mode.TEST)
    story.fail(0, code="stolen_card")
    story.run_until(1)
    page = member.get(f"/w/{workspace.slug}/test/dunning/cases/in_1/").content.decode()
    assert "the owners instead of cus_1@example.com" in page


def test_the_other_mode_and_workspace_are_not_there(story: Story, member: Client) -> None:
    CaseFactory(workspace=story.workspace, mode=Mode.TEST, invoice="in_test", number="TEST-1")
    CaseFactory(workspace=WorkspaceFactory(), mode=Mode.LIVE, invoice="in_other", number="OTHER-1")
    page = member.get(URL).content.decode()
    assert "TEST-1" not in page
    assert "OTHER-1" not in page
    for invoice in ("in_test", "in_other", "in_none"):
        assert member.get(f"{URL}cases/{invoice}/").status_code == 404
        assert member.post(f"{URL}cases/{invoice}/pause/").status_code == 404


def test_a_member_works_a_case(story: Story, member: Client) -> None:
    story.fail(0, following=3)
    assert member.post(f"{URL}cases/in_1/pause/").status_code == 302
    assert story.case().paused_at is not None
    assert "Go on" in member.get(f"{URL}cases/in_1/").content.decode()
    member.post(f"{URL}cases/in_1/go-on/")
    assert story.case().paused_at is None
    member.post(f"{URL}cases/in_1/send/")
    assert [kind for _, kind in story.kinds()] == ["reminder_1"]
    refused = member.post(f"{URL}cases/in_1/resolve/", {"resolve_form-reason": ""})
    assert refused.status_code == 422
    assert "This field is required." in refused.content.decode()
    assert story.cases() == {"in_1": "reminding"}
    member.post(f"{URL}cases/in_1/resolve/", {"resolve_form-reason": "Paid by cheque"})
    assert (story.case().state, story.case().reason) == ("resolved", "Paid by cheque")
    again = member.post(f"{URL}cases/in_1/resolve/", {"resolve_form-reason": "Again"}, follow=True)
    assert "The case is closed: resolved." in again.content.decode()


def test_the_page_of_a_case_that_was_written_off_offers_to_give_access_back(
    story: Story, member: Client, member_client: Callable[[Role], Client]
) -> None:
    here, button = f"{URL}cases/in_1/", "Give access back now"
    story.fail(0, code="stolen_card")
    story.run_until(14)
    assert button not in member.get(here).content.decode()
    write_off(story, 15)
    assert button in member.get(here).content.decode()
    looked = member_client(Role.VIEWER).get(here).content.decode()
    assert ("Access is held back" in looked, button in looked) == (True, False)
    done = member.post(f"{here}give-back/", follow=True).content.decode()
    assert "Access is given back." in done
    assert button not in done
    assert story.access().tier == "growth"
    again = member.post(f"{here}give-back/", follow=True).content.decode()
    assert "No access is held back because of this invoice." in again


def test_who_cancelled_has_nothing_to_be_given_back(story: Story, member: Client) -> None:
    story.fail(0, code="stolen_card")
    story.run_until(14)
    story.subscription(status="canceled", ended_at=int(story.at(15).timestamp()))
    story.react(15)
    assert story.cases() == {"in_1": "canceled"}
    assert "Access is held back" not in member.get(f"{URL}cases/in_1/").content.decode()


def test_a_member_excludes_a_customer(story: Story, member: Client) -> None:
    story.fail(0, following=3)
    member.post(f"{URL}cases/in_1/exclude/", {"exclude_form-reason": "A friend"})
    assert story.cases() == {"in_1": "excluded"}
    with scoped_transaction(story.workspace):
        assert list(Exclusion.objects.values_list("kind", "value", "reason")) == [("customer", "cus_1", "A friend")]


GOOD = {
    "enabled": "on",
    "first_days": "1",
    "second_days": "",
    "final_days": "5",
    "quiet_from": "21:30",
    "quiet_until": "07:00",
    "escalate_attempts": "2",
    "escalate_amounts": "usd 500\nJPY 70000",
    "grace_days": "0",
    "downgrade_attempts": "",
    "falls_to": "none",
}


def test_the_policy_is_saved_for_one_mode(workspace: Workspace, admin: Client) -> None:
    assert admin.post(f"{URL}policy/", GOOD).status_code == 302
    with scoped_transaction(workspace):
        (policy,) = Policy.objects.all()
    assert (policy.mode, policy.enabled, policy.at_once, policy.retry_watch) == ("live", True, False, False)
    assert (policy.first_days, policy.second_days, policy.final_days, policy.grace_days) == (1, None, 5, 0)
    assert policy.escalate_amounts == {"usd": 50_000, "jpy": 70_000}
    assert (policy.downgrade_attempts, policy.falls_to) == (None, "none")
    page = admin.get(f"{URL}policy/").content.decode()
    assert "JPY 70000" in page
    assert 'value="21:30"' in page


def test_dunning_turned_off_stops_what_its_schedule_wrote(story: Story, admin: Client) -> None:
    other = Story(story.workspace, Mode.TEST)
    for one in (story, other):
        one.customer("cus_2")
        one.fail(0, following=4)
        one.fail(0, "in_2", following=4, customer="cus_2", subscription=None)
        one.run(3.1)
    with scope(story.workspace):
        handling.send_now(story.case("in_2"), ADA, story.at(3.2))
    off = {name: value for name, value in GOOD.items() if name != "enabled"}
    answer = admin.post(f"{URL}policy/", off, follow=True)
    assert "2 letters that waited will not go out." in answer.content.decode()
    assert story.mails() == [
        (3.1, "reminder_1", "cus_1", ["in_1"], "skipped"),
        (3.1, "reminder_1", "cus_2", ["in_2"], "skipped"),
        (3.2, "reminder_2", "cus_2", ["in_2"], "waiting"),
    ]
    with scoped_transaction(story.workspace):
        reasons = set(Letter.objects.filter(state="skipped").values_list("mode", "reason"))
    assert reasons == {("live", "Dunning was turned off")}
    assert [state for *_, state in other.mails()] == ["waiting", "waiting"]
    assert "that waited" not in admin.post(f"{URL}policy/", off, follow=True).content.decode()


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"first_days": "-1"}, "first_days", "greater than or equal to 0"),
        ({"first_days": "91"}, "first_days", "less than or equal to 90"),
        ({"second_days": "1"}, "second_days", "later than day 1"),
        ({"final_days": "1"}, "final_days", "later than day 1"),
        ({"quiet_until": ""}, "quiet_until", "Give both times, or none."),
        ({"quiet_from": ""}, "quiet_from", "Give both times, or none."),
        ({"quiet_until": "21:30"}, "quiet_until", "no hours at all"),
        ({"quiet_from": "25:00"}, "quiet_from", "not a time of day"),
        ({"escalate_attempts": "0"}, "escalate_attempts", "greater than or equal to 1"),
        ({"escalate_amounts": "500"}, "escalate_amounts", "has no currency"),
        ({"escalate_amounts": "USD many"}, "escalate_amounts", "has no amount"),
        ({"escalate_amounts": "USD NaN"}, "escalate_amounts", "zero or more"),
        ({"escalate_amounts": "USD -1"}, "escalate_amounts", "zero or more"),
        ({"escalate_amounts": "JPY 1.5"}, "escalate_amounts", "JPY has no decimal places."),
        ({"escalate_amounts": "USD 1e99"}, "escalate_amounts", "more than anybody owes"),
        ({"escalate_amounts": "USD 1e999999"}, "escalate_amounts", "more than anybody owes"),
        ({"escalate_amounts": "USD 1\nusd 2"}, "escalate_amounts", "stands there twice"),
        ({"grace_days": ""}, "grace_days", "required"),
        ({"downgrade_attempts": "x"}, "downgrade_attempts", "whole number"),
        ({"falls_to": "elsewhere"}, "falls_to", "not one of the available choices"),
    ],
)
def test_every_wrong_value_is_told_at_its_field_and_nothing_is_saved(
    workspace: Workspace, admin: Client, changes: dict[str, str], field: str, words: str
) -> None:
    answer = admin.post(f"{URL}policy/", {**GOOD, **changes})
    assert answer.status_code == 422
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert words in str(form.errors[field])
    assert form[field].value() == {**GOOD, **changes}[field]
    with scoped_transaction(workspace):
        assert not Policy.objects.exists()


def test_the_page_warns_of_stripes_own_mails_and_of_letters_that_nobody_has_answered(
    workspace: Workspace, admin: Client
) -> None:
    page = admin.get(f"{URL}policy/").content.decode()
    assert "Stripe can mail your customers too." in page
    assert "was not answered yet" in page
    assert "There is no channel yet" in page


def test_a_policy_whose_channels_were_all_removed_asks_where_to(
    workspace: Workspace, admin: Client, member_client: Callable[[Role], Client]
) -> None:
    here, nowhere = f"{URL}policy/", "nowhere now: the channels that were chosen have been removed"

    def chosen() -> list[int]:
        with scoped_transaction(workspace):
            return list(Policy.objects.get(mode=Mode.LIVE).channels)

    PolicyFactory(workspace=workspace, mode=Mode.LIVE, channels=[1])
    PolicyFactory(workspace=workspace, mode=Mode.TEST, channels=[2])
    ChannelFactory(workspace=WorkspaceFactory(), number=1)
    with scoped_transaction(workspace):
        gone = ChannelFactory(workspace=workspace, number=1, removed_at=THEN)
    assert "everywhere" not in admin.get(here).context["form"].fields
    assert admin.post(here, GOOD).status_code == 302  # there is nothing to choose from: what was chosen stays
    assert chosen() == [1]
    ChannelFactory(workspace=workspace, number=2, name="#new")
    page = admin.get(here)
    assert GONE in page.content.decode()
    assert nowhere in member_client(Role.VIEWER).get(here).content.decode()
    refused = admin.post(here, GOOD)
    assert (refused.status_code, refused.context["form"].errors) == (422, {"channels": [GONE]})
    assert admin.post(here, GOOD | {"channels": "1"}).status_code == 422
    assert chosen() == [1]
    assert admin.post(here, GOOD | {"everywhere": "on"}).status_code == 302
    assert chosen() == []
    page = admin.get(here)
    assert ("everywhere" in page.context["form"].fields, GONE in page.content.decode()) == (False, False)
    with scoped_transaction(workspace):
        Policy.objects.filter(mode=Mode.LIVE).update(channels=[gone.number])
    assert admin.post(here, GOOD | {"channels": "2"}).status_code == 302
    assert chosen() == [2]
    assert nowhere not in member_client(Role.VIEWER).get(here).content.decode()


def test_a_case_says_that_its_team_was_not_told_because_the_channels_are_gone(story: Story) -> None:
    story.channel()
    story.policy(escalate_amounts={"usd": 1000}, escalate_attempts=None, channels=[77])
    story.fail(0, following=3)
    story.run_until(1)
    assert story.told() == []
    assert story.timeline()[-1] == "The team was not told: the channels that were chosen have been removed."


def test_exclusions_are_added_and_taken_back(story: Story, admin: Client) -> None:
    story.fail(0, following=3)
    add = f"{URL}policy/exclusions/"
    wrong = admin.post(add, {"kind": "customer", "customer": "nobody@example.com", "reason": "x"})
    assert wrong.status_code == 422
    assert "No customer “nobody@example.com” is known in live mode." in wrong.content.decode()
    answer = admin.post(add, {"kind": "tier", "tier": "growth", "reason": "Invoiced by hand"}, follow=True)
    assert "1 case ended." in answer.content.decode()
    assert story.cases() == {"in_1": "excluded"}
    twice = admin.post(add, {"kind": "tier", "tier": "growth", "reason": "x"})
    assert twice.status_code == 422
    assert "This is excluded already." in twice.content.decode()
    by_address = admin.post(add, {"kind": "customer", "customer": "cus_1@example.com", "reason": "x"})
    assert by_address.status_code == 302
    with scoped_transaction(story.workspace):
        assert list(Exclusion.objects.order_by("pk").values_list("value", flat=True)) == ["growth", "cus_1"]
        first = Exclusion.objects.order_by("pk").first()
    assert first is not None
    admin.post(f"{add}{first.pk}/remove/")
    with scoped_transaction(story.workspace):
        assert list(Exclusion.objects.values_list("value", flat=True)) == ["cus_1"]


def test_exclusions_of_others_cannot_be_taken_back(workspace: Workspace, admin: Client) -> None:
    other = ExclusionFactory(workspace=WorkspaceFactory(), mode=Mode.LIVE)
    test = ExclusionFactory(workspace=workspace, mode=Mode.TEST)
    for exclusion in (other, test):
        assert admin.post(f"{URL}policy/exclusions/{exclusion.pk}/remove/").status_code == 404


def test_a_customer_of_the_other_mode_is_not_known(workspace: Workspace, admin: Client) -> None:
    CustomerFactory(workspace=workspace, mode=Mode.TEST, stripe_id="cus_t")
    answer = admin.post(f"{URL}policy/exclusions/", {"kind": "customer", "customer": "cus_t", "reason": "x"})
    assert answer.status_code == 422


def test_every_state_of_a_case_has_a_page(workspace: Workspace, member: Client) -> None:
    for state in CaseState:
        CaseFactory(workspace=workspace, mode=Mode.LIVE, invoice=f"in_{state}", state=state)
        assert member.get(f"{URL}cases/in_{state}/").status_code == 200
    with scoped_transaction(workspace):
        assert Case.objects.count() == len(CaseState)
