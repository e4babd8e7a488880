"""Secrets of authenticator apps and recovery codes: sealed like every secret, but as text in JSON of allauth's rows."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator
from typing import Final

from allauth.mfa.models import Authenticator
from django.db import transaction

from pqintel.vault import Ring, SealError, ring, seal, unseal

PLACE: Final = ("mfa_authenticator", "data")
SECRETS: Final = ("secret", "seed")
"""The names in `Authenticator.data` whose values are sealed."""


def seal_text(text: str) -> str:
    """Seal under the active key, as base64."""
    return base64.b64encode(seal(text.encode(), *PLACE)).decode()


def unseal_text(sealed: str) -> str:
    """Open what `seal_text` made. Raises SealError."""
    return unseal(base64.b64decode(sealed), *PLACE).decode()


def key_references() -> Counter[str]:
    """How many of these secrets lie under each key id."""
    return Counter(_key_id(sealed) for row in Authenticator.objects.iterator() for sealed in _sealed(row))


def rewrap_second_factors() -> tuple[int, int]:
    """Seal every secret that lies under another key anew, a transaction each. Gives (resealed, unreadable)."""
    resealed = unreadable = 0
    for pk in list(Authenticator.objects.values_list("pk", flat=True)):
        with transaction.atomic():
            row = Authenticator.objects.select_for_update().filter(pk=pk).first()
            stale = [name for name in SECRETS if row and name in row.data and _key_id(row.data[name]) != ring().active]
            try:
                fresh = {name: seal_text(unseal_text(row.data[name])) for name in stale}
            except SealError:
                unreadable += len(stale)
                continue
            if fresh:
                row.data |= fresh
                row.save(update_fields=["data"])
                resealed += len(fresh)
    return resealed, unreadable


def _sealed(row: Authenticator) -> Iterator[str]:
    yield from (row.data[name] for name in SECRETS if name in row.data)


def _key_id(sealed: str) -> str:
    return Ring.key_id(base64.b64decode(sealed))
