"""From the landing page to a dashboard that moves, as a new customer goes; at the end the numbers are Stripe's own."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from playwright.sync_api import Locator, Page

from pqintel.simulator.scenario import saas_year
from pqintel.simulator.testing import Simulation
from tests.smtp import Mailbox

from .accounts import Accounts, deliver
from .visitor import Visitor, expect

SYMBOLS = {"usd": "$", "eur": "€"}
FRESH = {"mrr": "mrr", "trial": "trial_mrr", "active": "active"}
"""The numbers that are compared, and how the page marks them."""
INTERVALS = {"month": "monthly", "year": "yearly"}
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
# Notes what the check lines say whenever the page changes.
WATCH = """() => {
    window.seen = [];
    new MutationObserver(() => {
        const lines = [...document.querySelectorAll("#stripe-test .check-state")].map((line) => line.textContent);
        const text = lines.join("|");
        if (lines.length && window.seen.at(-1) !== text) window.seen.push(text);
    }).observe(document.body, { childList: true, subtree: true });
}"""


def sign_up(page: Page, mailbox: Mailbox) -> None:
    """Make an account and a workspace, and prove the address by the link that arrives by mail."""
    page.goto("/")
    page.get_by_role("link", name="Create your workspace").click()
    page.get_by_label("Your name").fill("Grace Hopper")
    page.get_by_label("Workspace name").fill("Harbour Analytics")
    page.get_by_label("Email").fill("grace@harbour.example")
    page.get_by_label("Password").fill("a lighthouse in the fog")
    page.get_by_role("button", name="Create workspace").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    (mail,) = [mail for mail in mailbox.mails if mail["To"] == "grace@harbour.example"]
    body = mail.get_body(("plain",))
    assert body is not None
    (link,) = re.findall(r"http://\S+", body.get_content())
    page.goto(link)
    page.get_by_role("button", name="Confirm").click()


def money(amount: str, currency: str) -> str:
    return f"{SYMBOLS[currency]}{Decimal(amount):,}"


def shown(page: Page) -> dict[str, Any]:
    """The numbers on the dashboard, as text, by currency; those of all currencies together left out."""
    regions = {region.locator("h2").inner_text().lower(): region for region in page.locator(".currency").all()}
    return {currency: _figures(region) for currency, region in regions.items() if currency in SYMBOLS}


def _figures(region: Locator) -> dict[str, Any]:
    stats = {name: region.locator(f"[data-fresh^={key}-]").inner_text() for name, key in FRESH.items()}
    rows = [
        [
            *(cell.inner_text() for cell in row.locator("th, .plan-subscribers").all()),
            row.locator(".plan-mrr").inner_text().splitlines()[-1],  # above it, what only screen readers hear
        ]
        for row in region.locator(".plans tr.plan").all()
    ]
    return {**stats, "plans": sorted(rows)}


def told(stripe: Simulation) -> dict[str, Any]:
    """The same from the account's own metrics."""
    return {currency: _told(stripe, currency, metrics) for currency, metrics in stripe.truth.as_dict().items()}


def _told(stripe: Simulation, currency: str, metrics: dict[str, Any]) -> dict[str, Any]:
    plans = []
    for price_id, plan in metrics["plans"].items():
        price = stripe.account.prices[price_id]
        name = f"{stripe.account.products[price.product].name}\n{INTERVALS[price.interval]}"
        plans.append([name, str(plan["active_subscribers"]), money(plan["mrr"], currency)])
    return {
        "mrr": money(metrics["mrr"], currency),
        "trial": money(metrics["trial_mrr"], currency),
        "active": str(metrics["active_subscribers"]),
        "plans": sorted(plans),
    }


def until_told(page: Page, stripe: Simulation) -> None:
    """Wait until the page says what the account says, in every figure."""
    for currency, metrics in told(stripe).items():
        region = page.get_by_role("region", name=currency.upper(), exact=True)
        for name, key in FRESH.items():
            expect(region.locator(f"[data-fresh^={key}-]")).to_have_text(metrics[name])
        for name, _, amount in metrics["plans"]:
            row = region.locator(".plans tr.plan").filter(has_text=name.replace("\n", "")).filter(has_text=amount)
            expect(row).to_have_count(1)
    assert shown(page) == told(stripe)


def test_from_sign_up_to_numbers_that_move(visit: Callable[..., Visitor], mailbox: Mailbox, accounts: Accounts) -> None:
    stripe = accounts.open(days=60)
    page = visit(permissions=["clipboard-read", "clipboard-write"]).page
    sign_up(page, mailbox)
    page.get_by_role("link", name="Connect Stripe").click()

    page.get_by_role("button", name="Copy webhook URL").first.click()
    url = page.evaluate("navigator.clipboard.readText()")
    stripe.register(url)
    panel = page.locator("#stripe-test")
    panel.get_by_label("Publishable key").fill(stripe.publishable_key)
    panel.get_by_label("Secret or restricted key").fill(stripe.restricted_key)
    panel.get_by_label("Signing secret").fill(stripe.webhook_secret)
    page.evaluate(WATCH)
    panel.get_by_role("button", name="Save & Verify").click()
    expect(panel.locator(".card-head .badge").last).to_have_text("Connected")
    expect(panel.locator(".check-label")).to_have_text(CHECKS)
    assert page.evaluate("window.seen") == [
        "|".join(["Passed"] * done + ["Checking…"] * (done < 8) + ["Waiting"] * (7 - done)) for done in range(9)
    ]

    page.get_by_role("link", name="Dashboard").click()
    expect(page.get_by_role("heading", name="Connected. Waiting for the first event")).to_be_visible()
    page.evaluate("window.same = true")
    saas_year(stripe.account, int(time.time()), customers=15)
    began = time.monotonic()
    report = deliver(stripe, url)
    sent = time.monotonic()
    assert (report.refused, report.abandoned) == ({}, frozenset())
    until_told(page, stripe)
    print(f"\n{report.sent} events sent in {sent - began:.1f} s; all on the page {time.monotonic() - sent:.1f} s later")

    growing = next(s for s in stripe.account.subscriptions.values() if s.status == "active")
    before, mrr = len(stripe.account.events), shown(page)[growing.currency]["mrr"]
    stripe.account.advance(int(time.time()))
    stripe.account.change(growing.id, quantity=(growing.items[0].quantity or 0) + 7)
    deliver(stripe, url, since=before)
    sent = time.monotonic()
    expect(page.locator(f"[data-fresh=mrr-{growing.currency}]")).not_to_have_text(mrr)
    print(f"an upgrade on the page {time.monotonic() - sent:.1f} s after its last event was answered")
    until_told(page, stripe)
    assert page.evaluate("window.same")  # nothing of this was a reload
