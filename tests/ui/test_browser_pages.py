"""Every page in a real browser: accessible in light and dark, nothing blocked, nothing too wide at 360 px."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from .samples import pages

WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 760}
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CONTRAST = {"runOnly": ["color-contrast"]}


@pytest.mark.parametrize("name", pages())
def test_page(gallery: str, page: Page, name: str) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    page.goto(f"{gallery}{name}/")
    assert violations(page) == []
    assert page.evaluate(TOO_WIDE) == 0
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    assert violations(page, CONTRAST) == []
    page.set_viewport_size(NARROW)
    assert page.evaluate(TOO_WIDE) == 0
    assert [line for line in said if not line.startswith("Failed to load resource")] == []


def violations(page: Page, options: dict[str, Any] | None = None) -> list[str]:
    """What axe finds on the page as it is: rule, place, message."""
    found = Axe().run(page, options=options).response["violations"]
    return [f"{rule['id']} at {node['target']}: {node['failureSummary']}" for rule in found for node in rule["nodes"]]
