"""System checks: `check` judges the form of PQ_KEYS, `migrate` and `check --database` compare it with the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from .canaries import key_problems
from .cipher import ring
from .models import Canary


@checks.register(checks.Tags.security)
def keys_are_well_formed(**_: Any) -> list[checks.CheckMessage]:
    """vault.E001: PQ_KEYS cannot be read as a ring of 32-byte keys."""
    try:
        ring()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), hint="Make a key with: openssl rand -hex 32", id="vault.E001")]
    return []


@checks.register(checks.Tags.database)
def keys_fit_the_data(databases: Sequence[str] | None = None, **_: Any) -> list[checks.CheckMessage]:
    """vault.E002: a key is not the one that sealed the data, or is missing while data needs it."""
    if not databases or "default" not in databases or keys_are_well_formed():
        return []
    try:
        return [checks.Error(problem, id="vault.E002") for problem in key_problems()]
    except DatabaseError as error:
        if _is_empty():
            return []
        return [checks.Warning(f"The keys could not be checked: {type(error).__name__}.", id="vault.W001")]


def _is_empty() -> bool:
    """Whether no migration has run yet: the application's roles are not there to ask as, and nothing is sealed."""
    database: Any = connection  # our own DatabaseWrapper
    if database.in_atomic_block:
        return False
    try:
        with database.as_owner():
            return Canary._meta.db_table not in database.introspection.table_names()
    except DatabaseError:
        return False
