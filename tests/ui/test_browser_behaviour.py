"""What the small scripts add, in a real browser; and that the pages do their work without them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

HIDE = """state => {
    Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""
COUNT_TICKS = "window.ticks = 0; document.body.addEventListener('pq:tick', () => window.ticks++)"


@pytest.fixture
def still(page: Page) -> Page:
    """A page whose clock only moves when told to."""
    page.clock.install()
    return page


@pytest.fixture
def scriptless(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    yield context.new_page()
    context.close()


def moving(page: Page, gallery: str) -> None:
    """Make the sample dashboard answer with new numbers."""
    page.context.add_cookies([{"name": "moving", "value": "1", "url": gallery.removesuffix("gallery/")}])


def test_the_body_ticks_every_second_while_the_tab_is_visible(gallery: str, still: Page) -> None:
    still.goto(f"{gallery}settings/")
    still.evaluate(COUNT_TICKS)
    still.clock.run_for(3000)
    assert still.evaluate("window.ticks") == 3
    still.evaluate(HIDE, "hidden")
    still.clock.run_for(60_000)
    assert still.evaluate("window.ticks") == 3
    still.evaluate(HIDE, "visible")
    assert still.evaluate("window.ticks") == 4
    still.clock.run_for(1000)
    assert still.evaluate("window.ticks") == 5


def test_relative_times_stay_true(gallery: str, still: Page) -> None:
    still.goto(f"{gallery}settings/")
    still.evaluate(
        """() => {
            const time = document.createElement("time");
            time.dateTime = new Date(Date.now() - 58_000).toISOString();
            time.dataset.relative = "";
            document.getElementById("main").append(time);
        }"""
    )
    still.clock.run_for(1000)
    expect(still.locator("#main > time")).to_have_text("59 s ago")
    still.clock.run_for(1000)
    expect(still.locator("#main > time")).to_have_text("1 min ago")


def test_new_numbers_come_by_themselves_and_take_nothing_away(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}dashboard/")
    page.click("#chart-usd-details summary")
    page.focus("#chart-usd-plot")
    page.keyboard.press("Home")
    reading = page.locator("#chart-usd-reading").inner_text()
    assert page.locator("#dashboard-live").get_attribute("data-version") == "41"
    moving(page, gallery)
    expect(page.locator(".stat-main .is-fresh")).to_be_visible()
    assert page.locator("#dashboard-live").get_attribute("data-version") != "41"
    expect(page.locator("#chart-usd-details")).to_have_attribute("open", "")
    expect(page.locator("#chart-usd-reading")).to_have_text(reading)
    expect(page.locator("#chart-usd-plot")).to_be_focused()
    expect(page.locator(".history-title.is-fresh")).to_have_count(0)


def test_a_lost_connection_shows_and_passes(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}dashboard/")
    expect(page.get_by_text("Live", exact=True).first).to_be_visible()
    page.context.set_offline(True)
    expect(page.get_by_text("Connection lost, trying again")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_text("Connection lost, trying again")).to_be_hidden()


def test_a_refused_form_is_swapped_in_announced_and_its_first_error_focused(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}stripe/")
    for name in ("publishable_key", "secret_key", "webhook_secret"):
        page.fill(f"#test_{name}", "wrong")
    page.click("#stripe-test-save")
    expect(page.locator("#test_publishable_key")).to_be_focused()
    expect(page.locator("#test_publishable_key")).to_have_value("")
    expect(page.locator("#test_publishable_key_error")).to_contain_text("This is a live key.")
    expect(page.locator("#announcer")).to_have_text("Test mode: broken.")


def test_checks_go_on_by_themselves_until_none_is_left(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}stripe-verifying/")
    expect(page.locator("#stripe-test .badge-good").first).to_have_text("Connected")
    assert page.locator("#stripe-test .check").count() == 5
    expect(page.locator("#announcer")).to_have_text("Test mode: connected.")


def test_the_theme_is_chosen_kept_and_given_back_to_the_system(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}settings/")
    page.click(".menu-up summary")
    page.get_by_role("button", name="Dark").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.click(".menu-up summary")
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="As the system").click()
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") is None


def test_menus_close_on_escape_and_on_a_click_elsewhere(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}settings/")
    opened = page.locator("details.menu[open]")
    page.click(".menu-up summary")
    expect(opened).to_have_count(1)
    page.keyboard.press("Escape")
    expect(opened).to_have_count(0)
    expect(page.locator(".menu-up summary")).to_be_focused()
    page.click(".menu-up summary")
    page.click("h1")
    expect(opened).to_have_count(0)


def test_a_dialog_is_modal_and_leaves_on_cancel(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}members/")
    page.get_by_role("button", name="Remove").first.click()
    assert page.evaluate("document.querySelector('dialog:modal').id") == "member-2"
    expect(page.get_by_role("dialog")).to_contain_text("Remove Alan Turing?")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_copy_button_says_that_it_has_copied(gallery: str, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{gallery}stripe/")
    url = page.locator("#stripe-test .copy-field code").inner_text()
    page.get_by_role("button", name="Copy webhook URL").first.click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == url


def test_the_sidebar_is_a_drawer_on_a_narrow_screen(gallery: str, page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 760})
    page.goto(f"{gallery}dashboard/")
    expect(page.get_by_role("link", name="Members")).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(page.get_by_role("link", name="Members")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Members")).to_be_hidden()


def test_test_mode_is_unmistakable(gallery: str, page: Page) -> None:
    page.goto(f"{gallery}dashboard-test/")
    expect(page.get_by_text("TEST DATA")).to_be_in_viewport()
    assert page.title() == "[Test] Dashboard · Northwind Analytics · PQ Intel"
    assert page.evaluate("getComputedStyle(document.body, '::after').borderTopWidth") == "3px"
    page.goto(f"{gallery}dashboard/")
    expect(page.get_by_text("TEST DATA")).to_have_count(0)


def test_without_script_dialogs_open_menus_open_and_checks_go_on_by_a_button(gallery: str, scriptless: Page) -> None:
    scriptless.goto(f"{gallery}members/")
    scriptless.get_by_role("button", name="Remove").first.click()
    expect(scriptless.get_by_role("dialog")).to_contain_text("Remove Alan Turing?")
    scriptless.goto(f"{gallery}dashboard/")
    scriptless.click(".menu-up summary")
    expect(scriptless.get_by_role("button", name="Sign out")).to_be_visible()
    expect(scriptless.get_by_role("button", name="Dark")).to_have_count(0)
    expect(scriptless.get_by_role("link", name="Refresh")).to_be_visible()
    scriptless.goto(f"{gallery}stripe-verifying/")
    scriptless.get_by_role("button", name="Continue with the next check").click()
    expect(scriptless.locator(".badge-good").first).to_have_text("Connected")
