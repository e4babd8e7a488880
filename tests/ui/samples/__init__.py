"""Sample contexts for every page, after docs/design.md. Shared by the gallery (to look at) and the tests (to prove)."""

from __future__ import annotations

from . import (
    accounts,
    alerts,
    billing,
    channels,
    connection,
    diagnosis,
    diagnostics,
    digests,
    dunning,
    letters,
    numbers,
    people,
    plans,
    records,
)
from .shell import Page

ERRORS = ("400", "403", "403_csrf", "404", "500", "503")


def pages() -> dict[str, Page]:
    """Every page by a short name: each state that looks different has its own."""
    home = Page("home.html", {"demo": {"email": "demo@pqintel.example", "password": "demo"}})
    errors = {f"error-{code}": Page(f"{code}.html", status=int(code[:3])) for code in ERRORS}
    rooms = (
        billing.pages(),
        numbers.pages(),
        records.pages(),
        channels.pages(),
        connection.pages(),
        diagnostics.pages(),
        diagnosis.pages(),
        people.pages(),
        accounts.pages(),
        plans.pages(),
        digests.pages(),
        alerts.pages(),
        dunning.pages(),
        letters.pages(),
    )
    return {"home": home, **{name: page for room in rooms for name, page in room}, **errors}
