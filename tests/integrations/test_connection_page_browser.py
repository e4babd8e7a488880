"""The connection page in a real browser: mistakes, then green line by line, under the page's own CSP."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from integrations.stripe.signature import sign
from pqintel.simulator.testing import Simulation
from pqintel.workspaces.models import Workspace
from tests.factories import PASSWORD, MembershipFactory
from tests.integrations.stage import url_of, values_of, working
from tests.integrations.test_drain import created

CHECKS = [
    "Key formats",
    "Keys of one mode",
    "Key accepted by Stripe",
    "Read permissions",
    "Account not connected elsewhere",
    "Webhook endpoint at Stripe",
    "Signed test event through the public URL",
    "Test event processed by a worker",
]


def fill(page: Page, values: dict[str, str]) -> None:
    for name, value in values.items():
        page.fill(f"#test_{name}", value)


@pytest.mark.django_db(transaction=True)
def test_paste_correct_and_watch_it_turn_green(
    page: Page, workspace: Workspace, live_server: LiveServer, settings: Any
) -> None:
    settings.PQ_BASE_URL = live_server.url
    user = MembershipFactory(workspace=workspace).user
    with Simulation(seed=61) as simulation, working(workspace):
        settings.STRIPE_API_BASE = simulation.url
        simulation.register(url_of(workspace))
        values = values_of(simulation)
        page.goto(f"{live_server.url}/accounts/login/?next=/w/acme/settings/integrations/stripe/")
        page.fill("[name=login]", user.email)
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        panel = page.locator("#stripe-test")

        fill(page, {**values, "secret_key": "rk_" + "live_" + "x" * 24})
        panel.get_by_role("button", name="Save & Verify").click()
        expect(panel.locator(".field-errors")).to_have_count(1)
        expect(panel.locator(".field-errors")).to_contain_text("This is a live mode key")
        expect(page.locator("#test_publishable_key")).to_have_value(values["publishable_key"])  # kept by the browser
        expect(page.locator("#test_secret_key")).to_have_value("")
        assert values["publishable_key"] not in panel.inner_html()

        page.fill("#test_secret_key", values["secret_key"])
        panel.get_by_role("button", name="Save & Verify").click()
        expect(panel.locator(".check-ok .check-label")).to_have_text(CHECKS, timeout=60_000)
        expect(panel.get_by_text("Connected", exact=True).first).to_be_visible()
        expect(page.locator("#test_publishable_key")).to_have_value("")
        expect(panel).to_contain_text("Unproven")
        for value in values.values():
            assert value not in page.content()


@pytest.mark.django_db(transaction=True)
def test_the_secret_turns_green_and_red_by_itself_and_typing_goes_on(
    page: Page, workspace: Workspace, live_server: LiveServer, settings: Any
) -> None:
    settings.PQ_BASE_URL = live_server.url
    user = MembershipFactory(workspace=workspace).user
    with Simulation(seed=62) as simulation, working(workspace):
        settings.STRIPE_API_BASE = simulation.url
        simulation.register(url_of(workspace))
        values = values_of(simulation)
        page.goto(f"{live_server.url}/accounts/login/?next=/w/acme/settings/integrations/stripe/")
        page.fill("[name=login]", user.email)
        page.fill("[name=password]", PASSWORD)
        page.click("button[type=submit]")
        fill(page, values)
        panel = page.locator("#stripe-test")
        panel.get_by_role("button", name="Save & Verify").click()
        expect(panel.get_by_text("Connected", exact=True).first).to_be_visible(timeout=60_000)
        expect(panel).to_contain_text("Unproven")
        expect(page.locator("#test_secret_key")).to_be_hidden()  # it is set up: the form is folded away

        panel.get_by_text("Webhook, keys, and how to replace them").click()
        page.locator("#test_secret_key").press_sequentially("rk_test_begun")
        assert deliver(workspace, values["webhook_secret"]) == 200
        expect(panel).to_contain_text("Proven", timeout=20_000)
        assert deliver(workspace, "whsec_" + "x" * 32) == 400
        expect(panel).to_contain_text("Refused", timeout=20_000)
        expect(page.locator("#test_secret_key")).to_have_value("rk_test_begun")
        expect(page.locator("#test_secret_key")).to_be_focused()


def deliver(workspace: Workspace, secret: str) -> int:
    """Deliver an event as Stripe would, signed with this secret; the status of the answer."""
    body = json.dumps(created(1)).encode()
    headers = {"Stripe-Signature": sign(body, secret.encode(), int(time.time()))}
    return httpx.post(url_of(workspace), content=body, headers=headers).status_code
