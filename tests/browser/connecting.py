"""Settings › Integrations › Stripe, as somebody uses it."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from pqintel.simulator.testing import Simulation

from .visitor import expect

LABELS = {
    "publishable_key": "Publishable key",
    "secret_key": "Secret or restricted key",
    "webhook_secret": "Signing secret",
}


class Panel:
    """One mode's side of the page."""

    def __init__(self, page: Page, mode: str = "test") -> None:
        self.page = page
        self.section = page.locator(f"#stripe-{mode}")
        self.status = self.section.locator(".card-head > .badge")
        self.signing = self.section.locator("dd").filter(has=page.locator(".badge"))
        self.errors = self.section.locator(".field-errors")

    def webhook_url(self) -> str:
        return self.section.locator(".copy-field code").inner_text()

    def save(self, **values: str) -> None:
        """Type the values and press Save & Verify. What is not given stays empty."""
        for name, value in values.items():
            self.field(name).fill(value)
        self.section.evaluate("section => section.dataset.before = ''")
        self.section.get_by_role("button", name="Save & Verify").click()
        expect(self.page.locator("[data-before]")).to_have_count(0)

    def finished(self) -> None:
        """Wait until no check is left."""
        expect(self.section.locator(".check-running, .check-pending")).to_have_count(0)

    def field(self, name: str) -> Locator:
        return self.section.get_by_label(LABELS[name])

    def error(self, name: str) -> Locator:
        """What is said below a field."""
        return self.section.locator(f"[id$={name}_error]")

    def check(self, label: str) -> Locator:
        """The line of one check."""
        return self.section.locator(".check").filter(has=self.page.get_by_text(label, exact=True))

    def says(self, label: str, state: str, detail: str = "", remedy: str = "") -> None:
        """Wait until a check has come to this, to the letter."""
        expect(self.check(label).locator(".check-state")).to_have_text(state)
        self._reads(label, ".check-detail", detail)
        self._reads(label, ".check-remedy", remedy)

    def _reads(self, label: str, part: str, text: str) -> None:
        expect(self.check(label).locator(part)).to_have_text([text] if text else [])


def pasted(stripe: Simulation, **changes: str) -> dict[str, str]:
    """The three values of an account as somebody pastes them: a restricted key, as is recommended."""
    return {
        "publishable_key": stripe.publishable_key,
        "secret_key": stripe.restricted_key,
        "webhook_secret": stripe.webhook_secret,
        **changes,
    }
