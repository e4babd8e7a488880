"""Opening and deleting workspaces."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from ..models import Membership, User, Workspace
from ..roles import Role
from ..slugs import RESERVED, check_slug, slug_candidates
from ..tenancy import scoped_transaction

_zone_changed: Callable[[Workspace], None] | None = None


def tell_of_zone(listener: Callable[[Workspace], None]) -> None:
    """Say who wants to know, within the transaction, that a workspace's time zone changed (billing does)."""
    global _zone_changed
    _zone_changed = listener


class SlugTakenError(ValidationError):
    """Another workspace has this slug."""


def open_workspace(name: str, owner: User, *, slug: str | None = None, timezone: str = "UTC") -> Workspace:
    """Make a workspace with its owner and a trial, all or nothing. Without a slug it gets a free one like its name.

    `timezone` is an IANA name.

    Raises:
        SlugTakenError: the slug that was asked for belongs to another workspace.
        ValidationError: it cannot be a slug.
    """
    if slug is not None:
        check_slug(slug)
    with transaction.atomic():
        workspace = _insert(name, timezone, [slug] if slug is not None else slug_candidates(name))
        Membership.objects.create(workspace=workspace, user=owner, role=Role.OWNER)
    return workspace


def change_general(workspace: Workspace, name: str, timezone: str) -> None:
    """Set a workspace's name and time zone (an IANA name). Must run in a transaction in its scope."""
    moved = workspace.timezone != timezone
    workspace.name, workspace.timezone = name, timezone
    workspace.save(update_fields=["name", "timezone"])
    if moved and _zone_changed is not None:
        _zone_changed(workspace)


def delete_workspace(workspace: Workspace) -> None:
    """Delete a workspace with everything in it, for good. Takes the locks of all of its rows."""
    with scoped_transaction(workspace):
        Workspace.objects.select_for_update().get(pk=workspace.pk).delete()


def _insert(name: str, timezone: str, slugs: list[str]) -> Workspace:
    for slug in slugs:
        if slug in RESERVED or Workspace.objects.filter(slug=slug).exists():
            continue
        try:
            with transaction.atomic():
                return Workspace.objects.create(name=name, slug=slug, timezone=timezone)
        except IntegrityError:  # somebody else took it between the two statements
            continue
    raise SlugTakenError(f"There is a workspace “{slugs[-1]}” already.")
