"""What every page has around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

NOW = datetime.now(UTC)

WORKSPACE = SimpleNamespace(slug="northwind", name="Northwind Analytics", timezone="Europe/Berlin")
OTHERS = [SimpleNamespace(slug="acme", name="Acme Tools"), WORKSPACE]
USER = SimpleNamespace(email="ada@northwind.example", is_authenticated=True, is_staff=True)


def nav(mode: str | None = None, section: str = "", *, may_all: bool = True, **more: Any) -> dict[str, Any]:
    """The shell's context for a page of a workspace."""
    return {
        "workspace": WORKSPACE,
        "mode": mode,
        "link_mode": mode or "live",
        "workspaces": OTHERS,
        "may": dict.fromkeys(("see", "work", "configure", "own"), may_all),
        "section": section,
        "other_mode_url": {"live": "/dashboard-test/", "test": "/dashboard/"}.get(mode or ""),
        "notice": None,
        **more,
    }


@dataclass(frozen=True)
class Page:
    """A template with what it is given; `status` is what it is served with."""

    template: str
    context: dict[str, Any] = field(default_factory=dict)
    status: int = 200
