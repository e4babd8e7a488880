"""Writing a text in a real browser: the preview follows what is typed, and mistakes are said there, under the CSP."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from pqintel.workspaces.models import Workspace
from tests.factories import PASSWORD, MembershipFactory


@pytest.mark.django_db(transaction=True)
def test_the_preview_follows_what_is_typed(page: Page, workspace: Workspace, live_server: LiveServer) -> None:
    user = MembershipFactory(workspace=workspace).user
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.goto(f"{live_server.url}/accounts/login/?next=/w/acme/live/letters/texts/reminder_1/")
    page.fill("[name=login]", user.email)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    preview = page.locator("#letter-preview")
    expect(preview).to_contain_text("Hello Ada Lovelace,")
    page.wait_for_load_state("load")  # before htmx is there, nobody hears what is typed
    page.fill("[name=body]", "Dear $customer_name,\n\nplease pay $amount.")
    expect(preview).to_contain_text("Dear Ada Lovelace,")
    expect(preview).to_contain_text("please pay $49.00.")
    page.fill("[name=body]", "Dear $costumer_name")
    expect(preview).to_contain_text("$costumer_name is no placeholder of this letter.")
    expect(page.locator("[name=body]")).to_have_value("Dear $costumer_name")
    page.fill("[name=body]", "Dear $customer_name,\n\nhello.")
    expect(preview).to_contain_text("Dear Ada Lovelace,")
    page.get_by_role("button", name="Save the text").click()
    expect(page.get_by_text("The text is saved.")).to_be_visible()
    expect(page.get_by_text("Your own text.")).to_be_visible()
    assert [line for line in said if not line.startswith("Failed to load resource")] == []  # a 422 is said so
