"""Every page in a real browser: accessible in light and dark, nothing blocked, nothing too wide at 360 px."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from .samples import pages

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 760}
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CONTRAST = {"runOnly": ["color-contrast"]}


@pytest.fixture(scope="module")
def look(browser: Browser, said: list[str]) -> Iterator[Page]:
    """One page for all, so that fonts and styles are fetched once."""
    with browser.new_context(locale="en-US", reduced_motion="reduce") as context:
        page = context.new_page()
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        yield page


@pytest.fixture(scope="module")
def said() -> list[str]:
    """What the browser complained about: scripts that failed, what the policy blocked."""
    return []


@pytest.mark.parametrize("name", pages())
def test_page(gallery: str, look: Page, said: list[str], name: str) -> None:
    said.clear()
    look.set_viewport_size(WIDE)
    look.emulate_media(color_scheme="light")
    answer = look.goto(f"{gallery}{name}/")
    assert answer is not None
    assert answer.status == pages()[name].status
    assert violations(look) == []
    assert look.evaluate(TOO_WIDE) == 0
    look.emulate_media(color_scheme="dark")
    assert violations(look, CONTRAST) == []
    look.set_viewport_size(NARROW)
    assert look.evaluate(TOO_WIDE) == 0
    assert [line for line in said if not line.startswith("Failed to load resource")] == []


def violations(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What axe finds on the page as it is: rule, place, message."""
    found = Axe().run(page, options=options).response["violations"]
    return [f"{rule['id']} at {node['target']}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]
