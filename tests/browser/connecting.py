"""Settings › Integrations › Stripe, as somebody uses it."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

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
        self.button = self.section.get_by_role("button", name="Save & Verify")

    def webhook_url(self) -> str:
        return self.section.locator(".copy-field code").inner_text()

    def fill(self, **values: str) -> None:
        """Type the values. What is not given stays as it is."""
        for name, value in values.items():
            self.unfold()
            self.field(name).fill(value)

    def save(self, **values: str) -> None:
        """Type the values, press Save & Verify, and wait for the answer."""
        self.unfold()
        self.fill(**values)
        self.section.evaluate("section => section.dataset.before = ''")
        self.unfold()
        self.button.click()
        expect(self.page.locator("[data-before]")).to_have_count(0)

    def unfold(self) -> None:
        """Open the form, which is folded away once the connection works."""
        self.section.locator("details").evaluate_all("all => all.forEach(details => { details.open = true })")

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
