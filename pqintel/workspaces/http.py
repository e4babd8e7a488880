"""What the middleware puts on a request under /w/<slug>/."""

from __future__ import annotations

from typing import Literal

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from .models import Membership, User, Workspace

ModeName = Literal["live", "test"]
MODES: tuple[ModeName, ...] = ("live", "test")


class MemberRequest(HttpRequest):
    """A request that the middleware has let in: its workspace's scope is open for as long as it lasts."""

    user: User
    htmx: HtmxDetails
    workspace: Workspace
    membership: Membership
    mode: ModeName | None


def mode_named(text: str) -> ModeName | None:
    """The mode of this name, None if there is none."""
    return next((mode for mode in MODES if mode == text), None)
