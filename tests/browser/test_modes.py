"""Test mode is unmistakable wherever it is shown, and its numbers stay on its side. Workspaces see their own only."""

from __future__ import annotations

from collections.abc import Callable

from billing.modes import Mode
from pqintel.simulator.testing import Simulation

from .accounts import Accounts, deliver, sell
from .people import Person, Team
from .visitor import Visitor, expect


def test_test_numbers_never_enter_live_ones(
    visit: Callable[..., Visitor], team: Team, owner: Person, stripe: Simulation, accounts: Accounts
) -> None:
    sell(stripe, 4900)
    assert deliver(stripe, team.connect(owner, stripe)).refused == {}
    page = visit(owner).page
    page.goto("/")
    indicator = page.get_by_role("region", name="Test mode")
    mrr = page.locator("[data-fresh=mrr-usd]")
    expect(mrr).to_have_text("$49.00")
    expect(page).to_have_title("[Test] Dashboard · " + owner.name + " · PQ Intel")
    expect(indicator).to_have_text(
        "TEST DATA You are looking at Stripe’s test mode. No real money here. Switch to live"
    )
    expect(indicator).to_be_in_viewport()

    page.get_by_role("link", name="Switch to live").click()
    expect(page.get_by_role("heading", name="Connect Stripe to see your MRR")).to_be_visible()
    expect(page).to_have_title("Dashboard · " + owner.name + " · PQ Intel")
    expect(indicator).to_have_count(0)
    assert "49.00" not in page.content()
    assert "Ada Lovelace" not in page.content()

    live = accounts.open(livemode=True)
    live.account.id = stripe.account.id  # one account has both modes
    sell(live, 7700)
    assert deliver(live, team.connect(owner, live, Mode.LIVE)).refused == {}
    expect(mrr).to_have_text("$77.00")
    page.get_by_role("navigation", name="Mode").get_by_role("link", name="Test").click()
    expect(mrr).to_have_text("$49.00")
    expect(indicator).to_be_visible()
    page.get_by_role("link", name="Stripe", exact=True).click()
    page.get_by_role("link", name="Dashboard").click()
    expect(indicator).to_be_visible()  # the mode that was looked at last


def test_workspaces_see_their_own(visit: Callable[..., Visitor], team: Team, accounts: Accounts) -> None:
    people = [(team.founder(), amount) for amount in (1100, 2300)]
    for person, amount in people:
        stripe = accounts.open()
        sell(stripe, amount)
        assert deliver(stripe, team.connect(person, stripe)).refused == {}
    for (person, amount), (other, other_amount) in (people, people[::-1]):
        page = visit(person).page
        page.goto(person.page("test/"))
        expect(page.locator("[data-fresh=mrr-usd]")).to_have_text(f"${amount // 100}.00")
        assert f"{other_amount // 100}.00" not in page.content()
        assert other.slug not in page.content()
        paths = ("", "test/", "live/", "test/live/?seen=1", "settings/", "settings/members/",
                 "settings/integrations/stripe/", "settings/delete/")  # fmt: skip
        statuses = {path: page.goto(other.page(path)).status for path in paths}
        assert statuses == dict.fromkeys(paths, 404)
        expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
