"""The browser for tests: what PQ_BROWSER names is taken, and what is found draws text."""

import sys
from typing import Any

import pytest
from playwright.sync_api import Page

from pqintel.embedded import EmbeddedError
from pqintel.embedded.browser import launch_options


def test_pq_browser_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PQ_BROWSER", sys.executable)
    assert launch_options()["executable_path"] == sys.executable


def test_pq_browser_must_be_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PQ_BROWSER", "/nowhere/chromium")
    with pytest.raises(EmbeddedError, match="PQ_BROWSER=/nowhere/chromium is not a program"):
        launch_options()


def test_the_browser_draws_text(page: Page, browser_context_args: dict[str, Any]) -> None:
    page.set_content("<span id=a>WWWW</span><br><span id=b>iiii</span>")
    wide, narrow = (page.locator(f"#{name}").bounding_box() for name in "ab")
    assert wide
    assert narrow
    assert wide["width"] > narrow["width"] > 0
    assert page.evaluate("navigator.language") == browser_context_args["locale"] == "en-US"
