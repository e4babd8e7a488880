"""Lists by hand: search while typing, filter, open, turn pages, take away as CSV; the same without script."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from .people import Person
from .test_pages import examine
from .visitor import Visitor, expect

LISTS = ("customers", "subscriptions", "invoices", "payments", "history")


@pytest.fixture
def settled(visit: Callable[..., Visitor], busy: Person) -> Person:
    """The owner of a lively workspace, all of whose events have been processed."""
    page = visit(busy).page
    page.goto(busy.page("test/"))
    expect(page.get_by_role("region", name="EUR", exact=True)).to_be_visible()
    expect(page.get_by_text("waiting", exact=False)).to_have_count(0)
    return busy


@pytest.mark.parametrize("name", LISTS)
def test_pages(visit: Callable[..., Visitor], settled: Person, name: str) -> None:
    page = visit(settled).page
    examine(page, settled.page(f"test/{name}/"))
    examine(page, settled.page(f"live/{name}/"))
    if name != "history":
        page.goto(settled.page(f"test/{name}/"))
        page.locator("#list .row-link").first.click()
        expect(page.get_by_role("heading", name="How this is known")).to_be_visible()
        examine(page, urlsplit(page.url).path)


def test_search_filter_open_and_come_back(visit: Callable[..., Visitor], settled: Person) -> None:
    page = visit(settled).page
    page.goto(settled.page("test/"))
    page.get_by_role("link", name="Customers").click()
    rows = page.locator("#list tbody tr")
    name = rows.nth(2).locator(".row-link").inner_text()
    search = page.get_by_label("Search")
    search.press_sequentially(name.lower())
    expect(rows).to_have_count(1)
    expect(rows.locator(".row-link")).to_have_text(name)
    expect(search).to_be_focused()
    assert "q=" in page.url
    rows.locator(".row-link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)
    expect(page.get_by_role("link", name="Open in Stripe")).to_have_attribute(
        "href", f"https://dashboard.stripe.com/test/customers/{page.url.rstrip('/').split('/')[-1]}"
    )
    page.get_by_role("region", name="Subscriptions").locator(".row-link").first.click()
    expect(page.get_by_role("heading", name="What it was worth a month")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(rows).to_have_count(1)
    search.fill("nobody at all")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_role("link", name="Clear the filters").click()
    expect(rows.nth(2).locator(".row-link")).to_have_text(name)


@pytest.mark.parametrize("script", [True, False])
def test_turn_pages_and_take_away(visit: Callable[..., Visitor], settled: Person, script: bool, tmp_path: Path) -> None:
    page = visit(settled, java_script_enabled=script).page
    page.goto(settled.page("test/history/"))
    page.locator("#more-filters summary").click()
    page.get_by_label("Lines", exact=True).select_option("Facts: what events reported")
    if not script:
        page.get_by_role("button", name="Search").click()
    page.wait_for_url("**lines=facts**")
    seen: list[str] = []
    while True:
        seen += page.locator("#list .timeline-title").all_inner_texts()
        following = page.get_by_role("link", name="Next")
        if not following.count():
            break
        address = page.url
        following.click()
        page.wait_for_url(lambda url, before=address: url != before)
        expect(page.get_by_role("link", name="Previous")).to_be_visible()
    assert len(seen) > 50
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as CSV").click()
    download.value.save_as(tmp_path / "history.csv")
    with (tmp_path / "history.csv").open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert {line["line"] for line in lines} == {"fact"}
    assert len(lines) == len(seen)
    assert [shown for shown, line in zip(seen, lines, strict=True) if not shown.startswith(line["title"])] == []


def test_wrong_filters_are_told_and_kept(visit: Callable[..., Visitor], settled: Person) -> None:
    page = visit(settled).page
    page.goto(settled.page("test/invoices/?least=many&currency=eur"))
    expect(page.get_by_text("Amount from is left out. This is not an amount.")).to_be_visible()
    expect(page.get_by_label("Amount from")).to_have_value("many")
    page.get_by_label("Amount from").fill("1.00")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("is left out")).to_have_count(0)
    assert all(amount.startswith("€") for amount in page.locator("#list [data-label=Due]").all_inner_texts())
