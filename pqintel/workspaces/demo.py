"""The demo's sign-in, where `make run` has made one: shown on the landing page of a development machine."""

from __future__ import annotations

import json

from django.conf import settings


def demo_sign_in() -> dict[str, str] | None:
    """Email and password of the demo workspace's owner; None in production, with PQ_DEMO=0, or without a demo."""
    if not settings.PQ_DEMO:
        return None
    try:
        facts = json.loads((settings.PQ_HOME / "demo.json").read_text(encoding="utf-8"))
        return {"email": facts["owner"], "password": facts["password"]}
    except (OSError, ValueError, KeyError):
        return None
