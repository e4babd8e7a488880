"""One known text sealed with each key: shows at boot that a key is the one it was, and that none in use is missing."""

from __future__ import annotations

import logging

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from .cipher import Ring, SealError, ring
from .models import Canary
from .references import references

log = logging.getLogger(__name__)

_TEXT = b"This key is the one it was."


class KeyInUse(Exception):  # noqa: N818 - it names the outcome
    """A key cannot be given up: sealed values still need it."""


def key_problems() -> list[str]:
    """What is wrong with PQ_KEYS in the eyes of this database, one sentence each. Reads only.

    Empty before the first `migrate`. Raises django.db.DatabaseError when the database does not answer.
    """
    if Canary._meta.db_table not in connection.introspection.table_names():
        return []
    canaries = dict(Canary.objects.values_list("key_id", "sealed"))
    wrong = [key_id for key_id in ring().key_ids if key_id in canaries and not _sings(key_id, bytes(canaries[key_id]))]
    gone = canaries.keys() - set(ring().key_ids)
    needed = references() if gone else {}
    return [
        *(f"PQ_KEYS: {key_id!r} is not the key that sealed values in this database under that id." for key_id in wrong),
        *(
            f"PQ_KEYS: key {key_id!r} is missing, and {needed[key_id]} sealed values need it. Put it back, then run "
            "keys_rewrap and keys_forget. If it is lost, keys_forget --lost gives the values up."
            for key_id in sorted(gone)
            if needed.get(key_id)
        ),
    ]


def plant() -> None:
    """Seal a canary with every key that has none yet. Safe to run in many processes at once."""
    planted = set(Canary.objects.values_list("key_id", flat=True))
    fresh = [key_id for key_id in ring().key_ids if key_id not in planted]
    Canary.objects.bulk_create(
        [Canary(key_id=key_id, sealed=ring().seal_with(key_id, _TEXT, "canary", key_id)) for key_id in fresh],
        ignore_conflicts=True,
    )


def forget(key_id: str, *, lost: bool = False) -> int:
    """Give a key up, so that it may leave PQ_KEYS. Returns how many values stay unreadable (0 unless `lost`).

    Raises:
        KeyInUse: it is the active key, or values still need it and it was not declared lost.
    """
    if key_id == ring().active:
        raise KeyInUse(f"{key_id} is the active key.")
    needed = references()[key_id]
    if needed and not lost:
        raise KeyInUse(f"{needed} sealed values still need {key_id}. Run keys_rewrap first.")
    Canary.objects.filter(key_id=key_id).delete()
    return needed


def verify_keys() -> None:
    """Boot check of web and worker processes: right keys, none missing; new keys get their canary.

    A database that is away is no reason not to start: it is logged and left to whoever needs it. Closes its connection,
    because a server may fork after this.

    Raises:
        ImproperlyConfigured: a key is malformed, wrong, or missing while values need it.
    """
    ring()
    try:
        if problems := key_problems():
            raise ImproperlyConfigured(" ".join(problems))
        if Canary._meta.db_table in connection.introspection.table_names():
            plant()
    except DatabaseError as error:
        log.warning("The keys could not be checked: the database does not answer (%s).", type(error).__name__)
    finally:
        if not connection.in_atomic_block:
            connection.close()


def _sings(key_id: str, sealed: bytes) -> bool:
    try:
        return Ring.key_id(sealed) == key_id and ring().unseal(sealed, "canary", key_id) == _TEXT
    except SealError:
        return False
