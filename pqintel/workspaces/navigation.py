"""What every page's shell shows: docs/design.md, Context."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def nav(request: HttpRequest) -> dict[str, Any]:
    """The context processor behind `nav`."""
    return {"nav": {}}
