"""Deciding about what was set aside, in a real browser: mistakes, a dismissal, a replay."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from pqintel.workspaces.models import Workspace
from pqintel.workspaces.roles import Role
from tests.factories import PASSWORD, MembershipFactory

from .lanes import new_lane
from .stage import working
from .test_drain import created
from .test_quarantine import put_aside


@pytest.mark.django_db(transaction=True)
def test_dismiss_with_a_reason_and_replay(page: Page, workspace: Workspace, live_server: LiveServer) -> None:
    lane = new_lane(workspace.slug)
    put_aside(lane, created(1), created(2))
    user = MembershipFactory(workspace=workspace, role=Role.MEMBER).user
    page.goto(f"{live_server.url}/accounts/login/?next=/w/acme/test/diagnostics/")
    page.fill("[name=login]", user.email)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    aside = page.locator("#quarantine")
    expect(aside.locator(".set-aside-event")).to_have_count(2)

    aside.get_by_label("evt_2").check()
    aside.get_by_role("button", name="Dismiss chosen").click()
    expect(aside.locator(".field-errors")).to_have_text("Say why these events can be given up.")
    expect(aside.get_by_label("evt_2")).to_be_checked()
    expect(aside.get_by_label("evt_1")).not_to_be_checked()
    assert set(lane.states().values()) == {"quarantined"}

    aside.get_by_label("Reason, to dismiss").fill("A script of ours sent it")
    aside.get_by_role("button", name="Dismiss chosen").click()
    expect(page.locator(".messages")).to_have_text("1 event dismissed.")
    expect(aside.locator(".set-aside-event")).to_have_count(1)
    assert lane.states() == {"evt_1": "quarantined", "evt_2": "dismissed"}

    aside.get_by_role("button", name="Replay it").click()
    expect(page.locator(".messages")).to_have_text("1 event on the way to be processed again.")
    with working(workspace):
        expect(aside).to_contain_text("Nothing.")
        page.wait_for_timeout(500)
    assert lane.states() == {"evt_1": "done", "evt_2": "dismissed"}
