"""Every page of the running product: nothing too wide, nothing blocked, nothing that axe objects to; light and dark."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

from pqintel.workspaces.roles import Role
from tests.factories import PASSWORD

from .accounts import Accounts
from .people import Person, Team
from .visitor import Visitor, expect

WIDE, NARROW = ViewportSize(width=1440, height=900), ViewportSize(width=360, height=740)
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SIGNED_OUT = ("", "accounts/login/", "accounts/signup/", "accounts/password/reset/", "nowhere/")
ACCOUNT = (
    "accounts/email/",
    "accounts/password/change/",
    "accounts/2fa/",
    "accounts/2fa/totp/activate/",
    "accounts/reauthenticate/",
    "accounts/logout/",
    "w/new/",
    "nowhere/",
)
WORKSPACE = (
    "settings/",
    "settings/members/",
    "settings/delete/",
    "settings/integrations/stripe/",
    "live/",
    "live/diagnostics/",
    "test/diagnostics/",
)


@pytest.fixture(scope="module")
def waiting(team: Team, accounts: Accounts) -> Person:
    """The owner of a workspace that is connected, and to which nothing has happened yet."""
    person = team.founder()
    team.connect(person, accounts.open())
    return person


@pytest.fixture(scope="module")
def viewer(team: Team, waiting: Person) -> Person:
    return team.colleague(waiting, Role.VIEWER)


@pytest.mark.parametrize("path", SIGNED_OUT)
def test_signed_out(visit: Callable[..., Visitor], path: str) -> None:
    examine(visit().page, f"/{path}", 404 if path == "nowhere/" else 200)


@pytest.mark.parametrize("path", ACCOUNT)
def test_accounts(visit: Callable[..., Visitor], waiting: Person, path: str) -> None:
    examine(visit(waiting).page, f"/{path}", 404 if path == "nowhere/" else 200)


def test_second_factor(visit: Callable[..., Visitor], owner: Person) -> None:
    page = visit(owner).page
    page.goto("/accounts/2fa/totp/activate/")
    secret = page.locator(".copy-field code").inner_text()
    page.get_by_label("Code").fill(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    for path in ("", "recovery-codes/", "recovery-codes/generate/", "totp/deactivate/"):
        examine(page, f"/accounts/2fa/{path}")
    page = visit().page
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Two-factor sign-in")).to_be_visible()
    examine(page, "/accounts/2fa/authenticate/")


@pytest.mark.parametrize("path", WORKSPACE)
def test_workspace(visit: Callable[..., Visitor], waiting: Person, path: str) -> None:
    examine(visit(waiting).page, waiting.page(path))


def test_dashboard_that_waits(visit: Callable[..., Visitor], waiting: Person) -> None:
    page = visit(waiting).page
    examine(page, waiting.page("test/"))
    expect(page.get_by_role("heading", name="Connected. Waiting for the first event")).to_be_visible()


def test_dashboard_with_numbers(visit: Callable[..., Visitor], busy: Person) -> None:
    page = visit(busy).page
    page.goto(busy.page("test/"))
    expect(page.get_by_role("region", name="EUR", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="USD", exact=True)).to_be_visible()
    expect(page.get_by_text("waiting", exact=False)).to_have_count(0)
    examine(page, busy.page("test/"))


@pytest.mark.parametrize(
    "path", ["settings/", "settings/members/", "settings/integrations/stripe/", "test/", "test/diagnostics/"]
)
def test_as_a_viewer(visit: Callable[..., Visitor], viewer: Person, path: str) -> None:
    examine(visit(viewer).page, viewer.page(path))


def test_forbidden(visit: Callable[..., Visitor], viewer: Person) -> None:
    examine(visit(viewer).page, viewer.page("settings/delete/"), 403)


def test_invitation(visit: Callable[..., Visitor], team: Team, waiting: Person, owner: Person) -> None:
    link = team.invite(waiting, owner.email)
    for person, button in ((None, "Create an account"), (waiting, "Sign out"), (owner, "Join the workspace")):
        page = visit(person).page
        examine(page, link)
        expect(page.get_by_role("main").get_by_text(button, exact=True)).to_be_visible()
    examine(visit().page, waiting.page("join/nothing/"), 404)


def examine(page: Page, path: str, status: int = 200) -> None:
    """Look at a page in both widths and both colour schemes."""
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    answer = page.goto(path)
    assert answer
    assert (answer.status, urlsplit(page.url).path) == (status, path)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert violations(page) == []
    assert page.evaluate(TOO_WIDE) == 0
    page.set_viewport_size(NARROW)
    assert page.evaluate(TOO_WIDE) == 0
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert violations(page) == []
    assert page.evaluate(TOO_WIDE) == 0
    page.set_viewport_size(WIDE)
    assert page.evaluate(TOO_WIDE) == 0


def violations(page: Page) -> list[str]:
    """What axe finds on the page as it is: rule, place, message."""
    found = Axe().run(page).response["violations"]
    return [f"{rule['id']} at {node['target']}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]
