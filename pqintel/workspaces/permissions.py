"""How a view says what it needs: `@needs(Permission.CONFIGURE)`, or `@public` where nobody has to be a member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

from .roles import Permission

View = TypeVar("View", bound=Callable[..., Any])


def needs(permission: Permission) -> Callable[[View], View]:
    """Mark a view under /w/<slug>/ with the permission that the middleware checks before it runs."""

    def mark(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Mark a view that names a workspace in its URL but does not need membership (an invitation's page)."""
    view.permission = "public"  # type: ignore[attr-defined]
    return view


def permission_of(view: Callable[..., Any]) -> Permission | Literal["public"] | None:
    """What the view was marked with, looking through class-based views; None if nothing."""
    return getattr(view, "permission", None) or getattr(getattr(view, "view_class", None), "permission", None)
