"""A browser with somebody in front of it, who notes what the browser complains about."""

from __future__ import annotations

from django.conf import settings
from playwright.sync_api import BrowserContext, ConsoleMessage, Expect, Response

from .people import Person

DEADLINE = 60_000
"""Milliseconds until an expectation is given up: generous, because machines that test are small and busy."""

expect = Expect()
expect.set_options(timeout=DEADLINE)


class Visitor:
    """`page` is the tab; `complaints` are errors of scripts and console, refusals of the policy, missing files."""

    def __init__(self, context: BrowserContext, address: str, person: Person | None = None) -> None:
        self.context = context
        self.complaints: list[str] = []
        context.set_default_timeout(DEADLINE)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("response", self._answered)
        if person:
            name = settings.SESSION_COOKIE_NAME
            context.add_cookies([{"name": name, "value": person.session, "url": address, "httpOnly": True}])
        self.page = context.new_page()

    def _heard(self, message: ConsoleMessage) -> None:
        """Statuses that a test asks for on purpose are errors to the console; `_answered` looks for the others."""
        if message.type not in ("error", "warning") or message.text.startswith("Failed to load resource"):
            return
        if message.text.startswith("htmx:sendAbort"):  # a newer request took its place, which htmx tells twice
            self.complaints.remove(next(c for c in self.complaints if c.startswith("error: htmx:afterRequest, ")))
            return
        self.complaints.append(f"{message.type}: {message.text}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.request.resource_type not in ("document", "xhr", "fetch"):
            self.complaints.append(f"{response.status} {response.url}")
