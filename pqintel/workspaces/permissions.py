"""How a view says what it needs: `@needs(Permission.CONFIGURE)`, or `@public` where nobody has to be a member."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from .roles import Permission

View = TypeVar("View", bound=Callable[..., Any])
PUBLIC: Final = "public"
READING: Final = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Needs:
    """The permissions of one view: to look at it, and to change something through it."""

    read: Permission
    change: Permission


def needs(permission: Permission, *, change: Permission | None = None) -> Callable[[View], View]:
    """Mark a view under /w/<slug>/ with the permission that the middleware checks before it runs.

    `change` is what every method other than GET needs, where that is more than looking.
    """

    def mark(view: View) -> View:
        view.permission = Needs(permission, change or permission)  # type: ignore[attr-defined]
        return view

    return mark


def public(view: View) -> View:
    """Mark a view that names a workspace in its URL but does not need membership (an invitation's page)."""
    view.permission = PUBLIC  # type: ignore[attr-defined]
    return view


def permission_of(view: Callable[..., Any], method: str) -> Permission | Literal["public"] | None:
    """What a request of this method needs, looking through class-based views; None if the view was not marked."""
    marked = getattr(view, "permission", None) or getattr(getattr(view, "view_class", None), "permission", None)
    if isinstance(marked, Needs):
        return marked.read if method in READING else marked.change
    return PUBLIC if marked == PUBLIC else None
