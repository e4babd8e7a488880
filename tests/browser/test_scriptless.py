"""Without JavaScript everything is done by links, forms and a button that goes on."""

from __future__ import annotations

from collections.abc import Callable

from pqintel.simulator.testing import Simulation
from tests.factories import PASSWORD

from .accounts import deliver, sell
from .connecting import Panel
from .people import Person, pasted
from .visitor import Visitor, expect


def test_sign_in_connect_and_look(visit: Callable[..., Visitor], owner: Person, stripe: Simulation) -> None:
    page = visit(java_script_enabled=False).page
    page.goto("/")
    page.get_by_role("link", name="Sign in").first.click()
    page.get_by_label("Email").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Connect Stripe").click()

    panel = Panel(page)
    url = panel.webhook_url()
    stripe.register(url)
    panel.fill(**pasted(stripe, webhook_secret="our secret"))
    panel.button.click()
    expect(panel.error("webhook_secret")).to_have_text(
        "There is a space or a line break in it: copy it again, in one piece."
    )
    panel.fill(**pasted(stripe))
    panel.button.click()
    go_on = panel.section.get_by_role("button", name="Continue with the next check")
    passed = panel.section.locator(".check-ok")
    for done in range(7):
        expect(passed).to_have_count(done)
        with page.expect_event("load"):
            go_on.click()
    while go_on.is_visible():  # the last one may take the worker a moment
        with page.expect_event("load"):  # between two pages there is no button either
            go_on.click()
    expect(passed).to_have_count(8)
    expect(panel.status).to_have_text("Connected")

    sell(stripe)
    assert deliver(stripe, url).refused == {}
    page.get_by_role("link", name="Dashboard").click()
    figure = page.locator("[data-fresh=mrr-usd]")
    while not figure.is_visible():
        page.get_by_role("link", name="Refresh").click()
    expect(figure).to_have_text("$49.00")
    page.locator(".menu-up summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Your MRR, the second it changes")).to_be_visible()
