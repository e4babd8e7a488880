"""Slugs of workspaces: the part of their URLs that people choose or that is made from the name."""

from __future__ import annotations

import re
import secrets

from django.core.exceptions import ValidationError
from django.utils.text import slugify

SLUG_LENGTH = 50
SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
RESERVED = frozenset({"new"})  # /w/new/ is a page


def check_slug(slug: str) -> None:
    """Raise ValidationError unless this can be a workspace's slug."""
    if len(slug) > SLUG_LENGTH or not SLUG.fullmatch(slug):
        raise ValidationError(
            f"“{slug}” cannot be a slug: lower-case letters and digits, with single hyphens between, "
            f"{SLUG_LENGTH} at most."
        )
    if slug in RESERVED:
        raise ValidationError(f"“{slug}” is reserved.")


def slug_candidates(name: str) -> list[str]:
    """Slugs to try for a workspace of this name, best first; the last one is random and thus free."""
    stem = slugify(name).replace("_", "-").strip("-")
    stem = re.sub(r"-{2,}", "-", stem)[: SLUG_LENGTH - 9].strip("-") or "workspace"
    return [stem, *(f"{stem}-{number}" for number in range(2, 10)), f"{stem}-{secrets.token_hex(4)}"]
